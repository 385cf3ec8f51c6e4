/* formula_run.c - formulas over the frames of a pass: on a processor block by block (formula_blocks.c), on other devices by
 * formula_on_device.c. */
#include "formula.h"
#include "engine/launch.h"

enum { SHARES = 32 };                    /* of sums; they do not depend on the number of threads */

/* Behind the formula: its programs for devices. */
static size_t own_size(void) { return (sizeof(convis_formula) + 63)/64*64; }
static convis_real *programs_of(const convis_formula *f) { return (convis_real *)(void *)((char *)(uintptr_t)f + own_size()); }

size_t convis_formula_size(const convis_formula *f) { return own_size() + (size_t)convis_formula_device_size(f)*sizeof(convis_real); }

size_t convis_formula_scratch(const convis_pass *p, const convis_formula *f)
{
    if (!convis_host_visible(p->context)) return (size_t)convis_formula_device_room(f)*sizeof(convis_real);
    return SHARES*(size_t)(f->backward.sums + 1)*sizeof(double);
}

void convis_formula_prepare(const convis_context *context, convis_formula *f)
{
    if (!convis_host_visible(context)) convis_formula_device_prepare(f, programs_of(f));
}

void convis_formula_forward(const convis_pass *p, const convis_formula *f)
{
    if (!convis_host_visible(p->context)) {
        convis_formula_device_forward(p, f, programs_of(f));
        return;
    }
    int64_t all = convis_elements(p->out_shape)*p->frames, from = convis_share(all, p->thread, p->threads);
    const convis_real *in[CONVIS_MAX_INPUTS] = { NULL };
    for (int j = 0; j < p->inputs; j++) in[j] = p->in[j] + from;
    convis_formula_blocks_of(p->context)->value(f, in, p->out + from, convis_share(all, p->thread + 1, p->threads) - from);
}

/* Inputs from one source with different delays add to the same frames: then a thread must add to its own pixels only. */
static void add_share(const convis_pass *p, const convis_formula *f, int share, int any, double *sums)
{
    int64_t n = convis_elements(p->out_shape), frames = p->inputs > 1 ? p->frames : 1, length = p->inputs > 1 ? n : n*p->frames;
    int64_t from = convis_share(length, share, SHARES), to = convis_share(length, share + 1, SHARES);
    for (int k = 0; k < f->backward.sums; k++) sums[k] = 0;
    for (int64_t t = 0; t < frames && from < to; t++) {
        const convis_real *in[CONVIS_MAX_INPUTS] = { NULL };
        convis_real *d_in[CONVIS_MAX_INPUTS] = { NULL };
        for (int j = 0; j < p->inputs; j++) {
            in[j] = p->in[j] + t*n + from;
            if (p->d_in[j]) d_in[j] = p->d_in[j] + t*n + from;
        }
        convis_formula_blocks_of(p->context)->gradient(f, in, p->d_out + t*n + from, d_in, any ? sums : NULL, to - from);
    }
}

void convis_formula_backward(const convis_pass *p, const convis_formula *f, convis_total *sums)
{
    const int count = f->backward.sums;
    double *parts = p->scratch;
    if (!convis_host_visible(p->context)) {
        convis_formula_device_backward(p, f, programs_of(f), sums);
        return;
    }
    for (int s = p->thread; s < SHARES; s += p->threads) add_share(p, f, s, sums != NULL, parts + (int64_t)s*count);
    convis_barrier(p);
    if (p->thread || !sums) return;
    for (int s = 0; s < SHARES; s++) for (int k = 0; k < count; k++) sums[k] += parts[(int64_t)s*count + k];
}
