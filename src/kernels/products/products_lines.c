/* products_lines.c - C += A B, compiled once per instruction set: a tile of C stays in registers while k runs through a block
 * of A that was copied side by side. Every element is summed in order of k, whatever the tile: the same bits everywhere. */
#include "products.h"
#include "kernels/vectors.h"

enum { ROWS = VECTOR_BYTES/8 };
typedef double vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(double)), may_alias));
enum { WIDTH = VECTOR_BYTES/sizeof(double), LANES = CONVIS_PRODUCTS_LANES, VECTORS = LANES/WIDTH, DEPTH = 256 };

/* `rows` of C, from packed A: rows next to each other for each k. */
INLINE void tile(int rows, int64_t n, int64_t depth, const double *packed, const double *b, double *c)
{
    vector sum[ROWS][VECTORS];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < VECTORS; v++) sum[i][v] = *(const vector *)(const void *)(c + i*n + v*WIDTH);
    for (int64_t k = 0; k < depth; k++, packed += rows, b += n) {
        vector row[VECTORS];
        for (int v = 0; v < VECTORS; v++) row[v] = *(const vector *)(const void *)(b + v*WIDTH);
        for (int i = 0; i < rows; i++)
            for (int v = 0; v < VECTORS; v++) sum[i][v] += packed[i]*row[v];
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < VECTORS; v++) *(vector *)(void *)(c + i*n + v*WIDTH) = sum[i][v];
}

static void add(int64_t m, int64_t n, int64_t depth, const double *a, int64_t a_row, int64_t a_step, const double *b, double *c)
{
    double packed[ROWS*DEPTH];
    for (int64_t k0 = 0; k0 < depth; k0 += DEPTH) {
        const int64_t some = depth - k0 < DEPTH ? depth - k0 : DEPTH;
        for (int64_t i = 0, rows; i < m; i += rows) {
            rows = m - i < ROWS ? 1 : ROWS;
            for (int64_t k = 0; k < some; k++)
                for (int64_t r = 0; r < rows; r++) packed[k*rows + r] = a[(i + r)*a_row + (k0 + k)*a_step];
            for (int64_t j = 0; j < n; j += LANES)
                if (rows == ROWS) tile(ROWS, n, some, packed, b + k0*n + j, c + i*n + j);
                else tile(1, n, some, packed, b + k0*n + j, c + i*n + j);
        }
    }
}

CONVIS_ISA_TABLE(convis_products, convis_products) = { CONVIS_ISA_NAME, add };
