/* delay.c - the input some time ago; between frames it moves linearly.
 *
 *      y(t) = x(t - delay):   y[t] = (1 - f) x[t-k] + f x[t-k-1]         k + f = delay/dt, 0 <= f < 1
 *
 * Adjoint: into x[t-k]: (1 - f) dy[t]; into x[t-k-1]: f dy[t]; ddelay = (x[t-k-1] - x[t-k]) dy[t]/dt (at whole frames the
 * derivative towards longer delays). The history lies in front of the input's frames. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL3(delay_forward, PARAM p, IN x, OUT y)
{
    real delay = p[0]/dt;
    integer k = (integer)delay*n;
    real f = delay - (real)(integer)delay;
    CONVIS_SCAN(i, t) y[t*n + i] = (1 - f)*x[t*n + i - k] + f*x[t*n + i - k - n];
}

CONVIS_KERNEL6(delay_adjoint, PARAM p, IN x, IN y, IN dy, OUT dx, OUT dmap)
{
    real delay = p[0]/dt;
    integer k = (integer)delay*n;
    real f = delay - (real)(integer)delay;
    CONVIS_SCAN_BACK(i, t) {
        real g = dy[t*n + i];
        dx[t*n + i - k] += (1 - f)*g;
        dx[t*n + i - k - n] += f*g;
        dmap[i] += (x[t*n + i - k - n] - x[t*n + i - k])*g/dt;
    }
}

CONVIS_EXPORT(delay, CONVIS_ENTRY(delay_forward) CONVIS_ENTRY(delay_adjoint))

#else
#include <convis/layer.h>

enum { DELAY, LONGEST };
static const convis_field params[] = {
    { "delay",   "s", 0.01, 0, 100, 0, "delay" },
    { "longest", "s", 0, 0, 100, CONVIS_FIXED | CONVIS_PLAN, "largest value that delay may take; 0: its value when planned" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static convis_status plan(convis_pass *p)
{
    double longest = p->param[LONGEST] > 0 ? p->param[LONGEST] : p->param[DELAY];
    if (p->param[DELAY] > longest)
        return convis_fail(p->context, CONVIS_EINVAL, "%s.delay: %g s, expected at most longest, %g s", p->path, p->param[DELAY],
                           longest);
    if (longest/p->dt > 4000)
        return convis_fail(p->context, CONVIS_EINVAL, "%s.longest: %g s, expected at most 4000 frames of %g s", p->path, longest,
                           p->dt);
    p->history[0] = (int)(longest/p->dt*(1 + 1e-6)) + 1;
    return CONVIS_OK;
}

/* In frames as the kernel will see it, rounded. */
static convis_status prepare(convis_pass *p)
{
    if ((convis_real)p->param[DELAY]/(convis_real)p->dt < (convis_real)p->history[0]) return CONVIS_OK;
    return convis_fail(p->context, CONVIS_EINVAL, "%s.delay: %g s, expected less than %g s, for which the model was planned",
                       p->path, p->param[DELAY], p->history[0]*p->dt);
}

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)p, (void)state;
    return x[0];
}

CONVIS_LAYER_KERNELS(delay)
const convis_layer_type convis_delay = {
    .abi = CONVIS_LAYER_ABI, .name = "delay", .doc = "the input, delayed",
    .params = params, .states = states, .inputs = 1, .kernels = delay_kernels, .source = convis_delay_source,
    .pointwise = "delay_forward", .adjoint = "delay_adjoint", .plan = plan, .prepare = prepare, .baseline = baseline,
};
#endif
