/* test_kernels.c - kernels made from a line of text: against closed forms and against the layer that does the same, and the
 * sentences for those that make no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <convis/io.h>
#include "base/philox.h"
#include "engine/initialisers.h"
#include "failing_allocator.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PI 3.14159265358979323846

static convis_context *c;
static char folder[] = "/tmp/convis-kernels-XXXXXX";

static int begin(void **state) { (void)state; return !mkdtemp(folder) || chdir(folder) || convis_open(&c, "cpu"); }
static int end(void **state)
{
    char command[128];
    (void)state;
    convis_close(&c);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return chdir("/") || system(command);
}

/* In double precision, as CMocka's own is not. */
#define NEAR(found, expected, tolerance) do { const double f_ = (found), e_ = (expected); \
    if (!(fabs(f_ - e_) <= (tolerance))) fail_msg("%s: %.17g, expected %.17g", #found, f_, e_); } while (0)

enum { MOST = 20000 };
static double values[MOST];

static convis_shape shaped(int64_t out, int64_t in, int64_t t, int64_t y, int64_t x) { return (convis_shape){ { out, in, t, y, x } }; }

/* The kernel of one output and input. */
static const double *made(const char *spec, int64_t t, int64_t y, int64_t x, double dt)
{
    for (int i = 0; i < MOST; i++) values[i] = 7;
    if (convis_initialiser_values(c, "filter.weights", spec, shaped(1, 1, t, y, x), dt, values))
        fail_msg("%s: %s", spec, convis_message(c));
    for (int64_t i = t*y*x; i < t*y*x + 10; i++) assert_true(values[i] == 7);
    return values;
}

static double sum(const double *v, int64_t n) { long double s = 0; for (int64_t i = 0; i < n; i++) s += v[i]; return (double)s; }

#define REFUSED(status, part, spec, shape, dt) do { convis_status s_ = convis_initialiser_values(c, "filter.weights", spec, shape, dt, values); \
    if (s_ != (status) || !strstr(convis_message(c), part)) fail_msg("%s: status %d, '%s'", spec, s_, convis_message(c)); } while (0)

/* ---- Space ---- */

static double bell(double x, double y, double sigma) { return exp(-(x*x + y*y)/(2*sigma*sigma)); }

static void gaussians(void **state)
{
    (void)state;
    static const struct { const char *spec; double sigma; int64_t y, x; double cy, cx; } CASES[] = {
        { "gaussian?sigma=2", 2, 15, 21, 7, 10 },
        { "gaussian?sigma=2", 2, 10, 8, 5, 4 },          /* an even size: the centre is right of the middle */
        { "gaussian?sigma=0.1&ppd=12", 1.2, 9, 9, 4, 4 },
        { "gaussian?sigma=1.5&x=2&y=-1", 1.5, 15, 15, 6, 9 },
        { "gaussian?sigma=0.25&x=0.1&ppd=4", 1, 7, 7, 3, 3.4 },
        { "gaussian?sigma=50", 50, 6, 5, 3, 2 },         /* wider than the kernel */
        { "gaussian?sigma=0.05", 0.05, 5, 5, 2, 2 } };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        const int64_t n = CASES[k].y*CASES[k].x;
        const double *v = made(CASES[k].spec, 3, CASES[k].y, CASES[k].x, 0.01);
        double all = 0;
        for (int64_t i = 0; i < 2*n; i++) assert_true(v[i] == 0);                /* in the newest frame */
        v += 2*n;
        for (int64_t y = 0; y < CASES[k].y; y++)
            for (int64_t x = 0; x < CASES[k].x; x++)
                all += bell((double)x - CASES[k].cx, (double)y - CASES[k].cy, CASES[k].sigma);
        for (int64_t y = 0; y < CASES[k].y; y++)
            for (int64_t x = 0; x < CASES[k].x; x++)
                NEAR(v[y*CASES[k].x + x], bell((double)x - CASES[k].cx, (double)y - CASES[k].cy, CASES[k].sigma)/all, 1e-15);
        NEAR(sum(v, n), 1, 4e-16);
    }
    const double *v = made("gaussian?sigma=0", 1, 5, 5, 0.01);
    for (int i = 0; i < 25; i++) assert_true(v[i] == (i == 12));
    v = made("gaussian?sigma=2&normalize=norm", 1, 9, 9, 0.01);
    double square = 0;
    for (int i = 0; i < 81; i++) square += v[i]*v[i];
    NEAR(square, 1, 1e-14);
    v = made("gaussian?sigma=2&gain=-3", 1, 9, 9, 0.01);
    NEAR(sum(v, 81), -3, 1e-14);
}

static void centre_and_surround(void **state)
{
    (void)state;
    double centre[13*13], surround[13*13];
    memcpy(centre, made("gaussian?sigma=1.1", 1, 13, 13, 0.01), sizeof centre);
    memcpy(surround, made("gaussian?sigma=2.7", 1, 13, 13, 0.01), sizeof surround);
    const double *v = made("difference_of_gaussians?sigma=1.1&surround=2.7&weight=0.6", 1, 13, 13, 0.01);
    for (int i = 0; i < 169; i++) NEAR(v[i], centre[i] - 0.6*surround[i], 1e-15);
    v = made("difference_of_gaussians?sigma=1.1&surround=2.7&weight=0.6&normalize=sum", 1, 13, 13, 0.01);
    for (int i = 0; i < 169; i++) NEAR(v[i], (centre[i] - 0.6*surround[i])/0.4, 1e-14);
    NEAR(sum(v, 169), 1, 4e-16);
}

static void gabors(void **state)
{
    (void)state;
    static const char SPEC[] =
        "gabor?sigma=0.3&ppd=8&frequency=1.3&orientation=30&phase=20&aspect=0.5&orientation_step=45&phase_step=90";
    if (convis_initialiser_values(c, "w", SPEC, shaped(3, 2, 2, 11, 14), 0.01, values)) fail_msg("%s", convis_message(c));
    for (int o = 0; o < 3; o++)
        for (int i = 0; i < 2; i++)
            for (int t = 0; t < 2; t++)
                for (int y = 0; y < 11; y++)
                    for (int x = 0; x < 14; x++) {
                        const double a = (30 + 45*o)*PI/180, dx = (x - 7)/8., dy = (y - 5)/8.;
                        const double u = dx*cos(a) + dy*sin(a), w = dy*cos(a) - dx*sin(a);
                        const double expected = t ? exp(-(u*u + 0.25*w*w)/(2*0.09))*cos(2*PI*1.3*u + (20 + 90*o)*PI/180) : 0;
                        NEAR(values[(((o*2 + i)*2 + t)*11 + y)*14 + x], expected, 1e-13);
                    }
    /* The stimulus of the same words is the same grating: a kernel answers best to what it looks like. */
    convis_movie_options options = CONVIS_MOVIE_DEFAULTS;
    convis_movie *movie;
    convis_real frame[15*15];
    int64_t got;
    options.dt = 0.01;  options.width = 15;  options.height = 15;  options.ppd = 8;
    static const char STIM[] = "stim:gabor?sigma=0.3&spatial_frequency=1.3&direction=30&phase=20&temporal_frequency=0&luminance=1";
    if (convis_movie_open(c, STIM, &options, &movie) || convis_movie_read(movie, frame, 1, &got)) fail_msg("%s", convis_message(c));
    convis_movie_close(&movie);
    const double *v = made("gabor?sigma=0.3&ppd=8&frequency=1.3&orientation=30&phase=20", 1, 15, 15, 0.01);
    for (int i = 0; i < 225; i++) NEAR(v[i], (double)frame[i] - 1, 1e-6);
}

/* ---- Time ---- */

/* By Simpson's rule, the gamma density of n + 1 stages between two times. */
static double gamma_share(double tau, int n, double from, double to)
{
    enum { STEPS = 2000 };
    const double scale = n ? tau/n : tau, h = (to - from)/STEPS;
    double all = 0;
    for (int k = 0; k <= STEPS; k++) {
        const double x = (from + k*h)/scale, density = pow(x, n)*exp(-x)/(scale*tgamma(n + 1));
        all += density*(k == 0 || k == STEPS ? 1 : k%2 ? 4 : 2);
    }
    return all*h/3;
}

static void courses_in_time(void **state)
{
    (void)state;
    const double dt = 0.004;
    const double *v = made("exponential?tau=0.03&normalize=0", 40, 1, 1, dt), a = exp(-dt/0.03);
    for (int t = 0; t < 40; t++) NEAR(v[39 - t], (1 - a)*pow(a, t), 1e-15);         /* the newest frame is last */
    v = made("exponential?tau=0.03", 40, 1, 1, dt);
    NEAR(sum(v, 40), 1, 4e-16);
    for (int n = 0; n < 9; n++) {
        char spec[100];
        snprintf(spec, sizeof spec, "cascade?tau=0.05&n=%d&normalize=0", n);
        v = made(spec, 60, 1, 1, dt);
        for (int t = 0; t < 60; t++) NEAR(v[59 - t], gamma_share(0.05, n, t*dt, (t + 1)*dt), 1e-13);
    }
    /* n counts: more stages, a later and narrower peak. */
    double one[60], nine[60];
    memcpy(one, made("cascade?tau=0.05&n=1", 60, 1, 1, dt), sizeof one);
    memcpy(nine, made("cascade?tau=0.05&n=9", 60, 1, 1, dt), sizeof nine);
    assert_true(one[59] > 100*nine[59]);
    NEAR(sum(nine, 60), 1, 4e-16);

    v = made("biphasic?tau=0.04&n=8&tau2=0.06&n2=9&weight=0.9", 80, 1, 1, dt);
    for (int t = 0; t < 80; t++)
        NEAR(v[79 - t], gamma_share(0.04, 8, t*dt, (t + 1)*dt) - 0.9*gamma_share(0.06, 9, t*dt, (t + 1)*dt), 1e-12);
    /* Adelson and Bergen (1985): (kt)^n exp(-kt) (1/n! - (kt)^2/(n+2)!), here with k = 100 and n = 3. */
    v = made("biphasic?tau=0.03&n=3&tau2=0.05&n2=5&weight=1", 200, 1, 1, 0.0005);
    for (int t = 0; t < 200; t++) {
        double mean = 0;                                 /* over the frame, by Simpson's rule */
        for (int j = 0; j < 3; j++) {
            const double kt = 100*(t + 0.5*j)*0.0005;
            mean += (j == 1 ? 4 : 1)/6.*pow(kt, 3)*exp(-kt)*(1/6. - kt*kt/120);
        }
        NEAR(v[199 - t], 0.05*mean, 1e-8);
    }

    /* In space they stand at the centre, or under a Gaussian; space x time has a sum of 1, too. */
    v = made("exponential?tau=0.01", 3, 4, 5, dt);
    for (int i = 0; i < 60; i++) assert_true(v[i] == 0 || i%20 == 12);
    double spread[5*7*7], course[5], bell[49];
    memcpy(spread, made("gaussian?sigma=1.5&tau=0.008&n=2&normalize=0", 5, 7, 7, dt), sizeof spread);
    memcpy(course, made("cascade?tau=0.008&n=2&normalize=0", 5, 1, 1, dt), sizeof course);
    memcpy(bell, made("gaussian?sigma=1.5", 1, 7, 7, dt), sizeof bell);
    for (int i = 0; i < 5*49; i++) NEAR(spread[i], course[i/49]*bell[i%49], 1e-15);
    v = made("cascade?tau=0.008&n=2&normalize=0&sigma=1.5", 5, 7, 7, dt);
    for (int i = 0; i < 5*49; i++) NEAR(spread[i], v[i], 1e-15);
    v = made("gaussian?sigma=1.5&tau=0.008&n=2", 5, 7, 7, dt);
    NEAR(sum(v, 5*49), 1, 1e-15);
}

/* What the layer answers to a flash of one frame is the kernel, read backwards. */
static void the_layer_lowpass_has_the_same_course(void **state)
{
    (void)state;
    enum { T = 50 };
    const double dt = 0.002;
    const convis_layer_type *const *types = convis_layer_types();
    while (strcmp((*types)->name, "lowpass")) types++;
    convis_model *m;
    convis_real in[T] = { 1 };
    convis_tensor out;
    convis_model_new(c, dt, &m);
    convis_add(m, *types, "low", convis_input(m));
    if (convis_set(m, "low.tau", 0.013) || convis_probe(m, "low") || convis_plan(m, convis_movie_shape(T, 1, 1)) ||
        convis_run(m, convis_view(in, convis_movie_shape(T, 1, 1))) || convis_output(m, "low", &out))
        fail_msg("%s", convis_message(c));
    const double *v = made("exponential?tau=0.013&normalize=0", T, 1, 1, dt);
    for (int t = 0; t < T; t++) NEAR(v[T - 1 - t], (double)out.data[t*out.stride[CONVIS_T]], 1e-7);
    convis_model_free(&m);
}

/* Space-time: answers best to a grating that drifts along its orientation, at its speed. */
static void moving_gabors_prefer_their_direction(void **state)
{
    (void)state;
    enum { T = 20, N = 24 };
    const double dt = 0.01;
    double weights[T*N*N], answer[2] = { 0 };
    memcpy(weights, made("moving_gabor?sigma=4&frequency=0.1&orientation=30&tf=5&phase=10&duration=0.05", T, N, N, dt),
           sizeof weights);
    for (int t = 0; t < T; t++)
        for (int y = 0; y < N; y++)
            for (int x = 0; x < N; x++) {
                const double s = (t - 9.5)*dt, dx = x - 12, dy = y - 12, u = dx*cos(PI/6) + dy*sin(PI/6);
                NEAR(weights[(t*N + y)*N + x],
                                   exp(-s*s/(2*0.0025) - (dx*dx + dy*dy)/32)*cos(2*PI*(0.1*u - 5*s) + 10*PI/180), 1e-13);
            }
    for (int back = 0; back < 2; back++) {
        char name[100];
        convis_movie_options options = CONVIS_MOVIE_DEFAULTS;
        convis_movie *movie;
        static convis_real frames[T*N*N];
        int64_t got;
        options.dt = dt;  options.width = N;  options.height = N;  options.ppd = 1;
        for (int phase = 0; phase < 360; phase += 45) {
            snprintf(name, sizeof name, "stim:grating?sf=0.1&tf=%d&direction=30&phase=%d&luminance=1", back ? -5 : 5, phase);
            if (convis_movie_open(c, name, &options, &movie) || convis_movie_read(movie, frames, T, &got))
                fail_msg("%s", convis_message(c));
            convis_movie_close(&movie);
            double sum = 0;
            for (int i = 0; i < T*N*N; i++) sum += weights[i]*((double)frames[i] - 1);
            answer[back] = fmax(answer[back], sum);
        }
    }
    assert_true(answer[0] > 20*answer[1]);
    double fast[T*N*N];
    memcpy(fast, weights, sizeof fast);
    const double *v = made("moving_gabor?sigma=4&frequency=0.1&orientation=30&speed=50&phase=10&duration=0.05", T, N, N, dt);
    for (int i = 0; i < T*N*N; i++) NEAR(v[i], fast[i], 1e-13);
}

/* ---- Others ---- */

static void constants_noise_and_flips(void **state)
{
    (void)state;
    const double *v = made("constant?value=-2.5", 2, 3, 4, 0.01);
    for (int i = 0; i < 24; i++) assert_true(v[i] == -2.5);
    v = made("constant?normalize=sum", 2, 3, 4, 0.01);
    for (int i = 0; i < 24; i++) NEAR(v[i], 1/24., 1e-16);

    double first[10000], mean, square = 0;
    if (convis_initialiser_values(c, "w", "random?seed=3&scale=2", shaped(4, 5, 5, 10, 10), 0.01, first))
        fail_msg("%s", convis_message(c));
    mean = sum(first, 10000)/10000;
    for (int i = 0; i < 10000; i++) square += first[i]*first[i]/10000;
    NEAR(mean, 0, 0.08);
    NEAR(square, 4, 0.25);
    if (convis_initialiser_values(c, "w", "random?seed=3", shaped(4, 5, 5, 10, 10), 0.01, values))
        fail_msg("%s", convis_message(c));
    for (int i = 0; i < 10000; i++) NEAR(values[i], first[i]/2/50, 1e-15);          /* 2500 elements an output */
    if (convis_initialiser_values(c, "w", "random?seed=4&scale=2", shaped(4, 5, 5, 10, 10), 0.01, values))
        fail_msg("%s", convis_message(c));
    double product = 0;
    for (int i = 0; i < 10000; i++) product += values[i]*first[i]/4/10000;
    NEAR(product, 0, 0.05);

    double turned[3*4*5];
    memcpy(turned, made("random?seed=1&flip=1", 3, 4, 5, 0.01), sizeof turned);
    v = made("random?seed=1", 3, 4, 5, 0.01);
    for (int i = 0; i < 60; i++) assert_true(turned[59 - i] == v[i]);
}

static void letters(void **state)
{
    (void)state;
    /* L and T as the font has them: 11 x 8 dots around the centre. */
    const double *v = made("text?text=LT", 2, 9, 12, 0.01);
    int ink = 0;
    for (int i = 0; i < 108; i++) { assert_true(v[i] == 0); ink += v[108 + i] == 1; }
    for (int y = 0; y < 7; y++) assert_true(v[108 + y*12 + 1] == 1 && v[108 + y*12 + 9] == 1);
    assert_int_equal(ink, 11 + 13);                      /* L: 7 + 4; T: 7, arms of 2 and serifs of 1 on each side */
    v = made("text?text=a%26%3D&scale=2", 1, 16, 40, 0.01);
    double doubled[640];
    memcpy(doubled, v, sizeof doubled);
    v = made("text?text=a%26%3D", 1, 8, 20, 0.01);
    int same = 1;
    for (int y = 0; y < 8; y++)                          /* a dot of twice the size is four pixels */
        for (int x = 0; x < 17; x++)
            for (int k = 0; k < 4; k++) same &= doubled[(2*y + k/2)*40 + 2*x + k%2 + (20 - 17)] == v[y*20 + x + (10 - 8)];
    assert_true(same);
    assert_true(sum(doubled, 640) == 4*sum(v, 160) && sum(v, 160) > 30);
    v = made("text?text=A&normalize=sum&tau=0.01", 3, 10, 10, 0.01);
    NEAR(sum(v, 300), 1, 1e-15);
}

static void put_npy(const char *file, const char *shape, int64_t count)
{
    char head[200];
    int n = snprintf(head + 10, 180, "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }\n", shape);
    memcpy(head, "\x93NUMPY\x01\0", 8);
    head[8] = (char)n;
    head[9] = 0;
    FILE *f = fopen(file, "wb");
    fwrite(head, 1, (size_t)n + 10, f);
    for (int64_t i = 0; i < count; i++) fwrite(&(double){ 0.5 + (double)i }, sizeof(double), 1, f);
    fclose(f);
}

static void files(void **state)
{
    (void)state;
    put_npy("all.npy", "2, 3, 4, 5, 6", 720);
    put_npy("one.npy", "4, 5, 6", 120);
    put_npy("plane.npy", "1, 5, 6", 30);
    put_npy("course.npy", "4", 4);
    put_npy("wrong.npy", "6, 5", 30);
    put_npy("number.npy", "", 1);
    const convis_shape full = shaped(2, 3, 4, 5, 6);
    static const struct { const char *spec; int count; } CASES[] = { { "file?name=all.npy", 720 }, { "file?path=one.npy", 120 },
                                                                     { "file?name=plane.npy", 30 }, { "file?path=number.npy", 1 } };
    for (size_t k = 0; k < 4; k++) {
        if (convis_initialiser_values(c, "w", CASES[k].spec, full, 0.01, values)) fail_msg("%s", convis_message(c));
        for (int i = 0; i < 720; i++) assert_true(values[i] == 0.5 + i%CASES[k].count);
    }
    const double *v = made("file?name=course.npy&gain=2", 4, 1, 1, 0.01);
    for (int i = 0; i < 4; i++) assert_true(v[i] == 1 + 2*i);
    REFUSED(CONVIS_ESHAPE, "filter.weights: file: wrong.npy has the shape (6, 5), expected the kernel's, (2, 3, 4, 5, 6)",
            "file?name=wrong.npy", full, 0.01);
    REFUSED(CONVIS_ESHAPE, "course.npy has the shape (4)", "file?name=course.npy", full, 0.01);
    REFUSED(CONVIS_EIO, "nothing.npy", "file?name=nothing.npy", full, 0.01);
    REFUSED(CONVIS_EINVAL, "filter.weights: file: name is missing", "file", full, 0.01);
    REFUSED(CONVIS_EINVAL, "filter.weights: file: path is given twice", "file?name=one.npy&path=one.npy", full, 0.01);
    REFUSED(CONVIS_ENAME, "filter.weights: gaussian: it has no parameter 'path'", "gaussian?path=one.npy", full, 0.01);
}

static void sentences(void **state)
{
    (void)state;
    const convis_shape s = shaped(1, 1, 5, 9, 9);
    REFUSED(CONVIS_ENAME, "filter.weights: kernel 'gausian': expected one of gaussian, difference_of_gaussians, ",
            "gausian?sigma=2", s, 0.01);
    REFUSED(CONVIS_ENAME, "expected one of gaussian, difference_of_gaussians", "q", s, 0.01);
    REFUSED(CONVIS_ENAME, "filter.weights: gaussian: it has no parameter 'sgima'; did you mean sigma?", "gaussian?sgima=2", s,
            0.01);
    REFUSED(CONVIS_EINVAL, "sigma is 'wide', expected a number", "gaussian?sigma=wide", s, 0.01);
    REFUSED(CONVIS_EINVAL, "normalize is 'much', expected none, sum or norm", "gaussian?normalize=much", s, 0.01);
    REFUSED(CONVIS_EINVAL, "sigma is -1 pixels, expected 0 to 10000", "gaussian?sigma=-1", s, 0.01);
    REFUSED(CONVIS_EINVAL, "n is 1.5, expected a whole number", "cascade?n=1.5", s, 0.01);
    REFUSED(CONVIS_EINVAL, "sigma is given twice", "gaussian?sigma=1&sigma=2", s, 0.01);
    REFUSED(CONVIS_EINVAL, "'sigma', expected key=value", "gaussian?sigma", s, 0.01);
    REFUSED(CONVIS_EINVAL, "sum to 0, expected some that can be normalised to 1 (normalize=norm)", "gabor?phase=90&normalize=sum",
            s, 0.01);
    REFUSED(CONVIS_EINVAL, "are all 0", "constant?value=0&normalize=norm", s, 0.01);
    REFUSED(CONVIS_EINVAL, "are all 0", "gaussian?sigma=1&x=900", s, 0.01);
    REFUSED(CONVIS_EINVAL, "both speed and temporal_frequency", "moving_gabor?speed=3&tf=2", s, 0.01);
    REFUSED(CONVIS_ESHAPE, "'word' takes 23 x 8 pixels, the kernel has 9 x 9", "text?text=word", s, 0.01);
    REFUSED(CONVIS_ESHAPE, "'I' takes 10 x 16 pixels", "text?text=I&scale=2", s, 0.01);
    REFUSED(CONVIS_EINVAL, "text is missing", "text", s, 0.01);
    REFUSED(CONVIS_EINVAL, "character of code 195", "text?text=\xc3\xa4", s, 0.01);
    REFUSED(CONVIS_EINVAL, "frames of 0 s", "cascade", s, 0);
    REFUSED(CONVIS_ESHAPE, "(1, 1, 0, 9, 9), expected sizes of 1 and more", "gaussian", shaped(1, 1, 0, 9, 9), 0.01);
}

/* Every kind, by its tables alone: its defaults make finite numbers, every key at both bounds numbers or a sentence. */
static void tables(void **state)
{
    (void)state;
    convis_kind_info kind;
    convis_kind_param p;
    char spec[200];
    int kinds = 0;
    put_npy("w.npy", "3, 8, 9", 3*8*9);
    for (; convis_initialiser_list(kinds, &kind); kinds++) {
        const char *start = !strcmp(kind.name, "file") ? "file?name=w.npy"
                            : !strcmp(kind.name, "text") ? "text?text=x"
                                                         : kind.name;
        const char *more = strchr(start, '?') ? "&" : "?";
        made(start, 3, 8, 9, 0.01);
        int params = 0;
        for (; convis_initialiser_param_list(kind.name, params, &p); params++) {
            assert_true(*p.name && *p.doc);
            for (int k = 0; k < params; k++) {
                convis_kind_param q;
                assert_true(convis_initialiser_param_list(kind.name, k, &q) && strcmp(p.name, q.name));
            }
            if (p.text) continue;
            assert_true(p.min <= p.value && p.value <= p.max);
            for (int k = 0; k < 2; k++) {
                snprintf(spec, sizeof spec, "%s%s%s=%.17g", start, more, p.name, k ? p.max : p.min);
                *values = NAN;
                if (!convis_initialiser_values(c, "w", spec, shaped(1, 1, 3, 8, 9), 0.01, values)) {
                    for (int i = 0; i < 3*8*9; i++) if (!isfinite(values[i])) fail_msg("%s", spec);
                } else assert_true(!strncmp(convis_message(c), "w: ", 3));
            }
        }
        assert_in_range(params, 6, 20);
    }
    assert_int_equal(kinds, 11);
    assert_false(convis_initialiser_list(-1, &kind));
    assert_false(convis_initialiser_param_list("nothing", 0, &p));
    assert_false(convis_initialiser_param_list("gaussian", -1, &p));
    assert_false(convis_initialiser_param_list("file", -1, &p));
}

static void without_memory(void **state)
{
    (void)state;
    put_npy("w.npy", "3, 8, 9", 3*8*9);
    static const char *const SPECS[] = { "gaussian?sigma=2", "text?text=x", "file?name=w.npy" };
    for (int j = 0; j < 3; j++)
        for (int k = 1; ; k++) {
            failing_allocator m = { k, 0 };
            convis_allocator a = { obtain, release, &m };
            convis_context *own = NULL;
            convis_status status = convis_open_with(&own, "cpu", &a);
            if (!status) status = convis_initialiser_values(own, "w", SPECS[j], shaped(1, 1, 3, 8, 9), 0.01, values);
            if (status && status != CONVIS_ENOMEM) fail_msg("%s", convis_message(own));
            convis_close(&own);
            assert_int_equal(m.held, 0);
            if (!status) break;
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussians),
        cmocka_unit_test(centre_and_surround),
        cmocka_unit_test(gabors),
        cmocka_unit_test(courses_in_time),
        cmocka_unit_test(the_layer_lowpass_has_the_same_course),
        cmocka_unit_test(moving_gabors_prefer_their_direction),
        cmocka_unit_test(constants_noise_and_flips),
        cmocka_unit_test(letters),
        cmocka_unit_test(files),
        cmocka_unit_test(sentences),
        cmocka_unit_test(tables),
        cmocka_unit_test(without_memory),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("kernels", tests, begin, end);
}
