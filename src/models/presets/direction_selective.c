/* direction_selective.c - a direction selective filter at every pixel: a Gabor that drifts, half-squared.
 *
 * A filter that is oriented in space and time responds to motion along it; `filter.weights` sets direction, speed and spatial frequency.
 *
 * Source: A. B. Watson and A. J. Ahumada, Model of human visual-motion sensing, J. Opt. Soc. Am. A 2:322-342 (1985). */
#include "preset.h"

static const char yaml[] =
    "title: direction selective filter\n"
    "source: Watson and Ahumada (1985)\n"
    "dt: 0.01\n"
    "baseline: 127.5\n"
    "layers:\n"
    "  - {name: contrast, type: scale, gain: 0.00784313725490196, offset: -1}\n"
    "  - name: filter\n"
    "    type: conv\n"
    "    frames: 25\n"
    "    height: 19\n"
    "    width: 19\n"
    "    weights: moving_gabor?sigma=3&frequency=0.125&temporal_frequency=8&gain=0.00338636\n"
    "  - {name: rate, type: power, exponent: 2, gain: 100}\n";

const struct convis_preset convis_preset_direction_selective = {
    .name = "direction_selective", .doc = "a drifting Gabor filter at every pixel, half-squared",
    .yaml = yaml
};
