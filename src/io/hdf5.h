/* hdf5.h - for the library's other users of HDF5: one thread at a time in it, and its own printing silenced. */
#ifndef CONVIS_HDF5_H
#define CONVIS_HDF5_H
#include "../context.h"

void convis_hdf5_enter(void);                            /* around every group of H5 calls; does not nest */
void convis_hdf5_leave(void);
/* A new file through hdf5_disk.c's driver (its hid_t, or negative), and the errno of its first write that failed, or 0.
 * HDF5 itself never sees that failure: ask before the file is closed, after a flush. Inside enter and leave. */
int64_t convis_hdf5_create(const char *path);
int     convis_hdf5_error (int64_t file);
/* A text kept in a file, such as "model" of a result. ENAME when there is none. Release with convis_release. */
convis_status convis_hdf5_text(convis_context *, const char *path, const char *dataset, char **text);
/* A positive number that a result .h5 keeps ("dt", "seconds"); 0 when it, or the file, does not. */
double convis_kept(const char *file, const char *name);
#endif
