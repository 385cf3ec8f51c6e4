/* test_cancel.c - convis_on_progress ends whatever takes long, and leaves what convis.h says; convis_on_log hears of warnings. */
#include "npy_out.h"
#include <convis/fit.h>
#include <convis/io.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIDE = 96, PIXELS = SIDE*SIDE, FRAMES = 240, SMALL = 4, FEW = 30 };

static convis_context *c;
/* How often it was asked; at which time it says no, and from then on (0: never). */
static struct { int asked, at; int64_t last; char what[32]; } poll;

static int ask(void *user, const char *what, int64_t done, int64_t total)
{
    assert_ptr_equal(user, &poll);
    assert_true(done >= 0 && (total <= 0 || done <= total));
    snprintf(poll.what, sizeof poll.what, "%s", what);
    poll.last = done;
    return ++poll.asked >= poll.at && poll.at;
}

static void cancel_at(int at) { memset(&poll, 0, sizeof poll); poll.at = at; }

static int begin(void **state)
{
    (void)state;
    must(NULL, convis_open(&c, "cpu"));
    cancel_at(0);
    return convis_on_progress(c, ask, &poll);
}

static int end(void **state) { (void)state; convis_close(&c); return 0; }

/* ---- Runs ---- */

/* With frames that a kernel still needs, a delay, and spikes. */
static convis_model *model(void)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.001, &m));
    const convis_node low = convis_add(m, type_named("lowpass"), "low", convis_input(m));
    const convis_node filter = convis_add(m, type_named("conv"), "filter", low);
    must_set(m, "filter", "frames", 5);
    must(c, convis_set_initialiser(m, "filter.weights", "gaussian?sigma=1&tau=0.002"));
    const convis_edge both[] = { { filter, 0 }, { low, 3 } };
    const convis_node sum = convis_join(m, type_named("sum"), "sum", both, 2);
    const convis_node scale = convis_add(m, type_named("scale"), "scale", sum);
    must_set(m, "scale", "gain", 600);
    convis_add(m, type_named("lif"), "cells", scale);
    must(c, convis_probe(m, "sum"));
    must(c, convis_record_spikes(m, 1));
    must(c, convis_plan(m, convis_movie_shape(FRAMES, SIDE, SIDE)));
    return m;
}

/* What a canceled run leaves is what a run of so many frames leaves; and the rest goes on from there. */
static void runs(void **state)
{
    static const int THREADS[] = { 1, 4 };
    convis_tensor movie = noise_movie(convis_movie_shape(FRAMES, SIDE, SIDE), 0, 1, 3);
    (void)state;
    for (int j = 0; j < 2; j++) {
        must(c, convis_threads(c, THREADS[j]));
        convis_model *m = model(), *other = model();
        cancel_at(0);
        must(c, convis_run(m, movie));
        const int times = poll.asked;
        assert_true(times > 4);
        for (int at = 1; at <= times; at += at < 4 ? 1 : times/3 + 1) {
            convis_tensor out, expected;
            const convis_spike *spikes, *others;
            int64_t count, other_count;
            must(c, convis_reset(m));
            must(c, convis_reset(other));
            cancel_at(at);
            refused(c, CONVIS_ECANCELED, "run: canceled after", convis_run(m, movie));
            const int64_t ran = convis_frame(m);
            assert_true(at == 1 ? ran == 0 : ran > 0 && ran <= FRAMES);
            if (at > 1 && at < times) assert_true(ran < FRAMES);
            cancel_at(0);
            if (ran) {
                must(c, convis_run(other, convis_slice(movie, CONVIS_T, 0, ran)));
                must(c, convis_output(m, "sum", &out));
                must(c, convis_output(other, "sum", &expected));
                assert_int_equal(out.shape.dim[CONVIS_T], ran);
                assert_memory_equal(out.data, expected.data, (size_t)(ran*PIXELS)*sizeof *out.data);
                must(c, convis_spikes(m, &spikes, &count));
                must(c, convis_spikes(other, &others, &other_count));
                assert_int_equal(count, other_count);
                assert_true(count > 0 || ran < 60);
                assert_memory_equal(spikes, others, (size_t)count*sizeof *spikes);
            }
            const size_t size = convis_state_size(m);
            char *bytes = malloc(2*size);
            if (ran < FRAMES) {
                must(c, convis_run(m, convis_slice(movie, CONVIS_T, ran, FRAMES)));
                must(c, convis_run(other, convis_slice(movie, CONVIS_T, ran, FRAMES)));
            }
            must(c, convis_state_get(m, bytes));
            must(c, convis_state_get(other, bytes + size));
            assert_memory_equal(bytes, bytes + size, size);
            free(bytes);
        }
        convis_model_free(&m);
        convis_model_free(&other);
    }
    free(movie.data);
}

static void settling(void **state)
{
    convis_tensor movie = noise_movie(convis_movie_shape(FRAMES, SIDE, SIDE), 0, 1, 3);
    convis_model *m = model();
    (void)state;
    cancel_at(5);
    refused(c, CONVIS_ECANCELED, "settle: canceled after 4 of 20", convis_settle(m, movie, 20));
    assert_int_equal(convis_frame(m), 0);
    cancel_at(0);
    must(c, convis_run(m, movie));
    convis_model_free(&m);
    free(movie.data);
}

/* ---- What is made of runs ---- */

static char folder[64], stimulus[96], response[96];

static int begin_files(void **state)
{
    double numbers[FEW*SMALL*SMALL];
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/convis_cancel_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(stimulus, sizeof stimulus, "%s/s.npy", folder);
    snprintf(response, sizeof response, "%s/r.npy", folder);
    for (int k = 0; k < FEW*SMALL*SMALL; k++) numbers[k] = chance(2, (uint64_t)k);
    write_npy(stimulus, 3, (int64_t[]){ FEW, SMALL, SMALL }, numbers);
    for (int k = 0; k < FEW*SMALL*SMALL; k++) numbers[k] = chance(3, (uint64_t)k);
    write_npy(response, 2, (int64_t[]){ FEW, SMALL*SMALL }, numbers);
    return 0;
}

static int end_files(void **state)
{
    (void)state;
    unlink(stimulus);
    unlink(response);
    return rmdir(folder);
}

static convis_recording *recorded_files(void)
{
    convis_recording *r;
    const convis_recording_options o = { .stimulus = stimulus, .response = response, .dt = 0.01 };
    must(c, convis_recording_open(c, &o, &r));
    return r;
}

static convis_model *low(void)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.01, &m));
    convis_add(m, type_named("lowpass"), "low", convis_input(m));
    must(c, convis_require_gradient(m, "low.tau"));
    return m;
}

/* A fit ends with the best that it had: never worse than at its start, and never in the middle of a try. */
static void fits(void **state)
{
    static const char *const KINDS[] = { "lbfgs", "adam", "nelder_mead" };
    convis_recording *r = recorded_files();
    (void)state;
    for (int k = 0; k < 3; k++)
        for (int at = 2; at < 60; at += at < 10 ? 1 : 13) {
            const convis_fit_options o = { .output = "low", .optimizer.kind = KINDS[k], .epochs = 6, .starts = 1, .chunk = 7 };
            convis_model *m = low(), *untouched = low();
            convis_fit_report report;
            double before, after;
            cancel_at(0);
            must(c, convis_fit_objective(untouched, r, &o, &before, NULL, 0));
            cancel_at(at);
            const convis_status status = convis_fit(m, r, &o, &report);
            if (!status) {                               /* it was over before */
                convis_model_free(&m);
                convis_model_free(&untouched);
                break;
            }
            assert_int_equal(status, CONVIS_ECANCELED);
            assert_non_null(strstr(convis_message(c), "canceled"));
            cancel_at(0);
            must(c, convis_fit_objective(m, r, &o, &after, NULL, 0));
            if (!(after <= before*(1 + 1e-6))) fail_msg("%s, %d: %g after %g", KINDS[k], at, after, before);
            convis_model_free(&m);
            convis_model_free(&untouched);
        }
    convis_recording_close(&r);
}

static void syntheses_and_checks(void **state)
{
    convis_real movie[8*SMALL*SMALL];
    (void)state;
    for (int at = 2; at < 30; at += 5) {
        convis_model *m;
        convis_synthesize_options o = CONVIS_SYNTHESIZE_DEFAULTS;
        convis_gradcheck_report report;
        double tau;
        must(c, convis_model_new(c, 0.01, &m));
        convis_add(m, type_named("lowpass"), "low", convis_input(m));
        for (int k = 0; k < 8*SMALL*SMALL; k++) movie[k] = (convis_real)0.5;
        o.iterations = 50;
        o.optimizer.kind = "adam";
        cancel_at(at);
        refused(c, CONVIS_ECANCELED, "canceled", convis_synthesize(m, &o, convis_movie_shape(8, SMALL, SMALL), movie, NULL));
        for (int k = 0; k < 8*SMALL*SMALL; k++) assert_true(movie[k] >= 0 && movie[k] <= 1);
        cancel_at(0);
        must(c, convis_reset(m));
        convis_model_free(&m);
        must(c, convis_model_new(c, 0.01, &m));
        convis_add(m, type_named("lowpass"), "low", convis_input(m));
        convis_gradcheck_options g = CONVIS_GRADCHECK_DEFAULTS;
        g.frame = convis_movie_shape(1, SMALL, SMALL);
        cancel_at(at);
        refused(c, CONVIS_ECANCELED, "canceled", convis_gradcheck(m, &g, &report));
        assert_null(report.rows);
        must(c, convis_get(m, "low.tau", &tau));
        convis_item item;
        assert_true(convis_list(m, CONVIS_PARAMETER, 0, &item));
        assert_true(tau == item.initial);
        convis_model_free(&m);
    }
}

static void analyses(void **state)
{
    convis_recording *r = recorded_files();
    convis_sta_options o = CONVIS_STA_DEFAULTS;
    convis_sta sta;
    (void)state;
    o.lags = 3;
    for (int at = 1; at < 3; at++) {
        cancel_at(at);
        refused(c, CONVIS_ECANCELED, "canceled", convis_sta_of(c, r, &o, &sta));
        assert_null(sta.sta);
        assert_null(sta.significance);
    }
    convis_real numbers[2*40];
    convis_score scores[3*CONVIS_SCORES];
    for (int k = 0; k < 80; k++) numbers[k] = (convis_real)chance(9, (uint64_t)k);
    const convis_score_options so = { .dt = 0.01, .bootstrap = 3, .level = 0.9, .block = 10 };
    cancel_at(2);
    refused(c, CONVIS_ECANCELED, "scores: canceled after 1 of 2",
            convis_scores_of_cells(c, &so, numbers, numbers, NULL, 1, 40, 2, scores));
    convis_recording_close(&r);
}

/* ---- Reading ---- */

static void reading(void **state)
{
    enum { N = SMALL*SMALL };
    static convis_real whole[FEW*N], parts[FEW*N];
    const convis_movie_options o = { .dt = 0.01, .channel = -1 };
    convis_movie *movie;
    convis_array array;
    int64_t got, all = 0;
    (void)state;
    cancel_at(0);
    must(c, convis_movie_open(c, stimulus, &o, &movie));
    must(c, convis_movie_read(movie, whole, FEW, &got));
    assert_int_equal(got, FEW);
    convis_movie_close(&movie);
    must(c, convis_movie_open(c, stimulus, &o, &movie));
    for (int k = 0; all < FEW; k++) {
        cancel_at(5);
        const convis_status status = convis_movie_read(movie, parts + all*N, FEW - all, &got);
        if (status) {
            assert_int_equal(status, CONVIS_ECANCELED);
            assert_int_equal(got, 4);
            assert_string_equal(poll.what, "read");
        }
        all += got;
        assert_true(k < FEW);
    }
    assert_memory_equal(whole, parts, sizeof whole);
    convis_movie_close(&movie);
    cancel_at(1);
    refused(c, CONVIS_ECANCELED, "read: canceled after 0 of 30", convis_array_read(c, stimulus, &array));
    assert_null(array.data);
    refused(c, CONVIS_ECANCELED, "plot", convis_plot(c, stimulus, "/tmp/none.png", NULL));
}

/* ---- Warnings ---- */

static char heard[8][512];
static int hear_count;
static void hear(void *user, const char *sentence)
{
    assert_ptr_equal(user, heard);
    if (hear_count < 8) snprintf(heard[hear_count], sizeof *heard, "%s", sentence);
    hear_count++;
}

static void warnings(void **state)
{
    char text[1 << 15], changed[1 << 17];
    FILE *f = fopen(CONVIS_TEST_DATA "/vr_c02.xml", "rb");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    char *at = strstr(text, "<retina ");
    assert_non_null(at);
    *at = 0;
    const int length =
        snprintf(changed, sizeof changed, "%s<retina nonsense=\"1\" rubbish=\"2\" %s", text, at + strlen("<retina "));
    assert_true(length > 0 && length < (int)sizeof changed);
    convis_model *point;
    must(c, convis_on_log(c, hear, heard));
    must(c, convis_model_new(c, 0.01, &point));
    convis_add(point, type_named("conv"), "filter", convis_input(point));
    must(c, convis_set_initialiser(point, "filter.weights", "gabor?sigma=2"));
    must(c, convis_plan(point, convis_movie_shape(2, 8, 8)));
    assert_int_equal(hear_count, 1);
    hear_count = 0;
    assert_non_null(strstr(heard[0], "filter.weights: of the gabor there is a single number"));
    convis_model_free(&point);
    convis_recipe *r = NULL;
    (void)state;
    must(c, convis_on_log(c, hear, heard));
    if (convis_recipe_read(c, "text", changed, strlen(changed), &r)) fail_msg("%s", convis_message(c));
    int listed = 0;
    while (convis_recipe_warning(r, listed)) listed++;
    assert_true(listed > 0);
    assert_int_equal(hear_count, listed);
    for (int k = 0; k < listed && k < 8; k++) assert_string_equal(heard[k], convis_recipe_warning(r, k));
    must(c, convis_on_log(c, NULL, NULL));
    convis_recipe *again = NULL;
    must(c, convis_recipe_read(c, "text", changed, strlen(changed), &again));
    assert_int_equal(hear_count, listed);
    convis_recipe_free(&again);
    convis_recipe_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs, begin, end),
        cmocka_unit_test_setup_teardown(settling, begin, end),
        cmocka_unit_test_setup_teardown(fits, begin, end),
        cmocka_unit_test_setup_teardown(syntheses_and_checks, begin, end),
        cmocka_unit_test_setup_teardown(analyses, begin, end),
        cmocka_unit_test_setup_teardown(reading, begin, end),
        cmocka_unit_test_setup_teardown(warnings, begin, end),
    };
    return cmocka_run_group_tests(tests, begin_files, end_files);
}
