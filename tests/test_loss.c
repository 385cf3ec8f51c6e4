/* test_loss.c - losses and regularisers: values against formulas written out anew, gradients against central differences of
 * those formulas in double precision, masks against deletion, and the sentences for bad input. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <convis/fit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/philox.h"

#ifdef CONVIS_DOUBLE
#define PRECISION 1e-13
#else
#define PRECISION 1e-6                                   /* of a gradient that was computed in double and stored as float */
#endif

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

/* The k-th of a fixed sequence of numbers in (0, 1). */
static double uniform(uint64_t k) { return philox_uniform(philox_draw(17, k, 0).word[0]); }

static void close_to(double found, double expected, double relative, double scale, const char *what)
{
    if (!(fabs(found - expected) <= relative*fmax(fabs(expected), scale)))
        fail_msg("%s: found %.17g, expected %.17g", what, found, expected);
}

/* ---- The losses, written out: (frames, units) in double, weights w or NULL ---- */

typedef struct data { int frames, units; const double *p, *r, *w; } data;
typedef double (*formula)(const convis_loss *, const data *);

static double weight(const data *d, int i) { return d->w ? d->w[i] : 1; }
static double weights(const data *d)
{
    double sum = 0;
    for (int i = 0; i < d->frames*d->units; i++) sum += weight(d, i);
    return sum;
}

static double mean_of(const convis_loss *l, const data *d, double (*f)(const convis_loss *, double p, double r))
{
    double sum = 0;
    for (int i = 0; i < d->frames*d->units; i++) if (weight(d, i) > 0) sum += weight(d, i)*f(l, d->p[i], d->r[i]);
    return sum/weights(d);
}

static double at_least(double mu) { return mu < 1e-8 ? 1e-8 : mu; }
static double mse1(const convis_loss *l, double p, double r) { return pow((l->counts ? p*l->dt : p) - r, 2); }
static double poisson1(const convis_loss *l, double p, double r) { double m = at_least(p*l->dt); return m - r*log(m); }
static double bernoulli1(const convis_loss *l, double p, double r)
{
    long double q = 1 - expl(-(long double)at_least(p*l->dt));
    return (double)(-r*logl(q) - (1 - r)*logl(1 - q));
}
/* The logarithm of the probability mass, minus what does not depend on p. */
static double negative_binomial1(const convis_loss *l, double p, double r)
{
    double m = at_least(p*l->dt), k = l->shape;
    return -(k*log(k/(k + m)) + r*log(m/(k + m))) - r*log(k);
}
static double mse(const convis_loss *l, const data *d) { return mean_of(l, d, mse1); }
static double poisson(const convis_loss *l, const data *d) { return mean_of(l, d, poisson1); }
static double bernoulli(const convis_loss *l, const data *d) { return mean_of(l, d, bernoulli1); }
static double negative_binomial(const convis_loss *l, const data *d) { return mean_of(l, d, negative_binomial1); }

/* The exponential filter as a sum over the history, and van Rossum's integral bin by bin. */
static double spike_distance(const convis_loss *l, const data *d)
{
    double total = 0;
    for (int u = 0; u < d->units; u++)
        for (int t = 0; t < d->frames; t++) {
            double trace = 0;
            for (int s = 0; s <= t; s++) {
                int i = s*d->units + u;
                if (weight(d, i) > 0) trace += exp(-(t - s)*l->dt/l->tau)*((l->counts ? d->p[i]*l->dt : d->p[i]) - d->r[i]);
            }
            double integral = trace*trace*l->tau/2*(1 - exp(-2*l->dt/l->tau));   /* of (trace exp(-x/tau))^2 over one bin */
            if (weight(d, t*d->units + u) > 0) total += weight(d, t*d->units + u)*integral/l->tau;
        }
    return total/weights(d);
}

static double correlation(const convis_loss *l, const data *d)
{
    (void)l;
    double total = 0;
    int units = 0;
    for (int u = 0; u < d->units; u++) {
        double n = 0, p = 0, r = 0, pp = 0, rr = 0, pr = 0;
        for (int i = u; i < d->frames*d->units; i += d->units)
            if (weight(d, i) > 0) { n += weight(d, i); p += weight(d, i)*d->p[i]; r += weight(d, i)*d->r[i]; }
        if (n <= 0) continue;
        p /= n; r /= n;
        for (int i = u; i < d->frames*d->units; i += d->units) {
            if (weight(d, i) <= 0) continue;
            pp += weight(d, i)*(d->p[i] - p)*(d->p[i] - p);
            rr += weight(d, i)*(d->r[i] - r)*(d->r[i] - r);
            pr += weight(d, i)*(d->p[i] - p)*(d->r[i] - r);
        }
        total += 1 - pr/sqrt(pp*rr);
        units++;
    }
    return total/units;
}

static const struct { const char *name; formula f; } formulas[] = {
    { "mse", mse }, { "poisson", poisson }, { "bernoulli", bernoulli }, { "negative_binomial", negative_binomial },
    { "spike_distance", spike_distance }, { "correlation", correlation }
};
enum { FORMULAS = sizeof formulas/sizeof *formulas, FRAMES = 61, UNITS = 3, N = FRAMES*UNITS };

static formula formula_of(const char *name)
{
    for (int k = 0; k < FORMULAS; k++) if (!strcmp(formulas[k].name, name)) return formulas[k].f;
    fail_msg("no formula for the loss %s", name);
    return NULL;
}

/* Numbers that float holds exactly, so that library and formula see the same. */
static void fill(const convis_loss *l, double *p, double *r, double *w)
{
    for (int i = 0; i < N; i++) {
        p[i] = (float)(.5 + 80*uniform((uint64_t)i));
        r[i] = !strcmp(l->kind, "bernoulli") ? uniform((uint64_t)i + 1000) < .4 : floor(4*uniform((uint64_t)i + 1000));
        if (!l->counts && (!strcmp(l->kind, "mse") || !strcmp(l->kind, "correlation")))
            r[i] = (float)(100*uniform((uint64_t)i + 2000) - 20);
        w[i] = uniform((uint64_t)i + 3000) < .3 ? 0 : 1;
    }
    if (strcmp(l->kind, "correlation")) p[5] = 0, p[7] = -3, w[5] = w[7] = 1;    /* silent, and less than that */
}

static convis_status evaluate(const convis_loss *l, const data *d, double *value, double *gradient)
{
    convis_real p[N], r[N], w[N], g[N];
    const int n = d->frames*d->units;
    for (int i = 0; i < n; i++) {
        p[i] = (convis_real)d->p[i];
        r[i] = (convis_real)d->r[i];
        w[i] = (convis_real)weight(d, i);
        g[i] = NAN;
    }
    convis_status status = convis_loss_evaluate(c, l, p, r, d->w ? w : NULL, d->frames, d->units, value, gradient ? g : NULL);
    for (int i = 0; i < n && gradient; i++) gradient[i] = (double)g[i];
    return status;
}

/* Central differences, Richardson's extrapolation: of fourth order. */
static double slope(formula f, const convis_loss *l, const data *d, double *p, int i)
{
    const double before = p[i], h = 1e-3*fmax(1, fabs(before));
    double difference[2];
    for (int k = 0; k < 2; k++) {
        const double step = k ? h/2 : h;
        p[i] = before + step;
        difference[k] = f(l, d);
        p[i] = before - step;
        difference[k] = (difference[k] - f(l, d))/2/step;
    }
    p[i] = before;
    return (4*difference[1] - difference[0])/3;
}

static void check_loss(const convis_loss *l, int masked)
{
    double p[N], r[N], w[N], gradient[N], value, alone, scale = 0;
    fill(l, p, r, w);
    const formula f = formula_of(l->kind);
    const data d = { FRAMES, UNITS, p, r, masked ? w : NULL };
    assert_int_equal(evaluate(l, &d, &value, gradient), CONVIS_OK);
    assert_int_equal(evaluate(l, &d, &alone, NULL), CONVIS_OK);
    assert_true(value == alone);
    close_to(value, f(l, &d), 1e-12, 1e-3, l->kind);
    for (int i = 0; i < N; i++) scale = fmax(scale, fabs(gradient[i]));
    assert_true(scale > 0);
    for (int i = 0; i < N; i++) {
        if (p[i] == 0 && strcmp(l->kind, "mse") && strcmp(l->kind, "spike_distance")) {
            assert_true(gradient[i] == 0);               /* at the floor there is a kink: the side that is flat */
            continue;
        }
        if (masked && w[i] == 0) assert_true(gradient[i] == 0);
        close_to(gradient[i], slope(f, l, &d, p, i), 2e-7, scale*1e-3, l->kind);
    }
}

static void values_and_gradients(void **state)
{
    (void)state;
    const char *kind;
    int k = 0;
    for (; (kind = convis_loss_list(k, NULL)); k++)
        for (int masked = 0; masked <= 1; masked++)
            for (int counts = 0; counts <= 1; counts++) {
                const convis_loss l = { .kind = kind, .dt = 1/64., .tau = .05, .shape = 2.5, .counts = counts };
                check_loss(&l, masked);
            }
    assert_int_equal(k, FORMULAS);
    assert_null(convis_loss_list(-1, NULL));
}

/* Weights other than 0 and 1: a sample of weight 2 is as good as two. */
static void weights_repeat(void **state)
{
    (void)state;
    const double p[] = { 3, 9, 20, 9 }, r[] = { 1, 0, 2, 0 }, w[] = { 1, 2, 1, 0 };
    const data weighted = { 3, 1, p, r, w }, repeated = { 4, 1, p, r, NULL };
    const char *const kinds[] = { "mse", "poisson", "negative_binomial", "correlation" };
    for (int k = 0; k < 4; k++) {
        const convis_loss l = { .kind = kinds[k], .dt = .1, .shape = 1 };
        double a, b, ga[4], gb[4];
        assert_int_equal(evaluate(&l, &weighted, &a, ga), CONVIS_OK);
        assert_int_equal(evaluate(&l, &repeated, &b, gb), CONVIS_OK);
        close_to(a, b, 1e-13, 0, kinds[k]);
        close_to(ga[1], gb[1] + gb[3], PRECISION, 1e-3, kinds[k]);
    }
}

/* What is masked may be anything, and is as if it had never been recorded. */
static void masks_delete(void **state)
{
    (void)state;
    const char *kind;
    for (int k = 0; (kind = convis_loss_list(k, NULL)); k++) {
        const convis_loss l = { .kind = kind, .dt = 1/64., .tau = .05, .shape = 2.5 };
        double p[N], r[N], w[N], kept_p[N], kept_r[N], ga[N], gb[N], a, b;
        int n = 0, at[N];
        fill(&l, p, r, w);
        /* A trace passes over a gap while a deleted gap takes no time, so of spike trains only the ends are left out. */
        for (int i = 0; i < FRAMES; i++) {
            w[i] = strcmp(kind, "spike_distance") ? uniform((uint64_t)i + 5000) < .6 : i > 6 && i < FRAMES - 9;
            if (w[i] > 0) { kept_p[n] = p[i]; kept_r[n] = r[i]; at[n++] = i; }
            else p[i] = i%2 ? NAN : -INFINITY, r[i] = NAN;
        }
        const data masked = { FRAMES, 1, p, r, w }, deleted = { n, 1, kept_p, kept_r, NULL };
        assert_true(n > 20 && n < FRAMES);
        if (evaluate(&l, &masked, &a, ga)) fail_msg("%s", convis_message(c));
        assert_int_equal(evaluate(&l, &deleted, &b, gb), CONVIS_OK);
        assert_true(a == b);
        for (int i = 0, j = 0; i < FRAMES; i++)
            if (j < n && at[j] == i) assert_true(ga[i] == gb[j++]);
            else assert_true(ga[i] == 0);
    }
}

/* ---- Closed forms ---- */

static double loss_of(const convis_loss *l, int frames, const double *p, const double *r)
{
    const data d = { frames, 1, p, r, NULL };
    double value;
    if (evaluate(l, &d, &value, NULL)) fail_msg("%s", convis_message(c));
    return value;
}

static void closed_forms(void **state)
{
    (void)state;
    enum { T = 50 };
    double p[T] = { 0 }, r[T] = { 0 };
    /* One spike more costs 1/2; two that are x apart 1 - exp(-x/tau) (van Rossum 2001). The recording ends later than any tail. */
    convis_loss distance = { .kind = "spike_distance", .dt = .01, .tau = .02 };
    r[4] = 1;
    close_to(T*loss_of(&distance, T, p, r), .5, 1e-12, 0, "one spike");
    p[7] = 1;
    close_to(T*loss_of(&distance, T, p, r), 1 - exp(-.03/.02), 1e-12, 0, "two spikes");
    distance.counts = 1;
    p[7] = 128; distance.dt = 1/128.; distance.tau = 2/128.;
    close_to(T*loss_of(&distance, T, p, r), 1 - exp(-3/2.), 1e-12, 0, "a rate in Hz");

    /* Likelihoods are least at the mean, and their gradients sum to 0 there. */
    const char *const kinds[] = { "poisson", "negative_binomial", "bernoulli" };
    for (int k = 0; k < 3; k++) {
        const convis_loss l = { .kind = kinds[k], .dt = .25, .shape = 3 };
        const double count[] = { 1, 0, 1, 1, 0, 0, 1, 0 };
        const double best = k == 2 ? -log(.5)/.25 : .5/.25;
        double rate[8], gradient[8], value, sum = 0;
        for (int i = 0; i < 8; i++) rate[i] = best;
        const data d = { 8, 1, rate, count, NULL };
        assert_int_equal(evaluate(&l, &d, &value, gradient), CONVIS_OK);
        for (int i = 0; i < 8; i++) sum += gradient[i];
        close_to(sum, 0, PRECISION, 1e-1, kinds[k]);
    }
    /* Few spikes in small bins: a Bernoulli process is Poisson; a large shape makes a negative binomial Poisson. */
    const double one[] = { 1 }, none[] = { 0 }, rare[] = { 1e-6 }, rate[] = { 3 };
    const convis_loss poisson_loss = { .kind = "poisson", .dt = 1 }, bernoulli_loss = { .kind = "bernoulli", .dt = 1 };
    const convis_loss broad = { .kind = "negative_binomial", .dt = 1, .shape = 1e12 };
    const double mu = (double)(convis_real)1e-6;
    close_to(loss_of(&bernoulli_loss, 1, rare, one), -log(mu) + mu/2, 1e-14, 0, "a rare spike");
    close_to(loss_of(&bernoulli_loss, 1, rare, none), mu, 1e-14, 0, "no rare spike");
    close_to(loss_of(&broad, 1, rate, one), loss_of(&poisson_loss, 1, rate, one), 1e-11, 0, "shape to infinity");
    const double bright[] = { 1e5 };                     /* exp(-1e5) is 0, and still nothing is infinite */
    assert_true(loss_of(&bernoulli_loss, 1, bright, none) == 1e5);
    assert_true(loss_of(&bernoulli_loss, 1, bright, one) == 0);
}

/* No rate is so small that a spike becomes infinitely unlikely; what was lifted has no derivative. */
static void floor_of_rates(void **state)
{
    (void)state;
    const char *const kinds[] = { "poisson", "negative_binomial", "bernoulli" };
    const double p[] = { 0, -5, 1e-9, 40 }, r[] = { 1, 1, 0, 1 };
    for (int k = 0; k < 3; k++) {
        const convis_loss l = { .kind = kinds[k], .dt = .01, .shape = 2 };
        const data d = { 4, 1, p, r, NULL };
        double value, gradient[4], lifted[] = { 1e-6, 1e-6, 1e-6, 40 };
        assert_int_equal(evaluate(&l, &d, &value, gradient), CONVIS_OK);
        assert_true(isfinite(value) && gradient[0] == 0 && gradient[1] == 0 && gradient[2] == 0 && gradient[3] != 0);
        close_to(value, loss_of(&l, 4, lifted, r), 1e-7, 0, kinds[k]);
    }
}

/* ---- A function of the user's own ---- */

static double absolute(void *user, const convis_real *p, const convis_real *r, const convis_real *mask, int64_t frames,
                       int64_t units, convis_real *gradient)
{
    double sum = 0;
    assert_null(mask);
    for (int64_t i = 0; i < frames*units; i++) {
        sum += fabs((double)p[i] - (double)r[i]);
        if (gradient) gradient[i] = (convis_real)(p[i] > r[i] ? 1 : -1)*(convis_real)*(double *)user;
    }
    return sum**(double *)user;
}

static void own_function(void **state)
{
    (void)state;
    double factor = 2, value, gradient[2];
    const double p[] = { 1, 5 }, r[] = { 3, 1 };
    const data d = { 2, 1, p, r, NULL };
    const convis_loss l = { .function = absolute, .user = &factor };
    assert_int_equal(evaluate(&l, &d, &value, gradient), CONVIS_OK);
    assert_true(value == 12 && gradient[0] == -2 && gradient[1] == 2);
    factor = NAN;
    assert_int_equal(evaluate(&l, &d, &value, NULL), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "loss: its value is nan, expected a finite number");
}

/* ---- Sentences ---- */

#define REFUSED(loss, d, status, sentence) do {                           \
        double value_, gradient_[N];                                      \
        assert_int_equal(evaluate(&(convis_loss)loss, d, &value_, gradient_), status); \
        assert_string_equal(convis_message(c), sentence); } while (0)
#define LOSS(...) { __VA_ARGS__ }

static void sentences(void **state)
{
    (void)state;
    double p[] = { 1, 2, 3, 4, 5, 6 }, r[] = { 1, 0, 0, 0, 0, 1 }, w[] = { 1, 1, 1, 1, 1, 1 };
    const data d = { 3, 2, p, r, w };
    REFUSED(LOSS(.kind = "poison", .dt = 1), &d, CONVIS_ENAME,
            "loss 'poison': expected one of mse, poisson, bernoulli, negative_binomial, "
            "spike_distance, correlation; did you mean poisson?");
    REFUSED(LOSS(.kind = "x"), &d, CONVIS_ENAME, "loss 'x': expected one of mse, poisson, bernoulli, negative_binomial, "
            "spike_distance, correlation");
    REFUSED(LOSS(.dt = 1), &d, CONVIS_EINVAL, "loss: it has neither a kind nor a function, expected one of them");
    REFUSED(LOSS(.kind = "poisson"), &d, CONVIS_EINVAL, "loss poisson: dt is 0 s, expected more than 0");
    REFUSED(LOSS(.kind = "mse", .counts = 1), &d, CONVIS_EINVAL, "loss mse: dt is 0 s, expected more than 0");
    REFUSED(LOSS(.kind = "spike_distance", .dt = 1, .tau = -1), &d, CONVIS_EINVAL,
            "loss spike_distance: tau is -1 s, expected more than 0");
    REFUSED(LOSS(.kind = "negative_binomial", .dt = 1), &d, CONVIS_EINVAL,
            "loss negative_binomial: shape is 0, expected more than 0");
    p[3] = NAN;
    REFUSED(LOSS(.kind = "mse"), &d, CONVIS_EINVAL, "loss mse: unit 1: the prediction at frame 1 is nan, expected a number");
    p[3] = INFINITY;
    REFUSED(LOSS(.kind = "mse"), &d, CONVIS_EINVAL, "loss mse: unit 1: the prediction at frame 1 is inf, expected a number");
    p[3] = 4; r[4] = NAN;
    REFUSED(LOSS(.kind = "mse"), &d, CONVIS_EINVAL, "loss mse: unit 0: the response at frame 2 is nan, expected a number");
    r[4] = -1;
    REFUSED(LOSS(.kind = "poisson", .dt = 1), &d, CONVIS_EINVAL,
            "loss poisson: unit 0: the response at frame 2 is -1, expected a count, 0 or more");
    r[4] = 2;
    REFUSED(LOSS(.kind = "bernoulli", .dt = 1), &d, CONVIS_EINVAL,
            "loss bernoulli: unit 0: the response at frame 2 is 2, expected 0 to 1 (a spike or none)");
    w[1] = -1;
    REFUSED(LOSS(.kind = "mse"), &d, CONVIS_EINVAL,
            "loss mse: unit 1: the mask at frame 0 is -1, expected 0 (it does not count) or more");
    w[1] = 1;
    r[1] = r[3] = r[5] = 7;
    REFUSED(LOSS(.kind = "correlation"), &d, CONVIS_EINVAL,
            "loss correlation: unit 1: the response is 7 in every frame that counts, expected it to vary");
    p[0] = p[2] = p[4] = .5;
    REFUSED(LOSS(.kind = "correlation"), &d, CONVIS_EINVAL,
            "loss correlation: unit 0: the prediction is 0.5 in every frame that counts, expected it to vary");
    w[0] = w[2] = w[4] = 0;                              /* without that unit, and with the other one varying */
    r[3] = 1;
    double value, gradient[N];
    assert_int_equal(evaluate(&(convis_loss){ .kind = "correlation" }, &d, &value, gradient), CONVIS_OK);
    for (int i = 0; i < 6; i++) w[i] = 0;
    REFUSED(LOSS(.kind = "mse"), &d, CONVIS_EINVAL, "loss: nothing counts in 3 frames of 2 units, expected something");
#ifdef CONVIS_DOUBLE
    w[0] = 1; p[0] = 1e200;
    REFUSED(LOSS(.kind = "mse"), &d, CONVIS_EINVAL, "loss mse: its value is inf, expected a finite number");
#endif
}

/* ---- Regularisers ---- */

enum { OUT = 2, IN = 3, T = 5, Y = 4, X = 3, SIZE = OUT*IN*T*Y*X };
static const convis_shape shape = { { OUT, IN, T, Y, X } };

static double penalty(const char *kind, const double *x, convis_shape s, double *gradient)
{
    double value = NAN;
    const convis_regularizer r = { .path = "filter.weights", .kind = kind, .weight = 1 };
    if (convis_regularizer_add(c, &r, x, s, &value, gradient)) fail_msg("%s", convis_message(c));
    return value;
}

static void regularizer_gradients(void **state)
{
    (void)state;
    const char *kind;
    int k = 0;
    for (; (kind = convis_regularizer_list(k, NULL)); k++) {
        double x[SIZE], gradient[SIZE];
        for (int i = 0; i < SIZE; i++) { x[i] = 2*uniform((uint64_t)i + 7000) - 1; gradient[i] = 100; }
        const double value = penalty(kind, x, shape, gradient);
        assert_true(value > 0 && value == penalty(kind, x, shape, NULL));
        for (int i = 0; i < SIZE; i++) {
            const double before = x[i], h = 1e-4;
            x[i] = before + h;
            double difference = penalty(kind, x, shape, NULL);
            x[i] = before - h;
            difference = (difference - penalty(kind, x, shape, NULL))/2/h;
            x[i] = before;
            close_to(gradient[i] - 100, difference, 1e-6, 1, kind);
        }
        /* the weight is a factor of both, and neither depends on what was there before */
        double twice = -1, more[SIZE];
        for (int i = 0; i < SIZE; i++) more[i] = 100;
        const convis_regularizer heavy = { .path = NULL, .kind = kind, .weight = 2 };
        assert_int_equal(convis_regularizer_add(c, &heavy, x, shape, &twice, more), CONVIS_OK);
        assert_true(twice == 2*value);
        for (int i = 0; i < SIZE; i++) close_to(more[i] - 100, 2*(gradient[i] - 100), 1e-12, 100, kind);
        /* nothing costs nothing; a scalar has neither neighbours nor rank */
        memset(x, 0, sizeof x);
        for (int i = 0; i < SIZE; i++) gradient[i] = 0;
        assert_true(penalty(kind, x, shape, gradient) == 0);
        for (int i = 0; i < SIZE; i++) assert_true(gradient[i] == 0);
        const double scalar = -3;
        const double expected = !strcmp(kind, "l1") || !strcmp(kind, "group") ? 3
                              : !strcmp(kind, "l2") || !strcmp(kind, "nonnegative") ? 9 : 0;
        assert_true(penalty(kind, &scalar, (convis_shape){ { 1, 1, 1, 1, 1 } }, NULL) == expected);
    }
    assert_int_equal(k, 8);
}

static void regularizer_values(void **state)
{
    (void)state;
    const double x[] = { 1, -2, 4, 8, 0, 3 };            /* (T 3, X 2) */
    const convis_shape s = { { 1, 1, 3, 1, 2 } }, outs = { { 3, 1, 1, 1, 2 } };
    assert_true(penalty("l1", x, s, NULL) == 18);
    assert_true(penalty("l2", x, s, NULL) == 94);
    assert_true(penalty("nonnegative", x, s, NULL) == 4);
    assert_true(penalty("smooth_time", x, s, NULL) == 9 + 100 + 16 + 25);
    assert_true(penalty("smooth_space", x, s, NULL) == 9 + 16 + 9);
    close_to(penalty("group", x, outs, NULL), sqrt(5) + sqrt(80) + 3, 1e-14, 0, "group");
    /* masses 17 at x = 0 and 77 at x = 1: reduced mass times distance squared */
    close_to(penalty("local", x, s, NULL), 17.*77/94, 1e-13, 0, "local");
    /* a kernel that moved costs the same */
    double here[T*7*7] = { 0 }, there[T*7*7] = { 0 };
    for (int t = 0; t < T; t++)
        for (int y = 0; y < 4; y++)
            for (int i = 0; i < 4; i++)
                here[(t*7 + y)*7 + i] = there[(t*7 + y + 3)*7 + i + 2] = uniform((uint64_t)((t*4 + y)*4 + i)) - .3;
    const convis_shape wide = { { 1, 1, T, 7, 7 } };
    close_to(penalty("local", here, wide, NULL), penalty("local", there, wide, NULL), 1e-12, 0, "local, moved");
    /* huge and tiny norms */
    const double huge[] = { 3e200, 4e200 }, tiny[] = { 3e-200, 4e-200 };
    double gradient[2] = { 0 };
    close_to(penalty("group", huge, (convis_shape){ { 1, 1, 1, 1, 2 } }, gradient), 5e200, 1e-14, 0, "huge");
    close_to(gradient[0], .6, 1e-14, 0, "huge");
    close_to(penalty("group", tiny, (convis_shape){ { 1, 1, 1, 1, 2 } }, NULL), 5e-200, 1e-14, 0, "tiny");
}

/* Matrices with singular values that we chose: s[k] u_k v_k', u and v columns of two Householder reflections. */
static void with_singular_values(const double *s, int rank, int rows, int columns, double *w)
{
    double a[64], b[64], aa = 0, bb = 0;
    for (int i = 0; i < rows; i++) { a[i] = uniform((uint64_t)i + 8000) - .5; aa += a[i]*a[i]; }
    for (int i = 0; i < columns; i++) { b[i] = uniform((uint64_t)i + 8100) - .5; bb += b[i]*b[i]; }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            double sum = 0;
            for (int k = 0; k < rank; k++) sum += s[k]*((i == k) - 2*a[i]*a[k]/aa)*((j == k) - 2*b[j]*b[k]/bb);
            w[i*columns + j] = sum;
        }
}

static void separability(void **state)
{
    (void)state;
    static const struct { double s[4]; const char *what; } cases[] = {
        { { 3, 0, 0, 0 }, "separable" }, { { 3, 2, 1, .5 }, "rank 4" }, { { 1, .999, .998, 0 }, "nearly equal" },
        { { 1, 1 - 1e-7, .5, 0 }, "as good as equal" }, { { 5e-9, 2e-9, 1e-9, 0 }, "small" }, { { 1, 1e-9, 0, 0 }, "nearly separable" }
    };
    for (size_t k = 0; k < sizeof cases/sizeof *cases; k++)
        for (int tall = 0; tall <= 1; tall++) {
            const int rows = tall ? 20 : 6, columns = tall ? 6 : 20;
            const double *s = cases[k].s, rest = s[1]*s[1] + s[2]*s[2] + s[3]*s[3];
            double w[120], expected[120], gradient[120] = { 0 };
            with_singular_values(s, 4, rows, columns, w);
            with_singular_values((double[]){ 0, s[1], s[2], s[3] }, 4, rows, columns, expected);
            const convis_shape matrix = { { 1, 1, rows, columns/2, 2 } };
            close_to(penalty("separable", w, matrix, gradient), rest, 1e-11, 1e-13*s[0]*s[0], cases[k].what);
            /* singular vectors are as well determined as the squares of the values are apart */
            const double apart = (s[0]*s[0] - s[1]*s[1])/(s[0]*s[0]);
            for (int i = 0; i < rows*columns; i++) close_to(gradient[i], 2*expected[i], 1e-14/apart, s[0], cases[k].what);
        }
    /* two singular values that are the same: the penalty is sure although the vectors are not */
    double w[120];
    with_singular_values((double[]){ 2, 2, 1 }, 3, 6, 20, w);
    close_to(penalty("separable", w, (convis_shape){ { 1, 1, 6, 20, 1 } }, NULL), 5, 1e-12, 0, "equal");
    /* the start must not be blind to where the largest is: the most energetic row is not part of it */
    const double blocks[] = { 5, 0, 0, 0, 4, 4, 0, 4, 4 };
    close_to(penalty("separable", blocks, (convis_shape){ { 1, 1, 3, 3, 1 } }, NULL), 25, 1e-12, 0, "blocks");
}

static void regularizer_sentences(void **state)
{
    (void)state;
    double value, x[] = { 1, NAN };
    const convis_shape s = { { 1, 1, 1, 1, 2 } };
    convis_regularizer r = { .path = "filter.weights", .kind = "smooth", .weight = 1 };
    assert_int_equal(convis_regularizer_add(c, &r, x, s, &value, NULL), CONVIS_ENAME);
    assert_string_equal(convis_message(c),
                        "regularizer 'smooth': expected one of l1, l2, smooth_time, smooth_space, local, group, "
                        "nonnegative, separable; did you mean smooth_time?");
    r.kind = "seperable";
    assert_int_equal(convis_regularizer_add(c, &r, x, s, &value, NULL), CONVIS_ENAME);
    assert_non_null(strstr(convis_message(c), "; did you mean separable?"));
    r.kind = "l2";
    assert_int_equal(convis_regularizer_add(c, &r, x, s, &value, NULL), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "filter.weights: element 1 is nan, expected a number to regularize");
    r.weight = -1;
    assert_int_equal(convis_regularizer_add(c, &r, x, s, &value, NULL), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "filter.weights: l2 has the weight -1, expected 0 or more");
}

/* ---- The k-th allocation fails: a sentence, and nothing lost (the sanitizers know). ---- */

static int left;
static void *sparse(void *user, size_t bytes) { (void)user; return left-- > 0 ? malloc(bytes) : NULL; }
static void  give_back(void *user, void *memory) { (void)user; free(memory); }

static void scarce_memory(void **state)
{
    (void)state;
    const convis_allocator allocator = { sparse, give_back, NULL };
    const convis_real p[] = { 1, 2, 3, 4 }, r[] = { 0, 1, 0, 1 };
    const double x[] = { 1, 2, 3, 4 };
    const convis_loss l = { .kind = "spike_distance", .dt = 1, .tau = 1 };
    const convis_regularizer separate = { .path = NULL, .kind = "separable", .weight = 1 };
    convis_real gradient[4];
    double value;
    convis_context *d;
    left = 1000;
    assert_int_equal(convis_open_with(&d, "cpu", &allocator), CONVIS_OK);
    left = 0;
    assert_int_equal(convis_loss_evaluate(d, &l, p, r, NULL, 4, 1, &value, gradient), CONVIS_ENOMEM);
    assert_int_equal(convis_regularizer_add(d, &separate, x, (convis_shape){ { 1, 1, 2, 1, 2 } }, &value, NULL), CONVIS_ENOMEM);
    assert_non_null(strstr(convis_message(d), "out of memory"));
    left = 2;
    assert_int_equal(convis_loss_evaluate(d, &l, p, r, NULL, 4, 1, &value, gradient), CONVIS_OK);
    assert_int_equal(convis_regularizer_add(d, &separate, x, (convis_shape){ { 1, 1, 2, 1, 2 } }, &value, NULL), CONVIS_OK);
    convis_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_gradients), cmocka_unit_test(weights_repeat), cmocka_unit_test(masks_delete),
        cmocka_unit_test(closed_forms), cmocka_unit_test(floor_of_rates), cmocka_unit_test(own_function), cmocka_unit_test(sentences),
        cmocka_unit_test(regularizer_gradients), cmocka_unit_test(regularizer_values), cmocka_unit_test(separability),
        cmocka_unit_test(regularizer_sentences), cmocka_unit_test(scarce_memory),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
