/* opencl.c - OpenCL 1.2, by the library that the machine has at run time.
 *
 * Memory objects have no addresses, so blocks get invented ones, one behind the other; a kernel gets for each buffer the
 * block that its address lies in and the distance from its beginning (CONVIS_HANDLE_ of kernel.h). What is declared here of
 * OpenCL is taken from the Khronos specification, version 1.2. */
#include "base/library.h"
#include "base/text.h"
#include "device/device.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Declarations of OpenCL ---- */

typedef struct cl_platform_ *cl_platform;
typedef struct cl_device_ *cl_device;
typedef struct cl_context_ *cl_context;
typedef struct cl_queue_ *cl_queue;
typedef struct cl_mem_ *cl_mem;
typedef struct cl_program_ *cl_program;
typedef struct cl_kernel_ *cl_kernel;
typedef struct cl_event_ *cl_event;

enum { CL_TRUE = 1, CL_PLATFORM_NAME = 0x0902, CL_DEVICE_TYPE = 0x1000, CL_DEVICE_MAX_WORK_GROUP_SIZE = 0x1004,
       CL_DEVICE_MAX_MEM_ALLOC_SIZE = 0x1010, CL_DEVICE_SINGLE_FP_CONFIG = 0x101B, CL_DEVICE_GLOBAL_MEM_SIZE = 0x101F,
       CL_DEVICE_AVAILABLE = 0x1027, CL_DEVICE_COMPILER_AVAILABLE = 0x1028, CL_DEVICE_NAME = 0x102B, CL_DRIVER_VERSION = 0x102D,
       CL_DEVICE_VERSION = 0x102F, CL_PROGRAM_BINARY_SIZES = 0x1165, CL_PROGRAM_BINARIES = 0x1166, CL_PROGRAM_BUILD_LOG = 0x1183,
       CL_MEM_READ_WRITE = 1, CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT = 1 << 7, CL_DEVICE_TYPE_GPU = 1 << 2 };
static const uint64_t CL_DEVICE_TYPE_ALL = 0xFFFFFFFF;

#define CL_FUNCTIONS(X)                                                                                                                  \
    X(int, clGetPlatformIDs, (uint32_t, cl_platform *, uint32_t *))                                                                      \
    X(int, clGetPlatformInfo, (cl_platform, uint32_t, size_t, void *, size_t *))                                                         \
    X(int, clGetDeviceIDs, (cl_platform, uint64_t, uint32_t, cl_device *, uint32_t *))                                                   \
    X(int, clGetDeviceInfo, (cl_device, uint32_t, size_t, void *, size_t *))                                                             \
    X(cl_context, clCreateContext, (const intptr_t *, uint32_t, const cl_device *, void *, void *, int *))                               \
    X(int, clReleaseContext, (cl_context))                                                                                               \
    X(cl_queue, clCreateCommandQueue, (cl_context, cl_device, uint64_t, int *))                                                          \
    X(int, clReleaseCommandQueue, (cl_queue))                                                                                            \
    X(int, clFlush, (cl_queue))                                                                                                          \
    X(int, clFinish, (cl_queue))                                                                                                         \
    X(cl_mem, clCreateBuffer, (cl_context, uint64_t, size_t, void *, int *))                                                             \
    X(int, clReleaseMemObject, (cl_mem))                                                                                                 \
    X(int, clEnqueueReadBuffer, (cl_queue, cl_mem, uint32_t, size_t, size_t, void *, uint32_t, const cl_event *, cl_event *))            \
    X(int, clEnqueueWriteBuffer, (cl_queue, cl_mem, uint32_t, size_t, size_t, const void *, uint32_t, const cl_event *, cl_event *))     \
    X(int, clEnqueueCopyBuffer, (cl_queue, cl_mem, cl_mem, size_t, size_t, size_t, uint32_t, const cl_event *, cl_event *))              \
    X(int, clEnqueueFillBuffer, (cl_queue, cl_mem, const void *, size_t, size_t, size_t, uint32_t, const cl_event *, cl_event *))        \
    X(int, clEnqueueMarkerWithWaitList, (cl_queue, uint32_t, const cl_event *, cl_event *))                                              \
    X(int, clEnqueueBarrierWithWaitList, (cl_queue, uint32_t, const cl_event *, cl_event *))                                             \
    X(int, clReleaseEvent, (cl_event))                                                                                                   \
    X(cl_program, clCreateProgramWithSource, (cl_context, uint32_t, const char **, const size_t *, int *))                               \
    X(cl_program, clCreateProgramWithBinary,                                                                                             \
      (cl_context, uint32_t, const cl_device *, const size_t *, const unsigned char **, int *, int *))                                   \
    X(int, clBuildProgram, (cl_program, uint32_t, const cl_device *, const char *, void *, void *))                                      \
    X(int, clGetProgramInfo, (cl_program, uint32_t, size_t, void *, size_t *))                                                           \
    X(int, clGetProgramBuildInfo, (cl_program, cl_device, uint32_t, size_t, void *, size_t *))                                           \
    X(int, clReleaseProgram, (cl_program))                                                                                               \
    X(cl_kernel, clCreateKernel, (cl_program, const char *, int *))                                                                      \
    X(int, clReleaseKernel, (cl_kernel))                                                                                                 \
    X(int, clSetKernelArg, (cl_kernel, uint32_t, size_t, const void *))                                                                  \
    X(int, clEnqueueNDRangeKernel,                                                                                                       \
      (cl_queue, cl_kernel, uint32_t, const size_t *, const size_t *, const size_t *, uint32_t, const cl_event *, cl_event *))

#define CL_POINTER(result, name, arguments) result (*name) arguments;
static struct { CL_FUNCTIONS(CL_POINTER) char why[CONVIS_WHY]; } cl;            /* why: there is none */

#define CL_SYMBOL(result, name, arguments) CONVIS_SYMBOL(cl, name),
static const convis_symbol CL_SYMBOLS[] = { CL_FUNCTIONS(CL_SYMBOL) { .name = NULL } };

static void load(void)
{
    char shown[128];
    const char *own = getenv("CONVIS_OPENCL");
    void *library = convis_library_open(own && *own ? own : "libOpenCL.so.1");
    convis_shorten(shown, sizeof shown, "%s", own ? own : "");
    if (!library && *shown) convis_shorten(cl.why, sizeof cl.why, "CONVIS_OPENCL is %s: it cannot be loaded", shown);
    else if (!library)
        snprintf(cl.why, sizeof cl.why, "there is no libOpenCL.so.1 here; it comes with a GPU's driver, or with PoCL");
    if (!library) return;
    const char *lacks = convis_library_find(&library, 1, CL_SYMBOLS);
    if (lacks) snprintf(cl.why, sizeof cl.why, "libOpenCL.so.1 is older than 1.2: it has no %s", lacks);
}

static int loaded(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return !cl.why[0];
}

/* ---- Devices ---- */

static uint64_t number_of(cl_device device, uint32_t what)
{
    uint64_t value = 0;                                  /* whole numbers come in 4 or 8 bytes */
    cl.clGetDeviceInfo(device, what, sizeof value, &value, NULL);
    return value;
}

/* All of it, however long; to be freed. NULL: there is none. */
static char *text_of(cl_device device, uint32_t what)
{
    size_t size = 0;
    char *text = cl.clGetDeviceInfo(device, what, 0, NULL, &size) ? NULL : malloc(size + 1);
    if (!text) return NULL;
    text[size] = 0;
    if (!cl.clGetDeviceInfo(device, what, size, text, NULL)) return text;
    free(text);
    return NULL;
}

static void judge(cl_device device, convis_device_info *info)
{
    char *title = text_of(device, CL_DEVICE_NAME), *version = text_of(device, CL_DEVICE_VERSION);
    int major = 0, minor = 0;
    convis_shorten(info->title, sizeof info->title, "%s", title ? title : "a device without a name");
    info->memory = (int64_t)number_of(device, CL_DEVICE_GLOBAL_MEM_SIZE);
    info->is_gpu = (number_of(device, CL_DEVICE_TYPE) & CL_DEVICE_TYPE_GPU) != 0;
    if (version) sscanf(version, "OpenCL %d.%d", &major, &minor);
    if (!number_of(device, CL_DEVICE_AVAILABLE))
        snprintf(info->why, sizeof info->why, "its driver says that it is not available");
    else if (!number_of(device, CL_DEVICE_COMPILER_AVAILABLE))
        snprintf(info->why, sizeof info->why, "its driver has no compiler");
    else if (major < 1 || (major == 1 && minor < 2))
        convis_shorten(info->why, sizeof info->why, "its driver knows '%s', expected OpenCL 1.2 or later",
                          version ? version : "nothing");
    else if (number_of(device, CL_DEVICE_MAX_WORK_GROUP_SIZE) < 2*CONVIS_GROUP_SIZE)
        snprintf(info->why, sizeof info->why, "it takes fewer than %d work-items in a group", 2*CONVIS_GROUP_SIZE);
    info->usable = !info->why[0];
    free(title);
    free(version);
}

/* A driver is a platform. */
static cl_platform platform_at(uint32_t driver)
{
    uint32_t count = 0;
    cl_platform found = NULL, *all = cl.clGetPlatformIDs(0, NULL, &count) || driver >= count ? NULL : malloc(count*sizeof *all);
    if (all && !cl.clGetPlatformIDs(count, all, NULL)) found = all[driver];
    free(all);
    return found;
}

static cl_device device_at(int driver, int index)
{
    uint32_t count = 0;
    cl_platform platform = platform_at((uint32_t)driver);
    if (!platform || index < 0 || cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count) || (uint32_t)index >= count)
        return NULL;
    cl_device found = NULL, *all = malloc(count*sizeof *all);
    if (all && !cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, all, NULL)) found = all[index];
    free(all);
    return found;
}

static int drivers(char why[CONVIS_WHY])
{
    uint32_t count = 0;
    if (loaded() && !cl.clGetPlatformIDs(0, NULL, &count) && count) return (int)count;
    convis_shorten(why, CONVIS_WHY, "%s", cl.why[0] ? cl.why : "no driver for OpenCL is installed, or it has no device");
    return 0;
}

static int list(int driver, int index, convis_device_info *info)
{
    cl_device device = device_at(driver, index);
    if (!device) return 0;
    snprintf(info->name, sizeof info->name, "opencl:%d.%d", driver, index);
    judge(device, info);
    return 1;
}

/* ---- One device ---- */

typedef struct block { char *address; size_t size; cl_mem memory; } block;
typedef struct opencl {
    cl_device device;
    cl_context context;
    cl_queue queue[CONVIS_QUEUES];
    char  *next;                                         /* address of the next block */
    block *blocks;                                       /* in the order of their addresses */
    int    count, room;
    size_t used;
    char   options[160];
} opencl;

static const char *words(int error)
{
    switch (error) {
    case -1:  return "the device is not found";
    case -2:  return "the device is not available";
    case -3:  return "the compiler is not available";
    case -4:  return "out of memory on the device";
    case -5:  return "out of resources: too little memory, or the device is lost";
    case -6:  return "out of memory on the host";
    case -11: return "a kernel does not compile";
    case -36: return "the queue is no more: the device is lost";
    case -61: return "a buffer is too large for the device";
    default:  return "a call failed";
    }
}

static int failed(convis_device *d, int error, const char *what)
{
    const int memory = error == -4 || error == -6;
    if (error)
        convis_device_fault(d, memory ? CONVIS_ENOMEM : CONVIS_EDEVICE, "%s (%s: OpenCL error %d)", words(error), what, error);
    return error != 0;
}

/* What its programs depend on. As on the processor: denormal numbers are zero, and quotients and roots are rounded right where that
 * can be had. */
static void describe(convis_device *d, opencl *o)
{
    char *const text[] = { text_of(o->device, CL_DEVICE_NAME), text_of(o->device, CL_DRIVER_VERSION),
                           text_of(o->device, CL_DEVICE_VERSION) };
    const int exact = (number_of(o->device, CL_DEVICE_SINGLE_FP_CONFIG) & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
    size_t size = sizeof o->options + 8;
    snprintf(o->options, sizeof o->options, "-cl-std=CL1.2 -cl-denorms-are-zero%s",
             exact ? " -cl-fp32-correctly-rounded-divide-sqrt" : "");
    for (int k = 0; k < 3; k++) size += text[k] ? strlen(text[k]) : 0;
    d->version = convis_obtain(d->context, size);
    if (d->version)
        snprintf(d->version, size, "%s, %s, %s, %s", text[0] ? text[0] : "", text[1] ? text[1] : "", text[2] ? text[2] : "",
                 o->options);
    for (int k = 0; k < 3; k++) free(text[k]);
}

static convis_status open_device(convis_device *d)
{
    int driver, index;
    cl_device device = sscanf(d->name, "opencl:%d.%d", &driver, &index) == 2 ? device_at(driver, index) : NULL;
    opencl *o = d->own = device ? convis_obtain(d->context, sizeof *o) : NULL;
    if (!o) return device ? CONVIS_ENOMEM : convis_device_fault(d, CONVIS_EDEVICE, "it is gone");
    int error = 0;
    o->device = device;
    o->next = (char *)((uintptr_t)1 << 44);
    describe(d, o);
    if (!d->version) return CONVIS_ENOMEM;
    o->context = cl.clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    if (failed(d, error, "clCreateContext")) return d->status;
    for (int k = 0; k < CONVIS_QUEUES; k++) {
        o->queue[k] = cl.clCreateCommandQueue(o->context, device, 0, &error);
        if (failed(d, error, "clCreateCommandQueue")) return d->status;
    }
    d->most = (int64_t)number_of(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    return CONVIS_OK;
}

static void close_device(convis_device *d)
{
    opencl *o = d->own;
    if (!o) return;
    for (int k = 0; k < CONVIS_QUEUES; k++) if (o->queue[k]) { cl.clFinish(o->queue[k]); cl.clReleaseCommandQueue(o->queue[k]); }
    for (int k = 0; k < o->count; k++) cl.clReleaseMemObject(o->blocks[k].memory);
    if (o->context) cl.clReleaseContext(o->context);
    convis_release(d->context, o->blocks);
    convis_release(d->context, o);
}

/* ---- Memory ---- */

static int64_t room(convis_device *d) { return d->memory - (int64_t)((opencl *)d->own)->used; }

static void *obtain(convis_device *d, size_t bytes)
{
    opencl *o = d->own;
    int error = 0;
    const int zero = 0;
    const size_t size = (bytes + 63)/64*64;
    if (convis_grow(d->context, (void **)&o->blocks, o->count, &o->room, sizeof *o->blocks)) return NULL;
    if ((int64_t)size > d->most || (int64_t)size > room(d)) return NULL;
    cl_mem memory = cl.clCreateBuffer(o->context, CL_MEM_READ_WRITE, size, NULL, &error);
    /* Many drivers find room only when a block is first written to. */
    if (!error) error = cl.clEnqueueFillBuffer(o->queue[CONVIS_QUEUE_RUN], memory, &zero, sizeof zero, 0, size, 0, NULL, NULL);
    if (!error) error = cl.clFinish(o->queue[CONVIS_QUEUE_RUN]);
    if (error) {
        if (memory) cl.clReleaseMemObject(memory);
        return NULL;
    }
    void *address = o->next;
    o->blocks[o->count++] = (block){ address, size, memory };
    o->next += (size + 4095)/4096*4096 + 4096;
    o->used += size;
    return address;
}

/* The block that an address lies in; NULL for NULL and for an address of none. */
static const block *find_block(const opencl *o, const void *address)
{
    const char *at = address;
    int low = 0, high = o->count;
    while (high - low > 1) {
        int middle = (low + high)/2;
        if (o->blocks[middle].address <= at) low = middle; else high = middle;
    }
    return low < o->count && at >= o->blocks[low].address && at < o->blocks[low].address + o->blocks[low].size ? &o->blocks[low]
                                                                                                               : NULL;
}

static void release(convis_device *d, void *memory)
{
    opencl *o = d->own;
    const block *b = find_block(o, memory);
    if (!b) return;
    int k = (int)(b - o->blocks);
    cl.clReleaseMemObject(b->memory);
    o->used -= b->size;
    memmove(&o->blocks[k], &o->blocks[k + 1], (size_t)(o->count - k - 1)*sizeof *b);
    o->count--;
}

/* The memory object and the place in it. */
static cl_mem place(convis_device *d, const void *address, size_t bytes, size_t *at)
{
    const block *b = find_block(d->own, address);
    if (!b || bytes > b->size - (size_t)((const char *)address - b->address)) {
        convis_device_fault(d, CONVIS_EDEVICE, "a copy of %zu bytes would leave its memory (this is a mistake of convis)", bytes);
        return NULL;
    }
    *at = (size_t)((const char *)address - b->address);
    return b->memory;
}

static void put(convis_device *d, int queue, void *to, const void *from, size_t bytes)
{
    opencl *o = d->own;
    size_t at;
    cl_mem memory = place(d, to, bytes, &at);
    if (memory)
        failed(d, cl.clEnqueueWriteBuffer(o->queue[queue], memory, CL_TRUE, at, bytes, from, 0, NULL, NULL),
               "clEnqueueWriteBuffer");
}

static void get(convis_device *d, int queue, void *to, const void *from, size_t bytes)
{
    opencl *o = d->own;
    size_t at;
    cl_mem memory = place(d, from, bytes, &at);
    if (memory)
        failed(d, cl.clEnqueueReadBuffer(o->queue[queue], memory, CL_TRUE, at, bytes, to, 0, NULL, NULL), "clEnqueueReadBuffer");
}

static void copy(convis_device *d, void *to, const void *from, size_t bytes)
{
    opencl *o = d->own;
    size_t target_offset, source_offset;
    cl_mem target = place(d, to, bytes, &target_offset), source = place(d, from, bytes, &source_offset);
    if (target && source)
        failed(d,
               cl.clEnqueueCopyBuffer(o->queue[CONVIS_QUEUE_RUN], source, target, source_offset, target_offset, bytes, 0, NULL,
                                      NULL),
               "clEnqueueCopyBuffer");
}

static void zero(convis_device *d, void *to, size_t bytes)
{
    opencl *o = d->own;
    size_t at;
    const int nothing = 0;
    cl_mem memory = place(d, to, bytes, &at);
    if (memory)
        failed(d, cl.clEnqueueFillBuffer(o->queue[CONVIS_QUEUE_RUN], memory, &nothing, sizeof nothing, at, bytes, 0, NULL, NULL),
               "clEnqueueFillBuffer");
}

static void order(convis_device *d, int before, int after)
{
    opencl *o = d->own;
    cl_event event = NULL;
    if (failed(d, cl.clEnqueueMarkerWithWaitList(o->queue[before], 0, NULL, &event), "clEnqueueMarkerWithWaitList")) return;
    cl.clFlush(o->queue[before]);
    failed(d, cl.clEnqueueBarrierWithWaitList(o->queue[after], 1, &event, NULL), "clEnqueueBarrierWithWaitList");
    cl.clReleaseEvent(event);
}

static void sync_device(convis_device *d)
{
    opencl *o = d->own;
    for (int k = 0; k < CONVIS_QUEUES && !d->status; k++) failed(d, cl.clFinish(o->queue[k]), "clFinish");
}

/* ---- Programs ---- */

/* Handles: the program, and its kernels, which are made once each. */
enum { MOST_KERNELS = 64 };
typedef struct program { cl_program cl; cl_kernel kernel[MOST_KERNELS]; int count; } program;

static cl_program from_binary(opencl *o, const void *binary, size_t size)
{
    const unsigned char *bytes = binary;
    int error = 0, bad = 0;
    cl_program p = cl.clCreateProgramWithBinary(o->context, 1, &o->device, &size, &bytes, &bad, &error);
    if (p && (error || bad || cl.clBuildProgram(p, 1, &o->device, o->options, NULL, NULL))) {
        cl.clReleaseProgram(p);
        p = NULL;
    }
    return p;
}

static cl_program from_text(convis_device *d, const char *name, const char *text)
{
    opencl *o = d->own;
    int error = 0;
    cl_program p = cl.clCreateProgramWithSource(o->context, 1, &text, NULL, &error);
    if (failed(d, error, "clCreateProgramWithSource")) return NULL;
    error = cl.clBuildProgram(p, 1, &o->device, o->options, NULL, NULL);
    if (!error) return p;
    size_t size = 0;
    cl.clGetProgramBuildInfo(p, o->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = convis_obtain(d->context, size + 1);
    if (log) cl.clGetProgramBuildInfo(p, o->device, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    convis_device_fault(d, CONVIS_EDEVICE, "the kernels of %s do not compile: %s", name, log ? log : words(error));
    convis_release(d->context, log);
    cl.clReleaseProgram(p);
    return NULL;
}

static void keep_binary(convis_device *d, cl_program p, void **binary, size_t *size)
{
    *size = 0;
    if (cl.clGetProgramInfo(p, CL_PROGRAM_BINARY_SIZES, sizeof *size, size, NULL) || !*size) return;
    unsigned char *bytes = convis_obtain(d->context, *size);
    if (bytes && cl.clGetProgramInfo(p, CL_PROGRAM_BINARIES, sizeof bytes, &bytes, NULL)) {
        convis_release(d->context, bytes);
        bytes = NULL;
    }
    *binary = bytes;
}

static void *compile(convis_device *d, const char *name, const char *text, void **binary, size_t *size)
{
    cl_program found = *binary ? from_binary(d->own, *binary, *size) : NULL;
    program *p = convis_obtain(d->context, sizeof *p);
    if (!p) return NULL;
    if (!found && (found = from_text(d, name, text))) keep_binary(d, found, binary, size);
    if (!(p->cl = found)) {
        convis_release(d->context, p);
        p = NULL;
    }
    return p;
}

static void discard(convis_device *d, void *handle)
{
    program *p = handle;
    for (int k = 0; k < p->count; k++) cl.clReleaseKernel(p->kernel[k]);
    cl.clReleaseProgram(p->cl);
    convis_release(d->context, p);
}

static void *find(convis_device *d, void *handle, const char *kernel)
{
    program *p = handle;
    int error = 0;
    (void)d;
    cl_kernel k = p->count < MOST_KERNELS ? cl.clCreateKernel(p->cl, kernel, &error) : NULL;
    return k && !error ? p->kernel[p->count++] = k : NULL;
}

static void launch(convis_device *d, void *kernel, int buffers, void *const *buffer, const void *own, size_t bytes,
                   const uint32_t *tail, int64_t groups, int group_size)
{
    opencl *o = d->own;
    int error = 0;
    uint32_t argument = 0;
    for (int k = 0; k < buffers && !error; k++) {
        const block *b = find_block(o, buffer[k]);
        const uint64_t at = b ? (uint64_t)((char *)buffer[k] - b->address) : 0;
        if (buffer[k] && !b) {
            convis_device_fault(d, CONVIS_EDEVICE,
                                "buffer %d of a kernel is no memory of the device (this is a mistake of convis)", k);
            return;
        }
        error = cl.clSetKernelArg(kernel, argument++, sizeof(cl_mem), b ? &b->memory : NULL);
        if (!error) error = cl.clSetKernelArg(kernel, argument++, sizeof at, &at);
    }
    if (bytes && !error) error = cl.clSetKernelArg(kernel, argument++, bytes, own);
    for (int k = 0; k < CONVIS_TAIL_WORDS && !error; k++) error = cl.clSetKernelArg(kernel, argument++, sizeof *tail, &tail[k]);
    if (failed(d, error, "clSetKernelArg")) return;
    const size_t local = (size_t)group_size, global = (size_t)groups*local;
    failed(d, cl.clEnqueueNDRangeKernel(o->queue[CONVIS_QUEUE_RUN], kernel, 1, NULL, &global, &local, 0, NULL, NULL),
           "clEnqueueNDRangeKernel");
}

const convis_device_type convis_device_opencl = {
    .name = "opencl", .drivers = drivers, .list = list, .open = open_device, .close = close_device, .room = room, .obtain = obtain, .release = release,
    .put = put, .get = get, .copy = copy, .zero = zero, .order = order, .sync = sync_device, .compile = compile, .discard = discard,
    .find = find, .launch = launch,
};
