/* owned.h - types of layers that one context's models alone may have, whichever context asks. */
#ifndef CONVIS_OWNED_H
#define CONVIS_OWNED_H
#include "context.h"

/* In the memory of whoever says so, from convis_own_type to convis_disown_type. */
struct convis_owned {
    struct convis_owned *next;
    const convis_layer_type *type;
    const convis_context *context;
};
void convis_own_type   (struct convis_owned *, const convis_layer_type *, const convis_context *);
void convis_disown_type(struct convis_owned *);
/* 1: it is another context's. */
int  convis_is_foreign_type(const convis_layer_type *, const convis_context *);
#endif
