/* gain_control.c - contrast gain control: bipolar cells whose leak is set by what their neighbourhood did (Wohrer & Kornprobst 2009).
 *
 *      V' = lambda x + A E_inh + J - (g0 + A) V                current in, leak g0 and adaptation conductance A out
 *      A  = (blur sigma_A, low pass tau_A) of Q(V)             Q(V) = S(V - th) + S(-V - th),  S(u) = G w/(1+w), w = F u^p/G
 *      J  = w_T low pass tau_T of V                            custom only;  G = 5e5 Hz: synapses saturate
 *
 * F < 0 inverts both ports, as the original's synapses do: |F|, V - th becomes th - V, -V - th becomes V + th.
 *
 * Each step takes V exactly, with x, A and J constant over it: att = exp(-h (g0+A)), V -> Vinf + (V - Vinf) att. Steps of V, A
 * and J are taken as increments, and what rounding takes from them is stored (convis_gather), as in lowpass.c.
 * - VirtualRetina (exact = 0; SPEC 6): V[t] from V[t-1], A[t-1]; A[t] from Q(V[t-1]). First order in dt.
 * - exact = 1: V at whole and A at half steps of h = dt/m <= substep, A[j+1/2] from Q(V[j]): second order at the same
 *   price. x moves linearly from frame to frame.
 *
 * Adjoint of one step; D_V and D_A arrive at V and A after it, g = D_V + Q'(V) w where exact, else D_V:
 *      w = B' b_A D_A                          at Q; B' and dsigma: src/kernels/blur/blur.h
 *      d = g (1 - att)/(g0+A)                  at the drive lambda x + A E_inh + J
 *      e = -g ((V_before - Vinf) h att + Vinf (1 - att)/(g0+A))      at g0 + A
 *      D_V = g att (exact), g att + Q'(V) w;   D_A = (1 - b_A) D_A + e + E_inh d;   D_J = (1 - b_T) D_J + d
 *      dx, dlambda, dg0, dF, dtau_A ... by the chain; db_A = w Q/b_A - D_A A.
 * The tape stores A and B Q, J, and V of the substeps within a frame; V and x before the first frame of a pass. That leak and
 * Q are limited away from 0 and from infinity is not differentiated. */
#include <convis/kernel.h>

/* What a kernel gets, one block a substep. SIDE: the sign of F; F and TH: |F|, th times it. CUSTOM: more than the usual cell is
 * computed; PER_BA, D_BA, D_BT: 1/b_A, and derivatives by tau_A and tau_T. */
enum { K_LAMBDA, K_G0, K_F, K_P, K_E, K_TH, K_SYM, K_WT, K_BT, K_H, K_BA, K_OLD, K_NEW, K_EXACT, K_LAST, K_CUSTOM, K_PER_BA, K_DBA, K_DBT,
       K_SIDE, K_COUNT = 32 };
/* Gradients of parameters, in the order of the table from tau on. */
enum { S_TAU, S_LAMBDA, S_G0, S_F, S_USUAL, S_P = S_USUAL, S_E, S_SYM, S_TH, S_WT, S_TT, S_COUNT };

/* Are steps of A so small a part of it that what rounding takes from many would add up? */
CONVIS_INLINE int adapts_slowly(real share) { return share < R(0.03125); }

#ifndef CONVIS_HOST

/* S of one port; p = 2 needs no power. */
CONVIS_INLINE real port(real u, real F, real p)
{
    u = convis_max(u, R(0.0));
    real w = p == 2 ? F*u*u : u > 0 ? F*convis_exp(p*convis_log(convis_max(u, R(1e-30)))) : R(0.0);
    w = convis_min(w, R(1e30));                  /* what overflowed is saturated, too */
    return w/(1 + w*R(2e-6));
}

/* S'(u), and S by F and p. */
CONVIS_INLINE real port_slope(real u, real F, real p, real *by_F, real *by_p, int square)
{
    real on = u > 0 ? R(1.0) : R(0.0), v = convis_max(u, R(1e-30)), l = convis_log(v), power = square ? v*v : convis_exp(p*l);
    real w = convis_min(F*power, R(1e30)), per = 1/(1 + w*R(2e-6)), slope = on*per*per;
    *by_F = slope*power;
    *by_p = slope*w*l;
    return slope*(square ? 2*(F*v) : p*w/v);
}

CONVIS_INLINE real both_ports(PARAM k, real V, real p)
{
    real v = k[K_SIDE]*V;
    return port(v - k[K_TH], k[K_F], p) + k[K_SYM]*port(-v - k[K_TH], k[K_F], p);
}

/* The conductance g0 + A. Only custom cells may have a leak below 0, which A might bring to nothing. */
CONVIS_INLINE real conductance(PARAM k, real a, int custom)
{
    real g = k[K_G0] + a;
    return custom && g == 0 ? R(1e-20) : g;
}

CONVIS_INLINE void bipolar_step(PARAM k, integer i, IN x, OUT y, STATE v, STATE a, STATE before, STATE j, STATE v_low,
                                STATE j_low, OUT q, int held, int square, int custom)
{
    real old = v[i], g = conductance(k, a[i], custom), p = square ? R(2.0) : k[K_P];
    real drive = k[K_LAMBDA]*(held ? x[i] : k[K_OLD]*before[i] + k[K_NEW]*x[i]);
    if (custom) drive += a[i]*k[K_E] + j[i];
    real low = v_low[i] + (g*old - drive)*(convis_expm1(-k[K_H]*g)/g);
    if (custom) low = convis_min(convis_max(low, R(-1e18)), R(1e18));      /* what diverges stays finite, and so does its square */
    real now = convis_gather(old, &low), source = k[K_EXACT] > 0 ? now : old;
    v_low[i] = low;
    v[i] = now;
    y[i] = now;
    if (custom) {
        q[i] = both_ports(k, source, p);
        real rest = j_low[i] + k[K_BT]*(k[K_WT]*source - j[i]);
        j[i] = convis_gather(j[i], &rest);
        j_low[i] = rest;
    } else {
        q[i] = port(source < 0 ? -source : source, k[K_F], p);      /* symmetric, no threshold: one port is silent */
    }
    if (!held) before[i] = k[K_LAST] > 0 ? x[i] : before[i];
}

CONVIS_KERNEL10(gain_control_bipolar, PARAM k, IN x, OUT y, STATE v, STATE a, STATE before, STATE j, STATE v_low, STATE j_low,
                OUT q)
{
    /* The usual cells have a loop of their own, and so have those of which the frame before does not matter. */
#define STEP(held, square, custom) CONVIS_PIXELS(i) bipolar_step(k, i, x, y, v, a, before, j, v_low, j_low, q, held, square, custom)
    if (k[K_CUSTOM] > 0 && k[K_P] == 2) STEP(0, 1, 1);
    else if (k[K_CUSTOM] > 0)           STEP(0, 0, 1);
    else if (k[K_EXACT] > 0)            STEP(0, 1, 0);
    else                                STEP(1, 1, 0);
#undef STEP
}

CONVIS_KERNEL4(gain_control_adapt, PARAM k, IN q, STATE a, STATE a_low)
{
    if (adapts_slowly(k[K_BA])) {
        CONVIS_PIXELS(i) {
            real low = a_low[i] + k[K_BA]*(q[i] - a[i]);
            a[i] = convis_gather(a[i], &low);
            a_low[i] = low;
        }
    } else {
        CONVIS_PIXELS(i) a[i] += k[K_BA]*(q[i] - a[i]);
    }
}

/* An output, computed if probed. */
CONVIS_KERNEL3(gain_control_attenuation, PARAM k, IN a, OUT attenuation)
{
    CONVIS_PIXELS(i) attenuation[i] = convis_exp(-k[K_H]*(k[K_G0] + a[i]));
}

/* The backward pass of a substep, before the blur: what arrives at V, at the blurred Q, and what Q was. source: V. */
CONVIS_KERNEL7(gain_control_ask, PARAM k, IN source, IN dy, STATE dv, IN da, OUT g, OUT q)
{
    if (k[K_LAST] > 0) CONVIS_PIXELS(i) dv[i] += dy[i];
    CONVIS_PIXELS(i) g[i] = k[K_BA]*da[i];
    if (!(k[K_CUSTOM] > 0)) CONVIS_PIXELS(i) q[i] = port(source[i] < 0 ? -source[i] : source[i], k[K_F], R(2.0));
    else if (k[K_P] == 2)   CONVIS_PIXELS(i) q[i] = both_ports(k, source[i], R(2.0));
    else                    CONVIS_PIXELS(i) q[i] = both_ports(k, source[i], k[K_P]);
}

/* And after it. w: what arrives at Q; part: what pixel i adds to the gradients of parameters, CONVIS_GROUP apart. */
CONVIS_INLINE void bipolar_back(PARAM k, integer i, IN x, IN v, IN a, IN before, IN j, IN source, IN w, IN q, STATE dv, STATE da,
                                STATE dbefore, STATE dj, OUT dx, OUT dv_low, real *restrict part, int exact, int custom,
                                int square)
{
    real g = conductance(k, a[i], custom), per_g = 1/g, gone = convis_expm1(-k[K_H]*g), att = 1 + gone;
    real signal = k[K_OLD]*before[i] + k[K_NEW]*x[i], drive = k[K_LAMBDA]*signal, to_source;
    if (custom) {
        real on_F, on_p, off_F = R(0.0), off_p = R(0.0), on, off = R(0.0), from_j = k[K_BT]*dj[i];
        real side_of_F = k[K_SIDE], h = side_of_F*source[i];
        if (square) {                                            /* no port is on while the other is */
            real side = h < 0 ? k[K_SYM] : R(1.0),
                 both = side*port_slope((h < 0 ? -h : h) - k[K_TH], k[K_F], R(2.0), &on_F, &on_p, 1);
            on_F *= side;
            on_p *= side;
            on = h < 0 ? R(0.0) : both;
            off = both - on;
        } else {
            on = port_slope(h - k[K_TH], k[K_F], k[K_P], &on_F, &on_p, 0);
            off = k[K_SYM]*port_slope(-h - k[K_TH], k[K_F], k[K_P], &off_F, &off_p, 0);
        }
        drive += a[i]*k[K_E] + j[i];
        to_source = side_of_F*(on - off)*w[i] + k[K_WT]*from_j;
        part[S_F*CONVIS_GROUP] = side_of_F*w[i]*(on_F + k[K_SYM]*off_F);
        part[S_P*CONVIS_GROUP] = w[i]*(on_p + k[K_SYM]*off_p);
        part[S_TH*CONVIS_GROUP] = -side_of_F*w[i]*(on + off);
        part[S_WT*CONVIS_GROUP] = from_j*source[i];
        part[S_TT*CONVIS_GROUP] = k[K_DBT]*dj[i]*(k[K_WT]*source[i] - j[i]);
    } else {
        real u = source[i], power = u*u, per = 1/(1 + convis_min(k[K_F]*power, R(1e30))*R(2e-6));
        to_source = 2*per*per*(k[K_F]*u)*w[i];
        part[S_F*CONVIS_GROUP] = k[K_SIDE]*w[i]*(per*per*power);
    }
    real at_v = exact ? dv[i] + to_source : dv[i], rest = drive*per_g, share = -gone*per_g, to_drive = at_v*share;
    real to_g = -at_v*((v[i] - rest)*(k[K_H]*att) + rest*share), to_signal = k[K_LAMBDA]*to_drive;
    real whole = k[K_LAST] > 0 ? dbefore[i] : R(0.0);            /* the frame's end is the next one's x[t-1] */
    part[S_TAU*CONVIS_GROUP] = k[K_DBA]*(k[K_PER_BA]*(w[i]*q[i]) - da[i]*a[i]);
    part[S_LAMBDA*CONVIS_GROUP] = to_drive*signal;
    part[S_G0*CONVIS_GROUP] = to_g;
    dx[i] += k[K_NEW]*to_signal + whole;
    dbefore[i] = (dbefore[i] - whole) + k[K_OLD]*to_signal;
    dv[i] = at_v*att + (exact ? R(0.0) : to_source);
    dv_low[i] = at_v;
    real at_a = (1 - k[K_BA])*da[i] + to_g;
    if (custom) {
        part[S_E*CONVIS_GROUP] = to_drive*a[i];
        at_a += k[K_E]*to_drive;
        dj[i] = (1 - k[K_BT])*dj[i] + to_drive;
    }
    da[i] = at_a;
}

/* The parts go through a small array, as a compiler would not believe that the rows of `sums` are apart. */
#define BACK(exact, custom, square)                                                                                             \
    for (integer l = 0; l < count; l++)                                                                                         \
        bipolar_back(k, g + l, x, v, a, before, j, source, w, q, dv, da, dbefore, dj, dx, dv_low, part + l, exact, custom, square)
CONVIS_KERNEL16(gain_control_back, PARAM k, IN x, IN v, IN a, IN before, IN j, IN source, IN w, IN q, STATE dv, STATE da,
                STATE dbefore, STATE dj, OUT dx, OUT sums, OUT dv_low)
{
    int exact = k[K_EXACT] > 0, custom = k[K_CUSTOM] > 0, square = k[K_P] == 2 && k[K_TH] >= 0;
    real part[S_COUNT*CONVIS_GROUP];
    for (int l = 0; l < S_COUNT*CONVIS_GROUP; l++) part[l] = 0;
    CONVIS_GROUPS(g, count) {
        if (exact) { if (!custom) BACK(1, 0, 1); else if (square) BACK(1, 1, 1); else BACK(1, 1, 0); }
        else       { if (!custom) BACK(0, 0, 1); else if (square) BACK(0, 1, 1); else BACK(0, 1, 0); }
        for (int s = 0; s < (custom ? S_COUNT : S_USUAL); s++)
            for (integer l = 0; l < count; l++) sums[s*map_size + g + l] += part[s*CONVIS_GROUP + l];
    }
}

CONVIS_EXPORT(gain_control,
              CONVIS_ENTRY(gain_control_bipolar) CONVIS_ENTRY(gain_control_adapt) CONVIS_ENTRY(gain_control_attenuation)
              CONVIS_ENTRY(gain_control_ask) CONVIS_ENTRY(gain_control_back))

#else
#include "kernels/blur/blur.h"

/* Places in the table, after the rows of the blur. */
enum { TAU = CONVIS_BLUR_FIELD_COUNT, AMPLIFICATION, LEAK, FEEDBACK, EXPONENT, E_INH, SYMMETRIC, THRESHOLD,
       TRANSIENT_WEIGHT, TRANSIENT_TAU, EXACT, SUBSTEP };

static const convis_field params[] = {
    CONVIS_BLUR_FIELDS,
    { "tau",              "s",  0.010, 0, 1e3, 0, "time constant of the adaptation" },
    { "amplification",    "Hz", 100, -1e6, 1e6, 0, "current per unit of input (lambda)" },
    { "leak",             "Hz", 10, -1e5, 1e5, 0, "inert leak (g0)" },
    { "feedback",         "Hz", 100, -1e9, 1e9, 0, "adaptation conductance at V = 1 (F); negative: ON and OFF change places" },
    { "exponent",         "1",  2, 0, 100, 0, "power of V that drives adaptation (p)" },
    { "reversal",         "1",  0, -1e3, 1e3, 0, "reversal potential of the adaptation (E_inh)" },
    { "symmetric",        "off|on", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS, "on: ON and OFF both adapt; off: ON only" },
    { "threshold",        "1",  0, -1e3, 1e3, 0, "of the synapse from bipolar cells to adaptation (th)" },
    { "transient_weight", "Hz", 0, -1e6, 1e6, 0, "slow feedback on the current (w_T)" },
    { "transient_tau",    "s",  0.03, 0, 1e3, 0, "its time constant" },
    { "exact",            "off|on", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "on: second order in dt; off: first order, as VirtualRetina" },
    { "substep",          "s",  0.001, 1e-6, 1, CONVIS_FIXED | CONVIS_PLAN, "longest step when exact" },
    { 0 }
};
static const convis_field states[] = {
    { "V",      "1",  0, 0, 0, 0, "bipolar potential" },
    { "A",      "Hz", 0, 0, 0, 0, "adaptation conductance" },
    { "before", "1",  0, 0, 0, 0, "previous input" },
    { "J",      "Hz", 0, 0, 0, 0, "transient feedback" },
    { "V_low",  "1",  0, 0, 0, 0, "what V is too coarse for" },
    { "A_low",  "Hz", 0, 0, 0, 0, "what A is too coarse for" },
    { "J_low",  "Hz", 0, 0, 0, 0, "what J is too coarse for" },
    { 0 }
};
enum { V, A, BEFORE, J, V_LOW, A_LOW, J_LOW };
static const convis_field outputs[] = {
    { "adaptation",  "Hz", 0, 0, 0, 0, "A" },
    { "attenuation", "1",  0, 0, 0, 0, "exp(-h (g0 + A)) of the (last sub)step" },
    { 0 }
};

enum { MOST_SUBSTEPS = 100000 };
static int substeps(const convis_pass *p)
{
    double m = p->param[EXACT] > 0 ? ceil(p->dt/p->param[SUBSTEP] - 1e-9) : 1;
    return m < 1 ? 1 : m > MOST_SUBSTEPS ? MOST_SUBSTEPS + 1 : (int)m;
}

/* constants: the blocks of numbers, then the blur. scratch: q, in the backward pass three more maps, then the blur's. */
enum { Q, G, SPARE, UNUSED, MAPS_BACK };
static size_t numbers_size(const convis_pass *p) { return ((size_t)substeps(p)*K_COUNT*sizeof(convis_real) + 63)/64*64; }
static convis_blur *neighbourhood(const convis_pass *p) { return (convis_blur *)((char *)p->constants + numbers_size(p)); }
static void *blur_scratch(const convis_pass *p) { return convis_map_of(p, p->recording ? MAPS_BACK : 1); }

/* The tape: V and x before a pass, in its first frame's place; and of every frame as many A, B Q and J as it has substeps (m),
 * one V fewer. */
enum { START_V, START_BEFORE, START_MAPS };
static convis_real *taped(const convis_pass *p, int kind, int m, int t, int s)
{
    return p->tape[1] + ((int64_t)t*(4*m - 1) + kind*m + s)*convis_elements(p->out_shape);
}
static convis_real *taped_a(const convis_pass *p, int m, int t, int s) { return taped(p, 0, m, t, s); }
static convis_real *taped_q(const convis_pass *p, int m, int t, int s) { return taped(p, 1, m, t, s); }
static convis_real *taped_j(const convis_pass *p, int m, int t, int s) { return taped(p, 2, m, t, s); }
static convis_real *taped_v(const convis_pass *p, int m, int t, int s)      /* before substep s of frame t */
{
    return s ? taped(p, 3, m, t, s - 1) : t ? p->out + (t - 1)*convis_elements(p->out_shape) : p->tape[0];
}

static convis_status plan(convis_pass *p)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    if (substeps(p) > MOST_SUBSTEPS)
        return convis_fail(p->context, CONVIS_ENOTSUP, "%s.substep: %.0f of %g s in a step of %g s, expected at most %d", p->path,
                           p->dt/p->param[SUBSTEP], p->param[SUBSTEP], p->dt, MOST_SUBSTEPS);
    p->constants_size = numbers_size(p) + convis_blur_size(w, h, convis_blur_varies(convis_blur_spec_of(p->param, 0)));
    p->scratch_size = (size_t)(p->recording ? MAPS_BACK : 1)*convis_map_size(p) + convis_blur_scratch(p);
    if (p->recording) p->preferred_frames = 4;              /* a pass begins with copies */
    p->tape_shape[0] = p->tape_shape[1] = p->out_shape;
    p->tape_shape[0].dim[CONVIS_B] *= START_MAPS;
    p->tape_shape[1].dim[CONVIS_B] *= 4*substeps(p) - 1;
    return CONVIS_OK;
}

static double share(double h, double tau) { return tau > 0 ? -expm1(-h/tau) : 1; }
static double share_slope(double h, double tau) { return tau > 0 ? -exp(-h/tau)*h/(tau*tau) : 0; }

/* Cells with a threshold, a reversal potential or the like, and those for which such gradients are required. */
static int is_custom(const convis_pass *p)
{
    const double *a = p->param;
    const unsigned bits = 1u << EXPONENT | 1u << E_INH | 1u << THRESHOLD | 1u << TRANSIENT_WEIGHT | 1u << TRANSIENT_TAU;
    return a[LEAK] <= 0 || a[EXPONENT] != 2 || a[THRESHOLD] != 0 || a[SYMMETRIC] != 1 || a[TRANSIENT_WEIGHT] != 0 ||
           a[E_INH] != 0 || p->requires_gradient & bits;
}

static convis_status prepare(convis_pass *p)
{
    const double *a = p->param;
    convis_blur_spec s = convis_blur_spec_of(a, 0);
    convis_blur_prepare(neighbourhood(p), p->context, p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y],
                        convis_blur_varies(s), &s);
    if (a[LEAK] == 0 && !(a[EXACT] > 0)) return convis_fail(p->context, CONVIS_EINVAL, "%s.leak: 0 Hz, expected a leak", p->path);
    int m = substeps(p), exact = a[EXACT] > 0;
    double h = p->dt/m, side = a[FEEDBACK] < 0 ? -1 : 1;
    for (int j = 0; j < m; j++) {
        convis_real *k = (convis_real *)p->constants + j*K_COUNT;
        double middle = ((double)j + 0.5)/m;             /* of the substep, from the previous input to the present one */
        double number[K_COUNT] = { a[AMPLIFICATION], a[LEAK], fabs(a[FEEDBACK]), a[EXPONENT], a[E_INH], side*a[THRESHOLD], a[SYMMETRIC],
            a[TRANSIENT_WEIGHT], share(h, a[TRANSIENT_TAU]), h, share(h, a[TAU]), exact ? 1 - middle : 0, exact ? middle : 1,
            exact, j == m - 1, is_custom(p), 1/share(h, a[TAU]), share_slope(h, a[TAU]), share_slope(h, a[TRANSIENT_TAU]), side };
        if (fabs(number[K_G0]) < 1e-6) number[K_G0] = 1e-6;      /* V = drive/leak must stay finite when A = 0 */
        for (int i = 0; i < K_COUNT; i++) k[i] = (convis_real)number[i];
    }
    return CONVIS_OK;
}

/* Q of the equations above, in double. */
static double drive(const double *a, double v)
{
    double q = 0, sign = a[FEEDBACK] < 0 ? -1 : 1;
    for (int side = 0; side < 2; side++) {
        double u = sign*((side ? -v : v) - a[THRESHOLD]), w = u > 0 ? fabs(a[FEEDBACK])*pow(u, a[EXPONENT]) : 0;
        if (!side || a[SYMMETRIC] > 0) q += w/(1 + w/5e5);
    }
    return q;
}

/* Inflow minus outflow when V has been v for long. */
static double balance(const double *a, double x, double v)
{
    double q = drive(a, v);
    return a[AMPLIFICATION]*x + q*a[E_INH] + a[TRANSIENT_WEIGHT]*v - ((fabs(a[LEAK]) < 1e-6 ? 1e-6 : a[LEAK]) + q)*v;
}

/* exact: settled, V where the balance is 0. VirtualRetina starts at rest whatever the baseline. */
static double baseline(const convis_pass *p, const double *x, double *state)
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

/* The states before a substep, on a thread's rows; B Q goes to the tape by itself. */
static void record(const convis_pass *p, const convis_real *k, int m, int t, int s)
{
    if (!p->tape[1]) return;
    convis_copy_rows(p, p->state[1], taped_a(p, m, t, s));
    if (s) convis_copy_rows(p, p->state[0], taped_v(p, m, t, s));
    if (k[K_CUSTOM] > 0) convis_copy_rows(p, p->state[3], taped_j(p, m, t, s));
}

static convis_status forward(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape), planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C];
    convis_real *v = p->state[0], *a = p->state[1], *before = p->state[2], *j = p->state[3];
    int m = substeps(p);
    if (p->tape[0]) {
        convis_copy_rows(p, v, p->tape[0] + START_V*n);
        convis_copy_rows(p, before, p->tape[0] + START_BEFORE*n);
    }
    for (int t = 0; t < p->frames; t++) {
        void *x = (void *)(uintptr_t)(p->in[0] + t*n), *y = p->out + t*n;
        for (int s = 0; s < m; s++) {
            convis_real *k = (convis_real *)p->constants + s*K_COUNT, *q = p->tape[1] ? taped_q(p, m, t, s) : convis_map_of(p, Q);
            record(p, k, m, t, s);
            for (int64_t y0, y1 = -1; convis_next_strip(p, neighbourhood(p), &y0, &y1);) {
                if (p->extra[1])
                    convis_launch_rows(p, "gain_control_attenuation", p->out_shape, y0, y1,
                                       (void *[]){ k, a, p->extra[1] + t*n });
                convis_launch_rows(p, "gain_control_bipolar", p->out_shape, y0, y1,
                                   (void *[]){ k, x, y, v, a, before, j, p->state[V_LOW], p->state[J_LOW], q });
                convis_blur_rows(p, neighbourhood(p), q, q, planes, y0, y1, blur_scratch(p));
            }
            convis_barrier(p);
            convis_blur_columns(p, neighbourhood(p), q, planes, blur_scratch(p));
            convis_barrier(p);
            convis_launch_own(p, "gain_control_adapt", (void *[]){ k, q, a, p->state[A_LOW] });
        }
        if (p->extra[0]) convis_copy_rows(p, a, p->extra[0] + t*n);
    }
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape);
    int m = substeps(p);
    convis_real *dv = p->d_state[0], *da = p->d_state[1], *dbefore = p->d_state[2], *dj = p->d_state[3];
    convis_real *g = convis_map_of(p, G), *q = convis_map_of(p, Q);
    convis_blur_back back = {
        .g = g, .x = q, .dsigma = p->requires_gradient & 1 ? p->d_map : NULL, .scale = 1/p->param[0],
        .planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C], .spare = convis_map_of(p, SPARE), .scratch = blur_scratch(p),
    };
    for (int t = p->frames - 1; t >= 0; t--)
        for (int s = m - 1; s >= 0; s--) {
            convis_real *k = (convis_real *)p->constants + s*K_COUNT, *v = taped_v(p, m, t, s), *a = taped_a(p, m, t, s);
            void *x = (void *)(uintptr_t)(p->in[0] + t*n), *dx = p->d_in[0] ? p->d_in[0] + t*n : convis_map_of(p, UNUSED);
            void *before = t ? (void *)(uintptr_t)(p->in[0] + (t - 1)*n) : p->tape[0] + START_BEFORE*n;
            void *dy = (void *)(uintptr_t)(p->d_out + t*n), *j = taped_j(p, m, t, s), *sums = p->d_map + TAU*n;
            void *source = !(k[K_EXACT] > 0) ? v : s < m - 1 ? taped_v(p, m, t, s + 1) : p->out + t*n;
            back.y = taped_q(p, m, t, s);
            if (!t && !s) {                                  /* added to A and J unchanged, as V_low to V */
                if (adapts_slowly(k[K_BA])) convis_copy_rows(p, da, p->d_state[A_LOW]);
                convis_copy_rows(p, dj, p->d_state[J_LOW]);
            }
            convis_blur_back_run(
                p, neighbourhood(p), &back, "gain_control_ask", (void *[]){ k, source, dy, dv, da, g, q }, "gain_control_back",
                (void *[]){ k, x, v, a, before, j, source, g, q, dv, da, dbefore, dj, dx, sums, p->d_state[V_LOW] });
        }
    return CONVIS_OK;
}

CONVIS_LAYER_KERNELS(gain_control)
const convis_layer_type convis_gain_control = {
    .abi = CONVIS_LAYER_ABI, .name = "gain_control", .doc = "bipolar cells with contrast gain control",
    .params = params, .states = states, .outputs = outputs, .inputs = 1, .tape = 2, .kernels = gain_control_kernels,
    .source = convis_gain_control_source, .plan = plan, .prepare = prepare, .baseline = baseline, .forward = forward, .vjp = vjp, .device_capable = 1,
    .capturable = 1,
};
#endif
