/* rf_gpu.c - the receptive fields of rf.c on graphics processors (GPUs): products of a block of frames with all kernels, forward and backward.
 *
 * A block of M rows (frames, batches) of `size` numbers is multiplied with N kernels: 2 M N size operations on 4 (M + N) size bytes,
 * so that up to about 40 kernels a GPU waits for memory, and each row should be read from it once. `rf_gpu_project`: 32 rows and 32
 * kernels in shared memory, 4 sums a member; the numbers are divided into parts for enough groups, always the same, and `rf_gpu_join` adds the
 * parts in order. Backward, a member has one number of the frame and 8 rows (the input) or 8 kernels (their gradient), which pass without
 * any sum among members. */
#define CONVIS_KERNEL_SHORT_NAMES
#include <convis/kernel.h>
#include "rf_gpu.h"

enum { GROUP_SIZE = RF_GROUP, TILE = RF_TILE, PITCH = RF_TILE + 1, TILES = 2*TILE*PITCH, EIGHT = RF_EIGHT };

#if defined(__CUDA_ARCH__)
#  define FUSED(a, b, c) __fmaf_rn(a, b, c)
#elif defined(FP_FAST_FMAF)
#  define FUSED(a, b, c) fma(a, b, c)
#else
#  define FUSED(a, b, c) ((a)*(b) + (c))
#endif

/* n rows; parts[part][row][kernel]. */
CONVIS_GPU_KERNEL_OF(rf_shape, rf_gpu_project, TILES, PARAM w, IN x, OUT parts)
{
    integer kernels = args.kernels, size = args.size, across = (kernels + TILE - 1)/TILE, down = (n + TILE - 1)/TILE;
    integer c0 = CONVIS_WORKGROUP%across*TILE, r0 = CONVIS_WORKGROUP/across%down*TILE, part = CONVIS_WORKGROUP/(across*down);
    integer from = part*args.part, to = from + args.part < size ? from + args.part : size;
    integer lane = CONVIS_MEMBER & 31, line = CONVIS_MEMBER >> 5, r = CONVIS_MEMBER & 15, c = CONVIS_MEMBER >> 4;
    real s00 = 0, s01 = 0, s10 = 0, s11 = 0;
    for (integer at = from; at < to; at += TILE) {
        CONVIS_BARRIER;
        for (integer j = line; j < TILE; j += GROUP_SIZE/TILE) {
            int inside = at + lane < to;
            shared[j*PITCH + lane] = inside && r0 + j < n ? x[(r0 + j)*size + at + lane] : R(0.0);
            shared[(TILE + j)*PITCH + lane] = inside && c0 + j < kernels ? w[(c0 + j)*size + at + lane] : R(0.0);
        }
        CONVIS_BARRIER;
        for (integer j = 0; j < TILE; j++) {
            real x0 = shared[r*PITCH + j], x1 = shared[(r + 16)*PITCH + j];
            real w0 = shared[(TILE + c)*PITCH + j], w1 = shared[(TILE + c + 16)*PITCH + j];
            s00 = FUSED(x0, w0, s00);
            s01 = FUSED(x0, w1, s01);
            s10 = FUSED(x1, w0, s10);
            s11 = FUSED(x1, w1, s11);
        }
    }
    r += r0;
    c += c0;
    if (r < n && c < kernels)           parts[(part*n + r)*kernels + c] = s00;
    if (r < n && c + 16 < kernels)      parts[(part*n + r)*kernels + c + 16] = s01;
    if (r + 16 < n && c < kernels)      parts[(part*n + r + 16)*kernels + c] = s10;
    if (r + 16 < n && c + 16 < kernels) parts[(part*n + r + 16)*kernels + c + 16] = s11;
}

/* nt parts. */
CONVIS_KERNEL(rf_gpu_join, IN parts, OUT projection)
{
    CONVIS_PIXELS(i) {
        real sum = 0;
        CONVIS_FRAMES(j) sum += parts[j*n + i];
        projection[i] = sum;
    }
}

/* n outputs of all frames; projection begins T - 1 frames before y. */
CONVIS_KERNEL_OF(rf_shape, rf_gpu_gather, PARAM bias, IN projection, OUT y)
{
    integer kernels = args.kernels, taps = args.taps, batches = args.batches, outputs = args.outputs;
    CONVIS_PIXELS(i) {
        integer o = i%outputs, b = i/outputs%batches, t = i/(outputs*batches);
        real sum = bias[o];
        for (integer j = 0; j < taps; j++) sum += projection[((t + j)*batches + b)*kernels + o*taps + j];
        y[i] = sum;
    }
}

/* dP of n rows, which begin T - 1 frames before the nt frames of dy; kernels that only fill the last group have none. */
CONVIS_KERNEL_OF(rf_shape, rf_gpu_spread, IN dy, OUT dp)
{
    integer kernels = args.kernels, taps = args.taps, batches = args.batches, outputs = args.outputs;
    CONVIS_PIXELS(i) {
        integer c = i%kernels, row = i/kernels, o = c/taps, t = row/batches - c%taps;
        dp[i] = o < outputs && t >= 0 && t < nt ? dy[(t*batches + row%batches)*outputs + o] : R(0.0);
    }
}

/* nt rows, n = numbers a frame x eights of rows. */
CONVIS_KERNEL_OF(rf_shape, rf_gpu_input, PARAM w, IN dp, STATE dx)
{
    integer kernels = args.kernels, size = args.size;
    CONVIS_PIXELS(e) {
        integer i = e%size, r0 = e/size*EIGHT, last = nt - 1 - r0;
        real sum[EIGHT];
        for (int s = 0; s < EIGHT; s++) sum[s] = 0;
        for (integer j = 0; j < kernels; j++) {
            real v = w[j*size + i];
            for (int s = 0; s < EIGHT; s++) sum[s] = FUSED(dp[(r0 + (s < last ? s : last))*kernels + j], v, sum[s]);
        }
        for (int s = 0; s < EIGHT; s++) if (s <= last) dx[(r0 + s)*size + i] += sum[s];
    }
}

/* nt rows, n = numbers a frame x eights of kernels. dw is (kernels, size), or, dense, added to the array itself. */
CONVIS_KERNEL_OF(rf_shape, rf_gpu_weights, IN dp, IN x, OUT dw, TOTAL dense)
{
    integer kernels = args.kernels, size = args.size, taps = args.taps, outputs = args.outputs;
    integer plane = size/args.inputs;
    CONVIS_PIXELS(e) {
        integer i = e%size, j0 = e/size*EIGHT, last = kernels - 1 - j0;
        real sum[EIGHT];
        for (int s = 0; s < EIGHT; s++) sum[s] = 0;
        CONVIS_FRAMES(row) {
            real v = x[row*size + i];
            for (int s = 0; s < EIGHT; s++) sum[s] = FUSED(dp[row*kernels + j0 + (s < last ? s : last)], v, sum[s]);
        }
        for (int s = 0; s < EIGHT; s++) {
            integer j = j0 + s, o = j/taps;
            if (s > last || o >= outputs) continue;
            if (dense) dense[((o*args.inputs + i/plane)*taps + j%taps)*plane + i%plane] += sum[s];
            else       dw[j*size + i] = sum[s];
        }
    }
}

/* Through the factors: n = outputs x pixels, and a group for each output and input. */
CONVIS_KERNEL_OF(rf_shape, rf_gpu_space, PARAM features, IN dw, TOTAL dspace)
{
    integer size = args.size, inputs = args.inputs, plane = size/inputs;
    CONVIS_PIXELS(e) {
        integer o = e/plane, at = e%plane;
        real sum = 0;
        for (integer i = 0; i < inputs; i++) sum += dw[o*size + i*plane + at]*features[o*inputs + i];
        dspace[e] += sum;
    }
}
CONVIS_GPU_KERNEL_OF(rf_shape, rf_gpu_features, GROUP_SIZE, PARAM space, IN dw, TOTAL dfeatures)
{
    integer size = args.size, inputs = args.inputs, plane = size/inputs, o = CONVIS_WORKGROUP/inputs;
    real sum = 0;
    for (integer at = CONVIS_MEMBER; at < plane; at += GROUP_SIZE) sum += dw[CONVIS_WORKGROUP*plane + at]*space[o*plane + at];
    shared[CONVIS_MEMBER] = sum;
    CONVIS_BARRIER;
    for (integer step = GROUP_SIZE/2; step > 0; step /= 2) {
        if (CONVIS_MEMBER < step) shared[CONVIS_MEMBER] += shared[CONVIS_MEMBER + step];
        CONVIS_BARRIER;
    }
    if (!CONVIS_MEMBER) dfeatures[CONVIS_WORKGROUP] += shared[0];
}

/* n outputs, nt frames and batches of them. */
CONVIS_KERNEL(rf_gpu_bias, IN dy, TOTAL dbias)
{
    CONVIS_PIXELS(o) {
        real sum = 0;
        CONVIS_FRAMES(t) sum += dy[t*n + o];
        dbias[o] += sum;
    }
}

CONVIS_EXPORT_GPU(rf_gpu, CONVIS_GPU_ENTRY(rf_gpu_project) CONVIS_ENTRY(rf_gpu_join) CONVIS_ENTRY(rf_gpu_gather)
                              CONVIS_ENTRY(rf_gpu_spread) CONVIS_ENTRY(rf_gpu_input) CONVIS_ENTRY(rf_gpu_weights)
                                  CONVIS_ENTRY(rf_gpu_space) CONVIS_GPU_ENTRY(rf_gpu_features) CONVIS_ENTRY(rf_gpu_bias))
