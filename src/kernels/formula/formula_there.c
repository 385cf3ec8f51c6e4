/* formula_there.c - formulas on a device: their programs as the one of formula_steps.h reads them, and how many teams run it. */
#include "formula.h"
#include "engine/launch.h"

extern const char *const convis_formula_steps_source[];
/* As formula_steps.h has them. */
enum { STEPS, NEEDED, NUMBERS, COLUMN, SUMS, HEAD = 8, FIRST_NUMBER = 2048, PLACES = 4096, TOGETHER = 4096 };
enum { MOST_MEMBERS = 128, MOST_TEAMS = 65536, SUM_TEAMS = 1024 };

typedef convis_formula_program program;

/* ---- Programs ---- */

/* The same operation on operands of any kind: a device finds numbers by their slots. */
static const unsigned char PLAIN[] = {
#define PLAIN_CODE(op, mask, value) CONVIS_FC_##op##_0,
    CONVIS_FORMULA_CODES(PLAIN_CODE, PLAIN_CODE, PLAIN_CODE)
    CONVIS_FC_ADD_INTO, CONVIS_FC_ADD_UP, CONVIS_FC_ADD_UP_PRODUCT
};

/* A register that is full of one number is that number. */
static int slot_there(const program *p, int slot)
{
    const int number = slot - CONVIS_FORMULA_SLOT_NUMBERS, reg = number - p->numbers;
    if (number < 0) return slot;
    if (reg < 0) return FIRST_NUMBER + number;
    return reg < p->fills ? FIRST_NUMBER + p->fill[reg] : CONVIS_FORMULA_SLOT_NUMBERS + reg - p->fills;
}

static int column_of(const program *p) { return CONVIS_FORMULA_SLOT_NUMBERS + p->registers - p->fills + 2*p->sums; }

static int64_t size_of(const program *p) { return HEAD + p->numbers + 3*(int64_t)p->steps; }

static void write_program(const program *p, convis_real *to)
{
    to[STEPS] = (convis_real)p->steps;
    to[NEEDED] = (convis_real)p->needed;
    to[NUMBERS] = (convis_real)p->numbers;
    to[COLUMN] = (convis_real)column_of(p);
    to[SUMS] = (convis_real)p->sums;
    for (int k = 0; k < p->numbers; k++) to[HEAD + k] = p->value[k];
    to += HEAD + p->numbers;
    for (int k = 0; k < p->steps; k++, to += 3) {
        const convis_formula_step *q = &p->step[k];
        const int code = PLAIN[q->code], target = q->code < CONVIS_FC_ADD_UP ? slot_there(p, q->to) : q->to;
        to[0] = (convis_real)(code*TOGETHER + target);
        to[1] = (convis_real)(slot_there(p, q->a)*TOGETHER + slot_there(p, q->b));
        to[2] = (convis_real)slot_there(p, q->c);
    }
}

int64_t convis_formula_card_size(const convis_formula *f) { return size_of(&f->forward) + size_of(&f->backward); }

void convis_formula_card(const convis_formula *f, convis_real *card)
{
    write_program(&f->forward, card);
    write_program(&f->backward, card + size_of(&f->forward));
}

/* ---- Running them ---- */

static void run(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers, int64_t teams, int members)
{
    convis_launch_text(p, "formula", convis_formula_steps_source, kernel, n, frames, buffers, teams, members);
}

static void *address(const convis_real *v) { return (void *)(uintptr_t)v; }

/* An input that the formula uses. */
static void *input(const convis_formula *f, const convis_real *const *in, int j) { return j < f->inputs ? address(in[j]) : NULL; }

/* As many work-items a team as columns fit. */
static int members_of(const program *p)
{
    int members = MOST_MEMBERS;
    while (members*column_of(p) > PLACES) members /= 2;
    return members;
}

static int64_t teams_for(int64_t n, int members, int64_t most)
{
    const int64_t teams = (n + members - 1)/members;
    return teams < most ? teams : most;
}

void convis_formula_forward_there(const convis_pass *p, const convis_formula *f, const convis_real *card)
{
    const int members = members_of(&f->forward);
    const int64_t n = convis_elements(p->out_shape)*p->frames;
    const convis_real *const *in = p->in;
    void *buffers[] = { address(card), input(f, in, 0), input(f, in, 1), input(f, in, 2), input(f, in, 3), p->out };
    run(p, "formula_value", n, 1, buffers, teams_for(n, members, MOST_TEAMS), members);
}

int64_t convis_formula_card_room(const convis_formula *f) { return SUM_TEAMS*(int64_t)f->backward.sums + 1; }

/* Gradients of one source at two times: they lie in one another. */
static int overlap(convis_real *const *d_in, int64_t all)
{
    for (int j = 0; j < CONVIS_FORMULA_INPUTS; j++)
        for (int k = 0; k < j; k++) {
            if (!d_in[j] || !d_in[k] || d_in[j] == d_in[k]) continue;
            if (d_in[j] < d_in[k] + all && d_in[k] < d_in[j] + all) return 1;
        }
    return 0;
}

void convis_formula_backward_there(const convis_pass *p, const convis_formula *f, const convis_real *card, convis_total *sums)
{
    const int64_t n = convis_elements(p->out_shape);
    const int members = members_of(&f->backward), count = f->backward.sums, apart = overlap(p->d_in, n*p->frames);
    const int64_t items = apart ? n : n*p->frames, teams = teams_for(items, members, SUM_TEAMS);
    const convis_real *const *in = p->in;
    convis_real *const *d_in = p->d_in, *partial = sums && count ? p->scratch : NULL;
    void *buffers[] = { address(card + size_of(&f->forward)), input(f, in, 0), input(f, in, 1), input(f, in, 2), input(f, in, 3),
                        address(p->d_out), d_in[0], d_in[1], d_in[2], d_in[3], partial };
    run(p, "formula_gradient", items, apart ? p->frames : 1, buffers, teams, members);
    if (partial) run(p, "formula_total", count, (int)teams, (void *[]){ partial, sums }, 0, 0);
}
