/* frames.h - arguments of the kernels of frames.c. For compilers of all devices. */
#ifndef CONVIS_FRAMES_H
#define CONVIS_FRAMES_H
typedef struct frames_fill_args { float value; } frames_fill_args;
typedef struct frames_sum_args { int count; } frames_sum_args;
#endif
