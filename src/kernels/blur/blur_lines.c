/* blur_lines.c - the recursions of blur.h along many lines at once; compiled once per instruction set.
 *
 * Lines are independent, so a strip of them fills vector registers: neighbouring columns as they lie, rows after a
 * transposition into scratch memory that stays in the first-level cache. The order of operations on each line is the
 * same for every width, hence the same bits. */
#define CONVIS_VECTORS_OF_REALS
#include "blur.h"
#include "kernels/vectors.h"
#include <string.h>

enum { VECTORS = 4, LANES = WIDTH*VECTORS };

/* The coefficient of place i for vector j of the strip. */
INLINE vector coefficient(const real *c, int varying, int64_t stride, int64_t i, int j)
{
    return varying ? load(c + i*stride + j*WIDTH) : all(c[i]);
}

#define EACH for (int j = 0; j < VECTORS; j++)

/* ---- Diffusion: forward elimination f_i = m_i x_i + c_i f_{i-1}, back substitution u_i = f_i + c_i u_{i+1} ---- */

/* Between the first reading of `in` and the last writing of `out` the strip is in `s`, LANES apart: a map whose width is a
 * power of two would have all rows of a column in the same few lines of the cache. */
INLINE void diffuse(const real *in, int64_t in_stride, real *s, real *out, int64_t out_stride, int64_t length, int steps,
                    const real *m, const real *c, int varying, int64_t c_stride)
{
    for (int k = 0; k < steps; k++) {
        const real *x = k ? s : in;
        int64_t x_stride = k ? LANES : in_stride, y_stride = k < steps - 1 ? LANES : out_stride;
        real *y = k < steps - 1 ? s : out;
        vector f[VECTORS];
        EACH f[j] = all(0);
        for (int64_t i = 0; i < length; i++)
            EACH {
                f[j] = coefficient(m, varying, c_stride, i, j)*load(x + i*x_stride + j*WIDTH) +
                       coefficient(c, varying, c_stride, i, j)*f[j];
                store(s + i*LANES + j*WIDTH, f[j]);
            }
        EACH store(y + (length - 1)*y_stride + j*WIDTH, f[j]);
        for (int64_t i = length - 2; i >= 0; i--)
            EACH {
                f[j] = load(s + i*LANES + j*WIDTH) + coefficient(c, varying, c_stride, i, j)*f[j];
                store(y + i*y_stride + j*WIDTH, f[j]);
            }
    }
}

/* ---- Deriche, uniform: CImg's borders (SPEC 2a). c = a0 a1 a2 a3 b1 b2, one number each ----
 *
 * The forward recursion answers a constant x with F x, the backward one with G x, F + G = 1. What is computed is how far they are from
 * that, from differences of neighbours: a constant stays what it is, to the last bit, also where b1 + b2 comes close to 1. The place
 * before is added last, as each waits for it. */

INLINE void deriche(const convis_blur *b, const real *in, int64_t in_stride, real *s, int64_t stride, int64_t length, real *f)
{
    const real *const *c = (const real *const *)b->column;
    real F = b->end_forward, G = b->end_backward;
    vector b1 = all(c[4][0]), b2 = all(c[5][0]), f1 = all(F - c[0][0]), f2 = all(F*c[5][0]), g1 = all(G),
           g2 = all(c[3][0] + G*c[5][0]);
    vector x1[VECTORS], d1[VECTORS], y1[VECTORS], y2[VECTORS];
    EACH { x1[j] = load(in + j*WIDTH); d1[j] = y1[j] = y2[j] = all(0); }
    for (int64_t i = 0; i < length; i++)
        EACH {
            vector x = load(in + i*in_stride + j*WIDTH), d = x1[j] - x, y = ((f1*d + f2*d1[j]) + b2*y2[j]) + b1*y1[j];
            store(f + i*LANES + j*WIDTH, y);
            x1[j] = x; d1[j] = d; y2[j] = y1[j]; y1[j] = y;
        }
    EACH { x1[j] = load(in + (length - 1)*in_stride + j*WIDTH); d1[j] = y1[j] = y2[j] = all(0); }
    for (int64_t i = length - 1; i >= 0; i--)
        EACH {
            vector x = load(in + i*in_stride + j*WIDTH), d = x1[j] - x, y = ((g1*d + g2*d1[j]) + b2*y2[j]) + b1*y1[j];
            store(s + i*stride + j*WIDTH, x + (load(f + i*LANES + j*WIDTH) + y));
            x1[j] = x; d1[j] = d; y2[j] = y1[j]; y1[j] = y;
        }
}

/* ---- Deriche, radially varying, as VirtualRetina has it (SPEC 2b): coefficients at the output pixel; the backward
 * pass multiplies the present and the next pixel, where a correct one takes the next two ---- */

INLINE void deriche_radial(const real *in, int64_t in_stride, real *s, int64_t stride, int64_t length, real *const *c,
                           int64_t c_stride, real *f)
{
    vector x1[VECTORS], y1[VECTORS], y2[VECTORS], half = all((real)0.5);
    EACH { x1[j] = load(in + j*WIDTH); y1[j] = y2[j] = x1[j]*half; }
    for (int64_t i = 0; i < length; i++)
        EACH {
            vector x = load(in + i*in_stride + j*WIDTH);
            vector y = coefficient(c[0], 1, c_stride, i, j)*x + coefficient(c[1], 1, c_stride, i, j)*x1[j]
                     + coefficient(c[4], 1, c_stride, i, j)*y1[j] + coefficient(c[5], 1, c_stride, i, j)*y2[j];
            store(f + i*LANES + j*WIDTH, y);
            x1[j] = x; y2[j] = y1[j]; y1[j] = y;
        }
    EACH { x1[j] = load(in + (length - 1)*in_stride + j*WIDTH); y1[j] = y2[j] = x1[j]*half; }
    for (int64_t i = length - 1; i >= 0; i--)
        EACH {
            vector x = load(in + i*in_stride + j*WIDTH);
            vector y = coefficient(c[2], 1, c_stride, i, j)*x + coefficient(c[3], 1, c_stride, i, j)*x1[j]
                     + coefficient(c[4], 1, c_stride, i, j)*y1[j] + coefficient(c[5], 1, c_stride, i, j)*y2[j];
            store(s + i*stride + j*WIDTH, load(f + i*LANES + j*WIDTH) + y);
            x1[j] = x; y2[j] = y1[j]; y1[j] = y;
        }
}

/* ---- One strip of LANES lines, whatever the method. c: this strip's coefficients, c_stride 0 when uniform ---- */

static void strip(const convis_blur *b, const real *in, int64_t in_stride, real *out, int64_t stride, int64_t length,
                  real *const *c, int64_t c_stride, real *work)
{
    if (b->method == CONVIS_BLUR_DERICHE) deriche(b, in, in_stride, out, stride, length, work);
    else if (b->method == CONVIS_BLUR_DERICHE_RADIAL) deriche_radial(in, in_stride, out, stride, length, c, c_stride, work);
    else if (c_stride) diffuse(in, in_stride, work, out, stride, length, b->steps, c[0], c[1], 1, c_stride);
    else diffuse(in, in_stride, work, out, stride, length, b->steps, c[0], c[1], 0, 0);
}

/* Coefficients of the lines from `line` on. Rows and columns that are missing in a last, narrow strip repeat its
 * first ones: their results are never read. */
static int64_t place_coefficients(const convis_blur *b, real *const *from, int64_t line, int64_t lines, int64_t length,
                                  int64_t count, real **c, real *copy)
{
    for (int k = 0; k < 6; k++) c[k] = from[k];
    if (!b->varying) return 0;
    int used = b->method == CONVIS_BLUR_DIFFUSION ? 2 : 6;
    if (count == LANES) {
        for (int k = 0; k < used; k++) c[k] = from[k] + line;
        return lines;
    }
    for (int k = 0; k < used; k++, copy += length*LANES) {
        for (int64_t i = 0; i < length; i++)
            for (int64_t l = 0; l < LANES; l++) copy[i*LANES + l] = from[k][i*lines + line + (l < count ? l : 0)];
        c[k] = copy;
    }
    return LANES;
}

/* ---- Transposition in squares of WIDTH x WIDTH registers: log2(WIDTH) rounds of interleaving the upper half with the
 * lower ---- */

INLINE void interleave(vector a, vector b, vector *low, vector *high)
{
    lanes l, h;
    for (int k = 0; k < WIDTH; k++) {
        l[k] = k/2 + (k & 1 ? WIDTH : 0);
        h[k] = WIDTH/2 + k/2 + (k & 1 ? WIDTH : 0);
    }
#ifdef __clang__
    for (int k = 0; k < WIDTH; k++) {
        (*low)[k]  = l[k] < WIDTH ? a[l[k]] : b[l[k] - WIDTH];
        (*high)[k] = h[k] < WIDTH ? a[h[k]] : b[h[k] - WIDTH];
    }
#else
    *low  = __builtin_shuffle(a, b, l);
    *high = __builtin_shuffle(a, b, h);
#endif
}

#if defined(__AVX__) && !defined(__AVX512F__) && !defined(CONVIS_DOUBLE) && !defined(__clang__)
/* Eight by eight in half the shuffles, as unpacking stays within 128 bits. */
INLINE void transpose_registers(vector *r)
{
    const lanes low = { 0, 8, 1, 9, 4, 12, 5, 13 }, high = { 2, 10, 3, 11, 6, 14, 7, 15 };
    const lanes first = { 0, 1, 8, 9, 4, 5, 12, 13 }, second = { 2, 3, 10, 11, 6, 7, 14, 15 };
    const lanes lower = { 0, 1, 2, 3, 8, 9, 10, 11 }, upper = { 4, 5, 6, 7, 12, 13, 14, 15 };
    vector a[8], b[8];
    for (int k = 0; k < 8; k += 2) {
        a[k]     = __builtin_shuffle(r[k], r[k + 1], low);
        a[k + 1] = __builtin_shuffle(r[k], r[k + 1], high);
    }
    for (int k = 0; k < 8; k += 4)
        for (int h = 0; h < 2; h++) {
            b[k + 2*h]     = __builtin_shuffle(a[k + h], a[k + h + 2], first);
            b[k + 2*h + 1] = __builtin_shuffle(a[k + h], a[k + h + 2], second);
        }
    for (int k = 0; k < 4; k++) {
        r[k]     = __builtin_shuffle(b[k], b[k + 4], lower);
        r[k + 4] = __builtin_shuffle(b[k], b[k + 4], upper);
    }
}
#else
INLINE void transpose_registers(vector *r)
{
    vector q[WIDTH];
    for (int round = 1; round < WIDTH; round *= 2) {
        for (int k = 0; k < WIDTH/2; k++) interleave(r[k], r[k + WIDTH/2], &q[2*k], &q[2*k + 1]);
        for (int k = 0; k < WIDTH; k++) r[k] = q[k];
    }
}
#endif

INLINE void transpose_square(const real *from, int64_t from_stride, real *to, int64_t to_stride)
{
    vector r[WIDTH];
    for (int k = 0; k < WIDTH; k++) r[k] = load(from + k*from_stride);
    transpose_registers(r);
    for (int k = 0; k < WIDTH; k++) store(to + k*to_stride, r[k]);
}

/* `count` rows of `in` transposed into `s` ([x][lane]); missing rows repeat the first. */
static void transpose_in(const real *in, int64_t w, int64_t count, real *s)
{
    int64_t whole = count == LANES ? w - w%WIDTH : 0;
    for (int64_t x = 0; x < whole; x += WIDTH)
        for (int l = 0; l < LANES; l += WIDTH) transpose_square(in + l*w + x, w, s + x*LANES + l, LANES);
    for (int64_t l = 0; l < LANES; l++) {
        const real *row = in + (l < count ? l : 0)*w;
        for (int64_t x = whole; x < w; x++) s[x*LANES + l] = row[x];
    }
}

static void transpose_out(const real *s, int64_t w, int64_t count, real *out)
{
    int64_t whole = count == LANES ? w - w%WIDTH : 0;
    for (int64_t x = 0; x < whole; x += WIDTH)
        for (int l = 0; l < LANES; l += WIDTH) transpose_square(s + x*LANES + l, LANES, out + l*w + x, w);
    for (int64_t l = 0; l < count; l++)
        for (int64_t x = whole; x < w; x++) out[l*w + x] = s[x*LANES + l];
}

/* diffuse() on a whole strip of rows, transposed on input and output, so that the transposed strip exists only where it
 * must, between the first pass and the last. A cache line of each row is taken at once (SQUARES of them): in maps whose
 * width is a power of two, rows push each other out of the cache before the rest of them is read. */
enum { SQUARES = 64/VECTOR_BYTES, LINE = SQUARES*WIDTH };

INLINE void read_squares(const real *in, int64_t w, vector square[SQUARES][VECTORS][WIDTH])
{
    EACH {
        for (int i = 0; i < WIDTH; i++)
            for (int q = 0; q < SQUARES; q++) square[q][j][i] = load(in + (j*WIDTH + i)*w + q*WIDTH);
        for (int q = 0; q < SQUARES; q++) transpose_registers(square[q][j]);
    }
}

INLINE void write_squares(vector square[SQUARES][VECTORS][WIDTH], real *out, int64_t w)
{
    EACH {
        for (int q = 0; q < SQUARES; q++) transpose_registers(square[q][j]);
        for (int i = 0; i < WIDTH; i++)
            for (int q = 0; q < SQUARES; q++) store(out + (j*WIDTH + i)*w + q*WIDTH, square[q][j][i]);
    }
}

INLINE void diffuse_rows(const real *in, real *s, real *out, int64_t w, int steps, const real *m, const real *c, int varying,
                         int64_t c_stride)
{
    vector f[VECTORS], square[SQUARES][VECTORS][WIDTH];
    for (int k = 0; k < steps; k++) {
        EACH f[j] = all(0);
        for (int64_t x0 = 0; x0 < w; x0 += LINE) {
            if (!k) read_squares(in + x0, w, square);
            for (int i = 0; i < LINE; i++)
                EACH {
                    vector x = k ? load(s + (x0 + i)*LANES + j*WIDTH) : square[i/WIDTH][j][i%WIDTH];
                    f[j] = coefficient(m, varying, c_stride, x0 + i, j)*x + coefficient(c, varying, c_stride, x0 + i, j)*f[j];
                    store(s + (x0 + i)*LANES + j*WIDTH, f[j]);
                }
        }
        int last = k == steps - 1;
        for (int64_t x0 = w - LINE; x0 >= 0; x0 -= LINE) {
            for (int i = LINE - 1; i >= 0; i--)
                EACH {
                    if (x0 + i < w - 1)
                        f[j] = load(s + (x0 + i)*LANES + j*WIDTH) + coefficient(c, varying, c_stride, x0 + i, j)*f[j];
                    if (last) square[i/WIDTH][j][i%WIDTH] = f[j];
                    else store(s + (x0 + i)*LANES + j*WIDTH, f[j]);
                }
            if (last) write_squares(square, out + x0, w);
        }
    }
}

static void rows(const convis_blur *b, const convis_real *in, convis_real *out, int64_t y0, int64_t y1, void *scratch)
{
    real *s = scratch, *work = s + b->w*LANES, *copy = work + b->w*LANES, *c[6];
    for (int64_t y = y0; y < y1; y += LANES) {
        int64_t count = y1 - y < LANES ? y1 - y : LANES;
        int64_t stride = place_coefficients(b, b->row, y, b->h, b->w, count, c, copy);
        if (count == LANES && b->w%LINE == 0 && b->method == CONVIS_BLUR_DIFFUSION) {
            if (stride) diffuse_rows(in + y*b->w, work, out + y*b->w, b->w, b->steps, c[0], c[1], 1, stride);
            else        diffuse_rows(in + y*b->w, work, out + y*b->w, b->w, b->steps, c[0], c[1], 0, 0);
            continue;
        }
        transpose_in(in + y*b->w, b->w, count, s);
        strip(b, s, LANES, s, LANES, b->w, c, stride, work);
        transpose_out(s, b->w, count, out + y*b->w);
    }
}

static void columns(const convis_blur *b, const convis_real *in, convis_real *out, int64_t x0, int64_t x1, void *scratch)
{
    real *s = scratch, *work = s + b->h*LANES, *copy = work + b->h*LANES, *c[6];
    for (int64_t x = x0; x < x1; x += LANES) {
        int64_t count = x1 - x < LANES ? x1 - x : LANES;
        int64_t stride = place_coefficients(b, b->column, x, b->w, b->h, count, c, copy);
        if (count == LANES) {
            strip(b, in + x, b->w, out + x, b->w, b->h, c, stride, work);
            continue;
        }
        for (int64_t y = 0; y < b->h; y++)
            for (int64_t l = 0; l < LANES; l++) s[y*LANES + l] = in[y*b->w + x + (l < count ? l : 0)];
        strip(b, s, LANES, s, LANES, b->h, c, stride, work);
        for (int64_t y = 0; y < b->h; y++) memcpy(out + y*b->w + x, s + y*LANES, (size_t)count*sizeof *out);
    }
}

static void gradient(const convis_blur *blur, const convis_real *a, const convis_real *b, const convis_real *x, convis_real *to,
                     convis_real scale, int64_t x0, int64_t x1, int64_t y0, int64_t y1)
{
    const real *per = blur->per_weight;
    for (int64_t y = y0; y < y1; y++)
        if (per) for (int64_t i = y*blur->w + x0; i < y*blur->w + x1; i++) to[i] += scale*per[i]*(a[i] - b[i])*x[i];
        else     for (int64_t i = y*blur->w + x0; i < y*blur->w + x1; i++) to[i] += scale*(a[i] - b[i])*x[i];
}

CONVIS_ISA_TABLE(convis_blur_kernels, convis_blur_lines) = { CONVIS_ISA_NAME, LANES, rows, columns, gradient };
