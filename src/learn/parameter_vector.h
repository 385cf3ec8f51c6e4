/* parameter_vector.h - the parameters that are wanted, as one vector that optimisers can move. */
#ifndef CONVIS_VARIABLES_H
#define CONVIS_VARIABLES_H
#include <convis/layer.h>

/* One parameter: its numbers are x[at] to x[at + count - 1]. Its value is scale x, or, where `logarithmic`, scale exp(x - 1), so that
 * both have the value `scale` and the slope `scale` at 1. */
typedef struct convis_variable {
    char    path[128];
    convis_shape shape;              /* (out, in, T, Y, X) */
    int64_t at, count;
    double  scale, least, most;      /* least, most: of the value */
    int     array, logarithmic;
} convis_variable;

typedef struct convis_variables {
    convis_model *model;
    convis_context *context;
    int     count;
    int64_t n;
    convis_variable *list;
    double *low, *high;              /* bounds of x */
    double *values, *slopes;         /* n: the model's own numbers; gradients by them */
} convis_variables;

/* linear: no logarithms. The model is planned. ESTATE when nothing is wanted. */
convis_status convis_variables_open (convis_model *, int linear, convis_variables *);
void          convis_variables_close(convis_variables *);
void          convis_variables_get(const convis_variables *, double *x);             /* from values */
convis_status convis_variables_put(convis_variables *, const double *x);             /* into values, and the model */
convis_status convis_variables_collect(convis_variables *);                          /* the model's gradients into slopes */
void          convis_variables_chain(const convis_variables *, const double *x, double *gradient);   /* slopes by x */
/* Another scale for parameter k, and the bounds of x that follow. */
void          convis_variables_scale(convis_variables *, int k, double scale, int logarithmic);
#endif
