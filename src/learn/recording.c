/* recording.c - a stimulus and the response to it, frame by frame and in any order (fit.h).
 *
 * .npy, .h5, .inr and stored members of .npz are read where they lie, so that memory does not depend on their length; arrays
 * that can only be read from their beginning (deflated members, Fortran order, pipes) are kept in memory as they are in the
 * file, and so are movies, as numbers. Spikes are kept as the numbers of their bins. */
#include "io/frames.h"
#include "io/npy.h"
#include "io/spikes.h"
#include "base/text.h"
#include <convis/fit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1 << 20 };                                /* bytes on their way */

typedef struct event { int64_t bin; int32_t unit; } event;

struct convis_recording {
    convis_context *context;
    convis_recording_info info;      /* of the part */
    int64_t from, skip, length;      /* length: frames of the whole stimulus */
    double  fps;                     /* of a streamed stimulus; 0: its frames are steps */
    char   *stimulus_name, *response_name;
    convis_numbers *stimulus;        /* streamed, or ... */
    convis_real    *movie;           /* ... (length, 1, Y, X) */
    convis_numbers *response, *mask; /* arrays, or ... */
    event  *events;                  /* ... spikes, in order of their bins */
    int64_t event_count;
    void   *raw;                     /* a batch as it is in the file */
    int64_t raw_bytes;
};

/* ---- The stimulus ---- */

/* (T, Y, X), (C, T, Y, X) or (1, C, T, Y, X) */
static convis_status stimulus_shape(convis_recording *r)
{
    const convis_numbers *n = r->stimulus;
    const int64_t *end = n->dim + n->dims;
    char text[CONVIS_SHAPE_TEXT];
    int good = n->dims >= 3 && n->dims <= 5 && (n->dims < 5 || n->dim[0] == 1);
    for (int d = 0; d < n->dims; d++) good &= n->dim[d] > 0;
    if (!good)
        return convis_fail(r->context, CONVIS_ESHAPE,
                           "%s: shape %s, expected a stimulus: (T, Y, X), (C, T, Y, X) or (1, C, T, Y, X), none of "
                           "them 0", n->name, convis_numbers_shape_text(n, text));
    r->info.channels = n->dims > 3 ? end[-4] : 1;
    r->info.height = end[-2];
    r->info.width = end[-1];
    r->length = convis_frames_steps(r->info.dt, r->fps, end[-3]);
    if (r->length < 0)
        return convis_fail(r->context, CONVIS_EINVAL, "%s: would take more steps of %g s than can be counted", n->name, r->info.dt);
    return convis_frames_size_check(r->context, n->name, r->info.width, r->info.height*r->info.channels);
}

/* Room for so many frames of a movie, with what is there of it. */
static convis_status make_room(convis_recording *r, int64_t frames, int64_t frame)
{
    convis_context *c = r->context;
    int64_t bytes;
    if (__builtin_mul_overflow(frames, frame*(int64_t)sizeof *r->movie, &bytes)) bytes = INT64_MAX;
    convis_status status = convis_memory_check(c, r->stimulus_name, (double)bytes);
    convis_real *movie = status ? NULL : convis_obtain(c, (size_t)bytes);
    if (!movie) return status ? status : CONVIS_ENOMEM;
    if (r->movie) memcpy(movie, r->movie, (size_t)(r->length*frame)*sizeof *movie);
    convis_release(c, r->movie);
    r->movie = movie;
    return CONVIS_OK;
}

/* Whatever is no array: into memory, which grows while the length is unknown. */
static convis_status read_movie(convis_recording *r, const convis_recording_options *o)
{
    convis_context *c = r->context;
    convis_movie_options options = CONVIS_MOVIE_DEFAULTS;
    convis_movie_info info;
    convis_movie *movie;
    options.dt = o->dt;
    options.fps = o->fps;
    options.width = o->width;
    options.height = o->height;
    convis_status status = convis_movie_open(c, o->stimulus, &options, &movie);
    if (status) return status;
    convis_movie_info_get(movie, &info);
    const int64_t frame = info.width*info.height;
    int64_t room = info.steps > 0 ? info.steps : 64, got = 1;
    status = make_room(r, room, frame);
    while (!status && got) {
        if (r->length == room && info.steps < 0 && (status = make_room(r, room *= 2, frame))) break;
        status = convis_movie_read(movie, r->movie + r->length*frame, room - r->length, &got);
        r->length += got;
    }
    convis_movie_close(&movie);
    r->info.channels = 1;
    r->info.height = info.height;
    r->info.width = info.width;
    return status;
}

static convis_status open_stimulus(convis_recording *r, const convis_recording_options *o)
{
    convis_context *c = r->context;
    const char *name = o->stimulus;
    if (!strncmp(name, "stim:", 5) || !strcmp(name, "-") || convis_frames_pattern(name)) return read_movie(r, o);
    convis_status status = convis_named_numbers(c, name, 1, &r->stimulus);
    if (status == CONVIS_ENOTSUP) return read_movie(r, o);
    /* A movie of several channels is none to the search for movies. */
    if (status == CONVIS_EFORMAT) status = convis_named_numbers(c, name, 0, &r->stimulus);
    if (status) return status;
    r->fps = o->fps;
    if ((status = stimulus_shape(r))) return status;
    if ((o->width && o->width != r->info.width) || (o->height && o->height != r->info.height))
        return convis_fail(c, CONVIS_ESHAPE,
                           "%s: %lld x %lld pixels, expected %lld x %lld (a size is for stimuli that have none of their own)",
                           name, (long long)r->info.width, (long long)r->info.height, (long long)(o->width ? o->width : r->info.width),
                           (long long)(o->height ? o->height : r->info.height));
    return CONVIS_OK;
}

/* `count` frames of the file from `at` on, as (count, C, Y, X). */
static convis_status read_frames(convis_recording *r, int64_t at, int64_t count, convis_real *to)
{
    convis_numbers *n = r->stimulus;
    const int64_t channels = r->info.channels, plane = r->info.height*r->info.width;
    const int64_t batch = r->raw_bytes/(channels*plane*n->dtype.size);
    int64_t start[CONVIS_ARRAY_DIMS] = { 0 }, some[CONVIS_ARRAY_DIMS];
    memcpy(some, n->dim, sizeof some);
    for (int64_t done = 0, now; done < count; done += now) {
        now = count - done < batch ? count - done : batch;
        start[n->dims - 3] = at + done;
        some[n->dims - 3] = now;
        convis_status status = n->box(n, start, some, r->raw);
        for (int64_t t = 0; t < now && !status; t++)
            for (int64_t c = 0; c < channels && !status; c++) {
                convis_real *frame = to + ((done + t)*channels + c)*plane;
                convis_dtype_reals(n->dtype, (const char *)r->raw + (c*now + t)*plane*n->dtype.size, frame, plane);
                status = convis_frames_finite(r->context, n->name, frame, r->info.width, r->info.height, at + done + t);
            }
        if (status) return status;
    }
    return CONVIS_OK;
}

static convis_status check_range(const convis_recording *r, int64_t frame, int64_t frames)
{
    if (frame >= 0 && frames >= 0 && frame <= r->info.frames && frames <= r->info.frames - frame) return CONVIS_OK;
    return convis_fail(r->context, CONVIS_EINVAL, "%s: frames %lld to %lld were asked for, expected frames from 0 to %lld",
                       r->stimulus_name,
                       (long long)frame, (long long)frame + (long long)frames - 1, (long long)r->info.frames - 1);
}

convis_status convis_recording_stimulus(convis_recording *r, int64_t frame, int64_t frames, convis_real *stimulus)
{
    const int64_t all = r->info.channels*r->info.height*r->info.width;
    convis_status status = check_range(r, frame, frames);
    if (status) return status;
    if (r->movie) {
        memcpy(stimulus, r->movie + (r->from + frame)*all, (size_t)(frames*all)*sizeof *stimulus);
        return CONVIS_OK;
    }
    int64_t before = -1;
    for (int64_t t = 0, run; t < frames && !status; t += run) {
        const int64_t at = convis_frames_shown(r->info.dt, r->fps, r->from + frame + t);
        run = 1;
        if (at == before) {                              /* a frame that is held */
            memcpy(stimulus + t*all, stimulus + (t - 1)*all, (size_t)all*sizeof *stimulus);
            continue;
        }
        while (t + run < frames && convis_frames_shown(r->info.dt, r->fps, r->from + frame + t + run) == at + run) run++;
        status = read_frames(r, at, run, stimulus + t*all);
        before = at + run - 1;
    }
    return status;
}

/* ---- Responses that are arrays ---- */

/* (T), (T, N) or (trials, T, N). */
static int time_axis(const convis_numbers *n) { return n->dims == 3; }

static convis_status response_shape(convis_recording *r)
{
    const convis_numbers *n = r->response;
    char text[CONVIS_SHAPE_TEXT];
    int good = n->dims >= 1 && n->dims <= 3;
    for (int d = 0; d < n->dims; d++) good &= n->dim[d] > 0;
    if (!good)
        return convis_fail(r->context, CONVIS_ESHAPE, "%s: shape %s, expected a response: (T), (T, N) or (trials, T, N), none of them 0",
                           n->name,
                           convis_numbers_shape_text(n, text));
    const int64_t frames = n->dim[time_axis(n)];
    if (frames != r->length)
        return convis_fail(r->context, CONVIS_ESHAPE, "%s: a response of %lld frames (shape %s), expected %lld, as many as %s has", n->name,
                           (long long)frames, convis_numbers_shape_text(n, text), (long long)r->length, r->stimulus_name);
    r->info.trials = n->dims == 3 ? n->dim[0] : 1;
    r->info.units = n->dims > 1 ? n->dim[n->dims - 1] : 1;
    return CONVIS_OK;
}

/* A mask has the response's shape, or lacks its trials, or its units, too: then it is that of all of them. */
static convis_status mask_shape(convis_recording *r)
{
    const convis_numbers *n = r->mask;
    char text[CONVIS_SHAPE_TEXT];
    const int fits = n->dims >= 1 && n->dims <= 3 && n->dim[time_axis(n)] == r->length && (n->dims < 3 || n->dim[0] == r->info.trials)
                  && (n->dims < 2 || n->dim[n->dims - 1] == r->info.units);
    return fits ? CONVIS_OK
         : convis_fail(r->context, CONVIS_ESHAPE, "%s: shape %s, expected that of the response %s: (%lld, %lld, %lld), or without trials "
                       "or units", n->name, convis_numbers_shape_text(n, text), r->response_name, (long long)r->info.trials,
                       (long long)r->length, (long long)r->info.units);
}

/* Frames of one trial, as (count, units); what the array lacks is the same for all. `at` is a frame of the file. */
static convis_status read_rows(convis_recording *r, convis_numbers *n, int64_t trial, int64_t at, int64_t count, convis_real *to)
{
    const int64_t units = r->info.units, row = n->dims > 1 ? units : 1, batch = r->raw_bytes/(row*n->dtype.size);
    int64_t start[CONVIS_ARRAY_DIMS] = { n->dims == 3 ? trial : 0 }, some[CONVIS_ARRAY_DIMS] = { 1, row, row };
    const int axis = time_axis(n);
    for (int64_t done = 0, now; done < count; done += now) {
        now = count - done < batch ? count - done : batch;
        start[axis] = at + done;
        some[axis] = now;
        convis_status status = n->box(n, start, some, r->raw);
        if (status) return status;
        convis_real *rows = to + done*units;
        convis_dtype_reals(n->dtype, r->raw, rows, now*row);
        for (int64_t t = now - 1; t >= 0 && row < units; t--)            /* backwards: each value moves to its place first */
            for (int64_t u = units - 1; u >= 0; u--) rows[t*units + u] = rows[t];
    }
    return CONVIS_OK;
}

/* ---- Responses that are spikes ---- */

static int by_layer_then_id(const void *a, const void *b)
{
    const convis_unit *p = a, *q = b;
    return p->layer != q->layer ? (p->layer > q->layer) - (p->layer < q->layer) : (p->id > q->id) - (p->id < q->id);
}

/* A container with spikes in it, or a file that can hold nothing else? */
static int holds_spikes(convis_context *c, const char *name)
{
    convis_numbers *n;
    if (convis_has_extension(name, ".spk") || convis_has_extension(name, ".csv") || convis_has_extension(name, ".txt")) return 1;
    int hdf5 = convis_has_extension(name, ".h5") || convis_has_extension(name, ".hdf5"), found = 0, parts = hdf5 ? 1 : 2;
    if (!hdf5 && !convis_has_extension(name, ".npz")) return 0;
    for (int k = 0; k < parts; k++) {
        if (hdf5 ? convis_hdf5_numbers(c, name, "spikes/time", 0, &n) : convis_npz_numbers(c, name, k ? "time" : "unit", 0, &n)) break;
        n->close(n);
        found++;
    }
    return found == parts;
}

/* The cells that the file lists, else those that fired, in order of layer, then id. */
static convis_status find_units(convis_recording *r, const convis_spike *spikes, int64_t count, convis_unit **units, int64_t *unit_count)
{
    convis_context *c = r->context;
    convis_unit *kept;
    int64_t kept_count;
    convis_status status = convis_units_kept(c, r->response_name, &kept, &kept_count);
    if (status && status != CONVIS_ENAME) return status;
    const int64_t all = status ? count : kept_count;
    *units = convis_obtain(c, (size_t)(all + 1)*sizeof **units);
    for (int64_t k = 0; *units && k < all; k++)
        (*units)[k] = status ? (convis_unit){ spikes[k].unit, spikes[k].layer, 0, 0 } : kept[k];
    convis_units_free(&kept);
    if (!*units) return CONVIS_ENOMEM;
    qsort(*units, (size_t)all, sizeof **units, by_layer_then_id);
    *unit_count = 0;
    for (int64_t k = 0; k < all; k++)
        if (!k || by_layer_then_id(*units + k, *units + *unit_count - 1)) (*units)[(*unit_count)++] = (*units)[k];
    return *unit_count ? CONVIS_OK : convis_fail(c, CONVIS_EFORMAT, "%s: neither spikes nor cells, expected a response", r->response_name);
}

/* The bin of a time: a spike at k dt is one of step k, whatever the rounding. */
static const double ROUNDING = 1e-6;
static double bin_of(const convis_recording *r, double time) { return floor(time/r->info.dt + ROUNDING); }

static convis_status check_spike_times(convis_recording *r, const convis_spike *spikes, int64_t count)
{
    const double length = (double)r->length, seconds = convis_spikes_seconds(r->context, r->response_name);
    if (seconds > 0 && fabs(seconds/r->info.dt - length) > 0.5)
        return convis_fail(r->context, CONVIS_ESHAPE,
                           "%s: a recording of %g s (%.10g frames of %g s), expected %lld frames, as many as %s has",
                           r->response_name, seconds, seconds/r->info.dt, r->info.dt, (long long)r->length, r->stimulus_name);
    for (int64_t k = 0; k < count; k++) {
        /* One at the very end of the last frame belongs to it. */
        if (bin_of(r, spikes[k].time) < 0 || spikes[k].time/r->info.dt > length + ROUNDING)
            return convis_fail(r->context, CONVIS_ESHAPE, "%s: a spike at %g s, expected 0 to %g s, the %lld frames of %g s that %s has",
                               r->response_name, spikes[k].time, length*r->info.dt, (long long)r->length, r->info.dt, r->stimulus_name);
    }
    return CONVIS_OK;
}

static convis_status read_spikes(convis_recording *r)
{
    convis_context *c = r->context;
    convis_spike *spikes = NULL;
    convis_unit *units = NULL;
    int64_t count = 0;
    convis_status status = convis_spikes_read(c, r->response_name, &spikes, &count);
    if (!status) status = check_spike_times(r, spikes, count);
    if (!status) status = find_units(r, spikes, count, &units, &r->info.units);
    r->events = status ? NULL : convis_obtain(c, (size_t)(count + 1)*sizeof *r->events);
    if (!status && !r->events) status = CONVIS_ENOMEM;
    for (int64_t k = 0; k < count && !status; k++) {
        const convis_unit key = { spikes[k].unit, spikes[k].layer, 0, 0 };
        const convis_unit *unit = bsearch(&key, units, (size_t)r->info.units, sizeof key, by_layer_then_id);
        if (!unit)
            status = convis_fail(c, CONVIS_EFORMAT, "%s: a spike of unit %d in layer %d, which its list of cells lacks", r->response_name,
                                 spikes[k].unit, spikes[k].layer);
        else r->events[k] = (event){ (int64_t)fmin(bin_of(r, spikes[k].time), (double)(r->length - 1)), (int32_t)(unit - units) };
    }
    r->event_count = count;
    r->info.trials = 1;
    convis_spikes_free(&spikes);
    convis_release(c, units);
    return status;
}

static void count_spikes(const convis_recording *r, int64_t at, int64_t count, convis_real *to)
{
    int64_t low = 0, high = r->event_count;
    while (low < high) {                                 /* the first event of these frames */
        const int64_t middle = low + (high - low)/2;
        if (r->events[middle].bin < at) low = middle + 1;
        else high = middle;
    }
    for (int64_t k = 0; k < count*r->info.units; k++) to[k] = 0;
    for (; low < r->event_count && r->events[low].bin < at + count; low++)
        to[(r->events[low].bin - at)*r->info.units + r->events[low].unit]++;
}

static convis_status open_response(convis_recording *r, const convis_recording_options *o)
{
    convis_status status;
    if (holds_spikes(r->context, o->response)) status = read_spikes(r);
    else if (!(status = convis_named_numbers(r->context, o->response, 0, &r->response))) status = response_shape(r);
    if (status == CONVIS_ENOTSUP)
        convis_fail(r->context, status, "%s: expected a response: an array in .npy, .npz or .h5, or spikes in .spk, .csv, .h5 or .npz",
                    o->response);
    if (!status && o->mask && !(status = convis_named_numbers(r->context, o->mask, 0, &r->mask))) status = mask_shape(r);
    return status;
}

/* ---- Responses of either kind ---- */

/* NaN was not measured, and becomes a 0 that does not count. */
static convis_status clean(const convis_recording *r, int64_t at, int64_t count, convis_real *response, convis_real *mask)
{
    const int64_t units = r->info.units;
    for (int64_t k = 0; k < count*units; k++) {
        if (isinf((double)response[k]))
            return convis_fail(r->context, CONVIS_EFORMAT,
                               "%s: frame %lld of unit %lld has the value infinity, expected numbers, or NaN where "
                               "nothing was measured", r->response_name, (long long)(at + k/units), (long long)(k%units));
        if (!mask || !isnan((double)response[k])) continue;
        response[k] = 0;
        mask[k] = 0;
    }
    return CONVIS_OK;
}

static convis_status read_mask(convis_recording *r, int64_t trial, int64_t at, int64_t count, convis_real *mask)
{
    const int64_t units = r->info.units;
    convis_status status = r->mask ? read_rows(r, r->mask, trial, at, count, mask) : CONVIS_OK;
    if (status) return status;
    for (int64_t k = 0; k < count*units; k++) {
        if (r->mask && isnan((double)mask[k]))
            return convis_fail(r->context, CONVIS_EFORMAT, "%s: frame %lld of unit %lld has the value NaN, expected 0 or 1", r->mask->name,
                               (long long)(at + k/units), (long long)(k%units));
        mask[k] = at + k/units - r->from < r->skip ? 0 : r->mask ? mask[k] != 0 : 1;
    }
    return CONVIS_OK;
}

convis_status convis_recording_response(convis_recording *r, int64_t frame, int64_t frames, convis_real *response, convis_real *mask)
{
    convis_status status = check_range(r, frame, frames);
    const int64_t at = r->from + frame, all = frames*r->info.units;
    for (int64_t trial = 0; trial < r->info.trials && !status; trial++, response += all) {
        if (r->response) status = read_rows(r, r->response, trial, at, frames, response);
        else count_spikes(r, at, frames, response);
        if (!status && mask) status = read_mask(r, trial, at, frames, mask);
        if (!status) status = clean(r, at, frames, response, mask);
        if (mask) mask += all;
    }
    return status;
}

/* ---- Opening ---- */

static convis_status check_options(convis_context *c, const convis_recording_options *o)
{
    const struct { const char *what; double value; } from_zero[] = {
        { "fps", o->fps }, { "skip", (double)o->skip }, { "from", (double)o->from }, { "frames", (double)o->frames },
        { "width", (double)o->width }, { "height", (double)o->height } };
    if (!o->stimulus || !*o->stimulus || !o->response || !*o->response)
        return convis_fail(c, CONVIS_EINVAL, "recording: no name of a %s was given", o->stimulus && *o->stimulus ? "response" : "stimulus");
    if (!(o->dt > 0) || !isfinite(o->dt))
        return convis_fail(c, CONVIS_EINVAL, "%s: dt is %g, expected seconds per frame above 0", o->stimulus, o->dt);
    for (size_t k = 0; k < sizeof from_zero/sizeof *from_zero; k++)
        if (!(from_zero[k].value >= 0) || !isfinite(from_zero[k].value))
            return convis_fail(c, CONVIS_EINVAL, "%s: %s is %g, expected 0 or more", o->stimulus, from_zero[k].what, from_zero[k].value);
    return CONVIS_OK;
}

static convis_status choose_part(convis_recording *r, const convis_recording_options *o)
{
    if (o->from >= r->length)
        return convis_fail(r->context, CONVIS_EINVAL, "%s: has %lld frames, numbered from 0, so there is no frame %lld", r->stimulus_name,
                           (long long)r->length, (long long)o->from);
    if (o->frames > r->length - o->from)
        return convis_fail(r->context, CONVIS_EINVAL, "%s: has %lld frames from frame %lld on, expected at least %lld", r->stimulus_name,
                           (long long)(r->length - o->from), (long long)o->from, (long long)o->frames);
    r->from = o->from;
    r->skip = o->skip;
    r->info.frames = o->frames ? o->frames : r->length - o->from;
    return r->skip < r->info.frames ? CONVIS_OK
         : convis_fail(r->context, CONVIS_EINVAL, "%s: %lld frames are skipped, expected fewer than the %lld that there are",
                       r->stimulus_name,
                       (long long)r->skip, (long long)r->info.frames);
}

/* Room for a batch, and at least for one frame of each. */
static convis_status obtain_raw(convis_recording *r)
{
    const convis_recording_info *i = &r->info;
    r->raw_bytes = BATCH;
    if (r->stimulus) r->raw_bytes = i->channels*i->height*i->width*r->stimulus->dtype.size;
    if (r->raw_bytes < BATCH) r->raw_bytes = BATCH;
    if (r->raw_bytes < i->units*(int64_t)sizeof(double)) r->raw_bytes = i->units*(int64_t)sizeof(double);
    r->raw = convis_obtain(r->context, (size_t)r->raw_bytes);
    return r->raw ? CONVIS_OK : CONVIS_ENOMEM;
}

convis_status convis_recording_open(convis_context *c, const convis_recording_options *o, convis_recording **recording)
{
    *recording = NULL;
    convis_status status = check_options(c, o);
    if (status) return status;
    convis_recording *r = convis_obtain(c, sizeof *r);
    if (!r) return CONVIS_ENOMEM;
    r->context = c;
    r->info.dt = o->dt;
    r->stimulus_name = convis_copy_text(c, o->stimulus);
    r->response_name = r->stimulus_name ? convis_copy_text(c, o->response) : NULL;
    if (!r->response_name) status = CONVIS_ENOMEM;
    if (!status) status = open_stimulus(r, o);
    if (!status) status = open_response(r, o);
    if (!status) status = choose_part(r, o);
    if (!status) status = obtain_raw(r);
    if (status) { convis_recording_close(&r); return status; }
    *recording = r;
    return CONVIS_OK;
}

void convis_recording_info_get(const convis_recording *r, convis_recording_info *info) { *info = r->info; }

void convis_recording_close(convis_recording **recording)
{
    if (!recording || !*recording) return;
    convis_recording *r = *recording;
    convis_numbers *numbers[] = { r->stimulus, r->response, r->mask };
    for (int k = 0; k < 3; k++) if (numbers[k]) numbers[k]->close(numbers[k]);
    convis_release(r->context, r->movie);
    convis_release(r->context, r->events);
    convis_release(r->context, r->raw);
    convis_release(r->context, r->stimulus_name);
    convis_release(r->context, r->response_name);
    convis_release(r->context, r);
    *recording = NULL;
}
