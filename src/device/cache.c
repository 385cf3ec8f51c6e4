/* cache.c - what the devices' compilers made, on disk, found again by everything that it depends on.
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

/* The folder, which is made when it is missing; 0: there is none. */
static int folder(char *path, size_t size)
{
    const char *own = getenv("CONVIS_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = own ? snprintf(path, size, "%s", own)
          : xdg && *xdg == '/' ? snprintf(path, size, "%s/convis", xdg)
          : home && *home == '/' ? snprintf(path, size, "%s/.cache/convis", home) : 0;
    if (n <= 0 || (size_t)n >= size) return 0;
    for (char *at = path + 1; *at; at++) {
        if (*at != '/') continue;
        *at = 0;
        int failed = mkdir(path, 0777) && errno != EEXIST;
        *at = '/';
        if (failed) return 0;
    }
    return !mkdir(path, 0777) || errno == EEXIST;
}

static int file_of(const char *key, char *path, size_t size)
{
    char in[768];
    size_t n = strlen(key);
    return folder(in, sizeof in)
        && (size_t)snprintf(path, size, "%s/%016" PRIx64 "%016" PRIx64, in, hash(key, n, 14695981039346656037u), hash(key, n, 7)) < size;
}

void *convis_cache_read(convis_context *c, const char *key, size_t *size)
{
    char path[1024];
    head h;
    *size = 0;
    FILE *f = file_of(key, path, sizeof path) ? fopen(path, "rb") : NULL;
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

/* Beside its place first, so that nobody ever reads half of it. */
void convis_cache_write(convis_context *c, const char *key, const void *data, size_t size)
{
    char path[1024], temporary[1056];
    head h = { .key_size = strlen(key), .size = size, .sum = hash(data, size, 1) };
    (void)c;
    if (!size || size > LARGEST || !file_of(key, path, sizeof path)) return;
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
    FILE *f = fopen(temporary, "wb");
    if (!f) return;
    int good = fwrite(&h, sizeof h, 1, f) == 1 && fwrite(key, h.key_size, 1, f) == 1 && fwrite(data, size, 1, f) == 1;
    if (fclose(f)) good = 0;
    if (!good || rename(temporary, path)) unlink(temporary);
}
