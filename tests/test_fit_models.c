/* test_fit_models.c - receptive fields found again: LN and LNLN models from their responses, from spikes, and from chunks that are
 * shorter than their kernels. */
#include "harness.h"
#include "cascade.h"

enum { LONG = 4500, SHORT = 900, H = 6, W = 7, OUT_H = 4, OUT_W = 5, CELLS = OUT_H*OUT_W, KERNEL = 6*3*3 };

static void write_movie(int frames)
{
    double *data = malloc((size_t)(frames*H*W)*sizeof *data);
    for (int i = 0; i < frames*H*W; i++) data[i] = 2*chance(13, (uint64_t)i) - 1;
    write_npy("movie.npy", 3, (int64_t[]){ frames, H, W }, data);
    free(data);
}

static convis_recording *seen(const char *response, int frames)
{
    convis_recording *r;
    const convis_recording_options o = { .stimulus = "movie.npy", .response = response, .dt = DT, .frames = frames };
    must(c, convis_recording_open(c, &o, &r));
    return r;
}

/* Biphasic in time, centre and surround, and not separable. */
static void kernel(double *w)
{
    for (int t = 0; t < 6; t++)
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++)
                w[(t*3 + y)*3 + x] = (sin(1.1*t)*(y == 1 && x == 1 ? 1.2 : -0.15) + 0.1*cos(0.7*t + x - y))*0.8;
}

static void convolution(convis_model *m, const char *name, int frames, int size, const double *weights)
{
    const struct { const char *what; double value; } how[] = {
        { "frames", frames }, { "height", size }, { "width", size }, { "padding", 3 },
    };
    char path[64];
    for (int k = 0; k < 4; k++) must_set(m, name, how[k].what, how[k].value);
    snprintf(path, sizeof path, "%s.weights", name);
    if (weights) must(c, convis_set_array(m, path, weights, frames*size*size));
    must(c, convis_require_gradient(m, path));
}

static convis_model *ln(const double *weights, const char *nonlinearity)
{
    convis_model *m;
    must(c, convis_model_new(c, DT, &m));
    convis_add(m, type_named(nonlinearity), "n", convis_add(m, type_named("conv"), "l", convis_input(m)));
    convolution(m, "l", 6, 3, weights);
    return m;
}

static const double SECOND[] = { 0.2, -0.4, 1.1 };

static convis_model *lnln(const double *first, const double *second)
{
    convis_model *m;
    must(c, convis_model_new(c, DT, &m));
    convis_node one = convis_add(m, type_named("softplus"), "n1", convis_add(m, type_named("conv"), "l1", convis_input(m)));
    convis_add(m, type_named("softplus"), "n2", convis_add(m, type_named("conv"), "l2", one));
    must_set(m, "n1", "sharpness", 4);
    must_set(m, "n2", "sharpness", 4);
    convolution(m, "l1", 6, 3, first);
    convolution(m, "l2", 3, 1, second);
    return m;
}

/* What the model answers to so many frames (the others are not looked at); counts: that as a rate in Hz, drawn as numbers of spikes.
 * Frees the model. */
static void answer(convis_model *m, int frames, int counts)
{
    double *data = calloc((size_t)(LONG*CELLS), sizeof *data);
    convis_real *out = malloc((size_t)(LONG*CELLS)*sizeof *out);
    write_npy("answer.npy", 2, (int64_t[]){ LONG, CELLS }, data);
    convis_recording *r = seen("answer.npy", frames);
    must(c, convis_predict(m, r, NULL, 0, out));
    convis_recording_close(&r);
    convis_model_free(&m);
    for (int i = 0; i < frames*CELLS; i++) {
        double left = chance(17, (uint64_t)i), mean = (double)out[i]*DT, p = exp(-mean);
        data[i] = counts ? 0 : (double)out[i];
        for (int k = 1; counts && left > p; k++) { left -= p; p *= mean/k; data[i]++; }
    }
    write_npy("answer.npy", 2, (int64_t[]){ LONG, CELLS }, data);
    free(data);
    free(out);
}

/* The size of the error over the size of the truth. */
static double off_by(convis_model *m, const char *path, const double *truth, int n)
{
    double found[KERNEL], error = 0, size = 0;
    must(c, convis_get_array(m, path, found, n));
    for (int i = 0; i < n; i++) { error += pow(found[i] - truth[i], 2); size += pow(truth[i], 2); }
    return sqrt(error/size);
}

static void ln_found(void **state)
{
    double truth[KERNEL];
    (void)state;
    kernel(truth);
    answer(ln(truth, "softplus"), SHORT, 0);
    /* Chunks shorter than the kernel are as good as any. */
    for (int k = 0; k < 3; k++) {
        convis_model *m = ln(NULL, "softplus");
        convis_recording *r = seen("answer.npy", SHORT);
        convis_fit_options o = DEFAULTS;
        convis_fit_report report;
        o.chunk = k ? 0 : 4;
        o.optimizer.kind = "lbfgs";
        if (k == 2) {
            o.optimizer = (convis_optimizer_options){ .kind = "adam", .rate = 0.05 };
            o.segment = 50;
            o.epochs = 60;
            o.schedule = "cosine";
        }
        must(c, convis_fit(m, r, &o, &report));
        double off = off_by(m, "l.weights", truth, KERNEL);
        if (off > (k == 2 ? 1e-2 : SINGLE ? 1e-3 : 1e-6))
            fail_msg("%d: off by %g after %d epochs, loss %g", k, off, (int)report.epochs, report.loss);
        convis_recording_close(&r);
        convis_model_free(&m);
    }
}

static void ln_found_by_spikes(void **state)
{
    double truth[KERNEL];
    (void)state;
    kernel(truth);
    convis_model *m = ln(truth, "exponential");
    must_set(m, "n", "offset", log(60));
    answer(m, LONG, 1);
    m = ln(NULL, "exponential");
    must_set(m, "n", "offset", log(30));
    must(c, convis_require_gradient(m, "n.offset"));
    convis_recording *r = seen("answer.npy", LONG);
    convis_fit_options o = DEFAULTS;
    convis_fit_report report;
    o.loss.kind = "poisson";
    o.validate = 0.1;
    must(c, convis_fit(m, r, &o, &report));
    double offset, off = off_by(m, "l.weights", truth, KERNEL);
    must(c, convis_get(m, "n.offset", &offset));
    if (off > 0.05 || fabs(exp(offset)/60 - 1) > 0.05) fail_msg("off by %g, rate %g", off, exp(offset));
    assert_true(report.held_out < report.held_out_before);
    convis_recording_close(&r);
    convis_model_free(&m);
}

static void lnln_found(void **state)
{
    double truth[KERNEL];
    (void)state;
    kernel(truth);
    answer(lnln(truth, SECOND), SHORT, 0);
    convis_model *m = lnln(NULL, NULL);
    convis_recording *r = seen("answer.npy", SHORT);
    convis_fit_options o = DEFAULTS;
    convis_fit_report report;
    o.epochs = 300;
    o.starts = 2;
    o.spread = 1;
    must(c, convis_fit(m, r, &o, &report));
    double first = off_by(m, "l1.weights", truth, KERNEL), second = off_by(m, "l2.weights", SECOND, 3);
    if (first > 0.02 || second > 0.02)
        fail_msg("off by %g and %g after %d epochs, loss %g from %g", first, second, (int)report.epochs, report.loss,
                 report.loss_before);
    convis_recording_close(&r);
    convis_model_free(&m);
}

/* A penalty on roughness makes the kernel smoother, one on size smaller, and bounds are never violated. */
static void regularised(void **state)
{
    static const char *const kind[] = { NULL, "smooth_time", "smooth_space", "l1", "l2" };
    double truth[KERNEL], found[5][KERNEL], measure[5][4] = { { 0 } };
    (void)state;
    kernel(truth);
    answer(ln(truth, "softplus"), SHORT, 0);
    for (int k = 0; k < 5; k++) {
        convis_model *m = ln(NULL, "softplus");
        convis_recording *r = seen("answer.npy", SHORT);
        convis_fit_options o = DEFAULTS;
        const convis_regularizer penalty = { .path = k%2 ? "l" : "l.weights", .kind = kind[k], .weight = 0.05 };
        o.regularizers = &penalty;
        o.regularizer_count = k > 0;
        o.epochs = 50;
        must(c, convis_fit(m, r, &o, NULL));
        must(c, convis_get_array(m, "l.weights", found[k], KERNEL));
        for (int i = 0; i < KERNEL; i++) {
            if (i >= 9) measure[k][0] += pow(found[k][i] - found[k][i - 9], 2);
            if (i%3)    measure[k][1] += pow(found[k][i] - found[k][i - 1], 2);
            measure[k][2] += fabs(found[k][i]);
            measure[k][3] += pow(found[k][i], 2);
        }
        convis_recording_close(&r);
        convis_model_free(&m);
    }
    for (int k = 1; k < 5; k++) assert_true(measure[k][k - 1] < 0.97*measure[0][k - 1]);
}

static int begin_models(void **state)
{
    int status = begin(state);
    if (!status) write_movie(LONG);
    return status;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ln_found), cmocka_unit_test(ln_found_by_spikes), cmocka_unit_test(lnln_found), cmocka_unit_test(regularised),
    };
    return cmocka_run_group_tests(tests, begin_models, end);
}
