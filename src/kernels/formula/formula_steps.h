/* formula_steps.h - what the steps of a formula's programs are and do: one text for the processor's blocks (formula_blocks.c) and for
 * devices (formula_gpu.c). */
#ifndef CONVIS_FORMULA_STEPS_H
#define CONVIS_FORMULA_STEPS_H

/* An operand is a slot: inputs, the incoming gradient, outputs, then uniform numbers, then registers. */
enum {
    CONVIS_FORMULA_INPUTS = 4,
    CONVIS_FORMULA_SLOT_GRADIENT = CONVIS_FORMULA_INPUTS,
    CONVIS_FORMULA_SLOT_OUT      = CONVIS_FORMULA_SLOT_GRADIENT + 1,
    CONVIS_FORMULA_SLOT_NUMBERS  = CONVIS_FORMULA_SLOT_OUT + CONVIS_FORMULA_INPUTS
};

/* What a step can be: the operation, which operands are numbers (1: a, 2: b, 4: c), and what one element becomes, in terms of
 * the dialect and of formula_blocks.c. Other operands that are numbers fill a register. */
#define CONVIS_FORMULA_CODES(ONE, TWO, THREE)                                                                               \
    TWO(ADD, 0, A + B)              TWO(ADD, 2, A + B)              TWO(SUB, 0, A - B)              TWO(SUB, 1, A - B)      \
    TWO(MUL, 0, A*B)                TWO(MUL, 2, A*B)                                                                        \
    TWO(DIV, 0, A/B)                TWO(DIV, 1, A/B)                TWO(DIV, 2, A/B)                ONE(NEG, 0, -A)         \
    TWO(POW, 0, raise(A, B))        TWO(MIN, 0, convis_min(A, B))   TWO(MIN, 2, convis_min(A, B))                           \
    TWO(MAX, 0, convis_max(A, B))   TWO(MAX, 2, convis_max(A, B))                                                           \
    TWO(LESS, 0, A < B ? R(1) : R(0))          TWO(LESS, 1, A < B ? R(1) : R(0))          TWO(LESS, 2, A < B ? R(1) : R(0)) \
    TWO(LESS_EQUAL, 0, A <= B ? R(1) : R(0))   TWO(LESS_EQUAL, 1, A <= B ? R(1) : R(0))                                     \
    TWO(LESS_EQUAL, 2, A <= B ? R(1) : R(0))                                                                                \
    THREE(SELECT, 0, !(A == 0) ? B : C)        THREE(SELECT, 2, !(A == 0) ? B : C)                                          \
    THREE(SELECT, 4, !(A == 0) ? B : C)        THREE(SELECT, 6, !(A == 0) ? B : C)                                          \
    ONE(EXP, 0, exponential(A))     ONE(LOG, 0, logarithm(A))       ONE(LOG1P, 0, logarithm_1p(A))                          \
    ONE(EXPM1, 0, exponential_m1(A))           ONE(SQRT, 0, convis_sqrt(A))                                                 \
    ONE(ABS, 0, magnitude(A))       ONE(SIGN, 0, A > 0 ? R(1) : A < 0 ? R(-1) : A)                                          \
    ONE(RELU, 0, A < 0 ? R(0) : A)  ONE(STEP, 0, A > 0 ? R(1) : R(0))                                                       \
    ONE(SOFTPLUS, 0, softplus(A))   ONE(SIGMOID, 0, sigmoid(A))     ONE(TANH, 0, tangent(A))                                \
    ONE(SIN, 0, sine(A))            ONE(COS, 0, cosine(A))                                                                  \
    TWO(GATE, 0, A > 0 ? B : R(0))  TWO(SCALED, 0, A == 0 ? R(0) : A*B)         TWO(SCALED, 2, A == 0 ? R(0) : A*B)         \
    TWO(SHARED, 0, A == 0 ? R(0) : A/B)        TWO(SHARED, 2, A == 0 ? R(0) : A/B)                                          \
    ONE(SQRT_SLOPE, 0, A > 0 ? R(0.5)/A : R(0))                                                                             \
    THREE(POW_SLOPE, 0, power_derivative(A, B, C))                    THREE(POW_SLOPE, 2, power_derivative(A, B, C))            \
    ONE(LOG_OR_0, 0, A > 0 ? logarithm(A) : R(0))                   ONE(SIGMOID_SLOPE, 0, sigmoid_derivative(A))              \
    THREE(MUL_ADD, 0, A*B + C)      THREE(MUL_ADD, 2, A*B + C)      THREE(MUL_ADD, 4, A*B + C)      THREE(MUL_ADD, 6, A*B + C) \
    THREE(MUL_SUB, 0, A*B - C)      THREE(MUL_SUB, 2, A*B - C)                                                              \
    THREE(SUB_MUL, 0, C - A*B)      THREE(SUB_MUL, 2, C - A*B)      THREE(SUB_MUL, 4, C - A*B)      THREE(SUB_MUL, 6, C - A*B) \
    ONE(COPY, 0, A)                 ONE(COPY, 1, A)
#define CONVIS_FORMULA_CODE_NAME(op, mask, value) CONVIS_FC_##op##_##mask,
enum convis_formula_code {
    CONVIS_FORMULA_CODES(CONVIS_FORMULA_CODE_NAME, CONVIS_FORMULA_CODE_NAME, CONVIS_FORMULA_CODE_NAME)
    /* to += a; sum[to] += a; sum[to] += a b */
    CONVIS_FC_ADD_INTO, CONVIS_FC_ADD_UP, CONVIS_FC_ADD_UP_PRODUCT
};

#if !defined(CONVIS_FORMULA_H) || defined(CONVIS_FORMULA_FUNCTIONS)
#include <convis/kernel.h>

/* ---- Functions: kernel.h's, with what they leave to the caller: 0, infinity and NaN ---- */

#ifdef CONVIS_GPU
#define NEVER    convis_float(0x7fc00000u)
#define INFINITE convis_float(0x7f800000u)
#else
#define NEVER    R(NAN)
#define INFINITE R(INFINITY)
#endif
CONVIS_INLINE real magnitude(real x) { return x < 0 ? -x : x; }
#if defined(CONVIS_DOUBLE) && !defined(CONVIS_GPU)
#define LARGEST  1.7976931348623157e308
CONVIS_INLINE real exponential(real x)    { return exp(x); }
CONVIS_INLINE real exponential_m1(real x) { return expm1(x); }
CONVIS_INLINE real logarithm(real x)      { return log(x); }
CONVIS_INLINE real sine(real x)           { return sin(x); }
CONVIS_INLINE real cosine(real x)         { return cos(x); }
CONVIS_INLINE real raise(real a, real b)  { return pow(a, b); }
#else
#define LARGEST  3.40282347e38f
CONVIS_INLINE real exponential(real x)    { real y = convis_exp(x);   return x != x ? x : y; }
CONVIS_INLINE real exponential_m1(real x) { real y = convis_expm1(x); return x != x ? x : y; }
CONVIS_INLINE real logarithm(real x)
{
    real y = convis_log(x), other = x == 0 ? -INFINITE : NEVER;
    y = x > LARGEST ? x : y;
    return x > 0 ? y : other;
}

/* x, or where that is beyond `most`, or NaN, some tiny number: x without the upper bits of its exponent. (Not 0: the
 * compiler would give a constant a path of its own, and the loop no vectors. For the same reason 0 is b - b below.) */
CONVIS_INLINE real within(real x, real most) { return x*x < most*most ? x : convis_float(convis_bits(x) & 0x8fffffffu); }

/* x minus whole turns, in turns; a turn is subtracted in three parts, the first two of few digits. Beyond 4e5, where single
 * precision has no digits left for it, x counts as 0. */
CONVIS_INLINE real turns(real x)
{
    x = within(x, 4e5f);
    real k = (x*1.59154943e-1f + 12582912.0f) - 12582912.0f;
    return (((x - k*6.28125f) - k*1.93500518799e-3f) - k*3.01991598e-7f)*1.59154943e-1f;
}
CONVIS_INLINE real cosine(real x)
{
    real c, s;
    convis_circle(magnitude(turns(x)), &c, &s);
    return c + (x - x);                                  /* infinite: NaN */
}
CONVIS_INLINE real sine(real x)
{
    real c, s, u = turns(x);
    convis_circle(magnitude(u), &c, &s);
    s = u < 0 ? -s : s;
    return s + (x - x);
}

/* Of a negative base only whole powers are numbers. */
CONVIS_INLINE real raise(real a, real b)
{
    int  whole = (int)within(b, 1e6f);
    real y = convis_exp(b*convis_log(magnitude(a))), odd = whole & 1 ? -y : y, below = (real)whole == b ? odd : NEVER;
    real of_0 = b < 0 ? INFINITE : b - b;
    of_0 = b == 0 ? 1 : of_0;
    y = a < 0 ? below : y;
    y = a == 0 ? of_0 : y;
    return a != a ? a : y;
}
#endif

/* log(1 + x): the logarithm of the rounded sum, and what rounding took away. */
CONVIS_INLINE real logarithm_1p(real x)
{
    real w = 1 + x, lost = (x - (w - 1))/w, y = logarithm(w);
    return w > 0 && w <= LARGEST ? y + lost : y;
}

CONVIS_INLINE real softplus(real x)
{
    real e = convis_exp(x < 0 ? x : -x), w = 1 + e;
    return (x < 0 ? 0 : x) + (convis_log(w) + (e - (w - 1))/w);
}
CONVIS_INLINE real sigmoid(real x)  { real y = 1/(1 + convis_exp(-x)); return x != x ? x : y; }
CONVIS_INLINE real sigmoid_derivative(real x)
{
    real e = convis_exp(-magnitude(x)), s = 1/(1 + e);
    return e*s*s;
}
CONVIS_INLINE real tangent(real x)
{
    real e = convis_expm1(-2*magnitude(x)), y = -e/(2 + e);
    y = x < 0 ? -y : y;
    return x != x ? x : y;
}
CONVIS_INLINE real power_derivative(real a, real b, real power)
{
    real y = b*power/a, at_0 = b == 1 ? R(1) : R(0);
    return a == 0 ? at_0 : y;
}
#endif
#endif
