/* test_words.c - numbers that stand for words, in every layer that has them; what types of layers and settings say of themselves. */
#include "harness.h"
#include "base/words.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static convis_context *c;

static int open_cpu(void **state)
{
    (void)state;
    return convis_open(&c, "cpu") != CONVIS_OK;
}

static int close_cpu(void **state)
{
    (void)state;
    convis_close(&c);
    return 0;
}

/* ---- Lists of words ---- */

static void lists(void **state)
{
    (void)state;
    char text[CONVIS_WORDS_TEXT];
    double value = 9;
    assert_string_equal(CONVIS_WORDS_LIST("none|sum|norm"), "none, sum or norm");
    assert_string_equal(CONVIS_WORDS_LIST("off||on"), "off or on");
    assert_string_equal(CONVIS_WORDS_LIST("|constant|linear"), "constant or linear");
    assert_true(convis_word_value("off||on", -1, "on", 2, &value) && value == 1);
    assert_true(convis_word_value("none|sum|norm", 0, "sum", 3, &value) && value == 1);
    assert_false(convis_word_value("none|sum|norm", 0, "su", 2, &value));
    assert_false(convis_word_value("off||on", -1, "", 0, &value));
    assert_false(convis_word_of("off||on", -1, 0, text, sizeof text));
    assert_string_equal(text, "");
    assert_true(convis_word_of("off||on", -1, -1, text, sizeof text) && !strcmp(text, "off"));
    assert_false(convis_word_of("off||on", -1, 0.5, text, sizeof text));
    assert_false(convis_word_of("off||on", -1, 2, text, sizeof text));
}

/* ---- Every layer ---- */

static const char *next(const char *words) { return strchr(words, '|') ? strchr(words, '|') + 1 : NULL; }

/* Each word is set as a text and as a number, and read, in the model and in the recipe, whose YAML has it. */
static void one(const convis_layer_type *t, const convis_item *p)
{
    convis_recipe *r;
    convis_model *m;
    char path[160], word[32], number[32], value[192], *text;
    double v, expected = p->min;
    snprintf(path, sizeof path, "it.%s", p->path);
    for (const char *w = p->words; w; w = next(w), expected++) {
        snprintf(word, sizeof word, "%.*s", (int)strcspn(w, "|"), w);
        snprintf(number, sizeof number, "%g", expected);
        must(c, convis_recipe_new(c, 0.01, &r));
        must(c,
             convis_recipe_add_layer(r, t->name, "it", t->inputs > 1 ? (convis_from[]){ { "input", 0 }, { "input", 0 } } : NULL,
                                        t->inputs > 1 ? 2 : 0));
        must(c, convis_model_new(c, 0.01, &m));
        const convis_edge edge[2] = { { convis_input(m), 0 }, { convis_input(m), 0 } };
        convis_join(m, t, "it", edge, t->inputs > 1 ? 2 : 1);
        must(c, convis_recipe_set(r, path, number));
        must(c, convis_recipe_get(r, path, value, sizeof value));
        if (*word) {
            assert_string_equal(value, word);
            must(c, convis_recipe_set(r, path, word));
            must(c, convis_recipe_yaml(r, &text));
            snprintf(value, sizeof value, "%s: %s\n", p->path, word);
            if (!strstr(text, value)) fail_msg("%s.%s: no '%s' in %s", t->name, p->path, value, text);
            convis_recipe_text_free(r, &text);
            must(c, convis_set_text(m, path, word));
            must(c, convis_get(m, path, &v));
            assert_true(v == expected);
            assert_string_equal(convis_get_text(m, path), word);
        }
        must(c, convis_set(m, path, expected));
        assert_int_equal(convis_set_text(m, path, "no word"), CONVIS_EINVAL);
        assert_non_null(strstr(convis_message(c), "expected "));
        assert_int_equal(convis_recipe_set(r, path, "no word"), CONVIS_EINVAL);
        convis_model_free(&m);
        convis_recipe_free(&r);
    }
    assert_true(expected == p->max + 1);
}

static void every_word(void **state)
{
    (void)state;
    convis_item p;
    int some = 0;
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++)
        for (int k = 0; convis_layer_type_list(*t, CONVIS_PARAMETER, k, &p); k++) {
            /* "0: this; 1: that" in a doc is a number that stands for words and has none. */
            if (!p.words && p.whole && strstr(p.doc, "1: ")) fail_msg("%s.%s: '%s', expected words", (*t)->name, p.path, p.doc);
            if (p.words) { one(*t, &p); some++; }
        }
    assert_true(some > 25);
}

/* ---- Types and settings ---- */

static void types(void **state)
{
    (void)state;
    convis_item p;
    char line[128];
    const convis_layer_type *lowpass = convis_layer_type_named("lowpass"), *difference = convis_layer_type_named("difference");
    assert_true(convis_layer_type_list(lowpass, CONVIS_LAYER, 0, &p) && !strcmp(p.path, "lowpass") && p.inputs == 1);
    assert_false(convis_layer_type_list(lowpass, CONVIS_LAYER, 1, &p));
    assert_true(convis_layer_type_list(lowpass, CONVIS_PARAMETER, 0, &p) && !strcmp(p.path, "tau") && !strcmp(p.unit, "s"));
    assert_true(p.initial == 0.01 && p.min == 0 && p.max == 1e3 && p.differentiable && !p.words);
    assert_true(convis_layer_type_list(lowpass, CONVIS_PARAMETER, 3, &p) && !strcmp(p.words, "all|first|none") && p.whole &&
                !*p.unit);
    assert_false(convis_layer_type_list(lowpass, CONVIS_PARAMETER, 4, &p));
    assert_false(convis_layer_type_list(lowpass, CONVIS_PARAMETER, -1, &p));
    assert_true(convis_layer_type_list(lowpass, CONVIS_STATE, 0, &p) && !strcmp(p.path, "s"));
    assert_true(convis_layer_type_list(lowpass, CONVIS_OUTPUT, 0, &p) && !*p.path);
    assert_false(convis_layer_type_list(lowpass, CONVIS_OUTPUT, 1, &p));
    assert_true(convis_layer_type_list(difference, CONVIS_INPUT, 1, &p) && !strcmp(p.path, "minus"));
    assert_false(convis_layer_type_list(difference, CONVIS_INPUT, 2, &p));
    assert_true(convis_layer_type_list(convis_layer_type_named("expr"), CONVIS_PARAMETER, 0, &p) && p.text && p.initial_text &&
                *p.initial_text);
    assert_false(convis_layer_type_list(NULL, CONVIS_LAYER, 0, &p));
    assert_true(convis_layer_type_equation(convis_layer_type_named("relu"), 0, line, sizeof line));
    assert_string_equal(line, "y[t] = slope max(x[t] - threshold, 0)");
    assert_false(convis_layer_type_equation(convis_layer_type_named("relu"), 1, line, sizeof line));
}

static void settings(void **state)
{
    (void)state;
    const char *name;
    convis_setting s;
    convis_recipe *r;
    int words = 0;
    for (int j = 0; (name = convis_recipe_name(j, NULL)); j++) {
        must(c, convis_recipe_open(c, name, &r));
        for (int k = 0; convis_recipe_list(r, k, &s); k++) {
            assert_true(s.unit && s.doc && *s.doc);
            assert_true(s.min < s.max || (s.word && isnan(s.min) && isnan(s.max)));      /* NaN: words without numbers */
            assert_true(s.whole + s.word + s.text + s.array <= 1);
            if (s.word) assert_non_null(s.words);
            words += s.word;
            if (*s.value && !s.array) must(c, convis_recipe_set(r, s.path, s.value));            /* what is shown can be set */
        }
        convis_recipe_free(&r);
    }
    assert_true(words > 50);
}

static void keys(void **state)
{
    (void)state;
    double values[9];
    convis_model *m;
    must(c, convis_model_new(c, 0.01, &m));
    convis_add(m, convis_layer_type_named("conv"), "it", convis_input(m));
    must(c, convis_set(m, "it.height", 3));
    must(c, convis_set(m, "it.width", 3));
    must(c, convis_set_initialiser(m, "it.weights", "gaussian?sigma=1&normalize=norm&flip=on"));
    must(c, convis_plan(m, convis_movie_shape(1, 4, 4)));
    must(c, convis_get_array(m, "it.weights", values, 9));
    double squares = 0;
    for (int k = 0; k < 9; k++) squares += values[k]*values[k];
    assert_true(fabs(squares - 1) < 1e-12);
    must(c, convis_set_initialiser(m, "it.weights", "gaussian?sigma=1&normalize=2"));
    assert_int_equal(convis_set_initialiser(m, "it.weights", "gaussian?normalize=most"), CONVIS_EINVAL);
    assert_non_null(strstr(convis_message(c), "normalize is 'most', expected none, sum or norm"));
    convis_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lists), cmocka_unit_test(every_word), cmocka_unit_test(types),
                                        cmocka_unit_test(settings), cmocka_unit_test(keys) };
    return cmocka_run_group_tests(tests, open_cpu, close_cpu);
}
