/* blur.h - separable recursive blurs of a map: rows first, then columns.
 *
 * DIFFUSION is the blur of the `converged` numerics: STEPS implicit steps of u_t = D(x) u_xx along each axis, each a
 * tridiagonal solve, (1 + 2 L_i) u_i - L_i (u_{i-1} + u_{i+1}) = x_i with L_i = sigma_i^2 / (2 STEPS) and reflecting
 * ends. Whatever sigma, also one that varies from pixel to pixel: constants stay, the mean of a point is preserved, and the
 * variance is exactly sigma^2 (where sigma is uniform). The kernel is a STEPS-fold two-sided exponential.
 * DERICHE and DERICHE_RADIAL are what VirtualRetina computes, borders and flaws included (SPEC 2a, 2b).
 *
 * Backward. One implicit step is (I + L A)^-1 with A symmetric, L = diag(L_i); its transpose (I + A L)^-1 is
 * L^-1 (I + L A)^-1 L, so the same solves serve, columns first, between a multiplication by L and one by 1/L (of which
 * nothing remains when L is uniform). With y = C R x, C and R being K steps each, C1 and R1 one of them, g the gradient at
 * y and w = R' C' g that at x,
 *
 *      dL/d ln sigma = -2 K (<g - C1' g, y> + <w - R1' w, x>)
 *
 * as d(I + L A) = 2 L A d ln sigma commutes with what it is a part of. Without a blur (sigma 0, or VirtualRetina's rule of
 * 0.1 pixels) it is 0, for DIFFUSION the limit from above. The DERICHE methods run their recursions in reverse. */
#ifndef CONVIS_BLUR_H
#define CONVIS_BLUR_H
#include "blur_gpu.h"
#include <convis/layer.h>

enum convis_blur_method { CONVIS_BLUR_NONE, CONVIS_BLUR_DIFFUSION, CONVIS_BLUR_DERICHE, CONVIS_BLUR_DERICHE_RADIAL };
enum { CONVIS_BLUR_STEPS = 4 };

typedef struct convis_blur_spec {
    int    method;
    double sigma;              /* degrees */
    double ppd;                /* pixels per degree */
    double radius, scaling;    /* log-polar: sigma grows by 1 + scaling (r - radius) outside the fovea; scaling 0: uniform */
    int    steps;              /* DIFFUSION; 0: CONVIS_BLUR_STEPS */
} convis_blur_spec;

/* The rows that every layer with a blur has in its table, and what they say. `at` is the place of "sigma". */
#define CONVIS_BLUR_FIELDS                                                                                              \
    { "sigma",   "deg",   0, 0, 1e3, 0, "standard deviation of the blur; 0: none" },                                   \
    { "ppd",     "1/deg", 20, 1e-3, 1e5, CONVIS_FIXED, "pixels per degree" },                                           \
    { "method",  "none|diffusion|deriche|radial", 1, 0, 3, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,                         \
      "deriche: VirtualRetina's recursion; radial: its variant whose width grows from the fovea outwards" },               \
    { "fovea",   "deg",   0, 0, 1e3, CONVIS_FIXED, "radius within which sigma is as given" },                           \
    { "scaling", "1/deg", 0, 0, 1e3, CONVIS_FIXED | CONVIS_PLAN, "growth of sigma outside it; 0: uniform" }
enum { CONVIS_BLUR_FIELD_COUNT = 5 };
static inline convis_blur_spec convis_blur_spec_of(const double *param, int at)
{
    return (convis_blur_spec){ (int)param[at + 2], param[at], param[at + 1], param[at + 3], param[at + 4], 0 };
}
static inline int convis_blur_varies(convis_blur_spec s) { return s.method == CONVIS_BLUR_DERICHE_RADIAL || s.scaling > 0; }

/* Coefficients; arrays follow the struct in the memory that holds it. */
typedef struct convis_blur convis_blur;

/* Bytes of a convis_blur for maps of w x h: the layer's constants_size (or a part of it). */
size_t convis_blur_size(int64_t w, int64_t h, int varying);
/* Bytes of scratch that one call needs, for maps like the pass's output (after plan() has set its shape). */
size_t convis_blur_scratch(const convis_pass *);
/* varying: room was made for coefficients that differ from pixel to pixel. */
void convis_blur_prepare(convis_blur *, convis_context *, int64_t w, int64_t h, int varying, const convis_blur_spec *);
/* Blur `planes` maps, in to out (which may be the same), by all threads of the pass. Ends at a barrier. */
void convis_blur_run(const convis_pass *, const convis_blur *, const convis_real *in, convis_real *out, int64_t planes,
                     void *scratch);
/* Its two halves, without barriers, for layers that blur in a loop over time. Rows strip by strip, so that what pointwise
 * kernels do to the same rows (convis_launch_rows) before and after is still in cache:
 *
 *      for (int64_t y0, y1 = -1; convis_next_strip(p, blur, &y0, &y1);) {
 *          convis_launch_rows(p, "...", p->out_shape, y0, y1, buffers);
 *          convis_blur_rows(p, blur, in, out, planes, y0, y1, scratch);
 *      }
 *      convis_barrier(p);
 *      convis_blur_columns(p, blur, out, planes, scratch);
 *      convis_barrier(p);
 */
int  convis_next_strip(const convis_pass *, const convis_blur *, int64_t *y0, int64_t *y1);    /* of this thread's rows; 0: no more */
void convis_blur_rows(const convis_pass *, const convis_blur *, const convis_real *in, convis_real *out, int64_t planes,
                      int64_t y0, int64_t y1, void *scratch);
void convis_blur_columns(const convis_pass *, const convis_blur *, convis_real *map, int64_t planes, void *scratch);

/* The backward pass of one blur, by all threads; without a barrier at its end, as each thread goes on with its own rows. */
typedef struct convis_blur_back {
    convis_real *g;                  /* the gradient at the output, then that at the input */
    const convis_real *x, *y;        /* input and output; read for `dsigma` only */
    convis_real *dsigma;             /* `scale` dL/d ln sigma is added here, element by element; NULL: not required */
    double  scale;
    int64_t planes;
    convis_real *spare;              /* as large as g */
    void   *scratch;
} convis_blur_back;
/* Strip by strip of its rows a thread launches `before`, which makes g (and x); then the blur, backward; and again strip by strip
 * it launches `after`, which reads g. Each kernel's name may be NULL. */
void convis_blur_back_run(const convis_pass *, const convis_blur *, const convis_blur_back *, const char *before,
                          void *const *buffers_before, const char *after, void *const *buffers_after);

/* For such layers: a kernel, or a copy, on the thread's own rows (convis_share) of maps like the output ... */
static inline void convis_launch_own(const convis_pass *p, const char *kernel, void *const *buffers)
{
    int64_t h = p->out_shape.dim[CONVIS_Y];
    convis_launch_rows(p, kernel, p->out_shape, convis_share(h, p->thread, p->threads),
                       convis_share(h, p->thread + 1, p->threads), buffers);
}
void convis_copy_rows(const convis_pass *, const convis_real *from, convis_real *to);
/* ... and the k-th of those maps in scratch memory that begins with them. */
static inline size_t convis_map_size(const convis_pass *p)
{
    return ((size_t)convis_elements(p->out_shape)*sizeof(convis_real) + 63)/64*64;
}
static inline convis_real *convis_map_of(const convis_pass *p, int k)
{
    return (convis_real *)((char *)p->scratch + (size_t)k*convis_map_size(p));
}

/* ---- On a device (blur_on_device.c): whole maps, without barriers ---- */

void convis_blur_device_prepare(convis_blur *);
void convis_blur_on_device(const convis_pass *, const convis_blur *, int columns, const convis_real *in, convis_real *out,
                           int64_t planes, void *scratch);
void convis_blur_back_on_device(const convis_pass *, const convis_blur *, const convis_blur_back *, const char *before,
                            void *const *buffers_before, const char *after, void *const *buffers_after);

/* The part that is compiled once per instruction set; the baseline is its plain twin. */
typedef struct convis_blur_kernels {
    const char *isa;
    int lanes;                 /* lines treated at once */
    /* Rows y0..y1 (columns x0..x1) of one map. */
    void (*rows)(const convis_blur *, const convis_real *in, convis_real *out, int64_t y0, int64_t y1, void *scratch);
    void (*columns)(const convis_blur *, const convis_real *in, convis_real *out, int64_t x0, int64_t x1, void *scratch);
    /* to += scale (a - b) x on a part of one map, divided by the weight of DIFFUSION. */
    void (*gradient)(const convis_blur *, const convis_real *a, const convis_real *b, const convis_real *x, convis_real *to,
                  convis_real scale, int64_t x0, int64_t x1, int64_t y0, int64_t y1);
} convis_blur_kernels;

struct convis_blur {
    const convis_blur_kernels *kernels;
    int64_t w, h;
    int     method, steps, varying;
    /* One coefficient a place along the line, or with `varying` one a pixel: map layout for columns; for rows the
     * transposed layout [x][y], so that both passes read them in the order they walk. DIFFUSION: m, c;
     * DERICHE*: a0 a1 a2 a3 b1 b2. */
    convis_real *row[6], *column[6];
    convis_real *weight, *per_weight;        /* DIFFUSION, varying: L of every pixel, relative to the centre's, and 1/L; else NULL */
    convis_real end_forward, end_backward;   /* DERICHE: steady response to a constant 1 */
    blur_lines lines[2];                     /* rows and columns, as kernels of devices get them (blur_on_device.c) */
};
enum { CONVIS_BLUR_LANES = 64 };             /* no instruction set treats more lines at once */
/* A thread's part of the scratch memory: the transposed lines, the forward pass, six sets of coefficients for a narrow
 * last strip. In numbers. */
static inline size_t convis_blur_part(int64_t w, int64_t h) { return (size_t)(w > h ? w : h)*CONVIS_BLUR_LANES*8; }
#endif
