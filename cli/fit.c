/* fit.c - convis fit: the parameters with which a model answers a stimulus as was recorded.
 *
 * The order of things: arguments, the recording and the model, the fit, the file, the report (fit_report.c). */
#include "fit.h"
#include "scores.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_page PAGE = {
    "fit", "MODEL --stimulus FILE --response FILE -o FITTED [OPTION]...",
    "MODEL is as in 'convis run'. Its parameters move until an output is like the response: an array (T), (T, N) or\n"
    "(trials, T, N), or spikes (.spk, .csv, .h5); NaN was not measured. The stimulus is an array or any movie; arrays are\n"
    "streamed from the disk. All parameters that have a gradient are free unless --free names them, or their layers.\n"
    "\n"
    "FITTED is a .h5: 'convis run', 'convis eval' and 'convis fit' take it as MODEL. The fit prints how good it is, and with\n"
    "--report FOLDER draws kernels, nonlinearities and the prediction there. Ctrl-C ends it with the best so far.\n",
    "  convis fit LN --set readout=rf --stimulus noise.npy --response rates.npy -o ln.h5 --validate 0.2\n"
    "  convis fit LN --set readout=rf --stimulus noise.npy --response spikes.csv --loss poisson \\\n"
    "      --regularize filter.weights:smooth_space:0.1 -o ln.h5 --report ln\n"
    "  convis fit retina --stimulus movie.npy --response currents.npy --output ganglion_0 --free opl --free bipolar -o fitted.h5\n"
    "  convis fit mine.yaml --stimulus a.h5:movie --response a.h5:rates --optimizer adam --rate 0.01 --segment 1000 \\\n"
    "      --checkpoint mine.part -o mine.h5\n",
    1, 1
};

/* ---- Arguments ---- */

/* "PATH:KIND:WEIGHT" */
static int parse_regularizer(struct fit *f, const char *text)
{
    convis_regularizer *r = &f->regularizers[f->options.regularizer_count];
    char *copy = f->regularized[f->options.regularizer_count];
    if (strlen(text) >= sizeof *f->regularized) return cli_usage("fit", "--regularize: '%s' is too long", text);
    strcpy(copy, text);
    char *weight = strrchr(copy, ':'), *kind;
    if (weight) *weight++ = 0;
    kind = weight ? strrchr(copy, ':') : NULL;
    if (kind) *kind++ = 0;
    if (!kind || !*copy || !cli_number(weight, &r->weight) || r->weight < 0)
        return cli_usage("fit", "--regularize: '%s', expected PATH:KIND:WEIGHT such as filter.weights:smooth_space:0.1", text);
    r->path = copy;
    r->kind = kind;
    f->options.regularizer_count++;
    return 0;
}

/* Names that are wrong are found before anything is opened. */
static int check_name(const char *option, const char *name, const char *(*list)(int))
{
    if (!name) return 0;
    convis_hint n = CONVIS_HINT(name);
    for (int k = 0; list(k); k++) {
        if (!strcmp(list(k), name)) return 0;
        convis_hint_offer(&n, list(k));
    }
    return cli_usage("fit", "%s: there is no '%s'%s", option, name, n.text);
}

static const char *loss_name(int k)        { return convis_loss_list(k, NULL); }
static const char *optimizer_name(int k)   { return convis_optimizer_list(k, NULL, NULL); }
static const char *regularizer_name(int k) { return convis_regularizer_list(k, NULL); }
static const char *schedule_name(int k)
{
    static const char *const NAMES[] = { "constant", "exponential", "cosine", "plateau", NULL };
    return NAMES[k];
}

/* Losses whose responses are always counts (fit.h). */
static int of_counts(const char *loss)
{
    return loss && (!strcmp(loss, "poisson") || !strcmp(loss, "bernoulli") || !strcmp(loss, "negative_binomial"));
}

static int check(struct fit *f)
{
    if (!f->stimulus) return cli_usage("fit", "--stimulus FILE is missing");
    if (!f->response) return cli_usage("fit", "--response FILE is missing");
    if (!f->out) return cli_usage("fit", "-o FILE is missing: where shall the fitted model go?");
    if (strcmp(cli_extension(f->out), "h5")) return cli_usage("fit", "-o %s: a fitted model is a .h5 file", f->out);
    if (f->options.validate < 0 || f->options.validate > 0.9)
        return cli_usage("fit", "--validate: %g, expected a fraction from 0 to 0.9", f->options.validate);
    for (int k = 0; k < f->regularize.count; k++) if (parse_regularizer(f, f->regularize.at[k])) return 2;
    f->options.regularizers = f->regularizers;
    if (check_name("--loss", f->options.loss.kind, loss_name) ||
        check_name("--optimizer", f->options.optimizer.kind, optimizer_name) ||
        check_name("--schedule", f->options.schedule, schedule_name))
        return 2;
    for (int k = 0; k < f->options.regularizer_count; k++)
        if (check_name("--regularize", f->regularizers[k].kind, regularizer_name)) return 2;
    f->counts |= of_counts(f->options.loss.kind) || cli_only_spikes(f->response);
    f->options.loss.counts = f->counts;
    int done = cli_inputs_check(&f->inputs, "fit");
    if (!done) done = cli_model_check(&f->model, "fit");
    return done ? done : CLI_GO;
}

static int parse(struct fit *f, int argc, char **argv)
{
    convis_fit_options *o = &f->options;
    cli_list words = { 0 };
    const cli_option options[] = {
        { 0, "stimulus",   "FILE",    CLI_TEXT,     &f->stimulus,   "what was shown" },
        { 0, "response",   "FILE",    CLI_TEXT,     &f->response,   "what was recorded" },
        { 'o', NULL,       "FITTED",  CLI_TEXT,     &f->out,        "the fitted model, .h5" },
        { 0, "report",     "FOLDER",  CLI_TEXT,     &f->report_folder, "draw kernels, nonlinearities and prediction there" },
        { 0, "output",     "PATH",    CLI_TEXT,     &f->output,
          "which output is to be like the response (the model's, else its last);\nFITTED remembers it" },
        { 0, "free",       "PATH",    CLI_TEXTS,    &f->free,       "a parameter, or a layer with all of its, to be fitted (all)" },
        { 's', "set",      "PATH=VALUE", CLI_TEXTS, &f->model.sets, "where the fit begins: a setting or parameter of the model" },
        { 0, "loss",       "LOSS",    CLI_TEXT,     &o->loss.kind,
          "mse (default), poisson, bernoulli, negative_binomial, spike_distance\nor correlation" },
        { 0, "counts",     NULL,      CLI_FLAG,     &f->counts,
          "responses are spikes a frame and the output is in Hz (always so for\n.spk, .csv and the losses of counts)" },
        { 0, "loss-tau",   "SECONDS", CLI_POSITIVE, &o->loss.tau,   "of spike_distance" },
        { 0, "loss-shape", "X",       CLI_POSITIVE, &o->loss.shape, "dispersion of negative_binomial" },
        { 0, "regularize", "PATH:KIND:WEIGHT", CLI_TEXTS, &f->regularize,
          "l1, l2, smooth_time, smooth_space, local, group, nonnegative,\nseparable" },
        { 0, "optimizer",  "OPTIMIZER",    CLI_TEXT,     &o->optimizer.kind,
          "lbfgs (default), quasi_newton, sgd, adagrad, adadelta, rmsprop, adam,\nadamw, rprop, or one of NLopt's" },
        { 0, "rate",       "X",       CLI_POSITIVE, &o->optimizer.rate, "learning rate (the optimiser's own)" },
        { 0, "momentum",   "X",       CLI_NUMBER,   &o->optimizer.momentum, "of sgd" },
        { 0, "nesterov",   NULL,      CLI_FLAG,     &o->optimizer.nesterov, "Nesterov's momentum" },
        { 0, "weight-decay", "X",     CLI_NUMBER,   &o->optimizer.weight_decay, "of adamw and the others (0)" },
        { 0, "schedule",   "constant|exponential|cosine|plateau", CLI_WORD, &o->schedule, "of the rate (constant)" },
        { 0, "schedule-factor", "X",  CLI_POSITIVE, &o->schedule_factor, "of exponential (0.95 an epoch) and plateau (0.5)" },
        { 0, "epochs",     "N",       CLI_COUNT,    &o->epochs,     "passes over the training part, at most (100)" },
        { 0, "segment",    "FRAMES",  CLI_COUNT,    &o->segment,    "a step every so many frames (all: one step an epoch)" },
        { 0, "validate",   "FRACTION", CLI_NUMBER,  &o->validate,
          "hold out so much of the end, and stop when it gains no more (0)" },
        { 0, "patience",   "N",       CLI_WHOLE,    &o->patience,   "epochs without gain before it stops (10); 0: never" },
        { 0, "starts",     "N",       CLI_INT,      &o->starts,     "the best of so many starts (1)" },
        { 0, "spread",     "X",       CLI_POSITIVE, &o->spread,     "of further starts around the first, relative (0.3)" },
        { 0, "seed",       "N",       CLI_SEED,     &o->seed,       "of the starts (0)" },
        { 0, "checkpoint", "FILE",    CLI_TEXT,     &o->checkpoint,
          "written after each epoch; a fit that finds it continues from there" },
        { 0, "fresh",      NULL,      CLI_FLAG,     &f->fresh,      "begin anew, though the checkpoint is there" },
        { 0, "mask",       "FILE",    CLI_TEXT,     &f->mask,       "an array like the response, 0 where it must not count" },
        { 0, "skip",       "N",       CLI_WHOLE,    &f->skip,       "frames at the onset that do not count" },
        { 0, "from",       "N",       CLI_WHOLE,    &f->from,       "first frame, from 0" },
        { 0, "frames",     "N",       CLI_COUNT,    &f->frames_asked, "how many frames (all)" },
        { 0, "dt",         "SECONDS", CLI_POSITIVE, &f->model.dt,   "duration of a frame (the model's)" },
        { 0, "fps",        "F",       CLI_POSITIVE, &f->fps,        "frames per second of the stimulus, when its frames are not steps" },
        { 0, "size",       "WxH",     CLI_SIZE,     &f->size,       "of stim: stimuli" },
        CLI_CHANNELS_OPTION(f->inputs),
        CLI_INPUT_OPTIONS(f->inputs),
        { 0, "bootstrap",  "N",       CLI_INT,      &f->bootstrap,  "samples for the intervals of the scores (1000); 0: none" },
        { 0, "chunk",      "N",       CLI_COUNT,    &o->chunk,      "frames computed at once; changes memory, not what is fitted" },
        { 0, "truncate",   NULL,      CLI_FLAG,     &o->truncate,   "gradients do not pass from chunk to chunk" },
        { 0, "device",     "NAME",    CLI_TEXT,     &f->device,     "as in 'convis run'" },
        { 0, "threads",    "N",       CLI_INT,      &f->threads,    "how many threads compute (0: all cores)" },
        CLI_ALLOW_CODE,
        { 'q', "quiet",    NULL,      CLI_FLAG,     &f->quiet,      "no progress and no summary" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    f->model.name = words.at[0];
    return check(f);
}

/* ---- The recording and the model ---- */

static int require_all(struct fit *f)
{
    if (!f->free.count) return convis_require_gradient(f->model.model, "*") ? cli_report(f->context) : 0;
    for (int k = 0; k < f->free.count; k++) {
        convis_status status = convis_require_gradient(f->model.model, f->free.at[k]);
        if (status == CONVIS_ENAME) return cli_model_no_such(&f->model, "--free", f->free.at[k], 1);
        if (status) return cli_report(f->context);
    }
    return 0;
}

static int open_all(struct fit *f)
{
    if (cli_writable(f->out)) return 1;
    if (!(f->context = cli_open(f->device, f->threads))) return 1;
    if (cli_model_open(&f->model, f->context)) return 1;
    if (cli_inputs_open(&f->inputs, &f->model)) return 1;
    const convis_recording_options o = { .stimulus = f->stimulus, .response = f->response, .mask = f->mask,
        .dt = cli_model_dt(&f->model), .fps = f->fps, .skip = f->skip, .from = f->from, .frames = f->frames_asked,
        .width = f->size.width, .height = f->size.height, .channels = cli_inputs_kind(&f->inputs), .declared = f->inputs.movie_channels,
        .inputs = f->inputs.at, .input_count = f->inputs.count };
    if (convis_recording_open(f->context, &o, &f->recording)) return cli_report(f->context);
    convis_recording_info_get(f->recording, &f->info);
    if (cli_inputs_movie(&f->inputs, f->stimulus, f->info.channels) || cli_inputs_recorded(&f->inputs, f->recording)) return 1;
    if (cli_model_build(&f->model, f->info.width, f->info.height)) return 1;
    if (cli_model_output(&f->model, f->output, f->path, sizeof f->path)) return 1;
    f->options.output = f->path;
    if (f->fresh && f->options.checkpoint) unlink(f->options.checkpoint);
    if (require_all(f) || fit_remember(f)) return 1;
    return f->report_folder && fit_prepare(f) ? 1 : 0;
}

/* ---- The fit ---- */

static void remember(struct fit *f, const convis_fit_progress *p)
{
    enum { LINE = 96 };
    if (f->history_length + LINE > f->history_room) {
        size_t more = 2*f->history_room + 16*LINE;
        char *longer = realloc(f->history, more);
        if (!longer) return;                             /* the report is shorter, the fit is not harmed */
        f->history = longer;
        f->history_room = more;
    }
    f->history_length += (size_t)snprintf(f->history + f->history_length, LINE, "%d %lld %.9g %.9g\n", p->start,
                                          (long long)p->epoch, p->loss, p->held_out);
}

static int progress(void *user, const convis_fit_progress *p)
{
    struct fit *f = user;
    char text[160];
    int n = snprintf(text, sizeof text, "epoch %lld  loss %.6g", (long long)p->epoch, p->loss);
    if (isfinite(p->held_out)) n += snprintf(text + n, sizeof text - (size_t)n, "  held out %.6g", p->held_out);
    if (f->options.starts > 1) snprintf(text + n, sizeof text - (size_t)n, "  start %d of %d", p->start + 1, f->options.starts);
    remember(f, p);
    f->bar.total = p->epochs*(f->options.starts > 1 ? f->options.starts : 1);
    cli_progress_show(&f->bar, p->epoch + p->start*p->epochs, text);
    return cli_interrupted;
}

static void summary(const struct fit *f)
{
    static const char *const ENDS[] = { "as many epochs as were allowed", "converged", "nothing better was found", "interrupted",
                                        "the held-out part gained no more", "failed" };
    const convis_fit_report *r = &f->report;
    char held[96] = "";
    if (isfinite(r->held_out)) snprintf(held, sizeof held, ", held out %.6g -> %.6g", r->held_out_before, r->held_out);
    cli_message("%lld number%s fitted in %lld epochs, %.3g s (%s): %s %.6g -> %.6g%s", (long long)r->parameters,
                r->parameters == 1 ? "" : "s", (long long)r->epochs, r->seconds, ENDS[r->ended],
                f->options.loss.kind ? f->options.loss.kind : "mse", r->loss_before, r->loss, held);
}

static int save(struct fit *f, const char *command)
{
    const convis_fit_report *r = &f->report;
    const double losses[] = { r->loss_before, r->loss, r->held_out_before, r->held_out };
    const convis_attachment attachments[] = { { "command", 't', command, 0 }, { "losses", 'd', losses, 4 },
                                              { "history", 't', f->history ? f->history : "", 0 } };
    /* Who takes the fitted model compares the same output, unless another is asked for. */
    if (strcmp(f->path, convis_output_name(f->model.model)) && convis_recipe_output(f->model.recipe, f->path))
        return cli_report(f->context);
    return convis_model_save(f->model.recipe, f->model.model, f->out, attachments, 3) ? cli_report(f->context) : 0;
}

int cli_fit(int argc, char **argv)
{
    struct fit *f = calloc(1, sizeof *f);
    char *command = NULL;
    if (!f) return cli_fail("out of memory");
    f->options = (convis_fit_options)CONVIS_FIT_DEFAULTS;
    f->bootstrap = 1000;
    f->level = 0.95;
    int status = parse(f, argc, argv);
    if (status == CLI_GO) {
        cli_catch_signals();
        command = cli_command_line(argc, argv);
        f->options.progress = progress;
        f->options.user = f;
        status = open_all(f);
        if (!status) {
            cli_progress_begin(&f->bar, f->options.epochs, f->quiet);
            convis_status done = convis_fit(f->model.model, f->recording, &f->options, &f->report);
            cli_progress_end(&f->bar);
            if (done) status = cli_inputs_report(&f->inputs, f->context, done, f->info.channels);
        }
        /* What is left after a failure are the last good parameters: worth saving when there was progress. */
        if (!status || f->report.best_epoch > 0) {
            int saved = save(f, command);
            if (status && !saved) cli_message("the last good parameters are in %s", f->out);
            else if (!status) status = saved;
        }
        if (!status && !f->quiet) summary(f);
        if (!status) status = fit_tell(f);
        if (!status && cli_interrupted) status = cli_fail("interrupted; %s has the best so far", f->out);
    }
    free(command);
    free(f->history);
    free(f->before);
    convis_recording_close(&f->recording);
    cli_model_close(&f->model);
    convis_close(&f->context);
    free(f);
    return status;
}
