/* highpass.c - a signal less a part of its own low pass: undershoot, transient response.
 *
 *      m[t] = low pass of x with time constant tau (lowpass.c, hold = 0 or 2)
 *      y[t] = x[t] - weight m[t]
 *
 * VirtualRetina's `delta - w Exp(tau)` (SPEC 1). DC gain 1 - weight.
 *
 * Adjoint, D carried from t + 1:  g = D - weight dy[t];  dx[t] = dy[t] + d g;  into x[t-1]: (b - d) g;  D = c g
 *      dweight -= m[t] dy[t];  dtau as in lowpass.c. The tape keeps m[t-1]. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL6(highpass_forward, PARAM p, IN x, OUT y, STATE m, STATE before, TAPE tape)
{
    real tau = p[0], weight = p[1];
    int  linear = p[2] > 0;
    real r = tau > 0 ? dt/tau : R(1e9), b = tau > 0 ? -convis_expm1(-r) : R(1.0);
    real d = convis_ramp_share(r, b);
    CONVIS_FRAMES(t) {
        if (tape) CONVIS_PIXELS(i) tape[t*map_size + i] = m[i];
        if (linear) {
            CONVIS_PIXELS(i) {
                m[i] += (b - d)*before[i] - b*m[i] + d*x[t*n + i];
                before[i] = x[t*n + i];
                y[t*n + i] = x[t*n + i] - weight*m[i];
            }
        } else {
            CONVIS_PIXELS(i) {
                m[i] += b*(x[t*n + i] - m[i]);
                y[t*n + i] = x[t*n + i] - weight*m[i];
            }
        }
    }
}

CONVIS_EXPORT(highpass, CONVIS_ENTRY(highpass_forward))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "tau",     "s", 0.030, 0, 1e3, 0, "time constant of what is taken away" },
    { "weight",  "1", 1, -1e3, 1e3, 0, "how much of it: 1 leaves no response to a constant" },
    { "hold",    "1", 2, 0, 2, CONVIS_WHOLE | CONVIS_PLAN, "0: the input is constant over each frame; 2: it moves linearly" },
    { "settled", "1", 1, 0, 1, CONVIS_WHOLE, "1: starts settled on the past input; 0: from rest, with output 0" },
    { 0 }
};
static const convis_field states[] = {
    { "m",      "1", 0, 0, 0, 0, "low pass of the input" },
    { "before", "1", 0, 0, 0, 0, "previous input" },
    { 0 }
};

static double past(const convis_pass *p, const double *x, double *state)
{
    state[0] = state[1] = p->param[3] > 0 ? x[0] : 0;
    return p->param[3] > 0 ? (1 - p->param[1])*x[0] : 0;
}

CONVIS_LAYER_KERNELS(highpass)
const convis_layer_type convis_highpass = {
    .abi = CONVIS_LAYER_ABI, .name = "highpass", .doc = "the input less a low pass of it",
    .params = params, .states = states, .inputs = 1, .tape = 1, .kernels = highpass_kernels, .source = convis_highpass_source,
    .pointwise = "highpass_forward", .past = past,
};
#endif
