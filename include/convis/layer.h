/* layer.h - writing a layer: the lower half of a layer file. Built-in layers and a user's own use the same interface.
 *
 * A layer is a table (parameters, states, outputs, tape) and kernels in the dialect of <convis/kernel.h>. The library
 * owns all memory, so reset, push, pop, save, load, describe and the checks need no code in a layer. Two kinds:
 *
 * - pointwise in space: `pointwise` names the kernel, `adjoint` that of the backward pass, and that is all. A kernel touches
 *   only [i] of a state, [t*n + i] of a movie (and, of an input for which it asked for `history`, of frames before the
 *   first) and [t*map_size + i] of the tape, so it may be called for any tile of pixels and any run of frames. The kernels get,
 *   in this order:
 *      pointwise   parameters, inputs, output, further outputs, states, tape
 *      adjoint     parameters, inputs, output, tape, d_out, d_states, d_inputs, d_map
 * - neighbourhood: `forward`, and `vjp` in the backward pass, are called by every thread with the whole pass; they launch kernels
 *   with convis_launch, or divide the work themselves by pass->thread and wait for the other threads at convis_barrier.
 *
 * The backward pass (vector-Jacobian product, "adjoint" in the layers' equations): of a scalar L with gradient d_out at the
 * output of every frame of the pass and d_state at the states after it, make the gradient of the inputs (added to d_in), of
 * the parameters (added) and of the states before the pass (written to d_state in place). Passes are those of the forward
 * pass, the last first. Inputs and output are as they were; whatever else is needed, the forward kernel wrote to the tape (NULL when
 * nothing is recorded). Spikes use a surrogate derivative.
 *
 * Movies are frame-major: [t][batch][channel][y][x]; n = batch*channel*y*x elements a frame. */
#ifndef CONVIS_LAYER_H
#define CONVIS_LAYER_H
#include <convis/convis.h>
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define CONVIS_LAYER_ABI 5
enum { CONVIS_MAX_INPUTS = 64, CONVIS_MAX_OUTPUTS = 4, CONVIS_MAX_STATES = 8, CONVIS_MAX_PARAMS = 24, CONVIS_MAX_TAPE = 4 };

/* A row of a table. Tables end with a row whose name is NULL. */
typedef struct convis_field {
    const char *name, *unit;
    double value, min, max;          /* default, bounds (a state: its start) */
    unsigned flags;
    const char *doc;
} convis_field;
enum {
    CONVIS_FIXED = 1,                /* parameter: not differentiable */
    CONVIS_WHOLE = 2,                /* parameter: whole numbers only (implies fixed) */
    CONVIS_ARRAY = 4,                /* parameter: an array, empty until set */
    CONVIS_PLAN  = 8,                /* parameter: shapes depend on it; cannot change after convis_plan */
    CONVIS_TEXT  = 16,               /* parameter: a text (a formula, a name), whose default stands in `unit`; implies fixed */
    CONVIS_WORDS = 32                /* parameter: its numbers are words, which stand in `unit`: "none|sum|norm" are min, min + 1 ...;
                                      * an empty one is a number without a name */
};

/* Elements of gradients that are sums. Kernels on other devices have them in single precision, so only kernels add to them there. */
typedef double convis_total;

/* What a layer gets from the library, which owns all of it. A field is set when the comment says so, and for all later stages. */
typedef struct convis_pass convis_pass;
struct convis_barrier;                              /* the threads of one call */
struct convis_pass {
    convis_context *context;
    const char *path;                            /* the layer's name in the model */
    void   *user;                                /* the type's, or what open() put in its place */
    double  dt;
    const double *param;                         /* scalars, in table order (an array's entry is its length) */
    const double *const *array;                  /* array parameters, in table order; NULL for a scalar */
    struct convis_place *place;                  /* where its kernels and their memory are: the library's */
    char *const *text;                           /* texts, in table order; NULL: the table's doc says what that means */
    int     recording;                           /* a backward pass will follow: vjp's scratch is needed, too */
    int     inputs;
    const convis_shape *in_shape;                /* of each, one frame: dim[CONVIS_T] = 1 */

    /* plan() may change these from their defaults: out like the first input; further outputs, states and tape like out. */
    convis_shape out_shape, extra_shape[CONVIS_MAX_OUTPUTS], state_shape[CONVIS_MAX_STATES], tape_shape[CONVIS_MAX_TAPE];
    int    *history;                             /* earlier frames that lie before frame 0 of in[j] (and d_in[j]); 0 unless set */
    int     preferred_frames;                    /* passes of so many frames suit the layer; 0: what the cache likes */
    int64_t work_items;                          /* about so many keep the device busy; for dividing sums, never of threads */
    int64_t sums[CONVIS_MAX_PARAMS];             /* elements of d_array[k], for a scalar, or where gather() says what they mean */
    convis_shape array_shape[CONVIS_MAX_PARAMS]; /* of array parameters as (out, in, T, Y, X); unset: any length will do */
    size_t  constants_size, scratch_size;        /* bytes; allocated after plan, 64-byte aligned, zeroed */

    /* from prepare() on */
    void   *constants;                           /* what prepare() derives from the parameters */

    /* forward() */
    int64_t frame;                               /* absolute number of the first frame */
    uint64_t epoch;                              /* changes when the state was reset or put: what was cached is invalid */
    int     frames;
    const convis_real *in[CONVIS_MAX_INPUTS];
    convis_real *out, *extra[CONVIS_MAX_OUTPUTS];    /* extra: NULL when that output is not probed */
    convis_real *state[CONVIS_MAX_STATES];
    convis_real *tape[CONVIS_MAX_TAPE];          /* NULL unless recording */
    void   *scratch;                             /* for one call; shared by its threads */
    uint64_t key;                                /* of this layer's noise: from the seed and the path */
    int     thread, threads;                     /* plan(), prepare(): the most that forward() will have */
    struct convis_barrier *barrier;

    /* vjp() */
    const convis_real *d_out;
    convis_real *d_in[CONVIS_MAX_INPUTS];        /* add to it; NULL: not required (a kernel always gets memory) */
    convis_real *d_state[CONVIS_MAX_STATES];
    convis_real *d_map;                          /* [k*map_size + i]: element i's part of the gradient of scalar k; add to it */
    convis_total *d_array[CONVIS_MAX_PARAMS];      /* gradient of array k; of a scalar sums[k] parts; add to it; NULL: not required */
    uint32_t requires_gradient;                  /* bit k: the gradient of parameter k is required */

    /* spikes() */
    const convis_real *number;                   /* scalars as kernels get them */
};

/* One kernel compiled for one instruction set. */
typedef struct convis_span {
    int64_t i0, i1, n, map_size;
    int nt;
    convis_real dt;
    uint32_t frame, key0, key1;
    const void *block;                           /* the kernel's struct of numbers; NULL: it has none */
} convis_span;
/* A kernel as its macro describes it: how many buffers, and bytes of its block. run: NULL of one for other devices only. */
typedef struct convis_kernel {
    const char *name;
    void (*run)(void *const *buffers, const convis_span *);
    int buffers;
    uint32_t block;
} convis_kernel;
typedef struct convis_kernels { const char *isa; const convis_kernel *list; } convis_kernels;

struct convis_layer_type {
    uint32_t abi;                                /* CONVIS_LAYER_ABI */
    const char *name, *doc;
    const convis_field *params, *states;
    const convis_field *outputs;                 /* further outputs ("bipolar.adaptation"), or NULL */
    const convis_field *ins;                     /* what the inputs are, for describe (name, unit, doc), or NULL: all are alike */
    int inputs, tape;                            /* tape: maps recorded per frame for the backward pass */
    int min_inputs;                              /* inputs that must be connected (kernels get NULL for the others); 0: all */
    const convis_layer_type *more;               /* the type that replaces this one for more than `inputs` inputs; NULL: there are no more */
    const convis_kernels *const *kernels;        /* best instruction set first, NULL at the end */
    const char *const *source;                   /* the same kernels as text, for NVRTC and OpenCL */
    const char *pointwise;                       /* the kernel's name, or NULL for a neighbourhood layer */
    const char *adjoint;                         /* its backward pass */
    int memoryless;                              /* pointwise: the output at a place and time depends on the inputs there and then alone */

    /* Shapes, sizes, and checks of parameters against each other. Optional. */
    convis_status (*plan)(convis_pass *);
    /* Constants from parameters; after plan, and again whenever a parameter was set. Optional. */
    convis_status (*prepare)(convis_pass *);
    /* Before the first frame: given the constant value x[j] that each input always had, the starting value of each state, and the output
     * (returned). NULL: states start as the table says and the output was 0. */
    double (*baseline)(const convis_pass *, const double *x, double *state);
    /* Its vector-Jacobian product: from d_y and d_state add to d_x, d_param, d_array (NULL where not required). NULL: scalars and x by
     * central differences of baseline(), which must then read nothing but param and array. */
    void (*baseline_vjp)(const convis_pass *, const double *x, double d_y, const double *d_state, double *d_x, double *d_param,
                     double *const *d_array);
    /* Neighbourhood layers. Run on every thread. What they return other than CONVIS_OK, the sentence left by convis_fail, ends the run
     * (or convis_vjp) at the end of the sub-chunk; a thread that fails still goes to the barriers for which others wait. */
    convis_status (*forward)(convis_pass *);
    convis_status (*vjp)(convis_pass *);
    /* What the sums[k] elements of d_array[k] mean, once a chunk: adds to the gradients of scalars (by row) and arrays (NULL where
     * not required). The sums exist where the gradient of any parameter is required. */
    void (*gather)(const convis_pass *, int k, const double *sums, double *d_param, double *const *d_array);
    /* Start of array parameter k, whose shape is known by now; NULL: all elements are the table's value. */
    void (*initial)(const convis_pass *, int k, double *values);
    /* By which of several methods it computes, in words; after prepare(). Optional. */
    const char *(*method)(const convis_pass *);
    /* Further parameters, which depend on a text parameter: rows after those of the table (at most `room`), their names in
     * `names`. Called when the text is set; a failure leaves the sentence. */
    convis_status (*fields)(convis_context *, const char *path, char *const *text, convis_field *rows, char (*names)[32],
                            int room);
    /* Neighbourhood layers: forward and vjp pass device memory only to kernels and to convis_download and the like, and never
     * dereference it, so that they can run on a device. */
    int device_capable;
    /* Such layers: forward launches the same kernels, with the same numbers, whenever constants are the same and the pass has the same
     * addresses and frames; it downloads and uploads nothing, and its kernels depend neither on `frame` nor on `key`. A device may then record
     * the launches of one pass and replay them for another without calling forward. */
    int capturable;
    /* Neighbourhood layers, on processors: forward and vjp are called by one thread alone, which is the caller's, for all elements
     * (pass->threads is 1), as a callback into an interpreter needs it. */
    int one_thread;
    /* What is the layer's own: `user` of every pass. open() may put something else into p->user, for one layer of one model, when it is
     * added (path, context and user are set); a failure is the model's. close() is called once for each open() that succeeded, last of
     * all, when the model is freed. Both optional; the type itself may be freed once all its layers are closed. */
    void *user;
    convis_status (*open)(convis_pass *);
    void (*close)(convis_pass *);
    /* Spiking layers: from the recorded tape and counts in `out`, append every spike of the pass by convis_emit. */
    void (*spikes)(convis_pass *, void *sink);
};

/* Leave a sentence on the context ("path: found, expected") and return status. Any thread of a pass may. */
convis_status convis_fail(convis_context *, convis_status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
/* The nearest of the names offered to one that is none of them: "; did you mean X?" for the end of a sentence, or "". */
typedef struct convis_hint { const char *typed; int distance; char text[160]; } convis_hint;
#define CONVIS_HINT(typed) { typed, 0, "" }
void convis_hint_offer(convis_hint *, const char *name);
/* Zeroed, 64-byte aligned memory from the context's allocator; NULL, with the sentence left, when there is none. */
void *convis_obtain (convis_context *, size_t bytes);
void  convis_release(convis_context *, void *memory);

/* A plan(), or a part of one: all inputs must be of one shape. */
convis_status convis_plan_alike(convis_pass *);
/* Run a kernel of this layer over elements 0..n-1, divided among the pass's threads, with a barrier at the end. */
void convis_launch(const convis_pass *, const char *kernel, int64_t n, int frames, void *const *buffers);
/* One that has numbers of its own (CONVIS_KERNEL_OF): block is the struct that holds them, which is free again afterwards. */
void convis_launch_with(const convis_pass *, const char *kernel, int64_t n, int frames, void *const *buffers, const void *block);
void convis_barrier(const convis_pass *);
/* The same, of few items that are each much work. */
void convis_launch_items(const convis_pass *, const char *kernel, int64_t n, int frames, void *const *buffers, const void *block);
/* The same without the barrier, over rows y0..y1 of every plane of (B, C, 1, Y, X) maps. For loops over time in which a
 * thread goes on with what it wrote itself; convis_barrier before another's rows are read. */
void convis_launch_rows(const convis_pass *, const char *kernel, convis_shape frame, int64_t y0, int64_t y1,
                        void *const *buffers);
/* On other devices than the processor the pass has one thread, launches return at once, and kernels read constants and `number` as
 * prepare() left them. These copy between host and device memory (on a processor, too); convis_download waits for what was launched.
 * For few bytes. */
void convis_download(const convis_pass *, void *to, const void *from, size_t bytes);
void convis_upload  (const convis_pass *, void *to, const void *from, size_t bytes);
/* Zeros, by thread 0, into memory of the device; a barrier or a launch before other threads need them. */
void convis_zero(const convis_pass *, void *to, size_t bytes);
/* Where the thread's share of so many lines begins: a whole number of 32 lines, at most `lines`. */
int64_t convis_share(int64_t lines, int thread, int threads);
/* One spike of element i at `seconds` after the start of frame t of the pass. */
void convis_emit(void *sink, int64_t i, int t, double seconds);

/* f(name, ISA) for every instruction set that the build makes kernels for, the best first. Double precision, which is for comparisons,
 * has the plain ones alone: the others compute the same bits, and would be a fifth of all compiling. */
#if defined(CONVIS_HAVE_X86) && !defined(CONVIS_DOUBLE)
#define CONVIS_EACH_ISA(f, name) f(name, avx512) f(name, avx2) f(name, baseline)
#else
#define CONVIS_EACH_ISA(f, name) f(name, baseline)
#endif

/* CONVIS_LAYER_KERNELS(lowpass): declares what the build made of the upper half of lowpass.c. */
#define CONVIS_ISA_KERNELS_(id, isa)                                                                     \
    extern const convis_kernel convis_##id##_##isa[];                                                    \
    static const convis_kernels id##_##isa = { #isa, convis_##id##_##isa };
#define CONVIS_ISA_ADDRESS_(id, isa) &id##_##isa,
#define CONVIS_LAYER_KERNELS(id)                                                                         \
    extern const char *const convis_##id##_source[];                                                     \
    CONVIS_EACH_ISA(CONVIS_ISA_KERNELS_, id)                                                             \
    static const convis_kernels *const id##_kernels[] = { CONVIS_EACH_ISA(CONVIS_ISA_ADDRESS_, id) NULL };

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
