/* taken.c - a retina's settings from its layers: what was set or fitted in a layer becomes the setting that determines it.
 *
 * A setting and the parameter that it sets have one path, or an alias of the layers leads from the one to the other (retina.c). So the
 * layers are made for a single pixel and read. Two do not follow that rule: the gain of the centre, which is opl.amplification/range, and
 * the sigmas, which also decide where arrays have their cells: cells.border then fixes the cells where they are. */
#include "retina.h"
#include "base/lines.h"
#include "base/text.h"
#include "models/graph/yaml.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Layers of one pixel ---- */

/* Everything that this retina has, and the numbers that it would have with a custom gain control; cells without a place. */
static convis_status layers_of(convis_context *c, const struct convis_retina *r, struct convis_graph *g)
{
    struct convis_retina small = *r;
    struct convis_warnings none = { .text = NULL };
    small.eye = 0;                                       /* its settings are its layer's */
    if (small.bipolar == CONVIS_GAIN_ON) small.bipolar = CONVIS_GAIN_CUSTOM;
    for (int k = 0; k < small.ganglions; k++) {
        small.ganglion[k].listed = NULL;
        small.ganglion[k].cells = CONVIS_CELLS_DENSE;
    }
    *g = (struct convis_graph){ .dt = r->dt };
    convis_status status = convis_retina_layers(c, &small, 1, 1, &none, g);
    convis_warnings_free(c, &none);
    if (status) convis_graph_clear(c, g);
    return status;
}

/* Does the layer have this number, and no other? */
static int has_value(convis_context *c, const struct convis_retina *r, const char *path, double value)
{
    struct convis_graph g;
    char text[64];
    double now;
    if (layers_of(c, r, &g)) return 0;
    const int good = !convis_graph_get(c, &g, path, text, sizeof text) && convis_number_parse(text, &now) && now == value;
    convis_graph_clear(c, &g);
    return good;
}

/* ---- Settings ---- */

/* The setting of which the parameter is the number; 0: there is none. */
static int find_setting(const struct convis_retina *r, const struct convis_graph *layers, const char *path, char setting[128])
{
    convis_setting s;
    struct convis_retina all = *r;
    const char *real = convis_graph_resolve(layers, path);
    if (all.bipolar == CONVIS_GAIN_ON) all.bipolar = CONVIS_GAIN_CUSTOM;
    for (int k = 0; convis_retina_list(&all, k, &s); k++)
        if (!strcmp(convis_graph_resolve(layers, s.path), real)) { snprintf(setting, 128, "%s", s.path); return 1; }
    return 0;
}

/* A setting from which, with others as they are, that very number follows; the nearest where there is none. */
static double before_division(double quotient, double divisor)
{
    double x = quotient*divisor;
    for (int k = 0; k < 3 && x/divisor < quotient; k++) x = nextafter(x, divisor > 0 ? INFINITY : -INFINITY);
    for (int k = 0; k < 3 && x/divisor > quotient; k++) x = nextafter(x, divisor > 0 ? -INFINITY : INFINITY);
    return x;
}

static int has_arrays(const struct convis_retina *r)
{
    for (int k = 0; k < r->ganglions; k++) {
        const struct convis_ganglion *g = &r->ganglion[k];
        if (g->spikes && (g->cells == CONVIS_CELLS_SQUARE || g->cells == CONVIS_CELLS_CIRCULAR)) return 1;
    }
    return 0;
}

convis_status convis_retina_take(convis_context *c, struct convis_retina *r, const char *path, double value)
{
    struct convis_graph layers;
    struct convis_retina before = *r;
    char setting[128] = "", number[32];
    const double border = convis_retina_border(r);
    if (layers_of(c, r, &layers)) return CONVIS_ENAME;
    const int is_gain = !strcmp(convis_graph_resolve(&layers, path), "opl.center.gain") && r->opl == CONVIS_OPL_LINEAR;
    if (is_gain) snprintf(setting, sizeof setting, "opl.amplification");
    else if (!find_setting(r, &layers, path, setting)) *setting = 0;
    convis_graph_clear(c, &layers);
    if (!*setting) return CONVIS_ENAME;
    convis_number_print(is_gain ? before_division(value, r->range) : value, number, sizeof number);
    if (convis_retina_set(c, r, setting, number)) return CONVIS_ENAME;
    if (!is_gain && !has_value(c, r, path, value)) {     /* a switch that it turned, a bound: it stays a parameter of the layer */
        *r = before;
        return CONVIS_ENAME;
    }
    if (has_arrays(r) && convis_retina_border(r) != border) r->cell_border = border;
    return CONVIS_OK;
}
