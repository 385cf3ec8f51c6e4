/* test_models.c - built-in models of layers, their options and tuning; saved models; Convis's parameter files; and memory that runs
 * out in any of them. */
#include "harness.h"
#include "graph.h"

/* An archive as numpy.savez writes it: arrays of one number, or rows of several. */
static void write_npz(const char *path, const char *const *names, const double (*values)[4], const int *counts, int n)
{
    convis_map_writer *w[16];
    convis_real some[4];
    for (int k = 0; k < n; k++) {
        const int square = counts[k] == 4 && !strcmp(names[k], "delay_delays");
        const convis_shape shape = square ? convis_movie_shape(1, 2, 2) : convis_movie_shape(1, 1, counts[k]);
        must(c, convis_map_writer_open(c, path, names[k], shape, NULL, &w[k]));
        for (int i = 0; i < counts[k]; i++) some[i] = (convis_real)values[k][i];
        must(c, convis_map_writer_write(w[k], convis_view(some, shape)));
    }
    for (int k = 0; k < n; k++) must(c, convis_map_writer_close(&w[k], 1));
}

/* ---- Built-in models ---- */

/* The output of a built-in model, with one thing set in it. */
static recording answer(const char *name, const char *path, const char *value, convis_tensor movie, int64_t *n)
{
    convis_recipe *r = opened(name);
    if (path) must(c, convis_recipe_set(r, path, value));
    convis_model *m = built(r, movie.shape.dim[CONVIS_X], movie.shape.dim[CONVIS_Y]);
    recording all = { 0 };
    convis_shape frame;
    must(c, convis_probe(m, "output"));
    must(c, convis_plan(m, movie.shape));
    must(c, convis_output_shape(m, "output", &frame));
    *n = convis_elements(frame);
    record(m, movie, 0, movie.shape.dim[CONVIS_T], WHOLE, movie.shape.dim[CONVIS_T], &all);
    convis_model_free(&m);
    convis_recipe_free(&r);
    return all;
}

/* The largest difference (b NULL: the largest value) of maps, `edge` pixels from their borders or more. */
static double largest(const convis_real *a, const convis_real *b, int64_t frames, int64_t height, int64_t width, int64_t edge)
{
    double most = 0;
    for (int64_t i = 0; i < frames*height*width; i++) {
        const int64_t x = i%width, y = i/width%height;
        const double off = fabs((double)a[i] - (b ? (double)b[i] : 0));
        if (x >= edge && y >= edge && x < width - edge && y < height - edge && off > most) most = off;
    }
    return most;
}

/* Four ways to one outer plexiform layer, the start included, and when their numbers are changed alike. */
static void four_opls(void **state)
{
    (void)state;
    enum { W = 51, H = 46, T = 150, EDGE = 17 };
    static const char *const NAMES[] = { "opl_half_recursive", "opl_separable", "opl_full" };
    static const char *const SET[][2] = { { NULL, NULL }, { "opl.surround.sigma", "0.25" }, { "opl.center.tau", "0.03" },
                                          { "opl.undershoot.weight", "0.3" },
                                          { "opl.surround.gain", "0.6" }, { "dt", "0.02" }, { "baseline", "10" } };
    convis_tensor movie = noise_movie(convis_movie_shape(T, H, W), 0, 255, 9);
    for (size_t set = 0; set < sizeof SET/sizeof *SET; set++) {
        int64_t n;
        recording a = answer("opl_recursive", SET[set][0], SET[set][1], movie, &n);
        assert_int_equal(n, W*H);
        const convis_real *expected = a.output[0].data;
        const double size = largest(expected, NULL, T, H, W, EDGE);
        assert_true(size > .5);
        for (int k = 0; k < 3; k++) {
            recording b = answer(NAMES[k], SET[set][0], SET[set][1], movie, &n);
            const double off = largest(b.output[0].data, expected, T, H, W, EDGE);
            if (!(off < 3e-4*size))
                fail_msg("%s with %s: off by %g of %g", NAMES[k], SET[set][0] ? SET[set][0] : "its own numbers", off, size);
            recording_free(&b);
        }
        recording_free(&a);
    }
    free(movie.data);
}

/* A grating of full contrast that drifts towards `direction`. */
static convis_tensor grating(int64_t frames, int64_t size, double frequency, double hertz, double direction, double phase)
{
    convis_tensor movie = noise_movie(convis_movie_shape(frames, size, size), 0, 1, 1);
    const double angle = direction*3.14159265358979323846/180;
    for (int64_t i = 0; i < frames*size*size; i++) {
        const double x = (double)(i%size), y = (double)(i/size%size), t = 0.01*(double)(i/(size*size));
        movie.data[i] =
            (convis_real)(127.5*(1 + cos(6.28318530717958647693*(frequency*(x*cos(angle) + y*sin(angle)) - hertz*t) +
                                           phase)));
    }
    return movie;
}

/* What the middle pixel says to it, once it has settled: the mean and the largest. */
static void tuned(const char *model, double frequency, double hertz, double direction, double phase, double *mean, double *most)
{
    enum { SIZE = 33, T = 100, SETTLED = 50 };
    convis_tensor movie = grating(T, SIZE, frequency, hertz, direction, phase);
    int64_t n;
    recording a = answer(model, NULL, NULL, movie, &n);
    assert_int_equal(n, SIZE*SIZE);
    *mean = 0;
    *most = -1e9;
    for (int64_t t = SETTLED; t < T; t++) {
        const double y = (double)a.output[0].data[t*n + n/2];
        *mean += y/(T - SETTLED);
        if (y > *most) *most = y;
    }
    recording_free(&a);
    free(movie.data);
}

static void tuning(void **state)
{
    (void)state;
    double mean, most, other, far;
    tuned("simple_cell", .125, 0, 0, 0, &mean, &most);   /* its own pattern at full contrast */
    assert_true(fabs(most - 100) < 2);
    tuned("simple_cell", .125, 0, 0, 3.14159265, &mean, &far);
    assert_true(far < .1);                               /* upside down */
    tuned("simple_cell", .125, 0, 90, 0, &mean, &far);
    assert_true(far < 1);
    tuned("simple_cell", .3, 0, 0, 0, &mean, &far);
    assert_true(far < 1);
    for (int k = 0; k < 8; k++) {                        /* a complex cell does not mind the phase */
        tuned("complex_cell", .125, 0, 0, k*.7853981634, &mean, &most);
        assert_true(fabs(mean - 100) < 3);
        tuned("complex_cell", .125, 0, 90, k*.7853981634, &mean, &far);
        assert_true(far < 1);
    }
    tuned("motion_energy", .125, 8, 0, 0, &mean, &most);
    assert_true(fabs(mean - 1) < .02 && most < 1.05*mean);
    tuned("motion_energy", .125, 8, 180, 0, &other, &most);
    assert_true(fabs(mean + other) < 1e-3);
    tuned("motion_energy", .125, 0, 0, 0, &mean, &most);
    assert_true(fabs(mean) < 1e-3);
    tuned("direction_selective", .125, 8, 0, 0, &mean, &most);
    assert_true(fabs(most - 100) < 2);
    tuned("direction_selective", .125, 8, 180, 0, &mean, &far);
    assert_true(far < 1);
    tuned("direction_selective", .125, 8, 90, 0, &mean, &far);
    assert_true(far < 1);
}

/* Every built-in model of layers: what it is, as YAML, is the same model again. */
static void designs(void **state)
{
    (void)state;
    enum { W = 24, H = 21, T = 30 };
    for (const struct convis_preset *const *d = convis_presets; *d; d++) {
        if ((*d)->numbers) continue;                     /* test_graph.c has the retinas */
        convis_recipe *r = opened((*d)->name), *again;
        char *text, *second;
        assert_true(r->graph.title && r->graph.source);
        must(c, convis_recipe_text(r, &text));
        again = from_yaml(text);
        must(c, convis_recipe_text(again, &second));
        assert_string_equal(text, second);
        convis_model *m = built(r, W, H), *n = built(again, W, H);
        recording a = said(m, T, W, H), b = said(n, T, W, H);
        assert_same(&a, &b, (*d)->name);
        char *built_text;                                /* as built and planned, with every array */
        must(c, convis_model_yaml(m, &built_text));
        convis_recipe *third = from_yaml(built_text);
        convis_model *o = built(third, W, H);
        recording e = said(o, T, W, H);
        assert_same(&e, &a, (*d)->name);
        double most = 0;
        for (int k = 0; k < a.outputs; k++)
            for (int64_t i = 0; i < a.output[k].n*a.frames; i++) {
                assert_true(isfinite(a.output[k].data[i]));
                most = fmax(most, fabs((double)a.output[k].data[i]));
            }
        assert_true(most > 0);
        convis_model_yaml_free(m, &built_text);
        recording_free(&a);
        recording_free(&b);
        recording_free(&e);
        convis_recipe_text_free(r, &text);
        convis_recipe_text_free(again, &second);
        convis_model_free(&m);
        convis_model_free(&n);
        convis_model_free(&o);
        convis_recipe_free(&r);
        convis_recipe_free(&again);
        convis_recipe_free(&third);
    }
}

static int has_setting(const convis_recipe *r, const char *path)
{
    char value[64];
    return !convis_recipe_get(r, path, value, sizeof value);
}

/* Layers come and go with the options; what was set in those that stay stays. */
static void options(void **state)
{
    (void)state;
    convis_recipe *r = opened("LNLN");
    convis_item item;
    must(c, convis_recipe_set(r, "filter_1.width", "7"));
    must(c, convis_recipe_set(r, "dt", "0.005"));
    must(c, convis_recipe_set(r, "filter_1.weights", "gaussian?sigma=2"));
    must(c, convis_recipe_set(r, "stages", "4"));
    assert_true(has_setting(r, "filter_4.frames") && !has_setting(r, "filter_5.frames"));
    must(c, convis_recipe_set(r, "nonlinearity", "softplus"));
    must(c, convis_recipe_set(r, "stages", "1"));
    expect(r, "stages", "1");
    expect(r, "nonlinearity", "softplus");
    expect(r, "filter_1.width", "7");
    expect(r, "filter_1.height", "11");
    expect(r, "filter_1.weights", "gaussian?sigma=2");
    expect(r, "dt", "0.005");
    assert_false(has_setting(r, "filter_2.frames"));
    refused(c, CONVIS_EINVAL, "stages: '9', expected a whole number of 1 to 8", convis_recipe_set(r, "stages", "9"));
    refused(c, CONVIS_EINVAL, "stages: '1.5', expected a whole number", convis_recipe_set(r, "stages", "1.5"));
    refused(c, CONVIS_EINVAL, "nonlinearity: 'tanh', expected relu, softplus, exponential, square, power or sigmoid",
            convis_recipe_set(r, "nonlinearity", "tanh"));
    refused(c, CONVIS_ENAME, "'stage': no such setting; did you mean stages?", convis_recipe_set(r, "stage", "2"));
    convis_model *m = built(r, 20, 20);
    int layers = 0;
    while (convis_list(m, CONVIS_LAYER, layers, &item)) layers++;
    assert_int_equal(layers, 2);
    convis_model_free(&m);
    convis_recipe_free(&r);
    r = opened("opl_full");
    must(c, convis_recipe_set(r, "opl.surround.sigma", "0.3"));
    must(c, convis_recipe_set(r, "dt", "0.02"));
    expect(r, "opl.surround.sigma", "0.3");
    m = built(r, 20, 20);
    assert_true(convis_dt(m) == .02);
    convis_model_free(&m);
    convis_recipe_free(&r);
}

/* A file of a filter's numbers says how large the filter is. */
static void sizes_of_arrays(void **state)
{
    (void)state;
    convis_recipe *r = from_yaml("layers:\n  - {type: conv, weights: [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [1, 1, 1]]]}\n");
    expect(r, "conv.frames", "2");
    expect(r, "conv.height", "2");
    expect(r, "conv.width", "3");
    convis_model *m = built(r, 8, 8);
    recording a = said(m, 4, 8, 8);
    recording_free(&a);
    convis_model_free(&m);
    convis_recipe_free(&r);
    static const char *const NAMES[] = { "conv_weight" };
    static const double VALUES[][4] = { { 1, 2, 3, 4 } };
    static const int FOUR[] = { 4 };
    const char *path = file_named("ln.npz");
    write_npz(path, NAMES, VALUES, FOUR, 1);             /* (1, 1, 4) */
    r = opened("LN");
    must(c, convis_recipe_load_parameters(r, path));
    expect(r, "filter.weights", "1, 2, 3, 4");
    expect(r, "filter.frames", "1");
    expect(r, "filter.width", "4");
    m = built(r, 8, 8);
    a = said(m, 4, 8, 8);
    recording_free(&a);
    convis_model_free(&m);
    convis_recipe_free(&r);
    unlink(path);
}

/* ---- Saved models ---- */

static void saved_graph(void **state)
{
    (void)state;
    enum { W = 12, H = 9, T = 60 };
    convis_recipe *r = from_yaml("title: cells\npast: 9\nlayers:\n  - {name: a, type: lowpass, tau: 0.02}\n"
                                 "  - {name: cells, type: sample, x: [1, 2.5, 3], y: [0, 4, 1.25]}\n  - {type: lif, sigma: 0.1}\n");
    const double losses[] = { 3, 2, 1.5 };
    const char *path = file_named("saved.h5");
    const convis_attachment attached[] = { { "losses", 'd', losses, 3 },
                                           { "moments", 'b', "\1\2\0\3", 4 },
                                           { "report", 't', "went well", 0 } };
    convis_model *m = built(r, W, H);
    must(c, convis_seed(m, 77));
    must_set(m, "a", "tau", .05);
    convis_tensor movie = noise_movie(convis_movie_shape(2*T, H, W), 0, 255, 7);
    recording first = { 0 }, rest = { 0 }, resumed = { 0 };
    must(c, convis_record_spikes(m, 1));
    must(c, convis_probe(m, "lif"));
    must(c, convis_plan(m, convis_movie_shape(T, H, W)));
    record(m, movie, 0, T, WHOLE, T, &first);
    const double moved[] = { 1, 2, 3.75 };
    must(c, convis_set_array(m, "cells.x", moved, 3));
    must(c, convis_model_save(r, m, path, attached, 3));
    record(m, movie, T, 2*T, WHOLE, T, &rest);

    convis_recipe *again = opened(path);
    expect(again, "a.tau", "0.05");
    expect(again, "cells.x", "1, 2, 3.75");
    assert_string_equal(again->graph.title, "cells");
    convis_model *second = built(again, W, H);
    refused(c, CONVIS_ESTATE, "planned", convis_model_resume(second, path));
    must(c, convis_record_spikes(second, 1));
    must(c, convis_probe(second, "lif"));
    must(c, convis_plan(second, convis_movie_shape(T, H, W)));
    must(c, convis_model_resume(second, path));
    assert_true(convis_seed_of(second) == 77 && convis_frame(second) == T);
    record(second, movie, T, 2*T, WHOLE, T, &resumed);
    assert_same(&resumed, &rest, "resumed");
    assert_true(rest.spike_count > 0);

    double numbers_back[4] = { 0 };
    char text[16], bytes[8];
    size_t count;
    must(c, convis_model_attached(c, path, "losses", 'd', numbers_back, 4, &count));
    assert_true(count == 3 && numbers_back[2] == 1.5);
    must(c, convis_model_attached(c, path, "report", 't', text, sizeof text, &count));
    assert_string_equal(text, "went well");
    assert_int_equal(count, 9);
    must(c, convis_model_attached(c, path, "moments", 'b', bytes, sizeof bytes, &count));
    assert_true(count == 4 && !memcmp(bytes, "\1\2\0\3", 4));
    must(c, convis_model_attached(c, path, "moments", 'b', NULL, 0, &count));
    assert_int_equal(count, 4);
    refused(c, CONVIS_ENAME, "attached/none", convis_model_attached(c, path, "none", 'b', bytes, 8, &count));
    refused(c, CONVIS_ENAME, "attachment 'a/b'", convis_model_save(r, m, path, &(convis_attachment){ "a/b", 'b', "", 0 }, 1));
    convis_recipe *still = opened(path);                 /* a save that failed left the good one */
    convis_recipe_free(&still);

    convis_model *other = built(again, W, H);
    must_set(other, "lif", "leak", 30);
    must(c, convis_plan(other, convis_movie_shape(T, H + 1, W)));
    refused(c, CONVIS_ESHAPE, "the state of another model", convis_model_resume(other, path));
    convis_model_free(&other);

    convis_array x;                                      /* the arrays are there for others to read */
    char name[128];
    snprintf(name, sizeof name, "%s:arrays/cells.x", path);
    must(c, convis_array_read(c, name, &x));
    assert_true(x.dims == 1 && x.dim[0] == 3 && x.data[2] == 3.75);
    convis_array_free(&x);
    unlink(path);
    free(movie.data);
    recording_free(&first);
    recording_free(&rest);
    recording_free(&resumed);
    convis_model_free(&m);
    convis_model_free(&second);
    convis_recipe_free(&r);
    convis_recipe_free(&again);
}

static void saved_retina(void **state)
{
    (void)state;
    enum { W = 40, H = 36, T = 12 };
    convis_recipe *r = opened("primate");
    const char *path = file_named("retina.h5");
    must(c, convis_recipe_set(r, "opl.center.tau", "0.012"));
    convis_model *m = built(r, W, H);
    must_set(m, "bipolar", "leak", 7.5);
    convis_item item;
    double moved[4096];
    int64_t cells = 0;
    for (int k = 0; convis_list(m, CONVIS_PARAMETER, k, &item); k++)
        if (!strcmp(item.path, "ganglion_0.cells.x")) cells = item.count;
    assert_true(cells > 0 && cells < 4096);
    must(c, convis_get_array(m, "ganglion_0.cells.x", moved, cells));
    moved[0] += .25;
    must(c, convis_set_array(m, "ganglion_0.cells.x", moved, cells));
    recording a = said(m, T, W, H);
    must(c, convis_model_save(r, m, path, NULL, 0));
    convis_recipe *again = opened(path);
    assert_null(convis_recipe_parameters(again));
    expect(again, "bipolar.leak", "7.5");
    expect(again, "opl.center.tau", "0.012");
    convis_model *second = built(again, W, H);
    recording b = said(second, T, W, H);
    assert_same(&b, &a, "saved retina");
    convis_model *larger;
    refused(c, CONVIS_ESHAPE, "expected the size for which it was saved", convis_recipe_build(again, 2*W, 2*H, &larger));
    unlink(path);
    recording_free(&a);
    recording_free(&b);
    convis_model_free(&m);
    convis_model_free(&second);
    convis_recipe_free(&r);
    convis_recipe_free(&again);
}

/* What a retina's layers are set to becomes the settings from which it follows: as .h5, XML and YAML it is the same model to the last
 * bit, though sigmas say where arrays have their cells, too. */
static void fitted_retina(void **state)
{
    (void)state;
    enum { W = 48, H = 40, T = 30 };
    static const struct { const char *model, *set, *to, *path; double value; const char *setting, *is; } CASE[] = {
        { "primate", NULL, NULL, "opl.center.sigma", .034, "opl.center.sigma", "0.034" },
        { "primate", NULL, NULL, "opl.surround.sigma", .23, "cells.border", "auto" },        /* filled in below */
        { "primate", NULL, NULL, "opl.surround.gain", .9, "opl.surround.weight", "0.9" },
        { "primate", NULL, NULL, "ganglion_2.sigma", .3, "ganglion_2.pool.sigma", "0.3" },
        { "primate", NULL, NULL, "ganglion_2.rectify.threshold", .01, "ganglion_2.threshold", "0.01" },
        { "primate", NULL, NULL, "bipolar.feedback", 77, "bipolar.adaptation.amplification", "77" },
        { "primate", NULL, NULL, "bipolar.exponent", 2.5, "bipolar.adaptation.exponent", "2.5" },
        { "retina", NULL, NULL, "opl.center.gain", .0377, "bipolar", "on" },
        { "retina", "range", "1.7", "opl.center.gain", 1./3, "bipolar", "on" },
        { "retina", "opl.leaky_heat", "off", "opl.center.blur.sigma", .07, "opl.center.sigma", "0.07" },
        { "retina", NULL, NULL, "ganglion_1.spikes.sigma", .2, "ganglion_1.spikes.noise", "0.2" },
        { "retina", "ganglion_0.spikes.adaptation.tau", "0.1", "ganglion_0.spikes.delta", 5, "ganglion_0.spikes.adaptation.delta",
          "5" },
        { "linear", "opl", "luminance", "opl.nernst", .5, "opl.horizontal.nernst", "0.5" },
        { "retina", NULL, NULL, "opl.undershoot.weight", .6, "opl.undershoot.weight", "0.6" },
    };
    const char *path = file_named("fitted.h5");
    for (size_t k = 0; k < sizeof CASE/sizeof *CASE; k++) {
        convis_recipe *r = opened(CASE[k].model), *again, *forms[2];
        if (CASE[k].set) must(c, convis_recipe_set(r, CASE[k].set, CASE[k].to));
        convis_model *m = built(r, W, H);
        must(c, convis_set(m, CASE[k].path, CASE[k].value));
        recording a = said(m, T, W, H);
        must(c, convis_model_save(r, m, path, NULL, 0));
        again = opened(path);
        if (convis_recipe_parameters(again)) fail_msg("%s is no setting: %s", CASE[k].path, convis_recipe_parameters(again));
        if (strcmp(CASE[k].setting, "cells.border")) expect(again, CASE[k].setting, CASE[k].is);
        else {
            char border[64];
            must(c, convis_recipe_get(again, "cells.border", border, sizeof border));
            assert_string_not_equal(border, CASE[k].is);                     /* it stayed where it was */
        }
        char *xml, *yaml;
        must(c, convis_recipe_text(again, &xml));
        must(c, convis_recipe_yaml(again, &yaml));
        must(c, convis_recipe_read(c, "xml", xml, strlen(xml), &forms[0]));
        must(c, convis_recipe_read(c, "yaml", yaml, strlen(yaml), &forms[1]));
        for (int f = 0; f < 3; f++) {
            convis_recipe *form = f < 2 ? forms[f] : again;
            convis_model *n = built(form, W, H);
            recording b = said(n, T, W, H);
            assert_int_equal(a.outputs, b.outputs);
            assert_int_equal(a.spike_count, b.spike_count);
            assert_same(&a, &b, CASE[k].path);
            recording_free(&b);
            convis_model_free(&n);
            convis_recipe_free(&form);
        }
        convis_recipe_text_free(r, &xml);
        convis_recipe_text_free(r, &yaml);
        recording_free(&a);
        convis_model_free(&m);
        convis_recipe_free(&r);
    }
    unlink(path);
}

/* What no setting says stays beside them, in YAML as in .h5, of a model within too. */
static void kept_parameters(void **state)
{
    (void)state;
    enum { W = 40, H = 36, T = 12 };
    static const char *const TEXT[] = { "extends: primate\nset: {ganglions: 1}\n",
        "layers:\n  - {name: eye, model: primate, set: {ganglions: 1}}\n  - {name: more, type: scale, input: eye.opl}\n" };
    char path[96];
    strcpy(path, file_named("kept.h5"));                 /* which lasts longer */
    for (int k = 0; k < 2; k++) {
        char x[64], leak[64], substep[64];
        double moved[4096];
        int64_t cells = 0;
        convis_item item;
        convis_recipe *r = from_yaml(TEXT[k]), *again, *third;
        convis_model *m = built(r, W, H);
        snprintf(x, sizeof x, "%sganglion_0.cells.x", k ? "eye." : "");
        snprintf(leak, sizeof leak, "%sbipolar.leak", k ? "eye." : "");
        snprintf(substep, sizeof substep, "%sbipolar.substep", k ? "eye." : "");
        must(c, convis_set(m, leak, 7));
        must(c, convis_set(m, substep, .0005));
        for (int i = 0; convis_list(m, CONVIS_PARAMETER, i, &item); i++) if (!strcmp(item.path, x)) cells = item.count;
        assert_true(cells > 0 && cells < 4096);
        must(c, convis_get_array(m, x, moved, cells));
        moved[0] += .25;
        must(c, convis_set_array(m, x, moved, cells));
        recording a = said(m, T, W, H);
        must(c, convis_model_save(r, m, path, NULL, 0));
        again = opened(path);
        expect(again, leak, "7");
        char *yaml, *second;
        must(c, convis_recipe_yaml(again, &yaml));
        third = from_yaml(yaml);
        must(c, convis_recipe_yaml(third, &second));
        assert_string_equal(yaml, second);
        convis_model *n = built(third, W, H), *larger;
        recording b = said(n, T, W, H);
        assert_same(&b, &a, "kept");
        refused(c, CONVIS_ESHAPE, "expected the size for which it was saved", convis_recipe_build(third, 2*W, 2*H, &larger));
        must(c, convis_model_save(third, n, path, NULL, 0));                 /* and once more */
        convis_recipe_free(&again);
        again = opened(path);
        convis_model *o = built(again, W, H);
        recording e = said(o, T, W, H);
        assert_same(&e, &a, "kept twice");
        recording_free(&a);
        recording_free(&b);
        recording_free(&e);
        convis_recipe_text_free(r, &yaml);
        convis_recipe_text_free(r, &second);
        convis_model_free(&m);
        convis_model_free(&n);
        convis_model_free(&o);
        convis_recipe_free(&r);
        convis_recipe_free(&again);
        convis_recipe_free(&third);
    }
    unlink(path);
}

/* ---- Convis's parameter files ---- */

static double parameter(const convis_model *m, const char *path)
{
    double value;
    must(c, convis_get(m, path, &value));
    return value;
}

static void convis_files(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "opl_opl_filter_tau_center", "opl_opl_filter_center_E_tau", "opl_opl_filter_center_G_density",
        "opl_opl_filter_relative_weight", "bipolar_g_leak", "gang_1_input_i_0", "gang_0_spikes_noise_sigma", "bipolar_conv2d_weight" };
    static const double VALUES[][4] = { { .5 }, { .25 }, { .125 }, { .75 }, { 8 }, { 40 }, { .0625 }, { 1, 2, 3, 4 } };
    static const int COUNTS[] = { 1, 1, 1, 1, 1, 1, 1, 4 };
    const char *path = file_named("retina.npz");
    write_npz(path, NAMES, VALUES, COUNTS, 8);
    convis_recipe *r = opened("retina");
    convis_model *m = built(r, 20, 20);
    for (int way = 0; way < 2; way++) {
        if (!way) must(c, convis_parameters_load(m, path));
        else {
            convis_model_free(&m);
            must(c, convis_recipe_load_parameters(r, path));
            expect(r, "opl.center.tau", "0.25");
            m = built(r, 20, 20);
        }
        assert_true(parameter(m, "opl.center.tau") == .25);                 /* what was fitted, not what it was set to at first */
        assert_true(fabs(parameter(m, "opl.center.sigma") - 8/parameter(m, "opl.center.ppd")) < 1e-12);
        assert_true(parameter(m, "opl.surround.gain") == .75 && parameter(m, "bipolar.leak") == 8);
        assert_true(parameter(m, "ganglion_1.value_at_threshold") == 40 && parameter(m, "ganglion_0.spikes.sigma") == .0625);
    }
    assert_string_equal(convis_recipe_warning(r, 0) + strlen(path), ": 'bipolar_conv2d_weight' has no counterpart in this model");
    unlink(path);

    /* a fault in one, and nothing is set */
    static const char *const BAD[] = { "bipolar_g_leak", "gang_0_input_lambda_G" };
    static const double FAR[][4] = { { 9 }, { 1e30 } };
    write_npz(path, BAD, FAR, COUNTS, 2);
    refused(c, CONVIS_EINVAL, "gang_0_input_lambda_G: ganglion_0.amplification", convis_parameters_load(m, path));
    assert_true(parameter(m, "bipolar.leak") == 8);
    unlink(path);
    convis_model_free(&m);
    convis_recipe_free(&r);

    /* the same in a graph, through its aliases; delays of whole frames, by x and then y, become times */
    static const char *const OPL[] = { "opl_filter_center_G_density", "center_E_tau" };
    static const double DENSE[][4] = { { .5 }, { .0625 } };
    write_npz(path, OPL, DENSE, COUNTS, 2);
    r = opened("opl_recursive");
    must(c, convis_recipe_load_parameters(r, path));
    expect(r, "opl.center.blur.sigma", "0.2");           /* two pixels, of which a degree has ten */
    expect(r, "opl.center.tau", "0.0625");
    convis_recipe_free(&r);
    unlink(path);
    static const char *const DELAY[] = { "delay_delays" };
    static const double FRAMES[][4] = { { 1, 2.75, 4, 0 } };
    static const int FOUR[] = { 4 };
    write_npz(path, DELAY, FRAMES, FOUR, 1);
    r = opened("LNFDLNF");
    must(c, convis_recipe_set(r, "dt", "0.25"));
    must(c, convis_recipe_load_parameters(r, path));
    expect(r, "delay.delays", "0.25, 1, 0.5, 0");
    expect(r, "delay.longest", "1");
    convis_recipe_free(&r);
    unlink(path);
    static const int LINE[] = { 3 };
    write_npz(path, DELAY, FRAMES, LINE, 1);
    r = opened("LNFDLNF");
    refused(c, CONVIS_ESHAPE, "delay.delays: 1 x 3 values; Convis takes delays by x, then y, so it expects a square",
            convis_recipe_load_parameters(r, path));
    convis_recipe_free(&r);
    unlink(path);

    /* a graph takes what has the name of one of its paths */
    static const char *const MINE[] = { "a_b_tau", "sample_x", "sample_y" };
    static const double TAU[][4] = { { .5 }, { 1, 2, 3 }, { 3, 2, 1 } };
    static const int THREE[] = { 1, 3, 3 };
    write_npz(path, MINE, TAU, THREE, 3);
    r = from_yaml("layers:\n  - {name: a.b, type: lowpass}\n  - sample\n");
    m = built(r, 8, 8);
    must(c, convis_parameters_load(m, path));
    must(c, convis_recipe_load_parameters(r, path));
    expect(r, "a.b.tau", "0.5");
    expect(r, "sample.x", "1, 2, 3");
    double x[3];
    must(c, convis_get_array(m, "sample.y", x, 3));
    assert_true(x[0] == 3 && parameter(m, "a.b.tau") == .5);
    unlink(path);
    write_npz(path, BAD, FAR, COUNTS, 2);
    refused(c, CONVIS_ENAME, "none of its 2 arrays is a parameter of this model", convis_parameters_load(m, path));
    refused(c, CONVIS_ENAME, "none of its 2 arrays is a parameter of this model", convis_recipe_load_parameters(r, path));
    unlink(path);
    convis_model_free(&m);
    convis_recipe_free(&r);
}

/* ---- Memory ---- */

#define step(call) if (!status) status = (call)

/* Whatever needs memory here, once; it leaves nothing behind, whether it ends well or not. */
static convis_status story(convis_context *own, const char *yaml, const char *npz, const char *saved)
{
    convis_recipe *r = NULL, *again = NULL;
    convis_model *m = NULL;
    char *text = NULL, *built_text = NULL;
    convis_status status = convis_recipe_open(own, yaml, &r);
    step(convis_recipe_set(r, "cells.x", "1, 2, 3"));
    step(convis_recipe_add_parameters(r, "smooth.tau 0.02\ncells.x[3] 4\ncells.x[4] 4\n"));
    step(convis_recipe_set(r, "cells.x", "1, 2, 3"));
    step(convis_recipe_load_parameters(r, npz));
    step(convis_recipe_text(r, &text));
    step(convis_recipe_build(r, 12, 9, &m));
    step(convis_model_yaml(m, &built_text));
    step(convis_parameters_load(m, npz));
    step(convis_plan(m, convis_movie_shape(2, 9, 12)));
    step(convis_model_save(r, m, saved, &(convis_attachment){ "report", 't', "good", 0 }, 1));
    step(convis_recipe_open(own, saved, &again));
    step(convis_model_resume(m, saved));
    if (r) convis_recipe_text_free(r, &text);
    convis_model_yaml_free(m, &built_text);
    convis_model_free(&m);
    convis_recipe_free(&again);
    convis_recipe_free(&r);
    if (!status) status = convis_recipe_open(own, "LNLN", &r);
    step(convis_recipe_set(r, "filter_1.weights", "gaussian"));
    step(convis_recipe_set(r, "stages", "3"));
    convis_recipe_free(&r);
    return status;
}

/* The k-th request for memory fails, for every k until all succeed. */
static void no_memory(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "smooth_tau" };
    static const double VALUES[][4] = { { .5 } };
    static const int ONE[] = { 1 };
    const char *npz = file_named("memory.npz"), *saved = file_named("memory.h5");
    write_npz(npz, NAMES, VALUES, ONE, 1);
    int64_t k = 1;
    for (int failed = 1; failed; k++) {
        counter count = { .fail_at = k };
        convis_allocator memory = counting(&count);
        convis_context *own;
        convis_status status = convis_open_with(&own, "cpu", &memory);
        if (!status) status = story(own, CONVIS_TEST_DATA "/graph.yaml", npz, saved);
        failed = count.calls >= k;
        if (status && status != CONVIS_ENOMEM) fail_msg("request %d fails: %s", (int)k, convis_message(own));
        if (!failed) assert_int_equal(status, CONVIS_OK);
        convis_close(&own);
        if (count.live) fail_msg("request %d fails, and %d blocks are lost", (int)k, (int)count.live);
    }
    assert_true(k > 60);
    unlink(npz);
    unlink(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(designs), cmocka_unit_test(options), cmocka_unit_test(sizes_of_arrays), cmocka_unit_test(tuning),
        cmocka_unit_test(four_opls),
        cmocka_unit_test(saved_graph), cmocka_unit_test(saved_retina), cmocka_unit_test(fitted_retina),
        cmocka_unit_test(kept_parameters), cmocka_unit_test(convis_files), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
