/* spikes.h - spikes in, one reader a format; spk.c dispatches and puts them in order. */
#ifndef CONVIS_SPIKES_H
#define CONVIS_SPIKES_H
#include "sinks.h"
#include "base/lines.h"

/* Append the file's spikes, elements of type convis_spike, to the list; the caller disowns its data. */
typedef convis_status convis_spike_reader(convis_context *, const char *path, convis_column *);
convis_spike_reader convis_csv_spikes_read, convis_npz_spikes_read, convis_hdf5_spikes_read;

/* Three columns of one length as spikes; layer->data NULL: all 0. */
convis_status convis_spikes_columns(convis_context *, const char *path, const convis_array *unit, const convis_array *time,
                                    const convis_array *layer, convis_column *);
/* Numbers as a spike, checked; row is for the sentence. */
convis_status convis_spike_set(convis_context *, const char *path, int64_t row, double unit, double time, double layer,
                               convis_spike *);
/* A container with spikes in it, or a file that can hold nothing else? */
int convis_holds_spikes(convis_context *, const char *file);

/* ---- Counted in steps of dt (spike_counts.c) ---- */
typedef struct convis_spike_event { int64_t step; int32_t unit; } convis_spike_event;    /* step: -1 for any before time 0 */
typedef struct convis_spike_counts {
    convis_context *context;
    convis_spike_event *events;      /* in order of their steps */
    int64_t count, units;            /* units: cells, in order of layer, then id */
    double  dt, first, last,
        seconds;        /* times of the first and the last spike; seconds: the length of the recording, 0: not said */
} convis_spike_counts;
/* declared: so many units are expected, and cells 0, 1 ... are those of that number; 0: the cells that the file lists, else those that
 * fired. */
convis_status convis_spike_counts_open (convis_context *, const char *path, double dt, int64_t declared, convis_spike_counts *);
void          convis_spike_counts_close(convis_spike_counts *);
/* ESHAPE where the recording is not so many steps long, as `whose` is (NULL: these are its own), or spikes lie outside of them. */
convis_status convis_spike_counts_fit  (convis_spike_counts *, const char *path, int64_t steps, const char *whose);
void          convis_spike_counts_read (const convis_spike_counts *, int64_t step, int64_t steps, convis_real *to);  /* (steps, units) */

int convis_is_whole(double);                             /* of 32 bits */
int convis_cell_order(const void *, const void *);       /* for qsort and bsearch: by layer, then id */
/* The cells stored in a .h5 or .npz of spikes; ENAME when there are none. Free with convis_cells_free. */
convis_status convis_cells_recorded(convis_context *, const char *file, convis_cell **, int64_t *count);
#endif
