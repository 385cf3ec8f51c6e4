/* test_written.c - models in files: what is written can be read and says the same, declared inputs and the output that counts are kept,
 * and files that include themselves. */
#include "harness.h"
#include "graph.h"

/* Without noise, which differs from path to path. */
#define QUIET "ganglions: 2, ganglion_0.spikes.noise: 0, ganglion_1.spikes.noise: 0, ganglion_0.spikes.random_init: off, " \
              "ganglion_1.spikes.random_init: off"

/* ---- What is written can be read, and says the same ---- */

static void written_extensions(void **state)
{
    (void)state;
    static const char *const TEXT[] = {
        "extends: LN\nlayers: [relu]\n",
        "extends: LNFDLNF\nlayers: [{name: late, type: relu, delay: 2}, {name: all, type: sum, inputs: [late, stage_1]}]\n",
        "extends: LNFDLNF\naliases: {first: stage_1}\n",
        "extends: {extends: LNLN, layers: [relu], output: filter_2}\nlayers: [{name: more, type: square}]\noutput: relu\n",
        "extends: {extends: LN, layers: [{name: a, type: square}]}\nlayers: [{name: b, type: lowpass}, {name: c, type: relu, input: a}]\n",
        "extends: retina\nset: {" QUIET "}\nlayers: [{name: late, type: relu, delay: 3}]\n",
        "extends: retina\nsource: me\nset: {" QUIET "}\ninputs: {movie: {}, extra: {height: 18, width: 24}}\noutput: bipolar\n",
        "extends: retina\nsource: me\nset: {" QUIET "}\noutput: bipolar\n",
        "extends: retina\nset: {" QUIET "}\nlayers: [{name: more, type: rf, channels: 2, input: ganglion_0}, lif]\n"
        "units: {x: [0, 0.2], y: [0.1, 0.1], layer: [2, 2]}\n",
        "extends: GLM\nset: {cells: 1}\nlayers: [{name: double, type: scale, gain: 2}]\n",
        "layers:\n  - {name: a, model: {extends: simple_cell, layers: [relu]}}\n  - relu\n",
    };
    for (size_t k = 0; k < sizeof TEXT/sizeof *TEXT; k++) {
        convis_recipe *r = from_yaml(TEXT[k]), *again;
        convis_model *m = built(r, 24, 18), *n;
        char *text, *second, what[32];
        snprintf(what, sizeof what, "text %zu", k);
        for (int as_yaml = 0; as_yaml < 2; as_yaml++) {
            must(c, (as_yaml ? convis_recipe_yaml : convis_recipe_text)(r, &text));
            again = from_yaml(text);
            must(c, (as_yaml ? convis_recipe_yaml : convis_recipe_text)(again, &second));
            n = built(again, 24, 18);
            assert_string_equal(convis_output_name(m), convis_output_name(n));
            if (strstr(TEXT[k], "source: me")) assert_non_null(strstr(second, "source: me"));
            if (!strstr(TEXT[k], "inputs: {")) same_models(r, again, 24, 18, what);
            convis_model_free(&n);
            convis_recipe_text_free(r, &text);
            convis_recipe_text_free(again, &second);
            convis_recipe_free(&again);
        }
        convis_model_free(&m);
        convis_recipe_free(&r);
    }
}

static void assert_takes(const convis_recipe *r, const char *name, int64_t channels, const char *what)
{
    const char *found;
    convis_shape frame;
    assert_true(convis_recipe_input(r, 0, &found, &frame));
    if (strcmp(found, name) || frame.dim[CONVIS_C] != channels)
        fail_msg("%s: '%s' with %d channels, expected '%s' with %d", what, found, (int)frame.dim[CONVIS_C], name, (int)channels);
}

/* A declaration stays, whatever is made of the model and written of it; so does what a model within needs. */
static void declared_inputs(void **state)
{
    (void)state;
    enum { W = 12, H = 9 };
    static const struct { const char *text, *name; int64_t channels; } CASES[] = {
        { "inputs: {movie: {channels: 3}}\nlayers: [conv]\n", "movie", 3 },
        { "inputs: {movie: {}}\nlayers: [{name: a, type: conv, input: movie}]\n", "movie", 1 },
        { "inputs: {input: {channels: 3}}\nlayers: [conv]\n", "input", 3 },
        { "inputs: {movie: {channels: 2}, speed: {}}\nlayers: [conv]\n", "movie", 2 },
        { "layers: [conv]\n", "input", 0 },
        { "extends: LN\n", "input", 0 },
        { "extends: retina\n", "input", 1 },
        { "extends: v1_on_retina\nset: {orientations: 2}\n", "input", 1 },
        { "extends: primate\nlayers: [{name: on, type: relu, input: ganglion_0}]\n", "input", 1 },
        { "layers: [{name: eye, model: {layers: [{name: inner, model: retina}]}}]\n", "input", 1 },
        { "layers: [{name: a, model: {inputs: {m: {channels: 3}}, layers: [conv]}}, relu]\n", "input", 3 },
        { "inputs: {film: {}}\nlayers: [{name: eye, model: retina}]\n", "film", 1 },
        { "inputs: {film: {channels: 3}}\nlayers: [{type: select, first: 1}, {name: eye, model: retina}]\n", "film", 3 },
    };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        convis_recipe *r = from_yaml(CASES[k].text), *again;
        convis_shape shape = convis_movie_shape(2, H, W);
        char *text;
        assert_takes(r, CASES[k].name, CASES[k].channels, CASES[k].text);
        must(c, convis_recipe_text(r, &text));
        must(c, convis_recipe_read(c, "text", text, strlen(text), &again));
        convis_recipe_text_free(r, &text);
        assert_takes(again, CASES[k].name, CASES[k].channels, "as text");
        convis_recipe_free(&again);
        for (int planned = 0; planned < 2; planned++) {
            convis_model *m = built(r, W, H);
            const char *saved = file_named("saved.h5");
            if (CASES[k].channels) shape.dim[CONVIS_C] = CASES[k].channels;
            if (planned) must(c, convis_plan(m, shape));
            must(c, convis_recipe_of_model(m, &again));
            assert_takes(again, CASES[k].name, CASES[k].channels, "of a model");
            convis_recipe_free(&again);
            must(c, convis_model_yaml(m, &text));
            must(c, convis_recipe_read(c, "text", text, strlen(text), &again));
            convis_model_yaml_free(m, &text);
            assert_takes(again, CASES[k].name, CASES[k].channels, "its layers");
            convis_recipe_free(&again);
            must(c, convis_model_save(r, m, saved, NULL, 0));
            again = opened(saved);
            assert_takes(again, CASES[k].name, CASES[k].channels, "saved");
            convis_recipe_free(&again);
            unlink(saved);
            convis_model_free(&m);
        }
        convis_model *m = built(r, W, H);
        shape.dim[CONVIS_C] = 4;                         /* which none of them takes */
        if (CASES[k].channels) refused(c, CONVIS_ESHAPE, "4 channels, the model takes", convis_plan(m, shape));
        else must(c, convis_plan(m, shape));
        convis_model_free(&m);
        convis_recipe_free(&r);
    }
}

/* A model within refuses other channels wherever they come from. */
static void channels_within(void **state)
{
    (void)state;
    static const char *const TEXT[] = {
        "layers: [{type: conv, channels: 8}, {name: eye, model: retina}]\n",
        "inputs: {film: {channels: 3}}\nlayers: [{name: eye, model: retina}]\n",
        "inputs: {film: {channels: 3}}\nlayers: [blur, {name: eye, model: retina}]\n",
        "layers: [{type: conv, channels: 2}, {name: a, model: {inputs: {m: {channels: 3}}, layers: [conv]}}]\n",
    };
    for (size_t k = 0; k < sizeof TEXT/sizeof *TEXT; k++) {
        convis_recipe *r = from_yaml(TEXT[k]);
        convis_model *m = built(r, 12, 9);
        convis_shape shape = convis_movie_shape(2, 9, 12);
        if (strstr(TEXT[k], "film")) shape.dim[CONVIS_C] = 3;
        refused(c, CONVIS_ESHAPE, "the model that it belongs to takes", convis_plan(m, shape));
        convis_model_free(&m);
        convis_recipe_free(&r);
    }
}

/* ---- The output that counts ---- */

static void outputs(void **state)
{
    (void)state;
#define TWO "layers: [{name: a, type: relu}, {name: b, type: square}]\n"
    static const struct { const char *text, *output; } CASES[] = {
        { TWO, "b" }, { TWO "output: a\n", "a" }, { TWO "output: short\naliases: {short: a}\n", "a" },
        { TWO "aliases: {output: a}\n", "a" }, { TWO "output: b\naliases: {output: a}\n", "b" },
        { "layers: [{name: output, type: relu}, {name: b, type: square}]\n", "b" },
        { "layers: [{name: output, type: relu}, {name: b, type: square}, relu]\noutput: b\n", "b" },
        { "layers: [{name: in, model: {"
          "layers: [{name: a, type: relu}, {name: b, type: square}], output: a}}, relu]\noutput: in\n",
          "in.a" },
        { "layers: [{name: in, model: {layers: [{name: a, type: relu}, {name: b, type: square}]}}, relu]\noutput: in.a\n",
          "in.a" },
        { "extends: LNFDLNF\n", "stage_2" },
        { "extends: LNFDLNF\noutput: delay\n", "delay" },
        { "extends: LNFDLNF\nlayers: [relu]\n", "relu" },
        { "extends: retina\n", "ganglion_1.spikes" },
        { "extends: retina\noutput: opl\n", "opl" },
        { "retina: {}\noutput: opl.center\n", "opl.center" },
        { "layers: [{name: eye, model: {extends: retina, output: bipolar}}]\n", "eye.bipolar" },
    };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        convis_recipe *r = from_yaml(CASES[k].text), *again;
        convis_model *m = built(r, 10, 8), *n;
        if (strcmp(convis_output_name(m), CASES[k].output))
            fail_msg("case %zu: %s, expected %s", k, convis_output_name(m), CASES[k].output);
        must(c, convis_recipe_of_model(m, &again));
        n = built(again, 10, 8);
        assert_string_equal(convis_output_name(n), CASES[k].output);
        convis_model_free(&n);
        convis_recipe_free(&again);
        const char *saved = file_named("saved.h5");      /* another one is chosen later, as a fit does */
        const char *chosen = convis_node_named(m, "ganglion_0").id > 0 ? "ganglion_0" : "output";
        must(c, convis_recipe_output(r, !strcmp(chosen, "output") ? CASES[k].output : chosen));
        must(c, convis_model_save(r, m, saved, NULL, 0));
        again = opened(saved);
        n = built(again, 10, 8);
        assert_string_equal(convis_output_name(n), !strcmp(chosen, "output") ? CASES[k].output : chosen);
        assert_null(convis_recipe_chosen(again));
        convis_model_free(&n);
        convis_model_free(&m);
        convis_recipe_free(&again);
        convis_recipe_free(&r);
        unlink(saved);
    }
    convis_recipe *r = from_yaml(TWO "output: a\n");
    assert_string_equal(convis_recipe_chosen(r), "a");
    convis_recipe_free(&r);
    r = opened("GLM");
    assert_null(convis_recipe_chosen(r));
    convis_recipe_free(&r);
    r = from_yaml("extends: retina\noutput: oopl\n");
    convis_model *m;
    refused(c, CONVIS_ENAME, ":2:9: output: 'oopl' is no layer; did you mean opl?", convis_recipe_build(r, 9, 9, &m));
    convis_recipe_free(&r);
}

/* ---- Files that include themselves ---- */

/* A file that includes itself is named at once, with the files between: each place once. What is only deep may be eight deep. */
static void circles(void **state)
{
    (void)state;
    char text[48], longer[48];
    convis_recipe *r = NULL;
    written("c.yaml", "layers:\n  - {name: x, model: a.yaml}\n");
    written("b.yaml", "extends: {extends: c.yaml}\n");
    const char *a = written("a.yaml", "layers:\n  - {name: y, model: ./b.yaml}\n");
    assert_int_equal(convis_recipe_open(c, a, &r), CONVIS_EFORMAT);
    const char *said = convis_message(c);
    assert_non_null(strstr(said, "a.yaml:2:22: "));
    assert_non_null(strstr(said, "b.yaml:1:20: "));
    assert_non_null(strstr(said, "c.yaml:2:22: the file includes itself: "));
    int arrows = 0;
    for (const char *at = said; (at = strstr(at, " -> ")); at += 4) arrows++;
    assert_int_equal(arrows, 3);
    assert_non_null(strstr(strstr(said, "itself: "), "a.yaml -> "));
    for (int k = 0; k < 3; k++) {
        snprintf(text, sizeof text, "%c.yaml", 'a' + k);
        unlink(file_named(text));
    }
    for (int k = 0; k < 10; k++) {
        snprintf(text, sizeof text, "%d.yaml", k);
        snprintf(longer, sizeof longer, "extends: %d.yaml\n", k - 1);
        written(text, k ? longer : "layers: [relu]\n");
    }
    r = opened(file_named("8.yaml"));
    convis_recipe_free(&r);
    refused(c, CONVIS_EFORMAT, "a model within a model, 9 deep, expected 8 at most",
            convis_recipe_open(c, file_named("9.yaml"), &r));
    for (int k = 0; k < 10; k++) {
        snprintf(text, sizeof text, "%d.yaml", k);
        unlink(file_named(text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_extensions), cmocka_unit_test(declared_inputs), cmocka_unit_test(channels_within),
        cmocka_unit_test(outputs),            cmocka_unit_test(circles),
    };
    return cmocka_run_group_tests_name("written", tests, open_all, close_all);
}
