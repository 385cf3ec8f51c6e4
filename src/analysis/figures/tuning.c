/* tuning.c - tuning curves: rows of a direction in degrees and the responses to it, on polar and on straight axes.
 *
 * Directions turn from x towards y, which points down as rows do: 90 degrees are drawn downwards. The polar panel is
 * left out when the first column does not go round. */
#include "figure.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CURVES = 8 };

typedef struct tuning {
    const double *v;
    int64_t rows, columns;               /* columns: the direction, and a curve each */
    int     round;                       /* directions go all the way round */
    double  low, high;                   /* of the responses */
    char    label[CURVES][40];
} tuning;

/* ---- What is drawn ---- */

/* Sizes of 1 left out, (N, 1 + curves). */
static convis_status shape(convis_figure *f, const convis_array *a, tuning *t)
{
    int64_t size[8] = { 0 };
    int sizes = 0;
    for (int k = 0; k < a->dims; k++) if (a->dim[k] != 1) size[sizes++] = a->dim[k];
    if (sizes != 2 || size[1] < 2 || size[1] > CURVES + 1)
        return convis_fail(f->context, CONVIS_ESHAPE, "%s: expected two rows or more, each a direction and 1 to %d responses",
                           f->source, CURVES);
    t->v = a->data;
    t->rows = size[0];
    t->columns = size[1];
    t->low = t->high = 0;
    double least = INFINITY, most = -INFINITY;
    for (int64_t i = 0; i < t->rows*t->columns; i++) {
        const double v = t->v[i];
        if (!isfinite(v))
            return convis_fail(f->context, CONVIS_EFORMAT, "%s: row %lld is not of finite numbers", f->source, (long long)(i/t->columns));
        if (i%t->columns) { t->low = fmin(t->low, v); t->high = fmax(t->high, v); }
        else { least = fmin(least, v); most = fmax(most, v); }
    }
    t->round = least >= -360 && most <= 360 && t->rows >= 4 && (most - least)*(double)t->rows/(double)(t->rows - 1) >= 359;
    if (!(t->high > t->low)) t->high = t->low + 1;
    return CONVIS_OK;
}

/* Lines of direction and responses. */
static convis_status write_rows(convis_figure *f, const tuning *t)
{
    FILE *out = convis_figure_data(f, "tuning.dat");
    if (!out) return CONVIS_EIO;
    fputs("# direction (degrees), responses\n", out);
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t k = 0; k < t->columns; k++)
            fprintf(out, "%.9g%c", t->v[i*t->columns + k], k < t->columns - 1 ? ' ' : '\n');
    return convis_figure_done(f, out, "tuning.dat");
}

/* The same as points of the plane, a block a curve, closed. Below 0 there is no radius. */
static convis_status write_points(convis_figure *f, const tuning *t)
{
    FILE *out = convis_figure_data(f, "polar.dat");
    if (!out) return CONVIS_EIO;
    for (int64_t k = 1; k < t->columns; k++) {
        fprintf(out, "%s# curve %lld: rightwards, upwards\n", k > 1 ? "\n\n" : "", (long long)k);
        for (int64_t i = 0; i <= t->rows; i++) {
            const double *row = t->v + i%t->rows*t->columns, angle = row[0]*3.14159265358979323846/180, r = fmax(row[k], 0);
            fprintf(out, "%.9g %.9g\n", r*cos(angle), -r*sin(angle));
        }
    }
    return convis_figure_done(f, out, "polar.dat");
}

/* ---- The script ---- */

static void write_curves(FILE *s, const tuning *t, const char *file, int polar)
{
    fputs("plot ", s);
    for (int k = 0; k < t->columns - 1; k++) {
        fprintf(s, "%s'%s' ", k ? ", \\\n     " : "", file);
        if (polar) fprintf(s, "index %d using 1:2", k);
        else fprintf(s, "using 1:%d", k + 2);
        fprintf(s, " with linespoints linewidth 1.2 pointtype 7 pointsize 0.35 linecolor '%s' title ", convis_figure_color(k));
        convis_figure_quote(s, polar ? "" : t->label[k]);
    }
    fputc('\n', s);
}

/* Circles at round numbers and two axes, instead of gnuplot's polar mode, whose angles turn the other way. */
static void write_polar(convis_figure *f, const tuning *t, double left, double right, double low, double high)
{
    static const struct { int x, y; const char *name; } ENDS[] = { { 1, 0, "0°" }, { 0, -1, "90°" }, { -1, 0, "180°" }, { 0, 1, "270°" } };
    const double step = convis_figure_step(t->high, 3), reach = t->high*1.05, edge = 1.25*reach;
    FILE *s = f->script;
    convis_figure_panel(f, left, right, low, high);
    fprintf(s, "unset border\nunset xtics\nunset ytics\nset xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n", -edge, edge, -edge,
            edge);
    int circle = 1;
    for (double r = step; r < t->high*1.0001; r += step, circle++)
        fprintf(s, "set object %d circle at first 0,0 size first %.9g fillstyle empty border linecolor '#c8c8c8' "
                "linewidth 0.5 back\nset label %d '%.4g' at first %.9g,%.9g center font small textcolor '#707070'\n",
                circle, r, 20 + circle, r, r*cos(.39), r*sin(.39));
    for (int k = 0; k < 4; k++)
        fprintf(s, "set arrow %d from first 0,0 to first %.9g,%.9g nohead linewidth 0.5 linecolor '#c8c8c8' back\n"
                   "set label %d '%s' at first %.9g,%.9g center font small\n", k + 1, reach*ENDS[k].x, reach*ENDS[k].y, 40 + k,
                ENDS[k].name, 1.14*reach*ENDS[k].x, 1.12*reach*ENDS[k].y);
    write_curves(s, t, "polar.dat", 1);
    fputs("unset object\nunset label\nunset arrow\nset border 3 linewidth 0.75\n", s);
}

static void write_straight(convis_figure *f, const tuning *t, double left, double right, double low, double high)
{
    FILE *s = f->script;
    const double room = .05*(t->high - t->low), first = t->v[0], last = t->v[(t->rows - 1)*t->columns];
    convis_figure_panel(f, left, right, low, high);
    convis_figure_axes(f, left, right, low, high, "direction (degrees)", "response");
    fprintf(s, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n", fmin(first, last), fmax(first, last),
            t->low < 0 ? t->low - room : 0, t->high + room);
    fputs(t->round ? "set xtics out nomirror 90\n" : "set xtics out nomirror autofreq\n", s);
    fputs("set ytics out nomirror autofreq\nset xzeroaxis linetype 1 linewidth 0.5 linecolor '#b0b0b0'\n", s);
    fprintf(s, "set key at screen %.5f,%.5f right top horizontal Left reverse samplen 1.2 width 1\n", right/f->width,
            (high + 18)/f->height);
    write_curves(s, t, "tuning.dat", 0);
}

static void write_script(convis_figure *f, const tuning *t)
{
    convis_figure_begin(f, t->round ? 560 : 380, 270);
    const double above = f->options->title ? 50 : 26, low = 42, high = f->height - above,
                 side = fmin(high - low + 24, f->width*.45);
    const double middle = low + (high - low)/2;
    fputs("set multiplot\n", f->script);
    convis_figure_title(f, t->round ? 20 : 60);
    if (t->round) write_polar(f, t, 12, 12 + side, middle - side/2, middle + side/2);
    write_straight(f, t, t->round ? 12 + side + 62 : 60, f->width - 16, low, high);
    fputs("unset multiplot\n", f->script);
}

convis_status convis_figure_tuning(convis_figure *f)
{
    convis_array a = { .data = NULL };
    tuning t = { .v = NULL };
    convis_status s = convis_array_read(f->context, f->source, &a);
    if (!s) s = shape(f, &a, &t);
    for (int k = 0; k < CURVES; k++) convis_figure_listed(f->options->labels, k, t.label[k], sizeof t.label[k]);
    if (!s) s = write_rows(f, &t);
    if (!s && t.round) s = write_points(f, &t);
    if (!s) write_script(f, &t);
    convis_array_free(&a);
    return s;
}
