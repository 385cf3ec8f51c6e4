/* recipe.h - a recipe: a retina's description with what opening and building it had to say. */
#ifndef CONVIS_RECIPE_H
#define CONVIS_RECIPE_H
#include "retina.h"

struct convis_recipe {
    convis_context *context;
    struct convis_retina retina;
    struct convis_warnings warnings;
    char *parameters;                                    /* lines for the models it builds, or NULL */
    int opened;                                          /* warnings of opening; those of building follow */
};

#endif
