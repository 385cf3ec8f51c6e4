/* own.h - layers of a user's own, each a C file like a built-in one: compiled, stored in the cache of kernels, loaded, listed in the
 * context until it is closed. own.c loads and lists; own_compile.c compiles. */
#ifndef CONVIS_OWN_H
#define CONVIS_OWN_H
#include "base/owned.h"

enum { CONVIS_OWN_NAME = 64, CONVIS_OWN_PATH = 1024 };

/* The type of a file that was loaded. path: absolute. fingerprint: of the file and of what it includes from beside itself. */
struct convis_own_layer {
    struct convis_own_layer *next;
    struct convis_owned owned;                           /* of this context's models alone */
    const convis_layer_type *type;
    void *library;                                       /* of dlopen */
    char  path[CONVIS_OWN_PATH], fingerprint[33];
};

int convis_own_is_name(const char *type);                /* is that a file: "./fade.c"? */
/* Loads it, or finds it again. NULL in *own on failure. */
convis_status convis_own_open(convis_context *, const char *file, const struct convis_own_layer **own);
/* Of a type; NULL: it is none of these. */
const struct convis_own_layer *convis_own_of(const convis_context *, const convis_layer_type *);
void convis_own_close(convis_context *);                 /* all, with the context */

/* ---- own_compile.c ---- */

/* The shared object, from the cache or the compiler, in a folder of its own that is removed by convis_own_discard. content: what the
 * cache knows the file by. */
struct convis_own_build {
    char folder[CONVIS_OWN_PATH], object[CONVIS_OWN_PATH + 80];
};
convis_status convis_own_compile(convis_context *, const char *path, const char *name, const char *content,
                                 struct convis_own_build *);
void          convis_own_discard(struct convis_own_build *);
#endif
