/* without_hdf5.c - in a build without HDF5: what hdf5.c, hdf5_disk.c and hdf5_store.c answer there. */
#include "base/parts.h"
#include "hdf5.h"
#include "npy.h"
#include "spikes.h"

static convis_status no_reading(convis_context *c, const char *path)
{
    return convis_part_need(c, CONVIS_PART_HDF5, path, "cannot be read");
}

static convis_status no_writing(convis_context *c, const char *path)
{
    return convis_part_need(c, CONVIS_PART_HDF5, path, "cannot be written");
}

/* ---- Arrays, movies, spikes, maps ---- */

convis_status convis_hdf5_numbers(convis_context *c, const char *path, const char *name, int movie, convis_numbers **numbers)
{
    (void)name; (void)movie; (void)numbers;
    return no_reading(c, path);
}

convis_status convis_hdf5_frames(convis_context *c, const char *path, const char *name, const convis_movie_options *o,
                                 convis_frames **frames)
{
    (void)name; (void)o; (void)frames;
    return no_reading(c, path);
}

convis_status convis_hdf5_spikes_read(convis_context *c, const char *path, convis_column *spikes)
{
    (void)spikes;
    return no_reading(c, path);
}

convis_status convis_hdf5_maps(convis_context *c, const char *path, const char *name, convis_shape frame,
                               const convis_provenance *provenance, convis_map_writer **writer)
{
    (void)name; (void)frame; (void)provenance; (void)writer;
    return no_writing(c, path);
}

convis_status convis_hdf5_spikes(convis_context *c, const char *path, const convis_cell *units, int64_t count,
                                 const convis_provenance *provenance, convis_spike_writer **writer)
{
    (void)units; (void)count; (void)provenance; (void)writer;
    return no_writing(c, path);
}

/* ---- Saved models ---- */

convis_status convis_hdf5_text(convis_context *c, const char *path, const char *name, char **text)
{
    (void)name;
    *text = NULL;
    return no_reading(c, path);
}

convis_status convis_store_open(convis_context *c, const char *path, convis_store **store)
{
    *store = NULL;
    return no_writing(c, path);
}

/* Nobody has an open store. */
void convis_store_text(convis_store *s, const char *name, const char *text) { (void)s; (void)name; (void)text; }
void convis_store_note(convis_store *s, const char *name, const char *text) { (void)s; (void)name; (void)text; }
void convis_store_whole(convis_store *s, const char *name, uint64_t value) { (void)s; (void)name; (void)value; }
void convis_store_number(convis_store *s, const char *name, double value) { (void)s; (void)name; (void)value; }
convis_status convis_store_close(convis_store **s, int keep) { (void)s; (void)keep; return CONVIS_OK; }

void convis_store_bytes(convis_store *s, const char *name, const void *bytes, size_t size)
{
    (void)s; (void)name; (void)bytes; (void)size;
}

void convis_store_numbers(convis_store *s, const char *name, int dims, const int64_t *dim, const double *values)
{
    (void)s; (void)name; (void)dims; (void)dim; (void)values;
}

convis_status convis_store_list(convis_context *c, const char *path, const char *group, int64_t index, char *name, size_t size)
{
    (void)group; (void)index; (void)size;
    *name = 0;
    return no_reading(c, path);
}

convis_status convis_store_read_bytes(convis_context *c, const char *path, const char *name, void *bytes, size_t room,
                                      size_t *count)
{
    (void)name; (void)bytes; (void)room;
    *count = 0;
    return no_reading(c, path);
}

convis_status convis_store_read_whole(convis_context *c, const char *path, const char *name, uint64_t *value)
{
    (void)name; (void)value;
    return no_reading(c, path);
}

double convis_store_attribute(const char *path, const char *name)
{
    (void)path; (void)name;
    return 0;
}
