/* atomic_file.h - files: opened to be read; written beside their place and renamed when complete, alone or by several writers. */
#ifndef CONVIS_ATOMIC_FILE_H
#define CONVIS_ATOMIC_FILE_H
#include "context.h"
#include <stdio.h>

/* A temporary file in the same folder, renamed by commit; every writer uses it. */
typedef struct convis_atomic_file { convis_context *context; char *path, *temporary; } convis_atomic_file;
convis_status convis_atomic_file_open  (convis_context *, const char *path, convis_atomic_file *);   /* picks the temporary name */
convis_status convis_atomic_file_commit(convis_atomic_file *);      /* fsync is the caller's; renames, frees */
void          convis_atomic_file_abandon(convis_atomic_file *);     /* removes, frees */

/* A new folder for files of this process alone, in $TMPDIR, or where systems have such: "/tmp/convis-KIND-x7Qa2c". It is the caller's, who
 * removes it. EIO: path is "". */
convis_status convis_private_folder(convis_context *, const char *kind, char *path, size_t size);

/* Open a regular file (or a pipe) to read. `expected` is what it should be ("a .npy array"); empty: may it be empty?
 * size: -1 for a pipe. */
convis_status convis_file_open(convis_context *, const char *path, const char *expected, int empty, FILE **, int64_t *size);

/* An atomic file written through stdio. The first failure stays: later writes do nothing, finish removes the file. */
typedef struct convis_out {
    convis_atomic_file  atomic;
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
    convis_atomic_file    atomic;
    void           *content;
    int             users, spoiled;  /* spoiled: one of the writers failed or was told not to keep */
    convis_shared  *next;
};
convis_status convis_shared_join (convis_context *, const char *path, convis_shared **);
int           convis_shared_leave(convis_shared *, int keep);    /* 1: that was the last: complete it, then ... */
convis_status convis_shared_end  (convis_shared *);              /* ... rename into place, or remove when spoiled; frees */
#endif
