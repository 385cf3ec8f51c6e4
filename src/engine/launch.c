/* launch.c - what layers call: kernels by name, with buffers, on any device; barriers; small copies.
 *
 * Layers that loop over time launch many kernels, which costs the processor more than they cost a GPU: where the device
 * can, the launches of a pass are captured, and replayed for the next pass like it (convis_layer_type.capturable). */
#include "run.h"
#include "launch.h"
#include <string.h>

/* ---- Passes ---- */

static const convis_real *input_at(const convis_model *m, const convis_edge *e, int64_t t0)
{
    const buffer *b = convis_source(m, e->from);
    return b->direct ? b->direct + t0*b->n : convis_frames_at(b, t0, e->delay);
}

convis_pass convis_pass_of(const convis_model *m, const model_layer *l, const slice *u)
{
    convis_pass p = l->pass;
    p.frame = m->frame + u->t0;
    p.frames = u->frames;
    for (int j = 0; j < p.inputs; j++) p.in[j] = input_at(m, &l->in[j], u->t0);
    p.out = convis_frames_at(&l->out, u->t0, 0);
    for (int k = 0; k < l->extras; k++) p.extra[k] = convis_frames_at(&l->extra[k], u->t0, 0);
    p.epoch = m->epoch;
    for (int k = 0; k < CONVIS_MAX_TAPE; k++) {
        if (!l->recorded) p.tape[k] = NULL;
        else if (l->out.active && p.tape[k]) p.tape[k] += u->t0*l->tape_n[k];
    }
    p.thread = u->thread;
    p.threads = u->barrier->threads;
    p.barrier = u->barrier;
    return p;
}

/* ---- Kernels ---- */

convis_span convis_span_of(const convis_pass *p, int64_t i0, int64_t i1, int64_t n, int64_t map_size)
{
    return (convis_span){
        i0, i1, n, map_size, p->frames, (convis_real)p->dt, (uint32_t)p->frame, (uint32_t)p->key, (uint32_t)(p->key >> 32), NULL
    };
}

/* An address in a mirrored block becomes that in its copy. */
static void *translate(const struct convis_place *place, void *address)
{
    const mirror *const mirrors[] = { &place->constants, &place->numbers };
    for (int k = 0; k < 2; k++)
        if (mirrors[k]->bytes && (const char *)address >= mirrors[k]->host &&
            (const char *)address < mirrors[k]->host + mirrors[k]->bytes)
            return mirrors[k]->copy + ((const char *)address - mirrors[k]->host);
    return address;
}

void convis_place_launch(const struct convis_place *place, const convis_device_kernel *k, void *const *buffers,
                         const convis_span *span, int64_t groups, int group_size)
{
    void *v[CONVIS_KERNEL_BUFFERS];
    if (place->device->type->host_visible) {
        convis_device_launch(place->device, k, buffers, span, groups, group_size);
        return;
    }
    for (int j = 0; j < k->buffers; j++) v[j] = translate(place, buffers[j]);
    convis_device_launch(place->device, k, v, span, groups, group_size);
}

static const convis_device_kernel *find(const convis_pass *p, convis_program *program, const char *name)
{
    convis_device *d = p->place->device;
    const convis_device_kernel *k = program ? convis_program_kernel(d, program, name) : NULL;
    if (!k && !d->status && !p->thread)
        convis_device_fault(d, CONVIS_ENOTSUP, "%s: there is no kernel '%s' for this device", p->path, name);
    return k;
}

/* The elements from..to - 1 that are this thread's. */
static void launch(const convis_pass *p, const char *kernel, int64_t from, int64_t to, int64_t n, int frames,
                   void *const *buffers, const void *block)
{
    const convis_device_kernel *k = from < to ? find(p, p->place->program, kernel) : NULL;
    convis_span span = convis_span_of(p, from, to, n, n);
    span.nt = frames;
    span.block = block;
    if (k) convis_place_launch(p->place, k, buffers, &span, 0, 0);
}

void convis_launch(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers)
{
    convis_launch_with(p, kernel, n, frames, buffers, NULL);
}

void convis_launch_with(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers, const void *block)
{
    const int64_t groups = (n + 63)/64, from = groups*p->thread/p->threads*64, to = groups*(p->thread + 1)/p->threads*64;
    launch(p, kernel, from, to < n ? to : n, n, frames, buffers, block);
    convis_barrier(p);
}

void convis_launch_items(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers, const void *block)
{
    launch(p, kernel, n*p->thread/p->threads, n*(p->thread + 1)/p->threads, n, frames, buffers, block);
    convis_barrier(p);
}

void convis_launch_rows(const convis_pass *p, const char *kernel, convis_shape frame, int64_t y0, int64_t y1,
                        void *const *buffers)
{
    const int64_t w = frame.dim[CONVIS_X], h = frame.dim[CONVIS_Y], n = convis_elements(frame);
    if (y1 - y0 == h) launch(p, kernel, 0, n, n, 1, buffers, NULL);
    else if (y0 < y1) for (int64_t at = 0; at < n; at += w*h) launch(p, kernel, at + y0*w, at + y1*w, n, 1, buffers, NULL);
}

void convis_launch_text(const convis_pass *p, const convis_gpu_text *text, const char *kernel, int64_t n, int frames,
                        void *const *buffers, const void *block, int64_t groups, int group_size)
{
    const convis_device_kernel *k =
        find(p, convis_device_program(p->place->device, text->name, text->source, text->kernels), kernel);
    convis_span span = convis_span_of(p, 0, n, n, n);
    span.nt = frames;
    span.block = block;
    if (k) convis_place_launch(p->place, k, buffers, &span, groups, group_size);
}

/* ---- Threads ---- */

void convis_barrier(const convis_pass *p)
{
    if (p->threads > 1) convis_barrier_wait(p->barrier);
}

int64_t convis_share(int64_t lines, int thread, int threads)
{
    int64_t at = (lines + 31)/32*thread/threads*32;
    return at < lines ? at : lines;
}

/* ---- Copies ---- */

void convis_download(const convis_pass *p, void *to, const void *from, size_t bytes)
{
    convis_device_get(p->place->device, CONVIS_QUEUE_RUN, to, from, bytes);
}

void convis_upload(const convis_pass *p, void *to, const void *from, size_t bytes)
{
    convis_device_put(p->place->device, CONVIS_QUEUE_RUN, to, from, bytes);
}

void convis_zero(const convis_pass *p, void *to, size_t bytes)
{
    if (p->thread == 0) convis_device_zero(p->place->device, to, bytes);
}

void convis_copy(const convis_pass *p, convis_real *to, const convis_real *from, int64_t n)
{
    convis_device_copy(p->place->device, to, from, (size_t)n*sizeof *to);
}

int convis_host_visible(const convis_context *c) { return c->device->type->host_visible; }

/* ---- Captures ---- */

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

/* The capture of a pass like this, or the place of the one least recently used; *met: it was used before. */
static capture *find_capture(struct convis_place *place, const pass_key *key, int *met)
{
    capture *const first = &place->passes[0], *const second = &place->passes[1];
    *met = !memcmp(&first->key, key, sizeof *key);
    if (*met) return first;
    const capture last = *first;
    *first = *second;
    *second = last;
    *met = !memcmp(&first->key, key, sizeof *key);
    if (*met) return first;
    convis_device_forget(place->device, first->launches);
    *first = (capture){ .key = *key };
    return first;
}

/* 0: forward must be called. The first pass calls it, so that all kernels are compiled and loaded, which is impossible while recording. */
static int replay(const model_layer *l, convis_pass *p, convis_status *status)
{
    struct convis_place *place = p->place;
    int met = 0;
    if (!l->type->capturable || place->always_run || !place->device->type->record) return 0;
    const pass_key key = key_of(p);
    capture *k = find_capture(place, &key, &met);
    if (!met) return 0;
    if (!k->launches && convis_device_record(place->device)) {
        *status = l->type->forward(p);
        k->launches = convis_device_recorded(place->device);
    }
    place->always_run = !k->launches || !convis_device_replay(place->device, k->launches);
    return !place->always_run;
}

/* ---- Layers that launch themselves ---- */

/* Of several that fail one is remembered. */
static void note(convis_model *m, const model_layer *l, convis_status status, unsigned failures)
{
    int none = 0;
    if (!status) return;
    if (m->context->failures == failures) convis_fail(m->context, status, "%s: %s", l->name, convis_strerror(status));
    if (__atomic_compare_exchange_n(&m->failed, &none, (int)status, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) m->culprit = l;
}

/* Some are called by one thread for all. */
static int is_called(const model_layer *l, convis_pass *p, struct convis_barrier *alone)
{
    if (!l->type->one_thread) return 1;
    if (p->thread) return 0;
    p->threads = alone->threads = 1;
    p->barrier = alone;
    return 1;
}

void convis_pass_forward(convis_model *m, const model_layer *l, convis_pass *p)
{
    struct convis_barrier alone = { .threads = 1 };
    const unsigned failures = m->context->failures;
    convis_status status = CONVIS_OK;
    if (!is_called(l, p, &alone)) return;
    if (!replay(l, p, &status)) status = l->type->forward(p);
    note(m, l, status, failures);
}

void convis_pass_vjp(convis_model *m, const model_layer *l, convis_pass *p)
{
    struct convis_barrier alone = { .threads = 1 };
    const unsigned failures = m->context->failures;
    if (is_called(l, p, &alone)) note(m, l, l->type->vjp(p), failures);
}

convis_status convis_pass_status(const convis_model *m)
{
    return m->failed ? convis_blame(m, m->culprit, (convis_status)m->failed) : CONVIS_OK;
}
