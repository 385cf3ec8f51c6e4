/* recipe.c - recipes: the public face of graphs. */
#include "recipe.h"
#include "base/context.h"
#include "base/lines.h"
#include "base/text.h"
#include "engine/model.h"
#include "io/frames.h"
#include "io/sinks.h"
#include "layers/own/own.h"
#include "models/graph/yaml.h"
#include <stdio.h>
#include <string.h>

/* ---- Opening ---- */

static convis_status begin(convis_context *c, convis_recipe **recipe)
{
    if (convis_context_check(c)) return CONVIS_ESTATE;
    *recipe = convis_obtain(c, sizeof **recipe);
    if (!*recipe) return CONVIS_ENOMEM;
    convis_context_hold((*recipe)->context = c);
    (*recipe)->graph.dt = 0.001;
    return CONVIS_OK;
}

/* Warnings stay; a recipe that failed is freed. */
static convis_status opened(convis_recipe **recipe, convis_status status)
{
    (*recipe)->opened = (*recipe)->warnings.count;
    if (status) convis_recipe_free(recipe);
    return status;
}

convis_status convis_recipe_open(convis_context *c, const char *name, convis_recipe **recipe)
{
    if (recipe) *recipe = NULL;
    CONVIS_NEEDS(c, name, recipe);
    convis_status status = begin(c, recipe);
    return status ? status
                  : opened(recipe,
                           convis_open_graph(c, &(struct convis_opening){ name, NULL }, &(*recipe)->warnings, &(*recipe)->graph));
}

convis_status convis_recipe_read(convis_context *c, const char *name, const char *text, size_t size, convis_recipe **recipe)
{
    if (recipe) *recipe = NULL;
    CONVIS_NEEDS(c, name, text, recipe);
    convis_status status = begin(c, recipe);
    if (status) return status;
    return opened(recipe, convis_read_graph(c, &(struct convis_opening){ name, NULL }, text, size, &(*recipe)->warnings,
                                            &(*recipe)->graph));
}

convis_status convis_recipe_copy(const convis_recipe *from, convis_recipe **recipe)
{
    if (recipe) *recipe = NULL;
    CONVIS_NEEDS(from, recipe);
    convis_status status = begin(from->context, recipe);
    return status ? status : opened(recipe, convis_graph_copy(from->context, &from->graph, &(*recipe)->graph));
}

convis_status convis_recipe_of_model(const convis_model *m, convis_recipe **recipe)
{
    if (recipe) *recipe = NULL;
    CONVIS_NEEDS(m, recipe);
    convis_context *c = convis_model_context(m);
    convis_status status = begin(c, recipe);
    return status ? status : opened(recipe, convis_graph_of_model(m, &(*recipe)->graph));
}

convis_status convis_recipe_new(convis_context *c, double dt, convis_recipe **recipe)
{
    if (recipe) *recipe = NULL;
    CONVIS_NEEDS(c, recipe);
    if (!(dt > 0 && dt <= 1e6)) return convis_fail(c, CONVIS_EINVAL, "dt: %g s, expected a positive time step", dt);
    convis_status status = begin(c, recipe);
    if (!status) (*recipe)->graph.dt = dt;
    return status;
}

void convis_recipe_free(convis_recipe **recipe)
{
    if (!recipe || !*recipe) return;
    convis_recipe *r = *recipe;
    convis_context *c = r->context;
    convis_graph_clear(c, &r->graph);
    convis_warnings_free(c, &r->warnings);
    convis_release(c, r->parameters);
    convis_release(c, r);
    convis_context_let_go(c);
    *recipe = NULL;
}

/* ---- Adding ---- */

/* The inputs of the last layer, which was just added and is removed again when they are not valid. */
static convis_status take_inputs(convis_recipe *r, const convis_from *in, int count)
{
    struct convis_graph *g = &r->graph;
    convis_status status = in && count > 0 ? CONVIS_OK : convis_graph_follow(r->context, g, g->layers - 1);
    for (int k = 0; in && k < count && !status; k++)
        status = !in[k].name ? convis_fail(r->context, CONVIS_EINVAL, "%s: the name of its input %d is NULL",
                                           g->layer[g->layers - 1].name, k)
                             : convis_graph_add_input(r->context, &g->layer[g->layers - 1], in[k].name, in[k].delay);
    return status;
}

static const char *layer_name(int index, const char **doc)
{
    const convis_layer_type *type = convis_layer_types()[index];
    if (type && doc) *doc = type->doc;
    return type ? type->name : NULL;
}

convis_status convis_recipe_add_layer(convis_recipe *r, const char *type, const char *name, const convis_from *in, int count)
{
    CONVIS_NEEDS(r, type, name);
    struct convis_graph_layer *l;
    const convis_layer_type *known = convis_layer_type_named(type);
    convis_status status = !known && convis_own_is_name(type) ? convis_layer_type_open(r->context, type, &known) : CONVIS_OK;
    if (status) return status;
    if (!known) return convis_no_such_name(r->context, "layer", type, layer_name);
    status = convis_graph_extend(r->context, &r->graph);
    if (!status) status = convis_graph_add(r->context, &r->graph, name, known, &l);
    if (status) return status;
    if ((status = take_inputs(r, in, count))) convis_graph_drop_last(r->context, &r->graph);
    return status;
}

convis_status convis_recipe_add_model(convis_recipe *r, const convis_recipe *model, const char *name, const convis_from *in,
                                      int count)
{
    CONVIS_NEEDS(r, model, name);
    struct convis_graph copy;
    struct convis_graph_layer *l;
    char dt[32];
    convis_status status = convis_graph_copy(r->context, &model->graph, &copy);
    if (status) return status;
    convis_number_print(r->graph.dt, dt, sizeof dt);
    status = convis_graph_set(r->context, &copy, "dt", dt);                  /* one time step for all */
    if (!status) status = convis_graph_extend(r->context, &r->graph);
    if (status) { convis_graph_clear(r->context, &copy); return status; }
    if ((status = convis_graph_add_model(r->context, &r->graph, name, &copy, &l))) return status;
    if ((status = take_inputs(r, in, count))) convis_graph_drop_last(r->context, &r->graph);
    return status;
}

convis_status convis_recipe_add_input(convis_recipe *r, const char *name, convis_shape frame)
{
    CONVIS_NEEDS(r, name);
    const int sized = r->graph.kind && r->graph.kind->sized;                 /* which has one, and declares nothing */
    convis_status status = sized ? convis_graph_extend(r->context, &r->graph) : CONVIS_OK;
    return status ? status : convis_graph_add_source(r->context, &r->graph, name, frame);
}

int convis_recipe_input(const convis_recipe *r, int index, const char **name, convis_shape *frame)
{
    CONVIS_NEEDS_ELSE(0, r, name, frame);
    const struct convis_graph *g = &r->graph;
    if (index < 0 || index >= (g->givens ? g->givens : 1)) return 0;
    *name = g->givens ? g->given[index].name : "input";
    *frame = g->givens ? g->given[index].frame : (convis_shape){ { 1, convis_graph_channels(g, 0), 1, 0, 0 } };
    if (!index) {
        frame->dim[CONVIS_Y] = g->height;
        frame->dim[CONVIS_X] = g->width;
    }
    return 1;
}

convis_status convis_recipe_output(convis_recipe *r, const char *name)
{
    CONVIS_NEEDS(r);
    if (name && strlen(name) >= sizeof r->graph.output)
        return convis_fail(r->context, CONVIS_ENAME, "output: too long to be a layer's name");
    const int sized = r->graph.kind && r->graph.kind->sized;
    convis_status status = sized ? CONVIS_OK : convis_graph_extend(r->context, &r->graph);
    if (!status) snprintf(r->graph.output, sizeof r->graph.output, "%s", name ? name : "");
    r->graph.output_line = 0;
    return status;
}

const char *convis_recipe_chosen(const convis_recipe *r)
{
    CONVIS_NEEDS_ELSE(NULL, r);
    return *r->graph.file && r->graph.output_line ? r->graph.output : NULL;
}

enum { LARGEST = 1 << 20 };

static convis_status check_size(convis_context *c, int64_t width, int64_t height)
{
    if (width > 0 && height > 0 && width <= LARGEST && height <= LARGEST) return CONVIS_OK;
    return convis_fail(c, CONVIS_ESHAPE, "input: %lld x %lld pixels, expected 1 to %d each way", (long long)width,
                       (long long)height, LARGEST);
}

/* Flat, it is a graph of one model within, which has the names and cells in order. */
convis_node convis_insert(convis_model *m, const convis_recipe *r, const char *name, convis_node in, int64_t width,
                          int64_t height)
{
    const convis_node none = { -1 };
    CONVIS_NEEDS_ELSE(none, m);
    if (!r || !name) return convis_stick_null(m, "convis_insert", r ? "name" : "recipe"), none;
    convis_context *c = r->context;
    struct convis_graph outer = { .dt = convis_dt(m) }, copy, flat = { .layers = 0 };
    struct convis_graph_layer *l;
    convis_node output = { -1 };
    char dt[32];
    const int before = m->count;
    if (m->status) return output;
    if (check_size(m->context, width, height)) {
        convis_stick(m, CONVIS_ESHAPE);
        return none;
    }
    convis_number_print(outer.dt, dt, sizeof dt);
    convis_status status = convis_graph_copy(c, &r->graph, &copy);
    if (!status && (status = convis_graph_set(c, &copy, "dt", dt))) convis_graph_clear(c, &copy);
    if (!status) status = convis_graph_add_model(c, &outer, name, &copy, &l);
    if (!status) status = convis_graph_follow(c, &outer, 0);
    if (!status) status = convis_graph_flat(c, &outer, width, height, NULL, &flat);
    if (!status) status = convis_graph_insert(m, &flat, in, &output);
    for (int j = before; !status && convis_graph_is_sized(&r->graph) && j < m->count; j++) {
        m->layers[j].sized = in;
        m->layers[j].width = width;
        m->layers[j].height = height;
    }
    convis_graph_clear(c, &flat);
    convis_graph_clear(c, &outer);
    if (status && !m->status) {
        m->status = status;
        snprintf(m->sentence, sizeof m->sentence, "%s", convis_message(c));
    }
    return status ? (convis_node){ -1 } : output;
}

/* ---- Settings ---- */

convis_status convis_recipe_set(convis_recipe *r, const char *path, const char *value)
{
    CONVIS_NEEDS(r, path, value);
    return convis_graph_set(r->context, &r->graph, path, value);
}

convis_status convis_recipe_get(const convis_recipe *r, const char *path, char *value, size_t size)
{
    CONVIS_NEEDS(r, path, value);
    return convis_graph_get(r->context, &r->graph, path, value, size);
}

int convis_recipe_list(const convis_recipe *r, int index, convis_setting *setting)
{
    CONVIS_NEEDS_ELSE(0, r, setting);
    return convis_graph_list(r->context, &r->graph, index, setting);
}

convis_status convis_recipe_cells(convis_recipe *r, const convis_cell *cell, int64_t count)
{
    CONVIS_NEEDS(r);
    CONVIS_NEEDS_ARRAY(r->context, cell, count);
    return convis_graph_set_cells(r->context, &r->graph, cell, count);
}

convis_status convis_recipe_add_parameters(convis_recipe *r, const char *lines)
{
    CONVIS_NEEDS(r, lines);
    return convis_graph_set_lines(r->context, &r->graph, "parameters", lines);
}

const char *convis_recipe_parameters(const convis_recipe *recipe)
{
    CONVIS_NEEDS_ELSE(NULL, recipe);
    convis_recipe *r = (convis_recipe *)(uintptr_t)recipe;                   /* of which only the copy changes */
    convis_release(r->context, r->parameters);
    r->parameters = NULL;
    return convis_graph_stored_lines(r->context, &r->graph, &r->parameters) ? NULL : r->parameters;
}

/* ---- Building ---- */

static convis_status make(void *recipe, int64_t width, int64_t height, convis_model **model)
{
    return convis_recipe_build(recipe, width, height, model);
}

static void forget(void *user)
{
    convis_recipe *recipe = user;
    convis_recipe_free(&recipe);
}

/* The model remembers the recipe as it is now, for convis_plan of another size. */
static convis_status make_again(const convis_recipe *r, int64_t width, int64_t height, convis_model *m)
{
    convis_recipe *copy;
    convis_status status = convis_recipe_copy(r, &copy);
    if (!status) m->maker = (model_maker){ make, forget, copy, width, height, m->count };
    return status;
}

convis_status convis_recipe_build(convis_recipe *r, int64_t width, int64_t height, convis_model **model)
{
    if (model) *model = NULL;
    CONVIS_NEEDS(r, model);
    struct convis_graph flat;
    while (r->warnings.count > r->opened) convis_release(r->context, r->warnings.text[--r->warnings.count]);
    convis_status status = check_size(r->context, width, height);
    if (!status && r->graph.width && (width != r->graph.width || height != r->graph.height))
        status = convis_fail(r->context, CONVIS_ESHAPE, "input: %lldx%lld pixels; the model is for movies of %lldx%lld alone",
                             (long long)width, (long long)height, (long long)r->graph.width, (long long)r->graph.height);
    if (status) return status;
    status = convis_graph_flat(r->context, &r->graph, width, height, &r->warnings, &flat);
    if (status) return status;
    status = convis_graph_build(r->context, &flat, model);
    convis_graph_clear(r->context, &flat);
    if (!status && convis_graph_is_sized(&r->graph)) status = make_again(r, width, height, *model);
    else if (!status && r->graph.width) (*model)->maker = (model_maker){ .width = width, .height = height };
    if (status) convis_model_free(model);
    return status;
}

convis_status convis_model_copy(const convis_model *m, convis_model **copy)
{
    if (copy) *copy = NULL;
    CONVIS_NEEDS(m, copy);
    convis_recipe *r = NULL;
    convis_status status = convis_refuse(m) ? m->status : convis_recipe_of_model(m, &r);
    if (!status) status = convis_recipe_build(r, m->maker.width ? m->maker.width : 1, m->maker.width ? m->maker.height : 1, copy);
    convis_recipe_free(&r);
    if (!status) convis_carry_requests(m, *copy);
    if (!status && m->maker.make == make) {
        status = make_again(m->maker.user, m->maker.width, m->maker.height, *copy);
        (*copy)->maker.layers = m->maker.layers;
    }
    if (!status && m->planned) {
        const size_t size = convis_state_size(m);
        void *state = convis_obtain(m->context, size + 1);
        status = state ? convis_state_get(m, state) : CONVIS_ENOMEM;
        if (!status) status = convis_plan(*copy, m->chunk);
        if (!status) status = convis_state_put(*copy, state, size);
        convis_release(m->context, state);
    }
    if (status) convis_model_free(copy);
    return status;
}

/* ---- Saving ---- */

convis_status convis_recipe_text(const convis_recipe *r, char **text)
{
    if (text) *text = NULL;
    CONVIS_NEEDS(r, text);
    const struct convis_retina *retina = convis_retina_of(&r->graph);
    if (retina && !*r->graph.output) return convis_recipe_xml(r, text);
    convis_status status = retina ? convis_retina_check(r->context, retina) : CONVIS_OK;
    return status ? status : convis_own_text(r->context, convis_graph_write(r->context, &r->graph, text), text);
}

convis_status convis_recipe_yaml(const convis_recipe *r, char **text)
{
    if (text) *text = NULL;
    CONVIS_NEEDS(r, text);
    return convis_own_text(r->context, convis_graph_write(r->context, &r->graph, text), text);
}

convis_status convis_recipe_xml(const convis_recipe *r, char **text)
{
    if (text) *text = NULL;
    CONVIS_NEEDS(r, text);
    const struct convis_retina *retina = convis_retina_of(&r->graph);
    if (!retina) return convis_fail(r->context, CONVIS_ENOTSUP, "VirtualRetina's format has only retinas; YAML has any model");
    convis_status status = convis_retina_check(r->context, retina);          /* nothing is written that could not be read */
    return status ? status : convis_own_text(r->context, convis_xml_write(r->context, retina, text), text);
}

void convis_recipe_text_free(const convis_recipe *r, char **text)
{
    (void)r;
    if (!text) return;
    convis_disown(*text);
    *text = NULL;
}

convis_status convis_recipe_save(const convis_recipe *r, const char *file)
{
    CONVIS_NEEDS(r, file);
    char *text;
    convis_out out;
    const int is_xml = convis_has_extension(file, ".xml");
    if (!is_xml && !convis_has_extension(file, ".yaml") && !convis_has_extension(file, ".yml"))
        return convis_fail(r->context, CONVIS_ENOTSUP, "%s: expected a name that ends in .yaml or .xml, the formats of models",
                           file);
    if (is_xml && !convis_retina_of(&r->graph))
        return convis_fail(r->context, CONVIS_ENOTSUP,
                           "%s: VirtualRetina's format has only retinas; a name that ends in .yaml takes any model", file);
    convis_status status = is_xml ? convis_recipe_xml(r, &text) : convis_recipe_yaml(r, &text);
    if (status) return status;
    status = convis_out_open(r->context, file, 0, &out);
    if (!status) {
        convis_out_write(&out, text, strlen(text));
        status = convis_out_finish(&out, 1);
    }
    convis_recipe_text_free(r, &text);
    return status;
}

const char *convis_recipe_warning(const convis_recipe *r, int index)
{
    CONVIS_NEEDS_ELSE(NULL, r);
    return index >= 0 && index < r->warnings.count ? r->warnings.text[index] : NULL;
}
