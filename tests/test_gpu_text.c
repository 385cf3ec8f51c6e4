/* test_gpu_text.c - the text of every layer, and every other text for graphics cards, is OpenCL C 1.2 and CUDA C, and has the
 * kernels that it is said to have. What they compute is compared in test_devices.c.
 *
 * Compilers are looked for at run time, and a test is skipped, with a sentence, when its compiler is not there:
 * - the first device of OpenCL (PoCL needs no graphics card), or else clang's OpenCL front end;
 * - NVRTC, which needs no card either ($CONVIS_NVRTC names its library when it is in no usual place). */
#include "harness.h"
#include "device/device.h"
#include "kernels/card_texts.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* type: the layer whose text it is, or NULL. */
typedef struct embedded { const char *name; const char *const *source; const convis_layer_type *type; } embedded;
enum { MOST_TEXTS = 96 };
static embedded texts[MOST_TEXTS];

static int list_texts(void)
{
#define CARD_TEXT(id) { #id, convis_##id##_source, NULL },
    static const embedded CARD[] = { CONVIS_CARD_TEXTS(CARD_TEXT) };
    int n = 0;
    for (const convis_layer_type *const *type = convis_layer_types(); *type; type++)
        texts[n++] = (embedded){ (*type)->name, (*type)->source, *type };
    for (size_t k = 0; k < sizeof CARD/sizeof *CARD; k++) texts[n++] = CARD[k];
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

/* The names of kernels in a text, one by one: at goes behind each. 0: no more. */
static int next_kernel(const char **at, char name[64])
{
    static const char *const BEGINNINGS[] = { "\nCONVIS_KERNEL%*d(%63[a-z0-9_]", "\nCONVIS_CARD_KERNEL%*d(%63[a-z0-9_]" };
    while ((*at = strstr(*at, "\nCONVIS_"))) {
        const char *here = (*at)++;
        for (int k = 0; k < 2; k++) if (sscanf(here, BEGINNINGS[k], name) == 1) return 1;
    }
    return 0;
}

/* Those that the text has, of a layer those of its table, and the two that a pointwise layer names. */
static void for_each_kernel(const embedded *e, void (*f)(const embedded *, const char *kernel, void *user), void *user)
{
    char *text = joined(e), name[64];
    int n = 0;
    for (const char *at = text; next_kernel(&at, name); n++) f(e, name, user);
    free(text);
    if (!e->type && !n) fail_msg("%s: a text without kernels", e->name);
    if (!e->type) return;
    const convis_kernels *const *k = e->type->kernels;
    while (k[1]) k++;                                    /* the baseline's are those of the text */
    for (const convis_kernel *each = (*k)->list; each->name; each++) f(e, each->name, user);
    if (e->type->pointwise) f(e, e->type->pointwise, user);
    if (e->type->adjoint) f(e, e->type->adjoint, user);
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

/* Where there is none, clang reads the text. */
static void compiles_by_clang(const embedded *e)
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
        execlp("clang", "clang", "-x", "cl", "-cl-std=CL1.2", "-Xclang", "-finclude-default-header", "-fsyntax-only", path, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) { print_message("             no device of OpenCL and no clang here\n"); skip(); }
    assert_int_equal(status, 0);
}

static void has_kernel(const embedded *e, const char *kernel, void *program)
{
    if (!convis_program_kernel(c->device, program, kernel)) fail_msg("%s: no kernel '%s'", e->name, kernel);
}

static void compiles_as_opencl(void **state)
{
    const embedded *e = *state;
    if (!c) { compiles_by_clang(e); return; }
    convis_program *program = convis_device_program(c->device, e->name, e->source);
    if (!program) fail_msg("%s: %s", e->name, convis_message(c));
    for_each_kernel(e, has_kernel, program);
    /* Names that are none, or only begin as one does. */
    char *text = joined(e), name[64];
    const char *at = text;
    if (next_kernel(&at, name)) {
        name[strlen(name) - 1] = 0;
        assert_null(convis_program_kernel(c->device, program, name));
    }
    assert_null(convis_program_kernel(c->device, program, "nothing"));
    free(text);
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
    static struct CMUnitTest tests[2*MOST_TEXTS];
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
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests("GPU text", tests, n, open_opencl, close_opencl);
}
