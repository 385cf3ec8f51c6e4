/* losses.h - what the losses share: a row of their table, and what one evaluation hands to them.
 *
 * Each is a weighted mean over what counts, in double precision whatever convis_real is. Two kinds: an `element` loss is
 * a function of one prediction and one response, and src/learn/loss.c loops; a `whole` loss sees the entire recording. */
#ifndef CONVIS_LOSSES_H
#define CONVIS_LOSSES_H
#include <convis/fit.h>
#include <convis/layer.h>

/* One evaluation. What counts is known to be finite, within the type's bounds, and something does count. */
typedef struct convis_loss_task {
    convis_context    *context;
    const convis_loss *loss;
    const convis_real *prediction, *response, *mask;     /* (frames, units); mask NULL: everything counts */
    int64_t frames, units;
    double  weight;                                      /* the sum of the mask */
    convis_real *gradient;                               /* NULL, or each of its elements is to be written */
} convis_loss_task;

typedef struct convis_loss_type {
    const char *name, *doc;
    int    counts;                                       /* responses are always counts, predictions always Hz */
    int    needs_dt, needs_tau, needs_shape;             /* must be more than 0; dt also where responses are counts */
    double least, most;                                  /* bounds of a response ... */
    const char *expected;                                /* ... in words */
    double (*element)(const convis_loss *, double prediction, double response, double *derivative);
    convis_status (*whole)(const convis_loss_task *, double *value);
} convis_loss_type;

extern const convis_loss_type convis_loss_mse, convis_loss_poisson, convis_loss_bernoulli, convis_loss_negative_binomial,
                              convis_loss_spike_distance, convis_loss_correlation;

/* How much element i counts: 0 is not at all. */
static inline double convis_loss_weight(const convis_loss_task *t, int64_t i) { return t->mask ? (double)t->mask[i] : 1; }
#endif
