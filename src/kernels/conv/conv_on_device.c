/* conv_on_device.c - the convolutions of conv.h on a device: which kernels of conv_gpu.c, over which tiles, by how many groups. */
#include "conv_parts.h"
#include "engine/launch.h"
#include <math.h>
#include <string.h>

CONVIS_GPU_TEXT(conv_gpu)

/* SHARED: what is left of numbers in common when they begin at a place that four may begin at. */
enum { GROUP_SIZE = CONV_GROUP, LANES = CONV_LANES, ROWS = CONV_ROWS, ROWS_ONE = CONV_ROWS_ONE, SHARED = CONV_SHARED - 4,
       COLUMNS = GROUP_SIZE*ROWS };
enum { GROUPS = 1024, BIAS_GROUPS = 32, MOST_PLANES = 16, FOLDED = 1 << 24, PARTS = 1 << 24 };

/* ---- Sizes ---- */

/* Tiles are as wide as members that lie side by side: wide ones load best, narrow ones may cover a map with less waste. Of members beyond
 * the map those cost least of whom a whole warp of 32 has nothing to do. */
static int log_width_of(int64_t h, int64_t w)
{
    int best = 5;
    double least = INFINITY;
    for (int k = 5; k >= 3; k--) {
        const int64_t across = convis_round(w, (int64_t)1 << k), warp = ROWS << (5 - k), tile = ROWS*(GROUP_SIZE >> k);
        const double working = (double)(across*convis_round(h, warp)), all = (double)(across*convis_round(h, tile));
        const double cost = (15 - k)*(0.7*working + 0.3*all);
        if (cost < least) { best = k; least = cost; }
    }
    return best;
}

/* A pitch with which lines of members beside each other use other banks of the memory. */
static int64_t pitch_of(int64_t columns, int64_t width, int64_t rows)
{
    for (int64_t pitch = columns; width < 32 && pitch < columns + 8; pitch++) if (rows*pitch%32 == width) return pitch;
    return columns;
}

/* lanes: outputs of each member, of `rows` rows. All taps if they fit, else as many as do. */
static conv_tiling tiling_of(const conv_shape *z, int64_t lanes, int64_t rows)
{
    const int64_t width = (int64_t)1 << z->log_width,
                  planes = z->src*((int64_t)z->kernel_t + (z->in_time && lanes > 1 ? LANES - 1 : 0));
    int64_t taps_y = z->kernel_y, taps_x = z->kernel_x,
            tile_h = convis_least(GROUP_SIZE/width*rows, convis_round(z->dst_h, rows));
    int64_t pitch, plane, together;
    for (;;) {
        const int64_t columns = (width - 1)*z->stride_x + (taps_x - 1)*z->hop_x + 1;
        pitch = pitch_of(columns, width, rows*z->stride_y);
        plane = convis_round(((tile_h - 1)*z->stride_y + (taps_y - 1)*z->hop_y + 1)*pitch, 4);
        together = SHARED/(plane + convis_round(taps_y*taps_x*lanes, lanes));
        if (together) break;
        if (taps_y >= taps_x && taps_y > 1) taps_y = (taps_y + 1)/2;
        else if (taps_x > 1) taps_x = (taps_x + 1)/2;
        else if (tile_h > rows) tile_h = convis_round(tile_h/2, rows);
        else return (conv_tiling){ .planes = 0 };
    }
    if (taps_y < z->kernel_y || taps_x < z->kernel_x) together = 1;
    together = convis_least(convis_least(together, MOST_PLANES), planes);
    return (conv_tiling){ (int)taps_y, (int)taps_x, (int)together, (int)tile_h, (int)pitch, (int)plane, (int)((z->dst_h + tile_h - 1)/tile_h),
                          (int)(lanes > 1 && !z->in_time ? (z->dst + lanes - 1)/lanes : z->dst) };
}

/* The part of multiply-adds that count, of eights of frames and of destinations. */
static double use_of_frames(const convis_conv *c)
{
    int64_t halves = 0;
    for (int64_t m = 0; m < c->s.t + LANES - 1; m++) halves += (m - c->s.t + 1 < 4) + (m >= 4);
    return (double)(LANES*c->s.t)/(double)(4*halves);
}
static double use_of_fours(int64_t n) { return (double)n/(double)convis_round(n, 4); }

/* What both directions have in common. */
static conv_shape shape_of(const convis_conv *c)
{
    return (conv_shape){ .batch = (int)c->s.batch, .groups = (int)c->s.groups, .kernel_t = (int)c->s.t, .kernel_y = (int)c->s.y,
        .kernel_x = (int)c->s.x, .hop_t = (int)c->s.dilation_t, .hop_y = (int)c->s.dilation_y, .hop_x = (int)c->s.dilation_x };
}

/* Padded places of the pass's source. */
static int padded(int64_t dst, int64_t stride, int64_t reach) { return (int)((dst - 1)*stride + reach + 1); }

static void arrange_pass(convis_conv *c, conv_pass *s)
{
    conv_shape *z = &s->shape;
    const double by_frames = use_of_frames(c), by_channels = use_of_fours(z->dst), alone = 0.5;
    z->padded_h = padded(z->dst_h, z->stride_y, c->y.reach);
    z->padded_w = padded(z->dst_w, z->stride_x, c->x.reach);
    z->log_width = log_width_of(z->dst_h, z->dst_w);
    z->in_time = by_frames > by_channels;
    s->eight = tiling_of(z, LANES, ROWS);
    s->one = tiling_of(z, 1, ROWS_ONE);
    s->lanes = s->eight.planes ? LANES : 0;
    if (s->one.planes && (!s->lanes || (by_frames < alone && by_channels < alone))) s->lanes = 1;
    s->maps = convis_conv_take(&c->size, (size_t)(z->padded_h + z->padded_w)*sizeof(int32_t));
}

/* Pixels and gradients of a tile, and the taps of as many inputs as there are members for. */
static void arrange_weights(const convis_conv *c, conv_on_device *d)
{
    const int log_width = log_width_of(c->y.out, c->x.out), in_time = use_of_fours(c->s.t) > use_of_fours(c->outputs);
    const int64_t width = (int64_t)1 << log_width, rows = convis_least(GROUP_SIZE >> log_width, c->y.out),
                  room = SHARED - rows*width*LANES;
    int64_t taps_y = c->s.y, taps_x = c->s.x, pitch, plane, inputs;
    for (;;) {
        pitch = (width - 1)*c->s.stride_x + (taps_x - 1)*c->s.dilation_x + 1;
        plane = ((rows - 1)*c->s.stride_y + (taps_y - 1)*c->s.dilation_y + 1)*pitch;
        inputs = convis_least(convis_least(room/plane, COLUMNS/(taps_y*taps_x)), c->inputs);
        if (inputs) break;
        if (taps_y >= taps_x && taps_y > 1) taps_y = (taps_y + 1)/2;
        else if (taps_x > 1) taps_x = (taps_x + 1)/2;
        else return;
    }
    if (taps_y < c->s.y || taps_x < c->s.x) inputs = 1;
    const int64_t blocks = (c->inputs + inputs - 1)/inputs*((c->s.y + taps_y - 1)/taps_y)*((c->s.x + taps_x - 1)/taps_x);
    const int64_t eights = ((in_time ? c->s.t : c->outputs) + LANES - 1)/LANES;
    d->weights = (conv_gradient_tiling){ .taps_y = (int)taps_y, .taps_x = (int)taps_x, .inputs = (int)inputs, .rows = (int)rows,
        .pitch = (int)pitch, .plane = (int)plane, .apart = (int)((inputs*taps_y*taps_x + ROWS - 1)/ROWS), .blocks = (int)blocks,
        .eights = (int)eights, .log_width = log_width, .in_time = in_time, .tiles = (int)((c->y.out + rows - 1)/rows) };
    d->pieces = blocks*eights*c->s.groups*(in_time ? c->outputs : c->s.t);
}

static int64_t weights_of(const convis_conv *c) { return c->s.out*c->inputs*c->taps; }
static size_t bytes_of(int64_t n) { return (size_t)n*sizeof(real); }

void convis_conv_device_room(convis_conv *c)
{
    conv_on_device *k = &c->device;
    const int shared_border = c->s.padding == CONVIS_CONV_REPLICATE || c->s.padding == CONVIS_CONV_REFLECT;
    int64_t scratch = 0;
    conv_shape z = shape_of(c);
    z.src = (int)c->inputs;
    z.dst = (int)c->outputs;
    z.src_h = (int)c->y.in;
    z.src_w = (int)c->x.in;
    z.dst_h = (int)c->y.out;
    z.dst_w = (int)c->x.out;
    z.stride_y = (int)c->s.stride_y;
    z.stride_x = (int)c->s.stride_x;
    z.offset = -(int)c->history;
    k->forward.shape = z;
    arrange_pass(c, &k->forward);
    k->kernel = convis_conv_take(&c->size, bytes_of(weights_of(c)));
    if (c->s.gradients & CONVIS_CONV_INPUT) {
        k->folds = shared_border && (c->y.reach || c->x.reach);
        z = shape_of(c);
        z.src = (int)c->outputs;
        z.dst = (int)c->inputs;
        z.src_h = (int)c->y.out;
        z.src_w = (int)c->x.out;
        z.dst_h = (int)(k->folds ? c->y.padded : c->y.in);
        z.dst_w = (int)(k->folds ? c->x.padded : c->x.in);
        z.stride_y = z.stride_x = z.turned = 1;
        k->back.shape = z;
        arrange_pass(c, &k->back);
        if (k->folds) {
            const int64_t frame = c->s.batch*c->s.in*c->y.padded*c->x.padded;
            k->places =
                convis_conv_take(&c->size, (size_t)(c->y.in + 1 + c->x.in + 1 + c->y.padded + c->x.padded)*sizeof(int32_t));
            k->fold_frames = convis_most(1, convis_least(FOLDED/frame, c->history + 256));
            scratch = k->fold_frames*frame;
        }
    }
    if (c->s.gradients & CONVIS_CONV_KERNEL) {
        arrange_weights(c, k);
        if (k->weights.inputs)
            k->shares = convis_most(1, convis_least((GROUPS + k->pieces - 1)/k->pieces, PARTS/weights_of(c)));
        scratch = convis_most(scratch, convis_most(1, k->shares)*weights_of(c));
    }
    if (c->s.gradients) scratch = convis_most(scratch, BIAS_GROUPS*c->s.out);
    convis_conv_take(&c->scratch, bytes_of(scratch));
}

/* ---- Maps ---- */

/* Gradients at the outputs, as the reversed kernel reads them: every stride-th place, zeros between. */
static void write_spread(const conv_axis *a, int folds, int32_t *map)
{
    const int64_t n = padded(folds ? a->padded : a->in, 1, a->reach), first = a->reach - (folds ? 0 : a->before);
    for (int64_t u = 0; u < n; u++) {
        const int64_t at = u - first;
        map[u] = (int32_t)(at >= 0 && at%a->stride == 0 && at/a->stride < a->out ? at/a->stride : -1);
    }
}

/* Where the places of each row (column) begin in their list, and the list. */
static void write_places(const conv_axis *a, const int32_t *map, int32_t *begin, int32_t *list)
{
    int32_t count = 0;
    for (int64_t at = 0; at < a->in; at++) {
        begin[at] = count;
        for (int64_t u = 0; u < a->padded; u++) if (map[u] == at) list[count++] = (int32_t)u;
    }
    begin[a->in] = count;
}

void convis_conv_device_prepare(convis_conv *c, const double *weights)
{
    const int32_t *map_y = convis_conv_at(c, c->map_y), *map_x = convis_conv_at(c, c->map_x);
    const conv_on_device *k = &c->device;
    real *w = convis_conv_at(c, k->kernel);
    int32_t *maps = convis_conv_at(c, k->forward.maps);
    memcpy(maps, map_y, (size_t)c->y.padded*sizeof *maps);
    memcpy(maps + c->y.padded, map_x, (size_t)c->x.padded*sizeof *maps);
    for (int64_t j = 0; j < weights_of(c); j++) w[j] = (real)weights[j];
    if (!(c->s.gradients & CONVIS_CONV_INPUT)) return;
    maps = convis_conv_at(c, k->back.maps);
    write_spread(&c->y, k->folds, maps);
    write_spread(&c->x, k->folds, maps + k->back.shape.padded_h);
    if (!k->folds) return;
    int32_t *begin_y = convis_conv_at(c, k->places), *begin_x = begin_y + c->y.in + 1, *list = begin_x + c->x.in + 1;
    write_places(&c->y, map_y, begin_y, list);
    write_places(&c->x, map_x, begin_x, list + c->y.padded);
}

const char *convis_conv_device_method(const convis_conv *c)
{
    const conv_pass *s = &c->device.forward;
    return s->lanes == 0 ? "on the device (an output at a time)" : s->lanes == 1 ? "on the device (tiles of one frame)"
         : s->shape.in_time ? "on the device (tiles of 8 frames)" : "on the device (tiles of 8 channels)";
}

/* ---- Running ---- */

static void *address(const void *v) { return (void *)(uintptr_t)v; }

static void run(const convis_pass *p, const char *kernel, int64_t n, int64_t frames, void *const *buffers, const void *block,
                int64_t groups)
{
    convis_launch_text(p, &conv_gpu_text, kernel, n, (int)frames, buffers, block, groups, GROUP_SIZE);
}

/* Multiply-adds for each tap and row of eights of which the first `lanes` exist, over all frames that they read. */
static int64_t work_of(const convis_conv *c, int64_t lanes)
{
    int64_t work = 0;
    for (int64_t m = 0; m < c->s.t + lanes - 1; m++) {
        const int64_t from = convis_most(0, m - c->s.t + 1), to = convis_least(lanes - 1, m);
        work += (from < 4 ? 4 : 0) + (to >= 4 ? 4 : 0);
    }
    return work;
}

/* Few frames leave most of an eight, or of the device, idle: then one by one. Sums are the same, term by term, if both treat all taps at
 * once, so this may depend on the number of frames. groups: of both. */
static int better_alone(const convis_conv *c, const conv_pass *s, int64_t each, int64_t by_eights, int64_t by_ones)
{
    enum { PROCESSORS = 128 };                           /* of a large GPU */
    const conv_tiling *a = &s->eight, *b = &s->one;
    if (!s->shape.in_time || !b->planes || b->taps_y < c->s.y || b->taps_x < c->s.x || a->taps_y < c->s.y || a->taps_x < c->s.x)
        return 0;
    const double eights = ROWS*(double)work_of(c, convis_least(LANES, each))*(double)convis_most(PROCESSORS, by_eights);
    return ROWS_ONE*(double)c->s.t/0.6*(double)convis_most(PROCESSORS, by_ones) < eights;
}

/* Frames of the destination, the first of which is number `first` of the source's, of which it has lo..hi-1. */
static void pass(const convis_pass *p, const convis_conv *c, const conv_pass *s, const real *start, const real *from, real *to,
                 int64_t frames, int64_t first, int64_t lo, int64_t hi, int add)
{
    const conv_shape *z = &s->shape;
    const int64_t apart = z->in_time ? convis_least(z->hop_t, frames) : 1, each = (frames + apart - 1)/apart;
    const int64_t across = (int64_t)(((z->dst_w - 1) >> z->log_width) + 1)*z->batch*z->groups;
    const int64_t ones = across*s->one.tiles*s->one.blocks*frames;
    const int64_t eights = across*s->eight.tiles*s->eight.blocks*(z->in_time ? apart*((each + LANES - 1)/LANES) : frames);
    const int one = s->lanes == 1 || (s->lanes && better_alone(c, s, each, eights, ones));
    const conv_pass_args args = { *z, one ? s->one : s->eight, (int)first, (int)lo, (int)hi, add };
    void *buffers[] = { convis_conv_at(c, s->maps), convis_conv_at(c, c->device.kernel), address(start), address(from), to };
    if (!s->lanes) run(p, "conv_gpu_plain", frames*z->batch*z->groups*z->dst*z->dst_h*z->dst_w, frames, buffers, &args, 0);
    else run(p, one ? "conv_gpu_one" : "conv_gpu_eight", 0, frames, buffers, &args, one ? ones : eights);
}

void convis_conv_device_forward(const convis_pass *p, const convis_conv *c, const real *in, real *out)
{
    pass(p, c, &c->device.forward, convis_conv_at(c, c->bias), in, out, p->frames, 0, -c->history, p->frames, 0);
}

static void add_input(const convis_pass *p, const convis_conv *c, const real *d_out, real *d_in, real *scratch)
{
    const conv_on_device *k = &c->device;
    const conv_fold_args fold = { (int)c->y.in, (int)c->x.in, (int)c->y.padded, (int)c->x.padded };
    const int64_t all = c->history + p->frames, most = k->folds ? k->fold_frames : all;
    for (int64_t t = 0; t < all; t += most) {
        const int64_t frames = convis_least(most, all - t), first = t - c->history;
        real *to = d_in + first*c->n_in;
        pass(p, c, &k->back, NULL, d_out, k->folds ? scratch : to, frames, first, 0, p->frames, !k->folds);
        if (k->folds)
            run(p, "conv_gpu_fold", frames*c->n_in, 1, (void *[]){ convis_conv_at(c, k->places), scratch, to }, &fold, 0);
    }
}

static void gather(const convis_pass *p, const real *parts, int64_t n, int64_t count, convis_total *values)
{
    run(p, "conv_gpu_gather", n, count, (void *[]){ address(parts), values }, NULL, (n + 31)/32);
}

static void add_kernel(const convis_pass *p, const convis_conv *c, const real *in, const real *d_out, convis_total *values,
                       real *scratch)
{
    const conv_on_device *k = &c->device;
    void *buffers[] = { convis_conv_at(c, k->forward.maps), address(in), address(d_out), scratch };
    const int64_t n = weights_of(c), items = p->frames*c->s.batch*k->weights.tiles*(((c->x.out - 1) >> k->weights.log_width) + 1);
    const int64_t shares = convis_least(k->shares, items);
    const conv_gradient_args args = { k->forward.shape, k->weights, (int)shares };
    if (shares) run(p, "conv_gpu_weights", 0, p->frames, buffers, &args, shares*k->pieces);
    else        run(p, "conv_gpu_weight", 0, p->frames, buffers, &args, n);
    gather(p, scratch, n, shares ? shares : 1, values);
}

void convis_conv_device_vjp(const convis_pass *p, const convis_conv *c, const real *in, const real *d_out, real *d_in,
                            convis_total *d_weights, convis_total *d_bias, void *scratch)
{
    if (d_in) add_input(p, c, d_out, d_in, scratch);
    if (d_weights) add_kernel(p, c, in, d_out, d_weights, scratch);
    if (!d_bias) return;
    const int64_t maps = p->frames*c->s.batch, shares = convis_least(BIAS_GROUPS, maps);
    const conv_bias_args args = { (int)c->s.out, (int)shares };
    run(p, "conv_gpu_bias", c->y.out*c->x.out, maps, (void *[]){ address(d_out), scratch }, &args, shares*c->s.out);
    gather(p, scratch, c->s.out, shares, d_bias);
}
