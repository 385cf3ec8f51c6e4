/* test_reference.c - runs of VirtualRetina, repeated: every stage within 1e-4 of its map's maximum, and at least
 * 99.9 % of the spikes one to one within 0.1 ms. Five of them (v...) are odd: values that hardly anybody means, listed cells beside
 * arrays, and a movie so slow and faint that single precision must not lose a step of it. tools/make_reference.py made the data and says what is in it. */
#include "harness.h"
#include <convis/io.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef CONVIS_TEST_DATA
#define CONVIS_TEST_DATA "tests/data"
#endif

enum { STEP = 7, PIXEL = 3, FIRST = 1, MOST_STAGES = 9 };     /* of the samples, as in make_reference.py */
static const double STAGE_TOLERANCE = 1e-4, SPIKE_TOLERANCE = 1e-4, SPIKES_MATCHED = 0.999;

/* spikes: of cells where they were (rings have random phases), or where the file puts them. */
enum { SILENT, PLACED, OWN };
typedef struct run { const char *name; const char *stage[MOST_STAGES]; int spikes; const char *initial; } run;
static const run RUNS[] = {
    { "c01_flash_separable", { "center", "surround", "opl" }, 0, NULL },
    { "c02_flash_n2_undershoot_ganglion", { "center", "undershoot", "surround", "opl", "ganglion_0" }, 0, NULL },
    { "c04_pixel_leakyheat", { "center", "surround", "opl" }, 0, NULL },
    { "c05_grating_c10_cgc", { "center", "surround", "opl", "bipolar", "adaptation", "ganglion_0" }, 0, NULL },
    { "c07_grating_c80_nocgc", { "center", "surround", "opl", "ganglion_0" }, 0, NULL },
    /* recorded with -initVal 64, the luminance of its first frame */
    { "c08_lumstep_undershoot_cgc_onoff", { "center", "undershoot", "surround", "opl", "bipolar", "adaptation", "ganglion_0", "ganglion_1" }, 0, "64" },
    { "c09_checker_cgc_onoff_spikes", { "opl", "bipolar", "adaptation", "ganglion_0", "ganglion_1" }, 1, NULL },
    { "c10_checker_pool_parasol_spikes", { "opl", "bipolar", "adaptation", "ganglion_0", "ganglion_1" }, 1, NULL },
    { "c11_logpolar_checker_spikes", { "center", "surround", "opl", "bipolar", "adaptation", "ganglion_0", "ganglion_1" }, 1, NULL },
    { "c13_photo_drift_parvo", { "opl", "bipolar", "adaptation", "ganglion_0", "ganglion_1" }, 1, NULL },
    { "c15_cropped_map", { "center", "surround", "opl", "bipolar", "adaptation", "ganglion_0" }, 1, NULL },
    { "c17_no_surround", { "center", "opl", "bipolar", "adaptation", "ganglion_0" }, 0, NULL },
    /* a negative range, a leaky heat equation of 2, a negative sigma, feedback and value at threshold; ganglion_0 has a pole */
    { "v01_odd_values", { "center", "surround", "opl", "bipolar", "adaptation", "ganglion_1" }, OWN, NULL },
    { "v02_lists_beside_arrays", { "opl", "ganglion_0", "ganglion_2" }, OWN, NULL },
    { "v03_slow_and_faint", { "opl", "bipolar", "adaptation" }, 0, "101.37" },
    { "v05_negative_leak", { "opl", "bipolar", "adaptation", "ganglion_0" }, 0, NULL },
    { "v06_luminance_negative_feedback", { "center", "surround", "opl" }, 0, NULL },
};
enum { RUN_COUNT = sizeof RUNS/sizeof *RUNS };

static convis_array read_array(convis_context *c, const run *q, const char *key)
{
    char path[300];
    convis_array a;
    snprintf(path, sizeof path, CONVIS_TEST_DATA "/reference/%s.npz:%s", q->name, key);
    must(c, convis_array_read(c, path, &a));
    return a;
}

/* Frame t of the movie is frames[index[t]]. */
static convis_tensor stimulus(convis_context *c, const run *q)
{
    convis_array frames = read_array(c, q, "frames"), index = read_array(c, q, "index");
    assert_int_equal(frames.dims, 3);
    convis_shape shape = convis_movie_shape(index.dim[0], frames.dim[1], frames.dim[2]);
    int64_t n = frames.dim[1]*frames.dim[2];
    convis_real *data = malloc((size_t)convis_elements(shape)*sizeof *data);
    assert_non_null(data);
    for (int64_t t = 0; t < index.dim[0]; t++)
        for (int64_t i = 0; i < n; i++) data[t*n + i] = (convis_real)frames.data[(int64_t)index.data[t]*n + i];
    convis_array_free(&frames);
    convis_array_free(&index);
    return convis_view(data, shape);
}

static convis_model *retina(convis_context *c, const run *q, int64_t width, int64_t height)
{
    char path[300];
    convis_recipe *r;
    convis_model *m;
    snprintf(path, sizeof path, CONVIS_TEST_DATA "/reference/%s.xml", q->name);
    must(c, convis_recipe_open(c, path, &r));
    if (q->initial) must(c, convis_recipe_set(r, "initial", q->initial));
    if (q->spikes == PLACED) {
        convis_cell *units;
        int64_t count;
        snprintf(path, sizeof path, CONVIS_TEST_DATA "/reference/%s_units.txt", q->name);
        must(c, convis_cells_read(c, path, &units, &count));
        must(c, convis_recipe_cells(r, units, count));
        convis_cells_free(&units);
    }
    must(c, convis_recipe_build(r, width, height, &m));
    convis_recipe_free(&r);
    return m;
}

/* Largest difference between the run and the samples, as a share of the largest sample. */
static double difference(convis_model *m, const char *stage, const convis_array *a)
{
    convis_tensor out;
    double worst = 0, largest = 0;
    must(convis_model_context(m), convis_output(m, stage, &out));
    assert_int_equal(a->dims, 3);
    assert_int_equal(a->dim[0], (out.shape.dim[CONVIS_T] + STEP - 1)/STEP);
    assert_int_equal(a->dim[1], (out.shape.dim[CONVIS_Y] - FIRST + PIXEL - 1)/PIXEL);
    assert_int_equal(a->dim[2], (out.shape.dim[CONVIS_X] - FIRST + PIXEL - 1)/PIXEL);
    for (int64_t t = 0, k = 0; t < a->dim[0]; t++)
        for (int64_t y = 0; y < a->dim[1]; y++)
            for (int64_t x = 0; x < a->dim[2]; x++, k++) {
                double found =
                    (double)out
                        .data[t*STEP*out.stride[CONVIS_T] + (y*PIXEL + FIRST)*out.stride[CONVIS_Y] + x*PIXEL + FIRST];
                worst = fmax(worst, fabs(found - a->data[k]));
                largest = fmax(largest, fabs(a->data[k]));
            }
    return worst/largest;
}

typedef struct spike { int unit; double time; } spike;
static int by_unit_and_time(const void *a, const void *b)
{
    const spike *s = a, *r = b;
    return s->unit != r->unit ? (s->unit > r->unit) - (s->unit < r->unit) : (s->time > r->time) - (s->time < r->time);
}

/* How many of `a` have a partner of their own in `b`; both in order of unit and time. */
static int64_t partners(const spike *a, int64_t count_a, const spike *b, int64_t count_b)
{
    int64_t matched = 0;
    for (int64_t i = 0, j = 0; i < count_a && j < count_b; )
        if (a[i].unit == b[j].unit && fabs(a[i].time - b[j].time) < SPIKE_TOLERANCE) { matched++; i++; j++; }
        else if (by_unit_and_time(&a[i], &b[j]) < 0) i++;
        else j++;
    return matched;
}

/* Numbers and places of cells that the file itself makes. */
static void compare_cells(convis_model *m, const run *q)
{
    convis_context *c = convis_model_context(m);
    char path[300];
    convis_cell *expected;
    const convis_cell *found;
    int64_t count, total;
    snprintf(path, sizeof path, CONVIS_TEST_DATA "/reference/%s_units.txt", q->name);
    must(c, convis_cells_read(c, path, &expected, &total));
    must(c, convis_cells(m, &found, &count));
    assert_int_equal(count, total);
    for (int64_t k = 0; k < total; k++) {
        assert_true(found[k].id == expected[k].id && found[k].layer == expected[k].layer);
        assert_true(fabs(found[k].x - expected[k].x) < 1e-11 && fabs(found[k].y - expected[k].y) < 1e-11);
    }
    convis_cells_free(&expected);
}

static void compare_spikes(convis_model *m, const run *q)
{
    convis_context *c = convis_model_context(m);
    convis_array unit = read_array(c, q, "unit"), time = read_array(c, q, "time");
    const convis_spike *found;
    int64_t count, expected = unit.dim[0];
    must(c, convis_spikes(m, &found, &count));
    spike *a = malloc((size_t)expected*sizeof *a), *b = malloc((size_t)(count + 1)*sizeof *b);
    for (int64_t k = 0; k < expected; k++) a[k] = (spike){ (int)unit.data[k], time.data[k] };
    for (int64_t k = 0; k < count; k++) b[k] = (spike){ found[k].unit, found[k].time };
    qsort(a, (size_t)expected, sizeof *a, by_unit_and_time);
    qsort(b, (size_t)count, sizeof *b, by_unit_and_time);
    double share = (double)partners(a, expected, b, count)/(double)(expected > count ? expected : count);
    print_message("             spikes %lld, %lld expected, %.3f %% matched\n", (long long)count, (long long)expected, 100*share);
    assert_true(expected > (q->spikes == OWN ? 40 : 1000));
    assert_true(share >= SPIKES_MATCHED);
    free(a);
    free(b);
    convis_array_free(&unit);
    convis_array_free(&time);
}

static void repeat(void **state)
{
    const run *q = *state;
    convis_context *c = NULL;
    must(c, convis_open(&c, "cpu"));
    convis_tensor movie = stimulus(c, q);
    convis_model *m = retina(c, q, movie.shape.dim[CONVIS_X], movie.shape.dim[CONVIS_Y]);
    for (int k = 0; k < MOST_STAGES && q->stage[k]; k++) must(c, convis_probe(m, q->stage[k]));
    must(c, convis_record_spikes(m, q->spikes));
    must(c, convis_plan(m, movie.shape));
    if (q->spikes == OWN) compare_cells(m, q);
    must(c, convis_run(m, movie));
    for (int k = 0; k < MOST_STAGES && q->stage[k]; k++) {
        convis_array a = read_array(c, q, q->stage[k]);
        double d = difference(m, q->stage[k], &a);
        print_message("             %s %.1e\n", q->stage[k], d);
        if (!(d < STAGE_TOLERANCE)) fail_msg("%s differs by %.2e of its maximum", q->stage[k], d);
        convis_array_free(&a);
    }
    if (q->spikes) compare_spikes(m, q);
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
}

int main(void)
{
    struct CMUnitTest tests[RUN_COUNT];
    for (int k = 0; k < RUN_COUNT; k++)
        tests[k] = (struct CMUnitTest){ RUNS[k].name, repeat, NULL, NULL, (void *)(uintptr_t)&RUNS[k] };
    return _cmocka_run_group_tests("reference", tests, RUN_COUNT, NULL, NULL);
}
