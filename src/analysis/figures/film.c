/* film.c - the frames of a map or movie, one at a time, however long it is. */
#include "figure.h"
#include "io/hdf5.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Frames are taken one by one, so that a step's length matters only to stimuli, which are made for it. */
static const double STEP = 1e-3;

static convis_status open_at(convis_figure *f, const char *name, double dt, int64_t from, int64_t frames, convis_movie **movie)
{
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    o.dt = dt;
    o.repeat = 1;                        /* every frame once, whatever its duration */
    o.from = from;
    o.frames = frames;
    o.still = 1;
    o.channels = CONVIS_ALL_CHANNELS;
    o.batches = 1;
    o.picture = !f->options->kind || strcmp(f->options->kind, "traces");   /* the courses of (T, N) are N; else it is a picture */
    return convis_movie_open(f->context, name, &o, movie);
}

/* A movie of unknown length is counted by reading it once. */
static convis_status count_frames(convis_figure *f, convis_figure_film *film, convis_movie *movie)
{
    convis_real *frame = convis_obtain(f->context, (size_t)(film->width*film->height)*sizeof *frame);
    convis_status s = frame ? CONVIS_OK : CONVIS_ENOMEM;
    int64_t got = 1;
    film->frames = 0;
    while (!s && got) {
        s = convis_movie_read(movie, frame, 1, &got);
        if (!s) film->frames += got;
    }
    convis_release(f->context, frame);
    return s;
}

static convis_status find_window(convis_figure *f, convis_figure_film *film)
{
    const convis_plot_options *o = f->options;
    if (film->frames < 1) return convis_fail(f->context, CONVIS_EFORMAT, "%s: no frames", f->source);
    film->first = 0;
    film->count = film->frames;
    if (!(o->from > 0) && !(o->to > 0)) return CONVIS_OK;
    if (!film->dt)
        return convis_fail(f->context, CONVIS_EINVAL, "%s: the file does not say how long a frame lasts, which a window in "
                           "seconds needs (set dt)", f->source);
    /* A frame belongs to the window if it begins in it; the slack is for 0.3/0.1. */
    double first = ceil(o->from/film->dt - 1e-6), end = o->to > 0 ? floor(o->to/film->dt + 1e-6) + 1 : (double)film->frames;
    if (first >= (double)film->frames)
        return convis_fail(f->context, CONVIS_EINVAL, "%s: nothing after %g s, it ends at %g s", f->source, o->from,
                           (double)film->frames*film->dt);
    film->first = (int64_t)first;
    film->count = (int64_t)fmin(end, (double)film->frames) - film->first;
    if (film->count < 1) film->count = 1;
    return CONVIS_OK;
}

static convis_status open_first(convis_figure *f, const char *name, void *movie)
{
    return open_at(f, name, f->options->dt > 0 ? f->options->dt : STEP, 0, 0, movie);
}

convis_status convis_figure_film_open(convis_figure *f, convis_figure_film *film)
{
    const convis_plot_options *o = f->options;
    convis_movie *movie = NULL;
    convis_movie_info info;
    memset(film, 0, sizeof *film);
    if (!strcmp(f->source, "-"))
        return convis_fail(f->context, CONVIS_ENOTSUP, "a figure needs a file that can be read twice, not standard input");
    convis_status s = convis_figure_open(f, film->name, open_first, &movie);
    if (s) return s;
    convis_movie_info_get(movie, &info);
    film->planes = info.batch*info.channels;
    film->width = film->planes*info.width;
    film->height = info.height;
    film->frames = info.steps;
    film->dt = o->dt > 0 ? o->dt : info.fps > 0 ? 1/info.fps
             : !strncmp(f->source, "stim:", 5) ? STEP : convis_result_number(f->source, "dt");
    film->picture = strcmp(info.format, "npy") && strcmp(info.format, "npz") && strcmp(info.format, "h5")
                 && strcmp(info.format, "hdf5") && strcmp(info.format, "inr");
    convis_figure_label(f, film->label);
    if (film->frames < 0) s = count_frames(f, film, movie);
    convis_movie_close(&movie);
    return s ? s : find_window(f, film);
}

/* Channels, and movies side by side, are drawn beside each other. */
static void put_beside(const convis_figure_film *film, const convis_real *frame, convis_real *to)
{
    const int64_t width = film->width/film->planes, plane = width*film->height;
    for (int64_t p = 0; p < film->planes; p++)
        for (int64_t y = 0; y < film->height; y++)
            memcpy(to + y*film->width + p*width, frame + p*plane + y*width, (size_t)width*sizeof *to);
}

convis_status convis_figure_film_each(convis_figure *f, const convis_figure_film *film, convis_figure_film_visit visit,
                                      void *user)
{
    convis_movie *movie = NULL;
    int64_t got = 1;
    convis_status s = open_at(f, film->name, film->dt > 0 ? film->dt : STEP, film->first, film->count, &movie);
    if (s) return s;
    const int64_t numbers = film->width*film->height;
    convis_real *frame = convis_obtain(f->context, (size_t)(2*numbers)*sizeof *frame), *shown = frame ? frame + numbers : NULL;
    if (!frame) s = CONVIS_ENOMEM;
    for (int64_t k = 0; !s && k < film->count; k++) {
        s = convis_movie_read(movie, frame, 1, &got);
        if (!s && !got)
            s = convis_fail(f->context, CONVIS_EFORMAT, "%s: ended after %lld frames", f->source, (long long)(film->first + k));
        if (!s && film->planes > 1) put_beside(film, frame, shown);
        if (!s && !visit(user, film->planes > 1 ? shown : frame, film->first + k)) break;
    }
    convis_release(f->context, frame);
    convis_movie_close(&movie);
    return s;
}
