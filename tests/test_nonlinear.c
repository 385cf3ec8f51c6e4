/* test_nonlinear.c - static nonlinearities against closed forms in double precision, and their gradients against differences. */
#include "harness.h"
#include <convis/fit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int IN_DOUBLE = sizeof(convis_real) == sizeof(double);

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

/* ---- A layer "it" alone ---- */

typedef struct setting { const char *name; double value; } setting;

static convis_model *model_of(const char *type, const setting *set, const char *formula, double baseline)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.01, &m));
    convis_add(m, type_named(type), "it", convis_input(m));
    if (formula) must(c, convis_set_text(m, "it.formula", formula));
    for (; set && set->name; set++) must_set(m, "it", set->name, set->value);
    must(c, convis_baseline(m, baseline));
    return m;
}

/* Runs frames of 1 x n pixels in chunks of three; free what comes back. */
static convis_real *response(convis_model *m, const convis_real *x, int64_t frames, int64_t n)
{
    convis_real *y = malloc((size_t)(frames*n)*sizeof *y);
    convis_tensor out;
    must(c, convis_probe(m, "it"));
    must(c, convis_plan(m, convis_movie_shape(3, 1, n)));
    for (int64_t t = 0; t < frames; t += 3) {
        int64_t some = frames - t < 3 ? frames - t : 3;
        must(c, convis_run(m, convis_view((convis_real *)(uintptr_t)(x + t*n), convis_movie_shape(some, 1, n))));
        must(c, convis_output(m, "it", &out));
        memcpy(y + t*n, out.data, (size_t)(some*n)*sizeof *y);
    }
    return y;
}

/* ---- Closed forms ---- */

typedef double form(const double *p, double x);
static double relu(const double *p, double x)        { return p[1]*fmax(x - p[0], 0); }
static double scale(const double *p, double x)       { return p[0]*x + p[1]; }
static double square(const double *p, double x)      { return p[0]*x*x; }
static double softplus(const double *p, double x)
{
    double u = p[1]*(x - p[0]);
    return p[2]/p[1]*(u > 30 ? u + exp(-u) : log1p(exp(u)));
}
static double exponential(const double *p, double x) { return exp(p[0]*x + p[1]); }
static double sigmoid(const double *p, double x)     { return p[2]/(1 + exp(-p[1]*(x - p[0]))); }
static double power(const double *p, double x)       { return x > p[0] ? p[2]*pow(x - p[0], p[1]) : 0; }
static double as_formula(const double *p, double x)  { return p[0]*tanh(p[1]*x) + x*x/(1 + p[2]*p[2]); }

/* Values of the parameters in the order of the table (of the formula for expr). */
static const struct shape { const char *type; form *f; const char *formula; setting set[4]; double low, high, tolerance; } FORMS[] = {
    { "relu", relu, NULL, { { "threshold", 0 }, { "slope", 1 } }, -3, 3, 1e-7 },
    { "relu", relu, NULL, { { "threshold", -0.7 }, { "slope", -2.5 } }, -3, 3, 1e-6 },
    { "scale", scale, NULL, { { "gain", 1.7 }, { "offset", -0.3 } }, -3, 3, 1e-6 },
    { "square", square, NULL, { { "gain", -0.6 } }, -3, 3, 1e-6 },
    { "softplus", softplus, NULL, { { "threshold", 0 }, { "sharpness", 1 }, { "gain", 1 } }, -60, 60, 1e-6 },
    { "softplus", softplus, NULL, { { "threshold", 0.4 }, { "sharpness", 25 }, { "gain", -3 } }, -0.2, 3, 2e-6 },
    { "exponential", exponential, NULL, { { "gain", 1 }, { "offset", 0 } }, -20, 20, 3e-7 },
    { "exponential", exponential, NULL, { { "gain", -0.7 }, { "offset", 3.2 } }, -3, 3, 1e-6 },
    { "sigmoid", sigmoid, NULL, { { "threshold", 0 }, { "slope", 1 }, { "maximum", 1 } }, -60, 60, 1e-6 },
    { "sigmoid", sigmoid, NULL, { { "threshold", 0.5 }, { "slope", -4 }, { "maximum", 200 } }, -3, 3, 3e-6 },
    { "power", power, NULL, { { "threshold", 0 }, { "exponent", 2 }, { "gain", 1 } }, -3, 3, 1e-6 },
    { "power", power, NULL, { { "threshold", -0.25 }, { "exponent", 0.6 }, { "gain", 80 } }, -3, 3, 1e-6 },
    { "power", power, NULL, { { "threshold", 0.5 }, { "exponent", 3.4 }, { "gain", -2 } }, 0.51, 3, 2e-6 },
    { "expr", as_formula, "amount*tanh(slope*x) + x^2/(1 + width^2)", { { "amount", 1.4 }, { "slope", -0.8 }, { "width", 0.5 } },
      -3, 3, 2e-6 },
};
enum { FORM_COUNT = sizeof FORMS/sizeof *FORMS };

/* Relative where the form has a scale of its own, as small values of softplus and sigmoid have. */
static void values(void **state)
{
    (void)state;
    enum { N = 333, FRAMES = 7 };
    for (int k = 0; k < FORM_COUNT; k++) {
        const struct shape *s = &FORMS[k];
        static convis_real x[N*FRAMES];
        double p[4], tolerance = IN_DOUBLE ? 1e-13 : s->tolerance;
        for (int j = 0; j < 4; j++) p[j] = s->set[j].value;
        for (int i = 0; i < N*FRAMES; i++) x[i] = (convis_real)(s->low + (s->high - s->low)*chance(3, (uint64_t)i));
        convis_model *m = model_of(s->type, s->set, s->formula, 0);
        convis_real *y = response(m, x, FRAMES, N);
        for (int i = 0; i < N*FRAMES; i++) {
            double expected = s->f(p, (double)x[i]), least = strcmp(s->type, "softplus") && strcmp(s->type, "sigmoid") ? 1 : 0;
            if (!(fabs((double)y[i] - expected) <= tolerance*(least + fabs(expected))))
                fail_msg("%s, %d: of %.9g %.9g, expected %.9g", s->type, k, (double)x[i], (double)y[i], expected);
        }
        convis_model_free(&m);
        free(y);
    }
}

/* What was always there gives what it gives from then on; the model's baseline shows through a delayed edge. */
static void baselines(void **state)
{
    (void)state;
    for (int k = 0; k < FORM_COUNT; k++) {
        const struct shape *s = &FORMS[k];
        double p[4], baseline = 0.8, tolerance = IN_DOUBLE ? 1e-13 : 3e-6;
        convis_model *m;
        convis_tensor out;
        convis_real x[5] = { 2, 2, 2, 2, 2 };
        for (int j = 0; j < 4; j++) p[j] = s->set[j].value;
        must(c, convis_model_new(c, 0.01, &m));
        convis_node it = convis_add(m, type_named(s->type), "it", convis_input(m));
        convis_edge late = { it, 3 };
        convis_join(m, type_named("scale"), "later", &late, 1);
        if (s->formula) must(c, convis_set_text(m, "it.formula", s->formula));
        for (const setting *q = s->set; q < s->set + 4 && q->name; q++) must_set(m, "it", q->name, q->value);
        must(c, convis_baseline(m, baseline));
        must(c, convis_probe(m, "later"));
        must(c, convis_plan(m, convis_movie_shape(5, 1, 1)));
        must(c, convis_run(m, convis_view(x, convis_movie_shape(5, 1, 1))));
        must(c, convis_output(m, "later", &out));
        for (int t = 0; t < 5; t++) {
            double expected = s->f(p, t < 3 ? baseline : 2);
            if (!(fabs((double)out.data[t] - expected) <= tolerance*(1 + fabs(expected))))
                fail_msg("%s, %d: %.9g in frame %d, expected %.9g", s->type, k, (double)out.data[t], t, expected);
        }
        convis_model_free(&m);
    }
}

/* ---- Gradients ---- */

static void check_gradients(convis_model *m, const char *what, double low, double high, int64_t expected_rows)
{
    convis_gradcheck_options o = CONVIS_GRADCHECK_DEFAULTS;
    convis_gradcheck_report r;
    o.frame = convis_movie_shape(1, 5, 9);
    o.frames = 17;
    o.chunk = 5;
    o.low = low;
    o.high = high;
    o.samples = 10;
    o.seed = 4;
    if (IN_DOUBLE) o.tolerance = 1e-5;
    must(c, convis_gradcheck(m, &o, &r));
    for (int64_t k = 0; k < r.count; k++)
        if (r.rows[k].judged && r.rows[k].error > (IN_DOUBLE ? 1e-5 : 2e-2))
            fail_msg("%s: %s[%lld]: %.9g, expected %.9g", what, r.rows[k].path, (long long)r.rows[k].element, r.rows[k].gradient,
                     r.rows[k].difference);
    if (r.judged < expected_rows)
        fail_msg("%s: %lld gradients were judged, expected %lld", what, (long long)r.judged, (long long)expected_rows);
    convis_gradcheck_free(c, &r);
    convis_model_free(&m);
}

static void gradients(void **state)
{
    (void)state;
    if (!IN_DOUBLE) skip();
    for (int k = 0; k < FORM_COUNT; k++) {
        const struct shape *s = &FORMS[k];
        int rows = 10;
        while (rows < 14 && s->set[rows - 10].name) rows++;
        check_gradients(model_of(s->type, s->set, s->formula, 0.8), s->type, fmax(s->low, -3), fmin(s->high, 3), rows);
    }
    const setting slow[] = { { "tau", 0.2 }, { "floor", 0.05 }, { "gain", 1.3 }, { "offset", 0.4 }, { 0 } };
    const setting fast[] = { { "tau", 0.004 }, { 0 } };
    check_gradients(model_of("normalize", slow, NULL, 0.3), "normalize", -2, 2, 14 + 20);
    check_gradients(model_of("normalize", fast, NULL, 0.3), "normalize", -2, 2, 14 + 20);
    const setting many[] = { { "knots", 7 }, { 0 } };
    check_gradients(model_of("piecewise", many, NULL, 0.21), "piecewise", -2, 2, 24);
    convis_model *m = model_of("piecewise", NULL, NULL, 0.21);
    must(c, convis_set_array(m, "it.x", (const double[]){ 0.5, -1.2, 1.4, 0.1 }, 4));
    must(c, convis_set_array(m, "it.y", (const double[]){ -1, 2, 0.3, 0.8 }, 4));
    check_gradients(m, "piecewise, drawn", -2, 2, 18);
}

/* Two delayed looks at one source, and sums that do not hang on the number of threads. */
static void threads(void **state)
{
    (void)state;
    enum { W = 71, H = 67, T = 4, KNOTS = 6 };
    static const char *const NAMES[] = { "formula.a", "formula.b", "formula.c" };
    double found[3 + 2*KNOTS], expected[3 + 2*KNOTS];
    static convis_real d_first[T*H*W], d_movie[T*H*W];
    convis_tensor movie = noise_movie(convis_movie_shape(T, H, W), -2, 2, 6),
                  d = noise_movie(convis_movie_shape(T, H, W), -1, 1, 7);
    for (int threads = 1; threads < 6; threads += 2) {
        convis_context *there;
        convis_model *m;
        must(c, convis_open(&there, "cpu"));
        must(there, convis_threads(there, threads));
        must(there, convis_model_new(there, 0.01, &m));
        convis_node lines = convis_add(m, type_named("piecewise"), "lines", convis_input(m));
        convis_edge in[] = { { lines, 0 }, { lines, 2 } };
        convis_join(m, type_named("expr"), "formula", in, 2);
        must(there, convis_set_text(m, "formula.formula", "softplus(a*x - b*y)*tanh(c*x)"));
        must(there, convis_set(m, "lines.knots", KNOTS));
        must(there, convis_require_gradient(m, "*"));
        must(there, convis_require_gradient(m, "input"));
        must(there, convis_probe(m, "formula"));
        must(there, convis_plan(m, movie.shape));
        must(there, convis_run(m, movie));
        must(there, convis_vjp_from(m, "formula", d));
        convis_tensor to = convis_view(d_movie, movie.shape);
        must(there, convis_vjp(m, &to));
        for (int k = 0; k < 3; k++) must(there, convis_grad(m, NAMES[k], &found[k], 1));
        must(there, convis_grad(m, "lines.x", found + 3, KNOTS));
        must(there, convis_grad(m, "lines.y", found + 3 + KNOTS, KNOTS));
        if (threads == 1) {
            memcpy(expected, found, sizeof found);
            memcpy(d_first, d_movie, sizeof d_movie);
        }
        assert_memory_equal(found, expected, sizeof found);
        assert_memory_equal(d_movie, d_first, sizeof d_movie);
        for (int k = 0; k < 3 + 2*KNOTS; k++) assert_true(isfinite(found[k]) && found[k] != 0);
        convis_model_free(&m);
        convis_close(&there);
    }
    free(movie.data);
    free(d.data);
}

/* ---- Piecewise linear ---- */

static void knots(void **state)
{
    (void)state;
    convis_real x[] = { -3, -2, -1.5, -1, 0, 0.25, 0.5, 1, 2, 4 };
    enum { N = sizeof x/sizeof *x };
    static const struct { int knots; double x[5], y[5], expected[N]; } CASES[] = {
        { 2, { 0, 1 }, { 1, 3 }, { -5, -3, -2, -1, 1, 1.5, 2, 3, 5, 9 } },
        { 4, { 1, -1, 0, 2 }, { 2, 1, 0, 2 }, { 3, 2, 1.5, 1, 0, 0.5, 1, 2, 2, 2 } },               /* in any order */
        { 4, { -1, 0, 0, 1 }, { 0, 0, 5, 6 }, { 0, 0, 0, 0, 5, 5.25, 5.5, 6, 7, 9 } },              /* a step */
        { 2, { 0, 0 }, { 1, 3 }, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
    };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        convis_model *m = model_of("piecewise", NULL, NULL, 0);
        must(c, convis_set_array(m, "it.x", CASES[k].x, CASES[k].knots));
        must(c, convis_set_array(m, "it.y", CASES[k].y, CASES[k].knots));
        convis_real *y = response(m, x, 1, N);
        for (int i = 0; i < N; i++)
            if (fabs((double)y[i] - CASES[k].expected[i]) > 1e-6)
                fail_msg("case %zu: of %g %.9g, expected %g", k, (double)x[i], (double)y[i], CASES[k].expected[i]);
        free(y);
        convis_model_free(&m);
    }
    /* Untouched it changes nothing; positions may be set alone, and moved later. */
    convis_model *m = model_of("piecewise", (const setting[]){ { "knots", 5 }, { "first", -4 }, { "last", 4 }, { 0 } }, NULL, 0);
    convis_real *y = response(m, x, 1, N);
    for (int i = 0; i < N; i++) assert_true(fabs((double)(y[i] - x[i])) < 1e-6);
    double positions[5];
    must(c, convis_get_array(m, "it.x", positions, 5));
    for (int j = 0; j < 5; j++) assert_true(positions[j] == 2*j - 4);
    must(c, convis_set_array(m, "it.y", (const double[]){ 1, 1, 1, 1, 1 }, 5));
    must(c, convis_run(m, convis_view(x, convis_movie_shape(1, 1, N))));
    convis_tensor out;
    must(c, convis_output(m, "it", &out));
    for (int i = 0; i < N; i++) assert_true(out.data[i] == 1);
    free(y);
    convis_model_free(&m);
    m = model_of("piecewise", NULL, NULL, 0);
    must(c, convis_set_array(m, "it.x", (const double[]){ 1, 2, 3 }, 3));
    must(c, convis_set_array(m, "it.y", (const double[]){ 1, 2 }, 2));
    refused(c, CONVIS_ESHAPE, "it.y: 2 values, expected 3", convis_plan(m, convis_movie_shape(1, 1, 1)));
    convis_model_free(&m);
    m = model_of("piecewise", NULL, NULL, 0);
    must(c, convis_set_array(m, "it.x", (const double[]){ 1 }, 1));
    refused(c, CONVIS_ESHAPE, "it.x: a single knot", convis_plan(m, convis_movie_shape(1, 1, 1)));
    convis_model_free(&m);
}

/* ---- Normalisation: mean and variance as weighted sums over the whole history ---- */

static void normalization(void **state)
{
    (void)state;
    enum { T = 200, N = 5 };
    static convis_real x[T*N];
    const double tau = 0.15, least = 0.02, gain = 1.7, offset = -0.4, baseline = 0.6, q = exp(-0.01/tau);
    const setting set[] = { { "tau", tau }, { "floor", least }, { "gain", gain }, { "offset", offset }, { 0 } };
    for (int t = 0; t < T; t++)
        for (int i = 0; i < N; i++) {
            double drawn = (t > 100 ? 3 : 1)*(chance(1, (uint64_t)(t*N + i)) - 0.5) + i;
            x[t*N + i] = (convis_real)(i == 0 ? baseline : drawn);
        }
    convis_model *m = model_of("normalize", set, NULL, baseline);
    convis_real *y = response(m, x, T, N);
    convis_model_free(&m);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < N; i++) {
            double mean = pow(q, t + 1)*(double)(convis_real)baseline, variance = 0;
            for (int s = 0; s <= t; s++) mean += (1 - q)*pow(q, t - s)*(double)x[s*N + i];
            variance = pow(q, t + 1)*(baseline - mean)*(baseline - mean);
            for (int s = 0; s <= t; s++)
                variance += (1 - q)*pow(q, t - s)*((double)x[s*N + i] - mean)*((double)x[s*N + i] - mean);
            double expected = gain*((double)x[t*N + i] - mean)/sqrt(variance + least*least) + offset;
            if (fabs((double)y[t*N + i] - expected) > (IN_DOUBLE ? 1e-11 : 2e-5))
                fail_msg("frame %d, pixel %d: %.9g, expected %.9g", t, i, (double)y[t*N + i], expected);
            if (i == 0) assert_true((double)y[t*N + i] == (double)(convis_real)offset);
            assert_true(fabs((double)y[t*N + i] - offset) <= gain*sqrt(q/(1 - q)) + 1e-5);
        }
    free(y);
}

/* ---- Formulas as layers ---- */

static void formulas(void **state)
{
    (void)state;
    convis_real x[] = { -1, -0.5, 0, 0.5, 1, 2 };
    enum { N = sizeof x/sizeof *x };
    double value;
    convis_item item;
    convis_tensor out;
    convis_model *m = model_of("expr", NULL, NULL, 0);
    refused(c, CONVIS_ENAME, "no parameter 'a'", convis_set(m, "it.a", 2));
    refused(c, CONVIS_EINVAL, "it.formula: column 8 of 'relu(a**x + b)^2'", convis_set_text(m, "it.formula", "relu(a**x + b)^2"));
    must(c, convis_set_text(m, "it.formula", "relu(a*x + b)^2"));
    must(c, convis_get(m, "it.a", &value));
    assert_true(value == 1);
    must(c, convis_set(m, "it.a", 2));
    must(c, convis_set(m, "it.b", 0.5));
    /* Another formula preserves the values of names that stay; a wrong one changes nothing. */
    must(c, convis_set_text(m, "it.formula", "relu(b + gain*x)*a"));
    must(c, convis_set(m, "it.gain", 2));
    refused(c, CONVIS_ENAME, "did you mean relu?", convis_set_text(m, "it.formula", "rela(x)"));
    assert_string_equal(convis_get_text(m, "it.formula"), "relu(b + gain*x)*a");
    int found = 0;
    for (int k = 0; convis_list(m, CONVIS_PARAMETER, k, &item); k++) {
        if (!strcmp(item.path, "it.formula")) { assert_true(item.text); found++; }
        if (!strcmp(item.path, "it.b"))    { assert_true(item.differentiable && item.value == 0.5 && item.initial == 1); found++; }
        if (!strcmp(item.path, "it.gain")) { assert_true(item.value == 2); found++; }
        if (!strcmp(item.path, "it.a"))    { assert_true(item.value == 2); found++; }
    }
    assert_int_equal(found, 4);
    convis_real *y = response(m, x, 1, N);
    for (int i = 0; i < N; i++) assert_true(fabs((double)y[i] - 2*fmax(0.5 + 2*(double)x[i], 0)) < 1e-6);
    must(c, convis_set(m, "it.a", -1));
    must(c, convis_run(m, convis_view(x, convis_movie_shape(1, 1, N))));
    must(c, convis_output(m, "it", &out));
    for (int i = 0; i < N; i++) assert_true(fabs((double)out.data[i] + fmax(0.5 + 2*(double)x[i], 0)) < 1e-6);
    free(y);
    convis_model_free(&m);

    m = model_of("expr", NULL, NULL, 0);
    y = response(m, x, 1, N);
    assert_memory_equal(x, y, sizeof x);
    free(y);
    convis_model_free(&m);
    m = model_of("expr", NULL, "x*y", 0);
    refused(c, CONVIS_ESHAPE, "it.formula: uses y, input 2 of a layer with 1", convis_plan(m, convis_movie_shape(1, 1, 1)));
    convis_model_free(&m);
    m = model_of("expr", NULL, NULL, 0);
    refused(c, CONVIS_EINVAL, "a parameter has the name 'formula'", convis_set_text(m, "it.formula", "formula*x"));
    char text[400] = "0";
    for (int k = 0; k < 24; k++) sprintf(text + strlen(text), "+p%d", k);
    refused(c, CONVIS_EINVAL, "it.formula: 24 parameters, expected at most 23", convis_set_text(m, "it.formula", text));
    convis_model_free(&m);

    /* The input and itself a frame ago. */
    must(c, convis_model_new(c, 0.01, &m));
    convis_edge in[] = { { convis_input(m), 0 }, { convis_input(m), 1 } };
    convis_join(m, type_named("expr"), "it", in, 2);
    must(c, convis_set_text(m, "it.formula", "where(x > y, x - y, 10*y)"));
    must(c, convis_baseline(m, 3));
    convis_real rising[] = { 1, 2, 5, 4, 6 }, expected[] = { 30, 1, 3, 50, 2 };
    y = response(m, rising, 5, 1);
    for (int t = 0; t < 5; t++) assert_true(y[t] == expected[t]);
    free(y);
    convis_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values), cmocka_unit_test(baselines), cmocka_unit_test(gradients), cmocka_unit_test(threads),
        cmocka_unit_test(knots),  cmocka_unit_test(normalization), cmocka_unit_test(formulas),
    };
    return cmocka_run_group_tests_name("nonlinear", tests, open_context, close_context);
}
