/* test_conv.c - the convolution engine against the sum as it stands in conv.h, in double precision: every padding, even and odd
 * kernels, strides, dilations, groups, channels, by every method, and every instruction set of this machine. Then its
 * promises: the same bits for every division into chunks and every number of threads; gradients that are adjoint. */
#include "harness.h"
#include "kernels/conv/conv.h"
#include "base/threads.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef convis_real real;
#ifdef CONVIS_DOUBLE
static const double ROUNDING = 1e-13;
#else
static const double ROUNDING = 1e-6;      /* of the sum of the magnitudes of all terms */
#endif

/* ---- Problems ---- */

enum { FULL, RANK_ONE, RANK_TWO, NEARLY };    /* kernels: of full rank; of a low one in space x time and in y x x; nearly so */
typedef struct setting { convis_conv_spec s; int64_t frames; int kernel; const char *what; } setting;
#define SIZES(batch, in, out, groups, h, w, t, y, x) batch, in, out, groups, h, w, t, y, x
static const setting SETTINGS[] = {
    { { SIZES(1, 1, 1, 1, 13, 17, 5, 3, 3), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 11, FULL, "odd kernel" },
    { { SIZES(1, 1, 1, 1, 12, 70, 3, 4, 6), 1, 1, 1, 1, 1, CONVIS_CONV_ZEROS, 0, 0 }, 9, FULL, "even kernel, zeros" },
    { { SIZES(1, 1, 1, 1, 4, 5, 2, 11, 13), 1, 1, 1, 1, 1, CONVIS_CONV_REFLECT, 0, 0 }, 7, FULL, "reflections of reflections" },
    { { SIZES(1, 2, 3, 1, 19, 18, 4, 5, 4), 1, 1, 1, 1, 1, CONVIS_CONV_NONE, 0, 0 }, 9, FULL, "no padding" },
    { { SIZES(1, 2, 2, 1, 15, 21, 3, 4, 5), 2, 3, 2, 1, 2, CONVIS_CONV_REPLICATE, 0, 0 }, 13, FULL, "strides and dilations" },
    { { SIZES(1, 1, 1, 1, 16, 22, 3, 3, 3), 2, 2, 3, 2, 2, CONVIS_CONV_REFLECT, 0, 0 }, 12, FULL, "stride and dilation alike" },
    { { SIZES(1, 1, 2, 1, 17, 16, 2, 3, 2), 3, 2, 1, 2, 3, CONVIS_CONV_NONE, 0, 0 }, 6, FULL, "stride without padding" },
    { { SIZES(2, 4, 6, 2, 9, 11, 3, 3, 3), 1, 1, 1, 1, 1, CONVIS_CONV_ZEROS, 0, 0 }, 8, FULL, "groups and batches" },
    { { SIZES(1, 3, 7, 1, 10, 34, 2, 3, 5), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 8, FULL, "seven outputs" },
    { { SIZES(1, 7, 1, 1, 10, 20, 2, 2, 3), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 8, FULL, "seven inputs" },
    { { SIZES(1, 3, 3, 3, 8, 9, 1, 5, 5), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 5, FULL, "every channel by itself" },
    { { SIZES(1, 1, 1, 1, 11, 13, 24, 1, 1), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 40, FULL, "time only" },
    { { SIZES(1, 2, 2, 2, 1, 37, 5, 1, 1), 1, 1, 3, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 90, FULL, "time only, dilated, apart" },
    { { SIZES(2, 5, 6, 1, 7, 9, 3, 1, 1), 1, 1, 2, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 70, FULL, "time and channels" },
    { { SIZES(1, 70, 3, 1, 3, 3, 1, 1, 1), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 5, FULL, "channels only, many" },
    { { SIZES(1, 1, 1, 1, 1, 1, 4, 3, 3), 1, 1, 1, 1, 1, CONVIS_CONV_REFLECT, 0, 0 }, 6, FULL, "one pixel" },
    { { SIZES(1, 1, 1, 1, 1, 40, 1, 1, 7), 1, 1, 1, 1, 1, CONVIS_CONV_ZEROS, 0, 0 }, 5, FULL, "a row" },
    { { SIZES(1, 1, 1, 1, 40, 1, 3, 6, 1), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 5, FULL, "a column" },
    { { SIZES(1, 1, 1, 1, 9, 10, 1, 1, 1), 2, 2, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 5, FULL, "a kernel of one, with a stride" },
    { { SIZES(1, 1, 1, 1, 41, 50, 7, 8, 9), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 21, FULL, "larger" },
    { { SIZES(1, 1, 1, 1, 33, 29, 9, 8, 7), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 25, RANK_ONE, "rank one" },
    { { SIZES(2, 3, 4, 1, 12, 19, 6, 5, 6), 1, 1, 1, 1, 1, CONVIS_CONV_ZEROS, 0, 0 }, 13, RANK_TWO, "rank two, channels" },
    { { SIZES(1, 4, 6, 2, 14, 15, 5, 4, 5), 2, 3, 2, 2, 1, CONVIS_CONV_REFLECT, 0, 0 }, 13, RANK_ONE, "rank one, strides, groups" },
    { { SIZES(1, 2, 2, 1, 24, 30, 1, 9, 10), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 7, RANK_TWO, "rank two, one frame" },
    { { SIZES(1, 1, 1, 1, 20, 23, 1, 6, 5), 2, 2, 1, 2, 2, CONVIS_CONV_NONE, 0, 0 }, 7, RANK_ONE, "rank one, one frame, stride" },
    { { SIZES(1, 1, 1, 1, 23, 29, 7, 6, 7), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 9, NEARLY, "nearly rank one" },
    { { SIZES(1, 1, 1, 1, 23, 29, 1, 6, 7), 1, 1, 1, 1, 1, CONVIS_CONV_REPLICATE, 0, 0 }, 9, NEARLY, "nearly rank one, one frame" },
};
enum { SETTING_COUNT = sizeof SETTINGS/sizeof *SETTINGS };

/* Everything is drawn from these numbers; what is computed is measured against `scale`, the sum of magnitudes. */
typedef struct problem {
    convis_conv_spec s;
    int64_t frames, history, h, w, n_in, n_out, taps, count,
        pixels;     /* count: of weights; pixels: of the movie, with its history */
    real   *movie, *in, *d_out;          /* in: frame 0, behind the history */
    double *weights, *bias, *out, *d_in, *d_weights, *d_bias;
    double  scale_out, scale_in, scale_weights;
} problem;

static void *room(int64_t count, size_t size)
{
    void *memory = calloc((size_t)(count ? count : 1), size);
    assert_non_null(memory);
    return memory;
}

static double drawn(uint64_t seed, int64_t k) { return 2*chance(seed, (uint64_t)k) - 1; }

static void draw_weights(const setting *q, problem *p)
{
    int64_t area = p->s.y*p->s.x, inputs = p->s.in/p->s.groups, pairs = p->s.out*inputs;
    int rank = q->kernel == RANK_TWO ? 2 : 1;
    double share = q->kernel == FULL ? 1 : q->kernel == NEARLY ? 1e-3 : 0;
    for (int64_t k = 0; k < pairs*p->taps; k++) p->weights[k] = share*drawn(1, k);
    for (int64_t pair = 0; q->kernel != FULL && pair < pairs; pair++)
        for (int r = 0; r < rank; r++)
            for (int64_t k = 0; k < p->taps; k++) {
                /* Time courses are shared by what one input sends to all outputs. */
                int64_t t = k/area, y = k%area/p->s.x, x = k%p->s.x, course = (pair%inputs*8 + r)*64, shape = (pair*8 + r)*64;
                p->weights[pair*p->taps + k] += drawn(2, course + t)*drawn(3, shape + y)*drawn(4, shape + x);
            }
}

/* Where place u of an axis lies after padding, straight from the words of conv.h; -1: nowhere. */
static int64_t mirror(int64_t at, int64_t n, int padding)
{
    if (at >= 0 && at < n) return at;
    if (padding == CONVIS_CONV_REPLICATE) return at < 0 ? 0 : n - 1;
    if (padding != CONVIS_CONV_REFLECT) return -1;
    while (n > 1 && (at < 0 || at >= n)) at = at < 0 ? -at : 2*(n - 1) - at;
    return n > 1 ? at : 0;
}

/* The sum, and what it says about gradients, one product at a time. */
static void reference(problem *p)
{
    const convis_conv_spec *s = &p->s;
    int64_t inputs = s->in/s->groups, outputs = s->out/s->groups;
    int64_t padded = s->padding != CONVIS_CONV_NONE;
    int64_t before_y = padded*(s->y/2*s->dilation_y), before_x = padded*(s->x/2*s->dilation_x);
    for (int64_t t = 0; t < p->frames; t++) for (int64_t b = 0; b < s->batch; b++) for (int64_t o = 0; o < s->out; o++)
    for (int64_t y = 0; y < p->h; y++) for (int64_t x = 0; x < p->w; x++) {
                    int64_t at = t*p->n_out + ((b*s->out + o)*p->h + y)*p->w + x;
                    double g = (double)p->d_out[at], sum = p->bias[o];
                    p->d_bias[o] += g;
        for (int64_t i = 0; i < inputs; i++) for (int64_t k = 0; k < s->t; k++)
        for (int64_t c = 0; c < s->y; c++) for (int64_t a = 0; a < s->x; a++) {
                                int64_t v = mirror(y*s->stride_y + c*s->dilation_y - before_y, s->h, s->padding);
                                int64_t u = mirror(x*s->stride_x + a*s->dilation_x - before_x, s->w, s->padding);
                                if (v < 0 || u < 0) continue;
                                int64_t from = p->history + t - (s->t - 1 - k)*s->dilation_t;
                                int64_t pixel = from*p->n_in + ((b*s->in + o/outputs*inputs + i)*s->h + v)*s->w + u;
                                int64_t weight = ((o*inputs + i)*s->t + k)*s->y*s->x + c*s->x + a;
                                sum += p->weights[weight]*(double)p->movie[pixel];
                                p->d_in[pixel] += p->weights[weight]*g;
                                p->d_weights[weight] += g*(double)p->movie[pixel];
                            }
                    p->out[at] = sum;
                }
    p->scale_out = (double)(inputs*p->taps) + 1;
    p->scale_in  = (double)(outputs*p->taps);
    p->scale_weights = sqrt((double)(p->frames*s->batch*p->h*p->w));
}

static problem problem_of(const setting *q)
{
    problem p = { .s = q->s, .frames = q->frames };
    p.history = convis_conv_history(&p.s);
    p.h = convis_conv_height(&p.s);
    p.w = convis_conv_width(&p.s);
    p.taps = p.s.t*p.s.y*p.s.x;
    p.n_in = p.s.batch*p.s.in*p.s.h*p.s.w;
    p.n_out = p.s.batch*p.s.out*p.h*p.w;
    p.count = p.s.out*p.s.in/p.s.groups*p.taps;
    p.pixels = (p.history + p.frames)*p.n_in;
    p.movie = room(p.pixels, sizeof *p.movie);
    p.in = p.movie + p.history*p.n_in;
    p.d_out = room(p.frames*p.n_out, sizeof *p.d_out);
    p.weights = room(p.count, sizeof(double));
    p.bias = room(p.s.out, sizeof(double));
    p.out = room(p.frames*p.n_out, sizeof(double));
    p.d_in = room(p.pixels, sizeof(double));
    p.d_weights = room(p.count, sizeof(double));
    p.d_bias = room(p.s.out, sizeof(double));
    for (int64_t k = 0; k < p.pixels; k++) p.movie[k] = (real)drawn(5, k);
    for (int64_t k = 0; k < p.frames*p.n_out; k++) p.d_out[k] = (real)drawn(6, k);
    for (int64_t k = 0; k < p.s.out; k++) p.bias[k] = drawn(7, k);
    draw_weights(q, &p);
    reference(&p);
    return p;
}

static void problem_free(problem *p)
{
    free(p->movie); free(p->d_out); free(p->weights); free(p->bias);
    free(p->out); free(p->d_in); free(p->d_weights); free(p->d_bias);
}

static problem problems[SETTING_COUNT];
static int draw(void **state)
{
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k++) problems[k] = problem_of(&SETTINGS[k]);
    return 0;
}
static int forget(void **state)
{
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k++) problem_free(&problems[k]);
    return 0;
}

/* ---- The engine on a problem ---- */

typedef struct engine { convis_context *context; convis_conv *conv; void *scratch; int threads; uint64_t epoch; } engine;

static engine engine_of(const problem *p, int method, int gradients, const char *device, int threads)
{
    engine e = { .threads = threads, .epoch = 1 };
    convis_conv_spec s = p->s;
    s.method = method;
    s.gradients = gradients;
    must(e.context, convis_open(&e.context, device));
    e.conv = convis_obtain(e.context, convis_conv_size(&s));
    e.scratch = convis_obtain(e.context, convis_conv_scratch(&s, threads));
    assert_true(e.conv && e.scratch);
    must(e.context, convis_conv_prepare(e.conv, e.context, &s, threads, p->weights, p->bias));
    return e;
}

static void engine_free(engine *e)
{
    convis_release(e->context, e->conv);
    convis_release(e->context, e->scratch);
    convis_close(&e->context);
}

typedef struct gradients { real *in; double *weights, *bias; } gradients;

static int64_t length_of(const problem *p, chunking how, int64_t k)
{
    return how == WHOLE ? p->frames : how == SINGLES ? 1 : 1 + (int64_t)(chance(9, (uint64_t)k)*7);
}

/* One thread's way through the movie: forward chunk by chunk, or back, from the last chunk, where gradients are asked for. */
static void walk(const engine *e, const problem *p, chunking how, convis_pass pass, real *out, const gradients *g)
{
    for (int64_t done = 0, k = 0; done < p->frames; k++) {
        int64_t count = length_of(p, how, k);
        if (count > p->frames - done) count = p->frames - done;
        pass.frame = g ? p->frames - done - count : done;
        pass.frames = (int)count;
        done += count;
        const real *in = p->in + pass.frame*p->n_in;
        if (!g) convis_conv_forward(&pass, e->conv, in, out + pass.frame*p->n_out, e->scratch);
        else
            convis_conv_vjp(&pass, e->conv, in, p->d_out + pass.frame*p->n_out,
                            g->in ? g->in + (p->history + pass.frame)*p->n_in : NULL, g->weights, g->bias, e->scratch);
    }
}

typedef struct call { const engine *e; const problem *p; chunking how; real *out; const gradients *g; } call;

static void walk_on(struct convis_barrier *barrier, int thread, void *user)
{
    const call *k = user;
    walk(k->e, k->p, k->how,
         (convis_pass){ .epoch = k->e->epoch, .barrier = barrier, .thread = thread, .threads = barrier->threads }, k->out, k->g);
}

static void work(const engine *e, const problem *p, chunking how, real *out, const gradients *g)
{
    convis_threads_call(e->context, e->threads, walk_on, &(call){ e, p, how, out, g });
}

static real *forward(const engine *e, const problem *p, chunking how)
{
    real *out = room(p->frames*p->n_out, sizeof *out);
    work(e, p, how, out, NULL);
    return out;
}

static gradients back(const engine *e, const problem *p, chunking how, int which)
{
    gradients g = { 0 };
    if (which & CONVIS_CONV_INPUT) g.in = room(p->pixels, sizeof *g.in);
    if (which & CONVIS_CONV_KERNEL) {
        g.weights = room(p->count, sizeof(double));
        g.bias = room(p->s.out, sizeof(double));
    }
    work(e, p, how, NULL, &g);
    return g;
}

static void gradients_free(gradients *g) { free(g->in); free(g->weights); free(g->bias); }

/* ---- Against the reference ---- */

static const char *const METHODS[] = { "auto", "direct", "fft", "separable" };
enum { METHOD_COUNT = 4 };

static double worst(const double *expected, const void *found, int of_reals, int64_t n)
{
    double most = 0;
    for (int64_t k = 0; k < n; k++) {
        double error = fabs(expected[k] - (of_reals ? (double)((const real *)found)[k] : ((const double *)found)[k]));
        if (!(error <= most)) most = error;
    }
    return most;
}

static void within(double error, double scale, const char *what, const setting *q, const engine *e)
{
    if (error <= ROUNDING*scale) return;
    fail_msg("%s (%s): %s is wrong by %.3g, %.3g of what it is made of", q->what, convis_conv_choice(e->conv), what, error,
             error/scale);
}

static void against_reference(const setting *q, const problem *p, int method, const char *device, int threads)
{
    enum { BOTH = CONVIS_CONV_KERNEL | CONVIS_CONV_INPUT };
    engine e = engine_of(p, method, BOTH, device, threads);
    real *out = forward(&e, p, WHOLE);
    within(worst(p->out, out, 1, p->frames*p->n_out), p->scale_out, "the output", q, &e);
    for (chunking how = WHOLE; how <= RANDOMLY; how++) {
        gradients g = back(&e, p, how, BOTH);
        within(worst(p->d_in, g.in, 1, p->pixels), p->scale_in, "the gradient of the input", q, &e);
        within(worst(p->d_weights, g.weights, 0, p->count), p->scale_weights, "the gradient of the kernel", q, &e);
        within(worst(p->d_bias, g.bias, 0, p->s.out), p->scale_weights, "the gradient of the bias", q, &e);
        gradients_free(&g);
    }
    free(out);
    engine_free(&e);
}

static void every_setting(void **state)
{
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k++) {
        problem p = problems[k];
        for (int method = 0; method < METHOD_COUNT; method++) against_reference(&SETTINGS[k], &p, method, "cpu", 1 + method%3);
        char device[32];
        for (int isa = 0, usable; (usable = usable_isa(isa, device)); isa++)
            if (usable > 0) against_reference(&SETTINGS[k], &p, 1 + (k + isa)%3, device, 2);
    }
}

/* A method that is forced is the one that is used, and a kernel of low rank is seen to be one. */
static void choices(void **state)
{
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k++) {
        const setting *q = &SETTINGS[k];
        problem p = problems[k];
        for (int method = 1; method < METHOD_COUNT; method++) {
            engine e = engine_of(&p, method, 0, "cpu", 1);
            const char *choice = convis_conv_choice(e.conv);
            int separable = method == CONVIS_CONV_SEPARABLE, low = q->kernel == RANK_ONE || q->kernel == RANK_TWO;
            if ((!separable || low) && !strstr(choice, METHODS[method]))
                fail_msg("%s: '%s', expected %s", q->what, choice, METHODS[method]);
            if (q->kernel == NEARLY && strstr(choice, "separable")) fail_msg("%s: '%s', expected another way", q->what, choice);
            engine_free(&e);
        }
    }
}

/* ---- Promises ---- */

static void same_bits(const setting *q, const engine *e, const void *found, const void *expected, size_t bytes, const char *what)
{
    if (memcmp(found, expected, bytes)) fail_msg("%s (%s): other bits with %s", q->what, convis_conv_choice(e->conv), what);
}

static void chunks_and_threads(void **state)
{
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k++)
        for (int method = 0; method < METHOD_COUNT; method++) {
            problem p = problems[k];
            engine plain = engine_of(&p, method, 0, "cpu:baseline", 1);
            real *expected = forward(&plain, &p, WHOLE);
            for (int threads = 1; threads <= 3; threads++) {
                engine e = engine_of(&p, method, 0, "cpu", threads);
                for (chunking how = WHOLE; how <= RANDOMLY; how++) {
                    static const char *const HOW[] = { "the whole movie at once", "one frame at a time", "chunks of any length" };
                    real *out = forward(&e, &p, how);
                    same_bits(&SETTINGS[k], &e, out, expected, (size_t)(p.frames*p.n_out)*sizeof *out, HOW[how]);
                    free(out);
                    e.epoch++;           /* back to the start: what was stored of later frames is void */
                }
                engine_free(&e);
            }
            free(expected);
            engine_free(&plain);
        }
}

static void gradients_and_threads(void **state)
{
    (void)state;
    enum { BOTH = CONVIS_CONV_KERNEL | CONVIS_CONV_INPUT };
    for (int k = 0; k < SETTING_COUNT; k++)
        for (int method = 0; method < METHOD_COUNT; method++) {
            problem p = problems[k];
            size_t weights = (size_t)p.count*sizeof(double), in = (size_t)p.pixels*sizeof(real);
            engine plain = engine_of(&p, method, BOTH, "cpu", 1);
            gradients expected = back(&plain, &p, RANDOMLY, BOTH);
            for (int threads = 2; threads <= 3; threads++) {
                engine e = engine_of(&p, method, BOTH, "cpu", threads);
                gradients g = back(&e, &p, RANDOMLY, BOTH);
                same_bits(&SETTINGS[k], &e, g.weights, expected.weights, weights, "more threads, kernel");
                same_bits(&SETTINGS[k], &e, g.bias, expected.bias, (size_t)p.s.out*sizeof(double), "more threads, bias");
                same_bits(&SETTINGS[k], &e, g.in, expected.in, in, "more threads, input");
                gradients_free(&g);
                engine_free(&e);
            }
            gradients_free(&expected);
            engine_free(&plain);
        }
}

/* One gradient alone is what it is together with the other. */
static void one_gradient(void **state)
{
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k++)
        for (int which = CONVIS_CONV_KERNEL; which <= CONVIS_CONV_INPUT; which++) {
            problem p = problems[k];
            engine e = engine_of(&p, CONVIS_CONV_AUTO, which, "cpu", 2);
            real *out = forward(&e, &p, RANDOMLY);
            gradients g = back(&e, &p, WHOLE, which);
            within(worst(p.out, out, 1, p.frames*p.n_out), p.scale_out, "the output", &SETTINGS[k], &e);
            if (g.in) within(worst(p.d_in, g.in, 1, p.pixels), p.scale_in, "the gradient of the input", &SETTINGS[k], &e);
            else
                within(worst(p.d_weights, g.weights, 0, p.count), p.scale_weights, "the gradient of the kernel", &SETTINGS[k],
                       &e);
            free(out);
            gradients_free(&g);
            engine_free(&e);
        }
}

/* <conv x, g> = <x, conv' g> + <bias, sum g> = <w, d_weights> + <bias, d_bias>, whatever the reference says. */
static void adjoint(void **state)
{
    (void)state;
    enum { BOTH = CONVIS_CONV_KERNEL | CONVIS_CONV_INPUT };
    for (int k = 0; k < SETTING_COUNT; k++)
        for (int method = 1; method < METHOD_COUNT; method++) {
            problem p = problems[k];
            engine e = engine_of(&p, method, BOTH, "cpu", 1);
            real *out = forward(&e, &p, WHOLE);
            gradients g = back(&e, &p, WHOLE, BOTH);
            double there = 0, by_input = 0, by_weights = 0, terms = (double)(p.frames*p.n_out)*p.scale_out;
            for (int64_t i = 0; i < p.frames*p.n_out; i++) there += (double)out[i]*(double)p.d_out[i];
            for (int64_t i = 0; i < p.s.out; i++) there -= p.bias[i]*g.bias[i];
            for (int64_t i = 0; i < p.pixels; i++) by_input += (double)p.movie[i]*(double)g.in[i];
            for (int64_t i = 0; i < p.count; i++) by_weights += p.weights[i]*g.weights[i];
            within(fabs(there - by_input), terms, "<y, g> - <x, d_x>", &SETTINGS[k], &e);
            within(fabs(there - by_weights), terms, "<y, g> - <w, d_w>", &SETTINGS[k], &e);
            free(out);
            gradients_free(&g);
            engine_free(&e);
        }
}

/* The kernel's gradient against central differences of the engine's own output: of a linear sum they are exact at any step. */
static void differences(void **state)
{
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k += 3)
        for (int method = 1; method < METHOD_COUNT; method++) {
            problem p = problems[k];
            engine e = engine_of(&p, method, CONVIS_CONV_KERNEL, "cpu", 1);
            gradients g = back(&e, &p, WHOLE, CONVIS_CONV_KERNEL);
            int64_t count = p.count;
            for (int64_t n = 0; n < 4; n++) {
                int64_t at = (int64_t)(chance(11, (uint64_t)(k*4 + n))*(double)count);
                double value[2], was = p.weights[at];
                for (int side = 0; side < 2; side++) {
                    p.weights[at] = was + (side ? 1 : -1);
                    engine moved = engine_of(&p, method, 0, "cpu", 1);
                    real *out = forward(&moved, &p, WHOLE);
                    value[side] = 0;
                    for (int64_t i = 0; i < p.frames*p.n_out; i++) value[side] += (double)out[i]*(double)p.d_out[i];
                    free(out);
                    engine_free(&moved);
                }
                p.weights[at] = was;
                double terms = sqrt((double)(p.frames*p.n_out))*p.scale_out;
                within(fabs((value[1] - value[0])/2 - g.weights[at]), terms, "a difference", &SETTINGS[k], &e);
            }
            gradients_free(&g);
            engine_free(&e);
        }
}

/* Another movie under the same frame numbers, after a reset: nothing of the first is left. */
static void reset(void **state)
{
    (void)state;
    for (int k = 0; k < SETTING_COUNT; k++)
        for (int method = 1; method < METHOD_COUNT; method++) {
            problem p = problems[k], other = p;
            int64_t all = p.pixels;
            engine e = engine_of(&p, method, CONVIS_CONV_KERNEL, "cpu", 2);
            other.movie = room(all, sizeof *other.movie);
            other.in = other.movie + p.history*p.n_in;
            for (int64_t i = 0; i < all; i++) other.movie[i] = 1 - p.movie[i];
            free(forward(&e, &other, RANDOMLY));
            e.epoch++;
            real *out = forward(&e, &p, RANDOMLY);
            within(worst(p.out, out, 1, p.frames*p.n_out), p.scale_out, "the output after a reset", &SETTINGS[k], &e);
            free(out);
            free(other.movie);
            engine_free(&e);
        }
}

int main(int argc, char **argv)
{
#ifdef CONVIS_DOUBLE
    if (only_at_length()) return 77;                     /* the same text once more */
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting), cmocka_unit_test(choices), cmocka_unit_test(chunks_and_threads),
        cmocka_unit_test(gradients_and_threads), cmocka_unit_test(one_gradient), cmocka_unit_test(adjoint),
        cmocka_unit_test(differences), cmocka_unit_test(reset),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, draw, forget);
}
