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
convis_status convis_spike_set(convis_context *, const char *path, int64_t row, double unit, double time, double layer, convis_spike *);
int convis_is_whole(double);                             /* of 32 bits */
/* The cells that a .h5 or .npz of spikes keeps; ENAME when it keeps none. Free with convis_units_free. */
convis_status convis_units_kept(convis_context *, const char *file, convis_unit **, int64_t *count);
#endif
