/* remote_run.c - the loop from the first layer to the last, on a device.
 *
 * While the device computes a sub-chunk, the next one's frames travel there and the last one's results come back: three
 * queues, ordered where one needs another. Layers launch their kernels in order; nothing waits but for what comes back. Layers that
 * loop over time launch many, which costs the processor more than they cost a card: where the device can, those of a pass are kept,
 * and replayed when one like it comes (convis_layer_type.replayable). */
#include "remote.h"
#include "run.h"
#include <string.h>

/* ---- One layer ---- */

/* A work-item takes a pixel through all frames; where no frame needs another, each frame's pixel has its own. */
static void run_pointwise(const model_layer *l, const convis_pass *p)
{
    void *v[2 + CONVIS_MAX_INPUTS + CONVIS_MAX_OUTPUTS + CONVIS_MAX_STATES + CONVIS_MAX_TAPE];
    const int64_t n = l->type->instant ? l->out.n*p->frames : l->out.n;
    convis_span span = convis_span_of(p, 0, n, n, n);
    if (l->type->instant) span.nt = 1;
    convis_forward_buffers(l, p, p->in, p->out, v);
    convis_remote_run_kernel(p, l->type->pointwise, v, &span);
}

static pass_key key_of(const convis_pass *p)
{
    pass_key key;
    memset(&key, 0, sizeof key);
    for (int k = 0; k < CONVIS_MAX_INPUTS; k++)  key.in[k] = p->in[k];
    for (int k = 0; k < CONVIS_MAX_OUTPUTS; k++) key.extra[k] = p->extra[k];
    for (int k = 0; k < CONVIS_MAX_STATES; k++)  key.state[k] = p->state[k];
    for (int k = 0; k < CONVIS_MAX_TAPE; k++)    key.tape[k] = p->tape[k];
    key.out = p->out;
    key.scratch = p->scratch;
    key.frames = p->frames;
    key.dt = p->dt;
    return key;
}

/* What was kept of a pass like this, or room for it, which was met longest ago; *met: it was met before. */
static kept_pass *find_kept(struct convis_there *t, const pass_key *key, int *met)
{
    kept_pass *const first = &t->passes[0], *const second = &t->passes[1];
    *met = !memcmp(&first->key, key, sizeof *key);
    if (*met) return first;
    const kept_pass last = *first;
    *first = *second;
    *second = last;
    *met = !memcmp(&first->key, key, sizeof *key);
    if (*met) return first;
    convis_device_forget(t->device, first->kept);
    *first = (kept_pass){ .key = *key };
    return first;
}

/* 0: forward must be called. The first time it is, so that all kernels are compiled and loaded, which cannot be done while recording. */
static int replay(const model_layer *l, convis_pass *p)
{
    struct convis_there *t = p->there;
    int met = 0;
    if (!l->type->replayable || t->always_run || !t->device->type->record) return 0;
    const pass_key key = key_of(p);
    kept_pass *k = find_kept(t, &key, &met);
    if (!met) return 0;
    if (!k->kept && convis_device_record(t->device)) {
        l->type->forward(p);
        k->kept = convis_device_recorded(t->device);
    }
    t->always_run = !k->kept || !convis_device_replay(t->device, k->kept);
    return !t->always_run;
}

static void run_layer(const convis_model *m, const model_layer *l, const turn *u)
{
    convis_pass p = convis_pass_of(m, l, u);
    if (l->type->pointwise) run_pointwise(l, &p);
    else if (!replay(l, &p)) l->type->forward(&p);
}

/* ---- What arrives ---- */

/* Frames t0 .. of the movie, as they lie or gathered, to the k-th landing and from there to the input's buffer. */
static void land(convis_model *m, convis_tensor in, const turn *u, int gathered, int64_t k)
{
    struct convis_remote *r = m->remote;
    const size_t bytes = (size_t)(u->frames*m->input.n)*sizeof(convis_real);
    const convis_real *from = in.data + u->t0*m->input.n;
    if (gathered) {
        convis_tensor_copy(convis_frames_view(&m->input, r->gathered, u->frames), convis_slice(in, CONVIS_T, u->t0, u->t0 + u->frames));
        from = r->gathered;
    }
    convis_device_put(r->device, CONVIS_QUEUE_IN, r->landing[k & 1], from, bytes);
    convis_device_order(r->device, CONVIS_QUEUE_IN, CONVIS_QUEUE_RUN);
    convis_device_copy(r->device, convis_frames_at(&m->input, u->t0), r->landing[k & 1], bytes);
    convis_device_order(r->device, CONVIS_QUEUE_RUN, CONVIS_QUEUE_IN);       /* whose next but one needs this landing */
}

/* ---- What leaves ---- */

static void rest(convis_model *m, const turn *u, int64_t k)
{
    struct convis_remote *r = m->remote;
    for (int j = 0; j < r->departure_count; j++) {
        const departure *d = &r->departures[j];
        const convis_real *from = d->tape ? *d->tape + (d->from->active ? u->t0*d->n : 0) : convis_frames_at(d->from, u->t0);
        convis_device_copy(r->device, d->rest[k & 1], from, (size_t)(u->frames*d->n)*sizeof *from);
    }
    if (r->departure_count) convis_device_order(r->device, CONVIS_QUEUE_RUN, CONVIS_QUEUE_OUT);
}

/* Its spikes, read from where its output and tape have come to. */
static void find_spikes(convis_model *m, const turn *u, int *ok)
{
    const struct convis_remote *r = m->remote;
    int64_t from = m->spike_count, unit = 0;
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        if (!convis_is_spiking(l)) continue;
        convis_pass p = convis_pass_of(m, l, u);
        for (int k = 0; k < r->departure_count; k++) {
            const departure *d = &r->departures[k];
            if (!d->local || d->from != &l->out) continue;
            if (d->tape) p.tape[d->tape - l->pass.tape] = d->to;
            else p.out = d->to;
        }
        if (!convis_layer_spikes(m, l, &p, u, unit)) *ok = 0;
        unit += l->out.n;
    }
    convis_sort_spikes(m, from);
}

static void depart(convis_model *m, const turn *u, int64_t k, int *ok)
{
    struct convis_remote *r = m->remote;
    for (int j = 0; j < r->departure_count; j++) {
        const departure *d = &r->departures[j];
        convis_device_get(r->device, CONVIS_QUEUE_OUT, d->to + (d->local ? 0 : u->t0*d->n), d->rest[k & 1],
                          (size_t)(u->frames*d->n)*sizeof *d->to);
    }
    if (m->record_spikes && !r->device->status) find_spikes(m, u, ok);
}

/* ---- A chunk ---- */

/* chunk: its frames in all. */
static void carry(const convis_model *m, buffer *b, const turn *u, int64_t chunk)
{
    const int64_t end = convis_carried_from(b, u->t0, u->frames, chunk);
    if (end < 0) return;
    if (b->before) convis_device_copy(m->remote->device, b->before, b->base, (size_t)(b->carry*b->n)*sizeof *b->base);
    convis_remote_move(m, b->base, b->base + end*b->n, b->carry*b->n);
}

convis_status convis_remote_run(convis_model *m, convis_tensor in, int gathered)
{
    struct convis_team team = { .threads = 1 };
    turn last = { .team = &team }, u = { .team = &team };
    const int64_t frames = in.shape.dim[CONVIS_T];
    int64_t k = 0;
    int ok = 1;
    for (int j = 0; j <= m->count; j++) convis_source(m, (convis_node){ j })->fetched = 0;
    for (; u.t0 < frames; last = u, u.t0 += u.frames, k++) {
        u.frames = (int)(frames - u.t0 < m->batch ? frames - u.t0 : m->batch);
        land(m, in, &u, gathered, k);
        for (int s = 0; s < m->segment_count; s++)
            for (int j = 0; j < m->segments[s].count; j++) run_layer(m, &m->layers[m->segments[s].first + j], &u);
        rest(m, &u, k);
        carry(m, &m->input, &u, frames);
        for (int j = 0; j < m->count; j++) carry(m, &m->layers[j].out, &u, frames);
        if (k) depart(m, &last, k - 1, &ok);
    }
    if (k) depart(m, &last, k - 1, &ok);
    convis_status status = convis_device_sync(m->remote->device);
    return status ? status : ok ? CONVIS_OK : CONVIS_ENOMEM;
}

convis_status convis_remote_fetch(convis_model *m, buffer *b)
{
    if (!b->whole || b->fetched) return CONVIS_OK;
    if (!b->host && !(b->host = convis_obtain(m->context, (size_t)(m->chunk.dim[CONVIS_T]*b->n)*sizeof *b->host))) return CONVIS_ENOMEM;
    convis_device_get(m->remote->device, CONVIS_QUEUE_RUN, b->host, b->base + b->carry*b->n, (size_t)(m->ran*b->n)*sizeof *b->host);
    b->fetched = 1;
    return convis_device_sync(m->remote->device);
}
