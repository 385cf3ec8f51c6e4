/* grating.c - gratings that drift, flicker in counterphase or reverse, and the drifting Gabor patch:
 *
 *      L (1 + C A(x,y) s(2 pi (F u + phase/360)) ...),    u = (x - x0) cos(direction) + (y - y0) sin(direction)
 *
 *      grating:       s(2 pi (F u + phase/360 - f t))
 *      counterphase:  s(2 pi (F u + phase/360)) cos(2 pi (f t + temporal_phase/360))
 *      reversing:     s(2 pi (F u + phase/360)) sign(cos(2 pi (f t + temporal_phase/360))): two reversals a cycle
 *
 * s is the cosine, or its sign for square gratings. A is 1 inside a disc of the given diameter; for the Gabor patch it is
 * exp(-((x-x0)^2 + (y-y0)^2)/(2 sigma^2)). With phase = 180 p and F = 1/T this is VirtualRetina's `Grating -type
 * 0, 1, 2`, whose x0, y0 are the pixel int(size/2): half a pixel beyond the middle where the size is even, which x and y
 * can say. A positive f drifts towards `direction`. */
#include "stimuli.h"
#include <math.h>

#define TWO_PI 6.283185307179586

#define GRATING_FIELDS                                                                                                   \
    { "spatial_frequency",  "cycles/degree", 1, 0, 1000, 0, "cycles per degree" },                                       \
    { "temporal_frequency", "Hz", 2, -10000, 10000, 0, "cycles per second; negative drifts backwards" },                 \
    { "direction", "degrees", 0, -360, 360, 0, "across the stripes; 0 is rightwards, 90 downwards" },                    \
    { "phase", "degrees", 0, -360, 360, 0, "of the grating at the centre in frame 0; 0 is a bright stripe" },            \
    { "square", "off|on", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS, "on: stripes with sharp edges; off: sinusoidal" }

static const convis_field drifting[] = {
    GRATING_FIELDS,
    { "diameter", "degrees", 0, 0, 10000, 0, "of the round patch; 0: the whole field" },
    { .name = NULL }
};
static const convis_field flickering[] = {
    GRATING_FIELDS,
    { "temporal_phase", "degrees", 0, -360, 360, 0, "of the flicker in frame 0" },
    { "diameter", "degrees", 0, 0, 10000, 0, "of the round patch; 0: the whole field" },
    { .name = NULL }
};
static const convis_field gabor[] = {
    GRATING_FIELDS,
    { "sigma", "degrees", .5, 1e-6, 10000, 0, "standard deviation of the Gaussian window" },
    { .name = NULL }
};

/* The carrier's angle is a(i) + b(j): its cosine costs four table products a pixel instead of a call. */
typedef struct carrier { double *cos_x, *sin_x; } carrier;

static convis_status grating_open(convis_stim *s)
{
    carrier *c = s->own = convis_obtain(s->frames.context, sizeof *c);
    if (!c) return CONVIS_ENOMEM;
    c->cos_x = convis_obtain(s->frames.context, 2*(size_t)s->frames.width*sizeof *c->cos_x);
    if (!c->cos_x) return CONVIS_ENOMEM;
    c->sin_x = c->cos_x + s->frames.width;
    return CONVIS_OK;
}

static void grating_close(convis_stim *s)
{
    carrier *c = s->own;
    if (c) convis_release(s->frames.context, c->cos_x);
    convis_release(s->frames.context, c);
}

/* gain: contrast at this moment; turns: the carrier's phase in cycles; sigma 0: a disc instead of a Gaussian. */
static void draw(const convis_stim *s, double gain, double turns, double diameter, double sigma, convis_real *out)
{
    const carrier *c = s->own;
    const double per_pixel = convis_stim_value(s, "spatial_frequency")/s->ppd,
                 angle = convis_stim_value(s, "direction")*TWO_PI/360;
    const double fx = TWO_PI*per_pixel*cos(angle), fy = TWO_PI*per_pixel*sin(angle);
    const int square = convis_stim_value(s, "square") != 0;
    for (int64_t i = 0; i < s->frames.width; i++) {
        c->cos_x[i] = cos(fx*((double)i - s->x));
        c->sin_x[i] = sin(fx*((double)i - s->x));
    }
    for (int64_t j = 0; j < s->frames.height; j++) {
        const double y = ((double)j - s->y)/s->ppd, b = fy*((double)j - s->y) + TWO_PI*turns, cb = cos(b), sb = sin(b);
        for (int64_t i = 0; i < s->frames.width; i++) {
            const double x = ((double)i - s->x)/s->ppd;
            double wave = c->cos_x[i]*cb - c->sin_x[i]*sb;
            if (square) wave = wave > -1e-9 ? 1 : -1;    /* a zero that rounding made negative is still a zero */
            const double window = sigma > 0 ? exp(-(x*x + y*y)/(2*sigma*sigma)) : convis_stim_disc(x, y, diameter, s->ppd);
            *out++ = (convis_real)(s->luminance*(1 + gain*window*wave));
        }
    }
}

static double turns_of(const convis_stim *s, const char *phase, double per_second, int64_t frame)
{
    const double cycles = per_second*convis_stim_time(s, frame);
    return convis_stim_value(s, phase)/360 + (cycles - floor(cycles));
}

static int draw_drifting(convis_stim *s, int64_t frame, convis_real *out)
{
    draw(s, s->contrast, turns_of(s, "phase", -convis_stim_value(s, "temporal_frequency"), frame),
         convis_stim_value(s, "diameter"), 0, out);
    return 1;
}

static int draw_gabor(convis_stim *s, int64_t frame, convis_real *out)
{
    draw(s, s->contrast, turns_of(s, "phase", -convis_stim_value(s, "temporal_frequency"), frame), 0,
         convis_stim_value(s, "sigma"), out);
    return 1;
}

static double flicker(const convis_stim *s, int64_t frame)
{
    return cos(TWO_PI*turns_of(s, "temporal_phase", convis_stim_value(s, "temporal_frequency"), frame));
}

static int draw_counterphase(convis_stim *s, int64_t frame, convis_real *out)
{
    draw(s, s->contrast*flicker(s, frame), convis_stim_value(s, "phase")/360, convis_stim_value(s, "diameter"), 0, out);
    return 1;
}

static int draw_reversing(convis_stim *s, int64_t frame, convis_real *out)
{
    /* Frames that fall on a reversal belong to the new half cycle, whatever the rounding of f t. */
    const double turns = turns_of(s, "temporal_phase", convis_stim_value(s, "temporal_frequency"), frame) + .25;
    const double half = (turns - floor(turns))*2 + 1e-9;
    draw(s, half < 1 || half >= 2 ? s->contrast : -s->contrast, convis_stim_value(s, "phase")/360,
         convis_stim_value(s, "diameter"), 0, out);
    return 1;
}

const convis_stim_kind
    convis_stim_grating = { "grating", "a grating that drifts",
        drifting, NULL, grating_open, draw_drifting, grating_close },
    convis_stim_counterphase = { "counterphase", "a standing grating whose contrast follows a cosine",
        flickering, NULL, grating_open, draw_counterphase, grating_close },
    convis_stim_reversing = { "reversing", "a standing grating whose contrast reverses at once",
        flickering, NULL, grating_open, draw_reversing, grating_close },
    convis_stim_gabor = { "gabor", "a drifting grating under a Gaussian window",
        gabor, NULL, grating_open, draw_gabor, grating_close };
