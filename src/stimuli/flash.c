/* flash.c - steps of luminance in time, of the whole field or a disc:
 *
 *      pulse:    L (1 + C [onset <= t < onset + length] disc)
 *      impulse:  L (1 + C [t is the frame at onset] disc): as short as frames allow
 *
 * and the full-field chirp of Baden et al. 2016 (Nature 529:345), timed as in their stimulus script (QDSpy):
 * 2 s dark, 3 s bright, 3 s dark, 2 s grey, a sine that speeds up to `frequency` over `sweep` seconds, 2 s grey,
 * a sine of `contrast_frequency` whose contrast grows over `sweep` seconds, 2 s grey, 2 s dark.
 *
 *      speeding up:  L (1 + C sin(pi frequency/sweep t^2))       growing:  L (1 + C t/sweep sin(2 pi contrast_frequency t)) */
#include "stimuli.h"
#include <math.h>

#define PI 3.141592653589793

static const convis_field pulse[] = {
    { "onset",  "s", .1, 0, 1e6, 0, "when it begins" },
    { "length", "s", .2, 0, 1e6, 0, "how long it lasts" },
    { "diameter", "degrees", 0, 0, 10000, 0, "of the disc; 0: the whole field" },
    { "contrast", "", 1, -1, 1000, 0, "of the pulse against the background (Weber); negative is dark" },
    { .name = NULL }
};
static const convis_field impulse[] = {
    { "onset", "s", .1, 0, 1e6, 0, "when it happens" },
    { "diameter", "degrees", 0, 0, 10000, 0, "of the disc; 0: the whole field" },
    { "contrast", "", 1, -1, 1000, 0, "of the impulse against the background (Weber); negative is dark" },
    { .name = NULL }
};
static const convis_field chirp[] = {
    { "frequency", "Hz", 8, 0, 10000, 0, "that the speeding sine reaches" },
    { "contrast_frequency", "Hz", 2, 0, 10000, 0, "of the sine whose contrast grows" },
    { "sweep", "s", 8, 1e-3, 1e5, 0, "how long each of the two lasts" },
    { "diameter", "degrees", 0, 0, 10000, 0, "of the disc; 0: the whole field" },
    { "duration", "s", 32, 1e-6, 1e6, 0, "of the stimulus; all of it takes 16 s and two sweeps" },
    { .name = NULL }
};

static void disc(const convis_stim *s, double level, convis_real *out)
{
    const double diameter = convis_stim_value(s, "diameter");
    if (!(diameter > 0)) { convis_stim_fill(s, (convis_real)(s->luminance*(1 + level)), out);  return; }
    for (int64_t j = 0; j < s->frames.height; j++)
        for (int64_t i = 0; i < s->frames.width; i++) {
            const double in = convis_stim_disc(((double)i - s->x)/s->ppd, ((double)j - s->y)/s->ppd, diameter, s->ppd);
            *out++ = (convis_real)(s->luminance*(1 + level*in));
        }
}

/* The first frame at or after a moment; a moment on a frame is that frame, whatever the rounding. */
static double frame_of(const convis_stim *s, double seconds) { return ceil(seconds/s->dt - 1e-6); }

static int draw_pulse(convis_stim *s, int64_t frame, convis_real *out)
{
    const double onset = convis_stim_value(s, "onset"), k = (double)frame;
    const int on = k >= frame_of(s, onset) && k < frame_of(s, onset + convis_stim_value(s, "length"));
    disc(s, on ? s->contrast : 0, out);
    return 1;
}

static int draw_impulse(convis_stim *s, int64_t frame, convis_real *out)
{
    disc(s, (double)frame == frame_of(s, convis_stim_value(s, "onset")) ? s->contrast : 0, out);
    return 1;
}

static double chirp_level(const convis_stim *s, double t)
{
    enum { DARK, BRIGHT, GREY, SPEED, GROW };
    const double sweep = convis_stim_value(s, "sweep");
    const struct { int what; double length; } parts[] = { { DARK, 2 }, { BRIGHT, 3 }, { DARK, 3 }, { GREY, 2 }, { SPEED, sweep },
                                                          { GREY, 2 }, { GROW, sweep }, { GREY, 2 }, { DARK, 2 } };
    for (size_t k = 0; k < sizeof parts/sizeof *parts; k++) {
        if (t < parts[k].length - 1e-6*s->dt) switch (parts[k].what) {
            case DARK:   return -1;
            case BRIGHT: return 1;
            case GREY:   return 0;
            case SPEED:  return sin(PI*convis_stim_value(s, "frequency")/sweep*t*t);
            default:     return t/sweep*sin(2*PI*convis_stim_value(s, "contrast_frequency")*t);
            }
        t = fmax(0, t - parts[k].length);
    }
    return -1;
}

static int draw_chirp(convis_stim *s, int64_t frame, convis_real *out)
{
    disc(s, s->contrast*chirp_level(s, convis_stim_time(s, frame)), out);
    return 1;
}

const convis_stim_kind
    convis_stim_pulse = { "pulse", "a step of luminance and back", pulse, NULL, NULL, draw_pulse, NULL },
    convis_stim_impulse = { "impulse", "a flash of one frame", impulse, NULL, NULL, draw_impulse, NULL },
    convis_stim_chirp = { "chirp", "steps, then a sine that speeds up, then one that grows (Baden et al. 2016)", chirp,
                          NULL, NULL, draw_chirp, NULL };
