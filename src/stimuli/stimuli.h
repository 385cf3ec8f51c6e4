/* stimuli.h - what one kind of stimulus offers: a table of parameters and a function that draws frame k.
 *
 * One kind (or a family) a file, listed in stim.c. A frame depends on its number alone, so any frame can be drawn
 * first. Positions are in degrees from the middle of the field, as those of cells are: between the two middle pixels where
 * there is an even number of them. x points to the right, y down as rows do; angles turn from x towards y. Contrast is
 * Michelson's for gratings and Weber's for lone objects: both make
 *
 *      luminance * (1 + contrast * pattern),   pattern in -1..1. */
#ifndef CONVIS_STIMULI_H
#define CONVIS_STIMULI_H
#include "io/frames.h"
#include "base/query.h"

typedef struct convis_stim convis_stim;
typedef struct convis_stim_kind {
    const char *name, *doc;
    const convis_field *params;      /* before the common ones, which they may replace by name */
    const char *file;                /* doc of the `file` parameter of kinds that show one; those have no luminance, contrast */
    convis_status (*open)(convis_stim *);                            /* checks, memory of its own; or NULL */
    int  (*draw)(convis_stim *, int64_t frame, convis_real *out);    /* the sentence is left when it returns 0 */
    void (*close)(convis_stim *);                                    /* or NULL */
} convis_stim_kind;

struct convis_stim {
    convis_frames frames;            /* width, height and count are set before open() */
    const convis_stim_kind *kind;
    double value[CONVIS_QUERY_MAX];   /* by convis_stim_field's index */
    char  *file;
    double dt;                       /* seconds per frame */
    double ppd, luminance, contrast, x, y;           /* the common ones; x, y: centre, in pixels */
    int    channel;                  /* of a photograph: as convis_movie_options says */
    int    sized;                    /* width and height were asked for: not a photograph's own */
    int64_t frame;                   /* next to be drawn */
    void  *own;
};

/* "KIND?key=value&key=value" as frames. */
convis_status convis_stim_frames(convis_context *, const char *text, const convis_movie_options *, convis_frames **);

/* The index-th parameter of a kind: its own, then the common ones that it does not replace. NULL past the last. */
const convis_field *convis_stim_field(const convis_stim_kind *, int index);
double convis_stim_value(const convis_stim *, const char *name);     /* the name must exist */
double convis_stim_time (const convis_stim *, int64_t frame);        /* seconds */
/* How often something that happens `rate` times a second, first at 0, has happened by `frame`; rate 0: every frame. */
int64_t convis_stim_refresh(const convis_stim *, int64_t frame, double rate);
double convis_stim_middle(int64_t size);                             /* of so many pixels, in pixels: 0 degrees */
void   convis_stim_fill(const convis_stim *, convis_real value, convis_real *out);
/* The share of the pixel at (x, y) degrees from the centre that a disc covers; diameter 0 covers everything. */
double convis_stim_disc(double x, double y, double diameter, double ppd);

extern const convis_stim_kind convis_stim_grating, convis_stim_counterphase, convis_stim_reversing, convis_stim_gabor,
    convis_stim_bar, convis_stim_checkers, convis_stim_sparse, convis_stim_pulse, convis_stim_impulse, convis_stim_chirp,
    convis_stim_photo;
#endif
