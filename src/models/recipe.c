/* recipe.c - models by name or file, their settings as text, and the way to a built model and back to a file. */
#include "recipe.h"
#include "io/sinks.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LARGEST_FILE = 64 << 20 };

/* ---- Names ---- */

const char *convis_extension(const char *name)
{
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    return dot && (!slash || dot > slash) ? dot : "";
}

static int has_extension(const char *name, const char *a, const char *b)
{
    return !strcasecmp(convis_extension(name), a) || !strcasecmp(convis_extension(name), b);
}

const char *convis_recipe_name(int index, const char **doc)
{
    if (index < 0) return NULL;
    for (const struct convis_builtin *b = convis_builtins; b->name; b++)
        if (index-- == 0) { if (doc) *doc = b->doc; return b->name; }
    for (const struct convis_design *const *d = convis_designs; *d; d++)
        if (index-- == 0) { if (doc) *doc = (*d)->doc; return (*d)->name; }
    return NULL;
}

static convis_status not_found(convis_context *c, const char *name)
{
    char list[512] = "", quoted[64];
    const char *known;
    convis_hint hint = CONVIS_HINT(name);
    for (int k = 0; (known = convis_recipe_name(k, NULL)); k++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", known);
        convis_hint_offer(&hint, known);
    }
    convis_quoted(quoted, name);
    if (*hint.text) return convis_fail(c, CONVIS_ENAME, "model '%s': expected a built-in model, a .yaml, .xml or .h5 file%s", quoted, hint.text);
    return convis_fail(c, CONVIS_ENAME, "model '%s': expected a built-in model (%s), a .yaml, .xml or .h5 file", quoted, list);
}

/* ---- Opening ---- */

/* The whole of a file; pipes too, so its size is not known before its end. */
convis_status convis_slurp(convis_context *c, const char *path, char **text, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f) return convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
    size_t room = 1 << 16;
    convis_status status = CONVIS_OK;
    *size = 0;
    *text = convis_obtain(c, room);
    if (!*text) status = CONVIS_ENOMEM;
    while (!status) {
        *size += fread(*text + *size, 1, room - *size, f);
        if (ferror(f)) status = convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
        if (status || *size < room) break;
        char *more = room < LARGEST_FILE ? convis_obtain(c, 2*room) : NULL;
        if (!more) {
            status = room < LARGEST_FILE ? CONVIS_ENOMEM
                   : convis_fail(c, CONVIS_EFORMAT, "%s: more than %d MB, expected less", path, LARGEST_FILE >> 20);
            break;
        }
        memcpy(more, *text, *size);
        convis_release(c, *text);
        *text = more;
        room *= 2;
    }
    fclose(f);
    if (status) { convis_release(c, *text); *text = NULL; }
    return status;
}

/* A built-in model, or a file by its extension; of another extension, what VirtualRetina's files may have. */
convis_status convis_recipe_fill(convis_recipe *r, const char *name, int depth)
{
    convis_context *c = r->context;
    char *text = NULL;
    size_t size = 0;
    for (const struct convis_builtin *b = convis_builtins; b->name; b++) if (!strcmp(b->name, name)) return b->make(c, &r->retina);
    for (const struct convis_design *const *d = convis_designs; *d; d++)
        if (!strcmp((*d)->name, name)) {
            convis_design_defaults(r->design = *d, r->option);
            r->graph = convis_obtain(c, sizeof *r->graph);
            return r->graph ? convis_design_make(c, r->design, r->option, r->graph) : CONVIS_ENOMEM;
        }
    if (has_extension(name, ".h5", ".hdf5")) return convis_recipe_read_saved(r, name, depth);
    const int is_yaml = has_extension(name, ".yaml", ".yml");
    if (!is_yaml && !has_extension(name, ".xml", ".xml") && access(name, F_OK)) return not_found(c, name);
    convis_status status = convis_slurp(c, name, &text, &size);
    if (!status)
        status = is_yaml ? convis_recipe_read_yaml(r, name, text, size, depth)
                         : convis_xml_read(c, name, text, size, &r->retina, &r->warnings);
    convis_release(c, text);
    return status;
}

convis_status convis_recipe_open(convis_context *c, const char *name, convis_recipe **recipe)
{
    convis_recipe *r = *recipe = convis_obtain(c, sizeof *r);
    if (!r) return CONVIS_ENOMEM;
    r->context = c;
    convis_status status = convis_recipe_fill(r, name, 0);
    r->opened = r->warnings.count;
    if (status) convis_recipe_free(recipe);
    return status;
}

void convis_recipe_free(convis_recipe **recipe)
{
    if (!recipe || !*recipe) return;
    convis_recipe *r = *recipe;
    convis_context *c = r->context;
    convis_retina_clear(c, &r->retina);
    if (r->graph) convis_graph_clear(c, r->graph);
    convis_release(c, r->graph);
    convis_warnings_free(c, &r->warnings);
    convis_recipe_drop_arrays(r);
    convis_release(c, r->parameters);
    convis_release(c, r);
    *recipe = NULL;
}

/* ---- Settings ---- */

/* Among the options and the layers' parameters. */
static convis_status no_such_setting(const convis_recipe *r, const char *path)
{
    convis_hint hint = CONVIS_HINT(path);
    convis_setting s;
    char quoted[64];
    for (int k = 0; convis_recipe_list(r, k, &s); k++) convis_hint_offer(&hint, s.path);
    return convis_fail(r->context, CONVIS_ENAME, "'%s': no such setting%s", convis_quoted(quoted, path), hint.text);
}

convis_status convis_recipe_set(convis_recipe *r, const char *path, const char *value)
{
    convis_context *c = r->context;
    if (!r->graph) return convis_retina_set(c, &r->retina, path, value);
    convis_status status = r->design ? convis_design_set(c, r->design, r->option, r->graph, path, value) : CONVIS_ENAME;
    if (status == CONVIS_ENAME) status = convis_graph_set(c, r->graph, path, value);
    return status == CONVIS_ENAME ? no_such_setting(r, path) : status;
}

convis_status convis_recipe_get(const convis_recipe *r, const char *path, char *value, size_t size)
{
    convis_setting s;
    if (!r->graph) return convis_retina_get(r->context, &r->retina, path, value, size);
    for (int k = 0; r->design && convis_design_list(r->design, r->option, k, &s); k++)
        if (!strcmp(s.path, path)) { snprintf(value, size, "%s", s.value); return CONVIS_OK; }
    return convis_graph_get(r->context, r->graph, path, value, size);
}

int convis_recipe_list(const convis_recipe *r, int index, convis_setting *s)
{
    int options = 0, has_dt = 0;
    if (!r->graph) return convis_retina_list(&r->retina, index, s);
    for (; r->design && convis_design_list(r->design, r->option, options, s); options++) has_dt |= !strcmp(s->path, "dt");
    if (index < options) return convis_design_list(r->design, r->option, index, s);
    return convis_graph_list(r->context, r->graph, index - options + has_dt, s);     /* a graph lists its dt first */
}

/* Each spiking layer gets its own of the list, and none is left with its array: they are part of the description
 * from here on, so a saved model has them too. */
convis_status convis_recipe_units(convis_recipe *r, const convis_unit *unit, int64_t count)
{
    convis_context *c = r->context;
    if (r->graph) return convis_graph_set_units(c, r->graph, unit, count);
    struct convis_ganglion *g = r->retina.ganglion;
    convis_unit *list[CONVIS_GANGLIONS] = { NULL };
    int64_t many[CONVIS_GANGLIONS] = { 0 };
    int spiking = 0, layer_of[CONVIS_GANGLIONS];
    for (int k = 0; k < r->retina.ganglions; k++) if (g[k].spikes) layer_of[spiking++] = k;
    convis_status status = convis_units_check(c, unit, count, spiking);
    if (status) return status;
    for (int64_t k = 0; k < count; k++) many[unit[k].layer]++;
    for (int s = 0; s < spiking && !status; s++) {
        list[s] = convis_obtain(c, (size_t)(many[s] + 1)*sizeof **list);
        if (!list[s]) status = CONVIS_ENOMEM;
        many[s] = 0;
    }
    for (int64_t k = 0; k < count && !status; k++) list[unit[k].layer][many[unit[k].layer]++] = unit[k];
    for (int s = 0; s < spiking; s++) {
        struct convis_ganglion *own = &g[layer_of[s]];
        if (status) { convis_release(c, list[s]); continue; }
        convis_release(c, own->unit);
        own->unit = list[s];
        own->units = many[s];
    }
    return status;
}

/* ---- Building ---- */

/* What the user should know of the cells and the map before the numbers surprise. */
static convis_status inspect(convis_recipe *r, int64_t width, int64_t height)
{
    convis_context *c = r->context;
    const struct convis_retina *d = &r->retina;
    struct convis_warnings *w = &r->warnings;
    struct convis_retina_map map;
    struct convis_cells cells;
    int64_t seen_x = convis_retina_offered(d, width), seen_y = convis_retina_offered(d, height);
    if (seen_x < 1 || seen_y < 1)
        return convis_fail(c, CONVIS_ESHAPE, "eye.amplitude: %g deg takes %.0f pixels from an input of %lld x %lld, expected less", d->eye_amplitude,
                           4*d->eye_amplitude*d->ppd, (long long)width, (long long)height);
    convis_status status = convis_retina_map(c, d, seen_x, seen_y, &map);
    int arrays = 0, dense = 0;
    for (int k = 0; k < d->ganglions && !status; k++) {
        const struct convis_ganglion *g = &d->ganglion[k];
        if (!g->spikes) continue;
        dense |= !g->unit && g->cells == CONVIS_CELLS_DENSE;
        arrays |= g->unit || g->cells != CONVIS_CELLS_DENSE;
        if (g->unit) continue;
        double ax = g->cells == CONVIS_CELLS_CIRCULAR ? g->diameter : g->size_x, ay = g->cells == CONVIS_CELLS_CIRCULAR ? ax : g->size_y;
        if ((ax > map.array_x[k] || ay > map.array_y[k]) && (g->cells == CONVIS_CELLS_SQUARE || g->cells == CONVIS_CELLS_CIRCULAR))
            status = convis_warn(c, w, "ganglion_%d.cells: the array was cut to %.4g x %.4g deg, which keeps its cells clear of the edges", k,
                                 map.array_x[k], map.array_y[k]);
        if (!status && d->log_polar && g->cells == CONVIS_CELLS_SQUARE)
            status = convis_warn(c, w, "ganglion_%d.cells: a square array does not thin out with the log-polar scheme; a circular one does", k);
    }
    if (!status && (map.size_x < seen_x || map.size_y < seen_y))
        status = convis_warn(c, w, "the retina sees the central %lld x %lld of %lld x %lld pixels, all that its arrays need", (long long)map.size_x,
                             (long long)map.size_y, (long long)seen_x, (long long)seen_y);
    if (status || !arrays || dense) return status;       /* dense cells are many and nothing about them surprises */
    if ((status = convis_retina_cells(c, d, &map, NULL, 0, (uint64_t)d->cell_seed, &cells))) return status;
    for (int k = 0; k < d->ganglions && !status; k++)
        if (d->ganglion[k].spikes && !cells.count[k] && !d->ganglion[k].unit)
            status = convis_warn(c, w, "ganglion_%d.cells: no cell fits into the %lld x %lld pixels that are clear of the edges; "
                                       "a larger input or dense cells have some", k, (long long)map.zone_x, (long long)map.zone_y);
    if (!status && cells.outside)
        status = convis_warn(c, w, "units: %lld lie%s outside the map of %lld x %lld pixels and see%s its border", (long long)cells.outside,
                             cells.outside == 1 ? "s" : "", (long long)map.size_x, (long long)map.size_y,
                             cells.outside == 1 ? "s" : "");
    convis_cells_free(c, &cells);
    return status;
}

convis_status convis_recipe_build(convis_recipe *r, int64_t width, int64_t height, convis_model **model)
{
    *model = NULL;
    while (r->warnings.count > r->opened) convis_release(r->context, r->warnings.text[--r->warnings.count]);
    if (width < 1 || height < 1 || width > 1 << 20 || height > 1 << 20)
        return convis_fail(r->context, CONVIS_ESHAPE, "input: %lld x %lld pixels, expected 1 to %d each way", (long long)width,
                           (long long)height, 1 << 20);
    if (r->graph) return convis_graph_build(r->context, r->graph, model);
    convis_status status = convis_retina_check(r->context, &r->retina);
    if (!status) status = inspect(r, width, height);
    if (!status) status = convis_retina_build(r->context, &r->retina, NULL, 0, width, height, model);
    if (!status && r->parameters) status = convis_parameters_parse(*model, "parameters", r->parameters);
    if (!status) status = convis_recipe_apply_arrays(r, *model);
    if (status) convis_model_free(model);
    return status;
}

convis_status convis_recipe_add_parameters(convis_recipe *r, const char *lines)
{
    if (r->graph) return convis_graph_set_lines(r->context, r->graph, "parameters", lines);
    size_t before = r->parameters ? strlen(r->parameters) : 0, more = strlen(lines);
    char *all = convis_obtain(r->context, before + more + 2);
    if (!all) return CONVIS_ENOMEM;
    if (before) memcpy(all, r->parameters, before);
    memcpy(all + before, lines, more);
    if (more && lines[more - 1] != '\n') all[before + more] = '\n';
    convis_release(r->context, r->parameters);
    r->parameters = all;
    return CONVIS_OK;
}

convis_status convis_recipe_load_parameters(convis_recipe *r, const char *file)
{
    char *text = NULL;
    size_t size;
    if (has_extension(file, ".npz", ".npz")) return convis_npz_to_recipe(r, file);
    convis_status status = convis_slurp(r->context, file, &text, &size);
    if (!status) status = r->graph ? convis_graph_set_lines(r->context, r->graph, file, text) : convis_recipe_add_parameters(r, text);
    convis_release(r->context, text);
    return status;
}

const char *convis_recipe_parameters(const convis_recipe *r) { return r->parameters; }

/* ---- Saving ---- */

convis_status convis_recipe_text(const convis_recipe *r, char **text)
{
    *text = NULL;
    if (r->graph) return convis_graph_write(r->context, r->graph, text);
    convis_status status = convis_retina_check(r->context, &r->retina);      /* nothing is written that could not be read */
    return status ? status : convis_xml_write(r->context, &r->retina, text);
}

convis_status convis_recipe_yaml(const convis_recipe *r, char **text)
{
    if (r->graph) return convis_recipe_text(r, text);
    *text = NULL;
    convis_status status = convis_retina_check(r->context, &r->retina);
    return status ? status : convis_retina_write_yaml(r->context, &r->retina, text);
}

void convis_recipe_text_free(const convis_recipe *r, char **text)
{
    if (!r || !text) return;
    convis_release(r->context, *text);
    *text = NULL;
}

convis_status convis_recipe_save(const convis_recipe *r, const char *file)
{
    char *text;
    convis_out out;
    const int is_xml = has_extension(file, ".xml", ".xml");
    if (!is_xml && !has_extension(file, ".yaml", ".yml"))
        return convis_fail(r->context, CONVIS_ENOTSUP, "%s: expected a name that ends in .yaml or .xml, the formats of models", file);
    if (is_xml && r->graph)
        return convis_fail(r->context, CONVIS_ENOTSUP, "%s: VirtualRetina's format has only retinas; expected a name that ends in .yaml",
                           file);
    convis_status status = is_xml ? convis_recipe_text(r, &text) : convis_recipe_yaml(r, &text);
    if (status) return status;
    status = convis_out_open(r->context, file, 0, &out);
    if (!status) {
        convis_out_write(&out, text, strlen(text));
        status = convis_out_finish(&out, 1);
    }
    convis_release(r->context, text);
    return status;
}

const char *convis_recipe_warning(const convis_recipe *r, int index)
{
    return index >= 0 && index < r->warnings.count ? r->warnings.text[index] : NULL;
}
