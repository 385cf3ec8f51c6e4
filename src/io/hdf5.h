/* hdf5.h - for the library's other users of HDF5: one thread at a time in it, and its own printing silenced. */
#ifndef CONVIS_HDF5_H
#define CONVIS_HDF5_H
#include "base/context.h"

void convis_hdf5_enter(void);                            /* around every group of H5 calls; does not nest */
void convis_hdf5_leave(void);
/* The first group for a file: loads HDF5, and enters; or ENOTSUP where there is none (`cannot`: "cannot be read"). */
convis_status convis_hdf5_begin(convis_context *, const char *path, const char *cannot);
/* A new file through hdf5_disk.c's driver (its hid_t, or negative), and the errno of its first write that failed, or 0.
 * HDF5 itself never sees that failure: ask before the file is closed, after a flush. Inside enter and leave. */
int64_t convis_hdf5_create(const char *path);
int     convis_hdf5_error (int64_t file);
/* A text stored in a file, such as "model" of a result. ENAME when there is none. Release with convis_release. */
convis_status convis_hdf5_text(convis_context *, const char *path, const char *dataset, char **text);
/* Inside enter and leave: a file to read (its hid_t), or a sentence; a sentence with the cause of the failure in it. */
convis_status convis_hdf5_open(convis_context *, const char *path, int64_t *file);
convis_status convis_hdf5_fail(convis_context *, convis_status, const char *name, const char *what);

/* ---- hdf5_store.c: texts, numbers and bytes by name ("arrays/filter.weights"), in an atomic file ---- */

typedef struct convis_store convis_store;
convis_status convis_store_open (convis_context *, const char *path, convis_store **);
/* The first failure sticks, and close returns it. */
void          convis_store_text   (convis_store *, const char *name, const char *text);
void          convis_store_numbers(convis_store *, const char *name, int dims, const int64_t *dim, const double *values);
void          convis_store_bytes  (convis_store *, const char *name, const void *bytes, size_t size);
void          convis_store_note   (convis_store *, const char *name, const char *text);  /* this and the next: attributes */
void          convis_store_whole  (convis_store *, const char *name, uint64_t value);
void          convis_store_number (convis_store *, const char *name, double value);
convis_status convis_store_close(convis_store **, int keep);
/* The index-th name in a group, shorter than size, 0 past the last; ENAME where there is no such group. */
convis_status convis_store_list (convis_context *, const char *path, const char *group, int64_t index, char *name, size_t size);
/* Bytes, at most `room`; count: how many there are. ENAME when there are none of that name. */
convis_status convis_store_read_bytes(convis_context *, const char *path, const char *name, void *bytes, size_t room,
                                      size_t *count);
convis_status convis_store_read_whole(convis_context *, const char *path, const char *name, uint64_t *value);
/* A number stored in a file as an attribute; 0 when that, or the file, is missing. */
double convis_store_attribute(const char *path, const char *name);
/* A positive number stored in a result .h5 ("dt", "seconds"); 0 when that, or the file, is missing. */
double convis_result_number(const char *file, const char *name);
#endif
