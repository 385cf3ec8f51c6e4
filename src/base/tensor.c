/* tensor.c - views, slices and copies; no arithmetic here. */
#include <convis/convis.h>
#include <string.h>

convis_shape convis_movie_shape(int64_t t, int64_t y, int64_t x) { return (convis_shape){ { 1, 1, t, y, x } }; }

int64_t convis_elements(convis_shape s)
{
    int64_t n = 1;
    int is_empty = 0, is_huge = 0;
    for (int d = 0; d < CONVIS_DIMS; d++) {
        if (s.dim[d] < 0) return -1;
        is_empty |= !s.dim[d];
        is_huge |= __builtin_mul_overflow(n, s.dim[d], &n);
    }
    return is_empty ? 0 : is_huge ? -1 : n;
}

static const convis_tensor nothing = { .data = NULL };

convis_tensor convis_view(convis_real *data, convis_shape shape)
{
    convis_tensor v = { data, shape, { 0 } };
    int64_t step = 1;
    if (convis_elements(shape) < 0) return nothing;
    for (int d = CONVIS_DIMS - 1; d >= 0; d--) { v.stride[d] = step; step *= shape.dim[d]; }
    return v;
}

convis_memory convis_memory_view(void *data, convis_number type, convis_shape shape)
{
    convis_memory a = { data, type, shape, { 0 } };
    memcpy(a.stride, convis_view(NULL, shape).stride, sizeof a.stride);
    return a;
}

void convis_tensor_copy(convis_tensor to, convis_tensor from)
{
    const int64_t *n = to.shape.dim, *a = to.stride, *b = from.stride;
    if (!to.data || !from.data || memcmp(&to.shape, &from.shape, sizeof to.shape) || convis_elements(to.shape) < 0) return;
    for (int64_t i = 0; i < n[CONVIS_T]*n[CONVIS_B]*n[CONVIS_C]*n[CONVIS_Y]; i++) {
        const int64_t y = i%n[CONVIS_Y], c = i/n[CONVIS_Y]%n[CONVIS_C], k = i/n[CONVIS_Y]/n[CONVIS_C],
                      j = k%n[CONVIS_B], t = k/n[CONVIS_B];
        convis_real *row = to.data + j*a[CONVIS_B] + c*a[CONVIS_C] + t*a[CONVIS_T] + y*a[CONVIS_Y];
        const convis_real *old = from.data + j*b[CONVIS_B] + c*b[CONVIS_C] + t*b[CONVIS_T] + y*b[CONVIS_Y];
        if (a[CONVIS_X] == 1 && b[CONVIS_X] == 1) memcpy(row, old, (size_t)n[CONVIS_X]*sizeof *row);
        else for (int64_t x = 0; x < n[CONVIS_X]; x++) row[x*a[CONVIS_X]] = old[x*b[CONVIS_X]];
    }
}

convis_tensor convis_slice(convis_tensor v, int dim, int64_t from, int64_t to)
{
    if (dim < 0 || dim >= CONVIS_DIMS || from < 0 || to < from || to > v.shape.dim[dim]) return nothing;
    if (v.data) v.data += from*v.stride[dim];
    v.shape.dim[dim] = to - from;
    return v;
}
