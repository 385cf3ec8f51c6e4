/* run.c - the loop from the first layer to the last.
 *
 * A chunk is cut into sub-chunks that stay in cache. Within one, the layers follow each other; a run of pointwise
 * layers takes one tile of pixels through all of its layers before it takes the next. All threads walk the same loop
 * and divide tiles, rows or columns among them; no result depends on who did what. */
#include "remote.h"
#include "run.h"
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef CONVIS_HAVE_X86
#include <immintrin.h>
#endif

static const convis_real *input_at(const convis_model *m, const convis_edge *e, const convis_real *input, int64_t t0)
{
    const buffer *b = e->from.id ? &m->layers[e->from.id - 1].out : &m->input;
    const convis_real *now = e->from.id || !input ? convis_frames_at(b, t0) : input;
    return now ? now - e->delay*b->n : NULL;
}

/* ---- One pass of one layer ---- */

convis_pass convis_pass_of(const convis_model *m, const model_layer *l, const turn *u)
{
    convis_pass p = l->pass;
    p.frame = m->frame + u->t0;
    p.frames = u->frames;
    for (int j = 0; j < p.inputs; j++) p.in[j] = input_at(m, &l->in[j], u->input, u->t0);
    p.out = convis_frames_at(&l->out, u->t0);
    for (int k = 0; k < l->extras; k++) p.extra[k] = convis_frames_at(&l->extra[k], u->t0);
    p.epoch = m->epoch;
    for (int k = 0; k < CONVIS_MAX_TAPE; k++) {
        if (!l->recorded) p.tape[k] = NULL;
        else if (l->out.active && p.tape[k]) p.tape[k] += u->t0*l->tape_n[k];
    }
    p.thread = u->thread;
    p.threads = u->team->threads;
    p.team = u->team;
    return p;
}

convis_span convis_span_of(const convis_pass *p, int64_t i0, int64_t i1, int64_t n, int64_t map_size)
{
    return (convis_span){ i0, i1, n, map_size, p->frames, (convis_real)p->dt, (uint32_t)p->frame, (uint32_t)p->key, (uint32_t)(p->key >> 32) };
}

void convis_forward_buffers(const model_layer *l, const convis_pass *p, const convis_real *const *in, convis_real *out, void **v)
{
    *v++ = l->p;
    for (int j = 0; j < l->type->inputs; j++) *v++ = j < p->inputs ? (void *)(uintptr_t)in[j] : NULL;
    *v++ = out;
    for (int j = 0; j < l->extras; j++)       *v++ = p->extra[j];
    for (int j = 0; j < l->states; j++)       *v++ = p->state[j];
    for (int j = 0; j < l->type->tape; j++)   *v++ = p->tape[j];
}

/* One layer on one tile, with these inputs and output in place of the pass's own; n: elements from frame to frame. */
static void run_kernel(const model_layer *l, const convis_pass *p, const convis_real *const *in, convis_real *out, int64_t i0, int64_t i1,
                       int64_t n)
{
    void *v[2 + CONVIS_MAX_INPUTS + CONVIS_MAX_OUTPUTS + CONVIS_MAX_STATES + CONVIS_MAX_TAPE];
    convis_forward_buffers(l, p, in, out, v);
    convis_span span = convis_span_of(p, i0, i1, n, l->out.n);
    l->pointwise->run(v, &span);
}

static void copy_frames(convis_real *to, int64_t to_n, const convis_real *from, int64_t from_n, int64_t count, int frames)
{
    for (int t = 0; t < frames; t++) memcpy(to + t*to_n, from + t*from_n, (size_t)count*sizeof *to);
}

/* One layer of a tiled segment. A kernel counts pixels from the map's first, so a slot is handed over as if it began
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

static void run_segment(const convis_model *m, const segment *g, const turn *u)
{
    const model_layer *first = &m->layers[g->first];
    if (!first->type->pointwise) {
        convis_pass p = convis_pass_of(m, first, u);
        first->type->forward(&p);
        convis_turn_meet(u);
        return;
    }
    int64_t from, to, room = m->batch*g->tile;
    convis_turn_tiles(u, g, &from, &to);
    convis_real *slots = g->tiled ? g->scratch + u->thread*g->slots*room : NULL;
    convis_pass passes[LONGEST_SEGMENT];
    for (int j = 0; j < g->count; j++) passes[j] = convis_pass_of(m, &m->layers[g->first + j], u);
    for (int64_t k = from; k < to; k++)
        for (int j = 0; j < g->count; j++) {
            const model_layer *l = &m->layers[g->first + j];
            const convis_pass *p = &passes[j];
            int64_t i0 = k*g->tile, i1 = i0 + g->tile < g->n ? i0 + g->tile : g->n;
            if (g->tiled) run_in_tile(g, l, p, i0, i1, slots, room);
            else run_kernel(l, p, p->in, p->out, i0, i1, g->n);
        }
    convis_turn_meet(u);
}

/* The last frames become the past of the next sub-chunk. Source and target may overlap when the sub-chunk is short. */
static void carry_buffer(buffer *b, int64_t t0, int frames, int64_t chunk)
{
    int64_t end = convis_carried_from(b, t0, frames, chunk);
    if (end < 0) return;
    if (b->before) memcpy(b->before, b->base, (size_t)(b->carry*b->n)*sizeof(convis_real));
    memmove(b->base, b->base + end*b->n, (size_t)(b->carry*b->n)*sizeof(convis_real));
}

/* ---- What layers call ---- */

void convis_barrier(const convis_pass *p)
{
    if (p->threads > 1) convis_team_meet(p->team);
}

void convis_launch(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers)
{
    if (p->there) {
        convis_remote_launch(p, kernel, n, frames, buffers);
        return;
    }
    const convis_kernel *k = convis_find_kernel(p->kernels, kernel);
    int64_t groups = (n + 63)/64, from = groups*p->thread/p->threads*64, to = groups*(p->thread + 1)/p->threads*64;
    convis_span span = convis_span_of(p, from, to < n ? to : n, n, n);
    span.nt = frames;
    if (k && span.i0 < span.i1) k->run(buffers, &span);
    convis_barrier(p);
}

int64_t convis_share(int64_t lines, int thread, int threads)
{
    int64_t at = (lines + 31)/32*thread/threads*32;
    return at < lines ? at : lines;
}

void convis_launch_rows(const convis_pass *p, const char *kernel, convis_shape frame, int64_t y0, int64_t y1, void *const *buffers)
{
    if (p->there) {                                       /* it has one thread, which has all rows */
        convis_remote_launch(p, kernel, convis_elements(frame), 1, buffers);
        return;
    }
    const convis_kernel *k = convis_find_kernel(p->kernels, kernel);
    int64_t w = frame.dim[CONVIS_X], h = frame.dim[CONVIS_Y], n = convis_elements(frame);
    for (int64_t at = 0; k && y0 < y1 && at < n; at += w*h) {
        convis_span span = convis_span_of(p, at + y0*w, at + y1*w, n, n);
        span.nt = 1;
        k->run(buffers, &span);
    }
}

/* ---- Spikes ---- */

typedef struct sink { convis_model *model; int64_t first_unit; int64_t frame; double dt; int failed; } sink;

void convis_emit(void *to, int64_t i, int t, double seconds)
{
    sink *s = to;
    convis_model *m = s->model;
    if (m->spike_count == m->spike_room) {
        /* Room for every expected spike was made by plan; a storm of them may still need more. */
        int64_t room = m->spike_room ? 2*m->spike_room : 1024;
        convis_spike *more = convis_obtain(m->context, (size_t)room*sizeof *more);
        if (!more) { s->failed = 1; return; }
        if (m->spike_count) memcpy(more, m->spikes, (size_t)m->spike_count*sizeof *more);
        convis_release(m->context, m->spikes);
        m->spikes = more;
        m->spike_room = room;
    }
    const convis_unit *u = &m->units[s->first_unit + i];
    if (seconds > s->dt) seconds = s->dt;                 /* dt in single precision may be longer */
    m->spikes[m->spike_count++] = (convis_spike){ (double)(s->frame + t)*s->dt + seconds, u->id, u->layer };
}

static int earlier(const void *a, const void *b)
{
    const convis_spike *s = a, *r = b;
    if (s->time != r->time) return s->time < r->time ? -1 : 1;
    if (s->unit != r->unit) return s->unit < r->unit ? -1 : 1;
    return 0;
}

int convis_layer_spikes(convis_model *m, const model_layer *l, convis_pass *p, const turn *u, int64_t unit)
{
    sink s = { .model = m, .first_unit = unit, .frame = m->frame + u->t0, .dt = m->dt };
    l->type->spikes(p, &s);
    return !s.failed;
}

void convis_sort_spikes(convis_model *m, int64_t from)
{
    if (m->spike_count > from) qsort(m->spikes + from, (size_t)(m->spike_count - from), sizeof *m->spikes, earlier);
}

static int collect_spikes(convis_model *m, const turn *u)
{
    int64_t before = m->spike_count, unit = 0;
    int ok = 1;
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        if (!convis_is_spiking(l)) continue;
        convis_pass p = convis_pass_of(m, l, u);
        ok &= convis_layer_spikes(m, l, &p, u, unit);
        unit += l->out.n;
    }
    convis_sort_spikes(m, before);
    return ok;
}

convis_status convis_record_spikes(convis_model *m, int on)
{
    if (convis_refuse(m)) return m->status;
    if (m->planned) return convis_fail(m->context, CONVIS_ESTATE, "spikes must be asked for before the model is planned");
    m->record_spikes = on;
    return CONVIS_OK;
}

convis_status convis_spikes(const convis_model *m, const convis_spike **spikes, int64_t *count)
{
    *spikes = m->spikes;
    *count = m->spike_count;
    if (m->record_spikes) return CONVIS_OK;
    return convis_fail(m->context, CONVIS_ESTATE, "spikes were not asked for (convis_record_spikes before convis_plan)");
}

/* ---- A chunk ---- */

static void gather_input(convis_model *m, convis_tensor in, int64_t t0, int frames)
{
    convis_tensor_copy(convis_frames_view(&m->input, convis_frames_at(&m->input, t0), frames), convis_slice(in, CONVIS_T, t0, t0 + frames));
}

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

/* Frames that lie one after the other, as the model's own, are read where they are; others, and those that a delayed input must
 * find again after the call, are gathered first. */
static int lie_in_order(const convis_model *m, convis_tensor in)
{
    const convis_tensor own = convis_frames_view(&m->input, NULL, in.shape.dim[CONVIS_T]);
    for (int d = 0; d < CONVIS_DIMS; d++) if (in.shape.dim[d] > 1 && in.stride[d] != own.stride[d]) return 0;
    return 1;
}

/* Fewer pixels than this a thread, and meeting costs more than sharing saves. Where other programs keep the processors
 * busy, threads sleep at most meetings, and one alone is faster by far: then we work alone for a while, longer each time
 * that another try turns out as badly. No result depends on it. */
enum { LEAST_SHARE = 2048, ALONE_FIRST = 8, ALONE_LONGEST = 128 };

static void judge(convis_model *m, struct convis_team *team, int64_t frames)
{
    if (team->threads == 1) return;
    if (atomic_load(&team->sleeps) <= frames + 4) { m->alone_next = 0; return; }
    m->alone_next = m->alone_next ? 2*m->alone_next : ALONE_FIRST;
    if (m->alone_next > ALONE_LONGEST) m->alone_next = ALONE_LONGEST;
    m->alone = m->alone_next;
}

static int useful_threads(convis_model *m)
{
    if (m->alone > 0) { m->alone--; return 1; }
    int64_t most = m->input.n;
    for (int s = 0; s < m->segment_count; s++) if (m->segments[s].n > most) most = m->segments[s].n;
    int64_t useful = most/LEAST_SHARE;
    return useful < 1 ? 1 : useful < m->threads ? (int)useful : m->threads;
}

static void run_sub_chunk(convis_model *m, convis_tensor in, const turn *u, int gathered, int *ok)
{
    if (gathered) {
        if (u->thread == 0) gather_input(m, in, u->t0, u->frames);
        convis_turn_meet(u);
    }
    for (int s = 0; s < m->segment_count; s++) run_segment(m, &m->segments[s], u);
    if (u->thread == 0) {
        if (m->record_spikes && !collect_spikes(m, u)) *ok = 0;
        carry_buffer(&m->input, u->t0, u->frames, in.shape.dim[CONVIS_T]);
        for (int j = 0; j < m->count; j++) carry_buffer(&m->layers[j].out, u->t0, u->frames, in.shape.dim[CONVIS_T]);
    }
    convis_turn_meet(u);
}

void convis_team_run(convis_model *m, int64_t frames, void (*work)(convis_model *, turn *, void *), void *user)
{
    struct convis_team team = { .threads = 1 };
#ifdef _OPENMP
    int wanted = useful_threads(m);
    #pragma omp parallel num_threads(wanted) if (wanted > 1)
#endif
    {
        turn u = { .team = &team };
#ifdef _OPENMP
        /* We may have been given fewer than we asked for. */
        #pragma omp single
        team.threads = omp_get_num_threads();
        u.thread = omp_get_thread_num();
#endif
        unsigned before = flush_denormals();
        work(m, &u, user);
        restore_denormals(before);
    }
    judge(m, &team, frames);
}

typedef struct chunk { convis_tensor in; int gathered, ok; } chunk;

static void run_chunk(convis_model *m, turn *u, void *user)
{
    chunk *c = user;
    int64_t frames = c->in.shape.dim[CONVIS_T];
    for (u->t0 = 0; u->t0 < frames; u->t0 += m->batch) {
        u->frames = (int)(frames - u->t0 < m->batch ? frames - u->t0 : m->batch);
        u->input = c->gathered ? NULL : c->in.data + u->t0*m->input.n;
        run_sub_chunk(m, c->in, u, c->gathered, &c->ok);
    }
}

convis_status convis_run(convis_model *m, convis_tensor in)
{
    if (convis_refuse(m)) return m->status;
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "the model must be planned before it runs");
    for (int d = 0; d < CONVIS_DIMS; d++)
        if (d == CONVIS_T ? in.shape.dim[d] < 0 || in.shape.dim[d] > m->chunk.dim[d] : in.shape.dim[d] != m->chunk.dim[d])
            return convis_fail(m->context, CONVIS_ESHAPE, "input: (B, C, T, Y, X) = (%lld, %lld, %lld, %lld, %lld), planned for "
                "(%lld, %lld, up to %lld, %lld, %lld)", (long long)in.shape.dim[0], (long long)in.shape.dim[1],
                (long long)in.shape.dim[2], (long long)in.shape.dim[3], (long long)in.shape.dim[4], (long long)m->chunk.dim[0],
                (long long)m->chunk.dim[1], (long long)m->chunk.dim[2], (long long)m->chunk.dim[3], (long long)m->chunk.dim[4]);
    if (!in.data && in.shape.dim[CONVIS_T])
        return convis_fail(m->context, CONVIS_EINVAL, "input: %lld frames without data", (long long)in.shape.dim[CONVIS_T]);
    convis_status status = convis_prepare(m);
    if (status) return status;
    m->spike_count = 0;
    if (m->remote) status = convis_remote_run(m, in, !lie_in_order(m, in));
    else {
        chunk c = { in, m->input.carry || m->input.kept || !lie_in_order(m, in), 1 };
        convis_team_run(m, in.shape.dim[CONVIS_T], run_chunk, &c);
        status = c.ok ? CONVIS_OK : CONVIS_ENOMEM;
    }
    m->ran = in.shape.dim[CONVIS_T];
    m->taped = 1;
    m->frame += m->ran;
    return status;
}

convis_status convis_output_shape(const convis_model *m, const char *path, convis_shape *frame)
{
    const buffer *b = convis_find_output(m, path, NULL);
    if (!b) return CONVIS_ENAME;
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "%s: its shape is known once the model is planned", path);
    *frame = b->shape;
    return CONVIS_OK;
}

convis_status convis_output(convis_model *m, const char *path, convis_tensor *out)
{
    buffer *b = convis_find_output(m, path, NULL);
    if (!b) return CONVIS_ENAME;
    if (!m->planned || !b->kept) return convis_fail(m->context, CONVIS_ESTATE, "%s: its output was not kept (convis_keep before convis_plan)", path);
    if (m->remote) {
        convis_status status = convis_remote_fetch(m, b);
        if (status) return status;
    }
    *out = convis_frames_view(b, m->remote ? b->host : b->base + b->carry*b->n, m->ran);
    return CONVIS_OK;
}

const char *convis_method(const convis_model *m, int layer)
{
    if (!m->planned || layer < 0 || layer >= m->count || !m->layers[layer].type->method) return NULL;
    return m->layers[layer].type->method(&m->layers[layer].pass);
}

int64_t convis_frame(const convis_model *m) { return m->frame; }
