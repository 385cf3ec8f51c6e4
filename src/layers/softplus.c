/* softplus.c - a rectifier with a round corner.
 *
 *      u = sharpness (x[t] - threshold)
 *      y[t] = gain log(1 + exp u)/sharpness              about gain (x - threshold) far above threshold, gain log 2/sharpness there
 *
 * Calculated as max(u, 0) + log(1 + exp -|u|), which neither overflows nor loses its digits where y is small.
 * Adjoint, s = 1/(1 + exp -u), z = y/gain:
 *      dx = gain s dy; dthreshold = -gain s dy; dsharpness = gain ((x - threshold) s - z)/sharpness dy; dgain = z dy */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

/* log(1 + exp u). The logarithm of a rounded sum, and what rounding took away. */
CONVIS_INLINE real softplus_of(real u)
{
    real e = convis_exp(u < 0 ? u : -u), w = 1 + e;
    return (u < 0 ? R(0.0) : u) + (convis_log(w) + (e - (w - 1))/w);
}

CONVIS_KERNEL3(softplus_forward, PARAM p, IN x, OUT y)
{
    real threshold = p[0], sharpness = p[1], factor = p[2]/sharpness;
    CONVIS_SCAN(i, t) y[t*n + i] = factor*softplus_of(sharpness*(x[t*n + i] - threshold));
}

CONVIS_KERNEL6(softplus_adjoint, PARAM p, IN x, IN y, IN dy, OUT dx, OUT dmap)
{
    real threshold = p[0], sharpness = p[1], gain = p[2], per = 1/sharpness;
    CONVIS_SCAN(i, t) {
        real v = x[t*n + i] - threshold, u = sharpness*v, s = 1/(1 + convis_exp(-u)), z = per*softplus_of(u), g = dy[t*n + i];
        dx[t*n + i] += gain*s*g;
        dmap[i] -= gain*s*g;
        dmap[map_size + i] += gain*per*(v*s - z)*g;
        dmap[2*map_size + i] += z*g;
    }
}

CONVIS_EXPORT(softplus, CONVIS_ENTRY(softplus_forward) CONVIS_ENTRY(softplus_adjoint))

#else
#include <convis/layer.h>
#include <math.h>

static const convis_field params[] = {
    { "threshold", "1", 0, -1e6, 1e6, 0, "input at the bend" },
    { "sharpness", "1", 1, 1e-3, 1e6, 0, "of the bend, per unit of input" },
    { "gain",      "1", 1, -1e6, 1e6, 0, "slope far above threshold" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    double sharpness = p->param[1], u = sharpness*(x[0] - p->param[0]);
    (void)state;
    return p->param[2]/sharpness*(fmax(u, 0) + log1p(exp(-fabs(u))));
}

CONVIS_LAYER_KERNELS(softplus)
const convis_layer_type convis_softplus = {
    .abi = CONVIS_LAYER_ABI, .name = "softplus", .doc = "a smooth rectifier",
    .params = params, .states = states, .inputs = 1, .kernels = softplus_kernels, .source = convis_softplus_source,
    .memoryless = 1, .pointwise = "softplus_forward", .adjoint = "softplus_adjoint", .baseline = baseline,
};
#endif
