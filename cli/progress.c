/* progress.c - long work: a bar with the time left, and an end when the user asks for it. */
#include "cli.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t cli_interrupted;

static void note(int number) { cli_interrupted = number; }

/* The first Ctrl-C asks the work to stop, and a blocked read returns; the second one ends the program at once. A terminal that closes may
 * say so twice. What is ignored (nohup) stays ignored. */
void cli_catch_signals(void)
{
    static const int NUMBERS[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action, before;
    for (size_t k = 0; k < sizeof NUMBERS/sizeof *NUMBERS; k++) {
        memset(&action, 0, sizeof action);
        action.sa_handler = note;
        action.sa_flags = NUMBERS[k] == SIGHUP ? 0 : (int)SA_RESETHAND;
        sigemptyset(&action.sa_mask);
        if (!sigaction(NUMBERS[k], NULL, &before) && before.sa_handler == SIG_IGN) continue;
        sigaction(NUMBERS[k], &action, NULL);
    }
}

int cli_end(int status)
{
    const int number = cli_interrupted;
    if (!number) return status;
    signal(number, SIG_DFL);
    raise(number);
    return 128 + number;
}

int cli_poll(void *user, const char *what, int64_t done, int64_t total)
{
    (void)user, (void)what, (void)done, (void)total;
    return cli_interrupted;
}

double cli_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9*(double)t.tv_nsec;
}

static const char *duration(double seconds, char *text, size_t size)
{
    long s = (long)(seconds + 0.5);
    if (s < 60) snprintf(text, size, "%ld s", s);
    else if (s < 3600) snprintf(text, size, "%ld min %02ld s", s/60, s%60);
    else snprintf(text, size, "%ld h %02ld min", s/3600, s/60%60);
    return text;
}

void cli_progress_begin(cli_progress *p, int64_t total, int quiet)
{
    *p = (cli_progress){ .begun = cli_seconds(), .total = total, .on = !quiet && isatty(STDERR_FILENO) };
}

void cli_progress_show(cli_progress *p, int64_t done, const char *speed)
{
    enum { WIDTH = 30 };
    if (!p->on) return;
    double now = cli_seconds(), elapsed = now - p->begun;
    if (now - p->shown < 0.1 && p->shown > 0) return;
    p->shown = now;
    if (p->total <= 0) {
        fprintf(stderr, "\r\033[K%lld steps  %s", (long long)done, speed);
    } else {
        char bar[WIDTH + 1], left[32];
        double part = (double)done/(double)p->total;
        int full = (int)(part*WIDTH);
        if (full > WIDTH) full = WIDTH;
        memset(bar, '-', WIDTH);
        memset(bar, '#', (size_t)full);
        bar[WIDTH] = 0;
        fprintf(stderr, "\r\033[K[%s] %3.0f %%  %s  %s left", bar, 100*part, speed,
                done > 0 ? duration(elapsed*(1 - part)/part, left, sizeof left) : "?");
    }
    fflush(stderr);
}

void cli_progress_end(cli_progress *p)
{
    if (p->on && p->shown > 0) fputs("\r\033[K", stderr);
    p->on = 0;
}
