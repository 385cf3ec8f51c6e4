/* without_zlib.c - in a build without zlib: what deflate.c answers there. Nothing is still packed as nothing. */
#include "deflate.h"
#include "base/parts.h"
#include <string.h>

convis_status convis_deflate(convis_context *c, const unsigned char *raw, size_t size, unsigned char **packed, size_t *count)
{
    static const unsigned char NOTHING[10] = { 0x78, 0xda, 3, 0, 0, 0, 0, 1 };           /* two more of 0 */
    (void)raw;
    *packed = NULL;
    if (size) return convis_part_need(c, CONVIS_PART_ZLIB, "packed numbers", "cannot be written");
    if (!(*packed = convis_obtain(c, sizeof NOTHING))) return CONVIS_ENOMEM;
    memcpy(*packed, NOTHING, sizeof NOTHING);
    *count = sizeof NOTHING - 2;
    return CONVIS_OK;
}

convis_status convis_inflate(convis_context *c, const unsigned char *packed, size_t count, unsigned char *raw, size_t size)
{
    (void)packed; (void)count; (void)raw;
    return size ? convis_part_need(c, CONVIS_PART_ZLIB, "packed numbers", "cannot be read") : CONVIS_OK;
}
