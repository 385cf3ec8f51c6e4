/* diff.c - change from frame to frame.
 *
 *      y[t] = scale (x[t] - x[t-1])
 *
 * Adjoint: dx[t] = scale dy[t]; into x[t-1]: -scale dy[t]; dscale = (x[t] - x[t-1]) dy[t]. The tape stores x[t-1]. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL5(diff_forward, PARAM p, IN x, OUT y, STATE before, TAPE tape)
{
    real scale = p[0];
    CONVIS_SCAN(i, t) {
        real last = before[i];
        if (tape) tape[t*map_size + i] = last;
        y[t*n + i] = scale*(x[t*n + i] - last);
        before[i] = x[t*n + i];
    }
}

CONVIS_KERNEL8(diff_adjoint, PARAM p, IN x, IN y, TAPE tape, IN dy, STATE dbefore, OUT dx, OUT dmap)
{
    real scale = p[0];
    CONVIS_SCAN_BACK(i, t) {
        real g = dy[t*n + i];
        dmap[i] += g*(x[t*n + i] - tape[t*map_size + i]);
        dx[t*n + i] += scale*g + dbefore[i];
        dbefore[i] = -scale*g;
    }
}

CONVIS_EXPORT(diff, CONVIS_ENTRY(diff_forward) CONVIS_ENTRY(diff_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "scale", "1", 1, -1e6, 1e6, 0, "factor; 1/dt makes the change per second" },
    { 0 }
};
static const convis_field states[] = { { "before", "1", 0, 0, 0, 0, "previous input" }, { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)p;
    state[0] = x[0];
    return 0;
}

CONVIS_LAYER_KERNELS(diff)
const convis_layer_type convis_diff = {
    .abi = CONVIS_LAYER_ABI, .name = "diff", .doc = "the change from frame to frame",
    .params = params, .states = states, .inputs = 1, .tape = 1, .kernels = diff_kernels, .source = convis_diff_source,
    .pointwise = "diff_forward", .adjoint = "diff_adjoint", .baseline = baseline,
};
#endif
