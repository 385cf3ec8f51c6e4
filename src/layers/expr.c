/* expr.c - any static nonlinearity of one to four inputs, as a formula: "relu(a*x + b)^2".
 *
 *      y[t] = f(x[t], y[t], z[t], w[t]; parameters)      the language is described in src/kernels/formula/formula.h
 *
 * x is the first input, y the second ... Every other name is a parameter of the layer, found under that name: a layer "nl" with
 * the formula above has nl.a and nl.b, which are 1 unless set. As long as no formula is set, y = x.
 *
 * Adjoint: f is differentiated symbolically. Sums for the parameters are made in shares of the elements that do not depend on
 * how many threads there are. This layer has no kernels of its own: formula_blocks.c computes, on a device formula_steps.h. */
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

static convis_status fields(convis_context *c, const char *path, char *const *text, convis_field *rows, char (*names)[32], int room)
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

enum { SHARES = 32 };

/* Behind the formula in the constants: its programs for a device. */
static size_t formula_size(void) { return (sizeof(convis_formula) + 63)/64*64; }
static convis_real *card_of(const convis_pass *p) { return (convis_real *)(void *)((char *)p->constants + formula_size()); }

static convis_status plan(convis_pass *p)
{
    convis_formula *f;
    convis_status status = compile(p->context, p->path, p->text[FORMULA], &f);
    if (status) return status;
    if (f->inputs > p->inputs)
        status = convis_fail(p->context, CONVIS_ESHAPE, "%s.formula: uses %c, input %d of a layer with %d", p->path, "xyzw"[f->inputs - 1],
                             f->inputs, p->inputs);
    for (int j = 1; !status && j < p->inputs; j++)
        if (memcmp(&p->in_shape[j], &p->in_shape[0], sizeof p->in_shape[0]))
            status = convis_fail(p->context, CONVIS_ESHAPE, "%s: its inputs are not of one shape", p->path);
    p->constants_size = formula_size() + (size_t)convis_formula_card_size(f)*sizeof(convis_real);
    if (p->recording) {
        const size_t here = SHARES*(size_t)(f->backward.sums + 1)*sizeof(double);
        const size_t there = (size_t)convis_formula_card_room(f)*sizeof(convis_real);
        p->scratch_size = here > there ? here : there;
    }
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
    if (!status && p->there) convis_formula_card(f, card_of(p));
    return status;
}

static double past(const convis_pass *p, const double *x, double *state)
{
    (void)state;
    return convis_formula_value(p->constants, x, p->param + OWN);
}

static void forward(convis_pass *p)
{
    if (p->there) {
        convis_formula_value_there(p, p->constants, card_of(p), p->in, p->out, convis_elements(p->out_shape));
        return;
    }
    int64_t all = convis_elements(p->out_shape)*p->frames, from = convis_share(all, p->thread, p->threads);
    const convis_real *in[CONVIS_MAX_INPUTS] = { NULL };
    for (int j = 0; j < p->inputs; j++) in[j] = p->in[j] + from;
    convis_formula_blocks_of(p->context)->value(p->constants, in, p->out + from, convis_share(all, p->thread + 1, p->threads) - from);
}

/* Inputs from one source with different delays add to the same frames: then a thread must keep to its own pixels. */
static void add_share(const convis_pass *p, int share, double *sums)
{
    const convis_formula *f = p->constants;
    int64_t n = convis_elements(p->out_shape), frames = p->inputs > 1 ? p->frames : 1, length = p->inputs > 1 ? n : n*p->frames;
    int64_t from = convis_share(length, share, SHARES), to = convis_share(length, share + 1, SHARES);
    int any = p->wanted != 0;
    for (int k = 0; k < f->backward.sums; k++) sums[k] = 0;
    for (int64_t t = 0; t < frames && from < to; t++) {
        const convis_real *in[CONVIS_MAX_INPUTS] = { NULL };
        convis_real *d_in[CONVIS_MAX_INPUTS] = { NULL };
        for (int j = 0; j < p->inputs; j++) {
            in[j] = p->in[j] + t*n + from;
            if (p->d_in[j]) d_in[j] = p->d_in[j] + t*n + from;
        }
        convis_formula_blocks_of(p->context)->gradient(f, in, p->d_out + t*n + from, d_in, any ? sums : NULL, to - from);
    }
}

static void vjp_there(convis_pass *p)
{
    const convis_formula *f = p->constants;
    double sums[CONVIS_FORMULA_SUMS];
    convis_formula_gradient_there(p, f, card_of(p), p->in, p->d_out, p->d_in, p->scratch, p->wanted ? sums : NULL,
                                  convis_elements(p->out_shape));
    if (p->wanted) convis_formula_from_sums(f, p->param + OWN, sums, p->d_param + OWN);
}

static void vjp(convis_pass *p)
{
    const convis_formula *f = p->constants;
    int count = f->backward.sums;
    if (p->there) {
        vjp_there(p);
        return;
    }
    double *sums = p->scratch;
    for (int s = p->thread; s < SHARES; s += p->threads) add_share(p, s, sums + (int64_t)s*count);
    convis_barrier(p);
    if (p->thread || !p->wanted) return;
    for (int s = 1; s < SHARES; s++) for (int k = 0; k < count; k++) sums[k] += sums[(int64_t)s*count + k];
    convis_formula_from_sums(f, p->param + OWN, sums, p->d_param + OWN);
}

CONVIS_LAYER_KERNELS(expr)
const convis_layer_type convis_expr = {
    .abi = CONVIS_LAYER_ABI, .name = "expr", .doc = "a formula in its inputs and in parameters of its own",
    .params = params, .states = states, .inputs = 4, .fewest = 1, .kernels = expr_kernels, .source = convis_expr_source,
    .plan = plan, .prepare = prepare, .past = past, .forward = forward, .vjp = vjp, .anywhere = 1, .fields = fields,
};
#endif
