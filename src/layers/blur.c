/* blur.c - spatial blur of every frame, uniform or growing with eccentricity.
 *
 *      y[t] = B x[t]          B = columns (rows x): src/kernels/blur.h has the equations of the three methods
 *
 * Adjoint: dx = B' dy, rows after columns; each line's solve is transposed: back substitution, then elimination. dsigma by
 * differentiating the line's tridiagonal system: (I - L D) u = x gives dL (I - L D)^-1 D u. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_EXPORT(blur, )

#else
#include "../kernels/blur.h"

static const convis_field params[] = { CONVIS_BLUR_FIELDS, { 0 } };
static const convis_field states[] = { { 0 } };

static convis_status plan(convis_pass *p)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    p->constants_size = convis_blur_size(w, h, convis_blur_varies(convis_blur_spec_of(p->param, 0)));
    p->scratch_size = convis_blur_scratch(w, h, p->threads);
    return CONVIS_OK;
}

static convis_status prepare(convis_pass *p)
{
    convis_blur_spec s = convis_blur_spec_of(p->param, 0);
    convis_blur_prepare(p->constants, p->context, p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y], convis_blur_varies(s), &s);
    return CONVIS_OK;
}

static double past(const convis_pass *p, const double *x, double *state) { (void)p; (void)state; return x[0]; }

static void forward(convis_pass *p)
{
    int64_t planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C]*p->frames;
    convis_blur_run(p, p->constants, p->in[0], p->out, planes, p->scratch);
}

CONVIS_LAYER_KERNELS(blur)
const convis_layer_type convis_blur_layer = {
    .abi = CONVIS_LAYER_ABI, .name = "blur", .doc = "spatial blur of a given standard deviation",
    .params = params, .states = states, .inputs = 1, .kernels = blur_kernels, .source = convis_blur_source,
    .plan = plan, .prepare = prepare, .past = past, .forward = forward,
};
#endif
