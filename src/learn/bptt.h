/* bptt.h - checkpointed backpropagation through many chunks of a movie, for fits, syntheses and gradient checks. */
#ifndef CONVIS_BPTT_H
#define CONVIS_BPTT_H
#include "base/clock.h"
#include "feed.h"
#include <convis/layer.h>

struct convis_bptt {
    convis_model *model;
    convis_context *context;
    const char   *output;            /* whose predictions are stored, and gradients taken; NULL: the hooks see to it */
    convis_frame_reader read;
    convis_feed  *feed;              /* what the model takes beside the movie; NULL: nothing */
    convis_frame_hook ran;           /* hooks may be NULL: after these frames on the way forward, ... */
    convis_frame_hook take;          /* ... before the backward pass over them, ... */
    convis_frame_gradient_hook gave; /* ... and after it, with the gradient at the movie where it is required */
    void         *user;
    int64_t chunk, units, input_n;   /* frames of a chunk; numbers a frame of the output, of the movie */
    convis_shape  in_shape, out_shape;
    int    ready;                    /* convis_bptt_run has run, and nothing went back through it */
    int    truncate;                 /* gradients do not pass chunk edges */
    size_t budget;                   /* bytes of stored states beyond which some are recomputed */
    /* The last forward pass: frames from..from+frames-1. */
    int64_t from, frames, chunks;
    convis_real *prediction;         /* (room, units) */
    convis_real *gradient;           /* the same, for the backward pass; the caller writes it */
    int64_t room;                    /* frames that these have room for */
    convis_real *movie;              /* one chunk */
    size_t  state_size;
    int64_t stride, stored, within;  /* of `stride` chunks the first one's state is stored; how many there is room for */
    char   *states, *inner, *end;    /* stored; those of one stride's chunks; after the last chunk */
    convis_feed   own_feed;          /* of one that convis_bptt_new made */
    convis_real  *d_movie;           /* one chunk, for `gave` */
};

/* Plans the model if it is not: for frames of this shape, `chunk` frames at a time (0: as many as suit), and never more than
 * `longest`. output NULL: the last layer's. Messages about sizes begin with `what`. */
convis_status convis_bptt_open (convis_model *, const char *output, convis_shape frame, int64_t chunk, int64_t longest,
                               const char *what, convis_bptt *);
void          convis_bptt_close(convis_bptt *);
convis_status convis_bptt_room (convis_bptt *, int64_t frames);    /* for predictions and gradients of so many frames */
/* Run these frames from the state the model is in; predictions are stored, and, if `back`, what the backward pass needs. */
convis_status convis_bptt_forward(convis_bptt *, int64_t from, int64_t frames, int back);
/* Backward: from p->gradient to gradients of the parameters (added), of the movie (frames, C, Y, X) where d_movie is not NULL, and, when it
 * began at the first frame, through the baseline. The model's state is then again that after the last frame. */
convis_status convis_bptt_back(convis_bptt *, convis_real *d_movie);
#endif
