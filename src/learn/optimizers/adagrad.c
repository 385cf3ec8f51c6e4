/* adagrad.c - steps that shrink with all the gradients seen (Duchi, Hazan & Singer 2011).
 *
 *      G = G + g^2,   x = x - rate g/(sqrt(G) + epsilon) */
#include "optimizers.h"
#include <math.h>

static void step(const convis_optimizer *o, double *x, const double *g, double rate)
{
    double *sum = convis_moment(o, 0);
    for (int64_t i = 0; i < o->n; i++) {
        sum[i] += g[i]*g[i];
        x[i] -= rate*g[i]/(sqrt(sum[i]) + o->options.epsilon);
    }
}

const convis_optimizer_type convis_adagrad = {
    .name = "adagrad", .doc = "steps that shrink with all gradients seen",
    .defaults = { .rate = 0.01, .epsilon = 1e-10 }, .vectors = 1, .step = step,
};
