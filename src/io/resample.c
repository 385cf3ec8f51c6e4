/* resample.c - a frame of one size made into another, one axis after the other.
 *
 * Shrinking by s = n/m > 1:   out[j] = 1/s * integral of in over [j s, (j+1) s)       (area mean: no aliasing)
 * Growing:                    out[j] = linear interpolation at x = (j + 1/2) n/m - 1/2, clamped to the border
 *
 * Both are a short weighted sum per output pixel, so each axis is a table: first tap, number of taps, weights. */
#include "frames.h"
#include <math.h>

typedef struct axis {
    int64_t in, out, taps;           /* taps: the most that any output pixel has */
    int64_t *first;
    convis_real *weight;             /* [out][taps]; unused ones are 0 and stay inside the source */
} axis;

struct convis_resample { axis x, y; convis_real *rows; };    /* rows: one intermediate frame, y->in rows of x->out */

static int axis_open(convis_context *c, int64_t in, int64_t out, axis *a)
{
    const double s = (double)in/(double)out;
    *a = (axis){ in, out, s > 1 ? (int64_t)ceil(s) + 1 : 2, NULL, NULL };
    if (a->taps > in) a->taps = in;
    a->first  = convis_obtain(c, (size_t)out*sizeof *a->first);
    a->weight = convis_obtain(c, (size_t)(out*a->taps)*sizeof *a->weight);
    if (!a->first || !a->weight) return 0;
    for (int64_t j = 0; j < out; j++) {
        convis_real *w = a->weight + j*a->taps;
        const double from = s > 1 ? (double)j*s : fmin(fmax(((double)j + .5)*s - .5, 0), (double)in - 1);
        const double to   = s > 1 ? (double)(j + 1)*s : from;
        int64_t first = (int64_t)from;
        if (first > in - a->taps) first = in - a->taps;
        a->first[j] = first;
        double total = 0;
        for (int64_t t = 0; t < a->taps; t++) {
            const double p = (double)(first + t);
            const double v = s > 1 ? fmax(0, fmin(to, p + 1) - fmax(from, p)) : fmax(0, 1 - fabs(from - p));
            w[t] = (convis_real)v;
            total += v;
        }
        for (int64_t t = 0; t < a->taps; t++) w[t] = (convis_real)((double)w[t]/total);
    }
    return 1;
}

convis_status convis_resample_open(convis_context *c, int64_t width, int64_t height, int64_t to_width, int64_t to_height,
                                   convis_resample **out)
{
    convis_resample *r = *out = convis_obtain(c, sizeof *r);
    if (!r) return CONVIS_ENOMEM;
    if (axis_open(c, width, to_width, &r->x) && axis_open(c, height, to_height, &r->y)
        && (r->rows = convis_obtain(c, (size_t)(height*to_width)*sizeof *r->rows))) return CONVIS_OK;
    convis_resample_close(c, out);
    return CONVIS_ENOMEM;
}

void convis_resample_run(const convis_resample *r, const convis_real *in, convis_real *out)
{
    const axis *x = &r->x, *y = &r->y;
    for (int64_t v = 0; v < y->in; v++)
        for (int64_t j = 0; j < x->out; j++) {
            const convis_real *w = x->weight + j*x->taps, *p = in + v*x->in + x->first[j];
            convis_real sum = 0;
            for (int64_t t = 0; t < x->taps; t++) sum += w[t]*p[t];
            r->rows[v*x->out + j] = sum;
        }
    for (int64_t j = 0; j < y->out; j++) {
        convis_real *o = out + j*x->out;
        for (int64_t u = 0; u < x->out; u++) o[u] = 0;
        for (int64_t t = 0; t < y->taps; t++) {
            const convis_real w = y->weight[j*y->taps + t], *p = r->rows + (y->first[j] + t)*x->out;
            for (int64_t u = 0; u < x->out; u++) o[u] += w*p[u];
        }
    }
}

void convis_resample_close(convis_context *c, convis_resample **resample)
{
    convis_resample *r = *resample;
    if (!r) return;
    convis_release(c, r->x.first);  convis_release(c, r->x.weight);
    convis_release(c, r->y.first);  convis_release(c, r->y.weight);
    convis_release(c, r->rows);
    convis_release(c, r);
    *resample = NULL;
}
