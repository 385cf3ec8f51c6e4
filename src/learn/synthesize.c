/* synthesize.c - optimises a movie by the gradient of a model's response to it, or of the difference of two models' responses.
 *
 * Pixels are moved in units of half the range around its middle, x in [-1, 1]. Where the contrast is limited, what is shown is
 * x, or x shrunk until its root mean square is the limit; shrinking never leaves the range. */
#include "base/context.h"
#include "base/text.h"
#include "learn/optimizers/optimizers.h"
#include "bptt.h"
#include "base/philox.h"
#include <convis/fit.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct synthesis {
    convis_context *context;
    const convis_synthesize_options *options;
    convis_bptt bptt[2];
    convis_feed    feed[2];
    int      models;
    convis_shape shape;
    int64_t  n, frames, pixels;      /* numbers of the movie; pixels: of a frame */
    convis_optimizer *optimizer;
    double  *x, *shown, *gradient, *best, *bounds;
    convis_real *movie, *d_movie;
    double   least, began;
    int64_t  iterations;
    convis_ended ended;
    convis_status canceled;
} synthesis;

static double middle(const synthesis *a) { return 0.5*(a->options->low + a->options->high); }
static double half(const synthesis *a)   { return 0.5*(a->options->high - a->options->low); }

/* ---- Contrast ---- */

/* What x must be multiplied with. */
static double shrinking(const synthesis *a, const double *x)
{
    double sum = 0;
    for (int64_t i = 0; i < a->n; i++) sum += x[i]*x[i];
    double rms = sqrt(sum/(double)a->n);
    return a->options->contrast > 0 && rms > a->options->contrast ? a->options->contrast/rms : 1;
}

/* The gradient by x from that by the movie shown: its part along x vanishes. So x itself may exceed the limit: to shrink it after
 * each step would mislead optimisers that scale each element by itself. */
static void shrink_gradient(const synthesis *a, const double *x, double by, double *gradient)
{
    double along = 0, size = 0;
    if (by >= 1) return;
    for (int64_t i = 0; i < a->n; i++) { along += gradient[i]*x[i]; size += x[i]*x[i]; }
    for (int64_t i = 0; i < a->n; i++) gradient[i] = by*(gradient[i] - along/size*x[i]);
}

/* ---- Goals ---- */

/* The mean response or mean squared difference over what counts; its gradients, times `sign`, go to bptt[k].gradient. */
static double goal(synthesis *a, double sign)
{
    const convis_synthesize_options *o = a->options;
    convis_bptt *p = &a->bptt[0], *q = &a->bptt[1];
    int64_t units = p->units, first = o->unit < 0 ? 0 : o->unit, last = o->unit < 0 ? units : o->unit + 1;
    double sum = 0, each = 1/((double)(a->frames - o->skip)*(double)(last - first));
    for (int k = 0; k < a->models; k++) memset(a->bptt[k].gradient, 0, (size_t)(a->frames*units)*sizeof *p->gradient);
    for (int64_t t = o->skip; t < a->frames; t++)
        for (int64_t i = t*units + first; i < t*units + last; i++) {
            double y = (double)p->prediction[i];
            double away = o->other ? y - (double)q->prediction[i] : o->target ? y - (double)o->target[i] : 0;
            int square = o->other || o->target;
            sum += square ? away*away : y;
            p->gradient[i] = (convis_real)(sign*each*(square ? 2*away : 1));
            if (o->other) q->gradient[i] = (convis_real)(-sign*each*2*away);
        }
    return sum*each;
}

/* weight times the mean of (x[i + apart] - x[i])^2 over neighbours along one dimension of (T, C, Y, X). */
static double smoothness(const synthesis *a, const double *x, double weight, int64_t apart, int64_t length, double *gradient)
{
    double sum = 0;
    int64_t count = a->n/length*(length - 1);
    if (!(weight > 0) || length < 2) return 0;
    double each = weight/(double)count;
    for (int64_t i = 0; i < a->n; i++) {
        if (i/apart%length == length - 1) continue;
        double d = x[i + apart] - x[i];
        sum += d*d;
        if (gradient) { gradient[i] -= 2*each*d; gradient[i + apart] += 2*each*d; }
    }
    return sum*each;
}

static convis_status read_movie(void *user, int64_t from, int64_t frames, convis_real *to)
{
    const synthesis *a = user;
    memcpy(to, a->movie + from*a->pixels, (size_t)(frames*a->pixels)*sizeof *to);
    return CONVIS_OK;
}

/* What is minimised, at x; reached: the goal itself. */
static convis_status evaluate(synthesis *a, const double *x, double *value, double *gradient, double *reached)
{
    const int64_t *d = a->shape.dim;
    double by = shrinking(a, x), sign = a->options->target ? 1 : -1;
    convis_status status = CONVIS_OK;
    for (int64_t i = 0; i < a->n; i++) {
        a->shown[i] = by*x[i];
        double pixel = middle(a) + half(a)*a->shown[i];
        a->movie[i] = (convis_real)(pixel < a->options->low ? a->options->low
                                    : pixel > a->options->high ? a->options->high
                                                               : pixel);
    }
    for (int k = 0; !status && k < a->models; k++) {
        status = convis_reset(a->bptt[k].model);
        if (!status) status = convis_grad_zero(a->bptt[k].model);
        if (!status) status = convis_bptt_forward(&a->bptt[k], 0, a->frames, gradient != NULL);
    }
    if (status) return status;
    *value = *reached = goal(a, sign);
    *value *= sign;
    if (gradient) memset(gradient, 0, (size_t)a->n*sizeof *gradient);
    for (int k = 0; gradient && !status && k < a->models; k++) {
        status = convis_bptt_back(&a->bptt[k], a->d_movie);
        for (int64_t i = 0; i < a->n; i++) gradient[i] += half(a)*(double)a->d_movie[i];
    }
    *value += smoothness(a, a->shown, a->options->smooth_time, a->pixels, d[CONVIS_T], gradient);
    *value += smoothness(a, a->shown, a->options->smooth_space, 1, d[CONVIS_X], gradient);
    *value += smoothness(a, a->shown, a->options->smooth_space, d[CONVIS_X], d[CONVIS_Y], gradient);
    if (gradient) shrink_gradient(a, x, by, gradient);
    return status;
}

static void note_best(synthesis *a, const double *x, double value)
{
    if (!(value <= a->least)) return;
    a->least = value;
    memcpy(a->best, x, (size_t)a->n*sizeof *x);
}

static convis_status objective(void *user, const double *x, double *value, double *gradient)
{
    synthesis *a = user;
    double reached;
    convis_status status = evaluate(a, x, value, gradient, &reached);
    if (!status) note_best(a, x, *value);
    return status;
}

/* ---- Optimisation ---- */

static int ask(synthesis *a, double value)
{
    double now = convis_seconds() - a->began;
    a->iterations++;
    a->canceled = convis_progress(a->context, "synthesize", a->iterations, a->options->iterations);
    if (a->canceled) return 1;
    const convis_fit_progress p = {
        .epoch = a->iterations, .epochs = a->options->iterations, .loss = value, .held_out = NAN, .best = a->least, .rate_factor = 1,
        .seconds = now, .seconds_left = now/(double)a->iterations*(double)(a->options->iterations - a->iterations),
    };
    if (!a->options->progress || !a->options->progress(a->options->user, &p)) return 0;
    a->ended = CONVIS_ENDED_STOPPED;
    return 1;
}

static convis_status take_steps(synthesis *a)
{
    double value, ignored;
    while (a->iterations < a->options->iterations) {
        convis_status status = evaluate(a, a->x, &value, a->gradient, &ignored);
        if (status) return status;
        if (!isfinite(value))
            return convis_fail(a->context, CONVIS_EINVAL, "synthesize: step %lld leads to a value that is not finite",
                                                 (long long)a->iterations);
        note_best(a, a->x, value);
        status = convis_optimizer_step(a->optimizer, a->x, a->gradient, a->bounds, a->bounds + a->n, 1);
        if (status) return status;
        if (ask(a, value)) return a->canceled;
    }
    convis_status status = evaluate(a, a->x, &value, NULL, &ignored);
    if (!status) note_best(a, a->x, value);
    return status;
}

static int after_evaluation(void *user, double value) { return ask(user, value); }

static convis_status search(synthesis *a)
{
    const int iterates = a->optimizer->type->iterates;
    const convis_minimize_options once = { .iterations = 1 },
                                  whole = { .evaluations = a->options->iterations, .stop = after_evaluation };
    double value = NAN;
    convis_status status = CONVIS_OK;
    while (!status && a->iterations < a->options->iterations) {
        status = convis_optimizer_minimize(a->optimizer, objective, a, a->x, a->bounds, a->bounds + a->n,
                                           iterates ? &once : &whole, &value);
        convis_ended ended = convis_optimizer_ended(a->optimizer);
        if (a->ended != CONVIS_ENDED_STOPPED && ended != CONVIS_ENDED_STOPPED) a->ended = ended;
        if (status || !iterates || ask(a, value) || ended != CONVIS_ENDED_LIMIT) break;
    }
    return status;
}

/* ---- Opening ---- */

static convis_status check(synthesis *a)
{
    const convis_synthesize_options *o = a->options;
    const struct { const char *what; double value; } from_zero[] = {
        { "contrast", o->contrast }, { "smooth_time", o->smooth_time }, { "smooth_space", o->smooth_space }, { "noise", o->noise },
        { "skip", (double)o->skip }, { "chunk", (double)o->chunk },
    };
    for (size_t k = 0; k < sizeof from_zero/sizeof *from_zero; k++)
        if (!(from_zero[k].value >= 0) || isinf(from_zero[k].value))
            return convis_fail(a->context, CONVIS_EINVAL, "synthesize: %s is %g, expected 0 or more", from_zero[k].what,
                               from_zero[k].value);
    if (!(o->low < o->high) || isinf(o->low) || isinf(o->high))
        return convis_fail(a->context, CONVIS_EINVAL, "synthesize: pixels from %g to %g, expected a range", o->low, o->high);
    if (o->iterations < 1) return convis_fail(a->context, CONVIS_EINVAL, "synthesize: %lld iterations, expected 1 or more",
                                              (long long)o->iterations);
    if (o->skip >= a->frames)
        return convis_fail(a->context, CONVIS_EINVAL, "synthesize: %lld frames are skipped, expected fewer than the movie's %lld",
                           (long long)o->skip, (long long)a->frames);
    if (o->target && o->other)
        return convis_fail(a->context, CONVIS_EINVAL, "synthesize: both a target and another model, expected one goal");
    return CONVIS_OK;
}

static convis_status open_bptt(synthesis *a, convis_model *m, convis_bptt *p)
{
    int planned = convis_state_size(m) > 0;
    convis_status status = planned ? CONVIS_OK : convis_require_gradient(m, "input");
    if (!status) status = convis_bptt_open(m, a->options->output, a->shape, a->options->chunk, a->frames, "movie", p);
    if (!status) status = convis_feed_open(m, NULL, a->options->given, a->options->given_count, p->chunk, &a->feed[a->models]);
    p->feed = &a->feed[a->models];
    p->read = read_movie;
    p->user = a;
    if (!status) a->models++;
    return status;
}

static convis_status open_models(synthesis *a, convis_model *m)
{
    const convis_synthesize_options *o = a->options;
    convis_status status = open_bptt(a, m, &a->bptt[0]);
    if (!status && o->other) status = open_bptt(a, o->other, &a->bptt[1]);
    if (status) return status;
    int64_t units = a->bptt[0].units;
    if (o->other && units != a->bptt[1].units)
        return convis_fail(a->context, CONVIS_ESHAPE,
                           "synthesize: the outputs of the two models have %lld and %lld numbers a frame", (long long)units,
                           (long long)a->bptt[1].units);
    if (o->unit >= units)
        return convis_fail(a->context, CONVIS_EINVAL, "synthesize: unit %lld, but '%s' has %lld numbers a frame, counted from 0",
                           (long long)o->unit,
                           a->bptt[0].output, (long long)units);
    return CONVIS_OK;
}

static convis_status obtain(synthesis *a)
{
    convis_optimizer_options how = a->options->optimizer;
    if (!how.kind) how.kind = "lbfgs";
    convis_status status = convis_optimizer_open(a->context, &how, a->n, &a->optimizer);
    if (status) return status;
    a->x = convis_obtain(a->context, 6*(size_t)a->n*sizeof *a->x);
    a->movie = a->x ? convis_obtain(a->context, 2*(size_t)a->n*sizeof *a->movie) : NULL;
    if (!a->movie) return CONVIS_ENOMEM;
    a->shown = a->x + a->n;
    a->gradient = a->shown + a->n;
    a->best = a->gradient + a->n;
    a->bounds = a->best + a->n;
    a->d_movie = a->movie + a->n;
    for (int64_t i = 0; i < a->n; i++) { a->bounds[i] = -1; a->bounds[a->n + i] = 1; }
    return CONVIS_OK;
}

static convis_status start(synthesis *a, const convis_real *movie)
{
    for (int64_t i = 0; i < a->n; i++) {
        double z, ignored, x = ((double)movie[i] - middle(a))/half(a);
        if (!isfinite((double)movie[i]))
            return convis_fail(a->context, CONVIS_EINVAL, "synthesize: pixel %lld of the start is not finite", (long long)i);
        philox_normal(philox_draw(a->options->seed, (uint64_t)i, 0), &z, &ignored);
        x += a->options->noise*z;
        a->x[i] = x < -1 ? -1 : x > 1 ? 1 : x;
    }
    double by = shrinking(a, a->x);
    for (int64_t i = 0; i < a->n; i++) a->x[i] *= by;
    memcpy(a->best, a->x, (size_t)a->n*sizeof *a->best);
    return CONVIS_OK;
}

static convis_status go(synthesis *a, convis_real *movie, convis_synthesize_report *report)
{
    double before = NAN, after = NAN;
    convis_status status = start(a, movie);
    if (!status) status = evaluate(a, a->x, &a->least, NULL, &before);
    if (status) return status;
    if (!isfinite(a->least)) return convis_fail(a->context, CONVIS_EINVAL, "synthesize: the response to the start is not finite");
    status = a->optimizer->type->step ? take_steps(a) : search(a);
    if (!status) status = a->canceled;
    if (status) a->ended = CONVIS_ENDED_FAILED;
    char sentence[768];
    convis_shorten(sentence, sizeof sentence, "%s", convis_message(a->context));
    double value;
    a->context->undisturbed++;
    convis_status last = evaluate(a, a->best, &value, NULL, &after);
    if (!last) memcpy(movie, a->movie, (size_t)a->n*sizeof *movie);
    for (int k = 0; !last && k < a->models; k++) last = convis_reset(a->bptt[k].model);
    a->context->undisturbed--;
    if (status) convis_fail(a->context, status, "%s", sentence);
    if (report) *report = (convis_synthesize_report){ before, after, a->iterations, a->ended, convis_seconds() - a->began };
    return status ? status : last;
}

convis_status convis_synthesize(convis_model *m, const convis_synthesize_options *options, convis_shape shape, convis_real *movie,
                           convis_synthesize_report *report)
{
    CONVIS_NEEDS_IN(convis_model_context(m), CONVIS_EINVAL, m, movie);
    static const convis_synthesize_options DEFAULTS = CONVIS_SYNTHESIZE_DEFAULTS;
    if (!options) options = &DEFAULTS;
    synthesis a = { .context = convis_model_context(m), .options = options, .shape = shape, .began = convis_seconds() };
    if (report) *report = (convis_synthesize_report){ NAN, NAN, 0, CONVIS_ENDED_FAILED, 0 };
    a.n = convis_elements(shape);
    a.frames = shape.dim[CONVIS_T];
    if (a.n < 1 || shape.dim[CONVIS_B] != 1)
        return convis_fail(a.context, CONVIS_ESHAPE, "synthesize: a movie of %lld numbers in %lld batches, expected one movie",
                           (long long)a.n, (long long)shape.dim[CONVIS_B]);
    a.pixels = a.n/a.frames;
    convis_status status = check(&a);
    if (!status) status = open_models(&a, m);
    if (!status) status = obtain(&a);
    if (!status) status = go(&a, movie, report);
    convis_optimizer_close(&a.optimizer);
    convis_release(a.context, a.x);
    convis_release(a.context, a.movie);
    for (int k = 0; k < 2; k++) {
        convis_bptt_close(&a.bptt[k]);
        convis_feed_close(&a.feed[k]);
    }
    return status;
}
