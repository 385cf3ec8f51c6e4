/* luminance_gain.c - receptors and horizontal cells with luminance gain control: VirtualRetina's experimental OPL (SPEC 5).
 *
 *      P' = x + F H E_n - (g0 + F H) P             receptor; x raw luminance, F H the horizontal cells' conductance
 *      H  = (blur sigma, low pass tau) of S(P)     S(v) = G w/(1+w), w = v/G for v > 0, else 0;  G = 5e5
 *      y  = P - weight H
 *
 * P takes each step exactly with x and H constant over it, as an increment; what rounding takes from P and H is stored
 * (convis_gather), as in lowpass.c. exact = 0: P[t] from H[t-1], H[t] from P[t-1], as the
 * original. exact = 1: P at whole, H at half steps of h <= substep, H[j+1/2] from P[j]; second order, as gain_control.c.
 * The adjoint is that of gain_control.c with A = F H, lambda = 1, E_inh = E_n and Q = S. The tape stores P and H
 * around each substep, and B S. */
#include <convis/kernel.h>

/* PER_B, D_B: 1/b, b by tau. */
enum { K_G0, K_F, K_EN, K_W, K_H, K_B, K_EXACT, K_PER_B, K_DB, K_COUNT = 16 };
/* Gradients of parameters, in the order of the table from tau on. */
enum { S_TAU, S_G0, S_F, S_EN, S_W, S_COUNT };

#ifndef CONVIS_HOST

/* g0 + F H, which a negative F, or leak, may bring to nothing. */
CONVIS_INLINE real luminance_conductance(PARAM k, real f)
{
    real g = k[K_G0] + f;
    return g == 0 ? R(1e-20) : g;
}

CONVIS_KERNEL6(luminance_receptor, PARAM k, IN x, STATE p, STATE h, STATE p_low, OUT q)
{
    CONVIS_PIXELS(i) {
        real old = p[i], f = k[K_F]*h[i], g = luminance_conductance(k, f);
        real low = p_low[i] + (g*old - (x[i] + f*k[K_EN]))*(convis_expm1(-k[K_H]*g)/g);
        low = convis_min(convis_max(low, R(-1e30)), R(1e30));        /* what diverges stays finite */
        real now = convis_gather(old, &low), source = convis_max(k[K_EXACT] > 0 ? now : old, R(0.0));
        p_low[i] = low;
        p[i] = now;
        q[i] = source/(1 + source*R(2e-6));
    }
}

CONVIS_KERNEL6(luminance_horizontal, PARAM k, IN q, STATE p, STATE h, STATE h_low, OUT y)
{
    CONVIS_PIXELS(i) {
        real low = h_low[i] + k[K_B]*(q[i] - h[i]);
        h[i] = convis_gather(h[i], &low);
        h_low[i] = low;
        y[i] = p[i] - k[K_W]*h[i];
    }
}

/* The backward pass: from a frame's output to P, H and weight; after is H then. */
CONVIS_KERNEL6(luminance_output_back, PARAM k, IN dy, IN after, STATE dp, STATE dh, OUT dweight)
{
    CONVIS_PIXELS(i) {
        dp[i] += dy[i];
        dh[i] -= k[K_W]*dy[i];
        dweight[i] -= dy[i]*after[i];
    }
}

/* Of a substep, before the blur: what arrives at the blurred S, and what S was. source: P. */
CONVIS_KERNEL5(luminance_ask, PARAM k, IN source, IN dh, OUT g, OUT q)
{
    CONVIS_PIXELS(i) {
        real v = convis_max(source[i], R(0.0));
        g[i] = k[K_B]*dh[i];
        q[i] = v/(1 + v*R(2e-6));
    }
}

/* And after it. w: what arrives at S. */
CONVIS_KERNEL12(luminance_back, PARAM k, IN x, IN p, IN h, IN source, IN w, IN q, STATE dp, STATE dh, OUT dx, OUT sums,
                OUT dp_low)
{
    real part[S_COUNT*CONVIS_GROUP];
    CONVIS_GROUPS(g0, count) {
        for (integer l = 0; l < count; l++) {
            integer i = g0 + l;
            real f = k[K_F]*h[i], g = luminance_conductance(k, f), gone = convis_expm1(-k[K_H]*g), att = 1 + gone;
            real rest = (x[i] + f*k[K_EN])/g, share = -gone/g;
            real v = convis_max(source[i], R(0.0)), per = 1/(1 + v*R(2e-6)), to_source = source[i] > 0 ? w[i]*per*per : R(0.0);
            real at_p = k[K_EXACT] > 0 ? dp[i] + to_source : dp[i], to_drive = at_p*share;
            real to_g = -at_p*((p[i] - rest)*(k[K_H]*att) + rest*share), to_f = to_g + k[K_EN]*to_drive;
            part[S_TAU*CONVIS_GROUP + l] = k[K_DB]*(k[K_PER_B]*(w[i]*q[i]) - dh[i]*h[i]);
            part[S_G0*CONVIS_GROUP + l] = to_g;
            part[S_F*CONVIS_GROUP + l] = to_f*h[i];
            part[S_EN*CONVIS_GROUP + l] = to_drive*f;
            dx[i] += to_drive;
            dp_low[i] = at_p;
            dp[i] = k[K_EXACT] > 0 ? at_p*att : at_p*att + to_source;
            dh[i] = (1 - k[K_B])*dh[i] + k[K_F]*to_f;
        }
        for (int s = 0; s < S_W; s++)
            for (integer l = 0; l < count; l++) sums[s*map_size + g0 + l] += part[s*CONVIS_GROUP + l];
    }
}

CONVIS_EXPORT(luminance_gain, CONVIS_ENTRY(luminance_receptor) CONVIS_ENTRY(luminance_horizontal)
              CONVIS_ENTRY(luminance_output_back) CONVIS_ENTRY(luminance_ask) CONVIS_ENTRY(luminance_back))

#else
#include "kernels/blur/blur.h"

enum { TAU = CONVIS_BLUR_FIELD_COUNT, LEAK, FEEDBACK, NERNST, WEIGHT, EXACT, SUBSTEP };

static const convis_field params[] = {
    CONVIS_BLUR_FIELDS,
    { "tau",      "s",  0.010, 0, 1e3, 0, "time constant of the horizontal cells" },
    { "leak",     "Hz", 10, -1e5, 1e5, 0, "inert leak of the receptors (g0); not 0" },
    { "feedback", "1",  200, -1e6, 1e6, 0, "horizontal feedback (F); negative: it takes leak away" },
    { "nernst",   "1",  0, -1e3, 1e3, 0, "reversal potential of the feedback (E_n)" },
    { "weight",   "1",  0, -1e3, 1e3, 0, "of the horizontal cells in the output" },
    { "exact",    "off|on", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "on: second order in dt; off: first order, as VirtualRetina" },
    { "substep",  "s",  0.001, 1e-6, 1, CONVIS_FIXED | CONVIS_PLAN, "longest step when exact" },
    { 0 }
};
static const convis_field states[] = {
    { "P", "1", 0, 0, 0, 0, "receptor" },
    { "H", "1", 0, 0, 0, 0, "horizontal cells" },
    { "P_low", "1", 0, 0, 0, 0, "what P is too coarse for" },
    { "H_low", "1", 0, 0, 0, 0, "what H is too coarse for" },
    { 0 }
};
static const convis_field outputs[] = {
    { "receptor",   "1", 0, 0, 0, 0, "P" },
    { "horizontal", "1", 0, 0, 0, 0, "H" },
    { 0 }
};

/* scratch: q, in the backward pass three more maps, then the blur's. */
enum { Q, G, SPARE, UNUSED, MAPS_BACK };
static size_t numbers_size(void) { return (K_COUNT*sizeof(convis_real) + 63)/64*64; }
static convis_blur *neighbourhood(const convis_pass *p) { return (convis_blur *)((char *)p->constants + numbers_size()); }
static void *blur_scratch(const convis_pass *p) { return convis_map_of(p, p->recording ? MAPS_BACK : 1); }

enum { MOST_SUBSTEPS = 100000 };
static int substeps(const convis_pass *p)
{
    double m = p->param[EXACT] > 0 ? ceil(p->dt/p->param[SUBSTEP] - 1e-9) : 1;
    return m < 1 ? 1 : m > MOST_SUBSTEPS ? MOST_SUBSTEPS + 1 : (int)m;
}

/* The tape: of every frame P, H and B S of each of its substeps (m), P and H before it, and P and H after the last. */
enum { P, H, BLURRED, TAPED };
static int64_t taped_maps(const convis_pass *p) { return TAPED*substeps(p) + BLURRED; }
static convis_real *taped(const convis_pass *p, int kind, int t, int s)
{
    return p->tape[0] + (t*taped_maps(p) + TAPED*s + kind)*convis_elements(p->out_shape);
}

static convis_status plan(convis_pass *p)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    if (substeps(p) > MOST_SUBSTEPS)
        return convis_fail(p->context, CONVIS_ENOTSUP, "%s.substep: %.0f of %g s in a step of %g s, expected at most %d", p->path,
                           p->dt/p->param[SUBSTEP], p->param[SUBSTEP], p->dt, MOST_SUBSTEPS);
    p->constants_size = numbers_size() + convis_blur_size(w, h, convis_blur_varies(convis_blur_spec_of(p->param, 0)));
    p->scratch_size = (size_t)(p->recording ? MAPS_BACK : 1)*convis_map_size(p) + convis_blur_scratch(p);
    p->tape_shape[0] = p->out_shape;
    p->tape_shape[0].dim[CONVIS_B] *= taped_maps(p);
    return CONVIS_OK;
}

static convis_status prepare(convis_pass *p)
{
    const double *a = p->param;
    convis_blur_spec s = convis_blur_spec_of(a, 0);
    double h = p->dt/substeps(p);
    if (fabs(a[LEAK]) < 1e-6)
        return convis_fail(p->context, CONVIS_EINVAL, "%s.leak: %g Hz, expected at least 1e-6 Hz, or less than -1e-6 Hz", p->path,
                           a[LEAK]);
    double b = a[TAU] > 0 ? -expm1(-h/a[TAU]) : 1, db = a[TAU] > 0 ? (b - 1)*h/(a[TAU]*a[TAU]) : 0;
    double number[K_COUNT] = { a[LEAK], a[FEEDBACK], a[NERNST], a[WEIGHT], h, b, a[EXACT], 1/b, db };
    for (int k = 0; k < K_COUNT; k++) ((convis_real *)p->constants)[k] = (convis_real)number[k];
    convis_blur_prepare(neighbourhood(p), p->context, p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y],
                        convis_blur_varies(s), &s);
    return CONVIS_OK;
}

static double rectified(double v) { return v > 0 ? v/(1 + v/5e5) : 0; }

/* Does more flow in than out when P has been v for long? */
static int gains(const double *a, double x, double v)
{
    double f = a[FEEDBACK]*rectified(v);
    return x + f*a[NERNST] > (a[LEAK] + f)*v;
}

/* exact: settled, P where as much flows in as out. VirtualRetina starts in the dark whatever was before. */
static double baseline(const convis_pass *p, const double *x, double *state)
{
    const double *a = p->param;
    double low = 0, high = 1;
    if (!(a[EXACT] > 0) || !(x[0] > 0)) return 0;
    while (high < 1e12 && gains(a, x[0], high)) high *= 2;
    if (!(high < 1e12)) return 0;                            /* nothing holds it */
    for (int k = 0; k < 200; k++) {
        double v = 0.5*(low + high);
        if (gains(a, x[0], v)) low = v; else high = v;
    }
    state[0] = low;
    state[1] = rectified(low);
    return state[0] - a[WEIGHT]*state[1];
}

/* The states before substep s, or with s = m after the last, on a thread's rows; B S goes to the tape by itself. */
static void record(const convis_pass *p, int t, int s)
{
    if (!p->tape[0]) return;
    convis_copy_rows(p, p->state[0], taped(p, P, t, s));
    convis_copy_rows(p, p->state[1], taped(p, H, t, s));
}

static convis_status forward(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape), planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C];
    convis_real *receptor = p->state[0], *horizontal = p->state[1], *k = p->constants;
    int m = substeps(p);
    for (int t = 0; t < p->frames; t++) {
        void *x = (void *)(uintptr_t)(p->in[0] + t*n), *y = p->out + t*n;
        for (int s = 0; s < m; s++) {
            convis_real *q = p->tape[0] ? taped(p, BLURRED, t, s) : convis_map_of(p, Q);
            record(p, t, s);
            for (int64_t y0, y1 = -1; convis_next_strip(p, neighbourhood(p), &y0, &y1);) {
                convis_launch_rows(p, "luminance_receptor", p->out_shape, y0, y1,
                                   (void *[]){ k, x, receptor, horizontal, p->state[2], q });
                convis_blur_rows(p, neighbourhood(p), q, q, planes, y0, y1, blur_scratch(p));
            }
            convis_barrier(p);
            convis_blur_columns(p, neighbourhood(p), q, planes, blur_scratch(p));
            convis_barrier(p);
            convis_launch_own(p, "luminance_horizontal", (void *[]){ k, q, receptor, horizontal, p->state[3], y });
        }
        record(p, t, m);
        if (p->extra[0]) convis_copy_rows(p, receptor, p->extra[0] + t*n);
        if (p->extra[1]) convis_copy_rows(p, horizontal, p->extra[1] + t*n);
    }
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape);
    int m = substeps(p);
    convis_real *k = p->constants, *dp = p->d_state[0], *dh = p->d_state[1], *sums = p->d_map + TAU*n;
    convis_real *g = convis_map_of(p, G), *q = convis_map_of(p, Q);
    convis_blur_back back = {
        .g = g, .x = q, .dsigma = p->requires_gradient & 1 ? p->d_map : NULL, .scale = 1/p->param[0],
        .planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C], .spare = convis_map_of(p, SPARE), .scratch = blur_scratch(p),
    };
    for (int t = p->frames - 1; t >= 0; t--) {
        void *x = (void *)(uintptr_t)(p->in[0] + t*n), *dx = p->d_in[0] ? p->d_in[0] + t*n : convis_map_of(p, UNUSED);
        convis_launch_own(p, "luminance_output_back",
                          (void *[]){ k, (void *)(uintptr_t)(p->d_out + t*n), taped(p, H, t, m), dp, dh, sums + S_W*n });
        for (int s = m - 1; s >= 0; s--) {
            convis_real *before = taped(p, P, t, s), *source = p->param[EXACT] > 0 ? taped(p, P, t, s + 1) : before;
            back.y = taped(p, BLURRED, t, s);
            if (!t && !s) convis_copy_rows(p, dh, p->d_state[3]);       /* added to H unchanged, as P_low to P */
            convis_blur_back_run(p, neighbourhood(p), &back, "luminance_ask", (void *[]){ k, source, dh, g, q },
                "luminance_back", (void *[]){ k, x, before, taped(p, H, t, s), source, g, q, dp, dh, dx, sums, p->d_state[2] });
        }
    }
    return CONVIS_OK;
}

CONVIS_LAYER_KERNELS(luminance_gain)
const convis_layer_type convis_luminance_gain = {
    .abi = CONVIS_LAYER_ABI, .name = "luminance_gain", .doc = "outer plexiform layer with luminance gain control",
    .params = params, .states = states, .outputs = outputs, .inputs = 1, .tape = 1, .kernels = luminance_gain_kernels,
    .source = convis_luminance_gain_source, .plan = plan, .prepare = prepare, .baseline = baseline, .forward = forward, .vjp = vjp, .device_capable = 1,
    .capturable = 1,
};
#endif
