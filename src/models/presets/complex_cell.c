/* complex_cell.c - complex cells of primary visual cortex, one at every pixel: the energy of a pair of Gabor filters in quadrature.
 *
 *      rate = 100 Hz (even^2 + odd^2)
 *
 * Source: E. H. Adelson and J. R. Bergen, Spatiotemporal energy models for the perception of motion, J. Opt. Soc. Am. A 2:284-299
 * (1985). */
#include "preset.h"

static const char yaml[] =
    "title: complex cell of V1\n"
    "source: Adelson and Bergen (1985)\n"
    "dt: 0.01\n"
    "baseline: 127.5\n"
    "layers:\n"
    "  - {name: contrast, type: scale, gain: 0.00784313725490196, offset: -1}\n"
    "  - name: quadrature\n"
    "    type: conv\n"
    "    channels: 2\n"
    "    frames: 20\n"
    "    height: 19\n"
    "    width: 19\n"
    "    weights: gabor?sigma=3&frequency=0.125&phase_step=90&tau=0.04&n=3&gain=0.03536776513153229\n"
    "  - {name: squared, type: square}\n"
    "  - {name: energy, type: conv, weights: 'constant?value=100'}\n";

const struct convis_preset convis_preset_complex_cell = {
    .name = "complex_cell", .doc = "a complex cell of V1 at every pixel: the energy of a quadrature pair",
    .yaml = yaml
};
