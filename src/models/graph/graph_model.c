/* graph_model.c - graphs made into models, and read off models. */
#include "graph.h"
#include "base/text.h"
#include "engine/model.h"
#include <stdio.h>
#include <string.h>

/* ---- To a model ---- */

static convis_status set_value(convis_model *m, const struct convis_graph_layer *l, const struct convis_value *v, int texts)
{
    char path[2*CONVIS_GRAPH_NAME];
    int row = convis_find_row(l->type->params, v->name), is_text = row >= 0 && l->type->params[row].flags & CONVIS_TEXT;
    if (is_text != texts) return CONVIS_OK;
    snprintf(path, sizeof path, "%s.%s", l->name, v->name);
    if (is_text) return convis_set_text(m, path, v->text);
    if (v->kind == CONVIS_VALUE_NUMBER) return convis_set(m, path, v->number);
    if (v->kind == CONVIS_VALUE_TEXT) return convis_set_initialiser(m, path, v->text);
    if (v->dims != CONVIS_DIMS) return convis_set_array(m, path, v->array, v->count);
    return convis_set_shaped(m, path, v->array, (convis_shape){ { v->dim[0], v->dim[1], v->dim[2], v->dim[3], v->dim[4] } });
}

/* The layers and the inputs of a graph as they become nodes of a model. */
struct building { const struct convis_graph *g; convis_model *model; convis_node *node, *input; };

static convis_node node_of(const struct building *b, const char *name)
{
    const struct convis_graph_layer *l = convis_graph_find(b->g, name);
    const int k = l ? 0 : convis_graph_find_source(b->g, name);
    return l ? b->node[l - b->g->layer] : b->input[k > 0 ? k : 0];
}

static int is_feedback(const struct convis_graph *g, int j, const struct convis_graph_input *in)
{
    const struct convis_graph_layer *from = convis_graph_find(g, in->from);
    return from && from - g->layer >= j;
}

static convis_status add_layer(struct building *b, int j)
{
    const struct convis_graph_layer *l = &b->g->layer[j];
    convis_model *m = b->model;
    convis_edge in[CONVIS_MAX_INPUTS];
    for (int k = 0; k < l->inputs; k++) {                /* what comes later is connected later */
        in[k].from = is_feedback(b->g, j, &l->input[k]) ? *b->input : node_of(b, l->input[k].from);
        in[k].delay = l->input[k].delay;
    }
    b->node[j] = convis_join(m, l->type, l->name, in, l->inputs);
    convis_status status = m->status ? convis_fail(m->context, m->status, "%s", m->sentence) : CONVIS_OK;
    for (int k = 0; k < l->inputs && !status; k++) m->layers[m->count - 1].takes[k] = l->input[k].channels;
    if (!status) m->layers[m->count - 1].skipped = l->skipped;
    if (!status && *b->g->file && l->line > 0) {
        model_layer *made = &m->layers[b->node[j].id - 1];
        snprintf(made->place, sizeof made->place, "%s:%d:%d", b->g->file, l->line, l->column);
    }
    for (int texts = 1; texts >= 0; texts--)             /* which other parameters there are may depend on texts */
        for (int k = 0; k < l->values && !status; k++) status = set_value(m, l, &l->value[k], texts);
    return status;
}

static void connect_feedback(const struct building *b, int j)
{
    const struct convis_graph_layer *l = &b->g->layer[j];
    for (int k = 0; k < l->inputs; k++)
        if (is_feedback(b->g, j, &l->input[k]))
            convis_connect(b->model, b->node[j], k, (convis_edge){ node_of(b, l->input[k].from), l->input[k].delay });
}

static int is_taken(const struct convis_graph *g, const char *name)
{
    for (int k = 0; k < g->aliases; k++) if (!strcmp(g->alias[k].name, name)) return 1;
    return convis_graph_find(g, name) != NULL;
}

/* Cells beside those that the model has already. */
static convis_status add_cells(convis_model *m, const struct convis_graph *g, int spiking)
{
    const int64_t before = m->given_count, count = before + g->cells;
    int32_t id = 0;
    convis_cell *all = convis_obtain(m->context, (size_t)(count + 1)*sizeof *all);
    if (!all) return CONVIS_ENOMEM;
    for (int64_t k = 0; k < before; k++) {
        all[k] = m->given[k];
        if (all[k].id >= id) id = all[k].id + 1;
    }
    for (int64_t k = 0; k < g->cells; k++) {
        all[before + k] = g->cell[k];
        all[before + k].layer += spiking;
        all[before + k].id += id;
    }
    convis_status status = convis_model_cells(m, all, count);
    convis_release(m->context, all);
    return status;
}

convis_status convis_graph_insert(convis_model *m, const struct convis_graph *g, convis_node input, convis_node *output)
{
    convis_context *c = m->context;
    struct building b = { .g = g, .model = m };
    int spiking = 0;
    for (int j = 0; j < m->count; j++) spiking += convis_is_spiking(&m->layers[j]) ? m->layers[j].skipped + 1 : 0;
    convis_status status = convis_graph_check(c, g);
    if (!status && !(b.node = convis_obtain(c, (size_t)(g->layers + g->givens + 1)*sizeof *b.node))) status = CONVIS_ENOMEM;
    if (!status) {
        b.input = b.node + g->layers;
        *b.input = input;
    }
    for (int k = 1; k < g->givens && !status; k++) status = convis_add_input(m, g->given[k].name, g->given[k].frame, &b.input[k]);
    for (int j = 0; j < g->layers && !status; j++)
        if ((status = add_layer(&b, j))) convis_graph_blame(c, g, g->layer[j].line, g->layer[j].column, status);
    for (int j = 0; j < g->layers && !status; j++) connect_feedback(&b, j);
    for (int k = 0; k < g->aliases && !status; k++) convis_alias(m, g->alias[k].name, g->alias[k].path);
    if (!status && m->status) status = convis_fail(c, m->status, "%s", m->sentence);
    if (!status && g->cell) status = add_cells(m, g, spiking);
    if (!status && output) *output = *g->output ? node_of(&b, g->output) : b.node[g->layers - 1];
    convis_release(c, b.node);
    return status;
}

convis_status convis_graph_build(convis_context *c, const struct convis_graph *g, convis_model **model)
{
    convis_model *m = NULL;
    convis_status status = convis_model_new(c, g->dt, &m);
    if (!status && g->givens) {
        status = convis_name_input(m, g->given[0].name);
        m->inputs[0].channels = g->given[0].frame.dim[CONVIS_C];
    }
    if (!status) status = convis_graph_insert(m, g, convis_input(m), NULL);
    if (!status) snprintf(m->output, sizeof m->output, "%s", *g->output ? g->output : g->layer[g->layers - 1].name);
    if (!status && !is_taken(g, "output")) convis_alias(m, "output", m->output);
    if (!status && m->status) status = convis_fail(c, m->status, "%s", m->sentence);
    if (!status) status = convis_baseline(m, g->baseline);
    if (status) convis_model_free(&m);
    *model = m;
    return status;
}

/* ---- From a model ---- */

static convis_status array_of(convis_context *c, const model_layer *l, int k, struct convis_value *v)
{
    const convis_shape s = l->pass.array_shape[k];
    v->kind = CONVIS_VALUE_ARRAY;
    v->count = (int64_t)l->param[k];
    v->dims = s.dim[0] ? CONVIS_DIMS : 1;
    for (int d = 0; d < v->dims; d++) v->dim[d] = s.dim[0] ? s.dim[d] : v->count;
    v->array = convis_obtain(c, (size_t)(v->count + 1)*sizeof *v->array);
    if (!v->array) return CONVIS_ENOMEM;
    if (v->count) memcpy(v->array, l->array[k], (size_t)v->count*sizeof *v->array);
    return CONVIS_OK;
}

static convis_status values_of(convis_context *c, const model_layer *l, struct convis_graph_layer *to)
{
    convis_status status = CONVIS_OK;
    for (int k = 0; k < l->params && !status; k++) {
        const unsigned flags = l->fields[k].flags;
        struct convis_value *v = &to->value[to->values];
        if (flags & CONVIS_ARRAY && !l->param[k] && !l->text[k]) continue;       /* empty: chosen by the layer */
        memset(v, 0, sizeof *v);
        snprintf(v->name, sizeof v->name, "%s", l->fields[k].name);
        to->values++;
        if (flags & CONVIS_ARRAY && l->param[k] > 0) status = array_of(c, l, k, v);
        else if (flags & (CONVIS_ARRAY | CONVIS_TEXT)) {
            v->kind = CONVIS_VALUE_TEXT;
            v->text = convis_copy_text(c, l->text[k] ? l->text[k] : "");
            if (!v->text) status = CONVIS_ENOMEM;
        } else {
            v->kind = CONVIS_VALUE_NUMBER;
            v->number = l->param[k];
        }
    }
    return status;
}

/* Its inputs, if anything is said of them: names, channels, sizes. */
static convis_status sources_of(const convis_model *m, struct convis_graph *g)
{
    const model_input *movie = &m->inputs[0];
    const int64_t has = m->planned ? m->chunk.dim[CONVIS_C] : 1;
    convis_status status = CONVIS_OK;
    if (m->input_count == 1 && !movie->channels && !strcmp(movie->name, "input")) return CONVIS_OK;
    for (int k = 0; k < m->input_count && !status; k++) {
        convis_shape frame = m->inputs[k].frames.shape;
        frame.dim[CONVIS_B] = 1;
        if (!k) frame = (convis_shape){ { 1, movie->channels ? movie->channels : has, 1, 1, 1 } };
        status = convis_graph_add_source(m->context, g, m->inputs[k].name, frame);
    }
    return status;
}

void convis_graph_choose(struct convis_graph *g, const char *output)
{
    for (int k = 0; k < g->aliases && !convis_graph_find(g, output); k++) output = convis_graph_resolve(g, output);
    const int is_last = g->layers && !strcmp(output, g->layer[g->layers - 1].name);
    const char *other = convis_graph_resolve(g, "output");                   /* counts where nothing is said */
    snprintf(g->output, sizeof g->output, "%s", is_last && !strcmp(other, "output") ? "" : output);
}

convis_status convis_graph_of_model(const convis_model *m, struct convis_graph *g)
{
    convis_context *c = m->context;
    *g = (struct convis_graph){ .dt = m->dt, .baseline = m->inputs[0].baseline, .has_baseline = 1,
                                .width = m->maker.width, .height = m->maker.height };
    convis_status status = sources_of(m, g);
    for (int j = 0; j < m->count && !status; j++) {
        const model_layer *l = &m->layers[j];
        struct convis_graph_layer *to;
        if ((status = convis_graph_add(c, g, l->name, l->type, &to))) break;
        to->skipped = l->skipped;
        for (int k = 0; k < l->inputs && !status; k++) {
            const convis_node from = l->in[k].from;
            status = convis_graph_add_input(
                c, to, from.id > 0 ? m->layers[from.id - 1].name : m->inputs[convis_input_of(from)].name, l->in[k].delay);
        }
        if (!status) status = values_of(c, l, to);
    }
    for (int k = 0; k < m->alias_count && !status; k++) {
        const model_alias *a = &m->aliases[k];
        if (!strcmp(a->name, "output") && !strcmp(a->path, convis_output_name(m))) continue;         /* building makes it again */
        status = convis_graph_add_alias(c, g, a->name, a->path);
    }
    if (!status) convis_graph_choose(g, convis_output_name(m));
    if (!status && m->given) {
        g->cell = convis_obtain(c, (size_t)(m->given_count + 1)*sizeof *g->cell);
        if (!g->cell) status = CONVIS_ENOMEM;
        else memcpy(g->cell, m->given, (size_t)m->given_count*sizeof *g->cell);
        g->cells = m->given_count;
    }
    if (status) convis_graph_clear(c, g);
    return status;
}
