/* memory.c - a model's memory on its device, and how much there may be; kernels of its layers, and copies of what the host prepares. */
#include "memory.h"
#include "base/text.h"
#include <string.h>

/* ---- Kernels ---- */

static convis_status no_kernel(const convis_model *m, const model_layer *l, const char *kernel)
{
    const char *device = m->device->name, *type = l->type->name;
    if (kernel)
        return convis_fail(m->context, CONVIS_ENOTSUP, "%s: %s %s has no kernel '%s' for %s", l->name, convis_article(type), type,
                           kernel, device);
    return convis_fail(m->context, CONVIS_ENOTSUP, "%s: %s %s has no kernels for %s", l->name, convis_article(type), type,
                       device);
}

static convis_status place_layer(convis_model *m, model_layer *l)
{
    convis_device *d = m->device;
    const convis_layer_type *type = l->type;
    struct convis_place *place = l->pass.place = convis_obtain(m->context, sizeof *place);
    if (!place) return CONVIS_ENOMEM;
    place->device = d;
    if (!convis_device_has(d, type->kernels, type->source)) {
        const int by_itself = d->type->host_visible && !type->kernels && !type->pointwise;
        return by_itself ? CONVIS_OK : no_kernel(m, l, NULL);
    }
    place->program = convis_device_layer(d, type->name, type->kernels, type->source);
    if (!place->program) return d->status ? d->status : CONVIS_ENOMEM;
    if (type->pointwise && !(l->pointwise = convis_program_kernel(d, place->program, type->pointwise)))
        return no_kernel(m, l, type->pointwise);
    if (type->adjoint && l->out.active && !(l->adjoint = convis_program_kernel(d, place->program, type->adjoint)))
        return no_kernel(m, l, type->adjoint);
    return CONVIS_OK;
}

convis_status convis_place_layers(convis_model *m)
{
    convis_status status = CONVIS_OK;
    for (int j = 0; j < m->count && !status; j++) status = convis_blame(m, &m->layers[j], place_layer(m, &m->layers[j]));
    return status;
}

static void forget_captures(struct convis_place *place)
{
    for (size_t k = 0; k < sizeof place->passes/sizeof *place->passes; k++) {
        convis_device_forget(place->device, place->passes[k].launches);
        place->passes[k] = (capture){ .launches = NULL };
    }
}

void convis_unplace_layers(convis_model *m)
{
    for (int j = 0; j < m->count; j++) {
        struct convis_place *place = m->layers[j].pass.place;
        if (!place) continue;
        forget_captures(place);
        convis_device_release(m->device, place->constants.copy);
        convis_device_release(m->device, place->numbers.copy);
        convis_release(m->context, place);
        m->layers[j].pass.place = NULL;
    }
}

/* ---- What is prepared on the host ---- */

static void set_mirror(convis_model *m, mirror *a, const void *host, size_t bytes, convis_status *status)
{
    if (bytes) *a = (mirror){ host, convis_model_obtain(m, bytes, status), bytes };
}

void convis_place_mirrors(convis_model *m, model_layer *l, convis_status *status)
{
    if (m->device->type->host_visible) return;
    set_mirror(m, &l->pass.place->constants, l->pass.constants, l->pass.constants_size, status);
    set_mirror(m, &l->pass.place->numbers, l->p, CONVIS_MAX_PARAMS*sizeof *l->p, status);
}

static void upload(convis_device *d, const mirror *a)
{
    if (a->bytes) convis_device_put(d, CONVIS_QUEUE_RUN, a->copy, a->host, a->bytes);
}

/* Which kernels are launched, and by how many groups, may have changed. */
void convis_place_prepared(const model_layer *l)
{
    struct convis_place *place = l->pass.place;
    if (!place) return;
    forget_captures(place);
    upload(place->device, &place->constants);
    upload(place->device, &place->numbers);
}

/* ---- Memory ---- */

void *convis_model_obtain(convis_model *m, size_t bytes, convis_status *status)
{
    if (*status) return NULL;
    if (m->counting) {
        m->device_bytes += (int64_t)bytes + 4096;         /* blocks are rounded up */
        if ((int64_t)bytes > m->largest_block) m->largest_block = (int64_t)bytes;
        return NULL;
    }
    void *memory = convis_device_obtain(m->device, bytes);
    if (!memory) *status = m->device->status ? m->device->status : CONVIS_ENOMEM;
    return memory;
}

convis_real *convis_model_numbers(convis_model *m, int64_t n, convis_status *status)
{
    return convis_model_obtain(m, (size_t)n*sizeof(convis_real), status);
}

void convis_model_release(convis_model *m, void *memory) { convis_device_release(m->device, memory); }

/* Kernels of wide devices count elements of a sub-chunk in 32 bits. */
static int countable(const convis_model *m)
{
    for (int j = 0; j < convis_buffer_count(m); j++) {
        const buffer *b = convis_buffer_at(m, j);
        if ((b->history + m->sub_chunk)*b->n > INT32_MAX) return 0;
    }
    for (int j = 0; j < m->count; j++)
        for (int k = 0; k < m->layers[j].type->tape; k++) if (m->sub_chunk*m->layers[j].tape_n[k] > INT32_MAX) return 0;
    return 1;
}

static convis_status too_large(const convis_model *m, int64_t room)
{
    const convis_device *d = m->device;
    return convis_fail(m->context, CONVIS_ENOMEM,
                       "%s (%s): the model needs %.1f MB, %.1f MB in one block; free are %.1f MB, %.1f MB "
                       "in one block",
                       d->name, d->title, (double)m->device_bytes/1e6, (double)m->largest_block/1e6, (double)room/1e6,
                       (double)d->most/1e6);
}

/* 0: it can be no shorter. */
static int shorten(convis_model *m)
{
    if (m->sub_chunk > 1) {
        m->sub_chunk = (m->sub_chunk + 1)/2;
        return 1;
    }
    if (!m->recording || m->chunk.dim[CONVIS_T] < 2) return 0;
    m->chunk.dim[CONVIS_T] = (m->chunk.dim[CONVIS_T] + 1)/2;
    return 1;
}

convis_status convis_model_fit(convis_model *m, convis_status (*count)(convis_model *))
{
    convis_status status = CONVIS_OK;
    m->counting = 1;
    for (;;) {
        m->device_bytes = m->largest_block = 0;
        status = count(m);
        const int64_t room = m->device->type->room(m->device);
        if (status || (m->device_bytes <= room && m->largest_block <= m->device->most && countable(m))) break;
        if (!shorten(m)) {
            status = too_large(m, room);
            break;
        }
    }
    m->counting = 0;
    return status;
}
