/* cascade.h - what the tests of fits share: a small cascade of layers with a known truth, recordings of what it answers, and a
 * folder for them. */
#ifndef CASCADE_H
#define CASCADE_H
#include "npy_out.h"
#include <convis/fit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 160, HEIGHT = 2, WIDTH = 3, UNITS = HEIGHT*WIDTH, SINGLE = sizeof(convis_real) == 4 };
static const double DT = 0.005;
static convis_context *c;
static char folder[] = "/tmp/convis-fit-XXXXXX";

static inline int end(void **state)
{
    char command[128];
    (void)state;
    convis_close(&c);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return chdir("/") || system(command);
}

/* ---- Files ---- */

static inline void write_stimulus(void)
{
    static double data[FRAMES*UNITS];
    /* Each frame is shown three times. */
    for (int i = 0; i < FRAMES*UNITS; i++) data[i] = chance(5, (uint64_t)(i/UNITS/3*UNITS + i%UNITS));
    write_npy("stimulus.npy", 3, (int64_t[]){ FRAMES, HEIGHT, WIDTH }, data);
}

static inline int begin(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || chdir(folder) || convis_open(&c, "cpu")) return 1;
    write_stimulus();
    return 0;
}

static inline convis_recording *opened(const char *response)
{
    convis_recording *r;
    const convis_recording_options o = { .stimulus = "stimulus.npy", .response = response, .dt = DT };
    must(c, convis_recording_open(c, &o, &r));
    return r;
}

/* ---- Models ---- */

/* Low pass, minus a share of its own low pass, then a smooth rectifier. */
static const char *const PATHS[] = { "low.tau", "high.tau", "high.weight", "synapse.threshold", "synapse.value_at_threshold",
                                    "synapse.amplification" };
static const double TRUTH[] = { 0.020, 0.060, 0.8, 0.05, 50, 140 }, START[] = { 0.011, 0.035, 0.5, 0, 70, 100 };
enum { PARAMETERS = sizeof TRUTH/sizeof *TRUTH };

static inline convis_model *cascade(const double *values, int require)
{
    convis_model *m;
    must(c, convis_model_new(c, DT, &m));
    convis_node low = convis_add(m, type_named("lowpass"), "low", convis_input(m));
    convis_node high = convis_add(m, type_named("highpass"), "high", low);
    convis_add(m, type_named("rectify"), "synapse", high);
    for (int k = 0; k < PARAMETERS; k++) {
        must(c, convis_set(m, PATHS[k], values[k]));
        if (require) must(c, convis_require_gradient(m, PATHS[k]));
    }
    must(c, convis_baseline(m, 0.3));
    return m;
}

static inline void predicted(const double *values, double *to)
{
    static double zeros[FRAMES*UNITS];
    convis_real out[FRAMES*UNITS];
    write_npy("zeros.npy", 2, (int64_t[]){ FRAMES, UNITS }, zeros);
    convis_model *m = cascade(values, 0);
    convis_recording *r = opened("zeros.npy");
    must(c, convis_predict(m, r, NULL, 0, out));
    for (int i = 0; i < FRAMES*UNITS; i++) to[i] = (double)out[i];
    convis_recording_close(&r);
    convis_model_free(&m);
}

/* response.npy: what the model with these values answers, with noise of this width; trials with noise of their own. */
static inline void write_response(const char *name, const double *values, double noise, int trials)
{
    double *data = malloc((size_t)(trials*FRAMES*UNITS)*sizeof *data);
    predicted(values, data);
    for (int i = trials*FRAMES*UNITS - 1; i >= 0; i--) data[i] = data[i%(FRAMES*UNITS)] + noise*(2*chance(9, (uint64_t)i) - 1);
    if (trials > 1) write_npy(name, 3, (int64_t[]){ trials, FRAMES, UNITS }, data);
    else write_npy(name, 2, (int64_t[]){ FRAMES, UNITS }, data);
    free(data);
}

static inline void values_of(convis_model *m, double *values)
{
    for (int k = 0; k < PARAMETERS; k++) must(c, convis_get(m, PATHS[k], &values[k]));
}

static inline double worst_ratio(const double *found, const double *expected)
{
    double worst = 0;
    for (int k = 0; k < PARAMETERS; k++) worst = fmax(worst, fabs(found[k] - expected[k])/fabs(expected[k]));
    return worst;
}

static const convis_fit_options DEFAULTS = CONVIS_FIT_DEFAULTS;
#endif
