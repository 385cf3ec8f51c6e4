/* describe.c - convis describe: models and layers, what can be set and read in each. As text, or as JSON. */
#include "cli.h"
#include "specs.h"
#include <convis/layer.h>
#include <math.h>
#include <string.h>

static const cli_page PAGE = {
    "describe", "[MODEL|LAYER] [OPTION]...",
    "Without an argument: the built-in models and the layers. Of a model: its settings (for --set) and its\n"
    "outputs (for --probe). Of a layer: its parameters, states and outputs.\n",
    "  convis describe\n"
    "  convis describe retina.xml\n"
    "  convis describe primate --xml > primate.xml\n"
    "  convis describe LNLN --set stages=3 --yaml > mine.yaml\n"
    "  convis describe retina --json | jq '.settings[].path'\n",
    0, 1
};

/* The layers of a model may depend on the size of the movie; this one serves to list them. */
enum { WIDTH = 64, HEIGHT = 64 };
enum { LONGEST = 32 };                                   /* value in a table; --json has all of it */

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
        else if (f->flags & CONVIS_TEXT) cli_table_row(&table, 6, f->name, f->unit, "", "", "text", f->doc);
        else
            cli_table_row(&table, 6, f->name, f->flags & CONVIS_ARRAY ? "array" : number(f->value, value, sizeof value),
                          unit(f->unit), bounds(f->min, f->max, range, sizeof range),
                          f->flags & CONVIS_WHOLE ? "whole"
                          : f->flags & CONVIS_FIXED ? ""
                                                    : "differentiable",
                          f->doc);
    cli_table_print(&table, stdout);
}

static void fields_json(const char *name, const convis_field *f, int parameters)
{
    begin_list(name, 0);
    for (int k = 0; f && f[k].name; k++) {
        begin_row(!k);
        text_member("name", f[k].name, 1);
        const int text = parameters && f[k].flags & CONVIS_TEXT;                 /* its unit is its default */
        text_member("unit", text ? NULL : f[k].unit, 0);
        if (parameters) {
            if (text) text_member("default", f[k].unit, 0);
            else number_member("default", f[k].value);
            number_member("min", text ? NAN : f[k].min);
            number_member("max", text ? NAN : f[k].max);
            flag_member("whole", (f[k].flags & CONVIS_WHOLE) != 0);
            flag_member("array", (f[k].flags & CONVIS_ARRAY) != 0);
            flag_member("text", text);
            flag_member("differentiable", !(f[k].flags & (CONVIS_FIXED | CONVIS_WHOLE | CONVIS_TEXT)));
        }
        text_member("doc", f[k].doc, 0);
        end_row();
    }
    end_list();
}

static int min_inputs(const convis_layer_type *t) { return t->min_inputs ? t->min_inputs : t->inputs; }
static int most(const convis_layer_type *t) { return t->more ? t->more->inputs : t->inputs; }

static void layer_text(const convis_layer_type *t)
{
    printf("%s: %s\n", t->name, t->doc);
    if (min_inputs(t) < most(t)) printf("%d to ", min_inputs(t));
    printf("%d input%s, %s in space%s\n", most(t), most(t) == 1 ? "" : "s",
           t->pointwise || t->memoryless ? "pointwise" : "a neighbourhood", t->spikes ? ", spikes" : "");
    fields_text("Parameters (name, default, unit, bounds)", t->params, 1);
    fields_text("States", t->states, 0);
    fields_text("Further outputs", t->outputs, 0);
}

static void layer_json(const convis_layer_type *t)
{
    printf("{\n ");
    text_member("layer", t->name, 1);
    text_member("doc", t->doc, 0);
    number_member("inputs", most(t));
    number_member("min_inputs", min_inputs(t));
    flag_member("pointwise", t->pointwise || t->memoryless);
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
    for (int k = 0; convis_recipe_list(s->recipe, k, &setting); k++) {
        if (strlen(setting.value) > LONGEST) strcpy(setting.value + LONGEST - 3, "...");
        cli_table_row(&table, 4, setting.path, setting.value, setting.unit, setting.doc);
    }
    cli_table_print(&table, stdout);

    heading("Outputs, for --probe PATH=FILE (path, or a short name)");
    for (int k = 0; convis_list(s->model, CONVIS_OUTPUT, k, &item); k++)
        cli_table_row(&table, 4, item.path, short_name(s->model, item.path, &alias), unit(item.unit), item.doc);
    cli_table_print(&table, stdout);

    if (!all) { puts("\n--all also lists the numbers inside its layers that are no settings."); return; }
    heading("Further parameters of its layers, also for --set (path, value, unit, bounds)");
    for (int k = 0; convis_list(s->model, CONVIS_PARAMETER, k, &item); k++)
        if (is_setting(s, item.path)) continue;
        else if (item.text) cli_table_row(&table, 5, item.path, convis_get_text(s->model, item.path), "", "", item.doc);
        else
            cli_table_row(&table, 5, item.path, item.count == 1 ? number(item.value, value, sizeof value) : "array",
                          unit(item.unit), bounds(item.min, item.max, range, sizeof range), item.doc);
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
            text_member("unit", item.text ? NULL : item.unit, 0);
            text_member("doc", item.doc, 0);
        }
        if (kind == CONVIS_PARAMETER && item.text) {
            text_member("value", convis_get_text(m, item.path), 0);
            text_member("default", item.unit, 0);
        } else if (kind == CONVIS_PARAMETER) {
            number_member("value", item.value);
            number_member("default", item.initial);
        }
        if (kind == CONVIS_PARAMETER) {
            number_member("min", item.text ? NAN : item.min);
            number_member("max", item.text ? NAN : item.max);
            number_member("count", (double)item.count);
            flag_member("whole", item.whole);
            flag_member("text", item.text);
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

/* ---- A model as a file ---- */

static int print_xml(convis_context *c, const struct subject *s)
{
    char *text;
    const convis_status status = convis_recipe_xml(s->recipe, &text);
    if (status == CONVIS_ENOTSUP)
        return cli_fail("%s: VirtualRetina's format has only retinas; --yaml writes any model", s->name);
    if (status) return cli_report(c);
    if (convis_recipe_parameters(s->recipe))
        cli_warn("VirtualRetina's format does not keep the parameters of layers that are no settings; --yaml does");
    fputs(text, stdout);
    convis_recipe_text_free(s->recipe, &text);
    return 0;
}

/* Without a size as it is described, for movies of any size; with one, the layers that are built for it. */
static int print_yaml(convis_context *c, struct subject *s, const cli_size *size)
{
    char *text;
    if (size->width) {
        if (convis_recipe_build(s->recipe, size->width, size->height, &s->model)) return cli_report(c);
        if (convis_model_yaml(s->model, &text)) return cli_report(c);
        fputs(text, stdout);
        /* A recipe builds windows and cells anew for every size; what is written of the model has them where they are. */
        if (strstr(text, "\nunits:") || strstr(text, "type: crop"))
            cli_warn("this is %s for movies of %dx%d pixels alone: its windows and cells do not follow another size", s->name,
                     (int)size->width, (int)size->height);
        convis_model_yaml_free(s->model, &text);
    } else {
        if (convis_recipe_yaml(s->recipe, &text)) return cli_report(c);
        fputs(text, stdout);
        convis_recipe_text_free(s->recipe, &text);
    }
    return 0;
}

static int not_found(convis_context *c, const char *name)
{
    convis_hint n = CONVIS_HINT(name);
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++) convis_hint_offer(&n, (*t)->name);
    if (!n.text[0]) return cli_report(c);
    return cli_fail("no model, layer or file is called '%s'%s", name, n.text);
}

/* What was asked for: how a model is shown, and what is set in it before. */
struct wish { int json, xml, yaml, all, kernels; cli_size size; cli_list sets; };

static int set_all(convis_context *c, const struct subject *s, const struct wish *w)
{
    char path[128];
    const char *value;
    for (int k = 0; k < w->sets.count; k++)
        if (cli_split(w->sets.at[k], path, sizeof path, &value) && convis_recipe_set(s->recipe, path, value))
            return cli_report(c);
    return 0;
}

static int model(convis_context *c, const char *name, const struct wish *w)
{
    struct subject s = { .name = name };
    const char *warning;
    convis_status status = convis_recipe_open(c, name, &s.recipe);
    if (status) return status == CONVIS_ENAME ? not_found(c, name) : cli_report(c);
    /* Those of the file; what building would warn of depends on the movie, and there is none. */
    for (int k = 0; (warning = convis_recipe_warning(s.recipe, k)); k++) cli_warn("%s", warning);
    int failed = set_all(c, &s, w);
    if (!failed && w->xml) failed = print_xml(c, &s);
    else if (!failed && w->yaml) failed = print_yaml(c, &s, &w->size);
    else if (!failed && convis_recipe_build(s.recipe, WIDTH, HEIGHT, &s.model)) failed = cli_report(c);
    else if (!failed) {
        if (convis_recipe_get(s.recipe, "numerics", s.numerics, sizeof s.numerics)) s.numerics[0] = 0;
        if (w->json) model_json(&s);
        else model_text(&s, w->all);
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

/* ---- Kernels ---- */

static int kernels(const cli_list *words, const struct wish *w)
{
    static const cli_specs KERNELS = { "Kinds of kernel", convis_initialiser_list, convis_initialiser_param_list };
    convis_kind_info kind;
    if (w->xml || w->yaml || w->sets.count) return cli_usage("describe", "--kernels goes with --json only");
    if (w->json) { cli_specs_json(&KERNELS); return 0; }
    if (!words->count) { cli_specs_list(&KERNELS); return 0; }
    if (cli_specs_one(&KERNELS, words->at[0])) return 0;
    convis_hint n = CONVIS_HINT(words->at[0]);
    for (int k = 0; convis_initialiser_list(k, &kind); k++) convis_hint_offer(&n, kind.name);
    return cli_fail("no kind of kernel is called '%s'%s", words->at[0], n.text);
}

int cli_describe(int argc, char **argv)
{
    struct wish w = { 0 };
    cli_list words = { 0 };
    char path[128];
    const char *value;
    const cli_option options[] = {
        { 'a', "all", NULL, CLI_FLAG, &w.all,  "every parameter of a model's layers, too" },
        { 0, "kernels", NULL, CLI_FLAG, &w.kernels, "what arrays of weights can be made of: all kinds, or one" },
        { 0, "json", NULL, CLI_FLAG, &w.json,  "for programs: always everything" },
        { 0, "yaml", NULL, CLI_FLAG, &w.yaml,  "the model as a .yaml" },
        { 0, "xml",  NULL, CLI_FLAG, &w.xml,   "the model as VirtualRetina's .xml" },
                                   { 0, "size", "WxH", CLI_SIZE, &w.size,
                                     "with --yaml: every layer and cell as built for movies of this size,\nand for no other" },
        { 's', "set", "PATH=VALUE", CLI_TEXTS, &w.sets, "change a setting first; may be given again" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    if (w.kernels) return kernels(&words, &w);
    const int as_file = w.xml + w.yaml;
    const char *const option = w.xml ? "--xml" : w.yaml ? "--yaml" : "--set";
    if ((as_file || w.sets.count) && !words.count) return cli_usage("describe", "%s needs a MODEL", option);
    if (as_file + w.json > 1) return cli_usage("describe", "either --xml, --yaml or --json");
    if (w.size.width && !w.yaml) return cli_usage("describe", "--size goes with --yaml");
    for (int k = 0; k < w.sets.count; k++)
        if (!cli_split(w.sets.at[k], path, sizeof path, &value))
            return cli_usage("describe", "--set: '%s', expected PATH=VALUE", w.sets.at[k]);
    if (!words.count) {
        (w.json ? overview_json : overview_text)();
        return 0;
    }
    const convis_layer_type *layer = doc_of(words.at[0]) ? NULL : find_layer(words.at[0]);
    if (layer && (as_file || w.sets.count))
        return cli_usage("describe", "'%s' is a layer; %s needs a MODEL", words.at[0], option);
    if (layer) {
        (w.json ? layer_json : layer_text)(layer);
        return 0;
    }
    convis_context *c = cli_open(NULL, 0);
    if (!c) return 1;
    int failed = model(c, words.at[0], &w);
    convis_close(&c);
    return failed;
}
