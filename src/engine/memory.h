/* memory.h - a model's memory on its device. */
#ifndef CONVIS_MEMORY_H
#define CONVIS_MEMORY_H
#include "device/rows.h"
#include "model.h"

/* A block that is prepared on the host, and its copy on a device that cannot see it. */
typedef struct mirror { const char *host; char *copy; size_t bytes; } mirror;

/* What a pass's kernels depend on, but for constants. Without padding, as it is compared whole. */
typedef struct pass_key {
    const void *in[CONVIS_MAX_INPUTS], *out, *extra[CONVIS_MAX_OUTPUTS], *state[CONVIS_MAX_STATES], *tape[CONVIS_MAX_TAPE],
        *scratch;
    int64_t frames;
    double  dt;
} pass_key;
typedef struct capture { pass_key key; void *launches; } capture;        /* launches: NULL the first time */

/* Where a layer's memory and kernels are; pass->place of its passes. */
struct convis_place {
    convis_device  *device;
    convis_program *program;         /* NULL: it has no kernels */
    mirror constants, numbers;
    capture passes[2];               /* of a capturable layer, the last used first: all sub-chunks but a chunk's last are alike */
    int     always_run;              /* the device would not capture them */
};

/* Kernels of all layers; ENOTSUP names a layer that has none for this device. */
convis_status convis_place_layers(convis_model *);
void          convis_unplace_layers(convis_model *);
/* A layer's constants have changed. */
void          convis_place_prepared(const model_layer *);
/* Room for the copies of what it prepares, where the device needs them. */
void          convis_place_mirrors(convis_model *, model_layer *, convis_status *status);

/* Zeroed memory for kernels. *status is left alone when it is not OK. */
void         *convis_model_obtain (convis_model *, size_t bytes, convis_status *status);
convis_real  *convis_model_numbers(convis_model *, int64_t n, convis_status *status);
void          convis_model_release(convis_model *, void *);
/* How long sub-chunks and chunks can be for the model to fit into a device whose memory is limited; ENOMEM says what it needs.
 * count: makes all allocations, which are only counted. */
convis_status convis_model_fit(convis_model *, convis_status (*count)(convis_model *));
#endif
