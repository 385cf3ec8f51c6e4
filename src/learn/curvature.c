/* curvature.c - second derivatives of what a fit minimises, and derivatives of outputs along a direction: central differences of what is exact,
 *
 *      H v = (g(x + e v) - g(x - e v))/(2 e)                 J v = (y(x + e v) - y(x - e v))/(2 e)
 *
 * with e v no longer than `step` of each number's scale (parameter_vector.c), so that rounding and curvature cost about as much. */
#include "fit_problem.h"
#include "base/context.h"
#include <math.h>
#include <string.h>

static const double STEP = sizeof(convis_real) == sizeof(double) ? 1e-3 : 1e-2;

/* The largest e with which e v is a step of `step`; 0 of a direction that is 0. */
static double length_of(const convis_parameter_vector *s, const double *v, double step)
{
    double most = 0;
    for (int k = 0; k < s->count; k++)
        for (int64_t i = s->list[k].at; i < s->list[k].at + s->list[k].count; i++) most = fmax(most, fabs(v[i])/s->list[k].scale);
    return most > 0 ? step/most : 0;
}

/* Parameters at x + e v, all of them linear here. */
static convis_status move(convis_parameter_vector *s, const double *x, const double *v, double e, double *at)
{
    for (int k = 0; k < s->count; k++) {
        const convis_vector_part *p = &s->list[k];
        for (int64_t i = p->at; i < p->at + p->count; i++) {
            const double value = x[i] + e*v[i];
            if (value < p->least || value > p->most)
                return convis_fail(s->context, CONVIS_EINVAL, "%s: a step to %g would leave its bounds, %g to %g", p->path, value,
                                   p->least, p->most);
            at[i] = value/p->scale;
        }
    }
    return convis_parameter_vector_put(s, at);
}

/* Parameters at x again, whatever happened. */
static convis_status put_back(convis_parameter_vector *s, const double *x, double *at)
{
    for (int k = 0; k < s->count; k++)
        for (int64_t i = s->list[k].at; i < s->list[k].at + s->list[k].count; i++) at[i] = x[i]/s->list[k].scale;
    return convis_parameter_vector_put(s, at);
}

static convis_status gradient_at(convis_fit_problem *f)
{
    double value, weight, penalty;
    convis_status status = convis_reset(f->model);
    if (!status) status = convis_fit_problem_loss(f, 0, f->training, 1, &value, &weight);
    return status ? status : convis_fit_problem_penalty(f, &penalty);
}

/* One product; work: 2 n numbers. */
static convis_status product(convis_fit_problem *f, const double *x, const double *v, double step, double *to, double *work)
{
    convis_parameter_vector *s = &f->vector;
    const double e = length_of(s, v, step);
    convis_status status = CONVIS_OK;
    memset(to, 0, (size_t)s->n*sizeof *to);
    for (int side = 1; side >= -1 && e > 0 && !status; side -= 2) {
        status = move(s, x, v, side*e, work);
        if (!status) status = gradient_at(f);
        for (int64_t i = 0; i < s->n && !status; i++) to[i] += side*s->gradient[i]/(2*e);
    }
    return status;
}

convis_status convis_fit_hessian(convis_model *m, convis_recording *recording, const convis_fit_options *options,
                                 const double *directions, int64_t vectors, double step, double *products, int64_t count)
{
    static const convis_fit_options DEFAULTS = CONVIS_FIT_DEFAULTS;
    CONVIS_NEEDS_IN(convis_model_context(m), CONVIS_EINVAL, m, recording, directions, products);
    if (!options) options = &DEFAULTS;
    convis_context *c = convis_model_context(m);
    convis_fit_problem f;
    convis_status status = convis_fit_problem_open(m, recording, options, 1, 1, &f);
    if (status) return status;
    double *x = convis_obtain(c, 2*(size_t)f.vector.n*sizeof *x), *work = x ? x + f.vector.n : NULL;
    if (!x) status = CONVIS_ENOMEM;
    else if (count != f.vector.n)
        status = convis_fail(c, CONVIS_ESHAPE, "hessian: directions of %lld numbers, expected %lld", (long long)count,
                             (long long)f.vector.n);
    else if (step < 0 || !isfinite(step))
        status = convis_fail(c, CONVIS_EINVAL, "hessian: a step of %g, expected a positive number", step);
    if (x) memcpy(x, f.vector.values, (size_t)f.vector.n*sizeof *x);
    for (int64_t k = 0; k < vectors && !status; k++)
        status = product(&f, x, directions + k*count, step > 0 ? step : STEP, products + k*count, work);
    const convis_status back = x ? put_back(&f.vector, x, work) : CONVIS_OK;
    if (!status) status = back;
    if (!status) status = convis_reset(m);
    convis_release(c, x);
    convis_fit_problem_close(&f);
    return status;
}

/* ---- Along a direction ---- */

/* What a difference needs: parameters and state before, frames of its own. */
typedef struct along {
    convis_model *m;
    convis_parameter_vector vector;
    double *x, *work;
    void   *state;
    size_t  size;
    int     is_ready;                /* x and state are what they were */
    convis_real *frames;
} along;

static convis_status prepare(along *a, convis_tensor in, const double *direction)
{
    convis_context *c = convis_model_context(a->m);
    const int64_t numbers = convis_elements(in.shape);
    a->size = convis_state_size(a->m);
    convis_status status = direction ? convis_parameter_vector_open(a->m, 1, &a->vector) : CONVIS_OK;
    if (status) return status;
    a->state = convis_obtain(c, a->size + 1);
    a->frames = convis_obtain(c, (size_t)(numbers + 1)*sizeof *a->frames);
    if (direction) a->x = convis_obtain(c, 2*(size_t)a->vector.n*sizeof *a->x);
    if (!a->state || !a->frames || (direction && !a->x)) return CONVIS_ENOMEM;
    if (direction) {
        memcpy(a->x, a->vector.values, (size_t)a->vector.n*sizeof *a->x);
        a->work = a->x + a->vector.n;
    }
    status = convis_state_get(a->m, a->state);
    a->is_ready = !status;
    return status;
}

/* The i-th element, the last dimension fastest, in memory with these strides. */
static int64_t place_of(const convis_tensor *t, int64_t i)
{
    int64_t at = 0;
    for (int k = CONVIS_DIMS - 1; k >= 0; k--) {
        at += i%t->shape.dim[k]*t->stride[k];
        i /= t->shape.dim[k];
    }
    return at;
}

/* The output with all moved by e, added to `to` times `weight`. */
static convis_status add_side(along *a, convis_tensor in, const char *output, const double *direction, const convis_tensor *d_in,
                              double e, double weight, convis_real *to)
{
    convis_tensor y, moved = convis_view(a->frames, in.shape);
    convis_status status = direction ? move(&a->vector, a->x, direction, e, a->work) : CONVIS_OK;
    convis_tensor_copy(moved, in);
    for (int64_t i = 0; d_in && i < convis_elements(in.shape); i++) moved.data[i] += (convis_real)e*d_in->data[place_of(d_in, i)];
    if (!status) status = convis_state_put(a->m, a->state, a->size);
    if (!status) status = convis_run(a->m, moved);
    if (!status) status = convis_output(a->m, output, &y);
    for (int64_t i = 0; !status && i < convis_elements(y.shape); i++)
        to[i] = (convis_real)((weight > 0 ? 0 : (double)to[i]) + weight*(double)y.data[place_of(&y, i)]);
    return status;
}

/* e with which the frames change by at most `step` of their range. */
static double length_of_frames(convis_tensor in, const convis_tensor *d, double step)
{
    double most = 0, size = 0;
    for (int64_t i = 0; i < convis_elements(in.shape); i++) {
        most = fmax(most, fabs((double)d->data[place_of(d, i)]));
        size = fmax(size, fabs((double)in.data[place_of(&in, i)]));
    }
    return most > 0 ? step*fmax(size, 1e-3)/most : 0;
}

convis_status convis_jvp(convis_model *m, convis_tensor in, const char *output, const double *direction,
                         const convis_tensor *d_in, double step, convis_real *d_out)
{
    CONVIS_NEEDS_IN(convis_model_context(m), CONVIS_EINVAL, m, output, d_out);
    if (!in.data || (d_in && !d_in->data)) return convis_fail(convis_model_context(m), CONVIS_EINVAL, "jvp: frames without data");
    convis_context *c = convis_model_context(m);
    along a = { .m = m };
    if (convis_chunk(m) < 1) return convis_fail(c, CONVIS_ESTATE, "jvp: the model must be planned before");
    if (d_in && memcmp(&d_in->shape, &in.shape, sizeof in.shape))
        return convis_fail(c, CONVIS_ESHAPE, "jvp: the frames' direction has another shape than the frames");
    if (step < 0 || !isfinite(step)) return convis_fail(c, CONVIS_EINVAL, "jvp: a step of %g, expected a positive number", step);
    for (int64_t i = 0; d_in && i < convis_elements(in.shape); i++)
        if (!isfinite((double)d_in->data[place_of(d_in, i)]))
            return convis_fail(c, CONVIS_EINVAL, "jvp: number %lld of the frames' direction is not finite", (long long)i);
    if (!output) output = convis_output_name(m);
    convis_status status = prepare(&a, in, direction);
    double e = 0;
    if (!status && direction) e = length_of(&a.vector, direction, STEP);
    if (!status && d_in) {
        const double frames = length_of_frames(in, d_in, STEP);
        if (!(e > 0) || (frames > 0 && frames < e)) e = frames;
    }
    if (step > 0) e = step;
    if (!(e > 0)) e = 1;                                 /* a direction that is 0 */
    if (!status) status = add_side(&a, in, output, direction, d_in, e, 1/(2*e), d_out);
    if (!status) status = add_side(&a, in, output, direction, d_in, -e, -1/(2*e), d_out);
    convis_status back = a.is_ready && direction ? put_back(&a.vector, a.x, a.work) : CONVIS_OK;
    if (a.is_ready && !back) back = convis_state_put(m, a.state, a.size);
    if (!status) status = back;
    convis_parameter_vector_close(&a.vector);
    convis_release(c, a.x);
    convis_release(c, a.state);
    convis_release(c, a.frames);
    return status;
}
