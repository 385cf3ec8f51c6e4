/* model.h - what the library's own files know of a model. */
#ifndef CONVIS_MODEL_H
#define CONVIS_MODEL_H
#include "context.h"

enum { NAME_SIZE = 96, LONGEST_SEGMENT = 16 };

/* The frames of one output: `carry` frames of the past, then those of the present sub-chunk (or, when somebody keeps
 * the output, of the whole chunk). */
typedef struct buffer {
    convis_real *base;
    convis_shape shape;              /* of one frame */
    int64_t n;                       /* elements a frame */
    int     carry, kept;
    int     local, slot;             /* local: lives only in its segment's tiles; slot: its place there */
    int64_t frames;                  /* allocated beyond carry */
    double  past;                    /* constant value before the first frame */
} buffer;

typedef struct model_layer {
    const convis_layer_type *type;
    char    name[NAME_SIZE];
    convis_edge in[CONVIS_MAX_INPUTS];
    int     in_slot[CONVIS_MAX_INPUTS], copies_in[CONVIS_MAX_INPUTS];     /* in a tiled segment */
    int     params, states, extras;  /* rows of the tables */
    double  param[CONVIS_MAX_PARAMS];
    double *array[CONVIS_MAX_PARAMS];
    convis_real *p;                  /* the scalars once more, for kernels */
    int64_t state_n[CONVIS_MAX_STATES];
    const convis_kernel *kernels, *pointwise;
    int     dirty, recorded;         /* a parameter was set since prepare(); tape wanted */
    buffer  out, extra[CONVIS_MAX_OUTPUTS];
    convis_pass pass;                /* everything but the frames of one call */
} model_layer;

/* Consecutive pointwise layers of equal frame size, or one neighbourhood layer. A tiled segment copies what it takes from
 * outside into `slots` tiles of frames a thread, works there, and copies out what others need: what only its own layers
 * need never goes to memory. */
typedef struct segment { int first, count; int64_t n, tile; int tiled, slots; convis_real *scratch; } segment;
typedef struct model_alias { char name[NAME_SIZE], path[NAME_SIZE]; } model_alias;
typedef struct snapshot { struct snapshot *below; } snapshot;           /* bytes follow */

struct convis_model {
    convis_context *context;
    double   dt, past;
    convis_status status;            /* the first error while building; its sentence: */
    char     sentence[512];
    model_layer *layers;   int count, room;
    model_alias *aliases;  int alias_count, alias_room;
    segment *segments; int segment_count;
    buffer   input;
    convis_shape chunk;
    int64_t  batch;                  /* frames of a sub-chunk */
    int      planned, threads;       /* threads: of the context when it was planned */
    int      alone, alone_next;      /* calls still to run with one thread, and how many the next time (run.c) */
    uint64_t seed;
    int64_t  frame, ran;             /* frames since reset; frames of the last run */
    snapshot *stack;

    int      record_spikes;
    convis_unit *units;   int64_t unit_count;
    int      units_given;            /* by a recipe; else every element of a spiking layer is a unit */
    convis_spike *spikes; int64_t spike_count, spike_room;
};

/* Where an output lives: its layer and buffer, or NULL with the sentence left on the context. */
buffer *convis_find_output(const convis_model *, const char *path, model_layer **owner);
/* The layer of a path or alias, and the rest of the path ("" for the layer itself); NULL when there is none. */
model_layer *convis_find_layer(const convis_model *, const char *path, const char **member);
int convis_find_row(const convis_field *table, const char *name);     /* -1: none */
const convis_kernel *convis_find_kernel(const convis_kernel *list, const char *name);
convis_status convis_prepare(convis_model *);                 /* constants of every layer whose parameters changed */
void convis_start(convis_model *);                            /* states and carried frames as before the first frame */
/* Units of the model's spiking layers, in order (copied). Without it each element is a unit. */
convis_status convis_model_units(convis_model *, const convis_unit *, int64_t count);
convis_status convis_place_units(convis_model *);
static inline int convis_is_spiking(const model_layer *l) { return l->type->spikes != NULL; }
#endif
