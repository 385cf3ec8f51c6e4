/* hdf5.c - HDF5: data sets as movies and arrays in; results, with all that is needed to rerun them, out.
 *
 * A result: spikes/{unit,time,layer}, units/{id,layer,x,y}, probes/NAME (T, Y, X), (C, T, Y, X) or (B, C, T, Y, X), the model's text
 * as `model`, and attributes of the file: seconds, dt, seed, command, input, numerics, device, convis, hdf5. */
#include "base/locks.h"
#include "base/parts.h"
#include "base/parts/hdf5_calls.h"
#include "base/text.h"
#include "hdf5.h"
#include "npy.h"
#include "spikes.h"
#include <string.h>

/* ---- One at a time, silently ---- */

static H5E_auto2_t before;
static void *before_data;
static char cause[120];                                  /* of the first failure since enter */

/* HDF5 explains a failure from the inside out; the innermost sentence names the cause, the system's if it was one. */
static herr_t innermost(unsigned n, const H5E_error2_t *error, void *unused)
{
    (void)unused;
    if (n) return 1;
    const char *system = error->desc ? strstr(error->desc, "error message = '") : NULL;
    convis_shorten(cause, sizeof cause, "%s", system ? system + 17 : error->desc ? error->desc : "unknown");
    if (system) cause[strcspn(cause, "'")] = 0;
    return 1;
}

/* Called where HDF5 would print. The next call would wipe the explanation, so it is stored at once. */
static herr_t remember(hid_t stack, void *unused)
{
    if (!*cause) H5Ewalk2(stack, H5E_WALK_UPWARD, innermost, unused);
    return 0;
}

void convis_hdf5_enter(void)
{
    convis_lock(CONVIS_LOCK_HDF5);
    H5Eget_auto2(H5E_DEFAULT, &before, &before_data);
    H5Eset_auto2(H5E_DEFAULT, remember, NULL);
    *cause = 0;
}

convis_status convis_hdf5_begin(convis_context *c, const char *path, const char *cannot)
{
    convis_status status = convis_part_need(c, CONVIS_PART_HDF5, path, cannot);
    if (!status) convis_hdf5_enter();
    return status;
}

void convis_hdf5_leave(void)
{
    H5Eclear2(H5E_DEFAULT);
    H5Eset_auto2(H5E_DEFAULT, before, before_data);
    convis_unlock(CONVIS_LOCK_HDF5);
}

static convis_status wrong(convis_context *c, convis_status status, const char *name, const char *what)
{
    return convis_fail(c, status, "%s: %s: %s", name, what, *cause ? cause : "unknown");
}

convis_status convis_hdf5_fail(convis_context *c, convis_status status, const char *name, const char *what) { return wrong(c, status, name, what); }

/* ---- In ---- */

typedef struct dataset {
    convis_numbers base;
    hid_t   file, set, space, type;                      /* type: of the numbers in memory */
    int64_t at;                                          /* row */
} dataset;

static convis_status dataset_box(convis_numbers *n, const int64_t *from, const int64_t *some, void *raw)
{
    dataset *d = (dataset *)n;
    convis_status status = CONVIS_OK;
    hsize_t start[CONVIS_ARRAY_DIMS] = { 0 }, count[CONVIS_ARRAY_DIMS] = { 0 };
    for (int k = 0; k < n->dims; k++) {
        start[k] = (hsize_t)from[k];
        count[k] = (hsize_t)some[k];
        if (!some[k]) return CONVIS_OK;
    }
    convis_hdf5_enter();
    /* The memory has the selection's own shape: HDF5 goes through any other pair number by number. */
    hid_t memory = n->dims ? H5Screate_simple(n->dims, count, NULL) : H5Screate(H5S_SCALAR);
    if (memory < 0 || (n->dims && H5Sselect_hyperslab(d->space, H5S_SELECT_SET, start, NULL, count, NULL) < 0)
        || H5Dread(d->set, d->type, memory, d->space, H5P_DEFAULT, raw) < 0)
        status = wrong(n->context, CONVIS_EFORMAT, n->name, "reading");
    if (memory >= 0) H5Sclose(memory);
    convis_hdf5_leave();
    return status;
}

static convis_status dataset_read(convis_numbers *n, void *raw, int64_t rows)
{
    dataset *d = (dataset *)n;
    if (rows > n->rows - d->at)
        return convis_fail(n->context, CONVIS_EFORMAT, "%s: ends after %lld rows", n->name, (long long)n->rows);
    if (!rows) return CONVIS_OK;
    int64_t start[CONVIS_ARRAY_DIMS] = { 0 }, count[CONVIS_ARRAY_DIMS];
    memcpy(count, n->dim, sizeof count);
    start[n->axis] = d->at;
    count[n->axis] = rows;
    d->at += rows;
    return dataset_box(n, start, count, raw);
}

static convis_status dataset_skip(convis_numbers *n, int64_t rows)
{
    ((dataset *)n)->at += rows;
    return CONVIS_OK;
}

static void dataset_release(dataset *d)
{
    if (d->type >= 0) H5Tclose(d->type);
    if (d->space >= 0) H5Sclose(d->space);
    if (d->set >= 0) H5Dclose(d->set);
    if (d->file >= 0) H5Fclose(d->file);
    convis_release(d->base.context, d->base.name);
    convis_release(d->base.context, d);
}

static void dataset_close(convis_numbers *n)
{
    convis_hdf5_enter();
    dataset_release((dataset *)n);
    convis_hdf5_leave();
}

/* The type in which HDF5 shall hand over numbers of this type; truth values are enumerations to h5py. */
static hid_t memory_type(hid_t type, convis_dtype *dtype)
{
    H5T_class_t class = H5Tget_class(type);
    size_t size = H5Tget_size(type);
    hid_t memory = -1;
    dtype->swap = 0;
    if (class == H5T_FLOAT) {
        *dtype = (convis_dtype){ 'f', size <= 4 ? 4 : 8, 0 };
        memory = H5Tcopy(size <= 4 ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE);
    } else if (class == H5T_INTEGER || class == H5T_ENUM) {
        memory = H5Tget_native_type(type, H5T_DIR_DEFAULT);
        hid_t whole = class == H5T_ENUM && memory >= 0 ? H5Tget_super(memory) : memory;
        if (memory >= 0) *dtype = (convis_dtype){ H5Tget_sign(whole) == H5T_SGN_NONE ? 'u' : 'i', (int)H5Tget_size(whole), 0 };
        if (whole != memory && whole >= 0) H5Tclose(whole);
    }
    return memory;
}

/* Frames are read one by one: a chunk that spans many of them must stay in the cache, or it is unpacked for each. */
static hid_t open_cached(hid_t file, const char *name)
{
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t made = set < 0 ? -1 : H5Dget_create_plist(set), space = set < 0 ? -1 : H5Dget_space(set),
          type = set < 0 ? -1 : H5Dget_type(set);
    hsize_t dim[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
    int dims = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (dims > 0 && made >= 0 && type >= 0 && H5Pget_layout(made) == H5D_CHUNKED &&
        H5Pget_chunk(made, H5S_MAX_RANK, chunk) == dims && H5Sget_simple_extent_dims(space, dim, NULL) == dims) {
        double bytes = (double)H5Tget_size(type);
        for (int k = 0; k < dims; k++)                   /* all chunks that one row of the time axis crosses */
            bytes *= k == (dims > 3 ? dims - 3 : 0) ? (double)chunk[k] : (double)((dim[k] + chunk[k] - 1)/chunk[k]*chunk[k]);
        hid_t access = bytes > 1 << 20 && bytes < 1 << 29 ? H5Pcreate(H5P_DATASET_ACCESS) : -1;
        if (access >= 0) {
            H5Pset_chunk_cache(access, 12421, (size_t)bytes, 1.0);
            hid_t cached = H5Dopen2(file, name, access);
            H5Pclose(access);
            if (cached >= 0) { H5Dclose(set); set = cached; }
        }
    }
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    if (made >= 0) H5Pclose(made);
    return set;
}

/* One data set of the file `path`. Inside enter and leave. */
static convis_status dataset_open(convis_context *c, const char *path, const char *name, convis_numbers **numbers)
{
    dataset *d = convis_obtain(c, sizeof *d);
    if (!d) return CONVIS_ENOMEM;
    d->file = d->set = d->space = d->type = -1;
    convis_numbers *n = &d->base;
    *n = (convis_numbers){
        .context = c, .format = "h5", .read = dataset_read, .skip = dataset_skip, .box = dataset_box, .close = dataset_close
    };
    size_t room = strlen(path) + strlen(name) + 2;
    n->name = convis_obtain(c, room);
    if (!n->name) { dataset_release(d); return CONVIS_ENOMEM; }
    snprintf(n->name, room, "%s:%s", path, name);

    convis_status status = CONVIS_OK;
    hid_t type = -1;
    hsize_t dim[H5S_MAX_RANK];
    d->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (d->file < 0) status = wrong(c, CONVIS_EFORMAT, path, "expected an HDF5 file");
    if (!status && (d->set = open_cached(d->file, name)) < 0)
        status = convis_fail(c, CONVIS_ENAME, "%s: no data set '%s'", path, name);
    if (!status && ((type = H5Dget_type(d->set)) < 0 || (d->space = H5Dget_space(d->set)) < 0))
        status = wrong(c, CONVIS_EFORMAT, n->name, "opening");
    if (!status) {
        d->type = memory_type(type, &n->dtype);
        if (d->type < 0 || !convis_dtype_known(n->dtype))
            status = convis_fail(c, CONVIS_EFORMAT, "%s: holds no numbers, expected whole or floating point numbers", n->name);
        n->dims = H5Sget_simple_extent_ndims(d->space);
        if (!status && (n->dims < 0 || n->dims > CONVIS_ARRAY_DIMS || H5Sget_simple_extent_type(d->space) == H5S_NULL))
            status = convis_fail(c, CONVIS_ESHAPE, "%s: %d dimensions, expected at most %d", n->name, n->dims, CONVIS_ARRAY_DIMS);
        if (!status) H5Sget_simple_extent_dims(d->space, dim, NULL);
        for (int k = 0; k < n->dims && !status; k++) n->dim[k] = dim[k] > INT64_MAX ? -1 : (int64_t)dim[k];
        if (!status) status = convis_numbers_shape(n);
    }
    if (type >= 0) H5Tclose(type);
    if (status) { dataset_release(d); return status; }
    *numbers = n;
    return CONVIS_OK;
}

/* ---- The first that fits: groups are walked in the order of names ---- */

typedef struct search {
    convis_context *context;
    const char *path;
    int least, visited;                                  /* least: of convis_numbers_movie's answer; 3: only look */
    convis_numbers *found;
    convis_status status;                                /* out of memory ends the search */
    char seen[300];                                      /* names, for the sentence when nothing fits */
} search;

enum { DEPTH_MOST = 8, VISITED_MOST = 10000 };           /* groups may contain themselves */

static void walk(search *s, hid_t file, const char *group, int depth)
{
    char name[512], full[1024];
    H5G_info_t info;
    hid_t g = H5Gopen2(file, *group ? group : "/", H5P_DEFAULT);
    if (g < 0) return;
    if (H5Gget_info(g, &info) < 0) info.nlinks = 0;
    for (hsize_t i = 0; i < info.nlinks && !s->found && !s->status && s->visited++ < VISITED_MOST; i++) {
        if (H5Lget_name_by_idx(g, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT) < 0) continue;
        if (snprintf(full, sizeof full, "%s%s%s", group, *group ? "/" : "", name) >= (int)sizeof full) continue;
        hid_t object = H5Oopen(g, name, H5P_DEFAULT);
        H5I_type_t type = object < 0 ? H5I_BADID : H5Iget_type(object);
        if (object >= 0) H5Oclose(object);
        if (type == H5I_GROUP && depth < DEPTH_MOST) walk(s, file, full, depth + 1);
        if (type != H5I_DATASET) continue;
        convis_numbers *n;
        size_t used = strlen(s->seen);
        convis_shorten(s->seen + used, sizeof s->seen - used, "%s%s", used ? ", " : "", full);
        convis_status status = dataset_open(s->context, s->path, full, &n);
        if (status == CONVIS_ENOMEM) s->status = status;
        if (status) continue;
        if (convis_numbers_movie(n) >= s->least) s->found = n;
        else dataset_release((dataset *)n);
    }
    H5Gclose(g);
}

/* Inside enter and leave: the file, or a sentence. */
static convis_status open_file(convis_context *c, const char *path, hid_t *file)
{
    FILE *plain;
    int64_t size;
    *file = -1;
    convis_status status = convis_file_open(c, path, "an HDF5 file", 0, &plain, &size);
    if (status) return status;
    fclose(plain);
    if (size < 0) return convis_fail(c, CONVIS_EIO, "%s: a pipe, expected an HDF5 file", path);
    *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    return *file < 0 ? wrong(c, CONVIS_EFORMAT, path, "expected an HDF5 file") : CONVIS_OK;
}

convis_status convis_hdf5_open(convis_context *c, const char *path, int64_t *file)
{
    hid_t opened;
    convis_status status = open_file(c, path, &opened);
    *file = opened;
    return status;
}

convis_status convis_hdf5_numbers(convis_context *c, const char *path, const char *name, int movie, convis_numbers **numbers)
{
    hid_t file;
    search s = { .context = c, .path = path, .least = name ? 3 : movie ? 2 : 0 };
    convis_status status = convis_hdf5_begin(c, path, "cannot be read");
    if (status) return status;
    status = open_file(c, path, &file);
    if (!status && name) {
        convis_status named = dataset_open(c, path, name, numbers);
        if (named == CONVIS_ENAME) {                     /* say what there is instead */
            walk(&s, file, "", 0);
        }
        status = named != CONVIS_ENAME ? named : s.status ? s.status
               : convis_fail(c, CONVIS_ENAME, "%s: no data set '%s', it has %s", path, name, *s.seen ? s.seen : "none");
    } else if (!status) {
        walk(&s, file, "", 0);
        if (movie && !s.found && !s.status) {            /* no movie; perhaps a picture */
            s.least = 1;
            s.visited = 0;
            *s.seen = 0;
            walk(&s, file, "", 0);
        }
        *numbers = s.found;
        if (s.status) status = s.status;
        else if (!s.found) status = convis_fail(c, CONVIS_EFORMAT, "%s: none of its data sets is %s, it has %s", path,
                                           movie ? "a movie (T, Y, X)" : "of numbers", *s.seen ? s.seen : "none");
    }
    if (file >= 0) H5Fclose(file);
    convis_hdf5_leave();
    return status;
}

convis_status convis_hdf5_frames(convis_context *c, const char *path, const char *name, const convis_movie_options *o,
                                 convis_frames **frames)
{
    convis_numbers *n;
    convis_status status = convis_hdf5_numbers(c, path, name, 1, &n);
    return status ? status : convis_numbers_frames(n, o, frames);
}

convis_status convis_hdf5_spikes_read(convis_context *c, const char *path, convis_column *spikes)
{
    static const char *const NAMES[3] = { "spikes/unit", "spikes/time", "spikes/layer" };
    convis_array columns[3] = { { .data = NULL } };
    convis_status status = CONVIS_OK;
    for (int k = 0; k < 3 && !status; k++) {
        convis_numbers *n;
        status = convis_hdf5_numbers(c, path, NAMES[k], 0, &n);
        if (!status) status = convis_numbers_array(n, &columns[k]);
    }
    if (!status) status = convis_spikes_columns(c, path, &columns[0], &columns[1], &columns[2], spikes);
    for (int k = 0; k < 3; k++) convis_array_free(&columns[k]);
    return status;
}

convis_status convis_hdf5_text(convis_context *c, const char *path, const char *name, char **text)
{
    hid_t file, set = -1, type = -1, memory = -1, space = -1;
    char *from = NULL;
    *text = NULL;
    convis_status status = convis_hdf5_begin(c, path, "cannot be read");
    if (status) return status;
    status = open_file(c, path, &file);
    if (!status && (set = H5Dopen2(file, name, H5P_DEFAULT)) < 0)
        status = convis_fail(c, CONVIS_ENAME, "%s: no text '%s'", path, name);
    if (!status) {
        type = H5Dget_type(set);
        space = H5Dget_space(set);
        memory = H5Tcopy(H5T_C_S1);
        H5Tset_size(memory, H5T_VARIABLE);
        H5Tset_cset(memory, H5Tget_cset(type) == H5T_CSET_UTF8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
        if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) <= 0 || H5Sget_simple_extent_npoints(space) != 1
            || H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, &from) < 0 || !from)
            status = convis_fail(c, CONVIS_EFORMAT, "%s:%s: expected one text of variable length", path, name);
    }
    if (from) {
        *text = convis_obtain(c, strlen(from) + 1);
        if (*text) strcpy(*text, from);
        else status = CONVIS_ENOMEM;
        H5free_memory(from);
    }
    if (memory >= 0) H5Tclose(memory);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    if (set >= 0) H5Dclose(set);
    if (file >= 0) H5Fclose(file);
    convis_hdf5_leave();
    return status;
}

/* ---- Out ---- */

typedef struct result { hid_t file; } result;

static int set_number(hid_t at, const char *name, hid_t type, const void *value)
{
    if (H5Aexists(at, name) > 0) return 1;
    hid_t space = H5Screate(H5S_SCALAR), attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    int good = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    return good;
}

static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static int set_text(hid_t at, const char *name, const char *text)
{
    if (!text) return 1;
    hid_t type = text_type();
    int good = set_number(at, name, type, &text);
    H5Tclose(type);
    return good;
}

static int write_text(hid_t file, const char *name, const char *text)
{
    if (!text || H5Lexists(file, name, H5P_DEFAULT) > 0) return 1;
    hid_t type = text_type(), space = H5Screate(H5S_SCALAR);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    int good = set >= 0 && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text) >= 0;
    if (set >= 0) H5Dclose(set);
    H5Sclose(space);
    H5Tclose(type);
    return good;
}

static int set_provenance(hid_t file, const convis_provenance *p)
{
    unsigned major = 0, minor = 0, release = 0;
    char version[32];
    H5get_libversion(&major, &minor, &release);
    snprintf(version, sizeof version, "%u.%u.%u", major, minor, release);
    return set_text(file, "convis", convis_version()) && set_text(file, "hdf5", version) &&
           (!p || (set_text(file, "command", p->command) && set_text(file, "input", p->input) &&
                   set_text(file, "numerics", p->numerics) && set_text(file, "device", p->device) &&
                   write_text(file, "model", p->model) && write_text(file, "parameters", p->parameters) &&
                   set_number(file, "dt", H5T_NATIVE_DOUBLE, &p->dt) && set_number(file, "seed", H5T_NATIVE_UINT64, &p->seed)));
}

/* After HDF5 calls: were they good, and has the disk taken everything? */
static convis_status result_check(convis_shared *s, int good)
{
    result *r = s->content;
    int error = r->file < 0 ? 0 : convis_hdf5_error(r->file);
    if (error) return convis_fail(s->context, CONVIS_EIO, "%s: %s", s->atomic.path, strerror(error));
    return good ? CONVIS_OK : wrong(s->context, CONVIS_EIO, s->atomic.path, "writing");
}

/* Join the file; the first creates it. Inside enter and leave, as all that follows. */
static convis_status result_join(convis_context *c, const char *path, const convis_provenance *p, convis_shared **shared)
{
    convis_status status = convis_shared_join(c, path, shared);
    if (status) return status;
    convis_shared *s = *shared;
    if (!s->content) {
        result *r = s->content = convis_obtain(c, sizeof *r);
        if (!r) return CONVIS_ENOMEM;                    /* result_leave copes with it */
        r->file = convis_hdf5_create(s->atomic.temporary);
        if (r->file < 0) return wrong(c, CONVIS_EIO, path, "creating");
    }
    return result_check(s, ((result *)s->content)->file >= 0 && set_provenance(((result *)s->content)->file, p));
}

static convis_status result_leave(convis_shared *s, int keep)
{
    if (!convis_shared_leave(s, keep)) return CONVIS_OK;
    convis_status status = CONVIS_OK;
    result *r = s->content;
    if (r && r->file >= 0 && !s->spoiled) status = result_check(s, H5Fflush(r->file, H5F_SCOPE_GLOBAL) >= 0);
    if (r && r->file >= 0 && H5Fclose(r->file) < 0 && !s->spoiled && !status)
        status = wrong(s->context, CONVIS_EIO, s->atomic.path, "closing");
    if (status) s->spoiled = 1;
    convis_release(s->context, r);
    convis_status ended = convis_shared_end(s);
    return status ? status : ended;
}

/* A data set that grows along `axis`. */
static hid_t create_growing(hid_t file, const char *name, hid_t type, int dims, const hsize_t *dim, const hsize_t *chunk,
                            int axis, int packed)
{
    hsize_t most[CONVIS_ARRAY_DIMS], now[CONVIS_ARRAY_DIMS];
    for (int k = 0; k < dims; k++) { most[k] = k == axis ? H5S_UNLIMITED : dim[k]; now[k] = k == axis ? 0 : dim[k]; }
    hid_t space = H5Screate_simple(dims, now, most), make = H5Pcreate(H5P_DATASET_CREATE), link = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(link, 1);
    H5Pset_chunk(make, dims, chunk);
    H5Pset_fill_time(make, H5D_FILL_TIME_NEVER);
    if (packed) { H5Pset_shuffle(make); H5Pset_deflate(make, 1); }
    hid_t set = H5Dcreate2(file, name, type, space, link, make, H5P_DEFAULT);
    H5Pclose(link);
    H5Pclose(make);
    H5Sclose(space);
    return set;
}

/* Put `count` rows after the `at` that there are. The memory has room for `room` rows along the axis. */
static int append(hid_t set, hid_t type, int dims, const hsize_t *dim, int axis, hsize_t at, hsize_t room, hsize_t count,
                  const void *data)
{
    hsize_t now[CONVIS_ARRAY_DIMS], start[CONVIS_ARRAY_DIMS] = { 0 }, zero[CONVIS_ARRAY_DIMS] = { 0 }, some[CONVIS_ARRAY_DIMS],
                                    held[CONVIS_ARRAY_DIMS];
    for (int k = 0; k < dims; k++) {
        now[k] = k == axis ? at + count : dim[k];
        some[k] = k == axis ? count : dim[k];
        held[k] = k == axis ? room : dim[k];
    }
    start[axis] = at;
    if (!count) return 1;
    if (H5Dset_extent(set, now) < 0) return 0;
    hid_t space = H5Dget_space(set), memory = H5Screate_simple(dims, held, NULL);
    int good = space >= 0 && memory >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, some, NULL) >= 0
            && H5Sselect_hyperslab(memory, H5S_SELECT_SET, zero, NULL, some, NULL) >= 0
            && H5Dwrite(set, type, memory, space, H5P_DEFAULT, data) >= 0;
    if (memory >= 0) H5Sclose(memory);
    if (space >= 0) H5Sclose(space);
    return good;
}

/* ---- Maps ---- */

enum { CHUNK = 1 << 16 };                                /* numbers; a quarter of a megabyte */

typedef struct map_sink {
    convis_map_writer base;
    convis_shared *shared;
    hid_t    set;
    int      dims, axis;
    hsize_t  dim[CONVIS_DIMS], written, room, held;      /* frames: in the file; a chunk's; waiting in `frames` */
    float   *frames;
    convis_status status;                                /* the first failure sticks */
} map_sink;

static convis_status map_flush(map_sink *m)
{
    convis_hdf5_enter();
    m->status = result_check(m->shared,
                             append(m->set, H5T_NATIVE_FLOAT, m->dims, m->dim, m->axis, m->written, m->room, m->held, m->frames));
    convis_hdf5_leave();
    m->written += m->held;
    m->held = 0;
    return m->status;
}

static convis_status map_write(convis_map_writer *w, convis_tensor frames)
{
    map_sink *m = (map_sink *)w;
    const int64_t channels = w->frame.dim[CONVIS_C], planes = w->frame.dim[CONVIS_B]*channels;
    const int64_t plane = w->frame.dim[CONVIS_Y]*w->frame.dim[CONVIS_X];
    for (int64_t t = 0; t < frames.shape.dim[CONVIS_T] && !m->status; t++) {
        for (int64_t p = 0; p < planes; p++)
            convis_plane(frames, p/channels, p%channels, t, m->frames + (p*(int64_t)m->room + (int64_t)m->held)*plane);
        if (++m->held == m->room) map_flush(m);
    }
    return m->status;
}

static convis_status map_finish(convis_map_writer *w, int keep)
{
    map_sink *m = (map_sink *)w;
    if (keep && !m->status && m->held) map_flush(m);
    convis_hdf5_enter();
    int good = H5Dclose(m->set) >= 0;
    if (keep && !m->status) m->status = result_check(m->shared, good);
    convis_status left = result_leave(m->shared, keep && !m->status), status = m->status;
    convis_hdf5_leave();
    convis_release(w->context, m->frames);
    convis_release(w->context, m);
    return status ? status : left;
}

convis_status convis_hdf5_maps(convis_context *c, const char *path, const char *name, convis_shape frame,
                               const convis_provenance *provenance, convis_map_writer **writer)
{
    char full[256];
    convis_status status = convis_part_need(c, CONVIS_PART_HDF5, path, "cannot be written");
    map_sink *m = status ? NULL : convis_obtain(c, sizeof *m);
    if (!m) return status ? status : CONVIS_ENOMEM;
    m->base = (convis_map_writer){ c, frame, map_write, map_finish };
    m->set = -1;
    const int64_t all = convis_elements(frame);
    m->room = all < CHUNK ? (hsize_t)(CHUNK/all) : 1;
    m->frames = convis_obtain(c, (size_t)(all*(int64_t)m->room)*sizeof(float));
    if (!m->frames) { convis_release(c, m); return CONVIS_ENOMEM; }

    convis_hdf5_enter();
    status = result_join(c, path, provenance, &m->shared);
    if (!status) {
        const int first = frame.dim[CONVIS_B] > 1 ? CONVIS_B : frame.dim[CONVIS_C] > 1 ? CONVIS_C : CONVIS_T;
        hsize_t chunk[CONVIS_DIMS];
        m->dims = CONVIS_DIMS - first;
        m->axis = CONVIS_T - first;
        for (int k = 0; k < m->dims; k++) {
            m->dim[k] = (hsize_t)frame.dim[k + first];
            chunk[k] = k == m->axis ? m->room : k < m->axis ? 1 : m->dim[k];
        }
        snprintf(full, sizeof full, "probes/%s", name);
        hid_t file = ((result *)m->shared->content)->file;
        if (H5Lexists(file, "probes", H5P_DEFAULT) > 0 && H5Lexists(file, full, H5P_DEFAULT) > 0)
            status = convis_fail(c, CONVIS_EINVAL, "%s: two maps are named '%s', expected one of each name", path, name);
        else if ((m->set = create_growing(file, full, H5T_NATIVE_FLOAT, m->dims, m->dim, chunk, m->axis, 0)) < 0)
            status = result_check(m->shared, 0);
    }
    if (status && m->shared) {
        if (m->set >= 0) H5Dclose(m->set);
        result_leave(m->shared, 0);
    }
    convis_hdf5_leave();
    if (status) { convis_release(c, m->frames); convis_release(c, m); return status; }
    *writer = &m->base;
    return CONVIS_OK;
}

/* ---- Spikes ---- */

enum { SPIKES = 8192 };

typedef struct spike_sink {
    convis_spike_writer base;
    convis_shared *shared;
    hid_t    unit, time, layer;
    hsize_t  written;
    int64_t  held;
    convis_status status;
    double   times[SPIKES];
    int32_t  units[SPIKES], layers[SPIKES];
} spike_sink;

static int append_column(hid_t set, hid_t type, hsize_t at, hsize_t count, const void *data)
{
    return append(set, type, 1, &count, 0, at, count, count, data);
}

static convis_status spike_flush(spike_sink *s)
{
    const hsize_t held = (hsize_t)s->held;
    convis_hdf5_enter();
    s->status = result_check(s->shared, append_column(s->unit, H5T_NATIVE_INT32, s->written, held, s->units)
                                     && append_column(s->time, H5T_NATIVE_DOUBLE, s->written, held, s->times)
                                     && append_column(s->layer, H5T_NATIVE_INT32, s->written, held, s->layers));
    convis_hdf5_leave();
    s->written += held;
    s->held = 0;
    return s->status;
}

static convis_status spike_write(convis_spike_writer *w, const convis_spike *spikes, int64_t count)
{
    spike_sink *s = (spike_sink *)w;
    for (int64_t i = 0; i < count && !s->status; i++) {
        s->times[s->held] = spikes[i].time;
        s->units[s->held] = spikes[i].unit;
        s->layers[s->held] = spikes[i].layer;
        if (++s->held == SPIKES) spike_flush(s);
    }
    return s->status;
}

static convis_status spike_finish(convis_spike_writer *w, double seconds, int keep)
{
    spike_sink *s = (spike_sink *)w;
    if (keep && !s->status) spike_flush(s);
    convis_hdf5_enter();
    result *r = s->shared->content;
    int good = !keep || s->status || set_number(r->file, "seconds", H5T_NATIVE_DOUBLE, &seconds);
    if (s->unit >= 0) good = H5Dclose(s->unit) >= 0 && good;
    if (s->time >= 0) good = H5Dclose(s->time) >= 0 && good;
    if (s->layer >= 0) good = H5Dclose(s->layer) >= 0 && good;
    if (keep && !s->status) s->status = result_check(s->shared, good);
    convis_status left = result_leave(s->shared, keep && !s->status), status = s->status;
    convis_hdf5_leave();
    convis_release(w->context, s);
    return status ? status : left;
}

/* One column of the table of units: `from` is the field of the first. */
static int write_units(hid_t file, const char *name, hid_t type, size_t size, const void *from, int64_t count, char *column)
{
    for (int64_t i = 0; i < count; i++) memcpy(column + (size_t)i*size, (const char *)from + (size_t)i*sizeof(convis_cell), size);
    const hsize_t chunk = SPIKES, rows = (hsize_t)count;
    hid_t set = create_growing(file, name, type, 1, &rows, &chunk, 0, 1);
    int good = set >= 0 && append_column(set, type, 0, rows, column);
    if (set >= 0) good = H5Dclose(set) >= 0 && good;
    return good;
}

convis_status convis_hdf5_spikes(convis_context *c, const char *path, const convis_cell *units, int64_t count,
                                 const convis_provenance *provenance, convis_spike_writer **writer)
{
    const hsize_t chunk = SPIKES, none = 0;
    convis_status status = convis_part_need(c, CONVIS_PART_HDF5, path, "cannot be written");
    if (status) return status;
    spike_sink *s = convis_obtain(c, sizeof *s);
    char *column = s ? convis_obtain(c, (size_t)count*sizeof(double) + 1) : NULL;
    if (!column) { convis_release(c, s); return CONVIS_ENOMEM; }
    s->base = (convis_spike_writer){ c, spike_write, spike_finish };
    s->unit = s->time = s->layer = -1;

    convis_hdf5_enter();
    status = result_join(c, path, provenance, &s->shared);
    hid_t file = status ? -1 : ((result *)s->shared->content)->file;
    if (!status && H5Lexists(file, "spikes", H5P_DEFAULT) > 0)
        status = convis_fail(c, CONVIS_EINVAL, "%s: two outputs of spikes go to this file, expected one", path);
    const convis_cell nobody = { 0 }, *u = count ? units : &nobody;
    if (!status)
        status = result_check(
            s->shared, (s->unit = create_growing(file, "spikes/unit", H5T_NATIVE_INT32, 1, &none, &chunk, 0, 1)) >= 0 &&
                           (s->time = create_growing(file, "spikes/time", H5T_NATIVE_DOUBLE, 1, &none, &chunk, 0, 1)) >= 0 &&
                           (s->layer = create_growing(file, "spikes/layer", H5T_NATIVE_INT32, 1, &none, &chunk, 0, 1)) >= 0 &&
                           write_units(file, "units/id", H5T_NATIVE_INT32, sizeof u->id, &u->id, count, column) &&
                           write_units(file, "units/layer", H5T_NATIVE_INT32, sizeof u->layer, &u->layer, count, column) &&
                           write_units(file, "units/x", H5T_NATIVE_DOUBLE, sizeof u->x, &u->x, count, column) &&
                           write_units(file, "units/y", H5T_NATIVE_DOUBLE, sizeof u->y, &u->y, count, column));
    convis_hdf5_leave();
    convis_release(c, column);
    if (!status) { *writer = &s->base; return CONVIS_OK; }
    if (s->shared) spike_finish(&s->base, 0, 0);
    else convis_release(c, s);
    return status;
}
