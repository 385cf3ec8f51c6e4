/* query.c - "KIND?key=value&key=value" read against tables. */
#include "query.h"
#include "lines.h"
#include "text.h"
#include "words.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const convis_field *convis_query_field(const convis_field *own, const convis_field *common, int index)
{
    for (const convis_field *f = own; f->name; f++) if (index-- == 0) return f;
    for (const convis_field *f = common; f->name; f++) {
        const convis_field *o = own;
        while (o->name && strcmp(o->name, f->name)) o++;
        if (!o->name && index-- == 0) return f;
    }
    return NULL;
}

int convis_query_find(const convis_query *s, const char *name)
{
    const convis_field *f;
    for (int k = 0; (f = s->field(s->kind, k)); k++) if (!strcmp(f->name, name)) return k;
    return -1;
}

static convis_status unknown_key(const convis_query *s, const char *key)
{
    const convis_field *f;
    char quoted[64];
    convis_hint hint = CONVIS_HINT(key);
    if (s->text_key) convis_hint_offer(&hint, s->text_key);
    for (int k = 0; (f = s->field(s->kind, k)); k++) convis_hint_offer(&hint, f->name);
    return convis_fail(s->context, CONVIS_ENAME, "%s: it has no parameter '%s'%s", s->who, convis_quoted(quoted, key), hint.text);
}

static convis_status set_number(convis_query *s, int k, const char *value)
{
    const convis_field *f = s->field(s->kind, k);
    const char *unit = convis_field_unit(f), *words = convis_field_words(f), *space = *unit ? " " : "";
    char *end;
    double v = strtod(value, &end);
    const int number =
        (end != value && !*end && !isnan(v)) || (words && convis_word_value(words, f->min, value, strlen(value), &v));
    if (!number)
        return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is '%.40s', expected %s", s->who, f->name, value,
                           words ? CONVIS_WORDS_LIST(words) : "a number");
    if (v < f->min || v > f->max)
        return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is %g%s%s, expected %g to %g", s->who, f->name, v, space, unit,
                           f->min, f->max);
    if (f->flags & CONVIS_WHOLE && v != floor(v))
        return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is %g, expected a whole number", s->who, f->name, v);
    s->value[k] = v;
    return CONVIS_OK;
}

static int is_text_key(const convis_query *s, const char *key)
{
    if (!s->text_key) return 0;
    for (const convis_query_alias *a = s->aliases; a && a->word; a++)
        if (!strcmp(a->word, key) && !strcmp(a->key, s->text_key)) return 1;
    return !strcmp(key, s->text_key);
}

static convis_status set(convis_query *s, const char *key, const char *value)
{
    if (is_text_key(s, key)) {
        if (*s->text) return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is given twice", s->who, key);
        *s->text = convis_copy_text(s->context, value);
        return *s->text ? CONVIS_OK : CONVIS_ENOMEM;
    }
    int k = convis_query_find(s, key);
    for (const convis_query_alias *a = s->aliases; k < 0 && a && a->word; a++)
        if (!strcmp(a->word, key)) k = convis_query_find(s, a->key);
    if (k < 0) return unknown_key(s, key);
    if (s->given[k]) return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is given twice", s->who, s->field(s->kind, k)->name);
    s->given[k] = 1;
    return set_number(s, k, value);
}

void convis_query_describe(const convis_field *f, convis_kind_param *p)
{
    *p = (convis_kind_param){ f->name, convis_field_unit(f), f->doc, f->value, f->min, f->max, (f->flags & CONVIS_WHOLE) != 0, 0,
                              convis_field_words(f) };
}

convis_status convis_query_read(convis_query *s, char *query)
{
    const convis_field *f;
    convis_status status = CONVIS_OK;
    memset(s->given, 0, sizeof s->given);
    for (int k = 0; (f = s->field(s->kind, k)); k++) s->value[k] = f->value;
    const locale_t before = convis_lines_locale((locale_t)0);             /* numbers have a decimal point everywhere */
    while (query && *query && !status) {
        char *pair = query, *equals;
        query = strchr(query, '&');
        if (query) *query++ = 0;
        if (!*pair) continue;
        equals = strchr(pair, '=');
        if (equals) *equals = 0;
        status = equals ? set(s, pair, equals + 1)
               : convis_fail(s->context, CONVIS_EINVAL, "%s: '%.40s', expected key=value", s->who, pair);
    }
    convis_lines_locale(before);
    return status;
}
