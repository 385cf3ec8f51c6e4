/* threads.h - where the threads of one call meet. */
#ifndef CONVIS_TEAM_H
#define CONVIS_TEAM_H
#include <stdatomic.h>

/* A barrier that spins for some microseconds, as the next thread is usually near, and then sleeps: on a busy machine the
 * thread waited for may need this very processor, and a sleeper is woken on a free one. */
struct convis_team { atomic_int arrived, phase, asleep, sleeps; int threads; };

void convis_team_meet(struct convis_team *);
#endif
