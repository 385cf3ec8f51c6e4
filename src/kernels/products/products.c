/* products.c - which instruction set, and which rows by which thread. */
#include "products.h"
#include "base/context.h"
#include "base/threads.h"
#include "device/device.h"
#include <string.h>

CONVIS_LADDER(convis_products, convis_products)

enum { ROWS = 32 };
typedef struct sum {
    const convis_products *kernels;
    int64_t m, n, depth, a_row, a_step;
    const double *a, *b;
    double *c;
    atomic_llong next;                                   /* the first rows that no thread has taken */
} sum;

static void take(struct convis_barrier *all, int thread, void *user)
{
    sum *s = user;
    (void)all, (void)thread;
    for (int64_t at; (at = atomic_fetch_add(&s->next, ROWS)) < s->m;)
        s->kernels->add(s->m - at < ROWS ? s->m - at : ROWS, s->n, s->depth, s->a + at*s->a_row, s->a_row, s->a_step, s->b,
                        s->c + at*s->n);
}

void convis_products_add(convis_context *context, int64_t m, int64_t n, int64_t depth, const double *a, int64_t a_row,
                         int64_t a_step, const double *b, double *c)
{
    sum s = { .kernels = convis_best_of(context, convis_products_ladder), .m = m, .n = n, .depth = depth, .a_row = a_row, .a_step = a_step,
              .a = a, .b = b, .c = c };
    const int64_t shares = (m + ROWS - 1)/ROWS;
    convis_threads_call(context, shares < context->threads ? (int)shares : context->threads, take, &s);
}
