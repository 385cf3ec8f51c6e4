/* blur.c - spatial blur of every frame, uniform or growing with eccentricity.
 *
 *      y[t] = B x[t]          B = columns (rows x): src/kernels/blur/blur.h has the equations of the three methods
 *
 * Adjoint: dx = B' dy; dsigma by the logarithm's, which src/kernels/blur/blur.h derives from one further step of the same blur. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL2(blur_copy, IN from, OUT to)
{
    CONVIS_PIXELS(i) to[i] = from[i];
}

CONVIS_KERNEL2(blur_add, IN from, OUT to)
{
    CONVIS_PIXELS(i) to[i] += from[i];
}

CONVIS_EXPORT(blur, CONVIS_ENTRY(blur_copy) CONVIS_ENTRY(blur_add))

#else
#include "kernels/blur/blur.h"

static const convis_field params[] = { CONVIS_BLUR_FIELDS, { 0 } };
static const convis_field states[] = { { 0 } };

/* scratch: in the backward pass a frame's gradient and a spare map, then the blur's. */
static convis_status plan(convis_pass *p)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    p->constants_size = convis_blur_size(w, h, convis_blur_varies(convis_blur_spec_of(p->param, 0)));
    p->scratch_size = convis_blur_scratch(p) + (p->recording ? 2*convis_map_size(p) : 0);
    return CONVIS_OK;
}

static convis_status prepare(convis_pass *p)
{
    convis_blur_spec s = convis_blur_spec_of(p->param, 0);
    convis_blur_prepare(p->constants, p->context, p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y], convis_blur_varies(s),
                        &s);
    return CONVIS_OK;
}

static double baseline(const convis_pass *p, const double *x, double *state) { (void)p; (void)state; return x[0]; }

static convis_status forward(convis_pass *p)
{
    int64_t planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C]*p->frames;
    convis_blur_run(p, p->constants, p->in[0], p->out, planes, p->scratch);
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape);
    convis_blur_back back = {
        .g = p->scratch, .dsigma = p->requires_gradient & 1 ? p->d_map : NULL, .scale = 1/p->param[0], .planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C],
        .spare = convis_map_of(p, 1), .scratch = convis_map_of(p, 2),
    };
    for (int t = p->frames - 1; t >= 0; t--) {
        void *dy = (void *)(uintptr_t)(p->d_out + t*n);
        back.x = p->in[0] + t*n;
        back.y = p->out + t*n;
        convis_blur_back_run(p, p->constants, &back, "blur_copy", (void *[]){ dy, back.g },
                             p->d_in[0] ? "blur_add" : NULL, (void *[]){ back.g, p->d_in[0] ? p->d_in[0] + t*n : NULL });
    }
    return CONVIS_OK;
}

CONVIS_LAYER_KERNELS(blur)
const convis_layer_type convis_blur_layer = {
    .abi = CONVIS_LAYER_ABI, .name = "blur", .doc = "spatial blur of a given standard deviation",
    .params = params, .states = states, .inputs = 1, .kernels = blur_kernels, .source = convis_blur_source,
    .plan = plan, .prepare = prepare, .baseline = baseline, .forward = forward, .vjp = vjp, .device_capable = 1,
    .capturable = 1,
};
#endif
