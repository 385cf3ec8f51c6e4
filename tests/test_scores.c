/* test_scores.c - scores against the published formulas written out, against signals and noise that we made ourselves, and
 * against the performance published for real units of mouse dLGN; intervals against theory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <convis/fit.h>
#include <convis/io.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/philox.h"
#ifndef CONVIS_TEST_DATA
#define CONVIS_TEST_DATA "tests/data"
#endif

enum { LOG_LIKELIHOOD, BITS_PER_SPIKE, CORRELATION, CC_NORM, FEVE };

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

static void close_to(double found, double expected, double tolerance, const char *what)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%s: found %.12g, expected %.12g within %g", what, found, expected, tolerance);
}

static double normal(uint64_t stream, uint64_t k)
{
    double a, b;
    philox_normal(philox_draw(stream, k, 0), &a, &b);
    return a;
}

/* Poisson counts by the time to the next spike. */
static double poisson(double mean, uint64_t stream, uint64_t k)
{
    double time = 0;
    for (int n = 0; ; n++) {
        time -= log(philox_uniform(philox_draw(stream, k, (uint64_t)n).word[0]));
        if (time > mean) return n;
    }
}

/* A recording of one unit: prediction (frames), responses and mask (trials, frames). */
typedef struct recording { int64_t trials, frames; convis_real *p, *r, *mask; } recording;

static recording new_recording(int64_t trials, int64_t frames, int masked)
{
    recording x = { trials, frames, calloc((size_t)frames, sizeof *x.p), calloc((size_t)(trials*frames), sizeof *x.r),
                    masked ? calloc((size_t)(trials*frames), sizeof *x.mask) : NULL };
    assert_true(x.p && x.r && (!masked || x.mask));
    for (int64_t i = 0; masked && i < trials*frames; i++) x.mask[i] = 1;
    return x;
}

static void free_recording(recording *x) { free(x->p); free(x->r); free(x->mask); }
static convis_real *at(const recording *x, int64_t n, int64_t t) { return &x->r[n*x->frames + t]; }

static void score(const recording *x, const convis_score_options *o, convis_score s[CONVIS_SCORES])
{
    if (convis_scores(c, o, x->p, x->r, x->mask, x->trials, x->frames, s)) fail_msg("%s", convis_message(c));
}

static const convis_score_options plain = { .dt = .01, .counts = 0, .bootstrap = 0, .level = .95 };
static const convis_score_options spikes = { .dt = .01, .counts = 1, .bootstrap = 0, .level = .95 };

/* ---- The published formulas, nothing missing ---- */

static double variance(const double *x, int64_t n, int minus_one)
{
    double mean = 0, sum = 0;
    for (int64_t t = 0; t < n; t++) mean += x[t]/(double)n;
    for (int64_t t = 0; t < n; t++) sum += (x[t] - mean)*(x[t] - mean);
    return sum/(double)(n - minus_one);
}

static double covariance(const double *x, const double *y, int64_t n)
{
    double mean = 0, sum = 0;
    for (int64_t t = 0; t < n; t++) mean += x[t]/(double)n;
    for (int64_t t = 0; t < n; t++) sum += (x[t] - mean)*y[t];
    return sum/(double)(n - 1);
}

static void written_out(const recording *x, double scale, double s[CONVIS_SCORES])
{
    const int64_t N = x->trials, T = x->frames;
    double *p = calloc((size_t)T, sizeof *p), *sum = calloc((size_t)T, sizeof *sum), *one = calloc((size_t)(N*T), sizeof *one);
    double trials = 0, error = 0, noise = 0, likelihood = 0, constant = 0, total = 0;
    for (int64_t t = 0; t < T; t++) {
        p[t] = (double)x->p[t];
        for (int64_t n = 0; n < N; n++) { one[n*T + t] = (double)*at(x, n, t); sum[t] += one[n*T + t]; total += one[n*T + t]; }
    }
    /* Schoppe et al. 2016 */
    for (int64_t n = 0; n < N; n++) trials += variance(one + n*T, T, 1);
    const double power = (variance(sum, T, 1) - trials)/(double)(N*(N - 1)), with_mean = covariance(p, sum, T)/(double)N;
    s[CC_NORM] = with_mean/sqrt(variance(p, T, 1)*power);
    s[CORRELATION] = with_mean/sqrt(variance(p, T, 1)*variance(sum, T, 1))*(double)N;
    /* Cadena et al. 2019 */
    for (int64_t t = 0; t < T; t++) {
        double here[64];
        for (int64_t n = 0; n < N; n++) {
            here[n] = one[n*T + t];
            error += pow(here[n] - scale*p[t], 2)/(double)(N*T);
        }
        noise += variance(here, N, 1)/(double)T;
    }
    s[FEVE] = 1 - (error - noise)/(variance(one, N*T, 1) - noise);
    const double mean = total/(double)(N*T);
    for (int64_t i = 0; i < N*T; i++) {
        const double mu = fmax(scale*p[i%T], 1e-8);
        likelihood += one[i]*log(mu) - mu - lgamma(one[i] + 1);
        constant += one[i]*log(mean) - mean - lgamma(one[i] + 1);
    }
    s[LOG_LIKELIHOOD] = likelihood/(double)(N*T);
    s[BITS_PER_SPIKE] = (likelihood - constant)/total/log(2);
    free(p); free(sum); free(one);
}

static void formulas(void **state)
{
    (void)state;
    recording x = new_recording(7, 300, 0);
    for (int64_t t = 0; t < x.frames; t++) {
        const double rate = 60*(1.2 + sin(.1*(double)t));
        x.p[t] = (convis_real)(rate + 20*normal(1, (uint64_t)t));
        for (int64_t n = 0; n < x.trials; n++)           /* trials that differ in how excitable the cell was */
            *at(&x, n, t) = (convis_real)poisson(.01*rate*(.7 + .1*(double)n), 2, (uint64_t)(n*x.frames + t));
    }
    convis_score s[CONVIS_SCORES];
    double expected[CONVIS_SCORES];
    score(&x, &spikes, s);
    written_out(&x, .01, expected);
    for (int k = 0; k < CONVIS_SCORES; k++) close_to(s[k].value, expected[k], 1e-10*fmax(1, fabs(expected[k])), s[k].name);
    assert_string_equal(s[LOG_LIKELIHOOD].name, "log_likelihood");
    assert_string_equal(s[BITS_PER_SPIKE].name, "bits_per_spike");
    assert_string_equal(s[CORRELATION].name, "correlation");
    assert_string_equal(s[CC_NORM].name, "cc_norm");
    assert_string_equal(s[FEVE].name, "feve");
    for (int k = 0; k < CONVIS_SCORES; k++) assert_true(isnan(s[k].low) && isnan(s[k].high));

    score(&x, &plain, s);                                /* the same unit for both: only FEVE depends on it */
    written_out(&x, 1, expected);
    assert_true(isnan(s[LOG_LIKELIHOOD].value) && isnan(s[BITS_PER_SPIKE].value));
    for (int k = CORRELATION; k < CONVIS_SCORES; k++)
        close_to(s[k].value, expected[k], 1e-10*fmax(1, fabs(expected[k])), s[k].name);

    /* A large constant costs no digits, where float can hold it. */
    for (int64_t t = 0; t < x.frames; t++) {
        x.p[t] = (convis_real)floor((double)x.p[t]) + 4096;
        for (int64_t n = 0; n < x.trials; n++) *at(&x, n, t) += 4096;
    }
    score(&x, &plain, s);
    written_out(&x, 1, expected);
    for (int k = CORRELATION; k < CONVIS_SCORES; k++)
        close_to(s[k].value, expected[k], 1e-9*fmax(1, fabs(expected[k])), s[k].name);
    free_recording(&x);
}

static void by_hand(void **state)
{
    (void)state;
    recording x = new_recording(1, 4, 0);
    const double rate[] = { 100, 200, 100, 200 }, count[] = { 0, 2, 1, 3 };
    convis_score s[CONVIS_SCORES];
    for (int t = 0; t < 4; t++) { x.p[t] = (convis_real)rate[t]; x.r[t] = (convis_real)count[t]; }
    score(&x, &spikes, s);
    /* means 1, 2, 1, 2: log p = -1, 2 log 2 - 2 - log 2, -1, 3 log 2 - 2 - log 6; the mean count is 1.5 */
    close_to(s[LOG_LIKELIHOOD].value, (-6 + 5*log(2) - log(2) - log(6))/4, 1e-14, "log likelihood");
    close_to(s[BITS_PER_SPIKE].value, (5*log(2) - 6*log(1.5))/6/log(2), 1e-14, "bits per spike");
    close_to(s[CORRELATION].value, 2/sqrt(5), 1e-14, "correlation");
    assert_true(isnan(s[CC_NORM].value) && isnan(s[FEVE].value));    /* one trial */
    for (int t = 0; t < 4; t++) x.p[t] = 150;
    score(&x, &spikes, s);
    close_to(s[BITS_PER_SPIKE].value, 0, 1e-7, "the mean rate");
    assert_true(isnan(s[CORRELATION].value));            /* a constant prediction */
    x.p[1] = 0;                                          /* two spikes that could not be: dear, but not infinitely */
    score(&x, &spikes, s);
    assert_true(isfinite(s[LOG_LIKELIHOOD].value) && s[BITS_PER_SPIKE].value < -2);
    free_recording(&x);
}

/* ---- Truth that we made ----
 * A signal of variance 1, noise of variance 4 a trial, and a prediction whose correlation with the signal is 0.8: what the
 * noise-corrected scores must find although it is nowhere near the correlation with the responses. */

static void make_truth(recording *x, double true_correlation, double noise)
{
    for (int64_t t = 0; t < x->frames; t++) {
        double signal = 0, other = 0;
        for (int64_t k = 0; k < 5; k++) {                /* correlated over five frames */
            signal += normal(11, (uint64_t)(t + k))/sqrt(5);
            other += normal(12, (uint64_t)(t + k))/sqrt(5);
        }
        x->p[t] = (convis_real)(10 + true_correlation*signal + sqrt(1 - true_correlation*true_correlation)*other);
        for (int64_t n = 0; n < x->trials; n++)
            *at(x, n, t) = (convis_real)(10 + signal + sqrt(noise)*normal(13 + (uint64_t)n, (uint64_t)t));
    }
}

static void signal_and_noise(void **state)
{
    (void)state;
    recording x = new_recording(40, 20000, 0);
    convis_score s[CONVIS_SCORES];
    make_truth(&x, .8, 4);
    score(&x, &plain, s);
    close_to(s[CC_NORM].value, .8, .01, "cc_norm");
    close_to(s[CORRELATION].value, .8/sqrt(1.1), .01, "correlation with the mean of 40 trials");
    /* error of p against the signal: (1 - .8)^2 + .36 = .4 */
    close_to(s[FEVE].value, .6, .02, "feve");
    x.trials = 2;
    score(&x, &plain, s);
    close_to(s[CC_NORM].value, .8, .02, "cc_norm of two trials");
    close_to(s[CORRELATION].value, .8/sqrt(3), .02, "correlation with the mean of two trials");
    close_to(s[FEVE].value, .6, .05, "feve of two trials");
    x.trials = 40;
    make_truth(&x, 1, 4);                                /* the perfect model */
    score(&x, &plain, s);
    close_to(s[CC_NORM].value, 1, .01, "the perfect model's cc_norm");
    close_to(s[FEVE].value, 1, .01, "the perfect model's feve");
    x.trials = 2;
    /* nothing but noise, trials without any common signal: no signal power, or next to none */
    for (int64_t t = 0; t < x.frames; t++)
        for (int64_t n = 0; n < 2; n++) *at(&x, n, t) = (convis_real)((n ? -1 : 1)*normal(30, (uint64_t)t));
    score(&x, &plain, s);
    assert_true(isnan(s[CC_NORM].value) && isnan(s[FEVE].value) && isnan(s[CORRELATION].value));
    free_recording(&x);
}

/* ---- What is missing ---- */

static void masked_frames(void **state)
{
    (void)state;
    recording x = new_recording(3, 200, 1), shorter = new_recording(3, 150, 0);
    convis_score a[CONVIS_SCORES], b[CONVIS_SCORES];
    for (int64_t t = 0, kept = 0; t < 200; t++) {
        const int gone = t%4 == 1;
        x.p[t] = gone ? NAN : (convis_real)(100 + 50*normal(1, (uint64_t)t));
        for (int64_t n = 0; n < 3; n++) {
            *at(&x, n, t) = gone ? NAN : (convis_real)poisson(1.5 + (t%10 > 5), 3, (uint64_t)(n*200 + t));
            x.mask[n*200 + t] = !gone;
            if (!gone) *at(&shorter, n, kept) = *at(&x, n, t);
        }
        if (!gone) shorter.p[kept++] = x.p[t];
    }
    score(&x, &spikes, a);
    score(&shorter, &spikes, b);
    for (int k = 0; k < CONVIS_SCORES; k++) { close_to(a[k].value, b[k].value, 1e-13, a[k].name); assert_true(isfinite(a[k].value)); }
    free_recording(&x);
    free_recording(&shorter);
    /* a trial of which nothing was measured is no trial */
    recording four = new_recording(4, 150, 1), three = new_recording(3, 150, 0);
    make_truth(&three, .5, 1);
    memcpy(four.p, three.p, 150*sizeof *four.p);
    memcpy(four.r, three.r, 450*sizeof *four.r);
    for (int64_t t = 0; t < 150; t++) { *at(&four, 3, t) = NAN; four.mask[450 + t] = 0; }
    score(&four, &plain, a);
    score(&three, &plain, b);
    for (int k = CORRELATION; k < CONVIS_SCORES; k++) close_to(a[k].value, b[k].value, 1e-13, a[k].name);
    free_recording(&four);
    free_recording(&three);
}

/* Samples lost here and there, and trials that saw only a part, each at another level: neither may pass for signal or noise. */
static void missing_samples(void **state)
{
    (void)state;
    recording x = new_recording(8, 20000, 1);
    convis_score s[CONVIS_SCORES];
    make_truth(&x, .8, 4);
    for (int64_t i = 0; i < 8*20000; i++)
        if (normal(99, (uint64_t)i) > .3) { x.mask[i] = 0; x.r[i] = NAN; }
    score(&x, &plain, s);
    close_to(s[CC_NORM].value, .8, .015, "cc_norm, a third missing");
    close_to(s[FEVE].value, .6, .03, "feve, a third missing");
    make_truth(&x, .8, 4);
    for (int64_t n = 0; n < 8; n++)
        for (int64_t t = 0; t < x.frames; t++) {
            x.mask[n*x.frames + t] = t >= 1500*n && t < 1500*n + 9000;
            *at(&x, n, t) += (convis_real)(2*(double)n);
        }
    score(&x, &plain, s);
    close_to(s[CC_NORM].value, .8, .02, "cc_norm, trials in turn");
    assert_true(s[CORRELATION].value < .3);              /* the mean over trials drifts by 14 */
    free_recording(&x);
}

/* ---- Intervals ---- */

static void intervals(void **state)
{
    (void)state;
    enum { T = 2000, EXPERIMENTS = 200 };
    const convis_score_options o = { .dt = .01, .counts = 0, .bootstrap = 400, .level = .9, .block = 20, .seed = 5 };
    recording x = new_recording(1, T, 0);
    convis_score s[CONVIS_SCORES], again[CONVIS_SCORES];
    int within = 0;
    double width = 0;
    for (uint64_t e = 0; e < EXPERIMENTS; e++) {
        for (int64_t t = 0; t < T; t++) {
            const double a = normal(100 + 2*e, (uint64_t)t), b = normal(101 + 2*e, (uint64_t)t);
            x.p[t] = (convis_real)a;
            x.r[t] = (convis_real)(.6*a + .8*b);
        }
        score(&x, &o, s);
        within += s[CORRELATION].low <= .6 && .6 <= s[CORRELATION].high;
        width += (s[CORRELATION].high - s[CORRELATION].low)/EXPERIMENTS;
    }
    /* 90 % of them should hold the truth: 180 of 200, standard deviation 4.2. Their width is that of Fisher's interval. */
    if (within < 164 || within > 196) fail_msg("%d of %d intervals hold the truth, expected about 180", within, EXPERIMENTS);
    close_to(width, 2*1.645*(1 - .36)/sqrt(T), .05*width, "width");
    /* the same again, to the last bit; another seed is another interval; a higher level a wider one */
    score(&x, &o, again);
    for (int k = 0; k < CONVIS_SCORES; k++)
        assert_true(!memcmp(&s[k].value, &again[k].value, sizeof(double)) && !memcmp(&s[k].low, &again[k].low, sizeof(double)));
    convis_score_options other = o;
    other.seed = 6;
    score(&x, &other, again);
    assert_true(again[CORRELATION].low != s[CORRELATION].low && again[CORRELATION].value == s[CORRELATION].value);
    other = o;
    other.level = .99;
    score(&x, &other, again);
    assert_true(again[CORRELATION].low < s[CORRELATION].low && again[CORRELATION].high > s[CORRELATION].high);
    /* what is repeated ten times over says no more: blocks know, single frames do not */
    for (int64_t t = 0; t < T; t++) { x.p[t] = x.p[t/10*10]; x.r[t] = x.r[t/10*10]; }
    other = o;
    other.block = 1;
    score(&x, &o, s);
    score(&x, &other, again);
    assert_true(s[CORRELATION].high - s[CORRELATION].low > 2.5*(again[CORRELATION].high - again[CORRELATION].low));
    /* by default a block is a second; a recording of less than two has no interval */
    other = o;
    other.block = 0;
    other.dt = .2;                                       /* 5 frames: fewer than the 10 that a block has at least */
    score(&x, &other, again);
    other.block = 10;
    score(&x, &other, s);
    assert_true(again[CORRELATION].low == s[CORRELATION].low);
    other.block = T/2 + 1;
    score(&x, &other, s);
    assert_true(isnan(s[CORRELATION].low) && isfinite(s[CORRELATION].value));
    free_recording(&x);
}

/* ---- Many units ---- */

static void many_units(void **state)
{
    (void)state;
    enum { N = 3, T = 500, U = 3 };
    const convis_score_options o = { .dt = .01, .counts = 1, .bootstrap = 300, .level = .95, .block = 25, .seed = 1 };
    convis_real p[T*U], r[N*T*U], mask[N*T*U];
    convis_score all[(U + 1)*CONVIS_SCORES];
    recording x = new_recording(N, T, 1);
    for (int64_t u = 0; u < U; u++)
        for (int64_t t = 0; t < T; t++) {
            p[t*U + u] = (convis_real)(u == 2 ? 100 : 100 + 60*sin(.05*(double)(t*(u + 1))));
            for (int64_t n = 0; n < N; n++) {
                const int64_t i = (n*T + t)*U + u;
                r[i] = (convis_real)poisson(1 + .6*sin(.05*(double)(t*(u + 1))), 7, (uint64_t)i);
                mask[i] = (t + n)%9 > 0;
            }
        }
    if (convis_scores_of_cells(c, &o, p, r, mask, N, T, U, all)) fail_msg("%s", convis_message(c));
    double mean[CONVIS_SCORES] = { 0 };
    for (int64_t u = 0; u < U; u++) {
        convis_score s[CONVIS_SCORES];
        for (int64_t t = 0; t < T; t++) {
            x.p[t] = p[t*U + u];
            for (int64_t n = 0; n < N; n++) { *at(&x, n, t) = r[(n*T + t)*U + u]; x.mask[n*T + t] = mask[(n*T + t)*U + u]; }
        }
        score(&x, &o, s);
        for (int k = 0; k < CONVIS_SCORES; k++) {
            const convis_score *found = &all[u*CONVIS_SCORES + k];
            assert_true(!memcmp(&found->value, &s[k].value, sizeof(double)) && !memcmp(&found->high, &s[k].high, sizeof(double)));
            if (isfinite(s[k].value))
                mean[k] += s[k].value/(k == CORRELATION || k == CC_NORM ? 2 : 3);    /* unit 2 has no correlation */
        }
    }
    for (int k = 0; k < CONVIS_SCORES; k++) {
        const convis_score *found = &all[U*CONVIS_SCORES + k];
        close_to(found->value, mean[k], 1e-12, found->name);
        assert_true(found->low < found->value && found->value < found->high);
        /* a mean over units is known better than the units are */
        assert_true(found->high - found->low <
                    fmax(all[k].high - all[k].low, all[CONVIS_SCORES + k].high - all[CONVIS_SCORES + k].low));
    }
    /* unit 1 was never measured: it has no scores, and the mean is that of the others */
    convis_score fewer[(U + 1)*CONVIS_SCORES];
    convis_real partly[N*T*U];
    memcpy(partly, mask, sizeof mask);
    for (int64_t i = 0; i < N*T; i++) partly[i*U + 1] = 0;
    assert_int_equal(convis_scores_of_cells(c, &o, p, r, partly, N, T, U, fewer), CONVIS_OK);
    for (int k = 0; k < CONVIS_SCORES; k++) {
        assert_true(isnan(fewer[CONVIS_SCORES + k].value) && fewer[CONVIS_SCORES + k].name == all[k].name);
        assert_true(fewer[k].value == all[k].value && fewer[k].low == all[k].low);
    }
    assert_true(fewer[U*CONVIS_SCORES + CORRELATION].value == all[CORRELATION].value);

    r[(2*T + 7)*U + 1] = NAN;
    mask[(2*T + 7)*U + 1] = 1;
    assert_int_equal(convis_scores_of_cells(c, &o, p, r, mask, N, T, U, all), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "unit 1: the response at frame 7 is nan, expected a number, or a mask of 0");
    free_recording(&x);
}

/* ---- Sentences ---- */

static void refused(const recording *x, convis_score_options o, const char *sentence)
{
    convis_score s[CONVIS_SCORES];
    assert_int_equal(convis_scores(c, &o, x->p, x->r, x->mask, x->trials, x->frames, s), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), sentence);
}

static void *no_memory(void *user, size_t bytes) { (void)user; return bytes < 1 << 20 ? malloc(bytes) : NULL; }
static void  give_back(void *user, void *memory) { (void)user; free(memory); }

static void sentences(void **state)
{
    (void)state;
    recording x = new_recording(2, 50, 1);
    convis_score_options o = CONVIS_SCORE_DEFAULTS;
    refused(&x, o, "scores: dt is 0 s, expected more than 0 where responses are counts");
    o.counts = 0;
    refused(&x, o, "scores: dt is 0 s, expected more than 0 where blocks last a second");
    o.dt = .01;
    o.level = 1;
    refused(&x, o, "scores: level is 1, expected between 0 and 1");
    o.bootstrap = -1;
    refused(&x, o, "scores: bootstrap is -1 samples, expected 0 or more");
    o = spikes;
    refused(&x, o, "the response is 0 in all 50 frames that count, expected it to vary");
    for (int i = 0; i < 100; i++) x.r[i] = 3;
    x.mask[4] = x.mask[54] = 0;
    x.r[4] = 8;
    refused(&x, o, "the response is 3 in all 49 frames that count, expected it to vary");
    *at(&x, 1, 9) = -1;
    refused(&x, o, "the response at frame 9 is -1, expected a count, 0 or more");
    *at(&x, 1, 9) = NAN;
    refused(&x, o, "the response at frame 9 is nan, expected a number, or a mask of 0");
    *at(&x, 1, 9) = 1;
    x.p[12] = INFINITY;
    refused(&x, o, "the prediction at frame 12 is inf, expected a number");
    for (int i = 0; i < 100; i++) x.mask[i] = 0;
    refused(&x, o, "scores: none of the 50 frames counts, expected some that do");
    convis_score s[CONVIS_SCORES];
    assert_int_equal(convis_scores(c, &o, x.p, x.r, x.mask, 2, 0, s), CONVIS_ESHAPE);
    o.bootstrap = INT32_MAX;                             /* more samples than there is memory: asked for, not taken */
    const convis_allocator allocator = { no_memory, give_back, NULL };
    convis_context *d;
    assert_int_equal(convis_open_with(&d, "cpu", &allocator), CONVIS_OK);
    assert_int_equal(convis_scores(d, &o, x.p, x.r, x.mask, 2, 50, s), CONVIS_ENOMEM);
    convis_close(&d);
    free_recording(&x);
}

/* ---- Mouse dLGN: tests/data/dlgn/README.md ---- */

static convis_array read_array(const char *name, const char *key)
{
    char path[512];
    convis_array a;
    snprintf(path, sizeof path, CONVIS_TEST_DATA "/dlgn/%s.npz:%s", name, key);
    if (convis_array_read(c, path, &a)) fail_msg("%s", convis_message(c));
    return a;
}

static void dlgn(void **state)
{
    (void)state;
    static const struct { const char *name; double published; } units[] = {
        { "Ntsr1Cre_2019_0008_s03_e07_u25", .4994 }, { "Ntsr1Cre_2019_0008_s05_e08_u19", .381379 },
        { "Ntsr1Cre_2019_0008_s06_e06_u35", .372187 }
    };
    convis_score_options o = CONVIS_SCORE_DEFAULTS;
    o.dt = 1/60.;
    o.counts = 0;
    for (size_t k = 0; k < sizeof units/sizeof *units; k++) {
        convis_array y = read_array(units[k].name, "y_test"), yhat = read_array(units[k].name, "yhat_test");
        convis_array r = read_array(units[k].name, "r_test");
        assert_true(y.dims == 1 && y.dim[0] == 17350 && yhat.dims == 1 && yhat.dim[0] == 17350);
        recording x = new_recording(1, y.dim[0], 0);
        for (int64_t t = 0; t < x.frames; t++) { x.p[t] = (convis_real)yhat.data[t]; x.r[t] = (convis_real)y.data[t]; }
        convis_score s[CONVIS_SCORES];
        score(&x, &o, s);
        close_to(s[CORRELATION].value, units[k].published, 5e-7, units[k].name);     /* all six published digits */
        close_to(s[CORRELATION].value, r.data[0], 1e-6, units[k].name);
        assert_true(s[CORRELATION].low < units[k].published && units[k].published < s[CORRELATION].high);
        assert_true(s[CORRELATION].high - s[CORRELATION].low < .15 && isnan(s[CC_NORM].value) && isnan(s[FEVE].value));
        free_recording(&x);
        convis_array_free(&y); convis_array_free(&yhat); convis_array_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas), cmocka_unit_test(by_hand), cmocka_unit_test(signal_and_noise),
        cmocka_unit_test(masked_frames), cmocka_unit_test(missing_samples), cmocka_unit_test(intervals),
        cmocka_unit_test(many_units), cmocka_unit_test(sentences),       cmocka_unit_test(dlgn),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
