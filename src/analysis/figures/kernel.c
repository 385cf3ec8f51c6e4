/* kernel.c - a kernel or a spike-triggered average: its frames by lag, the course of its strongest pixel, and its
 * profile in space at the best lag.
 *
 * The last frame weighs the present; each row of frames is one map (a channel, or an output and input). White is 0. Kernels
 * of one row or column of pixels are drawn as space against time, those of one frame side by side. */
#include "figure.h"
#include "io/hdf5.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAPS = 6, FRAMES = 10 };          /* that are drawn: rows, and frames in a row */

typedef struct drawn {
    const double *v;                     /* (maps, frames, height, width) */
    int64_t maps, frames, height, width;
    int64_t map[MAPS];                   /* which are drawn, the strongest ones, in order */
    int64_t x[MAPS], y[MAPS];            /* the strongest pixel of each */
    int     drawn_count;
    int     rows, columns;               /* of panels; columns 0: none are drawn */
    int64_t frame[FRAMES];
    int64_t best_map, best_frame, best_y, best_x;
    double  low, high, most, dt;         /* of all values; largest magnitude; dt 0: unknown */
    const char *label;
} drawn;

static double at(const drawn *d, int64_t map, int64_t frame, int64_t y, int64_t x)
{
    return d->v[((map*d->frames + frame)*d->height + y)*d->width + x];
}

static int is_line(const drawn *d) { return d->frames > 1 && (d->height == 1) != (d->width == 1); }

/* ---- What is drawn ---- */

static convis_status read_array(convis_figure *f, const char *name, void *array) { return convis_array_read(f->context, name, array); }

static convis_status shape(convis_figure *f, const convis_array *a, drawn *d)
{
    d->maps = d->frames = d->height = d->width = 1;
    int64_t *const place[] = { &d->width, &d->height, &d->frames };
    for (int k = 0; k < a->dims; k++) {
        const int from_end = a->dims - 1 - k;
        if (a->dim[k] < 1) return convis_fail(f->context, CONVIS_ESHAPE, "%s: a kernel without elements", f->source);
        if (a->dims == 1) d->frames = a->dim[k];         /* a course in time */
        else if (from_end < 3) *place[from_end] = a->dim[k];
        else d->maps *= a->dim[k];
    }
    d->v = a->data;
    const int64_t n = d->maps*d->frames*d->height*d->width;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(d->v[i]))
            return convis_fail(f->context, CONVIS_EFORMAT, "%s: element %lld is no finite number", f->source, (long long)i);
    return CONVIS_OK;
}

static void find_best(drawn *d)
{
    const int64_t plane = d->height*d->width, n = d->maps*d->frames*plane;
    int64_t best = 0;
    for (int64_t i = 0; i < n; i++) {
        d->low = fmin(d->low, d->v[i]);
        d->high = fmax(d->high, d->v[i]);
        if (fabs(d->v[i]) > fabs(d->v[best])) best = i;
    }
    d->most = fabs(d->v[best]);
    d->best_x = best%d->width;
    d->best_y = best/d->width%d->height;
    d->best_frame = best/plane%d->frames;
    d->best_map = best/plane/d->frames;
}

/* The maps with the largest values, in their own order. */
static convis_status choose_maps(convis_figure *f, drawn *d)
{
    const int64_t n = d->frames*d->height*d->width;
    double *size = convis_obtain(f->context, (size_t)d->maps*sizeof *size);
    if (!size) return CONVIS_ENOMEM;
    for (int64_t m = 0; m < d->maps; m++)
        for (int64_t i = 0; i < n; i++) size[m] = fmax(size[m], fabs(d->v[m*n + i]));
    const int most = d->maps < MAPS ? (int)d->maps : MAPS;
    for (int64_t m = 0; m < d->maps && d->drawn_count < most; m++) {
        int64_t stronger = 0;
        for (int64_t k = 0; k < d->maps; k++) stronger += size[k] > size[m] || (size[k] == size[m] && k < m);
        if (stronger >= most) continue;
        int64_t peak = 0;
        for (int64_t i = 1; i < n; i++) if (fabs(d->v[m*n + i]) > fabs(d->v[m*n + peak])) peak = i;
        d->x[d->drawn_count] = peak%d->width;
        d->y[d->drawn_count] = peak/d->width%d->height;
        d->map[d->drawn_count++] = m;
    }
    convis_release(f->context, size);
    return CONVIS_OK;
}

/* All frames, or every second, third ..., the best one among them. */
static void choose_panels(drawn *d)
{
    const int64_t step = (d->frames + FRAMES - 1)/FRAMES;
    if (d->height*d->width == 1) return;
    d->rows = d->frames > 1 ? d->drawn_count : 1;
    if (d->frames == 1) d->columns = d->drawn_count;
    else if (is_line(d)) d->columns = 1;
    else for (int64_t t = d->best_frame%step; t < d->frames; t += step) d->frame[d->columns++] = t;
}

static int64_t map_of(const drawn *d, int row, int column) { return d->map[d->frames > 1 ? row : column]; }

/* ---- Writing it ---- */

static double lag(const drawn *d, int64_t frame)
{
    const double span = (double)d->frames*d->dt;
    return (double)(frame - (d->frames - 1))*(d->dt > 0 ? d->dt*convis_figure_time_scale(span) : 1);
}

static const char *lag_unit(const drawn *d) { return d->dt > 0 ? convis_figure_time_unit((double)d->frames*d->dt) : "frames"; }

/* Every panel's pixels, one panel after the other. */
static convis_status write_maps(convis_figure *f, const drawn *d)
{
    FILE *out = convis_figure_data(f, "kernel.bin");
    if (!out) return CONVIS_EIO;
    const int line = is_line(d);
    for (int r = 0; r < d->rows; r++)
        for (int k = 0; k < (line ? (int)d->frames : d->columns); k++)
            for (int64_t i = 0; i < d->height*d->width; i++) {
                const float value = (float)at(d, map_of(d, r, k), line ? k : d->frame[k], i/d->width, i%d->width);
                fwrite(&value, sizeof value, 1, out);
            }
    return convis_figure_done(f, out, "kernel.bin");
}

/* Lines of lag and each drawn map's value at its strongest pixel. */
static convis_status write_course(convis_figure *f, const drawn *d)
{
    FILE *out = convis_figure_data(f, "course.dat");
    if (!out) return CONVIS_EIO;
    fprintf(out, "# lag (%s), each map's strongest pixel\n", lag_unit(d));
    for (int64_t t = 0; t < d->frames; t++) {
        fprintf(out, "%.9g", lag(d, t));
        for (int m = 0; m < d->drawn_count; m++) fprintf(out, " %.9g", at(d, d->map[m], t, d->y[m], d->x[m]));
        fputc('\n', out);
    }
    return convis_figure_done(f, out, "course.dat");
}

/* Through the strongest pixel at the best lag: pixels from it, along the row and along the column. */
static convis_status write_profile(convis_figure *f, const drawn *d)
{
    FILE *out = convis_figure_data(f, "profile.dat");
    if (!out) return CONVIS_EIO;
    fputs("# along the row: pixels from the strongest, value; then along the column\n", out);
    for (int64_t x = 0; x < d->width; x++)
        fprintf(out, "%lld %.9g\n", (long long)(x - d->best_x), at(d, d->best_map, d->best_frame, d->best_y, x));
    fputs("\n\n", out);
    for (int64_t y = 0; y < d->height; y++)
        fprintf(out, "%lld %.9g\n", (long long)(y - d->best_y), at(d, d->best_map, d->best_frame, y, d->best_x));
    return convis_figure_done(f, out, "profile.dat");
}

/* ---- The script ---- */

/* In points: the strip of maps from `bottom` to `top`, the panels below it from `low` to `high`. */
typedef struct layout { double left, right, gap, w, h, bottom, top, low, high; } layout;

static layout place(convis_figure *f, const drawn *d)
{
    layout l = { .left = 58, .right = 72, .gap = 5, .low = 40 };
    const int panels = d->frames > 1 || d->height*d->width > 1;
    const double above = f->options->title ? 46 : 26, between = 48, panel = 132;
    const double width = d->columns ? fmax(f->options->width ? f->options->width/2. : 720, 200) : 460;
    l.w = d->columns ? (width - l.left - l.right - l.gap*(d->columns - 1))/d->columns : 0;
    l.h = is_line(d) ? 130 : l.w*(double)d->height/(double)d->width;
    const double highest = d->rows > 1 ? 90 : 190;       /* pixels stay square: narrower panels where they would be too high */
    if (d->columns && !is_line(d) && l.h > highest) { l.w *= highest/l.h; l.h = highest; }
    if (is_line(d) && l.w > 300) l.w = 300;
    const double strip = d->columns ? d->rows*l.h + (d->rows - 1)*l.gap : 0;
    convis_figure_begin(f, width, l.low + (panels ? panel + (d->columns ? between : 0) : 0) + strip + above);
    l.high = l.low + (panels ? panel : 0);
    l.bottom = panels ? l.high + between : l.low;
    l.top = f->height - above;
    /* A height that was asked for: what there is of it goes to the panels first, then to the maps. */
    if (d->columns && l.top - l.bottom < strip) {
        const double fits = fmax((l.top - l.bottom - (d->rows - 1)*l.gap)/d->rows, 10);
        if (!is_line(d)) l.w *= fits/l.h;
        l.h = fits;
    }
    l.bottom = d->columns ? l.top - (d->rows*l.h + (d->rows - 1)*l.gap) : l.bottom;
    return l;
}

static void write_strip(convis_figure *f, const drawn *d, const layout *l)
{
    FILE *s = f->script;
    int endian = 1;
    const int line = is_line(d);
    const int64_t width = line ? d->width*d->height : d->width, height = line ? d->frames : d->height;
    const double reach = d->most > 0 ? d->most : 1;
    convis_figure_palette(s, "diverging");
    fprintf(s, "set cbrange [%.9g:%.9g]\nset cbtics %.9g scale 0.4 offset -0.8,0 font small\n", -reach, reach,
            convis_figure_step(2*reach, 6));
    fputs("set border 15 linewidth 0.5\nset tics scale 0.4\nunset xtics\nunset ytics\nunset colorbox\n", s);
    fprintf(s, "set xrange [-0.5:%lld - 0.5]\n", (long long)width);
    if (line) fprintf(s, "set yrange [-0.5:%lld - 0.5]\n", (long long)height);       /* the present is on top */
    else fprintf(s, "set yrange [%lld - 0.5:-0.5]\n", (long long)height);
    for (int r = 0; r < d->rows; r++)
        for (int k = 0; k < d->columns; k++) {
            const double x = l->left + k*(l->w + l->gap), y = l->top - (r + 1)*l->h - r*l->gap;
            const int last = r == d->rows - 1 && k == d->columns - 1;
            convis_figure_panel(f, x, x + l->w, y, y + l->h);
            if (r == 0 && !line && d->frames > 1)
                fprintf(s, "set label 1 '%.4g%s%s' at screen %.5f,%.5f center font small\n", lag(d, d->frame[k]),
                        k == d->columns - 1 ? " " : "", k == d->columns - 1 ? lag_unit(d) : "", (x + l->w/2)/f->width,
                        (y + l->h + 7)/f->height);
            if (d->maps > 1 && d->frames == 1)
                fprintf(s, "set label 2 'map %lld' at screen %.5f,%.5f center font small\n", (long long)map_of(d, r, k),
                        (x + l->w/2)/f->width,
                        (y + l->h + 7)/f->height);
            else if (d->maps > 1 && k == 0)
                fprintf(s, "set label 2 'map %lld' at screen %.5f,%.5f center rotate by 90 font small\n",
                        (long long)map_of(d, r, k), (x - (line ? 46 : 8))/f->width, (y + l->h/2)/f->height);
            if (k == 0 && line) {
                fprintf(s, "set ytics ('%.4g' 0, '0' %lld) offset 0.6,0 font small\n", lag(d, 0), (long long)d->frames - 1);
                fprintf(s, "set label 3 'lag (%s)' at screen %.5f,%.5f center rotate by 90 font small\n", lag_unit(d),
                        (x - 34)/f->width, (y + l->h/2)/f->height);
            }
            if (last) {
                fprintf(s, "set colorbox user origin screen %.5f,%.5f size screen %.5f,%.5f\n", (x + l->w + 10)/f->width,
                        l->bottom/f->height,
                        7/f->width, (l->top - l->bottom)/f->height);
                fputs("set label 4 ", s);
                convis_figure_quote(s, d->label);
                fprintf(s, " at screen %.5f,%.5f center rotate by 90 noenhanced\n", (x + l->w + 60)/f->width,
                        .5*(l->bottom + l->top)/f->height);
            }
            fprintf(s, "plot 'kernel.bin' binary skip=%lld array=(%lld,%lld) format='%%float32' endian=%s with image\n",
                    (long long)(r*d->columns + k)*(long long)(width*height)*(long long)sizeof(float), (long long)width,
                    (long long)height, *(const char *)&endian ? "little" : "big");
            fputs("unset ytics\nunset label\n", s);
        }
    fputs("unset colorbox\nset border 3 linewidth 0.75\nset tics scale 0.5\nset xtics nomirror autofreq\nset ytics nomirror\n",
          s);
}

static void write_panel(convis_figure *f, const drawn *d, double left, double right, const layout *l, const char *x)
{
    FILE *s = f->script;
    const double low = d->low, high = d->most > 0 ? d->high : 1, room = .06*(high - low);
    convis_figure_panel(f, left, right, l->low, l->high);
    convis_figure_axes(f, left, right, l->low, l->high, x, d->label);
    fprintf(s, "set yrange [%.9g:%.9g]\nset ytics %.9g\n", low - room, high + room, convis_figure_step(high - low, 5));
    fputs("set xzeroaxis linetype 1 linewidth 0.5 linecolor '#b0b0b0'\n", s);
    fprintf(s, "set key at screen %.5f,%.5f right top horizontal Left reverse samplen 1.2 width 1 font small\n", right/f->width,
            (l->high + 15)/f->height);
}

static void write_script(convis_figure *f, const drawn *d)
{
    const layout l = place(f, d);
    const int courses = d->frames > 1, profiles = d->height*d->width > 1 && !is_line(d);
    const double end = f->width - 14, middle = courses && profiles ? l.left + (end - l.left)/2 : end;
    char name[80];
    FILE *s = f->script;
    fputs("set multiplot\n", s);
    convis_figure_title(f, l.left);
    if (d->columns) write_strip(f, d, &l);
    fputs("unset label\n", s);
    if (courses) {
        snprintf(name, sizeof name, "lag (%s)", lag_unit(d));
        write_panel(f, d, l.left, middle - (profiles ? 12 : 0), &l, name);
        fprintf(s, "set xrange [%.9g:%.9g]\n", lag(d, 0), d->frames > 1 ? lag(d, d->frames - 1) : 1);
        if (profiles || is_line(d))
            fprintf(s, "set arrow 1 from %.9g, graph 0 to %.9g, graph 1 nohead linewidth 0.5 linecolor '#b0b0b0' back\n",
                    lag(d, d->best_frame), lag(d, d->best_frame));
        fputs("plot ", s);
        for (int r = 0; r < d->drawn_count; r++) {
            *name = 0;
            if (d->maps > 1) snprintf(name, sizeof name, "map %lld", (long long)d->map[r]);
            if (d->height*d->width > 1 && d->drawn_count < 4)
                snprintf(name + strlen(name), sizeof name - strlen(name), "%s(%lld, %lld)",
                         d->maps > 1 ? " " : "strongest pixel ", (long long)d->x[r], (long long)d->y[r]);
            fprintf(s, "%s'course.dat' using 1:%d with linespoints linewidth 1.1 pointtype 7 pointsize 0.25 "
                    "linecolor '%s' title '%s'",
                    r ? ", \\\n     " : "", r + 2, convis_figure_color(r), name);
        }
        fputs("\nunset label\nunset arrow\n", s);
    }
    if (profiles) {
        write_panel(f, d, courses ? middle + 46 : l.left, end, &l, "distance (pixels)");
        const int64_t before = d->best_x > d->best_y ? d->best_x : d->best_y;
        const int64_t x_after = d->width - 1 - d->best_x, y_after = d->height - 1 - d->best_y;
        fprintf(s, "set xrange [%lld:%lld]\n", (long long)-before, (long long)(x_after > y_after ? x_after : y_after));
        *name = 0;
        if (d->maps > 1) snprintf(name, sizeof name, " of map %lld", (long long)d->best_map);
        if (d->frames > 1) snprintf(name + strlen(name), sizeof name - strlen(name), " at %.4g %s", lag(d, d->best_frame), lag_unit(d));
        fprintf(s, "plot 'profile.dat' index 0 with linespoints linewidth 1.1 pointtype 7 pointsize 0.25 linecolor '%s' title 'row%s', \\\n"
                   "     '' index 1 with linespoints linewidth 1.1 pointtype 7 pointsize 0.25 linecolor '%s' title 'column'\n",
                convis_figure_color(0), name, convis_figure_color(1));
    }
    fputs("unset multiplot\n", s);
}

convis_status convis_figure_kernel(convis_figure *f)
{
    char name[FIGURE_PATH], label[FIGURE_LABEL];
    convis_array a = { .data = NULL };
    drawn d = { .label = label };
    convis_status s = convis_figure_open(f, name, read_array, &a);
    if (s) return s;
    convis_figure_label(f, label);
    d.dt = f->options->dt > 0 ? f->options->dt : convis_result_number(f->source, "dt");
    s = shape(f, &a, &d);
    if (!s) {
        find_best(&d);
        s = choose_maps(f, &d);
        choose_panels(&d);
    }
    if (!s && d.columns) s = write_maps(f, &d);
    if (!s && d.frames > 1) s = write_course(f, &d);
    if (!s && d.height*d.width > 1) s = write_profile(f, &d);
    if (!s) write_script(f, &d);
    convis_array_free(&a);
    return s;
}
