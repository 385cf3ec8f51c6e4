/* blur_back.c - the blurs of blur.h, backward. */
#include "blur.h"
#include "engine/launch.h"
#include <string.h>

/* ---- Diffusion: the solves of the forward pass, by the kernels of the instruction set ---- */

static convis_blur with_steps(const convis_blur *b, int steps)
{
    convis_blur other = *b;
    other.steps = steps;
    return other;
}

static void multiply(const convis_blur *b, convis_real *map, const convis_real *by, int64_t y0, int64_t y1)
{
    for (int64_t i = y0*b->w; i < y1*b->w; i++) map[i] *= by[i];
}

/* One step goes to the spare map, the others back to g: C1' g is needed on its own. */
static void diffusion_columns(const convis_blur *b, const convis_blur_back *k, int64_t at, int64_t x0, int64_t x1, void *mine)
{
    convis_blur one = with_steps(b, 1), others = with_steps(b, b->steps - 1);
    convis_real *g = k->g + at, *spare = k->spare + at;
    if (!k->dsigma) {
        b->kernels->columns(b, g, g, x0, x1, mine);
        return;
    }
    b->kernels->columns(&one, g, spare, x0, x1, mine);
    b->kernels->gradient(b, g, spare, k->y + at, k->dsigma + at, (convis_real)(-2*b->steps*k->scale), x0, x1, 0, b->h);
    if (others.steps) b->kernels->columns(&others, spare, g, x0, x1, mine);
    else for (int64_t y = 0; y < b->h; y++) memcpy(g + y*b->w + x0, spare + y*b->w + x0, (size_t)(x1 - x0)*sizeof *g);
}

static void diffusion_rows(const convis_blur *b, const convis_blur_back *k, int64_t at, int64_t y0, int64_t y1, void *mine)
{
    convis_blur one = with_steps(b, 1);
    convis_real *g = k->g + at, *spare = k->spare + at;
    b->kernels->rows(b, g, g, y0, y1, mine);
    if (k->dsigma) {
        b->kernels->rows(&one, g, spare, y0, y1, mine);
        b->kernels->gradient(b, g, spare, k->x + at, k->dsigma + at, (convis_real)(-2*b->steps*k->scale), 0, b->w, y0, y1);
    }
    if (b->per_weight) multiply(b, g, b->per_weight, y0, y1);
}

/* ---- Deriche: line by line, in double precision ---- */

/* A line: f_i = a0 x_i + a1 x_{i-1} + b1 f_{i-1} + b2 f_{i-2} and r_i = a2 x_{i+s} + a3 x_{i+s+1} + b1 r_{i+1} + b2 r_{i+2}, the
 * coefficients those at i; y = f + r. Before and beyond the ends x is as at the end, f and r are that times `end`.
 * s = 1, or 0 where VirtualRetina's radial blur has it wrong. */
enum { A0, A1, A2, A3, B1, B2 };
typedef struct recursion { const convis_real *c[6]; int64_t stride, length; int radial; double end_f, end_r; } recursion;

static double coefficient(const recursion *q, int k, int64_t i)
{
    return i < 0 || i >= q->length ? 0 : (double)q->c[k][i*q->stride];
}

/* Derivatives of the coefficients at place i by alpha, times d alpha/d ln sigma = -alpha. With e = exp(-alpha), N = (1 - e)^2 and
 * D = 1 + 2 alpha e - e^2: a0 = N/D, a1 = a0 e (alpha - 1), a2 = a0 e (alpha + 1), a3 = -a0 e^2, b1 = 2 e, b2 = -e^2. */
static void coefficient_derivatives(const recursion *q, int64_t i, double *s)
{
    double e = coefficient(q, B1, i)/2, a0 = coefficient(q, A0, i);
    memset(s, 0, 6*sizeof *s);
    if (!(e > 1e-18)) return;                             /* so narrow a blur has no effect */
    double alpha = 1 + coefficient(q, A1, i)/(a0*e), D = 1 + 2*alpha*e - e*e;
    double derivative = 2*e*((1 - e) - a0*(1 - alpha + e))/D;
    s[A0] = -alpha*derivative;
    s[A1] = -alpha*e*(derivative*(alpha - 1) + a0*(2 - alpha));
    s[A2] = -alpha*e*(derivative*(alpha + 1) - a0*alpha);
    s[A3] = alpha*e*e*(derivative - 2*a0);
    s[B1] = alpha*2*e;
    s[B2] = -alpha*2*e*e;
}

/* Of end = (a + a')/(1 - b1 - b2). */
static double end_derivative(const recursion *q, const double *s, int a)
{
    double rest = 1 - coefficient(q, B1, 0) - coefficient(q, B2, 0);
    double sum = coefficient(q, a, 0) + coefficient(q, a + 1, 0);
    return q->radial ? 0 : (s[a] + s[a + 1])/rest + sum*(s[B1] + s[B2])/(rest*rest);
}

/* dL/d ln sigma of one line. F and R: the gradients at f and r; f, r: room for the line. */
static double line_gradient(const recursion *q, const double *x, const double *F, const double *R, double *f, double *r)
{
    int64_t n = q->length, shift = q->radial ? 0 : 1;
    double s[6], sum = 0, before = q->end_f*x[0], beyond = q->end_r*x[n - 1], first_f = 0, first_r = 0;
    for (int64_t i = 0; i < n; i++)
        f[i] = coefficient(q, A0, i)*x[i] + coefficient(q, A1, i)*x[i ? i - 1 : 0] + coefficient(q, B1, i)*(i ? f[i - 1] : before)
             + coefficient(q, B2, i)*(i > 1 ? f[i - 2] : before);
    for (int64_t i = n - 1; i >= 0; i--) {
        int64_t one = i + shift < n ? i + shift : n - 1, two = one + 1 < n ? one + 1 : n - 1;
        double r1 = i + 1 < n ? r[i + 1] : beyond, r2 = i + 2 < n ? r[i + 2] : beyond;
        r[i] = coefficient(q, A2, i)*x[one] + coefficient(q, A3, i)*x[two] + coefficient(q, B1, i)*r1 + coefficient(q, B2, i)*r2;
        if (q->stride || i == n - 1) coefficient_derivatives(q, i, s);
        sum += F[i]*(s[A0]*x[i] + s[A1]*x[i ? i - 1 : 0] + s[B1]*(i ? f[i - 1] : before) + s[B2]*(i > 1 ? f[i - 2] : before))
             + R[i]*(s[A2]*x[one] + s[A3]*x[two] + s[B1]*r1 + s[B2]*r2);
    }
    for (int64_t i = 0; i < 2 && i < n; i++) {            /* what depends on the values before and beyond the line */
        first_f += F[i]*((i ? 0 : coefficient(q, B1, i)) + coefficient(q, B2, i));
        first_r += R[n - 1 - i]*((i ? 0 : coefficient(q, B1, n - 1 - i)) + coefficient(q, B2, n - 1 - i));
    }
    return sum + first_f*x[0]*end_derivative(q, s, A0) + first_r*x[n - 1]*end_derivative(q, s, A2);
}

/* g, the gradient at y, becomes that at x. work: room for six lines; its first two then hold the gradients at f and r. */
static void line_back(const recursion *q, double *g, double *work)
{
    int64_t n = q->length, shift = q->radial ? 0 : 1;
    double *F = work, *R = work + n, *d = work + 2*n, first = 0, last = 0;
    memset(d, 0, (size_t)n*sizeof *d);
    for (int64_t i = n - 1; i >= 0; i--) {
        F[i] = g[i] + (i + 1 < n ? coefficient(q, B1, i + 1)*F[i + 1] : 0) + (i + 2 < n ? coefficient(q, B2, i + 2)*F[i + 2] : 0);
        d[i] += coefficient(q, A0, i)*F[i];
        d[i ? i - 1 : 0] += coefficient(q, A1, i)*F[i];
        if (i < 2) first += F[i]*((i ? 0 : coefficient(q, B1, i)) + coefficient(q, B2, i));
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t one = i + shift < n ? i + shift : n - 1, two = one + 1 < n ? one + 1 : n - 1;
        R[i] = g[i] + (i > 0 ? coefficient(q, B1, i - 1)*R[i - 1] : 0) + (i > 1 ? coefficient(q, B2, i - 2)*R[i - 2] : 0);
        d[one] += coefficient(q, A2, i)*R[i];
        d[two] += coefficient(q, A3, i)*R[i];
        if (i > n - 3) last += R[i]*((i < n - 1 ? 0 : coefficient(q, B1, i)) + coefficient(q, B2, i));
    }
    d[0] += q->end_f*first;
    d[n - 1] += q->end_r*last;
    memcpy(g, d, (size_t)n*sizeof *g);
}

/* One line of a map, `stride` apart; x: what went in, or NULL. dL/d ln sigma is added to the place of the line's first. */
static void deriche_line(const recursion *q, const convis_blur_back *k, const convis_real *x, int64_t at, int64_t stride,
                         double *mine)
{
    int64_t n = q->length;
    double *input = mine, *g = mine + n, *work = mine + 2*n;
    for (int64_t i = 0; i < n; i++) g[i] = (double)k->g[at + i*stride];
    line_back(q, g, work);
    for (int64_t i = 0; i < n; i++) k->g[at + i*stride] = (convis_real)g[i];
    if (!k->dsigma) return;
    for (int64_t i = 0; i < n; i++) input[i] = (double)x[at + i*stride];
    k->dsigma[at] += (convis_real)(k->scale*line_gradient(q, input, work, work + n, work + 3*n, work + 4*n));
}

static recursion recursion_of(const convis_blur *b, convis_real *const *from, int64_t line, int64_t lines, int64_t length)
{
    int radial = b->method == CONVIS_BLUR_DERICHE_RADIAL;
    recursion q = { .stride = radial ? lines : 0, .length = length, .radial = radial,
                    .end_f = radial ? 0.5 : (double)b->end_forward, .end_r = radial ? 0.5 : (double)b->end_backward };
    for (int k = 0; k < 6; k++) q.c[k] = from[k] + (radial ? line : 0);
    return q;
}

/* ---- All methods ---- */

static void *part_of(const convis_pass *p, const convis_blur *b, const convis_blur_back *k)
{
    return (convis_real *)k->scratch + (size_t)p->thread*convis_blur_part(b->w, b->h);
}

static void begin(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, int64_t y0, int64_t y1)
{
    if (b->method == CONVIS_BLUR_NONE) return;
    for (int64_t at = 0; at < k->planes*b->w*b->h; at += b->w*b->h) {
        if (b->method == CONVIS_BLUR_DIFFUSION && b->weight) multiply(b, k->g + at, b->weight, y0, y1);
        if (b->method != CONVIS_BLUR_DIFFUSION && k->dsigma)         /* the input of the columns */
            b->kernels->rows(b, k->x + at, k->spare + at, y0, y1, part_of(p, b, k));
    }
}

static void columns(const convis_pass *p, const convis_blur *b, const convis_blur_back *k)
{
    int64_t x0 = convis_share(b->w, p->thread, p->threads), x1 = convis_share(b->w, p->thread + 1, p->threads);
    if (b->method == CONVIS_BLUR_NONE || x0 == x1) return;
    for (int64_t at = 0; at < k->planes*b->w*b->h; at += b->w*b->h) {
        if (b->method == CONVIS_BLUR_DIFFUSION) diffusion_columns(b, k, at, x0, x1, part_of(p, b, k));
        else for (int64_t x = x0; x < x1; x++) {
                recursion q = recursion_of(b, b->column, x, b->w, b->h);
                deriche_line(&q, k, k->spare, at + x, b->w, part_of(p, b, k));
            }
    }
}

static void rows(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, int64_t y0, int64_t y1)
{
    if (b->method == CONVIS_BLUR_NONE) return;
    for (int64_t at = 0; at < k->planes*b->w*b->h; at += b->w*b->h) {
        if (b->method == CONVIS_BLUR_DIFFUSION) diffusion_rows(b, k, at, y0, y1, part_of(p, b, k));
        else for (int64_t y = y0; y < y1; y++) {
                recursion q = recursion_of(b, b->row, y, b->h, b->w);
                deriche_line(&q, k, k->x, at + y*b->w, 1, part_of(p, b, k));
            }
    }
}

void convis_blur_back_run(const convis_pass *p, const convis_blur *b, const convis_blur_back *k, const char *before,
                          void *const *buffers_before, const char *after, void *const *buffers_after)
{
    if (!convis_host_visible(p->context)) {
        convis_blur_back_on_device(p, b, k, before, buffers_before, after, buffers_after);
        return;
    }
    for (int64_t y0, y1 = -1; convis_next_strip(p, b, &y0, &y1);) {
        if (before) convis_launch_rows(p, before, p->out_shape, y0, y1, buffers_before);
        begin(p, b, k, y0, y1);
    }
    convis_barrier(p);
    columns(p, b, k);
    convis_barrier(p);
    for (int64_t y0, y1 = -1; convis_next_strip(p, b, &y0, &y1);) {
        rows(p, b, k, y0, y1);
        if (after) convis_launch_rows(p, after, p->out_shape, y0, y1, buffers_after);
    }
}
