/* spikes.c - the spikes of the last run: collected layer by layer after each sub-chunk, and put in order. */
#include "run.h"
#include <string.h>

typedef struct sink { convis_model *model; int64_t first_unit, frame; } sink;

/* The list doubles, and what sorting it needs. */
static int more_room(convis_model *m)
{
    const int64_t room = m->spike_room ? 2*m->spike_room : 1024;
    convis_spike *more = convis_obtain(m->context, (size_t)room*sizeof *more);
    convis_spike *spare = more ? convis_obtain(m->context, (size_t)room*sizeof *spare) : NULL;
    if (!spare) {
        convis_release(m->context, more);
        return m->spikes_lost = 1;
    }
    if (m->spike_count) memcpy(more, m->spikes, (size_t)m->spike_count*sizeof *more);
    convis_release(m->context, m->spikes);
    convis_release(m->context, m->spikes_spare);
    m->spikes = more;
    m->spikes_spare = spare;
    m->spike_room = room;
    return 0;
}

void convis_emit(void *to, int64_t i, int t, double seconds)
{
    sink *s = to;
    convis_model *m = s->model;
    /* Room for every expected spike was made by plan; there may still be more. */
    if (m->spike_count == m->spike_room && more_room(m)) return;
    const convis_cell *u = &m->units[s->first_unit + i];
    if (seconds > m->dt) seconds = m->dt;                 /* dt in single precision may be longer */
    m->spikes[m->spike_count++] = (convis_spike){ (double)(s->frame + t)*m->dt + seconds, u->id, u->layer };
}

static int is_later(const convis_spike *s, const convis_spike *r)
{
    return s->time != r->time ? s->time > r->time : s->unit > r->unit;
}

/* By merging, from runs of RUN on; obtains nothing, as qsort may. */
static void sort(convis_spike *s, convis_spike *spare, int64_t n)
{
    enum { RUN = 16 };
    for (int64_t from = 0; from < n; from += RUN)
        for (int64_t k = from + 1; k < n && k < from + RUN; k++) {
            const convis_spike now = s[k];
            int64_t j = k;
            for (; j > from && is_later(&s[j - 1], &now); j--) s[j] = s[j - 1];
            s[j] = now;
        }
    for (int64_t run = RUN; run < n; run *= 2)
        for (int64_t from = 0; from + run < n; from += 2*run) {
            const int64_t middle = from + run, end = n - from < 2*run ? n : from + 2*run;
            int64_t a = 0, b = middle, to = from;
            if (!is_later(&s[middle - 1], &s[middle])) continue;
            memcpy(spare, s + from, (size_t)run*sizeof *s);
            while (a < run && b < end) s[to++] = is_later(&spare[a], &s[b]) ? s[b++] : spare[a++];
            memcpy(s + to, spare + a, (size_t)(run - a)*sizeof *s);
        }
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
    if (m->spike_count > before) sort(m->spikes + before, m->spikes_spare, m->spike_count - before);
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
