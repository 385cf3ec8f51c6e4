/* relu.c - a hard rectifier.
 *
 *      y[t] = slope max(x[t] - threshold, 0)
 *
 * Adjoint, where x > threshold: dx = slope dy; dthreshold = -slope dy; dslope = (x - threshold) dy. Elsewhere, the corner
 * included, nothing. (The retina's smooth rectifying synapse is rectify.c.) */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL3(relu_forward, PARAM p, IN x, OUT y)
{
    real threshold = p[0], slope = p[1];
    CONVIS_SCAN(i, t) {
        real u = x[t*n + i] - threshold;
        y[t*n + i] = slope*(u < 0 ? R(0.0) : u);
    }
}

CONVIS_KERNEL6(relu_adjoint, PARAM p, IN x, IN y, IN dy, OUT dx, OUT dmap)
{
    real threshold = p[0], slope = p[1];
    CONVIS_SCAN(i, t) {
        real u = x[t*n + i] - threshold, g = u > 0 ? dy[t*n + i] : R(0.0);
        dx[t*n + i] += slope*g;
        dmap[i] -= slope*g;
        dmap[map_size + i] += u > 0 ? u*g : R(0.0);
    }
}

CONVIS_EXPORT(relu, CONVIS_ENTRY(relu_forward) CONVIS_ENTRY(relu_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "threshold", "1", 0, -1e6, 1e6, 0, "input at which the output begins to rise" },
    { "slope",     "1", 1, -1e6, 1e6, 0, "slope beyond it" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)state;
    return x[0] > p->param[0] ? p->param[1]*(x[0] - p->param[0]) : 0;
}

CONVIS_LAYER_KERNELS(relu)
const convis_layer_type convis_relu = {
    .abi = CONVIS_LAYER_ABI, .name = "relu", .doc = "a hard rectifier",
    .params = params, .states = states, .inputs = 1, .kernels = relu_kernels, .source = convis_relu_source,
    .memoryless = 1, .pointwise = "relu_forward", .adjoint = "relu_adjoint", .baseline = baseline,
};
#endif
