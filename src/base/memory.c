/* memory.c - zeroed, aligned memory from a context's allocator. */
#include "context.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

static void *plain_obtain(void *user, size_t bytes) { (void)user; return malloc(bytes); }
static void  plain_release(void *user, void *memory) { (void)user; free(memory); }
const convis_allocator convis_plain_allocator = { plain_obtain, plain_release, NULL };

/* The allocator promises no alignment beyond malloc's, so the block carries its own start just below what we return.
 * Large blocks come page-aligned; a kernel that reads eight maps side by side would then have all eight in one set of the
 * first-level cache. So each large block begins some lines further into its page than the one before. */
enum { LARGE = 1 << 14, COLOURS = 16, COLOUR_BYTES = 5*ALIGNMENT };

void *convis_obtain(convis_context *c, size_t bytes)
{
    size_t extra = ALIGNMENT + sizeof(void *), shift = 0;
    CONVIS_NEEDS_ELSE(NULL, c);
    if (bytes >= LARGE) {
        shift = c->colour*COLOUR_BYTES;
        c->colour = (c->colour + 1)%COLOURS;
    }
    void *raw = bytes > SIZE_MAX - extra - shift ? NULL : c->allocator.obtain(c->allocator.user, bytes + extra + shift);
    if (!raw) {
        convis_fail(c, CONVIS_ENOMEM, "out of memory: %.1f MB more were asked for", (double)bytes/1e6);
        return NULL;
    }
    uintptr_t at = ((uintptr_t)raw + sizeof(void *) + shift + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    ((void **)at)[-1] = raw;
    return memset((void *)at, 0, bytes);
}

convis_status convis_grow(convis_context *c, void **list, int count, int *room, size_t size)
{
    if (count < *room) return CONVIS_OK;
    const int more = *room ? 2**room : 8;
    void *larger = convis_obtain(c, (size_t)more*size);
    if (!larger) return CONVIS_ENOMEM;
    if (count) memcpy(larger, *list, (size_t)count*size);
    convis_release(c, *list);
    *list = larger;
    *room = more;
    return CONVIS_OK;
}

void convis_release(convis_context *c, void *memory)
{
    if (c && memory) c->allocator.release(c->allocator.user, ((void **)memory)[-1]);
}

/* What is released without a context has a copy of its allocator in front. */
enum { OWNER = 64 };
_Static_assert(sizeof(convis_allocator) <= OWNER, "the allocator fits in front of what it obtained");

void *convis_own(convis_context *c, size_t bytes)
{
    char *memory = bytes > SIZE_MAX - OWNER ? NULL : convis_obtain(c, bytes + OWNER);
    if (!memory) return NULL;
    memcpy(memory, &c->allocator, sizeof c->allocator);
    return memory + OWNER;
}

convis_status convis_own_text(convis_context *c, convis_status status, char **text)
{
    char *from = status ? NULL : *text;
    *text = NULL;
    if (!from) return status;
    if ((*text = convis_own(c, strlen(from) + 1))) strcpy(*text, from);
    else status = CONVIS_ENOMEM;
    convis_release(c, from);
    return status;
}

void convis_disown(void *memory)
{
    if (!memory) return;
    convis_context owner = { .threads = 0 };
    memcpy(&owner.allocator, (char *)memory - OWNER, sizeof owner.allocator);
    convis_release(&owner, (char *)memory - OWNER);
}
