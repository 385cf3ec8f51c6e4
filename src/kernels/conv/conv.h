/* conv.h - 3D convolution of movies, causal in time: forward, and the gradients of kernel, bias and input.
 *
 *      y[o][t][v][u] = bias[o] + sum_{i,k,b,a} w[o][i][k][b][a] x[i][t - (T-1-k) dilation_t][v s + b d - before][u s + a d - before]
 *
 * Kernels are arrays (out, in/groups, T, Y, X), movies frame-major [t][batch][channel][y][x]. As in Convis and PyTorch the
 * kernel is not reversed (a cross-correlation): the last index of T weighs the present frame, index 0 the oldest. What
 * needs a convolution in the mathematical sense reverses the array.
 *
 * Time is padded by the history: the T - 1 frames (times dilation_t) before frame 0 must lie before it in memory. A convolution
 * has no state of its own; what it stores of earlier frames (their spectra, their padded planes) is a cache keyed by
 * pass->frame and pass->epoch, without which the bits would be the same.
 *
 * Space is padded by `padding`, so that an output has the size of the input over the stride, rounded up, and the kernel is
 * centred on it: before = d floor(K/2), so index floor(K/2) of Y and X weighs the output's own place, and an even kernel reaches
 * one place further to the left (up) than to the right, as in Convis, SciPy and OpenCV. With CONVIS_CONV_NONE nothing is padded and
 * only places count where the whole kernel fits.
 *
 * Methods, chosen by the sizes and the kernel's rank, never by the length of a chunk:
 *      direct      the sum as it stands, over padded planes; sums of 1 x 1 kernels over tiles of pixels
 *      fft         a 2D transform of each frame; the sum over taps and channels in the frequency domain; 2D inverse. Transforms
 *                  in time would give other rounding for other chunks; and for up to hundreds of taps they are not faster
 *      separable   kernels of low rank in space x time: filters in time, then 2D convolutions; kernels of low rank in
 *                  y x x: columns, then rows
 *      device      on a device, directly (conv_gpu.c); in single precision, about as exact as the others
 * Forward, the bits do not depend on the division into chunks, the number of threads or the instruction set. Gradients do not
 * depend on threads. */
#ifndef CONVIS_CONV_H
#define CONVIS_CONV_H
#include <convis/layer.h>

enum { CONVIS_CONV_REPLICATE, CONVIS_CONV_ZEROS, CONVIS_CONV_REFLECT, CONVIS_CONV_NONE, CONVIS_CONV_PADDINGS };
enum { CONVIS_CONV_AUTO, CONVIS_CONV_DIRECT, CONVIS_CONV_FFT, CONVIS_CONV_SEPARABLE, CONVIS_CONV_DEVICE };
enum { CONVIS_CONV_KERNEL = 1, CONVIS_CONV_INPUT = 2 };      /* gradients that will be required */

typedef struct convis_conv_spec {
    int64_t batch, in, out, groups;          /* channels of the input and of the output, both multiples of groups */
    int64_t h, w;                            /* of the input */
    int64_t t, y, x;                         /* of the kernel */
    int64_t stride_y, stride_x, dilation_t, dilation_y, dilation_x;
    int     padding, method, gradients;      /* method: forced, unless CONVIS_CONV_AUTO */
} convis_conv_spec;

/* The method for where the model is: DEVICE where the host does not see its memory, and only then; else `method`. */
int convis_conv_method(const convis_context *, int method);

/* Size of the output, and the frames of the history that must lie before the input's first. */
int64_t convis_conv_height (const convis_conv_spec *);
int64_t convis_conv_width  (const convis_conv_spec *);
int64_t convis_conv_history(const convis_conv_spec *);

/* Prepared for one kernel: in memory of convis_conv_size bytes, 64-byte aligned and zeroed at first. */
typedef struct convis_conv convis_conv;
size_t convis_conv_size   (const convis_conv_spec *);
size_t convis_conv_scratch(const convis_conv_spec *, int threads);   /* for so many at most; zeroed at first, then left alone */
/* A good number of frames for one call; and of frames of n numbers each that wait in scratch memory for one. */
int     convis_conv_frames(const convis_conv_spec *);
int64_t convis_conv_block (const convis_conv_spec *, int64_t n);
/* bias may be NULL: 0. Not from two threads at once with the same memory; ENOMEM when FFTW has none. */
convis_status convis_conv_prepare(convis_conv *, convis_context *, const convis_conv_spec *, int threads, const double *weights,
                                  const double *bias);
/* "128x128, kernel 20x10x10, 1 to 1: forward fft 144x144, ..." */
const char *convis_conv_choice(const convis_conv *);

/* By all threads of the pass (its thread, threads, barrier, frame, epoch and frames count); end at a barrier. */
void convis_conv_forward(const convis_pass *, const convis_conv *, const convis_real *in, convis_real *out, void *scratch);
/* Add to what is not NULL: d_in (and the history before it), d_weights, d_bias. spec.gradients must have named them. */
void convis_conv_vjp(const convis_pass *, const convis_conv *, const convis_real *in, const convis_real *d_out, convis_real *d_in,
                     convis_total *d_weights, convis_total *d_bias, void *scratch);
#endif
