/* conv_lines.h - the inner loops of convolution, compiled once per instruction set (conv_lines.c). */
#ifndef CONVIS_CONV_LINES_H
#define CONVIS_CONV_LINES_H
#include <convis/layer.h>

/* Spectra are stored in blocks of CONVIS_BINS frequencies: their real parts, then their imaginary ones. */
enum { CONVIS_BINS = 16, CONVIS_BLOCK = 2*CONVIS_BINS, CONVIS_TOGETHER = 4, CONVIS_OCTET = 8 };

/* Rows of several planes, weighed and summed: out[y][u] = start + sum_{p,k} weights[p][k] plane[p][y*step + offset[k] + u], k
 * through taps_y rows of taps_x taps. A plane may be read for a whole vector beyond `width`. The order of summation is p, k
 * whatever the instruction set. */
typedef struct conv_tile {
    const convis_real *const *plane, *const *weights;
    int64_t planes, taps_y, taps_x, step;
    const int64_t *offset;
    int64_t width, pitch, y0, y1;        /* of the output: columns, distance of rows, rows to make */
    convis_real *out[CONVIS_TOGETHER], start[CONVIS_TOGETHER];
    int     add;                         /* to what `out` holds */
    int     share;                       /* rows(): row y + 1 begins where row y's second row of taps does; `offset` has one more */
} conv_tile;

/* Sums over taps and channels of a block of frequencies, for up to CONVIS_TOGETHER consecutive frames. */
typedef struct conv_sum {
    const convis_real *w, *x;
    int64_t w_tap, w_channel, x_channel; /* from tap to tap and from channel to channel */
    int64_t channels, taps, slot, hop, room;     /* the first frame's first tap is in `slot`, the next tap `hop` on, modulo room */
    int     frames, conjugate;           /* conjugate: of w */
    convis_real *y;                      /* real and imaginary parts alternate; frames y_step apart */
    int64_t y_step;
} conv_sum;

/* d[tap] += sum over frames of conj(g) x: one output and input channel, one block of frequencies. */
typedef struct conv_correlation {
    const convis_real *g, *x;
    int64_t frames, g_slot, g_room, x_slot, x_room, hop, taps;   /* x_slot: of the first frame's first tap */
    convis_real *d;
} conv_correlation;

/* sum[l*columns + c] += sum over segments, rows, octets of g[segment*lines + l] x[segment*columns + c]. */
typedef struct conv_outer {
    const convis_real *const *g, *const *x;
    int64_t segments, rows, octets, g_step, x_step;
    int     lines, columns;              /* at most 2 and 5 */
    double *sum;
} conv_outer;
enum { CONVIS_LINES = 2, CONVIS_COLUMNS = 5 };

typedef struct convis_conv_kernels {
    const char *isa;
    void (*channels)(const conv_tile *, int lines);      /* `lines` (1, 2, 4) outputs of the same planes: weights[p][k][line] */
    void (*rows)(const conv_tile *);                     /* one output */
    void (*sum)(const conv_sum *);
    void (*correlate)(const conv_correlation *);
    void (*outer)(const conv_outer *);
    /* `blocks` blocks of alternating real and imaginary parts, to and from blocks `stride` apart. */
    void (*split)(const convis_real *alternating, convis_real *block, int64_t blocks, int64_t stride);
    void (*join)(const convis_real *block, convis_real *alternating, int64_t blocks, int64_t stride);
} convis_conv_kernels;
#endif
