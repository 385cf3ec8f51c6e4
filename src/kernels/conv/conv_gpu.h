/* conv_gpu.h - what the kernels of conv_gpu.c and the code that launches them (conv_on_device.c) share. For compilers of all devices. */
#ifndef CONVIS_CONV_GPU_H
#define CONVIS_CONV_GPU_H

/* Members of a group; outputs and rows of each; rows where outputs are one by one; numbers in common. */
enum { CONV_GROUP = 256, CONV_LANES = 8, CONV_ROWS = 4, CONV_ROWS_ONE = 8, CONV_SHARED = 8192 };

/* A pass from a source to a destination: channels of each group, and maps; those of the padded source; the kernel, and how far its places and
 * the outputs are apart. offset: of the first frame that the first output sees. turned: the kernel is reversed in time and space. in_time: eights are
 * frames, else channels. log_width: of a tile. */
typedef struct conv_shape {
    int batch, groups, src, dst, src_h, src_w, dst_h, dst_w, padded_h, padded_w, kernel_t, kernel_y, kernel_x, stride_y, stride_x,
        hop_t, hop_y, hop_x, offset, turned, in_time, log_width;
} conv_shape;
/* Taps treated at once, planes, rows of a tile, distances of rows and planes, tiles, blocks of destinations. planes 0: it does not fit. */
typedef struct conv_tiling { int taps_y, taps_x, planes, tile_h, pitch, plane, tiles, blocks; } conv_tiling;
/* Of the kernel's gradient: taps and inputs treated at once, pixels and rows of a tile, distances, columns a member apart, blocks of the
 * inputs, of the eights; its own width and whether eights are frames. */
typedef struct conv_gradient_tiling {
    int taps_y, taps_x, inputs, rows, pitch, plane, apart, blocks, eights, log_width, in_time, tiles;
} conv_gradient_tiling;

/* ---- What kernels get ---- */

/* first: the destination's first frame as the source counts; it has those from lo to hi - 1. add: to the destination. */
typedef struct conv_pass_args { conv_shape shape; conv_tiling tiling; int first, lo, hi, add; } conv_pass_args;
typedef struct conv_gradient_args { conv_shape shape; conv_gradient_tiling tiling; int shares; } conv_gradient_args;
typedef struct conv_fold_args { int h, w, padded_h, padded_w; } conv_fold_args;
typedef struct conv_bias_args { int outputs, shares; } conv_bias_args;
#endif
