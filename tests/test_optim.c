/* test_optim.c - optimisers: each against its published formula, as a sum over all gradients where that exists; searches against
 * known minima, also ill-conditioned, in noise, and where values are not finite; bounds; exact continuation. */
#include "harness.h"
#include <convis/fit.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

static convis_optimizer *opened(convis_optimizer_options options, int64_t n)
{
    convis_optimizer *o;
    must(c, convis_optimizer_open(c, &options, n, &o));
    return o;
}

static double furthest(int64_t n, const double *x, const double *truth)
{
    double worst = 0;
    for (int64_t i = 0; i < n; i++) worst = fmax(worst, fabs(x[i] - truth[i]));
    return worst;
}

/* ---- Formulas ---- */

enum { STEPS = 6, N = 3 };
static double gradients[STEPS][N];

static void draw_gradients(void)
{
    for (int t = 0; t < STEPS; t++) for (int i = 0; i < N; i++) gradients[t][i] = 4*chance(7, (uint64_t)(t*N + i)) - 2;
}

/* sum_{k <= t} r^(t-k) g_k^power */
static double discounted(double r, int t, int i, int power)
{
    double sum = 0;
    for (int k = 0; k <= t; k++) sum += pow(r, t - k)*pow(gradients[k][i], power);
    return sum;
}

typedef double formula(int t, int i, double x);          /* what step t takes away from x */

static double sgd_step(int t, int i, double x)      { (void)x; return 0.01*gradients[t][i]; }
static double momentum_step(int t, int i, double x) { (void)x; return 0.05*discounted(0.9, t, i, 1); }
static double nesterov_step(int t, int i, double x) { (void)x; return 0.05*(gradients[t][i] + 0.9*discounted(0.9, t, i, 1)); }
static double decay_step(int t, int i, double x)    { return 0.05*(gradients[t][i] + 0.1*x); }
static double adagrad_step(int t, int i, double x)  { (void)x; return 0.01*gradients[t][i]/(sqrt(discounted(1, t, i, 2)) + 1e-10); }
static double rmsprop_step(int t, int i, double x)
{
    (void)x;
    return 0.01*gradients[t][i]/(sqrt(0.01*discounted(0.99, t, i, 2)) + 1e-8);
}
static double adadelta_step(int t, int i, double x)
{
    double moved = 0, step = 0;
    (void)x;
    for (int k = 0; k <= t; k++) {
        step = gradients[k][i]*sqrt((moved + 1e-6)/(0.1*discounted(0.9, k, i, 2) + 1e-6));
        moved = 0.9*moved + 0.1*step*step;
    }
    return step;
}
static double adam_step(int t, int i, double x)
{
    double m = 0.1*discounted(0.9, t, i, 1)/(1 - pow(0.9, t + 1)), v = 0.001*discounted(0.999, t, i, 2)/(1 - pow(0.999, t + 1));
    (void)x;
    return 1e-3*m/(sqrt(v) + 1e-8);
}
static double adamw_step(int t, int i, double x)    { return adam_step(t, i, x) + 1e-3*0.01*x; }

static void formulas(void **state)
{
    static const struct { convis_optimizer_options options; formula *step; } known[] = {
        { { .kind = "sgd" }, sgd_step },
        { { .kind = "sgd", .rate = 0.05, .momentum = 0.9 }, momentum_step },
        { { .kind = "sgd", .rate = 0.05, .momentum = 0.9, .nesterov = 1 }, nesterov_step },
        { { .kind = "sgd", .rate = 0.05, .weight_decay = 0.1 }, decay_step },
        { { .kind = "adagrad" }, adagrad_step },
        { { .kind = "adadelta" }, adadelta_step },
        { { .kind = "rmsprop" }, rmsprop_step },
        { { .kind = "adam" }, adam_step },
        { { .kind = "adamw" }, adamw_step },
    };
    (void)state;
    draw_gradients();
    for (size_t k = 0; k < sizeof known/sizeof *known; k++) {
        convis_optimizer *o = opened(known[k].options, N);
        double x[N] = { 1, -2, 0.5 };
        for (int t = 0; t < STEPS; t++) {
            double expected[N];
            for (int i = 0; i < N; i++) expected[i] = x[i] - known[k].step(t, i, x[i]);
            must(c, convis_optimizer_step(o, x, gradients[t], NULL, NULL, 1));
            if (furthest(N, x, expected) > 1e-13)
                fail_msg("%s, step %d: off by %g", known[k].options.kind, t, furthest(N, x, expected));
        }
        convis_optimizer_close(&o);
    }
}

/* Signs ++-++ with the first width 0.01: 0.01, 0.012, none (0.006), 0.006, 0.0072. A schedule's factor is not remembered. */
static void rprop_by_hand(void **state)
{
    static const double g[] = { 3, 0.1, -8, 2, 1 }, width[] = { 0.01, 0.012, 0, 0.006, 0.0072*0.5 };
    convis_optimizer *o = opened((convis_optimizer_options){ .kind = "rprop" }, 1);
    double x = 1, expected = 1;
    (void)state;
    for (int t = 0; t < 5; t++) {
        must(c, convis_optimizer_step(o, &x, &g[t], NULL, NULL, t == 4 ? 0.5 : 1));
        expected -= width[t];
        assert_true(fabs(x - expected) < 1e-15);
    }
    convis_optimizer_close(&o);
}

/* ---- Objectives ---- */

enum { MOST = 24 };
typedef struct problem {
    int64_t n;
    double  (*f)(const struct problem *, const double *x, double *g);
    double  matrix[MOST][MOST], truth[MOST];
    const double *low, *high;
    int64_t evaluations, fail_at;
    double  best, best_x[MOST];
    double  lift;                    /* added to every value */
    int     outside, single;         /* out of bounds at some time; single: values and gradients as single precision gives them */
} problem;

static double rosenbrock(const problem *p, const double *x, double *g)
{
    double f = 0;
    for (int64_t i = 0; g && i < p->n; i++) g[i] = 0;
    for (int64_t i = 0; i + 1 < p->n; i++) {
        double a = x[i + 1] - x[i]*x[i], b = 1 - x[i];
        f += 100*a*a + b*b;
        if (g) { g[i] -= 400*a*x[i] + 2*b; g[i + 1] += 200*a; }
    }
    return f;
}

static double quadratic(const problem *p, const double *x, double *g)
{
    double f = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < p->n; j++) sum += p->matrix[i][j]*(x[j] - p->truth[j]);
        if (g) g[i] = sum;
        f += 0.5*sum*(x[i] - p->truth[i]);
    }
    return f;
}

/* Least at x = truth, and nowhere else than for positive x a number. */
static double logarithmic(const problem *p, const double *x, double *g)
{
    double f = 0;
    for (int64_t i = 0; i < p->n; i++) {
        f += (double)(i + 1)*(x[i]/p->truth[i] - log(x[i]));
        if (g) g[i] = (double)(i + 1)*(1/p->truth[i] - 1/x[i]);
    }
    return f;
}

static convis_status evaluate(void *user, const double *x, double *value, double *g)
{
    problem *p = user;
    if (++p->evaluations == p->fail_at) return CONVIS_EIO;
    for (int64_t i = 0; i < p->n; i++) p->outside |= (p->low && x[i] < p->low[i]) || (p->high && x[i] > p->high[i]);
    *value = p->f(p, x, g) + p->lift;
    if (p->single) {
        *value = (double)(float)(1 + *value) - 1;
        for (int64_t i = 0; g && i < p->n; i++) g[i] = (double)(float)g[i];
    }
    if (p->evaluations == 1 || *value <= p->best) {
        p->best = *value;
        memcpy(p->best_x, x, (size_t)p->n*sizeof *x);
    }
    return CONVIS_OK;
}

/* Eigenvalues from 1 to `condition`, along axes that two reflections have turned. */
static problem turned(int64_t n, double condition)
{
    problem p = { .n = n, .f = quadratic };
    for (int64_t i = 0; i < n; i++) {
        p.matrix[i][i] = pow(condition, (double)i/(double)(n - 1));
        p.truth[i] = 2*chance(3, (uint64_t)i) - 1;
    }
    for (int r = 0; r < 2; r++) {
        double v[MOST], size = 0, w[MOST];
        for (int64_t i = 0; i < n; i++) { v[i] = chance(11 + (uint64_t)r, (uint64_t)i) - 0.5; size += v[i]*v[i]; }
        for (int side = 0; side < 2; side++)
            for (int64_t j = 0; j < n; j++) {            /* (1 - 2 v v'/v'v) A, then the same from the right */
                double *at[MOST], sum = 0;
                for (int64_t i = 0; i < n; i++) at[i] = side ? &p.matrix[j][i] : &p.matrix[i][j];
                for (int64_t i = 0; i < n; i++) sum += v[i]**at[i];
                for (int64_t i = 0; i < n; i++) w[i] = *at[i] - 2*v[i]*sum/size;
                for (int64_t i = 0; i < n; i++) *at[i] = w[i];
            }
    }
    return p;
}

/* What holds for every search, whatever it found. */
static convis_ended search(const char *kind, problem *p, double *x, double *value, convis_minimize_options options)
{
    convis_optimizer *o = opened((convis_optimizer_options){ .kind = kind }, p->n);
    p->evaluations = 0;
    p->outside = 0;
    must(c, convis_optimizer_minimize(o, evaluate, p, x, p->low, p->high, &options, value));
    if (p->outside) fail_msg("%s left the bounds", kind);
    if (*value != p->best || memcmp(x, p->best_x, (size_t)p->n*sizeof *x))
        fail_msg("%s: %g, the best was %g", kind, *value, p->best);
    if (options.evaluations && p->evaluations > options.evaluations) fail_msg("%s: %d evaluations", kind, (int)p->evaluations);
    convis_ended ended = convis_optimizer_ended(o);
    convis_optimizer_close(&o);
    return ended;
}

static void must_find(const char *kind, problem *p, const double *from, const double *truth, double tolerance, int64_t most)
{
    double x[MOST], value;
    memcpy(x, from, (size_t)p->n*sizeof *x);
    search(kind, p, x, &value, (convis_minimize_options){ .evaluations = most });
    double off = furthest(p->n, x, truth);
    if (!(off <= tolerance)) fail_msg("%s: off by %g after %d evaluations", kind, off, (int)p->evaluations);
}

/* ---- Steps go down ---- */

static void steps_converge(void **state)
{
    static const struct { convis_optimizer_options options; int steps; double tolerance; } how[] = {
        { { .kind = "sgd", .rate = 0.05 }, 2000, 1e-9 }, { { .kind = "sgd", .rate = 0.02, .momentum = 0.9 }, 1000, 1e-9 },
        { { .kind = "sgd", .rate = 0.02, .momentum = 0.9, .nesterov = 1 }, 1000, 1e-9 }, { { .kind = "adagrad", .rate = 0.5 }, 3000, 1e-6 },
        { { .kind = "adadelta", .rate = 1 }, 20000, 0.15 }, { { .kind = "rmsprop", .rate = 0.01 }, 4000, 1e-2 },
        { { .kind = "adam", .rate = 0.02 }, 4000, 1e-6 }, { { .kind = "adamw", .rate = 0.02, .weight_decay = 1e-9 }, 4000, 1e-6 },
        { { .kind = "rprop" }, 300, 1e-5 },
    };
    problem p = turned(6, 10);
    (void)state;
    for (size_t k = 0; k < sizeof how/sizeof *how; k++) {
        convis_optimizer *o = opened(how[k].options, p.n);
        double x[MOST] = { 0 }, g[MOST], value;
        for (int t = 0; t < how[k].steps; t++) {
            must(c, evaluate(&p, x, &value, g));
            must(c, convis_optimizer_step(o, x, g, NULL, NULL, 1));
        }
        if (furthest(p.n, x, p.truth) > how[k].tolerance)
            fail_msg("%s: off by %g", how[k].options.kind, furthest(p.n, x, p.truth));
        convis_optimizer_close(&o);
    }
}

/* ---- Bounds ---- */

/* The least of a convex quadratic in a box, by trying each variable at either bound and free. */
static void by_all_active_sets(const problem *p, double *least)
{
    int64_t sets = 1, n = p->n;
    double best = INFINITY;
    for (int64_t i = 0; i < n; i++) sets *= 3;
    for (int64_t set = 0; set < sets; set++) {
        double a[MOST][MOST + 1], x[MOST];
        int64_t code = set, ok = 1;
        for (int64_t i = 0; i < n; i++, code /= 3) {     /* rows: x_i = bound, or the gradient's element i = 0 */
            double sum = 0;
            for (int64_t j = 0; j < n; j++) { a[i][j] = code%3 ? i == j : p->matrix[i][j]; sum += p->matrix[i][j]*p->truth[j]; }
            a[i][n] = code%3 == 1 ? p->low[i] : code%3 == 2 ? p->high[i] : sum;
        }
        for (int64_t k = 0; k < n; k++) {
            int64_t pivot = k;
            for (int64_t i = k + 1; i < n; i++) if (fabs(a[i][k]) > fabs(a[pivot][k])) pivot = i;
            for (int64_t j = 0; j <= n; j++) { double t = a[k][j]; a[k][j] = a[pivot][j]; a[pivot][j] = t; }
            for (int64_t i = 0; i < n; i++) {
                double l = i == k ? 0 : a[i][k]/a[k][k];
                for (int64_t j = k; j <= n; j++) a[i][j] -= l*a[k][j];
            }
        }
        for (int64_t i = 0; i < n; i++) {
            x[i] = a[i][n]/a[i][i];
            ok &= x[i] >= p->low[i] - 1e-12 && x[i] <= p->high[i] + 1e-12;
        }
        double f = ok ? quadratic(p, x, NULL) : INFINITY;
        if (f < best) { best = f; memcpy(least, x, (size_t)n*sizeof *x); }
    }
}

static void bounds_hold(void **state)
{
    static const struct { const char *kind; double tolerance; int64_t evaluations; } how[] = {
        { "lbfgs", 1e-9, 500 }, { "quasi_newton", 1e-6, 5000 }, { "tnewton", 1e-6, 2000 }, { "mma", 1e-4, 5000 }, { "ccsa", 1e-4, 5000 },
        { "slsqp", 1e-6, 2000 }, { "nelder_mead", 1e-3, 20000 }, { "bobyqa", 1e-4, 20000 }, { "cobyla", 1e-3, 20000 },
        { "crs", 1e-3, 40000 },
    };
    (void)state;
    for (int seed = 0; seed < 12; seed++) {
        problem p = turned(5, 30);
        double low[MOST], high[MOST], least[MOST], from[MOST];
        for (int64_t i = 0; i < p.n; i++) {
            uint64_t at = (uint64_t)(20*seed + i);
            low[i] = p.truth[i] - 0.5 + chance(21, at);
            high[i] = low[i] + 0.05 + chance(22, at);
            from[i] = seed%2 ? low[i] : 0.3*low[i] + 0.7*high[i];
        }
        p.low = low;
        p.high = high;
        by_all_active_sets(&p, least);
        for (size_t k = 0; k < sizeof how/sizeof *how; k++)
            if (k < 2 || seed < 2) must_find(how[k].kind, &p, from, least, how[k].tolerance, how[k].evaluations);

        convis_optimizer *o = opened((convis_optimizer_options){ .kind = "rprop" }, p.n);
        double x[MOST], g[MOST], value;
        memcpy(x, from, sizeof x);
        for (int t = 0; t < 2000; t++) {
            must(c, evaluate(&p, x, &value, g));
            must(c, convis_optimizer_step(o, x, g, low, high, 1));
            for (int64_t i = 0; i < p.n; i++) assert_true(x[i] >= low[i] && x[i] <= high[i]);
        }
        assert_true(furthest(p.n, x, least) < 1e-3);
        convis_optimizer_close(&o);
    }
}

/* ---- The truth is reached ---- */

static void valley(void **state)
{
    double from[10], low[10], high[10], ones[10];
    (void)state;
    for (int i = 0; i < 10; i++) { from[i] = -1.2 + 0.1*i; low[i] = -1.5; high[i] = 1.5; ones[i] = 1; }
    problem p = { .n = 10, .f = rosenbrock, .low = low, .high = high };
    must_find("lbfgs", &p, from, ones, 1e-8, 200);
    must_find("quasi_newton", &p, from, ones, 1e-5, 4000);
    must_find("tnewton", &p, from, ones, 1e-8, 1000);
    must_find("slsqp", &p, from, ones, 1e-5, 1000);
    p.low = p.high = NULL;
    must_find("lbfgs", &p, from, ones, 1e-8, 200);
    /* As a model in single precision would report it: gradients still tell where values no longer do. */
    p.single = 1;
    must_find("lbfgs", &p, from, ones, 1e-4, 300);
    p.low = low;
    p.high = high;
    must_find("lbfgs", &p, from, ones, 1e-4, 300);
    must_find("quasi_newton", &p, from, ones, 0.1, 6000);
}

/* A bound that cuts the valley: the least point on it has x_9 = 0.5, and what follows from that, found by Newton's method in x. */
static void valley_cut(void **state)
{
    double from[10], low[10], high[10], x[10], g[10], value;
    (void)state;
    for (int i = 0; i < 10; i++) { from[i] = 0.1*(i%3); low[i] = -1.5; high[i] = i == 9 ? 0.5 : 2; }
    problem p = { .n = 10, .f = rosenbrock, .low = low, .high = high };
    memcpy(x, from, sizeof x);
    search("lbfgs", &p, x, &value, (convis_minimize_options){ .evaluations = 300 });
    rosenbrock(&p, x, g);
    assert_true(x[9] == 0.5 && g[9] < 0);                /* it presses against the bound ... */
    for (int i = 0; i < 9; i++) assert_true(fabs(g[i]) < 1e-6 && x[i] > low[i] && x[i] < high[i]);      /* ... the others rest */
}

static void ill_conditioned(void **state)
{
    problem p = turned(20, 1e8);
    double from[MOST] = { 0 };
    (void)state;
    must_find("lbfgs", &p, from, p.truth, 1e-5, 2000);
    p.single = 1;                                        /* then only what single precision can tell of the gradient: 1e-7 1e8 */
    double x[MOST] = { 0 }, value, g[MOST];
    search("lbfgs", &p, x, &value, (convis_minimize_options){ .evaluations = 2000 });
    assert_true(quadratic(&p, x, g) < 1e-6);
}

/* Scales of the objective say nothing of those of x. */
static void any_scale(void **state)
{
    (void)state;
    for (int e = -12; e <= 12; e += 4) {
        problem p = turned(8, 100);
        double from[MOST] = { 0 };
        for (int i = 0; i < 8; i++) for (int j = 0; j < 8; j++) p.matrix[i][j] *= pow(10, e);
        must_find("lbfgs", &p, from, p.truth, 1e-7, 150);
    }
}

/* ---- Values that are not finite ---- */

static void no_numbers(void **state)
{
    static const struct { const char *kind; double tolerance; } how[] = {
        { "lbfgs", 1e-6 }, { "quasi_newton", 1e-4 }, { "tnewton", 1e-2 }, { "mma", 1e-2 }, { "ccsa", 1e-2 }, { "slsqp", 1e-2 },
        { "nelder_mead", 1e-2 }, { "bobyqa", 1e-2 }, { "cobyla", 0.2 },
    };
    problem p = { .n = 4, .f = logarithmic, .truth = { 0.1, 0.3, 1, 2 } };
    (void)state;
    for (size_t k = 0; k < sizeof how/sizeof *how; k++) {
        static const double from[] = { 0.5, 2, 0.1, 0.1 };
        must_find(how[k].kind, &p, from, p.truth, how[k].tolerance, 20000);
    }
    convis_optimizer *o = opened((convis_optimizer_options){ .kind = "lbfgs" }, 4);
    double x[] = { 1, -1, 1, 1 }, value = 5;
    refused(c, CONVIS_EINVAL, "value at the start", convis_optimizer_minimize(o, evaluate, &p, x, NULL, NULL, NULL, &value));
    assert_true(x[0] == 1 && x[1] == -1 && isinf(value));
    convis_optimizer_close(&o);
}

/* ---- Limits ---- */

static int stop_below(void *user, double value) { (void)user; return value < 1; }

static void limits(void **state)
{
    const char *kind;
    int batch;
    (void)state;
    for (int k = 0; (kind = convis_optimizer_list(k, NULL, &batch)); k++) {
        if (!batch) continue;
        double low[10], high[10], value;
        problem p = { .n = 10, .f = rosenbrock, .low = low, .high = high };
        for (int i = 0; i < 10; i++) { low[i] = -2; high[i] = 2; }
        for (int64_t most = 1; most < 40; most += 6) {
            double x[10] = { 0 };
            convis_ended ended = search(kind, &p, x, &value, (convis_minimize_options){ .evaluations = most });
            if (ended != CONVIS_ENDED_LIMIT) fail_msg("%s ended %d after %d evaluations", kind, (int)ended, (int)most);
        }
        if (!strcmp(kind, "lbfgs") || !strcmp(kind, "quasi_newton") || !strcmp(kind, "tnewton")) {
            double x[10] = { 0 };
            assert_int_equal(search(kind, &p, x, &value, (convis_minimize_options){ .stop = stop_below, .evaluations = 9999 }),
                             CONVIS_ENDED_STOPPED);
            assert_true(value < 1 && value > 1e-4);
            p.lift = 1;
            assert_int_equal(search(kind, &p, x, &value, (convis_minimize_options){ .value_tolerance = 1e-3 }),
                             CONVIS_ENDED_CONVERGED);
            p.lift = 0;
            assert_true(value < 2);
        }
        double x[10] = { 0 };
        convis_optimizer *o = opened((convis_optimizer_options){ .kind = kind }, p.n);
        p.evaluations = 0;
        p.fail_at = 7;
        assert_int_equal(convis_optimizer_minimize(o, evaluate, &p, x, low, high, NULL, &value), CONVIS_EIO);
        assert_true(p.evaluations == 7 && !memcmp(x, p.best_x, sizeof x));
        convis_optimizer_close(&o);
    }
}

static void tolerances(void **state)
{
    problem p = turned(6, 10);
    double x[MOST] = { 0 }, value;
    (void)state;
    assert_int_equal(search("lbfgs", &p, x, &value, (convis_minimize_options){ .x_tolerance = 1e-3 }), CONVIS_ENDED_CONVERGED);
    assert_true(furthest(p.n, x, p.truth) < 1e-2 && furthest(p.n, x, p.truth) > 1e-9);
    assert_int_equal(search("lbfgs", &p, p.truth, &value, (convis_minimize_options){ .iterations = 1 }), CONVIS_ENDED_CONVERGED);
    assert_true(value == 0 && p.evaluations == 1);
    memset(x, 0, sizeof x);
    p.f = rosenbrock;
    search("lbfgs", &p, x, &value, (convis_minimize_options){ .iterations = 1 });
    double first = value;
    search("lbfgs", &p, x, &value, (convis_minimize_options){ .iterations = 1 });
    assert_true(value < first && value > 1e-6);
}

/* ---- Exact continuation ---- */

static void steps_go_on(void **state)
{
    const char *kind;
    int batch;
    (void)state;
    for (int k = 0; (kind = convis_optimizer_list(k, NULL, &batch)); k++) {
        if (batch) continue;
        convis_optimizer_options options = { .kind = kind, .momentum = 0.9 };
        convis_optimizer *whole = opened(options, N), *first = opened(options, N), *second = opened(options, N);
        double x[N] = { 1, 2, 3 }, y[N] = { 1, 2, 3 };
        for (int t = 0; t < STEPS; t++) {
            must(c, convis_optimizer_step(whole, x, gradients[t], NULL, NULL, 1));
            must(c, convis_optimizer_step(t < 3 ? first : second, y, gradients[t], NULL, NULL, 1));
            if (t != 2) continue;
            size_t size = convis_optimizer_state_size(first);
            char *bytes = malloc(size);
            must(c, convis_optimizer_state_get(first, bytes));
            must(c, convis_optimizer_state_put(second, bytes, size));
            free(bytes);
        }
        assert_memory_equal(x, y, sizeof x);
        convis_optimizer_close(&whole);
        convis_optimizer_close(&first);
        convis_optimizer_close(&second);
    }
}

static void searches_go_on(void **state)
{
    static const char *const kind[] = { "lbfgs", "quasi_newton" };
    double low[10], high[10];
    (void)state;
    for (int i = 0; i < 10; i++) { low[i] = -1.5; high[i] = i%3 ? 1.5 : 0.8; }
    for (int k = 0; k < 2; k++)
        for (int single = 0; single < 2; single++) {
            problem p = { .n = 10, .f = rosenbrock, .low = low, .high = high, .single = single };
            const convis_optimizer_options options = { .kind = kind[k], .memory = 5 };
            double x[10] = { 0 }, y[10] = { 0 }, value, other = 0;
            convis_optimizer *o = opened(options, 10);
            must(c, convis_optimizer_minimize(o, evaluate, &p, x, low, high, &(convis_minimize_options){ .iterations = 40 },
                                              &value));
            int64_t evaluations = p.evaluations;
            convis_optimizer_close(&o);
            p.evaluations = 0;
            o = opened(options, 10);
            for (int part = 0; part < 40; part++) {      /* a process for each iteration */
                must(c, convis_optimizer_minimize(o, evaluate, &p, y, low, high, &(convis_minimize_options){ .iterations = 1 },
                                                  &other));
                size_t size = convis_optimizer_state_size(o);
                char *bytes = malloc(size);
                must(c, convis_optimizer_state_get(o, bytes));
                convis_optimizer_close(&o);
                o = opened(options, 10);
                must(c, convis_optimizer_state_put(o, bytes, size));
                free(bytes);
            }
            assert_memory_equal(x, y, sizeof x);
            assert_true(value == other && p.evaluations == evaluations);
            /* Elsewhere it begins anew. */
            double z[10] = { 0.5 };
            p.evaluations = 0;
            must(c,
                 convis_optimizer_minimize(o, evaluate, &p, z, low, high, &(convis_minimize_options){ .iterations = 1 }, &other));
            assert_true(other == p.best);
            convis_optimizer_close(&o);
        }
}

/* ---- Sentences ---- */

static void sentences(void **state)
{
    convis_optimizer *o = NULL, *other = NULL;
    double x[2] = { 1, 2 }, g[2] = { 1, NAN }, low[2] = { 0, 5 }, high[2] = { 4, 4 }, value;
    (void)state;
    const struct { convis_optimizer_options options; int64_t n; convis_status status; const char *sentence; } wrong[] = {
        { { .kind = "adamm" }, 2, CONVIS_ENAME, "optimiser 'adamm': expected one of sgd, adagrad," },
        { { .kind = "l-bfgs" }, 2, CONVIS_ENAME, "did you mean lbfgs?" },
        { { .kind = "simulated annealing" }, 2, CONVIS_ENAME, "cobyla, crs" },
        { { .kind = NULL }, 2, CONVIS_EINVAL, "no name" }, { { .kind = "sgd", .rate = -1 }, 2, CONVIS_EINVAL, "sgd: rate is -1" },
        { { .kind = "sgd", .rate = NAN }, 2, CONVIS_EINVAL, "sgd: rate is nan" },
        { { .kind = "adam", .beta1 = 1 }, 2, CONVIS_EINVAL, "adam: beta1 is 1, expected 0 to 1" },
        { { .kind = "lbfgs", .memory = -3 }, 2, CONVIS_EINVAL, "lbfgs: memory is -3" },
        { { .kind = "adam" }, 0, CONVIS_EINVAL, "nothing to optimise" },
    };
    for (size_t k = 0; k < sizeof wrong/sizeof *wrong; k++)
        refused(c, wrong[k].status, wrong[k].sentence, convis_optimizer_open(c, &wrong[k].options, wrong[k].n, &o));
    assert_null(o);

    o = opened((convis_optimizer_options){ .kind = "adam" }, 2);
    refused(c, CONVIS_EINVAL, "the gradient of x[1] is not finite", convis_optimizer_step(o, x, g, NULL, NULL, 1));
    g[1] = 1;
    refused(c, CONVIS_EINVAL, "the bounds of x[1] are 5 to 4", convis_optimizer_step(o, x, g, low, high, 1));
    refused(c, CONVIS_EINVAL, "factor on the rate", convis_optimizer_step(o, x, g, NULL, NULL, -1));
    refused(c, CONVIS_ESTATE, "takes a gradient at a time",
            convis_optimizer_minimize(o, evaluate, NULL, x, NULL, NULL, NULL, &value));
    assert_true(x[0] == 1 && x[1] == 2);
    other = opened((convis_optimizer_options){ .kind = "adadelta" }, 2);
    size_t size = convis_optimizer_state_size(o);
    char *bytes = malloc(size);
    must(c, convis_optimizer_state_get(o, bytes));
    refused(c, CONVIS_EFORMAT, "the state of another optimiser", convis_optimizer_state_put(other, bytes, size));
    refused(c, CONVIS_ESHAPE, "expected", convis_optimizer_state_put(other, bytes, size - 1));
    free(bytes);
    convis_optimizer_close(&o);
    convis_optimizer_close(&other);
    convis_optimizer_close(&other);

    o = opened((convis_optimizer_options){ .kind = "sgd", .rate = 1e300 }, 2);
    g[0] = 1e300;
    refused(c, CONVIS_EINVAL, "a smaller rate may help", convis_optimizer_step(o, x, g, NULL, NULL, 1));
    assert_true(x[0] == 1 && x[1] == 2);
    must(c, convis_optimizer_step(o, x, g, (double[]){ -3, 0 }, high, 1));               /* a bound catches it */
    assert_true(x[0] == -3 && x[1] == 0);
    convis_optimizer_close(&o);

    o = opened((convis_optimizer_options){ .kind = "lbfgs" }, 2);
    refused(c, CONVIS_ESTATE, "no single steps", convis_optimizer_step(o, x, g, NULL, NULL, 1));
    convis_optimizer_close(&o);
    o = opened((convis_optimizer_options){ .kind = "crs" }, 2);
    problem p = { .n = 2, .f = rosenbrock };
    const convis_minimize_options ten = { .evaluations = 10 };
    refused(c, CONVIS_EINVAL, "crs: ", convis_optimizer_minimize(o, evaluate, &p, x, NULL, NULL, &ten, &value));
    convis_optimizer_close(&o);
}

static void scarce_memory(void **state)
{
    (void)state;
    for (int64_t k = 1; k <= 3; k++) {
        counter count = { 0 };
        const convis_allocator allocator = counting(&count);
        convis_context *d;
        convis_optimizer *o = NULL;
        assert_int_equal(convis_open_with(&d, "cpu", &allocator), CONVIS_OK);
        count.fail_at = count.calls + k;
        assert_int_equal(convis_optimizer_open(d, &(convis_optimizer_options){ .kind = "lbfgs" }, 5, &o), CONVIS_ENOMEM);
        assert_null(o);
        convis_close(&d);
        assert_int_equal(count.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas), cmocka_unit_test(rprop_by_hand), cmocka_unit_test(steps_converge),
        cmocka_unit_test(bounds_hold),     cmocka_unit_test(valley), cmocka_unit_test(valley_cut),
        cmocka_unit_test(ill_conditioned), cmocka_unit_test(any_scale),     cmocka_unit_test(no_numbers),
        cmocka_unit_test(limits), cmocka_unit_test(tolerances), cmocka_unit_test(steps_go_on),
        cmocka_unit_test(searches_go_on), cmocka_unit_test(sentences), cmocka_unit_test(scarce_memory),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
