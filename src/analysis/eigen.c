/* eigen.c - eigenvalues of small symmetric matrices: Householder's reduction to tridiagonal form, then the QL method with
 * implicit shifts (Bowdler, Martin, Reinsch and Wilkinson 1968); extremes of a tridiagonal matrix by Sturm's counts. */
#include "eigen.h"
#include <float.h>
#include <math.h>

/* Row i is reflected onto its last element left of the diagonal, from the last row to the second; a holds the reflections, then
 * their product. */
static void reduce(int n, double *a, double *d, double *e)
{
    for (int i = n - 1; i > 0; i--) {
        double *u = a + i*n, scale = 0, h = 0;
        for (int k = 0; k < i; k++) scale += fabs(u[k]);
        e[i] = u[i - 1];
        d[i] = 0;
        if (i == 1 || !(scale > 0)) continue;
        for (int k = 0; k < i; k++) { u[k] /= scale; h += u[k]*u[k]; }
        const double f = u[i - 1], g = f > 0 ? -sqrt(h) : sqrt(h);
        e[i] = scale*g;
        h -= f*g;
        u[i - 1] = f - g;
        double sum = 0;
        for (int j = 0; j < i; j++) {                    /* p = A u / h, in e */
            double p = 0;
            for (int k = 0; k <= j; k++) p += a[j*n + k]*u[k];
            for (int k = j + 1; k < i; k++) p += a[k*n + j]*u[k];
            e[j] = p/h;
            sum += e[j]*u[j];
        }
        for (int j = 0; j < i; j++) e[j] -= sum/(2*h)*u[j];
        for (int j = 0; j < i; j++)
            for (int k = 0; k <= j; k++) a[j*n + k] -= u[j]*e[k] + e[j]*u[k];
        for (int k = 0; k < i; k++) a[k*n + i] = u[k]/h;
        d[i] = h;
    }
    d[0] = e[0] = 0;
    for (int i = 0; i < n; i++) {                        /* the product of the reflections, smallest first */
        const double *u = a + i*n;
        if (d[i] != 0)
            for (int j = 0; j < i; j++) {
                double g = 0;
                for (int k = 0; k < i; k++) g += u[k]*a[k*n + j];
                for (int k = 0; k < i; k++) a[k*n + j] -= g*a[k*n + i];
            }
        d[i] = a[i*n + i];
        a[i*n + i] = 1;
        for (int k = 0; k < i; k++) a[k*n + i] = a[i*n + k] = 0;
    }
}

/* Columns of a become rows: QL turns pairs of them, which should lie side by side. */
static void transpose(int n, double *a)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++) { const double t = a[i*n + k]; a[i*n + k] = a[k*n + i]; a[k*n + i] = t; }
}

/* Without overflow, as hypot(3), which glibc has in versions of which older machines lack the newer. */
static double length(double x, double y)
{
    const double a = fmax(fabs(x), fabs(y)), b = fmin(fabs(x), fabs(y)), part = b > 0 ? b/a : 0;
    return a*sqrt(1 + part*part);
}

static int diagonalise(int n, double *a, double *d, double *e)
{
    for (int i = 1; i < n; i++) e[i - 1] = e[i];
    e[n - 1] = 0;
    for (int l = 0; l < n; l++)
        for (int iteration = 0, m; ; iteration++) {
            for (m = l; m < n - 1; m++)
                if (fabs(e[m]) <= DBL_EPSILON*(fabs(d[m]) + fabs(d[m + 1]))) break;
            if (m == l) break;
            if (iteration == 60) return 0;
            double g = (d[l + 1] - d[l])/(2*e[l]), r = length(g, 1), s = 1, c = 1, p = 0;
            g = d[m] - d[l] + e[l]/(g + copysign(r, g));
            int i = m - 1;
            for (; i >= l; i--) {
                const double f = s*e[i], b = c*e[i];
                e[i + 1] = r = length(f, g);
                if (!(r > 0)) { d[i + 1] -= p; e[m] = 0; break; }
                s = f/r;
                c = g/r;
                g = d[i + 1] - p;
                r = (d[i] - g)*s + 2*c*b;
                p = s*r;
                d[i + 1] = g + p;
                g = c*r - b;
                double *v = a + i*n, *w = v + n;
                for (int k = 0; k < n; k++) {
                    const double t = w[k];
                    w[k] = s*v[k] + c*t;
                    v[k] = c*v[k] - s*t;
                }
            }
            if (i >= l) continue;
            d[l] -= p;
            e[l] = g;
            e[m] = 0;
        }
    return 1;
}

static void sort(int n, double *a, double *d)
{
    for (int i = 0; i < n - 1; i++) {
        int least = i;
        for (int k = i + 1; k < n; k++) if (d[k] < d[least]) least = k;
        if (least == i) continue;
        double t = d[i];
        d[i] = d[least];
        d[least] = t;
        for (int k = 0; k < n; k++) { t = a[i*n + k]; a[i*n + k] = a[least*n + k]; a[least*n + k] = t; }
    }
}

int convis_eigen(int n, double *a, double *value, double *spare)
{
    if (n < 1) return 1;
    reduce(n, a, value, spare);
    transpose(n, a);
    if (!diagonalise(n, a, value, spare)) return 0;
    sort(n, a, value);
    return 1;
}

/* ---- Extremes ---- */

/* How many eigenvalues are below x: the signs of the pivots. */
static int below(int n, const double *d, const double *e, double x)
{
    int count = 0;
    double q = 1;
    for (int k = 0; k < n; k++) {
        q = d[k] - x - (k ? e[k - 1]*e[k - 1]/q : 0);
        if (q == 0) q = -DBL_MIN;
        count += q < 0;
    }
    return count;
}

/* The least x with at least `count` eigenvalues below it, between bounds that hold them all. */
static double bisect(int n, const double *d, const double *e, int count, double low, double high)
{
    for (int iteration = 0; iteration < 200; iteration++) {
        const double middle = low + (high - low)/2;
        if (!(middle > low && middle < high)) break;
        if (below(n, d, e, middle) >= count) high = middle;
        else low = middle;
    }
    return low + (high - low)/2;
}

void convis_eigen_extremes(int n, const double *d, const double *e, double *low, double *high)
{
    double least = INFINITY, most = -INFINITY;           /* Gershgorin's circles */
    for (int k = 0; k < n; k++) {
        const double reach = (k ? fabs(e[k - 1]) : 0) + (k < n - 1 ? fabs(e[k]) : 0);
        least = fmin(least, d[k] - reach);
        most = fmax(most, d[k] + reach);
    }
    *low = bisect(n, d, e, 1, least, most);
    *high = bisect(n, d, e, n, least, most);
}
