/* preset.h - the models of layers that convis knows by name: YAML as in docs/models.md, one published model a file.
 *
 * Where layers come and go with a number or a word ("stages", "readout"), that is an option: a setting of the whole. */
#ifndef CONVIS_DESIGN_H
#define CONVIS_DESIGN_H
#include "models/graph/graph.h"
#include <stdio.h>

enum { CONVIS_DESIGN_OPTIONS = 10 };

struct convis_design_option {
    const char *name, *unit, *doc;
    double value, min, max;                              /* of a word: its place */
    int    whole;
    const char *words;                                   /* "none|rf", or NULL for a number */
};
struct convis_design {
    const char *name, *doc;
    /* Its YAML with these options; or, without any, `yaml`. */
    convis_status (*write)(convis_context *, FILE *, const double *option);
    const char *yaml;
    const struct convis_design_option *option;           /* end: name NULL; or NULL */
};
extern const struct convis_design *const convis_designs[];                            /* NULL at the end */

/* ---- design.c ---- */

void          convis_design_defaults(const struct convis_design *, double *option);
convis_status convis_design_make (convis_context *, const struct convis_design *, const double *option, struct convis_graph *);
/* Set an option and make the graph anew; what was set in the layers that remain stays set. ENAME: it has no such option. */
convis_status convis_design_set  (convis_context *, const struct convis_design *, double *option, struct convis_graph *, const char *name,
                                  const char *value);
int           convis_design_list (const struct convis_design *, const double *option, int index, convis_setting *);   /* 0 past the last */
#endif
