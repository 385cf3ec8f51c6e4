/* quasi_newton.c - a quasi-Newton search that needs no gradient: L-BFGS (lbfgs.c) on central differences of the objective.
 *
 *      dF/dx_i = (F(x + h_i e_i) - F(x - h_i e_i))/(2 h_i),   h_i = (3 noise)^(1/3) max(|x_i|, 1)
 *
 * with the noise, relative to F, as Moré & Wild (2011) estimate it: from the table of differences of seven values in a row, where
 * the smooth part of F vanishes in the higher differences and the noise does not. At a bound the difference is one-sided.
 *
 * Convis's finite-difference optimiser divides differences of successive gradients, parameter by parameter: a secant that ignores
 * how parameters interact, and stops where two gradients are equal. This serves the same purpose by other means. */
#include "optimizers.h"

enum { ROW = 7 };
static const double SPACING = 1e-6, LEAST_NOISE = 1e-16, MOST_NOISE = 1e-3;

/* Values F(x + j h e) in a row, replaced by their differences, order by order. The noise is read from the first order from
 * which on three estimates agree within a factor of 4, and whose differences change sign. 0: it cannot be estimated. */
static double noise_of(double *f)
{
    double estimate[ROW] = { 0 }, factor = 1;
    int turns[ROW] = { 0 };
    for (int k = 1; k < ROW; k++) {
        double sum = 0;
        for (int j = 0; j < ROW - k; j++) {
            f[j] = f[j + 1] - f[j];
            sum += f[j]*f[j];
            if (j && f[j]*f[j - 1] < 0) turns[k] = 1;
        }
        factor *= k/(2.0*(2*k - 1));                     /* (k!)^2/(2k)! */
        estimate[k] = sqrt(factor*sum/(ROW - k));
    }
    for (int k = 1; k < ROW - 2; k++) {
        double least = fmin(estimate[k], fmin(estimate[k + 1], estimate[k + 2]));
        double most = fmax(estimate[k], fmax(estimate[k + 1], estimate[k + 2]));
        if (turns[k] && least > 0 && most <= 4*least) return estimate[k];
    }
    return 0;
}

static double measure_noise(convis_search *s, const double *x, double *to)
{
    int64_t n = s->optimizer->n;
    double f[ROW], size = 0;
    for (int j = 0; j < ROW; j++) {
        for (int64_t i = 0; i < n; i++) {
            double away = j*SPACING*fmax(fabs(x[i]), 1);
            to[i] =
                x[i] + away <= convis_high(s, i) ? x[i] + away : convis_within(x[i] - away, convis_low(s, i), convis_high(s, i));
        }
        convis_search_evaluate(s, to, &f[j], NULL);
        if (isinf(f[j])) return 0;
        size = fmax(size, fabs(f[j]));
    }
    return size > 0 ? noise_of(f)/size : 0;
}

/* The last number of the state is the noise, 0 until it is known. epsilon stands for it where it was given. */
static void differences(convis_search *s, const double *x, double *value, double *gradient)
{
    convis_optimizer *o = s->optimizer;
    double *noise = o->state + o->state_n - 1, *to = o->scratch + convis_lbfgs.scratch(o->n, o->options.memory);
    convis_search_evaluate(s, x, value, NULL);
    if (isinf(*value)) return;
    if (!*noise) {
        *noise = o->options.epsilon > 0 ? o->options.epsilon : measure_noise(s, x, to);
        if (!*noise) *noise = sizeof(convis_real) == 4 ? 1e-7 : 1e-15;
        *noise = convis_within(*noise, LEAST_NOISE, MOST_NOISE);
    }
    double step = cbrt(3**noise);
    for (int64_t i = 0; i < o->n; i++) to[i] = x[i];
    for (int64_t i = 0; i < o->n; i++) {
        double h = step*fmax(fabs(x[i]), 1), up = fmin(x[i] + h, convis_high(s, i)), down = fmax(x[i] - h, convis_low(s, i));
        double above = *value, below = *value;
        to[i] = up;
        if (up > x[i]) convis_search_evaluate(s, to, &above, NULL);
        to[i] = down;
        if (down < x[i]) convis_search_evaluate(s, to, &below, NULL);
        to[i] = x[i];
        if (isinf(above)) { above = *value; up = x[i]; }
        if (isinf(below)) { below = *value; down = x[i]; }
        gradient[i] = up > down ? (above - below)/(up - down) : 0;
        if (s->over) { *value = INFINITY; return; }
    }
}

static int64_t state_size(int64_t n, int memory) { return convis_lbfgs.state(n, memory) + 1; }
static int64_t scratch_size(int64_t n, int memory) { return convis_lbfgs.scratch(n, memory) + n; }

static int sound(int memory, const void *state) { return convis_lbfgs.sound(memory, state); }

static void minimize(convis_search *s)
{
    s->gradient = differences;
    convis_lbfgs.minimize(s);
}

const convis_optimizer_type convis_quasi_newton = {
    .name = "quasi_newton", .doc = "L-BFGS on finite differences: for what has no gradient", .state = state_size, .scratch = scratch_size,
    .minimize = minimize, .iterates = 1, .sound = sound,
};
