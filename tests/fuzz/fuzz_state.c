/* fuzz_state.c - any bytes as a saved state, and as a file of parameters: refused with a sentence, or taken whole. */
#include "fuzz_file.h"

static convis_model *model(convis_context *c)
{
    static convis_model *m;
    convis_recipe *r;
    if (m) return m;
    if (convis_recipe_open(c, "retina", &r) || convis_recipe_build(r, 8, 7, &m) || convis_plan(m, convis_movie_shape(1, 7, 8)))
        abort();
    convis_recipe_free(&r);
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    convis_model *m = model(fuzz_context());
    convis_real frame[56] = { 0 };
    const char *name = fuzz_file(data, size, ".txt");
    (void)convis_state_load(m, name);
    (void)convis_parameters_load(m, name);
    if (convis_run(m, convis_view(frame, convis_movie_shape(1, 7, 8))) && !*convis_message(convis_model_context(m))) abort();
    unlink(name);
    return 0;
}
