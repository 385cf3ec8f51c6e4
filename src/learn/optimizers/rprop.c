/* rprop.c - steps from the signs of the gradient alone (Riedmiller & Braun 1993), for gradients of the whole recording.
 *
 *      d = 1.2 d where g keeps its sign, 0.5 d where it changes it (and then g counts as 0, so that the next step is free:
 *      the variant without backtracking of Igel & Huesken 2000);   x = x - sign(g) d
 *
 * d begins at the rate and stays within 1e-6 and 50, the published bounds. */
#include "optimizers.h"

static const double GROW = 1.2, SHRINK = 0.5, SMALLEST = 1e-6, LARGEST = 50;

static void step(const convis_optimizer *o, double *x, const double *g, double rate)
{
    double *before = convis_moment(o, 0), *d = convis_moment(o, 1), factor = rate/o->options.rate;
    for (int64_t i = 0; i < o->n; i++) {
        double now = g[i], turn = now*before[i];
        if (o->count == 1) d[i] = o->options.rate;
        if (turn > 0) d[i] = convis_within(GROW*d[i], SMALLEST, LARGEST);
        if (turn < 0) {
            d[i] = convis_within(SHRINK*d[i], SMALLEST, LARGEST);
            now = 0;
        }
        if (now > 0) x[i] -= factor*d[i];
        if (now < 0) x[i] += factor*d[i];
        before[i] = now;
    }
}

const convis_optimizer_type convis_rprop = {
    .name = "rprop", .doc = "a step width of its own for each parameter, from the signs of the gradient",
    .defaults = { .rate = 0.01 }, .vectors = 2, .step = step,
};
