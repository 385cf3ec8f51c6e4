/* test_figure.c - figures of every kind and format, names that would harm a shell, and what happens when things are missing. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "failing_allocator.h"
#include <convis/io.h>
#include <dirent.h>
#include "commas.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static convis_context *c;
static char folder[] = "/tmp/convis-test-figure-XXXXXX";
static int gnuplot;                      /* there is one to draw with */

enum { CELLS = 50, STEPS = 40, WIDTH = 12, HEIGHT = 9 };

/* ---- Files to draw: all in one folder, which is the working directory ---- */

static void must(convis_status s) { if (s) fail_msg("%s", convis_message(c)); }

static convis_provenance origin = { .dt = 0.001 };

static void write_spikes(const char *file, const convis_cell *units, int cells, int per_cell)
{
    convis_spike_writer *w;
    must(convis_spike_writer_open(c, file, units, cells, &origin, &w));
    for (int k = 0; k < cells*per_cell; k++) {
        convis_spike s = { 0.1*k/(cells*per_cell), units[k*7%cells].id, units[k*7%cells].layer };
        must(convis_spike_writer_write(w, &s, 1));
    }
    must(convis_spike_writer_close(&w, 0.1, 1));
}

static void write_map(const char *file, double low, double high)
{
    convis_map_writer *w;
    must(convis_map_writer_open(c, file, "opl", convis_movie_shape(1, HEIGHT, WIDTH), &origin, &w));
    for (int t = 0; t < STEPS; t++) {
        convis_real frame[HEIGHT*WIDTH];
        for (int i = 0; i < HEIGHT*WIDTH; i++) frame[i] = (convis_real)(low + (high - low)*(.5 + .5*sin(.3*i + .4*t*(i%5))));
        must(convis_map_writer_write(w, convis_view(frame, convis_movie_shape(1, HEIGHT, WIDTH))));
    }
    must(convis_map_writer_close(&w, 1));
}

static int start(void **state)
{
    (void)state;
    convis_cell units[CELLS];
    if (convis_open(&c, "cpu") || !mkdtemp(folder) || chdir(folder) || mkdir("scratch", 0700) || setenv("TMPDIR", "scratch", 1))
        return 1;
    for (int k = 0; k < CELLS; k++) units[k] = (convis_cell){ k, k%2, .1*(k/2%5), .1*(k/10) };
    write_spikes("s.h5", units, CELLS, 6);
    write_spikes("s.npz", units, CELLS, 6);
    write_spikes("s.npy", units, CELLS, 6);
    write_spikes("s.csv", units, CELLS, 6);
    write_spikes("s.spk", units, CELLS, 6);
    write_spikes("silent.h5", units, CELLS, 0);
    must(convis_cells_write(c, "u.txt", units, CELLS));
    write_map("signed.npy", -1, 2);
    write_map("rate.npy", 0, 80);
    write_map("flat.npy", 3, 3);
    write_map("map.h5", -1, 1);
    gnuplot = !system("gnuplot --version > /dev/null 2>&1");
    return 0;
}

static int end(void **state)
{
    (void)state;
    convis_close(&c);
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return chdir("/") || system(command);
}

static int files_in(const char *path)
{
    DIR *d = opendir(path);
    int count = 0;
    for (struct dirent *e; d && (e = readdir(d)); ) count += e->d_name[0] != '.';
    if (d) closedir(d);
    return d ? count : -1;
}

static int begins(const char *file, const char *text)
{
    char head[64] = { 0 };
    FILE *f = fopen(file, "rb");
    if (!f) return 0;
    size_t got = fread(head, 1, sizeof head - 1, f);
    fclose(f);
    return got >= strlen(text) && !memcmp(head, text, strlen(text));
}

static const char PNG[] = "\x89PNG\r\n\x1a\n";

static void png_size(const char *file, unsigned *width, unsigned *height)
{
    unsigned char h[24] = { 0 };
    FILE *f = fopen(file, "rb");
    assert_non_null(f);
    assert_int_equal(fread(h, 1, sizeof h, f), sizeof h);
    fclose(f);
    *width = h[16] << 24 | h[17] << 16 | h[18] << 8 | h[19];
    *height = h[20] << 24 | h[21] << 16 | h[22] << 8 | h[23];
}

/* ---- Drawing ---- */

static void every_kind_in_every_format(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    static const struct { const char *file, *kind, *name; } CASES[] = {
        { "s.h5", NULL, NULL }, { "s.npz", NULL, NULL }, { "s.npy", NULL, NULL }, { "s.csv", NULL, NULL }, { "s.spk", NULL, NULL }, { "silent.h5", NULL, NULL },
        { "s.h5", "mosaic", NULL }, { "s.npz", "mosaic", NULL }, { "silent.h5", "mosaic", NULL }, { "u.txt", NULL, NULL },
        { "signed.npy", NULL, NULL }, { "rate.npy", NULL, NULL }, { "flat.npy", NULL, NULL }, { "map.h5", NULL, NULL },
        { "map.h5", NULL, "opl" }, { "map.h5", "traces", "probes/opl" }, { "map.h5:probes/opl", "traces", NULL }, { "signed.npy", "traces", NULL } };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        convis_plot_options o = CONVIS_PLOT_DEFAULTS;
        o.kind = CASES[k].kind;
        o.name = CASES[k].name;
        must(convis_plot(c, CASES[k].file, "f.png", &o));
        assert_true(begins("f.png", PNG));
        must(convis_plot(c, CASES[k].file, "f.SVG", &o));
        assert_true(begins("f.SVG", "<?xml"));
        must(convis_plot(c, CASES[k].file, "f.pdf", &o));
        assert_true(begins("f.pdf", "%PDF"));
        remove("f.png");
        remove("f.SVG");
        remove("f.pdf");
    }
    assert_int_equal(files_in("scratch"), 0);            /* nothing stays behind */
}

static void options_are_used(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    unsigned width, height;
    o.width = 900;
    o.height = 500;
    o.from = 0.02;
    o.to = 0.08;
    must(convis_plot(c, "s.h5", "f.png", &o));
    png_size("f.png", &width, &height);
    assert_int_equal(width, 900);
    assert_int_equal(height, 500);
    o = (convis_plot_options)CONVIS_PLOT_DEFAULTS;
    o.pixels = "0,0 11,8 3,4";
    o.dt = 0.001;
    o.from = 0.01;
    must(convis_plot(c, "signed.npy", "f.png", &o));
    remove("f.png");
}

/* The data that is written is the data that was drawn, and the script draws it. */
static void the_script_draws_it_again(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    o.keep_script = 1;
    o.kind = "traces";
    o.pixels = "2,1";
    o.dt = 0.001;
    must(convis_plot(c, "signed.npy", "kept.png", &o));
    assert_int_equal(files_in("kept.plot"), 2);
    assert_int_equal(system("cd kept.plot && gnuplot figure.gp 2> /dev/null"), 0);
    assert_int_equal(system("cmp -s kept.png kept.plot/figure.png"), 0);
    FILE *f = fopen("kept.plot/traces.dat", "r");
    char line[128];
    double time, value;
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    for (int t = 0; t < STEPS; t++) {
        const int i = 1*WIDTH + 2;
        assert_int_equal(fscanf(f, "%lf %lf", &time, &value), 2);
        assert_float_equal(time, t, 1e-5);               /* ms */
        assert_float_equal(value, -1 + 3*(.5 + .5*sin(.3*i + .4*t*(i%5))), 1e-5);
    }
    fclose(f);
    assert_int_equal(system("rm -r kept.png kept.plot"), 0);
}

/* Rates in the data are spikes per second and cell: 6 spikes of every cell in 0.1 s. */
static void rates_are_rates(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    o.keep_script = 1;
    must(convis_plot(c, "s.h5", "kept.png", &o));
    FILE *f = fopen("kept.plot/rate.dat", "r");
    char line[128];
    double time, on, off, sum_on = 0, sum_off = 0;
    int count = 0;
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    for (; fscanf(f, "%lf %lf %lf", &time, &on, &off) == 3; count++) sum_on += on, sum_off += off;
    fclose(f);
    assert_float_equal(sum_on/count, 60, 1);
    assert_float_equal(sum_off/count, 60, 1);
    assert_int_equal(system("rm -r kept.png kept.plot"), 0);
}

/* ---- Kernels and tuning curves ---- */

static double element(int m, int t, int y, int x) { return sin(1 + m + .7*t + .3*y*x)*(m == 1 && t == 3 && y == 2 && x == 4 ? 9 : 1); }

/* (maps, T, Y, X), the frames of each pixel a wave, one element far larger than all others. */
static void write_kernel(const char *file, int maps, int frames, int height, int width)
{
    convis_map_writer *w;
    convis_shape shape = { { 1, maps, 1, height, width } };
    convis_real values[4096];
    must(convis_map_writer_open(c, file, "kernel", shape, &origin, &w));
    for (int t = 0; t < frames; t++) {
        for (int i = 0; i < maps*height*width; i++)
            values[i] = (convis_real)element(i/(height*width), t, i/width%height, i%width);
        must(convis_map_writer_write(w, convis_view(values, shape)));
    }
    must(convis_map_writer_close(&w, 1));
}

static void kernels_of_every_shape(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    static const struct { const char *file; int maps, frames, height, width; } CASES[] = {
        { "k.npy", 1, 7, 9, 12 }, { "k.npz", 1, 23, 9, 12 }, { "k.h5", 3, 7, 9, 12 }, { "k.npy", 9, 12, 5, 5 }, { "k.npy", 1, 30, 1, 1 },
        { "k.npy", 1, 8, 1, 20 }, { "k.npy", 2, 8, 20, 1 }, { "k.npy", 4, 1, 9, 9 }, { "k.npy", 1, 1, 1, 1 }, { "k.npy", 1, 5, 40, 3 } };
    for (size_t k = 0; k < sizeof CASES/sizeof *CASES; k++) {
        convis_plot_options o = CONVIS_PLOT_DEFAULTS;
        write_kernel(CASES[k].file, CASES[k].maps, CASES[k].frames, CASES[k].height, CASES[k].width);
        o.kind = "kernel";
        o.name = strcmp(CASES[k].file, "k.npy") ? "kernel" : NULL;
        for (int j = 0; j < 3; j++) {
            static const char *const FIGURES[] = { "f.png", "f.svg", "f.pdf" };
            o.dt = j ? 0.01 : 0;
            o.title = j ? "a kernel" : NULL;
            o.height = j == 2 ? 300 : 0;
            must(convis_plot(c, CASES[k].file, FIGURES[j], &o));
            assert_true(begins(FIGURES[j], j == 0 ? PNG : j == 1 ? "<?xml" : "%PDF"));
            remove(FIGURES[j]);
        }
        remove(CASES[k].file);
    }
    assert_int_equal(files_in("scratch"), 0);
}

/* What is drawn of it: the course of each map's strongest pixel, and the profile through the strongest of all. */
static void a_kernel_is_drawn_where_it_is_strong(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    char line[128];
    double lag, one, other;
    int place;
    write_kernel("k.npy", 2, 7, 5, 6);
    o.kind = "kernel";
    o.keep_script = 1;
    o.dt = 0.01;
    must(convis_plot(c, "k.npy", "kept.png", &o));
    FILE *f = fopen("kept.plot/course.dat", "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    for (int t = 0; t < 7; t++) {
        assert_int_equal(fscanf(f, "%lf %lf %lf", &lag, &one, &other), 3);
        assert_float_equal(lag, 10*(t - 6), 1e-5);       /* ms before the present */
        assert_float_equal(other, element(1, t, 2, 4), 1e-5);
    }
    fclose(f);
    f = fopen("kept.plot/profile.dat", "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    for (int x = 0; x < 6; x++) {
        assert_int_equal(fscanf(f, "%d %lf", &place, &one), 2);
        assert_int_equal(place, x - 4);
        assert_float_equal(one, element(1, 3, 2, x), 1e-5);
    }
    for (int y = 0; y < 5; y++) {
        assert_int_equal(fscanf(f, "%d %lf", &place, &one), 2);
        assert_int_equal(place, y - 2);
        assert_float_equal(one, element(1, 3, y, 4), 1e-5);
    }
    fclose(f);
    assert_int_equal(system("rm -r kept.png kept.plot k.npy"), 0);
}

/* Trials that are written as if they were cells are called trials; no name is a command. */
static void rows_have_a_name(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    static const char *const ROWS[] = { NULL, "trial", "it's `touch harm`" }, *const EXPECTED[] = {
        "grep -q '\"25 cells\"' kept.plot/figure.gp",
        "grep -q '\"25 trials\"' kept.plot/figure.gp "
        "&& grep -q 'per trial\"' kept.plot/figure.gp && ! grep -q cell kept.plot/figure.gp",
        "test ! -e harm"
    };
    for (int k = 0; k < 3; k++) {
        convis_plot_options o = CONVIS_PLOT_DEFAULTS;
        o.kind = "raster";
        o.rows = ROWS[k];
        o.keep_script = 1;
        must(convis_plot(c, "s.h5", "kept.png", &o));
        if (system(EXPECTED[k])) fail_msg("%s", EXPECTED[k]);
        assert_int_equal(system("rm -r kept.png kept.plot"), 0);
    }
}

static void tuning_curves(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    convis_map_writer *w;
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    o.kind = "tuning";
    o.labels = "it's,`touch harm`";
    o.keep_script = 1;
    for (int round = 0; round < 2; round++) {
        must(convis_map_writer_open(c, "t.npy", "tuning", convis_movie_shape(1, 1, 3), &origin, &w));
        for (int k = 0; k < 12; k++) {
            convis_real row[] = { (convis_real)((round ? 30 : 3)*k), (convis_real)(k%5), (convis_real)(2 - k) };
            must(convis_map_writer_write(w, convis_view(row, convis_movie_shape(1, 1, 3))));
        }
        must(convis_map_writer_close(&w, 1));
        must(convis_plot(c, "t.npy", "kept.png", &o));
        assert_true(begins("kept.png", PNG));
        assert_int_equal(files_in("kept.plot"), round ? 3 : 2);          /* directions that do not go round have no polar curve */
        if (round) {
            FILE *f = fopen("kept.plot/polar.dat", "r");
            char line[128];
            double right, up;
            assert_non_null(f);
            assert_non_null(fgets(line, sizeof line, f));
            for (int k = 0; k <= 12; k++) {                              /* closed; 90 degrees are down */
                assert_int_equal(fscanf(f, "%lf %lf", &right, &up), 2);
                assert_float_equal(right, (k%12%5)*cos(30*k*3.14159265358979/180), 1e-5);
                assert_float_equal(up, -(k%12%5)*sin(30*k*3.14159265358979/180), 1e-5);
            }
            fclose(f);
        }
        assert_int_equal(system("rm -r kept.png kept.plot t.npy"), 0);
    }
    assert_int_not_equal(access("harm", F_OK), 0);
    assert_int_equal(files_in("scratch"), 0);
}

static void names_are_never_commands(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    static const char *const NAMES[] = { "it's.png", "a b.png", "$(touch harm).png", "`touch harm`.png", "-e.png", "x;touch harm;.png",
        "'.png", "q\".png", "new\nline.png", "%s%n.png", "'; system('touch harm'); '.png" };
    for (size_t k = 0; k < sizeof NAMES/sizeof *NAMES; k++) {
        convis_plot_options o = CONVIS_PLOT_DEFAULTS;
        o.title = NAMES[k];
        o.keep_script = k%2 == 0;
        must(convis_plot(c, "signed.npy", NAMES[k], &o));
        assert_true(begins(NAMES[k], PNG));
        /* Of the same name, what is drawn: the label is made of it. */
        char copy[128];
        snprintf(copy, sizeof copy, "%.*s.npy", (int)(strlen(NAMES[k]) - 4), NAMES[k]);
        assert_int_equal(rename("signed.npy", copy), 0);
        must(convis_plot(c, copy, "f.png", &o));
        assert_int_equal(rename(copy, "signed.npy"), 0);
        assert_int_not_equal(access("harm", F_OK), 0);
    }
    remove("f.png");
    assert_int_equal(files_in("scratch"), 0);
}

/* gnuplot reads all digits behind a backslash as one number: what follows an escaped letter must not be a digit. */
static void a_title_is_drawn_as_it_is(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    char line[512] = "";
    o.title = "x=30, 45\302\2602";
    must(convis_plot(c, "signed.npy", "f.svg", &o));
    FILE *f = fopen("f.svg", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) && !strstr(line, "x=30, 45\302\2602")) {}
    assert_false(feof(f));
    fclose(f);
    remove("f.svg");
}

static void a_comma_for_a_point_does_no_harm(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    if (!with_commas(LC_NUMERIC)) skip();
    convis_status s = convis_plot(c, "s.h5", "f.png", NULL);
    setlocale(LC_NUMERIC, "C");
    must(s);
    remove("f.png");
}

/* Thousands of cells become a share of them, the same every time. */
static void crowds_are_thinned(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    enum { MANY = 3000 };
    convis_cell *units = malloc(MANY*sizeof *units);
    for (int k = 0; k < MANY; k++) units[k] = (convis_cell){ k, k >= 1000, .01*(k%60), .01*(k/60) };
    write_spikes("many.csv", units, MANY, 2);
    free(units);
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    o.keep_script = 1;
    must(convis_plot(c, "many.csv", "a.svg", &o));
    must(convis_plot(c, "many.csv", "b.svg", &o));
    assert_int_equal(system("cmp -s a.plot/spikes.dat b.plot/spikes.dat"), 0);
    struct stat s;
    assert_int_equal(stat("a.plot/spikes.dat", &s), 0);
    assert_in_range(s.st_size, 3000, 12000);             /* 500 of 6000 spikes */
    assert_int_equal(system("rm -r a.svg b.svg a.plot b.plot many.csv"), 0);

    /* A layer of few cells is not lost among many. */
    units = malloc(MANY*sizeof *units);
    for (int k = 0; k < MANY; k++) units[k] = (convis_cell){ k, k < 20, .01*(k%60), .01*(k/60) };
    write_spikes("many.h5", units, MANY, 2);
    free(units);
    must(convis_plot(c, "many.h5", "a.svg", &o));
    assert_int_equal(system("test $(sed -n '/^# layer 1/,$p' a.plot/spikes.dat | grep -c '^[0-9]') -eq 40"), 0);
    assert_int_equal(system("rm -r a.svg a.plot many.h5"), 0);
}

/* ---- Refusals ---- */

static void refuse(const char *file, const char *figure, convis_plot_options o, convis_status status, const char *sentence)
{
    assert_int_equal(convis_plot(c, file, figure, &o), status);
    if (!strstr(convis_message(c), sentence)) fail_msg("'%s' does not say '%s'", convis_message(c), sentence);
    assert_int_not_equal(access(figure, F_OK), 0);
    assert_int_equal(files_in("scratch"), 0);
}
#define WITH(...) (convis_plot_options){ __VA_ARGS__ }

static void bad_input_gets_a_sentence(void **state)
{
    (void)state;
    refuse("s.h5", "f.jpg", WITH(0), CONVIS_ENOTSUP, "f.jpg: figures are .png, .svg or .pdf");
    refuse("s.h5", "f.png", WITH(.kind = "pie"), CONVIS_ENAME,
           "kind of figure 'pie': expected raster, maps, traces, mosaic, kernel, tuning, "
           "prediction or nonlinearity");
    refuse("signed.npy", "f.png", WITH(.kind = "tuning"), CONVIS_ESHAPE,
           "signed.npy: expected two rows or more, each a direction");
    refuse("s.h5", "f.png", WITH(.from = 2, .to = 1), CONVIS_EINVAL, "figure from 2 s to 1 s: expected 0 <= from < to");
    refuse("s.h5", "f.png", WITH(.from = NAN), CONVIS_EINVAL, "expected 0 <= from < to");
    refuse("s.h5", "f.png", WITH(.width = 10), CONVIS_EINVAL, "figure of 10 pixels width: expected 200 to 20000");
    refuse("s.spk", "f.png", WITH(.kind = "mosaic"), CONVIS_EFORMAT, "s.spk: it does not say where the cells are");
    refuse("u.txt", "f.png", WITH(.kind = "raster"), CONVIS_EFORMAT, "u.txt: a list of cells, expected spikes");
    refuse("signed.npy", "f.png", WITH(.pixels = "1"), CONVIS_EINVAL, "pixels '1': expected x,y x,y ...");
    refuse("signed.npy", "f.png", WITH(.pixels = "1,2x"), CONVIS_EINVAL, "pixels '1,2x': expected x,y x,y ...");
    refuse("signed.npy", "f.png", WITH(.pixels = "1,"), CONVIS_EINVAL, "pixels '1,': expected x,y x,y ...");
    refuse("signed.npy", "f.png", WITH(.pixels = " "), CONVIS_EINVAL, "pixels ' ': expected x,y x,y ...");
    refuse("signed.npy", "f.png", WITH(.pixels = "12,0"), CONVIS_EINVAL, "signed.npy: pixel 12,0 is outside the map of 12 x 9");
    refuse("signed.npy", "f.png", WITH(.pixels = "0,0 1,0 2,0 3,0 4,0 5,0 6,0 7,0 8,0"), CONVIS_EINVAL, "at most 8");
    refuse("signed.npy", "f.png", WITH(.to = 1), CONVIS_EINVAL, "the file does not say how long a frame lasts");
    refuse("signed.npy", "f.png", WITH(.from = 1, .dt = .001), CONVIS_EINVAL, "nothing after 1 s, it ends at 0.04 s");
    refuse("map.h5", "f.png", WITH(.name = "none"), CONVIS_ENAME, "map.h5");
    refuse("none.npy", "f.png", WITH(0), CONVIS_EIO, "none.npy");
    refuse("-", "f.png", WITH(0), CONVIS_ENOTSUP, "not standard input");
    refuse("s.h5", "no/such/f.png", WITH(0), gnuplot ? CONVIS_EIO : CONVIS_ENOTSUP, gnuplot ? "no/such" : "gnuplot");
}

/* Whatever fails, a figure that was there stays. */
static void a_good_figure_is_not_replaced(void **state)
{
    (void)state;
    FILE *f = fopen("good.png", "w");
    fputs("precious", f);
    fclose(f);
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    assert_int_equal(convis_plot(c, "s.h5", "good.png", NULL), CONVIS_ENOTSUP);
    assert_non_null(strstr(convis_message(c), "gnuplot was not found"));
    assert_non_null(strstr(convis_message(c), "apt install gnuplot-nox"));

    /* A gnuplot that fails: its complaint is in the sentence. */
    f = fopen("gnuplot", "w");
    fputs("#!/bin/sh\necho '\"figure.gp\" line 7: undefined variable: mood' >&2\nexit 1\n", f);
    fclose(f);
    chmod("gnuplot", 0700);
    setenv("PATH", folder, 1);
    assert_int_equal(convis_plot(c, "s.h5", "good.png", NULL), CONVIS_EIO);
    assert_string_equal(convis_message(c), "gnuplot failed: undefined variable: mood");
    setenv("PATH", path, 1);
    free(path);
    remove("gnuplot");
    assert_true(begins("good.png", "precious"));
    assert_int_equal(files_in("scratch"), 0);
    remove("good.png");

    setenv("TMPDIR", "missing", 1);
    assert_int_equal(convis_plot(c, "s.h5", "good.png", NULL), CONVIS_EIO);
    assert_non_null(strstr(convis_message(c), "missing: no folder for temporary files"));
    setenv("TMPDIR", "scratch", 1);
}

/* ---- The k-th allocation fails ---- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    if (!gnuplot) skip();
    static const struct {
        const char *file, *kind;
    } CASES[] = { { "s.h5", "raster" }, { "s.npz", "mosaic" }, { "signed.npy", "maps" }, { "signed.npy", "traces" } };
    convis_context *before = c;
    for (int n = 0; n < 4; n++) {
        convis_status s = CONVIS_ENOMEM;
        int k = 1;
        for (; s && k < 1000; k++) {
            convis_plot_options o = CONVIS_PLOT_DEFAULTS;
            failing_allocator m = { k, 0 };
            o.kind = CASES[n].kind;
            if (convis_open_with(&c, "cpu", &(convis_allocator){ obtain, release, &m })) continue;
            s = convis_plot(c, CASES[n].file, "f.png", &o);
            assert_int_equal(!access("f.png", F_OK), !s);
            convis_close(&c);
            assert_int_equal(m.held, 0);
            assert_int_equal(files_in("scratch"), 0);
        }
        assert_int_equal(s, CONVIS_OK);
        remove("f.png");
    }
    c = before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_in_every_format),
        cmocka_unit_test(options_are_used),
        cmocka_unit_test(the_script_draws_it_again),
        cmocka_unit_test(rates_are_rates),
        cmocka_unit_test(kernels_of_every_shape),
        cmocka_unit_test(a_kernel_is_drawn_where_it_is_strong),
        cmocka_unit_test(rows_have_a_name),
        cmocka_unit_test(tuning_curves),
        cmocka_unit_test(names_are_never_commands),
        cmocka_unit_test(a_title_is_drawn_as_it_is),
        cmocka_unit_test(a_comma_for_a_point_does_no_harm),
        cmocka_unit_test(crowds_are_thinned),
        cmocka_unit_test(bad_input_gets_a_sentence),
        cmocka_unit_test(a_good_figure_is_not_replaced),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, start, end);
}
