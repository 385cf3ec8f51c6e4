/* graph_settings.c - the numbers and texts of a graph by paths: set, got and listed. */
#include "graph.h"
#include "yaml.h"
#include "base/lines.h"
#include "base/text.h"
#include "base/context.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Paths ---- */

/* What an alias stands for; the path itself when it is none. */
static const char *resolve(const struct convis_graph *g, const char *path)
{
    for (int k = 0; k < g->aliases; k++) if (!strcmp(g->alias[k].name, path)) return g->alias[k].path;
    return path;
}

static convis_status no_such(convis_context *c, const struct convis_graph *g, const char *path)
{
    convis_hint hint = CONVIS_HINT(path);
    convis_setting s;
    char quoted[64];
    for (int k = 0; convis_graph_list(c, g, k, &s); k++) convis_hint_offer(&hint, s.path);
    return convis_fail(c, CONVIS_ENAME, "'%s': no such setting%s", convis_quoted(quoted, path), hint.text);
}

/* The layer with the longest name that fits, and its row; ENAME with the sentence left when there is none. */
static convis_status locate(convis_context *c, const struct convis_graph *g, const char *path, struct convis_graph_layer **layer,
                            convis_field *field, struct convis_rows *rows)
{
    size_t longest = 0;
    struct convis_graph_layer *best = NULL;
    const char *real = resolve(g, path);
    for (int j = 0; j < g->layers; j++) {
        size_t n = strlen(g->layer[j].name);
        if (n > longest && !strncmp(real, g->layer[j].name, n) && real[n] == '.') { best = &g->layer[j]; longest = n; }
    }
    if (!best) return no_such(c, g, path);
    convis_status status = convis_graph_rows(c, best, rows);
    if (status) return status;
    for (int k = 0; k < rows->count; k++)
        if (!strcmp(rows->row[k].name, real + longest + 1)) {
            *layer = best;
            *field = rows->row[k];
            return CONVIS_OK;
        }
    return no_such(c, g, path);
}

/* ---- Setting ---- */

/* "1 2.5, 3", in brackets or not: numbers and nothing else. count -1: they are not. */
static convis_status parse_list(convis_context *c, const char *text, struct convis_value *v)
{
    size_t room = 1;
    for (const char *s = text; *s; s++) room += *s == ' ' || *s == ',';
    v->count = -1;
    char *copy = convis_copy_text(c, text);
    double *values = copy ? convis_obtain(c, room*sizeof *values) : NULL;
    if (!values) { convis_release(c, copy); return CONVIS_ENOMEM; }
    int64_t n = 0;
    char *save = NULL;
    int good = 1;
    for (char *word = strtok_r(copy, " ,[]", &save); word && good; word = strtok_r(NULL, " ,[]", &save))
        good = convis_number_parse(word, &values[n++]);
    convis_release(c, copy);
    if (!good || !n) { convis_release(c, values); return CONVIS_OK; }
    v->kind = CONVIS_VALUE_ARRAY;
    v->array = values;
    v->count = v->dim[0] = n;
    v->dims = 1;
    return CONVIS_OK;
}

static convis_status parse_value(convis_context *c, const convis_field *f, const char *path, const char *text, struct convis_value *v)
{
    char quoted[64];
    memset(v, 0, sizeof *v);
    snprintf(v->name, sizeof v->name, "%s", f->name);
    if (!(f->flags & (CONVIS_ARRAY | CONVIS_TEXT))) {
        v->kind = CONVIS_VALUE_NUMBER;
        if (convis_number_parse(text, &v->number)) return CONVIS_OK;
        return convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected a number", path, convis_quoted(quoted, text));
    }
    convis_status status = f->flags & CONVIS_ARRAY ? parse_list(c, text, v) : CONVIS_OK;
    if (status || v->array) return status;
    v->kind = CONVIS_VALUE_TEXT;
    v->text = convis_copy_text(c, text);
    return v->text ? CONVIS_OK : CONVIS_ENOMEM;
}

static convis_status set_dt(convis_context *c, struct convis_graph *g, const char *value)
{
    double dt;
    char quoted[64];
    if (!convis_number_parse(value, &dt))
        return convis_fail(c, CONVIS_EINVAL, "dt: '%s', expected a number in s", convis_quoted(quoted, value));
    if (!(dt > 0 && dt <= 1e6)) return convis_fail(c, CONVIS_EINVAL, "dt: %g s, expected more than 0 s", dt);
    g->dt = dt;
    return CONVIS_OK;
}

static convis_status set_past(convis_context *c, struct convis_graph *g, const char *value)
{
    double past = 0;
    char quoted[64];
    if (strcmp(value, "auto") && !convis_number_parse(value, &past))
        return convis_fail(c, CONVIS_EINVAL, "past: '%s', expected a number", convis_quoted(quoted, value));
    if (!(past >= -1e30 && past <= 1e30)) return convis_fail(c, CONVIS_EINVAL, "past: %g, expected -1e30 to 1e30", past);
    g->past = past;
    return CONVIS_OK;
}

/* "initial" is what a retina calls it, and --initial of the command. */
static int is_past(const char *path) { return !strcmp(path, "past") || !strcmp(path, "initial"); }

convis_status convis_graph_set(convis_context *c, struct convis_graph *g, const char *path, const char *value)
{
    struct convis_graph_layer *l = NULL;
    struct convis_rows rows;
    struct convis_value v;
    convis_field f = { 0 };
    if (!strcmp(path, "dt")) return set_dt(c, g, value);
    if (is_past(path)) return set_past(c, g, value);
    convis_status status = locate(c, g, path, &l, &f, &rows);
    if (!status && f.flags & CONVIS_ARRAY && !*value) {  /* as the layer likes */
        convis_graph_drop(c, l, f.name);
        return CONVIS_OK;
    }
    if (!status) status = parse_value(c, &f, path, value, &v);
    return status ? status : convis_graph_put(c, l, &v);
}

convis_status convis_graph_set_array(convis_context *c, struct convis_graph *g, const char *path, const convis_array *a)
{
    struct convis_graph_layer *l = NULL;
    struct convis_rows rows;
    struct convis_value v = { .kind = CONVIS_VALUE_NUMBER };
    convis_field f = { 0 };
    int64_t count = 1;
    for (int k = 0; k < a->dims; k++) count *= a->dim[k];
    convis_status status = locate(c, g, path, &l, &f, &rows);
    if (status) return status;
    snprintf(v.name, sizeof v.name, "%s", f.name);
    const int is_array = (f.flags & CONVIS_ARRAY) != 0;
    if (!is_array && count != 1) return convis_fail(c, CONVIS_ESHAPE, "%s: %lld values, expected one", path, (long long)count);
    if (is_array) status = convis_value_of_array(c, a, &v);
    else v.number = a->data[0];
    if (!status) status = convis_graph_put(c, l, &v);
    return status || !is_array ? status : convis_graph_fit(c, l, convis_graph_value(l, f.name), 1);
}

/* ---- Lines of parameters ---- */

/* "filter.weights[3]" of an array that has three elements or more, or none of its own yet. */
static convis_status set_element(convis_context *c, struct convis_graph *g, const char *path, int64_t index, double value)
{
    struct convis_graph_layer *l = NULL;
    struct convis_rows rows;
    convis_field f = { 0 };
    convis_status status = locate(c, g, path, &l, &f, &rows);
    if (status) return status;
    struct convis_value *now = convis_graph_value(l, f.name);
    int64_t has = now && now->kind == CONVIS_VALUE_ARRAY ? now->count : 0;
    if (!(f.flags & CONVIS_ARRAY) || index < 0 || index > has)
        return convis_fail(c, CONVIS_ESHAPE, "%s[%lld]: the model has no such element (%lld of them)", path, (long long)index,
                           f.flags & CONVIS_ARRAY ? (long long)has : 1LL);
    if (!(value >= f.min && value <= f.max))
        return convis_fail(c, CONVIS_EINVAL, "%s[%lld]: %g, expected %g to %g", path, (long long)index, value, f.min, f.max);
    if (index < has) { now->array[index] = value; return CONVIS_OK; }
    if (index < (now ? now->room : 0)) {                 /* one more */
        now->array[index] = value;
        now->count = now->dim[0] = index + 1;
        now->dims = 1;
        return CONVIS_OK;
    }
    struct convis_value v = { .kind = CONVIS_VALUE_ARRAY, .count = has + 1, .room = 2*has + 8, .dims = 1, .dim = { has + 1 } };
    snprintf(v.name, sizeof v.name, "%s", f.name);
    if (!(v.array = convis_obtain(c, (size_t)v.room*sizeof *v.array))) return CONVIS_ENOMEM;
    if (has) memcpy(v.array, now->array, (size_t)has*sizeof *v.array);
    v.array[has] = value;
    return convis_graph_put(c, l, &v);
}

static convis_status set_line(convis_context *c, struct convis_graph *g, const char *path, const char *number, double value)
{
    char name[160], *end;
    const char *bracket = strchr(path, '[');
    size_t length = bracket ? (size_t)(bracket - path) : strlen(path);
    if (!bracket) return convis_graph_set(c, g, path, number);
    const long long index = strtoll(bracket + 1, &end, 10);
    if (end == bracket + 1 || strcmp(end, "]") || length >= sizeof name)
        return convis_fail(c, CONVIS_EFORMAT, "'%.100s': expected PATH or PATH[INDEX]", path);
    snprintf(name, sizeof name, "%.*s", (int)length, path);
    return set_element(c, g, name, index, value);
}

convis_status convis_graph_set_lines(convis_context *c, struct convis_graph *g, const char *name, const char *text)
{
    struct convis_graph next;
    convis_text t;
    convis_status status = convis_graph_copy(c, g, &next);
    if (status) return status;
    if ((status = convis_text_read(c, name, text, &t))) { convis_graph_clear(c, &next); return status; }
    for (int line; !status && (line = convis_text_line(&t)) != 0;) {
        if (line < 0) { status = CONVIS_EFORMAT; break; }
        char *path = convis_text_word(&t, 0), *number = convis_text_word(&t, 0), *more = convis_text_word(&t, 0);
        double value = 0;
        if (!path || !number || (more && *more != '#'))
            status = convis_fail(c, CONVIS_EFORMAT, "%s:%lld: expected a path and a number", name, (long long)t.line);
        if (!status) status = convis_text_number(&t, number, path, &value);
        if (!status && (status = set_line(c, &next, path, number, value)))
            convis_fail_before(c, status, "%s:%lld: ", name, (long long)t.line);
    }
    convis_text_close(&t);
    convis_graph_clear(c, status ? &next : g);
    if (!status) *g = next;
    return status;
}

/* ---- Getting and listing ---- */

/* An array as text: a few numbers are listed, of many it says how many. */
static void print_array(const struct convis_value *v, char *text, size_t size)
{
    size_t used = 0;
    *text = 0;
    for (int64_t i = 0; i < v->count; i++) {
        char number[CONVIS_TEXT_NUMBER];
        convis_number_print(v->array[i], number, sizeof number);
        if (v->count > 8 || used + strlen(number) + 3 > 48 || used + strlen(number) + 3 > size) {
            snprintf(text, size, "%lld values", (long long)v->count);
            return;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", number);
    }
}

static void print_value(const struct convis_graph_layer *l, const convis_field *f, char *text, size_t size)
{
    const struct convis_value *v = convis_graph_value(l, f->name);
    if (v && v->kind == CONVIS_VALUE_TEXT) snprintf(text, size, "%s", v->text);
    else if (v && v->kind == CONVIS_VALUE_ARRAY) print_array(v, text, size);
    else if (f->flags & CONVIS_TEXT) snprintf(text, size, "%s", f->unit);
    else if (f->flags & CONVIS_ARRAY) *text = 0;
    else convis_number_print(v ? v->number : f->value, text, size);
}

convis_status convis_graph_get(convis_context *c, const struct convis_graph *g, const char *path, char *value, size_t size)
{
    struct convis_graph_layer *l = NULL;
    struct convis_rows rows;
    convis_field f = { 0 };
    if (!strcmp(path, "dt")) { convis_number_print(g->dt, value, size); return CONVIS_OK; }
    if (is_past(path)) { convis_number_print(g->past, value, size); return CONVIS_OK; }
    convis_status status = locate(c, g, path, &l, &f, &rows);
    if (!status) print_value(l, &f, value, size);
    return status;
}

int convis_graph_list(convis_context *c, const struct convis_graph *g, int index, convis_setting *s)
{
    memset(s, 0, sizeof *s);
    s->unit = s->doc = s->xml = "";
    if (index < 0) return 0;
    if (index < 2) {
        snprintf(s->path, sizeof s->path, "%s", index ? "past" : "dt");
        convis_number_print(index ? g->past : g->dt, s->value, sizeof s->value);
        s->unit = index ? "" : "s";
        s->doc = index ? "input before the first frame" : "time step";
        return 1;
    }
    index -= 2;
    for (int j = 0; j < g->layers; j++) {
        const struct convis_graph_layer *l = &g->layer[j];
        struct convis_rows rows;
        int here = 0;
        while (l->type->params && l->type->params[here].name) here++;
        if (l->type->fields || index < here) here = convis_graph_rows(c, l, &rows) ? 0 : rows.count;
        if (index >= here) { index -= here; continue; }
        const convis_field *f = &rows.row[index];
        snprintf(s->path, sizeof s->path, "%.95s.%.31s", l->name, f->name);
        print_value(l, f, s->value, sizeof s->value);
        s->unit = f->flags & CONVIS_TEXT || !strcmp(f->unit, "1") ? "" : f->unit;
        s->doc = f->doc;
        return 1;
    }
    return 0;
}

/* ---- Cells ---- */

convis_status convis_units_check(convis_context *c, const convis_unit *unit, int64_t count, int spiking)
{
    if (count < 0 || (count && !unit)) return convis_fail(c, CONVIS_EINVAL, "units: a list of %lld, expected 0 or more", (long long)count);
    if (!spiking) return convis_fail(c, CONVIS_EINVAL, "units: this model has no layer that spikes, expected one");
    for (int64_t k = 0; k < count; k++) {
        const convis_unit *u = &unit[k];
        if (u->layer < 0 || u->layer >= spiking)
            return convis_fail(c, CONVIS_EINVAL, "unit %d: spiking layer %d, expected 0 to %d (this model has %d spiking layer%s)", u->id,
                               u->layer, spiking - 1, spiking, spiking == 1 ? "" : "s");
        if (u->id < 0 || !(fabs(u->x) <= 1e6) || !(fabs(u->y) <= 1e6))
            return convis_fail(c, CONVIS_EINVAL, "unit %d: at (%g, %g) deg, expected an id from 0 and finite positions", u->id, u->x, u->y);
    }
    return CONVIS_OK;
}

convis_status convis_graph_set_units(convis_context *c, struct convis_graph *g, const convis_unit *unit, int64_t count)
{
    int spiking = 0;
    for (int j = 0; j < g->layers; j++) spiking += g->layer[j].type->spikes != NULL;
    convis_status status = convis_units_check(c, unit, count, spiking);
    if (status) return status;
    convis_unit *list = convis_obtain(c, (size_t)(count + 1)*sizeof *list);
    if (!list) return CONVIS_ENOMEM;
    int64_t n = 0;
    for (int s = 0; s < spiking; s++)                    /* in order of layers, each in the order given */
        for (int64_t k = 0; k < count; k++) if (unit[k].layer == s) list[n++] = unit[k];
    convis_release(c, g->unit);
    g->unit = list;
    g->units = count;
    return CONVIS_OK;
}
