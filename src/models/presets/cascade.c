/* cascade.c - cascades of linear filters and static nonlinearities: L, LN, LNLN and longer.
 *
 *      L        input -> filter
 *      LN       input -> filter -> nonlinearity
 *      LNLN     input -> filter_1 -> nonlinearity_1 -> filter_2 -> nonlinearity_2 ...
 *
 * With `readout` rf the last filter is one receptive field over the whole frame, with one number a frame as output; without, it
 * is the same at every pixel.
 *
 * Sources: E. de Boer and P. Kuyper, Triggered correlation, IEEE Trans. Biomed. Eng. 15:169-179 (1968); E. J. Chichilnisky, A
 * simple white noise analysis of neuronal light responses, Network 12:199-213 (2001); M. J. Korenberg and I. W. Hunter, The
 * identification of nonlinear biological systems: LNL cascade models, Biol. Cybern. 55:125-134 (1986). */
#include "preset.h"

#define READOUT { "readout", "", "rf: the last filter sees the whole frame; none: it is the same at every pixel", 0, 0, 1, 1, "none|rf" }
#define NONLINEARITY { "nonlinearity", "", "after each filter", 0, 0, 5, 1, "relu|softplus|exponential|square|power|sigmoid" }

static const char *const NONLINEARITIES[] = { "relu", "softplus", "exponential", "square", "power", "sigmoid" };

/* number 0: the only one of its kind. */
static void filter(FILE *f, int number, int rf)
{
    fputs("  - {name: filter", f);
    if (number) fprintf(f, "_%d", number);
    fputs(rf ? ", type: rf, frames: 20}\n" : ", type: conv, frames: 20, height: 11, width: 11}\n", f);
}

static void nonlinearity(FILE *f, int number, double kind)
{
    fputs("  - {name: nonlinearity", f);
    if (number) fprintf(f, "_%d", number);
    fprintf(f, ", type: %s}\n", NONLINEARITIES[(int)kind]);
}

static const struct convis_preset_option l_options[] = { READOUT, { .name = NULL } };
static convis_status write_l(convis_context *c, FILE *f, const double *option)
{
    (void)c;
    fputs("title: a linear filter\nsource: de Boer and Kuyper (1968)\ndt: 0.01\nlayers:\n", f);
    filter(f, 0, option[0] > 0);
    return CONVIS_OK;
}

static const struct convis_preset_option ln_options[] = { READOUT, NONLINEARITY, { .name = NULL } };
static convis_status write_ln(convis_context *c, FILE *f, const double *option)
{
    (void)c;
    fputs("title: a linear filter and a static nonlinearity\nsource: Chichilnisky (2001)\ndt: 0.01\nlayers:\n", f);
    filter(f, 0, option[0] > 0);
    nonlinearity(f, 0, option[1]);
    return CONVIS_OK;
}

static const struct convis_preset_option lnln_options[] = {
    { "stages", "", "filters, each with its nonlinearity", 2, 1, 8, 1, NULL }, READOUT, NONLINEARITY, { .name = NULL } };
static convis_status write_lnln(convis_context *c, FILE *f, const double *option)
{
    (void)c;
    fputs("title: a cascade of linear filters and static nonlinearities\n"
          "source: Korenberg and Hunter (1986)\ndt: 0.01\nlayers:\n", f);
    for (int k = 1; k <= (int)option[0]; k++) {
        filter(f, k, k == (int)option[0] && option[1] > 0);
        nonlinearity(f, k, option[2]);
    }
    return CONVIS_OK;
}

const struct convis_preset convis_preset_l = {
    .name = "L", .doc = "a linear filter in space and time",
    .write = write_l, .option = l_options
};
const struct convis_preset convis_preset_ln = {
    .name = "LN", .doc = "a linear filter and a static nonlinearity",
    .write = write_ln, .option = ln_options
};
const struct convis_preset convis_preset_lnln = {
    .name = "LNLN", .doc = "a cascade of as many filters and nonlinearities as `stages` says",
    .write = write_lnln, .option = lnln_options
};
