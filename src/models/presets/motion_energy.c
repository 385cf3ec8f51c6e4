/* motion_energy.c - opponent motion energy at every pixel: that of motion to the right minus that of motion to the left.
 *
 *      energy = even^2 + odd^2 of two filters that are oriented in space and time, in quadrature
 *      opponent = energy(right) - energy(left)
 *
 * Source: E. H. Adelson and J. R. Bergen, Spatiotemporal energy models for the perception of motion, J. Opt. Soc. Am. A 2:284-299 (1985);
 * here the filters are drifting Gabors, which are oriented in space and time by themselves. */
#include "preset.h"

#define PAIR(name, direction)                                                                                                 \
    "  - name: " name "\n"                                                                                                    \
    "    type: conv\n"                                                                                                        \
    "    input: contrast\n"                                                                                                   \
    "    channels: 2\n"                                                                                                       \
    "    frames: 25\n"                                                                                                        \
    "    height: 19\n"                                                                                                        \
    "    width: 19\n"                                                                                                         \
    "    weights: moving_gabor?sigma=3&frequency=0.125&temporal_frequency=" direction "8&phase_step=90&gain=0.00338636\n"          \
    "  - {name: " name "_squared, type: square}\n"                                                                            \
    "  - {name: " name "_energy, type: conv, weights: 'constant?value=1'}\n"

static const char yaml[] =
    "title: opponent motion energy\n"
    "source: Adelson and Bergen (1985)\n"
    "dt: 0.01\n"
    "baseline: 127.5\n"
    "layers:\n"
    "  - {name: contrast, type: scale, gain: 0.00784313725490196, offset: -1}\n"
    PAIR("right", "")
    PAIR("left", "-")
    "  - {name: opponent, type: difference, inputs: [right_energy, left_energy]}\n";

const struct convis_preset convis_preset_motion_energy = {
    .name = "motion_energy", .doc = "opponent motion energy: rightward minus leftward",
    .yaml = yaml
};
