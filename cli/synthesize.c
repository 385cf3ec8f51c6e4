/* synthesize.c - convis synthesize: the movie to which a model answers most, as wished, or unlike another model.
 *
 * The order of things: arguments, models, the movie it begins from, the search, the file. */
#include "inputs.h"
#include "model.h"
#include <convis/fit.h>
#include <convis/io.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const cli_page PAGE = {
    "synthesize", "MODEL -o MOVIE [--goal FILE | --other MODEL] [OPTION]...",
    "The movie is optimised by its gradient: towards the response in --goal, an array (T) or (T, N); or to the largest\n"
    "difference from --other; or, with neither, to the largest mean response of the output, or of one of its units.\n"
    "It begins from --start, or from grey with some noise. MOVIE is .npy, .npz, .h5, .inr, .csv, .png or .mp4.\n",
    "  convis synthesize retina --output ganglion_0 --unit 2080 --size 64x64 --frames 60 -o favourite.npy\n"
    "  convis synthesize fitted.h5 --goal rates.npy --size 20x20 --contrast 0.3 --smooth-space 0.01 -o seen.npy\n"
    "  convis synthesize LN --other LNLN --start noise.npy -o apart.npy\n",
    1, 1
};

struct synthesis {
    /* asked for */
    cli_model   model, other;
    cli_inputs  inputs;                                  /* of both */
    const char *goal, *start, *out, *output, *device;
    cli_size    size;
    double      low, high;                               /* high: NaN until it is known */
    int64_t     frames, channels;                        /* channels: known with the models */
    int         threads, quiet;
    const char *unit_text;
    convis_synthesize_options options;

    /* open */
    convis_context *context;
    convis_array goal_values;
    convis_given given[CLI_INPUTS];
    convis_real *movie, *target;
    convis_map_writer *writer;
    char        path[128];
    convis_synthesize_report report;
    cli_progress bar;
};

/* ---- Arguments ---- */

static int check(struct synthesis *d)
{
    if (!d->out) return cli_usage("synthesize", "-o FILE is missing: where shall the movie go?");
    if (d->goal && d->other.name) return cli_usage("synthesize", "either --goal or --other");
    if (!d->start && !d->size.width) return cli_usage("synthesize", "--size WxH is missing, or --start MOVIE");
    if (d->unit_text && (!cli_integer(d->unit_text, &d->options.unit) || d->options.unit < 0))
        return cli_usage("synthesize", "--unit: '%s', expected a number from 0", d->unit_text);
    if (d->high <= d->low) return cli_usage("synthesize", "--low %g, --high %g: expected low below high", d->low, d->high);
    int done = cli_inputs_check(&d->inputs, "synthesize");
    if (!done) done = cli_model_check(&d->model, "synthesize");
    if (!done) done = cli_model_check(&d->other, "synthesize");
    return done ? done : CLI_GO;
}

static int parse(struct synthesis *d, int argc, char **argv)
{
    convis_synthesize_options *o = &d->options;
    cli_list words = { 0 };
    const cli_option options[] = {
        { 'o', NULL,        "MOVIE",   CLI_TEXT,     &d->out,        "the movie that was found" },
        { 0, "goal",        "FILE",    CLI_TEXT,     &d->goal,       "the response to approach" },
        { 0, "other",       "MODEL",   CLI_TEXT,     &d->other.name, "a model whose response shall differ as much as can be" },
        { 0, "output",      "PATH",    CLI_TEXT,     &d->output,     "which output of the model, or of both (its own, else the last)" },
        { 0, "unit",        "N",       CLI_TEXT,     &d->unit_text,  "one number of its frame, from 0, row by row (all)" },
        { 0, "start",       "MOVIE",   CLI_TEXT,     &d->start,      "what it begins from (grey and noise)" },
        { 0, "size",        "WxH",     CLI_SIZE,     &d->size,       "of the movie" },
        CLI_CHANNELS_OPTION(d->inputs),
        CLI_INPUT_OPTIONS(d->inputs),
        { 0, "frames",      "N",       CLI_COUNT,    &d->frames,     "its length (that of the goal, or of the start, else 100)" },
        { 0, "skip",        "N",       CLI_WHOLE,    &o->skip,       "frames at the onset whose response does not count" },
        { 0, "low",         "X",       CLI_NUMBER,   &d->low,        "darkest pixel (0)" },
        { 0, "high",        "X",       CLI_NUMBER,   &d->high,       "brightest pixel (the model's range, else 1)" },
        { 0, "contrast",    "X",       CLI_POSITIVE, &o->contrast,   "at most this r.m.s. contrast (any)" },
        { 0, "smooth-time", "WEIGHT",  CLI_POSITIVE, &o->smooth_time, "neighbours in time shall be alike (0)" },
        { 0, "smooth-space", "WEIGHT", CLI_POSITIVE, &o->smooth_space, "neighbours in space shall be alike (0)" },
        { 0, "noise",       "SD",      CLI_NUMBER,   &o->noise,      "added to the start, in units of half the range (0.1; to --start 0)" },
        { 0, "seed",        "N",       CLI_SEED,     &o->seed,       "of that noise (0)" },
        { 0, "optimizer",   "OPTIMIZER",    CLI_TEXT,     &o->optimizer.kind, "as in 'convis fit' (lbfgs)" },
        { 0, "rate",        "X",       CLI_POSITIVE, &o->optimizer.rate, "learning rate, in units of half the range" },
        { 0, "iterations",  "N",       CLI_COUNT,    &o->iterations, "at most (100)" },
        { 's', "set",       "PATH=VALUE", CLI_TEXTS, &d->model.sets, "change a setting or parameter of the model" },
        { 0, "set-other",   "PATH=VALUE", CLI_TEXTS, &d->other.sets, "the same of the other model" },
        { 0, "dt",          "SECONDS", CLI_POSITIVE, &d->model.dt,   "duration of a frame (the model's)" },
        { 0, "device",      "NAME",    CLI_TEXT,     &d->device,     "as in 'convis run'" },
        { 0, "threads",     "N",       CLI_INT,      &d->threads,    "how many threads compute (0: all cores)" },
        { 0, "chunk",       "N",       CLI_COUNT,    &o->chunk,      "frames computed at once; changes memory, not what is found" },
        CLI_ALLOW_CODE,
        { 'q', "quiet",     NULL,      CLI_FLAG,     &d->quiet,      "no progress and no summary" },
        { 0 }
    };
    d->high = o->noise = NAN;
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    d->model.name = words.at[0];
    return check(d);
}

/* ---- The movie it begins from ---- */

static convis_shape movie_shape(const struct synthesis *d, int64_t frames)
{
    return (convis_shape){ { 1, d->channels, frames, d->size.height, d->size.width } };
}

/* In memory time comes before channels. */
static convis_tensor movie_view(const struct synthesis *d)
{
    const int64_t row = d->size.width, plane = d->size.height*row;
    return (convis_tensor){ d->movie, movie_shape(d, d->frames), { 0, plane, d->channels*plane, row, 1 } };
}

static int obtain_movie(struct synthesis *d)
{
    const int64_t frame = d->channels*d->size.width*d->size.height;
    d->movie = d->frames <= INT64_MAX/(int64_t)sizeof *d->movie/frame ? malloc((size_t)(d->frames*frame)*sizeof *d->movie) : NULL;
    return d->movie ? 0
                    : cli_fail("out of memory: %lld frames of %lldx%lld", (long long)d->frames, (long long)d->size.width,
                               (long long)d->size.height);
}

static int read_start(struct synthesis *d)
{
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    convis_movie_info info;
    convis_movie *movie;
    int64_t got = 0;
    o.dt = cli_model_dt(&d->model);
    o.ppd = cli_model_ppd(&d->model);
    o.width = d->size.width;
    o.height = d->size.height;
    o.channels = d->inputs.kind;
    o.declared = d->inputs.movie_channels;
    if (convis_movie_open(d->context, d->start, &o, &movie)) return cli_report(d->context);
    convis_movie_info_get(movie, &info);
    d->size = (cli_size){ info.width, info.height };
    d->channels = info.channels;
    if (!d->frames) d->frames = info.steps > 0 ? info.steps : 100;
    int status = cli_inputs_movie(&d->inputs, d->start, info.channels);
    if (!status) status = obtain_movie(d);
    if (!status && convis_movie_read(movie, d->movie, d->frames, &got)) status = cli_report(d->context);
    convis_movie_close(&movie);
    if (status || got == d->frames) return status;
    return cli_fail("%s: it has %lld frames, expected at least %lld", d->start, (long long)got, (long long)d->frames);
}

static int make_start(struct synthesis *d)
{
    if (isnan(d->options.noise)) d->options.noise = d->start ? 0 : 0.1;
    if (d->start) return read_start(d);
    if (!d->frames) d->frames = 100;
    d->channels = cli_inputs_channels(&d->inputs);
    if (cli_inputs_movie(&d->inputs, "the movie", d->channels) || obtain_movie(d)) return 1;
    for (int64_t i = 0; i < convis_elements(movie_shape(d, d->frames)); i++) d->movie[i] = (convis_real)(0.5*(d->low + d->high));
    return 0;
}

/* ---- The goal ---- */

static int read_goal(struct synthesis *d)
{
    convis_array *a = &d->goal_values;
    if (convis_array_read(d->context, d->goal, a)) return cli_report(d->context);
    if (a->dims < 1 || a->dim[0] < 1) return cli_fail("%s: expected an array (T) or (T, N)", d->goal);
    if (!d->frames) d->frames = a->dim[0];
    if (a->dim[0] != d->frames)
        return cli_fail("%s: %lld frames, but the movie has %lld", d->goal, (long long)a->dim[0], (long long)d->frames);
    return 0;
}

static int make_target(struct synthesis *d)
{
    convis_shape frame;
    int64_t count = 1;
    for (int k = 0; k < d->goal_values.dims; k++) count *= d->goal_values.dim[k];
    if (convis_output_shape(d->model.model, d->path, &frame)) return cli_report(d->context);
    if (count != d->frames*convis_elements(frame))
        return cli_fail("%s: %lld numbers a frame, but the output '%s' has %lld", d->goal, (long long)(count/d->frames), d->path,
                        (long long)convis_elements(frame));
    d->target = malloc((size_t)count*sizeof *d->target);
    if (!d->target) return cli_fail("out of memory: %lld responses", (long long)count);
    for (int64_t i = 0; i < count; i++) d->target[i] = (convis_real)d->goal_values.data[i];
    d->options.target = d->target;
    return 0;
}

/* ---- The models ---- */

static int plan(struct synthesis *d, cli_model *m, const char *path)
{
    convis_shape chunk = movie_shape(d, d->options.chunk && d->options.chunk < d->frames ? d->options.chunk : d->frames);
    /* About 64 MB of frames and what the backward pass stores of them. */
    convis_item item;
    int64_t layers = 1;
    while (convis_list(m->model, CONVIS_LAYER, (int)layers, &item)) layers++;
    int64_t fits = 64*1000*1000/(convis_elements(movie_shape(d, 1))*layers*4*(int64_t)sizeof(convis_real)) + 1;
    if (!d->options.chunk && chunk.dim[CONVIS_T] > fits) chunk.dim[CONVIS_T] = fits;
    convis_status status = convis_require_gradient(m->model, "input");
    if (!status) status = convis_probe(m->model, path);
    if (!status) status = convis_plan(m->model, chunk);
    return status ? cli_inputs_report(&d->inputs, d->context, status, d->channels) : 0;
}

static int open_models(struct synthesis *d)
{
    if (!(d->context = cli_open(d->device, d->threads))) return 1;
    if (cli_model_open(&d->model, d->context) || cli_inputs_open(&d->inputs, &d->model)) return 1;
    d->other.dt = cli_model_dt(&d->model);
    if (d->other.name && cli_model_open(&d->other, d->context)) return 1;
    if (isnan(d->high)) d->high = cli_model_setting(&d->model, "range") > 0 ? cli_model_setting(&d->model, "range") : 1;
    if (d->high <= d->low) return cli_fail("--low %g: the brightest pixel is %g; --high says otherwise", d->low, d->high);
    if (d->goal && read_goal(d)) return 1;
    if (make_start(d)) return 1;
    if (cli_inputs_load(&d->inputs, d->context, cli_model_dt(&d->model), d->frames, 0, d->given)) return 1;
    d->options.given = d->given;
    d->options.given_count = d->inputs.count;
    const int64_t width = d->size.width, height = d->size.height;
    if (cli_model_build(&d->model, width, height) || cli_model_output(&d->model, d->output, d->path, sizeof d->path)
        || plan(d, &d->model, d->path)) return 1;
    if (d->other.name) {
        char path[128];
        if (cli_model_build(&d->other, width, height) || cli_model_output(&d->other, d->output, path, sizeof path)) return 1;
        if (strcmp(path, d->path))
            return cli_fail("the models' outputs are '%s' and '%s'; --output PATH must name one that both have", d->path, path);
        if (plan(d, &d->other, path)) return 1;
        d->options.other = d->other.model;
    }
    return d->goal ? make_target(d) : 0;
}

/* ---- The search ---- */

static int progress(void *user, const convis_fit_progress *p)
{
    struct synthesis *d = user;
    char text[64];
    snprintf(text, sizeof text, "iteration %lld  %.6g", (long long)p->epoch, p->loss);
    d->bar.total = p->epochs;
    cli_progress_show(&d->bar, p->epoch, text);
    return cli_interrupted;
}

/* Before the search: a file that cannot be written is found out then. */
static int open_movie(struct synthesis *d)
{
    const convis_provenance origin = { .dt = convis_dt(d->model.model) };
    return convis_map_writer_open(d->context, d->out, "movie", movie_shape(d, 1), &origin, &d->writer) ? cli_report(d->context)
                                                                                                       : 0;
}

/* The movie appears whole, or, after a failure, not at all. */
static int write_movie(struct synthesis *d, int failed)
{
    if (!failed && convis_map_writer_write(d->writer, movie_view(d))) failed = cli_report(d->context);
    return convis_map_writer_close(&d->writer, !failed) && !failed ? cli_report(d->context) : failed;
}

static void summary(const struct synthesis *d)
{
    const char *what = d->goal ? "mean squared distance from the goal"
                       : d->other.name ? "mean squared difference"
                                       : "mean response";
    cli_message("%s of %s%s%s: %.6g -> %.6g, %lld iterations, %.3g s", what, d->path, d->unit_text ? ", unit " : "",
                d->unit_text ? d->unit_text : "", d->report.before, d->report.after, (long long)d->report.iterations,
                d->report.seconds);
}

int cli_synthesize(int argc, char **argv)
{
    struct synthesis *d = calloc(1, sizeof *d);
    if (!d) return cli_fail("out of memory");
    d->options = (convis_synthesize_options)CONVIS_SYNTHESIZE_DEFAULTS;
    int status = parse(d, argc, argv);
    if (status == CLI_GO) {
        cli_catch_signals();
        status = open_models(d);
        if (!status) status = open_movie(d);
        if (!status) {
            d->options.output = d->path;
            d->options.low = d->low;
            d->options.high = d->high;
            d->options.progress = progress;
            d->options.user = d;
            cli_progress_begin(&d->bar, d->options.iterations, d->quiet);
            convis_status done = convis_synthesize(d->model.model, &d->options, movie_shape(d, d->frames), d->movie, &d->report);
            cli_progress_end(&d->bar);
            status = write_movie(d, done ? cli_report(d->context) : 0);
        }
        if (!status && !d->quiet) summary(d);
        if (!status && cli_interrupted) status = cli_fail("interrupted; %s has the best so far", d->out);
    }
    free(d->movie);
    free(d->target);
    convis_array_free(&d->goal_values);
    cli_inputs_close(&d->inputs);
    cli_model_close(&d->model);
    cli_model_close(&d->other);
    convis_close(&d->context);
    free(d);
    return status;
}
