/* device.c - how fast models are on a graphics card, against the limits of the GPU and against this processor.
 *
 *      bench_device [DEVICE]           default: the first usable graphics card; "opencl:0.0" and the like for others
 *
 * The floor of a case is the longer of two times: its bytes, each read and written once by whoever needs them, at the rate of a copy that
 * is measured here; its operations (an addition or multiplication each) at the measured rate of fused multiplications and additions,
 * of which one counts as two. The movie is on the host and comes through the bus; where that takes longest it is said. */
#include "limits.h"
#include "device/device.h"
#include <convis/convis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The limits of the GPU ---- */

extern const char *const convis_limits_source[];
extern const convis_kernel convis_limits_kernels[];
enum { COPIED = 1 << 26, FMA_WORKERS = 1 << 20, FMA_TURNS = 512, FMA_CHAINS = 8 };

static double time_of(convis_device *d, const convis_device_kernel *k, void *const *buffers, const convis_span *span)
{
    double best = 1e9;
    for (int turn = 0; turn < 6 && !d->status; turn++) {
        double start = bench_seconds();
        for (int j = 0; j < 4; j++) convis_device_launch(d, k, buffers, span, 0, 0);
        if (convis_device_sync(d)) return 1e9;
        double took = (bench_seconds() - start)/4;
        if (took < best) best = took;
    }
    return best;
}

static int measure(convis_device *d, double *copy, double *flops, double *bus)
{
    convis_program *p = convis_device_program(d, "limits", convis_limits_source, convis_limits_kernels);
    const convis_device_kernel *copies = p ? convis_program_kernel(d, p, "limits_copy") : NULL;
    const convis_device_kernel *fused = p ? convis_program_kernel(d, p, "limits_fused") : NULL;
    float *a = convis_device_obtain(d, COPIED*sizeof *a), *b = convis_device_obtain(d, COPIED*sizeof *b),
          *host = malloc(COPIED*sizeof *host);
    if (!copies || !fused || !a || !b || !host) return 0;
    memset(host, 0, COPIED*sizeof *host);
    *copy = 8.0*COPIED/time_of(d, copies, (void *[]){ a, b }, &(convis_span){ .n = COPIED, .nt = 1 });
    *flops = 2.0*FMA_CHAINS*FMA_TURNS*FMA_WORKERS/
             time_of(d, fused, (void *[]){ a, b }, &(convis_span){ .n = FMA_WORKERS, .nt = FMA_TURNS });
    double start = bench_seconds();
    convis_device_put(d, CONVIS_QUEUE_IN, a, host, COPIED*sizeof *host);
    convis_device_sync(d);
    *bus = 4.0*COPIED/(bench_seconds() - start);
    convis_device_release(d, a);
    convis_device_release(d, b);
    free(host);
    return !d->status;
}

/* ---- Cases ---- */

typedef struct setting { const char *path; double value; } setting;
typedef struct model_case {
    const char *name, *recipe;               /* recipe: a built-in model, or NULL: the layers below, one after the other */
    struct { const char *type, *name; setting set[6]; } layer[5];
    int64_t side, frames;
    int     back;                            /* gradients of all parameters, too */
    double  operations, bytes;               /* of a pixel-step, and of its backward pass */
    const char *output;
} model_case;

/* Of a pixel-step of the retina, as bench/retina.c counts them. */
#define RETINA_OPERATIONS (2*25 + 9 + 1 + 77 + 2*(9 + 9 + 30 + 69 + 20))
#define RETINA_BYTES (4*(2*(2 + 2 + 2 + 3 + 2*(2 + 3)) + 1 + 2*5))
#define CONV(t, y, x) { "conv", "filter", { { "frames", t }, { "height", y }, { "width", x } } }
#define CONV_CASE(t, y, x, s, f) \
    { "conv " #t "x" #y "x" #x, NULL, { CONV(t, y, x) }, s, f, 0, 2.0*t*y*x, 8, "filter" }
static const model_case CASES[] = {
    { "pointwise: sigmoid, relu, scale", NULL, { { "sigmoid", "a", { { 0 } } }, { "relu", "b", { { 0 } } }, { "scale", "c", { { 0 } } } },
      512, 200, 0, 30, 3*8, "c" },
    { "retina", "retina", { { 0 } }, 512, 200, 0, RETINA_OPERATIONS, RETINA_BYTES, NULL },
    { "retina", "retina", { { 0 } }, 1024, 100, 0, RETINA_OPERATIONS, RETINA_BYTES, NULL },
    CONV_CASE(20, 10, 10, 128, 400), CONV_CASE(20, 10, 10, 512, 100), CONV_CASE(50, 20, 20, 128, 400), CONV_CASE(50, 20, 20, 512, 100),
    CONV_CASE(100, 11, 11, 128, 400), CONV_CASE(100, 11, 11, 512, 100),
    { "LN training, 20x10x10", NULL, { CONV(20, 10, 10), { "softplus", "rate", { { 0 } } } }, 128, 400, 1, 4.0*2000 + 20, 40, "rate" },
    { "McIntosh training", NULL, { { "conv", "conv_0", { { "channels", 8 }, { "frames", 10 }, { "height", 5 }, { "width", 5 } } },
        { "relu", "relu_0", { { 0 } } }, { "conv", "conv_1", { { "channels", 16 } } }, { "softplus", "rate", { { 0 } } } },
      128, 200, 1, 4.0*8*250 + 6.0*8*16 + 16*20, 4*(3*(8 + 8 + 16 + 16) + 2), "rate" },
};

static convis_status add_layers(convis_model *m, const model_case *b)
{
    convis_node at = convis_input(m);
    convis_status status = CONVIS_OK;
    for (int j = 0; j < 5 && b->layer[j].type; j++) {
        char path[64];
        at = convis_add(m, convis_layer_type_named(b->layer[j].type), b->layer[j].name, at);
        for (int k = 0; k < 6 && b->layer[j].set[k].path && !status; k++) {
            snprintf(path, sizeof path, "%s.%s", b->layer[j].name, b->layer[j].set[k].path);
            status = convis_set(m, path, b->layer[j].set[k].value);
        }
    }
    return status;
}

static convis_status build(convis_context *c, const model_case *b, int64_t frames, convis_model **m)
{
    convis_recipe *r = NULL;
    convis_status status = b->recipe ? convis_recipe_open(c, b->recipe, &r) : convis_model_new(c, 0.001, m);
    if (!status && b->recipe) status = convis_recipe_build(r, b->side, b->side, m);
    else if (!status) status = add_layers(*m, b);
    convis_recipe_free(&r);
    if (!status && b->back) status = convis_require_gradient(*m, "*");
    if (!status && b->back) status = convis_probe(*m, b->output);
    if (!status) status = convis_plan(*m, convis_movie_shape(frames, b->side, b->side));
    return status;
}

/* Seconds a frame: the best of a few calls. Negative: it cannot be done, and why was said. */
static double run(convis_context *c, const model_case *b, int64_t frames, int calls)
{
    convis_model *m = NULL;
    const int64_t n = b->side*b->side;
    convis_real *movie = malloc((size_t)(frames*n)*sizeof *movie), small = (convis_real)1e-3;
    double best = -1;
    convis_status status = movie ? build(c, b, frames, &m) : CONVIS_ENOMEM;
    for (int64_t i = 0; movie && i < frames*n; i++) movie[i] = (convis_real)(rand() & 255)/255;
    for (int k = 0; !status && k < calls; k++) {
        convis_shape frame;
        double start = bench_seconds();
        status = convis_run(m, convis_view(movie, convis_movie_shape(frames, b->side, b->side)));
        if (!status && b->back && !(status = convis_output_shape(m, b->output, &frame))) {
            frame.dim[CONVIS_T] = frames;
            status = convis_vjp_from(m, b->output, (convis_tensor){ &small, frame, { 0 } });
            if (!status) status = convis_vjp(m, NULL);
        }
        const double took = (bench_seconds() - start)/(double)frames;
        if (k && (best < 0 || took < best)) best = took;
    }
    if (status) fprintf(stderr, "bench: %s, %lldx%lld: %s\n", b->name, (long long)b->side, (long long)b->side, convis_message(c));
    convis_model_free(&m);
    free(movie);
    return status ? -1 : best;
}

int main(int argc, char **argv)
{
    char machine[256];
    double copy = 0, flops = 0, bus = 0;
    convis_context *gpu = NULL, *cpu = NULL;
    int failed = 0, quick = argc > 2 && !strcmp(argv[2], "quick");
    if (convis_open(&gpu, argc > 1 ? argv[1] : "auto") || convis_open(&cpu, "cpu")) {
        fprintf(stderr, "bench: %s\n", convis_message(gpu));
        return 1;
    }
    if (gpu->device->type->host_visible) {
        puts("there is no graphics card here ('convis devices' says why): nothing is measured");
        return 0;
    }
    if (!measure(gpu->device, &copy, &flops, &bus)) { fprintf(stderr, "bench: %s\n", convis_message(gpu)); return 1; }
    bench_machine(machine, sizeof machine);
    printf("%s (%s), convis %s; processor: %s, %d threads\n", gpu->device->title, gpu->device->name, convis_version(), machine,
           convis_thread_count(cpu));
    printf("copy %.0f GB/s, fused operations %.2f T/s, bus %.1f GB/s\n", copy*1e-9, flops*1e-12, bus*1e-9);
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        const model_case *b = &CASES[k];
        const double n = (double)(b->side*b->side), memory = n*b->bytes/copy, arithmetic = n*b->operations/flops;
        const double floor = memory > arithmetic ? memory : arithmetic, moved = 4*n/bus;
        const int64_t frames = quick ? 20 : b->frames;
        const double on_gpu = run(gpu, b, frames, quick ? 2 : 5), on_cpu = run(cpu, b, frames < 50 ? frames : 50, quick ? 2 : 3);
        printf("%-34s %4lldx%-4lld %9.1f us a frame; floor %8.1f (%s)%s: %3.0f %%; %5.1f times the processor\n", b->name,
               (long long)b->side, (long long)b->side, on_gpu*1e6, floor*1e6, memory > arithmetic ? "memory" : "arithmetic",
               moved > floor ? ", less than the bus takes" : "", 100*floor/on_gpu, on_cpu/on_gpu);
        fflush(stdout);
        if (on_gpu < 0) failed = 1;
    }
    convis_close(&gpu);
    convis_close(&cpu);
    return failed;
}
