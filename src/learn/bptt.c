/* bptt.c - checkpointed backpropagation through many chunks of a movie, in bounded memory.
 *
 * The forward pass stores the states at the chunks' starts; the backward pass runs each chunk once more from there, with its
 * tape, and backpropagates through it. Where so many states would be too large, only that of the first of every sqrt(chunks) is stored,
 * and those between are recomputed: one more forward pass, for memory that grows with the square root of the length. */
#include "bptt.h"
#include "engine/model.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 22, SHORTEST_CHUNK = 16, LONGEST_CHUNK = 512, STATE_BYTES = 1 << 27 };

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- Opening ---- */

static convis_status plan(convis_bptt *p, convis_shape frame, int64_t chunk, int64_t longest)
{
    int64_t bytes = convis_elements(frame)*(int64_t)sizeof(convis_real), suits = bytes > 0 ? CHUNK_BYTES/bytes : 0;
    if (chunk < 1) chunk = suits < SHORTEST_CHUNK ? SHORTEST_CHUNK : least(suits, LONGEST_CHUNK);
    frame.dim[CONVIS_T] = least(chunk, longest);
    convis_status status = convis_probe(p->model, p->output);
    return status ? status : convis_plan(p->model, frame);
}

static convis_status check_shape(convis_bptt *p, convis_shape frame, const char *what)
{
    const int64_t *d = frame.dim, *m = p->model->chunk.dim;
    if (d[CONVIS_B] == m[CONVIS_B] && d[CONVIS_C] == m[CONVIS_C] && d[CONVIS_Y] == m[CONVIS_Y]
        && d[CONVIS_X] == m[CONVIS_X]) return CONVIS_OK;
    return convis_fail(p->context, CONVIS_ESHAPE, "%s: frames of (C, Y, X) = (%lld, %lld, %lld), but the model is planned for "
                       "(%lld, %lld, %lld)",
                       what, (long long)d[CONVIS_C], (long long)d[CONVIS_Y], (long long)d[CONVIS_X], (long long)m[CONVIS_C],
                       (long long)m[CONVIS_Y], (long long)m[CONVIS_X]);
}

convis_status convis_bptt_open(convis_model *m, const char *output, convis_shape frame, int64_t chunk, int64_t longest,
                               const char *what, convis_bptt *p)
{
    convis_tensor ignored;
    *p = (convis_bptt){ .model = m, .context = m->context, .output = output, .budget = STATE_BYTES };
    if (convis_refuse(m)) return m->status;
    if (!output && m->count) p->output = m->layers[m->count - 1].name;
    if (!p->output) return convis_fail(m->context, CONVIS_ESTATE, "the model has no layers");
    frame.dim[CONVIS_T] = 1;
    convis_status status = m->planned ? check_shape(p, frame, what) : plan(p, frame, chunk, longest);
    if (!status) status = convis_output_shape(m, p->output, &p->out_shape);
    if (!status) status = convis_output(m, p->output, &ignored);
    if (status) return status;
    p->in_shape = frame;
    p->units = convis_elements(p->out_shape);
    p->input_n = convis_elements(frame);
    p->chunk = chunk > 0 ? least(chunk, m->chunk.dim[CONVIS_T]) : m->chunk.dim[CONVIS_T];
    p->state_size = convis_state_size(m);
    p->movie = convis_obtain(p->context, (size_t)(p->chunk*p->input_n)*sizeof *p->movie);
    p->end = p->movie ? convis_obtain(p->context, p->state_size) : NULL;
    if (p->end) return CONVIS_OK;
    convis_bptt_close(p);
    return CONVIS_ENOMEM;
}

void convis_bptt_close(convis_bptt *p)
{
    if (!p->context) return;
    convis_release(p->context, p->prediction);
    convis_release(p->context, p->gradient);
    convis_release(p->context, p->movie);
    convis_release(p->context, p->states);
    convis_release(p->context, p->inner);
    convis_release(p->context, p->end);
    *p = (convis_bptt){ .model = NULL };
}

/* ---- Room ---- */

static convis_status larger(convis_bptt *p, void *block, size_t bytes)
{
    void **at = block;
    convis_release(p->context, *at);
    *at = convis_obtain(p->context, bytes);
    return *at ? CONVIS_OK : CONVIS_ENOMEM;
}

convis_status convis_bptt_room(convis_bptt *p, int64_t frames)
{
    if (frames <= p->room) return CONVIS_OK;
    size_t bytes = (size_t)(frames*p->units)*sizeof *p->prediction;
    p->room = 0;
    convis_status status = larger(p, &p->prediction, bytes);
    if (!status) status = larger(p, &p->gradient, bytes);
    if (!status) p->room = frames;
    return status;
}

static convis_status room_for_states(convis_bptt *p)
{
    p->stride = 1;
    if ((double)p->chunks*(double)p->state_size > (double)p->budget) p->stride = (int64_t)ceil(sqrt((double)p->chunks));
    int64_t stored = (p->chunks + p->stride - 1)/p->stride;
    convis_status status = CONVIS_OK;
    if (stored > p->stored) {
        p->stored = 0;
        status = larger(p, &p->states, (size_t)stored*p->state_size);
        if (!status) p->stored = stored;
    }
    if (!status && p->stride > 1 && p->stride > p->within) {
        p->within = 0;
        status = larger(p, &p->inner, (size_t)p->stride*p->state_size);
        if (!status) p->within = p->stride;
    }
    return status;
}

/* ---- Forward ---- */

static int64_t first_frame(const convis_bptt *p, int64_t chunk) { return p->from + chunk*p->chunk; }
static int64_t frames_of(const convis_bptt *p, int64_t chunk) { return least(p->chunk, p->frames - chunk*p->chunk); }

static convis_tensor movie_view(const convis_bptt *p, convis_real *data, int64_t frames)
{
    const int64_t *d = p->in_shape.dim, x = d[CONVIS_X], y = d[CONVIS_Y]*x, c = d[CONVIS_C]*y;
    convis_tensor t = { data, p->in_shape, { c, y, d[CONVIS_B]*c, x, 1 } };
    t.shape.dim[CONVIS_T] = frames;
    return t;
}

/* Rows of predictions or their gradients, seen as the output's frames. */
static convis_tensor rows_view(const convis_bptt *p, convis_real *rows, int64_t chunk)
{
    const int64_t *d = p->out_shape.dim, x = d[CONVIS_X], y = d[CONVIS_Y]*x, c = d[CONVIS_C]*y;
    convis_tensor t = { rows + chunk*p->chunk*p->units, p->out_shape, { c, y, p->units, x, 1 } };
    t.shape.dim[CONVIS_T] = frames_of(p, chunk);
    return t;
}

static convis_status run_chunk(convis_bptt *p, int64_t chunk)
{
    *p->context->message = 0;
    convis_status status = convis_called(p->context, p->read(p->user, first_frame(p, chunk), frames_of(p, chunk), p->movie),
                                         "read", first_frame(p, chunk));
    if (!status && p->feed) status = convis_feed_give(p->feed, first_frame(p, chunk), frames_of(p, chunk));
    return status ? status : convis_run(p->model, movie_view(p, p->movie, frames_of(p, chunk)));
}

static convis_status call(const convis_bptt *p, convis_frame_hook hook, const char *what, int64_t chunk)
{
    if (!hook) return CONVIS_OK;
    *p->context->message = 0;
    return convis_called(p->context, hook(p->user, first_frame(p, chunk), frames_of(p, chunk)), what, first_frame(p, chunk));
}

convis_status convis_bptt_forward(convis_bptt *p, int64_t from, int64_t frames, int back)
{
    convis_tensor out;
    p->from = from;
    p->frames = frames;
    p->chunks = (frames + p->chunk - 1)/p->chunk;
    convis_status status = p->output ? convis_bptt_room(p, frames) : CONVIS_OK;
    if (!status && back) status = room_for_states(p);
    for (int64_t k = 0; !status && k < p->chunks; k++) {
        if (back && k%p->stride == 0) status = convis_state_get(p->model, p->states + (size_t)(k/p->stride)*p->state_size);
        if (!status) status = run_chunk(p, k);
        if (!status && p->output) {
            status = convis_output(p->model, p->output, &out);
            if (!status) convis_tensor_copy(rows_view(p, p->prediction, k), out);
        }
        if (!status) status = call(p, p->ran, "forward", k);
        if (!status && !p->output)
            status = convis_progress(p->context, "bptt", first_frame(p, k) + frames_of(p, k) - from, frames);
    }
    return status;
}

/* ---- Backward ---- */

/* taped: the model has just run this chunk. */
static convis_status chunk_backward(convis_bptt *p, int64_t chunk, const char *state, int taped, convis_real *d_movie)
{
    convis_status status = CONVIS_OK;
    convis_tensor d;
    if (!taped) {
        status = convis_state_put(p->model, state, p->state_size);
        if (!status) status = run_chunk(p, chunk);
    }
    if (!status && p->output) status = convis_vjp_from(p->model, p->output, rows_view(p, p->gradient, chunk));
    if (!status && p->truncate) status = convis_vjp_truncate(p->model);
    if (p->d_movie) d_movie = p->d_movie;
    else if (d_movie) d_movie += chunk*p->chunk*p->input_n;
    if (d_movie) d = movie_view(p, d_movie, frames_of(p, chunk));
    if (!status) status = call(p, p->take, "backward", chunk);
    if (!status) status = convis_vjp(p->model, d_movie ? &d : NULL);
    if (status || !p->gave) return status;
    *p->context->message = 0;
    status = p->gave(p->user, first_frame(p, chunk), frames_of(p, chunk), d_movie);
    return convis_called(p->context, status, "gradient", first_frame(p, chunk));
}

/* The chunks first..last-1, of which only the first one's state was stored. */
static convis_status stride_backward(convis_bptt *p, int64_t first, int64_t last, convis_real *d_movie)
{
    const char *state = p->states + (size_t)(first/p->stride)*p->state_size;
    convis_status status = CONVIS_OK;
    if (p->stride == 1) return chunk_backward(p, first, state, last == p->chunks, d_movie);
    status = convis_state_put(p->model, state, p->state_size);
    for (int64_t k = first; !status && k < last; k++) {
        status = convis_state_get(p->model, p->inner + (size_t)(k - first)*p->state_size);
        if (!status) status = run_chunk(p, k);
    }
    for (int64_t k = last - 1; !status && k >= first; k--)
        status = chunk_backward(p, k, p->inner + (size_t)(k - first)*p->state_size, k == last - 1, d_movie);
    return status;
}

convis_status convis_bptt_back(convis_bptt *p, convis_real *d_movie)
{
    int64_t strides = (p->chunks + p->stride - 1)/p->stride;
    convis_status status = convis_state_get(p->model, p->end);
    for (int64_t k = strides - 1; !status && k >= 0; k--)
        status = stride_backward(p, k*p->stride, least((k + 1)*p->stride, p->chunks), d_movie);
    if (!status && p->model->frame - p->model->ran == 0) status = convis_vjp_baseline(p->model);
    return status ? status : convis_state_put(p->model, p->end, p->state_size);
}

/* ---- For callers of the library (fit.h) ---- */

static convis_status check_options(const convis_model *m, const convis_bptt_options *o)
{
    convis_context *c = m->context;
    if (!o->read) return convis_fail(c, CONVIS_EINVAL, "bptt: no function `read` that gives frames");
    if (!m->planned) return convis_fail(c, CONVIS_ESTATE, "bptt: the model must be planned before");
    if (!m->recording)
        return convis_fail(c, CONVIS_ESTATE, "bptt: no gradient was asked for (convis_require_gradient before convis_plan)");
    CONVIS_NEEDS_ARRAY(c, o->given, o->given_count);
    return CONVIS_OK;
}

convis_status convis_bptt_new(convis_model *m, const convis_bptt_options *options, convis_bptt **bptt)
{
    if (bptt) *bptt = NULL;
    CONVIS_NEEDS(m, options, bptt);
    const convis_bptt_options *o = options;
    convis_status status = convis_refuse(m) ? m->status : check_options(m, o);
    convis_bptt *p = status ? NULL : convis_obtain(m->context, sizeof *p);
    if (!p) return status ? status : CONVIS_ENOMEM;
    convis_context_hold(m->context);
    *p = (convis_bptt){ .model = m, .context = m->context, .read = o->read, .ran = o->forward, .take = o->backward, .gave = o->gradient,
                        .user = o->user, .truncate = o->truncate, .budget = o->memory ? o->memory : STATE_BYTES, .chunk = m->chunk.dim[CONVIS_T],
                        .in_shape = m->inputs[0].frames.shape, .input_n = m->inputs[0].frames.n, .state_size = convis_state_size(m) };
    const size_t movie = (size_t)(p->chunk*p->input_n)*sizeof *p->movie;
    p->movie = convis_obtain(p->context, movie);
    p->end = p->movie ? convis_obtain(p->context, p->state_size) : NULL;
    if (p->end && m->inputs[0].frames.active) p->d_movie = convis_obtain(p->context, movie);
    if (!p->end || (m->inputs[0].frames.active && !p->d_movie)) status = CONVIS_ENOMEM;
    if (!status && o->given_count) {
        status = convis_feed_open(m, NULL, o->given, o->given_count, p->chunk, &p->own_feed);
        p->feed = &p->own_feed;
    }
    *bptt = p;
    if (status) convis_bptt_free(bptt);
    return status;
}

void convis_bptt_free(convis_bptt **bptt)
{
    convis_bptt *p = bptt ? *bptt : NULL;
    if (!p) return;
    convis_context *c = p->context;
    if (p->feed) convis_feed_close(p->feed);
    convis_release(c, p->d_movie);
    convis_bptt_close(p);
    convis_release(c, p);
    convis_context_let_go(c);
    *bptt = NULL;
}

convis_status convis_bptt_run(convis_bptt *p, int64_t from, int64_t frames)
{
    CONVIS_NEEDS(p);
    if (from < 0 || frames < 1 || frames > INT64_MAX - from)
        return convis_fail(p->context, CONVIS_EINVAL, "bptt: %lld frames from frame %lld on, expected at least one, from 0 on",
                           (long long)frames, (long long)from);
    if (!p->model->planned || p->chunk != p->model->chunk.dim[CONVIS_T] || p->input_n != p->model->inputs[0].frames.n ||
        p->state_size != convis_state_size(p->model))
        return convis_fail(p->context, CONVIS_ESTATE, "bptt: the model was planned anew since convis_bptt_new: make it anew");
    p->ready = 0;
    const convis_status status = convis_bptt_forward(p, from, frames, 1);
    p->ready = !status;
    return status;
}

convis_status convis_bptt_backpropagate(convis_bptt *p)
{
    CONVIS_NEEDS(p);
    if (!p->ready)
        return convis_fail(p->context, CONVIS_ESTATE, "bptt: there is no run to go back through: convis_bptt_run before each");
    p->ready = 0;
    return convis_bptt_back(p, NULL);
}
