/* recipe_yaml.c - what a .yaml may hold, as its own file or within another model: layers (graph_read.c), the settings of a retina, or
 * changes of another model.
 *
 *      layers: [...]                                     a graph
 *      retina: { numerics: converged, ... }              a retina by its settings
 *      extends: primate                                  a built-in model or a file,
 *      set: { opl.center.tau: 0.008 }                    and what is different, layers: [...] and output among it */
#include "recipe.h"
#include "base/context.h"
#include "base/text.h"
#include "models/graph/yaml.h"
#include <string.h>
#include <sys/stat.h>

enum { DEEPEST = 8 };                                    /* files that name files */

/* Only these keys beside `what`. */
static convis_status only(const struct convis_yaml *y, const struct convis_yaml_node *map, const char *what,
                          const char *const *others, const char *list)
{
    char quoted[64];
    for (const struct convis_yaml_node *n = map->first; n; n = n->next) {
        int known = !strcmp(n->name, what);
        for (int k = 0; others[k]; k++) known |= !strcmp(n->name, others[k]);
        if (!known)
            return convis_yaml_fail_name(y, n, CONVIS_ENAME, "'%s' beside %s, expected %s", convis_quoted(quoted, n->name), what,
                                         list);
    }
    return CONVIS_OK;
}

static convis_status read_retina(const struct convis_graph_reading *how, const struct convis_yaml_node *root,
                                 const struct convis_yaml_node *settings, struct convis_graph *g)
{
    static const char *const OTHERS[] = { "title", "source", "parameters", "output", NULL };
    convis_context *c = how->y->context;
    struct convis_retina r;
    convis_status status = only(how->y, root, "retina", OTHERS, "title, source, parameters or output");
    if (status) return status;
    convis_retina_init(&r);
    status = convis_graph_of_retina(c, &r, g);
    if (!status) status = convis_graph_read_settings(how, settings, g);
    if (!status) status = convis_graph_read_changes(how, root, g);
    if (!status && (status = convis_retina_check(c, g->settings))) status = convis_yaml_blame(how->y, settings, status);
    return status;
}

static convis_status read_extension(const struct convis_graph_reading *how, const struct convis_yaml_node *root,
                                    const struct convis_yaml_node *base, struct convis_graph *g)
{
    static const char *const OTHERS[] = { "title", "source", "set", "parameters", "inputs",
                                          "layers", "output", "aliases", "units",      NULL };
    convis_status status =
        only(how->y, root, "extends", OTHERS, "title, source, set, parameters, inputs, layers, output, aliases or units");
    if (!status) status = how->open(how->y, how->path, base, how->opening, how->warnings, g);
    return status ? status : convis_graph_read_changes(how, root, g);
}

/* A model as a map of the document. */
static convis_status read_map(const struct convis_graph_reading *how, const struct convis_yaml_node *root, struct convis_graph *g)
{
    if (root->kind != CONVIS_NODE_MAP)
        return convis_yaml_fail(how->y, root, CONVIS_EFORMAT, "expected a map with layers, retina or extends");
    const struct convis_yaml_node *retina = convis_yaml_find(root, "retina"), *base = convis_yaml_find(root, "extends");
    convis_status status = base ? read_extension(how, root, base, g) : retina ? read_retina(how, root, retina, g)
                         : convis_graph_read(how, root, g);
    if (status) convis_graph_clear(how->y->context, g);
    return status;
}

/* ---- Models that name or contain others ---- */

static int same_file(const char *a, const char *b)
{
    struct stat p, q;
    if (!strcmp(a, b)) return 1;
    return !stat(a, &p) && !stat(b, &q) && p.st_dev == q.st_dev && p.st_ino == q.st_ino;
}

/* "a.yaml -> b.yaml -> ": the files from `first` down to `last`. */
static void print_chain(const struct convis_opening *first, const struct convis_opening *last, char *text, size_t size)
{
    if (last != first) print_chain(first, last->outer, text, size);
    const size_t used = strlen(text);
    if (last->file) convis_shorten(text + used, size - used, "%s -> ", last->file);
}

/* A file that is being opened already would be opened without end. */
static convis_status check_circle(const struct convis_yaml *y, const struct convis_yaml_node *n, const struct convis_opening *o)
{
    char chain[320] = "";
    int deep = 0;
    for (const struct convis_opening *outer = o->outer; outer; outer = outer->outer, deep++) {
        if (!o->file || !outer->file || !same_file(o->file, outer->file)) continue;
        print_chain(outer, o->outer, chain, sizeof chain);
        return convis_yaml_fail(y, n, CONVIS_EFORMAT, "the file includes itself: %s%s", chain, o->file);
    }
    if (deep <= DEEPEST) return CONVIS_OK;
    return convis_yaml_fail(y, n, CONVIS_EFORMAT, "a model within a model, %d deep, expected %d at most", deep, DEEPEST);
}

static convis_status open_named(const struct convis_yaml *y, const struct convis_yaml_node *n, const struct convis_opening *o,
                                struct convis_warnings *warnings, struct convis_graph *g)
{
    convis_status status = check_circle(y, n, o);
    if (status) return status;
    status = convis_open_graph(y->context, o, warnings, g);
    return status ? convis_yaml_blame(y, n, status) : CONVIS_OK;
}

convis_status convis_open_node(const struct convis_yaml *y, const char *path, const struct convis_yaml_node *n,
                               const struct convis_opening *outer, struct convis_warnings *warnings, struct convis_graph *g)
{
    struct convis_opening o = { NULL, outer };
    *g = (struct convis_graph){ .dt = 0.001 };
    if (n->kind == CONVIS_NODE_MAP) {
        convis_status status = check_circle(y, n, &o);
        return status ? status : read_map(&(struct convis_graph_reading){ y, path, convis_open_node, &o, warnings }, n, g);
    }
    if (n->kind != CONVIS_NODE_TEXT || !*n->text)
        return convis_yaml_fail(y, n, CONVIS_EFORMAT, "expected the name of a model or a file, or a model");
    char *name =
        convis_preset_named(n->text) ? convis_copy_text(y->context, n->text) : convis_file_beside(y->context, path, n->text);
    if (!name) return CONVIS_ENOMEM;
    o.file = name;
    convis_status status = open_named(y, n, &o, warnings, g);
    convis_release(y->context, name);
    return status;
}

convis_status convis_read_yaml(convis_context *c, const struct convis_opening *opening, const char *text, size_t size,
                               struct convis_warnings *warnings, struct convis_graph *g)
{
    struct convis_yaml y;
    *g = (struct convis_graph){ .dt = 0.001 };
    convis_status status = convis_yaml_read(c, opening->file, text, size, &y);
    if (status) return status;
    status = read_map(&(struct convis_graph_reading){ &y, opening->file, convis_open_node, opening, warnings }, y.root, g);
    convis_yaml_free(&y);
    return status;
}
