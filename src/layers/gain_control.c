/* gain_control.c - contrast gain control: bipolar cells whose leak is set by what their neighbourhood did (Wohrer & Kornprobst 2009).
 *
 *      V' = lambda x + A E_inh + J - (g0 + A) V                current in, leak g0 and adaptation conductance A out
 *      A  = (blur sigma_A, low pass tau_A) of Q(V)             Q(V) = S(V - th) + S(-V - th),  S(u) = G w/(1+w), w = F u^p/G
 *      J  = w_T low pass tau_T of V                            custom only;  G = 5e5 Hz: synapses saturate
 *
 * Each step takes V exactly, with x, A and J constant over it: att = exp(-h (g0+A)), V -> Vinf + (V - Vinf) att.
 * - VirtualRetina (exact = 0; SPEC 6): V[t] from V[t-1], A[t-1]; A[t] from Q(V[t-1]). First order in dt.
 * - exact = 1: V at whole and A at half steps of h = dt/m <= substep, A[j+1/2] from Q(V[j]): second order at the same
 *   price. x moves linearly from frame to frame.
 *
 * Adjoint of one step, g arriving at V, D_A at A: with e = 1 - att, G = g0+A:  dx = g lambda e/G;
 *      dV_before = g att + Q'(V) (blur' b_A D_A);  dA_before = (1 - b_A) D_A + g ((E_inh - Vinf) e/G - h att (V_before - Vinf))
 *      and dlambda, dg0, dF, dtau_A, dsigma_A by the same quotients. The tape keeps V and A before the step. */
#include <convis/kernel.h>

/* What a kernel gets, one block a substep. */
enum { K_LAMBDA, K_G0, K_F, K_P, K_E, K_TH, K_SYM, K_WT, K_BT, K_H, K_BA, K_OLD, K_NEW, K_EXACT, K_LAST, K_COUNT = 16 };

#ifndef CONVIS_HOST

/* S of one port; p = 2 needs no power. */
CONVIS_INLINE real port(real u, real F, real p)
{
    u = convis_max(u, R(0.0));
    real w = p == 2 ? F*u*u : u > 0 ? F*convis_exp(p*convis_log(convis_max(u, R(1e-30)))) : R(0.0);
    w = convis_min(w, R(1e30));                  /* what overflowed is saturated, too */
    return w/(1 + w*R(2e-6));
}

CONVIS_INLINE void bipolar_step(PARAM k, integer i, IN x, OUT y, STATE v, STATE a, STATE before, STATE j, OUT q, int square, int custom)
{
    real old = v[i], g = k[K_G0] + a[i], p = square ? R(2.0) : k[K_P];
    real drive = k[K_LAMBDA]*(k[K_OLD]*before[i] + k[K_NEW]*x[i]);
    if (custom) drive += a[i]*k[K_E] + j[i];
    real rest = drive/g, att = convis_exp(-k[K_H]*g);
    real now = rest + (old - rest)*att, heard = k[K_EXACT] > 0 ? now : old;
    v[i] = now;
    y[i] = now;
    if (custom) {
        q[i] = port(heard - k[K_TH], k[K_F], p) + k[K_SYM]*port(-heard - k[K_TH], k[K_F], p);
        j[i] += k[K_BT]*(k[K_WT]*heard - j[i]);
    } else {
        q[i] = port(heard < 0 ? -heard : heard, k[K_F], p);      /* symmetric, no threshold: one port is silent */
    }
    before[i] = k[K_LAST] > 0 ? x[i] : before[i];
}

CONVIS_KERNEL8(gain_control_bipolar, PARAM k, IN x, OUT y, STATE v, STATE a, STATE before, STATE j, OUT q)
{
    if (k[K_P] == 2 && k[K_TH] == 0 && k[K_SYM] == 1 && k[K_WT] == 0 && k[K_E] == 0) {
        CONVIS_PIXELS(i) bipolar_step(k, i, x, y, v, a, before, j, q, 1, 0);
    } else {
        CONVIS_PIXELS(i) bipolar_step(k, i, x, y, v, a, before, j, q, 0, 1);
    }
}

CONVIS_KERNEL3(gain_control_adapt, PARAM k, IN q, STATE a)
{
    CONVIS_PIXELS(i) a[i] += k[K_BA]*(q[i] - a[i]);
}

/* For those who ask. */
CONVIS_KERNEL3(gain_control_attenuation, PARAM k, IN a, OUT attenuation)
{
    CONVIS_PIXELS(i) attenuation[i] = convis_exp(-k[K_H]*(k[K_G0] + a[i]));
}

CONVIS_KERNEL2(gain_control_copy, IN a, OUT adaptation)
{
    CONVIS_PIXELS(i) adaptation[i] = a[i];
}

CONVIS_EXPORT(gain_control, CONVIS_ENTRY(gain_control_bipolar) CONVIS_ENTRY(gain_control_adapt) CONVIS_ENTRY(gain_control_attenuation)
              CONVIS_ENTRY(gain_control_copy))

#else
#include "../kernels/blur.h"

/* Places in the table, after the rows of the blur. */
enum { TAU = CONVIS_BLUR_FIELD_COUNT, AMPLIFICATION, LEAK, FEEDBACK, EXPONENT, E_INH, SYMMETRIC, THRESHOLD,
       TRANSIENT_WEIGHT, TRANSIENT_TAU, EXACT, SUBSTEP };

static const convis_field params[] = {
    CONVIS_BLUR_FIELDS,
    { "tau",              "s",  0.010, 0, 1e3, 0, "time constant of the adaptation" },
    { "amplification",    "Hz", 100, -1e6, 1e6, 0, "current per unit of input (lambda)" },
    { "leak",             "Hz", 10, 0, 1e5, 0, "inert leak (g0)" },
    { "feedback",         "Hz", 100, 0, 1e6, 0, "adaptation conductance at V = 1 (F)" },
    { "exponent",         "1",  2, 0.1, 10, 0, "power of V that drives adaptation (p)" },
    { "reversal",         "1",  0, -1e3, 1e3, 0, "reversal potential of the adaptation (E_inh)" },
    { "symmetric",        "1",  1, 0, 1, CONVIS_WHOLE, "1: ON and OFF both adapt; 0: ON only" },
    { "threshold",        "1",  0, -1e3, 1e3, 0, "of the synapse from bipolar cells to adaptation (th)" },
    { "transient_weight", "Hz", 0, -1e6, 1e6, 0, "slow feedback on the current (w_T)" },
    { "transient_tau",    "s",  0.03, 0, 1e3, 0, "its time constant" },
    { "exact",            "1",  1, 0, 1, CONVIS_WHOLE | CONVIS_PLAN, "1: second order in dt; 0: VirtualRetina's hand-overs" },
    { "substep",          "s",  0.001, 1e-6, 1, CONVIS_FIXED | CONVIS_PLAN, "longest step when exact" },
    { 0 }
};
static const convis_field states[] = {
    { "V",      "1",  0, 0, 0, 0, "bipolar potential" },
    { "A",      "Hz", 0, 0, 0, 0, "adaptation conductance" },
    { "before", "1",  0, 0, 0, 0, "previous input" },
    { "J",      "Hz", 0, 0, 0, 0, "transient feedback" },
    { 0 }
};
static const convis_field outputs[] = {
    { "adaptation",  "Hz", 0, 0, 0, 0, "A" },
    { "attenuation", "1",  0, 0, 0, 0, "exp(-h (g0 + A)) of the (last sub)step" },
    { 0 }
};

static int substeps(const convis_pass *p)
{
    if (!(p->param[EXACT] > 0)) return 1;
    double m = ceil(p->dt/p->param[SUBSTEP] - 1e-9);
    return m < 1 ? 1 : m > 100000 ? 100000 : (int)m;
}

/* constants: the blocks of numbers, then the blur. scratch: q, then the blur's. */
static size_t numbers_size(const convis_pass *p) { return ((size_t)substeps(p)*K_COUNT*sizeof(convis_real) + 63)/64*64; }
static convis_blur *neighbourhood(const convis_pass *p) { return (convis_blur *)((char *)p->constants + numbers_size(p)); }
static size_t map_size(const convis_pass *p) { return ((size_t)convis_elements(p->out_shape)*sizeof(convis_real) + 63)/64*64; }

static convis_status plan(convis_pass *p)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    p->constants_size = numbers_size(p) + convis_blur_size(w, h, convis_blur_varies(convis_blur_spec_of(p->param, 0)));
    p->scratch_size = map_size(p) + convis_blur_scratch(w, h, p->threads);
    return CONVIS_OK;
}

static double share(double h, double tau) { return tau > 0 ? -expm1(-h/tau) : 1; }

static convis_status prepare(convis_pass *p)
{
    const double *a = p->param;
    convis_blur_spec s = convis_blur_spec_of(a, 0);
    convis_blur_prepare(neighbourhood(p), p->context, p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y], convis_blur_varies(s), &s);
    if (a[LEAK] <= 0 && !(a[EXACT] > 0))
        return convis_fail(p->context, CONVIS_EINVAL, "%s.leak: 0 Hz, expected a positive leak", p->path);
    int m = substeps(p), exact = a[EXACT] > 0;
    double h = p->dt/m;
    for (int j = 0; j < m; j++) {
        convis_real *k = (convis_real *)p->constants + j*K_COUNT;
        double middle = ((double)j + 0.5)/m;             /* of the substep, from the previous input to the present one */
        double number[K_COUNT] = { a[AMPLIFICATION], a[LEAK], a[FEEDBACK], a[EXPONENT], a[E_INH], a[THRESHOLD], a[SYMMETRIC],
            a[TRANSIENT_WEIGHT], share(h, a[TRANSIENT_TAU]), h, share(h, a[TAU]), exact ? 1 - middle : 0, exact ? middle : 1,
            exact, j == m - 1 };
        if (number[K_G0] < 1e-6) number[K_G0] = 1e-6;    /* V = drive/leak must stay a number when A = 0 */
        for (int i = 0; i < K_COUNT; i++) k[i] = (convis_real)number[i];
    }
    return CONVIS_OK;
}

/* Q of the equations above, in double. */
static double drive(const double *a, double v)
{
    double q = 0;
    for (int side = 0; side < 2; side++) {
        double u = (side ? -v : v) - a[THRESHOLD], w = u > 0 ? a[FEEDBACK]*pow(u, a[EXPONENT]) : 0;
        if (!side || a[SYMMETRIC] > 0) q += w/(1 + w/5e5);
    }
    return q;
}

/* What flows in less what flows out when V has been v for long. */
static double balance(const double *a, double x, double v)
{
    double q = drive(a, v);
    return a[AMPLIFICATION]*x + q*a[E_INH] + a[TRANSIENT_WEIGHT]*v - (fmax(a[LEAK], 1e-6) + q)*v;
}

/* exact: settled, V where the balance is 0. VirtualRetina starts at rest whatever it heard. */
static double past(const convis_pass *p, const double *x, double *state)
{
    const double *a = p->param;
    double most = 1 + fabs(a[E_INH]) + fabs(a[AMPLIFICATION]*x[0])/fmax(a[LEAK], 1e-6), low = -most, high = most;
    state[2] = x[0];
    if (!(a[EXACT] > 0) || balance(a, x[0], low) < 0 || balance(a, x[0], high) > 0 || balance(a, x[0], 0) == 0) return 0;
    for (int k = 0; k < 200; k++) {
        double v = 0.5*(low + high);
        if (balance(a, x[0], v) > 0) low = v; else high = v;
    }
    state[0] = 0.5*(low + high);
    state[1] = drive(a, state[0]);
    state[3] = a[TRANSIENT_WEIGHT]*state[0];
    return state[0];
}

static void forward(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape), planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C];
    convis_real *v = p->state[0], *a = p->state[1], *before = p->state[2], *j = p->state[3], *q = p->scratch;
    void *blur_scratch = (char *)p->scratch + map_size(p);
    int m = substeps(p);
    int64_t h = p->out_shape.dim[CONVIS_Y], first = convis_share(h, p->thread, p->threads), end = convis_share(h, p->thread + 1, p->threads);
    for (int t = 0; t < p->frames; t++) {
        void *x = (void *)(uintptr_t)(p->in[0] + t*n), *y = p->out + t*n;
        for (int s = 0; s < m; s++) {
            void *k = (convis_real *)p->constants + s*K_COUNT;
            for (int64_t y0, y1 = -1; convis_next_strip(p, neighbourhood(p), &y0, &y1);) {
                if (p->extra[1]) convis_launch_rows(p, "gain_control_attenuation", p->out_shape, y0, y1, (void *[]){ k, a, p->extra[1] + t*n });
                convis_launch_rows(p, "gain_control_bipolar", p->out_shape, y0, y1, (void *[]){ k, x, y, v, a, before, j, q });
                convis_blur_rows(p, neighbourhood(p), q, q, planes, y0, y1, blur_scratch);
            }
            convis_barrier(p);
            convis_blur_columns(p, neighbourhood(p), q, planes, blur_scratch);
            convis_barrier(p);
            convis_launch_rows(p, "gain_control_adapt", p->out_shape, first, end, (void *[]){ k, q, a });
        }
        if (p->extra[0]) convis_launch_rows(p, "gain_control_copy", p->out_shape, first, end, (void *[]){ a, p->extra[0] + t*n });
    }
}

CONVIS_LAYER_KERNELS(gain_control)
const convis_layer_type convis_gain_control = {
    .abi = CONVIS_LAYER_ABI, .name = "gain_control", .doc = "bipolar cells with contrast gain control",
    .params = params, .states = states, .outputs = outputs, .inputs = 1, .kernels = gain_control_kernels,
    .source = convis_gain_control_source, .plan = plan, .prepare = prepare, .past = past, .forward = forward,
};
#endif
