/* convis_npz.c - parameter files of Convis (https://github.com/jahuth/convis): model.save_parameters(file) writes an archive of
 * arrays, each called after its parameter's place in the model, with '_' between the parts.
 *
 * A name is understood when it stands in the table below, or when it is one of our paths with '_' for '.' ("filter_weights" or
 * "filter_weight" for filter.weights). Convis stores some numbers twice: as settings ("tau_center") and in the filter that they set
 * ("center_E_tau"), and a fit moves only the latter; the rows are in the order in which one overrides the other. The files
 * also have kernels that were made from settings; those, and whatever else has no counterpart, are left.
 *
 * What Convis computes from these numbers does not always match their names. Its recursive low pass weighs each frame by 1 + c,
 * c = exp(-dt/tau), and divides by 2 tau/dt, so that its gain is (1 + c)/(1 - c) dt/(2 tau) instead of 1; its high pass gets
 * its input a frame late; its map of delays is indexed by x, then y, and truncated to whole frames. Models that compute as Convis does
 * (`filters: convis`) have that gain in theirs. */
#include "recipe.h"
#include "models/graph/yaml.h"
#include "io/npy.h"
#include "base/lines.h"
#include "engine/model.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a value is: as it is; 1/pixels of a standard deviation; frames of a time, by x, then y; a low pass's gain without its own (see
 * above); an order, which Convis's recursion ignores; the kernel 1 - w of w; -w of w; a kernel that relative_weight multiplies. */
enum { COUNT, DENSITY, FRAMES, GAIN, ORDER, ONE_LESS, NEGATIVE, WEIGHED };

/* '#': a number, '+': one more. Of our paths the first that the model has. */
static const struct row { const char *convis, *ours[2]; int unit; } ROW[] = {
    /* filters.retina.*OPLFilter; of a Retina after opl_opl_filter_, of an OPL after opl_filter_ */
    { "sigma_center",                      { "opl.center.sigma" }, COUNT },
    { "center_G_density",                  { "opl.center.sigma" }, DENSITY },
    { "tau_center",                        { "opl.center.tau" }, COUNT },
    { "center_E_tau",                      { "opl.center.tau" }, COUNT },
    { "n_center",                          { "opl.center.n" }, ORDER },
    { "undershoot_tau_center",             { "opl.undershoot.tau" }, COUNT },
    { "center_undershoot_tau",             { "opl.undershoot.tau" }, COUNT },
    { "undershoot_relative_weight_center", { "opl.undershoot.weight" }, GAIN },
    { "center_undershoot_k",               { "opl.undershoot.weight" }, GAIN },
    { "sigma_surround",                    { "opl.surround.sigma" }, COUNT },
    { "surround_G_density",                { "opl.surround.sigma" }, DENSITY },
    { "tau_surround",                      { "opl.surround.tau" }, COUNT },
    { "surround_E_tau",                    { "opl.surround.tau" }, COUNT },
    { "relative_weight",                   { "opl.surround.gain" }, GAIN },
    { "lambda_opl",                        { "opl.center.gain" }, GAIN },
    { "center_G_weight",                   { "opl.center.blur.weights" }, COUNT },
    { "center_G_bias",                     { "opl.center.blur.bias" }, COUNT },
    { "center_E_weight",                   { "opl.center.weights" }, COUNT },
    { "center_E_bias",                     { "opl.center.bias" }, COUNT },
    { "center_undershoot_weight",          { "opl.adaptation.weights" }, ONE_LESS },     /* ours is what is subtracted */
    { "center_undershoot_bias",            { "opl.adaptation.bias" }, NEGATIVE },
    { "surround_G_weight",                 { "opl.surround.blur.weights" }, COUNT },
    { "surround_G_bias",                   { "opl.surround.blur.bias" }, COUNT },
    { "surround_E_weight",                 { "opl.surround.weights" }, WEIGHED },
    { "surround_E_bias",                   { "opl.surround.bias" }, WEIGHED },
    { "bipolar_lambda_amp",                { "bipolar.feedback" }, COUNT },
    { "bipolar_g_leak",                    { "bipolar.leak" }, COUNT },
    { "bipolar_input_amp",                 { "bipolar.amplification" }, COUNT },
    { "bipolar_tau",                       { "bipolar.tau" }, COUNT },
    { "gang_#_input_sign",                 { "ganglion_#.rectify.sign", "ganglion_#.sign" }, COUNT },
    { "gang_#_input_transient_tau_center", { "ganglion_#.transient.tau" }, COUNT },
    { "gang_#_input_transient_relative_weight_center", { "ganglion_#.transient.weight" }, COUNT },
    { "gang_#_input_i_0",                  { "ganglion_#.rectify.value_at_threshold", "ganglion_#.value_at_threshold" }, COUNT },
    { "gang_#_input_v_0",                  { "ganglion_#.rectify.threshold", "ganglion_#.threshold" }, COUNT },
    { "gang_#_input_lambda_G",             { "ganglion_#.rectify.amplification", "ganglion_#.amplification" }, COUNT },
    { "gang_#_input_sigma_surround",       { "ganglion_#.sigma" }, COUNT },
    { "gang_#_spikes_refr_mu",             { "ganglion_#.spikes.refractory" }, COUNT },
    { "gang_#_spikes_refr_sigma",          { "ganglion_#.spikes.refractory_sd" }, COUNT },
    { "gang_#_spikes_noise_sigma",         { "ganglion_#.spikes.sigma" }, COUNT },
    { "gang_#_spikes_g_L",                 { "ganglion_#.spikes.leak" }, COUNT },
    /* models.L, LN, LNLN ..., LNFDLNF, LNCascade */
    { "conv_weight",                       { "filter.weights", "opl.weights" }, COUNT },
    { "conv_bias",                         { "filter.bias", "opl.bias" }, COUNT },
    { "conv#_weight",                      { "filter_#.weights" }, COUNT },
    { "conv#_bias",                        { "filter_#.bias" }, COUNT },
    { "linearities_layer_#_weight",        { "filter_+.weights" }, COUNT },
    { "linearities_layer_#_bias",          { "filter_+.bias" }, COUNT },
    { "feedback#_weight",                  { "feedback_#.weights" }, COUNT },
    { "feedback#_bias",                    { "feedback_#.bias" }, COUNT },
    { "delay_delays",                      { "delay.delays" }, FRAMES },
};
enum { ROWS = sizeof ROW/sizeof *ROW, NUMBERS = 10 };    /* what '#' stands for: 0 to 9 */

/* Of which an OPL's kernels were made: nothing is lost with them where the model has the kernels. */
static const char *const MADE_OF[] = { "sigma_center", "tau_center", "n_center", "f_exp_center", "undershoot_tau_center",
    "undershoot_relative_weight_center", "f_undershoot", "sigma_surround", "tau_surround", "relative_weight", "lambda_opl" };
enum { MADE_OFS = sizeof MADE_OF/sizeof *MADE_OF };

/* ---- Where it goes: a model, or a recipe's graph, or lines of a recipe ---- */

struct target {
    convis_context *c;
    const char *file;
    convis_model *model;                                 /* has the paths, and takes values unless ... */
    struct convis_graph *graph;                          /* ... they go here */
    FILE *lines;                                         /* or here */
    int set;                                             /* parameters that found their place */
};

static int has_path(const struct target *t, const char *path)
{
    char value[64];
    int row;
    return t->graph ? !convis_graph_get(t->c, t->graph, path, value, sizeof value)
                    : convis_find_parameter(t->model, path, &row) != NULL;
}

/* Does it compute the outer plexiform layer as Convis does? */
static int as_convis(const struct target *t) { return has_path(t, "opl.adaptation.gain"); }

/* The number at the path whose last name is another; 0: there is none. */
static double beside(const struct target *t, const char *path, const char *name)
{
    const char *last = strrchr(path, '.');
    char full[160], text[64];
    double value = 0;
    snprintf(full, sizeof full, "%.*s%s", last ? (int)(last + 1 - path) : 0, path, name);
    if (!has_path(t, full)) return 0;
    if (!t->graph) return convis_get(t->model, full, &value) ? 0 : value;
    return convis_graph_get(t->c, t->graph, full, text, sizeof text) || !convis_number_parse(text, &value) ? 0 : value;
}

static double step_of(const struct target *t) { return t->graph ? t->graph->dt : convis_dt(t->model); }

/* Of Convis's low pass. */
static double gain_of(double tau, double dt)
{
    return tau > 0 ? (1 + exp(-dt/tau))/-expm1(-dt/tau)*dt/(2*tau) : 1;
}

/* ---- Values ---- */

static int64_t count_of(const convis_array *a)
{
    int64_t count = 1;
    for (int k = 0; k < a->dims; k++) count *= a->dim[k];
    return count;
}

static convis_status transpose(const struct target *t, const char *path, convis_array *a)
{
    const int64_t n = a->dims > 1 ? a->dim[a->dims - 1] : 1;
    if (a->dims < 2) return CONVIS_OK;
    if (a->dim[a->dims - 2] != n || count_of(a) != n*n)
        return convis_fail(t->c, CONVIS_ESHAPE,
                           "%s: %lld x %lld values; Convis takes delays by x, then y, so it expects a square", path,
                           (long long)a->dim[a->dims - 2], (long long)n);
    for (int64_t y = 0; y < n; y++)
        for (int64_t x = 0; x < y; x++) {
            const double swap = a->data[y*n + x];
            a->data[y*n + x] = a->data[x*n + y];
            a->data[x*n + y] = swap;
        }
    return CONVIS_OK;
}

static double factor_of(const struct target *t, const char *path, int unit)
{
    const double ppd = unit != DENSITY ? 0 : beside(t, path, "ppd") > 0 ? beside(t, path, "ppd") : beside(t, path, "blur.ppd");
    if (unit == DENSITY) return ppd > 0 ? 1/ppd : 0;
    return unit == FRAMES ? step_of(t) : unit == GAIN && as_convis(t) ? gain_of(beside(t, path, "tau"), step_of(t)) : 1;
}

/* In our units, in place. */
static convis_status convert(const struct target *t, const char *path, convis_array *a, int unit)
{
    const double factor = factor_of(t, path, unit);
    const int64_t count = count_of(a);
    for (int64_t i = 0; i < count; i++) {
        double *v = &a->data[i];
        if (unit == DENSITY && !(factor > 0 && *v > 0))
            return convis_fail(t->c, CONVIS_EINVAL, "%s: a density of %g per pixel, expected more than 0", path, *v);
        if (unit == DENSITY)       *v = factor/ *v;
        else if (unit == FRAMES)   *v = floor(*v)*factor;
        else if (unit == ONE_LESS) *v = (i == count - 1 ? 1 : 0) - *v;
        else if (unit == NEGATIVE) *v = -*v;
        else                       *v *= factor;
    }
    return unit == FRAMES ? transpose(t, path, a) : CONVIS_OK;
}

/* (outputs, inputs) of a layer that has channels, but no other size of its own (`readout`), is a row of numbers for each output. */
static void unfold(const struct target *t, const char *path, convis_array *a)
{
    if (a->dims != 2 || beside(t, path, "frames") > 0 || beside(t, path, "height") > 0 || !(beside(t, path, "channels") > 0))
        return;
    const int64_t dim[5] = { a->dim[0], 1, 1, 1, a->dim[1] };
    memcpy(a->dim, dim, sizeof dim);
    a->dims = 5;
}

static convis_status set_number(struct target *t, const char *path, double value)
{
    char number[CONVIS_LINES_NUMBER];
    if (t->graph) return convis_graph_set_array(t->c, t->graph, path, &(convis_array){ .data = &value });
    convis_status status = convis_set(t->model, path, value);
    if (!status && t->lines) {
        convis_lines_print(number, value);
        fprintf(t->lines, "%s %s\n", path, number);
    }
    return status;
}

/* The sizes that follow from an array, of a model that may still be changed (convis_graph_set_array does it for a graph). */
static convis_status fit(struct target *t, const char *path, const convis_array *a)
{
    static const char *const NAME[] = { "channels", NULL, "frames", "height", "width" };
    convis_status status = CONVIS_OK;
    const char *last = strrchr(path, '.');
    for (int k = 0; k < 5 && a->dims == 5 && !t->model->planned && !status; k++) {
        char size[160];
        if (!NAME[k] || !(beside(t, path, NAME[k]) > 0)) continue;
        snprintf(size, sizeof size, "%.*s%s", (int)(last + 1 - path), path, NAME[k]);
        status = convis_set(t->model, size, (double)a->dim[k]);
    }
    return status;
}

static convis_status put_array(struct target *t, const char *path, convis_array *a)
{
    unfold(t, path, a);
    if (t->graph) return convis_graph_set_array(t->c, t->graph, path, a);
    convis_status status = fit(t, path, a);
    return status ? status : convis_set_array(t->model, path, a->data, count_of(a));
}

/* A layer that delays needs the longest delay. */
static convis_status put_longest(struct target *t, const char *path, const convis_array *a)
{
    char longest[160];
    double most = 0;
    for (int64_t i = 0; i < count_of(a); i++) if (a->data[i] > most) most = a->data[i];
    if (!(most > beside(t, path, "longest"))) return CONVIS_OK;
    snprintf(longest, sizeof longest, "%.*slongest", (int)(strrchr(path, '.') + 1 - path), path);
    return has_path(t, longest) ? set_number(t, longest, most) : CONVIS_OK;
}

static int is_array(const struct target *t, const char *path)
{
    int row = 0;
    if (t->graph) return 1;                              /* convis_graph_set_array takes both */
    const model_layer *l = convis_find_parameter(t->model, path, &row);
    return (l->fields[row].flags & CONVIS_ARRAY) != 0;
}

static convis_status put(struct target *t, const char *path, convis_array *a, int unit)
{
    convis_status status = convert(t, path, a, unit);
    if (status) return status;
    if (!is_array(t, path)) {
        const int64_t count = count_of(a);
        if (count != 1) return convis_fail(t->c, CONVIS_ESHAPE, "%s: %lld values, expected one", path, (long long)count);
        return set_number(t, path, a->data[0]);
    }
    if (unit == FRAMES) status = put_longest(t, path, a);
    return status ? status : put_array(t, path, a);
}

/* ---- Names ---- */

/* The name with a digit for '#', the next for '+'. */
static void with_digit(const char *pattern, int digit, char *text, size_t size)
{
    size_t n = 0;
    for (; *pattern && n + 1 < size; pattern++)
        text[n++] = *pattern == '#' ? (char)('0' + digit) : *pattern == '+' ? (char)('1' + digit) : *pattern;
    text[n] = 0;
}

/* Of an outer plexiform layer wherever it is in the model. */
static const char *without_prefix(const char *name)
{
    static const char *const PREFIX[] = { "opl_opl_filter_", "opl_filter_" };
    for (int k = 0; k < 2; k++)
        if (!strncmp(name, PREFIX[k], strlen(PREFIX[k]))) return name + strlen(PREFIX[k]);
    return name;
}

/* "filter_1_weight" is filter_1.weights. */
static int is_same(const char *name, const char *path)
{
    size_t n = strlen(path);
    for (size_t k = 0; k < n; k++) {
        if (!name[k] && k + 1 == n && path[k] == 's') return 1;
        if (name[k] != path[k] && !(name[k] == '_' && path[k] == '.')) return 0;
    }
    return !name[n];
}

static convis_status read_member(const struct target *t, const char *name, convis_array *a)
{
    convis_numbers *numbers;
    *a = (convis_array){ .data = NULL };
    convis_status status = convis_npz_numbers(t->c, t->file, name, 0, &numbers);
    return status ? status : convis_numbers_array(numbers, a);
}

struct names { char (*name)[128]; int count; char *understood; };

/* By its neighbours in the archive. */
static convis_status weigh(const struct target *t, struct names *n, int at, convis_array *a)
{
    char factor[160];
    const char *name = n->name[at];
    snprintf(factor, sizeof factor, "%.*srelative_weight", (int)(without_prefix(name) - name), name);
    for (int k = 0; k < n->count; k++) {
        convis_array by;
        if (strcmp(n->name[k], factor)) continue;
        convis_status status = read_member(t, factor, &by);
        if (!status && count_of(&by) != 1) status = convis_fail(t->c, CONVIS_ESHAPE, "%s: expected one number", factor);
        for (int64_t i = 0; !status && i < count_of(a); i++) a->data[i] *= by.data[0];
        convis_array_free(&by);
        n->understood[k] = 1;
        return status;
    }
    return CONVIS_OK;
}

/* One member of the archive to one path. */
static convis_status take(struct target *t, struct names *n, int at, const char *path, int unit)
{
    convis_array a;
    char sentence[512];
    convis_status status = read_member(t, n->name[at], &a);
    if (!status && unit == WEIGHED) status = weigh(t, n, at, &a);
    if (!status) status = put(t, path, &a, unit);
    convis_array_free(&a);
    n->understood[at] = 1;
    if (!status) t->set++;
    else if (status != CONVIS_ENOMEM) {
        convis_shorten(sentence, sizeof sentence, "%s", convis_message(t->c));
        status = convis_fail(t->c, status, "%s:%s: %s", t->file, n->name[at], sentence);
    }
    return status;
}

static convis_status take_row(struct target *t, struct names *n, int at, const struct row *r, int digit)
{
    char known[128], path[128];
    with_digit(r->convis, digit, known, sizeof known);
    if (strcmp(without_prefix(n->name[at]), known)) return CONVIS_OK;
    for (int p = 0; p < 2 && r->ours[p]; p++) {
        with_digit(r->ours[p], digit, path, sizeof path);
        if (!has_path(t, path)) continue;
        if (r->unit != ORDER || !as_convis(t)) return take(t, n, at, path, r->unit);
        n->understood[at] = 1;
        break;
    }
    return CONVIS_OK;
}

/* By the table, in its order; what was understood is marked. */
static convis_status take_known(struct target *t, struct names *n)
{
    convis_status status = CONVIS_OK;
    for (int r = 0; r < ROWS; r++) {
        const int digits = strchr(ROW[r].convis, '#') ? NUMBERS : 1;
        for (int digit = 0; digit < digits; digit++)
            for (int k = 0; k < n->count && !status; k++) status = take_row(t, n, k, &ROW[r], digit);
    }
    return status;
}

static convis_status take_same(struct target *t, struct names *n)
{
    convis_setting s;
    convis_item item;
    for (int i = 0; t->graph ? convis_graph_list(t->c, t->graph, i, &s) : convis_list(t->model, CONVIS_PARAMETER, i, &item); i++)
        for (int k = 0; k < n->count; k++) {
            const char *path = t->graph ? s.path : item.path;
            if (n->understood[k] || !is_same(n->name[k], path)) continue;
            convis_status status = take(t, n, k, path, COUNT);
            if (status) return status;
        }
    return CONVIS_OK;
}

static void forget_what_made_kernels(const struct target *t, struct names *n)
{
    if (!has_path(t, "opl.center.blur.weights") && !has_path(t, "opl.weights")) return;
    for (int k = 0; k < n->count; k++) {
        const char *name = without_prefix(n->name[k]);
        n->understood[k] |= !strncmp(name, "tmp_opl_", strlen("tmp_opl_"));
        for (int j = 0; j < MADE_OFS; j++) n->understood[k] |= !strcmp(name, MADE_OF[j]);
    }
}

/* Of a model that has the same filters, and would compute them as Convis does with the option. */
static convis_status warn_of_filters(struct target *t, struct convis_warnings *warnings)
{
    if (!warnings || !t->graph || !has_path(t, "filters") || as_convis(t)) return CONVIS_OK;
    return convis_warn(t->c, warnings,
                       "%s: Convis's high pass gets its input a frame late, and its low passes have gains of their own; "
                       "filters=convis computes them so",
                       t->file);
}

static convis_status take_all(struct target *t, struct convis_warnings *warnings)
{
    char name[128];
    struct names n = { NULL, 0, NULL };
    convis_status status;
    do {                                                 /* how many? */
        status = convis_npz_name(t->c, t->file, n.count, name, sizeof name);
        n.count += !status && *name;
    } while (!status && *name && n.count < 10000);
    if (!status && !(n.name = convis_obtain(t->c, (size_t)(n.count + 1)*sizeof *n.name))) status = CONVIS_ENOMEM;
    if (!status && !(n.understood = convis_obtain(t->c, (size_t)n.count + 1))) status = CONVIS_ENOMEM;
    for (int k = 0; k < n.count && !status; k++) status = convis_npz_name(t->c, t->file, k, n.name[k], sizeof n.name[k]);
    if (!status) status = take_known(t, &n);
    if (!status) status = take_same(t, &n);
    if (!status && !t->set)
        status = convis_fail(t->c, CONVIS_ENAME, "%s: none of its %d arrays is a parameter of this model", t->file, n.count);
    if (!status) status = warn_of_filters(t, warnings);
    if (!status) forget_what_made_kernels(t, &n);
    for (int k = 0; k < n.count && warnings && !status; k++)
        if (!n.understood[k])
            status = convis_warn(t->c, warnings, "%s: '%s' has no counterpart in this model", t->file, n.name[k]);
    convis_release(t->c, n.name);
    convis_release(t->c, n.understood);
    return status;
}

/* ---- The two ways in ---- */

/* The parameters of a layer as they were, to restore; the layer has copies meanwhile. */
struct before { double param[CONVIS_MAX_PARAMS], *array[CONVIS_MAX_PARAMS]; char *text[CONVIS_MAX_PARAMS]; int recorded; };

static convis_status record(convis_context *c, model_layer *l, struct before *b)
{
    memcpy(b->param, l->param, sizeof b->param);
    for (; b->recorded < l->params; b->recorded++) {
        const int k = b->recorded;
        double *array = l->array[k] ? convis_obtain(c, ((size_t)l->param[k] + 1)*sizeof *array) : NULL;
        char *text = l->text[k] ? convis_copy_text(c, l->text[k]) : NULL;
        if ((l->array[k] && !array) || (l->text[k] && !text)) {
            convis_release(c, array);
            convis_release(c, text);
            return CONVIS_ENOMEM;
        }
        if (array) memcpy(array, l->array[k], (size_t)l->param[k]*sizeof *array);
        b->array[k] = l->array[k];
        b->text[k] = l->text[k];
        l->array[k] = array;
        l->text[k] = text;
    }
    return CONVIS_OK;
}

static void settle(convis_context *c, model_layer *l, struct before *b, int restore)
{
    for (int k = 0; k < b->recorded; k++) {
        convis_release(c, restore ? l->array[k] : b->array[k]);
        convis_release(c, restore ? l->text[k] : b->text[k]);
        if (!restore) continue;
        l->param[k] = b->param[k];
        l->array[k] = b->array[k];
        l->text[k] = b->text[k];
        l->dirty = 1;
    }
}

convis_status convis_npz_to_model(convis_model *m, const char *file)
{
    convis_context *c = m->context;
    struct target t = { .c = c, .file = file, .model = m };
    if (m->status) return convis_fail(c, m->status, "%s", m->sentence);
    struct before *b = convis_obtain(c, (size_t)(m->count + 1)*sizeof *b);
    convis_status status = b ? CONVIS_OK : CONVIS_ENOMEM;
    int recorded = 0;
    while (recorded < m->count && !status) { status = record(c, &m->layers[recorded], &b[recorded]); recorded++; }
    if (!status) status = take_all(&t, NULL);
    for (int j = 0; j < recorded; j++) settle(c, &m->layers[j], &b[j], status != CONVIS_OK);
    convis_release(c, b);
    return status;
}

/* Of a graph, into a copy of it; of a retina, as lines, with a model of it for the paths. */
convis_status convis_npz_to_recipe(convis_recipe *r, const char *file)
{
    enum { SIZE = 256 };
    convis_context *c = r->context;
    struct convis_graph next = { .layers = 0 };
    struct target t = { .c = c, .file = file };
    char *lines = NULL;
    size_t size = 0;
    convis_status status;
    if (!convis_graph_is_sized(&r->graph)) {
        status = convis_graph_copy(c, &r->graph, &next);
        t.graph = &next;
        if (!status) status = take_all(&t, &r->warnings);
        convis_graph_clear(c, status ? &next : &r->graph);
        if (!status) r->graph = next;
        r->opened = r->warnings.count;
        return status;
    }
    status = convis_recipe_build(r, SIZE, SIZE, &t.model);
    while (r->warnings.count > r->opened)
        convis_release(c, r->warnings.text[--r->warnings.count]);     /* of an arbitrary size */
    if (!status && !(t.lines = open_memstream(&lines, &size))) status = convis_fail(c, CONVIS_ENOMEM, "out of memory");
    if (!status) {
        locale_t before = convis_lines_locale((locale_t)0);
        status = take_all(&t, &r->warnings);
        convis_lines_locale(before);
    }
    if (t.lines && fclose(t.lines) && !status) status = convis_fail(c, CONVIS_ENOMEM, "out of memory");
    if (!status) status = convis_recipe_add_parameters(r, lines);
    r->opened = r->warnings.count;
    free(lines);
    convis_model_free(&t.model);
    return status;
}
