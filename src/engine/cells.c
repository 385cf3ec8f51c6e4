/* cells.c - the cells of a model's spiking layers: who they are and where. */
#include "model.h"
#include <string.h>

convis_status convis_model_cells(convis_model *m, const convis_cell *cells, int64_t count)
{
    convis_cell *copy = convis_obtain(m->context, (size_t)(count + 1)*sizeof *copy);
    if (!copy) return CONVIS_ENOMEM;
    if (count) memcpy(copy, cells, (size_t)count*sizeof *copy);
    convis_release(m->context, m->given);
    m->given = copy;
    m->given_count = count;
    return CONVIS_OK;
}

/* How many cells a layer has for one movie; `movies` of these lie side by side. */
static int64_t cells_of(const model_layer *l, int64_t movies) { return convis_is_spiking(l) ? l->out.n/movies : 0; }

/* Those of a layer for which no cells were given: numbered as they lie, at their pixel's place. */
static void place_layer(const model_layer *l, int64_t count, int32_t layer, int32_t first_id, convis_cell *cells)
{
    const int64_t w = l->out.shape.dim[CONVIS_X], h = l->out.shape.dim[CONVIS_Y];
    for (int64_t i = 0; i < count; i++)
        cells[i] = (convis_cell){ first_id + (int32_t)i, layer, (double)(i%w) - (double)(w - 1)/2,
                                  (double)(i/w%h) - (double)(h - 1)/2 };
}

/* The cells for one movie, in order of layers. */
static convis_status place_one(const convis_model *m, int64_t movies, int32_t id, int64_t total, convis_cell *cells)
{
    int64_t placed = 0, given = 0;
    int32_t spiking = 0;
    for (int j = 0; j < m->count; j++) {
        const int64_t count = cells_of(&m->layers[j], movies);
        int64_t own = 0;
        if (!count) continue;
        spiking += m->layers[j].skipped;
        while (given + own < m->given_count && m->given[given + own].layer == spiking) own++;
        if (own && own != count) break;
        if (own) memcpy(cells + placed, m->given + given, (size_t)own*sizeof *cells);
        else {
            place_layer(&m->layers[j], count, spiking, id, cells + placed);
            id += (int32_t)count;
        }
        given += own;
        placed += count;
        spiking++;
    }
    return placed == total && given == m->given_count ? CONVIS_OK
         : convis_fail(m->context, CONVIS_ESHAPE, "the spiking layers have %lld elements, but %lld cells were given",
                       (long long)total, (long long)m->given_count);
}

/* Each layer's cells once for each movie; those of the second are numbered after those of the first. */
static void repeat(const convis_model *m, int64_t movies, int32_t numbers, const convis_cell *one, convis_cell *to)
{
    for (int j = 0; j < m->count; j++) {
        const int64_t count = cells_of(&m->layers[j], movies);
        for (int64_t b = 0; b < movies; b++)
            for (int64_t k = 0; k < count; k++, to++) {
                *to = one[k];
                to->id += (int32_t)b*numbers;
            }
        one += count;
    }
}

/* Called when shapes are known. Where cells were given for some layers, as many as they have elements, others get one an element. */
convis_status convis_place_cells(convis_model *m)
{
    const int64_t movies = m->chunk.dim[CONVIS_B];
    int64_t total = 0, most = 0;
    for (int j = 0; j < m->count; j++) total += cells_of(&m->layers[j], movies);
    for (int64_t k = 0; k < m->given_count; k++) if (m->given[k].id >= most) most = (int64_t)m->given[k].id + 1;
    if (total > INT32_MAX || most + total > INT32_MAX/movies)
        return convis_fail(m->context, CONVIS_ESHAPE, "the spiking layers have %lld elements, expected at most %d",
                           (long long)(movies*total), INT32_MAX);
    convis_cell *one = convis_obtain(m->context, (size_t)(total + 1)*sizeof *one);
    convis_cell *all = one && movies > 1 ? convis_obtain(m->context, (size_t)(movies*total + 1)*sizeof *all) : one;
    convis_status status = all ? place_one(m, movies, (int32_t)most, total, one) : CONVIS_ENOMEM;
    for (int64_t k = 0; !status && k < total; k++) if (one[k].id >= most) most = (int64_t)one[k].id + 1;
    if (!status && movies > 1) repeat(m, movies, (int32_t)most, one, all);
    if (movies > 1) convis_release(m->context, one);
    if (status) { convis_release(m->context, all); return status; }
    m->units = all;
    m->unit_count = movies*total;
    return CONVIS_OK;
}

convis_status convis_cells(const convis_model *m, const convis_cell **cells, int64_t *count)
{
    CONVIS_NEEDS(m, cells, count);
    if (!m->planned) return convis_fail(m->context, CONVIS_ESTATE, "the cells are known once the model is planned");
    *cells = m->units;
    *count = m->unit_count;
    return CONVIS_OK;
}
