/* optimizer.c - optimisers by name: opening, steps within bounds, searches, and state that goes on where it was left. */
#include "base/context.h"
#include "learn/optimizers/optimizers.h"
#include "base/parts.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

static const convis_optimizer_type *const TYPES[] = {
    &convis_sgd, &convis_adagrad, &convis_adadelta, &convis_rmsprop, &convis_adam, &convis_adamw,
    &convis_rprop, &convis_lbfgs, &convis_quasi_newton, &convis_tnewton, &convis_mma, &convis_ccsa,
    &convis_slsqp, &convis_nelder_mead, &convis_bobyqa,       &convis_cobyla, &convis_crs,
};
enum { TYPE_COUNT = sizeof TYPES/sizeof *TYPES, MOST_PAIRS = 1000 };

const char *convis_optimizer_list(int index, const char **doc, int *batch)
{
    if (index < 0 || index >= TYPE_COUNT) return NULL;
    if (doc) *doc = TYPES[index]->doc;
    if (batch) *batch = TYPES[index]->minimize != NULL;
    return TYPES[index]->name;
}

/* ---- Opening ---- */

static const char *kind_list(int index, const char **doc) { return convis_optimizer_list(index, doc, NULL); }

convis_status convis_optimizer_named(convis_context *c, const char *kind, const convis_optimizer_type **type)
{
    for (int k = 0; kind && k < TYPE_COUNT; k++)
        if (!strcmp(TYPES[k]->name, kind)) {
            *type = TYPES[k];
            return CONVIS_OK;
        }
    if (!kind) return convis_fail(c, CONVIS_EINVAL, "the optimiser has no name");
    return convis_no_such_name(c, "optimiser", kind, kind_list);
}

/* Pairs of L-BFGS where none were asked for: ill-conditioned problems need many, and with few parameters they cost nothing. */
static int usual_memory(int64_t n)
{
    int64_t pairs = n < 500000 ? 1000000/n : 10000000/n;
    int64_t least = n < 500000 ? 20 : 5;
    return (int)(pairs < least ? least : pairs > 100 ? 100 : pairs);
}

static convis_status check_option(convis_context *c, const char *kind, const char *name, double value, double most, int open_end)
{
    if (value >= 0 && (open_end ? value < most : value <= most)) return CONVIS_OK;
    if (isinf(most)) return convis_fail(c, CONVIS_EINVAL, "%s: %s is %g, expected a number from 0", kind, name, value);
    return convis_fail(c, CONVIS_EINVAL, "%s: %s is %g, expected 0 to %g%s", kind, name, value, most,
                       open_end ? ", that excluded" : "");
}

static convis_status check_options(convis_context *c, const convis_optimizer_options *o)
{
    const struct { const char *name; double value, most; } option[] = {
        { "rate", o->rate, INFINITY }, { "momentum", o->momentum, 1 }, { "beta1", o->beta1, 1 }, { "beta2", o->beta2, 1 },
        { "epsilon", o->epsilon, INFINITY }, { "weight_decay", o->weight_decay, INFINITY },
    };
    for (size_t k = 0; k < sizeof option/sizeof *option; k++) {
        convis_status status = check_option(c, o->kind, option[k].name, option[k].value, option[k].most, 1);
        if (status) return status;
    }
    return check_option(c, o->kind, "memory", o->memory, MOST_PAIRS, 0);
}

static const int64_t MOST_NUMBERS = (int64_t)1 << 48;

convis_status convis_optimizer_open(convis_context *c, const convis_optimizer_options *options, int64_t n,
                                    convis_optimizer **optimizer)
{
    if (optimizer) *optimizer = NULL;
    CONVIS_NEEDS(c, options, optimizer);
    const convis_optimizer_type *type = NULL;
    convis_status status = convis_optimizer_named(c, options->kind, &type);
    if (!status) status = check_options(c, options);
    if (!status && (n < 1 || n > MOST_NUMBERS))
        status = convis_fail(c, CONVIS_EINVAL, "%s: %s optimise, expected 1 to %lld numbers", type->name,
                             n < 1 ? "nothing to" : "too much to", (long long)MOST_NUMBERS);
    if (!status && type->by_nlopt) status = convis_part_need(c, CONVIS_PART_NLOPT, type->name, "cannot search");
    if (status) return status;
    convis_optimizer *o = convis_obtain(c, sizeof *o);
    if (!o) return CONVIS_ENOMEM;
    convis_context_hold(c);
    *o = (convis_optimizer){ .context = c, .type = type, .options = *options, .n = n };
    o->options.kind = type->name;
    if (!o->options.rate)         o->options.rate = type->defaults.rate;
    if (!o->options.beta1)        o->options.beta1 = type->defaults.beta1;
    if (!o->options.beta2)        o->options.beta2 = type->defaults.beta2;
    if (!o->options.epsilon)      o->options.epsilon = type->defaults.epsilon;
    if (!o->options.weight_decay) o->options.weight_decay = type->defaults.weight_decay;
    if (!o->options.memory)       o->options.memory = usual_memory(n);
    o->state_n = type->state ? type->state(n, o->options.memory) : type->vectors*n;
    int64_t scratch = type->scratch ? type->scratch(n, o->options.memory) : 2*n;
    o->state = convis_obtain(c, (size_t)o->state_n*sizeof *o->state);
    o->scratch = o->state ? convis_obtain(c, (size_t)scratch*sizeof *o->scratch) : NULL;
    *optimizer = o;
    if (o->scratch) return CONVIS_OK;
    convis_optimizer_close(optimizer);
    return CONVIS_ENOMEM;
}

void convis_optimizer_close(convis_optimizer **optimizer)
{
    convis_optimizer *o = optimizer ? *optimizer : NULL;
    if (!o) return;
    convis_context *c = o->context;
    convis_release(c, o->state);
    convis_release(c, o->scratch);
    convis_release(c, o);
    convis_context_let_go(c);
    *optimizer = NULL;
}

convis_ended convis_optimizer_ended(const convis_optimizer *o)
{
    CONVIS_NEEDS_ELSE(CONVIS_ENDED_FAILED, o);
    return o->ended;
}

/* ---- Bounds ---- */

double convis_within(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static convis_status check_start(const convis_optimizer *o, const double *x, const double *low, const double *high)
{
    for (int64_t i = 0; i < o->n; i++) {
        if (!isfinite(x[i]))
            return convis_fail(o->context, CONVIS_EINVAL, "%s: x[%lld] is not finite", o->type->name, (long long)i);
        double least = low ? low[i] : -INFINITY, most = high ? high[i] : INFINITY;
        if (!(least <= most))
            return convis_fail(o->context, CONVIS_EINVAL, "%s: the bounds of x[%lld] are %g to %g", o->type->name, (long long)i,
                               least, most);
    }
    return CONVIS_OK;
}

/* ---- Steps ---- */

convis_status convis_optimizer_step(convis_optimizer *o, double *x, const double *gradient, const double *low, const double *high,
                                    double rate_factor)
{
    CONVIS_NEEDS(o, x, gradient);
    if (!o->type->step)
        return convis_fail(o->context, CONVIS_ESTATE, "%s: looks for a minimum in one call, and takes no single steps",
                           o->type->name);
    if (!(rate_factor >= 0) || isinf(rate_factor))
        return convis_fail(o->context, CONVIS_EINVAL, "%s: the factor on the rate is %g, expected 0 or more", o->type->name,
                           rate_factor);
    convis_status status = check_start(o, x, low, high);
    if (status) return status;
    for (int64_t i = 0; i < o->n; i++)
        if (!isfinite(gradient[i]))
            return convis_fail(o->context, CONVIS_EINVAL, "%s: the gradient of x[%lld] is not finite", o->type->name,
                               (long long)i);
    /* On copies, so that a failed step leaves x as it was. */
    double *g = o->scratch, *to = o->scratch + o->n, decay = o->type->defaults.weight_decay ? 0 : o->options.weight_decay;
    for (int64_t i = 0; i < o->n; i++) {
        g[i] = gradient[i] + decay*x[i];
        to[i] = x[i];
    }
    o->count++;
    o->type->step(o, to, g, rate_factor*o->options.rate);
    for (int64_t i = 0; i < o->n; i++) {
        to[i] = convis_within(to[i], low ? low[i] : -INFINITY, high ? high[i] : INFINITY);
        if (!isfinite(to[i]))
            return convis_fail(o->context, CONVIS_EINVAL,
                               "%s: step %lld leads x[%lld] from %g to a value that is not finite; a smaller "
                               "rate may help",
                               o->type->name, (long long)o->count, (long long)i, x[i]);
    }
    memcpy(x, to, (size_t)o->n*sizeof *x);
    return CONVIS_OK;
}

/* ---- Searches ---- */

static int all_finite(int64_t n, const double *x)
{
    for (int64_t i = 0; i < n; i++) if (!isfinite(x[i])) return 0;
    return 1;
}

static int enough(const convis_search *s)
{
    return s->over || (s->options.evaluations > 0 && s->evaluations >= s->options.evaluations);
}

void convis_search_evaluate(convis_search *s, const double *x, double *value, double *gradient)
{
    const convis_optimizer *o = s->optimizer;
    *value = INFINITY;
    if (enough(s)) {
        s->over = 1;
        return;
    }
    if (gradient && s->gradient) {
        s->gradient(s, x, value, gradient);
        return;
    }
    s->status = s->objective(s->user, x, value, gradient);
    s->evaluations++;
    if (s->status) {
        s->over = 1;
        *value = INFINITY;
        return;
    }
    if (!isfinite(*value) || (gradient && !all_finite(o->n, gradient))) *value = INFINITY;
    if (*value <= s->value) {                             /* of equal values the later: single precision has many */
        s->value = *value;
        memcpy(s->x, x, (size_t)o->n*sizeof *x);
    }
    if (s->options.stop && s->options.stop(s->user, *value)) {
        s->over = 1;
        s->optimizer->ended = CONVIS_ENDED_STOPPED;
    }
}

int convis_search_settled(const convis_search *s, double before, double now, const double *step, const double *x)
{
    double scale = fabs(before) > fabs(now) ? fabs(before) : fabs(now), moved = 0, size = 0;
    if (s->options.value_tolerance > 0 && before - now <= s->options.value_tolerance*scale) return 1;
    if (!(s->options.x_tolerance > 0)) return 0;
    for (int64_t i = 0; i < s->optimizer->n; i++) {
        moved = fmax(moved, fabs(step[i]));
        size = fmax(size, fabs(x[i]));
    }
    return moved <= s->options.x_tolerance*size;
}

convis_status convis_optimizer_minimize(convis_optimizer *o, convis_objective objective, void *user, double *x, const double *low,
                                        const double *high, const convis_minimize_options *options, double *value)
{
    CONVIS_NEEDS(o, objective, x, value);
    *value = INFINITY;
    if (!o->type->minimize)
        return convis_fail(o->context, CONVIS_ESTATE, "%s: takes a gradient at a time (convis_optimizer_step)", o->type->name);
    convis_status status = check_start(o, x, low, high);
    if (status) return status;
    const convis_minimize_options none = { .stop = NULL };
    convis_search s = {
        .optimizer = o, .objective = objective, .user = user, .x = x, .value = INFINITY, .low = low, .high = high,
        .options = options ? *options : none,
    };
    for (int64_t i = 0; i < o->n; i++) x[i] = convis_within(x[i], low ? low[i] : -INFINITY, high ? high[i] : INFINITY);
    o->ended = CONVIS_ENDED_LIMIT;
    o->type->minimize(&s);
    *value = s.value;
    if (s.status) return s.status;
    return isinf(s.value) ? convis_fail(o->context, CONVIS_EINVAL, "%s: the value at the start is not finite", o->type->name)
                          : CONVIS_OK;
}

/* ---- State: what it is of, then the numbers ---- */

typedef struct head { char kind[16]; int64_t n, state_n, count; } head;

size_t convis_optimizer_state_size(const convis_optimizer *o)
{
    CONVIS_NEEDS_ELSE(0, o);
    return sizeof(head) + (size_t)o->state_n*sizeof *o->state;
}

convis_status convis_optimizer_state_get(const convis_optimizer *o, void *bytes)
{
    CONVIS_NEEDS(o, bytes);
    head h = { .n = o->n, .state_n = o->state_n, .count = o->count };
    strncpy(h.kind, o->type->name, sizeof h.kind - 1);
    memcpy(bytes, &h, sizeof h);
    memcpy((char *)bytes + sizeof h, o->state, (size_t)o->state_n*sizeof *o->state);
    return CONVIS_OK;
}

convis_status convis_optimizer_state_put(convis_optimizer *o, const void *bytes, size_t size)
{
    CONVIS_NEEDS(o, bytes);
    head h;
    if (size != convis_optimizer_state_size(o))
        return convis_fail(o->context, CONVIS_ESHAPE, "%s: a state of %zu bytes, expected %zu", o->type->name, size,
                           convis_optimizer_state_size(o));
    const char *state = (const char *)bytes + sizeof h;
    memcpy(&h, bytes, sizeof h);
    h.kind[sizeof h.kind - 1] = 0;
    if (strcmp(h.kind, o->type->name) || h.n != o->n || h.state_n != o->state_n || h.count < 0)
        return convis_fail(o->context, CONVIS_EFORMAT, "%s: the state of another optimiser, or of other parameters",
                           o->type->name);
    if (o->type->sound && !o->type->sound(o->options.memory, state))
        return convis_fail(o->context, CONVIS_EFORMAT, "%s: a state with numbers that none of its searches leaves",
                           o->type->name);
    o->count = h.count;
    memcpy(o->state, state, (size_t)o->state_n*sizeof *o->state);
    return CONVIS_OK;
}
