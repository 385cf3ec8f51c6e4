/* model.c - MODEL, its settings, and which of its outputs is meant. */
#include "model.h"
#include <convis/io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int cli_model_check(const cli_model *m, const char *command)
{
    char path[128];
    const char *value;
    for (int k = 0; k < m->sets.count; k++)
        if (!cli_split(m->sets.at[k], path, sizeof path, &value))
            return cli_usage(command, "--set: '%s', expected PATH=VALUE", m->sets.at[k]);
    double luminance;
    if (m->initial && strcmp(m->initial, "auto") && !cli_number(m->initial, &luminance))
        return cli_usage(command, "--initial: '%s', expected a number or auto", m->initial);
    return 0;
}

/* ---- The recipe ---- */

static void warnings(cli_model *m)
{
    const char *text;
    while ((text = convis_recipe_warning(m->recipe, m->warnings))) cli_warn("%s", text), m->warnings++;
}

static int set_recipe(cli_model *m, const char *path, const char *value)
{
    return value && convis_recipe_set(m->recipe, path, value) ? cli_report(m->context) : 0;
}

static int apply_sets(cli_model *m)
{
    char path[128];
    const char *value;
    m->later.count = 0;
    for (int k = 0; k < m->sets.count; k++) {
        cli_split(m->sets.at[k], path, sizeof path, &value);
        const convis_status status = convis_recipe_set(m->recipe, path, value);
        if (status == CONVIS_ENAME) m->later.at[m->later.count++] = m->sets.at[k];
        else if (status) return cli_report(m->context);
    }
    return 0;
}

/* Whether a name is that of a stimulus, or of a file that can be no model. */
static int is_no_model(const char *name)
{
    convis_format_info f;
    const char *extension = cli_extension(name);
    for (int k = 0; convis_format_list(k, &f); k++)
        if (*extension && !strcasecmp(extension, f.extension + 1)) return !f.reads || !strstr(f.reads, "model");
    return !strncmp(name, "stim:", 5);
}

static int is_model(const char *name)
{
    const char *known, *extension = cli_extension(name);
    for (int k = 0; (known = convis_recipe_name(k, NULL)); k++) if (!strcmp(known, name)) return 1;
    return !strcasecmp(extension, "yaml") || !strcasecmp(extension, "yml") || !strcasecmp(extension, "xml");
}

static int cannot_open(const cli_model *m)
{
    if (cli_interrupted || !m->input || (!is_no_model(m->name) && !is_model(m->input))) return cli_report(m->context);
    return cli_fail("%s; MODEL comes before INPUT", convis_message(m->context));
}

/* A file of arrays also says how large they are, so it comes before the model is built. */
static int has_sizes(const char *parameters)
{
    const size_t n = parameters ? strlen(parameters) : 0;
    return n > 4 && !strcasecmp(parameters + n - 4, ".npz");
}

int cli_model_open(cli_model *m, convis_context *c)
{
    char dt[40];
    m->context = c;
    if (convis_recipe_open(c, m->name, &m->recipe)) return cannot_open(m);
    warnings(m);
    snprintf(dt, sizeof dt, "%.17g", m->dt);
    if (set_recipe(m, "dt", m->dt > 0 ? dt : NULL) || set_recipe(m, "numerics", m->numerics) ||
        set_recipe(m, "initial", m->initial))
        return 1;
    if (apply_sets(m)) return 1;
    if (!has_sizes(m->parameters)) return 0;
    /* --set says what layers there are, and comes after the file. */
    if (convis_recipe_load_parameters(m->recipe, m->parameters)) return cli_report(c);
    warnings(m);
    return apply_sets(m);
}

double cli_model_setting(const cli_model *m, const char *path)
{
    char text[64];
    double value;
    return !convis_recipe_get(m->recipe, path, text, sizeof text) && cli_number(text, &value) ? value : 0;
}

double cli_model_ppd(const cli_model *m)
{
    double value = cli_model_setting(m, "ppd");
    convis_setting setting;
    for (int k = 0; !value && convis_recipe_list(m->recipe, k, &setting); k++) {
        const char *last = strrchr(setting.path, '.');
        if (last && !strcmp(last, ".ppd")) value = cli_model_setting(m, setting.path);
    }
    return value;
}

double cli_model_dt(const cli_model *m) { return cli_model_setting(m, "dt"); }

/* ---- The model ---- */

/* "opl" and "opl.center" of "opl.center.tau" */
static void offer_beginnings(convis_hint *n, char *path)
{
    for (char *dot = strrchr(path, '.'); dot; dot = strrchr(path, '.')) {
        *dot = 0;
        convis_hint_offer(n, path);
    }
}

int cli_model_no_such(const cli_model *m, const char *option, const char *path, int layers)
{
    convis_setting setting;
    convis_item item;
    convis_hint n = CONVIS_HINT(path);
    for (int k = 0; convis_recipe_list(m->recipe, k, &setting); k++) convis_hint_offer(&n, setting.path);
    for (int k = 0; convis_list(m->model, CONVIS_PARAMETER, k, &item); k++) {
        convis_hint_offer(&n, item.path);
        if (layers) offer_beginnings(&n, item.path);
    }
    return cli_fail("%s: the model '%s' has no '%s'%s", option, m->name, path, n.text);
}

static void heard(void *user, const char *sentence) { (void)user; cli_warn("%s", sentence); }

int cli_model_build(cli_model *m, int64_t width, int64_t height)
{
    char path[128];
    const char *text;
    double value;
    m->width = width;
    m->height = height;
    convis_on_log(m->context, NULL, NULL);
    if (convis_recipe_build(m->recipe, width, height, &m->model)) return cli_report(m->context);
    warnings(m);
    convis_on_log(m->context, heard, NULL);              /* what planning warns of; the recipe's own have been said */
    if (m->parameters && !has_sizes(m->parameters)
        && (convis_parameters_load(m->model, m->parameters) || convis_recipe_load_parameters(m->recipe, m->parameters)))
        return cli_report(m->context);
    for (int k = 0; k < m->later.count; k++) {
        cli_split(m->later.at[k], path, sizeof path, &text);
        if (convis_get(m->model, path, &value) == CONVIS_ENAME) return cli_model_no_such(m, "--set", path, 0);
        if (cli_number(text, &value) ? convis_set(m->model, path, value) : convis_set_text(m->model, path, text))
            return cli_report(m->context);
        char *line = NULL;
        if (convis_get(m->model, path, &value)) continue;        /* a text is the model's alone */
        if (asprintf(&line, "%s %.17g", path, value) < 0) return cli_fail("out of memory");
        const convis_status status = convis_recipe_add_parameters(m->recipe, line);
        free(line);
        if (status) return cli_report(m->context);
    }
    return 0;
}

void cli_model_close(cli_model *m)
{
    convis_model_free(&m->model);
    convis_recipe_free(&m->recipe);
}

/* ---- Its outputs ---- */

static int has(const convis_model *m, convis_kind kind, const char *path)
{
    convis_item item;
    for (int k = 0; convis_list(m, kind, k, &item); k++)
        if (!strcmp(item.path, path)) return 1;
    return 0;
}

/* What an alias stands for; NULL: there is none of that name. */
static const char *target_of(const convis_model *m, const char *path)
{
    convis_item item;
    for (int k = 0; convis_list(m, CONVIS_ALIAS, k, &item); k++)
        if (!strcmp(item.path, path)) return item.target;
    return NULL;
}

/* An output by its own path, also where an alias of it, or of that, is given; NULL: there is none. */
static const char *find_output(const convis_model *m, const char *path)
{
    enum { ALIASES = 16 };
    for (int k = 0; path && k < ALIASES; k++) {
        if (has(m, CONVIS_OUTPUT, path)) return path;
        path = target_of(m, path);
    }
    return NULL;
}

int cli_model_find(const cli_model *m, const char *asked, char *path, size_t size)
{
    const char *found = find_output(m->model, asked);
    if (found) snprintf(path, size, "%s", found);
    return !found;
}

int cli_model_output(const cli_model *m, const char *asked, char *path, size_t size)
{
    const convis_kind kinds[] = { CONVIS_OUTPUT, CONVIS_ALIAS };
    convis_item item;
    if (!cli_model_find(m, asked ? asked : convis_output_name(m->model), path, size)) return 0;
    if (!asked) return cli_fail("the model '%s' has no layers", m->name);
    convis_hint n = CONVIS_HINT(asked);
    for (int j = 0; j < 2; j++)
        for (int k = 0; convis_list(m->model, kinds[j], k, &item); k++) convis_hint_offer(&n, item.path);
    return cli_fail("--output: the model '%s' has no output '%s'%s", m->name, asked, n.text);
}
