/* deflate.c - deflate.h by zlib. */
#include "deflate.h"
#include "base/parts.h"
#include "base/parts/zlib_calls.h"
#include <string.h>

convis_status convis_deflate(convis_context *c, const unsigned char *raw, size_t size, unsigned char **packed, size_t *count)
{
    *packed = NULL;
    convis_status status = convis_part_need(c, CONVIS_PART_ZLIB, "packed numbers", "cannot be written");
    if (status) return status;
    uLongf most = compressBound((uLong)size);
    unsigned char *to = *packed = convis_obtain(c, most + 2);
    if (!to) return CONVIS_ENOMEM;
    if (compress2(to, &most, raw, (uLong)size, 9) != Z_OK) {
        convis_release(c, to);
        *packed = NULL;
        return convis_fail(c, CONVIS_ENOMEM, "out of memory");
    }
    memset(to + most, 0, 2);
    *count = most;
    return CONVIS_OK;
}

convis_status convis_inflate(convis_context *c, const unsigned char *packed, size_t count, unsigned char *raw, size_t size)
{
    uLongf got = (uLongf)size;
    convis_status status = convis_part_need(c, CONVIS_PART_ZLIB, "packed numbers", "cannot be read");
    if (status) return status;
    return uncompress(raw, &got, packed, (uLong)count) == Z_OK && got == size ? CONVIS_OK : CONVIS_EFORMAT;
}
