/* libzip_calls.c - the table of libzip_calls.h. */
#define CONVIS_CALLS_OWN
#include "libzip_calls.h"

#define CONVIS_CALL_VARIABLE(name) CONVIS_VARIABLE(convis_libzip, name),
#define CONVIS_CALL_ENTRY(name) CONVIS_SYMBOL(convis_libzip, name),
CONVIS_CALLS_DEFINE(libzip, CONVIS_LIBZIP_CALLS)
