/* rows.h - operations on numbers in a device's memory. */
#ifndef CONVIS_ROWS_H
#define CONVIS_ROWS_H
#include "device.h"

/* The same `width` numbers of each of `count` frames, which are `apart` numbers apart: a thread's slice of frames. */
typedef struct convis_rows { int64_t count, width, apart; } convis_rows;
enum { CONVIS_SPARE = 2*4096 };                  /* numbers of spare memory that convis_device_sum needs at least */

void   convis_rows_fill(convis_device *, convis_real *to, convis_rows, double value);
void   convis_rows_add (convis_device *, convis_real *to, const convis_real *from, convis_rows);
/* From and to may overlap, where it is one row, or `to` comes later. spare: room on the device for all of them. */
void   convis_rows_move(convis_device *, convis_real *to, const convis_real *from, convis_rows, convis_real *spare);
/* Exchanges n numbers; spare: room on the device for n. */
void   convis_device_swap(convis_device *, convis_real *a, convis_real *b, int64_t n, convis_real *spare);
double convis_device_sum(convis_device *, const convis_real *from, int64_t n, convis_real *spare);
/* n numbers of the host as kernels can read them: in place, or, copied, in `spare`; and n of the device as the host can. */
const convis_real *convis_device_reach(convis_device *, const convis_real *host, int64_t n, convis_real *spare);
const convis_real *convis_host_reach(convis_device *, const convis_real *from, int64_t n, convis_real *host);
/* The elements of a gradient's array (convis_total), as doubles: in place, or in `host`. */
size_t        convis_sum_size(const convis_device *);
const double *convis_sums_reach(convis_device *, const convis_total *from, int64_t n, double *host);
#endif
