/* frames.c - what the library itself does to frames on a device, in the dialect of layers. */
#include <convis/kernel.h>

/* dt: the value. */
CONVIS_KERNEL2(frames_fill, OUT y, IN nothing) { CONVIS_PIXELS(i) y[i] = dt; }

CONVIS_KERNEL2(frames_add, STATE to, IN from) { CONVIS_PIXELS(i) to[i] += from[i]; }

/* n partial sums of `frame` numbers, and what each lost to rounding (Neumaier's compensation). */
CONVIS_KERNEL2(frames_sum, IN from, OUT sums)
{
    CONVIS_PIXELS(k) {
        real sum = 0, lost = 0;
        for (integer i = k; i < (integer)frame; i += n) {
            real next = sum + from[i], a = sum < 0 ? -sum : sum, b = from[i] < 0 ? -from[i] : from[i];
            lost += a >= b ? (sum - next) + from[i] : (from[i] - next) + sum;
            sum = next;
        }
        sums[k] = sum;
        sums[n + k] = lost;
    }
}
CONVIS_EXPORT(frames, CONVIS_ENTRY(frames_fill) CONVIS_ENTRY(frames_add) CONVIS_ENTRY(frames_sum))
