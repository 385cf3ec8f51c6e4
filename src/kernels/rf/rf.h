/* rf.h - what the layers of rf.c and their kernels for other devices (rf_on_device.c) share. */
#ifndef CONVIS_RF_H
#define CONVIS_RF_H
#include <convis/layer.h>
#include "rf_gpu.h"

/* Frames are treated in blocks; rows: of a block and of the history before it. preferred: frames that suit it. On a device whose memory
 * the host does not see rows are multiplied in parts of the numbers, else part = 0. */
typedef struct convis_rf_sizes {
    int64_t batches, outputs, inputs, taps, plane, size, kernels, rows, block, preferred, part, parts;
    int     factorised;
} convis_rf_sizes;
/* As kernels read them: bias, weights; when factorised the factors, and those as they were set. */
typedef struct convis_rf_memory {
    const convis_rf_sizes *s;
    rf_shape shape;
    const convis_real *bias, *weights, *space, *features;
    const double *space_values, *feature_values;
} convis_rf_memory;
/* Of arrays; NULL: not required. */
typedef struct convis_rf_gradients { convis_total *weights, *bias, *space, *features; } convis_rf_gradients;

/* block, preferred, rows, part and parts from the others. */
void   convis_rf_arrange (const convis_context *, convis_rf_sizes *);
size_t convis_rf_scratch (const convis_rf_sizes *, int recording);
void   convis_rf_forward (const convis_pass *, const convis_rf_memory *);
void   convis_rf_backward(const convis_pass *, const convis_rf_memory *, const convis_rf_gradients *);

/* The same by the kernels of rf_gpu.c. */
void   convis_rf_device_arrange (convis_rf_sizes *);
size_t convis_rf_device_scratch (const convis_rf_sizes *, int recording);
void   convis_rf_device_forward (const convis_pass *, const convis_rf_memory *);
void   convis_rf_device_backward(const convis_pass *, const convis_rf_memory *, const convis_rf_gradients *);
#endif
