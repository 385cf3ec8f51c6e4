/* bench.c - how fast this machine simulates a model: steps of random luminance, timed whole.
 *
 * bench/ holds the benchmarks that compare against the machine's limits; this command answers "how fast will it be here?". */
#include "cli.h"
#include <stdlib.h>
#include <time.h>

static const cli_page PAGE = { "bench", "[MODEL] [OPTION]...", "Time a model on random movies: Mpixel-steps per second.",
    "  convis bench                                the built-in retina, 128x128 and 512x512\n"
    "  convis bench primate --size 256x256         another model, one size\n"
    "  convis bench --single                       one frame at a time, as in a closed loop\n", 0, 1 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9*(double)t.tv_nsec;
}

/* Luminance that no cache or branch predictor can guess, but the same each time. */
static void fill(convis_real *frames, int64_t n)
{
    uint32_t s = 1;
    for (int64_t i = 0; i < n; i++) {
        s = s*1664525u + 1013904223u;
        frames[i] = (convis_real)(s >> 24);
    }
}

static convis_status measure(convis_context *c, const char *name, int64_t w, int64_t h, int64_t steps, int64_t chunk)
{
    convis_recipe *recipe = NULL;
    convis_model *model = NULL;
    convis_real *frames = NULL;
    const char *input;
    convis_shape shape = convis_movie_shape(chunk, h, w), declared;
    convis_status status = convis_recipe_open(c, name, &recipe);
    if (!status && convis_recipe_input(recipe, 0, &input, &declared) && declared.dim[CONVIS_C])
        shape.dim[CONVIS_C] = declared.dim[CONVIS_C];
    if (!status && !(frames = malloc((size_t)convis_elements(shape)*sizeof *frames))) status = CONVIS_ENOMEM;
    if (!status) status = convis_recipe_build(recipe, w, h, &model);
    if (!status) status = convis_plan(model, shape);
    if (!status) {
        fill(frames, convis_elements(shape));
        convis_tensor in = convis_view(frames, shape);
        double best = 1e30, all = 0;
        for (int64_t k = 0; !status && k*chunk < steps + chunk; k++) {       /* the first chunk warms up */
            double start = now();
            status = convis_run(model, in);
            double took = now() - start;
            if (k && took < best) best = took;
            if (k) all += took;
        }
        int64_t runs = (steps + chunk - 1)/chunk;
        double pixels = (double)(w*h*chunk)*1e-6;
        if (!status)
            printf("%-10s %5lldx%-5lld %6lld steps a call   %8.1f Mpx/s (best %.1f)   %.4f ms a step\n", name, (long long)w,
                   (long long)h, (long long)chunk, pixels*(double)runs/all, pixels/best,
                   1e3*all/(double)(runs*chunk));
    }
    convis_model_free(&model);
    convis_recipe_free(&recipe);
    free(frames);
    return status;
}

int cli_bench(int argc, char **argv)
{
    const char *device = "auto";
    cli_size size = { 0, 0 };
    int64_t steps = 1000, chunk = 0;
    int threads = 0, single = 0;
    cli_list words = { 0 };
    const cli_option options[] = {
        { 0, "size",    "WxH", CLI_SIZE,  &size,    "pixels (128x128, then 512x512)" },
        { 0, "steps",   "N",   CLI_COUNT, &steps,   "steps to time (1000)" },
        { 0, "chunk",   "N",   CLI_COUNT, &chunk,   "steps a call (100; fewer for large maps)" },
        { 0, "single",  NULL,  CLI_FLAG,  &single,  "one step a call" },
        { 0, "threads", "N",   CLI_INT,   &threads, "threads (all cores)" },
        { 0, "device",  "NAME", CLI_TEXT, &device,  "as in 'convis run'" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    const char *name = words.count ? words.at[0] : "retina";
    convis_context *c = NULL;
    convis_status status = convis_open(&c, device);
    if (!status) status = convis_threads(c, threads);
    if (!status) printf("convis %s, %s, %d threads\n", convis_version(), convis_device_name(c), convis_thread_count(c));
    cli_size sizes[2] = { { 128, 128 }, { 512, 512 } };
    int count = 2;
    if (size.width) { sizes[0] = size; count = 1; }
    for (int k = 0; !status && k < count; k++) {
        int64_t n = sizes[k].width*sizes[k].height, fit = 26214400/n, length = single ? 1 : chunk ? chunk : fit < 1 ? 1 : fit > 100 ? 100 : fit;
        status = measure(c, name, sizes[k].width, sizes[k].height, steps, length);
    }
    int code = status ? cli_report(c) : 0;
    convis_close(&c);
    return code;
}
