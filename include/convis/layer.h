/* layer.h - writing a layer: the lower half of a layer file. Built-in layers and a user's own use this same door.
 *
 * A layer is a table (parameters, states, outputs, tape) and kernels in the dialect of <convis/kernel.h>. The library
 * owns all memory, so reset, push, pop, save, load, describe and the checks need no code in a layer. Two kinds:
 *
 * - pointwise in space: `pointwise` names the kernel, and that is all. The kernel gets, in this order, the
 *   parameters, the inputs, the output, the further outputs, the states and the tape. It touches only [i] of a state,
 *   [t*n + i] of a movie and [t*map_size + i] of the tape, so the runner may hand it any tile of pixels and any run of frames.
 * - neighbourhood: `forward` is called by every thread with the whole pass; it launches kernels with
 *   convis_launch, or divides the work itself by pass->thread and meets the others at convis_barrier.
 *
 * Movies are frame-major: [t][batch][channel][y][x]; n = batch*channel*y*x elements a frame. */
#ifndef CONVIS_LAYER_H
#define CONVIS_LAYER_H
#include <convis/convis.h>
#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define CONVIS_LAYER_ABI 1
enum { CONVIS_MAX_INPUTS = 4, CONVIS_MAX_OUTPUTS = 4, CONVIS_MAX_STATES = 8, CONVIS_MAX_PARAMS = 24, CONVIS_MAX_TAPE = 4 };

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
    CONVIS_PLAN  = 8                 /* parameter: shapes depend on it; cannot change after convis_plan */
};

/* What the library hands to a layer. A field is set when the comment says so, and for all later stages. */
typedef struct convis_pass convis_pass;
struct convis_team;                              /* the threads of one call */
struct convis_pass {
    convis_context *context;
    const char *path;                            /* the layer's name in the model */
    double  dt;
    const double *param;                         /* scalars, in table order (an array's entry is its length) */
    const double *const *array;                  /* array parameters, in table order; NULL for a scalar */
    int     inputs;
    convis_shape in_shape[CONVIS_MAX_INPUTS];    /* one frame: dim[CONVIS_T] = 1 */

    /* plan() may change these from their defaults: out like the first input; further outputs, states and tape like out. */
    convis_shape out_shape, extra_shape[CONVIS_MAX_OUTPUTS], state_shape[CONVIS_MAX_STATES], tape_shape[CONVIS_MAX_TAPE];
    size_t  constants_size, scratch_size;        /* bytes; allocated after plan, 64-byte aligned, zeroed */

    /* from prepare() on */
    void   *constants;                           /* what prepare() derives from the parameters */

    /* forward() */
    const struct convis_kernel *kernels;         /* those of this instruction set */
    int64_t frame;                               /* absolute number of the first frame */
    int     frames;
    const convis_real *in[CONVIS_MAX_INPUTS];
    convis_real *out, *extra[CONVIS_MAX_OUTPUTS];    /* extra: NULL when nobody asked for that output */
    convis_real *state[CONVIS_MAX_STATES];
    convis_real *tape[CONVIS_MAX_TAPE];          /* NULL unless recording */
    void   *scratch;                             /* for one forward call; shared by its threads */
    uint64_t key;                                /* of this layer's noise: from the seed and the path */
    int     thread, threads;                     /* plan(), prepare(): the most that forward() will have */
    struct convis_team *team;
};

/* One kernel compiled for one instruction set. */
typedef struct convis_span { int64_t i0, i1, n, map_size; int nt; convis_real dt; uint32_t frame, key0, key1; } convis_span;
typedef struct convis_kernel { const char *name; void (*run)(void *const *buffers, const convis_span *); } convis_kernel;
typedef struct convis_kernels { const char *isa; const convis_kernel *list; } convis_kernels;

struct convis_layer_type {
    uint32_t abi;                                /* CONVIS_LAYER_ABI */
    const char *name, *doc;
    const convis_field *params, *states;
    const convis_field *outputs;                 /* further outputs ("bipolar.adaptation"), or NULL */
    int inputs, tape;                            /* tape: maps kept per frame for the way back */
    const convis_kernels *const *kernels;        /* best instruction set first, NULL at the end */
    const char *const *source;                   /* the same kernels as text, for NVRTC and OpenCL */
    const char *pointwise;                       /* the kernel's name, or NULL for a neighbourhood layer */

    /* Shapes, sizes, and checks of parameters against each other. Optional. */
    convis_status (*plan)(convis_pass *);
    /* Constants from parameters; after plan, and again whenever a parameter was set. Optional. */
    convis_status (*prepare)(convis_pass *);
    /* The past: given the constant value x[j] each input always had, the starting value of each state, and the output
     * that followed from it (returned). NULL: states start as the table says and the output was 0. */
    double (*past)(const convis_pass *, const double *x, double *state);
    /* Neighbourhood layers. Runs on every thread; cannot fail. */
    void (*forward)(convis_pass *);
    /* Spiking layers: from the recorded tape and counts in `out`, append every spike of the pass by convis_emit. */
    void (*spikes)(convis_pass *, void *sink);
};

/* Leave a sentence on the context ("path: found, expected") and return status. */
convis_status convis_fail(convis_context *, convis_status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
/* Zeroed, 64-byte aligned memory from the context's allocator; NULL, with the sentence left, when there is none. */
void *convis_obtain (convis_context *, size_t bytes);
void  convis_release(convis_context *, void *memory);

/* Run a kernel of this layer over elements 0..n-1, divided among the pass's threads; all meet at its end. */
void convis_launch(const convis_pass *, const char *kernel, int64_t n, int frames, void *const *buffers);
void convis_barrier(const convis_pass *);
/* The same without the meeting, over rows y0..y1 of every plane of (B, C, 1, Y, X) maps. For loops over time in which a
 * thread goes on with what it wrote itself; convis_barrier before another's rows are read. */
void convis_launch_rows(const convis_pass *, const char *kernel, convis_shape frame, int64_t y0, int64_t y1, void *const *buffers);
/* Where the thread's share of so many lines begins: a whole number of 32 lines, at most `lines`. */
int64_t convis_share(int64_t lines, int thread, int threads);
/* One spike of element i at `seconds` after the start of frame t of the pass. */
void convis_emit(void *sink, int64_t i, int t, double seconds);

/* CONVIS_LAYER_KERNELS(lowpass): declares what the build made of the upper half of lowpass.c. */
#if defined(CONVIS_HAVE_X86)
#define CONVIS_LAYER_KERNELS(id)                                                                         \
    extern const convis_kernel convis_##id##_avx512[], convis_##id##_avx2[], convis_##id##_baseline[];   \
    extern const char *const convis_##id##_source[];                                                     \
    static const convis_kernels id##_avx512 = { "avx512", convis_##id##_avx512 },                        \
        id##_avx2 = { "avx2", convis_##id##_avx2 }, id##_baseline = { "baseline", convis_##id##_baseline }; \
    static const convis_kernels *const id##_kernels[] = { &id##_avx512, &id##_avx2, &id##_baseline, NULL };
#else
#define CONVIS_LAYER_KERNELS(id)                                                                         \
    extern const convis_kernel convis_##id##_baseline[];                                                 \
    extern const char *const convis_##id##_source[];                                                     \
    static const convis_kernels id##_baseline = { "baseline", convis_##id##_baseline };                  \
    static const convis_kernels *const id##_kernels[] = { &id##_baseline, NULL };
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
