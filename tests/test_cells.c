/* test_cells.c - map sizes and cell positions against those of VirtualRetina's own runs, and their closed forms. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "models/retina/retina.h"
#include "models/recipe.h"
#ifndef CONVIS_TEST_DATA
#define CONVIS_TEST_DATA "tests/data"
#endif

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

static void load(const char *name, struct convis_retina *r)
{
    char path[256];
    static char text[1 << 16];
    struct convis_warnings w = { .text = NULL };
    snprintf(path, sizeof path, CONVIS_TEST_DATA "/%s.xml", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    if (convis_xml_read(c, path, text, n, r, &w)) fail_msg("%s", convis_message(c));
    assert_int_equal(w.count, 0);
    convis_warnings_free(c, &w);
}

/* Positions of the run: lines "layer unit x y". Circular arrays have a random phase per ring: radii and counts. */
static void compare(const char *name, const struct convis_retina *r, const struct convis_mosaic *s)
{
    char path[256], line[256];
    int64_t k = 0;
    double phase = 0, ring = -1;
    snprintf(path, sizeof path, CONVIS_TEST_DATA "/%s_units.txt", name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        int layer, id;
        double x, y;
        if (sscanf(line, "%d %d %lf %lf", &layer, &id, &x, &y) != 4) continue;
        assert_true(k < s->total);
        const convis_cell *u = &s->cell[k++];
        assert_int_equal(u->layer, layer);
        assert_int_equal(u->id, id);
        if (r->ganglion[layer].cells == CONVIS_CELLS_SQUARE) {
            assert_true(fabs(u->x - x) < 1e-11 && fabs(u->y - y) < 1e-11);
            continue;
        }
        double radius = hypot(x, y), turn = atan2(u->y, u->x) - atan2(y, x);
        assert_true(fabs(radius - hypot(u->x, u->y)) < 1e-10);
        if (fabs(radius - ring) > 1e-9) { ring = radius; phase = turn; }
        if (radius > 0) assert_true(fabs(remainder(turn - phase, 2*M_PI)) < 1e-8);
    }
    fclose(f);
    assert_int_equal(k, s->total);
}

static void reference_cases(void **state)
{
    (void)state;
    static const struct { const char *name; int w, h, sx, sy; } run[] = {
        { "vr_c02", 48, 40, 48, 40 }, { "vr_c04", 64, 48, 64, 48 }, { "vr_c09", 56, 48, 56, 48 }, { "vr_c10", 56, 48, 56, 48 },
        { "vr_c11", 64, 64, 64, 64 }, { "vr_c13", 64, 64, 64, 64 }, { "vr_c15", 64, 60, 25, 23 },
    };
    for (size_t k = 0; k < sizeof run/sizeof *run; k++) {
        struct convis_retina r;
        struct convis_retina_map map;
        struct convis_mosaic s;
        load(run[k].name, &r);
        assert_int_equal(convis_retina_map(c, &r, run[k].w, run[k].h, &map), CONVIS_OK);
        assert_int_equal(map.size_x, run[k].sx);
        assert_int_equal(map.size_y, run[k].sy);
        assert_int_equal(map.offset_x, (run[k].w - run[k].sx)/2);
        assert_int_equal(convis_retina_cells(c, &r, &map, NULL, 0, 0, &s), CONVIS_OK);
        if (k >= 2) compare(run[k].name, &r, &s); else assert_int_equal(s.total, 0);
        assert_int_equal(s.outside, 0);
        for (int64_t i = 0; i < s.total; i++)
            assert_true(s.x[i] == (float)((double)map.size_x/2.0 + r.ppd*s.cell[i].x));
        convis_mosaic_free(c, &s);
        convis_retina_clear(c, &r);
    }
}

static struct convis_retina one_layer(int cells, double density)
{
    struct convis_retina r;
    convis_retina_init(&r);
    r.surround_sigma = 0;
    r.ppd = 10;
    r.ganglions = 1;
    convis_ganglion_init(&r.ganglion[0]);
    r.ganglion[0].spikes = 1;
    r.ganglion[0].cells = cells;
    r.ganglion[0].density = density;
    return r;
}

static void cells_of(const struct convis_retina *r, int64_t w, int64_t h, uint64_t seed, struct convis_mosaic *s)
{
    struct convis_retina_map map;
    assert_int_equal(convis_retina_map(c, r, w, h, &map), CONVIS_OK);
    if (convis_retina_cells(c, r, &map, NULL, 0, seed, s)) fail_msg("%s", convis_message(c));
}

static void dense(void **state)
{
    (void)state;
    struct convis_retina r = one_layer(CONVIS_CELLS_DENSE, 1);
    struct convis_mosaic s;
    r.surround_sigma = 5;                                /* the border does not matter */
    for (int n = 0; n < 2; n++) {
        r.numerics = n ? CONVIS_CONVERGED : CONVIS_VIRTUALRETINA;
        cells_of(&r, 5, 3, 0, &s);
        assert_int_equal(s.total, 15);
        assert_true(s.dense[0]);
        for (int k = 0; k < 15; k++) assert_true(s.x[k] == k%5 && s.y[k] == k/5 && s.cell[k].id == k);
        assert_true(fabs(s.cell[7].x - (n ? 0 : -.05)) < 1e-12);
        convis_mosaic_free(c, &s);
    }
}

static void converged_center(void **state)
{
    (void)state;
    struct convis_retina r = one_layer(CONVIS_CELLS_SQUARE, 1.3);
    struct convis_mosaic s;
    r.numerics = CONVIS_CONVERGED;
    cells_of(&r, 64, 41, 0, &s);
    double x = 0, y = 0;
    for (int64_t k = 0; k < s.total; k++) { x += s.x[k]; y += s.y[k]; }
    assert_true(s.total == 8*5);
    assert_true(fabs(x/(double)s.total - 31.5) < 1e-12 && fabs(y/(double)s.total - 20) < 1e-12);
    convis_mosaic_free(c, &s);
}

static void rings(void **state)
{
    (void)state;
    struct convis_retina r = one_layer(CONVIS_CELLS_CIRCULAR, 7);
    struct convis_mosaic a, b, d;
    r.log_polar = 1;
    r.log_polar_radius = .4;
    r.log_polar_scaling = 2;
    cells_of(&r, 40, 60, 3, &a);
    double last = -1;
    for (int64_t k = 0, ring = 0; k < a.total; ring += 1) {
        double radius = hypot(a.cell[k].x, a.cell[k].y);
        int64_t n = 0;
        while (k + n < a.total && fabs(hypot(a.cell[k + n].x, a.cell[k + n].y) - radius) < 1e-9) n++;
        assert_int_equal(n, ring ? (int64_t)floor(2*M_PI*7*convis_retina_density(&r, radius)*radius) : 1);
        /* the integral of the density up to this ring counts the rings */
        double D = radius <= .4 ? radius : .4 + log1p(2*(radius - .4))/2;
        assert_true(fabs(7*D - (double)ring) < 1e-9 && radius > last && radius <= 2);
        last = radius;
        k += n;
    }
    cells_of(&r, 40, 60, 3, &b);                         /* the same seed, the same cells */
    cells_of(&r, 40, 60, 4, &d);
    assert_memory_equal(a.cell, b.cell, (size_t)a.total*sizeof *a.cell);
    assert_true(a.total == d.total && memcmp(a.cell, d.cell, (size_t)a.total*sizeof *a.cell));
    convis_mosaic_free(c, &a); convis_mosaic_free(c, &b); convis_mosaic_free(c, &d);
}

static void shifts(void **state)
{
    (void)state;
    struct convis_retina r = one_layer(CONVIS_CELLS_SQUARE, 5);
    struct convis_mosaic a, b;
    cells_of(&r, 400, 400, 1, &a);
    r.ganglion[0].position_noise = .5;
    cells_of(&r, 400, 400, 1, &b);
    assert_int_equal(a.total, 200*200);
    double mean = 0, x = 0, y = 0;
    for (int64_t k = 0; k < a.total; k++) {
        double dx = b.cell[k].x - a.cell[k].x, dy = b.cell[k].y - a.cell[k].y, d = hypot(dx, dy);
        assert_true(d <= .1 + 1e-12);
        mean += d; x += dx; y += dy;
    }
    /* radius uniform in 0 to .1, angle uniform */
    assert_true(fabs(mean/4e4 - .05) < 5*.029/200 && fabs(x/4e4) < 5*.041/200 && fabs(y/4e4) < 5*.041/200);
    convis_mosaic_free(c, &a); convis_mosaic_free(c, &b);
}

static void units_override(void **state)
{
    (void)state;
    struct convis_retina r = one_layer(CONVIS_CELLS_DENSE, 1);
    struct convis_retina_map map;
    struct convis_mosaic s;
    convis_cell u[] = { { 9, 0, 0, 0 }, { 4, 0, 1, -1 }, { 7, 0, 50, 0 } };
    assert_int_equal(convis_retina_map(c, &r, 40, 40, &map), CONVIS_OK);
    assert_int_equal(convis_retina_cells(c, &r, &map, u, 3, 0, &s), CONVIS_OK);
    assert_true(s.total == 3 && !s.dense[0] && s.cell[0].id == 9 && s.x[0] == 20 && s.y[1] == 10 && s.x[2] == 39);
    assert_int_equal(s.outside, 1);
    convis_mosaic_free(c, &s);
    u[1].id = 9;
    assert_int_equal(convis_retina_cells(c, &r, &map, u, 3, 0, &s), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "unit 9: two cells have this id, expected one");
    u[1].layer = 1;
    assert_int_equal(convis_retina_cells(c, &r, &map, u, 3, 0, &s), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "unit 9: spiking layer 1, expected 0 to 0 (this retina has 1 spiking layer)");
}

/* ---- Listed cells beside arrays: what VirtualRetina numbers how (recorded from it) ---- */

#define LAYERS_HEAD "<retina-description-file><retina><outer-plexiform-layer><linear-version center-sigma__deg='0.5' surround-sigma__deg='0.5'/>" \
                    "</outer-plexiform-layer>"
#define LAYERS_FOOT "</retina></retina-description-file>"
#define LAYER(cells) "<ganglion-layer><spiking-channel>" cells "</spiking-channel></ganglion-layer>"
#define SQUARE_4x3 "<square-array size-x__deg='4' size-y__deg='3' uniform-density__inv-deg='1'/>"
#define UNIT(x, y, id) "<unit x-offset__deg='" x "' y-offset__deg='" y "'" id "/>"
#define ID(k) " mvaspike-id='" k "'"

static void listed_cells(const char *text, struct convis_mosaic *cells, int64_t *width, int64_t *height)
{
    struct convis_retina r;
    struct convis_retina_map map;
    struct convis_warnings w = { 0 };
    if (convis_xml_read(c, "lists.xml", text, strlen(text), &r, &w)) fail_msg("%s", convis_message(c));
    assert_int_equal(w.count, 0);
    assert_int_equal(convis_retina_map(c, &r, 14, 12, &map), CONVIS_OK);
    if (convis_retina_cells(c, &r, &map, NULL, 0, 0, cells)) fail_msg("%s", convis_message(c));
    *width = map.size_x;
    *height = map.size_y;
    convis_retina_clear(c, &r);
}

static void numbers(void **state)
{
    (void)state;
    struct convis_mosaic s;
    int64_t width, height;
    /* Listed cells, wherever they stand, come first; arrays go on from there. The map is that of the arrays. */
    listed_cells(LAYERS_HEAD LAYER(SQUARE_4x3) LAYER(SQUARE_4x3 "<all-units>" UNIT("-1", "0", "") UNIT("0.5", "1", "")
                                                         UNIT("1", "-1", "") "</all-units>") LAYER(SQUARE_4x3) LAYERS_FOOT,
                 &s, &width, &height);
    assert_true(width == 8 && height == 7 && s.count[0] == 12 && s.count[1] == 3 && s.count[2] == 12);
    for (int k = 0; k < 12; k++) {
        assert_true(s.cell[k].id == 3 + k && s.cell[k].layer == 0);
        assert_true(s.cell[k].x == -1.5 + k/3 && s.cell[k].y == -1 + k%3);
        assert_int_equal(s.cell[15 + k].id, 15 + k);
    }
    for (int k = 0; k < 3; k++) assert_true(s.cell[12 + k].id == k && s.cell[12 + k].layer == 1);
    convis_mosaic_free(c, &s);

    /* Given numbers that are those of the list anyway; and others, which leave the count as it is. */
    listed_cells(LAYERS_HEAD LAYER(SQUARE_4x3) LAYER(SQUARE_4x3 "<all-units>" UNIT("-1", "0", ID("0")) UNIT("0.5", "1", ID("1"))
                                                         UNIT("1", "-1", ID("2")) "</all-units>") LAYERS_FOOT,
                 &s, &width, &height);
    for (int k = 0; k < 15; k++) assert_int_equal(s.cell[k].id, k < 12 ? 3 + k : k - 12);
    convis_mosaic_free(c, &s);
    listed_cells(LAYERS_HEAD LAYER("<all-units>" UNIT("0", "0", ID("70")) UNIT("1", "0", "") "</all-units>") LAYER(SQUARE_4x3)
             LAYER("<all-units>" UNIT("0", "1", "") "</all-units>") LAYERS_FOOT, &s, &width, &height);
    assert_true(s.cell[0].id == 70 && s.cell[1].id == 1 && s.cell[2].id == 3 && s.cell[13].id == 14 && s.cell[14].id == 2);
    convis_mosaic_free(c, &s);
}

static void empty_lists(void **state)
{
    (void)state;
    struct convis_mosaic s;
    int64_t width, height;
    listed_cells(LAYERS_HEAD LAYER(SQUARE_4x3 "<all-units></all-units>") LAYER("<all-units/>" SQUARE_4x3) LAYERS_FOOT, &s, &width,
                 &height);
    assert_true(width == 8 && height == 7 && s.count[0] == 12 && s.count[1] == 12 && s.cell[0].id == 0 && s.cell[23].id == 23);
    convis_mosaic_free(c, &s);
    listed_cells(LAYERS_HEAD LAYER(SQUARE_4x3 "<all-units none='1'/>") LAYER(SQUARE_4x3) LAYERS_FOOT, &s, &width, &height);
    assert_true(s.count[0] == 0 && s.count[1] == 12 && s.cell[0].id == 0);
    convis_mosaic_free(c, &s);
}

/* Two negative extents do not make a positive number of cells. */
static void no_cells(void **state)
{
    (void)state;
    struct convis_retina r = one_layer(CONVIS_CELLS_SQUARE, 1);
    struct convis_retina_map map;
    struct convis_mosaic s;
    for (int k = 0; k < 4; k++) {
        r.ganglion[0].size_x = k & 1 ? -3 : 4;
        r.ganglion[0].size_y = k & 2 ? -3 : 4;
        r.ganglion[0].density = k == 3 ? -1 : 1;
        assert_int_equal(convis_retina_map(c, &r, 40, 30, &map), CONVIS_OK);
        assert_int_equal(convis_retina_cells(c, &r, &map, NULL, 0, 0, &s), CONVIS_OK);
        assert_int_equal(s.total, k == 0 ? 12 : k == 3 ? 9 : 0);     /* 4 x 3 degrees fit */
        convis_mosaic_free(c, &s);
    }
    r = one_layer(CONVIS_CELLS_CIRCULAR, 1);
    r.ganglion[0].diameter = -1;
    assert_int_equal(convis_retina_map(c, &r, 40, 30, &map), CONVIS_OK);
    assert_int_equal(convis_retina_cells(c, &r, &map, NULL, 0, 0, &s), CONVIS_OK);
    assert_int_equal(s.total, 0);
    convis_mosaic_free(c, &s);
}

static void too_many(void **state)
{
    (void)state;
    struct convis_retina r = one_layer(CONVIS_CELLS_SQUARE, 1e5);
    struct convis_retina_map map;
    struct convis_mosaic s;
    assert_int_equal(convis_retina_map(c, &r, 400, 400, &map), CONVIS_OK);
    assert_int_equal(convis_retina_cells(c, &r, &map, NULL, 0, 0, &s), CONVIS_EINVAL);
    r.ganglion[0].cells = CONVIS_CELLS_CIRCULAR;
    r.ganglion[0].density = 10;
    r.ppd = 1e-3;
    assert_int_equal(convis_retina_map(c, &r, 400, 400, &map), CONVIS_OK);
    assert_int_equal(convis_retina_cells(c, &r, &map, NULL, 0, 0, &s), CONVIS_EINVAL);
    r.surround_sigma = 1e4;
    r.ppd = 1e5;
    assert_int_equal(convis_retina_map(c, &r, 400, 300, &map), CONVIS_OK);
    assert_true(map.size_x == 400 && map.size_y == 300 && map.zone_x == 1);
    assert_int_equal(convis_retina_map(c, &r, 0, 300, &map), CONVIS_ESHAPE);
}

static void eye_border(void **state)
{
    (void)state;
    struct convis_retina r = one_layer(CONVIS_CELLS_DENSE, 1);
    assert_int_equal(convis_retina_offered(&r, 100), 100);
    r.eye = 1;
    r.eye_amplitude = .5;
    assert_int_equal(convis_retina_offered(&r, 100), 80);
    r.eye_amplitude = 10;
    assert_int_equal(convis_retina_offered(&r, 100), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_cases), cmocka_unit_test(dense), cmocka_unit_test(converged_center),
        cmocka_unit_test(rings),           cmocka_unit_test(shifts), cmocka_unit_test(units_override),
        cmocka_unit_test(numbers), cmocka_unit_test(empty_lists), cmocka_unit_test(no_cells),
        cmocka_unit_test(too_many), cmocka_unit_test(eye_border),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
