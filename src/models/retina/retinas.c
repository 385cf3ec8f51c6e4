/* retinas.c - the retinas that convis knows by name.
 *
 * Sources. VirtualRetina: A. Wohrer and P. Kornprobst, "Virtual Retina: a biological retina model and simulator, with
 * contrast gain control", J. Comput. Neurosci. 26:219-249 (2009), and the example files of the program. Human parvo:
 * T. Masquelier, "Relative spike time coding and STDP-based orientation selectivity in the early visual system in
 * natural continuous and saccadic vision: a computational model", J. Comput. Neurosci. 32:425-441 (2012), whose
 * human.parvo.xml are also the default numbers of Convis. All use converged numerics and steps of 1 ms. */
#include "retina.h"

static void common(struct convis_retina *r)
{
    convis_retina_init(r);
    r->numerics = CONVIS_CONVERGED;
    r->dt = .001;
    r->ppd = 20;
    r->opl_amplification = 10;
    r->surround_weight = 1;
}

/* The gain control of VirtualRetina's primate and cat; only its spread differs. */
static void gain_control(struct convis_retina *r, double sigma)
{
    r->bipolar = CONVIS_GAIN_ON;
    r->bipolar_amplification = 150;
    r->bipolar_leak = 5;
    r->adaptation_sigma = sigma;
    r->adaptation_tau = .01;
    r->adaptation_amplification = 100;
}

static struct convis_ganglion *spiking_layer(struct convis_retina *r, int sign, int cells, double density)
{
    struct convis_ganglion *g = &r->ganglion[r->ganglions++];
    convis_ganglion_init(g);
    g->sign = sign;
    g->transient_tau = .03;
    g->transient_weight = .7;
    g->value_at_threshold = 80;
    g->spikes = 1;
    g->noise = .1;
    g->random_init = 1;
    g->cells = cells;
    g->density = density;
    return g;
}

/* Masquelier's human parvocellular cells. He has no gain control (feedback 0, with amplification and leak 50 Hz and
 * tau 5 ms); here it is that of VirtualRetina's primate, so that contrasts of natural movies stay in the cells' range. */
void convis_numbers_retina(struct convis_retina *r)
{
    common(r);
    r->leaky_heat = 1;
    r->center_sigma = .05;
    r->center_tau = .01;
    r->surround_sigma = .15;
    r->surround_tau = .004;
    r->undershoot = 1;
    r->undershoot_weight = .8;
    r->undershoot_tau = .1;
    gain_control(r, .2);
    for (int sign = 1; sign >= -1; sign -= 2) {
        struct convis_ganglion *g = spiking_layer(r, sign, CONVIS_CELLS_DENSE, 20);
        g->transient_tau = .02;
        g->value_at_threshold = 37;
    }
}

/* VirtualRetina's EXAMPLE_primate_ParvoMagno.xml; its cells have no noise, these have that of its cat X cell. */
void convis_numbers_primate(struct convis_retina *r)
{
    common(r);
    r->log_polar = 1;
    r->log_polar_radius = 1;
    r->log_polar_scaling = 1;
    r->leaky_heat = 1;
    r->center_sigma = .03;
    r->surround_sigma = .1;
    gain_control(r, .2);
    for (int sign = 1; sign >= -1; sign -= 2) spiking_layer(r, sign, CONVIS_CELLS_CIRCULAR, 20);
    for (int sign = 1; sign >= -1; sign -= 2) {
        struct convis_ganglion *g = spiking_layer(r, sign, CONVIS_CELLS_CIRCULAR, 15);
        g->transient_weight = 1;
        g->amplification = 400;
        g->pool_sigma = .1;
    }
}

/* VirtualRetina's EXAMPLE_cat_X_cell.xml, ON and OFF cells at every pixel. Its receptive fields are those of the X cells of
 * C. Enroth-Cugell and J. G. Robson, J. Physiol. 187:517-552 (1966); its gain control was fitted to the responses in
 * R. M. Shapley and J. D. Victor, J. Physiol. 285:275-298 (1978). */
void convis_numbers_cat_x(struct convis_retina *r)
{
    common(r);
    r->ppd = 4;
    r->leaky_heat = 1;
    r->center_sigma = .88;
    r->surround_sigma = 2.35;
    r->undershoot = 1;
    r->undershoot_weight = .5;
    r->undershoot_tau = .2;
    gain_control(r, 2.5);
    for (int sign = 1; sign >= -1; sign -= 2) spiking_layer(r, sign, CONVIS_CELLS_DENSE, 4)->refractory_sd = .001;
}

/* VirtualRetina's EXAMPLE_linear_noSpikes.xml: the outer plexiform layer alone. */
void convis_numbers_linear(struct convis_retina *r)
{
    common(r);
    r->leaky_heat = 1;
    r->center_sigma = .1;
    r->surround_sigma = .3;
}
