/* test_synthesize.c - movies that are optimised, against closed forms and eigenvectors; and the check of gradients, which must find the
 * right ones right and the wrong ones wrong. */
#include "harness.h"
#include <convis/fit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { T = 20, SINGLE = sizeof(convis_real) == 4 };
static const double DT = 0.005, TAU = 0.02;
static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

static convis_model *lowpass(double tau)
{
    convis_model *m;
    must(c, convis_model_new(c, DT, &m));
    convis_add(m, type_named("lowpass"), "low", convis_input(m));
    must(c, convis_set(m, "low.tau", tau));
    return m;
}

static const convis_synthesize_options DEFAULTS = CONVIS_SYNTHESIZE_DEFAULTS;

static double mean_of(const convis_real *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)x[i];
    return sum/n;
}

/* ---- The largest response ---- */

/* Frame t of a movie counts as much as what remains of it: 1 - c^(T-t). Without contrast all pixels are as bright as they can be; with
 * little contrast they are that weighting. */
static void largest(void **state)
{
    static const char *const kind[] = { "lbfgs", "adam", "tnewton", "sgd" };
    double weight[T], square = 0, keep = exp(-DT/TAU), mean = 0;
    (void)state;
    for (int t = 0; t < T; t++) {
        weight[t] = 1 - pow(keep, T - t);
        square += weight[t]*weight[t]/T;
        mean += weight[t]/T;
    }
    for (int k = 0; k < 4; k++) {
        convis_real movie[T*6];
        convis_synthesize_options o = DEFAULTS;
        convis_synthesize_report report;
        convis_model *m = lowpass(TAU);
        for (int i = 0; i < T*6; i++) movie[i] = (convis_real)0.5;
        o.optimizer = (convis_optimizer_options){ .kind = kind[k], .rate = k == 3 ? 20 : 0.05 };
        o.high = 1;
        o.iterations = k == 0 ? 30 : 400;
        o.chunk = 7;
        must(c, convis_synthesize(m, &o, convis_movie_shape(T, 2, 3), movie, &report));
        for (int i = 0; i < T*6; i++) assert_true(fabs((double)movie[i] - 1) < 1e-3);
        assert_true(fabs(report.after - mean) < 1e-3 && fabs(report.before - 0.5*mean) < 1e-6);
        convis_model_free(&m);
        /* Half the range is 0.5, so a contrast of 0.2 is a root mean square of 0.1. */
        m = lowpass(TAU);
        for (int i = 0; i < T*6; i++) movie[i] = (convis_real)0.5;
        o.contrast = 0.2;
        o.noise = 0.01;
        must(c, convis_synthesize(m, &o, convis_movie_shape(T, 2, 3), movie, &report));
        double rms = 0, worst = 0;
        for (int i = 0; i < T*6; i++) {
            rms += pow((double)movie[i] - 0.5, 2)/(T*6);
            worst = fmax(worst, fabs((double)movie[i] - 0.5 - 0.1*weight[i/6]/sqrt(square)));
        }
        if (worst > (SINGLE && k ? 5e-3 : 2e-3) || sqrt(rms) > 0.1*(1 + 1e-6))
            fail_msg("%s: off by %g, contrast %g", kind[k], worst, sqrt(rms));
        assert_true(fabs(report.after - (0.5*mean + 0.1*sqrt(square))) < 1e-5);
        assert_int_equal(convis_frame(m), 0);
        convis_model_free(&m);
    }
}

/* One unit, channels, an onset that does not count: only pixels that it takes as input are moved. */
static void one_unit(void **state)
{
    const convis_shape shape = { { 1, 2, T, 2, 3 } };
    convis_real movie[T*12];
    convis_synthesize_options o = DEFAULTS;
    (void)state;
    convis_model *m = lowpass(TAU);
    for (int i = 0; i < T*12; i++) movie[i] = (convis_real)0.25;
    o.unit = 8;
    o.skip = T - 1;
    o.iterations = 60;
    must(c, convis_synthesize(m, &o, shape, movie, NULL));
    for (int i = 0; i < T*12; i++) assert_true(i%12 == 8 ? movie[i] > 0.99 : movie[i] == (convis_real)0.25);
    convis_model_free(&m);
}

/* ---- A response, and a difference ---- */

static void target(void **state)
{
    convis_real truth[T*6], response[T*6], movie[T*6];
    convis_tensor y;
    convis_synthesize_options o = DEFAULTS;
    convis_synthesize_report report;
    (void)state;
    for (int i = 0; i < T*6; i++) { truth[i] = (convis_real)(0.2 + 0.6*chance(1, (uint64_t)i)); movie[i] = (convis_real)0.5; }
    convis_model *m = lowpass(TAU);
    must(c, convis_require_gradient(m, "input"));
    must(c, convis_probe(m, "low"));
    must(c, convis_plan(m, convis_movie_shape(T, 2, 3)));
    must(c, convis_run(m, convis_view(truth, convis_movie_shape(T, 2, 3))));
    must(c, convis_output(m, "low", &y));
    memcpy(response, y.data, sizeof response);
    o.target = response;
    o.iterations = 300;
    must(c, convis_synthesize(m, &o, convis_movie_shape(T, 2, 3), movie, &report));
    double worst = 0;
    for (int i = 0; i < T*6; i++) worst = fmax(worst, fabs((double)(movie[i] - truth[i])));
    if (worst > (SINGLE ? 1e-3 : 1e-6)) fail_msg("off by %g, distance %g from %g", worst, report.after, report.before);
    assert_true(report.after < 1e-6*report.before);
    convis_model_free(&m);
}

/* The largest mean square of (A - B) x at a given contrast: the largest singular value, by power iteration. */
static void difference(void **state)
{
    double a[T][T] = { { 0 } }, x[T], y[T], size = 0;
    (void)state;
    for (int t = 0; t < T; t++)
        for (int s = 0; s <= t; s++)
            a[t][s] = (1 - exp(-DT/0.01))*exp(-DT/0.01*(t - s)) - (1 - exp(-DT/0.04))*exp(-DT/0.04*(t - s));
    for (int t = 0; t < T; t++) x[t] = chance(2, (uint64_t)t);
    for (int k = 0; k < 4000; k++) {
        size = 0;
        for (int t = 0; t < T; t++) { y[t] = 0; for (int s = 0; s < T; s++) y[t] += a[t][s]*x[s]; }
        for (int s = 0; s < T; s++) { x[s] = 0; for (int t = 0; t < T; t++) x[s] += a[t][s]*y[t]; size += x[s]*x[s]; }
        for (int s = 0; s < T; s++) x[s] /= sqrt(size);
    }
    double expected = 0.01*sqrt(size);                   /* contrast^2 times the largest eigenvalue of A' A */
    for (int steps = 0; steps < 2; steps++) {
        convis_real movie[T] = { 0 };
        convis_synthesize_options o = DEFAULTS;
        convis_synthesize_report report;
        convis_model *m = lowpass(0.01), *other = lowpass(0.04);
        o.other = other;
        o.low = -1;
        o.contrast = 0.1;
        o.noise = 0.05;
        o.seed = 3;
        o.iterations = steps ? 3000 : 300;
        if (steps) o.optimizer = (convis_optimizer_options){ .kind = "adam", .rate = 0.01 };
        must(c, convis_synthesize(m, &o, convis_movie_shape(T, 1, 1), movie, &report));
        if (fabs(report.after - expected) > 2e-4*expected) fail_msg("%g, expected %g", report.after, expected);
        convis_model_free(&m);
        convis_model_free(&other);
    }
}

/* ---- Constraints ---- */

static void smooth(void **state)
{
    double before = INFINITY;
    (void)state;
    for (int k = 0; k < 4; k++) {
        convis_real movie[T*9], truth[T*9];
        convis_synthesize_options o = DEFAULTS;
        convis_model *m = lowpass(0.001);
        double rough = 0;
        for (int i = 0; i < T*9; i++) { truth[i] = (convis_real)chance(4, (uint64_t)i); movie[i] = (convis_real)chance(5, (uint64_t)i); }
        o.target = truth;                                /* the model hardly filters */
        o.smooth_time = k == 1 || k == 3 ? 10 : 0;
        o.smooth_space = k == 2 || k == 3 ? 10 : 0;
        o.iterations = 200;
        must(c, convis_synthesize(m, &o, convis_movie_shape(T, 3, 3), movie, NULL));
        double over_time = 0, over_space = 0, all = mean_of(movie, T*9);
        for (int i = 0; i < T*9; i++) {
            if (i >= 9) over_time += pow((double)(movie[i] - movie[i - 9]), 2);
            if (i%3) over_space += pow((double)(movie[i] - movie[i - 1]), 2);
            if (i/3%3) over_space += pow((double)(movie[i] - movie[i - 3]), 2);
            rough = fmax(rough, fabs((double)movie[i] - all));
            assert_true(movie[i] >= 0 && movie[i] <= 1);
        }
        if (o.smooth_time > 0)  assert_true(over_time < 1);
        else assert_true(over_time > 2);
        if (o.smooth_space > 0) assert_true(over_space < 1);
        else assert_true(over_space > 2);
        if (k == 3) assert_true(rough < 0.1 && fabs(all - mean_of(truth, T*9)) < 0.01);
        assert_true(rough < before || k == 2);
        before = rough;
        convis_model_free(&m);
    }
}

static int stop_third(void *user, const convis_fit_progress *p) { (*(int *)user)++; return p->epoch == 3; }

static void stopped_and_seeded(void **state)
{
    static const char *const kind[] = { "lbfgs", "adam", "bobyqa" };
    (void)state;
    for (int k = 0; k < 3; k++) {
        convis_real movie[3][T];
        int calls = 0;
        for (int j = 0; j < 3; j++) {
            convis_synthesize_options o = DEFAULTS;
            convis_synthesize_report report;
            convis_model *m = lowpass(TAU);
            memset(movie[j], 0, sizeof movie[j]);
            o.low = -1;
            o.optimizer.kind = kind[k];
            o.noise = 0.3;
            o.seed = j == 2;
            o.progress = stop_third;
            o.user = &calls;
            must(c, convis_synthesize(m, &o, convis_movie_shape(T, 1, 1), movie[j], &report));
            assert_true(report.ended == CONVIS_ENDED_STOPPED && report.iterations == 3 && calls == 3*(j + 1)
                        && report.after >= report.before);
            convis_model_free(&m);
        }
        assert_memory_equal(movie[0], movie[1], sizeof movie[0]);
        assert_true(memcmp(movie[0], movie[2], sizeof movie[0]));
    }
}

static void sentences(void **state)
{
    static convis_real movie[T*6], response[T*6];
    const convis_shape shape = convis_movie_shape(T, 2, 3);
    convis_model *m = lowpass(TAU), *other = lowpass(2*TAU), *planned = lowpass(TAU);
    convis_synthesize_options o = DEFAULTS;
    (void)state;
#define WRONG(status, sentence, change) \
    do { o = DEFAULTS; change; refused(c, status, sentence, convis_synthesize(m, &o, shape, movie, NULL)); } while (0)
    WRONG(CONVIS_EINVAL, "pixels from 1 to 1", o.low = 1);
    WRONG(CONVIS_EINVAL, "contrast is -1", o.contrast = -1);
    WRONG(CONVIS_EINVAL, "0 iterations", o.iterations = 0);
    WRONG(CONVIS_EINVAL, "20 frames are skipped", o.skip = 20);
    WRONG(CONVIS_EINVAL, "expected one goal", (o.target = response, o.other = other));
    WRONG(CONVIS_ENAME, "hi", o.output = "hi");
    m = (convis_model_free(&m), lowpass(TAU));
    WRONG(CONVIS_EINVAL, "unit 6, but 'low' has 6 numbers", o.unit = 6);
    WRONG(CONVIS_ENAME, "optimiser 'adan'", o.optimizer.kind = "adan");
    movie[7] = (convis_real)NAN;
    WRONG(CONVIS_EINVAL, "pixel 7 of the start", (void)0);
    movie[7] = 0;
    refused(c, CONVIS_ESHAPE, "the model is planned for (1, 2, 3)",
            convis_synthesize(m, &o, convis_movie_shape(T, 3, 3), movie, NULL));
    must(c, convis_probe(planned, "low"));
    must(c, convis_plan(planned, shape));
    refused(c, CONVIS_ESTATE, "no gradient was asked for", convis_synthesize(planned, &o, shape, movie, NULL));
    convis_model_free(&m);
    convis_model_free(&other);
    convis_model_free(&planned);
}

/* ---- Checks of gradients ---- */

static convis_gradcheck_report checked(convis_model *m, convis_gradcheck_options o)
{
    convis_gradcheck_report report;
    o.frame = convis_movie_shape(1, 2, 3);
    must(c, convis_gradcheck(m, &o, &report));
    return report;
}

static const convis_gradcheck_options CHECK = CONVIS_GRADCHECK_DEFAULTS;

static void right_gradients(void **state)
{
    convis_model *m;
    (void)state;
    must(c, convis_model_new(c, DT, &m));
    convis_node low = convis_add(m, type_named("lowpass"), "low", convis_input(m));
    convis_node high = convis_add(m, type_named("highpass"), "high", low);
    convis_add(m, type_named("rectify"), "synapse", high);
    must(c, convis_baseline(m, 0.4));
    convis_gradcheck_report report = checked(m, CHECK);
    /* The movie; low: s and what it cannot hold, before, tau, gain; high: m and what it cannot hold, before, tau, weight; synapse: threshold,
     * value, amplification. */
    assert_int_equal(report.count, 12 + 6*6 + 2 + 2 + 3);
    assert_int_equal(report.judged, report.count);
    if (report.failed)
        for (int64_t k = 0; k < report.count; k++)
            if (!(report.rows[k].error <= 1e-4))
                print_message("%s[%d]: %g, difference %g\n", report.rows[k].path, (int)report.rows[k].element,
                              report.rows[k].gradient, report.rows[k].difference);
    assert_int_equal(report.failed, 0);
    assert_true(report.worst < (SINGLE ? 2e-2 : 1e-6));
    int moving = 0;
    for (int64_t k = 0; k < report.count; k++) moving += fabs(report.rows[k].gradient) > 0;
    assert_true(moving > 12 + 12 + 6);
    convis_gradcheck_free(c, &report);
    /* At a bound there is nothing to judge: no weight is above 1000. */
    must(c, convis_set(m, "high.weight", 1000));
    report = checked(m, CHECK);
    for (int64_t k = 0; k < report.count; k++) {
        int free_to_move = strcmp(report.rows[k].path, "high.weight") != 0;
        assert_int_equal(report.rows[k].judged, free_to_move);
    }
    convis_gradcheck_free(c, &report);
    convis_model_free(&m);
}

/* y = a x + b, with `wrong` added to what it says of a, and `late` to the gradient of its input. */
static double wrong, late;
static convis_status line_forward(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape)*p->frames;
    for (int64_t i = 0; i < n && !p->thread; i++) p->out[i] = (convis_real)(p->param[0]*(double)p->in[0][i] + p->param[1]);
    convis_barrier(p);
    return CONVIS_OK;
}
static convis_status line_vjp(convis_pass *p)
{
    const int64_t n = convis_elements(p->out_shape);
    for (int64_t i = 0; i < n*p->frames && !p->thread; i++) {
        p->d_map[i%n] += (convis_real)((1 + wrong)*(double)p->d_out[i]*(double)p->in[0][i]);
        p->d_map[n + i%n] += p->d_out[i];
        if (p->d_in[0]) p->d_in[0][i] += (convis_real)((p->param[0] + late)*(double)p->d_out[i]);
    }
    convis_barrier(p);
    return CONVIS_OK;
}
static void no_spikes(convis_pass *p, void *sink) { (void)p; (void)sink; }
static const convis_field line_params[] = { { "a", "1", 2, -9, 9, 0, "slope" }, { "b", "1", 1, -9, 9, 0, "offset" },
                                           { 0 } }, no_states[] = { { 0 } };
static const convis_layer_type line = { .abi = CONVIS_LAYER_ABI, .name = "line", .doc = "a x + b", .params = line_params,
                                       .states = no_states,
    .inputs = 1, .forward = line_forward, .vjp = line_vjp };
static const convis_layer_type spiking_line = { .abi = CONVIS_LAYER_ABI, .name = "spiking_line", .doc = "a x + b", .params = line_params,
    .states = no_states, .inputs = 1, .forward = line_forward, .vjp = line_vjp, .spikes = no_spikes };

static void wrong_gradients(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        convis_model *m;
        must(c, convis_model_new(c, DT, &m));
        convis_add(m, &line, "line", convis_add(m, type_named("lowpass"), "low", convis_input(m)));
        wrong = k == 1 ? 0.05 : 0;
        late = k == 2 ? 0.1 : 0;
        convis_gradcheck_report report = checked(m, CHECK);
        int64_t failed = 0;
        for (int64_t j = 0; j < report.count; j++) {
            int slope = !strcmp(report.rows[j].path, "line.a"), before = strncmp(report.rows[j].path, "line.", 5) != 0;
            int right = !(k == 1 && slope) && !(k == 2 && before && fabs(report.rows[j].gradient) > 0);
            if (right != (report.rows[j].error <= (SINGLE ? 2e-2 : 1e-4)))
                fail_msg("%s: %g, difference %g", report.rows[j].path, report.rows[j].gradient, report.rows[j].difference);
            failed += !right;
        }
        assert_int_equal(report.failed, failed);
        assert_true(k == 0 ? failed == 0 : fabs(report.worst - 0.05/1.05) < 0.01 && failed > 0);
        convis_gradcheck_free(c, &report);
        convis_model_free(&m);
    }
    wrong = late = 0;
}

/* What lies before spikes is not judged; what goes round them is. */
static void through_spikes(void **state)
{
    convis_model *m;
    (void)state;
    must(c, convis_model_new(c, DT, &m));
    convis_node low = convis_add(m, type_named("lowpass"), "low", convis_input(m));
    convis_node spikes = convis_add(m, &spiking_line, "spikes", low);
    convis_node beside = convis_add(m, &line, "beside", convis_input(m));
    convis_join(m, type_named("difference"), "both", (convis_edge[]){ { spikes, 0 }, { beside, 0 } }, 2);
    convis_gradcheck_report report = checked(m, CHECK);
    int before = 0, after = 0;
    for (int64_t k = 0; k < report.count; k++) {
        const char *path = report.rows[k].path;
        int expected = strncmp(path, "low", 3) && strncmp(path, "spikes", 6) && strcmp(path, "input");
        assert_int_equal(report.rows[k].judged, expected);
        before += !expected;
        after += expected;
    }
    assert_true(before > 12 && after == 2 && report.judged == after && report.failed == 0);
    convis_gradcheck_free(c, &report);
    convis_model_free(&m);
}

/* A delay of whole frames is where two straight lines join: either derivative is right, and no difference says which. */
static void kinks(void **state)
{
    convis_model *m;
    (void)state;
    if (SINGLE) skip();
    must(c, convis_model_new(c, DT, &m));
    convis_add(m, type_named("delay"), "late", convis_add(m, type_named("lowpass"), "low", convis_input(m)));
    must_set(m, "late", "delay", 2*DT);
    convis_gradcheck_report report = checked(m, CHECK);
    for (int64_t k = 0; k < report.count; k++)
        assert_int_equal(report.rows[k].judged, strcmp(report.rows[k].path, "late.delay") != 0);
    assert_true(report.failed == 0 && report.judged == report.count - 1);
    convis_gradcheck_free(c, &report);
    must_set(m, "late", "delay", 2.3*DT);
    report = checked(m, CHECK);
    assert_true(report.failed == 0 && report.judged == report.count);
    convis_gradcheck_free(c, &report);
    convis_model_free(&m);
}

static void check_sentences(void **state)
{
    convis_model *m = lowpass(TAU);
    convis_gradcheck_report report;
    convis_gradcheck_options o = CHECK;
    (void)state;
    o.frame = convis_movie_shape(1, 2, 3);
    o.frames = 0;
    refused(c, CONVIS_EINVAL, "0 frames", convis_gradcheck(m, &o, &report));
    o = CHECK;
    o.frame = convis_movie_shape(1, 2, 3);
    o.low = 2;
    refused(c, CONVIS_EINVAL, "pixels from 2 to 1", convis_gradcheck(m, &o, &report));
    o.low = 0;
    must(c, convis_probe(m, "low"));
    must(c, convis_plan(m, convis_movie_shape(5, 2, 3)));
    refused(c, CONVIS_ESTATE, "", convis_gradcheck(m, &o, &report));
    assert_null(report.rows);
    convis_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(largest), cmocka_unit_test(one_unit), cmocka_unit_test(target),
        cmocka_unit_test(difference),     cmocka_unit_test(smooth),          cmocka_unit_test(stopped_and_seeded),
        cmocka_unit_test(sentences), cmocka_unit_test(right_gradients), cmocka_unit_test(wrong_gradients),
        cmocka_unit_test(through_spikes), cmocka_unit_test(kinks), cmocka_unit_test(check_sentences),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
