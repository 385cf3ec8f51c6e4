/* glm.c - generalised linear model of a few coupled cells: stimulus filters, their own spike history, and that of the others.
 *
 *      rate[t] = exp(filter x[t] + sum over lags and cells of history h spikes[t - lag] + offset)            spikes ~ Poisson(rate dt)
 *
 * A cell is a channel (`filter.channels`). To fit recorded spikes, they take the place of the model's own in `history`.
 *
 * Source: J. W. Pillow, J. Shlens, L. Paninski, A. Sher, A. M. Litke, E. J. Chichilnisky and E. P. Simoncelli, Spatio-temporal correlations
 * and visual signalling in a complete neuronal population, Nature 454:995-999 (2008). */
#include "preset.h"

static const struct convis_preset_option options[] = {
    { "cells", "", "number of cells", 2, 1, 1000, 1, NULL },
    { "coupling", "", "on: filters of all cells' spikes; off: of each cell's own", 1, 0, 1, 1, "off|on" },
    { .name = NULL } };

static convis_status write(convis_context *c, FILE *f, const double *option)
{
    (void)c;
    fprintf(f, "title: generalised linear model with spike history and coupling\n"
               "source: Pillow et al. (2008)\n"
               "dt: 0.001\n"
               "output: rate\n"
               "layers:\n"
               "  - {name: filter, type: rf, channels: %.0f, frames: 30}\n"
               "  - {name: drive, type: sum, inputs: [filter, {from: history, delay: 1}]}\n"
               "  - {name: rate, type: exponential, offset: 3}\n"           /* 20 Hz without any drive */
               "  - {name: spikes, type: poisson}\n"
               "  - {name: history, type: history, coupling: %.0f, first: 0}\n", option[0], option[1]);
    return CONVIS_OK;
}

const struct convis_preset convis_preset_glm = {
    .name = "GLM", .doc = "generalised linear model: filters, spike history and coupling of a few cells",
    .write = write, .option = options
};
