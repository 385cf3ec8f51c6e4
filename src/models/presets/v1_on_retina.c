/* v1_on_retina.c - simple cells of primary visual cortex that see through a retina, one of every preferred orientation at every pixel.
 *
 *      drive  = ON - OFF                                   currents of the parvocellular ganglion cells, Hz
 *      filter = Gabors(drive)                              a channel an orientation; 1 for the best grating of full contrast at 4 Hz
 *      rate   = 100 Hz max(filter, 0)^2
 *
 * Where a Gabor weighs with positive sign, ON cells excite and OFF cells inhibit; where it is negative the other way round (push-pull).
 * The retina is that of `primate` without its spikes, which nothing here depends on; ganglion_0 and ganglion_1 are its ON and OFF cells.
 * Gabors prefer 3 cycles per degree, as V1 near the fovea does, with a bandwidth of 1.3 octaves.
 *
 * Sources: D. H. Hubel and T. N. Wiesel, Receptive fields, binocular interaction and functional architecture in the cat's visual cortex,
 * J. Physiol. 160:106-154 (1962); R. L. De Valois, D. G. Albrecht and L. G. Thorell, Spatial frequency selectivity of cells in macaque
 * visual cortex, Vision Res. 22:545-559 (1982); D. J. Heeger, Half-squaring in responses of cat striate cells, Vis. Neurosci. 9:427-443
 * (1992); A. Wohrer and P. Kornprobst, Virtual Retina, J. Comput. Neurosci. 26:219-249 (2009). */
#include "preset.h"

static const struct convis_preset_option options[] = {
    { "orientations", "", "preferred ones, evenly over 180 degrees from rightwards on: channels of the output", 8, 1, 180, 1,
      NULL },
    { .name = NULL }
};

static convis_status write(convis_context *c, FILE *f, const double *option)
{
    (void)c;
    fprintf(f, "title: simple cells of V1 on a primate retina\n"
               "source: Hubel and Wiesel (1962); De Valois et al. (1982); Heeger (1992); Wohrer and Kornprobst (2009)\n"
               "dt: 0.001\n"
               "layers:\n"
               "  - {name: retina, model: primate, set: {ganglions: 2, ganglion_0.spikes: off, ganglion_1.spikes: off}}\n"
               "  - {name: drive, type: difference, inputs: [retina.ganglion_0, retina.ganglion_1]}\n"
               "  - name: filter\n"
               "    type: conv\n"
               "    channels: %.0f\n"
               "    height: 19\n"
               "    width: 19\n"
               "    weights: gabor?ppd=20&sigma=0.15&frequency=3&orientation_step=%.17g&gain=0.0001933\n"
               "  - {name: rate, type: power, exponent: 2, gain: 100}\n", option[0], 180/option[0]);
    return CONVIS_OK;
}

const struct convis_preset convis_preset_v1_on_retina = {
    .name = "v1_on_retina", .doc =
      "simple cells of V1 on a primate retina: parvo ON minus OFF, a bank of oriented Gabors, half-squared",
    .write = write, .option = options
};
