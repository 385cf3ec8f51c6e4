/* adam.c - Adam (Kingma & Ba 2015) and AdamW, its kind with decoupled weight decay (Loshchilov & Hutter 2019).
 *
 *      m = b1 m + (1-b1) g,   v = b2 v + (1-b2) g^2,   x = x - rate m'/(sqrt(v') + epsilon)
 *      m' = m/(1 - b1^t),   v' = v/(1 - b2^t)                             at step t
 *
 * AdamW first takes x = x - rate decay x, which does not enter the moments. */
#include "optimizers.h"
#include <math.h>

static void step(const convis_optimizer *o, double *x, const double *g, double rate)
{
    double *m = convis_moment(o, 0), *v = convis_moment(o, 1), b1 = o->options.beta1, b2 = o->options.beta2;
    double first = 1/(1 - pow(b1, (double)o->count)), second = 1/(1 - pow(b2, (double)o->count));
    for (int64_t i = 0; i < o->n; i++) {
        m[i] = b1*m[i] + (1 - b1)*g[i];
        v[i] = b2*v[i] + (1 - b2)*g[i]*g[i];
        x[i] -= rate*(first*m[i])/(sqrt(second*v[i]) + o->options.epsilon);
    }
}

static void step_decoupled(const convis_optimizer *o, double *x, const double *g, double rate)
{
    for (int64_t i = 0; i < o->n; i++) x[i] -= rate*o->options.weight_decay*x[i];
    step(o, x, g, rate);
}

const convis_optimizer_type convis_adam = {
    .name = "adam", .doc = "moments of the gradient and its square, bias-corrected",
    .defaults = { .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8 }, .vectors = 2, .step = step,
};
const convis_optimizer_type convis_adamw = {
    .name = "adamw",
    .doc = "adam with decoupled weight decay",
    .defaults = { .rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01 },
    .vectors = 2,
    .step = step_decoupled,
};
