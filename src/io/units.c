/* units.c - lists of cells: lines "layer unit x_deg y_deg", '#' begins a comment; further columns are passed over. */
#include "text.h"
#include "npy.h"

convis_status convis_units_read(convis_context *c, const char *path, convis_unit **units, int64_t *count)
{
    convis_text t;
    convis_column list = { .size = sizeof(convis_unit) };
    int got;
    *units = NULL;
    *count = 0;
    convis_status status = convis_text_open(c, path, "lines 'layer unit x_deg y_deg'", &t);
    if (status) return status;
    while (!status && (got = convis_text_line(&t)) > 0) {
        convis_unit *u = convis_column_add(c, &list);
        status = u ? convis_text_integer(&t, convis_text_word(&t, 0), "layer", &u->layer) : CONVIS_ENOMEM;
        if (!status) status = convis_text_integer(&t, convis_text_word(&t, 0), "unit", &u->id);
        if (!status) status = convis_text_number(&t, convis_text_word(&t, 0), "x in degrees", &u->x);
        if (!status) status = convis_text_number(&t, convis_text_word(&t, 0), "y in degrees", &u->y);
        if (!status && u->layer < 0)
            status = convis_fail(c, CONVIS_EFORMAT, "%s:%lld: layer %d, expected layers from 0 on", path, (long long)t.line, u->layer);
    }
    if (!status && got < 0) status = CONVIS_EFORMAT;
    convis_text_close(&t);
    if (!status && !list.count) status = convis_fail(c, CONVIS_EFORMAT, "%s: no units, expected lines 'layer unit x_deg y_deg'", path);
    if (status) convis_disown(list.data);
    else *units = list.data, *count = list.count;
    return status;
}

convis_status convis_units_write(convis_context *c, const char *path, const convis_unit *units, int64_t count)
{
    convis_out out;
    char x[CONVIS_TEXT_NUMBER], y[CONVIS_TEXT_NUMBER];
    convis_status status = convis_out_open(c, path, 0, &out);
    if (status) return status;
    locale_t before = convis_text_locale((locale_t)0);
    convis_out_check(&out, fprintf(out.file, "# layer unit x_deg y_deg\n") > 0);
    for (int64_t i = 0; i < count && !out.status; i++) {
        convis_text_print(x, units[i].x);
        convis_text_print(y, units[i].y);
        convis_out_check(&out, fprintf(out.file, "%d %d %s %s\n", units[i].layer, units[i].id, x, y) > 0);
    }
    convis_text_locale(before);
    return convis_out_finish(&out, 1);
}

void convis_units_free(convis_unit **units)
{
    if (!units) return;
    convis_disown(*units);
    *units = NULL;
}
