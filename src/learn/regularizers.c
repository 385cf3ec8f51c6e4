/* regularizers.c - penalties on one parameter x, seen as (out, in, T, Y, X), and their exact gradients.
 *
 *      l1            sum |x|                                           sign(x), 0 at 0
 *      l2            sum x^2                                           2x
 *      smooth_time   sum of squared differences of neighbours in T     the (negative) second difference, twice
 *      smooth_space  the same in Y and in X
 *      local         sum x^2 d^2, d the distance in pixels from the centre of mass of x^2 over Y and X, of each (out, in)
 *                                                                      2 x d^2: the centre minimises the sum, so that
 *                                                                      its own movement costs nothing
 *      group         sum over out of the norm of x[out]                x/norm, 0 where the norm is 0 (a whole output is
 *                                                                      driven to nothing, or not at all)
 *      nonnegative   sum min(x, 0)^2                                   2 min(x, 0)
 *      separable     for each (out, in), as a matrix W of T rows and YX columns: the squares of all singular values but the
 *                    first, |W - s u v'|^2                             2 (W - s u v')
 *
 * Everything is in double precision, in one fixed order. */
#include "base/context.h"
#include "base/philox.h"
#include "base/text.h"
#include <convis/fit.h>
#include <math.h>
#include <string.h>

typedef struct task {
    convis_context *context;
    const double   *x;
    convis_shape    shape;
    double          weight;
    double         *gradient;                            /* NULL, or to be added to */
} task;

static void add(const task *t, int64_t i, double derivative) { if (t->gradient) t->gradient[i] += t->weight*derivative; }

/* ---- Of each number by itself ---- */

static convis_status l1(const task *t, double *value)
{
    for (int64_t i = 0, n = convis_elements(t->shape); i < n; i++) {
        *value += fabs(t->x[i]);
        add(t, i, (double)((t->x[i] > 0) - (t->x[i] < 0)));
    }
    return CONVIS_OK;
}

static convis_status l2(const task *t, double *value)
{
    for (int64_t i = 0, n = convis_elements(t->shape); i < n; i++) {
        *value += t->x[i]*t->x[i];
        add(t, i, 2*t->x[i]);
    }
    return CONVIS_OK;
}

static convis_status nonnegative(const task *t, double *value)
{
    for (int64_t i = 0, n = convis_elements(t->shape); i < n; i++) {
        const double below = fmin(t->x[i], 0);
        *value += below*below;
        add(t, i, 2*below);
    }
    return CONVIS_OK;
}

static convis_status group(const task *t, double *value)
{
    const int64_t outs = t->shape.dim[CONVIS_B], n = outs ? convis_elements(t->shape)/outs : 0;
    for (int64_t out = 0; out < outs; out++) {
        const double *x = t->x + out*n;
        double largest = 0, sum = 0;                     /* scaled, so that squares neither overflow nor vanish */
        for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(x[i]));
        for (int64_t i = 0; i < n && largest > 0; i++) sum += (x[i]/largest)*(x[i]/largest);
        const double norm = largest*sqrt(sum);
        *value += norm;
        for (int64_t i = 0; i < n && norm > 0; i++) add(t, out*n + i, x[i]/norm);
    }
    return CONVIS_OK;
}

/* ---- Of neighbours ---- */

static void smooth_along(const task *t, int dim, double *value)
{
    int64_t step = 1;
    for (int d = CONVIS_DIMS - 1; d > dim; d--) step *= t->shape.dim[d];
    for (int64_t i = 0, n = convis_elements(t->shape); i < n; i++) {
        if (i/step%t->shape.dim[dim] == t->shape.dim[dim] - 1) continue;
        const double difference = t->x[i + step] - t->x[i];
        *value += difference*difference;
        add(t, i + step, 2*difference);
        add(t, i, -2*difference);
    }
}

static convis_status smooth_time(const task *t, double *value)
{
    smooth_along(t, CONVIS_T, value);
    return CONVIS_OK;
}

static convis_status smooth_space(const task *t, double *value)
{
    smooth_along(t, CONVIS_Y, value);
    smooth_along(t, CONVIS_X, value);
    return CONVIS_OK;
}

/* ---- Of one kernel (T, Y, X) at a time ---- */

static void local_kernel(const task *t, int64_t first, double *value)
{
    const int64_t width = t->shape.dim[CONVIS_X], plane = width*t->shape.dim[CONVIS_Y], n = plane*t->shape.dim[CONVIS_T];
    const double *x = t->x + first;
    double mass = 0, centre_x = 0, centre_y = 0;
    for (int64_t i = 0; i < n; i++) {
        mass += x[i]*x[i];
        centre_x += x[i]*x[i]*(double)(i%width);
        centre_y += x[i]*x[i]*(double)(i%plane/width);
    }
    if (mass <= 0) return;                               /* all 0: no centre */
    centre_x /= mass;
    centre_y /= mass;
    for (int64_t i = 0; i < n; i++) {
        const double dx = (double)(i%width) - centre_x, dy = (double)(i%plane/width) - centre_y, distance = dx*dx + dy*dy;
        *value += x[i]*x[i]*distance;
        add(t, first + i, 2*x[i]*distance);
    }
}

static convis_status local(const task *t, double *value)
{
    const int64_t kernels = t->shape.dim[CONVIS_B]*t->shape.dim[CONVIS_C], n = kernels ? convis_elements(t->shape)/kernels : 0;
    for (int64_t k = 0; k < kernels; k++) local_kernel(t, k*n, value);
    return CONVIS_OK;
}

/* ---- Separability ---- */

/* G (n x n) = W W' or W' W, whichever is smaller, scaled to trace 1. Returns 0 when W is 0. */
static int gram(const double *w, int64_t rows, int64_t columns, int64_t n, double *g)
{
    const int64_t other = n == rows ? columns : rows, step = n == rows ? columns : 1, inner = n == rows ? 1 : columns;
    double trace = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0;
            for (int64_t k = 0; k < other; k++) sum += w[i*step + k*inner]*w[j*step + k*inner];
            g[i*n + j] = g[j*n + i] = sum;
            if (i == j) trace += sum;
        }
    if (trace <= 0) return 0;
    for (int64_t i = 0; i < n*n; i++) g[i] /= trace;
    return 1;
}

/* y = G x, scaled to length 1. Returns by how much it differs from x. */
static double power_step(const double *g, int64_t n, const double *x, double *y)
{
    double square = 0, change = 0;
    for (int64_t i = 0; i < n; i++) {
        y[i] = 0;
        for (int64_t j = 0; j < n; j++) y[i] += g[i*n + j]*x[j];
        square += y[i]*y[i];
    }
    const double scale = 1/sqrt(square);
    for (int64_t i = 0; i < n; i++) {
        y[i] *= scale;
        change = fmax(change, fabs(y[i] - x[i]));
    }
    return change;
}

/* G becomes its square, scaled to trace 1: from here on a step is worth two. */
static void square(double *g, double *spare, int64_t n)
{
    double trace = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++) sum += g[i*n + k]*g[j*n + k];
            spare[i*n + j] = spare[j*n + i] = sum;
            if (i == j) trace += sum;
        }
    for (int64_t i = 0; i < n*n; i++) g[i] = spare[i]/trace;
}

/* The eigenvector of the largest eigenvalue, by power iteration; where two eigenvalues lie close together the matrix is
 * squared again and again, so that any gap that double precision resolves is found in some hundred steps. It starts from
 * fixed random numbers, as nothing simpler is sure not to be orthogonal to what is sought. */
static void largest_eigenvector(double *g, double *spare, int64_t n, double *v, double *next)
{
    enum { STEPS = 20, SQUARINGS = 50 };
    for (int64_t i = 0; i < n; i++) {
        double ignored;
        philox_normal(philox_draw(0, (uint64_t)i, 0), &v[i], &ignored);
    }
    double change = 1;
    for (int squared = 0; squared <= SQUARINGS && change > 1e-14; squared++) {
        if (squared) square(g, spare, n);
        for (int k = 0; k < STEPS && change > 1e-14; k++) {
            change = power_step(g, n, v, next);
            memcpy(v, next, (size_t)n*sizeof *v);
        }
    }
}

/* W minus its part along the singular vector v: W - v (v' W) or W - (W v) v'. The sum of its squares is the penalty, without
 * the cancellation of |W|^2 - s^2. */
static void residual(const task *t, int64_t first, int64_t rows, int64_t columns, int left, const double *v, double *value)
{
    const double *w = t->x + first;
    const int64_t lines = left ? columns : rows, n = left ? rows : columns, step = left ? 1 : columns, inner = left ? columns : 1;
    for (int64_t line = 0; line < lines; line++) {
        double along = 0;
        for (int64_t i = 0; i < n; i++) along += v[i]*w[line*step + i*inner];
        for (int64_t i = 0; i < n; i++) {
            const double rest = w[line*step + i*inner] - along*v[i];
            *value += rest*rest;
            add(t, first + line*step + i*inner, 2*rest);
        }
    }
}

static convis_status separable(const task *t, double *value)
{
    const int64_t rows = t->shape.dim[CONVIS_T], columns = t->shape.dim[CONVIS_Y]*t->shape.dim[CONVIS_X];
    const int64_t kernels = t->shape.dim[CONVIS_B]*t->shape.dim[CONVIS_C], n = rows < columns ? rows : columns;
    if (n < 2 || !kernels) return CONVIS_OK;             /* one row or column is separable */
    double *memory = convis_obtain(t->context, (size_t)(2*n*n + 2*n)*sizeof *memory);
    if (!memory) return CONVIS_ENOMEM;
    double *g = memory, *spare = g + n*n, *v = spare + n*n, *next = v + n;
    for (int64_t k = 0; k < kernels; k++) {
        const int64_t first = k*rows*columns;
        if (!gram(t->x + first, rows, columns, n, g)) continue;
        largest_eigenvector(g, spare, n, v, next);
        residual(t, first, rows, columns, n == rows, v, value);
    }
    convis_release(t->context, memory);
    return CONVIS_OK;
}

/* ---- The list ---- */

static const struct type { const char *name, *doc; convis_status (*penalty)(const task *, double *); } types[] = {
    { "l1", "sum of magnitudes: few numbers that are not 0", l1 },
    { "l2", "sum of squares: small numbers", l2 },
    { "smooth_time", "squared differences of neighbours in time", smooth_time },
    { "smooth_space", "squared differences of neighbours in y and x", smooth_space },
    { "local", "squares times the squared distance from their centre, in pixels", local },
    { "group", "the norm of each output: few outputs that are not 0", group },
    { "nonnegative", "squares of what is negative", nonnegative },
    { "separable", "squared singular values beyond the first: space times time", separable },
};
enum { TYPES = sizeof types/sizeof *types };

const char *convis_regularizer_list(int index, const char **doc)
{
    if (index < 0 || index >= TYPES) return NULL;
    if (doc) *doc = types[index].doc;
    return types[index].name;
}

static convis_status check(convis_context *c, const convis_regularizer *r, const double *x, int64_t n)
{
    const char *path = r->path ? r->path : "regularizer";
    if (!(r->weight >= 0) || !isfinite(r->weight))
        return convis_fail(c, CONVIS_EINVAL, "%s: %s has the weight %g, expected 0 or more", path, r->kind, r->weight);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return convis_fail(c, CONVIS_EINVAL, "%s: element %lld is %g, expected a number to regularize", path, (long long)i,
                               x[i]);
    return CONVIS_OK;
}

static convis_status add_own(const task *t, const convis_regularizer *r, double *value)
{
    const int64_t n = convis_elements(t->shape);
    double *gradient = t->gradient ? convis_obtain(t->context, (size_t)(n + 1)*sizeof *gradient) : NULL;
    if (t->gradient && !gradient) return CONVIS_ENOMEM;
    *value = r->function(r->user, t->x, t->shape, gradient);
    int64_t bad = -1;
    for (int64_t i = 0; gradient && i < n; i++) {
        if (!isfinite(gradient[i]) && bad < 0) bad = i;
        t->gradient[i] += t->weight*gradient[i];
    }
    convis_release(t->context, gradient);
    if (isfinite(*value) && bad < 0) return CONVIS_OK;
    return convis_fail(t->context, CONVIS_EINVAL, "regularizer: the caller's penalty of %s %s", r->path ? r->path : "an array",
                       bad < 0 ? "is not finite" : "has a gradient that is not finite");
}

convis_status convis_regularizer_add(convis_context *c, const convis_regularizer *regularizer, const double *x,
                                     convis_shape shape, double *value, double *gradient)
{
    CONVIS_NEEDS(c, regularizer, x, value);
    const task t = { c, x, shape, regularizer->weight, gradient };
    int k = 0;
    *value = 0;
    const int64_t n = convis_elements(shape);
    if (n < 1) return convis_fail(c, CONVIS_ESHAPE, "regularizer: an array of a shape that is empty or too large");
    if (!regularizer->kind && regularizer->function) {
        const convis_status own = add_own(&t, regularizer, value);
        *value *= regularizer->weight;
        return own;
    }
    while (k < TYPES && (!regularizer->kind || strcmp(types[k].name, regularizer->kind))) k++;
    if (k == TYPES)
        return convis_no_such_name(c, "regularizer", regularizer->kind ? regularizer->kind : "", convis_regularizer_list);
    convis_status status = check(c, regularizer, x, n);
    if (!status) status = types[k].penalty(&t, value);
    *value *= regularizer->weight;
    return status;
}
