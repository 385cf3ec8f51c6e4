/* initialisers.h - arrays from a text: "gaussian?sigma=2". The public lists of kinds and keys are in <convis/convis.h>. */
#ifndef CONVIS_INITIALISERS_H
#define CONVIS_INITIALISERS_H
#include <convis/layer.h>

/* values: (out, in, T, Y, X). path begins the sentences. */
convis_status convis_initialiser_values(convis_context *, const char *path, const char *spec, convis_shape, double dt,
                                        double *values);
#endif
