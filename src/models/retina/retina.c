/* retina.c - the retina of Wohrer & Kornprobst (2009) as a list of layers.
 *
 *      input -> (eye) -> (crop) -> opl.center -> (opl.undershoot) -+-----------------> opl -> (bipolar) -> ganglion_k -> spikes
 *                                                                  +-> opl.surround -->
 *      ganglion_k: (transient) -> rectify -> (pool);   spikes: (cells) -> integrate and fire
 *
 * In `virtualretina` numerics the hand-overs undershoot, surround, bipolar, transient, rectify and spikes each cost a
 * frame (SPEC 0), and every filter takes its input as constant; in `converged` none does, and what moves between frames
 * moves linearly. */
#include "retina.h"
#include "kernels/blur/blur.h"
#include "layers/layers.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct builder {
    convis_context *c;
    const struct convis_retina *r;
    struct convis_graph *g;
    convis_status status;
    int exact;                       /* converged */
    int delay;                       /* frames a hand-over costs */
    int numbered;                    /* spiking layers so far, also those that have no cells and are left out */
} builder;
typedef struct node { char name[CONVIS_GRAPH_NAME]; } node;
typedef struct edge { node from; int delay; } edge;

/* ---- Small tools: the first failure sticks ---- */

static void put(builder *b, const char *of, struct convis_value *v)
{
    struct convis_graph_layer *l = convis_graph_find(b->g, of);
    if (!b->status && l) b->status = convis_graph_put(b->c, l, v);
    else convis_value_free(b->c, v);
}

static void set(builder *b, const char *of, const char *parameter, double value)
{
    struct convis_value v = { .kind = CONVIS_VALUE_NUMBER, .number = value };
    snprintf(v.name, sizeof v.name, "%s", parameter);
    put(b, of, &v);
}

static void set_list(builder *b, const char *of, const char *parameter, const double *values, int64_t count)
{
    struct convis_value v = { .kind = CONVIS_VALUE_ARRAY, .dims = 1, .dim = { count }, .count = count };
    snprintf(v.name, sizeof v.name, "%s", parameter);
    if (!(v.array = convis_obtain(b->c, (size_t)(count + 1)*sizeof *v.array))) { b->status = CONVIS_ENOMEM; return; }
    memcpy(v.array, values, (size_t)count*sizeof *values);
    put(b, of, &v);
}

static void alias(builder *b, const char *name, const char *path)
{
    if (!b->status) b->status = convis_graph_add_alias(b->c, b->g, name, path);
}

static node join(builder *b, const convis_layer_type *type, const char *name, const edge *in, int count)
{
    struct convis_graph_layer *l;
    node n;
    snprintf(n.name, sizeof n.name, "%s", name);
    if (!b->status) b->status = convis_graph_add(b->c, b->g, name, type, &l);
    for (int k = 0; k < count && !b->status; k++) b->status = convis_graph_add_input(b->c, l, in[k].from.name, in[k].delay);
    return n;
}

static node add(builder *b, const convis_layer_type *type, const char *name, node from, int delay)
{
    return join(b, type, name, &(edge){ from, delay }, 1);
}

static void geometry(builder *b, const char *of, double sigma)
{
    const struct convis_retina *r = b->r;
    set(b, of, "sigma", sigma);
    set(b, of, "ppd", r->ppd);
    set(b, of, "method", b->exact ? CONVIS_BLUR_DIFFUSION : r->log_polar ? CONVIS_BLUR_DERICHE_RADIAL : CONVIS_BLUR_DERICHE);
    set(b, of, "fovea", r->log_polar ? r->log_polar_radius : 0);
    set(b, of, "scaling", r->log_polar ? r->log_polar_scaling : 0);
}

/* The setting's name of a parameter, where the layer's own is another. */
static void member_alias(builder *b, const char *of, const char *name, const char *member)
{
    char from[CONVIS_GRAPH_NAME], to[CONVIS_GRAPH_NAME];
    snprintf(from, sizeof from, "%.60s.%s", of, name);
    snprintf(to, sizeof to, "%.60s.%s", of, member);
    alias(b, from, to);
}

/* ---- Outer plexiform layer ---- */

/* Low pass and blur, or both at once. hold: as in lowpass.c. */
static node spatiotemporal(builder *b, const char *name, node from, int delay, double sigma, double tau, int n, double gain,
                           int hold)
{
    char blur[CONVIS_GRAPH_NAME];
    if (b->r->leaky_heat && tau > 0) {                   /* without a time constant nothing spreads */
        node here = add(b, &convis_leaky_heat, name, from, delay);
        geometry(b, name, sigma);
        set(b, name, "tau", tau);
        set(b, name, "gain", gain);
        set(b, name, "hold", hold);
        return here;
    }
    snprintf(blur, sizeof blur, "%.60s.blur", name);
    node blurred = add(b, &convis_blur_layer, blur, from, delay);
    geometry(b, blur, sigma);
    member_alias(b, name, "sigma", "blur.sigma");
    node here = add(b, &convis_lowpass, name, blurred, 0);
    set(b, name, "tau", tau);
    set(b, name, "n", n);
    set(b, name, "gain", gain);
    set(b, name, "hold", hold);
    return here;
}

static node linear_opl(builder *b, node input)
{
    const struct convis_retina *r = b->r;
    node receptor = spatiotemporal(b, "opl.center", input, 0, r->center_sigma, r->center_tau, r->center_n,
                                   r->opl_amplification/r->range, b->exact);
    const char *last = "opl.center";
    alias(b, "center", last);
    if (r->undershoot) {
        receptor = add(b, &convis_highpass, "opl.undershoot", receptor, b->delay);
        set(b, "opl.undershoot", "tau", r->undershoot_tau);
        set(b, "opl.undershoot", "weight", r->undershoot_weight);
        set(b, "opl.undershoot", "hold", b->exact ? 2 : 0);
        last = "opl.undershoot";
        alias(b, "undershoot", last);
    }
    if (r->surround_weight == 0) {
        alias(b, "opl", last);
        return receptor;
    }
    node surround = spatiotemporal(b, "opl.surround", receptor, b->delay, r->surround_sigma, r->surround_tau, 0,
                                   r->surround_weight, b->exact ? 2 : 0);
    alias(b, "surround", "opl.surround");
    alias(b, "opl.surround.weight", "opl.surround.gain");
    edge both[2] = { { receptor, 0 }, { surround, 0 } };
    node opl = join(b, &convis_difference, "opl", both, 2);
    set(b, "opl", "settled", b->exact);
    return opl;
}

static node luminance_opl(builder *b, node input)
{
    const struct convis_retina *r = b->r;
    node opl = add(b, &convis_luminance_gain, "opl", input, 0);
    geometry(b, "opl", r->horizontal_sigma);
    set(b, "opl", "tau", r->horizontal_tau);
    set(b, "opl", "leak", r->receptor_leak);
    set(b, "opl", "feedback", r->horizontal_feedback);
    set(b, "opl", "nernst", r->horizontal_nernst);
    set(b, "opl", "weight", r->horizontal_weight);
    set(b, "opl", "exact", b->exact);
    alias(b, "center", "opl.receptor");
    alias(b, "surround", "opl.horizontal");
    member_alias(b, "opl", "receptor.leak", "leak");
    member_alias(b, "opl", "horizontal.sigma", "sigma");
    member_alias(b, "opl", "horizontal.tau", "tau");
    member_alias(b, "opl", "horizontal.weight", "weight");
    member_alias(b, "opl", "horizontal.feedback", "feedback");
    member_alias(b, "opl", "horizontal.nernst", "nernst");
    return opl;
}

/* ---- Bipolar cells ---- */

static node bipolar(builder *b, node opl)
{
    const struct convis_retina *r = b->r;
    node here = add(b, &convis_gain_control, "bipolar", opl, b->delay);
    geometry(b, "bipolar", r->adaptation_sigma);
    set(b, "bipolar", "tau", r->adaptation_tau);
    set(b, "bipolar", "amplification", r->bipolar_amplification);
    set(b, "bipolar", "leak", r->bipolar_leak);
    set(b, "bipolar", "feedback", r->adaptation_amplification);
    set(b, "bipolar", "exact", b->exact);
    if (r->bipolar == CONVIS_GAIN_CUSTOM) {
        set(b, "bipolar", "exponent", r->adaptation_exponent);
        set(b, "bipolar", "reversal", r->adaptation_reversal);
        set(b, "bipolar", "symmetric", r->adaptation_symmetric);
        set(b, "bipolar", "threshold", r->adaptation_threshold);
        set(b, "bipolar", "transient_weight", r->bipolar_transient_weight);
        set(b, "bipolar", "transient_tau", r->bipolar_transient_tau);
        member_alias(b, "bipolar", "adaptation.exponent", "exponent");
        member_alias(b, "bipolar", "adaptation.reversal", "reversal");
        member_alias(b, "bipolar", "adaptation.threshold", "threshold");
        member_alias(b, "bipolar", "transient.weight", "transient_weight");
        member_alias(b, "bipolar", "transient.tau", "transient_tau");
    }
    alias(b, "adaptation", "bipolar.adaptation");
    alias(b, "attenuation", "bipolar.attenuation");
    alias(b, "bipolar.adaptation.sigma", "bipolar.sigma");
    alias(b, "bipolar.adaptation.tau", "bipolar.tau");
    alias(b, "bipolar.adaptation.amplification", "bipolar.feedback");
    return here;
}

/* ---- Ganglion cells ---- */

static node ganglion_current(builder *b, const struct convis_ganglion *g, const char *name, node source)
{
    char path[CONVIS_GRAPH_NAME], rectify[CONVIS_GRAPH_NAME];
    if (g->transient_weight != 0) {
        snprintf(path, sizeof path, "%.60s.transient", name);
        source = add(b, &convis_highpass, path, source, b->delay);
        set(b, path, "tau", g->transient_tau);
        set(b, path, "weight", g->transient_weight);
        set(b, path, "hold", b->exact ? 2 : 0);
        set(b, path, "settled", b->exact);
    }
    snprintf(rectify, sizeof rectify, g->pool_sigma > 0 ? "%.60s.rectify" : "%.60s", name);
    node current = add(b, &convis_rectify, rectify, source, b->delay);
    set(b, rectify, "sign", g->sign);
    set(b, rectify, "threshold", g->threshold);
    set(b, rectify, "value_at_threshold", g->value_at_threshold);
    set(b, rectify, "amplification", g->amplification);
    set(b, rectify, "settled", b->exact);
    if (g->pool_sigma > 0) {
        current = add(b, &convis_blur_layer, name, current, 0);
        geometry(b, name, g->pool_sigma);
        member_alias(b, name, "pool.sigma", "sigma");
        member_alias(b, name, "threshold", "rectify.threshold");
        member_alias(b, name, "value_at_threshold", "rectify.value_at_threshold");
        member_alias(b, name, "amplification", "rectify.amplification");
    }
    return current;
}

/* Dense cells, one a pixel, need no interpolation. */
static void spiking(builder *b, const struct convis_ganglion *g, const char *name, node current,
                    const struct convis_mosaic *cells, int k)
{
    char path[CONVIS_GRAPH_NAME];
    int  delay = b->delay;
    if (!cells->dense[k]) {
        snprintf(path, sizeof path, "%.60s.cells", name);
        current = add(b, &convis_sample, path, current, delay);
        delay = 0;
        set_list(b, path, "x", cells->x + cells->first[k], cells->count[k]);
        set_list(b, path, "y", cells->y + cells->first[k], cells->count[k]);
    }
    snprintf(path, sizeof path, "%.60s.spikes", name);
    add(b, &convis_lif, path, current, delay);
    struct convis_graph_layer *lif = convis_graph_find(b->g, path);
    if (lif) lif->skipped = cells->layer[k] - b->numbered;
    b->numbered = cells->layer[k] + 1;
    char probe[CONVIS_GRAPH_NAME];
    snprintf(probe, sizeof probe, "spikes_%d", cells->layer[k]);
    alias(b, probe, path);
    if (cells->layer[k] == 0) alias(b, "spikes", path);
    set(b, path, "leak", g->leak);
    set(b, path, "sigma", g->noise);
    set(b, path, "refractory", g->refractory);
    set(b, path, "refractory_sd", g->refractory_sd);
    set(b, path, "random_init", g->random_init);
    set(b, path, "exact", b->exact);
    member_alias(b, path, "noise", "sigma");
    if (g->adaptation) {
        set(b, path, "delta", g->adaptation_delta);
        set(b, path, "adaptation_tau", g->adaptation_tau);
        set(b, path, "reversal", g->adaptation_reversal);
        member_alias(b, path, "adaptation.delta", "delta");
        member_alias(b, path, "adaptation.tau", "adaptation_tau");
        member_alias(b, path, "adaptation.reversal", "reversal");
    }
}

/* ---- The whole ---- */

static node view(builder *b, int64_t width, int64_t height, int64_t seen_x, int64_t seen_y, const struct convis_retina_map *map)
{
    const struct convis_retina *r = b->r;
    node here = { "input" };
    if (r->eye) {
        here = add(b, &convis_eye, "eye", here, 0);
        set(b, "eye", "width", (double)seen_x);
        set(b, "eye", "height", (double)seen_y);
        set(b, "eye", "ppd", r->ppd);
        set(b, "eye", "period", r->eye_period);
        set(b, "eye", "period_sd", r->eye_period_sd);
        set(b, "eye", "amplitude", r->eye_amplitude);
        set(b, "eye", "amplitude_sd", r->eye_amplitude_sd);
        set(b, "eye", "duration", r->eye_duration);
        set(b, "eye", "duration_sd", r->eye_duration_sd);
        set(b, "eye", "angular_noise", r->eye_angular_noise);
        set(b, "eye", "exact", b->exact);
    } else if (map->size_x == width && map->size_y == height) {
        return here;
    }
    if (map->size_x == seen_x && map->size_y == seen_y) return here;
    here = add(b, &convis_crop, "crop", here, 0);
    set(b, "crop", "left", (double)map->offset_x);
    set(b, "crop", "top", (double)map->offset_y);
    set(b, "crop", "width", (double)map->size_x);
    set(b, "crop", "height", (double)map->size_y);
    return here;
}

static void layers(builder *b, int64_t width, int64_t height, int64_t seen_x, int64_t seen_y, const struct convis_retina_map *map,
                   const struct convis_mosaic *cells)
{
    const struct convis_retina *r = b->r;
    node here = view(b, width, height, seen_x, seen_y, map);
    here = r->opl == CONVIS_OPL_LUMINANCE ? luminance_opl(b, here) : linear_opl(b, here);
    if (r->bipolar != CONVIS_GAIN_OFF) here = bipolar(b, here);
    for (int k = 0; k < r->ganglions; k++) {
        char name[32];
        snprintf(name, sizeof name, "ganglion_%d", k);
        node current = ganglion_current(b, &r->ganglion[k], name, here);
        /* No cell may have found room; then the layer only gives its current. */
        if (r->ganglion[k].spikes && cells->count[k]) spiking(b, &r->ganglion[k], name, current, cells, k);
    }
}

/* An array that is to have no cells (docs/retina.md): none is missing. */
static int is_empty(const struct convis_ganglion *g)
{
    return g->cells == CONVIS_CELLS_CIRCULAR ? g->diameter < 0 : g->density <= 0 || g->size_x < 0 || g->size_y < 0;
}

/* Warnings about the cells and the map. */
static convis_status inspect(convis_context *c, const struct convis_retina *d, int64_t seen_x, int64_t seen_y,
                             const struct convis_retina_map *map, const struct convis_mosaic *cells, struct convis_warnings *w)
{
    convis_status status = CONVIS_OK;
    int arrays = 0, dense = 0;
    for (int k = 0; k < d->ganglions && !status; k++) {
        const struct convis_ganglion *g = &d->ganglion[k];
        if (!g->spikes) continue;
        dense |= !g->listed && g->cells == CONVIS_CELLS_DENSE;
        arrays |= g->listed || g->cells != CONVIS_CELLS_DENSE;
        if (g->listed) continue;
        double ax = g->cells == CONVIS_CELLS_CIRCULAR ? g->diameter : g->size_x,
               ay = g->cells == CONVIS_CELLS_CIRCULAR ? ax : g->size_y;
        if ((ax > map->array_x[k] || ay > map->array_y[k]) &&
            (g->cells == CONVIS_CELLS_SQUARE || g->cells == CONVIS_CELLS_CIRCULAR))
            status = convis_warn(c, w, "ganglion_%d.cells: the array was cut to %.4g x %.4g deg, which keeps its cells clear of "
                                 "the edges", k, map->array_x[k], map->array_y[k]);
        if (!status && d->log_polar && g->cells == CONVIS_CELLS_SQUARE)
            status = convis_warn(c, w, "ganglion_%d.cells: a square array does not thin out with the log-polar scheme; a "
                                 "circular one does", k);
    }
    if (!status && (map->size_x < seen_x || map->size_y < seen_y))
        status = convis_warn(c, w, "the retina sees the central %lld x %lld of %lld x %lld pixels, all that its arrays need",
                             (long long)map->size_x, (long long)map->size_y, (long long)seen_x, (long long)seen_y);
    if (status || !arrays || dense) return status;       /* dense cells are many and need no warning */
    for (int k = 0; k < d->ganglions && !status; k++)
        if (d->ganglion[k].spikes && !cells->count[k] && !d->ganglion[k].listed && !is_empty(&d->ganglion[k]))
            status = convis_warn(c, w,
                                 "ganglion_%d.cells: no cell fits into the %lld x %lld pixels that are clear of the edges; "
                                 "a larger input or dense cells have some",
                                 k, (long long)map->zone_x, (long long)map->zone_y);
    if (!status && cells->outside)
        status = convis_warn(c, w, "units: %lld lie%s outside the map of %lld x %lld pixels and see%s its border",
                             (long long)cells->outside, cells->outside == 1 ? "s" : "", (long long)map->size_x,
                             (long long)map->size_y, cells->outside == 1 ? "s" : "");
    return status;
}

convis_status convis_retina_layers(convis_context *c, const struct convis_retina *r, int64_t width, int64_t height,
                                   struct convis_warnings *warnings, struct convis_graph *g)
{
    const int exact = r->numerics == CONVIS_CONVERGED;
    builder b = { .c = c, .r = r, .g = g, .exact = exact, .delay = !exact, .status = convis_retina_check(c, r) };
    const int64_t seen_x = convis_retina_offered(r, width), seen_y = convis_retina_offered(r, height);
    struct convis_retina_map map;
    struct convis_mosaic cells = { 0 };
    if (b.status) return b.status;
    if (seen_x < 1 || seen_y < 1)
        return convis_fail(c, CONVIS_ESHAPE,
                           "eye.amplitude: %g deg takes %.0f pixels from an input of %lld x %lld, expected less",
                           r->eye_amplitude, 4*r->eye_amplitude*r->ppd, (long long)width, (long long)height);
    b.status = convis_retina_map(c, r, seen_x, seen_y, &map);
    if (!b.status) b.status = convis_retina_cells(c, r, &map, NULL, 0, (uint64_t)r->cell_seed, &cells);
    if (!b.status) b.status = inspect(c, r, seen_x, seen_y, &map, &cells, warnings);
    if (!b.status) layers(&b, width, height, seen_x, seen_y, &map, &cells);
    g->dt = r->dt;
    g->baseline = convis_retina_initial(r);
    g->has_baseline = 1;
    if (!b.status && cells.total) {
        g->cell = cells.cell;                            /* handed over */
        g->cells = cells.total;
        cells.cell = NULL;
    }
    convis_mosaic_free(c, &cells);
    return b.status;
}
