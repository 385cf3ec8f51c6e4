/* bar.c - a bar that moves across its long axis, at the centre when half the time is over:
 *
 *      L (1 + C [|u - u(t)| < width/2] [|v| < length/2]),    u(t) = speed (t - duration/2)
 *
 * u runs along `direction`, v across it. Edges cover pixels in part, so a slow bar moves smoothly. */
#include "stimuli.h"
#include <math.h>

static const convis_field params[] = {
    { "width",  "degrees", .25, 1e-6, 10000, 0, "of the bar, along its motion" },
    { "length", "degrees", 0, 0, 10000, 0, "of the bar, across its motion; 0: endless" },
    { "speed",  "degrees/s", 4, 0, 100000, 0, "of the motion" },
    { "direction", "degrees", 0, -360, 360, 0, "of the motion; 0 is rightwards, 90 downwards" },
    { "contrast", "", 1, -1, 100, 0, "of the bar against the background (Weber); negative is dark" },
    { .name = NULL }
};

/* How much of a pixel at distance d (pixels) from the middle of a stripe of this width (pixels) the stripe covers. */
static double covered(double d, double width)
{
    const double from = fmax(d - .5, -width/2), to = fmin(d + .5, width/2);
    return fmax(0, fmin(1, to - from));          /* rounding can make it a hair more than 1 */
}

static int draw(convis_stim *s, int64_t frame, convis_real *out)
{
    const double angle = convis_stim_value(s, "direction")*6.283185307179586/360, cu = cos(angle), su = sin(angle);
    const double width = convis_stim_value(s, "width")*s->ppd, length = convis_stim_value(s, "length")*s->ppd;
    const double at = convis_stim_value(s, "speed")*s->ppd*(convis_stim_time(s, frame) - convis_stim_value(s, "duration")/2);
    for (int64_t j = 0; j < s->frames.height; j++)
        for (int64_t i = 0; i < s->frames.width; i++) {
            const double x = (double)i - s->x, y = (double)j - s->y;
            const double bar = covered(x*cu + y*su - at, width)*(length > 0 ? covered(y*cu - x*su, length) : 1);
            *out++ = (convis_real)(s->luminance*(1 + s->contrast*bar));
        }
    return 1;
}

const convis_stim_kind convis_stim_bar = { "bar", "a bar that moves through the centre", params, NULL, NULL, draw, NULL };
