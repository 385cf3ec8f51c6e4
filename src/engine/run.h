/* run.h - what the forward pass through a model (run.c) and the backward pass (grad.c) have in common. */
#ifndef CONVIS_RUN_H
#define CONVIS_RUN_H
#include "base/threads.h"
#include "memory.h"

/* One thread's part in one sub-chunk: of frames t0 .. t0 + frames - 1 of the chunk. since: what the threads have done since they last met
 * at a barrier: nothing (MET), each its own band of maps of n elements (n > 0), or ANYTHING. */
enum { MET = 0, ANYTHING = -1 };
typedef struct slice { int64_t t0; int frames, thread; struct convis_barrier *barrier; int64_t since; } slice;

static inline void convis_slice_barrier(const slice *u) { if (u->barrier->threads > 1) convis_barrier_wait(u->barrier); }

/* A barrier, unless all that comes is on the thread's own band of maps of n elements (ANYTHING: it is not), and so was all since the
 * last: then a thread need not wait for the others, over as many segments and sub-chunks as there are. */
static inline void convis_slice_meet(slice *u, int64_t n)
{
    if (u->since != MET && (n == ANYTHING || u->since != n)) convis_slice_barrier(u);
    u->since = n;
}

/* The elements from..to - 1 of a map of n are this thread's, each time: its band. */
static inline void convis_slice_band(const slice *u, int64_t n, int64_t *from, int64_t *to)
{
    const int64_t groups = (n + 63)/64;
    *from = groups*u->thread/u->barrier->threads*64;
    *to = groups*(u->thread + 1)/u->barrier->threads*64;
    if (*to > n) *to = n;
}

/* Where the sub-chunk that begins with frame t0 of the run is, `delay` frames earlier (at most the history): buffers for a whole chunk
 * advance, others begin again. */
static inline convis_real *convis_frames_at(const buffer *b, int64_t t0, int delay)
{
    if (!b->base) return NULL;
    if (b->ring) return b->base + (b->phase + b->history + t0 - delay) % b->ring*b->n;
    return b->base + (b->history + (b->whole ? t0 : 0) - delay)*b->n;
}

/* ---- launch.c ---- */

/* The pass of a layer over the frames of a slice, forward. */
convis_pass convis_pass_of(const convis_model *, const model_layer *, const slice *);

/* ---- run.c ---- */

/* Take so many frames through `pass`, which gets some sub-chunks after others (first..last - 1), on every thread at once; as many threads as
 * is fastest. between: asked now and then where somebody watches (convis_on_progress); it may make *frames less; or NULL. */
void convis_run_paced(convis_model *, pace *, const int64_t *frames,
                      void (*pass)(convis_model *, slice *, int64_t first, int64_t last),
                      void (*between)(convis_model *, int64_t done));

/* ---- inputs.c ---- */

/* All inputs of a run, checked. keep: of further ones as many frames are taken as of the movie, and they stay given. */
convis_status convis_take_inputs (convis_model *, convis_tensor movie, int keep);
void          convis_leave_inputs(convis_model *, int keep);

/* ---- numbers.c ---- */

/* Frames for an input as a tensor: in place, or converted. */
convis_status convis_take_numbers(convis_model *, model_input *, const convis_memory *, convis_tensor *frames);
/* Memory of the caller's takes the place of outputs before a run of so many frames, and gives it back after it, or is written then. */
convis_status convis_bind_outputs  (convis_model *, int64_t frames);
convis_status convis_unbind_outputs(convis_model *);
void          convis_forget_bindings(convis_model *);         /* and nowhere any more */

/* ---- launch.c ---- */

convis_span convis_span_of(const convis_pass *, int64_t i0, int64_t i1, int64_t n, int64_t map_size);
/* groups 0: as many as the span's elements need. */
void convis_place_launch(const struct convis_place *, const convis_device_kernel *, void *const *buffers, const convis_span *,
                         int64_t groups, int group_size);
/* A neighbourhood layer's forward, or what was captured of it; or its vjp. By every thread, with a barrier at the end. */
void convis_pass_forward(convis_model *, const model_layer *, convis_pass *);
void convis_pass_vjp    (convis_model *, const model_layer *, convis_pass *);
/* Did a layer fail? One thread alone goes no further; several, who must agree on it, end with their stretch (convis_run_paced). */
static inline int convis_pass_stops(const convis_model *m, const slice *u) { return u->barrier->threads == 1 && m->failed; }
/* The status of a run of which a layer failed; 0: none did. */
convis_status convis_pass_status(const convis_model *);

/* ---- staging.c ---- */

/* Copies of frames between host and device; on a processor, whose memory is the host's, most of this does nothing. */
convis_status convis_staging_open(convis_model *);
void convis_staging_allocate(convis_model *, convis_status *status);
void convis_staging_close(convis_model *);
/* The inputs' frames of the slice's sub-chunk, by all threads. */
void convis_stage_in(convis_model *, slice *);
/* Copies out what is probed, and what spikes are found from. By one thread. */
void convis_stage_out(convis_model *, const slice *);
/* The k-th slice whose frames have arrived while this one runs: on a processor this one, else the one before, and at the end this one,
 * too (frames is 0 where there is none). 0: no more. By one thread, and one after the other: they arrive in one place. */
int  convis_stage_arrived(convis_model *, const slice *, int k, slice *arrived);
/* n numbers of the device as the host can read them. */
const convis_real *convis_stage_back(const convis_model *, const convis_real *from, int64_t n);
/* Frames of the last run for convis_output. */
convis_status convis_stage_fetch(convis_model *, buffer *, convis_real **frames);
/* Where a layer's spikes are found. */
void convis_staged_spikes(const convis_model *, const model_layer *, convis_pass *);

/* ---- spikes.c ---- */

void convis_collect_spikes(convis_model *, const slice *);
#endif
