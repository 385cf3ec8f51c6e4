/* limits.h - what this machine can do at most: bytes from memory and cache, and arithmetic without fused operations. */
#ifndef CONVIS_LIMITS_H
#define CONVIS_LIMITS_H
#include <stddef.h>

double bench_seconds(void);
/* Calls `work` on so many threads at once, the caller's among them, each with its number. */
void   bench_on_threads(int threads, void (*work)(int thread, void *user), void *user);
/* Bytes per second, read and written, of all threads updating arrays of so many bytes in all; the best of several tries. */
double bench_bandwidth(int threads, size_t bytes);
/* Single-precision additions and multiplications per second of all threads together. */
double bench_arithmetic(int threads);
/* "AMD EPYC (2 processors)" */
void   bench_machine(char *text, size_t size);
#endif
