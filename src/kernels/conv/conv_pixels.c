/* conv_pixels.c - convolution with kernels of one pixel: filters in time, sums of channels.
 *
 * No pixel depends on its neighbours, so a tile of pixels goes through all frames: its values are copied together, frame
 * after frame, and frames are what rows are to the inner loops. */
#include "conv_parts.h"
#include <string.h>

enum { LONGEST_TILE = 256, LEAST_TILE = 16, MOST_FRAMES = 64, SLOTS = 16, OWN_BYTES = 192 << 10 };

double convis_conv_pixels_cost(const convis_conv *c, int operation)
{
    double pixels = (double)(c->s.batch*c->s.h*c->s.w), copied = (double)(c->s.in + (operation ? c->s.out : 0));
    return pixels*(2*(double)(c->s.out*c->inputs*c->s.t)/(operation == CONVIS_CONV_KERNEL ? 50 : 45) + 0.3*copied);
}

void convis_conv_pixels_room(convis_conv *c, int threads)
{
    conv_pixels *d = &c->pixels;
    size_t weights = (size_t)(c->s.out*c->inputs*c->s.t)*sizeof(real), own = 0;
    int gradients = c->s.gradients != 0;
    int64_t channels = convis_most(c->inputs, c->outputs), most = OWN_BYTES/(int64_t)sizeof(real);
    /* At least eight tiles, so that threads have something to share. */
    d->tile = convis_most(LEAST_TILE, convis_least(LONGEST_TILE, convis_round((c->s.h*c->s.w + 7)/8, LEAST_TILE)));
    while (d->tile > 64 && channels*(c->history + 8)*d->tile > most) d->tile = convis_round(d->tile/2, LEAST_TILE);
    d->frames = convis_most(8, convis_least(MOST_FRAMES, most/(channels*d->tile) - c->history));
    d->frames = convis_most(d->frames, convis_least(MOST_FRAMES, c->history/2));
    d->slots = SLOTS;
    int64_t rows = c->history + d->frames;
    d->offset = convis_conv_take(&c->size, (size_t)(c->s.t + 1)*sizeof(int64_t));
    d->weights = convis_conv_take(&c->size, weights);
    d->back_weights = convis_conv_take(&c->size, gradients ? weights : 0);
    convis_conv_take(&own, (size_t)(c->inputs*rows*d->tile)*sizeof(real));
    d->thread_g = convis_conv_take(&own, gradients ? (size_t)(c->outputs*rows*d->tile)*sizeof(real) : 0);
    d->thread_bytes = own;
    int64_t sums = c->kernel == CONV_PIXELS && c->s.gradients & CONVIS_CONV_KERNEL ? SLOTS*c->s.out*c->inputs*c->s.t : 0;
    d->sums = convis_conv_take(&c->scratch, (size_t)sums*sizeof(double));
    d->thread = convis_conv_take(&c->scratch, own*(size_t)threads);
}

void convis_conv_pixels_prepare(convis_conv *c, const double *weights)
{
    int64_t *offset = convis_conv_at(c, c->pixels.offset);
    for (int64_t k = 0; k <= c->s.t; k++) offset[k] = k*c->s.dilation_t*c->pixels.tile;
    convis_conv_pack(c, weights, convis_conv_at(c, c->pixels.weights), 0, 0);
    if (c->s.gradients) convis_conv_pack(c, weights, convis_conv_at(c, c->pixels.back_weights), 1, 1);
}

/* ---- Tiles ---- */

/* A piece of work: pixels at..at+width-1 of one group of channels of one movie. */
typedef struct piece { int64_t b, g, at, width; } piece;

static int64_t tiles_of(const convis_conv *c) { return (c->s.h*c->s.w + c->pixels.tile - 1)/c->pixels.tile; }

static piece piece_at(const convis_conv *c, int64_t k)
{
    int64_t tiles = tiles_of(c), tile = k%tiles, n = c->s.h*c->s.w;
    piece q = { .g = k/tiles%c->s.groups, .b = k/tiles/c->s.groups, .at = tile*c->pixels.tile };
    q.width = convis_least(c->pixels.tile, n - q.at);
    return q;
}

/* Rows lo..hi-1 of `count` channels from `first` on: frames of a movie with `channels` of them. */
static void copy(const convis_conv *c, const piece *q, const real *movie, int64_t channels, int64_t first, int64_t count,
                 int64_t lo, int64_t hi, int64_t row0, real *to)
{
    int64_t n = c->s.h*c->s.w, rows = c->history + c->pixels.frames, tile = c->pixels.tile;
    for (int64_t k = 0; k < count; k++)
        for (int64_t f = lo; f < hi; f++) {
            real *row = to + (k*rows + f - row0)*tile;
            memcpy(row, movie + (f*c->s.batch*channels + q->b*channels + first + k)*n + q->at, (size_t)q->width*sizeof *row);
            if (q->width < tile) memset(row + q->width, 0, (size_t)(tile - q->width)*sizeof *row);
        }
}

/* A block of lines: sums over planes, which lie one after the other, with weights [plane][k][line]. */
static void sum_block(const convis_conv *c, conv_tile j, const real *x, const real *weights, int64_t planes, int lines)
{
    enum { AT_ONCE = 64 };
    const real *plane[AT_ONCE], *w[AT_ONCE];
    int64_t rows = c->history + c->pixels.frames, step = c->s.t*lines;
    j.plane = plane;
    j.weights = w;
    /* More planes than that continue where the first ones ended. */
    for (int64_t p0 = 0; p0 < planes; p0 += AT_ONCE) {
        j.planes = convis_least(AT_ONCE, planes - p0);
        for (int64_t k = 0; k < j.planes; k++) {
            plane[k] = x + (p0 + k)*rows*c->pixels.tile;
            w[k] = weights + (p0 + k)*step;
        }
        if (lines > 1) c->kernels->channels(&j, lines);
        else c->kernels->rows(&j);
        j.add = 1;
        for (int l = 0; l < lines; l++) j.start[l] = 0;
    }
}

void convis_conv_pixels_forward(const convis_pass *p, const convis_conv *c, const real *in, real *out, void *scratch)
{
    const conv_pixels *d = &c->pixels;
    const real *bias = convis_conv_at(c, c->bias), *weights = convis_conv_at(c, d->weights);
    real *x = convis_conv_own(p, scratch, d->thread, d->thread_bytes);
    int64_t n = c->s.h*c->s.w, blocks = (p->frames + d->frames - 1)/d->frames;
    conv_range mine = convis_conv_share(p, c->s.batch*c->s.groups*tiles_of(c)*blocks);
    for (int64_t item = mine.from; item < mine.to; item++) {
        piece q = piece_at(c, item/blocks);
        int64_t t0 = item%blocks*d->frames, count = convis_least(d->frames, p->frames - t0);
        copy(c, &q, in, c->s.in, q.g*c->inputs, c->inputs, t0 - c->history, t0 + count, t0 - c->history, x);
        for (int64_t block = 0; block < convis_conv_blocks(c->outputs); block++) {
            int64_t o = convis_conv_block_start(block, c->outputs), first = q.g*c->outputs + o;
            int lines = convis_conv_lines_at(o, c->outputs);
            conv_tile j = { .taps_y = c->s.t, .taps_x = 1, .step = d->tile, .offset = convis_conv_at(c, d->offset), .width = q.width,
                            .pitch = c->n_out, .y1 = count, .share = c->s.dilation_t == 1 };
            for (int l = 0; l < lines; l++) {
                j.out[l] = out + t0*c->n_out + (q.b*c->s.out + first + l)*n + q.at;
                j.start[l] = bias[first + l];
            }
            sum_block(c, j, x, weights + first*c->inputs*c->s.t, c->inputs, lines);
        }
    }
    convis_barrier(p);
}

/* ---- Gradients ---- */

/* One piece's part of the kernel's gradient. */
static void add_piece(const convis_pass *p, const convis_conv *c, const piece *q, const real *in, const real *d_out, real *x,
                      real *g, double *sums)
{
    const conv_pixels *d = &c->pixels;
    int64_t rows = c->history + d->frames, columns = c->inputs*c->s.t, tiles = (columns + CONVIS_COLUMNS - 1)/CONVIS_COLUMNS;
    for (int64_t t0 = 0; t0 < p->frames; t0 += d->frames) {
        int64_t count = convis_least(d->frames, p->frames - t0);
        copy(c, q, in, c->s.in, q->g*c->inputs, c->inputs, t0 - c->history, t0 + count, t0 - c->history, x);
        copy(c, q, d_out, c->s.out, q->g*c->outputs, c->outputs, t0, t0 + count, t0, g);
        for (int64_t o = 0; o < c->outputs; o += CONVIS_LINES)
            for (int64_t tile = 0; tile < tiles; tile++) {
                const real *gs[CONVIS_LINES], *xs[CONVIS_COLUMNS];
                double sum[CONVIS_LINES*CONVIS_COLUMNS] = { 0 };
                int64_t first = columns*tile/tiles;
                conv_outer j = { .g = gs, .x = xs, .segments = 1, .rows = count, .octets = d->tile/CONVIS_OCTET, .g_step = d->tile,
                                 .x_step = d->tile, .lines = (int)convis_least(CONVIS_LINES, c->outputs - o),
                                 .columns = (int)(columns*(tile + 1)/tiles - first), .sum = sum };
                for (int l = 0; l < j.lines; l++) gs[l] = g + (o + l)*rows*d->tile;
                for (int k = 0; k < j.columns; k++)
                    xs[k] = x + ((first + k)/c->s.t*rows + (first + k)%c->s.t*c->s.dilation_t)*d->tile;
                c->kernels->outer(&j);
                for (int l = 0; l < j.lines; l++)
                    for (int k = 0; k < j.columns; k++)
                        sums[(q->g*c->outputs + o + l)*columns + first + k] += sum[l*j.columns + k];
            }
    }
}

/* Every slot has pieces of its own, whichever thread adds to them; so the sums do not depend on the number of threads. */
static void add_kernel(const convis_pass *p, const convis_conv *c, const real *in, const real *d_out, double *d_weights,
                       void *scratch)
{
    const conv_pixels *d = &c->pixels;
    real *x = convis_conv_own(p, scratch, d->thread, d->thread_bytes), *g = (real *)(void *)((char *)x + d->thread_g);
    double *sums = convis_conv_in(scratch, d->sums);
    int64_t n = c->s.out*c->inputs*c->s.t, pieces = c->s.batch*c->s.groups*tiles_of(c);
    conv_range mine = convis_conv_share(p, d->slots);
    for (int64_t slot = mine.from; slot < mine.to; slot++) {
        memset(sums + slot*n, 0, (size_t)n*sizeof *sums);
        for (int64_t k = slot; k < pieces; k += d->slots) {
            piece q = piece_at(c, k);
            add_piece(p, c, &q, in, d_out, x, g, sums + slot*n);
        }
    }
    convis_barrier(p);
    mine = convis_conv_share(p, n);
    for (int64_t slot = 0; slot < d->slots; slot++)
        for (int64_t k = mine.from; k < mine.to; k++) d_weights[k] += sums[slot*n + k];
    convis_barrier(p);
}

/* Frames y0..y1-1 from `lo` on, through taps a0..a1-1 only, which reach frames of the pass. */
static void back_rows(const convis_conv *c, const piece *q, const real *g, int64_t lo, int64_t y0, int64_t y1, int64_t a0,
                      int64_t a1, real *d_in)
{
    const conv_pixels *d = &c->pixels;
    const real *weights = convis_conv_at(c, d->back_weights);
    const int64_t *offset = convis_conv_at(c, d->offset);
    if (y0 >= y1 || a0 >= a1) return;
    for (int64_t block = 0; block < convis_conv_blocks(c->inputs); block++) {
        int64_t i = convis_conv_block_start(block, c->inputs), first = q->g*c->inputs + i;
        int lines = convis_conv_lines_at(i, c->inputs);
        conv_tile j = { .taps_y = a1 - a0, .taps_x = 1, .step = d->tile, .offset = offset + a0, .width = q->width, .pitch = c->n_in,
                        .y0 = y0, .y1 = y1, .add = 1, .share = c->s.dilation_t == 1 };
        for (int l = 0; l < lines; l++) j.out[l] = d_in + lo*c->n_in + (q->b*c->s.in + first + l)*c->s.h*c->s.w + q->at;
        sum_block(c, j, g, weights + first*c->outputs*c->s.t + a0*lines, c->outputs, lines);
    }
}

static void add_input(const convis_pass *p, const convis_conv *c, const real *d_out, real *d_in, void *scratch)
{
    const conv_pixels *d = &c->pixels;
    real *g = (real *)(void *)((char *)convis_conv_own(p, scratch, d->thread, d->thread_bytes) + d->thread_g);
    int64_t all = p->frames + c->history, blocks = (all + d->frames - 1)/d->frames, hop = c->s.dilation_t;
    conv_range mine = convis_conv_share(p, c->s.batch*c->s.groups*tiles_of(c)*blocks);
    for (int64_t item = mine.from; item < mine.to; item++) {
        piece q = piece_at(c, item/blocks);
        int64_t lo = item%blocks*d->frames - c->history, hi = convis_least(lo + d->frames, p->frames);
        int64_t from = convis_most(lo, 0), to = convis_least(hi + c->history, p->frames);
        if (from < to) copy(c, &q, d_out, c->s.out, q.g*c->outputs, c->outputs, from, to, lo, g);
        /* In the middle every tap counts; towards the ends each frame has taps of its own. */
        int64_t inner = convis_most(lo, 0), outer = convis_most(inner, convis_least(hi, p->frames - c->history));
        if (outer > inner) back_rows(c, &q, g, lo, inner - lo, outer - lo, 0, c->s.t, d_in);
        for (int64_t t = lo; t < hi; t++) {
            if (t >= inner && t < outer) continue;
            int64_t a0 = t < 0 ? (-t + hop - 1)/hop : 0, a1 = convis_least(c->s.t, (p->frames - 1 - t)/hop + 1);
            back_rows(c, &q, g, lo, t - lo, t - lo + 1, a0, a1, d_in);
        }
    }
    convis_barrier(p);
}

void convis_conv_pixels_vjp(const convis_pass *p, const convis_conv *c, const real *in, const real *d_out, real *d_in,
                            double *d_weights, void *scratch)
{
    if (d_weights) add_kernel(p, c, in, d_out, d_weights, scratch);
    if (d_in) add_input(p, c, d_out, d_in, scratch);
}
