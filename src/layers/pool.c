/* pool.c - mean or maximum over blocks of pixels.
 *
 *      y[b, c, j, i] = mean or max over x[b, c, j stride + 0..size-1, i stride + 0..size-1]
 *
 * Blocks that would reach beyond the map are left out. Adjoint: a mean's gradient is shared equally by its block, a
 * maximum's goes to the pixel that was it (of equals the first); each pixel gathers from the blocks that it is in. The
 * tape stores where in its block the maximum was; a mean needs none. */
#include <convis/kernel.h>

/* Block size, stride, widths and heights of input and output, 1 for the maximum. */
typedef struct pool_args { int size, stride, w, h, out_w, out_h, maximum; } pool_args;

#ifndef CONVIS_HOST

CONVIS_KERNEL_OF(pool_args, pool_forward, IN x, OUT y, TAPE tape)
{
    integer size = args.size, stride = args.stride, w = args.w, h = args.h;
    integer ow = args.out_w, oh = args.out_h;
    CONVIS_SCAN(i, t) {
        integer plane = i/(ow*oh), oy = i/ow % oh, ox = i % ow;
        integer at = (t*(n/(ow*oh)) + plane)*w*h + oy*stride*w + ox*stride;
        real sum = 0, most = x[at], where = 0;
        for (integer dy = 0; dy < size; dy++)
            for (integer dx = 0; dx < size; dx++) {
                real v = x[at + dy*w + dx];
                sum += v;
                where = v > most ? (real)(dy*size + dx) : where;
                most = v > most ? v : most;
            }
        y[t*n + i] = args.maximum ? most : sum/(real)(size*size);
        if (tape) tape[t*n + i] = where;
    }
}

CONVIS_KERNEL_OF(pool_args, pool_adjoint, TAPE tape, IN dy, OUT dx)
{
    integer size = args.size, stride = args.stride, w = args.w, h = args.h;
    integer ow = args.out_w, oh = args.out_h;
    real share = 1/(real)(size*size);
    CONVIS_SCAN(i, t) {
        integer plane = i/(w*h), y = i/w % h, x = i % w, base = (t*(n/(w*h)) + plane)*ow*oh;
        integer top = y < size ? 0 : (y - size)/stride + 1, bottom = y/stride < oh ? y/stride : oh - 1;
        integer left = x < size ? 0 : (x - size)/stride + 1, right = x/stride < ow ? x/stride : ow - 1;
        real g = 0;
        for (integer j = top; j <= bottom; j++)
            for (integer q = left; q <= right; q++) {
                integer at = base + j*ow + q, where = (y - j*stride)*size + x - q*stride;
                g += args.maximum ? ((integer)tape[at] == where ? dy[at] : R(0.0)) : share*dy[at];
            }
        dx[t*n + i] += g;
    }
}

CONVIS_EXPORT(pool, CONVIS_ENTRY(pool_forward) CONVIS_ENTRY(pool_adjoint))

#else
#include <convis/layer.h>

enum { SIZE, STRIDE, MAXIMUM };
static const convis_field params[] = {
    { "size",    "px", 2, 1, 1000, CONVIS_WHOLE | CONVIS_PLAN, "width and height of a block" },
    { "stride",  "px", 0, 0, 1000, CONVIS_WHOLE | CONVIS_PLAN, "from block to block; 0: size" },
    { "maximum", "off|on", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN, "on: the largest of a block; off: its mean" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static convis_status plan(convis_pass *p)
{
    int64_t size = (int64_t)p->param[SIZE], stride = p->param[STRIDE] > 0 ? (int64_t)p->param[STRIDE] : size;
    for (int d = CONVIS_Y; d <= CONVIS_X; d++) {
        if (p->in_shape[0].dim[d] < size)
            return convis_fail(p->context, CONVIS_ESHAPE, "%s.size: blocks of %lld pixels, its input is %lldx%lld", p->path,
                               (long long)size, (long long)p->in_shape[0].dim[CONVIS_X], (long long)p->in_shape[0].dim[CONVIS_Y]);
        p->out_shape.dim[d] = (p->in_shape[0].dim[d] - size)/stride + 1;
    }
    if (!(p->param[MAXIMUM] > 0)) p->tape_shape[0] = convis_movie_shape(1, 1, 1);
    return CONVIS_OK;
}

static pool_args args_of(const convis_pass *p)
{
    const int64_t *in = p->in_shape[0].dim, *out = p->out_shape.dim;
    return (pool_args){ (int)p->param[SIZE], (int)(p->param[STRIDE] > 0 ? p->param[STRIDE] : p->param[SIZE]), (int)in[CONVIS_X],
                        (int)in[CONVIS_Y], (int)out[CONVIS_X], (int)out[CONVIS_Y], p->param[MAXIMUM] > 0 };
}

static convis_real *tape_of(const convis_pass *p) { return p->param[MAXIMUM] > 0 ? p->tape[0] : NULL; }

static convis_status forward(convis_pass *p)
{
    const pool_args args = args_of(p);
    void *buffers[] = { (void *)(uintptr_t)p->in[0], p->out, tape_of(p) };
    convis_launch_with(p, "pool_forward", convis_elements(p->out_shape), p->frames, buffers, &args);
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    const pool_args args = args_of(p);
    void *buffers[] = { tape_of(p), (void *)(uintptr_t)p->d_out, p->d_in[0] };
    if (p->d_in[0]) convis_launch_with(p, "pool_adjoint", convis_elements(p->in_shape[0]), p->frames, buffers, &args);
    return CONVIS_OK;
}

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)p, (void)state;
    return x[0];
}

CONVIS_LAYER_KERNELS(pool)
const convis_layer_type convis_pool = {
    .abi = CONVIS_LAYER_ABI, .name = "pool", .doc = "mean or maximum over blocks of pixels",
    .params = params, .states = states, .inputs = 1, .tape = 1, .kernels = pool_kernels, .source = convis_pool_source,
    .plan = plan, .forward = forward, .vjp = vjp, .device_capable = 1, .baseline = baseline,
};
#endif
