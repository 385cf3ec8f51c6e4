/* test_noise.c - the generator against its published vectors, and runs with noise against the closed forms of
 * VirtualRetina's neurons. Seeds are fixed, so nothing here fails by chance; bounds are four standard errors. */
#include "harness.h"
#define CONVIS_KERNEL_SHORT_NAMES
#include <convis/kernel.h>
#include <stdio.h>
#include <stdlib.h>

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

#define near(found, expected, tolerance, what) assert_near(found, expected, tolerance, what, __LINE__)
static void assert_near(double found, double expected, double tolerance, const char *what, int line)
{
    if (fabs(found - expected) <= tolerance) return;
    print_error("line %d: %s: %.6g, expected %.6g within %.2g\n", line, what, found, expected, tolerance);
    _fail(__FILE__, line);
}

/* ---- Philox and what is made of it ---- */

/* Known answers of Random123 (Salmon et al. 2011), kat_vectors: key, counter, result. */
static void philox_known_answers(void **state)
{
    (void)state;
    static const struct { u32 key[2], counter[4], result[4]; } KNOWN[] = {
        { { 0, 0 }, { 0, 0, 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { ~0u, ~0u }, { ~0u, ~0u, ~0u, ~0u }, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0xa4093822, 0x299f31d0 },
          { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (int k = 0; k < 3; k++) {
        u32 out[4];
        const u32 *n = KNOWN[k].counter;
        convis_philox(KNOWN[k].key[0], KNOWN[k].key[1], n[0], n[1], n[2], n[3], out);
        assert_memory_equal(out, KNOWN[k].result, sizeof out);
    }
}

static void uniforms(void **state)
{
    (void)state;
    assert_true(convis_uniform(0) > 0);
    assert_true(convis_uniform(~0u) < 1);
    assert_true(convis_uniform(1u << 31) > 0.5 && convis_uniform((1u << 31) - 1) < 0.5);
}

/* Normals of many frames, as a layer with 4096 pixels draws them. */
enum { PIXELS = 4096, FRAMES = 250, DRAWN = PIXELS*FRAMES };
static real *normals(u32 stream, u32 key0, u32 key1)
{
    real *z = malloc((size_t)DRAWN*sizeof *z), group[CONVIS_GROUP];
    assert_non_null(z);
    for (int t = 0; t < FRAMES; t++)
        for (int g = 0; g < PIXELS; g += CONVIS_GROUP) {
            convis_normals(group, g, (u32)t, stream, key0, key1);
            memcpy(z + (long)t*PIXELS + g, group, sizeof group);
        }
    return z;
}

static double correlation(const real *a, const real *b, long n)
{
    double sum = 0;
    for (long i = 0; i < n; i++) sum += (double)a[i]*(double)b[i];
    return sum/(double)n;
}

static void normal_moments(void **state)
{
    (void)state;
    real *z = normals(0, 12345, 678);
    double m[5] = { 0 }, beyond = 0, largest = 0, n = DRAWN;
    for (long i = 0; i < DRAWN; i++) {
        double x = (double)z[i], power = 1;
        for (int k = 1; k < 5; k++) m[k] += power *= x;
        beyond += fabs(x) > 3;
        largest = fmax(largest, fabs(x));
    }
    near(m[1]/n, 0, 4/sqrt(n), "mean");
    near(m[2]/n, 1, 4*sqrt(2/n), "variance");
    near(m[3]/n, 0, 4*sqrt(15/n), "third moment");
    near(m[4]/n, 3, 4*sqrt(96/n), "fourth moment");
    near(beyond/n, 0.0026998, 4*sqrt(0.0027/n), "share beyond 3");
    assert_true(largest > 4.2 && largest < 5.9);
    free(z);
}

static void normals_are_independent(void **state)
{
    (void)state;
    real *z = normals(0, 1, 2), *other[] = { normals(1, 1, 2), normals(0, 3, 2), normals(0, 1, 4) };
    static const char *const WHAT[] = { "streams", "lower keys", "upper keys" };
    static const int LAG[] = { 1, 2, 15, 16, 17, 32, 48, 64, 65, 1024, PIXELS, PIXELS + 1, 2*PIXELS, 16*PIXELS };
    double bound = 4/sqrt((double)DRAWN - 16*PIXELS);
    char what[64];
    for (size_t k = 0; k < sizeof LAG/sizeof *LAG; k++) {
        snprintf(what, sizeof what, "correlation of numbers %d apart", LAG[k]);
        near(correlation(z, z + LAG[k], DRAWN - LAG[k]), 0, bound, what);
    }
    for (int k = 0; k < 3; k++) {
        near(correlation(z, other[k], DRAWN), 0, bound, WHAT[k]);
        free(other[k]);
    }
    /* Squares, too: Box and Muller's pairs share a radius. */
    for (long i = 0; i < DRAWN; i++) z[i] = (z[i]*z[i] - 1)/R(1.4142135623730951);
    near(correlation(z, z + 16, DRAWN - 16), 0, bound, "correlation of squares within a pair");
    near(correlation(z, z + PIXELS, DRAWN - PIXELS), 0, bound, "correlation of squares of successive frames");
    free(z);
}

/* ---- Cells ---- */

typedef struct parameter { const char *name; double value; } parameter;

static convis_model *cells(double dt, double J, int64_t count, const parameter *p, uint64_t seed, const char *name)
{
    convis_model *m;
    char path[64];
    const convis_layer_type *const *t = convis_layer_types();
    while (strcmp((*t)->name, "lif")) t++;
    must(c, convis_model_new(c, dt, &m));
    convis_add(m, *t, name, convis_input(m));
    for (; p->name; p++) {
        snprintf(path, sizeof path, "%s.%s", name, p->name);
        must(c, convis_set(m, path, p->value));
    }
    must(c, convis_baseline(m, J));
    must(c, convis_record_spikes(m, 1));
    must(c, convis_plan(m, convis_movie_shape(20, 1, count)));
    must(c, convis_seed(m, seed));
    return m;
}

static const convis_real *potential(const convis_model *m)
{
    convis_item item;
    for (int k = 0; convis_list(m, CONVIS_STATE, k, &item); k++) {
        const char *dot = strrchr(item.path, '.');
        if (dot && !strcmp(dot, ".V")) return item.data;
    }
    fail_msg("no state V");
    return NULL;
}

static void run(convis_model *m, double J, int64_t count, int64_t frames)
{
    convis_tensor movie = noise_movie(convis_movie_shape(20, 1, count), J, J, 0);
    for (int64_t t = 0; t < frames; t += 20)
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, 0, frames - t < 20 ? frames - t : 20)));
    free(movie.data);
}

/* Far below threshold: V is normal around J/g with sigma^2 tanh(x)/x, x = g dt/2 (as VirtualRetina), or sigma^2, and forgets
 * as exp(-g t). Samples are taken five time constants apart. */
static void potential_without_spikes(void **state)
{
    (void)state;
    enum { count = 4096, samples = 40 };
    static const double DT[] = { 0.001, 0.005, 0.02 };
    const double g = 50, sigma = 0.3, mean = -20;
    for (int exact = 0; exact < 2; exact++)
        for (int k = 0; k < 3; k++) {
            parameter p[] = { { "leak", g }, { "sigma", sigma }, { "exact", exact }, { 0 } };
            convis_model *m = cells(DT[k], g*mean, count, p, 3, "cells");
            int64_t apart = (int64_t)(0.1/DT[k] + 0.5), lag = (int64_t)(0.02/DT[k] + 0.5);
            double sum = 0, squares = 0, products = 0, n = (double)count*samples, x = g*DT[k]/2;
            convis_real before[count];
            run(m, g*mean, count, 3*apart);
            for (int s = 0; s < samples; s++) {
                const convis_real *v = potential(m);
                memcpy(before, v, sizeof before);
                run(m, g*mean, count, lag);
                for (int i = 0; i < count; i++) {
                    double a = (double)before[i] - mean, b = (double)v[i] - mean;
                    sum += b;
                    squares += b*b;
                    products += a*b;
                }
                run(m, g*mean, count, apart - lag);
            }
            double variance = exact ? sigma*sigma : sigma*sigma*tanh(x)/x;
            near(sum/n, 0, 4*sigma/sqrt(n), "mean of V");
            near(squares/n, variance, 4*variance*sqrt(2/n), "variance of V");
            near(products/n, variance*exp(-g*0.02), 4*variance*sqrt(2/n), "covariance of V over 20 ms");
            convis_model_free(&m);
        }
}

/* Noise of two layers, or of two seeds, has nothing in common; that of the same is the same. */
static void keys(void **state)
{
    (void)state;
    enum { count = 4096 };
    parameter p[] = { { "sigma", 0.3 }, { 0 } };
    static const struct { uint64_t seed; const char *name; } OF[] = { { 1, "a" }, { 1, "b" }, { 2, "a" }, { 1ull << 40, "a" }, { 1, "a" } };
    convis_real v[5][count];
    for (int k = 0; k < 5; k++) {
        convis_model *m = cells(0.001, -1000, count, p, OF[k].seed, OF[k].name);
        run(m, -1000, count, 400);
        for (int i = 0; i < count; i++) v[k][i] = (potential(m)[i] + 20)/R(0.3);
        convis_model_free(&m);
    }
    for (int k = 1; k < 4; k++) near(correlation(v[0], v[k], count), 0, 4/sqrt(count), "correlation between layers or seeds");
    assert_memory_equal(v[0], v[4], sizeof v[0]);
}

static int ascending(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }

static void random_start(void **state)
{
    (void)state;
    enum { count = 20000 };
    double v[count], worst = 0;
    parameter p[] = { { "leak", 0.001 }, { "random_init", 1 }, { 0 } };
    convis_model *m = cells(1e-6, 0, count, p, 5, "cells");
    run(m, 0, count, 1);
    for (int i = 0; i < count; i++) v[i] = (double)potential(m)[i];
    qsort(v, count, sizeof *v, ascending);
    for (int i = 0; i < count; i++) worst = fmax(worst, fabs(v[i] - (i + 0.5)/count));
    assert_true(v[0] >= 0 && v[count - 1] <= 1);
    near(worst, 0, 2.2/sqrt(count), "distance of V(0) from uniform (Kolmogorov)");
    convis_model_free(&m);
}

/* Intervals between the spikes of all cells, without the first interval of each. Free them. */
static double *intervals(convis_model *m, double J, int64_t count, int64_t frames, int64_t *found, double *serial)
{
    double *last = malloc((size_t)count*sizeof *last), *before = malloc((size_t)count*sizeof *before), *list = NULL,
           products = 0, sum = 0, squares = 0;
    int64_t room = 0, n = 0, pairs = 0;
    for (int64_t i = 0; i < count; i++) last[i] = before[i] = -1;
    convis_tensor movie = noise_movie(convis_movie_shape(20, 1, count), J, J, 0);
    for (int64_t t = 0; t < frames; t += 20) {
        const convis_spike *s;
        int64_t spikes;
        must(c, convis_run(m, movie));
        must(c, convis_spikes(m, &s, &spikes));
        for (int64_t k = 0; k < spikes; k++) {
            int32_t u = s[k].unit;
            double interval = s[k].time - last[u];
            if (last[u] >= 0) {
                if (n == room) { room = 2*room + 1024; list = realloc(list, (size_t)room*sizeof *list); assert_non_null(list); }
                list[n++] = interval;
                sum += interval;
                squares += interval*interval;
                if (before[u] >= 0) { products += before[u]*interval; pairs++; }
                before[u] = interval;
            }
            last[u] = s[k].time;
        }
    }
    if (serial) *serial = (products/(double)pairs - sum*sum/(double)(n*n))/(squares/(double)n - sum*sum/(double)(n*n));
    free(movie.data);
    free(last);
    free(before);
    *found = n;
    return list;
}

/* Cells driven so strongly that an interval is a refractory time: its mean and spread, in steps shorter and longer. */
static void refractory_times(void **state)
{
    (void)state;
    enum { count = 500 };
    static const struct {
        double mean, sd, dt;
    } CASES[] = { { 0.01, 0.001, 0.001 }, { 0.01, 0.001, 0.005 }, { 0.003, 0.0005, 0.02 }, { 0.001, 0.002, 0.001 } };
    const double g = 50, E = 5000, rise = log(E/(E - 1))/g;
    for (int k = 0; k < 4; k++) {
        double mean = CASES[k].mean, sd = CASES[k].sd, a = mean/sd;
        parameter p[] = { { "leak", g }, { "refractory", mean }, { "refractory_sd", sd }, { 0 } };
        convis_model *m = cells(CASES[k].dt, E*g, count, p, 9, "cells");
        int64_t n;
        double sum = 0, squares = 0, serial;
        double *list = intervals(m, E*g, count, (int64_t)(2/CASES[k].dt), &n, &serial);
        for (int64_t i = 0; i < n; i++) { double x = list[i] - rise; sum += x; squares += x*x; }
        /* max(N(mean, sd), 0) */
        double below = 0.5*erfc(-a/sqrt(2)), density = exp(-a*a/2)/sqrt(2*3.14159265358979);
        double first = mean*below + sd*density, second = (mean*mean + sd*sd)*below + mean*sd*density,
               spread = second - first*first;
        double count_n = (double)n, variance = squares/count_n - (sum/count_n)*(sum/count_n);
        assert_true(n > 50000);
        near(sum/count_n, first, 4*sqrt(spread/count_n) + 1e-6*mean, "mean refractory time");
        near(variance, spread, 4*spread*sqrt(3/count_n), "variance of refractory times");
        near(serial, 0, 4/sqrt(count_n), "correlation of successive refractory times");
        free(list);
        convis_model_free(&m);
    }
}

/* SPEC 8 with a noise current held for a step, in double precision and by small steps of time; its own random numbers. */
static double normal(uint64_t seed, uint64_t index)
{
    return sqrt(-2*log(1 - chance(seed, 2*index)))*cos(2*3.14159265358979*chance(seed, 2*index + 1));
}

static double *simulated(double dt, double J, double g, double s, double refractory, double sd, int64_t number)
{
    enum { fine = 200 };
    double *list = malloc((size_t)number*sizeof *list), v = 0, wait = 0, last = -1, h = dt/fine;
    int64_t n = 0;
    assert_non_null(list);
    double decay = exp(-g*h);
    for (uint64_t t = 0; n < number; t++) {
        double E = (J + s*normal(21, t))/g;
        for (int k = 0; k < fine && n < number; k++) {
            if (wait > 0) { wait -= h; continue; }
            double before = v;
            v = E + (v - E)*decay;
            if (v < 1) continue;
            double at = (double)t*dt + h*(k + (1 - before)/(v - before));
            if (last >= 0) list[n++] = at - last;
            last = at;
            v = 0;
            wait = fmax(refractory + sd*normal(22, t*fine + (uint64_t)k), 0) - h*(1 - (1 - before)/(v - before));
        }
    }
    return list;
}

/* Largest distance between the distributions of two samples. */
static double kolmogorov(double *a, int64_t n, double *b, int64_t m)
{
    double worst = 0;
    qsort(a, (size_t)n, sizeof *a, ascending);
    qsort(b, (size_t)m, sizeof *b, ascending);
    for (int64_t i = 0, j = 0; i < n && j < m; ) {
        if (a[i] <= b[j]) i++; else j++;
        worst = fmax(worst, fabs((double)i/(double)n - (double)j/(double)m));
    }
    return worst;
}

static void interval_distribution(void **state)
{
    (void)state;
    enum { count = 200, number = 15000 };
    static const struct { double dt, E, sigma, refractory, sd; int exact; } CASES[] = {
        { 0.001, 1.2, 0.3, 0.003, 0, 0 }, { 0.001, 0.9, 0.3, 0.003, 0.0005, 1 }, { 0.005, 1.1, 0.4, 0.002, 0, 0 }, { 0.005, 1.5, 0.2, 0.012, 0.002, 1 },
    };
    const double g = 50;
    for (int k = 0; k < 4; k++) {
        double dt = CASES[k].dt, x = g*dt/2, s = CASES[k].sigma*(CASES[k].exact ? g/sqrt(tanh(x)) : sqrt(2*g/dt));
        parameter p[] = { { "leak", g }, { "sigma", CASES[k].sigma }, { "refractory", CASES[k].refractory }, { "refractory_sd", CASES[k].sd },
            { "exact", CASES[k].exact }, { 0 } };
        convis_model *m = cells(dt, CASES[k].E*g, count, p, 13, "cells");
        int64_t n;
        double serial;
        double *found = intervals(m, CASES[k].E*g, count, (int64_t)(4/dt), &n, &serial);
        double *expected = simulated(dt, CASES[k].E*g, g, s, CASES[k].refractory, CASES[k].sd, number);
        double distance = kolmogorov(found, n, expected, number), bound = 2*sqrt(1/(double)n + 1.0/number);      /* p < 0.001 */
        if (getenv("CONVIS_TEST_VERBOSE"))
            print_message("             case %d: %d intervals, distance %.4f, bound %.4f, serial %.4f\n", k, (int)n, distance,
                          bound, serial);
        near(distance, 0, bound, "distance of interval distributions (Kolmogorov)");
        free(found);
        free(expected);
        convis_model_free(&m);
    }
}

int main(int argc, char **argv)
{
#ifdef CONVIS_DOUBLE
    if (only_at_length()) return 77;                     /* the same text once more */
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers), cmocka_unit_test(uniforms), cmocka_unit_test(normal_moments), cmocka_unit_test(normals_are_independent),
        cmocka_unit_test(potential_without_spikes), cmocka_unit_test(keys), cmocka_unit_test(random_start), cmocka_unit_test(refractory_times),
        cmocka_unit_test(interval_distribution),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("noise", tests, open_context, close_context);
}
