/* blur_gpu.h - what the kernels of blur_gpu.c and the code that launches them (blur_on_device.c) share. For compilers of all devices. */
#ifndef CONVIS_BLUR_GPU_H
#define CONVIS_BLUR_GPU_H

/* Members of a group; numbers in common, and how many of them hold lines. */
enum { BLUR_GROUP = 256, BLUR_SHARED = 8192, BLUR_TILE = BLUR_SHARED - 2*BLUR_GROUP };

/* A direction: the length of its lines and how many a map has; distances of lines, of places in a line and of coefficients; lines a group,
 * members a line, places a member; Deriche's ends, and the distance of its six coefficients. */
typedef struct blur_lines {
    int length, lines, line_stride, stride, c_stride, c_line, group_lines, line_members, part, c_step;
    float end_f, end_r;
} blur_lines;

/* ---- What kernels get ---- */

typedef struct blur_deriche_args { blur_lines z; int radial; } blur_deriche_args;
/* scale: of the gradient of ln sigma. */
typedef struct blur_deriche_back_args { blur_lines z; int radial; float scale; } blur_deriche_back_args;
/* size: of a map. */
typedef struct blur_multiply_args { int size; } blur_multiply_args;
typedef struct blur_width_args { int size; float scale; } blur_width_args;
#endif
