/* optimizers.h - what the files of optimisers share: the table of one kind, what an open optimiser holds, and the search in which
 * batch kinds evaluate the objective. All numbers are double, whatever convis_real is. */
#ifndef CONVIS_OPTIMIZERS_H
#define CONVIS_OPTIMIZERS_H
#include <convis/fit.h>
#include <convis/layer.h>
#include <math.h>

/* One run of convis_optimizer_minimize. `x` is the best point seen and `value` its value; both are the caller's in the end. */
typedef struct convis_search convis_search;
struct convis_search {
    convis_optimizer *optimizer;
    convis_objective  objective;
    void             *user;
    double           *x, value;
    const double     *low, *high;
    convis_minimize_options options;
    int64_t evaluations;
    convis_status status;            /* of the objective, when it failed */
    int over;                        /* no further evaluation: limit reached, asked to stop, or failed */
    /* Where the gradient comes from other than the objective itself. NULL: the objective. */
    void (*gradient)(convis_search *, const double *x, double *value, double *gradient);
};
/* The value at x, INFINITY where it or its gradient is not finite; records the best so far. gradient: or NULL. */
void   convis_search_evaluate(convis_search *, const double *x, double *value, double *gradient);
double convis_within(double x, double low, double high);             /* the nearest number between them */
/* Whether what was gained from `before` to `now` is below the tolerances that were asked for. */
int    convis_search_settled(const convis_search *, double before, double now, const double *step, const double *x);

typedef struct convis_optimizer_type convis_optimizer_type;
struct convis_optimizer_type {
    const char *name, *doc;
    convis_optimizer_options defaults;           /* what a zero in the options stands for */
    int vectors;                                 /* numbers of state per element of x */
    /* One step, x and the state's vectors changed in place; the caller applies bounds. count: steps made, this one included. */
    void (*step)(const convis_optimizer *, double *x, const double *gradient, double rate);
    /* Batch kinds: numbers of state in all, those needed only during a search, and the search itself. */
    int64_t (*state)(int64_t n, int memory), (*scratch)(int64_t n, int memory);
    void (*minimize)(convis_search *);
    int by_nlopt;                                /* it is one of NLopt's, and needs that part of the build */
    int iterates;                                /* minimize can end after any iteration, and go on from there */
    int (*sound)(int memory, const void *state); /* whether a state that comes from outside can be one; NULL: any can */
};

struct convis_optimizer {
    convis_context *context;
    const convis_optimizer_type *type;
    convis_optimizer_options options;            /* defaults filled in */
    int64_t n, count;                            /* elements of x; steps or iterations made */
    double *state, *scratch;
    int64_t state_n;
    convis_ended ended;
};
/* The kind of this name, or ENAME with its neighbours. */
convis_status convis_optimizer_named(convis_context *, const char *kind, const convis_optimizer_type **);
static inline double *convis_moment(const convis_optimizer *o, int k) { return o->state + k*o->n; }

/* Bounds of element i; there may be none. */
static inline double convis_low (const convis_search *s, int64_t i) { return s->low  ? s->low[i]  : -HUGE_VAL; }
static inline double convis_high(const convis_search *s, int64_t i) { return s->high ? s->high[i] :  HUGE_VAL; }

extern const convis_optimizer_type convis_sgd, convis_adagrad, convis_adadelta, convis_rmsprop, convis_adam, convis_adamw,
    convis_rprop, convis_lbfgs, convis_quasi_newton, convis_tnewton, convis_mma, convis_ccsa, convis_slsqp, convis_nelder_mead,
    convis_bobyqa, convis_cobyla, convis_crs;

/* ---- Parts of lbfgs.c ---- */

/* The model of the objective that m pairs s = x' - x, y = g' - g stand for, in compact form (lbfgs_model.c):
 * B = theta I - W M W^T with W = [Y, theta S]. Pair k is at s + k n, the oldest first. */
typedef struct convis_pairs {
    int64_t n;
    int     most, count;
    double  theta;
    double *s, *y;                   /* most x n */
    double *sy, *ss, *yy;            /* most x most: s_i . y_j and so on */
    double *m, *k;                   /* work, (2 most)^2 each: M^-1, and that minus the part of the fixed variables */
    double *small;                   /* work, 4 vectors of 2 most */
    int    *pivot;                   /* work, 2 most */
} convis_pairs;
void convis_pairs_add(convis_pairs *, const double *s, const double *y);
/* to: the minimum of the model around x, g within the bounds. residual, step: n numbers of work; events: 2 n of them. 0 when the
 * pairs contradict each other (drop them). */
int  convis_pairs_minimum(convis_pairs *, const double *x, const double *g, const double *low, const double *high, double *to,
                          double *residual, double *step, void *events);

/* From x along d to a point that fulfils the Wolfe conditions (line_search.c). On entry value and g are those at x; on return x,
 * value and g are those of the point found. 0: none was found, and nothing changed. next_x, next_g, kept_g: n numbers of work. */
int    convis_line_search(convis_search *, double *x, const double *d, double *value, double *g, double longest,
                          double *next_x, double *next_g, double *kept_g);
double convis_dot(int64_t n, const double *a, const double *b);
#endif
