/* trials.c - see trials.h. */
#include "trials.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What layers need ---- */

/* Cells everywhere, in the corners, and outside. */
static void supply_cells(convis_model *m, const char *name, convis_shape in)
{
    enum { CELLS = 75 };
    double x[CELLS], y[CELLS], w = (double)in.dim[CONVIS_X], h = (double)in.dim[CONVIS_Y];
    char path[160];
    for (int k = 0; k < CELLS; k++) {
        x[k] = k == 0 ? 0 : k == 1 ? w - 1 : k == 2 ? -3 : k == 3 ? w + 5 : -1 + (w + 1)*chance(31, (uint64_t)k);
        y[k] = k == 0 ? 0 : k == 1 ? h - 1 : k == 2 ? h/2 : k == 3 ? -1e5 : -1 + (h + 1)*chance(32, (uint64_t)k);
    }
    snprintf(path, sizeof path, "%s.x", name);
    must(convis_model_context(m), convis_set_array(m, path, x, CELLS));
    snprintf(path, sizeof path, "%s.y", name);
    must(convis_model_context(m), convis_set_array(m, path, y, CELLS));
}

static void supply_window(convis_model *m, const char *name, convis_shape in)
{
    int64_t w = in.dim[CONVIS_X], h = in.dim[CONVIS_Y];
    must_set(m, name, "width", (double)(w - w/3));
    must_set(m, name, "height", (double)(h - h/4));
}

static void supply_crop(convis_model *m, const char *name, convis_shape in)
{
    supply_window(m, name, in);
    must_set(m, name, "left", (double)(in.dim[CONVIS_X]/3));
    must_set(m, name, "top", (double)(in.dim[CONVIS_Y]/5));
}

/* Blocks no larger than the map, channels that there are. */
static void supply_blocks(convis_model *m, const char *name, convis_shape in)
{
    int64_t least = in.dim[CONVIS_Y] < in.dim[CONVIS_X] ? in.dim[CONVIS_Y] : in.dim[CONVIS_X];
    must_set(m, name, "size", (double)(least < 3 ? least : 3));
}

static void supply_channels(convis_model *m, const char *name, convis_shape in)
{
    must_set(m, name, "first", (double)(in.dim[CONVIS_C] - 1));
    must_set(m, name, "count", 1);
}

/* What is promised here does not depend on them, but takes less long. */
static void supply_long_substeps(convis_model *m, const char *name, convis_shape in)
{
    (void)in;
    must_set(m, name, "substep", 1e-3);
}

/* Weights for the filters of earlier spikes that the other parameters ask for. */
static void supply_weights(convis_model *m, const char *name, convis_shape in)
{
    static const char *const NAMES[] = { "coupling", "basis", "count", "duration", "first" };
    double p[5], values[9*256];
    char path[160];
    for (int k = 0; k < 5; k++) {
        snprintf(path, sizeof path, "%s.%s", name, NAMES[k]);
        must(convis_model_context(m), convis_get(m, path, &p[k]));
    }
    int64_t channels = in.dim[CONVIS_C],
            each = p[1] > 0 ? (int64_t)p[2] : (int64_t)(p[3]/convis_dt(m) + 1e-6) + 1 - (int64_t)p[4];
    int64_t count = channels*(p[0] > 0 ? channels : 1)*each;
    assert_in_range(count, 1, 9*256);
    for (int64_t k = 0; k < count; k++) values[k] = chance(33, (uint64_t)k) - 0.5;
    snprintf(path, sizeof path, "%s.weights", name);
    must(convis_model_context(m), convis_set_array(m, path, values, count));
}

/* Of all four inputs, with corners, divisions and parameters. */
static void supply_formula(convis_model *m, const char *name, convis_shape in)
{
    char path[160];
    (void)in;
    snprintf(path, sizeof path, "%s.formula", name);
    must(convis_model_context(m),
         convis_set_text(m, path, "relu(a*x + b)^2 + softplus(c*y)*tanh(z) - w/(1 + exp(d*x)) + max(x, w)"));
    must_set(m, name, "a", -0.7);
    must_set(m, name, "b", 0.3);
}

static const need NEEDS[] = {
    { "expr",           -2, 2, 0, 0, supply_formula },
    { "sample",         -2, 2, 1, 0, supply_cells },
    { "crop",           -2, 2, 1, 0, supply_crop },
    { "eye",            -2, 2, 1, 1, supply_window },
    { "lif",            -20, 300, 0, 1, NULL },
    { "luminance_gain", 0, 255, 0, 0, NULL },
    { "pool",           -2, 2, 0, 0, supply_blocks },
    { "select",         -2, 2, 0, 0, supply_channels },
    { "izhikevich",      -5, 40, 0, 0, NULL },
    { "fitzhugh_nagumo", -1, 3, 0, 0, supply_long_substeps },
    { "hodgkin_huxley",  -10, 60, 0, 0, supply_long_substeps },
    { "poisson",         -50, 300, 0, 1, NULL },
    { "event_camera",    1, 1.3, 0, 1, NULL },
    { "history",         -2, 2, 0, 0, supply_weights },
    { NULL, -2, 2, 0, 0, NULL },        /* all others */
};

const need *need_of(const convis_layer_type *type)
{
    const need *n = NEEDS;
    while (n->type && strcmp(n->type, type->name)) n++;
    return n;
}

/* Where parameters are drawn; the first row that fits counts. A range from 0 gives 0 itself one time in four. */
static const struct range { const char *name; double low, high; } RANGES[] = {
    { "lif.sigma", 0, 0.3 }, { "lif.leak", 10, 100 }, { "lif.refractory", 0, 0.006 }, { "lif.refractory_sd", 0, 0.003 },
    { "lif.delta", 0, 100 }, { "lif.adaptation_tau", 0, 0.05 }, { "lif.reversal", -1, 1 },
    { "event_camera.refractory", 0, 0.01 }, { "event_camera.on", 0.1, 0.4 }, { "event_camera.off", 0.1, 0.4 },
    { "event_camera.sigma", 0, 0.05 }, { "event_camera.floor", 0.5, 1 }, { "history.duration", 0.02, 0.1 },
    { "eye.period", 0, 0.02 }, { "eye.period_sd", 0, 0.004 }, { "eye.amplitude", 0, 0.3 }, { "eye.amplitude_sd", 0, 0.1 },
    { "eye.duration", 0, 0.01 },
    { "conv.groups", 1, 1 }, { "conv.padding", 0, 2 }, { "conv.channels", 1, 5 }, { "conv.frames", 1, 9 }, { "conv.height", 1, 9 },
    { "conv.width", 1, 9 }, { "conv.stride", 1, 3 }, { "conv.dilation", 1, 2 }, { "conv.dilation_t", 1, 3 },
    { "smooth_conv.padding", 0, 2 }, { "smooth_conv.channels", 1, 5 }, { "smooth_conv.stages", 1, 6 }, { "smooth_conv.height", 1, 9 },
    { "smooth_conv.width", 1, 9 },
    { "delay", 0, 0.02 }, { "longest", 0.025, 0.03 }, { "n", 0, 4 }, { "sigma", 0, 0.3 }, { "ppd", 8, 30 }, { "fovea", 0, 1 },
    { "scaling", 0, 1.5 }, { "tau", 5e-4, 0.05 },
    { "gain", -2, 2 }, { "amplification", -200, 200 }, { "feedback", 0, 200 }, { "exponent", 1, 3 }, { "threshold", -0.5, 0.5 },
    { "reversal", -1, 1 }, { "weight", 0, 1.5 }, { "transient_weight", -20, 20 }, { "substep", 2e-4, 2e-3 }, { "nernst", -1, 1 },
};

static double drawn(const char *type, const char *name, const convis_item *p, uint64_t seed)
{
    char full[1024];
    uint64_t at = 0;
    for (const char *s = p->path; *s; s++) at = at*131 + (unsigned char)*s;
    double u = chance(seed, at), low = p->initial/2, high = p->initial ? 2*p->initial : 1;
    if (p->whole) { low = p->min; high = p->max < p->min + 32 ? p->max : p->min + 32; }
    snprintf(full, sizeof full, "%s.%s", type, name);
    for (size_t k = 0; k < sizeof RANGES/sizeof *RANGES; k++)
        if (!strcmp(RANGES[k].name, full) || !strcmp(RANGES[k].name, name)) { low = RANGES[k].low; high = RANGES[k].high; break; }
    if (p->whole) return low + floor(u*(high - low + 1));
    if (low == 0) u = u < 0.25 ? 0 : (u - 0.25)/0.75;
    double value = low + u*(high - low);
    return value < p->min ? p->min : value > p->max ? p->max : value;
}

/* ---- Trials: a layer in a setting ---- */

static const int64_t SHAPES[][CONVIS_DIMS] = {
    { 1, 1, 40, 1, 1 }, { 1, 1, 150, 7, 13 }, { 1, 1, 70, 1, 70 }, { 1, 1, 40, 33, 65 }, { 2, 3, 20, 7, 13 }, { 1, 1, 1, 5, 9 },
};
_Static_assert(sizeof SHAPES/sizeof *SHAPES == SHAPE_COUNT, "trials.h counts them");

convis_shape shape_of(int k)
{
    convis_shape s;
    memcpy(s.dim, SHAPES[k], sizeof s.dim);
    return s;
}

int fits(const trial *q) { return !need_of(q->type)->one_map || q->shape.dim[CONVIS_B]*q->shape.dim[CONVIS_C] == 1; }

const char *describe(const trial *q)
{
    static char text[256];
    const int64_t *d = q->shape.dim;
    snprintf(text, sizeof text, "%s, variant %d, %s, (%d, %d, %d, %d, %d)", q->type->name, q->variant,
             q->setting == ALONE ? "alone" : "among others", (int)d[0], (int)d[1], (int)d[2], (int)d[3], (int)d[4]);
    return text;
}

convis_tensor movie_of(const trial *q)
{
    const need *n = need_of(q->type);
    return noise_movie(q->shape, n->low, n->high, 5);
}

/* The layer is named "it". */
convis_model *build(convis_context *c, const trial *q)
{
    convis_model *m;
    convis_item p;
    must(c, convis_model_new(c, q->variant%2 ? 0.001 : 0.005, &m));
    convis_node input = convis_input(m), before = input;
    convis_edge in[CONVIS_MAX_INPUTS];
    if (q->setting == AMONG) {
        convis_edge late = { input, 1 };
        before = convis_join(m, type_named("lowpass"), "before", &late, 1);
        must_set(m, "before", "tau", 0.002);
    }
    for (int j = 0; j < q->type->inputs; j++)
        in[j] = q->setting == ALONE ? (convis_edge){ input, j } : (convis_edge){ j%2 ? input : before, 2 - j%2 };
    convis_node it = convis_join(m, q->type, "it", in, q->type->inputs);
    if (q->setting == AMONG) {
        convis_edge late = { it, 2 };
        convis_join(m, type_named("highpass"), "after", &late, 1);
    }
    for (int k = 0; q->variant && convis_list(m, CONVIS_PARAMETER, k, &p); k++)
        if (!strncmp(p.path, "it.", 3) && !p.array && !p.text)
            must(c, convis_set(m, p.path, drawn(q->type->name, p.path + 3, &p, (uint64_t)q->variant)));
    if (need_of(q->type)->supply) need_of(q->type)->supply(m, "it", q->shape);
    must(c, convis_baseline(m, need_of(q->type)->high/2));
    return m;
}

void probe_outputs(convis_model *m, const trial *q, int all)
{
    convis_item item;
    convis_context *c = convis_model_context(m);
    if (!all) must(c, convis_probe(m, q->setting == AMONG ? "after" : "it"));
    for (int k = 0; all && convis_list(m, CONVIS_OUTPUT, k, &item); k++) must(c, convis_probe(m, item.path));
    must(c, convis_record_spikes(m, 1));
}

convis_status planned_on(convis_context *c, const trial *q, const manner *how, convis_model **m)
{
    convis_shape chunk = q->shape;
    *m = build(c, q);
    probe_outputs(*m, q, how->probe_all);
    chunk.dim[CONVIS_T] = longest(q, how);
    convis_status status = convis_plan(*m, chunk);
    return status ? status : convis_seed(*m, how->seed);
}

convis_model *planned(const trial *q, const manner *how, convis_context **c)
{
    convis_model *m;
    must(*c, convis_open_with(c, how->device, how->memory));
    must(*c, convis_threads(*c, how->threads));
    must(*c, planned_on(*c, q, how, &m));
    return m;
}

int64_t longest(const trial *q, const manner *how)
{
    const int64_t frames = q->shape.dim[CONVIS_T];
    return how->longest && how->longest < frames ? how->longest : frames;
}

recording observe(const trial *q, const manner *how)
{
    convis_context *c = NULL;
    convis_model *m = planned(q, how, &c);
    convis_tensor movie = movie_of(q);
    recording r = { 0 };
    record(m, movie, 0, q->shape.dim[CONVIS_T], how->how, longest(q, how), &r);
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
    return r;
}

recording lived(convis_context *c, const trial *q, const manner *how)
{
    convis_model *m = NULL;
    convis_tensor movie = movie_of(q);
    recording r = { 0 };
    must(c, planned_on(c, q, how, &m));
    record(m, movie, 0, q->shape.dim[CONVIS_T], how->how, longest(q, how), &r);
    convis_model_free(&m);
    free(movie.data);
    return r;
}
