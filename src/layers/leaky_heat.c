/* leaky_heat.c - leaky heat equation: charge that spreads while it leaks, as in cells coupled by gap junctions.
 *
 *      tau u' = gain x - u + (sigma^2/2) laplacian u          steady blur: standard deviation sigma
 *
 * VirtualRetina (methods 2, 3; SPEC 2c), one blur B a step of standard deviation sigma sqrt(dt/tau):
 *      u[t] = B (c u[t-1] + (1 - c) gain x[t])                c = exp(-dt/tau);  y = u
 * whose width depends on dt. Solved exactly in time (method 1): what entered during the present step has on average
 * spread for m = tau - dt c/(1-c), everything older for a whole dt more each step,
 *      w[t] = B1 (c w[t-1]) + gain ((b - d) x[t-1] + d x[t])   B1: variance sigma^2 dt/tau;  b, d as in lowpass.c
 *      y[t] = B2 w[t]                                         B2: variance sigma^2 m/tau
 * so that the steady variance is sigma^2 whatever dt.
 *
 * Adjoint, D carried from t + 1: g = B2' dy[t] + D; dx[t] = gain d g; into x[t-1]: gain (b - d) g; D = c B1' g. */
#include <convis/kernel.h>

enum { LEAK, OLD_SHARE, NEW_SHARE };                                         /* what a kernel gets: c, gain (b - d), gain d */

#ifndef CONVIS_HOST

CONVIS_KERNEL4(leaky_heat_mix, PARAM k, IN x, STATE w, STATE before)
{
    CONVIS_PIXELS(i) {
        w[i] = k[LEAK]*w[i] + (k[OLD_SHARE]*before[i] + k[NEW_SHARE]*x[i]);
        before[i] = x[i];
    }
}

CONVIS_KERNEL2(leaky_heat_copy, IN w, OUT y)
{
    CONVIS_PIXELS(i) y[i] = w[i];
}

/* After w has leaked and spread, which B1, scaled by c, does in one. */
CONVIS_KERNEL4(leaky_heat_add, PARAM k, IN x, STATE w, STATE before)
{
    CONVIS_PIXELS(i) {
        w[i] += k[OLD_SHARE]*before[i] + k[NEW_SHARE]*x[i];
        before[i] = x[i];
    }
}

CONVIS_EXPORT(leaky_heat, CONVIS_ENTRY(leaky_heat_mix) CONVIS_ENTRY(leaky_heat_add) CONVIS_ENTRY(leaky_heat_copy))

#else
#include "../kernels/blur.h"

enum { TAU = CONVIS_BLUR_FIELD_COUNT, GAIN, HOLD };                          /* places in the table */

static const convis_field params[] = {
    CONVIS_BLUR_FIELDS,
    { "tau",  "s", 0.010, 1e-6, 1e3, 0, "time constant of the leak" },
    { "gain", "1", 1, -1e6, 1e6, 0, "factor on the input" },
    { "hold", "1", 1, 0, 2, CONVIS_WHOLE, "0, 1: the input is constant over each frame; 2: it moves linearly" },
    { 0 }
};
static const convis_field states[] = {
    { "w",      "1", 0, 0, 0, 0, "charge" },
    { "before", "1", 0, 0, 0, 0, "previous input" },
    { 0 }
};

/* constants: three numbers for the kernels, then the two blurs. */
enum { NUMBERS_SIZE = 64 };
static size_t blur_size(const convis_pass *p)
{
    size_t size = convis_blur_size(p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y],
                                   convis_blur_varies(convis_blur_spec_of(p->param, 0)));
    return (size + 63)/64*64;
}
static convis_blur *spread(const convis_pass *p) { return (convis_blur *)((char *)p->constants + NUMBERS_SIZE); }
static convis_blur *rest(const convis_pass *p)   { return (convis_blur *)((char *)p->constants + NUMBERS_SIZE + blur_size(p)); }

static convis_status plan(convis_pass *p)
{
    p->constants_size = NUMBERS_SIZE + 2*blur_size(p);
    p->scratch_size = convis_blur_scratch(p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y], p->threads);
    return CONVIS_OK;
}

static convis_status prepare(convis_pass *p)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    convis_blur_spec s = convis_blur_spec_of(p->param, 0), s1 = s, s2 = s;
    double tau = p->param[TAU], r = p->dt/tau, c = exp(-r), b = -expm1(-r);
    double d = p->param[HOLD] < 2 ? b : r < 1e-3 ? r/2 - r*r/6 : 1 - b/r;
    double spent = r < 1e-3 ? r/2 - r*r/12 : 1 - r*c/b;                      /* m/tau */
    convis_real *k = p->constants;
    k[LEAK] = (convis_real)c;
    k[OLD_SHARE] = (convis_real)(p->param[GAIN]*(b - d));
    k[NEW_SHARE] = (convis_real)(p->param[GAIN]*(1 - (double)k[LEAK] - (b - d)));   /* a constant must stay one */
    s1.sigma = s.sigma*sqrt(r);
    s2.sigma = s.sigma*sqrt(spent);
    s1.gain = (double)k[LEAK];
    s1.steps = s2.steps = 1;             /* many small spreads add up to a bell by themselves */
    convis_blur_prepare(spread(p), p->context, w, h, convis_blur_varies(s), &s1);
    convis_blur_prepare(rest(p),   p->context, w, h, convis_blur_varies(s), &s2);
    return CONVIS_OK;
}

static double past(const convis_pass *p, const double *x, double *state)
{
    state[1] = x[0];
    return state[0] = p->param[GAIN]*x[0];
}

static void forward(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape), planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C];
    int exact = p->param[2] == CONVIS_BLUR_DIFFUSION;
    convis_real *w = p->state[0], *before = p->state[1];
    /* Rows are a thread's own between column passes; the columns of y are nobody's concern in the next step. */
    for (int t = 0; t < p->frames; t++) {
        convis_real *y = p->out + t*n;
        void *x = (void *)(uintptr_t)(p->in[0] + t*n);
        if (!exact) convis_launch_rows(p, "leaky_heat_mix", p->out_shape, (void *[]){ p->constants, x, w, before });
        convis_blur_rows(p, spread(p), w, w, planes, p->scratch);
        convis_barrier(p);
        convis_blur_columns(p, spread(p), w, planes, p->scratch);
        convis_barrier(p);
        if (exact) {
            convis_launch_rows(p, "leaky_heat_add", p->out_shape, (void *[]){ p->constants, x, w, before });
            convis_blur_rows(p, rest(p), w, y, planes, p->scratch);
            convis_barrier(p);
            convis_blur_columns(p, rest(p), y, planes, p->scratch);
        } else convis_launch_rows(p, "leaky_heat_copy", p->out_shape, (void *[]){ w, y });
    }
}

CONVIS_LAYER_KERNELS(leaky_heat)
const convis_layer_type convis_leaky_heat = {
    .abi = CONVIS_LAYER_ABI, .name = "leaky_heat", .doc = "leaky heat equation: low pass and blur in one",
    .params = params, .states = states, .inputs = 1, .kernels = leaky_heat_kernels, .source = convis_leaky_heat_source,
    .plan = plan, .prepare = prepare, .past = past, .forward = forward,
};
#endif
