/* test_replan.c - a model is planned again, for another size, another chunk, other probes, and loses nothing; frames in and out of the
 * caller's memory. */
#include "harness.h"
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

static convis_context *c;
static int begin(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int end(void **state) { (void)state; convis_close(&c); return 0; }

/* Both run the movie; the second is what the first must be like. */
static void alike(convis_model *m, convis_model *expected, convis_tensor movie, const char *what)
{
    recording a = { 0 }, b = { 0 };
    const int64_t frames = movie.shape.dim[CONVIS_T];
    must(c, convis_reset(m));
    must(c, convis_reset(expected));
    record(m, movie, 0, frames, RANDOMLY, convis_chunk(m), &a);
    record(expected, movie, 0, frames, WHOLE, convis_chunk(expected), &b);
    assert_true(a.outputs > 0);
    assert_int_equal(a.outputs, b.outputs);
    assert_same(&a, &b, what);
    recording_free(&a);
    recording_free(&b);
}

/* ---- Another size ---- */

static convis_model *filter(double tau)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.005, &m));
    convis_node low = convis_add(m, type_named("lowpass"), "low", convis_input(m));
    convis_add(m, type_named("conv"), "conv", low);
    must_set(m, "low", "tau", tau);
    must(c, convis_set_initialiser(m, "conv.weights", "gaussian?sigma=1.5"));
    must(c, convis_probe(m, "conv"));
    return m;
}

static void sizes(void **state)
{
    (void)state;
    convis_tensor small = noise_movie(convis_movie_shape(20, 10, 12), 0, 1, 3),
                  large = noise_movie(convis_movie_shape(20, 17, 23), 0, 1, 4);
    convis_model *m = filter(0.02), *fresh = filter(0.035);
    double tau;
    must(c, convis_plan(m, small.shape));
    must(c, convis_run(m, small));
    must(c, convis_set(m, "low.tau", 0.035));
    must(c, convis_plan(m, large.shape));
    must(c, convis_plan(fresh, large.shape));
    assert_int_equal(convis_frame(m), 0);
    must(c, convis_get(m, "low.tau", &tau));
    assert_true(tau == 0.035);
    alike(m, fresh, large, "larger");
    must(c, convis_plan(m, convis_movie_shape(3, 10, 12)));
    must(c, convis_plan(fresh, small.shape));
    assert_int_equal(convis_chunk(m), 3);
    alike(m, fresh, small, "smaller again");
    convis_model_free(&m);
    convis_model_free(&fresh);
    free(small.data);
    free(large.data);
}

static convis_recipe *retina(const char *name)
{
    convis_recipe *r;
    must(c, convis_recipe_open(c, name, &r));
    return r;
}

static convis_model *seen_by(const char *name, int64_t width, int64_t height)
{
    convis_recipe *r = retina(name);
    convis_model *m;
    must(c, convis_recipe_set(r, "opl.center.tau", "0.012"));
    must(c, convis_recipe_build(r, width, height, &m));
    if (strcmp(name, "linear")) must(c, convis_probe(m, "bipolar"));
    must(c, convis_probe(m, "opl"));
    must(c, convis_record_spikes(m, 1));
    convis_recipe_free(&r);
    return m;
}

/* Windows, tables and cells of a retina follow the size; what was set after building stays. */
static void retinas(void **state)
{
    const char *name;
    (void)state;
    for (int k = 0; (name = retina_named(k)); k++) {
        convis_tensor movie = noise_movie(convis_movie_shape(30, 90, 110), 0, 255, 5);
        convis_model *m = seen_by(name, 120, 100), *fresh = seen_by(name, 110, 90);
        const convis_cell *a, *b;
        int64_t n, expected;
        must(c, convis_set(m, "opl.surround.tau", 0.023));
        must(c, convis_set(fresh, "opl.surround.tau", 0.023));
        must(c, convis_plan(m, convis_movie_shape(7, 100, 120)));
        must(c, convis_plan(m, convis_movie_shape(11, 90, 110)));
        must(c, convis_plan(fresh, movie.shape));
        must(c, convis_cells(m, &a, &n));
        must(c, convis_cells(fresh, &b, &expected));
        assert_int_equal(n, expected);
        for (int64_t j = 0; j < n; j++) if (memcmp(&a[j], &b[j], sizeof *a)) fail_msg("%s: cell %lld", name, (long long)j);
        alike(m, fresh, movie, name);
        convis_model_free(&m);
        convis_model_free(&fresh);
        free(movie.data);
    }
}

/* A composition is sized, too: it is made again as a whole. And what cannot be made again says so. */
static void compositions(void **state)
{
    static const char TEXT[] = "layers:\n  - {name: eye, model: primate, set: {ganglion_0.cells: dense}}\n  - {name: v1, type: lowpass, input: eye.ganglion_0}\n";
    convis_recipe *r, *plain = retina("retina");
    convis_model *m, *fresh;
    convis_tensor movie = noise_movie(convis_movie_shape(9, 40, 60), 0, 255, 6);
    (void)state;
    must(c, convis_recipe_read(c, "text", TEXT, sizeof TEXT - 1, &r));
    must(c, convis_recipe_build(r, 100, 90, &m));
    must(c, convis_recipe_build(r, 60, 40, &fresh));
    must(c, convis_probe(m, "v1"));
    must(c, convis_probe(fresh, "v1"));
    must(c, convis_plan(m, movie.shape));
    must(c, convis_plan(fresh, movie.shape));
    alike(m, fresh, movie, "composition");
    must(c, convis_unplan(m));
    convis_add(m, type_named("relu"), "more", convis_node_named(m, "v1"));
    must(c, convis_plan(m, movie.shape));
    refused(c, CONVIS_ESHAPE, "layers were added", convis_plan(m, convis_movie_shape(9, 41, 60)));
    convis_model_free(&m);
    convis_model_free(&fresh);
    convis_recipe_free(&r);
    must(c, convis_model_new(c, 0.001, &m));
    convis_insert(m, plain, "retina", convis_input(m), 60, 40);
    refused(c, CONVIS_ESHAPE, "its input has 61x40 pixels, the model that it belongs to was inserted for 60x40",
            convis_plan(m, convis_movie_shape(9, 40, 61)));
    must(c, convis_plan(m, movie.shape));
    convis_model_free(&m);
    convis_recipe_free(&plain);
    free(movie.data);
}

/* Arrays: begun ones are begun anew, those that were set stay, and must suit. */
static void arrays(void **state)
{
    convis_model *m;
    double *weights = calloc(6*8, sizeof *weights), found[48];
    (void)state;
    must(c, convis_model_new(c, 0.005, &m));
    convis_add(m, type_named("rf"), "rf", convis_input(m));
    must_set(m, "rf", "frames", 1);
    must(c, convis_plan(m, convis_movie_shape(4, 6, 8)));
    must(c, convis_plan(m, convis_movie_shape(4, 3, 5)));           /* nobody set its weights */
    must(c, convis_plan(m, convis_movie_shape(4, 6, 8)));
    for (int k = 0; k < 48; k++) weights[k] = k;
    must(c, convis_set_array(m, "rf.weights", weights, 48));
    must(c, convis_plan(m, convis_movie_shape(9, 6, 8)));
    must(c, convis_get_array(m, "rf.weights", found, 48));
    assert_memory_equal(found, weights, sizeof found);
    refused(c, CONVIS_ESHAPE, "rf.weights: 48 values, expected 15", convis_plan(m, convis_movie_shape(4, 3, 5)));
    refused(c, CONVIS_ESTATE, "planned", convis_reset(m));
    must(c, convis_plan(m, convis_movie_shape(4, 6, 8)));           /* it is as before it was planned */
    must(c, convis_get_array(m, "rf.weights", found, 48));
    assert_memory_equal(found, weights, sizeof found);
    convis_model_free(&m);
    free(weights);
}

/* A copy goes on as the model does, whatever becomes of that; and it, too, is of any size. */
static void copies(void **state)
{
    convis_tensor movie = noise_movie(convis_movie_shape(30, 30, 34), 0, 255, 12),
                  larger = noise_movie(convis_movie_shape(7, 50, 64), 0, 255, 13);
    recording rest = { 0 }, expected = { 0 };
    convis_model *m = seen_by("retina", 34, 30), *copy, *unplanned, *fresh = seen_by("retina", 64, 50);
    (void)state;
    must(c, convis_seed(m, 5));
    must(c, convis_set(m, "bipolar.leak", 17));
    must(c, convis_baseline(m, 90));
    must(c, convis_model_copy(m, &unplanned));
    must(c, convis_plan(m, convis_movie_shape(20, 30, 34)));
    must(c, convis_run(m, convis_slice(movie, CONVIS_T, 0, 11)));
    must(c, convis_model_copy(m, &copy));
    assert_int_equal(convis_frame(copy), 11);
    record(m, movie, 11, 30, WHOLE, 20, &expected);
    convis_model_free(&m);
    record(copy, movie, 11, 30, RANDOMLY, 20, &rest);
    assert_int_equal(rest.outputs, expected.outputs);
    assert_true(expected.spike_count > 0);
    assert_same(&rest, &expected, "copy");
    must(c, convis_set(fresh, "bipolar.leak", 17));
    must(c, convis_baseline(fresh, 90));
    must(c, convis_seed(fresh, 5));
    must(c, convis_plan(copy, larger.shape));
    must(c, convis_plan(unplanned, larger.shape));
    must(c, convis_plan(fresh, larger.shape));
    alike(copy, fresh, larger, "a copy for another size");
    alike(unplanned, fresh, larger, "a copy of what was not planned");
    recording_free(&rest);
    recording_free(&expected);
    convis_model_free(&copy);
    convis_model_free(&unplanned);
    convis_model_free(&fresh);
    free(movie.data);
    free(larger.data);
}

/* ---- Probes ---- */

static void probes(void **state)
{
    convis_tensor movie = noise_movie(convis_movie_shape(40, 30, 34), 0, 255, 8), out;
    recording rest = { 0 }, expected = { 0 };
    (void)state;
    convis_model *m = seen_by("retina", 34, 30), *all = seen_by("retina", 34, 30);
    must(c, convis_probe(all, "bipolar.adaptation"));
    must(c, convis_plan(m, convis_movie_shape(20, 30, 34)));
    must(c, convis_plan(all, convis_movie_shape(20, 30, 34)));
    must(c, convis_run(m, convis_slice(movie, CONVIS_T, 0, 13)));
    must(c, convis_run(all, convis_slice(movie, CONVIS_T, 0, 13)));
    /* Where an output goes, and the stack, outlive it. */
    convis_real *bipolar = calloc(20*34*30, sizeof *bipolar);
    const convis_memory there =
        convis_memory_view(bipolar, sizeof(convis_real) == 8 ? CONVIS_FLOAT64 : CONVIS_FLOAT32, convis_movie_shape(20, 30, 34));
    must(c, convis_output_to(m, "bipolar", &there));
    must(c, convis_push(m));
    must(c, convis_probe(m, "bipolar.adaptation"));
    must(c, convis_unprobe(m, "opl"));
    must(c, convis_run(m, convis_slice(movie, CONVIS_T, 13, 20)));
    must(c, convis_output(m, "bipolar", &out));
    assert_ptr_equal(out.data, bipolar);
    assert_true(bipolar[7*34*30 - 1] != 0);
    must(c, convis_output_to(m, "bipolar", NULL));
    must(c, convis_pop(m));
    free(bipolar);
    assert_int_equal(convis_frame(m), 13);
    refused(c, CONVIS_ESTATE, "not probed", convis_output(m, "opl", &out));
    record(m, movie, 13, 40, RANDOMLY, 20, &rest);
    record(all, movie, 13, 40, WHOLE, 20, &expected);
    assert_int_equal(rest.outputs, expected.outputs - 1);
    assert_same(&rest, &expected, "probed in the middle");
    must(c, convis_unplan(m));
    must(c, convis_set(m, "bipolar.substep", 0.0005));   /* of planned models it is refused */
    convis_add(m, type_named("relu"), "more", convis_node_named(m, "opl"));
    must(c, convis_plan(m, convis_movie_shape(20, 30, 34)));
    must(c, convis_run(m, convis_slice(movie, CONVIS_T, 0, 5)));
    recording_free(&rest);
    recording_free(&expected);
    convis_model_free(&m);
    convis_model_free(&all);
    free(movie.data);
}

static void gradients(void **state)
{
    convis_model *m[2];
    double g[2];
    (void)state;
    convis_tensor movie = noise_movie(convis_movie_shape(20, 8, 9), 0, 1, 9), y;
    for (int k = 0; k < 2; k++) {
        m[k] = filter(0.02);
        must(c, convis_require_gradient(m[k], "low.tau"));
        if (!k) must(c, convis_plan(m[k], convis_movie_shape(4, 12, 7)));
        must(c, convis_plan(m[k], movie.shape));
        must(c, convis_run(m[k], movie));
        must(c, convis_output(m[k], "conv", &y));
        must(c, convis_vjp_from(m[k], "conv", y));
        must(c, convis_vjp(m[k], NULL));
        must(c, convis_grad(m[k], "low.tau", &g[k], 1));
        convis_model_free(&m[k]);
    }
    assert_true(g[0] == g[1] && g[0] != 0);
    free(movie.data);
}

/* ---- Memory ---- */

static void numbers(void **state)
{
    enum { T = 12, Y = 9, X = 14, N = Y*X };
    convis_tensor movie = noise_movie(convis_movie_shape(T, Y, X), 0, 255, 10);
    double doubles[T*N], far[2*T*N];
    unsigned char bytes[T*N], backwards[T*N];
    convis_real in_place[T*N];
    convis_model *m = filter(0.02);
    recording expected = { 0 };
    convis_tensor y;
    (void)state;
    for (int i = 0; i < T*N; i++) {
        bytes[i] = (unsigned char)movie.data[i];
        movie.data[i] = (convis_real)bytes[i];
        doubles[i] = bytes[i];
    }
    for (int t = 0; t < T; t++)
        for (int i = 0; i < N; i++) backwards[t*N + (Y - 1 - i/X)*X + i%X] = bytes[t*N + i];
    must(c, convis_plan(m, movie.shape));
    record(m, movie, 0, T, WHOLE, T, &expected);
    const convis_real *right = recorded(&expected, "conv", NULL);
    const convis_memory as_bytes = { bytes, CONVIS_UINT8, movie.shape, { T*N, T*N, N, X, 1 } };
    const convis_memory as_doubles = { doubles, CONVIS_FLOAT64, movie.shape, { T*N, T*N, N, X, 1 } };
    const convis_memory upside_down = { backwards + (Y - 1)*X, CONVIS_UINT8, movie.shape, { T*N, T*N, N, -X, 1 } };
    const convis_memory *const ways[] = { &as_bytes, &as_doubles, &upside_down };
    const convis_memory own = {
        in_place, sizeof(convis_real) == 8 ? CONVIS_FLOAT64 : CONVIS_FLOAT32, movie.shape, { T*N, T*N, N, X, 1 }
    };
    const convis_memory spread = { far, CONVIS_FLOAT64, movie.shape, { 2*T*N, 2*T*N, 2*N, 2*X, 2 } };
    for (int k = 0; k < 3; k++)
        for (int apart = 0; apart < 2; apart++) {
            memset(in_place, 0, sizeof in_place);
            memset(far, 0, sizeof far);
            must(c, convis_reset(m));
            must(c, convis_output_to(m, "conv", apart ? &spread : &own));
            must(c, convis_run_memory(m, ways[k]));
            must(c, convis_output(m, "conv", &y));
            assert_memory_equal(y.data, right, sizeof in_place);
            if (!apart) assert_ptr_equal(y.data, in_place);
            for (int i = 0; i < T*N; i++)
                if ((apart ? far[2*i] : (double)in_place[i]) != (double)right[i]) fail_msg("way %d, number %d", k, i);
            for (int i = 0; i < T*N; i++) assert_true(far[2*i + 1] == 0);
        }
    /* In pieces, to other places; and no more. */
    must(c, convis_reset(m));
    for (int t = 0; t < T; t += 4) {
        convis_memory piece = own;
        piece.data = in_place + t*N;
        piece.shape.dim[CONVIS_T] = 4;
        must(c, convis_output_to(m, "conv", &piece));
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, t, t + 4)));
    }
    assert_memory_equal(in_place, right, sizeof in_place);
    must(c, convis_output_to(m, "conv", NULL));
    memset(in_place, 0, sizeof in_place);
    must(c, convis_reset(m));
    must(c, convis_run(m, movie));
    for (int i = 0; i < T*N; i++) assert_true(in_place[i] == 0);
    /* Refusals. */
    convis_memory bad = own;
    bad.type = (convis_number)77;
    refused(c, CONVIS_EINVAL, "type 77", convis_run_memory(m, &bad));
    refused(c, CONVIS_EINVAL, "type 77", convis_output_to(m, "conv", &bad));
    bad = own;
    bad.type = CONVIS_UINT8;
    refused(c, CONVIS_EINVAL, "conv: its numbers can be written as CONVIS_FLOAT32", convis_output_to(m, "conv", &bad));
    bad = as_bytes;
    bad.shape.dim[CONVIS_X]++;
    refused(c, CONVIS_ESHAPE, "input: (B, C, T, Y, X)", convis_run_memory(m, &bad));
    bad = as_bytes;
    bad.data = NULL;
    refused(c, CONVIS_EINVAL, "without data", convis_run_memory(m, &bad));
    bad = own;
    bad.shape.dim[CONVIS_Y]--;
    refused(c, CONVIS_ESHAPE, "conv: memory for", convis_output_to(m, "conv", &bad));
    bad = own;
    bad.shape.dim[CONVIS_T] = 5;
    must(c, convis_output_to(m, "conv", &bad));
    refused(c, CONVIS_ESHAPE, "conv: its output is to be written to memory for 5 frames, the run has 12", convis_run(m, movie));
    doubles[17] = 1e300;
    if (sizeof(convis_real) == 4)
        refused(c, CONVIS_EINVAL, "input: a number is too large for single precision", convis_run_memory(m, &as_doubles));
    bad = own;
    bad.stride[CONVIS_X] = 0;
    refused(c, CONVIS_EINVAL, "conv: memory whose stride along X is 0, where it has 14", convis_output_to(m, "conv", &bad));
    bad = as_bytes;
    memset(bad.stride, 0, sizeof bad.stride);
    refused(c, CONVIS_EINVAL, "strides are all 0", convis_run_memory(m, &bad));
    refused(c, CONVIS_ENAME, "'cow'", convis_output_to(m, "cow", &own));
    refused(c, CONVIS_ESTATE, "probed", convis_output_to(m, "low", &own));
    recording_free(&expected);
    convis_model_free(&m);
    free(movie.data);
}

/* Whatever memory runs out while it is planned again, nothing is lost, and the next plan is right. */
static void failures(void **state)
{
    (void)state;
    convis_tensor movie = noise_movie(convis_movie_shape(6, 20, 22), 0, 255, 11);
    convis_model *expected = seen_by("retina", 22, 20);
    must(c, convis_plan(expected, movie.shape));
    int failed = 0;
    for (int64_t at = 1; at < 400; at += 7) {
        counter count = { 0 };
        convis_allocator memory = counting(&count);
        convis_context *own, *plain = c;
        must(NULL, convis_open_with(&own, "cpu", &memory));
        c = own;
        convis_model *m = seen_by("retina", 40, 30);
        must(c, convis_plan(m, convis_movie_shape(6, 30, 40)));
        count.fail_at = count.calls + at;
        const convis_status status = convis_plan(m, movie.shape);
        count.fail_at = 0;
        if (status) assert_int_equal(status, CONVIS_ENOMEM);
        if (status) must(c, convis_plan(m, movie.shape));
        failed += status != 0;
        alike(m, expected, movie, "after a failure");
        convis_model_free(&m);
        convis_close(&own);
        assert_int_equal(count.live, 0);
        c = plain;
    }
    assert_true(failed > 5);
    convis_model_free(&expected);
    free(movie.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(retinas), cmocka_unit_test(compositions),
                                        cmocka_unit_test(arrays), cmocka_unit_test(copies),  cmocka_unit_test(probes),
                                        cmocka_unit_test(gradients), cmocka_unit_test(numbers), cmocka_unit_test(failures) };
    return cmocka_run_group_tests_name("planned again", tests, begin, end);
}
