/* event_camera.c - a dynamic vision sensor: each pixel reports when its (log) intensity has changed by a threshold since its last
 * report (Lichtsteiner et al. 2008; simulated as by Rebecq et al. 2018).
 *
 *      f[t] = ln max(x[t], floor), or x[t] with mode = 0, moving linearly from step to step; plus sigma N(0,1) in each
 *      d = f - reference:  d >= on: an ON event;  d <= -off: an OFF event;  after it the reference is where f is, and follows f for
 *      the refractory time, without events
 *
 * With slope g, while the intensity moves in one direction the reference moves by step = threshold + refractory |g| from event to event, so a
 * step has floor((|d| + refractory |g|)/step) of them, each at its own time. y[t] is their number, OFF events counted
 * negative; with polarity 1 or -1 it is that of ON or of OFF events alone, as positive numbers.
 * mismatch: thresholds differ from pixel to pixel, by a factor of 1 + mismatch N(0,1), at least 1/20.
 *
 * Adjoint: the staircase is taken for what convis_surrogate makes of it, dy/dd = surrogate(q - nearest level)/step at
 * q = (|d| + refractory |g|)/step, also in the reference, which moves with y: straight through (surrogate = 3) a sum of events
 * then depends on the first and last intensity alone. What the refractory time does to |g| and when it ends are held. The tape stores
 * f[t-1], the reference and what is left of the refractory time before the step, and f[t]. */
#include <convis/kernel.h>

enum { MODE, ON, OFF, REFRACTORY, FLOOR, SIGMA, MISMATCH, POLARITY, SURROGATE, SLOPE };
enum { MAPS = 4 };
enum { NOISE_INTENSITY, NOISE_ON, NOISE_OFF };            /* streams of this layer's noise */

/* ---- What kernel and host share: a pixel's step ---- */

/* The reference at the step's start, or when the refractory time ends in it; f moves from `from` to `to`. */
CONVIS_INLINE real event_reference(real reference, real wait, real from, real to, real dt)
{
    return ((wait > 0) & (wait < dt)) ? from + (to - from)*(wait/dt) : reference;
}

/* How far the reference moves from event to event. */
CONVIS_INLINE real event_step(real threshold, real refractory, real slope) { return threshold + refractory*slope; }
CONVIS_INLINE real event_size(real v) { return v < 0 ? -v : v; }

/* Largest whole number not above q, from 0 to a million; 0 for NaN. */
CONVIS_INLINE real event_floor(real q) { return (real)(int)convis_min(convis_max(q, R(0.0)), R(1e6)); }

#ifndef CONVIS_HOST

CONVIS_KERNEL7(event_camera_forward, PARAM p, IN x, OUT y, STATE before, STATE reference, STATE wait, TAPE tape)
{
    real refractory = p[REFRACTORY], lowest = p[FLOOR], sigma = p[SIGMA], mismatch = p[MISMATCH];
    real shown_on = p[POLARITY] < 0 ? R(0.0) : R(1.0), shown_off = p[POLARITY] > 0 ? R(0.0) : p[POLARITY] < 0 ? R(1.0) : R(-1.0);
    int  logarithmic = p[MODE] > 0;
    CONVIS_GROUPS(g, count) {
        real z[CONVIS_GROUP], on[CONVIS_GROUP], off[CONVIS_GROUP], f[CONVIS_GROUP];
        real r[CONVIS_GROUP], d[CONVIS_GROUP], slope[CONVIS_GROUP], step[CONVIS_GROUP], events[CONVIS_GROUP];
        for (integer l = 0; l < CONVIS_GROUP; l++) { on[l] = p[ON]; off[l] = p[OFF]; }
        if (mismatch > 0) {
            convis_normals(z, g, 0, NOISE_ON, key0, key1);
            for (integer l = 0; l < CONVIS_GROUP; l++) on[l] *= convis_max(1 + mismatch*z[l], R(0.05));
            convis_normals(z, g, 0, NOISE_OFF, key0, key1);
            for (integer l = 0; l < CONVIS_GROUP; l++) off[l] *= convis_max(1 + mismatch*z[l], R(0.05));
        }
        CONVIS_FRAMES(t) {
            for (integer l = 0; l < count; l++) f[l] = x[t*n + g + l];
            if (logarithmic) for (integer l = 0; l < count; l++) f[l] = convis_log(convis_max(f[l], lowest));
            if (sigma > 0) {
                convis_normals(z, g, frame + (u32)t, NOISE_INTENSITY, key0, key1);
                for (integer l = 0; l < count; l++) f[l] += sigma*z[l];
            }
            if (tape)
                for (integer l = 0; l < count; l++) {
                    CONVIS_GLOBAL real *at = tape + t*MAPS*map_size + g + l;
                    at[0] = before[g + l];
                    at[map_size] = reference[g + l];
                    at[2*map_size] = wait[g + l];
                    at[3*map_size] = f[l];
                }
            for (integer l = 0; l < count; l++) {
                real rising = on[l], falling = off[l];
                r[l] = event_reference(reference[g + l], wait[g + l], before[g + l], f[l], dt);
                d[l] = f[l] - r[l];
                slope[l] = event_size(f[l] - before[g + l])/dt;
                step[l] = event_step(d[l] < 0 ? falling : rising, refractory, slope[l]);
            }
            for (integer l = 0; l < count; l++) events[l] = event_floor((event_size(d[l]) + refractory*slope[l])/step[l]);
            for (integer l = 0; l < count; l++) {
                integer i = g + l;
                real free = wait[i] < dt ? R(1.0) : R(0.0), happened = events[l]*free, moved = happened*step[l];
                real over = convis_max(moved - event_size(d[l]), R(0.0))/convis_max(slope[l], R(1e-30));
                reference[i] = d[l] < 0 ? r[l] - moved : r[l] + moved;
                wait[i] = convis_max(convis_min(over, refractory), wait[i] - dt);       /* one of them is <= 0 */
                before[i] = f[l];
                y[t*n + i] = happened*(d[l] < 0 ? shown_off : shown_on) + R(0.0);        /* no negative zeros */
            }
        }
    }
}

CONVIS_KERNEL10(event_camera_adjoint, PARAM p, IN x, IN y, TAPE tape, IN dy, STATE dbefore, STATE dreference, STATE dwait, OUT dx,
                OUT dmap)
{
    real refractory = p[REFRACTORY], lowest = p[FLOOR], mismatch = p[MISMATCH], polarity = p[POLARITY];
    int  logarithmic = p[MODE] > 0, kind = (int)p[SURROGATE];
    CONVIS_GROUPS(g, count) {
        real z[CONVIS_GROUP], on[CONVIS_GROUP], off[CONVIS_GROUP];
        for (integer l = 0; l < CONVIS_GROUP; l++) { on[l] = 1; off[l] = 1; }
        if (mismatch > 0) {
            convis_normals(z, g, 0, NOISE_ON, key0, key1);
            for (integer l = 0; l < CONVIS_GROUP; l++) on[l] = convis_max(1 + mismatch*z[l], R(0.05));
            convis_normals(z, g, 0, NOISE_OFF, key0, key1);
            for (integer l = 0; l < CONVIS_GROUP; l++) off[l] = convis_max(1 + mismatch*z[l], R(0.05));
        }
        CONVIS_FRAMES_BACK(t) for (integer l = 0; l < count; l++) {
            integer i = g + l;
            CONVIS_GLOBAL const real *at = tape + t*MAPS*map_size + i;
            real from = at[0], w = at[2*map_size], f = at[3*map_size], r = event_reference(at[map_size], w, from, f, dt),
                     d = f - r;
            real factor = d < 0 ? off[l] : on[l], slope = event_size(f - from)/dt;
            real step = event_step((d < 0 ? p[OFF] : p[ON])*factor, refractory, slope);
            real q = (event_size(d) + refractory*slope)/step, events = w < dt ? event_floor(q) : R(0.0),
                     sign = d < 0 ? R(-1.0) : R(1.0);
            /* To y as a signed number; 0 if the polarity is not shown, or in the refractory time. */
            real share = polarity == 0 ? R(1.0) : polarity*sign > 0 ? polarity : R(0.0);
            real rise = w < dt ? convis_surrogate(kind, p[SLOPE], q - convis_max(event_floor(q + R(0.5)), R(1.0)))/step : R(0.0);
            real to = dy[t*n + i]*share + step*dreference[i], into_d = to*rise, dr = dreference[i] - into_d, released = w/dt;
            real dthreshold = factor*(sign*events*dreference[i] - to*sign*rise*q);
            int  waits = (w > 0) & (w < dt);
            real df = dbefore[i] + into_d + (waits ? dr*released : R(0.0));
            dmap[ON*map_size + i]  += d < 0 ? R(0.0) : dthreshold;
            dmap[OFF*map_size + i] += d < 0 ? dthreshold : R(0.0);
            dbefore[i] = waits ? dr*(1 - released) : R(0.0);
            dreference[i] = waits ? R(0.0) : dr;
            dwait[i] = 0;
            real u = x[t*n + i];
            dx[t*n + i] += !logarithmic ? df : u > lowest ? df/u : R(0.0);
        }
    }
}

CONVIS_EXPORT(event_camera, CONVIS_ENTRY(event_camera_forward) CONVIS_ENTRY(event_camera_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "mode",       "linear|log", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN, "changes of the intensity, or of its logarithm" },
    { "on",         "1", 0.2, 1e-4, 1e6, 0, "rise that is an ON event" },
    { "off",        "1", 0.2, 1e-4, 1e6, 0, "fall that is an OFF event" },
    { "refractory", "s", 0, 0, 10, CONVIS_FIXED, "time after an event in which a pixel is held reset" },
    { "floor",      "1", 1, 1e-30, 1e6, CONVIS_FIXED, "intensities below it count as it before the logarithm" },
    { "sigma",      "1", 0, 0, 1e3, CONVIS_FIXED, "standard deviation of the noise in each step's (log) intensity" },
    { "mismatch",   "1", 0, 0, 1, CONVIS_FIXED, "standard deviation of the thresholds across pixels, relative" },
    { "polarity",   "off|both|on", 0, -1, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "OFF events alone, both, OFF counted negative, or ON alone" },
    { "surrogate",  "superspike|sigmoid|triangle|straight", 3, 0, 3, CONVIS_WHOLE | CONVIS_WORDS,
      "surrogate gradient; straight: straight through" },
    { "slope",      "1", 5, 0, 1e4, CONVIS_FIXED, "sharpness of the surrogate, by the threshold" },
    { 0 }
};
static const convis_field states[] = {
    { "before",    "1", 0, 0, 0, 0, "previous (log) intensity" },
    { "reference", "1", 0, 0, 0, 0, "that of the last event" },
    { "wait",      "s", 0, 0, 0, 0, "refractory time that remains" },
    { 0 }
};

static convis_status plan(convis_pass *p)
{
    p->tape_shape[0] = p->out_shape;
    p->tape_shape[0].dim[CONVIS_B] *= MAPS;
    return CONVIS_OK;
}

/* The baseline intensity is the first reference. */
static double baseline(const convis_pass *p, const double *x, double *state)
{
    state[0] = state[1] = p->param[MODE] > 0 ? log(fmax(x[0], p->param[FLOOR])) : x[0];
    return 0;
}

/* Events of a step lie `step` apart along f; the last is known from the count. */
static void spikes(convis_pass *p, void *sink)
{
    int64_t n = convis_elements(p->out_shape);
    real dt = (real)p->dt, refractory = p->number[REFRACTORY], mismatch = p->number[MISMATCH];
    for (int t = 0; t < p->frames; t++)
        for (int64_t i = 0; i < n; i++) {
            double events = fabs((double)p->out[t*n + i]);
            const convis_real *at = p->tape[0] + t*MAPS*n + i;
            if (!(events > 0)) continue;
            real w = at[2*n], from = at[0], to = at[3*n], r = event_reference(at[n], w, from, to, dt), d = to - r;
            double threshold = p->param[d < 0 ? OFF : ON], slope = (double)event_size(to - from)/p->dt;
            if (mismatch > 0) {
                real z[CONVIS_GROUP];
                integer g = (integer)(i/CONVIS_GROUP*CONVIS_GROUP);
                convis_normals(z, g, 0, d < 0 ? NOISE_OFF : NOISE_ON, (u32)p->key, (u32)(p->key >> 32));
                threshold *= (double)convis_max(1 + mismatch*z[i%CONVIS_GROUP], R(0.05));
            }
            double step = (double)event_step((real)threshold, refractory, (real)slope);
            for (int k = 0; k < (int)events; k++) {
                double beyond = fabs((double)d) - threshold - k*step, before_end = slope > 0 ? beyond/slope : 0;
                convis_emit(sink, i, t, fmin(fmax(p->dt - before_end, fmax((double)w, 0)), p->dt));
            }
        }
}

CONVIS_LAYER_KERNELS(event_camera)
const convis_layer_type convis_event_camera = {
    .abi = CONVIS_LAYER_ABI, .name = "event_camera", .doc = "events where the intensity, or its logarithm, has changed by a threshold",
    .params = params, .states = states, .inputs = 1, .tape = 1, .kernels = event_camera_kernels, .source = convis_event_camera_source,
    .pointwise = "event_camera_forward", .adjoint = "event_camera_adjoint", .plan = plan, .baseline = baseline, .spikes = spikes,
};
#endif
