/* crop.c - a window of every frame.
 *
 *      y[t][j][i] = x[t][top + j][left + i]
 *
 * Adjoint: dy put back into a frame of zeros. */
#include <convis/kernel.h>

/* Elements of a frame of the input, of one of its maps, its width; the window's place and size, the same of every map. */
typedef struct crop_args { int m, map, w, left, top, width, height; } crop_args;

#ifndef CONVIS_HOST

/* Where the window's element i lies in a frame of the input. */
CONVIS_INLINE integer crop_place(crop_args a, integer i)
{
    integer window = (integer)a.width*a.height;
    return i/window*a.map + (a.top + i%window/a.width)*a.w + a.left + i%a.width;
}

CONVIS_KERNEL_OF(crop_args, crop_forward, IN x, OUT y)
{
    integer m = args.m;
    CONVIS_SCAN(i, t) y[t*n + i] = x[t*m + crop_place(args, i)];
}

CONVIS_KERNEL_OF(crop_args, crop_back, IN dy, OUT dx)
{
    integer m = args.m;
    CONVIS_SCAN(i, t) dx[t*m + crop_place(args, i)] += dy[t*n + i];
}

CONVIS_EXPORT(crop, CONVIS_ENTRY(crop_forward) CONVIS_ENTRY(crop_back))

#else
#include <convis/layer.h>

enum { LEFT, TOP, WIDTH, HEIGHT };
static const convis_field params[] = {
    { "left",   "px", 0, 0, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "first column" },
    { "top",    "px", 0, 0, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "first row" },
    { "width",  "px", 1, 1, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "columns" },
    { "height", "px", 1, 1, 1e6, CONVIS_WHOLE | CONVIS_PLAN, "rows" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static convis_status plan(convis_pass *p)
{
    const int64_t *d = p->in_shape[0].dim;
    if (p->param[LEFT] + p->param[WIDTH] > (double)d[CONVIS_X] || p->param[TOP] + p->param[HEIGHT] > (double)d[CONVIS_Y])
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: a window of %gx%g pixels at (%g, %g) does not fit into %lldx%lld",
                           p->path, p->param[WIDTH], p->param[HEIGHT], p->param[LEFT], p->param[TOP], (long long)d[CONVIS_X],
                           (long long)d[CONVIS_Y]);
    p->out_shape.dim[CONVIS_Y] = (int64_t)p->param[HEIGHT];
    p->out_shape.dim[CONVIS_X] = (int64_t)p->param[WIDTH];
    return CONVIS_OK;
}

static crop_args args_of(const convis_pass *p)
{
    const int64_t *d = p->in_shape[0].dim;
    return (crop_args){ (int)convis_elements(p->in_shape[0]), (int)(d[CONVIS_Y]*d[CONVIS_X]), (int)d[CONVIS_X], (int)p->param[LEFT],
                        (int)p->param[TOP], (int)p->param[WIDTH], (int)p->param[HEIGHT] };
}

static double baseline(const convis_pass *p, const double *x, double *state) { (void)p; (void)state; return x[0]; }

static convis_status forward(convis_pass *p)
{
    const crop_args args = args_of(p);
    convis_launch_with(p, "crop_forward", convis_elements(p->out_shape), p->frames,
                       (void *[]){ (void *)(uintptr_t)p->in[0], p->out }, &args);
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    const crop_args args = args_of(p);
    if (p->d_in[0]) convis_launch_with(p, "crop_back", convis_elements(p->out_shape), p->frames,
                                       (void *[]){ (void *)(uintptr_t)p->d_out, p->d_in[0] }, &args);
    return CONVIS_OK;
}

CONVIS_LAYER_KERNELS(crop)
const convis_layer_type convis_crop = {
    .abi = CONVIS_LAYER_ABI, .name = "crop", .doc = "a window cut out of every frame",
    .params = params, .states = states, .inputs = 1, .kernels = crop_kernels, .source = convis_crop_source,
    .plan = plan, .baseline = baseline, .forward = forward, .vjp = vjp, .device_capable = 1,
};
#endif
