/* results.c - picks the writer by the file's extension, and checks what is asked of it. */
#include "base/text.h"
#include "sinks.h"
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* ".npy"; devices and pipes have no extension, and get text. */
static const char *extension(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    struct stat s;
    if (dot) return dot;
    return !strncmp(path, "/dev/", 5) || (!stat(path, &s) && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode)) ? ".csv" : "";
}

/* What was opened holds its context. */
static convis_status held(convis_context *c, convis_status status)
{
    if (!status) convis_context_hold(c);
    return status;
}

/* ---- Formats ---- */

typedef convis_status map_opener(convis_context *, const char *, const char *, convis_shape, const convis_provenance *,
                                 convis_map_writer **);
static const struct format {
    const char *extension;
    convis_spike_opener *spikes;
    map_opener *maps;
    const char *reads, *writes, *doc;                    /* as convis_format_info */
} FORMATS[] = {
    { ".npy",  convis_npy_spikes,  convis_npy_maps,  "movie|array|spikes", "maps|spikes", "an array of NumPy" },
    { ".npz",  convis_npz_spikes,  convis_npz_maps,  "movie|array|spikes|cells|parameters", "maps|spikes|cells",
      "arrays of NumPy by name" },
    { ".h5",   convis_hdf5_spikes, convis_hdf5_maps, "movie|array|spikes|cells|model", "maps|spikes|cells|model",
      "HDF5: arrays by name, spikes, and what they were made by; fitted models" },
    { ".hdf5", convis_hdf5_spikes, convis_hdf5_maps, "movie|array|spikes|cells", "maps|spikes|cells", "as .h5" },
    { ".inr",  NULL, convis_inr_maps,  "movie|array", "maps", "images of INRIA, as VirtualRetina has them" },
    { ".csv",  convis_csv_spikes, convis_csv_maps, "spikes", "maps|spikes", "lines of numbers; spikes: unit,time,layer" },
    { ".spk",  convis_spk_spikes, NULL, "spikes", "spikes", "spikes of VirtualRetina: unit and time" },
    { ".txt",  NULL, NULL, "cells", "cells", "cells: layer, unit and place" },
    { ".png",  NULL, convis_ffmpeg_maps, "movie", "maps|figure", "pictures, one a frame; any that FFmpeg reads are movies" },
    { ".mp4",  NULL, convis_ffmpeg_maps, "movie", "maps", "a movie; any that FFmpeg reads" },
    { ".svg",  NULL, NULL, NULL, "figure", "a drawing" },
    { ".pdf",  NULL, NULL, NULL, "figure", "a page" },
    { ".yaml", NULL, NULL, "model", "model", "a model as text" },
    { ".xml",  NULL, NULL, "model", "model", "a retina of VirtualRetina" } };
enum { COUNT = sizeof FORMATS/sizeof *FORMATS };

int convis_format_list(int index, convis_format_info *info)
{
    if (!info) return 0;
    *info = (convis_format_info){ NULL, NULL, NULL, NULL };
    if (index < 0 || index >= COUNT) return 0;
    const struct format *f = &FORMATS[index];
    *info = (convis_format_info){ f->extension, f->reads, f->writes, f->doc };
    return 1;
}

static const struct format *format_of(const char *path)
{
    for (int k = 0; k < COUNT; k++) if (!strcasecmp(extension(path), FORMATS[k].extension)) return &FORMATS[k];
    return NULL;
}

/* ---- Spikes ---- */

convis_status convis_spike_writer_open(convis_context *c, const char *path, const convis_cell *units, int64_t count,
                                       const convis_provenance *provenance, convis_spike_writer **writer)
{
    if (writer) *writer = NULL;
    CONVIS_NEEDS(c, path, writer);
    CONVIS_NEEDS_ARRAY(c, units, count);
    const struct format *f = format_of(path);
    if (f && f->spikes) return held(c, f->spikes(c, path, units, count, provenance, writer));
    return convis_fail(c, CONVIS_ENOTSUP, "%s: no format for spikes ends in '%s', expected .spk, .csv, .npy, .npz or .h5", path,
                       extension(path));
}

convis_status convis_spike_writer_write(convis_spike_writer *w, const convis_spike *spikes, int64_t count)
{
    CONVIS_NEEDS(w);
    CONVIS_NEEDS_ARRAY(w->context, spikes, count);
    return w->write(w, spikes, count);
}

convis_status convis_spike_writer_close(convis_spike_writer **writer, double seconds, int keep)
{
    convis_spike_writer *w = writer ? *writer : NULL;
    if (!w) return CONVIS_OK;
    convis_context *c = w->context;
    *writer = NULL;
    const convis_status status = w->finish(w, seconds, keep);
    convis_context_let_go(c);
    return status;
}

/* ---- Maps ---- */

convis_status convis_map_writer_open(convis_context *c, const char *path, const char *name, convis_shape frame,
                                     const convis_provenance *provenance, convis_map_writer **writer)
{
    if (writer) *writer = NULL;
    CONVIS_NEEDS(c, path, name, writer);
    const struct format *f = format_of(path);
    int64_t all = sizeof(float);
    for (int d = 0; d < CONVIS_DIMS; d++)
        if (frame.dim[d] < 1 || __builtin_mul_overflow(all, frame.dim[d], &all) || (d == CONVIS_T && frame.dim[d] != 1))
            return convis_fail(c, CONVIS_ESHAPE, "%s: a frame of shape (%lld, %lld, %lld, %lld, %lld), expected (B, C, 1, Y, X)",
                               path, (long long)frame.dim[0], (long long)frame.dim[1], (long long)frame.dim[2],
                               (long long)frame.dim[3], (long long)frame.dim[4]);
    /* The name becomes that of a data set, or of a member of a .npz. */
    if (!name || !*name || *name == '.' || strlen(name) > 200 || strpbrk(name, "/\\:\n\r\t"))
        return convis_fail(c, CONVIS_EINVAL, "%s: the data set '%s', expected a name without slashes and colons", path,
                           CONVIS_QUOTED(name ? name : ""));
    if (f && f->maps) return held(c, f->maps(c, path, name, frame, provenance, writer));
    return convis_fail(c, CONVIS_ENOTSUP,
                       "%s: no format for maps ends in '%s', expected .npy, .npz, .h5, .inr, .csv, .png or .mp4", path,
                       extension(path));
}

convis_status convis_map_writer_write(convis_map_writer *w, convis_tensor frames)
{
    CONVIS_NEEDS(w);
    for (int d = 0; d < CONVIS_DIMS; d++)
        if (d != CONVIS_T && frames.shape.dim[d] != w->frame.dim[d])
            return convis_fail(w->context, CONVIS_ESHAPE, "dimension %d of the frames to write: %lld, expected %lld", d,
                               (long long)frames.shape.dim[d], (long long)w->frame.dim[d]);
    if (frames.shape.dim[CONVIS_T] < 0 || (!frames.data && frames.shape.dim[CONVIS_T]))
        return convis_fail(w->context, CONVIS_EINVAL, "%lld frames to write, without data",
                           (long long)frames.shape.dim[CONVIS_T]);
    return w->write(w, frames);
}

convis_status convis_map_writer_close(convis_map_writer **writer, int keep)
{
    convis_map_writer *w = writer ? *writer : NULL;
    if (!w) return CONVIS_OK;
    convis_context *c = w->context;
    *writer = NULL;
    const convis_status status = w->finish(w, keep);
    convis_context_let_go(c);
    return status;
}

void convis_plane(convis_tensor frames, int64_t b, int64_t c, int64_t t, float *to)
{
    const int64_t *stride = frames.stride;
    const convis_real *from = frames.data + b*stride[CONVIS_B] + c*stride[CONVIS_C] + t*stride[CONVIS_T];
    for (int64_t y = 0; y < frames.shape.dim[CONVIS_Y]; y++)
        for (int64_t x = 0; x < frames.shape.dim[CONVIS_X]; x++)
            *to++ = (float)from[y*stride[CONVIS_Y] + x*stride[CONVIS_X]];
}

convis_status convis_one_channel(convis_context *c, const char *path, convis_shape frame)
{
    const int64_t channels = frame.dim[CONVIS_B]*frame.dim[CONVIS_C];
    return channels == 1
               ? CONVIS_OK
               : convis_fail(c, CONVIS_ENOTSUP,
                             "%s: %lld channels, expected 1 (.npy, .npz and .h5 take more, .png and .mp4 three as colour)", path,
                             (long long)channels);
}
