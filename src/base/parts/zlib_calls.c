/* zlib_calls.c - the table of zlib_calls.h. */
#define CONVIS_CALLS_OWN
#include "zlib_calls.h"

#define CONVIS_CALL_VARIABLE(name) CONVIS_VARIABLE(convis_zlib, name),
#define CONVIS_CALL_ENTRY(name) CONVIS_SYMBOL(convis_zlib, name),
CONVIS_CALLS_DEFINE(zlib, CONVIS_ZLIB_CALLS)
