/* preset.c - the list of models made of layers, and their options. */
#include "preset.h"
#include "models/graph/yaml.h"
#include "base/lines.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

/* ---- Options ---- */

static int count(const struct convis_design *d)
{
    int n = 0;
    while (d->option && d->option[n].name) n++;
    return n;
}

void convis_design_defaults(const struct convis_design *d, double *option)
{
    for (int k = 0; k < count(d); k++) option[k] = d->option[k].value;
}

/* The word at a place among "none|rf", or the place of a word (-1: nowhere). */
static const char *word_at(const char *words, int place, size_t *length)
{
    for (; place > 0; place--) words += strcspn(words, "|") + 1;
    *length = strcspn(words, "|");
    return words;
}

static int place_of(const struct convis_design_option *o, const char *text)
{
    for (int k = 0; k <= (int)o->max; k++) {
        size_t length;
        const char *word = word_at(o->words, k, &length);
        if (strlen(text) == length && !strncmp(word, text, length)) return k;
    }
    return -1;
}

static convis_status parse(convis_context *c, const struct convis_design_option *o, const char *text, double *value)
{
    char quoted[64], words[160] = "";
    if (!o->words) {
        if (convis_number_parse(text, value) && *value >= o->min && *value <= o->max && (!o->whole
            || *value == floor(*value))) return CONVIS_OK;
        return convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected a %snumber of %g to %g%s%s", o->name, convis_quoted(quoted, text),
                           o->whole ? "whole " : "", o->min, o->max, *o->unit ? " " : "", o->unit);
    }
    *value = place_of(o, text);
    for (int k = 0; *value < 0 && k <= (int)o->max; k++) {
        size_t length, used = strlen(words);
        const char *word = word_at(o->words, k, &length);
        snprintf(words + used, sizeof words - used, "%s%.*s", !k ? "" : k == (int)o->max ? " or " : ", ", (int)length, word);
    }
    return *value < 0 ? convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected %s", o->name, convis_quoted(quoted, text), words) : CONVIS_OK;
}

int convis_design_list(const struct convis_design *d, const double *option, int index, convis_setting *s)
{
    memset(s, 0, sizeof *s);
    if (index < 0 || index >= count(d)) return 0;
    const struct convis_design_option *o = &d->option[index];
    size_t length = 0;
    const char *word = o->words ? word_at(o->words, (int)option[index], &length) : "";
    snprintf(s->path, sizeof s->path, "%s", o->name);
    if (o->words) snprintf(s->value, sizeof s->value, "%.*s", (int)length, word);
    else convis_number_print(option[index], s->value, sizeof s->value);
    s->unit = o->unit;
    s->xml = "";
    s->doc = o->doc;
    return 1;
}

/* ---- Graphs ---- */

convis_status convis_design_make(convis_context *c, const struct convis_design *d, const double *option, struct convis_graph *g)
{
    struct convis_yaml y;
    convis_text_out out;
    char *written = NULL;
    convis_status status = d->write ? convis_text_begin(c, &out) : CONVIS_OK;
    if (!status && d->write) status = convis_text_end(&out, d->write(c, out.file, option), &written);
    const char *text = d->write ? written : d->yaml;
    if (!status) status = convis_yaml_read(c, d->name, text, strlen(text), &y);
    if (!status) {
        status = convis_graph_read(&y, "", g);
        convis_yaml_free(&y);
        *g->file = 0;                                    /* its lines are no lines of the user's */
    }
    convis_release(c, written);
    return status;
}

static int same(const struct convis_value *a, const struct convis_value *b)
{
    if (!a || !b || a->kind != b->kind) return 0;
    if (a->kind == CONVIS_VALUE_NUMBER) return a->number == b->number;
    if (a->kind == CONVIS_VALUE_TEXT) return !strcmp(a->text, b->text);
    return a->count == b->count && !memcmp(a->array, b->array, (size_t)a->count*sizeof *a->array);
}

/* What was set in `now` since it was `plain` is set in `next`, where there is such a layer. */
static convis_status keep_changes(convis_context *c, const struct convis_graph *plain, struct convis_graph *now, struct convis_graph *next)
{
    convis_status status = CONVIS_OK;
    if (now->dt != plain->dt) next->dt = now->dt;
    if (now->past != plain->past) next->past = now->past;
    for (int j = 0; j < now->layers; j++) {
        struct convis_graph_layer *l = &now->layer[j], *was = convis_graph_find(plain, l->name), *to = convis_graph_find(next, l->name);
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

convis_status convis_design_set(convis_context *c, const struct convis_design *d, double *option, struct convis_graph *g, const char *name,
                                const char *value)
{
    struct convis_graph plain = { .layers = 0 }, next = { .layers = 0 };
    double wanted[CONVIS_DESIGN_OPTIONS];
    int k = 0;
    while (k < count(d) && strcmp(d->option[k].name, name)) k++;
    if (k == count(d)) return CONVIS_ENAME;
    memcpy(wanted, option, sizeof wanted);
    convis_status status = parse(c, &d->option[k], value, &wanted[k]);
    if (!status) status = convis_design_make(c, d, option, &plain);
    if (!status) status = convis_design_make(c, d, wanted, &next);
    if (!status) status = keep_changes(c, &plain, g, &next);
    convis_graph_clear(c, &plain);
    if (status) { convis_graph_clear(c, &next); return status; }
    memcpy(option, wanted, sizeof wanted);
    convis_graph_clear(c, g);
    *g = next;
    return CONVIS_OK;
}
