/* parameter_files.c - files of parameters, into a model or into a recipe: lines of numbers, or Convis's .npz. */
#include "recipe.h"
#include "engine/model.h"
#include "io/frames.h"

convis_status convis_recipe_load_parameters(convis_recipe *r, const char *file)
{
    CONVIS_NEEDS(r, file);
    char *text = NULL;
    size_t size;
    if (convis_has_extension(file, ".npz")) return convis_npz_to_recipe(r, file);
    convis_status status = convis_slurp(r->context, file, &text, &size);
    if (!status) status = convis_graph_set_lines(r->context, &r->graph, file, text);
    convis_release(r->context, text);
    return status;
}

convis_status convis_parameters_load(convis_model *m, const char *file)
{
    CONVIS_NEEDS(m, file);
    return convis_has_extension(file, ".npz") ? convis_npz_to_model(m, file) : convis_parameters_read(m, file);
}
