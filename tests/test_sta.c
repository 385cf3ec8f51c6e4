/* test_sta.c - spike-triggered average and covariance: against their definitions written out, on cells whose filters are
 * known, and on one that does not listen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <convis/fit.h>
#include "base/philox.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "failing_allocator.h"

static convis_context *c;
static char folder[] = "/tmp/convis-sta-XXXXXX";

static int begin(void **state) { (void)state; return !mkdtemp(folder) || chdir(folder) || convis_open(&c, "cpu"); }
static int end(void **state)
{
    char command[128];
    (void)state;
    convis_close(&c);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return chdir("/") || system(command);
}

#define OK(call) do { if (call) fail_msg("%s: %s", #call, convis_message(c)); } while (0)
#define SAYS(status, part, call) do { convis_status s_ = (call); \
    if (s_ != (status) || !strstr(convis_message(c), part)) fail_msg("%s: status %d, '%s'", #call, s_, convis_message(c)); } while (0)

/* In double precision, as CMocka's own is not. */
#define NEAR(found, expected, tolerance) do { const double f_ = (found), e_ = (expected); \
    if (!(fabs(f_ - e_) <= (tolerance))) fail_msg("%s: %.17g, expected %.17g", #found, f_, e_); } while (0)

/* ---- Cells ---- */

static double normal(uint64_t seed, int64_t k)
{
    double a, b;
    philox_normal(philox_draw(seed, (uint64_t)k/2, 0), &a, &b);
    return k%2 ? b : a;
}

/* Knuth's way, with a stream of numbers of its own for each frame. */
static int poisson(uint64_t seed, int64_t frame, double mean)
{
    double product = 1, least = exp(-mean);
    int count = -1;
    do {
        product *= philox_uniform(philox_draw(seed, (uint64_t)frame, (uint64_t)(++count)).word[0]);
    } while (product > least && count < 200);
    return count;
}

static void put_npy(const char *file, int dims, const int64_t *dim, const float *data)
{
    char head[256], shape[100] = "";
    int64_t all = 1;
    for (int d = 0; d < dims; d++) {
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%lld,", (long long)dim[d]);
        all *= dim[d];
    }
    int n = snprintf(head + 10, 200, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }\n", shape);
    memcpy(head, "\x93NUMPY\x01\0", 8);
    head[8] = (char)n;
    head[9] = 0;
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(head, 1, (size_t)n + 10, f), n + 10);
    assert_int_equal(fwrite(data, sizeof *data, (size_t)all, f), all);
    fclose(f);
}

/* White noise around a mean that is not 0, stored in the file s.npy and in memory. */
typedef struct noise { int64_t frames, channels, height, width, pixels; float *v; } noise;

static noise white(int64_t frames, int64_t channels, int64_t height, int64_t width, uint64_t seed)
{
    noise s = { frames, channels, height, width, channels*height*width, NULL };
    s.v = malloc((size_t)(frames*s.pixels)*sizeof *s.v);
    float *file = malloc((size_t)(frames*s.pixels)*sizeof *file);
    const int64_t plane = height*width, dim[] = { channels, frames, height, width };
    for (int64_t t = 0; t < frames; t++)
        for (int64_t i = 0; i < s.pixels; i++)
            s.v[t*s.pixels + i] = file[(i/plane*frames + t)*plane + i%plane] = (float)(3 + normal(seed, t*s.pixels + i));
    put_npy("s.npy", channels > 1 ? 4 : 3, channels > 1 ? dim : dim + 1, file);
    free(file);
    return s;
}

/* What a filter (lags, pixels) gives at a frame, of the noise minus its mean; its last row weighs the frame itself. */
static double filtered(const noise *s, const double *filter, int64_t lags, int64_t t)
{
    double sum = 0;
    if (t < lags - 1) return 0;
    for (int64_t k = 0; k < lags*s->pixels; k++) sum += filter[k]*((double)s->v[(t - lags + 1)*s->pixels + k] - 3);
    return sum;
}

static void unit_length(double *filter, int64_t n)
{
    double square = 0;
    for (int64_t i = 0; i < n; i++) square += filter[i]*filter[i];
    for (int64_t i = 0; i < n; i++) filter[i] /= sqrt(square);
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i]*b[i];
    return sum;
}

static convis_sta analysed(const char *response, const char *mask, convis_sta_options o)
{
    convis_recording *r;
    convis_sta s;
    convis_recording_options of = { .stimulus = "s.npy", .response = response, .mask = mask, .dt = 0.01 };
    OK(convis_recording_open(c, &of, &r));
    OK(convis_sta_of(c, r, &o, &s));
    convis_recording_close(&r);
    return s;
}

/* ---- The definitions, written out ---- */

enum { LAGS = 3, DIMS = LAGS*2*2*2 };

/* What the library is told: trials of two units, with holes. */
typedef struct told { double *r, *m; } told;

static told random_response(int64_t frames)
{
    enum { TRIALS = 2, UNITS = 2 };
    told out = { calloc((size_t)frames, sizeof(double)), calloc((size_t)frames, sizeof(double)) };
    float *r = malloc((size_t)(frames*TRIALS*UNITS)*sizeof *r), *m = malloc((size_t)(frames*TRIALS*UNITS)*sizeof *m);
    for (int64_t k = 0; k < TRIALS; k++)
        for (int64_t t = 0; t < frames; t++)
            for (int64_t u = 0; u < UNITS; u++) {
                const int64_t at = (k*frames + t)*UNITS + u;
                r[at] = (float)poisson(11, at, 0.7);
                m[at] = philox_draw(12, (uint64_t)at, 0).word[0] % 4 != 0;
                if (at % 37 == 5) r[at] = NAN;
                if (u == 1 && m[at] && !isnan(r[at])) { out.r[t] += (double)r[at]; out.m[t]++; }
            }
    put_npy("r.npy", 3, (int64_t[]){ TRIALS, frames, UNITS }, r);
    put_npy("m.npy", 3, (int64_t[]){ TRIALS, frames, UNITS }, m);
    free(r);
    free(m);
    return out;
}

static void is_what_its_definition_says(void **state)
{
    (void)state;
    noise n = white(400, 2, 2, 2, 1);
    told of = random_response(n.frames);
    double before[DIMS] = { 0 }, all[DIMS] = { 0 }, spikes = 0, windows = 0, sta[DIMS];
    for (int64_t t = LAGS - 1; t < n.frames; t++) {
        spikes += of.r[t];
        windows += of.m[t];
        for (int64_t k = 0; k < DIMS; k++) {
            const double x = (double)n.v[(t - LAGS + 1)*n.pixels + k];
            before[k] += of.r[t]*x;
            all[k] += of.m[t]*x;
        }
    }
    for (int k = 0; k < DIMS; k++) sta[k] = before[k]/spikes - all[k]/windows;

    convis_sta_options o = { .lags = LAGS, .unit = 1, .eigenvectors = DIMS, .level = 0.95 };
    convis_sta s = analysed("r.npy", "m.npy", o);
    assert_true(s.lags == LAGS && s.channels == 2 && s.height == 2 && s.width == 2 && s.spikes == spikes);
    for (int k = 0; k < DIMS; k++) NEAR(s.sta[k], sta[k], 1e-13);
    assert_null(s.significance);
    assert_true(isnan(s.band_low) && isnan(s.band_high));

    /* The covariances of what is orthogonal to the STA, minus that of all. */
    double direction[DIMS], matrix[DIMS][DIMS] = { { 0 } }, trace = 0, sum = 0;
    memcpy(direction, sta, sizeof sta);
    unit_length(direction, DIMS);
    double mean_all[DIMS];
    for (int k = 0; k < DIMS; k++) mean_all[k] = all[k]/windows;
    for (int64_t t = LAGS - 1; t < n.frames; t++) {
        double x[DIMS];
        for (int k = 0; k < DIMS; k++) x[k] = (double)n.v[(t - LAGS + 1)*n.pixels + k] - mean_all[k];
        const double along = dot(x, direction, DIMS);
        for (int k = 0; k < DIMS; k++) x[k] -= along*direction[k];
        for (int k = 0; k < DIMS; k++)
            for (int j = 0; j < DIMS; j++) matrix[k][j] += (of.r[t]/spikes - of.m[t]/windows)*x[k]*x[j];
    }
    assert_int_equal(s.count, DIMS - 1);                 /* all but the STA */
    for (int k = 0; k < DIMS; k++) trace += matrix[k][k];
    for (int i = 0; i < s.count; i++) {
        const double *v = s.eigenvector + i*DIMS;
        sum += s.eigenvalue[i];
        if (i) assert_true(s.eigenvalue[i] <= s.eigenvalue[i - 1]);
        NEAR(dot(v, direction, DIMS), 0, 1e-12);
        for (int j = 0; j <= i; j++) NEAR(dot(v, s.eigenvector + j*DIMS, DIMS), i == j, 1e-12);
        for (int k = 0; k < DIMS; k++) NEAR(dot(matrix[k], v, DIMS), s.eigenvalue[i]*v[k], 1e-12);
    }
    NEAR(sum, trace, 1e-12);

    /* Fewer of them are the outer ones. */
    o.eigenvectors = 2;
    convis_sta few = analysed("r.npy", "m.npy", o);
    assert_int_equal(few.count, 4);
    for (int i = 0; i < 4; i++) {
        const int same = i < 2 ? i : (int)s.count - 4 + i;
        NEAR(few.eigenvalue[i], s.eigenvalue[same], 1e-12);
        NEAR(fabs(dot(few.eigenvector + i*DIMS, s.eigenvector + same*DIMS, DIMS)), 1, 1e-6);
    }
    convis_sta_free(c, &few);
    convis_sta_free(c, &s);
    assert_null(s.sta);
    free(of.r);
    free(of.m);
    free(n.v);
}

/* ---- Cells whose filters are known ---- */

/* It fires for what was seen at one place three frames ago: not three frames later, nor now. */
static void looks_back_in_time(void **state)
{
    (void)state;
    enum { BACK = 3, L = 6, PLACE = 7 };
    noise n = white(6000, 1, 4, 5, 2);
    float *r = calloc((size_t)n.frames, sizeof *r);
    for (int64_t t = BACK; t < n.frames; t++) r[t] = (float)poisson(3, t, 0.5*fmax(0, (double)n.v[(t - BACK)*20 + PLACE] - 3));
    put_npy("r.npy", 1, &n.frames, r);
    convis_sta s = analysed("r.npy", NULL, (convis_sta_options){ .lags = L, .shuffles = 100, .level = 0.95 });
    for (int k = 0; k < L*20; k++) {
        if (k == (L - 1 - BACK)*20 + PLACE) {
            assert_true(s.sta[k] > 1.1);                 /* of half a normal distribution, weighed by itself: sqrt(pi/2) */
            assert_true(s.sta[k] < 1.4);
            assert_true(s.significance[k] > 20);
        } else {
            NEAR(s.sta[k], 0, 0.12);
            assert_true(fabs(s.significance[k]) < 5);
        }
    }
    convis_sta_free(c, &s);
    free(r);
    free(n.v);
}

/* A centre with a surround, fast and biphasic, behind a rectifying square: the STA is its filter. */
static void finds_the_filter_of_a_linear_nonlinear_cell(void **state)
{
    (void)state;
    enum { L = 8, SIDE = 7, D = L*SIDE*SIDE };
    noise n = white(20000, 1, SIDE, SIDE, 4);
    double filter[D];
    for (int l = 0; l < L; l++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const double back = L - 1 - l, d = (y - 3)*(y - 3) + (x - 2)*(x - 2);
                filter[(l*SIDE + y)*SIDE + x] = (exp(-d/2) - 0.25*exp(-d/8))*(back*exp(-back/1.2) - 0.1*back*back*exp(-back/1.5));
            }
    unit_length(filter, D);
    float *r = calloc((size_t)n.frames, sizeof *r);
    for (int64_t t = 0; t < n.frames; t++) {
        const double drive = fmax(0, filtered(&n, filter, L, t) + 0.5);
        r[t] = (float)poisson(5, t, 0.8*drive*drive);
    }
    put_npy("r.npy", 1, &n.frames, r);
    convis_sta s = analysed("r.npy", NULL, (convis_sta_options){ .lags = L, .shuffles = 50, .level = 0.95 });
    double back[D], found[D];
    for (int k = 0; k < D; k++) {
        found[k] = s.sta[k];
        back[k] = filter[(L - 1 - k/(SIDE*SIDE))*SIDE*SIDE + k%(SIDE*SIDE)];
    }
    unit_length(found, D);
    /* The noise that is left has D dimensions of variance sum(a^2) each, a = r/sum(r) minus its mean. */
    double squares = 0;
    for (int64_t t = L - 1; t < n.frames; t++) squares += pow((double)r[t]/s.spikes - 1./(double)(n.frames - L + 1), 2);
    const double expected = sqrt(1 - D*squares/dot(s.sta, s.sta, D));
    NEAR(dot(found, filter, D), expected, 0.005);
    assert_true(dot(found, filter, D) > 0.98);
    assert_true(fabs(dot(found, back, D)) < 0.5);        /* seen the other way round it would be another one */
    /* Where the filter is 0 the significance is that of noise: variance 1. */
    double square = 0;
    int far = 0;
    for (int k = 0; k < D; k++) if (fabs(filter[k]) < 1e-3) { square += s.significance[k]*s.significance[k]; far++; }
    assert_true(far > 60);
    assert_true(square/far > 0.7 && square/far < 1.4);
    convis_sta_free(c, &s);
    free(r);
    free(n.v);
}

enum { CL = 4, CSIDE = 6, CD = CL*CSIDE*CSIDE };

/* Two Gabors a quarter of a cycle apart, orthogonal. */
static void quadrature(double *even, double *odd)
{
    for (int l = 0; l < CL; l++)
        for (int y = 0; y < CSIDE; y++)
            for (int x = 0; x < CSIDE; x++) {
                const double u = x - 2.5, v = y - 2.5, window = exp(-(u*u + v*v)/5)*(l == 0 ? 0.2 : l == 3 ? 0.3 : 1);
                even[(l*CSIDE + y)*CSIDE + x] = window*cos(1.6*u);
                odd[(l*CSIDE + y)*CSIDE + x] = window*sin(1.6*u);
            }
    unit_length(even, CD);
    unit_length(odd, CD);
    NEAR(dot(even, odd, CD), 0, 1e-12);
}

static void finds_both_axes_of_a_complex_cell(void **state)
{
    (void)state;
    noise n = white(16000, 1, CSIDE, CSIDE, 6);
    double even[CD], odd[CD];
    quadrature(even, odd);
    float *r = calloc((size_t)n.frames, sizeof *r);
    for (int64_t t = 0; t < n.frames; t++)
        r[t] = (float)poisson(7, t, 0.2*(pow(filtered(&n, even, CL, t), 2) + pow(filtered(&n, odd, CL, t), 2)));
    put_npy("r.npy", 1, &n.frames, r);
    convis_sta s = analysed("r.npy", NULL, (convis_sta_options){ .lags = CL, .eigenvectors = 3, .shuffles = 40, .level = 0.95 });
    assert_int_equal(s.count, 6);
    /* E[x^2 r]/E[r] - 1 = 1 along each axis. */
    for (int i = 0; i < 2; i++) {
        const double *v = s.eigenvector + i*CD, in = hypot(dot(v, even, CD), dot(v, odd, CD));
        assert_true(s.eigenvalue[i] > s.band_high);
        assert_true(s.eigenvalue[i] > 0.85 && s.eigenvalue[i] < 1.35);
        assert_true(in > 0.93);                          /* 144 dimensions of noise take their share */
    }
    for (int i = 2; i < 6; i++) assert_true(s.eigenvalue[i] <= s.band_high && s.eigenvalue[i] >= s.band_low);
    assert_true(s.band_low < 0 && s.band_high > 0 && s.band_high < 0.6);
    for (int k = 0; k < CD; k++) assert_true(fabs(s.significance[k]) < 5);           /* to the STA it is invisible */
    convis_sta_free(c, &s);

    /* One that is silenced by either sign of a pattern: an eigenvalue below the band. */
    for (int64_t t = 0; t < n.frames; t++) r[t] = (float)poisson(18, t, 0.8*exp(-pow(filtered(&n, odd, CL, t), 2)));
    put_npy("r.npy", 1, &n.frames, r);
    s = analysed("r.npy", NULL, (convis_sta_options){ .lags = CL, .eigenvectors = 2, .shuffles = 40, .level = 0.99 });
    assert_true(s.eigenvalue[3] < s.band_low);
    NEAR(s.eigenvalue[3], -2/3., 0.06);    /* the variance shrinks to 1/3 */
    assert_true(fabs(dot(s.eigenvector + 3*CD, odd, CD)) > 0.95);
    for (int i = 0; i < 3; i++) assert_true(s.eigenvalue[i] <= s.band_high && s.eigenvalue[i] >= s.band_low);
    convis_sta_free(c, &s);
    free(r);
    free(n.v);
}

/* A cell that does not listen, many times: real extremes leave the band about as often as its level says. */
static void the_band_holds_what_chance_brings(void **state)
{
    (void)state;
    enum { TIMES = 60, FRAMES = 700 };
    static const double LEVELS[] = { 0.95, 0.5 };
    int outside[2] = { 0 }, above = 0, large = 0, pixels = 0;
    for (int k = 0; k < TIMES; k++) {
        noise n = white(FRAMES, 1, 2, 2, 1000 + (uint64_t)k);
        float r[FRAMES];
        for (int64_t t = 0; t < FRAMES; t++) r[t] = (float)poisson(2000 + (uint64_t)k, t, 0.6);
        put_npy("r.npy", 1, &n.frames, r);
        for (int j = 0; j < 2; j++) {
            const convis_sta_options o = {
                .lags = 3, .eigenvectors = 1, .shuffles = 40, .level = LEVELS[j], .seed = (uint64_t)k
            };
            convis_sta s = analysed("r.npy", NULL, o);
            assert_int_equal(s.count, 2);
            outside[j] += s.eigenvalue[0] > s.band_high || s.eigenvalue[1] < s.band_low;
            if (!j) for (int i = 0; i < 12; i++, pixels++) large += fabs(s.significance[i]) > 1.96;
            else above += s.eigenvalue[0] > s.band_high;
            convis_sta_free(c, &s);
        }
        free(n.v);
    }
    assert_in_range(outside[0], 0, 8);                   /* 3 expected */
    assert_in_range(outside[1], 16, 40);                 /* somewhat less than 30: each end leaves a quarter */
    assert_in_range(above, 6, 24);                       /* 15 */
    const double share = (double)large/pixels;           /* 5 % */
    assert_true(share > 0.03 && share < 0.08);
}

static void a_poisson_neuron_has_nothing_significant(void **state)
{
    (void)state;
    noise n = white(8000, 1, CSIDE, CSIDE, 9);
    float *r = calloc((size_t)n.frames, sizeof *r);
    for (int64_t t = 0; t < n.frames; t++)
        r[t] = (float)poisson(10, t, 0.3*(1 + sin((double)t/400)));     /* slow drift does no harm */
    put_npy("r.npy", 1, &n.frames, r);
    convis_sta s = analysed("r.npy", NULL, (convis_sta_options){ .lags = CL, .eigenvectors = 3, .shuffles = 40, .level = 0.95 });
    for (int i = 0; i < 6; i++) assert_true(s.eigenvalue[i] <= s.band_high && s.eigenvalue[i] >= s.band_low);
    for (int k = 0; k < CD; k++) assert_true(fabs(s.significance[k]) < 4.5);
    convis_sta_free(c, &s);
    free(r);
    free(n.v);
}

/* ---- Promises ---- */

static void assert_same(const convis_sta *a, const convis_sta *b)
{
    const size_t n = (size_t)(a->lags*a->channels*a->height*a->width);
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->sta, b->sta, n*sizeof(double));
    assert_memory_equal(a->significance, b->significance, n*sizeof(double));
    assert_memory_equal(a->eigenvalue, b->eigenvalue, (size_t)a->count*sizeof(double));
    assert_memory_equal(a->eigenvector, b->eigenvector, (size_t)a->count*n*sizeof(double));
    assert_true(a->band_low == b->band_low && a->band_high == b->band_high);
}

static void threads_and_instruction_sets_give_the_same_bits(void **state)
{
    (void)state;
    noise n = white(5000, 1, 5, 5, 13);
    told of = random_response(n.frames);
    const convis_sta_options o = { .lags = 4, .unit = 1, .eigenvectors = 2, .shuffles = 10, .level = 0.9 };
    convis_sta first = analysed("r.npy", "m.npy", o);
    for (int threads = 1; threads <= 3; threads++) {
        OK(convis_threads(c, threads));
        convis_sta s = analysed("r.npy", "m.npy", o);
        assert_same(&s, &first);
        convis_sta_free(c, &s);
    }
    OK(convis_threads(c, 0));
    int usable;
    for (int k = 0; convis_isa(k, &usable); k++) {
        convis_context *other = NULL, *mine = c;
        char device[32];
        if (!usable) continue;
        snprintf(device, sizeof device, "cpu:%s", convis_isa(k, NULL));
        OK(convis_open(&other, device));
        c = other;
        convis_sta s = analysed("r.npy", "m.npy", o);
        assert_same(&s, &first);
        convis_sta_free(c, &s);
        c = mine;
        convis_close(&other);
    }
    convis_sta_options seeded = o;
    seeded.seed = 1;
    convis_sta s = analysed("r.npy", "m.npy", seeded);
    assert_true(s.band_high != first.band_high);         /* other shifts */
    assert_memory_equal(s.sta, first.sta, 100*sizeof(double));
    convis_sta_free(c, &s);
    convis_sta_free(c, &first);
    free(of.r);
    free(of.m);
    free(n.v);
}

static void sentences(void **state)
{
    (void)state;
    noise n = white(60, 1, 2, 2, 14);
    float flat[60], none[60] = { 0 }, negative[60];
    for (int t = 0; t < 60; t++) { flat[t] = 3; negative[t] = -1 - (float)(t%2); }
    put_npy("flat.npy", 1, &n.frames, flat);
    put_npy("none.npy", 1, &n.frames, none);
    put_npy("negative.npy", 1, &n.frames, negative);
    flat[30] = 4;
    put_npy("r.npy", 1, &n.frames, flat);
    static const struct { const char *response, *says; convis_sta_options o; } CASES[] = {
        { "none.npy", "unit 0: its responses sum to 0", { 5, 0, 0, 0, 0.95, 0 } },
        { "negative.npy", "rates of 0 and more", { 5, 0, 0, 0, 0.95, 0 } },
        { "flat.npy", "the same in every frame", { 5, 0, 0, 0, 0.95, 0 } },
        { "r.npy", "lags: 0, expected 1 to 60", { 0, 0, 0, 0, 0.95, 0 } },
        { "r.npy", "lags: 61", { 61, 0, 0, 0, 0.95, 0 } },
        { "r.npy", "unit: 1, expected 0 to 0", { 5, 1, 0, 0, 0.95, 0 } },
        { "r.npy", "eigenvectors: -1", { 5, 0, -1, 0, 0.95, 0 } },
        { "r.npy", "shuffles: -1", { 5, 0, 0, -1, 0.95, 0 } },
        { "r.npy", "shuffles: 1, expected 0 or at least 2", { 5, 0, 0, 1, 0.95, 0 } },
        { "r.npy", "level: 1", { 5, 0, 0, 0, 1, 0 } },
        { "r.npy", "60 frames, expected at least 79", { 20, 0, 0, 10, 0.95, 0 } } };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        convis_recording *r;
        convis_sta s;
        convis_recording_options of = { .stimulus = "s.npy", .response = CASES[k].response, .dt = 0.01 };
        OK(convis_recording_open(c, &of, &r));
        SAYS(CONVIS_EINVAL, CASES[k].says, convis_sta_of(c, r, &CASES[k].o, &s));
        assert_null(s.sta);
        convis_sta_free(c, &s);
        convis_recording_close(&r);
    }
    /* Nothing but skipped frames, and NaN, in which there is nothing to count. */
    for (int t = 0; t < 60; t++) if (t > 3) flat[t] = NAN;
    put_npy("r.npy", 1, &n.frames, flat);
    convis_recording *r;
    convis_sta s;
    OK(convis_recording_open(c, &(convis_recording_options){ .stimulus = "s.npy", .response = "r.npy", .dt = 0.01 }, &r));
    SAYS(CONVIS_EINVAL, "no frame after the first 4 counts",
         convis_sta_of(c, r, &(convis_sta_options){ 5, 0, 0, 0, 0.95, 0 }, &s));
    convis_recording_close(&r);
    free(n.v);
}

static void without_memory(void **state)
{
    (void)state;
    noise n = white(100, 1, 2, 2, 15);
    float r[100];
    for (int t = 0; t < 100; t++) r[t] = (float)(t%7 == 3);
    put_npy("r.npy", 1, &n.frames, r);
    const convis_recording_options of_both = { .stimulus = "s.npy", .response = "r.npy", .dt = 0.01 };
    for (int k = 0; ; k++) {
        failing_allocator m = { k, 0 };
        convis_allocator a = { obtain, release, &m };
        convis_context *own = NULL;
        convis_recording *of = NULL;
        convis_sta s = { 0 };
        convis_status status = convis_open_with(&own, "cpu", &a);
        if (!status) status = convis_recording_open(own, &of_both, &of);
        if (!status) status = convis_sta_of(own, of, &(convis_sta_options){ 4, 0, 2, 9, 0.95, 0 }, &s);
        if (status && status != CONVIS_ENOMEM) fail_msg("request %d: %s", k, convis_message(own));
        if (own) convis_sta_free(own, &s);
        convis_recording_close(&of);
        convis_close(&own);
        assert_int_equal(m.held, 0);
        if (!status) break;
    }
    free(n.v);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_what_its_definition_says),
        cmocka_unit_test(looks_back_in_time),
        cmocka_unit_test(finds_the_filter_of_a_linear_nonlinear_cell),
        cmocka_unit_test(finds_both_axes_of_a_complex_cell),
        cmocka_unit_test(a_poisson_neuron_has_nothing_significant),
        cmocka_unit_test(the_band_holds_what_chance_brings),
        cmocka_unit_test(threads_and_instruction_sets_give_the_same_bits),
        cmocka_unit_test(sentences),
        cmocka_unit_test(without_memory),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("sta", tests, begin, end);
}
