/* prepare.c - what layers derive from parameters that have changed. */
#include "run.h"

convis_status convis_prepare(convis_model *m)
{
    for (int j = 0; j < m->count; j++) {
        model_layer *l = &m->layers[j];
        if (!l->dirty) continue;
        for (int k = 0; k < l->params; k++) l->p[k] = (convis_real)l->param[k];
        convis_status status = l->type->prepare ? l->type->prepare(&l->pass) : CONVIS_OK;
        if (status) return convis_blame(m, l, status);
        convis_place_prepared(l);
        l->dirty = 0;
    }
    return CONVIS_OK;
}
