/* own_compile.c - a layer of a user's own, compiled by the system's compiler (cc) as the build compiles built-in ones: its upper half once
 * per instruction set and as a text for GPUs, its lower half once, and own_stub.c, which leads to the library. The headers come
 * from the library itself. What was made is stored in the cache of kernels, by content and flags. */
#include "own.h"
#include "own_calls.h"
#include "base/atomic_file.h"
#include "device/device.h"
#include "device/embed.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern const char *const convis_header_convis_text[], *const convis_header_layer_text[], *const convis_header_kernel_text[],
    *const convis_own_calls_text[], *const convis_own_stub_text[];

/* The same number type, the same arithmetic and the same kernels as the library's. */
#ifdef CONVIS_DOUBLE
#define PRECISION "-DCONVIS_DOUBLE"
#else
#define PRECISION "-DCONVIS_SINGLE"
#endif
#ifdef CONVIS_HAVE_X86
#define PROCESSOR "-DCONVIS_HAVE_X86"
#else
#define PROCESSOR "-DCONVIS_PLAIN"
#endif
static const char *const FLAGS[] = { "-std=gnu11", "-O3", "-fPIC", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math",
                                     "-fno-semantic-interposition", "-D_GNU_SOURCE", PRECISION, PROCESSOR,
                                     /* what newer compilers refuse by themselves, and what nobody means */
                                     "-Werror=implicit-function-declaration", "-Werror=implicit-int", "-Werror=int-conversion",
                                     "-Werror=incompatible-pointer-types" };
enum { FLAG_COUNT = sizeof FLAGS/sizeof *FLAGS, MOST_WORDS = 40, MOST_OBJECTS = 4 };

struct isa { const char *define, *flags[6]; };
#define ISA_baseline { "-DCONVIS_ISA=baseline", { NULL } }
#define ISA_avx2     { "-DCONVIS_ISA=avx2", { "-mavx2", NULL } }
#define ISA_avx512   { "-DCONVIS_ISA=avx512", { "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512", NULL } }
#define ISA_ROW(f, isa) ISA_##isa,
static const struct isa SETS[] = { CONVIS_EACH_ISA(ISA_ROW, f) };
enum { SET_COUNT = sizeof SETS/sizeof *SETS };

/* ---- Files ---- */

static convis_status cannot(convis_context *c, const char *path)
{
    return convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
}

static convis_status write_text(convis_context *c, const char *folder, const char *name, const char *const *text)
{
    char path[CONVIS_OWN_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f) return cannot(c, path);
    for (; *text; text++) fputs(*text, f);
    const int bad = ferror(f);
    return fclose(f) || bad ? cannot(c, path) : CONVIS_OK;
}

static convis_status write_headers(convis_context *c, const char *folder)
{
    char path[CONVIS_OWN_PATH + 64];
    snprintf(path, sizeof path, "%s/convis", folder);
    convis_status status = mkdir(path, 0700) ? cannot(c, path) : CONVIS_OK;
    if (!status) status = write_text(c, folder, "convis/convis.h", convis_header_convis_text);
    if (!status) status = write_text(c, folder, "convis/layer.h", convis_header_layer_text);
    if (!status) status = write_text(c, folder, "convis/kernel.h", convis_header_kernel_text);
    if (!status) status = write_text(c, folder, "own_calls.h", convis_own_calls_text);
    return status ? status : write_text(c, folder, "own_stub.c", convis_own_stub_text);
}

/* The kernels as strings, for GPUs. */
static convis_status write_source(convis_context *c, const char *folder, const char *path, const char *name)
{
    char file[CONVIS_OWN_PATH + 64];
    snprintf(file, sizeof file, "%s/own_source.c", folder);
    convis_embed *e = convis_obtain(c, sizeof *e);
    if (!e) return CONVIS_ENOMEM;
    e->folder = &folder;
    e->folders = 1;
    e->out = fopen(file, "w");
    convis_status status = e->out ? CONVIS_OK : cannot(c, file);
    if (e->out) {
        if (!convis_embed_write(e, name, path)) status = convis_fail(c, CONVIS_EFORMAT, "%s", e->why);
        const int bad = ferror(e->out);
        if ((fclose(e->out) || bad) && !status) status = cannot(c, file);
    }
    convis_release(c, e);
    return status;
}

static void remove_all(const char *folder)
{
    char path[CONVIS_OWN_PATH + 300];
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (unlink(path)) remove_all(path);
    }
    if (d) closedir(d);
    rmdir(folder);
}

void convis_own_discard(struct convis_own_build *b)
{
    if (*b->folder) remove_all(b->folder);
    *b->folder = 0;
}

/* ---- The compiler ---- */

/* The first line that has such words, or NULL. */
static char *line_with(char *text, const char *words)
{
    char *from = strstr(text, words);
    while (from && from > text && from[-1] != '\n') from--;
    return from;
}

/* The first line of its log that speaks of an error, and what follows. Where that is the compiler's report that the linker failed, the
 * linker's own words stand before it. */
static char *complaint(char *text)
{
    char *from = line_with(text, "error:"), *linker;
    if (!from) return text;
    char *end = strchr(from, '\n');
    if (end) *end = 0;
    const int linking = strstr(from, "ld returned") || strstr(from, "linker command failed");
    if (end && !linking) *end = '\n';
    if (!linking || from == text) return from;
    from[-1] = 0;                                        /* it says nothing of its own */
    linker = line_with(text, "ld: ");
    return linker ? linker : text;
}

static convis_status refuse(convis_context *c, const char *path, const char *log)
{
    char text[4096];
    FILE *f = fopen(log, "r");
    const size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) fclose(f);
    text[n] = 0;
    char *from = complaint(text);
    for (size_t end = strlen(from); end && from[end - 1] == '\n'; end--) from[end - 1] = 0;
    return convis_fail(c, CONVIS_EFORMAT, "%s: the compiler refuses it:\n%.800s", path, *from ? from : "it says nothing");
}

static convis_status run(convis_context *c, const char *path, const char *log, const char *const *words)
{
    pid_t child;
    int how = 0, failed;
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions)) return convis_fail(c, CONVIS_ENOMEM, "out of memory");
    failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
          || posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0600)
          || posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (!failed) failed = posix_spawnp(&child, words[0], &actions, NULL, (char *const *)(uintptr_t)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        return convis_fail(c, CONVIS_ENOTSUP,
                           "%s: '%s' cannot be started (%s); a layer of one's own needs a C compiler of that name", path,
                           words[0], strerror(failed));
    while (waitpid(child, &how, 0) < 0)
        if (errno != EINTR)
            return CONVIS_OK;            /* somebody else waits for children; whether it worked shows when its file is read */
    if (WIFEXITED(how) && WEXITSTATUS(how) == 127)
        return convis_fail(c, CONVIS_ENOTSUP, "%s: there is no '%s'; a layer of one's own needs a C compiler of that name", path,
                           words[0]);
    return WIFEXITED(how) && !WEXITSTATUS(how) ? CONVIS_OK : refuse(c, path, log);
}

/* One after the other: the upper half for each instruction set, then the rest, linked with those. */
static convis_status compile(convis_context *c, const char *path, const struct convis_own_build *b)
{
    const char *words[MOST_WORDS];
    char object[MOST_OBJECTS][CONVIS_OWN_PATH + 32], headers[CONVIS_OWN_PATH + 8], log[CONVIS_OWN_PATH + 8],
        stub[CONVIS_OWN_PATH + 16], source[CONVIS_OWN_PATH + 16];
    int common = 0;
    convis_status status = CONVIS_OK;
    snprintf(headers, sizeof headers, "-I%s", b->folder);
    snprintf(log, sizeof log, "%s/log", b->folder);
    snprintf(stub, sizeof stub, "%s/own_stub.c", b->folder);
    snprintf(source, sizeof source, "%s/own_source.c", b->folder);
    words[common++] = "cc";
    for (int k = 0; k < FLAG_COUNT; k++) words[common++] = FLAGS[k];
    words[common++] = headers;
    for (int s = 0; s < SET_COUNT && !status; s++) {
        int n = common;
        snprintf(object[s], sizeof object[s], "%s/kernels%d.o", b->folder, s);
        for (int k = 0; SETS[s].flags[k]; k++) words[n++] = SETS[s].flags[k];
        words[n++] = SETS[s].define;
        words[n++] = "-c";
        words[n++] = path;
        words[n++] = "-o";
        words[n++] = object[s];
        words[n] = NULL;
        status = run(c, path, log, words);
    }
    int n = common;
    const char *const rest[] = { "-DCONVIS_HOST", "-shared", "-Wl,-Bsymbolic", path, stub, source };
    for (size_t k = 0; k < sizeof rest/sizeof *rest; k++) words[n++] = rest[k];
    for (int s = 0; s < SET_COUNT; s++) words[n++] = object[s];
    words[n++] = "-lm";
    words[n++] = "-o";
    words[n++] = b->object;
    words[n] = NULL;
    return status ? status : run(c, path, log, words);
}

/* ---- The cache ---- */

/* Everything on which the result depends but the compiler itself. */
static void key_of(const char *name, const char *content, char *key, size_t size)
{
    uint64_t sum = 14695981039346656037u;
    const char *const *const texts[] = { convis_header_convis_text, convis_header_layer_text, convis_header_kernel_text,
                                         convis_own_calls_text, convis_own_stub_text };
    for (size_t k = 0; k < sizeof texts/sizeof *texts; k++)
        for (const char *const *line = texts[k]; *line; line++)
            for (const char *s = *line; *s; s++) sum = (sum ^ (unsigned char)*s)*1099511628211u;
    size_t used = (size_t)snprintf(key, size, "layer %s %s, headers %016llx, %d sets, flags", name, content,
                                   (unsigned long long)sum, SET_COUNT);
    for (int k = 0; k < FLAG_COUNT && used < size; k++) used += (size_t)snprintf(key + used, size - used, " %s", FLAGS[k]);
}

static convis_status write_object(convis_context *c, const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f) return cannot(c, path);
    const int good = fwrite(data, size, 1, f) == 1;
    return fclose(f) || !good ? cannot(c, path) : CONVIS_OK;
}

static void store(convis_context *c, const char *key, const char *path)
{
    struct stat s;
    FILE *f = fopen(path, "rb");
    void *data = f && !fstat(fileno(f), &s) && s.st_size > 0 ? convis_obtain(c, (size_t)s.st_size) : NULL;
    if (data && fread(data, (size_t)s.st_size, 1, f) == 1) convis_cache_write(c, key, data, (size_t)s.st_size);
    convis_release(c, data);
    if (f) fclose(f);
}

convis_status convis_own_compile(convis_context *c, const char *path, const char *name, const char *content,
                                 struct convis_own_build *b)
{
    char key[1024];
    size_t size = 0;
    if (convis_private_folder(c, "layer", b->folder, sizeof b->folder)) return CONVIS_EIO;
    snprintf(b->object, sizeof b->object, "%s/%.64s.so", b->folder, name);
    key_of(name, content, key, sizeof key);
    void *data = convis_cache_read(c, key, &size);
    convis_status status = data ? write_object(c, b->object, data, size) : CONVIS_OK;
    if (!data) {
        status = write_headers(c, b->folder);
        if (!status) status = write_source(c, b->folder, path, name);
        if (!status) status = compile(c, path, b);
        if (!status) store(c, key, b->object);
    }
    convis_release(c, data);
    if (status) convis_own_discard(b);
    return status;
}
