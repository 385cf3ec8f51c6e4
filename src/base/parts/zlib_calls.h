/* zlib_calls.h - zlib, loaded when it is first needed: after convis_part_need of CONVIS_PART_ZLIB. See calls.h. */
#ifndef CONVIS_ZLIB_CALLS_H
#define CONVIS_ZLIB_CALLS_H
#include "calls.h"
#include <zlib.h>

#define CONVIS_ZLIB_CALLS(X, V) \
    X(compress2) X(compressBound) X(uncompress)
struct convis_zlib { CONVIS_ZLIB_CALLS(CONVIS_CALL_POINTER, CONVIS_CALL_POINTER) };
extern struct convis_zlib convis_zlib;

#ifndef CONVIS_CALLS_OWN
#define compress2 (*convis_zlib.compress2)
#define compressBound (*convis_zlib.compressBound)
#define uncompress (*convis_zlib.uncompress)
#endif
#endif
