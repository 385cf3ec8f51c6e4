/* conv.c - how fast convolution is, forward and its gradients, against two prototypes without any of the engine's care.
 *
 *      bench_conv [THREADS [CASE]]
 *
 * Rates are equivalents: the operations of the direct sum, 2 T Y X in out a pixel and frame, whatever is computed instead.
 * `3d fft` is overlap-save in time with FFTW's 3D transforms, measured plans and the better of two block lengths; `plain` is
 * the direct sum over padded frames, blocked along x, as a compiler makes it with all that this processor has. Ratio: the best
 * other time over ours; it should not be below 1/1.2. With one thread the processor's own time counts, which others who use the
 * machine do not lengthen; else the clock's. */
#include "limits.h"
#include "kernels/conv/conv.h"
#include "base/threads.h"
#include <fftw3.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FORWARD, KERNEL, INPUT, OPERATIONS };
static const char *const NAMES[] = { "forward", "kernel", "input" };
typedef struct size { const char *what; int64_t in, out, h, w, t, y, x, frames; } size;
static const size SIZES[] = {
    { "20x10x10",          1,  1, 128, 128,  20, 10, 10, 400 },
    { "50x20x20",          1,  1, 128, 128,  50, 20, 20, 400 },
    { "100x11x11",         1,  1, 128, 128, 100, 11, 11, 400 },
    { "5x3x3",             1,  1, 128, 128,   5,  3,  3, 400 },
    { "10x5x5",            1,  1, 128, 128,  10,  5,  5, 400 },
    { "LN 20x10x10",       1,  1,  20,  20,  20, 10, 10, 2000 },
    { "McIntosh 10x5x5",   1,  8,  50,  50,  10,  5,  5, 400 },
    { "McIntosh 1x1x1",    8, 16,  50,  50,   1,  1,  1, 400 },
    { "8 to 8, 3x5x5",     8,  8,  50,  50,   3,  5,  5, 100 },
    { "time 40x1x1",       1,  1, 128, 128,  40,  1,  1, 400 },
    { "space 1x15x15",     1,  1, 128, 128,   1, 15, 15, 400 },
};
enum { SIZE_COUNT = sizeof SIZES/sizeof *SIZES };

typedef struct work {
    const size *z;
    int64_t history, n_in, n_out, weights;
    float  *movie, *in, *out, *d_out, *d_movie, *w;
    double *weights_of, *d_weights;
    int     threads;
    convis_context *context;         /* whose threads they are */
} work;

static double seconds(int threads)
{
    struct timespec t;
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9*(double)t.tv_nsec;
}

static void *memory(size_t bytes)
{
    void *m = aligned_alloc(64, (bytes + 63)/64*64);
    if (!m) { fprintf(stderr, "bench: out of memory\n"); exit(1); }
    return memset(m, 0, bytes);
}

static work work_of(const size *z, int threads)
{
    work q = { .z = z, .threads = threads, .history = z->t - 1, .n_in = z->in*z->h*z->w, .n_out = z->out*z->h*z->w,
               .weights = z->in*z->out*z->t*z->y*z->x };
    q.movie = memory((size_t)((q.history + z->frames)*q.n_in)*sizeof(float));
    q.d_movie = memory((size_t)((q.history + z->frames)*q.n_in)*sizeof(float));
    q.in = q.movie + q.history*q.n_in;
    q.out = memory((size_t)(z->frames*q.n_out)*sizeof(float));
    q.d_out = memory((size_t)(z->frames*q.n_out)*sizeof(float));
    q.w = memory((size_t)q.weights*sizeof(float));
    q.weights_of = memory((size_t)q.weights*sizeof(double));
    q.d_weights = memory((size_t)q.weights*sizeof(double));
    for (int64_t k = 0; k < (q.history + z->frames)*q.n_in; k++) q.movie[k] = (float)rand()/(float)RAND_MAX;
    for (int64_t k = 0; k < z->frames*q.n_out; k++) q.d_out[k] = (float)rand()/(float)RAND_MAX;
    for (int64_t k = 0; k < q.weights; k++) q.weights_of[k] = q.w[k] = (float)rand()/(float)RAND_MAX - 0.5f;
    if (convis_open(&q.context, "cpu")) { fprintf(stderr, "bench: %s\n", convis_message(q.context)); exit(1); }
    return q;
}

static void work_free(work *q)
{
    convis_close(&q->context);
    free(q->movie); free(q->d_movie); free(q->out); free(q->d_out); free(q->w); free(q->weights_of); free(q->d_weights);
}

/* Best time of a few, more where it takes little. */
static double best_of(const work *q, int operation, void (*run)(const work *, int operation, void *), void *user)
{
    double best = INFINITY, all = 0;
    for (int k = 0; k < 3 || (all < 0.5 && k < 30); k++) {
        double start = seconds(q->threads);
        run(q, operation, user);
        double took = seconds(q->threads) - start;
        all += took;
        if (took < best) best = took;
    }
    return best;
}

/* ---- The engine ---- */

typedef struct engine { convis_context *context; convis_conv *conv; void *scratch; uint64_t epoch; int64_t chunk; } engine;

static engine engine_of(const work *q, int method)
{
    const size *z = q->z;
    engine e = { 0 };
    convis_conv_spec s = { 1, z->in, z->out, 1, z->h, z->w, z->t, z->y, z->x, 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, method,
                           CONVIS_CONV_KERNEL | CONVIS_CONV_INPUT };
    convis_status status = convis_open(&e.context, "cpu");
    if (!status) {
        e.conv = convis_obtain(e.context, convis_conv_size(&s));
        e.scratch = convis_obtain(e.context, convis_conv_scratch(&s, q->threads));
        e.chunk = convis_conv_frames(&s);
        status =
            e.conv && e.scratch ? convis_conv_prepare(e.conv, e.context, &s, q->threads, q->weights_of, NULL) : CONVIS_ENOMEM;
    }
    if (status) { fprintf(stderr, "bench: %s\n", convis_message(e.context)); exit(1); }
    return e;
}

static void engine_free(engine *e)
{
    convis_release(e->context, e->conv);
    convis_release(e->context, e->scratch);
    convis_close(&e->context);
}

/* In sub-chunks, as a model runs it. */
static void walk(const work *q, int operation, const engine *e, convis_pass pass)
{
    const size *z = q->z;
    for (int64_t done = 0; done < z->frames; done += e->chunk) {
        int64_t count = z->frames - done < e->chunk ? z->frames - done : e->chunk;
        int64_t from = operation == FORWARD ? done : z->frames - done - count;
        const float *in = q->in + from*q->n_in, *d_out = q->d_out + from*q->n_out;
        pass.frame = from;
        pass.frames = (int)count;
        if (operation == FORWARD) convis_conv_forward(&pass, e->conv, in, q->out + from*q->n_out, e->scratch);
        else convis_conv_vjp(&pass, e->conv, in, d_out, operation == INPUT ? q->d_movie + (q->history + from)*q->n_in : NULL,
                             operation == KERNEL ? q->d_weights : NULL, NULL, e->scratch);
    }
}

typedef struct call { const work *q; int operation; const engine *e; } call;

static void run_engine_on(struct convis_barrier *barrier, int thread, void *user)
{
    const call *k = user;
    walk(k->q, k->operation, k->e,
         (convis_pass){ .epoch = k->e->epoch, .barrier = barrier, .thread = thread, .threads = barrier->threads });
}

static void run_engine(const work *q, int operation, void *user)
{
    engine *e = user;
    e->epoch++;
    convis_threads_call(e->context, q->threads, run_engine_on, &(call){ q, operation, e });
}

/* Items 0..count - 1 of a prototype's, in equal shares on all threads, or one after the other by whichever is free. */
typedef struct items { void (*item)(int64_t k, int thread, const void *user); const void *user; int64_t count, each; _Atomic int64_t next; } items;

static void take_items(struct convis_barrier *barrier, int thread, void *user)
{
    items *s = user;
    (void)barrier;
    for (int64_t at; (at = s->next, at < s->count);) {
        at = atomic_fetch_add(&s->next, s->each);
        for (int64_t k = at; k < at + s->each && k < s->count; k++) s->item(k, thread, s->user);
    }
}

static void for_all(const work *q, int64_t count, void (*item)(int64_t k, int thread, const void *user), const void *user)
{
    const int64_t each = count/(8*q->threads);
    items s = { item, user, count, each < 1 ? 1 : each, 0 };
    convis_threads_call(q->context, q->threads, take_items, &s);
}

/* ---- The plain direct sum ---- */

/* Four vectors across, which stay in registers; the compiler fuses multiplications and additions where it can. */
typedef float vector __attribute__((vector_size(32), aligned(4)));
enum { ACROSS = 32 };
#define AT(p, k) (*(const vector *)(const void *)((p) + 8*(k)))

/* Planes with a border: [frame][channel][y][x], `before` pixels at the left and top repeat the edge, or are 0. */
typedef struct border { const float *from; int64_t h, w, ky, kx, up, left, pitch; int repeat; float *to; } border;

static void border_plane(int64_t p, int thread, const void *user)
{
    const border *b = user;
    const int64_t rows = b->h + b->ky - 1;
    (void)thread;
    for (int64_t y = 0; y < rows; y++)
        for (int64_t x = 0; x < b->w + b->kx - 1; x++) {
            int64_t v = y - b->up, u = x - b->left, in = v >= 0 && v < b->h && u >= 0 && u < b->w;
            if (!in && !b->repeat) continue;
            v = v < 0 ? 0 : v >= b->h ? b->h - 1 : v;
            u = u < 0 ? 0 : u >= b->w ? b->w - 1 : u;
            b->to[(p*rows + y)*b->pitch + x] = b->from[(p*b->h + v)*b->w + u];
        }
}

static float *bordered(const work *q, const float *from, int64_t planes, int64_t up, int64_t left, int repeat, int64_t *pitch)
{
    const size *z = q->z;
    *pitch = (z->w + z->x - 1 + ACROSS + 15)/16*16;
    float *to = memory((size_t)(planes*(z->h + z->y - 1)**pitch + ACROSS)*sizeof *to);
    for_all(q, planes, border_plane, &(border){ from, z->h, z->w, z->y, z->x, up, left, *pitch, repeat, to });
    return to;
}

/* y[o][t] = sum of planes weighed: of frames t + first + k, k < T, that exist (0 <= frame < frames of x). */
typedef struct plain_work {
    const size *z;
    const float *x, *w;
    int64_t pitch, in, out, x_frames, first, w_out, w_in;
    int turned;
    float *y;
} plain_work;

static void plain_plane(int64_t item, int thread, const void *user)
{
    const plain_work *s = user;
    const size *z = s->z;
    const int64_t t = item/s->out, o = item%s->out, rows = z->h + z->y - 1, taps = z->t*z->y*z->x;
    (void)thread;
    for (int64_t v = 0; v < z->h; v++)
        for (int64_t u = 0; u < z->w; u += ACROSS) {
            vector a = { 0 }, b = a, c = a, d = a;
            for (int64_t i = 0; i < s->in; i++)
                for (int64_t k = 0; k < z->t; k++) {
                    int64_t f = t + s->first + k;
                    if (f < 0 || f >= s->x_frames) continue;
                    for (int64_t m = 0; m < z->y; m++)
                        for (int64_t n = 0; n < z->x; n++) {
                            int64_t tap = (k*z->y + m)*z->x + n;
                            vector weight = s->w[o*s->w_out + i*s->w_in + (s->turned ? taps - 1 - tap : tap)] - (vector){ 0 };
                            const float *row = s->x + ((f*s->in + i)*rows + v + m)*s->pitch + u + n;
                            a += weight*AT(row, 0);
                            b += weight*AT(row, 1);
                            c += weight*AT(row, 2);
                            d += weight*AT(row, 3);
                        }
                }
            vector all[4] = { a, b, c, d };
            for (int64_t j = 0; j < ACROSS && u + j < z->w; j++) s->y[(item*z->h + v)*z->w + u + j] = all[j/8][j%8];
        }
}

typedef struct planes { const work *q; const float *x; int64_t pitch; } planes;

static void plain_weight(int64_t item, int thread, const void *user)
{
    const planes *s = user;
    const work *q = s->q;
    const size *z = q->z;
    const int64_t rows = z->h + z->y - 1, b = item%z->y, k = item/z->y%z->t, i = item/z->y/z->t%z->in, o = item/z->y/z->t/z->in;
    (void)thread;
    for (int64_t c = 0; c < z->x; c++) {
        double sum = 0;
        for (int64_t t = 0; t < z->frames; t++)
            for (int64_t v = 0; v < z->h; v++) {
                const float *g = q->d_out + ((t*z->out + o)*z->h + v)*z->w;
                const float *row = s->x + (((t + k)*z->in + i)*rows + v + b)*s->pitch + c;
                vector a = { 0 }, d = a;
                int64_t u = 0;
                for (; u + 16 <= z->w; u += 16) {
                    a += AT(g + u, 0)*AT(row + u, 0);
                    d += AT(g + u, 1)*AT(row + u, 1);
                }
                for (int j = 0; j < 8; j++) sum += (double)(a[j] + d[j]);
                for (; u < z->w; u++) sum += (double)(g[u]*row[u]);
            }
        q->d_weights[item*z->x + c] = sum;
    }
}

static void run_plain(const work *q, int operation, void *user)
{
    const size *z = q->z;
    int64_t pitch, taps = z->t*z->y*z->x;
    (void)user;
    const int64_t all = q->history + z->frames, rest = z->in*taps;
    plain_work sum = { z, NULL, q->w, 0, z->in, z->out, all, 0, rest, taps, 0, q->out };
    float *x = operation == INPUT ? bordered(q, q->d_out, z->frames*z->out, z->y/2, z->x/2, 0, &pitch)
                                  : bordered(q, q->movie, all*z->in, z->y/2, z->x/2, 1, &pitch);
    if (operation == INPUT)
        sum = (plain_work){ z, NULL, q->w, 0, z->out, z->in, z->frames, -q->history, taps, rest, 1, q->d_movie };
    sum.x = x;
    sum.pitch = pitch;
    if (operation == KERNEL) for_all(q, z->out*rest/z->x, plain_weight, &(planes){ q, x, pitch });
    else for_all(q, (operation == INPUT ? all : z->frames)*sum.out, plain_plane, &sum);
    free(x);
}

/* ---- 3D transforms, overlap-save in time ---- */

typedef struct fft3 { int64_t l, ny, nx, nc, volume, bins; float *weights; fftwf_plan forward, backward; float **room; } fft3;

static int64_t good(int64_t n)
{
    for (;; n++) {
        int64_t m = n;
        while (m%2 == 0) m /= 2;
        while (m%3 == 0) m /= 3;
        while (m%5 == 0) m /= 5;
        while (m%7 == 0) m /= 7;
        if (m == 1 && n%2 == 0) return n;
    }
}

/* Two blocks of room a thread: a volume and a sum, and spectra of all channels. */
static fft3 fft3_of(const work *q, int64_t l)
{
    const size *z = q->z;
    fft3 f = { .l = good(l), .ny = good(z->h + z->y - 1), .nx = good(z->w + z->x - 1) };
    f.nc = f.nx/2 + 1;
    f.volume = f.l*f.ny*f.nx;
    f.bins = f.l*f.ny*f.nc;
    f.room = memory((size_t)q->threads*sizeof *f.room);
    for (int t = 0; t < q->threads; t++) f.room[t] = memory((size_t)(f.volume + 2*(z->in + z->out + 1)*f.bins)*sizeof(float));
    fftwf_complex *spectrum = (fftwf_complex *)(f.room[0] + (f.volume + 15)/16*16);
    f.forward = fftwf_plan_dft_r2c_3d((int)f.l, (int)f.ny, (int)f.nx, f.room[0], spectrum, FFTW_MEASURE | FFTW_UNALIGNED);
    f.backward = fftwf_plan_dft_c2r_3d((int)f.l, (int)f.ny, (int)f.nx, spectrum, f.room[0], FFTW_MEASURE | FFTW_UNALIGNED);
    f.weights = memory((size_t)(2*f.bins*z->in*z->out)*sizeof(float));
    for (int64_t k = 0; k < z->in*z->out; k++) {
        memset(f.room[0], 0, (size_t)f.volume*sizeof(float));
        for (int64_t n = 0; n < z->t*z->y*z->x; n++)
            f.room[0][(n/z->y/z->x*f.ny + n/z->x%z->y)*f.nx + n%z->x] = q->w[k*z->t*z->y*z->x + n]/(float)f.volume;
        fftwf_execute_dft_r2c(f.forward, f.room[0], (fftwf_complex *)(f.weights + 2*k*f.bins));
    }
    return f;
}

static void fft3_free(fft3 *f, int threads)
{
    fftwf_destroy_plan(f->forward);
    fftwf_destroy_plan(f->backward);
    for (int t = 0; t < threads; t++) free(f->room[t]);
    free(f->room);
    free(f->weights);
}

/* sum += a b, or conj(a) b. */
static void multiply(const float *a, const float *b, float *sum, int64_t bins, int conjugate)
{
    float s = conjugate ? -1 : 1;
    for (int64_t k = 0; k < 2*bins; k += 2) {
        sum[k]     += a[k]*b[k] - s*a[k + 1]*b[k + 1];
        sum[k + 1] += a[k]*b[k + 1] + s*a[k + 1]*b[k];
    }
}

/* Frames from..from+count-1 of a movie, bordered by repetition if there is room for it, into the volume. */
static void fill(const work *q, const fft3 *f, const float *movie, int64_t channels, int64_t channel, int64_t from,
                 int64_t frames, int repeat, float *volume)
{
    const size *z = q->z;
    int64_t up = repeat ? z->y/2 : 0, left = repeat ? z->x/2 : 0;
    memset(volume, 0, (size_t)f->volume*sizeof *volume);
    for (int64_t t = 0; t < f->l; t++) {
        if (from + t < 0 || from + t >= frames) continue;
        const float *map = movie + ((from + t)*channels + channel)*z->h*z->w;
        for (int64_t y = 0; y < z->h + (repeat ? z->y - 1 : 0); y++) {
            int64_t v = y - up < 0 ? 0 : y - up >= z->h ? z->h - 1 : y - up;
            float *row = volume + (t*f->ny + y)*f->nx;
            for (int64_t x = 0; x < left; x++) row[x] = map[v*z->w];
            memcpy(row + left, map + v*z->w, (size_t)z->w*sizeof *row);
            for (int64_t x = left + z->w; repeat && x < z->w + z->x - 1; x++) row[x] = map[v*z->w + z->w - 1];
        }
    }
}

static void fft3_block(const work *q, const fft3 *f, int operation, int64_t t0, float *room)
{
    const size *z = q->z;
    int64_t step = f->l - q->history, in = operation == INPUT ? z->out : z->in, out = operation == INPUT ? z->in : z->out;
    float *spectra = room + (f->volume + 15)/16*16, *sum = spectra + 2*f->bins*(in + (operation == KERNEL ? out : 0));
    for (int64_t i = 0; i < in; i++) {
        fill(q, f, operation == INPUT ? q->d_out : q->movie, in, i, operation == INPUT ? t0 - q->history : t0,
             operation == INPUT ? z->frames : q->history + z->frames, operation != INPUT, room);
        fftwf_execute_dft_r2c(f->forward, room, (fftwf_complex *)(spectra + 2*i*f->bins));
    }
    for (int64_t o = 0; operation == KERNEL && o < out; o++) {
        fill(q, f, q->d_out, out, o, t0, t0 + step < z->frames ? t0 + step : z->frames, 0, room);
        memset(room + step*f->ny*f->nx, 0, (size_t)(q->history*f->ny*f->nx)*sizeof *room);
        fftwf_execute_dft_r2c(f->forward, room, (fftwf_complex *)(spectra + 2*(in + o)*f->bins));
    }
    for (int64_t o = 0; operation == KERNEL && o < out; o++)
        for (int64_t i = 0; i < in; i++) {
            memset(sum, 0, (size_t)(2*f->bins)*sizeof *sum);
            multiply(spectra + 2*(in + o)*f->bins, spectra + 2*i*f->bins, sum, f->bins, 1);
        }
    for (int64_t o = 0; operation != KERNEL && o < out; o++) {
        memset(sum, 0, (size_t)(2*f->bins)*sizeof *sum);
        for (int64_t i = 0; i < in; i++) {
            int64_t pair = operation == INPUT ? i*z->in + o : o*z->in + i;
            multiply(f->weights + 2*pair*f->bins, spectra + 2*i*f->bins, sum, f->bins, operation == FORWARD);
        }
        fftwf_execute_dft_c2r(f->backward, (fftwf_complex *)sum, room);
        int64_t frames = operation == INPUT ? q->history + z->frames : z->frames, first = operation == INPUT ? q->history : 0;
        float *to = operation == INPUT ? q->d_movie : q->out;
        for (int64_t t = 0; t < step && t0 + t < frames; t++)
            for (int64_t y = 0; y < z->h; y++)
                memcpy(to + (((t0 + t)*out + o)*z->h + y)*z->w, room + ((first + t)*f->ny + y)*f->nx, (size_t)z->w*sizeof *to);
    }
}

typedef struct overlap { const work *q; const fft3 *f; int operation; int64_t step; } overlap;

static void take_block(int64_t k, int thread, const void *user)
{
    const overlap *s = user;
    fft3_block(s->q, s->f, s->operation, k*s->step, s->f->room[thread]);
}

static void run_fft3(const work *q, int operation, void *user)
{
    const fft3 *f = user;
    const int64_t step = f->l - q->history, frames = q->z->frames + (operation == INPUT ? q->history : 0);
    for_all(q, (frames + step - 1)/step, take_block, &(overlap){ q, f, operation, step });
}

/* ---- The table ---- */

static void measure(const size *z, int threads)
{
    work q = work_of(z, threads);
    double flops = 2*(double)q.weights*(double)(z->h*z->w*z->frames);
    engine ours = engine_of(&q, CONVIS_CONV_AUTO), direct = engine_of(&q, CONVIS_CONV_DIRECT),
           fft = engine_of(&q, CONVIS_CONV_FFT);
    fft3 blocks[2] = { fft3_of(&q, 2*z->t < 32 ? 32 : 2*z->t), fft3_of(&q, 4*z->t < 64 ? 64 : 4*z->t) };
    printf("%s\n", convis_conv_choice(ours.conv));
    for (int operation = FORWARD; operation < OPERATIONS; operation++) {
        double us = best_of(&q, operation, run_engine, &ours), by_direct = best_of(&q, operation, run_engine, &direct);
        double by_fft = best_of(&q, operation, run_engine, &fft), plain = best_of(&q, operation, run_plain, NULL);
        double by_fft3 = fmin(best_of(&q, operation, run_fft3, &blocks[0]), best_of(&q, operation, run_fft3, &blocks[1]));
        double other = fmin(fmin(by_direct, by_fft), fmin(plain, by_fft3));
        printf("  %-16s %-8s %8.2f ms a 1000 frames, %7.1f GFLOP/s   direct %7.1f  fft %7.1f | plain %6.1f  3d fft %6.1f   ratio %.2f\n",
               z->what, NAMES[operation], us*1e6/(double)z->frames, flops/us*1e-9, flops/by_direct*1e-9, flops/by_fft*1e-9,
               flops/plain*1e-9, flops/by_fft3*1e-9, other/us);
        fflush(stdout);
    }
    for (int k = 0; k < 2; k++) fft3_free(&blocks[k], threads);
    engine_free(&ours);
    engine_free(&direct);
    engine_free(&fft);
    work_free(&q);
}

int main(int argc, char **argv)
{
    char machine[256];
    int threads = argc > 1 ? atoi(argv[1]) : 0;
    if (threads < 1) threads = convis_processors();
    bench_machine(machine, sizeof machine);
    printf("%s, convis %s, %d threads\n", machine, convis_version(), threads);
    for (int k = 0; k < SIZE_COUNT; k++) if (argc < 3 || strstr(SIZES[k].what, argv[2])) measure(&SIZES[k], threads);
    return 0;
}
