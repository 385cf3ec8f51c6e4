/* run.h - what the way through a model (run.c) and the way back (grad.c) have in common. */
#ifndef CONVIS_RUN_H
#define CONVIS_RUN_H
#include "model.h"
#include "base/threads.h"

/* One thread's part in one sub-chunk. input: the movie's frames where they need not be gathered, else NULL. */
typedef struct turn { const convis_real *input; int64_t t0; int frames, thread; struct convis_team *team; } turn;

static inline void convis_turn_meet(const turn *u) { if (u->team->threads > 1) convis_team_meet(u->team); }

/* A segment's tiles first..last-1 are this thread's: contiguous, so that it meets its own pixels again. */
static inline void convis_turn_tiles(const turn *u, const segment *g, int64_t *first, int64_t *last)
{
    int64_t tiles = (g->n + g->tile - 1)/g->tile;
    *first = tiles*u->thread/u->team->threads;
    *last  = tiles*(u->thread + 1)/u->team->threads;
}

/* Where frame t of the present sub-chunk is: buffers for a whole chunk move on, others start over. */
static inline convis_real *convis_frames_at(const buffer *b, int64_t t0)
{
    return b->base ? b->base + (b->carry + (b->whole ? t0 : 0))*b->n : NULL;
}
/* The frame, counted in base, from which on frames become the past of the next sub-chunk; < 0: they need not be moved. */
static inline int64_t convis_carried_from(const buffer *b, int64_t t0, int frames, int64_t chunk)
{
    if (!b->carry || !b->base || (b->whole && t0 + frames < chunk)) return -1;      /* it already lies in front of the next's */
    return b->whole ? t0 + frames : frames;
}

/* The pass of a layer over the frames of a turn, forward. */
convis_pass convis_pass_of(const convis_model *, const model_layer *, const turn *);
/* What a pointwise kernel and its adjoint take, in their order, to v. */
void convis_forward_buffers(const model_layer *, const convis_pass *, const convis_real *const *in, convis_real *out, void **v);
void convis_adjoint_buffers(const model_layer *, const convis_pass *, void **v);
/* The spikes of one layer, whose units begin at `unit`; 0: there was no memory for them. Then those from `from` on by time. */
int  convis_layer_spikes(convis_model *, const model_layer *, convis_pass *, const turn *, int64_t unit);
void convis_sort_spikes(convis_model *, int64_t from);
/* The same on the way back (grad.c). */
convis_pass convis_pass_back(const convis_model *, const model_layer *, const turn *);
convis_span convis_span_of(const convis_pass *, int64_t i0, int64_t i1, int64_t n, int64_t map_size);

/* Call `work` on every thread of a team; user is handed on. A team of one where more would not pay. */
void convis_team_run(convis_model *, int64_t frames, void (*work)(convis_model *, turn *, void *user), void *user);
#endif
