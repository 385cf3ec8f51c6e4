/* picture.h - pictures and films out, in grey or colour: from floats to 8 bits (picture.c), from 8 bits to a file (png.c, film.c). */
#ifndef CONVIS_PICTURE_H
#define CONVIS_PICTURE_H
#include "sinks.h"

/* `comment` says what black and white stand for. bytes: (planes, height, width), one plane of grey or those of red, green and blue. */
convis_status convis_png_write(convis_out *, const uint8_t *bytes, int64_t planes, int64_t width, int64_t height,
                               const char *comment);

/* An H.264 film (MPEG-4 part 2 where this FFmpeg has no H.264 encoder) of `fps` frames a second, in a file of any name. */
typedef struct convis_film convis_film;
convis_status convis_film_open (convis_context *, const char *path, const char *temporary, int64_t planes, int64_t width,
                               int64_t height, double fps, const char *comment, convis_film **);
convis_status convis_film_add  (convis_film *, const uint8_t *bytes);
convis_status convis_film_close(convis_film **, int complete);           /* accepts NULL; leaves NULL */
#endif
