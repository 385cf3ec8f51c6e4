/* hdf5_calls.c - the table of hdf5_calls.h. */
#define CONVIS_CALLS_OWN
#include "hdf5_calls.h"

#define CONVIS_CALL_VARIABLE(name) CONVIS_VARIABLE(convis_hdf5, name),
#define CONVIS_CALL_ENTRY(name) CONVIS_SYMBOL(convis_hdf5, name),
CONVIS_CALLS_DEFINE(hdf5, CONVIS_HDF5_CALLS)
