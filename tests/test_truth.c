/* test_truth.c - models are shown what a model with known parameters answered, and must find those parameters again: an LN
 * model, a cascade of two, the whole retina with its gain control; from currents within 2 %, from spikes within 5 %. */
#include "npy_out.h"
#include <convis/fit.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static convis_context *c;
static char folder[] = "/tmp/convis-truth-XXXXXX";

static int begin(void **state)
{
    (void)state;
    return !mkdtemp(folder) || chdir(folder) || convis_open(&c, "cpu");
}

static int end(void **state)
{
    char command[128];
    (void)state;
    convis_close(&c);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return chdir("/") || system(command);
}

/* ---- What models are shown, and what they answered ---- */

static double normal(uint64_t seed, uint64_t i)
{
    return sqrt(-2*log(chance(seed, 2*i) + 1e-12))*cos(6.283185307179586*chance(seed, 2*i + 1));
}

/* White noise of this mean and width; each frame lasts `hold` frames, each check `check` pixels. */
static void write_noise(int64_t frames, int64_t height, int64_t width, int64_t hold, int64_t check, double mean, double sd,
                        uint64_t seed)
{
    double *data = malloc((size_t)(frames*height*width)*sizeof *data);
    for (int64_t t = 0; t < frames; t++)
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++)
                data[(t*height + y)*width + x] = mean + sd*normal(seed, (uint64_t)((t/hold*height + y/check)*width + x/check));
    write_npy("stimulus.npy", 3, (int64_t[]){ frames, height, width }, data);
    free(data);
}

/* Number of events of a Poisson process of this mean. */
static double poisson(double mean, uint64_t seed, uint64_t i)
{
    double u = chance(seed, i), p = exp(-mean), k = 0;
    for (double sum = p; u > sum && k < 50; sum += p) p *= mean/++k;
    return k;
}

/* response.npy: the output of `truth` (freed here), or, with spikes, counts drawn from it as a rate. */
static void write_response(convis_model *truth, const char *output, double dt, int64_t frames, int64_t units, int spikes)
{
    double *data = calloc((size_t)(frames*units), sizeof *data);
    convis_real *found = malloc((size_t)(frames*units)*sizeof *found);
    convis_recording *r;
    const convis_recording_options o = { .stimulus = "stimulus.npy", .response = "response.npy", .dt = dt };
    write_npy("response.npy", 2, (int64_t[]){ frames, units }, data);
    must(c, convis_recording_open(c, &o, &r));
    must(c, convis_predict(truth, r, output, 0, found));
    convis_recording_close(&r);
    convis_model_free(&truth);
    for (int64_t i = 0; i < frames*units; i++)
        data[i] = spikes ? poisson((double)found[i]*dt, 77, (uint64_t)i) : (double)found[i];
    write_npy("response.npy", 2, (int64_t[]){ frames, units }, data);
    free(data);
    free(found);
}

static convis_fit_report fit(convis_model *m, const char *output, double dt, const char *loss, int64_t epochs)
{
    convis_recording *r;
    convis_fit_report report;
    convis_fit_options o = CONVIS_FIT_DEFAULTS;
    must(c, convis_recording_open(
                c, &(convis_recording_options){ .stimulus = "stimulus.npy", .response = "response.npy", .dt = dt }, &r));
    o.output = output;
    o.loss.kind = loss;
    o.epochs = epochs;
    must(c, convis_fit(m, r, &o, &report));
    convis_recording_close(&r);
    return report;
}

/* ---- Cascades ---- */

typedef struct stage { int channels, frames, size; const char *kernel; } stage;

/* A convolution and a softplus for each stage, the last in Hz. kernel NULL: as it begins by itself. */
static convis_model *cascade(const stage *stages, int count, double dt, int true_kernels)
{
    convis_model *m;
    convis_node at;
    char name[32], path[64];
    must(c, convis_model_new(c, dt, &m));
    at = convis_input(m);
    for (int k = 0; k < count; k++) {
        snprintf(name, sizeof name, "filter_%d", k);
        at = convis_add(m, type_named("conv"), name, at);
        must_set(m, name, "channels", stages[k].channels);
        must_set(m, name, "frames", stages[k].frames);
        must_set(m, name, "height", stages[k].size);
        must_set(m, name, "width", stages[k].size);
        snprintf(path, sizeof path, "%s.weights", name);
        if (true_kernels) must(c, convis_set_initialiser(m, path, stages[k].kernel));
        else must(c, convis_require_gradient(m, name));
        snprintf(name, sizeof name, "nonlinearity_%d", k);
        at = convis_add(m, type_named("softplus"), name, at);
        must_set(m, name, "gain", k == count - 1 ? 40 : 1);
        must_set(m, name, "sharpness", 3);
    }
    return m;
}

static int64_t weights_of(convis_model *m, const char *path, double **values)
{
    convis_item item;
    for (int k = 0; convis_list(m, CONVIS_PARAMETER, k, &item); k++)
        if (!strcmp(item.path, path)) {
            *values = malloc((size_t)item.count*sizeof **values);
            must(c, convis_get_array(m, path, *values, item.count));
            return item.count;
        }
    fail_msg("no %s", path);
    return 0;
}

/* Root mean square of what differs, relative to the truth's. */
static double off(const double *found, const double *truth, int64_t n)
{
    double apart = 0, size = 0;
    for (int64_t i = 0; i < n; i++) { apart += (found[i] - truth[i])*(found[i] - truth[i]); size += truth[i]*truth[i]; }
    return sqrt(apart/size);
}

static void compare_weights(convis_model *m, const char *path, const double *truth, double tolerance)
{
    double *found;
    int64_t n = weights_of(m, path, &found);
    double error = off(found, truth, n);
    print_message("             %s: off by %.2f %%\n", path, 100*error);
    if (!(error < tolerance)) fail_msg("%s: off by %g, expected less than %g", path, error, tolerance);
    free(found);
}

static void ln(int spikes, double tolerance)
{
    enum { T = 6, SIZE = 5, SIDE = 12 };
    const int64_t frames = spikes ? 6000 : 600;
    const stage one = { 1, T, SIZE, "gabor?sigma=1.2&frequency=0.2&tau=0.03&gain=1.5" };
    double *truth;
    write_noise(frames, SIDE, SIDE, 1, 1, 0, 1, 3);
    convis_model *m = cascade(&one, 1, 0.01, 1);
    must(c, convis_plan(m, convis_movie_shape(1, SIDE, SIDE)));
    weights_of(m, "filter_0.weights", &truth);
    convis_model_free(&m);
    write_response(cascade(&one, 1, 0.01, 1), NULL, 0.01, frames, SIDE*SIDE, spikes);
    m = cascade(&one, 1, 0.01, 0);
    fit(m, NULL, 0.01, spikes ? "poisson" : "mse", 200);
    compare_weights(m, "filter_0.weights", truth, tolerance);
    free(truth);
    convis_model_free(&m);
}

static void ln_currents(void **state) { (void)state; ln(0, 0.02); }
static void ln_spikes(void **state)   { (void)state; ln(1, 0.05); }

/* Two stages, from where they begin by themselves. What the second says of a first that is turned round, or scaled, is not
 * told apart by any response; with one channel and softplus fixed nothing else is free. */
static void lnln(void **state)
{
    enum { SIDE = 12, FRAMES = 800 };
    const stage two[] = { { 1, 5, 3, "gaussian?sigma=0.8&tau=0.02&gain=2" },
                          { 1, 3, 5, "difference_of_gaussians?sigma=0.8&tau=0.02&gain=3" } };
    double *truth[2];
    (void)state;
    write_noise(FRAMES, SIDE, SIDE, 1, 1, 0, 1, 4);
    convis_model *m = cascade(two, 2, 0.01, 1);
    must(c, convis_plan(m, convis_movie_shape(1, SIDE, SIDE)));
    weights_of(m, "filter_0.weights", &truth[0]);
    weights_of(m, "filter_1.weights", &truth[1]);
    convis_model_free(&m);
    write_response(cascade(two, 2, 0.01, 1), NULL, 0.01, FRAMES, SIDE*SIDE, 0);
    m = cascade(two, 2, 0.01, 0);
    convis_fit_report report = fit(m, NULL, 0.01, "mse", 400);
    print_message("             loss %g -> %g in %d epochs\n", report.loss_before, report.loss, (int)report.epochs);
    compare_weights(m, "filter_0.weights", truth[0], 0.02);
    compare_weights(m, "filter_1.weights", truth[1], 0.02);
    free(truth[0]);
    free(truth[1]);
    convis_model_free(&m);
}

/* ---- The retina ---- */

enum { SIDE = 12 };
static const struct { const char *path; double start; } RETINA[] = {      /* where the fit begins, relative to the truth */
               { "opl.center.sigma", 1.4 }, { "opl.center.tau", 1.3 }, { "opl.surround.sigma", 0.7 }, { "opl.surround.tau", 1.5 },
    { "bipolar.sigma", 0.75 }, { "bipolar.tau", 1.4 }, { "bipolar.feedback", 0.7 }, { "bipolar.leak", 1.3 } };
enum { NUMBERS = sizeof RETINA/sizeof *RETINA };

/* The inert leak is twenty times smaller than the adaptation's conductance: spikes say little of it, so with spikes it is given. */
static int number_of(int spikes) { return spikes ? NUMBERS - 1 : NUMBERS; }

static convis_model *retina(double *truth, int fitted)
{
    convis_recipe *r;
    convis_model *m;
    must(c, convis_recipe_open(c, "retina", &r));
    must(c, convis_recipe_build(r, SIDE, SIDE, &m));
    convis_recipe_free(&r);
    for (int k = 0; k < NUMBERS; k++) must(c, convis_get(m, RETINA[k].path, &truth[k]));
    for (int k = 0; k < fitted; k++) {
        must(c, convis_set(m, RETINA[k].path, truth[k]*RETINA[k].start));
        must(c, convis_require_gradient(m, RETINA[k].path));
    }
    return m;
}

static void find_retina(int spikes, int64_t frames, double tolerance)
{
    double truth[NUMBERS], found, worst = 0;
    const char *output = spikes ? "ganglion_0" : "bipolar";
    write_noise(frames, SIDE, SIDE, 12, 2, 128, 60, 8);
    write_response(retina(truth, 0), output, 0.001, frames, SIDE*SIDE, spikes);
    convis_model *m = retina(truth, number_of(spikes));
    fit(m, output, 0.001, spikes ? "poisson" : "mse", 120);
    for (int k = 0; k < number_of(spikes); k++) {
        must(c, convis_get(m, RETINA[k].path, &found));
        double error = fabs(found/truth[k] - 1);
        print_message("             %s: %.5g, expected %.5g\n", RETINA[k].path, found, truth[k]);
        if (error > worst) worst = error;
    }
    if (!(worst < tolerance)) fail_msg("off by up to %.1f %%, expected %.1f %%", 100*worst, 100*tolerance);
    convis_model_free(&m);
}

static void retina_currents(void **state) { (void)state; find_retina(0, 600, 0.02); }
static void retina_spikes(void **state)
{
    (void)state;
    if (!at_length()) skip();                            /* half a minute */
    find_retina(1, 16000, 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ln_currents), cmocka_unit_test(ln_spikes), cmocka_unit_test(lnln),
                                        cmocka_unit_test(retina_currents), cmocka_unit_test(retina_spikes) };
    return cmocka_run_group_tests(tests, begin, end);
}
