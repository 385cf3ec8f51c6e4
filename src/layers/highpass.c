/* highpass.c - a signal minus a part of its own low pass: undershoot, transient response.
 *
 *      m[t] = low pass of x with time constant tau (lowpass.c, hold = 0 or 2)
 *      y[t] = x[t] - weight m[t]
 *
 * VirtualRetina's `delta - w Exp(tau)` (SPEC 1). DC gain 1 - weight.
 *
 * Adjoint, D passed on from t + 1:  g = D - weight dy[t];  dx[t] = dy[t] + d g;  into x[t-1]: (b - d) g;  D = c g
 *      dweight -= m[t] dy[t];  dtau as in lowpass.c. The tape stores m[t-1] and x[t-1].
 *
 * What rounding takes from a step of m is stored in `low`, as in lowpass.c. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL7(highpass_forward, PARAM p, IN x, OUT y, STATE m, STATE before, STATE low, TAPE tape)
{
    real tau = p[0], weight = p[1];
    int  linear = p[2] > 0;
    real r = tau > 0 ? dt/tau : R(1e9), b = tau > 0 ? -convis_expm1(-r) : R(1.0);
    real d = convis_ramp_share(r, b);
    CONVIS_FRAMES(t) {
        if (tape) CONVIS_PIXELS(i) {
            tape[2*t*map_size + i] = m[i];
            tape[(2*t + 1)*map_size + i] = before[i];
        }
        if (linear) {
            CONVIS_PIXELS(i) {
                real u = x[t*n + i], rest = low[i] + ((b - d)*(before[i] - m[i]) + d*(u - m[i]));
                m[i] = convis_gather(m[i], &rest);
                low[i] = rest;
                before[i] = u;
                y[t*n + i] = u - weight*m[i];
            }
        } else {
            CONVIS_PIXELS(i) {
                real u = x[t*n + i], rest = low[i] + b*(u - m[i]);
                m[i] = convis_gather(m[i], &rest);
                low[i] = rest;
                y[t*n + i] = u - weight*m[i];
            }
        }
    }
}

CONVIS_KERNEL10(highpass_adjoint, PARAM p, IN x, IN y, TAPE tape, IN dy, STATE dm, STATE dbefore, STATE dlow, OUT dx, OUT dmap)
{
    real tau = p[0], weight = p[1];
    int  linear = p[2] > 0;
    real r = tau > 0 ? dt/tau : R(1e9), b = tau > 0 ? -convis_expm1(-r) : R(1.0), d = linear ? convis_ramp_share(r, b) : b;
    real dr = tau > 0 ? -r/tau : R(0.0), db = (1 - b)*dr, dd = linear ? (b - d)/r*dr : db;
    CONVIS_SCAN_BACK(i, t) {
        real before = linear ? tape[(2*t + 1)*map_size + i] : R(0.0), m = tape[2*t*map_size + i], u = x[t*n + i];
        real now = m + (b - d)*before - b*m + d*u, g = dm[i] - weight*dy[t*n + i];
        dmap[i] += g*((db - dd)*before - db*m + dd*u);
        dmap[map_size + i] -= now*dy[t*n + i];
        dx[t*n + i] += dy[t*n + i] + d*g + dbefore[i];
        dbefore[i] = (b - d)*g;
        dm[i] = (1 - b)*g;
        dlow[i] = g;                                             /* it comes to m as it is */
    }
}

CONVIS_EXPORT(highpass, CONVIS_ENTRY(highpass_forward) CONVIS_ENTRY(highpass_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "tau",     "s", 0.030, 0, 1e3, 0, "time constant of the low pass that is subtracted" },
    { "weight",  "1", 1, -1e3, 1e3, 0, "its weight; 1: no response to a constant" },
    { "hold",    "constant||linear", 2, 0, 2, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN, "how the input goes on over a frame" },
    { "settled", "off|on", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS,
      "on: starts in the steady state of the baseline; off: at rest, with output 0" },
    { 0 }
};
static const convis_field states[] = {
    { "m",      "1", 0, 0, 0, 0, "low pass of the input" },
    { "before", "1", 0, 0, 0, 0, "previous input" },
    { "low",    "1", 0, 0, 0, 0, "what m is too coarse for" },
    { 0 }
};

static convis_status plan(convis_pass *p)
{
    p->tape_shape[0] = p->out_shape;
    p->tape_shape[0].dim[CONVIS_B] *= 2;
    return CONVIS_OK;
}

static double baseline(const convis_pass *p, const double *x, double *state)
{
    convis_real u = (convis_real)x[0];                       /* rounded as the kernel rounds */
    state[0] = state[1] = p->param[3] > 0 ? (double)u : 0;
    return p->param[3] > 0 ? (double)(u - (convis_real)p->param[1]*u) : 0;
}

static void baseline_vjp(const convis_pass *p, const double *x, double d_y, const double *d_state, double *d_x, double *d_param,
                     double *const *d_array)
{
    (void)d_array;
    if (!(p->param[3] > 0)) return;
    d_x[0] += (1 - p->param[1])*d_y + d_state[0] + d_state[1];
    d_param[1] -= x[0]*d_y;
}

CONVIS_LAYER_KERNELS(highpass)
const convis_layer_type convis_highpass = {
    .abi = CONVIS_LAYER_ABI, .name = "highpass", .doc = "high pass: the input minus a low pass of it",
    .params = params, .states = states, .inputs = 1, .tape = 1, .kernels = highpass_kernels, .source = convis_highpass_source,
    .pointwise = "highpass_forward", .adjoint = "highpass_adjoint", .plan = plan, .baseline = baseline, .baseline_vjp = baseline_vjp,
};
#endif
