/* graph_write.c - a graph as YAML that reads back as the same graph, every bit of its numbers included. */
#include "graph.h"
#include "yaml.h"
#include "base/lines.h"
#include "base/parts.h"
#include "base/words.h"
#include "engine/model.h"
#include "layers/own/own.h"
#include <stdio.h>
#include <string.h>

enum { PACKED_FROM = 1001, LINE = 100 };                 /* numbers from which an array is packed; base64 digits a line */

static void member(FILE *f, int indent, const char *name) { fprintf(f, "%*s%s: ", indent, "", name); }

static void text_member(FILE *f, int indent, const char *name, const char *text)
{
    member(f, indent, name);
    convis_yaml_put_text(f, text);
    putc('\n', f);
}

static void number_member(FILE *f, int indent, const char *name, double value)
{
    member(f, indent, name);
    convis_yaml_put_number(f, value);
    putc('\n', f);
}

/* ---- Arrays ---- */

/* [[1, 2],
 *  [3, 4]]: a line for each row of the last dimension. */
static void put_lists(FILE *f, int indent, int dims, const int64_t *dim, const double **values)
{
    putc('[', f);
    for (int64_t i = 0; i < dim[0]; i++) {
        if (i && dims > 1) fprintf(f, ",\n%*s", indent, "");
        else if (i) fputs(", ", f);
        if (dims > 1) put_lists(f, indent + 1, dims - 1, dim + 1, values);
        else convis_yaml_put_number(f, *(*values)++);
    }
    putc(']', f);
}

static convis_status put_packed(convis_context *c, FILE *f, int indent, const struct convis_value *v)
{
    char *text;
    convis_status status = convis_pack(c, v->array, v->count, &text);
    if (status) return status;
    fprintf(f, "\n%*sshape: [", indent, "");
    for (int k = 0; k < v->dims; k++) fprintf(f, "%s%lld", k ? ", " : "", (long long)v->dim[k]);
    fprintf(f, "]\n%*spacked: |\n", indent, "");
    for (size_t at = 0, length = strlen(text); at < length; at += LINE) fprintf(f, "%*s%.*s\n", indent + 2, "", LINE, text + at);
    convis_release(c, text);
    return CONVIS_OK;
}

convis_status convis_graph_put_array(convis_context *c, FILE *f, int indent, const char *name, const struct convis_value *v)
{
    member(f, indent, name);
    const int packs = convis_part_built(CONVIS_PART_ZLIB);
    if (!v->count || (packs && v->count >= PACKED_FROM)) return put_packed(c, f, indent + 2, v);
    const double *values = v->array;
    put_lists(f, indent + (int)strlen(name) + 3, v->dims, v->dim, &values);
    putc('\n', f);
    return CONVIS_OK;
}

/* ---- Layers ---- */

static convis_status put_graph(convis_context *, FILE *, int indent, const struct convis_graph *);

static void put_input(FILE *f, const struct convis_graph_input *in)
{
    if (!in->delay) { convis_yaml_put_text(f, in->from); return; }
    fputs("{from: ", f);
    convis_yaml_put_text(f, in->from);
    fprintf(f, ", delay: %d}", in->delay);
}

/* It takes the layer before it as its input, as one for which none are given. */
static int follows(const struct convis_graph *g, int j)
{
    const struct convis_graph_layer *l = &g->layer[j];
    return l->inputs == 1 && (!l->type || l->type->inputs == 1 || l->type->min_inputs == 1) && !l->input[0].delay
        && (j ? !strcmp(l->input[0].from, g->layer[j - 1].name) : convis_graph_find_source(g, l->input[0].from) == 0);
}

/* What comes after the model that the graph extends takes its output. That has no name before it is made, and then is the layer before
 * when the text is read; else it may be any layer, and is named. */
static void put_input_of_base(FILE *f, int indent, const struct convis_graph *g, const struct convis_graph_layer *l)
{
    const struct convis_graph *base = convis_graph_base(g);
    struct convis_graph_input in = l->input[0];
    if (!*convis_graph_output(base)) {
        if (in.delay) fprintf(f, "%*sdelay: %d\n", indent, "", in.delay);
        return;
    }
    snprintf(in.from, sizeof in.from, "%s", convis_graph_output(base));
    member(f, indent, "input");
    put_input(f, &in);
    putc('\n', f);
}

static void put_inputs(FILE *f, int indent, const struct convis_graph *g, int j)
{
    const struct convis_graph_layer *l = &g->layer[j];
    if (l->inputs == 1 && !*l->input[0].from) {
        put_input_of_base(f, indent, g, l);
        return;
    }
    if (follows(g, j)) return;
    if (l->inputs > 1 || (l->inputs && l->type && l->type->inputs > 1)) {
        member(f, indent, "inputs");
        for (int k = 0; k < l->inputs; k++) {
            fputs(k ? ", " : "[", f);
            put_input(f, &l->input[k]);
        }
        fputs("]\n", f);
    } else if (l->inputs) {
        member(f, indent, "input");
        put_input(f, &l->input[0]);
        putc('\n', f);
    }
}

/* A number; or the word that it stands for. */
static void put_number(FILE *f, int indent, const convis_layer_type *type, const struct convis_value *v)
{
    const int k = type ? convis_find_row(type->params, v->name) : -1;
    char word[32];
    if (k >= 0 && type->params[k].flags & CONVIS_WORDS &&
        convis_word_of(type->params[k].unit, type->params[k].min, v->number, word, sizeof word))
        text_member(f, indent, v->name, word);
    else number_member(f, indent, v->name, v->number);
}

static convis_status put_layer(convis_context *c, FILE *f, int indent, const struct convis_graph *g, int j)
{
    const struct convis_graph_layer *l = &g->layer[j];
    convis_status status = CONVIS_OK;
    const struct convis_own_layer *own = l->type ? convis_own_of(c, l->type) : NULL;
    if (l->type && !own && follows(g, j) && *l->input[0].from && !l->values && !strcmp(l->name, l->type->name)) {
        fprintf(f, "%*s- %s\n", indent + 2, "", l->name);
        return CONVIS_OK;
    }
    text_member(f, indent, "  - name", l->name);
    if (own) text_member(f, indent + 4, "type", own->path);
    if (own) text_member(f, indent + 4, "fingerprint", own->fingerprint);
    if (l->type && !own) text_member(f, indent + 4, "type", l->type->name);
    put_inputs(f, indent + 4, g, j);
    for (int k = 0; k < l->values && !status; k++) {
        const struct convis_value *v = &l->value[k];
        if (v->kind == CONVIS_VALUE_NUMBER) put_number(f, indent + 4, l->type, v);
        else if (v->kind == CONVIS_VALUE_TEXT) text_member(f, indent + 4, v->name, v->text);
        else status = convis_graph_put_array(c, f, indent + 4, v->name, v);
    }
    if (!l->model || status) return status;
    fprintf(f, "%*smodel:\n", indent + 4, "");
    return put_graph(c, f, indent + 6, l->model);
}

/* ---- Cells ---- */

convis_status convis_graph_put_cells(convis_context *c, FILE *f, int indent, const convis_cell *cell, int64_t count,
                                     int with_layers)
{
    static const char *const NAME[] = { "id", "layer", "x", "y" };
    struct convis_value v = { .kind = CONVIS_VALUE_ARRAY, .dims = 1, .count = count, .dim = { count } };
    convis_status status = CONVIS_OK;
    if (!(v.array = convis_obtain(c, (size_t)(count + 1)*sizeof *v.array))) return CONVIS_ENOMEM;
    for (int k = 0; k < 4 && !status; k++) {
        int usual = k == 0 || (k == 1 && with_layers);   /* ids count from 0, and all are of layer 0 */
        for (int64_t i = 0; i < count; i++) {
            const convis_cell *u = &cell[i];
            v.array[i] = k == 0 ? u->id : k == 1 ? u->layer : k == 2 ? u->x : u->y;
            usual &= k == 0 ? u->id == i : !u->layer;
        }
        if (!usual && (k != 1 || with_layers)) status = convis_graph_put_array(c, f, indent, NAME[k], &v);
    }
    convis_release(c, v.array);
    return status;
}

/* ---- The whole ---- */

/* {movie: {channels: 3}, speed: {}} */
static void put_sources(FILE *f, int indent, const struct convis_graph *g)
{
    static const char *const NAME[] = { "channels", "height", "width" };
    static const int DIM[] = { CONVIS_C, CONVIS_Y, CONVIS_X };
    if (g->givens) fprintf(f, "%*sinputs:\n", indent, "");
    for (int k = 0; k < g->givens; k++) {
        int some = 0;
        member(f, indent + 2, g->given[k].name);
        putc('{', f);
        for (int d = 0; d < 3; d++)
            if (g->given[k].frame.dim[DIM[d]] > 1)
                fprintf(f, "%s%s: %lld", some++ ? ", " : "", NAME[d], (long long)g->given[k].frame.dim[DIM[d]]);
        fputs("}\n", f);
    }
}

/* A file has the layers that are there, so it counts those alone. */
static int32_t ordinal(const struct convis_graph *g, int32_t number)
{
    int next = 0, left_out = 0;
    for (int j = 0; j < g->layers && next <= number; j++) {
        const struct convis_graph_layer *l = &g->layer[j];
        next += l->model ? convis_graph_spiking(l->model) : convis_graph_numbers(l);
        if (!l->model) left_out += l->skipped;
    }
    return number - left_out;
}

/* What comes after the layers. */
static convis_status put_rest(convis_context *c, FILE *f, int indent, const struct convis_graph *g)
{
    if (*g->output) text_member(f, indent, "output", g->output);
    if (g->aliases) fprintf(f, "%*saliases:\n", indent, "");
    for (int k = 0; k < g->aliases; k++) text_member(f, indent + 2, g->alias[k].name, g->alias[k].path);
    if (!g->cell) return CONVIS_OK;
    convis_cell *cell = convis_obtain(c, (size_t)(g->cells + 1)*sizeof *cell);
    if (!cell) return CONVIS_ENOMEM;
    for (int64_t k = 0; k < g->cells; k++) {
        cell[k] = g->cell[k];
        cell[k].layer = ordinal(g, cell[k].layer);
    }
    fprintf(f, "%*sunits:\n", indent, "");
    convis_status status = convis_graph_put_cells(c, f, indent + 2, cell, g->cells, 1);
    convis_release(c, cell);
    return status;
}

/* parameters: { bipolar.substep: 0.0005 }: what is stored for layers to come */
static convis_status put_stored(convis_context *c, FILE *f, int indent, const struct convis_graph *g)
{
    convis_status status = CONVIS_OK;
    if (g->lines || g->arrays) fprintf(f, "%*sparameters:\n", indent, "");
    for (const char *line = g->lines; line && *line; line += strcspn(line, "\n") + 1) {
        char path[4*CONVIS_GRAPH_NAME];
        const int length = (int)strcspn(line, " "), rest = (int)strcspn(line, "\n");
        snprintf(path, sizeof path, "%.*s", length, line);
        fprintf(f, "%*s", indent + 2, "");
        convis_yaml_put_text(f, path);
        fprintf(f, ": %.*s\n", rest - length - 1, line + length + 1);
    }
    for (int k = 0; k < g->arrays && !status; k++)
        status = convis_graph_put_array(c, f, indent + 2, g->array[k].path, &g->array[k].value);
    return status;
}

static convis_status put_graph(convis_context *c, FILE *f, int indent, const struct convis_graph *g)
{
    const struct convis_graph *base = convis_graph_base(g);
    convis_status status = CONVIS_OK;
    if (g->title) text_member(f, indent, "title", g->title);
    if (g->source) text_member(f, indent, "source", g->source);
    if (g->kind && g->kind->sized) {
        status = g->kind->put(c, f, indent, g->settings);
        if (*g->output) text_member(f, indent, "output", g->output);
        return status ? status : put_stored(c, f, indent, g);
    }
    if (!base) number_member(f, indent, "dt", g->dt);
    if (!base && g->has_baseline && (g->baseline != 0 || convis_graph_is_sized(g)))
        number_member(f, indent, "baseline", g->baseline);
    if (g->width) fprintf(f, "%*ssize: %lldx%lld\n", indent, "", (long long)g->width, (long long)g->height);
    put_sources(f, indent, g);
    if (base) fprintf(f, "%*sextends:\n", indent, "");
    if (base) status = put_graph(c, f, indent + 2, base);
    if (!base || g->layers > 1) fprintf(f, "%*slayers:\n", indent, "");
    for (int j = base != NULL; j < g->layers && !status; j++) status = put_layer(c, f, indent, g, j);
    return status ? status : put_rest(c, f, indent, g);
}

convis_status convis_graph_write(convis_context *c, const struct convis_graph *g, char **text)
{
    convis_lines_out out;
    *text = NULL;
    convis_status status = convis_lines_begin(c, &out);
    return status ? status : convis_lines_end(&out, put_graph(c, out.file, 0, g), text);
}
