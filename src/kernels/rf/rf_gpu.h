/* rf_gpu.h - what all kernels of receptive fields get, those of the layer (layers/rf.c) and those of rf_gpu.c. For compilers of all devices. */
#ifndef CONVIS_RF_GPU_H
#define CONVIS_RF_GPU_H

/* Kernels a frame, numbers a frame, frames of a kernel, batches, numbers of a part, outputs, inputs. */
typedef struct rf_shape { int kernels, size, taps, batches, part, outputs, inputs; } rf_shape;
/* Of the layer: numbers summed side by side; kernels applied to a frame together. */
enum { RF_LANES = 16, RF_ROWS = 4 };
/* Of devices: members of a group, and rows and kernels of its tile; rows or kernels that a member has in the backward pass. */
enum { RF_GROUP = 256, RF_TILE = 32, RF_EIGHT = 8 };
#endif
