/* simple_cell.c - simple cells of primary visual cortex, one at every pixel: a Gabor filter, and half-squaring.
 *
 *      rate = 100 Hz max(G * contrast, 0)^2                the best grating of full contrast gives G * contrast = 1
 *
 * Sources: J. P. Jones and L. A. Palmer, An evaluation of the two-dimensional Gabor filter model of simple receptive fields in cat striate
 * cortex, J. Neurophysiol. 58:1233-1258 (1987); D. J. Heeger, Half-squaring in responses of cat striate cells, Vis. Neurosci. 9:427-443
 * (1992). */
#include "preset.h"

static const char yaml[] =
    "title: simple cell of V1\n"
    "source: Jones and Palmer (1987); Heeger (1992)\n"
    "dt: 0.01\n"
    "baseline: 127.5\n"
    "layers:\n"
    "  - {name: contrast, type: scale, gain: 0.00784313725490196, offset: -1}\n"
    "  - name: filter\n"
    "    type: conv\n"
    "    frames: 20\n"
    "    height: 19\n"
    "    width: 19\n"
    "    weights: gabor?sigma=3&frequency=0.125&tau=0.04&n=3&gain=0.03536776513153229\n"          /* 1/(9 pi) */
    "  - {name: rate, type: power, exponent: 2, gain: 100}\n";

const struct convis_preset convis_preset_simple_cell = {
    .name = "simple_cell", .doc = "a simple cell of V1 at every pixel: Gabor filter, half-squared",
    .yaml = yaml
};
