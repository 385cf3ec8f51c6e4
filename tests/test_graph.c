/* test_graph.c - models as lists of layers: YAML both ways, settings by paths, feedback, retinas as lists, and the sentences for
 * whatever is wrong. */
#include "harness.h"
#include "graph.h"

/* ---- YAML as such ---- */

static void nodes(void **state)
{
    (void)state;
    static const char text[] = "a: 1\nb: [x, 'y z', {c: -2.5e3}]\n\"d\\te\": |\n  two\n  lines\nf: \"3\"\n";
    struct convis_yaml y;
    double v;
    must(c, convis_yaml_read(c, "m.yaml", text, strlen(text), &y));
    const struct convis_yaml_node *b = convis_yaml_find(y.root, "b"), *f = convis_yaml_find(y.root, "f");
    assert_int_equal(y.root->count, 4);
    assert_true(convis_yaml_number(convis_yaml_find(y.root, "a"), &v) && v == 1);
    assert_true(b->kind == CONVIS_NODE_LIST && b->count == 3 && b->line == 2 && b->column == 4);
    assert_true(b->last->kind == CONVIS_NODE_MAP && convis_yaml_number(b->last->first, &v) && v == -2500);
    assert_string_equal(convis_yaml_find(y.root, "d\te")->text, "two\nlines\n");
    assert_true(f->quoted && !convis_yaml_number(f, &v) && f->line == 6);
    assert_null(convis_yaml_find(y.root, "g"));
    convis_yaml_free(&y);
}

static void hostile_yaml(void **state)
{
    (void)state;
    static const struct { const char *text, *sentence; } bad[] = {
        { "", "m.yaml: it is empty, expected a model" },
        { "# nothing\n", "m.yaml: it is empty, expected a model" },
        { "a: 1\na: 2\n", "m.yaml:2:1: 'a' for the second time, expected each key once" },
        { "a: &x [1]\nb: *x\n", "m.yaml:2:" },
        { "a: 1\n---\nb: 2\n", "m.yaml:2:1: a second document, expected one" },
        { "? [1]\n: 2\n", "m.yaml:1:3: a list or map as a key, expected a name" },
        { "a: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "nested more than 16 levels deep" },
        { "a: [1, 2\n", "m.yaml:" },
        { "a: 'b\n", "m.yaml:" },
        { "a: \"x\\0y\"\n", "m.yaml:1:4: a text with a zero byte, expected none" },
        { "a: b: c\n", "m.yaml:1:" },
        { "\ta: 1\n", "m.yaml:1:" },
        { "%YAML 1.2\n---\na: 1\n", "m.yaml:1:1: a directive, expected none" },
        { "a: 1\nb: \xc1\x8c\n", "m.yaml:2:4: a byte 0xc1, expected text in UTF-8" },
        { "a: 1\nb: x\x01\n", "m.yaml:2:5: a byte 0x01, expected text in UTF-8" },
    };
    struct convis_yaml y;
    for (size_t k = 0; k < sizeof bad/sizeof *bad; k++) {
        assert_int_equal(convis_yaml_read(c, "m.yaml", bad[k].text, strlen(bad[k].text), &y), CONVIS_EFORMAT);
        if (!strstr(convis_message(c), bad[k].sentence)) fail_msg("case %zu: \"%s\", expected \"%s\"", k, convis_message(c),
                                                                  bad[k].sentence);
        assert_null(y.root);
    }
    /* the laughs of XML's bombs, which here are not even one */
    refused(c, CONVIS_EFORMAT, "alias", convis_yaml_read(c, "m.yaml", "a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]\n", 36, &y));
    enum { MANY = 2100000 };
    char *many = malloc(2*MANY + 8);
    strcpy(many, "a: [");
    for (int k = 0; k < MANY; k++) memcpy(many + 4 + 2*k, "1,", 2);
    refused(c, CONVIS_EFORMAT, "more than 2000000 values", convis_yaml_read(c, "m.yaml", many, 2*MANY + 4, &y));
    memset(many, '[', MANY);
    refused(c, CONVIS_EFORMAT, "deep", convis_yaml_read(c, "m.yaml", many, MANY, &y));
    free(many);
}

static void numbers(void **state)
{
    (void)state;
    static const struct { const char *text; int good; double value; } some[] = {
        { "1", 1, 1 }, { "-2.5", 1, -2.5 }, { "1e-3", 1, 1e-3 }, { "+4", 1, 4 }, { ".5", 1, .5 }, { "true", 1, 1 }, { "false", 1, 0 },
        { "", 0, 0 }, { "0x10", 0, 0 }, { "inf", 0, 0 }, { "nan", 0, 0 }, { "1e999", 0, 0 }, { "1 2", 0, 0 }, { "1,5", 0, 0 },
        { "-", 0, 0 },
        { "1e5e5", 0, 0 }, { "yes", 0, 0 } };
    for (size_t k = 0; k < sizeof some/sizeof *some; k++) {
        double v = -99;
        assert_int_equal(convis_number_parse(some[k].text, &v), some[k].good);
        if (some[k].good) assert_true(v == some[k].value);
    }
    double value[1000], back[1000];
    for (int n = 0; n <= 1000; n += n < 8 ? 1 : 331) {
        char *text;
        for (int k = 0; k < n; k++) value[k] = k%3 ? ldexp(chance(3, (uint64_t)k) - .5, k%200 - 100) : -0.0;
        must(c, convis_pack(c, value, n, &text));
        must(c, convis_unpack(c, text, back, n));
        assert_memory_equal(value, back, (size_t)n*sizeof *value);
        if (n) {
            refused(c, CONVIS_EFORMAT, "packed numbers", convis_unpack(c, text, back, n - 1));
            text[strlen(text)/2] = '*';
            refused(c, CONVIS_EFORMAT, "packed numbers", convis_unpack(c, text, back, n));
        }
        convis_release(c, text);
    }
    value[0] = NAN;
    char *text;
    must(c, convis_pack(c, value, 1, &text));
    refused(c, CONVIS_EFORMAT, "not finite", convis_unpack(c, text, back, 1));
    convis_release(c, text);
}

/* ---- Graphs ---- */

#define CENTRE_SURROUND                                                                                           \
    "title: centre less surround\nsource: a test\ndt: 0.002\nbaseline: 100\n"                                     \
    "layers:\n"                                                                                                  \
    "  - {name: center, type: blur, sigma: 0.05, ppd: 20}\n"                                                      \
    "  - {name: smooth, type: lowpass, tau: 0.01}\n"                                                              \
    "  - {name: surround, type: blur, input: smooth, sigma: 0.2, ppd: 20}\n"                                      \
    "  - name: opl\n    type: difference\n    inputs: [smooth, {from: surround, delay: 2}]\n"                      \
    "  - rectify\n"                                                                                              \
    "aliases:\n  sum: opl\n"                                                                                     \
    "output: opl\n"

static convis_model *by_hand(void)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.002, &m));
    convis_node center = convis_add(m, type_named("blur"), "center", convis_input(m));
    convis_node smooth = convis_add(m, type_named("lowpass"), "smooth", center);
    convis_node surround = convis_add(m, type_named("blur"), "surround", smooth);
    convis_edge both[2] = { { smooth, 0 }, { surround, 2 } };
    convis_node opl = convis_join(m, type_named("difference"), "opl", both, 2);
    convis_add(m, type_named("rectify"), "rectify", opl);
    must_set(m, "center", "sigma", .05);
    must_set(m, "center", "ppd", 20);
    must_set(m, "smooth", "tau", .01);
    must_set(m, "surround", "sigma", .2);
    must_set(m, "surround", "ppd", 20);
    must(c, convis_baseline(m, 100));
    return m;
}

static void same_as_by_hand(void **state)
{
    (void)state;
    convis_recipe *r = from_yaml(CENTRE_SURROUND);
    convis_model *m = built(r, 19, 13), *hand = by_hand();
    convis_item item;
    int aliases = 0, output = 0;
    for (; convis_list(m, CONVIS_ALIAS, aliases, &item); aliases++)
        output |= !strcmp(item.path, "output") && !strcmp(item.target, "opl");
    assert_true(aliases == 2 && output && convis_dt(m) == .002);
    recording a = said(m, 30, 19, 13), b = said(hand, 30, 19, 13);
    assert_same(&a, &b, "YAML against C");
    assert_int_equal(a.outputs, b.outputs);
    recording_free(&a);
    recording_free(&b);
    convis_model_free(&m);
    convis_model_free(&hand);
    convis_recipe_free(&r);
}

/* Written and read again, a graph is the same text and the same model. */
static void round_trip(void **state)
{
    (void)state;
    convis_recipe *r = from_yaml(CENTRE_SURROUND), *again;
    char *text, *second;
    must(c, convis_recipe_text(r, &text));
    assert_non_null(strstr(text, "title: centre less surround\nsource: a test\ndt: 0.002\nbaseline: 100\nlayers:\n"));
    assert_non_null(strstr(text,
                           "  - name: opl\n    type: difference\n    inputs: [smooth, {from: surround, delay: 2}]\n  - rectify\noutput: opl\n"));
    assert_null(strstr(text, "input: smooth"));          /* it is the one before */
    again = from_yaml(text);
    must(c, convis_recipe_text(again, &second));
    assert_string_equal(text, second);
    const char *path = file_named("saved.yaml");
    must(c, convis_recipe_save(r, path));
    convis_recipe *third = opened(path);
    convis_model *m = built(third, 9, 8), *n = built(again, 9, 8);
    recording a = said(m, 20, 9, 8), b = said(n, 20, 9, 8);
    assert_same(&a, &b, "saved");
    refused(c, CONVIS_ENOTSUP, "VirtualRetina's format has only retinas", convis_recipe_save(r, file_named("saved.xml")));
    refused(c, CONVIS_ENOTSUP, "expected a name that ends in .yaml or .xml", convis_recipe_save(r, file_named("saved.txt")));
    unlink(path);
    recording_free(&a);
    recording_free(&b);
    convis_recipe_text_free(r, &text);
    convis_recipe_text_free(again, &second);
    convis_model_free(&m);
    convis_model_free(&n);
    convis_recipe_free(&r);
    convis_recipe_free(&again);
    convis_recipe_free(&third);
}

/* y[t] = x[t] + y[t - d]: a sum that takes its own output as input. */
static void feedback(void **state)
{
    (void)state;
    for (int delay = 1; delay <= 3; delay++) {
        char text[256];
        snprintf(text, sizeof text, "layers:\n  - {name: total, type: sum, inputs: [input, {from: back, delay: %d}]}\n"
                                    "  - {name: back, type: lowpass, tau: 0, gain: 0.5}\n", delay);
        convis_recipe *r = from_yaml(text);
        convis_model *m = built(r, 5, 4);
        convis_tensor movie = noise_movie(convis_movie_shape(40, 4, 5), -1, 1, 5);
        recording whole = { 0 }, single = { 0 };
        int64_t n;
        must(c, convis_probe(m, "total"));
        must(c, convis_plan(m, movie.shape));
        record(m, movie, 0, 40, WHOLE, 40, &whole);
        must(c, convis_reset(m));
        record(m, movie, 0, 40, SINGLES, 40, &single);
        assert_same(&single, &whole, "feedback in chunks");
        const convis_real *y = recorded(&whole, "total", &n);
        for (int64_t t = 0; t < 40; t++)
            for (int64_t i = 0; i < 20; i++) {
                convis_real before = t < delay ? 0 : y[(t - delay)*20 + i]/2;
                assert_true(fabs(y[t*20 + i] - movie.data[t*20 + i] - before) < 1e-6);
            }
        char *yaml;
        must(c, convis_model_yaml(m, &yaml));
        convis_recipe *again = from_yaml(yaml);
        convis_model *second = built(again, 5, 4);
        recording back = said(second, 10, 5, 4);
        recording_free(&back);
        convis_model_yaml_free(m, &yaml);
        convis_model_free(&second);
        convis_recipe_free(&again);
        recording_free(&whole);
        recording_free(&single);
        free(movie.data);
        convis_model_free(&m);
        convis_recipe_free(&r);
    }
}

/* Up to 64 inputs, and the layer before where nothing is said. */
static void many_inputs(void **state)
{
    (void)state;
    for (int many = 3; many <= 65; many += many == 3 ? 61 : 1) {
        char text[4096] = "layers:\n  - {name: all, type: sum, inputs: [input";
        for (int k = 1; k < many; k++) strcat(text, ", input");
        strcat(text, "]}\n  - {name: one, type: sum}\n  - {name: two, type: expr, formula: 2*x}\n");
        convis_recipe *r;
        if (many > 64) {
            refused(c, CONVIS_ESHAPE, "m:2:36: all: 65 inputs, expected 64 at most",
                    convis_recipe_read(c, "m", text, strlen(text), &r));
            break;
        }
        must(c, convis_recipe_read(c, "m", text, strlen(text), &r));
        convis_model *m = built(r, 5, 4);
        recording a = said(m, 6, 5, 4);
        int64_t n;
        const convis_real *all = recorded(&a, "all", &n), *one = recorded(&a, "one", &n), *two = recorded(&a, "two", &n);
        convis_tensor movie = noise_movie(convis_movie_shape(6, 4, 5), 0, 255, 7);
        for (int64_t i = 0; i < 6*n; i++) {
            assert_true(fabs((double)all[i] - many*(double)movie.data[i]) <=
                        many*0x1p-23*many*(double)movie.data[i]);    /* of `many` roundings */
            assert_true(one[i] == all[i] && two[i] == 2*all[i]);
        }
        char *yaml;
        must(c, convis_model_yaml(m, &yaml));
        convis_recipe *again = from_yaml(yaml);
        convis_model *second = built(again, 5, 4);
        recording b = said(second, 6, 5, 4);
        assert_same(&b, &a, "written and read");
        convis_model_yaml_free(m, &yaml);
        free(movie.data);
        recording_free(&a);
        recording_free(&b);
        convis_model_free(&m);
        convis_model_free(&second);
        convis_recipe_free(&r);
        convis_recipe_free(&again);
    }
}

static void refused_graphs(void **state)
{
    (void)state;
    static const struct { const char *text; convis_status status; const char *sentence; } bad[] = {
        { "[1, 2]\n", CONVIS_EFORMAT, ":1:1: expected a map with layers, retina or extends" },
        { "layer:\n  - relu\n", CONVIS_ENAME, ":1:1: the model: 'layer', expected one of " },
        { "layer:\n  - relu\n", CONVIS_ENAME, "did you mean layers?" },
        { "dt: 0.001\n", CONVIS_EFORMAT, "layers: expected a list of one layer at least" },
        { "layers: []\n", CONVIS_EFORMAT, ":1:9: layers: expected a list" },
        { "dt: -1\nlayers: [rectify]\n", CONVIS_EINVAL, ":1:5: dt: -1 s, expected more than 0 s" },
        { "dt: soon\nlayers: [rectify]\n", CONVIS_EFORMAT, ":1:5: dt: 'soon', expected a number" },
        { "past: 1e40\nlayers: [rectify]\n", CONVIS_EINVAL, ":1:7: past: 1e+40, expected" },
        { "layers:\n  - rectfy\n", CONVIS_ENAME, ":2:5: 'rectfy' is no type of layer; did you mean rectify?" },
        { "layers:\n  - {name: a}\n", CONVIS_EFORMAT, ":2:5: a layer without type" },
        { "layers:\n  - [a]\n", CONVIS_EFORMAT, ":2:5: a list, expected a layer" },
        { "layers:\n  - {type: rectify, amplificaton: 3}\n", CONVIS_ENAME,
          ":2:21: rectify: a rectify has no parameter 'amplificaton'; did you mean amplification?" },
        { "layers:\n  - {type: rectify, amplification: lots}\n", CONVIS_EFORMAT,
          ":2:36: rectify.amplification: 'lots', expected a number" },
        { "layers:\n  - {type: rectify, amplification: [1, 2]}\n", CONVIS_EFORMAT,
          ":2:36: rectify.amplification: expected a number" },
        { "layers:\n  - {type: rectify, amplification: 1e300}\n", CONVIS_EINVAL,
          ":2:36: rectify.amplification: 1e+300 Hz, expected -100000 to 100000" },
        { "layers:\n  - {type: lowpass, n: 1.5}\n", CONVIS_EINVAL, ":2:24: lowpass.n: 1.5, expected a whole number" },
        { "layers:\n  - rectify\n  - rectify\n", CONVIS_ENAME, ":3:5: 'rectify': two layers have that name, expected one" },
        { "layers:\n  - {name: input, type: rectify}\n", CONVIS_ENAME, ":2:12: 'input': expected a name of letters" },
        { "inputs: {movie: {}, input: {}}\nlayers: [rectify]\n", CONVIS_ENAME,
          ":1:28: input 'input': expected a name of its own" },
        { "layers:\n  - {name: 'a b', type: rectify}\n", CONVIS_ENAME, ":2:12: 'a b': expected a name" },
        { "layers:\n  - rectify\n  - difference\n", CONVIS_ESHAPE, ":3:5: difference: 0 inputs, difference expects 2" },
        { "layers:\n  - {type: difference, inputs: [input]}\n", CONVIS_ESHAPE,
          ":2:5: difference: 1 input, difference expects 2" },
        { "layers:\n  - {type: expr, inputs: [input, input, input, input, input]}\n", CONVIS_ESHAPE,
          ":2:5: expr: 5 inputs, expr expects 1 to 4" },
        { "layers:\n  - {type: rectify, input: rectfy}\n", CONVIS_ENAME,
          ":2:5: rectify: its input 'rectfy' is no layer; did you mean rectify?" },
        { "layers:\n  - {name: a, type: rectify, input: b}\n  - {name: b, type: rectify}\n", CONVIS_EINVAL,
          ":2:5: a: its input b comes later; feedback needs a delay of 1 frame or more" },
        { "layers:\n  - {name: a, type: rectify, input: a}\n", CONVIS_EINVAL,
          ":2:5: a: its input a is itself; feedback needs a delay" },
        { "layers:\n  - {type: rectify, input: {from: input, delay: 1.5}}\n", CONVIS_EINVAL,
          "delay: 1.5, expected a whole number" },
        { "layers:\n  - {type: rectify, input: {from: input, delay: 99999}}\n", CONVIS_EINVAL,
          "rectify: a delay of 99999 frames, expected 0 to 4096" },
        { "layers:\n  - {type: rectify, input: {form: input}}\n", CONVIS_ENAME,
          "input: 'form', expected one of from, delay; did you mean from?" },
        { "layers:\n  - {type: difference, inputs: [input, input], delay: 1}\n", CONVIS_EFORMAT,
          "of several inputs each has its own delay" },
        { "layers:\n  - rectify\noutput: rectifi\n", CONVIS_ENAME, ":3:9: output: 'rectifi' is no layer; did you mean rectify?" },
        { "layers:\n  - rectify\naliases: [a]\n", CONVIS_EFORMAT, ":3:10: aliases: expected names and paths" },
        { "layers:\n  - {type: sample, x: [1, 2], y: [1, a]}\n", CONVIS_EFORMAT, ":2:38: sample.y: 'a', expected a number" },
        { "layers:\n  - {type: sample, x: [[1, 2], [3]]}\n", CONVIS_ESHAPE,
          ":2:32: sample.x: expected a list of 2 as before it" },
        { "layers:\n  - {type: sample, x: [1, 2e30]}\n", CONVIS_EINVAL, "sample.x[1]: 2e+30" },
        { "layers:\n  - {type: sample, x: {file: none.npy}}\n", CONVIS_EIO, "none.npy" },
        { "layers:\n  - {type: sample, x: {shape: [2], values: [1, 2, 3]}}\n", CONVIS_ESHAPE,
          "sample.x: 3 values, expected the shape's 2" },
        { "layers:\n  - {type: sample, x: {shape: [400000000], packed: AAAA}}\n", CONVIS_ESHAPE,
          "too short for 400000000 numbers" },
        { "layers:\n  - {type: sample, x: {shape: [2], packed: AAAA}}\n", CONVIS_EFORMAT, ":2:44: packed numbers: damaged" },
        { "layers:\n  - {type: sample, x: {shape: [100000, 100000], values: [1]}}\n", CONVIS_ESHAPE, "too many numbers" },
        { "layers:\n  - lif\nunits: {x: [1], y: [1, 2]}\n", CONVIS_ESHAPE, "units: 1 of x, expected 2 as of y" },
        { "layers:\n  - lif\nunits: {x: [1], y: [1], layer: [3]}\n", CONVIS_EINVAL,
          "unit 0: spiking layer 3, expected 0 to 0 (this model has 1 spiking layer)" },
        { "layers:\n  - lif\nunits: {x: [1], y: [1], id: [0.5]}\n", CONVIS_EINVAL, "units: id 0.5, expected whole numbers" },
        { "extends: model.yaml\n", CONVIS_EFORMAT, ":1:10: the file includes itself: " },
        { "extends: retinaa\n", CONVIS_ENAME, "retinaa" },
        { "extends: retina\nset: {opl.center.tua: 1}\n", CONVIS_ENAME,
          ":2:23: 'opl.center.tua': no such setting; did you mean opl.center.tau?" },
        { "extends: retina\ndt: 1\n", CONVIS_ENAME,
          "'dt' beside extends, expected title, source, set, parameters, inputs, layers, output, aliases or units" },
        { "retina: {dt: 0}\n", CONVIS_EINVAL, ":1:14: dt: 0 s, expected more than 0 s" },
        { "retina: {ganglion_0.sign: 1, ganglion_1.units: {x: [1], y: [1]}}\n", CONVIS_ENAME,
          "ganglion_1.units: expected ganglion_0.units" },
    };
    const char *path = file_named("model.yaml");
    for (size_t k = 0; k < sizeof bad/sizeof *bad; k++) {
        convis_recipe *r = NULL;
        convis_status status = convis_recipe_open(c, written("model.yaml", bad[k].text), &r);
        if (status != bad[k].status || !strstr(convis_message(c), bad[k].sentence))
            fail_msg("case %zu: %s, \"%s\"; expected %s, \"%s\"", k, convis_strerror(status), convis_message(c),
                     convis_strerror(bad[k].status),
                     bad[k].sentence);
        assert_null(r);
    }
    unlink(path);
}

/* ---- Settings ---- */

static void settings(void **state)
{
    (void)state;
    convis_recipe *r = from_yaml("layers:\n  - {name: a.b, type: lowpass, tau: 0.02}\n  - {name: a, type: rectify}\n"
                                 "  - {type: sample, x: [1, 2, 3], y: [0, 0, 1]}\naliases: {short: a.b.tau}\n");
    expect(r, "dt", "0.001");
    expect(r, "baseline", "0");
    expect(r, "a.b.tau", "0.02");
    expect(r, "short", "0.02");
    expect(r, "a.b.n", "0");
    expect(r, "sample.x", "1, 2, 3");
    must(c, convis_recipe_set(r, "short", "0.03"));
    must(c, convis_recipe_set(r, "initial", "12.5"));
    must(c, convis_recipe_set(r, "dt", "0.004"));
    must(c, convis_recipe_set(r, "sample.x", "[4 5, 6]"));
    expect(r, "a.b.tau", "0.03");
    expect(r, "baseline", "12.5");
    expect(r, "sample.x", "4, 5, 6");
    refused(c, CONVIS_ENAME, "'a.b.tua': no such setting; did you mean a.b.tau?", convis_recipe_set(r, "a.b.tua", "1"));
    refused(c, CONVIS_ENAME, "'numerics': no such setting", convis_recipe_set(r, "numerics", "converged"));
    refused(c, CONVIS_EINVAL, "a.b.tau: 'x', expected a number", convis_recipe_set(r, "a.b.tau", "x"));
    refused(c, CONVIS_EINVAL, "a.b.tau: -1 s, expected 0 to", convis_recipe_set(r, "a.b.tau", "-1"));
    refused(c, CONVIS_EINVAL, "dt: 0 s, expected more than 0 s", convis_recipe_set(r, "dt", "0"));
    expect(r, "a.b.tau", "0.03");
    convis_setting s;
    int n = 0, found = 0;
    for (; convis_recipe_list(r, n, &s); n++) {
        expect(r, s.path, s.value);
        must(c, convis_recipe_set(r, s.path, s.value));
        found += !strcmp(s.path, "a.b.tau") && !strcmp(s.unit, "s") && *s.doc;
    }
    assert_true(n > 8 && found == 1);
    must(c, convis_recipe_add_parameters(r, "a.b.tau 0.05\n# all of x anew, with one more at its end\nsample.x[2] 7\n"));
    expect(r, "a.b.tau", "0.05");
    expect(r, "sample.x", "4, 5, 7");
    refused(c, CONVIS_ESHAPE, "parameters:2: sample.x[9]: the model has no such element",
            convis_recipe_add_parameters(r, "a.b.tau 0.06\nsample.x[9] 1\n"));
    refused(c, CONVIS_ENAME, "parameters:1: 'c.d': no such setting", convis_recipe_add_parameters(r, "c.d 1\n"));
    refused(c, CONVIS_EFORMAT, "parameters:1: expected a path and a number", convis_recipe_add_parameters(r, "c.d\n"));
    expect(r, "a.b.tau", "0.05");
    assert_null(convis_recipe_parameters(r));
    convis_model *m = built(r, 10, 10);
    double value;
    must(c, convis_get(m, "a.b.tau", &value));
    assert_true(value == .05 && convis_dt(m) == .004);
    convis_model_free(&m);
    convis_recipe_free(&r);
}

/* A .yaml that says what is different from another model. */
static void extension(void **state)
{
    (void)state;
    const char *base = written("base.yaml", CENTRE_SURROUND);
    convis_recipe *r = from_yaml("extends: base.yaml\nset:\n  center.sigma: 0.1\n  past: 3\n");
    expect(r, "center.sigma", "0.1");
    expect(r, "surround.sigma", "0.2");
    expect(r, "baseline", "3");
    convis_recipe_free(&r);
    r = from_yaml("title: mine\nextends: primate\nset: {ganglions: 2, bipolar: off, numerics: virtualretina}\n");
    expect(r, "ganglions", "2");
    expect(r, "bipolar", "off");
    assert_non_null(convis_retina_of(&r->graph));
    convis_recipe_free(&r);
    unlink(base);
}

/* ---- Retinas as YAML ---- */

static const char *const FILES[] = { "retina", "primate", "cat-x", "linear", CONVIS_TEST_DATA "/vr_c02.xml", CONVIS_TEST_DATA "/vr_c04.xml",
    CONVIS_TEST_DATA "/vr_c09.xml", CONVIS_TEST_DATA "/vr_c10.xml", CONVIS_TEST_DATA "/vr_c11.xml", CONVIS_TEST_DATA "/vr_c13.xml", NULL };

/* All that was built for one size, read back: the same outputs and spikes, bit for bit. */
static void retina_layers(void **state)
{
    (void)state;
    enum { W = 45, H = 40, T = 25 };
    for (const char *const *name = FILES; *name; name++) {
        convis_recipe *r = opened(*name), *again;
        convis_model *m = built(r, W, H), *second;
        char *text, *text2;
        must(c, convis_model_yaml(m, &text));
        again = from_yaml(text);
        assert_null(convis_retina_of(&again->graph));
        second = built(again, W, H);
        must(c, convis_model_yaml(second, &text2));
        assert_string_equal(text, text2);
        recording a = said(m, T, W, H), b = said(second, T, W, H);
        assert_int_equal(a.outputs, b.outputs);
        assert_int_equal(a.spike_count, b.spike_count);
        assert_same(&a, &b, *name);
        const convis_cell *u, *v;
        int64_t units, units2;
        must(c, convis_cells(m, &u, &units));
        must(c, convis_cells(second, &v, &units2));
        assert_int_equal(units, units2);
        for (int64_t k = 0; k < units; k++)
            assert_true(u[k].id == v[k].id && u[k].layer == v[k].layer && u[k].x == v[k].x && u[k].y == v[k].y);
        recording_free(&a);
        recording_free(&b);
        convis_model_yaml_free(m, &text);
        convis_model_yaml_free(second, &text2);
        convis_model_free(&m);
        convis_model_free(&second);
        convis_recipe_free(&again);
        convis_recipe_free(&r);
    }
}

/* As settings, for movies of every size: the same description. */
static void retina_settings(void **state)
{
    (void)state;
    const convis_cell units[] = { { 4, 0, -.5, .25 }, { 9, 0, .1, 1./3 }, { 2, 1, 0, 0 } };
    for (const char *const *name = FILES; *name; name++)
        for (int own = 0; own < 2; own++) {
            convis_recipe *r = opened(*name), *again;
            char *yaml, *yaml2, *layers, *layers2;
            if (own && convis_recipe_cells(r, units, convis_retina_of(&r->graph)->ganglions > 1 ? 3 : 2)) { convis_recipe_free(&r); continue; }
            must(c, convis_recipe_yaml(r, &yaml));
            again = from_yaml(yaml);
            assert_non_null(convis_retina_of(&again->graph));
            must(c, convis_recipe_yaml(again, &yaml2));
            assert_string_equal(yaml, yaml2);
            convis_model *m = built(r, 40, 40), *second = built(again, 40, 40);
            must(c, convis_model_yaml(m, &layers));
            must(c, convis_model_yaml(second, &layers2));
            assert_string_equal(layers, layers2);
            convis_model_yaml_free(m, &layers);
            convis_model_yaml_free(second, &layers2);
            convis_model_free(&m);
            convis_model_free(&second);
            convis_recipe_text_free(r, &yaml);
            convis_recipe_text_free(again, &yaml2);
            convis_recipe_free(&again);
            convis_recipe_free(&r);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes), cmocka_unit_test(hostile_yaml), cmocka_unit_test(numbers),
        cmocka_unit_test(same_as_by_hand), cmocka_unit_test(round_trip), cmocka_unit_test(feedback),
        cmocka_unit_test(many_inputs), cmocka_unit_test(refused_graphs), cmocka_unit_test(settings),
        cmocka_unit_test(extension),       cmocka_unit_test(retina_layers), cmocka_unit_test(retina_settings),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
