/* threads.h - a context's threads, and a barrier for those of one call.
 *
 * A context has as many threads as its largest call asked for, the caller's among them. They begin with the first call that needs them, wait
 * between calls (spinning for a moment, then asleep), and end with the context. A child process that has inherited a context begins
 * threads of its own. One call at a time for each context; contexts are independent of each other. */
#ifndef CONVIS_THREADS_H
#define CONVIS_THREADS_H
#include <convis/convis.h>
#include <stdatomic.h>

/* A barrier that spins for some microseconds, as the next thread usually arrives soon, and then sleeps: on a busy machine the
 * thread waited for may need this very processor, and a sleeping thread is woken on a free one. */
struct convis_barrier { atomic_int arrived, phase, asleep; int threads, spins; atomic_llong slept; };      /* slept: ns, all threads */

void convis_barrier_wait(struct convis_barrier *);

/* Processors that this process may use; at least 1. */
int convis_processors(void);

/* Room for so many threads, so that a call obtains no memory; none begins. Not between a call's begin and end. */
convis_status convis_threads_reserve(convis_context *, int threads);
/* Calls `work` on each of so many threads (0: the caller's), or on fewer where the system gives no more: barrier->threads says on how
 * many. Returns after the last, with the seconds that they slept until another came, all together. */
typedef void convis_work(struct convis_barrier *, int thread, void *user);
double convis_threads_call(convis_context *, int threads, convis_work *, void *user);
void convis_threads_end(convis_context *);
#endif
