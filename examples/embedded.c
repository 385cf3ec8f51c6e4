/* embedded.c - convis inside another program: a model built by calls, run on that program's own arrays, planned again for another size,
 * differentiated through 100,000 frames by a loss of its own, and all of it in four forked children at once.
 *
 *      embedded [FRAMES]
 *
 * The model: the built-in retina, and a simple cell of V1 at every pixel that sums its ON cells minus its OFF cells through a Gabor. The loss:
 * the mean square of what V1 says, above a target rate, over all frames; the gradient by the retina's time constant and contrast gain. */
#include <convis/fit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL = 16, CHUNK = 100 };
static const char *const PATHS[] = { "retina.opl.center.tau", "retina.bipolar.adaptation.amplification" };
enum { PATH_COUNT = sizeof PATHS/sizeof *PATHS };
static const convis_from ON_OFF[] = { { "retina.ganglion_0", 0 }, { "retina.ganglion_1", 0 } };

#define TRY(call) do { const convis_status try_ = (call); if (try_) return try_; } while (0)

static convis_status build(convis_context *c, int size, convis_model **model)
{
    convis_recipe *all, *retina;
    TRY(convis_recipe_new(c, 0.001, &all));
    convis_status status = convis_recipe_open(c, "retina", &retina);
    if (!status) status = convis_recipe_add_model(all, retina, "retina", NULL, 0);
    if (!status) status = convis_recipe_add_layer(all, "difference", "on_off", ON_OFF, 2);
    if (!status) status = convis_recipe_add_layer(all, "conv", "gabor", NULL, 0);
    if (!status) status = convis_recipe_add_layer(all, "softplus", "v1", NULL, 0);
    for (int k = 0; k < 2 && !status; k++) status = convis_recipe_set(all, k ? "gabor.height" : "gabor.width", "11");
    if (!status) status = convis_recipe_set(all, "gabor.weights", "gabor?sigma=2&frequency=0.15");
    if (!status) status = convis_recipe_build(all, size, size, model);
    convis_recipe_free(&retina);
    convis_recipe_free(&all);
    for (int k = 0; k < PATH_COUNT && !status; k++) status = convis_require_gradient(*model, PATHS[k]);
    if (!status) status = convis_probe(*model, "v1");
    return status ? status : convis_plan(*model, convis_movie_shape(CHUNK, size, size));
}

static unsigned char pixel(int64_t frame, int64_t i, int size) { return (unsigned char)(128 + 100*sin(0.02*(double)frame + 0.7*(double)(i%size))); }

static convis_status run(convis_model *m, int size, double *mean)
{
    const int64_t n = (int64_t)size*size;
    unsigned char *movie = malloc((size_t)(CHUNK*n));
    double *rates = malloc((size_t)(CHUNK*n)*sizeof *rates);
    if (!movie || !rates) return CONVIS_ENOMEM;
    for (int64_t k = 0; k < CHUNK*n; k++) movie[k] = pixel(k/n, k%n, size);
    const convis_shape shape = convis_movie_shape(CHUNK, size, size);
    const convis_memory in = convis_memory_view(movie, CONVIS_UINT8, shape),
                        out = convis_memory_view(rates, CONVIS_FLOAT64, shape);
    convis_status status = convis_output_to(m, "v1", &out);
    if (!status) status = convis_run_memory(m, &in);
    if (!status) status = convis_output_to(m, "v1", NULL);
    *mean = 0;
    for (int64_t k = 0; k < CHUNK*n; k++) *mean += rates[k]/(double)(CHUNK*n);
    free(rates);
    free(movie);
    return status;
}

typedef struct loss { convis_model *m; double value, target, share; convis_real *gradient; } loss;       /* share: of one number in the mean */

static convis_status frames_of(void *user, int64_t from, int64_t frames, convis_real *to)
{
    (void)user;
    for (int64_t k = 0; k < frames*SMALL*SMALL; k++) to[k] = pixel(from + k/(SMALL*SMALL), k%(SMALL*SMALL), SMALL);
    return CONVIS_OK;
}

/* Where there is room for a gradient it is written there. */
static convis_status measure(loss *l, convis_real *gradient, double *value, convis_tensor *y)
{
    TRY(convis_output(l->m, "v1", y));
    for (int64_t k = 0; k < convis_elements(y->shape); k++) {
        const double above = fmax((double)y->data[k] - l->target, 0);
        *value += above*above*l->share;
        if (gradient) gradient[k] = (convis_real)(2*above*l->share);
    }
    return CONVIS_OK;
}

static convis_status forward(void *user, int64_t from, int64_t frames)
{
    loss *l = user;
    convis_tensor y;
    (void)from, (void)frames;
    return measure(l, NULL, &l->value, &y);
}

static convis_status backward(void *user, int64_t from, int64_t frames)
{
    loss *l = user;
    convis_tensor y;
    double again = 0;
    (void)from, (void)frames;
    TRY(measure(l, l->gradient, &again, &y));
    return convis_vjp_from(l->m, "v1", convis_view(l->gradient, y.shape));
}

static convis_status differentiate(convis_model *m, int64_t frames, loss *l, double gradient[PATH_COUNT])
{
    convis_bptt *b;
    *l = (loss){ .m = m, .target = 40, .share = 1.0/((double)frames*SMALL*SMALL), .gradient = malloc(CHUNK*SMALL*SMALL*sizeof *l->gradient) };
    TRY(convis_bptt_new(
        m, &(convis_bptt_options){ .read = frames_of, .forward = forward, .backward = backward, .user = l, .memory = 4 << 20 },
        &b));
    convis_status status = convis_bptt_run(b, 0, frames);
    if (!status) status = convis_bptt_backpropagate(b);
    for (int k = 0; k < PATH_COUNT && !status; k++) status = convis_grad(m, PATHS[k], &gradient[k], 1);
    convis_bptt_free(&b);
    free(l->gradient);
    return status;
}

static int work(const char *who, int64_t frames)
{
    convis_context *c;
    convis_model *m = NULL;
    loss l;
    double small, large, gradient[PATH_COUNT];
    convis_status status = convis_open(&c, "cpu");
    if (!status) status = build(c, SMALL, &m);
    if (!status) status = run(m, SMALL, &small);
    if (!status) status = convis_plan(m, convis_movie_shape(CHUNK, 40, 40));
    if (!status) status = run(m, 40, &large);
    if (!status) status = convis_plan(m, convis_movie_shape(CHUNK, SMALL, SMALL));
    if (!status) status = differentiate(m, frames, &l, gradient);
    if (status) fprintf(stderr, "embedded: %s\n", convis_message(c));
    else
        printf("%s: mean of V1 %.5f at 16x16, %.5f at 40x40; loss %.6g, gradients %.6g and %.6g\n", who, small, large, l.value,
               gradient[0], gradient[1]);
    convis_model_free(&m);
    convis_close(&c);
    return status != CONVIS_OK;
}

int main(int argc, char **argv)
{
    const int64_t frames = argc > 1 ? atoll(argv[1]) : 100000;
    int failed = work("parent", frames), ended;
    for (int k = 0; k < 4; k++) {
        fflush(stdout);
        if (!fork()) { failed = work("child", frames); fflush(stdout); _exit(failed); }
    }
    while (wait(&ended) > 0) failed |= ended != 0;
    return failed;
}
