/* conv.c - 3D convolution: space-time receptive fields, temporal filters (1 x 1 pixels), spatial ones (1 frame), layers of a CNN.
 *
 *      y[o][t][v][u] = bias[o] + sum_{i,k,b,a} weights[o][i][k][b][a] x[i][t - (T-1-k) dilation_t][v s + b d - before][u s + a d - before]
 *
 * weights are (channels, in/groups, frames, height, width), not reversed: the last frame of a kernel weighs the present, as
 * in Convis and PyTorch. An output is as large as the input over the stride; before = d floor(K/2), so the weight at index K/2
 * of both axes, rounded down, is that of the output's own place: even kernels reach one place further to the left and up, as in
 * Convis, SciPy and OpenCV (src/kernels/conv/conv.h, which also says how it is computed: directly, by spectra, or in parts of low
 * rank). By spectra a pixel that is not finite makes all of its frame NaN. The history is what
 * lay before the first frame. Unless set, weights begin as a low pass in time
 * and a bump in space that sum to 1, for several channels with small random differences, so that a cascade can learn.
 *
 * Adjoint: dx is the correlation of dy with weights, dweights that of x with dy, dbias the sum of dy. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_EXPORT(conv, )

#else
#include "kernels/conv/conv.h"
#include "base/philox.h"

enum { CHANNELS, FRAMES, HEIGHT, WIDTH, GROUPS, STRIDE, DILATION_T, DILATION, PADDING, METHOD, WEIGHTS, BIAS };
static const convis_field params[] = {
    { "channels",   "1", 1, 1, 16384, CONVIS_WHOLE | CONVIS_PLAN, "number of output channels" },
    { "frames",     "1", 1, 1, 4096, CONVIS_WHOLE | CONVIS_PLAN, "length of the kernel in frames" },
    { "height",     "px", 1, 1, 4096, CONVIS_WHOLE | CONVIS_PLAN, "of the kernel" },
    { "width",      "px", 1, 1, 4096, CONVIS_WHOLE | CONVIS_PLAN, "of the kernel" },
    { "groups",     "1", 1, 1, 16384, CONVIS_WHOLE | CONVIS_PLAN, "groups of channels that are not mixed" },
    { "stride",     "px", 1, 1, 1024, CONVIS_WHOLE | CONVIS_PLAN, "pixels between outputs" },
    { "dilation_t", "1", 1, 1, 1024, CONVIS_WHOLE | CONVIS_PLAN, "frames between weights" },
    { "dilation",   "px", 1, 1, 1024, CONVIS_WHOLE | CONVIS_PLAN, "pixels between weights" },
    { "padding",    "replicate|zeros|reflect|none", 0, 0, 3, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "beyond the border: its pixels, zeros, or the image reflected; none: no padding, a smaller output" },
    { "method",     "auto|direct|fft|separable", 0, 0, 3, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "auto: the fastest; fft: in the frequency domain; separable: as a sum of separable kernels" },
    { "weights",    "1", 0, -1e12, 1e12, CONVIS_ARRAY, "the kernels, (channels, in/groups, frames, height, width)" },
    { "bias",       "1", 0, -1e12, 1e12, CONVIS_ARRAY, "added to each channel" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static convis_conv_spec spec_of(const convis_pass *p)
{
    const double *a = p->param;
    const int64_t *d = p->in_shape[0].dim;
    return (convis_conv_spec){ .batch = d[CONVIS_B], .in = d[CONVIS_C], .out = (int64_t)a[CHANNELS], .groups = (int64_t)a[GROUPS],
        .h = d[CONVIS_Y], .w = d[CONVIS_X], .t = (int64_t)a[FRAMES], .y = (int64_t)a[HEIGHT], .x = (int64_t)a[WIDTH],
        .stride_y = (int64_t)a[STRIDE], .stride_x = (int64_t)a[STRIDE], .dilation_t = (int64_t)a[DILATION_T],
        .dilation_y = (int64_t)a[DILATION], .dilation_x = (int64_t)a[DILATION], .padding = (int)a[PADDING],
        .method = convis_conv_method(p->context, (int)a[METHOD]),
        .gradients = p->recording ? CONVIS_CONV_KERNEL | CONVIS_CONV_INPUT : 0 };
}

static convis_status plan(convis_pass *p)
{
    const convis_conv_spec s = spec_of(p);
    if (s.in % s.groups || s.out % s.groups)
        return convis_fail(p->context, CONVIS_ESHAPE,
                           "%s.groups: %lld of them, which do not divide %lld inputs and %lld channels", p->path,
                           (long long)s.groups, (long long)s.in, (long long)s.out);
    if (s.padding == CONVIS_CONV_NONE && (s.dilation_y*(s.y - 1) >= s.h || s.dilation_x*(s.x - 1) >= s.w))
        return convis_fail(p->context, CONVIS_ESHAPE,
                           "%s: a kernel of %lldx%lld pixels, its input has %lldx%lld, and nothing is padded", p->path,
                           (long long)(s.dilation_x*(s.x - 1) + 1), (long long)(s.dilation_y*(s.y - 1) + 1), (long long)s.w,
                           (long long)s.h);
    if (convis_conv_history(&s) > 4000)
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: a kernel of %lld frames, expected at most 4000", p->path,
                           (long long)convis_conv_history(&s) + 1);
    p->out_shape = (convis_shape){ { s.batch, s.out, 1, convis_conv_height(&s), convis_conv_width(&s) } };
    p->array_shape[WEIGHTS] = (convis_shape){ { s.out, s.in/s.groups, s.t, s.y, s.x } };
    p->array_shape[BIAS] = (convis_shape){ { s.out, 1, 1, 1, 1 } };
    p->history[0] = (int)convis_conv_history(&s);
    p->preferred_frames = convis_conv_frames(&s);
    p->constants_size = convis_conv_size(&s);
    p->scratch_size = convis_conv_scratch(&s, p->threads);
    return CONVIS_OK;
}

/* Half a cosine's bump, 1 at n/2: of an even n its last place is missing. */
static double bump(int64_t i, int64_t n) { return sin(3.141592653589793*((double)i + 0.5)/(double)(n | 1)); }

static void initial(const convis_pass *p, int k, double *values)
{
    const int64_t *n = p->array_shape[k].dim;
    const int64_t kernel = n[CONVIS_T]*n[CONVIS_Y]*n[CONVIS_X], kernels = n[CONVIS_B]*n[CONVIS_C];
    double sum = 0;
    if (k == BIAS) return;
    for (int64_t t = 0; t < n[CONVIS_T]; t++)
        for (int64_t y = 0; y < n[CONVIS_Y]; y++)
            for (int64_t x = 0; x < n[CONVIS_X]; x++)
                sum += values[(t*n[CONVIS_Y] + y)*n[CONVIS_X] + x]
                     = exp(-4*(double)(n[CONVIS_T] - 1 - t)/(double)n[CONVIS_T])*bump(y, n[CONVIS_Y])*bump(x, n[CONVIS_X]);
    for (int64_t i = 0; i < kernel; i++) values[i] /= sum*(double)n[CONVIS_C];
    for (int64_t j = 1; j < kernels; j++)
        for (int64_t i = 0; i < kernel; i++) values[j*kernel + i] = values[i];
    if (kernels == 1) return;
    for (int64_t i = 0; i < kernels*kernel; i++)
        values[i] += (philox_uniform(philox_draw(p->key, (uint64_t)i, 0).word[0]) - 0.5)/sqrt((double)(kernel*n[CONVIS_C]));
}

static convis_status prepare(convis_pass *p)
{
    const convis_conv_spec s = spec_of(p);
    return convis_conv_prepare(p->constants, p->context, &s, p->threads, p->array[WEIGHTS], p->array[BIAS]);
}

static const char *method(const convis_pass *p) { return convis_conv_choice(p->constants); }

static convis_status forward(convis_pass *p) { convis_conv_forward(p, p->constants, p->in[0], p->out, p->scratch); return CONVIS_OK; }

static convis_status vjp(convis_pass *p)
{
    convis_conv_vjp(p, p->constants, p->in[0], p->d_out, p->d_in[0], p->d_array[WEIGHTS], p->d_array[BIAS], p->scratch);
    return CONVIS_OK;
}

/* One number stands for all outputs and pixels: the mean over channels where the border is padded with its own pixels. */
static double baseline(const convis_pass *p, const double *x, double *state)
{
    double sum = 0;
    (void)state;
    for (int64_t i = 0; i < (int64_t)p->param[WEIGHTS]; i++) sum += p->array[WEIGHTS][i];
    sum *= x[0];
    for (int64_t i = 0; i < (int64_t)p->param[BIAS]; i++) sum += p->array[BIAS][i];
    return sum/p->param[CHANNELS];
}

static void baseline_vjp(const convis_pass *p, const double *x, double d_y, const double *d_state, double *d_x, double *d_param,
                     double *const *d_array)
{
    (void)d_state, (void)d_param;
    for (int64_t i = 0; i < (int64_t)p->param[WEIGHTS]; i++) {
        d_x[0] += d_y*p->array[WEIGHTS][i]/p->param[CHANNELS];
        if (d_array[WEIGHTS]) d_array[WEIGHTS][i] += d_y*x[0]/p->param[CHANNELS];
    }
    for (int64_t i = 0; d_array[BIAS] && i < (int64_t)p->param[BIAS]; i++) d_array[BIAS][i] += d_y/p->param[CHANNELS];
}

CONVIS_LAYER_KERNELS(conv)
const convis_layer_type convis_conv_layer = {
    .abi = CONVIS_LAYER_ABI, .name = "conv", .doc = "3D convolution in space and time",
    .params = params, .states = states, .inputs = 1, .kernels = conv_kernels, .source = convis_conv_source,
    .plan = plan, .prepare = prepare, .initial = initial, .baseline = baseline, .baseline_vjp = baseline_vjp, .method = method,
    .forward = forward, .vjp = vjp, .device_capable = 1,
};
#endif
