/* spacing.h - how far apart cells are. */
#ifndef CONVIS_SPACING_H
#define CONVIS_SPACING_H
#include "base/context.h"
/* spacing[u]: degrees from unit u to the nearest others of its layer, the mean of up to three; 0 for a layer's only cell. */
convis_status convis_unit_spacing(convis_context *, const convis_cell *, int64_t count, double *spacing);
#endif
