/* product.c - the product of two or more inputs of one shape: multiplicative gain, correlation detectors.
 *
 *      y[t] = x0[t] x1[t] ...
 *
 * from the first to the last. Two are a pointwise layer, more are multiplied one after the other.
 *
 * Adjoint: dxj = dy times the product of the others. */
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

CONVIS_KERNEL2(product_first, IN x, OUT y)   { CONVIS_SCAN(i, t) y[t*n + i] = x[t*n + i]; }
CONVIS_KERNEL2(product_more, STATE y, IN x)  { CONVIS_SCAN(i, t) y[t*n + i] *= x[t*n + i]; }
/* before: dy times the inputs before this one; after this, with this one. others: the product of those after it; NULL: none. */
CONVIS_KERNEL4(product_give, STATE before, IN others, IN x, OUT dx)
{
    CONVIS_SCAN(i, t) {
        integer at = t*n + i;
        if (dx) dx[at] += others ? before[at]*others[at] : before[at];
        before[at] *= x[at];
    }
}

CONVIS_EXPORT(product, CONVIS_ENTRY(product_forward) CONVIS_ENTRY(product_adjoint) CONVIS_ENTRY(product_first)
              CONVIS_ENTRY(product_more) CONVIS_ENTRY(product_give))

#else
#include <convis/layer.h>

static const convis_field params[] = { { 0 } };
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    double product = x[0];
    (void)state;
    for (int j = 1; j < p->inputs; j++) product *= x[j];
    return product;
}

static void *input(const convis_pass *p, int j) { return (void *)(uintptr_t)p->in[j]; }

/* scratch: in the backward pass the products of the last j inputs of one frame, j = 1 .. inputs - 1, then dy times the first ones. */
static convis_status plan(convis_pass *p)
{
    if (p->recording) p->scratch_size = (size_t)(p->inputs*convis_elements(p->out_shape))*sizeof(convis_real);
    return convis_plan_alike(p);
}

static convis_status forward(convis_pass *p)
{
    const int64_t n = convis_elements(p->out_shape);
    convis_launch(p, "product_first", n, p->frames, (void *[]){ input(p, 0), p->out });
    for (int j = 1; j < p->inputs; j++) convis_launch(p, "product_more", n, p->frames, (void *[]){ p->out, input(p, j) });
    return CONVIS_OK;
}

static void frame_back(const convis_pass *p, int64_t at)
{
    const int64_t n = convis_elements(p->out_shape);
    convis_real *after = p->scratch, *before = after + (p->inputs - 1)*n;
    for (int j = 1; j < p->inputs; j++) {                /* after + (j - 1) n: of the last j */
        convis_real *to = after + (j - 1)*n;
        const convis_real *x = p->in[p->inputs - j] + at;
        convis_launch(p, "product_first", n, 1, (void *[]){ (void *)(uintptr_t)(j > 1 ? to - n : x), to });
        if (j > 1) convis_launch(p, "product_more", n, 1, (void *[]){ to, (void *)(uintptr_t)x });
    }
    convis_launch(p, "product_first", n, 1, (void *[]){ (void *)(uintptr_t)(p->d_out + at), before });
    for (int j = 0; j < p->inputs; j++) {
        const int last = p->inputs - 1 - j;
        convis_launch(p, "product_give", n, 1,
                      (void *[]){ before, last ? after + (last - 1)*n : NULL, (convis_real *)input(p, j) + at,
                                                           p->d_in[j] ? p->d_in[j] + at : NULL });
    }
}

static convis_status vjp(convis_pass *p)
{
    for (int t = 0; t < p->frames; t++) frame_back(p, t*convis_elements(p->out_shape));
    return CONVIS_OK;
}

CONVIS_LAYER_KERNELS(product)
static const convis_layer_type more = {
    .abi = CONVIS_LAYER_ABI, .name = "product", .doc = "the product of its inputs",
    .params = params, .states = states, .inputs = CONVIS_MAX_INPUTS, .min_inputs = 2, .kernels = product_kernels,
    .source = convis_product_source, .plan = plan, .forward = forward, .vjp = vjp, .baseline = baseline, .device_capable = 1,
};
const convis_layer_type convis_product = {
    .abi = CONVIS_LAYER_ABI, .name = "product", .doc = "the product of its inputs",
    .params = params, .states = states, .inputs = 2, .more = &more, .kernels = product_kernels, .source = convis_product_source,
    .memoryless = 1, .pointwise = "product_forward", .adjoint = "product_adjoint", .baseline = baseline,
};
#endif
