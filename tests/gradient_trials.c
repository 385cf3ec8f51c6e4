/* gradient_trials.c - see gradient_trials.h. */
#include "gradient_trials.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What is tested ---- */

static void supply_cells(convis_model *m, convis_shape frame)
{
    enum { CELLS = 6 };
    double w = (double)frame.dim[CONVIS_X], h = (double)frame.dim[CONVIS_Y];
    double x[CELLS] = { 0, w - 1, -3, 1.25, 1.25, w/2 + 0.3 }, y[CELLS] = { 0, h - 1, h/2, 2.5, 2.5, h + 9 };
    must(convis_model_context(m), convis_set_array(m, "it.x", x, CELLS));
    must(convis_model_context(m), convis_set_array(m, "it.y", y, CELLS));
}

/* Delays between frames, at which the gradient has no corner. */
static void supply_delays(convis_model *m, convis_shape frame)
{
    double d[1024];
    int64_t n = convis_elements(frame);
    for (int64_t i = 0; i < n; i++) d[i] = 1e-3*(floor(5*chance(41, (uint64_t)i)) + 0.2 + 0.6*chance(42, (uint64_t)i));
    must(convis_model_context(m), convis_set_array(m, "it.delays", d, n));
}

static void supply_knots(convis_model *m, convis_shape frame)
{
    static const double x[] = { -1.5, -0.4, 0.33, 0.9 }, y[] = { 0.2, -0.7, 1.1, 0.4 };
    (void)frame;
    must(convis_model_context(m), convis_set_array(m, "it.x", x, 4));
    must(convis_model_context(m), convis_set_array(m, "it.y", y, 4));
}

static void supply_weights(convis_model *m, convis_shape frame)
{
    double w[64];
    int64_t n = 4*frame.dim[CONVIS_C]*frame.dim[CONVIS_C];
    for (int64_t i = 0; i < n; i++) w[i] = chance(43, (uint64_t)i) - 0.5;
    must(convis_model_context(m), convis_set_array(m, "it.weights", w, n));
}

/* sigma in pixels is half a number here: ppd = 2. */
#define BLUR(method) "ppd=2;method=" #method ";sigma=0.9"
#define FAR(method) BLUR(method) ";fovea=0.6;scaling=0.8"
#define CUSTOM ";exponent=1.6;reversal=-0.3;threshold=0.07;transient_weight=-9;transient_tau=0.013"
#define ROW(type, set, low, high, baseline, channels, dt) { type, set, low, high, baseline, NULL, "", channels, dt, 0 }
static const setting SETTINGS[] = {
    ROW("lowpass", "n=3;hold=2", -2, 2, 0.4, 2, 0.003),
    ROW("lowpass", "n=2;hold=1;gain=-1.3", -2, 2, 0.4, 1, 0.003),
    ROW("lowpass", "hold=0", -2, 2, 0.4, 1, 0.003),
    ROW("highpass", "hold=2", -2, 2, 0.4, 1, 0.005),
    ROW("highpass", "hold=0;weight=0.7", -2, 2, 0.4, 1, 0.005),
    ROW("rectify", "sign=-1;threshold=0.2;value_at_threshold=30", -2, 2, 0.4, 1, 0.005),
    ROW("blur", BLUR(1), -2, 2, 0.4, 1, 0.005),
    ROW("blur", BLUR(1) ";sigma=4", -2, 2, 0.4, 2, 0.005),
    ROW("blur", FAR(1), -2, 2, 0.4, 1, 0.005),
    ROW("blur", BLUR(2), -2, 2, 0.4, 1, 0.005),
    ROW("blur", BLUR(2) ";sigma=0.06", -2, 2, 0.4, 2, 0.005),
    ROW("blur", FAR(3), -2, 2, 0.4, 1, 0.005),
    ROW("blur", BLUR(3) ";sigma=3", -2, 2, 0.4, 2, 0.005),
    ROW("blur", BLUR(0), -2, 2, 0.4, 1, 0.005),
    ROW("leaky_heat", BLUR(1) ";gain=1.7", -2, 2, 0.4, 2, 0.005),
    ROW("leaky_heat", BLUR(1) ";hold=2;gain=-0.6", -2, 2, 0.4, 1, 0.003),
    ROW("leaky_heat", BLUR(1) ";hold=2;tau=5;sigma=6", -2, 2, 0.4, 1, 0.001),
    ROW("leaky_heat", BLUR(1) ";tau=0.001", -2, 2, 0.4, 1, 0.005),
    ROW("leaky_heat", FAR(1) ";hold=2", -2, 2, 0.4, 1, 0.005),
    ROW("leaky_heat", BLUR(2) ";hold=2;gain=1.7", -2, 2, 0.4, 1, 0.005),
    ROW("leaky_heat", FAR(3) ";hold=1", -2, 2, 0.4, 2, 0.005),
    ROW("gain_control", BLUR(1), -0.6, 0.6, 0.3, 2, 0.001),
    ROW("gain_control", BLUR(1) ";substep=0.002", -0.6, 0.6, 0.3, 1, 0.005),
    ROW("gain_control", BLUR(1) CUSTOM, -0.6, 0.6, 0.3, 1, 0.004),
    ROW("gain_control", FAR(1) CUSTOM ";symmetric=0", -0.6, 0.6, 0.3, 1, 0.002),
    ROW("gain_control", BLUR(1) ";threshold=-0.2;exponent=2.7;feedback=60", -0.6, 0.6, 0.3, 1, 0.002),
    ROW("gain_control", BLUR(1) ";threshold=-0.2", -0.6, 0.6, 0.3, 1, 0.002),
    ROW("gain_control", BLUR(1) ";feedback=1e4;amplification=3e5;substep=0.0003", -0.6, 0.6, 0.3, 1, 0.001),
    ROW("gain_control", BLUR(2) ";exact=0", -0.6, 0.6, 0.3, 1, 0.005),
    ROW("gain_control", FAR(3) CUSTOM ";exact=0", -0.6, 0.6, 0.3, 2, 0.005),
    ROW("luminance_gain", BLUR(1) ";weight=0.7;nernst=0.02", 1, 20, 5, 2, 0.002),
    ROW("luminance_gain", FAR(1) ";weight=-0.4;feedback=20;substep=0.002", -3, 20, 5, 1, 0.005),
    /* They begin in the dark, at the corner of what horizontal cells get of P. */
    { "luminance_gain", BLUR(2) ";exact=0;weight=0.3;nernst=-0.1", 1, 20, 5, NULL, " P ", 1, 0.002, 0 },
    { "luminance_gain", FAR(3) ";exact=0", 1, 20, 5, NULL, " P ", 1, 0.002, 0 },
    { "sample", "", -2, 2, 0.4, supply_cells, "", 1, 0.005, 0 },
    ROW("crop", "left=2;top=1;width=4;height=3", -2, 2, 0.4, 1, 0.005),
    /* The path is given, not differentiated. */
    { "eye", "width=5;height=4;period=0.01;period_sd=0.003;amplitude=0.1;duration=0.012", -2, 2, 0.4, NULL, " path ", 1, 0.005,
      0 },
    { "eye", "exact=0;width=5;height=4;period=0.01;period_sd=0.003;amplitude=0.1;duration=0.012", -2, 2, 0.4, NULL, " path ", 1,
      0.005, 0 },
    ROW("lif", "leak=60;sigma=0.05", -20, 300, 30, 1, 0.003),
    { "piecewise", "", -2, 2, 0.4, supply_knots, "", 1, 0.005, 0 },
    { "variable_delay", "longest=0.006", -2, 2, 0.4, supply_delays, "", 1, 0.001, 0 },
    ROW("delay", "delay=0.0134", -2, 2, 0.4, 1, 0.005),
    ROW("pool", "", -2, 2, 0.4, 2, 0.005),
    { "history", "coupling=1;count=4", -2, 2, 0.4, supply_weights, "", 2, 0.005, 0 },
    { "expr", "formula=relu(a*x + b*y)^2 - exp(-c*x)*tanh(y);a=0.7;b=-0.4;c=0.3", -2, 2, 0.4, NULL, "", 2, 0.005, 2 },
    ROW("normalize", "tau=0.02;floor=0.3", -2, 2, 0.4, 1, 0.005),
    ROW("izhikevich", "output=1", -4, 3, 1, 1, 0.002),
    ROW("hodgkin_huxley", "output=1", -10, 60, 2, 1, 0.001),
    ROW("fitzhugh_nagumo", "output=1", -1, 3, 0, 1, 0.002),
};

const setting *settings_of(const convis_layer_type *type, int index)
{
    static setting usual;
    for (size_t k = 0; k < sizeof SETTINGS/sizeof *SETTINGS; k++)
        if (!strcmp(SETTINGS[k].type, type->name) && index-- == 0) return &SETTINGS[k];
    for (size_t k = 0; k < sizeof SETTINGS/sizeof *SETTINGS; k++)
        if (!strcmp(SETTINGS[k].type, type->name)) return NULL;
    usual = (setting){ type->name, "", -2, 2, 0.4, NULL, "", 2, 0.005, 0 };
    return index == 0 ? &usual : NULL;
}

int is_for_small_maps(const setting *s) { return s->supply == supply_delays; }

static void apply(convis_model *m, const char *settings)
{
    char text[512], path[160], *end;
    snprintf(text, sizeof text, "%s", settings);
    for (char *s = strtok(text, ";"); s; s = strtok(NULL, ";")) {
        char *value = strchr(s, '=');
        assert_non_null(value);
        *value++ = 0;
        snprintf(path, sizeof path, "it.%s", s);
        double number = strtod(value, &end);
        must(convis_model_context(m), *end ? convis_set_text(m, path, value) : convis_set(m, path, number));
    }
}

/* ---- A model under test ---- */

double weight_of(int output, int64_t i) { return chance(77 + (uint64_t)output, (uint64_t)i) - 0.4; }

convis_shape frames_of(const subject *s, int k, int64_t frames)
{
    convis_shape shape;
    must(s->context, convis_output_shape(s->model, s->output[k], &shape));
    shape.dim[CONVIS_T] = frames;
    return shape;
}

convis_status plan_subject(subject *s)
{
    convis_shape chunk = s->movie.shape;
    convis_item item;
    int any = 0;
    for (int k = 0; convis_list(s->model, CONVIS_PARAMETER, k, &item); k++) any |= item.differentiable;
    if (any) must(s->context, convis_require_gradient(s->model, "*"));
    must(s->context, convis_require_gradient(s->model, "input"));
    for (int k = 0; s->output[k]; k++) must(s->context, convis_probe(s->model, s->output[k]));
    if (!s->longest || s->longest > chunk.dim[CONVIS_T]) s->longest = chunk.dim[CONVIS_T];
    chunk.dim[CONVIS_T] = s->longest;
    s->d_movie = noise_movie(s->movie.shape, 0, 0, 1);
    convis_status status = convis_plan(s->model, chunk);
    if (status) return status;
    must(s->context, convis_seed(s->model, 5));
    return convis_reset(s->model);
}

subject subject_on(convis_context *c, const convis_layer_type *type, const setting *how, convis_shape shape, int64_t longest)
{
    subject s = { .context = c, .borrowed = 1, .output = { "it" }, .longest = longest };
    convis_edge in[CONVIS_MAX_INPUTS];
    int inputs = how->inputs ? how->inputs : type->inputs;
    must(c, convis_model_new(c, how->dt, &s.model));
    for (int k = 0; k < inputs; k++) in[k] = (convis_edge){ convis_input(s.model), k };
    convis_join(s.model, type, "it", in, inputs);
    apply(s.model, how->set);
    shape.dim[CONVIS_C] = how->channels;
    convis_shape frame = shape;
    frame.dim[CONVIS_T] = 1;
    if (how->supply) how->supply(s.model, frame);
    must(c, convis_baseline(s.model, how->baseline));
    s.movie = noise_movie(shape, how->low, how->high, 3);
    return s;
}

subject subject_of(const convis_layer_type *type, const setting *how, const char *device, int threads, convis_shape shape,
                   int64_t longest)
{
    convis_context *c = NULL;
    must(c, convis_open(&c, device));
    must(c, convis_threads(c, threads));
    subject s = subject_on(c, type, how, shape, longest);
    s.borrowed = 0;
    must(c, plan_subject(&s));
    return s;
}

void leave(subject *s)
{
    convis_model_free(&s->model);
    if (!s->borrowed) convis_close(&s->context);
    for (int k = 0; k < 4; k++) free(s->usual[k]);
    free(s->movie.data);
    free(s->d_movie.data);
}

void restart(const subject *s)
{
    must(s->context, convis_reset(s->model));
    if (s->begin) s->begin(s);
}

/* ---- The gradient of the library ---- */

static void fetch(const subject *s, gradient *g, convis_kind kind)
{
    convis_item item;
    for (int k = 0; convis_list(s->model, kind, k, &item); k++) {
        if (kind == CONVIS_PARAMETER && !item.requires_gradient) continue;
        assert_true(g->paths < MOST_PATHS);
        double *v = calloc((size_t)item.count + 1, sizeof *v);
        if (convis_grad(s->model, item.path, v, item.count)) { free(v); continue; }      /* of a layer behind all outputs that count */
        for (int64_t i = 0; i < item.count; i++)
            if (!isfinite(v[i])) fail_msg("%s, element %d: its gradient is %g", item.path, (int)i, v[i]);
        snprintf(g->path[g->paths], sizeof *g->path, "%s", item.path);
        g->count[g->paths] = item.count;
        g->value[g->paths++] = v;
    }
}

/* The whole backward pass, chunk by chunk from the last, each run again from the state at its start. */
gradient gradient_of(subject *s)
{
    gradient g = { 0 };
    convis_context *c = s->context;
    convis_model *m = s->model;
    int64_t frames = s->movie.shape.dim[CONVIS_T], chunks = (frames + s->longest - 1)/s->longest;
    size_t size = convis_state_size(m);
    char *states = malloc(size*(size_t)chunks);
    assert_non_null(states);
    restart(s);
    must(c, convis_grad_zero(m));
    for (int64_t k = 0; k < chunks; k++) {
        int64_t from = k*s->longest, to = from + s->longest < frames ? from + s->longest : frames;
        must(c, convis_state_get(m, states + (size_t)k*size));
        must(c, convis_run(m, convis_slice(s->movie, CONVIS_T, from, to)));
    }
    for (int64_t k = chunks - 1; k >= 0; k--) {
        int64_t from = k*s->longest, to = from + s->longest < frames ? from + s->longest : frames;
        convis_tensor d_in = convis_slice(s->d_movie, CONVIS_T, from, to);
        must(c, convis_state_put(m, states + (size_t)k*size, size));
        must(c, convis_run(m, convis_slice(s->movie, CONVIS_T, from, to)));
        for (int j = 0; s->output[j]; j++) {
            convis_tensor d;
            must(c, convis_output(m, s->output[j], &d));          /* frame after frame, as the weights are */
            int64_t n = convis_elements(d.shape);
            d.data = malloc((size_t)n*sizeof *d.data);
            assert_non_null(d.data);
            for (int64_t i = 0; i < n; i++) d.data[i] = (convis_real)weight_of(j, from*(n/(to - from)) + i);
            must(c, convis_vjp_from(m, s->output[j], d));
            free(d.data);
        }
        must(c, convis_vjp(m, &d_in));
    }
    must(c, convis_vjp_baseline(m));
    free(states);
    fetch(s, &g, CONVIS_PARAMETER);
    fetch(s, &g, CONVIS_STATE);
    g.frames = convis_elements(s->d_movie.shape);
    g.movie = calloc((size_t)g.frames, sizeof *g.movie);
    for (int64_t i = 0; i < g.frames; i++) {
        g.movie[i] = (double)s->d_movie.data[i];
        if (!isfinite(g.movie[i])) fail_msg("input, element %d: its gradient is %g", (int)i, g.movie[i]);
    }
    return g;
}

void gradient_free(gradient *g)
{
    for (int k = 0; k < g->paths; k++) free(g->value[k]);
    free(g->movie);
    *g = (gradient){ 0 };
}

void assert_alike(double a, double b, double scale, double tolerance, const char *what, const char *path, int64_t i)
{
    if (!(fabs(a - b) <= tolerance*scale)) fail_msg("%s: %s, element %d: %.17g, expected %.17g", what, path, (int)i, a, b);
}

double largest_of(const double *v, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(v[i]));
    return most;
}

/* tolerance 0: the same bits. */
void assert_same_gradient(const gradient *a, const gradient *b, double tolerance, const char *what)
{
    assert_int_equal(a->paths, b->paths);
    for (int k = 0; k < a->paths; k++) {
        assert_string_equal(a->path[k], b->path[k]);
        double scale = largest_of(b->value[k], b->count[k]);
        for (int64_t i = 0; i < a->count[k]; i++)
            assert_alike(a->value[k][i], b->value[k][i], scale, tolerance, what, a->path[k], i);
    }
    double scale = largest_of(b->movie, b->frames);
    for (int64_t i = 0; i < a->frames; i++) assert_alike(a->movie[i], b->movie[i], scale, tolerance, what, "input", i);
}
