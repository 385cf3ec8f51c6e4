/* parameter_vector.h - the parameters that require gradient, as one vector that optimisers can move. */
#ifndef CONVIS_PARAMETER_VECTOR_H
#define CONVIS_PARAMETER_VECTOR_H
#include <convis/layer.h>

/* One parameter: its numbers are x[at] to x[at + count - 1]. Its value is scale x, or, where `logarithmic`, scale exp(x - 1), so that
 * both have the value `scale` and the derivative `scale` at 1. */
typedef struct convis_vector_part {
    char    path[128];
    convis_shape shape;              /* (out, in, T, Y, X) */
    int64_t at, count;
    double  scale, least, most;      /* least, most: of the value */
    int     array, logarithmic;
} convis_vector_part;

typedef struct convis_parameter_vector {
    convis_model *model;
    convis_context *context;
    int     count;
    int64_t n;
    convis_vector_part *list;
    double *low, *high;              /* bounds of x */
    double *values, *gradient;       /* n: the model's own numbers; gradients by them */
} convis_parameter_vector;

/* linear: no logarithms. The model is planned. ESTATE when nothing requires gradient. */
convis_status convis_parameter_vector_open (convis_model *, int linear, convis_parameter_vector *);
void          convis_parameter_vector_close(convis_parameter_vector *);
void          convis_parameter_vector_get(const convis_parameter_vector *, double *x);             /* from values */
convis_status convis_parameter_vector_put(convis_parameter_vector *, const double *x);             /* into values, and the model */
convis_status convis_parameter_vector_collect(convis_parameter_vector *);                          /* the model's gradients */
void          convis_parameter_vector_chain(const convis_parameter_vector *, const double *x, double *gradient);   /* by x */
/* Another scale for parameter k, and the bounds of x that follow. */
void          convis_parameter_vector_scale(convis_parameter_vector *, int k, double scale, int logarithmic);
#endif
