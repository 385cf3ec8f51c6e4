/* figure.h - what the kinds of figure share: a private folder, a script, data files, and the recording or map drawn.
 *
 * figure.c opens the folder, lets one kind write `figure.gp` and its data there, runs gnuplot in it and moves the
 * picture into place. The script names only files of that folder, so no name of the user's ever reaches gnuplot. */
#ifndef CONVIS_FIGURE_H
#define CONVIS_FIGURE_H
#include "base/context.h"
#include <convis/io.h>
#include <stdio.h>

enum { FIGURE_PARTS = 12, FIGURE_LAYERS = 16, FIGURE_PATH = 4096, FIGURE_LABEL = 128 };

typedef struct convis_figure {
    convis_context *context;
    const char *source;                  /* what is drawn, for sentences */
    const convis_plot_options *options;
    const char *extension;               /* "png", "svg", "pdf" */
    char  folder[FIGURE_PATH];           /* private; holds the script, the data and the picture until it is done */
    const char *part[FIGURE_PARTS];      /* names of the data files in it */
    int   parts;
    FILE *script;
    double width, height;                /* in points; a PNG has two pixels a point */
} convis_figure;

/* The kinds, one a file. Each writes the whole script. */
convis_status convis_figure_raster(convis_figure *);
convis_status convis_figure_maps  (convis_figure *);
convis_status convis_figure_traces(convis_figure *);
convis_status convis_figure_mosaic(convis_figure *);
convis_status convis_figure_kernel(convis_figure *);
convis_status convis_figure_tuning(convis_figure *);
convis_status convis_figure_prediction  (convis_figure *);
convis_status convis_figure_nonlinearity(convis_figure *);

/* First lines of the script: terminal, size in points (what the options ask for wins), style, and two sizes of font
 * beside the usual one: `font small`, `font large`. */
void  convis_figure_begin(convis_figure *, double width, double height);
FILE *convis_figure_data (convis_figure *, const char *part);             /* NULL: the sentence is left */
convis_status convis_figure_done(convis_figure *, FILE *, const char *part);
void  convis_figure_quote(FILE *, const char *text);     /* as a gnuplot string in which nothing is interpreted */
/* Entry k of "a,b,c"; "" when there is none. */
void  convis_figure_listed(const char *list, int k, char *entry, size_t size);
void  convis_figure_title(convis_figure *, double x);    /* the title, if there is one, from x points from the left */
/* Margins of the next panel, in points from the left and the bottom of the figure. */
void  convis_figure_panel(convis_figure *, double left, double right, double bottom, double top);
/* Names below and beside that panel; NULL: none. */
void  convis_figure_axes (convis_figure *, double left, double right, double bottom, double top, const char *x, const char *y);
void  convis_figure_palette(FILE *, const char *name);   /* "viridis", "diverging", "grey" */
double convis_figure_step(double range, int most);       /* between tics */
const char *convis_figure_color(int index);              /* Okabe and Ito's colours */
int   convis_figure_vector(const convis_figure *);       /* svg, pdf: every mark costs bytes */
/* Times are drawn in ms when they span less than two seconds. */
double      convis_figure_time_scale(double span);
const char *convis_figure_time_unit (double span);

/* ---- Spikes and cells ---- */

typedef struct convis_figure_recording {
    convis_spike *spikes;  int64_t count;
    convis_cell  *cell;    int64_t cells;        /* in order of layer, then id */
    int64_t      *spikes_of;                     /* of each unit, within the window */
    int     placed;                              /* positions are known */
    int     layers, layer[FIGURE_LAYERS];        /* the layers' numbers, increasing */
    int64_t cells_of[FIGURE_LAYERS];
    char    label[FIGURE_LAYERS][24];            /* "ON", "OFF" or "layer 0" */
    double  from, to;                            /* the window, seconds */
} convis_figure_recording;
/* Reads spikes, or, with require_spikes = 0, at least cells. */
convis_status convis_figure_recording_open (convis_figure *, int require_spikes, convis_figure_recording *);
void          convis_figure_recording_close(convis_figure *, convis_figure_recording *);
int64_t       convis_figure_recording_unit (const convis_figure_recording *, const convis_spike *);  /* index into units; -1 */
int           convis_figure_recording_layer(const convis_figure_recording *, int32_t layer);         /* index into layer[]; -1 */
int           convis_figure_recording_within(const convis_figure_recording *, double time);
/* 1 if this .h5, .npz or .npy holds spikes (reads them to know). */
int           convis_figure_recording_has_spikes(convis_figure *);
/* chosen[u] = 1 for about `most` cells, a share of every layer (of small ones a larger one), chosen by hash: the same cells
 * every time. */
void          convis_figure_recording_thin(const convis_figure_recording *, int64_t most, unsigned char *chosen);

/* ---- The source by its name ---- */

typedef convis_status (*convis_figure_opener)(convis_figure *, const char *name, void *user);
/* Opens the source: file, or file:dataset. A data set's name alone may be that of a probe: for "opl" "probes/opl" is tried first. `name`
 * is then what was opened. */
convis_status convis_figure_open (convis_figure *, char name[FIGURE_PATH], convis_figure_opener, void *user);
/* The data set's name or the kind of stimulus; failing that, the file's, without folder and extension. */
void          convis_figure_label(const convis_figure *, char label[FIGURE_LABEL]);

/* ---- Maps over time ---- */

typedef struct convis_figure_film {
    char    name[FIGURE_PATH];                   /* what is opened: file, or file:dataset */
    char    label[FIGURE_LABEL];                 /* for the colour bar */
    int64_t planes;                              /* channels, which lie beside each other: width is that of all of them */
    int64_t width, height, frames;
    int64_t first, count;                        /* the window, in frames */
    double  dt;                                  /* seconds per frame; 0: unknown */
    int     picture;                             /* luminance of a movie or image: drawn in grey */
} convis_figure_film;
convis_status convis_figure_film_open(convis_figure *, convis_figure_film *);
/* Calls visit(user, frame, index) for frames first .. first+count-1, one at a time; stops when it returns 0. */
typedef int (*convis_figure_film_visit)(void *user, const convis_real *frame, int64_t index);
convis_status convis_figure_film_each(convis_figure *, const convis_figure_film *, convis_figure_film_visit, void *user);
#endif
