/* calls.h - how the functions of an optional library are called: through a table of pointers that is filled when the part is first
 * needed (convis_part_need), under the names that they have.
 *
 * PART_calls.h lists them once for the table, functions by X and variables by V, and once as macros. What is only in one of the lists fails to compile or to link. PART_calls.c
 * is compiled twice: into the library, and linked against the part, which tells whether all are there and in which
 * files (tools/libraries.sh). */
#ifndef CONVIS_CALLS_H
#define CONVIS_CALLS_H
#include "base/library.h"

typedef struct convis_calls { const char *const *libraries; const convis_symbol *symbols; } convis_calls;
extern const convis_calls convis_ffmpeg_calls, convis_hdf5_calls, convis_libxml2_calls, convis_libzip_calls, convis_zlib_calls,
    convis_nlopt_calls, convis_gnuplot_calls;

#define CONVIS_CALL_POINTER(name) __typeof__(name) *name;

/* The table of PART_calls.h. */
#ifdef CONVIS_CALLS_TRIAL
#define CONVIS_CALL_ADDRESS(name) (const void *)&name,
#define CONVIS_CALLS_DEFINE(part, LIST)                                                                          \
    extern const void *const convis_trial[];                                                                     \
    __attribute__((visibility("default"))) const void *const convis_trial[] = { LIST(CONVIS_CALL_ADDRESS, CONVIS_CALL_ADDRESS) };
#else
#define CONVIS_CALLS_DEFINE(part, LIST)                                                                          \
    struct convis_##part convis_##part;                                                                          \
    static const convis_symbol symbols[] = { LIST(CONVIS_CALL_ENTRY, CONVIS_CALL_VARIABLE) { .name = NULL } };                           \
    extern const char *const convis_##part##_libraries[];                                                        \
    const convis_calls convis_##part##_calls = { convis_##part##_libraries, symbols };
#endif
#endif
