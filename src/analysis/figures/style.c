/* style.c - how figures look: size, fonts, colours, margins. */
#include "figure.h"
#include <math.h>
#include <string.h>

/* Okabe and Ito's palette, told apart by every kind of colour vision; ON is vermilion, OFF blue. */
const char *convis_figure_color(int index)
{
    static const char *const COLORS[] = {
        "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"
    };
    return COLORS[index % 8];
}

int convis_figure_vector(const convis_figure *f) { return strcmp(f->extension, "png") != 0; }

double      convis_figure_time_scale(double span) { return span <= 2 ? 1e3 : 1; }
const char *convis_figure_time_unit (double span) { return span <= 2 ? "ms" : "s"; }

/* Letters and digits as they are, all else as octal: neither quotes, nor `commands`, nor @macros can come about. gnuplot
 * takes a digit behind an octal number for a part of it, so such a digit is octal, too. */
void convis_figure_quote(FILE *script, const char *text)
{
    int octal = 0;
    fputc('"', script);
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        int digit = byte >= '0' && byte <= '9';
        octal = !(byte == ' ' || byte == ',' || byte == '.' || byte == '-' || byte == '_' || (digit && !octal)
                  || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z'));
        if (octal) fprintf(script, "\\%03o", byte < 32 || byte == 127 ? ' ' : byte); else fputc(byte, script);
    }
    fputc('"', script);
}

void convis_figure_begin(convis_figure *f, double width, double height)
{
    const convis_plot_options *o = f->options;
    f->width = o->width ? o->width/2. : width;
    f->height = o->height ? o->height/2. : height;
    FILE *s = f->script;
    double unit = strcmp(f->extension, "svg") ? 1 : 4/3.;  /* svg's fonts are in pixels */
    fprintf(s, "# Drawn by convis %s; `gnuplot figure.gp` in this folder draws it again.\n", convis_version());
    if (!strcmp(f->extension, "png"))
        fprintf(s, "set terminal pngcairo size %.0f,%.0f font 'Helvetica,8.5' fontscale 2 linewidth 2 pointscale 2 background '#ffffff'\n",
                2*f->width, 2*f->height);
    else if (!strcmp(f->extension, "svg"))
        fprintf(s, "set terminal svg size %.0f,%.0f font 'Helvetica,11.3' linewidth 1 background '#ffffff'\n", f->width,
                f->height);
    else
        fprintf(s, "set terminal pdfcairo size %.3fin,%.3fin font 'Helvetica,8.5' fontscale 1 linewidth 2 pointscale 1 background '#ffffff'\n",
                f->width/72, f->height/72);
    fprintf(s, "set output 'figure.%s'\n"
               "set encoding utf8\n"
               "set border 3 linewidth 0.75 linecolor '#404040'\n"
               "set tics out nomirror scale 0.5 textcolor '#202020'\n"
               "set format xy '%%g'\n"
               "set format cb '%%g'\n"
               "unset key\n"
            "small = ',%g'\nlarge = ',%g'\nlift = %g\nset xtics offset 0,lift\n",
            f->extension, 7.8*unit, 10*unit, unit > 1 ? .35 : 0.);
}

void convis_figure_title(convis_figure *f, double x)
{
    if (!f->options->title) return;
    fputs("set label 99 ", f->script);
    convis_figure_quote(f->script, f->options->title);
    fprintf(f->script, " at screen %.5f,%.5f left noenhanced font large textcolor '#000000' front\n", x/f->width,
            1 - 14/f->height);
}

/* 1, 2 or 5 times a power of ten, so that a range gets at most `most` steps. */
double convis_figure_step(double range, int most)
{
    double step = pow(10, floor(log10(range/most)));
    return step*most >= range ? step : 2*step*most >= range ? 2*step : 5*step*most >= range ? 5*step : 10*step;
}

/* Names of axes are labels at a place of their own: gnuplot's own move with the font, off the picture in an SVG. */
void convis_figure_axes(convis_figure *f, double left, double right, double bottom, double top, const char *x, const char *y)
{
    if (x)
        fprintf(f->script, "set label 11 '%s' at screen %.5f,%.5f center\n", x, .5*(left + right)/f->width,
                (bottom - 31)/f->height);
    if (!y) return;
    fputs("set label 12 ", f->script);
    convis_figure_quote(f->script, y);
    fprintf(f->script, " at screen %.5f,%.5f center rotate by 90 noenhanced\n", (left - 50)/f->width,
            .5*(bottom + top)/f->height);
}

void convis_figure_panel(convis_figure *f, double left, double right, double bottom, double top)
{
    fprintf(f->script,
            "set lmargin at screen %.5f\nset rmargin at screen %.5f\nset bmargin at screen %.5f\nset tmargin at screen %.5f\n",
            left/f->width, right/f->width, bottom/f->height, top/f->height);
}

/* viridis (van der Walt and Smith) for values, ColorBrewer's RdBu for signed ones: zero is white, plus is red. */
void convis_figure_palette(FILE *s, const char *name)
{
    static const char *const VIRIDIS[] = { "#440154", "#481a6c", "#472f7d", "#414487", "#39568c", "#31688e",
                                           "#2a788e", "#23888e", "#1f988b", "#22a884", "#35b779", "#54c568",
                                           "#7ad151", "#a5db36", "#d2e21b", "#fde725", NULL };
    static const char *const DIVERGING[] = { "#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7",
                                             "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f", NULL };
    static const char *const GREY[] = { "#000000", "#ffffff", NULL };
    const char *const *colors = !strcmp(name, "viridis") ? VIRIDIS : !strcmp(name, "diverging") ? DIVERGING : GREY;
    fputs("set palette defined (", s);
    for (int k = 0; colors[k]; k++) fprintf(s, "%s%d '%s'", k ? ", " : "", k, colors[k]);
    fputs(")\n", s);
}

void convis_figure_listed(const char *list, int k, char *entry, size_t size)
{
    for (; list && *list && k > 0; k--) {
        list += strcspn(list, ",");
        list += *list == ',';
    }
    snprintf(entry, size, "%.*s", list && k == 0 ? (int)strcspn(list, ",") : 0, list ? list : "");
}
