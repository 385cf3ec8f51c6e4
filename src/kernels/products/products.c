/* products.c - which instruction set, and which rows by which thread. */
#include "products.h"
#include "base/context.h"
#include "device/device.h"
#include <string.h>

CONVIS_LADDER(convis_products, convis_products)

void convis_products_add(const convis_context *context, int64_t m, int64_t n, int64_t depth, const double *a, int64_t a_row,
                         int64_t a_step, const double *b, double *c)
{
    enum { ROWS = 32 };
    const convis_products *kernels = convis_best_of(context, convis_products_ladder);
    const int64_t shares = (m + ROWS - 1)/ROWS;
#ifdef _OPENMP
#pragma omp parallel for num_threads(context->threads) schedule(static) if (shares > 1 && context->threads > 1)
#endif
    for (int64_t s = 0; s < shares; s++)
        kernels->add(m - s*ROWS < ROWS ? m - s*ROWS : ROWS, n, depth, a + s*ROWS*a_row, a_row, a_step, b, c + s*ROWS*n);
}
