/* finite.c - numbers that are not finite: NaN, and infinities. Frames are searched in a pass that costs no more than reading them. */
#include "finite.h"
#include "context.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of a finite number x, and of no other, x - x is 0. */
static int all_finite(const convis_real *x, int64_t n)
{
    int bad = 0;
    for (int64_t i = 0; i < n; i++) bad |= !(x[i] - x[i] == 0);
    return !bad;
}

int64_t convis_count_nonfinite(const convis_real *x, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += !(x[i] - x[i] == 0);
    return count;
}

static convis_status fail(convis_context *c, convis_status status, const char *name, const int64_t *dim, int64_t number,
                          double value, const int64_t *at)
{
    char plane[80] = "";
    if (dim[CONVIS_B] > 1) snprintf(plane, sizeof plane, " in movie %lld", (long long)at[CONVIS_B]);
    if (dim[CONVIS_C] > 1)
        snprintf(plane + strlen(plane), sizeof plane - strlen(plane), " in channel %lld", (long long)at[CONVIS_C]);
    return convis_fail(c, status, "%s: frame %lld has the value %s at x = %lld, y = %lld%s, expected finite numbers", name,
                       (long long)(number + at[CONVIS_T]), isnan(value) ? "NaN" : "infinity", (long long)at[CONVIS_X],
                       (long long)at[CONVIS_Y], plane);
}

/* A plane of one channel of one movie's frame. */
static convis_status check_plane(convis_context *c, convis_status status, const char *name, convis_tensor f, int64_t number,
                                 int64_t *at)
{
    const int64_t *dim = f.shape.dim, *stride = f.stride;
    const convis_real *from =
        f.data + at[CONVIS_T]*stride[CONVIS_T] + at[CONVIS_B]*stride[CONVIS_B] + at[CONVIS_C]*stride[CONVIS_C];
    if (stride[CONVIS_X] == 1 && stride[CONVIS_Y] == dim[CONVIS_X] && all_finite(from, dim[CONVIS_Y]*dim[CONVIS_X]))
        return CONVIS_OK;
    for (at[CONVIS_Y] = 0; at[CONVIS_Y] < dim[CONVIS_Y]; at[CONVIS_Y]++) {
        const convis_real *row = from + at[CONVIS_Y]*stride[CONVIS_Y];
        if (stride[CONVIS_X] == 1 && all_finite(row, dim[CONVIS_X])) continue;
        for (at[CONVIS_X] = 0; at[CONVIS_X] < dim[CONVIS_X]; at[CONVIS_X]++) {
            const double value = (double)row[at[CONVIS_X]*stride[CONVIS_X]];
            if (!isfinite(value)) return fail(c, status, name, dim, number, value, at);
        }
    }
    return CONVIS_OK;
}

/* Frames that lie one after the other, channels and movies within, are one row. */
static int is_one_row(convis_tensor f)
{
    static const int ORDER[] = { CONVIS_X, CONVIS_Y, CONVIS_C, CONVIS_B, CONVIS_T };
    int64_t step = 1;
    for (int k = 0; k < CONVIS_DIMS; k++) {
        if (f.shape.dim[ORDER[k]] > 1 && f.stride[ORDER[k]] != step) return 0;
        step *= f.shape.dim[ORDER[k]];
    }
    return 1;
}

convis_status convis_finite_check(convis_context *c, convis_status status, const char *name, convis_tensor f, int64_t number)
{
    const int64_t *dim = f.shape.dim;
    int64_t at[CONVIS_DIMS];
    if (is_one_row(f) && all_finite(f.data, convis_elements(f.shape))) return CONVIS_OK;
    for (at[CONVIS_T] = 0; at[CONVIS_T] < dim[CONVIS_T]; at[CONVIS_T]++)
        for (at[CONVIS_B] = 0; at[CONVIS_B] < dim[CONVIS_B]; at[CONVIS_B]++)
            for (at[CONVIS_C] = 0; at[CONVIS_C] < dim[CONVIS_C]; at[CONVIS_C]++) {
                const convis_status found = check_plane(c, status, name, f, number, at);
                if (found) return found;
            }
    return CONVIS_OK;
}
