/* test_gpu_text.c - the text of every layer, and every other text for devices, is OpenCL C 1.2 and CUDA C, and has the
 * kernels that it is said to have. What they compute is compared in test_devices.c.
 *
 * Compilers are looked for at run time, and a test is skipped, with a sentence, when its compiler is not there:
 * - clang's OpenCL front end, and, at length or where there is no clang, the first device of OpenCL (PoCL needs no graphics card);
 * - NVRTC, which needs no GPU either ($CONVIS_NVRTC names its library when it is in no usual place). */
#include "harness.h"
#include "device/device.h"
#include "kernels/gpu_texts.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* type: the layer whose text it is, or NULL. */
typedef struct embedded { const char *name; const char *const *source; const convis_kernel *kernels; const convis_layer_type *type; } embedded;
enum { MOST_TEXTS = 96 };
static embedded texts[MOST_TEXTS];

static int list_texts(void)
{
#define GPU_TEXT(id) { #id, convis_##id##_source, convis_##id##_kernels, NULL },
    static const embedded OTHER[] = { CONVIS_GPU_TEXTS(GPU_TEXT) };
    int n = 0;
    for (const convis_layer_type *const *type = convis_layer_types(); *type; type++) {
        const convis_kernels *const *k = (*type)->kernels;
        while (k[1]) k++;                                /* the baseline's are those of the text */
        texts[n++] = (embedded){ (*type)->name, (*type)->source, (*k)->list, *type };
    }
    for (size_t k = 0; k < sizeof OTHER/sizeof *OTHER; k++) texts[n++] = OTHER[k];
    assert_true(n < MOST_TEXTS);
    return n;
}

static char *joined(const embedded *e)
{
    size_t size = 1;
    for (const char *const *line = e->source; *line; line++) size += strlen(*line);
    char *text = malloc(size), *at = text;
    assert_non_null(text);
    for (const char *const *line = e->source; *line; line++) at = stpcpy(at, *line);
    return text;
}

/* How many kernels the text defines for devices: of a table that has them all. */
static int count_kernels(const embedded *e)
{
    char *text = joined(e);
    int n = 0;
    for (const char *at = text; (at = strstr(at, "\nCONVIS_")); at++)
        n += !strncmp(at + 8, "KERNEL", 6) || !strncmp(at + 8, "GPU_KERNEL", 10);
    free(text);
    return n;
}

/* Those of its table, and the two that a pointwise layer names. */
static void for_each_kernel(const embedded *e, void (*f)(const embedded *, const char *kernel, void *user), void *user)
{
    int n = 0;
    for (const convis_kernel *each = e->kernels; each->name; each++, n++) {
        assert_in_range(each->buffers, 1, 16);
        assert_int_equal(each->block%4, 0);
        f(e, each->name, user);
    }
    assert_int_equal(n, count_kernels(e));
    if (e->type && e->type->pointwise) f(e, e->type->pointwise, user);
    if (e->type && e->type->adjoint) f(e, e->type->adjoint, user);
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
    static const char *const SYMBOLS[] = { "nvrtcCreateProgram", "nvrtcCompileProgram", "nvrtcGetProgramLogSize",
                                           "nvrtcGetProgramLog", "nvrtcGetPTXSize", "nvrtcGetPTX",
                                           "nvrtcDestroyProgram" };
    void *f[7];
    for (int k = 0; k < 7; k++) if (!(f[k] = dlsym(library, SYMBOLS[k]))) return 0;
    memcpy(n, f, sizeof f);
    return 1;
}

static void has_entry(const embedded *e, const char *kernel, void *ptx)
{
    char entry[128];
    snprintf(entry, sizeof entry, ".entry %s(", kernel);
    if (!strstr(ptx, entry)) fail_msg("%s: no entry '%s'", e->name, kernel);
}

static void compiles_as_cuda(void **state)
{
    const embedded *e = *state;
    /* 177: a function of kernel.h that this text does not call */
    static const char *const OPTIONS[] = { "--gpu-architecture=compute_80", "--fmad=false", "--diag-suppress=177" };
    nvrtc n = { 0 };
    void *program;
    size_t size = 0;
    if (!find_nvrtc(&n)) { print_message("             no NVRTC library here\n"); skip(); }
    char *text = joined(e), name[96];
    snprintf(name, sizeof name, "%s.c", e->name);
    assert_int_equal(n.create(&program, text, name, 0, NULL, NULL), 0);
    int error = n.compile(program, 3, OPTIONS);
    n.log_size(program, &size);
    char *log = calloc(1, size + 1);
    n.log(program, log);
    if (error || size > 1) fail_msg("%s: %s", e->name, log);                 /* warnings, too */
    assert_int_equal(n.ptx_size(program, &size), 0);
    char *ptx = calloc(1, size + 1);
    n.ptx(program, ptx);
    for_each_kernel(e, has_entry, ptx);
    free(ptx);
    free(log);
    free(text);
    n.destroy(&program);
}

/* ---- OpenCL ---- */

static convis_context *c;            /* with a device of OpenCL, or NULL */

/* 0: there is no clang. */
static int compiles_by_clang(const embedded *e)
{
    char path[] = "/tmp/convis-test-XXXXXX.cl";
    char *text = joined(e);
    int f = mkstemps(path, 3);
    assert_true(f >= 0);
    assert_int_equal(write(f, text, strlen(text)), strlen(text));
    close(f);
    free(text);
    pid_t child = fork();
    if (!child) {
        execlp("clang", "clang", "-x", "cl", "-cl-std=CL1.2", "-Xclang", "-finclude-default-header", "-fsyntax-only", path,
               (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return 0;
    assert_int_equal(status, 0);
    return 1;
}

static void has_kernel(const embedded *e, const char *kernel, void *program)
{
    if (!convis_program_kernel(c->device, program, kernel)) fail_msg("%s: no kernel '%s'", e->name, kernel);
}

static void compiles_as_opencl(void **state)
{
    const embedded *e = *state;
    const int is_read = compiles_by_clang(e);
    if (is_read && !(c && at_length())) return;                /* test_devices.c compiles what it runs */
    if (!c) { print_message("             no device of OpenCL and no clang here\n"); skip(); }
    convis_program *program = convis_device_program(c->device, e->name, e->source, e->kernels);
    if (!program) fail_msg("%s: %s", e->name, convis_message(c));
    for_each_kernel(e, has_kernel, program);
    /* Names that are none, or only begin as one does. */
    char name[64];
    snprintf(name, sizeof name, "%s", e->kernels->name);
    name[strlen(name) - 1] = 0;
    assert_null(convis_program_kernel(c->device, program, name));
    assert_null(convis_program_kernel(c->device, program, "nothing"));
}

/* Headers that a text shares with its host are in it (tools/embed.c), and what compilers complain of is found: the file and the line. */
static void names_file_and_line(void **state)
{
    static const char *const NAMES[] = { "blur_gpu", "conv_gpu", "rf_gpu", "formula_gpu" };
    (void)state;
    for (int k = 0; k < list_texts(); k++)
        for (size_t j = 0; j < sizeof NAMES/sizeof *NAMES; j++) {
            const char *lines[4096], *const *from = texts[k].source;
            char file[32];
            int n = 0, at = 0, shared = 0;
            if (strcmp(texts[k].name, NAMES[j])) continue;
            snprintf(file, sizeof file, "\"%s.h\"", NAMES[j]);
            for (; from[n]; n++) {
                int line;
                assert_true(n < 4095);
                lines[n] = from[n];
                at++;
                if (sscanf(from[n], "#line %d", &line) == 1) { at = line - 1; shared += strstr(from[n], file) != NULL; }
                assert_null(strstr(from[n], "#include \""));
            }
            assert_int_equal(shared, 1);
            if (!c) continue;
            lines[n] = "nobody knows this;\n";
            lines[n + 1] = NULL;
            snprintf(file, sizeof file, "%s.c:%d", NAMES[j], at + 1);
            assert_null(convis_device_program(c->device, "wrong", lines, texts[k].kernels));
            if (!strstr(convis_message(c), file)) fail_msg("'%s', expected %s in it", convis_message(c), file);
            convis_close(&c);
            if (convis_open(&c, "opencl")) convis_close(&c);
        }
}

static int open_opencl(void **state)
{
    (void)state;
    if (!convis_open(&c, "opencl")) print_message("             OpenCL device: %s\n", c->device->title);
    else convis_close(&c);
    return 0;
}

static int close_opencl(void **state) { (void)state; convis_close(&c); return 0; }

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[2*MOST_TEXTS + 1];
    static char names[2*MOST_TEXTS][80];
    static const struct { const char *name; CMUnitTestFunction f; } KINDS[] = {
        { "OpenCL", compiles_as_opencl }, { "CUDA", compiles_as_cuda },
    };
    size_t n = 0;
    setenv("CONVIS_CACHE", CONVIS_TEST_CACHE, 0);
    const int count = list_texts();
    for (int k = 0; k < count; k++)
        for (size_t j = 0; j < sizeof KINDS/sizeof *KINDS; j++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", texts[k].name, KINDS[j].name);
            tests[n] = (struct CMUnitTest){ names[n], KINDS[j].f, NULL, NULL, &texts[k] };
        }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(names_file_and_line);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests("GPU text", tests, n, open_opencl, close_opencl);
}
