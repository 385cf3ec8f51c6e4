/* driver.c - a stand-in for libOpenCL.so.1, which CONVIS_OPENCL names: two platforms of one device each, which hold memory but compile nothing. For what a driver may
 * say, however long, and for what it may do to the process that it is loaded into.
 *
 * Its texts have LETTERS letters; its compiler's log is LOG. Names are from the specification of OpenCL 1.2.
 * CONVIS_STAND_IN lists, with commas between (../cuda_stand_in/stand_in.h):
 *      gpu             the devices are graphics cards
 *      abort:N         the N-th platform, from 1, aborts when it is asked for its devices, and says something before
 *      exit:N          it ends the process, as if all were well
 *      hang:N          it never answers
 *      build           it aborts when it compiles
 * CONVIS_STAND_IN_LOG names a file to which each of these adds a line. */
#include "../cuda_stand_in/stand_in.h"
#include <stdio.h>
#include <unistd.h>

enum { PLATFORMS = 2, LETTERS = 300, LOG = 20000, INVALID_VALUE = -30, BUILD_FAILURE = -11, NOT_FOUND = -1 };
typedef struct object { char *data; size_t size; } object;
static object platform[PLATFORMS], device[PLATFORMS], other;

#define EXPORT __attribute__((visibility("default")))

static void log_line(const char *text)
{
    const char *path = getenv("CONVIS_STAND_IN_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (!f) return;
    fprintf(f, "%s\n", text);
    fclose(f);
}

static void misbehave(int index)
{
    if (told("abort") == index + 1) {
        log_line("abort");
        fputs("something before\nno /sys here, the stand-in gives up\n", stderr);
        abort();
    }
    if (told("exit") == index + 1) { log_line("exit"); exit(0); }
    if (told("hang") == index + 1) { log_line("hang"); for (;;) pause(); }
}

/* The usual way of OpenCL: what there is room for must be room for all. */
static int answer(const void *what, size_t bytes, size_t size, void *to, size_t *needed)
{
    if (needed) *needed = bytes;
    if (to && size < bytes) return INVALID_VALUE;
    if (to) memcpy(to, what, bytes);
    return 0;
}

static int answer_text(const char *begin, size_t letters, size_t size, void *to, size_t *needed)
{
    char *text = malloc(letters + 1);
    const size_t n = strlen(begin);
    memset(text, 'x', letters);
    memcpy(text, begin, n);
    text[letters - 1] = '!';
    text[letters] = 0;
    const int error = answer(text, letters + 1, size, to, needed);
    free(text);
    return error;
}

EXPORT int clGetPlatformIDs(uint32_t room, object **found, uint32_t *count);
EXPORT int clGetPlatformIDs(uint32_t room, object **found, uint32_t *count)
{
    if (count) *count = PLATFORMS;
    for (uint32_t k = 0; found && k < room && k < PLATFORMS; k++) found[k] = &platform[k];
    return 0;
}

EXPORT int clGetDeviceIDs(object *p, uint64_t type, uint32_t room, object **found, uint32_t *count);
EXPORT int clGetDeviceIDs(object *p, uint64_t type, uint32_t room, object **found, uint32_t *count)
{
    const int k = (int)(p - platform);
    (void)type;
    misbehave(k);
    if (count) *count = 1;
    if (found && room) *found = &device[k];
    return 0;
}

EXPORT int clGetDeviceInfo(object *d, uint32_t what, size_t size, void *to, size_t *needed);
EXPORT int clGetDeviceInfo(object *d, uint32_t what, size_t size, void *to, size_t *needed)
{
    static const uint64_t MEMORY = 1 << 30, SIMPLE = 1 << 7;
    const uint64_t type = told("gpu") ? 4 : 2;
    const uint32_t yes = 1;
    const size_t group = 1024;
    char begin[32];
    snprintf(begin, sizeof begin, "stand-in %d ", (int)(d - device));
    switch (what) {
    case 0x1000: return answer(&type, sizeof type, size, to, needed);
    case 0x1004: return answer(&group, sizeof group, size, to, needed);
    case 0x1010: case 0x101F: return answer(&MEMORY, sizeof MEMORY, size, to, needed);
    case 0x101B: return answer(&SIMPLE, sizeof SIMPLE, size, to, needed);
    case 0x1027: case 0x1028: return answer(&yes, sizeof yes, size, to, needed);
    case 0x102B: return answer_text(begin, LETTERS, size, to, needed);
    case 0x102D: return answer_text("driver ", LETTERS, size, to, needed);
    case 0x102F: return answer_text("OpenCL 3.0 ", LETTERS, size, to, needed);
    default:     return INVALID_VALUE;
    }
}

/* ---- Memory ---- */

EXPORT object *clCreateBuffer(void *context, uint64_t flags, size_t size, void *host, int *error);
EXPORT object *clCreateBuffer(void *context, uint64_t flags, size_t size, void *host, int *error)
{
    object *o = malloc(sizeof *o);
    (void)context; (void)flags; (void)host;
    *o = (object){ malloc(size), size };
    *error = 0;
    return o;
}

EXPORT int clReleaseMemObject(object *o);
EXPORT int clReleaseMemObject(object *o) { free(o->data); free(o); return 0; }

EXPORT int clEnqueueFillBuffer(void *q, object *o, const void *pattern, size_t n, size_t at, size_t size, uint32_t k,
                               const void *e, void *f);
EXPORT int clEnqueueFillBuffer(void *q, object *o, const void *pattern, size_t n, size_t at, size_t size, uint32_t k,
                               const void *e, void *f)
{
    (void)q; (void)k; (void)e; (void)f;
    for (size_t i = 0; i < size; i++) o->data[at + i] = ((const char *)pattern)[i%n];
    return 0;
}

/* ---- Programs: they do not compile ---- */

EXPORT int clBuildProgram(void *p, uint32_t n, const void *d, const char *options, void *f, void *data);
EXPORT int clBuildProgram(void *p, uint32_t n, const void *d, const char *options, void *f, void *data)
{
    (void)p; (void)n; (void)d; (void)options; (void)f; (void)data;
    if (told("build")) { log_line("build"); abort(); }
    return BUILD_FAILURE;
}

EXPORT int clGetProgramBuildInfo(void *p, void *d, uint32_t what, size_t size, void *to, size_t *needed);
EXPORT int clGetProgramBuildInfo(void *p, void *d, uint32_t what, size_t size, void *to, size_t *needed)
{
    (void)p; (void)d;
    return what == 0x1183 ? answer_text("log of the stand-in ", LOG, size, to, needed) : INVALID_VALUE;
}

/* ---- What nobody looks at ---- */

#define DONE(name) EXPORT int name(void); EXPORT int name(void) { return 0; }
#define CANNOT(name) EXPORT int name(void); EXPORT int name(void) { return NOT_FOUND; }

EXPORT object *clCreateContext(const void *p, uint32_t n, const void *d, void *f, void *data, int *error);
EXPORT object *clCreateContext(const void *p, uint32_t n, const void *d, void *f, void *data, int *error)
{
    (void)p; (void)n; (void)d; (void)f; (void)data;
    *error = 0;
    return &other;
}
EXPORT object *clCreateCommandQueue(void *c, void *d, uint64_t flags, int *error);
EXPORT object *clCreateCommandQueue(void *c, void *d, uint64_t flags, int *error)
{
    (void)c; (void)d; (void)flags;
    *error = 0;
    return &other;
}
EXPORT object *clCreateProgramWithSource(void *c, uint32_t n, const void *text, const void *sizes, int *error);
EXPORT object *clCreateProgramWithSource(void *c, uint32_t n, const void *text, const void *sizes, int *error)
{
    (void)c; (void)n; (void)text; (void)sizes;
    *error = 0;
    return &other;
}
EXPORT void *clCreateProgramWithBinary(void);
EXPORT void *clCreateProgramWithBinary(void) { return NULL; }
EXPORT void *clCreateKernel(void);
EXPORT void *clCreateKernel(void) { return NULL; }
DONE(clReleaseContext) DONE(clReleaseCommandQueue) DONE(clFlush) DONE(clFinish) DONE(clReleaseEvent) DONE(clReleaseProgram)
DONE(clReleaseKernel)
CANNOT(clGetPlatformInfo) CANNOT(clEnqueueReadBuffer) CANNOT(clEnqueueWriteBuffer) CANNOT(clEnqueueCopyBuffer)
CANNOT(clEnqueueMarkerWithWaitList) CANNOT(clEnqueueBarrierWithWaitList) CANNOT(clGetProgramInfo) CANNOT(clSetKernelArg)
CANNOT(clEnqueueNDRangeKernel)
