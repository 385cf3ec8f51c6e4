/* threads.c - a barrier for the threads of one call. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "threads.h"
#include <limits.h>
#include <sched.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#ifdef CONVIS_HAVE_X86
#include <immintrin.h>
#endif

enum { SPINS = 4000 };

static void rest(void)
{
#ifdef CONVIS_HAVE_X86
    _mm_pause();
#endif
}

/* Until the phase is not `phase`, or woken spuriously; the caller checks again. */
static void sleep_while(struct convis_barrier *barrier, int phase)
{
#ifdef __linux__
    atomic_fetch_add(&barrier->asleep, 1);
    atomic_fetch_add(&barrier->sleeps, 1);
    syscall(SYS_futex, &barrier->phase, FUTEX_WAIT_PRIVATE, phase, NULL, NULL, 0);
    atomic_fetch_sub(&barrier->asleep, 1);
#else
    (void)barrier; (void)phase;
    sched_yield();
#endif
}

static void wake(struct convis_barrier *barrier)
{
#ifdef __linux__
    if (atomic_load(&barrier->asleep)) syscall(SYS_futex, &barrier->phase, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    (void)barrier;
#endif
}

void convis_barrier_wait(struct convis_barrier *barrier)
{
    int phase = atomic_load(&barrier->phase);
    if (atomic_fetch_add(&barrier->arrived, 1) == barrier->threads - 1) {
        atomic_store(&barrier->arrived, 0);
        atomic_store(&barrier->phase, phase + 1);
        wake(barrier);
        return;
    }
    for (int spin = 0; atomic_load(&barrier->phase) == phase; spin++) {
        if (spin < SPINS) rest();
        else sleep_while(barrier, phase);
    }
}
