/* library.h - shared libraries that are loaded while the program runs: the optional parts (parts.h) and the drivers of devices. */
#ifndef CONVIS_LIBRARY_H
#define CONVIS_LIBRARY_H
#include <stddef.h>

/* A function of a library, or a variable, and the pointer that gets its address. */
typedef struct convis_symbol { const char *name; void *at; int variable; } convis_symbol;
#define CONVIS_SYMBOL(table, symbol) { #symbol, &(table).symbol, 0 }
#define CONVIS_VARIABLE(table, symbol) { #symbol, &(table).symbol, 1 }

/* By name, as the linker searches it, or by path. NULL: it cannot be loaded, dlerror() says why. */
void *convis_library_open(const char *file);
void  convis_library_close(void *library);
/* All symbols, up to one without a name, in these libraries and in those that they need. Those found are set; the first that is in
 * none of them is returned, or NULL. */
const char *convis_library_find(void *const *libraries, int count, const convis_symbol *symbols);
#endif
