/* remote.h - models whose memory is a device's. Layers, tables and the order of work are those of a processor; what kernels see
 * lies on the device, what is prepared from parameters is mirrored there, and only frames go to and fro. */
#ifndef CONVIS_REMOTE_H
#define CONVIS_REMOTE_H
#include "device/device.h"
#include "engine/launch.h"
#include "model.h"

/* A block of the host, and its copy on the device. */
typedef struct mirror { const char *host; char *there; size_t bytes; } mirror;

/* What a pass's kernels can hear of it, but for constants. Without padding, as it is compared whole. */
typedef struct pass_key {
    const void *in[CONVIS_MAX_INPUTS], *out, *extra[CONVIS_MAX_OUTPUTS], *state[CONVIS_MAX_STATES], *tape[CONVIS_MAX_TAPE], *scratch;
    int64_t frames;
    double  dt;
} pass_key;
typedef struct kept_pass { pass_key key; void *kept; } kept_pass;        /* kept: NULL the first time that it is met */

/* A layer's part; pass->there of its passes. */
struct convis_there {
    convis_device  *device;
    convis_program *program;
    mirror constants, numbers;
    kept_pass passes[2];             /* of a replayable layer, the last met first: all sub-chunks but a chunk's last are alike */
    int    always_run;               /* the device would not keep them */
};

/* Frames that leave the device after each sub-chunk, while the next is computed: from `from` (of a kept output, or a spiking
 * layer's tape; n numbers a frame) by way of one of two resting places to `to`, where frame t0 of the chunk has its place, or, `local`,
 * the sub-chunk's first. */
typedef struct departure { const buffer *from; convis_real *const *tape; convis_real *rest[2], *to; int64_t n; int local; } departure;

/* A model's part. */
struct convis_remote {
    convis_device *device;
    convis_real *landing[2];         /* where the movie's frames arrive while the last ones are still in use */
    convis_real *gathered;           /* a sub-chunk's frames on the host, one after the other */
    convis_real *spare;              /* on the device; room for frames that are moved, and for sums */
    departure   *departures;
    int     departure_count;
    int64_t bytes, largest;          /* memory that was asked for, and its largest block */
    int     counting;                /* only count it */
};

/* ---- remote.c: memory and kernels ---- */

/* Programs of all layers, and the remote; CONVIS_ENOTSUP names a layer without kernels for the device. No device: does nothing. */
convis_status convis_remote_open(convis_model *);
void          convis_remote_close(convis_model *);
/* Memory for what kernels see: the device's, or the processor's. *status is kept when it is not OK. */
void         *convis_remote_obtain(convis_model *, size_t bytes, convis_status *status);
void          convis_remote_release(convis_model *, void *);
/* How long sub-chunks and chunks can be for the model to fit; ENOMEM says what it needs. count: all allocations, into remote->bytes. */
convis_status convis_remote_fit(convis_model *, convis_status (*count)(convis_model *));
convis_status convis_remote_allocate(convis_model *);                    /* landing, departures */
void          convis_remote_prepared(const convis_model *, const model_layer *);         /* its constants are new */
void          convis_remote_forget(struct convis_there *);               /* passes that are kept */
/* A kernel of the layer's text. */
void convis_remote_launch(const convis_pass *, const char *kernel, int64_t n, int frames, void *const *buffers);
void convis_remote_run_kernel(const convis_pass *, const char *kernel, void *const *buffers, const convis_span *);
/* The same for what belongs to no layer (src/device/frames.c): add, fill, sums. */
void convis_remote_fill(const convis_model *, convis_real *to, int64_t n, double value);
void convis_remote_add (const convis_model *, convis_real *to, const convis_real *from, int64_t n);
double convis_remote_sum(const convis_model *, const convis_real *from, int64_t n);
/* Frames moved within one block; from and to may overlap. */
void convis_remote_move(const convis_model *, convis_real *to, const convis_real *from, int64_t n);

/* ---- remote_run.c, remote_grad.c: the ways there and back ---- */

convis_status convis_remote_run(convis_model *, convis_tensor in, int gathered);
convis_status convis_remote_fetch(convis_model *, buffer *);             /* its frames of the last run, to buffer->host */
convis_status convis_remote_back(convis_model *, const convis_tensor *d_in);
#endif
