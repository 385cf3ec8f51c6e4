/* picture.c - maps as pictures (.png) and films (.mp4): in grey, or, of three channels, in colour.
 *
 *      film.mp4          real time: where dt is below 1/60 s, each frame is the mean over as many steps as 1/60 s holds
 *      picture.png       the last frame
 *      p.%04d.png        every frame, a file each
 *
 * Black and white are the same throughout: the 0.1 and 99.9 percentiles of all values or, for maps of both signs, plus and
 * minus the larger of the two, so that zero is middle grey. Stimuli ("input", "stimulus") within 0..255 keep that range. The file's
 * comment says which. The range is known only at the end, so frames wait as floats in a nameless file beside the output. */
#include "picture.h"
#include "frames.h"
#include "base/parts.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

enum { BINS = 1 << 16 };

typedef struct picture {
    convis_map_writer writer;
    char   *path, *name;
    int64_t planes, width, height, pixels;       /* pixels: of all planes */
    convis_atomic_file film;               /* .mp4; and a single .png: opened at once, so that a wrong path shows before the run */
    convis_out   single;
    int     is_film, is_numbered;
    convis_numbered numbered;
    convis_out spill;                /* of films and numbered pictures */
    float  *frame;                   /* the last frame, or the mean under way */
    int64_t group, in_group, frames; /* steps per frame; in the mean so far; frames done */
    double  fps;
    float   low, high;               /* of all finite values */
    int64_t *bins;
    uint8_t *bytes;
} picture;

/* ---- From floats to grey ---- */

static void widen(picture *p)
{
    for (int64_t i = 0; i < p->pixels; i++) {
        const float v = p->frame[i];
        if (!isfinite(v)) continue;
        if (v < p->low) p->low = v;
        if (v > p->high) p->high = v;
    }
}

static void count(picture *p, const float *frame)
{
    const double scale = (BINS - 1)/((double)p->high - (double)p->low);
    for (int64_t i = 0; i < p->pixels; i++)
        if (isfinite(frame[i])) p->bins[(int64_t)(((double)frame[i] - (double)p->low)*scale)]++;
}

/* The value below which `share` of all values lie, to a bin. */
static double percentile(const picture *p, double share, int upper)
{
    int64_t total = 0, below = 0;
    for (int k = 0; k < BINS; k++) total += p->bins[k];
    int k = 0;
    while (k < BINS - 1 && (double)(below += p->bins[k]) <= share*(double)total) k++;
    return (double)p->low + (k + upper)*((double)p->high - (double)p->low)/(BINS - 1);
}

static void choose_range(const picture *p, double *black, double *white)
{
    *black = p->low;  *white = p->high;
    if (!(p->low <= p->high)) { *black = 0;  *white = 1;  return; }       /* nothing finite at all */
    if ((!strcmp(p->name, "input") || !strcmp(p->name, "stimulus")) && p->low >= 0 && p->high <= 255) {
        *black = 0;  *white = 255;
        return;
    }
    if (p->low < p->high) {
        const double low = percentile(p, .001, 0), high = fmin(percentile(p, .999, 1), p->high);
        if (low < high) { *black = low;  *white = high; }
    }
    if (*black < 0 && *white > 0) {
        *white = fmax(-*black, *white);
        *black = -*white;
    }
    if (*black == *white) { *black -= 1;  *white += 1; }                  /* a constant is middle grey */
}

static void shade(picture *p, const float *frame, double black, double white)
{
    for (int64_t i = 0; i < p->pixels; i++) {
        const double v = isfinite(frame[i]) ? ((double)frame[i] - black)/(white - black) : 0;
        p->bytes[i] = (uint8_t)(255*fmin(1, fmax(0, v)) + .5);
    }
}

/* ---- While the movie runs ---- */

static convis_status complete_frame(picture *p)
{
    for (int64_t i = 0; i < p->pixels && p->in_group > 1; i++) p->frame[i] /= (float)p->in_group;
    p->in_group = 0;
    p->frames++;
    if (!p->is_film && !p->is_numbered) return CONVIS_OK;
    widen(p);
    return convis_out_write(&p->spill, p->frame, (size_t)p->pixels*sizeof *p->frame);
}

static convis_status picture_write(convis_map_writer *w, convis_tensor frames)
{
    picture *p = (picture *)w;
    const int64_t *stride = frames.stride;
    for (int64_t t = 0; t < frames.shape.dim[CONVIS_T]; t++) {
        float *to = p->frame;
        for (int64_t k = 0; k < p->planes*p->height; k++) {
            const convis_real *row =
                frames.data + t*stride[CONVIS_T] + k/p->height*stride[CONVIS_C] + k%p->height*stride[CONVIS_Y];
            for (int64_t x = 0; x < p->width; x++, to++) {
                const float v = (float)row[x*stride[CONVIS_X]];
                *to = p->in_group ? *to + v : v;
            }
        }
        if (++p->in_group < p->group) continue;
        const convis_status status = complete_frame(p);
        if (status) return status;
    }
    return CONVIS_OK;
}

/* ---- At the end ---- */

static convis_status again(picture *p)
{
    return convis_out_check(&p->spill, !fflush(p->spill.file) && !fseeko(p->spill.file, 0, SEEK_SET));
}

static convis_status spilled(picture *p)
{
    return convis_out_check(&p->spill, fread(p->frame, sizeof *p->frame, (size_t)p->pixels, p->spill.file) == (size_t)p->pixels);
}

static convis_status write_numbered(picture *p, int64_t number, const char *comment)
{
    const size_t length = strlen(p->path) + 32;
    char *path = convis_obtain(p->writer.context, length);
    if (!path) return CONVIS_ENOMEM;
    snprintf(path, length, "%.*s%0*lld%s", (int)p->numbered.before, p->path, (int)p->numbered.width, (long long)number,
             p->path + strlen(p->path) - p->numbered.after);
    convis_out out;
    convis_status status = convis_out_open(p->writer.context, path, 0, &out);
    if (!status) {
        convis_png_write(&out, p->bytes, p->planes, p->width, p->height, comment);
        status = convis_out_finish(&out, 1);
    }
    convis_release(p->writer.context, path);
    return status;
}

static convis_status write_frames(picture *p, double black, double white, const char *comment)
{
    convis_film *film = NULL;
    convis_status status = again(p);
    if (!status && p->is_film)
        status = convis_film_open(p->writer.context, p->path, p->film.temporary, p->planes, p->width, p->height, p->fps, comment,
                                  &film);
    for (int64_t k = 0; !status && k < p->frames; k++) {
        status = spilled(p);
        if (status) break;
        shade(p, p->frame, black, white);
        status = p->is_film ? convis_film_add(film, p->bytes) : write_numbered(p, k, comment);
    }
    const convis_status closed = convis_film_close(&film, !status);
    return status ? status : closed;
}

static convis_status sync_film(picture *p)
{
    const int handle = open(p->film.temporary, O_RDONLY | O_CLOEXEC);
    const int good = handle >= 0 && !fsync(handle);
    if (handle >= 0) close(handle);
    return good ? CONVIS_OK : convis_fail(p->writer.context, CONVIS_EIO, "%s: the film cannot be brought to disk", p->path);
}

static convis_status picture_draw(picture *p)
{
    char comment[400];
    double black, white;
    const int spills = p->is_film || p->is_numbered;
    convis_status status = CONVIS_OK;
    if (p->in_group) status = complete_frame(p);                          /* a last mean over fewer steps */
    if (status) return status;
    if (p->frames == 0) return convis_fail(p->writer.context, CONVIS_ESTATE, "%s: no frame was written to it", p->path);
    if (!spills) widen(p);
    if (p->low < p->high) {
        if (spills) status = again(p);
        for (int64_t k = 0; !status && k < (spills ? p->frames : 1); k++) {
            if (spills && (status = spilled(p))) break;
            count(p, p->frame);
        }
    }
    if (status) return status;
    choose_range(p, &black, &white);
    convis_shorten(comment, sizeof comment, "convis: %s, black = %.9g, white = %.9g", p->name, black, white);
    if (spills) return write_frames(p, black, white, comment);
    shade(p, p->frame, black, white);
    return convis_png_write(&p->single, p->bytes, p->planes, p->width, p->height, comment);
}

static convis_status picture_finish(convis_map_writer *w, int keep)
{
    picture *p = (picture *)w;
    convis_context *c = w->context;
    convis_status status = keep ? picture_draw(p) : CONVIS_OK;
    if (p->is_film && keep && !status) status = sync_film(p);
    if (p->spill.file) convis_out_finish(&p->spill, 0);
    if (p->single.file) {
        const convis_status finished = convis_out_finish(&p->single, keep && !status);
        if (!status && keep) status = finished;
    }
    if (p->film.path) {
        if (!keep || status) convis_atomic_file_abandon(&p->film);
        else status = convis_atomic_file_commit(&p->film);
    }
    convis_release(c, p->path);
    convis_release(c, p->name);
    convis_release(c, p->frame);
    convis_release(c, p->bins);
    convis_release(c, p->bytes);
    convis_release(c, p);
    return status;
}

static convis_status prepare(picture *p, const char *path, const char *name, const convis_provenance *from)
{
    convis_context *c = p->writer.context;
    const double dt = from && from->dt > 0 ? from->dt : 0;
    p->path = convis_copy_text(c, path);
    p->name = convis_copy_text(c, name ? name : "");
    p->frame = convis_obtain(c, (size_t)p->pixels*sizeof *p->frame);
    p->bytes = convis_obtain(c, (size_t)p->pixels);
    p->bins = convis_obtain(c, BINS*sizeof *p->bins);
    if (!p->path || !p->name || !p->frame || !p->bytes || !p->bins) return CONVIS_ENOMEM;
    p->is_film = convis_has_extension(path, ".mp4");
    p->is_numbered = !p->is_film && convis_numbered_parse(path, &p->numbered);
    p->group = p->is_film && dt > 0 && dt < 1/60.0 ? (int64_t)fmin(1e9, ceil(1/(60*dt) - 1e-6)) : 1;
    p->fps = dt > 0 ? fmax(1e-3, 1/(dt*(double)p->group)) : 25;           /* 25: nobody said how long a frame lasts */
    p->low = INFINITY;  p->high = -INFINITY;
    convis_status status = CONVIS_OK;
    if (p->is_film) status = convis_atomic_file_open(c, path, &p->film);
    else if (!p->is_numbered) return convis_out_open(c, path, 0, &p->single);
    if (!status && (status = convis_out_spill(c, path, &p->spill))) p->spill.file = NULL;
    return status;
}

convis_status convis_ffmpeg_maps(convis_context *c, const char *path, const char *name, convis_shape shape,
                                 const convis_provenance *from, convis_map_writer **out)
{
    *out = NULL;
    const int coloured = shape.dim[CONVIS_B] == 1 && shape.dim[CONVIS_C] == 3;
    convis_status status = convis_part_need(c, CONVIS_PART_FFMPEG, path, "cannot be written");
    if (!status && !coloured) status = convis_one_channel(c, path, shape);
    if (!status) status = convis_frames_planes_check(c, path, 1, shape.dim[CONVIS_C], shape.dim[CONVIS_X], shape.dim[CONVIS_Y]);
    if (status) return status;
    picture *p = convis_obtain(c, sizeof *p);
    if (!p) return CONVIS_ENOMEM;
    p->writer = (convis_map_writer){ c, shape, picture_write, picture_finish };
    p->width = shape.dim[CONVIS_X];
    p->height = shape.dim[CONVIS_Y];
    p->planes = shape.dim[CONVIS_C];
    p->pixels = p->planes*p->width*p->height;
    status = prepare(p, path, name, from);
    if (status) { picture_finish(&p->writer, 0);  return status; }
    *out = &p->writer;
    return CONVIS_OK;
}
