/* test_drivers.c - what drivers say, however long, and what the trial in a child process (src/device/judge.c) does to the program that it
 * is forked from: nothing. On the stand-in for OpenCL (tests/opencl_stand_in). What a user sees of it: tests/cli/devices.sh.
 * All is asked in children, as drivers are looked for once in a process. */
#include "harness.h"
#include "device/device.h"
#include "base/text.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*question)(void);

/* What a process answers in which the stand-in was told this. */
static int ask(const char *told, question asked)
{
    int status = 0;
    pid_t child = fork();
    if (!child) {
        setenv("CONVIS_STAND_IN", told, 1);
        setenv("CONVIS_CACHE", "", 1);
        _exit(asked());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- Long texts ---- */

static int ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

static int has_all_texts(void)
{
    convis_context *c;
    convis_device *d;
    convis_device_info info;
    int k = 0;
    while (convis_device_list(k, &info) && strcmp(info.name, "opencl:0.0")) k++;
    if (!info.usable || !ends_in(info.title, "...") || strlen(info.title) != sizeof info.title - 1) return 1;
    if (convis_open(&c, "cpu") || convis_device_open(c, "opencl:0.0", &d)) return 2;
    if (strlen(d->version) < 3*300) return 3;
    for (int n = 0; n < 3; n++)
        if (!strstr(d->version, ((const char *[]){ "stand-in 0 ", "driver ", "OpenCL 3.0 " })[n])) return 4;
    convis_device_close(&d);
    convis_close(&c);
    return 0;
}

static int shows_that_the_log_is_cut(void)
{
    static const char *const TEXT[] = { "nothing", NULL };
    static const convis_kernel NONE[] = { { NULL, NULL, 0, 0 } };
    convis_context *c;
    convis_device *d;
    if (convis_open(&c, "cpu") || convis_device_open(c, "opencl:0.0", &d)) return 1;
    if (convis_device_program(d, "mine", TEXT, NONE)) return 2;
    return !strstr(convis_message(c), "the kernels of mine do not compile: log of the stand-in") +
           2*!ends_in(convis_message(c), "...");
}

static void takes_long_texts(void **state)
{
    (void)state;
    assert_int_equal(ask("", has_all_texts), 0);
    assert_int_equal(ask("", shows_that_the_log_is_cut), 0);
}

static void shows_what_is_cut(void **state)
{
    char text[12], *long_one = malloc(5000);
    convis_context *c;
    (void)state;
    assert_true(convis_shorten(text, sizeof text, "%s", "12345678901"));
    assert_string_equal(text, "12345678901");
    assert_false(convis_shorten(text, sizeof text, "%s", "123456789012"));
    assert_string_equal(text, "12345678...");
    assert_false(convis_shorten(text, sizeof text, "%s", "1234567\u00e4\u00e4\u00e4"));
    assert_string_equal(text, "1234567...");
    must(c, convis_open(&c, "cpu"));
    memset(long_one, 'x', 4999);
    long_one[4999] = 0;
    convis_fail(c, CONVIS_EINVAL, "model: %s", long_one);
    assert_true(ends_in(convis_message(c), "x..."));
    convis_fail_before(c, CONVIS_EINVAL, "%s: ", "file.yaml");
    assert_true(ends_in(convis_message(c), "x...") && strstr(convis_message(c), "file.yaml: model: xxx"));
    convis_close(&c);
    free(long_one);
}

/* ---- A trial leaves its program as it was ---- */

static int ends_of_program;
static void end_of_program(void) { ends_of_program++; if (getenv("CONVIS_TEST_MARK")) unlink(getenv("CONVIS_TEST_MARK")); }

static int is_refused(const char *name, const char *part)
{
    convis_device_info info;
    for (int k = 0; convis_device_list(k, &info); k++)
        if (!strcmp(info.name, name)) return !info.usable && strstr(info.why, part);
    return 0;
}

/* The driver calls exit in the child: what this program wrote and has not sent yet is written once, what it does at its end is not
 * done, and it still waits for its own children alone. */
static int stays_as_it_was(void)
{
    char path[] = "/tmp/convis-drivers-XXXXXX", back[16] = "";
    const int file = mkstemp(path);
    FILE *f = fdopen(file, "w+");
    setenv("CONVIS_TEST_MARK", path, 1);
    if (!f || atexit(end_of_program)) return 1;
    fputs("once\n", f);
    if (!is_refused("opencl", "crashes")) return 2;
    if (access(path, F_OK) || ends_of_program) return 3;
    fflush(f);
    rewind(f);
    if (fread(back, 1, sizeof back - 1, f) != 5 || strcmp(back, "once\n")) return 4;
    fclose(f);
    unlink(path);
    return waitpid(-1, NULL, WNOHANG) != -1;
}

/* Then there is no status of a child to be had. */
static int does_without_a_status(void)
{
    signal(SIGCHLD, SIG_IGN);
    if (is_refused("opencl:0.0", "") || is_refused("opencl", "")) return 1;
    return !is_refused("opencl:1", "crashes");
}

/* A handler of the program is not the child's. */
static volatile sig_atomic_t handled;
static void handle(int s) { (void)s; handled = 1; _exit(0); }

static int keeps_its_signals(void)
{
    struct sigaction now;
    signal(SIGABRT, handle);
    if (!is_refused("opencl", "signal 6")) return 1;
    sigaction(SIGABRT, NULL, &now);
    return handled || now.sa_handler != handle;
}

static volatile int stop;
static void *allocate(void *nothing)
{
    (void)nothing;
    while (!stop) free(malloc(1000));
    return NULL;
}

static void *look(void *good)
{
    *(int *)good = is_refused("opencl:1", "crashes");
    return NULL;
}

static int has_threads(void)
{
    enum { THREADS = 4 };
    pthread_t busy, ask_for[THREADS];
    int good[THREADS] = { 0 }, all = 0;
    pthread_create(&busy, NULL, allocate, NULL);
    for (int k = 0; k < THREADS; k++) pthread_create(&ask_for[k], NULL, look, &good[k]);
    for (int k = 0; k < THREADS; k++) { pthread_join(ask_for[k], NULL); all += good[k]; }
    stop = 1;
    pthread_join(busy, NULL);
    return all != THREADS;
}

static int hangs(void)
{
    setenv("CONVIS_DRIVER_SECONDS", "0.5", 1);
    return !is_refused("opencl", "hangs") || is_refused("opencl:1.0", "");
}

static void leaves_the_program_alone(void **state)
{
    (void)state;
    assert_int_equal(ask("exit:1", stays_as_it_was), 0);
    assert_int_equal(ask("abort:2", does_without_a_status), 0);
    assert_int_equal(ask("abort:1", keeps_its_signals), 0);
    assert_int_equal(ask("abort:2", has_threads), 0);
    assert_int_equal(ask("hang:1", hangs), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_long_texts), cmocka_unit_test(shows_what_is_cut), cmocka_unit_test(leaves_the_program_alone),
    };
    return setenv("CONVIS_OPENCL", CONVIS_OPENCL_STAND_IN, 1) || cmocka_run_group_tests(tests, NULL, NULL);
}
