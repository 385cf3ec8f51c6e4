/* conv_there.c - the convolutions of conv.h on a device: which kernels of conv_card.c, over which tiles, by how many teams. */
#include "conv_parts.h"
#include "engine/launch.h"
#include <math.h>

extern const char *const convis_conv_card_source[];

/* As conv_card.c has them. */
enum { TEAM_SIZE = 256, LANES = 8, ROWS = 4, ROWS_ONE = 8, SHARED = 8188, COLUMNS = TEAM_SIZE*ROWS };
enum { BATCH, GROUPS, SRC, DST, SRC_H, SRC_W, DST_H, DST_W, PADDED_H, PADDED_W, KERNEL_T, KERNEL_Y, KERNEL_X, STRIDE_Y, STRIDE_X,
       HOP_T, HOP_Y, HOP_X, OFFSET, TURNED, IN_TIME, LOG_WIDTH, EIGHT, ONE = EIGHT + 8, SLOPES = ONE + 8, MAPS = SLOPES + 12 };

enum { TEAMS = 1024, BIAS_TEAMS = 32, MOST_PLANES = 16, FOLDED = 1 << 24, PARTS = 1 << 24 };

/* ---- Sizes ---- */

/* Tiles are as wide as members that lie side by side: wide ones load best, narrow ones may cover a map with less waste. Of members beyond
 * the map those cost least of whom a whole warp of 32 has nothing to do. */
static int log_width_of(int64_t h, int64_t w)
{
    int best = 5;
    double least = INFINITY;
    for (int k = 5; k >= 3; k--) {
        const int64_t across = convis_round(w, (int64_t)1 << k), warp = ROWS << (5 - k), tile = ROWS*(TEAM_SIZE >> k);
        const double working = (double)(across*convis_round(h, warp)), all = (double)(across*convis_round(h, tile));
        const double cost = (15 - k)*(0.7*working + 0.3*all);
        if (cost < least) { best = k; least = cost; }
    }
    return best;
}

/* A pitch with which lines of members beside each other meet other banks of the memory. */
static int64_t pitch_of(int64_t columns, int64_t width, int64_t rows)
{
    for (int64_t pitch = columns; width < 32 && pitch < columns + 8; pitch++) if (rows*pitch%32 == width) return pitch;
    return columns;
}

/* lanes: outputs of each member, of `rows` rows. All taps if they fit, else as many as do. */
static conv_cut cut_of(const convis_conv *c, const conv_sweep *s, int64_t lanes, int64_t rows)
{
    const int64_t width = (int64_t)1 << s->log_width, planes = s->src*(c->s.t + (s->in_time && lanes > 1 ? LANES - 1 : 0));
    conv_cut k = { .taps_y = c->s.y, .taps_x = c->s.x, .tile_h = convis_least(TEAM_SIZE/width*rows, convis_round(s->dst_h, rows)) };
    for (;;) {
        const int64_t columns = (width - 1)*s->stride_x + (k.taps_x - 1)*c->s.dilation_x + 1;
        k.pitch = pitch_of(columns, width, rows*s->stride_y);
        k.plane = convis_round(((k.tile_h - 1)*s->stride_y + (k.taps_y - 1)*c->s.dilation_y + 1)*k.pitch, 4);
        k.planes = SHARED/(k.plane + convis_round(k.taps_y*k.taps_x*lanes, lanes));
        if (k.planes) break;
        if (k.taps_y >= k.taps_x && k.taps_y > 1) k.taps_y = (k.taps_y + 1)/2;
        else if (k.taps_x > 1) k.taps_x = (k.taps_x + 1)/2;
        else if (k.tile_h > rows) k.tile_h = convis_round(k.tile_h/2, rows);
        else return k;
    }
    if (k.taps_y < c->s.y || k.taps_x < c->s.x) k.planes = 1;
    k.planes = convis_least(convis_least(k.planes, MOST_PLANES), planes);
    k.tiles = (s->dst_h + k.tile_h - 1)/k.tile_h;
    k.blocks = lanes > 1 && !s->in_time ? (s->dst + lanes - 1)/lanes : s->dst;
    return k;
}

/* The part of multiply-adds that count, of eights of frames and of destinations. */
static double use_of_frames(const convis_conv *c)
{
    int64_t halves = 0;
    for (int64_t m = 0; m < c->s.t + LANES - 1; m++) halves += (m - c->s.t + 1 < 4) + (m >= 4);
    return (double)(LANES*c->s.t)/(double)(4*halves);
}
static double use_of_fours(int64_t n) { return (double)n/(double)convis_round(n, 4); }

static void arrange_sweep(const convis_conv *c, conv_sweep *s)
{
    const double by_frames = use_of_frames(c), by_channels = use_of_fours(s->dst), alone = 0.5;
    s->log_width = log_width_of(s->dst_h, s->dst_w);
    s->in_time = by_frames > by_channels;
    s->eight = cut_of(c, s, LANES, ROWS);
    s->one = cut_of(c, s, 1, ROWS_ONE);
    s->lanes = s->eight.planes ? LANES : 0;
    if (s->one.planes && (!s->lanes || (by_frames < alone && by_channels < alone))) s->lanes = 1;
}

/* Pixels and gradients of a tile, and the taps of as many inputs as there are members for. */
static void arrange_slopes(const convis_conv *c, conv_slopes *k)
{
    k->log_width = log_width_of(c->y.out, c->x.out);
    k->rows = convis_least(TEAM_SIZE >> k->log_width, c->y.out);
    k->in_time = use_of_fours(c->s.t) > use_of_fours(c->outputs);
    k->taps_y = c->s.y;
    k->taps_x = c->s.x;
    const int64_t width = (int64_t)1 << k->log_width, room = SHARED - k->rows*width*LANES;
    for (;;) {
        k->pitch = (width - 1)*c->s.stride_x + (k->taps_x - 1)*c->s.dilation_x + 1;
        k->plane = ((k->rows - 1)*c->s.stride_y + (k->taps_y - 1)*c->s.dilation_y + 1)*k->pitch;
        k->inputs = convis_least(convis_least(room/k->plane, COLUMNS/(k->taps_y*k->taps_x)), c->inputs);
        if (k->inputs) break;
        if (k->taps_y >= k->taps_x && k->taps_y > 1) k->taps_y = (k->taps_y + 1)/2;
        else if (k->taps_x > 1) k->taps_x = (k->taps_x + 1)/2;
        else return;
    }
    if (k->taps_y < c->s.y || k->taps_x < c->s.x) k->inputs = 1;
    k->apart = (k->inputs*k->taps_y*k->taps_x + ROWS - 1)/ROWS;
    k->tiles = (c->y.out + k->rows - 1)/k->rows;
    k->blocks = (c->inputs + k->inputs - 1)/k->inputs*((c->s.y + k->taps_y - 1)/k->taps_y)*((c->s.x + k->taps_x - 1)/k->taps_x);
    k->eights = ((k->in_time ? c->s.t : c->outputs) + LANES - 1)/LANES;
    k->pieces = k->blocks*k->eights*c->s.groups*(k->in_time ? c->outputs : c->s.t);
}

static int64_t weights_of(const convis_conv *c) { return c->s.out*c->inputs*c->taps; }
static size_t bytes_of(int64_t n) { return (size_t)n*sizeof(real); }

/* Padded places of the sweep's source. */
static int64_t padded(int64_t dst, int64_t stride, int64_t reach) { return (dst - 1)*stride + reach + 1; }

void convis_conv_card_room(convis_conv *c)
{
    conv_card *k = &c->card;
    const int shared_border = c->s.padding == CONVIS_CONV_REPLICATE || c->s.padding == CONVIS_CONV_REFLECT;
    int64_t scratch = 0;
    k->forward = (conv_sweep){ .src = c->inputs, .dst = c->outputs, .src_h = c->y.in, .src_w = c->x.in, .dst_h = c->y.out,
        .dst_w = c->x.out, .stride_y = c->s.stride_y, .stride_x = c->s.stride_x, .offset = -c->history };
    arrange_sweep(c, &k->forward);
    k->forward.numbers = convis_conv_take(&c->size, bytes_of(MAPS + c->y.padded + c->x.padded));
    k->weights = convis_conv_take(&c->size, bytes_of(weights_of(c)));
    if (c->s.gradients & CONVIS_CONV_INPUT) {
        k->folds = shared_border && (c->y.reach || c->x.reach);
        k->back = (conv_sweep){ .src = c->outputs, .dst = c->inputs, .src_h = c->y.out, .src_w = c->x.out, .stride_y = 1, .stride_x = 1,
            .dst_h = k->folds ? c->y.padded : c->y.in, .dst_w = k->folds ? c->x.padded : c->x.in, .turned = 1 };
        arrange_sweep(c, &k->back);
        k->back.numbers = convis_conv_take(&c->size, bytes_of(MAPS + padded(k->back.dst_h, 1, c->y.reach)
                                                              + padded(k->back.dst_w, 1, c->x.reach)));
        if (k->folds) {
            const int64_t frame = c->s.batch*c->s.in*c->y.padded*c->x.padded;
            k->places = convis_conv_take(&c->size, bytes_of(4 + c->y.in + 1 + c->x.in + 1 + c->y.padded + c->x.padded));
            k->fold_frames = convis_most(1, convis_least(FOLDED/frame, c->history + 256));
            scratch = k->fold_frames*frame;
        }
    }
    if (c->s.gradients & CONVIS_CONV_KERNEL) {
        arrange_slopes(c, &k->slopes);
        if (k->slopes.inputs)
            k->slopes.shares = convis_most(1, convis_least((TEAMS + k->slopes.pieces - 1)/k->slopes.pieces, PARTS/weights_of(c)));
        scratch = convis_most(scratch, convis_most(1, k->slopes.shares)*weights_of(c));
    }
    if (c->s.gradients) scratch = convis_most(scratch, BIAS_TEAMS*c->s.out);
    convis_conv_take(&c->scratch, bytes_of(scratch));
}

/* ---- Constants ---- */

static void write_cut(const conv_cut *k, real *z)
{
    const int64_t v[] = { k->taps_y, k->taps_x, k->planes, k->tile_h, k->pitch, k->plane, k->tiles, k->blocks };
    for (size_t j = 0; j < sizeof v/sizeof *v; j++) z[j] = (real)v[j];
}

static real *write_sweep(const convis_conv *c, const conv_sweep *s)
{
    real *z = convis_conv_at(c, s->numbers);
    const conv_slopes *k = &c->card.slopes;
    const int64_t v[] = { c->s.batch, c->s.groups, s->src, s->dst, s->src_h, s->src_w, s->dst_h, s->dst_w,
        padded(s->dst_h, s->stride_y, c->y.reach), padded(s->dst_w, s->stride_x, c->x.reach), c->s.t, c->s.y, c->s.x, s->stride_y,
        s->stride_x, c->s.dilation_t, c->s.dilation_y, c->s.dilation_x, s->offset, s->turned, s->in_time, s->log_width };
    const int64_t slopes[] = { k->taps_y, k->taps_x, k->inputs, k->rows, k->pitch, k->plane, k->apart, k->blocks, k->eights, k->log_width,
        k->in_time, k->tiles };
    for (size_t j = 0; j < sizeof v/sizeof *v; j++) z[j] = (real)v[j];
    for (size_t j = 0; j < sizeof slopes/sizeof *slopes; j++) z[SLOPES + j] = (real)slopes[j];
    write_cut(&s->eight, z + EIGHT);
    write_cut(&s->one, z + ONE);
    return z + MAPS;
}

/* Gradients at the outputs, as the kernel turned round meets them: every stride-th place, zeros between. */
static void write_spread(const conv_axis *a, int folds, real *map)
{
    const int64_t n = padded(folds ? a->padded : a->in, 1, a->reach), first = a->reach - (folds ? 0 : a->before);
    for (int64_t u = 0; u < n; u++) {
        const int64_t at = u - first;
        map[u] = (real)(at >= 0 && at%a->stride == 0 && at/a->stride < a->out ? at/a->stride : -1);
    }
}

/* Where the places of each row (column) begin in their list, and the list. */
static void write_places(const conv_axis *a, const int32_t *map, real *begin, real *list)
{
    int64_t count = 0;
    for (int64_t at = 0; at < a->in; at++) {
        begin[at] = (real)count;
        for (int64_t u = 0; u < a->padded; u++) if (map[u] == at) list[count++] = (real)u;
    }
    begin[a->in] = (real)count;
}

void convis_conv_card_prepare(convis_conv *c, const double *weights)
{
    const int32_t *map_y = convis_conv_at(c, c->map_y), *map_x = convis_conv_at(c, c->map_x);
    const conv_card *k = &c->card;
    real *w = convis_conv_at(c, k->weights), *map = write_sweep(c, &k->forward);
    for (int64_t u = 0; u < c->y.padded; u++) *map++ = (real)map_y[u];
    for (int64_t u = 0; u < c->x.padded; u++) *map++ = (real)map_x[u];
    for (int64_t j = 0; j < weights_of(c); j++) w[j] = (real)weights[j];
    if (!(c->s.gradients & CONVIS_CONV_INPUT)) return;
    map = write_sweep(c, &k->back);
    write_spread(&c->y, k->folds, map);
    write_spread(&c->x, k->folds, map + padded(k->back.dst_h, 1, c->y.reach));
    if (!k->folds) return;
    real *places = convis_conv_at(c, k->places), *begin_y = places + 4, *begin_x = begin_y + c->y.in + 1, *list = begin_x + c->x.in + 1;
    places[0] = (real)c->y.in;
    places[1] = (real)c->x.in;
    places[2] = (real)c->y.padded;
    places[3] = (real)c->x.padded;
    write_places(&c->y, map_y, begin_y, list);
    write_places(&c->x, map_x, begin_x, list + c->y.padded);
}

const char *convis_conv_card_way(const convis_conv *c)
{
    const conv_sweep *s = &c->card.forward;
    return s->lanes == 0 ? "card (an output at a time)" : s->lanes == 1 ? "card (tiles of one frame)"
         : s->in_time ? "card (tiles of 8 frames)" : "card (tiles of 8 channels)";
}

/* ---- Running ---- */

static void *address(const void *v) { return (void *)(uintptr_t)v; }

static void run(const convis_pass *p, const char *kernel, int64_t n, int64_t frames, void *const *buffers, int64_t teams)
{
    convis_launch_text(p, "conv_card", convis_conv_card_source, kernel, n, (int)frames, buffers, teams, TEAM_SIZE);
}

/* Multiply-adds for each tap and row of eights of which the first `lanes` are there, over all frames that they hear. */
static int64_t work_of(const convis_conv *c, int64_t lanes)
{
    int64_t work = 0;
    for (int64_t m = 0; m < c->s.t + lanes - 1; m++) {
        const int64_t from = convis_most(0, m - c->s.t + 1), to = convis_least(lanes - 1, m);
        work += (from < 4 ? 4 : 0) + (to >= 4 ? 4 : 0);
    }
    return work;
}

/* Few frames leave most of an eight, or of the card, idle: then one by one. Sums are the same, term by term, if both treat all taps at
 * once, so this may depend on the number of frames. teams: of both. */
static int better_alone(const convis_conv *c, const conv_sweep *s, int64_t each, int64_t by_eights, int64_t by_ones)
{
    enum { PROCESSORS = 128 };                           /* of a large card */
    const conv_cut *a = &s->eight, *b = &s->one;
    if (!s->in_time || !b->planes || b->taps_y < c->s.y || b->taps_x < c->s.x || a->taps_y < c->s.y || a->taps_x < c->s.x) return 0;
    const double eights = ROWS*(double)work_of(c, convis_least(LANES, each))*(double)convis_most(PROCESSORS, by_eights);
    return ROWS_ONE*(double)c->s.t/0.6*(double)convis_most(PROCESSORS, by_ones) < eights;
}

/* Frames of the destination, the first of which is number `first` of the source's, of which it has lo..hi-1. */
static void sweep(const convis_pass *p, const convis_conv *c, const conv_sweep *s, const real *start, const real *from, real *to,
                  int64_t frames, int64_t first, int64_t lo, int64_t hi, int add)
{
    const int64_t apart = s->in_time ? convis_least(c->s.dilation_t, frames) : 1, each = (frames + apart - 1)/apart;
    const int64_t across = (((s->dst_w - 1) >> s->log_width) + 1)*c->s.batch*c->s.groups;
    const int64_t ones = across*s->one.tiles*s->one.blocks*frames;
    const int64_t eights = across*s->eight.tiles*s->eight.blocks*(s->in_time ? apart*((each + LANES - 1)/LANES) : frames);
    const int one = s->lanes == 1 || (s->lanes && better_alone(c, s, each, eights, ones));
    convis_pass q = *p;
    void *buffers[] = { convis_conv_at(c, s->numbers), convis_conv_at(c, c->card.weights), address(start), address(from), to };
    q.frame = first;
    q.key = (uint64_t)(uint32_t)lo | (uint64_t)(uint32_t)hi << 32;
    q.dt = add;
    if (!s->lanes) run(&q, "conv_card_plain", frames*c->s.batch*c->s.groups*s->dst*s->dst_h*s->dst_w, frames, buffers, 0);
    else run(&q, one ? "conv_card_one" : "conv_card_eight", 0, frames, buffers, one ? ones : eights);
}

void convis_conv_card_forward(const convis_pass *p, const convis_conv *c, const real *in, real *out)
{
    sweep(p, c, &c->card.forward, convis_conv_at(c, c->bias), in, out, p->frames, 0, -c->history, p->frames, 0);
}

static void add_input(const convis_pass *p, const convis_conv *c, const real *d_out, real *d_in, real *scratch)
{
    const conv_card *k = &c->card;
    const int64_t all = c->history + p->frames, most = k->folds ? k->fold_frames : all;
    for (int64_t t = 0; t < all; t += most) {
        const int64_t frames = convis_least(most, all - t), first = t - c->history;
        real *to = d_in + first*c->n_in;
        sweep(p, c, &k->back, NULL, d_out, k->folds ? scratch : to, frames, first, 0, p->frames, !k->folds);
        if (k->folds) run(p, "conv_card_fold", frames*c->n_in, 1, (void *[]){ convis_conv_at(c, k->places), scratch, to }, 0);
    }
}

static void gather(const convis_pass *p, const real *parts, int64_t n, int64_t count, convis_total *values)
{
    run(p, "conv_card_gather", n, count, (void *[]){ address(parts), values }, (n + 31)/32);
}

static void add_kernel(const convis_pass *p, const convis_conv *c, const real *in, const real *d_out, convis_total *values, real *scratch)
{
    const conv_slopes *k = &c->card.slopes;
    void *buffers[] = { convis_conv_at(c, c->card.forward.numbers), address(in), address(d_out), scratch };
    const int64_t n = weights_of(c), items = p->frames*c->s.batch*k->tiles*(((c->x.out - 1) >> k->log_width) + 1);
    const int64_t shares = convis_least(k->shares, items);
    if (shares) run(p, "conv_card_slopes", shares, p->frames, buffers, shares*k->pieces);
    else        run(p, "conv_card_slope", n, p->frames, buffers, n);
    gather(p, scratch, n, shares ? shares : 1, values);
}

void convis_conv_card_vjp(const convis_pass *p, const convis_conv *c, const real *in, const real *d_out, real *d_in, convis_total *d_weights,
                          convis_total *d_bias, void *scratch)
{
    if (d_in) add_input(p, c, d_out, d_in, scratch);
    if (d_weights) add_kernel(p, c, in, d_out, d_weights, scratch);
    if (!d_bias) return;
    convis_pass q = *p;
    const int64_t maps = p->frames*c->s.batch, shares = convis_least(BIAS_TEAMS, maps);
    q.frame = c->s.out;
    q.key = (uint64_t)shares;
    run(&q, "conv_card_bias", c->y.out*c->x.out, maps, (void *[]){ address(d_out), scratch }, shares*c->s.out);
    gather(p, scratch, c->s.out, shares, d_bias);
}
