/* run.c - the forward pass, from the first layer to the last.
 *
 * A chunk is divided into sub-chunks. For each: frames are copied in, the layers run in order, probed outputs are copied out, and the last
 * frames become the history of the next. On a processor sub-chunks stay in cache, and a run of pointwise layers takes one tile of pixels through
 * all of its layers before it takes the next; all threads run the same loop and divide tiles, rows or columns among them; no result
 * depends on which thread did what. On a wide device there is one thread here, and one tile. */
#include "run.h"
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif
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

static void run_segment(const convis_model *m, const segment *g, const slice *u)
{
    const model_layer *first = &m->layers[g->first];
    if (!first->type->pointwise) {
        convis_pass p = convis_pass_of(m, first, u);
        convis_pass_forward(first, &p);
        convis_slice_barrier(u);
        return;
    }
    int64_t from, to, room = m->sub_chunk*g->tile;
    convis_slice_tiles(u, g, &from, &to);
    convis_real *slots = g->tiled ? g->scratch + u->thread*g->slots*room : NULL;
    convis_pass passes[LONGEST_SEGMENT];
    for (int j = 0; j < g->count; j++) passes[j] = convis_pass_of(m, first + j, u);
    for (int64_t k = from; k < to; k++)
        for (int j = 0; j < g->count; j++) {
            const convis_pass *p = &passes[j];
            int64_t i0 = k*g->tile, i1 = i0 + g->tile < g->n ? i0 + g->tile : g->n;
            if (g->tiled) run_in_tile(g, first + j, p, i0, i1, slots, room);
            else run_kernel(first + j, p, p->in, p->out, i0, i1, g->n);
        }
    convis_slice_barrier(u);
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

static void run_chunk(convis_model *m, slice *u, void *user)
{
    (void)user;
    for (u->t0 = 0; u->t0 < m->running; u->t0 += m->sub_chunk) {
        u->frames = (int)(m->running - u->t0 < m->sub_chunk ? m->running - u->t0 : m->sub_chunk);
        convis_stage_in(m, u);
        for (int s = 0; s < m->segment_count; s++) run_segment(m, &m->segments[s], u);
        if (u->thread == 0) {
            convis_stage_out(m, u);
            for (int j = 0; j < convis_buffer_count(m); j++) keep_history(m, convis_buffer_at(m, j), u);
            collect(m, u);
            ask(m, u->t0 + u->frames);
        }
        convis_slice_barrier(u);
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
    if (!keep && (status = convis_lend_outputs(m, movie.shape.dim[CONVIS_T]))) return status;
    m->canceled = CONVIS_OK;
    m->running = movie.shape.dim[CONVIS_T];
    m->spike_count = m->spikes_lost = 0;
    for (int j = 0; j < m->count; j++) {
        m->layers[j].out.fetched = 0;
        for (int k = 0; k < m->layers[j].extras; k++) m->layers[j].extra[k].fetched = 0;
    }
    convis_threads_run(m, m->running, run_chunk, NULL);
    convis_leave_inputs(m, keep);
    m->ran = m->running;
    for (int j = 0; j < convis_buffer_count(m); j++) {
        buffer *b = convis_buffer_at(m, j);
        if (b->ring) b->phase = (int)((b->phase + m->ran) % b->ring);
    }
    m->taped = 1;
    m->frame += m->ran;
    status = convis_device_sync(m->device);
    if (!keep) {
        const convis_status returned = convis_return_outputs(m);
        if (!status) status = returned;
    }
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

/* With fewer pixels a thread, barriers cost more than threads save. Where other programs use the processors, threads sleep at
 * most barriers, and one thread is much faster: then runs have one thread for a while, longer each time that another try is as
 * slow. No result depends on it. */
enum { LEAST_SHARE = 2048, ALONE_FIRST = 8, ALONE_LONGEST = 128 };

static void judge(convis_model *m, struct convis_barrier *barrier, int64_t frames)
{
    if (barrier->threads == 1) return;
    if (atomic_load(&barrier->sleeps) <= frames + 4) { m->alone_next = 0; return; }
    m->alone_next = m->alone_next ? 2*m->alone_next : ALONE_FIRST;
    if (m->alone_next > ALONE_LONGEST) m->alone_next = ALONE_LONGEST;
    m->alone = m->alone_next;
}

static int useful_threads(convis_model *m)
{
    if (m->alone > 0) { m->alone--; return 1; }
    int64_t most = 0;
    for (int k = 0; k < m->input_count; k++) if (m->inputs[k].frames.n > most) most = m->inputs[k].frames.n;
    for (int s = 0; s < m->segment_count; s++) if (m->segments[s].n > most) most = m->segments[s].n;
    int64_t useful = most/LEAST_SHARE;
    return useful < 1 ? 1 : useful < m->threads ? (int)useful : m->threads;
}

void convis_threads_run(convis_model *m, int64_t frames, void (*work)(convis_model *, slice *, void *), void *user)
{
    struct convis_barrier barrier = { .threads = 1 };
#ifdef _OPENMP
    int useful = useful_threads(m);
    #pragma omp parallel num_threads(useful) if (useful > 1)
#endif
    {
        slice u = { .barrier = &barrier };
#ifdef _OPENMP
        /* There may be fewer than were asked for. */
        #pragma omp single
        barrier.threads = omp_get_num_threads();
        u.thread = omp_get_thread_num();
#endif
        unsigned before = flush_denormals();
        work(m, &u, user);
        restore_denormals(before);
    }
    judge(m, &barrier, frames);
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
        return convis_fail(m->context, CONVIS_ESTATE, "%s: its output was not probed (convis_probe before convis_plan)", path);
    convis_status status = CONVIS_OK;
    if (b->lent) frames = b->to.data;                    /* the run wrote there */
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
