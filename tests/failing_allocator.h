/* failing_allocator.h - an allocator that gives so many blocks and no more, and knows how many are out. */
#ifndef FAILING_ALLOCATOR_H
#define FAILING_ALLOCATOR_H
#include <stddef.h>
#include <stdlib.h>

typedef struct failing_allocator { int left, held; } failing_allocator;
static void *obtain(void *user, size_t bytes)
{
    failing_allocator *m = user;
    void *p = m->left-- > 0 ? malloc(bytes) : NULL;
    m->held += p != NULL;
    return p;
}
static void release(void *user, void *p) { if (p) ((failing_allocator *)user)->held--; free(p); }
#endif
