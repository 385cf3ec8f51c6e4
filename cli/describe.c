/* describe.c - convis describe: models and layers, what can be set and read in each. As text, or as JSON. */
#include "cli.h"
#include "describe.h"
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

/* ---- A layer ---- */

/* What a number may be: its words, or its bounds. */
static const char *range_of(const convis_item *p, char *text, size_t size)
{
    return p->words ? p->words : bounds(p->min, p->max, text, size);
}

static const char *shown(const convis_item *p, double value, char *text, size_t size)
{
    if (p->array && p->count != 1) return "array";
    return p->words && cli_word(p->words, p->min, value, text, size) ? text : number(value, text, size);
}

static void rows_text(const char *title, const convis_layer_type *t, convis_kind kind)
{
    char value[64], range[64];
    convis_item p;
    cli_table table = { 0 };
    for (int k = 0; convis_layer_type_list(t, kind, k, &p); k++)
        if (kind != CONVIS_PARAMETER) { if (*p.path) cli_table_row(&table, 3, p.path, unit(p.unit), p.doc); }
        else if (p.text) cli_table_row(&table, 6, p.path, p.initial_text, "", "", "text", p.doc);
        else
            cli_table_row(&table, 6, p.path, shown(&p, p.initial, value, sizeof value), unit(p.unit), range_of(&p, range, sizeof range),
                          p.words ? "" : p.whole ? "whole" : p.differentiable ? "differentiable" : "", p.doc);
    if (!table.rows) return;
    heading(title);
    cli_table_print(&table, stdout);
}

static void layer_text(const convis_layer_type *t)
{
    printf("%s: %s\n", t->name, t->doc);
    if (describe_least(t) < describe_most(t)) printf("%d to ", describe_least(t));
    printf("%d input%s, %s in space%s\n", describe_most(t), describe_most(t) == 1 ? "" : "s",
           t->pointwise || t->memoryless ? "pointwise" : "a neighbourhood", t->spikes ? ", spikes" : "");
    rows_text("Parameters (name, default, unit, bounds or words)", t, CONVIS_PARAMETER);
    rows_text("States", t, CONVIS_STATE);
    rows_text("Further outputs", t, CONVIS_OUTPUT);
}

/* ---- A model ---- */

static int has(const convis_model *m, convis_kind kind, const char *path)
{
    convis_item item;
    for (int k = 0; convis_list(m, kind, k, &item); k++)
        if (!strcmp(item.path, path)) return 1;
    return 0;
}

static int is_setting(const struct describe_subject *s, const char *path)
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

static void model_text(const struct describe_subject *s, int all)
{
    char value[64], range[64];
    convis_setting setting;
    convis_item item, alias;
    cli_table table = { 0 };
    const char *doc = describe_doc_of(s->name);
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
            cli_table_row(&table, 5, item.path, item.count == 1 ? shown(&item, item.value, value, sizeof value) : "array",
                          unit(item.unit), range_of(&item, range, sizeof range), item.doc);
    cli_table_print(&table, stdout);
}

/* ---- A model as a file ---- */

static int print_xml(convis_context *c, const struct describe_subject *s)
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
static int print_yaml(convis_context *c, struct describe_subject *s, const cli_size *size)
{
    char *text;
    if (size->width) {
        if (convis_recipe_build(s->recipe, size->width, size->height, &s->model)) return cli_report(c);
        if (convis_model_yaml(s->model, &text)) return cli_report(c);
        fputs(text, stdout);
        /* A recipe builds windows and cells anew for every size; what is written of the model has them where they are. */
        if (strstr(text, "\nsize: "))
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

static int set_all(convis_context *c, const struct describe_subject *s, const struct wish *w)
{
    char path[128];
    const char *value;
    for (int k = 0; k < w->sets.count; k++)
        if (cli_split(w->sets.at[k], path, sizeof path, &value) && convis_recipe_set(s->recipe, path, value))
            return cli_report(c);
    return 0;
}

convis_status describe_build(struct describe_subject *s)
{
    const char *name;
    convis_shape movie;
    const int one = convis_recipe_input(s->recipe, 0, &name, &movie) && movie.dim[CONVIS_X] > 0;
    return convis_recipe_build(s->recipe, one ? movie.dim[CONVIS_X] : 64, one ? movie.dim[CONVIS_Y] : 64, &s->model);
}

static int model(convis_context *c, const char *name, const struct wish *w)
{
    struct describe_subject s = { .name = name };
    const char *warning;
    convis_status status = convis_recipe_open(c, name, &s.recipe);
    if (status) return status == CONVIS_ENAME ? not_found(c, name) : cli_report(c);
    /* Those of the file; what building would warn of depends on the movie, and there is none. */
    for (int k = 0; (warning = convis_recipe_warning(s.recipe, k)); k++) cli_warn("%s", warning);
    int failed = set_all(c, &s, w);
    if (!failed && w->xml) failed = print_xml(c, &s);
    else if (!failed && w->yaml) failed = print_yaml(c, &s, &w->size);
    else if (!failed && describe_build(&s)) failed = cli_report(c);
    else if (!failed) {
        if (convis_recipe_get(s.recipe, "numerics", s.numerics, sizeof s.numerics)) s.numerics[0] = 0;
        if (w->json) describe_model_json(&s);
        else model_text(&s, w->all);
    }
    convis_model_free(&s.model);
    convis_recipe_free(&s.recipe);
    return failed;
}

/* ---- The command ---- */

/* ---- Kernels ---- */

static int kernels(const cli_list *words, const struct wish *w)
{
    convis_kind_info kind;
    if (w->xml || w->yaml || w->sets.count) return cli_usage("describe", "--kernels goes with --json only");
    if (w->json) { cli_specs_json(&(cli_json){ .out = stdout }, NULL, &CLI_INITIALISERS); return 0; }
    if (!words->count) { cli_specs_list(&CLI_INITIALISERS); return 0; }
    if (cli_specs_one(&CLI_INITIALISERS, words->at[0])) return 0;
    convis_hint n = CONVIS_HINT(words->at[0]);
    for (int k = 0; convis_initialiser_list(k, &kind); k++) convis_hint_offer(&n, kind.name);
    return cli_fail("no kind of kernel is called '%s'%s", words->at[0], n.text);
}

/* A layer's C file. */
static int own_layer(convis_context *c, const char *file, const struct wish *w)
{
    const convis_layer_type *type;
    if (w->xml || w->yaml || w->sets.count)
        return cli_usage("describe", "'%s' is a layer; --xml, --yaml and --set need a MODEL", file);
    if (convis_layer_type_open(c, file, &type)) return cli_report(c);
    (w->json ? describe_layer_json : layer_text)(type);
    return 0;
}

int cli_describe(int argc, char **argv)
{
    struct wish w = { 0 };
    cli_list words = { 0 };
    char path[128];
    const char *value;
    const cli_option options[] = {
        { 'a', "all", NULL, CLI_FLAG, &w.all,
          "every parameter of a model's layers, too; with --json and no MODEL:\nall that there is, as one document" },
        { 0, "kernels", NULL, CLI_FLAG, &w.kernels, "what arrays of weights can be made of: all kinds, or one" },
        { 0, "json", NULL, CLI_FLAG, &w.json,  "for programs: always everything" },
        { 0, "yaml", NULL, CLI_FLAG, &w.yaml,  "the model as a .yaml" },
        { 0, "xml",  NULL, CLI_FLAG, &w.xml,   "the model as VirtualRetina's .xml" },
        { 0, "size", "WxH", CLI_SIZE, &w.size,
          "with --yaml: every layer and cell as built for movies of this size,\nand for no other" },
        CLI_ALLOW_CODE,
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
    if (!words.count && !(w.json && w.all)) {
        (w.json ? describe_overview_json : overview_text)();
        return 0;
    }
    const convis_layer_type *layer = !words.count || describe_doc_of(words.at[0]) ? NULL : convis_layer_type_named(words.at[0]);
    if (layer && (as_file || w.sets.count))
        return cli_usage("describe", "'%s' is a layer; %s needs a MODEL", words.at[0], option);
    if (layer) {
        (w.json ? describe_layer_json : layer_text)(layer);
        return 0;
    }
    convis_context *c = cli_open(NULL, 0);
    if (!c) return 1;
    const int failed = !words.count ? describe_all_json(c)
                       : !strcmp(cli_extension(words.at[0]), "c") ? own_layer(c, words.at[0], &w)
                     : model(c, words.at[0], &w);
    convis_close(&c);
    return failed;
}
