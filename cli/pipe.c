/* pipe.c - numbers on standard output, at once: the other end may be waiting for them. */
#include "cli.h"
#include <convis/layer.h>
#include <errno.h>
#include <string.h>

convis_status cli_flush(convis_context *c)
{
    if (!fflush(stdout) && !ferror(stdout)) return CONVIS_OK;
    return convis_fail(c, CONVIS_EIO, "standard output: %s", strerror(errno));
}

convis_status cli_print_frames(convis_context *c, convis_tensor m)
{
    const int64_t *n = m.shape.dim, *s = m.stride;
    for (int64_t t = 0; t < n[CONVIS_T]; t++)
        for (int64_t b = 0; b < n[CONVIS_B]; b++)
            for (int64_t k = 0; k < n[CONVIS_C]; k++)
                for (int64_t y = 0; y < n[CONVIS_Y]; y++) {
                    const convis_real *row = m.data + b*s[CONVIS_B] + k*s[CONVIS_C] + t*s[CONVIS_T] + y*s[CONVIS_Y];
                    for (int64_t x = 0; x < n[CONVIS_X]; x++) {
                        float value = (float)row[x*s[CONVIS_X]];
                        fwrite(&value, sizeof value, 1, stdout);
                    }
                }
    return cli_flush(c);
}
