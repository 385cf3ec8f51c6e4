/* sta.c - spike-triggered average and covariance, with significance by shuffling (fit.h).
 *
 * x_t is the window of frames t-L+1 .. t, so the analysis looks back in time from each response; r_t the response, summed
 * over trials, and m_t how many trials were measured. With a_t = r_t/sum(r) - m_t/sum(m), which sums to 0,
 *
 *      STA = sum_t a_t x_t          STC = P (sum_t a_t x_t x_t') P          P = I - s s',  s = STA/|STA|
 *
 * (Schwartz, Pillow, Rust and Simoncelli 2006): the covariance of the windows before spikes minus that of all windows, in
 * directions orthogonal to the STA; being taken between the two, means cancel. The matrix is never formed: STC V takes one pass
 * over the recording, for as many columns of V as one likes. Its eigenvectors come from a block Krylov space with
 * Rayleigh and Ritz's procedure in all of it.
 *
 * Shuffling shifts the responses circularly against the windows, by the lags at least. That preserves the rate and the rhythm of the
 * response and takes away what it has to do with the stimulus. */
#include "eigen.h"
#include "base/context.h"
#include "base/philox.h"
#include "kernels/products/products.h"
#include <convis/fit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = CONVIS_PRODUCTS_LANES, COLUMNS_MOST = 128 };

/* ---- The windows, and how much each counts ---- */

typedef struct ensemble {
    convis_context   *context;
    convis_recording *recording;
    convis_recording_info info;
    int64_t lags, pixels, dims;      /* pixels: of all channels; dims = lags*pixels */
    int64_t count;                   /* windows; the first is that of frame lags - 1 */
    double *amount;                  /* a_t of each window */
    double  spikes;                  /* sum(r) */
    int64_t chunk;                   /* windows of a pass that are in memory at once */
    convis_real *frames;
    double *window, *projected;      /* chunk + lags - 1 frames; what the windows give for each lane */
} ensemble;

/* Columns that go through the recording together, each with the responses shifted in its own way. */
typedef struct columns { int count, room; const int64_t *shift; } columns;        /* room: lanes, a multiple of LANES */
static const int64_t NO_SHIFT[LANES] = { 0 };

/* sum += sum_t a_t x_t (x_t' v) for every column; v NULL: sum += sum_t a_t x_t. Both are (dims, room). */
static convis_status pass(ensemble *e, const columns *c, const double *v, double *sum)
{
    const int64_t before = e->lags - 1;
    for (int64_t t0 = 0, windows; t0 < e->count; t0 += windows) {
        windows = e->count - t0 < e->chunk ? e->count - t0 : e->chunk;
        /* The last frames of the chunk before are the first of this one. */
        const int64_t reused = t0 ? before : 0, fresh = windows + before - reused;
        convis_status status = convis_progress(e->context, "sta", t0, e->count);
        if (status) return status;
        memmove(e->window, e->window + e->chunk*e->pixels, (size_t)(reused*e->pixels)*sizeof *e->window);
        status = convis_recording_stimulus(e->recording, t0 + reused, fresh, e->frames);
        if (status) return status;
        for (int64_t i = 0; i < fresh*e->pixels; i++) e->window[reused*e->pixels + i] = (double)e->frames[i];

        memset(e->projected, 0, (size_t)(windows*c->room)*sizeof *e->projected);
        if (v) convis_products_add(e->context, windows, c->room, e->dims, e->window, e->pixels, 1, v, e->projected);
        for (int64_t t = 0; t < windows; t++)
            for (int k = 0; k < c->count; k++) {
                const int64_t at = t0 + t + c->shift[k];
                double *p = e->projected + t*c->room + k;
                *p = (v ? *p : 1)*e->amount[at < e->count ? at : at - e->count];
            }
        convis_products_add(e->context, e->dims, c->room, windows, e->window, 1, e->pixels, e->projected, sum);
    }
    return CONVIS_OK;
}

/* Of one unit in every window: its response, summed over trials, and how many of them were measured. */
static convis_status read_response(ensemble *e, int64_t unit, double *summed, double *measured)
{
    enum { BATCH = 4096 };
    const convis_recording_info *i = &e->info;
    convis_context *c = e->context;
    const int64_t row = i->units*i->trials, batch = row < BATCH ? BATCH/row + 1 : 1;
    convis_real *response = convis_obtain(c, (size_t)(batch*row)*sizeof *response);
    convis_real *mask = convis_obtain(c, (size_t)(batch*row)*sizeof *mask);
    convis_status status = response && mask ? CONVIS_OK : CONVIS_ENOMEM;
    for (int64_t t0 = 0, some; t0 < e->count && !status; t0 += some) {
        some = e->count - t0 < batch ? e->count - t0 : batch;
        status = convis_recording_response(e->recording, e->lags - 1 + t0, some, response, mask);
        for (int64_t k = 0; k < i->trials && !status; k++)
            for (int64_t t = 0; t < some; t++) {
                const int64_t at = (k*some + t)*i->units + unit;
                summed[t0 + t] += (double)mask[at]*(double)response[at];
                measured[t0 + t] += (double)mask[at];
            }
    }
    convis_release(c, response);
    convis_release(c, mask);
    return status;
}

/* From responses to amounts, in place, if there is anything to average. */
static convis_status weigh(ensemble *e, int64_t unit, const double *measured)
{
    double sum = 0, trials = 0, most = 0, varies = 0;
    for (int64_t t = 0; t < e->count; t++) { sum += e->amount[t]; trials += measured[t]; }
    e->spikes = sum;
    if (!(trials > 0))
        return convis_fail(e->context, CONVIS_EINVAL, "unit %lld: no frame after the first %lld counts, expected responses",
                           (long long)unit,
                           (long long)e->lags - 1);
    if (!(sum > 0))
        return convis_fail(e->context, CONVIS_EINVAL,
                           "unit %lld: its responses sum to %g, expected spikes, or rates of 0 and more", (long long)unit, sum);
    for (int64_t t = 0; t < e->count; t++) {
        const double response = e->amount[t]/sum;
        e->amount[t] = response - measured[t]/trials;
        most = fmax(most, fabs(response));
        varies = fmax(varies, fabs(e->amount[t]));
    }
    return varies > 1e-12*most ? CONVIS_OK
         : convis_fail(e->context, CONVIS_EINVAL, "unit %lld: its response is the same in every frame, expected one that varies",
                       (long long)unit);
}

/* ---- Directions ---- */

/* Normal numbers, the same for the same seed and stream. */
static void draw(const ensemble *e, uint64_t seed, uint64_t stream, double *to)
{
    for (int64_t i = 0; i < e->dims; i += 2) {
        double a, b;
        philox_normal(philox_draw(seed, (uint64_t)i, stream | (uint64_t)0x53544300 << 32), &a, &b);
        to[i] = a;
        if (i + 1 < e->dims) to[i + 1] = b;
    }
}

static double dot(int64_t n, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i]*b[i];
    return sum;
}

static void take_off(int64_t n, double *a, double factor, const double *b) { for (int64_t i = 0; i < n; i++) a[i] -= factor*b[i]; }

static double normalise(int64_t n, double *a)
{
    const double length = sqrt(dot(n, a, a));
    if (length > 0) for (int64_t i = 0; i < n; i++) a[i] /= length;
    return length;
}

/* ---- Eigenvectors of the STC ---- */

enum { KRYLOV_MOST = 400, KRYLOV_BYTES = 1 << 29 };      /* of the space in which they are sought: dimensions, memory */
static const double CONVERGED = 1e-6;    /* residual, of the largest eigenvalue's size */

typedef struct krylov {
    ensemble *e;
    const double *sta;                   /* of length 1, or NULL: nothing is projected out */
    int64_t most;                        /* dimensions: at most so many, and there are no more */
    int     block, count;                /* of the last block; of all */
    double *basis;                       /* (most, dims): orthonormal rows */
    double *image;                       /* (most, dims): what the STC makes of them */
    double *small, *vector, *value, *spare;      /* the STC within the basis, (most, most); its eigenvectors ... */
    double *in, *out;                    /* (dims, LANES) */
    uint64_t seed, drawn;
} krylov;

/* One more direction: v without what lies in the basis (and the STA); a drawn one where nothing is left. 0: there is none. */
static int add_direction(krylov *k, const double *v)
{
    const int64_t n = k->e->dims;
    if (k->count == k->most) return 0;
    double *to = k->basis + k->count*n;
    for (int attempt = 0; attempt < 4; attempt++) {
        if (v && !attempt) memcpy(to, v, (size_t)n*sizeof *to);
        else draw(k->e, k->seed, ++k->drawn, to);
        const double before = sqrt(dot(n, to, to));
        for (int twice = 0; twice < 2; twice++) {        /* twice is enough (Kahan) */
            if (k->sta) take_off(n, to, dot(n, to, k->sta), k->sta);
            for (int j = 0; j < k->count; j++) take_off(n, to, dot(n, to, k->basis + j*n), k->basis + j*n);
        }
        if (normalise(n, to) > 1e-9*before) { k->count++; return 1; }
    }
    return 0;
}

/* The image of the last block, and the matrix within the basis. */
static convis_status multiply(krylov *k)
{
    const int64_t n = k->e->dims;
    const columns c = { k->block, LANES, NO_SHIFT };
    const int first = k->count - k->block;
    memset(k->in, 0, (size_t)(n*LANES)*sizeof *k->in);
    memset(k->out, 0, (size_t)(n*LANES)*sizeof *k->out);
    for (int j = 0; j < k->block; j++)
        for (int64_t i = 0; i < n; i++) k->in[i*LANES + j] = k->basis[(first + j)*n + i];
    convis_status status = pass(k->e, &c, k->in, k->out);
    if (status) return status;
    for (int j = first; j < k->count; j++) {
        double *image = k->image + j*n;
        for (int64_t i = 0; i < n; i++) image[i] = k->out[i*LANES + j - first];
        if (k->sta) take_off(n, image, dot(n, image, k->sta), k->sta);
        for (int i = 0; i <= j; i++) k->small[i*k->most + j] = k->small[j*k->most + i] = dot(n, k->basis + i*n, image);
    }
    return CONVIS_OK;
}

/* The i-th eigenvector of the matrix within the basis: sum of `of` (basis or image) rows. */
static void combine(const krylov *k, int i, const double *of, double *to)
{
    const int64_t n = k->e->dims;
    memset(to, 0, (size_t)n*sizeof *to);
    for (int j = 0; j < k->count; j++) take_off(n, to, -k->vector[i*k->count + j], of + j*n);
}

/* Are the first and last `asked` eigenvectors good enough? */
static int converged(krylov *k, int64_t asked)
{
    const int64_t n = k->e->dims;
    double *image = k->in, *vector = k->out;             /* both are free between passes, and large enough */
    for (int i = 0; i < k->count; i++) memcpy(k->vector + i*k->count, k->small + i*k->most, (size_t)k->count*sizeof *k->vector);
    convis_eigen(k->count, k->vector, k->value, k->spare);
    if (k->count == k->most) return 1;
    if (k->count < 2*asked) return 0;
    const double size = fmax(fabs(k->value[0]), fabs(k->value[k->count - 1]));
    for (int64_t i = 0; i < 2*asked; i++) {
        const int at = (int)(i < asked ? i : k->count - 1 - (i - asked));
        combine(k, at, k->image, image);
        combine(k, at, k->basis, vector);
        take_off(n, image, k->value[at], vector);
        if (!(dot(n, image, image) <= CONVERGED*CONVERGED*size*size)) return 0;
    }
    return 1;
}

static convis_status krylov_open(krylov *k, int64_t asked)
{
    convis_context *c = k->e->context;
    const int64_t n = k->e->dims, all = n - (k->sta != NULL);
    const int64_t fits = KRYLOV_BYTES/(2*n*(int64_t)sizeof(double)), least = 2*asked + 2*LANES;
    k->most = fits < KRYLOV_MOST ? fits : KRYLOV_MOST;
    if (k->most < least) k->most = least;
    if (k->most > all) k->most = all;
    k->basis = convis_obtain(c, (size_t)(k->most*n)*sizeof(double));
    k->image = convis_obtain(c, (size_t)(k->most*n)*sizeof(double));
    k->small = convis_obtain(c, (size_t)(k->most*k->most)*sizeof(double));
    k->vector = convis_obtain(c, (size_t)(k->most*k->most)*sizeof(double));
    k->value = convis_obtain(c, 2*(size_t)k->most*sizeof(double));
    k->spare = k->value + k->most;
    k->in = convis_obtain(c, (size_t)(n*LANES)*sizeof(double));
    k->out = convis_obtain(c, (size_t)(n*LANES)*sizeof(double));
    return k->basis && k->image && k->small && k->vector && k->value && k->in && k->out ? CONVIS_OK : CONVIS_ENOMEM;
}

static void krylov_close(krylov *k)
{
    double *const all[] = { k->basis, k->image, k->small, k->vector, k->value, k->in, k->out };
    for (size_t j = 0; j < sizeof all/sizeof *all; j++) convis_release(k->e->context, all[j]);
}

/* Largest first; an eigenvector's largest element is positive. */
static convis_status store_eigenvectors(const krylov *k, int64_t asked, convis_sta *s)
{
    const int64_t n = k->e->dims;
    s->count = 2*asked < k->count ? 2*asked : k->count;
    s->eigenvalue = convis_own(k->e->context, (size_t)s->count*sizeof(double));
    s->eigenvector = convis_own(k->e->context, (size_t)(s->count*n)*sizeof(double));
    if (!s->eigenvalue || !s->eigenvector) return CONVIS_ENOMEM;
    const int64_t upper = s->count - s->count/2;
    for (int64_t i = 0; i < s->count; i++) {
        const int at = (int)(i < upper ? k->count - 1 - i : s->count - 1 - i);
        double *to = s->eigenvector + i*n, largest = 0;
        s->eigenvalue[i] = k->value[at];
        combine(k, at, k->basis, to);
        normalise(n, to);
        for (int64_t j = 0; j < n; j++) if (fabs(to[j]) > fabs(largest)*(1 + 1e-9)) largest = to[j];
        if (largest < 0) for (int64_t j = 0; j < n; j++) to[j] = -to[j];
    }
    return CONVIS_OK;
}

static convis_status find_eigenvectors(ensemble *e, const double *sta, uint64_t seed, int64_t asked, convis_sta *s)
{
    krylov k = { .e = e, .sta = sta, .seed = seed };
    convis_status status = krylov_open(&k, asked);
    for (int done = 0; !status && !done; ) {
        const int last = k.count - k.block, block = k.block;
        k.block = 0;
        for (int j = 0; j < LANES; j++) k.block += add_direction(&k, j < block ? k.image + (last + j)*e->dims : NULL);
        if (!k.block) break;
        status = multiply(&k);
        if (!status) done = converged(&k, asked);
    }
    if (!status) status = store_eigenvectors(&k, asked, s);
    krylov_close(&k);
    return status;
}

/* ---- Shuffling ---- */

enum { LANCZOS_MOST = 80 };
static const double SETTLED = 1e-4;      /* change of an extreme from one step to the next, of their distance */

typedef struct shuffles {
    ensemble *e;
    columns  c;
    int64_t *shift;
    double  *sta, *v, *before, *next;    /* (dims, room) */
    double  *diagonal, *beside;          /* (room, LANCZOS_MOST) */
    double  *low, *high;                 /* (room): extreme eigenvalues */
} shuffles;

/* scale[k] of each column, for a loop over all of them at once. */
static void dot_columns(const shuffles *s, const double *a, const double *b, double *scale)
{
    const int room = s->c.room;
    memset(scale, 0, (size_t)room*sizeof *scale);
    for (int64_t i = 0; i < s->e->dims; i++)
        for (int k = 0; k < room; k++) scale[k] += a[i*room + k]*b[i*room + k];
}

static void take_off_columns(const shuffles *s, double *a, const double *scale, const double *b)
{
    const int room = s->c.room;
    for (int64_t i = 0; i < s->e->dims; i++)
        for (int k = 0; k < room; k++) a[i*room + k] -= scale[k]*b[i*room + k];
}

static void normalise_columns(const shuffles *s, double *a, double *length)
{
    const int room = s->c.room;
    dot_columns(s, a, a, length);
    for (int k = 0; k < room; k++) length[k] = sqrt(length[k]);
    for (int64_t i = 0; i < s->e->dims; i++)
        for (int k = 0; k < room; k++) a[i*room + k] = length[k] > 0 ? a[i*room + k]/length[k] : 0;
}

/* Lanczos's recursion in every column. Without orthogonalising again an extreme may come twice, which does no harm here. */
static convis_status find_extremes(shuffles *s, uint64_t seed)
{
    ensemble *e = s->e;
    const int room = s->c.room;
    const size_t bytes = (size_t)(e->dims*room)*sizeof(double);
    const int64_t steps = e->dims - 1 < LANCZOS_MOST ? e->dims - 1 : LANCZOS_MOST;
    double scale[COLUMNS_MOST], length[COLUMNS_MOST];
    memset(s->before, 0, bytes);
    draw(e, seed, 0, s->v);                              /* one start for all: v is large enough for one column's numbers */
    for (int64_t i = e->dims; i-- > 0; ) {
        const double x = s->v[i];
        for (int k = 0; k < room; k++) s->v[i*room + k] = k < s->c.count ? x : 0;
    }
    dot_columns(s, s->v, s->sta, scale);
    take_off_columns(s, s->v, scale, s->sta);
    normalise_columns(s, s->v, length);
    int settled = 0;
    for (int j = 0; j < steps && !settled; j++) {
        memset(s->next, 0, bytes);
        convis_status status = pass(e, &s->c, s->v, s->next);
        if (status) return status;
        if (j) {
            for (int k = 0; k < room; k++) scale[k] = s->beside[k*LANCZOS_MOST + j - 1];
            take_off_columns(s, s->next, scale, s->before);
        }
        dot_columns(s, s->next, s->v, scale);
        for (int k = 0; k < room; k++) s->diagonal[k*LANCZOS_MOST + j] = scale[k];
        take_off_columns(s, s->next, scale, s->v);
        dot_columns(s, s->next, s->sta, scale);
        take_off_columns(s, s->next, scale, s->sta);
        normalise_columns(s, s->next, length);
        settled = j > 0;
        for (int k = 0; k < s->c.count; k++) {
            double low, high;
            s->beside[k*LANCZOS_MOST + j] = length[k];
            convis_eigen_extremes(j + 1, s->diagonal + k*LANCZOS_MOST, s->beside + k*LANCZOS_MOST, &low, &high);
            settled &= fabs(low - s->low[k]) <= SETTLED*(high - low) && fabs(high - s->high[k]) <= SETTLED*(high - low);
            s->low[k] = low;
            s->high[k] = high;
            if (length[k] > 1e-10*(high - low)) continue;
            /* The space is used up: what follows would be noise. */
            s->beside[k*LANCZOS_MOST + j] = 0;
            for (int64_t i = 0; i < e->dims; i++) s->next[i*room + k] = 0;
        }
        double *spare = s->before;
        s->before = s->v;
        s->v = s->next;
        s->next = spare;
    }
    return CONVIS_OK;
}

static convis_status shuffles_open(shuffles *s, int room, int eigenvalues)
{
    convis_context *c = s->e->context;
    const size_t bytes = (size_t)(s->e->dims*room)*sizeof(double);
    int good = (s->shift = convis_obtain(c, (size_t)room*sizeof *s->shift)) && (s->sta = convis_obtain(c, bytes));
    s->c.room = room;
    s->c.shift = s->shift;
    if (good && eigenvalues)
        good = (s->v = convis_obtain(c, bytes)) && (s->before = convis_obtain(c, bytes)) && (s->next = convis_obtain(c, bytes))
            && (s->diagonal = convis_obtain(c, (size_t)(room*LANCZOS_MOST)*sizeof(double)))
            && (s->beside = convis_obtain(c, (size_t)(room*LANCZOS_MOST)*sizeof(double)))
            && (s->low = convis_obtain(c, 2*(size_t)room*sizeof(double)));
    s->high = s->low ? s->low + room : NULL;
    return good ? CONVIS_OK : CONVIS_ENOMEM;
}

static void shuffles_close(shuffles *s)
{
    void *const all[] = { s->shift, s->sta, s->v, s->before, s->next, s->diagonal, s->beside, s->low };
    for (size_t k = 0; k < sizeof all/sizeof *all; k++) convis_release(s->e->context, all[k]);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What one more number like these n, which are sorted, is below with the chance `level`: place level (n + 1), between
 * neighbours by interpolation. */
static double quantile(const double *sorted, int n, double level)
{
    const double at = level*(n + 1) - 1;
    if (at <= 0) return sorted[0];
    if (at >= n - 1) return sorted[n - 1];
    const int below = (int)at;
    return sorted[below] + (at - below)*(sorted[below + 1] - sorted[below]);
}

/* Room for as many columns as fit into a reasonable amount of memory. */
static int shuffle_room(const ensemble *e, int asked)
{
    enum { BYTES = 1 << 28 };
    int64_t fits = BYTES/(4*e->dims*(int64_t)sizeof(double))/LANES*LANES;
    if (fits > COLUMNS_MOST) fits = COLUMNS_MOST;
    if (fits < LANES) fits = LANES;
    const int64_t all = (int64_t)(asked + LANES - 1)/LANES*LANES;
    return (int)(fits < all ? fits : all);
}

static convis_status shuffle(ensemble *e, const convis_sta_options *o, convis_sta *out)
{
    convis_context *c = e->context;
    const int64_t least = e->lags, range = e->count - 2*e->lags + 1;
    shuffles s = { .e = e };
    double *sum = convis_obtain(c, 2*(size_t)e->dims*sizeof *sum), *square = sum + e->dims;
    double *low = convis_obtain(c, 2*(size_t)o->shuffles*sizeof *low), *high = low + o->shuffles;
    convis_status status = sum && low ? shuffles_open(&s, shuffle_room(e, o->shuffles), o->eigenvectors > 0) : CONVIS_ENOMEM;
    for (int done = 0; done < o->shuffles && !status; done += s.c.count) {
        s.c.count = o->shuffles - done < s.c.room ? o->shuffles - done : s.c.room;
        for (int k = 0; k < s.c.room; k++) {
            const philox p = philox_draw(o->seed, (uint64_t)(done + k), (uint64_t)0x53485546 << 32);
            const uint64_t bits = (uint64_t)p.word[1] << 32 | p.word[0];
            s.shift[k] = least + (int64_t)(bits % (uint64_t)range);
        }
        memset(s.sta, 0, (size_t)(e->dims*s.c.room)*sizeof *s.sta);
        status = pass(e, &s.c, NULL, s.sta);
        for (int64_t i = 0; i < e->dims && !status; i++)
            for (int k = 0; k < s.c.count; k++) {
                sum[i] += s.sta[i*s.c.room + k];
                square[i] += s.sta[i*s.c.room + k]*s.sta[i*s.c.room + k];
            }
        if (status || !o->eigenvectors) continue;
        double length[COLUMNS_MOST];
        normalise_columns(&s, s.sta, length);
        memset(s.low, 0, 2*(size_t)s.c.room*sizeof *s.low);
        status = find_extremes(&s, o->seed);
        memcpy(low + done, s.low, (size_t)s.c.count*sizeof *low);
        memcpy(high + done, s.high, (size_t)s.c.count*sizeof *high);
    }
    if (!status) {
        const double n = o->shuffles;
        for (int64_t i = 0; i < e->dims; i++) {
            const double variance = (square[i] - sum[i]*sum[i]/n)/(n > 1 ? n - 1 : 1);
            out->significance[i] = variance > 0 ? out->sta[i]/sqrt(variance) : 0;
        }
    }
    if (!status && o->eigenvectors) {
        qsort(low, (size_t)o->shuffles, sizeof *low, ascending);
        qsort(high, (size_t)o->shuffles, sizeof *high, ascending);
        out->band_low = quantile(low, o->shuffles, (1 - o->level)/2);
        out->band_high = quantile(high, o->shuffles, (1 + o->level)/2);
    }
    shuffles_close(&s);
    convis_release(c, sum);
    convis_release(c, low);
    return status;
}

/* ---- All of it ---- */

static convis_status check_options(convis_context *c, const convis_recording_info *i, const convis_sta_options *o)
{
    if (o->lags < 1 || o->lags > i->frames)
        return convis_fail(c, CONVIS_EINVAL, "lags: %lld, expected 1 to %lld, the frames of the recording", (long long)o->lags,
                           (long long)i->frames);
    if (o->unit < 0 || o->unit >= i->units)
        return convis_fail(c, CONVIS_EINVAL, "unit: %lld, expected 0 to %lld", (long long)o->unit, (long long)i->units - 1);
    if (o->eigenvectors < 0 || o->shuffles < 0)
        return convis_fail(c, CONVIS_EINVAL, "%s: %d, expected 0 or more", o->shuffles < 0 ? "shuffles" : "eigenvectors",
                           o->shuffles < 0 ? o->shuffles : o->eigenvectors);
    if (!(o->level > 0 && o->level < 1))
        return convis_fail(c, CONVIS_EINVAL, "level: %g, expected a number between 0 and 1", o->level);
    const int64_t windows = i->frames - o->lags + 1, pixels = i->channels*i->height*i->width;
    int64_t dims;
    if (__builtin_mul_overflow(o->lags, pixels, &dims) || dims > INT64_MAX/(int64_t)sizeof(double)/(4*LANES))
        return convis_fail(c, CONVIS_EINVAL, "lags: %lld of %lld pixels are more than fits into memory", (long long)o->lags,
                           (long long)pixels);
    if (o->shuffles == 1)
        return convis_fail(c, CONVIS_EINVAL, "shuffles: 1, expected 0 or at least 2, for a standard deviation");
    if (o->shuffles && windows < 3*o->lags)
        return convis_fail(c, CONVIS_EINVAL,
                           "shuffles: the recording has %lld frames, expected at least %lld to shift responses by more than %lld "
                           "lags", (long long)i->frames, (long long)(4*o->lags - 1), (long long)o->lags);
    return !o->eigenvectors || dims > 1 ? CONVIS_OK
         : convis_fail(c, CONVIS_EINVAL, "eigenvectors: a stimulus of one pixel and one lag has no covariance to look at");
}

/* Chunks of some megabytes, and of many windows, or a pass would read most frames again and again. */
static convis_status ensemble_open(ensemble *e, const convis_sta_options *o)
{
    enum { BYTES = 16 << 20, MOST = 4096, LEAST = 32 };
    convis_context *c = e->context;
    e->lags = o->lags;
    e->pixels = e->info.channels*e->info.height*e->info.width;
    e->dims = e->lags*e->pixels;
    e->count = e->info.frames - e->lags + 1;
    e->chunk = BYTES/(e->pixels*(int64_t)sizeof(double));
    if (e->chunk > MOST) e->chunk = MOST;
    if (e->chunk < LEAST) e->chunk = LEAST;
    if (e->chunk < e->lags) e->chunk = e->lags;
    if (e->chunk > e->count) e->chunk = e->count;
    const int room = o->shuffles ? shuffle_room(e, o->shuffles) : LANES;
    const size_t frames = (size_t)((e->chunk + e->lags - 1)*e->pixels);
    e->amount = convis_obtain(c, (size_t)e->count*sizeof *e->amount);
    e->frames = convis_obtain(c, frames*sizeof *e->frames);
    e->window = convis_obtain(c, frames*sizeof *e->window);
    e->projected = convis_obtain(c, (size_t)(e->chunk*room)*sizeof *e->projected);
    return e->amount && e->frames && e->window && e->projected ? CONVIS_OK : CONVIS_ENOMEM;
}

static void ensemble_close(ensemble *e)
{
    convis_release(e->context, e->amount);
    convis_release(e->context, e->frames);
    convis_release(e->context, e->window);
    convis_release(e->context, e->projected);
}

/* The STA itself, and its direction, which is NULL when it has none. */
static convis_status average(ensemble *e, const convis_sta_options *o, convis_sta *s, double **direction)
{
    convis_context *c = e->context;
    const columns column = { 1, LANES, NO_SHIFT };
    double *sum = convis_obtain(c, (size_t)(e->dims*LANES)*sizeof *sum);
    s->sta = convis_own(c, (size_t)e->dims*sizeof *s->sta);
    *direction = convis_obtain(c, (size_t)e->dims*sizeof **direction);
    if (o->shuffles) s->significance = convis_own(c, (size_t)e->dims*sizeof *s->significance);
    convis_status status =
        sum && s->sta && *direction && (!o->shuffles || s->significance) ? pass(e, &column, NULL, sum) : CONVIS_ENOMEM;
    for (int64_t i = 0; i < e->dims && !status; i++) (*direction)[i] = s->sta[i] = sum[i*LANES];
    if (!status && !(normalise(e->dims, *direction) > 0)) {
        convis_release(c, *direction);
        *direction = NULL;
    }
    convis_release(c, sum);
    return status;
}

convis_status convis_sta_of(convis_context *c, convis_recording *recording, const convis_sta_options *options, convis_sta *sta)
{
    CONVIS_NEEDS(c, recording, sta);
    static const convis_sta_options defaults = CONVIS_STA_DEFAULTS;
    const convis_sta_options *o = options ? options : &defaults;
    ensemble e = { .context = c, .recording = recording };
    double *direction = NULL, *measured = NULL;
    *sta = (convis_sta){ .band_low = NAN, .band_high = NAN };
    convis_recording_info_get(recording, &e.info);
    convis_status status = check_options(c, &e.info, o);
    if (status) return status;
    *sta = (convis_sta){ .lags = o->lags, .channels = e.info.channels, .height = e.info.height, .width = e.info.width,
                       .band_low = NAN, .band_high = NAN };
    status = ensemble_open(&e, o);
    if (!status && !(measured = convis_obtain(c, (size_t)e.count*sizeof *measured))) status = CONVIS_ENOMEM;
    if (!status) status = read_response(&e, o->unit, e.amount, measured);
    if (!status) status = weigh(&e, o->unit, measured);
    convis_release(c, measured);
    sta->spikes = e.spikes;
    if (!status) status = average(&e, o, sta, &direction);
    if (!status && o->eigenvectors) status = find_eigenvectors(&e, direction, o->seed, o->eigenvectors, sta);
    if (!status && o->shuffles) status = shuffle(&e, o, sta);
    convis_release(c, direction);
    ensemble_close(&e);
    if (status) convis_sta_free(c, sta);
    return status;
}

void convis_sta_free(convis_context *c, convis_sta *s)
{
    (void)c;
    if (!s) return;
    double *const all[] = { s->sta, s->significance, s->eigenvalue, s->eigenvector };
    for (size_t k = 0; k < sizeof all/sizeof *all; k++) convis_disown(all[k]);
    *s = (convis_sta){ .band_low = NAN, .band_high = NAN };
}
