/* traces.c - the course of chosen pixels of a map over time. */
#include "figure.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS = 8, POINTS = 20000 };

typedef struct traces {
    const convis_figure_film *film;
    FILE   *out;
    int     count;
    int64_t x[PIXELS], y[PIXELS];
    const char *what[PIXELS];            /* "centre", "most_active", or "" */
    double *mean, *square;               /* per pixel, to find the most_active */
    int64_t seen, bucket, filled;        /* frames of a bucket that is drawn as its least and its most */
    double  low[PIXELS], high[PIXELS], scale;
} traces;

/* ---- Which pixels ---- */

static int add_pixel(traces *t, int64_t x, int64_t y, const char *what)
{
    for (int k = 0; k < t->count; k++)
        if (t->x[k] == x && t->y[k] == y) return 1;
    if (t->count == PIXELS) return 0;
    t->x[t->count] = x;
    t->y[t->count] = y;
    t->what[t->count++] = what;
    return 1;
}

static convis_status read_pixels(convis_figure *f, traces *t)
{
    for (const char *p = f->options->pixels; *(p += strspn(p, " ;\t")); ) {
        char *comma, *end;
        long long x = strtoll(p, &comma, 10), y = comma > p && *comma == ',' ? strtoll(comma + 1, &end, 10) : -1;
        if (comma == p || *comma != ',' || end == comma + 1 || (*end && !strchr(" ;\t", *end)))
            return convis_fail(f->context, CONVIS_EINVAL, "pixels '%s': expected x,y x,y ...", f->options->pixels);
        if (x < 0 || y < 0 || x >= t->film->width || y >= t->film->height)
            return convis_fail(f->context, CONVIS_EINVAL, "%s: pixel %lld,%lld is outside the map of %lld x %lld", f->source, x,
                               y, (long long)t->film->width, (long long)t->film->height);
        if (!add_pixel(t, x, y, ""))
            return convis_fail(f->context, CONVIS_EINVAL, "pixels '%s': at most %d", f->options->pixels, PIXELS);
        p = end;
    }
    return t->count ? CONVIS_OK : convis_fail(f->context, CONVIS_EINVAL, "pixels '%s': expected x,y x,y ...", f->options->pixels);
}

/* Welford's running mean and sum of squares. */
static int watch(void *user, const convis_real *frame, int64_t index)
{
    traces *t = user;
    int64_t n = t->film->width*t->film->height;
    (void)index;
    t->seen++;
    for (int64_t i = 0; i < n; i++) {
        double d = (double)frame[i] - t->mean[i];
        t->mean[i] += d/(double)t->seen;
        t->square[i] += d*((double)frame[i] - t->mean[i]);
    }
    return 1;
}

static convis_status find_pixels(convis_figure *f, traces *t)
{
    const convis_figure_film *m = t->film;
    int64_t n = m->width*m->height, most_active = 0;
    t->mean = convis_obtain(f->context, (size_t)n*sizeof(double));
    t->square = convis_obtain(f->context, (size_t)n*sizeof(double));
    if (!t->mean || !t->square) return CONVIS_ENOMEM;
    convis_status s = convis_figure_film_each(f, m, watch, t);
    if (s) return s;
    for (int64_t i = 1; i < n; i++)
        if (t->square[i] > t->square[most_active]) most_active = i;
    add_pixel(t, m->width/2, m->height/2, "centre");
    add_pixel(t, most_active%m->width, most_active/m->width, "most_active");
    return CONVIS_OK;
}

/* ---- What they do ---- */

/* One line a frame; of long recordings two a bucket, its least and its most, so that no peak is lost. */
static int follow(void *user, const convis_real *frame, int64_t index)
{
    traces *t = user;
    if (t->filled == 0)
        for (int k = 0; k < t->count; k++) { t->low[k] = INFINITY; t->high[k] = -INFINITY; }
    for (int k = 0; k < t->count; k++) {
        double v = (double)frame[t->y[k]*t->film->width + t->x[k]];
        t->low[k] = fmin(t->low[k], v);
        t->high[k] = fmax(t->high[k], v);
    }
    if (++t->filled < t->bucket && index < t->film->first + t->film->count - 1) return 1;
    for (int twice = 0; twice < (t->bucket > 1 ? 2 : 1); twice++) {
        fprintf(t->out, "%.9g", (double)(index - t->filled + 1 + (twice ? t->filled/2 : 0))*t->scale);
        for (int k = 0; k < t->count; k++) fprintf(t->out, " %.9g", twice ? t->high[k] : t->low[k]);
        fputc('\n', t->out);
    }
    t->filled = 0;
    return 1;
}

static void write_script(convis_figure *f, const traces *t)
{
    const convis_figure_film *m = t->film;
    double span = (double)m->count*(m->dt > 0 ? m->dt : 1), left = 62;
    convis_figure_begin(f, 640, 320);
    FILE *s = f->script;
    double right = f->width - 14, top = f->height - (f->options->title ? 44 : 28);
    convis_figure_title(f, left);
    convis_figure_panel(f, left, right, 40, top);
    if (m->count > 1)
        fprintf(s, "set xrange [%.9g:%.9g]\n", (double)m->first*t->scale, (double)(m->first + m->count - 1)*t->scale);
    convis_figure_axes(f, left, right, 40, top, !(m->dt > 0) ? "frame" : span <= 2 ? "time (ms)" : "time (s)", m->label);
    /* A thin line at zero where the values pass it. */
    fputs("set xzeroaxis linetype 1 linewidth 0.5 linecolor '#b0b0b0'\n", s);
    fprintf(s, "set key at screen %.5f,%.5f right top horizontal Left reverse samplen 1.2 width 1\n", right/f->width,
            (top + 16)/f->height);
    fputs("plot ", s);
    for (int k = 0; k < t->count; k++)
        fprintf(s, "%s'traces.dat' using 1:%d with lines linewidth 1.1 linecolor '%s' title '%s%s(%lld, %lld)'",
                k ? ", \\\n     " : "", k + 2, convis_figure_color(k), t->what[k], *t->what[k] ? " " : "", (long long)t->x[k],
                (long long)t->y[k]);
    fputc('\n', s);
}

convis_status convis_figure_traces(convis_figure *f)
{
    convis_figure_film film;
    traces t = { 0 };
    convis_status s = convis_figure_film_open(f, &film);
    if (s) return s;
    t.film = &film;
    t.bucket = (2*film.count + POINTS - 1)/POINTS;
    if (film.count <= POINTS) t.bucket = 1;
    t.scale = film.dt > 0 ? film.dt*convis_figure_time_scale((double)film.count*film.dt) : 1;
    s = f->options->pixels ? read_pixels(f, &t) : find_pixels(f, &t);
    convis_release(f->context, t.mean);
    convis_release(f->context, t.square);
    if (s) return s;
    t.out = convis_figure_data(f, "traces.dat");
    if (!t.out) return CONVIS_EIO;
    fputs("# time, value of each pixel\n", t.out);
    s = convis_figure_film_each(f, &film, follow, &t);
    convis_status end = convis_figure_done(f, t.out, "traces.dat");
    if (!s) s = end;
    if (!s) write_script(f, &t);
    return s;
}
