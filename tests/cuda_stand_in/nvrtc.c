/* nvrtc.c - a stand-in for libnvrtc.so: CUDA C becomes a shared library by the C++ compiler. See stand_in.h.
 *
 * What a card's compiler knows by itself is written before the text. The preprocessor's output then shows which kernels there are, and
 * behind it comes for each a function that takes its arguments as cuLaunchKernel gets them, and what they are: of which size, and
 * which are addresses. The threads of kernels that have __shared__ memory may meet. */
#include "stand_in.h"
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
enum { DONE, OUT_OF_MEMORY = 1, INVALID_INPUT = 3, INVALID_PROGRAM = 4, INVALID_OPTION = 5, COMPILATION = 6 };
static const int ARCHITECTURES[] = { 75, 80, 86, 90 };
enum { ARCHITECTURE_COUNT = sizeof ARCHITECTURES/sizeof *ARCHITECTURES };

static const char PRELUDE[] =
    "#define __CUDACC_RTC__ 1\n"
    "#define __global__ __attribute__((noinline))\n"
    "#define __device__\n"
    "#define __forceinline__ inline\n"
    "#define __shared__ static\n"
    "struct place_ { unsigned x, y, z; };\n"
    "extern \"C\" {\n"
    "place_ threadIdx, blockIdx, blockDim, gridDim;\n"
    "void (*stand_in_meet)(void);\n"
    "float sqrtf(float), floorf(float), ceilf(float), rintf(float), fabsf(float), fminf(float, float), fmaxf(float, float);\n"
    "}\n"
    "#define __syncthreads() stand_in_meet()\n"
    "static inline unsigned __float_as_uint(float x) { unsigned u; __builtin_memcpy(&u, &x, 4); return u; }\n"
    "static inline float __uint_as_float(unsigned u) { float x; __builtin_memcpy(&x, &u, 4); return x; }\n"
    "static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a*b >> 32); }\n";

typedef struct nvrtc_program_ {
    char *text, name[64], *log, *image;
    size_t size;                                         /* of the image */
    int exact;
} program;

#pragma GCC visibility push(default)
int nvrtcVersion(int *, int *);
int nvrtcGetNumSupportedArchs(int *);
int nvrtcGetSupportedArchs(int *);
int nvrtcCreateProgram(program **, const char *, const char *, int, const char *const *, const char *const *);
int nvrtcCompileProgram(program *, int, const char *const *);
int nvrtcGetProgramLogSize(program *, size_t *);
int nvrtcGetProgramLog(program *, char *);
int nvrtcGetCUBINSize(program *, size_t *);
int nvrtcGetCUBIN(program *, char *);
int nvrtcGetPTXSize(program *, size_t *);
int nvrtcGetPTX(program *, char *);
int nvrtcDestroyProgram(program **);
#pragma GCC visibility pop

/* ---- The text as C++ ---- */

static const char BEHIND[] =
    "template<class T> struct is_address_ { enum { value = 0 }; };\n"
    "template<class T> struct is_address_<T *> { enum { value = 1 }; };\n"
    "template<int... K> struct places_ {};\n"
    "template<int N, int... K> struct up_to_ : up_to_<N - 1, N - 1, K...> {};\n"
    "template<int... K> struct up_to_<0, K...> { typedef places_<K...> all; };\n"
    "template<class... A, int... K> static inline void call_(void (*f)(A...), void **v, places_<K...>) { f(*(A *)v[K]...); }\n"
    "template<class... A> static inline void run_(void (*f)(A...), void **v) { call_(f, v, typename up_to_<sizeof...(A)>::all()); }\n"
    "template<class... A> static inline void describe_(void (*)(A...), int *shape)\n"
    "{\n"
    "    const int each[] = { ((int)sizeof(A) << 1 | (int)is_address_<A>::value)... };\n"
    "    shape[0] = (int)sizeof...(A);\n"
    "    for (int k = 0; k < shape[0]; k++) shape[k + 2] = each[k];\n"
    "}\n";

static void print_entry(FILE *f, const char *name, int meets)
{
    fprintf(f, "static void run_%s(void **v) { run_(%s, v); }\n", name, name);
    fprintf(f, "extern \"C\" void stand_in_shape_%s(int *shape) { describe_(%s, shape); shape[1] = %d; }\n", name, name, meets);
    fprintf(f, "extern \"C\" void (*stand_in_entry_%s(void))(void **) { return run_%s; }\n", name, name);
}

/* A kernel's definition as the preprocessor leaves it: of a line, whatever stands before and behind on it. 0: there is no more. */
static int next_kernel(const char **at, char name[64], int *meets)
{
    static const char BEGIN[] = "extern \"C\" __attribute__((noinline)) void ";
    while ((*at = strstr(*at, BEGIN))) {
        const char *brace = strchr(*at, '{'), *end = strchr(*at, ';');
        if (sscanf(*at += sizeof BEGIN - 1, "%63[A-Za-z0-9_]", name) < 1 || !brace || (end && end < brace)) continue;
        while (*++brace == ' ') continue;
        *meets = !strncmp(brace, "static ", 7);
        return 1;
    }
    return 0;
}

static int write_source(const program *p, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) return 0;
    fprintf(f, "%s#line 1 \"%s\"\n%s\n", PRELUDE, p->name, p->text);
    return !fclose(f);
}

static int append_entries(const char *path, const char *text)
{
    FILE *f = fopen(path, "a");
    char name[64];
    int meets;
    if (!f) return 0;
    fputs(BEHIND, f);
    for (const char *at = text; next_kernel(&at, name, &meets); ) print_entry(f, name, meets);
    return !fclose(f);
}

/* ---- The compiler ---- */

static char *read_file(const char *path, size_t before, size_t *size)
{
    FILE *f = fopen(path, "rb");
    struct stat about;
    if (!f) return NULL;
    char *data = fstat(fileno(f), &about) ? NULL : calloc(1, before + (size_t)about.st_size + 1);
    *size = data ? fread(data + before, 1, (size_t)about.st_size, f) : 0;
    fclose(f);
    return data;
}

/* Its exit status; what it says goes to the file log. */
static int call_compiler(const char *how, const char *source, const char *library, const char *log)
{
    const char *const words[] = { STAND_IN_CXX, how, "-x", "c++", "-O1", "-fPIC", "-w", "-ffp-contract=off", "-fno-math-errno",
        "-fno-gnu-unique",
#if defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
        "-fsanitize=address",                            /* then kernels that leave their memory are found, too */
#endif
        source, "-o", library, "-lm", NULL };
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = 1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (!posix_spawnp(&child, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environ)) waitpid(child, &status, 0);
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

static int compile(program *p, int architecture)
{
    const char *in = getenv("TMPDIR");
    char folder[256], source[288], expanded[288], library[288], log[288];
    size_t size = 0;
    snprintf(folder, sizeof folder, "%.200s/stand-in-XXXXXX", in && *in ? in : "/tmp");
    if (!mkdtemp(folder)) return INVALID_INPUT;
    snprintf(source, sizeof source, "%s/source.cpp", folder);
    snprintf(expanded, sizeof expanded, "%s/expanded.cpp", folder);
    snprintf(library, sizeof library, "%s/library.so", folder);
    snprintf(log, sizeof log, "%s/log", folder);
    char *text = write_source(p, source) && !call_compiler("-E", source, expanded, log) ? read_file(expanded, 0, &size) : NULL;
    const int good = text && append_entries(expanded, text) && !call_compiler("-shared", expanded, library, log);
    free(text);
    p->log = read_file(log, 0, &size);
    p->image = good ? read_file(library, sizeof(image_head), &size) : NULL;
    if (p->image) {
        const image_head head = { IMAGE_MAGIC, (uint32_t)architecture, (uint32_t)p->exact, size };
        memcpy(p->image, &head, sizeof head);
        p->size = sizeof head + size;
    }
    unlink(source);
    unlink(expanded);
    unlink(library);
    unlink(log);
    rmdir(folder);
    return p->image ? DONE : COMPILATION;
}

static void note(const program *p, int options, const char *const *option)
{
    const char *path = getenv("CONVIS_STAND_IN_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (!f) return;
    fprintf(f, "%s", p->name);
    for (int k = 0; k < options; k++) fprintf(f, " %s", option[k]);
    fputc('\n', f);
    fclose(f);
}

/* ---- What NVRTC shows ---- */

int nvrtcVersion(int *major, int *minor) { *major = 12; *minor = 4; return DONE; }
int nvrtcGetNumSupportedArchs(int *count) { *count = ARCHITECTURE_COUNT; return DONE; }
int nvrtcGetSupportedArchs(int *list) { memcpy(list, ARCHITECTURES, sizeof ARCHITECTURES); return DONE; }

int nvrtcCreateProgram(program **made, const char *text, const char *name, int headers, const char *const *header,
                       const char *const *named)
{
    (void)header;
    (void)named;
    program *p = headers ? NULL : calloc(1, sizeof *p);
    if (!p || !(p->text = strdup(text))) { free(p); return headers ? INVALID_INPUT : OUT_OF_MEMORY; }
    snprintf(p->name, sizeof p->name, "%s", name ? name : "default_program");
    *made = p;
    return DONE;
}

int nvrtcCompileProgram(program *p, int options, const char *const *option)
{
    int architecture = 0, known = 0;
    if (!p || p->image || p->log) return INVALID_PROGRAM;
    note(p, options, option);
    for (int k = 0; k < options; k++) {
        if (sscanf(option[k], "--gpu-architecture=sm_%d", &architecture) == 1) p->exact = 1;
        else sscanf(option[k], "--gpu-architecture=compute_%d", &architecture);
    }
    for (int k = 0; k < ARCHITECTURE_COUNT; k++) known |= ARCHITECTURES[k] == architecture;
    if (!known) return INVALID_OPTION;
    if (!told("bad")) return compile(p, architecture);
    p->log = strdup("line 1: error: the stand-in was told that kernels do not compile\n");
    return COMPILATION;
}

int nvrtcGetProgramLogSize(program *p, size_t *size) { *size = strlen(p->log ? p->log : "") + 1; return DONE; }
int nvrtcGetProgramLog(program *p, char *log) { strcpy(log, p->log ? p->log : ""); return DONE; }

static int give(const program *p, int wanted, char *to)
{
    if (!p->image || !wanted) return INVALID_PROGRAM;
    memcpy(to, p->image, p->size);
    return DONE;
}

int nvrtcGetCUBINSize(program *p, size_t *size) { *size = p->exact ? p->size : 0; return DONE; }
int nvrtcGetPTXSize(program *p, size_t *size) { *size = p->size; return DONE; }
int nvrtcGetCUBIN(program *p, char *to) { return give(p, p->exact, to); }
int nvrtcGetPTX(program *p, char *to) { return give(p, !p->exact, to); }

int nvrtcDestroyProgram(program **p)
{
    if (!p || !*p) return INVALID_PROGRAM;
    free((*p)->text);
    free((*p)->log);
    free((*p)->image);
    free(*p);
    *p = NULL;
    return DONE;
}
