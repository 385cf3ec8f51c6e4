/* test_reconstruct.c - the image that spikes show: against the formula written down naively, and what it promises. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "failing_allocator.h"
#include <convis/io.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

/* ---- A movie that grows ---- */

typedef struct movie { double *data; int64_t pixels, frames; int64_t stop; } movie;

static convis_status store(void *user, const convis_real *frame, int64_t index)
{
    movie *m = user;
    if (index == m->stop) return CONVIS_EIO;
    assert_int_equal(index, m->frames);
    m->data = realloc(m->data, (size_t)((index + 1)*m->pixels)*sizeof(double));
    for (int64_t i = 0; i < m->pixels; i++) m->data[index*m->pixels + i] = (double)frame[i];
    m->frames++;
    return CONVIS_OK;
}

/* Everything in chunks of `chunk` spikes. The size of the image comes back in m->pixels. */
static convis_status make(const convis_cell *units, int64_t n, const convis_spike *spikes, int64_t count, double seconds,
                          int64_t chunk, const convis_reconstruction_options *o, movie *m)
{
    convis_reconstruction *r;
    int64_t width, height;
    *m = (movie){ .stop = -1 };
    convis_status s = convis_reconstruction_open(c, units, n, o, store, m, &r);
    if (s) { assert_null(r); return s; }
    convis_reconstruction_size(r, &width, &height);
    m->pixels = width*height;
    for (int64_t k = 0; k < count && !s; k += chunk)
        s = convis_reconstruction_write(r, spikes + k, count - k < chunk ? count - k : chunk);
    convis_status end = convis_reconstruction_close(&r, seconds);
    assert_null(r);
    assert_int_equal(s ? s : end, end);                  /* close reports the first error again */
    return end;
}

static void must(convis_status s) { if (s) fail_msg("%s", convis_message(c)); }

/* ---- Cells on a grid, spikes at random ---- */

enum { SIDE = 6, CELLS = 2*SIDE*SIDE, SPIKES = 400 };
static const double APART = 0.25, SECONDS = 0.5;

static uint32_t lot(uint32_t *seed) { *seed = *seed*1664525u + 1013904223u; return *seed >> 8; }
static double uniform(uint32_t *seed) { return lot(seed)/(double)(1 << 24); }
static int by_time(const void *a, const void *b)
{
    const convis_spike *p = a, *q = b;
    return p->time < q->time ? -1 : p->time > q->time;
}

static void scatter(convis_cell units[CELLS], convis_spike spikes[SPIKES])
{
    uint32_t seed = 7;
    for (int u = 0; u < CELLS; u++) {
        int k = u%(SIDE*SIDE);
        units[u] = (convis_cell){ 3*u + 1, u/(SIDE*SIDE), (k/SIDE - .5*(SIDE - 1))*APART + .01*uniform(&seed),
                                  (k%SIDE - .5*(SIDE - 1))*APART + .01*uniform(&seed) };
    }
    for (int k = 0; k < SPIKES; k++) {
        int u = (int)(lot(&seed)%CELLS);
        spikes[k] = (convis_spike){ SECONDS*uniform(&seed), units[u].id, units[u].layer };
    }
    qsort(spikes, SPIKES, sizeof *spikes, by_time);
}

/* ---- SPEC section 11, as it is written: every spike, every frame, every pixel ---- */

static double density(const convis_reconstruction_options *o, double r)
{
    return o->scaling > 0 && r > o->fovea ? 1/(1 + o->scaling*(r - o->fovea)) : 1;
}

static int in_spot(const convis_reconstruction_options *o, double rho, int64_t i, int64_t j)
{
    double low = ceil(-rho);
    if (o->square && o->virtualretina) return i >= 0 && j >= 0 && (double)i < o->spot && (double)j < o->spot;
    if ((double)i < low || (double)j < low || (double)i >= rho || (double)j >= rho) return 0;
    return o->square || (double)(i*i + j*j) < rho*rho;
}

static double *naive(const convis_cell *units, const convis_spike *spikes, const convis_reconstruction_options *o,
                     int64_t *frames)
{
    int64_t W = o->width, H = o->height, F = *frames = (int64_t)ceil(((o->to > 0 ? o->to : SECONDS) - o->from)*o->fps - 1e-6);
    double s = 1/o->fps, lat = o->tau*o->fps, sum = 0;
    int64_t N = (int64_t)floor((o->box ? 1 : 5)*lat + 1e-6);
    double *image = calloc((size_t)(F*W*H), sizeof *image), *cover = calloc((size_t)(W*H), sizeof *cover);
    for (int64_t j = 0; j < N; j++) sum += o->box ? 1 : exp(-(double)j/lat);
    for (int pass = 0; pass < 2; pass++)                 /* every cell once into the static map; then every spike */
        for (int k = 0; k < (pass ? SPIKES : CELLS); k++) {
            const convis_cell *u = units + k;
            if (pass) for (u = units; u->id != spikes[k].unit; u++);
            double d = density(o, hypot(u->x, u->y)), rho = o->spot/d, at = pass ? (spikes[k].time - o->from)/s : 0;
            int64_t t0 = (int64_t)(o->virtualretina ? ceil(at) : floor(at + 1e-6));
            double wide = o->virtualretina && o->extent_x > 0 ? o->extent_x*o->ppd : (double)W;
            double high = o->virtualretina && o->extent_y > 0 ? o->extent_y*o->ppd : (double)H;
            double X = wide/2 + u->x*o->ppd, Y = high/2 + u->y*o->ppd;
            int64_t x = (int64_t)(o->virtualretina ? ceil(X) : floor(X + 1e-6));
            int64_t y = (int64_t)(o->virtualretina ? ceil(Y) : floor(Y + 1e-6));
            double w = u->layer < o->layers ? o->weights[u->layer] : 1, n = 0;
            if (o->virtualretina && !(X > 0 && X < wide && Y > 0 && Y < high)) continue;
            for (int64_t j = -y; j < H - y; j++)
                for (int64_t i = -x; i < W - x; i++) n += in_spot(o, rho, i, j);
            if (o->square && o->virtualretina) n = o->spot*o->spot;
            for (int64_t j = -y; j < H - y; j++)
                for (int64_t i = -x; i < W - x; i++) {
                    if (!in_spot(o, rho, i, j)) continue;
                    double add = w/n/(o->normalise ? pow(o->density*d/o->ppd, 2) : 1);
                    if (!pass) { cover[(y + j)*W + x + i] += fabs(add); continue; }
                    for (int64_t age = 0; age < N; age++)
                        if (t0 + age >= 0 && t0 + age < F)
                            image[((t0 + age)*H + y + j)*W + x + i] += add*(o->box ? 1 : exp(-(double)age/lat))/(s*sum);
                }
        }
    if (o->normalise == 2)
        for (int64_t k = 0; k < F*W*H; k++) image[k] = cover[k%(W*H)] > 0 ? image[k]/cover[k%(W*H)] : 0;
    free(cover);
    return image;
}

static void equals_the_formula(void **state)
{
    (void)state;
    static const double WEIGHTS[] = { 1, -0.5 };
    convis_cell units[CELLS];
    convis_spike spikes[SPIKES];
    scatter(units, spikes);
    for (int k = 0; k < 48; k++) {
        convis_reconstruction_options o = CONVIS_RECONSTRUCTION_DEFAULTS;
        o.width = 31;
        o.height = 24;                                   /* some cells near, some beyond the border */
        o.ppd = 17;
        o.fps = 100;
        o.tau = 0.03;
        o.spot = k & 1 ? 2.5 : 4;
        o.density = 1/APART;
        o.box = k >> 1 & 1;
        o.square = k >> 2 & 1;
        o.virtualretina = k >> 3 & 1;
        o.normalise = k/16;
        if (k%3 == 1) { o.fovea = 0.2; o.scaling = 0.7; }
        if (k%3 == 2) { o.weights = WEIGHTS; o.layers = 2; }
        if (k%4 == 3) { o.from = 0.13; o.to = 0.37; }
        if (k%5 == 2) { o.extent_x = 30.4/17; o.extent_y = 23.3/17; }
        movie m;
        must(make(units, CELLS, spikes, SPIKES, SECONDS, SPIKES, &o, &m));
        int64_t frames;
        double *expected = naive(units, spikes, &o, &frames), most = 0;
        assert_int_equal(m.frames, frames);
        for (int64_t i = 0; i < frames*m.pixels; i++) most = fmax(most, fabs(expected[i]));
        assert_true(most > 0);
        for (int64_t i = 0; i < frames*m.pixels; i++)
            if (fabs(m.data[i] - expected[i]) > 1e-6*most)
                fail_msg("options %d, frame %d: %g, expected %g", k, (int)(i/m.pixels), m.data[i], expected[i]);
        free(expected);
        free(m.data);
    }
}

/* ---- ReconstructRetina's own words (recorded from it): one cell, one spike, a box of two frames at 5 ms ---- */

static movie one_spike(double time, double spot, int square, double extent, double degrees_x, double degrees_y)
{
    convis_reconstruction_options o = CONVIS_RECONSTRUCTION_DEFAULTS;
    convis_cell unit = { 0, 0, degrees_x, degrees_y };
    convis_spike spike = { time, 0, 0 };
    movie m;
    o.ppd = 5;
    o.fps = 200;
    o.tau = 0.01;
    o.box = 1;
    o.spot = spot;
    o.square = square;
    o.virtualretina = 1;
    o.normalise = 0;
    o.extent_x = o.extent_y = extent;
    if (!(extent > 0)) o.width = o.height = 10;
    must(make(&unit, 1, &spike, 1, 0.2, 1, &o, &m));
    assert_int_equal(m.frames, 40);
    return m;
}

static int first_lit(const movie *m)
{
    for (int64_t i = 0; i < m->frames*m->pixels; i++) if (m->data[i] != 0) return (int)(i/m->pixels);
    return -1;
}

/* The square of side W begins at the pixel after the cell's, and has q/W^2 everywhere: also in pixels it covers in part, and beyond
 * the image's end. */
static void squares_lie_beside_their_cells(void **state)
{
    (void)state;
    static const struct { double spot; int side; } CASES[] = { { 1, 1 }, { 2, 2 }, { 2.5, 3 }, { 7, 7 } };
    for (int k = 0; k < 4; k++) {
        movie m = one_spike(0.012, CASES[k].spot, 1, 0, -0.23, 0.11);
        for (int64_t i = 0; i < m.frames*m.pixels; i++) {
            int t = (int)(i/100), y = (int)(i/10%10), x = (int)(i%10);
            int lit = (t == 3 || t == 4) && y >= 6 && y < 6 + CASES[k].side && x >= 4 && x < 4 + CASES[k].side;
            double expected = lit ? 100/(CASES[k].spot*CASES[k].spot) : 0;
            if (fabs(m.data[i] - expected) > 1e-4)
                fail_msg("side %g, frame %d, (%d, %d): %g, expected %g", CASES[k].spot, t, x, y, m.data[i], expected);
        }
        free(m.data);
    }
}

/* time/step as doubles: 0.14 s is frame 29, 0.145 s as well. */
static void frames_end_where_a_division_says(void **state)
{
    (void)state;
    static const struct { double time; int frame; } CASES[] = {
        { 0.14, 29 }, { 0.145, 29 }, { 0.07, 15 }, { 0.035, 8 }, { 0.03, 6 }, { 0.1, 20 }, { 0.005, 1 }, { 0.0050001, 2 }, { 0, 0 }, { 1e-9, 1 } };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        movie m = one_spike(CASES[k].time, 1, 0, 0, 0.01, 0.01);
        if (first_lit(&m) != CASES[k].frame)
            fail_msg("%g s: frame %d, expected %d", CASES[k].time, first_lit(&m), CASES[k].frame);
        free(m.data);
    }
}

/* 1.9 degrees at 5 pixels are 9.5: ten pixels, the first of which begins at -4.75 of them. A cell at the very edge is not within. */
static void an_extent_need_not_be_whole_pixels(void **state)
{
    (void)state;
    static const struct { double extent, x; int pixel; } CASES[] = {
        { 1.9, 0.01, 5 }, { 1.9, 0.06, 6 }, { 1.9, -0.94, 1 }, { 1.9, 0.94, -1 }, { 1.9, 0.96, -1 }, { 1.9, -0.95, -1 }, { 2, 0.01, 6 }, { 0, 0.01, 6 } };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        movie m = one_spike(0.012, 1, 0, CASES[k].extent, CASES[k].x, 0.01);
        int64_t i = 0;
        assert_int_equal(m.pixels, 100);
        while (i < 100 && m.data[300 + i] == 0) i++;
        int found = i < 100 ? (int)(i%10) : -1;
        if (found != CASES[k].pixel)
            fail_msg("extent %g, cell at %g: pixel %d, expected %d", CASES[k].extent, CASES[k].x, found, CASES[k].pixel);
        free(m.data);
    }
}

/* ---- Promises ---- */

static void chunks_give_the_same_bits(void **state)
{
    (void)state;
    convis_cell units[CELLS];
    convis_spike spikes[SPIKES];
    scatter(units, spikes);
    movie whole, parts;
    must(make(units, CELLS, spikes, SPIKES, SECONDS, SPIKES, NULL, &whole));
    must(make(units, CELLS, spikes, SPIKES, SECONDS, 7, NULL, &parts));
    assert_int_equal(whole.frames, parts.frames);
    assert_int_equal(whole.frames, 30);
    assert_memory_equal(whole.data, parts.data, (size_t)(whole.frames*whole.pixels)*sizeof(double));
    free(whole.data);
    free(parts.data);
}

/* Cells that all fire at 100 Hz are an image of 100 Hz without gaps, whatever the spacing and the size. */
static void a_constant_rate_is_that_rate(void **state)
{
    (void)state;
    convis_cell units[CELLS];
    convis_spike spikes[SPIKES], *many = malloc(CELLS*100*sizeof *many);
    scatter(units, spikes);
    for (int k = 0; k < CELLS*100; k++) many[k] = (convis_spike){ .0051 + k/CELLS*.01, units[k%CELLS].id, 0 };
    for (int k = 0; k < 3; k++) {
        convis_reconstruction_options o = CONVIS_RECONSTRUCTION_DEFAULTS;
        movie m;
        o.box = 1;
        o.tau = 0.05;
        o.fps = 100;
        o.width = k == 1 ? 40 : 0;
        o.ppd = k == 2 ? 30 : 0;
        must(make(units, CELLS, many, CELLS*100, 1, 1000, &o, &m));
        assert_int_equal(m.frames, 100);
        for (int64_t i = 10*m.pixels; i < m.frames*m.pixels; i++) assert_float_equal(m.data[i], 100, 1e-3);
        free(m.data);
    }
    free(many);
}

/* A window shows the frames that the whole shows there: `from` shifts time, and earlier spikes fade into it. */
static void a_window_is_a_part_of_the_whole(void **state)
{
    (void)state;
    convis_cell units[CELLS];
    convis_spike spikes[SPIKES];
    scatter(units, spikes);
    for (int box = 0; box < 2; box++) {
        convis_reconstruction_options o = CONVIS_RECONSTRUCTION_DEFAULTS;
        movie whole, part;
        o.fps = 100;
        o.box = box;
        must(make(units, CELLS, spikes, SPIKES, SECONDS, SPIKES, &o, &whole));
        o.from = 0.2;
        o.to = 0.35;
        must(make(units, CELLS, spikes, SPIKES, SECONDS, SPIKES, &o, &part));
        assert_int_equal(part.frames, 15);
        for (int64_t i = 0; i < part.frames*part.pixels; i++)
            assert_float_equal(part.data[i], whole.data[20*part.pixels + i], 1e-4);
        free(whole.data);
        free(part.data);
    }
}

static void weights_choose_and_oppose(void **state)
{
    (void)state;
    static const double ON[] = { 1, 0 }, OFF[] = { 0, 1 }, DIFFERENCE[] = { 1, -1 };
    convis_cell units[CELLS];
    convis_spike spikes[SPIKES];
    scatter(units, spikes);
    for (int u = CELLS/2; u < CELLS; u++) {              /* ON and OFF at the same places */
        units[u].x = units[u - CELLS/2].x;
        units[u].y = units[u - CELLS/2].y;
    }
    movie on, off, difference;
    convis_reconstruction_options o = CONVIS_RECONSTRUCTION_DEFAULTS;
    o.layers = 2;
    o.weights = ON;
    must(make(units, CELLS, spikes, SPIKES, SECONDS, SPIKES, &o, &on));
    o.weights = OFF;
    must(make(units, CELLS, spikes, SPIKES, SECONDS, SPIKES, &o, &off));
    o.weights = DIFFERENCE;
    must(make(units, CELLS, spikes, SPIKES, SECONDS, SPIKES, &o, &difference));
    for (int64_t i = 0; i < on.frames*on.pixels; i++)
        assert_float_equal(difference.data[i], (on.data[i] - off.data[i])/2, 1e-3);
    free(on.data);
    free(off.data);
    free(difference.data);
}

/* ---- Bad input ---- */

/* A cell per pixel: the image has the retina's pixels, and each cell lights its own. */
static void a_grid_shows_a_pixel_a_cell(void **state)
{
    (void)state;
    enum { W = 12, H = 7 };
    convis_cell units[W*H];
    for (int k = 0; k < W*H; k++) units[k] = (convis_cell){ k, 0, (k%W - (W - 1)/2.)*0.05, (k/W - (H - 1)/2.)*0.05 };
    const convis_spike spike = { 0.001, 3*W + 5, 0 };
    movie m;
    must(make(units, W*H, &spike, 1, 0.02, 1, NULL, &m));
    assert_int_equal(m.pixels, W*H);
    for (int i = 0; i < W*H; i++) assert_int_equal(m.data[i] > 0, i == 3*W + 5);
    free(m.data);
}

static void refuse(const convis_cell *units, int64_t n, const convis_spike *spikes, int64_t count,
                   const convis_reconstruction_options *o, convis_status status, const char *sentence)
{
    movie m;
    assert_int_equal(make(units, n, spikes, count, SECONDS, 1, o, &m), status);
    assert_string_equal(convis_message(c), sentence);
    free(m.data);
}

static void bad_input_gets_a_sentence(void **state)
{
    (void)state;
    convis_cell units[2] = { { 0, 0, 0, 0 }, { 5, 0, 1, 0 } };
    convis_spike late[2] = { { .2, 0, 0 }, { .1, 5, 0 } }, stranger = { .1, 4, 0 }, never = { NAN, 0, 0 };
    convis_reconstruction_options o = CONVIS_RECONSTRUCTION_DEFAULTS;
    refuse(units, 2, late, 2, &o, CONVIS_EINVAL,
           "reconstruction: a spike at 0.1 s after one at 0.2 s, expected increasing times");
    refuse(units, 2, &stranger, 1, &o, CONVIS_ENAME, "reconstruction: a spike of unit 4, which is not among the 2 cells");
    refuse(units, 2, &never, 1, &o, CONVIS_EINVAL,
           "reconstruction: a spike at nan s after one at -inf s, expected increasing times");
    refuse(units, 0, NULL, 0, &o, CONVIS_EINVAL, "reconstruction: there are no cells");
    o.fps = 0;
    refuse(units, 2, NULL, 0, &o, CONVIS_EINVAL, "reconstruction: fps is 0, expected a positive number");
    o.fps = 60;
    o.tau = NAN;
    refuse(units, 2, NULL, 0, &o, CONVIS_EINVAL, "reconstruction: tau is nan, expected a positive number");
    o.tau = 0.02;
    o.spot = -1;
    refuse(units, 2, NULL, 0, &o, CONVIS_EINVAL, "reconstruction: spot is -1, expected a non-negative number");
    o.spot = 0;
    o.from = o.to = 1;
    refuse(units, 2, NULL, 0, &o, CONVIS_EINVAL, "reconstruction from 1 s to 1 s: expected from < to");
    o.from = o.to = 0;
    o.ppd = 1e6;
    refuse(units, 2, NULL, 0, &o, CONVIS_EINVAL,
           "reconstruction of 3000000 x 1000000 pixels: expected at most 65536 x 65536 and 2^28 in all");
    o.ppd = 0;
    units[1].x = INFINITY;
    refuse(units, 2, NULL, 0, &o, CONVIS_EINVAL, "reconstruction: unit 5 has no finite position");
    units[1] = units[0];
    refuse(units, 2, NULL, 0, &o, CONVIS_EINVAL, "reconstruction: there are two units with the number 0");
}

static void a_single_cell_and_no_spikes(void **state)
{
    (void)state;
    convis_cell unit = { 9, 0, 0, 0 };
    convis_spike spike = { 0.01, 9, 0 };
    movie m;
    must(make(&unit, 1, NULL, 0, 0, 1, NULL, &m));
    assert_int_equal(m.frames, 1);
    free(m.data);
    must(make(&unit, 1, &spike, 1, 0.1, 1, NULL, &m));
    assert_int_equal(m.frames, 6);
    double sum = 0;
    for (int64_t i = 0; i < m.frames*m.pixels; i++) sum += m.data[i]/60;
    assert_float_equal(sum, 1, 1e-5);                    /* one pixel, one spike; its kernel's six frames are all there */
    free(m.data);
}

static void a_sink_can_stop(void **state)
{
    (void)state;
    convis_cell units[CELLS];
    convis_spike spikes[SPIKES];
    scatter(units, spikes);
    convis_reconstruction *r;
    movie m = { .stop = 3 };
    must(convis_reconstruction_open(c, units, CELLS, NULL, store, &m, &r));
    int64_t width, height;
    convis_reconstruction_size(r, &width, &height);
    m.pixels = width*height;
    assert_int_equal(convis_reconstruction_write(r, spikes, SPIKES), CONVIS_EIO);
    assert_int_equal(convis_reconstruction_close(&r, SECONDS), CONVIS_EIO);
    assert_int_equal(m.frames, 3);
    free(m.data);
}

/* ---- The k-th allocation fails ---- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    convis_cell units[CELLS];
    convis_spike spikes[SPIKES];
    scatter(units, spikes);
    convis_context *before = c;
    convis_status s = CONVIS_ENOMEM;
    int k = 1;
    for (; s; k++) {
        failing_allocator m = { k, 0 };
        movie film;
        if (convis_open_with(&c, "cpu", &(convis_allocator){ obtain, release, &m })) continue;
        s = make(units, CELLS, spikes, SPIKES, SECONDS, 50, NULL, &film);
        free(film.data);
        if (s) assert_int_equal(s, CONVIS_ENOMEM);
        convis_close(&c);
        assert_int_equal(m.held, 0);
    }
    assert_true(k > 8);
    c = before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_formula), cmocka_unit_test(squares_lie_beside_their_cells),
        cmocka_unit_test(frames_end_where_a_division_says), cmocka_unit_test(an_extent_need_not_be_whole_pixels),
        cmocka_unit_test(chunks_give_the_same_bits),
        cmocka_unit_test(a_constant_rate_is_that_rate),
        cmocka_unit_test(a_window_is_a_part_of_the_whole),
        cmocka_unit_test(weights_choose_and_oppose),
        cmocka_unit_test(a_grid_shows_a_pixel_a_cell),
        cmocka_unit_test(bad_input_gets_a_sentence),
        cmocka_unit_test(a_single_cell_and_no_spikes),
        cmocka_unit_test(a_sink_can_stop),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
