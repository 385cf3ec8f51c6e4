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
    static const char *const OTHERS[] = { "title", "parameters", NULL };
    convis_context *c = how->y->context;
    struct convis_retina r;
    convis_status status = only(how->y, root, "retina", OTHERS, "title or parameters");
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
    static const char *const OTHERS[] = { "title", "set", "parameters", "layers", "output", "aliases", NULL };
    convis_status status = only(how->y, root, "extends", OTHERS, "title, set, parameters, layers, output or aliases");
    if (!status) status = how->open(how->y, how->path, base, how->depth + 1, how->warnings, g);
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

convis_status convis_open_node(const struct convis_yaml *y, const char *path, const struct convis_yaml_node *n, int depth,
                               struct convis_warnings *warnings, struct convis_graph *g)
{
    *g = (struct convis_graph){ .dt = 0.001 };
    if (depth > DEEPEST) return convis_yaml_fail(y, n, CONVIS_EFORMAT, "the %dth model in a row, expected fewer", depth);
    if (n->kind == CONVIS_NODE_MAP)
        return read_map(&(struct convis_graph_reading){ y, path, convis_open_node, depth, warnings }, n, g);
    if (n->kind != CONVIS_NODE_TEXT || !*n->text)
        return convis_yaml_fail(y, n, CONVIS_EFORMAT, "expected the name of a model or a file, or a model");
    char *name =
        convis_preset_named(n->text) ? convis_copy_text(y->context, n->text) : convis_file_beside(y->context, path, n->text);
    if (!name) return CONVIS_ENOMEM;
    convis_status status = convis_open_graph(y->context, name, depth, warnings, g);
    if (status) status = convis_yaml_blame(y, n, status);
    convis_release(y->context, name);
    return status;
}

convis_status convis_read_yaml(convis_context *c, const char *path, const char *text, size_t size, int depth,
                               struct convis_warnings *warnings, struct convis_graph *g)
{
    struct convis_yaml y;
    *g = (struct convis_graph){ .dt = 0.001 };
    convis_status status = convis_yaml_read(c, path, text, size, &y);
    if (status) return status;
    status = read_map(&(struct convis_graph_reading){ &y, path, convis_open_node, depth, warnings }, y.root, g);
    convis_yaml_free(&y);
    return status;
}
