/* libxml2_calls.c - the table of libxml2_calls.h. */
#define CONVIS_CALLS_OWN
#include "libxml2_calls.h"

#define CONVIS_CALL_VARIABLE(name) CONVIS_VARIABLE(convis_libxml2, name),
#define CONVIS_CALL_ENTRY(name) CONVIS_SYMBOL(convis_libxml2, name),
CONVIS_CALLS_DEFINE(libxml2, CONVIS_LIBXML2_CALLS)
