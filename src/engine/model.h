/* model.h - what the library's own files know of a model. */
#ifndef CONVIS_MODEL_H
#define CONVIS_MODEL_H
#include "base/context.h"
#include "device/device.h"
#include "pace.h"

enum { NAME_SIZE = 96, LONGEST_SEGMENT = 16, LONGEST_DELAY = 4096 };

/* The frames of one input or output: `history` earlier frames, then those of the present sub-chunk (or, when the output is probed,
 * of the whole chunk). */
typedef struct buffer {
    convis_real *base;
    convis_shape shape;              /* of one frame */
    int64_t n;                       /* elements a frame */
    int     asked, required;         /* the caller wants its output; of an input: its gradient */
    int     history, probed,
        whole;  /* probed: asked for, or needed by the backward pass. whole: base has room for a chunk, not only a sub-chunk */
    int     ring, phase;             /* ring: sub-chunks are of one frame, and base is so many, written in a circle that began at `phase` */
    int     local, slot;             /* local: lives only in its segment's tiles; slot: its place there */
    double  baseline;                /* constant value before the first frame */
    int     active;                  /* its gradient is needed: */
    convis_real *d;                  /* of `history` earlier frames, then of one sub-chunk's */
    convis_real *before;             /* the `history` frames before the last run's, which the backward pass needs again */
    convis_real *from;               /* what convis_vjp_from added, for the whole chunk; NULL until then */
    const convis_real *direct;       /* an input's frames of this run, where they can be read as they lie */
    convis_memory to;                /* where the caller wants the frames of each run, too; data NULL: nowhere */
    convis_real *own;                /* base, while the caller's memory is in its place; bound: it was in the last run */
    int     bound;
    convis_real *host;               /* of a device whose memory is not the host's: the last run's frames as downloaded ... */
    int     fetched;                 /* ... if whole, once asked for */
} buffer;

typedef struct model_input {
    char    name[NAME_SIZE];
    convis_shape frame;              /* as it was declared; of the first one unset */
    buffer  frames;
    double  baseline;                /* what it was before the first frame */
    int64_t channels;                /* of the first one, that a recipe declares; 0: any */
    convis_tensor given;             /* for this run, ... */
    int     is_given;                /* ... if it is a further input: the next one */
    convis_real *converted;          /* those that came as numbers of another type; one chunk */
    int     in_order;                /* they lie one after the other, as the model's own */
    convis_real *upload[2];          /* where they are uploaded while the last ones are still in use */
    convis_tensor gradient;          /* where the next convis_vjp writes it; data NULL: nowhere */
} model_input;

typedef struct model_layer {
    const convis_layer_type *type;
    char    name[NAME_SIZE];
    convis_edge in[CONVIS_MAX_INPUTS];
    convis_shape in_shape[CONVIS_MAX_INPUTS];
    int     history[CONVIS_MAX_INPUTS];
    int64_t takes[CONVIS_MAX_INPUTS];        /* channels of that input, as a recipe declares; 0: any */
    int     in_slot[CONVIS_MAX_INPUTS], copies_in[CONVIS_MAX_INPUTS];     /* in a tiled segment */
    convis_node sized;               /* what it takes from there has frames of width x height; width 0: of any size */
    int64_t width, height;
    int     inputs;                  /* connected */
    int     params, states, extras;  /* rows of the tables */
    double  param[CONVIS_MAX_PARAMS];
    double *array[CONVIS_MAX_PARAMS];
    char   *text[CONVIS_MAX_PARAMS];         /* texts, and of arrays what they were made from (convis_set_initialiser) */
    char    filled[CONVIS_MAX_PARAMS];       /* an array whose values are those that the layer begins with */
    convis_shape given[CONVIS_MAX_PARAMS];   /* the shape that an array's values were given in, as pass.array_shape; 0: none */
    char    place[240];              /* "file:line:column" of what it was made from; "": from no file */
    const convis_field *fields;      /* the parameters: the type's table, or `own`, where a text adds rows */
    char    word[32];                /* the one that convis_get_text returned last */
    int     opened;                  /* its type's close() is owed */
    int     skipped;                 /* numbers of spiking layers before it that have no cells and are left out of the model */
    convis_field *own;
    char  (*own_names)[32];
    convis_real *p;                  /* the scalars once more, for kernels */
    int64_t state_n[CONVIS_MAX_STATES], tape_n[CONVIS_MAX_TAPE];
    const convis_device_kernel *pointwise, *adjoint;
    int     needed;                  /* a probed output depends on it (where gradients are asked for; others are skipped) */
    int     dirty, recorded;         /* a parameter was set since prepare(); it writes a tape */
    buffer  out, extra[CONVIS_MAX_OUTPUTS];
    convis_pass pass;                /* everything but the frames of one call */

    uint32_t requires_gradient;      /* bit k: the gradient of parameter k was asked for */
    double  grad[CONVIS_MAX_PARAMS], *grad_array[CONVIS_MAX_PARAMS];
    double *sums;                    /* of a device whose memory is not the host's: room for the longest of pass.d_array */
    convis_real *twin[CONVIS_MAX_INPUTS];    /* of a pointwise layer's input that comes from where an earlier one does */
} model_layer;

/* Consecutive pointwise layers of equal frame size, or one neighbourhood layer. A tiled segment copies what it takes from
 * outside into `slots` tiles of frames a thread, works there, and copies out what others need: what only its own layers
 * need never goes to memory. */
typedef struct segment { int first, count; int64_t n, tile; int tiled, slots; convis_real *scratch; } segment;
typedef struct model_alias { char name[NAME_SIZE], path[NAME_SIZE]; } model_alias;
/* Who built the model for movies of this size, and builds it for others (models/recipe.c); make NULL: it suits this
 * size alone, or, where that is 0, any. */
typedef struct model_maker {
    convis_status (*make)(void *user, int64_t width, int64_t height, convis_model **);
    void    (*close)(void *user);
    void    *user;
    int64_t width, height;
    int     layers;                  /* how many it built */
} model_maker;
typedef struct snapshot { struct snapshot *below; } snapshot;           /* bytes follow */

struct convis_model {
    convis_context *context;
    double   dt;
    convis_status status;            /* the first error while building; its sentence: */
    char     sentence[512];
    model_layer *layers;   int count, room;
    model_alias *aliases;  int alias_count, alias_room;
    char     output[NAME_SIZE];      /* the layer whose output counts, as a recipe says; "": the last */
    segment *segments; int segment_count;
    model_input *inputs;  int input_count;
    convis_shape chunk;
    int64_t  sub_chunk;              /* frames of one */
    int      planned, threads;       /* threads: the most that run it */
    pace     forward, backward;      /* how many of them run it now */
    model_maker maker;
    uint64_t seed;
    int64_t  frame, running, ran;    /* frames since reset; of the present run; of the last one */
    snapshot *stack;
    uint64_t epoch;                  /* counts resets and puts of the state */

    convis_device *device;           /* the context's */
    struct convis_staging *staging;  /* frames to and from a device whose memory is not the host's (staging.c); else NULL */
    convis_real *spare;              /* on such a device: room for frames that are moved, and for sums; else NULL */
    int64_t  device_bytes, largest_block;    /* of limited memory: what the model takes */
    int      counting;               /* allocations are only counted (memory.c) */

    int      failed;                 /* the status with which a layer failed in this run */
    const model_layer *culprit;
    int      baseline_due;           /* the last vjp was of a run from the first frame: convis_vjp_baseline may follow, once */
    int      recording, taped;       /* gradients were asked for; the last run has a tape for a backward pass */
    convis_real *unwanted;           /* where adjoint kernels write gradients that are not required, after their history */

    convis_status canceled;          /* the present run ends early */
    int      allow_nonfinite;        /* frames may hold NaN and infinities */
    char     nonfinite[2*NAME_SIZE]; /* where convis_nonfinite found some last */

    int      record_spikes;
    convis_cell *given;   int64_t given_count;       /* cells by a recipe; NULL: every element of a spiking layer is a cell */
    convis_cell *units;   int64_t unit_count;        /* all, once planned */
    convis_spike *spikes, *spikes_spare; int64_t spike_count, spike_room;     /* spare: as much room, to sort them */
    int      spikes_lost;            /* of this run: there was no memory for some */
};

/* Where an output lives: its layer and buffer, or NULL with the sentence left on the context. */
buffer *convis_find_output(const convis_model *, const char *path, model_layer **owner);
/* The layer of a path or alias, and the rest of the path ("" for the layer itself); NULL when there is none. */
model_layer *convis_find_layer(const convis_model *, const char *path, const char **member);
/* The first error of building, on the context once more; 0: none. */
static inline convis_status convis_refuse(const convis_model *m)
{
    return m->status ? convis_fail(m->context, m->status, "%s", m->sentence) : CONVIS_OK;
}
void convis_describe_row(const convis_field *, convis_item *);          /* of a parameter: all but its path and doc */
int convis_find_row(const convis_field *table, const char *name);     /* -1: none */
int convis_find_input(const convis_model *, const char *name);        /* -1: none */
int convis_has_layer(const convis_model *, const char *name);
/* convis_set_array of values whose shape, (out, in, T, Y, X), is known: a plan that does not suit it says so. */
convis_status convis_set_shaped(convis_model *, const char *path, const double *values, convis_shape);
/* Gives back what planning made; what was asked for and set before stays (release.c). */
void convis_release_plan(convis_model *);
/* Makes of a model that its maker built for another size one for this size, with all that was set and asked for since. */
convis_status convis_resize(convis_model *, int64_t width, int64_t height);
/* To a model with the same layers: probes, required gradients, the seed, and whatever else was asked for or set beside its parameters. */
void convis_carry_requests(const convis_model *from, convis_model *to);
int convis_is_shape(convis_shape);                                    /* not empty, not too large */
/* A failure of this layer: where it stands in its file comes before the sentence on the context. Returns the status. */
static inline convis_status convis_blame(const convis_model *m, const model_layer *l, convis_status status)
{
    return status && *l->place ? convis_fail_before(m->context, status, "%s: ", l->place) : status;
}
/* The sentence on the context is the first error of building. Returns the status. */
convis_status convis_stick(convis_model *, convis_status);
convis_status convis_stick_null(convis_model *, const char *function, const char *what);      /* an argument that is NULL */
/* The layer and row of a parameter's path; NULL with the sentence left on the context. */
model_layer *convis_find_parameter(const convis_model *, const char *path, int *row);
/* Nodes: 1 .. are layers; 0 is the first input, -2, -3 .. further ones (-1 is none). */
static inline int convis_input_of(convis_node from) { return from.id > 0 ? -1 : from.id ? ~from.id : 0; }
static inline convis_node convis_input_node(int k) { return (convis_node){ k ? -k - 1 : 0 }; }
/* The source of an edge: an input's buffer or a layer's output. */
static inline buffer *convis_source(const convis_model *m, convis_node from)
{
    return from.id > 0 ? &m->layers[from.id - 1].out : &m->inputs[convis_input_of(from)].frames;
}
/* All of those: inputs, then layers. */
static inline int     convis_buffer_count(const convis_model *m) { return m->input_count + m->count; }
static inline buffer *convis_buffer_at(const convis_model *m, int k)
{
    return k < m->input_count ? &m->inputs[k].frames : &m->layers[k - m->input_count].out;
}
/* Frames of a buffer as they lie: frame-major. */
static inline convis_tensor convis_frames_view(const buffer *b, convis_real *first, int64_t frames)
{
    const int64_t *d = b->shape.dim, y = d[CONVIS_X], c = d[CONVIS_Y]*y;
    convis_tensor t = { first, b->shape, { d[CONVIS_C]*c, c, b->n, y, 1 } };
    t.shape.dim[CONVIS_T] = frames;
    return t;
}
/* Elements that an adjoint kernel may add to the gradient of input k: its history's frames, then a sub-chunk's. */
static inline int64_t convis_reach_back(const convis_model *m, const model_layer *l, int k)
{
    return (l->pass.history[k] + m->sub_chunk)*l->out.n;
}
/* The most inputs that a layer of this type can have. */
static inline int convis_most_inputs(const convis_layer_type *type) { return type->more ? type->more->inputs : type->inputs; }
static inline int convis_is_feedback(const convis_model *m, const model_layer *l, int input)
{
    return l->in[input].from.id > l - m->layers;
}
/* The constant value that an input had before the first frame; 0 of what is fed back. */
static inline double convis_edge_baseline(const convis_model *m, const model_layer *l, int input)
{
    return convis_is_feedback(m, l, input) ? 0 : convis_source(m, l->in[input].from)->baseline;
}
int convis_is_fed_back(const convis_model *, int layer);      /* to itself or an earlier one */
/* Elements of pass.d_array[k]. */
static inline int64_t convis_sums_of(const model_layer *l, int k) { return l->pass.sums[k] ? l->pass.sums[k] : (int64_t)l->param[k]; }
static inline int convis_can_learn(const convis_field *f) { return !(f->flags & (CONVIS_FIXED | CONVIS_WHOLE | CONVIS_TEXT)); }
uint64_t convis_state_layout(const convis_model *);           /* equal for models whose states mean the same */
convis_status convis_parameters_read(convis_model *, const char *file);     /* lines, as convis_parameters_save writes them */
convis_status convis_prepare(convis_model *);                 /* constants of every layer whose parameters changed */
/* Cells of the model's spiking layers, in order (copied). Without them each element is a cell. */
convis_status convis_model_cells(convis_model *, const convis_cell *, int64_t count);
convis_status convis_place_cells(convis_model *);
static inline int convis_is_spiking(const model_layer *l) { return l->type->spikes != NULL; }
#endif
