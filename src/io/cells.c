/* cells.c - lists of cells: lines "layer unit x_deg y_deg", '#' begins a comment, further columns are passed over; or the four arrays
 * of a container. */
#include "spikes.h"
#include "frames.h"
#include "npy.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static convis_status read_lines(convis_context *c, const char *path, convis_cell **cells, int64_t *count)
{
    convis_lines t;
    convis_column list = { .size = sizeof(convis_cell) };
    int got;
    *cells = NULL;
    *count = 0;
    convis_status status = convis_lines_open(c, path, "lines 'layer unit x_deg y_deg'", &t);
    if (status) return status;
    while (!status && (got = convis_lines_line(&t)) > 0) {
        convis_cell *u = convis_column_add(c, &list);
        status = u ? convis_lines_integer(&t, convis_lines_word(&t, 0), "layer", &u->layer) : CONVIS_ENOMEM;
        if (!status) status = convis_lines_integer(&t, convis_lines_word(&t, 0), "unit", &u->id);
        if (!status) status = convis_lines_number(&t, convis_lines_word(&t, 0), "x in degrees", &u->x);
        if (!status) status = convis_lines_number(&t, convis_lines_word(&t, 0), "y in degrees", &u->y);
        if (!status && u->layer < 0)
            status =
                convis_fail(c, CONVIS_EFORMAT, "%s:%lld: layer %d, expected layers from 0 on", path, (long long)t.line, u->layer);
    }
    if (!status && got < 0) status = CONVIS_EFORMAT;
    convis_lines_close(&t);
    if (!status && !list.count)
        status = convis_fail(c, CONVIS_EFORMAT, "%s: no units, expected lines 'layer unit x_deg y_deg'", path);
    if (status) convis_disown(list.data);
    else *cells = list.data, *count = list.count;
    return status;
}

/* What the names of a container's four arrays begin with; NULL: it is none. */
static const char *prefix_of(const char *file)
{
    return convis_has_extension(file, ".npz") ? "unit_"
         : convis_has_extension(file, ".h5") || convis_has_extension(file, ".hdf5") ? "units/" : NULL;
}

convis_status convis_cells_read(convis_context *c, const char *path, convis_cell **cells, int64_t *count)
{
    CONVIS_NEEDS(c, path, cells, count);
    if (!prefix_of(path)) return read_lines(c, path, cells, count);
    const convis_status status = convis_cells_recorded(c, path, cells, count);
    if (status != CONVIS_ENAME) return status;
    if (access(path, R_OK)) return convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
    return convis_fail(c, CONVIS_ENAME, "%s: holds no list of cells", path);
}

convis_status convis_cells_write(convis_context *c, const char *path, const convis_cell *cells, int64_t count)
{
    CONVIS_NEEDS(c, path);
    CONVIS_NEEDS_ARRAY(c, cells, count);
    convis_out out;
    char x[CONVIS_LINES_NUMBER], y[CONVIS_LINES_NUMBER];
    convis_status status = convis_out_open(c, path, 0, &out);
    if (status) return status;
    locale_t before = convis_lines_locale((locale_t)0);
    convis_out_check(&out, fprintf(out.file, "# layer unit x_deg y_deg\n") > 0);
    for (int64_t i = 0; i < count && !out.status; i++) {
        convis_lines_print(x, cells[i].x);
        convis_lines_print(y, cells[i].y);
        convis_out_check(&out, fprintf(out.file, "%d %d %s %s\n", cells[i].layer, cells[i].id, x, y) > 0);
    }
    convis_lines_locale(before);
    return convis_out_finish(&out, 1);
}

/* Four arrays of one length. */
convis_status convis_cells_recorded(convis_context *c, const char *file, convis_cell **cells, int64_t *count)
{
    static const char *const FIELDS[] = { "id", "layer", "x", "y" };
    const char *prefix = prefix_of(file);
    convis_array array[4] = { { .data = NULL } };
    char name[4096];
    convis_status status = prefix ? CONVIS_OK : CONVIS_ENAME;
    *cells = NULL;
    *count = 0;
    for (int k = 0; k < 4 && !status; k++) {
        const int length = snprintf(name, sizeof name, "%s:%s%s", file, prefix, FIELDS[k]);
        status = length < (int)sizeof name ? convis_array_read(c, name, array + k) : CONVIS_ENAME;
        if (!status && (array[k].dims != 1 || array[k].dim[0] != array[0].dim[0])) status = CONVIS_ENAME;
    }
    if (!status) {
        *count = array[0].dim[0];
        *cells = convis_own(c, (size_t)(*count ? *count : 1)*sizeof **cells);
        if (!*cells) status = CONVIS_ENOMEM;
    }
    for (int64_t u = 0; !status && u < *count; u++) {
        const double id = array[0].data[u], layer = array[1].data[u];
        if (convis_is_whole(id) && convis_is_whole(layer))
            (*cells)[u] = (convis_cell){ (int32_t)id, (int32_t)layer, array[2].data[u], array[3].data[u] };
        else
            status = convis_fail(c, CONVIS_EFORMAT, "%s: cell %lld is unit %g, layer %g, expected whole numbers", file,
                                 (long long)u, id, layer);
    }
    for (int k = 0; k < 4; k++) convis_array_free(array + k);
    if (!status) return CONVIS_OK;
    convis_cells_free(cells);
    return status == CONVIS_ENOMEM || status == CONVIS_EFORMAT ? status : CONVIS_ENAME;
}

void convis_cells_free(convis_cell **cells)
{
    if (!cells) return;
    convis_disown(*cells);
    *cells = NULL;
}
