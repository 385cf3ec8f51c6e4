/* cells.c - how much of the input the retina sees, and where its cells lie (SPEC 3 and 8).
 *
 * The original keeps cells out of a border in which blurs would see the edge: m = ceil(7 sqrt(S2) ppd) pixels, S2 the
 * sum of the squared sigmas in a row. Its random ring phases and shifts come from libc's rand(); here they come from
 * Philox, keyed by the seed and counted by layer and cell, so that a retina's cells do not change from run to run. */
#include "retina.h"
#include "base/philox.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CELLS = 1 << 26 };

enum { RING_PHASE, SHIFT };

/* Two numbers in [0, 1) of a cell or ring. */
static void uniform(uint64_t seed, uint32_t layer, uint32_t index, uint32_t purpose, double u[2])
{
    philox p = philox_draw(seed, index | (uint64_t)layer << 32, purpose | (uint64_t)0x63656c6cu << 32);
    u[0] = p.word[0]*0x1p-32;
    u[1] = p.word[1]*0x1p-32;
}

/* ---- The map ---- */

/* Distance in pixels over which the blurs reach, and the sizes that keep edges out of every cell's reach. */
double convis_retina_border(const struct convis_retina *r)
{
    double pool = 0, s2;
    if (!isnan(r->cell_border)) return floor(r->cell_border);
    for (int g = 0; g < r->ganglions; g++) pool = fmax(pool, r->ganglion[g].pool_sigma);
    s2 = pool*pool;
    if (r->opl == CONVIS_OPL_LINEAR) s2 += r->center_sigma*r->center_sigma + r->surround_sigma*r->surround_sigma;
    else s2 += r->receptor_sigma*r->receptor_sigma + r->horizontal_sigma*r->horizontal_sigma;
    if (r->bipolar) s2 += r->adaptation_sigma*r->adaptation_sigma;
    return fmin(ceil(7*sqrt(s2)*r->ppd), 1e9);
}

int64_t convis_retina_offered(const struct convis_retina *r, int64_t size)
{
    return r->eye ? (int64_t)fmax(floor(2*((double)size/2.0 - 2*r->eye_amplitude*r->ppd)), 0) : size;
}

/* An array's extent along one axis: limited to the zone, or as large as the zone when it has none. */
static void fit(double *size, int64_t zone, double ppd)
{
    if (round(*size*ppd) > (double)zone || *size == 0) *size = (double)zone/ppd;
}

convis_status convis_retina_map(convis_context *c, const struct convis_retina *r, int64_t width, int64_t height,
                                struct convis_retina_map *map)
{
    if (width < 1 || height < 1)
        return convis_fail(c, CONVIS_ESHAPE, "retina: an input of %lld x %lld pixels, expected at least 1 x 1",
                           (long long)width, (long long)height);
    int64_t m = (int64_t)convis_retina_border(r), x = 0, y = 0;
    int whole = 1;                                       /* no array: the map is the input */
    *map = (struct convis_retina_map){ .zone_x = width - m + 1, .zone_y = height - m + 1 };
    if (map->zone_x < 1) map->zone_x = 1;
    if (map->zone_y < 1) map->zone_y = 1;
    for (int k = 0; k < r->ganglions; k++) {
        const struct convis_ganglion *g = &r->ganglion[k];
        if (g->spikes && g->cells != CONVIS_CELLS_SQUARE && g->cells != CONVIS_CELLS_CIRCULAR) { whole = 1; break; }
        if (g->spikes) whole = 0;
    }
    for (int k = 0; k < r->ganglions; k++) {
        const struct convis_ganglion *g = &r->ganglion[k];
        double *ax = &map->array_x[k], *ay = &map->array_y[k];
        if (!g->spikes) continue;
        if (g->cells == CONVIS_CELLS_CIRCULAR) {         /* one diameter: limited by the smaller extent first */
            int64_t small = map->zone_x < map->zone_y ? map->zone_x : map->zone_y, large = map->zone_x + map->zone_y - small;
            *ax = g->diameter;
            fit(ax, small, r->ppd);
            fit(ax, large, r->ppd);
            *ay = *ax;
        }
        else if (g->cells == CONVIS_CELLS_SQUARE) {
            *ax = g->size_x;
            *ay = g->size_y;
            fit(ax, map->zone_x, r->ppd);
            fit(ay, map->zone_y, r->ppd);
        }
        if (round(*ax*r->ppd) > (double)x) x = (int64_t)round(*ax*r->ppd);
        if (round(*ay*r->ppd) > (double)y) y = (int64_t)round(*ay*r->ppd);
    }
    map->size_x = whole || x + m - 1 > width ? width : x + m - 1;
    map->size_y = whole || y + m - 1 > height ? height : y + m - 1;
    if (map->size_x < 1) map->size_x = 1;                /* a tiny array and no blur at all */
    if (map->size_y < 1) map->size_y = 1;
    map->offset_x = (width - map->size_x)/2;
    map->offset_y = (height - map->size_y)/2;
    return CONVIS_OK;
}

double convis_retina_density(const struct convis_retina *r, double radius)
{
    return r->log_polar && radius > r->log_polar_radius ? 1/(1 + r->log_polar_scaling*(radius - r->log_polar_radius)) : 1;
}

/* ---- Lists of cells ---- */

/* next: the number of the next cell without one of its own. */
struct list { convis_context *c; const struct convis_retina *r; struct convis_mosaic *cells; int64_t room, next; int layer; };

static convis_status reserve(struct list *l, int64_t more)
{
    struct convis_mosaic *s = l->cells;
    if (more > MOST_CELLS - s->total)
        return convis_fail(l->c, CONVIS_EINVAL, "ganglion cells: more than %d, expected fewer: a smaller array or density",
                           MOST_CELLS);
    if (s->total + more <= l->room) return CONVIS_OK;
    int64_t room = s->total + more + l->room/2;
    convis_cell *cell = convis_obtain(l->c, (size_t)room*sizeof *cell);
    if (!cell) return CONVIS_ENOMEM;
    if (s->total) memcpy(cell, s->cell, (size_t)s->total*sizeof *cell);
    convis_release(l->c, s->cell);
    s->cell = cell;
    l->room = room;
    return CONVIS_OK;
}

static void add(struct list *l, double x, double y, int32_t id)
{
    struct convis_mosaic *s = l->cells;
    s->cell[s->total++] = (convis_cell){ id < 0 ? (int32_t)l->next : id, l->layer, x, y };
    l->next++;
}

/* A cell of an array, moved by up to `reach` degrees when positions are noisy. */
static void add_shifted(struct list *l, double x, double y, double reach, uint64_t seed, int64_t index)
{
    if (reach > 0) {
        double u[2];
        uniform(seed, (uint32_t)l->layer, (uint32_t)index, SHIFT, u);
        x += reach*u[0]*cos(2*M_PI*u[1]);
        y += reach*u[0]*sin(2*M_PI*u[1]);
    }
    add(l, x, y, -1);
}

static convis_status add_square(struct list *l, const struct convis_ganglion *g, double size_x, double size_y, uint64_t seed)
{
    double nx = floor(size_x*g->density), ny = floor(size_y*g->density);
    if (!(nx >= 1 && ny >= 1)) return CONVIS_OK;
    convis_status status = reserve(l, nx*ny > MOST_CELLS ? (int64_t)MOST_CELLS + 1 : (int64_t)(nx*ny));
    if (status) return status;
    int64_t index = 0;
    for (double i = 1; i <= nx; i++)
        for (double j = 1; j <= ny; j++)
            add_shifted(l, (i - (1 + nx)/2)/g->density, (j - (1 + ny)/2)/g->density, g->position_noise/g->density, seed, index++);
    return CONVIS_OK;
}

/* The radius within which a line from the centre crosses D/d0 cells: the inverse of the integrated density. */
static double radius_of(const struct convis_retina *r, double D)
{
    double r0 = r->log_polar_radius, k = r->log_polar_scaling;
    if (!r->log_polar || D <= r0 || k == 0) return D;
    return r0 + (exp(k*(D - r0)) - 1)/k;
}

static convis_status add_circular(struct list *l, const struct convis_ganglion *g, double diameter, uint64_t seed)
{
    int64_t index = 0;
    for (int64_t n = 0; n < MOST_CELLS; n++) {
        double radius = radius_of(l->r, (double)n/g->density);
        if (!(radius <= diameter/2)) break;
        double here = g->density*convis_retina_density(l->r, radius), many = n ? floor(2*M_PI*here*radius) : 1, u[2];
        convis_status status = reserve(l, many > MOST_CELLS ? (int64_t)MOST_CELLS + 1 : (int64_t)many);
        if (status) return status;
        uniform(seed, (uint32_t)l->layer, (uint32_t)n, RING_PHASE, u);
        for (double j = 0; j < many; j++) {
            double angle = (u[0] + j)*2*M_PI/many;
            add_shifted(l, radius*cos(angle), radius*sin(angle), g->position_noise/here, seed, index++);
        }
    }
    return CONVIS_OK;
}

static convis_status add_dense(struct list *l, const struct convis_retina_map *map, double center_x, double center_y)
{
    double n = (double)map->size_x*(double)map->size_y;
    convis_status status = reserve(l, n > MOST_CELLS ? (int64_t)MOST_CELLS + 1 : (int64_t)n);
    if (status) return status;
    for (int64_t y = 0; y < map->size_y; y++)
        for (int64_t x = 0; x < map->size_x; x++)
            add(l, ((double)x - center_x)/l->r->ppd, ((double)y - center_y)/l->r->ppd, -1);
    return CONVIS_OK;
}

/* Those cells of a list that belong to this layer; layer < 0: all. They count from `first` on, whatever came before. */
static convis_status add_explicit(struct list *l, const convis_cell *cell, int64_t count, int layer, int64_t first)
{
    int64_t next = l->next;
    convis_status status = reserve(l, count);
    l->next = first;
    for (int64_t k = 0; k < count && !status; k++) {
        if (layer >= 0 && cell[k].layer != layer) continue;
        if (!isfinite(cell[k].x) || !isfinite(cell[k].y))
            return convis_fail(l->c, CONVIS_EINVAL, "unit %d: it lies at (%g, %g) deg, expected finite numbers", cell[k].id,
                               cell[k].x, cell[k].y);
        add(l, cell[k].x, cell[k].y, cell[k].id);
    }
    l->next = next;
    return status;
}

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static convis_status distinct(convis_context *c, const struct convis_mosaic *s)
{
    int32_t *id = convis_obtain(c, (size_t)s->total*sizeof *id);
    if (!id) return CONVIS_ENOMEM;
    for (int64_t k = 0; k < s->total; k++) id[k] = s->cell[k].id;
    qsort(id, (size_t)s->total, sizeof *id, by_id);
    int64_t k = 1;
    while (k < s->total && id[k] != id[k - 1]) k++;
    convis_status status =
        k < s->total ? convis_fail(c, CONVIS_EINVAL, "unit %d: two cells have this id, expected one", id[k]) : CONVIS_OK;
    convis_release(c, id);
    return status;
}

/* ---- Where a cell samples its map: the original rounds to float and sits half a pixel off the map's centre. ---- */

static double clamp(double v, int64_t size, int64_t *outside)
{
    if (!(v > -1 && v < (double)size)) (*outside)++;
    return v < 0 ? 0 : v > (double)(size - 1) ? (double)(size - 1) : v;
}

static convis_status sample(convis_context *c, const struct convis_retina *r, const struct convis_retina_map *map,
                            double center_x, double center_y, struct convis_mosaic *s)
{
    if (!(s->x = convis_obtain(c, (size_t)s->total*sizeof *s->x)) || !(s->y = convis_obtain(c, (size_t)s->total*sizeof *s->y)))
        return CONVIS_ENOMEM;
    for (int g = 0; g < r->ganglions; g++)
        for (int64_t k = s->first[g], j = 0; j < s->count[g]; k++, j++) {
            double x = center_x + r->ppd*s->cell[k].x, y = center_y + r->ppd*s->cell[k].y;
            int64_t outside = 0;
            if (r->numerics == CONVIS_VIRTUALRETINA) { x = (float)x; y = (float)y; }
            s->x[k] = clamp(x, map->size_x, &outside);
            s->y[k] = clamp(y, map->size_y, &outside);
            if (s->dense[g]) { s->x[k] = (double)(j%map->size_x); s->y[k] = (double)(j/map->size_x); }
            else s->outside += outside > 0;
        }
    return CONVIS_OK;
}

void convis_mosaic_free(convis_context *c, struct convis_mosaic *s)
{
    convis_release(c, s->cell);
    convis_release(c, s->x);
    convis_release(c, s->y);
    memset(s, 0, sizeof *s);
}

convis_status convis_retina_cells(convis_context *c, const struct convis_retina *r, const struct convis_retina_map *map,
                                  const convis_cell *override, int64_t overrides, uint64_t seed, struct convis_mosaic *cells)
{
    struct list l = { .c = c, .r = r, .cells = cells };
    double half = r->numerics == CONVIS_VIRTUALRETINA ? 0 : .5;
    double center_x = (double)map->size_x/2.0 - half, center_y = (double)map->size_y/2.0 - half;
    convis_status status = CONVIS_OK;
    int listed = override != NULL, spiking = 0;
    int64_t first = 0;
    memset(cells, 0, sizeof *cells);
    /* The original makes listed cells while it reads the file, and arrays afterwards: these are numbered after all of those. */
    for (int k = 0; k < r->ganglions; k++) {
        spiking += r->ganglion[k].spikes;
        if (r->ganglion[k].spikes && r->ganglion[k].listed) l.next += r->ganglion[k].listed_count;
    }
    for (int64_t k = 0; override && k < overrides; k++)
        if (override[k].layer < 0 || override[k].layer >= spiking)
            return convis_fail(c, CONVIS_EINVAL,
                               "unit %d: spiking layer %d, expected 0 to %d (this retina has %d spiking layer%s)", override[k].id,
                               override[k].layer, spiking ? spiking - 1 : 0, spiking, spiking == 1 ? "" : "s");
    for (int k = 0; k < r->ganglions && !status; k++) {
        const struct convis_ganglion *g = &r->ganglion[k];
        cells->first[k] = cells->total;
        cells->layer[k] = g->spikes ? l.layer : -1;
        if (!g->spikes) continue;
        if (override) status = add_explicit(&l, override, overrides, l.layer, cells->total);
        else if (g->listed) {
            status = add_explicit(&l, g->listed, g->listed_count, -1, first);
            first += g->listed_count;
            listed = 1;
        }
        else if (g->cells == CONVIS_CELLS_SQUARE) status = add_square(&l, g, map->array_x[k], map->array_y[k], seed);
        else if (g->cells == CONVIS_CELLS_CIRCULAR) status = add_circular(&l, g, map->array_x[k], seed);
        else if (g->cells == CONVIS_CELLS_DENSE) {
            cells->dense[k] = 1;
            status = add_dense(&l, map, center_x, center_y);
        }
        cells->count[k] = cells->total - cells->first[k];
        l.layer++;
    }
    if (!status && listed) status = distinct(c, cells);
    if (!status) status = sample(c, r, map, center_x, center_y, cells);
    if (status) convis_mosaic_free(c, cells);
    return status;
}
