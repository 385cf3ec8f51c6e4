/* saved.c - models in .h5 files.
 *
 *      /model          the recipe: XML of a retina, else YAML without its arrays
 *      /parameters     of a retina: lines of what its layers have beyond the settings
 *      /arrays/PATH    array parameters, in their shape
 *      /state          when the model was planned
 *      /attached/NAME  attachments of the caller
 *
 * with the attributes convis, dt, and (with a state) seed and layout. A result of `convis run` has /model and /parameters too,
 * so either can be run again. */
#include "recipe.h"
#include "io/hdf5.h"
#include "io/npy.h"
#include "base/lines.h"
#include "engine/model.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

/* ---- Out: graphs ---- */

/* The arrays go to data sets, and out of the graph. */
static void store_arrays(convis_context *c, convis_store *s, struct convis_graph *g)
{
    for (int j = 0; j < g->layers; j++) {
        struct convis_graph_layer *l = &g->layer[j];
        int kept = 0;
        for (int k = 0; k < l->values; k++) {
            struct convis_value *v = &l->value[k];
            char name[2*CONVIS_GRAPH_NAME];
            if (v->kind != CONVIS_VALUE_ARRAY) { l->value[kept++] = *v; continue; }
            snprintf(name, sizeof name, "arrays/%s.%s", l->name, v->name);
            convis_store_numbers(s, name, v->dims, v->dim, v->array);
            convis_value_free(c, v);
        }
        l->values = kept;
    }
}

static convis_status store_graph(convis_store *s, const struct convis_graph *recipe, const convis_model *m)
{
    convis_context *c = m->context;
    struct convis_graph g;
    char *text = NULL;
    convis_status status = convis_graph_of_model(m, &g);
    if (status) return status;
    if (recipe->title && !(g.title = convis_copy_text(c, recipe->title))) status = CONVIS_ENOMEM;
    if (recipe->source && !(g.source = convis_copy_text(c, recipe->source))) status = CONVIS_ENOMEM;
    if (*recipe->output) convis_graph_choose(&g, recipe->output);            /* since the model was made, as a fit does */
    store_arrays(c, s, &g);
    if (!status) status = convis_graph_write(c, &g, &text);
    if (!status) convis_store_text(s, "model", text);
    convis_release(c, text);
    convis_graph_clear(c, &g);
    return status;
}

/* ---- Out: models whose layers follow from the size of the movie ---- */

static int same_array(const model_layer *a, const model_layer *b, int k)
{
    return a->param[k] == b->param[k] && (!a->param[k] || !memcmp(a->array[k], b->array[k], (size_t)a->param[k]*sizeof(double)));
}

/* What is not as in `plain`, the model of the recipe alone (NULL: everything): numbers as lines, arrays to the file. */
static void store_changes(convis_store *s, const convis_model *m, const convis_model *plain, FILE *lines)
{
    char number[CONVIS_LINES_NUMBER], name[2*NAME_SIZE];
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j], *was = plain ? &plain->layers[j] : NULL;
        for (int k = 0; k < l->params; k++) {
            const unsigned flags = l->fields[k].flags;
            if (flags & CONVIS_ARRAY && l->param[k] && (!was || !same_array(l, was, k))) {
                const int64_t count = (int64_t)l->param[k];
                snprintf(name, sizeof name, "arrays/%s.%s", l->name, l->fields[k].name);
                convis_store_numbers(s, name, 1, &count, l->array[k]);
            } else if (!(flags & (CONVIS_ARRAY | CONVIS_TEXT)) && (!was || l->param[k] != was->param[k])) {
                convis_lines_print(number, l->param[k]);
                fprintf(lines, "%s.%s %s\n", l->name, l->fields[k].name, number);
            }
        }
    }
}

/* The model of the recipe for the size that m was planned for. */
static convis_status plain_model(const struct convis_graph *g, const convis_model *m, convis_model **plain)
{
    convis_context *c = m->context;
    struct convis_graph flat;
    convis_status status = convis_graph_flat(c, g, m->chunk.dim[CONVIS_X], m->chunk.dim[CONVIS_Y], NULL, &flat);
    if (status) return status;
    status = convis_graph_build(c, &flat, plain);
    convis_graph_clear(c, &flat);
    if (!status && (*plain)->count != m->count)
        status =
            convis_fail(c, CONVIS_EINVAL, "saving: the model has %d layers, its recipe %d; expected those that belong together",
                             m->count, (*plain)->count);
    return status;
}

/* The recipe with the model's numbers as they are now: as settings, where there are such, else as lines. */
static convis_status store_sized(convis_store *s, const convis_recipe *r, const convis_model *m)
{
    convis_context *c = m->context;
    convis_recipe now = { .context = c };
    convis_model *plain = NULL;
    char *text = NULL, *lines = NULL;
    convis_lines_out out;
    convis_status status = convis_graph_copy(c, &r->graph, &now.graph);
    if (status) return status;
    convis_graph_drop_stored(c, &now.graph);             /* the model has them */
    if (m->planned) status = plain_model(&now.graph, m, &plain);
    if (!status && !(status = convis_lines_begin(c, &out))) {
        store_changes(s, m, plain, out.file);
        status = convis_lines_end(&out, CONVIS_OK, &lines);
    }
    if (!status) status = convis_graph_set_lines(c, &now.graph, "parameters", lines);
    if (!status) status = convis_recipe_text(&now, &text);
    if (!status) convis_store_text(s, "model", text);
    const char *own_lines = status ? NULL : convis_recipe_parameters(&now);
    if (own_lines) convis_store_text(s, "parameters", own_lines);
    convis_release(c, now.parameters);
    convis_release(c, lines);
    convis_disown(text);
    convis_model_free(&plain);
    convis_graph_clear(c, &now.graph);
    return status;
}

/* ---- Out ---- */

static convis_status store_state(convis_store *s, const convis_model *m)
{
    const size_t size = convis_state_size(m);
    char *bytes = convis_obtain(m->context, size);
    convis_status status = bytes ? convis_state_get(m, bytes) : CONVIS_ENOMEM;
    if (!status) {
        convis_store_bytes(s, "state", bytes, size);
        convis_store_whole(s, "layout", convis_state_layout(m));
        convis_store_whole(s, "seed", m->seed);
    }
    convis_release(m->context, bytes);
    return status;
}

static convis_status attach(convis_store *s, convis_context *c, const convis_attachment *a)
{
    char name[200];
    const int64_t count = (int64_t)a->count;
    if (!a->name || (!a->data && (a->type == 't' || a->count)))
        return convis_fail(c, CONVIS_EINVAL, "attachment '%s': without %s", CONVIS_QUOTED(a->name ? a->name : ""),
                           a->name ? "data" : "a name");
    if (!*a->name || strlen(a->name) > 100 || strchr(a->name, '/') || !strcmp(a->name, "."))
        return convis_fail(c, CONVIS_ENAME, "attachment '%s': expected a name of 1 to 100 letters without '/'",
                           CONVIS_QUOTED(a->name));
    snprintf(name, sizeof name, "attached/%s", a->name);
    if (a->type == 't') convis_store_text(s, name, a->data);
    else if (a->type == 'd') convis_store_numbers(s, name, 1, &count, a->data);
    else if (a->type == 'b') convis_store_bytes(s, name, a->data, a->count);
    else return convis_fail(c, CONVIS_EINVAL, "attachment '%s': of type '%c', expected b, d or t", a->name, a->type);
    return CONVIS_OK;
}

convis_status convis_model_save(const convis_recipe *recipe, const convis_model *model, const char *file,
                                const convis_attachment *attachment, int attachments)
{
    CONVIS_NEEDS(recipe, model, file);
    CONVIS_NEEDS_ARRAY(model->context, attachment, attachments);
    convis_context *c = model->context;
    convis_store *s;
    if (model->status) return convis_fail(c, model->status, "%s", model->sentence);
    convis_status status = convis_store_open(c, file, &s);
    if (status) return status;
    status = convis_graph_is_sized(&recipe->graph) ? store_sized(s, recipe, model) : store_graph(s, &recipe->graph, model);
    if (!status) {
        convis_store_note(s, "convis", convis_version());
        convis_store_number(s, "dt", model->dt);
    }
    if (!status && model->planned) status = store_state(s, model);
    for (int k = 0; k < attachments && !status; k++) status = attach(s, c, &attachment[k]);
    convis_status closed = convis_store_close(&s, !status);
    return status ? status : closed;
}

/* ---- In ---- */

static convis_status read_arrays(convis_context *c, const char *file, struct convis_graph *g)
{
    char name[128], full[160];
    for (int64_t k = 0; ; k++) {
        convis_array values = { .data = NULL };
        convis_numbers *numbers;
        convis_status status = convis_store_list(c, file, "arrays", k, name, sizeof name);
        if (status == CONVIS_ENAME || (!status && !*name)) return CONVIS_OK;
        snprintf(full, sizeof full, "arrays/%s", name);
        if (!status) status = convis_hdf5_numbers(c, file, full, 0, &numbers);
        if (!status) status = convis_numbers_array(numbers, &values);
        if (!status) status = convis_graph_set_array(c, g, name, &values);
        convis_array_free(&values);
        if (status) return status;
    }
}

convis_status convis_open_saved(convis_context *c, const struct convis_opening *opening, struct convis_warnings *warnings,
                                struct convis_graph *g)
{
    const char *file = opening->file;
    char *text = NULL, *lines = NULL;
    *g = (struct convis_graph){ .dt = 0.001 };
    convis_status status = convis_hdf5_text(c, file, "model", &text);
    if (!status) status = convis_read_graph(c, opening, text, strlen(text), warnings, g);
    convis_release(c, text);
    if (!status) *g->file = 0;                           /* its lines are not the user's */
    if (!status) {
        convis_status without = convis_hdf5_text(c, file, "parameters", &lines);
        status = without == CONVIS_ENAME ? CONVIS_OK : without;
    }
    if (!status && lines) status = convis_graph_set_lines(c, g, "parameters", lines);
    convis_release(c, lines);
    if (!status) status = read_arrays(c, file, g);
    g->output_line = 0;                                  /* the text is not the user's */
    if (status) convis_graph_clear(c, g);
    return status;
}

convis_status convis_model_resume(convis_model *m, const char *file)
{
    CONVIS_NEEDS(m, file);
    convis_context *c = m->context;
    uint64_t layout = 0, seed = 0;
    size_t size = convis_state_size(m), has = 0;
    if (!size) return convis_fail(c, CONVIS_ESTATE, "the model must be planned before it resumes");
    char *bytes = convis_obtain(c, size);
    convis_status status = bytes ? convis_store_read_bytes(c, file, "state", bytes, size, &has) : CONVIS_ENOMEM;
    if (!status) status = convis_store_read_whole(c, file, "layout", &layout);
    if (!status) status = convis_store_read_whole(c, file, "seed", &seed);
    if (!status && (has != size || layout != convis_state_layout(m)))
        status = convis_fail(c, CONVIS_ESHAPE, "%s: the state of another model, or of another size", file);
    if (!status) status = convis_state_put(m, bytes, size);
    if (!status) status = convis_seed(m, seed);
    convis_release(c, bytes);
    return status;
}

/* ---- Attachments ---- */

convis_status convis_model_attached(convis_context *c, const char *file, const char *name, char type, void *data, size_t room,
                                    size_t *count)
{
    CONVIS_NEEDS(c, file, name, count);
    CONVIS_NEEDS_ARRAY(c, data, room > INT64_MAX ? INT64_MAX : (int64_t)room);
    char full[200], *text = NULL;
    convis_array values = { .data = NULL };
    convis_numbers *numbers;
    *count = 0;
    snprintf(full, sizeof full, "attached/%.100s", name);
    if (type == 'b') return convis_store_read_bytes(c, file, full, data, room, count);
    if (type == 't') {
        convis_status status = convis_hdf5_text(c, file, full, &text);
        if (!status) *count = strlen(text);
        if (!status && room) snprintf(data, room, "%s", text);
        convis_release(c, text);
        return status;
    }
    if (type != 'd')
        return convis_fail(c, CONVIS_EINVAL, "attachment '%s': of type '%c', expected b, d or t", CONVIS_QUOTED(name), type);
    convis_status status = convis_hdf5_numbers(c, file, full, 0, &numbers);
    if (!status) status = convis_numbers_array(numbers, &values);
    if (!status) {
        *count = 1;
        for (int k = 0; k < values.dims; k++) *count *= (size_t)values.dim[k];
        memcpy(data, values.data, (*count < room ? *count : room)*sizeof(double));
    }
    convis_array_free(&values);
    return status;
}

/* ---- A built model as YAML ---- */

convis_status convis_model_yaml(const convis_model *m, char **text)
{
    if (text) *text = NULL;
    CONVIS_NEEDS(m, text);
    struct convis_graph g;
    if (m->status) return convis_fail(m->context, m->status, "%s", m->sentence);
    convis_status status = convis_graph_of_model(m, &g);
    if (status) return status;
    status = convis_own_text(m->context, convis_graph_write(m->context, &g, text), text);
    convis_graph_clear(m->context, &g);
    return status;
}

void convis_model_yaml_free(const convis_model *m, char **text)
{
    (void)m;
    if (!text) return;
    convis_disown(*text);
    *text = NULL;
}
