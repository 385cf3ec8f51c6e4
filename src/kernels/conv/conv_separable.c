/* conv_separable.c - convolution with kernels of low rank, found by looking at the numbers.
 *
 * LINES, for kernels of one frame: w[y][x] = sum_q v_q[y] h_q[x] makes columns first, then rows.
 * FACTORED: the kernels of one input, as a matrix time x (output, space), are sum_r g_r[k] s_r[o][y][x]; frames are filtered in
 * time by each g_r, then those are convolved in space. What has been filtered in time has no history any more. */
#include "conv_parts.h"
#include <float.h>
#include <math.h>
#include <string.h>

#ifdef CONVIS_DOUBLE
static const double ROUNDING = DBL_EPSILON;
#else
static const double ROUNDING = FLT_EPSILON;
#endif

/* Factors of a matrix, row-major, within rounding: matrix = sum_r left[r] right[r]', each r the cross through the largest number
 * that is left (adaptive cross approximation with full pivoting; Bebendorf 2000). Returns the rank, or -1: it is above
 * `most`. The test is on what remains, so the sum is right whatever the matrix. */
static int factor(const double *matrix, int64_t rows, int64_t columns, int most, double *rest, double *left, double *right)
{
    double largest = 0;
    memcpy(rest, matrix, (size_t)(rows*columns)*sizeof *rest);
    for (int rank = 0;; rank++) {
        int64_t at = 0;
        for (int64_t k = 1; k < rows*columns; k++) if (fabs(rest[k]) > fabs(rest[at])) at = k;
        double pivot = rest[at];
        if (rank == 0) largest = fabs(pivot);
        if (!(fabs(pivot) > 4*ROUNDING*largest)) return rank;
        if (rank == most) return -1;
        double *l = left + rank*rows, *r = right + rank*columns;
        for (int64_t y = 0; y < rows; y++) l[y] = rest[y*columns + at%columns]/pivot;
        memcpy(r, rest + at/columns*columns, (size_t)columns*sizeof *r);
        for (int64_t y = 0; y < rows; y++)
            for (int64_t x = 0; x < columns; x++) rest[y*columns + x] -= l[y]*r[x];
    }
}

/* ---- LINES ---- */

double convis_conv_lines_cost(const convis_conv *c, int operation, double terms)
{
    const convis_conv_spec *s = &c->s;
    double pairs = terms*(double)(s->batch*s->out*c->inputs), down, across;
    if (operation == CONVIS_CONV_INPUT) {
        down = (double)(c->y.padded*(c->x.padded + c->x.reach));
        across = (double)(c->y.padded*c->x.padded);
    } else {
        down = (double)(c->y.out*convis_round(c->x.padded, 8));
        across = (double)(c->y.out*convis_round(c->x.out, 8));
    }
    return 2*pairs*((double)s->y*down + (double)s->x*across)/42 + 0.3*(double)(s->batch*s->in*c->y.padded*c->x.padded);
}

void convis_conv_lines_room(convis_conv *c, size_t *own)
{
    conv_direct *d = &c->direct;
    int64_t pairs = c->s.out*c->inputs, both = c->y.kernel + c->x.kernel;
    int back = (c->s.gradients & CONVIS_CONV_INPUT) != 0;
    size_t terms = (size_t)(pairs*CONV_RANK*both)*sizeof(real);
    d->term_count  = convis_conv_take(&c->size, (size_t)pairs*sizeof(int32_t));
    d->terms       = convis_conv_take(&c->size, terms);
    d->turned      = convis_conv_take(&c->size, back ? terms : 0);
    d->down        = convis_conv_take(&c->size, (size_t)(c->y.kernel + 1)*sizeof(int64_t));
    d->back_down   = convis_conv_take(&c->size, (size_t)(c->y.kernel + 1)*sizeof(int64_t));
    d->across      = convis_conv_take(&c->size, (size_t)c->x.kernel*sizeof(int64_t));
    d->back_across = convis_conv_take(&c->size, (size_t)c->x.kernel*sizeof(int64_t));
    d->rest        = convis_conv_take(&c->size, (size_t)(c->y.kernel*c->x.kernel)*sizeof(double));
    d->left        = convis_conv_take(&c->size, (size_t)(CONV_RANK*c->y.kernel)*sizeof(double));
    d->right       = convis_conv_take(&c->size, (size_t)(CONV_RANK*c->x.kernel)*sizeof(double));
    int64_t widest = convis_most(d->pitch*c->inputs, back ? d->back_pitch*c->outputs : 0);
    d->thread_lines = convis_conv_take(own, (size_t)(CONV_CHUNK*CONV_RANK*widest)*sizeof(real));
}

double convis_conv_lines_prepare(convis_conv *c, const double *weights)
{
    const conv_direct *d = &c->direct;
    int64_t *down = convis_conv_at(c, d->down), *back_down = convis_conv_at(c, d->back_down);
    int64_t *across = convis_conv_at(c, d->across), *back_across = convis_conv_at(c, d->back_across);
    int64_t pairs = c->s.out*c->inputs, ky = c->y.kernel, kx = c->x.kernel, all = 0;
    int32_t *count = convis_conv_at(c, d->term_count);
    double *rest = convis_conv_at(c, d->rest), *left = convis_conv_at(c, d->left), *right = convis_conv_at(c, d->right);
    for (int64_t b = 0; b <= ky; b++) {
        down[b] = b*c->y.dilation*d->pitch;
        back_down[b] = b*c->y.dilation*d->back_pitch;
    }
    for (int64_t a = 0; a < kx; a++) {
        back_across[a] = a*c->x.dilation;
        across[a] = back_across[a]%c->x.stride*d->phase + back_across[a]/c->x.stride;
    }
    for (int64_t pair = 0; pair < pairs; pair++) {
        int rank = factor(weights + pair*ky*kx, ky, kx, CONV_RANK, rest, left, right);
        real *term = (real *)convis_conv_at(c, d->terms) + pair*CONV_RANK*(ky + kx);
        real *turned = (real *)convis_conv_at(c, d->turned) + pair*CONV_RANK*(ky + kx);
        if (rank < 0) return -1;
        count[pair] = rank;
        all += rank;
        for (int q = 0; q < rank; q++, term += ky + kx, turned += ky + kx) {
            for (int64_t b = 0; b < ky; b++) term[b] = (real)left[q*ky + b];
            for (int64_t a = 0; a < kx; a++) term[ky + a] = (real)right[q*kx + a];
            if (!(c->s.gradients & CONVIS_CONV_INPUT)) continue;
            for (int64_t b = 0; b < ky; b++) turned[b] = term[ky - 1 - b];
            for (int64_t a = 0; a < kx; a++) turned[ky + a] = term[ky + kx - 1 - a];
        }
    }
    return (double)all/(double)pairs;
}

/* Rows y0..y1-1 of the sum of some planes, each with terms of its own: first columns of all of them, then rows. */
typedef struct pile {
    const real **plane, **w;             /* the rows' planes and weights, filled here */
    real   *columns;                     /* room for the columns of all terms, CONV_CHUNK rows of `pitch` */
    int64_t terms, y0, y1, pitch, step;
    const int64_t *down;
    int     share;
} pile;

static void add_columns(const convis_conv *c, pile *q, const real *plane, const real *terms, int count)
{
    int64_t ky = c->y.kernel, kx = c->x.kernel;
    for (int k = 0; k < count; k++, terms += ky + kx) {
        real *to = q->columns + q->terms*CONV_CHUNK*q->pitch;
        const real *w = terms;
        conv_tile j = { .plane = &plane, .weights = &w, .planes = 1, .taps_y = ky, .taps_x = 1, .step = q->step, .offset = q->down,
                        .width = q->pitch, .pitch = q->pitch, .y0 = q->y0, .y1 = q->y1, .out = { to - q->y0*q->pitch }, .share = q->share };
        c->kernels->rows(&j);
        q->plane[q->terms] = to;
        q->w[q->terms++] = terms + ky;
    }
}

static void add_rows(const convis_conv *c, const pile *q, const int64_t *across, int64_t width, real *out, int64_t pitch,
                     real start)
{
    conv_tile j = { .plane = q->plane, .weights = q->w, .planes = q->terms, .taps_y = 1, .taps_x = c->x.kernel, .step = q->pitch,
                    .offset = across, .width = width, .pitch = pitch, .y1 = q->y1 - q->y0, .out = { out }, .start = { start } };
    c->kernels->channels(&j, 1);
}

static pile pile_of(const convis_pass *p, const convis_conv *c, void *scratch)
{
    char *own = convis_conv_own(p, scratch, c->direct.thread, c->direct.thread_bytes);
    return (pile){ .plane = (const real **)(void *)own, .w = (const real **)(void *)(own + c->direct.thread_weights),
                   .columns = (real *)(void *)(own + c->direct.thread_lines) };
}

void convis_conv_lines_forward(const convis_pass *p, const convis_conv *c, int64_t t, int64_t b, int64_t y0, int64_t y1,
                               real *out, void *scratch)
{
    const conv_direct *d = &c->direct;
    const real *terms = convis_conv_at(c, d->terms), *bias = convis_conv_at(c, c->bias);
    const int32_t *count = convis_conv_at(c, d->term_count);
    int64_t step = CONV_RANK*(c->y.kernel + c->x.kernel);
    pile q = pile_of(p, c, scratch);
    q.y0 = y0;
    q.y1 = y1;
    q.pitch = d->pitch;
    q.step = c->y.stride*d->pitch;
    q.down = convis_conv_at(c, d->down);
    q.share = c->y.stride == c->y.dilation;
    for (int64_t o = 0; o < c->s.out; o++) {
        q.terms = 0;
        for (int64_t i = 0; i < c->inputs; i++) {
            int64_t pair = o*c->inputs + i, channel = b*c->s.in + o/c->outputs*c->inputs + i;
            add_columns(c, &q, convis_conv_plane(c, scratch, p->frame + t, channel), terms + pair*step, count[pair]);
        }
        add_rows(c, &q, convis_conv_at(c, d->across), c->x.out, out + ((b*c->s.out + o)*c->y.out + y0)*c->x.out, c->x.out,
                 bias[o]);
    }
}

void convis_conv_lines_back(const convis_pass *p, const convis_conv *c, int64_t t, int64_t b, int64_t i, real *d_plane,
                            void *scratch)
{
    const conv_direct *d = &c->direct;
    const real *turned = convis_conv_at(c, d->turned), *back = convis_conv_in(scratch, d->back);
    const int32_t *count = convis_conv_at(c, d->term_count);
    int64_t step = CONV_RANK*(c->y.kernel + c->x.kernel), slot = convis_conv_slot(t, d->room);
    pile q = pile_of(p, c, scratch);
    q.pitch = q.step = d->back_pitch;
    q.down = convis_conv_at(c, d->back_down);
    q.share = c->y.dilation == 1;
    for (q.y0 = 0; q.y0 < c->y.padded; q.y0 += CONV_CHUNK) {
        q.y1 = convis_least(q.y0 + CONV_CHUNK, c->y.padded);
        q.terms = 0;
        for (int64_t k = 0; k < c->outputs; k++) {
            int64_t o = i/c->inputs*c->outputs + k, pair = o*c->inputs + i%c->inputs;
            add_columns(c, &q, back + (slot*c->s.batch*c->s.out + b*c->s.out + o)*d->back_plane, turned + pair*step, count[pair]);
        }
        add_rows(c, &q, convis_conv_at(c, d->back_across), c->x.padded, d_plane + q.y0*d->d_pitch, d->d_pitch, 0);
    }
}

/* ---- FACTORED ---- */

static convis_conv_spec in_time(const convis_conv *c, int64_t rank)
{
    convis_conv_spec s = c->s;
    s.groups = s.in;
    s.out = s.in*rank;
    s.y = s.x = s.stride_y = s.stride_x = s.dilation_y = s.dilation_x = 1;
    s.method = CONVIS_CONV_DIRECT;
    s.gradients &= CONVIS_CONV_INPUT;
    return s;
}

static convis_conv_spec in_space(const convis_conv *c, int64_t rank)
{
    convis_conv_spec s = c->s;
    s.in *= rank;
    s.t = s.dilation_t = 1;
    s.method = CONVIS_CONV_AUTO;
    s.gradients &= CONVIS_CONV_INPUT;
    return s;
}

/* For the best case of the kernel in space. */
static double least_cost(const convis_conv *time, const convis_conv *space)
{
    return time->cost + (space->lines ? fmin(space->cost, convis_conv_lines_cost(space, 0, 1)) : space->cost);
}

void convis_conv_factored_room(convis_conv *c, int threads)
{
    conv_factored *d = &c->factors;
    size_t time_size = 0, space_size = 0, time_scratch = 0, space_scratch = 0;
    int64_t columns = c->outputs*c->s.y*c->s.x;
    for (int64_t rank = 1; rank <= CONV_RANK && rank < c->s.t; rank++) {
        convis_conv time, space;
        convis_conv_spec s = in_time(c, rank);
        convis_conv_arrange(&time, &s, threads);
        s = in_space(c, rank);
        convis_conv_arrange(&space, &s, threads);
        if (c->s.method != CONVIS_CONV_SEPARABLE && least_cost(&time, &space) >= c->cost) break;
        d->most = rank;
        time_size     = time.size > time_size ? time.size : time_size;
        space_size    = space.size > space_size ? space.size : space_size;
        time_scratch  = time.scratch > time_scratch ? time.scratch : time_scratch;
        space_scratch = space.scratch > space_scratch ? space.scratch : space_scratch;
    }
    if (!d->most) return;
    int64_t frame = c->s.batch*c->s.in*d->most*c->s.h*c->s.w, most = (1 << 20)/(frame*(int64_t)sizeof(real));
    d->frames = convis_most(8, convis_least(64, most));
    d->time  = convis_conv_take(&c->size, time_size);
    d->space = convis_conv_take(&c->size, space_size);
    d->time_weights  = convis_conv_take(&c->size, (size_t)(c->s.in*d->most*c->s.t)*sizeof(double));
    d->space_weights = convis_conv_take(&c->size, (size_t)(c->s.in*d->most*columns)*sizeof(double));
    d->matrix = convis_conv_take(&c->size, (size_t)(c->s.t*columns)*sizeof(double));
    d->rest   = convis_conv_take(&c->size, (size_t)(c->s.t*columns)*sizeof(double));
    d->left   = convis_conv_take(&c->size, (size_t)(c->s.in*d->most*c->s.t)*sizeof(double));
    d->right  = convis_conv_take(&c->size, (size_t)(c->s.in*d->most*columns)*sizeof(double));
    d->movie  = convis_conv_take(&c->scratch, (size_t)(d->frames*frame)*sizeof(real));
    d->time_scratch  = convis_conv_take(&c->scratch, time_scratch);
    d->space_scratch = convis_conv_take(&c->scratch, space_scratch);
}

/* The factors of each input's kernels; the highest rank, or -1. */
static int factor_inputs(convis_conv *c, const double *weights)
{
    const conv_factored *d = &c->factors;
    int64_t area = c->s.y*c->s.x, columns = c->outputs*area;
    double *matrix = convis_conv_at(c, d->matrix), *left = convis_conv_at(c, d->left), *right = convis_conv_at(c, d->right);
    int highest = 1;
    memset(left, 0, (size_t)(c->s.in*d->most*c->s.t)*sizeof *left);
    memset(right, 0, (size_t)(c->s.in*d->most*columns)*sizeof *right);
    for (int64_t i = 0; i < c->s.in; i++) {
        int64_t group = i/c->inputs;
        for (int64_t k = 0; k < c->s.t; k++)
            for (int64_t o = 0; o < c->outputs; o++)
                memcpy(matrix + k*columns + o*area, weights + (((group*c->outputs + o)*c->inputs + i%c->inputs)*c->s.t + k)*area,
                       (size_t)area*sizeof *matrix);
        int rank = factor(matrix, c->s.t, columns, (int)d->most, convis_conv_at(c, d->rest), left + i*d->most*c->s.t,
                          right + i*d->most*columns);
        if (rank < 0) return -1;
        if (rank > highest) highest = rank;
    }
    return highest;
}

convis_status convis_conv_factored_prepare(convis_conv *c, convis_context *context, const double *weights, int *better)
{
    conv_factored *d = &c->factors;
    int64_t area = c->s.y*c->s.x, columns = c->outputs*area;
    const double *left = convis_conv_at(c, d->left), *right = convis_conv_at(c, d->right);
    double *g = convis_conv_at(c, d->time_weights), *s = convis_conv_at(c, d->space_weights);
    convis_conv *time = convis_conv_at(c, d->time), *space = convis_conv_at(c, d->space);
    int rank = factor_inputs(c, weights);
    if (rank < 0) return CONVIS_OK;
    d->rank = rank;
    for (int64_t i = 0; i < c->s.in; i++)
        for (int64_t r = 0; r < rank; r++) {
            memcpy(g + (i*rank + r)*c->s.t, left + (i*d->most + r)*c->s.t, (size_t)c->s.t*sizeof *g);
            for (int64_t o = 0; o < c->outputs; o++)
                memcpy(s + (((i/c->inputs*c->outputs + o)*c->inputs + i%c->inputs)*rank + r)*area,
                       right + (i*d->most + r)*columns + o*area, (size_t)area*sizeof *s);
        }
    convis_conv_spec spec = in_time(c, rank);
    convis_status status = convis_conv_prepare(time, context, &spec, c->threads, g, NULL);
    spec = in_space(c, rank);
    if (!status) status = convis_conv_prepare(space, context, &spec, c->threads, s, NULL);
    if (status) return status;
    memcpy(convis_conv_at(space, space->bias), convis_conv_at(c, c->bias), (size_t)c->s.out*sizeof(real));
    *better = c->s.method == CONVIS_CONV_SEPARABLE || time->cost + space->cost < c->cost;
    return CONVIS_OK;
}

/* The pass of the frames from t0 on. */
static convis_pass part(const convis_pass *p, int64_t t0, int64_t count)
{
    convis_pass q = *p;
    q.frame += t0;
    q.frames = (int)count;
    return q;
}

void convis_conv_factored_forward(const convis_pass *p, const convis_conv *c, const real *in, real *out, void *scratch)
{
    const conv_factored *d = &c->factors;
    real *movie = convis_conv_in(scratch, d->movie);
    for (int64_t t0 = 0; t0 < p->frames; t0 += d->frames) {
        convis_pass q = part(p, t0, convis_least(d->frames, p->frames - t0));
        convis_conv_forward(&q, convis_conv_at(c, d->time), in + t0*c->n_in, movie, convis_conv_in(scratch, d->time_scratch));
        convis_conv_forward(&q, convis_conv_at(c, d->space), movie, out + t0*c->n_out, convis_conv_in(scratch, d->space_scratch));
    }
}

void convis_conv_factored_vjp(const convis_pass *p, const convis_conv *c, const real *d_out, real *d_in, void *scratch)
{
    const conv_factored *d = &c->factors;
    real *movie = convis_conv_in(scratch, d->movie);
    int64_t n = c->n_in*d->rank;
    for (int64_t t0 = 0; t0 < p->frames; t0 += d->frames) {
        convis_pass q = part(p, t0, convis_least(d->frames, p->frames - t0));
        conv_range mine = convis_conv_share(p, q.frames*n);
        memset(movie + mine.from, 0, (size_t)(mine.to - mine.from)*sizeof *movie);
        convis_barrier(p);
        convis_conv_vjp(&q, convis_conv_at(c, d->space), NULL, d_out + t0*c->n_out, movie, NULL, NULL,
                        convis_conv_in(scratch, d->space_scratch));
        convis_conv_vjp(&q, convis_conv_at(c, d->time), NULL, movie, d_in + t0*c->n_in, NULL, NULL,
                        convis_conv_in(scratch, d->time_scratch));
    }
}
