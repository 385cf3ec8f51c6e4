/* izhikevich.c - the simple model of spiking neurons (Izhikevich 2003), solved between and at spikes rather than by Euler steps.
 *
 *      V' = 0.04 V^2 + 5 V + 140 - u + x      u' = a (b V - u)       time in ms; at V = 30 mV: a spike, V = c, u += d
 *
 * x is constant over a step, which is divided into substeps h. With u held in the middle of one, J = 140 + x - u, the
 * equation of V is Riccati's, whose solution is a fraction of two linear ones: with k = 0.04, D = 25/4 - k J,
 * S = sinh(sqrt(D) h)/sqrt(D), C = cosh(sqrt(D) h) (circular where D < 0; both are series in D h^2),
 *
 *      V(h) = V + S (k V^2 + 5 V + J)/Y        Y = C - S (k V + 5/2)        integral of V = -ln(Y)/k - 125/2 h
 *
 * A spike comes where V(s) = 30, and the rest of the substep is computed from c and u + d. u relaxes (convis_relax) with the mean
 * of V. Second order in the substep: at 0.5 ms spikes are at most 2 % off in time, at 0.05 ms 0.06 %. (The paper's program takes
 * Euler steps of 0.5 and 1 ms; its FS cells fire half as often as their equations say.) At most one spike a substep: a cell
 * that would reach 30 again waits at 30 for the next. Currents beyond |D| h^2 = 9 (some 900 for h = 0.5) are that one.
 * y[t] counts the spikes of step t, or is V at its end (output = 1).
 *
 * Adjoint: exact for V, through spikes, too: what a cause does to the time of a spike, the rest of its substep passes on. The
 * steps' substeps are computed again from the tape. The count's: in a step with spikes each of them is 30 mV reached by an Euler
 * step, whose slope is 1; in another the highest V at a substep's end, with convis_surrogate. The tape stores V and u before the
 * step, x, and the count. */
#include <convis/kernel.h>
#include "substeps.h"

enum { PRESET, OUTPUT, SURROGATE, SLOPE, SUBSTEP, A, B, C, D };
enum { LINES = 2, MAPS = LINES + 2 };

/* ---- What kernel and host share: one substep ---- */

/* cosh(sqrt(w)), sinh(sqrt(w))/sqrt(w) and the latter's derivative for |w| <= 9, to 1e-7. */
CONVIS_INLINE void izhikevich_series(real w, real *c, real *s)
{
    real z = w*w;
    *c = (1 + w*R(0.5)) +
         z*((R(4.1666666666666664e-2) + w*R(1.3888888888888889e-3)) +
              z*((R(2.4801587301587302e-5) + w*R(2.7557319223985893e-7)) +
                   z*((R(2.08767569878681e-9) + w*R(1.1470745597729725e-11)) + z*R(4.779477332387385e-14))));
    *s = (1 + w*R(1.6666666666666666e-1)) +
         z*((R(8.333333333333333e-3) + w*R(1.984126984126984e-4)) +
              z*((R(2.7557319223985893e-6) + w*R(2.505210838544172e-8)) +
                   z*((R(1.6059043836821613e-10) + w*R(7.647163731819816e-13)) + z*R(2.8114572543455206e-15))));
}
CONVIS_INLINE real izhikevich_series_derivative(real w)
{
    real z = w*w;
    return (R(1.6666666666666666e-1) + w*R(1.6666666666666666e-2)) +
           z*((R(5.952380952380953e-4) + w*R(1.102292768959436e-5)) +
                z*((R(1.252605419272086e-7) + w*R(9.635426302092969e-10)) +
                     z*((R(5.353014612273871e-12) + w*R(2.2491658034764165e-14)))));
}

CONVIS_INLINE real izhikevich_flow(real v, real J) { return (R(0.04)*v + 5)*v + J; }
CONVIS_INLINE real izhikevich_middle(PARAM p, real v, real u, real h) { return u + R(0.5)*p[A]*h*(p[B]*v - u); }

/* J within what the series hold for a substep of length h (the whole one). */
CONVIS_INLINE real izhikevich_current(real x, real u, real h)
{
    real J = 140 + x - u, most = 225/(h*h);
    return J > R(156.25) + most ? R(156.25) + most : J < R(156.25) - most ? R(156.25) - most : J;
}

/* V after h, unless it is beyond 30 by then (*fires). */
CONVIS_INLINE real izhikevich_move(real v, real J, real h, int *fires)
{
    real c, s;
    izhikevich_series((R(6.25) - R(0.04)*J)*h*h, &c, &s);
    real Y = c - h*s*(R(0.04)*v + R(2.5)), to = v + h*s*izhikevich_flow(v, J)/Y;
    *fires = (Y <= 0) | (to >= 30) | (v >= 30);
    return to;
}

CONVIS_INLINE real izhikevich_recover(PARAM p, real u, real integral, real h) { return convis_relax(u, p[A]*p[B]*integral, p[A]*h); }

/* When V will be 30: S/C there, its angle by halving it four times, and the series of the inverse tangent (hyperbolic where
 * D > 0, the same formula). */
CONVIS_INLINE real izhikevich_delay(real v, real J, real h)
{
    real far = convis_max(30 - v, R(0.0)), near = J + 75 + R(3.7)*v, delta = R(6.25) - R(0.04)*J;
    real T = far/(near + convis_sqrt(convis_max(near*near - delta*far*far, R(1e-30))));
    for (int k = 0; k < 3; k++) T = T/(1 + convis_sqrt(convis_max(1 - delta*T*T, R(0.0))));
    real z = delta*T*T;
    T = 16*T*(1 + z*(R(3.3333333333333333e-1) + z*(R(0.2) + z*(R(1.4285714285714286e-1) + z*R(1.1111111111111111e-1)))));
    return convis_min(convis_max(T, R(0.0)), h);
}

/* A substep with a spike. Returns its time. */
CONVIS_INLINE real izhikevich_spike(PARAM p, real x, real h, real *v, real *u)
{
    real J = izhikevich_current(x, izhikevich_middle(p, *v, *u, h), h), delay = izhikevich_delay(*v, J, h), rest = h - delay, c,
         s;
    izhikevich_series((R(6.25) - R(0.04)*J)*delay*delay, &c, &s);
    real Y = convis_max(c - delay*s*(R(0.04)*convis_min(*v, R(30.0)) + R(2.5)), R(1e-30));
    real after = izhikevich_recover(p, *u, -25*convis_log(Y) - R(62.5)*delay, delay) + p[D];
    int  again;
    real to = izhikevich_move(p[C], izhikevich_current(x, izhikevich_middle(p, p[C], after, rest), h), rest, &again);
    *v = again ? R(30.0) : to;
    *u = izhikevich_recover(p, after, R(0.5)*rest*(p[C] + *v), rest);
    return delay;
}

#ifndef CONVIS_HOST

/* The state of a group of cells: V, u, and whether they fired. */
enum { FIRED = LINES*CONVIS_GROUP, STATE_SIZE = FIRED + CONVIS_GROUP };

/* A substep of a group. Spikes are few, and computed one by one. */
CONVIS_INLINE void izhikevich_group(PARAM p, IN x, real h, real *v, real *u, real *fired, integer count)
{
    int  any = 0;
    for (integer l = 0; l < count; l++) {
        int  fires;
        real to = izhikevich_move(v[l], izhikevich_current(x[l], izhikevich_middle(p, v[l], u[l], h), h), h, &fires);
        real recovered = izhikevich_recover(p, u[l], R(0.5)*h*(v[l] + to), h);
        v[l] = fires ? v[l] : to;
        u[l] = fires ? u[l] : recovered;
        fired[l] = fires ? R(1.0) : R(0.0);
        any |= fires;
    }
    if (any) for (integer l = 0; l < count; l++) if (fired[l] > 0) izhikevich_spike(p, x[l], h, v + l, u + l);
}

CONVIS_KERNEL8(izhikevich_forward, PARAM p, IN x, OUT y, OUT shown_v, OUT shown_spikes, STATE v, STATE u, TAPE tape)
{
    int  steps = substeps_of(dt, p[SUBSTEP]);
    real h = dt*1000/(real)steps;
    CONVIS_FRAMES(t) CONVIS_GROUPS(g, count) {
        real now[STATE_SIZE], spikes[CONVIS_GROUP];
        for (integer l = 0; l < count; l++) { now[l] = v[g + l]; now[CONVIS_GROUP + l] = u[g + l]; spikes[l] = 0; }
        if (tape) substeps_tape(now, LINES, x + t*n + g, tape + t*MAPS*map_size + g, map_size, count);
        for (int k = 0; k < steps; k++) {
            izhikevich_group(p, x + t*n + g, h, now, now + CONVIS_GROUP, now + FIRED, count);
            for (integer l = 0; l < count; l++) spikes[l] += now[FIRED + l];
        }
        for (integer l = 0; l < count; l++) { v[g + l] = now[l]; u[g + l] = now[CONVIS_GROUP + l]; }
        substeps_show(p[OUTPUT] > 0, now, spikes, y, shown_v, shown_spikes, tape, t*n + g, (t*MAPS + LINES + 1)*map_size + g, count);
    }
}

/* ---- Backwards ---- */

/* d(V after h) by V and J. */
CONVIS_INLINE void izhikevich_move_derivatives(real v, real J, real h, real *by_v, real *by_J)
{
    real w = (R(6.25) - R(0.04)*J)*h*h, c, s;
    izhikevich_series(w, &c, &s);
    real S = h*s, flow = izhikevich_flow(v, J), lean = R(0.04)*v + R(2.5), over = 1/(c - S*lean);
    real dw = R(-0.04)*h*h, dS = h*izhikevich_series_derivative(w)*dw, dY = R(0.5)*s*dw - dS*lean;
    *by_v = 1 + S*over*(R(0.08)*v + 5 + R(0.04)*S*flow*over);
    *by_J = over*(dS*flow + S - S*flow*dY*over);
}

/* Of u after h: from its gradient to those of u before, of the integral of V, of h, and of a and b. */
CONVIS_INLINE real izhikevich_recover_back(PARAM p, real u, real integral, real h, real du, real *dintegral, real *dh, real *part)
{
    real before, ds, dz;
    convis_relax_back(u, p[A]*p[B]*integral, p[A]*h, du, &before, &ds, &dz);
    *dintegral = ds*p[A]*p[B];
    *dh = dz*p[A];
    part[0] += ds*p[B]*integral + dz*h;
    part[CONVIS_GROUP] += ds*p[A]*integral;
    return before;
}

/* Of J to x, and through u in the middle to V, u, h (returned), a and b. */
CONVIS_INLINE real izhikevich_current_back(PARAM p, real x, real v, real u, real h, real whole, real dJ, real *dx, real *dv,
                                           real *du, real *part)
{
    real J = 140 + x - izhikevich_middle(p, v, u, h), most = 225/(whole*whole), lead = R(0.5)*p[A]*h;
    real within = ((J <= R(156.25) + most) & (J >= R(156.25) - most)) ? dJ : R(0.0);
    *dx += within;
    *dv -= within*lead*p[B];
    *du -= within*(1 - lead);
    part[0] -= within*R(0.5)*h*(p[B]*v - u);
    part[CONVIS_GROUP] -= within*lead*v;
    return -within*R(0.5)*p[A]*(p[B]*v - u);
}

/* A substep without a spike; dv and du become those before it. */
CONVIS_INLINE void izhikevich_back(PARAM p, real x, real h, real v, real u, real *dv, real *du, real *dx, real *part)
{
    int  fires;
    real J = izhikevich_current(x, izhikevich_middle(p, v, u, h), h), to = izhikevich_move(v, J, h, &fires), by_v, by_J,
         dintegral, dh;
    izhikevich_move_derivatives(v, J, h, &by_v, &by_J);
    real u_before = izhikevich_recover_back(p, u, R(0.5)*h*(v + to), h, *du, &dintegral, &dh, part);
    real share = dintegral*R(0.5)*h, d = *dv + share, v_before = share + d*by_v;
    izhikevich_current_back(p, x, v, u, h, h, d*by_J, dx, &v_before, &u_before, part);
    *dv = v_before;
    *du = u_before;
}

/* One with a spike: its rest, u at the spike, the spike's time, in reversed order. push: the gradient of the spike itself. */
CONVIS_INLINE void izhikevich_spike_back(PARAM p, real x, real h, real v, real u, real push, real *dv, real *du, real *dx,
                                         real *part)
{
    real J = izhikevich_current(x, izhikevich_middle(p, v, u, h), h), delay = izhikevich_delay(v, J, h), rest = h - delay;
    real start = convis_min(v, R(30.0)), c, s;
    izhikevich_series((R(6.25) - R(0.04)*J)*delay*delay, &c, &s);
    real lean = R(0.04)*start + R(2.5), S = delay*s, Y = convis_max(c - S*lean, R(1e-30)),
         integral = -25*convis_log(Y) - R(62.5)*delay;
    real after = izhikevich_recover(p, u, integral, delay) + p[D];
    int  again;
    real J2 = izhikevich_current(x, izhikevich_middle(p, p[C], after, rest), h), to = izhikevich_move(p[C], J2, rest, &again);
    real held = again ? R(30.0) : to, by_v, by_J, dintegral, dh;

    real dafter = izhikevich_recover_back(p, after, R(0.5)*rest*(p[C] + held), rest, *du, &dintegral, &dh, part);
    real drest = dh + dintegral*R(0.5)*(p[C] + held), dc = dintegral*R(0.5)*rest, d = again ? R(0.0) : *dv + dc;
    izhikevich_move_derivatives(p[C], J2, rest, &by_v, &by_J);
    drest += again ? R(0.0) : d*izhikevich_flow(to, J2);
    dc += again ? R(0.0) : d*by_v;
    drest += izhikevich_current_back(p, x, p[C], after, rest, h, again ? R(0.0) : d*by_J, dx, &dc, &dafter, part);
    part[2*CONVIS_GROUP] += dc;
    part[3*CONVIS_GROUP] += dafter;

    real u_before = izhikevich_recover_back(p, u, integral, delay, dafter, &dintegral, &dh, part);
    real dw = R(-0.04)*delay*delay, dS = delay*izhikevich_series_derivative((R(6.25) - R(0.04)*J)*delay*delay)*dw,
         dY = R(0.5)*s*dw - dS*lean;
    real ddelay = dh + dintegral*30 - drest, v_before = dintegral*S/Y, dJ = dintegral*-25*dY/Y;
    izhikevich_move_derivatives(start, J, delay, &by_v, &by_J);
    real over = v < 30 ? ddelay/izhikevich_flow(R(30.0), J) : R(0.0);
    v_before -= over*by_v;
    dJ -= over*by_J;
    v_before = v < 30 ? v_before : R(0.0);
    v_before += push*(1 + h*(R(0.08)*v + 5));
    dJ += push*h;
    izhikevich_current_back(p, x, v, u, h, h, dJ, dx, &v_before, &u_before, part);
    *dv = v_before;
    *du = u_before;
}

/* A substep of a group once more; who fired in it is stored beside the state before. */
CONVIS_INLINE void izhikevich_again(PARAM p, IN x, real h, real *now, real *before, integer count)
{
    izhikevich_group(p, x, h, now, now + CONVIS_GROUP, before + FIRED, count);
}

CONVIS_INLINE void izhikevich_group_back(PARAM p, IN x, real h, const real *s, const real *push, real *d, real *dx, real *part,
                                         integer count)
{
    const real *u = s + CONVIS_GROUP, *fired = s + FIRED;
    real *dv = d, *du = d + CONVIS_GROUP;
    for (integer l = 0; l < count; l++)
        if (fired[l] > 0) izhikevich_spike_back(p, x[l], h, s[l], u[l], push[l], dv + l, du + l, dx + l, part + l);
    /* The others; those that fired take part with gradients of 0. */
    for (integer l = 0; l < count; l++) {
        int  quiet = !(fired[l] > 0);
        real a = quiet ? dv[l] : R(0.0), b = quiet ? du[l] : R(0.0);
        izhikevich_back(p, x[l], h, quiet ? s[l] : R(-65.0), u[l], &a, &b, dx + l, part + l);
        dv[l] = quiet ? a : dv[l];
        du[l] = quiet ? b : du[l];
    }
}

CONVIS_KERNEL9(izhikevich_adjoint, PARAM p, IN x, IN y, TAPE tape, IN dy, STATE dv, STATE du, OUT dx, OUT dmap)
{
    int  steps = substeps_of(dt, p[SUBSTEP]), kind = (int)p[SURROGATE], shows_v = p[OUTPUT] > 0;
    real h = dt*1000/(real)steps;
    CONVIS_FRAMES_BACK(t) CONVIS_GROUPS(g, count) {
        real coarse[SUBSTEPS_BLOCK*STATE_SIZE], fine[SUBSTEPS_BLOCK*STATE_SIZE], now[STATE_SIZE], d[LINES*CONVIS_GROUP];
        real part[4*CONVIS_GROUP], to[CONVIS_GROUP], peak[CONVIS_GROUP], push[CONVIS_GROUP], at[CONVIS_GROUP];
        IN   x_ = x + t*n + g;
        IN   spikes = tape + (t*MAPS + LINES + 1)*map_size + g;
        for (integer l = 0; l < STATE_SIZE; l++) now[l] = 0;
        substeps_untape(now, LINES, tape + t*MAPS*map_size + g, map_size, count);
        for (integer l = 0; l < 4*CONVIS_GROUP; l++) part[l] = 0;
        for (integer l = 0; l < CONVIS_GROUP; l++) { to[l] = 0; peak[l] = R(-1e30); at[l] = -1; }
        SUBSTEPS_AGAIN(steps, izhikevich_again(p, x_, h, now, before, count),
                       substeps_highest(before, now, R(1e30), k, peak, at, count))
        for (integer l = 0; l < count; l++) {
            real slope = convis_surrogate(kind, p[SLOPE], peak[l] - 30), out = dy[t*n + g + l];
            push[l] = shows_v ? R(0.0) : spikes[l] > 0 ? out : out*slope;
            at[l] = spikes[l] > 0 ? R(-1.0) : at[l];
            d[l] = dv[g + l] + (shows_v ? out : R(0.0));
            d[CONVIS_GROUP + l] = du[g + l];
        }
        SUBSTEPS_BACK(steps, izhikevich_again(p, x_, h, now, before, count),
                      izhikevich_group_back(p, x_, h, before, push, d, to, part, count))
        for (integer l = 0; l < count; l++) {
            dv[g + l] = d[l];
            du[g + l] = d[CONVIS_GROUP + l];
            dx[t*n + g + l] += to[l];
        }
        substeps_parts(part, A, 4, dmap + g, map_size, count);
    }
}

CONVIS_EXPORT(izhikevich, CONVIS_ENTRY(izhikevich_forward) CONVIS_ENTRY(izhikevich_adjoint))

#else
#include <convis/layer.h>
#include <stdio.h>

static const convis_field params[] = {
    { "preset",    "RS", 0, 0, 0, CONVIS_TEXT,
      "the kind of cell: starting values of a, b, c and d. RS, IB, CH, FS, LTS, TC, RZ (2003), "
      "or a feature of the paper of 2004: tonic_spiking, phasic_bursting ..." },
    { "output",    "spikes|potential", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "what the output is: the number of spikes, or V" },
    { "surrogate", "superspike|sigmoid|triangle|straight", 0, 0, 3, CONVIS_WHOLE | CONVIS_WORDS,
      "surrogate gradient; straight: straight through" },
    { "slope",     "1/mV", 0.1, 0, 1e4, CONVIS_FIXED, "sharpness of the surrogate" },
    { "substep",   "s",  5e-4, 1e-6, 1e-3, CONVIS_FIXED | CONVIS_PLAN, "longest step of the integration" },
    { 0 }
};
static const convis_field states[] = {
    { "V", "mV",    -65, 0, 0, 0, "membrane potential" },
    { "u", "mV/ms", -13, 0, 0, 0, "recovery" },
    { 0 }
};
static const convis_field outputs[] = {
    { "V",      "mV", 0, 0, 0, 0, "membrane potential at the end of the step" },
    { "spikes", "1",  0, 0, 0, 0, "spikes of the step" },
    { 0 }
};

/* Izhikevich 2003, figure 2; then figure 1 of Izhikevich 2004, but for the three that have other equations. */
static const struct preset { const char *name; double a, b, c, d; } PRESETS[] = {
    { "RS",  0.02, 0.2,  -65, 8 }, { "IB", 0.02, 0.2, -55, 4 }, { "CH", 0.02, 0.2, -50, 2 }, { "FS", 0.1, 0.2, -65, 2 },
    { "LTS", 0.02, 0.25, -65, 2 }, { "TC", 0.02, 0.25, -65, 0.05 }, { "RZ", 0.1, 0.26, -65, 2 },
    { "tonic_spiking", 0.02, 0.2, -65, 6 }, { "phasic_spiking", 0.02, 0.25, -65, 6 }, { "tonic_bursting", 0.02, 0.2, -50, 2 },
    { "phasic_bursting", 0.02, 0.25, -55, 0.05 }, { "mixed_mode", 0.02, 0.2, -55, 4 }, { "spike_frequency_adaptation", 0.01, 0.2, -65, 8 },
    { "class_2", 0.2, 0.26, -65, 0 }, { "spike_latency", 0.02, 0.2, -65, 6 }, { "subthreshold_oscillations", 0.05, 0.26, -60, 0 },
    { "resonator", 0.1, 0.26, -60, -1 }, { "rebound_spike", 0.03, 0.25, -60, 4 }, { "rebound_burst", 0.03, 0.25, -52, 0 },
    { "threshold_variability", 0.03, 0.25, -60, 4 }, { "bistability", 0.1, 0.26, -60, 0 },
    { "depolarizing_after_potential", 1, 0.2, -60, -21 },
    { "inhibition_induced_spiking", -0.02, -1, -60, 8 }, { "inhibition_induced_bursting", -0.026, -1, -45, -2 },
};
enum { PRESET_COUNT = sizeof PRESETS/sizeof *PRESETS };

static convis_status fields(convis_context *c, const char *path, char *const *text, convis_field *rows, char (*names)[32],
                            int room)
{
    const struct preset *q = PRESETS;
    (void)names;
    while (q < PRESETS + PRESET_COUNT && strcmp(q->name, text[PRESET])) q++;
    if (q == PRESETS + PRESET_COUNT) {
        char known[600] = "";
        for (int k = 0; k < PRESET_COUNT; k++) {
            const size_t n = strlen(known);
            snprintf(known + n, sizeof known - n, "%s%s", k ? ", " : "", PRESETS[k].name);
        }
        return convis_fail(c, CONVIS_ENAME, "%s.preset: '%s', expected one of %s", path, text[PRESET], known);
    }
    if (room < 4) return convis_fail(c, CONVIS_EINVAL, "%s: no room for its parameters", path);
    rows[0] = (convis_field){ "a", "1/ms", q->a, -1, 5, 0, "how fast u recovers" };
    rows[1] = (convis_field){ "b", "1/ms", q->b, -5, 5, 0, "how u follows V" };
    rows[2] = (convis_field){ "c", "mV",   q->c, -200, 20, 0, "V after a spike" };
    rows[3] = (convis_field){ "d", "mV/ms", q->d, -200, 1000, 0, "what a spike adds to u" };
    return CONVIS_OK;
}

static convis_status plan(convis_pass *p)
{
    const convis_status status = substeps_check(p, p->param[SUBSTEP]);
    return status ? status : substeps_plan(p, LINES);
}

/* The lower point of rest, if it is stable. 0: none. */
static int rest_at(double a, double b, double x, double *v)
{
    double half = 0.5*(5 - b), root = half*half - 0.04*(140 + x);
    if (root < 0) return 0;
    *v = -(half + sqrt(root))/0.04;
    double slope = 0.08**v + 5;
    return slope < a && a*(b - slope) > 0;
}

/* At rest under the baseline current; where it would fire all the time, at rest under none. */
static double baseline(const convis_pass *p, const double *x, double *state)
{
    double a = p->param[A], b = p->param[B], v;
    if (!rest_at(a, b, x[0], &v) && !rest_at(a, b, 0, &v)) v = -65;
    state[0] = v;
    state[1] = b*v;
    return p->param[OUTPUT] > 0 ? v : 0;
}

/* The step of each cell that fired, once more. */
static void spikes(convis_pass *p, void *sink)
{
    int64_t n = convis_elements(p->out_shape);
    const convis_real *q = p->number;
    int  steps = substeps_of((convis_real)p->dt, q[SUBSTEP]);
    real h = (convis_real)p->dt*1000/(real)steps;
    for (int t = 0; t < p->frames; t++)
        for (int64_t i = 0; i < n; i++) {
            const convis_real *at = p->tape[0] + t*MAPS*n + i;
            if (!(at[3*n] > 0)) continue;
            real v = at[0], u = at[n], x = at[2*n];
            for (int k = 0; k < steps; k++) {
                int  fires;
                real to = izhikevich_move(v, izhikevich_current(x, izhikevich_middle(q, v, u, h), h), h, &fires);
                if (fires) {
                    real delay = izhikevich_spike(q, x, h, &v, &u);
                    convis_emit(sink, i, t, fmin(((double)k + (double)delay/(double)h)/steps, 1)*p->dt);
                } else {
                    u = izhikevich_recover(q, u, R(0.5)*h*(v + to), h);
                    v = to;
                }
            }
        }
}

CONVIS_LAYER_KERNELS(izhikevich)
const convis_layer_type convis_izhikevich = {
    .abi = CONVIS_LAYER_ABI, .name = "izhikevich", .doc = "Izhikevich neuron; the output counts spikes, or is V",
    .params = params, .states = states, .outputs = outputs, .inputs = 1, .tape = 1, .kernels = izhikevich_kernels,
    .source = convis_izhikevich_source, .pointwise = "izhikevich_forward", .adjoint = "izhikevich_adjoint", .plan = plan, .baseline = baseline,
    .fields = fields, .spikes = spikes,
};
#endif
