/* retina.h - the settings of a retina as plain data, where its cells lie, and what turns it into layers.
 *
 * settings.c holds the one table of fields from which settings, XML, listings and documentation follow; xml.c reads and writes
 * VirtualRetina's files; cells.c sizes the map and places the cells; retina.c makes the layers; kind.c makes the retina a kind of preset. */
#ifndef CONVIS_RETINA_H
#define CONVIS_RETINA_H
#include "models/graph/graph.h"
#include "models/warnings.h"

enum { CONVIS_GANGLIONS = 16 };                          /* most ganglion layers of one retina */

enum convis_numerics  { CONVIS_VIRTUALRETINA, CONVIS_CONVERGED };
enum convis_opl_kind  { CONVIS_OPL_LINEAR, CONVIS_OPL_LUMINANCE };      /* luminance: its experimental gain control */
enum convis_gain_kind { CONVIS_GAIN_OFF, CONVIS_GAIN_ON, CONVIS_GAIN_CUSTOM };
enum convis_cell_kind { CONVIS_CELLS_NONE, CONVIS_CELLS_SQUARE, CONVIS_CELLS_CIRCULAR, CONVIS_CELLS_DENSE };

struct convis_ganglion {
    int    sign;                                         /* +1: ON, -1: OFF (VirtualRetina takes any number's sign) */
    double transient_tau, transient_weight;              /* s; weight 0: no transient */
    double threshold, value_at_threshold, amplification; /* of the static nonlinearity: -, Hz, Hz */
    double pool_sigma;                                   /* degrees; 0: no pooling */
    int    spikes;                                       /* has a spiking channel */
    double leak, refractory, refractory_sd, noise;       /* Hz, s, s, standard deviation of V (sigma_V) */
    int    random_init;
    int    adaptation;                                   /* of the cells; needs adaptation_tau > 0 */
    double adaptation_delta, adaptation_tau, adaptation_reversal;
    int    cells;                                        /* enum convis_cell_kind */
    double size_x, size_y, diameter;                     /* degrees; 0: as large as the map allows */
    double density, position_noise;                      /* 1/degree; in units of the spacing */
    /* Explicit cells (all-units); they replace the generated array. From convis_obtain; NULL: none. Numbered before all arrays. */
    convis_cell *listed;
    int64_t listed_count;
};

struct convis_retina {
    int    numerics;                                     /* enum convis_numerics */
    double dt, range, ppd;                               /* s, luminance (M), pixels per degree */
    double initial;                                      /* luminance before the first frame; NaN: range/2 */
    int    cell_seed;                                    /* of ring phases and position noise */
    double cell_border;                                  /* pixels at the edges without cells; NaN: as far as blurs reach */

    int    log_polar;
    double log_polar_radius, log_polar_scaling;          /* R0 in degrees, K in 1/degree */

    int    opl;                                          /* enum convis_opl_kind */
    double center_sigma, center_tau;
    int    center_n;
    double surround_sigma, surround_tau, surround_weight;
    int    leaky_heat;
    double opl_amplification;
    int    undershoot;
    double undershoot_weight, undershoot_tau;

    double receptor_amplification, receptor_tau;         /* parsed, no effect (SPEC 5) */
    double receptor_sigma, receptor_leak;                /* sigma only enters the confidence zone */
    double horizontal_sigma, horizontal_tau, horizontal_weight, horizontal_feedback, horizontal_nernst;

    int    bipolar;                                      /* enum convis_gain_kind; custom's fields count only if custom */
    double bipolar_amplification, bipolar_leak;          /* lambda, g0, Hz */
    double adaptation_sigma, adaptation_tau, adaptation_amplification;
    double adaptation_exponent, adaptation_reversal;     /* custom from here on */
    int    adaptation_symmetric;
    double adaptation_threshold, bipolar_transient_weight, bipolar_transient_tau;

    int    ganglions;
    struct convis_ganglion ganglion[CONVIS_GANGLIONS];

    int    eye;                                          /* has microsaccades */
    double eye_period, eye_period_sd;                    /* s */
    double eye_amplitude, eye_amplitude_sd;              /* degrees; virtualretina numerics always use sd .04 */
    double eye_duration, eye_duration_sd;                /* s */
    double eye_angular_noise;
};

/* ---- settings.c ---- */

/* One number of the settings: everything that is known of it, for reading, writing and showing it. */
enum convis_row_type { CONVIS_ROW_REAL, CONVIS_ROW_WHOLE, CONVIS_ROW_SIGN, CONVIS_ROW_SWITCH, CONVIS_ROW_WORD };
enum { CONVIS_ROW_OPEN = 1,                              /* the minimum itself is excluded */
       CONVIS_ROW_OURS = 2,                              /* an attribute that VirtualRetina does not know */
       CONVIS_ROW_REQUIRED = 4,                          /* the attribute has no default in a file */
       CONVIS_ROW_NONZERO = 8,                           /* any number but 0 */
       CONVIS_ROW_SIZE = 16 };                           /* a spread: its sign has no effect, and is dropped */
struct convis_row {
    const char *path;                                    /* "opl.center.tau"; of a ganglion layer: without "ganglion_0." */
    int         type;                                    /* REAL lives in a double, all others in an int */
    const char *unit;
    double      initial, min, max;                       /* initial: what a missing attribute means */
    unsigned    flags;
    const char *words;                                   /* all but REAL: of its numbers, from min on (base/words.h); REAL: of NaN */
    const char *element, *attribute;                     /* in XML, alternatives by '|'; attribute NULL: the element's presence */
    const char *xml;                                     /* both, to show */
    const char *doc;
    size_t      offset;                                  /* in struct convis_retina or struct convis_ganglion */
    const char *needs;                                   /* path of the switch on which this number depends, or NULL ... */
    unsigned    mask;                                    /* ... and the bits of the values at which it counts */
};
extern const struct convis_row convis_retina_rows[], convis_ganglion_rows[];         /* end: path NULL */

void   convis_retina_init(struct convis_retina *);       /* every row at its default, no ganglion layer */
void   convis_ganglion_init(struct convis_ganglion *);
void   convis_retina_clear(convis_context *, struct convis_retina *);                 /* releases lists of cells */
convis_status convis_retina_set(convis_context *, struct convis_retina *, const char *path, const char *value);
convis_status convis_retina_get(convis_context *, const struct convis_retina *, const char *path, char *value, size_t size);
/* The index-th setting that the retina has. 0 past the last. */
int    convis_retina_list(const struct convis_retina *, int index, convis_setting *);
double convis_retina_initial(const struct convis_retina *);   /* the luminance before the first frame: range/2 unless set */
/* Checks across numbers: cells that spike but are nowhere, adaptation without tau ... */
convis_status convis_retina_check(convis_context *, const struct convis_retina *);
/* A number as text, in C's locale, within the row's bounds. where begins the message: "retina.xml:12: center-tau__sec". */
convis_status convis_row_parse(convis_context *, const struct convis_row *, const char *where, const char *text, void *base);
void   convis_row_print(const struct convis_row *, const void *base, char *text, size_t size);   /* reads back exactly */

/* ---- cells.c ---- */

/* The part of the input that the retina sees, and its arrays limited to the confidence zone (SPEC 3). */
struct convis_retina_map {
    int64_t size_x, size_y;                              /* of the map, pixels */
    int64_t offset_x, offset_y;                          /* of the map in the input */
    int64_t zone_x, zone_y;                              /* the confidence zone: cells lie within it */
    double  array_x[CONVIS_GANGLIONS], array_y[CONVIS_GANGLIONS];   /* degrees; circular: the diameter, twice */
};
/* Pixels over which the blurs reach: the border without cells, unless it is set. */
double        convis_retina_border(const struct convis_retina *);
/* What eye movements leave of an input of this width or height (SPEC 9). */
int64_t       convis_retina_offered(const struct convis_retina *, int64_t size);
/* width, height: of the input offered, after eye movements took their border. */
convis_status convis_retina_map(convis_context *, const struct convis_retina *, int64_t width, int64_t height,
                                struct convis_retina_map *);

/* The cells of all spiking layers in order; cells of ganglion layer g are first[g] .. first[g] + count[g] - 1. */
struct convis_mosaic {
    convis_cell *cell;                                   /* cell.layer counts the spiking layers from 0 */
    double  *x, *y;                                      /* where each samples its map: pixel i has coordinate i; clamped */
    int64_t  total, first[CONVIS_GANGLIONS], count[CONVIS_GANGLIONS];    /* count may be 0: no cell fits */
    int64_t  outside;                                    /* cells beyond the map; they sample its border */
    int      dense[CONVIS_GANGLIONS];                    /* one cell per pixel, in the order of pixels */
    int      layer[CONVIS_GANGLIONS];                    /* ganglion layer -> spiking layer, -1: does not spike */
};
/* override: these cells instead of all arrays, dense ones too (a layer that the list does not name has no cells);
 * NULL: arrays and explicit lists as set. */
convis_status convis_retina_cells(convis_context *, const struct convis_retina *, const struct convis_retina_map *,
                                  const convis_cell *override, int64_t overrides, uint64_t seed, struct convis_mosaic *);
void          convis_mosaic_free(convis_context *, struct convis_mosaic *);
double        convis_retina_density(const struct convis_retina *, double radius);     /* 1 in the fovea (SPEC 2b) */

/* ---- xml.c ---- */

/* name: of the text, in messages. On failure the retina is cleared. */
convis_status convis_xml_read (convis_context *, const char *name, const char *text, size_t size,
                               struct convis_retina *, struct convis_warnings *);
convis_status convis_xml_write(convis_context *, const struct convis_retina *, char **text);   /* release: convis_release */

/* ---- retinas.c ---- */

/* The numbers of the built-in retinas, into a retina of any. */
void convis_numbers_retina(struct convis_retina *);
void convis_numbers_primate(struct convis_retina *);
void convis_numbers_cat_x(struct convis_retina *);
void convis_numbers_linear(struct convis_retina *);

/* ---- retina.c ---- */

/* The layers of this retina for movies of this size, and warnings about its cells and map. */
convis_status convis_retina_layers(convis_context *, const struct convis_retina *, int64_t width, int64_t height,
                                   struct convis_warnings *, struct convis_graph *);

/* ---- taken.c ---- */

/* A parameter of a layer by its path, as the setting from which it follows, to the last bit; cells stay where they are. ENAME, without a
 * message: no single setting gives it. */
convis_status convis_retina_take(convis_context *, struct convis_retina *, const char *path, double value);

/* ---- kind.c ---- */

/* Settings: a struct convis_retina. */
extern const struct convis_preset_kind convis_retina_kind;
/* A retina as a graph without layers; takes what the retina owns, also when it fails. */
convis_status convis_graph_of_retina(convis_context *, struct convis_retina *, struct convis_graph *);
/* The retina of which a graph is to be; NULL: it is none. */
struct convis_retina *convis_retina_of(const struct convis_graph *);
#endif
