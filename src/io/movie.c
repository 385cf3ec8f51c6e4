/* movie.c - turns a source's frames, at their own times, into steps of the model.
 *
 * Step k shows the frame visible at time k dt: the last whose start is not after k dt. Times come from whole numbers
 * (k, and the frame's number or time stamp), never from sums, so nothing drifts. Frames count as started a
 * thousandth of a step early: where dt is the frame interval, rounding neither skips nor doubles a frame. */
#include "frames.h"
#include "base/finite.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct convis_movie {
    convis_context *context;
    convis_frames *source;
    char   *name;
    double  dt, fps, tolerance;      /* fps: 0 where frames are steps; time stamps come before it */
    int64_t repeat, from, limit;     /* limit: frames of the selection, INT64_MAX when open-ended */
    int64_t still;                   /* steps of a photograph; 0: it is a movie */
    int64_t batch, channels, width, height, steps;
    int     pick, mapped;            /* mapped: channels are made of the source's, pick says of which */
    convis_resample *resample;       /* NULL: frames are shown at the source's size */
    convis_real *decoded, *coloured, *shown, *ahead;     /* coloured: of the source's size, with our channels */
    int64_t step, index, fetched;    /* next step; frame shown, from the selection's first; frames got so far */
    int     own_times, begun, stamped, ended, has_ahead;         /* own_times: nothing overrides the source's time stamps */
    double  origin, shown_start, ahead_start, interval, end;     /* time stamps; all but origin count from it */
    convis_status failed;            /* an error sticks */
};

/* ---- Arithmetic of time ---- */

static double tolerance(double dt, double fps) { return 1e-3*(fps > 0 ? fmin(dt, 1/fps) : dt); }

int64_t convis_frames_shown(double dt, double fps, int64_t step)
{
    return fps > 0 ? (int64_t)fmin(((double)step*dt + tolerance(dt, fps))*fps, 9e18) : step;
}

int64_t convis_frames_steps(double dt, double fps, int64_t frames)
{
    const double guess = fps > 0 ? (double)frames/fps/dt : (double)frames;
    if (!(guess < 4e15)) return -1;
    if (!(fps > 0)) return frames;
    int64_t k = (int64_t)guess;
    while (k > 0 && convis_frames_shown(dt, fps, k - 1) >= frames) k--;
    while (convis_frames_shown(dt, fps, k) < frames) k++;
    return k;
}

static int64_t frame_at(const convis_movie *m, int64_t step)
{
    return m->repeat ? step/m->repeat : convis_frames_shown(m->dt, m->fps, step);
}

static int64_t steps_of(const convis_movie *m, int64_t frames)
{
    if (!m->repeat) return convis_frames_steps(m->dt, m->fps, frames);
    return (double)frames*(double)m->repeat < 4e15 ? frames*m->repeat : -1;
}

/* ---- Getting frames ---- */

convis_status convis_frames_finite(convis_context *c, const char *name, const convis_real *frame, const int64_t dim[CONVIS_DIMS],
                                   int64_t number)
{
    const convis_shape shape = { { dim[CONVIS_B], dim[CONVIS_C], 1, dim[CONVIS_Y], dim[CONVIS_X] } };
    return convis_finite_check(c, CONVIS_EFORMAT, name, convis_view((convis_real *)(uintptr_t)frame, shape), number);
}

/* ---- Channels ---- */

int convis_frames_coloured(const convis_movie_options *o) { return o->channels == CONVIS_RGB || o->channels == CONVIS_GRAY; }

convis_status convis_channels_choose(convis_context *c, const char *name, int64_t from, const convis_movie_options *o,
                                     int64_t *to, int *mapped)
{
    const int colour = from == 3 && (o->channels == CONVIS_GRAY || o->channel >= 0);
    *to = o->channels == CONVIS_ALL_CHANNELS && !colour ? from : o->channels == CONVIS_RGB ? 3 : 1;
    *mapped = from != *to;
    if (!*mapped || colour || (from == 1 && *to == 3)) return CONVIS_OK;
    if (o->channels == CONVIS_ONE_CHANNEL)
        return convis_fail(c, CONVIS_ESHAPE, "%s: %lld channels, expected one%s", name, (long long)from,
                           from == 3 ? " (--channels gray makes it of three)" : "");
    return convis_fail(c, CONVIS_ESHAPE, "%s: %lld channels, but --channels %s expects %s", name, (long long)from,
                       *to == 3 ? "rgb" : "gray",
                       *to == 3 ? "three, or one, which is then shown in all three" : "one, or the three of colour");
}

void convis_channels_map(int channel, int64_t from, int64_t to, const convis_real *in, convis_real *out, int64_t pixels)
{
    if (from == 1) for (int64_t k = 0; k < to; k++) memcpy(out + k*pixels, in, (size_t)pixels*sizeof *out);
    else if (channel >= 0) memcpy(out, in + channel*pixels, (size_t)pixels*sizeof *out);
    else for (int64_t i = 0; i < pixels; i++) out[i] = convis_luminance(in[i], in[pixels + i], in[2*pixels + i]);
}

/* ---- Frames ---- */

/* A frame as the source has it into one of our channels and our size. */
static void finish_frame(convis_movie *m, convis_real *frame)
{
    const convis_frames *s = m->source;
    const int64_t pixels = s->width*s->height, out = m->width*m->height;
    const convis_real *from = m->decoded;
    if (m->mapped) {
        convis_real *to = m->resample ? m->coloured : frame;
        for (int64_t b = 0; b < m->batch; b++)
            convis_channels_map(m->pick, s->channels, m->channels, m->decoded + b*s->channels*pixels,
                                to + b*m->channels*pixels, pixels);
        from = m->coloured;
    }
    for (int64_t k = 0; m->resample && k < m->batch*m->channels; k++)
        convis_resample_run(m->resample, from + k*pixels, frame + k*out);
}

/* A frame of the selection and its time stamp (or the time of the end). 1: got it, 0: the end, -1: an error. */
static int fetch(convis_movie *m, convis_real *frame, double *start)
{
    const convis_frames *s = m->source;
    const int64_t dim[CONVIS_DIMS] = { s->batch, s->channels, 1, s->height, s->width };
    convis_real *into = m->resample || m->mapped ? m->decoded : frame;
    *start = -1;
    if (m->fetched == m->limit && !m->stamped) return 0;
    const int got = m->source->next(m->source, into, start);
    if (got < 0) return -1;
    if (got == 0 && m->source->count >= 0 && m->limit < INT64_MAX && m->fetched < m->limit) {
        convis_fail(m->context, CONVIS_EFORMAT, "%s: ends after %lld frames, expected %lld", m->name,
                    (long long)(m->from + m->fetched), (long long)m->source->count);
        return -1;
    }
    if (got == 0 || m->fetched == m->limit) return 0;        /* of the frame after the selection only the time is needed */
    if (convis_frames_finite(m->context, m->name, into, dim, m->from + m->fetched)) return -1;
    finish_frame(m, frame);
    m->fetched++;
    return 1;
}

static int skip(convis_movie *m, int64_t frames)
{
    if (frames <= 0) return 1;
    if (m->source->skip) return m->source->skip(m->source, frames) < 0 ? -1 : 1;
    for (int64_t k = 0; k < frames; k++) {
        double start;
        const int got = m->source->next(m->source, m->decoded, &start);
        if (got <= 0) return got;
    }
    return 1;
}

static int begin(convis_movie *m)
{
    m->begun = 1;
    const int skipped = skip(m, m->from);
    if (skipped < 0) return -1;
    const int got = skipped ? fetch(m, m->shown, &m->origin) : 0;
    if (got == 0) {
        convis_fail(m->context, CONVIS_EINVAL, "%s: has no frame %lld", m->name, (long long)m->from);
        return -1;
    }
    m->stamped = got == 1 && m->origin >= 0 && m->own_times;
    m->interval = m->dt;
    return got;
}

/* ---- Which frame a step shows: 1, or 0 when the movie is over, or -1 ---- */

static int show_by_number(convis_movie *m, int64_t step)
{
    const int64_t target = m->still ? (step < m->still ? 0 : 1) : frame_at(m, step);
    if (target > m->index + 1 && m->source->skip && target - m->index - 1 <= m->limit - m->fetched) {
        const int64_t pass = target - m->index - 1;
        if (skip(m, pass) < 0) return -1;
        m->index += pass;  m->fetched += pass;
    }
    while (m->index < target) {
        double start;
        if (m->still || m->ended) return 0;
        const int got = fetch(m, m->shown, &start);
        if (got <= 0) { m->ended = got == 0; return got; }
        m->index++;
    }
    return 1;
}

static int show_by_stamp(convis_movie *m, int64_t step)
{
    const double now = (double)step*m->dt + m->tolerance;
    for (;;) {
        if (!m->has_ahead && !m->ended) {
            double start;
            const int got = fetch(m, m->ahead, &start);
            if (got < 0) return -1;
            start = start >= 0 ? fmax(start - m->origin, m->shown_start) : m->shown_start + m->interval;
            if (got) { m->ahead_start = start;  m->has_ahead = 1; }
            else     { m->end = start;  m->ended = 1; }
        }
        if (!m->has_ahead || m->ahead_start > now) break;
        convis_real *swap = m->shown;
        m->shown = m->ahead;  m->ahead = swap;
        m->interval = m->ahead_start - m->shown_start;
        m->shown_start = m->ahead_start;
        m->has_ahead = 0;
    }
    return m->has_ahead || now < m->end;
}

convis_status convis_movie_read(convis_movie *m, convis_real *frames, int64_t steps, int64_t *got)
{
    CONVIS_NEEDS(m, frames, got);
    const size_t n = (size_t)(m->batch*m->channels*m->width*m->height);
    *got = 0;
    if (m->failed) return m->failed;
    if (steps < 0) return convis_fail(m->context, CONVIS_EINVAL, "%s: %lld steps, expected 0 or more", m->name, (long long)steps);
    for (; *got < steps; m->step++, ++*got) {
        const convis_status status = convis_progress(m->context, "read", m->step, m->steps > 0 ? m->steps : 0);
        if (status) return status;
        int there = m->begun ? 1 : begin(m);
        if (there == 1) there = m->stamped ? show_by_stamp(m, m->step) : show_by_number(m, m->step);
        if (there < 0) return m->failed = CONVIS_EIO;
        if (there == 0) break;
        memcpy(frames + (size_t)*got*n, m->shown, n*sizeof *frames);
    }
    return CONVIS_OK;
}

/* ---- Opening ---- */

static convis_status check_options(convis_context *c, const char *name, const convis_movie_options *o)
{
    const struct { const char *what; double value; } from_zero[] = {
        { "fps", o->fps }, { "ppd", o->ppd }, { "repeat", (double)o->repeat }, { "from", (double)o->from },
        { "frames", (double)o->frames }, { "width", (double)o->width }, { "height", (double)o->height },
        { "still", (double)o->still }, { "declared", (double)o->declared } };
    if (!(o->dt > 0) || !isfinite(o->dt))
        return convis_fail(c, CONVIS_EINVAL, "%s: dt is %g, expected seconds per step above 0", name, o->dt);
    for (size_t k = 0; k < sizeof from_zero/sizeof *from_zero; k++)
        if (!(from_zero[k].value >= 0) || !isfinite(from_zero[k].value))
            return convis_fail(c, CONVIS_EINVAL, "%s: %s is %g, expected 0 or more", name, from_zero[k].what, from_zero[k].value);
    if (o->channel < -1 || o->channel > 2)
        return convis_fail(c, CONVIS_EINVAL, "%s: channel is %d, expected 0, 1 or 2 (red, green, blue) or -1 (luminance)",
                           name, o->channel);
    if (o->channels != CONVIS_ALL_CHANNELS && o->channels != CONVIS_ONE_CHANNEL && !convis_frames_coloured(o))
        return convis_fail(c, CONVIS_EINVAL, "%s: channels is %d, expected CONVIS_ONE_CHANNEL, CONVIS_GRAY, CONVIS_RGB or "
                           "CONVIS_ALL_CHANNELS", name, o->channels);
    if (o->channel >= 0 && o->channels == CONVIS_RGB)
        return convis_fail(c, CONVIS_EINVAL, "%s: both one channel of colour and all three are asked for", name);
    return CONVIS_OK;
}

static convis_status choose_size(convis_movie *m, const convis_movie_options *o)
{
    const double w = (double)m->source->width, h = (double)m->source->height;
    m->width  = o->width  ? o->width  : o->height ? (int64_t)fmax(1, round(w*(double)o->height/h)) : m->source->width;
    m->height = o->height ? o->height : o->width  ? (int64_t)fmax(1, round(h*(double)o->width/w))  : m->source->height;
    return convis_frames_planes_check(m->context, m->name, m->batch, m->channels, m->width, m->height);
}

static convis_status choose_channels(convis_movie *m, const convis_movie_options *o)
{
    const convis_frames *s = m->source;
    m->batch = s->batch;
    m->pick = o->channel;
    if (s->batch > 1 && !o->batches)
        return convis_fail(m->context, CONVIS_ESHAPE, "%s: %lld movies side by side, expected one", m->name, (long long)s->batch);
    return convis_channels_choose(m->context, m->name, s->channels, o, &m->channels, &m->mapped);
}

/* A photograph lasts as long as asked; else as long as a repeated frame; else a second. */
static int64_t still_steps(const convis_movie *m, const convis_movie_options *o)
{
    if (!m->source->still) return 0;
    if (o->still) return o->still;
    if (o->repeat) return o->repeat;
    const double second = round(1/m->dt);
    return second < 1 ? 1 : second < 4e15 ? (int64_t)second : (int64_t)4e15;
}

static convis_status choose_timing(convis_movie *m, const convis_movie_options *o)
{
    const convis_frames *s = m->source;
    m->dt = o->dt;  m->from = o->from;  m->repeat = o->repeat;
    m->limit = o->frames ? o->frames : INT64_MAX;
    m->still = still_steps(m, o);
    m->steps = -1;
    if (m->still) {
        if (o->from)
            return convis_fail(m->context, CONVIS_EINVAL, "%s: a photograph has no frame %lld", m->name, (long long)o->from);
        m->limit = 1;  m->steps = m->still;
        return CONVIS_OK;
    }
    if (s->count >= 0) {
        if (o->from >= s->count && s->count > 0)
            return convis_fail(m->context, CONVIS_EINVAL, "%s: has %lld frames, numbered from 0, so there is no frame %lld",
                               m->name, (long long)s->count, (long long)o->from);
        if (m->limit > s->count - o->from) m->limit = s->count - o->from;
    }
    const double fps = strcmp(s->format, "spikes") ? o->fps : 0;         /* they are counted in steps, whatever is asked for */
    m->fps = fps > 0 ? fps : s->fps;
    m->tolerance = tolerance(m->dt, m->fps);
    if (s->count >= 0 && (m->steps = steps_of(m, m->limit)) < 0)
        return convis_fail(m->context, CONVIS_EINVAL, "%s: would take more steps of %g s than can be counted", m->name, m->dt);
    m->own_times = !m->repeat && !(fps > 0);
    return CONVIS_OK;
}

static convis_status prepare(convis_movie *m, const convis_movie_options *o)
{
    const convis_frames *s = m->source;
    convis_status status;
    if ((status = convis_frames_planes_check(m->context, m->name, s->batch, s->channels, s->width, s->height))
        || (status = choose_channels(m, o)) || (status = choose_size(m, o)) || (status = choose_timing(m, o))) return status;
    const size_t planes = (size_t)(m->batch*m->channels), pixels = (size_t)(s->width*s->height);
    const size_t frame = planes*(size_t)(m->width*m->height)*sizeof(convis_real);
    if (m->width != s->width || m->height != s->height) {
        status = convis_resample_open(m->context, s->width, s->height, m->width, m->height, &m->resample);
        if (status) return status;
    }
    m->decoded = convis_obtain(m->context, (size_t)(s->batch*s->channels)*pixels*sizeof(convis_real));
    m->shown   = convis_obtain(m->context, frame);
    m->ahead   = convis_obtain(m->context, frame);
    if (m->mapped && m->resample && !(m->coloured = convis_obtain(m->context, planes*pixels*sizeof(convis_real))))
        return CONVIS_ENOMEM;
    return m->decoded && m->shown && m->ahead ? CONVIS_OK : CONVIS_ENOMEM;
}

convis_status convis_movie_open(convis_context *c, const char *name, const convis_movie_options *options, convis_movie **movie)
{
    if (movie) *movie = NULL;
    CONVIS_NEEDS(c, name, movie);
    static const convis_movie_options defaults = CONVIS_MOVIE_DEFAULTS;
    const convis_movie_options *o = options ? options : &defaults;
    convis_status status = check_options(c, name && *name ? name : "input", o);
    if (status) return status;
    convis_movie *m = convis_obtain(c, sizeof *m);
    if (!m) return CONVIS_ENOMEM;
    convis_context_hold(m->context = c);
    status = convis_frames_open(c, name, o, 0, &m->source);
    if (!status) {
        m->name = convis_copy_text(c, strcmp(name, "-") ? name : "standard input");
        if (!m->name) status = CONVIS_ENOMEM;
    }
    if (!status) status = prepare(m, o);
    if (status) { convis_movie_close(&m); return status; }
    *movie = m;
    return CONVIS_OK;
}

void convis_movie_info_get(const convis_movie *m, convis_movie_info *info)
{
    CONVIS_NEEDS_ELSE(, m, info);
    *info = (convis_movie_info){ m->batch, m->channels, m->width, m->height, m->steps, m->source->fps, { 0 }, -1 };
    if (m->steps >= 0 || m->ended) info->frames = m->ended ? m->fetched : m->limit;
    memcpy(info->format, m->source->format, sizeof info->format);
    info->format[sizeof info->format - 1] = 0;
}

convis_tensor convis_movie_view(const convis_movie *m, convis_real *frames, int64_t steps)
{
    CONVIS_NEEDS_ELSE((convis_tensor){ .data = NULL }, m);
    if (steps < 0) return (convis_tensor){ .data = NULL };
    const int64_t row = m->width, plane = m->height*row, all = m->channels*plane;
    return (convis_tensor){ frames, { { m->batch, m->channels, steps, m->height, row } }, { all, plane, m->batch*all, row, 1 } };
}

void convis_movie_close(convis_movie **movie)
{
    if (!movie || !*movie) return;
    convis_movie *m = *movie;
    convis_frames_close(&m->source);
    convis_resample_close(m->context, &m->resample);
    convis_release(m->context, m->decoded);
    convis_release(m->context, m->coloured);
    convis_release(m->context, m->shown);
    convis_release(m->context, m->ahead);
    convis_release(m->context, m->name);
    convis_context *c = m->context;
    convis_release(c, m);
    convis_context_let_go(c);
    *movie = NULL;
}
