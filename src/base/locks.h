/* locks.h - what only one thread of the process may do at a time, whatever contexts the threads have; and fork(). */
#ifndef CONVIS_LOCKS_H
#define CONVIS_LOCKS_H

/* In the order in which they may be taken, one while another is held. At a fork() those before DRIVERS are waited for, so that the child finds
 * what they guard whole and free. That of drivers may be held for a minute, by a thread that forks itself: the child gets a new one. */
enum convis_lock {
    CONVIS_LOCK_HDF5,                /* all of HDF5, whose usual build is not safe for threads */
    CONVIS_LOCK_PLANS,               /* FFTW's planner */
    CONVIS_LOCK_FILES,               /* the list of files being written */
    CONVIS_LOCK_PARTS,               /* the libraries of optional parts, while they are loaded */
    CONVIS_LOCK_TYPES,               /* the list of types of layers that are a context's */
    CONVIS_LOCK_DRIVERS,             /* whether drivers may be loaded */
    CONVIS_LOCKS
};
void convis_lock  (enum convis_lock);
void convis_unlock(enum convis_lock);

/* How many fork()s lie between this process and the one that loaded the library: what a child has inherited has an earlier number. */
unsigned convis_forks(void);
#endif
