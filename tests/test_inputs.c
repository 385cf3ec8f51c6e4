/* test_inputs.c - models with several inputs: against the same frames as channels of one, whatever the chunks, threads and strides; their
 * gradients, states and baselines; layers of many inputs; movies side by side; and what is refused. */
#include "devices.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEIGHT = 4, WIDTH = 6, N = HEIGHT*WIDTH, FRAMES = 45 };
static const char *const OUTPUTS[] = { "ratio", "late", "blend", "wide" };
enum { OUTPUT_COUNT = sizeof OUTPUTS/sizeof *OUTPUTS };
static convis_real both[FRAMES*2*N], movie[FRAMES*N], speed[FRAMES*N];   /* both: channels of one input */

static void draw_frames(void)
{
    for (int t = 0; t < FRAMES; t++)
        for (int i = 0; i < N; i++) {
            both[(2*t)*N + i]     = movie[t*N + i] = (convis_real)chance(1, (uint64_t)(t*N + i));
            both[(2*t + 1)*N + i] = speed[t*N + i] = (convis_real)chance(2, (uint64_t)(t*N + i));
        }
}

/* What comes of the two nodes: delayed edges from either, a layer that looks back, one node twice, both side by side. */
static void add_layers(convis_model *m, convis_node a, convis_node b)
{
    convis_node low = convis_add(m, type_named("lowpass"), "low", b);
    convis_join(m, type_named("product"), "ratio", (convis_edge[]){ { a, 0 }, { b, 3 } }, 2);
    convis_node late = convis_add(m, type_named("delay"), "late", b);
    convis_join(m, type_named("sum"), "blend", (convis_edge[]){ { a, 5 }, { low, 0 }, { b, 1 }, { b, 0 } }, 4);
    convis_join(m, type_named("concatenate"), "wide", (convis_edge[]){ { late, 0 }, { a, 1 }, { low, 2 } }, 3);
    must_set(m, "low", "tau", 0.004);
    must_set(m, "late", "delay", 0.0035);
    for (int k = 0; k < OUTPUT_COUNT; k++) must(convis_model_context(m), convis_probe(m, OUTPUTS[k]));
}

/* inputs: two of them, else two channels of one. gradients: of those and of the low pass. */
static convis_model *build(convis_context *c, int inputs, int gradients, int64_t chunk)
{
    convis_model *m;
    convis_shape shape = convis_movie_shape(chunk, HEIGHT, WIDTH);
    must(c, convis_model_new(c, 0.001, &m));
    if (inputs == 2) {
        convis_node b;
        must(c, convis_add_input(m, "speed", convis_movie_shape(1, HEIGHT, WIDTH), &b));
        add_layers(m, convis_input(m), b);
        must(c, convis_input_baseline(m, "speed", 0.4));
    } else {
        convis_node each[2];
        shape.dim[CONVIS_C] = 2;
        for (int k = 0; k < 2; k++) {
            each[k] = convis_add(m, type_named("select"), k ? "b" : "a", convis_input(m));
            must_set(m, k ? "b" : "a", "first", k);
        }
        add_layers(m, each[0], each[1]);
    }
    must(c, convis_baseline(m, 0.4));
    if (gradients) {
        must(c, convis_require_gradient(m, "low"));
        must(c, convis_require_gradient(m, "input"));
        if (inputs == 2) must(c, convis_require_gradient(m, "speed"));
    }
    must(c, convis_plan(m, shape));
    return m;
}

static convis_tensor frames_of(convis_real *data, int64_t channels, int64_t from, int64_t count)
{
    convis_shape s = convis_movie_shape(count, HEIGHT, WIDTH);
    s.dim[CONVIS_C] = channels;
    convis_tensor t = convis_view(data + from*channels*N, s);
    t.stride[CONVIS_C] = N;
    t.stride[CONVIS_T] = channels*N;
    return t;
}

/* From two movies, or, with `apart`, from where they lie in `both`, frames apart. */
static void run_two(convis_model *m, int64_t from, int64_t count, int apart)
{
    convis_context *c = convis_model_context(m);
    convis_tensor a = frames_of(movie, 1, from, count), b = frames_of(speed, 1, from, count);
    if (apart) {
        a.data = both + from*2*N;
        b.data = both + from*2*N + N;
        a.stride[CONVIS_T] = b.stride[CONVIS_T] = 2*N;
    }
    must(c, convis_give(m, "speed", b));
    must(c, convis_run(m, a));
}

typedef struct result { convis_real *data[OUTPUT_COUNT]; int64_t n[OUTPUT_COUNT], have; } result;

static void append(convis_model *m, result *r, int64_t count)
{
    for (int k = 0; k < OUTPUT_COUNT; k++) {
        convis_tensor y;
        must(convis_model_context(m), convis_output(m, OUTPUTS[k], &y));
        r->n[k] = convis_elements(y.shape)/(count ? count : 1);
        if (!r->data[k]) r->data[k] = malloc((size_t)(FRAMES*r->n[k])*sizeof *r->data[k]);
        memcpy(r->data[k] + r->have*r->n[k], y.data, (size_t)(count*r->n[k])*sizeof *y.data);
    }
    r->have += count;
}

static void free_result(result *r) { for (int k = 0; k < OUTPUT_COUNT; k++) free(r->data[k]); }

static void run_all(convis_model *m, result *r, int64_t chunk, int inputs, int apart)
{
    *r = (result){ .have = 0 };
    for (int64_t t = 0; t < FRAMES; t += chunk) {
        const int64_t count = FRAMES - t < chunk ? FRAMES - t : chunk;
        if (inputs == 2) run_two(m, t, count, apart);
        else must(convis_model_context(m), convis_run(m, frames_of(both, 2, t, count)));
        append(m, r, count);
    }
}

static void assert_equal(const result *a, const result *b, double tolerance, const char *what)
{
    for (int k = 0; k < OUTPUT_COUNT; k++) {
        assert_int_equal(a->n[k], b->n[k]);
        for (int64_t i = 0; i < FRAMES*a->n[k]; i++)
            if (!(fabs((double)(a->data[k][i] - b->data[k][i])) <= tolerance))
                fail_msg("%s: %s, number %lld: %.9g, expected %.9g", what, OUTPUTS[k], (long long)i, (double)a->data[k][i],
                         (double)b->data[k][i]);
    }
}

/* Chunks, threads, strides: the same bits as channels of one input. */
static void as_channels(void **state)
{
    static const int64_t CHUNKS[] = { FRAMES, 1, 7, 16 };
    convis_context *c;
    (void)state;
    must(NULL, convis_open(&c, "cpu"));
    for (int threads = 1; threads <= 3; threads++) {
        result expected, found;
        must(c, convis_threads(c, threads));
        convis_model *one = build(c, 1, 0, FRAMES);
        run_all(one, &expected, FRAMES, 1, 0);
        for (int k = 0; k < 8; k++) {
            char what[64];
            convis_model *two = build(c, 2, 0, CHUNKS[k/2]);
            snprintf(what, sizeof what, "%d threads, chunks of %d, %s", threads, (int)CHUNKS[k/2], k%2 ? "apart" : "as they lie");
            run_all(two, &found, CHUNKS[k/2], 2, k%2);
            assert_equal(&found, &expected, 0, what);
            must(c, convis_reset(two));
            free_result(&found);
            run_all(two, &found, CHUNKS[k/2], 2, !(k%2));
            assert_equal(&found, &expected, 0, what);
            free_result(&found);
            convis_model_free(&two);
        }
        free_result(&expected);
        convis_model_free(&one);
    }
    convis_close(&c);
}

/* dL/d(frames) of L = half the sum of squares of all outputs, chunk by chunk from the last; and that of low.tau. */
static void gradients_of(convis_model *m, int inputs, int64_t chunk, convis_real *d_movie, convis_real *d_speed, double *tau)
{
    convis_context *c = convis_model_context(m);
    char *states[FRAMES];
    const size_t size = convis_state_size(m);
    const int64_t chunks = (FRAMES + chunk - 1)/chunk;
    for (int64_t k = 0; k < chunks; k++) {
        const int64_t count = FRAMES - k*chunk < chunk ? FRAMES - k*chunk : chunk;
        must(c, convis_state_get(m, states[k] = malloc(size)));
        if (inputs == 2) run_two(m, k*chunk, count, 0);
        else must(c, convis_run(m, frames_of(both, 2, k*chunk, count)));
    }
    must(c, convis_grad_zero(m));
    for (int64_t k = chunks - 1; k >= 0; k--) {
        const int64_t count = FRAMES - k*chunk < chunk ? FRAMES - k*chunk : chunk;
        convis_tensor d = frames_of(d_movie, inputs == 2 ? 1 : 2, k*chunk, count), e = frames_of(d_speed, 1, k*chunk, count);
        must(c, convis_state_put(m, states[k], size));
        if (inputs == 2) run_two(m, k*chunk, count, 0);
        else must(c, convis_run(m, frames_of(both, 2, k*chunk, count)));
        for (int j = 0; j < OUTPUT_COUNT; j++) {
            convis_tensor y;
            must(c, convis_output(m, OUTPUTS[j], &y));
            must(c, convis_vjp_from(m, OUTPUTS[j], y));
        }
        if (inputs == 2) must(c, convis_vjp_input(m, "speed", &e));
        must(c, convis_vjp(m, &d));
        free(states[k]);
    }
    must(c, convis_vjp_baseline(m));
    must(c, convis_grad(m, "low.tau", tau, 1));
}

static void compare_input_gradients(convis_context *c, double tolerance)
{
    static convis_real d_both[FRAMES*2*N], d_movie[FRAMES*N], d_speed[FRAMES*N];
    static const int64_t CHUNKS[] = { FRAMES, 11, 2 };
    for (int k = 0; k < 3; k++) {
        double tau, expected;
        convis_model *one = build(c, 1, 1, CHUNKS[k]), *two = build(c, 2, 1, CHUNKS[k]);
        gradients_of(one, 1, CHUNKS[k], d_both, d_both, &expected);
        gradients_of(two, 2, CHUNKS[k], d_movie, d_speed, &tau);
        if (fabs(tau - expected) > 1e-4*fabs(expected)) fail_msg("low.tau: %g, expected %g", tau, expected);
        for (int64_t i = 0; i < FRAMES*N; i++) {
            const int64_t at = i/N*2*N + i%N;
            if (fabs((double)(d_movie[i] - d_both[at])) > tolerance || fabs((double)(d_speed[i] - d_both[at + N])) > tolerance)
                fail_msg("chunks of %d, element %d: %g and %g, expected %g and %g", (int)CHUNKS[k], (int)i, (double)d_movie[i],
                         (double)d_speed[i], (double)d_both[at], (double)d_both[at + N]);
        }
        convis_model_free(&one);
        convis_model_free(&two);
    }
}

static void gradients(void **state)
{
    convis_context *c;
    (void)state;
    must(NULL, convis_open(&c, "cpu"));
    for (int threads = 1; threads <= 2; threads++) {
        must(c, convis_threads(c, threads));
        compare_input_gradients(c, sizeof(convis_real) == 4 ? 2e-5 : 1e-13);
    }
    convis_close(&c);
}

/* Their histories are part of the state: stack, bytes, file. */
static void states(void **state)
{
    convis_context *c;
    char path[64];
    result first = { .have = 0 }, again = { .have = 0 };
    (void)state;
    must(NULL, convis_open(&c, "cpu"));
    convis_model *m = build(c, 2, 0, FRAMES), *other = build(c, 2, 0, FRAMES), *one = build(c, 1, 0, FRAMES);
    temporary(path);
    run_two(m, 0, 20, 0);
    must(c, convis_push(m));
    must(c, convis_state_save(m, path));
    run_two(m, 20, FRAMES - 20, 0);
    append(m, &first, FRAMES - 20);
    must(c, convis_pop(m));
    run_two(m, 20, FRAMES - 20, 1);
    append(m, &again, FRAMES - 20);
    for (int k = 0; k < OUTPUT_COUNT; k++)
        assert_memory_equal(first.data[k], again.data[k], (size_t)((FRAMES - 20)*first.n[k])*sizeof(convis_real));
    again.have = 0;
    must(c, convis_state_load(other, path));
    run_two(other, 20, FRAMES - 20, 0);
    append(other, &again, FRAMES - 20);
    for (int k = 0; k < OUTPUT_COUNT; k++)
        assert_memory_equal(first.data[k], again.data[k], (size_t)((FRAMES - 20)*first.n[k])*sizeof(convis_real));
    refused(c, CONVIS_ESHAPE, "another model", convis_state_load(one, path));
    unlink(path);
    free_result(&first);
    free_result(&again);
    convis_model_free(&m);
    convis_model_free(&other);
    convis_model_free(&one);
    convis_close(&c);
}

/* Each input has a baseline of its own, and any shape. */
static void baselines_and_shapes(void **state)
{
    convis_context *c;
    convis_model *m;
    convis_node b, d;
    convis_tensor y;
    convis_item item;
    convis_real still[2*N], beat[2*3] = { 1, 2, 3, 4, 5, 6 };
    (void)state;
    must(NULL, convis_open(&c, "cpu"));
    must(c, convis_model_new(c, 0.001, &m));
    must(c, convis_name_input(m, "movie"));
    must(c, convis_add_input(m, "beat", (convis_shape){ { 1, 3, 1, 1, 1 } }, &b));
    must(c, convis_add_input(m, "unused", (convis_shape){ { 2, 1, 1, 2, 2 } }, &d));
    convis_join(m, type_named("sum"), "old", (convis_edge[]){ { convis_input(m), 9 }, { convis_input(m), 9 } }, 2);
    convis_join(m, type_named("sum"), "beats", (convis_edge[]){ { b, 1 }, { b, 0 } }, 2);
    must(c, convis_input_baseline(m, "movie", 0.25));
    must(c, convis_input_baseline(m, "beat", -3));
    must(c, convis_probe(m, "old"));
    must(c, convis_probe(m, "beats"));
    must(c, convis_plan(m, convis_movie_shape(2, HEIGHT, WIDTH)));
    assert_true(convis_list(m, CONVIS_INPUT, 1, &item));
    assert_string_equal(item.path, "beat");
    assert_int_equal(item.count, 3);
    assert_true(item.value == -3);
    assert_false(convis_list(m, CONVIS_INPUT, 3, &item));
    memset(still, 0, sizeof still);
    convis_real four[2*8] = { 0 };
    must(c, convis_give(m, "beat", convis_view(beat, (convis_shape){ { 1, 3, 2, 1, 1 } })));
    must(c, convis_give(m, "unused", convis_view(four, (convis_shape){ { 2, 1, 2, 2, 2 } })));
    must(c, convis_run(m, convis_view(still, convis_movie_shape(2, HEIGHT, WIDTH))));
    must(c, convis_output(m, "old", &y));
    for (int i = 0; i < 2*N; i++) assert_true(y.data[i] == (convis_real)0.5);
    must(c, convis_output(m, "beats", &y));
    for (int k = 0; k < 3; k++) {                        /* `beat` is (C, T): a channel's frames lie together */
        assert_true(y.data[k] == (convis_real)(-3 + (double)beat[2*k]));
        assert_true(y.data[3 + k] == beat[2*k] + beat[2*k + 1]);
    }
    convis_model_free(&m);
    convis_close(&c);
}

static void refusals(void **state)
{
    convis_context *c;
    convis_model *m;
    convis_node b;
    const convis_shape shape = convis_movie_shape(1, HEIGHT, WIDTH);
    (void)state;
    must(NULL, convis_open(&c, "cpu"));
    static const struct { const char *name, *says; convis_shape shape; convis_status status; } BAD[] = {
        { "", "1 to", { { 1, 1, 1, 1, 1 } }, CONVIS_EINVAL }, { "input", "two inputs", { { 1, 1, 1, 1, 1 } }, CONVIS_ENAME },
        { "low", "two inputs", { { 1, 1, 1, 1, 1 } }, CONVIS_ENAME }, { "x", "x: frames", { { 1, 1, 2, 1, 1 } }, CONVIS_ESHAPE },
        { "x", "x: frames", { { 1, 0, 1, 1, 1 } }, CONVIS_ESHAPE },
    };
    for (size_t k = 0; k < sizeof BAD/sizeof *BAD; k++) {
        must(c, convis_model_new(c, 0.001, &m));
        convis_add(m, type_named("lowpass"), "low", convis_input(m));
        refused(c, BAD[k].status, BAD[k].says, convis_add_input(m, BAD[k].name, BAD[k].shape, &b));
        assert_int_equal(b.id, -1);
        refused(c, BAD[k].status, BAD[k].says, convis_plan(m, shape));
        convis_model_free(&m);
    }
    must(c, convis_model_new(c, 0.001, &m));
    must(c, convis_add_input(m, "speed", shape, &b));
    assert_int_equal(convis_add(m, type_named("lowpass"), "speed", b).id, -1);
    refused(c, CONVIS_ENAME, "an input has that name", convis_plan(m, shape));
    convis_model_free(&m);
    must(c, convis_model_new(c, 0.001, &m));
    assert_int_equal(convis_add(m, type_named("lowpass"), "low", (convis_node){ -2 }).id, -1);
    convis_model_free(&m);

    m = build(c, 2, 0, 5);
    convis_tensor a = frames_of(movie, 1, 0, 5), four = frames_of(speed, 1, 0, 4), none = { .shape = a.shape };
    refused(c, CONVIS_ESTATE, "speed: this input was not given", convis_run(m, a));
    refused(c, CONVIS_ENAME, "'sped'", convis_give(m, "sped", a));
    refused(c, CONVIS_EINVAL, "given to convis_run", convis_give(m, "input", a));
    refused(c, CONVIS_EINVAL, "speed: 5 frames without data", convis_give(m, "speed", none));
    refused(c, CONVIS_ESHAPE, "speed: ", convis_give(m, "speed", frames_of(speed, 1, 0, 6)));
    refused(c, CONVIS_ESHAPE, "speed: ", convis_give(m, "speed", frames_of(both, 2, 0, 5)));
    must(c, convis_give(m, "speed", four));
    refused(c, CONVIS_ESHAPE, "expected (1, 1, 5,", convis_run(m, a));
    must(c, convis_run(m, frames_of(movie, 1, 0, 4)));
    refused(c, CONVIS_ESTATE, "not given", convis_run(m, a));            /* each run needs its own */
    refused(c, CONVIS_ESTATE, "not asked for", convis_vjp_input(m, "speed", &a));
    refused(c, CONVIS_ESTATE, "planned", convis_add_input(m, "more", shape, &b));
    convis_model_free(&m);
    convis_close(&c);
}

/* ---- Layers of many inputs ---- */

enum { MOST = 64 };

static void many_inputs(void **state)
{
    static const char *const TYPES[] = { "sum", "product", "concatenate" };
    convis_context *c;
    convis_model *m;
    (void)state;
    must(NULL, convis_open(&c, "cpu"));
    for (int k = 0; k < 6; k++) {
        const int inputs = k < 3 ? MOST : 7, threads = 1 + k%2;
        convis_node node[MOST];
        convis_edge edge[MOST + 1];
        convis_real data[MOST][2*N], d[MOST][2*N];
        convis_tensor y;
        must(c, convis_threads(c, threads));
        must(c, convis_model_new(c, 0.001, &m));
        node[0] = convis_input(m);
        for (int j = 1; j < inputs; j++) {
            char name[16];
            snprintf(name, sizeof name, "in%d", j);
            must(c, convis_add_input(m, name, convis_movie_shape(1, HEIGHT, WIDTH), &node[j]));
            must(c, convis_require_gradient(m, name));
        }
        must(c, convis_require_gradient(m, "input"));
        for (int j = 0; j < inputs; j++) edge[j] = (convis_edge){ node[j], 0 };
        convis_join(m, type_named(TYPES[k%3]), "it", edge, inputs);
        must(c, convis_probe(m, "it"));
        must(c, convis_plan(m, convis_movie_shape(2, HEIGHT, WIDTH)));
        for (int j = 0; j < inputs; j++)
            for (int i = 0; i < 2*N; i++) data[j][i] = (convis_real)(0.9 + 0.2*chance((uint64_t)j + 5, (uint64_t)i));
        for (int j = 1; j < inputs; j++) {
            char name[16];
            convis_tensor to = convis_view(d[j], convis_movie_shape(2, HEIGHT, WIDTH));
            snprintf(name, sizeof name, "in%d", j);
            must(c, convis_give(m, name, convis_view(data[j], convis_movie_shape(2, HEIGHT, WIDTH))));
            if (j > 1) continue;
            refused(c, CONVIS_ESHAPE, "in1: room", convis_vjp_input(m, name, &to));     /* nothing has run yet */
        }
        must(c, convis_run(m, convis_view(data[0], convis_movie_shape(2, HEIGHT, WIDTH))));
        must(c, convis_output(m, "it", &y));
        for (int t = 0; t < 2; t++)
            for (int i = 0; i < N; i++) {
                double expected = k%3 == 1, got = (double)y.data[t*N + i];
                for (int j = 0; j < inputs; j++) {
                    const double x = (double)data[j][t*N + i];
                    if (k%3 == 0) expected += x;
                    if (k%3 == 1) expected *= x;
                    if (k%3 == 2) assert_true(y.data[(t*inputs + j)*N + i] == data[j][t*N + i]);
                }
                if (k%3 < 2 && fabs(got - expected) > 1e-4)
                    fail_msg("%s of %d: %g, expected %g", TYPES[k%3], inputs, got, expected);
            }
        must(c, convis_vjp_from(m, "it", y));            /* L: half the sum of squares */
        for (int j = 1; j < inputs; j++) {
            char name[16];
            convis_tensor to = convis_view(d[j], convis_movie_shape(2, HEIGHT, WIDTH));
            snprintf(name, sizeof name, "in%d", j);
            must(c, convis_vjp_input(m, name, &to));
        }
        convis_tensor to = convis_view(d[0], convis_movie_shape(2, HEIGHT, WIDTH));
        must(c, convis_vjp(m, &to));
        for (int j = 0; j < inputs; j++)
            for (int i = 0; i < 2*N; i++) {
                const double v = (double)y.data[i], x = (double)data[j][i],
                             expected = k%3 == 0 ? v
                                        : k%3 == 1 ? v*v/x
                                                     : x;
                if (fabs((double)d[j][i] - expected) > 2e-4*fabs(expected))
                    fail_msg("%s of %d: d in%d %g, expected %g", TYPES[k%3], inputs, j, (double)d[j][i], expected);
            }
        convis_model_free(&m);
        must(c, convis_model_new(c, 0.001, &m));
        for (int j = 0; j <= MOST; j++) edge[j] = (convis_edge){ convis_input(m), 0 };
        assert_int_equal(convis_join(m, type_named(TYPES[k%3]), "it", edge, MOST + 1).id, -1);
        refused(c, CONVIS_ESHAPE, "to 64", convis_plan(m, convis_movie_shape(1, HEIGHT, WIDTH)));
        convis_model_free(&m);
    }
    convis_close(&c);
}

/* ---- Movies side by side ---- */

enum { SIDE = 9, LENGTH = 12, PIXELS = SIDE*SIDE };

/* Its output for `movies` of them; NULL where the layer cannot be planned alone. */
static convis_real *side_by_side(convis_context *c, const convis_layer_type *type, const convis_real *data, int64_t movies,
                                 int64_t *n)
{
    convis_model *m;
    convis_tensor y;
    convis_edge edge[4] = { { { 0 }, 0 }, { { 0 }, 1 }, { { 0 }, 2 }, { { 0 }, 3 } };
    convis_shape s = convis_movie_shape(LENGTH, SIDE, SIDE);
    convis_real *out = NULL;
    s.dim[CONVIS_B] = movies;
    must(c, convis_model_new(c, 0.001, &m));
    convis_join(m, type, "it", edge, type->inputs < 4 ? type->inputs : 4);
    must(c, convis_probe(m, "it"));
    if (!convis_plan(m, s)) {
        must(c, convis_run(m, convis_view((convis_real *)(uintptr_t)data, s)));
        must(c, convis_output(m, "it", &y));
        *n = convis_elements(y.shape)/movies/LENGTH;
        out = malloc((size_t)(movies*LENGTH**n)*sizeof *out);
        for (int64_t b = 0; b < movies; b++)             /* to (B, T, ...) */
            for (int64_t t = 0; t < LENGTH; t++)
                memcpy(out + (b*LENGTH + t)**n, y.data + t*y.stride[CONVIS_T] + b*y.stride[CONVIS_B], (size_t)*n*sizeof *out);
    }
    convis_model_free(&m);
    return out;
}

/* Noise is drawn for every place anew, so movies differ by it: of such layers the first movie alone is compared. */
static int is_noisy(const char *name)
{
    static const char *const NOISY[] = { "eye", "lif", "poisson", "event_camera" };
    for (size_t k = 0; k < sizeof NOISY/sizeof *NOISY; k++) if (!strcmp(name, NOISY[k])) return 1;
    return 0;
}

static void batches(void **state)
{
    convis_context *c;
    static convis_real data[3*LENGTH*PIXELS];
    int compared = 0;
    (void)state;
    must(NULL, convis_open(&c, "cpu"));
    for (int i = 0; i < 3*LENGTH*PIXELS; i++) data[i] = (convis_real)chance(9, (uint64_t)i);
    for (const convis_layer_type *const *type = convis_layer_types(); *type; type++) {
        int64_t n = 0, each = 0;
        convis_real *all = side_by_side(c, *type, data, 3, &n);
        if (!all) {
            print_message("             %s: not by itself (%s)\n", (*type)->name, convis_message(c));
            continue;
        }
        for (int b = 0; b < (is_noisy((*type)->name) ? 1 : 3); b++) {
            convis_real *alone = side_by_side(c, *type, data + b*LENGTH*PIXELS, 1, &each);
            assert_non_null(alone);
            assert_int_equal(n, each);
            for (int64_t i = 0; i < LENGTH*n; i++)
                if (memcmp(&alone[i], &all[b*LENGTH*n + i], sizeof *alone))
                    fail_msg("%s: movie %d of 3, number %d: %.9g, alone %.9g", (*type)->name, b, (int)i,
                             (double)all[b*LENGTH*n + i], (double)alone[i]);
            free(alone);
        }
        compared++;
        free(all);
    }
    assert_true(compared > 30);
    convis_close(&c);
}

/* ---- On a device ---- */

static void runs_on_device(void **state)
{
    static const int64_t CHUNKS[] = { FRAMES, 16, 1 };
    result expected, found;
    (void)state;
    convis_model *one = build(on_host, 1, 0, FRAMES);
    run_all(one, &expected, FRAMES, 1, 0);
    for (int k = 0; k < 6; k++) {
        convis_model *two = build(on_device, 2, 0, CHUNKS[k/2]);
        run_all(two, &found, CHUNKS[k/2], 2, k%2);
        assert_equal(&found, &expected, 1e-5, convis_device_name(on_device));
        free_result(&found);
        convis_model_free(&two);
    }
    free_result(&expected);
    convis_model_free(&one);
    compare_input_gradients(on_device, 1e-4);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_channels), cmocka_unit_test(gradients),
                                        cmocka_unit_test(states),      cmocka_unit_test(baselines_and_shapes),
                                        cmocka_unit_test(refusals), cmocka_unit_test(many_inputs),
                                        cmocka_unit_test(batches) };
    const struct CMUnitTest devices[] = { cmocka_unit_test(runs_on_device) };
    draw_frames();
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    const int failed_there = run_on_devices(devices, 1, argc > 1 ? argv[1] : NULL);
    return failed + (failed_there == 77 ? 0 : failed_there);
}
