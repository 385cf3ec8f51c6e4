/* luminance_gain.c - receptors and horizontal cells with luminance gain control: VirtualRetina's experimental OPL (SPEC 5).
 *
 *      P' = x + F H E_n - (g0 + F H) P             receptor; x raw luminance, F H the horizontal cells' conductance
 *      H  = (blur sigma, low pass tau) of S(P)     S(v) = G w/(1+w), w = v/G for v > 0, else 0;  G = 5e5
 *      y  = P - weight H
 *
 * P takes each step exactly with x and H constant over it. exact = 0: P[t] from H[t-1], H[t] from P[t-1], as the
 * original. exact = 1: P at whole, H at half steps of h <= substep, H[j+1/2] from P[j]; second order, as gain_control.c.
 * The adjoint is that of gain_control.c with A = F H, lambda = 1 and E_inh = E_n. The tape keeps P and H. */
#include <convis/kernel.h>

enum { K_G0, K_F, K_EN, K_W, K_H, K_B, K_EXACT, K_COUNT = 16 };

#ifndef CONVIS_HOST

CONVIS_KERNEL5(luminance_receptor, PARAM k, IN x, STATE p, STATE h, OUT q)
{
    CONVIS_PIXELS(i) {
        real old = p[i], f = k[K_F]*h[i], g = k[K_G0] + f, rest = (x[i] + f*k[K_EN])/g;
        real now = rest + (old - rest)*convis_exp(-k[K_H]*g), heard = convis_max(k[K_EXACT] > 0 ? now : old, R(0.0));
        p[i] = now;
        q[i] = heard/(1 + heard*R(2e-6));
    }
}

CONVIS_KERNEL5(luminance_horizontal, PARAM k, IN q, STATE p, STATE h, OUT y)
{
    CONVIS_PIXELS(i) {
        h[i] += k[K_B]*(q[i] - h[i]);
        y[i] = p[i] - k[K_W]*h[i];
    }
}

/* Receptors or horizontal cells alone, for those who ask. */
CONVIS_KERNEL2(luminance_copy, IN state, OUT shown)
{
    CONVIS_PIXELS(i) shown[i] = state[i];
}

CONVIS_EXPORT(luminance_gain, CONVIS_ENTRY(luminance_receptor) CONVIS_ENTRY(luminance_horizontal) CONVIS_ENTRY(luminance_copy))

#else
#include "../kernels/blur.h"

enum { TAU = CONVIS_BLUR_FIELD_COUNT, LEAK, FEEDBACK, NERNST, WEIGHT, EXACT, SUBSTEP };

static const convis_field params[] = {
    CONVIS_BLUR_FIELDS,
    { "tau",      "s",  0.010, 0, 1e3, 0, "time constant of the horizontal cells" },
    { "leak",     "Hz", 10, 1e-6, 1e5, 0, "inert leak of the receptors (g0)" },
    { "feedback", "1",  200, 0, 1e6, 0, "horizontal feedback (F)" },
    { "nernst",   "1",  0, -1e3, 1e3, 0, "reversal potential of the feedback (E_n)" },
    { "weight",   "1",  0, -1e3, 1e3, 0, "of the horizontal cells in the output" },
    { "exact",    "1",  1, 0, 1, CONVIS_WHOLE | CONVIS_PLAN, "1: second order in dt; 0: VirtualRetina's hand-overs" },
    { "substep",  "s",  0.001, 1e-6, 1, CONVIS_FIXED | CONVIS_PLAN, "longest step when exact" },
    { 0 }
};
static const convis_field states[] = {
    { "P", "1", 0, 0, 0, 0, "receptor" },
    { "H", "1", 0, 0, 0, 0, "horizontal cells" },
    { 0 }
};
static const convis_field outputs[] = {
    { "receptor",   "1", 0, 0, 0, 0, "P" },
    { "horizontal", "1", 0, 0, 0, 0, "H" },
    { 0 }
};

static size_t numbers_size(void) { return (K_COUNT*sizeof(convis_real) + 63)/64*64; }
static convis_blur *neighbourhood(const convis_pass *p) { return (convis_blur *)((char *)p->constants + numbers_size()); }
static size_t map_size(const convis_pass *p) { return ((size_t)convis_elements(p->out_shape)*sizeof(convis_real) + 63)/64*64; }
static int substeps(const convis_pass *p)
{
    double m = p->param[EXACT] > 0 ? ceil(p->dt/p->param[SUBSTEP] - 1e-9) : 1;
    return m < 1 ? 1 : m > 100000 ? 100000 : (int)m;
}

static convis_status plan(convis_pass *p)
{
    int64_t w = p->out_shape.dim[CONVIS_X], h = p->out_shape.dim[CONVIS_Y];
    p->constants_size = numbers_size() + convis_blur_size(w, h, convis_blur_varies(convis_blur_spec_of(p->param, 0)));
    p->scratch_size = map_size(p) + convis_blur_scratch(w, h, p->threads);
    return CONVIS_OK;
}

static convis_status prepare(convis_pass *p)
{
    const double *a = p->param;
    convis_blur_spec s = convis_blur_spec_of(a, 0);
    double h = p->dt/substeps(p);
    double number[K_COUNT] = { a[LEAK], a[FEEDBACK], a[NERNST], a[WEIGHT], h, a[TAU] > 0 ? -expm1(-h/a[TAU]) : 1, a[EXACT] };
    for (int k = 0; k < K_COUNT; k++) ((convis_real *)p->constants)[k] = (convis_real)number[k];
    convis_blur_prepare(neighbourhood(p), p->context, p->out_shape.dim[CONVIS_X], p->out_shape.dim[CONVIS_Y], convis_blur_varies(s), &s);
    return CONVIS_OK;
}

static double heard(double v) { return v > 0 ? v/(1 + v/5e5) : 0; }

/* exact: settled, P where as much flows in as out. VirtualRetina starts in the dark whatever was before. */
static double past(const convis_pass *p, const double *x, double *state)
{
    const double *a = p->param;
    double low = 0, high = fabs(x[0])/a[LEAK] + fabs(a[NERNST]);
    if (!(a[EXACT] > 0) || !(x[0] > 0)) return 0;
    for (int k = 0; k < 200; k++) {
        double v = 0.5*(low + high), f = a[FEEDBACK]*heard(v);
        if (x[0] + f*a[NERNST] > (a[LEAK] + f)*v) low = v; else high = v;
    }
    state[0] = low;
    state[1] = heard(low);
    return state[0] - a[WEIGHT]*state[1];
}

static void forward(convis_pass *p)
{
    int64_t n = convis_elements(p->out_shape), planes = p->out_shape.dim[CONVIS_B]*p->out_shape.dim[CONVIS_C];
    void *receptor = p->state[0], *horizontal = p->state[1], *q = p->scratch, *k = p->constants;
    void *blur_scratch = (char *)p->scratch + map_size(p);
    int64_t h = p->out_shape.dim[CONVIS_Y], first = convis_share(h, p->thread, p->threads), end = convis_share(h, p->thread + 1, p->threads);
    for (int t = 0; t < p->frames; t++) {
        void *x = (void *)(uintptr_t)(p->in[0] + t*n), *y = p->out + t*n;
        for (int s = 0; s < substeps(p); s++) {
            for (int64_t y0, y1 = -1; convis_next_strip(p, neighbourhood(p), &y0, &y1);) {
                convis_launch_rows(p, "luminance_receptor", p->out_shape, y0, y1, (void *[]){ k, x, receptor, horizontal, q });
                convis_blur_rows(p, neighbourhood(p), q, q, planes, y0, y1, blur_scratch);
            }
            convis_barrier(p);
            convis_blur_columns(p, neighbourhood(p), q, planes, blur_scratch);
            convis_barrier(p);
            convis_launch_rows(p, "luminance_horizontal", p->out_shape, first, end, (void *[]){ k, q, receptor, horizontal, y });
        }
        if (p->extra[0]) convis_launch_rows(p, "luminance_copy", p->out_shape, first, end, (void *[]){ receptor, p->extra[0] + t*n });
        if (p->extra[1]) convis_launch_rows(p, "luminance_copy", p->out_shape, first, end, (void *[]){ horizontal, p->extra[1] + t*n });
    }
}

CONVIS_LAYER_KERNELS(luminance_gain)
const convis_layer_type convis_luminance_gain = {
    .abi = CONVIS_LAYER_ABI, .name = "luminance_gain", .doc = "outer plexiform layer with luminance gain control",
    .params = params, .states = states, .outputs = outputs, .inputs = 1, .kernels = luminance_gain_kernels,
    .source = convis_luminance_gain_source, .plan = plan, .prepare = prepare, .past = past, .forward = forward,
};
#endif
