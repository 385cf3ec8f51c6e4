/* test_bptt.c - checkpointed backpropagation for callers of the library: of any loss at any outputs, whatever the chunks and the memory for
 * states; and recordings from memory and functions of the caller's, which fit as files do. */
#include "harness.h"
#include <convis/fit.h>
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

enum { HEIGHT = 6, WIDTH = 7, N = HEIGHT*WIDTH, FRAMES = 61, FAIL_AT = 30 };
static convis_context *c;
static convis_real movie[FRAMES*N];
static const char *const PATHS[] = { "opl.center.tau", "bipolar.leak", "ganglion_0.threshold" };
enum { PATH_COUNT = sizeof PATHS/sizeof *PATHS };

static int begin(void **state)
{
    (void)state;
    for (int t = 0; t < FRAMES; t++)
        for (int i = 0; i < N; i++) movie[t*N + i] = (convis_real)(255*chance((uint64_t)t/5, (uint64_t)i));
    return convis_open(&c, "cpu");
}
static int end(void **state) { (void)state; convis_close(&c); return 0; }

typedef struct trial {
    convis_model *m;
    double loss, gradient[PATH_COUNT];
    convis_real d_movie[FRAMES*N];
    int64_t expected;                /* the frame that comes next, forwards or backwards */
    int calls, fail, sentence;       /* fail: the call of that number does */
} trial;

static convis_status frames_of(void *user, int64_t from, int64_t frames, convis_real *to)
{
    (void)user;
    memcpy(to, movie + from*N, (size_t)(frames*N)*sizeof *to);
    return CONVIS_OK;
}

/* L = mean of bipolar^2 and of the current times a weight that depends on the frame. */
static double weight(int64_t t) { return cos(0.3*(double)t)/100; }

static convis_status forward(void *user, int64_t from, int64_t frames)
{
    trial *a = user;
    convis_tensor bipolar, current;
    assert_int_equal(from, a->expected);
    a->expected += frames;
    must(c, convis_output(a->m, "bipolar", &bipolar));
    must(c, convis_output(a->m, "ganglion_0", &current));
    assert_int_equal(bipolar.shape.dim[CONVIS_T], frames);
    for (int64_t k = 0; k < frames*N; k++)
        a->loss += (double)bipolar.data[k]*(double)bipolar.data[k]/2 + weight(from + k/N)*(double)current.data[k];
    return CONVIS_OK;
}

static convis_status backward(void *user, int64_t from, int64_t frames)
{
    trial *a = user;
    convis_tensor bipolar;
    convis_real d[FRAMES*N];
    if (a->fail && ++a->calls == a->fail) return a->sentence ? convis_fail(c, CONVIS_EINVAL, "enough") : CONVIS_EINVAL;
    a->expected -= frames;
    assert_int_equal(from, a->expected);
    must(c, convis_output(a->m, "bipolar", &bipolar));       /* of these frames again */
    must(c, convis_vjp_from(a->m, "bipolar", bipolar));
    for (int64_t k = 0; k < frames*N; k++) d[k] = (convis_real)weight(from + k/N);
    return convis_vjp_from(a->m, "ganglion_0", convis_view(d, convis_movie_shape(frames, HEIGHT, WIDTH)));
}

static convis_status take_gradient(void *user, int64_t from, int64_t frames, const convis_real *d)
{
    trial *a = user;
    assert_non_null(d);
    memcpy(a->d_movie + from*N, d, (size_t)(frames*N)*sizeof *d);
    return CONVIS_OK;
}

static convis_model *planned(int64_t chunk)
{
    convis_recipe *r;
    convis_model *m;
    must(c, convis_recipe_open(c, "retina", &r));
    must(c, convis_recipe_build(r, WIDTH, HEIGHT, &m));
    convis_recipe_free(&r);
    for (int k = 0; k < PATH_COUNT; k++) must(c, convis_require_gradient(m, PATHS[k]));
    must(c, convis_require_gradient(m, "input"));
    must(c, convis_probe(m, "bipolar"));
    must(c, convis_probe(m, "ganglion_0"));
    must(c, convis_plan(m, convis_movie_shape(chunk, HEIGHT, WIDTH)));
    return m;
}

static void try(trial *a, int64_t chunk, size_t memory)
{
    convis_bptt *b;
    *a = (trial){ .m = planned(chunk) };
    must(c, convis_bptt_new(a->m, &(convis_bptt_options){ .read = frames_of, .forward = forward, .backward = backward,
                                                          .gradient = take_gradient, .user = a, .memory = memory }, &b));
    must(c, convis_bptt_run(b, 0, FRAMES));
    assert_int_equal(a->expected, FRAMES);
    must(c, convis_bptt_backpropagate(b));
    assert_int_equal(a->expected, 0);
    assert_int_equal(convis_frame(a->m), FRAMES);
    refused(c, CONVIS_ESTATE, "once, after the vjp", convis_vjp_baseline(a->m));         /* it has been added */
    refused(c, CONVIS_ESTATE, "convis_bptt_run before each", convis_bptt_backpropagate(b));
    for (int k = 0; k < PATH_COUNT; k++) must(c, convis_grad(a->m, PATHS[k], &a->gradient[k], 1));
    convis_bptt_free(&b);
    convis_bptt_free(&b);
    convis_model_free(&a->m);
}

static void chunks(void **state)
{
    static trial whole, parts;
    (void)state;
    try(&whole, FRAMES, 0);
    for (int k = 0; k < PATH_COUNT; k++) assert_true(whole.gradient[k] != 0);
    for (int64_t chunk = 1; chunk < FRAMES; chunk += 9)
        for (int small = 0; small < 2; small++) {        /* little memory: most states are computed again */
            try(&parts, chunk, small ? 1 : 0);
            for (int k = 0; k < PATH_COUNT; k++)
                if (fabs(parts.gradient[k] - whole.gradient[k]) > 1e-5*fabs(whole.gradient[k]))
                    fail_msg("%s, chunks of %lld: %.9g, expected %.9g", PATHS[k], (long long)chunk, parts.gradient[k],
                             whole.gradient[k]);
            assert_memory_equal(parts.d_movie, whole.d_movie, sizeof whole.d_movie);
        }
}

/* Against differences of the loss. */
static double loss_with(const char *path, double value)
{
    trial a = { .m = planned(20) };
    convis_bptt *b;
    must(c, convis_set(a.m, path, value));
    must(c, convis_bptt_new(a.m, &(convis_bptt_options){ .read = frames_of, .forward = forward, .user = &a }, &b));
    must(c, convis_bptt_run(b, 0, FRAMES));
    convis_bptt_free(&b);
    convis_model_free(&a.m);
    return a.loss;
}

static void differences(void **state)
{
    static trial whole;
    (void)state;
    try(&whole, 17, 0);
    for (int k = 0; k < PATH_COUNT; k++) {
        double value;
        convis_model *m = planned(1);
        must(c, convis_get(m, PATHS[k], &value));
        convis_model_free(&m);
        const double step = 0.02*fmax(fabs(value), 0.1),
                     found = (loss_with(PATHS[k], value + step) - loss_with(PATHS[k], value - step))/(2*step);
        if (fabs(found - whole.gradient[k]) > 0.02*fabs(found))
            fail_msg("%s: %.6g, differences give %.6g", PATHS[k], whole.gradient[k], found);
    }
}

static convis_status broken(void *user, int64_t from, int64_t frames, convis_real *to)
{
    (void)user;
    if (from + frames > FAIL_AT) return CONVIS_EIO;
    memcpy(to, movie + from*N, (size_t)(frames*N)*sizeof *to);
    return CONVIS_OK;
}

static void faults(void **state)
{
    convis_bptt *b;
    convis_model *m;
    (void)state;
    for (int sentence = 0; sentence < 2; sentence++) {
        trial a = { .m = planned(10), .fail = 2, .sentence = sentence };
        must(c, convis_bptt_new(
                    a.m, &(convis_bptt_options){ .read = frames_of, .forward = forward, .backward = backward, .user = &a }, &b));
        must(c, convis_bptt_run(b, 0, FRAMES));
        refused(c, CONVIS_EINVAL, sentence ? "enough" : "'backward' failed at frame 50: a value is out of range",
                convis_bptt_backpropagate(b));
        refused(c, CONVIS_ESTATE, "no run", convis_bptt_backpropagate(b));
        convis_bptt_free(&b);
        must(c, convis_bptt_new(a.m, &(convis_bptt_options){ .read = broken, .user = &a }, &b));
        refused(c, CONVIS_EIO, "'read' failed at frame 30", convis_bptt_run(b, 0, FRAMES));
        refused(c, CONVIS_EINVAL, "bptt: 5 frames from frame -1 on", convis_bptt_run(b, -1, 5));
        must(c, convis_plan(a.m, convis_movie_shape(7, HEIGHT, WIDTH)));
        refused(c, CONVIS_ESTATE, "planned anew", convis_bptt_run(b, 0, FRAMES));
        convis_bptt_free(&b);
        refused(c, CONVIS_EINVAL, "read", convis_bptt_new(a.m, &(convis_bptt_options){ .user = &a }, &b));
        assert_null(b);
        convis_model_free(&a.m);
    }
    must(c, convis_model_new(c, 0.001, &m));
    convis_add(m, type_named("lowpass"), "low", convis_input(m));
    refused(c, CONVIS_ESTATE, "planned", convis_bptt_new(m, &(convis_bptt_options){ .read = frames_of }, &b));
    must(c, convis_plan(m, convis_movie_shape(4, HEIGHT, WIDTH)));
    refused(c, CONVIS_ESTATE, "gradient", convis_bptt_new(m, &(convis_bptt_options){ .read = frames_of }, &b));
    convis_model_free(&m);
}

/* ---- Recordings from memory ---- */

static convis_real rates[2*FRAMES], mask[2*FRAMES];
static int reads;

static convis_status give_stimulus(void *user, int64_t from, int64_t frames, convis_real *to)
{
    reads++;
    return frames_of(user, from, frames, to);
}

static convis_status give_response(void *user, int64_t from, int64_t frames, convis_real *to)
{
    (void)user;
    for (int k = 0; k < 2; k++) memcpy(to + k*frames, rates + k*FRAMES + from, (size_t)frames*sizeof *to);
    return CONVIS_OK;
}

static double fitted(const convis_recording_source *s, convis_fit_report *report)
{
    convis_model *m;
    convis_recording *r;
    must(c, convis_model_new(c, 0.01, &m));
    convis_node low = convis_add(m, type_named("lowpass"), "low", convis_input(m));
    convis_add(m, type_named("rf"), "rf", low);
    must(c, convis_require_gradient(m, "rf"));
    must(c, convis_recording_from(c, s, &r));
    convis_fit_options o = CONVIS_FIT_DEFAULTS;
    o.epochs = 5;
    must(c, convis_fit(m, r, &o, report));
    convis_recording_close(&r);
    convis_model_free(&m);
    return report->loss;
}

static void recordings(void **state)
{
    convis_fit_report a, b, masked;
    convis_recording *r;
    (void)state;
    for (int t = 0; t < 2*FRAMES; t++) {
        rates[t] = (convis_real)(movie[t%FRAMES*N + 3]/255 + 0.1*chance(9, (uint64_t)t));
        mask[t] = t%FRAMES >= 40 ? 0 : 1;
    }
    convis_recording_source s = { .dt = 0.01, .frames = FRAMES, .channels = 1, .height = HEIGHT, .width = WIDTH, .units = 1, .trials = 2,
                                  .stimulus = movie, .response = rates };
    const double from_memory = fitted(&s, &a);
    convis_recording_source f = s;
    f.stimulus = f.response = NULL;
    f.read_stimulus = give_stimulus;
    f.read_response = give_response;
    assert_true(fitted(&f, &b) == from_memory && reads > 0);
    assert_true(a.loss < a.loss_before);
    s.mask = mask;
    assert_true(fitted(&s, &masked) != from_memory);
    /* Refusals. */
    convis_recording_source bad = s;
    bad.dt = 0;
    refused(c, CONVIS_EINVAL, "dt", convis_recording_from(c, &bad, &r));
    assert_null(r);
    bad = s;
    bad.units = 0;
    refused(c, CONVIS_EINVAL, "0 units", convis_recording_from(c, &bad, &r));
    bad = s;
    bad.stimulus = NULL;
    refused(c, CONVIS_EINVAL, "neither a stimulus", convis_recording_from(c, &bad, &r));
    bad = s;
    bad.skip = FRAMES;
    refused(c, CONVIS_EINVAL, "skipped", convis_recording_from(c, &bad, &r));
    convis_real *spoilt = malloc(sizeof movie), *to = malloc(sizeof movie);
    memcpy(spoilt, movie, sizeof movie);
    spoilt[7*N + 8] = (convis_real)NAN;
    bad = s;
    bad.stimulus = spoilt;
    must(c, convis_recording_from(c, &bad, &r));
    must(c, convis_recording_stimulus(r, 0, 7, to));
    refused(c, CONVIS_EINVAL, "frame 7", convis_recording_stimulus(r, 5, 9, to));
    convis_recording_close(&r);
    free(spoilt);
    free(to);
}

/* ---- Vectors, penalties, curvature ---- */

static convis_model *line(void)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.01, &m));
    convis_node low = convis_add(m, type_named("lowpass"), "low", convis_input(m));
    convis_add(m, type_named("rf"), "rf", low);
    must_set(m, "low", "tau", 0.02);
    must(c, convis_require_gradient(m, "low.tau"));
    must(c, convis_require_gradient(m, "rf.weights"));
    must(c, convis_probe(m, "rf"));
    return m;
}

static void vectors(void **state)
{
    convis_model *m = line();
    convis_parameter_vector *v;
    convis_vector_part part;
    double x[1 + N], low[1 + N], high[1 + N], g[1 + N], tau, value;
    (void)state;
    refused(c, CONVIS_ESTATE, "planned", convis_parameter_vector_new(m, &v));
    assert_null(v);
    must(c, convis_plan(m, convis_movie_shape(FRAMES, HEIGHT, WIDTH)));
    must(c, convis_parameter_vector_new(m, &v));
    assert_int_equal(convis_parameter_vector_size(v), 1 + N);
    assert_true(convis_parameter_vector_list(v, 1, &part) && part.at == 1 && part.count == N && part.array && !part.logarithmic);
    assert_string_equal(part.path, "rf.weights");
    assert_true(convis_parameter_vector_list(v, 0, &part) && part.logarithmic && !convis_parameter_vector_list(v, 2, &part));
    must(c, convis_parameter_vector_read(v, x));
    convis_parameter_vector_bounds(v, low, high);
    for (int k = 0; k <= N; k++) assert_true(low[k] < x[k] && x[k] < high[k]);
    /* What a step in x does to the loss, the gradient by x says. */
    const convis_tensor frames = convis_view(movie, convis_movie_shape(FRAMES, HEIGHT, WIDTH));
    double loss[3];
    for (int side = 0; side < 3; side++) {
        double moved[1 + N];
        convis_tensor y;
        memcpy(moved, x, sizeof x);
        moved[0] += side == 1 ? 0.01 : side == 2 ? -0.01 : 0;
        must(c, convis_parameter_vector_write(v, moved));
        must(c, convis_reset(m));
        must(c, convis_run(m, frames));
        must(c, convis_output(m, "rf", &y));
        loss[side] = 0;
        for (int t = 0; t < FRAMES; t++) loss[side] += 0.5*(double)y.data[t]*(double)y.data[t];
        if (side) continue;
        must(c, convis_grad_zero(m));
        must(c, convis_vjp_from(m, "rf", y));
        must(c, convis_vjp(m, NULL));
        must(c, convis_vjp_baseline(m));
        must(c, convis_parameter_vector_gradient(v, g));
    }
    value = (loss[1] - loss[2])/0.02;
    if (fabs(value - g[0]) > 0.01*fabs(value)) fail_msg("%.6g, differences give %.6g", g[0], value);
    must(c, convis_parameter_vector_write(v, x));
    must(c, convis_get(m, "low.tau", &tau));
    assert_true(fabs(tau - 0.02) < 1e-12);
    x[3] = NAN;
    refused(c, CONVIS_EINVAL, "number 3", convis_parameter_vector_write(v, x));
    convis_parameter_vector_free(&v);
    convis_parameter_vector_free(&v);
    convis_model_free(&m);
}

/* Of a model that is linear in its weights the Hessian of the mean square is known: the mean of x x^T times 2; and a penalty of one's own
 * adds what it says. */
static double quartic(void *user, const double *x, convis_shape shape, double *gradient)
{
    double sum = 0;
    (void)user;
    for (int64_t i = 0; i < convis_elements(shape); i++) {
        sum += x[i]*x[i]/2;
        if (gradient) gradient[i] = x[i];
    }
    return sum;
}

static void curvature(void **state)
{
    convis_model *m;
    convis_recording *r;
    double v[2*N], product[2*N], before[N], after[N];
    convis_real out[FRAMES];
    (void)state;
    const convis_recording_source s = { .dt = 0.01, .frames = FRAMES, .channels = 1, .height = HEIGHT, .width = WIDTH, .units = 1, .trials = 1,
                                        .stimulus = movie, .response = rates };
    must(c, convis_recording_from(c, &s, &r));
    must(c, convis_model_new(c, 0.01, &m));
    convis_add(m, type_named("rf"), "rf", convis_input(m));
    must_set(m, "rf", "frames", 1);
    must(c, convis_require_gradient(m, "rf.weights"));
    convis_fit_options o = CONVIS_FIT_DEFAULTS;
    const convis_regularizer own = { .path = "rf", .weight = 3e4, .function = quartic };
    o.regularizers = &own;
    o.regularizer_count = 1;
    for (int i = 0; i < 2*N; i++) v[i] = chance(21, (uint64_t)i) - 0.5;
    double value;
    must(c, convis_fit_objective(m, r, &o, &value, NULL, 0));
    must(c, convis_get_array(m, "rf.weights", before, N));
    must(c, convis_fit_hessian(m, r, &o, v, 2, 0, product, N));
    must(c, convis_get_array(m, "rf.weights", after, N));
    for (int i = 0; i < N; i++) assert_true(fabs(after[i] - before[i]) <= 1e-12*fabs(before[i]));
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < N; i++) {
            double expected = 3e4*v[k*N + i], dot;
            for (int t = 0; t < FRAMES; t++) {
                dot = 0;
                for (int j = 0; j < N; j++) dot += (double)movie[t*N + j]*v[k*N + j];
                expected += 2*dot*(double)movie[t*N + i]/FRAMES;
            }
            if (fabs(product[k*N + i] - expected) > 2e-3*3e4)
                fail_msg("direction %d, %d: %.8g, expected %.8g", k, i, product[k*N + i], expected);
        }
    /* Along a direction of weights the output is that direction's. */
    must(c, convis_unplan(m));
    must(c, convis_probe(m, "rf"));
    must(c, convis_plan(m, convis_movie_shape(FRAMES, HEIGHT, WIDTH)));
    const convis_tensor frames = convis_view(movie, convis_movie_shape(FRAMES, HEIGHT, WIDTH));
    must(c, convis_jvp(m, frames, "rf", v, NULL, 0, out));
    for (int t = 0; t < FRAMES; t++) {
        double dot = 0;
        for (int j = 0; j < N; j++) dot += (double)movie[t*N + j]*v[j];
        if (fabs((double)out[t] - dot) > 2e-3*500) fail_msg("frame %d: %.8g, expected %.8g", t, (double)out[t], dot);
    }
    /* And of frames, its response to them. */
    convis_tensor y;
    must(c, convis_jvp(m, frames, "rf", NULL, &frames, 0, out));
    assert_int_equal(convis_frame(m), 0);
    must(c, convis_run(m, frames));
    must(c, convis_output(m, "rf", &y));
    double bias = 0;
    if (!convis_get_array(m, "rf.bias", &bias, 1)) { }
    for (int t = 0; t < FRAMES; t++)
        if (fabs((double)out[t] - ((double)y.data[t] - bias)) > 2e-3*fabs((double)y.data[t]) + 1e-3) fail_msg("frame %d", t);
    refused(c, CONVIS_ESHAPE, "expected 42", convis_fit_hessian(m, r, &o, v, 1, 0, product, 41));
    convis_model_free(&m);
    convis_recording_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(chunks), cmocka_unit_test(differences), cmocka_unit_test(faults),
                                        cmocka_unit_test(recordings),
                                        cmocka_unit_test(vectors), cmocka_unit_test(curvature) };
    return cmocka_run_group_tests_name("backpropagation", tests, begin, end);
}
