/* attributes.c - numbers that a result stores for the whole recording: "dt", "seconds". */
#include "frames.h"
#include "hdf5.h"
#include <convis/io.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static double read_attribute(const char *path, const char *name)
{
    double value = 0;
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) return 0;
    if (H5Aexists(file, name) > 0) {
        hid_t a = H5Aopen(file, name, H5P_DEFAULT), space = a >= 0 ? H5Aget_space(a) : -1;
        /* One number, or we would write past it. */
        if (space < 0 || H5Sget_simple_extent_npoints(space) != 1 || H5Aread(a, H5T_NATIVE_DOUBLE, &value) < 0) value = 0;
        if (space >= 0) H5Sclose(space);
        if (a >= 0) H5Aclose(a);
    }
    H5Fclose(file);
    return value;
}

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
    convis_hdf5_enter();
    value = read_attribute(path, name);
    convis_hdf5_leave();
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
