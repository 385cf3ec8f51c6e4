/* expr.c - any static nonlinearity of one to four inputs, as a formula: "relu(a*x + b)^2".
 *
 *      y[t] = f(x[t], y[t], z[t], w[t]; parameters)      the language is described in src/kernels/formula/formula.h
 *
 * x is the first input, y the second ... Every other name is a parameter of the layer, found under that name: a layer "nl" with
 * the formula above has nl.a and nl.b, which are 1 unless set. As long as no formula is set, y = x.
 *
 * Adjoint: f is differentiated symbolically. Sums for the parameters are made in shares of the elements that do not depend on
 * the number of threads. This layer has no kernels of its own: formula_blocks.c computes, on a device formula_steps.h. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_EXPORT(expr, )

#else
#include "kernels/formula/formula.h"
#include <string.h>

enum { FORMULA, OWN };                   /* OWN: the first row that comes from the formula */
static const convis_field params[] = {
    { "formula", "x", 0, 0, 0, CONVIS_TEXT | CONVIS_PLAN, "of x, of y, z and w where there are more inputs, and of parameters" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

/* For a moment: release it. */
static convis_status compile(convis_context *c, const char *path, const char *text, convis_formula **f)
{
    char where[160];
    size_t length = strlen(path);
    *f = NULL;
    if (length > sizeof where - sizeof ".formula") length = sizeof where - sizeof ".formula";
    memcpy(where, path, length);
    strcpy(where + length, ".formula");
    if (!(*f = convis_obtain(c, sizeof **f))) return CONVIS_ENOMEM;
    convis_status status = convis_formula_compile(c, where, text ? text : params[FORMULA].unit, *f);
    if (status) {
        convis_release(c, *f);
        *f = NULL;
    }
    return status;
}

static convis_status fields(convis_context *c, const char *path, char *const *text, convis_field *rows, char (*names)[32],
                            int room)
{
    convis_formula *f;
    convis_status status = compile(c, path, text[FORMULA], &f);
    if (status) return status;
    if (f->names > room)
        status = convis_fail(c, CONVIS_EINVAL, "%s.formula: %d parameters, expected at most %d", path, f->names, room);
    for (int k = 0; !status && k < f->names; k++) {
        if (!strcmp(f->name[k], params[FORMULA].name))
            status = convis_fail(c, CONVIS_EINVAL, "%s.formula: a parameter has the name 'formula', expected another", path);
        strcpy(names[k], f->name[k]);
        rows[k] = (convis_field){ names[k], "1", 1, -1e12, 1e12, 0, "of the formula" };
    }
    convis_release(c, f);
    return status;
}

static convis_status plan(convis_pass *p)
{
    convis_formula *f;
    convis_status status = compile(p->context, p->path, p->text[FORMULA], &f);
    if (status) return status;
    if (f->inputs > p->inputs)
        status = convis_fail(p->context, CONVIS_ESHAPE, "%s.formula: uses %c, input %d of a layer with %d", p->path,
                             "xyzw"[f->inputs - 1], f->inputs, p->inputs);
    if (!status) status = convis_plan_alike(p);
    p->constants_size = convis_formula_size(f);
    p->sums[FORMULA] = f->backward.sums;
    if (p->recording) p->scratch_size = convis_formula_scratch(p, f);
    convis_release(p->context, f);
    return status;
}

/* The text cannot change any more, its parameters can. */
static convis_status prepare(convis_pass *p)
{
    convis_formula *f = p->constants;
    const char *text = p->text[FORMULA] ? p->text[FORMULA] : params[FORMULA].unit;
    convis_status status = f->nodes ? CONVIS_OK : convis_formula_compile(p->context, p->path, text, f);
    if (!status) convis_formula_bind(f, p->param + OWN);
    if (!status) convis_formula_prepare(p->context, f);
    return status;
}

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)state;
    return convis_formula_value(p->constants, x, p->param + OWN);
}

static convis_status forward(convis_pass *p) { convis_formula_forward(p, p->constants); return CONVIS_OK; }
static convis_status vjp(convis_pass *p)     { convis_formula_backward(p, p->constants, p->d_array[FORMULA]); return CONVIS_OK; }

static void gather(const convis_pass *p, int k, const double *sums, double *d_param, double *const *d_array)
{
    (void)k, (void)d_array;
    convis_formula_from_sums(p->constants, p->param + OWN, sums, d_param + OWN);
}

CONVIS_LAYER_KERNELS(expr)
const convis_layer_type convis_expr = {
    .abi = CONVIS_LAYER_ABI, .name = "expr", .doc = "a formula of its inputs, with parameters of its own",
    .params = params, .states = states, .inputs = 4, .min_inputs = 1, .kernels = expr_kernels, .source = convis_expr_source,
    .plan = plan, .prepare = prepare, .baseline = baseline, .forward = forward, .vjp = vjp, .gather = gather, .device_capable = 1, .fields = fields,
};
#endif
