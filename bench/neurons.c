/* neurons.c - how fast the spiking layers are: 1000 steps of 50x50 cells, forward, and forward with all gradients.
 *
 * For scale, Convis takes 7.5 s for the first line's forward pass. Cells get currents from none to the given one, different
 * for each, so that some rest and some fire, and all wax and wane. A substep is one evaluation of a cell's equations. */
#include "limits.h"
#include <convis/layer.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 1000, CHUNK = 100, SIDE = 50, CELLS = SIDE*SIDE };

typedef struct work { const char *type; double dt, substep, highest; } work;     /* substep 0: the layer has none */

static const convis_layer_type *type_named(const char *name)
{
    const convis_layer_type *const *t = convis_layer_types();
    while (*t && strcmp((*t)->name, name)) t++;
    return *t;
}

/* Seconds of the best of three runs; spikes: of the last. Negative when it failed. */
static double run(convis_context *c, const work *w, int gradients, double *spikes)
{
    convis_model *m = NULL;
    convis_tensor x = convis_view(malloc(sizeof(convis_real)*CHUNK*CELLS), convis_movie_shape(CHUNK, SIDE, SIDE)), d = x, y;
    d.data = malloc(sizeof(convis_real)*CHUNK*CELLS);
    double best = -1;
    convis_status status = x.data && d.data ? convis_model_new(c, w->dt, &m) : CONVIS_ENOMEM;
    if (!status) {
        for (int i = 0; i < CHUNK*CELLS; i++) {
            x.data[i] = (convis_real)(w->highest*(i%CELLS)/CELLS*(0.8 + 0.2*sin(0.1*(i/CELLS))));
            d.data[i] = 1;
        }
        convis_add(m, type_named(w->type), "cells", convis_input(m));
        if (w->substep > 0) status = convis_set(m, "cells.substep", w->substep);
        if (!status) status = convis_probe(m, "cells");
    }
    if (!status && gradients) status = convis_require_gradient(m, "input");
    if (!status && gradients) convis_require_gradient(m, "*");        /* not every layer has any */
    if (!status) status = convis_plan(m, x.shape);
    for (int repeat = 0; !status && repeat < 3; repeat++) {
        double start = bench_seconds();
        *spikes = 0;
        for (int t = 0; !status && t < STEPS; t += CHUNK) {
            status = convis_run(m, x);
            if (!status) status = convis_output(m, "cells", &y);
            for (int64_t i = 0; !status && i < CHUNK*CELLS; i++) *spikes += fabs((double)y.data[i]);
            if (!status && gradients) status = convis_vjp_from(m, "cells", d);
            if (!status && gradients) status = convis_vjp(m, NULL);
        }
        double seconds = bench_seconds() - start;
        if (best < 0 || seconds < best) best = seconds;
    }
    if (status) fprintf(stderr, "bench: %s\n", convis_message(c));
    convis_model_free(&m);
    free(x.data);
    free(d.data);
    return status ? -1 : best;
}

int main(void)
{
    static const work WORK[] = {
        { "hodgkin_huxley", 1e-4, 1e-4, 20 }, { "hodgkin_huxley", 1e-3, 1e-4, 20 }, { "hodgkin_huxley", 1e-3, 5e-5, 20 },
        { "izhikevich", 1e-3, 5e-4, 20 }, { "fitzhugh_nagumo", 1e-3, 1e-4, 1 }, { "lif", 1e-3, 0, 100 }, { "poisson", 1e-3, 0, 100 },
        { "event_camera", 1e-3, 0, 255 } };
    char machine[256];
    convis_context *c = NULL;
    int failed = 0;
    if (convis_open(&c, "cpu")) { fprintf(stderr, "bench: %s\n", convis_message(c)); return 1; }
    bench_machine(machine, sizeof machine);
    printf("%s, convis %s, %s, %d threads; %d steps of %dx%d cells\n", machine, convis_version(), convis_device_name(c),
           convis_thread_count(c), (int)STEPS, (int)SIDE, (int)SIDE);
    for (size_t k = 0; k < sizeof WORK/sizeof *WORK; k++) {
        const work *w = &WORK[k];
        double spikes = 0, forward = run(c, w, 0, &spikes), both = run(c, w, 1, &spikes);
        double steps = w->substep > 0 ? ceil(w->dt/w->substep - 1e-6) : 1;
        printf("%-16s dt %g ms", w->type, w->dt*1e3);
        if (w->substep > 0) printf(", substep %g ms", w->substep*1e3);
        printf(": %.3f s, %.1f ns a %s; with gradients %.3f s; %.0f spikes\n", forward, forward*1e9/((double)STEPS*CELLS*steps),
               steps > 1 ? "substep" : "step", both, spikes);
        if (forward < 0 || both < 0) failed = 1;
    }
    convis_close(&c);
    return failed;
}
