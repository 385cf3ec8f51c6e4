/* packed.c - numbers packed as text: little-endian doubles, their bytes shuffled, deflated, in base64. */
#include "deflate.h"
#include "yaml.h"
#include "base/context.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

static const char DIGIT[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void little_endian(double v, unsigned char bytes[8])
{
    uint64_t u;
    memcpy(&u, &v, 8);
    for (int k = 0; k < 8; k++) bytes[k] = (unsigned char)(u >> 8*k);
}

static double from_little_endian(const unsigned char bytes[8])
{
    uint64_t u = 0;
    double v;
    for (int k = 0; k < 8; k++) u |= (uint64_t)bytes[k] << 8*k;
    memcpy(&v, &u, 8);
    return v;
}

/* Bytes of one significance together, as HDF5's shuffle does: neighbours differ little, and then they deflate well. */
static unsigned char *shuffled(convis_context *c, const double *values, int64_t count)
{
    unsigned char *raw = convis_obtain(c, (size_t)count*8 + 1), one[8];
    for (int64_t i = 0; raw && i < count; i++) {
        little_endian(values[i], one);
        for (int k = 0; k < 8; k++) raw[k*count + i] = one[k];
    }
    return raw;
}

convis_status convis_pack(convis_context *c, const double *values, int64_t count, char **text)
{
    unsigned char *raw = shuffled(c, values, count), *packed = NULL;
    size_t size = 0;
    *text = NULL;
    convis_status status = raw ? convis_deflate(c, raw, (size_t)count*8, &packed, &size) : CONVIS_ENOMEM;
    char *to = *text = status ? NULL : convis_obtain(c, (size + 2)/3*4 + 1);
    for (size_t k = 0; to && k < size; k += 3) {
        unsigned three =
            (unsigned)packed[k] << 16 | (k + 1 < size ? (unsigned)packed[k + 1] << 8 : 0) | (k + 2 < size ? packed[k + 2] : 0);
        *to++ = DIGIT[three >> 18];
        *to++ = DIGIT[three >> 12 & 63];
        *to++ = k + 1 < size ? DIGIT[three >> 6 & 63] : '=';
        *to++ = k + 2 < size ? DIGIT[three & 63] : '=';
    }
    convis_release(c, raw);
    convis_release(c, packed);
    return *text || status ? status : CONVIS_ENOMEM;
}

/* Base64, blanks and line ends allowed everywhere. -1: not base64. */
static int64_t unbase64(const char *text, unsigned char *to)
{
    int64_t n = 0;
    unsigned bits = 0, held = 0, padding = 0;
    for (; *text; text++) {
        if (isspace((unsigned char)*text)) continue;
        if (*text == '=') { padding++; continue; }
        const char *digit = strchr(DIGIT, *text);
        if (!digit || padding) return -1;
        bits = bits << 6 | (unsigned)(digit - DIGIT);
        if ((held += 6) >= 8) to[n++] = (unsigned char)(bits >> (held -= 8));
    }
    return padding > 2 ? -1 : n;
}

convis_status convis_unpack(convis_context *c, const char *text, double *values, int64_t count)
{
    unsigned char *packed = convis_obtain(c, strlen(text) + 1), one[8];
    int64_t size = packed ? unbase64(text, packed) : -1;
    convis_status status = packed ? CONVIS_OK : CONVIS_ENOMEM;
    /* Deflate packs at most 1032 to 1: a shape that claims more would only ask for memory. */
    if (!status && (size < 0 || (double)size*1032 + 64 < (double)count*8))
        status = convis_fail(c, CONVIS_EFORMAT, "packed numbers: expected base64 of %lld numbers", (long long)count);
    unsigned char *raw = status ? NULL : convis_obtain(c, (size_t)count*8 + 1);
    if (!status && !raw) status = CONVIS_ENOMEM;
    if (!status) status = convis_inflate(c, packed, (size_t)size, raw, (size_t)count*8);
    if (status == CONVIS_EFORMAT && raw)
        convis_fail(c, status, "packed numbers: damaged, expected %lld of them", (long long)count);
    for (int64_t i = 0; i < count && !status; i++) {
        for (int k = 0; k < 8; k++) one[k] = raw[k*count + i];
        values[i] = from_little_endian(one);
        if (!isfinite(values[i])) status = convis_fail(c, CONVIS_EFORMAT, "packed numbers: one is not finite");
    }
    convis_release(c, packed);
    convis_release(c, raw);
    return status;
}
