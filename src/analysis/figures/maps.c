/* maps.c - frames of a map over time as a strip with one colour bar. */
#include "figure.h"
#include <math.h>
#include <string.h>

/* Frames of a strip; of one of wide frames, which gets two lines; pixels of a frame's longer side that a picture shows. */
enum { FRAMES = 7, FRAMES_WIDE = 6, SIDE = 640 };

/* Pixels are averaged in blocks where the map is larger than what is drawn. */
typedef struct strip {
    const convis_figure_film *film;
    FILE   *out;
    int64_t at[FRAMES], block, width, height;
    int     count, next;
    double  least, most, *sum;
} strip;

static int wide(const convis_figure_film *m) { return 4*m->width > 5*m->height; }

static void choose_frames(strip *s)
{
    const convis_figure_film *m = s->film;
    int most = wide(m) ? FRAMES_WIDE : FRAMES;
    s->count = (int)(m->count < most ? m->count : most);
    for (int k = 0; k < s->count; k++)
        s->at[k] = m->first + (s->count > 1 ? (int64_t)llround((double)k*(double)(m->count - 1)/(s->count - 1)) : 0);
    int64_t side = m->width > m->height ? m->width : m->height;
    s->block = (side + SIDE - 1)/SIDE;
    s->width = (m->width + s->block - 1)/s->block;
    s->height = (m->height + s->block - 1)/s->block;
}

static int store_frame(void *user, const convis_real *frame, int64_t index)
{
    strip *s = user;
    if (index != s->at[s->next]) return 1;
    const convis_figure_film *m = s->film;
    for (int64_t y = 0; y < s->height; y++) {
        for (int64_t x = 0; x < s->width; x++) {
            double sum = 0;
            int64_t n = 0;
            for (int64_t j = y*s->block; j < (y + 1)*s->block && j < m->height; j++)
                for (int64_t i = x*s->block; i < (x + 1)*s->block && i < m->width; i++, n++) sum += (double)frame[j*m->width + i];
            float value = (float)(sum/(double)n);
            if ((double)value < s->least) s->least = (double)value;
            if ((double)value > s->most) s->most = (double)value;
            fwrite(&value, sizeof value, 1, s->out);
        }
    }
    return ++s->next < s->count;
}

/* Values of both signs get a palette that is white at zero, the same on either side; luminance stays grey. */
static void write_colors(FILE *s, const strip *p, double height)
{
    double low = p->least, high = p->most, reach = fmax(-low, high);
    int both = low < 0 && high > 0 && fmin(-low, high) > .02*reach;
    if (!(low < high)) {                                 /* all one value, or nothing finite: a range around it */
        if (!isfinite(low)) low = 0;
        high = low + (fabs(low) > 0 ? .5*fabs(low) : 1);
        low -= high - low;
        both = 0;
    }
    if (both) { low = -reach; high = reach; }
    convis_figure_palette(s, p->film->picture ? "grey" : both ? "diverging" : "viridis");
    fprintf(s, "set cbrange [%.9g:%.9g]\nset cbtics %.9g scale 0.4 offset -0.8,0 font small\n", low, high,
            convis_figure_step(high - low, height > 60 ? 6 : 4));
}

static void write_time(convis_figure *f, const strip *p, int k, double y)
{
    const convis_figure_film *m = p->film;
    double span = (double)m->count*(m->dt > 0 ? m->dt : 1);
    if (m->dt > 0)
        fprintf(f->script, "set label 1 '%.4g %s'", (double)p->at[k]*m->dt*convis_figure_time_scale(span),
                convis_figure_time_unit(span));
    else fprintf(f->script, "set label 1 '%s%lld'", k ? "" : "frame ", (long long)p->at[k]);
    fprintf(f->script, " at graph 0.5,screen %.5f center\n", y/f->height);
}

/* Only the first panel has numbers beside it and the first of the last line below: pixels of the map, not of the averaged
 * picture. */
static void write_axes(convis_figure *f, const strip *p, double x, double y, double w, double h, int beside, int below)
{
    FILE *s = f->script;
    if (beside) {
        fprintf(s, "set ytics ('0' 0, '%lld' %lld) offset 0.6,0 font small\n", (long long)p->film->height - 1,
                (long long)p->height - 1);
        fprintf(s, "set label 3 'y (pixels)' at screen %.5f,%.5f center rotate by 90 font small\n", (x - 32)/f->width,
                (y + h/2)/f->height);
    }
    if (!below) return;
    fprintf(s, "set xtics ('0' 0, '%lld' %lld) offset 0,0.4 font small\n", (long long)p->film->width - 1,
            (long long)p->width - 1);
    fprintf(s, "set label 2 'x (pixels)' at screen %.5f,%.5f center font small\n", (x + w/2)/f->width, (y - 19)/f->height);
}

/* Where the panels are: in points from the left and the bottom. */
typedef struct grid { double left, right, below, above, gap, line, w, h; int columns, lines; } grid;

static void place_panels(const convis_figure *f, const strip *p, grid *g)
{
    g->columns = (p->count + g->lines - 1)/g->lines;
    g->w = (f->width - g->left - g->right - g->gap*(g->columns - 1))/g->columns;
    g->h = (f->height - g->above - g->below - g->line*(g->lines - 1))/g->lines;
    double shape = (double)p->height/(double)p->width;   /* pixels are square */
    if (g->h > g->w*shape) g->h = g->w*shape; else g->w = g->h/shape;
}

/* One line, of wide frames two, as high as it needs to be; of the lines that a given size has room for, those with the
 * largest panels. */
static void begin_script(convis_figure *f, const strip *p, grid *g)
{
    int rows = wide(p->film) && p->count > 3 ? 2 : 1, columns = (p->count + rows - 1)/rows;
    double width = p->count < 4 ? 180*p->count + g->left + g->right : 720;
    if (f->options->width) width = f->options->width/2.;
    double w = (width - g->left - g->right - g->gap*(columns - 1))/columns, h = w*(double)p->height/(double)p->width;
    convis_figure_begin(f, width, fmax(rows*h + (rows - 1)*g->line + g->above + g->below, 100));
    double best = -INFINITY;
    int lines = 1;
    for (g->lines = 1; g->lines <= p->count; g->lines++) {
        place_panels(f, p, g);
        if (g->w > best*1.05) { best = g->w; lines = g->lines; }
    }
    g->lines = lines;
    place_panels(f, p, g);
}

static void write_bar(convis_figure *f, const strip *p, double x, double bottom, double top)
{
    FILE *s = f->script;
    fprintf(s, "set colorbox user origin screen %.5f,%.5f size screen %.5f,%.5f\n", (x + 10)/f->width, bottom/f->height,
            7/f->width, (top - bottom)/f->height);
    fputs("set label 4 ", s);
    convis_figure_quote(s, p->film->label);
    fprintf(s, " at screen %.5f,%.5f center rotate by 90 noenhanced\n", (x + 52)/f->width, .5*(bottom + top)/f->height);
}

static void write_script(convis_figure *f, const strip *p)
{
    grid g = { .left = 46, .right = 66, .below = 30, .above = f->options->title ? 40 : 20, .gap = 6, .line = 20 };
    begin_script(f, p, &g);
    FILE *s = f->script;
    int endian = 1;
    double high = g.lines*g.h + (g.lines - 1)*g.line, bottom = g.below + (f->height - g.above - g.below - high)/2;
    fputs("set multiplot\nset border 15 linewidth 0.5\nset tics scale 0.4\nunset xtics\nunset ytics\nunset colorbox\n", s);
    convis_figure_title(f, g.left);
    write_colors(s, p, high);
    /* Row 0 is on top. */
    fprintf(s, "set xrange [-0.5:%lld - 0.5]\nset yrange [%lld - 0.5:-0.5]\n", (long long)p->width, (long long)p->height);
    for (int k = 0; k < p->count; k++) {
        double x = g.left + k%g.columns*(g.w + g.gap), y = bottom + high - g.h - k/g.columns*(g.h + g.line);
        convis_figure_panel(f, x, x + g.w, y, y + g.h);
        write_time(f, p, k, y + g.h + 7);
        int lowest = k == (g.lines - 1)*g.columns;
        if (k == 0 || lowest) write_axes(f, p, x, y, g.w, g.h, k == 0, lowest);
        if (k == p->count - 1) write_bar(f, p, g.left + g.columns*g.w + (g.columns - 1)*g.gap, bottom, bottom + high);
        fprintf(s, "plot 'maps.bin' binary skip=%lld array=(%lld,%lld) format='%%float32' endian=%s with image\n",
                (long long)k*(long long)(p->width*p->height)*(long long)sizeof(float), (long long)p->width, (long long)p->height,
                *(const char *)&endian ? "little" : "big");
        if (k == 0 || lowest) fputs("unset xtics\nunset ytics\nunset label\n", s);
    }
    fputs("unset multiplot\n", s);
}

convis_status convis_figure_maps(convis_figure *f)
{
    convis_figure_film film;
    strip p = { &film, NULL, { 0 }, 1, 0, 0, 0, 0, INFINITY, -INFINITY, NULL };
    convis_status s = convis_figure_film_open(f, &film);
    if (s) return s;
    choose_frames(&p);
    p.out = convis_figure_data(f, "maps.bin");
    if (!p.out) return CONVIS_EIO;
    s = convis_figure_film_each(f, &film, store_frame, &p);
    convis_status end = convis_figure_done(f, p.out, "maps.bin");
    if (!s) s = end;
    if (!s) write_script(f, &p);
    return s;
}
