/* test_history.c - spike histories and couplings: sums written out, fed back, and their gradients whatever the chunks. */
#include "harness.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

#define near(found, expected, tolerance, what) assert_near(found, expected, tolerance, what, __LINE__)
static void assert_near(double found, double expected, double tolerance, const char *what, int line)
{
    if (fabs(found - expected) <= tolerance) return;
    print_error("line %d: %s: %.8g, expected %.8g within %.2g\n", line, what, found, expected, tolerance);
    _fail(__FILE__, line);
}

enum { CHANNELS = 3, SIDE = 2, PLANE = SIDE*SIDE, N = CHANNELS*PLANE, LENGTH = 120, WEIGHTS = 6, LAGS = 15 };
enum { MOST = CHANNELS*CHANNELS*(LAGS + 1) };
static const double DT = 0.002, DURATION = 0.03;

/* Counts, most of them 0. */
static double sparse(int t, int64_t i)
{
    double u = t < 0 ? 0 : chance(5, (uint64_t)(t*N + i));
    return u < 0.8 ? 0 : u < 0.95 ? 1 : 2;
}

static convis_tensor recorded_spikes(void)
{
    convis_shape shape = { { 1, CHANNELS, LENGTH, SIDE, SIDE } };
    convis_tensor movie = convis_view(malloc(sizeof(convis_real)*LENGTH*N), shape);
    assert_non_null(movie.data);
    movie.stride[CONVIS_T] = N;
    movie.stride[CONVIS_C] = PLANE;
    for (int t = 0; t < LENGTH; t++) for (int i = 0; i < N; i++) movie.data[t*N + i] = (convis_real)sparse(t, i);
    return movie;
}

/* ---- All kinds of filters ---- */

typedef struct kind { int coupled, cosines, first, lags, each, inputs, weights; double w[MOST]; } kind;

static kind kind_of(int variant)
{
    kind q = { .coupled = variant & 1, .cosines = variant >> 1 & 1, .first = variant >> 2 };
    q.lags = LAGS + 1 - q.first;
    q.each = q.cosines ? WEIGHTS : q.lags;
    q.inputs = q.coupled ? CHANNELS : 1;
    q.weights = CHANNELS*q.inputs*q.each;
    for (int k = 0; k < q.weights; k++) q.w[k] = chance(9, (uint64_t)k) - 0.5;
    return q;
}

static convis_model *model_of(const kind *q)
{
    convis_model *m;
    must(c, convis_model_new(c, DT, &m));
    convis_add(m, type_named("history"), "it", convis_input(m));
    must_set(m, "it", "coupling", q->coupled);
    must_set(m, "it", "basis", q->cosines);
    must_set(m, "it", "first", q->first);
    must_set(m, "it", "duration", DURATION);
    must_set(m, "it", "count", WEIGHTS);
    must_set(m, "it", "first_peak", 0.003);
    must_set(m, "it", "last_peak", 0.02);
    must_set(m, "it", "stretch", 0.004);
    must(c, convis_set_array(m, "it.weights", q->w, q->weights));
    must(c, convis_probe(m, "it"));
    return m;
}

/* Raised cosines of ln(s + stretch), written out once more. */
static double basis(const kind *q, int j, int lag)
{
    double from = log(0.003 + 0.004), apart = (log(0.02 + 0.004) - from)/(WEIGHTS - 1);
    double at = (log(lag*DT + 0.004) - from - j*apart)*acos(-1)/(2*apart);
    if (!q->cosines) return j == lag - q->first;
    return fabs(at) < acos(-1) ? 0.5 + 0.5*cos(at) : 0;
}

/* What weight j of the filter from channel b to that of element i does to its output at t. */
static double cause(const kind *q, int t, int i, int b, int j)
{
    double sum = 0;
    for (int lag = q->first; lag < q->first + q->lags; lag++) sum += basis(q, j, lag)*sparse(t - lag, b*PLANE + i%PLANE);
    return sum;
}

static void sums(void **state)
{
    (void)state;
    convis_tensor movie = recorded_spikes(), out;
    for (int variant = 0; variant < 8; variant++) {
        kind q = kind_of(variant);
        convis_model *m = model_of(&q);
        convis_shape chunk = movie.shape;
        chunk.dim[CONVIS_T] = 7;
        must(c, convis_plan(m, chunk));
        for (int t0 = 0, end; t0 < LENGTH; t0 = end) {
            end = t0 + 7 < LENGTH ? t0 + 7 : LENGTH;
            must(c, convis_run(m, convis_slice(movie, CONVIS_T, t0, end)));
            must(c, convis_output(m, "it", &out));
            for (int t = t0; t < end; t++)
                for (int i = 0; i < N; i++) {
                    double sum = 0;
                    for (int b = 0; b < q.inputs; b++)
                        for (int j = 0; j < q.each; j++)
                            sum += q.w[(i/PLANE*q.inputs + b)*q.each + j]*cause(&q, t, i, q.coupled ? b : i/PLANE, j);
                    near((double)out.data[(t - t0)*N + i], sum, 2e-5, "history");
                }
        }
        convis_model_free(&m);
    }
    free(movie.data);
}

/* ---- Gradients: the output is linear in the weights and in the spikes ---- */

static double weight_at(int t, int i) { return 2*chance(21, (uint64_t)(t*N + i)) - 1; }

/* Back through all chunks from the last. */
static void go_back(convis_model *m, convis_tensor movie, int frames, convis_tensor d_movie)
{
    void *start[LENGTH];
    int chunks = 0;
    size_t size = convis_state_size(m);
    for (int t = 0; t < LENGTH; t += frames) {
        start[chunks] = malloc(size);
        must(c, convis_state_get(m, start[chunks++]));
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, t, t + frames < LENGTH ? t + frames : LENGTH)));
    }
    for (int k = chunks - 1; k >= 0; k--) {
        int t0 = k*frames, end = t0 + frames < LENGTH ? t0 + frames : LENGTH;
        convis_tensor part = convis_slice(movie, CONVIS_T, t0, end), d = part, into = convis_slice(d_movie, CONVIS_T, t0, end);
        d.data = malloc(sizeof(convis_real)*(size_t)((end - t0)*N));
        for (int t = t0; t < end; t++) for (int i = 0; i < N; i++) d.data[(t - t0)*N + i] = (convis_real)weight_at(t, i);
        must(c, convis_state_put(m, start[k], size));
        must(c, convis_run(m, part));
        must(c, convis_vjp_from(m, "it", d));
        must(c, convis_vjp(m, &into));
        free(d.data);
        free(start[k]);
    }
}

static void gradients(void **state)
{
    (void)state;
    static const int CHUNKS[] = { LENGTH, 50, 7, 1 };
    convis_tensor movie = recorded_spikes(), d_movie = recorded_spikes();
    for (int variant = 0; variant < 8; variant++)
        for (int s = 0; s < 4; s++) {
            kind q = kind_of(variant);
            double found[MOST];
            convis_model *m = model_of(&q);
            convis_shape chunk = movie.shape;
            chunk.dim[CONVIS_T] = CHUNKS[s];
            must(c, convis_require_gradient(m, "it"));
            must(c, convis_require_gradient(m, "input"));
            must(c, convis_plan(m, chunk));
            go_back(m, movie, CHUNKS[s], d_movie);
            must(c, convis_grad(m, "it.weights", found, q.weights));
            for (int k = 0; k < q.weights; k++) {
                int o = k/(q.inputs*q.each), b = q.coupled ? k/q.each%q.inputs : o;
                double sum = 0;
                for (int t = 0; t < LENGTH; t++)
                    for (int i = o*PLANE; i < (o + 1)*PLANE; i++) sum += weight_at(t, i)*cause(&q, t, i, b, k%q.each);
                near(found[k], sum, 1e-4, "gradient of a weight");
            }
            for (int t = 0; t < LENGTH; t += 11)
                for (int i = 0; i < N; i++) {
                    double sum = 0;
                    for (int o = q.coupled ? 0 : i/PLANE; o < (q.coupled ? CHANNELS : i/PLANE + 1); o++)
                        for (int lag = q.first; lag < q.first + q.lags && t + lag < LENGTH; lag++)
                            for (int j = 0; j < q.each; j++)
                                sum += q.w[(o*q.inputs + (q.coupled ? i/PLANE : 0))*q.each + j]*basis(&q, j, lag)
                                     * weight_at(t + lag, o*PLANE + i%PLANE);
                    near((double)d_movie.data[t*N + i], sum, 2e-5, "gradient of the spikes");
                }
            convis_model_free(&m);
        }
    free(movie.data);
    free(d_movie.data);
}

/* ---- In a loop ---- */

/* y[t] = x[t] + sum over k >= 1 of h[k] y[t - k], whatever the chunks. */
static void fed_back(void **state)
{
    (void)state;
    enum { LONG = 5, FRAMES = 100, CHUNK = 11 };
    static const double H[LONG] = { -0.6, 0.3, 0.1, -0.2, 0.25 };
    convis_model *m;
    must(c, convis_model_new(c, 0.001, &m));
    convis_edge in[2] = { { convis_input(m), 0 }, { convis_input(m), 0 } };
    convis_node drive = convis_join(m, type_named("sum"), "drive", in, 2), it = convis_add(m, type_named("history"), "it", drive);
    convis_connect(m, drive, 1, (convis_edge){ it, 1 });
    must_set(m, "it", "basis", 0);
    must_set(m, "it", "first", 0);
    must_set(m, "it", "duration", 0.004);
    must(c, convis_set_array(m, "it.weights", H, LONG));
    must(c, convis_probe(m, "drive"));
    must(c, convis_plan(m, convis_movie_shape(CHUNK, 1, 2)));
    convis_real x[FRAMES*2];
    convis_tensor movie = convis_view(x, convis_movie_shape(FRAMES, 1, 2)), out;
    double y[FRAMES][2];
    for (int t = 0; t < FRAMES; t++)
        for (int i = 0; i < 2; i++) {
            x[2*t + i] = (convis_real)sparse(t, i);
            y[t][i] = sparse(t, i);
            for (int k = 1; k <= LONG && k <= t; k++) y[t][i] += H[k - 1]*y[t - k][i];
        }
    for (int t0 = 0, frames; t0 < FRAMES; t0 += frames) {
        frames = FRAMES - t0 < CHUNK ? FRAMES - t0 : CHUNK;
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, t0, t0 + frames)));
        must(c, convis_output(m, "drive", &out));
        for (int k = 0; k < 2*frames; k++) near((double)out.data[k], y[t0 + k/2][k%2], 1e-4, "fed back");
    }
    convis_model_free(&m);
}

static void refuse(const char *name, double value, convis_status status, const char *sentence)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.001, &m));
    convis_add(m, type_named("history"), "it", convis_input(m));
    if (name) must_set(m, "it", name, value);
    else must(c, convis_set_array(m, "it.weights", (double[]){ 1, 2, 3 }, 3));
    refused(c, status, sentence, convis_plan(m, convis_movie_shape(2, 1, 1)));
    convis_model_free(&m);
}

static void refusals(void **state)
{
    (void)state;
    refuse("first_peak", 0.05, CONVIS_EINVAL, "it.last_peak: 0.05 s, expected more than first_peak");
    refuse("duration", 5, CONVIS_EINVAL, "it.duration: 5 s are more than");
    refuse(NULL, 0, CONVIS_ESHAPE, "it.weights: 3 values, expected 8");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_context, close_context)
    const struct CMUnitTest tests[] = { TEST(sums), TEST(gradients), TEST(fed_back), TEST(refusals) };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
