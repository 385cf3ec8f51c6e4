/* fit_problem.h - what the parts of a fit share. */
#ifndef CONVIS_FIT_PROBLEM_H
#define CONVIS_FIT_PROBLEM_H
#include "bptt.h"
#include "parameter_vector.h"
#include <convis/fit.h>

/* Responses to frames from..from+frames-1, all trials. */
typedef struct convis_fit_responses {
    int64_t from, frames, room;
    convis_real *response, *mask;    /* (trials, frames, units) */
    double *weight, total;           /* of each trial: the sum of its mask; of all */
} convis_fit_responses;

typedef struct convis_fit_problem {
    convis_context *context;
    convis_model *model;
    convis_recording *recording;
    convis_recording_info info;
    const convis_fit_options *options;
    convis_loss loss;
    convis_parameter_vector vector;
    convis_bptt bptt;
    convis_feed    feed;
    int64_t training, held, segment; /* frames */
    double  scale;                   /* the square of the widest range of a unit's responses */
    convis_fit_responses responses, held_responses;
    convis_real *trial;              /* one trial's gradient */
    int64_t trial_room;
} convis_fit_problem;

convis_status convis_fit_problem_open (convis_model *, convis_recording *, const convis_fit_options *, int linear, int batch,
                                      convis_fit_problem *);
void          convis_fit_problem_close(convis_fit_problem *);
/* The loss over frames that run from the model's state; weight: how much of them counts (0: the value is 0). with_gradient: gradients by
 * the parameters that require gradient go to vector.gradient. */
convis_status convis_fit_problem_loss(convis_fit_problem *, int64_t from, int64_t frames, int with_gradient, double *value,
                                      double *weight);
/* The regularisers at vector.values, their gradient added to vector.gradient. */
convis_status convis_fit_problem_penalty(convis_fit_problem *, double *value);
/* Over the training part from the first frame, and on over the held-out one (NaN without; NULL: not asked for). */
convis_status convis_fit_problem_measure(convis_fit_problem *, double *loss, double *held_out);
convis_status convis_fit_problem_held_out(convis_fit_problem *, double *value);              /* from the end of the training part */
/* Whether the output has a number for each unit of the responses, else ESHAPE. */
convis_status convis_check_cells(const convis_bptt *, int64_t units);
/* Put "what: " before the present message. */
convis_status convis_fit_problem_fail(convis_fit_problem *, convis_status, const char *format, ...);

/* ---- The checkpoint (fit_checkpoint.c) ---- */

typedef struct convis_fit_progress_state {
    int64_t start, epoch, epochs, idle, best_epoch, overall_epoch, overall_start, ended, overall_ended;
    double  best, overall, factor, seconds, loss_before, held_out_before;
} convis_fit_progress_state;
typedef struct convis_fit_vectors { double *x, *best, *overall, *origin; } convis_fit_vectors;     /* n each */
/* found: whether there was such a file; a file of another fit is EFORMAT. */
convis_status convis_fit_checkpoint_read (convis_fit_problem *, const char *file, convis_fit_progress_state *,
                                         const convis_fit_vectors *, convis_optimizer *, int *found);
convis_status convis_fit_checkpoint_write(convis_fit_problem *, const char *file, const convis_fit_progress_state *,
                                          const convis_fit_vectors *, const convis_optimizer *);
#endif
