/* conv_fft.c - convolution in the frequency domain: frames are transformed in space, and summed over taps and channels.
 *
 *      forward    Y[o][t] = sum_{i,k} W[o][i][k] X[i][t - age(k)]         W = conj(F w)/N, as the kernel is not reversed
 *      input      D[i][t] = sum_{o,k} conj(W[o][i][k]) G[o][t + age(k)]
 *      kernel     E[o][i][k] = sum_t conj(G[o][t]) X[i][t - age(k)]
 *
 * Lengths are at least those of the padded frame, so nothing wraps around from the other end. Spectra are stored in blocks of
 * frequencies, each with its slots (frames) side by side, so that the sums over taps run in the first-level cache.
 *
 * FFTW's measured plans may differ from one process to the next, and with them the last bits; estimated plans do not. Those
 * are good only for some lengths, which is what the list of lengths is for. */
#include "conv_parts.h"
#include "base/locks.h"
#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef CONVIS_DOUBLE
#define FFTW(name) fftw_##name
#else
#define FFTW(name) fftwf_##name
#endif

enum { SPECTRA_BYTES = 1 << 21, LEAST_FRAMES = 8, MOST_FRAMES = 64, CACHE_BYTES = 16 << 20, CACHE_FRAMES = 2048 };
static const double MOST_BYTES = 1.5e9;

/* ---- Lengths, and what a row (real to complex) and a column (complex) of each cost, in nanoseconds, with estimated plans of
 * FFTW 3.3.10 on an AMD EPYC (Zen 3) ---- */

typedef struct length { int n; float row, column; } length;
static const length LENGTHS[] = {
    { 4, 4, 5 }, { 6, 4, 4 }, { 8, 5, 6 }, { 10, 7, 6 }, { 12, 8, 9 }, { 16, 16, 11 },
    { 20, 20, 16 }, { 24, 50, 42 }, { 28, 52, 48 },     { 32, 40, 25 }, { 36, 64, 60 }, { 40, 70, 52 },
    { 48, 86, 64 }, { 54, 68, 110 }, { 56, 72, 86 }, { 64, 94, 59 }, { 72, 66, 101 },     { 80, 76, 107 },
    { 96, 190, 117 }, { 100, 106, 167 }, { 112, 132, 174 }, { 120, 126, 300 }, { 128, 283, 166 }, { 144, 124, 228 },
    { 150, 214, 306 }, { 160, 146, 224 }, { 180, 203, 318 }, { 192, 192, 494 }, { 200, 202, 330 }, { 216, 352, 592 },
    { 240, 269, 654 },    { 256, 252, 417 }, { 288, 290, 591 }, { 320, 347, 632 }, { 360, 570, 1026 }, { 384, 463, 1090 },
    { 400, 424, 1117 },   { 448, 638, 1410 }, { 480, 602, 1348 }, { 512, 481, 1230 }, { 576, 698, 1668 }, { 640, 660, 1945 },
    { 720, 1046, 2158 },  { 768, 825, 2630 }, { 800, 783, 2521 }, { 864, 1334, 2756 }, { 960, 1536, 3027 }, { 1024, 1272, 3458 },
    { 1152, 1440, 3778 },
};
enum { LENGTH_COUNT = sizeof LENGTHS/sizeof *LENGTHS };

/* The index-th length that is long enough; n = 0 after the last. Beyond the list: powers of two and what lies a quarter or half
 * above them. */
static length length_at(int64_t least, int index)
{
    int k = 0;
    while (k < LENGTH_COUNT && LENGTHS[k].n < least) k++;
    if (k < LENGTH_COUNT) return k + index < LENGTH_COUNT ? LENGTHS[k + index] : (length){ 0 };
    int64_t n = 1024, step = 256;
    while (n < least) {
        n += step;
        if (n == 8*step) step *= 2;
    }
    if (index || n > 1 << 20) return (length){ 0 };
    double work = (double)n*log2((double)n);
    return (length){ (int)n, (float)(0.15*work), (float)(0.36*work) };
}

/* ---- Sizes ---- */

/* Nanoseconds of one operation on a frame with these lengths. */
static double cost_with(const convis_conv *c, length y, length x, int operation)
{
    const convis_conv_spec *s = &c->s;
    double columns = x.n/2 + 1, padded = (double)(c->y.padded*c->x.padded), bins = (double)y.n*columns;
    double transform = (double)c->y.padded*x.row + columns*y.column + 0.3*padded + 0.3*bins;
    double transforms = (double)(s->batch*(s->in + s->out)), sums = 8*(double)(s->batch*s->out*c->inputs*s->t)*bins/45;
    /* The kernel's own transforms, at the end of a pass. */
    if (operation == CONVIS_CONV_KERNEL) transforms += (double)(s->out*c->inputs*s->t)/(double)convis_conv_frames(s);
    if (operation == CONVIS_CONV_INPUT) transforms += (double)(s->batch*s->in*c->history)/(double)convis_conv_frames(s);
    return transforms*transform + sums;
}

static double bytes_with(const convis_conv *c)
{
    const convis_conv_spec *s = &c->s;
    double spectrum = 2*(double)sizeof(real)*(double)(c->fft.ny*c->fft.nc), slots = (double)(c->history + MOST_FRAMES);
    return spectrum*((double)(s->out*c->inputs*s->t)*2 + (double)(s->batch*(s->in + s->out))*slots);
}

void convis_conv_fft_lengths(convis_conv *c)
{
    double best = INFINITY;
    length y, x;
    for (int j = 0; (y = length_at(c->y.padded, j)).n && y.n <= 2*c->y.padded + LENGTHS[0].n; j++)
        for (int i = 0; (x = length_at(c->x.padded, i)).n && x.n <= 2*c->x.padded + LENGTHS[0].n; i++) {
            double cost = cost_with(c, y, x, 0);
            if (cost >= best) continue;
            best = cost;
            c->fft.ny = y.n;
            c->fft.nx = x.n;
        }
    c->fft.nc = c->fft.nx/2 + 1;
}

double convis_conv_fft_cost(const convis_conv *c, int operation)
{
    if (!c->fft.ny || bytes_with(c) > MOST_BYTES) return INFINITY;
    return cost_with(c, length_at(c->fft.ny, 0), length_at(c->fft.nx, 0), operation);
}

void convis_conv_fft_room(convis_conv *c, int threads)
{
    conv_fft *d = &c->fft;
    const convis_conv_spec *s = &c->s;
    int kernel = s->gradients & CONVIS_CONV_KERNEL && c->kernel == CONV_FFT;
    int input = s->gradients & CONVIS_CONV_INPUT && c->input == CONV_FFT;
    int weights = c->forward == CONV_FFT || input, planes = c->forward == CONV_FFT || kernel;
    d->blocks = (d->ny*d->nc + CONVIS_BINS - 1)/CONVIS_BINS;
    size_t block = CONVIS_BLOCK*sizeof(real), spectrum = (size_t)d->blocks*block, own = 0;
    int64_t in = s->batch*s->in, out = s->batch*s->out;
    d->mirrored = 3*s->dilation_t;
    d->frames = convis_least(MOST_FRAMES, convis_most(LEAST_FRAMES, SPECTRA_BYTES/(int64_t)(spectrum*(size_t)(in + out))));
    d->room = c->history + d->frames;
    d->back_room = c->history + d->frames + CONVIS_TOGETHER;
    /* What was transformed in the forward pass need not be again in the backward one. */
    if (kernel) d->room = convis_most(d->room, convis_least(CACHE_FRAMES, CACHE_BYTES/(int64_t)(spectrum*(size_t)in)));
    /* An odd number of slots: blocks of a spectrum then do not fall into the same few sets of the cache. */
    d->room += (d->room + d->mirrored + 1)%2;
    d->back_room += (d->back_room + d->mirrored + 1)%2;
    d->weights  = convis_conv_take(&c->size, weights ? (size_t)(s->out*c->inputs*s->t)*spectrum : 0);
    d->ring     = convis_conv_take(&c->scratch, sizeof(conv_ring));
    d->spectra  = convis_conv_take(&c->scratch, planes ? (size_t)(in*(d->room + d->mirrored))*spectrum : 0);
    d->back     = convis_conv_take(&c->scratch, kernel || input ? (size_t)(out*(d->back_room + d->mirrored))*spectrum : 0);
    d->products = convis_conv_take(
        &c->scratch, (size_t)(d->frames*convis_most(input ? in : 0, c->forward == CONV_FFT ? out : 0))*spectrum);
    d->gradient = convis_conv_take(&c->scratch, kernel ? (size_t)(s->out*c->inputs*s->t)*spectrum : 0);
    convis_conv_take(&own, (size_t)(d->ny*d->nx)*sizeof(real));
    d->thread_mixed = convis_conv_take(&own, spectrum);
    d->thread_spectrum = convis_conv_take(&own, spectrum);
    d->thread_bytes = own;
    d->thread = convis_conv_take(&c->scratch, own*(size_t)threads);
}

/* ---- Plans. They are never freed, as the same few are used again and again, and no caller knows which use is the last. FFTW's planner
 * is for one thread at a time, and so is the list; executing a plan is for any. ---- */

enum { ROWS, ROWS_BACK, COLUMNS, COLUMNS_BACK };
typedef struct stored { struct stored *next; int kind, n, count, nc; FFTW(plan) plan; } stored;
static stored *stored_plans;

static FFTW(plan) make_plan(int kind, int n, int count, int nc)
{
    int columns = kind == COLUMNS || kind == COLUMNS_BACK;
    size_t bins = (size_t)(columns ? n : count)*(size_t)nc;
    real *plane = FFTW(malloc)((columns ? 2*bins : (size_t)count*(size_t)n)*sizeof *plane);
    FFTW(complex) *spectrum = FFTW(malloc)(bins*sizeof *spectrum);
    FFTW(plan) plan = NULL;
    if (plane && spectrum) {
        FFTW(complex) *other = (FFTW(complex) *)plane;
        if (kind == ROWS) plan = FFTW(plan_many_dft_r2c)(1, &n, count, plane, NULL, 1, n, spectrum, NULL, 1, nc, FFTW_ESTIMATE);
        else if (kind == ROWS_BACK)
            plan = FFTW(plan_many_dft_c2r)(1, &n, count, spectrum, NULL, 1, nc, plane, NULL, 1, n, FFTW_ESTIMATE);
        else
            plan = FFTW(plan_many_dft)(1, &n, nc, spectrum, NULL, nc, 1, other, NULL, nc, 1,
                                        kind == COLUMNS ? FFTW_FORWARD : FFTW_BACKWARD, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    }
    FFTW(free)(plane);
    FFTW(free)(spectrum);
    return plan;
}

/* Transforms of `count` rows of length n, or of nc columns of length n. */
static FFTW(plan) find_plan(int kind, int64_t n, int64_t count, int64_t nc)
{
    convis_lock(CONVIS_LOCK_PLANS);
    stored *at = stored_plans;
    while (at && (at->kind != kind || at->n != n || at->count != count || at->nc != nc)) at = at->next;
    if (!at && (at = malloc(sizeof *at))) {
        *at = (stored){ stored_plans, kind, (int)n, (int)count, (int)nc, make_plan(kind, (int)n, (int)count, (int)nc) };
        if (at->plan) stored_plans = at;
        else { free(at); at = NULL; }
    }
    FFTW(plan) plan = at ? at->plan : NULL;
    convis_unlock(CONVIS_LOCK_PLANS);
    return plan;
}

/* Rows of the gradient at the output, spread by the stride; and of the kernel, by its dilation. */
static int64_t rows_out(const convis_conv *c)    { return (c->y.out - 1)*c->y.stride + 1; }
static int64_t rows_kernel(const convis_conv *c) { return c->y.reach + 1; }

static void transform(const convis_conv *c, FFTW(plan) rows, int64_t count, real *plane, real *mixed, real *spectrum)
{
    const conv_fft *d = &c->fft;
    FFTW(execute_dft_r2c)(rows, plane, (FFTW(complex) *)mixed);
    memset(mixed + 2*count*d->nc, 0, (size_t)(2*(d->ny - count)*d->nc)*sizeof *mixed);
    FFTW(execute_dft)(d->columns, (FFTW(complex) *)mixed, (FFTW(complex) *)spectrum);
}

static void transform_back(const convis_conv *c, FFTW(plan) rows, real *spectrum, real *mixed, real *plane)
{
    FFTW(execute_dft)(c->fft.columns_back, (FFTW(complex) *)spectrum, (FFTW(complex) *)mixed);
    FFTW(execute_dft_c2r)(rows, (FFTW(complex) *)mixed, plane);
}

convis_status convis_conv_fft_prepare(convis_conv *c, convis_context *context, const double *weights)
{
    conv_fft *d = &c->fft;
    const convis_conv_spec *s = &c->s;
    d->columns         = find_plan(COLUMNS, d->ny, 1, d->nc);
    d->columns_back    = find_plan(COLUMNS_BACK, d->ny, 1, d->nc);
    d->rows_in         = find_plan(ROWS, d->nx, c->y.padded, d->nc);
    d->rows_out        = find_plan(ROWS, d->nx, rows_out(c), d->nc);
    d->rows_kernel     = find_plan(ROWS, d->nx, rows_kernel(c), d->nc);
    d->rows_in_back    = find_plan(ROWS_BACK, d->nx, c->y.padded, d->nc);
    d->rows_out_back   = find_plan(ROWS_BACK, d->nx, rows_out(c), d->nc);
    d->rows_kernel_back = find_plan(ROWS_BACK, d->nx, rows_kernel(c), d->nc);
    if (!d->columns || !d->columns_back || !d->rows_in || !d->rows_out || !d->rows_kernel || !d->rows_in_back ||
        !d->rows_out_back || !d->rows_kernel_back)
        return convis_fail(context, CONVIS_ENOMEM, "out of memory: FFTW has none for transforms of %lld x %lld", (long long)d->ny,
                           (long long)d->nx);
    if (c->forward != CONV_FFT && !(c->input == CONV_FFT && s->gradients & CONVIS_CONV_INPUT)) return CONVIS_OK;

    size_t plane_bytes = (size_t)(d->ny*d->nx)*sizeof(real), spectrum_bytes = (size_t)(d->blocks*CONVIS_BLOCK)*sizeof(real);
    real *plane = convis_obtain(context, plane_bytes), *mixed = convis_obtain(context, spectrum_bytes);
    real *spectrum = convis_obtain(context, spectrum_bytes);
    convis_status status = plane && mixed && spectrum ? CONVIS_OK : CONVIS_ENOMEM;
    int64_t pairs = s->out*c->inputs;
    double scale = 1/(double)(d->ny*d->nx);
    for (int64_t k = 0; !status && k < pairs*s->t; k++) {
        /* Blocks are [block][pair][tap]. */
        real *to = (real *)convis_conv_at(c, d->weights) + k*CONVIS_BLOCK;
        memset(plane, 0, (size_t)(rows_kernel(c)*d->nx)*sizeof *plane);
        for (int64_t y = 0; y < s->y; y++)
            for (int64_t x = 0; x < s->x; x++)
                plane[y*s->dilation_y*d->nx + x*s->dilation_x] = (real)(*weights++*scale);
        transform(c, d->rows_kernel, rows_kernel(c), plane, mixed, spectrum);
        for (int64_t n = 1; n < 2*d->ny*d->nc; n += 2) spectrum[n] = -spectrum[n];
        c->kernels->split(spectrum, to, d->blocks, pairs*s->t*CONVIS_BLOCK);
    }
    convis_release(context, plane);
    convis_release(context, mixed);
    convis_release(context, spectrum);
    return status;
}

/* ---- Filling the rings. A ring is [block][channel][slot] ---- */

typedef struct workspace { real *plane, *mixed, *spectrum; } workspace;      /* a thread's own */

static workspace workspace_of(const convis_pass *p, const convis_conv *c, void *scratch)
{
    char *own = convis_conv_own(p, scratch, c->fft.thread, c->fft.thread_bytes);
    return (workspace){ (real *)(void *)own, (real *)(void *)(own + c->fft.thread_mixed),
                   (real *)(void *)(own + c->fft.thread_spectrum) };
}

static void put_spectrum(const convis_conv *c, const real *spectrum, real *ring, int64_t channels, int64_t room, int64_t channel,
                         int64_t slot)
{
    int64_t slots = room + c->fft.mirrored, step = channels*slots*CONVIS_BLOCK;
    for (; slot < slots; slot += room)
        c->kernels->split(spectrum, ring + (channel*slots + slot)*CONVIS_BLOCK, c->fft.blocks, step);
}

static void fill_spectra(const convis_pass *p, const convis_conv *c, conv_ring *ring, const real *in, int64_t lo, int64_t hi,
                         void *scratch)
{
    const conv_fft *d = &c->fft;
    int64_t channels = c->s.batch*c->s.in, area = c->s.h*c->s.w;
    workspace own = workspace_of(p, c, scratch);
    conv_range fresh[2];
    convis_ring_request(ring, d->room, p->frame + lo, p->frame + hi, fresh);
    conv_range mine = convis_conv_share(p, (fresh[0].to - fresh[0].from + fresh[1].to - fresh[1].from)*channels);
    for (int64_t item = mine.from; item < mine.to; item++) {
        int64_t f = convis_ring_frame(fresh, item/channels), channel = item%channels;
        convis_conv_pad(c, in + (f - p->frame)*c->n_in + channel*area, own.plane, d->nx);
        for (int64_t y = 0; y < c->y.padded; y++)
            memset(own.plane + y*d->nx + c->x.padded, 0, (size_t)(d->nx - c->x.padded)*sizeof *own.plane);
        transform(c, d->rows_in, c->y.padded, own.plane, own.mixed, own.spectrum);
        put_spectrum(c, own.spectrum, convis_conv_in(scratch, d->spectra), channels, d->room, channel,
                     convis_conv_slot(f, d->room));
    }
}

/* Of gradients at the output; frames that the pass does not have are 0. */
static void fill_back(const convis_pass *p, const convis_conv *c, conv_ring *ring, const real *d_out, int64_t lo, int64_t hi,
                      void *scratch)
{
    const conv_fft *d = &c->fft;
    int64_t channels = c->s.batch*c->s.out, area = c->y.out*c->x.out;
    workspace own = workspace_of(p, c, scratch);
    conv_range fresh[2];
    convis_ring_request(ring, d->back_room, lo, hi, fresh);
    conv_range mine = convis_conv_share(p, (fresh[0].to - fresh[0].from + fresh[1].to - fresh[1].from)*channels);
    for (int64_t item = mine.from; item < mine.to; item++) {
        int64_t f = convis_ring_frame(fresh, item/channels), channel = item%channels;
        memset(own.plane, 0, (size_t)(rows_out(c)*d->nx)*sizeof *own.plane);
        if (f < 0 || f >= p->frames) memset(own.spectrum, 0, (size_t)(2*d->ny*d->nc)*sizeof *own.spectrum);
        else {
            const real *from = d_out + f*c->n_out + channel*area;
            for (int64_t y = 0; y < c->y.out; y++, from += c->x.out) {
                real *to = own.plane + y*c->y.stride*d->nx;
                if (c->x.stride == 1) memcpy(to, from, (size_t)c->x.out*sizeof *to);
                else for (int64_t x = 0; x < c->x.out; x++) to[x*c->x.stride] = from[x];
            }
            transform(c, d->rows_out, rows_out(c), own.plane, own.mixed, own.spectrum);
        }
        put_spectrum(c, own.spectrum, convis_conv_in(scratch, d->back), channels, d->back_room, channel,
                     convis_conv_slot(f, d->back_room));
    }
}

/* ---- Forward ---- */

/* Sums of frames t0..t0+count-1 for the thread's blocks of frequencies: products are [frame][channel][block]. */
static void sum_forward(const convis_pass *p, const convis_conv *c, int64_t t0, int64_t count, void *scratch)
{
    const conv_fft *d = &c->fft;
    const convis_conv_spec *s = &c->s;
    const real *w = convis_conv_at(c, d->weights), *x = convis_conv_in(scratch, d->spectra);
    real *y = convis_conv_in(scratch, d->products);
    int64_t slots = d->room + d->mirrored, spectrum = d->blocks*CONVIS_BLOCK;
    conv_sum j = { .w_tap = CONVIS_BLOCK, .w_channel = s->t*CONVIS_BLOCK, .x_channel = slots*CONVIS_BLOCK, .channels = c->inputs,
                   .taps = s->t, .hop = s->dilation_t, .room = d->room, .y_step = s->batch*s->out*spectrum };
    conv_range mine = convis_conv_share(p, d->blocks);
    for (int64_t block = mine.from; block < mine.to; block++)
        for (int64_t b = 0; b < s->batch; b++)
            for (int64_t o = 0; o < s->out; o++) {
                j.w = w + (block*s->out + o)*c->inputs*s->t*CONVIS_BLOCK;
                j.x = x + (block*s->batch*s->in + b*s->in + o/c->outputs*c->inputs)*slots*CONVIS_BLOCK;
                for (int64_t t = 0; t < count; t += CONVIS_TOGETHER) {
                    j.frames = (int)convis_least(CONVIS_TOGETHER, count - t);
                    j.slot = convis_conv_slot(p->frame + t0 + t - c->history, d->room);
                    j.y = y + ((t*s->batch + b)*s->out + o)*spectrum + block*CONVIS_BLOCK;
                    c->kernels->sum(&j);
                }
            }
}

static void give_output(const convis_conv *c, const real *plane, real bias, real *out)
{
    for (int64_t y = 0; y < c->y.out; y++, out += c->x.out) {
        const real *row = plane + y*c->y.stride*c->fft.nx;
        if (c->x.stride == 1) for (int64_t x = 0; x < c->x.out; x++) out[x] = row[x] + bias;
        else for (int64_t x = 0; x < c->x.out; x++) out[x] = row[x*c->x.stride] + bias;
    }
}

void convis_conv_fft_forward(const convis_pass *p, const convis_conv *c, const real *in, real *out, void *scratch)
{
    const conv_fft *d = &c->fft;
    const real *bias = convis_conv_at(c, c->bias);
    int64_t channels = c->s.batch*c->s.out, area = c->y.out*c->x.out;
    real *products = convis_conv_in(scratch, d->products);
    workspace own = workspace_of(p, c, scratch);
    conv_ring ring = convis_ring_begin(p, scratch, c->fft.ring);
    for (int64_t t0 = 0; t0 < p->frames; t0 += d->frames) {
        int64_t count = convis_least(p->frames - t0, d->frames);
        fill_spectra(p, c, &ring, in, t0 - c->history, t0 + count, scratch);
        convis_barrier(p);
        sum_forward(p, c, t0, count, scratch);
        convis_barrier(p);
        conv_range mine = convis_conv_share(p, count*channels);
        for (int64_t item = mine.from; item < mine.to; item++) {
            transform_back(c, d->rows_out_back, products + item*d->blocks*CONVIS_BLOCK, own.mixed, own.plane);
            give_output(c, own.plane, bias[item%channels%c->s.out], out + (t0 + item/channels)*c->n_out + item%channels*area);
        }
    }
    convis_ring_finish(p, &ring, scratch, c->fft.ring);
}

/* ---- Backward ---- */

/* The kernel's gradient of frames lo..hi-1, for the thread's blocks: [block][pair][tap]. */
static void correlate(const convis_pass *p, const convis_conv *c, int64_t lo, int64_t hi, void *scratch)
{
    const conv_fft *d = &c->fft;
    const convis_conv_spec *s = &c->s;
    const real *x = convis_conv_in(scratch, d->spectra), *g = convis_conv_in(scratch, d->back);
    real *e = convis_conv_in(scratch, d->gradient);
    int64_t slots = d->room + d->mirrored, back_slots = d->back_room + d->mirrored;
    conv_correlation j = { .frames = hi - lo, .g_slot = convis_conv_slot(lo, d->back_room), .g_room = d->back_room,
                           .x_slot = convis_conv_slot(p->frame + lo - c->history, d->room), .x_room = d->room, .hop = s->dilation_t,
                           .taps = s->t };
    conv_range mine = convis_conv_share(p, d->blocks);
    for (int64_t block = mine.from; block < mine.to; block++)
        for (int64_t o = 0; o < s->out; o++)
            for (int64_t i = 0; i < c->inputs; i++) {
                j.d = e + ((block*s->out + o)*c->inputs + i)*s->t*CONVIS_BLOCK;
                for (int64_t b = 0; b < s->batch; b++) {
                    j.g = g + (block*s->batch*s->out + b*s->out + o)*back_slots*CONVIS_BLOCK;
                    j.x = x + (block*s->batch*s->in + b*s->in + o/c->outputs*c->inputs + i)*slots*CONVIS_BLOCK;
                    c->kernels->correlate(&j);
                }
            }
}

/* Gradients of frames lo..hi-1 of the input, for the thread's blocks. Taps that lead out of the pass are left out; of a few
 * frames taken together some may still lead out, to the zeros that fill_back left. */
static void sum_back(const convis_pass *p, const convis_conv *c, int64_t lo, int64_t hi, void *scratch)
{
    const conv_fft *d = &c->fft;
    const convis_conv_spec *s = &c->s;
    const real *w = convis_conv_at(c, d->weights), *g = convis_conv_in(scratch, d->back);
    real *y = convis_conv_in(scratch, d->products);
    int64_t slots = d->back_room + d->mirrored, spectrum = d->blocks*CONVIS_BLOCK, hop = s->dilation_t;
    conv_sum j = { .w_tap = -CONVIS_BLOCK, .w_channel = c->inputs*s->t*CONVIS_BLOCK, .x_channel = slots*CONVIS_BLOCK,
                   .channels = c->outputs, .hop = hop, .room = d->back_room, .conjugate = 1, .y_step = s->batch*s->in*spectrum };
    conv_range mine = convis_conv_share(p, d->blocks);
    for (int64_t block = mine.from; block < mine.to; block++)
        for (int64_t b = 0; b < s->batch; b++)
            for (int64_t i = 0; i < s->in; i++) {
                int64_t group = i/c->inputs, pair = group*c->outputs*c->inputs + i%c->inputs;
                for (int64_t t = lo; t < hi; t += CONVIS_TOGETHER) {
                    j.frames = (int)convis_least(CONVIS_TOGETHER, hi - t);
                    int64_t last = t + j.frames - 1, first = last < 0 ? (-last + hop - 1)/hop : 0;
                    j.taps = convis_least(s->t, (p->frames - 1 - t)/hop + 1) - first;
                    j.w = w + ((block*s->out*c->inputs + pair + 1)*s->t - 1 - first)*CONVIS_BLOCK;
                    j.x = g + (block*s->batch*s->out + b*s->out + group*c->outputs)*slots*CONVIS_BLOCK;
                    j.slot = convis_conv_slot(t + first*hop, d->back_room);
                    j.y = y + (((t - lo)*s->batch + b)*s->in + i)*spectrum + block*CONVIS_BLOCK;
                    c->kernels->sum(&j);
                }
            }
}

/* From the summed spectra to the numbers of the kernel. */
static void give_kernel(const convis_pass *p, const convis_conv *c, double *d_weights, void *scratch)
{
    const conv_fft *d = &c->fft;
    const real *e = convis_conv_in(scratch, d->gradient);
    double scale = 1/(double)(d->ny*d->nx);
    int64_t count = c->s.out*c->inputs*c->s.t, area = c->s.y*c->s.x;
    workspace own = workspace_of(p, c, scratch);
    conv_range mine = convis_conv_share(p, count);
    for (int64_t k = mine.from; k < mine.to; k++) {
        c->kernels->join(e + k*CONVIS_BLOCK, own.spectrum, d->blocks, count*CONVIS_BLOCK);
        transform_back(c, d->rows_kernel_back, own.spectrum, own.mixed, own.plane);
        for (int64_t y = 0; y < c->s.y; y++)
            for (int64_t x = 0; x < c->s.x; x++)
                d_weights[k*area + y*c->s.x + x] += scale*(double)own.plane[y*c->s.dilation_y*d->nx + x*c->s.dilation_x];
    }
}

void convis_conv_fft_vjp(const convis_pass *p, const convis_conv *c, const real *in, const real *d_out, real *d_in,
                         double *d_weights, void *scratch)
{
    const conv_fft *d = &c->fft;
    int64_t end = d_in ? -c->history : 0, channels = c->s.batch*c->s.in, area = c->s.h*c->s.w;
    int64_t beyond = CONVIS_TOGETHER - 1;
    real *products = convis_conv_in(scratch, d->products);
    workspace own = workspace_of(p, c, scratch);
    conv_ring ring = convis_ring_begin(p, scratch, c->fft.ring), back = { 0 };
    if (d_weights) {
        conv_range mine = convis_conv_share(p, d->blocks);
        int64_t pairs = c->s.out*c->inputs*c->s.t*CONVIS_BLOCK;
        memset((real *)convis_conv_in(scratch, d->gradient) + mine.from*pairs, 0,
               (size_t)((mine.to - mine.from)*pairs)*sizeof(real));
    }
    for (int64_t hi = p->frames; hi > end; hi -= d->frames) {
        int64_t lo = convis_most(hi - d->frames, end), now = convis_most(lo, 0);
        if (d_in)
            fill_back(p, c, &back, d_out, convis_most(lo, -beyond), convis_least(hi + c->history, p->frames + beyond), scratch);
        else fill_back(p, c, &back, d_out, lo, hi, scratch);
        if (d_weights && hi > 0) fill_spectra(p, c, &ring, in, now - c->history, hi, scratch);
        convis_barrier(p);
        if (d_weights && hi > 0) correlate(p, c, now, hi, scratch);
        if (d_in) sum_back(p, c, lo, hi, scratch);
        convis_barrier(p);
        conv_range mine = convis_conv_share(p, d_in ? (hi - lo)*channels : 0);
        for (int64_t item = mine.from; item < mine.to; item++) {
            transform_back(c, d->rows_in_back, products + item*d->blocks*CONVIS_BLOCK, own.mixed, own.plane);
            convis_conv_fold(c, own.plane, d->nx, d_in + (lo + item/channels)*c->n_in + item%channels*area);
        }
    }
    if (d_weights) give_kernel(p, c, d_weights, scratch);
    convis_ring_finish(p, &ring, scratch, c->fft.ring);
}
