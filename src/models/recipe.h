/* recipe.h - a recipe: a retina's description with what opening and building it had to say. */
#ifndef CONVIS_RECIPE_H
#define CONVIS_RECIPE_H
#include "retina.h"

struct convis_recipe {
    convis_context *context;
    struct convis_retina retina;
    struct convis_warnings warnings;
    int opened;                                          /* warnings of opening; those of building follow */
};

/* src/io/hdf5.c: the text of the data set `model` of a saved result; release it with convis_release. */
convis_status convis_hdf5_model_text(convis_context *, const char *path, char **text);
#endif
