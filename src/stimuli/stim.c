/* stim.c - stimuli as a source of frames: the list of kinds, and "KIND?key=value&key=value" turned into one. */
#include "stimuli.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const convis_stim_kind *const kinds[] = {
    &convis_stim_grating, &convis_stim_counterphase, &convis_stim_reversing, &convis_stim_gabor, &convis_stim_bar,
    &convis_stim_checkers, &convis_stim_sparse, &convis_stim_pulse, &convis_stim_impulse, &convis_stim_chirp, &convis_stim_photo
};
enum { KINDS = sizeof kinds/sizeof *kinds };

static const convis_field common[] = {
    { "luminance", "", 127.5, 0, 255, 0, "of the background, and the mean of gratings and noise" },
    { "contrast", "", 1, 0, 1, 0, "of the pattern (Michelson)" },
    { "duration", "s", 1, 1e-6, 1e6, 0, "of the stimulus" },
    { "x", "degrees", 0, -10000, 10000, 0, "of the centre, rightwards from the middle of the field" },
    { "y", "degrees", 0, -10000, 10000, 0, "of the centre, downwards from the middle of the field" },
    { "ppd", "pixels/degree", 20, 1e-3, 1e5, 0, "pixels per degree of visual angle; --ppd, unless given here" },
    { .name = NULL }
};

/* What people write for the longer names. */
static const convis_query_alias aliases[] = {
    { "sf", "spatial_frequency" }, { "frequency", "spatial_frequency" }, { "tf", "temporal_frequency" }, { "orientation", "direction" },
    { NULL, NULL }
};

/* ---- For the kinds ---- */

const convis_field *convis_stim_field(const convis_stim_kind *kind, int index)
{
    const convis_field *f;
    for (int k = 0; (f = convis_query_field(kind->params, common, k)); k++) {
        const int hidden = kind->file && (!strcmp(f->name, "luminance") || !strcmp(f->name, "contrast"));
        if (!hidden && index >= 0 && index-- == 0) return f;
    }
    return NULL;
}

static const convis_field *field_of(const void *kind, int index) { return convis_stim_field(kind, index); }

static int find(const convis_stim_kind *kind, const char *name)
{
    return convis_query_find(&(convis_query){ .kind = kind, .field = field_of }, name);
}

double convis_stim_value(const convis_stim *s, const char *name)
{
    const int k = find(s->kind, name);
    return k < 0 ? 0 : s->value[k];
}

double convis_stim_time(const convis_stim *s, int64_t frame) { return (double)frame*s->dt; }

int64_t convis_stim_refresh(const convis_stim *s, int64_t frame, double rate)
{
    return rate > 0 ? (int64_t)floor(fmin((double)frame*s->dt*rate + 1e-6, 9e18)) : frame;
}

double convis_stim_middle(int64_t size) { return (double)(size - 1)/2; }

void convis_stim_fill(const convis_stim *s, convis_real value, convis_real *out)
{
    for (int64_t i = 0, n = s->frames.width*s->frames.height; i < n; i++) out[i] = value;
}

double convis_stim_disc(double x, double y, double diameter, double ppd)
{
    return diameter > 0 ? fmax(0, fmin(1, (diameter/2 - sqrt(x*x + y*y))*ppd + .5)) : 1;
}

/* ---- Reading the text ---- */

static const char *kind_name(int index, const char **doc)
{
    if (index < 0 || index >= KINDS) return NULL;
    if (doc) *doc = kinds[index]->doc;
    return kinds[index]->name;
}

/* text is split in place. */
static convis_status parse(convis_stim *s, char *text, double ppd)
{
    convis_context *c = s->frames.context;
    char who[64], *query = strchr(text, '?');
    if (query) *query++ = 0;
    const int k = convis_name_index(c, "stim:", text, kind_name);
    if (k < 0) return CONVIS_ENAME;
    s->kind = kinds[k];
    snprintf(who, sizeof who, "stim:%s", s->kind->name);
    convis_query spec = { .context = c, .who = who, .kind = s->kind, .field = field_of, .text_key = s->kind->file ? "file" : NULL,
                         .aliases = aliases, .value = s->value, .text = &s->file };
    convis_status status = convis_query_read(&spec, query);
    if (status) return status;
    const int at = find(s->kind, "ppd");
    if (spec.given[at] || !(ppd > 0)) return CONVIS_OK;
    const convis_field *f = convis_stim_field(s->kind, at);
    if (!(ppd >= f->min && ppd <= f->max))
        return convis_fail(c, CONVIS_EINVAL, "stim:%s: ppd is %g, expected %g to %g", s->kind->name, ppd, f->min, f->max);
    s->value[at] = ppd;
    return CONVIS_OK;
}

/* ---- As a source of frames ---- */

static int stim_next(convis_frames *frames, convis_real *out, double *start)
{
    convis_stim *s = (convis_stim *)frames;
    *start = -1;
    if (s->frame >= frames->count) return 0;
    return s->kind->draw(s, s->frame++, out) ? 1 : -1;
}

static int stim_skip(convis_frames *frames, int64_t count)
{
    convis_stim *s = (convis_stim *)frames;
    s->frame = count < frames->count - s->frame ? s->frame + count : frames->count;
    return 1;
}

static void stim_close(convis_frames *frames)
{
    convis_stim *s = (convis_stim *)frames;
    convis_context *c = frames->context;
    if (s->kind && s->kind->close) s->kind->close(s);
    convis_release(c, s->file);
    convis_release(c, s);
}

static convis_status prepare(convis_stim *s, const convis_movie_options *o)
{
    convis_context *c = s->frames.context;
    convis_frames *f = &s->frames;
    /* Frames that are held longer than a step are further apart: a grating's hertz stay hertz. */
    s->dt = o->repeat > 0 ? (double)o->repeat*o->dt : o->fps > 0 ? 1/o->fps : o->dt;
    const double frames = ceil(convis_stim_value(s, "duration")/s->dt - 1e-6);
    if (!(s->dt > 0) || !(frames < 4e15))
        return convis_fail(c, CONVIS_EINVAL, "stim:%s: frames of %g s, expected above 0 and fewer than can be counted",
                           s->kind->name, s->dt);
    f->count = frames < 1 ? 1 : (int64_t)frames;
    s->sized = o->width > 0 || o->height > 0;
    f->width  = o->width  > 0 ? o->width  : o->height > 0 ? o->height : 128;
    f->height = o->height > 0 ? o->height : o->width  > 0 ? o->width  : 128;
    s->ppd = convis_stim_value(s, "ppd");
    s->luminance = convis_stim_value(s, "luminance");
    s->contrast = convis_stim_value(s, "contrast");
    convis_status status = convis_frames_size_check(c, s->kind->name, f->width, f->height);
    if (!status && s->kind->open) status = s->kind->open(s);
    s->x = convis_stim_middle(f->width)  + convis_stim_value(s, "x")*s->ppd;
    s->y = convis_stim_middle(f->height) + convis_stim_value(s, "y")*s->ppd;
    return status;
}

convis_status convis_stim_frames(convis_context *c, const char *text, const convis_movie_options *options, convis_frames **out)
{
    *out = NULL;
    convis_stim *s = convis_obtain(c, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    s->frames = (convis_frames){ .context = c, .next = stim_next, .skip = stim_skip, .close = stim_close };
    char *copy = convis_copy_text(c, text);
    convis_status status = copy ? parse(s, copy, options->ppd) : CONVIS_ENOMEM;
    convis_release(c, copy);
    s->channel = options->channel;
    if (!status) status = prepare(s, options);
    if (status) { stim_close(&s->frames);  return status; }
    snprintf(s->frames.format, sizeof s->frames.format, "stim:%s", s->kind->name);
    *out = &s->frames;
    return CONVIS_OK;
}

/* ---- For describe ---- */

int convis_stim_list(int index, convis_kind_info *info)
{
    CONVIS_NEEDS_ALONE(0, info);
    return (info->name = kind_name(index, &info->doc)) != NULL;
}

int convis_stim_param_list(const char *kind, int index, convis_kind_param *param)
{
    CONVIS_NEEDS_ALONE(0, kind, param);
    for (int k = 0; k < KINDS; k++) {
        if (strcmp(kinds[k]->name, kind)) continue;
        if (kinds[k]->file && index-- == 0) {
            *param = (convis_kind_param){ "file", "", kinds[k]->file, 0, 0, 0, 0, 1, NULL };
            return 1;
        }
        const convis_field *f = convis_stim_field(kinds[k], index);
        if (index < 0 || !f) return 0;
        convis_query_describe(f, param);
        return 1;
    }
    return 0;
}
