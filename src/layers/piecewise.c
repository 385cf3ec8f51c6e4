/* piecewise.c - straight lines between knots: any static nonlinearity, learnt.
 *
 *      y[t] = Y_j + s_j (x[t] - X_j)                     s_j = (Y_{j+1} - Y_j)/(X_{j+1} - X_j), knot j the last one not right of x
 *
 * Beyond the first and the last knot the outermost lines go on. Knots are taken in the order of their positions, however they
 * are given, so that a fit may move one across another; two at one place make a step.
 *
 * Adjoint, f = (x - X_j)/(X_{j+1} - X_j): dx = s_j dy; dY_j = (1 - f) dy; dY_{j+1} = f dy; dX_j = -s_j (1 - f) dy;
 * dX_{j+1} = -s_j f dy. The last four are sums of dy and of f dy for each line, made in shares of the elements that do not
 * depend on the number of threads. */
#include <convis/kernel.h>

enum { PIECEWISE_FOLDED = 64 };          /* columns of sums that remain of many */
/* Lines, and elements of a frame. */
typedef struct piecewise_args { int lines, elements; } piecewise_args;

#ifndef CONVIS_HOST

/* Which of `lines` lines, beginning at X, each pixel of a group is on. */
CONVIS_INLINE void piecewise_find(int *restrict line, PARAM X, int lines, IN x, int count)
{
    for (int l = 0; l < count; l++) line[l] = 0;
    for (int j = 1; j < lines; j++)
        for (int l = 0; l < count; l++) line[l] += x[l] >= X[j] ? 1 : 0;
}

/* X, Y, S: where each line begins, its value at that place, its slope. */
CONVIS_KERNEL_OF(piecewise_args, piecewise_forward, PARAM X, PARAM Y, PARAM S, IN x, OUT y)
{
    CONVIS_FRAMES(t) CONVIS_GROUPS(g, count) {
        int line[CONVIS_GROUP];
        piecewise_find(line, X, args.lines, x + t*n + g, count);
        for (int l = 0; l < count; l++) y[t*n + g + l] = Y[line[l]] + S[line[l]]*(x[t*n + g + l] - X[line[l]]);
    }
}

CONVIS_KERNEL_OF(piecewise_args, piecewise_adjoint, PARAM X, PARAM S, IN x, IN dy, OUT dx)
{
    CONVIS_FRAMES(t) CONVIS_GROUPS(g, count) {
        int line[CONVIS_GROUP];
        piecewise_find(line, X, args.lines, x + t*n + g, count);
        for (int l = 0; l < count; l++) dx[t*n + g + l] += S[line[l]]*dy[t*n + g + l];
    }
}

/* Column c of n: the sums of dy (even rows) and of dy (x - X_j) (odd ones) for each line, over a share of the elements of all frames. */
CONVIS_KERNEL_OF(piecewise_args, piecewise_sums, PARAM X, IN x, IN dy, TOTAL sums)
{
    integer lines = args.lines, elements = (integer)args.elements*(integer)nt;
    CONVIS_PIXELS(c) {
        for (integer j = 0; j < 2*lines; j++) sums[j*n + c] = 0;
        CONVIS_SHARE(i, c, elements) {
            integer from = 0, to = lines;                /* the line is from .. to - 1 */
            while (to - from > 1) {
                integer middle = (from + to)/2;
                if (x[i] >= X[middle]) from = middle; else to = middle;
            }
            sums[2*from*n + c] += dy[i];
            sums[(2*from + 1)*n + c] += (convis_total)dy[i]*((convis_total)x[i] - (convis_total)X[from]);
        }
    }
}

/* nt columns become PIECEWISE_FOLDED. */
CONVIS_KERNEL2(piecewise_fold, TOTAL sums, TOTAL folded)
{
    CONVIS_PIXELS(i) {
        convis_total sum = 0;
        for (integer c = i%PIECEWISE_FOLDED; c < (integer)nt; c += PIECEWISE_FOLDED)
            sum += sums[i/PIECEWISE_FOLDED*(integer)nt + c];
        folded[i] += sum;
    }
}

CONVIS_EXPORT(piecewise, CONVIS_ENTRY(piecewise_forward) CONVIS_ENTRY(piecewise_adjoint) CONVIS_ENTRY(piecewise_sums)
              CONVIS_ENTRY(piecewise_fold))

#else
#include <convis/layer.h>

enum { X, Y, KNOTS, FIRST, LAST };
static const convis_field params[] = {
    { "x",     "1", 0, -1e6, 1e6, CONVIS_ARRAY, "positions of the knots; unset: evenly from first to last" },
    { "y",     "1", 0, -1e6, 1e6, CONVIS_ARRAY, "values there; unset: as the positions" },
    { "knots", "1", 10, 2, 1000, CONVIS_WHOLE | CONVIS_PLAN, "how many, where no array says it" },
    { "first", "1", -1, -1e6, 1e6, CONVIS_FIXED | CONVIS_PLAN, "position of the first knot, where none are set" },
    { "last",  "1", 1, -1e6, 1e6, CONVIS_FIXED | CONVIS_PLAN, "position of the last" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

/* What prepare() makes: the lines as kernels take them, and which knot of the arrays each begins at; the last knot as well. */
typedef struct lines { int count; convis_real *x, *y, *s; int *knot; } lines;

static int64_t padded(int64_t knots) { return (knots + 15)/16*16; }

static lines lines_of(const convis_pass *p)
{
    int64_t room = padded((int64_t)p->param[X]);
    convis_real *k = p->constants;
    return (lines){ (int)p->param[X] - 1, k, k + room, k + 2*room, (int *)(void *)(k + 3*room) };
}

/* Shares of the sums: enough to do for the device, but sums that fit into 2 MB. */
static int64_t columns_of(const convis_pass *p, int64_t knots)
{
    int64_t columns = (1 << 18)/knots/PIECEWISE_FOLDED*PIECEWISE_FOLDED, most = p->work_items < 8192 ? p->work_items : 8192;
    if (columns > most) columns = most;
    return columns < PIECEWISE_FOLDED ? PIECEWISE_FOLDED : columns;
}

static convis_status plan(convis_pass *p)
{
    int64_t knots = (int64_t)(p->param[X] > 0 ? p->param[X] : p->param[Y] > 0 ? p->param[Y] : p->param[KNOTS]);
    if (knots < 2) return convis_fail(p->context, CONVIS_ESHAPE, "%s.x: a single knot, expected two at least", p->path);
    p->array_shape[X] = p->array_shape[Y] = (convis_shape){ { 1, 1, 1, 1, knots } };
    p->constants_size = (size_t)(3*padded(knots))*sizeof(convis_real) + (size_t)padded(knots)*sizeof(int);
    p->sums[X] = 2*knots*PIECEWISE_FOLDED;
    if (p->recording) p->scratch_size = (size_t)(2*knots*columns_of(p, knots))*sizeof(convis_total);
    return CONVIS_OK;
}

static void initial(const convis_pass *p, int k, double *values)
{
    int64_t knots = p->array_shape[k].dim[CONVIS_X];
    for (int64_t j = 0; j < knots; j++)
        values[j] = k == Y && p->array[X] ? p->array[X][j]
                  : p->param[FIRST] + (p->param[LAST] - p->param[FIRST])*(double)j/(double)(knots - 1);
}

/* The knot of rank r: those at one place stay in the order in which they were given. */
static void rank_knots(const double *x, int knots, int *knot)
{
    for (int j = 0; j < knots; j++) {
        int r = j;
        for (; r > 0 && x[knot[r - 1]] > x[j]; r--) knot[r] = knot[r - 1];
        knot[r] = j;
    }
}

static double slope(const convis_pass *p, const int *knot, int j)
{
    double width = p->array[X][knot[j + 1]] - p->array[X][knot[j]];
    return width > 0 ? (p->array[Y][knot[j + 1]] - p->array[Y][knot[j]])/width : 0;
}

static convis_status prepare(convis_pass *p)
{
    lines l = lines_of(p);
    rank_knots(p->array[X], l.count + 1, l.knot);
    for (int j = 0; j < l.count; j++) {
        l.x[j] = (convis_real)p->array[X][l.knot[j]];
        l.y[j] = (convis_real)p->array[Y][l.knot[j]];
        l.s[j] = (convis_real)slope(p, l.knot, j);
    }
    return CONVIS_OK;
}

static int line_at(const convis_pass *p, const int *knot, int count, double x)
{
    int j = 0;
    while (j + 1 < count && x >= p->array[X][knot[j + 1]]) j++;
    return j;
}

static double baseline(const convis_pass *p, const double *x, double *state)
{
    lines l = lines_of(p);
    int j = line_at(p, l.knot, l.count, x[0]);
    (void)state;
    return p->array[Y][l.knot[j]] + slope(p, l.knot, j)*(x[0] - p->array[X][l.knot[j]]);
}

/* From g = sum of dy and h = sum of dy (x - X_j) along line j to the gradients of its two knots. */
static void give_knots(const convis_pass *p, const int *knot, int j, double g, double h, double *const *d_array)
{
    double width = p->array[X][knot[j + 1]] - p->array[X][knot[j]], s = slope(p, knot, j);
    double right = width > 0 ? h/width : 0, left = g - right;
    if (d_array[Y]) {
        d_array[Y][knot[j]] += left;
        d_array[Y][knot[j + 1]] += right;
    }
    if (d_array[X]) {
        d_array[X][knot[j]] -= s*left;
        d_array[X][knot[j + 1]] -= s*right;
    }
}

static void baseline_vjp(const convis_pass *p, const double *x, double d_y, const double *d_state, double *d_x, double *d_param,
                     double *const *d_array)
{
    lines l = lines_of(p);
    int j = line_at(p, l.knot, l.count, x[0]);
    (void)d_state, (void)d_param;
    d_x[0] += slope(p, l.knot, j)*d_y;
    give_knots(p, l.knot, j, d_y, d_y*(x[0] - p->array[X][l.knot[j]]), d_array);
}

static piecewise_args args_of(const convis_pass *p, const lines *l) { return (piecewise_args){ l->count, (int)convis_elements(p->out_shape) }; }

static convis_status forward(convis_pass *p)
{
    lines l = lines_of(p);
    const piecewise_args args = args_of(p, &l);
    convis_launch_with(p, "piecewise_forward", args.elements, p->frames,
                       (void *[]){ l.x, l.y, l.s, (void *)(uintptr_t)p->in[0], p->out }, &args);
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    lines l = lines_of(p);
    const piecewise_args args = args_of(p, &l);
    const int64_t columns = columns_of(p, l.count + 1);
    void *x = (void *)(uintptr_t)p->in[0], *dy = (void *)(uintptr_t)p->d_out;
    if (p->d_in[0])
        convis_launch_with(p, "piecewise_adjoint", args.elements, p->frames, (void *[]){ l.x, l.s, x, dy, p->d_in[0] }, &args);
    if (!p->d_array[X]) return CONVIS_OK;
    convis_launch_items(p, "piecewise_sums", columns, p->frames, (void *[]){ l.x, x, dy, p->scratch }, &args);
    convis_launch(p, "piecewise_fold", 2*l.count*PIECEWISE_FOLDED, (int)columns, (void *[]){ p->scratch, p->d_array[X] });
    return CONVIS_OK;
}

static double row_of(const double *sums, int64_t row)
{
    double sum = 0;
    for (int c = 0; c < PIECEWISE_FOLDED; c++) sum += sums[row*PIECEWISE_FOLDED + c];
    return sum;
}

/* From the lines' sums to the knots. */
static void gather(const convis_pass *p, int k, const double *sums, double *d_param, double *const *d_array)
{
    lines l = lines_of(p);
    (void)k, (void)d_param;
    for (int j = 0; j < l.count; j++) give_knots(p, l.knot, j, row_of(sums, 2*j), row_of(sums, 2*j + 1), d_array);
}

CONVIS_LAYER_KERNELS(piecewise)
const convis_layer_type convis_piecewise = {
    .abi = CONVIS_LAYER_ABI, .name = "piecewise", .doc = "piecewise linear nonlinearity with knots that can be fitted",
    .params = params, .states = states, .inputs = 1, .kernels = piecewise_kernels, .source = convis_piecewise_source,
    .plan = plan, .prepare = prepare, .baseline = baseline, .baseline_vjp = baseline_vjp, .forward = forward, .vjp = vjp, .gather = gather, .device_capable = 1, .initial = initial,
};
#endif
