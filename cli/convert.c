/* convert.c - convis convert: a movie, map, spike file, list of cells or model into another format; spikes into the
 * image that they show. */
#include "inputs.h"
#include <convis/io.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const cli_page PAGE = {
    "convert", "IN OUT [OPTION]...",
    "What happens follows from the two names:\n"
    "  maps to maps       anything 'convis run' takes as input, to .npy .npz .h5 .inr .csv .png .mp4\n"
    "  spikes to spikes   .spk .csv .npy .npz .h5 (.npy: rows of unit, time, layer)\n"
    "  spikes to maps     .mp4 .png .inr, and .npy .npz .h5 with --reconstruct: the image that spikes show, in spikes\n"
    "                     per second and cell\n"
    "  cells to cells     .txt ('layer unit x_deg y_deg') .h5 .npz, to .txt .h5 .npz\n"
    "  .xml to .xml       a VirtualRetina file, as this program understands and writes it\n"
    "A map of an .h5 or .npz that holds spikes too is named: results.h5:probes/opl.\n",
    "  convis convert movie.mp4 movie.npy --size 128x128\n"
    "  convis convert spikes.spk spikes.h5 --units units.txt\n"
    "  convis convert spikes.h5 seen.mp4 --weights 1,-1 --fps 60\n"
    "  convis convert spikes.h5 units.txt\n",
    2, 2
};

enum { WEIGHTS = 64, CHUNK_BYTES = 16*1000*1000 };

struct convert {
    const char *in, *out, *units_file, *name, *kernel, *shape, *numerics, *weights, *extent;
    cli_inputs colour;                                   /* --channel, --channels */
    cli_size size;
    double   fps, dt;
    int64_t  from, frames;
    int      reconstruct, quiet;
    convis_reconstruction_options r;
    double   weight[WEIGHTS];
    convis_provenance origin;
    convis_context *context;
    convis_spike *spikes;   int64_t count;
    convis_cell  *cells;    int64_t cell_count;
};

static int is(const char *file, const char *const *extensions)
{
    const char *e = cli_extension(file);
    for (; *extensions; extensions++)
        if (!strcasecmp(e, *extensions)) return 1;
    return 0;
}

static const char *const XML[] = { "xml", NULL }, *const CELLS[] = { "txt", "units", NULL };
static const char *const CONTAINER[] = { "h5", "hdf5", "npz", NULL }, *const ONLY_SPIKES[] = { "spk", "csv", NULL };
static const char *const SPIKES_OUT[] = { "spk", "csv", "npy", "npz", "h5", "hdf5", NULL };

/* ---- Cells ---- */

/* From --units; else from IN where it holds them. Returns 1 after a sentence. */
static int find_cells(struct convert *v, int needed)
{
    const char *file = v->units_file ? v->units_file : v->in;
    if (!v->units_file && !is(file, CELLS) && !is(file, CONTAINER))
        return needed ? cli_fail("%s: does not say where the cells are; --units FILE gives lines 'layer unit x_deg y_deg'", v->in)
                      : 0;
    const convis_status status = convis_cells_read(v->context, file, &v->cells, &v->cell_count);
    const int may_lack = status == CONVIS_ENAME && !needed && !v->units_file;
    return status && !may_lack ? cli_report(v->context) : 0;
}

static int by_id(const void *a, const void *b)
{
    const convis_cell *p = a, *q = b;
    return (p->id > q->id) - (p->id < q->id);
}

/* A .spk has no layers; the cells' list knows them. */
static int set_layers(struct convert *v)
{
    if (!v->cells || !v->units_file) return 0;
    convis_cell *sorted = malloc((size_t)(v->cell_count + 1)*sizeof *sorted);
    if (!sorted) return cli_fail("out of memory");
    memcpy(sorted, v->cells, (size_t)v->cell_count*sizeof *sorted);
    qsort(sorted, (size_t)v->cell_count, sizeof *sorted, by_id);
    int missing = 0;
    for (int64_t k = 0; k < v->count && !missing; k++) {
        convis_cell key = { v->spikes[k].unit, 0, 0, 0 };
        const convis_cell *u = bsearch(&key, sorted, (size_t)v->cell_count, sizeof key, by_id);
        if (u) v->spikes[k].layer = u->layer;
        else missing = cli_fail("%s: unit %d spikes in %s and is not in this list", v->units_file, (int)key.id, v->in);
    }
    free(sorted);
    return missing;
}

/* ---- Spikes to spikes, cells to cells ---- */

/* The recording's length: what IN says, else its last spike's time. */
static double seconds_of(struct convert *v)
{
    return fmax(convis_spikes_seconds(v->context, v->in), v->count ? v->spikes[v->count-1].time : 0);
}

static int write_spikes(struct convert *v)
{
    convis_spike_writer *w = NULL;
    if (convis_spike_writer_open(v->context, v->out, v->cells, v->cell_count, &v->origin, &w)) return cli_report(v->context);
    convis_status s = convis_spike_writer_write(w, v->spikes, v->count);
    convis_status end = convis_spike_writer_close(&w, seconds_of(v), !s);
    return s || end ? cli_report(v->context) : 0;
}

static int convert_cells(struct convert *v)
{
    if (find_cells(v, 1)) return 1;
    if (!is(v->out, CELLS))
        return is(v->out, CONTAINER) ? write_spikes(v)
                                     : cli_usage("convert", "%s: cells are written as .txt, .h5 or .npz", v->out);
    return convis_cells_write(v->context, v->out, v->cells, v->cell_count) ? cli_report(v->context) : 0;
}

/* ---- Spikes to maps ---- */

typedef struct sink { struct convert *v; convis_map_writer *writer; int64_t width, height; cli_progress bar; } sink;

static convis_status write_frame(void *user, const convis_real *frame, int64_t index)
{
    sink *s = user;
    if (!s->writer || cli_interrupted) return CONVIS_EIO;    /* its sentence was said already, or follows */
    cli_progress_show(&s->bar, index, "");
    return convis_map_writer_write(s->writer, convis_view((convis_real *)frame, convis_movie_shape(1, s->height, s->width)));
}

/* A result that contains its model knows which layers are ON and which OFF; ON brightens, OFF darkens. */
static void weights_of_model(struct convert *v)
{
    convis_recipe *recipe = NULL;
    char path[64], value[64];
    int k = 0;
    if (is(v->in, CONTAINER) && strcasecmp(cli_extension(v->in), "npz") && !convis_recipe_open(v->context, v->in, &recipe))
        for (; k < WEIGHTS; k++) {
            snprintf(path, sizeof path, "ganglion_%d.sign", k);
            if (convis_recipe_get(recipe, path, value, sizeof value)) break;
            v->weight[k] = atof(value) < 0 ? -1 : 1;
        }
    convis_recipe_free(&recipe);
    v->r.weights = v->weight;
    v->r.layers = k;
}

static int reconstruct(struct convert *v)
{
    if (find_cells(v, 1) || set_layers(v)) return 1;
    if (!v->weights) weights_of_model(v);
    if (v->fps > 0) v->r.fps = v->fps;
    v->r.from = (double)v->from/v->r.fps;
    if (v->frames) v->r.to = (double)(v->from + v->frames)/v->r.fps;
    v->r.width = v->size.width;
    v->r.height = v->size.height;
    sink s = { .v = v };
    convis_reconstruction *r = NULL;
    double seconds = seconds_of(v);
    if (convis_reconstruction_open(v->context, v->cells, v->cell_count, &v->r, write_frame, &s, &r))
        return cli_report(v->context);
    convis_reconstruction_size(r, &s.width, &s.height);
    v->origin.dt = 1/v->r.fps;
    int failed = 0;
    if (convis_map_writer_open(v->context, v->out, "reconstruction", convis_movie_shape(1, s.height, s.width), &v->origin,
                               &s.writer))
        failed = cli_report(v->context);
    cli_progress_begin(&s.bar, (int64_t)ceil(seconds*v->r.fps), v->quiet);
    if (!failed) convis_reconstruction_write(r, v->spikes, v->count);
    convis_status status = convis_reconstruction_close(&r, seconds);     /* reports an earlier error again */
    cli_progress_end(&s.bar);
    if (!failed && cli_interrupted) failed = cli_fail("interrupted");
    if (!failed && status) failed = cli_report(v->context);
    if (s.writer && convis_map_writer_close(&s.writer, !failed) && !failed) failed = cli_report(v->context);
    return failed;
}

/* ---- Maps to maps ---- */

static convis_status copy(struct convert *v, convis_movie *movie, convis_map_writer *writer, const convis_movie_info *info)
{
    int64_t pixels = info->batch*info->channels*info->width*info->height, steps = 0, got;
    int64_t chunk = CHUNK_BYTES/(pixels*(int64_t)sizeof(convis_real)) + 1;
    if (info->steps > 0 && chunk > info->steps) chunk = info->steps;
    convis_real *frames = malloc((size_t)(chunk*pixels)*sizeof *frames);
    if (!frames) { cli_fail("out of memory"); return CONVIS_ENOMEM; }
    cli_progress bar;
    cli_progress_begin(&bar, info->steps, v->quiet);
    convis_status status;
    for (;;) {
        status = convis_movie_read(movie, frames, chunk, &got);
        if (!status && got && !cli_interrupted)
            status = convis_map_writer_write(writer, convis_movie_view(movie, frames, got));
        if (status || !got || cli_interrupted) break;
        cli_progress_show(&bar, steps += got, "");
    }
    cli_progress_end(&bar);
    free(frames);
    if (cli_interrupted) cli_fail("interrupted");
    else if (status) cli_report(v->context);
    return cli_interrupted ? CONVIS_EIO : status;
}

/* Every frame once, unless --dt asks for steps of a model; then each lasts as long as the movie says. */
static int convert_maps(struct convert *v)
{
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    char name[4096];
    o.dt = v->dt > 0 ? v->dt : .001;
    o.repeat = v->dt > 0 ? 0 : 1;
    o.still = v->dt > 0 ? 0 : 1;
    o.fps = v->fps;
    o.from = v->from;
    o.frames = v->frames;
    o.width = v->size.width;
    o.height = v->size.height;
    o.batches = o.picture = 1;
    int wrong = cli_inputs_check(&v->colour, "convert");
    if (wrong) return wrong;
    o.channel = v->colour.pick;
    o.channels = v->colour.kind;
    convis_movie *movie = NULL;
    convis_map_writer *writer = NULL;
    convis_movie_info info;
    int n = v->name ? snprintf(name, sizeof name, "%s:%s", v->in, v->name) : snprintf(name, sizeof name, "%s", v->in);
    if (n < 0 || (size_t)n >= sizeof name) return cli_fail("%s: the name is too long", v->in);
    if (convis_movie_open(v->context, name, &o, &movie)) return cli_report(v->context);
    convis_movie_info_get(movie, &info);
    cli_inputs_fewer(name, &o, &info);
    v->origin.dt = v->dt > 0 ? v->dt : v->fps > 0 ? 1/v->fps : info.fps > 0 ? 1/info.fps : 0;
    const char *slash = v->name ? strrchr(v->name, '/') : NULL;
    int failed = 0;
    if (convis_map_writer_open(v->context, v->out, slash ? slash + 1 : v->name ? v->name : "map",
                               convis_movie_view(movie, NULL, 1).shape, &v->origin, &writer)) failed = cli_report(v->context);
    if (!failed) failed = copy(v, movie, writer, &info) != CONVIS_OK;
    if (writer && convis_map_writer_close(&writer, !failed) && !failed) failed = cli_report(v->context);
    convis_movie_close(&movie);
    return failed;
}

/* ---- Models ---- */

static int convert_model(struct convert *v)
{
    convis_recipe *recipe = NULL;
    const char *text;
    if (!is(v->out, XML)) return cli_usage("convert", "%s: a model is written as .xml", v->out);
    int failed = 0;
    if (convis_recipe_open(v->context, v->in, &recipe)) failed = cli_report(v->context);
    for (int k = 0; !failed && (text = convis_recipe_warning(recipe, k)); k++) cli_warn("%s", text);
    if (!failed && convis_recipe_save(recipe, v->out)) failed = cli_report(v->context);
    convis_recipe_free(&recipe);
    return failed;
}

/* ---- Which? ---- */

/* A .npy of three columns, as spikes are written, and no movie. */
static int is_table(struct convert *v)
{
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    convis_movie *movie = NULL;
    convis_movie_info info = { .steps = 0 };
    o.dt = .001;
    o.still = 1;
    o.picture = o.batches = 1;
    o.channels = CONVIS_ALL_CHANNELS;
    if (strcasecmp(cli_extension(v->in), "npy")) return 0;
    if (convis_movie_open(v->context, v->in, &o, &movie)) return 1;      /* no movie: reading it as spikes will tell */
    convis_movie_info_get(movie, &info);
    convis_movie_close(&movie);
    return info.width == 3 && info.steps == 1;
}

static int choose(struct convert *v)
{
    int container = is(v->in, CONTAINER);
    if (is(v->in, XML) || (container && is(v->out, XML))) return convert_model(v);
    if (is(v->in, CELLS) || is(v->out, CELLS)) return convert_cells(v);
    int spikes = is(v->in, ONLY_SPIKES);
    int must = spikes || v->reconstruct || !strcasecmp(cli_extension(v->out), "spk");
    if (must || (container && !v->name) || is_table(v)) {
        convis_status s = convis_spikes_read(v->context, v->in, &v->spikes, &v->count);
        if (s && must) return cli_report(v->context);
        spikes = !s;
    }
    if (!spikes) return convert_maps(v);
    if (v->reconstruct || !is(v->out, SPIKES_OUT)) return reconstruct(v);
    return find_cells(v, 0) || set_layers(v) || write_spikes(v);
}

static int extent_of(struct convert *v)
{
    char first[32];
    size_t n = strcspn(v->extent, "x");
    snprintf(first, sizeof first, "%.*s", (int)(n < sizeof first ? n : sizeof first - 1), v->extent);
    return v->extent[n] && cli_number(first, &v->r.extent_x) && cli_number(v->extent + n + 1, &v->r.extent_y)
        && v->r.extent_x > 0 && v->r.extent_y > 0;
}

/* Words and lists of the reconstruction's options. */
static int check(struct convert *v)
{
    v->r.box = v->kernel && !strcmp(v->kernel, "box");
    v->r.square = v->shape && !strcmp(v->shape, "square");
    v->r.virtualretina = v->numerics && !strcmp(v->numerics, "virtualretina");
    if (v->extent && !extent_of(v)) return cli_usage("convert", "--extent: '%s', expected degrees, such as 4.3x3", v->extent);
    if (v->extent && !v->r.virtualretina) return cli_usage("convert", "--extent is for --numerics virtualretina");
    const char *at = v->weights;
    while (at && *at) {
        char word[32];
        size_t n = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : 0), at);
        if (v->r.layers == WEIGHTS || n >= sizeof word || !cli_number(word, v->weight + v->r.layers))
            return cli_usage("convert", "--weights: '%s', expected a number for each layer, such as 1,-1", v->weights);
        v->r.layers++;
        at += n + (at[n] == ',');
    }
    v->r.weights = v->weight;
    return CLI_GO;
}

int cli_convert(int argc, char **argv)
{
    struct convert v = { .r = CONVIS_RECONSTRUCTION_DEFAULTS };
    cli_list words = { 0 };
    const cli_option options[] = {
        { 0, "units",     "FILE",    CLI_TEXT,     &v.units_file, "the cells: .txt, .h5 or .npz (those of IN)" },
        { 0, "name",      "DATASET", CLI_TEXT,     &v.name,      "of .h5 and .npz: which map, as IN:DATASET" },
        { 0, "size",      "WxH",     CLI_SIZE,     &v.size,      "scale to this size (an .mp4 below 320 pixels is then enlarged by a whole\nfactor); of a reconstruction: all cells fit into it (a pixel\na cell of a grid; else 128 along the longer side)" },
        { 0, "fps",       "F",       CLI_POSITIVE, &v.fps,       "frames per second (the movie's; of a reconstruction 60)" },
        { 0, "dt",        "SECONDS", CLI_POSITIVE, &v.dt,        "a movie in steps of a model, each frame held for its duration" },
        { 0, "from",      "FRAME",   CLI_WHOLE,    &v.from,      "first frame, from 0" },
        { 0, "frames",    "N",       CLI_COUNT,    &v.frames,    "how many frames (all)" },
        { 0, "channel",   "luminance|red|green|blue", CLI_WORD,     &v.colour.channel, "of colour (luminance)" },
        CLI_CHANNELS_OPTION(v.colour),
        { 'r', "reconstruct", NULL,  CLI_FLAG,     &v.reconstruct, "spikes into maps where OUT could hold either" },
        { 0, "weights",   "W,W",     CLI_TEXT,     &v.weights,   "of layers in a reconstruction: 1,-1 lets OFF spikes darken, 0 leaves a\nlayer out (the signs that the model in IN has; else 1)" },
        { 0, "ppd",       "P",       CLI_POSITIVE, &v.r.ppd,     "of a reconstruction, pixels per degree (as --size has it)" },
        { 0, "tau",       "SECONDS", CLI_POSITIVE, &v.r.tau,     "in which a spike fades (0.02)" },
        { 0, "kernel",    "exponential|box", CLI_WORD, &v.kernel,    "how (exponential); a box lasts tau" },
        { 0, "extent",    "WxH",     CLI_TEXT,     &v.extent,
          "degrees that the array of cells has, where these are no whole number of\npixels; with --numerics virtualretina" },
        { 0, "spot",      "PIXELS",  CLI_POSITIVE, &v.r.spot,
          "radius of a spike's spot (what covers the gaps between cells); the side\nof a square with --numerics virtualretina" },
        { 0, "spot-shape", "disc|square", CLI_WORD, &v.shape,     "of a spot (disc)" },
        { 0, "fovea",     "DEGREES", CLI_POSITIVE, &v.r.fovea,   "radius beyond which spots of --spot grow" },
        { 0, "scaling",   "K",       CLI_POSITIVE, &v.r.scaling, "how: by 1 + K (r - fovea), the log-polar scheme" },
        { 0, "density",   "D",       CLI_POSITIVE, &v.r.density,
          "cells per degree in the fovea, for --normalise area (from their distances)" },
        { 0, "normalise", "one|area|rate", CLI_PLACE, &v.r.normalise,
          "rate: spikes/s of the cells at each pixel (the default); area: spots\nsum to the area of their cell; one: to 1" },
        { 0, "numerics",  "virtualretina|converged", CLI_WORD, &v.numerics,
          "virtualretina: as its ReconstructRetina rounds and draws" },
        { 'q', "quiet",   NULL,      CLI_FLAG,     &v.quiet,     "no progress bar" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO || (done = check(&v)) != CLI_GO) return done;
    v.in = words.at[0];
    v.out = words.at[1];
    if (!strcmp(v.in, v.out)) return cli_usage("convert", "IN and OUT are the same file");
    cli_catch_signals();
    if (!(v.context = cli_open(NULL, 1))) return 1;
    char *command = cli_command_line(argc, argv);
    v.origin.command = command;
    v.origin.input = v.in;
    int failed = choose(&v);
    free(command);
    convis_cells_free(&v.cells);
    convis_spikes_free(&v.spikes);
    convis_close(&v.context);
    return failed;
}
