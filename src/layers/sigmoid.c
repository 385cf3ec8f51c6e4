/* sigmoid.c - the logistic function: rises from nothing to its maximum around threshold.
 *
 *      u = slope (x[t] - threshold)
 *      y[t] = maximum/(1 + exp -u)
 *
 * Adjoint, e = exp -|u|, s' = e/(1 + e)^2 (the slope at u without the loss of 1 - y), q = maximum s' dy:
 *      dx = slope q; dthreshold = -slope q; dslope = (x - threshold) q; dmaximum = dy/(1 + exp -u) */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL3(sigmoid_forward, PARAM p, IN x, OUT y)
{
    real threshold = p[0], slope = p[1], maximum = p[2];
    CONVIS_SCAN(i, t) {
        real u = slope*(x[t*n + i] - threshold), s = maximum/(1 + convis_exp(-u));
        y[t*n + i] = u != u ? u : s;
    }
}

CONVIS_KERNEL6(sigmoid_adjoint, PARAM p, IN x, IN y, IN dy, OUT dx, OUT dmap)
{
    real threshold = p[0], slope = p[1], maximum = p[2];
    CONVIS_SCAN(i, t) {
        real v = x[t*n + i] - threshold, u = slope*v, e = convis_exp(u < 0 ? u : -u), s = 1/(1 + e), g = dy[t*n + i];
        real q = maximum*(e*s*s)*g;
        dx[t*n + i] += slope*q;
        dmap[i] -= slope*q;
        dmap[map_size + i] += v*q;
        dmap[2*map_size + i] += (u < 0 ? e*s : s)*g;
    }
}

CONVIS_EXPORT(sigmoid, CONVIS_ENTRY(sigmoid_forward) CONVIS_ENTRY(sigmoid_adjoint))

#else
#include <convis/layer.h>
#include <math.h>

static const convis_field params[] = {
    { "threshold", "1", 0, -1e6, 1e6, 0, "input at which half of the maximum is reached" },
    { "slope",     "1", 1, -1e6, 1e6, 0, "steepness, per unit of input; there the output rises by slope maximum/4" },
    { "maximum",   "1", 1, -1e6, 1e6, 0, "output far above threshold" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)state;
    return p->param[2]/(1 + exp(-p->param[1]*(x[0] - p->param[0])));
}

CONVIS_LAYER_KERNELS(sigmoid)
const convis_layer_type convis_sigmoid = {
    .abi = CONVIS_LAYER_ABI, .name = "sigmoid", .doc = "the logistic function",
    .params = params, .states = states, .inputs = 1, .kernels = sigmoid_kernels, .source = convis_sigmoid_source,
    .memoryless = 1, .pointwise = "sigmoid_forward", .adjoint = "sigmoid_adjoint", .baseline = baseline,
};
#endif
