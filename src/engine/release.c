/* release.c - what a plan made is given back. */
#include "run.h"
#include <string.h>

/* What was asked for stays. */
static void release_buffer(convis_model *m, buffer *b)
{
    convis_model_release(m, b->base);
    convis_model_release(m, b->d);
    convis_model_release(m, b->before);
    convis_release(m->context, b->from);
    convis_release(m->context, b->host);
    *b = (buffer){ .asked = b->asked, .required = b->required, .to = b->to };
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
    l->pass = (convis_pass){ .key = l->pass.key, .user = l->pass.user };
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
    convis_release(c, m->spikes_spare);
    m->unwanted = m->spare = NULL;
    m->segments = NULL;
    m->units = NULL;
    m->spikes = m->spikes_spare = NULL;
    m->segment_count = 0;
    m->unit_count = m->spike_count = m->spike_room = 0;
    m->device_bytes = m->largest_block = m->frame = m->running = m->ran = 0;
    m->planned = m->taped = m->counting = m->baseline_due = 0;
    m->forward = m->backward = (pace){ .level = 0 };
}

convis_status convis_unplan(convis_model *m)
{
    CONVIS_NEEDS(m);
    if (convis_refuse(m)) return m->status;
    convis_release_plan(m);
    return CONVIS_OK;
}
