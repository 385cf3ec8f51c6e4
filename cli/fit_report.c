/* fit_report.c - the report of a fit: the numbers that it fitted, scores of the training and the held-out part, and figures. */
#include "fit.h"
#include "scores.h"
#include <convis/io.h>
#include <convis/layer.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_NAME = 512 };

/* Prediction and input of its static layer (frames, units; input may be NULL), responses and mask (trials, frames, units). */
typedef struct data { convis_real *p, *input, *r, *m; } data;

static const char *file_in(const struct fit *f, const char *name, const char *extension, char file[FILE_NAME])
{
    snprintf(file, FILE_NAME, "%s/%s.%s", f->report_folder, name, extension);
    return file;
}

/* ---- The input of the last layer ---- */

/* A static layer: what comes out follows from what goes in at that moment, pixel by pixel. */
static int is_static(const char *type)
{
    const convis_layer_type *const *t = convis_layer_types();
    while (*t && strcmp((*t)->name, type)) t++;
    return *t && (*t)->pointwise && (*t)->inputs == 1 && !(*t)->states[0].name && !(*t)->spikes;
}

static int find_input(struct fit *f)
{
    convis_item layer;
    for (int k = 0; convis_list(f->model.model, CONVIS_LAYER, k, &layer); k++)
        if (!strcmp(layer.path, f->path) && layer.inputs == 1 && layer.input[0].from.id > 0 && !layer.input[0].delay
            && is_static(layer.target)) {
            convis_item before;
            if (convis_list(f->model.model, CONVIS_LAYER, layer.input[0].from.id - 1, &before))
                snprintf(f->input, sizeof f->input, "%s", before.path);
        }
    return *f->input && convis_probe(f->model.model, f->input) ? cli_report(f->context) : 0;
}

int fit_prepare(struct fit *f)
{
    char file[FILE_NAME];
    if (strlen(f->report_folder) > FILE_NAME - 64) return cli_fail("%s: the name is too long", f->report_folder);
    if (mkdir(f->report_folder, 0777) && errno != EEXIST) return cli_fail("%s: %s", f->report_folder, strerror(errno));
    return cli_writable(file_in(f, "prediction", "npy", file)) || find_input(f) ? 1 : 0;
}

static int load(struct fit *f, data *d)
{
    const int64_t numbers = f->info.frames*f->info.units, all = numbers*f->info.trials;
    d->p = malloc((size_t)numbers*sizeof *d->p);
    d->r = malloc((size_t)all*sizeof *d->r);
    d->m = malloc((size_t)all*sizeof *d->m);
    if (!d->p || !d->r || !d->m) return cli_fail("out of memory: %lld responses", (long long)all);
    if (convis_recording_response(f->recording, 0, f->info.frames, d->r, d->m)) return cli_report(f->context);
    if (*f->input && !(d->input = malloc((size_t)numbers*sizeof *d->input)))
        return cli_fail("out of memory: %lld numbers", (long long)numbers);
    if (*f->input && convis_predict(f->model.model, f->recording, f->input, f->options.chunk, d->input))
        return cli_report(f->context);
    return convis_predict(f->model.model, f->recording, f->path, f->options.chunk, d->p) ? cli_report(f->context) : 0;
}

/* ---- The numbers that were fitted ---- */

/* A number, or the root mean square of an array's; NaN of one that is filled in later. */
static int size_of(const struct fit *f, const convis_item *p, double *size)
{
    *size = p->value;
    if (!p->array) return 0;
    double *values = malloc((size_t)(p->count + 1)*sizeof *values), sum = 0;
    if (!values) return cli_fail("out of memory: %lld numbers", (long long)p->count);
    convis_status status = p->count ? convis_get_array(f->model.model, p->path, values, p->count) : CONVIS_OK;
    for (int64_t k = 0; k < p->count && !status; k++) sum += values[k]*values[k];
    *size = p->count ? sqrt(sum/(double)p->count) : NAN;
    free(values);
    return status ? cli_report(f->context) : 0;
}

int fit_remember(struct fit *f)
{
    convis_item p;
    int count = 0, status = 0;
    while (convis_list(f->model.model, CONVIS_PARAMETER, count, &p)) count++;
    if (!(f->before = malloc((size_t)(count + 1)*sizeof *f->before))) return cli_fail("out of memory: %d numbers", count);
    for (int k = 0; k < count && !status; k++) {
        convis_list(f->model.model, CONVIS_PARAMETER, k, &p);
        status = size_of(f, &p, &f->before[k]);
    }
    return status;
}

/* By its setting's name where an alias leads from that to it: what --set takes. */
static const char *name_of(const struct fit *f, const char *path, convis_item *alias)
{
    char value[64];
    for (int k = 0; convis_list(f->model.model, CONVIS_ALIAS, k, alias); k++)
        if (!strcmp(alias->target, path) && !convis_recipe_get(f->model.recipe, alias->path, value, sizeof value))
            return alias->path;
    return path;
}

static int print_numbers(struct fit *f)
{
    convis_item p, alias;
    cli_table table = { 0 };
    char before[32], after[32], size[48];
    double now;
    for (int k = 0; convis_list(f->model.model, CONVIS_PARAMETER, k, &p); k++) {
        if (!p.requires_gradient) continue;
        if (size_of(f, &p, &now)) return 1;
        if (!table.rows) cli_table_row(&table, 5, "fitted", "before", "after", "", "");
        snprintf(before, sizeof before, isfinite(f->before[k]) ? "%.6g" : "", f->before[k]);
        snprintf(after, sizeof after, "%.6g", now);
        snprintf(size, sizeof size, "root mean square of %lld", (long long)p.count);
        cli_table_row(&table, 5, name_of(f, p.path, &alias), before, after, p.unit && strcmp(p.unit, "1") ? p.unit : "",
                      p.array ? size : "");
    }
    cli_table_print(&table, stdout);
    putchar('\n');
    return 0;
}

/* ---- Scores ---- */

/* A unit whose response never changes has no scores; it is said and taken out. How many units are left. */
static int64_t take_out_constant(convis_real *m, const convis_real *r, int64_t rows, int64_t units, const char *who)
{
    int64_t left = 0;
    for (int64_t u = 0; u < units; u++) {
        int64_t count = 0, same = 0, first = u;
        for (int64_t i = u; i < rows*units; i += units) {
            if (!(m[i] > 0)) continue;
            if (!count++) first = i;
            same += !(r[i] < r[first]) && !(r[i] > r[first]);
        }
        if (same < count) left++;
        else if (count)
            cli_warn("%s: unit %lld has no scores: its response is %g in all frames that count", who, (long long)u,
                     (double)r[first]);
        for (int64_t i = u; same == count && i < rows*units; i += units) m[i] = 0;
    }
    return left;
}

/* The mean over units of frames first..last - 1: what is outside does not count. */
static int score_part(struct fit *f, const data *d, int64_t first, int64_t last, cli_table *table, const char *who)
{
    const convis_score_options o = { .dt = f->info.dt, .counts = f->counts, .bootstrap = f->bootstrap, .level = f->level };
    const int64_t n = last - first, units = f->info.units, trials = f->info.trials;
    convis_real *r = malloc((size_t)(n*units*trials)*sizeof *r), *m = malloc((size_t)(n*units*trials)*sizeof *m);
    convis_score *scores = malloc((size_t)(units + 1)*CONVIS_SCORES*sizeof *scores);
    int status = r && m && scores ? 0 : cli_fail("out of memory: %lld responses", (long long)(n*units*trials));
    for (int64_t k = 0; !status && k < trials; k++) {
        memcpy(r + k*n*units, d->r + (k*f->info.frames + first)*units, (size_t)(n*units)*sizeof *r);
        memcpy(m + k*n*units, d->m + (k*f->info.frames + first)*units, (size_t)(n*units)*sizeof *m);
    }
    if (!status && !take_out_constant(m, r, n*trials, units, who)) cli_warn("%s: there is nothing to score", who);
    else if (!status && convis_scores_of_cells(f->context, &o, d->p + first*units, r, m, trials, n, units, scores))
        status = cli_report(f->context);
    else if (!status) {
        if (!table->rows) cli_scores_head(table, "frames");
        cli_scores_row(table, who, scores + units*CONVIS_SCORES);
    }
    free(r);
    free(m);
    free(scores);
    return status;
}

static int print_scores(struct fit *f, const data *d)
{
    cli_table table = { 0 };
    const int64_t held = (int64_t)((double)f->info.frames*f->options.validate), train = f->info.frames - held;
    int status = score_part(f, d, 0, train, &table, held ? "training" : "all");
    if (!status && held) status = score_part(f, d, train, f->info.frames, &table, "held out");
    if (!status) cli_table_print(&table, stdout);
    return status;
}

/* ---- Figures ---- */

/* frames: (B, C, T, Y, X) as they lie, T first: (T, B, C, Y, X). */
static int write_array(struct fit *f, const char *file, const char *name, convis_real *values, convis_shape shape)
{
    convis_map_writer *w;
    convis_shape frame = shape;
    const convis_provenance nothing = { .dt = f->info.dt };
    const int64_t *n = shape.dim, plane = n[CONVIS_Y]*n[CONVIS_X];
    frame.dim[CONVIS_T] = 1;
    convis_tensor t = { values, shape, { n[CONVIS_C]*plane, plane, n[CONVIS_B]*n[CONVIS_C]*plane, n[CONVIS_X], 1 } };
    if (convis_map_writer_open(f->context, file, name, frame, &nothing, &w)) return cli_report(f->context);
    convis_status status = convis_map_writer_write(w, t);
    convis_status closed = convis_map_writer_close(&w, !status);
    return status || closed ? cli_report(f->context) : 0;
}

static int draw(struct fit *f, const char *name, const char *picture, const char *kind, const char *title)
{
    char from[FILE_NAME], to[FILE_NAME];
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    o.kind = kind;
    o.title = title;
    o.dt = f->info.dt;
    return convis_plot(f->context, file_in(f, name, "npy", from), file_in(f, picture, "png", to), &o) ? cli_report(f->context)
                                                                                                      : 0;
}

/* Arrays that extend in time or space, outputs and inputs one after the other. */
static int draw_kernels(struct fit *f)
{
    convis_item p;
    int status = 0;
    for (int k = 0; !status && convis_list(f->model.model, CONVIS_PARAMETER, k, &p); k++) {
        const int64_t *n = p.shape.dim, all = p.count, frame = n[CONVIS_Y]*n[CONVIS_X];
        char file[FILE_NAME];
        if (!p.array || all < 2 || n[CONVIS_T]*frame < 2 || convis_elements(p.shape) != all) continue;
        double *values = malloc((size_t)all*sizeof *values);
        convis_real *frames = malloc((size_t)all*sizeof *frames);
        const int64_t maps = n[CONVIS_B]*n[CONVIS_C];
        if (!values || !frames) status = cli_fail("out of memory: %lld numbers", (long long)all);
        else if (convis_get_array(f->model.model, p.path, values, all)) status = cli_report(f->context);
        for (int64_t i = 0; !status && i < maps; i++)
            for (int64_t t = 0; t < n[CONVIS_T]; t++)
                for (int64_t j = 0; j < frame; j++)
                    frames[(t*maps + i)*frame + j] = (convis_real)values[(i*n[CONVIS_T] + t)*frame + j];
        convis_shape shape = { { 1, maps, n[CONVIS_T], n[CONVIS_Y], n[CONVIS_X] } };
        if (!status) status = write_array(f, file_in(f, p.path, "npy", file), p.path, frames, shape);
        if (!status) status = draw(f, p.path, p.path, "kernel", p.path);
        free(values);
        free(frames);
    }
    return status;
}

/* Unit by unit: input of the static layer, prediction, mean response; NaN for what is not there. (T, 3, units). */
static int draw_prediction(struct fit *f, const data *d)
{
    const int64_t n = f->info.frames, units = f->info.units;
    char file[FILE_NAME];
    convis_real *v = malloc((size_t)(3*n*units)*sizeof *v);
    if (!v) return cli_fail("out of memory: %lld responses", (long long)(n*units));
    for (int64_t t = 0; t < n; t++)
        for (int64_t u = 0; u < units; u++) {
            double sum = 0, count = 0;
            for (int64_t k = 0; k < f->info.trials; k++) {
                const int64_t i = (k*n + t)*units + u;
                if (d->m[i] > 0) { sum += (double)d->r[i]; count++; }
            }
            v[3*t*units + u] = d->input ? d->input[t*units + u] : (convis_real)NAN;
            v[(3*t + 1)*units + u] = d->p[t*units + u];
            v[(3*t + 2)*units + u] = (convis_real)(sum/count/(f->counts ? f->info.dt : 1));
        }
    int status = write_array(f, file_in(f, "prediction", "npy", file), "prediction", v, (convis_shape){ { 1, 1, n, 3, units } });
    free(v);
    if (!status) status = draw(f, "prediction", "prediction", "prediction", f->path);
    if (!status && d->input) status = draw(f, "prediction", "nonlinearity", "nonlinearity", f->path);
    return status;
}

static int draw_all(struct fit *f, const data *d)
{
    return draw_kernels(f) || draw_prediction(f, d) ? 1 : 0;
}

int fit_tell(struct fit *f)
{
    data d = { 0 };
    int status = print_numbers(f);
    if (!status) status = load(f, &d);
    if (!status) status = print_scores(f, &d);
    if (!status && f->report_folder) status = draw_all(f, &d);
    free(d.p);
    free(d.input);
    free(d.r);
    free(d.m);
    return status;
}
