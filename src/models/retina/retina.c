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
#include "engine/model.h"
#include "layers/layers.h"
#include "kernels/blur/blur.h"
#include <math.h>
#include <stdio.h>

typedef struct builder {
    const struct convis_retina *r;
    convis_model *model;
    convis_status status;
    int exact;                       /* converged */
    int delay;                       /* frames a hand-over costs */
} builder;

/* ---- Small tools: the first failure sticks, as in convis_join ---- */

static void set(builder *b, const char *of, const char *parameter, double value)
{
    char path[256];
    snprintf(path, sizeof path, "%s.%s", of, parameter);
    if (!b->status) b->status = convis_set(b->model, path, value);
}

static convis_node join(builder *b, const convis_layer_type *type, const char *name, convis_node from, int delay)
{
    convis_edge e = { from, delay };
    return convis_join(b->model, type, name, &e, 1);
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

/* The description's name of a parameter, where the layer's own is another. */
static void member_alias(builder *b, const char *of, const char *name, const char *member)
{
    char from[NAME_SIZE], to[NAME_SIZE];
    snprintf(from, sizeof from, "%.60s.%s", of, name);
    snprintf(to, sizeof to, "%.60s.%s", of, member);
    convis_alias(b->model, from, to);
}

/* ---- Outer plexiform layer ---- */

/* Low pass and blur, or both at once. hold: as in lowpass.c. */
static convis_node spatiotemporal(builder *b, const char *name, convis_node from, int delay, double sigma, double tau, int n,
                                  double gain, int hold)
{
    char blur[NAME_SIZE];
    if (b->r->leaky_heat && tau > 0) {                   /* without a time constant nothing spreads */
        convis_node node = join(b, &convis_leaky_heat, name, from, delay);
        geometry(b, name, sigma);
        set(b, name, "tau", tau);
        set(b, name, "gain", gain);
        set(b, name, "hold", hold);
        return node;
    }
    snprintf(blur, sizeof blur, "%.60s.blur", name);
    convis_node blurred = join(b, &convis_blur_layer, blur, from, delay);
    geometry(b, blur, sigma);
    member_alias(b, name, "sigma", "blur.sigma");
    convis_node node = convis_add(b->model, &convis_lowpass, name, blurred);
    set(b, name, "tau", tau);
    set(b, name, "n", n);
    set(b, name, "gain", gain);
    set(b, name, "hold", hold);
    return node;
}

static convis_node linear_opl(builder *b, convis_node input)
{
    const struct convis_retina *r = b->r;
    convis_node receptor = spatiotemporal(b, "opl.center", input, 0, r->center_sigma, r->center_tau, r->center_n,
                                          r->opl_amplification/r->range, b->exact);
    const char *last = "opl.center";
    convis_alias(b->model, "center", last);
    if (r->undershoot) {
        receptor = join(b, &convis_highpass, "opl.undershoot", receptor, b->delay);
        set(b, "opl.undershoot", "tau", r->undershoot_tau);
        set(b, "opl.undershoot", "weight", r->undershoot_weight);
        set(b, "opl.undershoot", "hold", b->exact ? 2 : 0);
        last = "opl.undershoot";
        convis_alias(b->model, "undershoot", last);
    }
    if (r->surround_weight == 0) {
        convis_alias(b->model, "opl", last);
        return receptor;
    }
    convis_node surround = spatiotemporal(b, "opl.surround", receptor, b->delay, r->surround_sigma, r->surround_tau, 0,
                                          r->surround_weight, b->exact ? 2 : 0);
    convis_alias(b->model, "surround", "opl.surround");
    convis_alias(b->model, "opl.surround.weight", "opl.surround.gain");
    convis_edge both[2] = { { receptor, 0 }, { surround, 0 } };
    convis_node opl = convis_join(b->model, &convis_difference, "opl", both, 2);
    set(b, "opl", "settled", b->exact);
    return opl;
}

static convis_node luminance_opl(builder *b, convis_node input)
{
    const struct convis_retina *r = b->r;
    convis_node opl = join(b, &convis_luminance_gain, "opl", input, 0);
    geometry(b, "opl", r->horizontal_sigma);
    set(b, "opl", "tau", r->horizontal_tau);
    set(b, "opl", "leak", r->receptor_leak);
    set(b, "opl", "feedback", r->horizontal_feedback);
    set(b, "opl", "nernst", r->horizontal_nernst);
    set(b, "opl", "weight", r->horizontal_weight);
    set(b, "opl", "exact", b->exact);
    convis_alias(b->model, "center", "opl.receptor");
    convis_alias(b->model, "surround", "opl.horizontal");
    return opl;
}

/* ---- Bipolar cells ---- */

static convis_node bipolar(builder *b, convis_node opl)
{
    const struct convis_retina *r = b->r;
    convis_node node = join(b, &convis_gain_control, "bipolar", opl, b->delay);
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
    }
    convis_alias(b->model, "adaptation", "bipolar.adaptation");
    convis_alias(b->model, "attenuation", "bipolar.attenuation");
    convis_alias(b->model, "bipolar.adaptation.sigma", "bipolar.sigma");
    convis_alias(b->model, "bipolar.adaptation.tau", "bipolar.tau");
    convis_alias(b->model, "bipolar.adaptation.amplification", "bipolar.feedback");
    return node;
}

/* ---- Ganglion cells ---- */

static convis_node ganglion_current(builder *b, const struct convis_ganglion *g, const char *name, convis_node source)
{
    char path[NAME_SIZE], rectify[NAME_SIZE];
    if (g->transient_weight != 0) {
        snprintf(path, sizeof path, "%.60s.transient", name);
        source = join(b, &convis_highpass, path, source, b->delay);
        set(b, path, "tau", g->transient_tau);
        set(b, path, "weight", g->transient_weight);
        set(b, path, "hold", b->exact ? 2 : 0);
        set(b, path, "settled", b->exact);
    }
    snprintf(rectify, sizeof rectify, g->pool_sigma > 0 ? "%.60s.rectify" : "%.60s", name);
    convis_node current = join(b, &convis_rectify, rectify, source, b->delay);
    set(b, rectify, "sign", g->sign);
    set(b, rectify, "threshold", g->threshold);
    set(b, rectify, "value_at_threshold", g->value_at_threshold);
    set(b, rectify, "amplification", g->amplification);
    set(b, rectify, "settled", b->exact);
    if (g->pool_sigma > 0) {
        current = convis_add(b->model, &convis_blur_layer, name, current);
        geometry(b, name, g->pool_sigma);
    }
    return current;
}

/* Dense cells, one a pixel, need no interpolation. */
static void spiking(builder *b, const struct convis_ganglion *g, const char *name, convis_node current, const struct convis_cells *cells,
                    int k)
{
    char path[NAME_SIZE];
    int  delay = b->delay;
    if (!cells->dense[k]) {
        char member[NAME_SIZE];
        snprintf(path, sizeof path, "%.60s.cells", name);
        current = join(b, &convis_sample, path, current, delay);
        delay = 0;
        snprintf(member, sizeof member, "%.70s.x", path);
        if (!b->status) b->status = convis_set_array(b->model, member, cells->x + cells->first[k], cells->count[k]);
        snprintf(member, sizeof member, "%.70s.y", path);
        if (!b->status) b->status = convis_set_array(b->model, member, cells->y + cells->first[k], cells->count[k]);
    }
    snprintf(path, sizeof path, "%.60s.spikes", name);
    join(b, &convis_lif, path, current, delay);
    char probe[NAME_SIZE];
    snprintf(probe, sizeof probe, "spikes_%d", cells->layer[k]);
    convis_alias(b->model, probe, path);
    if (cells->layer[k] == 0) convis_alias(b->model, "spikes", path);
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

static convis_node view(builder *b, int64_t width, int64_t height, int64_t seen_x, int64_t seen_y, const struct convis_retina_map *map)
{
    const struct convis_retina *r = b->r;
    convis_node node = convis_input(b->model);
    if (r->eye) {
        node = convis_add(b->model, &convis_eye, "eye", node);
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
        return node;
    }
    if (map->size_x == seen_x && map->size_y == seen_y) return node;
    node = convis_add(b->model, &convis_crop, "crop", node);
    set(b, "crop", "left", (double)map->offset_x);
    set(b, "crop", "top", (double)map->offset_y);
    set(b, "crop", "width", (double)map->size_x);
    set(b, "crop", "height", (double)map->size_y);
    return node;
}

static void layers(builder *b, int64_t width, int64_t height, int64_t seen_x, int64_t seen_y, const struct convis_retina_map *map,
                   const struct convis_cells *cells)
{
    const struct convis_retina *r = b->r;
    convis_node node = view(b, width, height, seen_x, seen_y, map);
    node = r->opl == CONVIS_OPL_LUMINANCE ? luminance_opl(b, node) : linear_opl(b, node);
    if (r->bipolar != CONVIS_GAIN_OFF) node = bipolar(b, node);
    for (int k = 0; k < r->ganglions; k++) {
        char name[32];
        snprintf(name, sizeof name, "ganglion_%d", k);
        convis_node current = ganglion_current(b, &r->ganglion[k], name, node);
        /* No cell may have found room; then the layer is there for its current alone. */
        if (r->ganglion[k].spikes && cells->count[k]) spiking(b, &r->ganglion[k], name, current, cells, k);
    }
}

convis_status convis_retina_build(convis_context *c, const struct convis_retina *r, const convis_unit *override, int64_t overrides,
                                  int64_t width, int64_t height, convis_model **model)
{
    builder b = { .r = r, .exact = r->numerics == CONVIS_CONVERGED, .delay = r->numerics != CONVIS_CONVERGED };
    int64_t seen_x = convis_retina_offered(r, width), seen_y = convis_retina_offered(r, height);
    struct convis_retina_map map;
    struct convis_cells cells = { 0 };
    *model = NULL;
    if (seen_x < 1 || seen_y < 1)
        return convis_fail(c, CONVIS_ESHAPE, "eye.amplitude: eye movements of %g degrees need %g pixels on every side, "
            "more than a movie of %lldx%lld has", r->eye_amplitude, 2*r->eye_amplitude*r->ppd, (long long)width, (long long)height);
    b.status = convis_retina_map(c, r, seen_x, seen_y, &map);
    if (!b.status) b.status = convis_retina_cells(c, r, &map, override, overrides, (uint64_t)r->cell_seed, &cells);
    if (!b.status) b.status = convis_model_new(c, r->dt, &b.model);
    if (!b.status) layers(&b, width, height, seen_x, seen_y, &map, &cells);
    if (!b.status) b.status = convis_past(b.model, convis_retina_initial(r));
    if (!b.status && cells.total) b.status = convis_model_units(b.model, cells.unit, cells.total);
    convis_cells_free(c, &cells);
    if (b.status) convis_model_free(&b.model);
    *model = b.model;
    return b.status;
}
