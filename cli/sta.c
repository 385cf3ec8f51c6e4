/* sta.c - convis sta: what was seen before spikes: their average, and the directions in which their variance differs. */
#include "inputs.h"
#include <convis/fit.h>
#include <convis/io.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const cli_page PAGE = {
    "sta", "--stimulus FILE --response FILE -o FILE [OPTION]...",
    "The spike-triggered average: the mean stimulus before a spike minus the mean stimulus, its last frame that of the spike\n"
    "itself. --stc adds the eigenvectors of the spike-triggered covariance minus the stimulus's own, from both ends, the\n"
    "average projected out. Both are compared with responses that are shifted in time against the stimulus.\n"
    "\n"
    "The stimulus is an array (T, Y, X) or (C, T, Y, X), or anything 'convis run' takes; responses are arrays (T), (T, N) or\n"
    "(trials, T, N), or spikes (.spk, .csv, .h5), counted in each frame. NaN was not measured. Files may be larger than memory.\n"
    "FILE.npz and FILE.h5 get sta, significance (in standard deviations of the shifted ones), and with --stc eigenvalue,\n"
    "eigenvector and band; FILE.npy gets the average only.\n",
    "  convis sta --stimulus noise.npy --response spikes.csv --dt 0.01 --lags 30 -o sta.npz --plot sta.png\n"
    "  convis sta --stimulus noise.h5 --response rates.npy --unit 4 --dt 0.0166667 --stc 4 -o unit4.h5\n"
    "  convis plot unit4.h5 --kind kernel --name eigenvector -o axes.png\n",
    0, 0
};

struct sta {
    convis_recording_options of;
    convis_sta_options options;
    const char *file, *plot, *title;
    cli_size size;
    cli_inputs colour;                                   /* --channels */
    int eigenvectors, shuffles, threads, quiet;
    char *command;
    convis_context *context;
    convis_recording *recording;
    convis_recording_info info;
    convis_sta found;
};

/* ---- Arguments ---- */

static int parse(struct sta *s, int argc, char **argv)
{
    cli_list words = { 0 };
    const cli_option options[] = {
        { 0, "stimulus",  "FILE",    CLI_TEXT,     &s->of.stimulus,    "what was shown" },
        { 0, "response",  "FILE",    CLI_TEXT,     &s->of.response,    "what was recorded" },
        { 0, "mask",      "FILE",    CLI_TEXT,     &s->of.mask,        "an array like the response, 0 where it must not count" },
        { 'o', "output",  "FILE",    CLI_TEXT,     &s->file,           "where the average goes: .npy, .npz or .h5" },
        { 0, "plot",      "FIGURE",  CLI_TEXT,     &s->plot,           "draw it, too: .png, .svg or .pdf" },
        { 0, "title",     "TEXT",    CLI_TEXT,     &s->title,          "above the figure" },
        { 0, "dt",        "SECONDS", CLI_POSITIVE, &s->of.dt,          "duration of a frame, in which spikes are counted (0.001)" },
        { 0, "fps",       "F",       CLI_POSITIVE, &s->of.fps,         "frames per second of the stimulus, when each lasts other than dt" },
        { 'u', "unit",    "N",       CLI_WHOLE,    &s->options.unit,   "which one, counted from 0 (0)" },
        { 'l', "lags",    "N",       CLI_COUNT,    &s->options.lags,   "how many frames, back from that of the spike (20)" },
        { 0, "stc",       "N",       CLI_INT,      &s->eigenvectors,   "eigenvectors of the covariance, from each end (0)" },
        { 0, "shuffles",  "N",       CLI_INT,      &s->shuffles,       "shifted responses to compare with; 0: none (100)" },
        { 0, "level",     "P",       CLI_POSITIVE, &s->options.level,  "of the band that chance stays in (0.95)" },
        { 0, "seed",      "N",       CLI_SEED,     &s->options.seed,   "of the shifts (0)" },
        { 0, "skip",      "N",       CLI_WHOLE,    &s->of.skip,        "frames at the onset that do not count" },
        { 0, "from",      "FRAME",   CLI_WHOLE,    &s->of.from,        "first frame, from 0" },
        { 0, "frames",    "N",       CLI_COUNT,    &s->of.frames,      "how many frames (all)" },
        { 0, "size",      "WxH",     CLI_SIZE,     &s->size,           "of stim: stimuli" },
        CLI_CHANNELS_OPTION(s->colour),
        { 0, "threads",   "N",       CLI_INT,      &s->threads,        "how many threads compute (0: all cores)" },
        { 'q', "quiet",   NULL,      CLI_FLAG,     &s->quiet,          "no summary" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    if ((done = cli_inputs_check(&s->colour, "sta"))) return done;
    s->of.channels = cli_inputs_kind(&s->colour);
    if (!s->of.stimulus) return cli_usage("sta", "--stimulus FILE is missing");
    if (!s->of.response) return cli_usage("sta", "--response FILE is missing");
    if (!s->file) return cli_usage("sta", "-o FILE is missing");
    if (s->options.level >= 1) return cli_usage("sta", "--level: %g, expected a number between 0 and 1", s->options.level);
    if (s->shuffles == 1) return cli_usage("sta", "--shuffles: 1, expected 0 or at least 2");
    const char *extension = cli_extension(s->file), *const known[] = { "npy", "npz", "h5", "hdf5" };
    int k = 0;
    while (k < 4 && strcasecmp(extension, known[k])) k++;
    if (k == 4) return cli_usage("sta", "-o: '%s', expected a .npy, .npz or .h5 file", s->file);
    if (s->plot && !strcmp(s->plot, s->file)) return cli_usage("sta", "-o and --plot name the same file '%s'", s->plot);
    s->of.width = s->size.width;
    s->of.height = s->size.height;
    s->options.eigenvectors = s->eigenvectors;
    s->options.shuffles = s->shuffles;
    return CLI_GO;
}

/* ---- Out ---- */

/* One data set: (count, lags, C, Y, X), or numbers in one row. */
typedef struct map {
    const char *name;
    const double *values;
    int64_t count;
    convis_shape shape;                                  /* (1, C, T, Y, X) of each of the count */
    convis_map_writer *writer;
} map;

static int map_open(struct sta *s, map *m)
{
    const convis_provenance origin = { .command = s->command, .input = s->of.stimulus, .dt = s->of.dt, .seed = s->options.seed };
    convis_shape frame = m->shape;
    frame.dim[CONVIS_B] = m->count;
    frame.dim[CONVIS_T] = 1;
    return convis_map_writer_open(s->context, s->file, m->name, frame, &origin, &m->writer) ? cli_report(s->context) : 0;
}

/* In memory time comes before channels, as frames of a movie lie. */
static int map_write(struct sta *s, map *m)
{
    const int64_t *n = m->shape.dim, plane = n[CONVIS_Y]*n[CONVIS_X], volume = n[CONVIS_C]*plane,
                  all = m->count*n[CONVIS_T]*volume;
    convis_real *copy = malloc((size_t)all*sizeof *copy);
    if (!copy) return cli_fail("out of memory: %lld numbers", (long long)all);
    for (int64_t i = 0; i < all; i++) copy[i] = (convis_real)m->values[i];
    convis_tensor t = { copy, m->shape, { n[CONVIS_T]*volume, plane, volume, n[CONVIS_X], 1 } };
    t.shape.dim[CONVIS_B] = m->count;
    convis_status status = convis_map_writer_write(m->writer, t);
    free(copy);
    return status ? cli_report(s->context) : 0;
}

/* Writers of one file share it, so all are open before the first is closed. */
static int write_out(struct sta *s)
{
    const convis_sta *f = &s->found;
    const double band[] = { f->band_low, f->band_high };
    const convis_shape whole = { { 1, f->channels, f->lags, f->height, f->width } };
    map maps[] = {
        { "sta", f->sta, 1, whole, NULL },
        { "significance", f->significance, 1, whole, NULL },
        { "eigenvector", f->eigenvector, f->count, whole, NULL },
        { "eigenvalue", f->eigenvalue, 1, convis_movie_shape(1, 1, f->count), NULL },
        { "band", s->shuffles && f->count ? band : NULL, 1, convis_movie_shape(1, 1, 2), NULL } };
    int count = sizeof maps/sizeof *maps, failed = 0;
    if (!strcasecmp(cli_extension(s->file), "npy")) {
        if (f->count) cli_warn("%s keeps the average only; a .npz or .h5 keeps eigenvectors, too", s->file);
        count = 1;
    }
    for (int k = 0; k < count && !failed; k++) if (maps[k].values) failed = map_open(s, maps + k);
    for (int k = 0; k < count && !failed; k++) if (maps[k].writer) failed = map_write(s, maps + k);
    for (int k = 0; k < count; k++)
        if (maps[k].writer && convis_map_writer_close(&maps[k].writer, !failed) && !failed) failed = cli_report(s->context);
    return failed;
}

static int draw(struct sta *s)
{
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    o.kind = "kernel";
    o.name = strcasecmp(cli_extension(s->file), "npy") ? "sta" : NULL;
    o.dt = s->of.dt;
    o.title = s->title;
    return convis_plot(s->context, s->file, s->plot, &o) ? cli_report(s->context) : 0;
}

/* ---- Summary ---- */

static void print_average(const struct sta *s)
{
    const convis_sta *f = &s->found;
    const int64_t plane = f->height*f->width, frame = f->channels*plane, all = f->lags*frame;
    int64_t best = 0, beyond = 0;
    for (int64_t i = 1; i < all; i++) if (fabs(f->sta[i]) > fabs(f->sta[best])) best = i;
    /* Beyond four standard deviations chance puts one element in sixteen thousand. */
    for (int64_t i = 0; f->significance && i < all; i++) beyond += fabs(f->significance[i]) > 4;
    const int64_t counted = s->info.frames - (f->lags - 1);
    printf("unit %lld of %lld: a response of %.6g in %lld frames of %g ms, %.3g a second%s", (long long)s->options.unit,
           (long long)s->info.units, f->spikes, (long long)counted, 1e3*s->info.dt,
           f->spikes/((double)counted*s->info.dt)/(double)s->info.trials, s->info.trials > 1 ? " and trial" : "");
    if (f->lags > 1) printf("; not counted: the first %lld, before which frames are missing", (long long)f->lags - 1);
    printf("\n");
    printf("average: strongest at x = %lld, y = %lld", (long long)(best%f->width), (long long)(best/f->width%f->height));
    if (f->channels > 1) printf(", channel %lld", (long long)(best/plane%f->channels));
    printf(", %.4g ms back: %.4g", 1e3*s->info.dt*(double)(f->lags - 1 - best/frame), f->sta[best]);
    if (f->significance)
        printf(" (%.3g standard deviations; %lld of %lld elements are beyond 4)", f->significance[best], (long long)beyond,
               (long long)all);
    putchar('\n');
}

static void print_covariance(const struct sta *s)
{
    const convis_sta *f = &s->found;
    int64_t outside = 0;
    printf("covariance:");
    for (int64_t i = 0; i < f->count; i++) {
        const int out = f->eigenvalue[i] > f->band_high || f->eigenvalue[i] < f->band_low;
        outside += out;
        printf(" %.4g%s", f->eigenvalue[i], out ? "*" : "");
    }
    if (s->shuffles)
        printf("\nchance: %.4g to %.4g in %g %% of %d shifts, so %lld of these %s significant", f->band_low, f->band_high,
               100*s->options.level, s->shuffles, (long long)outside, outside == 1 ? "is" : "are");
    putchar('\n');
}

int cli_sta(int argc, char **argv)
{
    struct sta s = { .of = { .dt = 0.001 }, .options = CONVIS_STA_DEFAULTS };
    s.shuffles = s.options.shuffles;
    int status = parse(&s, argc, argv);
    if (status != CLI_GO) return status;
    if (!(s.context = cli_open(NULL, s.threads))) return 1;
    s.command = cli_command_line(argc, argv);
    status = 0;
    if (convis_recording_open(s.context, &s.of, &s.recording)) status = cli_report(s.context);
    if (!status) {
        convis_recording_info_get(s.recording, &s.info);
        if (convis_sta_of(s.context, s.recording, &s.options, &s.found)) status = cli_report(s.context);
    }
    if (!status) status = write_out(&s);
    if (!status && s.plot) status = draw(&s);
    if (!status && !s.quiet) {
        print_average(&s);
        if (s.found.count) print_covariance(&s);
    }
    convis_sta_free(s.context, &s.found);
    convis_recording_close(&s.recording);
    convis_close(&s.context);
    free(s.command);
    return status;
}
