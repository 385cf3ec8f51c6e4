/* test_devices.c - every layer on a device (devices.h) against the same on the processor.
 *
 *      test_devices [PATTERN]          only tests like "lif: *"
 *
 * Settings are those of every_layer.c (trials.c) and, of gradients, of test_gradients.c (gradient_trials.c). */
#include "devices.h"
#include "gradient_trials.h"
#include "trials.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How far from the processor's numbers, as a part of an output's largest, and why so far. The last row is everybody else's: a layer
 * whose kernels are the same text, without sums that could be in another order, differs at most where a compiler rounds a
 * quotient or a root otherwise. */
#define AGAIN "a blur whose sums are put together in another order, fed back frame by frame"
#define SUMS  "sums over a kernel in another order; by Fourier transforms, perhaps, on the processor alone"
static const struct { const char *type; double tolerance; const char *why; } TOLERANCES[] = {
    { "leaky_heat", 1e-5, AGAIN }, { "gain_control", 1e-5, AGAIN }, { "luminance_gain", 1e-5, AGAIN },
    { "conv", 1e-5, SUMS }, { "smooth_conv", 1e-5, SUMS }, { "rf", 1e-5, SUMS }, { "readout", 1e-5, SUMS },
    { NULL, 2e-6, "" },
};

static double tolerance_of(const convis_layer_type *type)
{
    int k = 0;
    while (TOLERANCES[k].type && strcmp(TOLERANCES[k].type, type->name)) k++;
    return TOLERANCES[k].tolerance;
}

/* Skips a test of a layer that may be missing. */
static void ready(const convis_layer_type *type)
{
    const trial q = { type, shape_of(SMALL), 0, ALONE };
    convis_model *m = NULL;
    convis_status status = planned_on(on_device, &q, &PLAIN, &m);
    const int missing = is_not_yet(status);
    convis_model_free(&m);
    if (missing) skip();
    must(on_device, status);
}

/* More variants than every_layer.c has, as only from the fourth on all methods of blurs are among them; those alone. */
enum { MORE_VARIANTS = 6 };
static void for_each(const convis_layer_type *type, const int *shapes, int variants, void (*f)(const trial *))
{
    ready(type);
    for (const int *first = shapes; *shapes >= 0; shapes++)
        for (int v = 0; v < variants; v++)
            for (int k = 0; k < (v < VARIANTS ? SETTINGS : ALONE + 1); k++) {
                const trial q = { type, shape_of(*shapes), v, k };
                if (v && shapes != first && !at_length()) continue;
                if (fits(&q)) f(&q);
            }
}

/* A loop beside the layer, of so many frames: no sub-chunk of the model may be longer. */
static void shorten(convis_model *m, int frames)
{
    convis_item item;
    int k = 0;
    while (convis_list(m, CONVIS_LAYER, k, &item) && strcmp(item.path, "it")) k++;
    const convis_edge it = { { k + 1 }, 0 }, twice[] = { it, it };
    const convis_node again = convis_join(m, type_named("sum"), "again", twice, 2);
    convis_connect(m, again, 1, (convis_edge){ again, frames });
}

/* ---- Forward ---- */

static void forward_of(const trial *q)
{
    const manner how = { NULL, 1, RANDOMLY, 17, 7, 1, NULL };
    recording expected = lived(on_host, q, &how), found = lived(on_device, q, &how);
    compare(&found, &expected, tolerance_of(q->type), 0.001, describe(q));
    recording_free(&found);
    recording_free(&expected);
}

static void forward(void **state)
{
    const convis_layer_type *type = *state;
    begin_counting();
    for_each(type, (const int[]){ 0, SMALL, 3, BATCHES, -1 }, MORE_VARIANTS, forward_of);
    assert_true(numbers > 1000);
    assert_true(!type->spikes || spikes > 10);
    say("forward");
}

/* On the device the same bits, whatever the chunks; which outputs are probed does not matter either. */
static void chunks_of(const trial *q)
{
    static const manner HOW[] = {
        { NULL, 1, SINGLES, 1, 7, 1, NULL }, { NULL, 1, RANDOMLY, 17, 7, 0, NULL }, { NULL, 1, WHOLE, 3, 7, 1, NULL },
    };
    recording expected = lived(on_device, q, &PLAIN);
    for (size_t k = 0; k < sizeof HOW/sizeof *HOW; k++) {
        char what[400];
        recording found = lived(on_device, q, &HOW[k]);
        snprintf(what, sizeof what, "%s; planned for %d frames", describe(q), (int)longest(q, &HOW[k]));
        assert_same(&found, &expected, what);
        recording_free(&found);
    }
    /* Chunks that are run in pieces, as long ones of large models are. */
    convis_model *m = build(on_device, q);
    convis_tensor movie = movie_of(q);
    recording found = { 0 };
    shorten(m, 4);
    probe_outputs(m, q, 0);
    must(on_device, convis_plan(m, q->shape));
    must(on_device, convis_seed(m, PLAIN.seed));
    record(m, movie, 0, q->shape.dim[CONVIS_T], WHOLE, q->shape.dim[CONVIS_T], &found);
    assert_same(&found, &expected, describe(q));
    recording_free(&found);
    recording_free(&expected);
    convis_model_free(&m);
    free(movie.data);
}

static void chunks(void **state)
{
    for_each(*state, (const int[]){ BATCHES, -1 }, MORE_VARIANTS, chunks_of);
    if (at_length() || need_of(*state)->one_map)
        for_each(*state, (const int[]){ 2, -1 }, need_of(*state)->one_map ? MORE_VARIANTS : 1, chunks_of);
}

/* ---- State ---- */

/* Frames in which the model shall forget everything. */
static void run_elsewhere(convis_context *c, convis_model *m, convis_tensor movie)
{
    for (int64_t t = movie.shape.dim[CONVIS_T] - 1; t > 2; t -= 5)
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, t, t + 1)));
}

static void reset_of(const trial *q)
{
    const int64_t frames = q->shape.dim[CONVIS_T];
    convis_model *m = NULL;
    convis_tensor movie = movie_of(q);
    recording expected = lived(on_device, q, &PLAIN), found = { 0 };
    must(on_device, planned_on(on_device, q, &PLAIN, &m));
    run_elsewhere(on_device, m, movie);
    must(on_device, convis_reset(m));
    record(m, movie, 0, frames, WHOLE, frames, &found);
    assert_same(&found, &expected, describe(q));
    recording_free(&found);
    recording_free(&expected);
    convis_model_free(&m);
    free(movie.data);
}

static void push_pop_of(const trial *q)
{
    const int64_t frames = q->shape.dim[CONVIS_T];
    convis_model *m = NULL;
    convis_tensor movie = movie_of(q);
    recording expected = lived(on_device, q, &PLAIN), found = { 0 };
    must(on_device, planned_on(on_device, q, &PLAIN, &m));
    record(m, movie, 0, frames/2, WHOLE, frames, &found);
    must(on_device, convis_push(m));
    run_elsewhere(on_device, m, movie);
    must(on_device, convis_push(m));
    must(on_device, convis_reset(m));
    must(on_device, convis_pop(m));
    must(on_device, convis_pop(m));
    refused(on_device, CONVIS_ESTATE, "no state was pushed", convis_pop(m));
    record(m, movie, frames/2, frames, RANDOMLY, frames, &found);
    assert_same(&found, &expected, describe(q));
    recording_free(&found);
    recording_free(&expected);
    convis_model_free(&m);
    free(movie.data);
}

/* The second half of a movie, by another model that got the state of the first one in the middle. */
static recording second_half(convis_context *first, convis_context *second, const trial *q, convis_tensor movie)
{
    const int64_t frames = q->shape.dim[CONVIS_T];
    convis_model *a = NULL, *b = NULL;
    recording head = { 0 }, tail = { 0 };
    must(first, planned_on(first, q, &PLAIN, &a));
    must(second, planned_on(second, q, &PLAIN, &b));
    const size_t size = convis_state_size(a);
    char *bytes = malloc(size);
    assert_non_null(bytes);
    assert_int_equal(convis_state_size(b), size);
    record(a, movie, 0, frames/2, RANDOMLY, frames, &head);
    run_elsewhere(second, b, movie);
    must(first, convis_state_get(a, bytes));
    refused(second, CONVIS_ESHAPE, "this model's has", convis_state_put(b, bytes, size - 1));
    must(second, convis_state_put(b, bytes, size));
    assert_int_equal(convis_frame(b), frames/2);
    record(b, movie, frames/2, frames, WHOLE, frames, &tail);
    recording_free(&head);
    convis_model_free(&a);
    convis_model_free(&b);
    free(bytes);
    return tail;
}

static void get_put_of(const trial *q)
{
    convis_tensor movie = movie_of(q);
    recording usual = second_half(on_host, on_host, q, movie), a = second_half(on_device, on_device, q, movie);
    recording b = second_half(on_host, on_device, q, movie), c = second_half(on_device, on_host, q, movie);
    compare(&a, &usual, tolerance_of(q->type), 0.001, describe(q));
    compare(&b, &usual, tolerance_of(q->type), 0.001, describe(q));
    compare(&c, &usual, tolerance_of(q->type), 0.001, describe(q));
    recording_free(&usual);
    recording_free(&a);
    recording_free(&b);
    recording_free(&c);
    free(movie.data);
}

static void states(void **state)
{
    const int *shapes = (const int[]){ SMALL, BATCHES, -1 } + !at_length();
    for_each(*state, shapes, 2, reset_of);
    for_each(*state, shapes, 2, push_pop_of);
    for_each(*state, shapes, 2, get_put_of);
}

/* Noise is the seed's. */
static int another_run;
static void seeds_of(const trial *q)
{
    manner other = PLAIN;
    other.seed = 8;
    recording once = lived(on_device, q, &PLAIN), again = lived(on_device, q, &PLAIN), another = lived(on_device, q, &other);
    assert_same(&again, &once, describe(q));
    for (int k = 0; k < once.outputs; k++)
        another_run |= memcmp(once.output[k].data, another.output[k].data,
                              (size_t)(once.frames*once.output[k].n)*sizeof(convis_real)) != 0;
    recording_free(&once);
    recording_free(&again);
    recording_free(&another);
}

static void seeds(void **state)
{
    another_run = 0;
    for_each(*state, (const int[]){ SMALL, -1 }, VARIANTS, seeds_of);
    assert_int_equal(another_run, need_of(*state)->noisy);
}

/* ---- Gradients ---- */

/* How large L's parts are. */
static double size_of(const subject *s)
{
    double squares = 0;
    const int64_t frames = s->movie.shape.dim[CONVIS_T];
    restart(s);
    for (int64_t t = 0; t < frames; t += s->longest) {
        convis_tensor y;
        must(s->context,
             convis_run(s->model, convis_slice(s->movie, CONVIS_T, t, t + s->longest < frames ? t + s->longest : frames)));
        must(s->context, convis_output(s->model, "it", &y));
        const int64_t n = convis_elements(y.shape), before = t*(n/y.shape.dim[CONVIS_T]);
        for (int64_t i = 0; i < n; i++) squares += pow(weight_of(0, before + i)*(double)y.data[i], 2);
    }
    return sqrt(squares);
}

/* A scalar that hardly matters has a gradient of which cancelling leaves few digits. Outputs have seven, so that a gradient is held to
 * no more than 1e-7 of L's size over the scalar. */
static double floor_of(const subject *s, double size, const char *path)
{
    convis_item item;
    for (int k = 0; convis_list(s->model, CONVIS_PARAMETER, k, &item); k++)
        if (!strcmp(item.path, path)) return item.array ? 0 : 1e-7/SLOPE_TOLERANCE*size/(fabs(item.value) + 1e-2);
    return 0;
}

/* Two chunks: the second of them is run again from its state, then the first; as a whole, or (`piece`) in pieces. */
static void compare_on_device(const convis_layer_type *type, const setting *how, int piece)
{
    const convis_shape shape = { { 1, 1, FRAMES, 6, 7 } };
    char what[400];
    subject a = subject_on(on_host, type, how, shape, 5), b = subject_on(on_device, type, how, shape, 5);
    snprintf(what, sizeof what, "%s: %s, pieces of %d", type->name, how->set, piece);
    must(on_host, plan_subject(&a));
    if (piece) shorten(b.model, piece);
    must(on_device, plan_subject(&b));
    gradient expected = gradient_of(&a), found = gradient_of(&b);
    const double size = size_of(&a);
    int k = 0;
    for (int j = 0; j < expected.paths; j++, k++) {
        for (; k < found.paths && strcmp(found.path[k], expected.path[j]); k++) {}           /* the loop's own */
        assert_true(k < found.paths);
        assert_int_equal(found.count[k], expected.count[j]);
        const double floor = floor_of(&a, size, found.path[k]);
        compare_gradients(found.value[k], expected.value[j], found.count[k], floor, what, found.path[k]);
    }
    compare_gradients(found.movie, expected.movie, found.frames, 0, what, "input");
    gradient_free(&found);
    gradient_free(&expected);
    leave(&a);
    leave(&b);
}

static void gradients(void **state)
{
    const convis_layer_type *type = *state;
    const setting *how;
    ready(type);
    begin_counting();
    for (int k = 0; (how = settings_of(type, k)); k++)
        for (int piece = 0; piece <= 2; piece += 2) compare_on_device(type, how, piece);
    assert_true(numbers >= FRAMES*6*7);
    say("gradients");
}

/* ---- All ---- */

int main(int argc, char **argv)
{
    if (!getenv("CONVIS_TEST_DEVICE") && only_at_length()) return 77;        /* test_device_models.c has all kinds of layers */
    static const struct { const char *name; CMUnitTestFunction f; } PROMISES[] = {
        { "forward", forward }, { "chunks", chunks }, { "states", states }, { "seeds", seeds }, { "gradients", gradients },
    };
    enum { PROMISE_COUNT = sizeof PROMISES/sizeof *PROMISES, LAYERS = 64 };
    static struct CMUnitTest tests[LAYERS*PROMISE_COUNT];
    static char names[LAYERS*PROMISE_COUNT][80];
    size_t n = 0;
    for (int k = 0; convis_layer_types()[k] && k < LAYERS; k++)
        for (int j = 0; j < PROMISE_COUNT; j++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", convis_layer_types()[k]->name, PROMISES[j].name);
            tests[n] =
                (struct CMUnitTest){ names[n], PROMISES[j].f, after_faults, NULL, (void *)(uintptr_t)convis_layer_types()[k] };
        }
    return run_on_devices(tests, n, argc > 1 ? argv[1] : NULL);
}
