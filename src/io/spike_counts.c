/* spike_counts.c - spikes counted in steps, a channel or unit a cell: recorded responses, and spikes that a model takes as input. */
#include "frames.h"
#include "npy.h"
#include "spikes.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A spike at k dt is one of step k, whatever the rounding. */
static const double ROUNDING = 1e-6;

int convis_cell_order(const void *a, const void *b)
{
    const convis_cell *p = a, *q = b;
    return p->layer != q->layer ? (p->layer > q->layer) - (p->layer < q->layer) : (p->id > q->id) - (p->id < q->id);
}

int convis_holds_spikes(convis_context *c, const char *name)
{
    convis_numbers *n;
    if (convis_has_extension(name, ".spk") || convis_has_extension(name, ".csv") || convis_has_extension(name, ".txt")) return 1;
    int hdf5 = convis_has_extension(name, ".h5") || convis_has_extension(name, ".hdf5"), found = 0, parts = hdf5 ? 1 : 2;
    if (!hdf5 && !convis_has_extension(name, ".npz")) return 0;
    for (int k = 0; k < parts; k++) {
        if (hdf5 ? convis_hdf5_numbers(c, name, "spikes/time", 0, &n) : convis_npz_numbers(c, name, k ? "time" : "unit", 0, &n))
            break;
        n->close(n);
        found++;
    }
    return found == parts;
}

/* ---- Cells ---- */

/* The cells that the file lists, else those that fired, in order of layer, then id. */
static convis_status find_cells(convis_context *c, const char *path, const convis_spike *spikes, int64_t count,
                                convis_cell **cells, int64_t *cell_count)
{
    convis_cell *recorded;
    int64_t recorded_count;
    convis_status status = convis_cells_recorded(c, path, &recorded, &recorded_count);
    if (status && status != CONVIS_ENAME) return status;
    const int64_t all = status ? count : recorded_count;
    *cells = convis_obtain(c, (size_t)(all + 1)*sizeof **cells);
    for (int64_t k = 0; *cells && k < all; k++)
        (*cells)[k] = status ? (convis_cell){ spikes[k].unit, spikes[k].layer, 0, 0 } : recorded[k];
    convis_cells_free(&recorded);
    if (!*cells) return CONVIS_ENOMEM;
    qsort(*cells, (size_t)all, sizeof **cells, convis_cell_order);
    *cell_count = 0;
    for (int64_t k = 0; k < all; k++)
        if (!k || convis_cell_order(*cells + k, *cells + *cell_count - 1)) (*cells)[(*cell_count)++] = (*cells)[k];
    return CONVIS_OK;
}

/* Where a model's input has so many channels: cells numbered from 0 are their channels, also where some, or all, never fire. */
static convis_status number_cells(convis_context *c, const char *path, int64_t declared, convis_cell **cells, int64_t *count)
{
    const convis_cell *u = *cells, *last = u + (*count ? *count - 1 : 0);
    const int numbers = !*count || (u->layer == last->layer && u->id >= 0 && last->id < declared);
    if (!*count && !declared)
        return convis_fail(c, CONVIS_EFORMAT, "%s: no spikes, and no list of the cells that were silent, so how many there were "
                           "is not known; a .h5 or .npz of spikes lists them", path);
    if (!declared || *count == declared) return CONVIS_OK;
    if (!numbers)
        return convis_fail(c, CONVIS_ESHAPE, "%s: spikes of %lld cell%s, but the input takes %lld channel%s", path,
                           (long long)*count, *count == 1 ? "" : "s", (long long)declared, declared == 1 ? "" : "s");
    const int32_t layer = *count ? u->layer : 0;
    convis_release(c, *cells);
    *cells = convis_obtain(c, (size_t)declared*sizeof **cells);
    if (!*cells) return CONVIS_ENOMEM;
    for (int64_t k = 0; k < declared; k++) (*cells)[k] = (convis_cell){ (int32_t)k, layer, 0, 0 };
    *count = declared;
    return CONVIS_OK;
}

/* ---- Steps ---- */

static convis_status sort_into_steps(convis_spike_counts *n, const char *path, const convis_spike *spikes,
                                     const convis_cell *cells)
{
    convis_context *c = n->context;
    for (int64_t k = 0; k < n->count; k++) {
        const convis_cell key = { spikes[k].unit, spikes[k].layer, 0, 0 };
        const convis_cell *cell = bsearch(&key, cells, (size_t)n->units, sizeof key, convis_cell_order);
        const double step = floor(spikes[k].time/n->dt + ROUNDING);
        if (!cell)
            return convis_fail(c, CONVIS_EFORMAT, "%s: a spike of unit %d in layer %d, which its list of cells lacks", path,
                               spikes[k].unit, spikes[k].layer);
        if (!(step < 4e15))
            return convis_fail(c, CONVIS_EINVAL, "%s: a spike at %g s, which is more steps of %g s than can be counted", path,
                               spikes[k].time, n->dt);
        n->events[k] = (convis_spike_event){ step < 0 ? -1 : (int64_t)step, (int32_t)(cell - cells) };
    }
    return CONVIS_OK;
}

convis_status convis_spike_counts_open(convis_context *c, const char *path, double dt, int64_t declared, convis_spike_counts *n)
{
    convis_spike *spikes = NULL;
    convis_cell *cells = NULL;
    *n = (convis_spike_counts){ .context = c, .dt = dt };
    convis_status status = convis_spikes_read(c, path, &spikes, &n->count);
    if (!status) status = find_cells(c, path, spikes, n->count, &cells, &n->units);
    if (!status) status = number_cells(c, path, declared, &cells, &n->units);
    n->events = status ? NULL : convis_obtain(c, (size_t)(n->count + 1)*sizeof *n->events);
    if (!status && !n->events) status = CONVIS_ENOMEM;
    if (!status) status = sort_into_steps(n, path, spikes, cells);
    if (!status && n->count) { n->first = spikes[0].time; n->last = spikes[n->count - 1].time; }
    if (!status) n->seconds = convis_spikes_seconds(c, path);
    convis_spikes_free(&spikes);
    convis_release(c, cells);
    if (status) convis_spike_counts_close(n);
    return status;
}

void convis_spike_counts_close(convis_spike_counts *n)
{
    if (n->context) convis_release(n->context, n->events);
    n->events = NULL;
}

/* One at the very end of the last step belongs to it. */
convis_status convis_spike_counts_fit(convis_spike_counts *n, const char *path, int64_t steps, const char *whose)
{
    const double length = (double)steps, late = n->last/n->dt;
    if (n->count && n->events[0].step < 0)
        return convis_fail(n->context, CONVIS_ESHAPE, "%s: a spike at %g s, expected times from 0 on: a recording begins at 0 s",
                           path, n->first);
    if (whose && n->seconds > 0 && fabs(n->seconds/n->dt - length) > 0.5)
        return convis_fail(n->context, CONVIS_ESHAPE,
                           "%s: a recording of %g s (%.10g frames of %g s), expected %lld frames, as many as %s has", path,
                           n->seconds, n->seconds/n->dt, n->dt, (long long)steps, whose);
    if (n->count && late > length + ROUNDING && !whose)
        return convis_fail(n->context, CONVIS_ESHAPE, "%s: a spike at %g s, expected 0 to %g s, for which it was recorded", path,
                           n->last, n->seconds);
    if (n->count && late > length + ROUNDING)
        return convis_fail(n->context, CONVIS_ESHAPE,
                           "%s: a spike at %g s, expected 0 to %g s, the %lld frames of %g s that %s has", path, n->last,
                           length*n->dt, (long long)steps, n->dt, whose);
    for (int64_t k = n->count - 1; k >= 0 && n->events[k].step >= steps; k--) n->events[k].step = steps - 1;
    return CONVIS_OK;
}

void convis_spike_counts_read(const convis_spike_counts *n, int64_t step, int64_t steps, convis_real *to)
{
    int64_t low = 0, high = n->count;
    while (low < high) {                                 /* the first event of these steps */
        const int64_t middle = low + (high - low)/2;
        if (n->events[middle].step < step) low = middle + 1;
        else high = middle;
    }
    for (int64_t k = 0; k < steps*n->units; k++) to[k] = 0;
    for (; low < n->count && n->events[low].step < step + steps; low++)
        to[(n->events[low].step - step)*n->units + n->events[low].unit]++;
}

/* ---- As a movie of one pixel ---- */

typedef struct count_frames { convis_frames base; convis_spike_counts counts; int64_t at, steps; } count_frames;

static int counts_next(convis_frames *f, convis_real *frame, double *start)
{
    count_frames *s = (count_frames *)f;
    *start = -1;
    if (s->at >= s->steps) return 0;
    convis_spike_counts_read(&s->counts, s->at++, 1, frame);
    return 1;
}

static int counts_skip(convis_frames *f, int64_t frames)
{
    count_frames *s = (count_frames *)f;
    s->at = frames < s->steps - s->at ? s->at + frames : s->steps;
    return 1;
}

static void counts_close(convis_frames *f)
{
    count_frames *s = (count_frames *)f;
    convis_context *c = f->context;
    convis_spike_counts_close(&s->counts);
    convis_release(c, s);
}

convis_status convis_spikes_frames(convis_context *c, const char *path, const convis_movie_options *o, convis_frames **frames)
{
    count_frames *s = convis_obtain(c, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    convis_spike_counts *n = &s->counts;
    convis_status status = convis_spike_counts_open(c, path, o->dt, o->declared, n);
    if (!status) {
        const double all = n->seconds > 0 ? n->seconds : n->last;
        s->steps = (int64_t)fmin(4e15, ceil(all/n->dt - ROUNDING));
        if (!(n->seconds > 0) && n->count && n->events[n->count - 1].step >= s->steps)
            s->steps = n->events[n->count - 1].step + 1;
        if (s->steps < 1) s->steps = 1;                  /* silence */
        status = convis_spike_counts_fit(n, path, s->steps, NULL);
    }
    s->base = (convis_frames){ .context = c, .channels = n->units, .width = 1, .height = 1, .count = n->seconds > 0 ? s->steps : -1,
                               .format = "spikes", .next = counts_next, .skip = counts_skip, .close = counts_close };
    if (status) { counts_close(&s->base);  return status; }
    *frames = &s->base;
    return CONVIS_OK;
}
