/* sinks.h - what the writers share: planes of a map, and the list of spike writers. */
#ifndef CONVIS_SINKS_H
#define CONVIS_SINKS_H
#include "format.h"
#include <stdio.h>

/* One (Y, X) plane of a tensor as contiguous float32. */
void convis_plane(convis_tensor, int64_t b, int64_t c, int64_t t, float *to);
/* For formats that hold one channel: the sentence when there are more. */
convis_status convis_one_channel(convis_context *, const char *path, convis_shape frame);

/* Spikes out; arguments as convis_spike_writer_open. */
typedef convis_status convis_spike_opener(convis_context *, const char *file, const convis_cell *, int64_t units,
                                          const convis_provenance *, convis_spike_writer **);
convis_spike_opener convis_spk_spikes, convis_csv_spikes, convis_npy_spikes, convis_npz_spikes, convis_hdf5_spikes;
#endif
