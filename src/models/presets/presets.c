/* presets.c - the one list of models that convis knows by name. */
#include "preset.h"

#define RETINAS(X)                                                                                      \
    X(retina, "retina",  "human parvocellular ON and OFF cells, one of each at every pixel, with gain control and noise") \
    X(primate, "primate", "parvo- and magnocellular ON and OFF cells of a foveated primate retina, in circular arrays")   \
    X(cat_x, "cat-x",   "X cells of the cat, ON and OFF, one of each at every pixel, with gain control and noise")        \
    X(linear, "linear",  "centre minus surround: linear, without gain control or spikes")
#define PRESETS(X)                                                                                      \
    X(l) X(ln) X(lnln) X(lnfdlnf) X(mcintosh) X(glm) X(subunit)                                         \
    X(simple_cell) X(complex_cell) X(motion_energy) X(direction_selective)                              \
    X(opl_recursive) X(opl_half_recursive) X(opl_separable) X(opl_full)                                 \
    X(v1_on_retina)

#define RETINA(id, name, doc) static const struct convis_preset id = { name, doc, .numbers = convis_numbers_##id };
RETINAS(RETINA)
#define DECLARE(name) extern const struct convis_preset convis_preset_##name;
PRESETS(DECLARE)

#define RETINA_ENTRY(id, name, doc) &id,
#define ENTRY(name) &convis_preset_##name,
const struct convis_preset *const convis_presets[] = { RETINAS(RETINA_ENTRY) PRESETS(ENTRY) NULL };
