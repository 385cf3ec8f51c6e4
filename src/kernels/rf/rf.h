/* rf.h - what the layers of rf.c and their kernels for cards (rf_there.c) share. */
#ifndef CONVIS_RF_H
#define CONVIS_RF_H
#include <convis/layer.h>

/* rows: of a block of frames and of the past before it. On a device rows meet numbers in parts, else part = 0. */
typedef struct convis_rf_sizes {
    int64_t batches, outputs, inputs, taps, plane, size, kernels, rows, block, part, parts;
    int     factorised;
} convis_rf_sizes;
/* As kernels read them: numbers, bias, weights; when factorised the factors. */
typedef struct convis_rf_memory {
    const convis_rf_sizes *s;
    const convis_real *numbers, *bias, *weights, *space, *features;
} convis_rf_memory;
enum { CONVIS_RF_KERNELS, CONVIS_RF_SIZE, CONVIS_RF_TAPS, CONVIS_RF_BATCHES, CONVIS_RF_PART, CONVIS_RF_OUTPUTS, CONVIS_RF_INPUTS };

/* On a device: longer blocks, and parts; else nothing. */
void   convis_rf_arrange(const convis_context *, convis_rf_sizes *);
size_t convis_rf_scratch_there(const convis_rf_sizes *, int recording);
void   convis_rf_forward_there(const convis_pass *, const convis_rf_memory *);
/* Gradients of arrays, where somebody wants them. */
void   convis_rf_vjp_there(const convis_pass *, const convis_rf_memory *, convis_real *d_weights, convis_real *d_bias, convis_real *d_space,
                           convis_real *d_features);
#endif
