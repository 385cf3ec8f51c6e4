/* fit.c - epochs: steps or searches, schedules, early stopping, several starts, and going on after a kill. */
#include "base/context.h"
#include "fit_problem.h"
#include "base/philox.h"
#include "base/text.h"
#include "learn/optimizers/optimizers.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double DIVERGED = 1e6, DECAY = 0.95, PLATEAU = 0.5;
enum { PLATEAU_PATIENCE = 5 };

typedef struct fit {
    convis_fit_problem f;
    const convis_fit_options *options;
    convis_optimizer *optimizer;
    convis_optimizer_options how;
    const convis_optimizer_type *type;
    int64_t  n;
    double  *x, *gradient, *best, *overall, *origin, *ran;       /* ran: the x whose run over the training part ... */
    int      at_end;                 /* ... ended in the model's present state */
    convis_fit_progress_state progress;
    double   began, first;           /* s; the first value of a search */
    int64_t  evaluations;
    convis_status status;            /* of an epoch's end inside a search */
    int      resumed;
    int64_t  epochs_before;
} fit;

static size_t bytes(const fit *a) { return (size_t)a->n*sizeof *a->x; }

/* ---- Schedules ---- */

static const char *const SCHEDULES[] = { "constant", "exponential", "cosine", "plateau" };
static const char *schedule_list(int index, const char **doc)
{
    if (doc) *doc = "";
    return index >= 0 && index < 4 ? SCHEDULES[index] : NULL;
}

/* -1: there is none of that name. */
static int schedule_of(const convis_fit_options *o)
{
    for (int k = 0; o->schedule && k < 4; k++) if (!strcmp(o->schedule, SCHEDULES[k])) return k;
    return o->schedule ? -1 : 0;
}

static double rate_factor(const fit *a)
{
    double factor = a->options->schedule_factor, epoch = (double)a->progress.epoch, all = (double)a->options->epochs;
    switch (schedule_of(a->options)) {
    case 1: return pow(factor > 0 ? factor : DECAY, epoch);
    case 2: return 0.5*(1 + cos(M_PI*epoch/all));
    case 3: return a->progress.factor;
    default: return 1;
    }
}

static void look_for_plateau(fit *a)
{
    int64_t patience = a->options->schedule_patience ? a->options->schedule_patience : PLATEAU_PATIENCE;
    double factor = a->options->schedule_factor;
    if (schedule_of(a->options) == 3 && a->progress.idle > 0 && a->progress.idle%patience == 0)
        a->progress.factor *= factor > 0 ? factor : PLATEAU;
}

/* ---- After an epoch ---- */

/* The held-out loss at x; the model may have to be run up to there. */
static convis_status held_out_at(fit *a, const double *x, double *value)
{
    convis_status status = CONVIS_OK;
    double loss;
    if (a->at_end && !memcmp(a->ran, x, bytes(a))) status = convis_fit_problem_held_out(&a->f, value);
    else {
        status = convis_parameter_vector_put(&a->f.vector, x);
        if (!status) status = convis_fit_problem_measure(&a->f, &loss, value);
    }
    a->at_end = 0;
    return status;
}

/* The value by which x is judged: its held-out loss, else that of training. The latter is `loss`, but not after steps, which know it only at
 * the points before the last. */
static convis_status judged_at(fit *a, const double *x, double loss, double *held_out, double *value)
{
    *held_out = NAN;
    *value = loss;
    if (!a->f.held && a->type->minimize) return CONVIS_OK;
    convis_status status = a->f.held ? held_out_at(a, x, held_out) : convis_fit_problem_measure(&a->f, value, NULL);
    if (a->f.held) *value = *held_out = status ? INFINITY : *held_out;
    else if (status) *value = INFINITY;                  /* not finite: not a candidate */
    return status == CONVIS_EINVAL ? CONVIS_OK : status;
}

/* Whether this is better than the best so far, by how much counts as gain. */
static void judge(fit *a, const double *x, double value)
{
    double gain = a->progress.best - value;
    if (gain > 0) {
        memcpy(a->best, x, bytes(a));
        a->progress.best = value;
        a->progress.best_epoch = a->progress.epoch;
    }
    a->progress.idle = gain > a->options->tolerance*fabs(value) ? 0 : a->progress.idle + 1;
    look_for_plateau(a);
}

static convis_status write_checkpoint(fit *a)
{
    const convis_fit_vectors v = { a->x, a->best, a->overall, a->origin };
    convis_fit_progress_state progress = a->progress;
    progress.seconds += convis_seconds() - a->began;
    return a->options->checkpoint ? convis_fit_checkpoint_write(&a->f, a->options->checkpoint, &progress, &v, a->optimizer)
                                  : CONVIS_OK;
}

static int ask(fit *a, double loss, double held_out)
{
    int64_t most = a->options->epochs*a->options->starts, left = most - a->progress.start*a->options->epochs - a->progress.epoch;
    double now = convis_seconds() - a->began, each = now/(double)(a->progress.epochs - a->epochs_before);
    const convis_fit_progress p = {
        .start = (int)a->progress.start, .epoch = a->progress.epoch, .epochs = a->options->epochs, .loss = loss, .held_out = held_out,
        .best = a->progress.best, .rate_factor = rate_factor(a), .seconds = a->progress.seconds + now, .seconds_left = each*(double)left,
    };
    return a->options->progress ? a->options->progress(a->options->user, &p) : 0;
}

/* x has this training loss, or, after steps, it is that of the steps up to x. ended: why this must be the last epoch, or LIMIT. Not 0: it
 * is, and progress.ended gives the reason. */
static int end_epoch(fit *a, const double *x, double loss, int better, convis_ended ended)
{
    double held_out = NAN, value = INFINITY;
    a->progress.epoch++;
    a->progress.epochs++;
    if (better) a->status = judged_at(a, x, loss, &held_out, &value);
    if (a->status) return 1;
    judge(a, x, value);
    a->progress.ended = ended;
    if (ended == CONVIS_ENDED_LIMIT && a->options->patience && a->progress.idle >= a->options->patience)
        a->progress.ended = CONVIS_ENDED_PATIENCE;
    a->status = write_checkpoint(a);
    if (a->status) return 1;
    a->status = convis_progress(a->f.context, "fit", a->progress.epoch, a->options->epochs);
    if (a->status) return 1;
    if (ask(a, loss, held_out)) a->progress.ended = CONVIS_ENDED_STOPPED;
    return a->progress.ended != CONVIS_ENDED_LIMIT || a->progress.epoch >= a->options->epochs;
}

/* ---- Steps ---- */

static convis_status one_step(fit *a, int64_t from, int64_t frames, double *value, double *weight)
{
    convis_parameter_vector *v = &a->f.vector;
    double penalty;
    convis_status status = convis_fit_problem_loss(&a->f, from, frames, 1, value, weight);
    if (status || !(*weight > 0)) return status;
    status = convis_fit_problem_penalty(&a->f, &penalty);
    *value += penalty;
    convis_parameter_vector_chain(v, a->x, a->gradient);
    if (!status) status = convis_optimizer_step(a->optimizer, a->x, a->gradient, v->low, v->high, rate_factor(a));
    return status ? status : convis_parameter_vector_put(v, a->x);
}

static convis_status step_epoch(fit *a, double *loss)
{
    double sum = 0, all = 0, value, weight;
    convis_status status = convis_parameter_vector_put(&a->f.vector, a->x);
    if (!status) status = convis_reset(a->f.model);
    for (int64_t from = 0; !status && from < a->f.training; from += a->f.segment) {
        int64_t frames = a->f.training - from < a->f.segment ? a->f.training - from : a->f.segment;
        status = one_step(a, from, frames, &value, &weight);
        sum += weight*value;
        all += weight;
        if (status)
            return convis_fit_problem_fail(&a->f, status, "fit: epoch %lld, frames %lld to %lld",
                                           (long long)a->progress.epoch + 1, (long long)from, (long long)(from + frames - 1));
    }
    *loss = sum/all;
    memcpy(a->ran, a->x, bytes(a));
    a->at_end = !status;
    return status;
}

static convis_status take_steps(fit *a)
{
    for (int over = 0; !over && a->progress.epoch < a->options->epochs;) {
        double loss = NAN;
        convis_status status = step_epoch(a, &loss);
        if (status) return status;
        if (loss - a->progress.loss_before > DIVERGED*(a->f.scale + fabs(a->progress.loss_before)))
            return convis_fail(a->f.context, CONVIS_EINVAL,
                               "fit: epoch %lld: the loss has grown from %g to %g; the steps diverge, "
                               "and a smaller rate may help",
                               (long long)a->progress.epoch + 1, a->progress.loss_before, loss);
        over = end_epoch(a, a->x, loss, 1, CONVIS_ENDED_LIMIT);
        if (a->status) return a->status;
    }
    return CONVIS_OK;
}

/* ---- Searches ---- */

static convis_status objective(void *user, const double *x, double *value, double *gradient)
{
    fit *a = user;
    double penalty = 0, weight;
    a->at_end = 0;
    convis_status status = convis_parameter_vector_put(&a->f.vector, x);
    if (!status) status = convis_reset(a->f.model);
    if (!status) status = convis_fit_problem_loss(&a->f, 0, a->f.training, gradient != NULL, value, &weight);
    if (!status) status = convis_fit_problem_penalty(&a->f, &penalty);
    *value += penalty;
    if (gradient && !status) convis_parameter_vector_chain(&a->f.vector, x, gradient);
    if (!status) {
        memcpy(a->ran, x, bytes(a));
        a->at_end = 1;
    }
    /* A value that is not finite is a fault at the first point; at others the search avoids it. */
    if (status == CONVIS_EINVAL && a->evaluations) { status = CONVIS_OK; *value = NAN; }
    a->evaluations++;
    return status;
}

static convis_status iterate(fit *a)
{
    for (int over = 0; !over && a->progress.epoch < a->options->epochs;) {
        double value = NAN;
        const convis_minimize_options once = { .iterations = 1 };
        convis_status status =
            convis_optimizer_minimize(a->optimizer, objective, a, a->x, a->f.vector.low, a->f.vector.high, &once, &value);
        if (status) return status;
        over = end_epoch(a, a->x, value, 1, convis_optimizer_ended(a->optimizer));
        if (a->status) return a->status;
    }
    return CONVIS_OK;
}

static int after_evaluation(void *user, double value)
{
    fit *a = user;
    int better = value <= a->first;
    if (better) a->first = value;
    return end_epoch(a, a->x, value, better, CONVIS_ENDED_LIMIT);
}

static convis_status search(fit *a)
{
    double value;
    const convis_minimize_options whole = { .evaluations = a->options->epochs - a->progress.epoch, .stop = after_evaluation };
    if (whole.evaluations <= 0) return CONVIS_OK;
    a->first = INFINITY;
    convis_status status = convis_optimizer_minimize(a->optimizer, objective, a, a->x, a->f.vector.low, a->f.vector.high, &whole,
                                                     &value);
    convis_ended ended = convis_optimizer_ended(a->optimizer);
    if (ended == CONVIS_ENDED_CONVERGED || ended == CONVIS_ENDED_STUCK) a->progress.ended = ended;
    return a->status ? a->status : status;
}

/* ---- Starts ---- */

static void perturb(fit *a)
{
    for (int64_t i = 0; i < a->n; i++) {
        double z, ignored, low = a->f.vector.low[i], high = a->f.vector.high[i];
        philox_normal(philox_draw(a->options->seed, (uint64_t)i, (uint64_t)a->progress.start), &z, &ignored);
        a->x[i] = a->origin[i] + (a->progress.start ? a->options->spread*z : 0);
        a->x[i] = a->x[i] < low ? low : a->x[i] > high ? high : a->x[i];
    }
}

static convis_status begin(fit *a)
{
    double loss = NAN, held_out = NAN;
    convis_optimizer_close(&a->optimizer);
    convis_status status = convis_optimizer_open(a->f.context, &a->how, a->n, &a->optimizer);
    if (status) return status;
    perturb(a);
    memcpy(a->best, a->x, bytes(a));
    a->evaluations = 0;
    a->progress.epoch = a->progress.idle = a->progress.best_epoch = 0;
    a->progress.factor = 1;
    a->progress.ended = CONVIS_ENDED_LIMIT;
    status = convis_parameter_vector_put(&a->f.vector, a->x);
    if (!status) status = convis_fit_problem_measure(&a->f, &loss, &held_out);
    if (status) return status;
    a->progress.best = a->f.held ? held_out : loss;
    if (a->progress.start == 0) {
        a->progress.loss_before = loss;
        a->progress.held_out_before = held_out;
    }
    return CONVIS_OK;
}

/* The best start so far. */
static void record_best(fit *a)
{
    if (a->progress.start && !(a->progress.best < a->progress.overall)) return;
    memcpy(a->overall, a->best, bytes(a));
    a->progress.overall = a->progress.best;
    a->progress.overall_epoch = a->progress.best_epoch;
    a->progress.overall_start = a->progress.start;
    a->progress.overall_ended = a->progress.ended;
}

static int all_is_over(const fit *a)
{
    return a->progress.ended == CONVIS_ENDED_STOPPED || a->progress.start + 1 >= a->options->starts;
}

static convis_status run_starts(fit *a)
{
    for (int going = a->resumed;; going = 0) {
        convis_status status = going ? CONVIS_OK : begin(a);
        if (going) a->evaluations = 1;
        if (status == CONVIS_EINVAL && a->progress.start > 0)
            a->progress.best = INFINITY;     /* perturbed to where the loss is not finite */
        else {
            if (status) return status;
            if (a->progress.ended == CONVIS_ENDED_LIMIT)
                status = a->type->step ? take_steps(a) : a->type->iterates ? iterate(a) : search(a);
            if (status) a->progress.ended = CONVIS_ENDED_FAILED;
        }
        record_best(a);
        if (status && (status != CONVIS_EINVAL || a->progress.start == 0)) return status;
        if (all_is_over(a)) return CONVIS_OK;
        a->progress.start++;
    }
}

/* ---- The fit ---- */

static convis_status look_up(convis_context *c, const convis_fit_options *o, convis_optimizer_options *how,
                             const convis_optimizer_type **type)
{
    *how = o->optimizer;
    if (!how->kind) how->kind = "lbfgs";
    convis_status status = convis_optimizer_named(c, how->kind, type);
    return status || schedule_of(o) >= 0 ? status : convis_no_such_name(c, "schedule", o->schedule, schedule_list);
}

static convis_status obtain(fit *a)
{
    a->n = a->f.vector.n;
    a->x = convis_obtain(a->f.context, 6*bytes(a));
    if (!a->x) return CONVIS_ENOMEM;
    a->gradient = a->x + a->n;
    a->best = a->gradient + a->n;
    a->overall = a->best + a->n;
    a->origin = a->overall + a->n;
    a->ran = a->origin + a->n;
    convis_parameter_vector_get(&a->f.vector, a->origin);
    memcpy(a->overall, a->origin, bytes(a));
    return convis_optimizer_open(a->f.context, &a->how, a->n, &a->optimizer);
}

static convis_status resume(fit *a)
{
    const convis_fit_vectors v = { a->x, a->best, a->overall, a->origin };
    if (!a->options->checkpoint) return CONVIS_OK;
    convis_status status = convis_fit_checkpoint_read(&a->f, a->options->checkpoint, &a->progress, &v, a->optimizer, &a->resumed);
    a->epochs_before = a->progress.epochs;
    return status;
}

/* The best parameters go into the model, whatever the status; its message stays. */
static convis_status finish(fit *a, convis_status status, convis_fit_report *report)
{
    char sentence[768];
    double loss = NAN, held_out = NAN;
    convis_shorten(sentence, sizeof sentence, "%s", convis_message(a->f.context));
    a->f.context->undisturbed++;
    convis_status last = convis_parameter_vector_put(&a->f.vector, a->overall);
    if (!last) last = convis_fit_problem_measure(&a->f, &loss, &held_out);
    if (!last || last == CONVIS_EINVAL) last = convis_reset(a->f.model);
    a->f.context->undisturbed--;
    if (status) convis_fail(a->f.context, status, "%s", sentence);
    if (report)
        *report = (convis_fit_report){
            .parameters = a->n, .epochs = a->progress.epochs, .resumed = a->epochs_before, .best_start = (int)a->progress.overall_start,
            .best_epoch = a->progress.overall_epoch, .loss_before = a->progress.loss_before, .held_out_before = a->progress.held_out_before,
            .loss = loss, .held_out = held_out, .ended = status ? CONVIS_ENDED_FAILED : (convis_ended)a->progress.overall_ended,
            .seconds = a->progress.seconds + convis_seconds() - a->began,
        };
    return status ? status : last;
}

convis_status convis_fit(convis_model *m, convis_recording *recording, const convis_fit_options *options,
                         convis_fit_report *report)
{
    CONVIS_NEEDS_IN(convis_model_context(m), CONVIS_EINVAL, m, recording);
    static const convis_fit_options DEFAULTS = CONVIS_FIT_DEFAULTS;
    if (!options) options = &DEFAULTS;
    convis_context *c = convis_model_context(m);
    fit a = { .options = options, .began = convis_seconds() };
    if (report) *report = (convis_fit_report){ .ended = CONVIS_ENDED_FAILED };
    convis_status status = look_up(c, options, &a.how, &a.type);
    if (!status && (options->epochs < 1 || options->starts < 1))
        status = convis_fail(c, CONVIS_EINVAL, "fit: %lld epochs and %d starts, expected 1 or more of each",
                             (long long)options->epochs, options->starts);
    /* Weight decay draws parameters towards 0, which logarithms cannot reach. */
    const int linear = a.how.weight_decay > 0 || (!status && a.type->defaults.weight_decay > 0);
    if (!status) status = convis_fit_problem_open(m, recording, options, linear, a.type->minimize != NULL, &a.f);
    if (status) return status;
    status = obtain(&a);
    if (!status) status = resume(&a);
    if (!status) status = finish(&a, run_starts(&a), report);
    convis_optimizer_close(&a.optimizer);
    convis_release(c, a.x);
    convis_fit_problem_close(&a.f);
    return status;
}

/* ---- Objective and prediction alone ---- */

convis_status convis_fit_objective(convis_model *m, convis_recording *recording, const convis_fit_options *options, double *value,
                                   double *gradient, int64_t count)
{
    CONVIS_NEEDS_IN(convis_model_context(m), CONVIS_EINVAL, m, recording, value);
    static const convis_fit_options DEFAULTS = CONVIS_FIT_DEFAULTS;
    if (!options) options = &DEFAULTS;
    convis_context *c = convis_model_context(m);
    convis_fit_problem f;
    double weight, penalty = 0;
    convis_status status = convis_fit_problem_open(m, recording, options, 1, 1, &f);
    if (status) return status;
    if (gradient && count != f.vector.n)
        status = convis_fail(c, CONVIS_ESHAPE, "gradient: room for %lld numbers, expected %lld", (long long)count,
                             (long long)f.vector.n);
    if (!status) status = convis_reset(m);
    if (!status) status = convis_fit_problem_loss(&f, 0, f.training, gradient != NULL, value, &weight);
    if (!status) status = convis_fit_problem_penalty(&f, &penalty);
    *value += penalty;
    if (!status && gradient) memcpy(gradient, f.vector.gradient, (size_t)count*sizeof *gradient);
    convis_fit_problem_close(&f);
    return status;
}

static convis_status read_frames(void *recording, int64_t from, int64_t frames, convis_real *to)
{
    return convis_recording_stimulus(recording, from, frames, to);
}

convis_status convis_predict(convis_model *m, convis_recording *recording, const char *output, int64_t chunk,
                             convis_real *prediction)
{
    CONVIS_NEEDS_IN(convis_model_context(m), CONVIS_EINVAL, m, recording, prediction);
    convis_recording_info info;
    convis_bptt p;
    convis_feed feed = { .count = 0 };
    convis_recording_info_get(recording, &info);
    const convis_shape frame = { { 1, info.channels, 1, info.height, info.width } };
    convis_status status = convis_bptt_open(m, output, frame, chunk, info.frames, "stimulus", &p);
    if (!status) status = convis_check_cells(&p, info.units);
    if (!status) status = convis_feed_open(m, recording, NULL, 0, p.chunk, &feed);
    p.feed = &feed;
    p.read = read_frames;
    p.user = recording;
    if (!status) status = convis_reset(m);
    for (int64_t from = 0, frames; !status && from < info.frames; from += frames) {
        frames = info.frames - from < p.chunk ? info.frames - from : p.chunk;
        status = convis_bptt_forward(&p, from, frames, 0);
        if (!status) memcpy(prediction + from*p.units, p.prediction, (size_t)(frames*p.units)*sizeof *prediction);
    }
    convis_bptt_close(&p);
    convis_feed_close(&feed);
    return status;
}
