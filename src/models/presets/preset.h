/* preset.h - the models that convis knows by name: retinas by their numbers, others as YAML of layers as in docs/models.md, one published
 * model a file.
 *
 * Where layers come and go with a number or a word ("stages", "readout"), that is an option: a setting of the whole. */
#ifndef CONVIS_PRESET_H
#define CONVIS_PRESET_H
#include "models/graph/graph.h"
#include "models/retina/retina.h"
#include <stdio.h>

enum { CONVIS_PRESET_OPTIONS = 10 };

struct convis_preset_option {
    const char *name, *unit, *doc;
    double value, min, max;                              /* of a word: its place */
    int    whole;
    const char *words;                                   /* "none|rf", or NULL for a number */
};
struct convis_preset {
    const char *name, *doc;
    /* Its YAML with these options; or, without any, `yaml`; or, of a retina, `numbers`. */
    convis_status (*write)(convis_context *, FILE *, const double *option);
    const char *yaml;
    const struct convis_preset_option *option;           /* end: name NULL; or NULL */
    void (*numbers)(struct convis_retina *);
};
extern const struct convis_preset *const convis_presets[];                            /* NULL at the end */

/* The preset as a graph. open: what opens models that its YAML names. */
convis_status convis_preset_graph(convis_context *, const struct convis_preset *, convis_graph_opener open,
                                  struct convis_graph *);
#endif
