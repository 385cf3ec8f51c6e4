/* eval.c - convis eval: how well a model, or a prediction from elsewhere, agrees with recorded responses.
 *
 * The order of things: arguments, the data (a recording that the model is run over, or two arrays), scores, a table. */
#include "inputs.h"
#include "model.h"
#include "scores.h"
#include <convis/io.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const cli_page PAGE = {
    "eval", "MODEL --stimulus FILE --response FILE [OPTION]...\n"
    "       convis eval --prediction FILE --response FILE [OPTION]...",
    "Scores of a model's output, or of predictions made elsewhere, each with an interval:\n"
    "  log_likelihood   Poisson, natural logarithm, with log r!; mean over bins\n"
    "  bits_per_spike   what the prediction says beyond the mean rate\n"
    "  correlation      Pearson's, with the mean over trials\n"
    "  cc_norm          that, divided by what noise leaves possible (Schoppe et al. 2016)\n"
    "  feve             fraction of the explainable variance that is explained (Cadena et al. 2019)\n"
    "The first two are for counts (--counts), the last two for two trials or more; - is what cannot be said.\n"
    "\n"
    "MODEL is as in 'convis run', also what 'convis fit' wrote. Responses are arrays (T), (T, N) or (trials, T, N), or, of a\n"
    "model, spikes (.spk, .csv, .h5); NaN was not measured. Arrays in containers are FILE.npz:KEY or FILE.h5:DATASET.\n",
    "  convis eval fitted.h5 --stimulus movie.npy --response rates.npy\n"
    "  convis eval LN --stimulus movie.npy --response spikes.csv --counts --skip 30\n"
    "  convis eval --prediction unit.npz:yhat_test --response unit.npz:y_test --dt 0.0166667\n",
    0, 1
};

struct eval {
    /* asked for */
    cli_model   model;
    cli_inputs  inputs;
    const char *stimulus, *response, *prediction, *mask, *output, *chosen_text, *device;
    cli_size    size;
    double      fps;
    int64_t     from, frames_asked, skip, chunk;
    int         threads, json, quiet;
    convis_score_options options;

    /* the data: p (frames, units), r and m (trials, frames, units) */
    convis_context *context;
    convis_recording *recording;
    convis_real *p, *r, *m;
    int64_t trials, frames, units;
    char   *chosen;                                      /* a flag a unit */
    char    path[128];                                   /* of the model's output that is compared */
    convis_score *scores;
};

/* ---- Arguments ---- */

/* "0,2,5-7". chosen NULL: only whether it is such a list. Returns the largest number, or -1 when it is none. */
static int64_t parse_units(const char *text, char *chosen, int64_t units)
{
    int64_t largest = -1;
    for (const char *at = text; *at; ) {
        char *end;
        if (*at < '0' || *at > '9') return -1;
        long long first = strtoll(at, &end, 10), last = first;
        if (*end == '-') {
            at = end + 1;
            if (*at < '0' || *at > '9') return -1;
            last = strtoll(at, &end, 10);
        }
        if (last < first || (*end && *end != ',') || (*end == ',' && !end[1])) return -1;
        for (int64_t k = first; chosen && k <= last && k < units; k++) chosen[k] = 1;
        if (last > largest) largest = last;
        at = *end ? end + 1 : end;
    }
    return largest;
}

static int check_arguments(struct eval *e)
{
    const struct { const char *name; int given; } of_a_model[] = {
        { "--stimulus", e->stimulus != NULL }, { "--output", e->output != NULL }, { "--set", e->model.sets.count > 0 },
        { "--params", e->model.parameters != NULL }, { "--numerics", e->model.numerics != NULL }, { "--size", e->size.width > 0 },
        { "--fps", e->fps > 0 }, { "--chunk", e->chunk > 0 } };
    if (!e->response) return cli_usage("eval", "--response FILE is missing");
    if (!e->model.name && !e->prediction)
        return cli_usage("eval", "what is to be scored? Expected a MODEL, or --prediction FILE");
    if (e->model.name && e->prediction) return cli_usage("eval", "either a MODEL or --prediction FILE");
    if (e->model.name && !e->stimulus) return cli_usage("eval", "--stimulus FILE is missing");
    for (size_t k = 0; e->prediction && k < sizeof of_a_model/sizeof *of_a_model; k++)
        if (of_a_model[k].given) return cli_usage("eval", "%s needs a MODEL, and there is a --prediction", of_a_model[k].name);
    if (e->prediction && e->options.counts && !(e->model.dt > 0)) return cli_usage("eval", "--counts needs --dt SECONDS");
    if (e->prediction && e->options.bootstrap && !e->options.block && !(e->model.dt > 0))
        return cli_usage("eval",
                         "blocks of the bootstrap last a second: --dt SECONDS is missing, or --block FRAMES, or --bootstrap 0");
    if (e->options.level <= 0 || e->options.level >= 1)
        return cli_usage("eval", "--level: %g, expected between 0 and 1", e->options.level);
    if (e->chosen_text && parse_units(e->chosen_text, NULL, 0) < 0)
        return cli_usage("eval", "--units: '%s', expected numbers and ranges such as 0,2,5-7", e->chosen_text);
    if (cli_only_spikes(e->response)) e->options.counts = 1;
    int done = cli_model_check(&e->model, "eval");
    return done ? done : CLI_GO;
}

static int parse(struct eval *e, int argc, char **argv)
{
    cli_list words = { 0 };
    const cli_option options[] = {
        { 0, "stimulus",   "FILE",    CLI_TEXT,     &e->stimulus,   "what the model sees" },
        { 0, "response",   "FILE",    CLI_TEXT,     &e->response,   "what was recorded" },
        { 0, "prediction", "FILE",    CLI_TEXT,     &e->prediction, "instead of a model: an array (T) or (T, N)" },
        { 0, "mask",       "FILE",    CLI_TEXT,     &e->mask,       "an array like the response, 0 where it must not count" },
        { 0, "counts",     NULL,      CLI_FLAG,     &e->options.counts,
          "responses are spikes a frame, predictions Hz (always so for\n.spk and .csv); else both have one unit" },
        { 0, "output",     "PATH",    CLI_TEXT,     &e->output,
          "which output of the model predicts (the one that was fitted, else the\nmodel's, else its last)" },
        { 's', "set",      "PATH=VALUE", CLI_TEXTS, &e->model.sets, "change a setting or parameter of the model" },
        { 0, "params",     "FILE",    CLI_TEXT,     &e->model.parameters, "set the model's parameters in this file, lines 'PATH VALUE'" },
        { 0, "numerics",   "virtualretina|converged", CLI_WORD, &e->model.numerics, "of a retina" },
        { 0, "dt",         "SECONDS", CLI_POSITIVE, &e->model.dt,   "duration of a frame (the model's)" },
        { 0, "fps",        "F",       CLI_POSITIVE, &e->fps,        "frames per second of the stimulus, when its frames are not steps" },
        { 0, "size",       "WxH",     CLI_SIZE,     &e->size,       "of stim: stimuli" },
        CLI_CHANNELS_OPTION(e->inputs),
        CLI_INPUT_OPTIONS(e->inputs),
        { 0, "from",       "N",       CLI_WHOLE,    &e->from,       "first frame, from 0" },
        { 0, "frames",     "N",       CLI_COUNT,    &e->frames_asked, "how many frames (all)" },
        { 0, "skip",       "N",       CLI_WHOLE,    &e->skip,       "frames at the onset that do not count" },
        { 0, "units",      "LIST",    CLI_TEXT,     &e->chosen_text, "which units of the response: 0,2,5-7 (all)" },
        { 0, "bootstrap",  "N",       CLI_INT,      &e->options.bootstrap, "samples for the intervals (1000); 0: none" },
        { 0, "level",      "P",       CLI_NUMBER,   &e->options.level, "of the intervals (0.95)" },
        { 0, "block",      "FRAMES",  CLI_COUNT,    &e->options.block, "drawn together (one second, at least 10)" },
        { 0, "seed",       "N",       CLI_SEED,     &e->options.seed, "of the bootstrap (0)" },
        { 0, "json",       NULL,      CLI_FLAG,     &e->json,       "for programs" },
        { 0, "device",     "NAME",    CLI_TEXT,     &e->device,     "as in 'convis run'" },
        { 0, "threads",    "N",       CLI_INT,      &e->threads,    "how many threads compute (0: all cores)" },
        { 0, "chunk",      "N",       CLI_COUNT,    &e->chunk,      "steps computed at once; changes memory, never results" },
        CLI_ALLOW_CODE,
        { 'q', "quiet",    NULL,      CLI_FLAG,     &e->quiet,      "no summary" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    e->model.name = words.at[0];
    done = cli_inputs_check(&e->inputs, "eval");
    return done ? done : check_arguments(e);
}

/* ---- Data ---- */

static void *room(int64_t count, size_t size)
{
    void *memory = count > 0 && (uint64_t)count <= SIZE_MAX/2/size ? malloc((size_t)count*size) : NULL;
    if (!memory) cli_fail("out of memory: %lld numbers", (long long)count);
    return memory;
}

static int make_room(struct eval *e)
{
    const int64_t all = e->trials*e->frames*e->units;
    return (e->p = room(e->frames*e->units, sizeof *e->p)) && (e->r = room(all, sizeof *e->r)) && (e->m = room(all, sizeof *e->m)) ? 0 : 1;
}

/* ---- A model, run over a recording ---- */

static int open_recording(struct eval *e)
{
    convis_recording_info info;
    const convis_recording_options o = { .stimulus = e->stimulus, .response = e->response, .mask = e->mask,
        .dt = cli_model_dt(&e->model), .fps = e->fps, .skip = e->skip, .from = e->from, .frames = e->frames_asked,
        .width = e->size.width, .height = e->size.height, .channels = cli_inputs_kind(&e->inputs), .declared = e->inputs.movie_channels,
        .inputs = e->inputs.at, .input_count = e->inputs.count };
    if (convis_recording_open(e->context, &o, &e->recording)) return cli_report(e->context);
    convis_recording_info_get(e->recording, &info);
    e->trials = info.trials;
    e->frames = info.frames;
    e->units = info.units;
    e->options.dt = info.dt;
    if (make_room(e)) return 1;
    return convis_recording_response(e->recording, 0, e->frames, e->r, e->m) ? cli_report(e->context) : 0;
}

static int run_model(struct eval *e)
{
    convis_recording_info info;
    if (cli_model_open(&e->model, e->context) || cli_inputs_open(&e->inputs, &e->model) || open_recording(e)) return 1;
    convis_recording_info_get(e->recording, &info);
    if (cli_inputs_movie(&e->inputs, e->stimulus, info.channels) || cli_inputs_recorded(&e->inputs, e->recording)) return 1;
    if (cli_model_build(&e->model, info.width, info.height)) return 1;
    if (cli_model_output(&e->model, e->output, e->path, sizeof e->path)) return 1;
    const convis_status status = convis_predict(e->model.model, e->recording, e->path, e->chunk, e->p);
    return status ? cli_inputs_report(&e->inputs, e->context, status, info.channels) : 0;
}

/* ---- Arrays ---- */

static const char *shape_of(const convis_array *a, char text[128])
{
    int used = snprintf(text, 128, "(");
    for (int d = 0; d < a->dims && used < 100; d++)
        used += snprintf(text + used, 128 - (size_t)used, d ? ", %lld" : "%lld", (long long)a->dim[d]);
    snprintf(text + used, 128 - (size_t)used, a->dims == 1 ? ",)" : ")");
    return text;
}

/* (T), (T, N) or (trials, T, N): sizes that the array lacks are 1. */
static void sizes(const convis_array *a, int64_t *trials, int64_t *frames, int64_t *units)
{
    *trials = a->dims == 3 ? a->dim[0] : 1;
    *frames = a->dim[a->dims == 3];
    *units = a->dims > 1 ? a->dim[a->dims - 1] : 1;
}

static int read_array(struct eval *e, const char *file, const char *what, const char *expected, int dims, convis_array *a)
{
    char text[128];
    if (convis_array_read(e->context, file, a)) return cli_report(e->context);
    int good = a->dims >= 1 && a->dims <= dims;
    for (int d = 0; d < a->dims; d++) good &= a->dim[d] > 0;
    return good ? 0 : cli_fail("%s: shape %s, expected a %s: %s, none of them 0", file, shape_of(a, text), what, expected);
}

static int choose_part(struct eval *e, int64_t length)
{
    if (e->from >= length)
        return cli_fail("%s: has %lld frames, numbered from 0, so there is no frame %lld", e->response, (long long)length,
                        (long long)e->from);
    e->frames = e->frames_asked ? e->frames_asked : length - e->from;
    if (e->frames > length - e->from)
        return cli_fail("%s: has %lld frames from frame %lld on, expected at least %lld", e->response,
                        (long long)(length - e->from), (long long)e->from, (long long)e->frames);
    return e->skip < e->frames ? 0
         : cli_fail("%s: %lld frames are skipped, expected fewer than the %lld that there are", e->response, (long long)e->skip,
                    (long long)e->frames);
}

/* What the array lacks is the same for all trials, or units. */
static double element(const convis_array *a, int64_t trial, int64_t frame, int64_t unit)
{
    int64_t trials, frames, units;
    sizes(a, &trials, &frames, &units);
    return a->data[((trials > 1 ? trial : 0)*frames + frame)*units + (units > 1 ? unit : 0)];
}

static void take_arrays(struct eval *e, const convis_array *p, const convis_array *r, const convis_array *mask)
{
    for (int64_t t = 0; t < e->frames; t++)
        for (int64_t u = 0; u < e->units; u++) {
            e->p[t*e->units + u] = (convis_real)element(p, 0, e->from + t, u);
            for (int64_t n = 0; n < e->trials; n++) {
                const int64_t i = (n*e->frames + t)*e->units + u;
                const double value = element(r, n, e->from + t, u), counts = mask->data ? element(mask, n, e->from + t, u) : 1;
                e->r[i] = (convis_real)value;
                e->m[i] = t >= e->skip && counts != 0 && !isnan(value);
            }
        }
}

static int read_arrays(struct eval *e, convis_array *p, convis_array *r, convis_array *mask)
{
    char a[128], b[128];
    int64_t trials, frames, units;
    if (read_array(e, e->prediction, "prediction", "(T) or (T, N)", 2, p)) return 1;
    if (read_array(e, e->response, "response", "(T), (T, N) or (trials, T, N)", 3, r)) return 1;
    sizes(r, &e->trials, &frames, &e->units);
    if (p->dim[0] != frames || (p->dims > 1 ? p->dim[1] : 1) != e->units)
        return cli_fail("%s: shape %s, expected %lld frames of %lld unit%s: %s has the shape %s", e->prediction, shape_of(p, a),
                        (long long)frames, (long long)e->units, e->units == 1 ? "" : "s", e->response, shape_of(r, b));
    if (e->mask && read_array(e, e->mask, "mask", "(T), (T, N) or (trials, T, N)", 3, mask)) return 1;
    if (e->mask) {
        int64_t length;
        sizes(mask, &trials, &length, &units);
        if (length != frames || (mask->dims == 3 && trials != e->trials) || (mask->dims > 1 && units != e->units))
            return cli_fail("%s: shape %s, expected that of the response, %s, or without trials or units", e->mask,
                            shape_of(mask, a), shape_of(r, b));
    }
    if (choose_part(e, frames) || make_room(e)) return 1;
    take_arrays(e, p, r, mask);
    e->options.dt = e->model.dt;
    return 0;
}

static int load_arrays(struct eval *e)
{
    convis_array p = { 0 }, r = { 0 }, mask = { 0 };
    int failed = read_arrays(e, &p, &r, &mask);
    convis_array_free(&p);
    convis_array_free(&r);
    convis_array_free(&mask);
    return failed;
}

/* ---- Scores ---- */

/* Units that were not asked for count nowhere. */
static int choose_units(struct eval *e)
{
    if (!(e->chosen = room(e->units, 1))) return 1;
    memset(e->chosen, !e->chosen_text, (size_t)e->units);
    const int64_t largest = e->chosen_text ? parse_units(e->chosen_text, e->chosen, e->units) : 0;
    if (largest >= e->units)
        return cli_fail("--units: there is no unit %lld; %s has %lld, numbered from 0", (long long)largest, e->response,
                        (long long)e->units);
    for (int64_t i = 0; i < e->trials*e->frames*e->units; i++) if (!e->chosen[i%e->units]) e->m[i] = 0;
    return 0;
}

static int score(struct eval *e)
{
    if (choose_units(e) || !(e->scores = room((e->units + 1)*CONVIS_SCORES, sizeof *e->scores))) return 1;
    if (convis_scores_of_cells(e->context, &e->options, e->p, e->r, e->m, e->trials, e->frames, e->units, e->scores))
        return cli_report(e->context);
    enum { CORRELATION = 2 };
    for (int64_t u = 0; u < e->units; u++)
        if (e->chosen[u] && isnan(e->scores[u*CONVIS_SCORES + CORRELATION].value))
            cli_warn("unit %lld has no correlation: its prediction, or its mean response, never changes", (long long)u);
    return 0;
}

/* ---- What is printed ---- */

static void print_table(const struct eval *e)
{
    const convis_score *s = e->scores;
    char who[32];
    cli_table table = { 0 };
    int64_t count = 0;
    cli_scores_head(&table, "unit");
    for (int64_t u = 0; u < e->units; u++) {
        if (!e->chosen[u]) continue;
        snprintf(who, sizeof who, "%lld", (long long)u);
        cli_scores_row(&table, who, s + u*CONVIS_SCORES);
        count++;
    }
    if (count > 1) cli_scores_row(&table, "mean", s + e->units*CONVIS_SCORES);
    cli_table_print(&table, stdout);
}

static void json_number(const char *name, double value)
{
    printf("\"%s\": ", name);
    cli_json_put_number(stdout, value);
}

static void json_scores(const convis_score *s)
{
    for (int k = 0; k < CONVIS_SCORES; k++) {
        printf("%s\"%s\": {", k ? ", " : "", s[k].name);
        json_number("value", s[k].value);
        fputs(", ", stdout);
        json_number("low", s[k].low);
        fputs(", ", stdout);
        json_number("high", s[k].high);
        putchar('}');
    }
}

static void print_json(const struct eval *e)
{
    const char *comma = "";
    printf("{\n \"response\": ");
    cli_json_put_text(stdout, e->response);
    printf(",\n \"%s\": ", e->model.name ? "model" : "prediction");
    cli_json_put_text(stdout, e->model.name ? e->model.name : e->prediction);
    if (*e->path) {
        printf(",\n \"output\": ");
        cli_json_put_text(stdout, e->path);
    }
    printf(",\n \"frames\": %lld, \"trials\": %lld, \"counts\": %s, ", (long long)e->frames, (long long)e->trials,
           e->options.counts ? "true" : "false");
    json_number("dt", e->options.dt > 0 ? e->options.dt : NAN);
    printf(", \"bootstrap\": %d, ", e->options.bootstrap);
    json_number("level", e->options.level);
    printf(",\n \"units\": [");
    for (int64_t u = 0; u < e->units; u++) {
        if (!e->chosen[u]) continue;
        printf("%s\n  {\"unit\": %lld, ", comma, (long long)u);
        json_scores(e->scores + u*CONVIS_SCORES);
        putchar('}');
        comma = ",";
    }
    printf("],\n \"mean\": {");
    json_scores(e->scores + e->units*CONVIS_SCORES);
    puts("}\n}");
}

static void summary(const struct eval *e)
{
    char seconds[64] = "", intervals[128] = "", block[40] = "one second", output[160] = "";
    if (*e->path) snprintf(output, sizeof output, "; output %s of the model", e->path);
    if (e->options.dt > 0)
        snprintf(seconds, sizeof seconds, " of %.6g ms (%.4g s)", 1e3*e->options.dt, (double)e->frames*e->options.dt);
    if (e->options.block) snprintf(block, sizeof block, "%lld frames", (long long)e->options.block);
    if (e->options.bootstrap)
        snprintf(intervals, sizeof intervals, "; %.4g %% intervals by %d samples of blocks of %s", 100*e->options.level,
                 e->options.bootstrap, block);
    cli_message("%s: %lld frames%s, %lld trial%s, %s%s%s", e->response, (long long)e->frames, seconds, (long long)e->trials,
            e->trials == 1 ? "" : "s", e->options.counts ? "counts" : "in the unit of the prediction", output, intervals);
}

int cli_eval(int argc, char **argv)
{
    struct eval *e = calloc(1, sizeof *e);
    if (!e) return cli_fail("out of memory");
    e->options = (convis_score_options)CONVIS_SCORE_DEFAULTS;
    e->options.counts = 0;
    int status = parse(e, argc, argv);
    if (status == CLI_GO) {
        status = !(e->context = cli_open(e->device, e->threads));
        if (!status) status = e->model.name ? run_model(e) : load_arrays(e);
        if (!status) status = score(e);
        if (!status) (e->json ? print_json : print_table)(e);
        if (!status && !e->quiet) summary(e);
    }
    free(e->p);
    free(e->r);
    free(e->m);
    free(e->chosen);
    free(e->scores);
    convis_recording_close(&e->recording);
    cli_model_close(&e->model);
    convis_close(&e->context);
    free(e);
    return status;
}
