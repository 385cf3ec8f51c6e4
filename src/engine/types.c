/* types.c - what a type of layer has, without a model: rows of its tables, and the equation with which its file begins. */
#include "base/words.h"
#include "model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

void convis_describe_row(const convis_field *f, convis_item *item)
{
    item->value = item->initial = f->value;
    item->min = f->min;
    item->max = f->max;
    item->whole = (f->flags & CONVIS_WHOLE) != 0;
    item->array = (f->flags & CONVIS_ARRAY) != 0;
    item->text = (f->flags & CONVIS_TEXT) != 0;
    item->differentiable = convis_can_learn(f);
    item->words = convis_field_words(f);
    item->initial_text = item->text ? f->unit : NULL;
    item->unit = f->flags & (CONVIS_TEXT | CONVIS_WORDS) ? "" : f->unit;
}

/* ---- Rows ---- */

static const convis_field *row_of(const convis_field *table, int index)
{
    for (const convis_field *f = table; f && f->name; f++) if (index-- == 0) return f;
    return NULL;
}

static const convis_field *table_of(const convis_layer_type *t, convis_kind kind)
{
    switch (kind) {
    case CONVIS_PARAMETER: return t->params;
    case CONVIS_STATE:     return t->states;
    case CONVIS_INPUT:     return t->ins;
    default:               return t->outputs;
    }
}

static void set_row(convis_item *item, const char *name, const char *unit, const char *doc)
{
    snprintf(item->path, sizeof item->path, "%s", name);
    item->unit = unit;
    item->doc = doc;
}

/* The layer itself; its one output or a further one; what it takes as input, or, where all of it is alike, one row. */
static int list_whole(const convis_layer_type *t, convis_kind kind, int index, convis_item *item)
{
    if (kind == CONVIS_LAYER) set_row(item, t->name, "", t->doc);
    else if (kind == CONVIS_OUTPUT) set_row(item, "", "", t->doc);
    else set_row(item, "input", "", t->inputs == 1 ? "" : "each of them");
    if (kind == CONVIS_LAYER) item->inputs = convis_most_inputs(t);
    return index == 0;
}

int convis_layer_type_list(const convis_layer_type *t, convis_kind kind, int index, convis_item *item)
{
    if (!t || !item) return 0;
    *item = (convis_item){ .target = t->name };
    if (index < 0 || kind == CONVIS_ALIAS) return 0;
    if (kind == CONVIS_LAYER || (kind == CONVIS_INPUT && !t->ins) || (kind == CONVIS_OUTPUT && !index))
        return list_whole(t, kind, index, item);
    const convis_field *f = row_of(table_of(t, kind), kind == CONVIS_OUTPUT ? index - 1 : index);
    if (!f) return 0;
    set_row(item, f->name, f->unit, f->doc);
    if (kind == CONVIS_PARAMETER) convis_describe_row(f, item);
    if (kind == CONVIS_STATE) item->value = item->initial = f->value;
    return 1;
}

/* ---- The equation ---- */

int convis_layer_type_equation(const convis_layer_type *t, int line, char *text, size_t size)
{
    static const char INDENT[] = " *      ";
    int begun = 0, ended = 0;
    if (!text || !size) return 0;
    *text = 0;
    for (const char *const *s = t && t->source && line >= 0 ? t->source : NULL; s && *s && !ended; s++) {
        const int within = !strncmp(*s, INDENT, sizeof INDENT - 1) && (*s)[sizeof INDENT - 1] > ' ';
        if (begun && !within) return 0;
        begun |= within;
        const char *from = *s + (within ? sizeof INDENT - 1 : 0), *end = strstr(from, "*/");
        ended = end != NULL;                             /* of the comment */
        if (!end) end = from + strcspn(from, "\n");
        while (end > from && end[-1] == ' ') end--;
        if (!within || line-- > 0) continue;
        snprintf(text, size, "%.*s", (int)(end - from), from);
        return 1;
    }
    return 0;
}
