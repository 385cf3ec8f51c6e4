/* miser.h - an allocator that gives so many blocks and no more, and knows how many are out. */
#ifndef MISER_H
#define MISER_H
#include <stddef.h>
#include <stdlib.h>

typedef struct miser { int left, held; } miser;
static void *obtain(void *user, size_t bytes)
{
    miser *m = user;
    void *p = m->left-- > 0 ? malloc(bytes) : NULL;
    m->held += p != NULL;
    return p;
}
static void release(void *user, void *p) { if (p) ((miser *)user)->held--; free(p); }
#endif
