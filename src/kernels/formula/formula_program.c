/* formula_program.c - from the graph of a formula to steps on blocks of elements.
 *
 * Nodes become steps in the order in which they were made. A product that only one sum takes is made with it, powers become
 * products, and equal steps are one. Registers are given out last, to be used again when no step reads them any more; what a
 * step writes is never what it reads. */
#include "formula.h"
#include <string.h>

typedef convis_formula_node node;
typedef convis_formula_program program;

/* Slots while registers are still as many as they like. */
enum { REGISTERS = CONVIS_FORMULA_SLOT_NUMBERS + CONVIS_FORMULA_STEPS, FILLS = REGISTERS + CONVIS_FORMULA_STEPS };

typedef struct assembly {
    const convis_formula *f;
    program *p;
    int   registers, full;
    unsigned char needed[CONVIS_FORMULA_NODES];      /* FOR_OUTPUTS, FOR_SUMS */
    unsigned char absorbed[CONVIS_FORMULA_NODES];    /* a product, made by the step that takes it */
    short uses[CONVIS_FORMULA_NODES];
    short slot[CONVIS_FORMULA_NODES];                /* where a node's value is; -1: nowhere yet */
} assembly;
enum { FOR_OUTPUTS = 1, FOR_SUMS = 2 };

/* ---- Codes ---- */

static const struct code { unsigned char op, mask; } CODES[] = {
#define ENTRY(op, mask, value) { CONVIS_F_##op, mask },
    CONVIS_FORMULA_CODES(ENTRY, ENTRY, ENTRY)
    { CONVIS_F_ADD_INTO, 0 }, { CONVIS_F_ADD_UP, 0 }, { CONVIS_F_ADD_UP_PRODUCT, 0 }
};
enum { CODE_COUNT = sizeof CODES/sizeof *CODES };

/* The code of an operation that takes most of those operands as numbers that are. */
static int best_code(int op, int mask)
{
    int best = -1, most = -1;
    for (int k = 0; k < CODE_COUNT; k++) {
        int m = CODES[k].mask, count = (m & 1) + (m >> 1 & 1) + (m >> 2 & 1);
        if (CODES[k].op == op && !(m & ~mask) && count > most) { best = k; most = count; }
    }
    return best;
}

/* ---- Steps ---- */

static int is_number(int slot) { return slot >= CONVIS_FORMULA_SLOT_NUMBERS && slot < REGISTERS; }

static int number_slot(assembly *s, int i)
{
    int k = 0;
    while (k < s->p->numbers && s->p->number[k] != i) k++;
    if (k == CONVIS_FORMULA_STEPS) { s->full = 1; return CONVIS_FORMULA_SLOT_NUMBERS; }
    if (k == s->p->numbers) s->p->number[s->p->numbers++] = (short)i;
    return CONVIS_FORMULA_SLOT_NUMBERS + k;
}

/* The register full of a number: the k-th to be needed is FILLS + k until registers are given out. */
static int filled(assembly *s, int slot)
{
    int number = slot - CONVIS_FORMULA_SLOT_NUMBERS, k = 0;
    while (k < s->p->fills && s->p->fill[k] != number) k++;
    if (k == s->p->fills) s->p->fill[s->p->fills++] = (short)number;
    return FILLS + k;
}

/* to < 0: a register of its own, or that in which an equal step has left the same. Returns where it went. */
static int step(assembly *s, int op, int to, int a, int b, int c)
{
    int mask = (is_number(a) | is_number(b) << 1 | is_number(c) << 2) & ((1 << convis_formula_operands(op)) - 1);
    int code = best_code(op, mask), left = mask & ~CODES[code].mask;
    if (left & 1) a = filled(s, a);
    if (left & 2) b = filled(s, b);
    if (left & 4) c = filled(s, c);
    convis_formula_step q = { (short)code, (short)to, (short)a, (short)b, (short)c };
    for (int k = 0; k < s->p->steps && to < 0; k++) {
        const convis_formula_step *e = &s->p->step[k];
        if (e->code == q.code && e->a == q.a && e->b == q.b && e->c == q.c && e->to >= REGISTERS) return e->to;
    }
    if (s->p->steps == CONVIS_FORMULA_STEPS) { s->full = 1; return REGISTERS; }
    if (to < 0) q.to = (short)(REGISTERS + s->registers++);
    s->p->step[s->p->steps++] = q;
    return q.to;
}

static int power_steps(assembly *s, int base, int n)
{
    if (n == 1) return base;
    if (n%2) return step(s, CONVIS_F_MUL, -1, power_steps(s, base, n - 1), base, base);
    int half = power_steps(s, base, n/2);
    return step(s, CONVIS_F_MUL, -1, half, half, half);
}

static int slot_of(assembly *s, int i)
{
    const node *n = &s->f->node[i];
    if (n->uniform) return number_slot(s, i);
    if (n->op == CONVIS_F_INPUT) return n->a;
    if (n->op == CONVIS_F_GRADIENT) return CONVIS_FORMULA_SLOT_GRADIENT;
    return s->slot[i];
}

static int node_steps(assembly *s, int i)
{
    const node *n = &s->f->node[i];
    int operands = convis_formula_operands(n->op);
    if (n->op == CONVIS_F_WHOLE_POWER) return power_steps(s, slot_of(s, n->a), (int)n->number);
    if ((n->op == CONVIS_F_ADD || n->op == CONVIS_F_SUB) && (s->absorbed[n->a] || s->absorbed[n->b])) {
        int first = s->absorbed[n->a];
        const node *product = &s->f->node[first ? n->a : n->b];
        int a = slot_of(s, product->a), b = slot_of(s, product->b), c = slot_of(s, first ? n->b : n->a);
        return step(s, n->op == CONVIS_F_ADD ? CONVIS_F_MUL_ADD : first ? CONVIS_F_MUL_SUB : CONVIS_F_SUB_MUL, -1, a, b, c);
    }
    int a = slot_of(s, n->a), b = operands > 1 ? slot_of(s, n->b) : a, c = operands > 2 ? slot_of(s, n->c) : a;
    return step(s, n->op, -1, a, b, c);
}

/* ---- Which nodes, and which products are absorbed ---- */

static void need(assembly *s, int from, unsigned char what)
{
    const convis_formula *f = s->f;
    s->needed[from] |= what;
    for (int i = from; i >= 0; i--) {
        const node *n = &f->node[i];
        int operands = convis_formula_operands(n->op);
        if (!(s->needed[i] & what) || n->uniform) continue;
        if (operands > 0) s->needed[n->a] |= what;
        if (operands > 1) s->needed[n->b] |= what;
        if (operands > 2) s->needed[n->c] |= what;
    }
}

static int single_product(const assembly *s, int i)
{
    return s->f->node[i].op == CONVIS_F_MUL && !s->f->node[i].uniform && s->uses[i] == 1;
}

static void absorb_products(assembly *s, const short *sum, int sums)
{
    const convis_formula *f = s->f;
    for (int i = 0; i < f->nodes; i++) {
        const node *n = &f->node[i];
        int operands = convis_formula_operands(n->op);
        if (!s->needed[i] || n->uniform) continue;
        if (operands > 0) s->uses[n->a]++;
        if (operands > 1) s->uses[n->b]++;
        if (operands > 2) s->uses[n->c]++;
        if (n->op == CONVIS_F_WHOLE_POWER) s->uses[n->a]++;
    }
    for (int k = 0; k < sums; k++) s->uses[sum[k]]++;
    for (int i = 0; i < f->nodes; i++) {
        const node *n = &f->node[i];
        if (!s->needed[i] || n->uniform || (n->op != CONVIS_F_ADD && n->op != CONVIS_F_SUB)) continue;
        if (single_product(s, n->a)) s->absorbed[n->a] = 1;
        else if (single_product(s, n->b)) s->absorbed[n->b] = 1;
    }
    for (int k = 0; k < sums; k++) if (single_product(s, sum[k]) && !f->node[f->node[sum[k]].b].uniform) s->absorbed[sum[k]] = 1;
}

static void steps_for(assembly *s, unsigned char what)
{
    for (int i = 0; i < s->f->nodes; i++) {
        const node *n = &s->f->node[i];
        int leaf = convis_formula_operands(n->op) == 0;
        if (!(s->needed[i] & what) || n->uniform || leaf || s->absorbed[i] || s->slot[i] >= 0) continue;
        s->slot[i] = (short)node_steps(s, i);
    }
}

/* ---- Registers ---- */

static void rename_slot(program *p, int from, int to)
{
    for (int k = 0; k < p->steps; k++) {
        convis_formula_step *q = &p->step[k];
        if (q->to == from && q->code < CONVIS_FC_ADD_UP) q->to = (short)to;
        if (q->a == from) q->a = (short)to;
        if (q->b == from) q->b = (short)to;
        if (q->c == from) q->c = (short)to;
    }
}

/* From an unlimited number of registers to as few as are in use at once; numbers' slots are known by now, registers come after them. */
static void give_registers(program *p)
{
    short last[CONVIS_FORMULA_STEPS], place[CONVIS_FORMULA_STEPS], spare[CONVIS_FORMULA_STEPS];
    int spares = 0, base = CONVIS_FORMULA_SLOT_NUMBERS + p->numbers;
    p->registers = p->fills;
    for (int k = 0; k < p->steps; k++) {
        const short *operand = &p->step[k].a;
        for (int j = 0; j < 3; j++) if (operand[j] >= REGISTERS && operand[j] < FILLS) last[operand[j] - REGISTERS] = (short)k;
    }
    for (int k = 0; k < p->steps; k++) {
        convis_formula_step *q = &p->step[k];
        short *operand = &q->a;
        if (q->to >= REGISTERS && q->code < CONVIS_FC_ADD_INTO) {
            int r = q->to - REGISTERS;
            place[r] = spares ? spare[--spares] : (short)p->registers++;
            q->to = (short)(base + place[r]);
        }
        int freed[3] = { -1, -1, -1 };
        for (int j = 0; j < 3; j++) {
            if (operand[j] < REGISTERS) continue;
            if (operand[j] >= FILLS) { operand[j] = (short)(base + operand[j] - FILLS); continue; }
            int r = operand[j] - REGISTERS;
            operand[j] = (short)(base + place[r]);
            if (last[r] == k) freed[j] = place[r];
        }
        for (int j = 0; j < 3; j++)
            if (freed[j] >= 0 && !(j > 0 && freed[j] == freed[0]) && !(j > 1 && freed[j] == freed[1]))
                spare[spares++] = (short)freed[j];
    }
}

/* The value of node `root` into the output, or each d_input added to the gradient of that input; then the sums. */
static int assemble(const convis_formula *f, int root, const short *d_input, const short *sum, int sums, program *p)
{
    assembly s = { .f = f, .p = p };
    memset(p, 0, sizeof *p);
    p->sums = sums;
    memset(s.slot, -1, sizeof s.slot);
    if (root >= 0) { need(&s, root, FOR_OUTPUTS); s.uses[root]++; }
    for (int k = 0; d_input && k < CONVIS_FORMULA_INPUTS; k++)
        if (d_input[k] >= 0) { need(&s, d_input[k], FOR_OUTPUTS); s.uses[d_input[k]]++; }
    for (int k = 0; k < sums; k++) need(&s, sum[k], FOR_SUMS);
    absorb_products(&s, sum, sums);

    steps_for(&s, FOR_OUTPUTS);
    if (root >= 0) {
        int from = slot_of(&s, root);
        if (from < REGISTERS) step(&s, CONVIS_F_COPY, CONVIS_FORMULA_SLOT_OUT, from, from, from);
        else rename_slot(p, from, CONVIS_FORMULA_SLOT_OUT);
    }
    for (int k = 0; d_input && k < CONVIS_FORMULA_INPUTS; k++) {
        int from = d_input[k] >= 0 ? slot_of(&s, d_input[k]) : 0;
        if (d_input[k] >= 0) step(&s, CONVIS_F_ADD_INTO, CONVIS_FORMULA_SLOT_OUT + k, from, from, from);
    }
    p->needed = p->steps;
    steps_for(&s, FOR_SUMS);
    for (int k = 0; k < sums; k++) {
        const node *n = &f->node[sum[k]];
        int both = s.absorbed[sum[k]], a = slot_of(&s, both ? n->a : sum[k]), b = both ? slot_of(&s, n->b) : a;
        step(&s, both ? CONVIS_F_ADD_UP_PRODUCT : CONVIS_F_ADD_UP, k, a, b, b);
    }
    if (!s.full) give_registers(p);
    return !s.full;
}

int convis_formula_assemble(convis_formula *f, const short *sum, int sums)
{
    return assemble(f, f->root, NULL, NULL, 0, &f->forward) && assemble(f, -1, f->d_input, sum, sums, &f->backward);
}
