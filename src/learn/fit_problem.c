/* fit_problem.c - a model and a recording: the loss over a piece of the recording, its gradient, the regularisers, and the
 * loss over the held-out part. */
#include "base/text.h"
#include "fit_problem.h"
#include "engine/model.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

convis_status convis_fit_problem_fail(convis_fit_problem *f, convis_status status, const char *format, ...)
{
    char what[256], sentence[768];
    va_list ap;
    va_start(ap, format);
    convis_vshorten(what, sizeof what, format, ap);
    va_end(ap);
    convis_shorten(sentence, sizeof sentence, "%s", convis_message(f->context));
    return convis_fail(f->context, status, "%s: %s", what, sentence);
}

/* ---- Responses ---- */

static convis_status larger(convis_fit_problem *f, convis_fit_responses *a, int64_t frames)
{
    size_t numbers = (size_t)(f->info.trials*frames*f->info.units);
    if (frames <= a->room) return CONVIS_OK;
    convis_release(f->context, a->response);
    convis_release(f->context, a->mask);
    a->room = 0;
    a->mask = NULL;
    a->response = convis_obtain(f->context, numbers*sizeof *a->response);
    if (a->response) a->mask = convis_obtain(f->context, numbers*sizeof *a->mask);
    if (a->mask && !a->weight) a->weight = convis_obtain(f->context, (size_t)f->info.trials*sizeof *a->weight);
    if (!a->mask || !a->weight) return CONVIS_ENOMEM;
    a->room = frames;
    return CONVIS_OK;
}

/* The responses to these frames, unless they are here already. */
static convis_status responses_of(convis_fit_problem *f, convis_fit_responses *a, int64_t from, int64_t frames)
{
    if (a->frames == frames && a->from == from && frames) return CONVIS_OK;
    a->frames = 0;
    convis_status status = larger(f, a, frames);
    if (!status) status = convis_recording_response(f->recording, from, frames, a->response, a->mask);
    if (status) return status;
    int64_t each = frames*f->info.units;
    a->total = 0;
    for (int64_t k = 0; k < f->info.trials; k++) {
        a->weight[k] = 0;
        for (int64_t i = 0; i < each; i++) a->weight[k] += (double)a->mask[k*each + i];
        a->total += a->weight[k];
    }
    a->from = from;
    a->frames = frames;
    return CONVIS_OK;
}

/* Responses that never change cannot be fitted. Also finds the widest range, the scale of a large loss. */
static convis_status check_responses(convis_fit_problem *f)
{
    int64_t units = f->info.units, constant = 0;
    double *low = convis_obtain(f->context, 2*(size_t)units*sizeof *low), *high = low ? low + units : NULL;
    if (!low) return CONVIS_ENOMEM;
    for (int64_t u = 0; u < units; u++) { low[u] = INFINITY; high[u] = -INFINITY; }
    convis_status status = CONVIS_OK;
    double counted = 0;
    for (int64_t from = 0; !status && from < f->training; from += f->segment) {
        int64_t frames = f->training - from < f->segment ? f->training - from : f->segment;
        const convis_fit_responses *a = &f->responses;
        status = responses_of(f, &f->responses, from, frames);
        for (int64_t i = 0; !status && i < f->info.trials*frames*units; i++) {
            double r = (double)a->response[i];
            if (!(a->mask[i] > 0)) continue;
            counted++;
            low[i%units] = fmin(low[i%units], r);
            high[i%units] = fmax(high[i%units], r);
        }
    }
    for (int64_t u = 0; u < units; u++) {
        if (!(high[u] > low[u])) constant++;
        else f->scale = fmax(f->scale, (high[u] - low[u])*(high[u] - low[u]));
    }
    if (!status && counted <= 0)
        status = convis_fail(f->context, CONVIS_EINVAL, "response: nothing counts in the %lld frames of the training part",
                             (long long)f->training);
    else if (!status && constant == units)
        status = convis_fail(f->context, CONVIS_EINVAL,
                             "response: %s %g in all %lld frames of the training part, so there is nothing to "
                             "learn from it",
                             units == 1 ? "it is" : "all units are constant, the first", low[0], (long long)f->training);
    convis_release(f->context, low);
    return status;
}

/* ---- Opening ---- */

static convis_status read_stimulus(void *user, int64_t from, int64_t frames, convis_real *to)
{
    const convis_fit_problem *f = user;
    return convis_recording_stimulus(f->recording, from, frames, to);
}

convis_status convis_check_cells(const convis_bptt *p, int64_t units)
{
    const int64_t *d = p->out_shape.dim;
    if (p->units == units) return CONVIS_OK;
    return convis_fail(p->context, CONVIS_ESHAPE,
                       "response: %lld unit%s, but '%s' has (C, Y, X) = (%lld, %lld, %lld) numbers a frame%s", (long long)units,
                       units == 1 ? "" : "s", p->output, (long long)d[CONVIS_C], (long long)d[CONVIS_Y], (long long)d[CONVIS_X],
                       p->units > units ? "; a readout makes fewer of many" : "");
}

static convis_status check_dt(convis_fit_problem *f)
{
    double dt = convis_dt(f->model);
    if (fabs(dt - f->info.dt) <= 1e-9*dt) return CONVIS_OK;
    return convis_fail(f->context, CONVIS_EINVAL, "recording: frames of %g s, but those of the model are %g s", f->info.dt, dt);
}

static convis_status check_options(convis_fit_problem *f)
{
    const convis_fit_options *o = f->options;
    const struct { const char *what; double value; } from_zero[] = {
        { "epochs", (double)o->epochs }, { "segment", (double)o->segment }, { "chunk", (double)o->chunk },
        { "patience", (double)o->patience },
        { "tolerance", o->tolerance }, { "schedule_factor", o->schedule_factor }, { "schedule_patience", (double)o->schedule_patience },
        { "starts", o->starts }, { "spread", o->spread }, { "regularizer_count", o->regularizer_count },
    };
    for (size_t k = 0; k < sizeof from_zero/sizeof *from_zero; k++)
        if (!(from_zero[k].value >= 0) || isinf(from_zero[k].value))
            return convis_fail(f->context, CONVIS_EINVAL, "fit: %s is %g, expected 0 or more", from_zero[k].what,
                               from_zero[k].value);
    if (!(o->validate >= 0 && o->validate <= 0.9))
        return convis_fail(f->context, CONVIS_EINVAL, "fit: validate is %g, expected a fraction from 0 to 0.9", o->validate);
    return CONVIS_OK;
}

convis_status convis_fit_problem_open(convis_model *m, convis_recording *r, const convis_fit_options *o, int linear, int batch,
                                  convis_fit_problem *f)
{
    *f = (convis_fit_problem){ .context = convis_model_context(m), .model = m, .recording = r, .options = o, .loss = o->loss };
    convis_recording_info_get(r, &f->info);
    if (!f->loss.kind && !f->loss.function) f->loss.kind = "mse";
    if (f->loss.dt == 0) f->loss.dt = f->info.dt;
    convis_status status = check_options(f);
    if (!status) status = check_dt(f);
    f->held = (int64_t)floor(o->validate*(double)f->info.frames);
    f->training = f->info.frames - f->held;
    f->segment = batch || !o->segment || o->segment > f->training ? f->training : o->segment;
    const convis_shape frame = { { 1, f->info.channels, 1, f->info.height, f->info.width } };
    if (!status) status = convis_bptt_open(m, o->output, frame, o->chunk, f->segment, "stimulus", &f->bptt);
    if (!status) status = convis_feed_open(m, r, NULL, 0, f->bptt.chunk, &f->feed);
    f->bptt.feed = &f->feed;
    f->bptt.read = read_stimulus;
    f->bptt.user = f;
    f->bptt.truncate = o->truncate;
    if (!status) status = convis_check_cells(&f->bptt, f->info.units);
    if (!status) status = convis_parameter_vector_open(m, linear, &f->vector);
    if (!status) status = check_responses(f);
    if (status) convis_fit_problem_close(f);
    return status;
}

static void release_responses(convis_fit_problem *f, convis_fit_responses *a)
{
    convis_release(f->context, a->response);
    convis_release(f->context, a->mask);
    convis_release(f->context, a->weight);
}

void convis_fit_problem_close(convis_fit_problem *f)
{
    convis_parameter_vector_close(&f->vector);
    convis_bptt_close(&f->bptt);
    convis_feed_close(&f->feed);
    release_responses(f, &f->responses);
    release_responses(f, &f->held_responses);
    convis_release(f->context, f->trial);
    f->trial = NULL;
    f->responses = f->held_responses = (convis_fit_responses){ .from = 0 };
}

/* ---- The loss ---- */

/* The mean over trials, each weighted by how much of it counts; its gradient goes to bptt.gradient. */
static convis_status mean_over_trials(convis_fit_problem *f, const convis_fit_responses *a, int with_gradient, double *value)
{
    int64_t each = a->frames*f->info.units;
    convis_real *gradient = f->bptt.gradient;
    convis_status status = CONVIS_OK;
    *value = 0;
    if (with_gradient && f->info.trials > 1 && each > f->trial_room) {
        convis_release(f->context, f->trial);
        f->trial_room = 0;
        f->trial = convis_obtain(f->context, (size_t)each*sizeof *f->trial);
        if (!f->trial) return CONVIS_ENOMEM;
        f->trial_room = each;
    }
    if (with_gradient) memset(gradient, 0, (size_t)each*sizeof *gradient);
    for (int64_t k = 0; !status && k < f->info.trials; k++) {
        double one = 0, share = a->weight[k]/a->total;
        convis_real *to = !with_gradient ? NULL : f->info.trials > 1 ? f->trial : gradient;
        if (!(share > 0)) continue;
        status = convis_loss_evaluate(f->context, &f->loss, f->bptt.prediction, a->response + k*each, a->mask + k*each, a->frames,
                                      f->info.units, &one, to);
        *value += share*one;
        if (with_gradient && !status && to != gradient)
            for (int64_t i = 0; i < each; i++) gradient[i] += (convis_real)share*to[i];
    }
    if (!status && !isfinite(*value)) status = convis_fail(f->context, CONVIS_EINVAL, "loss: it is not finite");
    return status;
}

static convis_status loss_over(convis_fit_problem *f, convis_fit_responses *a, int64_t from, int64_t frames, int with_gradient,
                               double *value, double *weight)
{
    *value = *weight = 0;
    convis_status status = responses_of(f, a, from, frames);
    if (!status && with_gradient) status = convis_grad_zero(f->model);
    if (!status) status = convis_bptt_forward(&f->bptt, from, frames, with_gradient && a->total > 0);
    if (status || !(a->total > 0)) return status;
    *weight = a->total;
    status = mean_over_trials(f, a, with_gradient, value);
    if (status || !with_gradient) return status;
    status = convis_bptt_back(&f->bptt, NULL);
    return status ? status : convis_parameter_vector_collect(&f->vector);
}

convis_status convis_fit_problem_loss(convis_fit_problem *f, int64_t from, int64_t frames, int with_gradient, double *value,
                                      double *weight)
{
    return loss_over(f, &f->responses, from, frames, with_gradient, value, weight);
}

convis_status convis_fit_problem_held_out(convis_fit_problem *f, double *value)
{
    double weight;
    *value = NAN;
    if (!f->held) return CONVIS_OK;
    convis_status status = loss_over(f, &f->held_responses, f->training, f->held, 0, value, &weight);
    if (!status && !(weight > 0))
        status =
            convis_fail(f->context, CONVIS_EINVAL, "response: nothing counts in the %lld frames held out", (long long)f->held);
    return status;
}

convis_status convis_fit_problem_measure(convis_fit_problem *f, double *loss, double *held_out)
{
    double sum = 0, all = 0, value, weight, penalty = 0;
    convis_status status = convis_reset(f->model);
    for (int64_t from = 0; !status && from < f->training; from += f->segment) {
        int64_t frames = f->training - from < f->segment ? f->training - from : f->segment;
        status = convis_fit_problem_loss(f, from, frames, 0, &value, &weight);
        sum += weight*value;
        all += weight;
    }
    if (!status) status = convis_fit_problem_penalty(f, &penalty);
    *loss = sum/all + penalty;
    return status || !held_out ? status : convis_fit_problem_held_out(f, held_out);
}

/* ---- Regularisers ---- */

/* Whether the regulariser applies to this parameter: by its path or alias, or, if it is an array, by that of its layer. */
static int is_meant(const convis_fit_problem *f, const char *path, const convis_vector_part *v)
{
    const char *member;
    const model_layer *l = convis_find_layer(f->model, path, &member);
    size_t length = l ? strlen(l->name) : 0;
    if (!l || strncmp(v->path, l->name, length) || v->path[length] != '.') return 0;
    return *member ? !strcmp(v->path + length + 1, member) : v->array;
}

convis_status convis_fit_problem_penalty(convis_fit_problem *f, double *value)
{
    const convis_parameter_vector *s = &f->vector;
    convis_status status = CONVIS_OK;
    *value = 0;
    for (int j = 0; j < f->options->regularizer_count; j++) {
        convis_regularizer r = f->options->regularizers[j];
        int any = 0;
        for (int k = 0; !status && r.path && k < s->count; k++) {
            const convis_vector_part *v = &s->list[k];
            double one = 0;
            if (!is_meant(f, r.path, v)) continue;
            any = 1;
            status = convis_regularizer_add(f->context, &(convis_regularizer){ v->path, r.kind, r.weight, r.function, r.user },
                                            s->values + v->at, v->shape, &one, s->gradient + v->at);
            *value += one;
        }
        if (!status && !any)
            status = convis_fail(f->context, CONVIS_ENAME,
                                 "regularizer %s: '%s' is no parameter that is fitted, nor a layer with arrays "
                                 "that are",
                                 r.kind ? r.kind : "", r.path ? r.path : "");
        if (status) return status;
    }
    return status;
}
