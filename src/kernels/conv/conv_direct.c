/* conv_direct.c - convolution as the sum that it is, over padded planes.
 *
 * Frames are padded once, into a ring of planes that the sums of all taps read. A stride along x is taken out of the inner
 * loops by storing every stride-th column together (phases). Gradients at the input are the same sums over gradients at the
 * output, spread by the stride, with the kernel reversed. */
#include "conv_parts.h"
#include <string.h>

enum { FRAMES = 8, SEGMENTS = 16, ENOUGH = 512 };

/* ---- Sizes ---- */

double convis_conv_direct_cost(const convis_conv *c, int operation)
{
    const convis_conv_spec *s = &c->s;
    double pairs = (double)(s->batch*s->out*c->inputs), pad = 0.25*(double)(s->batch*s->in*c->y.padded*c->x.padded);
    double spread = operation == CONVIS_CONV_INPUT ? (double)(c->y.padded*convis_round(c->x.padded, 8))
                                                   : (double)(c->y.out*convis_round(c->x.out, 8));
    int64_t lines = operation == CONVIS_CONV_INPUT ? c->inputs : c->outputs;
    double rate = operation == CONVIS_CONV_KERNEL ? 70 : lines >= 4 ? 62 : lines >= 2 ? 58 : c->y.kernel > 1 ? 52 : 45;
    if (operation) pad += 0.25*(double)(s->batch*s->out*c->y.padded*c->x.padded);
    return 2*pairs*(double)c->taps*spread/rate + pad;
}

static int64_t chunk_rows(const convis_conv *c) { return c->y.out >= 2*CONV_CHUNK ? CONV_CHUNK : convis_round((c->y.out + 1)/2, 2); }

void convis_conv_direct_room(convis_conv *c, int threads)
{
    conv_direct *d = &c->direct;
    const convis_conv_spec *s = &c->s;
    const conv_axis *x = &c->x, *y = &c->y;
    int planes = c->forward == CONV_DIRECT || (s->gradients & CONVIS_CONV_KERNEL && c->kernel == CONV_DIRECT) || c->lines;
    int back = s->gradients & CONVIS_CONV_INPUT && (c->input == CONV_DIRECT || c->lines);
    int kernel = s->gradients & CONVIS_CONV_KERNEL && c->kernel == CONV_DIRECT;
    size_t weights = (size_t)(s->out*c->inputs*c->taps)*sizeof(real), own = 0;
    d->frames = FRAMES;
    d->room = c->history + FRAMES;
    d->phase = convis_round(convis_round(x->out, 16) + x->reach/x->stride + 1, 16);
    d->pitch = x->stride*d->phase;
    d->plane = y->padded*d->pitch;
    d->back_pitch = convis_round(convis_round(x->padded, 16) + x->reach, 16);
    d->back_plane = (y->padded + y->reach)*d->back_pitch;
    d->d_pitch = convis_round(x->padded, 16);
    d->d_plane = y->padded*d->d_pitch;
    d->g_pitch = convis_round(x->out, CONVIS_OCTET);
    d->g_plane = (y->out + 2*(CONVIS_LINES - 1))*d->g_pitch;

    d->offset = convis_conv_take(&c->size, (size_t)((y->kernel + 1)*x->kernel)*sizeof(int64_t));
    d->back_offset = convis_conv_take(&c->size, (size_t)((y->kernel + 1)*x->kernel)*sizeof(int64_t));
    d->weights = convis_conv_take(&c->size, c->forward == CONV_DIRECT ? weights : 0);
    d->back_weights = convis_conv_take(&c->size, back && c->input == CONV_DIRECT ? weights : 0);

    d->ring = convis_conv_take(&c->scratch, sizeof(conv_ring));
    d->planes = convis_conv_take(&c->scratch, planes ? (size_t)(d->room*s->batch*s->in*d->plane)*sizeof(real) : 0);
    d->back = convis_conv_take(&c->scratch, back ? (size_t)(d->room*s->batch*s->out*d->back_plane)*sizeof(real) : 0);
    d->g = convis_conv_take(&c->scratch, kernel ? (size_t)(FRAMES*s->batch*s->out*d->g_plane)*sizeof(real) : 0);
    int64_t longest = convis_most(c->inputs, c->outputs)*(c->lines ? CONV_RANK : s->t);
    convis_conv_take(&own, (size_t)longest*sizeof(real *));
    d->thread_weights = convis_conv_take(&own, (size_t)longest*sizeof(real *));
    d->thread_d = convis_conv_take(&own, back ? (size_t)(CONVIS_TOGETHER*d->d_plane)*sizeof(real) : 0);
    d->thread_row = convis_conv_take(&own, x->stride > 1 ? (size_t)d->d_plane*sizeof(real) : 0);
    if (c->lines) convis_conv_lines_room(c, &own);
    d->thread_bytes = own;
    d->thread = convis_conv_take(&c->scratch, own*(size_t)threads);
}

void convis_conv_direct_prepare(convis_conv *c, const double *weights)
{
    const conv_direct *d = &c->direct;
    int64_t *offset = convis_conv_at(c, d->offset), *back = convis_conv_at(c, d->back_offset);
    for (int64_t b = 0; b <= c->y.kernel; b++)
        for (int64_t a = 0; a < c->x.kernel; a++) {
            int64_t x = a*c->x.dilation;
            *offset++ = b*c->y.dilation*d->pitch + x%c->x.stride*d->phase + x/c->x.stride;
            *back++ = b*c->y.dilation*d->back_pitch + x;
        }
    if (c->forward == CONV_DIRECT) convis_conv_pack(c, weights, convis_conv_at(c, d->weights), 0, 0);
    if (c->input == CONV_DIRECT && c->s.gradients & CONVIS_CONV_INPUT)
        convis_conv_pack(c, weights, convis_conv_at(c, d->back_weights), 1, 0);
}

/* ---- Filling the rings ---- */

static void fill_plane(const convis_pass *p, const convis_conv *c, const real *map, real *to, void *scratch)
{
    const conv_direct *d = &c->direct;
    if (c->x.stride == 1) {
        convis_conv_pad(c, map, to, d->pitch);
        return;
    }
    real *row = (real *)(void *)((char *)convis_conv_own(p, scratch, d->thread, d->thread_bytes) + d->thread_row);
    convis_conv_pad(c, map, row, d->d_pitch);
    for (int64_t v = 0; v < c->y.padded; v++, row += d->d_pitch, to += d->pitch)
        for (int64_t u = 0; u < c->x.padded; u++) to[u%c->x.stride*d->phase + u/c->x.stride] = row[u];
}

/* Planes of frames lo..hi-1 of the pass, counted from its first. The caller waits at a barrier before they are read. */
static void fill_planes(const convis_pass *p, const convis_conv *c, conv_ring *ring, const real *in, int64_t lo, int64_t hi,
                        void *scratch)
{
    const conv_direct *d = &c->direct;
    int64_t channels = c->s.batch*c->s.in, area = c->s.h*c->s.w;
    real *planes = convis_conv_in(scratch, d->planes);
    conv_range fresh[2];
    convis_ring_request(ring, d->room, p->frame + lo, p->frame + hi, fresh);
    conv_range mine = convis_conv_share(p, (fresh[0].to - fresh[0].from + fresh[1].to - fresh[1].from)*channels);
    for (int64_t item = mine.from; item < mine.to; item++) {
        int64_t f = convis_ring_frame(fresh, item/channels), channel = item%channels;
        fill_plane(p, c, in + (f - p->frame)*c->n_in + channel*area,
                   planes + (convis_conv_slot(f, d->room)*channels + channel)*d->plane, scratch);
    }
}

/* ---- Forward ---- */

static void forward_rows(const convis_pass *p, const convis_conv *c, int64_t t, int64_t b, int64_t y0, int64_t y1, real *out,
                         void *scratch)
{
    const conv_direct *d = &c->direct;
    const real *bias = convis_conv_at(c, c->bias), *weights = convis_conv_at(c, d->weights);
    char *own = convis_conv_own(p, scratch, d->thread, d->thread_bytes);
    const real **planes = (const real **)(void *)own, **w = (const real **)(void *)(own + d->thread_weights);
    int64_t area = c->y.kernel*c->x.kernel, map = c->y.out*c->x.out;
    conv_tile j = { .plane = planes, .weights = w, .planes = c->inputs*c->s.t, .taps_y = c->y.kernel, .taps_x = c->x.kernel,
                    .step = c->y.stride*d->pitch, .offset = convis_conv_at(c, d->offset), .width = c->x.out, .pitch = c->x.out,
                    .y0 = y0, .y1 = y1, .share = c->y.stride == c->y.dilation };
    for (int64_t g = 0; g < c->s.groups; g++) {
        for (int64_t i = 0; i < c->inputs; i++)
            for (int64_t k = 0; k < c->s.t; k++) {
                int64_t frame = p->frame + t - (c->s.t - 1 - k)*c->s.dilation_t;
                planes[i*c->s.t + k] = convis_conv_plane(c, scratch, frame, b*c->s.in + g*c->inputs + i);
            }
        for (int64_t block = 0; block < convis_conv_blocks(c->outputs); block++) {
            int64_t o = convis_conv_block_start(block, c->outputs), first = g*c->outputs + o;
            int lines = convis_conv_lines_at(o, c->outputs);
            for (int64_t k = 0; k < j.planes; k++) w[k] = weights + first*c->inputs*c->taps + k*area*lines;
            for (int l = 0; l < lines; l++) {
                j.out[l] = out + (b*c->s.out + first + l)*map;
                j.start[l] = bias[first + l];
            }
            if (lines > 1) c->kernels->channels(&j, lines);
            else c->kernels->rows(&j);
        }
    }
}

void convis_conv_direct_forward(const convis_pass *p, const convis_conv *c, const real *in, real *out, void *scratch)
{
    int64_t rows = chunk_rows(c), chunks = (c->y.out + rows - 1)/rows;
    conv_ring ring = convis_ring_begin(p, scratch, c->direct.ring);
    for (int64_t t0 = 0; t0 < p->frames; t0 += FRAMES) {
        int64_t count = convis_least(p->frames - t0, FRAMES);
        fill_planes(p, c, &ring, in, t0 - c->history, t0 + count, scratch);
        convis_barrier(p);
        /* Frames innermost: they read the same rows of the same planes, but for one. */
        conv_range mine = convis_conv_share(p, c->s.batch*chunks*count);
        for (int64_t item = mine.from; item < mine.to; item++) {
            int64_t t = t0 + item%count, y0 = item/count%chunks*rows, b = item/count/chunks;
            (c->forward == CONV_LINES ? convis_conv_lines_forward : forward_rows)
                (p, c, t, b, y0, convis_least(y0 + rows, c->y.out), out + t*c->n_out, scratch);
        }
        convis_barrier(p);
    }
    convis_ring_finish(p, &ring, scratch, c->direct.ring);
}

/* ---- Gradient of the kernel ---- */

/* Frames lo..hi-1 of the gradient at the output as they are; fill_back has them spread by the stride. */
static void fill_gradients(const convis_pass *p, const convis_conv *c, const real *d_out, int64_t lo, int64_t hi, void *scratch)
{
    const conv_direct *d = &c->direct;
    int64_t channels = c->s.batch*c->s.out, map = c->y.out*c->x.out;
    conv_range mine = convis_conv_share(p, (hi - lo)*channels);
    for (int64_t item = mine.from; item < mine.to; item++) {
        const real *from = d_out + (lo + item/channels)*c->n_out + item%channels*map;
        real *to = (real *)convis_conv_in(scratch, d->g) + item*d->g_plane + (CONVIS_LINES - 1)*d->g_pitch;
        for (int64_t y = 0; y < c->y.out; y++) memcpy(to + y*d->g_pitch, from + y*c->x.out, (size_t)c->x.out*sizeof *to);
    }
}

static void fill_back(const convis_pass *p, const convis_conv *c, conv_ring *ring, const real *d_out, int64_t lo, int64_t hi,
                      void *scratch)
{
    const conv_direct *d = &c->direct;
    int64_t channels = c->s.batch*c->s.out, map = c->y.out*c->x.out;
    conv_range fresh[2];
    convis_ring_request(ring, d->room, lo, hi, fresh);
    conv_range mine = convis_conv_share(p, (fresh[0].to - fresh[0].from + fresh[1].to - fresh[1].from)*channels);
    for (int64_t item = mine.from; item < mine.to; item++) {
        int64_t f = convis_ring_frame(fresh, item/channels), channel = item%channels;
        const real *from = d_out + f*c->n_out + channel*map;
        real *to = (real *)convis_conv_in(scratch, d->back) + (convis_conv_slot(f, d->room)*channels + channel)*d->back_plane;
        to += c->y.reach*d->back_pitch + c->x.reach;
        for (int64_t y = 0; y < c->y.out; y++, from += c->x.out, to += c->y.stride*d->back_pitch)
            for (int64_t x = 0; x < c->x.out; x++) to[x*c->x.stride] = from[x];
    }
}

/* A few numbers of the kernel's gradient: of `lines` outputs, or of as many rows of taps of one output, times `columns`
 * pairs of an input and a tap along x. */
typedef struct patch { int64_t g, k, b, o, column; int lines, columns, down; } patch;
typedef struct patches { int64_t down, across, columns, tiles, count; } patches;      /* per axis */

static patches patches_of(const convis_conv *c)
{
    patches n;
    int paired = c->outputs == 1 && c->y.stride == c->y.dilation && c->y.kernel > 1;
    n.down = paired ? (c->y.kernel + 1)/2 : c->y.kernel;
    n.across = (c->outputs + CONVIS_LINES - 1)/CONVIS_LINES;
    n.columns = c->inputs*c->x.kernel;
    n.tiles = (n.columns + CONVIS_COLUMNS - 1)/CONVIS_COLUMNS;
    n.count = c->s.groups*c->s.t*n.down*n.across*n.tiles;
    return n;
}

static patch patch_at(const convis_conv *c, const patches *n, int64_t k)
{
    patch q = { .down = n->down < c->y.kernel };
    int64_t tile = k%n->tiles, across = k/n->tiles%n->across, down = k/n->tiles/n->across%n->down;
    q.k = k/n->tiles/n->across/n->down%c->s.t;
    q.g = k/n->tiles/n->across/n->down/c->s.t;
    q.column = n->columns*tile/n->tiles;
    q.columns = (int)(n->columns*(tile + 1)/n->tiles - q.column);
    q.b = q.down ? 2*down : down;
    q.o = CONVIS_LINES*across;
    q.lines = (int)convis_least(CONVIS_LINES, q.down ? c->y.kernel - q.b : c->outputs - q.o);
    return q;
}

/* Rows r0..r1-1 of frames t0..t0+frames-1 (of a block from `lo`). Of two rows of taps, the second is applied to each row of the input
 * with the row before of the gradient; rows of zeros stand in at the ends. */
static void add_patch(const convis_pass *p, const convis_conv *c, const patch *q, int64_t b, int64_t lo, int64_t t0,
                      int64_t frames, int64_t r0, int64_t r1, double *d_weights, const void *scratch)
{
    const conv_direct *d = &c->direct;
    const real *g[SEGMENTS*CONVIS_LINES], *x[SEGMENTS*CONVIS_COLUMNS];
    double sum[CONVIS_LINES*CONVIS_COLUMNS] = { 0 };
    const real *gradients = (const real *)(const void *)((const char *)scratch + d->g);
    conv_outer j = { .g = g, .x = x, .segments = frames, .rows = r1 - r0, .octets = d->g_pitch/CONVIS_OCTET, .g_step = d->g_pitch,
                     .x_step = c->y.stride*d->pitch, .lines = q->lines, .columns = q->columns, .sum = sum };
    for (int64_t f = 0; f < frames; f++) {
        for (int l = 0; l < q->lines; l++) {
            int64_t channel = b*c->s.out + q->g*c->outputs + q->o + (q->down ? 0 : l), up = q->down ? l : 0;
            g[f*q->lines + l] = gradients + ((t0 + f - lo)*c->s.batch*c->s.out + channel)*d->g_plane
                              + (CONVIS_LINES - 1 + r0 - up)*d->g_pitch;
        }
        int64_t frame = p->frame + t0 + f - (c->s.t - 1 - q->k)*c->s.dilation_t;
        for (int a = 0; a < q->columns; a++) {
            int64_t i = (q->column + a)/c->x.kernel, at = (q->column + a)%c->x.kernel*c->x.dilation;
            x[f*q->columns + a] = convis_conv_plane(c, scratch, frame, b*c->s.in + q->g*c->inputs + i)
                                + (r0*c->y.stride + q->b*c->y.dilation)*d->pitch + at%c->x.stride*d->phase + at/c->x.stride;
        }
    }
    c->kernels->outer(&j);
    for (int l = 0; l < q->lines; l++)
        for (int a = 0; a < q->columns; a++) {
            int64_t o = q->g*c->outputs + q->o + (q->down ? 0 : l), i = (q->column + a)/c->x.kernel,
                    at = (q->column + a)%c->x.kernel;
            d_weights[((o*c->inputs + i)*c->s.t + q->k)*c->y.kernel*c->x.kernel +
                      (q->b + (q->down ? l : 0))*c->x.kernel + at] += sum[l*q->columns + a];
        }
}

/* Each thread has numbers of its own; it takes all of them through a piece of the movie that stays in cache before the next. */
static void add_kernel(const convis_pass *p, const convis_conv *c, int64_t lo, int64_t hi, double *d_weights, void *scratch)
{
    patches n = patches_of(c);
    conv_range mine = convis_conv_share(p, n.count);
    int64_t octets = c->direct.g_pitch/CONVIS_OCTET, rows = c->y.out + (n.down < c->y.kernel ? CONVIS_LINES - 1 : 0);
    int64_t chunk = convis_least(rows, convis_most(8, ENOUGH/octets)), together = 1;
    if (chunk == rows) together = convis_least(SEGMENTS, 1 + ENOUGH/(rows*octets));
    for (int64_t b = 0; b < c->s.batch; b++)
        for (int64_t t = lo; t < hi; t += together)
            for (int64_t r = 0; r < rows; r += chunk)
                for (int64_t k = mine.from; k < mine.to; k++) {
                    patch q = patch_at(c, &n, k);
                    int64_t last = c->y.out + (q.down ? q.lines - 1 : 0);
                    if (r >= last) continue;
                    add_patch(p, c, &q, b, lo, t, convis_least(together, hi - t), r, convis_least(r + chunk, last), d_weights,
                              scratch);
                }
}

/* ---- Gradient of the input ---- */

/* Of frame t, which may lie in the history: its gradient from the `frames` of the pass. Up to four inputs at once. */
static void back_planes(const convis_pass *p, const convis_conv *c, int64_t t, int64_t b, int64_t g, int64_t block, real *d_in,
                        void *scratch)
{
    const conv_direct *d = &c->direct;
    char *own = convis_conv_own(p, scratch, d->thread, d->thread_bytes);
    const real **planes = (const real **)(void *)own, **w = (const real **)(void *)(own + d->thread_weights);
    const real *weights = convis_conv_at(c, d->back_weights), *back = convis_conv_in(scratch, d->back);
    real *d_planes = (real *)(void *)(own + d->thread_d);
    int64_t i = c->input == CONV_LINES ? block : convis_conv_block_start(block, c->inputs), first = g*c->inputs + i;
    int64_t area = c->y.kernel*c->x.kernel, map = c->s.h*c->s.w;
    int lines = c->input == CONV_LINES ? 1 : convis_conv_lines_at(i, c->inputs);
    conv_tile j = { .plane = planes, .weights = w, .taps_y = c->y.kernel, .taps_x = c->x.kernel, .step = d->back_pitch,
                    .offset = convis_conv_at(c, d->back_offset), .width = c->x.padded, .pitch = d->d_pitch, .y1 = c->y.padded,
                    .share = c->y.dilation == 1 };
    if (c->input == CONV_LINES) convis_conv_lines_back(p, c, t, b, first, d_planes, scratch);
    else {
        for (int64_t o = 0; o < c->outputs; o++)
            for (int64_t k = 0; k < c->s.t; k++) {
                int64_t f = t + (c->s.t - 1 - k)*c->s.dilation_t;
                if (f < 0 || f >= p->frames) continue;
                planes[j.planes] =
                    back +
                    (convis_conv_slot(f, d->room)*c->s.batch*c->s.out + b*c->s.out + g*c->outputs + o)*d->back_plane;
                w[j.planes++] = weights + first*c->outputs*c->taps + (o*c->s.t + k)*area*lines;
            }
        for (int l = 0; l < lines; l++) j.out[l] = d_planes + l*d->d_plane;
        if (lines > 1) c->kernels->channels(&j, lines);
        else c->kernels->rows(&j);
    }
    for (int l = 0; l < lines; l++)
        convis_conv_fold(c, d_planes + l*d->d_plane, d->d_pitch, d_in + t*c->n_in + (b*c->s.in + first + l)*map);
}

void convis_conv_direct_vjp(const convis_pass *p, const convis_conv *c, const real *in, const real *d_out, real *d_in,
                            double *d_weights, void *scratch)
{
    int64_t blocks = c->input == CONV_LINES ? c->inputs : convis_conv_blocks(c->inputs), end = d_in ? -c->history : 0;
    conv_ring ring = convis_ring_begin(p, scratch, c->direct.ring), back = { 0 };
    for (int64_t hi = p->frames; hi > end; hi -= FRAMES) {
        int64_t lo = convis_most(hi - FRAMES, end), now = convis_most(lo, 0);
        if (d_in) fill_back(p, c, &back, d_out, now, convis_least(hi + c->history, p->frames), scratch);
        if (d_weights && hi > 0) {
            fill_planes(p, c, &ring, in, now - c->history, hi, scratch);
            fill_gradients(p, c, d_out, now, hi, scratch);
        }
        convis_barrier(p);
        if (d_weights && hi > 0) add_kernel(p, c, now, hi, d_weights, scratch);
        conv_range mine = convis_conv_share(p, d_in ? (hi - lo)*c->s.batch*c->s.groups*blocks : 0);
        for (int64_t item = mine.from; item < mine.to; item++) {
            int64_t block = item%blocks, g = item/blocks%c->s.groups, b = item/blocks/c->s.groups%c->s.batch;
            back_planes(p, c, lo + item/blocks/c->s.groups/c->s.batch, b, g, block, d_in, scratch);
        }
        convis_barrier(p);
    }
    convis_ring_finish(p, &ring, scratch, c->direct.ring);
}
