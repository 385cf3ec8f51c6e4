/* recipe_yaml.c - what a .yaml may hold: layers (graph_read.c), the settings of a retina, or changes of another model.
 *
 *      layers: [...]                                     a graph
 *      retina: { numerics: converged, ... }              a retina by its settings
 *      extends: primate                                  a built-in model or a file,
 *      set: { opl.center.tau: 0.008 }                    and what is different */
#include "recipe.h"
#include "models/graph/yaml.h"
#include "base/lines.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

enum { DEEPEST = 8 };                                    /* files that extend files */

/* ---- Reading ---- */

/* Only `what` and the other key, if there is one, and a title. */
static convis_status only(const struct convis_yaml *y, const struct convis_yaml_node *map, const char *what, const char *other)
{
    char quoted[64];
    for (const struct convis_yaml_node *n = map->first; n; n = n->next)
        if (strcmp(n->name, what) && strcmp(n->name, "title") && (!other || strcmp(n->name, other)))
            return convis_yaml_fail_name(y, n, CONVIS_ENAME, "'%s' beside %s, expected title%s%s", convis_quoted(quoted, n->name), what,
                                         other ? " or " : "", other ? other : "");
    return CONVIS_OK;
}

/* ganglion_0.units: not a setting of its own. */
static int is_units(const struct convis_yaml_node *n)
{
    const size_t length = strlen(n->name);
    return n->kind == CONVIS_NODE_MAP && length > 6 && !strcmp(n->name + length - 6, ".units");
}

/* Each entry as a setting of the recipe. */
static convis_status set_all(convis_recipe *r, const struct convis_yaml *y, const struct convis_yaml_node *map)
{
    convis_status status = CONVIS_OK;
    if (map->kind != CONVIS_NODE_MAP) return convis_yaml_fail(y, map, CONVIS_EFORMAT, "expected settings and their values");
    for (const struct convis_yaml_node *n = map->first; n && !status; n = n->next) {
        if (is_units(n)) continue;
        if (n->kind != CONVIS_NODE_TEXT) return convis_yaml_fail(y, n, CONVIS_EFORMAT, "%.60s: expected a number or a text", n->name);
        if ((status = convis_recipe_set(r, n->name, n->text))) status = convis_yaml_blame(y, n, status);
    }
    return status;
}

/* The cells of layers, after all settings, which may take them away. */
static convis_status set_units(convis_recipe *r, const struct convis_yaml *y, const char *path, const struct convis_yaml_node *map)
{
    convis_status status = CONVIS_OK;
    for (const struct convis_yaml_node *n = map->first; n && !status; n = n->next) {
        int k = -1, used = 0;
        convis_unit *unit;
        int64_t count;
        if (!is_units(n)) continue;
        if (r->graph || sscanf(n->name, "ganglion_%d.units%n", &k, &used) < 1 || n->name[used] || k < 0 || k >= r->retina.ganglions)
            return convis_yaml_fail(y, n, CONVIS_ENAME, "%.60s: expected ganglion_0.units, of a layer that there is", n->name);
        if ((status = convis_graph_read_units(y, path, n, &unit, &count))) break;
        struct convis_ganglion *g = &r->retina.ganglion[k];
        convis_release(r->context, g->unit);
        g->unit = unit;
        g->units = count;
    }
    return status;
}

static convis_status read_retina(convis_recipe *r, const struct convis_yaml *y, const char *path, const struct convis_yaml_node *settings)
{
    convis_status status = only(y, y->root, "retina", NULL);
    convis_retina_init(&r->retina);
    if (!status) status = set_all(r, y, settings);
    if (!status) status = set_units(r, y, path, settings);
    if (!status && (status = convis_retina_check(r->context, &r->retina))) status = convis_yaml_blame(y, settings, status);
    return status;
}

static int is_built_in(const char *name)
{
    const char *known;
    for (int k = 0; (known = convis_recipe_name(k, NULL)); k++) if (!strcmp(known, name)) return 1;
    return 0;
}

static convis_status read_extension(convis_recipe *r, const struct convis_yaml *y, const char *path, const struct convis_yaml_node *base,
                                    int depth)
{
    convis_status status = only(y, y->root, "extends", "set");
    if (status) return status;
    if (base->kind != CONVIS_NODE_TEXT) return convis_yaml_fail(y, base, CONVIS_EFORMAT, "extends: expected the name of a model or a file");
    if (depth == DEEPEST) return convis_yaml_fail(y, base, CONVIS_EFORMAT, "extends: the %dth model in a row, expected fewer", DEEPEST + 1);
    char *name = is_built_in(base->text) ? convis_copy_text(r->context, base->text) : convis_file_beside(r->context, path, base->text);
    if (!name) return CONVIS_ENOMEM;
    if ((status = convis_recipe_fill(r, name, depth + 1))) status = convis_yaml_blame(y, base, status);
    convis_release(r->context, name);
    const struct convis_yaml_node *set = convis_yaml_find(y->root, "set"), *title = convis_yaml_find(y->root, "title");
    if (!status && set && !(status = set_all(r, y, set))) status = set_units(r, y, path, set);
    if (!status && title && r->graph) status = convis_graph_read_title(y, title, r->graph);
    return status;
}

convis_status convis_recipe_read_yaml(convis_recipe *r, const char *path, const char *text, size_t size, int depth)
{
    struct convis_yaml y;
    convis_status status = convis_yaml_read(r->context, path, text, size, &y);
    if (status) return status;
    const struct convis_yaml_node *retina = convis_yaml_find(y.root, "retina"), *base = convis_yaml_find(y.root, "extends");
    if (y.root->kind != CONVIS_NODE_MAP)
        status = convis_yaml_fail(&y, y.root, CONVIS_EFORMAT, "expected a map with layers, retina or extends");
    else if (base) status = read_extension(r, &y, path, base, depth);
    else if (retina) status = read_retina(r, &y, path, retina);
    else if (!(r->graph = convis_obtain(r->context, sizeof *r->graph))) status = CONVIS_ENOMEM;
    else status = convis_graph_read(&y, path, r->graph);
    convis_yaml_free(&y);
    return status;
}

/* ---- Writing ---- */

static convis_status put_retina(convis_context *c, FILE *f, const struct convis_retina *d)
{
    convis_setting s;
    convis_status status = CONVIS_OK;
    fputs("retina:\n", f);
    for (int k = 0; convis_retina_list(d, k, &s); k++) {
        fprintf(f, "  %s: ", s.path);
        convis_yaml_put_scalar(f, s.value);
        putc('\n', f);
    }
    for (int k = 0; k < d->ganglions && !status; k++) {
        if (!d->ganglion[k].unit) continue;
        fprintf(f, "  ganglion_%d.units:\n", k);
        status = convis_graph_put_units(c, f, 4, d->ganglion[k].unit, d->ganglion[k].units, 0);
    }
    return status;
}

convis_status convis_retina_write_yaml(convis_context *c, const struct convis_retina *d, char **text)
{
    convis_text_out out;
    *text = NULL;
    convis_status status = convis_text_begin(c, &out);
    return status ? status : convis_text_end(&out, put_retina(c, out.file, d), text);
}
