/* formula_blocks.c - the steps of a formula's programs on blocks of elements; compiled once per instruction set.
 *
 * A step is a loop over one block that the compiler vectorises; a program goes through all of its steps with one block before
 * it takes the next, so that what passes between steps stays in the first-level cache. Nothing depends on how elements fall
 * into blocks or vectors, hence the same bits everywhere; only sums are made in double, in lanes whose number is fixed. */
#include "formula.h"
#include <convis/kernel.h>

enum {
    LONGEST_BLOCK = 512, SHORTEST_BLOCK = 16, LANES = 8,
    ROOM = 6*1024,                       /* numbers in all registers together, of a program that does not need more */
    MOST_ROOM = SHORTEST_BLOCK*CONVIS_FORMULA_STEPS
};

/* ---- Functions: kernel.h's, with what they leave to the caller: 0, infinity, and what is no number ---- */

#define NEVER    R(NAN)
#define INFINITE R(INFINITY)
CONVIS_INLINE real magnitude(real x) { return x < 0 ? -x : x; }
#ifdef CONVIS_DOUBLE
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

/* x, or where that is beyond `most`, or no number, some tiny number: x without the upper bits of its exponent. (Not 0: the
 * compiler would give a constant a path of its own, and the loop no vectors. For the same reason 0 is b - b below.) */
CONVIS_INLINE real within(real x, real most) { return x*x < most*most ? x : convis_float(convis_bits(x) & 0x8fffffffu); }

/* x less whole turns, in turns; a turn is taken away in three parts, the first two of few digits. Beyond 4e5, where single
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
    return c + (x - x);                                  /* infinite: no number */
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
CONVIS_INLINE real slope_of_sigmoid(real x)
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
CONVIS_INLINE real slope_of_power(real a, real b, real power)
{
    real y = b*power/a, at_0 = b == 1 ? R(1) : R(0);
    return a == 0 ? at_0 : y;
}

/* ---- Steps ---- */

typedef void step(real *restrict to, const real *a, const real *b, const real *c, integer count);

#define DEFINE_1(op, mask, value)                                                                                         \
    static void op##_##mask(real *restrict to, const real *a, const real *b, const real *c, integer count)                \
    {                                                                                                                     \
        (void)b; (void)c;                                                                                                 \
        for (integer i = 0; i < count; i++) { const real A = a[(mask) & 1 ? 0 : i]; to[i] = value; }                      \
    }
#define DEFINE_2(op, mask, value)                                                                                         \
    static void op##_##mask(real *restrict to, const real *a, const real *b, const real *c, integer count)                \
    {                                                                                                                     \
        (void)c;                                                                                                          \
        for (integer i = 0; i < count; i++) {                                                                             \
            const real A = a[(mask) & 1 ? 0 : i], B = b[(mask) & 2 ? 0 : i];                                              \
            to[i] = value;                                                                                                \
        }                                                                                                                 \
    }
#define DEFINE_3(op, mask, value)                                                                                         \
    static void op##_##mask(real *restrict to, const real *a, const real *b, const real *c, integer count)                \
    {                                                                                                                     \
        for (integer i = 0; i < count; i++) {                                                                             \
            const real A = a[(mask) & 1 ? 0 : i], B = b[(mask) & 2 ? 0 : i], C = c[(mask) & 4 ? 0 : i];                   \
            to[i] = value;                                                                                                \
        }                                                                                                                 \
    }
CONVIS_FORMULA_CODES(DEFINE_1, DEFINE_2, DEFINE_3)

static void add_into(real *restrict to, const real *a, const real *b, const real *c, integer count)
{
    (void)b; (void)c;
    for (integer i = 0; i < count; i++) to[i] += a[i];
}

#define NAME(op, mask, value) op##_##mask,
static step *const STEPS[] = { CONVIS_FORMULA_CODES(NAME, NAME, NAME) add_into };

/* Into LANES sums, so that the order is the same for vectors of any length. */
static void add_up(double sum[LANES], const real *a, integer count)
{
    integer i = 0;
    for (; i + LANES <= count; i += LANES) for (int l = 0; l < LANES; l++) sum[l] += (double)a[i + l];
    for (; i < count; i++) sum[i%LANES] += (double)a[i];
}

static void add_up_product(double sum[LANES], const real *a, const real *b, integer count)
{
    integer i = 0;
    for (; i + LANES <= count; i += LANES) for (int l = 0; l < LANES; l++) sum[l] += (double)a[i + l]*(double)b[i + l];
    for (; i < count; i++) sum[i%LANES] += (double)a[i]*(double)b[i];
}

/* ---- Programs ---- */

typedef struct slots {
    real   *at[CONVIS_FORMULA_SLOT_NUMBERS + 2*CONVIS_FORMULA_STEPS];
    integer block;
    _Alignas(64) real room[ROOM > MOST_ROOM ? ROOM : MOST_ROOM];
} slots;

/* As long as all registers fit into ROOM. */
static integer block_of(const convis_formula_program *p)
{
    integer length = ROOM/(p->registers + 1)/SHORTEST_BLOCK*SHORTEST_BLOCK;
    return length < SHORTEST_BLOCK ? SHORTEST_BLOCK : length > LONGEST_BLOCK ? LONGEST_BLOCK : length;
}

static void place(slots *s, const convis_formula_program *p, const real *const *in, int inputs)
{
    s->block = block_of(p);
    for (int k = 0; k < inputs; k++) s->at[k] = (real *)(uintptr_t)in[k];
    real **number = s->at + CONVIS_FORMULA_SLOT_NUMBERS, **reg = number + p->numbers;
    for (int k = 0; k < p->numbers; k++) number[k] = (real *)(uintptr_t)&p->value[k];
    for (int k = 0; k < p->registers; k++) reg[k] = s->room + k*s->block;
    for (int k = 0; k < p->fills; k++) for (integer i = 0; i < s->block; i++) reg[k][i] = p->value[p->fill[k]];
}

static void value(const convis_formula *f, const convis_real *const *in, convis_real *out, int64_t count)
{
    slots s;
    const convis_formula_program *p = &f->forward;
    place(&s, p, in, f->inputs);
    s.at[CONVIS_FORMULA_SLOT_OUT] = out;
    for (int64_t i = 0; i < count; i += s.block) {
        integer n = (integer)(count - i < s.block ? count - i : s.block);
        for (int k = 0; k < p->steps; k++) {
            convis_formula_step q = p->step[k];
            STEPS[q.code](s.at[q.to], s.at[q.a], s.at[q.b], s.at[q.c], n);
        }
        for (int k = 0; k < f->inputs; k++) s.at[k] += n;
        s.at[CONVIS_FORMULA_SLOT_OUT] += n;
    }
}

static void gradient(const convis_formula *f, const convis_real *const *in, const convis_real *d_out, convis_real *const *d_in,
                     double *sums, int64_t count)
{
    slots s;
    const convis_formula_program *p = &f->backward;
    double lanes[CONVIS_FORMULA_SUMS][LANES];
    int steps = sums ? p->steps : p->needed;
    for (int k = 0; k < p->sums; k++) for (int l = 0; l < LANES; l++) lanes[k][l] = 0;
    place(&s, p, in, f->inputs);
    s.at[CONVIS_FORMULA_SLOT_GRADIENT] = (real *)(uintptr_t)d_out;
    for (int k = 0; k < f->inputs; k++) s.at[CONVIS_FORMULA_SLOT_OUT + k] = d_in[k];
    for (int64_t i = 0; i < count; i += s.block) {
        integer n = (integer)(count - i < s.block ? count - i : s.block);
        for (int k = 0; k < steps; k++) {
            convis_formula_step q = p->step[k];
            if (q.code == CONVIS_FC_ADD_UP) add_up(lanes[q.to], s.at[q.a], n);
            else if (q.code == CONVIS_FC_ADD_UP_PRODUCT) add_up_product(lanes[q.to], s.at[q.a], s.at[q.b], n);
            else if (s.at[q.to]) STEPS[q.code](s.at[q.to], s.at[q.a], s.at[q.b], s.at[q.c], n);
        }
        for (int k = 0; k < f->inputs; k++) {
            s.at[k] += n;
            if (d_in[k]) s.at[CONVIS_FORMULA_SLOT_OUT + k] += n;
        }
        s.at[CONVIS_FORMULA_SLOT_GRADIENT] += n;
    }
    for (int k = 0; sums && k < p->sums; k++) for (int l = 0; l < LANES; l++) sums[k] += lanes[k][l];
}

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define STR_(x) #x
#define STR(x) STR_(x)
extern const convis_formula_blocks CAT(convis_formula_blocks_, CONVIS_ISA);
const convis_formula_blocks CAT(convis_formula_blocks_, CONVIS_ISA) = { STR(CONVIS_ISA), value, gradient };
