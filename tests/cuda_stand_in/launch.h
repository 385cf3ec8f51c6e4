/* launch.h - running a kernel's threads one after the other. */
#ifndef LAUNCH_H
#define LAUNCH_H
#include <stdint.h>

enum { MOST_ARGUMENTS = 32, MOST_BYTES = 512, MOST_THREADS = 1024 };
typedef struct place { unsigned x, y, z; } place;        /* threadIdx and its like */

/* One that the stand-in NVRTC compiled: `run` takes the arguments' addresses, as cuLaunchKernel does. */
typedef struct kernel {
    struct kernel *next;
    void (*run)(void **arguments);
    int count, argument[MOST_ARGUMENTS];                 /* of each twice its size, and 1 more if it is an address */
    int meets;                                           /* its threads work together */
    place *thread, *block, *block_size, *blocks;         /* the variables that it reads */
} kernel;

/* 0: its threads did not meet as they must. */
int launch(const kernel *, void **arguments, unsigned blocks, unsigned block_size);
void meet(void);                                         /* __syncthreads */
#endif
