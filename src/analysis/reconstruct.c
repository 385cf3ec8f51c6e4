/* reconstruct.c - the image that spikes show (VirtualRetina's ReconstructRetina), one frame after the other.
 *
 *      image(p, t) = sum_c w_c sum_{spikes t_s of c} q(t - t_s) spot_c(p) / sum_c |w_c| spot_c(p)
 *
 * q is a box or an exponential truncated at 5 tau, of integral 1, so the image is in spikes per second of a cell. Both are one
 * recursion: each frame the image fades by the factor c (box: 1), a spike adds its spot when it comes and takes away
 * what is left of it when its kernel ends. So a frame costs one pass over the image, a spike two spots, and memory holds
 * the spikes of one kernel.
 *
 * Departs from the source: `from` shifts time instead of only shortening the window, and spikes before it still
 * fade into it; layers are chosen by weights, which may be negative; a spot's radius can follow the cells' spacing. Its
 * roundings, and its squares that lie beside their cells, are reproduced on request (virtualretina). */
#include "spacing.h"
#include <convis/io.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIT_SIDE = 128, MOST_SIDE = 4096 };
static const double SLACK = 1e-6;        /* frames, pixels: 0.3/0.1 is meant to be 3 */

typedef struct cell {                    /* one unit, and where and how it draws */
    int32_t id;
    int64_t x, y;
    double  radius, gain;
    int64_t low, high;                   /* offsets of the first and the last row and column of its spot */
} cell;
typedef struct glow { int64_t cell, ends; } glow;        /* a spike that still shows, until that frame */

struct convis_reconstruction {
    convis_context *context;
    convis_reconstruction_options o;
    convis_frame_sink sink;
    void   *user;
    int64_t width, height, cells, frame, last, length;   /* last: frames to make, -1 not yet known; length: of the kernel */
    double  ppd, extent[2], fade, start, time;           /* extent: pixels, about 0 degrees. start: the kernel's first value */
    cell   *cell;
    double *image, *cover;
    convis_real *out;
    glow   *glows;                                       /* a ring */
    int64_t first, glowing, room;
    convis_status status;
};

/* ---- Drawing ---- */

/* Adds amount to the pixels of the cell's spot that are inside the image; returns how many there are. */
static int64_t draw_spot(const convis_reconstruction *r, const cell *c, double *image, double amount)
{
    int64_t inside = 0;
    for (int64_t j = c->low; j <= c->high; j++) {
        int64_t y = c->y + j, i0 = c->low, i1 = c->high;
        if (y < 0 || y >= r->height) continue;
        if (!r->o.square) {
            double reach = sqrt(fmax(c->radius*c->radius - (double)(j*j), 0));
            i0 = (int64_t)floor(-reach) + 1;
            i1 = (int64_t)ceil(reach) - 1;
        }
        if (c->x + i0 < 0) i0 = -c->x;
        if (c->x + i1 >= r->width) i1 = r->width - 1 - c->x;
        for (int64_t i = i0; i <= i1; i++, inside++)
            if (image) image[y*r->width + c->x + i] += amount;
    }
    return inside;
}

/* ---- Opening ---- */

static convis_status check(convis_context *c, const convis_cell *units, int64_t count, const convis_reconstruction_options *o)
{
    const struct { const char *name; double value; int zero; } NUMBERS[] = {
        { "ppd", o->ppd, 1 }, { "fps", o->fps, 0 }, { "from", o->from, 1 }, { "to", o->to, 1 }, { "tau", o->tau, 0 },
        { "spot", o->spot, 1 }, { "fovea", o->fovea, 1 }, { "scaling", o->scaling, 1 }, { "density", o->density, 1 },
        { "extent_x", o->extent_x, 1 }, { "extent_y", o->extent_y, 1 } };
    for (size_t k = 0; k < sizeof NUMBERS/sizeof *NUMBERS; k++)
        if (!(NUMBERS[k].value >= 0) || NUMBERS[k].value > 1e9 || (!NUMBERS[k].zero && NUMBERS[k].value <= 0))
            return convis_fail(c, CONVIS_EINVAL, "reconstruction: %s is %g, expected a %s number", NUMBERS[k].name,
                               NUMBERS[k].value, NUMBERS[k].zero ? "non-negative" : "positive");
    if (o->to > 0 && !(o->from < o->to))
        return convis_fail(c, CONVIS_EINVAL, "reconstruction from %g s to %g s: expected from < to", o->from, o->to);
    if (o->normalise < 0 || o->normalise > 2)
        return convis_fail(c, CONVIS_EINVAL, "reconstruction: normalise is %d, expected 0, 1 or 2", o->normalise);
    if (o->width < 0 || o->height < 0 || o->width > 65536 || o->height > 65536)
        return convis_fail(c, CONVIS_EINVAL, "reconstruction of %lld x %lld pixels: expected at most 65536 x 65536",
                           (long long)o->width, (long long)o->height);
    if (5*o->tau*o->fps > 1e6)
        return convis_fail(c, CONVIS_EINVAL, "reconstruction: tau of %g s is %g frames, expected at most 200000", o->tau,
                           o->tau*o->fps);
    if (count < 1) return convis_fail(c, CONVIS_EINVAL, "reconstruction: there are no cells");
    for (int k = 0; k < o->layers; k++)
        if (!isfinite(o->weights[k]))
            return convis_fail(c, CONVIS_EINVAL, "reconstruction: the weight of layer %d is not finite", k);
    for (int64_t u = 0; u < count; u++)
        if (!isfinite(units[u].x) || !isfinite(units[u].y))
            return convis_fail(c, CONVIS_EINVAL, "reconstruction: unit %d has no finite position", (int)units[u].id);
    return CONVIS_OK;
}

/* Most cells have neighbours as near as the nearest of all: a grid. Returns its spacing; 0 where there is none. */
static double grid_spacing(const convis_reconstruction *r, const double *spacing)
{
    double least = INFINITY;
    int64_t near = 0;
    for (int64_t u = 0; u < r->cells; u++)
        if (spacing[u] > 0) least = fmin(least, spacing[u]);
    for (int64_t u = 0; u < r->cells; u++) near += spacing[u] > 0 && spacing[u] < least*(1 + 1e-3);
    return 2*near > r->cells ? least : 0;
}

/* Pixels and degrees: what is not given follows from the field that the cells and half their spacing fill. A grid shows
 * best with a pixel a cell. */
static convis_status fit(convis_reconstruction *r, const convis_cell *units, const double *spacing)
{
    double x = 0, y = 0, grid = grid_spacing(r, spacing);
    for (int64_t u = 0; u < r->cells; u++) {
        double margin = .5*(grid > 0 ? grid : spacing[u]);
        x = fmax(x, fabs(units[u].x) + margin);
        y = fmax(y, fabs(units[u].y) + margin);
    }
    double longer = fmax(x, y) > 0 ? 2*fmax(x, y) : 1;   /* one cell in the centre: a degree around it */
    double across = r->o.extent_x > 0 ? r->o.extent_x : x > 0 ? 2*x : longer;
    double down = r->o.extent_y > 0 ? r->o.extent_y : y > 0 ? 2*y : longer;
    r->ppd = r->o.ppd;
    if (!(r->ppd > 0)) {
        r->ppd = grid > 0 && longer < grid*MOST_SIDE ? 1/grid : FIT_SIDE/longer;
        if (r->o.width && r->o.height) r->ppd = fmin((double)r->o.width/across, (double)r->o.height/down);
        else if (r->o.width) r->ppd = (double)r->o.width/across;
        else if (r->o.height) r->ppd = (double)r->o.height/down;
    }
    double slack = r->o.virtualretina ? 0 : SLACK;
    double width = r->o.width ? (double)r->o.width : ceil(across*r->ppd - (r->o.extent_x > 0 ? slack : SLACK));
    double height = r->o.height ? (double)r->o.height : ceil(down*r->ppd - (r->o.extent_y > 0 ? slack : SLACK));
    if (!(width*height <= 0x1p28 && width <= 65536 && height <= 65536))
        return convis_fail(r->context, CONVIS_EINVAL,
                           "reconstruction of %.0f x %.0f pixels: expected at most 65536 x 65536 and 2^28 in all", width, height);
    r->width = width < 1 ? 1 : (int64_t)width;
    r->height = height < 1 ? 1 : (int64_t)height;
    r->extent[0] = r->o.virtualretina && r->o.extent_x > 0 ? r->o.extent_x*r->ppd : (double)r->width;
    r->extent[1] = r->o.virtualretina && r->o.extent_y > 0 ? r->o.extent_y*r->ppd : (double)r->height;
    return CONVIS_OK;
}

/* The pixel that contains x; or, as ReconstructRetina has it, that pixel's right neighbour. Far cells stay outside. */
static int64_t pixel(const convis_reconstruction *r, double degrees, double extent)
{
    double at = degrees*r->ppd - -extent/2;                  /* in the order of the original, whose last bits count */
    at = r->o.virtualretina ? ceil(at) : floor(at + SLACK);
    return (int64_t)fmin(fmax(at, -0x1p30), 0x1p30);
}

static int is_within(const convis_reconstruction *r, const convis_cell *u)
{
    return fabs(u->x*r->ppd) < r->extent[0]/2 && fabs(u->y*r->ppd) < r->extent[1]/2;
}

static int by_id(const void *a, const void *b)
{
    const cell *p = a, *q = b;
    return (p->id > q->id) - (p->id < q->id);
}

static convis_status place_cells(convis_reconstruction *r, const convis_cell *units, const double *spacing)
{
    const convis_reconstruction_options *o = &r->o;
    for (int64_t u = 0; u < r->cells; u++) {
        cell *c = r->cell + u;
        double eccentricity = sqrt(units[u].x*units[u].x + units[u].y*units[u].y), apart = spacing[u] > 0 ? spacing[u]*r->ppd : 1;
        double growth = o->scaling > 0 && eccentricity > o->fovea ? 1 + o->scaling*(eccentricity - o->fovea) : 1;
        double weight = units[u].layer >= 0 && units[u].layer < o->layers ? o->weights[units[u].layer] : 1;
        *c = (cell){ .id = units[u].id, .x = pixel(r, units[u].x, r->extent[0]), .y = pixel(r, units[u].y, r->extent[1]) };
        /* 0.8 of the spacing reaches the middle of a square of four cells (0.71) with something to spare. */
        c->radius = o->spot > 0 ? o->spot*growth : .8*apart;
        c->radius = fmin(fmax(c->radius, .5), 2.*(double)(r->width > r->height ? r->width : r->height));
        c->low = (int64_t)ceil(-c->radius);
        c->high = (int64_t)ceil(c->radius) - 1;
        int beside = o->square && o->virtualretina;
        double side = o->spot > 0 ? o->spot : 2*c->radius;
        if (beside) {
            c->low = 0;
            c->high = (int64_t)fmin(ceil(side), 0x1p20) - 1;
        }
        int64_t inside = draw_spot(r, c, NULL, 0);
        double area = o->normalise == 0 ? 1 : o->density > 0 ? pow(growth*r->ppd/o->density, 2) : apart*apart;
        c->gain = inside ? weight*area/(beside ? side*side : (double)inside) : 0;
        if (o->virtualretina && !is_within(r, units + u)) c->gain = 0;
        if (o->normalise == 2) draw_spot(r, c, r->cover, fabs(c->gain));
    }
    qsort(r->cell, (size_t)r->cells, sizeof *r->cell, by_id);
    for (int64_t u = 1; u < r->cells; u++)
        if (r->cell[u].id == r->cell[u-1].id)
            return convis_fail(r->context, CONVIS_EINVAL, "reconstruction: there are two units with the number %d",
                               (int)r->cell[u].id);
    return CONVIS_OK;
}

static void shape_kernel(convis_reconstruction *r)
{
    double frames = r->o.tau*r->o.fps, sum = 0;
    double length = floor((r->o.box ? 1 : 5)*frames + SLACK);
    r->length = length < 1 ? 1 : (int64_t)length;
    r->fade = r->o.box ? 1 : exp(-1/frames);
    for (int64_t j = 0; j < r->length; j++) sum += pow(r->fade, (double)j);
    r->start = r->o.fps/sum;
}

static void release(convis_reconstruction *r)
{
    convis_context *c = r->context;
    convis_release(c, r->cell);
    convis_release(c, r->image);
    convis_release(c, r->cover);
    convis_release(c, r->out);
    convis_release(c, r->glows);
    convis_release(c, r);
    convis_context_let_go(c);
}

convis_status convis_reconstruction_open(convis_context *c, const convis_cell *units, int64_t count,
                                         const convis_reconstruction_options *options, convis_frame_sink sink, void *user,
                                         convis_reconstruction **reconstruction)
{
    if (reconstruction) *reconstruction = NULL;
    CONVIS_NEEDS(c, sink, reconstruction);
    CONVIS_NEEDS_ARRAY(c, units, count);
    static const convis_reconstruction_options DEFAULTS = CONVIS_RECONSTRUCTION_DEFAULTS;
    const convis_reconstruction_options *o = options ? options : &DEFAULTS;
    convis_status s = check(c, units, count, o);
    if (s) return s;
    convis_reconstruction *r = convis_obtain(c, sizeof *r);
    if (!r) return CONVIS_ENOMEM;
    convis_context_hold(r->context = c);
    r->o = *o;
    r->o.weights = NULL;                 /* the caller's; used only while cells are placed */
    r->sink = sink;
    r->user = user;
    r->cells = count;
    shape_kernel(r);
    r->frame = 1 - r->length;            /* a spike this long before `from` still shows in frame 0 */
    r->last = o->to > 0 ? (int64_t)fmax(1, ceil((o->to - o->from)*o->fps - SLACK)) : -1;
    r->time = -INFINITY;
    double *spacing = convis_obtain(c, (size_t)count*sizeof *spacing);
    r->cell = spacing ? convis_obtain(c, (size_t)count*sizeof *r->cell) : NULL;
    s = r->cell ? convis_unit_spacing(c, units, count, spacing) : CONVIS_ENOMEM;
    if (!s) s = fit(r, units, spacing);
    if (!s) {
        size_t n = (size_t)(r->width*r->height);
        r->image = convis_obtain(c, n*sizeof *r->image);
        r->cover = r->image ? convis_obtain(c, n*sizeof *r->cover) : NULL;
        r->out = r->cover ? convis_obtain(c, n*sizeof *r->out) : NULL;
        if (!r->out) s = CONVIS_ENOMEM;
    }
    if (!s) {
        r->o.weights = o->weights;
        s = place_cells(r, units, spacing);
        r->o.weights = NULL;
    }
    convis_release(c, spacing);
    if (s) release(r);
    else *reconstruction = r;
    return s;
}

void convis_reconstruction_size(const convis_reconstruction *r, int64_t *width, int64_t *height)
{
    CONVIS_NEEDS_ELSE(, r, width, height);
    *width = r->width;
    *height = r->height;
}

/* ---- Running ---- */

static convis_status show_frame(convis_reconstruction *r)
{
    int64_t n = r->width*r->height;
    for (int64_t i = 0; i < n; i++) {
        double v = r->image[i];
        if (r->o.normalise == 2) v = r->cover[i] > 0 ? v/r->cover[i] : 0;
        r->out[i] = (convis_real)v;
    }
    return r->sink(r->user, r->out, r->frame);
}

/* Hand over the current frame, then fade, and end the spikes whose kernel is over. */
static convis_status next_frame(convis_reconstruction *r)
{
    if (r->frame >= 0 && (r->status = show_frame(r))) return r->status;
    int64_t n = r->width*r->height;
    r->frame++;
    if (r->fade < 1)
        for (int64_t i = 0; i < n; i++) r->image[i] *= r->fade;
    double left = r->start*pow(r->fade, (double)r->length);
    while (r->glowing && r->glows[r->first].ends == r->frame) {
        const cell *c = r->cell + r->glows[r->first].cell;
        draw_spot(r, c, r->image, -left*c->gain);
        r->first = (r->first + 1)%r->room;
        r->glowing--;
    }
    if (!r->glowing) memset(r->image, 0, (size_t)n*sizeof *r->image);    /* no rounding stays behind */
    return CONVIS_OK;
}

static convis_status remember(convis_reconstruction *r, int64_t which)
{
    if (r->glowing == r->room) {
        int64_t room = r->room ? 2*r->room : 1024;
        glow *more = convis_obtain(r->context, (size_t)room*sizeof *more);
        if (!more) return CONVIS_ENOMEM;
        for (int64_t k = 0; k < r->glowing; k++) more[k] = r->glows[(r->first + k)%r->room];
        convis_release(r->context, r->glows);
        r->glows = more;
        r->room = room;
        r->first = 0;
    }
    r->glows[(r->first + r->glowing++)%r->room] = (glow){ which, r->frame + r->length };
    return CONVIS_OK;
}

static convis_status add(convis_reconstruction *r, const convis_spike *spike)
{
    if (!(spike->time >= r->time) || !(spike->time < 1e12))
        return convis_fail(r->context, CONVIS_EINVAL,
                           "reconstruction: a spike at %g s after one at %g s, expected increasing times", spike->time, r->time);
    r->time = spike->time;
    cell key = { .id = spike->unit };
    const cell *c = bsearch(&key, r->cell, (size_t)r->cells, sizeof *r->cell, by_id);
    if (!c) return convis_fail(r->context, CONVIS_ENAME, "reconstruction: a spike of unit %d, which is not among the %lld cells",
                               (int)spike->unit, (long long)r->cells);
    /* The original divides by the duration of a frame: what is exactly at the end of one by ours may be in the next by its. */
    double at = r->o.virtualretina ? ceil((spike->time - r->o.from)/(1/r->o.fps))
                                   : floor((spike->time - r->o.from)*r->o.fps + SLACK);
    if (at < (double)r->frame || c->gain == 0) return CONVIS_OK;         /* it has faded before the first frame */
    while ((double)r->frame < at && (r->last < 0 || r->frame < r->last)) {
        /* Before the window, with nothing to fade, there is nothing to wait for. */
        if (!r->glowing && r->frame < 0) { r->frame = at < 0 ? (int64_t)at : 0; continue; }
        convis_status s = next_frame(r);
        if (s) return s;
    }
    if (r->last >= 0 && r->frame >= r->last) return CONVIS_OK;
    convis_status s = remember(r, c - r->cell);
    if (!s) draw_spot(r, c, r->image, r->start*c->gain);
    return s;
}

convis_status convis_reconstruction_write(convis_reconstruction *r, const convis_spike *spikes, int64_t count)
{
    CONVIS_NEEDS(r);
    CONVIS_NEEDS_ARRAY(r->context, spikes, count);
    for (int64_t k = 0; k < count && !r->status; k++) r->status = add(r, spikes + k);
    return r->status;
}

convis_status convis_reconstruction_close(convis_reconstruction **reconstruction, double seconds)
{
    convis_reconstruction *r = reconstruction ? *reconstruction : NULL;
    if (!r) return CONVIS_OK;
    if (r->last < 0) r->last = (int64_t)fmin(fmax(1, ceil((fmax(seconds, r->time) - r->o.from)*r->o.fps - SLACK)), 0x1p53);
    if (!r->glowing && r->frame < 0) r->frame = 0;
    while (!r->status && r->frame < r->last) next_frame(r);
    convis_status s = r->status;
    *reconstruction = NULL;
    release(r);
    return s;
}
