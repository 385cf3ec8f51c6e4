/* fuzz_file.h - the bytes of a fuzzer as a file with a name that ends as the reader wants it. */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H
#include <convis/io.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static convis_context *fuzz_context(void)
{
    static convis_context *c;
    if (!c && convis_open(&c, "cpu")) abort();
    return c;
}

/* Writes the bytes to /tmp/convis-fuzz-PID.EXTENSION and returns that name. */
static const char *fuzz_file(const uint8_t *data, size_t size, const char *extension)
{
    static char name[64];
    snprintf(name, sizeof name, "/tmp/convis-fuzz-%ld%s", (long)getpid(), extension);
    FILE *f = fopen(name, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
    return name;
}
#endif
