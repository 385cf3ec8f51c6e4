/* test_grad.c - the backward pass through a model: delays and feedback, whatever the chunks; what requires no gradient; inputs from one place;
 * and calls in the wrong order. Single layers are in test_gradients.c. */
#include "harness.h"
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { HEIGHT = 3, WIDTH = 5, N = HEIGHT*WIDTH, FRAMES = 40, SINGLE = sizeof(convis_real) == 4 };
static convis_context *c;
static convis_real movie[FRAMES*N], weights[FRAMES*N];

static int begin(void **state)
{
    (void)state;
    for (int i = 0; i < FRAMES*N; i++) {
        movie[i] = (convis_real)chance(1, (uint64_t)i);
        weights[i] = (convis_real)(chance(2, (uint64_t)i) - 0.5);
    }
    return convis_open(&c, "cpu");
}

static int end(void **state) { (void)state; convis_close(&c); return 0; }

static convis_tensor frames(convis_real *data, int64_t t, int64_t count) { return convis_view(data + t*N, convis_movie_shape(count, HEIGHT, WIDTH)); }

/* A low pass minus the movie of three frames ago; a high pass of that, two frames later, minus the low pass of five frames ago; and
 * the rectified end comes back after four. */
static const char *const PATHS[] = { "low.tau", "low.gain", "high.tau", "high.weight", "end.threshold", "end.value_at_threshold",
                                     "end.amplification" };
enum { PARAMETERS = sizeof PATHS/sizeof *PATHS };

static convis_model *loop(int64_t chunk)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.001, &m));
    convis_node in = convis_input(m), low = convis_add(m, type_named("lowpass"), "low", in);
    convis_node late = convis_join(m, type_named("difference"), "late", (convis_edge[]){ { low, 0 }, { in, 3 } }, 2);
    convis_node high = convis_add(m, type_named("highpass"), "high", late);
    convis_node later = convis_join(m, type_named("difference"), "later", (convis_edge[]){ { high, 2 }, { low, 5 } }, 2);
    convis_node back = convis_join(m, type_named("difference"), "back", (convis_edge[]){ { later, 0 }, { later, 0 } }, 2);
    convis_node last = convis_add(m, type_named("rectify"), "end", back);
    convis_connect(m, back, 1, (convis_edge){ last, 4 });
    must_set(m, "low", "tau", 0.004);
    must_set(m, "low", "n", 2);
    must_set(m, "low", "gain", 1.3);
    must_set(m, "high", "tau", 0.006);
    must_set(m, "high", "weight", 0.8);
    must_set(m, "end", "amplification", 0.5);
    must_set(m, "end", "value_at_threshold", 0.3);
    must_set(m, "end", "threshold", 0.1);
    must(c, convis_baseline(m, 0.7));
    must(c, convis_probe(m, "end"));
    must(c, convis_require_gradient(m, "*"));
    must(c, convis_require_gradient(m, "input"));
    must(c, convis_plan(m, convis_movie_shape(chunk, HEIGHT, WIDTH)));
    return m;
}

static double loss(convis_model *m, int64_t chunk)
{
    double sum = 0;
    convis_tensor y;
    must(c, convis_reset(m));
    for (int64_t t = 0; t < FRAMES; t += chunk) {
        int64_t count = FRAMES - t < chunk ? FRAMES - t : chunk;
        must(c, convis_run(m, frames(movie, t, count)));
        must(c, convis_output(m, "end", &y));
        for (int64_t i = 0; i < count*N; i++) sum += (double)weights[t*N + i]*(double)y.data[i];
    }
    return sum;
}

static void go_back(convis_model *m, int64_t chunk, double *gradient, convis_real *d_movie)
{
    int64_t chunks = (FRAMES + chunk - 1)/chunk;
    size_t size = convis_state_size(m);
    char *states = malloc((size_t)chunks*size);
    for (int64_t k = 0; k < chunks; k++) {
        must(c, convis_state_get(m, states + (size_t)k*size));
        must(c, convis_run(m, frames(movie, k*chunk, FRAMES - k*chunk < chunk ? FRAMES - k*chunk : chunk)));
    }
    for (int64_t k = chunks - 1; k >= 0; k--) {
        int64_t t = k*chunk, count = FRAMES - t < chunk ? FRAMES - t : chunk;
        convis_tensor d = frames(d_movie, t, count);
        must(c, convis_state_put(m, states + (size_t)k*size, size));
        must(c, convis_run(m, frames(movie, t, count)));
        must(c, convis_vjp_from(m, "end", frames(weights, t, count)));
        must(c, convis_vjp(m, &d));
    }
    must(c, convis_vjp_baseline(m));
    for (int k = 0; k < PARAMETERS; k++) must(c, convis_grad(m, PATHS[k], &gradient[k], 1));
    free(states);
}

static void close_to(const char *what, double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance*fmax(fabs(expected), 1e-3)))
        fail_msg("%s: %.10g, expected %.10g", what, found, expected);
}

static void delays_and_feedback(void **state)
{
    static const int64_t CHUNKS[] = { FRAMES, 11, 7, 3, 1 };
    double expected[PARAMETERS], gradient[PARAMETERS], value;
    convis_real d_expected[FRAMES*N], d_movie[FRAMES*N];
    (void)state;
    for (size_t k = 0; k < sizeof CHUNKS/sizeof *CHUNKS; k++) {
        convis_model *m = loop(CHUNKS[k]);
        go_back(m, CHUNKS[k], k ? gradient : expected, k ? d_movie : d_expected);
        for (int j = 0; k && j < PARAMETERS; j++) close_to(PATHS[j], gradient[j], expected[j], SINGLE ? 1e-4 : 1e-10);
        for (int i = 0; k && i < FRAMES*N; i++)
            close_to("input", (double)d_movie[i], (double)d_expected[i], SINGLE ? 1e-3 : 1e-10);
        convis_model_free(&m);
    }
    if (SINGLE) return;                                  /* too coarse for differences */
    convis_model *m = loop(FRAMES);
    for (int j = 0; j < PARAMETERS; j++) {
        must(c, convis_get(m, PATHS[j], &value));
        must(c, convis_set(m, PATHS[j], value*(1 + 1e-6)));
        double above = loss(m, FRAMES);
        must(c, convis_set(m, PATHS[j], value*(1 - 1e-6)));
        close_to(PATHS[j], expected[j], (above - loss(m, FRAMES))/(2e-6*value), 1e-6);
        must(c, convis_set(m, PATHS[j], value));
    }
    for (int i = 0; i < FRAMES*N; i += 7) {
        convis_real x = movie[i];
        movie[i] = x + (convis_real)1e-6;
        double above = loss(m, FRAMES);
        movie[i] = x - (convis_real)1e-6;
        close_to("input", (double)d_expected[i], (above - loss(m, FRAMES))/2e-6, 1e-5);
        movie[i] = x;
    }
    convis_model_free(&m);
}

/* ---- What requires no gradient has none, takes no memory, and changes nothing ---- */

static double gradient_of(const char *type, const char *setting, double value, const char *parameter, int with_input)
{
    convis_model *m;
    char path[64];
    double gradient;
    must(c, convis_model_new(c, 0.001, &m));
    convis_add(m, type_named(type), "it", convis_input(m));
    if (setting) must_set(m, "it", setting, value);
    snprintf(path, sizeof path, "it.%s", parameter);
    must(c, convis_require_gradient(m, path));
    if (with_input) must(c, convis_require_gradient(m, "input"));
    must(c, convis_probe(m, "it"));
    must(c, convis_plan(m, convis_movie_shape(FRAMES, HEIGHT, WIDTH)));
    must(c, convis_run(m, frames(movie, 0, FRAMES)));
    must(c, convis_vjp_from(m, "it", frames(weights, 0, FRAMES)));
    must(c, convis_vjp(m, NULL));
    must(c, convis_grad(m, path, &gradient, 1));
    convis_model_free(&m);
    return gradient;
}

static void only_what_is_required(void **state)
{
    (void)state;
    assert_true(gradient_of("delay", "delay", 0.0123, "delay", 0) == gradient_of("delay", "delay", 0.0123, "delay", 1));
    assert_true(gradient_of("lowpass", "n", 3, "tau", 0) == gradient_of("lowpass", "n", 3, "tau", 1));
    assert_true(gradient_of("delay", "delay", 0.0123, "delay", 0) != 0);
}

/* x times x is x squared, also where both inputs of the product are one and the same place. */
static void one_place_twice(void **state)
{
    convis_real d[2][FRAMES*N];
    (void)state;
    for (int twice = 0; twice < 2; twice++) {
        convis_model *m;
        convis_tensor d_in = frames(d[twice], 0, FRAMES);
        must(c, convis_model_new(c, 0.001, &m));
        convis_edge both[] = { { convis_input(m), 0 }, { convis_input(m), 0 } };
        if (twice) convis_join(m, type_named("product"), "it", both, 2);
        else convis_add(m, type_named("square"), "it", convis_input(m));
        must(c, convis_require_gradient(m, "input"));
        must(c, convis_probe(m, "it"));
        must(c, convis_plan(m, convis_movie_shape(FRAMES, HEIGHT, WIDTH)));
        must(c, convis_run(m, frames(movie, 0, FRAMES)));
        must(c, convis_vjp_from(m, "it", frames(weights, 0, FRAMES)));
        must(c, convis_vjp(m, &d_in));
        convis_model_free(&m);
    }
    for (int i = 0; i < FRAMES*N; i++) close_to("input", (double)d[1][i], (double)d[0][i], 1e-5);
}

/* ---- The wrong order ---- */

static void refusals(void **state)
{
    convis_model *m;
    double number, two[2];
    convis_tensor d = frames(weights, 0, FRAMES);
    (void)state;
    must(c, convis_model_new(c, 0.001, &m));
    convis_add(m, type_named("lowpass"), "low", convis_input(m));
    convis_add(m, type_named("rectify"), "end", (convis_node){ 1 });
    refused(c, CONVIS_ENAME, "no such parameter", convis_require_gradient(m, "lw"));
    refused(c, CONVIS_ENOTSUP, "whole numbers", convis_require_gradient(m, "low.n"));
    refused(c, CONVIS_ENOTSUP, "fixed", convis_require_gradient(m, "end.sign"));
    must(c, convis_require_gradient(m, "low"));
    must(c, convis_probe(m, "low"));
    must(c, convis_plan(m, convis_movie_shape(FRAMES, HEIGHT, WIDTH)));
    refused(c, CONVIS_ESTATE, "before the model is planned", convis_require_gradient(m, "end"));
    refused(c, CONVIS_ESTATE, "no run to go back through", convis_vjp(m, NULL));
    must(c, convis_run(m, frames(movie, 0, FRAMES)));
    refused(c, CONVIS_ESTATE, "not probed", convis_vjp_from(m, "end", d));
    refused(c, CONVIS_ESHAPE, "a gradient of", convis_vjp_from(m, "low", frames(weights, 0, FRAMES - 1)));
    refused(c, CONVIS_ESTATE, "was not asked for", convis_vjp(m, &d));
    must(c, convis_vjp_from(m, "low", d));
    must(c, convis_vjp(m, NULL));
    refused(c, CONVIS_ESTATE, "one convis_vjp", convis_vjp(m, NULL));
    refused(c, CONVIS_ESHAPE, "room for 2", convis_grad(m, "low.tau", two, 2));
    refused(c, CONVIS_ESTATE, "was not asked for", convis_grad(m, "end.threshold", &number, 1));
    must(c, convis_grad(m, "low.tau", &number, 1));
    assert_true(number != 0);
    must(c, convis_grad_zero(m));
    must(c, convis_grad(m, "low.tau", &number, 1));
    assert_true(number == 0);
    convis_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(delays_and_feedback), cmocka_unit_test(only_what_is_required),
                                        cmocka_unit_test(one_place_twice), cmocka_unit_test(refusals) };
    return cmocka_run_group_tests(tests, begin, end);
}
