/* scale.c - a straight line: another unit, another zero.
 *
 *      y[t] = gain x[t] + offset
 *
 * Adjoint: dx = gain dy; dgain = x dy; doffset = dy. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL3(scale_forward, PARAM p, IN x, OUT y)
{
    real gain = p[0], offset = p[1];
    CONVIS_SCAN(i, t) y[t*n + i] = gain*x[t*n + i] + offset;
}

CONVIS_KERNEL6(scale_adjoint, PARAM p, IN x, IN y, IN dy, OUT dx, OUT dmap)
{
    real gain = p[0];
    CONVIS_SCAN(i, t) {
        real g = dy[t*n + i];
        dx[t*n + i] += gain*g;
        dmap[i] += x[t*n + i]*g;
        dmap[map_size + i] += g;
    }
}

CONVIS_EXPORT(scale, CONVIS_ENTRY(scale_forward) CONVIS_ENTRY(scale_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "gain",   "1", 1, -1e9, 1e9, 0, "factor on the input" },
    { "offset", "1", 0, -1e9, 1e9, 0, "added to it" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)state;
    return p->param[0]*x[0] + p->param[1];
}

CONVIS_LAYER_KERNELS(scale)
const convis_layer_type convis_scale = {
    .abi = CONVIS_LAYER_ABI, .name = "scale", .doc = "gain and offset",
    .params = params, .states = states, .inputs = 1, .kernels = scale_kernels, .source = convis_scale_source,
    .memoryless = 1, .pointwise = "scale_forward", .adjoint = "scale_adjoint", .baseline = baseline,
};
#endif
