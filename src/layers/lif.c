/* lif.c - noisy leaky integrate and fire, exact between and at spikes (VirtualRetina's nLIF; SPEC 8).
 *
 *      V' = J + a E_a + noise - g V,   g = leak + a            spike when V reaches 1; then V = 0 for the refractory time
 *
 * J, a and the noise are constant over a step, so V(s) = E + (V - E) exp(-g s) with E = (J + a E_a + noise)/g, and the
 * next spike comes after ln((E - V)/(E - 1))/g, if E > 1: any number of spikes in a step, each at its own time.
 * y[t] counts the spikes of step t. Refractory time: refractory + refractory_sd N(0,1), at least 0.
 * Adaptation: each spike adds delta to a; at the start of each step a decays by exp(-dt/tau).
 * Noise: a current of standard deviation s held for a step.
 * - exact off, as VirtualRetina: s = sigma sqrt(2 g/dt), which leaves V with sigma sqrt(tanh(x)/x), x = g dt/2; J is the input.
 * - exact on: s = sigma g/sqrt(tanh(x)), which leaves V with sigma; J is the mean of the previous and present input.
 *
 * Adjoint by a surrogate: with U the V that the end of the step would see without a threshold,
 *      U = E + (V - E) exp(-g (dt - w)),  w the refractory time left (w < dt, else U = V and the cell takes no input),
 * the count is differentiated as if it were S(U), S' = convis_surrogate at U - 1 with k = slope: by default S = (U - 1)/(1 + k|U - 1|),
 * S' = 1/(1 + k|U - 1|)^2 (Zenke & Ganguli 2018).
 * All else is exact but for what a spike fixes: its time, and V at the end of its step, are constants. So V after the step is U
 * without a spike, and with one nothing passes to V before; w after it is the refractory time minus a constant; a after it
 * is a + delta y. U by g, E and w, E by J and g, g by leak and a, noise by sigma and g: the derivatives of the above.
 * The tape stores V, w, J with noise and a's part, and the decayed a. */
#include <convis/kernel.h>

enum { LEAK, SIGMA, REFRACTORY, REFRACTORY_SD, RANDOM_INIT, DELTA, TAU, REVERSAL, SLOPE, EXACT, SURROGATE };
enum { LIF_MOST = 10000 };            /* spikes in a step; no cell has them, but a current without bounds would */
enum { NOISE_CURRENT, NOISE_REFRACTORY, NOISE_START, NOISE_MORE = 8 };        /* streams of this layer's noise */

/* ---- What kernel and host share: a cell after the first spike of a step ---- */

/* leak + a; where delta is negative, spikes may take all of it. */
CONVIS_INLINE real lif_conductance(real leak, real a) { return convis_max(leak + a, R(1e-3)); }

/* Time until V reaches 1, ln(1 + x)/g with x = (1 - V)/(E - 1): 0 if V is at 1, beyond any step if it never does. It is
 * accurate for strong currents, too, where many short times add up. Maxima rather than conditions, as compilers answer a
 * condition on a logarithm's argument with two logarithms. */
CONVIS_INLINE real lif_delay(real E, real v, real per_g)
{
    real x = convis_max(1 - v, R(0.0))/convis_max(E - 1, R(1e-30)), u = 1 + x;
    real delay = (convis_log(u) + (x - (u - 1))/u)*per_g;
    return ((E > 1) | (v >= 1)) ? delay : R(1e30);
}
CONVIS_INLINE real lif_interval(real E, real per_g) { return lif_delay(E, R(0.0), per_g); }

/* The same, and exp(u) - 1, for steps in which V moves less than a quarter of its distance to E: g dt < 1/4, so that -1/4 <= u <= 0
 * and the delay's ratio stays below exp(1/4). Short series then suffice, to 1e-8 (log through its area tangent). */
CONVIS_INLINE int  lif_brief(real g, real dt) { return g*dt < R(0.25); }
CONVIS_INLINE real lif_brief_delay(real E, real v, real per_g)
{
    real a = convis_max(1 - v, R(0.0)), s = a/(2*(E - 1) + a), z = s*s;
    return 2*per_g*(s + s*z*((R(3.3333333333333333e-1) + z*R(0.2)) + z*z*R(1.4285714285714286e-1)));
}
CONVIS_INLINE real lif_brief_expm1(real u)
{
    real z = u*u;
    return u + z*((R(0.5) + u*R(1.6666666666666666e-1)) + z*((R(4.1666666666666664e-2) + u*R(8.333333333333333e-3))
         + z*R(1.388888888888889e-3)));
}

/* Is a step so small a part of V that what rounding takes from many would add up? Then it is stored in V_low (convis_gather). */
CONVIS_INLINE int lif_slow(real leak, real dt) { return leak*dt < R(0.03125); }

/* Does a cell fire in a step at whose end V would be `end` plus its rounding error `rest`; below, when. */
CONVIS_INLINE int lif_fires(real wait, real v, real end, real rest, real dt)
{
    return ((wait < dt) & ((end - 1 + rest >= 0) | (v >= 1))) ? 1 : 0;
}
CONVIS_INLINE real lif_first(real wait, real v, real E, real per_g, real dt, int brief)
{
    return convis_min(convis_min(wait, dt) + (brief ? lif_brief_delay(E, v, per_g) : lif_delay(E, v, per_g)), dt);
}

/* Refractory time after the k-th spike of a step, k >= 1. */
CONVIS_INLINE real lif_later_refractory(real mean, real sd, integer i, u32 frame, int k, u32 key0, u32 key1)
{
    u32 w[4];
    real z, unused;
    if (!(sd > 0)) return mean;
    convis_philox(key0, key1, (u32)i, frame, NOISE_MORE + (u32)k, 1, w);
    convis_normal_pair(w[0], w[1], &z, &unused);
    return convis_max(mean + sd*z, R(0.0));
}

#ifndef CONVIS_HOST

/* Standard deviation of the current that noise adds to a step. */
CONVIS_INLINE real lif_noise(real sigma, real g, real dt, int exact)
{
    if (exact) return sigma*g*convis_sqrt((1 + convis_exp(-g*dt))/-convis_expm1(-g*dt));
    return sigma*convis_sqrt(2*g/dt);
}

/* One group of pixels for one frame, in local arrays of fixed length so that every loop vectorises. What a pixel still
 * has to compute after its first spike and a refractory time shorter than the step is rare, and done one pixel at
 * a time at the end. */
CONVIS_INLINE void lif_group(PARAM p, IN x, OUT y, STATE v, STATE wait, STATE a, STATE before, STATE v_low, OUT tape_v,
                             OUT tape_wait, OUT tape_j, OUT tape_a, integer g0, integer count, real dt, u32 frame, u32 key0,
                             u32 key1, real scale, real decay, real per_leak, int noisy, int spread, int adapting, int exact,
                             int brief, int slow)
{
    real z[CONVIS_GROUP], zr[CONVIS_GROUP], J[CONVIS_GROUP], V[CONVIS_GROUP], W[CONVIS_GROUP], A[CONVIS_GROUP], Y[CONVIS_GROUP];
    real E[CONVIS_GROUP], at[CONVIS_GROUP], end[CONVIS_GROUP], low[CONVIS_GROUP], rest_of[CONVIS_GROUP];
    real leak = p[LEAK], refractory = p[REFRACTORY], refractory_sd = p[REFRACTORY_SD], sigma = p[SIGMA];
    real delta = p[DELTA], reversal = p[REVERSAL];
    if (count < CONVIS_GROUP) for (integer l = 0; l < CONVIS_GROUP; l++) J[l] = V[l] = W[l] = A[l] = low[l] = R(0.0);
    for (integer l = 0; l < count; l++) J[l] = exact ? R(0.5)*(before[g0 + l] + x[l]) : x[l];
    if (exact) for (integer l = 0; l < count; l++) before[g0 + l] = x[l];
    for (integer l = 0; l < count; l++) V[l] = v[g0 + l];
    if (slow) for (integer l = 0; l < count; l++) low[l] = v_low[g0 + l];
    for (integer l = 0; l < count; l++) W[l] = convis_max(wait[g0 + l], R(0.0));
    for (integer l = 0; l < count; l++) A[l] = adapting ? a[g0 + l] : R(0.0);
    if (noisy) {
        convis_normals(z, g0, frame, NOISE_CURRENT, key0, key1);
        for (integer l = 0; l < CONVIS_GROUP; l++)
            J[l] += (adapting ? lif_noise(sigma, lif_conductance(leak, A[l]), dt, exact) : scale)*z[l];
    }
    if (spread) convis_normals(zr, g0, frame, NOISE_REFRACTORY, key0, key1);
    if (adapting)
        for (integer l = 0; l < CONVIS_GROUP; l++) {
            A[l] *= decay;
            J[l] += A[l]*reversal;
        }
    if (tape_v) {
        for (integer l = 0; l < count; l++) tape_v[l] = V[l];
        for (integer l = 0; l < count; l++) tape_wait[l] = W[l];
        for (integer l = 0; l < count; l++) tape_j[l] = J[l];
        for (integer l = 0; l < count; l++) tape_a[l] = A[l];
    }
    /* One stage a loop, as in convis_normals: where would V be at the end; when did it reach 1, if it did; the result. */
    for (integer l = 0; l < CONVIS_GROUP; l++) {
        real g = adapting ? lif_conductance(leak, A[l]) : leak, u = g*(convis_min(W[l], dt) - dt);
        E[l] = brief ? J[l]*per_leak : J[l]/g;               /* brief: it hardly moves towards it */
        real step = (V[l] - E[l])*(brief ? lif_brief_expm1(u) : convis_expm1(u)), rest = slow ? low[l] + step : step;
        end[l] = convis_gather(V[l], &rest);
        if (slow) rest_of[l] = rest;
    }
    for (integer l = 0; l < CONVIS_GROUP; l++)
        at[l] = lif_first(W[l], V[l], E[l], adapting ? 1/lif_conductance(leak, A[l]) : per_leak, dt, brief);
    for (integer l = 0; l < CONVIS_GROUP; l++) {
        real rest = spread ? convis_max(refractory + refractory_sd*zr[l], R(0.0)) : refractory;
        real fires = lif_fires(W[l], V[l], end[l], slow ? rest_of[l] : R(0.0), dt) ? R(1.0) : R(0.0);
        real quiet = W[l] < dt ? end[l] : V[l], left = convis_max(W[l] - dt, R(0.0));
        if (slow) low[l] = fires > 0 ? R(0.0) : W[l] < dt ? rest_of[l] : low[l];
        V[l] = fires > 0 ? R(0.0) : quiet;
        W[l] = fires > 0 ? rest - (dt - at[l]) : left;
        Y[l] = fires;
        if (adapting) A[l] += fires*delta;
    }
    int again = 0;
    for (integer l = 0; l < CONVIS_GROUP; l++) again |= W[l] < 0 ? 1 : 0;
    if (again)
        for (integer l = 0; l < count; l++)
            for (int k = 1; W[l] < 0; k++) {                /* -W is what is left of the step, V = 0 */
                if (k == LIF_MOST) { W[l] = R(0.0); break; }
                real left = -W[l], g = adapting ? lif_conductance(leak, A[l]) : leak, per_g = 1/g;
                real current = adapting ? J[l] + delta*reversal*(real)k : J[l], e = current/g;
                real delay = lif_interval(e, per_g);
                W[l] = R(0.0);
                if (delay > left) { V[l] = -e*convis_expm1(-g*left); break; }
                Y[l] += 1;
                if (adapting) A[l] += delta;
                W[l] = lif_later_refractory(refractory, refractory_sd, g0 + l, frame, k, key0, key1) - (left - delay);
            }
    for (integer l = 0; l < count; l++) v[g0 + l] = V[l];
    if (slow) for (integer l = 0; l < count; l++) v_low[g0 + l] = low[l];
    for (integer l = 0; l < count; l++) wait[g0 + l] = W[l];
    for (integer l = 0; l < count; l++) y[l] = Y[l];
    if (adapting) for (integer l = 0; l < count; l++) a[g0 + l] = A[l];
}

/* buffers: p, x, y, v, wait, a, before, v_low, then the four maps of the tape, which lie one after the other. */
CONVIS_KERNEL12(lif_forward, PARAM p, IN x, OUT y, STATE v, STATE wait, STATE a, STATE before, STATE v_low, TAPE tape_v,
                TAPE tape_wait, TAPE tape_j, TAPE tape_a)
{
    int noisy = p[SIGMA] > 0, spread = p[REFRACTORY_SD] > 0, adapting = p[TAU] > 0, exact = p[EXACT] > 0;
    int brief = !adapting && lif_brief(p[LEAK], dt), slow = lif_slow(p[LEAK], dt);
    /* What all groups share; scale: the noise, where no cell has a conductance of its own. */
    real scale = lif_noise(p[SIGMA], p[LEAK], dt, exact), decay = adapting ? convis_exp(-dt/p[TAU]) : R(1.0),
         per_leak = 1/p[LEAK];
    CONVIS_FRAMES(t) {
        u32 f = frame + (u32)t;
        if (f == 0 && p[RANDOM_INIT] > 0)
            CONVIS_PIXELS(i) {
                u32 w[4];
                convis_philox(key0, key1, (u32)i, 0, NOISE_START, 0, w);
                v[i] = convis_uniform(w[0]);
            }
        CONVIS_GROUPS(g, count) {
            integer m = t*map_size + g;
            IN  x_ = x + t*n + g;
            OUT y_ = y + t*n + g;
            OUT tv = tape_v ? tape_v + m : tape_v;
            OUT tw = tape_v ? tape_wait + m : tape_v;
            OUT tj = tape_v ? tape_j + m : tape_v;
            OUT ta = tape_v ? tape_a + m : tape_v;
            /* The usual cells have loops of their own, without the parts that they do not need. */
#define LIF_GROUP(noisy, spread, adapting, exact, brief, slow) lif_group(p, x_, y_, v, wait, a, before, v_low, tv, tw, tj, ta, g, count, dt, f, \
                                                                   key0, key1, scale, decay, per_leak, noisy, spread, adapting, exact, brief, slow)
            if (!brief) LIF_GROUP(noisy, spread, adapting, exact, 0, slow);
            else if (noisy && !spread && !slow) { if (exact) LIF_GROUP(1, 0, 0, 1, 1, 0); else LIF_GROUP(1, 0, 0, 0, 1, 0); }
            else LIF_GROUP(noisy, spread, 0, exact, 1, slow);
        }
    }
}

/* The current of lif_noise for sigma = 1, and its derivative by g. */
CONVIS_INLINE real lif_noise_derivative(real g, real dt, int exact, real *by_g)
{
    real e = convis_exp(-g*dt), rest = -convis_expm1(-g*dt), root = exact ? convis_sqrt((1 + e)/rest) : convis_sqrt(2*g/dt);
    *by_g = exact ? root - g*dt*e/(rest*rest*root) : root/(2*g);
    return exact ? g*root : root;
}

/* part: what a group adds to the gradients of parameters, one row for each of the learnt parameters of the table. */
CONVIS_KERNEL15(lif_adjoint, PARAM p, IN x, IN y, TAPE tape_v, TAPE tape_wait, TAPE tape_j, TAPE tape_a, IN dy, STATE dv,
                STATE dwait, STATE da, STATE dbefore, STATE dlow, OUT dx, OUT dmap)
{
    int adapting = p[TAU] > 0, exact = p[EXACT] > 0, kind = (int)p[SURROGATE], slow = lif_slow(p[LEAK], dt);
    real leak = p[LEAK], sigma = p[SIGMA], delta = p[DELTA], reversal = p[REVERSAL], slope = p[SLOPE];
    real decay = adapting ? convis_exp(-dt/p[TAU]) : R(1.0), per_decay = decay > 0 ? 1/decay : R(0.0);
    real decay_by_tau = adapting ? dt/(p[TAU]*p[TAU]) : R(0.0);
    CONVIS_FRAMES_BACK(t) CONVIS_GROUPS(g0, count) {
        u32  f = frame + (u32)t;
        real z[CONVIS_GROUP], moved[CONVIS_GROUP], U[CONVIS_GROUP], part[SLOPE*CONVIS_GROUP],
                begins = f == 0 && p[RANDOM_INIT] > 0 ? R(0.0) : R(1.0);
        convis_normals(z, g0, f, NOISE_CURRENT, key0, key1);
        for (integer l = 0; l < count; l++) {
            integer m = t*map_size + g0 + l;
            real V = tape_v[m], g = adapting ? lif_conductance(leak, tape_a[m]) : leak;
            moved[l] = convis_expm1(g*(convis_min(tape_wait[m], dt) - dt));
            U[l] = V + (V - tape_j[m]/g)*moved[l];          /* and then S'(U) */
        }
        if (kind == 0) for (integer l = 0; l < count; l++) U[l] = convis_surrogate(0, slope, U[l] - 1);
        else           for (integer l = 0; l < count; l++) U[l] = convis_surrogate(kind, slope, U[l] - 1);
        for (integer l = 0; l < count; l++) {
            integer i = g0 + l, m = t*map_size + i;
            real V = tape_v[m], W = tape_wait[m], J = tape_j[m], A = tape_a[m], Y = y[t*n + i],
                     g = adapting ? lif_conductance(leak, A) : leak, per_g = 1/g;
            real E = J*per_g, left = convis_min(W, dt) - dt;
            real receives = W < dt ? R(1.0) : R(0.0), fired = Y > 0 ? R(1.0) : R(0.0),
                     at_y = dy[t*n + i] + (adapting ? delta*da[i] : R(0.0));
            real at_u = receives*((1 - fired)*dv[i] + at_y*U[l]);
            real at_E = -at_u*moved[l], at_exponent = at_u*((V - E)*(1 + moved[l])),
                     at_g = at_exponent*left - at_E*E*per_g, at_J = at_E*per_g;
            real noise_by_g,
                    noise = lif_noise_derivative(adapting ? lif_conductance(leak, A*per_decay) : leak, dt, exact, &noise_by_g);
            real at_noisy = at_J*z[l]*sigma*noise_by_g, at_a = da[i] + at_g + at_J*reversal;
            part[LEAK*CONVIS_GROUP + l] = at_g + at_noisy;
            part[SIGMA*CONVIS_GROUP + l] = at_J*z[l]*noise;
            part[REFRACTORY*CONVIS_GROUP + l] = fired*dwait[i];
            part[DELTA*CONVIS_GROUP + l] = adapting ? da[i]*Y : R(0.0);
            part[TAU*CONVIS_GROUP + l] = at_a*A*decay_by_tau;
            part[REVERSAL*CONVIS_GROUP + l] = at_J*A;
            if (slow) dlow[i] = (1 - receives)*dlow[i] + at_u;   /* added to V unchanged, or waits with it */
            dv[i] = begins*((1 - receives)*dv[i] + at_u*(1 + moved[l]));
            dwait[i] = W > 0 ? (1 - receives)*dwait[i] + at_exponent*g*receives : R(0.0);
            da[i] = adapting ? decay*at_a + at_noisy : da[i];
            dx[t*n + i] += exact ? R(0.5)*at_J + dbefore[i] : at_J;
            dbefore[i] = exact ? R(0.5)*at_J : dbefore[i];
        }
        for (int row = 0; row < SLOPE; row++) {
            if (row == REFRACTORY_SD || row == RANDOM_INIT) continue;
            for (integer l = 0; l < count; l++) dmap[row*map_size + g0 + l] += part[row*CONVIS_GROUP + l];
        }
    }
}

CONVIS_EXPORT(lif, CONVIS_ENTRY(lif_forward) CONVIS_ENTRY(lif_adjoint))

#else

static const convis_field params[] = {
    { "leak",          "Hz", 50, 1e-3, 1e5, 0, "membrane leak (g_L)" },
    { "sigma",         "1",  0, 0, 1e3, 0, "standard deviation of V due to noise, without threshold" },
    { "refractory",    "s",  0.003, 0, 10, 0, "mean refractory time" },
    { "refractory_sd", "s",  0, 0, 10, CONVIS_FIXED, "its standard deviation" },
    { "random_init",   "off|on", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS, "on: V starts uniform in [0, 1]; off: at 0" },
    { "delta",         "Hz", 0, -1e5, 1e5, 0, "adaptation conductance that a spike adds" },
    { "adaptation_tau", "s", 0, 0, 1e3, 0, "its decay; 0: no adaptation" },
    { "reversal",      "1",  0, -1e3, 1e3, 0, "its reversal potential (E_a)" },
    { "slope",         "1",  10, 0, 1e4, CONVIS_FIXED, "sharpness of the surrogate gradient" },
    { "exact",         "off|on", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "on: noise and input do not depend on dt; off: as VirtualRetina" },
    { "surrogate", "superspike|sigmoid|triangle|straight", 0, 0, 3, CONVIS_WHOLE | CONVIS_WORDS,
      "surrogate gradient; straight: straight through" },
    { 0 }
};
static const convis_field states[] = {
    { "V",      "1",  0, 0, 0, 0, "membrane potential; threshold 1" },
    { "wait",   "s",  0, 0, 0, 0, "refractory time that remains" },
    { "a",      "Hz", 0, 0, 0, 0, "adaptation conductance" },
    { "before", "Hz", 0, 0, 0, 0, "previous input" },
    { "V_low",  "1",  0, 0, 0, 0, "what V is too coarse for, where steps are small (dt leak < 1/32)" },
    { 0 }
};

static double baseline(const convis_pass *p, const double *x, double *state) { (void)p; state[3] = x[0]; return 0; }

/* The step of each cell that fired, once more from the tape, now with a sink for the times; every operation is the
 * kernel's, so the counts agree. */
static void spikes(convis_pass *p, void *sink)
{
    int64_t n = convis_elements(p->out_shape);
    const convis_real *q = p->number;
    real dt = (real)p->dt, leak = q[LEAK], refractory = q[REFRACTORY], sd = q[REFRACTORY_SD], delta = q[DELTA],
         reversal = q[REVERSAL];
    int adapting = q[TAU] > 0, brief = !adapting && lif_brief(leak, dt);
    u32 key0 = (u32)p->key, key1 = (u32)(p->key >> 32);
    for (int t = 0; t < p->frames; t++)
        for (int64_t i = 0; i < n; i++) {
            int count = (int)p->out[t*n + i];
            if (!count) continue;
            convis_real J = p->tape[2][t*n + i], a = p->tape[3][t*n + i], wait = p->tape[1][t*n + i];
            real per_g = 1/lif_conductance(leak, a),
                 at = lif_first(wait, p->tape[0][t*n + i], brief ? J*per_g : J/lif_conductance(leak, a), per_g, dt, brief);
            convis_emit(sink, i, t, (double)at);
            if (count == 1) continue;
            u32 frame = (u32)p->frame + (u32)t;
            real rest = refractory;
            if (sd > 0) {
                real z[CONVIS_GROUP];
                convis_normals(z, (integer)(i/CONVIS_GROUP*CONVIS_GROUP), frame, NOISE_REFRACTORY, key0, key1);
                rest = convis_max(refractory + sd*z[i%CONVIS_GROUP], R(0.0));
            }
            real left = dt - at - rest;
            for (int k = 1; k < count; k++) {
                if (adapting) a += delta;
                per_g = 1/lif_conductance(leak, a);
                real E = (adapting ? J + delta*reversal*(real)k : J)/lif_conductance(leak, a), delay = lif_interval(E, per_g);
                convis_emit(sink, i, t, (double)(dt - left) + (double)delay);
                left = left - delay - lif_later_refractory(refractory, sd, (integer)i, frame, k, key0, key1);
            }
        }
}

CONVIS_LAYER_KERNELS(lif)
const convis_layer_type convis_lif = {
    .abi = CONVIS_LAYER_ABI, .name = "lif", .doc = "noisy leaky integrate-and-fire neuron; the output counts spikes",
    .params = params, .states = states, .inputs = 1, .tape = 4, .kernels = lif_kernels, .source = convis_lif_source,
    .pointwise = "lif_forward", .adjoint = "lif_adjoint", .baseline = baseline, .spikes = spikes,
};
#endif
