/* graph_write.c - a graph as YAML that reads back as the same graph, every bit of its numbers included. */
#include "graph.h"
#include "yaml.h"
#include "base/lines.h"
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
    if (!v->count || v->count >= PACKED_FROM) return put_packed(c, f, indent + 2, v);
    const double *values = v->array;
    put_lists(f, indent + (int)strlen(name) + 3, v->dims, v->dim, &values);
    putc('\n', f);
    return CONVIS_OK;
}

/* ---- Layers ---- */

static void put_input(FILE *f, const struct convis_graph_input *in)
{
    if (!in->delay) { convis_yaml_put_text(f, in->from); return; }
    fputs("{from: ", f);
    convis_yaml_put_text(f, in->from);
    fprintf(f, ", delay: %d}", in->delay);
}

/* It hears the layer before it, as one that says nothing does. */
static int follows(const struct convis_graph *g, int j)
{
    const struct convis_graph_layer *l = &g->layer[j];
    return l->type->inputs == 1 && !l->input[0].delay && !strcmp(l->input[0].from, j ? g->layer[j - 1].name : "input");
}

static convis_status put_layer(convis_context *c, FILE *f, const struct convis_graph *g, int j)
{
    const struct convis_graph_layer *l = &g->layer[j];
    convis_status status = CONVIS_OK;
    if (follows(g, j) && !l->values && !strcmp(l->name, l->type->name)) {
        fprintf(f, "  - %s\n", l->name);
        return CONVIS_OK;
    }
    text_member(f, 0, "  - name", l->name);
    text_member(f, 4, "type", l->type->name);
    if (l->inputs > 1 || (l->inputs && l->type->inputs > 1)) {
        member(f, 4, "inputs");
        for (int k = 0; k < l->inputs; k++) {
            fputs(k ? ", " : "[", f);
            put_input(f, &l->input[k]);
        }
        fputs("]\n", f);
    } else if (l->inputs && !follows(g, j)) {
        member(f, 4, "input");
        put_input(f, &l->input[0]);
        putc('\n', f);
    }
    for (int k = 0; k < l->values && !status; k++) {
        const struct convis_value *v = &l->value[k];
        if (v->kind == CONVIS_VALUE_NUMBER) number_member(f, 4, v->name, v->number);
        else if (v->kind == CONVIS_VALUE_TEXT) text_member(f, 4, v->name, v->text);
        else status = convis_graph_put_array(c, f, 4, v->name, v);
    }
    return status;
}

/* ---- Cells ---- */

convis_status convis_graph_put_units(convis_context *c, FILE *f, int indent, const convis_unit *unit, int64_t count, int with_layers)
{
    static const char *const NAME[] = { "id", "layer", "x", "y" };
    struct convis_value v = { .kind = CONVIS_VALUE_ARRAY, .dims = 1, .count = count, .dim = { count } };
    convis_status status = CONVIS_OK;
    if (!(v.array = convis_obtain(c, (size_t)(count + 1)*sizeof *v.array))) return CONVIS_ENOMEM;
    for (int k = 0; k < 4 && !status; k++) {
        int usual = k == 0 || (k == 1 && with_layers);   /* ids count from 0, and all are of layer 0 */
        for (int64_t i = 0; i < count; i++) {
            const convis_unit *u = &unit[i];
            v.array[i] = k == 0 ? u->id : k == 1 ? u->layer : k == 2 ? u->x : u->y;
            usual &= k == 0 ? u->id == i : !u->layer;
        }
        if (!usual && (k != 1 || with_layers)) status = convis_graph_put_array(c, f, indent, NAME[k], &v);
    }
    convis_release(c, v.array);
    return status;
}

/* ---- The whole ---- */

static convis_status put_graph(convis_context *c, FILE *f, const struct convis_graph *g)
{
    convis_status status = CONVIS_OK;
    if (g->title) text_member(f, 0, "title", g->title);
    if (g->source) text_member(f, 0, "source", g->source);
    number_member(f, 0, "dt", g->dt);
    if (g->past != 0) number_member(f, 0, "past", g->past);
    fputs("layers:\n", f);
    for (int j = 0; j < g->layers && !status; j++) status = put_layer(c, f, g, j);
    if (*g->output) text_member(f, 0, "output", g->output);
    if (g->aliases) fputs("aliases:\n", f);
    for (int k = 0; k < g->aliases; k++) text_member(f, 2, g->alias[k].name, g->alias[k].path);
    if (g->unit) fputs("units:\n", f);
    if (g->unit && !status) status = convis_graph_put_units(c, f, 2, g->unit, g->units, 1);
    return status;
}

convis_status convis_graph_write(convis_context *c, const struct convis_graph *g, char **text)
{
    convis_text_out out;
    *text = NULL;
    convis_status status = convis_text_begin(c, &out);
    return status ? status : convis_text_end(&out, put_graph(c, out.file, g), text);
}
