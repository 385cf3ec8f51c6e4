/* numbers.c - the caller's memory: frames of any type of number and any order, in and out. */
#include "run.h"
#include <math.h>
#include <string.h>

#define EACH_TYPE(X) X(CONVIS_FLOAT32, float) X(CONVIS_FLOAT64, double) X(CONVIS_UINT8, uint8_t) X(CONVIS_INT16, int16_t) \
                     X(CONVIS_UINT16, uint16_t) X(CONVIS_INT32, int32_t)
static const convis_number OWN = sizeof(convis_real) == sizeof(double) ? CONVIS_FLOAT64 : CONVIS_FLOAT32;

static void read_row(convis_number type, const void *data, int64_t at, int64_t stride, int64_t n, convis_real *to)
{
    switch (type) {
#define READ(name, number) \
    case name: for (int64_t x = 0; x < n; x++) to[x] = (convis_real)((const number *)data)[at + x*stride]; break;
        EACH_TYPE(READ)
    }
}

/* What is finite as a double, and not as a convis_real. */
static int overflows(const double *row, int64_t stride, const convis_real *as, int64_t n)
{
    for (int64_t x = 0; x < n; x++) if (!isfinite((double)as[x]) && isfinite(row[x*stride])) return 1;
    return 0;
}

static void write_row(convis_number type, void *data, int64_t at, int64_t stride, int64_t n, const convis_real *from,
                      int64_t apart)
{
    if (type == CONVIS_FLOAT64) for (int64_t x = 0; x < n; x++) ((double *)data)[at + x*stride] = (double)from[x*apart];
    else for (int64_t x = 0; x < n; x++) ((float *)data)[at + x*stride] = (float)from[x*apart];
}

/* The row of number i, counted over B, C, T and Y, in memory with these strides. */
static int64_t row_at(const int64_t *n, const int64_t *stride, int64_t i)
{
    const int64_t y = i%n[CONVIS_Y], t = i/n[CONVIS_Y]%n[CONVIS_T], c = i/n[CONVIS_Y]/n[CONVIS_T]%n[CONVIS_C],
                  b = i/n[CONVIS_Y]/n[CONVIS_T]/n[CONVIS_C];
    return b*stride[CONVIS_B] + c*stride[CONVIS_C] + t*stride[CONVIS_T] + y*stride[CONVIS_Y];
}

static int64_t rows_of(const int64_t *n) { return n[CONVIS_B]*n[CONVIS_C]*n[CONVIS_T]*n[CONVIS_Y]; }

static convis_status check_type(const convis_model *m, const char *name, const convis_memory *a)
{
    if (a->type >= CONVIS_FLOAT32 && a->type <= CONVIS_INT32) return CONVIS_OK;
    return convis_fail(m->context, CONVIS_EINVAL, "%s: numbers of type %d, which there is not", name, (int)a->type);
}

/* ---- In ---- */

convis_status convis_take_numbers(convis_model *m, model_input *i, const convis_memory *a, convis_tensor *frames)
{
    convis_status status = check_type(m, i->name, a);
    int strides = 0;
    for (int d = 0; d < CONVIS_DIMS; d++) strides |= a->stride[d] != 0;
    if (!status && !strides && convis_elements(a->shape) > 1)
        status = convis_fail(m->context, CONVIS_EINVAL, "%s: memory whose strides are all 0 (convis_memory_view)", i->name);
    *frames = (convis_tensor){ .data = a->data, .shape = a->shape };
    memcpy(frames->stride, a->stride, sizeof a->stride);
    if (status || a->type == OWN || !a->data) return status;
    convis_shape most = i->frames.shape, own = a->shape;
    most.dim[CONVIS_T] = own.dim[CONVIS_T] = m->chunk.dim[CONVIS_T];
    if (memcmp(&most, &own, sizeof own) || a->shape.dim[CONVIS_T] > most.dim[CONVIS_T])
        return CONVIS_OK;      /* refused by whoever gets it */
    const int64_t numbers = m->chunk.dim[CONVIS_T]*i->frames.n;
    if (!i->converted && !(i->converted = convis_obtain(m->context, (size_t)numbers*sizeof *i->converted))) return CONVIS_ENOMEM;
    *frames = convis_frames_view(&i->frames, i->converted, a->shape.dim[CONVIS_T]);
    const int64_t *n = a->shape.dim;
    for (int64_t k = 0; k < rows_of(n); k++) {
        const int64_t at = row_at(n, a->stride, k);
        convis_real *to = frames->data + row_at(n, frames->stride, k);
        read_row(a->type, a->data, at, a->stride[CONVIS_X], n[CONVIS_X], to);
        if (!m->allow_nonfinite && a->type == CONVIS_FLOAT64 &&
            overflows((const double *)a->data + at, a->stride[CONVIS_X], to, n[CONVIS_X]))
            return convis_fail(m->context, CONVIS_EINVAL, "%s: a number is too large for single precision", i->name);
    }
    return CONVIS_OK;
}

/* ---- Out ---- */

static convis_status check_to(const convis_model *m, const char *path, const buffer *b, const convis_memory *to)
{
    convis_status status = check_type(m, path, to);
    if (status) return status;
    if (to->type > CONVIS_FLOAT64)
        return convis_fail(m->context, CONVIS_EINVAL, "%s: its numbers can be written as CONVIS_FLOAT32 or CONVIS_FLOAT64 alone",
                           path);
    for (int d = 0; d < CONVIS_DIMS; d++)
        if (d == CONVIS_T ? to->shape.dim[d] < 1 : to->shape.dim[d] != b->shape.dim[d])
            return convis_fail(m->context, CONVIS_ESHAPE,
                               "%s: memory for (%lld, %lld, %lld, %lld, %lld), expected (%lld, %lld, T, %lld, %lld)", path,
                               (long long)to->shape.dim[0], (long long)to->shape.dim[1], (long long)to->shape.dim[2],
                               (long long)to->shape.dim[3], (long long)to->shape.dim[4], (long long)b->shape.dim[0],
                               (long long)b->shape.dim[1], (long long)b->shape.dim[3], (long long)b->shape.dim[4]);
    for (int d = 0; d < CONVIS_DIMS; d++)
        if (to->shape.dim[d] > 1 && !to->stride[d])
            return convis_fail(m->context, CONVIS_EINVAL, "%s: memory whose stride along %c is 0, where it has %lld numbers",
                               path, "BCTYX"[d], (long long)to->shape.dim[d]);
    return to->data ? CONVIS_OK : convis_fail(m->context, CONVIS_EINVAL, "%s: memory without an address", path);
}

convis_status convis_output_to(convis_model *m, const char *path, const convis_memory *to)
{
    CONVIS_NEEDS(m, path);
    if (convis_refuse(m)) return m->status;
    buffer *b = convis_find_output(m, path, NULL);
    if (!b) return CONVIS_ENAME;
    if (!m->planned || !b->probed)
        return convis_fail(m->context, CONVIS_ESTATE, "%s: its output was not probed (convis_probe)", path);
    const convis_status status = to ? check_to(m, path, b, to) : CONVIS_OK;
    if (!status) {
        b->to = to ? *to : (convis_memory){ .data = NULL };
        b->bound = 0;
    }
    return status;
}

static int lies_as_own(const convis_model *m, const buffer *b)
{
    const convis_tensor own = convis_frames_view(b, NULL, b->to.shape.dim[CONVIS_T]);
    if (b->to.type != OWN || !m->device->type->host_visible || m->recording || b->history || !b->whole) return 0;
    for (int d = 0; d < CONVIS_DIMS; d++) if (b->to.shape.dim[d] > 1 && b->to.stride[d] != own.stride[d]) return 0;
    return 1;
}

/* Each output that there may be. */
static buffer *output_at(const convis_model *m, int k)
{
    for (int j = 0; j < m->count; j++) {
        model_layer *l = &m->layers[j];
        if (k <= l->extras) return k ? &l->extra[k - 1] : &l->out;
        k -= 1 + l->extras;
    }
    return NULL;
}

static const model_layer *owner_of(const convis_model *m, const buffer *b)
{
    const model_layer *l = m->layers;
    while (b != &l->out && !(b >= l->extra && b < l->extra + CONVIS_MAX_OUTPUTS)) l++;
    return l;
}

convis_status convis_bind_outputs(convis_model *m, int64_t frames)
{
    buffer *b;
    for (int k = 0; (b = output_at(m, k)); k++)
        if (b->to.data && b->to.shape.dim[CONVIS_T] < frames)
            return convis_fail(m->context, CONVIS_ESHAPE,
                               "%s: its output is to be written to memory for %lld frames, the run has %lld",
                               owner_of(m, b)->name, (long long)b->to.shape.dim[CONVIS_T], (long long)frames);
    for (int k = 0; (b = output_at(m, k)); k++) {
        b->bound = b->to.data && lies_as_own(m, b);
        if (!b->bound) continue;
        b->own = b->base;
        b->base = b->to.data;
    }
    return CONVIS_OK;
}

void convis_forget_bindings(convis_model *m)
{
    buffer *b;
    for (int k = 0; (b = output_at(m, k)); k++) {
        b->to.data = NULL;
        b->bound = 0;
    }
}

convis_status convis_unbind_outputs(convis_model *m)
{
    buffer *b;
    convis_status status = CONVIS_OK;
    for (int k = 0; (b = output_at(m, k)); k++) {
        convis_real *frames;
        if (b->bound) b->base = b->own;
        if (!b->to.data || b->bound || status || (status = convis_stage_fetch(m, b, &frames))) continue;
        const convis_tensor from = convis_frames_view(b, frames, m->ran);
        const int64_t *n = from.shape.dim;
        for (int64_t i = 0; i < rows_of(n); i++)
            write_row(b->to.type, b->to.data, row_at(n, b->to.stride, i), b->to.stride[CONVIS_X], n[CONVIS_X],
                      from.data + row_at(n, from.stride, i), from.stride[CONVIS_X]);
    }
    return status;
}
