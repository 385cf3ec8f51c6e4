/* device_limits.c - the limits of a GPU, in the dialect of layers (bench/device.c). */
#define CONVIS_KERNEL_SHORT_NAMES
#include <convis/kernel.h>
#if defined(__OPENCL_VERSION__)
#define FUSED(a, b, c) fma(a, b, c)
#else
#define FUSED(a, b, c) fmaf(a, b, c)
#endif

CONVIS_KERNEL(limits_copy, IN x, OUT y) { CONVIS_PIXELS(i) y[i] = x[i]; }

/* Eight chains, so that none waits. */
CONVIS_KERNEL(limits_fused, IN x, OUT y)
{
    CONVIS_PIXELS(i) {
        real a = x[i], b = R(0.999), s0 = a, s1 = a + 1, s2 = a + 2, s3 = a + 3, s4 = a + 4, s5 = a + 5, s6 = a + 6, s7 = a + 7;
        CONVIS_FRAMES(t) {
            s0 = FUSED(s0, b, a); s1 = FUSED(s1, b, a); s2 = FUSED(s2, b, a); s3 = FUSED(s3, b, a);
            s4 = FUSED(s4, b, a); s5 = FUSED(s5, b, a); s6 = FUSED(s6, b, a); s7 = FUSED(s7, b, a);
        }
        y[i] = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
    }
}
CONVIS_EXPORT_GPU(limits, CONVIS_ENTRY(limits_copy) CONVIS_ENTRY(limits_fused))
