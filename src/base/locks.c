/* locks.c - locks of the whole process, which a child process finds free. */
#include "locks.h"
#include <pthread.h>
#include <stdatomic.h>

static pthread_mutex_t locks[CONVIS_LOCKS] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                               PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                               PTHREAD_MUTEX_INITIALIZER };
_Static_assert(CONVIS_LOCKS == 6, "each lock is initialised");
static atomic_uint forks;

static void before_fork(void) { for (int k = 0; k < CONVIS_LOCK_DRIVERS; k++) pthread_mutex_lock(&locks[k]); }
static void in_parent(void)   { for (int k = 0; k < CONVIS_LOCK_DRIVERS; k++) pthread_mutex_unlock(&locks[k]); }
static void in_child(void)
{
    in_parent();
    for (int k = CONVIS_LOCK_DRIVERS; k < CONVIS_LOCKS; k++) locks[k] = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    atomic_fetch_add(&forks, 1);
}

static void register_fork(void) { pthread_atfork(before_fork, in_parent, in_child); }
static void watch_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_fork);
}

void convis_lock(enum convis_lock k)
{
    watch_forks();
    pthread_mutex_lock(&locks[k]);
}

void convis_unlock(enum convis_lock k) { pthread_mutex_unlock(&locks[k]); }

unsigned convis_forks(void)
{
    watch_forks();
    return atomic_load(&forks);
}
