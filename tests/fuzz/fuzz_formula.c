/* fuzz_formula.c - any text as a formula: refused with a sentence, or it gives the same bits on every instruction set, with
 * elements taken together or one by one. */
#include "kernels/formula/formula.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COUNT = 37 };
static const char *const DEVICES[] = { "cpu:baseline", "cpu" };

typedef struct result { convis_real value[COUNT], d_in[CONVIS_FORMULA_INPUTS][COUNT]; double sums[CONVIS_FORMULA_SUMS]; } result;

static void evaluate(const convis_formula_blocks *b, const convis_formula *f, int at_once, result *r)
{
    static const convis_real SPECIAL[] = { 0, -1, 1, (convis_real)1e30, (convis_real)-0.5 };
    convis_real x[CONVIS_FORMULA_INPUTS][COUNT], d[COUNT];
    memset(r, 0, sizeof *r);
    for (int i = 0; i < COUNT; i++) {
        d[i] = (convis_real)(i%3 - 1);
        for (int j = 0; j < CONVIS_FORMULA_INPUTS; j++)
            x[j][i] = i < 5 ? SPECIAL[(i + j)%5] : (convis_real)((i*37 + j*11)%23 - 11)/(convis_real)4;
    }
    for (int i = 0; i < COUNT; i += at_once) {
        int count = at_once < COUNT - i ? at_once : COUNT - i;
        const convis_real *in[] = { x[0] + i, x[1] + i, x[2] + i, x[3] + i };
        convis_real *d_in[] = { r->d_in[0] + i, r->d_in[1] + i, r->d_in[2] + i, r->d_in[3] + i };
        b->value(f, in, r->value + i, count);
        b->gradient(f, in, d + i, d_in, at_once == COUNT ? r->sums : NULL, count);
    }
}

static void compare(const convis_real *a, const convis_real *b, int count)
{
    for (int i = 0; i < count; i++) if (a[i] == a[i] ? memcmp(&a[i], &b[i], sizeof *a) != 0 : b[i] == b[i]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static convis_context *c[2];
    static convis_formula f;
    static result r[2], parts;
    double parameter[CONVIS_FORMULA_NAMES], gradient[CONVIS_FORMULA_NAMES] = { 0 };
    for (int k = 0; k < 2; k++) if (!c[k] && convis_open(&c[k], DEVICES[k])) abort();
    char *text = malloc(size + 1);
    if (!text) abort();
    memcpy(text, data, size);
    text[size] = 0;
    for (int k = 0; k < CONVIS_FORMULA_NAMES; k++) parameter[k] = 0.5 + k%4;
    if (convis_formula_compile(c[0], "fuzz", text, &f)) {
        if (!*convis_message(c[0])) abort();
    } else {
        convis_formula_bind(&f, parameter);
        for (int k = 0; k < 2; k++) evaluate(convis_formula_blocks_of(c[k]), &f, COUNT, &r[k]);
        evaluate(convis_formula_blocks_of(c[1]), &f, 3, &parts);
        compare(r[0].value, r[1].value, COUNT);
        compare(r[0].value, parts.value, COUNT);
        compare(r[0].d_in[0], r[1].d_in[0], COUNT*CONVIS_FORMULA_INPUTS);
        compare(r[0].d_in[0], parts.d_in[0], COUNT*CONVIS_FORMULA_INPUTS);
        convis_formula_from_sums(&f, parameter, r[0].sums, gradient);
    }
    free(text);
    return 0;
}
