/* convis.h - simulate and fit filter-based models of early vision.
 *
 * Read top to bottom: status, tensors, context, model, parameters, running, state, cells and spikes,
 * published models. A movie goes in, currents, rates or spikes come out:
 *
 *      convis_context *c;  convis_open(&c, "auto");
 *      convis_recipe  *r;  convis_recipe_open(c, "retina", &r);
 *      convis_model   *m;  convis_recipe_build(r, 128, 128, &m);
 *      convis_probe(m, "ganglion_0");
 *      convis_plan(m, convis_movie_shape(100, 128, 128));
 *      while (...) { convis_run(m, frames);  convis_output(m, "ganglion_0", &currents); ... }
 *
 * <convis/io.h> reads and writes movies, arrays, spikes and figures; <convis/layer.h> and
 * <convis/kernel.h> are for those who write layers.
 * Every call that can fail returns a convis_status; the sentence that explains it is convis_message(context).
 * The library never prints, aborts or exits.
 *
 * Words:
 *      chunk, sub-chunk   the frames of one convis_run; as many of them as pass through all layers before the next ones begin
 *      path               a name with dots: layer, then parameter, state or output: "opl.center.tau"
 *      node, edge         a layer or input of the model; a connection from one, with a delay in frames
 *      probe              to ask for a layer's output
 *      baseline           the constant value that an input had before the first frame
 *      history            earlier frames that a layer or a delayed connection still needs
 *      tape               what a layer records on the forward pass for the backward pass
 *      initialiser        a text from which an array is computed: "gaussian?sigma=2"
 *      recipe             a model whose input size is not chosen yet; its settings are texts
 *      cell               an element of a spiking layer; files, options and some fields call it unit
 *
 * Lifetimes: what a call is given it copies, or uses only until it returns, unless its comment says otherwise (of a layer type only the
 * address is stored). What X_new, X_open, X_read or X_build made is the caller's, until X_free or X_close, which accepts a NULL there
 * and leaves NULL; in any order: a context that was closed lives as long as anything that was made with it. Texts and arrays that are
 * returned as pointers to const belong to the object asked, and are valid until it is changed or freed; static lists always are. Where a
 * call that makes something fails, *result is NULL (but see convis_open).
 *
 * Misuse is never a crash. A pointer that is NULL is CONVIS_EINVAL, unless its comment gives a NULL a meaning; functions that return no
 * status then do nothing, or return 0, NULL, "" or a node -1, as for an index out of range. So are sizes below 0, products of sizes that are
 * too large, and numbers that no enumerator has. Of pointers that are not NULL nothing can be known: they must be valid. Options: NULL
 * stands for their defaults (CONVIS_X_DEFAULTS), where nothing in them is obligatory. */
#ifndef CONVIS_H
#define CONVIS_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The release; and the interface's own number, which goes up when programs must be compiled anew: libconvis.so.1. */
#define CONVIS_VERSION_MAJOR 0
#define CONVIS_VERSION_MINOR 2
#define CONVIS_VERSION_PATCH 0
#define CONVIS_API           1
#define CONVIS_DOTTED_(a, b, c) #a "." #b "." #c
#define CONVIS_DOTTED(a, b, c)  CONVIS_DOTTED_(a, b, c)
#define CONVIS_VERSION CONVIS_DOTTED(CONVIS_VERSION_MAJOR, CONVIS_VERSION_MINOR, CONVIS_VERSION_PATCH)     /* "0.2.0" */
const char *convis_version(void);                        /* of the library loaded, not of this header */

/* The number type of movies, states and parameters: float, or double in the build that checks gradients. */
#ifdef CONVIS_DOUBLE
typedef double convis_real;
#else
typedef float convis_real;
#endif

/* ---- Status ------------------------------------------------------------------------------------------ */

#define CONVIS_STATUS_LIST(X)                                             \
    X(CONVIS_OK,        0, "success")                                     \
    X(CONVIS_EINVAL,   -1, "a value is out of range")                     \
    X(CONVIS_ESHAPE,   -2, "two shapes do not fit together")              \
    X(CONVIS_ENOMEM,   -3, "out of memory")                               \
    X(CONVIS_ENAME,    -4, "nothing has that name")                       \
    X(CONVIS_ESTATE,   -5, "the call was made in the wrong order")        \
    X(CONVIS_EDEVICE,  -6, "the device or its driver failed")             \
    X(CONVIS_ENOTSUP,  -7, "not supported")                               \
    X(CONVIS_EIO,      -8, "reading or writing failed")                   \
    X(CONVIS_EFORMAT,  -9, "the file is not what it claims to be")        \
    X(CONVIS_ECANCELED, -10, "the caller wants no more of it")
#define CONVIS_STATUS_ENUM(name, value, text) name = value,
typedef enum convis_status { CONVIS_STATUS_LIST(CONVIS_STATUS_ENUM) CONVIS_STATUS_END_ = 1 } convis_status;
const char *convis_strerror(convis_status);              /* "two shapes do not fit together" */

/* ---- Tensors: views of host memory in five dimensions, this order, strides in elements. They own nothing. */

enum { CONVIS_B, CONVIS_C, CONVIS_T, CONVIS_Y, CONVIS_X, CONVIS_DIMS };   /* batch, channel, time, y, x */
typedef struct convis_shape  { int64_t dim[CONVIS_DIMS]; } convis_shape;
typedef struct convis_tensor { convis_real *data; convis_shape shape; int64_t stride[CONVIS_DIMS]; } convis_tensor;

convis_shape  convis_movie_shape(int64_t t, int64_t y, int64_t x);        /* (1, 1, t, y, x) */
int64_t       convis_elements(convis_shape);             /* -1: a size is below 0, or there are more than can be counted */
convis_tensor convis_view (convis_real *data, convis_shape);              /* contiguous */
convis_tensor convis_slice(convis_tensor, int dim, int64_t from,
                           int64_t to);   /* from .. to - 1 of one dimension; no copy. Data NULL, all sizes 0: out of range */
void          convis_tensor_copy(convis_tensor to, convis_tensor from);   /* of one shape, else nothing; strides may differ */

/* ---- Context: a device, its threads, an allocator, the last error. One per thread of the caller. -------
 *
 * Several threads of a program may each have a context, and use them at once. After a fork() the child may go on with the contexts and
 * models on a processor that it has inherited, or close them; it begins threads of its own. Not with those that another thread of the
 * parent was using, nor with movies that are open: FFmpeg's threads stay behind. */

typedef struct convis_context convis_context;
typedef struct convis_allocator {                        /* both get user; release accepts NULL */
    void *(*obtain)(void *user, size_t bytes);
    void  (*release)(void *user, void *memory);
    void  *user;
} convis_allocator;

/* device: "cpu", or "cpu:ISA" with ISA one of those convis_isa lists ("baseline", "avx2", "avx512"); "cuda:N" or "opencl:P.D" of
 * convis_device_list, or "cuda" or "opencl" for its first usable one; "auto" (or NULL): what $CONVIS_DEVICE names, else the fastest
 * that works, a GPU before a processor. On failure *context is NULL when there was no memory at all; else it is open only to ask
 * convis_message. */
convis_status convis_open     (convis_context **context, const char *device);
convis_status convis_open_with(convis_context **context, const char *device, const convis_allocator *);
/* Lets go of it: it is freed, with its device, when nothing that was made with it is left. */
void          convis_close    (convis_context **context);                 /* accepts NULL; leaves NULL */
/* The last failure's sentence, until the next: "opl.center.tau: -1 s is below the smallest value 0 s". Never NULL. Of NULL: the last
 * failure of this thread that had no context to leave its sentence on, for want of memory or because an object was NULL. */
const char   *convis_message  (const convis_context *);
/* The most that compute, of models that are planned after it; 0: one for each processor that the process may use; else 1 to 1024. They begin
 * with the first run that needs them and end with the context. A run takes fewer where that is faster; no result depends on it. */
convis_status convis_threads  (convis_context *, int threads);
int           convis_thread_count(const convis_context *);
const char   *convis_device_name (const convis_context *);                /* "cpu:avx2" */
/* Asked often, by the thread that called, while something takes long: `done` of `total` (0: not known) of `what` ("run", "fit", "settle",
 * "synthesize", "gradcheck", "sta", "scores", "read", "plot", "bptt" forward); a fit's or bptt's runs ask, too. Not 0: the call shall end, with CONVIS_ECANCELED, which
 * leaves: a run, what a run of fewer frames leaves (convis_frame says of how many; maybe of none); settling, a model that settled for fewer
 * steps; a fit or a synthesis, the best so far, as after any failure; a movie, its next step still to be read (got: those that were); all
 * else no result. Within it no object of the context is used, but that of its message. NULL: nobody is asked. */
typedef int (*convis_progress_function)(void *user, const char *what, int64_t done, int64_t total);
convis_status convis_on_progress(convis_context *, convis_progress_function, void *user);
/* Gets a sentence for what is no failure but should be known: each warning that convis_recipe_warning lists, when it arises, and those of
 * planning. NULL: nobody. */
typedef void (*convis_log_function)(void *user, const char *sentence);
convis_status convis_on_log(convis_context *, convis_log_function, void *user);
const char   *convis_isa(int index, int *usable);        /* instruction sets of this build, best first; NULL at the end */
/* What there is to compute on, or why there is none of a kind (why; not usable). 0 past the last. */
typedef struct convis_device_info {
    char    name[32], title[128];    /* as convis_open takes it; what its maker calls it */
    int     usable, is_gpu;
    int64_t memory;                  /* bytes; 0: not known */
    char    why[256];                /* when it is not usable: a sentence */
} convis_device_info;
int           convis_device_list(int index, convis_device_info *);
/* Libraries and programs that a build may do without: what each serves, whether it is in this build, and the shared libraries that are
 * loaded when it is first needed. What needs a part that is not there fails with ENOTSUP and a sentence that names it. 0 past the last. */
typedef struct convis_part {
    const char *name, *serves;       /* "HDF5", ".h5: arrays, results, fitted models" */
    int         built;
    char        libraries[200];      /* "libhdf5.so.200", apart by blanks; "" where there is none to load */
} convis_part;
int           convis_part_list(int index, convis_part *);

/* ---- Model: named layers in the order in which the signal passes them. ------------------------------- */

typedef struct convis_model convis_model;
typedef struct convis_layer_type convis_layer_type;      /* a layer's table: <convis/layer.h> */
typedef struct convis_node { int id; } convis_node;      /* a place in the model; 0 is its first input, -2, -3 ... are further ones */
typedef struct convis_edge { convis_node from; int delay; } convis_edge;  /* delay: frames by which it is late */

/* Building needs no checks: the first error stays, later calls do nothing (and return node -1), convis_plan reports it.
 * dt: seconds per frame. Layer names may contain dots ("opl.center") and must be unique. */
convis_status convis_model_new (convis_context *, double dt, convis_model **);
void          convis_model_free(convis_model **);                         /* accepts NULL; leaves NULL */
convis_node   convis_input(convis_model *);
/* A further input besides the first ("input", node 0, which convis_name_input may give another name; "input" stays valid for it): frames
 * of this shape (T is 1, the others any; where B is 1, one for each of the movies side by side), independent of the first's. Its node is for
 * convis_add and convis_join; -1 with an error. */
convis_status convis_add_input (convis_model *, const char *name, convis_shape frame, convis_node *);
convis_status convis_name_input(convis_model *, const char *name);
convis_node   convis_add  (convis_model *, const convis_layer_type *, const char *name, convis_node in);
/* A layer with several inputs, in the order of its type. */
convis_node   convis_join (convis_model *, const convis_layer_type *, const char *name, const convis_edge *in, int count);
/* Reconnects an input (0, 1, ...) of a layer. From the layer itself or a later one it is feedback, which needs a delay of 1 or more;
 * sub-chunks then are as short as the shortest such delay. Before the first frame feedback is 0. */
void          convis_connect(convis_model *, convis_node layer, int input, convis_edge);
void          convis_alias(convis_model *, const char *alias, const char *path);   /* "center" for "opl.center" */
/* The layer of that name or alias, for a further edge; id -1 when there is none. */
convis_node   convis_node_named(const convis_model *, const char *name);
/* A whole model within this one (convis_recipe, below): its layers are added under its name ("retina.opl.center"), its cells after those
 * of the model, its first input is `in`, whose frames have this size in pixels. Returns its output's node; the name is an alias of it. */
typedef struct convis_recipe convis_recipe;
convis_node   convis_insert(convis_model *, const convis_recipe *, const char *name, convis_node in, int64_t width, int64_t height);
double        convis_dt(const convis_model *);                            /* seconds per frame */
convis_context *convis_model_context(const convis_model *);
const convis_layer_type *const *convis_layer_types(void);                 /* the built-in layers, NULL at the end */
const convis_layer_type *convis_layer_type_named(const char *name);       /* one of them; NULL: there is none */
/* A layer of one's own, in a C file like those in src/layers (docs/guide.md): compiled by the system's compiler, kept in the cache of
 * kernels, and the context's until that is closed. It is of the same context's models alone. Such code runs with all rights of the process:
 * ENOTSUP unless convis_allow_code(context, 1) was called, as a model file may name such layers, too (type: ./fade.c). */
convis_status convis_layer_type_open(convis_context *, const char *file, const convis_layer_type **);
convis_status convis_allow_code(convis_context *, int on);                /* 0 unless set */
/* What a type has without a model: see convis_item, below. kind: CONVIS_LAYER (itself), CONVIS_PARAMETER, CONVIS_STATE, CONVIS_OUTPUT (the
 * first has no name of its own, path ""), CONVIS_INPUT (what it takes, in order; one row where all are alike). Parameters that a text adds
 * (expr) are a model's. 0 past the last. */
typedef struct convis_item convis_item;
typedef enum convis_kind { CONVIS_LAYER, CONVIS_PARAMETER, CONVIS_STATE, CONVIS_OUTPUT, CONVIS_ALIAS, CONVIS_INPUT } convis_kind;
int convis_layer_type_list(const convis_layer_type *, convis_kind, int index, convis_item *);
/* The line-th line of the equation with which the type's file begins, from 0; text ends with a zero. 0 past the last. */
int convis_layer_type_equation(const convis_layer_type *, int line, char *text, size_t size);

/* convis_probe asks for a layer's output over the whole chunk ("opl", "bipolar.adaptation"); before convis_plan.
 * convis_plan infers shapes from one chunk of input, (B, C, T, Y, X) with at most T frames a run, and allocates everything; convis_run
 * never does. A planned model may be planned again, for movies of another size, chunks of another length; all that
 * was set, learnt and asked for stays; it starts anew at the first frame. What a recipe made for a size (a retina's windows and cells) is
 * made for the new one; arrays that were set keep their values, and must suit it (ESHAPE). Where convis_plan fails the model is not planned;
 * nothing else is lost but its state.
 * A probe of a model that is planned is there from the next run on: it is planned anew, at its frame, with its state and stack, and
 * with where outputs go (convis_output_to); spikes and outputs of the last run are gone. Where that fails the model is not planned, and its state
 * is lost. convis_unprobe takes a
 * probe back; convis_unplan the plan, its memory, and the state: then layers can be added and sizes set that planned models refuse. */
convis_status convis_probe  (convis_model *, const char *path);
convis_status convis_unprobe(convis_model *, const char *path);
convis_status convis_plan   (convis_model *, convis_shape chunk);
convis_status convis_unplan (convis_model *);
/* Once planned: how many frames one convis_run takes; as many as asked for, but fewer where gradients of so many do not fit into a
 * GPU's memory. And how many bytes of the GPU's memory the model takes; 0 on a processor. */
int64_t       convis_chunk(const convis_model *);
int64_t       convis_device_bytes(const convis_model *);

/* ---- Parameters, states and outputs have paths: "opl.center.tau", "bipolar.adaptation". --------------- */

convis_status convis_set(convis_model *, const char *path, double value);          /* bounds are checked */
convis_status convis_get(const convis_model *, const char *path, double *value);
/* Array parameters (positions of cells, weights), the last dimension fastest: copied in; before convis_plan they may change size.
 * ESHAPE for another count than the array has. */
convis_status convis_set_array(convis_model *, const char *path, const double *values, int64_t count);
convis_status convis_get_array(const convis_model *, const char *path, double *values, int64_t count);   /* all of them */
/* An array by its initialiser, "gaussian?sigma=2" (convis_initialiser_list): computed when its shape is known, at
 * the latest by convis_plan. Faults in the text are found at once where the shape is known, else by convis_plan. */
convis_status convis_set_initialiser(convis_model *, const char *path, const char *initialiser);
/* Text parameters (formulas, names of presets), before convis_plan; and numbers that are words ("reflect"), as convis_set. */
convis_status convis_set_text(convis_model *, const char *path, const char *text);
/* An array's: its initialiser. Of a number that is a word: that. NULL for other numbers. */
const char   *convis_get_text(const convis_model *, const char *path);

/* All of them as text, a line a number ("opl.center.tau 0.01"). Loading sets those named, in a model that has them; on
 * any fault none. A .npz is one of Convis's parameter files (docs/models.md says which names are understood). */
convis_status convis_parameters_save(const convis_model *, const char *file);
convis_status convis_parameters_load(convis_model *, const char *file);
convis_status convis_parameters_parse(convis_model *, const char *name, const char *text);    /* name: for sentences */

struct convis_item {
    char        path[128];
    const char *unit, *doc;
    const char *target;                                  /* of an alias; the type's name for a layer */
    int         inputs;                                  /* a layer: how many, and where they come from; node k is layer k - 1 */
    convis_edge input[64];
    double      value, initial, min, max;                /* a scalar parameter; initial is its default. An input: its baseline */
    const char *initial_text;                            /* a text parameter's default; else NULL */
    int         differentiable, whole, array, text;      /* whole: only whole numbers; array, text: what value is not */
    const char *words;                                   /* of a parameter whose numbers are words: "none|sum|norm" are min, min + 1 ... (an
                                                          * empty one is a number without a name); else NULL */
    int         requires_gradient;                                  /* a parameter: its gradient was asked for */
    int64_t     count;                                   /* elements (a state or output: once planned) */
    convis_shape shape;                                  /* an output: one frame, dim[CONVIS_T] = 1; an array: (out, in, T, Y, X) */
    convis_real *data;                                   /* a state's memory; else, and on a GPU, NULL */
};
/* The index-th item of that kind. Returns 0 past the last. */
int convis_list(const convis_model *, convis_kind, int index, convis_item *);

/* ---- Running. Consecutive chunks of any sizes give, bit for bit, what one call on the whole movie gives. */

/* in: the shape planned, or fewer frames; any strides. Read only until it returns. NaN or an infinity in it is EINVAL; the sentence names the
 * frame (as convis_frame counts) and the pixel, and nothing has run. Where a layer fails (one of a user's own may), outputs
 * and state are those of no frame, and convis_frame is what it was: convis_reset, convis_pop or convis_state_put begin anew. */
convis_status convis_run   (convis_model *, convis_tensor in);
/* Frames of a further input for the next run: as many as that takes of the first, read in place until it returns. ESTATE by
 * convis_run when one is missing. */
convis_status convis_give  (convis_model *, const char *name, convis_tensor frames);
/* On: NaN and infinities in frames are let through, to convis_run, convis_give and convis_settle; filters then keep them for ever. */
convis_status convis_allow_nonfinite(convis_model *, int on);
/* How many numbers are not finite in what the last run gave: in probed outputs, and in the states of spiking layers as they now are. A model
 * that overflows shows it here. path (NULL: not asked): that of the first, "bipolar" or "ganglion_0.V", valid until the next call and the
 * model is freed; NULL where there is none. Costs a pass over the outputs. */
convis_status convis_nonfinite(convis_model *, int64_t *count, const char **path);
/* A probed output over the last run: a view of the model's memory, valid until the next run, plan or free. ESTATE when not probed. */
convis_status convis_output(convis_model *, const char *path, convis_tensor *);
/* Numbers of any type in memory of the caller's: strides in elements, which may be negative. */
typedef enum convis_number { CONVIS_FLOAT32, CONVIS_FLOAT64, CONVIS_UINT8, CONVIS_INT16, CONVIS_UINT16, CONVIS_INT32 } convis_number;
typedef struct convis_memory { void *data; convis_number type; convis_shape shape; int64_t stride[CONVIS_DIMS]; } convis_memory;
convis_memory convis_memory_view(void *data, convis_number, convis_shape);          /* contiguous */
/* convis_run and convis_give of numbers of any type; those that are convis_real are read where they lie, others are converted once. */
convis_status convis_run_memory (convis_model *, const convis_memory *in);
convis_status convis_give_memory(convis_model *, const char *name, const convis_memory *frames);
/* Where each run writes a probed output, from frame 0 on, beside or instead of the model's memory: floating-point numbers, shaped like the
 * output, for as many frames as a run may have. Kept until NULL is given instead, or the model is planned anew. What lies as the model's own
 * frames, (T, B, C, Y, X) contiguous, is written there at once, without a copy. */
convis_status convis_output_to  (convis_model *, const char *path, const convis_memory *to);
convis_status convis_output_shape(const convis_model *, const char *path, convis_shape *frame);  /* once planned */
/* The path of the output that counts: of a recipe the one that it names, else what is called "output", else the last layer. */
const char   *convis_output_name (const convis_model *);
/* By which method the index-th layer computes, of those that have several ("128x128, kernel 20x10x10: forward fft ..."); once
 * planned. NULL: there is only one. */
const char   *convis_method(const convis_model *, int layer);
int64_t       convis_frame (const convis_model *);                        /* frames since the last reset */
convis_status convis_seed  (convis_model *, uint64_t seed);               /* of all noise; 0 unless set */
uint64_t      convis_seed_of(const convis_model *);                       /* convis_state_load brings its own */

/* ---- Gradients. Exact, of any scalar that is a function of outputs: the caller gives its gradient at them, and gets its
 * gradients by parameters, movie and initial state.
 *
 *      convis_require_gradient(m, "opl.center");  convis_require_gradient(m, "input");  convis_probe(m, "bipolar");  convis_plan(m, chunk);
 *      convis_run(m, frames);  convis_output(m, "bipolar", &y);   ... d: dL/dy, shaped like y ...
 *      convis_vjp_from(m, "bipolar", d);  convis_vjp(m, &d_frames);  convis_grad(m, "opl.center.tau", &g, 1);
 *
 * A movie longer than a chunk (checkpointed backpropagation): store the state at each chunk's start (convis_state_get); after the
 * last, for each chunk from the last to the first: state_put, run, vjp_from, vjp. The gradient that reaches the chunk before is
 * remembered, so the sum is exact whatever the chunks; convis_vjp_baseline at last adds how the initial state depends on parameters.
 * In a model of which gradients were asked for, layers on which no probed output depends are skipped. */

/* Ask for a gradient, before convis_plan: a parameter; a layer ("opl.center": all of its parameters) or several of one
 * beginning ("opl"); "*" (those of the model); or an input. */
convis_status convis_require_gradient(convis_model *, const char *path);
/* Add to L's gradient at an output over the last run; shaped like convis_output's, any strides. */
convis_status convis_vjp_from(convis_model *, const char *path, convis_tensor d_out);
/* The backward pass through the last run, once. d_in: written where it is not NULL; shaped like the run's input, whose gradient must
 * have been asked for. */
convis_status convis_vjp(convis_model *, const convis_tensor *d_in);
/* Before convis_vjp: where it writes the gradient at an input, by name; d is shaped like the run's frames of it. NULL: nowhere. */
convis_status convis_vjp_input(convis_model *, const char *name, const convis_tensor *d);
/* After the vjp of a run that began at the first frame, once; else ESTATE. */
convis_status convis_vjp_baseline(convis_model *);
/* The sum since convis_grad_zero, count doubles: of a scalar (count 1), an array, or a state (at the start of the last vjp's run). */
convis_status convis_grad(const convis_model *, const char *path, double *values, int64_t count);
convis_status convis_grad_zero(convis_model *);          /* and forget what reaches the next vjp from later frames */
convis_status convis_vjp_truncate(convis_model *);            /* forget only that: truncation, or another movie */

/* ---- State is explicit. ------------------------------------------------------------------------------ */

/* The constant input assumed before the first frame (luminance; 0 unless set); convis_reset starts from it. */
convis_status convis_baseline (convis_model *, double baseline);
convis_status convis_input_baseline(convis_model *, const char *name, double baseline);          /* any input's by name; 0 unless set */
convis_status convis_reset(convis_model *);              /* back to the first frame */
/* At the first frame: as if the input's first frame had been shown for so many steps, of which nothing is recorded; the next run
 * begins at frame 0. */
convis_status convis_settle(convis_model *, convis_tensor in, int64_t steps);
convis_status convis_push (convis_model *);              /* a copy of the state onto a stack (allocates) ... */
convis_status convis_pop  (convis_model *);              /* ... and back */
size_t        convis_state_size(const convis_model *);   /* bytes; 0 before convis_plan */
convis_status convis_state_get(const convis_model *, void *bytes);        /* state_size bytes */
convis_status convis_state_put(convis_model *, const void *bytes, size_t size);
/* A file for another process to continue from, exactly; the seed goes with it. */
convis_status convis_state_save(const convis_model *, const char *file);
convis_status convis_state_load(convis_model *, const char *file);

/* ---- Cells and spikes. ------------------------------------------------------------------------------- */

/* An array of any shape, the last size fastest. Who made it says how it is released (<convis/io.h>: convis_array_free). */
typedef struct convis_array { double *data; int dims; int64_t dim[8]; } convis_array;

typedef struct convis_cell  { int32_t id, layer; double x, y; } convis_cell;        /* degrees from the map's centre */
typedef struct convis_spike { double time; int32_t unit, layer; } convis_spike;     /* seconds; unit is the cell's id */

/* The cells of every spiking layer, in order of layer and place; the model's. Dense layers (a cell per pixel) list theirs too. */
convis_status convis_cells (const convis_model *, const convis_cell **, int64_t *count);   /* once planned */
/* Spikes of the last run, ordered by time, then cell; valid until the next run. Ask for them by convis_record_spikes before
 * convis_plan. */
convis_status convis_record_spikes(convis_model *, int on);
convis_status convis_spikes(const convis_model *, const convis_spike **, int64_t *count);

/* ---- Published models: a recipe is a model whose input size is not yet known. ------------------------- */

/* name: a built-in model (convis_recipe_name lists them), or a file: .yaml, VirtualRetina .xml, saved .h5. */
convis_status convis_recipe_open (convis_context *, const char *name, convis_recipe **);
/* The same from text in memory: YAML, or VirtualRetina's XML, which begins with '<'. name begins its sentences; files that it names are
 * looked for beside the file of that name. */
convis_status convis_recipe_read (convis_context *, const char *name, const char *text, size_t size, convis_recipe **);
convis_status convis_recipe_copy (const convis_recipe *, convis_recipe **);
/* Of a built model: every layer, parameter and cell as it is now, for the one size of movie that it was built for. */
convis_status convis_recipe_of_model(const convis_model *, convis_recipe **);
/* A model of its own, of the same context: layers, parameters as they now are, what was asked for, seed, and, if it is planned, plan and state. */
convis_status convis_model_copy(const convis_model *, convis_model **);
/* From calls: one without layers (dt: seconds per frame), and what is added to it or to any other, after the layers it has. in: what a
 * layer takes as inputs, by name, so many frames later ("input" is the movie); NULL or count 0: the layer before, or the movie. Of
 * `model` a copy is added: its layers as NAME.LAYER, its output as NAME. A fault leaves the recipe as it was. */
typedef struct convis_from { const char *name; int delay; } convis_from;
convis_status convis_recipe_new      (convis_context *, double dt, convis_recipe **);
convis_status convis_recipe_add_layer(convis_recipe *, const char *type, const char *name, const convis_from *in, int count);
convis_status convis_recipe_add_model(convis_recipe *, const convis_recipe *model, const char *name, const convis_from *in,
                                      int count);
convis_status convis_recipe_add_input(convis_recipe *, const char *name,
                                      convis_shape frame);   /* named inputs; the first is the movie */
/* The index-th: its name, and (1, C, 1, Y, X), where 0 is any: of a movie Y and X, but of a model that is for one size alone, and C where nothing is declared, by the recipe
 * or by a model within that takes the movie (a retina takes one channel). 0 past the last. */
int           convis_recipe_input    (const convis_recipe *, int index, const char **name, convis_shape *frame);
convis_status convis_recipe_output   (convis_recipe *, const char *name);     /* the layer that counts; NULL: the last */
const char   *convis_recipe_chosen   (const convis_recipe *);                 /* the one that the user's own file names; NULL: none */
void          convis_recipe_free (convis_recipe **);
const char   *convis_recipe_name (int index, const char **doc);           /* NULL past the last */
/* Settings by path, as text: "opl.center.sigma" "0.05", "numerics" "converged", "ganglion_0.cells" "dense",
 * "filter.weights" "gaussian?sigma=2". ENAME when the recipe has no such setting (a path of the built model may still have
 * it: convis_set). */
convis_status convis_recipe_set  (convis_recipe *, const char *path, const char *value);
convis_status convis_recipe_get  (const convis_recipe *, const char *path, char *value, size_t size);
typedef struct convis_setting {
    char   path[128], value[256];
    const char *unit, *doc, *xml;
    char   initial[256];             /* what it is where nothing says otherwise; of a text or word that one, of an array "" */
    double min, max;                 /* of a number; +-INFINITY: no bound. Of a word its numbers'; NAN: only words are taken */
    int    whole, word, text, array; /* only whole numbers; one of `words`; a text; numbers, or an initialiser; else a number */
    const char *words;               /* as in convis_item. Of a number that is no word: what it may be besides ("auto"); NULL: nothing */
    int    open;                     /* a number above min: min itself is refused */
} convis_setting;
int           convis_recipe_list (const convis_recipe *, int index, convis_setting *);    /* 0 past the last */
/* Replace the arrays of cells by these (copied); layer counts the spiking layers from 0. */
convis_status convis_recipe_cells(convis_recipe *, const convis_cell *, int64_t count);
/* The model for movies of this size in pixels. Parameters, aliases, cells and baseline are set; plan it next. */
convis_status convis_recipe_build(convis_recipe *, int64_t width, int64_t height, convis_model **);
/* .yaml: docs/models.md has the format; .xml: VirtualRetina's, for retinas. */
convis_status convis_recipe_save (const convis_recipe *, const char *file);
/* Parameters beyond the settings, lines as in a file of parameters, for every model built from here on; later lines win.
 * A saved .h5 brings its own. NULL when there are none. What a recipe has a setting for becomes that setting. */
convis_status convis_recipe_add_parameters(convis_recipe *, const char *lines);
convis_status convis_recipe_load_parameters(convis_recipe *, const char *file);
const char   *convis_recipe_parameters(const convis_recipe *);
/* The recipe as text, from which convis_recipe_open makes it again: a retina's as XML, unless an output was chosen, others as YAML; or
 * as YAML in any case; or as XML, which only retinas can be (ENOTSUP). Free with convis_recipe_text_free. */
convis_status convis_recipe_text (const convis_recipe *, char **text);
convis_status convis_recipe_yaml (const convis_recipe *, char **text);
convis_status convis_recipe_xml  (const convis_recipe *, char **text);
void          convis_recipe_text_free(const convis_recipe *, char **text);    /* the recipe may be freed, and NULL */
/* Warnings of opening or building (unknown attributes with their line ...). NULL past the last. */
const char   *convis_recipe_warning(const convis_recipe *, int index);

/* ---- Models in files. ---------------------------------------------------------------------------------- */

/* A built model as YAML: every layer, parameter and array, for the one size of movie that it was built for. */
convis_status convis_model_yaml     (const convis_model *, char **text);
void          convis_model_yaml_free(const convis_model *, char **text);      /* the model may be freed, and NULL */
/* A .h5 with the recipe, all parameters as they now are, the state and the seed if the model is planned, and what else
 * belongs to it: an optimiser's moments, a table of losses, a report. convis_recipe_open and convis_recipe_build make the
 * model again, convis_model_resume, once it is planned alike, gives it state and seed. */
typedef struct convis_attachment { const char *name; char type; const void *data; size_t count; } convis_attachment;
                                                         /* type: 'b' bytes, 'd' doubles, 't' text (count is ignored) */
convis_status convis_model_save  (const convis_recipe *, const convis_model *, const char *file, const convis_attachment *,
                                  int attachments);
convis_status convis_model_resume(convis_model *, const char *file);
/* What was attached, into memory of the caller's: at most `room` of its bytes, doubles or letters (with a final zero); count
 * says how many there are. ENAME when nothing has that name. */
convis_status convis_model_attached(convis_context *, const char *file, const char *name, char type, void *data, size_t room,
                                    size_t *count);

/* ---- Initialisers -----------------------------------------------------------------------------------------
 * "KIND?key=value&key=value", for convis_set_initialiser and model files: what kinds there are, and what each can be told. */
typedef struct convis_kind_info { const char *name, *doc; } convis_kind_info;
typedef struct convis_kind_param {
    const char *name, *unit, *doc;
    double value, min, max;          /* default and bounds */
    int whole, text;                 /* whole: only whole numbers; text: a path, not a number */
    const char *words;               /* as in convis_item: what its numbers are called; else NULL */
} convis_kind_param;
int convis_initialiser_list(int index, convis_kind_info *);                         /* 0 past the last */
int convis_initialiser_param_list(const char *kind, int index, convis_kind_param *);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
