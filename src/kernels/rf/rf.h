/* rf.h - what the layers of rf.c and their kernels for cards (rf_there.c) share. */
#ifndef CONVIS_RF_H
#define CONVIS_RF_H
#include <convis/layer.h>

/* Frames are treated in blocks; rows: of a block and of the past before it. wanted: frames that suit it. On a device whose memory is
 * not ours rows meet numbers in parts, else part = 0. */
typedef struct convis_rf_sizes {
    int64_t batches, outputs, inputs, taps, plane, size, kernels, rows, block, wanted, part, parts;
    int     factorised;
} convis_rf_sizes;
/* As kernels read them: numbers, bias, weights; when factorised the factors, and those as they were set. */
typedef struct convis_rf_memory {
    const convis_rf_sizes *s;
    const convis_real *numbers, *bias, *weights, *space, *features;
    const double *space_values, *feature_values;
} convis_rf_memory;
/* Of arrays; NULL: nobody wants it. */
typedef struct convis_rf_gradients { convis_total *weights, *bias, *space, *features; } convis_rf_gradients;
enum { CONVIS_RF_KERNELS, CONVIS_RF_SIZE, CONVIS_RF_TAPS, CONVIS_RF_BATCHES, CONVIS_RF_PART, CONVIS_RF_OUTPUTS, CONVIS_RF_INPUTS };
enum { CONVIS_RF_ROWS = 4 };             /* kernels that meet a frame together */

/* block, wanted, rows, part and parts from the others. */
void   convis_rf_arrange (const convis_context *, convis_rf_sizes *);
size_t convis_rf_scratch (const convis_rf_sizes *, int recording);
void   convis_rf_forward (const convis_pass *, const convis_rf_memory *);
void   convis_rf_backward(const convis_pass *, const convis_rf_memory *, const convis_rf_gradients *);

/* The same by kernels for graphics cards. */
void   convis_rf_arrange_there (convis_rf_sizes *);
size_t convis_rf_scratch_there (const convis_rf_sizes *, int recording);
void   convis_rf_forward_there (const convis_pass *, const convis_rf_memory *);
void   convis_rf_backward_there(const convis_pass *, const convis_rf_memory *, const convis_rf_gradients *);
#endif
