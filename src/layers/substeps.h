/* substeps.h - what neurons share whose step is divided into substeps: izhikevich.c, fitzhugh_nagumo.c, hodgkin_huxley.c.
 *
 * Such a layer has a cell's state in `lines`, arrays of CONVIS_GROUP that follow each other, V the first; STATE_SIZE numbers in all. Its
 * tape has a map for each of them, the input and the count of spikes of every step.
 *
 * Backward, the substeps of a step are computed again from the tape. Once through the step (SUBSTEPS_AGAIN), which keeps the state
 * before each block of SUBSTEPS_BLOCK of them (`coarse`), and in the last block before each substep (`fine`); then block by block from the
 * last one on (SUBSTEPS_BACK). So a step may have SUBSTEPS_BLOCK^2 substeps. */
#ifndef CONVIS_SUBSTEPS_H
#define CONVIS_SUBSTEPS_H

enum { SUBSTEPS_BLOCK = 32 };

CONVIS_INLINE int substeps_of(real dt, real longest) { return (int)convis_max(dt/longest + R(0.999), R(1.0)); }

#ifndef CONVIS_HOST

/* The state of a group and its input, to the maps of a step and back; `apart` numbers from map to map. */
CONVIS_INLINE void substeps_tape(const real *now, int lines, IN x, TAPE tape, integer apart, integer count)
{
    for (int j = 0; j < lines; j++)
        for (integer l = 0; l < count; l++) tape[j*apart + l] = now[j*CONVIS_GROUP + l];
    for (integer l = 0; l < count; l++) tape[lines*apart + l] = x[l];
}
CONVIS_INLINE void substeps_untape(real *now, int lines, IN tape, integer apart, integer count)
{
    for (int j = 0; j < lines; j++)
        for (integer l = 0; l < count; l++) now[j*CONVIS_GROUP + l] = tape[j*apart + l];
}

/* What comes of a step: outputs from element `to` on, and the count on the tape from `at` on. */
CONVIS_INLINE void substeps_show(int shows_v, const real *v, const real *spikes, OUT y, OUT shown_v, OUT shown_spikes, TAPE tape,
                                 integer to, integer at, integer count)
{
    for (integer l = 0; l < count; l++) y[to + l] = shows_v ? v[l] : spikes[l];
    if (shown_v) for (integer l = 0; l < count; l++) shown_v[to + l] = v[l];
    if (shown_spikes) for (integer l = 0; l < count; l++) shown_spikes[to + l] = spikes[l];
    if (tape) for (integer l = 0; l < count; l++) tape[at + l] = spikes[l];
}

/* Substep k ended with the highest V so far, if it did not begin above the threshold. */
CONVIS_INLINE void substeps_highest(const real *before, const real *now, real threshold, int k, real *peak, real *at,
                                    integer count)
{
    for (integer l = 0; l < count; l++) {
        int higher = (before[l] < threshold) & (now[l] > peak[l]);
        peak[l] = higher ? now[l] : peak[l];
        at[l] = higher ? (real)k : at[l];
    }
}

/* The gradients of a group's parameters, those of the table's rows first .. first + rows - 1. */
CONVIS_INLINE void substeps_parts(const real *part, int first, int rows, OUT dmap, integer apart, integer count)
{
    for (int j = 0; j < rows; j++)
        for (integer l = 0; l < count; l++) dmap[(first + j)*apart + l] += part[j*CONVIS_GROUP + l];
}

/* step: one substep from `now`, the state as it was being at `before`; what follows looks at both. */
#define SUBSTEPS_AGAIN(steps, step, ...)                                                                     \
    for (int k = 0; k < steps; k++) {                                                                        \
        real *before = fine + k%SUBSTEPS_BLOCK*STATE_SIZE, *start = coarse + k/SUBSTEPS_BLOCK*STATE_SIZE;    \
        if (k%SUBSTEPS_BLOCK == 0) for (integer l = 0; l < STATE_SIZE; l++) start[l] = now[l];               \
        for (integer l = 0; l < STATE_SIZE; l++) before[l] = now[l];                                         \
        step;                                                                                                \
        __VA_ARGS__;                                                                                         \
    }

/* back: from the gradient d after a substep to that before it, where the state was `before`. push goes to V after substep `at`. */
#define SUBSTEPS_BACK(steps, step, back)                                                                     \
    for (int last = steps; last > 0; last = (last - 1)/SUBSTEPS_BLOCK*SUBSTEPS_BLOCK) {                      \
        int first = (last - 1)/SUBSTEPS_BLOCK*SUBSTEPS_BLOCK;                                                \
        if (last < steps) {                                                                                  \
            for (integer l = 0; l < STATE_SIZE; l++) now[l] = coarse[first/SUBSTEPS_BLOCK*STATE_SIZE + l];   \
            for (int k = 0; k < SUBSTEPS_BLOCK; k++) {                                                       \
                real *before = fine + k*STATE_SIZE;                                                          \
                for (integer l = 0; l < STATE_SIZE; l++) before[l] = now[l];                                 \
                step;                                                                                        \
            }                                                                                                \
        }                                                                                                    \
        for (int k = last - 1; k >= first; k--) {                                                            \
            const real *before = fine + (k - first)*STATE_SIZE;                                              \
            for (integer l = 0; l < count; l++) d[l] += at[l] == (real)k ? push[l] : R(0.0);                 \
            back;                                                                                            \
        }                                                                                                    \
    }

#else
#include <convis/layer.h>

/* The tape; and are substeps of this length too many for a step? */
static inline convis_status substeps_plan(convis_pass *p, int lines)
{
    p->tape_shape[0] = p->out_shape;
    p->tape_shape[0].dim[CONVIS_B] *= lines + 2;
    return CONVIS_OK;
}
static inline convis_status substeps_check(convis_pass *p, double longest)
{
    const double steps = p->dt/longest;
    if (steps <= SUBSTEPS_BLOCK*SUBSTEPS_BLOCK) return CONVIS_OK;
    return convis_fail(p->context, CONVIS_ENOTSUP, "%s.substep: %.0f of %g s in a step of %g s, expected at most %d", p->path,
                       steps, longest, p->dt, SUBSTEPS_BLOCK*SUBSTEPS_BLOCK);
}

/* Substep k of element i's step t carried V across the threshold. */
static inline void substeps_emit(const convis_pass *p, void *sink, int64_t i, int t, int k, int steps, real before, real v,
                                 real threshold)
{
    if (before < threshold && v >= threshold)
        convis_emit(sink, i, t, ((double)k + (double)(threshold - before)/(double)(v - before))*p->dt/steps);
}
#endif
#endif
