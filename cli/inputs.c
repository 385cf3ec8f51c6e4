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
    if (!channel) return 0;
    while (k < 4 && strcmp(NAMES[k], channel)) k++;
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

/* Does the model, built anew, take a movie of so many channels? */
static convis_status plan_channels(const cli_inputs *in, int64_t channels)
{
    const cli_model *m = in->model;
    convis_model *model = NULL;
    convis_on_log(m->context, NULL, NULL);               /* it was all said */
    convis_status status = convis_recipe_build(m->recipe, m->width, m->height, &model);
    if (!status) status = convis_plan(model, (convis_shape){ { 1, channels, 1, m->height, m->width } });
    convis_model_free(&model);
    return status;
}

/* That the number of channels is why shapes do not fit together is known where all fits with another that --channels can make. */
int cli_inputs_report(const cli_inputs *in, const convis_context *c, convis_status status, int64_t channels)
{
    char *message;
    int because = 0;
    if (status != CONVIS_ESHAPE || in->movie_channels || !in->model->width) return cli_report(c);
    if (asprintf(&message, "%s", convis_message(c)) < 0) return cli_report(c);
    if (plan_channels(in, channels) == CONVIS_ESHAPE)
        because = (channels != 3 && !plan_channels(in, 3)) || (channels != 1 && !plan_channels(in, 1));
    const int failed = because ? cli_fail("%s; the movie has %lld channel%s (see --channels)", message, (long long)channels,
                                          channels == 1 ? "" : "s")
                               : cli_fail("%s", message);
    free(message);
    return failed;
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

/* Which channels the movie gets where it is made for the model. */
int64_t cli_inputs_channels(const cli_inputs *in)
{
    return in->kind == CONVIS_RGB ? 3 : in->kind == CONVIS_GRAY || !in->movie_channels ? 1 : in->movie_channels;
}

void cli_inputs_fewer(const char *file, const convis_movie_options *o, const convis_movie_info *info)
{
    if (o->frames && info->frames >= 0 && info->frames < o->frames)
        cli_warn("%s: %lld frames from frame %lld on were asked for, and it has %lld", file, (long long)o->frames,
                 (long long)o->from, (long long)info->frames);
}

int cli_inputs_open_end(convis_context *c, const char *file, const convis_movie_info *info)
{
    convis_spike *spikes = NULL;
    int64_t count = 0;
    if (info->steps >= 0 || strcmp(info->format, "spikes")) return 0;
    if (convis_spikes_read(c, file, &spikes, &count)) return cli_report(c);
    const double last = count ? spikes[count - 1].time : 0;
    convis_spikes_free(&spikes);
    if (!count) return cli_fail("%s: no spikes, and it does not say how long was recorded; a .h5 or .npz of spikes does", file);
    cli_warn("%s: it does not say how long was recorded, so it ends with its last spike, at %g s", file, last);
    return 0;
}

/* ---- Along with a movie ---- */

/* "shape (4, 30), taken as " of an array, else "". */
static void describe_array(convis_context *c, const char *file, char *text, size_t size)
{
    convis_array a = { .data = NULL };
    size_t used = 0;
    *text = 0;
    if (convis_array_read(c, file, &a)) return;
    for (int d = 0; d < a.dims && used < size; d++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", d ? ", " : "shape (", (long long)a.dim[d]);
    if (used < size) snprintf(text + used, size - used, "%s), taken as ", a.dims == 1 ? "," : "");
    convis_array_free(&a);
}

/* Has a file the channels and pixels of the input that it is given to? */
static int check_shape(const cli_inputs *in, int k, int64_t channels, int64_t width, int64_t height, int64_t steps)
{
    const convis_recording_input *i = &in->at[k];
    const int64_t takes = i->declared, wide = i->width ? i->width : 1, high = i->height ? i->height : 1;
    char taken[200], frames[32] = "", remedy[96] = "";
    if ((!takes || channels == takes) && width == wide && height == high) return 0;
    describe_array(in->model->context, i->file, taken, sizeof taken);
    if (steps >= 0) snprintf(frames, sizeof frames, "%lld ", (long long)steps);
    if (!takes || channels == takes)
        return cli_fail("%s has frames of %lldx%lld pixels%s%s%s%s, but the input '%s' of the model '%s' takes %lldx%lld",
                        i->file, (long long)width, (long long)height, *taken ? " (" : "", taken, *taken ? frames : "",
                        *taken ? "frames)" : "", i->name, in->model->name, (long long)wide, (long long)high);
    if (takes > 1 && wide*high == 1) snprintf(remedy, sizeof remedy, "; an array (T, %lld) has them", (long long)takes);
    else if (takes > 1) snprintf(remedy, sizeof remedy, "; an array of %lld has them first", (long long)takes);
    return cli_fail("%s has %lld channel%s (%s%sframes of %lldx%lld pixels), but the input '%s' of the model '%s' takes %lld%s",
                    i->file, (long long)channels, channels == 1 ? "" : "s", taken, frames, (long long)width, (long long)height,
                    i->name, in->model->name, (long long)takes, remedy);
}

static void warn_longer(const cli_inputs *in, int k, int64_t steps, double dt, int64_t taken)
{
    cli_warn("%s: the input '%s' has %lld steps of %g s, of which the movie takes %lld", in->at[k].file, in->at[k].name,
             (long long)steps, dt, (long long)taken);
}

static void warn_spikes(const cli_inputs *in, int k, int64_t count)
{
    if (count > 0)
        cli_warn("%s: %lld spike%s of the input '%s' come%s after the end of the movie, and %s not used", in->at[k].file,
                 (long long)count, count == 1 ? "" : "s", in->at[k].name, count == 1 ? "s" : "", count == 1 ? "is" : "are");
}

int cli_inputs_recorded(const cli_inputs *in, const convis_recording *r)
{
    convis_recording_input_info i;
    convis_recording_info info;
    convis_recording_info_get(r, &info);
    for (int k = 0; convis_recording_input_list(r, k, &i); k++) {
        if (check_shape(in, k, i.channels, i.width, i.height, i.steps)) return 1;
        if (i.after) warn_longer(in, k, i.steps, info.dt, i.steps - i.after);
        warn_spikes(in, k, i.spikes_after);
    }
    return 0;
}

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
    const int64_t steps = info->steps - steps_before(o, movie);
    const double fps = i->fps > 0 ? i->fps : info->fps, held = fps > 0 ? ceil(1/fps/o->dt) : 0;
    if (check_shape(in, k, info->channels, info->width, info->height, info->steps)) return 1;
    if (info->batch != 1 && info->batch != movie->batch)
        return cli_fail("%s has %lld movies side by side, but the movie has %lld", i->file, (long long)info->batch,
                        (long long)movie->batch);
    if (info->steps >= 0 && movie->steps >= 0 && steps < movie->steps)
        return cli_fail("%s: the input '%s' has %lld steps of %g s, but the movie has %lld", i->file, i->name, (long long)steps,
                        o->dt, (long long)movie->steps);
    if (info->steps >= 0 && movie->steps >= 0 && (double)(steps - movie->steps) > held && !o->frames)
        warn_longer(in, k, steps, o->dt, movie->steps);
    if (!quiet && fps > 0) cli_message("%s: %g frames per second, each held until the next", i->file, fps);
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

/* What no run has read of them is what came too late. */
int cli_inputs_end(cli_inputs *in, convis_context *c, const convis_movie_options *like)
{
    for (int k = 0; k < in->count && !like->frames; k++) {
        cli_stream *s = &in->stream[k];
        const int64_t frame = s->info.batch*s->info.channels*s->info.height*s->info.width;
        double late = 0;
        int64_t got = 1;
        if (!s->movie || strcmp(s->info.format, "spikes")) continue;
        convis_real *step = malloc((size_t)frame*sizeof *step);              /* the others may still be in use */
        convis_status status = CONVIS_OK;
        while (step && !(status = convis_movie_read(s->movie, step, 1, &got)) && got)
            for (int64_t n = 0; n < frame; n++) late += (double)step[n];
        free(step);
        if (!step) return cli_fail("out of memory");
        if (status) return cli_report(c);
        warn_spikes(in, k, (int64_t)late);
    }
    return 0;
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
    return failed ? failed : cli_inputs_end(in, c, &like);
}

void cli_inputs_close(cli_inputs *in)
{
    for (int k = 0; k < in->count; k++) {
        convis_movie_close(&in->stream[k].movie);
        free(in->stream[k].frames);
    }
}
