/* select.c - some of the channels of an input.
 *
 *      y = x's channels first .. first + count - 1
 *
 * Adjoint: the gradient of those channels; of the others, nothing. */
#include <convis/kernel.h>

/* Elements of a frame of x and of y. */
typedef struct select_args { int in, out; } select_args;

#ifndef CONVIS_HOST

/* The n elements are one batch's of y. */
CONVIS_KERNEL_OF(select_args, select_copy, IN x, OUT y)
{
    integer in = args.in, out = args.out;
    CONVIS_SCAN(i, t) y[t*out + i] = x[t*in + i];
}

CONVIS_KERNEL_OF(select_args, select_add, IN dy, OUT dx)
{
    integer in = args.in, out = args.out;
    CONVIS_SCAN(i, t) dx[t*in + i] += dy[t*out + i];
}

CONVIS_EXPORT(select, CONVIS_ENTRY(select_copy) CONVIS_ENTRY(select_add))

#else
#include <convis/layer.h>

enum { FIRST, COUNT };
static const convis_field params[] = {
    { "first", "1", 0, 0, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "first channel taken, from 0" },
    { "count", "1", 1, 1, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "how many" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static convis_status plan(convis_pass *p)
{
    int64_t channels = p->in_shape[0].dim[CONVIS_C];
    if (p->param[FIRST] + p->param[COUNT] > (double)channels)
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: channels %g to %g, its input has %lld", p->path, p->param[FIRST],
                           p->param[FIRST] + p->param[COUNT] - 1, (long long)channels);
    p->out_shape.dim[CONVIS_C] = (int64_t)p->param[COUNT];
    return CONVIS_OK;
}

static void each_block(convis_pass *p, const char *kernel, int back)
{
    int64_t batches = p->out_shape.dim[CONVIS_B], in = convis_elements(p->in_shape[0])/batches, out = convis_elements(p->out_shape)/batches;
    const select_args args = { (int)convis_elements(p->in_shape[0]), (int)convis_elements(p->out_shape) };
    int64_t before = (int64_t)p->param[FIRST]*out/(int64_t)p->param[COUNT];
    for (int64_t b = 0; b < batches; b++) {
        void *x = back ? p->d_in[0] + b*in + before : (void *)(uintptr_t)(p->in[0] + b*in + before);
        void *y = back ? (void *)(uintptr_t)(p->d_out + b*out) : p->out + b*out;
        void *buffers[] = { back ? y : x, back ? x : y };
        convis_launch_with(p, kernel, out, p->frames, buffers, &args);
    }
}

static void forward(convis_pass *p) { each_block(p, "select_copy", 0); }
static void vjp(convis_pass *p)     { if (p->d_in[0]) each_block(p, "select_add", 1); }

static double past(const convis_pass *p, const double *x, double *state)
{
    (void)p, (void)state;
    return x[0];
}

CONVIS_LAYER_KERNELS(select)
const convis_layer_type convis_select = {
    .abi = CONVIS_LAYER_ABI, .name = "select", .doc = "some of the channels of its input",
    .params = params, .states = states, .inputs = 1, .kernels = select_kernels, .source = convis_select_source,
    .plan = plan, .forward = forward, .vjp = vjp, .anywhere = 1, .past = past,
};
#endif
