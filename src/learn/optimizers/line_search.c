/* line_search.c - how far along a direction: to a point that fulfils the strong Wolfe conditions
 *
 *      f(a) <= f(0) + 0.1 a f'(0),   |f'(a)| <= 0.9 |f'(0)|
 *
 * or, as values within the noise of single precision cannot be compared while their derivatives still can, Hager &
 * Zhang's (2005) approximate ones: f(a) <= f(0) + noise and 0.9 f'(0) <= f'(a) <= -0.8 f'(0).
 *
 * Between `near`, the furthest point known to be downhill, and `far`, the nearest known to be too far, there is such a
 * point; trials are minima of cubics within. A value that is not finite is too far. */
#include "optimizers.h"
#include <string.h>

static const double DECREASE = 0.1, CURVATURE = 0.9, NOISE = 1e-6, GROW_LEAST = 2, GROW_MOST = 10, BACK = 0.1;
enum { TRIALS = 40 };

typedef struct point { double at, value, derivative; } point;

/* The minimum of the cubic through both points; NaN when it has none. */
static double cubic(point a, point b)
{
    double d1 = a.derivative + b.derivative - 3*(b.value - a.value)/(b.at - a.at), root = sqrt(d1*d1 - a.derivative*b.derivative);
    return b.at - (b.at - a.at)*(b.derivative + root - d1)/(b.derivative - a.derivative + 2*root);
}

/* Between near and far, and never too near to either; the middle when two trials did not halve what lies between. */
static double between(point near, point far, int halve, double noise)
{
    double width = far.at - near.at, at;
    if (isinf(far.value)) return near.at + BACK*width;
    if (halve) return near.at + 0.5*width;
    /* Within the noise only derivatives are reliable. */
    at = fabs(far.value - near.value) > noise || far.derivative <= 0 ? cubic(near, far)
       : near.at - near.derivative*width/(far.derivative - near.derivative);
    return isfinite(at) ? convis_within(at, near.at + 0.05*width, far.at - 0.05*width) : near.at + 0.5*width;
}

static double beyond(point near, point before, double longest)
{
    double at = cubic(before, near);
    if (!isfinite(at) || at < near.at) at = INFINITY;
    at = convis_within(at, GROW_LEAST*near.at, GROW_MOST*near.at);
    return at < longest ? at : longest;
}

int convis_line_search(convis_search *s, double *x, const double *d, double *value, double *g, double longest,
                       double *next_x, double *next_g, double *kept_g)
{
    int64_t n = s->optimizer->n;
    const point start = { 0, *value, convis_dot(n, d, g) };
    double noise = NOISE*fabs(*value), at = 1 < longest ? 1 : longest, widths[2] = { INFINITY, INFINITY };
    point near = start, far = { INFINITY, INFINITY, 0 };
    if (!(start.derivative < 0)) return 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        point here = { .at = at };
        for (int64_t i = 0; i < n; i++) next_x[i] = convis_within(x[i] + at*d[i], convis_low(s, i), convis_high(s, i));
        convis_search_evaluate(s, next_x, &here.value, next_g);
        if (s->over && isinf(here.value)) return 0;
        here.derivative = isinf(here.value) ? 0 : convis_dot(n, d, next_g);
        int lower = here.value <= start.value + DECREASE*at*start.derivative, level = here.value <= start.value + noise;
        int done = (lower && fabs(here.derivative) <= -CURVATURE*start.derivative) ||
                   (level && here.derivative >= CURVATURE*start.derivative &&
                    here.derivative <= (2*DECREASE - 1)*start.derivative) ||
                   (lower && here.derivative < 0 && at >= longest);
        if (done) {
            memcpy(x, next_x, (size_t)n*sizeof *x);
            memcpy(g, next_g, (size_t)n*sizeof *g);
            *value = here.value;
            return 1;
        }
        if (s->over) break;
        if ((lower || level) && here.derivative < 0) {
            point before = near;
            if (at >= longest) break;
            near = here;
            memcpy(kept_g, next_g, (size_t)n*sizeof *g);
            at = isinf(far.at) ? beyond(near, before, longest) : at;
        } else far = here;
        if (isinf(far.at)) continue;
        int halve = far.at - near.at > 0.5*widths[1];
        widths[1] = widths[0];
        widths[0] = far.at - near.at;
        at = between(near, far, halve, noise);
        if (!(at > near.at && at < far.at)) break;
    }
    /* No such point, but one that is lower will do. */
    if (!(near.at > 0 && near.value < start.value)) return 0;
    for (int64_t i = 0; i < n; i++) x[i] = convis_within(x[i] + near.at*d[i], convis_low(s, i), convis_high(s, i));
    memcpy(g, kept_g, (size_t)n*sizeof *g);
    *value = near.value;
    return 1;
}
