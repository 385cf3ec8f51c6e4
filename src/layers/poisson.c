/* poisson.c - spikes of a Poisson process whose rate is the input: y[t] counts those of step t.
 *
 *      m = max(x[t], 0) dt          y[t] = the arrivals, exponentially distributed apart, within m
 *
 * Another arrival comes before the end with chance q = 1 - exp(-left); a number u below q says that it does, and when: its
 * distance is -ln(1 - u), and then q becomes (q - u)/(1 - u). So counts are Poisson's for any mean, however small, and times
 * are the process's own. Steps with m > 4 are computed in parts of equal length; m is at most 10^4 a step.
 *
 * Adjoint, straight through: the count stands for its mean, so dx = dt dy where x > 0 and, with straight = 1, where it
 * is not, so that a silent cell can learn to fire. The tape stores m. */
#include <convis/kernel.h>

/* ---- What kernel and host share: the arrivals ---- */

/* The k-th number of a part, uniform between 0 and 1 with 48 bits, as rare events need small numbers to be right. */
CONVIS_INLINE real poisson_number(integer i, u32 frame, u32 part, u32 k, u32 key0, u32 key1)
{
    u32 w[4];
    convis_philox(key0, key1, (u32)i, frame, part, k/2, w);
    u32 high = k%2 ? w[2] : w[0], low = k%2 ? w[3] : w[1];
    return ((real)(int)(high >> 8) + ((real)(int)(low >> 8) + R(0.5))*R(5.9604644775390625e-8))*R(5.9604644775390625e-8);
}

CONVIS_INLINE int  poisson_parts(real m) { return m > 4 ? (int)(m*R(0.25)) + 1 : 1; }
CONVIS_INLINE real poisson_chance(real m) { return -convis_expm1(-m); }

/* How many come in a part with such a chance of any. */
CONVIS_INLINE int poisson_arrivals(real q, integer i, u32 frame, u32 part, u32 key0, u32 key1)
{
    for (int k = 0;; k++) {
        real u = poisson_number(i, frame, part, (u32)k, key0, key1);
        if (!(u < q)) return k;
        q = (q - u)/(1 - u);
    }
}

#ifndef CONVIS_HOST

CONVIS_KERNEL4(poisson_forward, PARAM p, IN x, OUT y, TAPE tape)
{
    CONVIS_FRAMES(t) CONVIS_GROUPS(g, count) {
        real mean[CONVIS_GROUP], part[CONVIS_GROUP];
        int  any = 0;
        for (integer l = 0; l < count; l++) {
            mean[l] = convis_min(convis_max(x[t*n + g + l]*dt, R(0.0)), R(1e4));
            part[l] = (real)poisson_parts(mean[l]);
        }
        if (tape) for (integer l = 0; l < count; l++) tape[t*map_size + g + l] = mean[l];
        for (integer l = 0; l < count; l++) {
            real u = poisson_number(g + l, frame + (u32)t, 0, 0, key0, key1),
                     fires = u < poisson_chance(mean[l]/part[l]) ? R(1.0) : R(0.0);
            y[t*n + g + l] = part[l] > 1 ? R(2.0) : fires;
            any |= y[t*n + g + l] > 0 ? 1 : 0;
        }
        if (any)
            for (integer l = 0; l < count; l++) {
                real q = poisson_chance(mean[l]/part[l]);
                int  sum = 0;
                if (!(y[t*n + g + l] > 0)) continue;
                for (int j = 0; j < (int)part[l]; j++) sum += poisson_arrivals(q, g + l, frame + (u32)t, (u32)j, key0, key1);
                y[t*n + g + l] = (real)sum;
            }
    }
}

CONVIS_KERNEL7(poisson_adjoint, PARAM p, IN x, IN y, TAPE tape, IN dy, OUT dx, OUT dmap)
{
    int straight = p[0] > 0;
    CONVIS_SCAN_BACK(i, t) dx[t*n + i] += straight || x[t*n + i] > 0 ? dy[t*n + i]*dt : R(0.0);
}

CONVIS_EXPORT(poisson, CONVIS_ENTRY(poisson_forward) CONVIS_ENTRY(poisson_adjoint))

#else
#include <convis/layer.h>

static const convis_field params[] = {
    { "straight", "off|on", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS, "gradient of the counts, dt: off: where the rate is positive; on: everywhere" },
    { 0 }
};
static const convis_field states[] = { { 0 } };

/* The numbers once more, now for the times. */
static void spikes(convis_pass *p, void *sink)
{
    int64_t n = convis_elements(p->out_shape);
    u32 key0 = (u32)p->key, key1 = (u32)(p->key >> 32);
    for (int t = 0; t < p->frames; t++)
        for (int64_t i = 0; i < n; i++) {
            if (!(p->out[t*n + i] > 0)) continue;
            real mean = p->tape[0][t*n + i];
            int  parts = poisson_parts(mean);
            for (int j = 0; j < parts; j++) {
                real q = poisson_chance(mean/(real)parts), u;
                double at = j*(double)mean/parts;
                for (int k = 0; (u = poisson_number((integer)i, (u32)p->frame + (u32)t, (u32)j, (u32)k, key0, key1)) < q; k++) {
                    at -= log1p(-(double)u);
                    convis_emit(sink, i, t, fmin(at/(double)mean, 1)*p->dt);
                    q = (q - u)/(1 - u);
                }
            }
        }
}

CONVIS_LAYER_KERNELS(poisson)
const convis_layer_type convis_poisson = {
    .abi = CONVIS_LAYER_ABI, .name = "poisson", .doc = "counts the spikes of a Poisson process whose rate (Hz) is the input",
    .params = params, .states = states, .inputs = 1, .tape = 1, .kernels = poisson_kernels, .source = convis_poisson_source,
    .pointwise = "poisson_forward", .adjoint = "poisson_adjoint", .spikes = spikes,
};
#endif
