/* clock.h - a monotonic clock. */
#ifndef CONVIS_CLOCK_H
#define CONVIS_CLOCK_H
double convis_seconds(void);         /* since some moment */
#endif
