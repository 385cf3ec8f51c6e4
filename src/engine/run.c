/* run.c - the forward pass, from the first layer to the last.
 *
 * A chunk is divided into sub-chunks. For each: frames are copied in, the layers run in order, probed outputs are copied out, and the last
 * frames become the history of the next. On a processor sub-chunks stay in cache, and a run of pointwise layers takes one tile of pixels through
 * all of its layers before it takes the next; all threads run the same loop and divide tiles, rows or columns among them; no result
 * depends on which thread did what. On a wide device there is one thread here, and one tile. */
#include "run.h"
#include "base/clock.h"
#include <string.h>
#ifdef CONVIS_HAVE_X86
#include <immintrin.h>
#endif

/* ---- One pass of one layer ---- */

/* What a pointwise kernel takes, in its order, to v. */
static void forward_buffers(const model_layer *l, const convis_pass *p, const convis_real *const *in, convis_real *out, void **v)
{
    *v++ = l->p;
    for (int j = 0; j < l->type->inputs; j++) *v++ = j < p->inputs ? (void *)(uintptr_t)in[j] : NULL;
    *v++ = out;
    for (int j = 0; j < l->extras; j++)       *v++ = p->extra[j];
    for (int j = 0; j < l->states; j++)       *v++ = p->state[j];
    for (int j = 0; j < l->type->tape; j++)   *v++ = p->tape[j];
}

/* One layer on one tile, with these inputs and output in place of the pass's own; n: elements from frame to frame. A wide device has
 * a work-item for every frame of a pixel, where no frame needs another. */
static void run_kernel(const model_layer *l, const convis_pass *p, const convis_real *const *in, convis_real *out, int64_t i0,
                       int64_t i1, int64_t n)
{
    void *v[2 + CONVIS_MAX_INPUTS + CONVIS_MAX_OUTPUTS + CONVIS_MAX_STATES + CONVIS_MAX_TAPE];
    convis_span span = convis_span_of(p, i0, i1, n, l->out.n);
    if (l->type->memoryless && !p->place->device->type->tiled) {
        span.i1 = span.n = span.map_size = n*p->frames;
        span.nt = 1;
    }
    forward_buffers(l, p, in, out, v);
    convis_place_launch(p->place, l->pointwise, v, &span, 0, 0);
}

/* ---- Tiles ---- */

static void copy_frames(convis_real *to, int64_t to_n, const convis_real *from, int64_t from_n, int64_t count, int frames)
{
    for (int t = 0; t < frames; t++) memcpy(to + t*to_n, from + t*from_n, (size_t)count*sizeof *to);
}

/* One layer of a tiled segment. A kernel counts pixels from the map's first, so a slot is passed as if it began
 * i0 elements earlier. Of a single frame nothing need be copied: where frames lie apart does not matter then. */
static void run_in_tile(const segment *g, const model_layer *l, const convis_pass *p, int64_t i0, int64_t i1, convis_real *slots,
                        int64_t room)
{
    int64_t n = p->frames > 1 ? g->tile : g->n;
    const convis_real *in[CONVIS_MAX_INPUTS];
    convis_real *out = p->out;
    for (int k = 0; k < p->inputs; k++) {
        convis_real *slot = slots + l->in_slot[k]*room;
        in[k] = p->in[k];
        if (l->copies_in[k] && p->frames > 1) copy_frames(slot, g->tile, p->in[k] + i0, g->n, i1 - i0, p->frames);
        if (p->frames > 1 || !in[k]) in[k] = (const convis_real *)((uintptr_t)slot - (uintptr_t)i0*sizeof *slot);
    }
    int own = p->frames > 1 || !out;
    if (own) out = (convis_real *)((uintptr_t)(slots + l->out.slot*room) - (uintptr_t)i0*sizeof *out);
    run_kernel(l, p, in, out, i0, i1, n);
    if (own && p->out) copy_frames(p->out + i0, g->n, slots + l->out.slot*room, g->tile, i1 - i0, p->frames);
}

static void run_segment(convis_model *m, const segment *g, slice *u)
{
    const model_layer *first = &m->layers[g->first];
    if (!first->type->pointwise) {
        convis_slice_meet(u, ANYTHING);
        convis_pass p = convis_pass_of(m, first, u);
        convis_pass_forward(m, first, &p);
        return;
    }
    int64_t from, to, room = m->sub_chunk*g->tile;
    convis_slice_meet(u, g->n);
    convis_slice_band(u, g->n, &from, &to);
    convis_real *slots = g->tiled ? g->scratch + u->thread*g->slots*room : NULL;
    convis_pass passes[LONGEST_SEGMENT];
    for (int j = 0; j < g->count; j++) passes[j] = convis_pass_of(m, first + j, u);
    for (int64_t i0 = from; i0 < to; i0 += g->tile)
        for (int j = 0; j < g->count; j++) {
            const convis_pass *p = &passes[j];
            const int64_t i1 = i0 + g->tile < to ? i0 + g->tile : to;
            if (g->tiled) run_in_tile(g, first + j, p, i0, i1, slots, room);
            else run_kernel(first + j, p, p->in, p->out, i0, i1, g->n);
        }
}

/* ---- A chunk ---- */

/* The last frames become the history of the next sub-chunk, where they do not already lie in front of it or in a ring. */
static void keep_history(const convis_model *m, buffer *b, const slice *u)
{
    if (b->ring || !b->history || !b->base || (b->whole && u->t0 + u->frames < m->running)) return;
    const int64_t n = b->history*b->n, end = (b->whole ? u->t0 : 0) + u->frames;
    if (b->before) convis_device_copy(m->device, b->before, b->base, (size_t)n*sizeof *b->base);
    convis_rows_move(m->device, b->base, b->base + end*b->n, (convis_rows){ 1, n, n }, m->spare);
}

/* Spikes are found where frames have arrived: those of this sub-chunk, or, from another device, of the one before. */
static void collect(convis_model *m, const slice *u)
{
    slice arrived;
    for (int k = 0; convis_stage_arrived(m, u, k, &arrived); k++) convis_collect_spikes(m, &arrived);
}

/* A run that is canceled becomes one of fewer frames: the next sub-chunk is its last, and ends as such. */
static void ask(convis_model *m, int64_t done)
{
    if (done >= m->running || m->canceled) return;
    m->canceled = convis_progress(m->context, "run", done, m->running);
    if (m->canceled && done + m->sub_chunk < m->running) m->running = done + m->sub_chunk;
}

/* There is something to be done when a sub-chunk has passed. */
static int ends_together(const convis_model *m)
{
    if (m->staging || m->record_spikes) return 1;
    for (int j = 0; j < convis_buffer_count(m); j++) {
        const buffer *b = convis_buffer_at(m, j);
        if (b->history && !b->ring) return 1;
    }
    return 0;
}

static void run_sub_chunks(convis_model *m, slice *u, int64_t first, int64_t last)
{
    for (int64_t k = first; k < last && !convis_pass_stops(m, u); k++) {
        u->t0 = k*m->sub_chunk;
        u->frames = (int)(m->running - u->t0 < m->sub_chunk ? m->running - u->t0 : m->sub_chunk);
        convis_stage_in(m, u);
        for (int s = 0; s < m->segment_count; s++) run_segment(m, &m->segments[s], u);
        if (!ends_together(m)) continue;
        convis_slice_meet(u, ANYTHING);
        if (u->thread) continue;
        convis_stage_out(m, u);
        for (int j = 0; j < convis_buffer_count(m); j++) keep_history(m, convis_buffer_at(m, j), u);
        collect(m, u);
    }
}

/* keep: further inputs stay given for the next run. */
static convis_status run_given(convis_model *m, convis_tensor movie, int keep)
{
    if (convis_refuse(m)) return m->status;
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned before it runs");
    convis_status status = convis_progress(m->context, "run", 0, movie.shape.dim[CONVIS_T]);
    if (!status) status = convis_take_inputs(m, movie, keep);
    if (!status) status = convis_prepare(m);
    if (status) return status;
    if (!keep && (status = convis_bind_outputs(m, movie.shape.dim[CONVIS_T]))) return status;
    m->canceled = CONVIS_OK;
    m->running = movie.shape.dim[CONVIS_T];
    m->spike_count = m->spikes_lost = 0;
    m->failed = 0;
    for (int j = 0; j < m->count; j++) {
        m->layers[j].out.fetched = 0;
        for (int k = 0; k < m->layers[j].extras; k++) m->layers[j].extra[k].fetched = 0;
    }
    convis_run_paced(m, &m->forward, &m->running, run_sub_chunks, ask);
    convis_leave_inputs(m, keep);
    const convis_status failed = convis_pass_status(m);
    m->ran = failed ? 0 : m->running;
    for (int j = 0; j < convis_buffer_count(m); j++) {
        buffer *b = convis_buffer_at(m, j);
        if (b->ring) b->phase = (int)((b->phase + m->ran) % b->ring);
    }
    m->taped = !failed;
    m->frame += m->ran;
    status = convis_device_sync(m->device);
    if (!keep) {
        const convis_status returned = convis_unbind_outputs(m);
        if (!status) status = returned;
    }
    if (failed) return failed;
    if (m->canceled && !status && !m->spikes_lost)
        return convis_fail(m->context, CONVIS_ECANCELED, "run: canceled after %lld of %lld frames", (long long)m->ran,
                           (long long)movie.shape.dim[CONVIS_T]);
    return status ? status : m->spikes_lost ? CONVIS_ENOMEM : m->canceled;
}

convis_status convis_run(convis_model *m, convis_tensor in)
{
    CONVIS_NEEDS(m);
    return run_given(m, in, 0);
}

convis_status convis_run_memory(convis_model *m, const convis_memory *in)
{
    convis_tensor frames;
    CONVIS_NEEDS(m, in);
    if (convis_refuse(m)) return m->status;
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned before it runs");
    const convis_status status = convis_take_numbers(m, m->inputs, in, &frames);
    return status ? status : convis_run(m, frames);
}

convis_status convis_settle(convis_model *m, convis_tensor in, int64_t steps)
{
    CONVIS_NEEDS(m);
    const int64_t apart = (int64_t)1 << 30;              /* its own noise: that of frames which no run reaches */
    if (convis_refuse(m)) return m->status;
    if (m->frame)
        return convis_fail(m->context, CONVIS_ESTATE, "the model has seen %lld frames; it settles before the first",
                           (long long)m->frame);
    if (steps < 0 || steps > apart || in.shape.dim[CONVIS_T] < 1)
        return convis_fail(m->context, CONVIS_EINVAL, "settling for %lld steps on %lld frames, expected 0 to %lld on 1 or more",
                           (long long)steps, (long long)in.shape.dim[CONVIS_T], (long long)apart);
    convis_status status = CONVIS_OK;
    m->frame = apart;
    for (int64_t k = 0; k < steps && !status; k++) {
        status = convis_progress(m->context, "settle", k, steps);
        m->context->undisturbed++;
        if (!status) status = run_given(m, convis_slice(in, CONVIS_T, 0, 1), 1);
        m->context->undisturbed--;
    }
    m->epoch++;
    m->frame = m->ran = m->taped = 0;
    m->spike_count = 0;
    return status;
}

/* ---- Threads ---- */

/* Decaying states would end in denormal numbers, a hundred times slower; every worker flushes them to zero. */
static unsigned flush_denormals(void)
{
#ifdef CONVIS_HAVE_X86
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

static void restore_denormals(unsigned before)
{
#ifdef CONVIS_HAVE_X86
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

/* With fewer pixels a thread, barriers cost more than threads save. */
enum { LEAST_SHARE = 2048 };

static int useful_threads(const convis_model *m)
{
    int64_t most = 0;
    for (int k = 0; k < m->input_count; k++) if (m->inputs[k].frames.n > most) most = m->inputs[k].frames.n;
    for (int s = 0; s < m->segment_count; s++) if (m->segments[s].n > most) most = m->segments[s].n;
    int64_t useful = most/LEAST_SHARE;
    return useful < 1 ? 1 : useful < m->threads ? (int)useful : m->threads;
}

/* Sub-chunks first..last - 1, by all threads of a call. */
typedef struct stretch { convis_model *m; void (*pass)(convis_model *, slice *, int64_t, int64_t); int64_t first, last; } stretch;

static void run_stretch(struct convis_barrier *barrier, int thread, void *user)
{
    const stretch *w = user;
    slice u = { .thread = thread, .barrier = barrier };
    unsigned before = flush_denormals();
    w->pass(w->m, &u, w->first, w->last);
    restore_denormals(before);
}

void convis_run_paced(convis_model *m, pace *p, const int64_t *frames, void (*pass)(convis_model *, slice *, int64_t, int64_t),
                      void (*between)(convis_model *, int64_t done))
{
    const int most = useful_threads(m), watched = between && m->context->progress;
    stretch w = { .m = m, .pass = pass };
    for (int64_t all; w.first < (all = (*frames + m->sub_chunk - 1)/m->sub_chunk) && !m->failed; w.first = w.last) {
        w.last = most > 1 ? w.first + convis_pace_stretch(p, m->sub_chunk) : watched ? w.first + 1 : all;
        if (w.last > all) w.last = all;
        const double start = most > 1 ? convis_seconds() : 0;
        const double slept = convis_threads_call(m->context, most > 1 ? convis_pace_threads(p, most) : 1, run_stretch, &w);
        const int64_t end = w.last*m->sub_chunk < *frames ? w.last*m->sub_chunk : *frames;
        if (most > 1) convis_pace_note(p, most, end - w.first*m->sub_chunk, convis_seconds() - start, slept);
        if (watched) between(m, end);
    }
}

/* ---- What comes out ---- */

convis_status convis_output_shape(const convis_model *m, const char *path, convis_shape *frame)
{
    CONVIS_NEEDS(m, path, frame);
    const buffer *b = convis_find_output(m, path, NULL);
    if (!b) return CONVIS_ENAME;
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "%s: its shape is known once the model is planned", path);
    *frame = b->shape;
    return CONVIS_OK;
}

convis_status convis_output(convis_model *m, const char *path, convis_tensor *out)
{
    CONVIS_NEEDS(m, path, out);
    convis_real *frames;
    buffer *b = convis_find_output(m, path, NULL);
    if (!b) return CONVIS_ENAME;
    if (!m->planned || !b->probed)
        return convis_fail(m->context, CONVIS_ESTATE, "%s: its output was not probed (convis_probe)", path);
    convis_status status = CONVIS_OK;
    if (b->bound) frames = b->to.data;                    /* the run wrote there */
    else status = convis_stage_fetch(m, b, &frames);
    if (!status) *out = convis_frames_view(b, frames, m->ran);
    return status;
}

const char *convis_method(const convis_model *m, int layer)
{
    CONVIS_NEEDS_ELSE(NULL, m);
    if (!m->planned || layer < 0 || layer >= m->count || !m->layers[layer].type->method) return NULL;
    return m->layers[layer].type->method(&m->layers[layer].pass);
}

int64_t convis_frame(const convis_model *m)
{
    CONVIS_NEEDS_ELSE(0, m);
    return m->frame;
}
