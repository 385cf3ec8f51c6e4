/* driver.c - a stand-in for libcuda.so.1: one device, which is the processor. See stand_in.h.
 *
 * A stream is a list of tasks, and nothing of it is done before somebody must wait for it: who forgot to order two streams, or
 * to wait for one, gets wrong numbers here every time. Addresses are those of the host, moved to where it cannot read. A stream that
 * is captured puts its tasks into a graph instead; launching that queues a copy of all. */
#include "launch.h"
#include "stand_in.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { DONE, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_IMAGE = 200,
       INVALID_CONTEXT = 201, NO_BINARY_FOR_GPU = 209, UNSUPPORTED_PTX_VERSION = 222, INVALID_HANDLE = 400, NOT_FOUND = 500,
       ILLEGAL_ADDRESS = 700, LAUNCH_FAILED = 719, NOT_SUPPORTED = 801, SYSTEM_NOT_READY = 802, STREAM_CAPTURE_UNSUPPORTED = 900,
       STREAM_CAPTURE_INVALIDATED = 901, STREAM_CAPTURE_ISOLATION = 905, STREAM_CAPTURE_WRONG_THREAD = 908 };
#define NAME(error) { error, "CUDA_ERROR_" #error }
static const struct { int error; const char *name; } NAMES[] = { { DONE, "CUDA_SUCCESS" }, NAME(INVALID_VALUE), NAME(OUT_OF_MEMORY),
    NAME(NOT_INITIALIZED), NAME(NO_DEVICE), NAME(INVALID_DEVICE), NAME(INVALID_IMAGE), NAME(INVALID_CONTEXT), NAME(NO_BINARY_FOR_GPU),
    NAME(UNSUPPORTED_PTX_VERSION), NAME(INVALID_HANDLE), NAME(NOT_FOUND), NAME(ILLEGAL_ADDRESS), NAME(LAUNCH_FAILED),
    NAME(NOT_SUPPORTED), NAME(SYSTEM_NOT_READY), NAME(STREAM_CAPTURE_UNSUPPORTED), NAME(STREAM_CAPTURE_INVALIDATED),
    NAME(STREAM_CAPTURE_ISOLATION), NAME(STREAM_CAPTURE_WRONG_THREAD) };

typedef unsigned long long address;
static const address AWAY = 1ull << 62;                  /* from a host address to the device's */
static const size_t ROOM = (size_t)8 << 30;              /* of the device, if nothing else is told */

typedef struct block { struct block *next; char *data; size_t size; } block;
typedef struct task {
    struct task *next;
    enum { MOVE, FILL, LAUNCH, WAIT } what;
    void *to;
    const void *from;
    size_t bytes;
    int value;
    const kernel *kernel;
    unsigned blocks, block_size;
    uint64_t argument[MOST_BYTES/8];                     /* one behind the other, each at a whole number of 8 bytes */
    struct stream *stream;                               /* WAIT: until so many of its tasks are done */
    uint64_t until;
} task;
/* What was captured, or, once more, what was made of it to be launched. */
typedef struct graph { task *first, **end; } graph;
/* Streams stay when they are destroyed, as others may wait for what they did. capture: where its tasks go, else NULL. */
typedef struct stream { struct stream *next; task *first, **end; uint64_t queued, done; int destroyed, spoilt; graph *capture; } stream;
typedef struct event { stream *stream; uint64_t until; } event;
typedef struct module { void *library; kernel *kernels; } module;
typedef struct context { int retained; } context;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static context primary;
static _Thread_local context *current;
static _Thread_local stream *capturing;                  /* what this thread captures */
static block *blocks;
static stream *streams;
static size_t used;
static int64_t launches;
static int started, lost;                                /* lost: the error that every call has from now on */

#pragma GCC visibility push(default)
int cuDriverGetVersion(int *);
int cuGetExportTable(const void **, const void *);
int cuInit(unsigned);
int cuGetErrorName(int, const char **);
int cuDeviceGetCount(int *);
int cuDeviceGet(int *, int);
int cuDeviceGetName(char *, int, int);
int cuDeviceTotalMem_v2(size_t *, int);
int cuDeviceGetAttribute(int *, int, int);
int cuDevicePrimaryCtxRetain(context **, int);
int cuDevicePrimaryCtxRelease_v2(int);
int cuCtxSetCurrent(context *);
int cuStreamCreate(stream **, unsigned);
int cuStreamDestroy_v2(stream *);
int cuStreamSynchronize(stream *);
int cuStreamWaitEvent(stream *, event *, unsigned);
int cuEventCreate(event **, unsigned);
int cuEventDestroy_v2(event *);
int cuEventRecord(event *, stream *);
int cuMemGetInfo_v2(size_t *, size_t *);
int cuMemAlloc_v2(address *, size_t);
int cuMemFree_v2(address);
int cuMemcpyHtoDAsync_v2(address, const void *, size_t, stream *);
int cuMemcpyDtoHAsync_v2(void *, address, size_t, stream *);
int cuMemcpyDtoDAsync_v2(address, address, size_t, stream *);
int cuMemsetD8Async(address, unsigned char, size_t, stream *);
int cuModuleLoadData(module **, const void *);
int cuModuleUnload(module *);
int cuModuleGetFunction(kernel **, module *, const char *);
int cuLaunchKernel(kernel *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, stream *, void **, void **);
int cuStreamBeginCapture_v2(stream *, int);
int cuStreamEndCapture(stream *, graph **);
int cuGraphInstantiateWithFlags(graph **, graph *, unsigned long long);
int cuGraphInstantiate_v2(graph **, graph *, void **, char *, size_t);
int cuGraphLaunch(graph *, stream *);
int cuGraphDestroy(graph *);
int cuGraphExecDestroy(graph *);
#pragma GCC visibility pop

/* Between these two a call has the device for itself; begin says what already stands against it. */
static int begin(void)
{
    pthread_mutex_lock(&mutex);
    return lost ? lost : current && current->retained ? DONE : INVALID_CONTEXT;
}

static int end(int error)
{
    pthread_mutex_unlock(&mutex);
    return error;
}

static int spoil(stream *s, int error)
{
    s->spoilt = 1;
    return error;
}

/* Of calls that a thread must not make while it captures: they may wait for, or concern, all streams. */
static int begin_apart(void)
{
    const int error = begin();
    return error || !capturing ? error : spoil(capturing, STREAM_CAPTURE_UNSUPPORTED);
}

/* ---- The device ---- */

static size_t total(void)
{
    const int64_t bytes = told("memory");
    return bytes ? (size_t)bytes : ROOM;
}

static int capability(void)
{
    const int number = (int)told("capability");
    return number ? number : 86;
}

int cuDriverGetVersion(int *version) { *version = told("old") ? 10020 : 12040; return DONE; }

int cuInit(unsigned flags)
{
    if (flags) return INVALID_VALUE;
    if (told("stuck")) return SYSTEM_NOT_READY;
    if (told("dies")) abort();
    while (told("hangs")) pause();
    started = !told("none");
    return started ? DONE : NO_DEVICE;
}

int cuGetErrorName(int error, const char **name)
{
    for (size_t k = 0; k < sizeof NAMES/sizeof *NAMES; k++) if (NAMES[k].error == error) { *name = NAMES[k].name; return DONE; }
    *name = NULL;
    return INVALID_VALUE;
}

/* Asked for by NVIDIA's own NVRTC, which takes a table without entries but not that there is none. */
int cuGetExportTable(const void **table, const void *name)
{
    static const size_t empty[1] = { sizeof empty };
    (void)name;
    *table = empty;
    return DONE;
}

int cuDeviceGetCount(int *count) { *count = started; return started ? DONE : NOT_INITIALIZED; }
int cuDeviceGet(int *device, int index) { *device = index; return !started ? NOT_INITIALIZED : index ? INVALID_DEVICE : DONE; }

int cuDeviceGetName(char *name, int size, int device)
{
    if (told("long")) snprintf(name, (size_t)size, "%0*d", 300, device);
    else snprintf(name, (size_t)size, "stand-in for a CUDA card");
    return device ? INVALID_DEVICE : DONE;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = total(); return device ? INVALID_DEVICE : DONE; }

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    *value = attribute == 75 ? capability()/10 : attribute == 76 ? capability()%10 : 0;
    return device ? INVALID_DEVICE : DONE;
}

/* ---- Streams ---- */

static void work(stream *, uint64_t until);

/* Of 8 bytes, that its k-th argument takes. */
static int words_of(const kernel *k, int j) { return ((k->argument[j] >> 1) + 7)/8; }
static int is_address(const kernel *k, int j) { return k->argument[j] & 1; }

static void do_launch(task *t)
{
    void *arguments[MOST_ARGUMENTS];
    const int64_t last = told("lost");
    for (int k = 0, at = 0; k < t->kernel->count; at += words_of(t->kernel, k++)) arguments[k] = &t->argument[at];
    if (last && ++launches >= last) { lost = LAUNCH_FAILED; return; }
    if (launch(t->kernel, arguments, t->blocks, t->block_size)) return;
    lost = LAUNCH_FAILED;
    fputs("stand-in for CUDA: the threads of a kernel did not all meet, or met in a kernel that is not CONVIS_GPU_KERNEL\n",
          stderr);
}

static void do_task(task *t)
{
    switch (t->what) {
    case MOVE:   memmove(t->to, t->from, t->bytes); break;
    case FILL:   memset(t->to, t->value, t->bytes); break;
    case LAUNCH: do_launch(t); break;
    case WAIT:   work(t->stream, t->until); break;
    }
}

static void work(stream *s, uint64_t until)
{
    while (s->done < until && s->first) {
        task *t = s->first;
        s->first = t->next;
        if (!s->first) s->end = &s->first;
        s->done++;
        if (!lost) do_task(t);
        free(t);
    }
}

static void work_all(void) { for (stream *s = streams; s; s = s->next) work(s, s->queued); }

static int append(task ***end, task t)
{
    task *one = malloc(sizeof *one);
    if (!one) return OUT_OF_MEMORY;
    *one = t;
    one->next = NULL;
    **end = one;
    *end = &one->next;
    return DONE;
}

static int queue(stream *s, task t)
{
    if (!s || s->destroyed) return INVALID_HANDLE;
    if (s->capture) return s->spoilt ? STREAM_CAPTURE_INVALIDATED : append(&s->capture->end, t);
    const int error = append(&s->end, t);
    if (!error) s->queued++;
    return error;
}

int cuStreamCreate(stream **made, unsigned flags)
{
    int error = begin();
    stream *s = error ? NULL : calloc(1, sizeof *s);
    (void)flags;
    if (s) {
        *s = (stream){ .next = streams, .end = &s->first };
        *made = streams = s;
    }
    return end(error ? error : s ? DONE : OUT_OF_MEMORY);
}

int cuStreamSynchronize(stream *s)
{
    int error = begin();
    if (!error && s->capture) error = spoil(s, STREAM_CAPTURE_UNSUPPORTED);
    if (!error) work(s, s->queued);
    return end(error ? error : lost);
}

int cuStreamDestroy_v2(stream *s)
{
    int error = begin();
    work(s, s->queued);
    s->destroyed = 1;
    return end(error);
}

int cuEventCreate(event **made, unsigned flags)
{
    int error = begin();
    (void)flags;
    if (!error) *made = calloc(1, sizeof **made);
    return end(error ? error : *made ? DONE : OUT_OF_MEMORY);
}

int cuEventDestroy_v2(event *e)
{
    int error = begin();
    free(e);
    return end(error);
}

int cuEventRecord(event *e, stream *s)
{
    int error = begin();
    if (!error && s->capture) error = spoil(s, NOT_SUPPORTED);           /* a card's driver would let others join */
    if (!error) *e = (event){ s, s->queued };
    return end(error);
}

int cuStreamWaitEvent(stream *s, event *e, unsigned flags)
{
    int error = begin();
    (void)flags;
    if (!error && s->capture) error = spoil(s, STREAM_CAPTURE_ISOLATION);
    if (!error && e->stream) error = queue(s, (task){ .what = WAIT, .stream = e->stream, .until = e->until });
    return end(error);
}

/* ---- Contexts and memory ---- */

/* The host's address of what lies whole in a block, or NULL. */
static char *host(address at, size_t bytes)
{
    for (const block *b = blocks; b; b = b->next) {
        const address from = (address)(uintptr_t)b->data + AWAY;
        if (at >= from && at - from < b->size && bytes <= b->size - (at - from)) return b->data + (at - from);
    }
    return NULL;
}

static void free_blocks(void)
{
    for (block *b = blocks, *next; b; b = next) {
        next = b->next;
        free(b->data);
        free(b);
    }
    blocks = NULL;
    used = 0;
}

int cuDevicePrimaryCtxRetain(context **c, int device)
{
    pthread_mutex_lock(&mutex);
    if (!device) primary.retained++;
    *c = &primary;
    return end(device ? INVALID_DEVICE : lost);
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
    pthread_mutex_lock(&mutex);
    if (device || !primary.retained) return end(INVALID_CONTEXT);
    if (!--primary.retained) {
        work_all();
        free_blocks();
    }
    return end(lost);
}

int cuCtxSetCurrent(context *c) { current = c; return DONE; }

int cuMemGetInfo_v2(size_t *free_bytes, size_t *all)
{
    int error = begin();
    *all = total();
    *free_bytes = *all - used;
    return end(error);
}

int cuMemAlloc_v2(address *made, size_t bytes)
{
    int error = begin_apart();
    if (error || !bytes) return end(error ? error : INVALID_VALUE);
    block *b = bytes <= total() - used ? malloc(sizeof *b) : NULL;
    char *data = b ? malloc(bytes) : NULL;
    if (!data) { free(b); return end(OUT_OF_MEMORY); }
    memset(data, 0xff, bytes);                           /* floats: no numbers */
    *b = (block){ blocks, data, bytes };
    blocks = b;
    used += bytes;
    *made = (address)(uintptr_t)data + AWAY;
    return end(DONE);
}

int cuMemFree_v2(address at)
{
    int error = begin_apart();
    if (error == STREAM_CAPTURE_UNSUPPORTED) return end(error);
    block **b = &blocks;
    work_all();
    while (*b && (address)(uintptr_t)(*b)->data + AWAY != at) b = &(*b)->next;
    block *found = *b;
    if (!found) return end(error ? error : INVALID_VALUE);
    *b = found->next;
    used -= found->size;
    free(found->data);
    free(found);
    return end(error ? error : lost);
}

static int move(stream *s, void *to, const void *from, size_t bytes)
{
    return to && from ? queue(s, (task){ .what = MOVE, .to = to, .from = from, .bytes = bytes }) : INVALID_VALUE;
}

int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, stream *s)
{
    int error = begin();
    return end(error ? error : move(s, host(to, bytes), from, bytes));
}

int cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, stream *s)
{
    int error = begin();
    return end(error ? error : move(s, to, host(from, bytes), bytes));
}

int cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, stream *s)
{
    int error = begin();
    return end(error ? error : move(s, host(to, bytes), host(from, bytes), bytes));
}

int cuMemsetD8Async(address to, unsigned char value, size_t bytes, stream *s)
{
    int error = begin();
    void *at = error ? NULL : host(to, bytes);
    return end(error ? error : at ? queue(s, (task){ .what = FILL, .to = at, .value = value, .bytes = bytes }) : INVALID_VALUE);
}

/* ---- Modules and launches ---- */

/* By a file of its own name that is gone once it is loaded. */
static void *open_library(const void *data, size_t size)
{
    const char *in = getenv("TMPDIR");
    char path[256];
    snprintf(path, sizeof path, "%.200s/stand-in-XXXXXX", in && *in ? in : "/tmp");
    const int file = mkstemp(path);
    if (file < 0) return NULL;
    void *library = write(file, data, size) == (ssize_t)size ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    close(file);
    unlink(path);
    return library;
}

static int open_module(module **made, const void *image)
{
    image_head head;
    memcpy(&head, image, sizeof head.magic);             /* what is no image of ours may be shorter */
    if (memcmp(head.magic, IMAGE_MAGIC, sizeof head.magic)) return INVALID_IMAGE;
    memcpy(&head, image, sizeof head);
    const int here = capability(), there = (int)head.architecture;
    if (head.exact ? here/10 != there/10 || here < there : here < there)
        return head.exact ? NO_BINARY_FOR_GPU : UNSUPPORTED_PTX_VERSION;
    void *library = open_library((const char *)image + sizeof head, head.size);
    void (**meeting)(void) = library ? dlsym(library, "stand_in_meet") : NULL;
    module *m = meeting ? calloc(1, sizeof *m) : NULL;
    if (!m) return INVALID_IMAGE;
    m->library = library;
    *meeting = meet;
    *made = m;
    return DONE;
}

int cuModuleLoadData(module **made, const void *image)
{
    int error = begin_apart();
    return end(error ? error : open_module(made, image));
}

int cuModuleUnload(module *m)
{
    int error = begin();
    work_all();
    for (kernel *k = m->kernels, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    dlclose(m->library);
    free(m);
    return end(error);
}

static int find(kernel **found, module *m, const char *name)
{
    char entry[96], shape[96];
    void (*(*run)(void))(void **) = NULL;
    snprintf(entry, sizeof entry, "stand_in_entry_%.64s", name);
    snprintf(shape, sizeof shape, "stand_in_shape_%.64s", name);
    void *const at = dlsym(m->library, entry);
    void *const other = dlsym(m->library, shape);
    void (*describe)(int *) = NULL;
    int numbers[MOST_ARGUMENTS + 2] = { 0 };
    memcpy(&run, &at, sizeof at);
    memcpy(&describe, &other, sizeof other);
    kernel *k = run && describe ? calloc(1, sizeof *k) : NULL;
    if (!k) return NOT_FOUND;
    describe(numbers);
    *k = (kernel){ .next = m->kernels, .run = run(), .count = numbers[0], .meets = numbers[1] };
    memcpy(k->argument, numbers + 2, sizeof k->argument);
    k->thread = dlsym(m->library, "threadIdx");
    k->block = dlsym(m->library, "blockIdx");
    k->block_size = dlsym(m->library, "blockDim");
    k->blocks = dlsym(m->library, "gridDim");
    *found = m->kernels = k;
    return DONE;
}

int cuModuleGetFunction(kernel **found, module *m, const char *name)
{
    int error = begin();
    return end(error ? error : find(found, m, name));
}

/* Values are taken now; addresses become the host's. */
static int take_arguments(const kernel *k, void **arguments, uint64_t *values)
{
    for (int j = 0, at = 0; j < k->count; at += words_of(k, j++)) {
        if (at + words_of(k, j) > MOST_BYTES/8) return INVALID_VALUE;
        memcpy(&values[at], arguments[j], (size_t)(k->argument[j] >> 1));
        if (!is_address(k, j) || !values[at]) continue;
        char *data = host(values[at], 1);
        if (!data) return ILLEGAL_ADDRESS;
        values[at] = (uint64_t)(uintptr_t)data;
    }
    return DONE;
}

int cuLaunchKernel(kernel *k, unsigned bx, unsigned by, unsigned bz, unsigned tx, unsigned ty, unsigned tz, unsigned shared,
                   stream *s, void **arguments, void **extra)
{
    int error = begin();
    task t = { .what = LAUNCH, .kernel = k, .blocks = bx, .block_size = tx };
    if (error) return end(error);
    if (!bx || !tx || tx > MOST_THREADS || by != 1 || bz != 1 || ty != 1 || tz != 1 || shared || extra) return end(INVALID_VALUE);
    error = take_arguments(k, arguments, t.argument);
    if (error == ILLEGAL_ADDRESS) lost = error;
    return end(error ? error : queue(s, t));
}

/* ---- Graphs ---- */

static void note(const graph *g)
{
    const char *path = getenv("CONVIS_STAND_IN_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;
    int count = 0;
    if (!f) return;
    for (const task *t = g->first; t; t = t->next) count++;
    fprintf(f, "graph of %d\n", count);
    fclose(f);
}

static graph *new_graph(void)
{
    graph *g = calloc(1, sizeof *g);
    if (g) g->end = &g->first;
    return g;
}

static void free_graph(graph *g)
{
    for (task *t = g->first, *next; t; t = next) {
        next = t->next;
        free(t);
    }
    free(g);
}

int cuStreamBeginCapture_v2(stream *s, int mode)
{
    int error = begin();
    if (error) return end(error);
    if (told("graphless")) return end(NOT_SUPPORTED);
    if (mode != 1 || s->capture || capturing) return end(INVALID_VALUE);         /* thread-local, the only mode that we use */
    s->capture = new_graph();
    s->spoilt = 0;
    capturing = s->capture ? s : NULL;
    return end(s->capture ? DONE : OUT_OF_MEMORY);
}

int cuStreamEndCapture(stream *s, graph **made)
{
    int error = begin();
    *made = NULL;
    if (!s->capture) return end(error ? error : INVALID_VALUE);
    if (capturing != s) return end(STREAM_CAPTURE_WRONG_THREAD);
    if (error || s->spoilt) free_graph(s->capture);
    else *made = s->capture;
    s->capture = NULL;
    capturing = NULL;
    return end(error ? error : s->spoilt ? STREAM_CAPTURE_INVALIDATED : DONE);
}

static int instantiate(graph **made, const graph *g)
{
    graph *copy = new_graph();
    int error = copy ? DONE : OUT_OF_MEMORY;
    for (const task *t = g->first; t && !error; t = t->next) error = append(&copy->end, *t);
    if (!error) *made = copy;
    else if (copy) free_graph(copy);
    return error;
}

int cuGraphInstantiateWithFlags(graph **made, graph *g, unsigned long long flags)
{
    int error = begin();
    return end(error ? error : flags ? INVALID_VALUE : instantiate(made, g));
}

int cuGraphInstantiate_v2(graph **made, graph *g, void **node, char *log, size_t size)
{
    int error = begin();
    return end(error ? error : node || log || size ? INVALID_VALUE : instantiate(made, g));
}

/* The memory that kernels were to use when they were captured may be gone. */
static int is_there(const task *t)
{
    if (t->what == FILL) return host((address)(uintptr_t)t->to + AWAY, t->bytes) != NULL;
    for (int k = 0, at = 0; t->what == LAUNCH && k < t->kernel->count; at += words_of(t->kernel, k++))
        if (is_address(t->kernel, k) && t->argument[at] && !host(t->argument[at] + AWAY, 1)) return 0;
    return 1;
}

int cuGraphLaunch(graph *g, stream *s)
{
    int error = begin();
    if (error) return end(error);
    if (s->capture) return end(spoil(s, NOT_SUPPORTED));                 /* a card's driver would make it a part of that */
    note(g);
    for (const task *t = g->first; t && !error; t = t->next) {
        if (!is_there(t)) lost = ILLEGAL_ADDRESS;
        error = lost ? lost : queue(s, *t);
    }
    return end(error);
}

int cuGraphDestroy(graph *g)
{
    int error = begin();
    free_graph(g);
    return end(error);
}

int cuGraphExecDestroy(graph *g) { return cuGraphDestroy(g); }
