/* inputs.c - what a model takes: the movie, which is its first input, and further inputs by name. */
#include "base/finite.h"
#include "run.h"
#include <string.h>

static model_input *look_up(const convis_model *m, const char *name)
{
    const int k = convis_find_input(m, name);
    if (k >= 0) return &m->inputs[k];
    convis_fail(m->context, CONVIS_ENAME, "'%s': the model has no such input", name);
    return NULL;
}

/* ---- Building ---- */

static convis_status check_name(const convis_model *m, const char *name)
{
    const size_t length = strlen(name);
    if (m->planned)
        return convis_fail(m->context, CONVIS_ESTATE,
                           "%s: an input cannot be added or named while the model is planned (convis_unplan)", name);
    if (!length || length >= NAME_SIZE)
        return convis_fail(m->context, CONVIS_EINVAL, "'%s': an input's name has 1 to %d characters", name, NAME_SIZE - 1);
    if (convis_find_input(m, name) >= 0 || convis_has_layer(m, name))
        return convis_fail(m->context, CONVIS_ENAME, "%s: two inputs or layers have that name", name);
    return CONVIS_OK;
}

convis_status convis_add_input(convis_model *m, const char *name, convis_shape frame, convis_node *node)
{
    if (node) *node = (convis_node){ -1 };
    CONVIS_NEEDS(m, name, node);
    if (convis_refuse(m)) return m->status;
    convis_status status = check_name(m, name);
    if (!status && (frame.dim[CONVIS_T] != 1 || !convis_is_shape(frame)))
        status = convis_fail(m->context, CONVIS_ESHAPE,
                             "%s: frames of this input would be empty or too large, or more than one (T is 1)", name);
    model_input *more = status ? NULL : convis_obtain(m->context, (size_t)(m->input_count + 1)*sizeof *more);
    if (!more) return convis_stick(m, status ? status : CONVIS_ENOMEM);
    memcpy(more, m->inputs, (size_t)m->input_count*sizeof *more);
    convis_release(m->context, m->inputs);
    m->inputs = more;
    model_input *i = &m->inputs[m->input_count];
    strcpy(i->name, name);
    i->frame = i->frames.shape = frame;
    i->frames.n = convis_elements(frame);
    *node = convis_input_node(m->input_count++);
    return CONVIS_OK;
}

convis_status convis_name_input(convis_model *m, const char *name)
{
    CONVIS_NEEDS(m, name);
    if (convis_refuse(m)) return m->status;
    if (convis_find_input(m, name) == 0) return CONVIS_OK;
    convis_status status = check_name(m, name);
    if (status) return convis_stick(m, status);
    strcpy(m->inputs[0].name, name);
    return CONVIS_OK;
}

convis_status convis_input_baseline(convis_model *m, const char *name, double baseline)
{
    CONVIS_NEEDS(m, name);
    model_input *i = look_up(m, name);
    if (!i) return CONVIS_ENAME;
    if (!(baseline >= -1e30 && baseline <= 1e30))
        return convis_fail(m->context, CONVIS_EINVAL, "%s: its baseline is %g, expected a finite number", name, baseline);
    i->baseline = baseline;
    return CONVIS_OK;
}

convis_status convis_baseline(convis_model *m, double baseline)
{
    CONVIS_NEEDS(m);
    return convis_input_baseline(m, "input", baseline);
}

/* ---- Frames ---- */

/* frames: as many there must be, at most with `up_to`. */
static convis_status check_frames(const convis_model *m, const model_input *i, convis_tensor in, int64_t frames, int up_to)
{
    const int64_t *has = in.shape.dim, *b = i->frames.shape.dim;
    for (int d = 0; d < CONVIS_DIMS; d++)
        if (d != CONVIS_T ? has[d] != b[d] : has[d] < 0 || has[d] > frames || (!up_to && has[d] < frames))
            return convis_fail(m->context, CONVIS_ESHAPE,
                               "%s: (B, C, T, Y, X) = (%lld, %lld, %lld, %lld, %lld), %s (%lld, %lld, %s%lld, %lld, %lld)",
                               i->name, (long long)has[0], (long long)has[1], (long long)has[2], (long long)has[3],
                               (long long)has[4], up_to ? "planned for" : "expected", (long long)b[0], (long long)b[1],
                               up_to ? "up to " : "", (long long)frames, (long long)b[3], (long long)b[4]);
    if (!in.data && has[CONVIS_T])
        return convis_fail(m->context, CONVIS_EINVAL, "%s: %lld frames without data", i->name, (long long)has[CONVIS_T]);
    return CONVIS_OK;
}

convis_status convis_give(convis_model *m, const char *name, convis_tensor frames)
{
    CONVIS_NEEDS(m, name);
    if (convis_refuse(m)) return m->status;
    model_input *i = look_up(m, name);
    if (!i) return CONVIS_ENAME;
    if (!m->planned)
        return convis_fail(m->context, CONVIS_ESTATE, "%s: the model must be planned before it is given frames", name);
    if (i == m->inputs)
        return convis_fail(m->context, CONVIS_EINVAL, "%s: the first input's frames are given to convis_run", name);
    convis_status status = check_frames(m, i, frames, m->chunk.dim[CONVIS_T], 1);
    if (!status && !m->allow_nonfinite) status = convis_finite_check(m->context, CONVIS_EINVAL, i->name, frames, m->frame);
    i->is_given = !status;
    if (!status) i->given = frames;
    return status;
}

convis_status convis_give_memory(convis_model *m, const char *name, const convis_memory *in)
{
    convis_tensor frames;
    CONVIS_NEEDS(m, name, in);
    if (convis_refuse(m)) return m->status;
    model_input *i = look_up(m, name);
    if (!i) return CONVIS_ENAME;
    if (!m->planned)
        return convis_fail(m->context, CONVIS_ESTATE, "%s: the model must be planned before it is given frames", name);
    const convis_status status = convis_take_numbers(m, i, in, &frames);
    return status ? status : convis_give(m, name, frames);
}

/* Frames that lie one after the other, as the model's own, are read where they are, if they can be; others, and those that a delayed
 * input must find again after the call, are gathered first. */
static int lie_in_order(const buffer *b, convis_tensor in)
{
    const convis_tensor own = convis_frames_view(b, NULL, in.shape.dim[CONVIS_T]);
    for (int d = 0; d < CONVIS_DIMS; d++) if (in.shape.dim[d] > 1 && in.stride[d] != own.stride[d]) return 0;
    return 1;
}

convis_status convis_take_inputs(convis_model *m, convis_tensor movie, int keep)
{
    const int64_t frames = movie.shape.dim[CONVIS_T];
    convis_status status = check_frames(m, m->inputs, movie, m->chunk.dim[CONVIS_T], 1);
    for (int k = 1; k < m->input_count && !status; k++) {
        const model_input *i = &m->inputs[k];
        if (!i->is_given)
            return convis_fail(m->context, CONVIS_ESTATE, "%s: this input was not given (convis_give before each convis_run)",
                               i->name);
        if (!keep || i->given.shape.dim[CONVIS_T] < frames) status = check_frames(m, i, i->given, frames, 0);
    }
    if (!status && !m->allow_nonfinite)
        status = convis_finite_check(m->context, CONVIS_EINVAL, m->inputs->name, movie, keep ? 0 : m->frame);
    if (status) return status;
    m->inputs[0].given = movie;
    for (int k = 0; k < m->input_count && !status; k++) {
        model_input *i = &m->inputs[k];
        i->in_order = lie_in_order(&i->frames, convis_slice(i->given, CONVIS_T, 0, frames));
        const int direct = m->device->type->host_visible && i->in_order && !i->frames.history && !i->frames.probed;
        i->frames.direct = direct ? i->given.data : NULL;
    }
    return status;
}

void convis_leave_inputs(convis_model *m, int keep)
{
    for (int k = 0; k < m->input_count; k++) {
        m->inputs[k].frames.direct = NULL;
        m->inputs[k].gradient.data = NULL;               /* of an earlier run */
        if (!keep) m->inputs[k].is_given = 0;
    }
}

/* ---- Their gradients ---- */

static convis_status check_gradient(const convis_model *m, const model_input *i, const convis_tensor *d)
{
    const buffer *b = &i->frames;
    if (!b->active)
        return convis_fail(m->context, CONVIS_ESTATE,
                           "%s: its gradient was not asked for (convis_require_gradient before convis_plan)", i->name);
    for (int k = 0; k < CONVIS_DIMS; k++)
        if (d->shape.dim[k] != (k == CONVIS_T ? m->ran : b->shape.dim[k]))
            return convis_fail(m->context, CONVIS_ESHAPE,
                               "%s: room for its gradient of another shape than the last run's %lld frames", i->name,
                               (long long)m->ran);
    if (!d->data) return convis_fail(m->context, CONVIS_EINVAL, "%s: room for its gradient without data", i->name);
    return CONVIS_OK;
}

convis_status convis_vjp_input(convis_model *m, const char *name, const convis_tensor *d)
{
    CONVIS_NEEDS(m, name);
    if (convis_refuse(m)) return m->status;
    model_input *i = look_up(m, name);
    if (!i) return CONVIS_ENAME;
    convis_status status = d ? check_gradient(m, i, d) : CONVIS_OK;
    if (!status) i->gradient = d ? *d : (convis_tensor){ .data = NULL };
    return status;
}
