/* lbfgs_model.c - the quadratic model that pairs of steps and gradient differences stand for, and its minimum in a box.
 *
 *      B = theta I - W M W^T,   W = [Y, theta S],   M^-1 = [ -D  L^T ;  L  theta S^T S ]
 *
 * with D and L the diagonal and the strictly lower part of S^T Y. The minimum is found in two parts, as Byrd, Lu, Nocedal &
 * Zhu (1995) do: along the path of steepest descent, bent at every bound it meets, to its first minimum (their algorithm CP); from
 * there over the variables that are not at a bound (their direct primal method), the result projected onto the box when that
 * still leads down, else shortened (Morales & Nocedal 2011). */
#include "optimizers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Small dense systems: LU with row pivots, in place ---- */

static int factor(int n, double *a, int *pivot)
{
    for (int k = 0; k < n; k++) {
        int p = k;
        for (int i = k + 1; i < n; i++) if (fabs(a[i*n + k]) > fabs(a[p*n + k])) p = i;
        if (!(fabs(a[p*n + k]) > 0) || !isfinite(a[p*n + k])) return 0;
        pivot[k] = p;
        for (int j = 0; p != k && j < n; j++) {
            double swap = a[k*n + j];
            a[k*n + j] = a[p*n + j];
            a[p*n + j] = swap;
        }
        for (int i = k + 1; i < n; i++) {
            double l = a[i*n + k] /= a[k*n + k];
            for (int j = k + 1; j < n; j++) a[i*n + j] -= l*a[k*n + j];
        }
    }
    return 1;
}

/* The right side becomes the solution. Whole rows were exchanged, so its exchanges come first. */
static void solve(int n, const double *a, const int *pivot, double *b)
{
    for (int k = 0; k < n; k++) {
        double swap = b[k];
        b[k] = b[pivot[k]];
        b[pivot[k]] = swap;
    }
    for (int i = 1; i < n; i++) for (int j = 0; j < i; j++) b[i] -= a[i*n + j]*b[j];
    for (int i = n - 1; i >= 0; i--) {
        for (int j = i + 1; j < n; j++) b[i] -= a[i*n + j]*b[j];
        b[i] /= a[i*n + i];
    }
}

/* ---- Pairs ---- */

double convis_dot(int64_t n, const double *a, const double *b)
{
    double sum[4] = { 0 };
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) for (int j = 0; j < 4; j++) sum[j] += a[i + j]*b[i + j];
    for (; i < n; i++) sum[0] += a[i]*b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void shift(double *table, int most)
{
    for (int i = 1; i < most; i++) for (int j = 1; j < most; j++) table[(i - 1)*most + j - 1] = table[i*most + j];
}

void convis_pairs_add(convis_pairs *p, const double *s, const double *y)
{
    size_t bytes = (size_t)p->n*sizeof *s;
    if (p->count == p->most) {
        memmove(p->s, p->s + p->n, bytes*(size_t)(p->most - 1));
        memmove(p->y, p->y + p->n, bytes*(size_t)(p->most - 1));
        shift(p->sy, p->most);
        shift(p->ss, p->most);
        shift(p->yy, p->most);
        p->count--;
    }
    int k = p->count++, most = p->most;
    memcpy(p->s + k*p->n, s, bytes);
    memcpy(p->y + k*p->n, y, bytes);
    for (int i = 0; i <= k; i++) {
        p->sy[i*most + k] = convis_dot(p->n, p->s + i*p->n, y);
        p->sy[k*most + i] = convis_dot(p->n, s, p->y + i*p->n);
        p->ss[i*most + k] = p->ss[k*most + i] = convis_dot(p->n, p->s + i*p->n, s);
        p->yy[i*most + k] = p->yy[k*most + i] = convis_dot(p->n, p->y + i*p->n, y);
    }
    p->theta = p->yy[k*most + k]/p->sy[k*most + k];
}

static void fill_middle(const convis_pairs *p, double *a)
{
    int k = p->count, n = 2*k, most = p->most;
    memset(a, 0, (size_t)(n*n)*sizeof *a);
    for (int i = 0; i < k; i++) {
        a[i*n + i] = -p->sy[i*most + i];
        for (int j = 0; j < k; j++) {
            if (i > j) a[(k + i)*n + j] = a[j*n + k + i] = p->sy[i*most + j];
            a[(k + i)*n + k + j] = p->theta*p->ss[i*most + j];
        }
    }
}

/* W^T v, and the row of W that belongs to variable i. */
static void gather(const convis_pairs *p, const double *v, double *to)
{
    for (int j = 0; j < p->count; j++) {
        to[j] = convis_dot(p->n, p->y + j*p->n, v);
        to[p->count + j] = p->theta*convis_dot(p->n, p->s + j*p->n, v);
    }
}

static void row(const convis_pairs *p, int64_t i, double *to)
{
    for (int j = 0; j < p->count; j++) {
        to[j] = p->y[j*p->n + i];
        to[p->count + j] = p->theta*p->s[j*p->n + i];
    }
}

/* to += factor W u */
static void spread(const convis_pairs *p, const double *u, double by, double *to)
{
    for (int j = 0; j < p->count; j++) {
        const double *y = p->y + j*p->n, *s = p->s + j*p->n;
        double a = by*u[j], b = by*p->theta*u[p->count + j];
        for (int64_t i = 0; i < p->n; i++) to[i] += a*y[i] + b*s[i];
    }
}

/* ---- The bent path ---- */

typedef struct event { double at; int64_t variable; } event;     /* a variable meets its bound */

static int sooner(const void *a, const void *b)
{
    const event *u = a, *v = b;
    if (u->at != v->at) return u->at < v->at ? -1 : 1;
    return (u->variable > v->variable) - (u->variable < v->variable);
}

static double middle(const convis_pairs *p, const double *a, const double *b, double *work)      /* a . M b */
{
    memcpy(work, b, (size_t)(2*p->count)*sizeof *work);
    solve(2*p->count, p->m, p->pivot, work);
    return convis_dot(2*p->count, a, work);
}

/* to: the path's first minimum of the model; c = W^T (to - x). along: the direction, 0 where a variable has stopped. */
static void follow_path(convis_pairs *p, const double *x, const double *g, const double *low, const double *high, double *to,
                        double *along, event *events, double *c)
{
    int small = 2*p->count;
    double *d = c + 2*p->most, *w = d + 2*p->most, *work = w + 2*p->most;     /* d = W^T along */
    int64_t count = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double bound = g[i] < 0 ? high[i] : low[i];
        double at = g[i] == 0 ? INFINITY : (x[i] - bound)/g[i];
        to[i] = x[i];
        along[i] = at > 0 ? -g[i] : 0;
        if (at > 0 && at < INFINITY) events[count++] = (event){ at, i };
    }
    qsort(events, (size_t)count, sizeof *events, sooner);
    gather(p, along, d);
    memset(c, 0, (size_t)small*sizeof *c);
    double derivative = -convis_dot(p->n, along, along), bend = -p->theta*derivative - middle(p, d, d, work);
    double least = -p->theta*derivative*2.2e-16, time = 0;
    for (int64_t k = 0; k < count && derivative < 0; k++) {
        int64_t i = events[k].variable;
        double step = events[k].at - time;
        if (bend < least) bend = least;
        if (-derivative/bend < step) break;
        double gi = g[i], moved = (gi < 0 ? high[i] : low[i]) - x[i];
        time = events[k].at;
        to[i] = x[i] + moved;
        along[i] = 0;
        row(p, i, w);
        for (int j = 0; j < small; j++) c[j] += step*d[j];
        derivative += step*bend + gi*gi + p->theta*gi*moved - gi*middle(p, w, c, work);
        bend -= p->theta*gi*gi + 2*gi*middle(p, w, d, work) + gi*gi*middle(p, w, w, work);
        for (int j = 0; j < small; j++) d[j] += gi*w[j];
    }
    double step = derivative < 0 ? -derivative/(bend > least ? bend : least) : 0;
    for (int j = 0; j < small; j++) c[j] += step*d[j];
    for (int64_t i = 0; i < p->n; i++)
        if (along[i] != 0) to[i] = convis_within(x[i] + (time + step)*along[i], low[i], high[i]);
}

/* ---- The free variables ---- */

/* The sum over the free variables of w w^T, by those that are fewer: the free or the others. */
static void add_outer(const convis_pairs *p, double by, const double *w, double *a)
{
    int n = 2*p->count;
    for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) a[i*n + j] += by*w[i]*w[j];
}

static void free_outer(const convis_pairs *p, const double *to, const double *low, const double *high, double *w, double *a)
{
    int k = p->count, n = 2*k, most = p->most;
    int64_t fixed = 0;
    for (int64_t i = 0; i < p->n; i++) fixed += !(to[i] > low[i] && to[i] < high[i]);
    int few_fixed = fixed < p->n/2;
    memset(a, 0, (size_t)(n*n)*sizeof *a);
    for (int i = 0; few_fixed && i < k; i++)
        for (int j = 0; j < k; j++) {
            a[i*n + j] = p->yy[i*most + j];
            a[(k + i)*n + j] = a[j*n + k + i] = p->theta*p->sy[i*most + j];
            a[(k + i)*n + k + j] = p->theta*p->theta*p->ss[i*most + j];
        }
    for (int64_t i = 0; i < p->n; i++) {
        int is_free = to[i] > low[i] && to[i] < high[i];
        if (is_free == few_fixed) continue;
        row(p, i, w);
        add_outer(p, is_free ? 1 : -1, w, a);
    }
}

int convis_pairs_minimum(convis_pairs *p, const double *x, const double *g, const double *low, const double *high, double *to,
                         double *residual, double *step, void *events)
{
    int n = 2*p->count;
    double *c = p->small, *w = c + 4*p->most, *v = c + 6*p->most;
    fill_middle(p, p->m);
    memcpy(p->k, p->m, (size_t)(n*n)*sizeof *p->k);
    if (!factor(n, p->m, p->pivot)) return 0;
    follow_path(p, x, g, low, high, to, residual, events, c);

    /* The model's gradient there, over the free variables only. */
    memcpy(v, c, (size_t)n*sizeof *v);
    solve(n, p->m, p->pivot, v);
    for (int64_t i = 0; i < p->n; i++) residual[i] = g[i] + p->theta*(to[i] - x[i]);
    spread(p, v, -1, residual);
    for (int64_t i = 0; i < p->n; i++) if (!(to[i] > low[i] && to[i] < high[i])) residual[i] = 0;

    /* Its Newton step: by Sherman, Morrison and Woodbury a system of the small size. */
    free_outer(p, to, low, high, w, p->m);
    for (int i = 0; i < n*n; i++) p->k[i] -= p->m[i]/p->theta;
    if (!factor(n, p->k, p->pivot)) return 0;
    gather(p, residual, v);
    solve(n, p->k, p->pivot, v);
    for (int64_t i = 0; i < p->n; i++) step[i] = -residual[i]/p->theta;
    spread(p, v, -1/(p->theta*p->theta), step);

    double down = 0, longest = 1;
    for (int64_t i = 0; i < p->n; i++) {
        if (!(to[i] > low[i] && to[i] < high[i])) step[i] = 0;
        down += g[i]*(convis_within(to[i] + step[i], low[i], high[i]) - x[i]);
        double room = step[i] > 0 ? high[i] - to[i] : to[i] - low[i];
        if (fabs(step[i])*longest > room) longest = room/fabs(step[i]);
    }
    if (down < 0) longest = 1;
    for (int64_t i = 0; i < p->n; i++) to[i] = convis_within(to[i] + longest*step[i], low[i], high[i]);
    return 1;
}
