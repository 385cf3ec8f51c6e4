/* recording.c - the spikes and cells of a result file, ordered and counted for drawing. */
#include "figure.h"
#include "io/frames.h"
#include "io/npy.h"
#include "io/spikes.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int may_have_cells(const char *file)
{
    return convis_has_extension(file, ".h5") || convis_has_extension(file, ".hdf5") || convis_has_extension(file, ".npz");
}

static int is_cell_list(const char *file) { return convis_has_extension(file, ".txt") || convis_has_extension(file, ".units"); }

int convis_figure_recording_has_spikes(convis_figure *f)
{
    convis_spike *spikes = NULL;
    int64_t count;
    if (convis_has_extension(f->source, ".npy")) {       /* a table of three columns is no movie */
        convis_numbers *n = NULL;
        int table = !convis_npy_numbers(f->context, f->source, &n) && n->dims == 2 && n->dim[1] == 3;
        if (n) n->close(n);
        if (!table) return 0;
    } else if (!may_have_cells(f->source)) return 0;
    int good = !convis_spikes_read(f->context, f->source, &spikes, &count);
    convis_spikes_free(&spikes);
    return good;
}

/* ---- Cells ---- */

/* ENAME when there are none. */
static convis_status read_cells(convis_figure *f, convis_figure_recording *r)
{
    convis_cell *cells = NULL;
    int64_t count = 0;
    convis_status s = convis_cells_read(f->context, f->source, &cells, &count);
    if (s) return s;
    r->cell = convis_obtain(f->context, (size_t)(count ? count : 1)*sizeof *cells);
    if (r->cell && count) memcpy(r->cell, cells, (size_t)count*sizeof *cells);
    convis_cells_free(&cells);
    r->cells = count;
    return r->cell ? CONVIS_OK : CONVIS_ENOMEM;
}

/* A file of spikes alone: its cells are the ids between the first and the last that spiked, for ids are handed out
 * layer by layer; where they are too far apart for that, only those that spiked. */
static convis_status guess_cells(convis_figure *f, convis_figure_recording *r)
{
    convis_cell *seen = convis_obtain(f->context, (size_t)(r->count ? r->count : 1)*sizeof *seen);
    if (!seen) return CONVIS_ENOMEM;
    for (int64_t k = 0; k < r->count; k++) seen[k] = (convis_cell){ r->spikes[k].unit, r->spikes[k].layer, NAN, NAN };
    qsort(seen, (size_t)r->count, sizeof *seen, convis_cell_order);
    int64_t distinct = 0, total = 0;
    for (int64_t k = 0; k < r->count; k++)
        if (!distinct || convis_cell_order(seen + distinct - 1, seen + k)) seen[distinct++] = seen[k];
    for (int64_t k = 0; k < distinct; k++)
        total += k && seen[k].layer == seen[k-1].layer ? (int64_t)seen[k].id - seen[k-1].id : 1;
    int fill = total <= 4*distinct;
    r->cell = convis_obtain(f->context, (size_t)((fill ? total : distinct) + 1)*sizeof *seen);
    for (int64_t k = 0; r->cell && k < distinct; k++) {
        int32_t id = fill && k && seen[k].layer == seen[k-1].layer ? seen[k-1].id + 1 : seen[k].id;
        for (; id <= seen[k].id; id++) {
            r->cell[r->cells++] = (convis_cell){ id, seen[k].layer, NAN, NAN };
            if (id == INT32_MAX) break;
        }
    }
    convis_release(f->context, seen);
    return r->cell ? CONVIS_OK : CONVIS_ENOMEM;
}

/* ---- Layers ---- */

static convis_status count_layers(convis_figure *f, convis_figure_recording *r)
{
    for (int64_t u = 0; u < r->cells; u++) {
        if (!r->layers || r->layer[r->layers-1] != r->cell[u].layer) {
            if (r->layers == FIGURE_LAYERS)
                return convis_fail(f->context, CONVIS_ENOTSUP, "%s: more than %d layers of cells", f->source, FIGURE_LAYERS);
            r->layer[r->layers++] = r->cell[u].layer;
        }
        r->cells_of[r->layers-1]++;
    }
    return CONVIS_OK;
}

/* Names by the layers' numbers, as the caller knows them ("ON,OFF"). */
static void label_layers(const convis_figure *f, convis_figure_recording *r)
{
    for (int k = 0; k < r->layers; k++) {
        convis_figure_listed(f->options->labels, r->layer[k], r->label[k], sizeof r->label[k]);
        if (!*r->label[k]) snprintf(r->label[k], sizeof r->label[k], "layer %d", r->layer[k]);
    }
}

int convis_figure_recording_layer(const convis_figure_recording *r, int32_t layer)
{
    for (int k = 0; k < r->layers; k++)
        if (r->layer[k] == layer) return k;
    return -1;
}

int64_t convis_figure_recording_unit(const convis_figure_recording *r, const convis_spike *spike)
{
    convis_cell key = { spike->unit, spike->layer, 0, 0 };
    const convis_cell *found = bsearch(&key, r->cell, (size_t)r->cells, sizeof key, convis_cell_order);
    return found ? found - r->cell : -1;
}

int convis_figure_recording_within(const convis_figure_recording *r, double time) { return time >= r->from && time <= r->to; }

/* ---- Thinning ---- */

/* splitmix64: neighbours in id are far apart in this, so that the smallest of it are a random choice, always the same. */
static uint64_t lot(const convis_cell *u)
{
    uint64_t z = ((uint64_t)(uint32_t)u->layer << 32 | (uint32_t)u->id) + 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30)*0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27)*0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Every cell whose lot falls below its share is chosen: about `most` of them, as many of each layer as its share is, but
 * small layers are not lost among large ones. */
void convis_figure_recording_thin(const convis_figure_recording *r, int64_t most, unsigned char *chosen)
{
    for (int64_t u = 0; u < r->cells; u++) {
        double of = (double)r->cells_of[convis_figure_recording_layer(r, r->cell[u].layer)];
        double share = r->cells > most ? fmax((double)most/(double)r->cells, (double)most/(4.0*r->layers*of)) : 1;
        chosen[u] = share >= 1 || (double)(lot(r->cell + u) >> 11) < share*0x1p53;
    }
}

/* ---- Opening ---- */

static convis_status find_window(convis_figure *f, convis_figure_recording *r)
{
    const convis_plot_options *o = f->options;
    double last = 0;
    for (int64_t k = 0; k < r->count; k++) last = fmax(last, r->spikes[k].time);
    r->from = o->from;
    /* The file's own length if it says; else the last spike, rounded up to where a recording may well have ended. */
    double grain = pow(10, floor(log10(fmax(last, 1e-3))) - 1);
    double end = fmax(convis_spikes_seconds(f->context, f->source), last);
    r->to = o->to > 0 ? o->to : fmax(end > last ? end : ceil(last/grain - 1e-9)*grain, r->from + 1e-3);
    r->spikes_of = convis_obtain(f->context, (size_t)(r->cells ? r->cells : 1)*sizeof *r->spikes_of);
    if (!r->spikes_of) return CONVIS_ENOMEM;
    for (int64_t k = 0; k < r->count; k++) {
        int64_t u = convis_figure_recording_within(r, r->spikes[k].time) ? convis_figure_recording_unit(r, r->spikes + k) : -1;
        if (u >= 0) r->spikes_of[u]++;
    }
    return CONVIS_OK;
}

convis_status convis_figure_recording_open(convis_figure *f, int require_spikes, convis_figure_recording *r)
{
    const int may_have = may_have_cells(f->source);
    convis_status s = CONVIS_OK;
    int cells = 0;
    memset(r, 0, sizeof *r);
    if (is_cell_list(f->source)) {
        if (require_spikes) return convis_fail(f->context, CONVIS_EFORMAT, "%s: a list of cells, expected spikes", f->source);
        s = read_cells(f, r);
        cells = !s;
    } else {
        s = convis_spikes_read(f->context, f->source, &r->spikes, &r->count);
        if (s && may_have && !require_spikes) s = CONVIS_OK;     /* cells without spikes will do */
        if (!s && may_have) {
            s = read_cells(f, r);
            cells = !s;
            if (s == CONVIS_ENAME) s = CONVIS_OK;
        }
    }
    if (!s && !cells) s = guess_cells(f, r);
    if (!s) {
        r->placed = cells;
        qsort(r->cell, (size_t)r->cells, sizeof *r->cell, convis_cell_order);
        s = count_layers(f, r);
    }
    if (!s) s = find_window(f, r);
    if (!s) label_layers(f, r);
    if (s) convis_figure_recording_close(f, r);
    return s;
}

void convis_figure_recording_close(convis_figure *f, convis_figure_recording *r)
{
    convis_spikes_free(&r->spikes);
    convis_release(f->context, r->cell);
    convis_release(f->context, r->spikes_of);
    memset(r, 0, sizeof *r);
}
