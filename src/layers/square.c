/* square.c - the square: what the quadrature pair of an energy model is put through (Adelson and Bergen 1985).
 *
 *      y[t] = gain x[t]^2
 *
 * Adjoint: dx = 2 gain x dy; dgain = x^2 dy. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL3(square_forward, PARAM p, IN x, OUT y)
{
    real gain = p[0];
    CONVIS_SCAN(i, t) y[t*n + i] = gain*(x[t*n + i]*x[t*n + i]);
}

CONVIS_KERNEL6(square_adjoint, PARAM p, IN x, IN y, IN dy, OUT dx, OUT dmap)
{
    real twice = 2*p[0];
    CONVIS_SCAN(i, t) {
        real u = x[t*n + i], g = u*dy[t*n + i];
        dx[t*n + i] += twice*g;
        dmap[i] += u*g;
    }
}

CONVIS_EXPORT(square, CONVIS_ENTRY(square_forward) CONVIS_ENTRY(square_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "gain", "1", 1, -1e9, 1e9, 0, "factor on the square" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)state;
    return p->param[0]*x[0]*x[0];
}

CONVIS_LAYER_KERNELS(square)
const convis_layer_type convis_square = {
    .abi = CONVIS_LAYER_ABI, .name = "square", .doc = "the square, times a gain",
    .params = params, .states = states, .inputs = 1, .kernels = square_kernels, .source = convis_square_source,
    .memoryless = 1, .pointwise = "square_forward", .adjoint = "square_adjoint", .baseline = baseline,
};
#endif
