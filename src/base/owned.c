/* owned.c - the list of types of layers that are a context's. */
#include "owned.h"
#include "locks.h"

static struct convis_owned *first;

void convis_own_type(struct convis_owned *o, const convis_layer_type *type, const convis_context *c)
{
    convis_lock(CONVIS_LOCK_TYPES);
    *o = (struct convis_owned){ first, type, c };
    first = o;
    convis_unlock(CONVIS_LOCK_TYPES);
}

void convis_disown_type(struct convis_owned *o)
{
    convis_lock(CONVIS_LOCK_TYPES);
    struct convis_owned **at = &first;
    while (*at && *at != o) at = &(*at)->next;
    if (*at) *at = o->next;
    convis_unlock(CONVIS_LOCK_TYPES);
}

int convis_is_foreign_type(const convis_layer_type *type, const convis_context *c)
{
    convis_lock(CONVIS_LOCK_TYPES);
    const struct convis_owned *o = first;
    while (o && o->type != type && o->type->more != type) o = o->next;
    const int foreign = o && o->context != c;
    convis_unlock(CONVIS_LOCK_TYPES);
    return foreign;
}
