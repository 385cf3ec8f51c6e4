/* fitzhugh_nagumo.c - what remains of Hodgkin and Huxley's axon in two dimensions (FitzHugh 1961, Nagumo et al. 1962).
 *
 *      v' = v - v^3/3 - w + x      w' = epsilon (v + a - b w)             in units of time of time_unit seconds
 *
 * x is constant over a step, which is divided into substeps h. w is half a substep ahead of v, and each relaxes
 * (convis_relax) with the other held in the middle: v at the rate v^2/3 - 1, the mean of that at v and at the v to which its
 * value at the start would lead. Second order in the substep (at 0.1 units spikes are 0.01 % too far apart), bounded for any current,
 * and at rest exactly where the equations are.
 * A spike is a substep that begins below the threshold and does not end there; y[t] counts those of step t, or is v at its
 * end (output = 1).
 *
 * Adjoint: exact for v, backward through every substep, computed again from the step's start on the tape. The count's
 * goes to the highest v that a substep reached from below the threshold: dy/dv = -dy/dthreshold = convis_surrogate at it.
 * The tape stores v and w before the step, x, and the count. */
#include <convis/kernel.h>
#include "substeps.h"

enum { FN_A, FN_B, EPSILON, TIME_UNIT, THRESHOLD, OUTPUT, SURROGATE, SLOPE, SUBSTEP };
enum { LINES = 2, MAPS = LINES + 2 };

/* ---- What kernel and host share: one substep ---- */

/* Never longer than a unit of time. */
CONVIS_INLINE int fn_substeps(real dt, real longest, real unit) { return substeps_of(dt, convis_min(longest, unit)); }

/* The rate at which v relaxes, and its derivative; so far out that squares might overflow it grows no further. */
CONVIS_INLINE real fn_rate(real v) { return convis_min(v*v, R(1e8))*R(3.3333333333333333e-1) - 1; }
CONVIS_INLINE real fn_rate_derivative(real v) { return v*v < R(1e8) ? v*R(6.6666666666666667e-1) : R(0.0); }

CONVIS_INLINE void fn_substep(PARAM p, real x, real h, real *v, real *w)
{
    real source = (x - *w)*h, rate = fn_rate(*v), ahead = convis_relax(*v, source, rate*h);
    *v = convis_relax(*v, source, R(0.5)*(rate + fn_rate(ahead))*h);
    *w = convis_relax(*w, p[EPSILON]*(*v + p[FN_A])*h, p[EPSILON]*p[FN_B]*h);
}

#ifndef CONVIS_HOST

/* The state of a group of cells. */
enum { STATE_SIZE = LINES*CONVIS_GROUP };

CONVIS_INLINE void fn_group(PARAM p, IN x, real h, real *s, integer count)
{
    for (integer l = 0; l < count; l++) fn_substep(p, x[l], h, s + l, s + CONVIS_GROUP + l);
}

CONVIS_KERNEL8(fitzhugh_nagumo_forward, PARAM p, IN x, OUT y, OUT shown_v, OUT shown_spikes, STATE v, STATE w, TAPE tape)
{
    int  steps = fn_substeps(dt, p[SUBSTEP], p[TIME_UNIT]);
    real h = dt/p[TIME_UNIT]/(real)steps, threshold = p[THRESHOLD];
    CONVIS_FRAMES(t) CONVIS_GROUPS(g, count) {
        real now[STATE_SIZE], before[CONVIS_GROUP], spikes[CONVIS_GROUP];
        for (integer l = 0; l < count; l++) { now[l] = v[g + l]; now[CONVIS_GROUP + l] = w[g + l]; spikes[l] = 0; }
        if (tape) substeps_tape(now, LINES, x + t*n + g, tape + t*MAPS*map_size + g, map_size, count);
        for (int k = 0; k < steps; k++) {
            for (integer l = 0; l < count; l++) before[l] = now[l];
            fn_group(p, x + t*n + g, h, now, count);
            for (integer l = 0; l < count; l++) spikes[l] += ((before[l] < threshold) & (now[l] >= threshold)) ? R(1.0) : R(0.0);
        }
        for (integer l = 0; l < count; l++) { v[g + l] = now[l]; w[g + l] = now[CONVIS_GROUP + l]; }
        substeps_show(p[OUTPUT] > 0, now, spikes, y, shown_v, shown_spikes, tape, t*n + g, (t*MAPS + LINES + 1)*map_size + g, count);
    }
}

/* One substep backwards for one cell: the gradients from after it to before it, where the cell was at (v, w). x and parameters
 * get their parts added, those of parameter k in part[k*CONVIS_GROUP]. */
CONVIS_INLINE void fn_back(PARAM p, real x, real h, real v, real w, real *dv, real *dw, real *dx, real *part)
{
    real source = x - w, rate = fn_rate(v), ahead = convis_relax(v, source*h, rate*h), mean = R(0.5)*(rate + fn_rate(ahead));
    real now = convis_relax(v, source*h, mean*h), leak = p[EPSILON]*p[FN_B], pull = p[EPSILON]*(now + p[FN_A]);
    real w_before, v_before, through, ds, dz, dsource, dmean, dh;
    convis_relax_back(w, pull*h, leak*h, *dw, &w_before, &ds, &dz);
    dh = pull*ds + leak*dz;
    part[FN_A*CONVIS_GROUP]    += p[EPSILON]*h*ds;
    part[FN_B*CONVIS_GROUP]    += p[EPSILON]*h*dz;
    part[EPSILON*CONVIS_GROUP] += h*((now + p[FN_A])*ds + p[FN_B]*dz);
    convis_relax_back(v, source*h, mean*h, *dv + p[EPSILON]*h*ds, &v_before, &ds, &dz);
    dsource = ds*h;
    dmean = R(0.5)*h*dz;
    dh += source*ds + mean*dz;
    convis_relax_back(v, source*h, rate*h, dmean*fn_rate_derivative(ahead), &through, &ds, &dz);
    dsource += ds*h;
    dh += source*ds + rate*dz;
    part[TIME_UNIT*CONVIS_GROUP] -= dh*h/p[TIME_UNIT];
    *dv = v_before + through + (dmean + dz*h)*fn_rate_derivative(v);
    *dw = w_before - dsource;
    *dx += dsource;
}

CONVIS_INLINE void fn_group_back(PARAM p, IN x, real h, const real *s, real *d, real *dx, real *part, integer count)
{
    for (integer l = 0; l < count; l++)
        fn_back(p, x[l], h, s[l], s[CONVIS_GROUP + l], d + l, d + CONVIS_GROUP + l, dx + l, part + l);
}

CONVIS_KERNEL9(fitzhugh_nagumo_adjoint, PARAM p, IN x, IN y, TAPE tape, IN dy, STATE dv, STATE dw, OUT dx, OUT dmap)
{
    int  steps = fn_substeps(dt, p[SUBSTEP], p[TIME_UNIT]), kind = (int)p[SURROGATE], shows_v = p[OUTPUT] > 0;
    real h = dt/p[TIME_UNIT]/(real)steps, threshold = p[THRESHOLD];
    CONVIS_FRAMES_BACK(t) CONVIS_GROUPS(g, count) {
        real coarse[SUBSTEPS_BLOCK*STATE_SIZE], fine[SUBSTEPS_BLOCK*STATE_SIZE], now[STATE_SIZE], d[STATE_SIZE], part[OUTPUT*CONVIS_GROUP];
        real peak[CONVIS_GROUP], push[CONVIS_GROUP], at[CONVIS_GROUP], to[CONVIS_GROUP];
        IN   x_ = x + t*n + g;
        substeps_untape(now, LINES, tape + t*MAPS*map_size + g, map_size, count);
        for (integer l = 0; l < OUTPUT*CONVIS_GROUP; l++) part[l] = 0;
        for (integer l = 0; l < CONVIS_GROUP; l++) { to[l] = 0; peak[l] = R(-1e30); at[l] = -1; }
        SUBSTEPS_AGAIN(steps, fn_group(p, x_, h, now, count), substeps_highest(before, now, threshold, k, peak, at, count))
        for (integer l = 0; l < count; l++) {
            real slope = convis_surrogate(kind, p[SLOPE], peak[l] - threshold), out = dy[t*n + g + l];
            push[l] = shows_v || at[l] < 0 ? R(0.0) : out*slope;
            d[l] = dv[g + l] + (shows_v ? out : R(0.0));
            d[CONVIS_GROUP + l] = dw[g + l];
            part[THRESHOLD*CONVIS_GROUP + l] -= push[l];
        }
        SUBSTEPS_BACK(steps, fn_group(p, x_, h, now, count), fn_group_back(p, x_, h, before, d, to, part, count))
        for (integer l = 0; l < count; l++) {
            dv[g + l] = d[l];
            dw[g + l] = d[CONVIS_GROUP + l];
            dx[t*n + g + l] += to[l];
        }
        substeps_parts(part, 0, OUTPUT, dmap + g, map_size, count);
    }
}

CONVIS_EXPORT(fitzhugh_nagumo, CONVIS_ENTRY(fitzhugh_nagumo_forward) CONVIS_ENTRY(fitzhugh_nagumo_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "a",         "1", 0.7, -10, 10, 0, "shifts the resting state" },
    { "b",         "1", 0.8, 0, 10, 0, "decay of the recovery" },
    { "epsilon",   "1", 0.08, 1e-6, 10, 0, "how much slower recovery is than v" },
    { "time_unit", "s", 0.001, 1e-5, 10, 0, "duration of one unit of time in the equations" },
    { "threshold", "1", 1, -10, 10, 0, "a spike is an upward crossing of it by v" },
    { "output",    "spikes|potential", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "what the output is: the number of spikes, or v" },
    { "surrogate", "superspike|sigmoid|triangle|straight", 0, 0, 3, CONVIS_WHOLE | CONVIS_WORDS,
      "surrogate gradient; straight: straight through" },
    { "slope",     "1", 2, 0, 1e4, CONVIS_FIXED, "sharpness of the surrogate" },
    { "substep",   "s", 1e-4, 1e-6, 1, CONVIS_FIXED | CONVIS_PLAN, "longest step of the integration" },
    { 0 }
};
static const convis_field states[] = {
    { "v", "1", 0, 0, 0, 0, "potential" },
    { "w", "1", 0, 0, 0, 0, "recovery" },
    { 0 }
};
static const convis_field outputs[] = {
    { "v",      "1", 0, 0, 0, 0, "potential at the end of the step" },
    { "spikes", "1", 0, 0, 0, 0, "spikes of the step" },
    { 0 }
};

static convis_status plan(convis_pass *p) { return substeps_plan(p, LINES); }

/* The number of substeps follows time_unit, which may be set at any time. */
static convis_status prepare(convis_pass *p) { return substeps_check(p, fmin(p->param[SUBSTEP], p->param[TIME_UNIT])); }

/* The rest of v and w; is it stable? */
static int rest_at(const double *q, double x, double *v)
{
    double low = -4 - fabs(x) - fabs(q[FN_A]), high = -low;
    for (int k = 0; k < 200; k++) {
        double at = low + 0.5*(high - low);
        if (q[FN_B]*(at - at*at*at/3 + x) > at + q[FN_A]) low = at; else high = at;
    }
    *v = low;
    double slope = 1 - low*low, leak = q[EPSILON]*q[FN_B];
    return slope < leak && q[EPSILON] > slope*leak;
}

/* At rest under the baseline current; where it would fire all the time, at rest under none. */
static double baseline(const convis_pass *p, const double *x, double *state)
{
    double v, now = x[0];
    if (!rest_at(p->param, now, &v)) rest_at(p->param, now = 0, &v);
    state[0] = v;
    state[1] = v - v*v*v/3 + now;
    return p->param[OUTPUT] > 0 ? v : 0;
}

/* The step of each cell that fired, once more. */
static void spikes(convis_pass *p, void *sink)
{
    int64_t n = convis_elements(p->out_shape);
    const convis_real *q = p->number;
    int  steps = fn_substeps((convis_real)p->dt, q[SUBSTEP], q[TIME_UNIT]);
    real h = (convis_real)p->dt/q[TIME_UNIT]/(real)steps;
    for (int t = 0; t < p->frames; t++)
        for (int64_t i = 0; i < n; i++) {
            const convis_real *at = p->tape[0] + t*MAPS*n + i;
            if (!(at[3*n] > 0)) continue;
            real v = at[0], w = at[n];
            for (int k = 0; k < steps; k++) {
                real before = v;
                fn_substep(q, at[2*n], h, &v, &w);
                substeps_emit(p, sink, i, t, k, steps, before, v, q[THRESHOLD]);
            }
        }
}

CONVIS_LAYER_KERNELS(fitzhugh_nagumo)
const convis_layer_type convis_fitzhugh_nagumo = {
    .abi = CONVIS_LAYER_ABI, .name = "fitzhugh_nagumo", .doc = "FitzHugh-Nagumo neuron; the output counts spikes, or is v",
    .params = params, .states = states, .outputs = outputs, .inputs = 1, .tape = 1, .kernels = fitzhugh_nagumo_kernels,
    .source = convis_fitzhugh_nagumo_source, .pointwise = "fitzhugh_nagumo_forward", .adjoint = "fitzhugh_nagumo_adjoint", .plan = plan,
    .prepare = prepare, .baseline = baseline, .spikes = spikes,
};
#endif
