/* history.c - spike history and coupling: what past spikes of a cell, and of others, add to its drive (Pillow et al. 2008).
 *
 *      y[o][t] = sum over c and lags k >= first of h[o][c][k] x[c][t - k]         c = o alone, or with coupling = 1 all channels
 *
 * The cells are channels; every pixel has the same filters. With basis = 0 each lag has a weight of its own, over `duration`;
 * with basis = 1 h is a sum of `count` raised cosines of ln(s + stretch), s = k dt, evenly spaced on that axis, the first with its peak at
 * first_peak, the last at last_peak:
 *
 *      h[o][c][k] = sum over j of weights[o][c][j] b_j(k dt)     b_j(s) = (1 + cos(clip(pi (ln(s + stretch) - p_j)/(2 D))))/2
 *
 * D is the peaks' distance, clip limits to +-pi. To fit recorded spikes they are the input. In a model that makes its own
 * spikes the layer follows the spiking one, and an earlier sum receives it through feedback (convis_connect) with a delay of a frame,
 * which makes a lag k one of k + 1: then first is 0. Spikes are few: the sum goes over spikes only.
 *
 * Adjoint: dx[c][t - k] += h[o][c][k] dy[o][t]; dh[o][c][k] += sum over t of x[c][t - k] dy[o][t], dweights = b' dh. */
#include <convis/kernel.h>

/* Pixels of a plane, channels, 1 if all receive from each other, lags, the smallest; for the gradient of the filters also batches, and sums that share
 * the work of one filter's lag. */
typedef struct history_args { int plane, channels, coupled, lags, first, batches, shares; } history_args;

#ifndef CONVIS_HOST

CONVIS_KERNEL_OF(history_args, history_forward, PARAM h, IN x, OUT y)
{
    integer plane = args.plane, channels = args.channels, lags = args.lags, first = args.first;
    int coupled = args.coupled;
    CONVIS_PIXELS(i) {
        integer o = i/plane%channels, c0 = coupled ? 0 : o, c1 = coupled ? channels : o + 1;
        CONVIS_FRAMES(t) y[t*n + i] = 0;
        for (integer c = c0; c < c1; c++) {
            CONVIS_GLOBAL const real *filter = h + (coupled ? o*channels + c : o)*lags;
            for (integer s = 1 - first - lags; s < nt - first; s++) {       /* frame of the cause */
                real cause = x[s*n + i + (c - o)*plane];
                integer from = s + first < 0 ? -s - first : 0, to = s + first + lags > nt ? nt - s - first : lags;
                if (cause == 0) continue;
                for (integer j = from; j < to; j++) y[(s + first + j)*n + i] += filter[j]*cause;
            }
        }
    }
}

/* dx lies as many frames before its first as x does. */
CONVIS_KERNEL_OF(history_args, history_adjoint, PARAM h, IN dy, OUT dx)
{
    integer plane = args.plane, channels = args.channels, lags = args.lags, first = args.first;
    int coupled = args.coupled;
    CONVIS_PIXELS(i) {
        integer c = i/plane%channels, o0 = coupled ? 0 : c, o1 = coupled ? channels : c + 1;
        for (integer o = o0; o < o1; o++) {
            CONVIS_GLOBAL const real *filter = h + (coupled ? o*channels + c : c)*lags;
            for (integer s = 1 - first - lags; s < nt - first; s++) {
                integer from = s + first < 0 ? -s - first : 0, to = s + first + lags > nt ? nt - s - first : lags;
                real sum = 0;
                for (integer j = from; j < to; j++) sum += filter[j]*dy[(s + first + j)*n + i + (o - c)*plane];
                dx[s*n + i] += sum;
            }
        }
    }
}

/* The gradient of the filters, over all frames nt: sums of each pair, in shares, lag by lag. On a GPU an item has one lag and one share of
 * all effects, which are its pixels' in every frame of every batch; the rounding error of each addition is subtracted from the next (Kahan). On a
 * processor the item that is a pair's first has all of them, as most causes are 0. */
CONVIS_KERNEL_OF(history_args, history_filters, IN x, IN dy, TOTAL sums)
{
    integer plane = args.plane, channels = args.channels, lags = args.lags, first = args.first;
    integer batches = args.batches, shares = args.shares, all = batches*channels*plane;
    int coupled = args.coupled;
#ifdef CONVIS_GPU
    CONVIS_PIXELS(i) {
        integer share = i%shares, lag = i/shares%lags, q = i/shares/lags, o = coupled ? q/channels : q,
                c = coupled ? q%channels : q;
        real sum = 0, excess = 0;
        for (integer b = 0; b < batches; b++)
            for (integer e = share; e < plane*(integer)nt; e += shares) {
                integer effect = e/plane*all + b*channels*plane + e%plane, cause = effect - (first + lag)*all + c*plane;
                if (x[cause] == 0) continue;
                real more = x[cause]*dy[effect + o*plane] - excess, next = sum + more;
                excess = (next - sum) - more;
                sum = next;
            }
        sums[(q*shares + share)*lags + lag] += sum;
    }
#else
    for (integer q = (i0 + lags*shares - 1)/(lags*shares); q*lags*shares < i1; q++) {
        integer o = coupled ? q/channels : q, c = coupled ? q%channels : q;
        convis_total *restrict dh = sums + q*shares*lags;
        for (integer b = 0; b < batches; b++)
            for (integer s = 1 - first - lags; s < nt - first; s++) {       /* frame of the cause */
                const real *cause = x + s*all + (b*channels + c)*plane;
                integer from = s + first < 0 ? -s - first : 0, to = s + first + lags > nt ? nt - s - first : lags;
                for (integer i = 0; i < plane; i++) {
                    if (cause[i] == 0) continue;
                    const real *effect = dy + (s + first)*all + (b*channels + o)*plane + i;
                    for (integer j = from; j < to; j++) dh[j] += (double)cause[i]*(double)effect[j*all];
                }
            }
    }
#endif
}

CONVIS_EXPORT(history, CONVIS_ENTRY(history_forward) CONVIS_ENTRY(history_adjoint)
              CONVIS_ENTRY(history_filters))

#else
#include <convis/layer.h>

enum { WEIGHTS, COUPLING, BASIS, DURATION, COUNT, FIRST_PEAK, LAST_PEAK, STRETCH, FIRST };
enum { MOST_LAGS = 4096 };
static const convis_field params[] = {
    { "weights",    "1", 0, -1e6, 1e6, CONVIS_ARRAY, "of lags or raised cosines, for each channel and the channels it takes" },
    { "coupling",   "own|all", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "whose past a channel filters: its own, or that of all" },
    { "basis",      "lags|cosines", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS | CONVIS_PLAN,
      "what has a weight: every lag, or every raised cosine" },
    { "duration",   "s", 0.1, 1e-5, 100, CONVIS_FIXED | CONVIS_PLAN,
      "length of the filters, at most, as cosines end by themselves" },
    { "count",      "1", 8, 2, 100, CONVIS_WHOLE | CONVIS_PLAN, "raised cosines" },
    { "first_peak", "s", 0.002, 0, 100, CONVIS_FIXED | CONVIS_PLAN, "lag at the peak of the first" },
    { "last_peak",  "s", 0.05, 1e-5, 100, CONVIS_FIXED | CONVIS_PLAN, "lag at the peak of the last" },
    { "stretch",    "s", 0.01, 1e-6, 100, CONVIS_FIXED | CONVIS_PLAN, "cosines are spaced evenly in ln(lag + stretch)" },
    { "first",      "1", 1, 0, 1, CONVIS_WHOLE | CONVIS_PLAN,
      "smallest lag in frames; 0 if the input is already delayed, as feedback is" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

/* ---- Sizes, and the filters of the weights ---- */

static int lags_of(const convis_pass *p)
{
    double lags = floor(p->param[DURATION]/p->dt + 1e-6) + 1 - p->param[FIRST];
    return lags < 1 ? 1 : lags > MOST_LAGS ? MOST_LAGS + 1 : (int)lags;
}
static int has_basis(const convis_pass *p) { return p->param[BASIS] > 0; }
static int weights_of(const convis_pass *p) { return has_basis(p) ? (int)p->param[COUNT] : lags_of(p); }
static int64_t pairs_of(const convis_pass *p)
{
    int64_t channels = p->in_shape[0].dim[CONVIS_C];
    return p->param[COUPLING] > 0 ? channels*channels : channels;
}

/* Enough to do for the device, if a filter alone has not that many lags. */
static int shares_of(const convis_pass *p)
{
    int64_t shares = p->work_items/(pairs_of(p)*lags_of(p));
    return shares < 1 ? 1 : shares > 128 ? 128 : (int)shares;
}

/* constants: the filters, and the basis, if any. */
static size_t filters_size(const convis_pass *p) { return ((size_t)(pairs_of(p)*lags_of(p))*sizeof(convis_real) + 63)/64*64; }
static convis_real *filters(const convis_pass *p) { return p->constants; }
static size_t basis_size(const convis_pass *p) { return has_basis(p) ? (size_t)(weights_of(p)*lags_of(p)) : 0; }
static double *basis(const convis_pass *p) { return (double *)(void *)((char *)filters(p) + filters_size(p)); }

static convis_status plan(convis_pass *p)
{
    const double *a = p->param;
    int lags = lags_of(p), weights = weights_of(p), free_lags = !has_basis(p);
    const int64_t *d = p->in_shape[0].dim;
    if (lags > MOST_LAGS)
        return convis_fail(p->context, CONVIS_EINVAL, "%s.duration: %g s are more than %d steps of %g s", p->path, a[DURATION],
                           MOST_LAGS, p->dt);
    if (!free_lags && a[LAST_PEAK] <= a[FIRST_PEAK])
        return convis_fail(p->context, CONVIS_EINVAL, "%s.last_peak: %g s, expected more than first_peak, %g s", p->path,
                           a[LAST_PEAK], a[FIRST_PEAK]);
    if (d[CONVIS_Y]*d[CONVIS_X] > 1 << 24 || d[CONVIS_C] > 4096)
        return convis_fail(p->context, CONVIS_ESHAPE, "%s: %lld channels of %lld pixels, expected at most 4096 and 2^24", p->path,
                           (long long)d[CONVIS_C], (long long)(d[CONVIS_Y]*d[CONVIS_X]));
    int64_t sources = pairs_of(p)/d[CONVIS_C];
    p->array_shape[WEIGHTS] = (convis_shape){ { d[CONVIS_C], sources, free_lags ? weights : 1, 1, free_lags ? 1 : weights } };
    p->history[0] = lags - 1 + (int)a[FIRST];
    p->constants_size = filters_size(p) + basis_size(p)*sizeof(double);
    p->sums[WEIGHTS] = pairs_of(p)*lags*shares_of(p);
    return CONVIS_OK;
}

/* b[j*lags + k]: what weight j adds to lag k. */
static void fill_basis(const convis_pass *p, double *b)
{
    const double *a = p->param;
    int lags = lags_of(p), weights = weights_of(p);
    double low = log(a[FIRST_PEAK] + a[STRETCH]), apart = (log(a[LAST_PEAK] + a[STRETCH]) - low)/(weights - 1);
    for (int j = 0; j < weights; j++)
        for (int k = 0; k < lags; k++) {
            double at = 3.141592653589793*(log((k + a[FIRST])*p->dt + a[STRETCH]) - (low + j*apart))/(2*apart);
            b[j*lags + k] = 0.5 + 0.5*cos(fmin(fmax(at, -3.141592653589793), 3.141592653589793));
        }
}

static convis_status prepare(convis_pass *p)
{
    int lags = lags_of(p), weights = weights_of(p);
    double *b = basis(p);
    if (has_basis(p)) fill_basis(p, b);
    for (int64_t q = 0; q < pairs_of(p); q++)
        for (int k = 0; k < lags; k++) {
            const double *w = p->array[WEIGHTS] + q*weights;
            double sum = has_basis(p) ? 0 : w[k];
            for (int j = 0; has_basis(p) && j < weights; j++) sum += w[j]*b[j*lags + k];
            filters(p)[q*lags + k] = (convis_real)sum;
        }
    return CONVIS_OK;
}

/* ---- The baseline: the same for every channel; the output is the mean over channels ---- */

static double gain(const convis_pass *p)
{
    double sum = 0;
    for (int64_t q = 0; q < pairs_of(p)*lags_of(p); q++) sum += (double)filters(p)[q];
    return sum/(double)p->in_shape[0].dim[CONVIS_C];
}

static double baseline(const convis_pass *p, const double *x, double *state) { (void)state; return x[0]*gain(p); }

static void baseline_vjp(const convis_pass *p, const double *x, double d_y, const double *d_state, double *d_x, double *d_param,
                     double *const *d_array)
{
    int lags = lags_of(p), weights = weights_of(p);
    double channels = (double)p->in_shape[0].dim[CONVIS_C];
    (void)d_state;
    (void)d_param;
    d_x[0] += d_y*gain(p);
    for (int64_t q = 0; d_array[WEIGHTS] && q < pairs_of(p)*weights; q++) {
        if (!has_basis(p)) d_array[WEIGHTS][q] += d_y*x[0]/channels;
        else for (int k = 0; k < lags; k++) d_array[WEIGHTS][q] += d_y*x[0]*basis(p)[q%weights*lags + k]/channels;
    }
}

/* ---- Forward and backward ---- */

static history_args args_of(const convis_pass *p)
{
    const int64_t *d = p->in_shape[0].dim;
    return (history_args){ (int)(d[CONVIS_Y]*d[CONVIS_X]), (int)d[CONVIS_C], p->param[COUPLING] > 0, lags_of(p), (int)p->param[FIRST],
                           (int)d[CONVIS_B], shares_of(p) };
}

static convis_status forward(convis_pass *p)
{
    const history_args args = args_of(p);
    convis_launch_with(p, "history_forward", convis_elements(p->out_shape), p->frames,
                       (void *[]){ filters(p), (void *)(uintptr_t)p->in[0], p->out }, &args);
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    const history_args args = args_of(p);
    if (p->d_array[WEIGHTS])
        convis_launch_items(p, "history_filters", p->sums[WEIGHTS], p->frames,
                            (void *[]){ (void *)(uintptr_t)p->in[0], (void *)(uintptr_t)p->d_out, p->d_array[WEIGHTS] }, &args);
    if (p->d_in[0])
        convis_launch_with(p, "history_adjoint", convis_elements(p->out_shape), p->frames,
                           (void *[]){ filters(p), (void *)(uintptr_t)p->d_out, p->d_in[0] }, &args);
    return CONVIS_OK;
}

/* From lags to weights. */
static void gather(const convis_pass *p, int k, const double *sums, double *d_param, double *const *d_array)
{
    int lags = lags_of(p), weights = weights_of(p), shares = shares_of(p);
    (void)k, (void)d_param;
    for (int64_t q = 0; q < pairs_of(p); q++)
        for (int lag = 0; lag < lags; lag++) {
            double dh = 0, *to = d_array[WEIGHTS] + q*weights;
            for (int64_t share = 0; share < shares; share++) dh += sums[(q*shares + share)*lags + lag];
            if (!has_basis(p)) to[lag] += dh;
            else for (int j = 0; j < weights; j++) to[j] += basis(p)[j*lags + lag]*dh;
        }
}

CONVIS_LAYER_KERNELS(history)
const convis_layer_type convis_history = {
    .abi = CONVIS_LAYER_ABI, .name = "history", .doc =
      "spike-history filters, of each cell's own spikes or of all cells' (coupling)",
    .params = params, .states = states, .inputs = 1, .kernels = history_kernels, .source = convis_history_source,
    .plan = plan, .prepare = prepare, .baseline = baseline, .baseline_vjp = baseline_vjp, .forward = forward, .vjp = vjp, .gather = gather, .device_capable = 1,
};
#endif
