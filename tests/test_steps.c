/* test_steps.c - thousands of steps, each smaller than a state can tell, at luminances that no rounding leaves as they are: what is
 * constant stays, what falls by decades falls as it should, what is faint is as exact as what is strong. */
#include "harness.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

typedef struct parameter { const char *name; double value; } parameter;
enum { PARAMETERS = 12 };
typedef struct subject { const char *type; double dt; parameter set[PARAMETERS]; const char *extra; } subject;

static double value_of(const subject *s, const char *name, double otherwise)
{
    for (const parameter *p = s->set; p->name; p++) if (!strcmp(p->name, name)) return p->value;
    return otherwise;
}

static convis_model *planned(const subject *s, double baseline, convis_shape shape)
{
    convis_model *m;
    char path[96];
    must(c, convis_model_new(c, s->dt, &m));
    convis_add(m, type_named(s->type), "it", convis_input(m));
    for (const parameter *p = s->set; p->name; p++) {
        snprintf(path, sizeof path, "it.%s", p->name);
        must(c, convis_set(m, path, p->value));
    }
    must(c, convis_baseline(m, baseline));
    must(c, convis_probe(m, "it"));
    if (s->extra) must(c, convis_probe(m, s->extra));
    must(c, convis_plan(m, shape));
    return m;
}

/* Frames of one picture, `times` times as many as the model is planned for. After each chunk `look` sees the output. */
typedef void looker(const convis_real *y, int64_t n, int64_t frame, void *user);
static void show(convis_model *m, const char *output, convis_tensor chunk, int times, looker *look, void *user)
{
    convis_tensor out;
    int64_t n = convis_elements(chunk.shape)/chunk.shape.dim[CONVIS_T];
    for (int k = 0; k < times; k++) {
        int64_t first = convis_frame(m);
        must(c, convis_run(m, chunk));
        must(c, convis_output(m, output, &out));
        for (int64_t t = 0; look && t < chunk.shape.dim[CONVIS_T]; t++) look(out.data + t*n, n, first + t, user);
    }
}

static convis_tensor grey(double luminance, int64_t frames, int64_t h, int64_t w)
{
    return noise_movie(convis_movie_shape(frames, h, w), luminance, luminance, 0);
}

static const double LUMINANCE[] = { 101.37, 173.61, 0.1, 254.9, 1e-3, 3.3333 };
enum { LUMINANCES = sizeof LUMINANCE/sizeof *LUMINANCE };

/* ---- A constant screen ---- */

static const subject FILTERS[] = {
    { "lowpass", 0.001, { { "tau", 1 }, { "gain", 0.0392156862745098 } }, NULL },
    { "lowpass", 0.001, { { "tau", 3 }, { "n", 3 }, { "gain", 1.7 } }, NULL },
    { "lowpass", 0.001, { { "tau", 1 }, { "n", 2 }, { "hold", 2 } }, NULL },
    { "lowpass", 0.001, { { "tau", 1 }, { "n", 2 }, { "hold", 0 }, { "gain", -3.1 } }, NULL },
    { "highpass", 0.001, { { "tau", 1 }, { "weight", 0.8 } }, NULL },
    { "highpass", 0.001, { { "tau", 1 }, { "hold", 0 } }, NULL },
    { "blur", 0.001, { { "sigma", 0.1 }, { "ppd", 20 }, { "method", 2 } }, NULL },
    { "blur", 0.001, { { "sigma", 2 }, { "ppd", 20 }, { "method", 2 } }, NULL },
    { "leaky_heat", 0.001, { { "tau", 1 }, { "sigma", 0.5 }, { "ppd", 20 }, { "gain", 0.0392156862745098 } }, NULL },
    { "leaky_heat", 0.001, { { "tau", 1 }, { "sigma", 1 }, { "ppd", 20 }, { "hold", 2 }, { "gain", 1.7 } }, NULL },
    { "leaky_heat", 0.001, { { "tau", 1 }, { "sigma", 0.2 }, { "ppd", 20 }, { "scaling", 0.5 }, { "fovea", 0.1 } }, NULL },
    { "leaky_heat", 0.001, { { "tau", 1 }, { "sigma", 0.5 }, { "ppd", 20 }, { "method", 2 }, { "gain", 0.0392156862745098 } }, NULL },
    { "leaky_heat", 0.001, { { "tau", 0.02 }, { "sigma", 2 }, { "ppd", 20 }, { "method", 2 }, { "hold", 2 } }, NULL },
};
enum { FILTERS_COUNT = sizeof FILTERS/sizeof *FILTERS };

static void is_first(const convis_real *y, int64_t n, int64_t frame, void *user)
{
    const convis_real *first = user;
    for (int64_t i = 0; i < n; i++)
        if (y[i] != *first) fail_msg("frame %d, pixel %d: %.9g, at first %.9g", (int)frame, (int)i, (double)y[i], (double)*first);
}

static void held(void **state)
{
    (void)state;
    for (int k = 0; k < FILTERS_COUNT; k++)
        for (int l = 0; l < LUMINANCES; l++) {
            const subject *s = &FILTERS[k];
            convis_tensor movie = grey(LUMINANCE[l], 100, 11, 9), out;
            convis_model *m = planned(s, LUMINANCE[l], movie.shape);
            double gain = strcmp(s->type, "highpass") ? value_of(s, "gain", 1) : 1 - value_of(s, "weight", 1);
            must(c, convis_run(m, movie));
            must(c, convis_output(m, "it", &out));
            convis_real first = out.data[0];
            if (fabs((double)first - gain*LUMINANCE[l]) > 2e-7*LUMINANCE[l]*fmax(fabs(gain), 1))
                fail_msg("%d, %s of %g: %.9g, expected %.9g", k, s->type, LUMINANCE[l], (double)first, gain*LUMINANCE[l]);
            is_first(out.data, convis_elements(movie.shape), 0, &first);
            show(m, "it", movie, 50, is_first, &first);
            convis_model_free(&m);
            free(movie.data);
        }
}

/* From another baseline: it arrives, and does not stop short where its steps become small. */
static void arrives(void **state)
{
    (void)state;
    for (int k = 0; k < FILTERS_COUNT; k++)
        for (int l = 0; l < 2; l++) {
            const subject *s = &FILTERS[k];
            convis_tensor movie = grey(LUMINANCE[l], 500, 5, 7), out;
            convis_model *m = planned(s, 127.5, movie.shape);
            double gain = strcmp(s->type, "highpass") ? value_of(s, "gain", 1) : 1 - value_of(s, "weight", 1);
            show(m, "it", movie, 60, NULL, NULL);               /* 30 time constants */
            must(c, convis_output(m, "it", &out));
            double found = (double)out.data[499*35 + 17], expected = gain*LUMINANCE[l];
            if (fabs(found - expected) > 2e-7*LUMINANCE[l]*fmax(fabs(gain), 1))
                fail_msg("%d, %s: %.9g, expected %.9g", k, s->type, found, expected);
            convis_model_free(&m);
            free(movie.data);
        }
}

/* A pole that needs a hundred thousand steps: s += b (x - s) alone stops where b (x - s) is less than s can tell. */
static void creeps(void **state)
{
    (void)state;
    enum { CHUNK = 10000, TIMES = 100 };
    const subject slow = { "lowpass", 0.001, { { "tau", 100 } }, NULL };
    convis_tensor movie = grey(101.37, CHUNK, 1, 1), out;
    convis_model *m = planned(&slow, 0, movie.shape);
    for (int k = 1; k <= TIMES; k++) {
        show(m, "it", movie, 1, NULL, NULL);
        must(c, convis_output(m, "it", &out));
        double found = (double)out.data[CHUNK - 1], expected = -101.37*expm1(-k*CHUNK*0.001/100);
        if (fabs(found - expected) > 5e-7*expected) fail_msg("after %d frames: %.9g, expected %.9g", k*CHUNK, found, expected);
    }
    convis_model_free(&m);
    free(movie.data);
}

/* ---- Decades ---- */

typedef struct decay { double tau, dt, sign, start; int64_t from; int seen; } decay;

/* From frame `from` on nothing comes in: what is there falls by exp(-dt/tau) in each step. */
static void falls(const convis_real *y, int64_t n, int64_t frame, void *user)
{
    decay *d = user;
    (void)n;
    if (frame < d->from) return;
    double expected = d->start*exp(-(double)(frame - d->from)*d->dt/d->tau), found = d->sign*(double)y[0];
    if (frame == d->from) { d->start = found; assert_true(found > 0); return; }
    if (expected < 1e-4*d->start) { d->seen = 1; return; }
    if (fabs(found - expected) > 4e-6*expected) fail_msg("frame %d: %.9g, expected %.9g", (int)frame, found, expected);
}

static void decades(void **state)
{
    (void)state;
    static const struct { subject s; double on; int64_t settle; double sign; } CASES[] = {
        { { "lowpass", 0.0005, { { "tau", 1 } }, NULL }, 27.485, 0, 1 },
        { { "lowpass", 0.0001, { { "tau", 1.6 } }, NULL }, 101.37, 0, 1 },
        { { "highpass", 0.0005, { { "tau", 1 }, { "hold", 0 } }, NULL }, 27.485, 0, -1 },
        { { "gain_control", 0.0005, { { "tau", 1 }, { "leak", 200 }, { "exact", 0 }, { "feedback", 5000 } }, "it.adaptation" }, 50, 600, 1 },
        { { "gain_control", 0.0005, { { "tau", 1 }, { "leak", 200 } }, "it.adaptation" }, 50, 600, 1 },
        { { "luminance_gain", 0.0005, { { "tau", 1 }, { "leak", 200 }, { "feedback", 1 } }, "it.horizontal" }, 2000, 600, 1 },
        { { "leaky_heat", 0.0005, { { "tau", 1 }, { "sigma", 0.2 }, { "method", 2 } }, NULL }, 101.37, 0, 1 },
        { { "leaky_heat", 0.0005, { { "tau", 1 }, { "sigma", 0.2 } }, NULL }, 101.37, 1, 1 },
    };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        const subject *s = &CASES[k].s;
        convis_tensor on = grey(CASES[k].on, 400, 3, 3), off = grey(0, 400, 3, 3);
        convis_model *m = planned(s, 0, on.shape);
        const char *output = s->extra ? s->extra : "it";
        decay d = { .tau = value_of(s, "tau", 1), .dt = s->dt, .sign = CASES[k].sign, .from = 2000 + CASES[k].settle };
        print_message("             %s\n", output[2] ? output : s->type);
        show(m, output, on, 5, NULL, NULL);
        show(m, output, off, (int)(11*d.tau/s->dt/400), falls, &d);
        assert_true(d.seen);
        convis_model_free(&m);
        free(on.data);
        free(off.data);
    }
}

/* ---- Faint pictures ---- */

/* One cosine along x, a wave of the grid: it answers by (1 + (sigma^2/2) (2 - 2 cos))^-1, whatever it lies on. */
static void faint(void **state)
{
    (void)state;
    enum { W = 24, H = 7, CHUNK = 500, TIMES = 24 };
    const double PI = acos(-1), CONTRAST[] = { 0.004, 0.1, 10 };
    const subject s = { "leaky_heat", 0.0005, { { "tau", 0.5 }, { "sigma", 0.1 }, { "ppd", 20 } }, NULL };
    for (int l = 0; l < 2; l++)
        for (int k = 0; k < 3; k++) {
            convis_tensor movie = grey(LUMINANCE[l], CHUNK, H, W), out;
            for (int64_t i = 0; i < CHUNK*H*W; i++)
                movie.data[i] = (convis_real)(LUMINANCE[l] + CONTRAST[k]*cos(PI*3*((double)(i%W) + 0.5)/W));
            convis_model *m = planned(&s, LUMINANCE[l], movie.shape);
            show(m, "it", movie, TIMES, NULL, NULL);
            must(c, convis_output(m, "it", &out));
            double answer = 1/(1 + 2*(2 - 2*cos(PI*3/W))),
                   rounding = LUMINANCE[l]*2.4e-7 + CONTRAST[k]*2e-4;     /* of movie and output; of 1000 steps */
            for (int x = 0; x < W; x++) {
                double found = (double)out.data[((CHUNK - 1)*H + 3)*W + x];
                double expected = LUMINANCE[l] + CONTRAST[k]*answer*cos(PI*3*(x + 0.5)/W);
                if (fabs(found - expected) > rounding)
                    fail_msg("contrast %g on %g, x %d: %.9g, expected %.9g", CONTRAST[k], LUMINANCE[l], x, found, expected);
            }
            convis_model_free(&m);
            free(movie.data);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held), cmocka_unit_test(arrives), cmocka_unit_test(creeps),
        cmocka_unit_test(decades), cmocka_unit_test(faint),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("steps", tests, open_context, close_context);
}
