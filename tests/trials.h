/* trials.h - every layer in settings, shapes and drawn parameters: what every_layer.c and test_devices.c try. */
#ifndef TRIALS_H
#define TRIALS_H
#include "harness.h"

typedef struct need {
    const char *type;
    double low, high;                /* its usual input */
    int    one_map, noisy;           /* it takes no batches or channels; its seed matters */
    void (*supply)(convis_model *, const char *name, convis_shape in);
} need;
const need *need_of(const convis_layer_type *);

enum { ALONE, AMONG, SETTINGS };     /* AMONG: behind and in front of others, through edges that cost 1 and 2 frames */
enum { VARIANTS = 3 };               /* 0: default parameters */
typedef struct trial { const convis_layer_type *type; convis_shape shape; int variant, setting; } trial;
typedef struct manner {
    const char *device;
    int     threads;
    chunking how;
    int64_t longest;                 /* frames it is planned for; 0: all */
    uint64_t seed;
    int     probe_all;
    const convis_allocator *memory;
} manner;
static const manner PLAIN = { "cpu:baseline", 1, WHOLE, 0, 7, 1, NULL };

enum { SHAPE_COUNT = 6, SMALL = 1, BATCHES = 4 };
convis_shape  shape_of(int k);
int           fits(const trial *);               /* the layer takes this shape */
const char   *describe(const trial *);
convis_tensor movie_of(const trial *);           /* free its data */
int64_t       longest(const trial *, const manner *);
/* The layer is named "it". */
convis_model *build(convis_context *, const trial *);
void          probe_outputs(convis_model *, const trial *, int all);
/* On a new context; on one that is there, with what its status was. */
convis_model *planned(const trial *, const manner *, convis_context **);
convis_status planned_on(convis_context *, const trial *, const manner *, convis_model **);
recording     observe(const trial *, const manner *);
/* What a trial's model does on a context from its first frame to its last. */
recording lived(convis_context *, const trial *, const manner *);
#endif
