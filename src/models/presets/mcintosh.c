/* mcintosh.c - a convolutional network that predicts the responses of retinal ganglion cells to natural scenes.
 *
 *      input -> layer1 -> relu -> layer2 -> relu -> readout -> softplus
 *
 * Sizes are those of Convis (8 channels of 10 x 5 x 5, 16 of 1 x 1 x 1), whose parameter files can be read; the paper has 8
 * channels of 40 x 15 x 15 and 16 of 11 x 11 (layer1.frames ...). `readout.channels` counts cells.
 *
 * Source: L. T. McIntosh, N. Maheswaranathan, A. Nayebi, S. Ganguli and S. A. Baccus, Deep learning models of the retinal response to
 * natural scenes, Advances in Neural Information Processing Systems 29 (2016). */
#include "preset.h"

static const char yaml[] =
    "title: convolutional network of the retina\n"
    "source: McIntosh et al. (2016)\n"
    "dt: 0.01\n"
    "layers:\n"
    "  - {name: layer1, type: conv, channels: 8, frames: 10, height: 5, width: 5}\n"
    "  - {name: relu1, type: relu}\n"
    "  - {name: layer2, type: conv, channels: 16}\n"
    "  - {name: relu2, type: relu}\n"
    "  - {name: readout, type: readout}\n"
    "  - {name: rate, type: softplus}\n";

const struct convis_preset convis_preset_mcintosh = {
    .name = "McIntosh", .doc = "a convolutional network of the retina: two layers of channels and a readout",
    .yaml = yaml
};
