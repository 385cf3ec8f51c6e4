/* gradcheck.c - convis gradcheck: are a model's gradients those of the numbers it computes?
 *
 * Differences need double precision, so the command hands over to convis-double, the same program built with it. */
#include "inputs.h"
#include "model.h"
#include <convis/fit.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_page PAGE = {
    "gradcheck", "MODEL [OPTION]...",
    "Every parameter that has a gradient, the movie and the initial states against central differences in double\n"
    "precision, of a random weighting of an output over random frames, run in several chunks. Exit status 1 when one\n"
    "is wrong. What reaches the output only through spikes has a surrogate gradient, and is shown without judgement.\n",
    "  convis gradcheck retina --output bipolar --size 9x7\n"
    "  convis gradcheck mine.yaml --size 12x12 --all\n",
    1, 1
};

static const double TOLERANCE = 1e-4;                    /* in double precision */

struct check {
    cli_model   model;
    cli_inputs  inputs;
    const char *output;
    cli_size    size;
    double      low, high;
    int64_t     samples;
    int         all, threads;
    convis_gradcheck_options options;
    convis_context *context;
    char        path[128];
};

static int parse(struct check *k, int argc, char **argv)
{
    convis_gradcheck_options *o = &k->options;
    cli_list words = { 0 };
    const cli_option options[] = {
        CLI_ALLOW_CODE,
        { 0, "output",    "PATH",    CLI_TEXT,     &k->output,     "of which output (the model's, else the last)" },
        { 0, "size",      "WxH",     CLI_SIZE,     &k->size,       "of the movie (9x7)" },
        CLI_CHANNELS_OPTION(k->inputs),
        CLI_INPUT_OPTIONS(k->inputs),
        { 0, "frames",    "N",       CLI_COUNT,    &o->frames,     "its length (24)" },
        { 0, "chunk",     "N",       CLI_COUNT,    &o->chunk,      "frames run together (7)" },
        { 0, "low",       "X",       CLI_NUMBER,   &k->low,        "darkest pixel (0)" },
        { 0, "high",      "X",       CLI_NUMBER,   &k->high,       "brightest pixel (the model's range, else 1)" },
        { 0, "samples",   "N",       CLI_WHOLE,    &k->samples,    "elements tried of each array, state and movie (12); 0: all" },
        { 0, "step",      "X",       CLI_POSITIVE, &o->step,       "of the differences, relative" },
        { 0, "tolerance", "X",       CLI_POSITIVE, &o->tolerance,  "relative error that passes (1e-4)" },
        { 0, "seed",      "N",       CLI_SEED,     &o->seed,       "of movie and weights (0)" },
        { 's', "set",     "PATH=VALUE", CLI_TEXTS, &k->model.sets, "change a setting or parameter of the model" },
        { 0, "dt",        "SECONDS", CLI_POSITIVE, &k->model.dt,   "duration of a frame (the model's)" },
        { 0, "all",       NULL,      CLI_FLAG,     &k->all,        "list every number, not only the worst of each path" },
        { 0, "threads",   "N",       CLI_INT,      &k->threads,    "how many threads compute (0: all cores)" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    k->model.name = words.at[0];
    k->inputs.optional = 1;
    int wrong = cli_inputs_check(&k->inputs, "gradcheck");
    if (!wrong) wrong = cli_model_check(&k->model, "gradcheck");
    return wrong ? wrong : CLI_GO;
}

#ifdef CONVIS_DOUBLE
/* ---- What came out ---- */

static void row(cli_table *table, const convis_gradcheck_row *r, double tolerance)
{
    char element[24], gradient[32], difference[32], error[32];
    snprintf(element, sizeof element, "%lld", (long long)r->element);
    snprintf(gradient, sizeof gradient, "%.9g", r->gradient);
    snprintf(difference, sizeof difference, "%.9g", r->difference);
    snprintf(error, sizeof error, "%.1e", r->error);
    cli_table_row(table, 6, r->path, element, gradient, difference, error,
                  !r->judged ? "not judged" : r->error <= tolerance ? "" : "WRONG");
}

static void print_rows(const struct check *k, const convis_gradcheck_report *report)
{
    const double tolerance = k->options.tolerance;
    cli_table table = { 0 };
    cli_table_row(&table, 6, "path", "element", "gradient", "difference", "error", "");
    for (int64_t i = 0, next; i < report->count; i = next) {
        int64_t worst = i;
        for (next = i; next < report->count && !strcmp(report->rows[next].path, report->rows[i].path); next++) {
            const convis_gradcheck_row *a = &report->rows[next], *b = &report->rows[worst];
            if (a->judged > b->judged || (a->judged == b->judged && !(a->error <= b->error))) worst = next;
            if (k->all) row(&table, a, tolerance);
        }
        if (!k->all) row(&table, &report->rows[worst], tolerance);
    }
    cli_table_print(&table, stdout);
}

static int run(struct check *k)
{
    convis_gradcheck_report report = { 0 };
    double range;
    if (!(k->context = cli_open("cpu", k->threads)) || cli_model_open(&k->model, k->context) ||
        cli_inputs_open(&k->inputs, &k->model))
        return 1;
    range = cli_model_setting(&k->model, "range");
    k->options.low = k->low;
    k->options.high = !isnan(k->high) ? k->high : range > 0 ? range : 1;
    if (!k->size.width) k->size = (cli_size){ 9, 7 };
    if (cli_model_build(&k->model, k->size.width, k->size.height)) return 1;
    if (cli_model_output(&k->model, k->output, k->path, sizeof k->path)) return 1;
    k->options.output = k->path;
    k->options.samples = (int)k->samples;
    const int64_t channels = cli_inputs_channels(&k->inputs);
    if (cli_inputs_movie(&k->inputs, "the movie", channels)) return 1;
    k->options.frame = (convis_shape){ { 1, channels, 1, k->size.height, k->size.width } };
    convis_given given[CLI_INPUTS];
    if (cli_inputs_load(&k->inputs, k->context, cli_model_dt(&k->model), k->options.frames, k->options.seed, given)) return 1;
    k->options.given = given;
    k->options.given_count = k->inputs.count;
    if (convis_gradcheck(k->model.model, &k->options, &report)) return cli_report(k->context);
    print_rows(k, &report);
    int status = 0;
    cli_message("%lld numbers compared, %lld judged, worst relative error %.1e", (long long)report.count,
                (long long)report.judged, report.worst);
    if (report.failed)
        status =
            cli_fail("%lld of %lld gradients are not those of the numbers", (long long)report.failed, (long long)report.judged);
    convis_gradcheck_free(k->context, &report);
    return status;
}

#else
/* ---- Double precision ---- */

/* The program of that name beside this one (as it is built), where it is installed, else where programs are looked for. Returns only when
 * there is none. */
static int hand_over(int argc, char **argv)
{
    static const char *const PLACES[] = { "", CONVIS_LIBEXEC "/" };       /* from the folder of this program, or absolute */
    char path[4096], other[4500];
    char **words = calloc((size_t)argc + 2, sizeof *words);
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (!words) return cli_fail("out of memory");
    for (int k = 0; k < argc; k++) words[k + 1] = argv[k];
    words[0] = (char *)(uintptr_t)"convis-double";
    if (length > 0) {
        path[length] = 0;
        char *slash = strrchr(path, '/');
        if (slash) slash[1] = 0;
        for (int k = 0; slash && k < 2; k++) {
            const int n = snprintf(other, sizeof other, "%s%s%s", *PLACES[k] == '/' ? "" : path, PLACES[k], words[0]);
            if (n < (int)sizeof other) execv(other, words);
        }
    }
    execvp(words[0], words);
    free(words);
    return cli_fail("gradients are checked in double precision by convis-double, which was not found beside convis: %s",
                    strerror(errno));
}
#endif

int cli_gradcheck(int argc, char **argv)
{
    struct check k = { .options = CONVIS_GRADCHECK_DEFAULTS, .high = NAN };
    k.samples = k.options.samples;
    k.options.tolerance = TOLERANCE;
    int status = parse(&k, argc, argv);
    if (status != CLI_GO) return status;
#ifndef CONVIS_DOUBLE
    status = hand_over(argc, argv);
#else
    status = run(&k);
#endif
    cli_inputs_close(&k.inputs);
    cli_model_close(&k.model);
    convis_close(&k.context);
    return status;
}
