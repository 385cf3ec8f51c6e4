/* describe.c - convis describe: models and layers, what can be set and read in each. As text, or as JSON. */
#include "cli.h"
#include <convis/layer.h>
#include <string.h>

static const cli_page PAGE = {
    "describe", "[MODEL|LAYER] [OPTION]...",
    "Without an argument: the built-in models and the layers. Of a model: its settings (for --set) and its\n"
    "outputs (for --probe). Of a layer: its parameters, states and outputs.\n",
    "  convis describe\n"
    "  convis describe retina.xml\n"
    "  convis describe primate --xml > primate.xml\n"
    "  convis describe retina --json | jq '.settings[].path'\n",
    0, 1
};

/* The layers of a model may depend on the size of the movie; this one serves to list them. */
enum { WIDTH = 64, HEIGHT = 64 };

/* ---- Pieces of text ---- */

static const char *number(double value, char *text, size_t size)
{
    snprintf(text, size, "%.6g", value);
    return text;
}

static const char *bounds(double min, double max, char *text, size_t size)
{
    int low = min > -1e15, high = max < 1e15;            /* what is larger stands for "no bound" */
    if (low && high) snprintf(text, size, "%.6g..%.6g", min, max);
    else if (low)    snprintf(text, size, ">= %.6g", min);
    else if (high)   snprintf(text, size, "<= %.6g", max);
    else *text = 0;
    return text;
}

static const char *first_sentence(const char *doc, char *text, size_t size)
{
    const char *end = doc ? strstr(doc, ". ") : NULL;
    int n = snprintf(text, size, "%.*s", end ? (int)(end - doc) : (int)size - 1, doc ? doc : "");
    if (n > 0 && n < (int)size && text[n-1] == '.') text[n-1] = 0;
    return text;
}

/* Units of pure numbers are not worth a column. */
static const char *unit(const char *name) { return name && strcmp(name, "1") ? name : ""; }

static void heading(const char *title) { printf("\n%s\n", title); }

/* ---- Pieces of JSON: {"a": ..., "b": ...} in lists ---- */

static void begin_list(const char *name, int first) { printf("%s\n \"%s\": [", first ? "" : ",", name); }
static void begin_row(int first)   { printf("%s\n  {", first ? "" : ","); }
static void end_row(void)          { putchar('}'); }
static void end_list(void)         { putchar(']'); }

static void text_member(const char *name, const char *value, int first)
{
    printf("%s\"%s\": ", first ? "" : ", ", name);
    cli_json_text(stdout, value);
}

static void number_member(const char *name, double value)
{
    printf(", \"%s\": ", name);
    cli_json_number(stdout, value);
}

static void flag_member(const char *name, int value) { printf(", \"%s\": %s", name, value ? "true" : "false"); }

/* ---- Everything there is ---- */

static void overview_text(void)
{
    const char *name, *doc;
    char sentence[256];
    cli_table table = { 0 };
    puts("Models");
    for (int k = 0; (name = convis_recipe_name(k, &doc)); k++) cli_table_row(&table, 2, name, doc);
    cli_table_print(&table, stdout);
    heading("Layers");
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++)
        cli_table_row(&table, 2, (*t)->name, first_sentence((*t)->doc, sentence, sizeof sentence));
    cli_table_print(&table, stdout);
    puts("\n'convis describe NAME' says more of a model or a layer.");
}

static void overview_json(void)
{
    const char *name, *doc;
    putchar('{');
    begin_list("models", 1);
    for (int k = 0; (name = convis_recipe_name(k, &doc)); k++) {
        begin_row(!k);
        text_member("name", name, 1);
        text_member("doc", doc, 0);
        end_row();
    }
    end_list();
    begin_list("layers", 0);
    for (const convis_layer_type *const *all = convis_layer_types(), *const *t = all; *t; t++) {
        begin_row(t == all);
        text_member("name", (*t)->name, 1);
        text_member("doc", (*t)->doc, 0);
        end_row();
    }
    end_list();
    puts("\n}");
}

/* ---- A layer ---- */

static void fields_text(const char *title, const convis_field *f, int bounded)
{
    char value[32], range[64];
    cli_table table = { 0 };
    if (!f || !f->name) return;
    heading(title);
    for (; f->name; f++)
        if (!bounded) cli_table_row(&table, 3, f->name, unit(f->unit), f->doc);
        else cli_table_row(&table, 6, f->name, f->flags & CONVIS_ARRAY ? "array" : number(f->value, value, sizeof value), unit(f->unit),
                           bounds(f->min, f->max, range, sizeof range),
                           f->flags & CONVIS_WHOLE ? "whole" : f->flags & CONVIS_FIXED ? "" : "differentiable", f->doc);
    cli_table_print(&table, stdout);
}

static void fields_json(const char *name, const convis_field *f, int parameters)
{
    begin_list(name, 0);
    for (int k = 0; f && f[k].name; k++) {
        begin_row(!k);
        text_member("name", f[k].name, 1);
        text_member("unit", f[k].unit, 0);
        if (parameters) {
            number_member("default", f[k].value);
            number_member("min", f[k].min);
            number_member("max", f[k].max);
            flag_member("whole", (f[k].flags & CONVIS_WHOLE) != 0);
            flag_member("array", (f[k].flags & CONVIS_ARRAY) != 0);
            flag_member("differentiable", !(f[k].flags & (CONVIS_FIXED | CONVIS_WHOLE)));
        }
        text_member("doc", f[k].doc, 0);
        end_row();
    }
    end_list();
}

static void layer_text(const convis_layer_type *t)
{
    printf("%s: %s\n", t->name, t->doc);
    printf("%d input%s, %s in space%s\n", t->inputs, t->inputs == 1 ? "" : "s", t->pointwise ? "pointwise" : "a neighbourhood",
           t->spikes ? ", spikes" : "");
    fields_text("Parameters (name, default, unit, bounds)", t->params, 1);
    fields_text("States", t->states, 0);
    fields_text("Further outputs", t->outputs, 0);
}

static void layer_json(const convis_layer_type *t)
{
    printf("{\n ");
    text_member("layer", t->name, 1);
    text_member("doc", t->doc, 0);
    number_member("inputs", t->inputs);
    flag_member("pointwise", t->pointwise != NULL);
    flag_member("spiking", t->spikes != NULL);
    fields_json("parameters", t->params, 1);
    fields_json("states", t->states, 0);
    fields_json("outputs", t->outputs, 0);
    puts("\n}");
}

/* ---- A model ---- */

struct subject { const char *name; convis_recipe *recipe; convis_model *model; char numerics[64]; };

static const char *doc_of(const char *name)
{
    const char *model, *doc;
    for (int k = 0; (model = convis_recipe_name(k, &doc)); k++)
        if (!strcmp(model, name)) return doc;
    return NULL;
}

static int has(const convis_model *m, convis_kind kind, const char *path)
{
    convis_item item;
    for (int k = 0; convis_list(m, kind, k, &item); k++)
        if (!strcmp(item.path, path)) return 1;
    return 0;
}

static int is_setting(const struct subject *s, const char *path)
{
    convis_setting setting;
    convis_item alias;
    for (int k = 0; convis_recipe_list(s->recipe, k, &setting); k++)
        if (!strcmp(setting.path, path)) return 1;
    for (int k = 0; convis_list(s->model, CONVIS_ALIAS, k, &alias); k++)
        if (!strcmp(alias.target, path) && !has(s->model, CONVIS_OUTPUT, path)) return 1;
    return 0;
}

/* Short names stand beside the outputs that they mean; aliases of parameters repeat settings. */
static const char *short_name(const convis_model *m, const char *path, convis_item *alias)
{
    for (int k = 0; convis_list(m, CONVIS_ALIAS, k, alias); k++)
        if (!strcmp(alias->target, path)) return alias->path;
    return "";
}

static void model_text(const struct subject *s, int all)
{
    char value[32], range[64];
    convis_setting setting;
    convis_item item, alias;
    cli_table table = { 0 };
    const char *doc = doc_of(s->name);
    printf("%s%s%s\n", s->name, doc ? ": " : "", doc ? doc : "");
    if (s->numerics[0]) printf("%s numerics\n", s->numerics);

    heading("Settings, for --set PATH=VALUE (path, value, unit)");
    for (int k = 0; convis_recipe_list(s->recipe, k, &setting); k++)
        cli_table_row(&table, 4, setting.path, setting.value, setting.unit, setting.doc);
    cli_table_print(&table, stdout);

    heading("Outputs, for --probe PATH=FILE (path, or a short name)");
    for (int k = 0; convis_list(s->model, CONVIS_OUTPUT, k, &item); k++)
        cli_table_row(&table, 4, item.path, short_name(s->model, item.path, &alias), unit(item.unit), item.doc);
    cli_table_print(&table, stdout);

    if (!all) { puts("\n--all also lists the numbers inside its layers that are no settings."); return; }
    heading("Further parameters of its layers, also for --set (path, value, unit, bounds)");
    for (int k = 0; convis_list(s->model, CONVIS_PARAMETER, k, &item); k++)
        if (!is_setting(s, item.path))
            cli_table_row(&table, 5, item.path, item.count == 1 ? number(item.value, value, sizeof value) : "array", unit(item.unit),
                          bounds(item.min, item.max, range, sizeof range), item.doc);
    cli_table_print(&table, stdout);
}

static void settings_json(const convis_recipe *r)
{
    convis_setting s;
    begin_list("settings", 0);
    for (int k = 0; convis_recipe_list(r, k, &s); k++) {
        begin_row(!k);
        text_member("path", s.path, 1);
        text_member("value", s.value, 0);
        text_member("unit", s.unit, 0);
        text_member("xml", s.xml, 0);
        text_member("doc", s.doc, 0);
        end_row();
    }
    end_list();
}

static void items_json(const convis_model *m, convis_kind kind, const char *name)
{
    convis_item item;
    begin_list(name, 0);
    for (int k = 0; convis_list(m, kind, k, &item); k++) {
        begin_row(!k);
        text_member("path", item.path, 1);
        if (kind == CONVIS_LAYER) text_member("type", item.target, 0);
        if (kind == CONVIS_ALIAS) text_member("target", item.target, 0);
        else {
            text_member("unit", item.unit, 0);
            text_member("doc", item.doc, 0);
        }
        if (kind == CONVIS_PARAMETER) {
            number_member("value", item.value);
            number_member("default", item.initial);
            number_member("min", item.min);
            number_member("max", item.max);
            number_member("count", (double)item.count);
            flag_member("whole", item.whole);
            flag_member("differentiable", item.differentiable);
        }
        end_row();
    }
    end_list();
}

static void model_json(const struct subject *s)
{
    printf("{\n ");
    text_member("model", s->name, 1);
    text_member("doc", doc_of(s->name), 0);
    text_member("numerics", s->numerics[0] ? s->numerics : NULL, 0);
    settings_json(s->recipe);
    items_json(s->model, CONVIS_LAYER, "layers");
    items_json(s->model, CONVIS_PARAMETER, "parameters");
    items_json(s->model, CONVIS_OUTPUT, "outputs");
    items_json(s->model, CONVIS_ALIAS, "aliases");
    puts("\n}");
}

static int print_xml(convis_context *c, const convis_recipe *r)
{
    char *text;
    if (convis_recipe_text(r, &text)) return cli_report(c);
    fputs(text, stdout);
    convis_recipe_text_free(r, &text);
    return 0;
}

static int not_found(convis_context *c, const char *name)
{
    char hint[192];
    cli_nearest n = cli_nearest_to(name);
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++) cli_nearest_offer(&n, (*t)->name);
    if (!n.best[0]) return cli_report(c);
    return cli_fail("no model, layer or file is called '%s'%s", name, cli_nearest_hint(&n, hint, sizeof hint));
}

static int model(convis_context *c, const char *name, int as_json, int as_xml, int all)
{
    struct subject s = { .name = name };
    const char *warning;
    convis_status status = convis_recipe_open(c, name, &s.recipe);
    if (status) return status == CONVIS_ENAME ? not_found(c, name) : cli_report(c);
    int failed = 0;
    /* Those of the file; what building would warn of depends on the movie, and there is none. */
    for (int k = 0; (warning = convis_recipe_warning(s.recipe, k)); k++) cli_warn("%s", warning);
    if (as_xml) failed = print_xml(c, s.recipe);
    else if (convis_recipe_build(s.recipe, WIDTH, HEIGHT, &s.model)) failed = cli_report(c);
    if (!as_xml && !failed) {
        if (convis_recipe_get(s.recipe, "numerics", s.numerics, sizeof s.numerics)) s.numerics[0] = 0;
        if (as_json) model_json(&s);
        else model_text(&s, all);
    }
    convis_model_free(&s.model);
    convis_recipe_free(&s.recipe);
    return failed;
}

/* ---- The command ---- */

static const convis_layer_type *find_layer(const char *name)
{
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++)
        if (!strcmp((*t)->name, name)) return *t;
    return NULL;
}

int cli_describe(int argc, char **argv)
{
    int as_json = 0, as_xml = 0, all = 0;
    cli_list words = { 0 };
    const cli_option options[] = {
        { 'a', "all", NULL, CLI_FLAG, &all,    "every parameter of a model's layers, too" },
        { 0, "json", NULL, CLI_FLAG, &as_json, "for programs: always everything" },
        { 0, "xml",  NULL, CLI_FLAG, &as_xml,  "the model as VirtualRetina's .xml" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    if (as_xml && !words.count) return cli_usage("describe", "--xml needs a MODEL");
    if (as_xml && as_json) return cli_usage("describe", "either --xml or --json");
    if (!words.count) {
        (as_json ? overview_json : overview_text)();
        return 0;
    }
    const convis_layer_type *layer = doc_of(words.at[0]) ? NULL : find_layer(words.at[0]);
    if (layer && as_xml) return cli_usage("describe", "'%s' is a layer; --xml needs a MODEL", words.at[0]);
    if (layer) {
        (as_json ? layer_json : layer_text)(layer);
        return 0;
    }
    convis_context *c = cli_open(NULL, 0);
    if (!c) return 1;
    int failed = model(c, words.at[0], as_json, as_xml, all);
    convis_close(&c);
    return failed;
}
