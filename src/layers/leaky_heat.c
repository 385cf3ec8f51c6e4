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
 * signal that moves linearly (hold = 2) is followed exactly. The steady state is (1 - (sigma^2/2) laplacian)^-1 gain x
 * whatever dt: its variance along each axis is sigma^2.
 *
 * A blur leaves a constant as it is, so all of that is done with differences from a reference r, one number a map, which follows
 * the background by the same leak: the median of the first pixel, the last one and that in the middle. A screen of any luminance
 * is then held to the last bit, where the roundings of thousands of steps would add up, and a faint movie is as exact as a strong
 * one. The charge is w + r. Method 3 does not preserve constants: its r is 0.
 *
 * Adjoint, D passed on from t + 1: g = B' (dy[t] + D), u takes (1 - a) g, x2 takes a g; h = B' p (1 - a) g;
 *      D = (1 - p)(1 - a) g + (1 - a) h, x1 takes a h; dx[t], and into x[t-1], by the shares of x1 and x2.
 * da = g (x2 - u) + h (x1 - w), and a is a function of tau; so is the width of B, whose logarithm's gradient (blur.h) goes
 * to sigma and tau. Methods 2 and 3: g as above, D = c g. All of it with charges, not differences. The tape stores B v0, v before
 * its blur, of every frame, and u[t-1] and x[t-1] of a pass's first: later they are frames of the output and the input. */
#include <convis/kernel.h>

/* What a kernel gets: c, b - d, d (methods 2, 3); a, p, gain, shares of x[t] in x1 and x2 (method 1); in the backward pass derivatives
 * by tau; of the reference, its share of what it follows, and the size of a map. */
enum { LEAK, OLD_SHARE, NEW_SHARE, PART, PUSH, FACTOR, SHARE_1, SHARE_2, D_LEAK, D_OLD, D_NEW, D_PART, D_SHARE_2,
       PER_SIGMA, D_WIDTH, FOLLOW, MAP_W, MAP_H, NUMBERS };

#ifndef CONVIS_HOST

/* w, v: minus the reference r. */
CONVIS_INLINE real heat_held(PARAM k, real x, real w, real share, real r) { return w + share*((k[FACTOR]*x - r) - w); }
CONVIS_INLINE real heat_mixed(PARAM k, real x, real w, real before, real r)
{
    return w + ((k[OLD_SHARE]*((k[FACTOR]*before - r) - w)) + k[NEW_SHARE]*((k[FACTOR]*x - r) - w));
}
CONVIS_INLINE real heat_between(real before, real x, real share)   { return before + share*(x - before); }
CONVIS_INLINE real heat_first(PARAM k, real x, real w, real before, real r)
{
    return w + k[PART]*((k[FACTOR]*heat_between(before, x, k[SHARE_1]) - r) - w);
}
CONVIS_INLINE real heat_second(PARAM k, real x, real w, real before, real v, real r)
{
    real u = w + k[PUSH]*(v - w);
    return u + k[PART]*((k[FACTOR]*heat_between(before, x, k[SHARE_2]) - r) - u);
}

CONVIS_INLINE integer heat_map(PARAM k, integer i) { return i/((integer)k[MAP_W]*(integer)k[MAP_H]); }

/* Elements that have one reference: on a processor as many of the span as are of one map. */
#ifdef CONVIS_GPU
#  define HEAT_SPANS(g, count) CONVIS_GROUPS(g, count)
#else
CONVIS_INLINE integer heat_count(PARAM k, integer i, integer end)
{
    integer next = (heat_map(k, i) + 1)*(integer)k[MAP_W]*(integer)k[MAP_H];
    return (next < end ? next : end) - i;
}
#  define HEAT_SPANS(g, count) for (integer g = i0, count = heat_count(k, i0, i1); g < i1; g += count, count = heat_count(k, g, i1))
#endif

/* The reference of each map now and after the step. */
CONVIS_KERNEL4(leaky_heat_follow, PARAM k, IN x, IN now, OUT after)
{
    integer w = (integer)k[MAP_W], h = (integer)k[MAP_H];
    CONVIS_PIXELS(m) {
        real first = x[m*h*w], last = x[(m + 1)*h*w - 1], middle = x[(m*h + h/2)*w + w/2];
        real median = convis_max(convis_min(first, last), convis_min(convis_max(first, last), middle));
        after[m] = now[m] + k[FOLLOW]*(k[FACTOR]*median - now[m]);
    }
}

CONVIS_KERNEL3(leaky_heat_keep, PARAM k, IN from, OUT to) { CONVIS_PIXELS(m) to[m] = k[FOLLOW] > 0 ? from[m] : R(0.0); }

CONVIS_KERNEL6(leaky_heat_mix, PARAM k, IN x, STATE w, IN before, IN now, IN after)
{
    HEAT_SPANS(g, count) {
        real r = now[heat_map(k, g)], moved = after[heat_map(k, g)] - r;
        if (k[OLD_SHARE] == 0)                               /* the input is held: the frame before does not matter */
            for (integer l = 0; l < count; l++) w[g + l] = heat_held(k, x[g + l], w[g + l], k[NEW_SHARE], r) - moved;
        else
            for (integer l = 0; l < count; l++) w[g + l] = heat_mixed(k, x[g + l], w[g + l], before[g + l], r) - moved;
    }
}

CONVIS_KERNEL6(leaky_heat_first, PARAM k, IN x, IN w, IN before, IN now, OUT v)
{
    HEAT_SPANS(g, count) {
        real r = now[heat_map(k, g)];
        if (k[OLD_SHARE] == 0)
            for (integer l = 0; l < count; l++) v[g + l] = heat_held(k, x[g + l], w[g + l], k[PART], r);
        else
            for (integer l = 0; l < count; l++) v[g + l] = heat_first(k, x[g + l], w[g + l], before[g + l], r);
    }
}

CONVIS_KERNEL7(leaky_heat_second, PARAM k, IN x, IN w, IN before, IN now, IN after, STATE v)
{
    HEAT_SPANS(g, count) {
        real r = now[heat_map(k, g)], moved = after[heat_map(k, g)] - r;
        if (k[OLD_SHARE] == 0)
            for (integer l = 0; l < count; l++)
                v[g + l] = heat_held(k, x[g + l], w[g + l] + k[PUSH]*(v[g + l] - w[g + l]), k[PART], r) - moved;
        else
            for (integer l = 0; l < count; l++) v[g + l] = heat_second(k, x[g + l], w[g + l], before[g + l], v[g + l], r) - moved;
    }
}

/* The charge itself. */
CONVIS_KERNEL4(leaky_heat_charge, PARAM k, IN w, IN now, OUT y)
{
    HEAT_SPANS(g, count) {
        real r = now[heat_map(k, g)];
        for (integer l = 0; l < count; l++) y[g + l] = w[g + l] + r;
    }
}

/* ---- The backward pass: g passes the blur between these; `blur_in` is the input of the next blur ---- */

CONVIS_KERNEL9(leaky_heat_ask_second, PARAM k, IN x, IN w, IN before, IN v, IN dy, IN dw, OUT g, OUT blur_in)
{
    CONVIS_PIXELS(i) {
        g[i] = dy[i] + dw[i];
        blur_in[i] = heat_second(k, x[i], w[i], before[i], v[i], R(0.0));
    }
}

/* sums: of tau and gain, which follow each other in the table. */
CONVIS_KERNEL11(leaky_heat_second_back, PARAM k, IN x, IN w, IN before, IN v, STATE g, OUT blur_in, STATE dw, STATE dbefore,
                OUT dx, OUT sums)
{
    CONVIS_PIXELS(i) {
        real u = w[i] + k[PUSH]*(v[i] - w[i]), moved = x[i] - before[i], signal = before[i] + k[SHARE_2]*moved;
        real du = (1 - k[PART])*g[i], dsignal = k[PART]*g[i];
        sums[i] += g[i]*(k[D_PART]*(k[FACTOR]*signal - u) + k[PART]*k[D_SHARE_2]*(k[FACTOR]*moved));
        sums[map_size + i] += dsignal*signal;
        dx[i] += k[SHARE_2]*(k[FACTOR]*dsignal) + dbefore[i];
        dbefore[i] = (1 - k[SHARE_2])*(k[FACTOR]*dsignal);
        dw[i] = (1 - k[PUSH])*du;
        g[i] = k[PUSH]*du;
        blur_in[i] = heat_first(k, x[i], w[i], before[i], R(0.0));
    }
}

CONVIS_KERNEL9(leaky_heat_first_back, PARAM k, IN x, IN w, IN before, IN g, STATE dw, STATE dbefore, OUT dx, OUT sums)
{
    CONVIS_PIXELS(i) {
        real signal = heat_between(before[i], x[i], k[SHARE_1]), dsignal = k[PART]*g[i];
        sums[i] += g[i]*(k[D_PART]*(k[FACTOR]*signal - w[i]));
        sums[map_size + i] += dsignal*signal;
        dx[i] += k[SHARE_1]*(k[FACTOR]*dsignal);
        dbefore[i] += (1 - k[SHARE_1])*(k[FACTOR]*dsignal);
        dw[i] += (1 - k[PART])*g[i];
    }
}

CONVIS_KERNEL8(leaky_heat_ask_mix, PARAM k, IN x, IN w, IN before, IN dy, IN dw, OUT g, OUT blur_in)
{
    CONVIS_PIXELS(i) {
        g[i] = dy[i] + dw[i];
        blur_in[i] = heat_mixed(k, x[i], w[i], before[i], R(0.0));
    }
}

CONVIS_KERNEL9(leaky_heat_mix_back, PARAM k, IN x, IN w, IN before, IN g, STATE dw, STATE dbefore, OUT dx, OUT sums)
{
    CONVIS_PIXELS(i) {
        sums[i] += g[i]*(k[D_LEAK]*w[i] + k[D_OLD]*before[i] + k[D_NEW]*x[i]);
        sums[map_size + i] += g[i]*(k[OLD_SHARE]*before[i] + k[NEW_SHARE]*x[i]);
        dx[i] += k[NEW_SHARE]*(k[FACTOR]*g[i]) + dbefore[i];
        dbefore[i] = k[OLD_SHARE]*(k[FACTOR]*g[i]);
        dw[i] = k[LEAK]*g[i];
    }
}

CONVIS_KERNEL4(leaky_heat_width, PARAM k, STATE d_ln_sigma, OUT dsigma, OUT dtau)
{
    CONVIS_PIXELS(i) {
        dsigma[i] += k[PER_SIGMA]*d_ln_sigma[i];
        dtau[i] += k[D_WIDTH]*d_ln_sigma[i];
        d_ln_sigma[i] = 0;
    }
}

/* What arrives at the reference: the sum over its map, first of each row, then of those. */
CONVIS_KERNEL3(leaky_heat_row_sums, PARAM k, IN dw, OUT rows)
{
    integer w = (integer)k[MAP_W];
    CONVIS_PIXELS(j) {
        real sum = 0;
        for (integer i = 0; i < w; i++) sum += dw[j*w + i];
        rows[j] = sum;
    }
}

CONVIS_KERNEL3(leaky_heat_map_sums, PARAM k, IN rows, OUT dr)
{
    integer h = (integer)k[MAP_H];
    CONVIS_PIXELS(m) {
        real sum = 0;
        for (integer j = 0; j < h; j++) sum += rows[m*h + j];
        dr[m] = k[FOLLOW] > 0 ? sum : R(0.0);
    }
}

CONVIS_EXPORT(leaky_heat,
              CONVIS_ENTRY(leaky_heat_follow) CONVIS_ENTRY(leaky_heat_keep) CONVIS_ENTRY(leaky_heat_charge)
                  CONVIS_ENTRY(leaky_heat_row_sums) CONVIS_ENTRY(leaky_heat_map_sums) CONVIS_ENTRY(leaky_heat_mix)
                      CONVIS_ENTRY(leaky_heat_first) CONVIS_ENTRY(leaky_heat_second) CONVIS_ENTRY(leaky_heat_ask_second)
                          CONVIS_ENTRY(leaky_heat_second_back) CONVIS_ENTRY(leaky_heat_first_back)
              CONVIS_ENTRY(leaky_heat_ask_mix) CONVIS_ENTRY(leaky_heat_mix_back) CONVIS_ENTRY(leaky_heat_width))

#else
#include "kernels/blur/blur.h"

enum { TAU = CONVIS_BLUR_FIELD_COUNT, GAIN, HOLD };                          /* places in the table */

static const convis_field params[] = {
    CONVIS_BLUR_FIELDS,
    { "tau",  "s", 0.010, 1e-6, 1e3, 0, "time constant of the leak" },
    { "gain", "1", 1, -1e6, 1e6, 0, "factor on the input" },
    { "hold", "|constant|linear", 1, 0, 2, CONVIS_WHOLE | CONVIS_WORDS, "how the input goes on over a frame" },
    { 0 }
};
static const convis_field states[] = {
    { "w",      "1", 0, 0, 0, 0, "charge, minus the reference" },
    { "before", "1", 0, 0, 0, 0, "previous input" },
    { "reference", "1", 0, 0, 0, 0, "what charges are counted from, one number a map" },
    { 0 }
};

/* constants: numbers for the kernels, then the blur. scratch: v, or in the backward pass five maps; two references of each map and thread,
 * or sums over rows; then the blur's. */
enum { G, BLUR_IN, D_LN_SIGMA, SPARE, UNUSED, MAPS_BACK };
static size_t numbers_size(void) { return (NUMBERS*sizeof(convis_real) + 63)/64*64; }
static convis_blur *spread(const convis_pass *p) { return (convis_blur *)((char *)p->constants + numbers_size()); }
static int64_t planes(const convis_pass *p) { return p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C]; }
static convis_real *small_scratch(const convis_pass *p) { return convis_map_of(p, p->recording ? MAPS_BACK : 1); }
static size_t small_size(const convis_pass *p)
{
    int64_t references = 2*p->threads*planes(p), rows = planes(p)*p->out_shape.dim[CONVIS_Y];
    return ((size_t)(references > rows ? references : rows)*sizeof(convis_real) + 63)/64*64;
}
static int is_exact(const convis_pass *p) { return p->param[2] == CONVIS_BLUR_DIFFUSION; }
static int preserves_constants(const convis_pass *p) { return p->param[2] != CONVIS_BLUR_DERICHE_RADIAL; }

static void *blur_scratch(const convis_pass *p) { return (char *)small_scratch(p) + small_size(p); }
static convis_shape one_each(const convis_pass *p, int64_t rows)
{
    convis_shape s = p->out_shape;
    s.dim[CONVIS_Y] = rows;
    s.dim[CONVIS_X] = 1;
    return s;
}

static convis_status plan(convis_pass *p)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    p->constants_size = numbers_size() + convis_blur_size(w, h, convis_blur_varies(convis_blur_spec_of(p->param, 0)));
    p->scratch_size = (size_t)(p->recording ? MAPS_BACK : 1)*convis_map_size(p) + small_size(p) + convis_blur_scratch(p);
    p->state_shape[2] = one_each(p, 1);
    if (p->recording) p->preferred_frames = 4;              /* a pass begins with copies */
    p->tape_shape[0] = p->tape_shape[1] = p->out_shape;
    p->tape_shape[0].dim[CONVIS_B] *= 2;
    if (!is_exact(p)) p->tape_shape[1] = convis_movie_shape(1, 1, 1);
    return CONVIS_OK;
}

/* Two stages of size z without spread multiply by f(z) = (1 - (1-2q) z)/(1 + q z)^2, which falls from 1 to 0 as z goes from 0
 * to 1/(1-2q): the z at which that is c = exp(-r), and dz/dr = -c/f'(z). */
static double fitted(double r, double q, double *derivative)
{
    double c = exp(-r), low = 0, high = 1/(1 - 2*q);
    *derivative = 1;
    if (r < 1e-4) return r;
    for (int k = 0; k < 60; k++) {
        double z = 0.5*(low + high);
        if ((1 - (1 - 2*q)*z)/((1 + q*z)*(1 + q*z)) > c) low = z; else high = z;
    }
    *derivative = c*pow(1 + q*low, 3)/((1 - 2*q)*(1 + q*low) + 2*q*(1 - (1 - 2*q)*low));
    return low;
}

static convis_status prepare(convis_pass *p)
{
    convis_blur_spec s = convis_blur_spec_of(p->param, 0);
    double tau = p->param[TAU], gain = p->param[GAIN], r = p->dt/tau, dr = -r/tau, c = exp(-r), b = -expm1(-r), q = 1 - sqrt(0.5);
    double dz, z = fitted(r, q, &dz), part = q*z/(1 + q*z), d_part = q*dz*dr/((1 + q*z)*(1 + q*z));
    double share_1 = 1, share_2 = 1, d_share_2 = 0, old = 0, d_old = 0;
    convis_real *k = p->constants;
    k[LEAK] = (convis_real)c;
    if (p->param[HOLD] > 1) {
        double d = r < 1e-3 ? r/2 - r*r/6 : 1 - b/r;                         /* as in lowpass.c */
        double dd = (r < 1e-3 ? 0.5 - r/3 : (b - d)/r)*dr;
        old = b - d;
        d_old = c*dr - dd;
        share_1 = q;
        share_2 = d/part - (1 - q)*(1 - part);
        d_share_2 = dd/part - d*d_part/(part*part) + (1 - q)*d_part;
    }
    k[OLD_SHARE] = (convis_real)old;
    k[NEW_SHARE] = (convis_real)(b - old);
    k[PART] = (convis_real)part;
    k[PUSH] = (convis_real)((1 - q)/q);
    k[FACTOR] = (convis_real)gain;
    k[SHARE_1] = (convis_real)share_1;
    k[SHARE_2] = (convis_real)share_2;
    k[D_LEAK] = (convis_real)(-c*dr);
    k[D_OLD] = (convis_real)(gain*d_old);
    k[D_NEW] = (convis_real)(gain*(c*dr - d_old));
    k[D_PART] = (convis_real)d_part;
    k[D_SHARE_2] = (convis_real)d_share_2;
    k[PER_SIGMA] = (convis_real)(s.sigma > 0 ? 1/s.sigma : 0);
    k[D_WIDTH] = (convis_real)(is_exact(p) ? d_part/(2*part) : -0.5/tau);
    k[FOLLOW] = (convis_real)(preserves_constants(p) ? b : 0);
    k[MAP_W] = (convis_real)p->out_shape.dim[CONVIS_X];
    k[MAP_H] = (convis_real)p->out_shape.dim[CONVIS_Y];
    s.sigma *= is_exact(p) ? sqrt(part) : sqrt(r);
    s.steps = 1;
    convis_blur_prepare(spread(p), p->context, p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y], convis_blur_varies(s), &s);
    return CONVIS_OK;
}

/* Rounded as the kernels round, so that a constant screen stays exactly what it was. */
static double baseline(const convis_pass *p, const double *x, double *state)
{
    double y = (double)((convis_real)p->param[GAIN]*(convis_real)x[0]);
    state[0] = preserves_constants(p) ? 0 : y;
    state[1] = x[0];
    state[2] = preserves_constants(p) ? y : 0;
    return y;
}

static void baseline_vjp(const convis_pass *p, const double *x, double d_y, const double *d_state, double *d_x, double *d_param,
                     double *const *d_array)
{
    (void)d_array;
    double d = d_y + d_state[preserves_constants(p) ? 2 : 0];
    d_x[0] += p->param[GAIN]*d + d_state[1];
    d_param[GAIN] += x[0]*d;
}

/* One pointwise kernel on a thread's rows, blurred from `in` to `out` strip by strip; then the columns. */
static void stage(convis_pass *p, const char *kernel, void *const *buffers, const convis_real *in, convis_real *out)
{
    void *scratch = blur_scratch(p);
    for (int64_t y0, y1 = -1; convis_next_strip(p, spread(p), &y0, &y1);) {
        convis_launch_rows(p, kernel, p->out_shape, y0, y1, buffers);
        convis_blur_rows(p, spread(p), in, out, planes(p), y0, y1, scratch);
    }
    convis_barrier(p);
    convis_blur_columns(p, spread(p), out, planes(p), scratch);
    convis_barrier(p);
}

static void charge(const convis_pass *p, const convis_real *w, const convis_real *reference, convis_real *y)
{
    convis_launch_own(p, "leaky_heat_charge", (void *[]){ p->constants, (void *)(uintptr_t)w, (void *)(uintptr_t)reference, y });
}

/* Each thread has references of its own: the same numbers, without waiting. */
static convis_status forward(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape);
    convis_real *w = p->state[0], *v = p->scratch, *now = small_scratch(p) + 2*p->thread*planes(p), *after = now + planes(p);
    void *k = p->constants, *before = p->state[1];
    convis_launch_rows(p, "leaky_heat_keep", one_each(p, 1), 0, 1, (void *[]){ k, p->state[2], now });
    if (p->tape[0]) {
        charge(p, w, now, p->tape[0]);
        convis_copy_rows(p, before, p->tape[0] + n);
    }
    for (int t = 0; t < p->frames; t++) {
        void *x = (void *)(uintptr_t)(p->in[0] + t*n);
        convis_launch_rows(p, "leaky_heat_follow", one_each(p, 1), 0, 1, (void *[]){ k, x, now, after });
        if (is_exact(p)) {
            stage(p, "leaky_heat_first", (void *[]){ k, x, w, before, now, v }, v, v);
            if (p->tape[1]) charge(p, v, now, p->tape[1] + t*n);
            stage(p, "leaky_heat_second", (void *[]){ k, x, w, before, now, after, v }, v, w);
        } else {
            stage(p, "leaky_heat_mix", (void *[]){ k, x, w, before, now, after }, w, w);
        }
        charge(p, w, after, p->out + t*n);
        convis_real *last = now;
        now = after;
        after = last;
        before = x;
    }
    if (before != p->state[1]) convis_copy_rows(p, before, p->state[1]);
    if (p->thread == 0) convis_launch_rows(p, "leaky_heat_keep", one_each(p, 1), 0, 1, (void *[]){ k, now, p->state[2] });
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape);
    void *k = p->constants, *dw = p->d_state[0], *dbefore = p->d_state[1], *sums = p->d_map + TAU*n, *rows = small_scratch(p);
    void *g = convis_map_of(p, G), *blur_in = convis_map_of(p, BLUR_IN);
    convis_blur_back back = {
        .g = g, .x = blur_in, .dsigma = p->requires_gradient & (1u | 1u << TAU) ? convis_map_of(p, D_LN_SIGMA) : NULL, .scale = 1,
        .planes = planes(p), .spare = convis_map_of(p, SPARE), .scratch = blur_scratch(p),
    };
    for (int t = p->frames - 1; t >= 0; t--) {
        void *x = (void *)(uintptr_t)(p->in[0] + t*n), *dy = (void *)(uintptr_t)(p->d_out + t*n);
        void *w = t ? p->out + (t - 1)*n : p->tape[0], *before = t ? (void *)(uintptr_t)(p->in[0] + (t - 1)*n) : p->tape[0] + n;
        void *v = is_exact(p) ? p->tape[1] + t*n : NULL, *dx = p->d_in[0] ? p->d_in[0] + t*n : convis_map_of(p, UNUSED);
        back.y = p->out + t*n;
        if (is_exact(p)) {
            convis_blur_back_run(p, spread(p), &back, "leaky_heat_ask_second",
                                 (void *[]){ k, x, w, before, v, dy, dw, g, blur_in }, "leaky_heat_second_back",
                                 (void *[]){ k, x, w, before, v, g, blur_in, dw, dbefore, dx, sums });
            back.y = v;
            convis_blur_back_run(p, spread(p), &back, NULL, NULL,
                                 "leaky_heat_first_back", (void *[]){ k, x, w, before, g, dw, dbefore, dx, sums });
        } else {
            convis_blur_back_run(p, spread(p), &back, "leaky_heat_ask_mix", (void *[]){ k, x, w, before, dy, dw, g, blur_in },
                                 "leaky_heat_mix_back", (void *[]){ k, x, w, before, g, dw, dbefore, dx, sums });
        }
    }
    convis_launch_own(p, "leaky_heat_width", (void *[]){ k, convis_map_of(p, D_LN_SIGMA), p->d_map, sums });
    int64_t h = p->out_shape.dim[CONVIS_Y];
    convis_launch_rows(p, "leaky_heat_row_sums", one_each(p, h), convis_share(h, p->thread, p->threads),
                       convis_share(h, p->thread + 1, p->threads), (void *[]){ k, dw, rows });
    convis_barrier(p);
    if (p->thread == 0) convis_launch_rows(p, "leaky_heat_map_sums", one_each(p, 1), 0, 1, (void *[]){ k, rows, p->d_state[2] });
    return CONVIS_OK;
}

CONVIS_LAYER_KERNELS(leaky_heat)
const convis_layer_type convis_leaky_heat = {
    .abi = CONVIS_LAYER_ABI, .name = "leaky_heat", .doc = "leaky heat equation: low pass and blur in one",
    .params = params, .states = states, .inputs = 1, .tape = 2, .kernels = leaky_heat_kernels, .source = convis_leaky_heat_source,
    .plan = plan, .prepare = prepare, .baseline = baseline, .baseline_vjp = baseline_vjp, .forward = forward, .vjp = vjp, .device_capable = 1,
    .capturable = 1,
};
#endif
