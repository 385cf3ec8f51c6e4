/* replan.c - planning again: what a plan made is given back, and a model that was built for one size of movie becomes one for another. */
#include "base/text.h"
#include "run.h"
#include <stdio.h>
#include <string.h>

/* ---- What a plan made ---- */

/* What was asked for stays. */
static void release_buffer(convis_model *m, buffer *b)
{
    convis_model_release(m, b->base);
    convis_model_release(m, b->d);
    convis_model_release(m, b->before);
    convis_release(m->context, b->from);
    convis_release(m->context, b->host);
    *b = (buffer){ .asked = b->asked, .required = b->required };
}

/* Memory of the device. */
static void release_frames(convis_model *m, model_layer *l)
{
    convis_pass *p = &l->pass;
    release_buffer(m, &l->out);
    for (int k = 0; k < CONVIS_MAX_OUTPUTS; k++) release_buffer(m, &l->extra[k]);
    for (int k = 0; k < CONVIS_MAX_STATES; k++) {
        convis_model_release(m, p->state[k]);
        convis_model_release(m, p->d_state[k]);
    }
    for (int k = 0; k < CONVIS_MAX_INPUTS; k++) convis_model_release(m, l->twin[k]);
    for (int k = 0; k < CONVIS_MAX_TAPE; k++)   convis_model_release(m, p->tape[k]);
    for (int k = 0; k < CONVIS_MAX_PARAMS; k++) convis_model_release(m, p->d_array[k]);
    convis_model_release(m, p->d_map);
    convis_model_release(m, p->scratch);
    memset(l->twin, 0, sizeof l->twin);
}

static void release_layer(convis_context *c, model_layer *l)
{
    for (int k = 0; k < CONVIS_MAX_PARAMS; k++) {
        convis_release(c, l->grad_array[k]);
        l->grad_array[k] = NULL;
        l->grad[k] = 0;
    }
    convis_release(c, l->sums);
    convis_release(c, l->p);
    convis_release(c, l->pass.constants);
    l->sums = NULL;
    l->p = NULL;
    l->pass = (convis_pass){ .key = l->pass.key };
    l->pointwise = l->adjoint = NULL;
    l->needed = l->recorded = 0;
    l->dirty = 1;
    memset(l->copies_in, 0, sizeof l->copies_in);
}

static void release_input(convis_model *m, model_input *i)
{
    release_buffer(m, &i->frames);
    convis_release(m->context, i->converted);
    i->converted = NULL;
    for (int j = 0; j < 2; j++) {
        convis_model_release(m, i->upload[j]);
        i->upload[j] = NULL;
    }
    i->frames.shape = i->frame;
    i->frames.n = convis_elements(i->frame);
    i->is_given = i->in_order = 0;
    i->gradient = (convis_tensor){ .data = NULL };
}

void convis_release_plan(convis_model *m)
{
    convis_context *c = m->context;
    for (int j = 0; j < m->count; j++)       release_frames(m, &m->layers[j]);
    for (int k = 0; k < m->input_count; k++) release_input(m, &m->inputs[k]);
    convis_model_release(m, m->unwanted);
    convis_model_release(m, m->spare);
    convis_staging_close(m);
    convis_unplace_layers(m);
    for (int j = 0; j < m->count; j++) release_layer(c, &m->layers[j]);
    while (m->stack) { snapshot *s = m->stack; m->stack = s->below; convis_release(c, s); }
    for (int k = 0; k < m->segment_count; k++) convis_release(c, m->segments[k].scratch);
    convis_release(c, m->segments);
    convis_release(c, m->units);
    convis_release(c, m->spikes);
    m->unwanted = m->spare = NULL;
    m->segments = NULL;
    m->units = NULL;
    m->spikes = NULL;
    m->segment_count = 0;
    m->unit_count = m->spike_count = m->spike_room = 0;
    m->device_bytes = m->largest_block = m->frame = m->running = m->ran = 0;
    m->planned = m->taped = m->counting = 0;
    m->forward = m->backward = (pace){ .level = 0 };
}

convis_status convis_unplan(convis_model *m)
{
    if (convis_refuse(m)) return m->status;
    convis_release_plan(m);
    return CONVIS_OK;
}

/* ---- Another size ---- */

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
    to->requires_gradient = l->requires_gradient;
    to->out.asked = l->out.asked;
    for (int k = 0; k < l->extras; k++) to->extra[k].asked = l->extra[k].asked;
    return status;
}

static void carry_input(const model_input *from, const model_input *built, model_input *to)
{
    to->frames.required = from->frames.required;
    if (from->baseline != built->baseline) to->baseline = from->baseline;
}

static convis_status carry(convis_model *m, const convis_model *from, const convis_model *built)
{
    convis_status status = CONVIS_OK;
    for (int j = 0; j < from->count && !status; j++) status = carry_layer(m, &from->layers[j], &built->layers[j]);
    for (int k = 0; k < from->input_count && k < m->input_count; k++)
        carry_input(&from->inputs[k], &built->inputs[k], &m->inputs[k]);
    m->recording = from->recording;
    m->record_spikes = from->record_spikes;
    m->seed = from->seed;
    return status;
}

convis_status convis_resize(convis_model *m, int64_t width, int64_t height)
{
    const model_maker *maker = &m->maker;
    convis_model *built = NULL, *made = NULL;
    if (!maker->make || (width == maker->width && height == maker->height)) return CONVIS_OK;
    if (m->count != maker->layers)
        return convis_fail(m->context, CONVIS_ESHAPE,
                           "the model was built for movies of %lldx%lld pixels, and layers were added to it: it has no other size",
                           (long long)maker->width, (long long)maker->height);
    convis_status status = maker->make(maker->user, maker->width, maker->height, &built);
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
