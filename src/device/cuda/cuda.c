/* cuda.c - CUDA, by the driver (libcuda.so.1) and the compiler (NVRTC) that the machine has at run time.
 *
 * Queues are streams; addresses are the driver's own. Kernels are compiled for the very device that runs them, or, where the
 * compiler is older than the device, for the newest that both know. What is declared here is taken from NVIDIA's documentation
 * of the driver API and of NVRTC, versions 11.2 to 13.0. */
#include "base/library.h"
#include "base/text.h"
#include "device/device.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Declarations of CUDA ---- */

typedef struct cu_context_ *cu_context;
typedef struct cu_stream_ *cu_stream;
typedef struct cu_event_ *cu_event;
typedef struct cu_module_ *cu_module;
typedef struct cu_function_ *cu_function;
typedef struct cu_graph_ *cu_graph;
typedef struct cu_graph_exec_ *cu_graph_exec;
typedef unsigned long long cu_address;

enum { CU_OLDEST = 11000, CU_OUT_OF_MEMORY = 2, CU_STREAM_NON_BLOCKING = 1, CU_EVENT_DISABLE_TIMING = 2, CU_COMPUTE_MODE = 20,
       CU_CAPABILITY_MAJOR = 75, CU_CAPABILITY_MINOR = 76, CU_PROHIBITED = 2, CU_CAPTURE_THREAD_LOCAL = 1, CU_CAPTURE_UNSUPPORTED = 900,
       CU_CAPTURE_WRONG_THREAD = 908 };

#define CU_FUNCTIONS(X)                                                                                                                  \
    X(cuDriverGetVersion, (int *))                                                                                                       \
    X(cuInit, (unsigned))                                                                                                                \
    X(cuGetErrorName, (int, const char **))                                                                                              \
    X(cuDeviceGetCount, (int *))                                                                                                         \
    X(cuDeviceGet, (int *, int))                                                                                                         \
    X(cuDeviceGetName, (char *, int, int))                                                                                               \
    X(cuDeviceTotalMem_v2, (size_t *, int))                                                                                              \
    X(cuDeviceGetAttribute, (int *, int, int))                                                                                           \
    X(cuDevicePrimaryCtxRetain, (cu_context *, int))                                                                                     \
    X(cuDevicePrimaryCtxRelease_v2, (int))                                                                                               \
    X(cuCtxSetCurrent, (cu_context))                                                                                                     \
    X(cuStreamCreate, (cu_stream *, unsigned))                                                                                           \
    X(cuStreamDestroy_v2, (cu_stream))                                                                                                   \
    X(cuStreamSynchronize, (cu_stream))                                                                                                  \
    X(cuStreamWaitEvent, (cu_stream, cu_event, unsigned))                                                                                \
    X(cuEventCreate, (cu_event *, unsigned))                                                                                             \
    X(cuEventDestroy_v2, (cu_event))                                                                                                     \
    X(cuEventRecord, (cu_event, cu_stream))                                                                                              \
    X(cuMemGetInfo_v2, (size_t *, size_t *))                                                                                             \
    X(cuMemAlloc_v2, (cu_address *, size_t))                                                                                             \
    X(cuMemFree_v2, (cu_address))                                                                                                        \
    X(cuMemcpyHtoDAsync_v2, (cu_address, const void *, size_t, cu_stream))                                                               \
    X(cuMemcpyDtoHAsync_v2, (void *, cu_address, size_t, cu_stream))                                                                     \
    X(cuMemcpyDtoDAsync_v2, (cu_address, cu_address, size_t, cu_stream))                                                                 \
    X(cuMemsetD8Async, (cu_address, unsigned char, size_t, cu_stream))                                                                   \
    X(cuModuleLoadData, (cu_module *, const void *))                                                                                     \
    X(cuModuleUnload, (cu_module))                                                                                                       \
    X(cuModuleGetFunction, (cu_function *, cu_module, const char *))                                                                     \
    X(cuLaunchKernel, (cu_function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, cu_stream, void **, void **))

/* Optional; cuGraphInstantiateWithFlags came with 11.4, and may be all that later ones have of the two. */
#define CU_GRAPH_FUNCTIONS(X)                                                                                                            \
    X(cuStreamBeginCapture_v2, (cu_stream, int))                                                                                         \
    X(cuStreamEndCapture, (cu_stream, cu_graph *))                                                                                       \
    X(cuGraphInstantiateWithFlags, (cu_graph_exec *, cu_graph, unsigned long long))                                                      \
    X(cuGraphInstantiate_v2, (cu_graph_exec *, cu_graph, void *, char *, size_t))                                                        \
    X(cuGraphLaunch, (cu_graph_exec, cu_stream))                                                                                         \
    X(cuGraphDestroy, (cu_graph))                                                                                                        \
    X(cuGraphExecDestroy, (cu_graph_exec))

typedef struct nvrtc_program_ *nvrtc_program;
#define NVRTC_FUNCTIONS(X)                                                                                                               \
    X(nvrtcVersion, (int *, int *))                                                                                                      \
    X(nvrtcGetNumSupportedArchs, (int *))                                                                                                \
    X(nvrtcGetSupportedArchs, (int *))                                                                                                   \
    X(nvrtcCreateProgram, (nvrtc_program *, const char *, const char *, int, const char *const *, const char *const *))                  \
    X(nvrtcCompileProgram, (nvrtc_program, int, const char *const *))                                                                    \
    X(nvrtcGetProgramLogSize, (nvrtc_program, size_t *))                                                                                 \
    X(nvrtcGetProgramLog, (nvrtc_program, char *))                                                                                       \
    X(nvrtcGetCUBINSize, (nvrtc_program, size_t *))                                                                                      \
    X(nvrtcGetCUBIN, (nvrtc_program, char *))                                                                                            \
    X(nvrtcGetPTXSize, (nvrtc_program, size_t *))                                                                                        \
    X(nvrtcGetPTX, (nvrtc_program, char *))                                                                                              \
    X(nvrtcDestroyProgram, (nvrtc_program *))

enum { MOST_ARCHITECTURES = 64 };
#define POINTER(name, arguments) int (*name) arguments;
static struct { CU_FUNCTIONS(POINTER) CU_GRAPH_FUNCTIONS(POINTER) int version, count; char why[256]; } cu;      /* why: there is none */
static struct { NVRTC_FUNCTIONS(POINTER) int major, minor, count, architecture[MOST_ARCHITECTURES]; } nvrtc;

static const char *name_of(int error)
{
    const char *name = NULL;
    return !cu.cuGetErrorName(error, &name) && name ? name : "an error without a name";
}

#define CU_SYMBOL(name, arguments) CONVIS_SYMBOL(cu, name),
#define NVRTC_SYMBOL(name, arguments) CONVIS_SYMBOL(nvrtc, name),
static const convis_symbol CU_SYMBOLS[] = { CU_FUNCTIONS(CU_SYMBOL) { .name = NULL } },
                           CU_GRAPH_SYMBOLS[] = { CU_GRAPH_FUNCTIONS(CU_SYMBOL) { .name = NULL } },
                           NVRTC_SYMBOLS[] = { NVRTC_FUNCTIONS(NVRTC_SYMBOL) { .name = NULL } };

static int take_nvrtc(void *library)
{
    const char *lacks = convis_library_find(&library, 1, NVRTC_SYMBOLS);
    nvrtc.count = 0;
    if (!lacks && !nvrtc.nvrtcVersion(&nvrtc.major, &nvrtc.minor)) nvrtc.nvrtcGetNumSupportedArchs(&nvrtc.count);
    if (nvrtc.count < 1 || nvrtc.count > MOST_ARCHITECTURES || nvrtc.nvrtcGetSupportedArchs(nvrtc.architecture)) nvrtc.count = 0;
    return nvrtc.count > 0;
}

/* Of several the first that is not newer than the driver, which need not understand what a newer one makes. */
static int search_nvrtc(void)
{
    static const char *const FOLDERS[] = { "", "/usr/local/cuda/lib64/", "/usr/local/cuda/lib/", "/usr/local/cuda-13/lib64/",
        "/usr/local/cuda-12/lib64/", "/usr/local/cuda-11/lib64/", "/usr/local/cuda-13.0/lib/", "/opt/cuda/lib64/" };
    static const char *const NAMES[] = { "libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2" };
    void *newer = NULL;
    char path[128];                                      /* of what stands above */
    for (size_t f = 0; f < sizeof FOLDERS/sizeof *FOLDERS; f++) {
        for (size_t n = 0; n < sizeof NAMES/sizeof *NAMES; n++) {
            snprintf(path, sizeof path, "%s%s", FOLDERS[f], NAMES[n]);
            void *library = convis_library_open(path);
            if (!library) continue;
            const int good = take_nvrtc(library);
            if (good && nvrtc.major <= cu.version/1000) return 1;
            if (good && !newer) newer = library; else convis_library_close(library);
        }
    }
    return newer && take_nvrtc(newer);
}

static void load_nvrtc(void)
{
    const char *own = getenv("CONVIS_NVRTC");
    if (!own || !*own) {
        if (search_nvrtc()) return;
        snprintf(cu.why, sizeof cu.why,
                 "there is no compiler for it: NVRTC 11.2 or later (libnvrtc.so) was not found; it comes with "
                 "NVIDIA's CUDA toolkit (package cuda-nvrtc), and CONVIS_NVRTC can name the file");
        return;
    }
    char shown[128];
    void *library = convis_library_open(own);
    convis_shorten(shown, sizeof shown, "%s", own);
    if (!library || !take_nvrtc(library))
        convis_shorten(cu.why, sizeof cu.why, "CONVIS_NVRTC is %s: %s, expected NVRTC (libnvrtc.so) 11.2 or later", shown,
                       library ? "found something else" : "it cannot be loaded");
}

static void load(void)
{
    void *library = convis_library_open("libcuda.so.1");
    if (!library) {
        snprintf(cu.why, sizeof cu.why, "there is no libcuda.so.1 here; it comes with the driver of an NVIDIA GPU");
        return;
    }
    const char *lacks = convis_library_find(&library, 1, CU_SYMBOLS);
    convis_library_find(&library, 1, CU_GRAPH_SYMBOLS);
    if (cu.cuDriverGetVersion) cu.cuDriverGetVersion(&cu.version);
    if (cu.version < CU_OLDEST)
        snprintf(cu.why, sizeof cu.why, "its driver is too old: found one for CUDA %d.%d, expected %d.%d or later",
                 cu.version/1000, cu.version%1000/10, CU_OLDEST/1000, CU_OLDEST%1000/10);
    else if (lacks) snprintf(cu.why, sizeof cu.why, "libcuda.so.1 is not whole: it has no %s", lacks);
    if (cu.why[0]) return;
    int error = cu.cuInit(0);
    if (!error) error = cu.cuDeviceGetCount(&cu.count);
    if (error) convis_shorten(cu.why, sizeof cu.why, "its driver does not start: %s (%d)", name_of(error), error);
    else if (cu.count < 1) snprintf(cu.why, sizeof cu.why, "its driver finds no GPU");
    else load_nvrtc();
}

static int loaded(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return !cu.why[0];
}

/* ---- Devices ---- */

static int attribute(int device, int what)
{
    int value = 0;
    cu.cuDeviceGetAttribute(&value, what, device);
    return value;
}

/* 90: compute capability 9.0. */
static int capability_of(int device) { return 10*attribute(device, CU_CAPABILITY_MAJOR) + attribute(device, CU_CAPABILITY_MINOR); }

/* The newest architecture that the compiler knows and this device runs; 0: none. */
static int architecture_for(int capability)
{
    int best = 0;
    for (int k = 0; k < nvrtc.count; k++)
        if (nvrtc.architecture[k] <= capability && nvrtc.architecture[k] > best) best = nvrtc.architecture[k];
    return best;
}

/* The driver does not say whether a name was too long for its place: there is more room than names need, and one that fills it all is
 * noticed. */
enum { CU_NAME = 4096 };
static void name_device(int device, char name[CU_NAME])
{
    memset(name, 0, CU_NAME);
    if (cu.cuDeviceGetName(name, CU_NAME, device)) *name = 0;
    if (strnlen(name, CU_NAME) > CU_NAME - 2) strcpy(name + CU_NAME - 4, "...");
}

static void judge(int device, convis_device_info *info)
{
    char name[CU_NAME];
    size_t memory = 0;
    const int capability = capability_of(device);
    name_device(device, name);
    convis_shorten(info->title, sizeof info->title, "%s", name);
    cu.cuDeviceTotalMem_v2(&memory, device);
    info->memory = (int64_t)memory;
    info->is_gpu = 1;
    if (attribute(device, CU_COMPUTE_MODE) == CU_PROHIBITED)
        snprintf(info->why, sizeof info->why, "its compute mode is 'prohibited' ('nvidia-smi -c 0' as root allows it)");
    else if (!architecture_for(capability))
        snprintf(info->why, sizeof info->why,
                 "its compute capability is %d.%d; NVRTC %d.%d compiles for %d.%d and later (try an older)", capability/10,
                 capability%10, nvrtc.major, nvrtc.minor, nvrtc.architecture[0]/10, nvrtc.architecture[0]%10);
    info->usable = !info->why[0];
}

static int drivers(char why[CONVIS_WHY])
{
    if (loaded()) return 1;
    convis_shorten(why, CONVIS_WHY, "%s", cu.why);
    return 0;
}

static int list(int driver, int index, convis_device_info *info)
{
    int device;
    if (driver || index < 0 || index >= cu.count) return 0;
    snprintf(info->name, sizeof info->name, "cuda:%d", index);
    const int error = cu.cuDeviceGet(&device, index);
    if (error) convis_shorten(info->why, sizeof info->why, "its driver does not give it: %s (%d)", name_of(error), error);
    else judge(device, info);
    return 1;
}

/* ---- One device ---- */

enum { PAIRS = CONVIS_QUEUES*CONVIS_QUEUES };
typedef struct cuda {
    int device, capability;
    cu_context context;
    cu_stream queue[CONVIS_QUEUES];
    cu_event event[PAIRS];                               /* of before and after */
    int recording;
} cuda;

/* After these errors nothing of this process works any more on the device. */
static int is_lost(int error)
{
    static const int LOST[] = { 4, 46, 101, 201, 202, 214, 220, 226, 700, 702, 709, 710,
                                714, 715, 716, 717, 718, 719, 721, 806, 810, 911, 999 };
    for (size_t k = 0; k < sizeof LOST/sizeof *LOST; k++)
        if (error == LOST[k]) return 1;
    return 0;
}

/* A call that a recording does not allow is no fault: the recording is spoilt, and who began it does without. */
static int spoils(const convis_device *d, int error)
{
    const cuda *o = d->own;
    return o && o->recording && error >= CU_CAPTURE_UNSUPPORTED && error <= CU_CAPTURE_WRONG_THREAD;
}

static int failed(convis_device *d, int error, const char *what)
{
    if (spoils(d, error)) return 1;
    if (error == CU_OUT_OF_MEMORY)
        convis_device_fault(d, CONVIS_ENOMEM, "out of memory on the device (%s: %s, %d)", what, name_of(error), error);
    else if (error) {
        const char *words =
            is_lost(error) ? "the device was lost; the run can go on from the last saved state" : "its driver failed";
        convis_device_fault(d, CONVIS_EDEVICE, "%s (%s: %s, %d)", words, what, name_of(error), error);
    }
    return error != 0;
}

/* Callers come from any thread, and a context is current in one; NULL: a fault. */
static cuda *enter(convis_device *d)
{
    cuda *o = d->own;
    return failed(d, cu.cuCtxSetCurrent(o->context), "cuCtxSetCurrent") ? NULL : o;
}

static convis_status open_queues(convis_device *d, cuda *o)
{
    for (int k = 0; k < CONVIS_QUEUES; k++)
        if (failed(d, cu.cuStreamCreate(&o->queue[k], CU_STREAM_NON_BLOCKING), "cuStreamCreate")) return d->status;
    for (int k = 0; k < PAIRS; k++)
        if (failed(d, cu.cuEventCreate(&o->event[k], CU_EVENT_DISABLE_TIMING), "cuEventCreate")) return d->status;
    return CONVIS_OK;
}

/* What its programs depend on. */
static int describe(convis_device *d, const cuda *o)
{
    enum { NUMBERS = 160 };
    char name[CU_NAME];
    name_device(o->device, name);
    const size_t size = strlen(name) + NUMBERS;
    d->version = convis_obtain(d->context, size);
    if (d->version)
        snprintf(d->version, size, "%s, driver for CUDA %d.%d, NVRTC %d.%d, compute capability %d.%d", name, cu.version/1000,
                 cu.version%1000/10, nvrtc.major, nvrtc.minor, o->capability/10, o->capability%10);
    return d->version != NULL;
}

static convis_status open_device(convis_device *d)
{
    int device;
    if (failed(d, cu.cuDeviceGet(&device, atoi(d->name + strlen("cuda:"))), "cuDeviceGet")) return d->status;
    cuda *o = convis_obtain(d->context, sizeof *o);
    if (!o) return CONVIS_ENOMEM;
    o->device = device;
    o->capability = capability_of(device);
    d->own = o;
    d->most = d->memory;
    if (!describe(d, o)) return CONVIS_ENOMEM;
    if (failed(d, cu.cuDevicePrimaryCtxRetain(&o->context, device), "cuDevicePrimaryCtxRetain")) return d->status;
    return enter(d) ? open_queues(d, o) : d->status;
}

/* Of a lost device too: then the driver refuses, and there is nothing to give back. */
static void close_device(convis_device *d)
{
    cuda *o = d->own;
    if (!o) return;
    if (o->context) {
        cu.cuCtxSetCurrent(o->context);
        for (int k = 0; k < CONVIS_QUEUES; k++) {
            if (!o->queue[k]) continue;
            cu.cuStreamSynchronize(o->queue[k]);
            cu.cuStreamDestroy_v2(o->queue[k]);
        }
        for (int k = 0; k < PAIRS; k++) if (o->event[k]) cu.cuEventDestroy_v2(o->event[k]);
        cu.cuDevicePrimaryCtxRelease_v2(o->device);
    }
    convis_release(d->context, o);
}

static int wait_for(convis_device *d, cu_stream queue) { return failed(d, cu.cuStreamSynchronize(queue), "cuStreamSynchronize"); }

/* ---- Memory ---- */

static int64_t room(convis_device *d)
{
    size_t free_bytes = 0, all;
    cuda *o = enter(d);
    return o && !cu.cuMemGetInfo_v2(&free_bytes, &all) ? (int64_t)free_bytes : 0;
}

static cu_address address_of(const void *memory) { return (cu_address)(uintptr_t)memory; }

static void *obtain(convis_device *d, size_t bytes)
{
    cuda *o = enter(d);
    cu_address address = 0;
    if (!o) return NULL;
    const int error = cu.cuMemAlloc_v2(&address, bytes);
    if (error == CU_OUT_OF_MEMORY || failed(d, error, "cuMemAlloc")) return NULL;
    cu_stream run = o->queue[CONVIS_QUEUE_RUN];
    if (!failed(d, cu.cuMemsetD8Async(address, 0, bytes, run), "cuMemsetD8Async")) wait_for(d, run);
    if (!d->status) return (void *)(uintptr_t)address;
    cu.cuMemFree_v2(address);
    return NULL;
}

static void release(convis_device *d, void *memory)
{
    cuda *o = d->own;
    if (!cu.cuCtxSetCurrent(o->context)) cu.cuMemFree_v2(address_of(memory));          /* waits for what still uses it */
}

static void put(convis_device *d, int queue, void *to, const void *from, size_t bytes)
{
    cuda *o = enter(d);
    if (!o || failed(d, cu.cuMemcpyHtoDAsync_v2(address_of(to), from, bytes, o->queue[queue]), "cuMemcpyHtoDAsync")) return;
    wait_for(d, o->queue[queue]);
}

static void get(convis_device *d, int queue, void *to, const void *from, size_t bytes)
{
    cuda *o = enter(d);
    if (!o || failed(d, cu.cuMemcpyDtoHAsync_v2(to, address_of(from), bytes, o->queue[queue]), "cuMemcpyDtoHAsync")
        || wait_for(d, o->queue[queue])) memset(to, 0, bytes);           /* in a recording: without a fault */
}

static void copy(convis_device *d, void *to, const void *from, size_t bytes)
{
    cuda *o = enter(d);
    if (o)
        failed(d, cu.cuMemcpyDtoDAsync_v2(address_of(to), address_of(from), bytes, o->queue[CONVIS_QUEUE_RUN]),
               "cuMemcpyDtoDAsync");
}

static void zero(convis_device *d, void *to, size_t bytes)
{
    cuda *o = enter(d);
    if (o) failed(d, cu.cuMemsetD8Async(address_of(to), 0, bytes, o->queue[CONVIS_QUEUE_RUN]), "cuMemsetD8Async");
}

/* An event may be recorded anew while a queue still waits for what it was recorded for before. */
static void order(convis_device *d, int before, int after)
{
    cuda *o = enter(d);
    if (!o) return;
    cu_event event = o->event[before*CONVIS_QUEUES + after];
    if (!failed(d, cu.cuEventRecord(event, o->queue[before]), "cuEventRecord"))
        failed(d, cu.cuStreamWaitEvent(o->queue[after], event, 0), "cuStreamWaitEvent");
}

static void sync_device(convis_device *d)
{
    cuda *o = enter(d);
    for (int k = 0; o && k < CONVIS_QUEUES && !d->status; k++) wait_for(d, o->queue[k]);
}

/* ---- Programs ---- */

static int refused(convis_device *d, int error, const char *what)
{
    if (error) convis_device_fault(d, CONVIS_EDEVICE, "NVRTC failed (%s: NVRTC error %d)", what, error);
    return error != 0;
}

static void complain(convis_device *d, const char *name, nvrtc_program p, int error)
{
    size_t size = 0;
    nvrtc.nvrtcGetProgramLogSize(p, &size);
    char *log = convis_obtain(d->context, size + 1);
    if (log && size) nvrtc.nvrtcGetProgramLog(p, log);
    if (log && *log) convis_device_fault(d, CONVIS_EDEVICE, "the kernels of %s do not compile: %s", name, log);
    else convis_device_fault(d, CONVIS_EDEVICE, "the kernels of %s do not compile (NVRTC error %d)", name, error);
    convis_release(d->context, log);
}

/* Sums are not contracted, denormal numbers are zero, quotients and roots are rounded right: as on every other target. 177: a
 * function of kernel.h that a layer does not call. exact: for this device alone, else for the newest that the compiler knows. */
static int translate(convis_device *d, const char *name, nvrtc_program p, int architecture, int exact)
{
    char target[48];
    const char *const options[] = {
        target, "--fmad=false", "--ftz=true", "--prec-div=true", "--prec-sqrt=true", "--diag-suppress=177"
    };
    snprintf(target, sizeof target, "--gpu-architecture=%s_%d", exact ? "sm" : "compute", architecture);
    const int error = nvrtc.nvrtcCompileProgram(p, sizeof options/sizeof *options, options);
    if (error) complain(d, name, p, error);
    return !error;
}

static char *take_image(convis_device *d, nvrtc_program p, int exact, size_t *size)
{
    if (refused(d, (exact ? nvrtc.nvrtcGetCUBINSize : nvrtc.nvrtcGetPTXSize)(p, size), "the size of what was compiled"))
        return NULL;
    char *image = convis_obtain(d->context, *size + 1);
    if (image && refused(d, (exact ? nvrtc.nvrtcGetCUBIN : nvrtc.nvrtcGetPTX)(p, image), "what was compiled")) {
        convis_release(d->context, image);
        image = NULL;
    }
    return image;
}

/* What the driver can load; NULL with the sentence left. */
static char *image_of(convis_device *d, const char *name, const char *text, size_t *size)
{
    const cuda *o = d->own;
    const int architecture = architecture_for(o->capability), exact = architecture == o->capability;
    nvrtc_program p = NULL;
    if (refused(d, nvrtc.nvrtcCreateProgram(&p, text, name, 0, NULL, NULL), "nvrtcCreateProgram")) return NULL;
    char *image = translate(d, name, p, architecture, exact) ? take_image(d, p, exact, size) : NULL;
    nvrtc.nvrtcDestroyProgram(&p);
    return image;
}

static void *compile(convis_device *d, const char *name, const char *text, void **binary, size_t *size)
{
    cu_module module = NULL;
    if (!enter(d)) return NULL;
    if (*binary && !cu.cuModuleLoadData(&module, *binary)) return module;
    char *image = image_of(d, name, text, size);
    if (!image) return NULL;
    *binary = image;                                     /* the caller's from now on */
    const int error = cu.cuModuleLoadData(&module, image);
    if (!error) return module;
    if (is_lost(error) || error == CU_OUT_OF_MEMORY) failed(d, error, "cuModuleLoadData");
    else convis_device_fault(d, CONVIS_EDEVICE, "the driver does not take the kernels of %s (%s; cuModuleLoadData: %s, %d)", name,
                             d->version, name_of(error), error);
    return NULL;
}

static void discard(convis_device *d, void *program)
{
    cuda *o = d->own;
    if (!cu.cuCtxSetCurrent(o->context)) cu.cuModuleUnload(program);
}

static void *find(convis_device *d, void *program, const char *kernel)
{
    cu_function function = NULL;
    return enter(d) && !cu.cuModuleGetFunction(&function, program, kernel) ? function : NULL;
}

static void launch(convis_device *d, void *kernel, int buffers, void *const *buffer, const void *block, size_t bytes,
                   const uint32_t *tail, int64_t groups, int group_size)
{
    void *arguments[CONVIS_KERNEL_BUFFERS + 1 + CONVIS_TAIL_WORDS];
    int count = 0;
    cuda *o = enter(d);
    if (!o) return;
    cu_stream run = o->queue[CONVIS_QUEUE_RUN];
    for (int k = 0; k < buffers; k++) arguments[count++] = (void *)(uintptr_t)&buffer[k];
    if (bytes) arguments[count++] = (void *)(uintptr_t)block;
    for (int k = 0; k < CONVIS_TAIL_WORDS; k++) arguments[count++] = (void *)(uintptr_t)&tail[k];
    failed(d, cu.cuLaunchKernel(kernel, (unsigned)groups, 1, 1, (unsigned)group_size, 1, 1, 0, run, arguments, NULL),
           "cuLaunchKernel");
}

/* ---- Recorded launches ---- */

static int can_record(void)
{
    return cu.cuStreamBeginCapture_v2 && cu.cuStreamEndCapture && (cu.cuGraphInstantiateWithFlags || cu.cuGraphInstantiate_v2)
        && cu.cuGraphLaunch && cu.cuGraphDestroy && cu.cuGraphExecDestroy;
}

/* What other threads do with devices of their own does not concern it. */
static int record(convis_device *d)
{
    cuda *o = can_record() ? enter(d) : NULL;
    if (!o) return 0;
    const int error = cu.cuStreamBeginCapture_v2(o->queue[CONVIS_QUEUE_RUN], CU_CAPTURE_THREAD_LOCAL);
    if (is_lost(error)) failed(d, error, "cuStreamBeginCapture");
    return o->recording = !error;
}

static int instantiate(cu_graph_exec *made, cu_graph graph)
{
    if (cu.cuGraphInstantiateWithFlags) return cu.cuGraphInstantiateWithFlags(made, graph, 0);
    return cu.cuGraphInstantiate_v2(made, graph, NULL, NULL, 0);
}

static void *recorded(convis_device *d)
{
    cuda *o = d->own;
    cu_graph graph = NULL;
    cu_graph_exec made = NULL;
    int error = cu.cuCtxSetCurrent(o->context);
    if (!error) error = cu.cuStreamEndCapture(o->queue[CONVIS_QUEUE_RUN], &graph);
    o->recording = 0;
    if (!error) error = instantiate(&made, graph);
    if (graph) cu.cuGraphDestroy(graph);
    if (is_lost(error)) failed(d, error, "cuGraphInstantiate");
    return error ? NULL : made;
}

/* The first launch needs memory of the device, too; where there is none, it is done without. */
static int replay(convis_device *d, void *launches)
{
    cuda *o = enter(d);
    const int error = o ? cu.cuGraphLaunch(launches, o->queue[CONVIS_QUEUE_RUN]) : 0;
    return o && error != CU_OUT_OF_MEMORY && !failed(d, error, "cuGraphLaunch");
}

/* Only after it has finished. */
static void forget(convis_device *d, void *launches)
{
    cuda *o = d->own;
    if (cu.cuCtxSetCurrent(o->context)) return;
    cu.cuStreamSynchronize(o->queue[CONVIS_QUEUE_RUN]);
    cu.cuGraphExecDestroy(launches);
}

const convis_device_type convis_device_cuda = {
    .name = "cuda", .drivers = drivers, .list = list, .open = open_device, .close = close_device, .room = room, .obtain = obtain, .release = release,
    .put = put, .get = get, .copy = copy, .zero = zero, .order = order, .sync = sync_device, .compile = compile, .discard = discard,
    .find = find, .launch = launch, .record = record, .recorded = recorded, .replay = replay, .forget = forget,
};
