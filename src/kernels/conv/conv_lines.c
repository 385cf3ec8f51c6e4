/* conv_lines.c - the inner loops of convolution; compiled once per instruction set.
 *
 * Every output is a sum of its own in a fixed order, so vectors of any width give the same bits. Where one number is summed
 * over many pixels (gradients of kernels), eight partial sums are made whatever the instruction set. Loops take several
 * outputs at once, so that what is loaded is used more than once: a processor does four additions and multiplications in the
 * time of two loads. */
#define CONVIS_VECTORS_OF_REALS
#include "conv_lines.h"
#include "kernels/vectors.h"
#include <string.h>

typedef real octet __attribute__((vector_size(CONVIS_OCTET*sizeof(real)), aligned(sizeof(real)), may_alias));

#define UNROLL _Pragma("GCC unroll 8")
#define EACH_LINE   UNROLL for (int l = 0; l < lines; l++)
#define EACH_VECTOR UNROLL for (int v = 0; v < vectors; v++)

/* The compiler would read from memory each time that a value is used; but loads are the bottleneck. */
#if defined(__AVX__) && !defined(CONVIS_DOUBLE)
#define ONCE(x) __asm__("" : "+x"(x))
#else
#define ONCE(x) (void)0
#endif

INLINE vector load_once(const real *p) { vector x = load(p); ONCE(x); return x; }
INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- Direct sums ---- */

/* Vector v of the line's output at column `at`; the last may be narrower than a vector. */
INLINE void put(const conv_tile *j, real *to, int64_t at, vector a)
{
    int64_t left = j->width - at;
    if (left >= WIDTH) {
        if (j->add) a += load(to + at);
        store(to + at, a);
        return;
    }
    for (int64_t i = 0; i < left; i++) to[at + i] = j->add ? to[at + i] + a[i] : a[i];
}

INLINE void channels_at(const conv_tile *j, int64_t y, int64_t u, const int lines, const int vectors)
{
    vector a[4][8];
    EACH_LINE EACH_VECTOR a[l][v] = all(j->start[l]);
    for (int64_t p = 0; p < j->planes; p++) {
        const real *w = j->weights[p], *plane = j->plane[p] + y*j->step + u;
        for (int64_t k = 0; k < j->taps_y*j->taps_x; k++, w += lines) {
            const real *at = plane + j->offset[k];
            vector x[8];
            EACH_VECTOR x[v] = lines > 1 ? load_once(at + v*WIDTH) : load(at + v*WIDTH);
            EACH_LINE {
                vector c = all(w[l]);
                EACH_VECTOR a[l][v] += c*x[v];
            }
        }
    }
    EACH_LINE EACH_VECTOR put(j, j->out[l] + y*j->pitch, u + v*WIDTH, a[l][v]);
}

/* As many vectors at once as remain and fit into registers. */
#define ACROSS(most, cases)                                                                             \
    for (int64_t u = 0, left = (j->width + WIDTH - 1)/WIDTH; left > 0; u += (most)*WIDTH, left -= (most))   \
        switch (least(left, most)) { cases }
#define UP_TO_2(call) case 1: call(1); break; default: call(2);
#define UP_TO_4(call) case 1: call(1); break; case 2: call(2); break; case 3: call(3); break; default: call(4);
#define UP_TO_6(call) case 5: call(5); break; case 6: call(6); break; UP_TO_4(call)

#define FOUR(n) channels_at(j, y, u, 4, n)
#define TWO(n)  channels_at(j, y, u, 2, n)
#define ONE(n)  channels_at(j, y, u, 1, n)

static void channels(const conv_tile *j, int lines)
{
    for (int64_t y = j->y0; y < j->y1; y++) {
        if (lines == 4)      { ACROSS(2, UP_TO_2(FOUR)) }
        else if (lines == 2) { ACROSS(4, UP_TO_4(TWO)) }
        else                 { ACROSS(6, UP_TO_6(ONE)) }
    }
}

/* Taps from..to of one line (the first or the second) or of both, the second's one row of taps behind. */
INLINE void tap_run(const conv_tile *j, int64_t p, int64_t at, int64_t from, int64_t to, vector a[2][8], const int first,
                    const int second, const int vectors)
{
    const real *w0 = j->weights[p], *w1 = w0 - (second ? j->taps_x : 0), *plane = j->plane[p] + at;
    for (int64_t k = from; k < to; k++) {
        const real *q = plane + j->offset[k];
        vector x[8];
        EACH_VECTOR x[v] = first && second ? load_once(q + v*WIDTH) : load(q + v*WIDTH);
        if (first) {
            vector c = all(w0[k]);
            EACH_VECTOR a[0][v] += c*x[v];
        }
        if (second) {
            vector c = all(w1[k]);
            EACH_VECTOR a[1][v] += c*x[v];
        }
    }
}

INLINE void one_row(const conv_tile *j, int64_t y, int64_t u, const int vectors)
{
    vector a[2][8];
    EACH_VECTOR a[0][v] = all(j->start[0]);
    for (int64_t p = 0; p < j->planes; p++) tap_run(j, p, y*j->step + u, 0, j->taps_y*j->taps_x, a, 1, 0, vectors);
    EACH_VECTOR put(j, j->out[0] + y*j->pitch, u + v*WIDTH, a[0][v]);
}

/* Rows y and y + 1: what the first receives through tap row b, the second receives through b - 1. */
INLINE void two_rows(const conv_tile *j, int64_t y, int64_t u, const int vectors)
{
    vector a[2][8];
    EACH_VECTOR a[0][v] = a[1][v] = all(j->start[0]);
    int64_t n = j->taps_x, all_taps = j->taps_y*n;
    for (int64_t p = 0; p < j->planes; p++) {
        int64_t at = y*j->step + u;
        tap_run(j, p, at, 0, n, a, 1, 0, vectors);
        tap_run(j, p, at, n, all_taps, a, 1, 1, vectors);
        tap_run(j, p, at, all_taps, all_taps + n, a, 0, 1, vectors);
    }
    EACH_VECTOR put(j, j->out[0] + y*j->pitch, u + v*WIDTH, a[0][v]);
    EACH_VECTOR put(j, j->out[0] + (y + 1)*j->pitch, u + v*WIDTH, a[1][v]);
}

#define SINGLE(n) one_row(j, y, u, n)
#define PAIR(n)   two_rows(j, y, u, n)

static void rows(const conv_tile *j)
{
    int64_t y = j->y0;
    if (j->share) for (; y + 1 < j->y1; y += 2) { ACROSS(4, UP_TO_4(PAIR)) }
    for (; y < j->y1; y++) { ACROSS(6, UP_TO_6(SINGLE)) }
}

/* ---- Gradients of kernels ---- */

static __attribute__((noinline)) void add_up(real parts[][CONVIS_OCTET], int count, double *sum)
{
    for (int k = 0; k < count; k++) {
        const real *p = parts[k];
        double first = ((double)p[0] + (double)p[1]) + ((double)p[2] + (double)p[3]);
        sum[k] += first + (((double)p[4] + (double)p[5]) + ((double)p[6] + (double)p[7]));
    }
}

INLINE void outer_of(const conv_outer *j, const int lines, const int columns)
{
    octet a[CONVIS_LINES][CONVIS_COLUMNS];
    EACH_LINE UNROLL for (int c = 0; c < columns; c++) a[l][c] = (octet){ 0 };
    for (int64_t s = 0; s < j->segments; s++) {
        const real *g[CONVIS_LINES], *x[CONVIS_COLUMNS];
        EACH_LINE g[l] = j->g[s*lines + l];
        UNROLL for (int c = 0; c < columns; c++) x[c] = j->x[s*columns + c];
        for (int64_t r = 0; r < j->rows; r++) {
            for (int64_t i = 0; i < j->octets*CONVIS_OCTET; i += CONVIS_OCTET) {
                octet h[CONVIS_LINES];
                EACH_LINE h[l] = *(const octet *)(const void *)(g[l] + i);
                UNROLL for (int c = 0; c < columns; c++) {
                    octet at = *(const octet *)(const void *)(x[c] + i);
                    ONCE(at);
                    EACH_LINE a[l][c] += h[l]*at;
                }
            }
            EACH_LINE g[l] += j->g_step;
            UNROLL for (int c = 0; c < columns; c++) x[c] += j->x_step;
        }
    }
    real parts[CONVIS_LINES*CONVIS_COLUMNS][CONVIS_OCTET];
    EACH_LINE UNROLL for (int c = 0; c < columns; c++) *(octet *)(void *)parts[l*columns + c] = a[l][c];
    add_up(parts, lines*columns, j->sum);
}

static void outer(const conv_outer *j)
{
    switch (10*j->lines + j->columns) {
    case 11: outer_of(j, 1, 1); break;
    case 12: outer_of(j, 1, 2); break;
    case 13: outer_of(j, 1, 3); break;
    case 14: outer_of(j, 1, 4); break;
    case 15: outer_of(j, 1, 5); break;
    case 21: outer_of(j, 2, 1); break;
    case 22: outer_of(j, 2, 2); break;
    case 23: outer_of(j, 2, 3); break;
    case 24: outer_of(j, 2, 4); break;
    default: outer_of(j, 2, 5);
    }
}

/* ---- In the frequency domain. A slot of a ring is a block; the first slots are stored twice, so that a few that follow
 * each other need not wrap around ---- */

INLINE int64_t onward(int64_t slot, int64_t hop, int64_t room) { return slot + hop < room ? slot + hop : slot + hop - room; }

INLINE void sum_of(const conv_sum *j, const int frames, const int conjugate)
{
    for (int at = 0; at < CONVIS_BINS; at += WIDTH) {
        vector re[CONVIS_TOGETHER], im[CONVIS_TOGETHER];
        UNROLL for (int f = 0; f < frames; f++) re[f] = im[f] = all(0);
        for (int64_t c = 0; c < j->channels; c++) {
            const real *w = j->w + c*j->w_channel + at, *x = j->x + c*j->x_channel + at;
            int64_t slot = j->slot;
            for (int64_t k = 0; k < j->taps; k++, w += j->w_tap, slot = onward(slot, j->hop, j->room)) {
                const real *q = x + slot*CONVIS_BLOCK;
                vector wr = load(w), wi = load(w + CONVIS_BINS);
                UNROLL for (int f = 0; f < frames; f++) {
                    vector xr = load(q + f*CONVIS_BLOCK), xi = load(q + f*CONVIS_BLOCK + CONVIS_BINS);
                    re[f] += wr*xr;
                    im[f] += wr*xi;
                    re[f] = conjugate ? re[f] + wi*xi : re[f] - wi*xi;
                    im[f] = conjugate ? im[f] - wi*xr : im[f] + wi*xr;
                }
            }
        }
        UNROLL for (int f = 0; f < frames; f++) {
            real *y = j->y + f*j->y_step + 2*at;
            for (int i = 0; i < WIDTH; i++) { y[2*i] = re[f][i]; y[2*i + 1] = im[f][i]; }
        }
    }
}

static void sum(const conv_sum *j)
{
    switch (2*j->frames + (j->conjugate != 0)) {
    case 2:  sum_of(j, 1, 0); break;
    case 3:  sum_of(j, 1, 1); break;
    case 4:  sum_of(j, 2, 0); break;
    case 5:  sum_of(j, 2, 1); break;
    case 6:  sum_of(j, 3, 0); break;
    case 7:  sum_of(j, 3, 1); break;
    case 8:  sum_of(j, 4, 0); break;
    default: sum_of(j, 4, 1);
    }
}

INLINE void correlate_taps(const conv_correlation *j, int64_t tap, const int taps)
{
    int64_t first = j->x_slot + tap*j->hop;
    while (first >= j->x_room) first -= j->x_room;
    for (int at = 0; at < CONVIS_BINS; at += WIDTH) {
        vector re[CONVIS_TOGETHER], im[CONVIS_TOGETHER];
        int64_t g_slot = j->g_slot, slot = first;
        UNROLL for (int k = 0; k < taps; k++) re[k] = im[k] = all(0);
        for (int64_t t = 0; t < j->frames; t++) {
            const real *g = j->g + g_slot*CONVIS_BLOCK + at, *x = j->x + slot*CONVIS_BLOCK + at;
            vector gr = load(g), gi = load(g + CONVIS_BINS);
            UNROLL for (int k = 0; k < taps; k++) {
                const real *q = x + k*j->hop*CONVIS_BLOCK;
                vector xr = load(q), xi = load(q + CONVIS_BINS);
                re[k] += gr*xr;
                im[k] += gr*xi;
                re[k] += gi*xi;
                im[k] -= gi*xr;
            }
            g_slot = onward(g_slot, 1, j->g_room);
            slot = onward(slot, 1, j->x_room);
        }
        UNROLL for (int k = 0; k < taps; k++) {
            real *d = j->d + (tap + k)*CONVIS_BLOCK + at;
            store(d, load(d) + re[k]);
            store(d + CONVIS_BINS, load(d + CONVIS_BINS) + im[k]);
        }
    }
}

static void correlate(const conv_correlation *j)
{
    for (int64_t tap = 0; tap < j->taps; tap += CONVIS_TOGETHER)
        switch (j->taps - tap) {
        case 1:  correlate_taps(j, tap, 1); break;
        case 2:  correlate_taps(j, tap, 2); break;
        case 3:  correlate_taps(j, tap, 3); break;
        default: correlate_taps(j, tap, 4);
        }
}

static void split(const real *from, real *block, int64_t blocks, int64_t stride)
{
    lanes even;
    for (int k = 0; k < WIDTH; k++) even[k] = 2*k;
    for (int64_t k = 0; k < blocks; k++, from += CONVIS_BLOCK, block += stride)
        UNROLL for (int i = 0; i < CONVIS_BINS; i += WIDTH) {
#ifdef __clang__
            for (int q = i; q < i + WIDTH; q++) { block[q] = from[2*q]; block[CONVIS_BINS + q] = from[2*q + 1]; }
#else
            vector a = load(from + 2*i), b = load(from + 2*i + WIDTH);
            store(block + i, __builtin_shuffle(a, b, even));
            store(block + CONVIS_BINS + i, __builtin_shuffle(a, b, even + 1));
#endif
        }
}

static void join(const real *block, real *to, int64_t blocks, int64_t stride)
{
    for (int64_t k = 0; k < blocks; k++, to += CONVIS_BLOCK, block += stride)
        for (int i = 0; i < CONVIS_BINS; i++) { to[2*i] = block[i]; to[2*i + 1] = block[CONVIS_BINS + i]; }
}

CONVIS_ISA_TABLE(convis_conv_kernels,
                 convis_conv_lines) = { CONVIS_ISA_NAME, channels, rows, sum, correlate, outer, split, join };
