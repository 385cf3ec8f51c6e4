/* correlation.c - 1 - Pearson's correlation of each unit over time, mean over units.
 *
 *      c = S_pr/sqrt(S_pp S_rr),   S_xy = sum w (x - mean x)(y - mean y)
 *
 * Derivative:  dc/dp[t] = w[t] ((r[t] - mean r)/sqrt(S_pp S_rr) - c (p[t] - mean p)/S_pp)
 *
 * A unit of which no frame counts is left out of the mean. One whose prediction or response never changes has no
 * correlation, and that is an error: its derivative would be infinite or undefined. */
#include "losses.h"
#include <math.h>

struct moments { double weight, p, r, pp, rr, pr; };

/* Two passes, so that a large mean does not cost precision. */
static struct moments moments_of(const convis_loss_task *t, int64_t unit)
{
    struct moments m = { 0 };
    for (int64_t k = 0; k < t->frames; k++) {
        const int64_t i = k*t->units + unit;
        const double w = convis_loss_weight(t, i);
        if (w <= 0) continue;
        m.weight += w;
        m.p += w*(double)t->prediction[i];
        m.r += w*(double)t->response[i];
    }
    if (m.weight <= 0) return m;
    m.p /= m.weight;
    m.r /= m.weight;
    for (int64_t k = 0; k < t->frames; k++) {
        const int64_t i = k*t->units + unit;
        const double w = convis_loss_weight(t, i);
        if (w <= 0) continue;
        const double p = (double)t->prediction[i] - m.p, r = (double)t->response[i] - m.r;
        m.pp += w*p*p;
        m.rr += w*r*r;
        m.pr += w*p*r;
    }
    return m;
}

static int is_constant(const convis_loss_task *t, int64_t unit, const convis_real *x)
{
    int64_t first = -1;
    for (int64_t k = 0; k < t->frames; k++) {
        const int64_t i = k*t->units + unit;
        if (convis_loss_weight(t, i) <= 0) continue;
        if (first < 0) first = i;
        else if (x[i] < x[first] || x[i] > x[first]) return 0;
    }
    return 1;
}

static convis_status fail_constant(const convis_loss_task *t, int64_t unit, const char *what, double at)
{
    return convis_fail(t->context, CONVIS_EINVAL,
                       "loss correlation: unit %lld: the %s is %g in every frame that counts, expected it to vary",
                       (long long)unit, what, at);
}

/* Of 1 - c; of a unit without a frame that counts, NaN. The gradient still lacks the division by the number of units. */
static convis_status of_unit(const convis_loss_task *t, int64_t unit, double *value)
{
    const struct moments m = moments_of(t, unit);
    *value = NAN;
    if (m.weight > 0) {
        if (is_constant(t, unit, t->prediction) || m.pp <= 0) return fail_constant(t, unit, "prediction", m.p);
        if (is_constant(t, unit, t->response) || m.rr <= 0)   return fail_constant(t, unit, "response", m.r);
        *value = 1 - m.pr/sqrt(m.pp)/sqrt(m.rr);
    }
    return CONVIS_OK;
}

static void gradient_of_unit(const convis_loss_task *t, int64_t unit, double units)
{
    const struct moments m = moments_of(t, unit);
    const double root = sqrt(m.pp)*sqrt(m.rr), c = m.pr/root;
    for (int64_t k = 0; k < t->frames; k++) {
        const int64_t i = k*t->units + unit;
        const double w = convis_loss_weight(t, i);
        double derivative = 0;
        if (w > 0) derivative = w*(c*((double)t->prediction[i] - m.p)/m.pp - ((double)t->response[i] - m.r)/root)/units;
        t->gradient[i] = (convis_real)derivative;
    }
}

static convis_status correlation(const convis_loss_task *t, double *value)
{
    double sum = 0, units = 0, one;
    for (int64_t unit = 0; unit < t->units; unit++) {
        convis_status status = of_unit(t, unit, &one);
        if (status) return status;
        if (isnan(one)) continue;
        sum += one;
        units++;
    }
    for (int64_t unit = 0; t->gradient && unit < t->units; unit++) gradient_of_unit(t, unit, units);
    *value = sum/units;
    return CONVIS_OK;
}

const convis_loss_type convis_loss_correlation = {
    .name = "correlation", .doc = "1 - Pearson's correlation over time, mean over units",
    .least = -INFINITY, .most = INFINITY, .expected = "a number", .whole = correlation
};
