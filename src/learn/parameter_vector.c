/* parameter_vector.c - the parameters that require gradient, as one vector, scaled so that one step suits all of them.
 *
 * A time constant of 0.01 s and a weight of 3 are moved by the same optimiser: each number is divided by what it is at the start,
 * or by its default, whichever is larger; an array by its root mean square, or by one over the root of how many of its numbers make
 * one output. Scalars in seconds, degrees or Hz that can only be positive are moved by their logarithm, so that a step never
 * takes them to 0, where the filter and its gradient vanish; but no further than a factor of a million. */
#include "parameter_vector.h"
#include "base/context.h"
#include <convis/convis.h>
#include <math.h>
#include <string.h>

static const double FURTHEST = 1e6;                      /* factor on a logarithmic parameter */

static int is_extent(const convis_item *item, double value)
{
    return !item->array && item->min >= 0 && value > 0 && strcmp(item->unit, "1");
}

static double scale_of(const convis_vector_part *v, const convis_item *item, const double *values)
{
    double sum = 0, typical = v->array ? sqrt((double)v->shape.dim[0]/(double)v->count) : fabs(item->initial);
    for (int64_t i = 0; i < v->count; i++) sum += values[i]*values[i];
    double size = sqrt(sum/(double)v->count);
    return size > typical ? size : typical > 0 ? typical : 1;
}

static int next_required(const convis_model *m, int *index, convis_item *item)
{
    while (convis_list(m, CONVIS_PARAMETER, (*index)++, item)) if (item->requires_gradient && item->count > 0) return 1;
    return 0;
}

static void describe(convis_vector_part *v, const convis_item *item, int64_t at)
{
    const convis_shape line = { { 1, 1, 1, 1, item->count } };
    memcpy(v->path, item->path, sizeof v->path);
    v->shape = item->array && convis_elements(item->shape) == item->count ? item->shape : line;
    v->at = at;
    v->count = item->count;
    v->array = item->array;
    v->least = item->min;
    v->most = item->max;
}

static double to_x(const convis_vector_part *v, double value) { return v->logarithmic ? 1 + log(value/v->scale) : value/v->scale; }
static double of_x(const convis_vector_part *v, double x)
{
    double value = v->logarithmic ? v->scale*exp(x - 1) : v->scale*x;
    return value < v->least ? v->least : value > v->most ? v->most : value;
}

void convis_parameter_vector_scale(convis_parameter_vector *s, int k, double scale, int logarithmic)
{
    convis_vector_part *v = &s->list[k];
    v->scale = scale;
    v->logarithmic = logarithmic;
    for (int64_t i = v->at; i < v->at + v->count; i++) {
        s->low[i]  = logarithmic ? to_x(v, fmax(v->least, scale/FURTHEST)) : v->least/scale;
        s->high[i] = logarithmic ? to_x(v, fmin(v->most, scale*FURTHEST)) : v->most/scale;
    }
}

/* The model's parameters into values. */
static convis_status read(convis_parameter_vector *s)
{
    convis_status status = CONVIS_OK;
    for (int k = 0; !status && k < s->count; k++) {
        const convis_vector_part *v = &s->list[k];
        double *to = s->values + v->at;
        status = v->array ? convis_get_array(s->model, v->path, to, v->count) : convis_get(s->model, v->path, to);
    }
    return status;
}

convis_status convis_parameter_vector_open(convis_model *m, int linear, convis_parameter_vector *s)
{
    convis_item item;
    *s = (convis_parameter_vector){ .model = m, .context = convis_model_context(m) };
    for (int k = 0; next_required(m, &k, &item); s->count++) s->n += item.count;
    if (!s->n)
        return convis_fail(s->context, CONVIS_ESTATE,
                           "no parameter requires gradient (convis_require_gradient before convis_plan)");
    s->list = convis_obtain(s->context, (size_t)s->count*sizeof *s->list);
    s->low = s->list ? convis_obtain(s->context, 4*(size_t)s->n*sizeof *s->low) : NULL;
    if (!s->low) { convis_parameter_vector_close(s); return CONVIS_ENOMEM; }
    s->high = s->low + s->n;
    s->values = s->high + s->n;
    s->gradient = s->values + s->n;
    int64_t at = 0;
    for (int k = 0, j = 0; next_required(m, &k, &item); at += item.count) describe(&s->list[j++], &item, at);
    convis_status status = read(s);
    for (int k = 0, j = 0; !status && next_required(m, &k, &item); j++) {
        double *values = s->values + s->list[j].at;
        int logarithmic = !linear && is_extent(&item, values[0]);
        convis_parameter_vector_scale(s, j, logarithmic ? values[0] : scale_of(&s->list[j], &item, values), logarithmic);
    }
    if (status) convis_parameter_vector_close(s);
    return status;
}

void convis_parameter_vector_close(convis_parameter_vector *s)
{
    if (!s->context) return;
    convis_release(s->context, s->list);
    convis_release(s->context, s->low);
    *s = (convis_parameter_vector){ .model = NULL };
}

void convis_parameter_vector_get(const convis_parameter_vector *s, double *x)
{
    for (int k = 0; k < s->count; k++) {
        const convis_vector_part *v = &s->list[k];
        for (int64_t i = v->at; i < v->at + v->count; i++) x[i] = to_x(v, s->values[i]);
    }
}

convis_status convis_parameter_vector_put(convis_parameter_vector *s, const double *x)
{
    convis_status status = CONVIS_OK;
    for (int k = 0; !status && k < s->count; k++) {
        const convis_vector_part *v = &s->list[k];
        for (int64_t i = v->at; i < v->at + v->count; i++) s->values[i] = of_x(v, x[i]);
        const double *from = s->values + v->at;
        status = v->array ? convis_set_array(s->model, v->path, from, v->count) : convis_set(s->model, v->path, *from);
    }
    return status;
}

convis_status convis_parameter_vector_collect(convis_parameter_vector *s)
{
    convis_status status = CONVIS_OK;
    for (int k = 0; !status && k < s->count; k++) {
        const convis_vector_part *v = &s->list[k];
        status = convis_grad(s->model, v->path, s->gradient + v->at, v->count);
    }
    return status;
}

void convis_parameter_vector_chain(const convis_parameter_vector *s, const double *x, double *gradient)
{
    for (int k = 0; k < s->count; k++) {
        const convis_vector_part *v = &s->list[k];
        for (int64_t i = v->at; i < v->at + v->count; i++)
            gradient[i] = s->gradient[i]*v->scale*(v->logarithmic ? exp(x[i] - 1) : 1);
    }
}

/* ---- For callers of the library (fit.h) ---- */

convis_status convis_parameter_vector_new(convis_model *m, convis_parameter_vector **vector)
{
    if (vector) *vector = NULL;
    CONVIS_NEEDS_IN(convis_model_context(m), CONVIS_EINVAL, m, vector);
    convis_context *c = convis_model_context(m);
    convis_parameter_vector *s = convis_obtain(c, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    convis_status status = convis_chunk(m) > 0 ? convis_parameter_vector_open(m, 0, s)
                         : convis_fail(c, CONVIS_ESTATE, "parameter vector: the model must be planned before");
    if (!status && !(s->x = convis_obtain(c, (size_t)s->n*sizeof *s->x))) status = CONVIS_ENOMEM;
    if (!status) convis_parameter_vector_get(s, s->x);
    if (status) {
        convis_release(c, s->x);
        convis_parameter_vector_close(s);
        convis_release(c, s);
        return status;
    }
    convis_context_hold(c);
    *vector = s;
    return CONVIS_OK;
}

void convis_parameter_vector_free(convis_parameter_vector **vector)
{
    convis_parameter_vector *s = vector ? *vector : NULL;
    if (!s) return;
    convis_context *c = s->context;
    convis_release(c, s->x);
    convis_parameter_vector_close(s);
    convis_release(c, s);
    convis_context_let_go(c);
    *vector = NULL;
}

int64_t convis_parameter_vector_size(const convis_parameter_vector *s) { return s ? s->n : 0; }

int convis_parameter_vector_list(const convis_parameter_vector *s, int index, convis_vector_part *part)
{
    CONVIS_NEEDS_ELSE(0, s, part);
    if (index < 0 || index >= s->count) return 0;
    *part = s->list[index];
    return 1;
}

void convis_parameter_vector_bounds(const convis_parameter_vector *s, double *low, double *high)
{
    CONVIS_NEEDS_ELSE(, s, low, high);
    memcpy(low, s->low, (size_t)s->n*sizeof *low);
    memcpy(high, s->high, (size_t)s->n*sizeof *high);
}

convis_status convis_parameter_vector_read(convis_parameter_vector *s, double *x)
{
    CONVIS_NEEDS(s, x);
    const convis_status status = read(s);
    if (status) return status;
    convis_parameter_vector_get(s, s->x);
    memcpy(x, s->x, (size_t)s->n*sizeof *x);
    return CONVIS_OK;
}

convis_status convis_parameter_vector_write(convis_parameter_vector *s, const double *x)
{
    CONVIS_NEEDS(s, x);
    for (int64_t i = 0; i < s->n; i++)
        if (!isfinite(x[i]))
            return convis_fail(s->context, CONVIS_EINVAL, "parameter vector: number %lld is %g", (long long)i, x[i]);
    const convis_status status = convis_parameter_vector_put(s, x);
    if (!status) convis_parameter_vector_get(s, s->x);
    return status;
}

convis_status convis_parameter_vector_gradient(convis_parameter_vector *s, double *gradient)
{
    CONVIS_NEEDS(s, gradient);
    const convis_status status = convis_parameter_vector_collect(s);
    if (!status) convis_parameter_vector_chain(s, s->x, gradient);
    return status;
}
