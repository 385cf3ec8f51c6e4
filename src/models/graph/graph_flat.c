/* graph_flat.c - models within a graph replaced by their layers, for one size of movie.
 *
 * A layer of a model called `retina` becomes retina.NAME, an alias of it retina.ALIAS, and `retina` itself an alias of its output. What
 * it takes as input from outside is what the model takes. Cells are those of the models in order, with ids of their own. */
#include "graph.h"
#include "models/warnings.h"
#include "base/context.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

struct flat {
    convis_context *c;
    int64_t width, height;
    struct convis_warnings *warnings;
    struct convis_graph *to;
    int next, numbered;              /* the number of the next spiking layer, and of the next after the last that was added */
};

/* A graph at its place: the beginning of its names, what its inputs are, and the line of who named it (-1: in another
 * file). base: the output of the model that it extends. */
struct place {
    const struct convis_graph *g;
    char prefix[CONVIS_GRAPH_NAME];
    const struct convis_graph_input *given;
    int line, column;
    char base[CONVIS_GRAPH_NAME];
};

static convis_status flatten(struct flat *f, struct place *p);

/* ---- Names ---- */

static convis_status full_name(const struct flat *f, const struct place *p, const char *name, char full[CONVIS_GRAPH_NAME])
{
    if (snprintf(full, CONVIS_GRAPH_NAME, "%s%s", p->prefix, name) < CONVIS_GRAPH_NAME) return CONVIS_OK;
    return convis_fail(f->c, CONVIS_ENAME, "%.60s%.60s: too long, expected a name of %d letters at most", p->prefix, name,
                       CONVIS_GRAPH_NAME - 1);
}

/* What an input is called outside. */
static convis_status translate(const struct flat *f, const struct place *p, const struct convis_graph_input *in,
                               struct convis_graph_input *out)
{
    const int source = convis_graph_find_source(p->g, in->from);
    if (source >= 0) {
        *out = p->given[source];
        out->delay += in->delay;
        return CONVIS_OK;
    }
    out->delay = in->delay;
    out->channels = 0;
    if (*in->from) return full_name(f, p, in->from, out->from);
    strcpy(out->from, p->base);
    return CONVIS_OK;
}

/* A layer's own name; an alias of an alias is one, too. */
static const char *resolve(const struct convis_graph *g, const char *name)
{
    for (int k = 0; k < g->aliases && !convis_graph_find(g, name); k++) name = convis_graph_resolve(g, name);
    return name;
}

static convis_status add_alias(struct flat *f, const struct place *p, const char *name, const char *path)
{
    char a[CONVIS_GRAPH_NAME], b[CONVIS_GRAPH_NAME];
    convis_status status = full_name(f, p, name, a);
    if (!status) status = full_name(f, p, path, b);
    return status ? status : convis_graph_add_alias(f->c, f->to, a, b);
}

/* ---- Layers ---- */

static convis_status add_layer(struct flat *f, const struct place *p, const struct convis_graph_layer *l)
{
    char name[CONVIS_GRAPH_NAME];
    struct convis_graph_layer *to;
    convis_status status = full_name(f, p, l->name, name);
    if (!status) status = convis_graph_add(f->c, f->to, name, l->type, &to);
    if (status) return status;
    to->line = p->line < 0 ? 0 : p->line ? p->line : l->line;
    to->column = p->line ? p->column : l->column;
    for (int k = 0; k < l->inputs && !status; k++) {
        struct convis_graph_input in;
        status = translate(f, p, &l->input[k], &in);
        if (!status) status = convis_graph_add_input(f->c, to, in.from, in.delay);
        if (!status) to->input[k].channels = in.channels;
    }
    for (; to->values < l->values && !status; to->values++)
        if ((status = convis_value_copy(f->c, &l->value[to->values], &to->value[to->values])))
            convis_value_free(f->c, &to->value[to->values]);
    return status;
}

/* ---- Cells ---- */

/* The layer that was added last spikes. Layers left out before it, in its graph or at the end of another, keep their numbers. */
static void number_layer(struct flat *f, const struct convis_graph_layer *l)
{
    const int number = f->next + l->skipped;
    f->to->layer[f->to->layers - 1].skipped = number - f->numbered;
    f->next = f->numbered = number + 1;
}

/* Those of spiking layer `layer` as p's graph counts them; they become the flat graph's last spiking layer's. */
static convis_status add_cells(struct flat *f, const struct convis_graph *g, int layer, int32_t first_id)
{
    struct convis_graph *to = f->to;
    int64_t count = 0;
    for (int64_t k = 0; k < g->cells; k++) count += g->cell[k].layer == layer;
    if (!count) return CONVIS_OK;
    convis_cell *all = convis_obtain(f->c, (size_t)(to->cells + count)*sizeof *all);
    if (!all) return CONVIS_ENOMEM;
    if (to->cells) memcpy(all, to->cell, (size_t)to->cells*sizeof *all);
    convis_release(f->c, to->cell);
    to->cell = all;
    for (int64_t k = 0; k < g->cells; k++) {
        if (g->cell[k].layer != layer) continue;
        convis_cell *u = &all[to->cells++];
        *u = g->cell[k];
        if (u->id > INT32_MAX - first_id) return convis_fail(f->c, CONVIS_EINVAL, "unit %d: too large beside other cells", u->id);
        u->id += first_id;
        u->layer = f->next - 1;
    }
    return CONVIS_OK;
}

static int32_t next_id(const struct convis_graph *g)
{
    int32_t next = 0;
    for (int64_t k = 0; k < g->cells; k++) if (g->cell[k].id >= next) next = g->cell[k].id + (g->cell[k].id < INT32_MAX);
    return next;
}

/* ---- Models within ---- */

static void link_inputs(struct convis_graph *);

/* What a preset makes for this size, with the parameters that were stored for it. */
static convis_status make(struct flat *f, const struct place *p, int64_t width, int64_t height, struct convis_graph *made)
{
    const struct convis_graph *g = p->g;
    convis_context *c = f->c;
    *made = (struct convis_graph){ .dt = g->dt };
    const int named = *p->prefix ? (int)strlen(p->prefix) - 1 : 0;           /* "retina: ", of the prefix "retina." */
    snprintf(f->warnings->prefix, sizeof f->warnings->prefix, "%.*s%s", named, p->prefix, named ? ": " : "");
    convis_status status = g->kind->layers(c, g->settings, width, height, f->warnings, made);
    *f->warnings->prefix = 0;
    if (!status && g->lines) status = convis_graph_set_lines(c, made, "parameters", g->lines);
    for (int k = 0; k < g->arrays && !status; k++) status = convis_graph_set_stored(c, made, &g->array[k]);
    if (!status && *g->output) snprintf(made->output, sizeof made->output, "%s", resolve(made, g->output));
    if (status && *p->prefix) convis_fail_before(c, status, "%.*s: ", named, p->prefix);
    if (status) convis_graph_clear(c, made);
    return status;
}

/* The size of the input of a model within: the movie, or a layer, which is planned to know it. */
static convis_status size_of(const struct flat *f, const char *from, int64_t *width, int64_t *height)
{
    struct convis_graph before;
    convis_model *m = NULL;
    convis_shape frame;
    const char *name = resolve(f->to, from);
    *width = f->width;
    *height = f->height;
    const int source = convis_graph_find_source(f->to, from);
    if (source > 0) {
        *width = f->to->given[source].frame.dim[CONVIS_X];
        *height = f->to->given[source].frame.dim[CONVIS_Y];
    }
    if (source >= 0) return CONVIS_OK;
    convis_status status = convis_graph_copy(f->c, f->to, &before);
    if (status) return status;
    link_inputs(&before);
    convis_release(f->c, before.cell);                   /* their number is not known yet, and is not needed */
    before.cell = NULL;
    status = convis_graph_build(f->c, &before, &m);
    if (!status) status = convis_probe(m, name);
    if (!status)
        status = convis_plan(
            m, (convis_shape){ { 1, f->to->givens ? f->to->given[0].frame.dim[CONVIS_C] : 1, 1, f->height, f->width } });
    if (!status) status = convis_output_shape(m, name, &frame);
    if (!status) *width = frame.dim[CONVIS_X];
    if (!status) *height = frame.dim[CONVIS_Y];
    convis_model_free(&m);
    convis_graph_clear(f->c, &before);
    return status;
}

/* The layers of a model within; output: the name of its own. */
static convis_status add_made(struct flat *f, struct place *within, char output[CONVIS_GRAPH_NAME])
{
    struct convis_graph made = { .layers = 0 };
    int64_t width = 0, height = 0;
    const int sized = within->g->kind && within->g->kind->sized;
    convis_status status = sized || within->g->width ? size_of(f, within->given[0].from, &width, &height) : CONVIS_OK;
    if (!status && within->g->width && (width != within->g->width || height != within->g->height))
        status = convis_fail(f->c, CONVIS_ESHAPE, "%.60s: it takes %lldx%lld pixels; it is for movies of %lldx%lld alone",
                             *within->prefix ? within->prefix : "the model extended", (long long)width, (long long)height,
                             (long long)within->g->width, (long long)within->g->height);
    if (!status && sized) {
        status = make(f, within, width, height, &made);
        within->g = &made;
    }
    if (!status) status = flatten(f, within);
    const char *own = convis_graph_output(within->g);
    if (!status && *own) status = full_name(f, within, own, output);
    else if (!status) strcpy(output, f->to->layer[f->to->layers - 1].name);
    convis_graph_clear(f->c, &made);
    return status;
}

static convis_status add_model(struct flat *f, struct place *p, const struct convis_graph_layer *l)
{
    struct place within = { .g = l->model, .line = p->line ? p->line : l->line ? l->line : -1, .column = p->line ? p->column : l->column };
    struct convis_graph_input *given = convis_obtain(f->c, (size_t)(l->inputs + 1)*sizeof *given);
    char name[CONVIS_GRAPH_NAME] = "", output[CONVIS_GRAPH_NAME] = "";
    convis_status status = given ? CONVIS_OK : CONVIS_ENOMEM;
    if (!status && *l->name) status = full_name(f, p, l->name, name);
    if (!status && snprintf(within.prefix, sizeof within.prefix, "%s%s", *l->name ? name : p->prefix, *l->name ? "." : "")
        >= (int)sizeof within.prefix)
        status = convis_fail(f->c, CONVIS_ENAME, "%.60s: too long a name", name);
    for (int k = 0; k < l->inputs && !status; k++) {
        const int64_t channels = convis_graph_channels(l->model, k);
        status = translate(f, p, &l->input[k], &given[k]);
        if (channels) given[k].channels = channels;
    }
    within.given = given;
    if (!status) status = add_made(f, &within, output);
    if (!status && *name) status = convis_graph_add_alias(f->c, f->to, name, output);
    else if (!status) strcpy(p->base, output);
    convis_release(f->c, given);
    return status;
}

static convis_status flatten(struct flat *f, struct place *p)
{
    const struct convis_graph *g = p->g;
    const int32_t first_id = next_id(f->to);
    int spiking = 0;
    convis_status status = CONVIS_OK;
    for (int j = 0; j < g->layers && !status; j++) {
        const struct convis_graph_layer *l = &g->layer[j];
        if (l->model) {
            const int before = f->next, within = convis_graph_spiking(l->model);
            status = add_model(f, p, l);
            f->next = before + within;
            spiking += within;
            continue;
        }
        status = add_layer(f, p, l);
        if (status || !l->type->spikes) continue;
        spiking += convis_graph_numbers(l);
        number_layer(f, l);
        status = add_cells(f, g, spiking - 1, first_id);
    }
    for (int k = 0; k < g->aliases && !status; k++) status = add_alias(f, p, g->alias[k].name, g->alias[k].path);
    return status;
}

/* ---- The whole ---- */

/* Every input by its layer's own name, now that all layers are there. */
static void link_inputs(struct convis_graph *g)
{
    for (int j = 0; j < g->layers; j++)
        for (int k = 0; k < g->layer[j].inputs; k++) {
            char *from = g->layer[j].input[k].from;
            const char *real = resolve(g, from);
            if (real != from && convis_graph_find(g, real)) strcpy(from, real);
        }
}

/* Its inputs. Of a movie that nothing declares, what models within need: what is built, and what is written of it, refuses another. */
static convis_status add_sources(const struct flat *f, const struct convis_graph *g)
{
    const int64_t channels = convis_graph_channels(g, 0);
    convis_status status = CONVIS_OK;
    for (int k = 0; k < g->givens && !status; k++)
        status = convis_graph_add_source(f->c, f->to, g->given[k].name, g->given[k].frame);
    if (g->givens || !channels) return status;
    return convis_graph_add_source(f->c, f->to, "input", (convis_shape){ { 1, channels, 1, 1, 1 } });
}

/* The layer or alias that counts: what the graph names, else an alias "output", else the last layer. */
static const char *counts(const struct convis_graph *g, const struct convis_graph *to)
{
    const char *output = convis_graph_output(g), *alias = resolve(to, "output");
    return !*g->output && strcmp(alias, "output") && convis_graph_find(to, alias) ? alias : output;
}

static convis_status flat_of(struct flat *f, const struct convis_graph *g)
{
    struct convis_graph *to = f->to;
    struct place p = { .g = g };
    struct convis_graph_input *given = convis_obtain(f->c, (size_t)(g->givens + 1)*sizeof *given);
    convis_status status = given ? CONVIS_OK : CONVIS_ENOMEM;
    if (given) strcpy(given->from, "input");
    for (int k = 0; k < g->givens && given; k++) strcpy(given[k].from, g->given[k].name);
    p.given = given;
    if (!status) status = flatten(f, &p);
    convis_release(f->c, given);
    if (status) return status;
    link_inputs(to);
    snprintf(to->output, sizeof to->output, "%s", resolve(to, counts(g, to)));
    return CONVIS_OK;
}

convis_status convis_graph_flat(convis_context *c, const struct convis_graph *g, int64_t width, int64_t height,
                                struct convis_warnings *warnings, struct convis_graph *to)
{
    struct convis_warnings none = { .text = NULL };
    struct flat f = { c, width, height, warnings ? warnings : &none, to, 0, 0 };
    *to = (struct convis_graph){ .dt = g->dt, .baseline = convis_graph_baseline(g), .has_baseline = 1 };
    const int sized = g->kind && g->kind->sized;
    convis_status status = sized ? make(&f, &(struct place){ .g = g }, width, height, to) : add_sources(&f, g);
    if (!status) status = sized ? add_sources(&f, g) : flat_of(&f, g);           /* layers come first of the one, last of the other */
    memcpy(to->file, g->file, sizeof to->file);
    to->output_line = g->output_line;
    to->output_column = g->output_column;
    convis_warnings_free(c, &none);
    if (status) convis_graph_clear(c, to);
    return status;
}
