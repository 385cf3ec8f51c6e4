/* test_stimuli.c - stimuli against their formulas, their tables, and the sentences for bad ones. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <convis/io.h>
#include "stimuli/eye.h"
#include "base/philox.h"
#include "stimuli/stimuli.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PI 3.14159265358979323846

static convis_context *c;
static char folder[] = "/tmp/convis-stimuli-XXXXXX";         /* the one that we are in */
static int open_context(void **state)
{
    (void)state;
    return !mkdtemp(folder) || chdir(folder) || convis_open(&c, "cpu");
}
static int close_context(void **state)
{
    (void)state;
    convis_close(&c);
    return chdir("/") || rmdir(folder);
}

typedef struct film { convis_real *v; int64_t steps, width, height; } film;

static film shown(const char *name, double dt, int64_t width, int64_t height, int64_t from)
{
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    convis_movie_info info;
    convis_movie *m;
    film f = { NULL, 0, 0, 0 };
    int64_t got;
    o.dt = dt;  o.width = width;  o.height = height;  o.from = from;  o.ppd = 10;
    if (convis_movie_open(c, name, &o, &m)) fail_msg("%s", convis_message(c));
    convis_movie_info_get(m, &info);
    f.width = info.width;  f.height = info.height;
    f.v = malloc((size_t)(info.steps*f.width*f.height)*sizeof *f.v);
    for (; f.steps < info.steps; f.steps += got) {           /* in uneven chunks */
        const int64_t ask = info.steps - f.steps < 3 ? info.steps - f.steps : 3;
        if (convis_movie_read(m, f.v + f.steps*f.width*f.height, ask, &got)) fail_msg("%s", convis_message(c));
        assert_int_equal(got, ask);
    }
    convis_movie_close(&m);
    return f;
}
static double at(film f, int64_t k, int64_t x, int64_t y) { return (double)f.v[(k*f.height + y)*f.width + x]; }

static void philox_gives_the_published_numbers(void **state)
{
    (void)state;
    const philox zero = philox_draw(0, 0, 0), ones = philox_draw(~0ull, ~0ull, ~0ull);       /* Random123's kat_vectors */
    const uint32_t z[] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 }, o[] = { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd };
    for (int k = 0; k < 4; k++) { assert_int_equal(zero.word[k], z[k]);  assert_int_equal(ones.word[k], o[k]); }
}

/* SPEC section 11: Lum + Cont Lum cos(2 pi (((x-x0) cos th + (y-y0) sin th)/T + p/2 - f s t)), x0 = int(X/2): where the height is
 * even, as here, that is half a pixel (0.05 degrees) below the middle of the field. */
static void gratings_are_virtualretinas(void **state)
{
    (void)state;
    const double T = 8, th = 30, p = .5, f = 3, dt = .005, lum = 100, cont = .4;
    char name[200];
    const char *tail =
        "spatial_frequency=1.25&temporal_frequency=3&direction=30&phase=90&luminance=100&contrast=0.4&duration=0.5&y=0.05";
    snprintf(name, sizeof name, "stim:grating?%s", tail);
    film drift = shown(name, dt, 21, 14, 0);
    snprintf(name, sizeof name, "stim:counterphase?%s&temporal_phase=60", tail);
    film counter = shown(name, dt, 21, 14, 0);
    snprintf(name, sizeof name, "stim:reversing?%s", tail);
    film reverse = shown(name, dt, 21, 14, 0);
    assert_int_equal(drift.steps, 100);
    for (int64_t k = 0; k < 100; k++)
        for (int64_t y = 0; y < 14; y++)
            for (int64_t x = 0; x < 21; x++) {
                const double u = ((double)(x - 10)*cos(th*PI/180) + (double)(y - 7)*sin(th*PI/180))/T + p/2, t = (double)k*dt;
                assert_float_equal(at(drift, k, x, y), lum + cont*lum*cos(2*PI*(u - f*t)), 1e-4);
                assert_float_equal(at(counter, k, x, y), lum + cont*lum*cos(2*PI*u)*cos(2*PI*(f*t + 60/360.)), 1e-4);
                const double flicker = cos(2*PI*f*t), sign = flicker > 1e-6 ? 1 : -1;
                if (fabs(flicker) > 1e-6) assert_float_equal(at(reverse, k, x, y), lum + cont*lum*sign*cos(2*PI*u), 1e-4);
            }
    free(drift.v);  free(counter.v);  free(reverse.v);
}

/* A spot at the position of a cell lights that cell's pixel, whatever the field's size: both count from its middle. */
static void positions_are_those_of_cells(void **state)
{
    (void)state;
    const int64_t sizes[][2] = { { 8, 8 }, { 9, 7 }, { 8, 5 }, { 1, 2 } };
    for (size_t k = 0; k < sizeof sizes/sizeof *sizes; k++) {
        const int64_t width = sizes[k][0], height = sizes[k][1];
        const convis_cell *cells;
        convis_recipe *r;
        convis_model *m;
        int64_t count;
        if (convis_recipe_open(c, "retina", &r) || convis_recipe_set(r, "ppd", "10")
            || convis_recipe_build(r, width, height, &m) || convis_plan(m, convis_movie_shape(1, height, width))
            || convis_cells(m, &cells, &count)) fail_msg("%s", convis_message(c));
        assert_true(count >= width*height);
        for (int64_t u = 0; u < width*height; u++) {
            char name[200];
            snprintf(name, sizeof name, "stim:impulse?onset=0&diameter=0.1&duration=0.01&luminance=50&x=%.9g&y=%.9g", cells[u].x,
                     cells[u].y);
            film f = shown(name, .01, width, height, 0);
            for (int64_t i = 0; i < width*height; i++) assert_float_equal(f.v[i], (i == u ? 100 : 50), 1e-4);
            free(f.v);
        }
        convis_model_free(&m);
        convis_recipe_free(&r);
    }
}

static void reversals_are_where_they_should_be(void **state)
{
    (void)state;
    film f = shown("stim:reversing?sf=0&tf=2.5&duration=1", .02, 1, 1, 0);       /* every 0.2 s, first at 0.1 s */
    for (int64_t k = 0; k < 50; k++) assert_float_equal(at(f, k, 0, 0), ((k + 5)/10 % 2 ? 0 : 255), 1e-4);
    free(f.v);
}

static void bars_move_at_their_speed(void **state)
{
    (void)state;
    film f = shown("stim:bar?speed=5&width=0.35&duration=1&luminance=50&contrast=2", .01, 61, 3, 0);
    for (int64_t k = 0; k < f.steps; k++) {
        double sum = 0, centre = 0;
        for (int64_t x = 0; x < 61; x++) { const double v = at(f, k, x, 1)/50 - 1;  sum += v/2;  centre += v/2*(double)(x - 30); }
        if (fabs((double)k*.01 - .5) > .5) continue;
        assert_float_equal(sum, 3.5, 1e-4);
        assert_float_equal(centre/sum, 50*((double)k*.01 - .5), .2);      /* edges cover pixels in part */
    }
    free(f.v);
}

static void checkers_are_fair_and_keyed(void **state)
{
    (void)state;
    film a = shown("stim:checkers?size=0.3&rate=20&seed=5&contrast=0.5&duration=2", .01, 30, 30, 0);
    film b = shown("stim:checkers?size=0.3&rate=20&seed=6&contrast=0.5&duration=2", .01, 30, 30, 0);
    film big = shown("stim:checkers?size=0.3&rate=20&seed=5&contrast=0.5&duration=2", .01, 42, 42, 0);
    double mean = 0, same = 0, next = 0;
    int64_t n = 0;
    for (int64_t k = 0; k < 200; k++)
        for (int64_t y = 0; y < 30; y += 3)
            for (int64_t x = 0; x < 30; x += 3, n++) {
                const double v = at(a, k, x, y)/127.5 - 1;
                assert_float_equal(fabs(v), .5, 1e-5);
                assert_float_equal(at(a, k, x + 2, y + 2), at(a, k, x, y), 0);           /* a check is 3 x 3 pixels */
                assert_float_equal(at(a, k, x, y), at(a, k - k % 5, x, y), 0);           /* and lasts 5 frames */
                assert_float_equal(at(big, k, x + 6, y + 6), at(a, k, x, y), 0);         /* a larger field adds checks */
                mean += v;
                same += v*(at(b, k, x, y)/127.5 - 1)*4;
                if (k >= 5) next += v*(at(a, k - 5, x, y)/127.5 - 1)*4;
            }
    assert_float_equal(mean/(double)n, 0, .05);              /* 4000 independent checks: 3 s.d. are 0.024 */
    assert_float_equal(same/(double)n, 0, .06);
    assert_float_equal(next/(double)n, 0, .06);
    free(a.v);  free(b.v);  free(big.v);

    film s = shown("stim:sparse?size=0&density=0.1&duration=1", .01, 40, 40, 0);
    double white = 0, black = 0;
    for (int64_t k = 0; k < 100*1600; k++) { white += s.v[k] > 200;  black += s.v[k] < 50; }
    assert_float_equal(white/160000, .05, .004);
    assert_float_equal(black/160000, .05, .004);
    free(s.v);
}

static void flashes_begin_and_end_on_their_frames(void **state)
{
    (void)state;
    film p = shown("stim:pulse?onset=0.3&length=0.1&luminance=50&contrast=-0.5&duration=0.6", .1/3, 3, 3, 0);
    for (int64_t k = 0; k < p.steps; k++) assert_float_equal(at(p, k, 1, 1), (k >= 9 && k < 12 ? 25 : 50), 1e-4);
    free(p.v);
    film i = shown("stim:impulse?onset=0.01&luminance=50&contrast=3&diameter=1&duration=0.1", .002, 31, 31, 0);
    for (int64_t k = 0; k < i.steps; k++) {
        assert_float_equal(at(i, k, 15, 15), (k == 5 ? 200 : 50), 1e-4);
        assert_float_equal(at(i, k, 2, 2), 50, 1e-4);
    }
    double area = 0;
    for (int64_t k = 0; k < 31*31; k++) area += ((double)i.v[5*31*31 + k] - 50)/150;
    assert_float_equal(area, PI*25, 1);
    free(i.v);
}

static void the_chirp_is_badens(void **state)
{
    (void)state;
    film f = shown("stim:chirp", .01, 1, 1, 0);
    const struct { double t, level; } at_time[] = { { 1, -1 }, { 1.99, -1 }, { 2, 1 }, { 4.99, 1 }, { 5, -1 }, { 7.99, -1 }, { 8, 0 },
        { 9.99, 0 }, { 11, sin(PI) }, { 10.5, sin(PI*.25) }, { 17.5, sin(PI*7.5*7.5) }, { 18, 0 }, { 19.99, 0 }, { 20.125, .125/8 },
        { 26.125, 6.125/8 }, { 28, 0 }, { 29.99, 0 }, { 30, -1 }, { 31.99, -1 } };
    assert_int_equal(f.steps, 3200);
    for (size_t k = 0; k < sizeof at_time/sizeof *at_time; k++) {
        const double level = (double)f.v[llround(at_time[k].t*100)]/127.5 - 1, t = (double)llround(at_time[k].t*100)/100;
        const double expected = t > 20 && t < 28 ? (t - 20)/8*sin(4*PI*(t - 20)) : at_time[k].level;
        assert_float_equal(level, expected, 1e-4);
    }
    free(f.v);
}

/* Frame k does not depend on where one begins. */
static void any_frame_can_be_first(void **state)
{
    (void)state;
    convis_kind_info kind;
    unsigned char pgm[15 + 20*16] = "P5\n20 16\n255\n";
    FILE *file = fopen("photo.pgm", "wb");
    for (int k = 0; k < 20*16; k++) pgm[13 + k] = (unsigned char)(k*37);
    fwrite(pgm, 1, 13 + 20*16, file);
    fclose(file);
    for (int n = 0; convis_stim_list(n, &kind); n++) {
        char name[200];
        snprintf(name, sizeof name, "stim:%s?duration=0.4%s", kind.name,
                 strcmp(kind.name, "photo") ? "" : "&file=photo.pgm&rate=10");
        film whole = shown(name, .01, 13, 9, 0), rest = shown(name, .01, 13, 9, 17);
        assert_int_equal(whole.steps, 40);
        assert_int_equal(rest.steps, 23);
        assert_memory_equal(rest.v, whole.v + 17*13*9, 23*13*9*sizeof *rest.v);
        free(whole.v);  free(rest.v);
    }
    unlink("photo.pgm");
}

static void hertz_stay_hertz_when_frames_are_held(void **state)
{
    (void)state;
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    convis_real held[100];
    convis_movie *m;
    int64_t got;
    o.dt = .005;  o.width = 1;  o.height = 1;
    for (int how = 0; how < 2; how++) {
        o.repeat = how ? 0 : 2;  o.fps = how ? 100 : 0;
        assert_int_equal(convis_movie_open(c, "stim:grating?sf=0&tf=4&duration=0.5", &o, &m), CONVIS_OK);
        assert_int_equal(convis_movie_read(m, held, 100, &got), CONVIS_OK);
        assert_int_equal(got, 100);
        for (int k = 0; k < 100; k++) assert_float_equal(held[k], 127.5*(1 + cos(2*PI*4*(k - k % 2)*.005)), 1e-3);
        convis_movie_close(&m);
    }
}

static void the_eye_drifts_and_jumps(void **state)
{
    (void)state;
    double variance = 0, gaze[2];
    for (uint64_t seed = 0; seed < 400; seed++) {
        convis_eye e;
        convis_eye_start(&e,
                         &(convis_eye_params){ .dt = .01, .drift = .2, .rate = 0, .amplitude = 0, .length = .025, .seed = seed });
        convis_eye_at(&e, 0, gaze);
        assert_float_equal(gaze[0], 0, 0);
        convis_eye_at(&e, 200, gaze);
        variance += (gaze[0]*gaze[0] + gaze[1]*gaze[1])/800;
    }
    assert_float_equal(variance, .04*2, .04*2*.2);           /* drift^2 t; 800 values: 3 s.d. are 15 % */

    convis_eye e;
    convis_eye_start(&e, &(convis_eye_params){ .dt = .001, .drift = 0, .rate = 2, .amplitude = .3, .length = .025, .seed = 9 });
    double before[2] = { 0, 0 }, from[2] = { 0, 0 }, length = 0, farthest = 0;
    int moving = 0, saccades = 0, moved = 0;
    for (int64_t k = 1; k <= 500000; k++) {
        convis_eye_at(&e, k, gaze);
        const int moves = gaze[0] != before[0] || gaze[1] != before[1];
        if (moves && !moving) { saccades++;  memcpy(from, before, sizeof from); }
        if (!moves && moving) length += hypot(gaze[0] - from[0], gaze[1] - from[1]);
        moved += moves;
        moving = moves;
        farthest = fmax(farthest, hypot(gaze[0], gaze[1]));
        memcpy(before, gaze, sizeof before);
    }
    assert_float_equal(saccades/500., 2, .15);               /* 1000 of them: 3 s.d. are 0.19 without the dead time */
    assert_float_equal(length/saccades, .3, .02);
    assert_float_equal((double)moved/saccades, 25, 1.5);
    assert_true(farthest < 3);                               /* they lead back */
}

static void a_still_eye_sees_the_photograph(void **state)
{
    (void)state;
    unsigned char pgm[13 + 20*16] = "P5\n20 16\n255\n";
    FILE *file = fopen("photo.pgm", "wb");
    for (int k = 0; k < 20*16; k++) pgm[13 + k] = (unsigned char)(k*37);
    fwrite(pgm, 1, sizeof pgm, file);
    fclose(file);
    film f = shown("stim:photo?file=photo.pgm&drift=0&rate=0&duration=0.1", .01, 0, 0, 0);
    assert_int_equal(f.width, 20);
    assert_int_equal(f.height, 16);
    for (int64_t k = 0; k < 10*320; k++) assert_float_equal(f.v[k], (pgm[13 + k % 320]), 1e-4);
    free(f.v);
    film crop = shown("stim:photo?file=photo.pgm&drift=0&rate=0&duration=0.1&x=0.1", .01, 8, 6, 0);
    for (int64_t y = 0; y < 6; y++)
        for (int64_t x = 0; x < 8; x++) assert_float_equal(at(crop, 0, x, y), pgm[13 + (y - 3 + 8)*20 + x - 4 + 10 - 1], 1e-4);
    free(crop.v);
    /* The middle of an odd field is a pixel, that of an even photograph lies between pixels. */
    film odd = shown("stim:photo?file=photo.pgm&drift=0&rate=0&duration=0.1", .01, 7, 5, 0);
    for (int64_t y = 0; y < 5; y++)
        for (int64_t x = 0; x < 7; x++) {
            const unsigned char *p = pgm + 13 + (y - 2 + 7)*20 + x - 3 + 9;
            assert_float_equal(at(odd, 0, x, y), (p[0] + p[1] + p[20] + p[21])/4., 1e-4);
        }
    free(odd.v);
    film half = shown("stim:photo?file=photo.pgm&drift=0&rate=0&duration=0.1&photo_ppd=20", .01, 0, 0, 0);
    assert_int_equal(half.width, 10);
    assert_float_equal(at(half, 0, 0, 0), (pgm[13] + pgm[14] + pgm[33] + pgm[34])/4., 1e-4);
    free(half.v);
    unlink("photo.pgm");
}

static void tables_are_complete(void **state)
{
    (void)state;
    convis_kind_info kind;
    convis_kind_param p, first;
    int kinds = 0;
    for (; convis_stim_list(kinds, &kind); kinds++) {
        int n = 0, commons = 0;
        assert_true(*kind.name && *kind.doc);
        for (; convis_stim_param_list(kind.name, n, &p); n++) {
            assert_true(*p.name && *p.doc && p.unit);
            if (!p.text) assert_true(p.min <= p.value && p.value <= p.max && p.min < p.max);
            commons += !strcmp(p.name, "duration") || !strcmp(p.name, "ppd") || !strcmp(p.name, "x");
            for (int k = 0; k < n; k++) { convis_stim_param_list(kind.name, k, &first);  assert_string_not_equal(first.name, p.name); }
        }
        assert_true(n < CONVIS_QUERY_MAX);
        assert_int_equal(commons, 3);
    }
    assert_int_equal(kinds, 11);
    assert_false(convis_stim_list(-1, &kind));
    assert_false(convis_stim_param_list("nothing", 0, &p));
}

static void refuse(const char *name, const char *sentence)
{
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    convis_movie *m;
    o.dt = .001;
    assert_int_not_equal(convis_movie_open(c, name, &o, &m), CONVIS_OK);
    assert_null(m);
    assert_string_equal(convis_message(c), sentence);
}

static void bad_ones_get_a_sentence(void **state)
{
    (void)state;
#define KINDS_ "grating, counterphase, reversing, gabor, bar, checkers, sparse, pulse, impulse, chirp, photo"
    refuse("stim:gratng", "stim: 'gratng': expected one of " KINDS_ "; did you mean grating?");
    refuse("stim:", "stim: '': expected one of " KINDS_);
    refuse("stim:elephant?x=1", "stim: 'elephant': expected one of " KINDS_);
    refuse("stim:grating?contast=1", "stim:grating: it has no parameter 'contast'; did you mean contrast?");
    refuse("stim:grating?contrast=1.5", "stim:grating: contrast is 1.5, expected 0 to 1");
    refuse("stim:grating?spatial_frequency=-2", "stim:grating: spatial_frequency is -2 cycles/degree, expected 0 to 1000");
    refuse("stim:grating?contrast=", "stim:grating: contrast is '', expected a number");
    refuse("stim:grating?contrast=1x", "stim:grating: contrast is '1x', expected a number");
    refuse("stim:grating?contrast=nan", "stim:grating: contrast is 'nan', expected a number");
    refuse("stim:grating?duration=inf", "stim:grating: duration is inf s, expected 1e-06 to 1e+06");
    refuse("stim:grating?contrast", "stim:grating: 'contrast', expected key=value");
    refuse("stim:grating?contrast=.1&contrast=.2", "stim:grating: contrast is given twice");
    refuse("stim:checkers?seed=1.5", "stim:checkers: seed is 1.5, expected a whole number");
    refuse("stim:checkers?size=0.01", "stim:checkers: size is 0.01 degrees, expected at least a pixel (0.05 degrees) or 0");
    refuse("stim:photo", "stim:photo: no file is given, expected stim:photo?file=PATH");
    refuse("stim:photo?file=/no/such.png", "/no/such.png: cannot be opened (No such file or directory)");
    refuse("stim:photo?file=/dev/zero", "/dev/zero: is no file, expected a photograph");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_numbers),
        cmocka_unit_test(gratings_are_virtualretinas),
        cmocka_unit_test(positions_are_those_of_cells),
        cmocka_unit_test(reversals_are_where_they_should_be),
        cmocka_unit_test(bars_move_at_their_speed),
        cmocka_unit_test(checkers_are_fair_and_keyed),
        cmocka_unit_test(flashes_begin_and_end_on_their_frames),
        cmocka_unit_test(the_chirp_is_badens),
        cmocka_unit_test(any_frame_can_be_first),
        cmocka_unit_test(hertz_stay_hertz_when_frames_are_held),
        cmocka_unit_test(the_eye_drifts_and_jumps),
        cmocka_unit_test(a_still_eye_sees_the_photograph),
        cmocka_unit_test(tables_are_complete),
        cmocka_unit_test(bad_ones_get_a_sentence),
    };
    return cmocka_run_group_tests_name("stimuli", tests, open_context, close_context);
}
