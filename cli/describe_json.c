/* describe_json.c - what there is, for programs: models, layers, kinds of everything, files, commands (docs/describe.md has the shape). */
#include "describe.h"
#include "specs.h"
#include <convis/fit.h>
#include <convis/io.h>
#include <math.h>
#include <string.h>

const char *describe_doc_of(const char *name)
{
    const char *model, *doc;
    for (int k = 0; (model = convis_recipe_name(k, &doc)); k++)
        if (!strcmp(model, name)) return doc;
    return NULL;
}

int describe_least(const convis_layer_type *t) { return t->min_inputs ? t->min_inputs : t->inputs; }
int describe_most(const convis_layer_type *t) { return t->more ? t->more->inputs : t->inputs; }

/* ---- A number or text that can be set ---- */

/* words and word: as convis_setting has them. */
struct value { int whole, word, text, array; const char *words; double min, max; int open; };

static const double ENDLESS = 1e15;                      /* what is larger stands for "no bound" */

static void value_members(cli_json *j, const struct value *v)
{
    const int bounded = !v->text && !v->word;
    cli_json_text(j, "type", v->text ? "text" : v->array ? "array" : v->word ? "word" : v->whole ? "whole" : "number");
    cli_json_number(j, "min", bounded && v->min > -ENDLESS ? v->min : NAN);
    cli_json_number(j, "max", bounded && v->max < ENDLESS ? v->max : NAN);
    cli_json_flag(j, "open", bounded && v->open);
    cli_json_words(j, "words", v->words);
    cli_json_number(j, "first", v->word ? v->min : NAN);
}

/* The word of a number, else the number; of an array nothing. */
static void number_member(cli_json *j, const char *name, const char *words, double min, double value, int array)
{
    char word[64];
    if (words && cli_word(words, min, value, word, sizeof word)) cli_json_text(j, name, word);
    else cli_json_number(j, name, array ? NAN : value);
}

static void item_members(cli_json *j, const convis_item *p)
{
    value_members(j, &(struct value){ p->whole, p->words != NULL, p->text, p->array, p->words, p->min, p->max, 0 });
    if (p->text) cli_json_text(j, "default", p->initial_text);
    else number_member(j, "default", p->words, p->min, p->initial, p->array);
    cli_json_text(j, "unit", p->unit);
    cli_json_flag(j, "whole", p->whole);
    cli_json_flag(j, "array", p->array);
    cli_json_flag(j, "text", p->text);
    cli_json_flag(j, "differentiable", p->differentiable);
    cli_json_text(j, "doc", p->doc);
}

/* ---- Layers ---- */

static void rows(cli_json *j, const convis_layer_type *t, convis_kind kind, const char *name)
{
    convis_item item;
    cli_json_begin(j, name, '[');
    for (int k = 0; convis_layer_type_list(t, kind, k, &item); k++) {
        if (!*item.path) continue;                       /* the output itself */
        cli_json_begin(j, NULL, '{');
        cli_json_text(j, "name", item.path);
        if (kind == CONVIS_PARAMETER) item_members(j, &item);
        else {
            cli_json_text(j, "unit", item.unit);
            if (kind == CONVIS_STATE) cli_json_number(j, "default", item.initial);
            cli_json_text(j, "doc", item.doc);
        }
        cli_json_end(j, '}');
    }
    cli_json_end(j, ']');
}

static void layer_members(cli_json *j, const convis_layer_type *t)
{
    char line[256];
    cli_json_text(j, "doc", t->doc);
    cli_json_begin(j, "equation", '[');
    for (int k = 0; convis_layer_type_equation(t, k, line, sizeof line); k++) cli_json_text(j, NULL, line);
    cli_json_end(j, ']');
    cli_json_number(j, "min_inputs", describe_least(t));
    cli_json_number(j, "max_inputs", describe_most(t));
    cli_json_flag(j, "pointwise", t->pointwise || t->memoryless);
    cli_json_flag(j, "spiking", t->spikes != NULL);
    cli_json_flag(j, "gpu", t->pointwise || t->device_capable);
    rows(j, t, CONVIS_PARAMETER, "parameters");
    rows(j, t, CONVIS_INPUT, "inputs");
    rows(j, t, CONVIS_STATE, "states");
    rows(j, t, CONVIS_OUTPUT, "outputs");
}

void describe_layer_json(const convis_layer_type *t)
{
    cli_json j = { .out = stdout };
    cli_json_begin(&j, NULL, '{');
    cli_json_text(&j, "layer", t->name);
    layer_members(&j, t);
    cli_json_end(&j, '}');
}

/* ---- Models ---- */

static void settings(cli_json *j, const convis_recipe *r)
{
    convis_setting s;
    cli_json_begin(j, "settings", '[');
    for (int k = 0; convis_recipe_list(r, k, &s); k++) {
        cli_json_begin(j, NULL, '{');
        cli_json_text(j, "path", s.path);
        cli_json_text(j, "value", s.value);
        value_members(j, &(struct value){ s.whole, s.word, s.text, s.array, s.words, s.min, s.max, s.open });
        cli_json_text(j, "default", s.array ? NULL : s.initial);
        cli_json_text(j, "unit", s.unit);
        cli_json_text(j, "xml", s.xml && *s.xml ? s.xml : NULL);
        cli_json_text(j, "doc", s.doc);
        cli_json_end(j, '}');
    }
    cli_json_end(j, ']');
}

static void parameter_members(cli_json *j, const convis_model *m, const convis_item *item)
{
    if (item->text) cli_json_text(j, "value", convis_get_text(m, item->path));
    else number_member(j, "value", item->words, item->min, item->value, item->array);
    cli_json_number(j, "count", (double)item->count);
    item_members(j, item);
}

static void items(cli_json *j, const convis_model *m, convis_kind kind, const char *name)
{
    convis_item item;
    cli_json_begin(j, name, '[');
    for (int k = 0; convis_list(m, kind, k, &item); k++) {
        cli_json_begin(j, NULL, '{');
        cli_json_text(j, "path", item.path);
        if (kind == CONVIS_LAYER) cli_json_text(j, "type", item.target);
        if (kind == CONVIS_PARAMETER) parameter_members(j, m, &item);
        else if (kind == CONVIS_ALIAS) cli_json_text(j, "target", item.target);
        else {
            cli_json_text(j, "unit", item.unit);
            cli_json_text(j, "doc", item.doc);
        }
        cli_json_end(j, '}');
    }
    cli_json_end(j, ']');
}

/* channels 0: any number of them. */
static void inputs(cli_json *j, const convis_recipe *r)
{
    const char *name;
    convis_shape frame;
    cli_json_begin(j, "inputs", '[');
    for (int k = 0; convis_recipe_input(r, k, &name, &frame); k++) {
        cli_json_begin(j, NULL, '{');
        cli_json_text(j, "name", name);
        cli_json_number(j, "channels", (double)frame.dim[CONVIS_C]);
        cli_json_number(j, "height", (double)frame.dim[CONVIS_Y]);
        cli_json_number(j, "width", (double)frame.dim[CONVIS_X]);
        cli_json_end(j, '}');
    }
    cli_json_end(j, ']');
}

static void model_members(cli_json *j, const struct describe_subject *s)
{
    cli_json_text(j, "doc", describe_doc_of(s->name));
    cli_json_text(j, "numerics", s->numerics[0] ? s->numerics : NULL);
    settings(j, s->recipe);
    inputs(j, s->recipe);
    items(j, s->model, CONVIS_LAYER, "layers");
    items(j, s->model, CONVIS_PARAMETER, "parameters");
    items(j, s->model, CONVIS_OUTPUT, "outputs");
    items(j, s->model, CONVIS_ALIAS, "aliases");
}

void describe_model_json(const struct describe_subject *s)
{
    cli_json j = { .out = stdout };
    cli_json_begin(&j, NULL, '{');
    cli_json_text(&j, "model", s->name);
    model_members(&j, s);
    cli_json_end(&j, '}');
}

static int model(cli_json *j, convis_context *c, const char *name)
{
    struct describe_subject s = { .name = name };
    int failed = 0;
    if (convis_recipe_open(c, name, &s.recipe) || describe_build(&s))
        failed = cli_report(c);
    else {
        if (convis_recipe_get(s.recipe, "numerics", s.numerics, sizeof s.numerics)) s.numerics[0] = 0;
        cli_json_begin(j, NULL, '{');
        cli_json_text(j, "name", name);
        model_members(j, &s);
        cli_json_end(j, '}');
    }
    convis_model_free(&s.model);
    convis_recipe_free(&s.recipe);
    return failed;
}

/* ---- Lists of kinds ---- */

static void kind(cli_json *j, const char *name, const char *doc)
{
    cli_json_begin(j, NULL, '{');
    cli_json_text(j, "name", name);
    cli_json_text(j, "doc", doc);
    cli_json_end(j, '}');
}

static void kinds(cli_json *j)
{
    const char *name, *doc;
    int batch;
    cli_json_begin(j, "losses", '[');
    for (int k = 0; (name = convis_loss_list(k, &doc)); k++) kind(j, name, doc);
    cli_json_end(j, ']');
    cli_json_begin(j, "regularizers", '[');
    for (int k = 0; (name = convis_regularizer_list(k, &doc)); k++) kind(j, name, doc);
    cli_json_end(j, ']');
    cli_json_begin(j, "optimizers", '[');
    for (int k = 0; (name = convis_optimizer_list(k, &doc, &batch)); k++) {
        cli_json_begin(j, NULL, '{');
        cli_json_text(j, "name", name);
        cli_json_flag(j, "batch", batch);
        cli_json_text(j, "doc", doc);
        cli_json_end(j, '}');
    }
    cli_json_end(j, ']');
}

static void formats(cli_json *j)
{
    convis_format_info f;
    cli_json_begin(j, "formats", '[');
    for (int k = 0; convis_format_list(k, &f); k++) {
        cli_json_begin(j, NULL, '{');
        cli_json_text(j, "extension", f.extension);
        cli_json_words(j, "reads", f.reads);
        cli_json_words(j, "writes", f.writes);
        cli_json_text(j, "doc", f.doc);
        cli_json_end(j, '}');
    }
    cli_json_end(j, ']');
}

/* ---- Commands ---- */

static void option(cli_json *j, const cli_option *o)
{
    static const char *const TYPES[] = {
        [CLI_FLAG] = "flag", [CLI_TEXT] = "text", [CLI_TEXTS] = "text", [CLI_WORD] = "word",
        [CLI_PLACE] = "word", [CLI_NUMBER] = "number", [CLI_POSITIVE] = "number", [CLI_WHOLE] = "whole",
        [CLI_COUNT] = "whole", [CLI_INT] = "whole", [CLI_SEED] = "whole", [CLI_SIZE] = "size"
    };
    const int word = o->type == CLI_WORD || o->type == CLI_PLACE,
              whole = o->type == CLI_WHOLE || o->type == CLI_INT || o->type == CLI_SEED;
    const char letter[] = { o->letter, 0 };
    cli_json_begin(j, NULL, '{');
    cli_json_text(j, "name", o->name);
    cli_json_text(j, "letter", o->letter ? letter : NULL);
    cli_json_text(j, "type", TYPES[o->type]);
    cli_json_text(j, "value", word ? NULL : o->value);
    cli_json_words(j, "words", word ? o->value : NULL);
    cli_json_number(j, "min", whole || o->type == CLI_POSITIVE ? 0 : o->type == CLI_COUNT ? 1 : NAN);
    cli_json_flag(j, "open", o->type == CLI_POSITIVE);
    cli_json_flag(j, "repeats", o->type == CLI_TEXTS);
    cli_json_text(j, "doc", o->help);
    cli_json_end(j, '}');
}

static void command(void *user, const cli_command *c, const cli_page *page, const cli_option *options)
{
    cli_json *j = user;
    cli_json_begin(j, NULL, '{');
    cli_json_text(j, "name", c->name);
    cli_json_text(j, "doc", c->summary);
    cli_json_text(j, "usage", page->usage);
    cli_json_text(j, "text", page->text);
    cli_json_text(j, "examples", page->examples);
    cli_json_begin(j, "options", '[');
    for (const cli_option *o = options; o->letter || o->name; o++) option(j, o);
    option(j, &(cli_option){ 'h', "help", NULL, CLI_FLAG, NULL, "this text" });
    cli_json_end(j, ']');
    cli_json_end(j, '}');
}

/* ---- Everything ---- */

int describe_all_json(convis_context *c)
{
    cli_json j = { .out = stdout };
    const char *name;
    int failed = 0;
    cli_json_begin(&j, NULL, '{');
    cli_json_text(&j, "version", convis_version());
    cli_json_number(&j, "api", CONVIS_API);
    cli_json_text(&j, "precision", sizeof(convis_real) == sizeof(double) ? "double" : "single");
    cli_json_begin(&j, "layers", '[');
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++) {
        cli_json_begin(&j, NULL, '{');
        cli_json_text(&j, "name", (*t)->name);
        layer_members(&j, *t);
        cli_json_end(&j, '}');
    }
    cli_json_end(&j, ']');
    cli_json_begin(&j, "models", '[');
    for (int k = 0; !failed && (name = convis_recipe_name(k, NULL)); k++) failed = model(&j, c, name);
    cli_json_end(&j, ']');
    cli_specs_json(&j, "initialisers", &CLI_INITIALISERS);
    cli_specs_json(&j, "stimuli", &CLI_STIMULI);
    kinds(&j);
    formats(&j);
    cli_json_begin(&j, "commands", '[');
    cli_each_command(command, &j);
    cli_json_end(&j, ']');
    cli_json_end(&j, '}');
    return failed;
}

void describe_overview_json(void)
{
    cli_json j = { .out = stdout };
    const char *name, *doc;
    cli_json_begin(&j, NULL, '{');
    cli_json_begin(&j, "models", '[');
    for (int k = 0; (name = convis_recipe_name(k, &doc)); k++) kind(&j, name, doc);
    cli_json_end(&j, ']');
    cli_json_begin(&j, "layers", '[');
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++) kind(&j, (*t)->name, (*t)->doc);
    cli_json_end(&j, ']');
    cli_json_end(&j, '}');
}
