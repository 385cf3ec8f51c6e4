/* eye.c - where a fixating eye looks: a random walk (drift) and, at random times, microsaccades.
 *
 *      drift:          d(k) = d(k-1) + drift sqrt(dt) N(0,1)    for each axis
 *      microsaccades:  onsets a Poisson process with the dead time of a saccade, `rate` per second on average;
 *                      amplitude a Rayleigh variable, direction uniform, but turned round where an eye that is further
 *                      from its target than the amplitude would be led away from it;
 *                      course the minimum-jerk polynomial m(s) = 10 s^3 - 15 s^4 + 6 s^5 over `length` seconds.
 *
 * Defaults from the literature: one to two microsaccades a second, well below a degree, of about 25 ms (Engbert & Kliegl
 * 2003, Vision Research 43:1035; Martinez-Conde, Macknik & Hubel 2004, Nature Reviews Neuroscience 5:229). Draws are keyed
 * by seed and frame (drift) or seed and number (saccades), so the path does not depend on where one begins. */
#include "eye.h"
#include "base/philox.h"

enum { DRIFT = 0x64726966, ONSET = 0x6f6e7365, JUMP = 0x6a756d70 };     /* which draw: the upper half of the key */

static philox draw(const convis_eye *e, uint64_t what, int64_t number)
{
    return philox_draw((e->p.seed & 0xffffffffu) | what << 32, (uint64_t)number, e->p.seed >> 32);
}

/* The pause before saccade `number`. */
static double pause(const convis_eye *e, int64_t number)
{
    if (!(e->p.rate > 0)) return INFINITY;
    return -log(philox_uniform(draw(e, ONSET, number).word[0]))*fmax(1/e->p.rate - e->p.length, 1e-3);
}

static void begin_saccade(convis_eye *e)
{
    const philox p = draw(e, JUMP, e->saccade);
    const double amplitude = e->p.amplitude*sqrt(-2*log(philox_uniform(p.word[0])))*0.7978845608028654;   /* sqrt(2/pi): mean 1 */
    const double angle = 6.283185307179586*philox_uniform(p.word[1]), x = cos(angle), y = sin(angle);
    const double at[2] = { e->drift[0] + e->base[0], e->drift[1] + e->base[1] };
    const int away = at[0]*x + at[1]*y > 0 && at[0]*at[0] + at[1]*at[1] > amplitude*amplitude;
    e->jump[0] = (away ? -amplitude : amplitude)*x;
    e->jump[1] = (away ? -amplitude : amplitude)*y;
    e->began = 1;
}

static void step(convis_eye *e)
{
    const double now = (double)++e->frame*e->p.dt, sd = e->p.drift*sqrt(e->p.dt);
    double a, b;
    philox_normal(draw(e, DRIFT, e->frame), &a, &b);
    e->drift[0] += sd*a;
    e->drift[1] += sd*b;
    while (now >= e->onset) {
        if (!e->began) begin_saccade(e);
        if (now < e->onset + e->p.length) break;
        e->base[0] += e->jump[0];
        e->base[1] += e->jump[1];
        e->began = 0;
        e->onset += e->p.length + pause(e, ++e->saccade);
    }
}

void convis_eye_start(convis_eye *e, const convis_eye_params *p)
{
    *e = (convis_eye){ .p = *p };
    e->onset = pause(e, 0);
}

void convis_eye_at(convis_eye *e, int64_t frame, double gaze[2])
{
    if (frame < e->frame) { const convis_eye_params p = e->p;  convis_eye_start(e, &p); }
    while (e->frame < frame) step(e);
    const double s = e->began ? fmin(1, fmax(0, ((double)frame*e->p.dt - e->onset)/e->p.length)) : 0;
    const double moved = s*s*s*(10 - 15*s + 6*s*s);
    for (int k = 0; k < 2; k++) gaze[k] = e->drift[k] + e->base[k] + moved*e->jump[k];
}
