/* test_gpu_text.c - the text of every layer is OpenCL C 1.2 and CUDA C, and computes there what it computes here.
 *
 * Compilers are looked for at run time, and a test is skipped, with a sentence, when its compiler is not there:
 * - the OpenCL runtime with any device (PoCL needs no GPU), or else clang's OpenCL front end;
 * - NVRTC, which needs no GPU either ($CONVIS_NVRTC names its library when it is in no usual place). */
#include "harness.h"
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Kernels of the baseline are those that the text has. */
static const convis_kernel *baseline(const convis_layer_type *type)
{
    const convis_kernels *const *k = type->kernels;
    while (k[1]) k++;
    return (*k)->list;
}

static char *text_of(const convis_layer_type *type)
{
    size_t size = 1;
    for (const char *const *line = type->source; *line; line++) size += strlen(*line);
    char *text = malloc(size), *at = text;
    assert_non_null(text);
    for (const char *const *line = type->source; *line; line++) at = stpcpy(at, *line);
    return text;
}

/* ---- NVRTC ---- */

typedef struct nvrtc {
    int (*create)(void **, const char *text, const char *name, int headers, const char **, const char **);
    int (*compile)(void *, int options, const char *const *);
    int (*log_size)(void *, size_t *), (*log)(void *, char *);
    int (*ptx_size)(void *, size_t *), (*ptx)(void *, char *);
    int (*destroy)(void **);
} nvrtc;

static int find_nvrtc(nvrtc *n)
{
    const char *const NAMES[] = { getenv("CONVIS_NVRTC"), "libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2",
        "/usr/local/cuda/lib64/libnvrtc.so", "/usr/local/cuda/lib/libnvrtc.so", "/usr/local/cuda-13.0/lib/libnvrtc.so",
        "/usr/local/cuda-13.0/lib64/libnvrtc.so", "/usr/local/cuda-12/lib64/libnvrtc.so" };
    void *library = NULL;
    for (size_t k = 0; k < sizeof NAMES/sizeof *NAMES && !library; k++) if (NAMES[k]) library = dlopen(NAMES[k], RTLD_NOW);
    if (!library) return 0;
    static const char *const SYMBOLS[] = { "nvrtcCreateProgram", "nvrtcCompileProgram", "nvrtcGetProgramLogSize", "nvrtcGetProgramLog",
        "nvrtcGetPTXSize", "nvrtcGetPTX", "nvrtcDestroyProgram" };
    void *f[7];
    for (int k = 0; k < 7; k++) if (!(f[k] = dlsym(library, SYMBOLS[k]))) return 0;
    memcpy(n, f, sizeof f);
    return 1;
}

static void compiles_as_cuda(void **state)
{
    const convis_layer_type *type = *state;
    /* 177: a function of kernel.h that this layer does not call */
    static const char *const OPTIONS[] = { "--gpu-architecture=compute_80", "--fmad=false", "--diag-suppress=177" };
    nvrtc n = { 0 };
    void *program;
    size_t size = 0;
    if (!find_nvrtc(&n)) { print_message("             no NVRTC library here\n"); skip(); }
    char *text = text_of(type), name[64];
    snprintf(name, sizeof name, "%s.c", type->name);
    assert_int_equal(n.create(&program, text, name, 0, NULL, NULL), 0);
    int error = n.compile(program, 3, OPTIONS);
    n.log_size(program, &size);
    char *log = calloc(1, size + 1);
    n.log(program, log);
    if (error) fail_msg("%s: %s", type->name, log);
    if (size > 1) print_message("%s\n", log);
    assert_int_equal(n.ptx_size(program, &size), 0);
    char *ptx = calloc(1, size + 1);
    n.ptx(program, ptx);
    for (const convis_kernel *k = baseline(type); k->name; k++) {
        char entry[128];
        snprintf(entry, sizeof entry, ".entry %s(", k->name);
        if (!strstr(ptx, entry)) fail_msg("%s: no entry '%s'", type->name, k->name);
    }
    free(ptx);
    free(log);
    free(text);
    n.destroy(&program);
}

/* ---- OpenCL: without a runtime, clang's front end ---- */

static void compiles_by_clang(const convis_layer_type *type)
{
    char path[] = "/tmp/convis-test-XXXXXX.cl";
    char *text = text_of(type);
    int f = mkstemps(path, 3);
    assert_true(f >= 0);
    assert_int_equal(write(f, text, strlen(text)), strlen(text));
    close(f);
    free(text);
    pid_t child = fork();
    if (!child) {
        execlp("clang", "clang", "-x", "cl", "-cl-std=CL1.2", "-Xclang", "-finclude-default-header", "-fsyntax-only", path, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) { print_message("             no OpenCL runtime and no clang here\n"); skip(); }
    assert_int_equal(status, 0);
}

#if defined(__has_include) && __has_include(<CL/cl.h>)
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

/* The functions that this test needs, of the library found at run time. */
#define CL_FUNCTIONS(X)                                                                                             \
    X(clGetPlatformIDs) X(clGetDeviceIDs) X(clGetDeviceInfo) X(clCreateContext) X(clCreateCommandQueue)             \
    X(clCreateProgramWithSource) X(clBuildProgram) X(clGetProgramBuildInfo) X(clCreateKernel) X(clCreateBuffer)     \
    X(clSetKernelArg) X(clEnqueueNDRangeKernel) X(clEnqueueReadBuffer) X(clReleaseMemObject) X(clReleaseKernel)     \
    X(clReleaseProgram)
#define CL_POINTER(name) __typeof__(&name) name;
static struct { CL_FUNCTIONS(CL_POINTER) cl_device_id device; cl_context context; cl_command_queue queue; } cl;

static int open_cl(void)
{
    static int found = -1;
    if (found >= 0) return found;
    found = 0;
    void *library = dlopen("libOpenCL.so.1", RTLD_NOW);
    if (!library) return 0;
#define CL_FIND(name) { void *f_ = dlsym(library, #name); if (!f_) return 0; memcpy(&cl.name, &f_, sizeof f_); }
    CL_FUNCTIONS(CL_FIND)
    cl_platform_id platform;
    cl_uint count = 0;
    cl_int error;
    char name[256] = "";
    if (cl.clGetPlatformIDs(1, &platform, &count) || !count || cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &cl.device, NULL)) return 0;
    cl.clGetDeviceInfo(cl.device, CL_DEVICE_NAME, sizeof name, name, NULL);
    print_message("             OpenCL device: %s\n", name);
    cl.context = cl.clCreateContext(NULL, 1, &cl.device, NULL, NULL, &error);
    if (!error) cl.queue = cl.clCreateCommandQueue(cl.context, cl.device, 0, &error);
    return found = !error;
}

static cl_program build(const convis_layer_type *type)
{
    cl_int error;
    cl_device_fp_config config = 0;
    char *text = text_of(type), options[128];
    cl.clGetDeviceInfo(cl.device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof config, &config, NULL);
    snprintf(options, sizeof options, "-cl-std=CL1.2 -cl-denorms-are-zero%s",
             config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT ? " -cl-fp32-correctly-rounded-divide-sqrt" : "");
    cl_program program = cl.clCreateProgramWithSource(cl.context, 1, (const char **)(uintptr_t)&text, NULL, &error);
    assert_int_equal(error, 0);
    if (cl.clBuildProgram(program, 1, &cl.device, options, NULL, NULL)) {
        static char log[1 << 16];
        cl.clGetProgramBuildInfo(program, cl.device, CL_PROGRAM_BUILD_LOG, sizeof log, log, NULL);
        fail_msg("%s: %s", type->name, log);
    }
    free(text);
    return program;
}

static void compiles_as_opencl(void **state)
{
    const convis_layer_type *type = *state;
    cl_int error;
    if (!open_cl()) { compiles_by_clang(type); return; }
    cl_program program = build(type);
    for (const convis_kernel *k = baseline(type); k->name; k++) {
        cl_kernel kernel = cl.clCreateKernel(program, k->name, &error);
        if (error) fail_msg("%s: no kernel '%s' (%d)", type->name, k->name, error);
        cl.clReleaseKernel(kernel);
    }
    cl.clReleaseProgram(program);
}

#ifndef CONVIS_DOUBLE

/* ---- Running pointwise kernels on the device and on the processor ---- */

enum { PIXELS = 200, FRAMES = 60, MOST = 24, MAPS = 8 };                   /* MAPS: a state may have several */
static const struct settings {
    const char *type;
    struct { const char *name; double value; } set[8];
    int taped, frame;                /* frame: number of the first */
} SETTINGS[] = {
    { "lowpass", { { 0 } }, 0, 0 }, { "lowpass", { { "n", 3 }, { "hold", 2 }, { "gain", 0.7 } }, 1, 0 }, { "lowpass", { { "n", 2 }, { "hold", 0 } }, 0, 0 },
    { "lowpass", { { "tau", 0 } }, 0, 0 },
    { "highpass", { { 0 } }, 0, 0 }, { "highpass", { { "hold", 0 }, { "weight", 0.7 } }, 1, 0 },
    { "difference", { { 0 } }, 0, 0 },
    { "rectify", { { 0 } }, 0, 0 }, { "rectify", { { "sign", -1 }, { "value_at_threshold", 0 }, { "threshold", 0.3 } }, 0, 0 },
    { "lif", { { 0 } }, 0, 0 }, { "lif", { { "sigma", 0.2 } }, 1, 1000 }, { "lif", { { "exact", 0 }, { "sigma", 0.1 }, { "random_init", 1 } }, 0, 0 },
    { "lif", { { "sigma", 0.2 }, { "refractory", 2e-4 }, { "refractory_sd", 1e-4 }, { "delta", 20 }, { "adaptation_tau", 0.02 }, { "reversal", -0.3 } }, 1, 7 },
    { "izhikevich", { { 0 } }, 1, 0 }, { "izhikevich", { { "substep", 2e-4 }, { "output", 1 } }, 0, 0 },
    { "hodgkin_huxley", { { 0 } }, 1, 0 }, { "fitzhugh_nagumo", { { 0 } }, 1, 0 },
    { "poisson", { { 0 } }, 1, 7 }, { "event_camera", { { 0 } }, 1, 0 },
    { "event_camera", { { "mode", 0 }, { "on", 20 }, { "off", 30 }, { "refractory", 0.0013 }, { "sigma", 5 }, { "mismatch", 0.1 } }, 0, 3 },
};

/* What types hear, if not -2 to 2, and their parameters after those of the table, which a text adds. */
static const struct { const char *type; double low, high, own[4]; } DRIVES[] = {
    { "lif", -50, 2000, { 0 } }, { "izhikevich", -10, 60, { 0.02, 0.2, -65, 8 } }, { "hodgkin_huxley", -10, 60, { 0 } },
    { "fitzhugh_nagumo", -1, 3, { 0 } }, { "poisson", -50, 9000, { 0 } }, { "event_camera", 1, 255, { 0 } }, { NULL, -2, 2, { 0 } },
};

static int rows(const convis_field *table) { int k = 0; while (table && table[k].name) k++; return k; }

typedef struct buffers { int count; float *data[MOST]; int64_t n[MOST]; } buffers;

static void add_buffer(buffers *b, int64_t n, double low, double high)
{
    float *data = n ? malloc((size_t)n*sizeof *data) : NULL;
    for (int64_t i = 0; i < n; i++) data[i] = (float)(low + (high - low)*chance((uint64_t)b->count, (uint64_t)i));
    b->n[b->count] = n;
    b->data[b->count++] = data;
}

/* In the order in which kernels take them. */
static buffers arguments(const convis_layer_type *type, const struct settings *s)
{
    buffers b = { 0 };
    int spiking = !strcmp(type->name, "lif"), q = 0;
    while (DRIVES[q].type && strcmp(DRIVES[q].type, type->name)) q++;
    add_buffer(&b, CONVIS_MAX_PARAMS, 0, 0);
    for (int k = 0; k < rows(type->params); k++) {
        b.data[0][k] = (float)type->params[k].value;
        for (int j = 0; j < 8 && s->set[j].name; j++) if (!strcmp(s->set[j].name, type->params[k].name)) b.data[0][k] = (float)s->set[j].value;
    }
    for (int k = 0; k < 4 && rows(type->params) + k < CONVIS_MAX_PARAMS; k++) b.data[0][rows(type->params) + k] = (float)DRIVES[q].own[k];
    for (int k = 0; k < type->inputs; k++)          add_buffer(&b, PIXELS*FRAMES, DRIVES[q].low, DRIVES[q].high);
    for (int k = 0; k < 1 + rows(type->outputs); k++) add_buffer(&b, PIXELS*FRAMES, 0, 0);
    for (int k = 0; k < rows(type->states); k++)    add_buffer(&b, PIXELS*MAPS, 0, spiking ? 0 : 1);
    for (int k = 0; k < type->tape; k++)            add_buffer(&b, s->taped ? PIXELS*FRAMES*MAPS : 0, 0, 0);
    return b;
}

static void run_there(const convis_layer_type *type, cl_program program, int first, buffers *b)
{
    cl_int error;
    cl_kernel kernel = cl.clCreateKernel(program, type->pointwise, &error);
    cl_mem memory[MOST] = { NULL };
    assert_int_equal(error, 0);
    for (int k = 0; k < b->count; k++) {
        if (b->n[k]) memory[k] = cl.clCreateBuffer(cl.context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, (size_t)b->n[k]*sizeof(float), b->data[k], &error);
        assert_int_equal(error, 0);
        assert_int_equal(cl.clSetKernelArg(kernel, (cl_uint)k, sizeof(cl_mem), b->n[k] ? &memory[k] : NULL), 0);
    }
    cl_int n = PIXELS, nt = FRAMES;
    cl_float dt = 0.001f;
    cl_uint frame = (cl_uint)first, key0 = 123, key1 = 456, at = (cl_uint)b->count;
    size_t threads = 16;                                 /* fewer than pixels: each takes several */
    cl.clSetKernelArg(kernel, at, sizeof n, &n);
    cl.clSetKernelArg(kernel, at + 1, sizeof nt, &nt);
    cl.clSetKernelArg(kernel, at + 2, sizeof dt, &dt);
    cl.clSetKernelArg(kernel, at + 3, sizeof frame, &frame);
    cl.clSetKernelArg(kernel, at + 4, sizeof key0, &key0);
    assert_int_equal(cl.clSetKernelArg(kernel, at + 5, sizeof key1, &key1), 0);
    assert_int_equal(cl.clEnqueueNDRangeKernel(cl.queue, kernel, 1, NULL, &threads, NULL, 0, NULL, NULL), 0);
    for (int k = 0; k < b->count; k++) {
        if (!memory[k]) continue;
        assert_int_equal(cl.clEnqueueReadBuffer(cl.queue, memory[k], CL_TRUE, 0, (size_t)b->n[k]*sizeof(float), b->data[k], 0, NULL, NULL), 0);
        cl.clReleaseMemObject(memory[k]);
    }
    cl.clReleaseKernel(kernel);
}

static void run_here(const convis_layer_type *type, int first, buffers *b)
{
    const convis_kernel *k = baseline(type);
    while (strcmp(k->name, type->pointwise)) k++;
    convis_span span = { .i0 = 0, .i1 = PIXELS, .n = PIXELS, .map_size = PIXELS, .nt = FRAMES, .dt = 0.001f, .frame = (uint32_t)first, .key0 = 123, .key1 = 456 };
    void *v[MOST];
    for (int j = 0; j < b->count; j++) v[j] = b->data[j];
    k->run(v, &span);
}

static void computes_the_same(void **state)
{
    const convis_layer_type *type = *state;
    if (!type->pointwise) return;
    if (!open_cl()) { print_message("             no OpenCL runtime here\n"); skip(); }
    /* Reads frames before the first, for which buffers of this test have no room. */
    if (!strcmp(type->name, "delay")) return;
    cl_program program = build(type);
    int runs = 0;
    const struct settings plain = { type->name, { { 0 } }, 1, 0 };
    for (size_t s = 0; s <= sizeof SETTINGS/sizeof *SETTINGS; s++) {
        /* The rows of the type; without any, its defaults. */
        const struct settings *set = s < sizeof SETTINGS/sizeof *SETTINGS ? &SETTINGS[s] : runs ? NULL : &plain;
        if (!set || strcmp(set->type, type->name)) continue;
        buffers here = arguments(type, set), there = arguments(type, set);
        run_here(type, set->frame, &here);
        run_there(type, program, set->frame, &there);
        int64_t unequal = 0, positive = 0;
        for (int k = 0; k < here.count; k++)
            for (int64_t i = 0; i < here.n[k]; i++) {
                float a = here.data[k][i], b = there.data[k][i];
                unequal += memcmp(&a, &b, sizeof a) != 0;
                if (!(fabsf(a - b) <= 2e-6f*(1 + fabsf(a)))) fail_msg("%s, settings %zu: buffer %d, element %lld: %.9g, expected %.9g", type->name, s, k, (long long)i, b, a);
                if (k == 1 + type->inputs) positive += a > 0;
            }
        if (unequal) print_message("             settings %zu: %lld numbers differ in their last bits\n", s, (long long)unequal);
        assert_true(positive > 50);
        for (int k = 0; k < here.count; k++) { free(here.data[k]); free(there.data[k]); }
        runs++;
    }
    cl.clReleaseProgram(program);
}
#endif
#else
static void compiles_as_opencl(void **state) { compiles_by_clang(*state); }
#endif

int main(void)
{
    enum { MOST_TESTS = 512 };
    static struct CMUnitTest tests[MOST_TESTS];
    static char names[MOST_TESTS][80];
    static const struct { const char *name; CMUnitTestFunction f; } KINDS[] = {
        { "OpenCL", compiles_as_opencl }, { "CUDA", compiles_as_cuda },
#if defined(CL_TARGET_OPENCL_VERSION) && !defined(CONVIS_DOUBLE)
        { "OpenCL equals C", computes_the_same },
#endif
    };
    size_t n = 0;
    for (int k = 0; convis_layer_types()[k]; k++)
        for (size_t j = 0; j < sizeof KINDS/sizeof *KINDS && n < MOST_TESTS; j++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", convis_layer_types()[k]->name, KINDS[j].name);
            tests[n] = (struct CMUnitTest){ names[n], KINDS[j].f, NULL, NULL, (void *)(uintptr_t)convis_layer_types()[k] };
        }
    return _cmocka_run_group_tests("GPU text", tests, n, NULL, NULL);
}
