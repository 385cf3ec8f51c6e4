/* test_cuda.c - src/device/cuda/cuda.c, on stand-ins for NVIDIA's libraries (tests/cuda_stand_in), so that it needs no GPU.
 *
 * The program starts itself anew with the stand-ins in LD_LIBRARY_PATH, and asks for faults in children, as a driver is looked
 * for once in a process. */
#include "harness.h"
#include "device/device.h"
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CONVIS_STAND_IN_FOLDER

static void has_no_stand_in(void **state)
{
    (void)state;
    print_message("             no C++ compiler here, which the stand-ins for CUDA need\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(has_no_stand_in) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static char folder[] = "/tmp/convis-test-XXXXXX";        /* the cache, and what was compiled */

/* ---- Texts ---- */

static const char *const KERNELS[] = {
    "typedef struct told_args { int whole; float part; unsigned many[3]; } told_args;\n",
    "CONVIS_KERNEL(scaled, PARAM p, IN x, OUT y) { CONVIS_SCAN(i, t) y[t*n + i] = p[0]*x[t*n + i]; }\n",
    "CONVIS_KERNEL_OF(told_args, tell, PARAM nothing, OUT y)\n",
    "{\n",
    "    if (CONVIS_FIRST != 0) return;\n",
    "    y[0] = (real)n; y[1] = (real)nt; y[2] = dt; y[3] = (real)frame; y[4] = (real)key0; y[5] = (real)key1;\n",
    "    y[6] = nothing ? 1.0f : 2.0f;\n",
    "    y[7] = (real)args.whole; y[8] = args.part; y[9] = (real)args.many[2];\n",
    "}\n",
    "#ifdef CONVIS_DROPPED\n",
    "CONVIS_KERNEL(dropped, PARAM p, OUT y) { y[0] = p[0]; }\n",
    "#endif\n",
    "CONVIS_GPU_KERNEL(total, 256, IN x, OUT y)\n",
    "{\n",
    "    integer me = CONVIS_MEMBER;\n",
    "    real sum = 0;\n",
    "    CONVIS_PIXELS(i) sum += x[i];\n",
    "    shared[me] = sum;\n",
    "    for (integer half = CONVIS_MEMBERS/2; half; half /= 2) {\n",
    "        CONVIS_BARRIER;\n",
    "        if (me < half) shared[me] += shared[me + half];\n",
    "    }\n",
    "    if (me == 0) y[CONVIS_WORKGROUP] = shared[0];\n",
    "}\n", NULL };
typedef struct told_args { int whole; float part; uint32_t many[3]; } told_args;
static const convis_kernel TABLE[] = { { "scaled", NULL, 3, 0 }, { "tell", NULL, 2, sizeof(told_args) }, { "dropped", NULL, 2, 0 },
    { "total", NULL, 2, 0 }, { "wrong", NULL, 2, 0 }, { NULL, NULL, 0, 0 } };
static const char *const WRONG[] = { "CONVIS_KERNEL(wrong, PARAM p, OUT y) { y[0] = nobody; }\n", NULL };

/* What a layer's source has of kernel.h, and behind it these lines. */
static const char *const *source_of(const char *const *own)
{
    static const char *lines[2000];
    const char *const *from = type_named("rectify")->source;
    int count = 0;
    for (; *from && !(count && strstr(*from, "\"rectify.c\"")); from++) lines[count++] = *from;
    for (; *own; own++) lines[count++] = *own;
    assert_in_range(count, 100, 1999);
    lines[count] = NULL;
    return lines;
}

/* How many lines of the log are of graphs that were launched, or else of compilations; the last one of these. */
static int logged(int of_graphs, char last[512])
{
    char path[128], line[512];
    int count = 0;
    snprintf(path, sizeof path, "%s/log", folder);
    FILE *f = fopen(path, "r");
    *last = 0;
    while (f && fgets(line, sizeof line, f)) {
        if ((strncmp(line, "graph of ", 9) == 0) != of_graphs) continue;
        memcpy(last, line, sizeof line);
        count++;
    }
    if (f) fclose(f);
    return count;
}

/* How often NVRTC was called, and the last call's options. */
static int compilations(char last[512]) { return logged(0, last); }

static int graphs(void)
{
    char last[512];
    return logged(1, last);
}

/* ---- A device ---- */

typedef struct bench { convis_context *context; convis_device *device; convis_program *program; } bench;

static bench open_bench(void)
{
    bench b = { NULL, NULL, NULL };
    must(b.context, convis_open(&b.context, "cpu"));
    must(b.context, convis_device_open(b.context, "cuda:0", &b.device));
    b.program = convis_device_program(b.device, "bench", source_of(KERNELS), TABLE);
    if (!b.program) fail_msg("%s", convis_message(b.context));
    return b;
}

static void close_bench(bench b)
{
    must(b.context, convis_device_sync(b.device));
    convis_device_close(&b.device);
    convis_close(&b.context);
}

static float *floats(bench b, int n)
{
    float *memory = convis_device_obtain(b.device, (size_t)n*sizeof *memory);
    if (!memory) fail_msg("%s", convis_message(b.context));
    return memory;
}

static void start(bench b, const char *kernel, void *const *buffers, convis_span span, int64_t groups, int group_size)
{
    const convis_device_kernel *k = convis_program_kernel(b.device, b.program, kernel);
    if (!k) fail_msg("no kernel '%s'", kernel);
    convis_device_launch(b.device, k, buffers, &span, groups, group_size);
}

/* ---- Tests ---- */

static void lists_its_devices(void **state)
{
    convis_device_info info = { .usable = 0 };
    char why[CONVIS_WHY];
    (void)state;
    assert_int_equal(convis_device_cuda.drivers(why), 1);
    assert_int_equal(convis_device_cuda.list(0, 0, &info), 1);
    assert_string_equal(info.name, "cuda:0");
    assert_string_equal(info.title, "stand-in for a CUDA card");
    assert_string_equal(info.why, "");
    assert_int_equal(info.usable, 1);
    assert_int_equal(info.is_gpu, 1);
    assert_int_equal(info.memory, (int64_t)8 << 30);
    assert_int_equal(convis_device_cuda.list(0, 1, &info), 0);
    assert_int_equal(convis_device_cuda.list(0, -1, &info), 0);
}

static void moves_memory(void **state)
{
    enum { N = 1000 };
    float there[N], back[N];
    bench b = open_bench();
    (void)state;
    const int64_t room = b.device->type->room(b.device);
    float *x = floats(b, N), *y = floats(b, N);
    assert_int_equal(room - b.device->type->room(b.device), 2*N*sizeof(float));
    assert_int_equal(b.device->most, (int64_t)8 << 30);
    convis_device_get(b.device, CONVIS_QUEUE_OUT, back, x, sizeof back);
    for (int i = 0; i < N; i++) assert_true(back[i] == 0);
    for (int i = 0; i < N; i++) there[i] = (float)i;
    convis_device_put(b.device, CONVIS_QUEUE_IN, x, there, sizeof there);
    memset(there, 0, sizeof there);                      /* it is ours again */
    convis_device_copy(b.device, y + 100, x, 200*sizeof *x);
    convis_device_zero(b.device, y + 150, 10*sizeof *y);
    convis_device_order(b.device, CONVIS_QUEUE_RUN, CONVIS_QUEUE_OUT);
    convis_device_get(b.device, CONVIS_QUEUE_OUT, back, y, sizeof back);
    for (int i = 0; i < N; i++) assert_true(back[i] == (i < 100 || i >= 300 || (i >= 150 && i < 160) ? 0 : (float)(i - 100)));
    convis_device_get(b.device, CONVIS_QUEUE_IN, back, x + 7, sizeof *back);
    assert_true(back[0] == 7);
    convis_device_release(b.device, x);
    convis_device_release(b.device, y);
    assert_int_equal(room, b.device->type->room(b.device));
    close_bench(b);
}

static void orders_its_queues(void **state)
{
    const float p = 3, first[4] = { 1, 2, 3, 4 };
    float back[4];
    bench b = open_bench();
    (void)state;
    float *memory = floats(b, 9), *x = memory + 1, *y = memory + 5;
    void *forth[] = { memory, x, y }, *again[] = { memory, y, x };
    const convis_span span = { .n = 2, .nt = 2 };
    convis_device_put(b.device, CONVIS_QUEUE_IN, memory, &p, sizeof p);
    convis_device_put(b.device, CONVIS_QUEUE_IN, x, first, sizeof first);
    convis_device_order(b.device, CONVIS_QUEUE_IN, CONVIS_QUEUE_RUN);
    start(b, "scaled", forth, span, 0, 0);
    convis_device_get(b.device, CONVIS_QUEUE_OUT, back, y, sizeof back);
    assert_true(back[3] == 0);                           /* the stand-in does nothing before it must */
    convis_device_order(b.device, CONVIS_QUEUE_RUN, CONVIS_QUEUE_OUT);
    start(b, "scaled", again, span, 0, 0);
    convis_device_order(b.device, CONVIS_QUEUE_OUT, CONVIS_QUEUE_IN);
    convis_device_get(b.device, CONVIS_QUEUE_IN, back, y, sizeof back);
    for (int i = 0; i < 4; i++) assert_true(back[i] == 3*first[i]);
    convis_device_get(b.device, CONVIS_QUEUE_OUT, back, x, sizeof back);
    assert_true(back[3] == 4);                           /* what was queued after the order is not waited for */
    convis_device_order(b.device, CONVIS_QUEUE_RUN, CONVIS_QUEUE_OUT);
    convis_device_get(b.device, CONVIS_QUEUE_OUT, back, x, sizeof back);
    for (int i = 0; i < 4; i++) assert_true(back[i] == 9*first[i]);
    start(b, "scaled", forth, span, 0, 0);
    must(b.context, convis_device_sync(b.device));
    convis_device_get(b.device, CONVIS_QUEUE_OUT, back, y, sizeof back);
    for (int i = 0; i < 4; i++) assert_true(back[i] == 27*first[i]);
    convis_device_release(b.device, memory);
    close_bench(b);
}

static void hands_on_arguments(void **state)
{
    const float expected[10] = { 5, 4, 0.25f, 300, 70000, 80000, 2, -3, 0.5f, 90000 };
    const told_args args = { -3, 0.5f, { 1, 2, 90000 } };
    float back[10];
    bench b = open_bench();
    (void)state;
    void *y = floats(b, 10), *buffers[] = { NULL, y };
    const convis_span span = { .n = 5, .nt = 4, .dt = 0.25f, .frame = 300, .key0 = 70000, .key1 = 80000, .block = &args };
    start(b, "tell", buffers, span, 3, 7);
    convis_device_get(b.device, CONVIS_QUEUE_RUN, back, y, sizeof back);
    assert_memory_equal(back, expected, sizeof back);
    assert_null(convis_program_kernel(b.device, b.program, "nobody"));
    assert_null(convis_program_kernel(b.device, b.program, "dropped"));
    must(b.context, convis_device_sync(b.device));       /* neither is a fault */
    convis_device_release(b.device, y);
    close_bench(b);
}

/* Threads that share memory and wait at barriers: the sum of a block's part, for several sizes. */
static void lets_threads_meet(void **state)
{
    enum { N = 3000, GROUPS = 5 };
    float x[N], back[GROUPS];
    bench b = open_bench();
    (void)state;
    for (int i = 0; i < N; i++) x[i] = (float)(i%17);
    float *there = floats(b, N), *sums = floats(b, GROUPS);
    void *buffers[] = { there, sums };
    convis_device_put(b.device, CONVIS_QUEUE_RUN, there, x, sizeof x);
    for (int size = 1; size <= 256; size *= 2) {
        double all = 0, found = 0;
        start(b, "total", buffers, (convis_span){ .n = N, .nt = 1 }, GROUPS, size);
        convis_device_get(b.device, CONVIS_QUEUE_RUN, back, sums, sizeof back);
        for (int i = 0; i < N; i++) all += (double)x[i];
        for (int k = 0; k < GROUPS; k++) found += (double)back[k];
        assert_true(found == all);
    }
    convis_device_release(b.device, there);
    convis_device_release(b.device, sums);
    close_bench(b);
}

/* ---- What is recorded and replayed ---- */

static void read_floats(bench b, float *to, const float *from, int n)
{
    convis_device_get(b.device, CONVIS_QUEUE_RUN, to, from, (size_t)n*sizeof *to);
}

static void write_floats(bench b, float *to, const float *from, int n)
{
    convis_device_put(b.device, CONVIS_QUEUE_RUN, to, from, (size_t)n*sizeof *to);
}

/* memory: 3, two numbers x, two y, one that is zeroed, ten of "tell". What is queued: y = 3 x; x = y; 0; who am I. */
static void queue_some(bench b, float *memory, uint32_t frame)
{
    void *scaled[] = { memory, memory + 1, memory + 3 }, *told[] = { NULL, memory + 6 };
    start(b, "scaled", scaled, (convis_span){ .n = 2, .nt = 1 }, 0, 0);
    convis_device_copy(b.device, memory + 1, memory + 3, 2*sizeof *memory);
    convis_device_zero(b.device, memory + 5, sizeof *memory);
    const told_args args = { .whole = (int)frame };      /* free again afterwards */
    start(b, "tell", told, (convis_span){ .n = 2, .nt = 1, .frame = frame, .block = &args }, 0, 0);
}

static void replays_what_it_recorded(void **state)
{
    const float first[6] = { 3, 1, 10, 0, 0, 8 };
    float back[16];
    bench b = open_bench();
    (void)state;
    float *memory = floats(b, 16);
    const int before = graphs();
    write_floats(b, memory, first, 6);
    assert_true(convis_device_record(b.device));
    queue_some(b, memory, 300);
    void *recorded = convis_device_recorded(b.device);
    assert_non_null(recorded);
    read_floats(b, back, memory, 16);
    assert_memory_equal(back, first, sizeof first);      /* only recorded, not done */
    assert_true(back[9] == 0);
    for (int k = 0; k < 2; k++) assert_true(convis_device_replay(b.device, recorded));
    write_floats(b, memory + 5, first + 5, 1);
    read_floats(b, back, memory, 16);
    assert_true(back[1] == 9 && back[2] == 90 && back[3] == 9 && back[5] == 8 && back[9] == 300);
    queue_some(b, memory, 500);                          /* the recording does not change */
    assert_true(convis_device_replay(b.device, recorded));
    read_floats(b, back, memory, 16);
    assert_true(back[1] == 81 && back[2] == 810 && back[5] == 0 && back[9] == 300);
    assert_int_equal(graphs(), before + 3);
    assert_true(convis_device_replay(b.device, recorded));
    convis_device_forget(b.device, recorded);                /* after it was done */
    read_floats(b, back, memory, 16);
    assert_true(back[1] == 243);

    setenv("CONVIS_STAND_IN", "graphless", 1);
    assert_false(convis_device_record(b.device));
    unsetenv("CONVIS_STAND_IN");
    must(b.context, convis_device_sync(b.device));
    convis_device_release(b.device, memory);
    close_bench(b);
}

/* What must not be done while recording. */
static void wait_here(bench b, float *memory)  { (void)memory; must(b.context, convis_device_sync(b.device)); }
static void fetch_here(bench b, float *memory)
{
    float back = 7;
    read_floats(b, &back, memory, 1);
    assert_true(back == 0);                              /* rather than what it was before */
}
static void give_here(bench b, float *memory)
{
    const float other = 5;
    write_floats(b, memory, &other, 1);
}
static void obtain_here(bench b, float *memory) { (void)memory; assert_null(convis_device_obtain(b.device, 64)); }

static void spoilt_recordings_are_no_faults(void **state)
{
    void (*const wrong[])(bench, float *) = { wait_here, fetch_here, give_here, obtain_here };
    const float first[6] = { 3, 1, 10, 0, 0, 8 };
    float back[16];
    bench b = open_bench();
    (void)state;
    float *memory = floats(b, 16);
    for (size_t k = 0; k < sizeof wrong/sizeof *wrong; k++) {
        write_floats(b, memory, first, 6);
        assert_true(convis_device_record(b.device));
        queue_some(b, memory, 300);
        wrong[k](b, memory);
        queue_some(b, memory, 300);
        assert_null(convis_device_recorded(b.device));
        must(b.context, convis_device_sync(b.device));
        read_floats(b, back, memory, 6);
        assert_memory_equal(back, first, sizeof first);  /* nothing was done */
        queue_some(b, memory, 300);
        read_floats(b, back, memory, 6);
        assert_true(back[1] == 3 && back[2] == 30);      /* and now it is */
        assert_true(convis_device_record(b.device));
        queue_some(b, memory, 300);
        void *recorded = convis_device_recorded(b.device);
        assert_non_null(recorded);
        assert_true(convis_device_replay(b.device, recorded));
        read_floats(b, back, memory, 6);
        assert_true(back[1] == 9 && back[2] == 90);
        convis_device_forget(b.device, recorded);
    }
    convis_device_release(b.device, memory);
    close_bench(b);
}

/* A retina's life in chunks of up to 4 frames; halfway a parameter changes: by it, how many kernels there are. *replayed: graphs that
 * were launched. */
static recording life_of_a_retina(chunking how, const char *told, int *replayed)
{
    enum { FRAMES = 40, CHUNK = 4 };
    convis_context *c;
    convis_recipe *r;
    convis_model *m;
    recording seen = { 0 };
    convis_tensor movie = noise_movie(convis_movie_shape(FRAMES, 6, 8), 0, 255, 11);
    const int before = graphs();
    setenv("CONVIS_STAND_IN", told, 1);
    must(c, convis_open(&c, "cuda:0"));
    must(c, convis_recipe_open(c, "retina", &r));
    must(c, convis_recipe_set(r, "numerics", "converged"));
    must(c, convis_recipe_build(r, 8, 6, &m));
    convis_recipe_free(&r);
    must(c, convis_record_spikes(m, 1));
    must(c, convis_probe(m, "ganglion_0"));
    must(c, convis_probe(m, "bipolar"));
    must(c, convis_plan(m, convis_movie_shape(CHUNK, 6, 8)));
    record(m, movie, 0, FRAMES/2, how, CHUNK, &seen);
    must(c, convis_set(m, "bipolar.sigma", 0));
    record(m, movie, FRAMES/2, FRAMES, how, CHUNK, &seen);
    convis_model_free(&m);
    convis_close(&c);
    unsetenv("CONVIS_STAND_IN");
    free(movie.data);
    *replayed = graphs() - before;
    return seen;
}

static void a_retina_is_replayed(void **state)
{
    int none, all, some;
    (void)state;
    recording expected = life_of_a_retina(WHOLE, "graphless", &none), found = life_of_a_retina(WHOLE, "", &all),
              other = life_of_a_retina(RANDOMLY, "", &some);
    print_message("             graphs launched: %d in equal chunks, %d in unequal ones\n", all, some);
    assert_same(&found, &expected, "replayed");
    assert_same(&other, &expected, "in unequal chunks");
    assert_int_equal(none, 0);
    assert_in_range(all, 9 + 4 + 4, 1000);               /* all but the first pass of a layer; the bipolar cells' begin anew */
    assert_in_range(some, 1, 1000);
    recording_free(&expected);
    recording_free(&found);
    recording_free(&other);
}

/* A layer whose table is wrong: it fetches, and is said to be capturable. */
static void what_fetches_is_run(void **state)
{
    recording seen[2] = { { 0 }, { 0 } };
    const int before = graphs();
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        convis_layer_type eye = *type_named("eye");
        convis_context *c;
        convis_model *m;
        convis_tensor movie = noise_movie(convis_movie_shape(24, 9, 9), 0, 1, 5);
        eye.capturable = wrong;
        must(c, convis_open(&c, "cuda:0"));
        must(c, convis_model_new(c, 0.05, &m));
        convis_add(m, &eye, "eye", convis_input(m));
        must(c, convis_set(m, "eye.width", 5));
        must(c, convis_set(m, "eye.height", 5));
        must(c, convis_probe(m, "eye"));
        must(c, convis_plan(m, convis_movie_shape(4, 9, 9)));
        record(m, movie, 0, 24, WHOLE, 4, &seen[wrong]);
        convis_model_free(&m);
        convis_close(&c);
        free(movie.data);
    }
    assert_same(&seen[1], &seen[0], "a layer that fetches");
    assert_int_equal(graphs(), before);
    for (int wrong = 0; wrong < 2; wrong++) recording_free(&seen[wrong]);
}

/* ---- */

static void *use_elsewhere(void *user)
{
    bench *b = user;
    float number = 0, *memory = convis_device_obtain(b->device, sizeof number);
    const float one = 1;
    convis_device_put(b->device, CONVIS_QUEUE_IN, memory, &one, sizeof one);
    convis_device_get(b->device, CONVIS_QUEUE_IN, &number, memory, sizeof number);
    convis_device_release(b->device, memory);
    return number == 1 ? b : NULL;
}

static void works_in_other_threads(void **state)
{
    pthread_t thread;
    void *result = NULL;
    bench b = open_bench();
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, use_elsewhere, &b), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, &b);
    close_bench(b);
}

static void compiles_once(void **state)
{
    static const char *const EXPECTED[] = { "--gpu-architecture=sm_86", "--fmad=false", "--ftz=true", "--prec-div=true",
        "--prec-sqrt=true" };
    static const char TEXT[] = "int nothing_at_all;\n";
    char last[512], junk[] = "no binary at all";
    bench b = open_bench();
    (void)state;
    const int before = compilations(last);
    assert_in_range(before, 1, 100);
    for (size_t k = 0; k < sizeof EXPECTED/sizeof *EXPECTED; k++) assert_non_null(strstr(last, EXPECTED[k]));
    assert_ptr_equal(b.program, convis_device_program(b.device, "bench", source_of(KERNELS), TABLE));
    close_bench(b);
    close_bench(b = open_bench());
    assert_int_equal(compilations(last), before);        /* from the cache */

    /* A binary that the driver does not take is made anew. */
    b = open_bench();
    void *binary = junk;
    size_t size = sizeof junk;
    void *program = b.device->type->compile(b.device, "plain", TEXT, &binary, &size);
    assert_non_null(program);
    assert_ptr_not_equal(binary, junk);
    assert_in_range(size, 100, 1 << 20);
    assert_int_equal(compilations(last), before + 1);
    b.device->type->discard(b.device, program);
    convis_release(b.context, binary);
    close_bench(b);
}

/* ---- Faults ---- */

typedef struct answer { convis_status status; char sentence[1024]; } answer;
typedef convis_status (*question)(convis_context *);

/* What a process finds in which the stand-in was told this. */
static answer ask(const char *told, const char *nvrtc, question asked)
{
    answer a = { CONVIS_OK, "" };
    int ends[2], status = 1;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (!child) {
        convis_context *c;
        setenv("CONVIS_STAND_IN", told, 1);
        if (nvrtc) setenv("CONVIS_NVRTC", nvrtc, 1);
        if (convis_open(&c, "cpu")) _exit(2);
        a.status = asked(c);
        snprintf(a.sentence, sizeof a.sentence, "%s", convis_message(c));
        _exit(write(ends[1], &a, sizeof a) != sizeof a);
    }
    close(ends[1]);
    const ssize_t got = read(ends[0], &a, sizeof a);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(got, sizeof a);
    a.sentence[sizeof a.sentence - 1] = 0;
    return a;
}

static void expect(answer a, convis_status status, const char *part)
{
    if (a.status != status || !strstr(a.sentence, part))
        fail_msg("'%s' (%s), expected '%s' in it (%s)", a.sentence, convis_strerror(a.status), part, convis_strerror(status));
}

static convis_status open_it(convis_context *c)
{
    convis_device *d;
    return convis_device_open(c, "cuda", &d);
}

static convis_status fill_it(convis_context *c)
{
    convis_device *d;
    convis_status status = convis_device_open(c, "cuda:0", &d);
    void *first = status ? NULL : convis_device_obtain(d, 600000);
    if (!first || convis_device_obtain(d, 600000)) return status;
    status = convis_device_sync(d);                      /* no fault: there is only no more */
    if (status) return status;
    convis_device_release(d, first);
    first = convis_device_obtain(d, 900000);
    if (!first) return CONVIS_ESTATE;
    return convis_device_obtain(d, 200000) ? CONVIS_OK : CONVIS_ENOMEM;
}

static convis_status compile_it(convis_context *c)
{
    convis_device *d;
    convis_status status = convis_device_open(c, "cuda:0", &d);
    if (status || convis_device_program(d, "wrong", source_of(WRONG), TABLE)) return status;
    return d->status;
}

static convis_status launch_it(convis_context *c)
{
    convis_device *d;
    float back = 5;
    const told_args args = { .whole = 1 };
    const convis_span span = { .n = 1, .nt = 1, .block = &args };
    convis_status status = convis_device_open(c, "cuda:0", &d);
    convis_program *program = status ? NULL : convis_device_program(d, "bench", source_of(KERNELS), TABLE);
    void *memory = program ? convis_device_obtain(d, 64) : NULL, *const buffers[] = { NULL, memory };
    if (!memory) return status;
    for (int k = 1; k < 4; k++) {
        convis_device_launch(d, convis_program_kernel(d, program, "tell"), buffers, &span, 0, 0);
        convis_device_get(d, CONVIS_QUEUE_RUN, &back, memory, sizeof back);
        status = convis_device_sync(d);
        if ((k < 3) == (status != CONVIS_OK) || back != (k < 3)) return CONVIS_ESTATE;
    }
    if (convis_device_obtain(d, 64)) return CONVIS_ESTATE;
    convis_device_release(d, memory);
    convis_device_close(&d);
    return status;
}

/* Compiles its own text, so that the cache knows nothing of it; the sentence is NVRTC's options. */
static convis_status compile_for(convis_context *c)
{
    convis_device *d;
    char last[512];
    convis_status status = convis_device_open(c, "cuda:0", &d);
    if (status || !convis_device_program(d, "bench", source_of(KERNELS), TABLE)) return status;
    compilations(last);
    convis_device_close(&d);
    return convis_fail(c, CONVIS_OK, "%s", last);
}

static void says_why_there_is_none(void **state)
{
    (void)state;
    expect(ask("none", NULL, open_it), CONVIS_EDEVICE, "device 'cuda': its driver does not start: CUDA_ERROR_NO_DEVICE (100)");
    expect(ask("stuck", NULL, open_it), CONVIS_EDEVICE, "its driver does not start: CUDA_ERROR_SYSTEM_NOT_READY (802)");
    expect(ask("old", NULL, open_it), CONVIS_EDEVICE, "its driver is too old: found one for CUDA 10.2, expected 11.0 or later");
    expect(ask("", "/nowhere/libnvrtc.so", open_it), CONVIS_EDEVICE,
           "CONVIS_NVRTC is /nowhere/libnvrtc.so: it cannot be loaded, expected NVRTC (libnvrtc.so) 11.2 or later");
    expect(ask("", CONVIS_STAND_IN_FOLDER "/libcuda.so.1", open_it), CONVIS_EDEVICE, "found something else, expected NVRTC");
    expect(ask("capability:61", NULL, open_it), CONVIS_EDEVICE,
           "its compute capability is 6.1; NVRTC 12.4 compiles for 7.5 and later");
}

static void knows_newer_devices(void **state)
{
    (void)state;
    expect(ask("capability:90", NULL, compile_for), CONVIS_OK, "bench --gpu-architecture=sm_90 ");
    expect(ask("capability:120", NULL, compile_for), CONVIS_OK, "bench --gpu-architecture=compute_90 ");
}

static void runs_out_of_memory(void **state)
{
    (void)state;
    expect(ask("memory:1000000", NULL, fill_it), CONVIS_ENOMEM,
           "cuda:0 (stand-in for a CUDA card): out of memory: 0.2 MB more were asked for, 0.1 MB are free");
}

static void hands_on_what_compilers_say(void **state)
{
    (void)state;
    expect(ask("", NULL, compile_it), CONVIS_EDEVICE, "the kernels of wrong do not compile: ");
    expect(ask("", NULL, compile_it), CONVIS_EDEVICE, "nobody");
    expect(ask("bad", NULL, compile_it), CONVIS_EDEVICE,
           "the kernels of wrong do not compile: line 1: error: the stand-in was told");
}

static void says_when_it_is_lost(void **state)
{
    (void)state;
    expect(ask("lost:3", NULL, launch_it), CONVIS_EDEVICE,
           "cuda:0 (stand-in for a CUDA card): the device was lost; the run can go on from "
           "the last saved state (cuStreamSynchronize: CUDA_ERROR_LAUNCH_FAILED, 719)");
}

/* ---- */

static int prepare(void **state)
{
    char path[128];
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/log", folder);
    return setenv("CONVIS_CACHE", folder, 1) || setenv("CONVIS_STAND_IN_LOG", path, 1);
}

static int tidy(void **state)
{
    char path[512];
    DIR *d = opendir(folder);
    (void)state;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (d) closedir(d);
    return rmdir(folder);
}

/* A library path counts from the start of a process on. */
static void start_with_stand_in(char **argv)
{
    const char *before = getenv("LD_LIBRARY_PATH");
    char path[4096];
    if (before && !strncmp(before, CONVIS_STAND_IN_FOLDER, strlen(CONVIS_STAND_IN_FOLDER))) return;
    snprintf(path, sizeof path, "%s%s%s", CONVIS_STAND_IN_FOLDER, before && *before ? ":" : "", before ? before : "");
    setenv("LD_LIBRARY_PATH", path, 1);
    unsetenv("CONVIS_NVRTC");
    unsetenv("CONVIS_STAND_IN");
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_why_there_is_none), cmocka_unit_test(knows_newer_devices), cmocka_unit_test(runs_out_of_memory),
        cmocka_unit_test(hands_on_what_compilers_say), cmocka_unit_test(says_when_it_is_lost), cmocka_unit_test(lists_its_devices),
        cmocka_unit_test(moves_memory), cmocka_unit_test(orders_its_queues), cmocka_unit_test(hands_on_arguments),
        cmocka_unit_test(lets_threads_meet), cmocka_unit_test(works_in_other_threads), cmocka_unit_test(compiles_once),
        cmocka_unit_test(replays_what_it_recorded), cmocka_unit_test(spoilt_recordings_are_no_faults),
        cmocka_unit_test(a_retina_is_replayed), cmocka_unit_test(what_fetches_is_run),
    };
    (void)argc;
    start_with_stand_in(argv);
    return cmocka_run_group_tests(tests, prepare, tidy);
}

#endif
