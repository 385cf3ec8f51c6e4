/* test_spiking.c - neurons, Poisson processes and event cameras against independent references: equations solved by Runge and
 * Kutta in tiny steps of double precision, laws of probability, and what can be counted. */
#include "harness.h"
#define CONVIS_KERNEL_SHORT_NAMES
#include <convis/kernel.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

#define near(found, expected, tolerance, what) assert_near(found, expected, tolerance, what, __LINE__)
static void assert_near(double found, double expected, double tolerance, const char *what, int line)
{
    if (fabs(found - expected) <= tolerance) return;
    print_error("line %d: %s: %.8g, expected %.8g within %.2g\n", line, what, found, expected, tolerance);
    _fail(__FILE__, line);
}

/* ---- A layer "it" alone, on a movie of T frames that is x(t, pixel) ---- */

typedef struct setting { const char *name; double value; } setting;
typedef double input(int t, int64_t i);
typedef struct run { convis_model *m; convis_tensor movie; int64_t n; const convis_spike *spikes; int64_t count; convis_tensor out; } run;

static convis_model *alone(const char *type, double dt, const setting *set)
{
    convis_model *m;
    must(c, convis_model_new(c, dt, &m));
    convis_add(m, type_named(type), "it", convis_input(m));
    for (; set && set->name; set++) must_set(m, "it", set->name, set->value);
    return m;
}

static convis_tensor movie_of(input *x, int T, int h, int w)
{
    convis_tensor movie = convis_view(malloc(sizeof(convis_real)*(size_t)(T*h*w)), convis_movie_shape(T, h, w));
    assert_non_null(movie.data);
    for (int t = 0; t < T; t++) for (int i = 0; i < h*w; i++) movie.data[t*h*w + i] = (convis_real)x(t, i);
    return movie;
}

/* The model is the run's from here on. */
static run run_model(convis_model *m, input *x, int T, int h, int w)
{
    run r = { .m = m, .movie = movie_of(x, T, h, w), .n = (int64_t)h*w };
    convis_item item;
    for (int k = 0; convis_list(m, CONVIS_OUTPUT, k, &item); k++) must(c, convis_probe(m, item.path));
    must(c, convis_record_spikes(m, 1));
    must(c, convis_plan(m, r.movie.shape));
    must(c, convis_run(m, r.movie));
    must(c, convis_spikes(m, &r.spikes, &r.count));
    must(c, convis_output(m, "it", &r.out));
    return r;
}

static run run_alone(const char *type, double dt, const setting *set, input *x, int T, int h, int w)
{
    return run_model(alone(type, dt, set), x, T, h, w);
}

static void done(run *r)
{
    convis_model_free(&r->m);
    free(r->movie.data);
}

static double level;
static double constant(int t, int64_t i) { (void)t; (void)i; return level; }

/* ---- The derivative of a spike ---- */

static void surrogates(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++)
        for (double v = -3; v <= 3; v += 0.25) {
            double d = 2*fabs(v), s = 1/(1 + exp(-d));
            double expected = kind == 0 ? 1/((1 + d)*(1 + d)) : kind == 1 ? 4*s*(1 - s) : kind == 2 ? fmax(1 - d, 0) : 1;
            near((double)convis_surrogate(kind, R(2.0), (real)v), expected, 1e-6, "surrogate");
        }
}

/* ---- Poisson ---- */


/* Counts of a constant rate: every probability that can be seen, the mean and the variance. */
static void poisson_counts(void **state)
{
    (void)state;
    static const double MEANS[] = { 2e-5, 0.02, 0.7, 3.9, 4.1, 9, 60 };
    for (size_t k = 0; k < sizeof MEANS/sizeof *MEANS; k++) {
        int    frames = MEANS[k] < 1 ? 250 : 40, drawn = 64*64*frames;
        double mean = MEANS[k], histogram[200] = { 0 }, p = exp(-mean), sum = 0, squares = 0;
        level = mean/0.01;
        run r = run_alone("poisson", 0.01, NULL, constant, frames, 64, 64);
        for (int64_t i = 0; i < drawn; i++) {
            double y = (double)r.out.data[i];
            assert_true(y >= 0 && y < 200 && y == floor(y));
            histogram[(int)y]++;
            sum += y;
            squares += (y - mean)*(y - mean);
        }
        assert_int_equal(r.count, (int64_t)sum);
        near(sum/drawn, mean, 4*sqrt(mean/drawn), "mean count");
        near(squares/drawn, mean, 4*sqrt((mean + 2*mean*mean)/drawn), "variance of counts");
        for (int y = 0; y < 200; y++) {
            double expected = p*drawn;
            if (expected > 10) near(histogram[y], expected, 4.5*sqrt(expected*(1 - p)), "counts");
            else assert_true(histogram[y] < 60);
            p *= mean/(y + 1);
        }
        done(&r);
    }
}

/* The process behind the counts: intervals are exponential, also across steps, and times uniform in them. */
static void poisson_times(void **state)
{
    (void)state;
    level = 150;
    run r = run_alone("poisson", 0.01, NULL, constant, 1000, 8, 8);
    double last[64], sum = 0, squares = 0, tail = 0, phase = 0, intervals = 0;
    for (int i = 0; i < 64; i++) last[i] = -1;
    for (int64_t s = 0; s < r.count; s++) {
        double t = r.spikes[s].time, *before = &last[r.spikes[s].unit], in = t/0.01;
        phase += in - floor(in);
        if (*before >= 0) {
            double gap = (t - *before)*150;
            assert_true(gap >= 0);
            intervals++;
            sum += gap;
            squares += gap*gap;
            tail += gap > 2;
        }
        *before = t;
    }
    near(sum/intervals, 1, 4/sqrt(intervals), "mean interval");
    near(squares/intervals, 2, 4*sqrt(20/intervals), "its square");
    near(tail/intervals, exp(-2), 4*sqrt(exp(-2)/intervals), "long intervals");
    near(phase/(double)r.count, 0.5, 4*sqrt(1./12/(double)r.count), "phase in the step");
    done(&r);
}

/* ---- Izhikevich: fourth order Runge-Kutta, 1 us, with the spike where the polynomial is 30 ---- */

static double izhikevich_v(double v, double u, double x) { return 0.04*v*v + 5*v + 140 - u + x; }

static int izhikevich_reference(double a, double b, double cc, double d, double x, double ms, double *times)
{
    double half = 0.5*(5 - b), v = -(half + sqrt(half*half - 0.04*140))/0.04, u = b*v, h = 1e-3;
    int n = 0;
    for (long k = 0; k < lround(ms/h); k++) {
        double v1 = izhikevich_v(v, u, x), u1 = a*(b*v - u);
        double v2 = izhikevich_v(v + h/2*v1, u + h/2*u1, x), u2 = a*(b*(v + h/2*v1) - (u + h/2*u1));
        double v3 = izhikevich_v(v + h/2*v2, u + h/2*u2, x), u3 = a*(b*(v + h/2*v2) - (u + h/2*u2));
        double v4 = izhikevich_v(v + h*v3, u + h*u3, x), u4 = a*(b*(v + h*v3) - (u + h*u3)), before = v;
        v += h/6*(v1 + 2*v2 + 2*v3 + v4);
        u += h/6*(u1 + 2*u2 + 2*u3 + u4);
        if (v < 30) continue;
        double part = (30 - before)/(v - before), rest = (1 - part)*h;
        times[n++] = (double)k*h + part*h;
        u += d;
        v = cc + rest*izhikevich_v(cc, u, x);
    }
    return n;
}

static const struct { const char *name; double a, b, c, d; } KINDS[] = {
    { "RS", 0.02, 0.2, -65, 8 }, { "IB", 0.02, 0.2, -55, 4 }, { "CH", 0.02, 0.2, -50, 2 }, { "FS", 0.1, 0.2, -65, 2 },
    { "LTS", 0.02, 0.25, -65, 2 }, { "TC", 0.02, 0.25, -65, 0.05 }, { "RZ", 0.1, 0.26, -65, 2 } };
enum { KIND_COUNT = sizeof KINDS/sizeof *KINDS };

static run run_kind(const char *preset, double x, double substep)
{
    convis_model *m = alone("izhikevich", 1e-3, (setting[]){ { "substep", substep }, { NULL, 0 } });
    must(c, convis_set_text(m, "it.preset", preset));
    level = x;
    return run_model(m, constant, 400, 1, 1);
}

/* Times of all spikes, up to what an error in each interval may have added up to by then. */
static void izhikevich_presets(void **state)
{
    (void)state;
    static double times[4000];
    for (int k = 0; k < KIND_COUNT; k++)
        for (double x = 6; x < 40; x *= 2) {
            int n = izhikevich_reference(KINDS[k].a, KINDS[k].b, KINDS[k].c, KINDS[k].d, x, 400, times);
            for (int fine = 0; fine < 2; fine++) {
                run r = run_kind(KINDS[k].name, x, fine ? 5e-5 : 5e-4);
                double allowed = fine ? 6e-4 : 2e-2;
                near((double)r.count, n, fine ? 0 : 2, KINDS[k].name);
                near(r.spikes[0].time*1e3, times[0], fine ? 1e-3 : 5e-3, "first spike");
                int64_t both = r.count < n ? r.count : n;
                for (int64_t s = 0; s < both; s++) near(r.spikes[s].time*1e3, times[s], 0.005 + allowed*times[s], "spike times");
                double sum = 0;
                for (int t = 0; t < 400; t++) sum += (double)r.out.data[t];
                assert_int_equal((int64_t)sum, r.count);
                done(&r);
            }
        }
}

/* What the kinds are known for (Izhikevich 2003). */
static void izhikevich_kinds(void **state)
{
    (void)state;
    double first[KIND_COUNT], last[KIND_COUNT], shortest[KIND_COUNT], longest[KIND_COUNT], rate[KIND_COUNT];
    for (int k = 0; k < KIND_COUNT; k++) {
        run r = run_kind(KINDS[k].name, 10, 1e-4);
        rate[k] = (double)r.count/0.4;
        first[k] = r.spikes[1].time - r.spikes[0].time;
        last[k] = r.spikes[r.count - 1].time - r.spikes[r.count - 2].time;
        shortest[k] = longest[k] = first[k];
        for (int64_t s = r.count/2; s < r.count; s++) {
            double gap = r.spikes[s].time - r.spikes[s - 1].time;
            shortest[k] = fmin(shortest[k], gap);
            longest[k] = fmax(longest[k], gap);
        }
        done(&r);
    }
    enum { RS, IB, CH, FS, LTS };
    assert_true(last[RS] > 2*first[RS]);                         /* adapts */
    assert_true(first[IB] < 0.005 && last[IB] > 4*first[IB]);    /* a burst, then single spikes */
    assert_true(shortest[CH] < 0.005 && longest[CH] > 4*shortest[CH]);   /* burst after burst */
    assert_true(rate[FS] > 4*rate[RS] && last[FS] < 2*first[FS]);        /* fast, with little adaptation */
    assert_true(rate[LTS] > 2*rate[RS] && last[LTS] > 4*first[LTS]);    /* fast, with much */
}

static double get(convis_model *m, const char *path)
{
    double value;
    must(c, convis_get(m, path, &value));
    return value;
}

/* A preset sets what nobody set, in any order. */
static void izhikevich_texts(void **state)
{
    (void)state;
    convis_model *m = alone("izhikevich", 1e-3, (setting[]){ { "c", -58 }, { NULL, 0 } });
    near(get(m, "it.d"), 8, 0, "d of RS");
    must(c, convis_set_text(m, "it.preset", "FS"));
    near(get(m, "it.a"), 0.1, 0, "a of FS");
    near(get(m, "it.c"), -58, 0, "c as it was set");
    must_set(m, "it", "d", 3);
    near(get(m, "it.d"), 3, 0, "d as it was set");
    must(c, convis_set_text(m, "it.preset", "phasic_bursting"));
    near(get(m, "it.b"), 0.25, 0, "b of phasic bursting");
    near(get(m, "it.d"), 3, 0, "d as it was set");
    refused(c, CONVIS_ENAME, "expected one of RS, IB", convis_set_text(m, "it.preset", "XY"));
    assert_string_equal(convis_get_text(m, "it.preset"), "phasic_bursting");
    near(get(m, "it.b"), 0.25, 0, "b still");
    must_set(m, "it", "substep", 1e-6);
    must(c, convis_plan(m, convis_movie_shape(3, 2, 2)));
    convis_model_free(&m);
    m = alone("izhikevich", 2e-3, (setting[]){ { "substep", 1e-6 }, { NULL, 0 } });
    refused(c, CONVIS_ENOTSUP, "it.substep: 2000", convis_plan(m, convis_movie_shape(3, 2, 2)));
    convis_model_free(&m);
}

/* ---- Hodgkin and Huxley, FitzHugh and Nagumo: fourth order Runge-Kutta ---- */

typedef void equations(const double *s, double x, double *d);

static double ramp(double u) { return fabs(u) < 1e-7 ? 1 + u/2 : u/-expm1(-u); }
static void hodgkin_huxley(const double *s, double x, double *d)
{
    double v = s[0];
    d[0] = x + 120*s[1]*s[1]*s[1]*s[2]*(50 - v) + 36*pow(s[3], 4)*(-77 - v) + 0.3*(-54.387 - v);
    d[1] = ramp((v + 40)/10)*(1 - s[1]) - 4*exp(-(v + 65)/18)*s[1];
    d[2] = 0.07*exp(-(v + 65)/20)*(1 - s[2]) - s[2]/(1 + exp(-(v + 35)/10));
    d[3] = 0.1*ramp((v + 55)/10)*(1 - s[3]) - 0.125*exp(-(v + 65)/80)*s[3];
}
static void fitzhugh_nagumo(const double *s, double x, double *d)
{
    d[0] = s[0] - s[0]*s[0]*s[0]/3 - s[1] + x;
    d[1] = 0.08*(s[0] + 0.7 - 0.8*s[1]);
    d[2] = d[3] = 0;
}

static void advance(equations *f, double *s, double x, double h)
{
    double k1[4], k2[4], k3[4], k4[4], at[4];
    f(s, x, k1);
    for (int j = 0; j < 4; j++) at[j] = s[j] + h/2*k1[j];
    f(at, x, k2);
    for (int j = 0; j < 4; j++) at[j] = s[j] + h/2*k2[j];
    f(at, x, k3);
    for (int j = 0; j < 4; j++) at[j] = s[j] + h*k3[j];
    f(at, x, k4);
    for (int j = 0; j < 4; j++) s[j] += h/6*(k1[j] + 2*k2[j] + 2*k3[j] + k4[j]);
}

/* Where s[0] ends after long. */
static void settle(equations *f, double x, double *s)
{
    static const double START[] = { -65, 0.0529, 0.596, 0.3177 };
    for (int j = 0; j < 4; j++) s[j] = f == hodgkin_huxley ? START[j] : 0;
    for (int k = 0; k < 100000; k++) advance(f, s, x, 0.01);
}

/* From rest under no current. times: where s[0] crosses the threshold. trace: s[0] after every unit of time. */
static int reference(equations *f, double x, double threshold, int units, double *times, double *trace)
{
    enum { PARTS = 200 };
    double s[4];
    int n = 0;
    settle(f, 0, s);
    for (int t = 0; t < units; t++) {
        for (int k = 0; k < PARTS; k++) {
            double before = s[0];
            advance(f, s, x, 1./PARTS);
            if (before < threshold && s[0] >= threshold) times[n++] = t + (k + (threshold - before)/(s[0] - before))/PARTS;
        }
        trace[t] = s[0];
    }
    return n;
}

static double trace_error(const convis_tensor *out, const double *trace, int T)
{
    double sum = 0;
    for (int t = 0; t < T; t++) sum += ((double)out->data[t] - trace[t])*((double)out->data[t] - trace[t]);
    return sqrt(sum/T);
}

/* Intervals at a substep and at its halves: as far off as allowed, four times less each time; then V itself. */
static void against_reference(const char *type, equations *f, const double *currents, int count, double threshold, double substep,
                              double allowed, double volts, int T)
{
    static double times[2000], trace[2000];
    for (int k = 0; k < count; k++) {
        double error[3], interval[3], v[3];
        int n = reference(f, level = currents[k], threshold, T, times, trace);
        assert_true(n > 3);
        double expected = (times[n - 1] - times[0])/(n - 1);
        for (int j = 0; j < 3; j++) {
            setting set[] = { { "substep", substep/(1 << j) }, { "output", 1 }, { NULL, 0 } };
            run r = run_alone(type, 1e-3, set, constant, T, 1, 1);
            near((double)r.count, n, 1 + n*allowed, "spikes");
            near(r.spikes[0].time*1e3, times[0], 0.05, "first spike");
            interval[j] = (r.spikes[r.count - 1].time - r.spikes[0].time)*1e3/(double)(r.count - 1);
            error[j] = interval[j]/expected - 1;
            v[j] = trace_error(&r.out, trace, 20);
            done(&r);
        }
        assert_true(fabs(error[0]) < allowed);
        near(error[1]/error[0], 0.25, 0.06, "second order");
        near(error[2]/error[0], 0.0625, 0.03, "second order");
        assert_true(v[0] < volts && v[1] < 0.4*v[0] && v[2] < 0.4*v[1]);
    }
}

static void hodgkin_huxley_rates(void **state)
{
    (void)state;
    against_reference("hodgkin_huxley", hodgkin_huxley, (double[]){ 7, 10, 25, 60 }, 4, -20, 1e-4, 0.0075, 5, 400);
}

static void fitzhugh_nagumo_cycle(void **state)
{
    (void)state;
    against_reference("fitzhugh_nagumo", fitzhugh_nagumo, (double[]){ 0.4, 0.5, 1, 1.3 }, 4, 1, 2.5e-4, 1e-3, 0.02, 400);
}

/* Every state of a cell of one pixel: set, run, and all finite. */
static void hodgkin_huxley_singularities(void **state)
{
    (void)state;
    static const double AT[] = { -40, -55, -35, -40.000001, -54.99999, -39.9, -500, 500, 1e5 };
    convis_item v;
    convis_model *m = alone("hodgkin_huxley", 1e-4, (setting[]){ { "output", 1 }, { NULL, 0 } });
    level = 0;
    run r = run_model(m, constant, 1, 1, 9);
    must(c, convis_reset(m));
    assert_true(convis_list(m, CONVIS_STATE, 0, &v));
    for (int i = 0; i < 9; i++) v.data[i] = (convis_real)AT[i];
    must(c, convis_run(m, r.movie));
    for (int i = 0; i < 9; i++) assert_true(isfinite(r.out.data[i]) && fabs((double)r.out.data[i]) <= fmax(fabs(AT[i]), 80));
    near((double)r.out.data[3], (double)r.out.data[0], 1e-4, "beside -40 mV");
    near((double)r.out.data[4], (double)r.out.data[1], 1e-4, "beside -55 mV");
    done(&r);
    /* Currents that no cell survives. */
    level = 1e6;
    r = run_alone("hodgkin_huxley", 1e-3, NULL, constant, 50, 1, 1);
    for (int t = 0; t < 50; t++) assert_true(isfinite(r.out.data[t]));
    done(&r);
}

/* Long under a constant current, cells stay where past() puts them; where they would fire, they start as without. */
static void rest(void **state)
{
    (void)state;
    static const struct { const char *type; equations *f; double x; int fires; } CELLS[] = {
        { "hodgkin_huxley", hodgkin_huxley, 0, 0 }, { "hodgkin_huxley", hodgkin_huxley, 4, 0 }, { "hodgkin_huxley", hodgkin_huxley, -5, 0 },
        { "hodgkin_huxley", hodgkin_huxley, 20, 1 },
        { "izhikevich", NULL, 0, 0 }, { "izhikevich", NULL, 3, 0 }, { "izhikevich", NULL, 10, 1 },
        { "fitzhugh_nagumo", fitzhugh_nagumo, 0, 0 }, { "fitzhugh_nagumo", fitzhugh_nagumo, 0.2, 0 },
        { "fitzhugh_nagumo", fitzhugh_nagumo, 1, 1 } };
    for (size_t k = 0; k < sizeof CELLS/sizeof *CELLS; k++) {
        double s[4], x = CELLS[k].fires ? 0 : CELLS[k].x, expected = -(2.4 + sqrt(2.4*2.4 - 0.04*(140 + x)))/0.04;
        if (CELLS[k].f) { settle(CELLS[k].f, x, s); expected = s[0]; }
        convis_model *m = alone(CELLS[k].type, 1e-3, (setting[]){ { "output", 1 }, { NULL, 0 } });
        must(c, convis_baseline(m, level = CELLS[k].x));
        run r = run_model(m, constant, 500, 1, 1);
        assert_int_equal(r.count > 0, CELLS[k].fires);
        for (int t = 0; !CELLS[k].fires && t < 500; t++) near((double)r.out.data[t], expected, 2e-4, "rest");
        convis_item v;
        must(c, convis_reset(m));
        assert_true(convis_list(m, CONVIS_STATE, 0, &v));
        near((double)v.data[0], expected, 1e-5, "start");
        done(&r);
    }
}

/* ---- Event camera ---- */

static double slope, scale;
static double rise(int t, int64_t i) { return 10 + slope*(double)(i + 1)*(t + 1); }
static double fall(int t, int64_t i) { return 3000 - slope*(double)(i + 1)*(t + 1); }
static double flicker(int t, int64_t i) { return scale*(20 + 15*sin(0.05*t*(double)(i + 1))); }

static double total(const run *r, int64_t i)
{
    double sum = 0;
    for (int64_t t = 0; t < r->movie.shape.dim[CONVIS_T]; t++) sum += (double)r->out.data[t*r->n + i];
    return sum;
}

/* A ramp of whole numbers: events are as many as thresholds passed, at the times at which it passed them. */
static void event_ramps(void **state)
{
    (void)state;
    for (int down = 0; down < 2; down++)
        for (int polarity = -1; polarity < 2; polarity++) {
            setting set[] = { { "mode", 0 }, { "on", 8 }, { "off", 16 }, { "polarity", polarity }, { NULL, 0 } };
            double threshold = down ? 16 : 8;
            slope = 2;
            convis_model *m = alone("event_camera", 0.01, set);
            must(c, convis_baseline(m, down ? 3000 : 10));
            run r = run_model(m, down ? fall : rise, 100, 1, 9);
            int shown = polarity == 0 || (polarity > 0) != down;
            for (int64_t i = 0; i < 9; i++) {
                double events = shown ? floor(200*(double)(i + 1)/threshold) : 0;
                near(total(&r, i), down && polarity == 0 ? -events : events, 0, "events of a ramp");
            }
            double next[9] = { 0 };
            for (int64_t s = 0; s < r.count; s++) {
                int i = r.spikes[s].unit;
                near(r.spikes[s].time, ++next[i]*threshold/(2.*(i + 1))*0.01, 1e-6, "time of an event");
            }
            assert_true((r.count > 0) == shown);
            done(&r);
        }
}

/* Held reset after each, a pixel's events come a crossing and a refractory time apart. */
static void event_refractory(void **state)
{
    (void)state;
    static const double TIMES[] = { 0.004, 0.01, 0.037 };
    for (int k = 0; k < 3; k++) {
        setting set[] = { { "mode", 0 }, { "on", 4 }, { "refractory", TIMES[k] }, { NULL, 0 } };
        slope = 1;
        convis_model *m = alone("event_camera", 0.01, set);
        must(c, convis_baseline(m, 10));
        run r = run_model(m, rise, 300, 1, 5);
        int64_t next[5] = { 0 };
        for (int64_t s = 0; s < r.count; s++) {
            int i = r.spikes[s].unit;
            double crossing = 4./(i + 1)*0.01;
            near(r.spikes[s].time, crossing + (double)next[i]++*(crossing + TIMES[k]), 2e-5, "time of an event");
        }
        for (int i = 0; i < 5; i++) {
            double crossing = 4./(i + 1)*0.01;
            near((double)next[i], floor((3 - crossing)/(crossing + TIMES[k])) + 1, 1, "events");
        }
        done(&r);
    }
}

/* In logarithmic mode contrast counts, not brightness; in linear mode brightness does. */
static void event_contrast(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        double counts[2] = { 0 };
        for (int bright = 0; bright < 2; bright++) {
            setting set[] = { { "mode", mode }, { "on", mode ? 0.2 : 5 }, { "off", mode ? 0.15 : 5 }, { NULL, 0 } };
            scale = bright ? 8 : 1;
            convis_model *m = alone("event_camera", 0.01, set);
            must(c, convis_baseline(m, scale*20));
            run r = run_model(m, flicker, 200, 4, 4);
            for (int64_t k = 0; k < 200*16; k++) counts[bright] += fabs((double)r.out.data[k]);
            done(&r);
        }
        assert_true(counts[0] > 500);
        if (mode) near(counts[1], counts[0], 2, "events at eight times the brightness");
        else assert_true(counts[1] > 4*counts[0]);
    }
}

/* Thresholds differ by pixel as asked, and every threshold is the same all the time; noise makes events of its own. */
static void event_noise(void **state)
{
    (void)state;
    setting mismatched[] = { { "mode", 0 }, { "on", 1 }, { "mismatch", 0.1 }, { NULL, 0 } };
    slope = 0;
    scale = 1;
    convis_model *m = alone("event_camera", 0.01, mismatched);
    must(c, convis_baseline(m, 0));
    level = 1000;
    run r = run_model(m, constant, 1, 40, 50);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < 2000; i++) {
        double threshold = 1000/(double)r.out.data[i];
        sum += threshold;
        squares += (threshold - 1)*(threshold - 1);
    }
    near(sum/2000, 1, 4*0.1/sqrt(2000), "mean threshold");
    near(sqrt(squares/2000), 0.1, 4*0.1/sqrt(4000), "spread of thresholds");
    done(&r);

    setting noisy[] = { { "sigma", 0.1 }, { "on", 0.2 }, { "off", 0.2 }, { NULL, 0 } };
    level = 50;
    m = alone("event_camera", 0.01, noisy);
    must(c, convis_baseline(m, 50));
    r = run_model(m, constant, 50, 40, 50);
    sum = squares = 0;
    for (int64_t k = 0; k < 2000; k++) { sum += (double)r.out.data[k]; squares += fabs((double)r.out.data[k]); }
    near(squares/2000, erfc(2/sqrt(2)), 4*sqrt(0.0455/2000), "events of noise in the first step");
    near(sum/2000, 0, 4*sqrt(0.0455/2000), "as many ON as OFF");
    done(&r);
}

/* ---- Gradients ---- */

/* dL/d(input) and dL/d(parameter) of L = sum of r out over one run from the start. */
static convis_tensor random_weights(convis_shape s) { return noise_movie(s, -1, 1, 77); }

static convis_tensor gradient_of(convis_model *m, input *x, int T, int w, const char *path)
{
    convis_tensor movie = movie_of(x, T, 1, w), weights = random_weights(movie.shape), d = noise_movie(movie.shape, 0, 0, 1);
    must(c, convis_require_gradient(m, path));
    must(c, convis_require_gradient(m, "input"));
    must(c, convis_probe(m, "it"));
    must(c, convis_plan(m, movie.shape));
    must(c, convis_run(m, movie));
    must(c, convis_vjp_from(m, "it", weights));
    must(c, convis_vjp(m, &d));
    free(movie.data);
    free(weights.data);
    return d;
}

static double gentle(int t, int64_t i) { return level*(0.5 + 0.5*sin(0.9*t + (double)i)); }

/* Below threshold and straight through, with one substep a step, the count's gradient is V's: both are that of the highest V. */
static void gradient_of_counts(void **state)
{
    (void)state;
    static const struct { const char *type; double dt, x; } CELLS[] = {
        { "hodgkin_huxley", 1e-4, 2 }, { "izhikevich", 5e-4, 3 }, { "fitzhugh_nagumo", 1e-4, 0.1 } };
    for (int k = 0; k < 3; k++) {
        convis_tensor d[2];
        level = CELLS[k].x;
        for (int output = 0; output < 2; output++) {
            setting set[] = { { "substep", CELLS[k].dt }, { "output", output }, { "surrogate", 3 }, { NULL, 0 } };
            convis_model *m = alone(CELLS[k].type, CELLS[k].dt, set);
            d[output] = gradient_of(m, gentle, 60, 5, "it");
            convis_model_free(&m);
        }
        double largest = 0;
        for (int i = 0; i < 60*5; i++) {
            near((double)d[0].data[i], (double)d[1].data[i], 1e-9, CELLS[k].type);
            largest = fmax(largest, fabs((double)d[0].data[i]));
        }
        assert_true(largest > 1e-3);
        free(d[0].data);
        free(d[1].data);
    }
}

/* Straight through, the number of all events is known by the first and last intensity. */
static void gradient_of_events(void **state)
{
    (void)state;
    convis_model *m = alone("event_camera", 0.01, (setting[]){ { "mode", 0 }, { "on", 4 }, { "off", 4 }, { NULL, 0 } });
    scale = 1;
    convis_tensor movie = movie_of(flicker, 80, 1, 3), ones = noise_movie(movie.shape, 1, 1, 1),
                  d = noise_movie(movie.shape, 0, 0, 1);
    must(c, convis_require_gradient(m, "input"));
    must(c, convis_require_gradient(m, "it"));
    must(c, convis_probe(m, "it"));
    must(c, convis_plan(m, movie.shape));
    must(c, convis_run(m, movie));
    must(c, convis_vjp_from(m, "it", ones));
    must(c, convis_vjp(m, &d));
    double start[3], on, off;
    for (int i = 0; i < 80*3; i++) near((double)d.data[i], i < 79*3 ? 0 : 0.25, 1e-6, "gradient at an intensity");
    must(c, convis_grad(m, "it.reference", start, 3));
    for (int i = 0; i < 3; i++) near(start[i], -0.25, 1e-6, "gradient at the first reference");
    must(c, convis_grad(m, "it.on", &on, 1));
    must(c, convis_grad(m, "it.off", &off, 1));
    assert_true(on < 0 && off > 0);                       /* higher thresholds: fewer ON events, fewer negative ones */
    convis_model_free(&m);
    free(movie.data);
    free(ones.data);
    free(d.data);
}

static double rates(int t, int64_t i) { return 300*sin(0.3*t + (double)i); }

static void gradient_of_poisson(void **state)
{
    (void)state;
    for (int straight = 0; straight < 2; straight++) {
        convis_model *m = alone("poisson", 0.01, (setting[]){ { "straight", straight }, { NULL, 0 } });
        convis_tensor d = gradient_of(m, rates, 50, 4, "input"), weights = random_weights(d.shape);
        for (int i = 0; i < 200; i++)
            near((double)d.data[i], rates(i/4, i%4) > 0 || straight ? 0.01*(double)weights.data[i] : 0, 1e-8,
                 "dt where it fires");
        convis_model_free(&m);
        free(d.data);
        free(weights.data);
    }
}

#ifdef CONVIS_DOUBLE
static double drive(int t, int64_t i) { return level*(0.3 + 0.7*sin(0.31*t + 0.7*(double)i)); }

/* V through spikes, too, against central differences: every parameter, and a few inputs. */
static double loss_of(const char *type, const setting *set, const char *path, double add, convis_tensor movie,
                      convis_tensor weights)
{
    double value, sum = 0;
    convis_tensor out;
    convis_model *m = alone(type, 1e-3, set);
    if (path) {
        must(c, convis_get(m, path, &value));
        must(c, convis_set(m, path, value + add));
    }
    must(c, convis_probe(m, "it"));
    must(c, convis_plan(m, movie.shape));
    must(c, convis_run(m, movie));
    must(c, convis_output(m, "it", &out));
    for (int64_t i = 0; i < convis_elements(movie.shape); i++) sum += weights.data[i]*out.data[i];
    convis_model_free(&m);
    return sum;
}

static void gradient_of_potentials(void **state)
{
    (void)state;
    static const struct { const char *type; double x; } CELLS[] = {
        { "hodgkin_huxley", 20 }, { "izhikevich", 40 }, { "fitzhugh_nagumo", 2 } };
    for (int k = 0; k < 3; k++)
        for (int fine = 0; fine < 2; fine++) {
            enum { T = 60, W = 3 };
            setting set[] = { { "output", 1 }, { "substep", fine ? 2.3e-5 : 2e-4 }, { NULL, 0 } };
            level = CELLS[k].x;
            convis_model *m = alone(CELLS[k].type, 1e-3, set);
            convis_tensor d = gradient_of(m, drive, T, W, "it"), movie = movie_of(drive, T, 1, W),
                          weights = random_weights(movie.shape);
            convis_item p;
            must(c, convis_vjp_baseline(m));
            for (int j = 0; convis_list(m, CONVIS_PARAMETER, j, &p); j++) {
                double found, h = 1e-6*fmax(fabs(p.value), 1e-3);
                if (!p.differentiable) continue;
                must(c, convis_grad(m, p.path, &found, 1));
                double above = loss_of(CELLS[k].type, set, p.path, h, movie, weights);
                double below = loss_of(CELLS[k].type, set, p.path, -h, movie, weights), expected = (above - below)/(2*h);
                near(found, expected, 1e-4*fabs(expected) + 1e-7, p.path);
            }
            for (int i = 0; i < T*W; i += 17) {
                convis_real x = movie.data[i], h = 1e-6*fmax(fabs(x), 0.01);
                movie.data[i] = x + h;
                double above = loss_of(CELLS[k].type, set, NULL, 0, movie, weights);
                movie.data[i] = x - h;
                double below = loss_of(CELLS[k].type, set, NULL, 0, movie, weights);
                movie.data[i] = x;
                near(d.data[i], (above - below)/(2*h), 1e-4*fabs(d.data[i]) + 1e-6, "input");
            }
            convis_model_free(&m);
            free(d.data);
            free(movie.data);
            free(weights.data);
        }
}
#endif

int main(void)
{
#ifdef CONVIS_DOUBLE
    if (only_at_length()) return 77;                     /* the same text once more */
#endif
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_context, close_context)
    const struct CMUnitTest tests[] = {
        TEST(surrogates), TEST(poisson_counts), TEST(poisson_times), TEST(izhikevich_presets), TEST(izhikevich_kinds),
        TEST(izhikevich_texts), TEST(hodgkin_huxley_rates), TEST(fitzhugh_nagumo_cycle), TEST(hodgkin_huxley_singularities), TEST(rest),
        TEST(event_ramps), TEST(event_refractory), TEST(event_contrast), TEST(event_noise), TEST(gradient_of_counts), TEST(gradient_of_events),
        TEST(gradient_of_poisson),
#ifdef CONVIS_DOUBLE
        TEST(gradient_of_potentials),
#endif
    };
    return cmocka_run_group_tests_name("spiking", tests, NULL, NULL);
}
