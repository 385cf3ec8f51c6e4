/* exponential.c - the exponential: the rate of a generalised linear model.
 *
 *      y[t] = exp(gain x[t] + offset)                    the exponent limited to -80 .. 80, which single precision holds
 *
 * Adjoint, within: dx = gain y dy; dgain = x y dy; doffset = y dy. Beyond it, nothing. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL3(exponential_forward, PARAM p, IN x, OUT y)
{
    real gain = p[0], offset = p[1];
    CONVIS_SCAN(i, t) {
        real u = gain*x[t*n + i] + offset, e = convis_exp(convis_max(convis_min(u, R(80.0)), R(-80.0)));
        y[t*n + i] = u != u ? u : e;
    }
}

CONVIS_KERNEL6(exponential_adjoint, PARAM p, IN x, IN y, IN dy, OUT dx, OUT dmap)
{
    real gain = p[0], offset = p[1];
    CONVIS_SCAN(i, t) {
        real v = x[t*n + i], u = gain*v + offset, g = u*u < R(6400.0) ? y[t*n + i]*dy[t*n + i] : R(0.0);
        dx[t*n + i] += gain*g;
        dmap[i] += v*g;
        dmap[map_size + i] += g;
    }
}

CONVIS_EXPORT(exponential, CONVIS_ENTRY(exponential_forward) CONVIS_ENTRY(exponential_adjoint))

#else
#include <convis/layer.h>
#include <math.h>

static const convis_field params[] = {
    { "gain",   "1", 1, -1e6, 1e6, 0, "factor on the input" },
    { "offset", "1", 0, -80, 80, 0, "logarithm of the output at input 0" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)state;
    return exp(fmax(fmin(p->param[0]*x[0] + p->param[1], 80), -80));
}

CONVIS_LAYER_KERNELS(exponential)
const convis_layer_type convis_exponential = {
    .abi = CONVIS_LAYER_ABI, .name = "exponential", .doc = "the exponential of gain times input plus offset",
    .params = params, .states = states, .inputs = 1, .kernels = exponential_kernels, .source = convis_exponential_source,
    .memoryless = 1, .pointwise = "exponential_forward", .adjoint = "exponential_adjoint", .baseline = baseline,
};
#endif
