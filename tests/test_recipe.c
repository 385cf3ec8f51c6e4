/* test_recipe.c - descriptions: settings, VirtualRetina's XML both ways, built-in models, and the sentences for bad input. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "commas.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "models/recipe.h"
#ifndef CONVIS_TEST_DATA
#define CONVIS_TEST_DATA "tests/data"
#endif

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

static convis_recipe *opened(const char *name)
{
    convis_recipe *r;
    if (convis_recipe_open(c, name, &r)) fail_msg("%s", convis_message(c));
    return r;
}

static const struct convis_retina *retina_of(const convis_recipe *r) { return convis_retina_of(&r->graph); }

#define SET(r, path, value) do { if (convis_recipe_set(r, path, value)) fail_msg("%s", convis_message(c)); } while (0)
#define REFUSE(r, path, value, status, sentence) do {                     \
        assert_int_equal(convis_recipe_set(r, path, value), status);      \
        assert_string_equal(convis_message(c), sentence); } while (0)
#define EXPECT(r, path, expected) do {                                    \
        char found_[256];                                                 \
        if (convis_recipe_get(r, path, found_, sizeof found_)) fail_msg("%s", convis_message(c)); \
        assert_string_equal(found_, expected); } while (0)

/* Read a text as if it were retina.xml. */
static convis_status read_text(const char *text, struct convis_retina *r, struct convis_warnings *w)
{
    *w = (struct convis_warnings){ .text = NULL };
    return convis_xml_read(c, "retina.xml", text, strlen(text), r, w);
}

/* ---- Settings ---- */

static void bounds_and_names(void **state)
{
    (void)state;
    convis_recipe *r = opened("retina");
    SET(r, "opl.center.tau", "0.02");
    EXPECT(r, "opl.center.tau", "0.02");
    REFUSE(r, "opl.center.tau", "-1", CONVIS_EINVAL, "opl.center.tau: -1 s is below the smallest value 0 s");
    REFUSE(r, "opl.center.tau", "1e7", CONVIS_EINVAL, "opl.center.tau: 10000000 s is above the largest value 10000 s");
    REFUSE(r, "dt", "0", CONVIS_EINVAL, "dt: 0 s, expected more than 0 s");
    REFUSE(r, "ppd", "nan", CONVIS_EINVAL, "ppd: 'nan', expected a number in px/deg");
    REFUSE(r, "ppd", "inf", CONVIS_EINVAL, "ppd: 'inf', expected a number in px/deg");
    REFUSE(r, "ppd", "0x10", CONVIS_EINVAL, "ppd: '0x10', expected a number in px/deg");
    REFUSE(r, "ppd", "", CONVIS_EINVAL, "ppd: '', expected a number in px/deg");
    REFUSE(r, "ppd", "1e999", CONVIS_EINVAL, "ppd: inf px/deg is above the largest value 100000 px/deg");
    REFUSE(r, "ppd", "2 3", CONVIS_EINVAL, "ppd: '2 3', expected a number in px/deg");
    REFUSE(r, "opl.center.n", "1.5", CONVIS_EINVAL, "opl.center.n: '1.5', expected a whole number");
    REFUSE(r, "numerics", "best", CONVIS_EINVAL, "numerics: 'best', expected virtualretina or converged");
    REFUSE(r, "bipolar", "yes", CONVIS_EINVAL, "bipolar: 'yes', expected off, on or custom");
    REFUSE(r, "opl.leaky_heat", "2", CONVIS_EINVAL, "opl.leaky_heat: 2 is above the largest value 1");
    REFUSE(r, "opl.leaky_heat", "maybe", CONVIS_EINVAL, "opl.leaky_heat: 'maybe', expected on or off (1 or 0)");
    REFUSE(r, "opl.centre.tau", "1", CONVIS_ENAME, "'opl.centre.tau': no such setting; did you mean opl.center.tau?");
    REFUSE(r, "ganglion_1.spikes.nose", "1", CONVIS_ENAME,
           "'ganglion_1.spikes.nose': no such setting; did you mean ganglion_1.spikes.noise?");
    REFUSE(r, "blindness", "1", CONVIS_ENAME, "'blindness': no such setting");
    REFUSE(r, "ganglion_3.sign", "1", CONVIS_ENAME,
           "'ganglion_3.sign': this retina has 2 ganglion layers; the next would be ganglion_2");
    EXPECT(r, "opl.center.tau", "0.02");
    EXPECT(r, "ganglions", "2");
    SET(r, " ppd" + 1, " 2.5 ");
    EXPECT(r, "ppd", "2.5");
    EXPECT(r, "initial", "auto");
    SET(r, "initial", "-3");
    assert_true(convis_retina_initial(retina_of(r)) == -3);
    SET(r, "initial", "auto");
    assert_true(convis_retina_initial(retina_of(r)) == 127.5);
    convis_recipe_free(&r);
    assert_null(r);
}

/* A leaky heat equation without spread needs no time constant. */
static void no_spread(void **state)
{
    (void)state;
    convis_recipe *r = opened("linear");
    convis_model *m;
    EXPECT(r, "opl.leaky_heat", "on");
    SET(r, "opl.center.tau", "0");
    assert_int_equal(convis_recipe_build(r, 9, 7, &m), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "opl.center.tau: 0 s, expected more with opl.leaky_heat on");
    SET(r, "opl.center.sigma", "0");
    assert_int_equal(convis_recipe_build(r, 9, 7, &m), CONVIS_OK);
    convis_model_free(&m);
    convis_recipe_free(&r);
}

static void switches(void **state)
{
    (void)state;
    convis_recipe *r = opened("linear");
    EXPECT(r, "opl.undershoot", "off");
    SET(r, "opl.undershoot.tau", ".2");
    EXPECT(r, "opl.undershoot", "on");
    SET(r, "opl.undershoot", "off");
    SET(r, "bipolar.leak", "5");
    EXPECT(r, "bipolar", "on");
    SET(r, "bipolar.adaptation.exponent", "3");
    EXPECT(r, "bipolar", "custom");
    SET(r, "bipolar.leak", "6");
    EXPECT(r, "bipolar", "custom");
    REFUSE(r, "opl.receptor.leak", "5", CONVIS_EINVAL, "opl.receptor.leak: opl is linear; set opl to luminance first");
    SET(r, "log_polar.radius", "2");
    EXPECT(r, "log_polar", "on");

    SET(r, "ganglion_0.sign", "-0.5");
    EXPECT(r, "ganglion_0.sign", "off");
    EXPECT(r, "ganglion_0.spikes", "off");
    EXPECT(r, "ganglion_0.transient.weight", "0.75");
    SET(r, "ganglion_1.spikes.adaptation.tau", "0.1");
    EXPECT(r, "ganglion_1.spikes.adaptation", "on");
    EXPECT(r, "ganglion_1.spikes", "on");
    EXPECT(r, "ganglion_1.cells", "dense");
    REFUSE(r, "ganglion_1.diameter", "2", CONVIS_EINVAL,
           "ganglion_1.diameter: ganglion_1.cells is dense; set ganglion_1.cells to circular first");
    SET(r, "ganglion_2.density", "7");
    EXPECT(r, "ganglion_2.cells", "square");
    EXPECT(r, "ganglion_2.spikes", "on");
    assert_int_equal(convis_recipe_set(r, "ganglion_3.density", "x"), CONVIS_EINVAL);
    EXPECT(r, "ganglions", "3");                         /* a bad value makes no layer */
    SET(r, "ganglions", "1");
    SET(r, "ganglions", "16");
    EXPECT(r, "ganglion_1.cells", "none");
    assert_int_equal(convis_recipe_set(r, "ganglion_16.sign", "1"), CONVIS_ENAME);

    char *text;
    SET(r, "ganglion_0.spikes", "on");
    SET(r, "ganglion_0.cells", "none");
    assert_int_equal(convis_recipe_text(r, &text), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "ganglion_0.cells: none, expected square, circular or dense for a layer that spikes");
    convis_recipe_free(&r);
}

static void listing(void **state)
{
    (void)state;
    const char *name, *doc;
    for (int k = 0; (name = convis_recipe_name(k, &doc)); k++) {
        convis_recipe *r = opened(name);
        convis_setting s;
        int n = 0;
        for (; convis_recipe_list(r, n, &s); n++) {
            char before[256];
            EXPECT(r, s.path, s.value);
            assert_true(s.doc && s.doc[0] && s.unit && s.xml);
            strcpy(before, s.value);
            if (strcmp(s.path, "ganglions")) SET(r, s.path, s.value);    /* what is listed can be set, and changes nothing */
            EXPECT(r, s.path, before);
        }
        assert_true(n > (retina_of(r) ? 15 : 2) && doc[0]);
        convis_recipe_free(&r);
    }
    assert_null(convis_recipe_name(-1, NULL));
    /* every row has a place in XML or is a switch, and no path is there twice */
    for (int t = 0; t < 2; t++)
        for (const struct convis_row *a = t ? convis_ganglion_rows : convis_retina_rows; a->path; a++) {
            assert_non_null(a->doc);
            assert_true(a->attribute || a->type == CONVIS_ROW_SWITCH || a->type == CONVIS_ROW_WORD ||
                        !strcmp(a->path, "ganglions"));
            for (const struct convis_row *b = a + 1; b->path; b++)
                assert_true(strcmp(a->path, b->path) && a->offset != b->offset);
        }
}

/* ---- XML ---- */

#define HEAD "<?xml version=\"1.0\"?>\n<retina-description-file>\n<retina temporal-step__sec=\"0.005\">\n"
#define PLAIN_OPL "<outer-plexiform-layer><linear-version/></outer-plexiform-layer>\n"
#define FOOT "</retina>\n</retina-description-file>\n"

static void defaults(void **state)
{
    (void)state;
    struct convis_retina r;
    struct convis_warnings w;
    assert_int_equal(read_text("<retina-description-file><retina><outer-plexiform-layer><linear-version/></outer-plexiform-layer>"
                               "<contrast-gain-control-custom/><ganglion-layer><spiking-channel><square-array/></spiking-channel></ganglion-layer>"
                               "</retina></retina-description-file>", &r, &w), CONVIS_OK);
    assert_true(r.dt == 1 && r.range == 255 && r.ppd == 1 && r.numerics == CONVIS_VIRTUALRETINA && isnan(r.initial));
    assert_true(r.center_sigma == 0 && r.center_tau == .01 && r.center_n == 0 && r.surround_sigma == 1 && r.surround_tau == .01 &&
                r.surround_weight == 0 && !r.leaky_heat && r.opl_amplification == 1 && !r.undershoot);
    assert_true(r.bipolar == CONVIS_GAIN_CUSTOM && r.bipolar_amplification == 100 && r.bipolar_leak == 10 &&
                r.adaptation_sigma == 1 && r.adaptation_tau == .01 && r.adaptation_amplification == 100 &&
                r.adaptation_exponent == 2 && r.adaptation_symmetric && r.bipolar_transient_tau == .03);
    const struct convis_ganglion *g = &r.ganglion[0];
    assert_true(r.ganglions == 1 && g->sign == 1 && g->transient_tau == .04 && g->transient_weight == .75 &&
                g->value_at_threshold == 70 && g->amplification == 100 && g->pool_sigma == 0 && g->spikes && !g->adaptation &&
                g->leak == 50 && g->refractory == .003 && g->noise == 0 && g->cells == CONVIS_CELLS_SQUARE && g->density == 1 &&
                !g->listed);
    assert_int_equal(w.count, 0);
    convis_retina_clear(c, &r);
}

static void warnings(void **state)
{
    (void)state;
    struct convis_retina r;
    struct convis_warnings w;
    assert_int_equal(read_text(HEAD
                               "<outer-plexiform-layer>\n<linear-version\n  centre-sigma__deg=\"1\"\n  center-tau__sec=\"0.02\"\n"
                               "  colour='red' opl-amplification='50'/>\n"
                               "</outer-plexiform-layer>\n<ganglion-layr/><lens\n f='1'/>\n" FOOT, &r, &w), CONVIS_OK);
    assert_int_equal(w.count, 5);
    assert_string_equal(
        w.text[0],
        "retina.xml:6: <linear-version> has no attribute 'centre-sigma__deg': ignored; did you mean center-sigma__deg?");
    assert_string_equal(w.text[1], "retina.xml:8: <linear-version> has no attribute 'colour': ignored");
    assert_string_equal(w.text[2],
                        "retina.xml:10: <ganglion-layr> in <retina> is unknown: ignored; did you mean ganglion-layer?");
    assert_string_equal(w.text[3], "retina.xml:10: <lens> in <retina> is unknown: ignored");
    assert_string_equal(w.text[4], "retina.xml: opl-amplification is 50: between 1 and 20 the signals are of order 1");
    assert_true(r.center_tau == .02);
    convis_warnings_free(c, &w);
    convis_retina_clear(c, &r);
}

static void refused(void **state)
{
    (void)state;
    static const struct { const char *text, *sentence; } bad[] = {
        { "", "retina.xml:1: " },
        { "hello", "retina.xml:1: Start tag expected, '<' not found; expected well-formed XML" },
        { "<retina-description-file>\n<retina>\n", "retina.xml:3: " },
        { "<svg/>", "retina.xml:1: <svg>, expected <retina-description-file>" },
        { "<retina-description-file/>", "retina.xml:1: <retina-description-file> is without <retina>, expected one" },
        { "<retina-description-file>\n<retina/>\n</retina-description-file>",
          "retina.xml:2: <retina> is without <outer-plexiform-layer>, expected one" },
        { HEAD "<outer-plexiform-layer/>" FOOT,
          "retina.xml:4: <outer-plexiform-layer> is without <linear-version> or <luminance-gain-control-version>, expected one" },
        { HEAD "<outer-plexiform-layer>\n<linear-version center-sigma__deg=\"abc\"/></outer-plexiform-layer>\n" FOOT,
          "retina.xml:5: center-sigma__deg: 'abc', expected a number in deg" },
        { HEAD "<outer-plexiform-layer>\n<linear-version\ncenter-tau__sec=\"0.01\"\ncenter-sigma__deg=\"-1\"\n/></outer-plexiform-layer>\n" FOOT,
          "retina.xml:7: center-sigma__deg: -1 deg is below the smallest value 0 deg" },
        { HEAD "<outer-plexiform-layer>\n<linear-version center-n__uint=\"-1\"/></outer-plexiform-layer>\n" FOOT,
          "retina.xml:5: center-n__uint: -1 is below the smallest value 0" },
        { HEAD "<outer-plexiform-layer>\n<linear-version>\n<undershoot tau__sec=\"1\"/></linear-version></outer-plexiform-layer>\n" FOOT,
          "retina.xml:6: <undershoot> has no relative-weight, expected one: it has no default" },
        { HEAD PLAIN_OPL "<ganglion-layer>\n<spiking-channel/>\n</ganglion-layer>" FOOT,
          "retina.xml:6: <spiking-channel> is without <square-array> or <circular-array>, expected one" },
        { HEAD PLAIN_OPL "<ganglion-layer>\n<spiking-channel><all-units/></spiking-channel>\n</ganglion-layer>" FOOT,
          "retina.xml:6: <spiking-channel> is without <square-array> or <circular-array>, expected one" },
        { HEAD PLAIN_OPL "<ganglion-layer>\n<spiking-channel-adap><square-array/></spiking-channel-adap></ganglion-layer>" FOOT,
          "retina.xml:6: <spiking-channel-adap> has no tau-g-adap__sec, expected one: it has no default" },
        { HEAD PLAIN_OPL "<ganglion-layer>\n<spiking-channel-adap\ntau-g-adap__sec='0'><square-array/></spiking-channel-adap></ganglion-layer>" FOOT,
          "retina.xml:7: tau-g-adap__sec: 0 s, expected more than 0 s" },
        { HEAD PLAIN_OPL "<ganglion-layer><spiking-channel>\n<circular-array fovea-density__inv-deg='0'/></spiking-channel></ganglion-layer>" FOOT,
          "retina.xml:6: fovea-density__inv-deg: 0 1/deg, expected more than 0 1/deg" },
        { HEAD PLAIN_OPL "<contrast-gain-control\nbipolar-inert-leaks__Hz='0'/>" FOOT,
          "retina.xml:6: bipolar-inert-leaks__Hz: 0 Hz, expected a number other than 0" },
        { "<retina-description-file>\n<retina\ninput-luminosity-range='0'/></retina-description-file>",
          "retina.xml:3: input-luminosity-range: 0, expected a number other than 0" },
        { HEAD PLAIN_OPL
          "<ganglion-layer>\n<spiking-channel refr-mean__sec='-0.001'><square-array/></spiking-channel></ganglion-layer>" FOOT,
          "retina.xml:6: refr-mean__sec: -0.001 s is below the smallest value 0 s" },
        { "<retina-description-file numerics='best'/>", "retina.xml:1: numerics: 'best', expected virtualretina or converged" },
        { "<retina-description-file><retina temporal-step__sec='0'/></retina-description-file>",
          "retina.xml:1: temporal-step__sec: 0 s, expected more than 0 s" },
        { "<retina-description-file><retina pixels-per-degree='NaN'/></retina-description-file>",
          "retina.xml:1: pixels-per-degree: 'NaN', expected a number in px/deg" },
        { "<!DOCTYPE a [<!ENTITY b 'c'>]><retina-description-file/>",
          "retina.xml: a document type declaration, expected none in a retina file" },
        { "<!DOCTYPE a SYSTEM 'file:///etc/passwd' [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><retina-description-file>&b;</retina-description-file>",
          "retina.xml: a document type declaration, expected none in a retina file" },
        { HEAD "<outer-plexiform-layer><linear-version leaky-heat-equation='1' center-sigma__deg='1' center-tau__sec='0'/></outer-plexiform-layer>" FOOT,
          "retina.xml:4: center-tau__sec: 0 s, expected more with leaky-heat-equation on" },
    };
    for (size_t k = 0; k < sizeof bad/sizeof *bad; k++) {
        struct convis_retina r;
        struct convis_warnings w;
        convis_status status = read_text(bad[k].text, &r, &w);
        assert_true(status < 0);
        if (strncmp(convis_message(c), bad[k].sentence, strlen(bad[k].sentence)))
            fail_msg("case %zu: found \"%s\", expected \"%s\"", k, convis_message(c), bad[k].sentence);
        convis_warnings_free(c, &w);
    }
    char many[4096] = HEAD PLAIN_OPL;
    struct convis_retina r;
    struct convis_warnings w;
    for (int k = 0; k < 17; k++) strcat(many, "<ganglion-layer/>\n");
    strcat(many, FOOT);
    assert_int_equal(read_text(many, &r, &w), CONVIS_EFORMAT);
    assert_string_equal(convis_message(c), "retina.xml:21: one more <ganglion-layer>, expected at most 16");
}

/* What hardly anybody means, but the original runs with a meaning: taken as there, with a warning that says so. */
static void odd_values(void **state)
{
    (void)state;
    static const char text[] =
        "<retina-description-file>\n<retina input-luminosity-range='-255'>\n<outer-plexiform-layer><linear-version\n"
        "center-sigma__deg='-2' leaky-heat-equation='2' center-n__uint='2.7'/></outer-plexiform-layer>\n"
        "<outer-plexiform-layer><linear-version center-sigma__deg='5'/></outer-plexiform-layer>\n"
        "<contrast-gain-control-custom bipolar-inert-leaks__Hz='-5'\nadaptation-feedback-amplification__Hz='-20'"
        " adaptation-powerlaw-exponent='0.5'/>\n<contrast-gain-control/>\n"
        "<ganglion-layer value-at-linear-threshold__Hz='-5'><spiking-channel sigma-V='-0.1'>\n"
        "<square-array size-x__deg='-3' noise_pos='-0.2'/><circular-array/></spiking-channel></ganglion-layer>\n"
        "<ganglion-layer value-at-linear-threshold__Hz='6e5'><spiking-channel-adap tau-g-adap__sec='1' delta-g-adap__Hz='-1'>\n"
        "<square-array uniform-density__inv-deg='0'/></spiking-channel-adap></ganglion-layer>\n</retina>\n</retina-description-file>";
    static const char *const sentences[] = {
        "retina.xml:2: input-luminosity-range is -255: it turns the sign of all signals",
        "retina.xml:4: center-sigma__deg: '-2' is taken as 2, as in VirtualRetina",
        "retina.xml:4: leaky-heat-equation: '2' is taken as 1, as in VirtualRetina",
        "retina.xml:4: center-n__uint: '2.7' is taken as 2, as in VirtualRetina",
        "retina.xml:5: a second <outer-plexiform-layer> in <retina>: ignored, as in VirtualRetina",
        "retina.xml:6: bipolar-inert-leaks__Hz is -5: bipolar signals run away until adaptation holds them",
        "retina.xml:7: adaptation-feedback-amplification__Hz is -20: it acts by its size, and the threshold with its sign turned",
        "retina.xml:7: adaptation-powerlaw-exponent is 0.5: adaptation has an infinite derivative at its threshold, where roundings of the luminance show",
        "retina.xml:8: a second <contrast-gain-control> in <retina>: ignored, as in VirtualRetina",
        "retina.xml:9: value-at-linear-threshold__Hz is -5: the rectifier has a pole",
        "retina.xml:9: sigma-V: '-0.1' is taken as 0.1, as in VirtualRetina",
        "retina.xml:10: size-x__deg is -3: the array has no cells",
        "retina.xml:10: noise_pos: '-0.2' is taken as 0.2, as in VirtualRetina",
        "retina.xml:10: a second <circular-array> in <spiking-channel>: ignored, as in VirtualRetina",
        "retina.xml:11: value-at-linear-threshold__Hz is 600000: the rectifier has a pole",
        "retina.xml:11: delta-g-adap__Hz is -1: each spike makes the next one easier",
        "retina.xml:12: uniform-density__inv-deg is 0: the array has no cells",
    };
    struct convis_retina r;
    struct convis_warnings w;
    if (read_text(text, &r, &w)) fail_msg("%s", convis_message(c));
    for (size_t k = 0; k < sizeof sentences/sizeof *sentences; k++) {
        assert_true((int)k < w.count);
        assert_string_equal(w.text[k], sentences[k]);
    }
    assert_true(r.range == -255 && convis_retina_initial(&r) == -127.5);
    assert_true(r.leaky_heat == 1 && r.center_sigma == 2 && r.center_n == 2 && r.adaptation_amplification == -20 &&
                r.bipolar_leak == -5);
    assert_true(r.bipolar == CONVIS_GAIN_CUSTOM && r.ganglions == 2 && r.ganglion[0].cells == CONVIS_CELLS_SQUARE);
    assert_true(r.ganglion[0].value_at_threshold == -5 && r.ganglion[0].noise == .1 && r.ganglion[0].position_noise == .2);

    struct convis_retina_map map;                        /* neither array has cells; written and read, it is the same */
    struct convis_mosaic cells;
    char *written;
    assert_int_equal(convis_retina_map(c, &r, 40, 30, &map), CONVIS_OK);
    assert_int_equal(convis_retina_cells(c, &r, &map, NULL, 0, 0, &cells), CONVIS_OK);
    assert_int_equal(cells.total, 0);
    convis_mosaic_free(c, &cells);
    assert_int_equal(convis_xml_write(c, &r, &written), CONVIS_OK);
    struct convis_retina again;
    struct convis_warnings w2;
    if (read_text(written, &again, &w2)) fail_msg("%s", convis_message(c));
    assert_true(again.range == r.range && again.ganglion[0].size_x == -3 && again.ganglion[1].density == 0);
    assert_true(again.ganglion[1].value_at_threshold == 6e5 && again.bipolar_leak == -5);
    convis_release(c, written);
    convis_warnings_free(c, &w);
    convis_warnings_free(c, &w2);
    convis_retina_clear(c, &r);
    convis_retina_clear(c, &again);
}

static void hostile_warnings(void **state)
{
    (void)state;
    enum { N = 20000 };
    char *text = malloc(N*16 + 1000);
    struct convis_retina r;
    struct convis_warnings w;
    strcpy(text, HEAD PLAIN_OPL);
    size_t n = strlen(text);
    for (int k = 0; k < N; k++) n += (size_t)sprintf(text + n, "<x%d/>", k);
    strcpy(text + n, FOOT);
    assert_int_equal(read_text(text, &r, &w), CONVIS_OK);
    assert_int_equal(w.count, 100);
    assert_string_equal(w.text[99], "further warnings are left out");
    convis_warnings_free(c, &w);
    convis_retina_clear(c, &r);
    free(text);
}

static void microsaccades(void **state)
{
    (void)state;
    struct convis_retina r;
    struct convis_warnings w;
    const char *file = "<retina-description-file%s><basic-microsaccade-generator temporal-step__sec='1' pixels-per-degree='2' amplitude-mean__deg='0.5'"
                       " amplitude-stdev__deg='0.1'%s angular-noise__pi-radians='0.2'/><retina>" PLAIN_OPL "</retina></retina-description-file>";
    char text[1024];
    snprintf(text, sizeof text, file, "", "");
    assert_int_equal(read_text(text, &r, &w), CONVIS_OK);
    assert_true(r.eye && r.eye_amplitude == .5 && r.eye_period_sd == .1 && r.eye_duration == 10 && r.eye_angular_noise == .2);
    assert_int_equal(w.count, 1);
    assert_non_null(strstr(w.text[0], "retina.xml:1: amplitude-stdev__deg sets the deviation of the period"));
    convis_warnings_free(c, &w);
    snprintf(text, sizeof text, file, "", " period-stdev__sec='0.02'");
    assert_int_equal(read_text(text, &r, &w), CONVIS_OK);
    assert_true(r.eye_period_sd == .02 && w.count == 1);
    convis_warnings_free(c, &w);
    snprintf(text, sizeof text, file, " numerics='converged'", "");
    assert_int_equal(read_text(text, &r, &w), CONVIS_OK);
    assert_true(r.eye_period_sd == .04 && r.eye_amplitude_sd == .1 && w.count == 0);
}

/* ---- Round trips: what was written reads back as itself, to the last bit. ---- */

static void same_text(convis_recipe *r)
{
    char *a, *b;
    struct convis_warnings w = { .text = NULL };
    struct convis_retina again;
    if (convis_recipe_text(r, &a)) fail_msg("%s", convis_message(c));
    if (convis_xml_read(c, "again", a, strlen(a), &again, &w)) fail_msg("%s\n%s", convis_message(c), a);
    assert_int_equal(convis_xml_write(c, &again, &b), CONVIS_OK);
    assert_string_equal(a, b);
    assert_int_equal(w.count, 0);
    for (int k = 0; ; k++) {                             /* and everything listed is the same */
        convis_setting s;
        char value[64];
        if (!convis_recipe_list(r, k, &s)) break;
        assert_int_equal(convis_retina_get(c, &again, s.path, value, sizeof value), CONVIS_OK);
        assert_string_equal(value, s.value);
    }
    convis_release(c, b);
    convis_recipe_text_free(r, &a);
    assert_null(a);
    convis_retina_clear(c, &again);
}

static void round_trips(void **state)
{
    (void)state;
    static const char *const file[] = { "vr_c02", "vr_c04", "vr_c09", "vr_c10", "vr_c11", "vr_c13", "vr_c15" };
    const char *name;
    for (int k = 0; (name = convis_recipe_name(k, NULL)); k++) {
        convis_recipe *r = opened(name);
        if (retina_of(r)) {                               /* test_graph.c has the others */
            EXPECT(r, "numerics", "converged");
            same_text(r);
        }
        convis_recipe_free(&r);
    }
    for (size_t k = 0; k < sizeof file/sizeof *file; k++) {
        char path[256];
        snprintf(path, sizeof path, CONVIS_TEST_DATA "/%s.xml", file[k]);
        convis_recipe *r = opened(path);
        EXPECT(r, "numerics", "virtualretina");
        assert_null(convis_recipe_warning(r, 0));
        same_text(r);
        convis_recipe_free(&r);
    }
    convis_recipe *r = opened("primate");                /* everything at once, and numbers that need 17 digits */
    SET(r, "dt", "0.0012345678901234567");
    SET(r, "initial", "0.1");
    SET(r, "cells.seed", "12345");
    SET(r, "bipolar.transient.weight", "0.30000000000000004");
    SET(r, "bipolar.adaptation.symmetric", "off");
    SET(r, "opl.undershoot", "on");
    SET(r, "eye.amplitude", "0.1");
    SET(r, "ganglion_4.spikes.adaptation.tau", "0.123");
    SET(r, "ganglion_4.cells", "square");
    SET(r, "ganglion_4.position_noise", "0.3");
    same_text(r);
    SET(r, "opl", "luminance");
    SET(r, "opl.horizontal.feedback", "123");
    same_text(r);
    convis_recipe_free(&r);
}

static void unit_lists(void **state)
{
    (void)state;
    convis_cell u[] = { { 5, 1, .1, -.2 }, { 3, 1, 1.0/3, 2e-17 }, { 0, 1, -1, 0 } };
    char *text;
    convis_recipe *r = opened("retina");
    assert_int_equal(convis_recipe_cells(r, u, 3), CONVIS_OK);
    same_text(r);
    assert_int_equal(convis_recipe_text(r, &text), CONVIS_OK);
    struct convis_retina again;
    struct convis_warnings w = { .text = NULL };
    assert_int_equal(convis_xml_read(c, "again", text, strlen(text), &again, &w), CONVIS_OK);
    assert_true(again.ganglion[0].listed && again.ganglion[0].listed_count == 0 && again.ganglion[1].listed_count == 3);
    for (int k = 0; k < 3; k++) {
        const convis_cell *v = &again.ganglion[1].listed[k];
        assert_true(v->id == u[k].id && v->x == u[k].x && v->y == u[k].y);
    }
    convis_retina_clear(c, &again);
    convis_recipe_text_free(r, &text);
    SET(r, "ganglion_1.cells", "square");                /* drops the list */
    assert_true(!retina_of(r)->ganglion[1].listed && retina_of(r)->ganglion[0].listed);
    SET(r, "ganglions", "0");
    assert_int_equal(convis_recipe_cells(r, u, 3), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "units: this model has no layer that spikes, expected one");
    convis_recipe_free(&r);
    r = opened("retina");
    u[1].layer = 2;
    assert_int_equal(convis_recipe_cells(r, u, 3), CONVIS_EINVAL);
    assert_string_equal(convis_message(c), "unit 3: spiking layer 2, expected 0 to 1 (this model has 2 spiking layers)");
    u[1].layer = 0;
    u[1].x = NAN;
    assert_int_equal(convis_recipe_cells(r, u, 3), CONVIS_EINVAL);
    convis_recipe_free(&r);
}

static void files(void **state)
{
    (void)state;
    char folder[] = "/tmp/convis_recipe_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/saved.xml", folder);
    convis_recipe *r = opened("cat-x"), *again;
    assert_int_equal(convis_recipe_save(r, path), CONVIS_OK);
    again = opened(path);
    EXPECT(again, "opl.surround.sigma", "2.35");
    EXPECT(again, "ganglion_1.cells", "dense");
    convis_recipe_free(&again);
    assert_int_equal(convis_recipe_save(r, "/nonexistent/saved.xml"), CONVIS_EIO);
    assert_int_equal(convis_recipe_save(r, "saved.txt"), CONVIS_ENOTSUP);
    convis_recipe_free(&r);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);                  /* nothing else was left there */

    assert_int_equal(convis_recipe_open(c, "retin", &r), CONVIS_ENAME);
    assert_null(r);
    assert_string_equal(convis_message(c),
                        "model 'retin': expected a built-in model, a .yaml, .xml or .h5 file; did you mean retina?");
    assert_int_equal(convis_recipe_open(c, "blindness", &r), CONVIS_ENAME);
    assert_non_null(
        strstr(convis_message(c), "model 'blindness': expected a built-in model (retina, primate, cat-x, linear, L, LN, "));
    assert_int_equal(convis_recipe_open(c, "/nonexistent.xml", &r), CONVIS_EIO);
    assert_string_equal(convis_message(c), "/nonexistent.xml: No such file or directory");
    assert_int_equal(convis_recipe_open(c, "/tmp", &r), CONVIS_EIO);
    assert_string_equal(convis_message(c), "/tmp: Is a directory");
    assert_int_equal(convis_recipe_open(c, "/nonexistent.yaml", &r), CONVIS_EIO);
    assert_string_equal(convis_message(c), "/nonexistent.yaml: No such file or directory");
}

/* A program around us may use decimal commas. */
static void decimal_commas(void **state)
{
    (void)state;
    if (!with_commas(LC_ALL)) skip();
    convis_recipe *r = opened("retina");
    SET(r, "dt", "0.002");
    EXPECT(r, "dt", "0.002");
    assert_int_equal(convis_recipe_set(r, "dt", "0,002"), CONVIS_EINVAL);
    same_text(r);
    convis_recipe_free(&r);
    setlocale(LC_ALL, "C");
}

/* ---- The k-th allocation fails: a sentence, and nothing lost. ---- */

static int left;
static void *sparse(void *user, size_t bytes) { (void)user; return left-- > 0 ? malloc(bytes) : NULL; }
static void  give_back(void *user, void *memory) { (void)user; free(memory); }

static void scarce_memory(void **state)
{
    (void)state;
    const convis_allocator allocator = { sparse, give_back, NULL };
    const convis_cell u[] = { { 1, 0, 0, 0 }, { 0, 1, 1, 0 } };
    convis_context *d;
    int k = 0;
    for (int done = 0; !done; k++) {
        convis_recipe *r = NULL;
        char *text = NULL;
        left = 1000;
        assert_int_equal(convis_open_with(&d, "cpu", &allocator), CONVIS_OK);
        left = k;
        convis_status status = convis_recipe_open(d, CONVIS_TEST_DATA "/vr_c09.xml", &r);
        if (!status) status = convis_recipe_cells(r, u, 2);
        if (!status) status = convis_recipe_text(r, &text);
        assert_true(status == CONVIS_OK || status == CONVIS_ENOMEM);
        done = !status;
        convis_recipe_text_free(r, &text);
        convis_recipe_free(&r);
        convis_close(&d);
    }
    assert_true(k > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_and_names), cmocka_unit_test(no_spread), cmocka_unit_test(switches), cmocka_unit_test(listing), cmocka_unit_test(defaults),
        cmocka_unit_test(warnings), cmocka_unit_test(refused), cmocka_unit_test(odd_values), cmocka_unit_test(hostile_warnings), cmocka_unit_test(microsaccades),
        cmocka_unit_test(round_trips), cmocka_unit_test(unit_lists), cmocka_unit_test(files), cmocka_unit_test(decimal_commas),
        cmocka_unit_test(scarce_memory),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
