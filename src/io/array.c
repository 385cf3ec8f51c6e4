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
        return fseeko(f->file, (off_t)bytes, SEEK_CUR) ? convis_fail(b->context, CONVIS_EIO, "%s: %s", b->name, strerror(errno))
                                                       : CONVIS_OK;
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

int convis_numbers_movie(const convis_numbers *n) { return n->rows <= 0 || n->dims < 2 ? 0 : n->dims == 2 ? 1 : 2; }

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
               ? convis_fail(c, CONVIS_ENOMEM, "%s: needs %.1f GB of memory at once, more than the %.1f GB of this machine", name,
                             bytes/1e9, machine/1e9)
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
    return got < 0 ? CONVIS_EIO
           : got == all*size ? CONVIS_OK
                               : convis_fail(n->context, CONVIS_EFORMAT, "%s: ends after %lld of %lld numbers", n->name,
                                             (long long)(got/size), (long long)all);
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

/* ---- Shapes of movies ---- */

/* The dimensions of movies with so many, the last ones of B, C, T, Y, X; and with colour last. */
static void name_dimensions(convis_layout *l, const convis_numbers *n, int first, const char *names)
{
    static const char LETTERS[] = "BCTYX";
    for (int k = 0; k < CONVIS_DIMS; k++) {
        const char *found = strchr(names, LETTERS[k]);
        l->at[k] = found ? first + (int)(found - names) : -1;
        l->size[k] = found ? n->dim[l->at[k]] : 1;
    }
}

/* A last dimension of 3 may be colour only where the first that could be is not. */
static const char *dimensions(const convis_numbers *n, int first, const convis_movie_options *o)
{
    const int64_t *d = n->dim + first;
    const int dims = n->dims - first, coloured = convis_frames_coloured(o), last = dims > 2 && d[dims - 1] == 3;
    switch (dims) {
    case 1:  return "T";
    case 2:  return o->picture ? "YX" : d[1] > 1 && d[1] == o->declared ? "TC" : "TX";
    case 3:  return last && (o->channels == CONVIS_RGB || (o->picture && coloured)) ? "YXC" : "TYX";
    case 4:  return last && coloured && d[0] != 3 ? "TYXC" : "CTYX";
    default: return last && coloured && d[1] != 3 ? "BTYXC" : "BCTYX";
    }
}

convis_status convis_numbers_layout(const convis_numbers *n, const convis_movie_options *o, convis_layout *l)
{
    char text[CONVIS_SHAPE_TEXT];
    int first = 0, good = n->dims > 0;
    while (n->dims - first > CONVIS_DIMS && n->dim[first] == 1) first++;
    for (int d = 0; d < n->dims; d++) good &= n->dim[d] > 0;
    if (!good || n->dims - first > CONVIS_DIMS)
        return convis_fail(n->context, CONVIS_ESHAPE, "%s: shape %s, expected a movie: (T), (T, N), (T, Y, X), (C, T, Y, X) or "
                           "(B, C, T, Y, X), none of them 0", n->name, convis_numbers_shape_text(n, text));
    name_dimensions(l, n, first, dimensions(n, first, o));
    /* Frames with colour last, as other programs write them, would be read as many channels of narrow frames. */
    if (l->at[CONVIS_C] >= 0 && l->at[CONVIS_C] < l->at[CONVIS_X] && l->size[CONVIS_X] == 3 && l->size[CONVIS_C] > 4 &&
        l->size[CONVIS_C] != o->declared)
        return convis_fail(n->context, CONVIS_ESHAPE,
                           "%s: shape %s, as (C, T, Y, X) %lld channels of frames 3 pixels wide; where the last "
                           "dimension is colour, --channels rgb or --channels gray says so",
                           n->name, convis_numbers_shape_text(n, text), (long long)l->size[CONVIS_C]);
    return convis_frames_planes_check(n->context, n->name, l->size[CONVIS_B], l->size[CONVIS_C], l->size[CONVIS_X],
                                      l->size[CONVIS_Y]);
}

void convis_layout_box(const convis_layout *l, const convis_numbers *n, int64_t frame, int64_t frames,
                       int64_t start[CONVIS_ARRAY_DIMS], int64_t count[CONVIS_ARRAY_DIMS])
{
    for (int d = 0; d < n->dims; d++) { start[d] = 0; count[d] = n->dim[d]; }
    if (l->at[CONVIS_T] < 0) return;
    start[l->at[CONVIS_T]] = frame;
    count[l->at[CONVIS_T]] = frames;
}

/* How far apart neighbours along B, C, T, Y and X lie in a box of so many frames. */
static void box_strides(const convis_layout *l, const convis_numbers *n, int64_t frames, int64_t stride[CONVIS_DIMS])
{
    int64_t apart = 1;
    for (int k = 0; k < CONVIS_DIMS; k++) stride[k] = 0;
    for (int d = n->dims - 1; d >= 0; d--) {
        int k = 0;
        while (k < CONVIS_DIMS && l->at[k] != d) k++;
        if (k < CONVIS_DIMS) stride[k] = apart;
        apart *= k == CONVIS_T ? frames : n->dim[d];
    }
}

void convis_layout_place(const convis_layout *l, const convis_numbers *n, const void *raw, int64_t frames, convis_real *to)
{
    const int64_t *size = l->size, planes = size[CONVIS_B]*size[CONVIS_C], rows = size[CONVIS_Y], row = size[CONVIS_X];
    const char *from = raw;
    int64_t s[CONVIS_DIMS];
    box_strides(l, n, frames, s);
    for (int64_t k = 0; k < frames*planes; k++, to += rows*row) {
        const int64_t t = k/planes, b = k%planes/size[CONVIS_C], c = k%size[CONVIS_C];
        const char *plane = from + (t*s[CONVIS_T] + b*s[CONVIS_B] + c*s[CONVIS_C])*n->dtype.size;
        if ((row == 1 || s[CONVIS_X] == 1) && (rows == 1 || s[CONVIS_Y] == row))
            convis_dtype_reals(n->dtype, plane, to, rows*row);
        else for (int64_t i = 0; i < rows*row; i++)
            convis_dtype_reals(n->dtype, plane + (i/row*s[CONVIS_Y] + i%row*s[CONVIS_X])*n->dtype.size, to + i, 1);
    }
}

/* ---- Arrays as movies ---- */

typedef struct array_frames {
    convis_frames   base;
    convis_numbers *numbers;
    convis_layout   layout;
    void           *raw;                                 /* one frame as it is in the file */
    int64_t         rows, at;                            /* rows in a frame, 0: frames come by box; frames read */
} array_frames;

static int array_next(convis_frames *f, convis_real *frame, double *start)
{
    array_frames *a = (array_frames *)f;
    convis_numbers *n = a->numbers;
    int64_t from[CONVIS_ARRAY_DIMS], some[CONVIS_ARRAY_DIMS];
    if (a->at >= f->count) return 0;
    if (!a->rows) convis_layout_box(&a->layout, n, a->at, 1, from, some);
    if (a->rows ? n->read(n, a->raw, a->rows) : n->box(n, from, some, a->raw)) return -1;
    convis_layout_place(&a->layout, n, a->raw, 1, frame);
    *start = -1;
    a->at++;
    return 1;
}

static int array_skip(convis_frames *f, int64_t frames)
{
    array_frames *a = (array_frames *)f;
    if (frames > f->count - a->at) frames = f->count - a->at;
    a->at += frames;
    return a->rows && a->numbers->skip(a->numbers, frames*a->rows) ? -1 : 0;
}

static void array_close(convis_frames *f)
{
    array_frames *a = (array_frames *)f;
    convis_context *c = f->context;
    a->numbers->close(a->numbers);
    convis_release(c, a->raw);
    convis_release(c, a);
}

/* Whatever comes from first to last, frame by frame, is streamed, also from a pipe. */
static int64_t rows_of_a_frame(const convis_numbers *n, const convis_layout *l)
{
    return l->at[CONVIS_T] < 0 ? n->rows : l->at[CONVIS_T] == n->axis ? 1 : 0;
}

convis_status convis_numbers_frames(convis_numbers *n, const convis_movie_options *o, convis_frames **frames)
{
    convis_context *c = n->context;
    convis_layout l;
    convis_status status = convis_numbers_layout(n, o, &l);
    const int64_t *size = l.size;
    array_frames *a = status ? NULL : convis_obtain(c, sizeof *a);
    void *raw = !a ? NULL : convis_obtain(c, (size_t)(size[CONVIS_B]*size[CONVIS_C]*size[CONVIS_Y]*size[CONVIS_X]*n->dtype.size));
    if (!raw) {
        convis_release(c, a);
        n->close(n);
        return status ? status : CONVIS_ENOMEM;
    }
    a->base = (convis_frames){ .context = c, .batch = size[CONVIS_B], .channels = size[CONVIS_C], .width = size[CONVIS_X],
                               .height = size[CONVIS_Y], .count = size[CONVIS_T], .next = array_next, .skip = array_skip,
                               .close = array_close };
    snprintf(a->base.format, sizeof a->base.format, "%s", n->format);
    a->numbers = n;
    a->layout = l;
    a->raw = raw;
    a->rows = rows_of_a_frame(n, &l);
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
            status = convis_progress(c, "read", at, n->rows);
            if (!status) status = n->read(n, raw, some);
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
    if (!*extension)
        return convis_fail(c, CONVIS_ENOTSUP, "%s: expected an array: .npy, .npz, .npz:KEY, .h5, .h5:DATASET or .inr", name);
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
    CONVIS_NEEDS(c, name, array);
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
