/* hdf5_store.c - texts, numbers and bytes by name in an HDF5 file, the format of saved models. */
#include "hdf5.h"
#include "base/parts.h"
#include "base/parts/hdf5_calls.h"
#include "format.h"
#include <string.h>

struct convis_store {
    convis_context *context;
    convis_atomic_file    atomic;
    hid_t           file;
    convis_status   status;
};

/* After HDF5 calls: were they good, and has the disk taken everything? Inside enter and leave. */
static void judge(convis_store *s, int good)
{
    int error = s->file < 0 ? 0 : convis_hdf5_error(s->file);
    if (s->status) return;
    if (error) s->status = convis_fail(s->context, CONVIS_EIO, "%s: %s", s->atomic.path, strerror(error));
    else if (!good) s->status = convis_hdf5_fail(s->context, CONVIS_EIO, s->atomic.path, "writing");
}

/* ---- Out ---- */

convis_status convis_store_open(convis_context *c, const char *path, convis_store **store)
{
    *store = NULL;
    convis_status status = convis_part_need(c, CONVIS_PART_HDF5, path, "cannot be written");
    if (status) return status;
    convis_store *s = *store = convis_obtain(c, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    s->context = c;
    status = convis_atomic_file_open(c, path, &s->atomic);
    if (!status) {
        convis_hdf5_enter();
        s->file = convis_hdf5_create(s->atomic.temporary);
        if (s->file < 0) status = convis_hdf5_fail(c, CONVIS_EIO, path, "creating");
        convis_hdf5_leave();
        if (status) convis_atomic_file_abandon(&s->atomic);
    }
    if (status) { convis_release(c, s); *store = NULL; }
    return status;
}

/* A data set of this type and space, both of which it closes. */
static void write_set(convis_store *s, const char *name, hid_t type, hid_t space, const void *data, int packed)
{
    hid_t link = H5Pcreate(H5P_LINK_CREATE), make = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t dim[H5S_MAX_RANK];
    H5Pset_create_intermediate_group(link, 1);
    if (packed && H5Sget_simple_extent_dims(space, dim, NULL) > 0) {
        H5Pset_chunk(make, H5Sget_simple_extent_ndims(space), dim);
        H5Pset_shuffle(make);
        H5Pset_deflate(make, 1);
    }
    hid_t set = H5Dcreate2(s->file, name, type, space, link, make, H5P_DEFAULT);
    int good = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
    if (set >= 0) good = H5Dclose(set) >= 0 && good;
    H5Pclose(make);
    H5Pclose(link);
    H5Sclose(space);
    H5Tclose(type);
    judge(s, good);
}

void convis_store_text(convis_store *s, const char *name, const char *text)
{
    if (s->status) return;
    convis_hdf5_enter();
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    write_set(s, name, type, H5Screate(H5S_SCALAR), &text, 0);
    convis_hdf5_leave();
}

void convis_store_numbers(convis_store *s, const char *name, int dims, const int64_t *dim, const double *values)
{
    hsize_t size[H5S_MAX_RANK], count = 1;
    if (s->status) return;
    convis_hdf5_enter();
    for (int k = 0; k < dims; k++) count *= size[k] = (hsize_t)dim[k];
    write_set(s, name, H5Tcopy(H5T_NATIVE_DOUBLE), H5Screate_simple(dims, size, NULL), values, count >= 64 && count < 1 << 24);
    convis_hdf5_leave();
}

void convis_store_bytes(convis_store *s, const char *name, const void *bytes, size_t size)
{
    const hsize_t count = size;
    if (s->status) return;
    convis_hdf5_enter();
    write_set(s, name, H5Tcopy(H5T_NATIVE_UCHAR), H5Screate_simple(1, &count, NULL), bytes, 0);
    convis_hdf5_leave();
}

static void attribute(convis_store *s, const char *name, hid_t type, const void *value)
{
    if (s->status) return;
    hid_t space = H5Screate(H5S_SCALAR), a = H5Acreate2(s->file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    int good = a >= 0 && H5Awrite(a, type, value) >= 0;
    if (a >= 0) H5Aclose(a);
    H5Sclose(space);
    judge(s, good);
}

void convis_store_note(convis_store *s, const char *name, const char *text)
{
    convis_hdf5_enter();
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    attribute(s, name, type, &text);
    H5Tclose(type);
    convis_hdf5_leave();
}

void convis_store_whole(convis_store *s, const char *name, uint64_t value)
{
    convis_hdf5_enter();
    attribute(s, name, H5T_NATIVE_UINT64, &value);
    convis_hdf5_leave();
}

void convis_store_number(convis_store *s, const char *name, double value)
{
    convis_hdf5_enter();
    attribute(s, name, H5T_NATIVE_DOUBLE, &value);
    convis_hdf5_leave();
}

convis_status convis_store_close(convis_store **store, int keep)
{
    convis_store *s = *store;
    *store = NULL;
    if (!s) return CONVIS_OK;
    convis_hdf5_enter();
    judge(s, !keep || s->status || H5Fflush(s->file, H5F_SCOPE_GLOBAL) >= 0);
    int closed = H5Fclose(s->file) >= 0;
    s->file = -1;
    if (keep) judge(s, closed);
    convis_hdf5_leave();
    convis_status status = s->status;
    if (keep && !status) status = convis_atomic_file_commit(&s->atomic);
    else convis_atomic_file_abandon(&s->atomic);
    convis_release(s->context, s);
    return keep ? status : CONVIS_OK;
}

/* ---- In ---- */

convis_status convis_store_list(convis_context *c, const char *path, const char *group, int64_t index, char *name, size_t size)
{
    int64_t file = -1;
    *name = 0;
    convis_status status = convis_hdf5_begin(c, path, "cannot be read");
    if (status) return status;
    status = convis_hdf5_open(c, path, &file);
    H5G_info_t info;
    hid_t g = status || H5Lexists(file, group, H5P_DEFAULT) <= 0 ? -1 : H5Gopen2(file, group, H5P_DEFAULT);
    if (!status && g < 0) status = convis_fail(c, CONVIS_ENAME, "%s: no group '%s'", path, group);
    if (!status && H5Gget_info(g, &info) < 0) status = convis_hdf5_fail(c, CONVIS_EFORMAT, path, "reading");
    if (!status && (hsize_t)index < info.nlinks
        && H5Lget_name_by_idx(g, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)index, name, size, H5P_DEFAULT) >= (ssize_t)size)
        status = convis_fail(c, CONVIS_EFORMAT, "%s: a name of more than %zu letters in '%s'", path, size - 1, group);
    if (g >= 0) H5Gclose(g);
    if (file >= 0) H5Fclose(file);
    convis_hdf5_leave();
    return status;
}

convis_status convis_store_read_bytes(convis_context *c, const char *path, const char *name, void *bytes, size_t room,
                                      size_t *count)
{
    int64_t file = -1;
    *count = 0;
    convis_status status = convis_hdf5_begin(c, path, "cannot be read");
    if (status) return status;
    status = convis_hdf5_open(c, path, &file);
    hid_t set = status ? -1 : H5Dopen2(file, name, H5P_DEFAULT), type = set < 0 ? -1 : H5Dget_type(set),
        space = set < 0 ? -1 : H5Dget_space(set);
    hssize_t has = space < 0 ? 0 : H5Sget_simple_extent_npoints(space);
    if (!status && set < 0) status = convis_fail(c, CONVIS_ENAME, "%s: no '%s'", path, name);
    if (!status && (H5Tget_class(type) != H5T_INTEGER || H5Tget_size(type) != 1 || has < 0))
        status = convis_fail(c, CONVIS_EFORMAT, "%s:%s: expected bytes", path, name);
    if (!status) *count = (size_t)has;
    if (!status && has && (size_t)has <= room && H5Dread(set, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0)
        status = convis_hdf5_fail(c, CONVIS_EFORMAT, path, "reading");
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    if (set >= 0) H5Dclose(set);
    if (file >= 0) H5Fclose(file);
    convis_hdf5_leave();
    return status;
}

convis_status convis_store_read_whole(convis_context *c, const char *path, const char *name, uint64_t *value)
{
    int64_t file = -1;
    convis_status status = convis_hdf5_begin(c, path, "cannot be read");
    if (status) return status;
    status = convis_hdf5_open(c, path, &file);
    hid_t a = status || H5Aexists(file, name) <= 0 ? -1 : H5Aopen(file, name, H5P_DEFAULT);
    if (!status && (a < 0 || H5Aread(a, H5T_NATIVE_UINT64, value) < 0))
        status = convis_fail(c, CONVIS_ENAME, "%s: it has no number '%s'", path, name);
    if (a >= 0) H5Aclose(a);
    if (file >= 0) H5Fclose(file);
    convis_hdf5_leave();
    return status;
}

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

double convis_store_attribute(const char *path, const char *name)
{
    if (!convis_part_ready(CONVIS_PART_HDF5)) return 0;
    convis_hdf5_enter();
    double value = read_attribute(path, name);
    convis_hdf5_leave();
    return value;
}
