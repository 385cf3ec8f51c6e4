/* test_conv_gpu.c - conv, smooth_conv, rf and readout on a device against the same on the processor: sizes that fill tiles and that do
 * not, every padding, strides, dilations, groups, channels, batches; outputs, all gradients; the same bits for every division
 * into chunks.
 *
 *      test_conv_gpu [TEST]
 *
 * Devices are those of devices.h; without one all is skipped. */
#include "devices.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORWARD  2e-5                 /* of the largest number: sums in single precision, in another order, of up to thousands of terms */
#define BACKWARD 1e-4                 /* of a gradient, which are sums over all frames */

typedef struct setting { const char *type, *set; int64_t batch, channels, frames, h, w; } setting;
static const setting SETTINGS[] = {
    /* one channel: eights of frames, one at a time, widths of tiles */
    { "conv", "frames=5;height=3;width=3", 1, 1, 11, 13, 17 },
    { "conv", "frames=20;height=10;width=10", 1, 1, 24, 40, 70 },
    { "conv", "frames=3;height=4;width=6;padding=1", 1, 1, 9, 12, 70 },
    { "conv", "frames=2;height=11;width=13;padding=2", 1, 1, 7, 4, 5 },
    { "conv", "frames=9;height=1;width=1", 1, 1, 30, 9, 33 },
    { "conv", "frames=1;height=5;width=7;padding=2", 1, 1, 5, 70, 34 },
    { "conv", "frames=1;height=1;width=9;padding=1", 2, 1, 5, 8, 11 },
    { "conv", "frames=4;height=24;width=22;padding=2", 1, 1, 9, 36, 40 },
    { "conv", "frames=2;height=40;width=38;padding=1", 1, 1, 4, 30, 20 },
    /* strides and dilations, the last of which fit into no tile */
    { "conv", "frames=3;height=4;width=5;stride=2;dilation_t=2", 1, 2, 13, 15, 21 },
    { "conv", "frames=3;height=3;width=3;stride=2;dilation_t=3;dilation=2;padding=2;channels=2", 1, 1, 12, 16, 22 },
    { "conv", "frames=12;height=3;width=2;stride=3;dilation=2;padding=3;channels=2", 1, 1, 6, 17, 16 },
    { "conv", "frames=12;height=3;width=3;dilation_t=5", 1, 1, 23, 10, 12 },
    { "conv", "frames=2;height=2;width=3;stride=7;dilation=5;padding=1;channels=3", 1, 2, 5, 40, 60 },
    { "conv", "frames=2;height=5;width=4;dilation=60;padding=1", 1, 1, 5, 20, 24 },
    { "conv", "frames=2;height=2;width=3;stride=40;padding=2;channels=2", 1, 1, 4, 290, 300 },
    /* channels, groups, batches */
    { "conv", "channels=16;frames=1;height=5;width=5", 1, 8, 4, 20, 33 },
    { "conv", "channels=3;frames=4;height=5;width=4;padding=3", 1, 2, 9, 19, 18 },
    { "conv", "channels=9;frames=2;height=3;width=3;groups=3;padding=1", 2, 6, 6, 9, 10 },
    { "conv", "channels=6;frames=8;height=3;width=3;groups=6;padding=2", 1, 6, 10, 9, 10 },
    { "conv", "channels=12;frames=3;height=1;width=1", 1, 10, 6, 7, 9 },
    { "conv", "channels=20;frames=10;height=1;width=1", 2, 3, 12, 1, 1 },
    /* eights of frames, for which there must be work for a large GPU; a frame at a time has the same bits */
    { "conv", "channels=16;frames=12;height=3;width=3;groups=16", 8, 16, 24, 9, 10 },
    { "conv", "channels=16;frames=9;height=4;width=3;groups=16;dilation_t=3;padding=2", 8, 16, 26, 9, 10 },
    { "conv", "channels=16;frames=7;height=3;width=2;groups=16;stride=2;dilation=2;padding=1", 8, 16, 20, 15, 16 },
    { "conv", "frames=8;height=40;width=38;padding=1", 1, 1, 9, 30, 20 },
    { "smooth_conv", "channels=2;stages=3;height=5;width=4", 1, 2, 17, 12, 19 },
    { "smooth_conv", "channels=9;stages=5;height=3;width=3;padding=2", 2, 1, 9, 8, 9 },
    { "rf", "channels=3;frames=5", 1, 2, 11, 9, 13 },
    { "rf", "channels=40;frames=3", 3, 1, 20, 7, 9 },
    { "rf", "channels=1;frames=20", 1, 1, 40, 40, 50 },
    { "readout", "channels=6", 1, 4, 12, 7, 9 },
    { "readout", "channels=5;factorised=1", 2, 4, 12, 20, 19 },
};
enum { SETTING_COUNT = sizeof SETTINGS/sizeof *SETTINGS };

static convis_shape shape_of(const setting *s, int64_t frames) { return (convis_shape){ { s->batch, s->channels, frames, s->h, s->w } }; }

/* The layer is named "it". */
static convis_model *build(convis_context *c, const setting *s, int64_t chunk, int gradients)
{
    convis_model *m = NULL;
    convis_item item;
    char text[256], path[160];
    must(c, convis_model_new(c, 0.01, &m));
    convis_add(m, type_named(s->type), "it", convis_input(m));
    snprintf(text, sizeof text, "%s", s->set);
    for (char *at = text, *next; at; at = next) {
        char *value = strchr(at, '=');
        next = strchr(at, ';');
        if (next) *next++ = 0;
        *value = 0;
        must_set(m, "it", at, atof(value + 1));
    }
    must(c, convis_probe(m, "it"));
    if (gradients) {
        must(c, convis_require_gradient(m, "*"));
        must(c, convis_require_gradient(m, "input"));
    }
    must(c, convis_plan(m, shape_of(s, chunk)));
    for (int k = 0; convis_list(m, CONVIS_PARAMETER, k, &item); k++) {
        if (!item.array || !item.count) continue;
        double *values = malloc((size_t)item.count*sizeof *values);
        assert_non_null(values);
        for (int64_t i = 0; i < item.count; i++) values[i] = 2*chance((uint64_t)k, (uint64_t)i) - 0.9;
        snprintf(path, sizeof path, "%s", item.path);
        must(c, convis_set_array(m, path, values, item.count));
        free(values);
    }
    must(c, convis_baseline(m, 0.3));
    must(c, convis_allow_nonfinite(m, 1));               /* no_numbers, below */
    must(c, convis_reset(m));
    return m;
}

/* Largest difference as a part of the largest number. */
static double distance(const double *found, const double *expected, int64_t n)
{
    double most = 0, largest = 1e-300;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(found[i])) return INFINITY;
        most = fmax(most, fabs(found[i] - expected[i]));
        largest = fmax(largest, fabs(expected[i]));
    }
    return most/largest;
}

static void within(const double *found, const double *expected, int64_t n, double tolerance, const setting *s, const char *what)
{
    const double d = distance(found, expected, n);
    if (!(d <= tolerance))
        fail_msg("%s %s: %s: %.3g of the largest of %lld numbers, at most %g", s->type, s->set, what, d, (long long)n, tolerance);
}

/* ---- Forward ---- */

/* Chunks of `size` frames; 0: of any. */
static double *outputs_of(convis_context *c, const setting *s, convis_tensor movie, int64_t size, int64_t *count)
{
    convis_model *m = build(c, s, s->frames, 0);
    convis_shape one;
    must(c, convis_output_shape(m, "it", &one));
    const int64_t n = convis_elements(one);
    double *out = malloc((size_t)(s->frames*n)*sizeof *out);
    assert_non_null(out);
    for (int64_t t = 0, k = 0, frames; t < s->frames; t += frames, k++) {
        convis_tensor y;
        frames = size ? size : 1 + (int64_t)(chance(77, (uint64_t)k)*12);
        if (frames > s->frames - t) frames = s->frames - t;
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, t, t + frames)));
        must(c, convis_output(m, "it", &y));
        for (int64_t i = 0; i < frames*n; i++) out[t*n + i] = (double)y.data[i];
    }
    *count = s->frames*n;
    convis_model_free(&m);
    return out;
}

static void forward(void **state)
{
    double most = 0;
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k++) {
        const setting *s = &SETTINGS[k];
        const int64_t sizes[] = { 1, 5, 0 };
        convis_tensor movie = noise_movie(shape_of(s, s->frames), -1, 1.5, (uint64_t)k);
        int64_t n;
        double *expected = outputs_of(on_host, s, movie, s->frames, &n), *whole = outputs_of(on_device, s, movie, s->frames, &n);
        within(whole, expected, n, FORWARD, s, "output");
        most = fmax(most, distance(whole, expected, n));
        for (int j = 0; j < 3; j++) {
            double *parts = outputs_of(on_device, s, movie, sizes[j], &n);
            if (memcmp(parts, whole, (size_t)n*sizeof *parts))
                fail_msg("%s %s: chunks of %lld differ", s->type, s->set, (long long)sizes[j]);
            free(parts);
        }
        free(whole);
        free(expected);
        free(movie.data);
    }
    print_message("             outputs: at most %.2g of the largest\n", most);
}

/* ---- Gradients ---- */

enum { MOST_PATHS = 8 };
typedef struct gradient_set {
    int     paths;
    char    path[MOST_PATHS][128];
    double *value[MOST_PATHS], *movie;
    int64_t count[MOST_PATHS], pixels;
} gradient_set;

/* Of a weighted sum of all outputs, backward through two chunks. */
static gradient_set gradients_of(convis_context *c, const setting *s, convis_tensor movie)
{
    const int64_t half = (s->frames + 1)/2;
    convis_model *m = build(c, s, half, 1);
    gradient_set g = { .pixels = convis_elements(movie.shape) };
    convis_item item;
    char *start = malloc(convis_state_size(m)), *middle = malloc(convis_state_size(m));
    convis_tensor d_movie = noise_movie(movie.shape, 0, 0, 1);
    must(c, convis_state_get(m, start));
    must(c, convis_run(m, convis_slice(movie, CONVIS_T, 0, half)));
    must(c, convis_state_get(m, middle));
    for (int k = 1; k >= 0; k--) {
        const int64_t from = k ? half : 0, to = k ? s->frames : half;
        convis_tensor y, d;
        must(c, convis_state_put(m, k ? middle : start, convis_state_size(m)));
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, from, to)));
        must(c, convis_output(m, "it", &y));
        d = noise_movie(y.shape, -0.8, 1, (uint64_t)(50 + k));
        must(c, convis_vjp_from(m, "it", d));
        convis_tensor part = convis_slice(d_movie, CONVIS_T, from, to);
        must(c, convis_vjp(m, &part));
        free(d.data);
    }
    for (int k = 0; convis_list(m, CONVIS_PARAMETER, k, &item); k++) {
        if (!item.requires_gradient || !item.count) continue;
        assert_true(g.paths < MOST_PATHS);
        snprintf(g.path[g.paths], sizeof g.path[0], "%s", item.path);
        g.count[g.paths] = item.count;
        g.value[g.paths] = calloc((size_t)item.count, sizeof(double));
        must(c, convis_grad(m, item.path, g.value[g.paths], item.count));
        g.paths++;
    }
    g.movie = malloc((size_t)g.pixels*sizeof *g.movie);
    for (int64_t i = 0; i < g.pixels; i++) g.movie[i] = (double)d_movie.data[i];
    free(d_movie.data);
    free(start);
    free(middle);
    convis_model_free(&m);
    return g;
}

static void gradients_free(gradient_set *g)
{
    for (int k = 0; k < g->paths; k++) free(g->value[k]);
    free(g->movie);
}

static void gradients(void **state)
{
    double most = 0;
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k++) {
        const setting *s = &SETTINGS[k];
        convis_tensor movie = noise_movie(shape_of(s, s->frames), -1, 1.5, (uint64_t)k);
        gradient_set expected = gradients_of(on_host, s, movie), found = gradients_of(on_device, s, movie),
                     again = gradients_of(on_device, s, movie);
        assert_int_equal(found.paths, expected.paths);
        assert_true(found.paths >= 2);
        for (int j = 0; j < found.paths; j++) {
            within(found.value[j], expected.value[j], found.count[j], BACKWARD, s, found.path[j]);
            most = fmax(most, distance(found.value[j], expected.value[j], found.count[j]));
            assert_memory_equal(found.value[j], again.value[j], (size_t)found.count[j]*sizeof(double));
        }
        within(found.movie, expected.movie, found.pixels, BACKWARD, s, "input");
        most = fmax(most, distance(found.movie, expected.movie, found.pixels));
        assert_memory_equal(found.movie, again.movie, (size_t)found.pixels*sizeof(double));
        gradients_free(&expected);
        gradients_free(&found);
        gradients_free(&again);
        free(movie.data);
    }
    print_message("             gradients: at most %.2g of the largest\n", most);
}

/* A NaN pixel makes NaN of the outputs that take it as input, and of no others: as by the processor's direct method. */
static void no_numbers(void **state)
{
    (void)state;
    const setting s = { "conv", "frames=6;height=3;width=3;method=1;padding=1", 1, 1, 20, 14, 40 };
    convis_tensor movie = noise_movie(shape_of(&s, s.frames), 0, 1, 3);
    int64_t n;
    movie.data[5*14*40 + 7*40 + 20] = (convis_real)NAN;
    double *a = outputs_of(on_host, &s, movie, s.frames, &n), *b = outputs_of(on_device, &s, movie, s.frames, &n);
    for (int64_t i = 0; i < n; i++)
        if (isnan(a[i]) != isnan(b[i])) fail_msg("output %lld: %g, expected %g", (long long)i, b[i], a[i]);
    free(a);
    free(b);
    free(movie.data);
}

/* What a frame shows all the time is summed without rounding always to one side. */
static void steady(void **state)
{
    (void)state;
    const setting s = { "conv", "frames=50;height=20;width=20", 1, 1, 8, 8, 40 };
    int64_t n;
    convis_tensor movie = noise_movie(shape_of(&s, s.frames), 0.3, 0.3, 3);
    double *a = outputs_of(on_host, &s, movie, s.frames, &n), *b = outputs_of(on_device, &s, movie, s.frames, &n);
    within(b, a, n, FORWARD, &s, "output");
    free(a);
    free(b);
    free(movie.data);
}

static void says_how(void **state)
{
    (void)state;
    convis_model *m = build(on_device, &SETTINGS[1], 8, 0);
    assert_non_null(convis_method(m, 0));
    assert_non_null(strstr(convis_method(m, 0), "on the device"));
    convis_model_free(&m);
}

int main(int argc, char **argv)
{
    if (!getenv("CONVIS_TEST_DEVICE") && only_at_length()) return 77;        /* test_device_models.c has all kinds of layers */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward), cmocka_unit_test(gradients), cmocka_unit_test(no_numbers), cmocka_unit_test(steady),
        cmocka_unit_test(says_how),
    };
    return run_on_devices(tests, sizeof tests/sizeof *tests, argc > 1 ? argv[1] : NULL);
}
