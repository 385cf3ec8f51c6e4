/* kind.c - the retina as a kind of preset: its settings make a graph of layers for the size of the movie. */
#include "retina.h"
#include "base/text.h"
#include "models/graph/yaml.h"
#include <stdio.h>
#include <string.h>

/* ---- Memory ---- */

static void release(convis_context *c, void *settings)
{
    convis_retina_clear(c, settings);
    convis_release(c, settings);
}

static convis_status copy(convis_context *c, const void *settings, void **to)
{
    struct convis_retina *r = *to = convis_obtain(c, sizeof *r);
    if (!r) return CONVIS_ENOMEM;
    *r = *(const struct convis_retina *)settings;
    int bad = 0;
    for (int k = 0; k < CONVIS_GANGLIONS; k++) {
        struct convis_ganglion *g = &r->ganglion[k];
        const convis_cell *list = g->listed;
        if (!list) continue;
        g->listed = convis_obtain(c, (size_t)(g->listed_count + 1)*sizeof *list);
        if (!g->listed) bad = 1;
        else memcpy(g->listed, list, (size_t)g->listed_count*sizeof *list);
    }
    if (!bad) return CONVIS_OK;
    release(c, r);
    *to = NULL;
    return CONVIS_ENOMEM;
}

convis_status convis_graph_of_retina(convis_context *c, struct convis_retina *r, struct convis_graph *g)
{
    *g = (struct convis_graph){ .dt = r->dt };
    struct convis_retina *settings = convis_obtain(c, sizeof *settings);
    if (!settings) { convis_retina_clear(c, r); return CONVIS_ENOMEM; }
    *settings = *r;
    memset(r, 0, sizeof *r);
    g->kind = &convis_retina_kind;
    g->settings = settings;
    return CONVIS_OK;
}

struct convis_retina *convis_retina_of(const struct convis_graph *g) { return g->kind == &convis_retina_kind ? g->settings : NULL; }

/* ---- Settings ---- */

static convis_status set(convis_context *c, void *settings, const char *path, const char *value)
{
    return convis_retina_set(c, settings, path, value);
}

static convis_status get(convis_context *c, const void *settings, const char *path, char *value, size_t size)
{
    return convis_retina_get(c, settings, path, value, size);
}

static convis_status take(convis_context *c, void *settings, const char *path, double value)
{
    return convis_retina_take(c, settings, path, value);
}

static int list(const void *settings, int index, convis_setting *s) { return convis_retina_list(settings, index, s); }
static double baseline(const void *settings) { return convis_retina_initial(settings); }

static int spiking(const void *settings)
{
    const struct convis_retina *r = settings;
    int n = 0;
    for (int k = 0; k < r->ganglions; k++) n += r->ganglion[k].spikes;
    return n;
}

static convis_status layers(convis_context *c, const void *settings, int64_t width, int64_t height, struct convis_warnings *w,
                            struct convis_graph *g)
{
    return convis_retina_layers(c, settings, width, height, w, g);
}

/* ---- Cells ---- */

/* Those of one layer instead of its own; its number counts the layers that spike, -1: all that are given. */
static convis_status set_list(convis_context *c, struct convis_ganglion *g, const convis_cell *cell, int64_t count, int layer)
{
    convis_cell *own = convis_obtain(c, (size_t)(count + 1)*sizeof *own);
    if (!own) return CONVIS_ENOMEM;
    convis_release(c, g->listed);
    g->listed = own;
    g->listed_count = 0;
    for (int64_t k = 0; k < count; k++) if (layer < 0 || cell[k].layer == layer) own[g->listed_count++] = cell[k];
    return CONVIS_OK;
}

/* Each spiking layer gets its own of the list, and none is left with its array: they are part of the settings from here on. */
static convis_status set_cells(convis_context *c, void *settings, const char *of, const convis_cell *cell, int64_t count)
{
    struct convis_retina *r = settings;
    convis_status status = CONVIS_OK;
    char quoted[64];
    int found = 0, layer = 0;
    for (int k = 0; k < r->ganglions && !status; k++) {
        char name[32];
        snprintf(name, sizeof name, "ganglion_%d", k);
        const int is_it = of ? !strcmp(of, name) : r->ganglion[k].spikes;
        if (is_it) status = set_list(c, &r->ganglion[k], cell, count, of ? -1 : layer);
        found |= is_it;
        layer += r->ganglion[k].spikes;
    }
    if (status || found || !of) return status;
    return convis_fail(c, CONVIS_ENAME, "%s.units: expected ganglion_0.units, of a layer that there is",
                       convis_quoted(quoted, of));
}

/* ---- YAML ---- */

static convis_status put(convis_context *c, FILE *f, int indent, const void *settings)
{
    const struct convis_retina *r = settings;
    convis_setting s;
    convis_status status = convis_retina_check(c, r);    /* nothing is written that could not be read */
    if (status) return status;
    fprintf(f, "%*sretina:\n", indent, "");
    for (int k = 0; convis_retina_list(r, k, &s); k++) {
        fprintf(f, "%*s%s: ", indent + 2, "", s.path);
        convis_yaml_put_scalar(f, s.value);
        putc('\n', f);
    }
    for (int k = 0; k < r->ganglions && !status; k++) {
        if (!r->ganglion[k].listed) continue;
        fprintf(f, "%*sganglion_%d.units:\n", indent + 2, "", k);
        status = convis_graph_put_cells(c, f, indent + 4, r->ganglion[k].listed, r->ganglion[k].listed_count, 0);
    }
    return status;
}

const struct convis_preset_kind convis_retina_kind = {
    .sized = 1, .copy = copy, .free = release, .set = set, .get = get, .take = take, .list = list, .layers = layers, .baseline = baseline, .spiking = spiking,
    .cells = set_cells, .put = put
};
