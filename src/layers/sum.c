/* sum.c - the sum of inputs of one shape; of one alone that is itself.
 *
 *      y[t] = x0[t] + x1[t] + ...
 *
 * from the first to the last. Up to four are a pointwise layer, more are added four at a time.
 *
 * Adjoint: dxj = dy. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL6(sum_forward, PARAM p, IN x0, IN x1, IN x2, IN x3, OUT y)
{
    if (x3) { CONVIS_SCAN(i, t) y[t*n + i] = ((x0[t*n + i] + x1[t*n + i]) + x2[t*n + i]) + x3[t*n + i]; }
    else if (x2) { CONVIS_SCAN(i, t) y[t*n + i] = (x0[t*n + i] + x1[t*n + i]) + x2[t*n + i]; }
    else if (x1) { CONVIS_SCAN(i, t) y[t*n + i] = x0[t*n + i] + x1[t*n + i]; }
    else { CONVIS_SCAN(i, t) y[t*n + i] = x0[t*n + i]; }
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

/* Up to four more inputs are added; NULL: no more. */
CONVIS_KERNEL5(sum_more, STATE y, IN x0, IN x1, IN x2, IN x3)
{
    CONVIS_SCAN(i, t) {
        real sum = y[t*n + i] + x0[t*n + i];
        if (x1) sum += x1[t*n + i];
        if (x2) sum += x2[t*n + i];
        if (x3) sum += x3[t*n + i];
        y[t*n + i] = sum;
    }
}

CONVIS_KERNEL2(sum_give, IN dy, OUT dx) { sum_spread(dy, dx, CONVIS_HANDED_ON); }

CONVIS_EXPORT(sum, CONVIS_ENTRY(sum_forward) CONVIS_ENTRY(sum_adjoint) CONVIS_ENTRY(sum_more) CONVIS_ENTRY(sum_give))

#else
#include <convis/layer.h>

static const convis_field params[] = { { 0 } };
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    double sum = 0;
    (void)state;
    for (int k = 0; k < p->inputs; k++) sum += x[k];
    return sum;
}

static void *input(const convis_pass *p, int j) { return j < p->inputs ? (void *)(uintptr_t)p->in[j] : NULL; }

static convis_status forward(convis_pass *p)
{
    const int64_t n = convis_elements(p->out_shape);
    convis_launch(p, "sum_forward", n, p->frames, (void *[]){ NULL, input(p, 0), input(p, 1), input(p, 2), input(p, 3), p->out });
    for (int j = 4; j < p->inputs; j += 4)
        convis_launch(p, "sum_more", n, p->frames,
                      (void *[]){ p->out, input(p, j), input(p, j + 1), input(p, j + 2), input(p, j + 3) });
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    for (int j = 0; j < p->inputs; j++)
        if (p->d_in[j])
            convis_launch(p, "sum_give", convis_elements(p->out_shape), p->frames,
                          (void *[]){ (void *)(uintptr_t)p->d_out, p->d_in[j] });
    return CONVIS_OK;
}

CONVIS_LAYER_KERNELS(sum)
static const convis_layer_type more = {
    .abi = CONVIS_LAYER_ABI, .name = "sum", .doc = "the sum of its inputs",
    .params = params, .states = states, .inputs = CONVIS_MAX_INPUTS, .min_inputs = 1, .kernels = sum_kernels, .source = convis_sum_source,
    .plan = convis_plan_alike, .forward = forward, .vjp = vjp, .baseline = baseline, .device_capable = 1,
};
const convis_layer_type convis_sum = {
    .abi = CONVIS_LAYER_ABI, .name = "sum", .doc = "the sum of its inputs",
    .params = params, .states = states, .inputs = 4, .min_inputs = 1, .more = &more, .kernels = sum_kernels, .source = convis_sum_source,
    .memoryless = 1, .pointwise = "sum_forward", .adjoint = "sum_adjoint", .baseline = baseline,
};
#endif
