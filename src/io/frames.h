/* frames.h - what movie.c, ffmpeg.c and sequence.c share: opening by name, resampling, common checks. */
#ifndef CONVIS_FRAMES_H
#define CONVIS_FRAMES_H
#include "format.h"

/* The source for a name (all but "-", "stim:" and patterns when nested is set: then one picture is asked for, and an array (Y, X) is
 * one), with its sentence when there is none. */
convis_status convis_frames_open(convis_context *, const char *name, const convis_movie_options *, int nested, convis_frames **);
void          convis_frames_close(convis_frames **);                      /* accepts NULL; leaves NULL */
/* Does the name end in this extension, whatever the case (".npy")? */
int           convis_has_extension(const char *name, const char *extension);

/* "text%0Nd text": lengths of the text before and after the number, and its least number of digits. 0: no such pattern. */
typedef struct convis_numbered { size_t before, after, width; } convis_numbered;
int           convis_numbered_parse(const char *pattern, convis_numbered *);

/* A frame of one size made into another: the mean over the area of the source that a pixel covers where it shrinks, linear
 * interpolation between pixel centres where it grows; each axis on its own. Constants are preserved. */
typedef struct convis_resample convis_resample;
convis_status convis_resample_open (convis_context *, int64_t width, int64_t height, int64_t to_width, int64_t to_height,
                                    convis_resample **);
void          convis_resample_run  (const convis_resample *, const convis_real *in, convis_real *out);
void          convis_resample_close(convis_context *, convis_resample **);

/* Frames larger than this are refused before any memory is asked for: 2^28 pixels are a gigabyte a frame. */
#define CONVIS_MAX_PIXELS ((int64_t)1 << 28)
convis_status convis_frames_size_check(convis_context *, const char *name, int64_t width, int64_t height);
/* The same of frames of several planes: all of them together must not be larger. */
convis_status convis_frames_planes_check(convis_context *, const char *name, int64_t batch, int64_t channels, int64_t width,
                                         int64_t height);
/* A sentence that names the frame by its number, and the pixel, when it has NaN or infinity. frame: (B, C, Y, X), a shape whose T does
 * not matter. */
convis_status convis_frames_finite(convis_context *, const char *name, const convis_real *frame, const int64_t dim[CONVIS_DIMS],
                                   int64_t number);
/* Does the option ask for red, green and blue? */
int           convis_frames_coloured(const convis_movie_options *);
/* How many channels a source of `from` has to give for these options, and whether they come by convis_channels_map; a sentence where it
 * cannot be done. */
convis_status convis_channels_choose(convis_context *, const char *name, int64_t from, const convis_movie_options *, int64_t *to,
                                     int *mapped);
/* Rec. 709 of the values as they are; exactly g where r = g = b. */
static inline convis_real convis_luminance(convis_real r, convis_real g, convis_real b)
{
    return g + (convis_real)0.2126*(r - g) + (convis_real)0.0722*(b - g);
}
/* One channel from three (`channel`: -1 luminance, else that one), or three from one, of `pixels` each. */
void          convis_channels_map(int channel, int64_t from, int64_t to, const convis_real *in, convis_real *out, int64_t pixels);
/* No file of that name, but a pattern of many. */
int           convis_frames_pattern(const char *name);

/* Frames that follow each other at `fps` (0: each lasts a step), shown in steps of dt: which one a step shows, and the first
 * step at which so many are over; -1 when that is beyond counting. */
int64_t       convis_frames_shown(double dt, double fps, int64_t step);
int64_t       convis_frames_steps(double dt, double fps, int64_t frames);
#endif
