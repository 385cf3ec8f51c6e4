/* test_core.c - models as wholes: the built-in retinas keep the promises of their layers, calls in the wrong order and
 * models that cannot be are refused with a sentence. */
#include "harness.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct manner { const char *device; int threads; chunking how; int64_t longest; uint64_t seed; int probe_all; const convis_allocator *memory; } manner;

/* ---- Whole retinas ---- */

static const char *const NUMERICS[] = { "converged", "virtualretina" };
typedef struct eyesight { const char *name, *numerics; int64_t width, height, frames; } eyesight;

static convis_model *retina(convis_context *c, const eyesight *e)
{
    convis_recipe *r;
    convis_model *m;
    char cells[32];
    must(c, convis_recipe_open(c, e->name, &r));
    must(c, convis_recipe_set(r, "numerics", e->numerics));
    convis_setting s;
    for (int k = 0; convis_recipe_list(r, k, &s); k++)       /* arrays would find no room in so small a movie */
        if (strlen(s.path) > 6 && !strcmp(s.path + strlen(s.path) - 6, ".cells")) {
            must(c, convis_recipe_get(r, s.path, cells, sizeof cells));
            must(c, convis_recipe_set(r, s.path, "dense"));
        }
    must(c, convis_recipe_build(r, e->width, e->height, &m));
    convis_recipe_free(&r);
    return m;
}

static convis_model *planned_retina(convis_context **c, const eyesight *e, const manner *how)
{
    must(*c, convis_open_with(c, how->device, how->memory));
    must(*c, convis_threads(*c, how->threads));
    convis_model *m = retina(*c, e);
    convis_item item, last = { .path = "" };
    for (int k = 0; convis_list(m, CONVIS_OUTPUT, k, &item); k++) {
        last = item;
        if (how->probe_all) must(*c, convis_probe(m, item.path));
    }
    if (!how->probe_all) must(*c, convis_probe(m, last.path));
    must(*c, convis_record_spikes(m, 1));
    must(*c, convis_plan(m, convis_movie_shape(how->longest, e->height, e->width)));
    must(*c, convis_seed(m, how->seed));
    return m;
}

/* Pixels that change every ten frames, so that cells fire. */
static convis_tensor flicker(const eyesight *e)
{
    convis_tensor movie = noise_movie(convis_movie_shape(e->frames, e->height, e->width), 0, 255, 17);
    int64_t n = e->width*e->height;
    for (int64_t t = 0; t < e->frames; t++) memcpy(movie.data + t*n, movie.data + t/10*10*n, (size_t)n*sizeof *movie.data);
    return movie;
}

static recording observe_retina(const eyesight *e, const manner *how)
{
    convis_context *c = NULL;
    convis_model *m = planned_retina(&c, e, how);
    convis_tensor movie = flicker(e);
    recording r = { 0 };
    record(m, movie, 0, e->frames, how->how, how->longest, &r);
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
    return r;
}

static void retinas(void **state)
{
    static const manner HOW[] = {
        { "cpu", 1, SINGLES, 1, 7, 1, NULL }, { "cpu", 2, RANDOMLY, 17, 7, 0, NULL }, { "cpu", 3, WHOLE, 60, 7, 1, NULL },
        { "cpu", 2, WHOLE, 7, 7, 1, &guarded }, { "cpu:baseline", 2, RANDOMLY, 60, 7, 0, NULL },
    };
    static const manner RETINA_PLAIN = { "cpu:baseline", 1, WHOLE, 60, 7, 1, NULL };
    const char *name;
    (void)state;
    for (int k = 0; (name = retina_named(k)); k++)
        for (int j = 0; j < 4; j++) {                        /* only large maps are shared among threads */
            eyesight e = { name, NUMERICS[j%2], j < 2 ? 40 : 101, j < 2 ? 33 : 90, j < 2 ? 60 : 14 };
            recording expected = observe_retina(&e, &RETINA_PLAIN);
            if (strcmp(name, "linear")) assert_true(expected.spike_count > 100);
            for (size_t i = 0; i < sizeof HOW/sizeof *HOW; i++) {
                char what[128];
                recording found = observe_retina(&e, &HOW[i]);
                snprintf(what, sizeof what, "%s, %s, manner %zu", name, NUMERICS[j%2], i);
                assert_int_equal(found.spike_count, expected.spike_count);
                assert_same(&found, &expected, what);
                recording_free(&found);
            }
            recording_free(&expected);
        }
}

static void retinas_state(void **state)
{
    static const manner HOW = { "cpu", 2, WHOLE, 60, 7, 1, NULL };
    const char *name;
    char path[64];
    (void)state;
    temporary(path);
    for (int k = 0; (name = retina_named(k)); k++)
        for (int j = 0; j < 2; j++) {
            eyesight e = { name, NUMERICS[j], 40, 33, 60 };
            convis_context *c = NULL, *d = NULL;
            convis_tensor movie = flicker(&e);
            recording head = { 0 }, rest = { 0 }, again = { 0 }, loaded = { 0 }, anew = { 0 };
            convis_model *m = planned_retina(&c, &e, &HOW), *other = planned_retina(&d, &e, &HOW);
            record(m, movie, 0, 23, WHOLE, 60, &head);
            must(c, convis_push(m));
            must(c, convis_state_save(m, path));
            record(m, movie, 23, 60, WHOLE, 60, &rest);
            must(c, convis_pop(m));
            record(m, movie, 23, 60, RANDOMLY, 20, &again);
            assert_same(&again, &rest, name);
            must(d, convis_seed(other, 99));
            must(d, convis_run(other, movie));
            must(d, convis_state_load(other, path));
            record(other, movie, 23, 60, SINGLES, 60, &loaded);
            assert_same(&loaded, &rest, name);
            must(c, convis_reset(m));
            record(m, movie, 0, 23, WHOLE, 60, &anew);
            assert_same(&anew, &head, name);
            recording_free(&head);
            recording_free(&rest);
            recording_free(&again);
            recording_free(&loaded);
            recording_free(&anew);
            convis_model_free(&m);
            convis_model_free(&other);
            convis_close(&c);
            convis_close(&d);
            free(movie.data);
        }
    unlink(path);
}

/* Frame by frame, when earlier frames lie in rings: the state in the middle of a turn is the one that chunks have, and goes to and fro. */
static void retinas_in_rings(void **state)
{
    static const manner CHUNKS = { "cpu", 2, WHOLE, 60, 7, 1, NULL }, SINGLE = { "cpu", 1, SINGLES, 1, 7, 0, NULL };
    const char *name;
    char path[64];
    (void)state;
    temporary(path);
    for (int k = 0; (name = retina_named(k)); k++)
        for (int from = 22; from < 24; from++) {
            eyesight e = { name, "virtualretina", 40, 33, 60 };
            convis_context *c = NULL, *d = NULL;
            convis_tensor movie = flicker(&e);
            recording head = { 0 }, rest = { 0 }, start = { 0 }, again = { 0 }, loaded = { 0 }, back = { 0 };
            convis_model *chunks = planned_retina(&c, &e, &CHUNKS), *single = planned_retina(&d, &e, &SINGLE);
            record(single, movie, 0, from, SINGLES, 1, &start);
            must(d, convis_push(single));
            must(d, convis_state_save(single, path));
            record(chunks, movie, 0, from, WHOLE, 60, &head);
            assert_same(&start, &head, name);
            record(chunks, movie, from, 60, WHOLE, 60, &rest);
            must(c, convis_state_load(chunks, path));
            record(chunks, movie, from, 60, RANDOMLY, 20, &loaded);
            assert_same(&loaded, &rest, name);
            must(c, convis_reset(chunks));
            must(c, convis_run(chunks, convis_slice(movie, CONVIS_T, 0, from)));
            must(c, convis_state_save(chunks, path));
            must(d, convis_run(single, convis_slice(movie, CONVIS_T, 0, 1)));       /* turn it on */
            must(d, convis_state_load(single, path));
            record(single, movie, from, 60, SINGLES, 1, &again);
            assert_same(&again, &rest, name);
            must(d, convis_pop(single));
            record(single, movie, from, 60, SINGLES, 1, &back);
            assert_same(&back, &rest, name);
            recording *all[] = { &head, &rest, &start, &again, &loaded, &back };
            for (size_t i = 0; i < sizeof all/sizeof *all; i++) recording_free(all[i]);
            convis_model_free(&chunks);
            convis_model_free(&single);
            convis_close(&c);
            convis_close(&d);
            free(movie.data);
        }
    unlink(path);
}

static void retinas_no_requests(void **state)
{
    const char *name;
    (void)state;
    for (int k = 0; (name = retina_named(k)); k++)
        for (int j = 0; j < 2; j++) {
            counter count = { 0 };
            convis_allocator memory = counting(&count);
            manner how = { "cpu", 2, WHOLE, 60, 7, 1, &memory };
            eyesight e = { name, NUMERICS[j], 40, 33, 60 };
            convis_context *c = NULL;
            convis_tensor movie = flicker(&e);
            convis_model *m = planned_retina(&c, &e, &how);
            int64_t before = count.calls;
            must(c, convis_run(m, movie));
            must(c, convis_run(m, convis_slice(movie, CONVIS_T, 3, 20)));
            assert_int_equal(count.calls, before);
            convis_model_free(&m);
            convis_close(&c);
            assert_int_equal(count.live, 0);
            free(movie.data);
        }
}

/* ---- Calls in the wrong order, and models that cannot be ---- */

static void wrong_order(void **state)
{
    (void)state;
    convis_context *c = NULL;
    convis_model *m;
    convis_real pixels[6] = { 1, 2, 3, 4, 5, 6 };
    convis_tensor movie = convis_view(pixels, convis_movie_shape(1, 2, 3)), out;
    convis_shape frame;
    const convis_spike *spikes;
    const convis_cell *units;
    int64_t count;
    char bytes[8];
    must(c, convis_open(&c, "cpu"));
    for (int k = 0; k < 4; k++) {
        double dt[] = { 0, -1, NAN, INFINITY };
        refused(c, CONVIS_EINVAL, "dt", convis_model_new(c, dt[k], &m));
        assert_null(m);
    }
    must(c, convis_model_new(c, 0.001, &m));
    refused(c, CONVIS_ESTATE, "no layers", convis_plan(m, movie.shape));
    convis_add(m, type_named("lowpass"), "low", convis_input(m));
    refused(c, CONVIS_ESTATE, "planned", convis_run(m, movie));
    refused(c, CONVIS_ESTATE, "planned", convis_reset(m));
    refused(c, CONVIS_ESTATE, "planned", convis_push(m));
    refused(c, CONVIS_ESTATE, "pushed", convis_pop(m));
    refused(c, CONVIS_ESTATE, "planned", convis_state_get(m, bytes));
    refused(c, CONVIS_ESTATE, "planned", convis_state_put(m, bytes, 8));
    refused(c, CONVIS_ESTATE, "planned", convis_state_save(m, "/tmp/never"));
    refused(c, CONVIS_ESTATE, "planned", convis_cells(m, &units, &count));
    refused(c, CONVIS_ESTATE, "planned", convis_output_shape(m, "low", &frame));
    refused(c, CONVIS_ESTATE, "convis_probe", convis_output(m, "low", &out));
    refused(c, CONVIS_ENAME, "'lower'", convis_probe(m, "lower"));
    refused(c, CONVIS_EINVAL, "baseline", convis_baseline(m, NAN));
    assert_int_equal(convis_state_size(m), 0);
    for (int d = 0; d < CONVIS_DIMS; d++) {
        convis_shape bad = movie.shape;
        bad.dim[d] = 0;
        refused(c, CONVIS_ESHAPE, "chunk", convis_plan(m, bad));
        bad.dim[d] = -4;
        refused(c, CONVIS_ESHAPE, "chunk", convis_plan(m, bad));
        bad.dim[d] = INT64_MAX;
        refused(c, CONVIS_ESHAPE, "chunk", convis_plan(m, bad));
    }
    must(c, convis_plan(m, movie.shape));
    must(c, convis_plan(m, movie.shape));                /* test_replan.c */
    refused(c, CONVIS_ESTATE, "before", convis_record_spikes(m, 1));
    refused(c, CONVIS_ESTATE, "probed", convis_output(m, "low", &out));
    refused(c, CONVIS_ENAME, "'high'", convis_output(m, "high", &out));
    refused(c, CONVIS_ESTATE, "spikes", convis_spikes(m, &spikes, &count));
    refused(c, CONVIS_EIO, "/nowhere/at/all", convis_state_load(m, "/nowhere/at/all"));
    refused(c, CONVIS_EIO, "/nowhere/at/all", convis_state_save(m, "/nowhere/at/all"));
    must(c, convis_run(m, movie));
    movie.shape.dim[CONVIS_T] = 0;
    must(c, convis_run(m, movie));                       /* an empty chunk is one */
    assert_int_equal(convis_frame(m), 1);
    convis_model_free(&m);
    convis_model_free(&m);
    convis_close(&c);
}

/* The first error of building sticks: later calls are refused with its sentence. */
static void errors_stick(void **state)
{
    (void)state;
    convis_context *c = NULL;
    const convis_layer_type *low = type_named("lowpass"), *two = type_named("difference");
    convis_layer_type strange = *low;
    convis_model *m;
    char name[200];
    must(c, convis_open(&c, "cpu"));
    memset(name, 'a', sizeof name);
    name[199] = 0;
    strange.abi = 77;
    for (int k = 0; k < 9; k++) {
        static const struct { convis_status status; const char *part; } SAYS[] = {
            { CONVIS_ENAME, "low: two layers" }, { CONVIS_EINVAL, "ABI 77" }, { CONVIS_EINVAL, "characters" }, { CONVIS_EINVAL, "characters" },
            { CONVIS_ESHAPE, "1 inputs" }, { CONVIS_EINVAL, "input 0" }, { CONVIS_EINVAL, "input 0" }, { CONVIS_EINVAL, "input 0" },
            { CONVIS_ENOTSUP, "no kernel 'missing'" } };
        must(c, convis_model_new(c, 0.001, &m));
        convis_node in = convis_input(m), first = convis_add(m, low, "low", in), bad = { -1 };
        convis_edge edge = { { 5 }, 0 }, late = { first, 4097 }, early = { first, -1 };
        convis_layer_type missing = *low;
        missing.pointwise = "missing";
        if (k == 0) bad = convis_add(m, low, "low", in);
        if (k == 1) bad = convis_add(m, &strange, "x", in);
        if (k == 2) bad = convis_add(m, low, "", in);
        if (k == 3) bad = convis_add(m, low, name, in);
        if (k == 4) bad = convis_add(m, two, "x", in);
        if (k == 5) bad = convis_join(m, low, "x", &edge, 1);
        if (k == 6) bad = convis_join(m, low, "x", &late, 1);
        if (k == 7) bad = convis_join(m, low, "x", &early, 1);
        if (k == 8) bad = convis_add(m, &missing, "x", in);
        assert_int_equal(bad.id, -1);
        assert_int_equal(convis_add(m, low, "y", first).id, -1);
        refused(c, SAYS[k].status, SAYS[k].part, convis_set(m, "low.tau", 1));
        refused(c, SAYS[k].status, SAYS[k].part, convis_probe(m, "low"));
        refused(c, SAYS[k].status, SAYS[k].part, convis_plan(m, convis_movie_shape(1, 2, 2)));
        convis_model_free(&m);
    }
    must(c, convis_model_new(c, 0.001, &m));
    must(c, convis_plan((convis_add(m, low, "low", convis_input(m)), m), convis_movie_shape(1, 2, 2)));
    assert_int_equal(convis_add(m, low, "late", convis_input(m)).id, -1);
    convis_model_free(&m);
    convis_close(&c);
}

/* Sizes that do not fit are found when the model is planned, by name; the model can still be freed, but not planned again. */
static void impossible_plans(void **state)
{
    (void)state;
    static const struct { const char *type, *parameter; double value; int64_t batch; convis_status status; const char *part; } BAD[] = {
        { "crop", "width", 9, 1, CONVIS_ESHAPE, "it: a window of 9x1" }, { "crop", "top", 6, 1, CONVIS_ESHAPE, "it: a window" },
        { "crop", "width", 9, 2, CONVIS_ESHAPE, "it: a window of 9x1" }, { "eye", "height", 7, 1, CONVIS_ESHAPE, "it: a window of 1x7" },
        { "sample", NULL, 0, 1, CONVIS_ESHAPE, "it: 0 columns and 0 rows" },
        { "difference", NULL, 0, 1, CONVIS_ESHAPE, "it: its inputs are 8x6 and 3x2" },
        { "gain_control", "leak", 0, 1, CONVIS_EINVAL, "it.leak: 0 Hz" },
    };
    convis_context *c = NULL;
    must(c, convis_open(&c, "cpu"));
    for (size_t k = 0; k < sizeof BAD/sizeof *BAD; k++) {
        convis_model *m;
        convis_shape chunk = { { BAD[k].batch, 1, 4, 6, 8 } };
        must(c, convis_model_new(c, 0.001, &m));
        convis_node input = convis_input(m), small = input;
        if (type_named(BAD[k].type)->inputs == 2) {
            small = convis_add(m, type_named("crop"), "small", input);
            must_set(m, "small", "width", 3);
            must_set(m, "small", "height", 2);
        }
        convis_edge in[2] = { { input, 0 }, { small, 0 } };
        convis_join(m, type_named(BAD[k].type), "it", in, type_named(BAD[k].type)->inputs);
        if (BAD[k].parameter) must_set(m, "it", BAD[k].parameter, BAD[k].value);
        if (!strcmp(BAD[k].type, "gain_control")) must_set(m, "it", "exact", 0);
        refused(c, BAD[k].status, BAD[k].part, convis_plan(m, chunk));
        refused(c, BAD[k].status, BAD[k].part, convis_plan(m, chunk));
        convis_model_free(&m);
    }
    convis_close(&c);
}

/* A state is refused by a model to which it does not belong, and by none is half of one taken. */
static void foreign_states(void **state)
{
    (void)state;
    convis_context *c = NULL;
    char path[64];
    convis_model *m[3];
    double value[3] = { 1, 2, 1 };
    must(c, convis_open(&c, "cpu"));
    temporary(path);
    for (int k = 0; k < 3; k++) {
        must(c, convis_model_new(c, 0.001, &m[k]));
        convis_add(m[k], type_named("lowpass"), k == 2 ? "other" : "low", convis_input(m[k]));
        must(c, convis_set(m[k], k == 2 ? "other.n" : "low.n", value[k]));
        must(c, convis_plan(m[k], convis_movie_shape(1, 4, 4)));
    }
    must(c, convis_state_save(m[0], path));
    must(c, convis_state_load(m[0], path));
    refused(c, CONVIS_ESHAPE, path, convis_state_load(m[1], path));
    refused(c, CONVIS_ESHAPE, path, convis_state_load(m[2], path));
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    fclose(f);
    for (long left = size - 1; left >= 0; left -= 37) {
        assert_int_equal(truncate(path, left), 0);
        refused(c, CONVIS_EFORMAT, path, convis_state_load(m[0], path));
    }
    unlink(path);
    const size_t whole = convis_state_size(m[0]);
    char *damaged = calloc(1, whole);
    assert_non_null(damaged);
    memcpy(damaged, &(int64_t){ -1 }, sizeof(int64_t));     /* the frame comes first */
    refused(c, CONVIS_EINVAL, "frame -1", convis_state_put(m[0], damaged, whole));
    assert_int_equal(convis_frame(m[0]), 0);
    free(damaged);
    for (int k = 0; k < 3; k++) convis_model_free(&m[k]);
    convis_close(&c);
}

static void devices(void **state)
{
    (void)state;
    static const char *const BAD[] = { "", "gpu", "cpu:", "cpu:mmx", "cuda:99", "cuda:", "opencl:99.0", "opencl:0", "CPU" };
    for (size_t k = 0; k < sizeof BAD/sizeof *BAD; k++) {
        convis_context *c = NULL;
        refused(c, CONVIS_EDEVICE, BAD[k], convis_open(&c, BAD[k]));
        convis_close(&c);
    }
    convis_context *c = NULL;
    must(c, convis_open(&c, "cpu"));
    refused(c, CONVIS_EINVAL, "threads: -1", convis_threads(c, -1));
    refused(c, CONVIS_EINVAL, "threads: 100000", convis_threads(c, 100000));
    must(c, convis_threads(c, 3));
    assert_int_equal(convis_thread_count(c), 3);
    convis_close(&c);
    convis_close(&c);
}

/* A list in which everything has a name, and, where it is not usable, a reason; the processor's own come first. */
static int list_has_card(const char *name)
{
    convis_device_info info;
    int k = 0, found = 0;
    for (; convis_device_list(k, &info); k++) {
        assert_true(info.name[0] && (info.usable ? info.title[0] != 0 : info.why[0] != 0));
        if (!k) assert_int_equal(strncmp(info.name, "cpu:", 4), 0);
        found |= info.usable && info.is_gpu && !strcmp(info.name, name);
    }
    assert_true(k > 0);
    assert_false(convis_device_list(k + 1, &info));
    assert_false(convis_device_list(-1, &info));
    return found;
}

static void low_passed(convis_context *c, convis_tensor movie, convis_real *to)
{
    convis_model *m;
    convis_tensor out;
    must(c, convis_model_new(c, 0.005, &m));
    convis_add(m, type_named("lowpass"), "low", convis_input(m));
    must(c, convis_probe(m, "low"));
    must(c, convis_plan(m, movie.shape));
    must(c, convis_run(m, movie));
    must(c, convis_output(m, "low", &out));
    memcpy(to, out.data, (size_t)convis_elements(movie.shape)*sizeof *to);
    convis_model_free(&m);
}

/* "auto" and NULL are the fastest that works: a graphics card of the list, or the processor. They compute what "cpu" does. */
static void fastest(void **state)
{
    enum { COUNT = 9*5*6 };
    static const char *const NAMES[] = { "cpu", "auto", NULL };
    convis_tensor movie = noise_movie(convis_movie_shape(9, 5, 6), -1, 1, 2);
    convis_real expected[COUNT], found[COUNT];
    (void)state;
    for (int k = 0; k < 3; k++) {
        convis_context *c = NULL;
        must(c, convis_open(&c, NAMES[k]));
        const char *name = convis_device_name(c);
        if (!list_has_card(name)) assert_int_equal(strncmp(name, "cpu:", 4), 0);
        low_passed(c, movie, k ? found : expected);
        for (int i = 0; k && i < COUNT; i++)
            if (!(fabs((double)found[i] - (double)expected[i]) < 1e-5))
                fail_msg("%s: %g, expected %g", name, (double)found[i], (double)expected[i]);
        convis_close(&c);
    }
    free(movie.data);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retinas), cmocka_unit_test(retinas_state),
        cmocka_unit_test(retinas_in_rings), cmocka_unit_test(retinas_no_requests),
        cmocka_unit_test(wrong_order),    cmocka_unit_test(errors_stick),
        cmocka_unit_test(impossible_plans), cmocka_unit_test(foreign_states),
        cmocka_unit_test(devices),       cmocka_unit_test(fastest),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
