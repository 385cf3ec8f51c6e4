/* test_own_layer.c - layers of a user's own: something of their own, failures, one thread; and C files that are compiled at run time,
 * on processors and, where PoCL or a card is there, on GPUs. */
#include "harness.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 96, FRAMES = 12 };                         /* enough pixels for several threads */

static convis_context *open_with(int threads)
{
    convis_context *c;
    assert_int_equal(convis_open(&c, "cpu"), CONVIS_OK);
    must(c, convis_threads(c, threads));
    return c;
}

/* ---- A layer in this program: twice its input, by forward and vjp ---- */

static struct seen { int opened, closed, calls, most_threads, strangers; pthread_t caller; int64_t fail_frame; int fail_thread, mute, fail_back, fail_open; }
    seen;

static convis_status twice(convis_pass *p)
{
    const int64_t n = convis_elements(p->out_shape), from = n*p->thread/p->threads, to = n*(p->thread + 1)/p->threads;
    if (p->user != &seen && strcmp(p->user, "own"))
        return convis_fail(p->context, CONVIS_EINVAL, "%s: whose user is that?", p->path);
    __atomic_add_fetch(&seen.calls, 1, __ATOMIC_RELAXED);
    if (p->threads > seen.most_threads) seen.most_threads = p->threads;
    if (!pthread_equal(pthread_self(), seen.caller)) __atomic_add_fetch(&seen.strangers, 1, __ATOMIC_RELAXED);
    for (int t = 0; t < p->frames; t++)
        for (int64_t i = from; i < to; i++) p->out[t*n + i] = 2*p->in[0][t*n + i];
    if (seen.fail_frame < p->frame || seen.fail_frame >= p->frame + p->frames) return CONVIS_OK;
    if (seen.fail_thread >= 0 && p->thread != seen.fail_thread%p->threads) return CONVIS_OK;
    return seen.mute ? CONVIS_ENOTSUP
                     : convis_fail(p->context, CONVIS_ENOTSUP, "%s: frame %d is too much", p->path, (int)seen.fail_frame);
}

static convis_status twice_back(convis_pass *p)
{
    const int64_t n = convis_elements(p->out_shape), from = n*p->thread/p->threads, to = n*(p->thread + 1)/p->threads;
    if (!pthread_equal(pthread_self(), seen.caller)) __atomic_add_fetch(&seen.strangers, 1, __ATOMIC_RELAXED);
    for (int t = 0; t < p->frames; t++)
        for (int64_t i = from; i < to; i++) p->d_in[0][t*n + i] += 2*p->d_out[t*n + i];
    return seen.fail_back ? convis_fail(p->context, CONVIS_EINVAL, "%s: no way back", p->path) : CONVIS_OK;
}

static convis_status open_one(convis_pass *p)
{
    if (seen.fail_open) return convis_fail(p->context, CONVIS_EINVAL, "%s: it does not open", p->path);
    seen.opened++;
    if (p->user != &seen || strcmp(p->path, "it"))
        return convis_fail(p->context, CONVIS_EINVAL, "%s: whose user is that?", p->path);
    p->user = strdup("own");
    return p->user ? CONVIS_OK : CONVIS_ENOMEM;
}

static void close_one(convis_pass *p)
{
    seen.closed++;
    free(p->user);
}

static const convis_field no_rows[] = { { 0 } };
static const convis_kernel no_kernels[] = { { 0 } };
static const convis_kernels none = { "baseline", no_kernels };
static const convis_kernels *const kernels[] = { &none, NULL };
#define TWICE                                                                                                          \
    .abi = CONVIS_LAYER_ABI, .name = "twice", .doc = "twice its input", .params = no_rows, .states = no_rows, .inputs = 1, \
    .kernels = kernels, .forward = twice, .vjp = twice_back, .user = &seen
static const convis_layer_type shared = { TWICE }, alone = { TWICE, .one_thread = 1 },
                               opened = { TWICE, .open = open_one, .close = close_one };

static void begin(void) { seen = (struct seen){ .caller = pthread_self(), .fail_frame = -1, .fail_thread = -1 }; }

static convis_model *model_of(convis_context *c, const convis_layer_type *t)
{
    convis_model *m;
    must(c, convis_model_new(c, 0.01, &m));
    convis_add(m, t, "it", convis_input(m));
    return m;
}

static void planned(convis_model *m)
{
    convis_context *c = convis_model_context(m);
    must(c, convis_require_gradient(m, "input"));
    must(c, convis_probe(m, "it"));
    must(c, convis_plan(m, convis_movie_shape(FRAMES, SIDE, SIDE)));
}

static void assert_twice(convis_model *m, convis_tensor movie)
{
    convis_context *c = convis_model_context(m);
    convis_tensor out;
    must(c, convis_run(m, movie));
    must(c, convis_output(m, "it", &out));
    for (int64_t i = 0; i < FRAMES*SIDE*SIDE; i++) assert_true(out.data[i] == 2*movie.data[i]);
}

/* ---- Something of its own ---- */

static void users(void **state)
{
    (void)state;
    convis_context *c = open_with(2);
    const convis_tensor movie = noise_movie(convis_movie_shape(FRAMES, SIDE, SIDE), 0, 1, 1);
    begin();
    convis_model *a = model_of(c, &opened), *b = model_of(c, &opened), *plain = model_of(c, &shared);
    assert_int_equal(seen.opened, 2);
    planned(a);
    assert_twice(a, movie);
    planned(plain);
    assert_twice(plain, movie);
    assert_int_equal(seen.closed, 0);
    convis_model_free(&a);
    assert_int_equal(seen.closed, 1);
    convis_model_free(&b);                               /* which was never planned */
    assert_int_equal(seen.closed, 2);
    convis_model_free(&plain);
    assert_int_equal(seen.closed, 2);

    seen.fail_open = 1;
    a = model_of(c, &opened);
    refused(c, CONVIS_EINVAL, "it: it does not open", convis_plan(a, convis_movie_shape(1, 4, 4)));
    convis_model_free(&a);
    assert_int_equal(seen.closed, 2);                    /* what did not open is not closed */
    free(movie.data);
    convis_close(&c);
}

/* ---- Failures ---- */

static void failures(void **state)
{
    (void)state;
    const convis_tensor movie = noise_movie(convis_movie_shape(FRAMES, SIDE, SIDE), 0, 1, 1);
    for (int threads = 1; threads <= 4; threads += 3)
        for (int thread = -1; thread < 3; thread++) {
            convis_context *c = open_with(threads);
            begin();
            convis_model *m = model_of(c, &shared);
            planned(m);
            assert_twice(m, movie);
            seen.fail_frame = FRAMES + 5;
            seen.fail_thread = thread;
            refused(c, CONVIS_ENOTSUP, "it: frame 17 is too much", convis_run(m, movie));
            assert_int_equal(convis_frame(m), FRAMES);
            refused(c, CONVIS_ESTATE, "", convis_vjp(m, NULL));
            seen.mute = 1;
            refused(c, CONVIS_ENOTSUP, "it: not supported", convis_run(m, movie));
            seen.fail_frame = -1;
            must(c, convis_reset(m));
            assert_twice(m, movie);
            convis_tensor d = movie;
            seen.fail_back = 1;
            must(c, convis_vjp_from(m, "it", movie));
            refused(c, CONVIS_EINVAL, "it: no way back", convis_vjp(m, NULL));
            seen.fail_back = 0;
            must(c, convis_reset(m));
            must(c, convis_grad_zero(m));
            assert_twice(m, movie);
            d.data = malloc(FRAMES*SIDE*SIDE*sizeof *d.data);
            must(c, convis_vjp_from(m, "it", movie));
            must(c, convis_vjp(m, &d));
            for (int64_t i = 0; i < FRAMES*SIDE*SIDE; i++) assert_true(d.data[i] == 2*movie.data[i]);
            free(d.data);
            convis_model_free(&m);
            convis_close(&c);
        }
    free(movie.data);
}

/* ---- One thread ---- */

static void one_thread(void **state)
{
    (void)state;
    convis_context *c = open_with(4);
    const convis_tensor movie = noise_movie(convis_movie_shape(FRAMES, SIDE, SIDE), 0, 1, 1);
    begin();
    convis_model *m;
    must(c, convis_model_new(c, 0.01, &m));
    convis_node before = convis_add(m, type_named("relu"), "before", convis_input(m));
    before = convis_add(m, &alone, "it", before);
    convis_add(m, type_named("lowpass"), "after", before);
    planned(m);
    assert_twice(m, movie);
    assert_int_equal(seen.most_threads, 1);
    assert_int_equal(seen.strangers, 0);
    must(c, convis_vjp_from(m, "it", movie));
    must(c, convis_vjp(m, NULL));
    assert_int_equal(seen.strangers, 0);
    convis_model_free(&m);

    convis_layer_type pointwise = *type_named("relu");
    pointwise.one_thread = 1;
    m = model_of(c, &pointwise);
    refused(c, CONVIS_EINVAL, "one thread", convis_plan(m, convis_movie_shape(1, 4, 4)));
    convis_model_free(&m);
    free(movie.data);
    convis_close(&c);
}

/* ---- Tables and kernels that differ ---- */

static int row_count(const convis_field *table) { int k = 0; while (table && table[k].name) k++; return k; }

/* A layer of this type is added with as many inputs as it must have; it is refused because of that kernel, NULL: it is not. */
static void try_table(convis_context *c, const convis_layer_type *t, const char *kernel, int arguments, int expected)
{
    char part[160];
    convis_model *m;
    must(c, convis_model_new(c, 0.01, &m));
    convis_edge in[CONVIS_MAX_INPUTS];
    for (int k = 0; k < CONVIS_MAX_INPUTS; k++) in[k] = (convis_edge){ convis_input(m), 0 };
    const convis_node added = convis_join(m, t, "it", in, t->min_inputs ? t->min_inputs : t->inputs);
    assert_int_equal(added.id, kernel ? -1 : 1);
    snprintf(part, sizeof part, "it: the kernel %s has %d arguments, expected %d by the table of %s", kernel ? kernel : "",
             arguments, expected, t->name);
    if (kernel) refused(c, CONVIS_EINVAL, part, convis_plan(m, convis_movie_shape(1, 4, 4)));
    convis_model_free(&m);
}

/* A table with a row more, one less, or another number: no call of its kernel would get what it takes. */
static void vary(convis_context *c, const convis_layer_type *t)
{
    const int in = t->inputs, more = row_count(t->outputs), states = row_count(t->states);
    const int forward = 2 + in + more + states + t->tape, back = 4 + 2*in + states + t->tape;
    const convis_field two[] = { { .name = "a" }, { .name = "b" }, { 0 } };
    convis_layer_type other = *t;
    try_table(c, t, NULL, 0, 0);
    if (t->tape < CONVIS_MAX_TAPE) {
        other.tape++;
        try_table(c, &other, t->pointwise, forward, forward + 1);
    }
    if (t->tape) {
        other.tape = t->tape - 1;
        try_table(c, &other, t->pointwise, forward, forward - 1);
    }
    other = *t;
    if (in < CONVIS_MAX_INPUTS) {
        other.inputs++;
        try_table(c, &other, t->pointwise, forward, forward + 1);
    }
    other.inputs = other.min_inputs = 0;
    try_table(c, &other, t->pointwise, forward, forward - in);
    other = *t;
    other.states = two;
    if (states != 2) try_table(c, &other, t->pointwise, forward, forward + 2 - states);
    other = *t;
    other.outputs = two;
    if (more != 2) try_table(c, &other, t->pointwise, forward, forward + 2 - more);
    other = *t;
    if (t->adjoint && back != forward) {                 /* either in the other's place */
        other.adjoint = t->pointwise;
        try_table(c, &other, t->pointwise, forward, back);
    }
}

static void tables(void **state)
{
    (void)state;
    int seen_types = 0;
    convis_context *c = open_with(1);
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++)
        for (const convis_layer_type *one = *t; one; one = one->more)
            if (one->pointwise) { vary(c, one); seen_types++; }
    assert_true(seen_types > 20);

    convis_layer_type less = *type_named("relu");
    less.tape = -1;
    convis_model *m = model_of(c, &less);
    refused(c, CONVIS_EINVAL, "1 inputs and a tape of -1, expected 0 or more", convis_plan(m, convis_movie_shape(1, 4, 4)));
    convis_model_free(&m);
    convis_close(&c);
}

static void no_context(void **state)
{
    (void)state;
    convis_context *c = open_with(1);
    assert_null(convis_obtain(NULL, 8));
    assert_non_null(strstr(convis_message(NULL), "convis_obtain: its first argument is NULL"));
    void *memory = convis_obtain(c, 8);
    assert_non_null(memory);
    convis_release(NULL, NULL);
    convis_release(NULL, memory);                        /* nothing: it is still there */
    memset(memory, 1, 8);
    convis_release(c, NULL);
    convis_release(c, memory);
    convis_close(&c);
}

/* ---- C files ---- */

static const char TEXT[] =
    "/* gain.c - a gain, and a weight of each pixel's left neighbour, by kernels with numbers of their own.\n"
    " *\n"
    " *      y[t][v][u] = gain x[t][v][u] + left x[t][v][u - 1] */\n"
    "#include <convis/kernel.h>\n"
    "#include \"gain_args.h\"\n"
    "#ifndef CONVIS_HOST\n"
    "CONVIS_KERNEL_OF(gain_args, gain_forward, IN x, OUT y)\n"
    "{\n"
    "    CONVIS_SCAN(i, t) y[t*n + i] = args.gain*x[t*n + i] + (i%args.width ? args.left*x[t*n + i - 1] : R(0.0));\n"
    "}\n"
    "CONVIS_EXPORT(gain, CONVIS_ENTRY(gain_forward))\n"
    "#else\n"
    "#include <convis/layer.h>\n"
    "static const convis_field params[] = { { \"gain\", \"1\", 3, -10, 10, 0, \"of the pixel\" }, { \"left\", \"1\", 0.5, -10, 10, 0, \"of its neighbour\" }, { 0 } };\n"
    "static const convis_field states[] = { { 0 } };\n"
    "static convis_status plan(convis_pass *p)\n"
    "{\n"
    "    if (p->param[0] < 0) return convis_fail(p->context, CONVIS_EINVAL, \"%s: a gain of %g, expected 0 or more\", p->path, p->param[0]);\n"
    "    return convis_plan_alike(p);\n"
    "}\n"
    "static convis_status forward(convis_pass *p)\n"
    "{\n"
    "    const gain_args args = { (int)p->out_shape.dim[CONVIS_X], (convis_real)p->param[0], (convis_real)p->param[1] };\n"
    "    convis_launch_with(p, \"gain_forward\", convis_elements(p->out_shape), p->frames, (void *[]){ (void *)p->in[0], p->out }, &args);\n"
    "    return CONVIS_OK;\n"
    "}\n"
    "CONVIS_LAYER_KERNELS(gain)\n"
    "extern const convis_layer_type convis_gain;\n"
    "const convis_layer_type convis_gain = { .abi = CONVIS_LAYER_ABI, .name = \"gain\", .doc = \"a gain\", .params = params, .states = states,\n"
    "    .inputs = 1, .kernels = gain_kernels, .source = convis_gain_source, .plan = plan, .forward = forward, .device_capable = 1 };\n"
    "#endif\n";
static const char ARGS[] = "/* gain_args.h */\n#ifndef GAIN_ARGS_H\n#define GAIN_ARGS_H\ntypedef struct gain_args { int width; real gain, left; } gain_args;\n#endif\n";

static char folder[64], file[96], header[96];

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/convis-own-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(file, sizeof file, "%s/gain.c", folder);
    snprintf(header, sizeof header, "%s/gain_args.h", folder);
    setenv("CONVIS_CACHE", CONVIS_TEST_CACHE, 0);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    unlink(header);
    return rmdir(folder);
}

static void run_gain(convis_context *c, double tolerance)
{
    const convis_layer_type *t, *again;
    convis_tensor out, movie = noise_movie(convis_movie_shape(FRAMES, SIDE, SIDE), 0, 1, 1);
    must(c, convis_allow_code(c, 1));
    must(c, convis_layer_type_open(c, file, &t));
    must(c, convis_layer_type_open(c, file, &again));
    assert_ptr_equal(t, again);
    convis_model *m = model_of(c, t);
    must(c, convis_probe(m, "it"));
    must(c, convis_plan(m, movie.shape));
    must(c, convis_run(m, movie));
    must(c, convis_output(m, "it", &out));
    for (int64_t i = 0; i < FRAMES*SIDE*SIDE; i++) {
        const double expected = 3*(double)movie.data[i] + (i%SIDE ? 0.5*(double)movie.data[i - 1] : 0);
        assert_true(fabs((double)out.data[i] - expected) <= tolerance*4);
    }
    convis_model_free(&m);
    m = model_of(c, t);
    must(c, convis_set(m, "it.gain", -1));
    refused(c, CONVIS_EINVAL, "it: a gain of -1, expected 0 or more", convis_plan(m, movie.shape));
    convis_model_free(&m);
    free(movie.data);
}

static void files(void **state)
{
    (void)state;
    const double tolerance = sizeof(convis_real) == sizeof(double) ? 1e-15 : 1e-7;
    const convis_layer_type *t;
    char line[128];
    convis_context *c = open_with(3);
    write_file(file, TEXT);
    write_file(header, ARGS);
    refused(c, CONVIS_ENOTSUP, "brings its own code", convis_layer_type_open(c, file, &t));
    assert_null(t);
    run_gain(c, tolerance);
    must(c, convis_layer_type_open(c, file, &t));
    assert_true(convis_layer_type_equation(t, 0, line, sizeof line));
    assert_string_equal(line, "y[t][v][u] = gain x[t][v][u] + left x[t][v][u - 1]");
    must(c, convis_allow_code(c, 0));
    refused(c, CONVIS_ENOTSUP, "brings its own code", convis_layer_type_open(c, file, &t));
    must(c, convis_allow_code(c, 1));

    /* The header is a part of the content; a faulty one is the compiler's to refuse. */
    write_file(header, "#error no such thing\n");
    refused(c, CONVIS_EFORMAT, "no such thing", convis_layer_type_open(c, file, &t));
    unlink(header);
    refused(c, CONVIS_EFORMAT, "gain_args.h", convis_layer_type_open(c, file, &t));
    refused(c, CONVIS_EIO, "cannot be opened", convis_layer_type_open(c, "/nowhere/at_all.c", &t));
    refused(c, CONVIS_EINVAL, "expected a layer's C file", convis_layer_type_open(c, "relu", &t));
    convis_close(&c);
}

/* A type is of one context's models alone; another context opens its own. */
static void foreign(void **state)
{
    (void)state;
    const convis_layer_type *t, *own;
    convis_context *c = open_with(1), *other = open_with(1);
    write_file(file, TEXT);
    write_file(header, ARGS);
    must(c, convis_allow_code(c, 1));
    must(other, convis_allow_code(other, 1));
    must(c, convis_layer_type_open(c, file, &t));
    for (int round = 0; round < 2; round++) {
        convis_model *m = model_of(other, t);
        refused(other, CONVIS_EINVAL, "it: its type was opened in another context", convis_plan(m, convis_movie_shape(1, 4, 4)));
        convis_model_free(&m);
        must(other, convis_layer_type_open(other, file, &own));
        assert_ptr_not_equal(own, t);
        m = model_of(other, own);
        must(other, convis_plan(m, convis_movie_shape(1, 4, 4)));
        convis_model_free(&m);
        m = model_of(c, t);
        must(c, convis_plan(m, convis_movie_shape(1, 4, 4)));
        convis_model_free(&m);
        m = model_of(c, own);
        refused(c, CONVIS_EINVAL, "it: its type was opened in another context", convis_plan(m, convis_movie_shape(1, 4, 4)));
        convis_model_free(&m);
    }
    convis_close(&other);
    convis_model *m = model_of(c, t);                    /* as before, when the other is gone */
    must(c, convis_plan(m, convis_movie_shape(1, 4, 4)));
    convis_model_free(&m);
    convis_close(&c);
}

static const char SOURCE_TEXT[] =
    "/* gain.c - no inputs: the number of the frame, times a parameter.\n"
    " *\n"
    " *      y[t] = gain t */\n"
    "#include <convis/kernel.h>\n"
    "#ifndef CONVIS_HOST\n"
    "CONVIS_KERNEL2(gain_forward, PARAM p, OUT y) { CONVIS_SCAN(i, t) y[t*n + i] = p[0]*(real)(frame + (u32)t); }\n"
    "CONVIS_EXPORT(gain, CONVIS_ENTRY(gain_forward))\n"
    "#else\n"
    "static const convis_field params[] = { { \"gain\", \"1\", 3, -10, 10, 0, \"a gain\" }, { 0 } };\n"
    "static const convis_field states[] = { { 0 } };\n"
    "CONVIS_LAYER_KERNELS(gain)\n"
    "extern const convis_layer_type gain;\n"
    "const convis_layer_type gain = { .abi = CONVIS_LAYER_ABI, .name = \"gain\", .doc = \"of no input\", .params = params, .states = states,\n"
    "    .kernels = gain_kernels, .source = convis_gain_source, .pointwise = \"gain_forward\" };\n"
    "#endif\n";

/* What has no inputs, and a kernel that takes none, runs. */
static void of_no_input(void **state)
{
    (void)state;
    const convis_layer_type *t;
    convis_context *c = open_with(2);
    convis_model *m;
    convis_tensor out, movie = noise_movie(convis_movie_shape(FRAMES, SIDE, SIDE), 0, 1, 1);
    write_file(file, SOURCE_TEXT);
    must(c, convis_allow_code(c, 1));
    must(c, convis_layer_type_open(c, file, &t));
    m = model_of(c, t);
    refused(c, CONVIS_ESHAPE, "it: 1 inputs, gain expects 0", convis_plan(m, movie.shape));
    convis_model_free(&m);
    must(c, convis_model_new(c, 0.01, &m));
    convis_join(m, t, "it", NULL, 0);
    must(c, convis_probe(m, "it"));
    must(c, convis_plan(m, movie.shape));
    must(c, convis_run(m, movie));
    must(c, convis_output(m, "it", &out));
    for (int64_t i = 0; i < FRAMES*SIDE*SIDE; i++) assert_true(out.data[i] == 3*(convis_real)(i/(SIDE*SIDE)));
    convis_model_free(&m);
    free(movie.data);
    convis_close(&c);
}

/* Without memory it is not there, and nothing is lost. What is asked for first is asked for whatever the cache holds. */
static void no_memory(void **state)
{
    (void)state;
    const convis_layer_type *t;
    write_file(file, TEXT);
    write_file(header, ARGS);
    for (int k = 1; k <= 3; k++) {
        counter count = { .fail_at = 0 };
        const convis_allocator a = counting(&count);
        convis_context *c;
        assert_int_equal(convis_open_with(&c, "cpu", &a), CONVIS_OK);
        must(c, convis_allow_code(c, 1));
        count.fail_at = count.calls + k;
        const convis_status status = convis_layer_type_open(c, file, &t);
        assert_true(k < 3 ? status == CONVIS_ENOMEM && !t : status == CONVIS_OK && t);
        convis_close(&c);
        assert_int_equal(count.live, 0);
    }
    convis_context *c = open_with(1);
    assert_int_equal(convis_layer_type_open(NULL, file, &t), CONVIS_EINVAL);
    assert_int_equal(convis_layer_type_open(c, NULL, &t), CONVIS_EINVAL);
    assert_int_equal(convis_layer_type_open(c, file, NULL), CONVIS_EINVAL);
    assert_int_equal(convis_allow_code(NULL, 1), CONVIS_EINVAL);
    convis_close(&c);
}

/* A recipe by calls, its YAML, and its file of a fitted model, in another context. */
static void recipes(void **state)
{
    (void)state;
    convis_context *c = open_with(1), *other = open_with(1);
    convis_recipe *r, *read;
    convis_model *m;
    char *text;
    write_file(file, TEXT);
    write_file(header, ARGS);
    must(c, convis_recipe_new(c, 0.01, &r));
    refused(c, CONVIS_ENOTSUP, "brings its own code", convis_recipe_add_layer(r, file, "it", NULL, 0));
    must(c, convis_allow_code(c, 1));
    must(c, convis_recipe_add_layer(r, file, "it", NULL, 0));
    must(c, convis_recipe_set(r, "it.gain", "4"));
    must(c, convis_recipe_yaml(r, &text));
    assert_non_null(strstr(text, file));
    assert_non_null(strstr(text, "fingerprint: "));
    refused(other, CONVIS_ENOTSUP, "brings its own code", convis_recipe_read(other, "m.yaml", text, strlen(text), &read));
    must(other, convis_allow_code(other, 1));
    must(other, convis_recipe_read(other, "m.yaml", text, strlen(text), &read));
    assert_null(convis_recipe_warning(read, 0));
    must(other, convis_recipe_build(read, 8, 8, &m));
    double gain = 0;
    must(other, convis_get(m, "it.gain", &gain));
    assert_true(gain == 4);
    convis_model_free(&m);
    convis_recipe_free(&read);
    write_file(header, "/* another */\n");
    FILE *f = fopen(header, "a");
    fputs(ARGS, f);
    fclose(f);
    must(other, convis_recipe_read(other, "m.yaml", text, strlen(text), &read));
    assert_non_null(convis_recipe_warning(read, 0));
    assert_non_null(strstr(convis_recipe_warning(read, 0), "is not the file with which the model was written"));
    convis_recipe_free(&read);
    convis_recipe_text_free(r, &text);
    convis_recipe_free(&r);
    convis_close(&c);
    convis_close(&other);
}

static void on_a_device(void **state)
{
    (void)state;
    convis_context *c;
    if (sizeof(convis_real) == sizeof(double) || convis_open(&c, "opencl")) {
        if (sizeof(convis_real) != sizeof(double)) { print_message("no OpenCL here: %s\n", convis_message(c)); convis_close(&c); }
        skip();
    }
    write_file(file, TEXT);
    write_file(header, ARGS);
    run_gain(c, 1e-6);
    convis_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(users), cmocka_unit_test(failures), cmocka_unit_test(one_thread),
                                        cmocka_unit_test(tables), cmocka_unit_test(no_context), cmocka_unit_test(files),
                                        cmocka_unit_test(foreign), cmocka_unit_test(of_no_input), cmocka_unit_test(no_memory),
                                        cmocka_unit_test(recipes), cmocka_unit_test(on_a_device) };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
