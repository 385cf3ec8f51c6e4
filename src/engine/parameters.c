/* parameters.c - parameters by path: set and get, scalars, arrays and texts, and all of them in a file.
 *
 * The file is text, a line a number: "opl.center.tau 0.01", "ganglion_0.cells.x[3] 12.5"; '#' begins a comment. */
#include "base/text.h"
#include "base/words.h"
#include "model.h"
#include "base/lines.h"
#include "initialisers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

model_layer *convis_find_parameter(const convis_model *m, const char *path, int *row)
{
    const char *member;
    model_layer *l = convis_find_layer(m, path, &member);
    if (l && (*row = convis_find_row(l->fields, member)) >= 0) return l;
    if (l)
        convis_fail(m->context, CONVIS_ENAME, "'%s': %s (%s %s) has no parameter '%s'", path, l->name,
                    convis_article(l->type->name), l->type->name, member);
    else convis_fail(m->context, CONVIS_ENAME, "'%s': the model has no such parameter", path);
    return NULL;
}

/* Whether a scalar parameter may have this value now. */
static convis_status check_scalar(const convis_model *m, const model_layer *l, int k, const char *path, double value)
{
    const convis_field *f = &l->fields[k];
    if (f->flags & CONVIS_ARRAY) return convis_fail(m->context, CONVIS_EINVAL, "%s: an array, not a number", path);
    if (f->flags & CONVIS_TEXT) return convis_fail(m->context, CONVIS_EINVAL, "%s: a text, not a number", path);
    const char *unit = convis_field_unit(f);
    if (!(value >= f->min && value <= f->max))
        return convis_fail(m->context, CONVIS_EINVAL, "%s: %g%s%s, expected %g to %g", path, value, *unit ? " " : "", unit,
                           f->min, f->max);
    if (f->flags & CONVIS_WHOLE && value != floor(value))
        return convis_fail(m->context, CONVIS_EINVAL, "%s: %g, expected a whole number", path, value);
    if (f->flags & CONVIS_PLAN && m->planned && value != l->param[k])
        return convis_fail(m->context, CONVIS_ESTATE,
                           "%s: sizes depend on it, so set it before the model is planned (or after convis_unplan)", path);
    return CONVIS_OK;
}

convis_status convis_set(convis_model *m, const char *path, double value)
{
    CONVIS_NEEDS(m, path);
    int k = 0;
    if (convis_refuse(m)) return m->status;
    model_layer *l = convis_find_parameter(m, path, &k);
    if (!l) return CONVIS_ENAME;
    convis_status status = check_scalar(m, l, k, path, value);
    if (status) return status;
    l->param[k] = value;
    l->dirty = 1;
    return CONVIS_OK;
}

convis_status convis_get(const convis_model *m, const char *path, double *value)
{
    CONVIS_NEEDS(m, path, value);
    int k = 0;
    model_layer *l = convis_find_parameter(m, path, &k);
    if (!l) return CONVIS_ENAME;
    if (l->fields[k].flags & (CONVIS_ARRAY | CONVIS_TEXT))
        return convis_fail(m->context, CONVIS_EINVAL, "%s: %s, not a number", path,
                           l->fields[k].flags & CONVIS_ARRAY ? "an array" : "a text");
    *value = l->param[k];
    return CONVIS_OK;
}

/* An array of which an element was set is no longer what its initialiser, or its layer, says. */
static void drop_text(const convis_model *m, model_layer *l, int k)
{
    convis_release(m->context, l->text[k]);
    l->text[k] = NULL;
    l->filled[k] = 0;
}

convis_status convis_set_array(convis_model *m, const char *path, const double *values, int64_t count)
{
    CONVIS_NEEDS(m, path);
    int k = 0;
    if (convis_refuse(m)) return m->status;
    model_layer *l = convis_find_parameter(m, path, &k);
    if (!l) return CONVIS_ENAME;
    if (!(l->fields[k].flags & CONVIS_ARRAY)) return convis_fail(m->context, CONVIS_EINVAL, "%s: a number, not an array", path);
    if (count < 0 || (m->planned && count != (int64_t)l->param[k]))
        return convis_fail(m->context, CONVIS_ESHAPE, "%s: %lld values, planned for %lld", path, (long long)count,
                           (long long)l->param[k]);
    CONVIS_NEEDS_ARRAY(m->context, values, count);
    const convis_field *f = &l->fields[k];
    for (int64_t j = 0; j < count; j++)
        if (!(values[j] >= f->min && values[j] <= f->max))
            return convis_fail(m->context, CONVIS_EINVAL, "%s[%lld]: %g %s, expected %g to %g", path, (long long)j, values[j],
                               f->unit, f->min, f->max);
    drop_text(m, l, k);
    l->given[k] = (convis_shape){ { 0 } };
    if (!m->planned || !l->array[k]) {
        double *copy = convis_obtain(m->context, (size_t)(count + 1)*sizeof *copy);
        if (!copy) return CONVIS_ENOMEM;
        convis_release(m->context, l->array[k]);
        l->array[k] = copy;
    }
    if (count) memcpy(l->array[k], values, (size_t)count*sizeof *values);
    l->param[k] = (double)count;
    l->dirty = 1;
    return CONVIS_OK;
}

convis_status convis_set_shaped(convis_model *m, const char *path, const double *values, convis_shape shape)
{
    int k = 0;
    const convis_status status = convis_set_array(m, path, values, convis_elements(shape));
    model_layer *l = status ? NULL : convis_find_parameter(m, path, &k);
    if (l) l->given[k] = shape;
    return status;
}

convis_status convis_get_array(const convis_model *m, const char *path, double *values, int64_t count)
{
    CONVIS_NEEDS(m, path);
    int k = 0;
    model_layer *l = convis_find_parameter(m, path, &k);
    if (!l) return CONVIS_ENAME;
    if (!(l->fields[k].flags & CONVIS_ARRAY)) return convis_fail(m->context, CONVIS_EINVAL, "%s: a number, not an array", path);
    if (count != (int64_t)l->param[k])
        return convis_fail(m->context, CONVIS_ESHAPE, "%s: room for %lld values, it has %lld", path, (long long)count,
                           (long long)l->param[k]);
    CONVIS_NEEDS_ARRAY(m->context, values, count);
    if (count) memcpy(values, l->array[k], (size_t)count*sizeof *values);
    return CONVIS_OK;
}

/* ---- Texts ---- */

static convis_status store_text(const convis_model *m, model_layer *l, int k, const char *text)
{
    char *copy = convis_copy_text(m->context, text);
    if (!copy) return CONVIS_ENOMEM;
    convis_release(m->context, l->text[k]);
    l->text[k] = copy;
    l->dirty = 1;
    return CONVIS_OK;
}

convis_status convis_set_initialiser(convis_model *m, const char *path, const char *initialiser)
{
    CONVIS_NEEDS(m, path, initialiser);
    int k = 0;
    if (convis_refuse(m)) return m->status;
    model_layer *l = convis_find_parameter(m, path, &k);
    if (!l) return CONVIS_ENAME;
    if (!(l->fields[k].flags & CONVIS_ARRAY)) return convis_fail(m->context, CONVIS_EINVAL, "%s: a number, not an array", path);
    if (!m->planned) {
        convis_status status = store_text(m, l, k, initialiser);
        if (status) return status;
        convis_release(m->context, l->array[k]);         /* its old values; convis_plan fills in the initialiser's */
        l->array[k] = NULL;
        l->param[k] = 0;
        return CONVIS_OK;
    }
    if (!l->pass.array_shape[k].dim[0])
        return convis_fail(m->context, CONVIS_ENOTSUP, "%s: an array without a shape of its own", path);
    double *values = convis_obtain(m->context, (size_t)(l->param[k] + 1)*sizeof *values);
    if (!values) return CONVIS_ENOMEM;
    convis_status status = convis_initialiser_values(m->context, path, initialiser, l->pass.array_shape[k], m->dt, values);
    if (!status) status = convis_set_array(m, path, values, (int64_t)l->param[k]);
    if (!status) status = store_text(m, l, k, initialiser);
    convis_release(m->context, values);
    return status;
}

/* The rows that the layer's texts add, after those of the table; those that were there before keep their values, if they were
 * set: what was at its default takes the new text's (a preset). */
static convis_status renew_fields(convis_model *m, model_layer *l)
{
    convis_context *c = m->context;
    int fixed = 0;
    while (l->type->params[fixed].name) fixed++;
    convis_field *rows = convis_obtain(c, (CONVIS_MAX_PARAMS + 1)*sizeof *rows);
    char (*names)[32] = convis_obtain(c, CONVIS_MAX_PARAMS*sizeof *names);
    convis_status status = rows && names ? CONVIS_OK : CONVIS_ENOMEM;
    if (!status) status = l->type->fields(c, l->name, l->text, rows + fixed, names, CONVIS_MAX_PARAMS - fixed);
    if (status) {
        convis_release(c, rows);
        convis_release(c, names);
        return status;
    }
    memcpy(rows, l->type->params, (size_t)fixed*sizeof *rows);
    double value[CONVIS_MAX_PARAMS];
    int count = fixed;
    for (; rows[count].name; count++) {
        int before = l->own ? convis_find_row(l->own, rows[count].name) : -1;
        value[count] = before < 0 || l->param[before] == l->own[before].value ? rows[count].value : l->param[before];
    }
    for (int k = fixed; k < count; k++) l->param[k] = value[k];
    convis_release(c, l->own);
    convis_release(c, l->own_names);
    l->own = rows;
    l->own_names = names;
    l->fields = rows;
    l->params = count;
    l->requires_gradient &= (1u << fixed) - 1;
    return CONVIS_OK;
}

static convis_status set_word(convis_model *m, model_layer *l, int k, const char *path, const char *word)
{
    const convis_field *f = &l->fields[k];
    double value;
    if (!convis_word_value(f->unit, f->min, word, strlen(word), &value))
        return convis_fail(m->context, CONVIS_EINVAL, "%s: '%s', expected %s", path, CONVIS_QUOTED(word),
                           CONVIS_WORDS_LIST(f->unit));
    const convis_status status = check_scalar(m, l, k, path, value);
    if (status) return status;
    l->param[k] = value;
    l->dirty = 1;
    return CONVIS_OK;
}

convis_status convis_set_text(convis_model *m, const char *path, const char *text)
{
    CONVIS_NEEDS(m, path, text);
    int k = 0;
    if (convis_refuse(m)) return m->status;
    model_layer *l = convis_find_parameter(m, path, &k);
    if (!l) return CONVIS_ENAME;
    if (l->fields[k].flags & CONVIS_WORDS) return set_word(m, l, k, path, text);
    if (!(l->fields[k].flags & CONVIS_TEXT))
        return convis_fail(m->context, CONVIS_EINVAL, "%s: expected a number, not a text", path);
    if (m->planned) return convis_fail(m->context, CONVIS_ESTATE, "%s: must be set before the model is planned", path);
    char *before = l->text[k];
    l->text[k] = NULL;
    convis_status status = store_text(m, l, k, text);
    if (!status && l->type->fields) status = renew_fields(m, l);
    if (status) { convis_release(m->context, l->text[k]); l->text[k] = before; }
    else convis_release(m->context, before);
    return status;
}

const char *convis_get_text(const convis_model *m, const char *path)
{
    CONVIS_NEEDS_ELSE(NULL, m, path);
    int k = 0;
    model_layer *l = convis_find_parameter(m, path, &k);
    if (!l) return NULL;
    if (l->fields[k].flags & CONVIS_WORDS &&
        convis_word_of(l->fields[k].unit, l->fields[k].min, l->param[k], l->word, sizeof l->word))
        return l->word;
    if (!(l->fields[k].flags & (CONVIS_TEXT | CONVIS_ARRAY))) {
        convis_fail(m->context, CONVIS_EINVAL, "%s: a number, not a text", path);
        return NULL;
    }
    return l->text[k] ? l->text[k] : "";
}

/* ---- Files ---- */

static int write_number(FILE *f, const char *layer, const char *name, int64_t element, double value)
{
    char number[CONVIS_LINES_NUMBER];
    convis_lines_print(number, value);
    if (element < 0) return fprintf(f, "%s.%s %s\n", layer, name, number) > 0;
    return fprintf(f, "%s.%s[%lld] %s\n", layer, name, (long long)element, number) > 0;
}

static int write_all(const convis_model *m, FILE *f)
{
    int ok = fprintf(f, "# parameters, convis %s\n", CONVIS_VERSION) > 0;
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        for (int k = 0; ok && k < l->params; k++) {
            const convis_field *p = &l->fields[k];
            if (p->flags & CONVIS_TEXT) continue;
            if (!(p->flags & CONVIS_ARRAY)) ok = write_number(f, l->name, p->name, -1, l->param[k]);
            else
                for (int64_t i = 0; ok && i < (int64_t)l->param[k]; i++)
                    ok = write_number(f, l->name, p->name, i, l->array[k][i]);
        }
    }
    return ok;
}

convis_status convis_parameters_save(const convis_model *m, const char *file)
{
    CONVIS_NEEDS(m, file);
    convis_out out;
    convis_status status = convis_out_open(m->context, file, 0, &out);
    if (status) return status;
    locale_t before = convis_lines_locale((locale_t)0);
    convis_out_check(&out, write_all(m, out.file));
    convis_lines_locale(before);
    return convis_out_finish(&out, 1);
}

/* Checks one line, and, if `apply`, sets it. */
static convis_status read_number(convis_model *m, convis_lines *t, const char *path, double value, int apply)
{
    char name[NAME_SIZE + 64], *bracket, *end;
    int k = 0;
    if (strlen(path) >= sizeof name)
        return convis_fail(m->context, CONVIS_EFORMAT, "%s:%lld: a path of more than %zu characters", t->path, (long long)t->line,
                           sizeof name - 1);
    strcpy(name, path);
    bracket = strchr(name, '[');
    if (bracket) *bracket = '\0';
    model_layer *l = convis_find_parameter(m, name, &k);
    convis_status status = l ? CONVIS_OK : CONVIS_ENAME;
    if (l && !bracket) {
        status = check_scalar(m, l, k, name, value);
        if (!status && apply) l->param[k] = value;
    } else if (l) {
        const convis_field *f = &l->fields[k];
        long long i = strtoll(bracket + 1, &end, 10);
        if (!(f->flags & CONVIS_ARRAY) || end == bracket + 1 || strcmp(end, "]") || i < 0 || i >= (long long)l->param[k])
            status = convis_fail(m->context, CONVIS_ESHAPE, "%s: the model has no such element (%lld of them)", path,
                                 f->flags & CONVIS_ARRAY ? (long long)l->param[k] : 1LL);
        else if (!(value >= f->min && value <= f->max))
            status = convis_fail(m->context, CONVIS_EINVAL, "%s: %g, expected %g to %g", path, value, f->min, f->max);
        else if (apply) {
            l->array[k][i] = value;
            drop_text(m, l, k);
        }
    }
    if (l && apply) l->dirty = 1;
    return status ? convis_fail_before(m->context, status, "%s:%lld: ", t->path, (long long)t->line) : CONVIS_OK;
}

static convis_status read_all(convis_model *m, convis_lines *t, int apply)
{
    convis_status status = CONVIS_OK;
    int line;
    while (!status && (line = convis_lines_line(t)) != 0) {
        if (line < 0) { status = CONVIS_EFORMAT; break; }
        char *path = convis_lines_word(t, 0), *number = convis_lines_word(t, 0), *more = convis_lines_word(t, 0);
        double value = 0;
        if (!path || !number || (more && *more != '#'))
            status =
                convis_fail(m->context, CONVIS_EFORMAT, "%s:%lld: expected a path and a number", t->path, (long long)t->line);
        if (!status) status = convis_lines_number(t, number, path, &value);
        if (!status) status = read_number(m, t, path, value, apply);
    }
    convis_lines_close(t);
    return status;
}

/* Twice over the lines, so that a fault in the last one changes nothing. text: the lines, or NULL to open the file `name`. */
static convis_status load(convis_model *m, const char *name, const char *text)
{
    convis_lines t;
    if (convis_refuse(m)) return m->status;
    convis_status status = CONVIS_OK;
    for (int apply = 0; !status && apply < 2; apply++) {
        status = text ? convis_lines_read(m->context, name, text, &t) : convis_lines_open(m->context, name, "parameters", &t);
        if (!status) status = read_all(m, &t, apply);
    }
    return status;
}

convis_status convis_parameters_read(convis_model *m, const char *file) { return load(m, file, NULL); }

convis_status convis_parameters_parse(convis_model *m, const char *name, const char *text)
{
    CONVIS_NEEDS(m, name, text);
    return load(m, name, text);
}
