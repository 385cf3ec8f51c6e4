/* graph_settings.c - the numbers and texts of a graph, its preset and models within by paths: set, got and listed. */
#include "graph.h"
#include "yaml.h"
#include "base/lines.h"
#include "base/text.h"
#include "base/words.h"
#include "base/context.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Paths ---- */

static convis_status no_such(convis_context *c, const struct convis_graph *g, const char *path)
{
    convis_hint hint = CONVIS_HINT(path);
    convis_setting s;
    char quoted[64];
    for (int k = 0; convis_graph_list(c, g, k, &s); k++) convis_hint_offer(&hint, s.path);
    return convis_fail(c, CONVIS_ENAME, "'%s': no such setting%s", convis_quoted(quoted, path), hint.text);
}

/* The layer or model within with the longest name that fits, and the rest of the path; NULL: none does. What the graph extends fits
 * any path. */
static struct convis_graph_layer *owner_of(const struct convis_graph *g, const char *path, const char **rest)
{
    struct convis_graph_layer *best = convis_graph_base(g) ? &g->layer[0] : NULL;
    size_t longest = 0;
    *rest = path = convis_graph_resolve(g, path);
    for (int j = 0; j < g->layers; j++) {
        size_t n = strlen(g->layer[j].name);
        if (n > longest && !strncmp(path, g->layer[j].name, n) && path[n] == '.') {
            best = &g->layer[j];
            longest = n;
            *rest = path + n + 1;
        }
    }
    return best;
}

/* The layer of a path, in this graph, and its row; ENAME with a message when there is none. */
static convis_status locate(convis_context *c, const struct convis_graph *g, const char *path, struct convis_graph_layer **layer,
                            convis_field *field, struct convis_rows *rows)
{
    const char *rest;
    struct convis_graph_layer *l = owner_of(g, path, &rest);
    if (!l || l->model) return no_such(c, g, path);
    convis_status status = convis_graph_rows(c, l, rows);
    if (status) return status;
    for (int k = 0; k < rows->count; k++)
        if (!strcmp(rows->row[k].name, rest)) {
            *layer = l;
            *field = rows->row[k];
            return CONVIS_OK;
        }
    return no_such(c, g, path);
}

/* The graph in which a path is to be looked for, and what is left of the path there: g itself, or a model within. */
static struct convis_graph *home_of(struct convis_graph *g, const char *path, const char **rest)
{
    struct convis_graph_layer *l;
    *rest = path;
    while ((l = owner_of(g, path, rest)) && l->model) {
        g = l->model;
        path = *rest;
    }
    *rest = path;
    return g;
}

/* Messages of a model within begin with its name. */
static convis_status blame_within(convis_context *c, const char *path, const char *rest, convis_status status)
{
    const size_t n = strlen(path), m = strlen(rest);
    if (status && n > m && !strcmp(path + n - m, rest)) convis_fail_before(c, status, "%.*s: ", (int)(n - m - 1), path);
    return status;
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

static convis_status parse_value(convis_context *c, const convis_field *f, const char *path, const char *text,
                                 struct convis_value *v)
{
    char quoted[64];
    memset(v, 0, sizeof *v);
    snprintf(v->name, sizeof v->name, "%s", f->name);
    if (!(f->flags & (CONVIS_ARRAY | CONVIS_TEXT))) {
        v->kind = CONVIS_VALUE_NUMBER;
        if (convis_number_parse(text, &v->number) || convis_field_word(f, text, &v->number)) return CONVIS_OK;
        return convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected %s", path, convis_quoted(quoted, text),
                           convis_field_expected(f));
    }
    convis_status status = f->flags & CONVIS_ARRAY ? parse_list(c, text, v) : CONVIS_OK;
    if (status || v->array) return status;
    v->kind = CONVIS_VALUE_TEXT;
    v->text = convis_copy_text(c, text);
    return v->text ? CONVIS_OK : CONVIS_ENOMEM;
}

static int is_sized(const struct convis_graph *g) { return g->kind && g->kind->sized; }

/* One time step for all models within. */
static convis_status set_dt(convis_context *c, struct convis_graph *g, const char *value)
{
    double dt;
    char quoted[64];
    convis_status status = CONVIS_OK;
    if (!convis_number_parse(value, &dt))
        return convis_fail(c, CONVIS_EINVAL, "dt: '%s', expected a number in s", convis_quoted(quoted, value));
    if (!(dt > 0 && dt <= 1e6)) return convis_fail(c, CONVIS_EINVAL, "dt: %g s, expected more than 0 s", dt);
    for (int j = 0; j < g->layers && !status; j++)
        if (g->layer[j].model) status = convis_graph_set(c, g->layer[j].model, "dt", value);
    if (!status) g->dt = dt;
    return status;
}

static convis_status set_baseline(convis_context *c, struct convis_graph *g, const char *value)
{
    double baseline;
    char quoted[64];
    if (!strcmp(value, "auto")) {                        /* that of a retina within; where there is none, what the model says itself */
        for (int j = 0; j < g->layers; j++) if (g->layer[j].model) g->has_baseline = 0;
        return CONVIS_OK;
    }
    if (!convis_number_parse(value, &baseline))
        return convis_fail(c, CONVIS_EINVAL, "baseline: '%s', expected a number", convis_quoted(quoted, value));
    if (!(baseline >= -1e30 && baseline <= 1e30))
        return convis_fail(c, CONVIS_EINVAL, "baseline: %g, expected -1e30 to 1e30", baseline);
    g->baseline = baseline;
    g->has_baseline = 1;
    return CONVIS_OK;
}

/* ---- Options of presets, which make the layers anew ---- */

static int same(const struct convis_value *a, const struct convis_value *b)
{
    if (!a || !b || a->kind != b->kind) return 0;
    if (a->kind == CONVIS_VALUE_NUMBER) return a->number == b->number;
    if (a->kind == CONVIS_VALUE_TEXT) return !strcmp(a->text, b->text);
    return a->count == b->count && !memcmp(a->array, b->array, (size_t)a->count*sizeof *a->array);
}

/* What was set in `now` since it was `plain` is set in `next`, where there is such a layer. */
static convis_status apply_changes(convis_context *c, const struct convis_graph *plain, struct convis_graph *now,
                                   struct convis_graph *next)
{
    convis_status status = CONVIS_OK;
    if (now->dt != plain->dt) next->dt = now->dt;
    if (now->baseline != plain->baseline) next->baseline = now->baseline;
    for (int j = 0; j < now->layers; j++) {
        struct convis_graph_layer *l = &now->layer[j], *was = convis_graph_find(plain, l->name),
                                  *to = convis_graph_find(next, l->name);
        if (!was || !to || to->type != l->type) continue;
        for (int k = 0; k < l->values && status != CONVIS_ENOMEM; k++) {
            struct convis_value v = l->value[k];
            if (same(&v, convis_graph_value(was, v.name))) continue;
            l->value[k].text = NULL;                     /* handed over; `now` is about to go */
            l->value[k].array = NULL;
            status = convis_graph_put(c, to, &v);
        }
    }
    return status == CONVIS_ENOMEM ? status : CONVIS_OK;
}

convis_status convis_graph_make(convis_context *c, const struct convis_preset_kind *kind, const void *settings,
                                struct convis_graph *g)
{
    *g = (struct convis_graph){ .dt = 0.001 };
    convis_status status = kind->layers(c, settings, 0, 0, NULL, g);
    if (!status) status = kind->copy(c, settings, &g->settings);
    g->kind = kind;
    if (status) convis_graph_clear(c, g);
    return status;
}

static convis_status set_option(convis_context *c, struct convis_graph *g, const char *path, const char *value)
{
    struct convis_graph plain = { .layers = 0 }, next = { .layers = 0 };
    void *changed;
    convis_status status = g->kind->copy(c, g->settings, &changed);
    if (status) return status;
    status = g->kind->set(c, changed, path, value);
    if (!status) status = convis_graph_make(c, g->kind, g->settings, &plain);
    if (!status) status = convis_graph_make(c, g->kind, changed, &next);
    if (!status) status = apply_changes(c, &plain, g, &next);
    g->kind->free(c, changed);
    convis_graph_clear(c, &plain);
    convis_graph_clear(c, status ? &next : g);
    if (!status) *g = next;
    return status;
}

/* ---- Setting ---- */

/* "initial" is what a retina calls it, and --initial of the command; "past" is of older files. */
static int is_baseline(const char *path) { return !strcmp(path, "baseline") || !strcmp(path, "initial") || !strcmp(path, "past"); }

static convis_status set_here(convis_context *c, struct convis_graph *g, const char *path, const char *value)
{
    struct convis_graph_layer *l = NULL;
    struct convis_rows rows;
    struct convis_value v;
    convis_field f = { 0 };
    if (is_sized(g)) {
        convis_status status = g->kind->set(c, g->settings, path, value);
        if (!status && !strcmp(path, "dt")) convis_number_parse(value, &g->dt);
        return status;
    }
    convis_status status = g->kind ? set_option(c, g, path, value) : CONVIS_ENAME;
    if (status != CONVIS_ENAME) return status;
    if (!strcmp(path, "dt")) return set_dt(c, g, value);
    if (is_baseline(path)) return set_baseline(c, g, value);
    status = locate(c, g, path, &l, &f, &rows);
    if (!status && f.flags & CONVIS_ARRAY && !*value) {  /* empty: chosen by the layer */
        convis_graph_drop(c, l, f.name);
        return CONVIS_OK;
    }
    if (!status) status = parse_value(c, &f, path, value, &v);
    return status ? status : convis_graph_put(c, l, &v);
}

convis_status convis_graph_set(convis_context *c, struct convis_graph *g, const char *path, const char *value)
{
    const char *rest;
    if (!strcmp(path, "dt")) return set_here(c, g, path, value);
    struct convis_graph *home = home_of(g, path, &rest);
    if (home != g && rest != path && !strcmp(rest, "dt"))
        return convis_fail(c, CONVIS_EINVAL, "%s: the whole model has one time step, expected dt", path);
    return blame_within(c, path, rest, set_here(c, home, rest, value));
}

convis_status convis_graph_set_value(convis_context *c, struct convis_graph *g, const char *path, struct convis_value *v)
{
    struct convis_graph_layer *l = NULL;
    struct convis_rows rows;
    convis_field f = { 0 };
    g = home_of(g, path, &path);
    if (is_sized(g)) return convis_graph_add_array(c, g, path, v);
    convis_status status = locate(c, g, path, &l, &f, &rows);
    const int is_array = (f.flags & CONVIS_ARRAY) != 0;
    if (status == CONVIS_ENAME && v->count == 1) {           /* an option of the whole, perhaps */
        char number[CONVIS_LINES_NUMBER];
        convis_lines_print(number, v->array[0]);
        convis_value_free(c, v);
        return set_here(c, g, path, number);
    }
    if (!status && !is_array && v->count != 1)
        status = convis_fail(c, CONVIS_ESHAPE, "%s: %lld values, expected one", path, (long long)v->count);
    if (status) {
        convis_value_free(c, v);
        return status;
    }
    snprintf(v->name, sizeof v->name, "%s", f.name);
    if (!is_array) {
        v->kind = CONVIS_VALUE_NUMBER;
        v->number = v->array[0];
        convis_value_free(c, v);
    }
    status = convis_graph_put(c, l, v);
    return status || !is_array ? status : convis_graph_fit(c, l, convis_graph_value(l, f.name), 1);
}

convis_status convis_graph_set_array(convis_context *c, struct convis_graph *g, const char *path, const convis_array *a)
{
    struct convis_value v = { .kind = CONVIS_VALUE_ARRAY };
    convis_status status = convis_value_of_array(c, a, &v);
    if (!status) return convis_graph_set_value(c, g, path, &v);
    convis_value_free(c, &v);
    return status;
}

convis_status convis_graph_set_stored(convis_context *c, struct convis_graph *g, const struct convis_graph_array *a)
{
    struct convis_graph_layer *l = NULL;
    struct convis_rows rows;
    struct convis_value v;
    convis_field f = { 0 };
    convis_status status = locate(c, g, a->path, &l, &f, &rows);
    if (status) return status;
    const struct convis_value *now = convis_graph_value(l, f.name);
    if (now && now->kind == CONVIS_VALUE_ARRAY && now->count != a->value.count)
        return convis_fail(c, CONVIS_ESHAPE,
                           "%s: %lld values were saved, for movies of this size it has %lld; expected the size for which "
                           "it was saved",
                           a->path, (long long)a->value.count, (long long)now->count);
    status = convis_value_copy(c, &a->value, &v);
    snprintf(v.name, sizeof v.name, "%s", f.name);
    if (status) convis_value_free(c, &v);
    return status ? status : convis_graph_put(c, l, &v);
}

/* ---- Lines of parameters ---- */

/* Stored until there are layers, instead of an earlier one. */
static convis_status store_line(convis_context *c, struct convis_graph *g, const char *path, const char *number)
{
    const size_t length = strlen(path);
    for (char *line = g->lines; line && *line;) {
        char *next = line + strcspn(line, "\n") + 1;
        if (!strncmp(line, path, length) && line[length] == ' ') memmove(line, next, strlen(next) + 1);
        else line = next;
    }
    const size_t before = g->lines ? strlen(g->lines) : 0, more = strlen(path) + strlen(number) + 3;
    char *all = convis_obtain(c, before + more);
    if (!all) return CONVIS_ENOMEM;
    if (before) memcpy(all, g->lines, before);
    snprintf(all + before, more, "%s %s\n", path, number);
    convis_release(c, g->lines);
    g->lines = all;
    return CONVIS_OK;
}

void convis_graph_drop_stored(convis_context *c, struct convis_graph *g)
{
    convis_release(c, g->lines);
    g->lines = NULL;
    while (g->arrays > 0) convis_value_free(c, &g->array[--g->arrays].value);
    for (int j = 0; j < g->layers; j++) if (g->layer[j].model) convis_graph_drop_stored(c, g->layer[j].model);
}

convis_status convis_graph_stored_lines(convis_context *c, const struct convis_graph *g, char **lines)
{
    convis_status status = CONVIS_OK;
    struct convis_graph all = { .lines = NULL };         /* holds lines only */
    *lines = g->lines ? convis_copy_text(c, g->lines) : NULL;
    if (g->lines || is_sized(g)) return g->lines && !*lines ? CONVIS_ENOMEM : CONVIS_OK;
    for (int j = 0; j < g->layers && !status; j++) {
        const struct convis_graph_layer *l = &g->layer[j];
        char *within = NULL, *next;
        if (l->model) status = convis_graph_stored_lines(c, l->model, &within);
        for (char *line = within; line && *line && !status; line = next) {
            char path[4*CONVIS_GRAPH_NAME];
            next = line + strcspn(line, "\n");
            if (*next) *next++ = 0;
            char *number = line + strcspn(line, " ");
            if (*number) *number++ = 0;
            snprintf(path, sizeof path, "%s%s%s", l->name, *l->name ? "." : "", line);
            status = store_line(c, &all, path, number);
        }
        convis_release(c, within);
    }
    if (status) convis_release(c, all.lines);
    else *lines = all.lines;
    return status;
}

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
    g = home_of(g, path, &path);
    if (is_sized(g)) {                                   /* a setting, where there is one */
        if (!strchr(path, '[') && !g->kind->take(c, g->settings, path, value)) return CONVIS_OK;
        return store_line(c, g, path, number);
    }
    char name[160], *end;
    const char *bracket = strchr(path, '[');
    size_t length = bracket ? (size_t)(bracket - path) : strlen(path);
    if (!bracket) return convis_graph_set(c, g, path, number);
    const long long index = strtoll(bracket + 1, &end, 10);
    if (end == bracket + 1 || strcmp(end, "]") || length >= sizeof name)
        return convis_fail(c, CONVIS_EFORMAT, "'%s': expected PATH or PATH[INDEX]", CONVIS_QUOTED(path));
    snprintf(name, sizeof name, "%.*s", (int)length, path);
    return set_element(c, g, name, index, value);
}

convis_status convis_graph_set_lines(convis_context *c, struct convis_graph *g, const char *name, const char *text)
{
    struct convis_graph next;
    convis_lines t;
    convis_status status = convis_graph_copy(c, g, &next);
    if (status) return status;
    if ((status = convis_lines_read(c, name, text, &t))) { convis_graph_clear(c, &next); return status; }
    for (int line; !status && (line = convis_lines_line(&t)) != 0;) {
        if (line < 0) { status = CONVIS_EFORMAT; break; }
        char *path = convis_lines_word(&t, 0), *number = convis_lines_word(&t, 0), *more = convis_lines_word(&t, 0);
        double value = 0;
        if (!path || !number || (more && *more != '#'))
            status = convis_fail(c, CONVIS_EFORMAT, "%s:%lld: expected a path and a number", name, (long long)t.line);
        if (!status) status = convis_lines_number(&t, number, path, &value);
        if (!status && (status = set_line(c, &next, path, number, value)))
            convis_fail_before(c, status, "%s:%lld: ", name, (long long)t.line);
    }
    convis_lines_close(&t);
    convis_graph_clear(c, status ? &next : g);
    if (!status) *g = next;
    return status;
}

/* ---- Getting and listing ---- */

/* An array as text: a few numbers are listed, of many their number is given. */
static void print_array(const struct convis_value *v, char *text, size_t size)
{
    size_t used = 0;
    *text = 0;
    for (int64_t i = 0; i < v->count; i++) {
        char number[CONVIS_LINES_NUMBER];
        convis_number_print(v->array[i], number, sizeof number);
        if (v->count > 8 || used + strlen(number) + 3 > 48 || used + strlen(number) + 3 > size) {
            snprintf(text, size, "%lld values", (long long)v->count);
            return;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", number);
    }
}

static void print_number(const convis_field *f, double value, char *text, size_t size)
{
    if (!(f->flags & CONVIS_WORDS) || !convis_word_of(f->unit, f->min, value, text, size)) convis_number_print(value, text, size);
}

static void print_value(const struct convis_graph_layer *l, const convis_field *f, char *text, size_t size)
{
    const struct convis_value *v = convis_graph_value(l, f->name);
    if (v && v->kind == CONVIS_VALUE_TEXT) convis_shorten(text, size, "%s", v->text);
    else if (v && v->kind == CONVIS_VALUE_ARRAY) print_array(v, text, size);
    else if (f->flags & CONVIS_TEXT) convis_shorten(text, size, "%s", f->unit);
    else if (f->flags & CONVIS_ARRAY) *text = 0;
    else print_number(f, v ? v->number : f->value, text, size);
}

convis_status convis_graph_get(convis_context *c, const struct convis_graph *g, const char *path, char *value, size_t size)
{
    struct convis_graph_layer *l = NULL;
    struct convis_rows rows;
    convis_field f = { 0 };
    if (!is_sized(g) && !convis_graph_base(g) && is_baseline(path)) {
        convis_number_print(convis_graph_baseline(g), value, size);
        return CONVIS_OK;
    }
    if (!is_sized(g) && !strcmp(path, "dt")) { convis_number_print(g->dt, value, size); return CONVIS_OK; }
    const struct convis_graph *home = home_of((struct convis_graph *)(uintptr_t)g, path, &path);
    if (home != g) return convis_graph_get(c, home, path, value, size);
    convis_status status = g->kind ? g->kind->get(c, g->settings, path, value, size) : CONVIS_ENAME;
    if (status != CONVIS_ENAME || is_sized(g)) return status;
    status = locate(c, g, path, &l, &f, &rows);
    if (!status) print_value(l, &f, value, size);
    return status;
}

/* ---- Listing: options, dt and baseline, then what is in the layers ---- */

static int list_whole(const struct convis_graph *g, int k, convis_setting *s)
{
    snprintf(s->path, sizeof s->path, "%s", k ? "baseline" : "dt");
    convis_number_print(k ? convis_graph_baseline(g) : g->dt, s->value, sizeof s->value);
    convis_number_print(k ? 0 : 0.001, s->initial, sizeof s->initial);
    s->min = k ? -1e30 : 0;
    s->max = k ? 1e30 : 1e6;
    s->open = !k;
    s->unit = k ? "" : "s";
    s->doc = k ? "input before the first frame" : "time step";
    s->xml = "";
    return 1;
}

static int list_layer(convis_context *c, const struct convis_graph_layer *l, int *index, convis_setting *s)
{
    struct convis_rows rows;
    int here = 0;
    while (l->type->params && l->type->params[here].name) here++;
    if (l->type->fields || *index < here) here = convis_graph_rows(c, l, &rows) ? 0 : rows.count;
    if (*index >= here) { *index -= here; return 0; }
    const convis_field *f = &rows.row[*index];
    snprintf(s->path, sizeof s->path, "%.95s.%.31s", l->name, f->name);
    print_value(l, f, s->value, sizeof s->value);
    print_value(&(struct convis_graph_layer){ .values = 0 }, f, s->initial, sizeof s->initial);
    s->text = (f->flags & CONVIS_TEXT) != 0;
    s->array = (f->flags & CONVIS_ARRAY) != 0;
    s->min = s->text ? -INFINITY : f->min;
    s->max = s->text ? INFINITY : f->max;
    s->words = convis_field_words(f);
    s->word = s->words != NULL;
    s->whole = f->flags & CONVIS_WHOLE && !s->word;
    s->unit = convis_field_unit(f);
    s->doc = f->doc;
    s->xml = "";
    return 1;
}

/* Of a model within, all but the time step, under its name. */
static int list_model(convis_context *c, const struct convis_graph_layer *l, int *index, convis_setting *s)
{
    char path[sizeof s->path];
    for (int k = 0; convis_graph_list(c, l->model, k, s); k++) {
        if (*l->name && (!strcmp(s->path, "dt") || !strcmp(s->path, "baseline"))) continue;
        if ((*index)-- > 0) continue;
        snprintf(path, sizeof path, "%s", s->path);
        if (*l->name) snprintf(s->path, sizeof s->path, "%.60s.%.60s", l->name, path);
        return 1;
    }
    return 0;
}

int convis_graph_list(convis_context *c, const struct convis_graph *g, int index, convis_setting *s)
{
    int has_dt = convis_graph_base(g) != NULL, has_baseline = has_dt;
    memset(s, 0, sizeof *s);
    if (index < 0) return 0;
    for (int k = 0; g->kind && g->kind->list(g->settings, k, s); k++) {
        if (index-- == 0) return 1;
        has_dt |= !strcmp(s->path, "dt");
    }
    if (is_sized(g)) return 0;
    if (!has_dt && index-- == 0) return list_whole(g, 0, s);
    if (!has_baseline && index-- == 0) return list_whole(g, 1, s);
    for (int j = 0; j < g->layers; j++)
        if (g->layer[j].model ? list_model(c, &g->layer[j], &index, s) : list_layer(c, &g->layer[j], &index, s)) return 1;
    return 0;
}

/* ---- Cells ---- */

convis_status convis_cells_check(convis_context *c, const convis_cell *cell, int64_t count, int spiking)
{
    if (count < 0 || (count && !cell))
        return convis_fail(c, CONVIS_EINVAL, "units: a list of %lld, expected 0 or more", (long long)count);
    if (!spiking) return convis_fail(c, CONVIS_EINVAL, "units: this model has no layer that spikes, expected one");
    for (int64_t k = 0; k < count; k++) {
        const convis_cell *u = &cell[k];
        if (u->layer < 0 || u->layer >= spiking)
            return convis_fail(c, CONVIS_EINVAL,
                               "unit %d: spiking layer %d, expected 0 to %d (this model has %d spiking layer%s)", u->id, u->layer,
                               spiking - 1, spiking, spiking == 1 ? "" : "s");
        if (u->id < 0 || !(fabs(u->x) <= 1e6) || !(fabs(u->y) <= 1e6))
            return convis_fail(c, CONVIS_EINVAL, "unit %d: at (%g, %g) deg, expected an id from 0 and finite positions", u->id,
                               u->x, u->y);
    }
    return CONVIS_OK;
}

static convis_status set_own_cells(convis_context *c, struct convis_graph *g, const convis_cell *cell, int64_t count)
{
    convis_cell *list = convis_obtain(c, (size_t)(count + 1)*sizeof *list);
    if (!list) return CONVIS_ENOMEM;
    int64_t n = 0;
    int s = 0, own = 0;
    for (int j = 0; j < g->layers; j++) {                /* in order of layers, each in the order given */
        const struct convis_graph_layer *l = &g->layer[j];
        s += l->model ? convis_graph_spiking(l->model) : convis_graph_numbers(l);
        if (l->model || !l->type->spikes) continue;
        for (int64_t k = 0; k < count; k++) if (cell[k].layer == s - 1) list[n++] = cell[k];
        own++;
    }
    if (!own) { convis_release(c, list); list = NULL; }
    convis_release(c, g->cell);
    g->cell = list;
    g->cells = n;
    return CONVIS_OK;
}

/* Those of the layers from `first` on, to a model within that has `spiking` of them; none: it has its own. */
static convis_status set_cells_within(convis_context *c, struct convis_graph *g, const convis_cell *cell, int64_t count,
                                      int first)
{
    const int spiking = convis_graph_spiking(g);
    convis_cell *part = convis_obtain(c, (size_t)(count + 1)*sizeof *part);
    int64_t n = 0;
    if (!part) return CONVIS_ENOMEM;
    for (int64_t k = 0; k < count; k++) {
        if (cell[k].layer < first || cell[k].layer >= first + spiking) continue;
        part[n] = cell[k];
        part[n++].layer -= first;
    }
    convis_status status = n ? convis_graph_set_cells(c, g, part, n) : CONVIS_OK;
    convis_release(c, part);
    return status;
}

convis_status convis_graph_set_cells(convis_context *c, struct convis_graph *g, const convis_cell *cell, int64_t count)
{
    convis_status status = convis_cells_check(c, cell, count, convis_graph_spiking(g));
    if (!status && is_sized(g)) return g->kind->cells(c, g->settings, NULL, cell, count);
    for (int j = 0, first = 0; j < g->layers && !status; j++) {
        const struct convis_graph_layer *l = &g->layer[j];
        if (l->model) status = set_cells_within(c, l->model, cell, count, first);
        first += l->model ? convis_graph_spiking(l->model) : convis_graph_numbers(l);
    }
    return status ? status : set_own_cells(c, g, cell, count);
}

convis_status convis_graph_set_cells_of(convis_context *c, struct convis_graph *g, const char *layer, const convis_cell *cell,
                                        int64_t count)
{
    const char *rest;
    char path[2*CONVIS_GRAPH_NAME], of[2*CONVIS_GRAPH_NAME], quoted[64];
    snprintf(path, sizeof path, "%.150s.units", layer);  /* home_of takes paths of members */
    g = home_of(g, path, &rest);
    if (!is_sized(g))
        return convis_fail(c, CONVIS_ENAME, "%s.units: expected ganglion_0.units, of a retina", convis_quoted(quoted, layer));
    snprintf(of, sizeof of, "%.*s", (int)(strlen(rest) - strlen(".units")), rest);
    return g->kind->cells(c, g->settings, of, cell, count);
}
