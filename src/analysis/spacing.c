/* spacing.c - the local spacing of cells, found along the order of their x: a neighbour is near in x too. */
#include "spacing.h"
#include <math.h>
#include <stdlib.h>

enum { NEAREST = 3 };
typedef struct place { double x, y; int32_t layer; int64_t unit; } place;

static int by_layer_then_x(const void *a, const void *b)
{
    const place *p = a, *q = b;
    if (p->layer != q->layer) return p->layer < q->layer ? -1 : 1;
    return p->x != q->x ? (p->x < q->x ? -1 : 1) : (p->unit > q->unit) - (p->unit < q->unit);
}

/* Keep the NEAREST smallest squared distances, increasing. Cells on one spot do not count: they have no spacing. */
static void consider(const place *p, const place *q, double best[NEAREST])
{
    double d = (p->x - q->x)*(p->x - q->x) + (p->y - q->y)*(p->y - q->y);
    if (d <= 0) return;
    for (int k = 0; k < NEAREST; k++)
        if (d < best[k]) { double worse = best[k]; best[k] = d; d = worse; }
}

static int too_far(const place *p, const place *q, const double best[NEAREST])
{
    return q->layer != p->layer || (q->x - p->x)*(q->x - p->x) > best[NEAREST-1];
}

convis_status convis_unit_spacing(convis_context *c, const convis_cell *units, int64_t count, double *spacing)
{
    if (!count) return CONVIS_OK;
    place *places = convis_obtain(c, (size_t)count*sizeof *places);
    if (!places) return CONVIS_ENOMEM;
    for (int64_t u = 0; u < count; u++) places[u] = (place){ units[u].x, units[u].y, units[u].layer, u };
    qsort(places, (size_t)count, sizeof *places, by_layer_then_x);
    for (int64_t k = 0; k < count; k++) {
        double best[NEAREST] = { INFINITY, INFINITY, INFINITY }, sum = 0;
        for (int64_t j = k + 1; j < count && !too_far(places + k, places + j, best); j++) consider(places + k, places + j, best);
        for (int64_t j = k - 1; j >= 0 && !too_far(places + k, places + j, best); j--) consider(places + k, places + j, best);
        int found = 0;
        while (found < NEAREST && isfinite(best[found])) sum += sqrt(best[found++]);
        spacing[places[k].unit] = found ? sum/found : 0;
    }
    convis_release(c, places);
    return CONVIS_OK;
}
