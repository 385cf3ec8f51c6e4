/* without_libzip.c - in a build without libzip: what npz.c answers there. */
#include "base/parts.h"
#include "npy.h"
#include "spikes.h"

static convis_status no_reading(convis_context *c, const char *path)
{
    return convis_part_need(c, CONVIS_PART_LIBZIP, path, "cannot be read");
}

static convis_status no_writing(convis_context *c, const char *path)
{
    return convis_part_need(c, CONVIS_PART_LIBZIP, path, "cannot be written");
}

convis_status convis_npz_name(convis_context *c, const char *path, int64_t index, char *name, size_t size)
{
    (void)index; (void)size;
    *name = 0;
    return no_reading(c, path);
}

convis_status convis_npz_numbers(convis_context *c, const char *path, const char *key, int movie, convis_numbers **numbers)
{
    (void)key; (void)movie; (void)numbers;
    return no_reading(c, path);
}

convis_status convis_npz_frames(convis_context *c, const char *path, const char *key, const convis_movie_options *o,
                                convis_frames **frames)
{
    (void)key; (void)o; (void)frames;
    return no_reading(c, path);
}

convis_status convis_npz_spikes_read(convis_context *c, const char *path, convis_column *spikes)
{
    (void)spikes;
    return no_reading(c, path);
}

convis_status convis_npz_maps(convis_context *c, const char *path, const char *name, convis_shape frame,
                              const convis_provenance *provenance, convis_map_writer **writer)
{
    (void)name; (void)frame; (void)provenance; (void)writer;
    return no_writing(c, path);
}

convis_status convis_npz_spikes(convis_context *c, const char *path, const convis_cell *units, int64_t count,
                                const convis_provenance *provenance, convis_spike_writer **writer)
{
    (void)units; (void)count; (void)provenance; (void)writer;
    return no_writing(c, path);
}
