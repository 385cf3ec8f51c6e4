/* spk.c - VirtualRetina's spikes, lines "unit time"; and spikes of any format in, ordered by time, then unit. */
#include "base/text.h"
#include "spikes.h"
#include "npy.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- In ---- */

static convis_status spk_read(convis_context *c, const char *path, convis_column *spikes)
{
    convis_lines t;
    int got;
    convis_status status = convis_lines_open(c, path, "lines 'unit time'", &t);
    if (status) return status;
    while (!status && (got = convis_lines_line(&t)) > 0) {
        convis_spike *spike = convis_column_add(c, spikes);
        status = spike ? convis_lines_integer(&t, convis_lines_word(&t, 0), "unit", &spike->unit) : CONVIS_ENOMEM;
        if (!status) status = convis_lines_number(&t, convis_lines_word(&t, 0), "time", &spike->time);
        char *more = status ? NULL : convis_lines_word(&t, 0);
        if (more)
            status = convis_fail(c, CONVIS_EFORMAT, "%s:%lld: '%s' after the time, expected two columns: unit time", path,
                                 (long long)t.line, CONVIS_QUOTED(more));
    }
    if (!status && got < 0) status = CONVIS_EFORMAT;
    convis_lines_close(&t);
    return status;
}

convis_status convis_spikes_columns(convis_context *c, const char *path, const convis_array *unit, const convis_array *time,
                                    const convis_array *layer, convis_column *spikes)
{
    const convis_array *const columns[3] = { unit, time, layer };
    for (int k = 0; k < 3; k++)
        if (columns[k]->data && (columns[k]->dims != 1 || columns[k]->dim[0] != time->dim[0]))
            return convis_fail(c, CONVIS_ESHAPE,
                               "%s: unit, time and layer of the spikes differ in length, expected one row of each per spike",
                               path);
    for (int64_t i = 0; i < time->dim[0]; i++) {
        convis_spike *spike = convis_column_add(c, spikes);
        if (!spike) return CONVIS_ENOMEM;
        convis_status status =
            convis_spike_set(c, path, i, unit->data[i], time->data[i], layer->data ? layer->data[i] : 0, spike);
        if (status) return status;
    }
    return CONVIS_OK;
}

int convis_is_whole(double v) { return v >= INT32_MIN && v <= INT32_MAX && v == floor(v); }

convis_status convis_spike_set(convis_context *c, const char *path, int64_t row, double unit, double time, double layer,
                               convis_spike *spike)
{
    if (!isfinite(time) || !convis_is_whole(unit) || !convis_is_whole(layer))
        return convis_fail(c, CONVIS_EFORMAT, "%s: spike %lld is unit %g, time %g, layer %g, expected whole numbers and a time",
                           path, (long long)row, unit, time, layer);
    *spike = (convis_spike){ time, (int32_t)unit, (int32_t)layer };
    return CONVIS_OK;
}

/* (N, 3): unit, time, layer. */
static convis_status npy_read(convis_context *c, const char *path, convis_column *spikes)
{
    convis_array a;
    convis_status status = convis_array_read(c, path, &a);
    if (status) return status;
    if (a.dims != 2 || a.dim[1] != 3)
        status = convis_fail(c, CONVIS_ESHAPE, "%s: not of the shape (N, 3), expected rows of unit, time, layer", path);
    for (int64_t i = 0; !status && i < a.dim[0]; i++) {
        convis_spike *spike = convis_column_add(c, spikes);
        status = spike ? convis_spike_set(c, path, i, a.data[3*i], a.data[3*i + 1], a.data[3*i + 2], spike) : CONVIS_ENOMEM;
    }
    convis_array_free(&a);
    return status;
}

static int by_time(const void *first, const void *second)
{
    const convis_spike *a = first, *b = second;
    return a->time != b->time ? (a->time > b->time) - (a->time < b->time) : (a->unit > b->unit) - (a->unit < b->unit);
}

convis_status convis_spikes_read(convis_context *c, const char *path, convis_spike **spikes, int64_t *count)
{
    CONVIS_NEEDS(c, path, spikes, count);
    static const struct { const char *extension; convis_spike_reader *read; } FORMATS[] = {
        { ".spk", spk_read }, { ".txt", spk_read }, { ".csv", convis_csv_spikes_read }, { ".npy", npy_read },
        { ".npz", convis_npz_spikes_read }, { ".h5", convis_hdf5_spikes_read }, { ".hdf5", convis_hdf5_spikes_read } };
    const char *dot = strrchr(path, '.');
    convis_column list = { .size = sizeof(convis_spike) };
    convis_status status = CONVIS_ENOTSUP;
    size_t k = 0;
    *spikes = NULL;
    *count = 0;
    while (k < sizeof FORMATS/sizeof *FORMATS && (!dot || strcasecmp(dot, FORMATS[k].extension))) k++;
    if (k < sizeof FORMATS/sizeof *FORMATS) status = FORMATS[k].read(c, path, &list);
    else convis_fail(c, status, "%s: expected spikes: .spk, .txt, .csv, .npy, .npz or .h5", path);
    if (status) { convis_disown(list.data); return status; }

    int ordered = 1;
    const convis_spike *s = list.data;
    for (int64_t i = 1; i < list.count && ordered; i++) ordered = by_time(s + i - 1, s + i) <= 0;
    if (!ordered) qsort(list.data, (size_t)list.count, sizeof *s, by_time);
    *spikes = list.data;
    *count = list.count;
    return CONVIS_OK;
}

void convis_spikes_free(convis_spike **spikes)
{
    if (!spikes) return;
    convis_disown(*spikes);
    *spikes = NULL;
}

/* ---- Out: 12 digits, 0.1 us after a day (VirtualRetina itself writes 6) ---- */

typedef struct sink { convis_spike_writer base; convis_out out; } sink;

static convis_status spk_write(convis_spike_writer *w, const convis_spike *spikes, int64_t count)
{
    sink *s = (sink *)w;
    locale_t before = convis_lines_locale((locale_t)0);
    for (int64_t i = 0; i < count && !s->out.status; i++)
        convis_out_check(&s->out, fprintf(s->out.file, "%d %.12g\n", spikes[i].unit, spikes[i].time) > 0);
    convis_lines_locale(before);
    return s->out.status;
}

static convis_status spk_finish(convis_spike_writer *w, double seconds, int keep)
{
    sink *s = (sink *)w;
    (void)seconds;
    convis_status status = convis_out_finish(&s->out, keep);
    convis_release(w->context, s);
    return status;
}

convis_status convis_spk_spikes(convis_context *c, const char *path, const convis_cell *units, int64_t count,
                                const convis_provenance *provenance, convis_spike_writer **writer)
{
    (void)units; (void)count; (void)provenance;          /* the format has no place for them */
    sink *s = convis_obtain(c, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    s->base = (convis_spike_writer){ c, spk_write, spk_finish };
    convis_status status = convis_out_open(c, path, 0, &s->out);
    if (status) { convis_release(c, s); return status; }
    *writer = &s->base;
    return CONVIS_OK;
}
