/* sample.c - what cells at given places see of a map: bilinear interpolation.
 *
 *      y[t][u] = (1-fy) ((1-fx) x[t][j][i] + fx x[t][j][i+1]) + fy ((1-fx) x[t][j+1][i] + fx x[t][j+1][i+1])
 *      i = floor(X_u), fx = X_u - i, likewise j, fy; pixel i has coordinate i; places outside are clamped to the edge
 *
 * Adjoint: each pixel that some cell sees gathers dy with the same weights, in order of u, from a list that prepare() makes.
 * Places are given, not learnt. */
#include <convis/kernel.h>

/* Elements of a frame, width and height of a map; cells of a map; pixels of it that are seen. */
typedef struct sample_args { int m, w, h, cells, seen; } sample_args;

#ifndef CONVIS_HOST

/* X, Y: coordinates. */
CONVIS_KERNEL_OF(sample_args, sample_forward, PARAM X, PARAM Y, IN x, OUT y)
{
    integer m = args.m, w = args.w, h = args.h;
    CONVIS_SCAN(u, t) {
        real cx = convis_min(convis_max(X[u], R(0.0)), (real)(w - 1)), cy = convis_min(convis_max(Y[u], R(0.0)), (real)(h - 1));
        y[t*n + u] = convis_bilinear(x + t*m, w, cx, cy);
    }
}

/* Maps side by side, each with all cells. */
CONVIS_KERNEL_OF(sample_args, sample_forward_each, PARAM X, PARAM Y, IN x, OUT y)
{
    integer m = args.m, w = args.w, h = args.h, cells = args.cells;
    CONVIS_SCAN(u, t) {
        integer b = u/cells, c = u - b*cells;
        real cx = convis_min(convis_max(X[c], R(0.0)), (real)(w - 1)), cy = convis_min(convis_max(Y[c], R(0.0)), (real)(h - 1));
        y[t*n + u] = convis_bilinear(x + t*m + b*w*h, w, cx, cy);
    }
}

/* Over pixels that are seen; of the r-th of them, pixel and begin[r] .. begin[r + 1] of the list of cells and their weights at it. */
CONVIS_KERNEL_OF(sample_args, sample_back, INDEX pixel, INDEX begin, INDEX cell, PARAM weight, IN dy, STATE dx)
{
    integer m = args.m, cells = args.cells;
    CONVIS_SCAN(r, t) {
        integer from = begin[r], to = begin[r + 1], at = t*m + pixel[r];
        real sum = dx[at];
        for (integer e = from; e < to; e++) sum += weight[e]*dy[t*cells + cell[e]];
        dx[at] = sum;
    }
}

/* The same of maps side by side. */
CONVIS_KERNEL_OF(sample_args, sample_back_each, INDEX pixel, INDEX begin, INDEX cell, PARAM weight, IN dy, STATE dx)
{
    integer m = args.m, plane = args.w*args.h, cells = args.cells, seen = args.seen;
    CONVIS_SCAN(r, t) {
        integer b = r/seen, q = r - b*seen, from = begin[q], to = begin[q + 1];
        integer at = t*m + b*plane + pixel[q], first = (t*(n/seen) + b)*cells;
        real sum = dx[at];
        for (integer e = from; e < to; e++) sum += weight[e]*dy[first + cell[e]];
        dx[at] = sum;
    }
}

CONVIS_EXPORT(sample, CONVIS_ENTRY(sample_forward) CONVIS_ENTRY(sample_forward_each) CONVIS_ENTRY(sample_back)
                          CONVIS_ENTRY(sample_back_each))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "x", "px", 0, -1e6, 1e6, CONVIS_ARRAY | CONVIS_FIXED, "columns of the cells; pixel i has coordinate i" },
    { "y", "px", 0, -1e6, 1e6, CONVIS_ARRAY | CONVIS_FIXED, "rows" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

enum { MOST_CELLS = 1 << 22, HEAD = 16 };   /* HEAD: room in front for the number of pixels that are seen */

/* What prepare() makes, in the constants: places, and, where gradients are required, which cells see which pixel. An integer takes the space of a real. */
typedef struct sight { int32_t *rows, *pixel, *begin, *cell; convis_real *x, *y, *weight; } sight;
static sight sight_of(const convis_pass *p)
{
    int64_t units = (int64_t)p->param[0], room = units + 16;
    convis_real *k = p->constants, *lists = k + HEAD + 2*room;
    sight s = { .rows = (int32_t *)(void *)k, .x = k + HEAD, .y = k + HEAD + room };
    if (!p->recording) return s;
    s.pixel = (int32_t *)(void *)lists;                      /* a cell sees four pixels at most */
    s.begin = (int32_t *)(void *)(lists + 4*room);
    s.cell = (int32_t *)(void *)(lists + 8*room);
    s.weight = lists + 12*room;
    return s;
}
static int64_t sight_size(const convis_pass *p) { return HEAD + (p->recording ? 18 : 2)*((int64_t)p->param[0] + 16); }

static convis_status plan(convis_pass *p)
{
    int64_t units = (int64_t)p->param[0];
    if (units < 1 || p->param[1] != p->param[0])
        return convis_fail(p->context, CONVIS_ESHAPE,
                           "%s: %lld columns and %lld rows, expected as many of both, and a cell at least", p->path,
                           (long long)units, (long long)p->param[1]);
    const int64_t *d = p->in_shape[0].dim;
    if (d[CONVIS_C] != 1 || d[CONVIS_Y]*d[CONVIS_X] > 1 << 24 || (d[CONVIS_B] > 1 && convis_elements(p->in_shape[0]) > 1 << 24))
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: cells look at one map of one channel, of at most 2^24 pixels",
                           p->path);
    if (p->recording && units > MOST_CELLS)
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: %lld cells, expected at most %d where gradients are required", p->path,
                           (long long)units, (int)MOST_CELLS);
    p->out_shape = convis_movie_shape(1, 1, units);
    p->out_shape.dim[CONVIS_B] = d[CONVIS_B];
    p->constants_size = (size_t)sight_size(p)*sizeof(convis_real);
    return CONVIS_OK;
}

static double clamped(double at, int64_t size) { return at < 0 ? 0 : at > (double)(size - 1) ? (double)(size - 1) : at; }

/* The pixels that cell u sees, and with which weights; returns how many. */
static int seen(const convis_pass *p, const sight *s, int64_t u, int64_t pixel[4], double weight[4])
{
    int64_t w = p->in_shape[0].dim[CONVIS_X], h = p->in_shape[0].dim[CONVIS_Y];
    double cx = clamped((double)s->x[u], w), cy = clamped((double)s->y[u], h);
    int64_t i = (int64_t)cx, j = (int64_t)cy;
    double fx = cx - (double)i, fy = cy - (double)j, each[4] = { (1 - fx)*(1 - fy), fx*(1 - fy), (1 - fx)*fy, fx*fy };
    int count = 0;
    for (int q = 0; q < 4; q++) {
        if ((q & 1 && !(fx > 0)) || (q & 2 && !(fy > 0))) continue;
        pixel[count] = (j + (q >> 1))*w + i + (q & 1);
        weight[count++] = each[q];
    }
    return count;
}

/* First how often each pixel is seen, then by which cells, in order of the cells. */
static convis_status list_cells(convis_pass *p)
{
    sight s = sight_of(p);
    int64_t m = p->in_shape[0].dim[CONVIS_Y]*p->in_shape[0].dim[CONVIS_X], units = (int64_t)p->param[0], at = 0, rows = 0,
            pixel[4];
    double weight[4];
    int *place = convis_obtain(p->context, (size_t)m*sizeof *place);
    if (!place) return CONVIS_ENOMEM;
    for (int64_t u = 0; u < units; u++) for (int q = seen(p, &s, u, pixel, weight); q-- > 0;) place[pixel[q]]++;
    for (int64_t i = 0; i < m; i++) {
        int count = place[i];
        place[i] = (int)at;
        if (!count) continue;
        s.pixel[rows] = (int32_t)i;
        s.begin[rows++] = (int32_t)at;
        at += count;
    }
    s.begin[rows] = (int32_t)at;
    *s.rows = (int32_t)rows;
    for (int64_t u = 0; u < units; u++)
        for (int q = 0, count = seen(p, &s, u, pixel, weight); q < count; q++) {
            int e = place[pixel[q]]++;
            s.cell[e] = (int32_t)u;
            s.weight[e] = (convis_real)weight[q];
        }
    convis_release(p->context, place);
    return CONVIS_OK;
}

static convis_status prepare(convis_pass *p)
{
    sight s = sight_of(p);
    for (int64_t u = 0; u < (int64_t)p->param[0]; u++) {
        s.x[u] = (convis_real)p->array[0][u];
        s.y[u] = (convis_real)p->array[1][u];
    }
    return p->recording ? list_cells(p) : CONVIS_OK;
}

static double baseline(const convis_pass *p, const double *x, double *state) { (void)p; (void)state; return x[0]; }

static sample_args args_of(const convis_pass *p, int seen_pixels)
{
    const int64_t *d = p->in_shape[0].dim;
    return (sample_args){ (int)convis_elements(p->in_shape[0]), (int)d[CONVIS_X], (int)d[CONVIS_Y], (int)p->param[0],
                          seen_pixels };
}

static convis_status forward(convis_pass *p)
{
    const sight s = sight_of(p);
    const sample_args args = args_of(p, 0);
    const int64_t maps = p->in_shape[0].dim[CONVIS_B];
    void *buffers[] = { s.x, s.y, (void *)(uintptr_t)p->in[0], p->out };
    convis_launch_with(p, maps > 1 ? "sample_forward_each" : "sample_forward", maps*args.cells, p->frames, buffers, &args);
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    const sight s = sight_of(p);
    const sample_args args = args_of(p, *s.rows);
    const int64_t maps = p->in_shape[0].dim[CONVIS_B];
    void *buffers[] = { s.pixel, s.begin, s.cell, s.weight, (void *)(uintptr_t)p->d_out, p->d_in[0] };
    if (p->d_in[0])
        convis_launch_with(p, maps > 1 ? "sample_back_each" : "sample_back", maps*args.seen, p->frames, buffers, &args);
    return CONVIS_OK;
}

CONVIS_LAYER_KERNELS(sample)
const convis_layer_type convis_sample = {
    .abi = CONVIS_LAYER_ABI, .name = "sample", .doc = "values of a map at the positions of cells (bilinear)",
    .params = params, .states = states, .inputs = 1, .kernels = sample_kernels, .source = convis_sample_source,
    .plan = plan, .prepare = prepare, .baseline = baseline, .forward = forward, .vjp = vjp, .device_capable = 1,
};
#endif
