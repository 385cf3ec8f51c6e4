/* graph.c - graphs: added to, checked, made into models, and read off models. */
#include "graph.h"
#include "engine/model.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Memory ---- */

/* Room for one more element, doubling; the old block stays valid on failure. */
static int grow(convis_context *c, void **block, int count, int *room, size_t size)
{
    if (count < *room) return 1;
    int more = *room ? 2**room : 8;
    void *larger = convis_obtain(c, (size_t)more*size);
    if (!larger) return 0;
    if (count) memcpy(larger, *block, (size_t)count*size);
    convis_release(c, *block);
    *block = larger;
    *room = more;
    return 1;
}

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

void convis_graph_clear(convis_context *c, struct convis_graph *g)
{
    for (int j = 0; j < g->layers; j++)
        for (int k = 0; k < g->layer[j].values; k++) convis_value_free(c, &g->layer[j].value[k]);
    convis_release(c, g->layer);
    convis_release(c, g->alias);
    convis_release(c, g->title);
    convis_release(c, g->source);
    convis_release(c, g->unit);
    memset(g, 0, sizeof *g);
}

static convis_status copy_value(convis_context *c, const struct convis_value *from, struct convis_value *to)
{
    *to = *from;
    to->room = 0;
    to->text = from->text ? convis_copy_text(c, from->text) : NULL;
    to->array = from->array ? convis_obtain(c, (size_t)(from->count + 1)*sizeof *to->array) : NULL;
    if (to->array) memcpy(to->array, from->array, (size_t)from->count*sizeof *to->array);
    return (from->text && !to->text) || (from->array && !to->array) ? CONVIS_ENOMEM : CONVIS_OK;
}

convis_status convis_graph_copy(convis_context *c, const struct convis_graph *from, struct convis_graph *to)
{
    *to = *from;
    to->layers = to->layer_room = to->aliases = to->alias_room = 0;
    to->layer = NULL;
    to->alias = NULL;
    to->title = from->title ? convis_copy_text(c, from->title) : NULL;
    to->source = from->source ? convis_copy_text(c, from->source) : NULL;
    to->unit = from->unit ? convis_obtain(c, (size_t)(from->units + 1)*sizeof *to->unit) : NULL;
    if (to->unit) memcpy(to->unit, from->unit, (size_t)from->units*sizeof *to->unit);
    int bad = (from->title && !to->title) || (from->source && !to->source) || (from->unit && !to->unit);
    for (int j = 0; j < from->layers && !bad; j++) {
        bad = !grow(c, (void **)&to->layer, to->layers, &to->layer_room, sizeof *to->layer);
        if (bad) break;
        struct convis_graph_layer *l = &to->layer[to->layers++];
        *l = from->layer[j];
        l->values = 0;
        while (!bad && l->values < from->layer[j].values) {
            bad = copy_value(c, &from->layer[j].value[l->values], &l->value[l->values]) != CONVIS_OK;
            l->values++;
        }
    }
    for (int k = 0; k < from->aliases && !bad; k++)
        bad = convis_graph_add_alias(c, to, from->alias[k].name, from->alias[k].path) != CONVIS_OK;
    if (bad) convis_graph_clear(c, to);
    return bad ? CONVIS_ENOMEM : CONVIS_OK;
}

/* ---- Layers ---- */

struct convis_graph_layer *convis_graph_find(const struct convis_graph *g, const char *name)
{
    for (int j = 0; j < g->layers; j++) if (!strcmp(g->layer[j].name, name)) return &g->layer[j];
    return NULL;
}

/* Names stand in paths, in files and on command lines. */
static int is_name(const char *name)
{
    const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t length = strlen(name);
    return length && length < CONVIS_GRAPH_NAME && strspn(name, letters) == length && *name != '.' && name[length - 1] != '.';
}

convis_status convis_graph_add(convis_context *c, struct convis_graph *g, const char *name, const convis_layer_type *type,
                               struct convis_graph_layer **layer)
{
    char quoted[64];
    *layer = NULL;
    if (!is_name(name) || !strcmp(name, "input"))
        return convis_fail(c, CONVIS_ENAME, "'%s': expected a name of letters, digits, '_', '-' and '.', other than input",
                           convis_quoted(quoted, name));
    if (convis_graph_find(g, name)) return convis_fail(c, CONVIS_ENAME, "'%s': two layers have that name, expected one", name);
    if (g->layers == CONVIS_GRAPH_LAYERS) return convis_fail(c, CONVIS_ESHAPE, "more than %d layers", CONVIS_GRAPH_LAYERS);
    if (!grow(c, (void **)&g->layer, g->layers, &g->layer_room, sizeof *g->layer)) return CONVIS_ENOMEM;
    struct convis_graph_layer *l = *layer = &g->layer[g->layers++];
    memset(l, 0, sizeof *l);
    l->type = type;
    strcpy(l->name, name);
    return CONVIS_OK;
}

convis_status convis_graph_add_alias(convis_context *c, struct convis_graph *g, const char *name, const char *path)
{
    char quoted[64];
    if (!is_name(name) || !is_name(path))
        return convis_fail(c, CONVIS_ENAME, "alias '%s': expected a name for a path", convis_quoted(quoted, is_name(name) ? path : name));
    if (!grow(c, (void **)&g->alias, g->aliases, &g->alias_room, sizeof *g->alias)) return CONVIS_ENOMEM;
    struct convis_graph_alias *a = &g->alias[g->aliases++];
    snprintf(a->name, sizeof a->name, "%s", name);
    snprintf(a->path, sizeof a->path, "%s", path);
    return CONVIS_OK;
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

static convis_status check_value(convis_context *c, const struct convis_graph_layer *l, const convis_field *f, const struct convis_value *v)
{
    const char *unit = strcmp(f->unit, "1") ? f->unit : "";
    if (f->flags & CONVIS_TEXT)
        return v->kind == CONVIS_VALUE_TEXT ? CONVIS_OK : convis_fail(c, CONVIS_EINVAL, "%s.%s: expected a text", l->name, f->name);
    if (f->flags & CONVIS_ARRAY) {
        for (int64_t i = 0; v->kind == CONVIS_VALUE_ARRAY && i < v->count; i++)
            if (!(v->array[i] >= f->min && v->array[i] <= f->max))
                return convis_fail(c, CONVIS_EINVAL, "%s.%s[%lld]: %g %s, expected %g to %g", l->name, f->name, (long long)i, v->array[i],
                                   unit, f->min, f->max);
        return CONVIS_OK;
    }
    if (v->kind != CONVIS_VALUE_NUMBER)
        return convis_fail(c, CONVIS_EINVAL, "%s.%s: %s, expected a number", l->name, f->name,
                           v->kind == CONVIS_VALUE_TEXT ? "a text" : "an array");
    if (!(v->number >= f->min && v->number <= f->max))
        return convis_fail(c, CONVIS_EINVAL, "%s.%s: %g%s%s, expected %g to %g", l->name, f->name, v->number, *unit ? " " : "", unit,
                           f->min, f->max);
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

convis_status convis_graph_put(convis_context *c, struct convis_graph_layer *l, struct convis_value *v)
{
    struct convis_rows r;
    convis_status status = rows_with(c, l, v, &r);
    const convis_field *f = status ? NULL : find_row(&r, v->name);
    if (!status && !f) {
        convis_hint hint = CONVIS_HINT(v->name);
        for (int k = 0; k < r.count; k++) convis_hint_offer(&hint, r.row[k].name);
        status = convis_fail(c, CONVIS_ENAME, "%s: a %s has no parameter '%s'%s", l->name, l->type->name, v->name, hint.text);
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

/* "model.yaml:12:5: " before the sentence on the context, where this comes from a file. */
static convis_status blame(convis_context *c, const struct convis_graph *g, int line, int column, convis_status status)
{
    return *g->file && line ? convis_fail_before(c, status, "%s:%d:%d: ", g->file, line, column) : status;
}

static convis_status check_input(convis_context *c, const struct convis_graph *g, int j, const struct convis_graph_input *in)
{
    const char *name = g->layer[j].name;
    struct convis_graph_layer *from = convis_graph_find(g, in->from);
    if (!from && strcmp(in->from, "input")) {
        convis_hint hint = CONVIS_HINT(in->from);
        char quoted[64];
        convis_hint_offer(&hint, "input");
        for (int k = 0; k < g->layers; k++) convis_hint_offer(&hint, g->layer[k].name);
        return convis_fail(c, CONVIS_ENAME, "%s: its input '%s' is no layer%s", name, convis_quoted(quoted, in->from), hint.text);
    }
    if (in->delay < 0 || in->delay > LONGEST_DELAY)
        return convis_fail(c, CONVIS_EINVAL, "%s: a delay of %d frames, expected 0 to %d", name, in->delay, LONGEST_DELAY);
    if (from && from - g->layer >= j && !in->delay)
        return convis_fail(c, CONVIS_EINVAL, "%s: its input %s %s; feedback needs a delay of 1 frame or more", name, in->from,
                           from - g->layer == j ? "is itself" : "comes later");
    return CONVIS_OK;
}

static convis_status check_output(convis_context *c, const struct convis_graph *g)
{
    if (!*g->output || convis_graph_find(g, g->output)) return CONVIS_OK;
    convis_hint hint = CONVIS_HINT(g->output);
    char quoted[64];
    for (int k = 0; k < g->layers; k++) convis_hint_offer(&hint, g->layer[k].name);
    convis_fail(c, CONVIS_ENAME, "output: '%s' is no layer%s", convis_quoted(quoted, g->output), hint.text);
    return blame(c, g, g->output_line, g->output_column, CONVIS_ENAME);
}

convis_status convis_graph_check(convis_context *c, const struct convis_graph *g)
{
    if (!g->layers) return convis_fail(c, CONVIS_EINVAL, "the model has no layers, expected one at least");
    for (int j = 0; j < g->layers; j++) {
        const struct convis_graph_layer *l = &g->layer[j];
        convis_status status = CONVIS_OK;
        int most = l->type->inputs, fewest = l->type->fewest ? l->type->fewest : most;
        const char *format = fewest < most ? "%s: %d input%s, %s expects %d to %d" : "%s: %d input%s, %s expects %d";
        if (l->inputs > most || l->inputs < fewest)
            status = convis_fail(c, CONVIS_ESHAPE, format, l->name, l->inputs, l->inputs == 1 ? "" : "s", l->type->name, fewest, most);
        for (int k = 0; k < l->inputs && !status; k++) status = check_input(c, g, j, &l->input[k]);
        if (status) return blame(c, g, l->line, l->column, status);
    }
    return check_output(c, g);
}

/* ---- To a model ---- */

static convis_status set_value(convis_model *m, const struct convis_graph_layer *l, const struct convis_value *v, int texts)
{
    char path[2*CONVIS_GRAPH_NAME];
    int row = convis_find_row(l->type->params, v->name), is_text = row >= 0 && l->type->params[row].flags & CONVIS_TEXT;
    if (is_text != texts) return CONVIS_OK;
    snprintf(path, sizeof path, "%s.%s", l->name, v->name);
    if (is_text) return convis_set_text(m, path, v->text);
    if (v->kind == CONVIS_VALUE_NUMBER) return convis_set(m, path, v->number);
    return v->kind == CONVIS_VALUE_TEXT ? convis_set_kernel(m, path, v->text) : convis_set_array(m, path, v->array, v->count);
}

static convis_status add_layer(const struct convis_graph *g, int j, convis_model *m)
{
    const struct convis_graph_layer *l = &g->layer[j];
    convis_edge in[CONVIS_MAX_INPUTS];
    for (int k = 0; k < l->inputs; k++) {
        const struct convis_graph_layer *from = convis_graph_find(g, l->input[k].from);
        int id = from ? (int)(from - g->layer) + 1 : 0;
        in[k] = (convis_edge){ id <= j ? (convis_node){ id } : convis_input(m), l->input[k].delay };
    }
    convis_join(m, l->type, l->name, in, l->inputs);
    convis_status status = m->status ? convis_fail(m->context, m->status, "%s", m->sentence) : CONVIS_OK;
    for (int texts = 1; texts >= 0; texts--)             /* which other parameters there are may depend on texts */
        for (int k = 0; k < l->values && !status; k++) status = set_value(m, l, &l->value[k], texts);
    return status;
}

static void connect_feedback(const struct convis_graph *g, int j, convis_model *m)
{
    for (int k = 0; k < g->layer[j].inputs; k++) {
        const struct convis_graph_layer *from = convis_graph_find(g, g->layer[j].input[k].from);
        if (from && from - g->layer >= j)
            convis_connect(m, (convis_node){ j + 1 }, k, (convis_edge){ { (int)(from - g->layer) + 1 }, g->layer[j].input[k].delay });
    }
}

static int is_taken(const struct convis_graph *g, const char *name)
{
    for (int k = 0; k < g->aliases; k++) if (!strcmp(g->alias[k].name, name)) return 1;
    return convis_graph_find(g, name) != NULL;
}

convis_status convis_graph_build(convis_context *c, const struct convis_graph *g, convis_model **model)
{
    convis_model *m = *model = NULL;
    convis_status status = convis_graph_check(c, g);
    if (!status) status = convis_model_new(c, g->dt, &m);
    for (int j = 0; j < g->layers && !status; j++)
        if ((status = add_layer(g, j, m))) blame(c, g, g->layer[j].line, g->layer[j].column, status);
    for (int j = 0; j < g->layers && !status; j++) connect_feedback(g, j, m);
    for (int k = 0; k < g->aliases && !status; k++) convis_alias(m, g->alias[k].name, g->alias[k].path);
    if (!status && !is_taken(g, "output")) convis_alias(m, "output", *g->output ? g->output : g->layer[g->layers - 1].name);
    if (!status && m->status) status = convis_fail(c, m->status, "%s", m->sentence);
    if (!status) status = convis_past(m, g->past);
    if (!status && g->unit) status = convis_model_units(m, g->unit, g->units);
    if (status) convis_model_free(&m);
    *model = m;
    return status;
}

/* ---- From a model ---- */

static convis_status array_of(convis_context *c, const model_layer *l, int k, struct convis_value *v)
{
    const convis_shape s = l->pass.array_shape[k];
    v->kind = CONVIS_VALUE_ARRAY;
    v->count = (int64_t)l->param[k];
    v->dims = s.dim[0] ? CONVIS_DIMS : 1;
    for (int d = 0; d < v->dims; d++) v->dim[d] = s.dim[0] ? s.dim[d] : v->count;
    v->array = convis_obtain(c, (size_t)(v->count + 1)*sizeof *v->array);
    if (!v->array) return CONVIS_ENOMEM;
    if (v->count) memcpy(v->array, l->array[k], (size_t)v->count*sizeof *v->array);
    return CONVIS_OK;
}

static convis_status values_of(convis_context *c, const model_layer *l, struct convis_graph_layer *to)
{
    convis_status status = CONVIS_OK;
    for (int k = 0; k < l->params && !status; k++) {
        const unsigned flags = l->fields[k].flags;
        struct convis_value *v = &to->value[to->values];
        if (flags & CONVIS_ARRAY && !l->param[k] && !l->text[k]) continue;       /* as the layer likes */
        memset(v, 0, sizeof *v);
        snprintf(v->name, sizeof v->name, "%s", l->fields[k].name);
        to->values++;
        if (flags & CONVIS_ARRAY && l->param[k] > 0) status = array_of(c, l, k, v);
        else if (flags & (CONVIS_ARRAY | CONVIS_TEXT)) {
            v->kind = CONVIS_VALUE_TEXT;
            v->text = convis_copy_text(c, l->text[k] ? l->text[k] : "");
            if (!v->text) status = CONVIS_ENOMEM;
        } else {
            v->kind = CONVIS_VALUE_NUMBER;
            v->number = l->param[k];
        }
    }
    return status;
}

convis_status convis_graph_of_model(const convis_model *m, struct convis_graph *g)
{
    convis_context *c = m->context;
    convis_status status = CONVIS_OK;
    *g = (struct convis_graph){ .dt = m->dt, .past = m->past };
    for (int j = 0; j < m->count && !status; j++) {
        const model_layer *l = &m->layers[j];
        struct convis_graph_layer *to;
        if ((status = convis_graph_add(c, g, l->name, l->type, &to))) break;
        to->inputs = l->inputs;
        for (int k = 0; k < to->inputs; k++) {
            int id = l->in[k].from.id;
            snprintf(to->input[k].from, sizeof to->input[k].from, "%s", id ? m->layers[id - 1].name : "input");
            to->input[k].delay = l->in[k].delay;
        }
        status = values_of(c, l, to);
    }
    for (int k = 0; k < m->alias_count && !status; k++) {
        const model_alias *a = &m->aliases[k];
        const struct convis_graph_layer *output = strcmp(a->name, "output") ? NULL : convis_graph_find(g, a->path);
        if (output && output != &g->layer[g->layers - 1]) snprintf(g->output, sizeof g->output, "%s", a->path);
        if (!output) status = convis_graph_add_alias(c, g, a->name, a->path);
    }
    if (!status && m->units_given) {
        g->unit = convis_obtain(c, (size_t)(m->unit_count + 1)*sizeof *g->unit);
        if (!g->unit) status = CONVIS_ENOMEM;
        else memcpy(g->unit, m->units, (size_t)m->unit_count*sizeof *g->unit);
        g->units = m->unit_count;
    }
    if (status) convis_graph_clear(c, g);
    return status;
}
