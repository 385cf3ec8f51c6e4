/* csv.c - tables as text: spikes ("unit,time,layer") in and out, maps ("frame,y,x,value") out. */
#include "base/lines.h"
#include "spikes.h"
#include <string.h>

/* ---- Spikes in: the columns in any order, layer optional, others passed over ---- */

convis_status convis_csv_spikes_read(convis_context *c, const char *path, convis_column *spikes)
{
    enum { UNIT, TIME, LAYER, COLUMNS };
    static const char *const NAMES[COLUMNS] = { "unit", "time", "layer" };
    int place[COLUMNS] = { -1, -1, -1 }, got;
    convis_lines t;
    char *word;
    convis_status status = convis_lines_open(c, path, "spikes as .csv", &t);
    if (status) return status;
    if ((got = convis_lines_line(&t)) < 0) status = CONVIS_EFORMAT;
    for (int column = 0; got > 0 && (word = convis_lines_word(&t, 1)); column++)
        for (int k = 0; k < COLUMNS; k++) if (!strcmp(word, NAMES[k])) place[k] = column;
    if (!status && (place[UNIT] < 0 || place[TIME] < 0))
        status = convis_fail(c, CONVIS_EFORMAT, "%s:1: the header has no 'unit' or no 'time', expected unit,time,layer", path);
    while (!status && (got = convis_lines_line(&t)) > 0) {
        const char *words[COLUMNS] = { NULL };
        for (int column = 0; (word = convis_lines_word(&t, 1)); column++)
            for (int k = 0; k < COLUMNS; k++) if (column == place[k]) words[k] = word;
        convis_spike *spike = convis_column_add(c, spikes);
        status = spike ? convis_lines_integer(&t, words[UNIT], "unit", &spike->unit) : CONVIS_ENOMEM;
        if (!status) status = convis_lines_number(&t, words[TIME], "time", &spike->time);
        if (!status && place[LAYER] >= 0) status = convis_lines_integer(&t, words[LAYER], "layer", &spike->layer);
    }
    if (!status && got < 0) status = CONVIS_EFORMAT;
    convis_lines_close(&t);
    return status;
}

/* ---- Spikes out ---- */

typedef struct spike_sink { convis_spike_writer base; convis_out out; } spike_sink;

static convis_status spike_write(convis_spike_writer *w, const convis_spike *spikes, int64_t count)
{
    spike_sink *s = (spike_sink *)w;
    char time[CONVIS_LINES_NUMBER];
    locale_t before = convis_lines_locale((locale_t)0);
    for (int64_t i = 0; i < count && !s->out.status; i++) {
        convis_lines_print(time, spikes[i].time);
        convis_out_check(&s->out, fprintf(s->out.file, "%d,%s,%d\n", spikes[i].unit, time, spikes[i].layer) > 0);
    }
    convis_lines_locale(before);
    return s->out.status;
}

static convis_status spike_finish(convis_spike_writer *w, double seconds, int keep)
{
    spike_sink *s = (spike_sink *)w;
    (void)seconds;
    convis_status status = convis_out_finish(&s->out, keep);
    convis_release(w->context, s);
    return status;
}

convis_status convis_csv_spikes(convis_context *c, const char *path, const convis_cell *units, int64_t count,
                                const convis_provenance *provenance, convis_spike_writer **writer)
{
    (void)units; (void)count; (void)provenance;
    spike_sink *s = convis_obtain(c, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    s->base = (convis_spike_writer){ c, spike_write, spike_finish };
    convis_status status = convis_out_open(c, path, 0, &s->out);
    if (status) { convis_release(c, s); return status; }
    convis_out_write(&s->out, "unit,time,layer\n", 16);
    *writer = &s->base;
    return CONVIS_OK;
}

/* ---- Maps out ---- */

typedef struct map_sink { convis_map_writer base; convis_out out; int64_t frames; float *plane; } map_sink;

static convis_status map_write(convis_map_writer *w, convis_tensor frames)
{
    map_sink *m = (map_sink *)w;
    const int64_t height = w->frame.dim[CONVIS_Y], width = w->frame.dim[CONVIS_X];
    locale_t before = convis_lines_locale((locale_t)0);
    for (int64_t t = 0; t < frames.shape.dim[CONVIS_T] && !m->out.status; t++, m->frames++) {
        convis_plane(frames, 0, 0, t, m->plane);
        for (int64_t y = 0; y < height && !m->out.status; y++)
            for (int64_t x = 0; x < width && !m->out.status; x++)
                convis_out_check(&m->out, fprintf(m->out.file, "%lld,%lld,%lld,%.9g\n", (long long)m->frames, (long long)y,
                                                  (long long)x, (double)m->plane[y*width + x]) > 0);
    }
    convis_lines_locale(before);
    return m->out.status;
}

static convis_status map_finish(convis_map_writer *w, int keep)
{
    map_sink *m = (map_sink *)w;
    convis_status status = convis_out_finish(&m->out, keep);
    convis_release(w->context, m->plane);
    convis_release(w->context, m);
    return status;
}

convis_status convis_csv_maps(convis_context *c, const char *path, const char *name, convis_shape frame,
                              const convis_provenance *provenance, convis_map_writer **writer)
{
    (void)name; (void)provenance;
    convis_status status = convis_one_channel(c, path, frame);
    if (status) return status;
    map_sink *m = convis_obtain(c, sizeof *m);
    if (!m) return CONVIS_ENOMEM;
    m->base = (convis_map_writer){ c, frame, map_write, map_finish };
    m->plane = convis_obtain(c, (size_t)(frame.dim[CONVIS_Y]*frame.dim[CONVIS_X])*sizeof(float));
    status = m->plane ? convis_out_open(c, path, 0, &m->out) : CONVIS_ENOMEM;
    if (status) { convis_release(c, m->plane); convis_release(c, m); return status; }
    convis_out_write(&m->out, "frame,y,x,value\n", 16);
    *writer = &m->base;
    return CONVIS_OK;
}
