/* test_convis.c - where Convis (Huth, Masquelier and Arleo 2018) fails, we do not. The other half of its failures has tests where
 * the feature has: gradients of a blur's sigma (test_gradients.c), an STA that looks back in time (test_sta.c), states that pass
 * from chunk to chunk of a fit and gradients that pass their edges (test_fit.c). */
#include "npy_out.h"
#include <convis/fit.h>
#include <convis/io.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIDE = 8, PIXELS = SIDE*SIDE, FRAMES = 90 };
static convis_context *c;

static int begin(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int end(void **state)   { (void)state; convis_close(&c); return 0; }

static convis_model *filter(int frames, int size, const char *kernel, int64_t chunk)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.001, &m));
    convis_add(m, type_named("conv"), "filter", convis_input(m));
    must_set(m, "filter", "frames", frames);
    must_set(m, "filter", "height", size);
    must_set(m, "filter", "width", size);
    if (kernel) must(c, convis_set_initialiser(m, "filter.weights", kernel));
    must(c, convis_probe(m, "filter"));
    must(c, convis_plan(m, convis_movie_shape(chunk, SIDE, SIDE)));
    return m;
}

/* A kernel of 30 frames in chunks of 1 to 90: one and the same output (Convis's is wrong by 24-180 %). */
static void chunks_shorter_than_the_kernel(void **state)
{
    static const int LENGTH[] = { 90, 1, 4, 29, 31 };
    convis_tensor movie = noise_movie(convis_movie_shape(FRAMES, SIDE, SIDE), 0, 1, 4), y;
    convis_real expected[FRAMES*PIXELS];
    (void)state;
    for (size_t k = 0; k < sizeof LENGTH/sizeof *LENGTH; k++) {
        convis_model *m = filter(30, 5, "gaussian?sigma=1&tau=0.01", LENGTH[k]);
        for (int t = 0; t < FRAMES; t += LENGTH[k]) {
            must(c, convis_run(m, convis_slice(movie, CONVIS_T, t, t + LENGTH[k] < FRAMES ? t + LENGTH[k] : FRAMES)));
            must(c, convis_output(m, "filter", &y));
            size_t bytes = (size_t)(y.shape.dim[CONVIS_T]*PIXELS)*sizeof *expected;
            if (k) assert_memory_equal(expected + t*PIXELS, y.data, bytes);
            else memcpy(expected, y.data, bytes);
        }
        convis_model_free(&m);
    }
    free(movie.data);
}

/* The response of a cascade of order n to a flash peaks at tau, and is narrower for every n more. */
static void a_cascades_n_counts(void **state)
{
    enum { LONG = 400 };
    double narrower = 1e9;
    (void)state;
    for (int n = 1; n <= 5; n++) {
        convis_model *m;
        convis_tensor y;
        convis_real flash[LONG] = { 1 };
        must(c, convis_model_new(c, 0.001, &m));
        convis_add(m, type_named("lowpass"), "cascade", convis_input(m));
        must_set(m, "cascade", "tau", 0.05);
        must_set(m, "cascade", "n", n);
        must(c, convis_probe(m, "cascade"));
        must(c, convis_plan(m, convis_movie_shape(LONG, 1, 1)));
        must(c, convis_run(m, convis_view(flash, convis_movie_shape(LONG, 1, 1))));
        must(c, convis_output(m, "cascade", &y));
        int peak = 0;
        double sum = 0, mean = 0, square = 0;
        for (int t = 0; t < LONG; t++) {
            if (y.data[t] > y.data[peak]) peak = t;
            sum += (double)y.data[t];
            mean += t*(double)y.data[t];
            square += t*t*(double)y.data[t];
        }
        double width = sqrt(square/sum - mean*mean/sum/sum);
        if (abs(peak - 50) > 2) fail_msg("n = %d: peak at %d ms, expected 50", n, peak);
        assert_true(width < 0.95*narrower);
        narrower = width;
        convis_model_free(&m);
    }
}

static void gaussians_sum_to_one(void **state)
{
    static const char *const KERNELS[] = { "gaussian?sigma=0.3", "gaussian?sigma=1.7", "gaussian?sigma=9",
                                           "gaussian?sigma=2&tau=0.01" };
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        double w[6*7*7], sum = 0;
        convis_model *m = filter(6, 7, KERNELS[k], 1);
        must(c, convis_get_array(m, "filter.weights", w, 6*7*7));
        for (int i = 0; i < 6*7*7; i++) sum += w[i];
        if (!(fabs(sum - 1) < 1e-12)) fail_msg("%s: sums to %.15g", KERNELS[k], sum);
        convis_model_free(&m);
    }
}

/* What stands at a kernel's centre leaves every pixel where it is, whatever the kernel's size and the method: index size/2. */
static void kernels_of_any_size_stay_in_place(void **state)
{
    convis_tensor movie = noise_movie(convis_movie_shape(3, SIDE, SIDE), 0, 1, 4), y;
    (void)state;
    for (int size = 1; size <= 12; size++)
        for (int way = 0; way < 8; way++) {              /* four methods, without and with gaps between the weights */
            convis_model *m;
            must(c, convis_model_new(c, 0.001, &m));
            convis_add(m, type_named("conv"), "filter", convis_input(m));
            must_set(m, "filter", "height", size);
            must_set(m, "filter", "width", 13 - size);
            must_set(m, "filter", "method", way%4);
            must_set(m, "filter", "dilation", way < 4 ? 1 : 2);
            must(c, convis_set_initialiser(m, "filter.weights", "gaussian?sigma=0"));
            must(c, convis_probe(m, "filter"));
            must(c, convis_plan(m, convis_movie_shape(3, SIDE, SIDE)));
            must(c, convis_run(m, movie));
            must(c, convis_output(m, "filter", &y));
            for (int i = 0; i < 3*PIXELS; i++)
                if (!(fabs((double)(y.data[i] - movie.data[i])) < 2e-6))
                    fail_msg("%dx%d, way %d, pixel %d: %g, expected %g", size, 13 - size, way, i, (double)y.data[i],
                             (double)movie.data[i]);
            convis_model_free(&m);
        }
    free(movie.data);
}

/* Every weight of every stage of an untouched cascade has a gradient, and a hundred steps make it much better. */
static void cascades_learn_from_their_default_start(void **state)
{
    convis_model *m;
    char name[32], folder[] = "/tmp/convis-cascade-XXXXXX", file[3][64];
    double *data = malloc(FRAMES*PIXELS*sizeof *data);
    convis_recording *r;
    convis_fit_report report;
    convis_fit_options o = CONVIS_FIT_DEFAULTS;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(file[0], 64, "%s/s.npy", folder);
    snprintf(file[1], 64, "%s/r.npy", folder);
    for (int i = 0; i < FRAMES*PIXELS; i++) data[i] = chance(5, (uint64_t)i) - 0.5;
    write_npy(file[0], 3, (int64_t[]){ FRAMES, SIDE, SIDE }, data);
    for (int t = FRAMES - 1; t >= 0; t--)                /* what a threshold after the sum of neighbours, three frames ago, would say */
        for (int i = 0; i < PIXELS; i++) {
            double sum = t >= 3 ? data[(t - 3)*PIXELS + i] + data[(t - 3)*PIXELS + (i + 1)%PIXELS] : 0;
            data[t*PIXELS + i] = sum > 0.2 ? sum - 0.2 : 0;
        }
    write_npy(file[1], 2, (int64_t[]){ FRAMES, PIXELS }, data);
    must(c, convis_model_new(c, 0.001, &m));
    convis_node at = convis_input(m);
    for (int k = 0; k < 2; k++) {
        snprintf(name, sizeof name, "filter_%d", k);
        at = convis_add(m, type_named("conv"), name, at);
        must_set(m, name, "channels", k ? 1 : 3);
        must_set(m, name, "frames", k ? 2 : 4);
        must_set(m, name, "height", 3);
        must_set(m, name, "width", 3);
        must(c, convis_require_gradient(m, name));
        snprintf(name, sizeof name, "nonlinearity_%d", k);
        at = convis_add(m, type_named("softplus"), name, at);
        must_set(m, name, "sharpness", 4);
    }
    must(c, convis_recording_open(c, &(convis_recording_options){ .stimulus = file[0], .response = file[1], .dt = 0.001 }, &r));
    o.epochs = 100;
    must(c, convis_fit(m, r, &o, &report));
    if (!(report.loss < 0.1*report.loss_before)) fail_msg("loss %g -> %g", report.loss_before, report.loss);
    convis_recording_close(&r);
    convis_model_free(&m);
    for (int k = 0; k < 2; k++) unlink(file[k]);
    rmdir(folder);
    free(data);
}

/* Rosenbrock's valley in ten dimensions, by L-BFGS through the public door. */
static convis_status valley(void *user, const double *x, double *value, double *gradient)
{
    (void)user;
    *value = 0;
    for (int i = 0; gradient && i < 10; i++) gradient[i] = 0;
    for (int i = 0; i < 9; i++) {
        double a = x[i + 1] - x[i]*x[i], b = 1 - x[i];
        *value += 100*a*a + b*b;
        if (gradient) { gradient[i] += -400*a*x[i] - 2*b; gradient[i + 1] += 200*a; }
    }
    return CONVIS_OK;
}

static void lbfgs_reaches_the_truth(void **state)
{
    convis_optimizer *o;
    double x[10], low[10], high[10], value;
    (void)state;
    for (int i = 0; i < 10; i++) { x[i] = i%2 ? 1 : -1.2; low[i] = -5; high[i] = 5; }
    must(c, convis_optimizer_open(c, &(convis_optimizer_options){ .kind = "lbfgs" }, 10, &o));
    must(c, convis_optimizer_minimize(o, valley, NULL, x, low, high, &(convis_minimize_options){ .evaluations = 1000 }, &value));
    for (int i = 0; i < 10; i++) assert_true(fabs(x[i] - 1) < 1e-5);
    convis_optimizer_close(&o);
}

/* ---- Its parameter files ---- */

/* From tests/data/convis (README.md there): files that Convis saved, and what Convis made of the movies. */
static convis_array stored(const char *file, const char *key)
{
    char name[256];
    convis_array a;
    snprintf(name, sizeof name, "%s/convis/%s.npz:%s", CONVIS_TEST_DATA, file, key);
    must(c, convis_array_read(c, name, &a));
    return a;
}

static const struct file {
    const char *name, *model, *setting, *value, *movie, *baseline, *output;      /* setting: NULL: none; output: of our model */
} FILES[] = {
    { "ln", "LN", NULL, NULL, "grey", "0.5", "nonlinearity" },               /* the default of its papers: 12 x 10 x 10 */
    { "l", "L", NULL, NULL, "grey", "0.5", "filter" },
    { "lnln", "LNLN", NULL, NULL, "grey", "0.5", "nonlinearity_2" },
    { "ln_rf", "LN", "readout", "rf", "grey", "0.5", "nonlinearity" },
    { "cascade", "LNLN", "stages", "3", "grey", "0.5", "nonlinearity_3" },
    { "lnfdlnf", "LNFDLNF", "feedback", "forward", "all", "0", "stage_2" },
    { "mcintosh", "McIntosh", NULL, NULL, "grey", "0.5", "readout" },
    { "opl_recursive", "opl_recursive", "filters", "convis", "spot", "0", "opl" },
    { "opl_half_recursive", "opl_half_recursive", "filters", "convis", "spot", "0", "opl" },
    { "opl_separable", "opl_separable", NULL, NULL, "late", "0", "opl" },
    { "opl_full", "opl_full", NULL, NULL, "spot", "0", "opl" },
};

/* Sizes, values and what Convis does with them: its output, to 1e-5. Of a longer movie the end was stored. */
static void compare_with_convis(const struct file *f, convis_model *m, convis_array movie)
{
    char key[64];
    convis_tensor y;
    const int64_t frames = movie.dim[0], pixels = movie.dim[1]*movie.dim[2];
    convis_real *shown = malloc((size_t)(frames*pixels)*sizeof *shown);
    for (int64_t i = 0; i < frames*pixels; i++) shown[i] = (convis_real)movie.data[i];
    snprintf(key, sizeof key, "out_%s", f->name);
    convis_array expected = stored("expected", key);
    int64_t count = expected.dim[0];
    must(c, convis_probe(m, f->output));
    must(c, convis_plan(m, convis_movie_shape(frames, movie.dim[1], movie.dim[2])));
    must(c, convis_run(m, convis_view(shown, convis_movie_shape(frames, movie.dim[1], movie.dim[2]))));
    must(c, convis_output(m, f->output, &y));
    int64_t n = y.shape.dim[CONVIS_C]*y.shape.dim[CONVIS_Y]*y.shape.dim[CONVIS_X], size = expected.dims > 1 ? expected.dim[1] : 1;
    for (int k = 2; k < expected.dims; k++) size *= expected.dim[k];
    assert_int_equal(n, size);
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < count*n; i++) {
        largest = fmax(largest, fabs(expected.data[i]));
        worst = fmax(worst, fabs((double)y.data[(frames - count)*n + i] - expected.data[i]));
    }
    if (!(worst < 1e-5 && largest > 0.1)) fail_msg("%s: differs by %g, its largest is %g", f->name, worst, largest);
    convis_array_free(&expected);
    free(shown);
}

static void its_files_give_its_output(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof FILES/sizeof *FILES; k++) {
        const struct file *f = &FILES[k];
        convis_array movie = stored("expected", f->movie);
        for (int way = 0; way < 2; way++) {              /* into a recipe; into a model that was built of another size */
            char name[256];
            convis_recipe *r;
            convis_model *m;
            snprintf(name, sizeof name, "%s/convis/%s.npz", CONVIS_TEST_DATA, f->name);
            must(c, convis_recipe_open(c, f->model, &r));
            if (f->setting) must(c, convis_recipe_set(r, f->setting, f->value));
            must(c, convis_recipe_set(r, "baseline", f->baseline));
            if (!way) must(c, convis_recipe_load_parameters(r, name));
            if (convis_recipe_warning(r, 0)) fail_msg("%s", convis_recipe_warning(r, 0));
            must(c, convis_recipe_build(r, movie.dim[2], movie.dim[1], &m));
            if (way) must(c, convis_parameters_load(m, name));
            compare_with_convis(f, m, movie);
            convis_model_free(&m);
            convis_recipe_free(&r);
        }
        convis_array_free(&movie);
    }
}

/* Convis's convolutions begin as if the first frame had always been there: so does a model that settles on it. */
static void a_model_settles_on_the_first_frame(void **state)
{
    static const struct file NOISE[] = { { "ln", "LN", NULL, NULL, "noise", "out_ln_noise", "nonlinearity" },
                                         { "lnln", "LNLN", NULL, NULL, "noise", "out_lnln_noise", "nonlinearity_2" } };
    convis_array movie = stored("expected", "noise");
    convis_real shown[14*144];
    convis_tensor y, in = convis_view(shown, convis_movie_shape(14, 12, 12));
    (void)state;
    assert_int_equal(movie.dim[0], 14);
    for (int i = 0; i < 14*144; i++) shown[i] = (convis_real)movie.data[i];
    for (int k = 0; k < 2; k++) {
        convis_recipe *r;
        convis_model *m;
        char name[256];
        snprintf(name, sizeof name, "%s/convis/%s.npz", CONVIS_TEST_DATA, NOISE[k].name);
        convis_array expected = stored("expected", NOISE[k].baseline);
        must(c, convis_recipe_open(c, NOISE[k].model, &r));
        must(c, convis_recipe_load_parameters(r, name));
        must(c, convis_recipe_build(r, 12, 12, &m));
        must(c, convis_probe(m, NOISE[k].output));
        must(c, convis_plan(m, convis_movie_shape(14, 12, 12)));
        must(c, convis_settle(m, in, k ? 10 : 11));      /* what its kernels reach back */
        assert_int_equal(convis_frame(m), 0);
        must(c, convis_run(m, in));
        must(c, convis_output(m, NOISE[k].output, &y));
        for (int i = 0; i < 14*144; i++)
            if (!(fabs((double)y.data[i] - expected.data[i]) < 1e-5))
                fail_msg("%s: %g at %d, expected %g", NOISE[k].name, (double)y.data[i], i, expected.data[i]);
        refused(c, CONVIS_ESTATE, "the model has seen 14 frames; it settles before the first", convis_settle(m, in, 1));
        convis_array_free(&expected);
        convis_model_free(&m);
        convis_recipe_free(&r);
    }
    convis_array_free(&movie);
}

/* The same bits as a movie that begins with copies of its first frame. */
static void settling_is_a_longer_movie(void **state)
{
    enum { SIZE = 40, LONG = 12, BEFORE = 7 };
    convis_tensor movie = noise_movie(convis_movie_shape(BEFORE + LONG, SIZE, SIZE), 0, 255, 4), y;
    convis_real *stored = malloc(LONG*SIZE*SIZE*sizeof *stored);
    convis_recipe *r;
    convis_model *m;
    (void)state;
    for (int t = 0; t < BEFORE; t++) memcpy(movie.data + t*SIZE*SIZE, movie.data + BEFORE*SIZE*SIZE, SIZE*SIZE*sizeof *stored);
    must(c, convis_recipe_open(c, "primate", &r));
    must(c, convis_recipe_build(r, SIZE, SIZE, &m));
    must(c, convis_probe(m, "bipolar"));
    must(c, convis_plan(m, convis_movie_shape(BEFORE + LONG, SIZE, SIZE)));
    for (int settles = 1; settles >= 0; settles--) {
        must(c, convis_reset(m));
        if (settles) must(c, convis_settle(m, convis_slice(movie, CONVIS_T, 3, 4), BEFORE));
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, settles ? BEFORE : 0, BEFORE + LONG)));
        must(c, convis_output(m, "bipolar", &y));
        const convis_real *from = y.data + (settles ? 0 : BEFORE*y.stride[CONVIS_T]);
        const size_t bytes = (size_t)(LONG*y.shape.dim[CONVIS_Y]*y.shape.dim[CONVIS_X])*sizeof *stored;
        if (settles) memcpy(stored, from, bytes);
        else assert_memory_equal(stored, from, bytes);
    }
    convis_model_free(&m);
    convis_recipe_free(&r);
    free(stored);
    free(movie.data);
}

/* What cannot be meant is refused; what would be computed otherwise is said. */
static void its_files_by_halves(void **state)
{
    convis_recipe *r;
    convis_model *m;
    (void)state;
    must(c, convis_recipe_open(c, "opl_recursive", &r));
    must(c, convis_recipe_load_parameters(r, CONVIS_TEST_DATA "/convis/opl_recursive.npz"));
    assert_non_null(strstr(convis_recipe_warning(r, 0), "filters=convis computes them so"));
    must(c, convis_recipe_build(r, 20, 20, &m));
    must(c, convis_plan(m, convis_movie_shape(4, 20, 20)));
    convis_model_free(&m);
    convis_recipe_free(&r);
    must(c, convis_recipe_open(c, "LN", &r));            /* sizes of a model that has been planned stay */
    must(c, convis_recipe_build(r, 12, 12, &m));
    must(c, convis_plan(m, convis_movie_shape(4, 12, 12)));
    refused(c, CONVIS_ESHAPE, "conv_weight: filter.weights: 1200 values, planned for 2420",
            convis_parameters_load(m, CONVIS_TEST_DATA "/convis/ln.npz"));
    convis_model_free(&m);
    convis_recipe_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(chunks_shorter_than_the_kernel), cmocka_unit_test(a_cascades_n_counts),
        cmocka_unit_test(gaussians_sum_to_one), cmocka_unit_test(kernels_of_any_size_stay_in_place),
        cmocka_unit_test(cascades_learn_from_their_default_start),
        cmocka_unit_test(lbfgs_reaches_the_truth), cmocka_unit_test(its_files_give_its_output),
        cmocka_unit_test(its_files_by_halves),
        cmocka_unit_test(a_model_settles_on_the_first_frame), cmocka_unit_test(settling_is_a_longer_movie) };
    return cmocka_run_group_tests(tests, begin, end);
}
