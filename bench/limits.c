/* limits.c - what this machine can do at most. Compiled for the processor it runs on. */
#include "limits.h"
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9*(double)t.tv_nsec;
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
        #pragma omp parallel num_threads(threads)
        {
            float *a = all + (size_t)omp_get_thread_num()*n;
            for (size_t r = 0; r < repeats; r++)
                for (size_t i = 0; i < n; i++) a[i] = a[i]*0.999f + 1.0f;
        }
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

double bench_arithmetic(int threads)
{
    double best = 0;
    const long turns = 4000000;
    for (int attempt = 0; attempt < 3; attempt++) {
        double start = bench_seconds();
        float sink = 0;
        #pragma omp parallel num_threads(threads) reduction(+: sink)
        {
            lane x[CHAINS], scale, shift;
            for (int k = 0; k < LANES; k++) { scale[k] = 0.999f; shift[k] = 0.001f; }
            for (int c = 0; c < CHAINS; c++) x[c] = shift*(float)c;
            for (long t = 0; t < turns; t++)
                for (int c = 0; c < CHAINS; c++) x[c] = x[c]*scale + shift;
            for (int c = 0; c < CHAINS; c++) sink += x[c][0];
        }
        double rate = 2.0*LANES*CHAINS*(double)turns*threads/(bench_seconds() - start);
        if (rate > best && sink == sink) best = rate;
    }
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
    snprintf(text, size, "%s (%d processors)", name ? name : "this machine", omp_get_num_procs());
}
