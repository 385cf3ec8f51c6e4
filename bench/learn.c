/* learn.c - how fast gradients are: a movie through a model and backward to its first frame, beside what Convis takes.
 *
 * Each case is what one epoch of a fit does: forward with the states at the starts of chunks stored, then chunk by chunk from
 * the last, forward once more with a tape, and backward; where the movie is one chunk, forward and backward once. The gradient at the output
 * is one number for all pixels; parameters' gradients, and where stated the movie's, come out. Convis's seconds are those that its authors'
 * program took on a machine of this kind. */
#include "limits.h"
#include <convis/convis.h>
#include <convis/layer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

typedef struct layer { const char *type, *name; struct { const char *path; double value; } set[8]; } layer;

static const layer LN[] = {
    { "conv", "filter", { { "frames", 20 }, { "height", 10 }, { "width", 10 } } }, { "softplus", "rate", { { 0 } } }, { 0 } };
static const layer LNLN[] = {
    { "conv", "filter_0", { { "frames", 20 }, { "height", 10 }, { "width", 10 } } }, { "softplus", "rate_0", { { 0 } } },
    { "conv", "filter_1", { { "frames", 20 }, { "height", 10 }, { "width", 10 } } }, { "softplus", "rate_1", { { 0 } } }, { 0 } };
static const layer MCINTOSH[] = {
    { "conv", "conv_0", { { "channels", 8 }, { "frames", 10 }, { "height", 5 }, { "width", 5 } } }, { "relu", "relu_0", { { 0 } } },
    { "conv", "conv_1", { { "channels", 16 } } }, { "softplus", "rate", { { 0 } } }, { 0 } };
static const layer GAIN[] = { { "gain_control", "gain", { { "sigma", 0.2 }, { "amplification", 150 }, { "leak", 5 } } }, { 0 } };

typedef struct measured { const char *name; const layer *layers; int64_t frames, side, chunk; int input; double convis, factor; } measured;
static const measured CASES[] = {
    { "LN, 20x10x10, one epoch",     LN,       2000, 20,  2000, 0, 0.45, 30 },
    { "LNLN, 20x10x10, one epoch",   LNLN,     2000, 20,  2000, 0, 5.6, 50 },
    { "McIntosh CNN, forward and backward", MCINTOSH, 1000, 50, 1000, 0, 1.1, 5 },
    { "gain control, forward and backward", GAIN,     500,  50,  500, 1, 2.5, 100 },
    { "retina with gradients",       NULL,     1000, 128,   25, 0, 18, 50 },
};

static convis_status add_layers(convis_model *m, const layer *layers)
{
    convis_node at = convis_input(m);
    convis_status status = CONVIS_OK;
    char path[128];
    for (const layer *l = layers; l->type; l++) {
        const convis_layer_type *const *type = convis_layer_types();
        while (strcmp((*type)->name, l->type)) type++;
        at = convis_add(m, *type, l->name, at);
        for (int k = 0; k < 8 && l->set[k].path; k++) {
            snprintf(path, sizeof path, "%s.%s", l->name, l->set[k].path);
            if (!status) status = convis_set(m, path, l->set[k].value);
        }
    }
    return status;
}

static convis_status build(convis_context *c, const measured *b, convis_model **m, const char **outputs)
{
    convis_recipe *r = NULL;
    convis_status status;
    outputs[0] = outputs[1] = NULL;
    if (b->layers) {
        const layer *l = b->layers;
        while (l[1].type) l++;
        outputs[0] = l->name;
        status = convis_model_new(c, 0.001, m);
        if (!status) status = add_layers(*m, b->layers);
    } else {                                             /* up to the currents that drive the spiking cells */
        outputs[0] = "ganglion_0";
        outputs[1] = "ganglion_1";
        status = convis_recipe_open(c, "retina", &r);
        if (!status) status = convis_recipe_build(r, b->side, b->side, m);
        convis_recipe_free(&r);
    }
    if (!status) status = convis_require_gradient(*m, "*");
    if (!status && b->input) status = convis_require_gradient(*m, "input");
    for (int k = 0; !status && k < 2 && outputs[k]; k++) status = convis_probe(*m, outputs[k]);
    if (!status) status = convis_plan(*m, convis_movie_shape(b->chunk, b->side, b->side));
    return status;
}

/* One epoch. forward: seconds of the forward pass alone. */
static convis_status epoch(convis_model *m, const measured *b, const char *const *outputs, convis_tensor movie, convis_tensor d,
                           convis_tensor d_in, char *states, double *forward)
{
    const int64_t chunks = (b->frames + b->chunk - 1)/b->chunk;
    const size_t size = convis_state_size(m);
    double start = bench_seconds();
    convis_status status = convis_reset(m);
    for (int64_t k = 0; !status && k < chunks; k++) {
        status = convis_state_get(m, states + (size_t)k*size);
        if (!status) status = convis_run(m, convis_slice(movie, CONVIS_T, k*b->chunk, k*b->chunk + b->chunk));
    }
    *forward = bench_seconds() - start;
    if (!status) status = convis_grad_zero(m);
    for (int64_t k = chunks - 1; !status && k >= 0; k--) {
        if (chunks > 1) {
            status = convis_state_put(m, states + (size_t)k*size, size);
            if (!status) status = convis_run(m, convis_slice(movie, CONVIS_T, k*b->chunk, k*b->chunk + b->chunk));
        }
        for (int j = 0; !status && j < 2 && outputs[j]; j++) status = convis_vjp_from(m, outputs[j], d);
        if (!status) status = convis_vjp(m, b->input ? &d_in : NULL);
    }
    return status ? status : convis_vjp_baseline(m);
}

static int run(convis_context *c, const measured *b)
{
    convis_model *m = NULL;
    const char *outputs[2];
    convis_shape frame;
    double best = 1e9, best_forward = 1e9;
    const int64_t pixels = b->side*b->side;
    convis_status status = build(c, b, &m, outputs);
    if (!status) status = convis_output_shape(m, outputs[0], &frame);
    if (status) {
        fprintf(stderr, "bench: %s: %s\n", b->name, convis_message(c));
        convis_model_free(&m);
        return 1;
    }
    const size_t size = convis_state_size(m);
    char *states = malloc((size_t)(b->frames/b->chunk)*size + 1);
    convis_real *movie = malloc((size_t)(b->frames*pixels)*sizeof *movie),
                *d_movie = malloc((size_t)(b->chunk*pixels)*sizeof *d_movie);
    convis_real one = (convis_real)1e-3;
    for (int64_t i = 0; movie && i < b->frames*pixels; i++) movie[i] = (convis_real)((rand() & 255)/255.);
    frame.dim[CONVIS_T] = b->chunk;
    const convis_tensor d = { &one, frame, { 0, 0, 0, 0, 0 } };
    for (int k = 0; states && movie && d_movie && !status && k < 4; k++) {
        double forward, start = bench_seconds();
        status = epoch(m, b, outputs, convis_view(movie, convis_movie_shape(b->frames, b->side, b->side)), d,
                       convis_view(d_movie, convis_movie_shape(b->chunk, b->side, b->side)), states, &forward);
        double took = bench_seconds() - start;
        if (took < best) best = took;
        if (forward < best_forward) best_forward = forward;
    }
    if (status) fprintf(stderr, "bench: %s: %s\n", b->name, convis_message(c));
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("%-34s %4lld x %lldx%-4lld %7.4f s, of which forward %7.4f s; Convis %5.2f s: %5.0f times (asked %3.0f); %ld MB "
           "so far\n",
           b->name, (long long)b->frames, (long long)b->side, (long long)b->side, best, best_forward, b->convis, b->convis/best,
           b->factor, use.ru_maxrss/1000);
    free(states);
    free(movie);
    free(d_movie);
    convis_model_free(&m);
    return status != CONVIS_OK;
}

int main(int argc, char **argv)
{
    char machine[256];
    convis_context *c = NULL;
    int failed = 0;
    if (convis_open(&c, "cpu")) { fprintf(stderr, "bench: %s\n", convis_message(c)); return 1; }
    bench_machine(machine, sizeof machine);
    printf("%s, convis %s, %s, %d threads: gradients\n", machine, convis_version(), convis_device_name(c),
           convis_thread_count(c));
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++)
        if (argc < 2 || strstr(CASES[k].name, argv[1])) failed |= run(c, &CASES[k]);
    convis_close(&c);
    return failed;
}
