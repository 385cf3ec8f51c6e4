/* sgd.c - gradient descent with momentum, plain or Nesterov's.
 *
 *      v = mu v + g                     the first step: v = g
 *      x = x - rate v                   Nesterov: x = x - rate (g + mu v)
 *
 * Sutskever, Martens, Dahl & Hinton 2013, in the form in which the rate is outside of v. */
#include "optimizers.h"

static void step(const convis_optimizer *o, double *x, const double *g, double rate)
{
    double *v = convis_moment(o, 0), mu = o->options.momentum;
    for (int64_t i = 0; i < o->n; i++) {
        v[i] = mu*v[i] + g[i];
        x[i] -= rate*(o->options.nesterov ? g[i] + mu*v[i] : v[i]);
    }
}

const convis_optimizer_type convis_sgd = {
    .name = "sgd", .doc = "gradient descent, with momentum (Nesterov's if asked for)",
    .defaults = { .rate = 0.01 }, .vectors = 1, .step = step,
};
