/* blur.c - coefficients of the blurs of blur.h, and their division among threads. */
#include "blur.h"
#include "base/context.h"
#include "device/device.h"
#include "engine/launch.h"
#include <math.h>
#include <string.h>

CONVIS_LADDER(convis_blur_kernels, convis_blur_lines)

static int64_t longer(int64_t w, int64_t h) { return w > h ? w : h; }

/* The struct, then for rows and columns up to six coefficients a place (or a pixel), with room to read a whole vector. */
static int64_t places(int64_t w, int64_t h, int varying) { return (varying ? w*h : longer(w, h)) + CONVIS_BLUR_LANES; }

size_t convis_blur_size(int64_t w, int64_t h, int varying)
{
    return (sizeof(convis_blur) + 63)/64*64 + (size_t)(12*places(w, h, varying))*sizeof(convis_real);
}

size_t convis_blur_scratch(const convis_pass *p)
{
    const int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    if (!convis_host_visible(p->context))
        return (size_t)(p->recording ? 2 : 1)*(size_t)convis_elements(p->out_shape)*sizeof(convis_real);
    return (size_t)p->threads*convis_blur_part(w, h)*sizeof(convis_real);
}

/* Growth of sigma with eccentricity (SPEC 2b): 1/d(r). */
static double growth(const convis_blur_spec *s, double x, double y)
{
    double r = sqrt(x*x + y*y)/s->ppd;
    return s->scaling <= 0 || r <= s->radius ? 1 : 1 + s->scaling*(r - s->radius);
}

/* A line of places: where it begins, relative to the centre, and where it goes; and its steps in memory. */
typedef struct line { double x, y, dx, dy; int64_t length, stride; } line;

/* m and c of a reflecting tridiagonal line, in double because 1 + 2L - L c cancels for large L. */
static void diffusion_line(const convis_blur_spec *s, int steps, line at, convis_real *m, convis_real *c)
{
    double sigma = s->sigma*s->ppd, before = 0;
    for (int64_t i = 0; i < at.length; i++) {
        double g = growth(s, at.x + (double)i*at.dx, at.y + (double)i*at.dy), lambda = sigma*sigma*g*g/(2*steps);
        double scale = 1/(1 + lambda*((i > 0) + (i < at.length - 1)) - lambda*before);
        before = lambda*scale;
        c[i*at.stride] = (convis_real)before;
        m[i*at.stride] = (convis_real)scale;
    }
}

/* Rounding m and c to single precision must not leak: m makes a constant stay constant, given the rounded c. */
static void conserve(convis_real *m, const convis_real *c, int64_t length, int64_t stride)
{
    double f = 0;                       /* the forward response to a constant 1 */
    for (int64_t i = 0; i < length; i++) {
        double exact = i < length - 1 ? 1 - (double)c[i*stride] : 1;
        m[i*stride] = (convis_real)fmax(exact - (double)c[i*stride]*f, 0);      /* and positive maps positive */
        f = (double)m[i*stride] + (double)c[i*stride]*f;
    }
}

static void deriche_coefficients(double alpha, double *a)
{
    double e = exp(-alpha), k = (1 - e)*(1 - e)/(1 + 2*alpha*e - e*e);
    a[0] = k;
    a[1] = k*e*(alpha - 1);
    a[2] = k*e*(alpha + 1);
    a[3] = -k*e*e;
    a[4] = 2*e;
    a[5] = -e*e;
}

static void prepare_diffusion(convis_blur *b, const convis_blur_spec *s)
{
    double cx = (double)(b->w - 1)/2, cy = (double)(b->h - 1)/2;
    int64_t lines_h = b->varying ? b->h : 1, lines_w = b->varying ? b->w : 1;
    for (int64_t y = 0; y < lines_h; y++) {
        line at = { -cx, (double)y - cy, 1, 0, b->w, lines_h };
        diffusion_line(s, b->steps, at, b->row[0] + y, b->row[1] + y);
        conserve(b->row[0] + y, b->row[1] + y, b->w, lines_h);
    }
    for (int64_t x = 0; x < lines_w; x++) {
        line at = { (double)x - cx, -cy, 0, 1, b->h, lines_w };
        diffusion_line(s, b->steps, at, b->column[0] + x, b->column[1] + x);
        conserve(b->column[0] + x, b->column[1] + x, b->h, lines_w);
    }
    if (!b->varying) return;
    b->weight = b->row[2];
    b->per_weight = b->column[2];
    for (int64_t y = 0; y < b->h; y++)
        for (int64_t x = 0; x < b->w; x++) {
            double g = growth(s, (double)x - cx, (double)y - cy);
            b->weight[y*b->w + x] = (convis_real)(g*g);
            b->per_weight[y*b->w + x] = (convis_real)(1/(g*g));
        }
}

static const double DERICHE_A = 1.695f;      /* VirtualRetina's constant is single precision */

static void prepare_deriche(convis_blur *b, const convis_blur_spec *s)
{
    double a[6];
    deriche_coefficients(DERICHE_A/(double)(convis_real)(s->sigma*s->ppd), a);
    for (int k = 0; k < 6; k++) b->row[k][0] = b->column[k][0] = (convis_real)a[k];
    b->end_forward  = (convis_real)((a[0] + a[1])/(1 - a[4] - a[5]));
    b->end_backward = (convis_real)((a[2] + a[3])/(1 - a[4] - a[5]));
}

static void prepare_deriche_radial(convis_blur *b, const convis_blur_spec *s)
{
    double a[6], cx = (double)(b->w - 1)/2, cy = (double)(b->h - 1)/2;
    for (int64_t y = 0; y < b->h; y++)
        for (int64_t x = 0; x < b->w; x++) {
            deriche_coefficients(DERICHE_A/(s->sigma*s->ppd*growth(s, (double)x - cx, (double)y - cy)), a);
            /* What rounding b1 and b2 does to the answer to a constant, where their sum comes close to 1, a0 ... a3 make up for. */
            double exact = 1 - a[4] - a[5], rounded = 1 - (double)(convis_real)a[4] - (double)(convis_real)a[5];
            for (int k = 0; k < 4; k++) a[k] *= rounded/exact;
            for (int k = 0; k < 6; k++) b->row[k][x*b->h + y] = b->column[k][y*b->w + x] = (convis_real)a[k];
        }
}

void convis_blur_prepare(convis_blur *b, convis_context *c, int64_t w, int64_t h, int varying, const convis_blur_spec *s)
{
    convis_real *at = (convis_real *)((char *)b + (sizeof *b + 63)/64*64);
    for (int k = 0; k < 6; k++) {
        b->row[k]    = at + (2*k)*places(w, h, varying);
        b->column[k] = at + (2*k + 1)*places(w, h, varying);
    }
    b->kernels = convis_best_of(c, convis_blur_lines_ladder);
    b->w = w;
    b->h = h;
    b->weight = b->per_weight = NULL;
    b->steps = s->steps ? s->steps : CONVIS_BLUR_STEPS;
    b->varying = varying && s->method != CONVIS_BLUR_DERICHE;
    b->method = s->method;
    /* VirtualRetina skips a uniform blur of less than a tenth of a pixel (CImg's rule, on the rounded value). */
    if (s->sigma <= 0 || (s->method == CONVIS_BLUR_DERICHE && (float)(s->sigma*s->ppd) < 0.1f)) b->method = CONVIS_BLUR_NONE;
    if (b->method == CONVIS_BLUR_DIFFUSION)      prepare_diffusion(b, s);
    if (b->method == CONVIS_BLUR_DERICHE)        prepare_deriche(b, s);
    if (b->method == CONVIS_BLUR_DERICHE_RADIAL) prepare_deriche_radial(b, s);
    convis_blur_device_prepare(b);
}

int convis_next_strip(const convis_pass *p, const convis_blur *b, int64_t *y0, int64_t *y1)
{
    int64_t end = convis_share(b->h, p->thread + 1, p->threads),
            lines = convis_host_visible(p->context) ? b->kernels->lanes : b->h;
    *y0 = *y1 < 0 ? convis_share(b->h, p->thread, p->threads) : *y1;
    *y1 = *y0 + lines < end ? *y0 + lines : end;
    return *y0 < end;
}

void convis_copy_rows(const convis_pass *p, const convis_real *from, convis_real *to)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y], n = convis_elements(p->out_shape);
    int64_t first = convis_share(h, p->thread, p->threads), end = convis_share(h, p->thread + 1, p->threads);
    if (!convis_host_visible(p->context)) convis_copy(p, to, from, n);
    else for (int64_t at = first*w; at < n; at += w*h) memcpy(to + at, from + at, (size_t)((end - first)*w)*sizeof *to);
}

void convis_blur_rows(const convis_pass *p, const convis_blur *b, const convis_real *in, convis_real *out, int64_t planes,
                      int64_t y0, int64_t y1, void *scratch)
{
    int64_t n = b->w*b->h;
    if (!convis_host_visible(p->context)) {
        convis_blur_on_device(p, b, 0, in, out, planes, scratch);
        return;
    }
    void *mine = (convis_real *)scratch + (size_t)p->thread*convis_blur_part(b->w, b->h);
    for (int64_t k = 0; k < planes; k++) {
        if (b->method != CONVIS_BLUR_NONE) b->kernels->rows(b, in + k*n, out + k*n, y0, y1, mine);
        else if (in != out) memcpy(out + k*n + y0*b->w, in + k*n + y0*b->w, (size_t)((y1 - y0)*b->w)*sizeof *out);
    }
}

void convis_blur_columns(const convis_pass *p, const convis_blur *b, convis_real *map, int64_t planes, void *scratch)
{
    int64_t n = b->w*b->h, x0 = convis_share(b->w, p->thread, p->threads), x1 = convis_share(b->w, p->thread + 1, p->threads);
    void *mine = (convis_real *)scratch + (size_t)p->thread*convis_blur_part(b->w, b->h);
    if (b->method == CONVIS_BLUR_NONE) return;
    if (!convis_host_visible(p->context)) convis_blur_on_device(p, b, 1, map, map, planes, scratch);
    else for (int64_t k = 0; k < planes; k++) b->kernels->columns(b, map + k*n, map + k*n, x0, x1, mine);
}

void convis_blur_run(const convis_pass *p, const convis_blur *b, const convis_real *in, convis_real *out, int64_t planes,
                     void *scratch)
{
    convis_blur_rows(p, b, in, out, planes, convis_share(b->h, p->thread, p->threads),
                     convis_share(b->h, p->thread + 1, p->threads), scratch);
    convis_barrier(p);
    convis_blur_columns(p, b, out, planes, scratch);
    convis_barrier(p);
}
