/* gradient_trials.h - every layer in the settings in which its gradients are tried, and how the gradients of a model are collected: what
 * test_gradients.c and test_devices.c share. */
#ifndef SLOPES_H
#define SLOPES_H
#include "harness.h"

enum { FRAMES = 9, SINGLE = sizeof(convis_real) < sizeof(double) };

typedef struct setting {                 /* of a layer */
    const char *type, *set;              /* "name=value;name=value" */
    double low, high, baseline;              /* of the input */
    void (*supply)(convis_model *, convis_shape frame);
    const char *skip;                    /* states and parameters that are not compared: " wait before " */
    int64_t channels;
    double dt;
    int     inputs;                      /* 0: as many as there may be */
} setting;

/* The index-th setting of a layer; NULL past the last. */
const setting *settings_of(const convis_layer_type *, int index);
int            is_for_small_maps(const setting *);

typedef struct subject subject;
struct subject {
    convis_context *context;
    int     borrowed;                    /* the context is somebody else's */
    convis_model *model;
    convis_tensor movie, d_movie;
    const char *output[5];               /* where L comes from */
    int64_t longest;                     /* frames of a chunk */
    void   (*begin)(const subject *);             /* sets states after a reset; or NULL */
    double (*loss)(const subject *);              /* NULL: the weighted outputs */
    double *usual[4], noise;             /* outputs that are subtracted, so that differences lose no digits; what L cannot tell */
};

double        weight_of(int output, int64_t i);                  /* in L */
convis_shape  frames_of(const subject *, int output, int64_t frames);
/* The layer is named "it", and all its gradients are required. On a new context, or on a given one; that is not planned yet. */
subject       subject_of(const convis_layer_type *, const setting *, const char *device, int threads, convis_shape, int64_t longest);
subject       subject_on(convis_context *, const convis_layer_type *, const setting *, convis_shape, int64_t longest);
convis_status plan_subject(subject *);                           /* its model, for its movie */
void          restart(const subject *);
void          leave(subject *);

enum { MOST_PATHS = 128 };
typedef struct gradient {
    char    path[MOST_PATHS][128];
    int64_t count[MOST_PATHS];
    double *value[MOST_PATHS];
    int     paths;
    double *movie;
    int64_t frames;                      /* numbers of the movie */
    double  floor;
} gradient;

/* The whole backward pass, chunk by chunk from the last, each run again from the state at its start. */
gradient      gradient_of(subject *);
void          gradient_free(gradient *);
double        largest_of(const double *, int64_t n);
void          assert_alike(double a, double b, double scale, double tolerance, const char *what, const char *path, int64_t i);
/* tolerance 0: the same bits. */
void          assert_same_gradient(const gradient *found, const gradient *expected, double tolerance, const char *what);
#endif
