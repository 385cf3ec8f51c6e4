/* cache.c - compiled kernels on disk, found by everything that they depend on.
 *
 * In $CONVIS_CACHE (empty: nowhere), else convis/ of $XDG_CACHE_HOME or of ~/.cache. A file holds a line that says what it is, the
 * sizes, the whole key and the data; a file that was damaged or is of another key is not used, and written anew. */
#include "device.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MAGIC[16] = "convis-binary-1";
typedef struct head { char magic[16]; uint64_t key_size, size, sum; } head;
enum { LARGEST = 1 << 28 };

/* FNV-1a, twice over for file names. */
static uint64_t hash(const void *data, size_t size, uint64_t h)
{
    for (const unsigned char *at = data; size--; at++) h = (h ^ *at)*1099511628211u;
    return h ^ h >> 29;
}

/* The folder, with `more` bytes of room behind it; NULL: there is none. */
static char *folder(convis_context *c, size_t more)
{
    const char *own = getenv("CONVIS_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const char *in = own ? own : xdg && *xdg == '/' ? xdg : home && *home == '/' ? home : "";
    const char *part = own ? "" : in == xdg ? "/convis" : "/.cache/convis";
    const size_t size = strlen(in) + strlen(part) + more + 1;
    char *path = *in ? convis_obtain(c, size) : NULL;
    if (path) snprintf(path, size, "%s%s", in, part);
    return path;
}

/* Makes it when it is missing. */
static int make_folder(char *path)
{
    for (char *at = path + 1; *at; at++) {
        if (*at != '/') continue;
        *at = 0;
        int failed = mkdir(path, 0777) && errno != EEXIST;
        *at = '/';
        if (failed) return 0;
    }
    return !mkdir(path, 0777) || errno == EEXIST;
}

/* Its path, with `more` bytes of room behind it, to be released; NULL: there is no place for it. */
static char *file_of(convis_context *c, const char *key, size_t more)
{
    enum { NAME = 1 + 16 + 16 };
    const size_t n = strlen(key);
    char *path = folder(c, NAME + more);
    if (path && !make_folder(path)) {
        convis_release(c, path);
        path = NULL;
    }
    if (path) sprintf(path + strlen(path), "/%016" PRIx64 "%016" PRIx64, hash(key, n, 14695981039346656037u), hash(key, n, 7));
    return path;
}

void *convis_cache_read(convis_context *c, const char *key, size_t *size)
{
    head h;
    *size = 0;
    char *path = file_of(c, key, 0);
    FILE *f = path ? fopen(path, "rb") : NULL;
    convis_release(c, path);
    if (!f) return NULL;
    const size_t n = strlen(key);
    char *data = NULL;
    if (fread(&h, sizeof h, 1, f) == 1 && !memcmp(h.magic, MAGIC, sizeof MAGIC) && h.key_size == n && h.size && h.size <= LARGEST)
        data = convis_obtain(c, n + h.size);
    const int good = data && fread(data, n + h.size, 1, f) == 1 && fgetc(f) == EOF && !memcmp(data, key, n)
                  && hash(data + n, h.size, 1) == h.sum;
    fclose(f);
    if (!good) {
        convis_release(c, data);
        return NULL;
    }
    *size = h.size;
    return memmove(data, data + n, h.size);
}

static int write_file(const char *path, const head *h, const char *key, const void *data)
{
    FILE *f = fopen(path, "wb");
    if (!f) return 0;
    const int good = fwrite(h, sizeof *h, 1, f) == 1 && fwrite(key, h->key_size, 1, f) == 1 && fwrite(data, h->size, 1, f) == 1;
    return !fclose(f) && good;
}

/* To a temporary file first, so that no other process reads half of it. */
void convis_cache_write(convis_context *c, const char *key, const void *data, size_t size)
{
    enum { NUMBER = 32 };
    head h = { .key_size = strlen(key), .size = size, .sum = hash(data, size, 1) };
    char *path = size && size <= LARGEST ? file_of(c, key, 0) : NULL, *temporary = path ? file_of(c, key, NUMBER) : NULL;
    if (temporary) {
        memcpy(h.magic, MAGIC, sizeof MAGIC);
        snprintf(temporary + strlen(temporary), NUMBER, ".%ld", (long)getpid());
        if (!write_file(temporary, &h, key, data) || rename(temporary, path)) unlink(temporary);
    }
    convis_release(c, path);
    convis_release(c, temporary);
}
