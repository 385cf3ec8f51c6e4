/* product.c - the product of two inputs of one shape: multiplicative gain, correlation detectors.
 *
 *      y[t] = x0[t] x1[t]
 *
 * Adjoint: dx0 = x1 dy; dx1 = x0 dy. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL4(product_forward, PARAM p, IN x0, IN x1, OUT y)
{
    CONVIS_SCAN(i, t) y[t*n + i] = x0[t*n + i]*x1[t*n + i];
}

CONVIS_KERNEL8(product_adjoint, PARAM p, IN x0, IN x1, IN y, IN dy, OUT dx0, OUT dx1, OUT dmap)
{
    CONVIS_SCAN(i, t) {
        dx0[t*n + i] += x1[t*n + i]*dy[t*n + i];
        dx1[t*n + i] += x0[t*n + i]*dy[t*n + i];
    }
}

CONVIS_EXPORT(product, CONVIS_ENTRY(product_forward) CONVIS_ENTRY(product_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = { { 0 } };
static const convis_field states[] = { { 0 } };

static double past(const convis_pass *p, const double *x, double *state)
{
    (void)p, (void)state;
    return x[0]*x[1];
}

CONVIS_LAYER_KERNELS(product)
const convis_layer_type convis_product = {
    .abi = CONVIS_LAYER_ABI, .name = "product", .doc = "the product of its two inputs",
    .params = params, .states = states, .inputs = 2, .kernels = product_kernels, .source = convis_product_source,
    .instant = 1, .pointwise = "product_forward", .adjoint = "product_adjoint", .past = past,
};
#endif
