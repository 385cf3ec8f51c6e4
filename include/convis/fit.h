/* fit.h - data, losses, scores, optimisers, and what they make together: fits, synthesis, checks.
 *
 * Gradients themselves are in <convis/convis.h>. A fit in short:
 *
 *      convis_recording_open(c, &(convis_recording_options){ .stimulus = "movie.npy", .response = "rates.npy" }, &r);
 *      convis_require_gradient(m, "filter");                       a layer's parameters; before convis_plan
 *      convis_fit_options o = CONVIS_FIT_DEFAULTS;     o.optimizer.kind = "lbfgs"; o.output = "rectify"; ...
 *      convis_fit(m, r, &o, &report);                  plans the model, too
 */
#ifndef CONVIS_FIT_H
#define CONVIS_FIT_H
#include <convis/convis.h>
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- Recordings: a stimulus and the response to it -----------------------------------------------------
 * Neither need fit into memory: frames are read when they are asked for, in any order. Stimulus: .npy, .npz or .h5 arrays
 * (T), (T, N), (T, Y, X), (C, T, Y, X) or (1, C, T, Y, X), as <convis/io.h> reads them, streamed; whatever convis_movie_open reads
 * besides, and arrays whose channels are to become others, are read into memory.
 * Response: an array (T), (T, N) or (trials, T, N), or a map (T, Y, X) or (C, T, Y, X), as convis run writes it, each number of whose
 * frames is a cell ("unit" in what follows); spikes (.spk, .csv, .h5) are counted in bins of dt. One frame of the
 * stimulus is one row of the response. Response values that are NaN count as not measured (mask 0). */
typedef struct convis_recording convis_recording;
/* What a model takes as input beside the movie, by the input's name: an array or movie as the stimulus, or spikes, which are counted in
 * bins of dt, a channel a cell. It has at least as many frames as the stimulus, or a rate of its own: then each frame is held. */
typedef struct convis_recording_input {
    const char *name, *file;
    double  fps;             /* its own rate; 0: that of its file, a movie or a .h5 of another dt, else its frames are those of the stimulus */
    int     channels;        /* as of the stimulus, below */
    int64_t declared;        /* channels that the model's input declares; 0: none. See convis_movie_options */
    int64_t width, height;   /* of stim: stimuli; else 0 */
} convis_recording_input;
/* The same as numbers, for the whole length of a movie: (frames, C, Y, X). */
typedef struct convis_given { const char *name; const convis_real *frames; int64_t channels, height, width; } convis_given;
typedef struct convis_recording_options {
    const char *stimulus, *response, *mask;   /* mask: an array like the response, 0 where it must not count; NULL: none */
    double  dt;              /* seconds per frame; obligatory */
    double  fps;             /* of the stimulus, when its frames are not steps; 0: they are */
    int64_t skip;            /* frames at the onset whose response does not count */
    int64_t from, frames;    /* part of the recording; frames 0: to the end */
    int64_t width, height;   /* of stim: stimuli; else 0 */
    int     channels;        /* of the stimulus: 0: those of an array, and of movies their luminance; CONVIS_GRAY, CONVIS_RGB: io.h */
    int64_t declared;        /* channels that the model's movie declares; 0: none */
    const convis_recording_input *inputs;
    int     input_count;
} convis_recording_options;
typedef struct convis_recording_info { int64_t frames, channels, height, width, units, trials; double dt; int inputs; } convis_recording_info;
typedef struct convis_recording_input_info {
    const char *name;
    int64_t channels, height, width;
    double  fps;             /* its own rate; 0: its frames are those of the stimulus */
    int64_t steps, after,
        spikes_after;   /* frames of dt; of those, past the end of the stimulus and not used, with so many spikes */
} convis_recording_input_info;

convis_status convis_recording_open (convis_context *, const convis_recording_options *, convis_recording **);
void          convis_recording_close(convis_recording **);
void          convis_recording_info_get(const convis_recording *, convis_recording_info *);
/* stimulus: (frames, C, Y, X). response, mask: (trials, frames, units); mask may be NULL. Sentences name the frame. */
convis_status convis_recording_stimulus(convis_recording *, int64_t frame, int64_t frames, convis_real *stimulus);
convis_status convis_recording_response(convis_recording *, int64_t frame, int64_t frames, convis_real *response,
                                        convis_real *mask);
/* Further inputs, in the order in which they were named: 0 past the last; (frames, C, Y, X). */
int           convis_recording_input_list(const convis_recording *, int index, convis_recording_input_info *);
convis_status convis_recording_input_read(convis_recording *, int index, int64_t frame, int64_t frames, convis_real *to);

/* The same from memory or functions of the caller's, which must outlive it. stimulus: (frames, C, Y, X); response, mask: (trials, frames,
 * units); mask may be NULL. Where a pointer to numbers is NULL the function is called instead: for any part, in any order, on the thread
 * that calls the library; what it returns (with a sentence by convis_fail of layer.h, if it likes) is what the call returns. */
typedef struct convis_recording_source {
    double  dt;
    int64_t frames, channels, height, width, units, trials, skip;
    const convis_real *stimulus, *response, *mask;
    convis_status (*read_stimulus)(void *user, int64_t from, int64_t frames, convis_real *stimulus);
    convis_status (*read_response)(void *user, int64_t from, int64_t frames, convis_real *response);        /* NaN: not measured */
    void   *user;
    const convis_given *inputs;      /* what a model takes beside the movie, for all frames */
    int     input_count;
} convis_recording_source;
convis_status convis_recording_from(convis_context *, const convis_recording_source *, convis_recording **);

/* ---- Checkpointed backpropagation ---------------------------------------------------------------------------
 * Exact gradients through any number of frames in bounded memory, of any function of any outputs (convis.h has the rules of gradients):
 *
 *      convis_bptt_run(b, 0, 100000);           frames by `read`, chunk by chunk; after each `forward`, which looks at convis_output
 *      convis_bptt_backpropagate(b);            chunk by chunk from the last: `backward` gives dL/d(outputs of these frames) by
 *                                               convis_vjp_from, of spikes (through the surrogate) as of currents; outputs are there again
 *      convis_grad(m, "opl.center.tau", ...);   sums over all frames; of a state: at the first
 *
 * A pass from the first frame ends with the baseline's part, which convis_vjp_baseline adds for those who go back themselves.
 * States are stored at the start of each chunk, or, above `memory` bytes, of every n-th, and those between are computed again. */
typedef convis_status (*convis_frame_reader)(void *user, int64_t from, int64_t frames, convis_real *to);     /* (frames, C, Y, X) */
typedef convis_status (*convis_frame_hook)(void *user, int64_t from, int64_t frames);
/* d_movie: (frames, C, Y, X), valid until it returns; NULL where the gradient of the movie was not required. */
typedef convis_status (*convis_frame_gradient_hook)(void *user, int64_t from, int64_t frames, const convis_real *d_movie);
typedef struct convis_bptt convis_bptt;
typedef struct convis_bptt_options {
    convis_frame_reader read;        /* the movie; must give the same frames again */
    convis_frame_hook   forward, backward;           /* or NULL */
    convis_frame_gradient_hook gradient;             /* after the backward pass of a chunk; or NULL */
    void   *user;
    const convis_given *given;       /* what the model takes beside the movie, for all frames; it must outlive the convis_bptt */
    int     given_count, truncate;   /* truncate: gradients do not pass from a chunk to the one before */
    size_t  memory;                  /* bytes of stored states; 0: 128 MiB */
} convis_bptt_options;
/* model: planned, with gradients required and outputs probed; the result is of no use without it, but can be freed after it. */
convis_status convis_bptt_new (convis_model *, const convis_bptt_options *, convis_bptt **);
void          convis_bptt_free(convis_bptt **);
/* From the state that the model is in; after the backward pass it has again that after the last frame. */
convis_status convis_bptt_run (convis_bptt *, int64_t from, int64_t frames);
convis_status convis_bptt_backpropagate(convis_bptt *);

/* ---- The parameters that require gradient, as one vector ------------------------------------------------------
 * In the order of convis_list. Its numbers x are scaled so that a step of one size suits all of them: value = scale x, or, of positive times,
 * angles and rates, scale exp(x - 1); for optimisers of your own. The model is planned, and must outlive it. */
typedef struct convis_parameter_vector convis_parameter_vector;
typedef struct convis_vector_part {
    char    path[128];
    convis_shape shape;              /* (out, in, T, Y, X) of an array */
    int64_t at, count;               /* its numbers are x[at] to x[at + count - 1] */
    double  scale, least, most;      /* least, most: of the value */
    int     array, logarithmic;
} convis_vector_part;
convis_status convis_parameter_vector_new (convis_model *, convis_parameter_vector **);     /* ESTATE: nothing requires gradient */
void          convis_parameter_vector_free(convis_parameter_vector **);
int64_t       convis_parameter_vector_size(const convis_parameter_vector *);                /* numbers */
int           convis_parameter_vector_list(const convis_parameter_vector *, int index, convis_vector_part *);      /* 0 past the last */
void          convis_parameter_vector_bounds(const convis_parameter_vector *, double *low, double *high);          /* of x */
convis_status convis_parameter_vector_read (convis_parameter_vector *, double *x);           /* from the model */
convis_status convis_parameter_vector_write(convis_parameter_vector *, const double *x);     /* into the model, within its bounds */
convis_status convis_parameter_vector_gradient(convis_parameter_vector *,
                                               double *gradient); /* by x, where it was read or written last */

/* ---- Losses ------------------------------------------------------------------------------------------------
 * Of predictions p (frames, units) to responses r (frames, units), a mean over what the mask lets count, in double precision:
 *      mse           (p - r)^2
 *      poisson       p dt - r log(p dt)               p: rate in Hz, r: counts; constants left out. p < 1e-8/dt is lifted to it:
 *                                                     the loss does not depend on such a p, so its gradient there is 0
 *      bernoulli     -r log q - (1-r) log(1-q)        q = 1 - exp(-p dt): the chance of a spike in a bin. p: lifted likewise
 *      negative_binomial                              mean p dt, variance p dt + (p dt)^2/shape; p: lifted likewise
 *      spike_distance  of both after an exponential filter of `tau` seconds (van Rossum 2001), a frame
 *      correlation   1 - Pearson correlation, mean over units; a unit that is constant is EINVAL
 * counts: responses are counts a bin and p a rate in Hz (poisson, bernoulli, negative_binomial always; the others if set). */
typedef double (*convis_loss_function)(void *user, const convis_real *prediction, const convis_real *response,
                                       const convis_real *mask, int64_t frames, int64_t units, convis_real *gradient);
typedef struct convis_loss {
    const char *kind;                         /* a name of the list above; NULL with a function of your own */
    double  dt, tau, shape;
    int     counts;
    convis_loss_function function;            /* your own: returns the loss, adds nothing, writes the gradient when not NULL */
    void   *user;
} convis_loss;
const char *convis_loss_list(int index, const char **doc);          /* NULL past the last */
/* mask: weights, 0 does not count (such numbers may be anything, NaN too); NULL: everything counts. gradient (frames, units), or
 * NULL. A loss that is not finite, or a prediction or response that counts and is not, is EINVAL; the sentence has frame and unit. */
convis_status convis_loss_evaluate(convis_context *, const convis_loss *, const convis_real *prediction,
                                   const convis_real *response, const convis_real *mask, int64_t frames, int64_t units,
                                   double *value, convis_real *gradient);

/* ---- Scores ------------------------------------------------------------------------------------------------
 * Of one unit: prediction (frames), responses and mask (trials, frames); mask 0: not measured. NaN is what cannot be said: the
 * noise-corrected scores with less than two trials or without signal, correlations with a constant prediction. A response
 * that is constant is EINVAL.
 *      log_likelihood   Poisson, natural logarithm with log r!, mean over bins
 *      bits_per_spike   what the prediction says beyond the mean rate
 *      correlation      Pearson, with the mean over trials
 *      cc_norm          that, divided by what noise leaves possible (Schoppe et al. 2016)
 *      feve             fraction of explainable variance explained (Cadena et al. 2019)
 * Each with a bootstrap interval over blocks of frames; NaN when the recording is shorter than two blocks. */
typedef struct convis_score { const char *name; double value, low, high; } convis_score;
enum { CONVIS_SCORES = 5 };
typedef struct convis_score_options {
    double  dt;              /* seconds a frame; needed with counts, and for block 0 */
    int     counts;          /* responses are counts, predictions Hz; else both have the same unit and likelihoods are NaN */
    int     bootstrap;       /* samples; 0: no interval */
    double  level;           /* 0.95 */
    int64_t block;           /* frames drawn together; 0: one second, at least 10 */
    uint64_t seed;
} convis_score_options;
#define CONVIS_SCORE_DEFAULTS { 0, 1, 1000, 0.95, 0, 0 }
convis_status convis_scores(convis_context *, const convis_score_options *, const convis_real *prediction, const convis_real *responses,
                            const convis_real *mask, int64_t trials, int64_t frames, convis_score scores[CONVIS_SCORES]);
/* Of many units: prediction (frames, units), responses and mask (trials, frames, units), scores (units + 1, CONVIS_SCORES). The
 * last row is the mean over the units that have the score; its interval draws the same blocks for all of them. A unit of
 * which nothing was measured has no scores. */
convis_status convis_scores_of_cells(convis_context *, const convis_score_options *, const convis_real *prediction,
                                     const convis_real *responses, const convis_real *mask, int64_t trials, int64_t frames,
                                     int64_t units, convis_score *scores);

/* ---- Spike-triggered analysis ------------------------------------------------------------------------------
 * sta (T, Y, X) of one unit: the mean stimulus before a spike minus the mean stimulus; the last row of T is the frame of the
 * spike itself. stc: the largest and smallest eigenvalues of the spike-triggered covariance minus the stimulus's own, the STA
 * projected out, with the band that shuffled (shifted in time) responses stay in. */
typedef struct convis_sta_options {
    int64_t lags;            /* frames of T */
    int64_t unit;
    int     eigenvectors;    /* of the STC, from both ends; 0: STA only */
    int     shuffles;        /* for significance; 0: none */
    double  level;           /* 0.95 */
    uint64_t seed;
} convis_sta_options;
#define CONVIS_STA_DEFAULTS { 20, 0, 0, 100, 0.95, 0 }
typedef struct convis_sta {
    int64_t lags, channels, height, width, count;     /* count: eigenvectors, largest eigenvalue first */
    double  spikes;                                    /* their number, or the sum of the response */
    double *sta, *significance;                        /* (lags, C, Y, X): in units of the shuffled STA's standard deviation */
    double *eigenvalue, *eigenvector;                  /* (count), (count, lags, C, Y, X) */
    double  band_low, band_high;                       /* of shuffled extremes at the level asked for */
} convis_sta;
/* Of the whole recording's response; the arrays are the caller's until convis_sta_free. */
convis_status convis_sta_of  (convis_context *, convis_recording *, const convis_sta_options *, convis_sta *);
void          convis_sta_free(convis_context *, convis_sta *);              /* the context may be closed, and NULL */

/* ---- Optimisers --------------------------------------------------------------------------------------------
 * They move a vector x within its bounds, which hold at every moment. `step` kinds (sgd, adagrad, adadelta, rmsprop, adam, adamw,
 * rprop) take one gradient at a time; `batch` kinds (lbfgs, quasi_newton by finite differences, and NLopt's by name: tnewton, mma,
 * ccsa, slsqp, nelder_mead, bobyqa, cobyla, crs) call for values themselves. */
typedef struct convis_optimizer convis_optimizer;
typedef struct convis_optimizer_options {
    const char *kind;
    double  rate;            /* learning rate; 0: the kind's own default */
    double  momentum;        /* sgd */
    int     nesterov;        /* sgd */
    double  beta1, beta2;    /* adam: 0.9, 0.999; rmsprop, adadelta: beta2 (0.99, 0.9) is the decay; 0: the default */
    double  epsilon;         /* 0: the kind's own default. quasi_newton: noise of the value, relative to it; 0: it is measured */
    double  weight_decay;    /* adamw (decoupled; 0: 0.01), other step kinds: L2 */
    int     memory;          /* lbfgs, quasi_newton: pairs stored; 0: 5 to 100, more for fewer parameters */
} convis_optimizer_options;
const char   *convis_optimizer_list(int index, const char **doc, int *batch);   /* NULL past the last */
/* For vectors of n numbers. */
convis_status convis_optimizer_open (convis_context *, const convis_optimizer_options *, int64_t n, convis_optimizer **);
void          convis_optimizer_close(convis_optimizer **);
/* One step of a `step` kind. rate_factor: of a schedule, 1 without. low, high: bounds, or NULL. A gradient that is not finite is
 * EINVAL, and so is a step to what is not; x is then as it was. */
convis_status convis_optimizer_step(convis_optimizer *, double *x, const double *gradient, const double *low, const double *high,
                                    double rate_factor);
/* Value at x, and the gradient there when it is not NULL; a value that is not finite means "outside the domain". */
typedef convis_status (*convis_objective)(void *user, const double *x, double *value, double *gradient);
typedef struct convis_minimize_options {
    int64_t evaluations;     /* at most so many; 0: no limit */
    int64_t iterations;      /* lbfgs, quasi_newton: at most so many; 0: no limit */
    double  value_tolerance, x_tolerance;        /* relative; an iteration that gains less is the last. 0: none */
    int   (*stop)(void *user, double value);     /* asked after every evaluation; not 0: stop. May be NULL */
} convis_minimize_options;
/* From x to a minimum of a `batch` kind. x and value are the best ever seen, also when it fails (INFINITY: no value was finite). A
 * value at the start that is not finite is EINVAL. lbfgs and quasi_newton, when called again where their last search (or the one whose
 * state was put) ended after a number of iterations, go on to the bit as if it had not ended: the objective must be the same. NLopt's
 * kinds always begin anew. */
convis_status convis_optimizer_minimize(convis_optimizer *, convis_objective, void *user, double *x, const double *low,
                                        const double *high, const convis_minimize_options *, double *value);
/* Why the last minimize ended. */
typedef enum convis_ended {
    CONVIS_ENDED_LIMIT,      /* so many evaluations, iterations or epochs as were allowed */
    CONVIS_ENDED_CONVERGED,
    CONVIS_ENDED_STUCK,      /* nothing better can be found: values are too coarse, or the search failed */
    CONVIS_ENDED_STOPPED,    /* the caller said so */
    CONVIS_ENDED_PATIENCE,   /* a fit: early stopping */
    CONVIS_ENDED_FAILED      /* a fit: it has a status and a sentence */
} convis_ended;
convis_ended  convis_optimizer_ended(const convis_optimizer *);
/* Moments and counters, with which a killed fit continues; get writes as many bytes as the size says. */
size_t        convis_optimizer_state_size(const convis_optimizer *);
convis_status convis_optimizer_state_get (const convis_optimizer *, void *bytes);
convis_status convis_optimizer_state_put (convis_optimizer *, const void *bytes, size_t size);

/* ---- Regularisers -------------------------------------------------------------------------------------------
 * weight x penalty of one array parameter seen as (out, in, T, Y, X), or of a scalar:
 *      l1 l2   smooth_time smooth_space (squared differences)   local (weighted by squared distance from the centre of mass)
 *      group (root of each output's squared norm)   nonnegative (squared negative part)   separable (squared singular values
 *      beyond the first of space against time) */
typedef struct convis_regularizer {
    const char *path, *kind;
    double  weight;
    /* Without kind a penalty of your own: returns it, and adds its gradient where that is not NULL. */
    double (*function)(void *user, const double *x, convis_shape, double *gradient);
    void   *user;
} convis_regularizer;
const char *convis_regularizer_list(int index, const char **doc);
/* value is returned, its gradient added when that is not NULL. shape: (out, in, T, Y, X) as B, C, T, Y, X. */
convis_status convis_regularizer_add(convis_context *, const convis_regularizer *, const double *x, convis_shape shape,
                                     double *value, double *gradient);

/* ---- Fits ---------------------------------------------------------------------------------------------------
 * The parameters of a model whose gradients are required (convis_require_gradient) move until one of its outputs is like the response.
 * An output has as many numbers a frame as the response has units, in their order. What is minimised is the loss, a mean over trials,
 * plus the regularisers.
 *
 * `batch` optimisers take the whole training part as one piece: the gradient goes back through all of it, to the start and the
 * baseline before it, in bounded memory. `step` kinds make a step every `segment` frames; the next segment starts in the state
 * where the last one ended. Gradients are exact within a segment, whatever the chunks.
 *
 * Each number is scaled by what it is at the start, or is usually; scalars that are positive times, angles or rates by their
 * logarithm, unless there is weight decay. The held-out part is the last of the recording. Whatever happens, the model ends
 * with the best parameters that were seen: by the held-out loss where there is a held-out part, else by that of training, which `step`
 * kinds measure after each epoch by one more pass. */
typedef struct convis_fit_progress {
    int     start;                   /* from 0 */
    int64_t epoch, epochs;           /* of this start: those done, and the most there will be */
    double  loss, held_out, best;    /* loss: of steps the mean on their way. held_out: NaN without such a part. best: of what is
                                      * judged, in this start */
    double  rate_factor;
    double  seconds, seconds_left;
} convis_fit_progress;
typedef struct convis_fit_options {
    const char *output;              /* a path; NULL: the last layer */
    convis_loss loss;                /* without kind and function: mse; its dt, if 0, is the recording's */
    convis_optimizer_options optimizer;      /* without kind: lbfgs */
    const convis_regularizer *regularizers;  /* of fitted parameters, or of layers: all their fitted arrays */
    int     regularizer_count;
    int64_t epochs;                  /* passes over the training part; of batch kinds iterations (lbfgs, quasi_newton) or evaluations */
    int64_t segment;                 /* of step kinds; 0: all in one */
    int64_t chunk;                   /* frames that run together, more need more memory; 0: as many as suit */
    int     truncate;                /* gradients do not pass from a chunk to the one before */
    double  validate;                /* fraction of the recording that is held out, 0 to 0.9 */
    int64_t patience;                /* epochs without gain before it ends; 0: it never does */
    double  tolerance;               /* relative: less is no gain */
    const char *schedule;            /* of step kinds: constant (NULL), exponential, cosine, plateau */
    double  schedule_factor;         /* exponential: a factor each epoch (0: 0.95); plateau: when there was no gain ... (0: 0.5) */
    int64_t schedule_patience;       /* ... for so many epochs (0: 5) */
    int     starts;                  /* the best of so many: from the parameters as they are, then from perturbed ones */
    double  spread;                  /* standard deviation of the perturbation, relative to the parameters */
    uint64_t seed;                   /* of the perturbation */
    const char *checkpoint;          /* a file that is written after each epoch; a fit that finds it goes on from there, to the bit, or,
                                      * with one of NLopt's kinds, searches anew from its best point */
    int   (*progress)(void *user, const convis_fit_progress *);      /* after each epoch; not 0: stop. May be NULL */
    void   *user;
} convis_fit_options;
#define CONVIS_FIT_DEFAULTS { .epochs = 100, .patience = 10, .starts = 1, .spread = 0.3 }
typedef struct convis_fit_report {
    int64_t parameters;              /* numbers that were fitted */
    int64_t epochs, resumed;         /* over all starts; resumed: those before, of the checkpoint */
    int     best_start;
    int64_t best_epoch;              /* 0: the start was best */
    double  loss_before, held_out_before, loss, held_out;    /* at the parameters the model had, and has; held_out: NaN without */
    convis_ended ended;              /* the best start */
    double  seconds;
} convis_fit_report;
/* The model must not be planned, or with `output` probed; then its chunk is the longest. It ends reset, with the fitted parameters. A
 * loss that is not finite and steps that diverge are EINVAL, with the last good parameters in the model. report may be NULL. */
convis_status convis_fit(convis_model *, convis_recording *, const convis_fit_options *, convis_fit_report *);
/* What convis_fit would minimise over the training part, at the model's parameters, and, where gradient is not NULL, its gradient by the
 * fitted parameters themselves, in the order of convis_list (`count` numbers, else ESHAPE). For optimisers of one's own. */
convis_status convis_fit_objective(convis_model *, convis_recording *, const convis_fit_options *, double *value,
                                   double *gradient, int64_t count);
/* Its second derivative, times `vectors` directions of `count` numbers each (the same numbers in the same order): products (vectors,
 * count). By central differences of the exact gradient, steps of `step` (0: 1e-3 in double, 1e-2 in single precision) of each number's
 * scale: errors of some 1e-3 of the largest product in single, 1e-6 in double precision. EINVAL where a step would leave a parameter's
 * bounds. The model's parameters are as before afterwards, and it is reset. */
convis_status convis_fit_hessian(convis_model *, convis_recording *, const convis_fit_options *, const double *directions,
                                 int64_t vectors, double step, double *products, int64_t count);
/* How an output (NULL: convis_output_name's) over these frames, from the state that the model is in, changes along a direction: of the parameters that require gradient
 * (`direction`, in the order of convis_list; NULL: none) and of the frames (d_in, shaped like them; NULL: not). By central differences of step
 * `step` of the direction (0: what suits the precision). d_out: contiguous, shaped like the output, good to some 1e-3 of the largest in single precision. Parameters and state are as before. */
convis_status convis_jvp(convis_model *, convis_tensor in, const char *output, const double *direction, const convis_tensor *d_in,
                         double step, convis_real *d_out);
/* An output over the whole recording, from the first frame: (frames, units) numbers, the caller's memory. Model and output as for convis_fit; an output that has not a
 * number a unit is ESHAPE. */
convis_status convis_predict(convis_model *, convis_recording *, const char *output, int64_t chunk, convis_real *prediction);

/* ---- Synthesis: the stimulus is optimised ---------------------------------------------------------------------------
 * towards a response (target), to the largest response of an output or one of its units (neither target nor other), or to the
 * largest difference of two models (other): so that the mean square of what differs, or the mean response, is extreme. */
typedef struct convis_synthesize_options {
    const char *output;              /* a path; NULL: the last layer. The same in both models */
    int64_t unit;                    /* one number of the output's frame, in the order (C, Y, X); -1: all */
    const convis_real *target;       /* (frames, numbers of the output's frame) */
    convis_model *other;             /* another model for the same movies, of the same context */
    int64_t skip;                    /* frames at the onset whose response does not count */
    double  low, high;               /* the range of pixels, which always holds */
    double  contrast;                /* at most this root mean square around the middle of the range, as a fraction of half of it; 0: any */
    double  smooth_time, smooth_space;       /* weights of the mean squared difference of neighbours, in units of half the range */
    double  noise;                   /* standard deviation of what is added to the start, in the same units */
    uint64_t seed;
    convis_optimizer_options optimizer;      /* without kind: lbfgs. Rates are in units of half the range */
    int64_t iterations;              /* steps, iterations, or evaluations */
    int64_t chunk;                   /* frames that run together; 0: as many as suit */
    int   (*progress)(void *user, const convis_fit_progress *);      /* as of fits; loss: what is minimised. May be NULL */
    void   *user;
    const convis_given *given;       /* what the model, or both, takes beside the movie; it stays as it is */
    int     given_count;
} convis_synthesize_options;
#define CONVIS_SYNTHESIZE_DEFAULTS { .unit = -1, .high = 1, .iterations = 100 }
typedef struct convis_synthesize_report {
    double  before, after;           /* mean response, or mean squared difference, of the start and of the result */
    int64_t iterations;
    convis_ended ended;
    double  seconds;
} convis_synthesize_report;
/* movie: shape's (1, C, T, Y, X) as frames (T, C, Y, X): the start on entry, the best found on return, also when it fails. Models
 * that are not planned are planned for it; others must require the gradient of "input" and probe the output. report may be NULL. */
convis_status convis_synthesize(convis_model *, const convis_synthesize_options *, convis_shape, convis_real *movie,
                                convis_synthesize_report *);

/* ---- Gradient checks ------------------------------------------------------------------------------------------
 * Every parameter whose gradient is required, "input", what is given beside it, and the initial states against central differences of
 * L, a random weighting of an output over random frames that are run in several chunks. In single precision differences are good for a per cent,
 * in double for 1e-4. */
typedef struct convis_gradcheck_options {
    const char *output;              /* a path; NULL: the last layer */
    convis_shape frame;              /* of a model that is not planned: all gradients that it has are then required. T does not matter */
    int64_t frames, chunk;
    double  low, high;               /* the movie's pixels */
    int     samples;                 /* elements tried of each array, of each state and of the movie; 0: all */
    double  step;                    /* relative; 0: 1e-5 in double, 1e-2 in single precision */
    double  tolerance;               /* relative; 0: 1e-4 or 2e-2 */
    uint64_t seed;
    const convis_given *given;       /* what the model takes beside the movie, whose gradient is checked, too */
    int     given_count;
} convis_gradcheck_options;
#define CONVIS_GRADCHECK_DEFAULTS { .frames = 24, .chunk = 7, .high = 1, .samples = 12 }
typedef struct convis_gradcheck_row {
    char    path[128];               /* "low.tau", "input", "low.s" */
    int64_t element;
    double  gradient, difference;
    double  error;                   /* their difference over the larger of the two, or over a thousandth of the path's largest */
    int     judged;                  /* 0: it reaches the output through spikes, by a surrogate derivative, or is at a bound or a kink */
} convis_gradcheck_row;
typedef struct convis_gradcheck_report {
    int64_t count, judged, failed;
    convis_gradcheck_row *rows;      /* count; free with convis_gradcheck_free */
    double  worst;                   /* error of those judged */
} convis_gradcheck_report;
convis_status convis_gradcheck     (convis_model *, const convis_gradcheck_options *, convis_gradcheck_report *);
void          convis_gradcheck_free(convis_context *, convis_gradcheck_report *);     /* the context may be closed, and NULL */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
