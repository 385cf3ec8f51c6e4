/* opl.c - the retina's outer plexiform layer in four ways that agree: by recursion, by recursion in time and convolution in space, by
 * convolutions of space and time one after the other, and by one convolution with the whole kernel.
 *
 *      center     = gain B(sigma_c) E(tau_c) x                        E: first order low pass, B: blur
 *      undershoot = center - weight_u E(tau_u) center
 *      opl        = undershoot - weight_s B(sigma_s) E(tau_s) undershoot
 *
 * E of a frame that is held: c^k (1 - c) of the frame k steps ago, c = exp(-dt/tau). B: the diffusion of src/kernels/blur/blur.h, four implicit
 * steps along each axis; one has the kernel (1 - a)/(1 + a) a^|k|, with L = sigma^2/8 pixels^2 and a = (1 + 2L - sqrt(1 + 4L))/(2L). Both
 * are truncated where less than 1e-4 is left, and normalised to sum 1. Within a kernel's reach of the border they differ: the blur has the image
 * reflected beyond it, convolutions go on with the border's pixels.
 *
 * With `filters` convis the recursive ones compute what Convis's do, whose parameter files then give Convis's output: B is Deriche's
 * recursion, and the adaptation gets the center a frame late.
 *
 * Source: A. Wohrer and P. Kornprobst, Virtual Retina, J. Comput. Neurosci. 26:219-249 (2009); the four are those of Convis (J. Huth, T.
 * Masquelier and A. Arleo, Front. Neuroinform. 12:9 (2018)), where they differ. Numbers are those of human parvocellular cells (T.
 * Masquelier, J. Comput. Neurosci. 32:425-441 (2012)), at a tenth of the resolution in time and half of it in space. */
#include "preset.h"
#include "models/graph/yaml.h"
#include <math.h>
#include <string.h>

enum { DT, PPD, GAIN, CENTER_SIGMA, CENTER_TAU, UNDERSHOOT_TAU, UNDERSHOOT_WEIGHT, SURROUND_SIGMA, SURROUND_TAU, SURROUND_WEIGHT };

#define OPTION(name, unit, doc, value, min, max) { name, unit, doc, value, min, max, 0, NULL }
/* A parameter of a layer in the recursive variants is an option of the same name where it is part of the kernels. */
static const struct convis_preset_option all_options[] = {
    OPTION("dt", "s", "time step", 0.01, 1e-5, 10),
    OPTION("ppd", "1/deg", "pixels per degree", 10, 0.1, 1000),
    OPTION("opl.center.gain", "", "factor on the input", 10.0/255, -1e6, 1e6),
    OPTION("opl.center.sigma", "deg", "of the receptors' blur", 0.05, 0, 10),
    OPTION("opl.center.tau", "s", "of the receptors", 0.01, 0, 10),
    OPTION("opl.undershoot.tau", "s", "of their adaptation", 0.1, 0, 10),
    OPTION("opl.undershoot.weight", "", "how much of it", 0.8, -10, 10),
    OPTION("opl.surround.sigma", "deg", "of the horizontal cells' blur", 0.15, 0, 10),
    OPTION("opl.surround.tau", "s", "of the horizontal cells", 0.004, 0, 10),
    OPTION("opl.surround.gain", "", "how much of them is taken off", 1, -10, 10),
    { .name = NULL } };
#define FILTERS { "filters", "", "exact: as the equations say; convis: as Convis computes them, for its parameter files", 0, 0, 1, 1, \
                  "exact|convis" }
static const struct convis_preset_option recursive_options[] = { FILTERS, { .name = NULL } };
static const struct convis_preset_option half_options[] = {
    OPTION("ppd", "1/deg", "pixels per degree", 10, 0.1, 1000),
    OPTION("opl.center.sigma", "deg", "of the receptors' blur", 0.05, 0, 10),
    OPTION("opl.surround.sigma", "deg", "of the horizontal cells' blur", 0.15, 0, 10),
    FILTERS,
    { .name = NULL } };

/* ---- Kernels: (1, 1, T, N, N), the last frame the newest ---- */

static const double CUT = 1e-4;

static struct convis_value kernel(convis_context *c, int64_t frames, int64_t side)
{
    struct convis_value v = {
        .kind = CONVIS_VALUE_ARRAY, .dims = 5, .dim = { 1, 1, frames, side, side }, .count = frames*side*side
    };
    v.array = convis_obtain(c, (size_t)(v.count + 1)*sizeof *v.array);
    return v;
}

/* Of a low pass, times a factor. */
static struct convis_value low_pass(convis_context *c, double tau, double dt, double gain)
{
    const double decay = tau > 0 ? exp(-dt/tau) : 0;
    const double steps = decay > 0 ? ceil(log(CUT)/log(decay)) : 1;
    const int64_t frames = steps < 1 ? 1 : steps > 4096 ? 4096 : (int64_t)steps;
    struct convis_value v = kernel(c, frames, 1);
    double sum = 0;
    for (int64_t k = 0; k < frames && v.array; k++) sum += v.array[frames - 1 - k] = pow(decay, (double)k);
    for (int64_t k = 0; k < frames && v.array; k++) v.array[k] *= gain/sum;
    return v;
}

/* g convolved with itself, within its length. */
static void convolve_line(double *to, const double *from, const double *g, int64_t n)
{
    const int64_t middle = n/2;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < n; j++) if (i - j + middle >= 0 && i - j + middle < n) sum += from[j]*g[i - j + middle];
        to[i] = sum;
    }
}

static struct convis_value blur(convis_context *c, double sigma)
{
    enum { STEPS = 4 };
    const double L = sigma*sigma/(2*STEPS), a = L > 0 ? (1 + 2*L - sqrt(1 + 4*L))/(2*L) : 0;
    /* Far out the kernel falls by a from pixel to pixel; 4 more standard deviations cover the powers of k in front. */
    const double radius = sigma > 0 ? ceil(log(CUT)/log(a) + 4*sigma) : 0;
    const int64_t n = 2*(radius > 500 ? 500 : (int64_t)radius) + 1;
    double *line = convis_obtain(c, (size_t)(3*n)*sizeof *line), *g = line ? line + n : NULL,
           *next = line ? line + 2*n : NULL, sum = 0;
    struct convis_value v = { .array = NULL };
    if (!line) return v;
    for (int64_t k = 0; k < n; k++) line[k] = g[k] = (1 - a)/(1 + a)*pow(a, fabs((double)(k - n/2)));
    for (int step = 1; step < STEPS; step++) {
        convolve_line(next, line, g, n);
        memcpy(line, next, (size_t)n*sizeof *line);
    }
    int64_t cut = 0;
    double tail = 0;
    while (cut < n/2 && (tail += 2*line[cut]) < CUT) cut++;
    const int64_t side = n - 2*cut;
    for (int64_t k = cut; k < n - cut; k++) sum += line[k];
    v = kernel(c, 1, side);
    for (int64_t y = 0; y < side && v.array; y++)
        for (int64_t x = 0; x < side; x++) v.array[y*side + x] = line[cut + y]*line[cut + x]/(sum*sum);
    convis_release(c, line);
    return v;
}

/* Both one after the other, as one kernel; takes the memory of both. */
static struct convis_value after(convis_context *c, struct convis_value a, struct convis_value b)
{
    const int64_t t = a.dim[2] + b.dim[2] - 1, n = a.dim[3] + b.dim[3] - 1;
    struct convis_value v = { .array = NULL };
    if (a.array && b.array) v = kernel(c, t, n);
    for (int64_t i = 0; i < a.dim[2] && v.array; i++)
        for (int64_t j = 0; j < b.dim[2]; j++)
            for (int64_t p = 0; p < a.dim[3]*a.dim[3]; p++) {
                const double factor = a.array[i*a.dim[3]*a.dim[3] + p];
                const int64_t y0 = p/a.dim[3], x0 = p%a.dim[3];
                if (factor == 0) continue;
                for (int64_t y = 0; y < b.dim[3]; y++) {
                    double *to = v.array + ((i + j)*n + y0 + y)*n + x0;
                    const double *from = b.array + (j*b.dim[3] + y)*b.dim[3];
                    for (int64_t x = 0; x < b.dim[3]; x++) to[x] += factor*from[x];
                }
            }
    convis_value_free(c, &a);
    convis_value_free(c, &b);
    return v;
}

/* a minus b, newest frames and centres aligned; takes the memory of both. */
static struct convis_value minus(convis_context *c, struct convis_value a, struct convis_value b)
{
    const int64_t t = a.dim[2] > b.dim[2] ? a.dim[2] : b.dim[2], n = a.dim[3] > b.dim[3] ? a.dim[3] : b.dim[3];
    const struct convis_value part[2] = { a, b };
    struct convis_value v = { .array = NULL };
    if (a.array && b.array) v = kernel(c, t, n);
    for (int k = 0; k < 2 && v.array; k++) {
        const int64_t m = part[k].dim[3], edge = (n - m)/2, late = t - part[k].dim[2];
        for (int64_t i = 0; i < part[k].dim[2]; i++)
            for (int64_t y = 0; y < m; y++)
                for (int64_t x = 0; x < m;
                     x++) v.array[((late + i)*n + edge + y)*n + edge + x] += (k ? -1 : 1)*part[k].array[(i*m + y)*m + x];
    }
    convis_value_free(c, &a);
    convis_value_free(c, &b);
    return v;
}

static struct convis_value copy(convis_context *c, const struct convis_value *a)
{
    struct convis_value v = kernel(c, a->dim[2], a->dim[3]);
    if (v.array) memcpy(v.array, a->array, (size_t)a->count*sizeof *v.array);
    return v;
}

/* The whole. */
static struct convis_value opl_kernel(convis_context *c, const double *o)
{
    struct convis_value one = low_pass(c, 0, 1, 1), center, surround;
    center = after(c, low_pass(c, o[CENTER_TAU], o[DT], o[GAIN]), minus(c, one, low_pass(c, o[UNDERSHOOT_TAU], o[DT],
        o[UNDERSHOOT_WEIGHT])));
    center = after(c, center, blur(c, o[CENTER_SIGMA]*o[PPD]));
    if (!center.array) return center;
    surround = after(c, low_pass(c, o[SURROUND_TAU], o[DT], o[SURROUND_WEIGHT]), blur(c, o[SURROUND_SIGMA]*o[PPD]));
    struct convis_value both = after(c, surround, copy(c, &center));
    return minus(c, center, both);
}

/* ---- Layers ---- */

static void head(FILE *f, const char *how, double dt)
{
    fprintf(f, "title: outer plexiform layer, %s\nsource: Wohrer and Kornprobst (2009)\nbaseline: 127.5\ndt: ", how);
    convis_yaml_put_number(f, dt);
    fputs("\nlayers:\n", f);
}

/* A convolution with this kernel, whose memory it takes. */
static convis_status conv(convis_context *c, FILE *f, const char *name, const char *input, struct convis_value v)
{
    if (!v.array) return CONVIS_ENOMEM;
    fprintf(f, "  - name: %s\n    type: conv\n", name);
    if (input) fprintf(f, "    input: %s\n", input);
    convis_status status = convis_graph_put_array(c, f, 4, "weights", &v);
    convis_value_free(c, &v);
    return status;
}

/* Center and undershoot, after the center's blur. Convis's time step is 1 ms unless it is set. */
static void center_in_time(FILE *f, int as_convis)
{
    fputs("  - {name: opl.center, type: lowpass, tau: 0.01, gain: 0.0392156862745098}\n", f);
    if (as_convis)
        fputs("  - {name: opl.adaptation, type: lowpass, tau: 0.1, gain: 0.8, input: {from: opl.center, delay: 1}}\n"
              "  - {name: opl.undershoot, type: difference, inputs: [opl.center, opl.adaptation]}\n", f);
    else fputs("  - {name: opl.undershoot, type: highpass, tau: 0.1, weight: 0.8, hold: constant}\n", f);
}

static void surround_in_time(FILE *f)
{
    fputs("  - {name: opl.surround, type: lowpass, tau: 0.004, gain: 1}\n"
          "  - {name: opl, type: difference, inputs: [opl.undershoot, opl.surround]}\n", f);
}

static void aliases(FILE *f, int as_convis, const char *others)
{
    if (!as_convis && !*others) return;
    fprintf(f, "aliases: {%s%s%s}\n", others, as_convis && *others ? ", " : "",
            as_convis ? "opl.undershoot.tau: opl.adaptation.tau, opl.undershoot.weight: opl.adaptation.gain" : "");
}

static convis_status recursive(convis_context *c, FILE *f, const double *option)
{
    const int as_convis = option[0] > 0;
    const char *method = as_convis ? ", method: deriche" : "";
    (void)c;
    head(f, "by recursion", as_convis ? 0.001 : 0.01);
    fprintf(f, "  - {name: opl.center.blur, type: blur, sigma: 0.05, ppd: 10%s}\n", method);
    center_in_time(f, as_convis);
    fprintf(f, "  - {name: opl.surround.blur, type: blur, sigma: 0.15, ppd: 10%s}\n", method);
    surround_in_time(f);
    aliases(f, as_convis, "opl.center.sigma: opl.center.blur.sigma, opl.surround.sigma: opl.surround.blur.sigma");
    return CONVIS_OK;
}

static convis_status half(convis_context *c, FILE *f, const double *option)
{
    const int as_convis = option[3] > 0;
    head(f, "by recursion in time, by convolution in space", as_convis ? 0.001 : 0.01);
    convis_status status = conv(c, f, "opl.center.blur", NULL, blur(c, option[1]*option[0]));
    center_in_time(f, as_convis);
    if (!status) status = conv(c, f, "opl.surround.blur", NULL, blur(c, option[2]*option[0]));
    surround_in_time(f);
    aliases(f, as_convis, "");
    return status;
}

static convis_status separable(convis_context *c, FILE *f, const double *o)
{
    head(f, "by convolutions of time and space", o[DT]);
    convis_status status = conv(c, f, "opl.center.blur", NULL, blur(c, o[CENTER_SIGMA]*o[PPD]));
    if (!status) status = conv(c, f, "opl.center", NULL, low_pass(c, o[CENTER_TAU], o[DT], o[GAIN]));
    if (!status) status = conv(c, f, "opl.adaptation", NULL, low_pass(c, o[UNDERSHOOT_TAU], o[DT], o[UNDERSHOOT_WEIGHT]));
    fputs("  - {name: opl.undershoot, type: difference, inputs: [opl.center, opl.adaptation]}\n", f);
    if (!status) status = conv(c, f, "opl.surround.blur", NULL, blur(c, o[SURROUND_SIGMA]*o[PPD]));
    if (!status) status = conv(c, f, "opl.surround", NULL, low_pass(c, o[SURROUND_TAU], o[DT], o[SURROUND_WEIGHT]));
    fputs("  - {name: opl, type: difference, inputs: [opl.undershoot, opl.surround]}\n", f);
    return status;
}

static convis_status full(convis_context *c, FILE *f, const double *o)
{
    head(f, "by one convolution", o[DT]);
    return conv(c, f, "opl", NULL, opl_kernel(c, o));
}

const struct convis_preset convis_preset_opl_recursive = {
    .name = "opl_recursive", .doc = "outer plexiform layer of the retina: recursive in time and space", .write = recursive, .option = recursive_options
};
const struct convis_preset convis_preset_opl_half_recursive = {
    .name = "opl_half_recursive", .doc = "the same: recursive in time, convolutions in space", .write = half, .option = half_options
};
const struct convis_preset convis_preset_opl_separable = {
    .name = "opl_separable", .doc = "the same: convolutions in time and in space", .write = separable, .option = all_options
};
const struct convis_preset convis_preset_opl_full = {
    .name = "opl_full", .doc = "the same: one convolution in space and time", .write = full, .option = all_options
};
