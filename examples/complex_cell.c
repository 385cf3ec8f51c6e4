/* complex_cell.c - a simple and a complex cell of the primary visual cortex, and what they prefer.
 *
 *      complex_cell [FIGURE.png]
 *
 * Two Gabors a quarter of a cycle apart see the same patch. One of them, rectified and squared, is a simple cell: it answers when
 * the stripes of a grating lie where its own do. The squares of both, summed, are the energy of the grating wherever its stripes
 * lie: a complex cell (Adelson and Bergen 1985). Gratings drift past in all directions; printed and drawn is how much each cell
 * answers on average, and printed how much that answer follows the stripes (F1/F0: 0 not at all, above 1 for a simple cell). */
#include <convis/io.h>
#include <convis/layer.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 32, KERNEL = 20, STEPS = 200, ONSET = 50, DIRECTIONS = 36, CELLS = 2 };
static const double DT = 0.005, TEMPORAL_FREQUENCY = 4;  /* s, Hz: the 150 frames after the onset are three cycles */
static const char *const PATH[CELLS] = { "complex", "simple" };

#define TRY(call) if (call) goto failed

static const convis_layer_type *layer(const char *name)
{
    const convis_layer_type *const *type = convis_layer_types();
    while (*type && strcmp((*type)->name, name)) type++;
    return *type;
}

/* Whatever goes wrong while a model is built is reported by convis_plan. */
static void build(convis_model *m)
{
    convis_node contrast = convis_add(m, layer("scale"), "contrast", convis_input(m));
    convis_node gabors = convis_add(m, layer("conv"), "gabors", contrast);
    convis_node energy = convis_add(m, layer("square"), "energy", gabors);
    convis_add(m, layer("conv"), "complex", energy);
    convis_node first = convis_add(m, layer("select"), "even", gabors);
    convis_node above = convis_add(m, layer("relu"), "above", first);
    convis_add(m, layer("square"), "simple", above);

    convis_set(m, "contrast.gain", 1/127.5);             /* 0..255 becomes -1..1 */
    convis_set(m, "contrast.offset", -1);
    convis_set(m, "gabors.channels", 2);
    convis_set(m, "gabors.frames", KERNEL);
    convis_set(m, "gabors.height", SIZE);
    convis_set(m, "gabors.width", SIZE);
    convis_set(m, "gabors.padding", 3);                  /* none: one pixel comes out */
    convis_set_initialiser(m, "gabors.weights",
                           "gabor?ppd=10&sigma=0.4&frequency=1&orientation=30&phase_step=90&tau=0.03&n=3&normalize=norm");
    convis_set_initialiser(m, "complex.weights", "constant?value=1");         /* the sum of both channels */
}

/* Mean response after the onset, and F1/F0: amplitude at the grating's own frequency, over the mean. */
static void measure(convis_tensor out, double *mean, double *modulation)
{
    const double turn = 2*3.14159265358979323846*TEMPORAL_FREQUENCY*DT;
    double sum = 0, re = 0, im = 0;
    for (int t = ONSET; t < STEPS; t++) {
        const double y = out.data[t*out.stride[CONVIS_T]];
        sum += y;
        re += y*cos(turn*t);
        im += y*sin(turn*t);
    }
    *mean = sum/(STEPS - ONSET);
    *modulation = sum > 0 ? 2*hypot(re, im)/sum : 0;
}

/* One grating, from a grey screen on. */
static convis_status show(convis_context *c, convis_model *m, double direction, convis_real *frames, double *mean,
                          double *modulation)
{
    char name[128];
    convis_movie *movie = NULL;
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    convis_tensor out;
    int64_t got;
    o.dt = DT;
    o.ppd = 10;
    o.width = o.height = SIZE;
    snprintf(name, sizeof name, "stim:grating?direction=%g&sf=1&tf=%g&contrast=0.5&duration=%g", direction, TEMPORAL_FREQUENCY,
             STEPS*DT);
    convis_status status = convis_movie_open(c, name, &o, &movie);
    if (!status) status = convis_movie_read(movie, frames, STEPS, &got);
    convis_movie_close(&movie);
    if (!status) status = convis_reset(m);
    if (!status) status = convis_run(m, convis_view(frames, convis_movie_shape(STEPS, SIZE, SIZE)));
    for (int k = 0; k < CELLS && !status; k++)
        if (!(status = convis_output(m, PATH[k], &out))) measure(out, mean + k, modulation + k);
    return status;
}

/* Rows of direction and responses, into FIGURE.png.npy, and from there the figure. */
static convis_status draw(convis_context *c, const char *figure, double rows[DIRECTIONS][1 + CELLS])
{
    char file[4096];
    convis_map_writer *w;
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    const convis_shape row = convis_movie_shape(1, 1, 1 + CELLS);
    snprintf(file, sizeof file, "%.4000s.npy", figure);
    convis_status status = convis_map_writer_open(c, file, "tuning", row, NULL, &w);
    if (status) return status;
    for (int k = 0; k < DIRECTIONS && !status; k++) {
        convis_real values[1 + CELLS];
        for (int j = 0; j <= CELLS; j++) values[j] = (convis_real)rows[k][j];
        status = convis_map_writer_write(w, convis_view(values, row));
    }
    convis_status closed = convis_map_writer_close(&w, !status);
    if (status || closed) return status ? status : closed;
    o.kind = "tuning";
    o.title = "a complex and a simple cell";
    o.labels = "complex,simple";
    return convis_plot(c, file, figure, &o);
}

int main(int argc, char **argv)
{
    const char *figure = argc > 1 ? argv[1] : "complex_cell.png";
    static convis_real frames[STEPS*SIZE*SIZE];
    double rows[DIRECTIONS][1 + CELLS], modulation[CELLS];
    convis_context *c = NULL;
    convis_model *m = NULL;
    int status = 1;
    if (argc > 2) { fputs("usage: complex_cell [FIGURE.png]\n", stderr); return 2; }

    TRY(convis_open(&c, "auto"));
    TRY(convis_model_new(c, DT, &m));
    build(m);
    for (int k = 0; k < CELLS; k++) TRY(convis_probe(m, PATH[k]));
    TRY(convis_baseline(m, 127.5));
    TRY(convis_plan(m, convis_movie_shape(STEPS, SIZE, SIZE)));

    printf("degrees    complex  F1/F0    simple  F1/F0\n");
    for (int k = 0; k < DIRECTIONS; k++) {
        rows[k][0] = 360.*k/DIRECTIONS;
        TRY(show(c, m, rows[k][0], frames, rows[k] + 1, modulation));
        printf("%7.0f  %9.4f   %.2f  %8.4f   %.2f\n", rows[k][0], rows[k][1], modulation[0], rows[k][2], modulation[1]);
    }
    TRY(draw(c, figure, rows));
    printf("%s\n", figure);
    status = 0;
    goto done;

failed:
    fprintf(stderr, "%s\n", convis_message(c));
done:
    convis_model_free(&m);
    convis_close(&c);
    return status;
}
