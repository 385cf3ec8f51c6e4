/* rmsprop.c - gradients over their recent root mean square (Tieleman & Hinton 2012).
 *
 *      G = r G + (1-r) g^2,   x = x - rate g/(sqrt(G) + epsilon)          r = beta2 */
#include "optimizers.h"
#include <math.h>

static void step(const convis_optimizer *o, double *x, const double *g, double rate)
{
    double *square = convis_moment(o, 0), r = o->options.beta2;
    for (int64_t i = 0; i < o->n; i++) {
        square[i] = r*square[i] + (1 - r)*g[i]*g[i];
        x[i] -= rate*g[i]/(sqrt(square[i]) + o->options.epsilon);
    }
}

const convis_optimizer_type convis_rmsprop = {
    .name = "rmsprop", .doc = "gradients over their recent root mean square",
    .defaults = { .rate = 0.01, .beta2 = 0.99, .epsilon = 1e-8 }, .vectors = 1, .step = step,
};
