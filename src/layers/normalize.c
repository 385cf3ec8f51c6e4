/* normalize.c - each pixel in units of its own recent spread: normalisation by a running mean and variance, causal, no batches.
 *
 *      d = x[t] - m[t-1]                                 b = 1 - exp(-dt/tau)
 *      m[t] = m[t-1] + b d
 *      v[t] = (1 - b) (v[t-1] + b d^2)                   the exponentially weighted variance (West 1979)
 *      y[t] = gain (x[t] - m[t])/sqrt(v[t] + floor^2) + offset
 *
 * Every pixel of every channel has a mean and a variance of its own. As the present frame counts, |y - offset| stays below
 * gain sqrt((1 - b)/b); `floor` limits the gain of what hardly varies. Its baseline is a constant: m = x, v = 0, y = offset.
 *
 * Adjoint, e = x - m = (1 - b) d, w = v + floor^2, r = w^-1/2, g = dy, D_m and D_v passed on from t + 1:
 *      dgain = e r g; doffset = g; D_w = -gain e r g/(2 w); D_v += D_w; dfloor = 2 floor D_w; D_e = gain r g
 *      D_d = (1 - b) D_e + 2 b (1 - b) d D_v + b D_m;  dx = D_d
 *      D_b = -d D_e + ((1 - 2b) d^2 - v[t-1]) D_v + d D_m;  dtau = -(1 - b) dt/tau^2 D_b
 *      D_m <- D_m - D_d;  D_v <- (1 - b) D_v
 * The tape stores m[t-1] and v[t-1]. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL7(normalize_forward, PARAM p, IN x, OUT y, STATE m, STATE v, TAPE m_before, TAPE v_before)
{
    real b = -convis_expm1(-dt/p[0]), rest = 1 - b, least = p[1]*p[1], gain = p[2], offset = p[3];
    CONVIS_FRAMES(t) {
        if (m_before) CONVIS_PIXELS(i) {
            m_before[t*map_size + i] = m[i];
            v_before[t*map_size + i] = v[i];
        }
        CONVIS_PIXELS(i) {
            real d = x[t*n + i] - m[i];
            m[i] += b*d;
            v[i] = rest*(v[i] + b*(d*d));
            y[t*n + i] = gain*(rest*d)/convis_sqrt(v[i] + least) + offset;
        }
    }
}

CONVIS_KERNEL10(normalize_adjoint, PARAM p, IN x, IN y, TAPE m_before, TAPE v_before, IN dy, STATE dm, STATE dv, OUT dx, OUT dmap)
{
    real tau = p[0], b = -convis_expm1(-dt/tau), rest = 1 - b, lowest = p[1], gain = p[2], dtau = -rest*(dt/tau/tau);
    CONVIS_SCAN_BACK(i, t) {
        real d = x[t*n + i] - m_before[t*map_size + i], v0 = v_before[t*map_size + i], e = rest*d, g = dy[t*n + i];
        real w = rest*(v0 + b*(d*d)) + lowest*lowest, r = 1/convis_sqrt(w);
        real of_w = R(-0.5)*(gain*e*r*g)/w, of_v = dv[i] + of_w, of_e = gain*r*g, of_m = dm[i];
        real of_d = rest*of_e + 2*b*rest*d*of_v + b*of_m, of_b = ((1 - 2*b)*(d*d) - v0)*of_v + d*(of_m - of_e);
        dx[t*n + i] += of_d;
        dm[i] = of_m - of_d;
        dv[i] = rest*of_v;
        dmap[i] += dtau*of_b;
        dmap[map_size + i] += 2*lowest*of_w;
        dmap[2*map_size + i] += e*r*g;
        dmap[3*map_size + i] += g;
    }
}

CONVIS_EXPORT(normalize, CONVIS_ENTRY(normalize_forward) CONVIS_ENTRY(normalize_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "tau",    "s", 1, 1e-4, 1e4, 0, "time constant of mean and variance" },
    { "floor",  "1", 0.01, 1e-4, 1e6, 0, "standard deviation below which nothing is amplified further" },
    { "gain",   "1", 1, -1e6, 1e6, 0, "output for one standard deviation" },
    { "offset", "1", 0, -1e6, 1e6, 0, "output at the mean" },
    { 0 }
};
static const convis_field states[] = {
    { "mean",     "1", 0, 0, 0, 0, "running mean of the input" },
    { "variance", "1", 0, 0, 0, 0, "running variance" },
    { 0 }
};

static double baseline(const convis_pass *p, const double *x, double *state)
{
    state[0] = x[0];
    state[1] = 0;
    return p->param[3];
}

CONVIS_LAYER_KERNELS(normalize)
const convis_layer_type convis_normalize = {
    .abi = CONVIS_LAYER_ABI, .name = "normalize", .doc =
      "each pixel minus its running mean, divided by its running standard deviation",
    .params = params, .states = states, .inputs = 1, .tape = 2, .kernels = normalize_kernels, .source = convis_normalize_source,
    .pointwise = "normalize_forward", .adjoint = "normalize_adjoint", .baseline = baseline,
};
#endif
