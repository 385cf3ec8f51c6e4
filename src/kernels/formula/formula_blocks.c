/* formula_blocks.c - the steps of a formula's programs on blocks of elements; compiled once per instruction set.
 *
 * A step is a loop over one block that the compiler vectorises; a program goes through all of its steps with one block before
 * it takes the next, so that what passes between steps stays in the first-level cache. Nothing depends on how elements fall
 * into blocks or vectors, hence the same bits everywhere; only sums are made in double, in lanes whose number is fixed. */
#define CONVIS_FORMULA_FUNCTIONS
#include "formula.h"
#include "kernels/vectors.h"
#include <convis/kernel.h>

enum {
    LONGEST_BLOCK = 512, SHORTEST_BLOCK = 16, LANES = 8,
    ROOM = 6*1024,                       /* numbers in all registers together, of a program that does not need more */
    MOST_ROOM = SHORTEST_BLOCK*CONVIS_FORMULA_STEPS
};

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

CONVIS_ISA_TABLE(convis_formula_blocks, convis_formula_blocks) = { CONVIS_ISA_NAME, value, gradient };
