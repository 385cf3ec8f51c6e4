/* test_device_models.c - whole models on a device (devices.h) against the same on the processor: loops, retinas, fits; what is
 * refused, and what becomes of memory.
 *
 *      test_device_models [PATTERN]            only tests like "retina: *" */
#include "devices.h"
#include "npy_out.h"
#include "trials.h"
#include <convis/fit.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- What is refused ---- */

static void refused_plan(const convis_layer_type *type, const char *first, const char *second)
{
    convis_model *m;
    must(on_device, convis_model_new(on_device, 0.005, &m));
    convis_add(m, type, "mine", convis_input(m));
    must(on_device, convis_probe(m, "mine"));
    convis_status status = convis_plan(m, convis_movie_shape(4, 5, 6));
    refused(on_device, CONVIS_ENOTSUP, first, status);
    refused(on_device, CONVIS_ENOTSUP, second, status);
    convis_model_free(&m);
}

/* Layers of a user's own: one without text for compilers, one whose text lacks its kernel, one that looks at its pixels itself. */
static void foreign_layers(void **state)
{
    (void)state;
    convis_layer_type mine = *type_named("lowpass");
    mine.name = "own_layer";
    mine.source = NULL;
    refused_plan(&mine, "mine: an own_layer has no kernels for ", convis_device_name(on_device));
    mine = *type_named("lowpass");
    mine.source = type_named("highpass")->source;
    refused_plan(&mine, "mine: a lowpass has no kernel '", convis_device_name(on_device));
    mine = *type_named("select");
    mine.device_capable = 0;
    refused_plan(&mine, "mine: a select cannot run on ", "only on processors");
}

static void wrong_calls(void **state)
{
    (void)state;
    const trial q = { type_named("lowpass"), shape_of(SMALL), 0, AMONG };
    manner how = PLAIN;
    how.probe_all = 0;                                    /* "after" alone */
    convis_model *m = NULL;
    convis_tensor movie = movie_of(&q), out;
    const int64_t frames = q.shape.dim[CONVIS_T];
    recording expected = lived(on_device, &q, &PLAIN), found = { 0 };
    must(on_device, planned_on(on_device, &q, &how, &m));
    for (int d = 0; d < CONVIS_DIMS; d++) {
        convis_shape wrong = q.shape;
        wrong.dim[d]++;
        refused(on_device, CONVIS_ESHAPE, "planned for", convis_run(m, convis_view(movie.data, wrong)));
    }
    assert_int_equal(convis_frame(m), 0);
    record(m, movie, 0, frames, WHOLE, frames, &found);
    refused(on_device, CONVIS_ESTATE, "it: its output was not probed", convis_output(m, "it", &out));
    refused(on_device, CONVIS_ENAME, "nothing", convis_output(m, "nothing", &out));
    refused(on_device, CONVIS_ESTATE, "no gradient was asked for", convis_vjp(m, NULL));
    assert_same(&found, &expected, "after refusals");
    recording_free(&found);
    recording_free(&expected);
    convis_model_free(&m);
    free(movie.data);
    refused(on_device, CONVIS_ESTATE, "planned", convis_state_get((m = build(on_device, &q)), &out));
    convis_model_free(&m);
}

/* A text that does not compile is a fault of the device: it stays, its sentence too, for every later call. */
static void faults(void **state)
{
    static const char *const text[] = { "\nCONVIS_KERNEL3(lowpass_forward, no such dialect)\n", NULL };
    const trial q = { type_named("lowpass"), shape_of(SMALL), 0, ALONE };
    convis_layer_type mine = *q.type;
    convis_context *c = NULL;
    convis_model *m = NULL;
    (void)state;
    mine.name = "own_layer";
    mine.source = text;
    must(c, convis_open(&c, convis_device_name(on_device)));
    must(c, convis_model_new(c, 0.005, &m));
    convis_add(m, &mine, "mine", convis_input(m));
    convis_status status = convis_plan(m, q.shape);
    refused(c, CONVIS_EDEVICE, "the kernels of own_layer do not compile: ", status);
    refused(c, CONVIS_EDEVICE, convis_device_name(on_device), status);
    convis_model_free(&m);
    refused(c, CONVIS_EDEVICE, "the kernels of own_layer do not compile: ", planned_on(c, &q, &PLAIN, &m));
    convis_model_free(&m);
    convis_close(&c);
}

/* All that was obtained is released, also by a plan that fails. */
static void releases(void **state)
{
    (void)state;
    counter count = { 0 };
    const convis_allocator memory = counting(&count);
    const trial q = { type_named("lif"), shape_of(SMALL), 0, AMONG };
    convis_context *c = NULL;
    convis_model *m = NULL;
    convis_tensor movie = movie_of(&q);
    must(c, convis_open_with(&c, convis_device_name(on_device), &memory));
    for (int64_t fail = 0, more = 1; more; fail += fail < 12 ? 1 : 7) {
        count.fail_at = 0;
        m = build(c, &q);
        probe_outputs(m, &q, 1);
        must(c, convis_require_gradient(m, "*"));
        if (fail) count.fail_at = count.calls + fail;
        convis_status status = convis_plan(m, q.shape);
        more = !fail || status;
        if (status) assert_int_equal(status, CONVIS_ENOMEM);
        count.fail_at = 0;
        if (!status) must(c, convis_run(m, movie));
        convis_model_free(&m);
        assert_true(c->device->status == CONVIS_OK);
    }
    convis_close(&c);
    assert_int_equal(count.live, 0);
    free(movie.data);
}

/* ---- Movies and models of other forms ---- */

/* Rows and frames that do not lie one after the other. */
static void strides(void **state)
{
    (void)state;
    const trial q = { type_named("lowpass"), shape_of(BATCHES), 0, ALONE };
    const int64_t *d = q.shape.dim;
    const manner how = { NULL, 1, RANDOMLY, 7, 7, 1, NULL };
    convis_tensor movie = movie_of(&q),
                  in = noise_movie((convis_shape){ { d[0], d[1], d[2] + 1, 2*d[3], d[4] + 3 } }, 1e3, 2e3, 3);
    convis_real *whole = in.data;
    convis_model *m = NULL;
    recording expected = lived(on_device, &q, &PLAIN), found = { 0 };
    in = convis_slice(convis_slice(in, CONVIS_T, 1, d[2] + 1), CONVIS_X, 2, d[4] + 2);
    in.stride[CONVIS_Y] *= 2;
    in.shape.dim[CONVIS_Y] = d[3];
    convis_tensor_copy(in, movie);
    must(on_device, planned_on(on_device, &q, &how, &m));
    record(m, in, 0, d[2], RANDOMLY, 7, &found);
    assert_same(&found, &expected, describe(&q));
    recording_free(&found);
    recording_free(&expected);
    convis_model_free(&m);
    free(movie.data);
    free(whole);
}

/* A loop of three layers, the last of them input of the first two frames later, and of itself. */
static convis_model *loop(convis_context *c, int64_t chunk, int require)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.005, &m));
    const convis_edge input[] = { { convis_input(m), 0 }, { convis_input(m), 3 } };
    const convis_node sum = convis_join(m, type_named("sum"), "sum", input, 2);
    const convis_node low = convis_add(m, type_named("lowpass"), "low", sum);
    const convis_node minus = convis_join(m, type_named("difference"), "minus", (convis_edge[]){ { sum, 0 }, { low, 1 } }, 2);
    convis_connect(m, sum, 1, (convis_edge){ minus, 2 });
    must_set(m, "low", "tau", 0.02);
    must_set(m, "low", "gain", 0.4);
    must(c, convis_baseline(m, 0.3));
    must(c, convis_probe(m, "minus"));
    if (require) must(c, convis_require_gradient(m, "*"));
    must(c, convis_plan(m, convis_movie_shape(chunk, 5, 6)));
    return m;
}

static recording looped(convis_context *c, convis_tensor movie, int64_t chunk)
{
    convis_model *m = loop(c, chunk, 0);
    recording r = { 0 };
    record(m, movie, 0, movie.shape.dim[CONVIS_T], WHOLE, chunk, &r);
    convis_model_free(&m);
    return r;
}

static void looped_gradients(convis_context *c, convis_tensor movie, double gradient[2])
{
    convis_model *m = loop(c, movie.shape.dim[CONVIS_T], 1);
    convis_tensor d;
    must(c, convis_run(m, movie));
    must(c, convis_output(m, "minus", &d));
    convis_tensor given = noise_movie(d.shape, -1, 1, 9);
    must(c, convis_vjp_from(m, "minus", given));
    must(c, convis_vjp(m, NULL));
    must(c, convis_vjp_baseline(m));
    must(c, convis_grad(m, "low.tau", &gradient[0], 1));
    must(c, convis_grad(m, "low.gain", &gradient[1], 1));
    convis_model_free(&m);
    free(given.data);
}

static void feedback(void **state)
{
    (void)state;
    double expected_gradient[2], gradient[2];
    convis_tensor movie = noise_movie(convis_movie_shape(23, 5, 6), -1, 1, 4);
    recording expected = looped(on_host, movie, 23), once = looped(on_device, movie, 23);
    begin_counting();
    for (int64_t chunk = 1; chunk < 9; chunk += 2) {
        recording found = looped(on_device, movie, chunk);
        assert_same(&found, &once, "a loop");
        recording_free(&found);
    }
    compare(&once, &expected, 2e-6, 0.005, "a loop");
    looped_gradients(on_host, movie, expected_gradient);
    looped_gradients(on_device, movie, gradient);
    for (int k = 0; k < 2; k++) {
        assert_true(fabs(expected_gradient[k]) > 1e-3);
        compare_gradients(&gradient[k], &expected_gradient[k], 1, 0, "a loop", k ? "low.gain" : "low.tau");
    }
    recording_free(&once);
    recording_free(&expected);
    free(movie.data);
}

/* ---- Whole models ---- */

static convis_model *retina(convis_context *c, const char *numerics)
{
    static const char *const SET[][2] = { { "dt", "0.002" },
                                          { "ganglion_0.spikes.noise", "0.3" },
                                          { "ganglion_1.spikes.noise", "0.3" } };
    convis_recipe *r;
    convis_model *m;
    must(c, convis_recipe_open(c, "retina", &r));
    must(c, convis_recipe_set(r, "numerics", numerics));
    for (size_t k = 0; k < sizeof SET/sizeof *SET; k++) must(c, convis_recipe_set(r, SET[k][0], SET[k][1]));
    must(c, convis_recipe_build(r, 40, 30, &m));
    convis_recipe_free(&r);
    must(c, convis_record_spikes(m, 1));
    must(c, convis_probe(m, "ganglion_0"));
    return m;
}

/* Squares of 6 x 6 pixels, another pattern every 20 frames. */
static convis_tensor patches(void)
{
    convis_tensor movie = noise_movie(convis_movie_shape(250, 30, 40), 0, 0, 3);
    for (int t = 0; t < 250; t++)
        for (int y = 0; y < 30; y++)
            for (int x = 0; x < 40; x++)
                movie.data[(t*30 + y)*40 + x] = (convis_real)(255*chance(3, (uint64_t)((t/20*5 + y/6)*7 + x/6)));
    return movie;
}

/* With noise; among so many spikes no tie is expected, and one in 1e5 allowed. */
/* Drivers compile the kernels of every model anew: `make check` takes one of a kind, and none is left out on a card that was asked for. */
static int is_left_for_later(const char *model, const char *first)
{
    return strcmp(model, first) && !getenv("CONVIS_TEST_DEVICE") && !at_length();
}

static void retinas(void **state)
{
    const char *numerics = *state;
    if (is_left_for_later(numerics, "converged")) skip();
    convis_tensor movie = patches();
    convis_model *a = retina(on_host, numerics), *b = retina(on_device, numerics);
    recording expected = { 0 }, found = { 0 };
    const convis_shape chunk = convis_movie_shape(60, 30, 40);
    convis_status status = convis_plan(b, chunk);
    if (is_not_yet(status)) {
        convis_model_free(&a);
        convis_model_free(&b);
        free(movie.data);
        skip();
    }
    must(on_device, status);
    must(on_host, convis_plan(a, chunk));
    record(a, movie, 0, 250, WHOLE, 60, &expected);
    record(b, movie, 0, 250, WHOLE, 60, &found);
    begin_counting();
    compare(&found, &expected, 2e-5, 0.002, numerics);
    print_message("             %lld spikes, %lld of them on one side only\n", (long long)spikes, (long long)ties);
    assert_true(spikes > 1000);
    say(numerics);
    recording_free(&expected);
    recording_free(&found);
    convis_model_free(&a);
    convis_model_free(&b);
    free(movie.data);
}

enum { SEEN = 70, SIDE = 10 };
static char folder[] = "/tmp/convis-devices-XXXXXX";

static void convolution(convis_model *m, const char *name, int frames, int size)
{
    const struct { const char *what; double value; } how[] = { { "frames", frames }, { "height", size }, { "width", size } };
    char path[64];
    double w[128];
    for (int k = 0; k < 3; k++) must_set(m, name, how[k].what, how[k].value);
    for (int i = 0; i < frames*size*size; i++) w[i] = 0.4*(chance(21, (uint64_t)i) - 0.4);
    snprintf(path, sizeof path, "%s.weights", name);
    must(convis_model_context(m), convis_set_array(m, path, w, frames*size*size));
}

static convis_model *cascade_of(convis_context *c, const char *what)
{
    convis_model *m;
    if (!strcmp(what, "mcintosh")) {
        convis_recipe *r;
        must(c, convis_recipe_open(c, "McIntosh", &r));
        must(c, convis_recipe_set(r, "readout.channels", "3"));
        must(c, convis_recipe_build(r, SIDE, SIDE, &m));
        convis_recipe_free(&r);
    } else {
        must(c, convis_model_new(c, 0.01, &m));
        convis_node at = convis_add(m, type_named("softplus"), "n", convis_add(m, type_named("conv"), "l", convis_input(m)));
        convolution(m, "l", 6, 3);
        if (!strcmp(what, "LNLN")) {
            convis_add(m, type_named("softplus"), "n2", convis_add(m, type_named("conv"), "l2", at));
            convolution(m, "l2", 3, 3);
        }
    }
    must(c, convis_require_gradient(m, "*"));
    return m;
}

/* Value and gradient of a fit, over chunks that are shorter than the kernels and longer; *gradients is the caller's. */
static convis_status objective(convis_context *c, const char *what, int64_t chunk, double *value, double **gradients,
                               int64_t *count)
{
    char response[64], stimulus[64];
    snprintf(response, sizeof response, "%s/%s.npy", folder, strcmp(what, "mcintosh") ? "maps" : "cells");
    snprintf(stimulus, sizeof stimulus, "%s/movie.npy", folder);
    const convis_recording_options seen = { .stimulus = stimulus, .response = response, .dt = 0.01 };
    convis_fit_options o = CONVIS_FIT_DEFAULTS;
    convis_recording *r;
    convis_item item;
    convis_model *m = cascade_of(c, what);
    double nothing;
    o.chunk = chunk;
    must(c, convis_recording_open(c, &seen, &r));
    /* Arrays have their sizes once it is planned, which a wrong count gets. */
    convis_status status = convis_fit_objective(m, r, &o, value, &nothing, 0);
    if (status == CONVIS_ESHAPE) {
        for (int k = *count = 0; convis_list(m, CONVIS_PARAMETER, k, &item); k++)
            if (item.requires_gradient) *count += item.count;
        *gradients = calloc((size_t)*count, sizeof **gradients);
        assert_non_null(*gradients);
        status = convis_fit_objective(m, r, &o, value, *gradients, *count);
    }
    convis_recording_close(&r);
    convis_model_free(&m);
    return status;
}

static void fits_of(void **state)
{
    const char *what = *state;
    if (is_left_for_later(what, "LN")) skip();
    begin_counting();
    for (int64_t chunk = 4; chunk <= 40; chunk += 36) {
        double expected, found, *expected_gradients = NULL, *gradients = NULL;
        int64_t n = 0, count = 0;
        convis_status status = objective(on_device, what, chunk, &found, &gradients, &count);
        if (is_not_yet(status)) skip();
        must(on_device, status);
        must(on_host, objective(on_host, what, chunk, &expected, &expected_gradients, &n));
        assert_int_equal(count, n);
        assert_true(n > 20 && expected > 0);
        if (!(fabs(found - expected) <= 1e-5*expected)) fail_msg("%s: %.9g, expected %.9g", what, found, expected);
        compare_gradients(gradients, expected_gradients, n, 0, what, "all");
        free(gradients);
        free(expected_gradients);
    }
    say("gradients");
}

static void write_recordings(void)
{
    static double data[SEEN*SIDE*SIDE];
    char path[64];
    for (int i = 0; i < SEEN*SIDE*SIDE; i++) data[i] = 2*chance(13, (uint64_t)i) - 1;
    snprintf(path, sizeof path, "%s/movie.npy", folder);
    write_npy(path, 3, (int64_t[]){ SEEN, SIDE, SIDE }, data);
    for (int i = 0; i < SEEN*SIDE*SIDE; i++) data[i] = chance(14, (uint64_t)i);
    snprintf(path, sizeof path, "%s/maps.npy", folder);
    write_npy(path, 2, (int64_t[]){ SEEN, SIDE*SIDE }, data);
    snprintf(path, sizeof path, "%s/cells.npy", folder);
    write_npy(path, 2, (int64_t[]){ SEEN, 3 }, data);
}

/* ---- All ---- */

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        { "layers of one's own", foreign_layers, after_faults, NULL, NULL },
        { "wrong calls", wrong_calls, after_faults, NULL, NULL },
        { "faults", faults, after_faults, NULL, NULL },
        { "memory", releases, after_faults, NULL, NULL },
        { "strides", strides, after_faults, NULL, NULL }, { "feedback", feedback, after_faults, NULL, NULL },
        { "retina: converged", retinas, after_faults, NULL, (void *)(uintptr_t)"converged" },
        { "retina: virtualretina", retinas, after_faults, NULL, (void *)(uintptr_t)"virtualretina" },
        { "fit: LN", fits_of, after_faults, NULL, (void *)(uintptr_t)"LN" },
        { "fit: LNLN", fits_of, after_faults, NULL, (void *)(uintptr_t)"LNLN" },
        { "fit: mcintosh", fits_of, after_faults, NULL, (void *)(uintptr_t)"mcintosh" },
    };
    char command[64];
    if (!mkdtemp(folder)) return 1;
    write_recordings();
    const int status = run_on_devices(tests, sizeof tests/sizeof *tests, argc > 1 ? argv[1] : NULL);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) ? 1 : status;
}
