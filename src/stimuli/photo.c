/* photo.c - a photograph viewed through the eye movements of fixation (eye.c):
 *
 *      frame k at (i, j) = photograph at (i, j) + gaze(k), in pixels, interpolated linearly between pixels
 *
 * Middle falls on middle while gaze is 0; beyond its edges the photograph goes on mirrored. Where it has more pixels per
 * degree than the field it is averaged down first, so that nothing aliases. */
#include "stimuli.h"
#include "eye.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

static const convis_field params[] = {
    { "drift", "degrees/sqrt(s)", .1, 0, 100, 0, "standard deviation of the eye's random walk after a second, in each axis" },
    { "rate", "Hz", 1.2, 0, 100, 0, "of microsaccades" },
    { "amplitude", "degrees", .3, 0, 100, 0, "of microsaccades, on average" },
    { "length", "s", .025, 1e-4, 1, 0, "that a microsaccade takes" },
    { "seed", "", 0, 0, 4294967295.0, CONVIS_WHOLE, "of the eye's path" },
    { "photo_ppd", "pixels/degree", 0, 0, 1e5, 0, "of the photograph; 0: as the field's" },
    { .name = NULL }
};

typedef struct photo { convis_eye eye; int64_t width, height; double ppd[2]; convis_real *pixels; } photo;

static convis_status load(convis_stim *s, photo *p)
{
    convis_context *c = s->frames.context;
    const convis_movie_options o = { .channel = s->channel };
    convis_frames *source;
    struct stat info;
    double start;
    if (!s->file) return convis_fail(c, CONVIS_EINVAL, "stim:photo: no file is given, expected stim:photo?file=PATH");
    if (stat(s->file, &info)) return convis_fail(c, CONVIS_EIO, "%s: cannot be opened (%s)", s->file, strerror(errno));
    if (!S_ISREG(info.st_mode)) return convis_fail(c, CONVIS_EIO, "%s: is no file, expected a photograph", s->file);
    convis_status status = convis_frames_open(c, s->file, &o, 1, &source);
    if (status) return status;
    p->width = source->width;
    p->height = source->height;
    status = convis_frames_size_check(c, s->file, p->width, p->height);
    if (!status && source->batch*source->channels > 1)
        status = convis_fail(c, CONVIS_ESHAPE, "%s: %lld channels, expected a photograph of one", s->file,
                             (long long)(source->batch*source->channels));
    if (!status && !(p->pixels = convis_obtain(c, (size_t)(p->width*p->height)*sizeof *p->pixels))) status = CONVIS_ENOMEM;
    if (!status) {
        const int got = source->next(source, p->pixels, &start);
        if (got == 0) convis_fail(c, CONVIS_EFORMAT, "%s: has no frame", s->file);
        if (got <= 0) status = CONVIS_EFORMAT;
    }
    convis_frames_close(&source);
    return status;
}

/* The photograph has more pixels per degree than the field: average them down to as many. */
static convis_status average_down(convis_stim *s, photo *p, double photo_ppd)
{
    convis_context *c = s->frames.context;
    const int64_t width  = (int64_t)fmax(1, round((double)p->width*s->ppd/photo_ppd));
    const int64_t height = (int64_t)fmax(1, round((double)p->height*s->ppd/photo_ppd));
    convis_resample *r;
    convis_status status = convis_resample_open(c, p->width, p->height, width, height, &r);
    if (status) return status;
    convis_real *smaller = convis_obtain(c, (size_t)(width*height)*sizeof *smaller);
    if (smaller) {
        convis_resample_run(r, p->pixels, smaller);
        convis_release(c, p->pixels);
        p->pixels = smaller;
        p->ppd[0] = photo_ppd*(double)width/(double)p->width;
        p->ppd[1] = photo_ppd*(double)height/(double)p->height;
        p->width = width;  p->height = height;
    }
    convis_resample_close(c, &r);
    return smaller ? CONVIS_OK : CONVIS_ENOMEM;
}

static convis_status photo_open(convis_stim *s)
{
    photo *p = s->own = convis_obtain(s->frames.context, sizeof *p);
    if (!p) return CONVIS_ENOMEM;
    convis_status status = load(s, p);
    const double given = convis_stim_value(s, "photo_ppd"), photo_ppd = given > 0 ? given : s->ppd;
    p->ppd[0] = p->ppd[1] = photo_ppd;
    if (!status && photo_ppd > s->ppd) status = average_down(s, p, photo_ppd);
    if (!status && !s->sized) {                  /* the whole photograph, at the field's resolution */
        s->frames.width  = (int64_t)fmax(1, fmin(1e9, round((double)p->width*s->ppd/p->ppd[0])));
        s->frames.height = (int64_t)fmax(1, fmin(1e9, round((double)p->height*s->ppd/p->ppd[1])));
        status = convis_frames_size_check(s->frames.context, s->file, s->frames.width, s->frames.height);
    }
    convis_eye_start(&p->eye, &(convis_eye_params){ s->dt, convis_stim_value(s, "drift"), convis_stim_value(s, "rate"),
        convis_stim_value(s, "amplitude"), convis_stim_value(s, "length"), (uint64_t)convis_stim_value(s, "seed") });
    return status;
}

static int64_t mirrored(int64_t i, int64_t n)
{
    if (i >= 0 && i < n) return i;
    i %= 2*n;
    if (i < 0) i += 2*n;
    return i < n ? i : 2*n - 1 - i;
}

static int photo_draw(convis_stim *s, int64_t frame, convis_real *out)
{
    photo *p = s->own;
    double gaze[2];
    convis_eye_at(&p->eye, frame, gaze);
    const double step_x = p->ppd[0]/s->ppd, step_y = p->ppd[1]/s->ppd;
    const double x0 = convis_stim_middle(p->width)  + gaze[0]*p->ppd[0] - s->x*step_x;
    const double y0 = convis_stim_middle(p->height) + gaze[1]*p->ppd[1] - s->y*step_y;
    for (int64_t j = 0; j < s->frames.height; j++) {
        const double y = y0 + (double)j*step_y, fy = y - floor(y);
        const convis_real *above = p->pixels + p->width*mirrored((int64_t)floor(y), p->height);
        const convis_real *below = p->pixels + p->width*mirrored((int64_t)floor(y) + 1, p->height);
        for (int64_t i = 0; i < s->frames.width; i++) {
            const double x = x0 + (double)i*step_x, fx = x - floor(x);
            const int64_t l = mirrored((int64_t)floor(x), p->width), r = mirrored((int64_t)floor(x) + 1, p->width);
            const double a = (1 - fx)*(double)above[l] + fx*(double)above[r], b = (1 - fx)*(double)below[l] + fx*(double)below[r];
            *out++ = (convis_real)((1 - fy)*a + fy*b);
        }
    }
    return 1;
}

static void photo_close(convis_stim *s)
{
    photo *p = s->own;
    if (p) convis_release(s->frames.context, p->pixels);
    convis_release(s->frames.context, p);
}

const convis_stim_kind convis_stim_photo = { "photo", "a photograph under the eye movements of fixation", params,
    "the photograph: any image, or the first frame of any movie or array", photo_open, photo_draw, photo_close };
