/* leaky_heat.c - leaky heat equation: charge that spreads while it leaks, as in cells coupled by gap junctions.
 *
 *      tau u' = gain x - u + (sigma^2/2) laplacian u          steady blur: standard deviation sigma
 *
 * VirtualRetina (methods 2, 3; SPEC 2c), one blur B a step of standard deviation sigma sqrt(dt/tau):
 *      u[t] = B (c u[t-1] + (1 - c) gain x[t])                c = exp(-dt/tau);  y = u
 * whose width depends on dt. Method 1 takes leak and spread together in two implicit stages (the L-stable, second-order
 * SDIRK of Alexander 1977; q = 1 - 1/sqrt 2), each one diffusion step B of variance a sigma^2:
 *      v = B (w + a (x1 - w));  u = w + p (v - w);  w' = B (u + a (x2 - u))        p = (1-q)/q, y[t] = w'
 * with a such that without spread w decays by exactly c, and x1, x2 between x[t-1] and x[t] (times gain) such that a
 * signal that moves linearly (hold = 2) is met exactly. The steady state is (1 - (sigma^2/2) laplacian)^-1 gain x
 * whatever dt: its variance along each axis is sigma^2.
 *
 * Adjoint, D carried from t + 1: g = B' (dy[t] + D), u takes (1 - a) g, x2 takes a g; h = B' p (1 - a) g;
 *      D = (1 - p)(1 - a) g + (1 - a) h, x1 takes a h; dx[t], and into x[t-1], by the shares of x1 and x2. */
#include <convis/kernel.h>

/* What a kernel gets: c, gain (b - d), gain d (methods 2, 3); a, p, gain, shares of x[t] in x1 and x2 (method 1). */
enum { LEAK, OLD_SHARE, NEW_SHARE, PART, PUSH, FACTOR, SHARE_1, SHARE_2 };

#ifndef CONVIS_HOST

CONVIS_KERNEL4(leaky_heat_mix, PARAM k, IN x, STATE w, STATE before)
{
    CONVIS_PIXELS(i) {
        w[i] = k[LEAK]*w[i] + (k[OLD_SHARE]*before[i] + k[NEW_SHARE]*x[i]);
        before[i] = x[i];
    }
}

CONVIS_KERNEL5(leaky_heat_first, PARAM k, IN x, IN w, IN before, OUT v)
{
    CONVIS_PIXELS(i) {
        real heard = k[FACTOR]*(before[i] + k[SHARE_1]*(x[i] - before[i]));
        v[i] = w[i] + k[PART]*(heard - w[i]);
    }
}

CONVIS_KERNEL5(leaky_heat_second, PARAM k, IN x, IN w, STATE before, STATE v)
{
    CONVIS_PIXELS(i) {
        real heard = k[FACTOR]*(before[i] + k[SHARE_2]*(x[i] - before[i])), u = w[i] + k[PUSH]*(v[i] - w[i]);
        v[i] = u + k[PART]*(heard - u);
        before[i] = x[i];
    }
}

CONVIS_KERNEL2(leaky_heat_copy, IN from, OUT to)
{
    CONVIS_PIXELS(i) to[i] = from[i];
}

CONVIS_EXPORT(leaky_heat, CONVIS_ENTRY(leaky_heat_mix) CONVIS_ENTRY(leaky_heat_first) CONVIS_ENTRY(leaky_heat_second)
              CONVIS_ENTRY(leaky_heat_copy))

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

/* constants: numbers for the kernels, then the blur. scratch: v, then the blur's. */
enum { NUMBERS_SIZE = 64 };
static convis_blur *spread(const convis_pass *p) { return (convis_blur *)((char *)p->constants + NUMBERS_SIZE); }
static size_t map_size(const convis_pass *p) { return ((size_t)convis_elements(p->out_shape)*sizeof(convis_real) + 63)/64*64; }

static convis_status plan(convis_pass *p)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    p->constants_size = NUMBERS_SIZE + convis_blur_size(w, h, convis_blur_varies(convis_blur_spec_of(p->param, 0)));
    p->scratch_size = map_size(p) + convis_blur_scratch(w, h, p->threads);
    return CONVIS_OK;
}

/* Two stages of size z without spread multiply by (1 - (1-2q) z)/(1 + q z)^2, which falls from 1 to 0 as z goes from 0
 * to 1/(1-2q): the z at which that is c. */
static double fitted(double r, double q)
{
    double c = exp(-r), low = 0, high = 1/(1 - 2*q);
    if (r < 1e-4) return r;
    for (int k = 0; k < 60; k++) {
        double z = 0.5*(low + high);
        if ((1 - (1 - 2*q)*z)/((1 + q*z)*(1 + q*z)) > c) low = z; else high = z;
    }
    return low;
}

static convis_status prepare(convis_pass *p)
{
    convis_blur_spec s = convis_blur_spec_of(p->param, 0);
    double r = p->dt/p->param[TAU], c = exp(-r), b = -expm1(-r), q = 1 - sqrt(0.5);
    double z = fitted(r, q), part = q*z/(1 + q*z), share_1 = 1, share_2 = 1;
    convis_real *k = p->constants;
    k[LEAK] = (convis_real)c;
    k[OLD_SHARE] = 0;
    k[NEW_SHARE] = (convis_real)(p->param[GAIN]*(1 - (double)k[LEAK]));      /* a constant must stay one */
    if (p->param[HOLD] > 1) {
        double d = r < 1e-3 ? r/2 - r*r/6 : 1 - b/r;                         /* as in lowpass.c */
        k[OLD_SHARE] = (convis_real)(p->param[GAIN]*(b - d));
        k[NEW_SHARE] -= k[OLD_SHARE];
        share_1 = q;
        share_2 = d/part - (1 - q)*(1 - part);
    }
    k[PART] = (convis_real)part;
    k[PUSH] = (convis_real)((1 - q)/q);
    k[FACTOR] = (convis_real)p->param[GAIN];
    k[SHARE_1] = (convis_real)share_1;
    k[SHARE_2] = (convis_real)share_2;
    s.sigma *= s.method == CONVIS_BLUR_DIFFUSION ? sqrt(part) : sqrt(r);
    s.steps = 1;
    convis_blur_prepare(spread(p), p->context, p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y], convis_blur_varies(s), &s);
    return CONVIS_OK;
}

static double past(const convis_pass *p, const double *x, double *state)
{
    state[1] = x[0];
    return state[0] = p->param[GAIN]*x[0];
}

/* One pointwise kernel on a thread's rows, blurred from `in` to `out` strip by strip; then the columns. */
static void stage(convis_pass *p, const char *kernel, void *const *buffers, const convis_real *in, convis_real *out)
{
    int64_t planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C];
    void *scratch = (char *)p->scratch + map_size(p);
    for (int64_t y0, y1 = -1; convis_next_strip(p, spread(p), &y0, &y1);) {
        convis_launch_rows(p, kernel, p->out_shape, y0, y1, buffers);
        convis_blur_rows(p, spread(p), in, out, planes, y0, y1, scratch);
    }
    convis_barrier(p);
    convis_blur_columns(p, spread(p), out, planes, scratch);
    convis_barrier(p);
}

static void copy(convis_pass *p, convis_real *from, convis_real *to)
{
    int64_t h = p->out_shape.dim[CONVIS_Y];
    convis_launch_rows(p, "leaky_heat_copy", p->out_shape, convis_share(h, p->thread, p->threads),
                       convis_share(h, p->thread + 1, p->threads), (void *[]){ from, to });
}

static void forward(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape);
    int exact = p->param[2] == CONVIS_BLUR_DIFFUSION;
    convis_real *w = p->state[0], *before = p->state[1], *v = p->scratch, *y = NULL;
    for (int t = 0; t < p->frames; t++) {
        void *x = (void *)(uintptr_t)(p->in[0] + t*n), *last = t ? y : w;
        y = p->out + t*n;
        if (exact) {
            stage(p, "leaky_heat_first", (void *[]){ p->constants, x, last, before, v }, v, v);
            stage(p, "leaky_heat_second", (void *[]){ p->constants, x, last, before, v }, v, y);
        } else {
            stage(p, "leaky_heat_mix", (void *[]){ p->constants, x, w, before }, w, w);
            copy(p, w, y);
        }
    }
    if (exact && y) copy(p, y, w);
}

CONVIS_LAYER_KERNELS(leaky_heat)
const convis_layer_type convis_leaky_heat = {
    .abi = CONVIS_LAYER_ABI, .name = "leaky_heat", .doc = "leaky heat equation: low pass and blur in one",
    .params = params, .states = states, .inputs = 1, .kernels = leaky_heat_kernels, .source = convis_leaky_heat_source,
    .plan = plan, .prepare = prepare, .past = past, .forward = forward,
};
#endif
