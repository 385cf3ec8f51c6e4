/* initialisers.c - arrays from a text: "gaussian?sigma=2", "biphasic?tau=0.03&sigma=1".
 *
 * An array of weights ("kernel") is (out, in, T, Y, X). The last index of T weighs the newest frame, so courses in time run from old to new. Most
 * kinds are a pattern in space times a course in time:
 *
 *      space   gaussian               exp(-(x^2 + y^2)/(2 sigma^2))
 *              difference_of_gaussians   one that sums to 1, minus `weight` times another
 *              gabor                  exp(-(u^2 + (aspect v)^2)/(2 sigma^2)) cos(2 pi frequency u + phase)
 *                                     u along `orientation`, v across it
 *      time    exponential, cascade   the share of a gamma distribution of n + 1 stages of tau/n (one of tau for n = 0) that falls
 *                                     into each frame: what the layer `lowpass` does to frames that are constant while they last
 *              biphasic               one cascade minus `weight` times another (Watson 1986; with tau2/n2 = tau/n, n2 = n + 2 and
 *                                     weight 1 the filters of Adelson and Bergen 1985)
 *
 * What has no course in time is in the newest frame, what has no pattern in space at the centre. moving_gabor is a gabor
 * whose phase runs while the frames do, so that it answers best to gratings that drift along `orientation`.
 *
 * The centre of Y and X is index size/2, rounded down: where `conv` puts a kernel's centre, so that none moves the image. */
#include "initialisers.h"
#include "initialisers_font.h"
#include "base/context.h"
#include "base/query.h"
#include "base/philox.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TWO_PI 6.283185307179586

typedef struct kernel {
    convis_context *context;
    const struct kind *kind;
    const char *who;                 /* "filter.weights: gaussian" */
    double  value[CONVIS_QUERY_MAX];
    unsigned char given[CONVIS_QUERY_MAX];
    char   *text;
    convis_shape shape;
    double  dt, ppd, x, y;           /* ppd: 1 where sizes are in pixels; x, y: of the centre, in indices */
    double *space, *time;            /* (Y, X) and (T): their product is one kernel */
} kernel;

typedef struct kind {
    const char *name, *doc;
    const convis_field *fields;
    const char *text, *text_doc;     /* the key that is a text */
    /* Kernel o of the outputs, into space and time; or all values at once. */
    convis_status (*parts)(kernel *, int64_t o);
    convis_status (*whole)(kernel *, double *values);
} kind;

/* ---- Tables ---- */

#define NORMALIZE(value) \
    { "normalize", "none|sum|norm", value, 0, 2, CONVIS_WHOLE | CONVIS_WORDS, "sum: to a sum of 1; norm: to squares that sum to 1" }
#define IN_TIME \
    { "tau", "s", 0, 0, 1e3, 0, "time course: a low-pass cascade that peaks at tau; 0: the present frame only" }, \
    { "n", "", 0, 0, 32, CONVIS_WHOLE, "its order; 0: exponential" }
#define IN_SPACE { "sigma", "pixels", 0, 0, 1e4, 0, "standard deviation of a Gaussian in space; 0: the centre only" }
#define OF_GABOR \
    { "sigma", "pixels", 2, 1e-6, 1e4, 0, "standard deviation of the window" }, \
    { "aspect", "", 1, 1e-3, 1e3, 0, "above 1: the window is shorter along the stripes" }, \
    { "frequency", "cycles/pixel", 0.1, 0, 1e4, 0, "across the stripes; in cycles per degree with ppd" }, \
    { "orientation", "degrees", 0, -360, 360, 0, "across the stripes; 0 is rightwards, 90 downwards" }, \
    { "phase", "degrees", 0, -360, 360, 0, "at the centre; 0 is the top of a wave" }, \
    { "orientation_step", "degrees", 0, -360, 360, 0, "from each output to the next" }, \
    { "phase_step", "degrees", 0, -360, 360, 0, "from each output to the next: 90 makes a pair in quadrature" }

static const convis_field gaussian_fields[] = {
    { "sigma", "pixels", 1, 0, 1e4, 0, "standard deviation; 0: the centre only" }, IN_TIME, NORMALIZE(1), { .name = NULL } };
static const convis_field dog_fields[] = {
    { "sigma", "pixels", 1, 0, 1e4, 0, "of the centre, which sums to 1" },
    { "surround", "pixels", 3, 0, 1e4, 0, "standard deviation of the surround" },
    { "weight", "", 0.9, -1e6, 1e6, 0, "sum of the surround's weights" }, IN_TIME, { .name = NULL } };
static const convis_field exponential_fields[] = {
    { "tau", "s", 0.01, 0, 1e3, 0, "time constant; 0: the present frame only" }, IN_SPACE, NORMALIZE(1), { .name = NULL } };
static const convis_field cascade_fields[] = {
    { "tau", "s", 0.02, 0, 1e3, 0, "when it peaks (its time constant for n = 0)" },
    { "n", "", 3, 0, 32, CONVIS_WHOLE, "order: n + 1 low passes of tau/n" }, IN_SPACE, NORMALIZE(1), { .name = NULL } };
static const convis_field biphasic_fields[] = {
    { "tau", "s", 0.04, 0, 1e3, 0, "when the first cascade peaks" },
    { "n", "", 8, 0, 32, CONVIS_WHOLE, "its order" },
    { "tau2", "s", 0.06, 0, 1e3, 0, "when the subtracted cascade peaks" },
    { "n2", "", 9, 0, 32, CONVIS_WHOLE, "its order" },
    { "weight", "", 0.9, -1e6, 1e6, 0,
      "of the subtracted cascade; 1: no response to constant light" }, IN_SPACE, { .name = NULL } };
static const convis_field gabor_fields[] = { OF_GABOR, IN_TIME, { .name = NULL } };
static const convis_field moving_gabor_fields[] = {
    OF_GABOR,
    { "temporal_frequency", "Hz", 4, -1e4, 1e4, 0, "cycles per second; positive drifts along orientation" },
    { "speed", "pixels/s", 0, -1e6, 1e6, 0, "instead of it: speed times frequency" },
    { "duration", "s", 0, 0, 1e3, 0, "standard deviation of the window in time, around the middle; 0: a sixth of the length" },
    { .name = NULL } };
static const convis_field constant_fields[] = { { "value", "", 1, -1e300, 1e300, 0, "of every element" }, { .name = NULL } };
static const convis_field random_fields[] = {
    { "seed", "", 0, 0, 4294967295.0, CONVIS_WHOLE, "of the normal numbers" },
    { "scale", "", 0, 0, 1e300, 0, "standard deviation; 0: one over the root of the elements of an output" }, { .name = NULL } };
static const convis_field text_fields[] = {
    { "scale", "pixels", 0, 0, 1000, CONVIS_WHOLE, "of a dot of the letters; 0: the largest that fits" }, IN_TIME, { .name = NULL } };
static const convis_field no_fields[] = { { .name = NULL } };

static const convis_field common[] = {
    NORMALIZE(0),
    { "gain", "", 1, -1e300, 1e300, 0, "factor, after everything else" },
                                       { "flip", "off|on", 0, 0, 1, CONVIS_WHOLE | CONVIS_WORDS,
                                         "on: reversed in time and space: a convolution instead of a correlation" },
    { "x", "pixels", 0, -1e4, 1e4, 0, "of the centre, to the right" },
    { "y", "pixels", 0, -1e4, 1e4, 0, "of the centre, down" },
    { "ppd", "pixels/degree", 0, 0, 1e5, 0, "sizes are in degrees, with so many pixels each; 0: they are in pixels" },
    { .name = NULL } };
static const convis_query_alias aliases[] = {
    { "tf", "temporal_frequency" }, { "sf", "frequency" }, { "direction", "orientation" },
    { "normalise", "normalize" }, { "path", "name" }, { NULL, NULL }
};

static const convis_field *field_of(const void *of, int index)
{
    return convis_query_field(((const kind *)of)->fields, common, index);
}

static double get(const kernel *k, const char *name)
{
    const int at = convis_query_find(&(convis_query){ .kind = k->kind, .field = field_of }, name);
    return at < 0 ? 0 : k->value[at];
}

/* ---- Patterns in space ---- */

/* exp(-r^2/(2 sigma^2)), or one pixel. */
static double bell(double x, double y, double sigma)
{
    if (sigma > 0) return exp(-(x*x + y*y)/(2*sigma*sigma));
    return fabs(x) <= 0.5 && fabs(y) <= 0.5;
}

static double sum_of(const double *v, int64_t n)
{
    double sum = 0, lost = 0;                            /* what rounding takes is added at the end (Neumaier) */
    for (int64_t i = 0; i < n; i++) {
        const double next = sum + v[i];
        lost += fabs(sum) >= fabs(v[i]) ? sum - next + v[i] : v[i] - next + sum;
        sum = next;
    }
    return sum + lost;
}

/* += weight times a Gaussian that sums to 1. Far off the array it may be 0 in all of it. */
static void add_gaussian(kernel *k, double sigma, double weight)
{
    const int64_t height = k->shape.dim[CONVIS_Y], width = k->shape.dim[CONVIS_X];
    double sum = 0;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) sum += bell((double)x - k->x, (double)y - k->y, sigma*k->ppd);
    for (int64_t y = 0; y < height && sum > 0; y++)
        for (int64_t x = 0; x < width; x++)
            k->space[y*width + x] += weight/sum*bell((double)x - k->x, (double)y - k->y, sigma*k->ppd);
}

static void add_gabor(kernel *k, int64_t o, double cycles)
{
    const int64_t height = k->shape.dim[CONVIS_Y], width = k->shape.dim[CONVIS_X];
    const double angle = (get(k, "orientation") + (double)o*get(k, "orientation_step"))*TWO_PI/360;
    const double phase = (get(k, "phase") + (double)o*get(k, "phase_step"))*TWO_PI/360 - TWO_PI*cycles;
    const double sigma = get(k, "sigma")*k->ppd, aspect = get(k, "aspect"), frequency = get(k, "frequency")/k->ppd;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            const double dx = (double)x - k->x, dy = (double)y - k->y;
            const double u = dx*cos(angle) + dy*sin(angle), v = dy*cos(angle) - dx*sin(angle);
            k->space[y*width + x] += bell(u, aspect*v, sigma)*cos(TWO_PI*frequency*u + phase);
        }
}

/* ---- Courses in time ---- */

/* The part of a gamma distribution of `shape` stages of `scale` that lies before t. */
static double gamma_before(double t, int shape, double scale)
{
    const double x = t/scale;
    double term = 1, sum = 1;
    if (x > 700) return 1;
    if (x < 0.5) {                                       /* there 1 - exp(-x) sum would lose its digits: the rest of the series */
        for (int i = 1; i <= shape; i++) term *= x/i;
        sum = 0;
        for (int i = shape + 1; term > 1e-17*sum; i++) { sum += term; term *= x/i; }
        return sum*exp(-x);
    }
    for (int i = 1; i < shape; i++) { term *= x/i; sum += term; }
    return 1 - exp(-x)*sum;
}

static void add_cascade(kernel *k, double tau, double n, double weight)
{
    const int64_t frames = k->shape.dim[CONVIS_T];
    const double scale = n > 0 ? tau/n : tau;
    if (!(tau > 0)) { k->time[frames - 1] += weight; return; }
    for (int64_t t = 0; t < frames; t++) {
        const double from = (double)t*k->dt;
        k->time[frames - 1 - t] += weight*(gamma_before(from + k->dt, (int)n + 1, scale) - gamma_before(from, (int)n + 1, scale));
    }
}

/* ---- Kinds ---- */

static convis_status gaussian(kernel *k, int64_t o)
{
    (void)o;
    add_gaussian(k, get(k, "sigma"), 1);
    add_cascade(k, get(k, "tau"), get(k, "n"), 1);
    return CONVIS_OK;
}

static convis_status dog(kernel *k, int64_t o)
{
    (void)o;
    add_gaussian(k, get(k, "sigma"), 1);
    add_gaussian(k, get(k, "surround"), -get(k, "weight"));
    add_cascade(k, get(k, "tau"), get(k, "n"), 1);
    return CONVIS_OK;
}

static convis_status biphasic(kernel *k, int64_t o)
{
    (void)o;
    add_gaussian(k, get(k, "sigma"), 1);
    add_cascade(k, get(k, "tau"), get(k, "n"), 1);
    add_cascade(k, get(k, "tau2"), get(k, "n2"), -get(k, "weight"));
    return CONVIS_OK;
}

static convis_status gabor(kernel *k, int64_t o)
{
    add_gabor(k, o, 0);
    add_cascade(k, get(k, "tau"), get(k, "n"), 1);
    return CONVIS_OK;
}

/* A text's letters, %XX decoded, in place. */
static convis_status decode(kernel *k)
{
    char *to = k->text;
    for (const char *from = k->text; *from; from++) {
        char digits[3] = { from[0] == '%' ? from[1] : 0, 0, 0 }, *end;
        if (digits[0]) digits[1] = from[2];
        const long code = strtol(digits, &end, 16);
        if (digits[1] && !*end && end == digits + 2) { *to++ = (char)code; from += 2; }
        else *to++ = *from;
    }
    *to = 0;
    for (const char *c = k->text; *c; c++)
        if (*c < FONT_FIRST || *c > FONT_LAST)
            return convis_fail(k->context, CONVIS_EINVAL,
                               "%s: text has a character of code %d, expected those of ASCII, 32 to 126", k->who,
                               (unsigned char)*c);
    return CONVIS_OK;
}

static convis_status text(kernel *k, int64_t o)
{
    (void)o;
    const int64_t height = k->shape.dim[CONVIS_Y], width = k->shape.dim[CONVIS_X];
    const int64_t dots = (int64_t)strlen(k->text)*(FONT_WIDTH + 1) - 1;
    const int64_t fits = width/dots < height/FONT_HEIGHT ? width/dots : height/FONT_HEIGHT;
    const int64_t scale = get(k, "scale") > 0 ? (int64_t)get(k, "scale") : fits;
    if (scale < 1 || scale > fits)
        return convis_fail(k->context, CONVIS_ESHAPE, "%s: '%s' takes %lld x %d pixels, the kernel has %lld x %lld", k->who,
                           CONVIS_QUOTED(k->text), (long long)(dots*(scale < 1 ? 1 : scale)),
                           FONT_HEIGHT*(int)(scale < 1 ? 1 : scale), (long long)width, (long long)height);
    const int64_t left = (int64_t)floor(k->x) - dots*scale/2, top = (int64_t)floor(k->y) - FONT_HEIGHT*scale/2;
    for (int64_t y = 0; y < FONT_HEIGHT*scale; y++)
        for (int64_t x = 0; x < dots*scale; x++) {
            const int64_t letter = x/scale/(FONT_WIDTH + 1), column = x/scale%(FONT_WIDTH + 1);
            if (column == FONT_WIDTH || left + x < 0 || left + x >= width || top + y < 0 || top + y >= height) continue;
            k->space[(top + y)*width + left + x] = FONT[k->text[letter] - FONT_FIRST][column] >> (y/scale) & 1;
        }
    add_cascade(k, get(k, "tau"), get(k, "n"), 1);
    return CONVIS_OK;
}

/* Each frame is a gabor of its own phase. */
static convis_status moving_gabor(kernel *k, double *values)
{
    const int64_t *dim = k->shape.dim, plane = dim[CONVIS_Y]*dim[CONVIS_X], volume = dim[CONVIS_T]*plane;
    const int at = convis_query_find(&(convis_query){ .kind = k->kind, .field = field_of }, "speed");
    const int tf = convis_query_find(&(convis_query){ .kind = k->kind, .field = field_of }, "temporal_frequency");
    if (k->given[at] && k->given[tf])
        return convis_fail(k->context, CONVIS_EINVAL, "%s: both speed and temporal_frequency are given, expected one of them",
                           k->who);
    const double frequency = k->given[at] ? get(k, "speed")*get(k, "frequency") : get(k, "temporal_frequency");
    const double duration = get(k, "duration") > 0 ? get(k, "duration") : (double)dim[CONVIS_T]*k->dt/6;
    for (int64_t o = 0; o < dim[0]; o++)
        for (int64_t t = 0; t < dim[CONVIS_T]; t++) {
            const double from_middle = ((double)t - (double)(dim[CONVIS_T] - 1)/2)*k->dt;
            const double window = exp(-from_middle*from_middle/(2*duration*duration));
            memset(k->space, 0, (size_t)plane*sizeof *k->space);
            add_gabor(k, o, frequency*from_middle);
            for (int64_t i = 0; i < dim[1]; i++)
                for (int64_t p = 0; p < plane; p++) values[(o*dim[1] + i)*volume + t*plane + p] = window*k->space[p];
        }
    return CONVIS_OK;
}

static convis_status constant(kernel *k, double *values)
{
    const double value = get(k, "value");
    for (int64_t i = 0, n = convis_elements(k->shape); i < n; i++) values[i] = value;
    return CONVIS_OK;
}

static convis_status random_normal(kernel *k, double *values)
{
    const int64_t n = convis_elements(k->shape);
    const double scale = get(k, "scale") > 0 ? get(k, "scale") : 1/sqrt((double)(n/k->shape.dim[0]));
    const uint64_t key = (uint64_t)get(k, "seed") | (uint64_t)0x6b65726e << 32;      /* apart from other noise of the same seed */
    for (int64_t i = 0; i < n; i += 2) {
        double a, b;
        philox_normal(philox_draw(key, (uint64_t)i, 0), &a, &b);
        values[i] = scale*a;
        if (i + 1 < n) values[i + 1] = scale*b;
    }
    return CONVIS_OK;
}

/* Apart from sizes of 1, the array's sizes are the last ones of the kernel's; it is repeated along those that it lacks in front. */
static convis_status file(kernel *k, double *values)
{
    convis_array a;
    convis_status status = k->context->hooks->array(k->context, k->text, &a);
    if (status) return status;
    const int64_t *dim = k->shape.dim, n = convis_elements(k->shape);
    int64_t count = 1;
    int at = CONVIS_DIMS - 1, fits = 1;
    for (int d = a.dims - 1; d >= 0; d--) {
        count *= a.dim[d];
        if (a.dim[d] == 1) continue;
        while (at >= 0 && dim[at] == 1) at--;
        if (at < 0 || dim[at--] != a.dim[d]) fits = 0;
    }
    if (fits && count > 0) for (int64_t i = 0; i < n; i++) values[i] = a.data[i%count];
    else {
        char sizes[128] = "";
        for (int d = 0; d < a.dims; d++)
            snprintf(sizes + strlen(sizes), sizeof sizes - strlen(sizes), d ? ", %lld" : "%lld", (long long)a.dim[d]);
        status = convis_fail(k->context, CONVIS_ESHAPE,
                             "%s: %.100s has the shape (%s), expected the kernel's, (%lld, %lld, %lld, %lld, "
                             "%lld), or the end of it",
                             k->who, k->text, sizes, (long long)dim[0], (long long)dim[1], (long long)dim[2], (long long)dim[3],
                             (long long)dim[4]);
    }
    convis_disown(a.data);
    return status;
}

static const kind kinds[] = {
    { "gaussian", "a Gaussian in space", gaussian_fields, NULL, NULL, gaussian, NULL },
    { "difference_of_gaussians", "a Gaussian centre minus a wider surround", dog_fields, NULL, NULL, dog, NULL },
    { "gabor", "a grating under a Gaussian window", gabor_fields, NULL, NULL, gabor, NULL },
    { "moving_gabor", "a Gabor whose grating drifts over the frames", moving_gabor_fields, NULL, NULL, NULL, moving_gabor },
    { "exponential", "an exponential decay in time", exponential_fields, NULL, NULL, gaussian, NULL },
    { "cascade", "a gamma function in time", cascade_fields, NULL, NULL, gaussian, NULL },
    { "biphasic", "a biphasic time course: one low-pass cascade minus another", biphasic_fields, NULL, NULL, biphasic, NULL },
    { "constant", "one number everywhere", constant_fields, NULL, NULL, NULL, constant },
    { "random", "normal numbers", random_fields, NULL, NULL, NULL, random_normal },
    { "text", "letters: 1 where there is ink, 0 elsewhere", text_fields,
      "text", "what is written; %26 is &, as in addresses", text, NULL },
    { "file", "an array from a file", no_fields, "name", "a .npy, .npz:KEY or .h5:DATASET; also called path", NULL, file }
};
enum { KINDS = sizeof kinds/sizeof *kinds };

static const char *kind_name(int index, const char **doc)
{
    if (index < 0 || index >= KINDS) return NULL;
    if (doc) *doc = kinds[index].doc;
    return kinds[index].name;
}

/* ---- One kernel ---- */

static convis_status parse(kernel *k, const char *path, char *spec, char who[256])
{
    char *query = strchr(spec, '?');
    if (query) *query++ = 0;
    convis_shorten(who, 256, "%s: kernel", path);
    const int index = convis_name_index(k->context, who, spec, kind_name);
    if (index < 0) return CONVIS_ENAME;
    k->kind = &kinds[index];
    convis_shorten(who, 256, "%s: %s", path, k->kind->name);
    k->who = who;
    convis_query s = { .context = k->context, .who = who, .kind = k->kind, .field = field_of, .text_key = k->kind->text, .aliases = aliases,
                      .value = k->value, .text = &k->text };
    convis_status status = convis_query_read(&s, query);
    memcpy(k->given, s.given, sizeof k->given);
    if (status || !k->kind->text || (k->text && *k->text)) return status;
    return convis_fail(k->context, CONVIS_EINVAL, "%s: %s is missing, expected %s?%s=...", who, k->kind->text, k->kind->name,
                       k->kind->text);
}

static convis_status check(const kernel *k)
{
    for (int d = 0; d < CONVIS_DIMS; d++)
        if (k->shape.dim[d] < 1)
            return convis_fail(k->context, CONVIS_ESHAPE,
                               "%s: a kernel of shape (%lld, %lld, %lld, %lld, %lld), expected sizes of 1 and "
                               "more",
                               k->who, (long long)k->shape.dim[0], (long long)k->shape.dim[1], (long long)k->shape.dim[2],
                               (long long)k->shape.dim[3], (long long)k->shape.dim[4]);
    return k->dt > 0 && isfinite(k->dt) ? CONVIS_OK
         : convis_fail(k->context, CONVIS_EINVAL, "%s: frames of %g s, expected more than 0", k->who, k->dt);
}

/* Each of the outputs' kernels, the same for all inputs. */
static convis_status multiply_parts(kernel *k, double *values)
{
    const int64_t *dim = k->shape.dim, plane = dim[CONVIS_Y]*dim[CONVIS_X], volume = dim[CONVIS_T]*plane;
    for (int64_t o = 0; o < dim[0]; o++) {
        memset(k->space, 0, (size_t)plane*sizeof *k->space);
        memset(k->time, 0, (size_t)dim[CONVIS_T]*sizeof *k->time);
        convis_status status = k->kind->parts(k, o);
        if (status) return status;
        for (int64_t i = 0; i < dim[1]; i++)
            for (int64_t p = 0; p < volume; p++) values[(o*dim[1] + i)*volume + p] = k->time[p/plane]*k->space[p%plane];
    }
    return CONVIS_OK;
}

/* To a sum of 1, exactly, or to a norm of 1; turned round; times the gain. One kernel of one output and input. */
static convis_status finish(const kernel *k, double *v, int64_t n)
{
    const int how = (int)get(k, "normalize");
    const double gain = get(k, "gain");
    double size = 0, most = 0;
    int64_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        if (fabs(v[i]) > most) { most = fabs(v[i]); largest = i; }
        if (how == 2) size += v[i]*v[i];
    }
    if (how == 1) size = sum_of(v, n);
    if (how == 2) size = sqrt(size);
    if (how && !(fabs(size) > 1e-12*most*(how == 1 ? (double)n : 1)))
        return convis_fail(k->context, CONVIS_EINVAL, "%s: its values %s, expected some that can be normalised to 1%s", k->who,
                           most > 0 ? "sum to 0" : "are all 0", most > 0 ? " (normalize=norm)" : "");
    for (int64_t i = 0; how && i < n; i++) v[i] /= size;
    if (how == 1) v[largest] += 1 - sum_of(v, n);
    if (get(k, "flip") > 0) for (int64_t i = 0, j = n - 1; i < j; i++, j--) { const double swap = v[i]; v[i] = v[j]; v[j] = swap; }
    for (int64_t i = 0; i < n; i++) v[i] *= gain;
    return CONVIS_OK;
}

convis_status convis_initialiser_values(convis_context *c, const char *path, const char *spec, convis_shape shape, double dt,
                                        double *values)
{
    char who[256];
    kernel k = { .context = c, .shape = shape, .dt = dt };
    char *copy = convis_copy_text(c, spec);
    convis_status status = copy ? parse(&k, path, copy, who) : CONVIS_ENOMEM;
    convis_release(c, copy);
    if (!status) status = check(&k);
    const int64_t *dim = shape.dim, volume = status ? 0 : dim[CONVIS_T]*dim[CONVIS_Y]*dim[CONVIS_X];
    if (!status) {
        k.ppd = get(&k, "ppd") > 0 ? get(&k, "ppd") : 1;
        k.x = (double)(dim[CONVIS_X]/2) + get(&k, "x")*k.ppd;
        k.y = (double)(dim[CONVIS_Y]/2) + get(&k, "y")*k.ppd;
        k.space = convis_obtain(c, (size_t)(dim[CONVIS_Y]*dim[CONVIS_X] + dim[CONVIS_T])*sizeof *k.space);
        if (k.space) k.time = k.space + dim[CONVIS_Y]*dim[CONVIS_X];
        else status = CONVIS_ENOMEM;
    }
    if (!status && k.kind->parts == text) status = decode(&k);
    if (!status) status = k.kind->whole ? k.kind->whole(&k, values) : multiply_parts(&k, values);
    for (int64_t i = 0; !status && i < dim[0]*dim[1]; i++) status = finish(&k, values + i*volume, volume);
    for (int64_t i = 0, n = dim[0]*dim[1]*volume; !status && i < n; i++)
        if (!isfinite(values[i]))
            status =
                convis_fail(c, CONVIS_EINVAL, "%s: element %lld is %g, expected finite numbers", k.who, (long long)i, values[i]);
    convis_release(c, k.space);
    convis_release(c, k.text);
    return status;
}

/* ---- For describe ---- */

int convis_initialiser_list(int index, convis_kind_info *info)
{
    CONVIS_NEEDS_ALONE(0, info);
    return (info->name = kind_name(index, &info->doc)) != NULL;
}

int convis_initialiser_param_list(const char *name, int index, convis_kind_param *param)
{
    CONVIS_NEEDS_ALONE(0, name, param);
    for (int k = 0; k < KINDS; k++) {
        if (strcmp(kinds[k].name, name)) continue;
        if (kinds[k].text && index-- == 0) {
            *param = (convis_kind_param){ kinds[k].text, "", kinds[k].text_doc, 0, 0, 0, 0, 1, NULL };
            return 1;
        }
        const convis_field *f = index < 0 ? NULL : convis_query_field(kinds[k].fields, common, index);
        if (!f) return 0;
        convis_query_describe(f, param);
        return 1;
    }
    return 0;
}
