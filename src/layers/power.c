/* power.c - a rectifier raised to a power, as contrast is on its way to firing rate (Albrecht and Hamilton 1982).
 *
 *      u = max(x[t] - threshold, 0)
 *      y[t] = gain u^exponent                            exp(exponent log u); 0 where u is
 *
 * Adjoint, where u > 0: dx = exponent y/u dy; dthreshold = -dx; dexponent = y log u dy; dgain = u^exponent dy. Elsewhere nothing,
 * also at u = 0 for exponents of 1 or less. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

/* Below it, u counts as 0: nothing that could be measured, and a logarithm of normal numbers. */
#define POWER_LEAST R(1e-30)

CONVIS_KERNEL3(power_forward, PARAM p, IN x, OUT y)
{
    real threshold = p[0], exponent = p[1], gain = p[2];
    CONVIS_SCAN(i, t) {
        real u = x[t*n + i] - threshold, raised = gain*convis_exp(exponent*convis_log(convis_max(u, POWER_LEAST)));
        real value = u > POWER_LEAST ? raised : R(0.0);
        y[t*n + i] = u != u ? u : value;
    }
}

CONVIS_KERNEL6(power_adjoint, PARAM p, IN x, IN y, IN dy, OUT dx, OUT dmap)
{
    real threshold = p[0], exponent = p[1], gain = p[2];
    CONVIS_SCAN(i, t) {
        real u = x[t*n + i] - threshold, g = u > POWER_LEAST ? dy[t*n + i] : R(0.0);
        u = convis_max(u, POWER_LEAST);
        real l = convis_log(u), raised = convis_exp(exponent*l), slope = gain*exponent*convis_exp((exponent - 1)*l);
        dx[t*n + i] += slope*g;
        dmap[i] -= slope*g;
        dmap[map_size + i] += gain*raised*l*g;
        dmap[2*map_size + i] += raised*g;
    }
}

CONVIS_EXPORT(power, CONVIS_ENTRY(power_forward) CONVIS_ENTRY(power_adjoint))

#else
#include <convis/layer.h>
#include <math.h>

static const convis_field params[] = {
    { "threshold", "1", 0, -1e3, 1e3, 0, "input at which the output begins to rise" },
    { "exponent",  "1", 2, 0.01, 10, 0, "the power" },
    { "gain",      "1", 1, -1e6, 1e6, 0, "output at 1 above threshold" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)state;
    return x[0] > p->param[0] ? p->param[2]*pow(x[0] - p->param[0], p->param[1]) : 0;
}

CONVIS_LAYER_KERNELS(power)
const convis_layer_type convis_power = {
    .abi = CONVIS_LAYER_ABI, .name = "power", .doc = "a rectifier raised to a power",
    .params = params, .states = states, .inputs = 1, .kernels = power_kernels, .source = convis_power_source,
    .memoryless = 1, .pointwise = "power_forward", .adjoint = "power_adjoint", .baseline = baseline,
};
#endif
