/* replan.c - a model that was built for one size of movie becomes one for another. */
#include "base/text.h"
#include "model.h"
#include <stdio.h>
#include <string.h>

static int is_alike(const model_layer *a, const model_layer *b, int k)
{
    if ((a->text[k] != NULL) != (b->text[k] != NULL)) return 0;
    if (a->text[k]) return !strcmp(a->text[k], b->text[k]);
    if (a->filled[k]) return !b->array[k] || b->filled[k];
    if (a->param[k] != b->param[k]) return 0;
    return !(a->fields[k].flags & CONVIS_ARRAY) || !a->param[k] ||
           !memcmp(a->array[k], b->array[k], (size_t)a->param[k]*sizeof(double));
}

/* Parameter k of a layer that was built alike is no longer `built`: `to` gets its value. */
static convis_status carry_parameter(convis_model *m, const model_layer *l, const model_layer *to, int k)
{
    char path[2*NAME_SIZE];
    const convis_field *f = &l->fields[k];
    snprintf(path, sizeof path, "%s.%s", l->name, f->name);
    if (f->flags & CONVIS_TEXT) return convis_set_text(m, path, l->text[k] ? l->text[k] : "");
    if (!(f->flags & CONVIS_ARRAY)) return convis_set(m, path, l->param[k]);
    if (l->text[k]) return convis_set_initialiser(m, path, l->text[k]);
    if (to->array[k] && to->param[k] != l->param[k])
        return convis_fail(m->context, CONVIS_ESHAPE,
                           "%s: its %lld values were set for movies of another size, in which it has %lld", path,
                           (long long)l->param[k], (long long)to->param[k]);
    convis_status status = convis_set_array(m, path, l->array[k], (int64_t)l->param[k]);
    model_layer *set = status ? NULL : convis_find_parameter(m, path, &k);
    if (set) set->given[k] = l->given[k];
    return status;
}

static void carry_requests(const model_layer *from, model_layer *to)
{
    to->requires_gradient = from->requires_gradient;
    to->out.asked = from->out.asked;
    for (int k = 0; k < from->extras; k++) to->extra[k].asked = from->extra[k].asked;
}

static void carry_model(const convis_model *from, convis_model *to)
{
    to->recording = from->recording;
    to->record_spikes = from->record_spikes;
    to->allow_nonfinite = from->allow_nonfinite;
    to->seed = from->seed;
    for (int k = 0; k < from->input_count && k < to->input_count; k++)
        to->inputs[k].frames.required = from->inputs[k].frames.required;
}

void convis_carry_requests(const convis_model *from, convis_model *to)
{
    for (int j = 0; j < from->count && j < to->count; j++) carry_requests(&from->layers[j], &to->layers[j]);
    for (int k = 0; k < from->input_count && k < to->input_count; k++) to->inputs[k].baseline = from->inputs[k].baseline;
    carry_model(from, to);
}

/* Settings of layer l since it was built as `built`, and what was asked of it. */
static convis_status carry_layer(convis_model *m, const model_layer *l, const model_layer *built)
{
    const char *member;
    model_layer *to = convis_find_layer(m, l->name, &member);
    convis_status status = CONVIS_OK;
    if (!to || *member || to->type != l->type) {          /* a layer that only the old size needs, a crop: nobody can miss it */
        int asked = l->out.asked;
        for (int k = 0; k < l->extras; k++) asked |= l->extra[k].asked;
        return asked ? convis_fail(m->context, CONVIS_ENAME,
                                   "%s: its output was asked for, and it is not in the model for this size", l->name)
                     : CONVIS_OK;
    }
    for (int texts = 1; texts >= 0; texts--)              /* they may decide which others there are */
        for (int k = 0; k < l->params && !status; k++)
            if (texts == ((l->fields[k].flags & CONVIS_TEXT) != 0) && !is_alike(l, built, k))
                status = carry_parameter(m, l, to, k);
    carry_requests(l, to);
    return status;
}

static convis_status carry(convis_model *m, const convis_model *from, const convis_model *built)
{
    convis_status status = CONVIS_OK;
    for (int j = 0; j < from->count && !status; j++) status = carry_layer(m, &from->layers[j], &built->layers[j]);
    for (int k = 0; k < from->input_count && k < m->input_count; k++)
        if (from->inputs[k].baseline != built->inputs[k].baseline) m->inputs[k].baseline = from->inputs[k].baseline;
    carry_model(from, m);
    return status;
}

convis_status convis_resize(convis_model *m, int64_t width, int64_t height)
{
    const model_maker *maker = &m->maker;
    convis_model *built = NULL, *made = NULL;
    if (!maker->width || (width == maker->width && height == maker->height)) return CONVIS_OK;
    if (!maker->make)
        return convis_fail(m->context, CONVIS_ESHAPE, "input: %lldx%lld pixels; the model is for movies of %lldx%lld alone",
                           (long long)width, (long long)height, (long long)maker->width, (long long)maker->height);
    if (m->count != maker->layers)
        return convis_fail(m->context, CONVIS_ESHAPE,
                           "the model was built for movies of %lldx%lld pixels, and layers were added to it: it has no other size",
                           (long long)maker->width, (long long)maker->height);
    const convis_log_function log = m->context->log;
    m->context->log = NULL;                               /* what that size is warned of was said */
    convis_status status = maker->make(maker->user, maker->width, maker->height, &built);
    m->context->log = log;
    if (!status && built->count != m->count)
        status = convis_fail(m->context, CONVIS_ESHAPE, "the model has other layers than it was built with");
    if (!status) status = maker->make(maker->user, width, height, &made);
    if (!status) status = carry(made, m, built);
    if (!status) {
        const convis_model old = *m;
        *m = *made;
        *made = old;
    }
    convis_model_free(&built);
    convis_model_free(&made);
    return status;
}
