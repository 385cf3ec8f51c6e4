/* library.c - dlopen and dlsym for all who load something at run time. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "library.h"
#include <dlfcn.h>
#include <string.h>
#ifdef __GLIBC__
#include <link.h>
#endif

/* Whole at once: what a library lacks shows now, not in the middle of a run. Its symbols stay among themselves. */
void *convis_library_open(const char *file) { return dlopen(file, RTLD_NOW | RTLD_LOCAL); }

void convis_library_close(void *library) { dlclose(library); }

/* The address of a variable: a program that is linked against the same library may hold it instead of the library (a copy relocation),
 * which then uses that one, too. */
static void *variable(const char *name, void *in_library)
{
#ifdef __GLIBC__
    Dl_info info;
    struct link_map *map = NULL;
    void *global = in_library ? dlsym(RTLD_DEFAULT, name) : NULL;
    if (global && global != in_library && dladdr1(global, &info, (void **)&map, RTLD_DL_LINKMAP) && map && !map->l_prev)
        return global;
#else
    (void)name;
#endif
    return in_library;
}

const char *convis_library_find(void *const *libraries, int count, const convis_symbol *symbols)
{
    const char *lacks = NULL;
    for (; symbols->name; symbols++) {
        void *found = NULL;
        for (int k = 0; k < count && !found; k++) found = dlsym(libraries[k], symbols->name);
        if (symbols->variable) found = variable(symbols->name, found);
        if (found) memcpy(symbols->at, &found, sizeof found);
        else if (!lacks) lacks = symbols->name;
    }
    return lacks;
}
