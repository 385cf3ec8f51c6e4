/* sum.c - the sum of two to four inputs of one shape.
 *
 *      y[t] = x0[t] + x1[t] (+ x2[t] + x3[t])
 *
 * Adjoint: dxj = dy. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL6(sum_forward, PARAM p, IN x0, IN x1, IN x2, IN x3, OUT y)
{
    if (x3) { CONVIS_SCAN(i, t) y[t*n + i] = ((x0[t*n + i] + x1[t*n + i]) + x2[t*n + i]) + x3[t*n + i]; }
    else if (x2) { CONVIS_SCAN(i, t) y[t*n + i] = (x0[t*n + i] + x1[t*n + i]) + x2[t*n + i]; }
    else { CONVIS_SCAN(i, t) y[t*n + i] = x0[t*n + i] + x1[t*n + i]; }
}

CONVIS_INLINE void sum_spread(IN dy, OUT dx, CONVIS_TAIL)
{
    if (dx) { CONVIS_SCAN(i, t) dx[t*n + i] += dy[t*n + i]; }
}

CONVIS_KERNEL12(sum_adjoint, PARAM p, IN x0, IN x1, IN x2, IN x3, IN y, IN dy, OUT dx0, OUT dx1, OUT dx2, OUT dx3, OUT dmap)
{
    sum_spread(dy, dx0, CONVIS_HANDED_ON);
    sum_spread(dy, dx1, CONVIS_HANDED_ON);
    sum_spread(dy, dx2, CONVIS_HANDED_ON);
    sum_spread(dy, dx3, CONVIS_HANDED_ON);
}

CONVIS_EXPORT(sum, CONVIS_ENTRY(sum_forward) CONVIS_ENTRY(sum_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = { { 0 } };
static const convis_field states[] = { { 0 } };

static double past(const convis_pass *p, const double *x, double *state)
{
    double sum = 0;
    (void)state;
    for (int k = 0; k < p->inputs; k++) sum += x[k];
    return sum;
}

CONVIS_LAYER_KERNELS(sum)
const convis_layer_type convis_sum = {
    .abi = CONVIS_LAYER_ABI, .name = "sum", .doc = "the sum of its inputs",
    .params = params, .states = states, .inputs = 4, .fewest = 2, .kernels = sum_kernels, .source = convis_sum_source,
    .instant = 1, .pointwise = "sum_forward", .adjoint = "sum_adjoint", .past = past,
};
#endif
