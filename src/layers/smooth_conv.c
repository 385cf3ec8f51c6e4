/* smooth_conv.c - spatial filters on a chain of low passes: a space-time kernel of any duration for the price of a few frames.
 *
 *      s_{i,k}[t] = s_{i,k}[t-1] + b (s_{i,k-1}[t] - s_{i,k}[t-1])       s_{i,-1} = x_i,  b = 1 - exp(-dt/tau),  k = 0..stages-1
 *      y[o][t]    = bias[o] + sum_{i,k} weights[o][i][k] * s_{i,k}[t]     * in space, as in conv.c
 *
 * Stage k receives the input through a gamma of order k + 1: the chain is a basis of time, and the weights say what is seen at each of
 * its delays (Convis's SmoothConv). weights are (channels, in, stages, height, width).
 *
 * Adjoint: that of the convolution gives g_{i,k}[t]; then down the chain, D_k passed on from t + 1: g_k += D_k; g_{k-1} += b g_k;
 * D_k = (1 - b) g_k; dtau += db/dtau g_k (s_{k-1}[t] - s_k[t-1]). The tape stores s_k[t-1]. */
#include <convis/kernel.h>

/* b, db/dtau, stages, pixels of a plane. */
typedef struct smooth_conv_args { real b, db; int stages, area; } smooth_conv_args;

#ifndef CONVIS_HOST

/* Element i of a frame of x; the stages of a channel lie one after the other in `maps`. */
CONVIS_INLINE integer smooth_at(integer i, integer k, integer stages, integer area) { return (i/area*stages + k)*area + i%area; }

CONVIS_KERNEL_OF(smooth_conv_args, smooth_conv_chain, IN x, OUT maps, STATE s, TAPE tape)
{
    real b = args.b;
    integer stages = args.stages, area = args.area;
    CONVIS_FRAMES(t)
        for (integer j = 0; j < stages; j++)
            CONVIS_PIXELS(i) {
                integer at = smooth_at(i, j, stages, area);
                real input = j ? maps[t*n*stages + at - area] : x[t*n + i], old = s[j*n + i];
                if (tape) tape[(t*stages + j)*n + i] = old;
                maps[t*n*stages + at] = s[j*n + i] = old + b*(input - old);
            }
}

/* The same from the tape. */
CONVIS_KERNEL_OF(smooth_conv_args, smooth_conv_again, IN x, TAPE tape, OUT maps)
{
    real b = args.b;
    integer stages = args.stages, area = args.area;
    CONVIS_FRAMES(t)
        for (integer j = 0; j < stages; j++)
            CONVIS_PIXELS(i) {
                integer at = smooth_at(i, j, stages, area);
                real input = j ? maps[t*n*stages + at - area] : x[t*n + i], old = tape[(t*stages + j)*n + i];
                maps[t*n*stages + at] = old + b*(input - old);
            }
}

CONVIS_KERNEL_OF(smooth_conv_args, smooth_conv_back, IN x, IN maps, TAPE tape, OUT dmaps, STATE ds, OUT dx, TOTAL dtau)
{
    real b = args.b, db = args.db;
    integer stages = args.stages, area = args.area;
    CONVIS_FRAMES_BACK(t)
        for (integer j = stages - 1; j >= 0; j--)
            CONVIS_PIXELS(i) {
                integer at = t*n*stages + smooth_at(i, j, stages, area);
                real g = dmaps[at] + ds[j*n + i], input = j ? maps[at - area] : x[t*n + i];
                if (dtau) dtau[i] += db*g*(input - tape[(t*stages + j)*n + i]);
                ds[j*n + i] = (1 - b)*g;
                if (j) dmaps[at - area] += b*g;
                else if (dx) dx[t*n + i] += b*g;
            }
}

CONVIS_EXPORT(smooth_conv, CONVIS_ENTRY(smooth_conv_chain) CONVIS_ENTRY(smooth_conv_again) CONVIS_ENTRY(smooth_conv_back))

#else
#include "kernels/conv/conv.h"
#include "base/philox.h"

enum { CHANNELS, STAGES, HEIGHT, WIDTH, PADDING, TAU, WEIGHTS, BIAS };
static const convis_field params[] = {
    { "channels", "1", 1, 1, 16384, CONVIS_WHOLE | CONVIS_PLAN, "number of output channels" },
    { "stages",   "1", 5, 1, 256, CONVIS_WHOLE | CONVIS_PLAN, "low passes in the cascade" },
    { "height",   "px", 1, 1, 4096, CONVIS_WHOLE | CONVIS_PLAN, "of the spatial filters" },
    { "width",    "px", 1, 1, 4096, CONVIS_WHOLE | CONVIS_PLAN, "of the spatial filters" },
    { "padding",  "replicate|zeros|reflect|none", 0, 0, 3, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "beyond the border: its pixels, zeros, or the image reflected; none: no padding, a smaller output" },
    { "tau",      "s", 0.01, 1e-6, 1e3, 0, "time constant of each low pass" },
    { "weights",  "1", 0, -1e12, 1e12, CONVIS_ARRAY, "the spatial filters, (channels, in, stages, height, width)" },
    { "bias",     "1", 0, -1e12, 1e12, CONVIS_ARRAY, "added to each channel" },
    { 0 }
};
static const convis_field states[] = { { "s", "1", 0, 0, 0, 0, "the low passes' outputs" }, { 0 } };

static int64_t frame_of(const convis_pass *p) { return convis_elements(p->in_shape[0]); }

/* The stages of each channel are channels of the convolution. */
static convis_conv_spec spec_of(const convis_pass *p)
{
    const double *a = p->param;
    const int64_t *d = p->in_shape[0].dim;
    return (convis_conv_spec){ .batch = d[CONVIS_B], .in = d[CONVIS_C]*(int64_t)a[STAGES], .out = (int64_t)a[CHANNELS], .groups = 1,
        .h = d[CONVIS_Y], .w = d[CONVIS_X], .t = 1, .y = (int64_t)a[HEIGHT], .x = (int64_t)a[WIDTH], .stride_y = 1, .stride_x = 1,
        .dilation_t = 1, .dilation_y = 1, .dilation_x = 1, .padding = (int)a[PADDING], .method = convis_conv_method(p->context, 0),
        .gradients = p->recording ? CONVIS_CONV_KERNEL | CONVIS_CONV_INPUT : 0 };
}

/* constants: the convolution. scratch: the stages' maps of a block of frames, in the backward pass their
 * gradients, too, then the convolution's. */
static int64_t block_of(const convis_pass *p)
{
    const convis_conv_spec s = spec_of(p);
    return convis_conv_block(&s, frame_of(p)*(int64_t)p->param[STAGES]);
}
static size_t maps_size(const convis_pass *p)
{
    return ((size_t)(block_of(p)*frame_of(p)*(int64_t)p->param[STAGES])*sizeof(convis_real) + 63)/64*64;
}
static size_t own_scratch(const convis_pass *p) { return maps_size(p)*(p->recording ? 2 : 1); }
static convis_conv *conv_of(const convis_pass *p) { return p->constants; }

static convis_status plan(convis_pass *p)
{
    const convis_conv_spec s = spec_of(p);
    const int64_t *d = p->in_shape[0].dim;
    if (s.padding == CONVIS_CONV_NONE && (s.y > s.h || s.x > s.w))
        return convis_fail(p->context, CONVIS_ESHAPE,
                           "%s: filters of %lldx%lld pixels, its input has %lldx%lld, and nothing is padded", p->path,
                           (long long)s.x, (long long)s.y, (long long)s.w, (long long)s.h);
    if (d[CONVIS_Y]*d[CONVIS_X] > 1 << 24)
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: %lld pixels, expected at most 2^24", p->path,
                           (long long)(d[CONVIS_Y]*d[CONVIS_X]));
    p->out_shape = (convis_shape){ { s.batch, s.out, 1, convis_conv_height(&s), convis_conv_width(&s) } };
    p->state_shape[0] = p->in_shape[0];
    p->state_shape[0].dim[CONVIS_B] *= (int64_t)p->param[STAGES];
    p->tape_shape[0] = p->state_shape[0];
    p->array_shape[WEIGHTS] = (convis_shape){ { s.out, d[CONVIS_C], (int64_t)p->param[STAGES], s.y, s.x } };
    p->array_shape[BIAS] = (convis_shape){ { s.out, 1, 1, 1, 1 } };
    p->sums[TAU] = frame_of(p);
    p->constants_size = convis_conv_size(&s);
    p->scratch_size = own_scratch(p) + convis_conv_scratch(&s, p->threads);
    return CONVIS_OK;
}

/* Small, and not the same everywhere: a mean over stages and pixels with random differences. */
static void initial(const convis_pass *p, int k, double *values)
{
    const int64_t *n = p->array_shape[k].dim, each = n[CONVIS_C]*n[CONVIS_T]*n[CONVIS_Y]*n[CONVIS_X];
    if (k == BIAS) return;
    for (int64_t i = 0; i < n[CONVIS_B]*each; i++)
        values[i] = (0.5 + philox_uniform(philox_draw(p->key, (uint64_t)i, 0).word[0]))/(double)each;
}

static convis_status prepare(convis_pass *p)
{
    const convis_conv_spec s = spec_of(p);
    return convis_conv_prepare(conv_of(p), p->context, &s, p->threads, p->array[WEIGHTS], p->array[BIAS]);
}

static smooth_conv_args args_of(const convis_pass *p)
{
    const double r = p->dt/p->param[TAU];
    const int64_t *d = p->in_shape[0].dim;
    return (smooth_conv_args){ (convis_real)-expm1(-r), (convis_real)(-exp(-r)*r/p->param[TAU]), (int)p->param[STAGES],
                               (int)(d[CONVIS_Y]*d[CONVIS_X]) };
}

static const char *method(const convis_pass *p) { return convis_conv_choice(conv_of(p)); }

/* The pass over a block of its frames. */
static convis_pass block_at(const convis_pass *p, int64_t t, int64_t frames)
{
    convis_pass q = *p;
    q.frame += t;
    q.frames = (int)frames;
    return q;
}

static convis_status forward(convis_pass *p)
{
    const smooth_conv_args args = args_of(p);
    const int64_t n = frame_of(p), block = block_of(p), out = convis_elements(p->out_shape), stored = n*(int64_t)p->param[STAGES];
    for (int64_t t = 0; t < p->frames; t += block) {
        const convis_pass q = block_at(p, t, p->frames - t < block ? p->frames - t : block);
        void *chain[] = { (void *)(uintptr_t)(p->in[0] + t*n), p->scratch, p->state[0],
                          p->tape[0] ? p->tape[0] + t*stored : NULL };
        convis_launch_with(&q, "smooth_conv_chain", n, q.frames, chain, &args);
        convis_conv_forward(&q, conv_of(p), p->scratch, p->out + t*out, (char *)p->scratch + own_scratch(p));
    }
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    const smooth_conv_args args = args_of(p);
    const int64_t n = frame_of(p), block = block_of(p), out = convis_elements(p->out_shape), stored = n*(int64_t)p->param[STAGES];
    convis_real *maps = p->scratch, *dmaps = (convis_real *)(void *)((char *)p->scratch + maps_size(p));
    for (int64_t t = (p->frames - 1)/block*block; t >= 0; t -= block) {
        const convis_pass q = block_at(p, t, p->frames - t < block ? p->frames - t : block);
        void *again[] = { (void *)(uintptr_t)(p->in[0] + t*n), p->tape[0] + t*stored, maps };
        void *back[] = { (void *)(uintptr_t)(p->in[0] + t*n), maps, p->tape[0] + t*stored, dmaps, p->d_state[0],
                         p->d_in[0] ? p->d_in[0] + t*n : NULL, p->d_array[TAU] };
        convis_zero(p, dmaps, (size_t)(q.frames*stored)*sizeof *dmaps);
        convis_launch_with(&q, "smooth_conv_again", n, q.frames, again, &args);
        convis_conv_vjp(&q, conv_of(p), maps, p->d_out + t*out, dmaps, p->d_array[WEIGHTS], p->d_array[BIAS],
                        (char *)p->scratch + own_scratch(p));
        convis_launch_with(&q, "smooth_conv_back", n, q.frames, back, &args);
    }
    return CONVIS_OK;
}

/* Settled, all stages equal their input. One number stands for all outputs: their mean. */
static double baseline(const convis_pass *p, const double *x, double *state)
{
    double sum = 0;
    state[0] = x[0];
    for (int64_t i = 0; i < (int64_t)p->param[WEIGHTS]; i++) sum += p->array[WEIGHTS][i];
    sum *= x[0];
    for (int64_t i = 0; i < (int64_t)p->param[BIAS]; i++) sum += p->array[BIAS][i];
    return sum/p->param[CHANNELS];
}

static void baseline_vjp(const convis_pass *p, const double *x, double d_y, const double *d_state, double *d_x, double *d_param,
                     double *const *d_array)
{
    (void)d_param;
    d_x[0] += d_state[0];
    for (int64_t i = 0; i < (int64_t)p->param[WEIGHTS]; i++) {
        d_x[0] += d_y*p->array[WEIGHTS][i]/p->param[CHANNELS];
        if (d_array[WEIGHTS]) d_array[WEIGHTS][i] += d_y*x[0]/p->param[CHANNELS];
    }
    for (int64_t i = 0; d_array[BIAS] && i < (int64_t)p->param[BIAS]; i++) d_array[BIAS][i] += d_y/p->param[CHANNELS];
}

CONVIS_LAYER_KERNELS(smooth_conv)
const convis_layer_type convis_smooth_conv = {
    .abi = CONVIS_LAYER_ABI, .name = "smooth_conv", .doc =
      "convolution that is smooth in time: spatial filters of the stages of a low-pass cascade",
    .params = params, .states = states, .inputs = 1, .tape = 1, .kernels = smooth_conv_kernels, .source = convis_smooth_conv_source,
    .plan = plan, .prepare = prepare, .initial = initial, .baseline = baseline, .baseline_vjp = baseline_vjp, .method = method,
    .forward = forward, .vjp = vjp, .device_capable = 1,
};
#endif
