/* parameter_vector.h - the parameters that require gradient, as one vector that optimisers can move. */
#ifndef CONVIS_PARAMETER_VECTOR_H
#define CONVIS_PARAMETER_VECTOR_H
#include <convis/fit.h>
#include <convis/layer.h>

/* Both scales have the value `scale` and the derivative `scale` at x = 1. */
struct convis_parameter_vector {
    convis_model *model;
    convis_context *context;
    int     count;
    int64_t n;
    convis_vector_part *list;
    double *low, *high;              /* bounds of x */
    double *values, *gradient;       /* n: the model's own numbers; gradients by them */
    double *x;                       /* of one that convis_parameter_vector_new made: the last ones */
};

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
