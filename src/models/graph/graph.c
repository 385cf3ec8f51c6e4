/* graph.c - graphs: added to, copied, and checked. */
#include "graph.h"
#include "base/words.h"
#include "base/context.h"
#include "base/text.h"
#include "engine/model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Memory ---- */

void convis_value_free(convis_context *c, struct convis_value *v)
{
    convis_release(c, v->text);
    convis_release(c, v->array);
    v->text = NULL;
    v->array = NULL;
}

convis_status convis_value_of_array(convis_context *c, const convis_array *a, struct convis_value *v)
{
    const int fits = a->dims >= 1 && a->dims <= CONVIS_VALUE_DIMS;
    v->kind = CONVIS_VALUE_ARRAY;
    v->count = 1;
    for (int k = 0; k < a->dims; k++) v->count *= a->dim[k];
    v->dims = fits ? a->dims : 1;
    for (int k = 0; k < v->dims; k++) v->dim[k] = fits ? a->dim[k] : v->count;
    if (!(v->array = convis_obtain(c, (size_t)(v->count + 1)*sizeof *v->array))) return CONVIS_ENOMEM;
    memcpy(v->array, a->data, (size_t)v->count*sizeof *v->array);
    return CONVIS_OK;
}

static void free_layer(convis_context *c, struct convis_graph_layer *l)
{
    for (int k = 0; k < l->values; k++) convis_value_free(c, &l->value[k]);
    convis_release(c, l->input);
    if (l->model) convis_graph_clear(c, l->model);
    convis_release(c, l->model);
}

void convis_graph_clear(convis_context *c, struct convis_graph *g)
{
    for (int j = 0; j < g->layers; j++) free_layer(c, &g->layer[j]);
    for (int k = 0; k < g->arrays; k++) convis_value_free(c, &g->array[k].value);
    if (g->settings) g->kind->free(c, g->settings);
    convis_release(c, g->layer);
    convis_release(c, g->alias);
    convis_release(c, g->array);
    convis_release(c, g->given);
    convis_release(c, g->lines);
    convis_release(c, g->title);
    convis_release(c, g->source);
    convis_release(c, g->cell);
    memset(g, 0, sizeof *g);
}

convis_status convis_value_copy(convis_context *c, const struct convis_value *from, struct convis_value *to)
{
    *to = *from;
    to->room = 0;
    to->text = from->text ? convis_copy_text(c, from->text) : NULL;
    to->array = from->array ? convis_obtain(c, (size_t)(from->count + 1)*sizeof *to->array) : NULL;
    if (to->array) memcpy(to->array, from->array, (size_t)from->count*sizeof *to->array);
    return (from->text && !to->text) || (from->array && !to->array) ? CONVIS_ENOMEM : CONVIS_OK;
}

static convis_status copy_layer(convis_context *c, const struct convis_graph_layer *from, struct convis_graph_layer *to)
{
    convis_status status = CONVIS_OK;
    *to = *from;
    to->values = to->inputs = to->input_room = 0;
    to->input = NULL;
    to->model = NULL;
    for (int k = 0; k < from->inputs && !status; k++) {
        status = convis_graph_add_input(c, to, from->input[k].from, from->input[k].delay);
        if (!status) to->input[k].channels = from->input[k].channels;
    }
    while (!status && to->values < from->values) {
        status = convis_value_copy(c, &from->value[to->values], &to->value[to->values]);
        to->values++;
    }
    if (status || !from->model) return status;
    to->model = convis_obtain(c, sizeof *to->model);
    return to->model ? convis_graph_copy(c, from->model, to->model) : CONVIS_ENOMEM;
}

static convis_status copy_text(convis_context *c, const char *from, char **to)
{
    *to = from ? convis_copy_text(c, from) : NULL;
    return from && !*to ? CONVIS_ENOMEM : CONVIS_OK;
}

static void *copy_block(convis_context *c, const void *from, size_t size)
{
    void *to = convis_obtain(c, size + 1);
    if (to && size) memcpy(to, from, size);
    return to;
}

static convis_status copy_arrays(convis_context *c, const struct convis_graph *from, struct convis_graph *to)
{
    convis_status status = CONVIS_OK;
    for (int k = 0; k < from->arrays && !status; k++) {
        struct convis_value v;
        status = convis_value_copy(c, &from->array[k].value, &v);
        if (status) convis_value_free(c, &v);
        else status = convis_graph_add_array(c, to, from->array[k].path, &v);
    }
    return status;
}

convis_status convis_graph_copy(convis_context *c, const struct convis_graph *from, struct convis_graph *to)
{
    *to = (struct convis_graph){ .dt = from->dt, .width = from->width, .height = from->height, .baseline = from->baseline, .has_baseline = from->has_baseline, .kind = from->kind,
                                 .output_line = from->output_line, .output_column = from->output_column };
    memcpy(to->file, from->file, sizeof to->file);
    memcpy(to->output, from->output, sizeof to->output);
    convis_status status = from->settings ? from->kind->copy(c, from->settings, &to->settings) : CONVIS_OK;
    if (!status) status = copy_text(c, from->title, &to->title);
    if (!status) status = copy_text(c, from->source, &to->source);
    if (!status) status = copy_text(c, from->lines, &to->lines);
    if (!status) status = copy_arrays(c, from, to);
    if (!status && from->cell && !(to->cell = copy_block(c, from->cell, (size_t)from->cells*sizeof *to->cell)))
        status = CONVIS_ENOMEM;
    to->cells = from->cells;
    for (int j = 0; j < from->layers && !status; j++) {
        status = convis_grow(c, (void **)&to->layer, to->layers, &to->layer_room, sizeof *to->layer);
        if (!status) status = copy_layer(c, &from->layer[j], &to->layer[to->layers++]);
    }
    for (int k = 0; k < from->aliases && !status; k++)
        status = convis_graph_add_alias(c, to, from->alias[k].name, from->alias[k].path);
    for (int k = 0; k < from->givens && !status; k++)
        status = convis_graph_add_source(c, to, from->given[k].name, from->given[k].frame);
    if (status) convis_graph_clear(c, to);
    return status;
}

/* ---- Layers ---- */

struct convis_graph_layer *convis_graph_find(const struct convis_graph *g, const char *name)
{
    for (int j = 0; j < g->layers; j++) if (!strcmp(g->layer[j].name, name)) return &g->layer[j];
    return NULL;
}

const char *convis_graph_resolve(const struct convis_graph *g, const char *path)
{
    if (convis_graph_find(g, path)) return path;         /* as in the engine's paths */
    for (int k = 0; k < g->aliases; k++) if (!strcmp(g->alias[k].name, path)) return g->alias[k].path;
    return path;
}

/* Names stand in paths, in files and on command lines. */
static int is_name(const char *name)
{
    const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t length = strlen(name);
    return length && length < CONVIS_GRAPH_NAME && strspn(name, letters) == length && *name != '.' && name[length - 1] != '.';
}

static convis_status add(convis_context *c, struct convis_graph *g, const char *name, struct convis_graph_layer **layer)
{
    if (convis_graph_find(g, name)) return convis_fail(c, CONVIS_ENAME, "'%s': two layers have that name, expected one", name);
    if (g->layers == CONVIS_GRAPH_LAYERS) return convis_fail(c, CONVIS_ESHAPE, "more than %d layers", CONVIS_GRAPH_LAYERS);
    convis_status status = convis_grow(c, (void **)&g->layer, g->layers, &g->layer_room, sizeof *g->layer);
    if (status) return status;
    struct convis_graph_layer *l = *layer = &g->layer[g->layers++];
    memset(l, 0, sizeof *l);
    strcpy(l->name, name);
    return CONVIS_OK;
}

static convis_status check_name(convis_context *c, const struct convis_graph *g, const char *name)
{
    char quoted[64];
    if (is_name(name) && strcmp(name, "input") && convis_graph_find_source(g, name) < 0) return CONVIS_OK;
    return convis_fail(c, CONVIS_ENAME, "'%s': expected a name of letters, digits, '_', '-' and '.', other than %s",
                       convis_quoted(quoted, name), is_name(name) && strcmp(name, "input") ? "an input's" : "input");
}

convis_status convis_graph_add(convis_context *c, struct convis_graph *g, const char *name, const convis_layer_type *type,
                               struct convis_graph_layer **layer)
{
    *layer = NULL;
    convis_status status = check_name(c, g, name);
    if (!status) status = add(c, g, name, layer);
    if (!status) (*layer)->type = type;
    return status;
}

/* Layers of all models within, too: files that name files many times must not grow without bounds. */
static int64_t count_layers(const struct convis_graph *g)
{
    int64_t count = 0;
    for (int j = 0; j < g->layers; j++) count += g->layer[j].model ? 1 + count_layers(g->layer[j].model) : 1;
    return count;
}

convis_status convis_graph_add_model(convis_context *c, struct convis_graph *g, const char *name, struct convis_graph *model,
                                     struct convis_graph_layer **layer)
{
    *layer = NULL;
    convis_status status = *name ? check_name(c, g, name) : CONVIS_OK;
    if (!status && count_layers(g) + count_layers(model) >= CONVIS_GRAPH_LAYERS)
        status = convis_fail(c, CONVIS_ESHAPE, "more than %d layers", CONVIS_GRAPH_LAYERS);
    if (!status) status = add(c, g, name, layer);
    if (!status && !((*layer)->model = convis_obtain(c, sizeof *model))) { g->layers--; status = CONVIS_ENOMEM; }
    if (status) convis_graph_clear(c, model);
    else *(*layer)->model = *model;
    return status;
}

convis_status convis_graph_add_input(convis_context *c, struct convis_graph_layer *l, const char *from, int delay)
{
    char quoted[64];
    if (strlen(from) >= CONVIS_GRAPH_NAME)
        return convis_fail(c, CONVIS_ENAME, "%s: its input '%s': too long to be a layer's name", l->name,
                           convis_quoted(quoted, from));
    convis_status status = convis_grow(c, (void **)&l->input, l->inputs, &l->input_room, sizeof *l->input);
    if (status) return status;
    struct convis_graph_input *in = &l->input[l->inputs++];
    strcpy(in->from, from);
    in->delay = delay;
    in->channels = 0;
    return CONVIS_OK;
}

convis_status convis_graph_follow(convis_context *c, struct convis_graph *g, int layer)
{
    return convis_graph_add_input(c, &g->layer[layer], layer ? g->layer[layer - 1].name : "input", 0);
}

convis_status convis_graph_add_alias(convis_context *c, struct convis_graph *g, const char *name, const char *path)
{
    char quoted[64];
    if (!is_name(name) || !is_name(path))
        return convis_fail(c, CONVIS_ENAME, "alias '%s': expected a name for a path",
                           convis_quoted(quoted, is_name(name) ? path : name));
    convis_status status = convis_grow(c, (void **)&g->alias, g->aliases, &g->alias_room, sizeof *g->alias);
    if (status) return status;
    struct convis_graph_alias *a = &g->alias[g->aliases++];
    strcpy(a->name, name);
    strcpy(a->path, path);
    return CONVIS_OK;
}

int convis_graph_find_source(const struct convis_graph *g, const char *name)
{
    for (int k = 0; k < g->givens; k++) if (!strcmp(g->given[k].name, name)) return k;
    return strcmp(name, "input") ? -1 : 0;
}

int64_t convis_graph_channels(const struct convis_graph *g, int source)
{
    int64_t channels = g->kind && g->kind->sized;
    if (source < g->givens) return g->given[source].frame.dim[CONVIS_C];
    for (int j = 0; j < g->layers && !channels; j++)
        for (int k = 0; k < g->layer[j].inputs && g->layer[j].model && !channels; k++)
            if (convis_graph_find_source(g, g->layer[j].input[k].from) == source)
                channels = convis_graph_channels(g->layer[j].model, k);
    return channels;
}

convis_status convis_graph_add_source(convis_context *c, struct convis_graph *g, const char *name, convis_shape frame)
{
    char quoted[64];
    /* "input" is the first one, whatever else that is called, so no later one may be. */
    const int is_taken = strcmp(name, "input") ? convis_graph_find_source(g, name) >= 0 : g->givens > 0;
    if (!is_name(name) || convis_graph_find(g, name) || is_taken)
        return convis_fail(c, CONVIS_ENAME, "input '%s': expected a name of its own, of letters, digits, '_', '-' and '.'",
                           convis_quoted(quoted, name));
    if (convis_elements(frame) < 0)
        return convis_fail(c, CONVIS_ESHAPE, "%s: frames of this input would be too large, or of fewer than 0 pixels", name);
    convis_status status = convis_grow(c, (void **)&g->given, g->givens, &g->given_room, sizeof *g->given);
    if (status) return status;
    struct convis_graph_source *s = &g->given[g->givens++];
    strcpy(s->name, name);
    s->frame = frame;
    return CONVIS_OK;
}

convis_status convis_graph_add_array(convis_context *c, struct convis_graph *g, const char *path, struct convis_value *v)
{
    convis_status status = CONVIS_OK;
    if (strlen(path) >= sizeof g->array->path) status = convis_fail(c, CONVIS_ENAME, "'%.60s...': too long for a path", path);
    for (int k = 0; k < g->arrays && !status; k++)       /* instead of an earlier one */
        if (!strcmp(g->array[k].path, path)) {
            convis_value_free(c, &g->array[k].value);
            g->array[k].value = *v;
            return CONVIS_OK;
        }
    if (!status) status = convis_grow(c, (void **)&g->array, g->arrays, &g->array_room, sizeof *g->array);
    if (status) {
        convis_value_free(c, v);
        return status;
    }
    struct convis_graph_array *a = &g->array[g->arrays++];
    strcpy(a->path, path);
    a->value = *v;
    return CONVIS_OK;
}

/* ---- Models within ---- */

convis_status convis_graph_extend(convis_context *c, struct convis_graph *g)
{
    struct convis_graph outer = { .dt = g->dt };
    struct convis_graph_layer *l;
    if (!g->kind) return CONVIS_OK;
    outer.title = g->title;
    outer.source = g->source;
    g->title = g->source = NULL;
    convis_status status = convis_graph_add_model(c, &outer, "", g, &l);     /* which takes it, in any case */
    memset(g, 0, sizeof *g);
    if (!status) status = convis_graph_follow(c, &outer, 0);
    if (status) convis_graph_clear(c, &outer);
    *g = outer;
    return status;
}

void convis_graph_drop_last(convis_context *c, struct convis_graph *g) { free_layer(c, &g->layer[--g->layers]); }

struct convis_graph *convis_graph_base(const struct convis_graph *g)
{
    return g->layers && !*g->layer[0].name ? g->layer[0].model : NULL;
}

int convis_graph_is_sized(const struct convis_graph *g)
{
    for (int j = 0; j < g->layers; j++) if (g->layer[j].model && convis_graph_is_sized(g->layer[j].model)) return 1;
    return g->kind && g->kind->sized;
}

const char *convis_graph_output(const struct convis_graph *g)
{
    const struct convis_graph_layer *last = g->layers ? &g->layer[g->layers - 1] : NULL;
    if (*g->output || !last) return g->output;
    return *last->name || !last->model ? last->name : convis_graph_output(last->model);
}

double convis_graph_baseline(const struct convis_graph *g)
{
    if (g->kind && g->kind->sized) return g->kind->baseline(g->settings);
    for (int j = 0; j < g->layers && !g->has_baseline; j++)
        if (g->layer[j].model) return convis_graph_baseline(g->layer[j].model);
    return g->baseline;
}

int convis_graph_numbers(const struct convis_graph_layer *l) { return l->type->spikes ? l->skipped + 1 : 0; }

int convis_graph_spiking(const struct convis_graph *g)
{
    int spiking = g->kind && g->kind->sized ? g->kind->spiking(g->settings) : 0;
    for (int j = 0; j < g->layers; j++)
        spiking += g->layer[j].model ? convis_graph_spiking(g->layer[j].model) : convis_graph_numbers(&g->layer[j]);
    return spiking;
}

/* ---- Values ---- */

struct convis_value *convis_graph_value(const struct convis_graph_layer *l, const char *name)
{
    for (int k = 0; k < l->values; k++)
        if (!strcmp(l->value[k].name, name)) return (struct convis_value *)(uintptr_t)&l->value[k];
    return NULL;
}

void convis_graph_drop(convis_context *c, struct convis_graph_layer *l, const char *name)
{
    struct convis_value *v = convis_graph_value(l, name);
    if (!v) return;
    convis_value_free(c, v);
    memmove(v, v + 1, (size_t)(&l->value[--l->values] - v)*sizeof *v);
}

/* With `replaced` in place of what the layer has of that name; NULL: as it is. */
static convis_status rows_with(convis_context *c, const struct convis_graph_layer *l, const struct convis_value *replaced,
                               struct convis_rows *r)
{
    char *text[CONVIS_MAX_PARAMS] = { NULL };
    memset(r, 0, sizeof *r);
    for (const convis_field *f = l->type->params; f && f->name && r->count < CONVIS_MAX_PARAMS; f++) {
        const struct convis_value *v = replaced && !strcmp(replaced->name, f->name) ? replaced : convis_graph_value(l, f->name);
        /* A text's default is where numbers have their unit. */
        if (f->flags & CONVIS_TEXT) text[r->count] = v && v->text ? v->text : (char *)(uintptr_t)f->unit;
        r->row[r->count++] = *f;
    }
    if (!l->type->fields) return CONVIS_OK;
    convis_status status = l->type->fields(c, l->name, text, r->row + r->count, r->names, CONVIS_MAX_PARAMS - r->count);
    while (!status && r->count < CONVIS_MAX_PARAMS && r->row[r->count].name) r->count++;
    return status;
}

convis_status convis_graph_rows(convis_context *c, const struct convis_graph_layer *l, struct convis_rows *r)
{
    return rows_with(c, l, NULL, r);
}

static convis_status check_value(convis_context *c, const struct convis_graph_layer *l, const convis_field *f,
                                 const struct convis_value *v)
{
    const char *unit = convis_field_unit(f);
    if (f->flags & CONVIS_TEXT)
        return v->kind == CONVIS_VALUE_TEXT ? CONVIS_OK
                                            : convis_fail(c, CONVIS_EINVAL, "%s.%s: expected a text", l->name, f->name);
    if (f->flags & CONVIS_ARRAY) {
        for (int64_t i = 0; v->kind == CONVIS_VALUE_ARRAY && i < v->count; i++)
            if (!(v->array[i] >= f->min && v->array[i] <= f->max))
                return convis_fail(c, CONVIS_EINVAL, "%s.%s[%lld]: %g %s, expected %g to %g", l->name, f->name, (long long)i,
                                   v->array[i], unit, f->min, f->max);
        return CONVIS_OK;
    }
    if (v->kind != CONVIS_VALUE_NUMBER)
        return convis_fail(c, CONVIS_EINVAL, "%s.%s: %s, expected a number", l->name, f->name,
                           v->kind == CONVIS_VALUE_TEXT ? "a text" : "an array");
    if (!(v->number >= f->min && v->number <= f->max))
        return convis_fail(c, CONVIS_EINVAL, "%s.%s: %g%s%s, expected %g to %g", l->name, f->name, v->number, *unit ? " " : "",
                           unit, f->min, f->max);
    if (f->flags & CONVIS_WHOLE && v->number != floor(v->number))
        return convis_fail(c, CONVIS_EINVAL, "%s.%s: %g, expected a whole number", l->name, f->name, v->number);
    return CONVIS_OK;
}

static const convis_field *find_row(const struct convis_rows *r, const char *name)
{
    for (int k = 0; k < r->count; k++) if (!strcmp(r->row[k].name, name)) return &r->row[k];
    return NULL;
}

/* Numbers that a text no longer has go with it. */
static void drop_orphans(convis_context *c, struct convis_graph_layer *l, const struct convis_rows *r)
{
    int kept = 0;
    for (int k = 0; k < l->values; k++) {
        if (find_row(r, l->value[k].name)) l->value[kept++] = l->value[k];
        else convis_value_free(c, &l->value[k]);
    }
    l->values = kept;
}

void convis_graph_no_parameter(char why[CONVIS_GRAPH_WHY], const struct convis_graph_layer *l, const struct convis_rows *rows,
                               const char *name, const char *const *others)
{
    char quoted[64];
    convis_hint hint = CONVIS_HINT(name);
    for (int k = 0; k < rows->count; k++) convis_hint_offer(&hint, rows->row[k].name);
    for (; others && *others; others++) convis_hint_offer(&hint, *others);
    convis_shorten(why, CONVIS_GRAPH_WHY, "%s: %s %s has no parameter '%s'%s%s", l->name, convis_article(l->type->name),
                   l->type->name, convis_quoted(quoted, name), l->type->fields ? ", and its text uses none" : "", hint.text);
}

convis_status convis_graph_put(convis_context *c, struct convis_graph_layer *l, struct convis_value *v)
{
    struct convis_rows r;
    convis_status status = rows_with(c, l, v, &r);
    const convis_field *f = status ? NULL : find_row(&r, v->name);
    if (!status && !f) {
        char why[CONVIS_GRAPH_WHY];
        convis_graph_no_parameter(why, l, &r, v->name, NULL);
        status = convis_fail(c, CONVIS_ENAME, "%s", why);
    }
    if (!status) status = check_value(c, l, f, v);
    if (status) {
        convis_value_free(c, v);
        return status;
    }
    struct convis_value *at = convis_graph_value(l, v->name);
    if (at) convis_value_free(c, at);
    else at = &l->value[l->values++];
    *at = *v;
    if (l->type->fields && f->flags & CONVIS_TEXT) drop_orphans(c, l, &r);
    return CONVIS_OK;
}

convis_status convis_graph_fit(convis_context *c, struct convis_graph_layer *l, const struct convis_value *v, int anew)
{
    static const char *const NAME[] = { "channels", NULL, "frames", "height", "width" };
    int64_t dim[CONVIS_VALUE_DIMS];
    const int dims = v->kind == CONVIS_VALUE_ARRAY ? v->dims : 0, first = dims == 5 ? 0 : 5 - dims;
    convis_status status = CONVIS_OK;
    for (int k = 0; k < dims; k++) dim[5 - dims + k] = v->dim[k];            /* v may move when others are put */
    for (int k = first; k < 5 && dims > 1 && dims != 4 && !status; k++) {
        struct convis_value size = { .kind = CONVIS_VALUE_NUMBER, .number = (double)dim[k] };
        if (!NAME[k] || convis_find_row(l->type->params, NAME[k]) < 0 || (!anew && convis_graph_value(l, NAME[k]))) continue;
        snprintf(size.name, sizeof size.name, "%s", NAME[k]);
        status = convis_graph_put(c, l, &size);
    }
    return status;
}

/* ---- Checks of layers against each other ---- */

convis_status convis_graph_blame(convis_context *c, const struct convis_graph *g, int line, int column, convis_status status)
{
    return *g->file && line ? convis_fail_before(c, status, "%s:%d:%d: ", g->file, line, column) : status;
}

/* The layer of this name or alias, or the model within whose name begins it; -1: neither. */
static int place_of(const struct convis_graph *g, const char *name)
{
    name = convis_graph_resolve(g, name);
    for (int j = 0; j < g->layers; j++) if (!strcmp(g->layer[j].name, name)) return j;
    for (int j = g->layers - 1; j >= 0; j--) {           /* a model that this one extends comes last: it may have any name */
        const size_t n = strlen(g->layer[j].name);
        if (g->layer[j].model && (!n || (!strncmp(g->layer[j].name, name, n) && name[n] == '.'))) return j;
    }
    return -1;
}

static convis_status check_input(convis_context *c, const struct convis_graph *g, int j, const struct convis_graph_input *in)
{
    const char *name = g->layer[j].name;
    const int from = place_of(g, in->from), is_source = convis_graph_find_source(g, in->from) >= 0;
    if (from < 0 && !is_source) {
        convis_hint hint = CONVIS_HINT(in->from);
        char quoted[64];
        if (!g->givens) convis_hint_offer(&hint, "input");
        for (int k = 0; k < g->givens; k++) convis_hint_offer(&hint, g->given[k].name);
        for (int k = 0; k < g->layers; k++) convis_hint_offer(&hint, g->layer[k].name);
        return convis_fail(c, CONVIS_ENAME, "%s: its input '%s' is no layer%s", name, convis_quoted(quoted, in->from), hint.text);
    }
    if (in->delay < 0 || in->delay > LONGEST_DELAY)
        return convis_fail(c, CONVIS_EINVAL, "%s: a delay of %d frames, expected 0 to %d", name, in->delay, LONGEST_DELAY);
    if (!is_source && from >= j && !in->delay)
        return convis_fail(c, CONVIS_EINVAL, "%s: its input %s %s; feedback needs a delay of 1 frame or more", name, in->from,
                           from == j ? "is itself" : "comes later");
    return CONVIS_OK;
}

static convis_status check_output(convis_context *c, const struct convis_graph *g)
{
    if (!*g->output || place_of(g, g->output) >= 0) return CONVIS_OK;
    convis_hint hint = CONVIS_HINT(g->output);
    char quoted[64];
    for (int k = 0; k < g->layers; k++) convis_hint_offer(&hint, g->layer[k].name);
    convis_fail(c, CONVIS_ENAME, "output: '%s' is no layer%s", convis_quoted(quoted, g->output), hint.text);
    return convis_graph_blame(c, g, g->output_line, g->output_column, CONVIS_ENAME);
}

/* How many inputs a layer may have. */
static convis_status check_count(convis_context *c, const struct convis_graph_layer *l)
{
    const int most = l->model ? l->model->givens ? l->model->givens : 1 : (l->type->more ? l->type->more : l->type)->inputs;
    const int min_inputs = l->model ? most : l->type->min_inputs ? l->type->min_inputs : l->type->inputs;
    const char *format = min_inputs < most ? "%s: %d input%s, %s expects %d to %d" : "%s: %d input%s, %s expects %d";
    if (l->inputs <= most && l->inputs >= min_inputs) return CONVIS_OK;
    return convis_fail(c, CONVIS_ESHAPE, format, l->name, l->inputs, l->inputs == 1 ? "" : "s", l->model ? "it" : l->type->name,
                       min_inputs, most);
}

convis_status convis_graph_check(convis_context *c, const struct convis_graph *g)
{
    if (g->kind && g->kind->sized) return CONVIS_OK;     /* a preset's layers are correct */
    if (!g->layers) return convis_fail(c, CONVIS_EINVAL, "the model has no layers, expected one at least");
    for (int j = 0; j < g->layers; j++) {
        const struct convis_graph_layer *l = &g->layer[j];
        convis_status status = check_count(c, l);
        for (int k = 0; k < l->inputs && !status; k++) status = check_input(c, g, j, &l->input[k]);
        if (status) return convis_graph_blame(c, g, l->line, l->column, status);
    }
    return check_output(c, g);
}
