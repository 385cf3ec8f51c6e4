/* adadelta.c - steps in units of the steps before (Zeiler 2012).
 *
 *      G = r G + (1-r) g^2,   d = g sqrt(D + epsilon)/sqrt(G + epsilon),   D = r D + (1-r) d^2,   x = x - rate d
 *
 * with r = beta2. */
#include "optimizers.h"
#include <math.h>

static void step(const convis_optimizer *o, double *x, const double *g, double rate)
{
    double *square = convis_moment(o, 0), *moved = convis_moment(o, 1), r = o->options.beta2, epsilon = o->options.epsilon;
    for (int64_t i = 0; i < o->n; i++) {
        square[i] = r*square[i] + (1 - r)*g[i]*g[i];
        double d = g[i]*sqrt(moved[i] + epsilon)/sqrt(square[i] + epsilon);
        moved[i] = r*moved[i] + (1 - r)*d*d;
        x[i] -= rate*d;
    }
}

const convis_optimizer_type convis_adadelta = {
    .name = "adadelta", .doc = "steps in units of the steps before",
    .defaults = { .rate = 1, .beta2 = 0.9, .epsilon = 1e-6 }, .vectors = 2, .step = step,
};
