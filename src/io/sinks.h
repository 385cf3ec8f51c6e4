/* sinks.h - what the writers share: files written aside, files with several writers, planes of a map; and the list of
 * spike writers. */
#ifndef CONVIS_SINKS_H
#define CONVIS_SINKS_H
#include "format.h"
#include <stdio.h>

/* Open a regular file (or a pipe) to read. `expected` is what it should be ("a .npy array"); empty: may it be empty?
 * size: -1 for a pipe. */
convis_status convis_file_open(convis_context *, const char *path, const char *expected, int empty, FILE **, int64_t *size);

/* A file written aside through stdio. The first failure sticks: later writes do nothing, finish removes the file. */
typedef struct convis_out {
    convis_aside  aside;
    FILE         *file;
    convis_status status;
} convis_out;
convis_status convis_out_open  (convis_context *, const char *path, int seek, convis_out *);  /* seek: a pipe will not do */
convis_status convis_out_spill (convis_context *, const char *path, convis_out *);            /* nameless, beside path, read and write */
convis_status convis_out_write (convis_out *, const void *data, size_t bytes);
convis_status convis_out_check (convis_out *, int good);         /* after stdio calls of one's own: note that they failed */
convis_status convis_out_finish(convis_out *, int keep);         /* to disk and into place; or remove */

/* A file that several writers of one context fill (.h5, .npz). The first to join finds content NULL, and sets it. */
typedef struct convis_shared convis_shared;
struct convis_shared {
    convis_context *context;
    convis_aside    aside;
    void           *content;
    int             users, spoiled;  /* spoiled: one of the writers failed or was told not to keep */
    convis_shared  *next;
};
convis_status convis_shared_join (convis_context *, const char *path, convis_shared **);
int           convis_shared_leave(convis_shared *, int keep);    /* 1: that was the last: complete it, then ... */
convis_status convis_shared_end  (convis_shared *);              /* ... rename into place, or remove when spoiled; frees */

/* One (Y, X) plane of a tensor as contiguous float32. */
void convis_plane(convis_tensor, int64_t b, int64_t c, int64_t t, float *to);
/* For formats that hold one channel: the sentence when there are more. */
convis_status convis_one_channel(convis_context *, const char *path, convis_shape frame);

/* Spikes out; arguments as convis_spike_writer_open. */
typedef convis_status convis_spike_opener(convis_context *, const char *file, const convis_unit *, int64_t units,
                                          const convis_provenance *, convis_spike_writer **);
convis_spike_opener convis_spk_spikes, convis_csv_spikes, convis_npy_spikes, convis_npz_spikes, convis_hdf5_spikes;
#endif
