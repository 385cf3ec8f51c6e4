/* inputs.c - what a model takes as input: the channels of its movie, and what it takes beside it. */
#include "inputs.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Words ---- */

static int check_channels(cli_inputs *in, const char *command)
{
    static const char *const NAMES[] = { "luminance", "red", "green", "blue" };
    const char *kind = in->channels, *channel = in->channel;
    int k = 0;
    in->kind = !kind ? CONVIS_ALL_CHANNELS : !strcmp(kind, "rgb") ? CONVIS_RGB : CONVIS_GRAY;
    in->pick = -1;
    if (kind && strcmp(kind, "rgb") && strcmp(kind, "gray") && strcmp(kind, "grey"))
        return cli_usage(command, "--channels: '%s', expected rgb or gray", kind);
    if (!channel) return 0;
    while (k < 4 && strcmp(NAMES[k], channel)) k++;
    if (k == 4) return cli_usage(command, "--channel: '%s', expected luminance, red, green or blue", channel);
    if (in->kind == CONVIS_RGB) return cli_usage(command, "either --channel %s or --channels rgb", channel);
    in->pick = k - 1;
    return 0;
}

static const char *find(const cli_list *list, const char *name)
{
    char other[64];
    const char *value;
    for (int k = 0; k < list->count; k++)
        if (cli_split(list->at[k], other, sizeof other, &value) && !strcmp(other, name)) return value;
    return NULL;
}

/* NAME=VALUE, each name once. */
static int check_list(const cli_list *list, const char *command, const char *option, const char *what)
{
    char name[64];
    const char *value;
    for (int k = 0; k < list->count; k++) {
        if (!cli_split(list->at[k], name, sizeof name, &value) || !*value)
            return cli_usage(command, "%s: '%s', expected NAME=%s", option, list->at[k], what);
        if (find(list, name) != value) return cli_usage(command, "%s: '%s' is given twice", option, name);
    }
    return 0;
}

int cli_inputs_check(cli_inputs *in, const char *command)
{
    char name[64];
    const char *value;
    double fps;
    int wrong = check_channels(in, command);
    if (!wrong) wrong = check_list(&in->files, command, "--input", "FILE");
    if (!wrong) wrong = check_list(&in->rates, command, "--input-fps", "F");
    for (int k = 0; k < in->rates.count && !wrong; k++) {
        cli_split(in->rates.at[k], name, sizeof name, &value);
        if (!cli_number(value, &fps) || fps <= 0)
            return cli_usage(command, "--input-fps: '%s', expected NAME=F with F above 0", in->rates.at[k]);
        if (!find(&in->files, name)) return cli_usage(command, "--input-fps: no --input is named '%s'", name);
    }
    return wrong;
}

/* ---- What the model declares ---- */

typedef struct input_info { char name[64]; int64_t channels, height, width; } input_info;

static int declared_input(const cli_model *m, int index, input_info *info)
{
    const char *name;
    convis_shape frame;
    if (!convis_recipe_input(m->recipe, index, &name, &frame)) return 0;
    *info = (input_info){ .channels = frame.dim[CONVIS_C], .height = frame.dim[CONVIS_Y], .width = frame.dim[CONVIS_X] };
    snprintf(info->name, sizeof info->name, "%s", name);
    return 1;
}

static int add(cli_inputs *in, const input_info *info)
{
    const char *file = find(&in->files, info->name), *rate = find(&in->rates, info->name);
    double fps = 0;
    if (!file && !in->optional)
        return cli_fail("the model '%s' also takes the input '%s'; --input %s=FILE gives it", in->model->name, info->name,
                        info->name);
    if (in->count == CLI_INPUTS) return cli_fail("the model '%s' takes more than %d inputs", in->model->name, CLI_INPUTS);
    if (rate) cli_number(rate, &fps);
    snprintf(in->name[in->count], sizeof *in->name, "%s", info->name);
    in->at[in->count] = (convis_recording_input){ .name = in->name[in->count], .file = file, .fps = fps, .declared = info->channels,
                                                  .width = info->width, .height = info->height };
    in->count++;
    return 0;
}

static int check_names(const cli_inputs *in)
{
    char name[64];
    const char *value;
    for (int k = 0; k < in->files.count; k++) {
        int found = 0;
        input_info info;
        cli_split(in->files.at[k], name, sizeof name, &value);
        convis_hint hint = CONVIS_HINT(name);
        for (int j = 1; declared_input(in->model, j, &info); j++) {
            found |= !strcmp(info.name, name);
            convis_hint_offer(&hint, info.name);
        }
        if (!found && !strcmp(name, in->movie_name))
            return cli_fail("--input: '%s' is the movie itself, which is not given by --input", name);
        if (!found) return cli_fail("--input: the model '%s' takes no input '%s'%s", in->model->name, name, hint.text);
    }
    return 0;
}

int cli_inputs_open(cli_inputs *in, const cli_model *m)
{
    input_info info;
    in->model = m;
    in->count = 0;
    if (!declared_input(m, 0, &info)) return cli_fail("the model '%s' takes no input", m->name);
    snprintf(in->movie_name, sizeof in->movie_name, "%s", info.name);
    in->movie_channels = info.channels;
    int wrong = check_names(in);
    for (int k = 1; !wrong && declared_input(m, k, &info); k++) wrong = add(in, &info);
    return wrong;
}

int cli_inputs_kind(const cli_inputs *in) { return in->kind == CONVIS_ALL_CHANNELS ? 0 : in->kind; }

int cli_inputs_report(const cli_inputs *in, const convis_context *c, convis_status status, int64_t channels)
{
    if (status != CONVIS_ESHAPE || in->movie_channels) return cli_report(c);
    return cli_fail("%s; the movie has %lld channel%s (see --channels)", convis_message(c), (long long)channels,
                    channels == 1 ? "" : "s");
}

int cli_inputs_movie(const cli_inputs *in, const char *file, int64_t channels)
{
    const int64_t takes = in->movie_channels;
    if (!takes || takes == channels) return 0;
    const char *remedy = takes == 3 && channels == 1 ? "; --channels rgb shows it in three"
                       : takes == 1 && channels == 3 ? "; --channels gray makes one of them" : "; see --channels";
    return cli_fail("%s has %lld channel%s, but the input '%s' of the model '%s' takes %lld%s", file, (long long)channels,
                    channels == 1 ? "" : "s", in->movie_name, in->model->name, (long long)takes, remedy);
}

/* ---- Along with a movie ---- */

/* Steps of the movie that its first frame leaves out. */
static int64_t steps_before(const convis_movie_options *o, const convis_movie_info *movie)
{
    const double fps = o->fps > 0 ? o->fps : movie->fps;
    if (o->repeat) return o->from*o->repeat;
    return fps > 0 ? (int64_t)ceil((double)o->from/fps/o->dt - 1e-6) : o->from;
}

static int make_room(cli_stream *s, int64_t steps)
{
    const int64_t frame = s->info.batch*s->info.channels*s->info.height*s->info.width;
    if (steps <= s->room) return 1;
    free(s->frames);
    s->frames = steps <= INT64_MAX/(int64_t)sizeof *s->frames/frame ? malloc((size_t)(steps*frame)*sizeof *s->frames) : NULL;
    s->room = s->frames ? steps : 0;
    return s->frames != NULL;
}

static int skip(cli_stream *s, convis_context *c, int64_t steps)
{
    for (int64_t got = 1; steps > 0 && got; steps -= got)
        if (!make_room(s, 1)) return cli_fail("out of memory");
        else if (convis_movie_read(s->movie, s->frames, 1, &got)) return cli_report(c);
    return 0;
}

static int check_stream(const cli_inputs *in, int k, const convis_movie_options *o, const convis_movie_info *movie, int quiet)
{
    const convis_recording_input *i = &in->at[k];
    const convis_movie_info *info = &in->stream[k].info;
    const int64_t steps = info->steps - steps_before(o, movie), width = i->width ? i->width : 1,
                  height = i->height ? i->height : 1;
    if (i->declared && info->channels != i->declared)
        return cli_fail("%s has %lld channel%s, but the input '%s' of the model '%s' takes %lld%s", i->file,
                        (long long)info->channels, info->channels == 1 ? "" : "s", i->name, in->model->name,
                        (long long)i->declared,
                        info->channels == 1 && i->declared == 3 ? "; an array of three has them first" : "");
    if (info->width != width || info->height != height)
        return cli_fail("%s has frames of %lldx%lld pixels, but the input '%s' of the model '%s' takes %lldx%lld", i->file,
                        (long long)info->width, (long long)info->height, i->name, in->model->name, (long long)width,
                        (long long)height);
    if (info->batch != 1 && info->batch != movie->batch)
        return cli_fail("%s has %lld movies side by side, but the movie has %lld", i->file, (long long)info->batch,
                        (long long)movie->batch);
    if (info->steps >= 0 && movie->steps >= 0 && steps < movie->steps)
        return cli_fail("%s: the input '%s' has %lld steps of %g s, but the movie has %lld", i->file, i->name, (long long)steps,
                        o->dt, (long long)movie->steps);
    if (info->steps >= 0 && movie->steps >= 0 && steps > movie->steps && !o->frames)
        cli_warn("%s: the input '%s' has %lld steps of %g s, of which the movie takes %lld", i->file, i->name, (long long)steps,
                 o->dt, (long long)movie->steps);
    if (!quiet && (i->fps > 0 || info->fps > 0))
        cli_message("%s: %g frames per second, each held until the next", i->file, i->fps > 0 ? i->fps : info->fps);
    return 0;
}

int cli_inputs_stream(cli_inputs *in, convis_context *c, const convis_movie_options *like, const convis_movie_info *movie,
                      int quiet)
{
    for (int k = 0; k < in->count; k++) {
        const convis_recording_input *i = &in->at[k];
        cli_stream *s = &in->stream[k];
        convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
        o.dt = like->dt;
        o.ppd = like->ppd;
        o.fps = i->fps;
        o.channels = CONVIS_ALL_CHANNELS;
        o.declared = i->declared;
        o.batches = o.spikes = o.rated = 1;
        if (!i->file) continue;
        if (!strcmp(i->file, "-")) return cli_fail("--input %s=-: standard input has frames of the movie only", i->name);
        if (!strncmp(i->file, "stim:", 5)) { o.width = i->width ? i->width : 1; o.height = i->height ? i->height : 1; }
        if (convis_movie_open(c, i->file, &o, &s->movie)) return cli_report(c);
        convis_movie_info_get(s->movie, &s->info);
        if (check_stream(in, k, like, movie, quiet) || skip(s, c, steps_before(like, movie))) return 1;
    }
    return 0;
}

/* Of spikes that do not say how long they were recorded silence follows. */
static convis_status read_stream(const cli_inputs *in, int k, convis_context *c, cli_stream *s, int64_t steps)
{
    const int64_t frame = s->info.batch*s->info.channels*s->info.height*s->info.width;
    int64_t got;
    if (!make_room(s, steps))
        return convis_fail(c, CONVIS_ENOMEM, "out of memory: %lld steps of %s", (long long)steps, in->at[k].file);
    const convis_status status = convis_movie_read(s->movie, s->frames, steps, &got);
    if (status) return status;
    if (got < steps && (s->info.steps >= 0 || strcmp(s->info.format, "spikes")))
        return convis_fail(c, CONVIS_ESHAPE, "%s: the input '%s' ends after %lld steps, before the movie", in->at[k].file,
                           in->at[k].name, (long long)(s->done + got));
    memset(s->frames + got*frame, 0, (size_t)((steps - got)*frame)*sizeof *s->frames);
    s->done += steps;
    return CONVIS_OK;
}

convis_status cli_inputs_give(cli_inputs *in, convis_context *c, convis_model *m, int64_t batch, int64_t steps)
{
    convis_status status = CONVIS_OK;
    for (int k = 0; k < in->count && !status; k++) {
        cli_stream *s = &in->stream[k];
        status = read_stream(in, k, c, s, steps);
        convis_tensor frames = convis_movie_view(s->movie, s->frames, steps);
        if (frames.shape.dim[CONVIS_B] < batch) { frames.shape.dim[CONVIS_B] = batch; frames.stride[CONVIS_B] = 0; }     /* one for all */
        if (!status) status = convis_give(m, in->at[k].name, frames);
    }
    return status;
}

static int make_numbers(cli_inputs *in, int k, int64_t frames, uint64_t seed)
{
    const convis_recording_input *i = &in->at[k];
    cli_stream *s = &in->stream[k];
    s->info = (convis_movie_info){ .batch = 1, .channels = i->declared, .height = i->height, .width = i->width };
    if (!make_room(s, frames)) return cli_fail("out of memory: %lld frames of the input '%s'", (long long)frames, i->name);
    uint64_t state = seed*0x9E3779B97F4A7C15u + (uint64_t)k + 1;
    for (int64_t n = 0; n < frames*i->declared*i->height*i->width; n++) {
        state = state*6364136223846793005u + 1442695040888963407u;
        s->frames[n] = (convis_real)((double)(state >> 40)/(double)(1 << 24));
    }
    return 0;
}

int cli_inputs_load(cli_inputs *in, convis_context *c, double dt, int64_t frames, uint64_t seed, convis_given given[CLI_INPUTS])
{
    convis_movie_options like = CONVIS_MOVIE_DEFAULTS;
    const convis_movie_info movie = { .batch = 1, .steps = frames };
    like.dt = dt;
    int failed = cli_inputs_stream(in, c, &like, &movie, 1);
    for (int k = 0; k < in->count && !failed; k++) {
        cli_stream *s = &in->stream[k];
        if (!in->at[k].file) failed = make_numbers(in, k, frames, seed);
        else if (read_stream(in, k, c, s, frames)) failed = cli_report(c);
        given[k] = (convis_given){ in->at[k].name, s->frames, s->info.channels, s->info.height, s->info.width };
    }
    return failed;
}

void cli_inputs_close(cli_inputs *in)
{
    for (int k = 0; k < in->count; k++) {
        convis_movie_close(&in->stream[k].movie);
        free(in->stream[k].frames);
    }
}
