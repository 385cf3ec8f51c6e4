/* finite.h - numbers that are not finite: NaN, and infinities. */
#ifndef CONVIS_FINITE_H
#define CONVIS_FINITE_H
#include <convis/convis.h>

/* Whether all numbers of these frames are finite; else `status`, with a sentence: "movie.npy: frame 3 has the value NaN at ...".
 * number: of the first frame. */
convis_status convis_finite_check(convis_context *, convis_status, const char *name, convis_tensor frames, int64_t number);
int64_t       convis_count_nonfinite(const convis_real *, int64_t n);
#endif
