/* conv_gpu.c - the convolutions of conv.h on graphics processors (GPUs), forward and both gradients, and sums of the parts of groups.
 *
 * The floor. One output takes K = inputs T Y X multiply-adds, and a movie moves 8 bytes a pixel, in and out: a kernel of 20x10x10 has
 * 250 multiply-adds a byte, one of 5x5 for 8 to 16 channels 33, where GPUs break even at 10. So arithmetic is the floor, and
 * what must be saved are loads, of which a processor of a GPU does one for every four multiply-adds.
 *
 * conv_gpu_eight: a member of a group makes 4 rows of one column of 8 outputs that see the same pixels: 8 output channels or, of one
 * channel, 8 frames one after the other, whose weights of one frame of the input are 8 neighbours in time. A frame of the input
 * comes to shared memory once for all of them (tiles of 32x32 outputs and the kernel's reach), its taps are summed down the
 * columns: each tap loads 1 pixel (3 rows are left from the tap before) and 8 weights in 2 loads, for 32 multiply-adds; 3 loads in
 * the time of 8. On paper that leaves 32/(32 + 3 + 1.5 of counting), 88 % of the peak, times T/(T + 3) for the frames at both ends of
 * eight (half of the 8 are left out where none of them is needed), or the outputs that fill their fours. Tiles of 20x10x10 bring 1681
 * pixels for 1024 x 800 multiply-adds: memory has a hundredth of the time that arithmetic takes, waiting at barriers about a tenth.
 * conv_gpu_one: one frame of one channel, 8 rows a member. conv_gpu_plain: an output a member, for what does not fit. All of them sum
 * in the same order: the taps of each plane, columns before rows, then planes, so a sum does not depend on which kernel made it.
 *
 * The gradient of the input is the same sum with kernels reversed (maps say where gradients at the outputs lie between zeros);
 * borders that padding shares are made in padded planes, and conv_gpu_fold adds these to where they came from. The kernel's gradient,
 * conv_gpu_weights: a member has 4 taps of 8 frames or channels of a kernel, and pixels go by: 4 pixels and 8 gradients (2 loads) for
 * 32 multiply-adds, 6 loads in the time of 8: 32/(32 + 6 + 10 of addresses), 67 %. Groups have shares of the frames; their sums are put
 * together by conv_gpu_gather, always in the same order.
 *
 * 128 registers from sm_75 to sm_90, at most 20 bytes spilled: two groups on each processor. None of this has been timed on a GPU. */
#define CONVIS_KERNEL_SHORT_NAMES
#include <convis/kernel.h>
#include "conv_gpu.h"

enum { GROUP_SIZE = CONV_GROUP, LANES = CONV_LANES, ROWS = CONV_ROWS, ROWS_ONE = CONV_ROWS_ONE };

/* Four numbers that lie side by side, at once; and multiply-adds that round once, where the machine has them. */
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#  define SHARED real *
   struct alignas(16) four { real x, y, z, w; };
#  define FOUR_AT(p) (*(const four *)(const void *)(p))
#elif defined(CONVIS_GPU)
#  define SHARED __local real *
typedef float4 four;
#  define FOUR_AT(p) (*(const __local four *)(p))
#else
#  define SHARED real *
   typedef struct four { real x, y, z, w; } four;
#  define FOUR_AT(p) (*(const four *)(const void *)(p))
#endif
#if defined(__CUDA_ARCH__)
#  define FUSED(a, b, c) __fmaf_rn(a, b, c)
   /* Two groups on each processor: one computes while the other one loads. */
extern "C" __global__ void __launch_bounds__(256, 2)
    conv_gpu_eight(void *, void *, void *, void *, void *, const conv_pass_args, CONVIS_TAIL);
extern "C" __global__ void __launch_bounds__(256, 2)
    conv_gpu_weights(void *, void *, void *, void *, const conv_gradient_args, CONVIS_TAIL);
#elif defined(FP_FAST_FMAF)
#  define FUSED(a, b, c) fma(a, b, c)
#else
#  define FUSED(a, b, c) ((a)*(b) + (c))
#endif
#define ALIGNED(p) ((p) + (integer)((4 - ((u32)(unsigned long)(p) >> 2 & 3)) & 3))

CONVIS_INLINE integer least(integer a, integer b) { return a < b ? a : b; }
CONVIS_INLINE integer most(integer a, integer b)  { return a > b ? a : b; }

/* Where a group works: its tile, destinations from `to` on of batch b and group g, frames from `first` on. */
typedef struct place { integer u, v, to, b, g, first; } place;

CONVIS_INLINE place place_of(conv_shape z, conv_tiling tiling, integer width, integer lanes, integer nt)
{
    integer group = CONVIS_WORKGROUP, across = (z.dst_w + width - 1)/width, down = tiling.tiles, hop = z.hop_t;
    integer blocks = tiling.blocks, batch = z.batch, groups = z.groups;
    place p;
    p.u = group%across*width;
    group /= across;
    p.v = group%down*tiling.tile_h;
    group /= down;
    p.to = group%blocks;
    group /= blocks;
    p.b = group%batch;
    group /= batch;
    p.g = group%groups;
    group /= groups;
    if (lanes > 1 && z.in_time) {
        integer apart = least(hop, nt);
        p.first = group%apart + group/apart*hop*lanes;
    } else {
        p.to *= lanes;
        p.first = group;
    }
    return p;
}

/* Rows and columns of the padded source from (v, u) on, to a tile. */
CONVIS_INLINE void load_tile(SHARED to, conv_shape z, INDEX maps, IN map, integer v, integer u, integer rows, integer columns,
                             integer pitch, integer log_width)
{
    INDEX from_x = maps + z.padded_h;
    integer w = z.src_w, lane = CONVIS_MEMBER & ((1 << log_width) - 1), line = CONVIS_MEMBER >> log_width;
    rows = least(rows, z.padded_h - v);
    for (integer r = line; r < rows; r += GROUP_SIZE >> log_width) {
        integer y = maps[v + r];
        for (integer c = lane; c < columns; c += 1 << log_width) {
            integer x = u + c < z.padded_w ? from_x[u + c] : -1;
            to[r*pitch + c] = y < 0 || x < 0 ? R(0.0) : map[y*w + x];
        }
    }
}

/* The weight at place 0 of a kernel of destination d and source i of a group, and the distances of its frames, rows, columns, and of the
 * next destination's. */
typedef struct kernel_at { integer at, t, y, x, next; } kernel_at;
CONVIS_INLINE kernel_at kernel_of(conv_shape z, integer g, integer d, integer i)
{
    integer area = z.kernel_y*z.kernel_x, taps = z.kernel_t*area, pairs = z.src*z.dst;
    kernel_at k;
    if (z.turned) {
        k.at = (g*pairs + i*z.dst + d)*taps + taps - 1;
        k.t = -area;
        k.y = -z.kernel_x;
        k.x = -1;
        k.next = taps;
    } else {
        k.at = (g*pairs + d*z.src + i)*taps;
        k.t = area;
        k.y = z.kernel_x;
        k.x = 1;
        k.next = z.src*taps;
    }
    return k;
}

/* Taps of one plane for lanes A..B-1: down each column, with the rows that the next tap needs, too, where they are the next. */
#define ADD_TAPS(A, B)                                                                                              \
    for (integer a = 0; a < taps_x; a++) {                                                                          \
        SHARED column = pixels + a*hop_x;                                                                           \
        SHARED weight = weights + a*taps_y*LANES;                                                                   \
        if (slides) {                                                                                               \
            real x0 = column[0], x1 = column[pitch], x2 = column[2*pitch];                                          \
            for (integer b = 0; b < taps_y; b++) {                                                                  \
                real x3 = column[(b + 3)*pitch];                                                                    \
                ADD_TAP(A, B)                                                                                       \
                x0 = x1;                                                                                            \
                x1 = x2;                                                                                            \
                x2 = x3;                                                                                            \
            }                                                                                                       \
        } else                                                                                                      \
            for (integer b = 0; b < taps_y; b++) {                                                                  \
                SHARED row = column + b*hop_y;                                                                      \
                real x0 = row[0], x1 = row[step], x2 = row[2*step], x3 = row[3*step];                               \
                ADD_TAP(A, B)                                                                                       \
            }                                                                                                       \
    }
#define ADD_TAP(A, B)                                                                                               \
    {                                                                                                               \
        if (A == 0) { four v = FOUR_AT(weight + b*LANES);     ADD_LANE(0, v.x) ADD_LANE(1, v.y) ADD_LANE(2, v.z) ADD_LANE(3, v.w) } \
        if (B == 8) { four v = FOUR_AT(weight + b*LANES + 4); ADD_LANE(4, v.x) ADD_LANE(5, v.y) ADD_LANE(6, v.z) ADD_LANE(7, v.w) } \
    }
#define ADD_LANE(s, w)                                                                                              \
    part[s][0] = FUSED(w, x0, part[s][0]);                                                                          \
    part[s][1] = FUSED(w, x1, part[s][1]);                                                                          \
    part[s][2] = FUSED(w, x2, part[s][2]);                                                                          \
    part[s][3] = FUSED(w, x3, part[s][3]);

/* All kernels of a pass: nt frames. maps: where each row of the padded source comes from (-1: nowhere), and each column. start: of each
 * destination, or NULL. */
CONVIS_GPU_KERNEL_OF(conv_pass_args, conv_gpu_eight, CONV_SHARED, INDEX maps, PARAM w, PARAM start, IN x, OUT y)
{
    conv_shape z = args.shape;
    conv_tiling tiling = args.tiling;
    integer lo = args.lo, hi = args.hi;
    integer log_width = z.log_width, width = 1 << log_width, lane = CONVIS_MEMBER & (width - 1);
    integer line = CONVIS_MEMBER >> log_width, tile_h = tiling.tile_h;
    integer in_time = z.in_time, taps = z.kernel_t, ky = z.kernel_y, kx = z.kernel_x;
    integer sources = z.src, destinations = z.dst, hop_t = z.hop_t, hop_x = z.hop_x;
    integer pitch = tiling.pitch, plane = tiling.plane, most_y = tiling.taps_y, most_x = tiling.taps_x;
    integer hop_y = z.hop_y*pitch, stride_y = z.stride_y, stride_x = z.stride_x, step = stride_y*pitch;
    integer slides = step == pitch && hop_y == pitch, each = taps + (in_time ? LANES - 1 : 0), planes = sources*each;
    integer together = tiling.planes, room = most_y*most_x*LANES, dst_h = z.dst_h, dst_w = z.dst_w;
    integer src_n = z.src_h*z.src_w, src_all = z.groups*sources, dst_all = z.groups*destinations;
    place p = place_of(z, tiling, width, LANES, nt);
    /* The last lane that exists, and the first frame of the source that the first lane reads. */
    integer last =
        in_time ? least(LANES - 1, p.first < nt ? (nt - 1 - p.first)/hop_t : -1) : least(LANES - 1, destinations - 1 - p.to);
    integer source_frame = args.first + p.first + z.offset, idle = p.v + line*ROWS >= dst_h || line*ROWS >= tile_h;
    real part[LANES][ROWS], total[LANES][ROWS];
    SHARED tiles = ALIGNED(shared);
    for (int s = 0; s < LANES; s++)
        for (int r = 0; r < ROWS; r++) {
            integer to = p.g*destinations + p.to + (in_time ? 0 : least(s, most(last, 0)));
            total[s][r] = start ? start[to] : R(0.0);
            part[s][r] = 0;
        }
    for (integer q0 = 0; q0 < planes; q0 += together)
        for (integer b0 = 0; b0 < ky; b0 += most_y)
            for (integer a0 = 0; a0 < kx; a0 += most_x) {
                integer taps_y = least(most_y, ky - b0), taps_x = least(most_x, kx - a0), area = taps_y*taps_x;
                integer rows = (tile_h - 1)*stride_y + (taps_y - 1)*z.hop_y + 1;
                integer columns = (width - 1)*stride_x + (taps_x - 1)*hop_x + 1;
                CONVIS_BARRIER;
                for (integer q = q0; q < least(planes, q0 + together); q++) {
                    integer i = q/each, m = q%each, f = source_frame + m*hop_t, at = (q - q0)*(plane + room);
                    if (f < lo || f >= hi) continue;
                    load_tile(tiles + at, z, maps, x + ((f*z.batch + p.b)*src_all + p.g*sources + i)*src_n,
                              p.v*stride_y + b0*z.hop_y, p.u*stride_x + a0*hop_x, rows, columns, pitch, log_width);
                    kernel_at o = kernel_of(z, p.g, p.to, i);
                    o.at += b0*o.y + a0*o.x;
#ifdef CONVIS_GPU
#pragma unroll 1
#endif
                    for (integer e = CONVIS_MEMBER; e < area*LANES; e += GROUP_SIZE) {
                        integer s = e & (LANES - 1), tap = e >> 3, b = tap/taps_x, a = tap - b*taps_x, k = in_time ? m - s : m;
                        integer from = o.at + k*o.t + b*o.y + a*o.x + (in_time ? 0 : s*o.next);
                        tiles[at + plane + (a*taps_y + b)*LANES + s] = s <= last && k >= 0 && k < taps ? w[from] : R(0.0);
                    }
                }
                CONVIS_BARRIER;
                for (integer q = q0; q < least(planes, q0 + together); q++) {
                    integer m = q%each, f = source_frame + m*hop_t, at = (q - q0)*(plane + room);
                    integer from = in_time ? most(0, m - taps + 1) : 0, to = in_time ? least(last, m) : last;
                    if (idle || from > to || f < lo || f >= hi) continue;
                    SHARED pixels = tiles + at + line*ROWS*step + lane*stride_x;
                    SHARED weights = tiles + at + plane;
                    if (from < 4 && to >= 4) { ADD_TAPS(0, 8) }
                    else if (from < 4)       { ADD_TAPS(0, 4) }
                    else                     { ADD_TAPS(4, 8) }
                    if (b0 + taps_y < ky || a0 + taps_x < kx) continue;
                    for (int s = 0; s < LANES; s++)
                        for (int r = 0; r < ROWS; r++) {
                            if (s >= from && s <= to) total[s][r] += part[s][r];
                            part[s][r] = 0;
                        }
                }
            }
    for (int s = 0; s < LANES; s++)
        for (int r = 0; r < ROWS; r++) {
            integer v = p.v + line*ROWS + r, u = p.u + lane, t = p.first + (in_time ? s*hop_t : 0), to = p.to + (in_time ? 0 : s);
            integer at = (((t*z.batch + p.b)*dst_all + p.g*destinations + to)*dst_h + v)*dst_w + u;
            if (s <= last && !idle && v < dst_h && u < dst_w) y[at] = (args.add ? y[at] : R(0.0)) + total[s][r];
        }
}

/* One frame of one channel. */
CONVIS_GPU_KERNEL_OF(conv_pass_args, conv_gpu_one, CONV_SHARED, INDEX maps, PARAM w, PARAM start, IN x, OUT y)
{
    conv_shape z = args.shape;
    conv_tiling tiling = args.tiling;
    integer lo = args.lo, hi = args.hi;
    integer log_width = z.log_width, width = 1 << log_width, lane = CONVIS_MEMBER & (width - 1);
    integer line = CONVIS_MEMBER >> log_width, tile_h = tiling.tile_h;
    integer taps = z.kernel_t, ky = z.kernel_y, kx = z.kernel_x, sources = z.src;
    integer destinations = z.dst, hop_t = z.hop_t, hop_x = z.hop_x, pitch = tiling.pitch;
    integer plane = tiling.plane, most_y = tiling.taps_y, most_x = tiling.taps_x, together = tiling.planes;
    integer hop_y = z.hop_y*pitch, stride_y = z.stride_y, stride_x = z.stride_x, step = stride_y*pitch;
    integer planes = sources*taps, room = most_y*most_x, dst_h = z.dst_h, dst_w = z.dst_w;
    integer src_n = z.src_h*z.src_w, src_all = z.groups*sources, dst_all = z.groups*destinations;
    place p = place_of(z, tiling, width, 1, nt);
    integer source_frame = args.first + p.first + z.offset, idle = p.v + line*ROWS_ONE >= dst_h || line*ROWS_ONE >= tile_h;
    real part[ROWS_ONE], total[ROWS_ONE];
    for (int r = 0; r < ROWS_ONE; r++) {
        total[r] = start ? start[p.g*destinations + p.to] : R(0.0);
        part[r] = 0;
    }
    for (integer q0 = 0; q0 < planes; q0 += together)
        for (integer b0 = 0; b0 < ky; b0 += most_y)
            for (integer a0 = 0; a0 < kx; a0 += most_x) {
                integer taps_y = least(most_y, ky - b0), taps_x = least(most_x, kx - a0), area = taps_y*taps_x;
                integer rows = (tile_h - 1)*stride_y + (taps_y - 1)*z.hop_y + 1;
                integer columns = (width - 1)*stride_x + (taps_x - 1)*hop_x + 1;
                CONVIS_BARRIER;
                for (integer q = q0; q < least(planes, q0 + together); q++) {
                    integer i = q/taps, k = q%taps, f = source_frame + k*hop_t, at = (q - q0)*(plane + room);
                    kernel_at o = kernel_of(z, p.g, p.to, i);
                    if (f < lo || f >= hi) continue;
                    load_tile(shared + at, z, maps, x + ((f*z.batch + p.b)*src_all + p.g*sources + i)*src_n,
                              p.v*stride_y + b0*z.hop_y, p.u*stride_x + a0*hop_x, rows, columns, pitch, log_width);
                    for (integer e = CONVIS_MEMBER; e < area; e += GROUP_SIZE) {
                        integer b = e/taps_x, a = e%taps_x;
                        shared[at + plane + a*taps_y + b] = w[o.at + k*o.t + (b0 + b)*o.y + (a0 + a)*o.x];
                    }
                }
                CONVIS_BARRIER;
                for (integer q = q0; q < least(planes, q0 + together); q++) {
                    integer f = source_frame + q%taps*hop_t, at = (q - q0)*(plane + room);
                    if (idle || f < lo || f >= hi) continue;
                    SHARED weight = shared + at + plane;
                    for (integer a = 0; a < taps_x; a++) {
                        SHARED column = shared + at + line*ROWS_ONE*step + lane*stride_x + a*hop_x;
                        if (step == pitch && hop_y == pitch) {
                            real x0 = column[0], x1 = column[pitch], x2 = column[2*pitch], x3 = column[3*pitch];
                            real x4 = column[4*pitch], x5 = column[5*pitch], x6 = column[6*pitch];
                            for (integer b = 0; b < taps_y; b++) {
                                real x7 = column[(b + 7)*pitch], g = *weight++;
                                part[0] = FUSED(g, x0, part[0]); x0 = x1;
                                part[1] = FUSED(g, x1, part[1]); x1 = x2;
                                part[2] = FUSED(g, x2, part[2]); x2 = x3;
                                part[3] = FUSED(g, x3, part[3]); x3 = x4;
                                part[4] = FUSED(g, x4, part[4]); x4 = x5;
                                part[5] = FUSED(g, x5, part[5]); x5 = x6;
                                part[6] = FUSED(g, x6, part[6]); x6 = x7;
                                part[7] = FUSED(g, x7, part[7]);
                            }
                        } else
                            for (integer b = 0; b < taps_y; b++) {
                                real g = *weight++;
                                for (int r = 0; r < ROWS_ONE; r++) part[r] = FUSED(g, column[b*hop_y + r*step], part[r]);
                            }
                    }
                    if (b0 + taps_y < ky || a0 + taps_x < kx) continue;
                    for (int r = 0; r < ROWS_ONE; r++) {
                        total[r] += part[r];
                        part[r] = 0;
                    }
                }
            }
    for (int r = 0; r < ROWS_ONE; r++) {
        integer v = p.v + line*ROWS_ONE + r, u = p.u + lane;
        integer at = (((p.first*z.batch + p.b)*dst_all + p.g*destinations + p.to)*dst_h + v)*dst_w + u;
        if (!idle && v < dst_h && u < dst_w) y[at] = (args.add ? y[at] : R(0.0)) + total[r];
    }
}

/* n outputs. */
CONVIS_KERNEL_OF(conv_pass_args, conv_gpu_plain, INDEX maps, PARAM w, PARAM start, IN x, OUT y)
{
    conv_shape z = args.shape;
    INDEX from_x = maps + z.padded_h;
    integer dst_h = z.dst_h, dst_w = z.dst_w, destinations = z.dst, sources = z.src;
    integer dst_all = z.groups*destinations, src_all = z.groups*sources, batch = z.batch;
    integer src_w = z.src_w, src_n = z.src_h*src_w, taps = z.kernel_t;
    CONVIS_PIXELS(i) {
        integer u = i%dst_w, v = i/dst_w%dst_h, plane = i/(dst_w*dst_h), o = plane%dst_all, b = plane/dst_all%batch;
        integer g = o/destinations, source_frame = args.first + plane/(dst_all*batch) + z.offset;
        real total = start ? start[o] : R(0.0);
        for (integer c = 0; c < sources; c++)
            for (integer k = 0; k < taps; k++) {
                kernel_at q = kernel_of(z, g, o%destinations, c);
                integer f = source_frame + k*z.hop_t;
                if (f < args.lo || f >= args.hi) continue;
                IN map = x + ((f*batch + b)*src_all + g*sources + c)*src_n;
                real part = 0;
                for (integer a = 0; a < z.kernel_x; a++)
                    for (integer e = 0; e < z.kernel_y; e++) {
                        integer sy = maps[v*z.stride_y + e*z.hop_y];
                        integer sx = from_x[u*z.stride_x + a*z.hop_x];
                        if (sy >= 0 && sx >= 0) part = FUSED(w[q.at + k*q.t + e*q.y + a*q.x], map[sy*src_w + sx], part);
                    }
                total += part;
            }
        y[i] = (args.add ? y[i] : R(0.0)) + total;
    }
}

/* Padded planes, added to where they came from. places: for each row where its places begin in the list of them, for each column; both
 * lists. */
CONVIS_KERNEL_OF(conv_fold_args, conv_gpu_fold, INDEX places, IN padded, STATE map)
{
    integer h = args.h, w = args.w, ph = args.padded_h, pw = args.padded_w;
    INDEX begin_x = places + h + 1;
    INDEX list_y = begin_x + w + 1;
    INDEX list_x = list_y + ph;
    CONVIS_PIXELS(i) {
        integer x = i%w, y = i/w%h, base = i/(w*h)*ph*pw;
        real sum = 0;
        for (integer j = places[y]; j < places[y + 1]; j++)
            for (integer k = begin_x[x]; k < begin_x[x + 1]; k++)
                sum += padded[base + list_y[j]*pw + list_x[k]];
        map[i] += sum;
    }
}

/* ---- The kernel's gradient ---- */

/* Of nt frames: part[share][weight], a group to each share of the frames and piece of the kernel. The shape is that of the forward pass. */
CONVIS_GPU_KERNEL_OF(conv_gradient_args, conv_gpu_weights, CONV_SHARED, INDEX maps, IN x, IN g, OUT parts)
{
    conv_shape z = args.shape;
    conv_gradient_tiling tiling = args.tiling;
    integer shares = args.shares;
    integer log_width = tiling.log_width, width = 1 << log_width, lane = CONVIS_MEMBER & (width - 1);
    integer line = CONVIS_MEMBER >> log_width;
    integer in_time = tiling.in_time, taps = z.kernel_t, ky = z.kernel_y, kx = z.kernel_x;
    integer inputs = z.src, outputs = z.dst, groups = z.groups, batch = z.batch;
    integer hop_t = z.hop_t, stride_y = z.stride_y, stride_x = z.stride_x, pitch = tiling.pitch;
    integer plane = tiling.plane, rows = tiling.rows, apart = tiling.apart, dst_h = z.dst_h;
    integer dst_w = z.dst_w, src_n = z.src_h*z.src_w, pixels = rows << log_width;
    integer blocks_y = (ky + tiling.taps_y - 1)/tiling.taps_y;
    integer blocks_x = (kx + tiling.taps_x - 1)/tiling.taps_x;
    /* This group's piece: inputs input.., taps (b0.., a0..), and eight frames of the kernel from k0 on, or outputs from o0 on. */
    integer workgroup = CONVIS_WORKGROUP, share = workgroup%shares, piece = workgroup/shares, block = piece%tiling.blocks,
            most_i = tiling.inputs;
    integer a0 = block%blocks_x*tiling.taps_x, b0 = block/blocks_x%blocks_y*tiling.taps_y;
    integer input = block/(blocks_x*blocks_y)*most_i, eights = tiling.eights;
    integer eight = piece/tiling.blocks%eights, other = piece/tiling.blocks/eights;
    integer k0 = in_time ? eight*LANES : other%taps, o0 = in_time ? other%outputs : eight*LANES,
            group = other/(in_time ? outputs : taps);
    integer taps_y = least(tiling.taps_y, ky - b0), taps_x = least(tiling.taps_x, kx - a0);
    integer sources = least(most_i, inputs - input), area = taps_y*taps_x, columns = sources*area;
    integer lanes = least(LANES, in_time ? taps - k0 : outputs - o0), late = (taps - 1 - k0)*hop_t;
    /* Its frames, as the first lane's gradients count them, and tiles. */
    integer across = (dst_w + width - 1)/width, tiles = across*tiling.tiles, count = nt + (in_time ? (lanes - 1)*hop_t : 0);
    integer own = CONVIS_MEMBER%apart, sub = CONVIS_MEMBER/apart, subs = GROUP_SIZE/apart, offset[ROWS];
    real part[LANES][ROWS], total[LANES][ROWS];
    SHARED gs = ALIGNED(shared);
    SHARED xs = gs + pixels*LANES;
    for (int r = 0; r < ROWS; r++) {
        integer c = least(own + r*apart, columns - 1), tap = c%area;
        offset[r] = c/area*plane + tap/taps_x*z.hop_y*pitch + tap%taps_x*z.hop_x;
        for (int s = 0; s < LANES; s++) total[s][r] = 0;
    }
    for (integer item = share; item < count*batch*tiles; item += shares) {
        integer tile = item%tiles, b = item/tiles%batch, f = item/(tiles*batch), v = tile/across*rows, u = tile%across*width;
        CONVIS_BARRIER;
        if (CONVIS_MEMBER < pixels) {
            for (int s = 0; s < LANES; s++) {
                integer t = f - (in_time ? s*hop_t : 0), o = group*outputs + o0 + (in_time ? 0 : s);
                gs[CONVIS_MEMBER*LANES + s] = s < lanes && t >= 0 && t < nt && v + line < dst_h && u + lane < dst_w
                    ? g[(((t*batch + b)*groups*outputs + o)*dst_h + v + line)*dst_w + u + lane] : R(0.0);
            }
        }
        for (integer i = 0; i < sources; i++)
            load_tile(xs + i*plane, z, maps, x + (((f - late)*batch + b)*groups*inputs + group*inputs + input + i)*src_n,
                      v*stride_y + b0*z.hop_y, u*stride_x + a0*z.hop_x,
                      (rows - 1)*stride_y + (taps_y - 1)*z.hop_y + 1, (width - 1)*stride_x + (taps_x - 1)*z.hop_x + 1,
                      pitch, log_width);
        CONVIS_BARRIER;
        if (sub < subs) {
            integer end = least(rows, dst_h - v) << log_width;
            for (int s = 0; s < LANES; s++) for (int r = 0; r < ROWS; r++) part[s][r] = 0;
            for (integer e = sub; e < end; e += subs) {
                SHARED at = xs + (e >> log_width)*stride_y*pitch + (e & (width - 1))*stride_x;
                four q = FOUR_AT(gs + e*LANES);
                real x0 = at[offset[0]], x1 = at[offset[1]], x2 = at[offset[2]], x3 = at[offset[3]];
                ADD_LANE(0, q.x) ADD_LANE(1, q.y) ADD_LANE(2, q.z) ADD_LANE(3, q.w)
                if (lanes > 4) {
                    q = FOUR_AT(gs + e*LANES + 4);
                    ADD_LANE(4, q.x) ADD_LANE(5, q.y) ADD_LANE(6, q.z) ADD_LANE(7, q.w)
                }
            }
            for (int s = 0; s < LANES; s++) for (int r = 0; r < ROWS; r++) total[s][r] += part[s][r];
        }
    }
    for (int s = 0; s < LANES; s++) {
        CONVIS_BARRIER;
        if (sub < subs) for (int r = 0; r < ROWS; r++) shared[(sub*ROWS + r)*apart + own] = total[s][r];
        CONVIS_BARRIER;
        if (s >= lanes) continue;
        for (integer c = CONVIS_MEMBER; c < columns; c += GROUP_SIZE) {
            integer tap = c%area, k = k0 + (in_time ? s : 0), o = group*outputs + o0 + (in_time ? 0 : s);
            real sum = 0;
            for (integer j = 0; j < subs; j++) sum += shared[j*ROWS*apart + c];
            parts[share*(groups*outputs*inputs*taps*ky*kx) + ((o*inputs + input + c/area)*taps + k)*ky*kx + (b0 + tap/taps_x)*kx
                  + a0 + tap%taps_x] = sum;
        }
    }
}

/* What all members have, in `shared`. */
CONVIS_INLINE real sum_of_group(CONVIS_SHARED_, real mine)
{
    CONVIS_BARRIER;
    shared[CONVIS_MEMBER] = mine;
    CONVIS_BARRIER;
    for (integer step = GROUP_SIZE/2; step > 0; step /= 2) {
        if (CONVIS_MEMBER < step) shared[CONVIS_MEMBER] += shared[CONVIS_MEMBER + step];
        CONVIS_BARRIER;
    }
    return shared[0];
}

/* The same for what does not fit: a group for each weight. */
CONVIS_GPU_KERNEL_OF(conv_gradient_args, conv_gpu_weight, CONV_GROUP, INDEX maps, IN x, IN g, OUT parts)
{
    conv_shape z = args.shape;
    INDEX from_x = maps + z.padded_h;
    integer kx = z.kernel_x, ky = z.kernel_y, taps = z.kernel_t, at = CONVIS_WORKGROUP, a = at%kx, b = at/kx%ky;
    integer k = at/(kx*ky)%taps, inputs = z.src, i = at/(kx*ky*taps)%inputs, o = at/(kx*ky*taps)/inputs;
    integer src_w = z.src_w, src_n = z.src_h*src_w, dst_w = z.dst_w, dst_n = z.dst_h*dst_w;
    integer batch = z.batch, outputs = z.groups*z.dst, all = z.groups*inputs;
    integer from = o/z.dst*inputs + i;
    real total = 0;
    for (integer t = 0; t < nt*batch; t++) {
        integer f = t/batch - (taps - 1 - k)*z.hop_t;
        real part = 0;
        for (integer e = CONVIS_MEMBER; e < dst_n; e += GROUP_SIZE) {
            integer y = maps[e/dst_w*z.stride_y + b*z.hop_y];
            integer u = from_x[e%dst_w*z.stride_x + a*z.hop_x];
            if (y >= 0 && u >= 0)
                part = FUSED(g[(t*outputs + o)*dst_n + e], x[((f*batch + t%batch)*all + from)*src_n + y*src_w + u],
                             part);
        }
        total += part;
    }
    total = sum_of_group(shared, total);
    if (!CONVIS_MEMBER) parts[at] = total;
}

/* Sums over all pixels of nt maps of each output, of n pixels: part[share][output]. */
CONVIS_GPU_KERNEL_OF(conv_bias_args, conv_gpu_bias, CONV_GROUP, IN g, OUT parts)
{
    integer channels = args.outputs, o = CONVIS_WORKGROUP%channels, share = CONVIS_WORKGROUP/channels;
    real total = 0;
    for (integer t = share; t < nt; t += args.shares) {
        real part = 0;
        for (integer e = CONVIS_MEMBER; e < n; e += GROUP_SIZE) part += g[(t*channels + o)*n + e];
        total += part;
    }
    total = sum_of_group(shared, total);
    if (!CONVIS_MEMBER) parts[share*channels + o] = total;
}

/* nt parts of n numbers each, added to these: 32 numbers a group, 8 members a number. */
CONVIS_GPU_KERNEL(conv_gpu_gather, CONV_GROUP, IN parts, TOTAL values)
{
    integer i = CONVIS_WORKGROUP*32 + (CONVIS_MEMBER & 31);
    real sum = 0;
    for (integer j = CONVIS_MEMBER >> 5; j < nt; j += 8) sum += i < n ? parts[j*n + i] : R(0.0);
    shared[CONVIS_MEMBER] = sum;
    CONVIS_BARRIER;
    if (CONVIS_MEMBER >= 32 || i >= n) return;
    sum = 0;
    for (int j = 0; j < 8; j++) sum += shared[CONVIS_MEMBER + 32*j];
    values[i] += sum;
}

CONVIS_EXPORT_GPU(conv_gpu, CONVIS_GPU_ENTRY(conv_gpu_eight) CONVIS_GPU_ENTRY(conv_gpu_one) CONVIS_ENTRY(conv_gpu_plain)
                                CONVIS_ENTRY(conv_gpu_fold) CONVIS_GPU_ENTRY(conv_gpu_weights) CONVIS_GPU_ENTRY(conv_gpu_weight)
                                    CONVIS_GPU_ENTRY(conv_gpu_bias) CONVIS_GPU_ENTRY(conv_gpu_gather))
