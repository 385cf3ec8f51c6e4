/* variable_delay.c - a delay of its own for every pixel: motion detectors, travelling waves.
 *
 *      y_i[t] = (1 - f_i) x_i[t-k_i] + f_i x_i[t-k_i-1]                  k_i + f_i = delay_i/dt, 0 <= f_i < 1
 *
 * Adjoint as in delay.c; each delay has the gradient of its own pixel. */
#include <convis/kernel.h>
#ifndef CONVIS_HOST

CONVIS_KERNEL3(variable_delay_forward, PARAM delay, IN x, OUT y)
{
    CONVIS_SCAN(i, t) {
        real d = delay[i], whole = (real)(integer)d, f = d - whole;
        integer at = t*n + i - (integer)d*n;
        y[t*n + i] = (1 - f)*x[at] + f*x[at - n];
    }
}

CONVIS_KERNEL5(variable_delay_adjoint, PARAM delay, IN x, IN dy, OUT dx, TOTAL ddelay)
{
    CONVIS_SCAN_BACK(i, t) {
        real d = delay[i], whole = (real)(integer)d, f = d - whole, g = dy[t*n + i];
        integer at = t*n + i - (integer)d*n;
        if (dx) {
            dx[at] += (1 - f)*g;
            dx[at - n] += f*g;
        }
        if (ddelay) ddelay[i] += (x[at - n] - x[at])*g;
    }
}

CONVIS_EXPORT(variable_delay, CONVIS_ENTRY(variable_delay_forward) CONVIS_ENTRY(variable_delay_adjoint))

#else
#include <convis/layer.h>

enum { DELAYS, LONGEST };
static const convis_field params[] = {
    { "delays",  "s", 0, 0, 100, CONVIS_ARRAY, "delay of each pixel, (C, Y, X)" },
    { "longest", "s", 0.05, 0, 100, CONVIS_FIXED | CONVIS_PLAN, "largest value that they may take" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

static int64_t maps(const convis_pass *p) { return convis_elements(p->out_shape); }

static convis_status plan(convis_pass *p)
{
    convis_shape s = p->out_shape;
    if (p->param[LONGEST]/p->dt > 4000)
        return convis_fail(p->context, CONVIS_EINVAL, "%s.longest: %g s, expected at most 4000 frames of %g s", p->path,
                           p->param[LONGEST], p->dt);
    p->history[0] = (int)(p->param[LONGEST]/p->dt*(1 + 1e-6)) + 1;
    p->array_shape[DELAYS] = (convis_shape){ { 1, s.dim[CONVIS_C], 1, s.dim[CONVIS_Y], s.dim[CONVIS_X] } };
    p->constants_size = (size_t)maps(p)*sizeof(convis_real);
    p->sums[DELAYS] = maps(p);
    return CONVIS_OK;
}

/* Delays in frames, for every element of a frame; tested as the kernel will see them, rounded. */
static convis_status prepare(convis_pass *p)
{
    convis_real *delay = p->constants;
    int64_t n = (int64_t)p->param[DELAYS];
    for (int64_t i = 0; i < maps(p); i++) {
        delay[i] = (convis_real)(p->array[DELAYS][i % n]/p->dt);
        if (delay[i] >= (convis_real)p->history[0])
            return convis_fail(p->context, CONVIS_EINVAL,
                               "%s.delays[%lld]: %g s, expected less than %g s, for which the model was planned", p->path,
                               (long long)(i % n), p->array[DELAYS][i % n], p->history[0]*p->dt);
    }
    return CONVIS_OK;
}

static convis_status forward(convis_pass *p)
{
    void *buffers[] = { p->constants, (void *)(uintptr_t)p->in[0], p->out };
    convis_launch(p, "variable_delay_forward", maps(p), p->frames, buffers);
    return CONVIS_OK;
}

static convis_status vjp(convis_pass *p)
{
    void *buffers[] = { p->constants, (void *)(uintptr_t)p->in[0], (void *)(uintptr_t)p->d_out, p->d_in[0], p->d_array[DELAYS] };
    convis_launch(p, "variable_delay_adjoint", maps(p), p->frames, buffers);
    return CONVIS_OK;
}

/* The sums are of delays in frames, for each batch. */
static void gather(const convis_pass *p, int k, const double *sums, double *d_param, double *const *d_array)
{
    (void)k, (void)d_param;
    for (int64_t i = 0; i < maps(p); i++) d_array[DELAYS][i % (int64_t)p->param[DELAYS]] += sums[i]/p->dt;
}

static double baseline(const convis_pass *p, const double *x, double *state)
{
    (void)p, (void)state;
    return x[0];
}

CONVIS_LAYER_KERNELS(variable_delay)
const convis_layer_type convis_variable_delay = {
    .abi = CONVIS_LAYER_ABI, .name = "variable_delay", .doc = "the input, delayed by a time of its own at each pixel",
    .params = params, .states = states, .inputs = 1, .kernels = variable_delay_kernels, .source = convis_variable_delay_source,
    .plan = plan, .prepare = prepare, .forward = forward, .vjp = vjp, .gather = gather, .device_capable = 1, .baseline = baseline,
};
#endif
