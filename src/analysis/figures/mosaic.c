/* mosaic.c - where the cells are, a panel a layer; with spikes, coloured by mean rate. */
#include "figure.h"
#include "analysis/spacing.h"
#include <math.h>
#include <string.h>

enum { CELLS_PIXELS = 250000, CELLS_VECTOR = 20000, COLUMNS = 4 };

/* Cells are discs whose diameter is a part of the local spacing: dense where the mosaic is dense. Where they are too small
 * for gaps between them to be seen they touch, so that colours are not diluted. `larger`: by what spacings grow when cells
 * are left out. */
static convis_status write_cells(convis_figure *f, const convis_figure_recording *r, const unsigned char *chosen,
                                 const double *spacing, double dot, double larger)
{
    FILE *out = convis_figure_data(f, "cells.dat");
    if (!out) return CONVIS_EIO;
    double span = r->to - r->from;
    for (int k = 0; k < r->layers; k++) {
        fprintf(out, "# %s: x, y (degrees), radius, spikes/s\nNaN NaN NaN NaN\n", r->label[k]);
        for (int64_t u = 0; u < r->cells; u++) {
            const convis_cell *c = r->cell + u;
            if (c->layer != r->layer[k] || !chosen[u]) continue;
            double apart = larger*spacing[u], radius = apart > 0 ? apart*(.38 + .24*fmax(0, 1 - apart/(.35*dot))) : dot;
            fprintf(out, "%.7g %.7g %.4g %.6g\n", c->x, c->y, radius, (double)r->spikes_of[u]/span);
        }
        fputs("\n\n", out);
    }
    return convis_figure_done(f, out, "cells.dat");
}

typedef struct field { double x0, x1, y0, y1; } field;      /* degrees that the panels show */

static field find_field(const convis_figure_recording *r, const double *spacing)
{
    field a = { INFINITY, -INFINITY, INFINITY, -INFINITY };
    double margin = 0;
    for (int64_t u = 0; u < r->cells; u++) {
        const convis_cell *c = r->cell + u;
        a.x0 = fmin(a.x0, c->x); a.x1 = fmax(a.x1, c->x);
        a.y0 = fmin(a.y0, c->y); a.y1 = fmax(a.y1, c->y);
        margin = fmax(margin, spacing[u]);
    }
    margin = fmax(.6*margin, .03*fmax(a.x1 - a.x0, a.y1 - a.y0));
    if (!(margin > 0)) margin = 1;
    return (field){ a.x0 - margin, a.x1 + margin, a.y0 - margin, a.y1 + margin };
}

static void write_script(convis_figure *f, const convis_figure_recording *r, field a, int64_t drawn)
{
    int rated = r->count > 0, columns = r->layers < COLUMNS ? r->layers : COLUMNS, lines = (r->layers + columns - 1)/columns;
    double left = 56, right = rated ? 70 : 14, below = 40, above = (f->options->title ? 44 : 28) + (drawn < r->cells ? 12 : 0),
           gap = 24;
    double width = columns == 1 ? 380 : 320*columns;
    if (f->options->width) width = f->options->width/2.;
    double w = (width - left - right - gap*(columns - 1))/columns, h = w*(a.y1 - a.y0)/(a.x1 - a.x0);
    convis_figure_begin(f, width, h*lines + above + below + (lines - 1)*30);
    double room = (f->height - above - below - (lines - 1)*30)/lines;
    if (h > room) { w *= room/h; h = room; }
    FILE *s = f->script;
    fputs("set multiplot\n", s);
    convis_figure_title(f, left);
    if (drawn < r->cells)
        fprintf(s,
                "set label 98 '%lld of %lld cells, chosen at random' at screen %.5f,%.5f right font small textcolor '#606060'\n",
                (long long)drawn, (long long)r->cells, (left + columns*w + (columns - 1)*gap)/f->width,
                (f->height - 8)/f->height);
    /* y grows downwards, as in the maps that the cells look at. */
    fprintf(s, "set xrange [%.7g:%.7g]\nset yrange [%.7g:%.7g]\nset style fill solid noborder\n", a.x0, a.x1, a.y1, a.y0);
    if (rated) {
        convis_figure_palette(s, "viridis");
        double most = 0, span = r->to - r->from;
        for (int64_t u = 0; u < r->cells; u++) most = fmax(most, (double)r->spikes_of[u]/span);
        fprintf(s, "set cbrange [0:%.9g]\nset cbtics scale 0.4 offset -0.8,0\nset colorbox user origin screen %.5f,%.5f size screen %.5f,%.5f\n",
                most > 0 ? most : 1, (left + columns*w + (columns - 1)*gap + 14)/f->width, below/f->height, 9/f->width, h/f->height);
        fprintf(s, "set label 97 'mean rate (spikes/s)' at screen %.5f,%.5f center rotate by 90\n", (f->width - 12)/f->width,
                (below + .5*h)/f->height);
    }
    for (int k = 0; k < r->layers; k++) {
        double x = left + k%columns*(w + gap), y = f->height - above - h - k/columns*(h + 30);
        convis_figure_panel(f, x, x + w, y, y + h);
        fprintf(s, "set ytics format '%s'\n", k%columns ? "" : "%g");
        convis_figure_axes(f, x, x + w, y, y + h, "x (degrees)", k%columns ? NULL : "y (degrees)");
        fprintf(s, "set label 1 '%s' at graph 0,screen %.5f left textcolor '%s' font large\n", r->label[k],
                (y + h + 9)/f->height, convis_figure_color(k));
        fprintf(s, "set label 2 '%lld cell%s' at graph 1,screen %.5f right font small textcolor '#606060'\n",
                (long long)r->cells_of[k], r->cells_of[k] == 1 ? "" : "s", (y + h + 9)/f->height);
        if (rated) fprintf(s, "plot 'cells.dat' index %d using 1:2:3:4 with circles linecolor palette\n", k);
        else fprintf(s, "plot 'cells.dat' index %d using 1:2:3 with circles linecolor '%s'\n", k, convis_figure_color(k));
        if (k == 0) fputs("unset colorbox\n", s);
        fputs("unset label\n", s);
    }
    fputs("unset multiplot\n", s);
}

convis_status convis_figure_mosaic(convis_figure *f)
{
    convis_figure_recording r;
    convis_status s = convis_figure_recording_open(f, 0, &r);
    if (s) return s;
    unsigned char *chosen = NULL;
    double *spacing = NULL;
    if (!r.placed)
        s = convis_fail(f->context, CONVIS_EFORMAT,
                        "%s: it does not say where the cells are; a mosaic needs .h5, .npz or a list of units (.txt)", f->source);
    else if (!r.cells) s = convis_fail(f->context, CONVIS_EFORMAT, "%s: no cells to draw", f->source);
    for (int64_t u = 0; !s && u < r.cells; u++)
        if (!isfinite(r.cell[u].x) || !isfinite(r.cell[u].y))
            s = convis_fail(f->context, CONVIS_EFORMAT, "%s: unit %d has no finite position", f->source, (int)r.cell[u].id);
    if (!s) {
        chosen = convis_obtain(f->context, (size_t)r.cells);
        spacing = convis_obtain(f->context, (size_t)r.cells*sizeof *spacing);
        s = chosen && spacing ? convis_unit_spacing(f->context, r.cell, r.cells, spacing) : CONVIS_ENOMEM;
    }
    if (!s) {
        int64_t drawn = 0;
        convis_figure_recording_thin(&r, convis_figure_vector(f) ? CELLS_VECTOR : CELLS_PIXELS, chosen);
        for (int64_t u = 0; u < r.cells; u++) drawn += chosen[u];
        field a = find_field(&r, spacing);
        s = write_cells(f, &r, chosen, spacing, .02*(a.x1 - a.x0), sqrt((double)r.cells/(double)(drawn > 0 ? drawn : 1)));
        if (!s) write_script(f, &r, a, drawn);
    }
    convis_release(f->context, spacing);
    convis_release(f->context, chosen);
    convis_figure_recording_close(f, &r);
    return s;
}
