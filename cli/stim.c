/* stim.c - convis stim: a stimulus, as an array or a movie. */
#include "specs.h"
#include <convis/layer.h>
#include <stdlib.h>
#include <string.h>

static const cli_page PAGE = {
    "stim", "[KIND] [KEY=VALUE]... [-o FILE] [OPTION]...",
    "Without -o: the kinds of stimulus and their keys. 'convis run MODEL stim:KIND?KEY=VALUE&KEY=VALUE' shows the\n"
    "same stimulus without a file. FILE is .npy, .npz, .h5, .inr, .csv, .png or .mp4; - prints raw float32 frames.\n",
    "  convis stim\n"
    "  convis stim grating spatial_frequency=2 contrast=0.8 --size 128x128 -o grating.npy\n"
    "  convis stim checkers rate=30 seed=3 --size 64x64 --ppd 10 -o checkers.npz\n",
    0, -1
};

enum { CHUNK_BYTES = 16*1000*1000 };

struct stim {
    const char *file;
    cli_size size;
    convis_movie_options options;
    int quiet;
};

/* ---- Making one ---- */

/* "stim:KIND?a=1&b=2" from the words of the command line. */
static int spell(const cli_list *words, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "stim:%s", words->at[0]);
    for (int k = 1; k < words->count && used < size; k++) {
        if (!strchr(words->at[k], '=') || strchr(words->at[k], '&'))
            return cli_usage("stim", "'%s', expected KEY=VALUE", words->at[k]);
        used += (size_t)snprintf(text + used, size - used, "%c%s", k == 1 ? '?' : '&', words->at[k]);
    }
    return used < size ? 0 : cli_usage("stim", "too many keys");
}

static convis_status copy(convis_context *c, convis_movie *movie, convis_map_writer *writer, const convis_movie_info *info,
                          int quiet)
{
    int64_t pixels = info->width*info->height, steps = 0, got;
    int64_t chunk = CHUNK_BYTES/(pixels*(int64_t)sizeof(convis_real)) + 1;
    if (info->steps > 0 && chunk > info->steps) chunk = info->steps;
    convis_real *frames = malloc((size_t)(chunk*pixels)*sizeof *frames);
    if (!frames) return convis_fail(c, CONVIS_ENOMEM, "out of memory");
    cli_progress bar;
    cli_progress_begin(&bar, info->steps, quiet);
    convis_status status;
    for (;;) {
        status = convis_movie_read(movie, frames, chunk, &got);
        if (status || !got || cli_interrupted) break;
        convis_tensor view = convis_view(frames, convis_movie_shape(got, info->height, info->width));
        status = writer ? convis_map_writer_write(writer, view) : cli_print_frames(c, view);
        if (status || cli_interrupted) break;
        cli_progress_show(&bar, steps += got, "");
    }
    cli_progress_end(&bar);
    free(frames);
    return status;
}

static int make(convis_context *c, const struct stim *s, const char *name, const char *command)
{
    convis_movie *movie = NULL;
    convis_map_writer *writer = NULL;
    convis_movie_info info;
    convis_provenance origin = { .command = command, .input = name, .dt = s->options.dt };
    if (convis_movie_open(c, name, &s->options, &movie)) return cli_report(c);
    convis_movie_info_get(movie, &info);
    int failed = 0;
    if (strcmp(s->file, "-")
        && convis_map_writer_open(c, s->file, "stimulus", convis_movie_shape(1, info.height, info.width), &origin, &writer))
        failed = cli_report(c);
    if (!failed && copy(c, movie, writer, &info, s->quiet)) failed = cli_interrupted ? 1 : cli_report(c);
    if (cli_interrupted) failed = cli_fail("interrupted");
    if (writer && convis_map_writer_close(&writer, !failed) && !failed) failed = cli_report(c);
    convis_movie_close(&movie);
    return failed;
}

int cli_stim(int argc, char **argv)
{
    struct stim s = { .options = CONVIS_MOVIE_DEFAULTS };
    char name[4096];
    cli_list words = { 0 };
    s.options.dt = 0.001;
    const cli_option options[] = {
        { 'o', "output", "FILE",  CLI_TEXT,     &s.file,           "where the stimulus goes" },
        { 0, "size",   "WxH",     CLI_SIZE,     &s.size,           "in pixels" },
        { 0, "dt",     "SECONDS", CLI_POSITIVE, &s.options.dt,     "duration of a frame (0.001)" },
        { 0, "ppd",    "P",       CLI_POSITIVE, &s.options.ppd,    "pixels per degree of visual angle (20)" },
        { 0, "frames", "N",       CLI_COUNT,    &s.options.frames, "at most so many; the key duration says how long it lasts" },
        { 'q', "quiet", NULL,     CLI_FLAG,     &s.quiet,          "no progress bar" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    if (!words.count && s.file) return cli_usage("stim", "which KIND of stimulus?");
    if (!words.count) { cli_specs_list(&CLI_STIMULI); return 0; }
    if (!s.file && words.count == 1 && cli_specs_one(&CLI_STIMULI, words.at[0])) return 0;
    if (!s.file && !cli_specs_known(&CLI_STIMULI, words.at[0]))
        s.file = "-";    /* that it is unknown says more than that -o is missing */
    if (!s.file) return cli_usage("stim", "-o FILE is missing");
    s.options.width = s.size.width;
    s.options.height = s.size.height;
    if ((done = spell(&words, name, sizeof name))) return done;

    cli_catch_signals();
    convis_context *c = cli_open(NULL, 0);
    if (!c) return 1;
    char *command = cli_command_line(argc, argv);
    int failed = make(c, &s, name, command);
    free(command);
    convis_close(&c);
    return failed;
}
