/* test_formula.c - formulas against the C library, their derivatives against differences, and what is said of wrong ones. */
#include "harness.h"
#include "kernels/formula/formula.h"
#include "commas.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef CONVIS_DOUBLE
static const double VALUE = 1e-14, DERIVATIVE = 2e-7;    /* DERIVATIVE is of the differences, not of us */
#else
static const double VALUE = 2e-6, DERIVATIVE = 2e-5;
#endif

static convis_context *c;
static convis_formula f;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

static const double VALUES[] = { 0.7, -0.4, 1.3, 2.1, 0.9 };     /* of a, b, c, d, e and p0 ... p4 */
static double bound[CONVIS_FORMULA_NAMES];               /* the same in the order of the formula */
enum { COUNT = 1237 };                                   /* several blocks, and a part of one */
static struct {
    convis_real in[CONVIS_FORMULA_INPUTS][COUNT], out[COUNT], d_out[COUNT], d_in[CONVIS_FORMULA_INPUTS][COUNT];
} at;
static const convis_real *INPUTS[] = { at.in[0], at.in[1], at.in[2], at.in[3] };
static convis_real *D_INPUTS[] = { at.d_in[0], at.d_in[1], at.d_in[2], at.d_in[3] };

static void bind(void)
{
    for (int k = 0; k < f.names; k++) bound[k] = VALUES[f.name[k][1] ? f.name[k][1] - '0' : f.name[k][0] - 'a'];
    convis_formula_bind(&f, bound);
}

/* Compiled, bound to VALUES, and its inputs drawn. */
static void take(const char *text, double low, double high)
{
    must(c, convis_formula_compile(c, "it.formula", text, &f));
    bind();
    for (int j = 0; j < CONVIS_FORMULA_INPUTS; j++)
        for (int i = 0; i < COUNT; i++) at.in[j][i] = (convis_real)(low + (high - low)*chance((uint64_t)j, (uint64_t)i));
}

static void place(int i, double x[CONVIS_FORMULA_INPUTS]) { for (int j = 0; j < CONVIS_FORMULA_INPUTS; j++) x[j] = (double)at.in[j][i]; }

/* ---- Values ---- */

#define EXPRESSIONS(X)                                                                              \
    X("relu(a*x + b)^2", relu(a*x + b)*relu(a*x + b))                                               \
    X("x", x)                                                                                       \
    X("3", 3)                                                                                       \
    X("a", a)                                                                                       \
    X("-x^2", -(x*x))                                                                               \
    X("2^3^2 - x", 512 - x)                                                                         \
    X("2^-1*x", 0.5*x)                                                                              \
    X("x - y - z", x - y - z)                                                                       \
    X("x/ 2/ 4", x/8)                                                                               \
    X("a - (b - x)", a - (b - x))                                                                   \
    X("- - x + + y", x + y)                                                                         \
    X("x*y - a", x*y - a)                                                                           \
    X("a - x*y", a - x*y)                                                                           \
    X("z - a*x", z - a*x)                                                                           \
    X("x*y + z*w", x*y + z*w)                                                                       \
    X("exp(a*x)", exp(a*x))                                                                         \
    X("log(x*x + 1)", log(x*x + 1))                                                                 \
    X("log1p(x^2)*1e-3", log1p(x*x)*1e-3)                                                           \
    X("expm1(x) - x", expm1(x) - x)                                                                 \
    X("sqrt(x^2 + a)", sqrt(x*x + a))                                                               \
    X("abs(x)*sign(y)", fabs(x)*(y > 0 ? 1 : -1))                                                   \
    X("step(x) + relu(y)", (x > 0) + relu(y))                                                       \
    X("softplus(x*10)/10", log1p(exp(x*10))/10)                                                     \
    X("sigmoid(a*x)", 1/(1 + exp(-a*x)))                                                            \
    X("tanh(x) + tanh(y/1000)", tanh(x) + tanh(y/1000))                                             \
    X("sin(pi*x) + cos(10*y)", sin(M_PI*x) + cos(10*y))                                             \
    X("min(x, y) + max(z, w)", fmin(x, y) + fmax(z, w))                                             \
    X("min(x, 0.5)*max(0, y)", fmin(x, 0.5)*fmax(0, y))                                             \
    X("where(x > y, x, 2*y)", x > y ? x : 2*y)                                                      \
    X("where(x <= a, 1, z)", x <= a ? 1 : z)                                                        \
    X("(x >= 0) - (0 < y)", (x >= 0) - (0 < y))                                                     \
    X("x^3 + x^5", x*x*x + x*x*x*x*x)                                                               \
    X("(x^2)^3/(1 + x^4)", pow(x, 6)/(1 + pow(x, 4)))                                               \
    X("(x + 4)^-3", pow(x + 4, -3))                                                                 \
    X("(x + 4)^a", pow(x + 4, a))                                                                   \
    X("pow(x + 4, y)", pow(x + 4, y))                                                               \
    X("2^x", pow(2, x))                                                                             \
    X("(x^2)^0.5 + x^1 + x^0", fabs(x) + x + 1)                                                     \
    X("(x*x + 1)^-.5", 1/sqrt(x*x + 1))                                                             \
    X("a*(b*(x*2))", a*b*x*2)                                                                       \
    X("x*a/b", x*a/b)                                                                               \
    X("1/(1 + exp(-(x - a)/b))", 1/(1 + exp(-(x - a)/b)))                                           \
    X("(x - y)^2/(2*a^2)", (x - y)*(x - y)/(2*a*a))                                                 \
    X("exp(-(x^2 + y^2)/2)*cos(2*pi*x + b)", exp(-(x*x + y*y)/2)*cos(2*M_PI*x + b))

static double relu(double x) { return x > 0 ? x : 0; }

#define TEXT(text, value) text,
#define CASE(text, value) if (k-- == 0) return value;
static double expected_value(int k, double x, double y, double z, double w, double a, double b)
{
    EXPRESSIONS(CASE)
    return (double)NAN;
}
static const char *const CASES[] = { EXPRESSIONS(TEXT) };
enum { CASE_COUNT = sizeof CASES/sizeof *CASES };

static void values(void **state)
{
    (void)state;
    for (int k = 0; k < CASE_COUNT; k++) {
        take(CASES[k], -2, 2);
        convis_formula_blocks_of(c)->value(&f, INPUTS, at.out, COUNT);
        for (int i = 0; i < COUNT; i++) {
            double x[CONVIS_FORMULA_INPUTS];
            place(i, x);
            double expected = expected_value(k, x[0], x[1], x[2], x[3], VALUES[0], VALUES[1]);
            double exactly = convis_formula_value(&f, x, bound);
            if (!(fabs(exactly - expected) <= 1e-13*(1 + fabs(expected))))
                fail_msg("%s at %g, %g: %.17g in double, expected %.17g", CASES[k], x[0], x[1], exactly, expected);
            if (!(fabs((double)at.out[i] - expected) <= VALUE*(1 + fabs(expected))))
                fail_msg("%s at %g, %g: %.9g, expected %.9g", CASES[k], x[0], x[1], (double)at.out[i], expected);
        }
    }
}

/* Over their whole range functions have their relative accuracy: no digits are lost where values are small. */
static void functions(void **state)
{
    (void)state;
    static const struct { const char *text; double low, high, tolerance; } RANGES[] = {
        { "exp(x)", -80, 80, 3e-7 }, { "log(x)", 1e-30, 0.9, 3e-7 }, { "log(x)", 1.1, 1e30, 3e-7 }, { "log1p(x)", -0.9, 10, 4e-7 },
        { "log1p(x)", -1e-6, 1e-6, 3e-7 }, { "expm1(x)", -10, 10, 6e-7 }, { "expm1(x)", -1e-6, 1e-6, 3e-7 }, { "sqrt(x)", 0, 1e30, 1e-7 },
        { "softplus(x)", -80, 80, 4e-7 }, { "sigmoid(x)", -80, 80, 4e-7 }, { "tanh(x)", -20, 20, 5e-7 }, { "tanh(x)", -1e-5, 1e-5, 3e-7 },
        { "sin(x)", -1, 1, 3e-7 }, { "cos(x)", -1, 1, 3e-7 }, { "x^2.5", 0, 10, 2e-6 }, { "x^-0.3", 1e-10, 10, 3e-6 },
    };
    for (size_t k = 0; k < sizeof RANGES/sizeof *RANGES; k++) {
        take(RANGES[k].text, RANGES[k].low, RANGES[k].high);
        double tolerance = sizeof(convis_real) == 8 ? 1e-14 : RANGES[k].tolerance;
        convis_formula_blocks_of(c)->value(&f, INPUTS, at.out, COUNT);
        for (int i = 0; i < COUNT; i++) {
            double x = (double)at.in[0][i], expected = convis_formula_value(&f, &x, bound);
            if (!(fabs((double)at.out[i] - expected) <= tolerance*fabs(expected)))
                fail_msg("%s at %.9g: %.9g, expected %.9g", RANGES[k].text, x, (double)at.out[i], expected);
        }
    }
    take("sin(x)", -5000, 5000);                         /* absolute, as an argument has only so many digits */
    convis_formula_blocks_of(c)->value(&f, INPUTS, at.out, COUNT);
    for (int i = 0; i < COUNT; i++) assert_true(fabs((double)at.out[i] - sin((double)at.in[0][i])) < 1e-6);
}

/* Value and derivative at places where something could go wrong. */
static void edges(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    const struct { const char *text; double x, value, derivative; } EDGES[] = {
        { "relu(x)", 0, 0, 0 }, { "abs(x)", 0, 0, 0 }, { "sign(x)", 0, 0, 0 }, { "step(x)", 0, 0, 0 }, { "max(x, 0)", 0, 0, 0 },
        { "max(0, x)", 0, 0, 0 }, { "x^2", 0, 0, 0 }, { "x^1", 0, 0, 1 }, { "x^0", 0, 1, 0 }, { "x^0.5", 0, 0, 0 }, { "x^a", 0, 0, 0 },
        { "x^1.5", 0, 0, 0 }, { "x^2.5", -1, nan, nan }, { "x^3", -2, -8, 12 }, { "x^(10*a - 4)", -2, -8, 12 },
        { "x^(10*a - 3)", -2, 16, -32 },
        { "x^-1", 2, 0.5, -0.25 }, { "1/x", 0, inf, -inf }, { "x^(a - a)", 0, 1, 0 },
        { "softplus(x)", 200, 200, 1 }, { "softplus(x)", -60, 8.75651076269652e-27, 8.75651076269652e-27 },
        { "sigmoid(x)", 300, 1, 0 }, { "sigmoid(x)", -300, 0, 0 }, { "sigmoid(x)", 20, 0.99999999793884638, 2.0611536139418488e-9 },
        { "tanh(x)", 100, 1, 0 }, { "tanh(x)", -100, -1, 0 }, { "tanh(x)", 10, 0.99999999587769276, 8.2446144557673974e-9 },
        { "where(x > 0, log(x), 0)", 0, 0, 0 }, { "where(x > 0, log(x), 0)", -1, 0, 0 }, { "where(x > 0, x*log(x), 0)", 0, 0, 0 },
        { "where(x > 0, x^a, 3)", -2, 3, 0 }, { "sqrt(relu(x))", -1, 0, 0 }, { "relu(x)^a", -1, 0, 0 },
        { "where(x < 1, 5, 1/(x - 1))", 1, inf, -inf },
        { "where(x <= 1, 5, 1/(x - 1))", 1, 5, 0 }, { "log(x)", 0, -inf, inf }, { "log(x)", -1, nan, -1 }, { "log1p(x)", -1, -inf, inf },
        { "exp(x)", nan, nan, nan }, { "relu(x)", nan, nan, 0 }, { "sin(x)", inf, nan, nan }, { "x + a", nan, nan, 1 },
        { "tanh(x)", nan, nan, 0 }, { "softplus(x)", nan, nan, nan }, { "sigmoid(x)", nan, nan, 0 }, { "expm1(x)", nan, nan, nan },
        { "sqrt(x)", nan, nan, 0 }, { "log(x)", inf, inf, 0 },
    };
    for (size_t k = 0; k < sizeof EDGES/sizeof *EDGES; k++) {
        const double tolerance = sizeof(convis_real) == 8 ? 1e-12 : 2e-6;
        convis_real x = (convis_real)EDGES[k].x, y = 0, one = 1, zero = 0, derivative = 0, nothing = 0;
        convis_real *d_in[] = { &derivative }, *d_nothing[] = { &nothing };
        const convis_real *in[] = { &x };
        must(c, convis_formula_compile(c, "it", EDGES[k].text, &f));
        bind();
        convis_formula_blocks_of(c)->value(&f, in, &y, 1);
        convis_formula_blocks_of(c)->gradient(&f, in, &one, d_in, NULL, 1);
        convis_formula_blocks_of(c)->gradient(&f, in, &zero, d_nothing, NULL, 1);
        double found[] = { (double)y, (double)derivative }, expected[] = { EDGES[k].value, EDGES[k].derivative };
        /* A NaN input may give any derivative; which derivatives are NaN is not promised. */
        for (int j = 0; j < (isnan(EDGES[k].x) ? 1 : 2); j++) {
            int same = isnan(expected[j]) ? isnan(found[j]) : isinf(expected[j]) ? found[j] == expected[j]
                     : fabs(found[j] - expected[j]) <= tolerance*fabs(expected[j]);
            if (EDGES[k].derivative == 0 && j == 1) same = fabs(found[1]) < 1e-30;
            if (expected[0] == 0 && j == 0) same = fabs(found[0]) < 1e-37;
            if (!same)
                fail_msg("%s at %g: %s %.17g, expected %.17g", EDGES[k].text, EDGES[k].x, j ? "derivative" : "value", found[j],
                         expected[j]);
        }
        if (isfinite(EDGES[k].x) && !isnan(EDGES[k].value) && nothing != 0)
            fail_msg("%s at %g: no gradient becomes %g", EDGES[k].text, EDGES[k].x, (double)nothing);
    }
}

/* ---- Derivatives ---- */

/* A difference of the value in double along one number, and how far it may be trusted: two steps that agree. 0: not at all. */
static int differ(double *number, const double *x, const double *parameters, double *derivative)
{
    double value = *number, estimate[2];
    for (int k = 0; k < 2; k++) {
        double h = k ? 1e-5 : 3e-5, up, down;
        *number = value + h;
        up = convis_formula_value(&f, x, parameters);
        *number = value - h;
        down = convis_formula_value(&f, x, parameters);
        estimate[k] = (up - down)/(2*h);
    }
    *number = value;
    *derivative = estimate[1];
    return isfinite(estimate[0]) && fabs(estimate[0] - estimate[1]) <= 1e-7*(1 + fabs(estimate[1]));
}

/* Returns how many of the derivatives could be compared. */
static int check_gradients(const char *text, double tolerance)
{
    double sums[CONVIS_FORMULA_SUMS] = { 0 }, d_values[CONVIS_FORMULA_NAMES] = { 0 }, expected[CONVIS_FORMULA_NAMES] = { 0 };
    double scale[CONVIS_FORMULA_NAMES] = { 0 }, parameters[CONVIS_FORMULA_NAMES];
    int compared = 0, all = 1;
    memcpy(parameters, bound, sizeof parameters);
    for (int i = 0; i < COUNT; i++) {
        at.d_out[i] = (convis_real)(2*chance(9, (uint64_t)i) - 1);
        for (int j = 0; j < CONVIS_FORMULA_INPUTS; j++) at.d_in[j][i] = 2;     /* which is added to */
    }
    convis_formula_blocks_of(c)->gradient(&f, INPUTS, at.d_out, D_INPUTS, sums, COUNT);
    convis_formula_from_sums(&f, bound, sums, d_values);
    for (int i = 0; i < COUNT; i++) {
        double x[CONVIS_FORMULA_INPUTS], derivative, d = (double)at.d_out[i];
        place(i, x);
        for (int j = 0; j < f.inputs; j++) {
            if (!differ(&x[j], x, parameters, &derivative)) continue;
            double found = (double)at.d_in[j][i] - 2;
            compared++;
            if (!(fabs(found - d*derivative) <= tolerance*(1 + fabs(derivative))))
                fail_msg("%s: at %g, %g, %g its derivative along input %d times %g is %.9g, expected %.9g", text, x[0], x[1],
                         x[2], j, d, found, d*derivative);
        }
        for (int k = 0; k < f.names; k++) {
            all &= differ(&parameters[k], x, parameters, &derivative);
            expected[k] += d*derivative;
            scale[k] += fabs(d*derivative);
        }
    }
    for (int k = 0; k < f.names && all; k++) {
        compared++;
        if (!(fabs(d_values[k] - expected[k]) <= tolerance*(1 + scale[k])))
            fail_msg("%s: its gradient with respect to %s is %.9g, expected %.9g", text, f.name[k], d_values[k], expected[k]);
    }
    return compared;
}

static void gradients(void **state)
{
    (void)state;
    int compared = 0;
    static const char *const MORE[] = {
        "softplus(a*x + b)^c", "a*relu(b*x + c) + d*relu(x - e)", "exp(a*b*x)/(c + exp(a*b*x))", "(a + b)*(c - d)*x*y",
        "sin(a*x + b*y)*cos(c*z)",
        "log(x^2 + a^2)", "x*sigmoid(a*x)", "min(a*x, b*y + c)", "where(x > y, a*x^2, b*y^3)", "tanh(a*x)^2*abs(y)^c/d",
        "a", "a*b + c", "pow(a, x)",
        "a^b*x", "exp(-a^2)*x + log(c)", "step(a*x)*b", "max(a, b)*x", "expm1(a*x) + log1p(b^2*x^2)", "a*x + a*y + a*x", "(x + y*z*w)^3",
    };
    for (int k = 0; k < CASE_COUNT; k++) {
        take(CASES[k], -2, 2);
        compared += check_gradients(CASES[k], DERIVATIVE);
    }
    for (size_t k = 0; k < sizeof MORE/sizeof *MORE; k++) {
        take(MORE[k], -2, 2);
        int more = check_gradients(MORE[k], DERIVATIVE);
        if (!more) fail_msg("%s: nothing could be compared", MORE[k]);
        compared += more;
    }
    assert_true(compared > 50000);
}

/* ---- Instruction sets, parts, tails ---- */

static void bits(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "relu(a*x + b)^2", "softplus(x)*tanh(y) - sin(z)^2/cos(w)", "sqrt(abs(x))/(a + x^3) + max(y, z) - min(w, 2)*sigmoid(d*x)",
        "abs(x)^a + log(abs(y) + b^2) + exp(c*z) + where(w > x, expm1(w), log1p(abs(x)))",
    };
    static convis_real out[COUNT], d_in[CONVIS_FORMULA_INPUTS][COUNT];
    double sums[CONVIS_FORMULA_SUMS];
    char device[32];
    for (size_t k = 0; k < sizeof TEXTS/sizeof *TEXTS; k++) {
        take(TEXTS[k], -3, 3);
        for (int i = 0; i < COUNT; i++) at.d_out[i] = at.in[3][i];
        for (int isa = 0, usable, first = 1; (usable = usable_isa(isa, device)); isa++) {
            convis_context *there;
            if (usable < 0) continue;
            must(c, convis_open(&there, device));
            const convis_formula_blocks *blocks = convis_formula_blocks_of(there);
            double here[CONVIS_FORMULA_SUMS] = { 0 };
            memset(at.d_in, 0, sizeof at.d_in);
            blocks->value(&f, INPUTS, at.out, COUNT);
            blocks->gradient(&f, INPUTS, at.d_out, D_INPUTS, here, COUNT);
            if (first) {
                memcpy(out, at.out, sizeof out);
                memcpy(d_in, at.d_in, sizeof d_in);
                memcpy(sums, here, sizeof sums);
            }
            first = 0;
            assert_memory_equal(out, at.out, sizeof out);
            assert_memory_equal(d_in, at.d_in, sizeof d_in);
            assert_memory_equal(sums, here, sizeof sums);
            /* Part by part, of every length, nothing behind it touched; without sums and without some inputs. */
            for (int i = 0, n = 1; i < COUNT; i += n, n = n%40 + 1) {
                int count = n < COUNT - i ? n : COUNT - i;
                convis_real part[42], d_part[42] = { 0 };
                const convis_real *in[] = { at.in[0] + i, at.in[1] + i, at.in[2] + i, at.in[3] + i };
                convis_real *d[] = { d_part, NULL, NULL, NULL };
                part[count] = 77;
                blocks->value(&f, in, part, count);
                blocks->gradient(&f, in, at.d_out + i, d, NULL, count);
                assert_memory_equal(part, out + i, (size_t)count*sizeof *part);
                assert_memory_equal(d_part, d_in[0] + i, (size_t)count*sizeof *part);
                assert_true(part[count] == 77 && d_part[count] == 0);
            }
            convis_close(&there);
        }
    }
}

/* ---- Form ---- */

static void form(void **state)
{
    (void)state;
    static const struct { const char *text; int steps, names, inputs; const char *order; } FORMS[] = {
        { "relu(a*x + b)^2", 3, 2, 1, "ab" }, { "exp(a*x) + exp(a*x)", 3, 1, 1, "a" }, { "2*3*x*4", 1, 0, 1, "" },
        { "b*a*x", 1, 2, 1, "ba" },
        { "(x + a) + b", 1, 2, 1, "ab" }, { "x^8", 3, 0, 1, "" }, { "x^3*x^4", 4, 0, 1, "" }, { "y", 1, 0, 2, "" },
        { "sin(a)^2 + cos(a)^2 + x", 1, 1, 1, "a" },
        { "0*x + 1*y + z/1", 1, 0, 3, "" }, { "x - -y", 1, 0, 2, "" }, { "max(x, 0) + relu(x)", 2, 0, 1, "" },
        { "where(1 > 2, log(x), w)", 1, 0, 4, "" },
        { "a*x - b", 1, 2, 1, "ab" }, { "7", 1, 0, 0, "" },
    };
    for (size_t k = 0; k < sizeof FORMS/sizeof *FORMS; k++) {
        must(c, convis_formula_compile(c, "it", FORMS[k].text, &f));
        if (f.forward.steps != FORMS[k].steps)
            fail_msg("%s: %d steps, expected %d", FORMS[k].text, f.forward.steps, FORMS[k].steps);
        assert_int_equal(f.names, FORMS[k].names);
        assert_int_equal(f.inputs, FORMS[k].inputs);
        for (int j = 0; j < f.names; j++) assert_true(f.name[j][0] == FORMS[k].order[j] && !f.name[j][1]);
    }
    must(c, convis_formula_compile(c, "it", "  gain_2*( x-Threshold )\n", &f));
    assert_string_equal(f.name[0], "gain_2");
    assert_string_equal(f.name[1], "Threshold");
}

static void numbers(void **state)
{
    (void)state;
    static const struct { const char *text; double value; } NUMBERS[] = {
        { "0.1", 0.1 }, { ".5", 0.5 }, { "5.", 5 }, { "1e3", 1e3 }, { "1.5E-3", 1.5e-3 }, { "2e+2", 200 },
        { "0.000012345678901234567", 0.000012345678901234567 },
        { "123456789012345678901234567890", 1.2345678901234568e29 }, { "1e-400", 0 }, { "00.10", 0.1 }, { "pi", 3.14159265358979323846 },
        { "1.7976931348623157e308", 1.7976931348623157e308 },
    };
    for (int commas = 0; commas < 2; commas++) {
        if (commas && !with_commas(LC_NUMERIC)) continue;
        for (size_t k = 0; k < sizeof NUMBERS/sizeof *NUMBERS; k++) {
            must(c, convis_formula_compile(c, "it", NUMBERS[k].text, &f));
            if (convis_formula_value(&f, NULL, NULL) != NUMBERS[k].value) fail_msg("%s", NUMBERS[k].text);
        }
    }
    setlocale(LC_NUMERIC, "C");
}

static void wrong(void **state)
{
    (void)state;
    static const struct { const char *text; convis_status status; const char *part; } WRONG[] = {
        { "", CONVIS_EINVAL, "it.formula: column 1 of '': it ends, expected a number, a name or '('" },
        { "relu(a**x)", CONVIS_EINVAL, "it.formula: column 8 of 'relu(a**x)': found '*x)', expected a number, a name or '('" },
        { "relu(a*x + b", CONVIS_EINVAL, "column 13 of 'relu(a*x + b': it ends, expected an operator, ',' or ')'" },
        { "(x + 1", CONVIS_EINVAL, "column 7 of '(x + 1': it ends, expected an operator or ')'" },
        { "x + 1)", CONVIS_EINVAL, "column 6 of 'x + 1)': found ')', expected an operator or the end" },
        { "2x", CONVIS_EINVAL, "column 2 of '2x': found 'x', expected an operator or the end" },
        { "rellu(x)", CONVIS_ENAME, "column 1 of 'rellu(x)': no function has the name 'rellu'; did you mean relu?" },
        { "x + sigmiod(x)", CONVIS_ENAME,
          "column 5 of 'x + sigmiod(x)': no function has the name 'sigmiod'; did you mean sigmoid?" },
        { "a(x + 1)", CONVIS_ENAME, "column 1 of 'a(x + 1)': no function has the name 'a'; a product needs a *" },
        { "relu + 1", CONVIS_EINVAL, "column 1 of 'relu + 1': relu is a function, expected '(' after it" },
        { "1 + min(x)", CONVIS_EINVAL, "column 5 of '1 + min(x)': min of 1 argument, expected 2" },
        { "exp(x, y, z, w)", CONVIS_EINVAL, "column 1 of 'exp(x, y, z, w)': exp of 4 arguments, expected 1" },
        { "exp()", CONVIS_EINVAL, "column 5 of 'exp()': found ')', expected a number" },
        { "1 < x < 2", CONVIS_EINVAL, "column 7 of '1 < x < 2': a second comparison" },
        { "x == 2", CONVIS_EINVAL, "column 3 of 'x == 2': found '== 2', expected an operator or the end" },
        { "3 + 1e+", CONVIS_EINVAL, "column 7 of '3 + 1e+': found '+', expected the digits of an exponent" },
        { "1e999*x", CONVIS_EINVAL, "column 1 of '1e999*x': a number that is too large" },
        { "1.2.3", CONVIS_EINVAL, "column 4 of '1.2.3': found '.3', expected an operator or the end" },
        { ".", CONVIS_EINVAL, "column 2 of '.': it ends, expected a number" },
        { "x \xc3\x97 2", CONVIS_EINVAL, "column 3 of 'x ?? 2': found '?? 2', expected an operator or the end" },
        { "abcdefghijklmnopqrstuvwxyz_123456", CONVIS_EINVAL,
          "column 1 of 'abcdefghijklmnopqrstuvwxyz_123456': a name of more than 31 characters" },
        { "x + x + x + x + x + x + x + x + x + x + x + x + x + x + x $ x + x + x + x + x + x + x + x + x + x + x + x", CONVIS_EINVAL,
          "column 59 of '...x + x + x + x + x + x + x + x $ x + x + x + x + x + x + x + ...': found '$ x + x + x ...', expected" },
    };
    for (size_t k = 0; k < sizeof WRONG/sizeof *WRONG; k++)
        refused(c, WRONG[k].status, WRONG[k].part, convis_formula_compile(c, "it.formula", WRONG[k].text, &f));
}

static void limits(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, '(', 101);
    strcpy(text + 101, "x");
    refused(c, CONVIS_EINVAL, "more than 100 signs and parentheses", convis_formula_compile(c, "it", text, &f));
    memset(text, '(', 90);
    strcpy(text + 90, "x");
    memset(text + 91, ')', 90);
    text[181] = 0;
    must(c, convis_formula_compile(c, "it", text, &f));
    memset(text, '-', 150);
    strcpy(text + 150, "x");
    refused(c, CONVIS_EINVAL, "more than 100 signs", convis_formula_compile(c, "it", text, &f));
    strcpy(text, "x");
    for (int k = 0; k < 700; k++) strcat(text, "+x");
    must(c, convis_formula_compile(c, "it", text, &f));
    for (int k = 0; k < 700; k++) strcat(text, "+x");
    refused(c, CONVIS_EINVAL, "a formula of 2801 characters, expected at most 2000", convis_formula_compile(c, "it", text, &f));
    text[0] = 0;
    for (int k = 0; k < 145; k++) sprintf(text + strlen(text), "%stanh(%d*x)*y", k ? "+" : "", k + 2);
    refused(c, CONVIS_EINVAL, "is too long: with its derivatives", convis_formula_compile(c, "it", text, &f));
    text[0] = 0;
    for (int k = 0; k <= CONVIS_FORMULA_NAMES; k++) sprintf(text + strlen(text), "%sp%d", k ? "+" : "", k);
    refused(c, CONVIS_EINVAL, "'p24' would be parameter 25, expected at most 24", convis_formula_compile(c, "it", text, &f));
}

/* ---- Drawn at random: a tree as text, and its value by other means ---- */

typedef struct draw { uint64_t seed, used; char *text; } draw;
static double next(draw *d) { return chance(d->seed, d->used++); }
static int  below(draw *d, int n) { return (int)(next(d)*n); }
static void put(draw *d, const char *s) { d->text = stpcpy(d->text, s); }

static double tree(draw *d, int depth, const double *x, const double *parameter);

/* Two trees between three texts. */
static void two_trees(draw *d, int depth, const double *x, const double *parameter, const char *first, const char *between,
                      const char *last, double *a, double *b)
{
    put(d, first);
    *a = tree(d, depth - 1, x, parameter);
    put(d, between);
    *b = tree(d, depth - 1, x, parameter);
    put(d, last);
}

/* Writes a tree and returns its value at x, with parameters VALUES. */
static double tree(draw *d, int depth, const double *x, const double *parameter)
{
    static const char *const UNARY[] = {
        "exp", "log1p", "expm1", "sqrt", "abs", "relu", "softplus", "sigmoid", "tanh", "sin", "cos", "step"
    };
    char number[32];
    double a, b, e;
    if (!depth || below(d, 8) == 0) {
        int k = below(d, 10);
        if (k < 5) { put(d, (const char *const[]){ "x", "y", "z", "w" }[k %= 4]); return x[k]; }
        if (k < 8) { sprintf(number, "p%d", k - 5); put(d, number); return parameter[k - 5]; }
        sprintf(number, "%.2f", a = floor(next(d)*400)/100);
        put(d, number);
        return strtod(number, NULL);
    }
    switch (below(d, 9)) {
    case 0: two_trees(d, depth, x, parameter, "(", " + ", ")", &a, &b); return a + b;
    case 1: two_trees(d, depth, x, parameter, "(", " - ", ")", &a, &b); return a - b;
    case 2: case 3: two_trees(d, depth, x, parameter, "(", "*", ")", &a, &b); return a*b;
    case 4: two_trees(d, depth, x, parameter, "(", "/(1.5 + (", ")^2))", &a, &b); return a/(1.5 + b*b);
    case 5: put(d, "-("); a = tree(d, depth - 1, x, parameter); put(d, ")"); return -a;
    case 6: {
        int n = 1 + below(d, 4);
        put(d, "("); a = tree(d, depth - 1, x, parameter); put(d, ")^"); sprintf(number, "%d", n); put(d, number);
        return pow(a, n); }
    case 7: {
        int k = below(d, 3);
        put(d, (const char *const[]){ "min(", "max(", "where(0 < " }[k]);
        a = tree(d, depth - 1, x, parameter); put(d, ", "); b = tree(d, depth - 1, x, parameter);
        e = 0;
        if (k == 2) { put(d, ", "); e = tree(d, depth - 1, x, parameter); }
        put(d, ")");
        return k == 0 ? fmin(a, b) : k == 1 ? fmax(a, b) : a > 0 ? b : e; }
    default: {
        int k = below(d, 12);
        put(d, UNARY[k]);
        put(d, k == 1 ? "(abs(" : k == 3 ? "(0.1 + abs(" : k == 0 || k == 2 ? "(tanh(" : "(");
        a = tree(d, depth - 1, x, parameter);
        put(d, k < 4 ? "))" : ")");
        switch (k) {
        case 0: return exp(tanh(a));
        case 1: return log1p(fabs(a));
        case 2: return expm1(tanh(a));
        case 3: return sqrt(0.1 + fabs(a));
        case 4: return fabs(a);
        case 5: return relu(a);
        case 6: return a > 30 ? a : log1p(exp(a));
        case 7: return 1/(1 + exp(-a));
        case 8: return tanh(a);
        case 9: return sin(a);
        case 10: return cos(a);
        default: return a > 0;
        } }
    }
}

static void drawn(void **state)
{
    (void)state;
    static char text[1 << 20];
    int compiled = 0, compared = 0, points_compared = 0;
    for (uint64_t seed = 0; seed < 6000; seed++) {
        double x[CONVIS_FORMULA_INPUTS] = { 0 };
        draw first = { seed, 0, text };
        tree(&first, 2 + (int)(seed%4), x, VALUES);
        convis_status status = strlen(text) > CONVIS_FORMULA_LENGTH ? CONVIS_EINVAL : convis_formula_compile(c, "it", text, &f);
        if (status) continue;
        compiled++;
        take(text, -1.5, 1.5);
        convis_formula_blocks_of(c)->value(&f, INPUTS, at.out, COUNT);
        for (int i = 0; i < COUNT; i += 97) {
            draw again = { seed, 0, text };
            double up[CONVIS_FORMULA_INPUTS];
            place(i, x);
            double expected = tree(&again, 2 + (int)(seed%4), x, VALUES), exactly = convis_formula_value(&f, x, bound), near = 0;
            /* How much the value hangs on the last digits of its inputs, for single precision. */
            for (int k = 0; k < 8; k++) {
                for (int j = 0; j < CONVIS_FORMULA_INPUTS; j++) up[j] = x[j]*(1 + 1e-6*(2*chance(77, (uint64_t)(8*k + j)) - 1));
                near = fmax(near, fabs(convis_formula_value(&f, up, bound) - exactly));
            }
            if (!isfinite(expected) || fabs(expected) > 1e6) continue;
            if (!(fabs(exactly - expected) <= 1e-9*(1 + fabs(expected)) + 1e-6*near)) {
                /* A corner or a jump may fall on either side. */
                if (near > 1e-3) continue;
                fail_msg("%s: %.17g, expected %.17g", text, exactly, expected);
            }
            points_compared++;
            if (sizeof(convis_real) == 8 && !(fabs((double)at.out[i] - exactly) <= 1e-10*(1 + fabs(exactly)) + 1e-6*near))
                fail_msg("%s at %g, %g: %.17g, expected %.17g", text, x[0], x[1], (double)at.out[i], exactly);
        }
        if (sizeof(convis_real) == 8 && seed%8 == 0) compared += check_gradients(text, 1e-5);
    }
    assert_true(compiled > 5000 && points_compared > 50000);
    assert_true(sizeof(convis_real) < 8 || compared > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values), cmocka_unit_test(functions), cmocka_unit_test(edges), cmocka_unit_test(gradients),
        cmocka_unit_test(bits),   cmocka_unit_test(form), cmocka_unit_test(numbers), cmocka_unit_test(wrong),
        cmocka_unit_test(limits), cmocka_unit_test(drawn),
    };
    return cmocka_run_group_tests_name("formula", tests, open_context, close_context);
}
