/* paths.c - what is meant by a path: layers, their rows and outputs, inputs; and the error of a model that could not be built. */
#include "base/text.h"
#include "model.h"
#include <string.h>

/* What an alias stands for; the path itself when it is none, or is a layer's own name: that of a model's alias may be taken by a layer
 * that somebody appends. */
static const char *resolve(const convis_model *m, const char *path)
{
    if (convis_has_layer(m, path)) return path;
    for (int k = 0; k < m->alias_count; k++) if (!strcmp(m->aliases[k].name, path)) return m->aliases[k].path;
    return path;
}

/* "opl.center.tau" is layer "opl.center", member "tau": the longest layer name that fits. member is "" for the layer. */
model_layer *convis_find_layer(const convis_model *m, const char *path, const char **member)
{
    model_layer *best = NULL;
    path = resolve(m, path);
    size_t longest = 0;
    for (int j = 0; j < m->count; j++) {
        size_t length = strlen(m->layers[j].name);
        if (length < longest || strncmp(path, m->layers[j].name, length)) continue;
        if (path[length] == '\0' || path[length] == '.') { best = &m->layers[j]; longest = length; }
    }
    if (best) *member = path + longest + (path[longest] == '.');
    return best;
}

convis_node convis_node_named(const convis_model *m, const char *name)
{
    CONVIS_NEEDS_ELSE((convis_node){ -1 }, m, name);
    const char *member;
    const model_layer *l = convis_find_layer(m, name, &member);
    const int input = l ? -1 : convis_find_input(m, name);
    if (input >= 0) return convis_input_node(input);
    return (convis_node){ l && !*member ? (int)(l - m->layers) + 1 : -1 };
}

int convis_find_row(const convis_field *table, const char *name)
{
    for (int k = 0; table && table[k].name; k++) if (!strcmp(table[k].name, name)) return k;
    return -1;
}

buffer *convis_find_output(const convis_model *m, const char *path, model_layer **owner)
{
    const char *member;
    model_layer *l = convis_find_layer(m, path, &member);
    int row = -1;
    if (l && *member && (row = convis_find_row(l->type->outputs, member)) < 0) l = NULL;
    if (!l) {
        convis_fail(m->context, CONVIS_ENAME, "'%s': the model has no such output", path);
        return NULL;
    }
    if (owner) *owner = l;
    return row < 0 ? &l->out : &l->extra[row];
}

const char *convis_output_name(const convis_model *m)
{
    CONVIS_NEEDS_ELSE("", m);
    const char *member;
    if (*m->output) return m->output;
    const model_layer *l = convis_find_layer(m, "output", &member);         /* an alias, or a layer of that name */
    if (l && !*member) return l->name;
    return m->count ? m->layers[m->count - 1].name : "";
}

int convis_has_layer(const convis_model *m, const char *name)
{
    for (int j = 0; j < m->count; j++) if (!strcmp(m->layers[j].name, name)) return 1;
    return 0;
}

int convis_find_input(const convis_model *m, const char *name)
{
    for (int k = 0; k < m->input_count; k++) if (!strcmp(m->inputs[k].name, name)) return k;
    return strcmp(name, "input") ? -1 : 0;
}

int convis_is_shape(convis_shape s)
{
    double n = 1;
    for (int d = 0; d < CONVIS_DIMS; d++) {
        if (s.dim[d] < 1) return 0;
        n *= (double)s.dim[d];
    }
    return n <= 2147483648.0;
}

convis_status convis_stick_null(convis_model *m, const char *function, const char *what)
{
    return m->status ? m->status : convis_stick(m, convis_fail(m->context, CONVIS_EINVAL, "%s: %s is NULL", function, what));
}

convis_status convis_stick(convis_model *m, convis_status status)
{
    convis_shorten(m->sentence, sizeof m->sentence, "%s", m->context->message);
    return m->status = status;
}
