/* npz.c - NumPy's archives: a zip of .npy files, stored or deflated, read while they are unpacked.
 *
 * A zip cannot be written a bit of each member at a time, so members grow in nameless files beside it and are put
 * together at the end, stored, as numpy.savez does. Spikes: unit, time, layer; cells: unit_id, unit_layer, unit_x, unit_y;
 * seconds; maps by their probe's name. */
#include "base/parts.h"
#include "base/parts/libzip_calls.h"
#include "npy.h"
#include "spikes.h"
#include <errno.h>
#include <string.h>

/* ---- In ---- */

typedef struct member_bytes {
    convis_bytes base;
    zip_t       *archive;
    zip_file_t  *member;
    char        *name;                                   /* "file.npz:key" */
} member_bytes;

static convis_status broken(convis_bytes *b)
{
    return convis_fail(b->context, CONVIS_EFORMAT, "%s: %s", b->name,
                       zip_error_strerror(zip_file_get_error(((member_bytes *)b)->member)));
}

static int64_t member_read(convis_bytes *b, void *to, int64_t bytes)
{
    member_bytes *m = (member_bytes *)b;
    int64_t got = 0, some = 1;
    for (; got < bytes && some > 0; got += some) {
        some = zip_fread(m->member, (char *)to + got, (zip_uint64_t)(bytes - got));
        if (some < 0) { broken(b); return -1; }
    }
    b->left -= got;
    char past;                                           /* asking past the end makes libzip compare the checksum */
    if (!b->left && zip_fread(m->member, &past, 1) < 0) { broken(b); return -1; }
    return got;
}

static convis_status member_skip(convis_bytes *b, int64_t bytes)
{
    char drop[4096];
    for (int64_t got = 1; bytes > 0 && got > 0; bytes -= got)
        if ((got = member_read(b, drop, bytes < (int64_t)sizeof drop ? bytes : (int64_t)sizeof drop)) < 0) return CONVIS_EFORMAT;
    return CONVIS_OK;
}

/* Only of stored members, in which libzip can seek. */
static int64_t member_at(convis_bytes *b, int64_t from, void *to, int64_t bytes)
{
    zip_file_t *member = ((member_bytes *)b)->member;
    const zip_int64_t before = zip_ftell(member);
    int64_t got = 0, some = 1;
    if (before < 0 || zip_fseek(member, from, SEEK_SET)) { broken(b); return -1; }
    for (; got < bytes && some > 0; got += some) {
        some = zip_fread(member, (char *)to + got, (zip_uint64_t)(bytes - got));
        if (some < 0) { broken(b); return -1; }
        }
    if (zip_fseek(member, before, SEEK_SET)) { broken(b); return -1; }
    return got;
}

static void member_close(convis_bytes *b)
{
    member_bytes *m = (member_bytes *)b;
    if (m->member) zip_fclose(m->member);
    zip_discard(m->archive);
    convis_release(b->context, m->name);
    convis_release(b->context, m);
}

static convis_status archive_open(convis_context *c, const char *path, zip_t **archive)
{
    FILE *file;
    int64_t size;
    zip_error_t error;
    *archive = NULL;
    convis_status status = convis_part_need(c, CONVIS_PART_LIBZIP, path, "cannot be read");
    if (!status) status = convis_file_open(c, path, "a .npz archive", 0, &file, &size);
    if (status) return status;
    if (size < 0) status = convis_fail(c, CONVIS_EIO, "%s: a pipe, expected a file", path);
    zip_error_init(&error);
    zip_source_t *source = status ? NULL : zip_source_filep_create(file, 0, -1, &error);
    if (!source) fclose(file);
    else *archive = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (source && !*archive) zip_source_free(source);
    if (!status && !*archive)
        status = convis_fail(c, CONVIS_EFORMAT, "%s: %s, expected a .npz archive", path, zip_error_strerror(&error));
    zip_error_fini(&error);
    return status;
}

/* The index-th member's bytes; takes the archive, and closes it even when it fails. */
static convis_status member_open(convis_context *c, const char *path, zip_t *archive, zip_int64_t index, convis_bytes **bytes)
{
    zip_stat_t s;
    member_bytes *m = convis_obtain(c, sizeof *m);
    if (!m) { zip_discard(archive); return CONVIS_ENOMEM; }
    *m = (member_bytes){ { c, NULL, 0, 0, member_read, member_skip, NULL, member_close }, archive, NULL, NULL };
    convis_status status =
        zip_stat_index(archive, (zip_uint64_t)index, 0, &s) || (s.valid & (ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE)) !=
                                                                   (ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE)
            ? convis_fail(c, CONVIS_EFORMAT, "%s: %s", path, zip_strerror(archive))
            : CONVIS_OK;
    if (!status) {
        size_t room = strlen(path) + strlen(s.name) + 2, length = strlen(s.name);
        if (length > 4 && !strcmp(s.name + length - 4, ".npy")) length -= 4;
        m->base.name = m->name = convis_obtain(c, room);
        if (m->name) snprintf(m->name, room, "%s:%.*s", path, (int)length, s.name);
        else status = CONVIS_ENOMEM;
    }
    /* Deflate packs at most 1032 to 1: a directory that claims more would only make us ask for memory. */
    if (!status && (s.size > INT64_MAX/2 || s.size/1032 > s.comp_size + 1))
        status = convis_fail(c, CONVIS_EFORMAT, "%s: claims %llu bytes out of %llu, expected at most 1032 times as many", m->name,
                             (unsigned long long)s.size, (unsigned long long)s.comp_size);
    if (!status && !(m->member = zip_fopen_index(archive, (zip_uint64_t)index, 0)))
        status = convis_fail(c, CONVIS_EFORMAT, "%s: %s", m->name, zip_strerror(archive));
    if (status) { member_close(&m->base); return status; }
    m->base.left = m->base.size = (int64_t)s.size;
    if (s.valid & ZIP_STAT_COMP_METHOD && s.comp_method == ZIP_CM_STORE) m->base.at = member_at;
    *bytes = &m->base;
    return CONVIS_OK;
}

static convis_status numbers_open(convis_context *c, const char *path, zip_int64_t index, convis_numbers **numbers)
{
    zip_t *archive;
    convis_bytes *b;
    convis_status status = archive_open(c, path, &archive);
    if (!status) status = member_open(c, path, archive, index, &b);
    if (!status) status = convis_npy_stream(b, numbers);
    if (!status) snprintf((*numbers)->format, sizeof (*numbers)->format, "npz");
    return status;
}

/* "a, b, c" for the sentence that says what there is. */
static const char *list_names(zip_t *archive, char *text, size_t room)
{
    size_t used = 0;
    zip_int64_t count = zip_get_num_entries(archive, 0);
    *text = 0;
    for (zip_int64_t i = 0; i < count && used + 1 < room; i++) {
        const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
        size_t length = name ? strlen(name) : 0;
        if (length > 4 && !strcmp(name + length - 4, ".npy")) length -= 4;
        used += (size_t)snprintf(text + used, room - used, "%s%.*s", i ? ", " : "", (int)length, name ? name : "?");
    }
    return *text ? text : "nothing";
}

convis_status convis_npz_name(convis_context *c, const char *path, int64_t index, char *name, size_t size)
{
    zip_t *archive;
    *name = 0;
    convis_status status = archive_open(c, path, &archive);
    if (status) return status;
    if (index < zip_get_num_entries(archive, 0)) {
        const char *full = zip_get_name(archive, (zip_uint64_t)index, 0);
        size_t length = full ? strlen(full) : 0;
        if (length > 4 && !strcmp(full + length - 4, ".npy")) length -= 4;
        if (!length || length >= size)
            status = convis_fail(c, CONVIS_EFORMAT, "%s: array %lld has a name of %zu letters, expected 1 to %zu", path,
                                                            (long long)index, length, size - 1);
        else snprintf(name, size, "%.*s", (int)length, full);
    }
    zip_discard(archive);
    return status;
}

convis_status convis_npz_numbers(convis_context *c, const char *path, const char *key, int movie, convis_numbers **numbers)
{
    zip_t *archive;
    char text[400];
    convis_status status = archive_open(c, path, &archive);
    if (status) return status;
    const zip_int64_t count = zip_get_num_entries(archive, 0);
    if (key) {
        zip_int64_t index = -1;
        if (snprintf(text, sizeof text, "%s.npy", key) < (int)sizeof text) index = zip_name_locate(archive, text, 0);
        if (index < 0) index = zip_name_locate(archive, key, 0);
        if (index < 0)
            status =
                convis_fail(c, CONVIS_ENAME, "%s: no array '%s', it has %s", path, key, list_names(archive, text, sizeof text));
        zip_discard(archive);
        return status ? status : numbers_open(c, path, index, numbers);
    }
    int found = 0;
    for (int least = movie ? 2 : 0; least >= (movie ? 1 : 0) && !found && status != CONVIS_ENOMEM; least--)
        for (zip_int64_t i = 0; i < count && !found; i++) {
            status = numbers_open(c, path, i, numbers);
            if (status == CONVIS_ENOMEM) break;
            found = !status && (convis_numbers_movie(*numbers) >= least || count == 1);  /* its shape gets its own sentence */
            if (!status && !found) (*numbers)->close(*numbers);
        }
    if (!found && status != CONVIS_ENOMEM && count != 1) /* a single member has said itself what is wrong with it */
        status = convis_fail(c, CONVIS_EFORMAT, "%s: none of its arrays is %s, it has %s", path,
                             movie ? "a movie (T, Y, X)" : "of numbers", list_names(archive, text, sizeof text));
    zip_discard(archive);
    return found ? CONVIS_OK : status;
}

convis_status convis_npz_frames(convis_context *c, const char *path, const char *key, const convis_movie_options *o,
                                convis_frames **frames)
{
    convis_numbers *n;
    convis_status status = convis_npz_numbers(c, path, key, 1, &n);
    return status ? status : convis_numbers_frames(n, o, frames);
}

convis_status convis_npz_spikes_read(convis_context *c, const char *path, convis_column *spikes)
{
    static const char *const KEYS[3] = { "unit", "time", "layer" };
    convis_array columns[3] = { { .data = NULL } };
    convis_status status = CONVIS_OK;
    for (int k = 0; k < 3 && !status; k++) {
        convis_numbers *n;
        status = convis_npz_numbers(c, path, KEYS[k], 0, &n);
        if (!status) status = convis_numbers_array(n, &columns[k]);
        else if (k == 2 && status == CONVIS_ENAME) status = CONVIS_OK;
    }
    if (!status) status = convis_spikes_columns(c, path, &columns[0], &columns[1], &columns[2], spikes);
    for (int k = 0; k < 3; k++) convis_array_free(&columns[k]);
    return status;
}

/* ---- Out ---- */

typedef struct member member;
struct member {
    member    *next;
    char      *name;
    convis_out out;
};

/* A new member of the archive: a nameless file that grows. Once per name. */
static convis_status member_add(convis_shared *s, const char *path, const char *name, member **added)
{
    member **at = (member **)&s->content;
    for (; *at; at = &(*at)->next)
        if (!strcmp((*at)->name, name))
            return convis_fail(s->context, CONVIS_EINVAL, "%s: two arrays are named '%s', expected one of each name", path, name);
    member *m = convis_obtain(s->context, sizeof *m);
    if (!m) return CONVIS_ENOMEM;
    m->name = convis_obtain(s->context, strlen(name) + 1);
    convis_status status = m->name ? convis_out_spill(s->context, s->atomic.path, &m->out) : CONVIS_ENOMEM;
    if (status) {
        convis_release(s->context, m->name);
        convis_release(s->context, m);
        return status;
    }
    strcpy(m->name, name);
    *added = *at = m;
    return CONVIS_OK;
}

/* Give the member's file to libzip, which closes it. */
static int member_pack(zip_t *archive, member *m)
{
    char name[256];
    zip_source_t *source = zip_source_filep(archive, m->out.file, 0, -1);
    if (!source) return 0;
    m->out.file = NULL;
    snprintf(name, sizeof name, "%s.npy", m->name);
    zip_int64_t index = zip_file_add(archive, name, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) { zip_source_free(source); return 0; }
    /* One date for all, that of numpy.savez, so that the same run gives the same bytes. */
    return !zip_set_file_compression(archive, (zip_uint64_t)index, ZIP_CM_STORE, 0)
        && !zip_file_set_dostime(archive, (zip_uint64_t)index, 0, 33, 0);
}

static convis_status archive_write(convis_shared *s)
{
    int code = 0;
    zip_error_t error;
    zip_t *archive = zip_open(s->atomic.temporary, ZIP_CREATE | ZIP_EXCL, &code);
    if (!archive) {
        zip_error_init_with_code(&error, code);
        convis_fail(s->context, CONVIS_EIO, "%s: %s", s->atomic.path, zip_error_strerror(&error));
        zip_error_fini(&error);
        return CONVIS_EIO;
    }
    int good = 1;
    for (member *m = s->content; m && good; m = m->next) good = member_pack(archive, m);
    if (good && !zip_close(archive)) return CONVIS_OK;
    convis_fail(s->context, CONVIS_EIO, "%s: %s", s->atomic.path, zip_strerror(archive));
    zip_discard(archive);
    return CONVIS_EIO;
}

/* One of the archive's writers is done; the last one puts it together. */
static convis_status archive_leave(convis_shared *s, int keep)
{
    if (!convis_shared_leave(s, keep)) return CONVIS_OK;
    convis_context *c = s->context;
    convis_status status = CONVIS_OK;
    if (!s->spoiled) status = archive_write(s);
    if (status) s->spoiled = 1;
    for (member *m = s->content, *next; m; m = next) {
        next = m->next;
        convis_out_finish(&m->out, 0);
        convis_release(c, m->name);
        convis_release(c, m);
    }
    convis_status ended = convis_shared_end(s);
    return status ? status : ended;
}

/* Flushed, and at its start, where libzip takes for granted that it is. */
static convis_status member_done(member *m)
{
    return convis_out_check(&m->out, !fflush(m->out.file) && !fseeko(m->out.file, 0, SEEK_SET));
}

typedef struct map_sink {
    convis_map_writer base;
    convis_shared *shared;
    member        *member;                               /* in its final order */
    convis_out     spill;                                /* as time goes on, only for several planes */
    convis_npy_map map;
    int            several;
} map_sink;

static convis_status map_write(convis_map_writer *w, convis_tensor frames)
{
    return convis_npy_map_write(&((map_sink *)w)->map, frames);
}

static convis_status map_finish(convis_map_writer *w, int keep)
{
    map_sink *m = (map_sink *)w;
    convis_status status = CONVIS_OK;
    if (keep) status = convis_npy_map_end(&m->map, m->several ? &m->member->out : NULL);
    if (keep && !status) status = member_done(m->member);
    convis_npy_map_free(&m->map);
    if (m->several) convis_out_finish(&m->spill, 0);
    convis_status left = archive_leave(m->shared, keep && !status);
    convis_release(w->context, m);
    return status ? status : left;
}

convis_status convis_npz_maps(convis_context *c, const char *path, const char *name, convis_shape frame,
                              const convis_provenance *provenance, convis_map_writer **writer)
{
    (void)provenance;
    convis_status status = convis_part_need(c, CONVIS_PART_LIBZIP, path, "cannot be written");
    map_sink *m = status ? NULL : convis_obtain(c, sizeof *m);
    if (!m) return status ? status : CONVIS_ENOMEM;
    m->base = (convis_map_writer){ c, frame, map_write, map_finish };
    status = convis_shared_join(c, path, &m->shared);
    if (status) { convis_release(c, m); return status; }
    status = member_add(m->shared, path, name, &m->member);
    if (!status && convis_npy_map_planes(frame) > 1) {
        status = convis_out_spill(c, m->shared->atomic.path, &m->spill);
        m->several = !status;
    }
    if (!status) status = convis_npy_map_begin(m->several ? &m->spill : &m->member->out, frame, &m->map);
    if (status) { map_finish(&m->base, 0); return status; }
    *writer = &m->base;
    return CONVIS_OK;
}

enum { UNIT, TIME, LAYER, UNIT_ID, UNIT_LAYER, UNIT_X, UNIT_Y, SECONDS, COLUMNS };
static const struct { const char *name, *type; } COLUMN[COLUMNS] = {
    { "unit", "i4" }, { "time", "f8" }, { "layer", "i4" }, { "unit_id", "i4" }, { "unit_layer", "i4" },
    { "unit_x", "f8" }, { "unit_y", "f8" }, { "seconds", "f8" } };

typedef struct spike_sink {
    convis_spike_writer base;
    convis_shared *shared;
    member        *members[COLUMNS];
    convis_npy_out npy[COLUMNS];
} spike_sink;

static convis_status column_add(spike_sink *s, int k, const void *value, size_t size)
{
    s->npy[k].dim[0]++;
    return convis_out_write(&s->members[k]->out, value, size);
}

static convis_status spike_write(convis_spike_writer *w, const convis_spike *spikes, int64_t count)
{
    spike_sink *s = (spike_sink *)w;
    convis_status status = CONVIS_OK;
    for (int64_t i = 0; i < count && !status; i++) {
        status = column_add(s, UNIT, &spikes[i].unit, sizeof spikes[i].unit);
        if (!status) status = column_add(s, TIME, &spikes[i].time, sizeof spikes[i].time);
        if (!status) status = column_add(s, LAYER, &spikes[i].layer, sizeof spikes[i].layer);
    }
    return status;
}

static convis_status spike_finish(convis_spike_writer *w, double seconds, int keep)
{
    spike_sink *s = (spike_sink *)w;
    convis_status status = keep ? convis_out_write(&s->members[SECONDS]->out, &seconds, sizeof seconds) : CONVIS_OK;
    for (int k = 0; k < COLUMNS && keep && !status; k++) {
        status = convis_npy_end(&s->npy[k]);
        if (!status) status = member_done(s->members[k]);
    }
    convis_status left = archive_leave(s->shared, keep && !status);
    convis_release(w->context, s);
    return status ? status : left;
}

convis_status convis_npz_spikes(convis_context *c, const char *path, const convis_cell *units, int64_t count,
                                const convis_provenance *provenance, convis_spike_writer **writer)
{
    (void)provenance;
    convis_status status = convis_part_need(c, CONVIS_PART_LIBZIP, path, "cannot be written");
    spike_sink *s = status ? NULL : convis_obtain(c, sizeof *s);
    if (!s) return status ? status : CONVIS_ENOMEM;
    s->base = (convis_spike_writer){ c, spike_write, spike_finish };
    status = convis_shared_join(c, path, &s->shared);
    if (status) { convis_release(c, s); return status; }
    for (int k = 0; k < COLUMNS && !status; k++) {
        status = member_add(s->shared, path, COLUMN[k].name, &s->members[k]);
        if (status) break;
        s->npy[k] = (convis_npy_out){ &s->members[k]->out, COLUMN[k].type, k != SECONDS, { 0 } };
        status = convis_npy_begin(&s->npy[k]);
    }
    for (int64_t i = 0; i < count && !status; i++) {
        status = column_add(s, UNIT_ID, &units[i].id, sizeof units[i].id);
        if (!status) status = column_add(s, UNIT_LAYER, &units[i].layer, sizeof units[i].layer);
        if (!status) status = column_add(s, UNIT_X, &units[i].x, sizeof units[i].x);
        if (!status) status = column_add(s, UNIT_Y, &units[i].y, sizeof units[i].y);
    }
    if (status) { spike_finish(&s->base, 0, 0); return status; }
    *writer = &s->base;
    return CONVIS_OK;
}
