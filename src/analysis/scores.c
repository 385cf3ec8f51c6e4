/* scores.c - how well a prediction agrees with responses: likelihoods, correlations, and what noise leaves to be explained.
 *
 * r[n,t] is the response of trial n in frame t, p[t] the prediction; m[t] is the mean over the k[t] trials measured in frame t.
 * In the same unit as r the prediction is q = p dt where responses are counts (lifted to 1e-8 in the likelihoods, as the
 * losses do), else p. Means over time are over what was measured; with nothing missing, all are the published formulas.
 *
 * log_likelihood  Poisson, natural logarithm, log r! included, a measured bin:  mean of r log q - q - log r!
 * bits_per_spike  what the prediction says beyond the mean count r0:  (L(q) - L(r0))/(log 2 sum r), L the sum over bins. Pillow
 *                 et al., "Spatio-temporal correlations and visual signalling in a complete neuronal population", Nature
 *                 454:995-999 (2008). Below 0 is worse than a constant.
 * correlation     Pearson's, of p and m, over frames with a trial or more.
 * cc_norm         O. Schoppe et al., "Measuring the performance of neural models", Front. Comput. Neurosci. 10:10 (2016):
 *                 Cov(m, p)/sqrt(Var(p) SP), the signal power SP = (Var(sum of trials) - sum of Var(trial))/(N (N - 1)). That
 *                 numerator is the sum of the covariances of all pairs of trials, so with missing samples SP is the mean over
 *                 all pairs of samples measured in the same frame, minus their mean squared; each trial's offset from
 *                 the others is taken out of r beforehand (it is no signal), as Schoppe's covariances do. NaN where SP is not
 *                 above 0.
 * feve            S. Cadena et al., "Deep convolutional models improve predictions of macaque V1 responses to natural
 *                 images", PLoS Comput. Biol. 15:e1006897 (2019): 1 - (mean of (r - q)^2 - s2)/(Var(r) - s2), the noise s2 = the mean
 *                 over time of the variance over trials, both variances unbiased; of frames with two trials or more, each
 *                 weighing as many as it has. NaN where nothing but noise is there to be explained.
 *
 * All five follow from sums over frames. They are stored block by block, so that a bootstrap sample, as many blocks of
 * frames as there are, drawn with replacement (E. Carlstein, Ann. Statist. 14:1171-1179, 1986), costs a few additions. The
 * interval is that of percentiles. Block j of sample i is drawn by counter (i, j): the same for every unit and rerun. */
#include "base/context.h"
#include "base/philox.h"
#include <convis/fit.h>
#include <convis/layer.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 1e-8
enum { LEAST_BLOCK = 10, OFFSET_ROUNDS = 1000 };
enum { LOG_LIKELIHOOD, BITS_PER_SPIKE, CORRELATION, CC_NORM, FEVE };
static const char *const names[CONVIS_SCORES] = { "log_likelihood", "bits_per_spike", "correlation", "cc_norm", "feve" };

/* Sums over the frames of a block. x is p and y is r, both minus a constant near their means. */
enum {
    BINS, SPIKES, LIKELIHOOD, LOG_FACTORIALS,            /* 1, r, r log q - q and log r! over all that was measured */
    FRAMES, X, Y, XX, YY, XY,                            /* over frames with a trial; y is the mean over trials */
    LEVEL, X_LEVEL,                                      /* y and x y once more, y without the offsets of trials */
    PAIRS, PAIR_SUM, PAIR_PRODUCT,                       /* over ordered pairs of trials: 1, y, y y'; without offsets */
    SAMPLES, ERROR, NOISE, Z, ZZ,                        /* over samples of frames with two trials: 1, (r - q)^2, variance, y, y^2 */
    SUMS
};

/* One unit, wherever it lies: element (n, t) of responses and mask at (n*frames + t)*stride. */
typedef struct unit {
    convis_context *context;
    const convis_score_options *options;
    const convis_real *prediction, *responses, *mask;
    int64_t trials, frames, stride;
    char    who[32];                                     /* "unit 3: ", for sentences */
    double  scale;                                       /* from p to q */
    double  mean_p, mean_r;
    double *offset;                                      /* of each trial from the others */
    double (*sums)[SUMS];                                /* a row a block */
    int64_t blocks;
} unit;

static double prediction_at(const unit *u, int64_t t)           { return (double)u->prediction[t*u->stride]; }
static double response_at(const unit *u, int64_t n, int64_t t)  { return (double)u->responses[(n*u->frames + t)*u->stride]; }
static int    measured(const unit *u, int64_t n, int64_t t)     { return !u->mask || u->mask[(n*u->frames + t)*u->stride] > 0; }

/* ---- What cannot be scored ---- */

static convis_status fail_at(const unit *u, const char *what, int64_t t, double found, const char *expected)
{
    return convis_fail(u->context, CONVIS_EINVAL, "%sthe %s at frame %lld is %g, expected %s", u->who, what, (long long)t, found,
                       expected);
}

/* Also finds the means, and how many samples count: perhaps none. */
static convis_status check(unit *u, int64_t *samples)
{
    int64_t count = 0, frames = 0;
    double first = 0;
    int constant = 1;
    *samples = 0;
    for (int64_t t = 0; t < u->frames; t++) {
        int any = 0;
        for (int64_t n = 0; n < u->trials; n++) {
            if (!measured(u, n, t)) continue;
            const double r = response_at(u, n, t);
            if (!isfinite(r)) return fail_at(u, "response", t, r, "a number, or a mask of 0");
            if (u->options->counts && r < 0) return fail_at(u, "response", t, r, "a count, 0 or more");
            if (!count++) first = r;
            constant &= !(r < first || r > first);
            u->mean_r += r;
            any = 1;
        }
        if (!any) continue;
        const double p = prediction_at(u, t);
        if (!isfinite(p)) return fail_at(u, "prediction", t, p, "a number");
        u->mean_p += p;
        frames++;
    }
    if (!count) return CONVIS_OK;
    if (constant)
        return convis_fail(u->context, CONVIS_EINVAL, "%sthe response is %g in all %lld frames that count, expected it to vary",
                           u->who, first, (long long)frames);
    u->mean_r /= (double)count;
    u->mean_p /= (double)frames;
    *samples = count;
    return CONVIS_OK;
}

static convis_status check_options(convis_context *c, const convis_score_options *o)
{
    if (o->counts && !(o->dt > 0 && isfinite(o->dt)))
        return convis_fail(c, CONVIS_EINVAL, "scores: dt is %g s, expected more than 0 where responses are counts", o->dt);
    if (o->bootstrap < 0)
        return convis_fail(c, CONVIS_EINVAL, "scores: bootstrap is %d samples, expected 0 or more", o->bootstrap);
    if (o->bootstrap && !(o->level > 0 && o->level < 1))
        return convis_fail(c, CONVIS_EINVAL, "scores: level is %g, expected between 0 and 1", o->level);
    if (o->block < 0)
        return convis_fail(c, CONVIS_EINVAL, "scores: block is %lld frames, expected 1 or more, or 0 for one second",
                           (long long)o->block);
    if (o->bootstrap && !o->block && !(o->dt > 0 && isfinite(o->dt)))
        return convis_fail(c, CONVIS_EINVAL, "scores: dt is %g s, expected more than 0 where blocks last a second", o->dt);
    return CONVIS_OK;
}

/* ---- Sums ---- */

/* Offsets b of trials, by least squares of r[n,t] = s[t] + b[n] + noise: in turn the best s and the best b. One round suffices
 * when nothing is missing. */
static void find_offsets(unit *u, double *sum, double *count)
{
    memset(u->offset, 0, (size_t)u->trials*sizeof *u->offset);
    for (int round = 0; round < OFFSET_ROUNDS; round++) {
        double change = 0, size = 0;
        memset(sum, 0, (size_t)u->trials*sizeof *sum);
        memset(count, 0, (size_t)u->trials*sizeof *count);
        for (int64_t t = 0; t < u->frames; t++) {
            double mean = 0, k = 0;
            for (int64_t n = 0; n < u->trials; n++)
                if (measured(u, n, t)) { mean += response_at(u, n, t) - u->offset[n]; k++; }
            if (k < 2) continue;
            for (int64_t n = 0; n < u->trials; n++)
                if (measured(u, n, t)) { sum[n] += response_at(u, n, t) - mean/k; count[n]++; }
        }
        for (int64_t n = 0; n < u->trials; n++) {
            const double b = count[n] > 0 ? sum[n]/count[n] : 0;
            change = fmax(change, fabs(b - u->offset[n]));
            size = fmax(size, fabs(b));
            u->offset[n] = b;
        }
        if (change <= 1e-12*size) return;
    }
}

static void add_likelihood(double q, double r, double *s)
{
    const double lifted = q < SMALLEST ? SMALLEST : q;
    int sign;
    s[BINS]++;
    s[SPIKES] += r;
    s[LIKELIHOOD] += r*log(lifted) - lifted;
    s[LOG_FACTORIALS] += lgamma_r(r + 1, &sign);
}

static void add_frame(const unit *u, int64_t t, double *s)
{
    const double p = prediction_at(u, t), q = p*u->scale;
    double k = 0, y = 0, yy = 0, error = 0, level = 0, square = 0;
    for (int64_t n = 0; n < u->trials; n++) {
        if (!measured(u, n, t)) continue;
        const double r = response_at(u, n, t), z = r - u->mean_r, without = z - u->offset[n];
        k++;
        y += z;
        yy += z*z;
        error += (r - q)*(r - q);
        level += without;
        square += without*without;
        if (u->options->counts) add_likelihood(q, r, s);
    }
    if (k < 1) return;
    const double x = p - u->mean_p, mean = y/k;
    s[FRAMES]++;
    s[X] += x;
    s[Y] += mean;
    s[XX] += x*x;
    s[YY] += mean*mean;
    s[XY] += x*mean;
    s[LEVEL] += level/k;
    s[X_LEVEL] += x*level/k;
    if (k < 2) return;
    s[PAIRS] += k*(k - 1);
    s[PAIR_SUM] += (k - 1)*level;
    s[PAIR_PRODUCT] += level*level - square;
    s[SAMPLES] += k;
    s[ERROR] += error;
    s[NOISE] += k*fmax(yy - y*mean, 0)/(k - 1);
    s[Z] += y;
    s[ZZ] += yy;
}

/* Blocks of nearly equal length, none shorter than asked for. */
static int64_t count_blocks(const convis_score_options *o, int64_t frames)
{
    double block = (double)o->block;
    if (!o->bootstrap) return 1;
    if (!o->block) block = fmax(LEAST_BLOCK, round(1/o->dt));
    return block >= (double)frames ? 1 : (int64_t)((double)frames/block);
}

static void sum_up(unit *u)
{
    for (int64_t b = 0; b < u->blocks; b++) {
        memset(u->sums[b], 0, sizeof u->sums[b]);
        for (int64_t t = u->frames*b/u->blocks; t < u->frames*(b + 1)/u->blocks; t++) add_frame(u, t, u->sums[b]);
    }
}

/* ---- Scores from sums ---- */

static double over(double a, double b) { return b > 0 ? a/b : NAN; }

static void scores_of(const unit *u, const double *s, double score[CONVIS_SCORES])
{
    /* A variance that is only rounding is none. */
    const double n = s[FRAMES], tiny = 1e-14;
    const double xx = s[XX] - s[X]*s[X]/n, yy = s[YY] - s[Y]*s[Y]/n, xy = s[XY] - s[X]*s[Y]/n;
    const int x_varies = xx > tiny*s[XX] && xx > tiny*tiny*n*u->mean_p*u->mean_p;
    const int y_varies = yy > tiny*s[YY] && yy > tiny*tiny*(n*u->mean_r*u->mean_r + s[ZZ]);
    for (int k = 0; k < CONVIS_SCORES; k++) score[k] = NAN;
    if (u->options->counts) {
        const double spikes = s[SPIKES], constant = spikes > 0 ? spikes*log(spikes/s[BINS]) - spikes : 0;
        score[LOG_LIKELIHOOD] = over(s[LIKELIHOOD] - s[LOG_FACTORIALS], s[BINS]);
        score[BITS_PER_SPIKE] = over(s[LIKELIHOOD] - constant, spikes*log(2.));
    }
    if (x_varies && y_varies) score[CORRELATION] = xy/sqrt(xx)/sqrt(yy);
    const double pair_mean = over(s[PAIR_SUM], s[PAIRS]), signal = over(s[PAIR_PRODUCT], s[PAIRS]) - pair_mean*pair_mean;
    if (x_varies && signal > 0) score[CC_NORM] = (s[X_LEVEL] - s[X]*s[LEVEL]/n)/n/sqrt(xx/n)/sqrt(signal);
    if (s[SAMPLES] > 1) {
        const double noise = s[NOISE]/s[SAMPLES], total = (s[ZZ] - s[Z]*s[Z]/s[SAMPLES])/(s[SAMPLES] - 1);
        if (total - noise > tiny*total) score[FEVE] = 1 - (s[ERROR]/s[SAMPLES] - noise)/(total - noise);
    }
}

/* ---- Bootstrap ---- */

static void resample(const unit *u, int sample, double sums[SUMS])
{
    philox random = { { 0 } };
    memset(sums, 0, SUMS*sizeof *sums);
    for (int64_t j = 0; j < u->blocks; j++) {
        if (j%4 == 0) random = philox_draw(u->options->seed, (uint64_t)sample, (uint64_t)(j/4));
        const double *block = u->sums[(int64_t)((uint64_t)random.word[j%4]*(uint64_t)u->blocks >> 32)];
        for (int k = 0; k < SUMS; k++) sums[k] += block[k];
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Percentiles, interpolated between neighbours. Samples without the score (a block without spikes, drawn again and again) are
 * left out; where they are the most, there is no interval. Reorders them. */
static void interval(const convis_score_options *o, double *sample, convis_score *score)
{
    int64_t count = 0;
    score->low = score->high = NAN;
    for (int k = 0; k < o->bootstrap; k++) if (isfinite(sample[k])) sample[count++] = sample[k];
    if (!o->bootstrap || 2*count < o->bootstrap || !isfinite(score->value)) return;
    qsort(sample, (size_t)count, sizeof *sample, ascending);
    for (int upper = 0; upper <= 1; upper++) {
        const double at = (upper ? 1 + o->level : 1 - o->level)/2*(double)(count - 1), part = at - floor(at);
        const int64_t k = (int64_t)at, next = k + 1 < count ? k + 1 : k;
        *(upper ? &score->high : &score->low) = sample[k] + part*(sample[next] - sample[k]);
    }
}

/* ---- Units ---- */

static void nothing(convis_score scores[CONVIS_SCORES])
{
    for (int k = 0; k < CONVIS_SCORES; k++) scores[k] = (convis_score){ names[k], NAN, NAN, NAN };
}

/* The scores of a unit, and those of its bootstrap samples: sample[k*bootstrap + i] of score k. Leaves nothing() when no
 * sample counts. */
static convis_status score_unit(unit *u, double *work, convis_score *scores, double *sample, int64_t *samples)
{
    double value[CONVIS_SCORES], sums[SUMS] = { 0 };
    const int bootstrap = u->options->bootstrap;
    nothing(scores);
    convis_status status = check(u, samples);
    if (status || !*samples) return status;
    find_offsets(u, work, work + u->trials);
    sum_up(u);
    for (int64_t b = 0; b < u->blocks; b++) for (int k = 0; k < SUMS; k++) sums[k] += u->sums[b][k];
    scores_of(u, sums, value);
    for (int k = 0; k < CONVIS_SCORES; k++) scores[k].value = value[k];
    for (int i = 0; i < bootstrap; i++) {
        resample(u, i, sums);
        scores_of(u, sums, value);
        for (int k = 0; k < CONVIS_SCORES; k++) sample[k*bootstrap + i] = u->blocks > 1 ? value[k] : NAN;
    }
    return CONVIS_OK;
}

/* A mean over units that grows unit by unit: of the score itself and of each bootstrap sample. */
typedef struct mean { double value, units, *sample, *count; } mean;

static void add_to_mean(mean *m, const convis_score *score, const double *sample, int bootstrap)
{
    if (!isfinite(score->value)) return;
    m->value += score->value;
    m->units++;
    for (int i = 0; i < bootstrap; i++)
        if (isfinite(sample[i])) { m->sample[i] += sample[i]; m->count[i]++; }
}

static void finish_mean(mean *m, const convis_score_options *o, convis_score *score)
{
    for (int i = 0; i < o->bootstrap; i++) m->sample[i] = over(m->sample[i], m->count[i]);
    score->value = over(m->value, m->units);
    interval(o, m->sample, score);
}

convis_status convis_scores_of_cells(convis_context *c, const convis_score_options *options, const convis_real *prediction,
                                     const convis_real *responses, const convis_real *mask, int64_t trials, int64_t frames,
                                     int64_t units, convis_score *scores)
{
    static const convis_score_options DEFAULTS = CONVIS_SCORE_DEFAULTS;
    CONVIS_NEEDS(c, prediction, responses, scores);
    if (!options) options = &DEFAULTS;
    convis_status status = check_options(c, options);
    if (status) return status;
    if (trials < 1 || frames < 1 || units < 1 || convis_elements((convis_shape){ { trials, units, frames, 1, 64 } }) < 0)
        return convis_fail(c, CONVIS_ESHAPE, "scores: %lld trials of %lld frames and %lld units, expected at least one of each",
                           (long long)trials, (long long)frames, (long long)units);
    const int64_t blocks = count_blocks(options, frames), n = options->bootstrap;
    const int64_t numbers = blocks*SUMS + 3*trials + 3*CONVIS_SCORES*n;
    double *memory = convis_obtain(c, (size_t)numbers*sizeof *memory);
    if (!memory) return CONVIS_ENOMEM;
    double *offset = memory + blocks*SUMS, *work = offset + trials, *sample = work + 2*trials;
    mean means[CONVIS_SCORES];
    for (int k = 0; k < CONVIS_SCORES; k++)
        means[k] = (mean){ 0, 0, sample + (CONVIS_SCORES + k)*n, sample + (2*CONVIS_SCORES + k)*n };
    int64_t samples, all = 0;
    for (int64_t j = 0; j < units && !status; j++, all += samples) {
        unit u = { c, options, prediction + j, responses + j, mask ? mask + j : NULL, trials, frames, units, "",
                   options->counts ? options->dt : 1, 0, 0, offset, (double (*)[SUMS])memory, blocks };
        if (units > 1) snprintf(u.who, sizeof u.who, "unit %lld: ", (long long)j);
        convis_score *row = scores + j*CONVIS_SCORES;
        if ((status = convis_progress(c, "scores", j, units))) break;
        status = score_unit(&u, work, row, sample, &samples);
        for (int k = 0; k < CONVIS_SCORES && !status && samples; k++) {
            add_to_mean(&means[k], &row[k], sample + k*n, options->bootstrap);
            interval(options, sample + k*n, &row[k]);
        }
    }
    if (!status && !all)
        status =
            convis_fail(c, CONVIS_EINVAL, "scores: none of the %lld frames counts, expected some that do", (long long)frames);
    nothing(scores + units*CONVIS_SCORES);
    for (int k = 0; k < CONVIS_SCORES && !status; k++) finish_mean(&means[k], options, &scores[units*CONVIS_SCORES + k]);
    convis_release(c, memory);
    return status;
}

convis_status convis_scores(convis_context *c, const convis_score_options *options, const convis_real *prediction,
                            const convis_real *responses, const convis_real *mask, int64_t trials, int64_t frames,
                            convis_score scores[CONVIS_SCORES])
{
    CONVIS_NEEDS(c, prediction, responses, scores);
    convis_score with_mean[2*CONVIS_SCORES];
    convis_status status = convis_scores_of_cells(c, options, prediction, responses, mask, trials, frames, 1, with_mean);
    if (!status) memcpy(scores, with_mean, CONVIS_SCORES*sizeof *scores);
    return status;
}
