/* formula_on_device.c - formulas on a device: their programs as that of formula_gpu.c reads them, and how many groups run it. */
#include "formula.h"
#include "formula_gpu.h"
#include "engine/launch.h"

CONVIS_GPU_TEXT(formula_gpu)
enum { MOST_MEMBERS = 128, MOST_GROUPS = 65536, SUM_GROUPS = 1024 };

typedef convis_formula_program program;

/* ---- Programs ---- */

/* The same operation on operands of any kind: a device finds numbers by their slots. */
static const unsigned char PLAIN[] = {
#define PLAIN_CODE(op, mask, value) CONVIS_FC_##op##_0,
    CONVIS_FORMULA_CODES(PLAIN_CODE, PLAIN_CODE, PLAIN_CODE)
    CONVIS_FC_ADD_INTO, CONVIS_FC_ADD_UP, CONVIS_FC_ADD_UP_PRODUCT
};

/* A register that is full of one number is that number. */
static int slot_of(const program *p, int slot)
{
    const int number = slot - CONVIS_FORMULA_SLOT_NUMBERS, reg = number - p->numbers;
    if (number < 0) return slot;
    if (reg < 0) return FORMULA_FIRST_NUMBER + number;
    return reg < p->fills ? FORMULA_FIRST_NUMBER + p->fill[reg] : CONVIS_FORMULA_SLOT_NUMBERS + reg - p->fills;
}

static int column_of(const program *p) { return CONVIS_FORMULA_SLOT_NUMBERS + p->registers - p->fills + 2*p->sums; }

static formula_args args_of(const program *p) { return (formula_args){ p->steps, p->needed, column_of(p), p->sums }; }

/* Its numbers, then its steps, which are no longer than reals. */
static int64_t size_of(const program *p) { return p->numbers + FORMULA_STEP*(int64_t)p->steps; }
static void *steps_of(const program *p, const convis_real *numbers) { return (void *)(uintptr_t)(numbers + p->numbers); }

static void write_program(const program *p, convis_real *numbers)
{
    int32_t *to = steps_of(p, numbers);
    for (int k = 0; k < p->numbers; k++) numbers[k] = p->value[k];
    for (int k = 0; k < p->steps; k++, to += FORMULA_STEP) {
        const convis_formula_step *q = &p->step[k];
        to[0] = PLAIN[q->code];
        to[1] = q->code < CONVIS_FC_ADD_UP ? slot_of(p, q->to) : q->to;
        to[2] = slot_of(p, q->a);
        to[3] = slot_of(p, q->b);
        to[4] = slot_of(p, q->c);
    }
}

int64_t convis_formula_device_size(const convis_formula *f) { return size_of(&f->forward) + size_of(&f->backward); }

void convis_formula_device_prepare(const convis_formula *f, convis_real *programs)
{
    write_program(&f->forward, programs);
    write_program(&f->backward, programs + size_of(&f->forward));
}

/* ---- Running them ---- */

static void run(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers, const formula_args *args,
                int64_t groups, int members)
{
    convis_launch_text(p, &formula_gpu_text, kernel, n, frames, buffers, args, groups, members);
}

static void *address(const convis_real *v) { return (void *)(uintptr_t)v; }

/* An input that the formula uses. */
static void *input(const convis_formula *f, const convis_real *const *in, int j) { return j < f->inputs ? address(in[j]) : NULL; }

/* As many work-items a group as columns fit. */
static int members_of(const program *p)
{
    int members = MOST_MEMBERS;
    while (members*column_of(p) > FORMULA_PLACES) members /= 2;
    return members;
}

static int64_t groups_for(int64_t n, int members, int64_t most)
{
    const int64_t groups = (n + members - 1)/members;
    return groups < most ? groups : most;
}

void convis_formula_device_forward(const convis_pass *p, const convis_formula *f, const convis_real *programs)
{
    const int members = members_of(&f->forward);
    const int64_t n = convis_elements(p->out_shape)*p->frames;
    const convis_real *const *in = p->in;
    const formula_args args = args_of(&f->forward);
    void *buffers[] = { address(programs), steps_of(&f->forward, programs), input(f, in, 0), input(f, in, 1), input(f, in, 2), input(f, in, 3), p->out };
    run(p, "formula_value", n, 1, buffers, &args, groups_for(n, members, MOST_GROUPS), members);
}

int64_t convis_formula_device_room(const convis_formula *f) { return SUM_GROUPS*(int64_t)f->backward.sums + 1; }

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

void convis_formula_device_backward(const convis_pass *p, const convis_formula *f, const convis_real *programs,
                                    convis_total *sums)
{
    const int64_t n = convis_elements(p->out_shape);
    const int members = members_of(&f->backward), count = f->backward.sums, apart = overlap(p->d_in, n*p->frames);
    const int64_t items = apart ? n : n*p->frames, groups = groups_for(items, members, SUM_GROUPS);
    const convis_real *const *in = p->in;
    convis_real *const *d_in = p->d_in, *partial = sums && count ? p->scratch : NULL;
    const convis_real *numbers = programs + size_of(&f->forward);
    const formula_args args = args_of(&f->backward);
    void *buffers[] = { address(numbers), steps_of(&f->backward, numbers), input(f, in, 0), input(f, in, 1), input(f, in, 2), input(f, in, 3),
                        address(p->d_out), d_in[0], d_in[1], d_in[2], d_in[3], partial };
    run(p, "formula_gradient", items, apart ? p->frames : 1, buffers, &args, groups, members);
    if (partial) run(p, "formula_total", count, (int)groups, (void *[]){ partial, sums }, NULL, 0, 0);
}
