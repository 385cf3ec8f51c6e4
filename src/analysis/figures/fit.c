/* fit.c - how good a fit is: prediction beside response over time, and the nonlinearity that was found.
 *
 * Both are drawn from an array (T, 3, N) that `convis fit --report` writes: for every frame and unit the input of the
 * last layer if that is static (else NaN), the prediction, and what was recorded (NaN where nothing was). */
#include "figure.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT, PREDICTED, RECORDED, ROWS };
enum { PANELS = 4, BINS = 24, LONGEST = 2000 };

static double value(const convis_array *a, int64_t t, int row, int64_t unit)
{
    return a->data[(t*ROWS + row)*a->dim[2] + unit];
}

static convis_status read_fit(convis_figure *f, convis_array *a)
{
    convis_status s = convis_array_read(f->context, f->source, a);
    if (s) return s;
    if (a->dims == 3 && a->dim[0] > 1 && a->dim[1] == ROWS && a->dim[2] > 0) return CONVIS_OK;
    convis_array_free(a);
    return convis_fail(f->context, CONVIS_ESHAPE, "%s: expected an array (T, %d, N) as 'convis fit --report' writes it",
                       f->source, ROWS);
}

/* Pearson's correlation of prediction and response over frames first..last - 1; NaN when there is none. */
static double correlation(const convis_array *a, int64_t first, int64_t last, int64_t unit)
{
    double n = 0, p = 0, r = 0, pp = 0, rr = 0, pr = 0;
    for (int pass = 0; pass < 2; pass++) {
        const double mp = pass ? p/n : 0, mr = pass ? r/n : 0;
        for (int64_t t = first; t < last; t++) {
            const double x = value(a, t, PREDICTED, unit) - mp, y = value(a, t, RECORDED, unit) - mr;
            if (isnan(y)) continue;
            if (!pass) { n++; p += x; r += y; }
            else { pp += x*x; rr += y*y; pr += x*y; }
        }
    }
    return pr/sqrt(pp*rr);
}

/* ---- Prediction and response ---- */

/* The frames drawn, two or more: what the options say, else the end, as far as a figure of this width shows single frames. */
static convis_status choose_window(const convis_figure *f, const convis_array *a, int64_t *first, int64_t *last)
{
    const convis_plot_options *o = f->options;
    const double dt = o->dt > 0 ? o->dt : 1, frames = (double)a->dim[0], from = o->from/dt, to = o->to > 0 ? o->to/dt : INFINITY;
    const char *unit = o->dt > 0 ? "s" : "frames";
    if (from >= frames)
        return convis_fail(f->context, CONVIS_EINVAL, "%s: nothing after %g %s, it ends at %g %s", f->source, o->from, unit,
                           frames*dt, unit);
    *first = (int64_t)from;
    *last = to < frames ? (int64_t)ceil(to) : a->dim[0];
    if (*last - *first < 2) *first = *last > 2 ? *last - 2 : 0;
    if (*last - *first < 2) *last = *first + 2;
    if (*last - *first > LONGEST) {
        if (o->from > 0) *last = *first + LONGEST;
        else *first = *last - LONGEST;
    }
    if (!(o->from > 0) && !(o->to > 0) && *last - *first > 500) *first = *last - 500;
    return CONVIS_OK;
}

static convis_status write_courses(convis_figure *f, const convis_array *a, int64_t first, int64_t last, double scale, int panels)
{
    FILE *out = convis_figure_data(f, "courses.dat");
    if (!out) return CONVIS_EIO;
    fputs("# time, and of each unit prediction and response\n", out);
    for (int64_t t = first; t < last; t++) {
        fprintf(out, "%.9g", (double)t*scale);
        for (int u = 0; u < panels; u++) fprintf(out, " %.9g %.9g", value(a, t, PREDICTED, u), value(a, t, RECORDED, u));
        fputc('\n', out);
    }
    return convis_figure_done(f, out, "courses.dat");
}

static void write_prediction(convis_figure *f, const convis_array *a, int64_t first, int64_t last, double scale, int panels)
{
    const double left = 62, high = 110, gap = 26, bottom = 40;
    const double span = (double)(last - first)*(f->options->dt > 0 ? f->options->dt : 1), above = f->options->title ? 46 : 30;
    convis_figure_begin(f, 640, bottom + panels*high + (panels - 1)*gap + above);
    FILE *s = f->script;
    const double right = f->width - 14, each = (f->height - bottom - above - (panels - 1)*gap)/panels;
    convis_figure_title(f, left);
    fprintf(s, "set multiplot\nset xrange [%.9g:%.9g]\nset xzeroaxis linetype 1 linewidth 0.5 linecolor '#b0b0b0'\n"
            "set format x ''\n",
            (double)first*scale, (double)(last - 1)*scale);
    for (int u = 0; u < panels; u++) {
        const double y = bottom + (panels - 1 - u)*(each + gap), r = correlation(a, first, last, u);
        convis_figure_panel(f, left, right, y, y + each);
        fputs("unset label\n", s);
        if (u == 0) convis_figure_title(f, left);
        if (u == panels - 1) {
            fputs("set format x '%g'\n", s);
            convis_figure_axes(f, left, right, y, y + each, !(f->options->dt > 0) ? "frame" : span <= 2 ? "time (ms)" : "time (s)", NULL);
        }
        if (isnan(r)) fprintf(s, "set label 20 'unit %d' at graph 0,1 offset 0,0.6 left\n", u);
        else fprintf(s, "set label 20 'unit %d, correlation %.3f' at graph 0,1 offset 0,0.6 left\n", u, r);
        if (u == 0)
            fprintf(s, "set key at screen %.5f,%.5f right top horizontal Left reverse samplen 1.2 width 1\n", right/f->width,
                    (y + each + 18)/f->height);
        else fputs("unset key\n", s);
        fprintf(s,
                "plot 'courses.dat' using 1:%d with lines linewidth 1 linecolor '#9a9a9a' title 'recorded', "
                "'' using 1:%d with lines linewidth 1.3 linecolor '%s' title 'model'\n",
                2*u + 3, 2*u + 2, convis_figure_color(0));
    }
    fputs("unset multiplot\n", s);
}

convis_status convis_figure_prediction(convis_figure *f)
{
    convis_array a = { 0 };
    int64_t first = 0, last = 0;
    convis_status s = read_fit(f, &a);
    if (s) return s;
    s = choose_window(f, &a, &first, &last);
    const double dt = f->options->dt, scale = !s && dt > 0 ? dt*convis_figure_time_scale((double)(last - first)*dt) : 1;
    const int panels = a.dim[2] < PANELS ? (int)a.dim[2] : PANELS;
    if (!s) s = write_courses(f, &a, first, last, scale, panels);
    if (!s) write_prediction(f, &a, first, last, scale, panels);
    convis_array_free(&a);
    return s;
}

/* ---- Nonlinearity ---- */

typedef struct sample { double input, predicted, recorded; } sample;

static int by_input(const void *a, const void *b)
{
    const double x = ((const sample *)a)->input, y = ((const sample *)b)->input;
    return (x > y) - (x < y);
}

/* As many samples in each bin; a line a bin: input, prediction, mean recorded response and its standard error. */
static void write_bins(FILE *out, const sample *v, int64_t count)
{
    const int64_t bins = count < 4*BINS ? (count + 3)/4 : BINS;
    for (int64_t k = 0; k < bins; k++) {
        const int64_t first = k*count/bins, last = (k + 1)*count/bins;
        double n = (double)(last - first), x = 0, p = 0, r = 0, rr = 0;
        for (int64_t i = first; i < last; i++) { x += v[i].input; p += v[i].predicted; r += v[i].recorded; }
        for (int64_t i = first; i < last; i++) rr += (v[i].recorded - r/n)*(v[i].recorded - r/n);
        fprintf(out, "%.9g %.9g %.9g %.9g\n", x/n, p/n, r/n, n > 1 ? sqrt(rr/(n - 1)/n) : 0);
    }
    fputs("\n\n", out);
}

static convis_status write_nonlinearity_data(convis_figure *f, const convis_array *a, int panels)
{
    FILE *out = convis_figure_data(f, "nonlinearity.dat");
    sample *v = convis_obtain(f->context, (size_t)a->dim[0]*sizeof *v);
    convis_status s = !out ? CONVIS_EIO : !v ? CONVIS_ENOMEM : CONVIS_OK;
    if (!s) fputs("# a block a unit: input of the static layer, prediction, mean recorded response, its standard error\n", out);
    for (int u = 0; u < panels && !s; u++) {
        int64_t count = 0;
        for (int64_t t = 0; t < a->dim[0]; t++) {
            v[count] = (sample){ value(a, t, INPUT, u), value(a, t, PREDICTED, u), value(a, t, RECORDED, u) };
            count += !isnan(v[count].input) && !isnan(v[count].recorded);
        }
        if (!count)
            s = convis_fail(f->context, CONVIS_EINVAL, "%s: there is no input of a static layer for unit %d", f->source, u);
        else qsort(v, (size_t)count, sizeof *v, by_input);
        if (!s) write_bins(out, v, count);
    }
    convis_release(f->context, v);
    convis_status end = out ? convis_figure_done(f, out, "nonlinearity.dat") : CONVIS_OK;
    return s ? s : end;
}

static void write_nonlinearity(convis_figure *f, int panels)
{
    const double wide = 190, left = 58, gap = 48, bottom = 42, above = f->options->title ? 50 : 34;
    convis_figure_begin(f, left + panels*wide + (panels - 1)*gap + 16, bottom + 180 + above);
    FILE *s = f->script;
    const double each = (f->width - left - 16 - (panels - 1)*gap)/panels;
    fputs("set multiplot\n", s);
    for (int u = 0; u < panels; u++) {
        const double x = left + u*(each + gap);
        convis_figure_panel(f, x, x + each, bottom, f->height - above);
        fputs("unset label\n", s);
        if (u == 0) convis_figure_title(f, left);
        convis_figure_axes(f, x, x + each, bottom, f->height - above, "input of the nonlinearity", u ? NULL : "response");
        fprintf(s, "set label 20 'unit %d' at graph 0,1 offset 0,0.6 left\n", u);
        if (u == panels - 1) fprintf(s, "set key at graph 0.02,0.98 left top Left reverse samplen 1.2 width 1\n");
        fprintf(s, "plot 'nonlinearity.dat' index %d using 1:3:4 with yerrorbars pointtype 7 pointsize 0.35 linewidth 0.7 "
                   "linecolor '#808080' title 'recorded', '' index %d using 1:2 with lines linewidth 1.5 linecolor '%s' title 'model'\n",
                u, u, convis_figure_color(0));
    }
    fputs("unset multiplot\n", s);
}

convis_status convis_figure_nonlinearity(convis_figure *f)
{
    convis_array a = { 0 };
    convis_status s = read_fit(f, &a);
    if (s) return s;
    const int panels = a.dim[2] < PANELS ? (int)a.dim[2] : PANELS;
    s = write_nonlinearity_data(f, &a, panels);
    if (!s) write_nonlinearity(f, panels);
    convis_array_free(&a);
    return s;
}
