/* shorten.c - texts of any length in places of a given one: what does not fit ends in "...". */
#include "text.h"
#include <stdio.h>
#include <string.h>

const char *convis_quoted(char buffer[64], const char *text)
{
    size_t n = 0;
    for (; text[n] && n < 56; n++) buffer[n] = (unsigned char)text[n] < ' ' || text[n] == 127 ? '?' : text[n];
    if (text[n]) {
        while (n && ((unsigned char)text[n] & 0xC0) == 0x80) n--;      /* not in the middle of a letter */
        memcpy(buffer + n, "...", 3);
        n += 3;
    }
    buffer[n] = 0;
    return buffer;
}

int convis_vshorten(char *to, size_t size, const char *format, va_list ap)
{
    const int length = vsnprintf(to, size, format, ap);
    if (length < 0 && size) *to = 0;
    if (length < 0 || (size_t)length < size) return length >= 0;
    size_t n = size > 4 ? size - 4 : 0;
    while (n && ((unsigned char)to[n] & 0xC0) == 0x80) n--;            /* not in the middle of a letter */
    if (size > 4) memcpy(to + n, "...", 4);
    return 0;
}

int convis_shorten(char *to, size_t size, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const int whole = convis_vshorten(to, size, format, ap);
    va_end(ap);
    return whole;
}
