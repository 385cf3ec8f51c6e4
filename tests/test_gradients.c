/* test_gradients.c - every layer's gradients against central differences, in double precision; in both, that chunks, threads and
 * instruction sets do not matter.
 *
 *      test_gradients [PATTERN]            only tests like "gain_control: *"
 *
 * Of every layer in convis_layer_types(): each parameter that has a gradient, elements of the input, and of the states at the
 * start. L is a sum of the output with fixed random weights. Differences are extrapolated to a step of 0 (Ridders 1982), which
 * also tells how good they are: where they are not good enough to judge, the test fails, too. A layer needs a row in SETTINGS
 * of gradient_trials.c only if its defaults cannot be planned or leave something of it unseen. */
#include "gradient_trials.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-4

/* Layers whose output jumps. Differences of it say nothing of the surrogate by which they are differentiated: what is smooth in
 * them is tested through another output (rows of gradient_trials.c), or where it is said. */
static const struct { const char *type, *where; } JUMPS[] = {
    { "lif", "below: the potential between spikes, and all of it against dual numbers" },
    { "poisson", "its count stands for its mean, which is no function of the count" },
    { "event_camera", "a staircase" },
};

static int jumps(const char *type)
{
    for (size_t k = 0; k < sizeof JUMPS/sizeof *JUMPS; k++) if (!strcmp(JUMPS[k].type, type)) return 1;
    return 0;
}

/* One element that a difference moves: of a parameter (path, its index), of the movie or of a state. */
typedef struct place { subject *s; const char *path; int64_t index, count; int scalar; double *values; convis_real *moved; } place;

static double loss(const subject *s)
{
    double sum = 0;
    if (s->loss) return s->loss(s);
    int64_t frames = s->movie.shape.dim[CONVIS_T];
    for (int64_t t = 0; t < frames; t += s->longest) {
        int64_t end = t + s->longest < frames ? t + s->longest : frames;
        must(s->context, convis_run(s->model, convis_slice(s->movie, CONVIS_T, t, end)));
        for (int k = 0; s->output[k]; k++) {
            convis_tensor y;
            must(s->context, convis_output(s->model, s->output[k], &y));
            int64_t n = convis_elements(frames_of(s, k, 1));
            for (int64_t i = 0; i < (end - t)*n; i++)
                sum += weight_of(k, t*n + i)*((double)y.data[i] - (s->usual[k] ? s->usual[k][t*n + i] : 0));
        }
    }
    return sum;
}

static double loss_at(place *p, double value)
{
    convis_context *c = p->s->context;
    if (p->scalar) must(c, convis_set(p->s->model, p->path, value));
    else if (p->values) {
        p->values[p->index] = value;
        must(c, convis_set_array(p->s->model, p->path, p->values, p->count));
    }
    restart(p->s);
    if (p->moved) *p->moved = (convis_real)value;         /* a state, which reset has just set, or the movie */
    return loss(p->s);
}

/* The outputs as they are become the usual ones. Returns a size of L. */
static double look(subject *s)
{
    double squares = 0;
    int64_t frames = s->movie.shape.dim[CONVIS_T];
    assert_true(s->longest == frames);
    restart(s);
    must(s->context, convis_run(s->model, s->movie));
    for (int k = 0; s->output[k]; k++) {
        convis_tensor y;
        must(s->context, convis_output(s->model, s->output[k], &y));
        int64_t n = convis_elements(y.shape);
        s->usual[k] = malloc((size_t)n*sizeof(double));
        assert_non_null(s->usual[k]);
        for (int64_t i = 0; i < n; i++) {
            s->usual[k][i] = (double)y.data[i];
            squares += pow(weight_of(k, i)*(double)y.data[i], 2);
        }
    }
    s->noise = 4*DBL_EPSILON*fmax(sqrt(squares), 1);
    return fmax(sqrt(squares), 1);
}

/* The derivative at x, from both sides or (side) one, by Ridders' extrapolation of differences to a step of 0. */
static double slope_at(place *p, double x, double largest, int side, double *error)
{
    enum { LEVELS = 10 };
    double a[LEVELS][LEVELS], best = 0, h = largest, here = side ? loss_at(p, x) : 0;
    *error = DBL_MAX;
    for (int i = 0; i < LEVELS; i++, h /= 2) {
        a[0][i] = side ? (loss_at(p, x + side*h) - here)/(side*h) : (loss_at(p, x + h) - loss_at(p, x - h))/(2*h);
        for (int j = 1; j <= i; j++) {
            double factor = side ? pow(2, j) : pow(4, j);
            a[j][i] = (factor*a[j - 1][i] - a[j - 1][i - 1])/(factor - 1);
            double e = fmax(fabs(a[j][i] - a[j - 1][i]), fabs(a[j][i] - a[j - 1][i - 1])) + p->s->noise/h;
            if (e < *error) { *error = e; best = a[j][i]; }
        }
    }
    loss_at(p, x);
    return best;
}

/* L does not depend on it at all. */
static int is_flat(place *p, double x, double step, int side)
{
    double above = loss_at(p, side < 0 ? x : x + step), below = loss_at(p, side > 0 ? x : x - step);
    loss_at(p, x);
    return above == below;
}

/* floor: gradients below it are as good as 0. */
static void compare(place *p, const char *what, double x, double largest, int side, double found, double floor)
{
    if (found == 0 && is_flat(p, x, largest, side)) return;
    double error, expected = slope_at(p, x, largest, side, &error), scale = fmax(fmax(fabs(found), fabs(expected)), floor);
    if (getenv("CONVIS_GRADIENTS"))
        printf("    %-28s %4d  %+.9e  by differences %+.9e +- %.1e\n", what, (int)p->index, found, expected, error);
    if (!(fabs(found - expected) <= TOLERANCE*scale))
        fail_msg("%s, element %d at %g: gradient %.9g, by differences %.9g +- %.2g", what, (int)p->index, x, found, expected,
                 error);
    if (!(error <= TOLERANCE/4*scale))
        fail_msg("%s, element %d at %g: differences say %.9g +- %.2g, which is not good enough", what, (int)p->index, x, expected,
                 error);
}

/* ---- Against differences ---- */

static int named(const char *list, const char *path)
{
    char word[160];
    const char *dot = strrchr(path, '.');
    snprintf(word, sizeof word, " %s ", dot ? dot + 1 : path);
    return list && strstr(list, word) != NULL;
}

/* Elements that are looked at: all of few, else some, the first and the last among them. */
static int64_t sampled(int64_t n, int64_t most, int64_t k) { return n <= most ? k : k == 0 ? 0 : k == 1 ? n - 1 : (int64_t)(chance(9, (uint64_t)k)*(double)n); }

static void check_parameter(subject *s, const gradient *g, int k, const convis_item *item, int64_t most)
{
    place p = { .s = s, .path = item->path, .count = item->count, .scalar = !item->array };
    p.values = p.scalar ? NULL : calloc((size_t)item->count, sizeof *p.values);
    if (p.values) must(s->context, convis_get_array(s->model, item->path, p.values, item->count));
    for (int64_t j = 0; j < (item->count < most ? item->count : most); j++) {
        p.index = sampled(item->count, most, j);
        double x = p.scalar ? item->value : p.values[p.index], step = 0.004*(x != 0 ? fabs(x) : 0.1);
        int side = x - step < item->min ? 1 : x + step > item->max ? -1 : 0;
        compare(&p, item->path, x, step, side, g->value[k][p.index], g->floor/(fabs(x) + 1e-2));
    }
    free(p.values);
}

static void check_memory(subject *s, const char *what, convis_real *data, const double *found, int64_t n, int64_t most,
                         double step, double floor)
{
    place p = { .s = s, .count = n };
    double *start = malloc((size_t)n*sizeof *start);
    restart(s);
    for (int64_t i = 0; i < n; i++) start[i] = (double)data[i];
    for (int64_t j = 0; j < (n < most ? n : most); j++) {
        p.index = sampled(n, most, j);
        p.moved = data + p.index;
        compare(&p, what, start[p.index], step, 0, found[p.index], floor);
    }
    free(start);
}

static void check_all(subject *s, const char *skip, int64_t most)
{
    gradient g = gradient_of(s);
    convis_item item;
    g.floor = 1e-7*look(s);
    assert_true(largest_of(g.movie, g.frames) > 0);
    for (int k = 0; convis_list(s->model, CONVIS_PARAMETER, k, &item); k++)
        for (int j = 0; j < g.paths; j++)
            if (!strcmp(g.path[j], item.path) && item.requires_gradient && !named(skip, item.path))
                check_parameter(s, &g, j, &item, most);
    for (int k = 0; convis_list(s->model, CONVIS_STATE, k, &item); k++)
        for (int j = 0; j < g.paths; j++)
            if (!strcmp(g.path[j], item.path) && !named(skip, item.path)) {
                restart(s);
                double size = 0;
                for (int64_t i = 0; i < item.count; i++) size = fmax(size, fabs((double)item.data[i]));
                check_memory(s, item.path, item.data, g.value[j], item.count, most, 0.01*fmax(size, 0.3), g.floor);
            }
    double size = 0;
    for (int64_t i = 0; i < g.frames; i++) size = fmax(size, fabs((double)s->movie.data[i]));
    check_memory(s, "input", s->movie.data, g.movie, g.frames, 2*most, 0.01*size, g.floor);
    gradient_free(&g);
}

/* ---- Tests of a layer ---- */

static void test_differences(void **state)
{
    const convis_layer_type *type = *state;
    const setting *how;
    if (SINGLE || jumps(type->name)) skip();
    for (int k = 0; (how = settings_of(type, k)); k++) {
        if (getenv("CONVIS_GRADIENTS")) printf("%s: %s\n", type->name, how->set);
        subject s = subject_of(type, how, "cpu", 1, (convis_shape){ { 1, 1, FRAMES, 6, 7 } }, 0);
        check_all(&s, how->skip, 5);
        leave(&s);
    }
}

/* Chunks of any length, down to a frame, and the same to rounding. */
static void test_chunks(void **state)
{
    const convis_layer_type *type = *state;
    const setting *how;
    for (int k = 0; (how = settings_of(type, k)); k++) {
        gradient whole = { 0 };
        for (int64_t longest = FRAMES; longest > 0; longest = longest == FRAMES ? 4 : longest - 3) {
            subject s = subject_of(type, how, "cpu", 1, (convis_shape){ { 1, 1, FRAMES, 6, 7 } }, longest);
            gradient g = gradient_of(&s);
            if (longest == FRAMES) whole = g;
            else {
                assert_same_gradient(&g, &whole, SINGLE ? 1e-3 : 1e-11, how->set);
                gradient_free(&g);
            }
            leave(&s);
        }
        gradient_free(&whole);
    }
}

/* The same bits for any number of threads and every instruction set. */
static void test_bits(void **state)
{
    const convis_layer_type *type = *state;
    const setting *how;
    char device[32];
    for (int k = 0; (how = settings_of(type, k)); k++) {
        if (is_for_small_maps(how)) continue;       /* its list is for small maps */
        gradient first = { 0 };
        for (int threads = 1; threads <= 3; threads++) {
            subject s = subject_of(type, how, "cpu:baseline", threads, (convis_shape){ { 1, 1, 3, 67, 101 } }, 0);
            gradient g = gradient_of(&s);
            if (threads == 1) first = g; else { assert_same_gradient(&g, &first, 0, "threads"); gradient_free(&g); }
            leave(&s);
        }
        for (int isa = 0, usable; (usable = usable_isa(isa, device)); isa++) {
            if (usable < 0) continue;
            subject s = subject_of(type, how, device, 1, (convis_shape){ { 1, 1, 3, 67, 101 } }, 0);
            gradient g = gradient_of(&s);
            assert_same_gradient(&g, &first, 0, device);
            gradient_free(&g);
            leave(&s);
        }
        gradient_free(&first);
    }
}

/* ---- Integrate and fire ---- */

static convis_real *state_of(const subject *s, const char *path, int64_t *n)
{
    convis_item item;
    for (int k = 0; convis_list(s->model, CONVIS_STATE, k, &item); k++)
        if (!strcmp(item.path, path)) { if (n) *n = item.count; return item.data; }
    fail_msg("no state %s", path);
    return NULL;
}

/* Some potential, some refractory time, some adaptation. */
static void begin_cells(const subject *s)
{
    int64_t n;
    convis_real *v = state_of(s, "it.V", &n), *wait = state_of(s, "it.wait", NULL), *a = state_of(s, "it.a", NULL);
    for (int64_t i = 0; i < n; i++) {
        v[i] = (convis_real)(0.2 + 0.5*chance(51, (uint64_t)i));
        wait[i] = (convis_real)(i%3 == 1 ? 0.0117 : 0.0023);
        a[i] = (convis_real)(20*chance(52, (uint64_t)i));
    }
}

static double pretended(double u, double k) { return (u - 1)/(1 + k*fabs(u - 1)); }

/* What the count is differentiated as, of the potentials after every step: there are no spikes, and a cell that is deaf counts
 * for nothing. */
static double potential_loss(const subject *s)
{
    int64_t n = 0;
    double sum = 0, slope;
    const convis_real *v = state_of(s, "it.V", &n), *wait = state_of(s, "it.wait", NULL);
    must(s->context, convis_get(s->model, "it.slope", &slope));
    for (int64_t t = 0; t < s->movie.shape.dim[CONVIS_T]; t++) {
        double *left = malloc((size_t)n*sizeof *left);
        convis_tensor y;
        for (int64_t i = 0; i < n; i++) left[i] = (double)wait[i];
        must(s->context, convis_run(s->model, convis_slice(s->movie, CONVIS_T, t, t + 1)));
        must(s->context, convis_output(s->model, "it", &y));
        for (int64_t i = 0; i < n; i++) {
            assert_true(y.data[i] == 0);
            if (left[i] < convis_dt(s->model)) sum += weight_of(0, t*n + i)*pretended((double)v[i], slope);
        }
        free(left);
    }
    return sum;
}

static void test_potential(void **state)
{
    static const char *const SETS[] = {
        "leak=40;sigma=0.03;reversal=-0.5;adaptation_tau=0.02", "leak=40;sigma=0.03;reversal=0.5;adaptation_tau=0.02;exact=0",
        "leak=30;sigma=0.05", "leak=70;sigma=0;exact=0;slope=3",
    };
    (void)state;
    if (SINGLE) skip();
    for (size_t k = 0; k < sizeof SETS/sizeof *SETS; k++) {
        setting how = { "lif", SETS[k], 5, 18, 9, NULL, "", 1, 0.005, 0 };
        subject s = subject_of(type_named("lif"), &how, "cpu", 1, (convis_shape){ { 1, 1, FRAMES, 6, 7 } }, 0);
        s.begin = begin_cells;
        s.loss = potential_loss;
        /* Without adaptation nothing depends on its time constant; near 0 it begins at once. */
        check_all(&s, strstr(SETS[k], "adaptation_tau") ? "" : " adaptation_tau ", 7);
        leave(&s);
    }
}

/* A number and its derivative by one of the things below. */
typedef struct dual { double v, d; } dual;
static dual plus (dual a, dual b) { return (dual){ a.v + b.v, a.d + b.d }; }
static dual minus(dual a, dual b) { return (dual){ a.v - b.v, a.d - b.d }; }
static dual times(dual a, dual b) { return (dual){ a.v*b.v, a.d*b.v + a.v*b.d }; }
static dual over (dual a, dual b) { return (dual){ a.v/b.v, (a.d - a.v/b.v*b.d)/b.v }; }
static dual power_of_e(dual a)    { return (dual){ exp(a.v), exp(a.v)*a.d }; }

enum { D_LEAK, D_REFRACTORY, D_DELTA, D_TAU, D_REVERSAL, D_V, D_WAIT, D_A, D_BEFORE, D_INPUT };
enum { LIVED = 60 };
typedef struct life { double p[D_INPUT], x[LIVED], dt, slope; int kind, exact; } life;

static double surrogate(int kind, double slope, double v)
{
    double d = slope*fabs(v);
    return kind == 0 ? 1/((1 + d)*(1 + d)) : kind == 1 ? 1/pow(cosh(d/2), 2) : kind == 2 ? fmax(1 - d, 0) : 1;
}

/* One cell, as lif.c says it lives, and how L changes with `by` (from D_INPUT on: with the input at a step). */
static double cell_slope(const life *c, int by, int *spikes)
{
    dual q[D_INPUT], dt = { c->dt, 0 }, half = { 0.5, 0 }, sum = { 0, 0 };
    for (int k = 0; k < D_INPUT; k++) q[k] = (dual){ c->p[k], k == by };
    dual V = q[D_V], w = q[D_WAIT], a = q[D_A], before = q[D_BEFORE];
    *spikes = 0;
    for (int t = 0; t < LIVED; t++) {
        dual x = { c->x[t], by == D_INPUT + t }, J = c->exact ? times(half, plus(before, x)) : x, y = { 0, 0 };
        before = x;
        a = times(a, power_of_e(minus((dual){ 0, 0 }, over(dt, q[D_TAU]))));
        dual g = plus(q[D_LEAK], a), E = over(plus(J, times(a, q[D_REVERSAL])), g), left = minus(dt, w);
        if (w.v >= c->dt) w = minus(w, dt);
        else {
            dual U = plus(E, times(minus(V, E), power_of_e(minus((dual){ 0, 0 }, times(g, left)))));
            int fires = U.v >= 1;
            y = (dual){ fires, surrogate(c->kind, c->slope, U.v - 1)*U.d };
            double at = w.v + log((E.v - V.v)/(E.v - 1))/g.v;
            w = fires ? (dual){ q[D_REFRACTORY].v - (c->dt - at), q[D_REFRACTORY].d } : (dual){ 0, 0 };
            V = fires ? (dual){ 0, 0 } : U;
            *spikes += fires;
        }
        a = plus(a, times(q[D_DELTA], y));
        sum = plus(sum, times((dual){ weight_of(0, t), 0 }, y));
    }
    return sum.d;
}

static void test_surrogates(void **state)
{
    static const char *const PATHS[] = { "it.leak", "it.refractory", "it.delta", "it.adaptation_tau", "it.reversal",
                                         "it.V", "it.wait", "it.a", "it.before" };
    (void)state;
    if (SINGLE) skip();
    for (int kind = 0; kind < 8; kind++) {
        life c = { { 35, 0.0083, 9, 0.03, -0.2, 0.35, 0.0031, 6, 20 }, { 0 }, 0.004, kind%4 == 3 ? 1 : 2.5, kind%4, kind/4 };
        char set[256];
        int spikes;
        for (int t = 0; t < LIVED; t++) c.x[t] = 30 + 220*chance(61, (uint64_t)t);
        snprintf(set, sizeof set, "leak=%g;refractory=%g;delta=%g;adaptation_tau=%g;reversal=%g;slope=%g;surrogate=%d;exact=%d",
                 c.p[D_LEAK], c.p[D_REFRACTORY], c.p[D_DELTA], c.p[D_TAU], c.p[D_REVERSAL], c.slope, c.kind, c.exact);
        setting how = { "lif", set, 0, 1, 0, NULL, "", 1, c.dt, 0 };
        subject s = subject_of(type_named("lif"), &how, "cpu", 1, (convis_shape){ { 1, 1, LIVED, 1, 1 } }, 0);
        must(s.context, convis_reset(s.model));
        must(s.context, convis_grad_zero(s.model));
        for (int k = D_V; k <= D_BEFORE; k++) *state_of(&s, PATHS[k], NULL) = (convis_real)c.p[k];
        for (int t = 0; t < LIVED; t++) s.movie.data[t] = (convis_real)c.x[t];
        must(s.context, convis_run(s.model, s.movie));
        convis_tensor y, d = noise_movie(s.movie.shape, 0, 0, 1);
        must(s.context, convis_output(s.model, "it", &y));
        double count = 0, slope = 0;
        for (int t = 0; t < LIVED; t++) { d.data[t] = (convis_real)weight_of(0, t); count += (double)y.data[t]; }
        must(s.context, convis_vjp_from(s.model, "it", d));
        must(s.context, convis_vjp(s.model, &s.d_movie));
        for (int k = 0; k < D_INPUT + LIVED; k++) {
            double expected = cell_slope(&c, k, &spikes);
            if (k < D_INPUT) must(s.context, convis_grad(s.model, PATHS[k], &slope, 1));
            else slope = (double)s.d_movie.data[k - D_INPUT];
            assert_alike(slope, expected, fmax(fabs(expected), 1e-6), 1e-9, set, k < D_INPUT ? PATHS[k] : "input", k);
        }
        assert_true(spikes > 8);
        assert_true(count == spikes);
        free(d.data);
        leave(&s);
    }
}

/* ---- Whole models ---- */

typedef struct whole { const char *recipe, *set, *output[5]; int64_t width, height; } whole;
static const whole MODELS[] = {
    { "retina", "numerics=converged", { "ganglion_0", "ganglion_1" }, 18, 14 },
    { "retina", "numerics=virtualretina;ganglion_0.threshold=0.07;ganglion_1.threshold=0.04", { "ganglion_0", "ganglion_1" }, 18, 14 },
    { "retina", "numerics=converged;opl=luminance", { "ganglion_0", "ganglion_1" }, 12, 9 },
    { "retina", "numerics=converged;eye=on;eye.amplitude=0.1;eye.period=0.01;eye.period_sd=0.004;eye.duration=0.01;eye.duration_sd=0.002",
      { "ganglion_0", "ganglion_1" }, 26, 24 },
    { "primate", "numerics=converged;ppd=4;log_polar.radius=0.5", { "ganglion_0.cells", "ganglion_1.cells", "ganglion_2.cells", "ganglion_3.cells" }, 32, 32 },
    { "primate", "numerics=virtualretina;ppd=4;log_polar.radius=0.5;ganglion_0.threshold=0.07;ganglion_1.threshold=0.04;ganglion_2.threshold=0.1;ganglion_3.threshold=0.03", { "ganglion_0.cells", "ganglion_1.cells", "ganglion_2.cells", "ganglion_3.cells" }, 32, 32 },
    { "cat-x", "numerics=virtualretina;ppd=1;ganglion_0.threshold=0.07;ganglion_1.threshold=0.04", { "ganglion_0", "bipolar" }, 15, 11 },
};

static subject whole_of(const whole *w, int64_t longest)
{
    subject s = { .longest = longest };
    convis_recipe *r;
    char text[512];
    must(s.context, convis_open(&s.context, "cpu"));
    must(s.context, convis_threads(s.context, 1));
    must(s.context, convis_recipe_open(s.context, w->recipe, &r));
    must(s.context, convis_recipe_set(r, "dt", "0.005"));
    snprintf(text, sizeof text, "%s", w->set);
    for (char *p = strtok(text, ";"); p; p = strtok(NULL, ";")) {
        char *value = strchr(p, '=');
        *value++ = 0;
        must(s.context, convis_recipe_set(r, p, value));
    }
    must(s.context, convis_recipe_build(r, w->width, w->height, &s.model));
    convis_recipe_free(&r);
    memcpy(s.output, w->output, sizeof s.output);
    s.movie = noise_movie(convis_movie_shape(FRAMES, w->height, w->width), 20, 240, 3);
    must(s.context, plan_subject(&s));
    return s;
}

static void test_models(void **state)
{
    (void)state;
    if (SINGLE) skip();
    for (size_t k = 0; k < sizeof MODELS/sizeof *MODELS; k++) {
        if (getenv("CONVIS_GRADIENTS")) printf("%s: %s\n", MODELS[k].recipe, MODELS[k].set);
        subject s = whole_of(&MODELS[k], 0), pieces = whole_of(&MODELS[k], 4);
        gradient a = gradient_of(&s), b = gradient_of(&pieces);
        assert_same_gradient(&b, &a, 1e-8, MODELS[k].set);
        gradient_free(&a);
        gradient_free(&b);
        leave(&pieces);
        check_all(&s, " path ", 2);
        leave(&s);
    }
}

/* ---- All ---- */

static void test_has_one(void **state)
{
    const convis_layer_type *type = *state;
    if (type->pointwise ? !type->adjoint : !type->vjp) fail_msg("%s has no gradient", type->name);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; CMUnitTestFunction f; } PROMISES[] = {
        { "there is one", test_has_one }, { "differences", test_differences }, { "chunks", test_chunks }, { "threads, instruction sets", test_bits },
    };
    static const struct CMUnitTest MORE[] = {
        { "lif: between spikes", test_potential, NULL, NULL, NULL }, { "lif: surrogates", test_surrogates, NULL, NULL, NULL },
        { "models", test_models, NULL, NULL, NULL },
    };
    enum { PROMISE_COUNT = sizeof PROMISES/sizeof *PROMISES, LAYERS = 64, MORE_COUNT = sizeof MORE/sizeof *MORE };
    static struct CMUnitTest tests[LAYERS*PROMISE_COUNT + MORE_COUNT];
    static char names[LAYERS*PROMISE_COUNT][80];
    size_t n = 0;
    for (int k = 0; convis_layer_types()[k] && k < LAYERS; k++)
        for (int j = 0; j < PROMISE_COUNT; j++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", convis_layer_types()[k]->name, PROMISES[j].name);
            tests[n] = (struct CMUnitTest){ names[n], PROMISES[j].f, NULL, NULL, (void *)(uintptr_t)convis_layer_types()[k] };
        }
    for (int k = 0; k < MORE_COUNT; k++) tests[n++] = MORE[k];
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests("gradients", tests, n, NULL, NULL);
}
