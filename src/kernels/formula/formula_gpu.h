/* formula_gpu.h - a formula's program as the kernels of formula_gpu.c read it and formula_on_device.c writes it. For compilers of all devices. */
#ifndef CONVIS_FORMULA_GPU_H
#define CONVIS_FORMULA_GPU_H

/* How many steps, those of outputs, slots of a column, sums, which have two places each at the column's end. A column has the slots of inputs,
 * gradient and outputs, then the registers. */
typedef struct formula_args { int steps, needed, column, sums; } formula_args;
/* A step: code, target, operands a, b and c; operands from FIRST_NUMBER on are numbers. Places: numbers that a group has in common. */
enum { FORMULA_STEP = 5, FORMULA_FIRST_NUMBER = 2048, FORMULA_PLACES = 4096 };
#endif
