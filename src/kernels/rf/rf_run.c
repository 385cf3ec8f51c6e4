/* rf_run.c - the receptive fields of rf.c, block by block of frames: on a processor by the layer's own kernels, on other devices by those
 * of rf_on_device.c. */
#include "rf.h"
#include "engine/launch.h"
#include <string.h>

/* Frames of a block, and rows with those of the history before it. */
void convis_rf_arrange(const convis_context *context, convis_rf_sizes *s)
{
    s->block = 2*s->taps < 64 ? 64 : 2*s->taps;
    s->preferred = s->block;
    s->rows = (s->block + s->taps - 1)*s->batches;
    if (!convis_host_visible(context)) {
        convis_rf_device_arrange(s);
        s->preferred = 2*s->taps;
    }
}

size_t convis_rf_scratch(const convis_rf_sizes *s, int recording)
{
    if (s->part) return convis_rf_device_scratch(s, recording);
    return (size_t)(s->rows*s->kernels + (recording ? s->kernels*s->size : 0))*sizeof(convis_real);
}

static void *address(const convis_real *v) { return (void *)(uintptr_t)v; }

void convis_rf_forward(const convis_pass *p, const convis_rf_memory *f)
{
    const convis_rf_sizes *s = f->s;
    convis_real *projection = p->scratch;
    if (s->part) { convis_rf_device_forward(p, f); return; }
    for (int64_t t = 0; t < p->frames; t += s->block) {
        const int64_t frames = p->frames - t < s->block ? p->frames - t : s->block, rows = (frames + s->taps - 1)*s->batches;
        const convis_real *x = p->in[0] + (t - (s->taps - 1))*s->batches*s->size;
        void *project[] = { address(f->weights), address(x), projection };
        void *gather[]  = { address(f->bias), projection, p->out + t*s->batches*s->outputs };
        convis_launch_with(p, "rf_project", rows*(s->kernels/RF_ROWS), 1, project, &f->shape);
        convis_launch_with(p, "rf_gather", s->batches*s->outputs, (int)frames, gather, &f->shape);
    }
}

/* ---- The backward pass ---- */

/* dP of the block's frames and of those before it; kernels that only fill the last group have none. */
static void spread(const convis_pass *p, const convis_rf_sizes *s, int64_t t0, int64_t frames, convis_real *dp)
{
    memset(dp, 0, (size_t)((frames + s->taps - 1)*s->batches*s->kernels)*sizeof *dp);
    for (int64_t t = 0; t < frames; t++)
        for (int64_t b = 0; b < s->batches; b++)
            for (int64_t o = 0; o < s->outputs; o++)
                for (int64_t j = 0; j < s->taps; j++)
                    dp[((t + j)*s->batches + b)*s->kernels + o*s->taps + j] = p->d_out[((t0 + t)*s->batches + b)*s->outputs + o];
}

/* From the kernels' order to that of the arrays, and through the factors. */
static void give(const convis_rf_memory *f, const convis_rf_gradients *d, const convis_real *dw)
{
    const convis_rf_sizes *s = f->s;
    for (int64_t o = 0; o < s->outputs; o++)
        for (int64_t j = 0; j < s->taps; j++)
            for (int64_t i = 0; i < s->inputs; i++)
                for (int64_t at = 0; at < s->plane; at++) {
                    const double g = (double)dw[(o*s->taps + j)*s->size + i*s->plane + at];
                    if (d->weights) d->weights[((o*s->inputs + i)*s->taps + j)*s->plane + at] += g;
                    if (d->space) d->space[o*s->plane + at] += g*f->feature_values[o*s->inputs + i];
                    if (d->features) d->features[o*s->inputs + i] += g*f->space_values[o*s->plane + at];
                }
}

void convis_rf_backward(const convis_pass *p, const convis_rf_memory *f, const convis_rf_gradients *d)
{
    const convis_rf_sizes *s = f->s;
    if (s->part) { convis_rf_device_backward(p, f, d); return; }
    convis_real *dp = p->scratch, *dw = dp + s->rows*s->kernels;
    const int requires_weights = d->weights || d->space || d->features;
    for (int64_t t = 0; t < p->frames; t += s->block) {
        const int64_t frames = p->frames - t < s->block ? p->frames - t : s->block, rows = (frames + s->taps - 1)*s->batches;
        const int64_t first = (t - (s->taps - 1))*s->batches*s->size;
        if (p->thread == 0) spread(p, s, t, frames, dp);
        convis_barrier(p);
        void *input[]   = { address(f->weights), dp, p->d_in[0] ? p->d_in[0] + first : NULL };
        void *fields[]  = { dp, address(p->in[0] + first), dw };
        if (p->d_in[0]) convis_launch_with(p, "rf_input", s->size, (int)rows, input, &f->shape);
        if (requires_weights) convis_launch_with(p, "rf_weights", s->size, (int)rows, fields, &f->shape);
    }
    if (p->thread) return;
    if (requires_weights) {
        give(f, d, dw);
        memset(dw, 0, (size_t)(s->kernels*s->size)*sizeof *dw);
    }
    for (int64_t i = 0; d->bias && i < p->frames*s->batches*s->outputs; i++) d->bias[i%s->outputs] += (double)p->d_out[i];
}
