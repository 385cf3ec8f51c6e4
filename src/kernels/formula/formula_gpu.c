/* formula_gpu.c - the kernel that runs a formula's program on devices (formula_on_device.c).
 *
 * Each work-item takes an element through all steps. What passes between them lies in shared memory, a column an item, so that items side
 * by side never share a bank; all items take the same step at a time. */
#define CONVIS_KERNEL_SHORT_NAMES
#include <convis/kernel.h>
#include "formula_gpu.h"
#include "formula_steps.h"

CONVIS_INLINE real operand(CONVIS_SHARED_, PARAM numbers, integer slot)
{
    return slot < FORMULA_FIRST_NUMBER ? shared[slot*CONVIS_MEMBERS + CONVIS_MEMBER] : numbers[slot - FORMULA_FIRST_NUMBER];
}

#define PLAIN_1(op, value)
#define PLAIN_2(op, value)
#define PLAIN_4(op, value)
#define PLAIN_6(op, value)
#define PLAIN_0(op, value) case CONVIS_FC_##op##_0: return value;
#define PLAIN(op, mask, value) PLAIN_##mask(op, value)
CONVIS_INLINE real result(int code, real A, real B, real C)
{
    switch (code) { CONVIS_FORMULA_CODES(PLAIN, PLAIN, PLAIN) }
    return A;
}

/* The rounding error of a sum is summed beside it (Neumaier). */
CONVIS_INLINE void add_up(CONVIS_SHARED_, integer at, real x)
{
    integer beside = at + CONVIS_MEMBERS;
    real sum = shared[at], next = sum + x;
    shared[beside] += magnitude(sum) >= magnitude(x) ? (sum - next) + x : (x - next) + sum;
    shared[at] = next;
}

CONVIS_INLINE void go_through(CONVIS_SHARED_, formula_args program, PARAM numbers, INDEX step, integer steps)
{
    integer sums = (program.column - 2*program.sums)*CONVIS_MEMBERS + CONVIS_MEMBER;
    for (integer k = 0; k < steps; k++, step += FORMULA_STEP) {
        integer code = step[0], to = step[1];
        real A = operand(shared, numbers, step[2]), B = operand(shared, numbers, step[3]);
        integer at = to*CONVIS_MEMBERS + CONVIS_MEMBER;
        if (code == CONVIS_FC_ADD_INTO) shared[at] += A;
        else if (code == CONVIS_FC_ADD_UP) add_up(shared, sums + 2*to*CONVIS_MEMBERS, A);
        else if (code == CONVIS_FC_ADD_UP_PRODUCT) add_up(shared, sums + 2*to*CONVIS_MEMBERS, A*B);
        else shared[at] = result((int)code, A, B, operand(shared, numbers, step[4]));
    }
}

CONVIS_INLINE void take(CONVIS_SHARED_, integer slot, CONVIS_GLOBAL const real *from, integer i)
{
    if (from) shared[slot*CONVIS_MEMBERS + CONVIS_MEMBER] = from[i];
}

CONVIS_GPU_KERNEL_OF(formula_args, formula_value, FORMULA_PLACES, PARAM numbers, INDEX step, IN x, IN y, IN z, IN w, OUT out)
{
    CONVIS_PIXELS(i) {
        take(shared, 0, x, i);
        take(shared, 1, y, i);
        take(shared, 2, z, i);
        take(shared, 3, w, i);
        go_through(shared, args, numbers, step, args.steps);
        out[i] = shared[CONVIS_FORMULA_SLOT_OUT*CONVIS_MEMBERS + CONVIS_MEMBER];
    }
}

CONVIS_INLINE void add_output(CONVIS_SHARED_, integer j, CONVIS_GLOBAL real *to, integer i)
{
    if (to) to[i] += shared[(CONVIS_FORMULA_SLOT_OUT + j)*CONVIS_MEMBERS + CONVIS_MEMBER];
}

/* Gradients of inputs may lie in one another, frames apart: a pixel is one item's. partial: sums of each group, NULL: not required. */
CONVIS_GPU_KERNEL_OF(formula_args, formula_gradient, FORMULA_PLACES, PARAM numbers, INDEX step, IN x, IN y, IN z, IN w, IN dout,
                     CONVIS_GLOBAL real *dx, CONVIS_GLOBAL real *dy, CONVIS_GLOBAL real *dz, CONVIS_GLOBAL real *dw, OUT partial)
{
    integer steps = partial ? args.steps : args.needed, count = args.sums;
    integer sums = (args.column - 2*count)*CONVIS_MEMBERS;
    for (integer k = 0; k < 2*count; k++) shared[sums + k*CONVIS_MEMBERS + CONVIS_MEMBER] = 0;
    CONVIS_SCAN(i, t) {
        integer at = t*n + i;
        take(shared, 0, x, at);
        take(shared, 1, y, at);
        take(shared, 2, z, at);
        take(shared, 3, w, at);
        take(shared, CONVIS_FORMULA_SLOT_GRADIENT, dout, at);
        for (integer j = 0; j < CONVIS_FORMULA_INPUTS; j++)
            shared[(CONVIS_FORMULA_SLOT_OUT + j)*CONVIS_MEMBERS + CONVIS_MEMBER] = 0;
        go_through(shared, args, numbers, step, steps);
        add_output(shared, 0, dx, at);
        add_output(shared, 1, dy, at);
        add_output(shared, 2, dz, at);
        add_output(shared, 3, dw, at);
    }
    CONVIS_BARRIER;
    if (partial)
        for (integer k = CONVIS_MEMBER; k < count; k += CONVIS_MEMBERS) {
            real sum = 0, lost = 0;
            for (integer m = 0; m < CONVIS_MEMBERS; m++) {
                real next = shared[sums + 2*k*CONVIS_MEMBERS + m] + shared[sums + (2*k + 1)*CONVIS_MEMBERS + m], before = sum;
                sum += next;
                lost += magnitude(before) >= magnitude(next) ? (before - sum) + next : (next - sum) + before;
            }
            partial[CONVIS_WORKGROUP*count + k] = sum + lost;
        }
}

/* n sums of nt groups, added to the sums. */
CONVIS_KERNEL(formula_total, IN partial, TOTAL sums)
{
    CONVIS_PIXELS(k) {
        real sum = 0, lost = 0;
        CONVIS_FRAMES(group) {
            real next = partial[group*n + k], before = sum;
            sum += next;
            lost += magnitude(before) >= magnitude(next) ? (before - sum) + next : (next - sum) + before;
        }
        sums[k] += sum + lost;
    }
}

CONVIS_EXPORT_GPU(formula_gpu, CONVIS_GPU_ENTRY(formula_value) CONVIS_GPU_ENTRY(formula_gradient) CONVIS_ENTRY(formula_total))
