/* library.c - dlopen and dlsym for all who load something at run time. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "library.h"
#include <dlfcn.h>
#include <string.h>

/* Whole at once: what a library lacks shows now, not in the middle of a run. Its symbols stay among themselves. */
void *convis_library_open(const char *file) { return dlopen(file, RTLD_NOW | RTLD_LOCAL); }

void convis_library_close(void *library) { dlclose(library); }

const char *convis_library_find(void *const *libraries, int count, const convis_symbol *symbols)
{
    const char *lacks = NULL;
    for (; symbols->name; symbols++) {
        void *found = NULL;
        for (int k = 0; k < count && !found; k++) found = dlsym(libraries[k], symbols->name);
        if (found) memcpy(symbols->at, &found, sizeof found);
        else if (!lacks) lacks = symbols->name;
    }
    return lacks;
}
