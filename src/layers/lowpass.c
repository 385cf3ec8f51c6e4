/* lowpass.c - exponential low pass and cascade: n + 1 equal one-pole filters in a row, with a gain.
 *
 *      s_0[t] = c s_0[t-1] + b gain x[t]                  c = exp(-dt/tau_1), b = 1 - c
 *      s_j[t] = c s_j[t-1] + b s_{j-1}[t]                 j = 1..n
 *      y[t]   = s_n[t]                                    tau_1 = tau/n for n > 0 (a gamma of order n, peak at tau), else tau
 *
 * That is VirtualRetina's Exp and ExpCascade (SPEC 1), as a chain because its expanded polynomial loses all digits for
 * n > 5. It treats its input as constant over each frame, which is right for the frames of a movie (hold = 1), but
 * costs half a step at every later filter. With hold = 2 the input moves linearly from frame to frame,
 *
 *      s[t] = c s[t-1] + (b - d) x[t-1] + d x[t]          d = 1 - b tau_1/dt
 *
 * exactly; hold = 1 does so from the second pole on, hold = 2 from the first, hold = 0 never.
 *
 * Each step is taken as an increment, and what rounding takes from s is stored in `low` (convis_gather): for long time constants a
 * step is smaller than s can tell, and thousands of rounded ones would add up.
 *
 * Adjoint, g_j the gradient arriving at s_j[t], D_j that passed on from t + 1, u = x or s_{j-1}:
 *      g_n = dy[t] + D_n;  g_{j-1} += d g_j;  into u[t-1]: (b - d) g_j;  D_j = c g_j
 *      dtau += g_j (dc/dtau s_j[t-1] + d(b-d)/dtau u[t-1] + dd/dtau u[t]);  dgain += g_0 x[t] b
 * with r = dt/tau_1: db/dr = c, dd/dr = (b - d)/r. The tape stores s_j[t-1] and, for hold = 2, gain x[t-1]. */
#include <convis/kernel.h>

enum { LOWPASS_STAGES = 33 };
CONVIS_INLINE int lowpass_tape(int stages, int hold) { return stages + (hold == 2 ? 1 : 0); }

#ifndef CONVIS_HOST

CONVIS_KERNEL7(lowpass_forward, PARAM p, IN x, OUT y, STATE s, STATE before, STATE low, TAPE tape)
{
    real tau = p[1] > 0 ? p[0]/p[1] : p[0], gain = p[2];
    int  stages = (int)p[1] + 1, hold = (int)p[3];
    real r = tau > 0 ? dt/tau : R(1e9), b = tau > 0 ? -convis_expm1(-r) : R(1.0), d = convis_ramp_share(r, b);
    if (hold < 2 && stages == 1 && !tape) {
        CONVIS_SCAN(i, t) {
            real rest = low[i] + b*(gain*x[t*n + i] - s[i]);
            y[t*n + i] = s[i] = convis_gather(s[i], &rest);
            low[i] = rest;
        }
        return;
    }
    CONVIS_FRAMES(t) {
        if (tape) {
            integer maps = lowpass_tape(stages, hold);
            for (int j = 0; j < stages; j++) CONVIS_PIXELS(i) tape[(t*maps + j)*map_size + i] = s[j*map_size + i];
            if (hold == 2) CONVIS_PIXELS(i) tape[(t*maps + stages)*map_size + i] = before[i];
        }
        /* Down the chain with the previous input of each stage, then up with the present one. */
        if (hold)
            for (int j = stages - 1; j > 0; j--)
                CONVIS_PIXELS(i) low[j*map_size + i] += (b - d)*(s[(j - 1)*map_size + i] - s[j*map_size + i]);
        if (hold == 2) {
            CONVIS_PIXELS(i) {
                real u = gain*x[t*n + i], rest = low[i] + ((b - d)*(before[i] - s[i]) + d*(u - s[i]));
                s[i] = convis_gather(s[i], &rest);
                low[i] = rest;
                before[i] = u;
            }
        } else {
            CONVIS_PIXELS(i) {
                real rest = low[i] + b*(gain*x[t*n + i] - s[i]);
                s[i] = convis_gather(s[i], &rest);
                low[i] = rest;
            }
        }
        for (int j = 1; j < stages; j++)
            CONVIS_PIXELS(i) {
                integer m = j*map_size + i;
                real rest = low[m] + (hold ? d : b)*(s[m - map_size] - s[m]);
                s[m] = convis_gather(s[m], &rest);
                low[m] = rest;
            }
        CONVIS_PIXELS(i) y[t*n + i] = s[(stages - 1)*map_size + i];
    }
}

CONVIS_KERNEL10(lowpass_adjoint, PARAM p, IN x, IN y, TAPE tape, IN dy, STATE ds, STATE dbefore, STATE dlow, OUT dx, OUT dmap)
{
    real tau = p[1] > 0 ? p[0]/p[1] : p[0], gain = p[2];
    int  stages = (int)p[1] + 1, hold = (int)p[3];
    real r = tau > 0 ? dt/tau : R(1e9), b = tau > 0 ? -convis_expm1(-r) : R(1.0), d = convis_ramp_share(r, b);
    real dr = tau > 0 ? -r/p[0] : R(0.0), db = (1 - b)*dr, dd = (b - d)/r*dr;
    real with_new = hold ? d : b, with_old = hold ? b - d : R(0.0), dnew = hold ? dd : db, dold = hold ? db - dd : R(0.0);
    integer maps = lowpass_tape(stages, hold);
    CONVIS_FRAMES_BACK(t) CONVIS_GROUPS(g0, count) {
        real now[LOWPASS_STAGES*CONVIS_GROUP], g[CONVIS_GROUP], part[CONVIS_GROUP];
        CONVIS_GLOBAL const real *old = tape + t*maps*map_size + g0, *previous = old + stages*map_size;
        for (integer l = 0; l < count; l++) {
            real u = gain*x[t*n + g0 + l], s = old[l];
            now[l] = hold == 2 ? s + (b - d)*previous[l] - b*s + d*u : s + b*(u - s);
            g[l] = dy[t*n + g0 + l] + ds[(stages - 1)*map_size + g0 + l];
            part[l] = 0;
        }
        for (int j = 1; j < stages - 1; j++)
            for (integer l = 0; l < count; l++) {
                real s = old[j*map_size + l];
                now[j*CONVIS_GROUP + l] = s + with_old*old[(j - 1)*map_size + l] - b*s + with_new*now[(j - 1)*CONVIS_GROUP + l];
            }
        for (int j = stages - 1; j > 0; j--)
            for (integer l = 0; l < count; l++) {
                integer i = g0 + l;
                dmap[i] += g[l]*(dnew*now[(j - 1)*CONVIS_GROUP + l] + dold*old[(j - 1)*map_size + l] - db*old[j*map_size + l]);
                ds[j*map_size + i] = (1 - b)*g[l] + part[l];
                dlow[j*map_size + i] = g[l];
                part[l] = with_old*g[l];
                g[l] = ds[(j - 1)*map_size + i] + with_new*g[l];
            }
        for (integer l = 0; l < count; l++) {
            integer i = g0 + l;
            real u = x[t*n + i], into = hold == 2 ? d*g[l] + dbefore[i] : b*g[l];
            dmap[i] += hold == 2 ? g[l]*((db - dd)*previous[l] + dd*gain*u - db*old[l]) : g[l]*db*(gain*u - old[l]);
            dmap[2*map_size + i] += into*u;
            dx[t*n + i] += into*gain;
            ds[i] = (1 - b)*g[l] + part[l];
            dlow[i] = g[l];                                      /* added to s unchanged */
            dbefore[i] = hold == 2 ? (b - d)*g[l] : R(0.0);
        }
    }
}

CONVIS_EXPORT(lowpass, CONVIS_ENTRY(lowpass_forward) CONVIS_ENTRY(lowpass_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "tau",  "s", 0.010, 0, 1e3, 0, "time constant; 0: none" },
    { "n",    "1", 0, 0, 32, CONVIS_WHOLE | CONVIS_PLAN, "order: n + 1 poles at tau/n" },
    { "gain", "1", 1, -1e6, 1e6, 0, "factor on the input" },
    { "hold", "all|first|none", 1, 0, 2, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "stages that take their input as constant over a frame" },
    { 0 }
};
static const convis_field states[] = {
    { "s",      "1", 0, 0, 0, 0, "the poles' outputs" },
    { "before", "1", 0, 0, 0, 0, "previous input, times gain" },
    { "low",    "1", 0, 0, 0, 0, "what s is too coarse for" },
    { 0 }
};

static convis_status plan(convis_pass *p)
{
    p->state_shape[0] = p->out_shape;
    p->state_shape[0].dim[CONVIS_B] *= (int64_t)p->param[1] + 1;
    p->state_shape[2] = p->state_shape[0];
    p->tape_shape[0] = p->out_shape;
    p->tape_shape[0].dim[CONVIS_B] *= lowpass_tape((int)p->param[1] + 1, (int)p->param[3]);
    return CONVIS_OK;
}

/* Rounded as the kernel rounds, so that a constant screen stays exactly what it was. */
static double baseline(const convis_pass *p, const double *x, double *state)
{
    return state[0] = state[1] = (double)((convis_real)p->param[2]*(convis_real)x[0]);
}

static void baseline_vjp(const convis_pass *p, const double *x, double d_y, const double *d_state, double *d_x, double *d_param,
                     double *const *d_array)
{
    (void)d_array;
    double d = d_y + d_state[0] + d_state[1];
    d_x[0] += p->param[2]*d;
    d_param[2] += x[0]*d;
}

CONVIS_LAYER_KERNELS(lowpass)
const convis_layer_type convis_lowpass = {
    .abi = CONVIS_LAYER_ABI, .name = "lowpass", .doc = "exponential low pass, or a cascade of them",
    .params = params, .states = states, .inputs = 1, .tape = 1, .kernels = lowpass_kernels, .source = convis_lowpass_source,
    .pointwise = "lowpass_forward", .adjoint = "lowpass_adjoint", .plan = plan, .baseline = baseline, .baseline_vjp = baseline_vjp,
};
#endif
