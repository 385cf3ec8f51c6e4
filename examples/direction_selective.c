/* direction_selective.c - a motion detector of two arms, and the directions it prefers.
 *
 *      direction_selective [FIGURE.png]
 *
 * Light is compared at two places side by side. Each place's signal is multiplied with the other's, which was delayed by a low
 * pass: what moves to the right arrives at the left place first, and its delayed signal coincides with that of the right place. The
 * product of one arm minus that of the other is direction selective (Hassenstein and Reichardt 1956); their sum tells that
 * something moves, but not whereto. Gratings drift past in all directions; printed and drawn is the mean of both. */
#include <convis/io.h>
#include <convis/layer.h>
#include <stdio.h>
#include <string.h>

enum { SIZE = 32, STEPS = 300, ONSET = 100, DIRECTIONS = 36, CELLS = 2 };
static const double DT = 0.005;                          /* s: the 200 frames after the onset are four cycles of 4 Hz */
static const char *const PATH[CELLS] = { "motion", "flicker" };

#define TRY(call) if (call) goto failed

static const convis_layer_type *layer(const char *name)
{
    const convis_layer_type *const *type = convis_layer_types();
    while (*type && strcmp((*type)->name, name)) type++;
    return *type;
}

static convis_node join(convis_model *m, const char *type, const char *name, convis_node a, convis_node b)
{
    const convis_edge in[] = { { a, 0 }, { b, 0 } };
    return convis_join(m, layer(type), name, in, 2);
}

/* A place of the image, seen through a small blur; whole maps of them, as the detectors lie everywhere. */
static convis_node place(convis_model *m, const char *name, convis_node in, const char *kernel)
{
    char path[64];
    const convis_node node = convis_add(m, layer("conv"), name, in);
    snprintf(path, sizeof path, "%s.height", name);
    convis_set(m, path, 9);
    snprintf(path, sizeof path, "%s.width", name);
    convis_set(m, path, 9);
    snprintf(path, sizeof path, "%s.weights", name);
    convis_set_initialiser(m, path, kernel);
    return node;
}

/* Whatever goes wrong while a model is built is reported by convis_plan. */
static void build(convis_model *m)
{
    convis_node contrast = convis_add(m, layer("scale"), "contrast", convis_input(m));
    convis_node left  = place(m, "left",  contrast, "gaussian?sigma=1&x=-1");        /* pixels: a place of 0.1 degrees to the left */
    convis_node right = place(m, "right", contrast, "gaussian?sigma=1&x=1");
    convis_node left_late  = convis_add(m, layer("lowpass"), "left.late",  left);
    convis_node right_late = convis_add(m, layer("lowpass"), "right.late", right);
    convis_node rightwards = join(m, "product", "rightwards", left_late, right);
    convis_node leftwards  = join(m, "product", "leftwards",  right_late, left);
    join(m, "difference", "motion", rightwards, leftwards);
    join(m, "sum", "flicker", rightwards, leftwards);

    convis_set(m, "contrast.gain", 1/127.5);             /* 0..255 becomes -1..1 */
    convis_set(m, "contrast.offset", -1);
    convis_set(m, "left.late.tau", 0.05);
    convis_set(m, "right.late.tau", 0.05);
}

/* Over the frames after the onset, and over all detectors but those whose places lie beyond the border. */
static double mean(convis_tensor out)
{
    const int border = 6;
    double sum = 0;
    int n = 0;
    for (int t = ONSET; t < STEPS; t++)
        for (int y = border; y < SIZE - border; y++)
            for (int x = border; x < SIZE - border; x++, n++)
                sum += out.data[t*out.stride[CONVIS_T] + y*out.stride[CONVIS_Y] + x*out.stride[CONVIS_X]];
    return sum/n;
}

/* One grating, from a grey screen on. */
static convis_status show(convis_context *c, convis_model *m, double direction, convis_real *frames, double *response)
{
    char name[128];
    convis_movie *movie = NULL;
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    convis_tensor out;
    int64_t got;
    o.dt = DT;
    o.ppd = 10;
    o.width = o.height = SIZE;
    snprintf(name, sizeof name, "stim:grating?direction=%g&sf=1&tf=4&contrast=0.5&duration=%g", direction, STEPS*DT);
    convis_status status = convis_movie_open(c, name, &o, &movie);
    if (!status) status = convis_movie_read(movie, frames, STEPS, &got);
    convis_movie_close(&movie);
    if (!status) status = convis_reset(m);
    if (!status) status = convis_run(m, convis_view(frames, convis_movie_shape(STEPS, SIZE, SIZE)));
    for (int k = 0; k < CELLS && !status; k++)
        if (!(status = convis_output(m, PATH[k], &out))) response[k] = mean(out);
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
    o.title = "a motion detector: its arms' difference and sum";
    o.labels = "difference,sum";
    return convis_plot(c, file, figure, &o);
}

int main(int argc, char **argv)
{
    const char *figure = argc > 1 ? argv[1] : "direction_selective.png";
    static convis_real frames[STEPS*SIZE*SIZE];
    double rows[DIRECTIONS][1 + CELLS];
    convis_context *c = NULL;
    convis_model *m = NULL;
    int status = 1;
    if (argc > 2) { fputs("usage: direction_selective [FIGURE.png]\n", stderr); return 2; }

    TRY(convis_open(&c, "auto"));
    TRY(convis_model_new(c, DT, &m));
    build(m);
    for (int k = 0; k < CELLS; k++) TRY(convis_probe(m, PATH[k]));
    TRY(convis_baseline(m, 127.5));
    TRY(convis_plan(m, convis_movie_shape(STEPS, SIZE, SIZE)));

    printf("degrees  difference       sum\n");
    for (int k = 0; k < DIRECTIONS; k++) {
        rows[k][0] = 360.*k/DIRECTIONS;
        TRY(show(c, m, rows[k][0], frames, rows[k] + 1));
        printf("%7.0f  %10.5f  %8.5f\n", rows[k][0], rows[k][1], rows[k][2]);
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
