/* retina.c - how fast the retina is, against what this machine could do at most.
 *
 * The work: the built-in `retina`, that is centre and surround by the leaky heat equation, undershoot, contrast gain
 * control, ON and OFF ganglion cells, and one noisy spiking cell per pixel and channel; 1000 steps, single precision, all
 * processors. One Mpx/s is a million pixels taken through one step of all that.
 *
 * The limit is the lesser of two: arithmetic (additions and multiplications one pixel-step needs, at the measured rate
 * without fused operations) and memory (the states one pixel-step must read and write back, from wherever they fit). */
#include "limits.h"
#include <convis/convis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Operations of a pixel-step, counted in the sources (a division, root or comparison as one):
 * leaky heat: two blurs of one implicit step, 2 axes x 5 each, and 5 to add the input: 25, for centre and surround
 * undershoot 9, difference 1; gain control: 4 implicit steps x 2 axes x 5, V with its exponential 34, A 3
 * each channel: transient 9, rectify 9; integrate and fire 30, a normal number (Philox 40, Box and Muller 29),
 * and for the pixels that spike or wake, one in two groups, a logarithm and an exponential: 20 */
enum { OPERATIONS = 2*25 + 9 + 1 + 77 + 2*(9 + 9 + 30 + 69 + 20) };
/* States, read and written: centre 2, undershoot 2, surround 2, gain control 3, each channel: transient 2, cell 3; the
 * movie read; maps between layers that others wait for: centre, undershoot, surround, opl, bipolar, once each way. */
enum { BYTES = 4*(2*(2 + 2 + 2 + 3 + 2*(2 + 3)) + 1 + 2*5) };

static double run(convis_context *c, const char *numerics, int64_t size, int64_t chunk, int64_t steps, double *single)
{
    convis_recipe *recipe = NULL;
    convis_model *model = NULL;
    convis_real *movie = malloc((size_t)(chunk*size*size)*sizeof *movie);
    convis_status status = movie ? convis_recipe_open(c, "retina", &recipe) : CONVIS_ENOMEM;
    double best = 0;
    if (!status) status = convis_recipe_set(recipe, "numerics", numerics);
    if (!status) status = convis_recipe_build(recipe, size, size, &model);
    if (!status) status = convis_plan(model, convis_movie_shape(chunk, size, size));
    if (!status) {
        for (int64_t i = 0; i < chunk*size*size; i++) movie[i] = (convis_real)(rand() & 255);
        convis_tensor in = convis_view(movie, convis_movie_shape(chunk, size, size));
        for (int64_t done = -chunk; !status && done < steps; done += chunk) {
            double start = bench_seconds();
            status = convis_run(model, in);
            double rate = (double)(chunk*size*size)/(bench_seconds() - start);
            if (done >= 0 && rate > best) best = rate;
        }
        if (!status && single) {
            double all = 0;
            in.shape.dim[CONVIS_T] = 1;
            for (int k = 0; !status && k < 200; k++) {
                double start = bench_seconds();
                status = convis_run(model, in);
                all += bench_seconds() - start;
            }
            *single = all/200;
        }
    }
    if (status) fprintf(stderr, "bench: %s\n", convis_message(c));
    convis_model_free(&model);
    convis_recipe_free(&recipe);
    free(movie);
    return status ? 0 : best;
}

int main(void)
{
    char machine[256];
    convis_context *c = NULL;
    if (convis_open(&c, "cpu")) { fprintf(stderr, "bench: %s\n", convis_message(c)); return 1; }
    int threads = convis_thread_count(c);
    bench_machine(machine, sizeof machine);
    double arithmetic = bench_arithmetic(threads), memory = bench_bandwidth(threads, (size_t)256 << 20);
    printf("%s, convis %s, %s, %d threads\n", machine, convis_version(), convis_device_name(c), threads);
    printf("arithmetic %.0f G/s, memory %.1f GB/s; a pixel-step needs %d operations and %d bytes of state and maps\n",
           arithmetic*1e-9, memory*1e-9, (int)OPERATIONS, (int)BYTES);
    static const struct { const char *numerics; int64_t size, chunk; } CASES[] = {
        { "converged", 128, 100 }, { "converged", 512, 100 }, { "virtualretina", 128, 100 }, { "virtualretina", 512, 100 } };
    int failed = 0;
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        double single = 0, size = (double)(CASES[k].size*CASES[k].size);
        double rate = run(c, CASES[k].numerics, CASES[k].size, CASES[k].chunk, 1000, CASES[k].size == 128 ? &single : NULL);
        double cache = bench_bandwidth(threads, (size_t)(size*BYTES/2)), by_memory = cache/BYTES,
               by_arithmetic = arithmetic/OPERATIONS;
        double limit = by_memory < by_arithmetic ? by_memory : by_arithmetic;
        printf("%-14s %4lldx%-4lld %7.1f Mpx/s   limit %7.1f (arithmetic %.0f, memory at this size %.0f): %3.0f %%",
               CASES[k].numerics, (long long)CASES[k].size, (long long)CASES[k].size, rate*1e-6, limit*1e-6,
               by_arithmetic*1e-6, by_memory*1e-6, 100*rate/limit);
        if (single > 0) printf("   one frame a call: %.3f ms", single*1e3);
        putchar('\n');
        if (!(rate > 0)) failed = 1;
    }
    convis_close(&c);
    return failed;
}
