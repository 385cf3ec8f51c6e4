/* recording.c - a stimulus and the response to it, frame by frame and in any order (fit.h).
 *
 * Frames of the stimulus and of further inputs, and rows of the response, belong together by their number.
 * .npy, .h5, .inr and stored members of .npz are read in place, so that memory does not depend on their length; arrays
 * that can only be read from their beginning (deflated members, Fortran order, pipes) are held in memory as they are in the
 * file, and so are movies, as numbers. Spikes are held as the numbers of their bins. */
#include "io/frames.h"
#include "io/hdf5.h"
#include "io/npy.h"
#include "io/spikes.h"
#include "base/context.h"
#include "base/text.h"
#include <convis/fit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1 << 20 };                                /* bytes read at a time */

/* The stimulus, or a further input: frames (C, Y, X), one a step or at a rate of their own. */
typedef struct film {
    char   *name;
    convis_numbers *numbers;         /* streamed, laid out so; or ... */
    convis_layout layout;
    convis_real *movie;              /* ... (length, C, Y, X); or ... */
    const convis_real *borrowed;         /* ... the caller's, laid out so; or ... */
    convis_status (*read)(void *user, int64_t from, int64_t frames, convis_real *to);        /* ... the caller's function */
    void   *user;
    int64_t channels, height, width;
    int64_t length;                  /* steps */
    double  fps;                     /* of the source's frames; 0: they are steps */
} film;

/* fps: its own rate, 0: it has none. steps: in its file; after: of those, past the end of the stimulus, with so many spikes. */
typedef struct input { film film; char *name; double fps; int64_t steps, after, spikes_after; } input;

struct convis_recording {
    convis_context *context;
    convis_recording_info info;      /* of the part */
    int64_t from, skip, length;      /* length: frames of the whole stimulus */
    char   *stimulus_name, *response_name;
    film    stimulus;
    input  *inputs;
    convis_numbers *response, *mask; /* arrays, or ... */
    convis_spike_counts counts;      /* ... spikes, or ... */
    int     spikes;
    convis_recording_source source;  /* ... the caller's memory or function */
    void   *raw;                     /* a batch as it is in the file */
    int64_t raw_bytes;
};

/* ---- Films ---- */

static int64_t frame_numbers(const film *f) { return f->channels*f->height*f->width; }

/* Room for so many frames of a movie, with what is there of it. */
static convis_status make_room(convis_recording *r, film *f, int64_t frames, int64_t frame)
{
    convis_context *c = r->context;
    int64_t bytes;
    if (__builtin_mul_overflow(frames, frame*(int64_t)sizeof *f->movie, &bytes)) bytes = INT64_MAX;
    convis_status status = convis_memory_check(c, f->name, (double)bytes);
    convis_real *movie = status ? NULL : convis_obtain(c, (size_t)bytes);
    if (!movie) return status ? status : CONVIS_ENOMEM;
    if (f->movie) memcpy(movie, f->movie, (size_t)(f->length*frame)*sizeof *movie);
    convis_release(c, f->movie);
    f->movie = movie;
    return CONVIS_OK;
}

/* Whatever is not an array, or has other channels than are asked for: into memory, which grows while the length is unknown. */
static convis_status read_movie(convis_recording *r, film *f, const convis_movie_options *o)
{
    convis_movie_info info;
    convis_movie *movie;
    convis_status status = convis_movie_open(r->context, f->name, o, &movie);
    if (status) return status;
    convis_movie_info_get(movie, &info);
    f->channels = info.channels;
    f->height = info.height;
    f->width = info.width;
    f->fps = o->fps > 0 ? o->fps : info.fps;
    const int64_t frame = frame_numbers(f);
    int64_t room = info.steps > 0 ? info.steps : 64, got = 1;
    status = make_room(r, f, room, frame);
    while (!status && got) {
        if (f->length == room && info.steps < 0 && (status = make_room(r, f, room *= 2, frame))) break;
        status = convis_movie_read(movie, f->movie + f->length*frame, room - f->length, &got);
        f->length += got;
    }
    convis_movie_close(&movie);
    return status;
}

/* An array that is read in place. */
static convis_status lay_out(convis_recording *r, film *f, const convis_movie_options *o)
{
    const convis_numbers *n = f->numbers;
    const int64_t *size = f->layout.size;
    if (size[CONVIS_B] > 1)
        return convis_fail(r->context, CONVIS_ESHAPE, "%s: %lld movies side by side, expected one", n->name,
                           (long long)size[CONVIS_B]);
    f->channels = size[CONVIS_C];
    f->height = size[CONVIS_Y];
    f->width = size[CONVIS_X];
    f->fps = o->fps;
    f->length = convis_frames_steps(r->info.dt, f->fps, size[CONVIS_T]);
    if (f->length < 0)
        return convis_fail(r->context, CONVIS_EINVAL, "%s: would take more steps of %g s than can be counted", n->name,
                           r->info.dt);
    if ((o->width && o->width != f->width) || (o->height && o->height != f->height))
        return convis_fail(r->context, CONVIS_ESHAPE,
                           "%s: %lld x %lld pixels, expected %lld x %lld (a size is for stimuli that have none of their own)",
                           f->name, (long long)f->width, (long long)f->height, (long long)(o->width ? o->width : f->width),
                           (long long)(o->height ? o->height : f->height));
    return CONVIS_OK;
}

static void close_numbers(convis_numbers **n)
{
    if (*n) (*n)->close(*n);
    *n = NULL;
}

static convis_status open_film(convis_recording *r, film *f, const char *name, const convis_movie_options *o)
{
    convis_context *c = r->context;
    int64_t channels = 0;
    int mapped = 0;
    if (!(f->name = convis_copy_text(c, name))) return CONVIS_ENOMEM;
    if (!strncmp(name, "stim:", 5) || !strcmp(name, "-") || convis_frames_pattern(name)) return read_movie(r, f, o);
    convis_status status = convis_named_numbers(c, name, 1, &f->numbers);
    if (status == CONVIS_ENOTSUP) return read_movie(r, f, o);
    if (!status) status = convis_numbers_layout(f->numbers, o, &f->layout);
    if (!status) status = convis_channels_choose(c, name, f->layout.size[CONVIS_C], o, &channels, &mapped);
    if (status || !mapped) return status ? status : lay_out(r, f, o);
    close_numbers(&f->numbers);
    return read_movie(r, f, o);
}

/* `count` frames of the file from `at` on, as (count, C, Y, X). */
static convis_status read_frames(convis_recording *r, const film *f, int64_t at, int64_t count, convis_real *to)
{
    convis_numbers *n = f->numbers;
    const int64_t all = frame_numbers(f), batch = r->raw_bytes/(all*n->dtype.size);
    const int64_t dim[CONVIS_DIMS] = { 1, f->channels, 1, f->height, f->width };
    int64_t start[CONVIS_ARRAY_DIMS], some[CONVIS_ARRAY_DIMS];
    for (int64_t done = 0, now; done < count; done += now) {
        now = count - done < batch ? count - done : batch;
        convis_layout_box(&f->layout, n, at + done, now, start, some);
        convis_status status = n->box(n, start, some, r->raw);
        if (!status) convis_layout_place(&f->layout, n, r->raw, now, to + done*all);
        for (int64_t t = 0; t < now && !status; t++)
            status = convis_frames_finite(r->context, n->name, to + (done + t)*all, dim, at + done + t);
        if (status) return status;
    }
    return CONVIS_OK;
}

/* From the caller's memory, or by its function. */
static convis_status read_borrowed(convis_recording *r, const film *f, int64_t step, int64_t steps, convis_real *to)
{
    const int64_t all = frame_numbers(f), dim[CONVIS_DIMS] = { 1, f->channels, 1, f->height, f->width };
    convis_status status = CONVIS_OK;
    if (f->borrowed) memcpy(to, f->borrowed + step*all, (size_t)(steps*all)*sizeof *to);
    else {
        *r->context->message = 0;
        status = convis_called(r->context, f->read(f->user, step, steps, to), "read_stimulus", step);
    }
    for (int64_t t = 0; t < steps && !status; t++)
        status = convis_frames_finite(r->context, f->name, to + t*all, dim, step + t);
    return status == CONVIS_EFORMAT ? CONVIS_EINVAL : status;        /* it is no file */
}

/* Steps of the whole recording. */
static convis_status read_film(convis_recording *r, const film *f, int64_t step, int64_t steps, convis_real *to)
{
    const int64_t all = frame_numbers(f), last = f->movie ? f->length - 1 : f->layout.size[CONVIS_T] - 1;
    convis_status status = CONVIS_OK;
    int64_t before = -1;
    if (f->borrowed || f->read) return read_borrowed(r, f, step, steps, to);
    for (int64_t t = 0, run; t < steps && !status; t += run) {
        int64_t at = convis_frames_shown(r->info.dt, f->movie ? 0 : f->fps, step + t);
        if (at > last) at = last;                        /* an input whose last frame began before the end */
        run = 1;
        if (at == before) {                              /* a frame that is held */
            memcpy(to + t*all, to + (t - 1)*all, (size_t)all*sizeof *to);
            continue;
        }
        while (t + run < steps && at + run <= last
               && convis_frames_shown(r->info.dt, f->movie ? 0 : f->fps, step + t + run) == at + run) run++;
        if (f->movie) memcpy(to + t*all, f->movie + at*all, (size_t)(run*all)*sizeof *to);
        else status = read_frames(r, f, at, run, to + t*all);
        before = at + run - 1;
    }
    return status;
}

static void close_film(convis_recording *r, film *f)
{
    close_numbers(&f->numbers);
    convis_release(r->context, f->movie);
    convis_release(r->context, f->name);
}

/* ---- The stimulus ---- */

static convis_status open_stimulus(convis_recording *r, const convis_recording_options *o)
{
    convis_movie_options options = CONVIS_MOVIE_DEFAULTS;
    options.dt = o->dt;
    options.fps = o->fps;
    options.width = o->width;
    options.height = o->height;
    options.channels = o->channels ? o->channels : CONVIS_ALL_CHANNELS;
    options.declared = o->declared;
    options.spikes = 1;
    convis_status status = open_film(r, &r->stimulus, o->stimulus, &options);
    r->info.channels = r->stimulus.channels;
    r->info.height = r->stimulus.height;
    r->info.width = r->stimulus.width;
    r->length = r->stimulus.length;
    return status;
}

static convis_status check_range(const convis_recording *r, int64_t frame, int64_t frames)
{
    if (frame >= 0 && frames >= 0 && frame <= r->info.frames && frames <= r->info.frames - frame) return CONVIS_OK;
    return convis_fail(r->context, CONVIS_EINVAL,
                       "%s: %lld frames from frame %lld on were asked for, expected frames from 0 to %lld", r->stimulus_name,
                       (long long)frames, (long long)frame, (long long)r->info.frames - 1);
}

convis_status convis_recording_stimulus(convis_recording *r, int64_t frame, int64_t frames, convis_real *stimulus)
{
    CONVIS_NEEDS(r, stimulus);
    convis_status status = check_range(r, frame, frames);
    return status ? status : read_film(r, &r->stimulus, r->from + frame, frames, stimulus);
}

/* ---- Further inputs ---- */

/* An array whose frames are not those of the stimulus may state itself how long they last: a result of another time step. */
static void find_rate(convis_recording *r, input *in, const char *file)
{
    film *f = &in->film;
    const double dt = f->numbers && !f->fps && f->length != r->length ? convis_result_number(file, "dt") : 0;
    if (dt > 0) {
        f->fps = 1/dt;
        f->length = convis_frames_steps(r->info.dt, f->fps, f->layout.size[CONVIS_T]);
    }
    in->fps = f->fps;
}

/* At least as many steps as the stimulus, of which there is time for as many; at a rate of its own its last frame may begin too early.
 * Spikes from a file without a duration are followed by silence. */
static convis_status fit_length(convis_recording *r, input *in, const char *file, int spikes, int open_ended)
{
    film *f = &in->film;
    const int64_t held = in->fps > 0 ? (int64_t)fmin(4e15, ceil(1/in->fps/r->info.dt)) : 0, frame = frame_numbers(f);
    in->steps = f->length;
    if (!open_ended && f->length > r->length + held) in->after = f->length - r->length;
    for (int64_t k = r->length*frame; spikes && k < f->length*frame; k++) in->spikes_after += (int64_t)f->movie[k];
    if (open_ended && f->length < r->length) {
        convis_status status = make_room(r, f, r->length, frame);
        if (status) return status;
        memset(f->movie + f->length*frame, 0, (size_t)((r->length - f->length)*frame)*sizeof *f->movie);
        f->length = r->length;
    }
    if (f->length >= r->length - held && f->length > 0) return CONVIS_OK;
    char shape[CONVIS_SHAPE_TEXT] = "";
    if (f->numbers) convis_numbers_shape_text(f->numbers, shape);
    return convis_fail(r->context, CONVIS_ESHAPE,
                       "%s: the input '%s' has %lld frames of %g s%s%s%s, expected %lld, as many as %s has%s", file, in->name,
                       (long long)f->length, r->info.dt, *shape ? " (shape " : "", shape, *shape ? ")" : "", (long long)r->length,
                       r->stimulus_name,
                       in->fps > 0 ? "" : ", or a rate of its own");
}

static convis_status open_input(convis_recording *r, input *in, const convis_recording_input *o)
{
    convis_context *c = r->context;
    convis_movie_options options = CONVIS_MOVIE_DEFAULTS;
    if (!o->name || !*o->name || !o->file || !*o->file)
        return convis_fail(c, CONVIS_EINVAL, "recording: an input without a %s", o->name && *o->name ? "file" : "name");
    if (!(o->fps >= 0) || !isfinite(o->fps))
        return convis_fail(c, CONVIS_EINVAL, "%s: fps is %g, expected 0 or more", o->file, o->fps);
    const int spikes = convis_holds_spikes(c, o->file);
    in->name = convis_copy_text(c, o->name);
    if (!in->name) return CONVIS_ENOMEM;
    options.dt = r->info.dt;
    options.fps = spikes ? 0 : o->fps;
    options.channels = o->channels ? o->channels : CONVIS_ALL_CHANNELS;
    options.declared = o->declared;
    options.spikes = 1;
    if (!strncmp(o->file, "stim:", 5)) { options.width = o->width; options.height = o->height; }
    if (spikes && !(in->film.name = convis_copy_text(c, o->file))) return CONVIS_ENOMEM;
    convis_status status = spikes ? read_movie(r, &in->film, &options) : open_film(r, &in->film, o->file, &options);
    if (status) return status;
    find_rate(r, in, o->file);
    return fit_length(r, in, o->file, spikes, spikes && !(convis_spikes_seconds(c, o->file) > 0));
}

static convis_status open_inputs(convis_recording *r, const convis_recording_options *o)
{
    if (o->input_count < 0 || o->input_count > 1000)
        return convis_fail(r->context, CONVIS_EINVAL, "recording: %d inputs, expected 0 to 1000", o->input_count);
    if (!o->input_count) return CONVIS_OK;
    r->inputs = convis_obtain(r->context, (size_t)o->input_count*sizeof *r->inputs);
    if (!r->inputs) return CONVIS_ENOMEM;
    convis_status status = CONVIS_OK;
    for (int k = 0; k < o->input_count && !status; k++) {
        for (int j = 0; j < k && !status; j++)
            if (o->inputs[k].name && !strcmp(o->inputs[k].name, r->inputs[j].name))
                status = convis_fail(r->context, CONVIS_EINVAL, "recording: the input '%s' is given twice", r->inputs[j].name);
        if (status) break;
        r->info.inputs++;
        status = open_input(r, &r->inputs[k], &o->inputs[k]);
    }
    return status;
}

int convis_recording_input_list(const convis_recording *r, int index, convis_recording_input_info *info)
{
    CONVIS_NEEDS_ELSE(0, r, info);
    if (index < 0 || index >= r->info.inputs) return 0;
    const input *in = &r->inputs[index];
    *info = (convis_recording_input_info){ in->name, in->film.channels, in->film.height, in->film.width, in->fps,
                                           in->steps, in->after, in->spikes_after };
    return 1;
}

convis_status convis_recording_input_read(convis_recording *r, int index, int64_t frame, int64_t frames, convis_real *to)
{
    CONVIS_NEEDS(r, to);
    convis_status status = check_range(r, frame, frames);
    if (!status && (index < 0 || index >= r->info.inputs))
        status =
            convis_fail(r->context, CONVIS_EINVAL, "%s: input %d, expected 0 to %d", r->stimulus_name, index, r->info.inputs - 1);
    return status ? status : read_film(r, &r->inputs[index].film, r->from + frame, frames, to);
}

/* ---- Responses that are arrays ---- */

/* (T), (T, N) or (trials, T, N); or a map as convis run writes it, (T, Y, X) or (C, T, Y, X), whose numbers of a frame are units. */
static int is_map(const convis_recording *r, const convis_numbers *n)
{
    return n->dims == 4 || (n->dims == 3 && n->dim[1] != r->length && n->dim[0] == r->length);
}

static int time_axis(const convis_recording *r, const convis_numbers *n)
{
    return n->dims == 4 || (n->dims == 3 && !is_map(r, n));
}

static convis_status response_shape(convis_recording *r)
{
    const convis_numbers *n = r->response;
    char text[CONVIS_SHAPE_TEXT];
    int good = n->dims >= 1 && n->dims <= 4;
    for (int d = 0; d < n->dims; d++) good &= n->dim[d] > 0;
    if (!good)
        return convis_fail(r->context, CONVIS_ESHAPE,
                           "%s: shape %s, expected a response: (T), (T, N), (trials, T, N) or a map, none of "
                           "them 0",
                           n->name, convis_numbers_shape_text(n, text));
    const int64_t frames = n->dim[time_axis(r, n)];
    if (frames != r->length)
        return convis_fail(r->context, CONVIS_ESHAPE,
                           "%s: a response of %lld frames (shape %s), expected %lld, as many as %s has", n->name,
                           (long long)frames, convis_numbers_shape_text(n, text), (long long)r->length, r->stimulus_name);
    r->info.trials = n->dims == 3 && !is_map(r, n) ? n->dim[0] : 1;
    r->info.units = n->dims > 1 ? n->dim[n->dims - 1] : 1;
    if (is_map(r, n)) r->info.units = n->rows*n->row/frames;
    return CONVIS_OK;
}

/* A mask has the response's shape, or lacks its trials, or its units, too: then it is that of all of them. */
static convis_status mask_shape(convis_recording *r)
{
    const convis_numbers *n = r->mask;
    char text[CONVIS_SHAPE_TEXT];
    int fits = n->dims >= 1 && n->dims <= 4 && n->dim[time_axis(r, n)] == r->length;
    if (fits && is_map(r, n)) fits = n->rows*n->row == r->length*r->info.units;
    else fits = fits && (n->dims < 3 || n->dim[0] == r->info.trials) && (n->dims < 2 || n->dim[n->dims - 1] == r->info.units);
    return fits ? CONVIS_OK
                : convis_fail(r->context, CONVIS_ESHAPE,
                              "%s: shape %s, expected that of the response %s: (%lld, %lld, %lld), or without trials "
                              "or units",
                              n->name, convis_numbers_shape_text(n, text), r->response_name, (long long)r->info.trials,
                       (long long)r->length, (long long)r->info.units);
}

/* Frames of a map, as (count, units). */
static convis_status read_map_rows(convis_recording *r, convis_numbers *n, int64_t at, int64_t count, convis_real *to)
{
    const int64_t units = r->info.units, batch = r->raw_bytes/(units*n->dtype.size);
    int64_t start[CONVIS_ARRAY_DIMS], some[CONVIS_ARRAY_DIMS];
    const convis_movie_options o = { .channels = CONVIS_ALL_CHANNELS, .declared = n->dim[0] };   /* whatever its shape */
    convis_layout l;
    convis_status status = convis_numbers_layout(n, &o, &l);
    for (int64_t done = 0, now; done < count && !status; done += now) {
        now = count - done < batch ? count - done : batch;
        convis_layout_box(&l, n, at + done, now, start, some);
        status = n->box(n, start, some, r->raw);
        if (!status) convis_layout_place(&l, n, r->raw, now, to + done*units);
    }
    return status;
}

/* Frames of one trial, as (count, units); what the array lacks is the same for all. `at` is a frame of the file. */
static convis_status read_rows(convis_recording *r, convis_numbers *n, int64_t trial, int64_t at, int64_t count, convis_real *to)
{
    const int64_t units = r->info.units, row = n->dims > 1 ? units : 1, batch = r->raw_bytes/(row*n->dtype.size);
    int64_t start[CONVIS_ARRAY_DIMS] = { n->dims == 3 ? trial : 0 }, some[CONVIS_ARRAY_DIMS] = { 1, row, row };
    const int axis = time_axis(r, n);
    if (is_map(r, n)) return read_map_rows(r, n, at, count, to);
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

static convis_status read_spikes(convis_recording *r)
{
    convis_status status = convis_spike_counts_open(r->context, r->response_name, r->info.dt, 0, &r->counts);
    if (!status) status = convis_spike_counts_fit(&r->counts, r->response_name, r->length, r->stimulus_name);
    r->spikes = 1;
    r->info.units = r->counts.units;
    r->info.trials = 1;
    return status;
}

static convis_status open_response(convis_recording *r, const convis_recording_options *o)
{
    convis_status status;
    if (convis_holds_spikes(r->context, o->response)) status = read_spikes(r);
    else if (!(status = convis_named_numbers(r->context, o->response, 0, &r->response))) status = response_shape(r);
    if (status == CONVIS_ENOTSUP)
        convis_fail(r->context, status,
                    "%s: expected a response: an array in .npy, .npz or .h5, or spikes in .spk, .csv, .h5 or .npz", o->response);
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

static convis_status read_source(convis_recording *r, int64_t trial, int64_t at, int64_t count, convis_real *response)
{
    const convis_recording_source *s = &r->source;
    const int64_t all = count*s->units;
    if (s->response) memcpy(response, s->response + (trial*s->frames + at)*s->units, (size_t)all*sizeof *response);
    if (s->response || trial) return CONVIS_OK;          /* the function gave all trials with the first */
    *r->context->message = 0;
    return convis_called(r->context, s->read_response(s->user, at, count, response), "read_response", at);
}

static convis_status read_mask(convis_recording *r, int64_t trial, int64_t at, int64_t count, convis_real *mask)
{
    const int64_t units = r->info.units;
    convis_status status = r->mask ? read_rows(r, r->mask, trial, at, count, mask) : CONVIS_OK;
    if (status) return status;
    const convis_real *borrowed = r->source.mask;
    for (int64_t k = 0; k < count*units; k++) {
        if (borrowed) mask[k] = borrowed[(trial*r->source.frames + at)*units + k];
        if ((r->mask || borrowed) && isnan((double)mask[k]))
            return convis_fail(r->context, CONVIS_EFORMAT, "%s: frame %lld of unit %lld has the value NaN, expected 0 or 1",
                               r->mask ? r->mask->name : "mask", (long long)(at + k/units), (long long)(k%units));
        mask[k] = at + k/units - r->from < r->skip ? 0 : r->mask || borrowed ? mask[k] != 0 : 1;
    }
    return CONVIS_OK;
}

convis_status convis_recording_response(convis_recording *r, int64_t frame, int64_t frames, convis_real *response,
                                        convis_real *mask)
{
    CONVIS_NEEDS(r, response);
    convis_status status = check_range(r, frame, frames);
    if (status) return status;
    const int64_t at = r->from + frame, all = frames*r->info.units;
    for (int64_t trial = 0; trial < r->info.trials && !status; trial++, response += all) {
        if (r->response) status = read_rows(r, r->response, trial, at, frames, response);
        else if (r->source.dt > 0) status = read_source(r, trial, at, frames, response);
        else convis_spike_counts_read(&r->counts, at, frames, response);
        if (!status && mask) status = read_mask(r, trial, at, frames, mask);
        if (!status) status = clean(r, at, frames, response, mask);
        if (mask) mask += all;
    }
    return status;
}

/* ---- Opening ---- */

static convis_status check_channels(convis_context *c, const char *name, int channels)
{
    if (channels >= CONVIS_ALL_CHANNELS && channels <= CONVIS_RGB && channels != 2) return CONVIS_OK;
    return convis_fail(c, CONVIS_EINVAL, "%s: channels is %d, expected 0, CONVIS_GRAY or CONVIS_RGB", name, channels);
}

static convis_status check_options(convis_context *c, const convis_recording_options *o)
{
    const struct { const char *what; double value; } from_zero[] = {
        { "fps", o->fps }, { "skip", (double)o->skip }, { "from", (double)o->from }, { "frames", (double)o->frames },
        { "width", (double)o->width }, { "height", (double)o->height } };
    if (!o->stimulus || !*o->stimulus || !o->response || !*o->response)
        return convis_fail(c, CONVIS_EINVAL, "recording: no name of a %s was given",
                           o->stimulus && *o->stimulus ? "response" : "stimulus");
    if (!(o->dt > 0) || !isfinite(o->dt))
        return convis_fail(c, CONVIS_EINVAL, "%s: dt is %g, expected seconds per frame above 0", o->stimulus, o->dt);
    convis_status status = check_channels(c, o->stimulus, o->channels);
    CONVIS_NEEDS_ARRAY(c, o->inputs, o->input_count);
    for (int k = 0; k < o->input_count && !status; k++) {
        if (!o->inputs[k].name || !o->inputs[k].file)
            return convis_fail(c, CONVIS_EINVAL, "recording: an input without a %s, the %d-th",
                               o->inputs[k].name ? "file" : "name", k + 1);
        status = check_channels(c, o->inputs[k].file, o->inputs[k].channels);
    }
    if (status) return status;
    for (size_t k = 0; k < sizeof from_zero/sizeof *from_zero; k++)
        if (!(from_zero[k].value >= 0) || !isfinite(from_zero[k].value))
            return convis_fail(c, CONVIS_EINVAL, "%s: %s is %g, expected 0 or more", o->stimulus, from_zero[k].what,
                               from_zero[k].value);
    return CONVIS_OK;
}

static convis_status choose_part(convis_recording *r, const convis_recording_options *o)
{
    if (o->from >= r->length)
        return convis_fail(r->context, CONVIS_EINVAL, "%s: has %lld frames, numbered from 0, so there is no frame %lld",
                           r->stimulus_name, (long long)r->length, (long long)o->from);
    if (o->frames > r->length - o->from)
        return convis_fail(r->context, CONVIS_EINVAL, "%s: has %lld frames from frame %lld on, expected at least %lld",
                           r->stimulus_name, (long long)(r->length - o->from), (long long)o->from, (long long)o->frames);
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
    for (int k = -1; k < i->inputs; k++) {
        const film *f = k < 0 ? &r->stimulus : &r->inputs[k].film;
        if (f->numbers && r->raw_bytes < frame_numbers(f)*f->numbers->dtype.size)
            r->raw_bytes = frame_numbers(f)*f->numbers->dtype.size;
    }
    if (r->raw_bytes < i->units*(int64_t)sizeof(double)) r->raw_bytes = i->units*(int64_t)sizeof(double);
    r->raw = convis_obtain(r->context, (size_t)r->raw_bytes);
    return r->raw ? CONVIS_OK : CONVIS_ENOMEM;
}

convis_status convis_recording_open(convis_context *c, const convis_recording_options *options, convis_recording **recording)
{
    if (recording) *recording = NULL;
    CONVIS_NEEDS(c, options, recording);
    convis_status status = check_options(c, options);
    if (status) return status;
    convis_recording *r = convis_obtain(c, sizeof *r);
    if (!r) return CONVIS_ENOMEM;
    convis_context_hold(r->context = c);
    r->info.dt = options->dt;
    r->stimulus_name = convis_copy_text(c, options->stimulus);
    r->response_name = r->stimulus_name ? convis_copy_text(c, options->response) : NULL;
    if (!r->response_name) status = CONVIS_ENOMEM;
    if (!status) status = open_stimulus(r, options);
    if (!status) status = open_response(r, options);
    if (!status) status = open_inputs(r, options);
    if (!status) status = choose_part(r, options);
    if (!status) status = obtain_raw(r);
    if (status) { convis_recording_close(&r); return status; }
    *recording = r;
    return CONVIS_OK;
}

/* ---- From memory ---- */

static convis_status check_source(convis_context *c, const convis_recording_source *s)
{
    const struct { const char *what; int64_t value; } sizes[] = { { "frames", s->frames }, { "channels", s->channels }, { "height", s->height },
        { "width", s->width }, { "units", s->units }, { "trials", s->trials } };
    if (!(s->dt > 0) || !isfinite(s->dt))
        return convis_fail(c, CONVIS_EINVAL, "recording: dt is %g, expected seconds per frame above 0", s->dt);
    for (size_t k = 0; k < sizeof sizes/sizeof *sizes; k++)
        if (sizes[k].value < 1 || sizes[k].value > (int64_t)1 << 40)
            return convis_fail(c, CONVIS_EINVAL, "recording: %lld %s, expected 1 or more", (long long)sizes[k].value,
                               sizes[k].what);
    if (!s->stimulus && !s->read_stimulus)
        return convis_fail(c, CONVIS_EINVAL, "recording: neither a stimulus nor a function that reads it");
    if (!s->response && !s->read_response)
        return convis_fail(c, CONVIS_EINVAL, "recording: neither a response nor a function that reads it");
    if (s->skip < 0 || s->skip >= s->frames)
        return convis_fail(c, CONVIS_EINVAL, "recording: %lld frames are skipped, expected fewer than the %lld that there are",
                           (long long)s->skip, (long long)s->frames);
    CONVIS_NEEDS_ARRAY(c, s->inputs, s->input_count);
    for (int k = 0; k < s->input_count; k++)
        if (!s->inputs[k].name || !s->inputs[k].frames || s->inputs[k].channels < 1 || s->inputs[k].height < 1 ||
            s->inputs[k].width < 1)
            return convis_fail(c, CONVIS_EINVAL, "recording: input %d of %d has no name, no frames, or an empty frame", k,
                               s->input_count);
    return CONVIS_OK;
}

static convis_status borrow_inputs(convis_recording *r, const convis_recording_source *s)
{
    if (s->input_count && !(r->inputs = convis_obtain(r->context, (size_t)s->input_count*sizeof *r->inputs)))
        return CONVIS_ENOMEM;
    for (; r->info.inputs < s->input_count; r->info.inputs++) {
        const convis_given *g = &s->inputs[r->info.inputs];
        input *i = &r->inputs[r->info.inputs];
        i->film = (film){ .name = convis_copy_text(r->context, g->name), .borrowed = g->frames, .channels = g->channels, .height = g->height,
                          .width = g->width, .length = s->frames };
        i->steps = s->frames;
        i->name = convis_copy_text(r->context, g->name);
        if (!i->name || !i->film.name) { r->info.inputs++; return CONVIS_ENOMEM; }
    }
    return CONVIS_OK;
}

convis_status convis_recording_from(convis_context *c, const convis_recording_source *source, convis_recording **recording)
{
    const convis_recording_source *s = source;
    if (recording) *recording = NULL;
    CONVIS_NEEDS(c, source, recording);
    convis_status status = check_source(c, s);
    convis_recording *r = status ? NULL : convis_obtain(c, sizeof *r);
    if (!r) return status ? status : CONVIS_ENOMEM;
    convis_context_hold(r->context = c);
    r->source = *s;
    r->info = (convis_recording_info){ s->frames, s->channels, s->height, s->width, s->units, s->trials, s->dt, 0 };
    r->length = s->frames;
    r->skip = s->skip;
    r->stimulus = (film){ .name = convis_copy_text(c, "stimulus"), .borrowed = s->stimulus, .read = s->read_stimulus, .user = s->user,
                          .channels = s->channels, .height = s->height, .width = s->width, .length = s->frames };
    r->stimulus_name = convis_copy_text(c, "stimulus");
    r->response_name = convis_copy_text(c, "response");
    if (!r->stimulus.name || !r->stimulus_name || !r->response_name) status = CONVIS_ENOMEM;
    if (!status) status = borrow_inputs(r, s);
    if (status) convis_recording_close(&r);
    *recording = r;
    return status;
}

void convis_recording_info_get(const convis_recording *r, convis_recording_info *info)
{
    CONVIS_NEEDS_ELSE(, r, info);
    *info = r->info;
}

void convis_recording_close(convis_recording **recording)
{
    if (!recording || !*recording) return;
    convis_recording *r = *recording;
    close_film(r, &r->stimulus);
    for (int k = 0; k < r->info.inputs; k++) {
        close_film(r, &r->inputs[k].film);
        convis_release(r->context, r->inputs[k].name);
    }
    convis_release(r->context, r->inputs);
    close_numbers(&r->response);
    close_numbers(&r->mask);
    convis_spike_counts_close(&r->counts);
    convis_release(r->context, r->raw);
    convis_release(r->context, r->stimulus_name);
    convis_release(r->context, r->response_name);
    convis_context *c = r->context;
    convis_release(c, r);
    convis_context_let_go(c);
    *recording = NULL;
}
