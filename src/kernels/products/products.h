/* products.h - sums of products in double precision, for analyses: C += A B. A is any strided view, so that the windows of a
 * movie, which overlap, are a matrix as they lie. */
#ifndef CONVIS_PRODUCTS_H
#define CONVIS_PRODUCTS_H
#include <convis/layer.h>

enum { CONVIS_PRODUCTS_LANES = 8 };          /* columns of B and C come in multiples of these */

/* The part that is compiled once per instruction set; all give the same bits. */
typedef struct convis_products {
    const char *isa;
    /* c[i*n + j] += sum_k a[i*a_row + k*a_step] b[k*n + j], in order of k, for i < m, j < n, k < depth. */
    void (*add)(int64_t m, int64_t n, int64_t depth, const double *a, int64_t a_row, int64_t a_step, const double *b, double *c);
} convis_products;
/* For the context's instruction set, with its threads: rows are taken by whichever is free, and each row's sums are one thread's, so the
 * bits do not depend on how many there are. */
void convis_products_add(convis_context *, int64_t m, int64_t n, int64_t depth, const double *a, int64_t a_row,
                         int64_t a_step, const double *b, double *c);
#endif
