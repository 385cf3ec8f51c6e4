/* threads.h - a barrier for the threads of one call. */
#ifndef CONVIS_THREADS_H
#define CONVIS_THREADS_H
#include <stdatomic.h>

/* A barrier that spins for some microseconds, as the next thread usually arrives soon, and then sleeps: on a busy machine the
 * thread waited for may need this very processor, and a sleeping thread is woken on a free one. */
struct convis_barrier { atomic_int arrived, phase, asleep, sleeps; int threads; };

void convis_barrier_wait(struct convis_barrier *);
#endif
