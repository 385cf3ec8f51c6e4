/* conv.c - the convolution of conv.h: geometry, the choice of the method, padding. */
#include "conv_parts.h"
#include "base/context.h"
#include "device/device.h"
#include "engine/launch.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

CONVIS_LADDER(convis_conv_kernels, convis_conv_lines)

enum { BIAS_SLOTS = 16 };

/* ---- Geometry ---- */

static conv_axis axis(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int padding)
{
    conv_axis a = { .in = in, .kernel = kernel, .stride = stride, .dilation = dilation, .reach = (kernel - 1)*dilation };
    a.before = padding == CONVIS_CONV_NONE ? 0 : kernel/2*dilation;
    int64_t places = padding == CONVIS_CONV_NONE ? in - a.reach : in;
    a.out = places > 0 ? (places - 1)/stride + 1 : 0;
    a.padded = (a.out - 1)*stride + a.reach + 1;
    return a;
}

static conv_axis axis_y(const convis_conv_spec *s) { return axis(s->h, s->y, s->stride_y, s->dilation_y, s->padding); }
static conv_axis axis_x(const convis_conv_spec *s) { return axis(s->w, s->x, s->stride_x, s->dilation_x, s->padding); }

int convis_conv_method(const convis_context *context, int method) { return convis_host_visible(context) ? method : CONVIS_CONV_DEVICE; }
static int on_device(const convis_conv_spec *s) { return s->method == CONVIS_CONV_DEVICE; }

int64_t convis_conv_height (const convis_conv_spec *s) { return axis_y(s).out; }
int64_t convis_conv_width  (const convis_conv_spec *s) { return axis_x(s).out; }
int64_t convis_conv_history(const convis_conv_spec *s) { return (s->t - 1)*s->dilation_t; }

/* Long enough that what is done once a call (history of the gradient, transforms of the kernel's) counts for little. */
int convis_conv_frames(const convis_conv_spec *s)
{
    int64_t history = convis_conv_history(s), once = s->t*s->out*(s->in/s->groups)/(s->batch*(s->in + s->out));
    if (on_device(s)) once = 0;
    return s->gradients ? (int)convis_least(256, convis_most(16, convis_most(2*history, 4*once))) : 16;
}

int64_t convis_conv_block(const convis_conv_spec *s, int64_t n)
{
    enum { NUMBERS = 1 << 24 };                          /* on a device, for which frames make the work */
    if (on_device(s)) return convis_most(1, convis_least(NUMBERS/n, 256));
    return convis_conv_frames(s) > 1 ? convis_conv_frames(s) : 16;
}

/* Where place u of the padded axis lies in the input; -1: nowhere, it is 0. */
static int64_t source(const conv_axis *a, int64_t u, int padding)
{
    int64_t at = u - a->before, n = a->in;
    if (at >= 0 && at < n) return at;
    if (padding == CONVIS_CONV_REPLICATE) return at < 0 ? 0 : n - 1;
    if (padding != CONVIS_CONV_REFLECT)   return -1;
    if (n == 1) return 0;
    at = convis_conv_slot(at, 2*n - 2);
    return at < n ? at : 2*n - 2 - at;
}

size_t convis_conv_take(size_t *size, size_t bytes)
{
    size_t at = *size;
    *size += (bytes + 63)/64*64;
    return at;
}

/* ---- The choice ---- */

static double cost_of(const convis_conv *c, int method, int operation)
{
    switch (method) {
    case CONV_DIRECT: return convis_conv_direct_cost(c, operation);
    case CONV_PIXELS: return convis_conv_pixels_cost(c, operation);
    default:          return convis_conv_fft_cost(c, operation);
    }
}

static int choose(const convis_conv *c, int operation, double *cost)
{
    int pixels = c->taps == c->s.t && c->s.stride_y == 1 && c->s.stride_x == 1, direct = pixels ? CONV_PIXELS : CONV_DIRECT,
        method = direct;
    double by_fft = convis_conv_fft_cost(c, operation);
    if (c->s.method == CONVIS_CONV_FFT && by_fft < INFINITY) method = CONV_FFT;
    else if (c->s.method != CONVIS_CONV_DIRECT && by_fft < cost_of(c, direct, operation)) method = CONV_FFT;
    *cost = cost_of(c, method, operation);
    return method;
}

static int uses(const convis_conv *c, int method)
{
    return c->forward == method || (c->s.gradients & CONVIS_CONV_KERNEL && c->kernel == method)
        || (c->s.gradients & CONVIS_CONV_INPUT && c->input == method);
}

void convis_conv_arrange(convis_conv *c, const convis_conv_spec *spec, int threads)
{
    memset(c, 0, sizeof *c);
    c->s = *spec;
    if (c->s.t == 1) c->s.dilation_t = 1;
    c->y = axis_y(&c->s);
    c->x = axis_x(&c->s);
    c->history = convis_conv_history(&c->s);
    c->inputs  = c->s.in/c->s.groups;
    c->outputs = c->s.out/c->s.groups;
    c->taps  = c->s.t*c->s.y*c->s.x;
    c->n_in  = c->s.batch*c->s.in*c->s.h*c->s.w;
    c->n_out = c->s.batch*c->s.out*c->y.out*c->x.out;
    c->threads = threads;
    c->size = (sizeof *c + 63)/64*64;
    c->map_y = convis_conv_take(&c->size, (size_t)c->y.padded*sizeof(int32_t));
    c->map_x = convis_conv_take(&c->size, (size_t)c->x.padded*sizeof(int32_t));
    c->bias  = convis_conv_take(&c->size, (size_t)c->s.out*sizeof(real));
    if (on_device(spec)) {
        c->forward = c->kernel = c->input = CONV_DEVICE;
        convis_conv_device_room(c);
        return;
    }
    convis_conv_fft_lengths(c);
    c->forward = choose(c, 0, &c->cost);
    c->kernel  = choose(c, CONVIS_CONV_KERNEL, &c->cost_kernel);
    c->input   = choose(c, CONVIS_CONV_INPUT, &c->cost_input);
    int separable = c->s.method == CONVIS_CONV_AUTO || c->s.method == CONVIS_CONV_SEPARABLE;
    c->lines = separable && c->s.t == 1 && c->s.y > 1 && c->s.x > 1
            && (c->s.method == CONVIS_CONV_SEPARABLE || convis_conv_lines_cost(c, 0, 1) < c->cost);
    if (uses(c, CONV_DIRECT) || c->lines) convis_conv_direct_room(c, threads);
    if (uses(c, CONV_PIXELS)) convis_conv_pixels_room(c, threads);
    if (uses(c, CONV_FFT))    convis_conv_fft_room(c, threads);
    if (separable && c->s.t > 1 && c->s.y*c->s.x > 1) convis_conv_factored_room(c, threads);
    c->bias_sums = convis_conv_take(&c->scratch, c->s.gradients ? (size_t)(BIAS_SLOTS*c->s.out)*sizeof(double) : 0);
}

size_t convis_conv_size(const convis_conv_spec *s)
{
    convis_conv c;
    convis_conv_arrange(&c, s, 1);
    return c.size;
}

size_t convis_conv_scratch(const convis_conv_spec *s, int threads)
{
    convis_conv c;
    convis_conv_arrange(&c, s, threads);
    return c.scratch;
}

/* ---- Preparing ---- */

static void append(convis_conv *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(convis_conv *c, const char *format, ...)
{
    size_t used = strlen(c->choice);
    va_list ap;
    va_start(ap, format);
    vsnprintf(c->choice + used, sizeof c->choice - used, format, ap);
    va_end(ap);
}

static void append_method(convis_conv *c, const convis_conv *of, int method)
{
    if (method == CONV_DEVICE) append(c, "%s", convis_conv_device_method(of));
    else if (method == CONV_FFT) append(c, "fft %lldx%lld", (long long)of->fft.nx, (long long)of->fft.ny);
    else if (method == CONV_LINES) append(c, "separable (columns, then rows)");
    else if (method == CONV_FACTORED) {
        const convis_conv *space = convis_conv_at(of, of->factors.space);
        append(c, "separable (rank %lld in time, then ", (long long)of->factors.rank);
        append_method(c, space, space->forward);
        append(c, ")");
    } else append(c, "direct");
}

static void describe(convis_conv *c)
{
    const convis_conv_spec *s = &c->s;
    append(c, "%lldx%lld, kernel %lldx%lldx%lld, %lld to %lld channels: ", (long long)s->w, (long long)s->h, (long long)s->t,
           (long long)s->y, (long long)s->x, (long long)s->in, (long long)s->out);
    append_method(c, c, c->forward);
    if (c->forward == CONV_DEVICE) return;
    if (s->gradients & CONVIS_CONV_KERNEL) { append(c, "; gradient of the kernel "); append_method(c, c, c->kernel); }
    if (s->gradients & CONVIS_CONV_INPUT)  { append(c, "; of the input "); append_method(c, c, c->input); }
}

const char *convis_conv_choice(const convis_conv *c) { return c->choice; }

static convis_status prepare_methods(convis_conv *c, convis_context *context, const double *weights)
{
    convis_status status = CONVIS_OK;
    int better = 0, gradient = c->s.gradients & CONVIS_CONV_INPUT;
    if (c->forward == CONV_DEVICE) { convis_conv_device_prepare(c, weights); return CONVIS_OK; }
    if (uses(c, CONV_DIRECT) || c->lines) convis_conv_direct_prepare(c, weights);
    if (uses(c, CONV_PIXELS)) convis_conv_pixels_prepare(c, weights);
    if (uses(c, CONV_FFT))    status = convis_conv_fft_prepare(c, context, weights);
    if (!status && c->lines) {
        double terms = convis_conv_lines_prepare(c, weights);
        if (terms >= 0 && (c->s.method == CONVIS_CONV_SEPARABLE || convis_conv_lines_cost(c, 0, terms) < c->cost)) {
            c->forward = CONV_LINES;
            c->cost = convis_conv_lines_cost(c, 0, terms);
            if (gradient) c->input = CONV_LINES;
            c->cost_input = convis_conv_lines_cost(c, CONVIS_CONV_INPUT, terms);
        }
    }
    if (!status && c->factors.most) status = convis_conv_factored_prepare(c, context, weights, &better);
    if (better) {
        c->forward = CONV_FACTORED;
        if (gradient) c->input = CONV_FACTORED;
    }
    return status;
}

convis_status convis_conv_prepare(convis_conv *c, convis_context *context, const convis_conv_spec *spec, int threads,
                                  const double *weights, const double *bias)
{
    convis_conv_arrange(c, spec, threads);
    c->kernels = convis_best_of(context, convis_conv_lines_ladder);
    int32_t *map_y = convis_conv_at(c, c->map_y), *map_x = convis_conv_at(c, c->map_x);
    real *to = convis_conv_at(c, c->bias);
    for (int64_t u = 0; u < c->y.padded; u++) map_y[u] = (int32_t)source(&c->y, u, spec->padding);
    for (int64_t u = 0; u < c->x.padded; u++) map_x[u] = (int32_t)source(&c->x, u, spec->padding);
    for (int64_t o = 0; o < c->s.out; o++) to[o] = bias ? (real)bias[o] : 0;
    convis_status status = prepare_methods(c, context, weights);
    describe(c);
    return status;
}

/* ---- What the methods share ---- */

void convis_conv_pack(const convis_conv *c, const double *weights, real *to, int back, int turned)
{
    int64_t area = c->y.kernel*c->x.kernel, lines = back ? c->inputs : c->outputs, planes = back ? c->outputs : c->inputs;
    for (int64_t g = 0; g < c->s.groups; g++)
        for (int64_t block = 0; block < convis_conv_blocks(lines); block++) {
            int64_t at = convis_conv_block_start(block, lines);
            int together = convis_conv_lines_at(at, lines);
            for (int64_t p = 0; p < planes; p++)
                for (int64_t k = 0; k < c->s.t; k++)
                    for (int64_t tap = 0; tap < area; tap++)
                        for (int l = 0; l < together; l++) {
                            int64_t o = back ? p : at + l, i = back ? at + l : p;
                            int64_t from = ((g*c->outputs + o)*c->inputs + i)*c->taps + (turned ? c->s.t - 1 - k : k)*area;
                            *to++ = (real)weights[from + (back ? area - 1 - tap : tap)];
                        }
        }
}

int convis_ring_request(conv_ring *r, int64_t room, int64_t lo, int64_t hi, conv_range fresh[2])
{
    fresh[0] = fresh[1] = (conv_range){ lo, lo };
    if (r->first >= r->end || hi < r->first || lo > r->end) {
        fresh[0].to = hi;
        r->first = lo;
        r->end = hi;
        return 1;
    }
    int down = lo < r->first, up = hi > r->end;
    if (down) fresh[0] = (conv_range){ lo, r->first };
    if (up)   fresh[1] = (conv_range){ r->end, hi };
    r->first = convis_least(lo, r->first);
    r->end = convis_most(hi, r->end);
    /* What leaves the ring is at the end that was not requested. */
    if (r->end - r->first > room) {
        if (up) r->first = convis_least(lo, r->end - room);
        if (r->end - r->first > room) r->end = r->first + room;
    }
    return down + up;
}

void convis_conv_pad(const convis_conv *c, const real *map, real *to, int64_t pitch)
{
    const int32_t *rows = convis_conv_at(c, c->map_y), *columns = convis_conv_at(c, c->map_x);
    int64_t left = convis_least(c->x.before, c->x.padded), right = convis_least(c->x.before + c->x.in, c->x.padded);
    const real *before = NULL;
    for (int64_t y = 0; y < c->y.padded; y++, to += pitch) {
        const real *row = map + rows[y]*c->x.in;
        if (rows[y] < 0) memset(to, 0, (size_t)c->x.padded*sizeof *to);
        else if (row == before) memcpy(to, to - pitch, (size_t)c->x.padded*sizeof *to);
        else {
            for (int64_t x = 0; x < left; x++) to[x] = columns[x] < 0 ? 0 : row[columns[x]];
            memcpy(to + left, row, (size_t)(right - left)*sizeof *to);
            for (int64_t x = right; x < c->x.padded; x++) to[x] = columns[x] < 0 ? 0 : row[columns[x]];
        }
        before = rows[y] < 0 ? NULL : row;
    }
}

void convis_conv_fold(const convis_conv *c, const real *padded, int64_t pitch, real *map)
{
    const int32_t *rows = convis_conv_at(c, c->map_y), *columns = convis_conv_at(c, c->map_x);
    int64_t left = convis_least(c->x.before, c->x.padded), right = convis_least(c->x.before + c->x.in, c->x.padded);
    for (int64_t y = 0; y < c->y.padded; y++, padded += pitch) {
        if (rows[y] < 0) continue;
        real *row = map + rows[y]*c->x.in;
        for (int64_t x = 0; x < left; x++) if (columns[x] >= 0) row[columns[x]] += padded[x];
        for (int64_t x = left; x < right; x++) row[x - left] += padded[x];
        for (int64_t x = right; x < c->x.padded; x++) if (columns[x] >= 0) row[columns[x]] += padded[x];
    }
}

/* ---- Running ---- */

void convis_conv_forward(const convis_pass *p, const convis_conv *c, const real *in, real *out, void *scratch)
{
    switch (c->forward) {
    case CONV_DEVICE:   convis_conv_device_forward(p, c, in, out); break;
    case CONV_PIXELS:   convis_conv_pixels_forward(p, c, in, out, scratch); break;
    case CONV_FFT:      convis_conv_fft_forward(p, c, in, out, scratch); break;
    case CONV_FACTORED: convis_conv_factored_forward(p, c, in, out, scratch); break;
    default:            convis_conv_direct_forward(p, c, in, out, scratch);
    }
}

static double sum_of(const real *v, int64_t n)
{
    real parts[CONVIS_OCTET] = { 0 };
    double sum = 0;
    int64_t k = 0;
    for (; k + CONVIS_OCTET <= n; k += CONVIS_OCTET)
        for (int i = 0; i < CONVIS_OCTET; i++) parts[i] += v[k + i];
    for (int i = 0; i < CONVIS_OCTET; i++) sum += (double)parts[i];
    for (; k < n; k++) sum += (double)v[k];
    return sum;
}

/* Frames are divided among slots, slots among threads: the sum does not depend on their number. */
static void add_bias(const convis_pass *p, const convis_conv *c, const real *d_out, double *d_bias, void *scratch)
{
    double *sums = convis_conv_in(scratch, c->bias_sums);
    int64_t map = c->y.out*c->x.out;
    conv_range mine = convis_conv_share(p, BIAS_SLOTS);
    for (int64_t slot = mine.from; slot < mine.to; slot++)
        for (int64_t o = 0; o < c->s.out; o++) {
            double *sum = &sums[slot*c->s.out + o];
            *sum = 0;
            for (int64_t t = p->frames*slot/BIAS_SLOTS; t < p->frames*(slot + 1)/BIAS_SLOTS; t++)
                for (int64_t b = 0; b < c->s.batch; b++) *sum += sum_of(d_out + t*c->n_out + (b*c->s.out + o)*map, map);
        }
    convis_barrier(p);
    mine = convis_conv_share(p, c->s.out);
    for (int64_t o = mine.from; o < mine.to; o++)
        for (int64_t slot = 0; slot < BIAS_SLOTS; slot++) d_bias[o] += sums[slot*c->s.out + o];
    convis_barrier(p);
}

void convis_conv_vjp(const convis_pass *p, const convis_conv *c, const real *in, const real *d_out, real *d_in,
                     convis_total *d_weights, convis_total *d_bias, void *scratch)
{
    if (c->forward == CONV_DEVICE) {
        convis_conv_device_vjp(p, c, in, d_out, d_in, d_weights, d_bias, scratch);
        return;
    }
    if (d_bias) add_bias(p, c, d_out, d_bias, scratch);
    real *direct = c->input == CONV_DIRECT || c->input == CONV_LINES ? d_in : NULL,
         *pixels = c->input == CONV_PIXELS ? d_in : NULL;
    real *fft = c->input == CONV_FFT ? d_in : NULL;
    double *by_direct = c->kernel == CONV_DIRECT ? d_weights : NULL, *by_pixels = c->kernel == CONV_PIXELS ? d_weights : NULL;
    double *by_fft = c->kernel == CONV_FFT ? d_weights : NULL;
    if (direct || by_direct) convis_conv_direct_vjp(p, c, in, d_out, direct, by_direct, scratch);
    if (pixels || by_pixels) convis_conv_pixels_vjp(p, c, in, d_out, pixels, by_pixels, scratch);
    if (fft || by_fft)       convis_conv_fft_vjp(p, c, in, d_out, fft, by_fft, scratch);
    if (d_in && c->input == CONV_FACTORED) convis_conv_factored_vjp(p, c, d_out, d_in, scratch);
}
