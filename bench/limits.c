/* limits.c - what this machine can do at most. Compiled for the processor it runs on. */
#include "limits.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double bench_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9*(double)t.tv_nsec;
}

typedef struct share { void (*work)(int, void *); void *user; int thread; pthread_t id; } share;

static void *live(void *of)
{
    share *s = of;
    s->work(s->thread, s->user);
    return NULL;
}

void bench_on_threads(int threads, void (*work)(int thread, void *user), void *user)
{
    share *all = calloc((size_t)threads, sizeof *all);
    for (int k = 1; all && k < threads; k++) {
        all[k] = (share){ work, user, k, 0 };
        if (pthread_create(&all[k].id, NULL, live, &all[k])) { fprintf(stderr, "bench: no thread to be had\n"); exit(1); }
    }
    work(0, user);
    for (int k = 1; all && k < threads; k++) pthread_join(all[k].id, NULL);
    free(all);
}

typedef struct arrays { float *all; size_t n, repeats; } arrays;

static void update(int thread, void *user)
{
    const arrays *w = user;
    float *a = w->all + (size_t)thread*w->n;
    for (size_t r = 0; r < w->repeats; r++)
        for (size_t i = 0; i < w->n; i++) a[i] = a[i]*0.999f + 1.0f;
}

/* Each thread has its own part, so that caches of one core suffice where they do. */
double bench_bandwidth(int threads, size_t bytes)
{
    double best = 0;
    size_t n = bytes/sizeof(float)/(size_t)threads/64*64, repeats = 1 + ((size_t)256 << 20)/bytes;
    float *all = malloc((size_t)threads*n*sizeof *all);
    if (!all) return 0;
    memset(all, 0, (size_t)threads*n*sizeof *all);
    for (int attempt = 0; attempt < 5; attempt++) {
        double start = bench_seconds();
        bench_on_threads(threads, update, &(arrays){ all, n, repeats });
        double rate = 2.0*(double)repeats*(double)n*(double)threads*sizeof(float)/(bench_seconds() - start);
        if (rate > best) best = rate;
    }
    free(all);
    return best;
}

/* Chains enough to hide latency, an addition and a multiplication each in turn, never contracted. */
#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
enum { CHAINS = 12 };
typedef float lane __attribute__((vector_size(4*LANES)));

static const long ROUNDS = 4000000;

static void calculate(int thread, void *user)
{
    lane x[CHAINS], scale, shift;
    float *sink = user;
    for (int k = 0; k < LANES; k++) { scale[k] = 0.999f; shift[k] = 0.001f; }
    for (int c = 0; c < CHAINS; c++) x[c] = shift*(float)c;
    for (long t = 0; t < ROUNDS; t++)
        for (int c = 0; c < CHAINS; c++) x[c] = x[c]*scale + shift;
    for (int c = 0; c < CHAINS; c++) sink[16*thread] += x[c][0];
}

double bench_arithmetic(int threads)
{
    double best = 0;
    float *sinks = calloc((size_t)threads*16, sizeof *sinks);
    if (!sinks) return 0;
    for (int attempt = 0; attempt < 3; attempt++) {
        double start = bench_seconds();
        bench_on_threads(threads, calculate, sinks);
        double rate = 2.0*LANES*CHAINS*(double)ROUNDS*threads/(bench_seconds() - start);
        if (rate > best && sinks[0] == sinks[0]) best = rate;
    }
    free(sinks);
    return best;
}

void bench_machine(char *text, size_t size)
{
    char line[256] = "", *name = NULL;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && !name && fgets(line, sizeof line, f))
        if (!strncmp(line, "model name", 10) && strchr(line, ':')) name = strchr(line, ':') + 2;
    if (f) fclose(f);
    if (name) name[strcspn(name, "\n")] = '\0';
    snprintf(text, size, "%s (%d processors)", name ? name : "this machine", (int)sysconf(_SC_NPROCESSORS_ONLN));
}
