/* raster.c - spikes by cell and time, and below them each layer's mean rate. */
#include "figure.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

enum { ROWS = 250, MARKS_PIXELS = 250000, MARKS_VECTOR = 60000, RATE_POINTS = 4000 };

/* Where each cell is drawn: its row from the top, or -1. */
typedef struct rows { int64_t *of, count, drawn_of[FIGURE_LAYERS], first_of[FIGURE_LAYERS]; int thinned; } rows;

static convis_status choose_rows(convis_figure *f, const convis_figure_recording *r, rows *w)
{
    unsigned char *chosen = convis_obtain(f->context, (size_t)r->cells + 1);
    w->of = convis_obtain(f->context, ((size_t)r->cells + 1)*sizeof *w->of);
    if (!chosen || !w->of) { convis_release(f->context, chosen); return CONVIS_ENOMEM; }
    int64_t marks = 0, most = ROWS, limit = convis_figure_vector(f) ? MARKS_VECTOR : MARKS_PIXELS;
    for (int64_t u = 0; u < r->cells; u++) marks += r->spikes_of[u];
    /* Fewer rows where those would hold more marks than a picture can show. */
    int64_t shown = r->cells < most ? r->cells : most;
    if (r->cells && (double)marks*(double)shown/(double)r->cells > (double)limit)
        most = (int64_t)fmax(20, (double)limit*(double)r->cells/(double)marks);
    convis_figure_recording_thin(r, most, chosen);
    memset(w->drawn_of, 0, sizeof w->drawn_of);
    w->count = 0;
    for (int64_t u = 0; u < r->cells; u++) {
        int layer = convis_figure_recording_layer(r, r->cell[u].layer);
        if (!chosen[u]) { w->of[u] = -1; continue; }
        if (!w->drawn_of[layer]++) w->first_of[layer] = w->count;
        w->of[u] = w->count++;
    }
    w->thinned = w->count < r->cells;
    convis_release(f->context, chosen);
    return CONVIS_OK;
}

static const char *row_name(const convis_figure *f) { return f->options->rows ? f->options->rows : "cell"; }

/* One block of lines "time row" a layer, blocks apart by two empty lines (gnuplot's index). */
static convis_status write_spikes(convis_figure *f, const convis_figure_recording *r, const rows *w, double scale)
{
    FILE *out = convis_figure_data(f, "spikes.dat");
    if (!out) return CONVIS_EIO;
    for (int layer = 0; layer < r->layers; layer++) {
        fprintf(out, "# %s: time, row\n", r->label[layer]);
        fprintf(out, "NaN NaN\n");       /* a block is never empty, so that the blocks' numbers hold */
        for (int64_t k = 0; k < r->count; k++) {
            const convis_spike *s = r->spikes + k;
            if (s->layer != r->layer[layer] || !convis_figure_recording_within(r, s->time)) continue;
            int64_t u = convis_figure_recording_unit(r, s);
            if (u >= 0 && w->of[u] >= 0) fprintf(out, "%.8g %lld\n", s->time*scale, (long long)w->of[u]);
        }
        fputs("\n\n", out);
    }
    return convis_figure_done(f, out, "spikes.dat");
}

/* Every layer's spikes per second and cell, smoothed by a Gaussian. Near the ends of the window the part of the
 * Gaussian outside has seen nothing, and the mean is over the part inside. */
static convis_status write_rates(convis_figure *f, const convis_figure_recording *r, double scale, double sigma, double *most)
{
    double span = r->to - r->from, step = fmax(sigma/5, span/RATE_POINTS);
    int64_t bins = (int64_t)ceil(span/step - 1e-9);
    if (bins < 1) bins = 1;
    step = span/(double)bins;
    double *counts = convis_obtain(f->context, (size_t)(bins*r->layers + 1)*sizeof *counts);
    FILE *out = counts ? convis_figure_data(f, "rate.dat") : NULL;
    if (!out) { convis_release(f->context, counts); return counts ? CONVIS_EIO : CONVIS_ENOMEM; }
    for (int64_t k = 0; k < r->count; k++) {
        const convis_spike *s = r->spikes + k;
        int layer = convis_figure_recording_layer(r, s->layer);
        if (layer < 0 || !convis_figure_recording_within(r, s->time)) continue;
        int64_t bin = (int64_t)((s->time - r->from)/step);
        counts[layer*bins + (bin < bins ? bin : bins - 1)]++;
    }
    int64_t reach = (int64_t)ceil(4*sigma/step);
    fputs("# time, spikes/s per cell of each layer\n", out);
    for (int64_t b = 0; b < bins; b++) {
        fprintf(out, "%.8g", (r->from + ((double)b + .5)*step)*scale);
        for (int layer = 0; layer < r->layers; layer++) {
            double sum = 0, weight = 0;
            for (int64_t j = b - reach < 0 ? 0 : b - reach; j <= b + reach && j < bins; j++) {
                double g = exp(-.5*pow((double)(j - b)*step/sigma, 2));
                sum += g*counts[layer*bins + j];
                weight += g;
            }
            double rate = sum/weight/step/(double)r->cells_of[layer];
            *most = fmax(*most, rate);
            fprintf(out, " %.6g", rate);
        }
        fputc('\n', out);
    }
    convis_release(f->context, counts);
    return convis_figure_done(f, out, "rate.dat");
}

/* "30 cells", small and grey, ending at x and y, parts of the picture. */
static void write_count(convis_figure *f, int label, double x, double y, int64_t count, const char *more)
{
    char words[160];
    convis_shorten(words, sizeof words, "%lld %s%s%s", (long long)count, row_name(f), count == 1 ? "" : "s", more);
    fprintf(f->script, "set label %d ", label);
    convis_figure_quote(f->script, words);
    fprintf(f->script, " at screen %.5f,%.5f right noenhanced font small textcolor '#606060'\n", x, y);
}

static void write_script(convis_figure *f, const convis_figure_recording *r, const rows *w, double sigma, double most)
{
    double span = r->to - r->from, scale = convis_figure_time_scale(span);
    double left = 70, right, top, floor_rate = 38, ceiling_rate, floor_raster, half, thick;
    convis_figure_begin(f, 640, 420);
    FILE *s = f->script;
    right = f->width - 20;
    top = f->height - (f->options->title ? 30 : 12) - (w->thinned ? 12 : 0);
    ceiling_rate = floor_rate + .26*(top - floor_rate);
    floor_raster = ceiling_rate + 14;
    half = w->count > 60 ? 0.5 : 0.4;    /* of a tick's height, in rows */
    thick = w->count > 200 ? 0.8 : 1;
    fprintf(s, "set multiplot\nset xrange [%.9g:%.9g]\n", r->from*scale, r->to*scale);
    convis_figure_title(f, left);
    if (w->thinned) {
        char more[80];
        snprintf(more, sizeof more, ", of which %lld, chosen at random, are drawn; rates are of all", (long long)w->count);
        write_count(f, 98, right/f->width, (top + 8)/f->height, r->cells, more);
    }
    convis_figure_panel(f, left, right, floor_raster, top);
    fprintf(s, "set yrange [%lld - 0.5:-0.5]\nset border 0\nunset xtics\nunset ytics\n", (long long)(w->count ? w->count : 1));
    for (int k = 0; k < r->layers; k++) {
        if (!w->drawn_of[k]) continue;
        double middle = (double)w->first_of[k] + .5*(double)(w->drawn_of[k] - 1);
        double a = (double)w->first_of[k] - .5, b = a + (double)w->drawn_of[k];
        /* A bar in the layer's colour stands for the axis: rows have no numbers, layers have names. */
        fprintf(s, "set arrow %d from graph -0.008,first %.1f to graph -0.008,first %.1f nohead linewidth 2.5 linecolor '%s'\n",
                k + 1, a + .01*(b - a), b - .01*(b - a), convis_figure_color(k));
        /* The name, and below it how many, where there is room for one and for both. */
        double band = (top - floor_raster)*(double)w->drawn_of[k]/(double)w->count,
               y = top - (top - floor_raster)*(middle + .5)/(double)w->count;
        if (band < 10) continue;
        fprintf(s, "set label %d '%s' at screen %.5f,%.5f right textcolor '%s' font large\n", k + 1, r->label[k],
                (left - 10)/f->width, (y + (band < 24 ? 0 : 6))/f->height, convis_figure_color(k));
        if (band < 24) continue;
        write_count(f, k + 41, (left - 10)/f->width, (y - 6)/f->height, r->cells_of[k], "");
    }
    fputs("plot ", s);
    for (int k = 0; k < r->layers; k++)
        fprintf(s, "%s'spikes.dat' index %d using 1:($2 - %.2f):(0):(%.2f) with vectors nohead linewidth %.1f linecolor '%s'",
                k ? ", \\\n     " : "", k, half, 2*half, thick, convis_figure_color(k));
    fputs(r->layers ? "\n" : "NaN\n", s);
    fputs("unset label\nunset arrow\n", s);
    convis_figure_panel(f, left, right, floor_rate, ceiling_rate);
    fprintf(s, "set border 3\nset xtics nomirror out scale 0.5 offset 0,lift\nset ytics %g nomirror out scale 0.5\n"
            "set yrange [0:%g]\nset label 1 'Gaussian, σ = %g ms' at graph 1,1.06 right font small textcolor '#606060'\n",
            most > 0 ? convis_figure_step(1.05*most, 4) : 1, most > 0 ? 1.05*most : 1, sigma*1e3);
    char rate[64];
    convis_shorten(rate, sizeof rate, "spikes/s per %s", row_name(f));
    convis_figure_axes(f, left, right, floor_rate, ceiling_rate, span <= 2 ? "time (ms)" : "time (s)", rate);
    fputs("plot ", s);
    for (int k = 0; k < r->layers; k++)
        fprintf(s, "%s'rate.dat' using 1:%d with lines linewidth 1.2 linecolor '%s'", k ? ", \\\n     " : "", k + 2,
                convis_figure_color(k));
    fputs(r->layers ? "\nunset multiplot\n" : "NaN\nunset multiplot\n", s);
}

convis_status convis_figure_raster(convis_figure *f)
{
    convis_figure_recording r;
    rows w = { 0 };
    convis_status s = convis_figure_recording_open(f, 1, &r);
    if (s) return s;
    double span = r.to - r.from, sigma = span <= 1 ? 5e-3 : span <= 20 ? 10e-3 : span/2000, most = 0;
    if (!r.cells) s = convis_fail(f->context, CONVIS_EFORMAT, "%s: no spikes and no cells to draw", f->source);
    if (!s) s = choose_rows(f, &r, &w);
    if (!s) s = write_spikes(f, &r, &w, convis_figure_time_scale(span));
    if (!s) s = write_rates(f, &r, convis_figure_time_scale(span), sigma, &most);
    if (!s) write_script(f, &r, &w, sigma, most);
    convis_release(f->context, w.of);
    convis_figure_recording_close(f, &r);
    return s;
}
