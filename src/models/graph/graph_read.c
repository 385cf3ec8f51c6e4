/* graph_read.c - YAML to a graph; docs/models.md describes the format. */
#include "graph.h"
#include "yaml.h"
#include "base/lines.h"
#include "base/text.h"
#include "base/words.h"
#include "engine/model.h"
#include "layers/own/own.h"
#include "models/warnings.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct convis_yaml_node node;

struct reader {
    const struct convis_yaml *y;
    convis_context *c;
    const char *path;                                    /* of the file, next to which others lie */
    struct convis_graph *g;
    const struct convis_graph_reading *how;
};

/* ---- What is expected ---- */

static convis_status expect_text(const struct reader *r, const node *n, const char *what)
{
    return n->kind == CONVIS_NODE_TEXT && *n->text ? CONVIS_OK
                                                   : convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "%s: expected a text", what);
}

static convis_status expect_number(const struct reader *r, const node *n, const char *what, double *value)
{
    char quoted[64];
    if (convis_yaml_number(n, value)) return CONVIS_OK;
    if (n->kind != CONVIS_NODE_TEXT) return convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "%s: expected a number", what);
    return convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "%s: '%s', expected a number", what, convis_quoted(quoted, n->text));
}

static convis_status expect_whole(const struct reader *r, const node *n, const char *what, double min, double max, int64_t *value)
{
    double number;
    convis_status status = expect_number(r, n, what, &number);
    if (status) return status;
    if (number != floor(number) || number < min || number > max)
        return convis_yaml_fail(r->y, n, CONVIS_EINVAL, "%s: %g, expected a whole number of %.0f to %.0f", what, number, min,
                                max);
    *value = (int64_t)number;
    return CONVIS_OK;
}

/* Only these keys; a key that is none of them gets the nearest. */
static convis_status expect_keys(const struct reader *r, const node *map, const char *what, const char *const *keys)
{
    char quoted[64], all[160] = "";
    if (map->kind != CONVIS_NODE_MAP)
        return convis_yaml_fail(r->y, map, CONVIS_EFORMAT, "%s: expected a map of names and values", what);
    for (const char *const *k = keys; *k; k++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", *k);
    }
    for (const node *n = map->first; n; n = n->next) {
        convis_hint hint = CONVIS_HINT(n->name);
        const char *const *k = keys;
        while (*k && strcmp(*k, n->name)) convis_hint_offer(&hint, *k++);
        if (!*k)
            return convis_yaml_fail_name(r->y, n, CONVIS_ENAME, "%s: '%s', expected one of %s%s", what,
                                         convis_quoted(quoted, n->name), all, hint.text);
    }
    return CONVIS_OK;
}

static convis_status copy(const struct reader *r, const node *n, const char *what, char **text)
{
    convis_status status = expect_text(r, n, what);
    if (status) return status;
    convis_release(r->c, *text);
    *text = convis_copy_text(r->c, n->text);
    return *text ? CONVIS_OK : CONVIS_ENOMEM;
}

/* ---- Arrays ---- */

/* The shape of nested lists, by their first elements. */
static convis_status shape_of_lists(const struct reader *r, const node *n, const char *what, struct convis_value *v)
{
    v->count = 1;
    for (v->dims = 0; n && n->kind == CONVIS_NODE_LIST; n = n->first) {
        if (v->dims == CONVIS_VALUE_DIMS)
            return convis_yaml_fail(r->y, n, CONVIS_ESHAPE, "%s: lists in lists, expected %d dimensions at most", what,
                                    CONVIS_VALUE_DIMS);
        if (!n->count) return convis_yaml_fail(r->y, n, CONVIS_ESHAPE, "%s: an empty list, expected numbers", what);
        v->dim[v->dims++] = n->count;
        if (v->count > INT32_MAX/n->count) return convis_yaml_fail(r->y, n, CONVIS_ESHAPE, "%s: too many numbers", what);
        v->count *= n->count;
    }
    return CONVIS_OK;
}

static convis_status fill_from_lists(const struct reader *r, const node *n, const char *what, const struct convis_value *v,
                                     int level, double **to)
{
    if (level == v->dims) return expect_number(r, n, what, (*to)++);
    if (n->kind != CONVIS_NODE_LIST || n->count != v->dim[level])
        return convis_yaml_fail(r->y, n, CONVIS_ESHAPE, "%s: expected a list of %lld as before it", what,
                                (long long)v->dim[level]);
    convis_status status = CONVIS_OK;
    for (const node *e = n->first; e && !status; e = e->next) status = fill_from_lists(r, e, what, v, level + 1, to);
    return status;
}

static convis_status array_of_lists(const struct reader *r, const node *n, const char *what, struct convis_value *v)
{
    convis_status status = shape_of_lists(r, n, what, v);
    if (status) return status;
    double *to = v->array = convis_obtain(r->c, (size_t)(v->count + 1)*sizeof *v->array);
    status = to ? fill_from_lists(r, n, what, v, 0, &to) : CONVIS_ENOMEM;
    if (!v->dims) v->dim[v->dims++] = 1;                 /* a number alone */
    return status;
}

/* { shape: [2, 3], packed: ... } or { shape: [2, 3], values: [...] } */
static convis_status array_of_shape(const struct reader *r, const node *n, const char *what, struct convis_value *v)
{
    const node *shape = convis_yaml_find(n, "shape"), *packed = convis_yaml_find(n, "packed"),
               *values = convis_yaml_find(n, "values");
    convis_status status = CONVIS_OK;
    int64_t dim[CONVIS_VALUE_DIMS], count = 1;
    int dims = 0;
    if (!shape || shape->kind != CONVIS_NODE_LIST || !shape->count || shape->count > CONVIS_VALUE_DIMS)
        return convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "%s: expected shape, a list of 1 to %d sizes", what, CONVIS_VALUE_DIMS);
    for (const node *s = shape->first; s && !status; s = s->next) {
        status = expect_whole(r, s, "shape", 0, INT32_MAX, &dim[dims]);
        if (!status && dim[dims] && count > INT32_MAX/dim[dims])
            status = convis_yaml_fail(r->y, shape, CONVIS_ESHAPE, "%s: too many numbers", what);
        if (!status) count *= dim[dims++];
    }
    if (status) return status;
    if (values) {
        status = array_of_lists(r, values, what, v);
        if (!status && v->count != count)
            status = convis_yaml_fail(r->y, values, CONVIS_ESHAPE, "%s: %lld values, expected the shape's %lld", what,
                                      (long long)v->count, (long long)count);
    } else if (packed && packed->kind == CONVIS_NODE_TEXT) {
        if ((double)count*8 > 1032.0*(double)strlen(packed->text) + 64)          /* before any memory is asked for */
            return convis_yaml_fail(r->y, packed, CONVIS_ESHAPE, "%s: too short for %lld numbers", what, (long long)count);
        v->array = convis_obtain(r->c, (size_t)(count + 1)*sizeof *v->array);
        if (!v->array) return CONVIS_ENOMEM;
        status = convis_unpack(r->c, packed->text, v->array, count);
        if (status) status = convis_yaml_blame(r->y, packed, status);
    } else status = convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "%s: expected values or packed beside shape", what);
    v->count = count;
    v->dims = dims;
    memcpy(v->dim, dim, sizeof dim);
    return status;
}

char *convis_file_beside(convis_context *c, const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash && *name != '/' ? (size_t)(slash - path) + 1 : 0;
    char *full = convis_obtain(c, folder + strlen(name) + 1);
    if (full) {
        memcpy(full, path, folder);
        strcpy(full + folder, name);
    }
    return full;
}

static convis_status array_of_file(const struct reader *r, const node *n, const char *what, struct convis_value *v)
{
    convis_array a = { .data = NULL };
    convis_status status = expect_text(r, n, what);
    char *full = status ? NULL : convis_file_beside(r->c, r->path, n->text);
    if (!status && !full) return CONVIS_ENOMEM;
    if (!status && (status = convis_array_read(r->c, full, &a))) status = convis_yaml_blame(r->y, n, status);
    convis_release(r->c, full);
    if (status) return status;
    status = convis_value_of_array(r->c, &a, v);
    convis_array_free(&a);
    return status;
}

/* A number, numbers in lists, a map as above, or a file. Not: a text, which is an initialiser for some and wrong for others. */
static convis_status read_array(const struct reader *r, const node *n, const char *what, struct convis_value *v)
{
    static const char *const KEYS[] = { "file", "shape", "packed", "values", NULL };
    double number;
    v->kind = CONVIS_VALUE_ARRAY;
    if (n->kind == CONVIS_NODE_LIST || convis_yaml_number(n, &number)) return array_of_lists(r, n, what, v);
    convis_status status = expect_keys(r, n, what, KEYS);
    if (status) return status;
    const node *file = convis_yaml_find(n, "file");
    if (file && n->count > 1) return convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "%s: expected file alone", what);
    return file ? array_of_file(r, file, what, v) : array_of_shape(r, n, what, v);
}

/* ---- A layer ---- */

static const char *const RESERVED[] = { "name", "type", "fingerprint", "input", "inputs", "delay", NULL };

static int is_reserved(const char *key, const convis_layer_type *type)
{
    const char *const *reserved = RESERVED;
    while (*reserved && strcmp(*reserved, key)) reserved++;
    return *reserved && convis_find_row(type->params, key) < 0;
}

static convis_status read_input(const struct reader *r, const node *n, struct convis_graph_layer *l)
{
    static const char *const KEYS[] = { "from", "delay", NULL };
    convis_status status = CONVIS_OK;
    const node *from = n, *delay = NULL;
    int64_t frames = 0;
    if (n->kind == CONVIS_NODE_MAP) {
        status = expect_keys(r, n, "input", KEYS);
        from = convis_yaml_find(n, "from");
        delay = convis_yaml_find(n, "delay");
        if (!status && !from) status = convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "input: expected from, the name of a layer");
    }
    if (!status) status = expect_text(r, from, "input");
    if (!status && delay) status = expect_whole(r, delay, "delay", 0, INT32_MAX, &frames);
    if (status) return status;
    if ((status = convis_graph_add_input(r->c, l, from->text, (int)frames))) status = convis_yaml_blame(r->y, from, status);
    return status;
}

/* Does it take the layer before as its input when none is given? Not what needs several. */
static int follows(const struct convis_graph_layer *l)
{
    return l->model ? l->model->givens < 2 : (l->type->min_inputs ? l->type->min_inputs : l->type->inputs) == 1;
}

/* Which layers it takes as inputs: those named, else the one before it. */
static convis_status read_inputs(const struct reader *r, const node *map, int j)
{
    struct convis_graph_layer *l = &r->g->layer[j];
    const node *input = map->kind == CONVIS_NODE_MAP ? convis_yaml_find(map, "input") : NULL;
    const node *inputs = map->kind == CONVIS_NODE_MAP ? convis_yaml_find(map, "inputs") : NULL;
    const node *delay =
        map->kind == CONVIS_NODE_MAP && (l->model || is_reserved("delay", l->type)) ? convis_yaml_find(map, "delay") : NULL;
    convis_status status = CONVIS_OK;
    int64_t frames = 0;
    if (input && inputs) return convis_yaml_fail(r->y, inputs, CONVIS_EFORMAT, "%s: expected input or inputs, not both", l->name);
    if (inputs && inputs->kind == CONVIS_NODE_LIST) {
        const int most = l->model ? l->model->givens > 1 ? l->model->givens : 1 : CONVIS_MAX_INPUTS;
        if (inputs->count > most)
            return convis_yaml_fail(r->y, inputs, CONVIS_ESHAPE, "%s: %d inputs, expected %d at most", l->name, inputs->count,
                                    most);
        for (const node *n = inputs->first; n && !status; n = n->next) status = read_input(r, n, l);
    } else if (input || inputs) {
        status = read_input(r, input ? input : inputs, l);
    } else if (follows(l)) {
        status = convis_graph_follow(r->c, r->g, j);
    }
    if (status || !delay) return status;
    if (l->inputs != 1)
        return convis_yaml_fail(r->y, delay, CONVIS_EFORMAT, "%s: of several inputs each has its own delay: {from: a, delay: 1}",
                                l->name);
    status = expect_whole(r, delay, "delay", 0, INT32_MAX, &frames);
    l->input[0].delay = (int)frames;
    return status;
}

static convis_status read_value(const struct reader *r, const node *n, const convis_field *f, const char *what,
                                struct convis_value *v)
{
    const unsigned flags = f ? f->flags : 0;
    double number;
    if (flags & CONVIS_TEXT || (flags & CONVIS_ARRAY && n->kind == CONVIS_NODE_TEXT && !convis_yaml_number(n, &number))) {
        if (n->kind != CONVIS_NODE_TEXT) return convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "%s: expected a text", what);
        v->kind = CONVIS_VALUE_TEXT;
        v->text = convis_copy_text(r->c, n->text);
        return v->text ? CONVIS_OK : CONVIS_ENOMEM;
    }
    if (flags & CONVIS_ARRAY) return read_array(r, n, what, v);
    v->kind = CONVIS_VALUE_NUMBER;
    if (!(flags & CONVIS_WORDS) || convis_yaml_number(n, &number)) return expect_number(r, n, what, &v->number);
    if (n->kind == CONVIS_NODE_TEXT && convis_field_word(f, n->text, &v->number)) return CONVIS_OK;
    return convis_yaml_fail(r->y, n, n->kind == CONVIS_NODE_TEXT ? CONVIS_EINVAL : CONVIS_EFORMAT, "%s: '%s', expected %s", what,
                            n->kind == CONVIS_NODE_TEXT ? CONVIS_QUOTED(n->text) : "...", convis_field_expected(f));
}

static convis_status no_parameter(const struct reader *r, const node *n, const struct convis_graph_layer *l,
                                  const struct convis_rows *rows)
{
    char why[CONVIS_GRAPH_WHY];
    convis_graph_no_parameter(why, l, rows, n->name, RESERVED);
    return convis_yaml_fail_name(r->y, n, CONVIS_ENAME, "%s", why);
}

/* The parameters of one kind: texts come first, because others may follow from them. */
static convis_status read_values(const struct reader *r, const node *map, struct convis_graph_layer *l, int texts)
{
    struct convis_rows rows;
    convis_status status = convis_graph_rows(r->c, l, &rows);
    if (status) return convis_yaml_blame(r->y, map, status);
    for (const node *n = map->first; n && !status; n = n->next) {
        char what[2*CONVIS_GRAPH_NAME];
        struct convis_value v = { .kind = CONVIS_VALUE_NUMBER };
        const convis_field *known = NULL;
        if (is_reserved(n->name, l->type)) continue;
        for (int k = 0; k < rows.count; k++)
            if (!strcmp(rows.row[k].name, n->name)) known = &rows.row[k];
        if (!(known && known->flags & CONVIS_TEXT) != !texts) continue;
        snprintf(what, sizeof what, "%s.%.60s", l->name, n->name);
        snprintf(v.name, sizeof v.name, "%s", n->name);
        if (!known) return no_parameter(r, n, l, &rows);
        if ((status = read_value(r, n, known, what, &v))) convis_value_free(r->c, &v);
        else if ((status = convis_graph_put(r->c, l, &v))) status = convis_yaml_blame(r->y, n, status);
    }
    return status;
}

static convis_status unknown_type(const struct reader *r, const node *n)
{
    convis_hint hint = CONVIS_HINT(n->text);
    char quoted[64];
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++) convis_hint_offer(&hint, (*t)->name);
    return convis_yaml_fail(r->y, n, CONVIS_ENAME, "'%s' is no type of layer%s", convis_quoted(quoted, n->text), hint.text);
}

/* A key that may be meant is named. */
static convis_status no_type(const struct reader *r, const node *map)
{
    char quoted[64];
    for (const node *n = map->first; n; n = n->next) {
        convis_hint hint = CONVIS_HINT(n->name);
        convis_hint_offer(&hint, "type");
        convis_hint_offer(&hint, "model");
        if (*hint.text && strcmp(n->name, "name"))
            return convis_yaml_fail_name(r->y, n, CONVIS_EFORMAT, "a layer without type, but with '%s'%s",
                                         convis_quoted(quoted, n->name), hint.text);
    }
    return convis_yaml_fail(r->y, map, CONVIS_EFORMAT, "a layer without type, expected one: {name: filter, type: conv}");
}

/* {name: retina, model: primate, set: {...}}: what the model has, under the name. */
static convis_status read_model(const struct reader *r, const node *n)
{
    static const char *const KEYS[] = { "name", "model", "set", "input", "inputs", "delay", NULL };
    const node *name = convis_yaml_find(n, "name"), *model = convis_yaml_find(n, "model"), *set = convis_yaml_find(n, "set");
    struct convis_graph within;
    struct convis_graph_layer *l;
    convis_status status = expect_keys(r, n, "a model within", KEYS);
    if (status) return status;
    if (!name && model->kind == CONVIS_NODE_TEXT) name = model;
    if (!name)
        return convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "a model without name, expected one: {name: retina, model: primate}");
    if ((status = expect_text(r, name, "name"))) return status;
    if ((status = r->how->open(r->y, r->path, model, r->how->opening, r->how->warnings, &within))) return status;
    if (set && (status = convis_graph_read_settings(r->how, set, &within))) { convis_graph_clear(r->c, &within); return status; }
    if ((status = convis_graph_add_model(r->c, r->g, name->text, &within, &l))) return convis_yaml_blame(r->y, name, status);
    l->line = n->line;
    l->column = n->column;
    return read_inputs(r, n, r->g->layers - 1);
}

/* A layer's C file: where it is said to be, else, as models are moved with their files, beside the model's. */
static convis_status read_own(const struct reader *r, const node *n, const node *type, const convis_layer_type **known)
{
    const struct convis_own_layer *own = NULL;
    const char *slash = strrchr(type->text, '/');
    const node *mark = n->kind == CONVIS_NODE_MAP ? convis_yaml_find(n, "fingerprint") : NULL;
    char *file = convis_file_beside(r->c, r->path, type->text);
    if (file && slash && access(file, F_OK)) {
        char *beside = convis_file_beside(r->c, r->path, slash + 1);
        if (beside && !access(beside, F_OK)) { char *swap = file; file = beside; beside = swap; }
        convis_release(r->c, beside);
    }
    if (!file) return CONVIS_ENOMEM;
    convis_status status = mark ? expect_text(r, mark, "fingerprint") : CONVIS_OK;
    if (!status && (status = convis_own_open(r->c, file, &own))) status = convis_yaml_blame(r->y, type, status);
    convis_release(r->c, file);
    if (status) return status;
    *known = own->type;
    if (!mark || !strcmp(mark->text, own->fingerprint) || !r->how->warnings) return CONVIS_OK;
    return convis_warn(r->c, r->how->warnings,
                       "%s: %s is not the file with which the model was written: fingerprint %s, expected %.40s", r->y->name,
                       own->path, own->fingerprint, mark->text);
}

/* "relu", or a map with its type, its name, its inputs and its parameters. */
static convis_status read_layer(const struct reader *r, const node *n)
{
    const node *type = n, *name = n;
    struct convis_graph_layer *l;
    if (n->kind == CONVIS_NODE_LIST)
        return convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "a list, expected a layer: {name: filter, type: conv}");
    if (n->kind == CONVIS_NODE_MAP) {
        type = convis_yaml_find(n, "type");
        name = convis_yaml_find(n, "name");
        if (!type && convis_yaml_find(n, "model")) return read_model(r, n);
        if (!type) return no_type(r, n);
        if (!name) name = type;
    }
    convis_status status = expect_text(r, type, "type");
    if (!status) status = expect_text(r, name, "name");
    if (status) return status;
    const convis_layer_type *known = convis_layer_type_named(type->text);
    const int own = !known && convis_own_is_name(type->text);
    if (own && (status = read_own(r, n, type, &known))) return status;
    if (!known) return unknown_type(r, type);
    const node *mark = n->kind == CONVIS_NODE_MAP && !own ? convis_yaml_find(n, "fingerprint") : NULL;
    if (mark) return convis_yaml_fail_name(r->y, mark, CONVIS_ENAME, "fingerprint: expected of a layer whose type is a file");
    status = convis_graph_add(r->c, r->g, own && name == type ? known->name : name->text, known, &l);
    if (status) return convis_yaml_blame(r->y, name, status);
    l->line = n->line;
    l->column = n->column;
    status = read_inputs(r, n, r->g->layers - 1);
    for (int texts = 1; texts >= 0 && n->kind == CONVIS_NODE_MAP && !status; texts--) status = read_values(r, n, l, texts);
    for (int k = 0; k < l->values && !status; k++)
        if ((status = convis_graph_fit(r->c, l, &l->value[k], 0))) status = convis_yaml_blame(r->y, n, status);
    return status;
}

/* ---- Cells ---- */

static convis_status cells_of_file(const struct reader *r, const node *n, convis_cell **cells, int64_t *count)
{
    convis_cell *read = NULL;
    char *full = convis_file_beside(r->c, r->path, n->text);
    if (!full) return CONVIS_ENOMEM;
    convis_status status = convis_cells_read(r->c, full, &read, count);
    convis_release(r->c, full);
    if (status) return convis_yaml_blame(r->y, n, status);
    *cells = convis_obtain(r->c, (size_t)(*count + 1)*sizeof **cells);
    if (*cells) memcpy(*cells, read, (size_t)*count*sizeof **cells);
    convis_cells_free(&read);
    return *cells ? CONVIS_OK : CONVIS_ENOMEM;
}

/* Columns of equal length; id counts from 0 and layer is 0 unless they are there. */
static convis_status cells_of_columns(const struct reader *r, const node *n, convis_cell **cells, int64_t *count)
{
    static const char *const KEYS[] = { "id", "layer", "x", "y", NULL };
    struct convis_value column[4] = { { .count = 0 } };
    convis_status status = expect_keys(r, n, "units", KEYS);
    for (int k = 3; k >= 0 && !status; k--) {
        const node *list = convis_yaml_find(n, KEYS[k]);
        if (!list && k < 2) continue;
        status = list ? read_array(r, list, KEYS[k], &column[k])
                      : convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "units: expected x and y");
        if (!status && k < 3 && column[k].count != *count)
            status = convis_yaml_fail(r->y, list, CONVIS_ESHAPE, "units: %lld of %s, expected %lld as of y",
                                      (long long)column[k].count, KEYS[k], (long long)*count);
        if (k == 3) *count = column[k].count;
        for (int64_t i = 0; k < 2 && i < *count && !status; i++)
            if (!(column[k].array[i] >= 0 && column[k].array[i] <= INT32_MAX) || column[k].array[i] != floor(column[k].array[i]))
                status = convis_yaml_fail(r->y, list, CONVIS_EINVAL, "units: %s %g, expected whole numbers from 0", KEYS[k],
                                          column[k].array[i]);
    }
    if (!status && !(*cells = convis_obtain(r->c, (size_t)(*count + 1)*sizeof **cells))) status = CONVIS_ENOMEM;
    for (int64_t i = 0; i < *count && !status; i++)
        (*cells)[i] = (convis_cell){ column[0].array ? (int32_t)column[0].array[i] : (int32_t)i,
                                     column[1].array ? (int32_t)column[1].array[i] : 0, column[2].array[i], column[3].array[i] };
    for (int k = 0; k < 4; k++) convis_value_free(r->c, &column[k]);
    return status;
}

static convis_status columns_or_file(const struct reader *r, const node *n, convis_cell **cells, int64_t *count)
{
    *cells = NULL;
    *count = 0;
    return n->kind == CONVIS_NODE_TEXT ? cells_of_file(r, n, cells, count) : cells_of_columns(r, n, cells, count);
}

static convis_status read_cells(const struct reader *r, const node *n)
{
    convis_cell *cells;
    int64_t count;
    convis_status status = columns_or_file(r, n, &cells, &count);
    if (!status && (status = convis_graph_set_cells(r->c, r->g, cells, count))) status = convis_yaml_blame(r->y, n, status);
    convis_release(r->c, cells);
    return status;
}

/* ---- Settings ---- */

/* ganglion_0.units: no setting of its own. */
static int is_units(const node *n)
{
    const size_t length = strlen(n->name);
    return n->kind == CONVIS_NODE_MAP && length > 6 && !strcmp(n->name + length - 6, ".units");
}

static convis_status read_cells_of(const struct reader *r, const node *n)
{
    char layer[2*CONVIS_GRAPH_NAME];
    convis_cell *cells;
    int64_t count;
    snprintf(layer, sizeof layer, "%.*s", (int)(strlen(n->name) - strlen(".units")), n->name);
    convis_status status = columns_or_file(r, n, &cells, &count);
    if (!status && (status = convis_graph_set_cells_of(r->c, r->g, layer, cells, count)))
        status = convis_yaml_blame(r->y, n, status);
    convis_release(r->c, cells);
    return status;
}

convis_status convis_graph_read_settings(const struct convis_graph_reading *how, const node *map, struct convis_graph *g)
{
    const struct reader r = { how->y, how->y->context, how->path, g, how };
    convis_status status = CONVIS_OK;
    if (map->kind != CONVIS_NODE_MAP) return convis_yaml_fail(r.y, map, CONVIS_EFORMAT, "expected settings and their values");
    for (const node *n = map->first; n && !status; n = n->next) {
        if (is_units(n)) continue;
        if (n->kind != CONVIS_NODE_TEXT)
            return convis_yaml_fail(r.y, n, CONVIS_EFORMAT, "%.60s: expected a number or a text", n->name);
        if ((status = convis_graph_set(r.c, g, n->name, n->text))) status = convis_yaml_blame(r.y, n, status);
    }
    for (const node *n = map->first; n && !status; n = n->next)              /* after all settings, which may take cells away */
        if (is_units(n)) status = read_cells_of(&r, n);
    return status;
}

/* ---- The whole ---- */

static convis_status read_head(const struct reader *r, const node *root)
{
    struct convis_graph *g = r->g;
    const node *n;
    convis_status status = CONVIS_OK;
    if ((n = convis_yaml_find(root, "title"))) status = copy(r, n, "title", &g->title);
    if (!status && (n = convis_yaml_find(root, "source"))) status = copy(r, n, "source", &g->source);
    if (!status && (n = convis_yaml_find(root, "dt"))) {
        status = expect_number(r, n, "dt", &g->dt);
        if (!status && !(g->dt > 0 && g->dt <= 1e6))
            status = convis_yaml_fail(r->y, n, CONVIS_EINVAL, "dt: %g s, expected more than 0 s", g->dt);
    }
    if (!status &&
        ((n = convis_yaml_find(root, "baseline")) || (n = convis_yaml_find(root, "past")))) {     /* past: of older files */
        status = expect_number(r, n, n->name, &g->baseline);
        if (!status && !(fabs(g->baseline) <= 1e30))
            status = convis_yaml_fail(r->y, n, CONVIS_EINVAL, "%s: %g, expected -1e30 to 1e30", n->name, g->baseline);
        g->has_baseline = 1;
    }
    if (!status && (n = convis_yaml_find(root, "size"))) {
        char end;
        long long width = 0, height = 0;
        if (n->kind != CONVIS_NODE_TEXT || sscanf(n->text, "%lldx%lld%c", &width, &height, &end) != 2 || width < 1 || height < 1)
            status = convis_yaml_fail(r->y, n, CONVIS_EFORMAT, "size: expected WIDTHxHEIGHT in pixels, as 64x48");
        g->width = width;
        g->height = height;
    }
    return status;
}

static convis_status read_output(const struct reader *r, const node *n)
{
    struct convis_graph *g = r->g;
    convis_status status = expect_text(r, n, "output");
    if (!status && strlen(n->text) >= sizeof g->output)
        status = convis_yaml_fail(r->y, n, CONVIS_ENAME, "output: too long to be a layer's name");
    if (status) return status;
    strcpy(g->output, n->text);
    g->output_line = n->line;
    g->output_column = n->column;
    return CONVIS_OK;
}

static convis_status read_aliases(const struct reader *r, const node *map)
{
    convis_status status = CONVIS_OK;
    if (map->kind != CONVIS_NODE_MAP) return convis_yaml_fail(r->y, map, CONVIS_EFORMAT, "aliases: expected names and paths");
    for (const node *n = map->first; n && !status; n = n->next) {
        status = expect_text(r, n, "alias");
        if (!status && (convis_graph_find(r->g, n->name) || convis_graph_find_source(r->g, n->name) >= 0))
            status = convis_yaml_fail_name(r->y, n, CONVIS_ENAME, "aliases: '%s' is the name of %s", n->name,
                                           convis_graph_find(r->g, n->name) ? "a layer" : "an input");
        if (!status && (status = convis_graph_add_alias(r->c, r->g, n->name, n->text)))
            status = convis_yaml_blame(r->y, n, status);
    }
    return status;
}

/* {movie: {channels: 3}, speed: {}}: sizes that are not given are 1. */
static convis_status read_sources(const struct reader *r, const node *map)
{
    static const char *const KEYS[] = { "channels", "height", "width", NULL };
    static const int DIM[] = { CONVIS_C, CONVIS_Y, CONVIS_X };
    const node *movie = r->g->givens ? NULL : map->first;        /* further ones may be added to those of an extended model */
    convis_status status = CONVIS_OK;
    if (map->kind != CONVIS_NODE_MAP || !map->count)
        return convis_yaml_fail(r->y, map, CONVIS_EFORMAT, "inputs: expected names: {movie: {channels: 3}, speed: {}}");
    for (const node *n = map->first; n && !status; n = n->next) {
        convis_shape frame = { { 1, 1, 1, 1, 1 } };
        status = expect_keys(r, n, n->name, KEYS);
        for (int k = 0; k < 3 && !status; k++) {
            const node *size = convis_yaml_find(n, KEYS[k]);
            if (size && k && n == movie)
                return convis_yaml_fail(r->y, size, CONVIS_EFORMAT,
                                        "%s: the first input has the movie's %s, expected channels alone", n->name, KEYS[k]);
            if (size) status = expect_whole(r, size, KEYS[k], 1, 1 << 20, &frame.dim[DIM[k]]);
        }
        if (!status && (status = convis_graph_add_source(r->c, r->g, n->name, frame)))
            status = convis_yaml_blame(r->y, n, status);
    }
    return status;
}

static convis_status read_layers(const struct reader *r, const node *root)
{
    const node *layers = convis_yaml_find(root, "layers");
    convis_status status = CONVIS_OK;
    if (!layers || layers->kind != CONVIS_NODE_LIST || !layers->count)
        return convis_yaml_fail(r->y, layers ? layers : root, CONVIS_EFORMAT, "layers: expected a list of one layer at least");
    for (const node *n = layers->first; n && !status; n = n->next) status = read_layer(r, n);
    return status;
}

/* Of models within: their time step is that of the whole, which is the first one's unless it is given. */
static convis_status one_time_step(const struct reader *r, const node *root)
{
    char text[32];
    struct convis_graph *g = r->g;
    for (int j = g->layers - 1; j >= 0 && !convis_yaml_find(root, "dt"); j--)
        if (g->layer[j].model) g->dt = g->layer[j].model->dt;
    convis_number_print(g->dt, text, sizeof text);
    convis_status status = CONVIS_OK;
    for (int j = 0; j < g->layers && !status; j++)
        if (g->layer[j].model) status = convis_graph_set(r->c, g->layer[j].model, "dt", text);
    return status;
}

convis_status convis_graph_read(const struct convis_graph_reading *how, const node *root, struct convis_graph *g)
{
    static const char *const KEYS[] = { "title", "source", "dt", "baseline", "past", "size", "inputs",
                                        "layers", "output", "aliases", "units", NULL };
    struct reader r = { how->y, how->y->context, how->path, g, how };
    const node *n;
    *g = (struct convis_graph){ .dt = 0.001 };
    convis_shorten(g->file, sizeof g->file, "%s", how->y->name);
    convis_status status = expect_keys(&r, root, "the model", KEYS);
    if (!status) status = read_head(&r, root);
    if (!status && (n = convis_yaml_find(root, "inputs"))) status = read_sources(&r, n);
    if (!status && (n = convis_yaml_find(root, "output"))) status = read_output(&r, n);
    if (!status) status = read_layers(&r, root);
    if (!status) status = one_time_step(&r, root);
    if (!status && (n = convis_yaml_find(root, "aliases"))) status = read_aliases(&r, n);
    if (!status && (n = convis_yaml_find(root, "units"))) status = read_cells(&r, n);
    if (!status) status = convis_graph_check(r.c, g);
    if (status) convis_graph_clear(r.c, g);
    return status;
}

/* {bipolar.substep: 0.0005, ganglion_0.cells.x: [1, 2]}: parameters of layers, also of those that are made later. */
static convis_status read_parameters(const struct reader *r, const node *map)
{
    convis_status status = CONVIS_OK;
    if (map->kind != CONVIS_NODE_MAP)
        return convis_yaml_fail(r->y, map, CONVIS_EFORMAT, "parameters: expected paths and their values");
    for (const node *n = map->first; n && !status; n = n->next) {
        char line[4*CONVIS_GRAPH_NAME];
        struct convis_value v = { .kind = CONVIS_VALUE_NUMBER };
        double number;
        if (convis_yaml_number(n, &number)) {
            snprintf(line, sizeof line, "%.200s %.60s\n", n->name, n->text);
            status = convis_graph_set_lines(r->c, r->g, "parameters", line);
        } else if (!(status = read_array(r, n, n->name, &v))) status = convis_graph_set_value(r->c, r->g, n->name, &v);
        else convis_value_free(r->c, &v);
        if (status) status = convis_yaml_blame(r->y, n, status);
    }
    return status;
}

convis_status convis_graph_read_changes(const struct convis_graph_reading *how, const node *root, struct convis_graph *g)
{
    struct reader r = { how->y, how->y->context, how->path, g, how };
    const node *n, *layers = convis_yaml_find(root, "layers"), *output = convis_yaml_find(root, "output");
    convis_status status = CONVIS_OK;
    if ((n = convis_yaml_find(root, "set"))) status = convis_graph_read_settings(how, n, g);
    if (!status && (n = convis_yaml_find(root, "parameters"))) status = read_parameters(&r, n);
    const int sized = g->kind && g->kind->sized,         /* which has no layers yet, but may have an output */
              grows = layers || convis_yaml_find(root, "aliases") || convis_yaml_find(root, "inputs")
                   || convis_yaml_find(root, "units") || (output && !sized);
    if (!status && grows) status = convis_graph_extend(r.c, g);
    if (!status && (layers || output)) {
        convis_shorten(g->file, sizeof g->file, "%s", how->y->name);
        for (int j = 0; j < g->layers; j++) g->layer[j].line = 0;            /* they are of another file */
        g->output_line = 0;
    }
    if (!status && layers) *g->output = 0;
    if (!status && (n = convis_yaml_find(root, "inputs"))) status = read_sources(&r, n);
    if (!status && layers) status = read_layers(&r, root);
    if (!status && output) status = read_output(&r, output);
    if (!status && (n = convis_yaml_find(root, "title"))) status = copy(&r, n, "title", &g->title);
    if (!status && (n = convis_yaml_find(root, "source"))) status = copy(&r, n, "source", &g->source);
    if (!status && (n = convis_yaml_find(root, "aliases"))) status = read_aliases(&r, n);
    if (!status && (n = convis_yaml_find(root, "units"))) status = read_cells(&r, n);
    return status ? status : convis_graph_check(r.c, g);
}
