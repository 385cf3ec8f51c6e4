/* grad.c - the backward pass, from the last layer to the first: gradients of parameters, movie and initial state.
 *
 * The run before it was recorded: outputs and tapes of the whole chunk. The backward pass takes its sub-chunks from the last to
 * the first, and within one the layers from the last to the first. Gradients at outputs live for one sub-chunk; those that
 * reach frames before it (through delays and histories) are stored and added in the sub-chunk to which the frames belong.
 * Every element adds in a fixed order to places of its own, so any number of threads gives the same bits. */
#include "run.h"
#include <math.h>
#include <string.h>

/* ---- Asking ---- */

static convis_status require_parameter(convis_model *m, model_layer *l, int k, const char *path)
{
    if (!convis_can_learn(&l->fields[k]))
        return convis_fail(m->context, CONVIS_ENOTSUP, "%s: a parameter without a gradient (%s)", path,
                           l->fields[k].flags & CONVIS_TEXT ? "a text"
                           : l->fields[k].flags & CONVIS_WHOLE ? "whole numbers"
                                                               : "fixed");
    l->requires_gradient |= 1u << k;
    return CONVIS_OK;
}

/* All parameters of the layers `name` and "name.anything"; NULL: of all layers. -1: there is no such layer; 0: they have none. */
static int require_layers(convis_model *m, const char *name)
{
    int any = -1;
    size_t length = name ? strlen(name) : 0;
    for (int j = 0; j < m->count; j++) {
        model_layer *l = &m->layers[j];
        if (name && (strncmp(l->name, name, length) || (l->name[length] && l->name[length] != '.'))) continue;
        if (any < 0) any = 0;
        for (int k = 0; k < l->params; k++)
            if (convis_can_learn(&l->fields[k])) { l->requires_gradient |= 1u << k; any = 1; }
    }
    return any;
}

convis_status convis_require_gradient(convis_model *m, const char *path)
{
    CONVIS_NEEDS(m, path);
    const char *member;
    int k;
    convis_status status = CONVIS_OK;
    if (convis_refuse(m)) return m->status;
    if (m->planned) return convis_fail(m->context, CONVIS_ESTATE, "%s: ask for its gradient before the model is planned", path);
    model_layer *l = convis_find_layer(m, path, &member);
    int layers = require_layers(m, !strcmp(path, "*") ? NULL : l && !*member ? l->name : path);
    if (layers == 0) status = convis_fail(m->context, CONVIS_ENOTSUP, "%s: has no parameter with a gradient", path);
    else if (layers < 0 && !l && convis_find_input(m, path) >= 0) m->inputs[convis_find_input(m, path)].frames.required = 1;
    else if (layers < 0) {
        l = convis_find_parameter(m, path, &k);
        status = l ? require_parameter(m, l, k, path) : CONVIS_ENAME;
    }
    if (!status) m->recording = 1;
    return status;
}

static convis_status not_recording(const convis_model *m)
{
    if (m->planned && m->recording) return CONVIS_OK;
    return convis_fail(m->context, CONVIS_ESTATE, "no gradient was asked for (convis_require_gradient before convis_plan)");
}

static convis_status not_recorded(const convis_model *m)
{
    if (not_recording(m)) return CONVIS_ESTATE;
    if (m->taped) return CONVIS_OK;
    return convis_fail(m->context, CONVIS_ESTATE, "there is no run to go back through: each convis_run allows one convis_vjp");
}

/* ---- What comes in ---- */

convis_status convis_vjp_from(convis_model *m, const char *path, convis_tensor d)
{
    CONVIS_NEEDS(m, path);
    model_layer *owner;
    buffer *b = convis_find_output(m, path, &owner);
    if (!b) return CONVIS_ENAME;
    convis_status status = not_recorded(m);
    if (status) return status;
    if (b != &owner->out)
        return convis_fail(m->context, CONVIS_ENOTSUP, "%s: gradients start from a layer's output, not from this", path);
    const int64_t *n = b->shape.dim, *s = d.stride;
    for (int k = 0; k < CONVIS_DIMS; k++)
        if (d.shape.dim[k] != (k == CONVIS_T ? m->ran : n[k]))
            return convis_fail(m->context, CONVIS_ESHAPE,
                               "%s: a gradient of (%lld, %lld, %lld, %lld, %lld), expected (%lld, %lld, %lld, %lld, %lld)", path,
                               (long long)d.shape.dim[0], (long long)d.shape.dim[1], (long long)d.shape.dim[2],
                               (long long)d.shape.dim[3], (long long)d.shape.dim[4], (long long)n[0], (long long)n[1],
                               (long long)m->ran, (long long)n[3], (long long)n[4]);
    if (!d.data && m->ran) return convis_fail(m->context, CONVIS_EINVAL, "%s: a gradient without data", path);
    if (!owner->needed || !b->probed)
        return convis_fail(m->context, CONVIS_ESTATE, "%s: its output was not probed (convis_probe)", path);
    if (!b->active) return CONVIS_OK;                     /* nothing before it requires a gradient */
    if (!b->from && !(b->from = convis_obtain(m->context, (size_t)(m->chunk.dim[CONVIS_T]*b->n)*sizeof *b->from)))
        return CONVIS_ENOMEM;
    convis_real *to = b->from;
    for (int64_t t = 0; t < m->ran; t++)
        for (int64_t i = 0; i < n[CONVIS_B]; i++)
            for (int64_t c = 0; c < n[CONVIS_C]; c++)
                for (int64_t y = 0; y < n[CONVIS_Y]; y++) {
                    const convis_real *row = d.data + i*s[CONVIS_B] + c*s[CONVIS_C] + t*s[CONVIS_T] + y*s[CONVIS_Y];
                    for (int64_t x = 0; x < n[CONVIS_X]; x++) *to++ += row[x*s[CONVIS_X]];
                }
    return CONVIS_OK;
}

/* ---- One sub-chunk ---- */

/* This thread's slice of the elements of `count` frames of n. */
static convis_rows rows_of(const slice *u, int64_t count, int64_t n, int64_t *first)
{
    *first = n*u->thread/u->barrier->threads;
    return (convis_rows){ count, n*(u->thread + 1)/u->barrier->threads - *first, n };
}

/* Gradients of the frames of this sub-chunk: those from later sub-chunks, those from convis_vjp_from, else 0. */
static void begin(const convis_model *m, buffer *b, const slice *u)
{
    int64_t i0;
    if (!b->active) return;
    const convis_rows now = rows_of(u, u->frames, b->n, &i0), left = { b->history, now.width, now.apart };
    convis_rows_move(m->device, b->d + u->frames*b->n + i0, b->d + i0, left, m->spare);
    convis_rows_fill(m->device, b->d + i0, now, 0);
    if (!b->from) return;
    convis_real *from = b->from + u->t0*b->n;
    const convis_real *given = convis_device_reach(m->device, from, u->frames*b->n, m->spare);
    convis_rows_add(m->device, b->d + b->history*b->n + i0, given + i0, now);
    for (int t = 0; t < u->frames; t++) memset(from + t*b->n + i0, 0, (size_t)now.width*sizeof *from);
}

static convis_pass pass_back(const convis_model *m, const model_layer *l, const slice *u)
{
    convis_pass p = convis_pass_of(m, l, u);
    p.frame = m->frame - m->ran + u->t0;
    p.d_out = l->out.d ? l->out.d + l->out.history*l->out.n : NULL;
    for (int k = 0; k < p.inputs; k++) {
        const buffer *b = convis_source(m, l->in[k].from);
        /* A kernel always gets memory, with room for its history. */
        convis_real *own = l->twin[k] ? l->twin[k] : l->type->adjoint && !b->active ? m->unwanted : NULL;
        p.d_in[k] = own ? own + p.history[k]*l->out.n : b->active ? b->d + (b->history - l->in[k].delay)*b->n : NULL;
    }
    return p;
}

/* An input from the same place as an earlier one gets memory of its own, as buffers of a kernel must not
 * overlap; what was added there is added to the common place afterwards. */
static void add_twins(const convis_model *m, const model_layer *l, const convis_pass *p, int64_t i0, int64_t i1)
{
    for (int k = 0; k < p->inputs; k++) {
        const buffer *b = convis_source(m, l->in[k].from);
        if (!l->twin[k] || !b->active) continue;
        const convis_rows rows = { p->history[k] + p->frames, i1 - i0, b->n };
        convis_real *from = p->d_in[k] - p->history[k]*b->n + i0;
        convis_rows_add(m->device, b->d + (b->history - l->in[k].delay - p->history[k])*b->n + i0, from, rows);
        convis_rows_fill(m->device, from, rows, 0);
    }
}

static void run_adjoint(const convis_model *m, const model_layer *l, const convis_pass *p, int64_t i0, int64_t i1)
{
    void *buffers[4 + 2*CONVIS_MAX_INPUTS + CONVIS_MAX_STATES + CONVIS_MAX_TAPE], **v = buffers;
    const convis_span span = convis_span_of(p, i0, i1, l->out.n, l->out.n);
    *v++ = l->p;
    for (int j = 0; j < l->type->inputs; j++) *v++ = j < p->inputs ? (void *)(uintptr_t)p->in[j] : NULL;
    *v++ = p->out;
    for (int j = 0; j < l->type->tape; j++)   *v++ = p->tape[j];
    *v++ = (void *)(uintptr_t)p->d_out;
    for (int j = 0; j < l->states; j++)       *v++ = p->d_state[j];
    for (int j = 0; j < l->type->inputs; j++) *v++ = j < p->inputs ? p->d_in[j] : NULL;
    *v++ = p->d_map;
    convis_place_launch(p->place, l->adjoint, buffers, &span, 0, 0);
    add_twins(m, l, p, i0, i1);
}

static void segment_back(convis_model *m, const segment *g, const slice *u)
{
    const model_layer *first = &m->layers[g->first];
    if (!first->type->pointwise) {
        if (!first->out.active) return;
        convis_pass p = pass_back(m, first, u);
        convis_pass_vjp(m, first, &p);
        convis_slice_barrier(u);
        return;
    }
    int64_t from, to;
    convis_slice_band(u, g->n, &from, &to);
    convis_pass passes[LONGEST_SEGMENT];
    for (int j = 0; j < g->count; j++) passes[j] = pass_back(m, first + j, u);
    for (int64_t i0 = from; i0 < to; i0 += g->tile)
        for (int j = g->count - 1; j >= 0; j--)
            if (first[j].out.active) run_adjoint(m, first + j, &passes[j], i0, i0 + g->tile < to ? i0 + g->tile : to);
    convis_slice_barrier(u);
}

static void give_input(const convis_model *m, const buffer *b, const slice *u, convis_tensor to)
{
    const convis_real *from = convis_stage_back(m, b->d + b->history*b->n, u->frames*b->n);
    convis_tensor_copy(convis_slice(to, CONVIS_T, u->t0, u->t0 + u->frames),
                       convis_frames_view(b, (convis_real *)(uintptr_t)from, u->frames));
}

/* The first sub-chunk that it gets is the movie's last. */
static void sub_chunks_back(convis_model *m, slice *u, int64_t first, int64_t last)
{
    for (int64_t k = first; k < last && !convis_pass_stops(m, u); k++) {
        u->t0 = ((m->ran - 1)/m->sub_chunk - k)*m->sub_chunk;
        u->frames = (int)(m->ran - u->t0 < m->sub_chunk ? m->ran - u->t0 : m->sub_chunk);
        for (int j = 0; j < convis_buffer_count(m); j++) begin(m, convis_buffer_at(m, j), u);
        convis_slice_barrier(u);
        for (int s = m->segment_count - 1; s >= 0; s--) segment_back(m, &m->segments[s], u);
        for (int j = 0; j < m->input_count && u->thread == 0; j++)
            if (m->inputs[j].gradient.data) give_input(m, &m->inputs[j].frames, u, m->inputs[j].gradient);
        convis_slice_barrier(u);
    }
}

/* ---- Gradients of parameters ---- */

/* Every element's part of a scalar's gradient, summed in double. */
static void sum_maps(convis_model *m, model_layer *l)
{
    const convis_rows map = { 1, l->out.n, l->out.n };
    for (int k = 0; k < l->params; k++) {
        if (!convis_can_learn(&l->fields[k])) continue;
        if (l->requires_gradient >> k & 1)
            l->grad[k] += convis_device_sum(m->device, l->pass.d_map + k*l->out.n, l->out.n, m->spare);
        convis_rows_fill(m->device, l->pass.d_map + k*l->out.n, map, 0);
    }
}

/* Arrays: the parameter's own elements, or sums whose meaning the layer knows. */
static void sum_arrays(convis_model *m, model_layer *l)
{
    for (int k = 0; k < l->params; k++) {
        if (!l->pass.d_array[k]) continue;
        const int64_t n = convis_sums_of(l, k);
        const double *sums = convis_sums_reach(m->device, l->pass.d_array[k], n, l->sums);
        if (l->pass.sums[k] && l->type->gather) l->type->gather(&l->pass, k, sums, l->grad, l->grad_array);
        else for (int64_t i = 0; i < n; i++) *(l->grad_array[k] ? &l->grad_array[k][i] : &l->grad[k]) += sums[i];
        convis_device_zero(m->device, l->pass.d_array[k], (size_t)n*convis_sum_size(m->device));
    }
}

/* Puts the frames before the last run's in front of them again; called once more, it undoes that. */
static void exchange_history(const convis_model *m)
{
    for (int j = 0; j < convis_buffer_count(m); j++) {
        const buffer *b = convis_buffer_at(m, j);
        if (b->before) convis_device_swap(m->device, b->base, b->before, b->history*b->n, m->spare);
    }
}

convis_status convis_vjp(convis_model *m, const convis_tensor *d_in)
{
    CONVIS_NEEDS(m);
    if (convis_refuse(m)) return m->status;
    convis_status status = not_recorded(m);
    if (!status && d_in) status = convis_vjp_input(m, "input", d_in);
    if (status) return status;
    m->taped = m->failed = 0;
    m->baseline_due = m->frame == m->ran;
    exchange_history(m);
    convis_run_paced(m, &m->backward, &m->ran, sub_chunks_back, NULL);
    exchange_history(m);
    for (int k = 0; k < m->input_count; k++) m->inputs[k].gradient.data = NULL;
    for (int j = 0; j < m->count; j++) {
        if (!m->layers[j].out.active) continue;
        sum_maps(m, &m->layers[j]);
        sum_arrays(m, &m->layers[j]);
    }
    status = convis_pass_status(m);
    return status ? status : convis_device_sync(m->device);
}

/* ---- The start ---- */

/* The start weighted by d_y and d_state, a scalar function of parameters and inputs: its derivatives are the gradient. */
static double start_value(const model_layer *l, const double *x, double d_y, const double *d_state)
{
    double state[CONVIS_MAX_STATES];
    for (int k = 0; k < l->states; k++) state[k] = l->type->states[k].value;
    double y = l->type->baseline(&l->pass, x, state), sum = d_y*y;
    for (int k = 0; k < l->states; k++) sum += d_state[k]*state[k];
    return sum;
}

static double difference(model_layer *l, const double *x, double d_y, const double *d_state, double *at)
{
    double value = *at, h = 1e-5*fmax(fabs(value), 1e-3);
    *at = value + h;
    double above = start_value(l, x, d_y, d_state);
    *at = value - h;
    double below = start_value(l, x, d_y, d_state);
    *at = value;
    return (above - below)/(2*h);
}

static double sum_of(const convis_model *m, const convis_real *v, int64_t n) { return convis_device_sum(m->device, v, n, m->spare); }

convis_status convis_vjp_baseline(convis_model *m)
{
    CONVIS_NEEDS(m);
    if (not_recording(m)) return CONVIS_ESTATE;
    if (!m->baseline_due)
        return convis_fail(m->context, CONVIS_ESTATE,
                           "the baseline's part follows, once, after the vjp of a run that began at the first frame");
    m->baseline_due = 0;
    double *d_y = convis_obtain(m->context, (size_t)(m->count + 1)*sizeof *d_y);
    if (!d_y) return CONVIS_ENOMEM;
    for (int j = m->count - 1; j >= 0; j--) {
        model_layer *l = &m->layers[j];
        double x[CONVIS_MAX_INPUTS], d_x[CONVIS_MAX_INPUTS] = { 0 }, d_state[CONVIS_MAX_STATES];
        if (!l->out.active || !l->type->baseline) continue;
        if (!convis_is_fed_back(m, j)) d_y[j + 1] += sum_of(m, l->out.d, l->out.history*l->out.n);
        for (int k = 0; k < l->states; k++) d_state[k] = sum_of(m, l->pass.d_state[k], l->state_n[k]);
        for (int k = 0; k < l->inputs; k++)
            x[k] = convis_edge_baseline(m, l, k);
        if (l->type->baseline_vjp) l->type->baseline_vjp(&l->pass, x, d_y[j + 1], d_state, d_x, l->grad, l->grad_array);
        else {
            for (int k = 0; k < l->params; k++)
                if (l->requires_gradient >> k & 1 && !(l->fields[k].flags & CONVIS_ARRAY))
                    l->grad[k] += difference(l, x, d_y[j + 1], d_state, &l->param[k]);
            for (int k = 0; k < l->inputs; k++) d_x[k] = difference(l, x, d_y[j + 1], d_state, &x[k]);
        }
        for (int k = 0; k < l->inputs; k++)
            if (!convis_is_feedback(m, l, k) && l->in[k].from.id > 0) d_y[l->in[k].from.id] += d_x[k];
    }
    convis_release(m->context, d_y);
    return convis_device_sync(m->device);
}

/* ---- What comes out ---- */

static convis_status state_gradient(const convis_model *m, const model_layer *l, int s, double *values)
{
    const int64_t n = l->state_n[s];
    convis_real *host = m->staging ? convis_obtain(m->context, (size_t)n*sizeof *host) : NULL;
    if (m->staging && !host) return CONVIS_ENOMEM;
    const convis_real *from = convis_host_reach(m->device, l->pass.d_state[s], n, host);
    for (int64_t i = 0; i < n; i++) values[i] = (double)from[i];
    convis_release(m->context, host);
    return convis_device_sync(m->device);
}

convis_status convis_grad(const convis_model *m, const char *path, double *values, int64_t count)
{
    CONVIS_NEEDS(m, path, values);
    const char *member;
    model_layer *l = convis_find_layer(m, path, &member);
    int k = l ? convis_find_row(l->fields, member) : -1, s = l ? convis_find_row(l->type->states, member) : -1;
    if (k < 0 && s < 0) return convis_fail(m->context, CONVIS_ENAME, "'%s': the model has no such parameter or state", path);
    if (!m->planned || !m->recording || (k >= 0 && !(l->requires_gradient >> k & 1)))
        return convis_fail(m->context, CONVIS_ESTATE,
                           "%s: its gradient was not asked for (convis_require_gradient before convis_plan)", path);
    int64_t expected = k < 0 ? l->state_n[s] : l->fields[k].flags & CONVIS_ARRAY ? (int64_t)l->param[k] : 1;
    if (count != expected)
        return convis_fail(m->context, CONVIS_ESHAPE, "%s: room for %lld numbers, its gradient has %lld", path, (long long)count,
                           (long long)expected);
    if (!l->out.active) memset(values, 0, (size_t)count*sizeof *values);      /* no probed output depends on it */
    else if (k < 0) return state_gradient(m, l, s, values);
    else if (l->grad_array[k]) memcpy(values, l->grad_array[k], (size_t)count*sizeof *values);
    else values[0] = l->grad[k];
    return CONVIS_OK;
}

static void clear(const convis_model *m, convis_real *v, int64_t n) { convis_rows_fill(m->device, v, (convis_rows){ 1, n, n }, 0); }

convis_status convis_vjp_truncate(convis_model *m)
{
    CONVIS_NEEDS(m);
    if (not_recording(m)) return CONVIS_ESTATE;
    for (int j = 0; j < convis_buffer_count(m); j++) {
        const buffer *b = convis_buffer_at(m, j);
        if (b->active) clear(m, b->d, b->history*b->n);
    }
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        for (int k = 0; l->out.active && k < l->states; k++) clear(m, l->pass.d_state[k], l->state_n[k]);
    }
    return CONVIS_OK;
}

convis_status convis_grad_zero(convis_model *m)
{
    CONVIS_NEEDS(m);
    convis_status status = convis_vjp_truncate(m);
    for (int j = 0; !status && j < m->count; j++) {
        model_layer *l = &m->layers[j];
        for (int k = 0; k < l->params; k++) {
            l->grad[k] = 0;
            if (l->grad_array[k]) memset(l->grad_array[k], 0, (size_t)l->param[k]*sizeof(double));
        }
        if (l->out.from) memset(l->out.from, 0, (size_t)(m->chunk.dim[CONVIS_T]*l->out.n)*sizeof *l->out.from);
    }
    return status;
}
