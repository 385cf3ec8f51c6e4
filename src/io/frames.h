/* frames.h - what movie.c, ffmpeg.c and sequence.c share: opening by name, resampling, common checks. */
#ifndef CONVIS_FRAMES_H
#define CONVIS_FRAMES_H
#include "format.h"

/* The source for a name (all but "-", "stim:" and patterns when nested is set), with its sentence when there is none. */
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
/* A sentence that names the frame by its number, and the pixel, when it has NaN or infinity. */
convis_status convis_frames_finite(convis_context *, const char *name, const convis_real *frame, int64_t width, int64_t height, int64_t number);
/* No file of that name, but a pattern of many. */
int           convis_frames_pattern(const char *name);

/* Frames that follow each other at `fps` (0: each lasts a step), shown in steps of dt: which one a step shows, and the first
 * step at which so many are over; -1 when that is beyond counting. */
int64_t       convis_frames_shown(double dt, double fps, int64_t step);
int64_t       convis_frames_steps(double dt, double fps, int64_t frames);
#endif
