/* hdf5_disk.c - a file driver that keeps HDF5 from seeing a full disk.
 *
 * When a write fails while HDF5 closes a file, it cannot let go of it, and crashes when the program exits (seen with 1.10.8).
 * So here a write that fails succeeds: its bytes stay in memory, where later reads find them; the error is remembered
 * for the writer, which asks after every operation, gives up, and closes. Little is written in between. */
#include "hdf5.h"
#include "base/parts/hdf5_calls.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef struct block { struct block *next; haddr_t at; size_t size; char data[]; } block;

typedef struct disk {
    H5FD_t  base;
    int     file, error;                                 /* error: errno of the first failure */
    haddr_t eoa, eof;                                    /* HDF5's words: end of what it has allocated; of what is there */
    block  *failed, **last;                              /* writes that failed, oldest first */
} disk;

static H5FD_t *disk_open(const char *name, unsigned flags, hid_t access, haddr_t most)
{
    (void)flags; (void)access; (void)most;
    disk *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->last = &d->failed;
    d->file = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (d->file >= 0) return &d->base;
    free(d);
    return NULL;
}

static herr_t disk_close(H5FD_t *f)
{
    disk *d = (disk *)f;
    close(d->file);
    for (block *b = d->failed, *next; b; b = next) { next = b->next; free(b); }
    free(d);
    return 0;
}

static herr_t disk_query(const H5FD_t *f, unsigned long *flags)
{
    (void)f;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t disk_get_eoa(const H5FD_t *f, H5FD_mem_t type) { (void)type; return ((const disk *)f)->eoa; }
static haddr_t disk_get_eof(const H5FD_t *f, H5FD_mem_t type) { (void)type; return ((const disk *)f)->eof; }
static herr_t  disk_set_eoa(H5FD_t *f, H5FD_mem_t type, haddr_t at) { (void)type; ((disk *)f)->eoa = at; return 0; }
static herr_t  disk_handle(H5FD_t *f, hid_t access, void **handle) { (void)access; *handle = &((disk *)f)->error; return 0; }

static void failed(disk *d) { if (!d->error) d->error = errno ? errno : EIO; }

static herr_t disk_read(H5FD_t *f, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t size, void *to)
{
    disk *d = (disk *)f;
    size_t done = 0;
    (void)type; (void)transfer;
    memset(to, 0, size);                                 /* what was never written reads as 0 */
    while (done < size) {
        ssize_t some = pread(d->file, (char *)to + done, size - done, (off_t)(at + done));
        if (some < 0 && errno == EINTR) continue;
        if (some < 0) failed(d);
        if (some <= 0) break;
        done += (size_t)some;
    }
    for (block *b = d->failed; b; b = b->next) {
        haddr_t from = at > b->at ? at : b->at, end = at + size < b->at + b->size ? at + size : b->at + b->size;
        if (from < end) memcpy((char *)to + (from - at), b->data + (from - b->at), (size_t)(end - from));
    }
    return 0;
}

static herr_t disk_write(H5FD_t *f, H5FD_mem_t type, hid_t transfer, haddr_t at, size_t size, const void *data)
{
    disk *d = (disk *)f;
    size_t done = 0;
    (void)type; (void)transfer;
    while (done < size && !d->error) {
        ssize_t some = pwrite(d->file, (const char *)data + done, size - done, (off_t)(at + done));
        if (some < 0 && errno == EINTR) continue;
        if (some <= 0) failed(d);
        else done += (size_t)some;
    }
    block *b = done < size ? malloc(sizeof *b + size) : NULL;
    if (b) {
        *b = (block){ NULL, at, size };
        memcpy(b->data, data, size);
        *d->last = b;
        d->last = &b->next;
    }
    if (at + size > d->eof) d->eof = at + size;
    return 0;
}

static herr_t disk_truncate(H5FD_t *f, hid_t transfer, hbool_t closing)
{
    disk *d = (disk *)f;
    (void)transfer; (void)closing;
    if (d->eoa == d->eof) return 0;
    if (!d->error && ftruncate(d->file, (off_t)d->eoa)) failed(d);
    d->eof = d->eoa;
    return 0;
}

static const H5FD_class_t DISK = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION, .value = (H5FD_class_value_t)600,
#endif
    .name = "convis", .maxaddr = INT64_MAX, .fc_degree = H5F_CLOSE_STRONG, .open = disk_open, .close = disk_close, .query = disk_query,
    .get_eoa = disk_get_eoa, .set_eoa = disk_set_eoa, .get_eof = disk_get_eof, .get_handle = disk_handle, .read = disk_read,
    .write = disk_write, .truncate = disk_truncate, .fl_map = H5FD_FLMAP_DICHOTOMY
};

int64_t convis_hdf5_create(const char *path)
{
    static hid_t driver = -1;
    if (H5Iget_type(driver) != H5I_VFL) driver = H5FDregister(&DISK);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = -1;
    if (H5Pset_driver(access, driver, NULL) >= 0) file = H5Fcreate(path, H5F_ACC_EXCL, H5P_DEFAULT, access);
    H5Pclose(access);
    return file;
}

int convis_hdf5_error(int64_t file)
{
    void *error = NULL;
    return H5Fget_vfd_handle(file, H5P_DEFAULT, &error) < 0 || !error ? EIO : *(int *)error;
}
