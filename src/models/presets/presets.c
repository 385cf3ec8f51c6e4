/* presets.c - the one list of models made of layers. */
#include "preset.h"

#define DESIGNS(X)                                                                                      \
    X(l) X(ln) X(lnln) X(lnfdlnf) X(mcintosh) X(glm) X(subunit)                                         \
    X(simple_cell) X(complex_cell) X(motion_energy) X(direction_selective)                              \
    X(opl_recursive) X(opl_half_recursive) X(opl_separable) X(opl_full)

#define DECLARE(name) extern const struct convis_design convis_design_##name;
DESIGNS(DECLARE)

#define ENTRY(name) &convis_design_##name,
const struct convis_design *const convis_designs[] = { DESIGNS(ENTRY) NULL };
