/* conv_parts.h - what the files of the convolution share: geometry, the methods, where things lie in memory. */
#ifndef CONVIS_CONV_PARTS_H
#define CONVIS_CONV_PARTS_H
#include "conv.h"
#include "conv_gpu.h"
#include "conv_lines.h"

typedef convis_real real;

/* One axis of space. Padded: as long as the kernel's reach over all outputs. */
typedef struct conv_axis { int64_t in, out, kernel, stride, dilation, before, reach, padded; } conv_axis;

/* Frames first..end-1 that a ring holds; frame f is in slot f modulo its room. */
typedef struct conv_ring { int64_t first, end; uint64_t epoch; } conv_ring;

/* How one of the three operations is computed. PIXELS: direct, of 1 x 1 kernels. LINES: columns, then rows. FACTORED: in time,
 * then in space, by two convolutions. DEVICE: by the kernels of conv_gpu.c. */
enum { CONV_DIRECT, CONV_PIXELS, CONV_FFT, CONV_LINES, CONV_FACTORED, CONV_DEVICE };
enum { CONV_RANK = 4 };                  /* the highest rank that LINES and FACTORED are for */

/* Places in memory are bytes from the beginning of the constants, or of the scratch. */
typedef struct conv_direct {
    int64_t frames, room;                /* frames treated at once, and slots of the rings */
    int64_t phase, pitch, plane;         /* padded planes: columns of one phase of the stride, row, plane */
    int64_t back_pitch, back_plane;      /* gradients at the outputs, spread by the stride, zeros around them */
    int64_t d_pitch, d_plane;            /* gradient of a padded plane */
    int64_t g_pitch, g_plane;            /* gradients at the outputs as they are, with rows of zeros above and below */
    size_t  offset, back_offset, weights, back_weights;
    size_t  ring, planes, back, g, thread, thread_bytes;
    size_t  thread_weights, thread_d, thread_row;
    /* LINES: of each pair of channels the number of terms, and their factors along y, then x, as they are and reversed;
     * offsets of the taps of both passes; columns before they become rows. */
    size_t  term_count, terms, turned, down, across, back_down, back_across, rest, left, right, thread_lines;
} conv_direct;

typedef struct conv_pixels {
    int64_t tile, frames, slots;         /* pixels, frames, partial sums of the kernel's gradient */
    size_t  offset, weights, back_weights;
    size_t  sums, thread, thread_bytes, thread_g;
} conv_pixels;

typedef struct conv_fft {
    int64_t ny, nx, nc, blocks;          /* lengths; nc = nx/2 + 1 columns of the spectrum; blocks of it */
    int64_t frames, room, back_room, mirrored;   /* frames treated at once; slots of the rings; slots that are stored twice */
    size_t  weights;
    size_t  ring, spectra, back, products, gradient, thread, thread_bytes, thread_mixed, thread_spectrum;
    void   *columns, *columns_back, *rows_in, *rows_out, *rows_kernel, *rows_in_back, *rows_out_back, *rows_kernel_back;
} conv_fft;

/* Work areas (`rest`, ...) are for prepare. */
typedef struct conv_factored {
    int64_t frames, rank, most;          /* most: the highest rank that room was made for; 0: none */
    size_t  time, space, time_weights, space_weights, matrix, rest, left, right;     /* two convolutions and their kernels */
    size_t  movie, time_scratch, space_scratch;
} conv_factored;

/* DEVICE: passes over a source by the kernels of conv_gpu.c. lanes: outputs that see the same pixels: 8, of as many frames (in_time) or
 * channels; 1; 0: nothing is shared. maps: where rows and columns of the padded source come from. */
typedef struct conv_pass { conv_shape shape; conv_tiling eight, one; int lanes; size_t maps; } conv_pass;
typedef struct conv_on_device {
    conv_pass forward, back;
    conv_gradient_tiling weights;        /* inputs 0: nothing fits */
    int64_t pieces, shares;              /* of the kernel for its gradient, and of the frames */
    int     folds;                       /* gradients of padded planes are made first, then added to where they came from */
    int64_t fold_frames;
    size_t  kernel, places;
} conv_on_device;

struct convis_conv {
    convis_conv_spec s;
    const convis_conv_kernels *kernels;
    conv_axis y, x;
    int64_t history, inputs, outputs, taps, n_in, n_out;       /* inputs, outputs: of one group; taps: of one pair; n: a frame */
    int     threads;
    int     forward, kernel, input;      /* methods of the three operations */
    double  cost, cost_kernel, cost_input;   /* nanoseconds a frame, on one thread */
    int     lines;                       /* room was made for LINES */
    size_t  map_y, map_x, bias, bias_sums, size, scratch;
    conv_direct   direct;
    conv_pixels   pixels;
    conv_fft      fft;
    conv_factored factors;
    conv_on_device device;
    char    choice[256];
};

/* Everything that follows from the sizes alone; no memory beyond the struct is touched. */
void convis_conv_arrange(convis_conv *, const convis_conv_spec *, int threads);

/* ---- Shares, slots, places ---- */

typedef struct conv_range { int64_t from, to; } conv_range;
static inline conv_range convis_conv_share(const convis_pass *p, int64_t items)
{
    return (conv_range){ items*p->thread/p->threads, items*(p->thread + 1)/p->threads };
}
static inline int64_t convis_conv_slot(int64_t frame, int64_t room)
{
    int64_t slot = frame%room;
    return slot < 0 ? slot + room : slot;
}
static inline void *convis_conv_at(const convis_conv *c, size_t place) { return (char *)(uintptr_t)c + place; }
static inline void *convis_conv_in(void *scratch, size_t place)        { return (char *)scratch + place; }
static inline void *convis_conv_own(const convis_pass *p, void *scratch, size_t place, size_t bytes)
{
    return (char *)scratch + place + (size_t)p->thread*bytes;
}
static inline int64_t convis_round(int64_t n, int64_t to) { return (n + to - 1)/to*to; }
static inline int64_t convis_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t convis_most(int64_t a, int64_t b)  { return a > b ? a : b; }
size_t convis_conv_take(size_t *size, size_t bytes);     /* so many bytes more; where they begin */

/* Outputs (or inputs) are treated in blocks of four lines, then two, then one. */
static inline int     convis_conv_lines_at(int64_t at, int64_t count) { return count - at >= 4 ? 4 : count - at >= 2 ? 2 : 1; }
static inline int64_t convis_conv_blocks(int64_t count) { return count/4 + count%4/2 + count%2; }
static inline int64_t convis_conv_block_start(int64_t block, int64_t count)
{
    int64_t whole = count/4;
    return block <= whole ? 4*block : 4*whole + 2;
}
/* Weights in the order in which blocks of lines read them: [block][plane][k][tap][line]. Forward, planes are inputs; backward they
 * are outputs, and taps go from last to first. In time k goes from first to last, or with `turned` from last to first. */
void convis_conv_pack(const convis_conv *, const double *weights, real *to, int back, int turned);

/* A ring is stored at `place` in the scratch; in a pass each thread has a copy, and the last thing is to store it, and a barrier. */
static inline conv_ring convis_ring_begin(const convis_pass *p, void *scratch, size_t place)
{
    const conv_ring *stored = convis_conv_in(scratch, place);
    return stored->epoch == p->epoch ? *stored : (conv_ring){ 0, 0, p->epoch };
}
static inline void convis_ring_finish(const convis_pass *p, const conv_ring *ring, void *scratch, size_t place)
{
    if (p->thread == 0) *(conv_ring *)convis_conv_in(scratch, place) = *ring;
    convis_barrier(p);
}
/* Make the ring hold frames lo..hi-1 (no more than its room): which are new, in up to two ranges. */
int convis_ring_request(conv_ring *, int64_t room, int64_t lo, int64_t hi, conv_range fresh[2]);
/* Item k of so many channels of the fresh frames. */
static inline int64_t convis_ring_frame(const conv_range fresh[2], int64_t k)
{
    int64_t first = fresh[0].to - fresh[0].from;
    return k < first ? fresh[0].from + k : fresh[1].from + k - first;
}

/* A map into rows of `pitch`, padded; what lies beyond padded columns is left alone. Its transpose adds to the map. */
void convis_conv_pad (const convis_conv *, const real *map, real *to, int64_t pitch);
void convis_conv_fold(const convis_conv *, const real *padded, int64_t pitch, real *map);

/* ---- The methods. room_*: sizes, added to c->size and c->scratch. cost_*: nanoseconds a frame on one thread ---- */

double convis_conv_direct_cost(const convis_conv *, int operation);
void   convis_conv_direct_room(convis_conv *, int threads);
void   convis_conv_direct_prepare(convis_conv *, const double *weights);
void   convis_conv_direct_forward(const convis_pass *, const convis_conv *, const real *in, real *out, void *scratch);
void   convis_conv_direct_vjp(const convis_pass *, const convis_conv *, const real *in, const real *d_out, real *d_in,
                            double *d_weights, void *scratch);
/* LINES, with what the direct method has prepared: its planes. */
double convis_conv_lines_cost(const convis_conv *, int operation, double terms);     /* terms of a pair of channels */
void   convis_conv_lines_room(convis_conv *, size_t *own);                 /* own: bytes of each thread */
double convis_conv_lines_prepare(convis_conv *, const double *weights);    /* mean terms of a pair; -1: the rank is too high */
void   convis_conv_lines_forward(const convis_pass *, const convis_conv *, int64_t t, int64_t b, int64_t y0, int64_t y1, real *out,
                                 void *scratch);
/* Of input i of one frame that the pass has: into a padded plane of d_pitch. */
void   convis_conv_lines_back(const convis_pass *, const convis_conv *, int64_t t, int64_t b, int64_t i, real *d_plane,
                            void *scratch);
static inline const real *convis_conv_plane(const convis_conv *c, const void *scratch, int64_t frame, int64_t channel)
{
    const conv_direct *d = &c->direct;
    const real *planes = (const real *)(const void *)((const char *)scratch + d->planes);
    return planes + (convis_conv_slot(frame, d->room)*c->s.batch*c->s.in + channel)*d->plane;
}
enum { CONV_CHUNK = 16 };                /* rows that the direct method makes at once */

double convis_conv_pixels_cost(const convis_conv *, int operation);
void   convis_conv_pixels_room(convis_conv *, int threads);
void   convis_conv_pixels_prepare(convis_conv *, const double *weights);
void   convis_conv_pixels_forward(const convis_pass *, const convis_conv *, const real *in, real *out, void *scratch);
void   convis_conv_pixels_vjp(const convis_pass *, const convis_conv *, const real *in, const real *d_out, real *d_in,
                            double *d_weights, void *scratch);

void   convis_conv_fft_lengths(convis_conv *);
double convis_conv_fft_cost(const convis_conv *, int operation);           /* with these lengths */
void   convis_conv_fft_room(convis_conv *, int threads);
convis_status convis_conv_fft_prepare(convis_conv *, convis_context *, const double *weights);
void   convis_conv_fft_forward(const convis_pass *, const convis_conv *, const real *in, real *out, void *scratch);
void   convis_conv_fft_vjp(const convis_pass *, const convis_conv *, const real *in, const real *d_out, real *d_in,
                         double *d_weights, void *scratch);

void   convis_conv_device_room(convis_conv *);
void   convis_conv_device_prepare(convis_conv *, const double *weights);
const char *convis_conv_device_method(const convis_conv *);                     /* in words */
void   convis_conv_device_forward(const convis_pass *, const convis_conv *, const real *in, real *out);
void   convis_conv_device_vjp(const convis_pass *, const convis_conv *, const real *in, const real *d_out, real *d_in,
                            convis_total *d_weights, convis_total *d_bias, void *scratch);

void   convis_conv_factored_room(convis_conv *, int threads);              /* for what might be faster than c->cost */
/* better: the kernel's rank allows it and it is faster; c->cost and c->cost_input are brought up to date. */
convis_status convis_conv_factored_prepare(convis_conv *, convis_context *, const double *weights, int *better);
void   convis_conv_factored_forward(const convis_pass *, const convis_conv *, const real *in, real *out, void *scratch);
void   convis_conv_factored_vjp(const convis_pass *, const convis_conv *, const real *d_out, real *d_in, void *scratch);
#endif
