/* remote_grad.c - the way back, on a device. Gradients of parameters are summed there and come home once a chunk. */
#include "remote.h"
#include "run.h"
#include <string.h>

static size_t bytes_of(int64_t n) { return (size_t)n*sizeof(convis_real); }

/* Gradients of the frames of this sub-chunk: those that later ones left for it, those from outside, else nothing. */
static void begin(convis_model *m, buffer *b, const turn *u)
{
    convis_device *d = m->remote->device;
    if (!b->active) return;
    const int64_t left = b->carry*b->n, now = u->frames*b->n;
    convis_remote_move(m, b->d + now, b->d, left);
    convis_device_zero(d, b->d, bytes_of(now < left ? now : left));      /* what was moved away ... */
    if (now > left) convis_device_zero(d, b->d + left, bytes_of(now - left));
    if (!b->from) return;
    convis_real *from = b->from + u->t0*b->n, *to = b->d + left;
    convis_device_put(d, CONVIS_QUEUE_RUN, m->remote->spare, from, bytes_of(now));
    convis_remote_add(m, to, m->remote->spare, now);
    memset(from, 0, bytes_of(now));
}

static void run_adjoint(const convis_model *m, const model_layer *l, const convis_pass *p)
{
    void *v[4 + 2*CONVIS_MAX_INPUTS + CONVIS_MAX_STATES + CONVIS_MAX_TAPE];
    convis_span span = convis_span_of(p, 0, l->out.n, l->out.n, l->out.n);
    convis_adjoint_buffers(l, p, v);
    convis_remote_run_kernel(p, l->type->adjoint, v, &span);
    for (int k = 0; k < p->inputs; k++) {                /* as add_twins of grad.c */
        const buffer *b = convis_source(m, l->in[k].from);
        if (!l->twin[k] || !b->active) continue;
        const int64_t past = p->history[k], n = (past + p->frames)*b->n;
        convis_remote_add(m, b->d + (b->carry - l->in[k].delay - past)*b->n, p->d_in[k] - past*b->n, n);
        convis_device_zero(m->remote->device, p->d_in[k] - past*b->n, bytes_of(n));
    }
}

static void layer_back(const convis_model *m, const model_layer *l, const turn *u)
{
    if (!l->out.active) return;
    convis_pass p = convis_pass_back(m, l, u);
    if (l->type->pointwise) run_adjoint(m, l, &p);
    else l->type->vjp(&p);
}

static void give_input(convis_model *m, const turn *u, const convis_tensor *d_in)
{
    struct convis_remote *r = m->remote;
    convis_device_get(r->device, CONVIS_QUEUE_RUN, r->gathered, m->input.d + m->input.carry*m->input.n, bytes_of(u->frames*m->input.n));
    convis_tensor_copy(convis_slice(*d_in, CONVIS_T, u->t0, u->t0 + u->frames), convis_frames_view(&m->input, r->gathered, u->frames));
}

/* The frames before the last run's stand before them again; and, called once more, the last frames do. */
static void exchange_past(const convis_model *m)
{
    convis_device *d = m->remote->device;
    for (int j = 0; j <= m->count; j++) {
        buffer *b = convis_source(m, (convis_node){ j });
        if (!b->before) continue;
        convis_device_copy(d, m->remote->spare, b->base, bytes_of(b->carry*b->n));
        convis_device_copy(d, b->base, b->before, bytes_of(b->carry*b->n));
        convis_device_copy(d, b->before, m->remote->spare, bytes_of(b->carry*b->n));
    }
}

/* Sums of scalars' maps and of arrays, to the gradients on the host; both begin anew. */
static void bring_home(convis_model *m, model_layer *l)
{
    convis_device *d = m->remote->device;
    for (int k = 0; k < l->params; k++) {
        if (!convis_can_learn(&l->fields[k])) continue;
        if (l->wanted >> k & 1) l->grad[k] += convis_remote_sum(m, l->pass.d_map + k*l->out.n, l->out.n);
        convis_device_zero(d, l->pass.d_map + k*l->out.n, bytes_of(l->out.n));
        if (!l->pass.d_values[k]) continue;
        const int64_t n = (int64_t)l->param[k];
        convis_device_get(d, CONVIS_QUEUE_RUN, l->values, l->pass.d_values[k], bytes_of(n));
        for (int64_t i = 0; i < n; i++) l->grad_array[k][i] += (double)l->values[i];
        convis_device_zero(d, l->pass.d_values[k], bytes_of(n));
    }
}

convis_status convis_remote_back(convis_model *m, const convis_tensor *d_in)
{
    struct convis_team team = { .threads = 1 };
    turn u = { .team = &team };
    exchange_past(m);
    for (u.t0 = (m->ran - 1)/m->batch*m->batch; m->ran && u.t0 >= 0; u.t0 -= m->batch) {
        u.frames = (int)(m->ran - u.t0 < m->batch ? m->ran - u.t0 : m->batch);
        begin(m, &m->input, &u);
        for (int j = 0; j < m->count; j++) begin(m, &m->layers[j].out, &u);
        for (int s = m->segment_count - 1; s >= 0; s--)
            for (int j = m->segments[s].count - 1; j >= 0; j--) layer_back(m, &m->layers[m->segments[s].first + j], &u);
        if (d_in) give_input(m, &u, d_in);
    }
    exchange_past(m);
    for (int j = 0; j < m->count; j++) if (m->layers[j].out.active) bring_home(m, &m->layers[j]);
    return convis_device_sync(m->remote->device);
}
