/* without_ffmpeg.c - in a build without FFmpeg: what ffmpeg.c, png.c and film.c answer there. */
#include "base/parts.h"
#include "picture.h"

convis_status convis_ffmpeg_frames(convis_context *c, const char *path, const convis_movie_options *o, convis_frames **out)
{
    (void)o;
    *out = NULL;
    return convis_part_need(c, CONVIS_PART_FFMPEG, path, "cannot be read");
}

convis_status convis_png_write(convis_out *o, const uint8_t *bytes, int64_t planes, int64_t width, int64_t height,
                               const char *comment)
{
    (void)bytes; (void)planes; (void)width; (void)height; (void)comment;
    return o->status = convis_part_need(o->atomic.context, CONVIS_PART_FFMPEG, o->atomic.path, "cannot be written");
}

convis_status convis_film_open(convis_context *c, const char *path, const char *temporary, int64_t planes, int64_t width,
                               int64_t height, double fps, const char *comment, convis_film **film)
{
    (void)temporary; (void)planes; (void)width; (void)height; (void)fps; (void)comment;
    *film = NULL;
    return convis_part_need(c, CONVIS_PART_FFMPEG, path, "cannot be written");
}

/* Nobody has an open film. */
convis_status convis_film_add(convis_film *film, const uint8_t *bytes) { (void)film; (void)bytes; return CONVIS_ENOTSUP; }
convis_status convis_film_close(convis_film **film, int complete) { (void)film; (void)complete; return CONVIS_OK; }
