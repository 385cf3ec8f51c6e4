/* pace.h - how many threads a run has: as many as make it fastest, here and now.
 *
 * Threads meet at barriers, several times a frame where maps are blurred. On a machine that others use, one of them often waits for a
 * processor, and all the others for it: then fewer threads, or one, are faster. So a run is divided into stretches of about a
 * millisecond, each on some number of threads, and what they took decides how many the next ones have. No result depends on it. */
#ifndef CONVIS_PACE_H
#define CONVIS_PACE_H
#include <stdint.h>

/* A level is a number of threads: the most that the model can use, halved so many times. */
enum { CONVIS_PACE_LEVELS = 11, CONVIS_PACE_SAMPLES = 8 };
typedef struct pace_level {
    double  sample[CONVIS_PACE_SAMPLES];     /* seconds a frame in its last stretches */
    int64_t samples;                         /* all that there were */
    double  waste;                           /* seconds a frame, of late, that a thread slept until another came */
} pace_level;
typedef struct pace {
    int    level, trial;             /* in use, and being tried: the same where none is */
    int    warm;                     /* memory was touched once */
    pace_level of[CONVIS_PACE_LEVELS];
    double patience, since, known;   /* seconds from one trial of more threads to the next; since the last; since one of fewer */
    double excess;                   /* seconds that the level in use took more than fewer threads would have; negative: less */
    double time, wasted, frames;     /* of the trial */
    int    stretches;
} pace;

/* most: threads that the model can use. */
int     convis_pace_threads(const pace *, int most);
/* Sub-chunks of so many frames for the next stretch, at least 1. */
int64_t convis_pace_stretch(const pace *, int64_t sub_chunk);
/* What the stretch took, and how long its threads slept, all together. */
void    convis_pace_note(pace *, int most, int64_t frames, double seconds, double slept);
#endif
