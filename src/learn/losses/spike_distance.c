/* spike_distance.c - the distance of van Rossum, "A novel spike distance", Neural Comput. 13:751-763 (2001).
 *
 * Prediction and response are filtered by exp(-t/tau), and the squared difference is integrated over time:
 *
 *      D^2 = 1/tau  integral (f - g)^2 dt
 *
 * In bins of dt, with the spikes at their beginnings and the filter decaying by a = exp(-dt/tau) a bin, that integral is
 * exactly, but for the tail beyond the recording's end,
 *
 *      e[t] = a e[t-1] + d[t],   D^2 = (1 - a^2)/2  sum e[t]^2,   d = p dt - r with counts, else p - r
 *
 * so one spike too many costs 1/2. The loss is D^2 a frame: its mean over frames and units. A frame that does not count adds
 * nothing to e (as if the response were what was predicted) and nothing to the sum, while e decays on.
 *
 * Adjoint, backwards in time: l[t] = a l[t+1] + (1 - a^2) w[t] e[t]/W,  dL/dd[t] = l[t] where the frame counts. */
#include "losses.h"
#include <math.h>

/* e of one unit, over all frames. */
static double forward(const convis_loss_task *t, int64_t unit, double a, double scale, double *e)
{
    double sum = 0, trace = 0;
    for (int64_t k = 0; k < t->frames; k++) {
        const int64_t i = k*t->units + unit;
        const double weight = convis_loss_weight(t, i);
        trace *= a;
        if (weight > 0) trace += (double)t->prediction[i]*scale - (double)t->response[i];
        if (e) e[k] = trace;
        if (weight > 0) sum += weight*trace*trace;
    }
    return sum;
}

static void backward(const convis_loss_task *t, int64_t unit, double a, double scale, double factor, const double *e)
{
    double adjoint = 0;
    for (int64_t k = t->frames - 1; k >= 0; k--) {
        const int64_t i = k*t->units + unit;
        const double weight = convis_loss_weight(t, i);
        adjoint = a*adjoint + 2*factor*weight*e[k];
        t->gradient[i] = (convis_real)(weight > 0 ? adjoint*scale : 0);
    }
}

static convis_status spike_distance(const convis_loss_task *t, double *value)
{
    const double a = exp(-t->loss->dt/t->loss->tau), factor = -expm1(-2*t->loss->dt/t->loss->tau)/2/t->weight;
    const double scale = t->loss->counts ? t->loss->dt : 1;
    double *e = NULL, sum = 0;
    if (t->gradient && !(e = convis_obtain(t->context, (size_t)t->frames*sizeof *e))) return CONVIS_ENOMEM;
    for (int64_t unit = 0; unit < t->units; unit++) {
        sum += forward(t, unit, a, scale, e);
        if (t->gradient) backward(t, unit, a, scale, factor, e);
    }
    convis_release(t->context, e);
    *value = factor*sum;
    return CONVIS_OK;
}

const convis_loss_type convis_loss_spike_distance = {
    .name = "spike_distance", .doc = "squared difference after an exponential filter of tau seconds (van Rossum)",
    .needs_dt = 1, .needs_tau = 1,
    .least = -INFINITY, .most = INFINITY, .expected = "a number", .whole = spike_distance
};
