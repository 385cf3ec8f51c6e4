/* lnfdlnf.c - a cascade whose two stages feed back on themselves, with a delay between them: L N F D L N F.
 *
 *      stage_1[t] = N(filter_1 x)[t] - (feedback_1 stage_1)[t-1]
 *      stage_2[t] = N(filter_2 D stage_1)[t] - (feedback_2 stage_2)[t-1]
 *
 * D delays every pixel by a time of its own. With `feedback` forward, feedback_k filters the output of N instead of the stage's own
 * output and is subtracted without delay, as in Convis, whose parameter files then mean the same.
 *
 * Sources: E. Real, H. Asari, T. Gollisch and M. Meister, Neural circuit inference from function to structure, Curr. Biol. 27:189-198
 * (2017); J. Huth, T. Masquelier and A. Arleo, Convis, Front. Neuroinform. 12:9 (2018). */
#include "preset.h"

static const struct convis_preset_option options[] = {
    { "feedback", "", "recurrent: of a stage's own output, a frame later; forward: of what its nonlinearity gives", 0, 0, 1, 1,
      "recurrent|forward" },
    { "readout", "", "rf: the second filter sees the whole frame; none: it is the same at every pixel", 0, 0, 1, 1, "none|rf" },
    { .name = NULL } };

static void stage(FILE *f, int k, int forward, int rf)
{
    fprintf(f, "  - {name: filter_%d, type: %s}\n", k, rf ? "rf, frames: 20" : "conv, frames: 20, height: 11, width: 11");
    fprintf(f, "  - {name: nonlinearity_%d, type: relu}\n", k);
    if (forward)
        fprintf(f, "  - {name: feedback_%d, type: conv, frames: 50, weights: 'exponential?tau=0.1&gain=0.5'}\n"
                   "  - {name: stage_%d, type: difference, inputs: [nonlinearity_%d, feedback_%d]}\n", k, k, k, k);
    else
        fprintf(f, "  - {name: stage_%d, type: difference, inputs: [nonlinearity_%d, {from: feedback_%d, delay: 1}]}\n"
                   "  - {name: feedback_%d, type: conv, frames: 50, weights: 'exponential?tau=0.1&gain=0.5'}\n", k, k, k, k);
}

static convis_status write(convis_context *c, FILE *f, const double *option)
{
    (void)c;
    fputs("title: a cascade with feedback and delays\nsource: Real et al. (2017)\ndt: 0.01\noutput: stage_2\nlayers:\n", f);
    stage(f, 1, option[0] > 0, 0);
    fputs("  - {name: delay, type: variable_delay, input: stage_1}\n", f);
    stage(f, 2, option[0] > 0, option[1] > 0);
    return CONVIS_OK;
}

const struct convis_preset convis_preset_lnfdlnf = {
    .name = "LNFDLNF", .doc = "a cascade of two stages with feedback and a delay for every pixel",
    .write = write, .option = options
};
