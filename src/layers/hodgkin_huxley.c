/* hodgkin_huxley.c - the squid's giant axon (Hodgkin & Huxley 1952), with the potential as it is written today: rest at -65 mV.
 *
 *      C V' = x + g_Na m^3 h (E_Na - V) + g_K n^4 (E_K - V) + g_L (E_L - V)            x in uA/cm2, time in ms
 *      m' = phi (a_m (1 - m) - b_m m), likewise h and n;  phi = 3^((temperature - 6.3)/10)
 *      a_m = f((V + 40)/10)        b_m = 4 exp(-(V + 65)/18)             f(u) = u/(1 - exp(-u)), near 0 by its series
 *      a_h = 0.07 exp(-(V + 65)/20)    b_h = 1/(1 + exp(-(V + 35)/10))
 *      a_n = 0.1 f((V + 55)/10)    b_n = 0.125 exp(-(V + 65)/80)         rates beyond +-250 mV are those at +-250 mV
 *
 * x is constant over a step, which is divided into substeps. The gates are half a substep ahead of V; V and each gate relax
 * (convis_relax) with what they depend on held in the middle: second order in the substep (at 0.1 ms spikes are 0.5 to 0.7 % too
 * far apart, at half of it a quarter of that), bounded for any current, and at rest exactly where the equations are. A spike is
 * a substep that begins below the threshold and does not end there; y[t] counts those of step t, or is V at its end
 * (output = 1).
 *
 * Adjoint: exact for V, backward through every substep, computed again from the step's start on the tape. The count's
 * goes to the highest V that a substep reached from below the threshold: dy/dV = -dy/dthreshold = convis_surrogate at it.
 * The tape stores V, m, h, n before the step, x, and the count. */
#include <convis/kernel.h>
#include "substeps.h"

enum { G_NA, G_K, G_L, E_NA, E_K, E_L, CAPACITANCE, TEMPERATURE, THRESHOLD, OUTPUT, SURROGATE, SLOPE, SUBSTEP };
enum { LINES = 4, MAPS = LINES + 2 };

/* ---- What kernel and host share: one substep ---- */

CONVIS_INLINE real hh_phi(real temperature) { return convis_exp((temperature - R(6.3))*R(0.10986122886681098)); }

/* f(u) and its derivative, for e = exp(-u). */
CONVIS_INLINE real hh_ramp(real u, real e)
{
    real z = u*u,
         series = 1 + u*R(0.5) + z*(R(8.3333333333333333e-2) - z*(R(1.3888888888888889e-3) - z*R(3.3068783068783069e-5)));
    return z < R(0.25) ? series : u/(1 - e);
}
CONVIS_INLINE real hh_ramp_derivative(real u, real e)
{
    real z = u*u, series = R(0.5) + u*(R(1.6666666666666666e-1) - z*(R(5.5555555555555556e-3) - z*R(1.9841269841269841e-4)));
    return z < R(0.25) ? series : (1 - u*e/(1 - e))/(1 - e);
}

/* All six rates from two exponentials: four of them are powers of the first. tenth: exp(-(V + 65)/10). */
CONVIS_INLINE void hh_rates(real v, real *am, real *bm, real *ah, real *bh, real *an, real *bn, real *tenth)
{
    real u = (v > R(250.0) ? R(250.0) : v < R(-250.0) ? R(-250.0) : v) + 65, e = convis_exp(u*R(-0.0125)), e4 = (e*e)*(e*e);
    *tenth = e4*e4;
    *am = hh_ramp((u - 25)*R(0.1), *tenth*R(12.182493960703473));
    *bm = 4*convis_exp(u*R(-5.5555555555555556e-2));
    *ah = R(0.07)*e4;
    *bh = 1/(1 + *tenth*R(20.085536923187668));
    *an = R(0.1)*hh_ramp((u - 10)*R(0.1), *tenth*R(2.7182818284590452));
    *bn = R(0.125)*e;
}

/* V after a substep; `over` is its length by C. */
CONVIS_INLINE real hh_potential(PARAM p, real v, real m, real h, real n4, real x, real over)
{
    real na = p[G_NA]*(m*m*m*h), k = p[G_K]*n4, l = p[G_L];
    return convis_relax(v, (x + na*p[E_NA] + k*p[E_K] + l*p[E_L])*over, (na + k + l)*over);
}

/* The gates after it, from V in the middle of the substep; `time` is its length by phi. */
CONVIS_INLINE void hh_gates(real v, real time, real *m, real *h, real *n4)
{
    real am, bm, ah, bh, an, bn, unused;
    hh_rates(v, &am, &bm, &ah, &bh, &an, &bn, &unused);
    *m  = convis_relax(*m,  am*time, (am + bm)*time);
    *h  = convis_relax(*h,  ah*time, (ah + bh)*time);
    *n4 = convis_relax(*n4, an*time, (an + bn)*time);
}

CONVIS_INLINE void hh_substep(PARAM p, real x, real over, real time, real *v, real *m, real *h, real *n)
{
    real n2 = *n**n;
    *v = hh_potential(p, *v, *m, *h, n2*n2, x, over);
    hh_gates(*v, time, m, h, n);
}

#ifndef CONVIS_HOST

/* The state of a group of cells. */
enum { STATE_SIZE = LINES*CONVIS_GROUP };

CONVIS_INLINE void hh_group(PARAM p, IN x, real over, real time, real *s, integer count)
{
    for (integer l = 0; l < count; l++)
        hh_substep(p, x[l], over, time, s + l, s + CONVIS_GROUP + l, s + 2*CONVIS_GROUP + l, s + 3*CONVIS_GROUP + l);
}

CONVIS_KERNEL10(hodgkin_huxley_forward, PARAM p, IN x, OUT y, OUT shown_v, OUT shown_spikes, STATE v, STATE gm, STATE gh,
                STATE gn, TAPE tape)
{
    int  steps = substeps_of(dt, p[SUBSTEP]);
    real length = dt*1000/(real)steps, over = length/p[CAPACITANCE], time = length*hh_phi(p[TEMPERATURE]),
         threshold = p[THRESHOLD];
    CONVIS_FRAMES(t) CONVIS_GROUPS(g, count) {
        real now[STATE_SIZE], before[CONVIS_GROUP], spikes[CONVIS_GROUP];
        for (integer l = 0; l < count; l++) {
            now[l] = v[g + l];
            now[CONVIS_GROUP + l] = gm[g + l];
            now[2*CONVIS_GROUP + l] = gh[g + l];
            now[3*CONVIS_GROUP + l] = gn[g + l];
            spikes[l] = 0;
        }
        if (tape) substeps_tape(now, LINES, x + t*n + g, tape + t*MAPS*map_size + g, map_size, count);
        for (int k = 0; k < steps; k++) {
            for (integer l = 0; l < count; l++) before[l] = now[l];
            hh_group(p, x + t*n + g, over, time, now, count);
            for (integer l = 0; l < count; l++) spikes[l] += ((before[l] < threshold) & (now[l] >= threshold)) ? R(1.0) : R(0.0);
        }
        for (integer l = 0; l < count; l++) {
            v[g + l] = now[l];
            gm[g + l] = now[CONVIS_GROUP + l];
            gh[g + l] = now[2*CONVIS_GROUP + l];
            gn[g + l] = now[3*CONVIS_GROUP + l];
        }
        substeps_show(p[OUTPUT] > 0, now, spikes, y, shown_v, shown_spikes, tape, t*n + g,
                      (t*MAPS + LINES + 1)*map_size + g, count);
    }
}

/* One substep backwards for one cell: the gradients from after it to before it, where the cell was at (v, m, h, n). x and
 * parameters get their parts added, those of parameter k in part[k*CONVIS_GROUP]. */
CONVIS_INLINE void hh_back(PARAM p, real x, real over, real time, real v, real m, real h, real n, real *dv, real *dm, real *dh,
                           real *dn, real *dx, real *part)
{
    real m2 = m*m, n2 = n*n, m3h = m2*m*h, n4 = n2*n2, na = p[G_NA]*m3h, k = p[G_K]*n4;
    real source = x + na*p[E_NA] + k*p[E_K] + p[G_L]*p[E_L], rate = na + k + p[G_L], V = convis_relax(v, source*over, rate*over);
    real am, bm, ah, bh, an, bn, tenth, d, ds, dz, dtime = 0, u = V + 65;
    hh_rates(V, &am, &bm, &ah, &bh, &an, &bn, &tenth);
    real inside = ((V > R(-250.0)) & (V < R(250.0))) ? time : R(0.0), dV = *dv;
    convis_relax_back(m, am*time, (am + bm)*time, *dm, &d, &ds, &dz);
    *dm = d;
    dV += inside*((ds + dz)*R(0.1)*hh_ramp_derivative((u - 25)*R(0.1), tenth*R(12.182493960703473)) -
                    dz*bm*R(5.5555555555555556e-2));
    dtime += am*ds + (am + bm)*dz;
    convis_relax_back(h, ah*time, (ah + bh)*time, *dh, &d, &ds, &dz);
    *dh = d;
    dV += inside*(dz*bh*(1 - bh)*R(0.1) - (ds + dz)*ah*R(0.05));
    dtime += ah*ds + (ah + bh)*dz;
    convis_relax_back(n, an*time, (an + bn)*time, *dn, &d, &ds, &dz);
    *dn = d;
    dV += inside*((ds + dz)*R(0.01)*hh_ramp_derivative((u - 10)*R(0.1), tenth*R(2.7182818284590452)) - dz*bn*R(0.0125));
    dtime += an*ds + (an + bn)*dz;

    convis_relax_back(v, source*over, rate*over, dV, &d, &ds, &dz);
    *dv = d;
    part[CAPACITANCE*CONVIS_GROUP] -= (source*ds + rate*dz)*over/p[CAPACITANCE];
    part[TEMPERATURE*CONVIS_GROUP] += dtime*time*R(0.10986122886681098);
    ds *= over;
    dz *= over;
    real dna = p[E_NA]*ds + dz, dk = p[E_K]*ds + dz;
    *dx += ds;
    *dm += dna*p[G_NA]*3*m2*h;
    *dh += dna*p[G_NA]*m2*m;
    *dn += dk*p[G_K]*4*n2*n;
    part[G_NA*CONVIS_GROUP] += dna*m3h;
    part[G_K*CONVIS_GROUP]  += dk*n4;
    part[G_L*CONVIS_GROUP]  += p[E_L]*ds + dz;
    part[E_NA*CONVIS_GROUP] += ds*na;
    part[E_K*CONVIS_GROUP]  += ds*k;
    part[E_L*CONVIS_GROUP]  += ds*p[G_L];
}

CONVIS_INLINE void hh_group_back(PARAM p, IN x, real over, real time, const real *s, real *d, real *dx, real *part, integer count)
{
    for (integer l = 0; l < count; l++)
        hh_back(p, x[l], over, time, s[l], s[CONVIS_GROUP + l], s[2*CONVIS_GROUP + l], s[3*CONVIS_GROUP + l], d + l,
                d + CONVIS_GROUP + l, d + 2*CONVIS_GROUP + l, d + 3*CONVIS_GROUP + l, dx + l, part + l);
}

CONVIS_KERNEL11(hodgkin_huxley_adjoint, PARAM p, IN x, IN y, TAPE tape, IN dy, STATE dv, STATE dm, STATE dh, STATE dn, OUT dx,
                OUT dmap)
{
    int  steps = substeps_of(dt, p[SUBSTEP]), kind = (int)p[SURROGATE], shows_v = p[OUTPUT] > 0;
    real length = dt*1000/(real)steps, over = length/p[CAPACITANCE], time = length*hh_phi(p[TEMPERATURE]),
         threshold = p[THRESHOLD];
    CONVIS_FRAMES_BACK(t) CONVIS_GROUPS(g, count) {
        real coarse[SUBSTEPS_BLOCK*STATE_SIZE], fine[SUBSTEPS_BLOCK*STATE_SIZE], now[STATE_SIZE], d[STATE_SIZE];
        real peak[CONVIS_GROUP], push[CONVIS_GROUP], at[CONVIS_GROUP], to[CONVIS_GROUP], part[OUTPUT*CONVIS_GROUP];
        IN   x_ = x + t*n + g;
        substeps_untape(now, LINES, tape + t*MAPS*map_size + g, map_size, count);
        for (integer l = 0; l < OUTPUT*CONVIS_GROUP; l++) part[l] = 0;
        for (integer l = 0; l < CONVIS_GROUP; l++) { to[l] = 0; peak[l] = R(-1e30); at[l] = -1; }
        SUBSTEPS_AGAIN(steps, hh_group(p, x_, over, time, now, count), substeps_highest(before, now, threshold, k, peak, at, count))
        for (integer l = 0; l < count; l++) {
            real slope = convis_surrogate(kind, p[SLOPE], peak[l] - threshold), out = dy[t*n + g + l];
            push[l] = shows_v || at[l] < 0 ? R(0.0) : out*slope;
            d[l] = dv[g + l] + (shows_v ? out : R(0.0));
            d[CONVIS_GROUP + l] = dm[g + l];
            d[2*CONVIS_GROUP + l] = dh[g + l];
            d[3*CONVIS_GROUP + l] = dn[g + l];
            part[THRESHOLD*CONVIS_GROUP + l] -= push[l];
        }
        SUBSTEPS_BACK(steps, hh_group(p, x_, over, time, now, count),
                      hh_group_back(p, x_, over, time, before, d, to, part, count))
        for (integer l = 0; l < count; l++) {
            dv[g + l] = d[l];
            dm[g + l] = d[CONVIS_GROUP + l];
            dh[g + l] = d[2*CONVIS_GROUP + l];
            dn[g + l] = d[3*CONVIS_GROUP + l];
            dx[t*n + g + l] += to[l];
        }
        substeps_parts(part, 0, OUTPUT, dmap + g, map_size, count);
    }
}

CONVIS_EXPORT(hodgkin_huxley, CONVIS_ENTRY(hodgkin_huxley_forward) CONVIS_ENTRY(hodgkin_huxley_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "g_Na",        "mS/cm2", 120, 0, 1e4, 0, "largest conductance of sodium" },
    { "g_K",         "mS/cm2", 36, 0, 1e4, 0, "of potassium" },
    { "g_L",         "mS/cm2", 0.3, 1e-3, 1e4, 0, "of the leak" },
    { "E_Na",        "mV",  50, -500, 500, 0, "reversal potential of sodium" },
    { "E_K",         "mV", -77, -500, 500, 0, "of potassium" },
    { "E_L",         "mV", -54.387, -500, 500, 0, "of the leak" },
    { "capacitance", "uF/cm2", 1, 1e-2, 1e3, 0, "of the membrane (C)" },
    { "temperature", "C",  6.3, -20, 60, 0, "gates are three times as fast for each 10 degrees more" },
    { "threshold",   "mV", -20, -200, 200, 0, "a spike is an upward crossing of it by V" },
    { "output",      "spikes|potential", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "what the output is: the number of spikes, or V" },
    { "surrogate",   "superspike|sigmoid|triangle|straight", 0, 0, 3, CONVIS_WHOLE | CONVIS_WORDS,
      "surrogate gradient; straight: straight through" },
    { "slope",       "1/mV", 0.1, 0, 1e4, CONVIS_FIXED, "sharpness of the surrogate" },
    { "substep",     "s",  1e-4, 1e-6, 1e-3, CONVIS_FIXED | CONVIS_PLAN, "longest step of the integration" },
    { 0 }
};
static const convis_field states[] = {
    { "V", "mV", -65, 0, 0, 0, "membrane potential" },
    { "m", "1", 0, 0, 0, 0, "activation of sodium" },
    { "h", "1", 0, 0, 0, 0, "sodium that is not inactivated" },
    { "n", "1", 0, 0, 0, 0, "activation of potassium" },
    { 0 }
};
static const convis_field outputs[] = {
    { "V",      "mV", 0, 0, 0, 0, "membrane potential at the end of the step" },
    { "spikes", "1",  0, 0, 0, 0, "spikes of the step" },
    { 0 }
};

static convis_status plan(convis_pass *p)
{
    const convis_status status = substeps_check(p, p->param[SUBSTEP]);
    return status ? status : substeps_plan(p, LINES);
}

/* ---- Rest ---- */

static double ramp(double u) { return fabs(u) < 1e-8 ? 1 + u/2 : u/-expm1(-u); }
static void rates(double v, double a[3], double b[3])
{
    v = fmin(fmax(v, -250), 250);
    a[0] = ramp((v + 40)/10);            b[0] = 4*exp(-(v + 65)/18);
    a[1] = 0.07*exp(-(v + 65)/20);       b[1] = 1/(1 + exp(-(v + 35)/10));
    a[2] = 0.1*ramp((v + 55)/10);        b[2] = 0.125*exp(-(v + 65)/80);
}

/* Current into a cell that has long been at v. */
static double inflow(const double *q, double v, double x)
{
    double a[3], b[3];
    rates(v, a, b);
    double m = a[0]/(a[0] + b[0]), h = a[1]/(a[1] + b[1]), n = a[2]/(a[2] + b[2]);
    return x + q[G_NA]*m*m*m*h*(q[E_NA] - v) + q[G_K]*n*n*n*n*(q[E_K] - v) + q[G_L]*(q[E_L] - v);
}

static double rest_at(const double *q, double x)
{
    double low  = fmin(fmin(q[E_NA], q[E_K]), q[E_L]) + fmin(x, 0)/q[G_L] - 1;
    double high = fmax(fmax(q[E_NA], q[E_K]), q[E_L]) + fmax(x, 0)/q[G_L] + 1;
    for (int k = 0; k < 200; k++) {
        double v = low + 0.5*(high - low);
        if (inflow(q, v, x) > 0) low = v; else high = v;
    }
    return low;
}

/* Is a cell stable at this rest? Routh and Hurwitz on the equations' linear part, (l + A)(l + r_m)(l + r_h)(l + r_n)
 * - sum c_j (l + r_k)(l + r_i), c_j: what V does to gate j and gate j to V. */
static int is_stable(const double *q, double v)
{
    double a[3], b[3], a1[3], b1[3], r[3], c[3], x[3], step = 1e-4, phi = pow(3, (q[TEMPERATURE] - 6.3)/10);
    rates(v, a, b);
    rates(v + step, a1, b1);
    for (int j = 0; j < 3; j++) {
        r[j] = phi*(a[j] + b[j]);
        x[j] = a[j]/(a[j] + b[j]);
        c[j] = phi*((a1[j] - a[j])*(1 - x[j]) - (b1[j] - b[j])*x[j])/step/q[CAPACITANCE];
    }
    double na = q[G_NA]*x[0]*x[0]*x[0]*x[1], k = q[G_K]*x[2]*x[2]*x[2]*x[2], A = (na + k + q[G_L])/q[CAPACITANCE];
    c[0] *= q[G_NA]*3*x[0]*x[0]*x[1]*(q[E_NA] - v);
    c[1] *= q[G_NA]*x[0]*x[0]*x[0]*(q[E_NA] - v);
    c[2] *= q[G_K]*4*x[2]*x[2]*x[2]*(q[E_K] - v);
    double e1 = r[0] + r[1] + r[2], e2 = r[0]*r[1] + r[1]*r[2] + r[2]*r[0], e3 = r[0]*r[1]*r[2];
    double k3 = e1 + A, k2 = e2 + A*e1, k1 = e3 + A*e2, k0 = A*e3;
    for (int j = 0; j < 3; j++) { k2 -= c[j]; k1 -= c[j]*(e1 - r[j]); k0 -= c[j]*e3/r[j]; }
    return k3 > 0 && k2 > 0 && k1 > 0 && k0 > 0 && k1*(k3*k2 - k1) > k3*k3*k0;
}

/* At rest under the baseline current; where it would fire all the time, at rest under none. */
static double baseline(const convis_pass *p, const double *x, double *state)
{
    double v = rest_at(p->param, x[0]), a[3], b[3];
    if (!is_stable(p->param, v)) v = rest_at(p->param, 0);
    rates(v, a, b);
    state[0] = v;
    for (int j = 0; j < 3; j++) state[1 + j] = a[j]/(a[j] + b[j]);
    return p->param[OUTPUT] > 0 ? v : 0;
}

/* The step of each cell that fired, once more. */
static void spikes(convis_pass *p, void *sink)
{
    int64_t n = convis_elements(p->out_shape);
    const convis_real *q = p->number;
    int steps = substeps_of((convis_real)p->dt, q[SUBSTEP]);
    real length = (convis_real)p->dt*1000/(real)steps, over = length/q[CAPACITANCE], time = length*hh_phi(q[TEMPERATURE]);
    for (int t = 0; t < p->frames; t++)
        for (int64_t i = 0; i < n; i++) {
            const convis_real *at = p->tape[0] + t*MAPS*n + i;
            if (!(at[5*n] > 0)) continue;
            real v = at[0], m = at[n], h = at[2*n], n4 = at[3*n];
            for (int k = 0; k < steps; k++) {
                real before = v;
                hh_substep(q, at[4*n], over, time, &v, &m, &h, &n4);
                substeps_emit(p, sink, i, t, k, steps, before, v, q[THRESHOLD]);
            }
        }
}

CONVIS_LAYER_KERNELS(hodgkin_huxley)
const convis_layer_type convis_hodgkin_huxley = {
    .abi = CONVIS_LAYER_ABI, .name = "hodgkin_huxley", .doc =
      "Hodgkin-Huxley neuron (squid giant axon); the output counts spikes, or is V",
    .params = params, .states = states, .outputs = outputs, .inputs = 1, .tape = 1, .kernels = hodgkin_huxley_kernels,
    .source = convis_hodgkin_huxley_source, .pointwise = "hodgkin_huxley_forward", .adjoint = "hodgkin_huxley_adjoint", .plan = plan,
    .baseline = baseline, .spikes = spikes,
};
#endif
