/* cells.c - the cells of a model's spiking layers: who they are and where. */
#include "model.h"
#include <string.h>

convis_status convis_model_units(convis_model *m, const convis_unit *units, int64_t count)
{
    convis_unit *copy = convis_obtain(m->context, (size_t)(count + 1)*sizeof *copy);
    if (!copy) return CONVIS_ENOMEM;
    if (count) memcpy(copy, units, (size_t)count*sizeof *copy);
    convis_release(m->context, m->units);
    m->units = copy;
    m->unit_count = count;
    m->units_given = 1;
    return CONVIS_OK;
}

/* Called when shapes are known: a unit for every element of every spiking layer. Given ones must be as many; else they
 * are numbered as they lie, at their pixel's place. */
convis_status convis_place_units(convis_model *m)
{
    int64_t total = 0;
    for (int j = 0; j < m->count; j++) if (convis_is_spiking(&m->layers[j])) total += m->layers[j].out.n;
    if (m->units_given) {
        if (m->unit_count == total) return CONVIS_OK;
        return convis_fail(m->context, CONVIS_ESHAPE, "the spiking layers have %lld elements, but %lld cells are described",
                           (long long)total, (long long)m->unit_count);
    }
    if (total > INT32_MAX)
        return convis_fail(m->context, CONVIS_ESHAPE, "the spiking layers have %lld elements, expected at most %d", (long long)total, INT32_MAX);
    m->units = convis_obtain(m->context, (size_t)(total + 1)*sizeof *m->units);
    if (!m->units) return CONVIS_ENOMEM;
    int32_t id = 0, spiking = 0;
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        if (!convis_is_spiking(l)) continue;
        int64_t w = l->out.shape.dim[CONVIS_X], h = l->out.shape.dim[CONVIS_Y];
        for (int64_t i = 0; i < l->out.n; i++, id++)
            m->units[id] = (convis_unit){ id, spiking, (double)(i%w) - (double)(w - 1)/2, (double)(i/w%h) - (double)(h - 1)/2 };
        spiking++;
    }
    m->unit_count = total;
    return CONVIS_OK;
}

convis_status convis_units(const convis_model *m, const convis_unit **units, int64_t *count)
{
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "the cells are known once the model is planned");
    *units = m->units;
    *count = m->unit_count;
    return CONVIS_OK;
}
