/* recipe.h - a recipe: a retina's description or a graph of layers, with what opening and building it had to say. */
#ifndef CONVIS_RECIPE_H
#define CONVIS_RECIPE_H
#include "models/presets/preset.h"
#include "models/graph/graph.h"
#include "models/retina/retina.h"

struct convis_recipe {
    convis_context *context;
    struct convis_retina retina;                         /* if it is one */
    struct convis_graph *graph;                          /* if it is one, else NULL */
    const struct convis_design *design;                  /* of which the graph was made, while options can be set; else NULL */
    double option[CONVIS_DESIGN_OPTIONS];
    struct convis_warnings warnings;
    char *parameters;                                    /* lines for the models it builds, or NULL */
    struct convis_saved_array *arrays;                   /* for them as well: of a saved retina */
    int array_count;
    int opened;                                          /* warnings of opening; those of building follow */
};

/* An array by its path, from a file. */
struct convis_saved_array { char path[128]; convis_array values; };

/* ---- recipe.c ---- */

/* Everything that `name` says into an empty recipe. depth: of files that extend others. */
convis_status convis_recipe_fill(convis_recipe *, const char *name, int depth);
convis_status convis_slurp(convis_context *, const char *path, char **text, size_t *size);       /* convis_release */
const char   *convis_extension(const char *name);                                               /* ".h5", or "" */

/* ---- recipe_yaml.c ---- */

/* path: of the file, for its sentences and the files beside it. */
convis_status convis_recipe_read_yaml(convis_recipe *, const char *path, const char *text, size_t size, int depth);
convis_status convis_retina_write_yaml(convis_context *, const struct convis_retina *, char **text);    /* convis_release */

/* ---- saved.c ---- */

convis_status convis_recipe_read_saved(convis_recipe *, const char *file, int depth);
convis_status convis_recipe_apply_arrays(const convis_recipe *, convis_model *);
void          convis_recipe_drop_arrays(convis_recipe *);

/* ---- npz.c ---- */

/* Convis's parameter files: into a model, or into a recipe for all that it builds. On any fault nothing is set. */
convis_status convis_npz_to_model (convis_model *, const char *file);
convis_status convis_npz_to_recipe(convis_recipe *, const char *file);
#endif
