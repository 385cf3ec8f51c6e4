/* array.c - open arrays of any format as movies or whole; plain files as bytes. */
#include "frames.h"
#include "npy.h"
#include "base/text.h"
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BATCH = 1 << 20 };                                /* bytes on their way */

/* ---- A file as bytes ---- */

typedef struct file_bytes { convis_bytes base; FILE *file; } file_bytes;

static int64_t file_read(convis_bytes *b, void *to, int64_t bytes)
{
    file_bytes *f = (file_bytes *)b;
    int64_t got = (int64_t)fread(to, 1, (size_t)bytes, f->file);
    if (got < bytes && ferror(f->file)) {
        convis_fail(b->context, CONVIS_EIO, "%s: %s", b->name, strerror(errno));
        return -1;
    }
    if (b->left >= 0) b->left -= got;
    return got;
}

static convis_status file_skip(convis_bytes *b, int64_t bytes)
{
    file_bytes *f = (file_bytes *)b;
    if (b->left >= 0) {
        if (bytes > b->left) bytes = b->left;
        b->left -= bytes;
        return fseeko(f->file, (off_t)bytes, SEEK_CUR) ? convis_fail(b->context, CONVIS_EIO, "%s: %s", b->name, strerror(errno)) : CONVIS_OK;
    }
    char drop[4096];
    for (int64_t got = 1; bytes > 0 && got > 0; bytes -= got)
        if ((got = file_read(b, drop, bytes < (int64_t)sizeof drop ? bytes : (int64_t)sizeof drop)) < 0) return CONVIS_EIO;
    return CONVIS_OK;
}

static int64_t file_at(convis_bytes *b, int64_t from, void *to, int64_t bytes)
{
    int64_t got = 0;
    while (got < bytes) {
        const ssize_t some = pread(fileno(((file_bytes *)b)->file), (char *)to + got, (size_t)(bytes - got), (off_t)(from + got));
        if (some < 0 && errno == EINTR) continue;
        if (some < 0) {
            convis_fail(b->context, CONVIS_EIO, "%s: %s", b->name, strerror(errno));
            return -1;
        }
        if (!some) break;
        got += some;
    }
    return got;
}

static void file_close(convis_bytes *b)
{
    fclose(((file_bytes *)b)->file);
    convis_release(b->context, b);
}

convis_status convis_bytes_file(convis_context *c, const char *path, const char *expected, convis_bytes **bytes)
{
    FILE *file;
    int64_t size;
    convis_status status = convis_file_open(c, path, expected, 0, &file, &size);
    if (status) return status;
    file_bytes *f = convis_obtain(c, sizeof *f);
    if (!f) { fclose(file); return CONVIS_ENOMEM; }
    *f = (file_bytes){ { c, path, size, size, file_read, file_skip, size < 0 ? NULL : file_at, file_close }, file };
    *bytes = &f->base;
    return CONVIS_OK;
}

/* ---- Shapes ---- */

convis_status convis_numbers_shape(convis_numbers *n)
{
    int64_t all = 1;
    for (int d = 0; d < n->dims; d++)
        if (n->dim[d] < 0 || __builtin_mul_overflow(all, n->dim[d] ? n->dim[d] : 1, &all) || all > INT64_MAX/16)
            return convis_fail(n->context, CONVIS_ESHAPE, "%s: the sizes multiply to more than any file holds", n->name);
    /* Leading sizes of 1 are passed over only down to (T, Y, X). */
    n->axis = 0;
    while (n->axis + 3 < n->dims && n->dim[n->axis] == 1) n->axis++;
    n->rows = n->dims ? n->dim[n->axis] : 1;
    n->row = 1;
    for (int d = n->axis + 1; d < n->dims; d++) n->row *= n->dim[d];
    if (!n->row) n->rows = 0;
    return CONVIS_OK;
}

int convis_numbers_movie(const convis_numbers *n)
{
    return n->rows <= 0 ? 0 : n->dims == 2 ? 1 : n->dims == n->axis + 3 ? 2 : 0;
}

const char *convis_numbers_shape_text(const convis_numbers *n, char text[CONVIS_SHAPE_TEXT])
{
    int used = snprintf(text, CONVIS_SHAPE_TEXT, "(");
    for (int d = 0; d < n->dims; d++)
        used += snprintf(text + used, CONVIS_SHAPE_TEXT - (size_t)used, d ? ", %lld" : "%lld", (long long)n->dim[d]);
    snprintf(text + used, CONVIS_SHAPE_TEXT - (size_t)used, n->dims == 1 ? ",)" : ")");
    return text;
}

convis_status convis_memory_check(convis_context *c, const char *name, double bytes)
{
    double machine = (double)sysconf(_SC_PHYS_PAGES)*(double)sysconf(_SC_PAGESIZE);
    return machine > 0 && bytes > machine
         ? convis_fail(c, CONVIS_ENOMEM, "%s: needs %.1f GB of memory at once, more than the %.1f GB of this machine", name, bytes/1e9, machine/1e9)
         : CONVIS_OK;
}

/* ---- An array in bytes ---- */

typedef struct stream {
    convis_numbers base;
    convis_bytes *bytes;
    char         *whole;                                 /* of Fortran order: all of it, turned round; of boxes in packed bytes */
    int64_t       at, first;                             /* row; the byte where the numbers begin */
} stream;

static convis_status ends_early(const convis_numbers *n, int64_t row)
{
    return convis_fail(n->context, CONVIS_EFORMAT, "%s: ends after %lld of %lld %s", n->name, (long long)row, (long long)n->rows,
                       n->row == 1 ? "numbers" : n->dims == 2 ? "rows" : "frames");
}

static convis_status stream_read(convis_numbers *n, void *raw, int64_t rows)
{
    stream *s = (stream *)n;
    const int64_t row = n->row*n->dtype.size;
    if (rows > n->rows - s->at) return ends_early(n, n->rows);
    if (s->whole) memcpy(raw, s->whole + s->at*row, (size_t)(rows*row));
    else {
        int64_t got = s->bytes->read(s->bytes, raw, rows*row);
        if (got < 0) return CONVIS_EIO;
        if (got < rows*row) return ends_early(n, s->at + got/row);
    }
    s->at += rows;
    return CONVIS_OK;
}

static convis_status stream_skip(convis_numbers *n, int64_t rows)
{
    stream *s = (stream *)n;
    if (rows > n->rows - s->at) rows = n->rows - s->at;
    s->at += rows;
    return s->whole ? CONVIS_OK : s->bytes->skip(s->bytes, rows*n->row*n->dtype.size);
}

/* All numbers as they come, which take so many times their bytes of memory. */
static convis_status load(stream *s, double times, char **raw)
{
    convis_numbers *n = &s->base;
    const int64_t size = n->dtype.size, all = n->rows*n->row;
    convis_status status = convis_memory_check(n->context, n->name, times*(double)(all*size));
    *raw = status ? NULL : convis_obtain(n->context, (size_t)(all*size));
    if (!*raw) return status ? status : CONVIS_ENOMEM;
    const int64_t got = s->bytes->read(s->bytes, *raw, all*size);
    return got < 0 ? CONVIS_EIO : got == all*size ? CONVIS_OK
         : convis_fail(n->context, CONVIS_EFORMAT, "%s: ends after %lld of %lld numbers", n->name, (long long)(got/size), (long long)all);
}

/* The longest runs of numbers that lie side by side in the file and in the box. */
static convis_status stream_box(convis_numbers *n, const int64_t *start, const int64_t *count, void *raw)
{
    stream *s = (stream *)n;
    const int64_t size = n->dtype.size;
    int64_t index[CONVIS_ARRAY_DIMS] = { 0 }, step[CONVIS_ARRAY_DIMS], from = 0, run = size, runs = 1;
    char *to = raw;
    int outer = n->dims;
    for (int64_t d = n->dims - 1, all = size; d >= 0; all *= n->dim[d--]) { step[d] = all; from += start[d]*all; }
    while (outer > 0) {
        run *= count[--outer];
        if (count[outer] != n->dim[outer]) break;
    }
    for (int d = 0; d < outer; d++) runs *= count[d];
    if (!run) return CONVIS_OK;
    if (!s->whole && !s->bytes->at) {
        convis_status status = load(s, 1, &s->whole);
        if (status) return status;
    }
    for (; runs > 0; runs--, to += run) {
        if (s->whole) memcpy(to, s->whole + from, (size_t)run);
        else {
            const int64_t got = s->bytes->at(s->bytes, s->first + from, to, run);
            if (got < 0) return CONVIS_EIO;
            if (got < run) return ends_early(n, (from + got)/(n->row*size));
        }
        for (int d = outer - 1; d >= 0; d--) {
            from += step[d];
            if (++index[d] < count[d]) break;
            from -= step[d]*count[d];
            index[d] = 0;
        }
    }
    return CONVIS_OK;
}

static void stream_close(convis_numbers *n)
{
    stream *s = (stream *)n;
    if (s->bytes) s->bytes->close(s->bytes);
    convis_release(n->context, s->whole);
    convis_release(n->context, n->name);
    convis_release(n->context, s);
}

/* Fortran order has the first index fastest: time of a movie. It is loaded whole, and turned round. */
static convis_status turn_round(stream *s)
{
    convis_numbers *n = &s->base;
    const int64_t size = n->dtype.size, all = n->rows*n->row;
    char *raw;
    convis_status status = load(s, 2, &raw);
    if (!status && !(s->whole = convis_obtain(n->context, (size_t)(all*size)))) status = CONVIS_ENOMEM;
    int64_t index[CONVIS_ARRAY_DIMS] = { 0 }, step[CONVIS_ARRAY_DIMS], from = 0;
    for (int d = 0; d < n->dims; d++) step[d] = d ? step[d - 1]*n->dim[d - 1] : size;
    for (int64_t to = 0; to < all && !status; to++) {
        memcpy(s->whole + to*size, raw + from, (size_t)size);
        for (int d = n->dims - 1; d >= 0; d--) {
            from += step[d];
            if (++index[d] < n->dim[d]) break;
            from -= step[d]*n->dim[d];
            index[d] = 0;
        }
    }
    convis_release(n->context, raw);
    return status;
}

convis_status convis_numbers_stream(convis_bytes *b, const char *format, convis_dtype dtype, int dims, const int64_t *dim,
                                    int fortran, convis_numbers **numbers)
{
    convis_context *c = b->context;
    stream *s = convis_obtain(c, sizeof *s);
    char *name = s ? convis_copy_text(c, b->name) : NULL;
    if (!name) {
        convis_release(c, s);
        b->close(b);
        return CONVIS_ENOMEM;
    }
    convis_numbers *n = &s->base;
    *n = (convis_numbers){ .context = c, .name = name, .dtype = dtype, .dims = dims,
                           .read = stream_read, .skip = stream_skip, .box = stream_box, .close = stream_close };
    snprintf(n->format, sizeof n->format, "%s", format);
    memcpy(n->dim, dim, (size_t)dims*sizeof *dim);
    s->bytes = b;
    s->first = b->size - b->left;
    b->name = name;
    convis_status status = convis_numbers_shape(n);
    const int64_t all = status ? 0 : n->rows*n->row*dtype.size;
    if (!status && b->left >= 0 && b->left < all) {
        char text[CONVIS_SHAPE_TEXT];
        status = convis_fail(c, CONVIS_EFORMAT, "%s: %lld bytes of numbers, expected %lld for the shape %s", n->name,
                             (long long)b->left, (long long)all, convis_numbers_shape_text(n, text));
    }
    if (!status && fortran && dims > 1 && all) status = turn_round(s);
    if (status) { stream_close(n); return status; }
    *numbers = n;
    return CONVIS_OK;
}

/* ---- Arrays as movies ---- */

typedef struct array_frames {
    convis_frames   base;
    convis_numbers *numbers;
    void           *raw;                                 /* one frame as it is in the file */
    int64_t         rows, at;                            /* rows in a frame; frames read */
} array_frames;

static int array_next(convis_frames *f, convis_real *frame, double *start)
{
    array_frames *a = (array_frames *)f;
    if (a->at >= f->count) return 0;
    if (a->numbers->read(a->numbers, a->raw, a->rows)) return -1;
    convis_dtype_reals(a->numbers->dtype, a->raw, frame, f->width*f->height);
    *start = -1;
    a->at++;
    return 1;
}

static int array_skip(convis_frames *f, int64_t frames)
{
    array_frames *a = (array_frames *)f;
    if (frames > f->count - a->at) frames = f->count - a->at;
    a->at += frames;
    return a->numbers->skip(a->numbers, frames*a->rows) ? -1 : 0;
}

static void array_close(convis_frames *f)
{
    array_frames *a = (array_frames *)f;
    convis_context *c = f->context;
    a->numbers->close(a->numbers);
    convis_release(c, a->raw);
    convis_release(c, a);
}

convis_status convis_numbers_frames(convis_numbers *n, convis_frames **frames)
{
    convis_context *c = n->context;
    char text[CONVIS_SHAPE_TEXT];
    convis_status status = CONVIS_OK;
    if (!convis_numbers_movie(n))
        status = convis_fail(c, CONVIS_ESHAPE, "%s: shape %s, expected a movie: (T, Y, X), (Y, X) or (1, 1, T, Y, X), none of them 0",
                             n->name, convis_numbers_shape_text(n, text));
    const int64_t height = status ? 1 : n->dim[n->dims - 2], width = status ? 1 : n->dim[n->dims - 1];
    if (!status) status = convis_frames_size_check(c, n->name, width, height);
    array_frames *a = status ? NULL : convis_obtain(c, sizeof *a);
    void *raw = a ? convis_obtain(c, (size_t)(width*height*n->dtype.size)) : NULL;
    if (!raw) {
        convis_release(c, a);
        n->close(n);
        return status ? status : CONVIS_ENOMEM;
    }
    a->base = (convis_frames){ .context = c, .width = width, .height = height, .count = n->dims == 2 ? 1 : n->rows,
                               .next = array_next, .skip = array_skip, .close = array_close };
    snprintf(a->base.format, sizeof a->base.format, "%s", n->format);
    a->numbers = n;
    a->raw = raw;
    a->rows = n->dims == 2 ? height : 1;
    *frames = &a->base;
    return CONVIS_OK;
}

/* ---- Arrays whole ---- */

convis_status convis_numbers_array(convis_numbers *n, convis_array *array)
{
    convis_context *c = n->context;
    const int64_t all = n->rows*n->row, row = n->row*n->dtype.size;
    int64_t batch = row ? BATCH/row : 1;
    if (batch < 1) batch = 1;
    if (batch > n->rows) batch = n->rows;
    convis_status status = convis_memory_check(c, n->name, (double)all*sizeof(double) + (double)(batch*row));
    if (!status) {
        array->data = convis_own(c, (size_t)all*sizeof(double));
        void *raw = array->data ? convis_obtain(c, (size_t)(batch*row)) : NULL;
        if (!raw) status = CONVIS_ENOMEM;
        for (int64_t at = 0, some; at < n->rows && !status; at += some) {
            some = n->rows - at < batch ? n->rows - at : batch;
            status = n->read(n, raw, some);
            if (!status) convis_dtype_doubles(n->dtype, raw, array->data + at*n->row, some*n->row);
        }
        convis_release(c, raw);
    }
    array->dims = n->dims;
    memcpy(array->dim, n->dim, sizeof array->dim);
    n->close(n);
    if (status) convis_array_free(array);
    return status;
}

/* ---- Names: "file.npz:key" ---- */

static convis_status split_name(convis_context *c, const char *name, char **path, const char **key, const char **extension)
{
    static const char *const EXTENSIONS[] = { ".npz", ".h5", ".hdf5", ".npy", ".inr", NULL };
    size_t length = strlen(name);
    *key = NULL;
    *extension = NULL;
    for (int k = 0; EXTENSIONS[k] && !*extension; k++) {
        const size_t e = strlen(EXTENSIONS[k]);
        if (length > e && !strcasecmp(name + length - e, EXTENSIONS[k])) *extension = EXTENSIONS[k];
        for (const char *colon = strchr(name, ':'); k < 3 && colon && !*extension; colon = strchr(colon + 1, ':'))
            if ((size_t)(colon - name) > e && !strncasecmp(colon - e, EXTENSIONS[k], e)) {
                *extension = EXTENSIONS[k];
                *key = colon + 1;
                length = (size_t)(colon - name);
            }
    }
    if (!*extension) return convis_fail(c, CONVIS_ENOTSUP, "%s: expected an array: .npy, .npz, .npz:KEY, .h5, .h5:DATASET or .inr", name);
    *path = convis_obtain(c, length + 1);
    if (!*path) return CONVIS_ENOMEM;
    memcpy(*path, name, length);
    return CONVIS_OK;
}

convis_status convis_named_numbers(convis_context *c, const char *name, int movie, convis_numbers **numbers)
{
    char *path = NULL;
    const char *key, *extension;
    convis_status status = split_name(c, name, &path, &key, &extension);
    if (status) return status;
    if      (!strcmp(extension, ".npy")) status = convis_npy_numbers(c, path, numbers);
    else if (!strcmp(extension, ".npz")) status = convis_npz_numbers(c, path, key, movie, numbers);
    else if (!strcmp(extension, ".inr")) status = convis_inr_numbers(c, path, numbers);
    else                                 status = convis_hdf5_numbers(c, path, key, movie, numbers);
    convis_release(c, path);
    return status;
}

convis_status convis_array_read(convis_context *c, const char *name, convis_array *array)
{
    convis_numbers *n;
    *array = (convis_array){ .data = NULL };
    convis_status status = convis_named_numbers(c, name, 0, &n);
    return status ? status : convis_numbers_array(n, array);
}

void convis_array_free(convis_array *array)
{
    if (!array) return;
    convis_disown(array->data);
    *array = (convis_array){ .data = NULL };
}
