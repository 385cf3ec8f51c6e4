/* threads.c - a context's threads, and a barrier for those of one call. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "threads.h"
#include "clock.h"
#include "context.h"
#include "locks.h"
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#endif
#ifdef CONVIS_HAVE_X86
#include <immintrin.h>
#endif

/* ---- Waiting ---- */

/* How often a waiting thread looks before it sleeps: where there is a processor for each thread, and where there is not. */
enum { SPINS = 4000, SPINS_CROWDED = 20 };

static void rest(void)
{
#ifdef CONVIS_HAVE_X86
    _mm_pause();
#endif
}

static long long nanoseconds(void) { return (long long)(1e9*convis_seconds()); }

/* Until the value is not `value`, or woken spuriously; the caller checks again. */
static void sleep_while(atomic_int *at, int value, atomic_int *asleep, atomic_llong *slept)
{
    const long long start = nanoseconds();
    atomic_fetch_add(asleep, 1);
#ifdef __linux__
    syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
#else
    if (atomic_load(at) == value) nanosleep(&(struct timespec){ 0, 100000 }, NULL);
#endif
    atomic_fetch_sub(asleep, 1);
    if (slept) atomic_fetch_add(slept, nanoseconds() - start);
}

/* After the value was changed. */
static void wake(atomic_int *at, atomic_int *asleep)
{
    if (!atomic_load(asleep)) return;
#ifdef __linux__
    syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    (void)at;
#endif
}

/* Returns what the value is when it is no longer `value`. slept: nanoseconds are added; NULL: nobody asks. */
static int wait_while(atomic_int *at, int value, atomic_int *asleep, int spins, atomic_llong *slept)
{
    int now;
    for (int spin = 0; (now = atomic_load(at)) == value; spin++) {
        if (spin < spins) rest();
        else sleep_while(at, value, asleep, slept);
    }
    return now;
}

void convis_barrier_wait(struct convis_barrier *barrier)
{
    int phase = atomic_load(&barrier->phase);
    if (atomic_fetch_add(&barrier->arrived, 1) == barrier->threads - 1) {
        atomic_store(&barrier->arrived, 0);
        atomic_store(&barrier->phase, phase + 1);
        wake(&barrier->phase, &barrier->asleep);
        return;
    }
    wait_while(&barrier->phase, phase, &barrier->asleep, barrier->spins, &barrier->slept);
}

/* ---- A context's threads ---- */

/* A line of cache for each. calls: how many it was called for. */
typedef struct worker { _Alignas(64) atomic_int calls; atomic_int asleep; int number; pthread_t id; struct convis_workers *all; } worker;

struct convis_workers {
    unsigned forks;                  /* of the process whose threads they are */
    int room, begun, processors;     /* workers that there is memory for, and that there are */
    int ending;
    convis_work *work;               /* of the present call */
    void *user;
    struct convis_barrier *barrier;
    _Alignas(64) atomic_int busy;    /* workers that have not finished it */
    atomic_int asleep;
    worker worker[];
};

static void *live(void *of)
{
    worker *w = of;
    struct convis_workers *all = w->all;
    for (int calls = 0;;) {
        calls = wait_while(&w->calls, calls, &w->asleep, w->number < all->processors ? SPINS : SPINS_CROWDED, NULL);
        if (all->ending) return NULL;
        all->work(all->barrier, w->number, all->user);
        if (atomic_fetch_sub(&all->busy, 1) == 1) wake(&all->busy, &all->asleep);
    }
}

/* Signals are for the program's own threads, but for those that an instruction of this one raises. */
static void begin(struct convis_workers *all, int workers)
{
    static const int OWN[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
    sigset_t every, before;
    if (all->begun >= workers) return;
    sigfillset(&every);
    for (size_t k = 0; k < sizeof OWN/sizeof *OWN; k++) sigdelset(&every, OWN[k]);
    if (pthread_sigmask(SIG_SETMASK, &every, &before)) return;
    while (all->begun < workers) {
        worker *w = &all->worker[all->begun];
        w->number = all->begun + 1;
        w->all = all;
        if (pthread_create(&w->id, NULL, live, w)) break;
        all->begun++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void call(worker *w)
{
    atomic_fetch_add(&w->calls, 1);
    wake(&w->calls, &w->asleep);
}

void convis_threads_end(convis_context *c)
{
    struct convis_workers *all = c->workers;
    c->workers = NULL;
    if (!all) return;
    const int begun = all->forks == convis_forks() ? all->begun : 0;         /* a parent's threads are not here */
    all->ending = 1;
    for (int k = 0; k < begun; k++) call(&all->worker[k]);
    for (int k = 0; k < begun; k++) pthread_join(all->worker[k].id, NULL);
    convis_release(c, all);
}

convis_status convis_threads_reserve(convis_context *c, int threads)
{
    struct convis_workers *all = c->workers;
    const int room = threads - 1;
    if (room < 1 || (all && all->room >= room && all->forks == convis_forks())) return CONVIS_OK;
    convis_threads_end(c);
    all = convis_obtain(c, sizeof *all + (size_t)room*sizeof *all->worker);
    if (!all) return CONVIS_ENOMEM;
    all->forks = convis_forks();
    all->room = room;
    all->processors = convis_processors();
    c->workers = all;
    return CONVIS_OK;
}

double convis_threads_call(convis_context *c, int threads, convis_work *work, void *user)
{
    struct convis_barrier barrier = { .threads = 1 };
    if (threads > 1 && !convis_threads_reserve(c, threads)) {
        struct convis_workers *all = c->workers;
        begin(all, threads - 1);
        barrier.threads += all->begun < threads - 1 ? all->begun : threads - 1;
        barrier.spins = barrier.threads <= all->processors ? SPINS : SPINS_CROWDED;
        all->work = work;
        all->user = user;
        all->barrier = &barrier;
        atomic_store(&all->busy, barrier.threads - 1);
        for (int k = 0; k < barrier.threads - 1; k++) call(&all->worker[k]);
    }
    work(&barrier, 0, user);
    if (barrier.threads < 2) return 0;
    struct convis_workers *all = c->workers;
    for (int busy = atomic_load(&all->busy); busy; )
        busy = wait_while(&all->busy, busy, &all->asleep, barrier.spins, &barrier.slept);
    return 1e-9*(double)atomic_load(&barrier.slept);
}
