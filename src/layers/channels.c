/* channels.c - channels put together and taken apart: concatenate, select.
 *
 *      concatenate     y = (x0's channels, x1's channels, ...)
 *      select          y = x's channels first .. first + count - 1
 *
 * Adjoint: each channel's gradient goes where the channel came from. */
#include <convis/kernel.h>

/* Elements of a frame of x and of y. */
typedef struct channels_args { int in, out; } channels_args;

#ifndef CONVIS_HOST

/* The n elements are a block of consecutive channels of one batch. */
CONVIS_KERNEL_OF(channels_args, channels_copy, IN x, OUT y)
{
    integer in = args.in, out = args.out;
    CONVIS_SCAN(i, t) y[t*out + i] = x[t*in + i];
}

CONVIS_KERNEL_OF(channels_args, channels_add, IN dy, OUT dx)
{
    integer in = args.in, out = args.out;
    CONVIS_SCAN(i, t) dx[t*in + i] += dy[t*out + i];
}

CONVIS_EXPORT(channels, CONVIS_ENTRY(channels_copy) CONVIS_ENTRY(channels_add))

#else
#include <convis/layer.h>

enum { FIRST, COUNT };
static const convis_field concatenate_params[] = { { 0 } };
static const convis_field select_params[] = {
    { "first", "1", 0, 0, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "first channel taken, from 0" },
    { "count", "1", 1, 1, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "how many" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

/* The channels of input j from x_first on, `block` elements of each batch, are those of the output from y_first on; or their gradients, backward. */
static void each_batch(convis_pass *p, int j, int64_t block, int64_t x_first, int64_t y_first, int backward)
{
    const channels_args args = { (int)convis_elements(p->in_shape[j]), (int)convis_elements(p->out_shape) };
    const int64_t batches = p->out_shape.dim[CONVIS_B], in = args.in/batches, out = args.out/batches;
    if (backward && !p->d_in[j]) return;
    for (int64_t b = 0; b < batches; b++) {
        void *x = backward ? p->d_in[j] + b*in + x_first : (void *)(uintptr_t)(p->in[j] + b*in + x_first);
        void *y = backward ? (void *)(uintptr_t)(p->d_out + b*out + y_first) : p->out + b*out + y_first;
        void *buffers[] = { backward ? y : x, backward ? x : y };
        convis_launch_with(p, backward ? "channels_add" : "channels_copy", block, p->frames, buffers, &args);
    }
}

/* ---- Concatenate ---- */

static convis_status concatenate_plan(convis_pass *p)
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

static void each_input(convis_pass *p, int backward)
{
    int64_t before = 0;
    for (int j = 0; j < p->inputs; j++) {
        const int64_t block = convis_elements(p->in_shape[j])/p->out_shape.dim[CONVIS_B];
        each_batch(p, j, block, 0, before, backward);
        before += block;
    }
}

static convis_status concatenate_forward(convis_pass *p) { each_input(p, 0); return CONVIS_OK; }
static convis_status concatenate_vjp(convis_pass *p)     { each_input(p, 1); return CONVIS_OK; }

/* One number must do for all channels: their mean. */
static double concatenate_baseline(const convis_pass *p, const double *x, double *state)
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

/* ---- Select ---- */

static convis_status select_plan(convis_pass *p)
{
    int64_t channels = p->in_shape[0].dim[CONVIS_C];
    if (p->param[FIRST] + p->param[COUNT] > (double)channels)
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: channels %g to %g, its input has %lld", p->path, p->param[FIRST],
                           p->param[FIRST] + p->param[COUNT] - 1, (long long)channels);
    p->out_shape.dim[CONVIS_C] = (int64_t)p->param[COUNT];
    return CONVIS_OK;
}

static void selected(convis_pass *p, int backward)
{
    const int64_t block = convis_elements(p->out_shape)/p->out_shape.dim[CONVIS_B];
    each_batch(p, 0, block, (int64_t)p->param[FIRST]*block/(int64_t)p->param[COUNT], 0, backward);
}

static convis_status select_forward(convis_pass *p) { selected(p, 0); return CONVIS_OK; }
static convis_status select_vjp(convis_pass *p)     { selected(p, 1); return CONVIS_OK; }

static double select_baseline(const convis_pass *p, const double *x, double *state)
{
    (void)p, (void)state;
    return x[0];
}

CONVIS_LAYER_KERNELS(channels)
const convis_layer_type convis_concatenate = {
    .abi = CONVIS_LAYER_ABI, .name = "concatenate", .doc = "the channels of its inputs, one after the other",
    .params = concatenate_params, .states = states, .inputs = CONVIS_MAX_INPUTS, .min_inputs = 2, .kernels = channels_kernels,
    .source = convis_channels_source, .plan = concatenate_plan, .forward = concatenate_forward, .vjp = concatenate_vjp, .device_capable = 1,
    .baseline = concatenate_baseline,
};
const convis_layer_type convis_select = {
    .abi = CONVIS_LAYER_ABI, .name = "select", .doc = "some of the channels of its input",
    .params = select_params, .states = states, .inputs = 1, .kernels = channels_kernels, .source = convis_channels_source,
    .plan = select_plan, .forward = select_forward, .vjp = select_vjp, .device_capable = 1, .baseline = select_baseline,
};
#endif
