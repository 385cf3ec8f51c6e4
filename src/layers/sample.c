/* sample.c - what cells at given places see of a map: bilinear interpolation.
 *
 *      y[t][u] = (1-fy) ((1-fx) x[t][j][i] + fx x[t][j][i+1]) + fy ((1-fx) x[t][j+1][i] + fx x[t][j+1][i+1])
 *      i = floor(X_u), fx = X_u - i, likewise j, fy; pixel i has coordinate i; places outside are clamped to the edge
 *
 * Adjoint: dy scattered with the same weights, summed in order of u; a frame is one thread's. Places are given, not learnt. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

/* k: elements of a frame of the map, its width, its height; X, Y: coordinates. */
CONVIS_KERNEL5(sample_forward, PARAM k, PARAM X, PARAM Y, IN x, OUT y)
{
    integer m = (integer)k[0], w = (integer)k[1], h = (integer)k[2];
    CONVIS_SCAN(u, t) {
        real cx = convis_min(convis_max(X[u], R(0.0)), (real)(w - 1)), cy = convis_min(convis_max(Y[u], R(0.0)), (real)(h - 1));
        y[t*n + u] = convis_bilinear(x + t*m, w, cx, cy);
    }
}

CONVIS_EXPORT(sample, CONVIS_ENTRY(sample_forward))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "x", "px", 0, -1e6, 1e6, CONVIS_ARRAY | CONVIS_FIXED, "columns of the cells; pixel i has coordinate i" },
    { "y", "px", 0, -1e6, 1e6, CONVIS_ARRAY | CONVIS_FIXED, "rows" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static convis_status plan(convis_pass *p)
{
    int64_t units = (int64_t)p->param[0];
    if (units < 1 || p->param[1] != p->param[0])
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: %lld columns and %lld rows, expected as many of both, and a cell at least",
                           p->path, (long long)units, (long long)p->param[1]);
    const int64_t *d = p->in_shape[0].dim;
    if (d[CONVIS_B]*d[CONVIS_C] != 1 || d[CONVIS_Y]*d[CONVIS_X] > 1 << 24)
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: cells look at one map of one channel, of at most 2^24 pixels", p->path);
    p->out_shape = convis_movie_shape(1, 1, units);
    p->constants_size = (size_t)(16 + 2*(units + 16))*sizeof(convis_real);
    return CONVIS_OK;
}

/* constants: three numbers, then the columns, then the rows. */
static convis_status prepare(convis_pass *p)
{
    int64_t units = (int64_t)p->param[0];
    convis_real *k = p->constants, *x = k + 16, *y = x + units + 16;
    k[0] = (convis_real)convis_elements(p->in_shape[0]);
    k[1] = (convis_real)p->in_shape[0].dim[CONVIS_X];
    k[2] = (convis_real)p->in_shape[0].dim[CONVIS_Y];
    for (int64_t u = 0; u < units; u++) {
        x[u] = (convis_real)p->array[0][u];
        y[u] = (convis_real)p->array[1][u];
    }
    return CONVIS_OK;
}

static double past(const convis_pass *p, const double *x, double *state) { (void)p; (void)state; return x[0]; }

static void forward(convis_pass *p)
{
    int64_t units = (int64_t)p->param[0];
    convis_real *k = p->constants;
    convis_launch(p, "sample_forward", units, p->frames,
                  (void *[]){ k, k + 16, k + 16 + units + 16, (void *)(uintptr_t)p->in[0], p->out });
}

static double clamped(double at, int64_t size) { return at < 0 ? 0 : at > (double)(size - 1) ? (double)(size - 1) : at; }

static void vjp(convis_pass *p)
{
    int64_t units = (int64_t)p->param[0], w = p->in_shape[0].dim[CONVIS_X], h = p->in_shape[0].dim[CONVIS_Y];
    convis_real *k = p->constants, *x = k + 16, *y = x + units + 16;
    if (!p->d_in[0]) return;
    for (int64_t t = p->thread; t < p->frames; t += p->threads) {
        convis_real *to = p->d_in[0] + t*w*h;
        for (int64_t u = 0; u < units; u++) {
            double cx = clamped((double)x[u], w), cy = clamped((double)y[u], h), g = (double)p->d_out[t*units + u];
            int64_t i = (int64_t)cx, j = (int64_t)cy, at = j*w + i;
            double fx = cx - (double)i, fy = cy - (double)j;
            to[at] += (convis_real)(g*(1 - fx)*(1 - fy));
            if (fx > 0)           to[at + 1]     += (convis_real)(g*fx*(1 - fy));
            if (fy > 0)           to[at + w]     += (convis_real)(g*(1 - fx)*fy);
            if (fx > 0 && fy > 0) to[at + w + 1] += (convis_real)(g*fx*fy);
        }
    }
}

CONVIS_LAYER_KERNELS(sample)
const convis_layer_type convis_sample = {
    .abi = CONVIS_LAYER_ABI, .name = "sample", .doc = "a map as cells at given places see it",
    .params = params, .states = states, .inputs = 1, .kernels = sample_kernels, .source = convis_sample_source,
    .plan = plan, .prepare = prepare, .past = past, .forward = forward, .vjp = vjp,
};
#endif
