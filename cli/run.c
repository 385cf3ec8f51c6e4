/* run.c - convis run: a movie in, spikes and maps out.
 *
 * The order of things: arguments, recipe and its settings, movie, model, outputs (so that what cannot be written is
 * known before the work), the loop, the end. Whatever fails says one sentence and leaves no output. */
#include "run.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const cli_page PAGE = {
    "run", "MODEL INPUT [-o OUT]... [--probe PATH=FILE]... [OPTION]...",
    "MODEL is a built-in model ('convis describe' lists them), a .yaml, a VirtualRetina .xml or a saved .h5.\n"
    "INPUT is a movie or an image of any kind, a numbered sequence ('f%04d.png') or pattern ('dir/*.pgm'),\n"
    ".npy, .npz, .h5, .inr, a stimulus ('stim:grating?direction=45'), spikes (.spk, .csv), counted in steps, a channel a\n"
    "cell, or - for raw float32 frames on standard input.\n"
    "Frames of arrays are steps of the model unless --fps says otherwise; a movie's frames last as long as it says.\n"
    "\n"
    "-o takes the spikes: .spk (VirtualRetina's text), .csv (unit,time,layer), .npy, .npz or .h5 (what it takes to\n"
    "run it again); - prints .csv lines as they happen. Of a model without spikes, -o takes its output: the layer that\n"
    "the model file names, else the last.\n"
    "--probe takes any layer's output as a map: .npy, .npz, .h5, .inr, .csv, .png or .mp4; - prints raw float32 frames.\n"
    "Spike counts of a model with a cell per pixel are the output of its spiking layer, so --probe writes them too.\n",
    "  convis run retina movie.mp4 -o spikes.h5\n"
    "  convis run retina.xml stimulus.npy --probe opl=opl.npy -o spikes.spk --units units.txt\n"
    "  convis run primate 'stim:grating?direction=45' --size 256x256 --set opl.center.tau=0.008 -o spikes.csv\n"
    "  camera | convis run retina - --size 128x128 --probe ganglion_0=- | robot\n",
    2, 2
};

/* ---- Arguments ---- */

static int parse(struct run *r, int argc, char **argv)
{
    cli_list words = { 0 };
    const cli_option options[] = {
        { 'o', "output",       "OUT",       CLI_TEXTS,    &r->outs,     "write the spikes, or the output, here; may be given again" },
        { 'p', "probe",        "PATH=FILE", CLI_TEXTS,    &r->probe_texts, "write the output PATH of the model here; may be given again" },
        { 's', "set",          "PATH=VALUE", CLI_TEXTS,   &r->of.sets,
          "change a setting or parameter ('convis describe MODEL' lists them)" },
        { 0, "dt",             "SECONDS",   CLI_POSITIVE, &r->of.dt,    "duration of a step of the model" },
        { 0, "numerics",       "virtualretina|converged", CLI_WORD,     &r->of.numerics,
          "of a retina: as the original program computes, or the same\nmodel solved well" },
        { 0, "initial",        "LUMINANCE", CLI_TEXT,     &r->of.initial,
          "before the first frame; auto: half of a retina's range; of\nother models what they say themselves" },
        { 0, "units",          "FILE",      CLI_TEXT,     &r->units_file,
          "place cells by lines 'layer unit x_deg y_deg', or as in a\nresult (.h5, .npz)" },
        { 0, "seed",           "N",         CLI_SEED,     &r->seed,     "of all noise (0)" },
        { 0, "settle",         "N",         CLI_COUNT,    &r->settle,
          "steps for which the first frame is shown before the run\nbegins, unrecorded (none)" },
        { 0, "frame-repeat",   "N",         CLI_COUNT,    &r->movie_options.repeat, "steps that each frame is held, whatever the movie says" },
        { 0, "fps",            "F",         CLI_POSITIVE, &r->movie_options.fps, "frames per second of arrays, sequences and raw frames" },
        { 0, "from",           "FRAME",     CLI_WHOLE,    &r->movie_options.from, "first frame of the input, from 0" },
        { 0, "frames",         "N",         CLI_COUNT,    &r->movie_options.frames, "how many frames of the input (all)" },
        { 0, "size",           "WxH",       CLI_SIZE,     &r->size,     "size of raw frames and stimuli; others are scaled to it" },
        { 0, "channel",        "luminance|red|green|blue", CLI_WORD, &r->inputs.channel, "of colour (luminance)" },
        CLI_CHANNELS_OPTION(r->inputs),
        CLI_INPUT_OPTIONS(r->inputs),
        { 0, "device",         "NAME",      CLI_TEXT,     &r->device,   "auto, cpu, cpu:ISA, cuda:N, opencl:P.D (see 'convis devices')" },
        { 0, "threads",        "N",         CLI_INT,      &r->threads,  "how many threads compute (0: all cores)" },
        { 0, "chunk",          "N",         CLI_COUNT,    &r->chunk,    "steps computed at once; changes memory, never results" },
        { 0, "load-state",     "FILE",      CLI_TEXT,     &r->load_state, "continue from the state of an earlier run, with its seed" },
        { 0, "save-state",     "FILE",      CLI_TEXT,     &r->save_state, "write the state after the last step" },
        { 0, "params",         "FILE",      CLI_TEXT,     &r->of.parameters, "set the parameters in this file, lines 'PATH VALUE'" },
        { 0, "save-params",    "FILE",      CLI_TEXT,     &r->save_params, "write all parameters of the model as such lines" },
        { 0, "save-xml",       "FILE",      CLI_TEXT,     &r->save_xml,
          "write the model with its settings: a retina as VirtualRetina's\n.xml, any model as .yaml" },
        CLI_ALLOW_CODE,
        { 'q', "quiet",        NULL,        CLI_FLAG,     &r->quiet,    "no progress bar and no summary" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    r->of.name = words.at[0];
    r->of.input = r->input = words.at[1];
    r->movie_options.width = r->size.width;
    r->movie_options.height = r->size.height;
    r->from_stdin = !strcmp(r->input, "-");
    if (r->from_stdin && !r->size.width)
        return cli_usage("run", "raw frames on standard input need --size WxH");
    r->movie_options.batches = 1;
    int wrong = cli_inputs_check(&r->inputs, "run");
    if (wrong) return wrong;
    r->movie_options.channel = r->inputs.pick;
    r->movie_options.channels = r->inputs.kind;
    wrong = cli_model_check(&r->of, "run");
    if (wrong) return wrong;
    return run_outputs_check(r);
}

/* ---- Recipe and model ---- */

/* VirtualRetina's format has the settings; what was set behind them must be set again. A .h5 keeps both. */
static void warn_of_losses(const struct run *r)
{
    if (r->save_xml && !strcasecmp(cli_extension(r->save_xml), "xml") && convis_recipe_parameters(r->of.recipe))
        cli_warn("%s does not keep the parameters of layers that were set beside the model's settings", r->save_xml);
}

/* What is written after the run and cannot be is found out before it. */
static int check_saved(struct run *r)
{
    char *text = NULL;
    if (r->save_params && cli_writable(r->save_params)) return 1;
    if (!r->save_xml) return 0;
    const char *extension = cli_extension(r->save_xml);
    int bad = strcasecmp(extension, "yaml") && strcasecmp(extension, "yml");
    if (bad && !strcasecmp(extension, "xml")) {
        bad = convis_recipe_xml(r->of.recipe, &text) != CONVIS_OK;
        if (!bad) convis_recipe_text_free(r->of.recipe, &text);
    }
    if (bad && convis_recipe_save(r->of.recipe, r->save_xml)) return cli_report(r->context);     /* only says why not */
    return cli_writable(r->save_xml);
}

static int save_all(const struct run *r)
{
    if (r->save_state && convis_state_save(r->model, r->save_state)) return cli_report(r->context);
    if (r->save_params && convis_parameters_save(r->model, r->save_params)) return cli_report(r->context);
    return r->save_xml && convis_recipe_save(r->of.recipe, r->save_xml) ? cli_report(r->context) : 0;
}

static int set_cells(struct run *r)
{
    convis_cell *cells;
    int64_t count;
    if (convis_cells_read(r->context, r->units_file, &cells, &count)) return cli_report(r->context);
    convis_status status = convis_recipe_cells(r->of.recipe, cells, count);
    convis_cells_free(&cells);
    return status ? cli_report(r->context) : 0;
}

/* Of a result that has maps, too, these are the movie. */
static convis_status open_movie(struct run *r)
{
    const char *extension = cli_extension(r->input);
    convis_movie_options *o = &r->movie_options;
    o->spikes = !strcasecmp(extension, "spk") || !strcasecmp(extension, "csv");
    convis_status status = convis_movie_open(r->context, r->input, o, &r->movie);
    if (!status || o->spikes || status == CONVIS_ENOMEM) return status;
    o->spikes = 1;
    return convis_movie_open(r->context, r->input, o, &r->movie);
}

static int open_model(struct run *r)
{
    if (!(r->context = cli_open(r->device, r->threads))) return 1;
    convis_on_progress(r->context, cli_poll, NULL);
    if (cli_model_open(&r->of, r->context)) return 1;
    if (r->units_file && set_cells(r)) return 1;
    if (convis_recipe_get(r->of.recipe, "numerics", r->numerics_used, sizeof r->numerics_used)) r->numerics_used[0] = 0;

    r->movie_options.dt = cli_model_dt(&r->of);
    r->movie_options.ppd = cli_model_ppd(&r->of);
    if (cli_inputs_open(&r->inputs, &r->of)) return 1;
    r->movie_options.declared = r->inputs.movie_channels;
    if (open_movie(r)) return cli_report(r->context);
    convis_movie_info_get(r->movie, &r->info);
    cli_inputs_fewer(r->input, &r->movie_options, &r->info);
    if (cli_inputs_open_end(r->context, r->input, &r->info)) return 1;
    if (cli_inputs_movie(&r->inputs, r->input, r->info.channels)) return 1;
    if (cli_inputs_stream(&r->inputs, r->context, &r->movie_options, &r->info, r->quiet)) return 1;

    if (cli_model_build(&r->of, r->info.width, r->info.height)) return 1;
    r->model = r->of.model;
    warn_of_losses(r);
    if (convis_seed(r->model, r->seed)) return cli_report(r->context);
    return check_saved(r);
}

/* ---- Memory ---- */

/* Of a frame. */
static int64_t numbers(const struct run *r) { return r->info.batch*r->info.channels*r->info.height*r->info.width; }

/* About 64 MB for the frames and the probed outputs of a chunk; not more than a second or so of work; a frame at a time
 * in a closed loop, where the next frame may depend on the answer to this one. */
static int64_t default_chunk(const struct run *r)
{
    if (r->from_stdin) return 1;
    int64_t a_step = numbers(r)*(int64_t)sizeof(convis_real)*(2 + r->probe_count + r->record_spikes);
    int64_t chunk = 64*1000*1000/a_step;
    if (chunk > 1000) chunk = 1000;
    return chunk < 1 ? 1 : chunk;
}

static int plan(struct run *r)
{
    if (!r->chunk) r->chunk = default_chunk(r);
    if (r->info.steps > 0 && r->chunk > r->info.steps) r->chunk = r->info.steps;
    if (r->chunk > INT64_MAX/(int64_t)sizeof(convis_real)/numbers(r) || r->chunk > INT32_MAX)
        return cli_fail("--chunk: %lld steps of %lld x %lld pixels do not fit into memory",
                        (long long)r->chunk, (long long)r->info.width, (long long)r->info.height);
    const convis_shape shape = convis_movie_view(r->movie, NULL, r->chunk).shape;
    const convis_status planned = convis_plan(r->model, shape);
    if (planned) return cli_inputs_report(&r->inputs, r->context, planned, r->info.channels);
    if (getenv("CONVIS_VERBOSE") && convis_device_bytes(r->model))
        cli_message("%s: %.1f MB of its memory", convis_device_name(r->context), 1e-6*(double)convis_device_bytes(r->model));
    convis_item layer;
    for (int k = 0; getenv("CONVIS_VERBOSE") && convis_list(r->model, CONVIS_LAYER, k, &layer); k++)
        if (convis_method(r->model, k)) cli_message("%s: %s", layer.path, convis_method(r->model, k));
    if (r->load_state && convis_state_load(r->model, r->load_state)) return cli_report(r->context);
    r->frames = malloc((size_t)convis_elements(shape)*sizeof *r->frames);
    if (!r->frames) return cli_fail("out of memory: a chunk of %lld steps takes %.0f MB; a smaller --chunk takes less",
                                    (long long)r->chunk, 1e-6*(double)convis_elements(shape)*sizeof *r->frames);
    return 0;
}

/* ---- The loop ---- */

/* Of the work so far, or of all of it once r->took is known. */
static const char *speed(const struct run *r, char *text, size_t size)
{
    double seconds = r->took > 0 ? r->took : cli_seconds() - r->begun;
    double done = (double)r->steps*(double)numbers(r);
    snprintf(text, size, "%.3g Mpx/s", seconds > 0 ? 1e-6*done/seconds : 0);
    return text;
}

/* Of this chunk; where the first was found is told at the end. */
static convis_status count_nonfinite(struct run *r)
{
    const char *path;
    int64_t count;
    const convis_status status = convis_nonfinite(r->model, &count, &path);
    if (!status && count && !r->nonfinite) {
        snprintf(r->nonfinite_in, sizeof r->nonfinite_in, "%s", path);
        r->nonfinite_at = r->steps;
    }
    if (!status) r->nonfinite += count;
    return status;
}

/* The next chunk, through the model and to the outputs. A failure's sentence is on the context. */
static convis_status step(struct run *r, int64_t *got)
{
    convis_status status = convis_movie_read(r->movie, r->frames, r->chunk, got);
    if (status || !*got || cli_interrupted) return status;
    const convis_tensor frames = convis_movie_view(r->movie, r->frames, *got);
    if ((status = cli_inputs_give(&r->inputs, r->context, r->model, r->info.batch, *got))) return status;
    if (r->settle && !r->steps && (status = convis_settle(r->model, frames, r->settle))) return status;
    status = convis_run(r->model, frames);
    if (!status) status = count_nonfinite(r);
    if (status) return status;
    r->steps += *got;
    return run_outputs_write(r);
}

static int work(struct run *r)
{
    char text[32];
    cli_progress bar;
    convis_status status;
    int64_t got = 0;
    cli_progress_begin(&bar, r->info.steps, r->quiet);
    r->begun = cli_seconds();
    do {
        cli_progress_show(&bar, r->steps, speed(r, text, sizeof text));
        status = step(r, &got);
    } while (!status && got && !cli_interrupted);
    r->took = cli_seconds() - r->begun;
    cli_progress_end(&bar);
    if (cli_interrupted) return cli_fail("interrupted");
    if (status) return cli_report(r->context);
    if (!r->steps) return cli_fail("%s: it has no frames", r->input);
    if (r->info.frames < 0) {                            /* known only now */
        convis_movie_info_get(r->movie, &r->info);
        cli_inputs_fewer(r->input, &r->movie_options, &r->info);
    }
    return cli_inputs_end(&r->inputs, r->context, &r->movie_options);
}

/* ---- The end ---- */

static void warn_of_nothing(const struct run *r)
{
    if (!r->outs.count && !r->probe_count && !r->save_state && !r->save_params && !r->save_xml)
        cli_warn("nothing was written; -o OUT writes %s, --probe PATH=FILE any output of the model",
                 r->record_spikes ? "the spikes" : "the model's output");
}

static void warn_of_nonfinite(const struct run *r)
{
    if (r->nonfinite)
        cli_warn("%lld numbers are not finite, the first in '%s' at step %lld or soon after: a value is too large for the model",
                 (long long)r->nonfinite, r->nonfinite_in, (long long)r->nonfinite_at);
}

static void summary(const struct run *r)
{
    double seconds = (double)r->steps*convis_dt(r->model);
    char spikes[96] = "", text[32];
    int threads = convis_thread_count(r->context);
    if (r->record_spikes)
        snprintf(spikes, sizeof spikes, ", %lld spike%s of %lld cell%s (%.3g Hz)", (long long)r->spike_count,
                 r->spike_count == 1 ? "" : "s", (long long)r->units, r->units == 1 ? "" : "s",
                 r->units ? (double)r->spike_count/(double)r->units/seconds : 0);
    cli_message("%s%s%s%s: %lld steps of %g ms (%.6g s) at %lldx%lld%s; took %.3g s, %s on %s, %d thread%s", r->of.name,
                r->numerics_used[0] ? ", " : "", r->numerics_used, r->numerics_used[0] ? " numerics" : "", (long long)r->steps,
                1e3*convis_dt(r->model), seconds, (long long)r->info.width, (long long)r->info.height, spikes, r->took,
                speed(r, text, sizeof text), convis_device_name(r->context), threads, threads == 1 ? "" : "s");
}

int cli_run(int argc, char **argv)
{
    struct run *r = calloc(1, sizeof *r);
    if (!r) return cli_fail("out of memory");
    r->movie_options = (convis_movie_options)CONVIS_MOVIE_DEFAULTS;
    int status = parse(r, argc, argv);
    if (status == CLI_GO) {
        cli_catch_signals();
        r->command = cli_command_line(argc, argv);
        status = open_model(r);
        if (!status) status = run_outputs_choose(r);
        if (!status) status = plan(r);
        if (!status) status = run_outputs_open(r);
        if (!status) status = work(r);
        int closed = run_outputs_close(r, !status);
        if (!status) status = closed;
        if (!status) status = save_all(r);
        if (!status && !r->quiet) summary(r);
        if (!status) warn_of_nothing(r);
        if (!status) warn_of_nonfinite(r);
    }
    free(r->frames);
    free(r->command);
    convis_movie_close(&r->movie);
    cli_inputs_close(&r->inputs);
    cli_model_close(&r->of);
    convis_close(&r->context);
    free(r);
    return status;
}
