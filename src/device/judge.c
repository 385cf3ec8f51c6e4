/* judge.c - whether a driver may be loaded into this process: it is tried in a child process first.
 *
 * Drivers are other people's code, and some abort, crash or hang where they find no device, no /sys or no compiler that they know. So
 * before a type's drivers are loaded here, a child loads them, lists their devices and uses each a little (convis_device_try). What
 * counts is that it lives through that in time; an error that a driver reports ("busy") it can report again here. The verdict is cached
 * with the compiled kernels, under a key of everything that a driver's life depends on as far as files tell: the libraries, the lists
 * of drivers, the variables that they read, this start of the machine and the root of its files (a container's is another).
 *
 * The child is forked and continues without exec: a library does not know where the command is, or whether there is one, and what it
 * can name (/proc/self/exe) may be any program. After a fork of a process with threads the child has only this one, and locks
 * of the others stay locked. That is no danger to the parent, and hardly one to the verdict: the C library renews those of malloc,
 * stdio and the loader; ours are free in a child (base/locks.h). The child leaves by _exit, also when a driver calls exit: nothing that the parent has registered or buffered is done
 * or written twice. It has the usual signals, a group of processes of its own (what a driver starts ends with it), and no terminal. */
#include "device.h"
#include "base/clock.h"
#include "base/locks.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

extern char **environ;

enum { MOST_DRIVERS = 32, SECONDS = 60, LINE = 120 };
/* gpus: how many graphics cards they list, usable or not; -1: nobody asked. */
typedef struct verdict { int32_t drivers, gpus; char all[CONVIS_WHY], of[MOST_DRIVERS][CONVIS_WHY]; } verdict;     /* "": it may be loaded */

/* ---- In the child ---- */

static int in_child;

static void leave(void) { _exit(EXIT_FAILURE); }

/* What the child tells: numbers of drivers that it begins with, and these; CARD once for each. */
enum { CARD = 253, COUNTED = 254, DONE = 255 };
static void tell(int to, int what)
{
    const unsigned char byte = (unsigned char)what;
    if (write(to, &byte, 1) != 1) _exit(EXIT_FAILURE);
}

/* said: the pipe for what drivers print. */
static void settle_in(int said)
{
    sigset_t none;
    const int nothing = open("/dev/null", O_RDONLY);
    for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (nothing >= 0) dup2(nothing, STDIN_FILENO);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    atexit(leave);                                       /* the last to be registered is the first to be called */
    in_child = 1;
}

static void try_drivers(const convis_device_type *type, int first, int told, int said)
{
    char why[CONVIS_WHY];
    settle_in(said);
    const int drivers = type->drivers(why);
    tell(told, COUNTED);
    tell(told, drivers < MOST_DRIVERS ? drivers : MOST_DRIVERS);
    for (int k = first; k < drivers && k < MOST_DRIVERS; k++) {
        tell(told, k);
        for (int cards = convis_device_try(type, k); cards > 0; cards--) tell(told, CARD);
    }
    tell(told, DONE);
    _exit(EXIT_SUCCESS);
}

/* ---- In the parent ---- */

typedef struct trial {
    pid_t child;
    int told, said;              /* the ends of pipes that are read */
    int counted, drivers, cards, at, done, hung, status;
    char line[LINE + 4];         /* the last that was printed */
    int  length, complete;
} trial;

static double patience(void)
{
    const char *own = getenv("CONVIS_DRIVER_SECONDS");
    const double seconds = own ? atof(own) : 0;
    return seconds > 0 ? seconds : SECONDS;
}

static void take_byte(trial *t, unsigned char byte)
{
    if (t->counted == 1) { t->drivers = byte; t->counted = 2; }
    else if (byte == COUNTED) t->counted = 1;
    else if (byte == CARD) t->cards++;
    else if (byte == DONE) t->done = 1;
    else t->at = byte;
}

static void note(trial *t, char letter)
{
    if (letter == '\n') { t->complete = 1; return; }
    if (t->complete) t->length = t->complete = 0;
    if (t->length > LINE) return;
    t->line[t->length++] = (unsigned char)letter < ' ' || letter == 127 ? '?' : letter;
    t->line[t->length] = 0;
    if (t->length > LINE) strcpy(t->line + LINE - 1, "...");
}

/* What there is to read; 0: nothing was told. */
static int listen_to(trial *t)
{
    unsigned char bytes[256];
    ssize_t n;
    int any = 0;
    while ((n = read(t->told, bytes, sizeof bytes)) > 0) for (ssize_t k = 0; k < n; k++, any = 1) take_byte(t, bytes[k]);
    while ((n = read(t->said, bytes, sizeof bytes)) > 0) for (ssize_t k = 0; k < n; k++) note(t, (char)bytes[k]);
    return any;
}

/* Until the child has ended, or told nothing for too long. A program that ignores its children's ends, or waits for any, leaves us
 * without a status: then what was told says enough. */
static void wait_for(trial *t)
{
    const double limit = patience();
    double since = convis_seconds();
    for (;;) {
        struct pollfd ends[] = { { .fd = t->told, .events = POLLIN }, { .fd = t->said, .events = POLLIN } };
        poll(ends, 2, 10);
        if (listen_to(t)) since = convis_seconds();
        const pid_t ended = waitpid(t->child, &t->status, WNOHANG);
        if (ended == t->child || (ended < 0 && errno != EINTR)) break;
        if (convis_seconds() - since > limit) {
            t->hung = 1;
            kill(-t->child, SIGKILL);
            kill(t->child, SIGKILL);
            while (waitpid(t->child, &t->status, 0) < 0 && errno == EINTR) continue;
            break;
        }
        if ((ends[0].revents | ends[1].revents) & POLLHUP) nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    kill(-t->child, SIGKILL);                            /* what the drivers started */
    listen_to(t);
}

static int make_pipe(int ends[2])
{
    if (pipe(ends)) return 0;
    for (int k = 0; k < 2; k++) fcntl(ends[k], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 1;
}

/* 0: there is no child to be had. */
static int try_apart(const convis_device_type *type, int first, trial *t)
{
    int told[2], said[2];
    *t = (trial){ .at = -1 };
    if (!make_pipe(told)) return 0;
    if (!make_pipe(said)) { close(told[0]); close(told[1]); return 0; }
    t->told = told[0];
    t->said = said[0];
    t->child = fork();
    if (!t->child) try_drivers(type, first, told[1], said[1]);
    close(told[1]);
    close(said[1]);
    if (t->child > 0) wait_for(t);
    close(told[0]);
    close(said[0]);
    return t->child > 0;
}

static void explain(const trial *t, char why[CONVIS_WHY])
{
    char how[80] = "it ended it";
    if (t->hung) snprintf(how, sizeof how, "there was no answer within %g seconds", patience());
    else if (WIFSIGNALED(t->status))
        snprintf(how, sizeof how, "signal %d, %.40s", WTERMSIG(t->status), strsignal(WTERMSIG(t->status)));
    convis_shorten(why, CONVIS_WHY, "its driver %s, as was tried in a process of its own (%s)%s%s%s",
                   t->hung ? "hangs" : "crashes", how, t->line[0] ? ", saying '" : "", t->line, t->line[0] ? "'" : "");
}

/* Behind a driver that fails the next child begins. Without children there is no verdict: all may be loaded, as if there were no judge. */
static verdict judge(const convis_device_type *type)
{
    verdict v = { .gpus = -1 };
    trial t;
    for (int first = 0; first < MOST_DRIVERS && try_apart(type, first, &t); first = t.at + 1) {
        if (t.counted == 2) v.drivers = t.drivers;
        v.gpus = (v.gpus > 0 ? v.gpus : 0) + t.cards;
        if (t.done) break;
        explain(&t, t.at < first ? v.all : v.of[t.at]);
        if (t.at < first) break;
    }
    return v;
}

/* ---- What drivers depend on ---- */

static void put_status(FILE *key, const char *path)
{
    struct stat s;
    if (!stat(path, &s))
        fprintf(key, "%s %lld %lld %lld.%09ld\n", path, (long long)s.st_ino, (long long)s.st_size, (long long)s.st_mtim.tv_sec,
                s.st_mtim.tv_nsec);
}

static void put_text(FILE *key, const char *path)
{
    FILE *f = fopen(path, "r");
    for (int letter; f && (letter = fgetc(f)) != EOF; ) fputc(letter, key);
    if (f) fclose(f);
    fputc('\n', key);
}

static int has_any(const char *name, const char *const *parts)
{
    for (; *parts; parts++) if (strstr(name, *parts)) return 1;
    return 0;
}

/* Every file of this folder whose name has one of these parts; text: and what it says. */
static void put_folder(FILE *key, const char *folder, const char *const *parts, int text)
{
    DIR *all = opendir(folder);
    for (struct dirent *e; all && (e = readdir(all)); ) {
        char *path = NULL;
        if (!has_any(e->d_name, parts) || asprintf(&path, "%s/%s", folder, e->d_name) < 0) continue;
        put_status(key, path);
        if (text) put_text(key, path);
        free(path);
    }
    if (all) closedir(all);
}

static void put_libraries(FILE *key, const char *folder)
{
    static const char *const PARTS[] = { "libcuda.so", "libnvrtc", "libOpenCL", "libpocl",
                                         "libnvidia-opencl", "amdocl", "rusticl", "igdrcl", NULL };
    put_folder(key, folder, PARTS, 0);
}

static void put_variables(FILE *key)
{
    static const char *const BEGIN[] = { "LD_", "CUDA_", "NVIDIA_", "OCL_", "OPENCL_", "POCL_", "ROC", "HSA_", "GPU_", "RUSTICL_",
                                         "CONVIS_NVRTC=", "CONVIS_OPENCL=" };
    for (char **v = environ; v && *v; v++)
        for (size_t k = 0; k < sizeof BEGIN/sizeof *BEGIN; k++)
            if (!strncmp(*v, BEGIN[k], strlen(BEGIN[k]))) fprintf(key, "%s\n", *v);
    for (int k = 0; k < 2; k++) {
        const char *file = getenv(k ? "CONVIS_OPENCL" : "CONVIS_NVRTC");
        if (file) put_status(key, file);
    }
    for (const char *at = getenv("LD_LIBRARY_PATH"); at && *at; at += *at == ':') {
        const size_t n = strcspn(at, ":");
        char *folder = strndup(at, n);
        if (folder) put_libraries(key, folder);
        free(folder);
        at += n;
    }
}

static void put_machine(FILE *key)
{
    static const char *const FILES[] = { "/", "/sys/devices/system/cpu", "/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg",
                                         "/etc/ld.so.cache" };
    struct stat s;
    struct utsname u;
    if (!uname(&u)) fprintf(key, "%s %s %s\n", u.nodename, u.release, u.machine);
    if (!stat("/", &s)) fprintf(key, "%lld %lld\n", (long long)s.st_dev, (long long)geteuid());
    for (size_t k = 0; k < sizeof FILES/sizeof *FILES; k++) fprintf(key, "%s %d\n", FILES[k], !access(FILES[k], R_OK));
    put_status(key, "/etc/ld.so.cache");
    put_text(key, "/proc/sys/kernel/random/boot_id");
    put_text(key, "/proc/driver/nvidia/version");
    put_folder(key, "/dev/dri", (const char *const[]){ "render", NULL }, 0);
}

/* Every folder once: /lib is often /usr/lib. */
static void put_folders(FILE *key)
{
    static const char *const FOLDERS[] = { "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu",
                                           "/usr/local/lib", "/usr/local/cuda/lib64", "/usr/lib/wsl/lib" };
    enum { COUNT = sizeof FOLDERS/sizeof *FOLDERS };
    struct stat s[COUNT];
    for (int k = 0, seen = 0; k < COUNT; k++, seen = 0) {
        if (stat(FOLDERS[k], &s[k])) s[k] = (struct stat){ .st_ino = 0 };
        for (int j = 0; j < k; j++) seen |= s[j].st_ino == s[k].st_ino && s[j].st_dev == s[k].st_dev;
        if (!seen) put_libraries(key, FOLDERS[k]);
    }
}

/* To be freed; NULL: no memory. */
static char *key_of(const convis_device_type *type)
{
    const char *vendors = getenv("OCL_ICD_VENDORS");
    char *text = NULL;
    size_t size;
    FILE *key = open_memstream(&text, &size);
    if (!key) return NULL;
    fprintf(key, "judge 2 %s %s %zu\n", CONVIS_VERSION, type->name, sizeof(verdict));
    put_machine(key);
    put_variables(key);
    put_folders(key);
    put_folder(key, vendors && *vendors ? vendors : "/etc/OpenCL/vendors", (const char *const[]){ ".icd", NULL }, 1);
    if (!fclose(key)) return text;
    free(text);
    return NULL;
}

/* ---- Verdicts ---- */

static int bad(const verdict *v)
{
    int count = v->all[0] != 0;
    for (int k = 0; k < MOST_DRIVERS; k++) count += v->of[k][0] != 0;
    return count > 0;
}

static int read_verdict(const char *key, verdict *v)
{
    convis_context c = { .allocator = convis_plain_allocator };
    size_t size = 0;
    void *cached = convis_cache_read(&c, key, &size);
    const int good = cached && size == sizeof *v;
    if (good) memcpy(v, cached, sizeof *v);
    convis_release(&c, cached);
    return good;
}

/* Also that there is nothing to load: reading is faster than another child. Not where there was no child to be had. */
static void write_verdict(const char *key, const verdict *v)
{
    convis_context c = { .allocator = convis_plain_allocator };
    if (v->gpus >= 0) convis_cache_write(&c, key, v, sizeof *v);
}

/* Of one type of devices. */
enum { MOST_TYPES = 8 };
typedef struct file { const convis_device_type *type; enum { UNKNOWN, READ, OWN } from; verdict v; } file;

static void look_into(file *f, int again)
{
    if (f->from == OWN || (f->from == READ && !(again && bad(&f->v)))) return;
    char *key = key_of(f->type);
    if (f->from == UNKNOWN && key && read_verdict(key, &f->v)) f->from = READ;
    if (f->from == UNKNOWN || (again && f->from == READ && bad(&f->v))) {
        f->v = judge(f->type);
        f->from = OWN;
        if (key) write_verdict(key, &f->v);
    }
    free(key);
}

static file files[MOST_TYPES];

/* With the lock held. */
static const file *file_of(const convis_device_type *type, int again)
{
    file *f = files;
    while (f->type && f->type != type && f < files + MOST_TYPES - 1) f++;
    if (f->type != type) *f = (file){ .type = type };
    look_into(f, again);
    return f;
}

int convis_driver_gpus(const convis_device_type *type)
{
    if (in_child) return -1;
    convis_lock(CONVIS_LOCK_DRIVERS);
    const int gpus = file_of(type, 0)->v.gpus;
    convis_unlock(CONVIS_LOCK_DRIVERS);
    return gpus;
}

int convis_driver_refused(const convis_device_type *type, int driver, int again, char why[CONVIS_WHY])
{
    if (in_child) return 0;
    convis_lock(CONVIS_LOCK_DRIVERS);
    const file *f = file_of(type, again);
    if (driver >= MOST_DRIVERS)
        snprintf(why, CONVIS_WHY, "it is behind the first %d drivers, which are all that are tried", MOST_DRIVERS);
    else strcpy(why, driver < 0 ? f->v.all : f->v.of[driver]);
    convis_unlock(CONVIS_LOCK_DRIVERS);
    return why[0] != 0;
}
