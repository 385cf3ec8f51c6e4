/* npy_out.h - a .npy file of doubles, written without convis. */
#ifndef NPY_OUT_H
#define NPY_OUT_H
#include "harness.h"
#include <stdio.h>
#include <string.h>

static inline void write_npy(const char *name, int dims, const int64_t *dim, const double *data)
{
    char head[128], shape[64] = "";
    int64_t count = 1;
    for (int d = 0; d < dims; d++) {
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%lld,%s", (long long)dim[d], d + 1 < dims ? " " : "");
        count *= dim[d];
    }
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    int n = snprintf(head + 10, sizeof head - 10, "{'descr': '<f8', 'fortran_order': False, 'shape': (%s)}", shape);
    head[10 + n] = ' ';
    head[127] = '\n';
    FILE *f = fopen(name, "wb");
    assert_true(f && fwrite(head, sizeof head, 1, f) == 1 && fwrite(data, sizeof *data, (size_t)count, f) == (size_t)count);
    fclose(f);
}
#endif
