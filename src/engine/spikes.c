/* spikes.c - the spikes of the last run: collected layer by layer after each sub-chunk, and put in order. */
#include "run.h"
#include <stdlib.h>
#include <string.h>

typedef struct sink { convis_model *model; int64_t first_unit, frame; } sink;

void convis_emit(void *to, int64_t i, int t, double seconds)
{
    sink *s = to;
    convis_model *m = s->model;
    if (m->spike_count == m->spike_room) {
        /* Room for every expected spike was made by plan; there may still be more. */
        int64_t room = m->spike_room ? 2*m->spike_room : 1024;
        convis_spike *more = convis_obtain(m->context, (size_t)room*sizeof *more);
        if (!more) { m->spikes_lost = 1; return; }
        if (m->spike_count) memcpy(more, m->spikes, (size_t)m->spike_count*sizeof *more);
        convis_release(m->context, m->spikes);
        m->spikes = more;
        m->spike_room = room;
    }
    const convis_cell *u = &m->units[s->first_unit + i];
    if (seconds > m->dt) seconds = m->dt;                 /* dt in single precision may be longer */
    m->spikes[m->spike_count++] = (convis_spike){ (double)(s->frame + t)*m->dt + seconds, u->id, u->layer };
}

static int earlier(const void *a, const void *b)
{
    const convis_spike *s = a, *r = b;
    if (s->time != r->time) return s->time < r->time ? -1 : 1;
    if (s->unit != r->unit) return s->unit < r->unit ? -1 : 1;
    return 0;
}

void convis_collect_spikes(convis_model *m, const slice *u)
{
    const int64_t before = m->spike_count;
    sink s = { .model = m, .frame = m->frame + u->t0 };
    for (int j = 0; m->record_spikes && u->frames && j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        if (!convis_is_spiking(l)) continue;
        convis_pass p = convis_pass_of(m, l, u);
        convis_staged_spikes(m, l, &p);
        l->type->spikes(&p, &s);
        s.first_unit += l->out.n;
    }
    if (m->spike_count > before) qsort(m->spikes + before, (size_t)(m->spike_count - before), sizeof *m->spikes, earlier);
}

convis_status convis_record_spikes(convis_model *m, int on)
{
    CONVIS_NEEDS(m);
    if (convis_refuse(m)) return m->status;
    if (m->planned) return convis_fail(m->context, CONVIS_ESTATE, "spikes must be asked for before the model is planned");
    m->record_spikes = on;
    return CONVIS_OK;
}

convis_status convis_spikes(const convis_model *m, const convis_spike **spikes, int64_t *count)
{
    CONVIS_NEEDS(m, spikes, count);
    *spikes = m->spikes;
    *count = m->spike_count;
    if (m->record_spikes) return CONVIS_OK;
    return convis_fail(m->context, CONVIS_ESTATE, "spikes were not asked for (convis_record_spikes before convis_plan)");
}
