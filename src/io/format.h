/* format.h - what one file format offers to the rest of io: a source of frames, a sink of frames, spikes either way.
 *
 * One format a file (npy.c, npz.c, hdf5.c, inr.c, csv.c, spk.c, ffmpeg.c ...). movie.c turns a source's frames into
 * steps of the model; results.c picks the sink. A format never guesses timing: it reports what the file says. */
#ifndef CONVIS_FORMAT_H
#define CONVIS_FORMAT_H
#include "base/atomic_file.h"
#include <convis/io.h>

/* An open source of frames at their own rate. The format allocates it (convis_obtain) and closes itself. */
typedef struct convis_frames convis_frames;
struct convis_frames {
    convis_context *context;
    int64_t batch, channels;         /* planes of a frame, (batch, channels, y, x); 0 counts as 1 until convis_frames_open */
    int64_t width, height;
    int64_t count;                   /* frames; -1 when only the end will tell */
    double  fps;                     /* what the file says; 0: it does not say (arrays, sequences) */
    int     still;                   /* a photograph: one frame to be held */
    char    format[32];
    /* The next frame, batch*channels*y*x values. start: its time stamp in seconds from the first frame, or negative when frames just
     * follow each other. Returns 1: a frame; 0: the end; -1: an error, its sentence on the context. */
    int  (*next)(convis_frames *, convis_real *frame, double *start);
    /* Pass over `frames` frames without decoding them where that is possible; NULL: movie.c reads and drops. */
    int  (*skip)(convis_frames *, int64_t frames);
    void (*close)(convis_frames *);
};

/* An open sink of maps. `name` is the probe's path. finish(keep): complete and rename into place, or remove. */
struct convis_map_writer {
    convis_context *context;
    convis_shape frame;
    convis_status (*write)(convis_map_writer *, convis_tensor frames);
    convis_status (*finish)(convis_map_writer *, int keep);      /* frees itself */
};
struct convis_spike_writer {
    convis_context *context;
    convis_status (*write)(convis_spike_writer *, const convis_spike *, int64_t count);
    convis_status (*finish)(convis_spike_writer *, double seconds, int keep);
};

/* Sources: */
convis_status convis_npy_frames   (convis_context *, const char *path, const convis_movie_options *, convis_frames **);
convis_status convis_npz_frames   (convis_context *, const char *path, const char *key, const convis_movie_options *,
                                convis_frames **);
convis_status convis_hdf5_frames  (convis_context *, const char *path, const char *dataset, const convis_movie_options *,
                                 convis_frames **);
convis_status convis_inr_frames   (convis_context *, const char *path, const convis_movie_options *, convis_frames **);
convis_status convis_ffmpeg_frames(convis_context *, const char *path, const convis_movie_options *,
                                   convis_frames **);   /* movies, images */
convis_status convis_sequence_frames(convis_context *, const char *pattern, const convis_movie_options *,
                                     convis_frames **); /* globs, %04d */
convis_status convis_raw_frames   (convis_context *, const convis_movie_options *, convis_frames **);    /* standard input */
convis_status convis_spikes_frames(convis_context *, const char *path, const convis_movie_options *,
                                   convis_frames **);   /* counts a step */

/* Sinks, by extension; arguments as convis_map_writer_open and convis_spike_writer_open: */
convis_status convis_npy_maps   (convis_context *, const char *file, const char *name, convis_shape, const convis_provenance *,
                              convis_map_writer **);
convis_status convis_npz_maps   (convis_context *, const char *file, const char *name, convis_shape, const convis_provenance *,
                              convis_map_writer **);
convis_status convis_hdf5_maps  (convis_context *, const char *file, const char *name, convis_shape, const convis_provenance *,
                               convis_map_writer **);
convis_status convis_inr_maps   (convis_context *, const char *file, const char *name, convis_shape, const convis_provenance *,
                              convis_map_writer **);
convis_status convis_csv_maps   (convis_context *, const char *file, const char *name, convis_shape, const convis_provenance *,
                              convis_map_writer **);
convis_status convis_ffmpeg_maps(convis_context *, const char *file, const char *name, convis_shape, const convis_provenance *,
                                 convis_map_writer **); /* .png .mp4 */
#endif
