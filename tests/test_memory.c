/* test_memory.c - the k-th request for memory fails, for every k until all succeed: a status and a sentence, no crash, and
 * in the end every block is back. Once with that one request failing, once with all that follow it. */
#include "harness.h"
#include <convis/io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifndef CONVIS_TEST_DATA
#define CONVIS_TEST_DATA "tests/data"
#endif

/* What a story does with a context; it leaves nothing behind, whether it ends well or not. */
typedef convis_status story(convis_context *, const char *name);

#define step(call) if (!status) status = (call)

/* ---- Retinas: from a name to spikes ---- */

static convis_status live(convis_context *c, convis_model *m, int64_t width, int64_t height)
{
    convis_tensor movie = noise_movie(convis_movie_shape(6, height, width), 0, 255, 1);
    convis_status status = CONVIS_OK;
    convis_item item, first;
    convis_tensor out;
    const convis_spike *spikes;
    int64_t count;
    convis_list(m, CONVIS_OUTPUT, 0, &first);
    for (int k = 0; convis_list(m, CONVIS_OUTPUT, k, &item); k++) step(convis_probe(m, item.path));
    step(convis_record_spikes(m, 1));
    step(convis_plan(m, movie.shape));
    step(convis_run(m, movie));
    step(convis_push(m));
    step(convis_run(m, movie));
    step(convis_spikes(m, &spikes, &count));
    step(convis_pop(m));
    step(convis_push(m));                                /* left on the stack */
    step(convis_output(m, first.path, &out));
    if (status && status != CONVIS_ENOMEM) fail_msg("%s", convis_message(c));
    free(movie.data);
    return status;
}

static convis_status retina(convis_context *c, const char *name)
{
    enum { width = 24, height = 20 };
    convis_recipe *r = NULL;
    convis_model *m = NULL;
    char *text = NULL;
    convis_cell units[] = { { 0, 0, 0, 0 }, { 1, 0, 0.1, -0.1 } };
    convis_status status = convis_recipe_open(c, name, &r);
    step(convis_recipe_set(r, "numerics", "virtualretina"));
    if (!status && convis_recipe_cells(r, units, 2) == CONVIS_ENOMEM) status = CONVIS_ENOMEM;     /* `linear` has no cells */
    step(convis_recipe_text(r, &text));
    step(convis_recipe_build(r, width, height, &m));
    step(live(c, m, width, height));
    convis_model_free(&m);
    if (r) convis_recipe_text_free(r, &text);
    convis_recipe_free(&r);
    return status;
}

static convis_status retina_as_it_is(convis_context *c, const char *name)
{
    convis_recipe *r = NULL;
    convis_model *m = NULL;
    convis_status status = convis_recipe_open(c, name, &r);
    step(convis_recipe_build(r, 40, 33, &m));
    step(live(c, m, 40, 33));
    convis_model_free(&m);
    convis_recipe_free(&r);
    return status;
}

/* ---- A model by hand, with arrays, aliases and more layers than fit in the first block ---- */

static convis_status by_hand(convis_context *c, const char *path)
{
    convis_model *m = NULL;
    double x[] = { 1, 2, 3 };
    char name[32];
    convis_status status = convis_model_new(c, 0.001, &m);
    if (!status) {
        convis_node at = convis_input(m);
        for (int k = 0; k < 20; k++) {
            snprintf(name, sizeof name, "low%d", k);
            convis_edge late = { at, k%3 };
            at = convis_join(m, type_named("lowpass"), name, &late, 1);
            convis_alias(m, name + 1, name);
        }
        at = convis_add(m, type_named("sample"), "cells", at);
        convis_add(m, type_named("lif"), "spikes", at);
    }
    step(convis_set_array(m, "cells.x", x, 2));
    step(convis_set_array(m, "cells.x", x, 3));
    step(convis_set_array(m, "cells.y", x, 3));
    step(live(c, m, 7, 5));
    step(convis_state_save(m, path));
    step(convis_state_load(m, path));
    convis_model_free(&m);
    return status;
}

/* ---- The k-th failure ---- */

static void fail_each(story *tell, const char *name)
{
    for (int onwards = 0; onwards < 2; onwards++)
        for (int64_t k = 1; ; k++) {
            counter count = { .fail_at = k, .onwards = onwards };
            convis_allocator memory = counting(&count);
            convis_context *c = NULL;
            convis_status status = convis_open_with(&c, "cpu", &memory);
            if (c) convis_threads(c, 1);
            step(tell(c, name));
            int failed = count.calls >= k;
            if (failed && status != CONVIS_ENOMEM)
                fail_msg("%s: request %d fails, and the status is '%s' (%s)", name, (int)k, convis_strerror(status),
                         convis_message(c));
            if (failed && !strstr(convis_message(c), "memory"))
                fail_msg("%s: request %d fails, and the sentence is '%s'", name, (int)k, convis_message(c));
            if (!failed && status) fail_msg("%s: %s", name, convis_message(c));
            convis_close(&c);
            if (count.live) fail_msg("%s: request %d fails, and %d blocks are lost", name, (int)k, (int)count.live);
            if (!failed) {
                print_message("             %s: %d requests\n", name, (int)count.calls);
                break;
            }
        }
}

static void retinas(void **state)
{
    const char *name;
    (void)state;
    for (int k = 0; (name = retina_named(k)); k++) {
        fail_each(retina, name);
        fail_each(retina_as_it_is, name);
    }
}

static void files(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "c02_flash_n2_undershoot_ganglion", "c10_checker_pool_parasol_spikes",
                                         "c11_logpolar_checker_spikes" };
    for (size_t k = 0; k < sizeof NAMES/sizeof *NAMES; k++) {
        char path[256];
        snprintf(path, sizeof path, CONVIS_TEST_DATA "/reference/%s.xml", NAMES[k]);
        fail_each(retina, path);
        fail_each(retina_as_it_is, path);
    }
}

/* Attributes that nobody knows make warnings, which are memory, too. */
static void files_with_warnings(void **state)
{
    (void)state;
    char path[] = "/tmp/convis-test-XXXXXX.xml";
    int f = mkstemps(path, 4);
    static const char TEXT[] =
        "<retina-description-file><retina temporal-step__sec=\"0.005\" pixels-per-degree=\"20\" colour=\"red\">\n"
        "<outer-plexiform-layer><linear-version center-sigma__deg=\"0.05\" taste=\"sweet\"/></outer-plexiform-layer>\n"
        "<ganglion-layer smell=\"none\"><spiking-channel><all-units><unit x-offset__deg=\"0\" y-offset__deg=\"0\"/>\n"
        "<unit x-offset__deg=\"0.1\" y-offset__deg=\"0.2\"/></all-units></spiking-channel></ganglion-layer></retina></retina-description-file>\n";
    assert_true(f >= 0);
    assert_int_equal(write(f, TEXT, sizeof TEXT - 1), sizeof TEXT - 1);
    close(f);
    fail_each(retina, path);
    fail_each(retina_as_it_is, path);
    unlink(path);
}

static void models_by_hand(void **state)
{
    (void)state;
    char path[] = "/tmp/convis-test-XXXXXX";
    int f = mkstemp(path);
    assert_true(f >= 0);
    close(f);
    fail_each(by_hand, path);
    unlink(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retinas), cmocka_unit_test(files), cmocka_unit_test(files_with_warnings), cmocka_unit_test(models_by_hand),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
