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

/* Those of a layer of which nobody said where its cells lie: numbered as they lie, at their pixel's place. */
static void place_layer(const model_layer *l, int32_t layer, int32_t first_id, convis_unit *units)
{
    const int64_t w = l->out.shape.dim[CONVIS_X], h = l->out.shape.dim[CONVIS_Y];
    for (int64_t i = 0; i < l->out.n; i++)
        units[i] = (convis_unit){ first_id + (int32_t)i, layer, (double)(i%w) - (double)(w - 1)/2, (double)(i/w%h) - (double)(h - 1)/2 };
}

/* Called when shapes are known. Where cells were given for some layers, as many as they have elements, others get one an element. */
convis_status convis_place_units(convis_model *m)
{
    int64_t total = 0, placed = 0, given = 0;
    int32_t id = 0, spiking = 0;
    for (int j = 0; j < m->count; j++) if (convis_is_spiking(&m->layers[j])) total += m->layers[j].out.n;
    if (m->units_given && m->unit_count == total) return CONVIS_OK;
    for (int64_t k = 0; k < m->unit_count; k++) if (m->units[k].id >= id) id = m->units[k].id + 1;
    if (total > INT32_MAX - id)
        return convis_fail(m->context, CONVIS_ESHAPE, "the spiking layers have %lld elements, expected at most %d", (long long)total, INT32_MAX);
    convis_unit *units = convis_obtain(m->context, (size_t)(total + 1)*sizeof *units);
    if (!units) return CONVIS_ENOMEM;
    for (int j = 0; j < m->count; j++) {
        const model_layer *l = &m->layers[j];
        int64_t own = 0;
        if (!convis_is_spiking(l)) continue;
        while (given + own < m->unit_count && m->units[given + own].layer == spiking) own++;
        if (own && own != l->out.n) break;
        if (own) memcpy(units + placed, m->units + given, (size_t)own*sizeof *units);
        else {
            place_layer(l, spiking, id, units + placed);
            id += (int32_t)l->out.n;
        }
        given += own;
        placed += l->out.n;
        spiking++;
    }
    if (placed < total || given < m->unit_count) {
        convis_release(m->context, units);
        return convis_fail(m->context, CONVIS_ESHAPE, "the spiking layers have %lld elements, but %lld cells are described",
                           (long long)total, (long long)m->unit_count);
    }
    convis_release(m->context, m->units);
    m->units = units;
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
