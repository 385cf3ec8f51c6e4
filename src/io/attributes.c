/* attributes.c - numbers that a result stores for the whole recording: "dt", "seconds". */
#include "frames.h"
#include "hdf5.h"
#include <convis/io.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

double convis_result_number(const char *file, const char *name)
{
    static const char *const ENDINGS[] = { ".h5", ".hdf5" };
    char path[4096];
    double value = 0;
    snprintf(path, sizeof path, "%s", file);             /* the file alone, without the data set in it */
    for (int k = 0; k < 2; k++) {
        size_t length = strlen(ENDINGS[k]);
        for (char *colon = strchr(path, ':'); colon; colon = strchr(colon + 1, ':'))
            if ((size_t)(colon - path) > length && !strncasecmp(colon - length, ENDINGS[k], length)) { *colon = 0; break; }
    }
    if (!convis_has_extension(path, ".h5") && !convis_has_extension(path, ".hdf5")) return 0;
    value = convis_store_attribute(path, name);
    return isfinite(value) && value > 0 ? value : 0;
}

double convis_spikes_seconds(convis_context *c, const char *file)
{
    CONVIS_NEEDS_ELSE(0, c, file);
    if (!convis_has_extension(file, ".npz")) return convis_result_number(file, "seconds");
    char name[4096];
    convis_array a = { 0 };
    int length = snprintf(name, sizeof name, "%s:seconds", file);
    double value = 0;
    if (length > 0 && (size_t)length < sizeof name && !convis_array_read(c, name, &a) && a.dims < 2 && (!a.dims || a.dim[0] == 1))
        value = a.data[0];
    convis_array_free(&a);
    return isfinite(value) && value > 0 ? value : 0;
}
