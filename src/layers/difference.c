/* difference.c - one input minus another: centre minus surround.
 *
 *      y[t] = x0[t] - x1[t]
 *
 * Adjoint: dx0 = dy; dx1 = -dy. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL4(difference_forward, PARAM p, IN x0, IN x1, OUT y)
{
    CONVIS_SCAN(i, t) y[t*n + i] = x0[t*n + i] - x1[t*n + i];
}

CONVIS_KERNEL8(difference_adjoint, PARAM p, IN x0, IN x1, IN y, IN dy, OUT dx0, OUT dx1, OUT dmap)
{
    CONVIS_SCAN(i, t) {
        dx0[t*n + i] += dy[t*n + i];
        dx1[t*n + i] -= dy[t*n + i];
    }
}

CONVIS_EXPORT(difference, CONVIS_ENTRY(difference_forward) CONVIS_ENTRY(difference_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "settled", "off|on", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS, "on: its baseline follows from its inputs'; off: it is 0" }, { 0 }
};
static const convis_field states[] = { { 0 } };
static const convis_field ins[] = { { "input", "", 0, 0, 0, 0, "x0" },
                                    { "minus", "", 0, 0, 0, 0, "x1, which is taken off" },
                                    { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)state;
    return p->param[0] > 0 ? x[0] - x[1] : 0;
}

CONVIS_LAYER_KERNELS(difference)
const convis_layer_type convis_difference = {
    .abi = CONVIS_LAYER_ABI, .name = "difference", .doc = "first input minus the second",
    .params = params, .states = states, .inputs = 2, .ins = ins, .kernels = difference_kernels, .source = convis_difference_source,
    .memoryless = 1, .pointwise = "difference_forward", .adjoint = "difference_adjoint", .baseline = baseline,
};
#endif
