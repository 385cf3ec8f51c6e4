/* formula_graph.c - the nodes of a formula: simplified as they are made, differentiated backwards, evaluated in double. */
#include "formula.h"
#include <math.h>
#include <string.h>

typedef convis_formula_node node;
#define OP(i) (f->node[i].op)

int convis_formula_operands(int op)
{
    switch (op) {
    case CONVIS_F_NUMBER: case CONVIS_F_NAME: case CONVIS_F_INPUT: case CONVIS_F_SUM: case CONVIS_F_GRADIENT: return 0;
    case CONVIS_F_SELECT: case CONVIS_F_POW_SLOPE: case CONVIS_F_MUL_ADD: case CONVIS_F_MUL_SUB: case CONVIS_F_SUB_MUL: return 3;
    case CONVIS_F_ADD: case CONVIS_F_SUB: case CONVIS_F_MUL: case CONVIS_F_DIV: case CONVIS_F_POW: case CONVIS_F_MIN: case CONVIS_F_MAX:
    case CONVIS_F_LESS: case CONVIS_F_LESS_EQUAL: case CONVIS_F_GATE: case CONVIS_F_SCALED: case CONVIS_F_SHARED:
    case CONVIS_F_ADD_UP_PRODUCT: return 2;
    default: return 1;
    }
}

/* ---- What an operation gives, in double precision: the meaning that blocks approximate ---- */

static double sigmoid_derivative(double a)
{
    double e = exp(-fabs(a)), s = 1/(1 + e);
    return e*s*s;
}

static double apply(const node *n, double a, double b, double c)
{
    switch (n->op) {
    case CONVIS_F_ADD:           return a + b;
    case CONVIS_F_SUB:           return a - b;
    case CONVIS_F_MUL:           return a*b;
    case CONVIS_F_DIV:           return a/b;
    case CONVIS_F_NEG:           return -a;
    case CONVIS_F_WHOLE_POWER:   return pow(a, n->number);
    case CONVIS_F_POW:           return pow(a, b);
    case CONVIS_F_MIN:           return a < b ? a : b;
    case CONVIS_F_MAX:           return a > b ? a : b;
    case CONVIS_F_LESS:          return a < b;
    case CONVIS_F_LESS_EQUAL:    return a <= b;
    case CONVIS_F_SELECT:        return !(a == 0) ? b : c;
    case CONVIS_F_EXP:           return exp(a);
    case CONVIS_F_LOG:           return log(a);
    case CONVIS_F_LOG1P:         return log1p(a);
    case CONVIS_F_EXPM1:         return expm1(a);
    case CONVIS_F_SQRT:          return sqrt(a);
    case CONVIS_F_ABS:           return fabs(a);
    case CONVIS_F_SIGN:          return a > 0 ? 1 : a < 0 ? -1 : a;
    case CONVIS_F_RELU:          return a < 0 ? 0 : a;
    case CONVIS_F_STEP:          return a > 0;
    case CONVIS_F_SOFTPLUS:      return (a < 0 ? 0 : a) + log1p(exp(-fabs(a)));
    case CONVIS_F_SIGMOID:       return 1/(1 + exp(-a));
    case CONVIS_F_TANH:          return tanh(a);
    case CONVIS_F_SIN:           return sin(a);
    case CONVIS_F_COS:           return cos(a);
    case CONVIS_F_GATE:          return a > 0 ? b : 0;
    case CONVIS_F_SCALED:        return a == 0 ? 0 : a*b;
    case CONVIS_F_SHARED:        return a == 0 ? 0 : a/b;
    case CONVIS_F_SQRT_SLOPE:    return a > 0 ? 0.5/a : 0;
    case CONVIS_F_POW_SLOPE:     return a == 0 ? b == 1 : b*c/a;
    case CONVIS_F_LOG_OR_0:      return a > 0 ? log(a) : 0;
    case CONVIS_F_SIGMOID_SLOPE: return sigmoid_derivative(a);
    default:                     return NAN;
    }
}

/* Every node that x (NULL: only uniform ones) and sums (NULL: only those that are not late) decide. */
static void evaluate(const convis_formula *f, const double *x, const double *values, const double *sums, double *v)
{
    for (int i = 0; i < f->nodes; i++) {
        const node *n = &f->node[i];
        v[i] = 0;
        if ((!x && !n->uniform) || (!sums && n->late)) continue;
        switch (n->op) {
        case CONVIS_F_NUMBER: v[i] = n->number; break;
        case CONVIS_F_NAME:   v[i] = values[n->a]; break;
        case CONVIS_F_INPUT:  v[i] = x[n->a]; break;
        case CONVIS_F_SUM:    v[i] = sums[n->a]; break;
        case CONVIS_F_GRADIENT: break;
        default:              v[i] = apply(n, v[n->a], v[n->b], v[n->c]);
        }
    }
}

double convis_formula_value(const convis_formula *f, const double *x, const double *values)
{
    double v[CONVIS_FORMULA_NODES];
    evaluate(f, x, values, NULL, v);
    return v[f->root];
}

void convis_formula_bind(convis_formula *f, const double *values)
{
    double v[CONVIS_FORMULA_NODES];
    evaluate(f, NULL, values, NULL, v);
    for (int k = 0; k < f->forward.numbers; k++)  f->forward.value[k]  = (convis_real)v[f->forward.number[k]];
    for (int k = 0; k < f->backward.numbers; k++) f->backward.value[k] = (convis_real)v[f->backward.number[k]];
}

void convis_formula_from_sums(const convis_formula *f, const double *values, const double *sums, double *d_values)
{
    double v[CONVIS_FORMULA_NODES];
    evaluate(f, NULL, values, sums, v);
    for (int k = 0; k < f->names; k++) if (f->d_name[k] >= 0) d_values[k] += v[f->d_name[k]];
}

/* ---- Making nodes ---- */

static int is_finite(const convis_formula *f, const node *n)
{
    int operands = convis_formula_operands(n->op);
    if (n->op == CONVIS_F_NUMBER) return isfinite(n->number);
    if (operands > 0 && !f->node[n->a].finite) return 0;
    if (operands > 1 && !f->node[n->b].finite) return 0;
    if (operands > 2 && !f->node[n->c].finite) return 0;
    switch (n->op) {
    case CONVIS_F_DIV: return OP(n->b) == CONVIS_F_NUMBER && f->node[n->b].number != 0;
    case CONVIS_F_POW: case CONVIS_F_LOG: case CONVIS_F_LOG1P: case CONVIS_F_SQRT: case CONVIS_F_SHARED: case CONVIS_F_POW_SLOPE: return 0;
    default: return 1;
    }
}

/* The node itself, or an equal one that exists. */
static int add(convis_formula *f, node n)
{
    for (int i = f->nodes - 1; i >= 0; i--) {
        const node *m = &f->node[i];
        if (m->op == n.op && m->a == n.a && m->b == n.b && m->c == n.c && !memcmp(&m->number, &n.number, sizeof n.number))
            return i;
    }
    if (f->nodes == CONVIS_FORMULA_NODES) { f->full = 1; return 0; }
    int operands = convis_formula_operands(n.op);
    n.uniform = n.op != CONVIS_F_INPUT && n.op != CONVIS_F_GRADIENT;
    n.late = n.op == CONVIS_F_SUM;
    if (operands > 0) { n.uniform &= f->node[n.a].uniform; n.late |= f->node[n.a].late; }
    if (operands > 1) { n.uniform &= f->node[n.b].uniform; n.late |= f->node[n.b].late; }
    if (operands > 2) { n.uniform &= f->node[n.c].uniform; n.late |= f->node[n.c].late; }
    n.finite = (unsigned char)is_finite(f, &n);
    f->node[f->nodes] = n;
    return f->nodes++;
}

int convis_formula_number(convis_formula *f, double x) { return add(f, (node){ .op = CONVIS_F_NUMBER, .number = x }); }
int convis_formula_leaf(convis_formula *f, int op, int which) { return add(f, (node){ .op = (unsigned char)op, .a = (short)which }); }

#define NUMBER(x)          convis_formula_number(f, x)
#define ONE(op, a)         convis_formula_make(f, CONVIS_F_##op, a, 0, 0)
#define TWO(op, a, b)      convis_formula_make(f, CONVIS_F_##op, a, b, 0)
#define THREE(op, a, b, c) convis_formula_make(f, CONVIS_F_##op, a, b, c)

static int is(const convis_formula *f, int i, double x) { return OP(i) == CONVIS_F_NUMBER && f->node[i].number == x; }
static int moves(const convis_formula *f, int i, int op) { return OP(i) == op && !f->node[i].uniform; }    /* depends on an input */

/* Factors and terms that are uniform gather at the right: (v + u) + t = v + (u + t). */
static int gathered(convis_formula *f, int op, int a, int b)
{
    if (!moves(f, a, op) || !f->node[b].uniform || !f->node[f->node[a].b].uniform) return -1;
    int rest = f->node[a].a;
    return convis_formula_make(f, op, rest, convis_formula_make(f, op, f->node[a].b, b, 0), 0);
}

static double exponent_over(const convis_formula *f, int a, int base)
{
    if (a == base) return 1;
    return OP(a) == CONVIS_F_WHOLE_POWER && f->node[a].a == base ? f->node[a].number : 0;
}

enum { LARGEST_WHOLE_POWER = 64 };
static int whole_power(convis_formula *f, int a, double n)
{
    return add(f, (node){ .op = CONVIS_F_WHOLE_POWER, .a = (short)a, .number = n });
}

/* What a product or sum becomes, -1: itself. Of two operands the uniform one is b, else the later one. */
static int simpler_sum(convis_formula *f, int a, int b)
{
    if (is(f, b, 0)) return a;
    if (moves(f, b, CONVIS_F_NEG)) return TWO(SUB, a, f->node[b].a);
    if (moves(f, a, CONVIS_F_NEG)) return TWO(SUB, b, f->node[a].a);
    return gathered(f, CONVIS_F_ADD, a, b);
}

static int simpler_difference(convis_formula *f, int a, int b)
{
    if (is(f, b, 0)) return a;
    if (is(f, a, 0)) return ONE(NEG, b);
    if (a == b) return NUMBER(0);
    if (OP(b) == CONVIS_F_NEG) return TWO(ADD, a, f->node[b].a);
    if (f->node[b].uniform && !f->node[a].uniform) return TWO(ADD, a, ONE(NEG, b));
    return -1;
}

static int simpler_product(convis_formula *f, int a, int b)
{
    if (is(f, b, 0)) return b;
    if (is(f, b, 1)) return a;
    if (is(f, b, -1)) return ONE(NEG, a);
    if (moves(f, a, CONVIS_F_NEG)) return ONE(NEG, TWO(MUL, f->node[a].a, b));
    if (moves(f, b, CONVIS_F_NEG)) return ONE(NEG, TWO(MUL, a, f->node[b].a));
    int base = OP(a) == CONVIS_F_WHOLE_POWER ? f->node[a].a : OP(b) == CONVIS_F_WHOLE_POWER ? f->node[b].a : a;
    double n = exponent_over(f, a, base), m = exponent_over(f, b, base);
    if (n > 0 && m > 0 && n + m <= LARGEST_WHOLE_POWER) return whole_power(f, base, n + m);
    return gathered(f, CONVIS_F_MUL, a, b);
}

static int simpler_quotient(convis_formula *f, int a, int b)
{
    int exponent;
    if (is(f, a, 0)) return a;
    if (OP(b) != CONVIS_F_NUMBER) return -1;
    if (frexp(fabs(f->node[b].number), &exponent) == 0.5) return TWO(MUL, a, NUMBER(1/f->node[b].number));    /* exact */
    return -1;
}

static int simpler_negative(convis_formula *f, int a)
{
    const node n = f->node[a];
    if (n.op == CONVIS_F_NEG) return n.a;
    if (n.op == CONVIS_F_SUB) return TWO(SUB, n.b, n.a);
    if (moves(f, a, CONVIS_F_MUL) && f->node[n.b].uniform) return TWO(MUL, n.a, ONE(NEG, n.b));
    return -1;
}

static int simpler(convis_formula *f, int op, int a, int b, int c)
{
    switch (op) {
    case CONVIS_F_ADD:    return simpler_sum(f, a, b);
    case CONVIS_F_SUB:    return simpler_difference(f, a, b);
    case CONVIS_F_MUL:    return simpler_product(f, a, b);
    case CONVIS_F_DIV:    return simpler_quotient(f, a, b);
    case CONVIS_F_NEG:    return simpler_negative(f, a);
    case CONVIS_F_MIN:    return is(f, b, 0) ? ONE(NEG, ONE(RELU, ONE(NEG, a))) : -1;
    case CONVIS_F_MAX:    return is(f, b, 0) ? ONE(RELU, a) : -1;
    case CONVIS_F_SELECT: return OP(a) == CONVIS_F_NUMBER ? (is(f, a, 0) ? c : b) : b == c ? b : -1;
    case CONVIS_F_RELU:   return OP(a) == CONVIS_F_RELU ? a : -1;
    case CONVIS_F_ABS:    return OP(a) == CONVIS_F_NEG ? ONE(ABS, f->node[a].a) : -1;
    case CONVIS_F_GATE:   return is(f, b, 0) ? b : -1;
    case CONVIS_F_SCALED: return is(f, a, 0) ? a : f->node[b].finite ? TWO(MUL, a, b) : -1;
    case CONVIS_F_SHARED: return is(f, a, 0) || is(f, b, 1) ? a : OP(b) == CONVIS_F_NUMBER && !is(f, b, 0) ? TWO(DIV, a, b) : -1;
    default:              return -1;
    }
}

int convis_formula_make(convis_formula *f, int op, int a, int b, int c)
{
    node n = { .op = (unsigned char)op };
    int operands = convis_formula_operands(op), numbers = 0;
    if (f->full) return 0;
    if (op == CONVIS_F_ADD || op == CONVIS_F_MUL || op == CONVIS_F_MIN || op == CONVIS_F_MAX) {
        int ua = f->node[a].uniform, ub = f->node[b].uniform, na = OP(a) == CONVIS_F_NUMBER, nb = OP(b) == CONVIS_F_NUMBER;
        if (na != nb ? na : ua != ub ? ua : a > b) { int swap = a; a = b; b = swap; }
        }
    numbers = (OP(a) == CONVIS_F_NUMBER) + (operands > 1 && OP(b) == CONVIS_F_NUMBER) + (operands > 2 && OP(c) == CONVIS_F_NUMBER);
    if (numbers == operands) return NUMBER(apply(&n, f->node[a].number, f->node[b].number, f->node[c].number));
    int other = simpler(f, op, a, b, c);
    if (other >= 0) return other;
    n.a = (short)a;
    n.b = (short)(operands > 1 ? b : 0);
    n.c = (short)(operands > 2 ? c : 0);
    return add(f, n);
}

int convis_formula_power(convis_formula *f, int a, int b)
{
    if (f->full) return 0;
    if (OP(b) != CONVIS_F_NUMBER || OP(a) == CONVIS_F_NUMBER) return TWO(POW, a, b);
    double n = f->node[b].number;
    if (n == 0) return NUMBER(1);
    if (n == 1) return a;
    if (n == 0.5) return ONE(SQRT, a);
    if ((n != floor(n) && n != -0.5) || fabs(n) > LARGEST_WHOLE_POWER) return TWO(POW, a, b);
    if (n < 0) return TWO(DIV, NUMBER(1), convis_formula_power(f, a, NUMBER(-n)));
    double m = OP(a) == CONVIS_F_WHOLE_POWER ? f->node[a].number : 0;
    return m > 0 && m*n <= LARGEST_WHOLE_POWER ? whole_power(f, f->node[a].a, m*n) : whole_power(f, a, n);
}

/* ---- Derivatives: from the root down, each node gives its operands what its own gradient means for them ---- */

static int requires(const convis_formula *f, int i) { return OP(i) != CONVIS_F_NUMBER; }

static void give(convis_formula *f, short *gradient, int to, int what)
{
    if (requires(f, to)) gradient[to] = (short)(gradient[to] < 0 ? what : TWO(ADD, gradient[to], what));
}

/* The derivative of the unary operation of node i at its operand. */
static int derivative(convis_formula *f, int i)
{
    int a = f->node[i].a;
    switch (OP(i)) {
    case CONVIS_F_WHOLE_POWER:
        return TWO(MUL, convis_formula_power(f, a, NUMBER(f->node[i].number - 1)), NUMBER(f->node[i].number));
    case CONVIS_F_EXP:      return i;
    case CONVIS_F_EXPM1:    return ONE(EXP, a);
    case CONVIS_F_SQRT:     return ONE(SQRT_SLOPE, i);
    case CONVIS_F_ABS:      return ONE(SIGN, a);
    case CONVIS_F_SOFTPLUS: return ONE(SIGMOID, a);
    case CONVIS_F_SIGMOID:  return ONE(SIGMOID_SLOPE, a);
    case CONVIS_F_TANH:     return TWO(MUL, ONE(SIGMOID_SLOPE, TWO(MUL, a, NUMBER(2))), NUMBER(4));
    case CONVIS_F_SIN:      return ONE(COS, a);
    case CONVIS_F_COS:      return ONE(NEG, ONE(SIN, a));
    default:                return NUMBER(0);
    }
}

static void give_operands(convis_formula *f, short *gradient, int i)
{
    const node n = f->node[i];
    int a = n.a, b = n.b, c = n.c, g = gradient[i], zero = NUMBER(0);
    switch (n.op) {
    case CONVIS_F_NUMBER: case CONVIS_F_NAME: case CONVIS_F_INPUT: case CONVIS_F_SUM: case CONVIS_F_GRADIENT:
    case CONVIS_F_LESS: case CONVIS_F_LESS_EQUAL: case CONVIS_F_SIGN: case CONVIS_F_STEP:
        return;
    case CONVIS_F_ADD:
        give(f, gradient, a, g);
        give(f, gradient, b, g);
        return;
    case CONVIS_F_SUB:
        give(f, gradient, a, g);
        if (requires(f, b)) give(f, gradient, b, ONE(NEG, g));
        return;
    case CONVIS_F_NEG:
        give(f, gradient, a, ONE(NEG, g));
        return;
    case CONVIS_F_MUL:
        if (requires(f, a)) give(f, gradient, a, TWO(SCALED, g, b));
        if (requires(f, b)) give(f, gradient, b, TWO(SCALED, g, a));
        return;
    case CONVIS_F_DIV:
        if (requires(f, a)) give(f, gradient, a, TWO(SHARED, g, b));
        if (requires(f, b)) give(f, gradient, b, ONE(NEG, TWO(SCALED, TWO(SHARED, g, b), i)));
        return;
    case CONVIS_F_POW:
        if (requires(f, a)) give(f, gradient, a, TWO(SCALED, g, THREE(POW_SLOPE, a, b, i)));
        if (requires(f, b)) give(f, gradient, b, TWO(SCALED, g, TWO(SCALED, ONE(LOG_OR_0, a), i)));
        return;
    case CONVIS_F_MIN: case CONVIS_F_MAX: {
        int first = n.op == CONVIS_F_MIN ? TWO(LESS, a, b) : TWO(LESS, b, a);
        if (requires(f, a)) give(f, gradient, a, THREE(SELECT, first, g, zero));
        if (requires(f, b)) give(f, gradient, b, THREE(SELECT, first, zero, g));
        return; }
    case CONVIS_F_SELECT:
        if (requires(f, b)) give(f, gradient, b, THREE(SELECT, a, g, zero));
        if (requires(f, c)) give(f, gradient, c, THREE(SELECT, a, zero, g));
        return;
    case CONVIS_F_RELU:
        give(f, gradient, a, TWO(GATE, a, g));
        return;
    case CONVIS_F_LOG:
        give(f, gradient, a, TWO(SHARED, g, a));
        return;
    case CONVIS_F_LOG1P:
        give(f, gradient, a, TWO(SHARED, g, TWO(ADD, a, NUMBER(1))));
        return;
    default:
        give(f, gradient, a, TWO(SCALED, g, derivative(f, i)));
    }
}

/* The sum over elements of e as a leaf: a uniform factor is left out of it. -1: too many. */
static int summed(convis_formula *f, int e, short *sum, int *sums)
{
    int k = 0;
    if (moves(f, e, CONVIS_F_NEG)) {
        int s = summed(f, f->node[e].a, sum, sums);
        return s < 0 ? s : ONE(NEG, s);
    }
    if (moves(f, e, CONVIS_F_MUL) && f->node[f->node[e].b].uniform) {
        int s = summed(f, f->node[e].a, sum, sums);
        return s < 0 ? s : TWO(MUL, s, f->node[e].b);
    }
    while (k < *sums && sum[k] != e) k++;
    if (k == CONVIS_FORMULA_SUMS) return -1;
    if (k == *sums) sum[(*sums)++] = (short)e;
    return convis_formula_leaf(f, CONVIS_F_SUM, k);
}

int convis_formula_differentiate(convis_formula *f, short sum[CONVIS_FORMULA_SUMS])
{
    short gradient[CONVIS_FORMULA_NODES];
    int sums = 0;
    for (int i = 0; i < CONVIS_FORMULA_NODES; i++) gradient[i] = -1;
    gradient[f->root] = (short)convis_formula_leaf(f, CONVIS_F_GRADIENT, 0);
    for (int i = f->root; i >= 0; i--) if (gradient[i] >= 0 && !f->node[i].uniform) give_operands(f, gradient, i);
    /* What arrives at uniform nodes is summed over all elements first; the rest is a matter of numbers. */
    for (int i = f->root; i >= 0; i--)
        if (gradient[i] >= 0 && f->node[i].uniform && !f->full) {
            int s = is(f, gradient[i], 0) ? -1 : summed(f, gradient[i], sum, &sums);
            if (s < 0 && !is(f, gradient[i], 0)) f->full = 1;
            gradient[i] = (short)s;
        }
    for (int i = f->root; i >= 0; i--) if (gradient[i] >= 0 && f->node[i].uniform) give_operands(f, gradient, i);
    for (int k = 0; k < CONVIS_FORMULA_INPUTS; k++) f->d_input[k] = -1;
    for (int k = 0; k < CONVIS_FORMULA_NAMES; k++)  f->d_name[k] = -1;
    for (int i = 0; i <= f->root; i++) {
        if (gradient[i] < 0 || is(f, gradient[i], 0)) continue;
        if (OP(i) == CONVIS_F_INPUT) f->d_input[f->node[i].a] = gradient[i];
        if (OP(i) == CONVIS_F_NAME)  f->d_name[f->node[i].a] = gradient[i];
    }
    return sums;
}
