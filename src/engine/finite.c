/* finite.c - what is not finite: refused in frames, unless it is allowed, and counted in what a run gave. */
#include "run.h"
#include "base/finite.h"
#include <stdio.h>

convis_status convis_allow_nonfinite(convis_model *m, int on)
{
    CONVIS_NEEDS(m);
    m->allow_nonfinite = on != 0;
    return CONVIS_OK;
}

/* ---- The last run ---- */

typedef struct search { convis_model *m; int64_t count; const char **path; } search;

/* layer, row: the path of what they are numbers of; row NULL: the layer's output. */
static void add(search *s, const convis_real *numbers, int64_t n, const char *layer, const char *row)
{
    const int64_t found = convis_count_nonfinite(numbers, n);
    if (found && !s->count && s->path) {
        snprintf(s->m->nonfinite, sizeof s->m->nonfinite, row ? "%s.%s" : "%s", layer, row);
        *s->path = s->m->nonfinite;
    }
    s->count += found;
}

static convis_status add_output(search *s, buffer *b, const char *layer, const char *row)
{
    convis_real *frames;
    if (!b->probed) return CONVIS_OK;
    const convis_status status = b->bound ? CONVIS_OK : convis_stage_fetch(s->m, b, &frames);
    if (b->bound) frames = b->to.data;                    /* written there alone */
    if (!status) add(s, frames, s->m->ran*b->n, layer, row);
    return status;
}

/* What integrates, and then spikes no more: outputs, which are numbers of spikes, do not show it. */
static convis_status add_states(search *s, const model_layer *l)
{
    convis_model *m = s->m;
    for (int k = 0; k < l->states; k++) {
        const int64_t n = l->state_n[k];
        convis_real *host = m->staging ? convis_obtain(m->context, (size_t)n*sizeof *host) : NULL;
        if (m->staging && !host) return CONVIS_ENOMEM;
        const convis_real *state = convis_host_reach(m->device, l->pass.state[k], n, host);
        const convis_status status = convis_device_sync(m->device);
        if (!status) add(s, state, n, l->name, l->type->states[k].name);
        convis_release(m->context, host);
        if (status) return status;
    }
    return CONVIS_OK;
}

convis_status convis_nonfinite(convis_model *m, int64_t *count, const char **path)
{
    if (path) *path = NULL;
    CONVIS_NEEDS(m, count);
    *count = 0;
    if (convis_refuse(m)) return m->status;
    if (!m->planned)
        return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned and run before its results are searched");
    search s = { .m = m, .path = path };
    convis_status status = CONVIS_OK;
    for (int j = 0; j < m->count && !status; j++) {
        model_layer *l = &m->layers[j];
        status = add_output(&s, &l->out, l->name, NULL);
        for (int k = 0; k < l->extras && !status; k++) status = add_output(&s, &l->extra[k], l->name, l->type->outputs[k].name);
        if (!status && convis_is_spiking(l)) status = add_states(&s, l);
    }
    *count = s.count;
    return status;
}
