/* eye.h - where a fixating eye looks: drift and microsaccades, frame by frame. */
#ifndef CONVIS_EYE_H
#define CONVIS_EYE_H
#include <stdint.h>

typedef struct convis_eye_params {
    double dt;                       /* seconds per frame */
    double drift;                    /* standard deviation of the random walk, degrees per square root of a second and axis */
    double rate, amplitude, length;  /* microsaccades: per second, mean in degrees, seconds that one takes */
    uint64_t seed;
} convis_eye_params;

typedef struct convis_eye {
    convis_eye_params p;
    int64_t frame, saccade;          /* now; number of the saccade under way or next */
    double  drift[2], base[2];       /* degrees: by drift, by saccades that are over */
    double  onset, jump[2];          /* of saccade number `saccade`; jump is known once it began */
    int     began;
} convis_eye;

void convis_eye_start(convis_eye *, const convis_eye_params *);
void convis_eye_at(convis_eye *, int64_t frame, double gaze[2]);     /* degrees; any order, forwards is cheap */
#endif
