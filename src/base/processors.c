/* processors.c - how many processors there are for this process. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "threads.h"
#include <limits.h>
#include <sched.h>
#include <unistd.h>

int convis_processors(void)
{
#ifdef __linux__
    for (int most = 1024; most <= 1 << 20; most *= 4) {              /* a system may have more than a cpu_set_t */
        cpu_set_t *set = CPU_ALLOC((size_t)most);
        const size_t size = CPU_ALLOC_SIZE((size_t)most);
        const int count = set && !sched_getaffinity(0, size, set) ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (count > 0) return count;
    }
#endif
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online < INT_MAX ? (int)online : INT_MAX;
}
