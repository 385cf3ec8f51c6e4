/* spec.c - "KIND?key=value&key=value" read against tables. */
#include "spec.h"
#include "text.h"
#include "../models/retina.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int convis_spec_kind(convis_context *c, const char *prefix, const char *what, const char *name, const char *(*kind)(int index))
{
    char all[400] = "";
    const char *each, *nearest = kind(0);
    for (int k = 0; (each = kind(k)); k++) {
        if (!strcmp(each, name)) return k;
        if (convis_distance(name, each) < convis_distance(name, nearest)) nearest = each;
        snprintf(all + strlen(all), sizeof all - strlen(all), k ? ", %s" : "%s", each);
    }
    if (*name && convis_distance(name, nearest) <= 3)
        convis_fail(c, CONVIS_ENAME, "%s%.40s: no %s has that name, did you mean %s? (there are %s)", prefix, name, what, nearest, all);
    else convis_fail(c, CONVIS_ENAME, "%s%.40s: no %s has that name, there are %s", prefix, name, what, all);
    return -1;
}

const convis_field *convis_spec_field(const convis_field *own, const convis_field *common, int index)
{
    for (const convis_field *f = own; f->name; f++) if (index-- == 0) return f;
    for (const convis_field *f = common; f->name; f++) {
        const convis_field *o = own;
        while (o->name && strcmp(o->name, f->name)) o++;
        if (!o->name && index-- == 0) return f;
    }
    return NULL;
}

int convis_spec_find(const convis_spec *s, const char *name)
{
    const convis_field *f;
    for (int k = 0; (f = s->field(s->kind, k)); k++) if (!strcmp(f->name, name)) return k;
    return -1;
}

static convis_status unknown_key(const convis_spec *s, const char *key)
{
    const convis_field *f;
    const char *nearest = s->text_key ? s->text_key : s->field(s->kind, 0)->name;
    for (int k = 0; (f = s->field(s->kind, k)); k++)
        if (convis_distance(key, f->name) < convis_distance(key, nearest)) nearest = f->name;
    return convis_fail(s->context, CONVIS_ENAME, "%s: it has no parameter '%.40s', did you mean '%s'?", s->who, key, nearest);
}

static convis_status set_number(convis_spec *s, int k, const char *value)
{
    const convis_field *f = s->field(s->kind, k);
    const char *space = *f->unit ? " " : "";
    char *end;
    double v = strtod(value, &end);
    int number = end != value && !*end && !isnan(v);
    for (const convis_spec_word *w = s->words; !number && w && w->word; w++)
        if (!strcmp(w->key, f->name) && !strcmp(w->word, value)) { v = w->value; number = 1; }
    if (!number) return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is '%.40s', expected a number", s->who, f->name, value);
    if (v < f->min || v > f->max)
        return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is %g%s%s, expected %g to %g", s->who, f->name, v, space, f->unit, f->min,
                           f->max);
    if (f->flags & CONVIS_WHOLE && v != floor(v))
        return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is %g, expected a whole number", s->who, f->name, v);
    s->value[k] = v;
    return CONVIS_OK;
}

static convis_status set(convis_spec *s, const char *key, const char *value)
{
    if (s->text_key && !strcmp(key, s->text_key)) {
        if (*s->text) return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is given twice", s->who, key);
        *s->text = convis_obtain(s->context, strlen(value) + 1);
        return *s->text && strcpy(*s->text, value) ? CONVIS_OK : CONVIS_ENOMEM;
    }
    int k = convis_spec_find(s, key);
    for (const convis_spec_word *a = s->aliases; k < 0 && a && a->word; a++)
        if (!strcmp(a->word, key)) k = convis_spec_find(s, a->key);
    if (k < 0) return unknown_key(s, key);
    if (s->given[k]) return convis_fail(s->context, CONVIS_EINVAL, "%s: %s is given twice", s->who, s->field(s->kind, k)->name);
    s->given[k] = 1;
    return set_number(s, k, value);
}

convis_status convis_spec_read(convis_spec *s, char *query)
{
    const convis_field *f;
    convis_status status = CONVIS_OK;
    memset(s->given, 0, sizeof s->given);
    for (int k = 0; (f = s->field(s->kind, k)); k++) s->value[k] = f->value;
    const locale_t before = convis_text_locale((locale_t)0);             /* numbers have a decimal point everywhere */
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
    convis_text_locale(before);
    return status;
}
