/* inputs.c - what a model takes as input: the channels of its movie, and what it takes beside it. */
#include "inputs.h"
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
        if (!cli_number(value, &fps) || fps <= 0) return cli_usage(command, "--input-fps: '%s', expected NAME=F with F above 0", in->rates.at[k]);
        if (!find(&in->files, name)) return cli_usage(command, "--input-fps: no --input is named '%s'", name);
    }
    return wrong;
}

/* ---- What the model declares ---- */

typedef struct input_info { char name[64]; int64_t channels, height, width; } input_info;

static int declared_input(const cli_model *m, int index, input_info *info)
{
    (void)m;
    *info = (input_info){ .name = "input" };
    return index == 0;
}

static int add(cli_inputs *in, const input_info *info)
{
    const char *file = find(&in->files, info->name), *rate = find(&in->rates, info->name);
    double fps = 0;
    if (!file) return cli_fail("the model '%s' also takes the input '%s'; --input %s=FILE gives it", in->model->name, info->name, info->name);
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
    return cli_fail("%s; the movie has %lld channel%s (see --channels)", convis_message(c), (long long)channels, channels == 1 ? "" : "s");
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
