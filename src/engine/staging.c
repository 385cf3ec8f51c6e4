/* staging.c - copies of frames to a device and back.
 *
 * A processor's memory is the host's: inputs are read where they lie, or gathered into the model's buffers, and outputs are read where they
 * were written. For another device frames are copied: while it computes a sub-chunk, the next one's are uploaded and the last one's are
 * downloaded, each through two alternating places, on three queues that are ordered where one needs another. */
#include "run.h"
#include <string.h>

/* Frames that are downloaded after each sub-chunk: from `from` (of a probed output, or a spiking layer's tape; n numbers a frame) by way of
 * `place` to `to`, where frame t0 of the chunk has its place, or, `local`, the sub-chunk's first. */
typedef struct departure { const buffer *from; convis_real *const *tape; convis_real *place[2], *to; int64_t n; int local; } departure;

struct convis_staging {
    convis_real *gathered;           /* a sub-chunk's frames of one input on the host, one after the other */
    departure   *departures;
    int     departure_count;
    slice   last;                    /* the sub-chunk whose frames are queued, but have not arrived; frames 0: none */
};

static size_t bytes_of(int64_t n) { return (size_t)n*sizeof(convis_real); }
/* Which of two places a sub-chunk's frames have. */
static int turn_of(const convis_model *m, int64_t t0) { return (int)(t0/m->sub_chunk & 1); }

/* ---- Memory ---- */

static int64_t most_departures(const convis_model *m)
{
    return m->count*(int64_t)(1 + CONVIS_MAX_OUTPUTS + 1 + CONVIS_MAX_TAPE) + 1;
}

/* Once it is known how long sub-chunks are. */
convis_status convis_staging_open(convis_model *m)
{
    int64_t largest = 0;
    if (m->device->type->host_visible) return CONVIS_OK;
    struct convis_staging *s = m->staging = convis_obtain(m->context, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    for (int k = 0; k < m->input_count; k++) if (m->inputs[k].frames.n > largest) largest = m->inputs[k].frames.n;
    s->departures = convis_obtain(m->context, (size_t)most_departures(m)*sizeof *s->departures);
    s->gathered = convis_obtain(m->context, bytes_of(m->sub_chunk*largest));
    return s->departures && s->gathered ? CONVIS_OK : CONVIS_ENOMEM;
}

static convis_real *obtain_here(const convis_model *m, int64_t n, convis_status *status)
{
    convis_real *memory = *status || m->counting ? NULL : convis_obtain(m->context, bytes_of(n));
    if (!memory && !m->counting) *status = CONVIS_ENOMEM;
    return memory;
}

static void add_departure(convis_model *m, departure d, convis_status *status)
{
    struct convis_staging *s = m->staging;
    for (int k = 0; k < 2; k++) d.place[k] = convis_model_numbers(m, m->sub_chunk*d.n, status);
    if (d.local) d.to = obtain_here(m, m->sub_chunk*d.n, status);
    if (!m->counting) s->departures[s->departure_count++] = d;
}

static void add_probed(convis_model *m, buffer *b, convis_status *status)
{
    if (!b->probed || b->whole) return;
    b->host = obtain_here(m, m->chunk.dim[CONVIS_T]*b->n, status);
    add_departure(m, (departure){ .from = b, .to = b->host, .n = b->n }, status);
}

static void add_spiking(convis_model *m, model_layer *l, convis_status *status)
{
    add_departure(m, (departure){ .from = &l->out, .n = l->out.n, .local = 1 }, status);
    for (int k = 0; k < l->type->tape; k++)
        add_departure(m, (departure){ .from = &l->out, .tape = &l->pass.tape[k], .n = l->tape_n[k], .local = 1 }, status);
}

void convis_staging_allocate(convis_model *m, convis_status *status)
{
    int64_t spare = CONVIS_SPARE;
    if (m->device->type->host_visible) return;
    for (int k = 0; k < m->input_count; k++)
        for (int j = 0; j < 2; j++) m->inputs[k].upload[j] = convis_model_numbers(m, m->sub_chunk*m->inputs[k].frames.n, status);
    for (int j = 0; j < convis_buffer_count(m); j++) {
        const buffer *b = convis_buffer_at(m, j);
        const int64_t frames = b->history > m->sub_chunk ? b->history : m->sub_chunk;
        if ((b->history || b->active) && frames*b->n > spare) spare = frames*b->n;
    }
    m->spare = convis_model_numbers(m, spare, status);
    for (int j = 0; j < m->count; j++) {
        model_layer *l = &m->layers[j];
        add_probed(m, &l->out, status);
        for (int k = 0; k < l->extras; k++) add_probed(m, &l->extra[k], status);
        if (m->record_spikes && convis_is_spiking(l)) add_spiking(m, l, status);
    }
}

void convis_staging_close(convis_model *m)
{
    struct convis_staging *s = m->staging;
    if (!s) return;
    for (int k = 0; k < s->departure_count; k++) {
        for (int j = 0; j < 2; j++) convis_model_release(m, s->departures[k].place[j]);
        if (s->departures[k].local) convis_release(m->context, s->departures[k].to);
    }
    convis_release(m->context, s->departures);
    convis_release(m->context, s->gathered);
    convis_release(m->context, s);
    m->staging = NULL;
}

/* ---- In ---- */

static void gather(const buffer *b, convis_tensor from, const slice *u, convis_real *to)
{
    convis_tensor_copy(convis_frames_view(b, to, u->frames), convis_slice(from, CONVIS_T, u->t0, u->t0 + u->frames));
}

static void upload(convis_model *m, model_input *i, const slice *u)
{
    convis_device *d = m->device;
    const int64_t n = u->frames*i->frames.n;
    const convis_real *from = i->given.data + u->t0*i->frames.n;
    convis_real *place = i->upload[turn_of(m, u->t0)];
    if (!i->in_order) gather(&i->frames, i->given, u, m->staging->gathered);
    convis_device_put(d, CONVIS_QUEUE_IN, place, i->in_order ? from : m->staging->gathered, bytes_of(n));
    convis_device_order(d, CONVIS_QUEUE_IN, CONVIS_QUEUE_RUN);
    convis_device_copy(d, convis_frames_at(&i->frames, u->t0, 0), place, bytes_of(n));
    convis_device_order(d, CONVIS_QUEUE_RUN, CONVIS_QUEUE_IN);               /* whose next but one needs this place */
}

void convis_stage_in(convis_model *m, slice *u)
{
    int moved = 0;
    for (int k = 0; k < m->input_count; k++) {
        model_input *i = &m->inputs[k];
        if (i->frames.direct) continue;
        if (!moved++) convis_slice_meet(u, ANYTHING);
        if (u->thread) continue;
        if (m->staging) upload(m, i, u);
        else gather(&i->frames, i->given, u, convis_frames_at(&i->frames, u->t0, 0));
    }
}

/* ---- Out ---- */

void convis_stage_out(convis_model *m, const slice *u)
{
    const struct convis_staging *s = m->staging;
    for (int j = 0; s && j < s->departure_count; j++) {
        const departure *d = &s->departures[j];
        const convis_real *from = d->tape ? *d->tape + (d->from->active ? u->t0*d->n : 0) : convis_frames_at(d->from, u->t0, 0);
        convis_device_copy(m->device, d->place[turn_of(m, u->t0)], from, bytes_of(u->frames*d->n));
    }
    if (s && s->departure_count) convis_device_order(m->device, CONVIS_QUEUE_RUN, CONVIS_QUEUE_OUT);
}

static void download(convis_model *m, const slice *u)
{
    const struct convis_staging *s = m->staging;
    for (int j = 0; j < s->departure_count; j++) {
        const departure *d = &s->departures[j];
        convis_device_get(m->device, CONVIS_QUEUE_OUT, d->to + (d->local ? 0 : u->t0*d->n), d->place[turn_of(m, u->t0)],
                          bytes_of(u->frames*d->n));
    }
}

int convis_stage_arrived(convis_model *m, const slice *u, int k, slice *arrived)
{
    struct convis_staging *s = m->staging;
    const int is_last = u->t0 + u->frames == m->running;
    if (!s) {
        *arrived = *u;
        return k == 0;
    }
    if (k > is_last) return 0;
    *arrived = s->last;
    s->last = k == 0 ? *u : (slice){ .frames = 0 };
    if (arrived->frames) download(m, arrived);
    if (m->device->status) arrived->frames = 0;
    return 1;
}

void convis_staged_spikes(const convis_model *m, const model_layer *l, convis_pass *p)
{
    const struct convis_staging *s = m->staging;
    for (int k = 0; s && k < s->departure_count; k++) {
        const departure *d = &s->departures[k];
        if (!d->local || d->from != &l->out) continue;
        if (d->tape) p->tape[d->tape - l->pass.tape] = d->to;
        else p->out = d->to;
    }
}

const convis_real *convis_stage_back(const convis_model *m, const convis_real *from, int64_t n)
{
    return convis_host_reach(m->device, from, n, m->staging ? m->staging->gathered : NULL);
}

convis_status convis_stage_fetch(convis_model *m, buffer *b, convis_real **frames)
{
    *frames = b->base + b->history*b->n;
    if (m->device->type->host_visible) return CONVIS_OK;
    if (!b->host && !(b->host = convis_obtain(m->context, bytes_of(m->chunk.dim[CONVIS_T]*b->n)))) return CONVIS_ENOMEM;
    if (b->whole && !b->fetched) {
        convis_device_get(m->device, CONVIS_QUEUE_RUN, b->host, *frames, bytes_of(m->ran*b->n));
        b->fetched = 1;
    }
    *frames = b->host;
    return convis_device_sync(m->device);
}
