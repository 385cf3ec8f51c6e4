/* layers.c - the list of built-in layers. */
#include "base/context.h"
#include "layers.h"
#include <string.h>

const convis_layer_type *const *convis_layer_types(void)
{
#define ADDRESS(name) &convis_##name,
    static const convis_layer_type *const TYPES[] = { CONVIS_LAYER_LIST(ADDRESS) NULL };
    return TYPES;
}

const convis_layer_type *convis_layer_type_named(const char *name)
{
    CONVIS_NEEDS_ALONE(NULL, name);
    const convis_layer_type *const *type = convis_layer_types();
    while (*type && strcmp((*type)->name, name)) type++;
    return *type;
}
