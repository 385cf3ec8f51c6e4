/* subunit.c - a ganglion cell that adds up rectified subunits, which is why it responds to patterns finer than its receptive field.
 *
 *      input -> subunits (one filter at every place) -> rectified -> pooling (one receptive field) -> rate
 *
 * Sources: S. Hochstein and R. M. Shapley, Linear and nonlinear spatial subunits in Y cat retinal ganglion cells, J. Physiol. 262:265-284
 * (1976); B. Vintch, J. A. Movshon and E. P. Simoncelli, A convolutional subunit model for neuronal responses in macaque V1, J. Neurosci.
 * 35:14829-14841 (2015). */
#include "preset.h"

static const char yaml[] =
    "title: rectified subunits, pooled\n"
    "source: Hochstein and Shapley (1976); Vintch et al. (2015)\n"
    "dt: 0.01\n"
    "baseline: 127.5\n"
    "layers:\n"
    "  - {name: contrast, type: scale, gain: 0.00784313725490196, offset: -1}\n"
    "  - name: subunits\n"
    "    type: conv\n"
    "    frames: 15\n"
    "    height: 9\n"
    "    width: 9\n"
    "    weights: difference_of_gaussians?sigma=1&surround=2&weight=1&tau=0.04\n"
    "  - {name: rectified, type: relu}\n"
    "  - {name: pooling, type: rf, weights: 'gaussian?sigma=6'}\n"
    "  - {name: rate, type: softplus, gain: 50}\n";

const struct convis_preset convis_preset_subunit = {
    .name = "subunit", .doc = "rectified subunits pooled by one cell",
    .yaml = yaml
};
