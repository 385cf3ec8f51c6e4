/* rf_on_device.c - the receptive fields of rf.c on a device: the kernels of rf_gpu.c, block by block. */
#include "rf.h"
#include "engine/launch.h"

CONVIS_GPU_TEXT(rf_gpu)

enum { GROUP_SIZE = RF_GROUP, TILE = RF_TILE, EIGHT = RF_EIGHT, BLOCK = 256, LEAST_PART = 512, PARTS = 1 << 23 };

/* Parts depend on nothing but sizes, so that a sum is always made in the same order. */
void convis_rf_device_arrange(convis_rf_sizes *s)
{
    if (s->block < BLOCK) s->block = BLOCK;
    s->rows = (s->block + s->taps - 1)*s->batches;
    s->part = LEAST_PART;
    do s->parts = (s->size + s->part - 1)/s->part;
    while (s->parts > 1 && s->rows*s->kernels*s->parts > PARTS && (s->part *= 2));
}

/* Projections or their gradients; then parts, or gradients of kernels that factors share. */
size_t convis_rf_device_scratch(const convis_rf_sizes *s, int recording)
{
    int64_t rest = s->rows*s->kernels*s->parts;
    if (recording && s->factorised && s->kernels*s->size > rest) rest = s->kernels*s->size;
    return (size_t)(s->rows*s->kernels + rest)*sizeof(convis_real);
}

static void *address(const convis_real *v) { return (void *)(uintptr_t)v; }
static int64_t in_all(int64_t n, int64_t each) { return (n + each - 1)/each; }

static void run(const convis_pass *p, const char *kernel, int64_t n, int64_t frames, void *const *buffers, const rf_shape *shape,
                int64_t groups)
{
    convis_launch_text(p, &rf_gpu_text, kernel, n, (int)frames, buffers, shape, groups, GROUP_SIZE);
}

void convis_rf_device_forward(const convis_pass *p, const convis_rf_memory *f)
{
    const convis_rf_sizes *s = f->s;
    convis_real *projection = p->scratch, *parts = projection + s->rows*s->kernels;
    for (int64_t t = 0; t < p->frames; t += s->block) {
        const int64_t frames = p->frames - t < s->block ? p->frames - t : s->block, rows = (frames + s->taps - 1)*s->batches;
        const convis_real *x = p->in[0] + (t - (s->taps - 1))*s->batches*s->size;
        run(p, "rf_gpu_project", rows, 1, (void *[]){ address(f->weights), address(x), parts }, &f->shape,
            in_all(s->kernels, TILE)*in_all(rows, TILE)*s->parts);
        run(p, "rf_gpu_join", rows*s->kernels, s->parts, (void *[]){ parts, projection }, NULL, 0);
        run(p, "rf_gpu_gather", frames*s->batches*s->outputs, 1,
            (void *[]){ address(f->bias), projection, p->out + t*s->batches*s->outputs }, &f->shape, 0);
    }
}

void convis_rf_device_backward(const convis_pass *p, const convis_rf_memory *f, const convis_rf_gradients *d)
{
    convis_total *const d_weights = d->weights, *const d_bias = d->bias, *const d_space = d->space,
                        *const d_features = d->features;
    const convis_rf_sizes *s = f->s;
    convis_real *dp = p->scratch, *dw = dp + s->rows*s->kernels;
    for (int64_t t = 0; t < p->frames; t += s->block) {
        const int64_t frames = p->frames - t < s->block ? p->frames - t : s->block, rows = (frames + s->taps - 1)*s->batches;
        const int64_t first = (t - (s->taps - 1))*s->batches*s->size;
        run(p, "rf_gpu_spread", rows*s->kernels, frames, (void *[]){ address(p->d_out + t*s->batches*s->outputs), dp },
            &f->shape, 0);
        if (p->d_in[0])
            run(p, "rf_gpu_input", s->size*in_all(rows, EIGHT), rows, (void *[]){ address(f->weights), dp, p->d_in[0] + first },
                &f->shape, 0);
        if (!d_weights && !d_space && !d_features) continue;
        run(p, "rf_gpu_weights", s->size*in_all(s->kernels, EIGHT), rows,
            (void *[]){ dp, address(p->in[0] + first), dw, d_weights }, &f->shape, 0);
        if (d_space)
            run(p, "rf_gpu_space", s->outputs*s->plane, 1, (void *[]){ address(f->features), dw, d_space }, &f->shape, 0);
        if (d_features)
            run(p, "rf_gpu_features", 0, 1, (void *[]){ address(f->space), dw, d_features }, &f->shape, s->outputs*s->inputs);
    }
    if (d_bias) run(p, "rf_gpu_bias", s->outputs, p->frames*s->batches, (void *[]){ address(p->d_out), d_bias }, NULL, 0);
}
