/* test_threads.c - a context's threads: the same bits however many there are and whenever that changes; in children of a process that ran,
 * in several threads of the caller at once; when they begin and end; and how many there are (engine/pace.h), on machines made up. */
#include "harness.h"
#include "base/locks.h"
#include "base/parts.h"
#include "base/threads.h"
#include "engine/model.h"
#include <convis/io.h>
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Models: something of each way to divide work ---- */

enum { WIDTH = 112, HEIGHT = 90, FRAMES = 24, LONGEST = 10 };       /* 2048 elements a thread are enough for four */
typedef enum kind { RETINA, LN, CHAIN, MIXED, KINDS } kind;
static const char *const KIND[] = { "retina", "LN", "chain", "mixed" };

static convis_node with(convis_model *m, const char *type, const char *name, convis_node in)
{
    return convis_add(m, type_named(type), name, in);
}

/* More pointwise layers than one segment has: no barrier between them. */
static void build_chain(convis_model *m)
{
    convis_node at = convis_input(m);
    for (int k = 0; k < 20; k++) {
        char name[16];
        snprintf(name, sizeof name, "low_%d", k);
        at = with(m, k%3 ? "lowpass" : "rectify", name, at);
    }
    convis_probe(m, "low_7");
}

/* Pointwise layers, neighbourhoods, delays and feedback by turns. */
static void build_mixed(convis_model *m)
{
    const convis_node low = with(m, "lowpass", "low", convis_input(m)), blur = with(m, "blur", "blur", low);
    const convis_node high = with(m, "highpass", "high", blur);
    const convis_edge in[] = { { high, 0 }, { low, 3 } };
    const convis_node sum = convis_join(m, type_named("sum"), "sum", in, 2), again = with(m, "blur", "again", sum);
    const convis_node last = with(m, "lowpass", "last", again);
    convis_set(m, "blur.sigma", 0.1);
    convis_set(m, "again.sigma", 0.3);
    convis_connect(m, sum, 1, (convis_edge){ last, 4 });
    convis_probe(m, "sum");
    convis_probe(m, "last");
}

static convis_status build(convis_context *c, kind k, convis_model **m)
{
    convis_recipe *r = NULL;
    convis_status status;
    if (k == RETINA || k == LN) {
        status = convis_recipe_open(c, KIND[k], &r);
        if (!status) status = convis_recipe_build(r, WIDTH, HEIGHT, m);
        convis_recipe_free(&r);
        if (!status && k == RETINA) status = convis_probe(*m, "ganglion_0");
    } else {
        status = convis_model_new(c, 0.005, m);
        if (!status && k == CHAIN) build_chain(*m);
        if (!status && k == MIXED) build_mixed(*m);
    }
    if (!status) status = convis_probe(*m, convis_output_name(*m));
    if (!status && k == RETINA) status = convis_record_spikes(*m, 1);
    return status ? status : convis_plan(*m, convis_movie_shape(LONGEST, HEIGHT, WIDTH));
}

/* A number that stands for all bits that come out. */
static uint64_t mix(uint64_t sum, const void *data, size_t bytes)
{
    const unsigned char *b = data;
    for (size_t k = 0; k < bytes; k++) sum = (sum ^ b[k])*1099511628211u;
    return sum;
}

/* The level of the k-th run: chosen by the model itself, or by turns. */
typedef enum pacing { ITSELF, BY_TURNS, ALL } pacing;
static void choose(pace *p, pacing how, int k)
{
    if (how != ITSELF) *p = (pace){ .level = how == ALL ? 0 : k%3, .trial = how == ALL ? 0 : k%3 };
}

static convis_status run_all(convis_model *m, pacing how, uint64_t *sum)
{
    static const int64_t LENGTHS[] = { 1, 4, 10, 1, 1, 7 };
    convis_tensor movie = noise_movie(convis_movie_shape(FRAMES, HEIGHT, WIDTH), 0, 255, 5), out;
    convis_status status = CONVIS_OK;
    convis_item item;
    for (int64_t t = 0, k = 0; t < FRAMES && !status; t += LENGTHS[k++]) {
        choose(&m->forward, how, (int)k);
        status = convis_run(m, convis_slice(movie, CONVIS_T, t, t + LENGTHS[k]));
        for (int j = 0; !status && convis_list(m, CONVIS_OUTPUT, j, &item); j++) {
            if (convis_output(m, item.path, &out)) continue;
            *sum = mix(*sum, out.data, (size_t)convis_elements(out.shape)*sizeof *out.data);
        }
        const convis_spike *spikes;
        int64_t count = 0;
        if (!status && convis_spikes(m, &spikes, &count)) count = 0;     /* they were not asked for */
        for (int64_t j = 0; j < count && !status; j++) {
            *sum = mix(*sum, &spikes[j].time, sizeof spikes[j].time);
            *sum = mix(*sum, &spikes[j].unit, sizeof spikes[j].unit);
        }
    }
    free(movie.data);
    return status;
}

/* Everything, from a context to the bits; 0: it failed. */
static uint64_t live(kind k, int threads, pacing how)
{
    convis_context *c;
    convis_model *m = NULL;
    uint64_t sum = 14695981039346656037u;
    convis_status status = convis_open(&c, "cpu");
    if (!status) status = convis_threads(c, threads);
    if (!status) status = build(c, k, &m);
    if (!status) status = run_all(m, how, &sum);
    if (status) fprintf(stderr, "%s: %s\n", KIND[k], convis_message(c));
    convis_model_free(&m);
    convis_close(&c);
    return status ? 0 : sum;
}

static void test_bits(void **state)
{
    (void)state;
    for (kind k = 0; k < KINDS; k++) {
        const uint64_t alone = live(k, 1, ITSELF);
        assert_true(alone);
        for (int threads = 2; threads <= 4; threads++)
            for (pacing how = 0; how <= ALL; how++) {
                const uint64_t sum = live(k, threads, how);
                if (sum != alone) fail_msg("%s on %d threads (pacing %d): other bits than on one", KIND[k], threads, (int)how);
            }
    }
}

/* Gradients, too, while the number of threads changes. */
static void gradients(int threads, pacing how, double *d, int count)
{
    convis_context *c;
    convis_model *m;
    convis_tensor movie = noise_movie(convis_movie_shape(FRAMES, HEIGHT, WIDTH), 0, 1, 5), out;
    must(NULL, convis_open(&c, "cpu"));
    must(c, convis_threads(c, threads));
    must(c, convis_model_new(c, 0.005, &m));
    build_mixed(m);
    must(c, convis_require_gradient(m, "low.tau"));
    must(c, convis_require_gradient(m, "blur.sigma"));
    must(c, convis_require_gradient(m, "again.sigma"));
    must(c, convis_plan(m, convis_movie_shape(LONGEST, HEIGHT, WIDTH)));
    for (int64_t t = 0; t + LONGEST <= FRAMES; t += LONGEST) {
        choose(&m->forward, how, (int)(t/LONGEST));
        choose(&m->backward, how, (int)(t/LONGEST) + 1);
        must(c, convis_run(m, convis_slice(movie, CONVIS_T, t, t + LONGEST)));
        must(c, convis_output(m, "last", &out));
        must(c, convis_vjp_from(m, "last", out));
        must(c, convis_vjp(m, NULL));
    }
    static const char *const NAMES[] = { "low.tau", "blur.sigma", "again.sigma" };
    for (int k = 0; k < count; k++) must(c, convis_grad(m, NAMES[k], &d[k], 1));
    convis_model_free(&m);
    convis_close(&c);
    free(movie.data);
}

static void test_gradients(void **state)
{
    double alone[3], found[3];
    (void)state;
    gradients(1, ITSELF, alone, 3);
    for (int k = 0; k < 3; k++) assert_true(alone[k] != 0);
    for (int threads = 2; threads <= 3; threads++)
        for (pacing how = 0; how <= ALL; how++) {
            gradients(threads, how, found, 3);
            assert_memory_equal(found, alone, sizeof alone);
        }
}

/* ---- Children ---- */

enum { GOOD = 0, BAD = 7, PATIENCE = 120 };

/* A child that hangs is ended by a signal. */
static pid_t child_of(int (*story)(void *), void *user)
{
    const pid_t child = fork();
    if (child) return child;
    alarm(PATIENCE);
    _exit(story(user));
}

static void ends_well(pid_t child)
{
    int status;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        fail_msg("a child ended by signal %d%s", WTERMSIG(status), WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    assert_int_equal(WEXITSTATUS(status), GOOD);
}

/* What a parent has when it forks. */
typedef struct inherited { convis_context *c; convis_model *m; uint64_t expected; int depth; } inherited;

/* The model goes on where it was, on all of its threads. */
static int go_on(void *user)
{
    const inherited *i = user;
    uint64_t sum = 1;
    return run_all(i->m, ALL, &sum) || sum != i->expected ? BAD : GOOD;
}

static int close_it(void *user)
{
    inherited *i = user;
    convis_model_free(&i->m);
    convis_close(&i->c);
    return live(CHAIN, 2, ALL) ? GOOD : BAD;
}

static int run_and_close(void *user) { return go_on(user) == GOOD ? close_it(user) : BAD; }

static int have_a_child(void *user)
{
    inherited *i = user;
    int status;
    if (i->depth-- == 0) return run_and_close(user);
    const pid_t child = child_of(have_a_child, user);
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != GOOD) return BAD;
    return go_on(user);
}

static inherited parent(pacing how)
{
    inherited i = { 0 };
    uint64_t sum = 1;
    must(NULL, convis_open(&i.c, "cpu"));
    must(i.c, convis_threads(i.c, 3));
    must(i.c, build(i.c, RETINA, &i.m));
    must(i.c, run_all(i.m, how, &sum));
    /* What the next run gives, from this state on. */
    must(i.c, convis_push(i.m));
    i.expected = 1;
    must(i.c, run_all(i.m, ALL, &i.expected));
    must(i.c, convis_pop(i.m));
    return i;
}

static void test_children(void **state)
{
    int (*const STORIES[])(void *) = { go_on, close_it, run_and_close, have_a_child };
    inherited i = parent(ALL);
    (void)state;
    i.depth = 2;
    for (size_t k = 0; k < sizeof STORIES/sizeof *STORIES; k++) ends_well(child_of(STORIES[k], &i));
    pid_t four[4];
    for (int k = 0; k < 4; k++) four[k] = child_of(run_and_close, &i);
    assert_int_equal(go_on(&i), GOOD);                   /* and the parent's own threads are still there */
    for (int k = 0; k < 4; k++) ends_well(four[k]);
    convis_model_free(&i.m);
    convis_close(&i.c);
}

/* Of a parent that has planned, but not run: no thread had begun. */
static void test_child_before_the_first_run(void **state)
{
    inherited i = { 0 };
    (void)state;
    must(NULL, convis_open(&i.c, "cpu"));
    must(i.c, convis_threads(i.c, 2));
    must(i.c, build(i.c, CHAIN, &i.m));
    ends_well(child_of(close_it, &i));
    convis_model_free(&i.m);
    convis_close(&i.c);
}

/* ---- At once ---- */

typedef struct caller { pthread_t id; kind k; int rounds; uint64_t expected; int good; atomic_int *stop; } caller;

static void *call(void *user)
{
    caller *r = user;
    r->good = 1;
    for (int k = 0; k < r->rounds && r->good; k++) r->good = live(r->k, 2, k%3) == r->expected;
    return NULL;
}

static void test_several_contexts(void **state)
{
    caller all[4] = { { .k = RETINA }, { .k = LN }, { .k = MIXED }, { .k = CHAIN } };
    (void)state;
    for (int k = 0; k < 4; k++) {
        all[k].rounds = SANITIZED ? 2 : 3;
        all[k].expected = live(all[k].k, 1, ITSELF);
    }
    for (int k = 0; k < 4; k++) assert_int_equal(pthread_create(&all[k].id, NULL, call, &all[k]), 0);
    for (int k = 0; k < 4; k++) {
        pthread_join(all[k].id, NULL);
        assert_true(all[k].good);
    }
}

/* What uses libraries with something of the whole process's: FFTW's planner, HDF5, libxml2, the list of files being written. */
static int use_libraries(int number)
{
    char path[64], name[80];
    convis_context *c;
    convis_model *m = NULL;
    convis_recipe *r = NULL;
    convis_array array = { 0 };
    convis_map_writer *writer = NULL;
    convis_tensor map = noise_movie(convis_movie_shape(2, 3, 4), 0, 1, 9);
    convis_status status = convis_open(&c, "cpu");
    const int file = (strcpy(path, "/tmp/convis_XXXXXX"), mkstemp(path));
    snprintf(name, sizeof name, "%s.h5", path);
    if (!status) status = convis_map_writer_open(c, name, "x", convis_movie_shape(1, 3, 4), NULL, &writer);
    if (!status) status = convis_map_writer_write(writer, map);
    if (writer && convis_map_writer_close(&writer, !status)) status = CONVIS_EIO;
    if (!status) status = convis_array_read(c, name, &array);
    if (!status && (array.dims != 3 || (convis_real)array.data[23] != map.data[23])) status = CONVIS_EFORMAT;
    convis_array_free(&array);
    free(map.data);
    if (!status) status = convis_recipe_open(c, CONVIS_TEST_DATA "/vr_c10.xml", &r);
    convis_recipe_free(&r);
    /* Sizes that no other has planned, convolved in the frequency domain. */
    if (!status) status = convis_model_new(c, 0.01, &m);
    if (!status) {
        convis_add(m, type_named("conv"), "filter", convis_input(m));
        status = convis_set(m, "filter.height", 15);
        if (!status) status = convis_set(m, "filter.width", 15);
        if (!status) status = convis_set(m, "filter.method", 2);
        if (!status) status = convis_set_initialiser(m, "filter.weights", "gaussian?sigma=4");
        if (!status) status = convis_plan(m, convis_movie_shape(2, 40 + number%50, 60 + number%31));
    }
    if (status) fprintf(stderr, "libraries: %s\n", convis_message(c));
    convis_model_free(&m);
    convis_close(&c);
    close(file);
    unlink(path);
    unlink(name);
    return status ? BAD : GOOD;
}

static void *keep_using(void *user)
{
    caller *r = user;
    r->good = 1;
    for (int k = 0; !atomic_load(r->stop) && r->good; k++) r->good = use_libraries(7*k + r->rounds) == GOOD;
    return NULL;
}

static int use_once(void *user) { return use_libraries(*(int *)user); }

/* Children are forked while other threads are within the libraries, holding their locks. */
static void test_libraries(void **state)
{
    enum { CALLERS = 3, CHILDREN = SANITIZED ? 6 : 20 };
    if (!convis_part_built(CONVIS_PART_HDF5) || !convis_part_built(CONVIS_PART_LIBXML2)) skip();
    atomic_int stop = 0;
    caller all[CALLERS];
    (void)state;
    for (int k = 0; k < CALLERS; k++) {
        all[k] = (caller){ .rounds = 100*k, .stop = &stop };
        assert_int_equal(pthread_create(&all[k].id, NULL, keep_using, &all[k]), 0);
    }
    for (int k = 0; k < CHILDREN; k++) {
        int number = 11*k;
        ends_well(child_of(use_once, &number));
    }
    atomic_store(&stop, 1);
    for (int k = 0; k < CALLERS; k++) {
        pthread_join(all[k].id, NULL);
        assert_true(all[k].good);
    }
}

/* Held by another thread for certain, at the moment of the fork: waited for, or, if it may take long, not inherited. */
typedef struct holder { pthread_t id; enum convis_lock lock; atomic_int held, leave; } holder;
static void *hold(void *user)
{
    holder *h = user;
    convis_lock(h->lock);
    atomic_store(&h->held, 1);
    for (int k = 0; k < 50 && !atomic_load(&h->leave); k++) usleep(1000);
    while (h->lock == CONVIS_LOCK_DRIVERS && !atomic_load(&h->leave)) usleep(1000);
    convis_unlock(h->lock);
    return NULL;
}

static int take_all(void *user)
{
    (void)user;
    for (int k = 0; k < CONVIS_LOCKS; k++) convis_lock(k);
    for (int k = CONVIS_LOCKS - 1; k >= 0; k--) convis_unlock(k);
    return GOOD;
}

static void test_locks(void **state)
{
    (void)state;
    for (int k = 0; k < CONVIS_LOCKS; k++) {
        holder h = { .lock = k };
        assert_int_equal(pthread_create(&h.id, NULL, hold, &h), 0);
        while (!atomic_load(&h.held)) usleep(100);
        ends_well(child_of(take_all, NULL));
        atomic_store(&h.leave, 1);
        pthread_join(h.id, NULL);
    }
}

/* ---- When they begin and end ---- */

static int threads_now(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/task");
    if (!d) return -1;
    for (struct dirent *e; (e = readdir(d)); ) count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

/* The system lists a thread for a moment after it was joined. */
static int comes_to(int count)
{
    for (int k = 0; k < 5000 && threads_now() != count; k++) usleep(1000);
    return threads_now() == count;
}

static void test_begin_and_end(void **state)
{
    const int before = threads_now();
    (void)state;
    if (before < 0) skip();
    for (int k = 0; k < 20; k++) {
        uint64_t sum = 1;
        convis_context *c;
        convis_model *m;
        must(NULL, convis_open(&c, "cpu"));
        must(c, convis_threads(c, k%2 ? 3 : 1));
        must(c, build(c, CHAIN, &m));
        assert_int_equal(threads_now(), before);         /* not before a run needs them */
        must(c, run_all(m, ALL, &sum));
        assert_int_equal(threads_now(), before + (k%2 ? 2 : 0));
        must(c, run_all(m, ALL, &sum));
        assert_int_equal(threads_now(), before + (k%2 ? 2 : 0));
        if (k%4 == 3) convis_model_free(&m);
        if (k%4 != 3) { convis_model_free(&m); must(c, build(c, CHAIN, &m)); convis_model_free(&m); }
        convis_close(&c);
        assert_true(comes_to(before));
    }
}

/* Where the system has no memory for another thread's stack, there are fewer. In a new process, where no stack is left over. */
static int run_without_memory(const char *bits)
{
    convis_context *c;
    convis_model *m;
    uint64_t sum = 14695981039346656037u;
    if (convis_open(&c, "cpu") || convis_threads(c, 3) || build(c, MIXED, &m)) return BAD;
    FILE *f = fopen("/proc/self/statm", "r");
    long size = 0;
    if (!f || fscanf(f, "%ld", &size) != 1) return BAD;
    fclose(f);
    /* Room for a movie and its like, but for no stack of 8 MB. */
    const rlim_t most = (rlim_t)size*(rlim_t)sysconf(_SC_PAGESIZE) + (6 << 20);
    if (setrlimit(RLIMIT_AS, &(struct rlimit){ most, most })) return BAD;
    const int before = threads_now();
    if (run_all(m, ALL, &sum) || sum != strtoull(bits, NULL, 16)) return BAD;
    return threads_now() == before ? GOOD : BAD;
}

static int begin_anew(void *user)
{
    char bits[32];
    snprintf(bits, sizeof bits, "%llx", *(unsigned long long *)user);
    execl("/proc/self/exe", "test_threads", "--without-memory", bits, (char *)NULL);
    return BAD;
}

static void test_none_to_be_had(void **state)
{
    unsigned long long expected = live(MIXED, 1, ITSELF);
    (void)state;
    if (SANITIZED) skip();                               /* their memory is as large as the address space */
    struct rlimit stack;
    if (getrlimit(RLIMIT_STACK, &stack) || stack.rlim_cur < (8 << 20)) skip();
    ends_well(child_of(begin_anew, &expected));
}

static int count_processors(void *user)
{
    convis_context *c;
    cpu_set_t all, one;
    int count = 0, first = -1;
    (void)user;
    if (sched_getaffinity(0, sizeof all, &all)) return GOOD;             /* more than we know how to ask for */
    for (int k = 0; k < CPU_SETSIZE; k++) if (CPU_ISSET(k, &all)) { count++; if (first < 0) first = k; }
    if (convis_open(&c, "cpu") || convis_thread_count(c) != (count < 1024 ? count : 1024)) return BAD;
    convis_close(&c);
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    if (sched_setaffinity(0, sizeof one, &one)) return BAD;
    if (convis_open(&c, "cpu") || convis_thread_count(c) != 1) return BAD;
    if (convis_threads(c, 3) || convis_threads(c, 0) || convis_thread_count(c) != 1) return BAD;
    convis_close(&c);
    return live(MIXED, 3, ALL) == live(MIXED, 1, ITSELF) ? GOOD : BAD;    /* three on one processor */
}

static void test_processors(void **state)
{
    (void)state;
    ends_well(child_of(count_processors, NULL));
}

/* ---- How many ---- */

/* A machine made up: what a frame takes on so many threads, and how others disturb. */
typedef struct machine {
    double frame, share;                                 /* seconds on one thread; what part of it threads divide among them */
    double barrier;                                      /* seconds a frame for each further thread */
    double often, slice;                                 /* events a second of each thread, after which it lacks a processor so long */
    int    processors, busy;                             /* beyond that many threads each is disturbed */
    uint64_t seed, drawn;
} machine;

static double stretch_on(machine *s, int threads, double frames, double *slept)
{
    const double took = frames*(s->frame*(1 - s->share + s->share/threads) + s->barrier*(threads - 1));
    double late = 0;
    *slept = 0;
    const int crowded = threads + s->busy - s->processors;
    for (int k = 0; k < threads && crowded > 0; k++) {
        const double expected = took*s->often*(crowded < threads ? (double)crowded/threads : 1);
        late += s->slice*(double)(int)(expected + chance(s->seed, s->drawn++));
    }
    *slept = late*(threads - 1);
    return took + late;
}

/* Seconds that so much work takes as paced, over those on the best fixed number of threads. */
static double paced(machine s, pace *p, int most, double seconds, double *mean_threads)
{
    double all = 0, frames = 0, weighed = 0, best = 0;
    while (all < seconds) {
        double slept;
        const int threads = convis_pace_threads(p, most);
        const int64_t count = convis_pace_stretch(p, 2)*2;
        const double took = stretch_on(&s, threads, (double)count, &slept);
        convis_pace_note(p, most, count, took, slept);
        all += took;
        frames += (double)count;
        weighed += took*threads;
    }
    for (int threads = most; threads; threads /= 2) {
        double fixed = 0, done = 0, slept;
        while (done < frames) {
            fixed += stretch_on(&s, threads, 4, &slept);
            done += 4;
        }
        if (best == 0 || fixed < best) best = fixed;
    }
    *mean_threads = weighed/all;
    return all/best;
}

static void test_pace(void **state)
{
    static const struct { const char *what; machine s; int most; double low, high; } CASES[] = {
        { "quiet",                      { 3e-4, 0.95, 1e-6, 0, 0, 2, 0, 1, 0 },       2, 1.9, 2 },
        { "quiet, long frames",         { 3e-2, 0.95, 1e-6, 0, 0, 2, 0, 1, 0 },       2, 1.8, 2 },
        { "barriers cost too much",     { 2e-5, 0.9, 3e-5, 0, 0, 2, 0, 1, 0 },        2, 1, 1.1 },
        { "one busy process",           { 3e-4, 0.95, 1e-6, 250, 4e-3, 2, 1, 2, 0 },  2, 1, 1.3 },
        { "busy, long frames",          { 1.5e-2, 0.95, 1e-6, 250, 4e-3, 2, 1, 3, 0 }, 2, 1, 1.3 },
        { "a rare disturbance",         { 3e-4, 0.95, 1e-6, 1, 4e-3, 2, 1, 4, 0 },    2, 1.7, 2 },
        { "sixteen",                    { 2e-3, 0.98, 1e-6, 0, 0, 16, 0, 5, 0 },      16, 14, 16 },
        { "sixteen, eight to be had",   { 2e-3, 0.98, 1e-6, 400, 4e-3, 16, 8, 6, 0 }, 16, 5, 10 },
    };
    (void)state;
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        pace p = { 0 };
        double threads;
        const double ratio = paced(CASES[k].s, &p, CASES[k].most, 10, &threads);
        if (ratio > 1.06 || threads < CASES[k].low || threads > CASES[k].high)
            fail_msg("%s: %.3f of the best number's time, on %.2f threads", CASES[k].what, ratio, threads);
    }
}

/* The machine becomes busy, and quiet again. */
static void test_pace_changes(void **state)
{
    machine s = { 3e-4, 0.95, 1e-6, 250, 4e-3, 2, 0, 7, 0 };
    pace p = { 0 };
    double threads;
    (void)state;
    for (int k = 0; k < 6; k++) {
        s.busy = k%2;
        s.seed++;
        paced(s, &p, 2, 3, &threads);                    /* after that long it has noticed */
        const double ratio = paced(s, &p, 2, 5, &threads);
        if (ratio > 1.08 || (s.busy ? threads > 1.3 : threads < 1.9)) fail_msg("%d: %.3f, %.2f threads", k, ratio, threads);
    }
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "--without-memory")) return run_without_memory(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_child_before_the_first_run),
        cmocka_unit_test(test_several_contexts),
        cmocka_unit_test(test_libraries),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_begin_and_end),
        cmocka_unit_test(test_none_to_be_had),
        cmocka_unit_test(test_processors),
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_pace_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
