/* nlopt_search.c - one search by NLopt.
 *
 * NLopt does not accept values that are not finite. It gets a bowl around the best point instead, higher than any value seen, so that
 * every search turns back. Its state cannot be read, so a search goes on from its best point alone. */
#include "base/parts/nlopt_calls.h"
#include "nlopt.h"
#include <string.h>

static const double FIRST_STEP = 0.1, LEAST_STEP = 1e-12;

typedef struct bowl { convis_search *search; nlopt_opt opt; double highest; } bowl;

static double fill(const bowl *b, const double *x, double *gradient)
{
    const convis_search *s = b->search;
    double value = b->highest, by = isinf(s->value) ? 1 : 1 + fabs(b->highest - s->value);
    for (int64_t i = 0; i < s->optimizer->n; i++) {
        double away = x[i] - s->x[i];
        value += by*away*away;
        if (gradient) gradient[i] = 2*by*away;
    }
    return value;
}

static double objective(unsigned n, const double *x, double *gradient, void *user)
{
    bowl *b = user;
    convis_search *s = b->search;
    double *within = s->optimizer->scratch, value;
    for (unsigned i = 0; i < n; i++) within[i] = convis_within(x[i], convis_low(s, i), convis_high(s, i));
    convis_search_evaluate(s, within, &value, gradient);
    if (s->over || (s->evaluations == 1 && isinf(value))) nlopt_force_stop(b->opt);
    if (isinf(value)) return fill(b, x, gradient);
    if (value > b->highest || s->evaluations == 1) b->highest = value;
    return value;
}

static convis_status set_up(const bowl *b, double *x)
{
    const convis_search *s = b->search;
    int64_t n = s->optimizer->n;
    double *bound = s->optimizer->scratch;
    nlopt_result r = nlopt_set_min_objective(b->opt, objective, (void *)(uintptr_t)b);
    for (int64_t i = 0; i < n; i++) bound[i] = convis_low(s, i);
    if (r > 0) r = nlopt_set_lower_bounds(b->opt, bound);
    for (int64_t i = 0; i < n; i++) bound[i] = convis_high(s, i);
    if (r > 0) r = nlopt_set_upper_bounds(b->opt, bound);
    if (r > 0) r = nlopt_set_ftol_rel(b->opt, s->options.value_tolerance);
    /* Without any, cobyla never ends once its trust region has shrunk to nothing. */
    if (r > 0) r = nlopt_set_xtol_rel(b->opt, fmax(s->options.x_tolerance, LEAST_STEP));
    /* Not by the width of the bounds, which may be arbitrary. */
    for (int64_t i = 0; i < n; i++) bound[i] = FIRST_STEP*fmax(fabs(s->x[i]), 1);
    if (r > 0) r = nlopt_set_initial_step(b->opt, bound);
    memcpy(x, s->x, (size_t)n*sizeof *x);
    return r > 0 ? CONVIS_OK : CONVIS_ENOMEM;
}

static const nlopt_algorithm ALGORITHM[] = {
    [CONVIS_TNEWTON] = NLOPT_LD_TNEWTON_PRECOND_RESTART, [CONVIS_MMA] = NLOPT_LD_MMA, [CONVIS_CCSA] = NLOPT_LD_CCSAQ,
    [CONVIS_SLSQP] = NLOPT_LD_SLSQP, [CONVIS_NELDER_MEAD] = NLOPT_LN_NELDERMEAD, [CONVIS_BOBYQA] = NLOPT_LN_BOBYQA,
    [CONVIS_COBYLA] = NLOPT_LN_COBYLA, [CONVIS_CRS] = NLOPT_GN_CRS2_LM
};

void convis_nlopt_search(convis_search *s, enum convis_nlopt_kind kind)
{
    convis_optimizer *o = s->optimizer;
    double *x = o->scratch + o->n, least;
    if (o->n > INT32_MAX) {
        s->status =
            convis_fail(o->context, CONVIS_ENOTSUP, "%s: %lld numbers are more than it can hold", o->type->name, (long long)o->n);
        return;
    }
    bowl b = { s, nlopt_create(ALGORITHM[kind], (unsigned)o->n), 0 };
    if (!b.opt) {
        s->status = convis_fail(o->context, CONVIS_ENOMEM, "%s: out of memory", o->type->name);
        return;
    }
    nlopt_srand(1);
    nlopt_result r = NLOPT_OUT_OF_MEMORY;
    convis_status status = set_up(&b, x);
    if (!status) r = nlopt_optimize(b.opt, x, &least);
    if (!s->status && r == NLOPT_OUT_OF_MEMORY)
        s->status = convis_fail(o->context, CONVIS_ENOMEM, "%s: out of memory", o->type->name);
    if (!s->status && r == NLOPT_INVALID_ARGS) {
        const char *why = nlopt_get_errmsg(b.opt);
        s->status =
            convis_fail(o->context, CONVIS_EINVAL, "%s: %s", o->type->name, why ? why : "it cannot search within these bounds");
    }
    nlopt_destroy(b.opt);
    o->count++;
    if (!s->over && r > 0) o->ended = CONVIS_ENDED_CONVERGED;
    if (!s->over && r < 0) o->ended = CONVIS_ENDED_STUCK;
}
