/* deflate.h - bytes made smaller, and as they were again (RFC 1950), by zlib: deflate.c, and without_zlib.c in a build without it. */
#ifndef CONVIS_DEFLATE_H
#define CONVIS_DEFLATE_H
#include <convis/layer.h>

/* *packed: *count bytes, and two more of 0, for convis_release. */
convis_status convis_deflate(convis_context *, const unsigned char *raw, size_t size, unsigned char **packed, size_t *count);
/* EFORMAT, without a sentence, where they are not exactly so many bytes. */
convis_status convis_inflate(convis_context *, const unsigned char *packed, size_t count, unsigned char *raw, size_t size);
#endif
