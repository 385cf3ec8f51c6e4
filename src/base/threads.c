/* threads.c - where the threads of one call meet. */
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

/* Until the phase is another than `phase`, or for no reason; the caller looks again. */
static void sleep_while(struct convis_team *team, int phase)
{
#ifdef __linux__
    atomic_fetch_add(&team->asleep, 1);
    atomic_fetch_add(&team->sleeps, 1);
    syscall(SYS_futex, &team->phase, FUTEX_WAIT_PRIVATE, phase, NULL, NULL, 0);
    atomic_fetch_sub(&team->asleep, 1);
#else
    (void)team; (void)phase;
    sched_yield();
#endif
}

static void wake(struct convis_team *team)
{
#ifdef __linux__
    if (atomic_load(&team->asleep)) syscall(SYS_futex, &team->phase, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    (void)team;
#endif
}

void convis_team_meet(struct convis_team *team)
{
    int phase = atomic_load(&team->phase);
    if (atomic_fetch_add(&team->arrived, 1) == team->threads - 1) {
        atomic_store(&team->arrived, 0);
        atomic_store(&team->phase, phase + 1);
        wake(team);
        return;
    }
    for (int spin = 0; atomic_load(&team->phase) == phase; spin++) {
        if (spin < SPINS) rest();
        else sleep_while(team, phase);
    }
}
