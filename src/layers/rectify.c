/* rectify.c - the bipolar-to-ganglion synapse: a rectifier that is smooth below its linear range and saturates above.
 *
 *      u = sign a (x - sign v0)                          a = amplification, v0 = threshold
 *      y = G (e + (1-e) w/(1-e+w))   for w = u/G > 0,      i.e. about i0 + u, never above G = 5e5 Hz
 *      y = G e^2/(e - w)             for w <= 0,           i.e. i0^2/(i0 - u)          e = i0/G, i0 = value_at_threshold
 *      (e = 0: y = G w/(1+w) for w > 0, else 0; e < 0 or e > 1: no rectifier, but a curve with a pole)
 *
 * VirtualRetina's static nonlinearity (SPEC 7). Adjoint: dx = dy y'(u) sign a, with y' = ((1-e)/(1-e+w))^2 above and
 * (e/(e-w))^2 below; da, dv0, di0 by the same chain. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL3(rectify_forward, PARAM p, IN x, OUT y)
{
    real sign = p[0] < 0 ? R(-1.0) : R(1.0), v0 = p[1], rest_value = p[2], a = p[3]*sign, shift = sign*v0, G = R(5e5);
    /* Both branches as one quotient, in Hz: i0 + (G-i0) u/(G-i0+u) = (i0 (G-i0) + G u)/(G-i0+u), and i0^2/(i0-u). */
    real rest = G - rest_value, top = rest_value*rest, bottom = rest_value*rest_value, guard = rest_value == 0 ? R(1.0) : R(0.0);
    CONVIS_SCAN(i, t) {
        real u = a*(x[t*n + i] - shift);
        real above = u > 0 ? top + G*u : bottom, below = u > 0 ? rest + u : rest_value - u + guard;
        y[t*n + i] = above/below;
    }
}

/* With f = above, h = below: y = f/h, dy/du and dy/drest_value by the quotient rule. */
CONVIS_KERNEL6(rectify_adjoint, PARAM p, IN x, IN y, IN dy, OUT dx, OUT dmap)
{
    real sign = p[0] < 0 ? R(-1.0) : R(1.0), v0 = p[1], rest_value = p[2], a = p[3]*sign, shift = sign*v0, G = R(5e5);
    real rest = G - rest_value, guard = rest_value == 0 ? R(1.0) : R(0.0);
    CONVIS_SCAN(i, t) {
        real v = x[t*n + i] - shift, u = a*v, at = y[t*n + i];
        real per = 1/(u > 0 ? rest + u : rest_value - u + guard);
        real du = (u > 0 ? G - at : at)*per, di0 = (u > 0 ? G - 2*rest_value + at : 2*rest_value - at)*per;
        real g = dy[t*n + i];
        dx[t*n + i] += g*du*a;
        dmap[map_size + i] -= g*du*a*sign;
        dmap[2*map_size + i] += g*di0;
        dmap[3*map_size + i] += g*du*v*sign;
    }
}

CONVIS_EXPORT(rectify, CONVIS_ENTRY(rectify_forward) CONVIS_ENTRY(rectify_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "sign",               "off||on", 1, -1, 1, CONVIS_FIXED | CONVIS_WORDS, "on: ON cells; off: OFF cells, whose input has its sign turned" },
    { "threshold",          "1", 0, -1e4, 1e4, 0, "start of the linear range" },
    { "value_at_threshold", "Hz", 70, -1e9, 1e9, 0, "output there; 0: a hard rectifier" },
    { "amplification",      "Hz", 100, -1e5, 1e5, 0, "slope in the linear range" },
    { "settled",            "off|on", 1, 0, 1, CONVIS_WHOLE | CONVIS_WORDS, "on: its baseline follows from its input's; off: it is 0" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static double baseline(const convis_pass *p, const double *x, double *state)
{
    double sign = p->param[0] < 0 ? -1 : 1, i0 = p->param[2], G = 5e5, u = sign*p->param[3]*(x[0] - sign*p->param[1]);
    (void)state;
    if (!(p->param[4] > 0)) return 0;
    return u > 0 ? i0 + (G - i0)*u/(G - i0 + u) : i0 != 0 ? i0*i0/(i0 - u) : 0;
}

CONVIS_LAYER_KERNELS(rectify)
const convis_layer_type convis_rectify = {
    .abi = CONVIS_LAYER_ABI, .name = "rectify", .doc = "smooth rectifying synapse, Hz",
    .params = params, .states = states, .inputs = 1, .kernels = rectify_kernels, .source = convis_rectify_source,
    .memoryless = 1, .pointwise = "rectify_forward", .adjoint = "rectify_adjoint", .baseline = baseline,
};
#endif
