/* frames.c - the library's own kernels for frames on a device, in the dialect of layers. */
#define CONVIS_KERNEL_SHORT_NAMES
#include <convis/kernel.h>
#include "frames.h"

CONVIS_KERNEL_OF(frames_fill_args, frames_fill, OUT y) { CONVIS_PIXELS(i) y[i] = args.value; }

CONVIS_KERNEL(frames_add, STATE to, IN from) { CONVIS_PIXELS(i) to[i] += from[i]; }

/* n partial sums of `count` numbers, and what each lost to rounding (Neumaier's compensation). */
CONVIS_KERNEL_OF(frames_sum_args, frames_sum, IN from, OUT sums)
{
    CONVIS_PIXELS(k) {
        real sum = 0, lost = 0;
        for (integer i = k; i < (integer)args.count; i += n) {
            real next = sum + from[i], a = sum < 0 ? -sum : sum, b = from[i] < 0 ? -from[i] : from[i];
            lost += a >= b ? (sum - next) + from[i] : (from[i] - next) + sum;
            sum = next;
        }
        sums[k] = sum;
        sums[n + k] = lost;
    }
}
CONVIS_EXPORT_GPU(frames, CONVIS_ENTRY(frames_fill) CONVIS_ENTRY(frames_add) CONVIS_ENTRY(frames_sum))
