/* recipe.h - a recipe: a model as a graph, for movies of any size, with the warnings of opening and building it. */
#ifndef CONVIS_RECIPE_H
#define CONVIS_RECIPE_H
#include "models/presets/preset.h"

struct convis_recipe {
    convis_context *context;
    struct convis_graph graph;
    struct convis_warnings warnings;
    int opened;                                          /* warnings of opening; those of building follow */
    char *parameters;                                    /* what convis_recipe_parameters gave last */
};

/* ---- open.c ---- */

/* The model that opening->file stands for: a preset, or a file by its extension. */
convis_status convis_open_graph(convis_context *, const struct convis_opening *, struct convis_warnings *, struct convis_graph *);
/* A text that is YAML, or XML; opening->file begins its messages, and is where files that it names are looked for. */
convis_status convis_read_graph(convis_context *, const struct convis_opening *, const char *text, size_t size,
                                struct convis_warnings *, struct convis_graph *);
const struct convis_preset *convis_preset_named(const char *name);                               /* NULL: none */
convis_status convis_slurp(convis_context *, const char *path, char **text, size_t *size);       /* convis_release */
const char   *convis_extension(const char *name);                                               /* ".h5", or "" */

/* ---- recipe_yaml.c ---- */

convis_status convis_read_yaml(convis_context *, const struct convis_opening *, const char *text, size_t size,
                               struct convis_warnings *, struct convis_graph *);
/* The model that a node names, or is: a convis_graph_opener. */
convis_status convis_open_node(const struct convis_yaml *, const char *path, const struct convis_yaml_node *,
                               const struct convis_opening *outer, struct convis_warnings *, struct convis_graph *);

/* ---- saved.c ---- */

convis_status convis_open_saved(convis_context *, const struct convis_opening *, struct convis_warnings *, struct convis_graph *);

/* ---- convis_npz.c ---- */

/* Convis's parameter files: into a model, or into a recipe for all that it builds. On any fault nothing is set. */
convis_status convis_npz_to_model (convis_model *, const char *file);
convis_status convis_npz_to_recipe(convis_recipe *, const char *file);
#endif
