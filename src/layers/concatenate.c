/* concatenate.c - the channels of two or more inputs, one after the other.
 *
 *      y = (x0's channels, x1's channels, ...)
 *
 * Adjoint: each channel's gradient goes where the channel came from. */
#include <convis/kernel.h>

/* Elements of a frame of x and of y. */
typedef struct concatenate_args { int in, out; } concatenate_args;

#ifndef CONVIS_HOST

/* The n elements are one batch's of x. */
CONVIS_KERNEL_OF(concatenate_args, concatenate_copy, IN x, OUT y)
{
    integer in = args.in, out = args.out;
    CONVIS_SCAN(i, t) y[t*out + i] = x[t*in + i];
}

CONVIS_KERNEL_OF(concatenate_args, concatenate_add, IN dy, OUT dx)
{
    integer in = args.in, out = args.out;
    CONVIS_SCAN(i, t) dx[t*in + i] += dy[t*out + i];
}

CONVIS_EXPORT(concatenate, CONVIS_ENTRY(concatenate_copy) CONVIS_ENTRY(concatenate_add))

#else
#include <convis/layer.h>

static const convis_field params[] = { { 0 } };
static const convis_field states[] = { { 0 } };

static convis_status plan(convis_pass *p)
{
    for (int k = 1; k < p->inputs; k++) {
        for (int d = 0; d < CONVIS_DIMS; d++)
            if (d != CONVIS_C && p->in_shape[k].dim[d] != p->in_shape[0].dim[d])
                return convis_fail(p->context, CONVIS_ESHAPE, "%s: its inputs are %lldx%lld and %lldx%lld pixels", p->path,
                    (long long)p->in_shape[0].dim[CONVIS_X], (long long)p->in_shape[0].dim[CONVIS_Y],
                    (long long)p->in_shape[k].dim[CONVIS_X], (long long)p->in_shape[k].dim[CONVIS_Y]);
        p->out_shape.dim[CONVIS_C] += p->in_shape[k].dim[CONVIS_C];
    }
    return CONVIS_OK;
}

/* Every batch of every input is one block of each frame of the output. */
static void each_block(convis_pass *p, const char *kernel, int back)
{
    int64_t batches = p->out_shape.dim[CONVIS_B], out = convis_elements(p->out_shape)/batches, before = 0;
    for (int j = 0; j < p->inputs; j++) {
        const concatenate_args args = { (int)convis_elements(p->in_shape[j]), (int)convis_elements(p->out_shape) };
        int64_t block = convis_elements(p->in_shape[j])/batches;
        for (int64_t b = 0; b < batches; b++) {
            void *y = back ? (void *)(uintptr_t)(p->d_out + b*out + before) : p->out + b*out + before;
            void *x = back ? p->d_in[j] + b*block : (void *)(uintptr_t)(p->in[j] + b*block);
            void *buffers[] = { back ? y : x, back ? x : y };
            if (!back || p->d_in[j]) convis_launch_with(p, kernel, block, p->frames, buffers, &args);
        }
        before += block;
    }
}

static void forward(convis_pass *p) { each_block(p, "concatenate_copy", 0); }
static void vjp(convis_pass *p)     { each_block(p, "concatenate_add", 1); }

/* One number must do for all channels: their mean. */
static double past(const convis_pass *p, const double *x, double *state)
{
    double sum = 0, channels = 0;
    (void)state;
    for (int k = 0; k < p->inputs; k++) {
        double c = (double)p->in_shape[k].dim[CONVIS_C];
        sum += c*x[k];
        channels += c;
    }
    return sum/channels;
}

CONVIS_LAYER_KERNELS(concatenate)
const convis_layer_type convis_concatenate = {
    .abi = CONVIS_LAYER_ABI, .name = "concatenate", .doc = "the channels of its inputs, one after the other",
    .params = params, .states = states, .inputs = CONVIS_MAX_INPUTS, .fewest = 2, .kernels = concatenate_kernels,
    .source = convis_concatenate_source, .plan = plan, .forward = forward, .vjp = vjp, .anywhere = 1, .past = past,
};
#endif
