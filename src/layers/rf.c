/* rf.c - receptive fields over the whole frame, one output a channel: `rf` in space and time, `readout` of one frame.
 *
 *      y[o][t] = bias[o] + sum_{k,i,p} weights[o][i][k][p] x[i][t - (T-1-k)][p]          rf: T frames, p a pixel, i a channel
 *      y[o][t] = bias[o] + sum_{i,p} weights[o][i][p] x[i][t][p]                         readout
 *
 * A factorised readout (Klindt et al. 2017) has weights[o][i][p] = space[o][p] features[o][i]: where a cell looks, and at what. As for
 * conv the last frame of a kernel weighs the present; the history is what lay before the first frame. The output has one pixel.
 *
 * First each frame is projected on every (o, k), P[t][o,k] = <weights[o][k], x[t]>, then y[o][t] = bias[o] + sum_k P[t-(T-1-k)][o,k].
 *
 * Adjoint, with dP[t][o,k] = dy[o][t+(T-1-k)]: dx[t] += sum_{o,k} dP[t][o,k] weights[o][k]; dweights[o][k] = sum_t dP[t][o,k] x[t];
 * dbias = sum of dy. Factors: dspace = sum_i dweights features, dfeatures = sum_p dweights space. */
#include <convis/kernel.h>
#include "kernels/rf/rf_gpu.h"

#ifndef CONVIS_HOST

/* The number of kernels is a multiple of RF_ROWS. Element i: of frame i/(kernels/RF_ROWS), RF_ROWS kernels. Sixteen sums side
 * by side, then pairwise: the same order on every instruction set. */
CONVIS_KERNEL_OF(rf_shape, rf_project, PARAM w, IN x, OUT projection)
{
    integer groups = (integer)args.kernels/RF_ROWS, size = (integer)args.size, whole = size/RF_LANES*RF_LANES;
    CONVIS_PIXELS(i) {
        CONVIS_GLOBAL const real *seen = x + i/groups*size, *row = w + i%groups*RF_ROWS*size;
        real sum[RF_ROWS][RF_LANES];
        for (int r = 0; r < RF_ROWS; r++) for (int l = 0; l < RF_LANES; l++) sum[r][l] = 0;
        for (integer j = 0; j < whole; j += RF_LANES)
            for (int r = 0; r < RF_ROWS; r++)
                for (int l = 0; l < RF_LANES; l++) sum[r][l] += row[r*size + j + l]*seen[j + l];
        for (integer j = whole; j < size; j++)
            for (int r = 0; r < RF_ROWS; r++) sum[r][j - whole] += row[r*size + j]*seen[j];
        for (int r = 0; r < RF_ROWS; r++) {
            for (int step = RF_LANES/2; step > 0; step /= 2)
                for (int l = 0; l < step; l++) sum[r][l] += sum[r][l + step];
            projection[i*RF_ROWS + r] = sum[r][0];
        }
    }
}

/* projection begins T - 1 frames before y; element i: batch, output. */
CONVIS_KERNEL_OF(rf_shape, rf_gather, PARAM bias, IN projection, OUT y)
{
    integer kernels = (integer)args.kernels, taps = (integer)args.taps, batches = (integer)args.batches, outputs = n/batches;
    CONVIS_SCAN(i, t) {
        integer b = i/outputs, o = i%outputs;
        real sum = bias[o];
        for (integer j = 0; j < taps; j++) sum += projection[((t + j)*batches + b)*kernels + o*taps + j];
        y[t*n + i] = sum;
    }
}

/* Elements are the numbers of a frame; nt rows, each a frame of a batch. dp: (rows, kernels). */
CONVIS_KERNEL_OF(rf_shape, rf_input, PARAM w, IN dp, OUT dx)
{
    integer kernels = (integer)args.kernels;
    CONVIS_FRAMES(t)
        for (integer j = 0; j < kernels; j++) {
            real g = dp[t*kernels + j];
            if (g == 0) continue;
            CONVIS_PIXELS(i) dx[t*n + i] += g*w[j*n + i];
        }
}

CONVIS_KERNEL_OF(rf_shape, rf_weights, IN dp, IN x, OUT dw)
{
    integer kernels = (integer)args.kernels;
    for (integer j = 0; j < kernels; j++)
        CONVIS_FRAMES(t) {
            real g = dp[t*kernels + j];
            if (g == 0) continue;
            CONVIS_PIXELS(i) dw[j*n + i] += g*x[t*n + i];
        }
}

CONVIS_EXPORT(rf, CONVIS_ENTRY(rf_project) CONVIS_ENTRY(rf_gather) CONVIS_ENTRY(rf_input) CONVIS_ENTRY(rf_weights))

#else
#include "base/philox.h"
#include "kernels/rf/rf.h"

/* Rows of both tables; the second is FRAMES or FACTORISED, SPACE and FEATURES are the readout's. */
enum { CHANNELS, FRAMES, FACTORISED = FRAMES, WEIGHTS, BIAS, SPACE, FEATURES };
#define CHANNELS_ROW { "channels", "1", 1, 1, 16384, CONVIS_WHOLE | CONVIS_PLAN, "number of output channels" }
#define BIAS_ROW     { "bias",     "1", 0, -1e12, 1e12, CONVIS_ARRAY, "added to each channel" }
static const convis_field rf_params[] = {
    CHANNELS_ROW,
    { "frames",  "1", 1, 1, 4096, CONVIS_WHOLE | CONVIS_PLAN, "length of the field in frames" },
    { "weights", "1", 0, -1e12, 1e12, CONVIS_ARRAY, "the fields, (channels, in, frames, height, width)" },
    BIAS_ROW, { 0 }
};
static const convis_field readout_params[] = {
    CHANNELS_ROW,
    { "factorised", "off|on", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "on: weights are products of space and features" },
    { "weights",    "1", 0, -1e12, 1e12, CONVIS_ARRAY, "(channels, in, 1, height, width); not when factorised" },
    BIAS_ROW,
    { "space",      "1", 0, -1e12, 1e12, CONVIS_ARRAY, "factorised: spatial weights, (channels, 1, 1, height, width)" },
    { "features",   "1", 0, -1e12, 1e12, CONVIS_ARRAY, "factorised: weights of the input channels, (channels, in)" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

/* ---- Memory: sizes, bias and weights as kernels read them; projections of a block of frames ---- */

typedef convis_rf_sizes sizes;

static sizes sizes_of(const convis_pass *p, int64_t taps, int factorised)
{
    const int64_t *d = p->in_shape[0].dim;
    sizes s = { .batches = d[CONVIS_B], .outputs = (int64_t)p->param[CHANNELS], .inputs = d[CONVIS_C], .taps = taps,
                .plane = d[CONVIS_Y]*d[CONVIS_X], .factorised = factorised };
    s.size = s.inputs*s.plane;
    s.kernels = (s.outputs*taps + RF_ROWS - 1)/RF_ROWS*RF_ROWS;
    convis_rf_arrange(p->context, &s);
    return s;
}

/* constants: sizes, then reals: bias, weights; on a device the factors, too. */
enum { HEAD = 256 };
static sizes *head(const convis_pass *p) { return p->constants; }
static convis_real *biases(const convis_pass *p)  { return (convis_real *)(void *)((char *)p->constants + HEAD); }
static convis_real *weights(const convis_pass *p) { return biases(p) + (head(p)->outputs + 15)/16*16; }
static convis_real *space(const convis_pass *p)    { return weights(p) + head(p)->kernels*head(p)->size; }
static convis_real *features(const convis_pass *p) { return space(p) + head(p)->outputs*head(p)->plane; }
static int64_t factors(const sizes *s) { return s->part && s->factorised ? s->outputs*(s->plane + s->inputs) : 0; }
static convis_rf_memory memory_of(const convis_pass *p)
{
    const sizes *s = head(p);
    const rf_shape shape = { (int)s->kernels, (int)s->size, (int)s->taps, (int)s->batches,
                             (int)s->part, (int)s->outputs, (int)s->inputs };
    return (convis_rf_memory){ s, shape, biases(p), weights(p), space(p), features(p), p->array[SPACE], p->array[FEATURES] };
}

static convis_status plan(convis_pass *p, int64_t taps, int factorised)
{
    const sizes s = sizes_of(p, taps, factorised);
    const int64_t *d = p->in_shape[0].dim;
    if (s.size > 1 << 24 || s.kernels > 1 << 24 || (double)s.size*(double)s.kernels > 1e9)
        return convis_fail(p->context, CONVIS_ESHAPE,
                           "%s: %lld fields of %lld numbers, expected at most 2^24 of either and 1e9 in all", p->path,
                           (long long)s.kernels, (long long)s.size);
    p->out_shape = (convis_shape){ { s.batches, s.outputs, 1, 1, 1 } };
    if (!factorised) p->array_shape[WEIGHTS] = (convis_shape){ { s.outputs, s.inputs, taps, d[CONVIS_Y], d[CONVIS_X] } };
    else {
        p->array_shape[SPACE] = (convis_shape){ { s.outputs, 1, 1, d[CONVIS_Y], d[CONVIS_X] } };
        p->array_shape[FEATURES] = (convis_shape){ { s.outputs, s.inputs, 1, 1, 1 } };
    }
    p->array_shape[BIAS] = (convis_shape){ { s.outputs, 1, 1, 1, 1 } };
    p->history[0] = (int)taps - 1;
    p->preferred_frames = (int)s.preferred;
    p->constants_size = HEAD + (size_t)((s.outputs + 15)/16*16 + s.kernels*s.size + factors(&s))*sizeof(convis_real);
    p->scratch_size = convis_rf_scratch(&s, p->recording);
    return CONVIS_OK;
}

static convis_status plan_rf(convis_pass *p)      { return plan(p, (int64_t)p->param[FRAMES], 0); }
static convis_status plan_readout(convis_pass *p) { return plan(p, 1, p->param[FACTORISED] > 0); }

/* A faint field that is not the same everywhere, so that it can be learnt: a mean over the frame with random differences. */
static void initial(const convis_pass *p, int k, double *values)
{
    const int64_t *n = p->array_shape[k].dim, each = n[CONVIS_C]*n[CONVIS_T]*n[CONVIS_Y]*n[CONVIS_X];
    if (k == BIAS) return;
    for (int64_t i = 0; i < n[CONVIS_B]*each; i++)
        values[i] = (k == FEATURES ? 1 : 1/(double)each)*
                    (0.5 + philox_uniform(philox_draw(p->key, (uint64_t)i, (uint64_t)k).word[0]));
}

static double weight(const convis_pass *p, const sizes *s, int64_t o, int64_t i, int64_t k, int64_t at)
{
    if (s->factorised) return p->array[SPACE][o*s->plane + at]*p->array[FEATURES][o*s->inputs + i];
    return p->array[WEIGHTS][((o*s->inputs + i)*s->taps + k)*s->plane + at];
}

static void prepare(convis_pass *p, int64_t taps, int factorised)
{
    *head(p) = sizes_of(p, taps, factorised);
    const sizes *s = head(p);
    convis_real *w = weights(p);
    for (int64_t o = 0; o < s->outputs; o++) {
        biases(p)[o] = (convis_real)p->array[BIAS][o];
        for (int64_t j = 0; j < s->taps; j++)
            for (int64_t i = 0; i < s->inputs; i++)
                for (int64_t at = 0; at < s->plane; at++)
                    w[(o*s->taps + j)*s->size + i*s->plane + at] = (convis_real)weight(p, s, o, i, j, at);
    }
    if (!factors(s)) return;
    for (int64_t j = 0; j < s->outputs*s->plane; j++)  space(p)[j] = (convis_real)p->array[SPACE][j];
    for (int64_t j = 0; j < s->outputs*s->inputs; j++) features(p)[j] = (convis_real)p->array[FEATURES][j];
}

static convis_status prepare_rf(convis_pass *p)      { prepare(p, (int64_t)p->param[FRAMES], 0); return CONVIS_OK; }
static convis_status prepare_readout(convis_pass *p) { prepare(p, 1, p->param[FACTORISED] > 0); return CONVIS_OK; }

/* ---- Forward and backward ---- */

static convis_status forward(convis_pass *p)
{
    const convis_rf_memory f = memory_of(p);
    convis_rf_forward(p, &f);
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    const int factorised = head(p)->factorised;
    const convis_rf_memory f = memory_of(p);
    const convis_rf_gradients d = { factorised ? NULL : p->d_array[WEIGHTS], p->d_array[BIAS],
                                    factorised ? p->d_array[SPACE] : NULL, factorised ? p->d_array[FEATURES] : NULL };
    convis_rf_backward(p, &f, &d);
    return CONVIS_OK;
}

/* ---- The baseline: the mean over channels, as one number stands for all ---- */

static double baseline(const convis_pass *p, const double *x, double *state)
{
    const sizes *s = head(p);
    double sum = 0;
    (void)state;
    for (int64_t i = 0; i < s->outputs*s->taps*s->size; i++) sum += (double)weights(p)[i];
    sum *= x[0];
    for (int64_t o = 0; o < s->outputs; o++) sum += p->array[BIAS][o];
    return sum/(double)s->outputs;
}

static void baseline_vjp(const convis_pass *p, const double *x, double d_y, const double *d_state, double *d_x, double *d_param,
                     double *const *d_array)
{
    const sizes *s = head(p);
    (void)d_state, (void)d_param;
    for (int64_t o = 0; o < s->outputs; o++) {
        if (d_array[BIAS]) d_array[BIAS][o] += d_y/(double)s->outputs;
        for (int64_t i = 0; i < s->inputs; i++)
            for (int64_t j = 0; j < s->taps; j++)
                for (int64_t at = 0; at < s->plane; at++) {
                    const double g = d_y*x[0]/(double)s->outputs;
                    d_x[0] += d_y*weight(p, s, o, i, j, at)/(double)s->outputs;
                    if (!s->factorised && d_array[WEIGHTS])
                        d_array[WEIGHTS][((o*s->inputs + i)*s->taps + j)*s->plane + at] += g;
                    if (s->factorised && d_array[SPACE])
                        d_array[SPACE][o*s->plane + at] += g*p->array[FEATURES][o*s->inputs + i];
                    if (s->factorised && d_array[FEATURES])
                        d_array[FEATURES][o*s->inputs + i] += g*p->array[SPACE][o*s->plane + at];
                }
    }
}

CONVIS_LAYER_KERNELS(rf)
const convis_layer_type convis_rf = {
    .abi = CONVIS_LAYER_ABI, .name = "rf", .doc = "receptive fields over the whole frame, one output each",
    .params = rf_params, .states = states, .inputs = 1, .kernels = rf_kernels, .source = convis_rf_source, .plan = plan_rf,
    .prepare = prepare_rf, .initial = initial, .baseline = baseline, .baseline_vjp = baseline_vjp, .forward = forward, .vjp = vjp,
    .device_capable = 1,
};
const convis_layer_type convis_readout = {
    .abi = CONVIS_LAYER_ABI, .name = "readout", .doc =
      "weighted sums over space and channels, dense or factorised into space and features",
    .params = readout_params, .states = states, .inputs = 1, .kernels = rf_kernels, .source = convis_rf_source, .plan = plan_readout,
    .prepare = prepare_readout, .initial = initial, .baseline = baseline, .baseline_vjp = baseline_vjp, .forward = forward, .vjp = vjp,
    .device_capable = 1,
};
#endif
