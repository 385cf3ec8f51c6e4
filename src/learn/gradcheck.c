/* gradcheck.c - gradients against central differences of the same model: parameters, movie, initial states.
 *
 *      L = sum w[t,i] y[t,i]         w random, y an output over random frames, run in chunks
 *      (L(v + h) - L(v - h))/2h      against the backward pass
 *
 * A difference is only as good as L is exact: differences below the rounding of L over h count as agreement. */
#include "base/philox.h"
#include "engine/model.h"
#include "bptt.h"
#include <convis/fit.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const int IN_DOUBLE = sizeof(convis_real) == sizeof(double);
static const double SMALLEST_PART = 1e-3;                /* of a path's largest gradient: less is not judged by itself */
static const double KINK = 0.05;                         /* one-sided derivatives that differ by more are not rounding */

typedef struct check {
    convis_context *context;
    convis_model *model;
    const convis_gradcheck_options *options;
    convis_bptt bptt;
    convis_gradcheck_report *report;
    int64_t frames, room;
    double  step, tolerance, value, size;   /* size: the root of the sum of (w y)^2 */
    convis_real *movie, *d_movie, *weights;
    double *values, *gradients;      /* of one array or state at a time */
    int64_t longest;
    char   *through_spikes;          /* of node 0, the input, each layer and each further input: 1 where the path to the output leads
                                      * through spikes */
    convis_feed   feed;
    convis_given *given;             /* copies, whose numbers are changed one by one */
    convis_real **d_given;
} check;

static double uniform(const check *a, uint64_t stream, int64_t i)
{
    return philox_uniform(philox_draw(a->options->seed, (uint64_t)i, stream).word[0]);
}

static convis_status read_movie(void *user, int64_t from, int64_t frames, convis_real *to)
{
    const check *a = user;
    memcpy(to, a->movie + from*a->bptt.input_n, (size_t)(frames*a->bptt.input_n)*sizeof *to);
    return CONVIS_OK;
}

/* ---- Inputs beside the movie ---- */

static int64_t numbers_of(const convis_given *g) { return g->channels*g->height*g->width; }

static convis_status copy_given(check *a)
{
    const convis_gradcheck_options *o = a->options;
    if (!o->given_count) return CONVIS_OK;
    a->given = convis_obtain(a->context, (size_t)o->given_count*sizeof *a->given);
    a->d_given = a->given ? convis_obtain(a->context, (size_t)o->given_count*sizeof *a->d_given) : NULL;
    if (!a->d_given) return CONVIS_ENOMEM;
    for (int k = 0; k < o->given_count; k++) {
        const int64_t n = a->frames*numbers_of(&o->given[k]);
        convis_real *frames = convis_obtain(a->context, (size_t)n*sizeof *frames);
        a->given[k] = o->given[k];
        a->given[k].frames = frames;
        a->d_given[k] = frames ? convis_obtain(a->context, (size_t)n*sizeof *frames) : NULL;
        if (!a->d_given[k]) return CONVIS_ENOMEM;
        memcpy(frames, o->given[k].frames, (size_t)n*sizeof *frames);
    }
    return CONVIS_OK;
}

static void release_given(check *a)
{
    for (int k = 0; k < a->options->given_count && a->d_given; k++) {
        convis_release(a->context, (void *)(uintptr_t)a->given[k].frames);
        convis_release(a->context, a->d_given[k]);
    }
    convis_release(a->context, a->given);
    convis_release(a->context, a->d_given);
}

/* Where the gradients of a chunk's further inputs go. */
static convis_status take_gradients(void *user, int64_t from, int64_t frames)
{
    check *a = user;
    convis_status status = CONVIS_OK;
    for (int k = 0; k < a->options->given_count && !status; k++) {
        const convis_given *g = &a->given[k];
        const convis_tensor to = convis_feed_view(a->d_given[k] + from*numbers_of(g), frames, g->channels, g->height, g->width);
        status = convis_vjp_input(a->model, g->name, &to);
    }
    return status;
}

/* ---- L ---- */

static double sum_up(check *a, int power)
{
    double sum = 0;
    for (int64_t i = 0; i < a->frames*a->bptt.units; i++) {
        double part = (double)a->weights[i]*(double)a->bptt.prediction[i];
        sum += power == 2 ? part*part : part;
    }
    return sum;
}

/* From the state the model is in. */
static convis_status value(check *a, double *l)
{
    convis_status status = convis_bptt_forward(&a->bptt, 0, a->frames, 0);
    *l = sum_up(a, 1);
    return status;
}

static convis_status value_from_start(check *a, double *l)
{
    convis_status status = convis_reset(a->model);
    return status ? status : value(a, l);
}

static convis_status all_gradients(check *a)
{
    convis_status status = convis_reset(a->model);
    if (!status) status = convis_grad_zero(a->model);
    if (!status) status = convis_bptt_forward(&a->bptt, 0, a->frames, 1);
    a->size = sqrt(sum_up(a, 2));
    a->value = sum_up(a, 1);
    if (!status && !isfinite(a->size))
        status = convis_fail(a->context, CONVIS_EINVAL, "gradcheck: '%s' is not finite for this movie", a->bptt.output);
    memcpy(a->bptt.gradient, a->weights, (size_t)(a->frames*a->bptt.units)*sizeof *a->weights);
    return status ? status : convis_bptt_back(&a->bptt, a->model->inputs[0].frames.active ? a->d_movie : NULL);
}

/* ---- Rows ---- */

typedef convis_status setter(check *, const convis_item *, int64_t element, double value, double *l);

/* The element that sample k of so many tries: each part of the array has one. */
static int64_t element_of(const check *a, int64_t k, int64_t samples, int64_t count, uint64_t stream)
{
    int64_t first = k*count/samples, last = (k + 1)*count/samples;
    return first + (int64_t)(uniform(a, stream, k)*(double)(last - first));
}

static int64_t samples_of(const check *a, int64_t count)
{
    return a->options->samples && a->options->samples < count ? a->options->samples : count;
}

/* Where the one-sided derivatives differ and the gradient is one of them or lies between, as at the corner of a rectifier. */
static int at_a_kink(const check *a, double after, double before, double gradient)
{
    double low = fmin(after, before), high = fmax(after, before), apart = high - low, more = a->tolerance*apart;
    return IN_DOUBLE && apart > KINK*fmax(fabs(low), fabs(high)) && gradient >= low - more && gradient <= high + more
        && fabs(gradient - 0.5*(low + high)) > a->tolerance*fabs(gradient);
}

/* Rows of one path: `at` is the value of an element, `scale` what its step is a part of. */
static convis_status compare(check *a, const convis_item *item, int64_t count, uint64_t stream, const double *at, double scale,
                             double low, double high, const double *gradient, int judged, setter *set)
{
    int64_t samples = samples_of(a, count);
    convis_gradcheck_row *rows = a->report->rows + a->report->count;
    double largest = 0, rounding = 0;
    for (int64_t k = 0; k < samples; k++) {
        int64_t i = element_of(a, k, samples, count, stream);
        double h = a->step*fmax(fabs(at[i]), scale), up = fmin(at[i] + h, high), down = fmax(at[i] - h, low), above, below;
        convis_status status = convis_progress(a->context, "gradcheck", a->report->count + k, 0);
        a->context->undisturbed++;                       /* what is changed is put back */
        if (!status) status = set(a, item, i, up, &above);
        if (!status) status = set(a, item, i, down, &below);
        a->context->undisturbed--;
        if (status) return status;
        rows[k] = (convis_gradcheck_row){ .element = i, .gradient = gradient[i], .difference = (above - below)/(up - down) };
        rows[k].judged =
            judged && up > at[i] && down < at[i] && !at_a_kink(a, (above - a->value)/h, (a->value - below)/h, gradient[i]);
        snprintf(rows[k].path, sizeof rows[k].path, "%s", item->path);
        largest = fmax(largest, fmax(fabs(gradient[i]), fabs(rows[k].difference)));
        rounding = fmax(rounding, (IN_DOUBLE ? DBL_EPSILON : FLT_EPSILON)*a->size/h);
    }
    for (int64_t k = 0; k < samples; k++) {
        double both = fmax(fabs(rows[k].gradient), fabs(rows[k].difference));
        double least = fmax(SMALLEST_PART*largest, rounding/a->tolerance);
        double away = fabs(rows[k].gradient - rows[k].difference);
        rows[k].error = away > 0 || isnan(away) ? away/fmax(both, least) : 0;
        if (!rows[k].judged) continue;
        a->report->judged++;
        a->report->failed += !(rows[k].error <= a->tolerance);
        if (!(rows[k].error <= a->report->worst)) a->report->worst = rows[k].error;
    }
    a->report->count += samples;
    return CONVIS_OK;
}

/* ---- Parameters ---- */

static convis_status set_value(check *a, const convis_item *item, int64_t i)
{
    return item->array ? convis_set_array(a->model, item->path, a->values, item->count)
                       : convis_set(a->model, item->path, a->values[i]);
}

static convis_status set_parameter(check *a, const convis_item *item, int64_t i, double v, double *l)
{
    double before = a->values[i];
    a->values[i] = v;
    convis_status status = set_value(a, item, i);
    if (!status) status = value_from_start(a, l);
    a->values[i] = before;
    convis_status back = set_value(a, item, i);
    return status ? status : back;
}

static int layer_of(const check *a, const char *path)
{
    const char *member;
    const model_layer *l = convis_find_layer(a->model, path, &member);
    return l ? (int)(l - a->model->layers) : 0;
}

static convis_status check_parameter(check *a, const convis_item *item, uint64_t stream)
{
    double scale = 0;
    convis_status status = convis_grad(a->model, item->path, a->gradients, item->count);
    if (!status) status = item->array ? convis_get_array(a->model, item->path, a->values, item->count)
                                      : convis_get(a->model, item->path, a->values);
    if (status) return status;
    for (int64_t i = 0; i < item->count; i++) scale = fmax(scale, fabs(a->values[i]));
    if (scale == 0) scale = item->initial != 0 ? fabs(item->initial) : 0.1;
    return compare(a, item, item->count, stream, a->values, scale, item->min, item->max, a->gradients,
                   !a->through_spikes[1 + layer_of(a, item->path)], set_parameter);
}

/* ---- The movie and the states ---- */

static convis_status set_pixel(check *a, const convis_item *item, int64_t i, double v, double *l)
{
    convis_real before = a->movie[i];
    (void)item;
    a->movie[i] = (convis_real)v;
    convis_status status = value_from_start(a, l);
    a->movie[i] = before;
    return status;
}

static convis_status check_movie(check *a, uint64_t stream)
{
    const convis_item item = { .path = "input" };
    int64_t count = a->frames*a->bptt.input_n;
    if (!a->model->inputs[0].frames.active) return CONVIS_OK;
    for (int64_t i = 0; i < count; i++) {
        a->values[i] = (double)a->movie[i];
        a->gradients[i] = (double)a->d_movie[i];
    }
    return compare(a, &item, count, stream, a->values, a->options->high - a->options->low, -INFINITY, INFINITY, a->gradients,
                   !a->through_spikes[0], set_pixel);
}

static convis_status set_state(check *a, const convis_item *item, int64_t i, double v, double *l)
{
    convis_status status = convis_reset(a->model);
    if (status) return status;
    item->data[i] = (convis_real)v;
    return value(a, l);
}

static double largest(const convis_item *item)
{
    double most = 0;
    for (int64_t i = 0; i < item->count; i++) most = fmax(most, fabs((double)item->data[i]));
    return most;
}

/* A state's step is a part of what it becomes; what another state of the layer could not hold is rounding, and moves as far as that one. */
static double scale_of(const check *a, const convis_item *item)
{
    const double own = largest(item);
    double most = own;
    convis_item other;
    for (int k = 0; convis_list(a->model, CONVIS_STATE, k, &other); k++)
        if (layer_of(a, other.path) == layer_of(a, item->path)) most = fmax(most, largest(&other));
    return own > 1e-5*most ? own : most > 0 ? most : 1;
}

static convis_status check_state(check *a, const convis_item *item, uint64_t stream)
{
    double l;
    if (!a->model->layers[layer_of(a, item->path)].out.active) return CONVIS_OK;
    convis_status status = convis_grad(a->model, item->path, a->gradients, item->count);
    if (!status) status = value_from_start(a, &l);
    const double scale = status ? 1 : scale_of(a, item);
    if (!status) status = convis_reset(a->model);
    for (int64_t i = 0; i < item->count; i++) a->values[i] = (double)item->data[i];
    return status ? status : compare(a, item, item->count, stream, a->values, scale, -INFINITY, INFINITY, a->gradients,
                                     !a->through_spikes[1 + layer_of(a, item->path)], set_state);
}

static convis_status set_given(check *a, const convis_item *item, int64_t i, double v, double *l)
{
    convis_real *number = (convis_real *)(uintptr_t)a->given[item->inputs].frames + i, before = *number;
    *number = (convis_real)v;
    convis_status status = value_from_start(a, l);
    *number = before;
    return status;
}

/* Where in through_spikes. */
static int place_of_input(const check *a, const char *name)
{
    int k = 0;
    while (k < a->model->input_count - 1 && strcmp(a->model->inputs[k].name, name)) k++;
    return k ? a->model->count + k : 0;
}

static convis_status check_given(check *a, int k, uint64_t stream)
{
    const convis_given *g = &a->given[k];
    convis_item item = { .inputs = k };
    const int64_t count = a->frames*numbers_of(g);
    double low = INFINITY, high = -INFINITY;
    snprintf(item.path, sizeof item.path, "%s", g->name);
    for (int64_t i = 0; i < count; i++) {
        a->values[i] = (double)g->frames[i];
        a->gradients[i] = (double)a->d_given[k][i];
        low = fmin(low, a->values[i]);
        high = fmax(high, a->values[i]);
    }
    return compare(a, &item, count, stream, a->values, high > low ? high - low : 1, -INFINITY, INFINITY, a->gradients,
                   !a->through_spikes[place_of_input(a, g->name)], set_given);
}

/* ---- Spikes between a source and the output ---- */

/* The place of a source in through_spikes: layers by their node, further inputs after them. */
static int place_of(const check *a, convis_node from) { return from.id > 0 ? from.id : from.id ? a->model->count - 1 - from.id : 0; }

/* Whether the output checked depends on a layer's output, and then whether through spikes. Repeated until nothing changes, for feedback. */
static void find_spikes(check *a)
{
    const convis_model *m = a->model;
    char *reaches = a->through_spikes + m->count + 1 + m->input_count;
    reaches[1 + layer_of(a, a->bptt.output)] = 1;
    for (int changed = 1; changed;) {
        changed = 0;
        for (int j = m->count - 1; j >= 0; j--) {
            const model_layer *l = &m->layers[j];
            if (!reaches[1 + j]) continue;
            if (convis_is_spiking(l) && !a->through_spikes[1 + j]) a->through_spikes[1 + j] = changed = 1;
            for (int k = 0; k < l->inputs; k++) {
                int from = place_of(a, l->in[k].from);
                if (!reaches[from]) reaches[from] = changed = 1;
                if (a->through_spikes[1 + j] && !a->through_spikes[from]) a->through_spikes[from] = changed = 1;
            }
        }
    }
}

/* ---- All of it ---- */

static convis_status count_rows(check *a, int64_t *rows)
{
    convis_item item;
    *rows = a->model->inputs[0].frames.active ? samples_of(a, a->frames*a->bptt.input_n) : 0;
    a->longest = a->frames*a->bptt.input_n;
    for (int k = 0; k < a->options->given_count; k++) {
        const int64_t count = a->frames*numbers_of(&a->options->given[k]);
        *rows += samples_of(a, count);
        if (count > a->longest) a->longest = count;
    }
    for (int kind = 0; kind < 2; kind++)
        for (int k = 0; convis_list(a->model, kind ? CONVIS_STATE : CONVIS_PARAMETER, k, &item); k++) {
            if (!kind && !item.requires_gradient) continue;
            *rows += samples_of(a, item.count);
            if (item.count > a->longest) a->longest = item.count;
        }
    return *rows ? CONVIS_OK : convis_fail(a->context, CONVIS_ESTATE, "gradcheck: nothing requires gradient "
                                           "(convis_require_gradient before convis_plan)");
}

static convis_status obtain(check *a)
{
    int64_t rows, movie = a->frames*a->bptt.input_n, weights = a->frames*a->bptt.units;
    convis_status status = count_rows(a, &rows);
    if (!status) status = convis_bptt_room(&a->bptt, a->frames);
    if (status) return status;
    a->report->rows = convis_own(a->context, (size_t)(rows + 1)*sizeof *a->report->rows);
    a->movie = convis_obtain(a->context, (size_t)(2*movie + weights)*sizeof *a->movie);
    a->values = convis_obtain(a->context, 2*(size_t)a->longest*sizeof *a->values);
    a->through_spikes = convis_obtain(a->context, 2*(size_t)(a->model->count + 1 + a->model->input_count));
    if (!a->report->rows || !a->movie || !a->values || !a->through_spikes) return CONVIS_ENOMEM;
    a->d_movie = a->movie + movie;
    a->weights = a->d_movie + movie;
    a->gradients = a->values + a->longest;
    for (int64_t i = 0; i < movie; i++) {
        double part = uniform(a, 1, i);
        a->movie[i] = (convis_real)(a->options->low + (a->options->high - a->options->low)*part);
    }
    for (int64_t i = 0; i < weights; i++) a->weights[i] = (convis_real)(2*uniform(a, 2, i) - 1);
    find_spikes(a);
    return CONVIS_OK;
}

static convis_status check_all(check *a)
{
    convis_item item;
    uint64_t stream = 3;
    convis_status status = all_gradients(a);
    if (!status) status = check_movie(a, stream++);
    for (int k = 0; k < a->options->given_count && !status; k++) status = check_given(a, k, stream++);
    for (int k = 0; !status && convis_list(a->model, CONVIS_STATE, k, &item); k++) status = check_state(a, &item, stream++);
    for (int k = 0; !status && convis_list(a->model, CONVIS_PARAMETER, k, &item); k++)
        if (item.requires_gradient) status = check_parameter(a, &item, stream++);
    return status ? status : convis_reset(a->model);
}

static convis_status check_options(convis_context *c, const convis_gradcheck_options *o)
{
    if (o->frames < 1 || o->chunk < 0)
        return convis_fail(c, CONVIS_EINVAL, "gradcheck: %lld frames in chunks of %lld, expected 1 or more", (long long)o->frames,
                           (long long)o->chunk);
    if (!(o->low < o->high) || isinf(o->low) || isinf(o->high))
        return convis_fail(c, CONVIS_EINVAL, "gradcheck: pixels from %g to %g, expected a range", o->low, o->high);
    if (!(o->step >= 0 && o->step < 1) || !(o->tolerance >= 0) || o->samples < 0)
        return convis_fail(c, CONVIS_EINVAL,
                           "gradcheck: a step of %g, a tolerance of %g, %d samples, expected 0 or more, and less than "
                           "1 of the step",
                           o->step, o->tolerance, o->samples);
    return CONVIS_OK;
}

convis_status convis_gradcheck(convis_model *m, const convis_gradcheck_options *options, convis_gradcheck_report *report)
{
    CONVIS_NEEDS_IN(convis_model_context(m), CONVIS_EINVAL, m, report);
    static const convis_gradcheck_options DEFAULTS = CONVIS_GRADCHECK_DEFAULTS;
    if (!options) options = &DEFAULTS;
    check a = { .context = convis_model_context(m), .model = m, .options = options, .report = report, .frames = options->frames };
    *report = (convis_gradcheck_report){ .rows = NULL };
    a.step = options->step > 0 ? options->step : IN_DOUBLE ? 1e-5 : 1e-2;
    a.tolerance = options->tolerance > 0 ? options->tolerance : IN_DOUBLE ? 1e-4 : 2e-2;
    convis_status status = check_options(a.context, options);
    convis_shape frame = m->planned ? m->chunk : options->frame;
    if (!status && !m->planned) status = convis_require_gradient(m, "*");
    if (!status && !m->planned) status = convis_require_gradient(m, "input");
    for (int k = 0; k < options->given_count && !status && !m->planned; k++)
        status = convis_require_gradient(m, options->given[k].name);
    if (!status) status = convis_bptt_open(m, options->output, frame, options->chunk, a.frames, "frames", &a.bptt);
    if (status) return status;
    a.bptt.read = read_movie;
    a.bptt.user = &a;
    status = copy_given(&a);
    if (!status) status = convis_feed_open(m, NULL, a.given, options->given_count, a.bptt.chunk, &a.feed);
    a.bptt.feed = &a.feed;
    if (options->given_count) a.bptt.take = take_gradients;
    if (!status) status = obtain(&a);
    if (!status) status = check_all(&a);
    convis_release(a.context, a.movie);
    convis_release(a.context, a.values);
    convis_release(a.context, a.through_spikes);
    convis_bptt_close(&a.bptt);
    convis_feed_close(&a.feed);
    release_given(&a);
    if (status) convis_gradcheck_free(a.context, report);
    return status;
}

void convis_gradcheck_free(convis_context *c, convis_gradcheck_report *report)
{
    (void)c;
    if (!report) return;
    convis_disown(report->rows);
    *report = (convis_gradcheck_report){ .rows = NULL };
}
