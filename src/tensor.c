/* tensor.c - views and slices; no arithmetic here. */
#include <convis/convis.h>

convis_shape convis_movie_shape(int64_t t, int64_t y, int64_t x) { return (convis_shape){ { 1, 1, t, y, x } }; }

int64_t convis_elements(convis_shape s)
{
    int64_t n = 1;
    for (int d = 0; d < CONVIS_DIMS; d++) n *= s.dim[d];
    return n;
}

convis_tensor convis_view(convis_real *data, convis_shape shape)
{
    convis_tensor v = { data, shape, { 0 } };
    int64_t step = 1;
    for (int d = CONVIS_DIMS - 1; d >= 0; d--) { v.stride[d] = step; step *= shape.dim[d]; }
    return v;
}

convis_tensor convis_slice(convis_tensor v, int dim, int64_t from, int64_t to)
{
    v.data += from*v.stride[dim];
    v.shape.dim[dim] = to - from;
    return v;
}
