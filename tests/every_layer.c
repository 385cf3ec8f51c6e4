/* every_layer.c - the promises of every layer, over odd shapes, default and drawn parameters, alone and among others.
 *
 *      every_layer [PATTERN]           only tests like "lif: *"
 *
 * A layer that is new in convis_layer_types() is tested without a word here, unless it needs something before it can be
 * planned (NEEDS of trials.c) or a parameter's range is not sensible at half to twice its default (RANGES there).
 * The reference of every comparison is one call on the whole movie, by one thread, with the baseline instruction set. */
#include "trials.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void check(const trial *);

/* The sanitizers look for memory, not for numbers, and take ten times as long; double precision is the same text once more: drawn
 * parameters on one shape, and company on two, must do for them, and for everyone who is not asked for all of it. */
#if SANITIZED || defined(CONVIS_DOUBLE)
static int brief(void) { return 1; }
#else
static int brief(void) { return !at_length(); }
#endif
enum { DRAWN_SHAPE = 1 };

static void for_each_trial(const convis_layer_type *type, int shapes, int variants, check *f)
{
    for (int s = 0; s < shapes; s++)
        for (int v = 0; v < variants; v++)
            for (int k = 0; k < SETTINGS; k++) {
                trial q = { type, shape_of(s), v, k };
                if (brief() && v && s != DRAWN_SHAPE) continue;
                if (brief() && k != ALONE && s != DRAWN_SHAPE && s != BATCHES) continue;
                if (fits(&q) && (v < 3 || convis_elements(q.shape) < 50000)) f(&q);
            }
}

/* ---- Instruction sets, chunks, threads, seeds ---- */

static void compare_with_plain(const trial *q, const manner *how, int count)
{
    recording expected = observe(q, &PLAIN);
    for (int k = 0; k < count; k++) {
        char what[400];
        recording found = observe(q, &how[k]);
        snprintf(what, sizeof what, "%s; %s, %d threads, planned for %d frames", describe(q), how[k].device, how[k].threads,
                 (int)longest(q, &how[k]));
        assert_same(&found, &expected, what);
        recording_free(&found);
    }
    recording_free(&expected);
}

static void isas(const trial *q)
{
    char device[32];
    for (int k = 0, usable; (usable = usable_isa(k, device)); k++)
        if (usable > 0) compare_with_plain(q, &(manner){ device, 1, WHOLE, 0, 7, 1, NULL }, 1);
}

static void chunks(const trial *q)
{
    static const manner HOW[] = {
        { "cpu", 1, SINGLES, 1, 7, 1, NULL }, { "cpu", 1, RANDOMLY, 17, 7, 0, NULL }, { "cpu", 2, SINGLES, 9, 7, 0, NULL },
        { "cpu", 1, RANDOMLY, 90, 7, 1, NULL }, { "cpu", 1, WHOLE, 3, 7, 1, NULL }, { "cpu", 1, WHOLE, 0, 7, 0, NULL },
    };
    compare_with_plain(q, HOW, sizeof HOW/sizeof *HOW);
}

static void threads(const trial *q)
{
    static const manner HOW[] = {
        { "cpu", 2, WHOLE, 0, 7, 1, NULL }, { "cpu", 3, RANDOMLY, 11, 7, 0, NULL }, { "cpu", 5, WHOLE, 0, 7, 0, NULL },
    };
    compare_with_plain(q, HOW, sizeof HOW/sizeof *HOW);
}

/* No thread gets fewer than 2048 elements of a frame (run.c), so that smaller shapes are for one thread alone. */
static void for_each_large_trial(const convis_layer_type *type, void (*f)(const trial *))
{
    static const int64_t LARGE[][CONVIS_DIMS] = {
        { 1, 1, 9, 67, 131 }, { 2, 2, 6, 45, 37 }, { 1, 1, 5, 3, 2800 }, { 1, 1, 5, 4200, 2 }
    };
    for (int s = 0; s < (brief() ? 2 : 4); s++)
        for (int v = 0; v < (s || brief() ? 1 : 3); v++)
            for (int k = 0; k < SETTINGS; k++) {
                trial q = { type, { { 0 } }, v, k };
                memcpy(q.shape.dim, LARGE[s], sizeof q.shape.dim);
                if (fits(&q)) f(&q);
            }
}

static int differ(const recording *a, const recording *b)
{
    for (int k = 0; k < a->outputs; k++)
        if (memcmp(a->output[k].data, b->output[k].data, (size_t)(a->frames*a->output[k].n)*sizeof(convis_real))) return 1;
    return 0;
}

/* The same seed is the same run; another seed is another, for layers that have noise. */
static int another_run;
static void compare_seeds(const trial *q)
{
    manner other = PLAIN;
    other.seed = 8;
    recording once = observe(q, &PLAIN), again = observe(q, &PLAIN), another = observe(q, &other);
    assert_same(&again, &once, describe(q));
    if (need_of(q->type)->noisy) another_run |= differ(&another, &once);
    else assert_same(&another, &once, describe(q));
    recording_free(&once);
    recording_free(&again);
    recording_free(&another);
}

static void seeds(const convis_layer_type *type)
{
    another_run = 0;
    for_each_trial(type, 2, VARIANTS, compare_seeds);
    assert_int_equal(another_run, need_of(type)->noisy);
}

/* ---- State ---- */

/* A run in two halves, the second after something was done to the model. */
typedef convis_model *disturbance(convis_context *, convis_model *, const trial *, convis_tensor movie);

static void compare_halves(const trial *q, disturbance *disturb, int from_start)
{
    convis_context *c = NULL;
    manner how = PLAIN;
    int64_t frames = q->shape.dim[CONVIS_T], half = from_start ? 0 : frames/2;
    recording head = { 0 }, expected = { 0 }, found = { 0 };
    convis_tensor movie = movie_of(q);
    how.device = "cpu";
    how.threads = 2;
    convis_model *m = planned(q, &how, &c);
    record(m, movie, 0, half, WHOLE, frames, &head);
    record(m, movie, half, frames, WHOLE, frames, &expected);
    convis_model_free(&m);
    convis_close(&c);

    m = planned(q, &how, &c);
    recording_free(&head);
    record(m, movie, 0, half, RANDOMLY, frames, &head);
    m = disturb(c, m, q, movie);
    assert_int_equal(convis_frame(m), half);
    record(m, movie, half, frames, RANDOMLY, frames, &found);
    assert_same(&found, &expected, describe(q));
    recording_free(&head);
    recording_free(&expected);
    recording_free(&found);
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
}

/* Some other frames and another seed, in which the model shall have forgotten everything. */
static void run_elsewhere(convis_context *c, convis_model *m, convis_tensor movie)
{
    int64_t frames = movie.shape.dim[CONVIS_T];
    for (int64_t t = frames - 1; t >= frames/3; t -= 3) must(c, convis_run(m, convis_slice(movie, CONVIS_T, t, t + 1)));
}

static convis_model *reset_it(convis_context *c, convis_model *m, const trial *q, convis_tensor movie)
{
    (void)q;
    run_elsewhere(c, m, movie);
    must(c, convis_reset(m));
    return m;
}

static convis_model *push_and_pop(convis_context *c, convis_model *m, const trial *q, convis_tensor movie)
{
    (void)q;
    must(c, convis_push(m));
    run_elsewhere(c, m, movie);
    must(c, convis_push(m));
    must(c, convis_reset(m));
    must(c, convis_pop(m));
    must(c, convis_pop(m));
    refused(c, CONVIS_ESTATE, "no state was pushed", convis_pop(m));
    return m;
}

static convis_model *another_like(convis_context *c, const trial *q)
{
    convis_model *m = build(c, q);
    probe_outputs(m, q, 1);
    must(c, convis_plan(m, q->shape));
    return m;
}

static convis_model *through_memory(convis_context *c, convis_model *m, const trial *q, convis_tensor movie)
{
    size_t size = convis_state_size(m);
    void *bytes = malloc(size);
    must(c, convis_state_get(m, bytes));
    convis_model_free(&m);
    m = another_like(c, q);
    run_elsewhere(c, m, movie);
    must(c, convis_seed(m, PLAIN.seed));
    refused(c, CONVIS_ESHAPE, "this model's has", convis_state_put(m, bytes, size - 1));
    must(c, convis_state_put(m, bytes, size));
    free(bytes);
    return m;
}

static convis_model *through_file(convis_context *c, convis_model *m, const trial *q, convis_tensor movie)
{
    char path[64];
    temporary(path);
    must(c, convis_state_save(m, path));
    convis_model_free(&m);
    m = another_like(c, q);
    run_elsewhere(c, m, movie);
    must(c, convis_state_load(m, path));                 /* the seed comes with it */
    unlink(path);
    return m;
}

static void reset(const trial *q)        { compare_halves(q, reset_it, 1); }
static void push_pop(const trial *q)     { compare_halves(q, push_and_pop, 0); }
static void get_put(const trial *q)      { compare_halves(q, through_memory, 0); }
static void save_load(const trial *q)    { compare_halves(q, through_file, 0); }

/* Another process: this program once more, which loads the state and writes the last output's frames to a file. */
static const char *program;

static int go_on(char **argv)
{
    trial q = { type_named(argv[2]), shape_of(SMALL), atoi(argv[3]), AMONG };
    convis_context *c = NULL;
    convis_model *m = planned(&q, &PLAIN, &c);
    convis_tensor movie = movie_of(&q);
    recording r = { 0 };
    if (convis_state_load(m, argv[4])) { fprintf(stderr, "%s\n", convis_message(c)); return 1; }
    record(m, movie, convis_frame(m), q.shape.dim[CONVIS_T], WHOLE, q.shape.dim[CONVIS_T], &r);
    int64_t n;
    const convis_real *data = recorded(&r, "after", &n);
    FILE *f = fopen(argv[5], "wb");
    int bad = !f || fwrite(data, sizeof *data, (size_t)(n*r.frames), f) != (size_t)(n*r.frames) || fclose(f);
    recording_free(&r);
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
    return bad;
}

static void another_process(const convis_layer_type *type, int variant)
{
    trial q = { type, shape_of(SMALL), variant, AMONG };
    char state[64], result[64], number[8];
    convis_context *c = NULL;
    convis_tensor movie = movie_of(&q);
    recording head = { 0 }, rest = { 0 };
    int64_t frames = q.shape.dim[CONVIS_T], n;
    temporary(state);
    temporary(result);
    convis_model *m = planned(&q, &PLAIN, &c);
    record(m, movie, 0, 61, WHOLE, frames, &head);
    must(c, convis_state_save(m, state));
    record(m, movie, 61, frames, WHOLE, frames, &rest);
    snprintf(number, sizeof number, "%d", variant);
    pid_t child = fork();
    if (!child) {
        execl(program, program, "--go-on", type->name, number, state, result, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    const convis_real *expected = recorded(&rest, "after", &n);
    convis_real *found = malloc((size_t)(n*rest.frames + 1)*sizeof *found);
    FILE *f = fopen(result, "rb");
    assert_non_null(f);
    assert_int_equal(fread(found, sizeof *found, (size_t)(n*rest.frames + 1), f), n*rest.frames);
    fclose(f);
    assert_memory_equal(found, expected, (size_t)(n*rest.frames)*sizeof *found);
    free(found);
    unlink(state);
    unlink(result);
    recording_free(&head);
    recording_free(&rest);
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
}

/* ---- Memory: inputs that may only be read, every block between guards, no request during a run ---- */

static void fences(const trial *q)
{
    recording expected = observe(q, &PLAIN);
    convis_tensor movie = movie_of(q);
    int64_t n = convis_elements(q->shape);
    char device[32];
    for (int k = 0, usable; (usable = usable_isa(k, device)); k++)
        for (int end = 0; end < 2 && usable > 0; end++) {
            manner how = { device, 2, WHOLE, 0, 7, 1, &guarded };
            convis_context *c = NULL;
            pages p = guard_pages(n, end);
            memcpy(p.data, movie.data, (size_t)n*sizeof *p.data);
            seal(p);
            convis_model *m = planned(q, &how, &c);
            recording found = { 0 };
            record(m, convis_view(p.data, q->shape), 0, q->shape.dim[CONVIS_T], WHOLE, q->shape.dim[CONVIS_T], &found);
            assert_same(&found, &expected, describe(q));
            recording_free(&found);
            convis_model_free(&m);
            convis_close(&c);
            unmap(p);
        }
    recording_free(&expected);
    free(movie.data);
}

static void no_requests(const trial *q)
{
    counter count = { 0 };
    convis_allocator memory = counting(&count);
    manner how = { "cpu", 2, WHOLE, 0, 7, 1, &memory };
    convis_context *c = NULL;
    convis_model *m = planned(q, &how, &c);
    convis_tensor movie = movie_of(q);
    convis_item p;
    int64_t before = count.calls, frames = q->shape.dim[CONVIS_T];
    must(c, convis_run(m, movie));
    must(c, convis_run(m, convis_slice(movie, CONVIS_T, 0, frames/2)));
    for (int k = 0; convis_list(m, CONVIS_PARAMETER, k, &p); k++)
        if (!p.array && !p.text) must(c, convis_set(m, p.path, p.value));
    must(c, convis_reset(m));
    must(c, convis_run(m, movie));
    if (count.calls != before)
        fail_msg("%s: %lld requests for memory during runs", describe(q), (long long)(count.calls - before));
    convis_model_free(&m);
    convis_close(&c);
    assert_int_equal(count.live, 0);
    free(movie.data);
}

/* A movie with strides of its own is that movie. */
static void strides(const trial *q)
{
    convis_context *c = NULL;
    recording expected = observe(q, &PLAIN), found = { 0 };
    convis_tensor movie = movie_of(q);
    const int64_t *d = q->shape.dim;
    convis_shape wide = { { d[0], d[1], d[2] + 1, 2*d[3], d[4] + 3 } };
    convis_tensor in = noise_movie(wide, 1e3, 2e3, 3);
    convis_real *whole = in.data, *from = movie.data;
    in = convis_slice(convis_slice(in, CONVIS_T, 1, d[2] + 1), CONVIS_X, 2, d[4] + 2);
    in.stride[CONVIS_Y] *= 2;
    in.shape.dim[CONVIS_Y] = d[3];
    for (int64_t b = 0; b < d[0]; b++) for (int64_t k = 0; k < d[1]; k++) for (int64_t t = 0; t < d[2]; t++)
        for (int64_t y = 0; y < d[3]; y++) for (int64_t x = 0; x < d[4]; x++)
            in.data[b*in.stride[0] + k*in.stride[1] + t*in.stride[2] + y*in.stride[3] + x*in.stride[4]] = *from++;
    convis_model *m = planned(q, &PLAIN, &c);
    record(m, in, 0, d[2], RANDOMLY, d[2], &found);
    assert_same(&found, &expected, describe(q));
    recording_free(&found);
    recording_free(&expected);
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
    free(whole);
}

/* ---- NaN: what an input reaches, and nothing else ---- */

static recording with_pixel(const trial *q, int64_t frame, int64_t pixel, double value, double add)
{
    convis_context *c = NULL;
    convis_model *m = planned(q, &PLAIN, &c);
    convis_tensor movie = movie_of(q);
    recording r = { 0 };
    must(c, convis_allow_nonfinite(m, 1));
    convis_real *at = movie.data + frame*movie.stride[CONVIS_T] + pixel;
    *at = add != 0 ? (convis_real)((double)*at + add) : (convis_real)value;
    record(m, movie, 0, q->shape.dim[CONVIS_T], WHOLE, q->shape.dim[CONVIS_T], &r);
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
    return r;
}
static int has_blur(const convis_layer_type *type)
{
    for (const convis_field *f = type->params; f->name; f++) if (!strcmp(f->name, "method")) return 1;
    return 0;
}

/* Does element i of an output belong to what the pixel reaches? A pixel of a pointwise layer reaches itself, one of a blur
 * its plane, and otherwise what a small change changes. */
static int reached(const trial *q, const recording *clean, const recording *changed, int output, int64_t i, int64_t pixel)
{
    int64_t n = clean->output[output].n, plane = q->shape.dim[CONVIS_Y]*q->shape.dim[CONVIS_X];
    if (q->type->pointwise) return i == pixel;
    if (strstr(q->type->name, "conv")) return 1;         /* one number of a spectrum is one of every pixel */
    if (has_blur(q->type)) return i/plane == pixel/plane;
    for (int64_t t = 0; t < clean->frames; t++)
        if (memcmp(&clean->output[output].data[t*n + i], &changed->output[output].data[t*n + i], sizeof(convis_real))) return 1;
    return 0;
}

static void nans(const trial *q)
{
    int64_t frames = q->shape.dim[CONVIS_T], plane = q->shape.dim[CONVIS_Y]*q->shape.dim[CONVIS_X], frame = frames/2;
    if (q->setting != ALONE) return;
    recording clean = observe(q, &PLAIN);
    for (int k = 0; k < 4; k++) {
        int64_t pixel = k == 0 ? plane/2 : k == 1 ? 0 : k == 2 ? plane - 1 : plane > 1;
        /* Of a maximum only a large change changes anything. */
        recording changed = with_pixel(q, frame, pixel, 0, strcmp(q->type->name, "pool") ? 0.125 : 100),
                  found = with_pixel(q, frame, pixel, NAN, 0);
        for (int j = 0; j < clean.outputs; j++)
            for (int64_t i = 0; i < clean.output[j].n; i++) {
                int64_t n = clean.output[j].n, from = reached(q, &clean, &changed, j, i, pixel) ? frame : frames;
                for (int64_t t = 0; t < from; t++)
                    if (memcmp(&found.output[j].data[t*n + i], &clean.output[j].data[t*n + i], sizeof(convis_real)))
                        fail_msg("%s: NaN in pixel %lld of frame %lld reached element %lld of %s in frame %lld: %g", describe(q),
                                 (long long)pixel, (long long)frame, (long long)i, clean.output[j].path, (long long)t,
                                 (double)found.output[j].data[t*n + i]);
            }
        recording_free(&changed);
        recording_free(&found);
    }
    recording_free(&clean);
}

/* ---- Every parameter at its bounds, and beyond ---- */

/* With one parameter at a bound a layer may refuse to be planned, with a sentence; else all its numbers are finite. */
static void at_bound(const trial *q, const char *path, double value)
{
    char device[32], what[400];
    recording expected = { 0 };
    snprintf(what, sizeof what, "%s; %s = %g", describe(q), path, value);
    for (int k = 0, usable; (usable = usable_isa(k, device)); k++) {
        if (usable < 0) continue;
        convis_context *c = NULL;
        must(c, convis_open(&c, device));
        must(c, convis_threads(c, 1));
        convis_model *m = build(c, q);
        must(c, convis_set(m, path, value));
        probe_outputs(m, q, 1);
        convis_status status = convis_plan(m, q->shape);
        recording found = { 0 };
        if (status && !strncmp(convis_message(c), "it", 2)) goto done;
        must(c, status);
        convis_tensor movie = movie_of(q);
        record(m, movie, 0, q->shape.dim[CONVIS_T], WHOLE, q->shape.dim[CONVIS_T], &found);
        free(movie.data);
        for (int j = 0; j < found.outputs; j++)
            for (int64_t i = 0; i < found.frames*found.output[j].n; i++)
                if (!isfinite(found.output[j].data[i]))
                    fail_msg("%s: %s becomes %g", what, found.output[j].path, (double)found.output[j].data[i]);
        if (expected.frames) assert_same(&found, &expected, what);
        else { expected = found; found = (recording){ 0 }; }
    done:
        recording_free(&found);
        convis_model_free(&m);
        convis_close(&c);
    }
    recording_free(&expected);
}

static void bounds(const convis_layer_type *type)
{
    for (int variant = 0; variant < (brief() ? 1 : 3); variant++) {
        trial q = { type, convis_movie_shape(4, 3, 6), variant, ALONE };
        for (const convis_field *f = type->params; f->name; f++) {
            char path[160];
            if (f->flags & (CONVIS_ARRAY | CONVIS_TEXT)) continue;
            snprintf(path, sizeof path, "it.%s", f->name);
            at_bound(&q, path, f->min);
            at_bound(&q, path, f->max);
        }
    }
}

static void refusals(const convis_layer_type *type)
{
    trial q = { type, shape_of(SMALL), 2, ALONE };
    convis_context *c = NULL;
    recording expected = observe(&q, &PLAIN), found = { 0 };
    convis_model *m = planned(&q, &PLAIN, &c);
    convis_tensor movie = movie_of(&q);
    double before, after, nan = NAN;
    convis_item item;
    for (const convis_field *f = type->params; f->name; f++) {
        char path[160];
        snprintf(path, sizeof path, "it.%s", f->name);
        assert_true(convis_list(m, CONVIS_PARAMETER, (int)(f - type->params), &item));
        before = f->flags & CONVIS_ARRAY ? (double)item.count : item.value;
        if (f->flags & (CONVIS_ARRAY | CONVIS_TEXT)) refused(c, CONVIS_EINVAL, path, convis_get(m, path, &after));
        if (f->flags & CONVIS_TEXT) {
            refused(c, CONVIS_EINVAL, path, convis_set(m, path, 1));
            refused(c, CONVIS_ESTATE, path, convis_set_text(m, path, f->unit));
        } else if (f->flags & CONVIS_ARRAY) {
            refused(c, CONVIS_EINVAL, path, convis_set(m, path, 1));
            refused(c, CONVIS_ESHAPE, path, convis_set_array(m, path, &before, (int64_t)before + 1));
            refused(c, CONVIS_ESHAPE, path, convis_set_array(m, path, &before, -1));
        } else {
            refused(c, CONVIS_EINVAL, path, convis_set(m, path, NAN));
            refused(c, CONVIS_EINVAL, path, convis_set(m, path, INFINITY));
            refused(c, CONVIS_EINVAL, "expected", convis_set(m, path, f->max + 1 + fabs(f->max)*1e-6));
            refused(c, CONVIS_EINVAL, path, convis_set(m, path, f->min - 1 - fabs(f->min)*1e-6));
            if (f->flags & CONVIS_WHOLE && f->max > f->min) refused(c, CONVIS_EINVAL, "whole", convis_set(m, path, f->min + 0.5));
            if (f->flags & CONVIS_PLAN && before > f->min) refused(c, CONVIS_ESTATE, path, convis_set(m, path, f->min));
            refused(c, CONVIS_EINVAL, path, convis_set_array(m, path, &nan, 1));
        }
        assert_true(convis_list(m, CONVIS_PARAMETER, (int)(f - type->params), &item));
        assert_true(before == (f->flags & CONVIS_ARRAY ? (double)item.count : item.value));
    }
    refused(c, CONVIS_ENAME, "no parameter 'nothing'", convis_set(m, "it.nothing", 1));
    refused(c, CONVIS_ENAME, "'nobody.tau'", convis_set(m, "nobody.tau", 1));
    refused(c, CONVIS_ENAME, "'it.nothing'", convis_get(m, "it.nothing", &after));
    convis_shape wrong = q.shape;
    for (int d = 0; d < CONVIS_DIMS; d++) {
        wrong = q.shape;
        wrong.dim[d]++;
        refused(c, CONVIS_ESHAPE, "planned for", convis_run(m, convis_view(movie.data, wrong)));
    }
    assert_int_equal(convis_frame(m), 0);
    record(m, movie, 0, q.shape.dim[CONVIS_T], WHOLE, q.shape.dim[CONVIS_T], &found);
    assert_same(&found, &expected, "after refusals");
    recording_free(&found);
    recording_free(&expected);
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
}

/* ---- The list of tests: every layer with every promise ---- */

#define OVER_TRIALS(name, shapes, variants, f)                                                                      \
    static void name(void **state) { for_each_trial(*state, shapes, variants, f); }
OVER_TRIALS(test_isas,     SHAPE_COUNT, VARIANTS, isas)
OVER_TRIALS(test_chunks,   SHAPE_COUNT, VARIANTS, chunks)
static void test_threads(void **state)  { for_each_large_trial(*state, threads); }
OVER_TRIALS(test_reset,    SHAPE_COUNT, 3,        reset)
OVER_TRIALS(test_push_pop, SHAPE_COUNT, 3,        push_pop)
OVER_TRIALS(test_get_put,  SHAPE_COUNT, 3,        get_put)
OVER_TRIALS(test_save,     SHAPE_COUNT, 3,        save_load)
OVER_TRIALS(test_fences,   SHAPE_COUNT, 3,        fences)
OVER_TRIALS(test_requests, SHAPE_COUNT, 3,        no_requests)
OVER_TRIALS(test_strides,  SHAPE_COUNT, 2,        strides)
OVER_TRIALS(test_nans,     SHAPE_COUNT, VARIANTS, nans)
static void test_bounds(void **state)   { bounds(*state); }
static void test_seeds(void **state)    { seeds(*state); }
static void test_refusals(void **state) { refusals(*state); }
static void test_process(void **state)  { for (int v = 0; v < (brief() ? 1 : 2); v++) another_process(*state, v); }

int main(int argc, char **argv)
{
#ifdef CONVIS_DOUBLE
    if (only_at_length()) return 77;                     /* the same text once more */
#endif
    static const struct { const char *name; CMUnitTestFunction f; } PROMISES[] = {
        { "instruction sets", test_isas }, { "chunks", test_chunks }, { "threads", test_threads }, { "seeds", test_seeds },
        { "reset", test_reset }, { "push and pop", test_push_pop }, { "get and put", test_get_put }, { "save and load", test_save },
        { "another process", test_process }, { "read-only input, guard pages", test_fences }, { "no requests for memory", test_requests },
        { "strides", test_strides }, { "NaN", test_nans }, { "parameters at their bounds", test_bounds }, { "refusals", test_refusals },
    };
    enum { PROMISE_COUNT = sizeof PROMISES/sizeof *PROMISES, MOST = 64 };
    static struct CMUnitTest tests[MOST*PROMISE_COUNT];
    static char names[MOST*PROMISE_COUNT][80];
    size_t n = 0;
    program = argv[0];
    if (argc > 5 && !strcmp(argv[1], "--go-on")) return go_on(argv);
    for (int k = 0; convis_layer_types()[k] && k < MOST; k++)
        for (int j = 0; j < PROMISE_COUNT; j++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", convis_layer_types()[k]->name, PROMISES[j].name);
            tests[n] = (struct CMUnitTest){ names[n], PROMISES[j].f, NULL, NULL, (void *)(uintptr_t)convis_layer_types()[k] };
        }
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests("every layer", tests, n, NULL, NULL);
}
