/* settings.c - the one table of a retina's numbers, from which settings, XML, listings and documentation follow. */
#include "retina.h"
#include "base/lines.h"
#include "base/text.h"
#include "base/words.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The table. Defaults are those of VirtualRetina (its undershoot has none: Masquelier's, see retinas.c). ---- */

#define FIELD(f)            .offset = offsetof(struct convis_retina, f)
#define GANGLION(f)         .offset = offsetof(struct convis_ganglion, f)
#define AT(e, a)            .element = e, .attribute = a, .xml = e "/" a
#define PRESENCE(e)         .element = e, .xml = e
#define RANGE(d, lo, hi)    .initial = d, .min = lo, .max = hi
#define REAL                .type = CONVIS_ROW_REAL
#define WHOLE               .type = CONVIS_ROW_WHOLE
#define SWITCH              .type = CONVIS_ROW_SWITCH, .words = "off|on", .max = 1
#define WORD(w, last)       .type = CONVIS_ROW_WORD, .words = w, .max = last
#define NEEDS(p, m)         .needs = p, .mask = m
#define OPEN                .flags = CONVIS_ROW_OPEN
#define OURS                .flags = CONVIS_ROW_OURS
#define NONZERO             .flags = CONVIS_ROW_NONZERO
#define SIZE                .flags = CONVIS_ROW_SIZE
#define REQUIRED            .flags = CONVIS_ROW_REQUIRED

#define ROOT      "retina-description-file"
#define LINEAR    "linear-version"
#define LUMINANCE "luminance-gain-control-version"
#define GAIN      "contrast-gain-control|contrast-gain-control-custom"
#define CUSTOM    "contrast-gain-control-custom"
#define EYE       "basic-microsaccade-generator"
#define LAYER     "ganglion-layer"
#define SPIKES    "spiking-channel|spiking-channel-adap"
#define ADAP      "spiking-channel-adap"
#define ARRAY     "square-array|circular-array"

enum { IF_ON = 2, IF_LINEAR = 1, IF_LUMINANCE = 2, IF_GAIN = 2 + 4, IF_CUSTOM = 4, IF_SQUARE = 2, IF_CIRCULAR = 4 };

const struct convis_row convis_retina_rows[] = {
    { .path = "numerics", WORD("virtualretina|converged", 1), AT(ROOT, "numerics"), OURS, FIELD(numerics),
      .doc = "virtualretina: as the original program computes; converged: the same model solved accurately" },
    { .path = "dt", REAL, .unit = "s", RANGE(1, 0, 10), OPEN, AT("retina", "temporal-step__sec"), FIELD(dt),
      .doc = "time step" },
    { .path = "range", REAL, RANGE(255, -1e12, 1e12), NONZERO, AT("retina", "input-luminosity-range"), FIELD(range),
      .doc = "range of the input's luminance, by which it is divided; negative: bright and dark change places" },
    { .path = "ppd", REAL, .unit = "px/deg", RANGE(1, 0, 1e5), OPEN, AT("retina", "pixels-per-degree"), FIELD(ppd),
      .doc = "pixels per degree of visual angle" },
    { .path = "initial", REAL, RANGE(NAN, -1e12, 1e12), .words = "auto", AT(ROOT, "initial-luminance"), OURS, FIELD(initial),
      .doc = "luminance before the first frame; auto: half of range" },
    { .path = "cells.seed", WHOLE, RANGE(0, 0, 2147483647), AT(ROOT, "cells-seed"), OURS, FIELD(cell_seed),
      .doc = "seed of the arrays' random positions" },
    { .path = "cells.border", REAL, .unit = "px", RANGE(NAN, 0, 1e9), .words = "auto", AT(ROOT, "cells-border"), OURS, FIELD(cell_border),
      .doc = "how far from the edges arrays keep their cells; auto: as far as the blurs reach" },

    { .path = "log_polar", SWITCH, PRESENCE("log-polar-scheme"), FIELD(log_polar),
      .doc = "receptive fields grow and cells thin out away from a fovea" },
    { .path = "log_polar.radius", REAL, .unit = "deg", RANGE(1, 0, 1e4), AT("log-polar-scheme", "fovea-radius__deg"),
      FIELD(log_polar_radius), NEEDS("log_polar", IF_ON), .doc = "radius of the fovea" },
    { .path = "log_polar.scaling", REAL, .unit = "1/deg", RANGE(1, 0, 1e4),
      AT("log-polar-scheme", "scaling-factor-outside-fovea__inv-deg"), FIELD(log_polar_scaling), NEEDS("log_polar", IF_ON),
      .doc = "growth of receptive fields per degree outside the fovea" },

    { .path = "opl", WORD("linear|luminance", 1), PRESENCE(LINEAR "|" LUMINANCE), FIELD(opl),
      .doc = "outer plexiform layer: linear, or with the experimental luminance gain control" },
    { .path = "opl.center.sigma", REAL, .unit = "deg", RANGE(0, 0, 1e4), AT(LINEAR, "center-sigma__deg"),
      FIELD(center_sigma), NEEDS("opl", IF_LINEAR), .doc = "spread of the centre signal (receptors)" },
    { .path = "opl.center.tau", REAL, .unit = "s", RANGE(.01, 0, 1e4), AT(LINEAR, "center-tau__sec"),
      FIELD(center_tau), NEEDS("opl", IF_LINEAR), .doc = "time constant of the centre signal" },
    { .path = "opl.center.n", WHOLE, RANGE(0, 0, 100), AT(LINEAR, "center-n__uint"),
      FIELD(center_n), NEEDS("opl", IF_LINEAR), .doc = "order of the centre's gamma filter: n + 1 poles at tau/n; 0: one pole" },
    { .path = "opl.surround.sigma", REAL, .unit = "deg", RANGE(1, 0, 1e4), AT(LINEAR, "surround-sigma__deg"),
      FIELD(surround_sigma), NEEDS("opl", IF_LINEAR), .doc = "further spread of the surround signal (horizontal cells)" },
    { .path = "opl.surround.tau", REAL, .unit = "s", RANGE(.01, 0, 1e4), AT(LINEAR, "surround-tau__sec"),
      FIELD(surround_tau), NEEDS("opl", IF_LINEAR), .doc = "further time constant of the surround signal" },
    { .path = "opl.surround.weight", REAL, RANGE(0, -1e3, 1e3), AT(LINEAR, "opl-relative-weight"),
      FIELD(surround_weight), NEEDS("opl", IF_LINEAR), .doc = "weight of the surround against the centre; 0: no surround" },
    { .path = "opl.leaky_heat", SWITCH, AT(LINEAR, "leaky-heat-equation"),
      FIELD(leaky_heat), NEEDS("opl", IF_LINEAR), .doc = "centre and surround spread while they decay (leaky heat equation)" },
    { .path = "opl.amplification", REAL, RANGE(1, -1e9, 1e9), AT(LINEAR, "opl-amplification"),
      FIELD(opl_amplification), NEEDS("opl", IF_LINEAR), .doc = "gain, relative to range" },
    { .path = "opl.undershoot", SWITCH, PRESENCE("undershoot"),
      FIELD(undershoot), NEEDS("opl", IF_LINEAR), .doc = "the centre signal adapts: a partial high-pass" },
    { .path = "opl.undershoot.weight", REAL, RANGE(.8, -1e3, 1e3), REQUIRED, AT("undershoot", "relative-weight"),
      FIELD(undershoot_weight), NEEDS("opl.undershoot", IF_ON), .doc = "fraction that adaptation removes" },
    { .path = "opl.undershoot.tau", REAL, .unit = "s", RANGE(.1, 0, 1e4), REQUIRED, AT("undershoot", "tau__sec"),
      FIELD(undershoot_tau), NEEDS("opl.undershoot", IF_ON), .doc = "time constant of that adaptation" },

    { .path = "opl.receptor.amplification", REAL, RANGE(1, -1e9, 1e9), AT(LUMINANCE, "input-amplification-phototransduction"),
      FIELD(receptor_amplification), NEEDS("opl", IF_LUMINANCE), .doc = "without effect (as in the original program)" },
    { .path = "opl.receptor.tau", REAL, .unit = "s", RANGE(.01, 0, 1e4), AT(LUMINANCE, "tau-phototransduction__sec"),
      FIELD(receptor_tau), NEEDS("opl", IF_LUMINANCE), .doc = "without effect (as in the original program)" },
    { .path = "opl.receptor.sigma", REAL, .unit = "deg", RANGE(0, 0, 1e4), AT(LUMINANCE, "sigma-receptors__deg"),
      FIELD(receptor_sigma), NEEDS("opl", IF_LUMINANCE), .doc = "only widens the border kept free of cells" },
    { .path = "opl.receptor.leak", REAL, .unit = "Hz", RANGE(10, -1e5, 1e5), NONZERO, AT(LUMINANCE, "inert-leak-in-receptors"),
      FIELD(receptor_leak), NEEDS("opl", IF_LUMINANCE), .doc = "inert leak of the receptors" },
    { .path = "opl.horizontal.sigma", REAL, .unit = "deg", RANGE(1, 0, 1e4), AT(LUMINANCE, "sigma-horizontal-cells__deg"),
      FIELD(horizontal_sigma), NEEDS("opl", IF_LUMINANCE), .doc = "spread of the horizontal cells" },
    { .path = "opl.horizontal.tau", REAL, .unit = "s", RANGE(.01, 0, 1e4), AT(LUMINANCE, "additional-tau-horizontal-cells__sec"),
      FIELD(horizontal_tau), NEEDS("opl", IF_LUMINANCE), .doc = "time constant of the horizontal cells" },
    { .path = "opl.horizontal.weight", REAL, RANGE(0, -1e3, 1e3), AT(LUMINANCE, "relative-weight-surround-center"),
      FIELD(horizontal_weight), NEEDS("opl", IF_LUMINANCE), .doc = "weight of the horizontal cells in the output" },
    { .path = "opl.horizontal.feedback", REAL, RANGE(200, -1e6, 1e6), AT(LUMINANCE, "horizontal-feedback-amplification"),
      FIELD(horizontal_feedback), NEEDS("opl", IF_LUMINANCE), .doc = "feedback conductance on the receptors" },
    { .path = "opl.horizontal.nernst", REAL, RANGE(0, -1e9, 1e9), AT(LUMINANCE, "horizontal-feedback-nernst-potential"),
      FIELD(horizontal_nernst), NEEDS("opl", IF_LUMINANCE), .doc = "reversal potential of that feedback" },

    { .path = "bipolar", WORD("off|on|custom", 2), PRESENCE(GAIN), FIELD(bipolar),
      .doc = "bipolar cells with contrast gain control; custom: with the further parameters of the original" },
    { .path = "bipolar.amplification", REAL, .unit = "Hz", RANGE(100, -1e9, 1e9), AT(GAIN, "opl-amplification__Hz"),
      FIELD(bipolar_amplification), NEEDS("bipolar", IF_GAIN), .doc = "gain of the current from the outer plexiform layer" },
    { .path = "bipolar.leak", REAL, .unit = "Hz", RANGE(10, -1e5, 1e5), NONZERO, AT(GAIN, "bipolar-inert-leaks__Hz"),
      FIELD(bipolar_leak), NEEDS("bipolar", IF_GAIN), .doc = "inert leak conductance" },
    { .path = "bipolar.adaptation.sigma", REAL, .unit = "deg", RANGE(1, 0, 1e4), AT(GAIN, "adaptation-sigma__deg"),
      FIELD(adaptation_sigma), NEEDS("bipolar", IF_GAIN), .doc = "spread of the adaptation conductance (amacrine cells)" },
    { .path = "bipolar.adaptation.tau", REAL, .unit = "s", RANGE(.01, 0, 1e4), AT(GAIN, "adaptation-tau__sec"),
      FIELD(adaptation_tau), NEEDS("bipolar", IF_GAIN), .doc = "time constant of the adaptation conductance" },
    { .path = "bipolar.adaptation.amplification", REAL, .unit = "Hz", RANGE(100, -1e9, 1e9),
      AT(GAIN, "adaptation-feedback-amplification__Hz"), FIELD(adaptation_amplification), NEEDS("bipolar", IF_GAIN),
      .doc = "strength of the gain control; 0: none; negative: of its size, with the threshold's sign turned" },
    { .path = "bipolar.adaptation.exponent", REAL, RANGE(2, -100, 100), AT(CUSTOM, "adaptation-powerlaw-exponent"),
      FIELD(adaptation_exponent), NEEDS("bipolar", IF_CUSTOM), .doc = "power of the bipolar signal that drives adaptation" },
    { .path = "bipolar.adaptation.reversal", REAL, RANGE(0, -1e9, 1e9), AT(CUSTOM, "adaptation-E-inh"),
      FIELD(adaptation_reversal), NEEDS("bipolar", IF_CUSTOM), .doc = "reversal potential of the adaptation conductance" },
    { .path = "bipolar.adaptation.symmetric", SWITCH, .initial = 1, AT(CUSTOM, "adaptation-ONOFF-symmetry"),
      FIELD(adaptation_symmetric), NEEDS("bipolar", IF_CUSTOM), .doc = "both signs of the bipolar signal drive adaptation" },
    { .path = "bipolar.adaptation.threshold", REAL, RANGE(0, -1e9, 1e9), AT(CUSTOM, "bipolar-to-adaptation-threshold"),
      FIELD(adaptation_threshold), NEEDS("bipolar", IF_CUSTOM), .doc = "bipolar signal above which adaptation begins" },
    { .path = "bipolar.transient.weight", REAL, .unit = "Hz", RANGE(0, -1e9, 1e9), AT(CUSTOM, "transient-relative-weight"),
      FIELD(bipolar_transient_weight), NEEDS("bipolar", IF_CUSTOM), .doc = "delayed feedback, added with positive sign as in the original" },
    { .path = "bipolar.transient.tau", REAL, .unit = "s", RANGE(.03, 0, 1e4), AT(CUSTOM, "transient-tau__sec"),
      FIELD(bipolar_transient_tau), NEEDS("bipolar", IF_CUSTOM), .doc = "time constant of that feedback" },

    { .path = "ganglions", WHOLE, RANGE(0, 0, CONVIS_GANGLIONS), FIELD(ganglions), .xml = LAYER,
      .doc = "number of ganglion layers; more: new ones with default values, fewer: the last ones go" },

    { .path = "eye", SWITCH, PRESENCE(EYE), FIELD(eye), .doc = "fixational eye movements: microsaccades" },
    { .path = "eye.period", REAL, .unit = "s", RANGE(.2, 0, 1e6), AT(EYE, "period-mean__sec"),
      FIELD(eye_period), NEEDS("eye", IF_ON), .doc = "mean time from one microsaccade to the next" },
    { .path = "eye.period_sd", REAL, .unit = "s", RANGE(.04, 0, 1e6), SIZE, AT(EYE, "period-stdev__sec"),
      FIELD(eye_period_sd), NEEDS("eye", IF_ON), .doc = "standard deviation of that time" },
    { .path = "eye.amplitude", REAL, .unit = "deg", RANGE(10, 0, 1e4), AT(EYE, "amplitude-mean__deg"),
      FIELD(eye_amplitude), NEEDS("eye", IF_ON), .doc = "mean amplitude; four times it is taken from the image" },
    { .path = "eye.amplitude_sd", REAL, .unit = "deg", RANGE(.04, 0, 1e4), SIZE, AT(EYE, "amplitude-stdev__deg"),
      FIELD(eye_amplitude_sd), NEEDS("eye", IF_ON), .doc = "standard deviation of the amplitude; always 0.04 in virtualretina numerics" },
    { .path = "eye.duration", REAL, .unit = "s", RANGE(10, 0, 1e6), AT(EYE, "saccade-duration-mean__sec"),
      FIELD(eye_duration), NEEDS("eye", IF_ON), .doc = "mean duration of a microsaccade" },
    { .path = "eye.duration_sd", REAL, .unit = "s", RANGE(.04, 0, 1e6), SIZE, AT(EYE, "saccade-duration-stdev__sec"),
      FIELD(eye_duration_sd), NEEDS("eye", IF_ON), .doc = "standard deviation of the duration" },
    { .path = "eye.angular_noise", REAL, .unit = "pi rad", RANGE(.3, 0, 1e3), SIZE, AT(EYE, "angular-noise__pi-radians"),
      FIELD(eye_angular_noise), NEEDS("eye", IF_ON), .doc = "spread of the direction around that back to the centre" },
    { 0 }
};

const struct convis_row convis_ganglion_rows[] = {
    { .path = "sign", .type = CONVIS_ROW_SIGN, .words = "off||on", .initial = 1, .min = -1, .max = 1, AT(LAYER, "sign"), GANGLION(sign),
      .doc = "on: ON cells, off: OFF cells; in XML 1 and -1" },
    { .path = "transient.tau", REAL, .unit = "s", RANGE(.04, 0, 1e4), AT(LAYER, "transient-tau__sec"),
      GANGLION(transient_tau), .doc = "time constant of the transient (amacrine) high-pass" },
    { .path = "transient.weight", REAL, RANGE(.75, -1e3, 1e3), AT(LAYER, "transient-relative-weight"),
      GANGLION(transient_weight), .doc = "fraction that the high pass removes; 1: purely transient, 0: none" },
    { .path = "threshold", REAL, RANGE(0, -1e9, 1e9), AT(LAYER, "bipolar-linear-threshold"),
      GANGLION(threshold), .doc = "bipolar signal above which the current grows linearly" },
    /* Below 0 and at 5e5 Hz, where the original's synapses saturate, the rectifier is a curve with a pole. */
    { .path = "value_at_threshold", REAL, .unit = "Hz", RANGE(70, -1e9, 1e9), AT(LAYER, "value-at-linear-threshold__Hz"),
      GANGLION(value_at_threshold), .doc = "current at that threshold" },
    { .path = "amplification", REAL, .unit = "Hz", RANGE(100, -1e9, 1e9), AT(LAYER, "bipolar-amplification__Hz"),
      GANGLION(amplification), .doc = "slope of the current above the threshold" },
    { .path = "pool.sigma", REAL, .unit = "deg", RANGE(0, 0, 1e4), AT(LAYER, "sigma-pool__deg"),
      GANGLION(pool_sigma), .doc = "spread over which the cell pools its excitation; 0: none" },

    { .path = "spikes", SWITCH, PRESENCE(SPIKES), GANGLION(spikes),
      .doc = "the layer's cells spike; turning it on gives every pixel a cell unless `cells` says otherwise" },
    { .path = "spikes.leak", REAL, .unit = "Hz", RANGE(50, 0, 1e9), OPEN, AT(SPIKES, "g-leak__Hz"),
      GANGLION(leak), NEEDS("spikes", IF_ON), .doc = "leak conductance of the integrate-and-fire cell" },
    { .path = "spikes.refractory", REAL, .unit = "s", RANGE(.003, 0, 1e3), AT(SPIKES, "refr-mean__sec"),
      GANGLION(refractory), NEEDS("spikes", IF_ON), .doc = "mean refractory time" },
    { .path = "spikes.refractory_sd", REAL, .unit = "s", RANGE(0, 0, 1e3), SIZE, AT(SPIKES, "refr-stdev__sec"),
      GANGLION(refractory_sd), NEEDS("spikes", IF_ON), .doc = "standard deviation of the refractory time" },
    { .path = "spikes.noise", REAL, RANGE(0, 0, 1e3), SIZE, AT(SPIKES, "sigma-V"),
      GANGLION(noise), NEEDS("spikes", IF_ON), .doc = "standard deviation of the potential by noise; the threshold is 1" },
    { .path = "spikes.random_init", SWITCH, AT(SPIKES, "random-init"),
      GANGLION(random_init), NEEDS("spikes", IF_ON), .doc = "cells start at random potentials instead of 0" },
    { .path = "spikes.adaptation", SWITCH, PRESENCE(ADAP),
      GANGLION(adaptation), NEEDS("spikes", IF_ON), .doc = "spike-frequency adaptation" },
    { .path = "spikes.adaptation.delta", REAL, .unit = "Hz", RANGE(0, -1e5, 1e5), AT(ADAP, "delta-g-adap__Hz"),
      GANGLION(adaptation_delta), NEEDS("spikes.adaptation", IF_ON), .doc = "conductance that each spike adds" },
    { .path = "spikes.adaptation.tau", REAL, .unit = "s", RANGE(0, 0, 1e4), .flags = CONVIS_ROW_OPEN | CONVIS_ROW_REQUIRED, AT(ADAP, "tau-g-adap__sec"),
      GANGLION(adaptation_tau), NEEDS("spikes.adaptation", IF_ON), .doc = "time constant with which it decays" },
    { .path = "spikes.adaptation.reversal", REAL, RANGE(0, -1e9, 1e9), AT(ADAP, "E-adap"),
      GANGLION(adaptation_reversal), NEEDS("spikes.adaptation", IF_ON), .doc = "reversal potential of that conductance" },

    { .path = "cells", WORD("none|square|circular|dense", 3), PRESENCE(ARRAY), GANGLION(cells), NEEDS("spikes", IF_ON),
      .doc = "where the cells lie; dense: one per pixel. Setting it drops an explicit list of cells" },
    { .path = "size_x", REAL, .unit = "deg", RANGE(0, -1e6, 1e6), AT("square-array", "size-x__deg"),
      GANGLION(size_x), NEEDS("cells", IF_SQUARE), .doc = "width of the array; 0: as the map allows; negative: no cells" },
    { .path = "size_y", REAL, .unit = "deg", RANGE(0, -1e6, 1e6), AT("square-array", "size-y__deg"),
      GANGLION(size_y), NEEDS("cells", IF_SQUARE), .doc = "height of the array; 0: as the map allows; negative: no cells" },
    { .path = "diameter", REAL, .unit = "deg", RANGE(0, -1e6, 1e6), AT("circular-array", "diameter__deg"),
      GANGLION(diameter), NEEDS("cells", IF_CIRCULAR), .doc = "diameter of the array; 0: as the map allows; negative: no cells" },
    { .path = "density", REAL, .unit = "1/deg", RANGE(1, -1e5, 1e5),
      AT(ARRAY, "uniform-density__inv-deg|fovea-density__inv-deg"), GANGLION(density), NEEDS("cells", IF_SQUARE + IF_CIRCULAR),
      .doc = "cells per degree along a line (circular: in the fovea); 0 or less, in square arrays only: no cells" },
    { .path = "position_noise", REAL, RANGE(0, 0, 100), SIZE, AT(ARRAY, "noise_pos"),
      GANGLION(position_noise), NEEDS("cells", IF_SQUARE + IF_CIRCULAR), .doc = "largest random shift of a cell, in cell spacings" },
    { 0 }
};

/* ---- Values ---- */

static int is_real(const struct convis_row *row) { return row->type == CONVIS_ROW_REAL; }
static int whole(const struct convis_row *row, const void *base) { return *(const int *)((const char *)base + row->offset); }

static void store(const struct convis_row *row, void *base, double v)
{
    void *at = (char *)base + row->offset;
    if (is_real(row)) *(double *)at = v; else *(int *)at = (int)v;
}

static void defaults(const struct convis_row *rows, void *base)
{
    for (const struct convis_row *row = rows; row->path; row++) store(row, base, row->initial);
}

void convis_ganglion_init(struct convis_ganglion *g)
{
    memset(g, 0, sizeof *g);
    defaults(convis_ganglion_rows, g);
}

void convis_retina_init(struct convis_retina *r)
{
    memset(r, 0, sizeof *r);
    defaults(convis_retina_rows, r);
}

void convis_retina_clear(convis_context *c, struct convis_retina *r)
{
    for (int g = 0; g < CONVIS_GANGLIONS; g++) convis_release(c, r->ganglion[g].listed);
    memset(r, 0, sizeof *r);
}

double convis_retina_initial(const struct convis_retina *r) { return isnan(r->initial) ? r->range/2 : r->initial; }

/* ---- Words and numbers as text ---- */

void convis_row_print(const struct convis_row *row, const void *base, char *text, size_t size)
{
    if (!is_real(row)) {
        int v = whole(row, base);
        if (!row->words || !convis_word_of(row->words, row->min, v, text, size)) snprintf(text, size, "%d", v);
        return;
    }
    double v = *(const double *)((const char *)base + row->offset);
    if (isnan(v) && row->words) snprintf(text, size, "%s", row->words); else convis_number_print(v, text, size);
}

static convis_status bad_range(convis_context *c, const struct convis_row *row, const char *where, double v)
{
    const char *space = row->unit ? " " : "", *unit = row->unit ? row->unit : "";
    char found[32], bound[32];
    int low = !(v > row->min);
    convis_number_print(v, found, sizeof found);
    convis_number_print(low ? row->min : row->max, bound, sizeof bound);
    if (low && row->flags & CONVIS_ROW_OPEN)
        return convis_fail(c, CONVIS_EINVAL, "%s: %s%s%s, expected more than %s%s%s", where, found, space, unit, bound, space,
                           unit);
    return convis_fail(c, CONVIS_EINVAL, "%s: %s%s%s is %s value %s%s%s", where, found, space, unit,
                       low ? "below the smallest" : "above the largest", bound, space, unit);
}

convis_status convis_row_parse(convis_context *c, const struct convis_row *row, const char *where, const char *text, void *base)
{
    char quoted[64];
    const char *begin = text + strspn(text, " \t\r\n");
    size_t length = strlen(begin);
    while (length && strchr(" \t\r\n", begin[length - 1])) length--;

    if (row->words) {
        double k;
        if (convis_word_value(row->words, row->min, begin, length, &k)) {
            store(row, base, is_real(row) ? (double)NAN : k);
            return CONVIS_OK;
        }
        if (row->type == CONVIS_ROW_WORD)
            return convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected %s", where, convis_quoted(quoted, text),
                               CONVIS_WORDS_LIST(row->words));
    }

    /* Decimal notation only: no "nan", "inf" or hexadecimal, which strtod would take. */
    int plain = length && strspn(begin, "0123456789+-.eE") >= length;
    char *end = NULL;
    double v = 0;
    if (plain) {
        locale_t before = convis_lines_locale((locale_t)0);
        v = strtod(begin, &end);
        convis_lines_locale(before);
    }
    const char *in = row->unit ? " in " : "", *unit = row->unit ? row->unit : "";
    if (!plain || end != begin + length) {
        if (row->type == CONVIS_ROW_SWITCH)
            return convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected on or off (1 or 0)", where, convis_quoted(quoted, text));
        return convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected a %snumber%s%s", where, convis_quoted(quoted, text),
                           row->type == CONVIS_ROW_WHOLE ? "whole " : "", in, unit);
    }
    if (row->type == CONVIS_ROW_SIGN) { store(row, base, v < 0 ? -1 : 1); return CONVIS_OK; }
    if (!is_real(row) && v != floor(v))
        return convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected a whole number", where, convis_quoted(quoted, text));
    if (row->flags & CONVIS_ROW_SIZE) v = fabs(v);
    if (row->flags & CONVIS_ROW_NONZERO && v == 0)
        return convis_fail(c, CONVIS_EINVAL, "%s: 0%s%s, expected a number other than 0", where, *unit ? " " : "", unit);
    if (v < row->min || v > row->max || (row->flags & CONVIS_ROW_OPEN && v <= row->min)) return bad_range(c, row, where, v);
    store(row, base, v);
    return CONVIS_OK;
}

/* ---- Paths ---- */

struct place { const struct convis_row *rows, *row; char *base; int ganglion; };

static const struct convis_row *find(const struct convis_row *rows, const char *path)
{
    for (; rows->path; rows++) if (!strcmp(rows->path, path)) return rows;
    return NULL;
}

static void full_path(const struct place *p, const struct convis_row *row, char *text, size_t size)
{
    if (p->ganglion < 0) snprintf(text, size, "%s", row->path);
    else snprintf(text, size, "ganglion_%d.%s", p->ganglion, row->path);
}

static convis_status no_such(convis_context *c, const char *path, int ganglion)
{
    char full[128], quoted[64];
    convis_hint hint = CONVIS_HINT(path);
    const struct place p = { .rows = ganglion < 0 ? convis_retina_rows : convis_ganglion_rows, .ganglion = ganglion };
    for (const struct convis_row *row = p.rows; row->path; row++) {
        full_path(&p, row, full, sizeof full);
        convis_hint_offer(&hint, full);
    }
    return convis_fail(c, CONVIS_ENAME, "'%s': no such setting%s", convis_quoted(quoted, path), hint.text);
}

/* Find a path. create: the next ganglion layer may come into being. */
static convis_status locate(convis_context *c, struct convis_retina *r, const char *path, int create, struct place *p)
{
    *p = (struct place){ convis_retina_rows, NULL, (char *)r, -1 };
    const char *rest = path;
    if (!strncmp(path, "ganglion_", 9) && path[9] >= '0' && path[9] <= '9') {
        char *end;
        long g = strtol(path + 9, &end, 10);
        if (*end == '.') {
            if (g > r->ganglions || g >= CONVIS_GANGLIONS || (g == r->ganglions && !create)) {
                char quoted[64];
                if (r->ganglions == CONVIS_GANGLIONS)
                    return convis_fail(c, CONVIS_ENAME,
                                       "'%s': this retina has its most ganglion layers, ganglion_0 to ganglion_%d",
                                       convis_quoted(quoted, path), CONVIS_GANGLIONS - 1);
                return convis_fail(c, CONVIS_ENAME, "'%s': this retina has %d ganglion layer%s; the next would be ganglion_%d",
                                   convis_quoted(quoted, path), r->ganglions, r->ganglions == 1 ? "" : "s", r->ganglions);
            }
            rest = end + 1;
            p->rows = convis_ganglion_rows;
            p->ganglion = (int)g;
            p->base = (char *)&r->ganglion[g];
        }
    }
    p->row = find(p->rows, rest);
    if (!p->row) return no_such(c, path, p->ganglion);
    if (p->ganglion >= 0 && p->ganglion == r->ganglions) {
        convis_ganglion_init(&r->ganglion[p->ganglion]);
        r->ganglions++;
    }
    return CONVIS_OK;
}

/* Turn on what a number needs. Only off -> on and on -> custom go by themselves: they lose nothing. */
static convis_status turn_on(convis_context *c, const struct place *p, const struct convis_row *row)
{
    if (!row->needs) return CONVIS_OK;
    const struct convis_row *sw = find(p->rows, row->needs);
    int now = whole(sw, p->base), lowest = 0;
    if (!(row->mask >> now & 1)) {
        char word[32], path[128], other[128], name[32];
        convis_word_of(sw->words, sw->min, now, word, sizeof word);
        while (!(row->mask >> lowest & 1)) lowest++;
        if (strcmp(word, "off") && strcmp(word, "none") && strcmp(word, "on")) {
            full_path(p, row, path, sizeof path);
            full_path(p, sw, other, sizeof other);
            convis_word_of(sw->words, sw->min, lowest, name, sizeof name);
            return convis_fail(c, CONVIS_EINVAL, "%s: %s is %s; set %s to %s first", path, other, word, other, name);
        }
        store(sw, p->base, lowest);
    }
    return turn_on(c, p, sw);
}

static void drop_units(convis_context *c, struct convis_ganglion *g)
{
    convis_release(c, g->listed);
    g->listed = NULL;
    g->listed_count = 0;
}

convis_status convis_retina_set(convis_context *c, struct convis_retina *r, const char *path, const char *value)
{
    struct convis_retina next = *r;                      /* nothing changes unless all of it can */
    struct place p;
    char where[128];
    convis_status status = locate(c, &next, path, 1, &p);
    if (status) return status;
    full_path(&p, p.row, where, sizeof where);
    if ((status = convis_row_parse(c, p.row, where, value, p.base))) return status;

    int is_off = !is_real(p.row) && !p.row->attribute && !whole(p.row, p.base);
    if (!is_off && (status = turn_on(c, &p, p.row))) return status;

    struct convis_ganglion *g = p.ganglion < 0 ? NULL : &next.ganglion[p.ganglion];
    if (g && g->spikes && !g->cells && !g->listed && strcmp(p.row->path, "cells")) g->cells = CONVIS_CELLS_DENSE;

    if (g && !strcmp(p.row->path, "cells")) drop_units(c, g);
    for (int k = r->ganglions; k < next.ganglions; k++) if (!g) convis_ganglion_init(&next.ganglion[k]);
    for (int k = next.ganglions; k < r->ganglions; k++) drop_units(c, &next.ganglion[k]);
    *r = next;
    return CONVIS_OK;
}

convis_status convis_retina_get(convis_context *c, const struct convis_retina *r, const char *path, char *value, size_t size)
{
    struct place p;
    convis_status status = locate(c, (struct convis_retina *)(uintptr_t)r, path, 0, &p);   /* without create it only reads */
    if (!status) convis_row_print(p.row, p.base, value, size);
    return status;
}

/* ---- Listing: the numbers that count with the present switches, and all switches that can be turned. ---- */

static int counts(const struct convis_row *rows, const struct convis_row *row, const void *base)
{
    if (!row->needs) return 1;
    const struct convis_row *sw = find(rows, row->needs);
    return (row->mask >> whole(sw, base) & 1) && counts(rows, sw, base);
}

/* What it is where nothing says otherwise. */
static void print_initial(const struct convis_row *row, char *text, size_t size)
{
    double room = 0;                                     /* of the row alone */
    struct convis_row own = *row;
    own.offset = 0;
    store(&own, &room, row->initial);
    convis_row_print(&own, &room, text, size);
}

static int list_rows(const struct convis_row *rows, const void *base, int ganglion, int *index, convis_setting *s)
{
    for (const struct convis_row *row = rows; row->path; row++) {
        if (!counts(rows, row, base) || (*index)-- > 0) continue;
        full_path(&(struct place){ rows, row, NULL, ganglion }, row, s->path, sizeof s->path);
        convis_row_print(row, base, s->value, sizeof s->value);
        print_initial(row, s->initial, sizeof s->initial);
        s->min = row->min;
        s->max = row->max;
        s->whole = row->type == CONVIS_ROW_WHOLE;
        s->word = row->words && !is_real(row);
        s->words = row->words;
        s->open = (row->flags & CONVIS_ROW_OPEN) != 0;
        if (row->type == CONVIS_ROW_WORD) s->min = s->max = (double)NAN;
        s->unit = row->unit ? row->unit : "";
        s->doc = row->doc;
        s->xml = row->xml ? row->xml : "";
        return 1;
    }
    return 0;
}

int convis_retina_list(const struct convis_retina *r, int index, convis_setting *s)
{
    if (index < 0) return 0;
    memset(s, 0, sizeof *s);
    if (list_rows(convis_retina_rows, r, -1, &index, s)) return 1;
    for (int g = 0; g < r->ganglions; g++) if (list_rows(convis_ganglion_rows, &r->ganglion[g], g, &index, s)) return 1;
    return 0;
}

/* ---- Checks of numbers against each other ---- */

convis_status convis_retina_check(convis_context *c, const struct convis_retina *r)
{
    if (r->opl == CONVIS_OPL_LINEAR && r->leaky_heat) {
        if (r->center_sigma > 0 && !(r->center_tau > 0))
            return convis_fail(c, CONVIS_EINVAL, "opl.center.tau: 0 s, expected more with opl.leaky_heat on");
        if (r->surround_weight != 0 && r->surround_sigma > 0 && !(r->surround_tau > 0))
            return convis_fail(c, CONVIS_EINVAL, "opl.surround.tau: 0 s, expected more with opl.leaky_heat on");
    }
    for (int k = 0; k < r->ganglions; k++) {
        const struct convis_ganglion *g = &r->ganglion[k];
        if (!g->spikes) continue;
        if (!g->cells && !g->listed)
            return convis_fail(c, CONVIS_EINVAL,
                               "ganglion_%d.cells: none, expected square, circular or dense for a layer that spikes", k);
        if (g->cells == CONVIS_CELLS_CIRCULAR && !g->listed && !(g->density > 0))
            return convis_fail(c, CONVIS_EINVAL, "ganglion_%d.density: %g 1/deg, expected more than 0 for a circular array", k,
                               g->density);
        if (g->adaptation && !(g->adaptation_tau > 0))
            return convis_fail(c, CONVIS_EINVAL, "ganglion_%d.spikes.adaptation.tau: 0 s, expected more than 0 s", k);
    }
    return CONVIS_OK;
}
