/* npy.h - arrays of numbers, in and out: what .npy, .npz, .h5 and .inr files share.
 *
 * Reading has two steps. convis_bytes is an open run of bytes (a file, a member of a .npz); convis_numbers is an open
 * array that was found in it: its shape, its number type, and its rows from first to last. */
#ifndef CONVIS_NPY_H
#define CONVIS_NPY_H
#include "format.h"
#include "sinks.h"

/* ---- Number types ---- */

typedef struct convis_dtype {
    char kind;                       /* 'b' truth, 'u' and 'i' integer, 'f' floating point */
    int  size;                       /* bytes */
    int  swap;                       /* the file has the other byte order than this machine */
} convis_dtype;

int  convis_dtype_known  (convis_dtype);                 /* can the two below convert it? */
void convis_dtype_reals  (convis_dtype, const void *raw, convis_real *to, int64_t count);
void convis_dtype_doubles(convis_dtype, const void *raw, double *to, int64_t count);

/* ---- Bytes in ---- */

typedef struct convis_bytes convis_bytes;
struct convis_bytes {
    convis_context *context;
    const char *name;                /* for sentences; the opener's, must outlive the reading of a header */
    int64_t left, size;              /* bytes to come, and in all; -1: only the end will tell (a pipe) */
    int64_t (*read)(convis_bytes *, void *to, int64_t bytes);    /* how many came: fewer at the end; -1: an error */
    convis_status (*skip)(convis_bytes *, int64_t bytes);
    /* The bytes from there on, wherever read is, which stays there. NULL: they come only in order (pipes, packed members). */
    int64_t (*at)(convis_bytes *, int64_t from, void *to, int64_t bytes);
    void (*close)(convis_bytes *);
};
convis_status convis_bytes_file(convis_context *, const char *path, const char *expected, convis_bytes **);

/* ---- Arrays in ---- */

enum { CONVIS_ARRAY_DIMS = 8 };
typedef struct convis_numbers convis_numbers;
struct convis_numbers {
    convis_context *context;
    char   *name;                    /* "file.npz:key", for sentences */
    char    format[8];
    convis_dtype dtype;              /* of what read gives */
    int     dims;
    int64_t dim[CONVIS_ARRAY_DIMS];
    int     axis;                    /* along which read advances: time for a movie */
    int64_t rows, row;               /* rows along that axis, and numbers in each: rows*row is all of them */
    convis_status (*read)(convis_numbers *, void *raw, int64_t rows);
    convis_status (*skip)(convis_numbers *, int64_t rows);
    /* count[k] numbers from start[k] on of each dimension, in memory order. Bytes that come only in order are read into
     * memory by the first call, which must then come before read and skip; box moves neither. */
    convis_status (*box)(convis_numbers *, const int64_t *start, const int64_t *count, void *raw);
    void (*close)(convis_numbers *);
};

/* Set axis, rows and row from dims and dim; ESHAPE when a size is negative or their product is absurd. */
convis_status convis_numbers_shape(convis_numbers *);
/* Its shape as a text, "(100, 64, 64)"; returns it. */
enum { CONVIS_SHAPE_TEXT = 200 };
const char   *convis_numbers_shape_text(const convis_numbers *, char text[CONVIS_SHAPE_TEXT]);
/* Is it a movie that a search may find? 2: of three to five dimensions; 1: of two; 0: it is one only when it is asked for. */
int           convis_numbers_movie(const convis_numbers *);

/* How the dimensions of an array are those of a movie. */
typedef struct convis_layout {
    int64_t size[CONVIS_DIMS];       /* B, C, T, Y, X */
    int     at[CONVIS_DIMS];         /* which of the array's; -1: it has none, and the size is 1 */
} convis_layout;
/* ESHAPE with a sentence where they are not. What io.h says of shapes, `channels`, `declared` and `picture` is decided here. */
convis_status convis_numbers_layout(const convis_numbers *, const convis_movie_options *, convis_layout *);
/* The start and the sizes of some frames, for box. */
void          convis_layout_box  (const convis_layout *, const convis_numbers *, int64_t frame, int64_t frames,
                                  int64_t start[CONVIS_ARRAY_DIMS], int64_t count[CONVIS_ARRAY_DIMS]);
/* What box gave of some frames as (frames, B, C, Y, X). */
void          convis_layout_place(const convis_layout *, const convis_numbers *, const void *raw, int64_t frames, convis_real *to);
/* The array whose raw numbers are the next bytes. Takes `bytes`, and closes it even when it fails. */
convis_status convis_numbers_stream(convis_bytes *bytes, const char *format, convis_dtype, int dims, const int64_t *dim,
                                    int fortran, convis_numbers **);
convis_status convis_numbers_frames(convis_numbers *, const convis_movie_options *,
                                    convis_frames **);   /* takes the numbers likewise */
convis_status convis_numbers_array (convis_numbers *, convis_array *);          /* takes the numbers likewise */

/* key NULL: the first array; movie: the first that is a movie, else the first picture. */
convis_status convis_npy_numbers (convis_context *, const char *path, convis_numbers **);
convis_status convis_npz_name    (convis_context *, const char *path, int64_t index, char *name, size_t size);     /* "" past the last */
convis_status convis_npz_numbers (convis_context *, const char *path, const char *key, int movie, convis_numbers **);
convis_status convis_hdf5_numbers(convis_context *, const char *path, const char *dataset, int movie, convis_numbers **);
convis_status convis_inr_numbers (convis_context *, const char *path, convis_numbers **);
convis_status convis_npy_stream  (convis_bytes *, convis_numbers **);           /* a .npy inside something; takes the bytes */
/* By name: "file.npy", "file.npz", "file.npz:key", "file.h5:dataset"; ENOTSUP when no array is called so. */
convis_status convis_named_numbers(convis_context *, const char *name, int movie, convis_numbers **);

/* A size from a header must not make us ask for memory that is not there: the system might grant it, and kill later. ENOMEM,
 * with a sentence, where so many bytes are more than the machine has. */
convis_status convis_memory_check(convis_context *, const char *name, double bytes);

/* ---- Arrays out: a .npy whose first dimension is known only at the end ---- */

typedef struct convis_npy_out {
    convis_out *out;
    const char *type;                /* "f4", "f8", "i4" */
    int         dims;
    int64_t     dim[CONVIS_ARRAY_DIMS];
} convis_npy_out;
convis_status convis_npy_begin(convis_npy_out *);        /* writes the header; the numbers follow by convis_out_write */
convis_status convis_npy_end  (convis_npy_out *);        /* writes it again, with dim as it is now */

/* A map: (T, Y, X) when there is one channel. More cannot be written in their order, (C, T, Y, X) or (B, C, T, Y, X), while time goes
 * on: they are written as (T, B, C, Y, X), and end puts them in order into another file. */
typedef struct convis_npy_map {
    convis_npy_out npy;
    convis_shape   frame;
    float         *plane;            /* one, on its way */
} convis_npy_map;
int64_t       convis_npy_map_planes(convis_shape frame); /* batches times channels */
convis_status convis_npy_map_begin(convis_out *, convis_shape frame, convis_npy_map *);
convis_status convis_npy_map_write(convis_npy_map *, convis_tensor frames);
convis_status convis_npy_map_end  (convis_npy_map *, convis_out *ordered);     /* ordered: NULL when there is one plane */
void          convis_npy_map_free (convis_npy_map *);
#endif
