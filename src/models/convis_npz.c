/* convis_npz.c - parameter files of Convis (https://github.com/jahuth/convis): model.save_parameters(file) writes an archive of
 * arrays, each called after its parameter's place in the model, with '_' between the parts.
 *
 * A name is understood when it stands in the table below, or when it is one of our paths with '_' for '.' ("filter_weights" or
 * "filter_weight" for filter.weights). Convis keeps some numbers twice: as settings ("tau_center") and in the filter that they set
 * ("center_E_tau"), and a fit moves only the latter; the rows are in the order in which one overrides the other. The files
 * also have kernels that were made from settings; those, and whatever else has no counterpart, are left. */
#include "recipe.h"
#include "models/graph/yaml.h"
#include "io/npy.h"
#include "base/lines.h"
#include "engine/model.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT, DENSITY, FRAMES };                         /* a value as it is; 1/pixels of a standard deviation; frames of a time */

/* '#': the number of a ganglion layer. Of our paths the first that the model has. */
static const struct row { const char *convis, *ours[2]; int unit; } ROW[] = {
    /* filters.retina.*OPLFilter; of a Retina after opl_opl_filter_, of an OPL after opl_filter_ */
    { "sigma_center",                      { "opl.center.sigma" }, COUNT },
    { "center_G_density",                  { "opl.center.sigma" }, DENSITY },
    { "tau_center",                        { "opl.center.tau" }, COUNT },
    { "center_E_tau",                      { "opl.center.tau" }, COUNT },
    { "n_center",                          { "opl.center.n" }, COUNT },
    { "undershoot_tau_center",             { "opl.undershoot.tau" }, COUNT },
    { "center_undershoot_tau",             { "opl.undershoot.tau" }, COUNT },
    { "undershoot_relative_weight_center", { "opl.undershoot.weight" }, COUNT },
    { "center_undershoot_k",               { "opl.undershoot.weight" }, COUNT },
    { "sigma_surround",                    { "opl.surround.sigma" }, COUNT },
    { "surround_G_density",                { "opl.surround.sigma" }, DENSITY },
    { "tau_surround",                      { "opl.surround.tau" }, COUNT },
    { "surround_E_tau",                    { "opl.surround.tau" }, COUNT },
    { "relative_weight",                   { "opl.surround.gain" }, COUNT },
    { "lambda_opl",                        { "opl.center.gain" }, COUNT },
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
    { "conv_weight",                       { "filter.weights" }, COUNT },
    { "conv_bias",                         { "filter.bias" }, COUNT },
    { "conv#_weight",                      { "filter_#.weights" }, COUNT },
    { "conv#_bias",                        { "filter_#.bias" }, COUNT },
    { "feedback#_weight",                  { "feedback_#.weights" }, COUNT },
    { "delay_delays",                      { "delay.delays" }, FRAMES },
};
enum { ROWS = sizeof ROW/sizeof *ROW, NUMBERS = 10 };    /* what '#' stands for: 0 to 9 */

/* ---- Where it goes: a model, or a recipe's graph, or lines of a recipe ---- */

struct target {
    convis_context *c;
    const char *file;
    convis_model *model;                                 /* tells which paths there are, and takes values unless ... */
    struct convis_graph *graph;                          /* ... they go here */
    FILE *lines;                                         /* or here */
    int set;                                             /* parameters that found their place */
};

static int has_path(const struct target *t, const char *path)
{
    char value[64];
    int row;
    return t->graph ? !convis_graph_get(t->c, t->graph, path, value, sizeof value) : convis_find_parameter(t->model, path, &row) != NULL;
}

/* Pixels per degree of the blur whose sigma is at this path; 0: there is none. */
static double resolution(const struct target *t, const char *path)
{
    static const char *const NAME[] = { "ppd", "blur.ppd" };
    const size_t stem = strlen(path) - strlen("sigma");
    char full[160], text[64];
    double value;
    for (int k = 0; k < 2; k++) {
        snprintf(full, sizeof full, "%.*s%s", (int)stem, path, NAME[k]);
        if (!has_path(t, full)) continue;
        if (!t->graph) return convis_get(t->model, full, &value) ? 0 : value;
        return convis_graph_get(t->c, t->graph, full, text, sizeof text) || !convis_number_parse(text, &value) ? 0 : value;
    }
    return 0;
}

/* In our units, in place. */
static convis_status convert(const struct target *t, const char *path, const convis_array *a, int64_t count, int unit)
{
    const double ppd = unit == DENSITY ? resolution(t, path) : 0, dt = t->graph ? t->graph->dt : convis_dt(t->model);
    for (int64_t i = 0; i < count; i++) {
        if (unit == DENSITY && !(ppd > 0 && a->data[i] > 0))
            return convis_fail(t->c, CONVIS_EINVAL, "%s: a density of %g per pixel, expected more than 0", path, a->data[i]);
        a->data[i] = unit == DENSITY ? 1/(a->data[i]*ppd) : unit == FRAMES ? a->data[i]*dt : a->data[i];
    }
    return CONVIS_OK;
}

static convis_status put(struct target *t, const char *path, const convis_array *a, int unit)
{
    char number[CONVIS_TEXT_NUMBER];
    int64_t count = 1;
    int row = 0;
    for (int k = 0; k < a->dims; k++) count *= a->dim[k];
    convis_status status = convert(t, path, a, count, unit);
    if (status) return status;
    if (t->graph) return convis_graph_set_array(t->c, t->graph, path, a);
    const model_layer *l = convis_find_parameter(t->model, path, &row);
    if (l->fields[row].flags & CONVIS_ARRAY) return convis_set_array(t->model, path, a->data, count);
    if (count != 1) return convis_fail(t->c, CONVIS_ESHAPE, "%s: %lld values, expected one", path, (long long)count);
    status = convis_set(t->model, path, a->data[0]);
    if (!status && t->lines) {
        convis_text_print(number, a->data[0]);
        fprintf(t->lines, "%s %s\n", path, number);
    }
    return status;
}

/* ---- Names ---- */

/* The name with a digit for '#'. */
static void with_digit(const char *pattern, int digit, char *text, size_t size)
{
    size_t n = 0;
    for (; *pattern && n + 1 < size; pattern++) text[n++] = *pattern == '#' ? (char)('0' + digit) : *pattern;
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

/* One member of the archive to one path. */
static convis_status take(struct target *t, const char *name, const char *path, int unit)
{
    convis_array a;
    char sentence[512];
    convis_status status = read_member(t, name, &a);
    if (!status) status = put(t, path, &a, unit);
    convis_array_free(&a);
    if (!status) t->set++;
    else if (status != CONVIS_ENOMEM) {
        snprintf(sentence, sizeof sentence, "%s", convis_message(t->c));
        status = convis_fail(t->c, status, "%s:%s: %s", t->file, name, sentence);
    }
    return status;
}

/* By the table, in its order. `names` are those of the archive; what was understood is marked. */
static convis_status take_known(struct target *t, char (*names)[128], int count, char *understood)
{
    for (int r = 0; r < ROWS; r++) {
        const int digits = strchr(ROW[r].convis, '#') ? NUMBERS : 1;
        for (int digit = 0; digit < digits; digit++)
            for (int k = 0; k < count; k++) {
                char known[128], path[128];
                with_digit(ROW[r].convis, digit, known, sizeof known);
                if (strcmp(without_prefix(names[k]), known)) continue;
                for (int p = 0; p < 2 && ROW[r].ours[p]; p++) {
                    with_digit(ROW[r].ours[p], digit, path, sizeof path);
                    if (!has_path(t, path)) continue;
                    convis_status status = take(t, names[k], path, ROW[r].unit);
                    if (status) return status;
                    understood[k] = 1;
                    break;
                }
            }
    }
    return CONVIS_OK;
}

static convis_status take_same(struct target *t, char (*names)[128], int count, char *understood)
{
    convis_setting s;
    convis_item item;
    for (int i = 0; t->graph ? convis_graph_list(t->c, t->graph, i, &s) : convis_list(t->model, CONVIS_PARAMETER, i, &item); i++)
        for (int k = 0; k < count; k++) {
            const char *path = t->graph ? s.path : item.path;
            if (understood[k] || !is_same(names[k], path)) continue;
            convis_status status = take(t, names[k], path, COUNT);
            if (status) return status;
            understood[k] = 1;
        }
    return CONVIS_OK;
}

static convis_status take_all(struct target *t, struct convis_warnings *warnings)
{
    char name[128], (*names)[128] = NULL, *understood = NULL;
    int count = 0;
    convis_status status;
    do {                                                 /* how many? */
        status = convis_npz_name(t->c, t->file, count, name, sizeof name);
        count += !status && *name;
    } while (!status && *name && count < 10000);
    if (!status && !(names = convis_obtain(t->c, (size_t)(count + 1)*sizeof *names))) status = CONVIS_ENOMEM;
    if (!status && !(understood = convis_obtain(t->c, (size_t)count + 1))) status = CONVIS_ENOMEM;
    for (int k = 0; k < count && !status; k++) status = convis_npz_name(t->c, t->file, k, names[k], sizeof names[k]);
    if (!status) status = take_known(t, names, count, understood);
    if (!status) status = take_same(t, names, count, understood);
    if (!status && !t->set)
        status = convis_fail(t->c, CONVIS_ENAME, "%s: none of its %d arrays is a parameter of this model", t->file, count);
    for (int k = 0; k < count && warnings && !status; k++)
        if (!understood[k]) status = convis_warn(t->c, warnings, "%s: '%s' has no counterpart in this model", t->file, names[k]);
    convis_release(t->c, names);
    convis_release(t->c, understood);
    return status;
}

/* ---- The two ways in ---- */

/* The parameters of a layer as they were, to go back to; the layer has copies meanwhile. */
struct before { double param[CONVIS_MAX_PARAMS], *array[CONVIS_MAX_PARAMS]; char *text[CONVIS_MAX_PARAMS]; int kept; };

static convis_status keep(convis_context *c, model_layer *l, struct before *b)
{
    memcpy(b->param, l->param, sizeof b->param);
    for (; b->kept < l->params; b->kept++) {
        const int k = b->kept;
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
    for (int k = 0; k < b->kept; k++) {
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
    int kept = 0;
    while (kept < m->count && !status) { status = keep(c, &m->layers[kept], &b[kept]); kept++; }
    if (!status) status = take_all(&t, NULL);
    for (int j = 0; j < kept; j++) settle(c, &m->layers[j], &b[j], status != CONVIS_OK);
    convis_release(c, b);
    return status;
}

/* Of a graph, into a copy of it; of a retina, as lines, with a model of it to tell what there is. */
convis_status convis_npz_to_recipe(convis_recipe *r, const char *file)
{
    enum { SIZE = 256 };
    convis_context *c = r->context;
    struct convis_graph next = { .layers = 0 };
    struct target t = { .c = c, .file = file };
    char *lines = NULL;
    size_t size = 0;
    convis_status status;
    if (r->graph) {
        status = convis_graph_copy(c, r->graph, &next);
        t.graph = &next;
        if (!status) status = take_all(&t, &r->warnings);
        convis_graph_clear(c, status ? &next : r->graph);
        if (!status) *r->graph = next;
        r->opened = r->warnings.count;
        return status;
    }
    status = convis_recipe_build(r, SIZE, SIZE, &t.model);
    while (r->warnings.count > r->opened)
        convis_release(c, r->warnings.text[--r->warnings.count]);     /* of a size that nobody asked for */
    if (!status && !(t.lines = open_memstream(&lines, &size))) status = convis_fail(c, CONVIS_ENOMEM, "out of memory");
    if (!status) {
        locale_t before = convis_text_locale((locale_t)0);
        status = take_all(&t, &r->warnings);
        convis_text_locale(before);
    }
    if (t.lines && fclose(t.lines) && !status) status = convis_fail(c, CONVIS_ENOMEM, "out of memory");
    if (!status) status = convis_recipe_add_parameters(r, lines);
    r->opened = r->warnings.count;
    free(lines);
    convis_model_free(&t.model);
    return status;
}
