/* test_compose.c - models within models: their layers, cells and settings under their name, for movies of every size; models from text,
 * from calls and from each other; and V1 on a retina. */
#include "harness.h"
#include "graph.h"

#define V1                                                                                                        \
    "  - {name: drive, type: difference, inputs: [%sganglion_0, %sganglion_1]}\n"                                   \
    "  - {name: filter, type: conv, height: 5, width: 5, weights: 'gabor?sigma=1.5&frequency=0.2'}\n"               \
    "  - {name: rate, type: power, exponent: 2}\n"
/* Without noise, which differs from path to path. */
#define QUIET "ganglions: 2, ganglion_0.spikes.noise: 0, ganglion_1.spikes.noise: 0, ganglion_0.spikes.random_init: off, " \
              "ganglion_1.spikes.random_init: off"

static convis_recipe *from_format(const char *format, const char *name)
{
    char text[4096];
    snprintf(text, sizeof text, format, name, name);
    return from_yaml(text);
}

/* Two outputs of two recordings, bit for bit; 0 when one is missing. */
static int same_output(const recording *a, const char *one, const recording *b, const char *other)
{
    int64_t n, m;
    const convis_real *x = recorded(a, one, &n), *y = recorded(b, other, &m);
    return x && y && n == m && a->frames == b->frames && !memcmp(x, y, (size_t)(n*a->frames)*sizeof *x);
}

/* ---- A retina within ---- */

static void as_alone(void **state)
{
    (void)state;
    static const struct { int64_t width, height; } SIZE[] = { { 36, 31 }, { 64, 50 } };
    static const char *const PATH[] = { "ganglion_0", "ganglion_1", "bipolar.adaptation", "ganglion_1.cells", "opl" };
    convis_recipe *alone = from_yaml("extends: primate\nset: {" QUIET "}\n");
    convis_recipe *r = from_format("layers:\n  - {name: retina, model: primate, set: {" QUIET "}}\n" V1, "retina.");
    expect(r, "dt", "0.001");
    expect(r, "baseline", "127.5");
    for (int k = 0; k < 2; k++) {
        convis_model *m = built(r, SIZE[k].width, SIZE[k].height), *n = built(alone, SIZE[k].width, SIZE[k].height);
        recording a = said(m, 30, SIZE[k].width, SIZE[k].height), b = said(n, 30, SIZE[k].width, SIZE[k].height);
        for (size_t p = 0; p < sizeof PATH/sizeof *PATH; p++) {
            char within[64];
            snprintf(within, sizeof within, "retina.%s", PATH[p]);
            if (!same_output(&a, within, &b, PATH[p])) fail_msg("%s is not as alone", within);
        }
        const convis_cell *u, *v;
        int64_t units, units2;
        must(c, convis_cells(m, &u, &units));
        must(c, convis_cells(n, &v, &units2));
        assert_true(units == units2 && units > 0 && !memcmp(u, v, (size_t)units*sizeof *u));
        assert_true(a.spike_count == b.spike_count && a.spike_count > 0);
        for (int64_t i = 0; i < a.spike_count; i++)
            assert_true(a.spikes[i].time == b.spikes[i].time && a.spikes[i].unit == b.spikes[i].unit &&
                        a.spikes[i].layer == b.spikes[i].layer);
        recording_free(&a);
        recording_free(&b);
        convis_model_free(&m);
        convis_model_free(&n);
    }
    convis_recipe_free(&r);
    convis_recipe_free(&alone);
}

static void settings_within(void **state)
{
    (void)state;
    convis_recipe *r = from_yaml("dt: 0.002\nlayers:\n  - {name: eye, model: cat-x, set: {opl.center.tau: 0.02}}\n"
                                 "  - {name: cell, model: LNLN, input: eye.ganglion_0, set: {stages: 3}}\n  - {name: last, type: relu}\n"
                                 "aliases: {width: cell.filter_1.width}\n");
    convis_setting s;
    int found = 0;
    expect(r, "eye.opl.center.tau", "0.02");
    expect(r, "cell.stages", "3");
    expect(r, "cell.filter_3.frames", "20");
    must(c, convis_recipe_set(r, "eye.numerics", "virtualretina"));
    must(c, convis_recipe_set(r, "cell.stages", "1"));
    must(c, convis_recipe_set(r, "width", "7"));
    must(c, convis_recipe_set(r, "dt", "0.004"));
    expect(r, "eye.numerics", "virtualretina");
    expect(r, "cell.filter_1.width", "7");
    refused(c, CONVIS_ENAME, "cell: 'filter_2.frames': no such setting", convis_recipe_set(r, "cell.filter_2.frames", "3"));
    refused(c, CONVIS_ENAME, "eye: 'opl.centre.tau': no such setting; did you mean opl.center.tau?",
            convis_recipe_set(r, "eye.opl.centre.tau", "3"));
    refused(c, CONVIS_EINVAL, "eye: opl.center.tau: -1 s is below", convis_recipe_set(r, "eye.opl.center.tau", "-1"));
    refused(c, CONVIS_EINVAL, "eye.dt: the whole model has one time step", convis_recipe_set(r, "eye.dt", "0.1"));
    for (int k = 0; convis_recipe_list(r, k, &s); k++) {
        expect(r, s.path, s.value);
        must(c, convis_recipe_set(r, s.path, s.value));
        assert_true(strcmp(s.path, "eye.dt") && strcmp(s.path, "cell.dt") && s.doc && s.unit && s.xml);
        found += !strcmp(s.path, "eye.ganglion_1.sign") || !strcmp(s.path, "cell.stages") || !strcmp(s.path, "last.slope");
    }
    assert_int_equal(found, 3);
    convis_model *m = built(r, 20, 20);
    double tau;
    must(c, convis_get(m, "eye.opl.center.tau", &tau));
    assert_true(tau == .02 && convis_dt(m) == .004);
    convis_model_free(&m);
    must(c, convis_recipe_add_parameters(r, "eye.bipolar.substep 0.0005\nlast.slope 2\n"));
    expect(r, "last.slope", "2");
    m = built(r, 20, 20);
    must(c, convis_get(m, "eye.bipolar.substep", &tau));
    assert_true(tau == .0005);
    assert_string_equal(convis_recipe_parameters(r), "eye.bipolar.substep 0.0005\n");
    convis_model_free(&m);
    must(c, convis_recipe_set(r, "initial", "3"));
    expect(r, "baseline", "3");
    must(c, convis_recipe_set(r, "initial", "auto"));    /* half of the range of the retina within */
    expect(r, "baseline", "127.5");
    convis_recipe_free(&r);
    r = opened("complex_cell");                          /* no retina: as the model says */
    must(c, convis_recipe_set(r, "initial", "auto"));
    expect(r, "baseline", "127.5");
    convis_recipe_free(&r);
}

/* As YAML, as a file of a result, and as layers for one size, it is the same model. */
static void round_trips(void **state)
{
    (void)state;
    static const char *const TEXT[] = {
        "title: one\nlayers:\n  - {name: retina, model: primate, set: {ganglions: 2, ganglion_1.units: {x: [0, 0.2], y: [0, 0.1]}}}\n" V1
        "  - {name: cells, type: lif, sigma: 0.1}\noutput: drive\n",
        "layers:\n  - {name: a, model: {layers: [{name: b, model: {extends: retina, set: {ganglions: 2}, output: ganglion_1}}, "
        "{name: n, type: relu, input: b}]}}\n  - {name: difference, type: difference, inputs: [a.b.ganglion_0, {from: a, delay: 2}]}\n",
    };
    for (int k = 0; k < 2; k++) {
        convis_recipe *r = from_format(TEXT[k], "retina."), *again, *third;
        char *text, *second;
        must(c, convis_recipe_yaml(r, &text));
        again = from_yaml(text);
        must(c, convis_recipe_yaml(again, &second));
        assert_string_equal(text, second);
        same_models(r, again, 40, 34, "as YAML");
        same_models(r, again, 33, 41, "as YAML, of another size");
        const char *saved = file_named("saved.h5");
        convis_model *m = built(r, 40, 34);
        must(c, convis_plan(m, convis_movie_shape(4, 34, 40)));
        must(c, convis_model_save(r, m, saved, NULL, 0));
        third = opened(saved);
        same_models(r, third, 40, 34, "saved");
        same_models(r, third, 64, 34, "saved, of another size");
        convis_recipe_free(&third);
        char *layers;
        must(c, convis_model_yaml(m, &layers));
        third = from_yaml(layers);
        same_models(r, third, 40, 34, "its layers");
        convis_model_yaml_free(m, &layers);
        convis_model_free(&m);
        unlink(saved);
        convis_recipe_text_free(r, &text);
        convis_recipe_text_free(again, &second);
        convis_recipe_free(&r);
        convis_recipe_free(&again);
        convis_recipe_free(&third);
    }
}

static void extension(void **state)
{
    (void)state;
    convis_recipe *r = from_format("extends: primate\nset: {ganglions: 2}\nlayers:\n" V1 "output: drive\n", "");
    expect(r, "ganglions", "2");
    expect(r, "filter.width", "5");
    must(c, convis_recipe_set(r, "opl.center.tau", "0.02"));
    convis_model *m = built(r, 40, 40);
    double tau;
    must(c, convis_get(m, "opl.center.tau", &tau));
    assert_true(tau == .02 && convis_node_named(m, "output").id == convis_node_named(m, "drive").id);
    assert_true(convis_node_named(m, "rate").id > convis_node_named(m, "drive").id && convis_node_named(m, "none").id == -1);
    convis_model_free(&m);
    convis_recipe_free(&r);

    r = from_yaml("extends: LNLN\nlayers:\n  - {name: rate, type: softplus}\n");     /* whose options are still there */
    must(c, convis_recipe_set(r, "stages", "3"));
    must(c, convis_recipe_set(r, "filter_3.width", "3"));
    m = built(r, 20, 20);
    convis_item layer;
    assert_true(convis_list(m, CONVIS_LAYER, convis_node_named(m, "rate").id - 1, &layer)
                && layer.input[0].from.id == convis_node_named(m, "nonlinearity_3").id);
    convis_model_free(&m);
    convis_recipe_free(&r);

    const char *base = written("base.yaml", "layers:\n  - {name: a, type: lowpass, tau: 0.02}\n  - relu\n");
    r = from_yaml("extends: base.yaml\nset: {a.tau: 0.03}\nlayers:\n  - {name: b, type: scale, gain: 2}\noutput: a\n");
    expect(r, "a.tau", "0.03");
    m = built(r, 8, 8);
    assert_int_equal(convis_node_named(m, "output").id, 1);
    convis_model_free(&m);
    convis_recipe_free(&r);
    unlink(base);
}

/* ---- Files, sizes, cells ---- */

/* Any file that is a model: YAML, XML, and a saved one with what was set in it. */
static void files_within(void **state)
{
    (void)state;
    const char *yaml =
        written("part.yaml", "layers:\n  - {name: a, type: lowpass, tau: 0.02}\n  - {name: b, type: relu}\noutput: a\n");
    convis_recipe *part = opened("retina"), *r;
    const char *saved = file_named("fitted.h5");
    convis_model *m = built(part, 12, 12);
    must_set(m, "bipolar", "substep", .0005);
    must(c, convis_plan(m, convis_movie_shape(4, 12, 12)));
    must_set(m, "opl.center", "tau", .0123);
    must(c, convis_model_save(part, m, saved, NULL, 0));
    convis_model_free(&m);
    r = from_yaml("layers:\n  - {name: p, model: part.yaml}\n  - {name: q, model: fitted.h5}\n  - {name: s, type: difference, inputs: [p, p.b]}\n");
    m = built(r, 20, 16);
    double tau, substep;
    must(c, convis_get(m, "q.opl.center.tau", &tau));
    must(c, convis_get(m, "q.bipolar.substep", &substep));
    assert_true(tau == .0123 && substep == .0005);
    assert_int_equal(convis_node_named(m, "p").id, convis_node_named(m, "p.a").id);
    convis_model_free(&m);
    convis_recipe_free(&r);
    convis_recipe_free(&part);
    unlink(yaml);
    unlink(saved);
}

/* A retina that sees a layer is made for that layer's size. */
static void size_of_input(void **state)
{
    (void)state;
    convis_recipe *r = from_yaml("layers:\n  - {name: part, type: crop, left: 3, top: 2, width: 30, height: 26}\n"
                                 "  - {name: retina, model: primate, set: {" QUIET "}}\n");
    convis_recipe *alone = from_yaml("extends: primate\nset: {" QUIET "}\n");
    convis_model *m = built(r, 44, 40), *n = built(alone, 30, 26);
    const convis_cell *u, *v;
    int64_t units, units2;
    must(c, convis_plan(m, convis_movie_shape(4, 40, 44)));
    must(c, convis_plan(n, convis_movie_shape(4, 26, 30)));
    must(c, convis_cells(m, &u, &units));
    must(c, convis_cells(n, &v, &units2));
    assert_true(units == units2 && units > 0 && !memcmp(u, v, (size_t)units*sizeof *u));
    convis_model_free(&m);
    convis_model_free(&n);
    convis_recipe_free(&r);
    convis_recipe_free(&alone);
}

/* Two retinas and a layer whose cells are its elements: all have ids of their own, layers in order. */
static void cells_of_several(void **state)
{
    (void)state;
    convis_recipe *r = from_yaml("layers:\n  - {name: left, model: primate, set: {ganglions: 1}}\n"
                                 "  - {name: more, type: lif, input: left.ganglion_0}\n"
                                 "  - {name: right, model: retina, input: input}\n");
    convis_model *m = built(r, 24, 20);
    const convis_cell *u;
    int64_t units, of[4] = { 0 };
    convis_shape frame;
    must(c, convis_plan(m, convis_movie_shape(4, 20, 24)));
    must(c, convis_cells(m, &u, &units));
    for (int64_t k = 0; k < units; k++) {
        assert_true(u[k].layer >= 0 && u[k].layer < 4 && (!k || u[k].layer >= u[k - 1].layer));
        of[u[k].layer]++;
        for (int64_t j = 0; j < k; j++) assert_true(u[j].id != u[k].id);
    }
    must(c, convis_output_shape(m, "more", &frame));
    assert_true(of[0] > 0 && of[1] == convis_elements(frame) && of[2] == 480 && of[3] == 480);
    convis_model_free(&m);
    const convis_cell own[] = { { 7, 2, 0, 0 },
                                { 8, 3, .1, .1 },
                                { 9, 3, -.1, 0 } };        /* for the right one; the left keeps its array */
    must(c, convis_recipe_cells(r, own, 3));
    m = built(r, 24, 20);
    must(c, convis_plan(m, convis_movie_shape(4, 20, 24)));
    must(c, convis_cells(m, &u, &units));
    assert_int_equal(units, of[0] + of[1] + 3);
    convis_model_free(&m);
    convis_recipe_free(&r);
}

/* A model within takes several inputs by their order; those of the whole are named. A retina that sees one is made for its size. */
static void inputs_within(void **state)
{
    (void)state;
    enum { W = 24, H = 18, T = 10 };
    convis_recipe *r = from_yaml("inputs: {movie: {}, extra: {height: 18, width: 24}, wide: {height: 20, width: 40}}\nlayers:\n"
        "  - name: p\n    inputs: [movie, {from: extra, delay: 1}]\n"
        "    model: {inputs: {a: {}, b: {}}, layers: [{name: s, type: sum, inputs: [a, {from: b, delay: 1}]}]}\n"
        "  - {name: eye, model: retina, input: wide}\n");
    char *text, *second;
    must(c, convis_recipe_yaml(r, &text));
    convis_recipe *again = from_yaml(text);
    must(c, convis_recipe_yaml(again, &second));
    assert_string_equal(text, second);
    convis_model *m = built(again, W, H);
    convis_tensor movie = noise_movie(convis_movie_shape(T, H, W), 0, 1, 3), extra = noise_movie(movie.shape, 0, 1, 4);
    convis_tensor wide = noise_movie(convis_movie_shape(T, 20, 40), 0, 255, 5), y;
    convis_shape frame;
    assert_true(convis_node_named(m, "movie").id == 0 && convis_node_named(m, "input").id == 0 &&
                convis_node_named(m, "wide").id < -1);
    must(c, convis_probe(m, "p"));
    must(c, convis_plan(m, movie.shape));
    must(c, convis_output_shape(m, "eye.ganglion_0", &frame));
    assert_true(frame.dim[CONVIS_X] == 40 && frame.dim[CONVIS_Y] == 20);
    must(c, convis_give(m, "extra", extra));
    must(c, convis_give(m, "wide", wide));
    must(c, convis_run(m, movie));
    must(c, convis_output(m, "p", &y));
    for (int64_t t = 2; t < T; t++)
        for (int64_t i = 0; i < W*H; i++)
            assert_true(y.data[t*W*H + i] == movie.data[t*W*H + i] + extra.data[(t - 2)*W*H + i]);
    free(movie.data);
    free(extra.data);
    free(wide.data);
    convis_recipe_text_free(r, &text);
    convis_recipe_text_free(r, &second);
    convis_model_free(&m);
    convis_recipe_free(&r);
    convis_recipe_free(&again);
}

/* The movie keeps the name "input" beside further inputs, in files and of models that were built by calls. */
static void movie_named_input(void **state)
{
    (void)state;
    convis_recipe *r = from_yaml("inputs: {input: {channels: 3}, speed: {}}\nlayers:\n  - {name: visual, type: rf}\n"
                                 "  - {name: sum, type: sum, inputs: [visual, speed]}\n");
    convis_recipe *of_model;
    convis_model *m;
    convis_node speed;
    const char *name;
    convis_shape frame;
    char *text;
    must(c, convis_recipe_yaml(r, &text));
    convis_recipe *again = from_yaml(text);
    assert_true(convis_recipe_input(again, 0, &name, &frame) && !strcmp(name, "input") && frame.dim[CONVIS_C] == 3);
    assert_true(convis_recipe_input(again, 1, &name, &frame) && !strcmp(name, "speed"));
    m = built(again, 6, 5);
    must(c, convis_plan(m, (convis_shape){ { 1, 3, 2, 5, 6 } }));
    convis_model_free(&m);
    must(c, convis_model_new(c, .001, &m));
    must(c, convis_add_input(m, "speed", convis_movie_shape(1, 1, 1), &speed));
    convis_add(m, type_named("scale"), "faster", speed);
    must(c, convis_recipe_of_model(m, &of_model));
    assert_true(convis_recipe_input(of_model, 0, &name, &frame) && !strcmp(name, "input"));
    convis_recipe_text_free(r, &text);
    convis_model_free(&m);
    convis_recipe_free(&r);
    convis_recipe_free(&again);
    convis_recipe_free(&of_model);
}

/* ---- From calls, text and models ---- */

static void from_calls(void **state)
{
    (void)state;
    convis_recipe *r, *retina = opened("retina"), *copy, *text, *whole;
    const convis_from both[] = { { "eye.ganglion_0", 0 }, { "eye.ganglion_1", 1 } };
    char *yaml;
    must(c, convis_recipe_new(c, .001, &r));
    refused(c, CONVIS_ENAME, "layer 'reelu'", convis_recipe_add_layer(r, "reelu", "a", NULL, 0));
    must(c, convis_recipe_add_layer(r, "scale", "contrast", NULL, 0));
    must(c, convis_recipe_add_model(r, retina, "eye", NULL, 0));
    must(c, convis_recipe_add_layer(r, "difference", "drive", both, 2));
    must(c, convis_recipe_add_layer(r, "relu", "rate", NULL, 0));
    refused(c, CONVIS_ENAME, "'rate': two layers have that name", convis_recipe_add_layer(r, "relu", "rate", NULL, 0));
    must(c, convis_recipe_set(r, "contrast.gain", "0.5"));
    must(c, convis_recipe_set(r, "eye.opl.center.tau", "0.02"));
    must(c, convis_recipe_output(r, "drive"));
    must(c, convis_recipe_copy(r, &copy));
    must(c, convis_recipe_yaml(r, &yaml));
    must(c, convis_recipe_read(c, "memory", yaml, strlen(yaml), &text));
    must(c, convis_recipe_set(r, "contrast.gain", "0.25"));                  /* the copy is its own */
    expect(copy, "contrast.gain", "0.5");
    same_models(copy, text, 18, 14, "a copy");
    convis_model *m = built(copy, 18, 14);
    must(c, convis_recipe_of_model(m, &whole));
    same_models(copy, whole, 18, 14, "of a model");
    convis_recipe_free(&retina);
    refused(c, CONVIS_EFORMAT, "memory:1:1: ", convis_recipe_read(c, "memory", "[1]", 3, &retina));
    assert_null(retina);
    refused(c, CONVIS_EFORMAT, "memory:1: <svg>, expected", convis_recipe_read(c, "memory", " <svg/>", 7, &retina));
    convis_recipe_text_free(r, &yaml);
    convis_model_free(&m);
    convis_recipe_free(&r);
    convis_recipe_free(&copy);
    convis_recipe_free(&text);
    convis_recipe_free(&whole);
}

static void inserted(void **state)
{
    (void)state;
    enum { W = 26, H = 22 };
    convis_recipe *retina = opened("retina"), *r = from_yaml("layers:\n  - {name: half, type: scale, gain: 0.5}\n"
        "  - {name: eye, model: retina}\n  - {name: sum, type: difference, inputs: [eye, half]}\n");
    convis_model *m, *n = built(r, W, H);
    must(c, convis_model_new(c, .001, &m));
    convis_node half = convis_add(m, type_named("scale"), "half", convis_input(m));
    must_set(m, "half", "gain", .5);
    convis_node eye = convis_insert(m, retina, "eye", half, W, H);
    convis_edge both[] = { { eye, 0 }, { convis_node_named(m, "half"), 0 } };
    assert_true(eye.id > 1 && eye.id == convis_node_named(m, "eye").id &&
                eye.id == convis_node_named(m, "eye.ganglion_1.spikes").id);
    assert_true(convis_node_named(m, "input").id == 0);
    convis_join(m, type_named("difference"), "sum", both, 2);
    must(c, convis_baseline(m, 127.5));
    recording a = said(m, 20, W, H), b = said(n, 20, W, H);
    assert_int_equal(a.outputs, b.outputs);
    assert_true(a.spike_count > 0 && a.spike_count == b.spike_count);
    assert_same(&a, &b, "inserted");
    recording_free(&a);
    recording_free(&b);
    convis_model_free(&m);
    must(c, convis_model_new(c, .001, &m));
    must(c, convis_recipe_set(retina, "opl.center.tau", "0"));
    assert_int_equal(convis_insert(m, retina, "eye", convis_input(m), W, H).id, -1);         /* and it sticks */
    refused(c, CONVIS_EINVAL, "eye: opl.center.tau: 0 s, expected more", convis_plan(m, convis_movie_shape(1, H, W)));
    convis_model_free(&m);
    convis_model_free(&n);
    convis_recipe_free(&r);
    convis_recipe_free(&retina);
}

static void refused_compositions(void **state)
{
    (void)state;
    static const struct { const char *text; convis_status status; const char *sentence; } bad[] = {
        { "layers:\n  - {name: a, model: retnia}\n", CONVIS_ENAME, ":2:22: model '" },
        { "layers:\n  - {name: a, model: retina, sett: {}}\n", CONVIS_ENAME, ":2:30: a model within: 'sett', expected one of" },
        { "layers:\n  - {name: a, model: retina, set: {opl.centre.tau: 1}}\n", CONVIS_ENAME, "did you mean opl.center.tau?" },
        { "layers:\n  - {model: {layers: [relu]}}\n", CONVIS_EFORMAT, ":2:5: a model without name" },
        { "layers:\n  - {name: a, model: {layers: [reelu]}}\n", CONVIS_ENAME, ":2:32: 'reelu' is no type of layer" },
        { "layers:\n  - {name: a, model: retina}\n  - {name: a, type: relu}\n", CONVIS_ENAME,
          ":3:12: 'a': two layers have that name" },
        { "layers:\n  - {name: a, model: retina, inputs: [input, input]}\n", CONVIS_ESHAPE,
          ":2:38: a: 2 inputs, expected 1 at most" },
        { "layers:\n  - {name: a, type: relu, input: b.c}\n  - {name: b, model: retina}\n", CONVIS_EINVAL,
          ":2:5: a: its input b.c comes later; feedback needs a delay" },
        { "layers:\n  - {name: a, model: model.yaml}\n", CONVIS_EFORMAT, ":2:22: the file includes itself: " },
        { "layers:\n  - {name: a, model: [1]}\n", CONVIS_EFORMAT, "expected the name of a model or a file, or a model" },
        { "layers:\n  - {name: a, model: retina}\noutput: b\n", CONVIS_ENAME, "output: 'b' is no layer" },
    };
    const char *path = file_named("model.yaml");
    for (size_t k = 0; k < sizeof bad/sizeof *bad; k++) {
        convis_recipe *r = NULL;
        convis_status status = convis_recipe_open(c, written("model.yaml", bad[k].text), &r);
        if (status != bad[k].status || !strstr(convis_message(c), bad[k].sentence))
            fail_msg("case %zu: %s, \"%s\"; expected %s, \"%s\"", k, convis_strerror(status), convis_message(c),
                     convis_strerror(bad[k].status), bad[k].sentence);
        assert_null(r);
    }
    unlink(path);
    /* what only the size of the movie shows */
    convis_recipe *r = from_yaml("layers:\n  - {name: eye, model: retina}\n  - {name: a, type: relu, input: eye.ganglion_2}\n");
    convis_model *m;
    refused(c, CONVIS_ENAME, ":3:5: a: its input 'eye.ganglion_2' is no layer; did you mean eye.ganglion_0?",
            convis_recipe_build(r, 9, 9, &m));
    must(c, convis_recipe_set(r, "eye.ganglion_2.sign", "1"));
    m = built(r, 9, 9);
    convis_model_free(&m);
    convis_recipe_free(&r);
}

/* ---- Memory ---- */

static convis_status story(convis_context *own)
{
    static const char text[] =
        "layers:\n  - {name: eye, model: retina, set: {opl.center.tau: 0.02}}\n  - {name: l, model: LN, input: eye.opl}\n"
                               "  - {name: more, type: lif, input: eye.ganglion_0}\n";
    convis_recipe *r = NULL, *s = NULL;
    convis_model *m = NULL;
    char *yaml = NULL;
    convis_status status = convis_recipe_read(own, "m", text, sizeof text - 1, &r);
    if (!status) status = convis_recipe_add_parameters(r, "eye.bipolar.substep 0.0005\nl.filter.width 3\n");
    if (!status) status = convis_recipe_set(r, "l.readout", "rf");
    if (!status) status = convis_recipe_copy(r, &s);
    if (!status) status = convis_recipe_add_model(s, r, "again", NULL, 0);
    if (!status) status = convis_recipe_yaml(s, &yaml);
    if (!status) status = convis_recipe_build(s, 6, 5, &m);
    if (!status) status = convis_plan(m, convis_movie_shape(2, 5, 6));
    if (r) convis_recipe_text_free(r, &yaml);
    convis_model_free(&m);
    convis_recipe_free(&r);
    convis_recipe_free(&s);
    return status;
}

/* The k-th request for memory fails, for every k until all succeed: nothing is lost. */
static void no_memory(void **state)
{
    (void)state;
    int64_t k = 1;
    for (int failed = 1; failed; k++) {
        counter count = { .fail_at = k };
        convis_allocator memory = counting(&count);
        convis_context *own;
        convis_status status = convis_open_with(&own, "cpu", &memory);
        if (!status) status = story(own);
        failed = count.calls >= k;
        if (status && status != CONVIS_ENOMEM) fail_msg("request %d fails: %s", (int)k, convis_message(own));
        if (!failed) assert_int_equal(status, CONVIS_OK);
        convis_close(&own);
        if (count.live) fail_msg("request %d fails, and %d blocks are lost", (int)k, (int)count.live);
    }
    assert_true(k > 100);
}

/* ---- V1 ---- */

/* Each channel answers to the grating of its own orientation, in movies of any size. */
static void v1(void **state)
{
    (void)state;
    static const struct { int64_t width, height; } SIZE[] = { { 32, 32 }, { 50, 37 } };
    convis_recipe *r = opened("v1_on_retina");
    must(c, convis_recipe_set(r, "orientations", "4"));
    for (int k = 0; k < 2; k++) {
        const int64_t w = SIZE[k].width, h = SIZE[k].height, n = w*h;
        convis_model *m = built(r, w, h);
        convis_shape frame;
        must(c, convis_probe(m, "output"));
        must(c, convis_plan(m, convis_movie_shape(150, h, w)));
        must(c, convis_output_shape(m, "output", &frame));
        assert_true(frame.dim[CONVIS_C] == 4 && frame.dim[CONVIS_Y] == h && frame.dim[CONVIS_X] == w);
        for (int shown = 0; shown < 4; shown++) {
            char name[128];
            double mean[4] = { 0 }, most = 0;
            convis_movie *movie;
            convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
            convis_tensor y;
            int64_t got;
            convis_real *frames = malloc((size_t)(150*n)*sizeof *frames);
            o.dt = .001;
            o.width = w;
            o.height = h;
            snprintf(name, sizeof name, "stim:grating?spatial_frequency=3&temporal_frequency=20&direction=%d&duration=1",
                     45*shown);
            must(c, convis_movie_open(c, name, &o, &movie));
            must(c, convis_movie_read(movie, frames, 150, &got));
            convis_movie_close(&movie);
            must(c, convis_reset(m));
            must(c, convis_run(m, convis_view(frames, convis_movie_shape(150, h, w))));
            must(c, convis_output(m, "output", &y));
            for (int64_t t = 100; t < 150; t++)
                for (int j = 0; j < 4; j++) {
                    const double rate = (double)y.data[t*y.stride[CONVIS_T] + j*y.stride[CONVIS_C] + h/2*w + w/2];
                    mean[j] += rate/50;
                    if (rate > most) most = rate;
                }
            for (int j = 0; j < 4; j++) if (j != shown) assert_true(mean[j] < .3*mean[shown]);
            assert_true(mean[(shown + 2)%4] < .01*mean[shown]);
            if (!(most > 50 && most < 200)) fail_msg("the best grating gives %g Hz", most);
            free(frames);
        }
        convis_model_free(&m);
    }
    convis_recipe_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_alone), cmocka_unit_test(settings_within),
        cmocka_unit_test(round_trips), cmocka_unit_test(extension),
        cmocka_unit_test(files_within), cmocka_unit_test(size_of_input),
        cmocka_unit_test(cells_of_several), cmocka_unit_test(inputs_within),
        cmocka_unit_test(movie_named_input), cmocka_unit_test(from_calls),
        cmocka_unit_test(inserted), cmocka_unit_test(refused_compositions), cmocka_unit_test(no_memory), cmocka_unit_test(v1),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
