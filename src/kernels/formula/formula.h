/* formula.h - formulas in inputs and named parameters, "relu(a*x + b)^2": parsed, differentiated, and run in blocks.
 *
 *      formula     value [ < <= > >= value ]                         a comparison is 1 or 0
 *      value       term { + - term }
 *      term        factor { * / factor }
 *      factor      - factor | + factor | power
 *      power       primary [ ^ factor ]                              -x^2 is -(x^2), 2^3^2 is 2^(3^2)
 *      primary     number | name | function ( formula, ... ) | ( formula )
 *
 * Names: x, y, z, w are the inputs, pi is pi, every other is a parameter. Functions: exp log log1p expm1 sqrt abs sign relu
 * (negative: 0) step (positive: 1, else 0) softplus sigmoid tanh sin cos; min max pow of two; where(condition, a, b).
 *
 * A formula becomes a graph of nodes, equal ones shared (formula_graph.c), that is simplified as it grows and differentiated
 * backwards. Its nodes are `uniform` where no input is below them: these are calculated once in double precision. The others
 * become two short programs of operations on blocks of elements (formula_program.c): one for the value, one for the gradients
 * of the inputs and for the sums over all elements from which those of the parameters follow. Blocks are as long as their
 * registers all stay in the first-level cache (formula_blocks.c).
 *
 * Derivatives where none exists: 0 at the corners of relu, abs, step and sign; of sqrt and powers below 1 at 0; along an exponent
 * where the base is not positive. A gradient of 0 stays 0 also through an infinite derivative, so that the side which `where` did
 * not take cannot spoil the other. In single precision exp is limited to e^-87 .. e^88. */
#ifndef CONVIS_FORMULA_H
#define CONVIS_FORMULA_H
#include <convis/layer.h>
#include "formula_steps.h"

enum {
    CONVIS_FORMULA_NAMES = CONVIS_MAX_PARAMS, CONVIS_FORMULA_NAME = 32, /* with its end */
    CONVIS_FORMULA_LENGTH = 2000,        /* characters */
    CONVIS_FORMULA_DEPTH  = 100,         /* parentheses, functions and signs within each other */
    CONVIS_FORMULA_NODES  = 3000,        /* of the graph, with derivatives */
    CONVIS_FORMULA_STEPS  = 1000,        /* of a program */
    CONVIS_FORMULA_SUMS   = 100
};

/* ---- Nodes. Operands are earlier nodes. ---- */

enum convis_formula_op {
    /* leaves: a number; parameter, input or sum number a; the gradient that comes in */
    CONVIS_F_NUMBER, CONVIS_F_NAME, CONVIS_F_INPUT, CONVIS_F_SUM, CONVIS_F_GRADIENT,
    CONVIS_F_ADD, CONVIS_F_SUB, CONVIS_F_MUL, CONVIS_F_DIV, CONVIS_F_NEG,
    CONVIS_F_WHOLE_POWER,                /* a to the whole number `number`, by multiplication */
    CONVIS_F_POW, CONVIS_F_MIN, CONVIS_F_MAX, CONVIS_F_LESS, CONVIS_F_LESS_EQUAL, CONVIS_F_SELECT,      /* a ? b : c */
    CONVIS_F_EXP, CONVIS_F_LOG, CONVIS_F_LOG1P, CONVIS_F_EXPM1, CONVIS_F_SQRT, CONVIS_F_ABS, CONVIS_F_SIGN, CONVIS_F_RELU,
    CONVIS_F_STEP, CONVIS_F_SOFTPLUS, CONVIS_F_SIGMOID, CONVIS_F_TANH, CONVIS_F_SIN, CONVIS_F_COS,
    /* only in derivatives */
    CONVIS_F_GATE,                       /* a > 0 ? b : 0 */
    CONVIS_F_SCALED,                     /* a b, and 0 where a is 0 whatever b is */
    CONVIS_F_SHARED,                     /* a/b, likewise */
    CONVIS_F_SQRT_SLOPE,                 /* of the root a: 1/(2a), 0 at 0 */
    CONVIS_F_POW_SLOPE,                  /* of c = a^b with respect to a */
    CONVIS_F_LOG_OR_0,                   /* log a, 0 where a is not positive */
    CONVIS_F_SIGMOID_SLOPE,
    /* only in programs */
    CONVIS_F_MUL_ADD, CONVIS_F_MUL_SUB, CONVIS_F_SUB_MUL,          /* a b + c, a b - c, c - a b, each rounded twice */
    CONVIS_F_COPY,
    CONVIS_F_ADD_INTO,                   /* a is added to the output */
    CONVIS_F_ADD_UP, CONVIS_F_ADD_UP_PRODUCT                       /* sums over elements of a, of a b */
};

typedef struct convis_formula_node {
    unsigned char op;
    unsigned char uniform;               /* no input below it */
    unsigned char late;                  /* a sum below it: known only after a gradient's blocks have run */
    unsigned char finite;                /* whatever finite numbers go in */
    short  a, b, c;                      /* operands; of leaves a: which one */
    double number;
} convis_formula_node;

/* ---- Programs, of steps on slots (formula_steps.h) ---- */

typedef struct convis_formula_step { short code, to, a, b, c; } convis_formula_step;    /* to: of sums, which one */
typedef struct convis_formula_program {
    int   steps, needed;                 /* needed: those of the outputs; the rest are for sums */
    int   numbers, registers, sums;
    short number[CONVIS_FORMULA_STEPS];  /* the node of each uniform number */
    convis_real value[CONVIS_FORMULA_STEPS];
    int   fills;                         /* the first registers are full of one number each, the whole time: */
    short fill[CONVIS_FORMULA_STEPS];
    convis_formula_step step[CONVIS_FORMULA_STEPS];
} convis_formula_program;

/* No pointers: a layer stores it in its constants. */
typedef struct convis_formula {
    int   inputs;                        /* that it uses: 1 if only x */
    int   names;
    char  name[CONVIS_FORMULA_NAMES][CONVIS_FORMULA_NAME];     /* parameters, in order of first appearance */
    int   nodes, full;                   /* full: more would have been needed */
    convis_formula_node node[CONVIS_FORMULA_NODES];
    short root;
    short d_input[CONVIS_FORMULA_INPUTS], d_name[CONVIS_FORMULA_NAMES];    /* gradients, -1: 0; those of names are of sums */
    convis_formula_program forward, backward;
} convis_formula;

/* Parse, differentiate, compile. `path` begins sentences; those about the text show it, with the column (from 1). */
convis_status convis_formula_compile(convis_context *, const char *path, const char *text, convis_formula *);
/* From here on its parameters have these values, in the order of `name`. */
void   convis_formula_bind(convis_formula *, const double *values);
/* The value at one place, in double precision, by the C library's functions; for these values of its parameters. */
double convis_formula_value(const convis_formula *, const double *x, const double *values);

/* The part that is compiled once per instruction set; the same bits on each. Blocks lie anywhere; count: any. */
typedef struct convis_formula_blocks {
    const char *isa;
    /* out = f(in) */
    void (*value)(const convis_formula *, const convis_real *const *in, convis_real *out, int64_t count);
    /* d_in[j] += d_out df/d_in[j]; NULL: not required. sums (NULL: not required), backward.sums of them: added to. */
    void (*gradient)(const convis_formula *, const convis_real *const *in, const convis_real *d_out, convis_real *const *d_in,
                     double *sums, int64_t count);
} convis_formula_blocks;
const convis_formula_blocks *convis_formula_blocks_of(const convis_context *);
/* Gradients of its parameters, for these values, from the sums over all elements; added to d_values. */
void convis_formula_from_sums(const convis_formula *, const double *values, const double *sums, double *d_values);

/* ---- formula_run.c: for a layer whose constants begin with a formula ---- */

/* Bytes of constants, and of scratch, if gradients are required. */
size_t convis_formula_size(const convis_formula *);
size_t convis_formula_scratch(const convis_pass *, const convis_formula *);
/* After bind. */
void   convis_formula_prepare(const convis_context *, convis_formula *);
void   convis_formula_forward(const convis_pass *, const convis_formula *);
/* sums: backward.sums of them, added to; NULL: not required. */
void   convis_formula_backward(const convis_pass *, const convis_formula *, convis_total *sums);

/* ---- formula_on_device.c: the same by the kernels of formula_gpu.c ---- */

/* Its programs for kernels, with the values that it is bound to: so many numbers. */
int64_t convis_formula_device_size(const convis_formula *);
void    convis_formula_device_prepare(const convis_formula *, convis_real *programs);
/* Numbers of scratch. */
int64_t convis_formula_device_room(const convis_formula *);
void    convis_formula_device_forward(const convis_pass *, const convis_formula *, const convis_real *programs);
void    convis_formula_device_backward(const convis_pass *, const convis_formula *, const convis_real *programs, convis_total *sums);

/* ---- formula_graph.c ---- */

int    convis_formula_number(convis_formula *, double);                      /* its node, as of the next ones */
int    convis_formula_leaf  (convis_formula *, int op, int which);
int    convis_formula_make  (convis_formula *, int op, int a, int b, int c);      /* simplified; equal ones are shared */
int    convis_formula_power (convis_formula *, int a, int b);
/* Fills d_input and d_name; sum: the nodes to add up over elements, in order. Returns their number. */
int    convis_formula_differentiate(convis_formula *, short sum[CONVIS_FORMULA_SUMS]);
int    convis_formula_operands(int op);                                      /* 0 to 3 */

/* ---- formula_program.c ---- */

/* Programs of `forward` and `backward`. 0: one would be too long. */
int    convis_formula_assemble(convis_formula *, const short *sum, int sums);
#endif
