/* v1_on_retina.c - simple cells of V1 that see through a retina, and how they are tuned to orientation.
 *
 *      v1_on_retina [FIGURE.png]
 *
 * The model is the preset v1_on_retina: a primate retina, whose parvocellular ON currents minus its OFF currents go into a bank of oriented
 * Gabors, half-squared. The retina comes with its own dynamics: gain control, transients, and a surround. Gratings drift past in all
 * directions; printed and drawn is the mean rate, at the centre of the field, of the cells that prefer 0, 45, 90 and 135 degrees. As their
 * Gabors do not move, opposite directions are the same to them. Last comes each cell's half width at half height. */
#include <convis/io.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 24, CELLS = 4, DIRECTIONS = 24, ONSET = 150, STEPS = 400 };        /* ms: a period after the onset */
static const double TEMPORAL_FREQUENCY = 4, SPATIAL_FREQUENCY = 3;               /* Hz, cycles per degree */

#define TRY(call) if (call) goto failed

/* The rates of the cells at the centre, averaged after the onset. */
static convis_status show(convis_context *c, convis_model *m, double direction, convis_real *frames, double mean[CELLS])
{
    char name[160];
    convis_movie *movie = NULL;
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    convis_tensor rate;
    int64_t got;
    o.dt = convis_dt(m);
    o.width = o.height = SIZE;
    snprintf(name, sizeof name, "stim:grating?direction=%g&spatial_frequency=%g&temporal_frequency=%g&duration=%g", direction,
             SPATIAL_FREQUENCY, TEMPORAL_FREQUENCY, STEPS*o.dt);
    convis_status status = convis_movie_open(c, name, &o, &movie);
    if (!status) status = convis_movie_read(movie, frames, STEPS, &got);
    convis_movie_close(&movie);
    if (!status) status = convis_reset(m);
    if (!status) status = convis_run(m, convis_view(frames, convis_movie_shape(STEPS, SIZE, SIZE)));
    if (!status) status = convis_output(m, "output", &rate);
    for (int k = 0; k < CELLS && !status; k++) {
        const convis_real *cell = rate.data + k*rate.stride[CONVIS_C] + SIZE/2*rate.stride[CONVIS_Y] + SIZE/2;
        mean[k] = 0;
        for (int t = ONSET; t < STEPS; t++) mean[k] += (double)cell[t*rate.stride[CONVIS_T]]/(STEPS - ONSET);
    }
    return status;
}

/* Degrees from a cell's best direction to where the curve falls to half of it, to both sides, on average. */
static double half_width(double rows[DIRECTIONS][1 + CELLS], int cell)
{
    int best = 0;
    double width = 0;
    for (int k = 0; k < DIRECTIONS; k++) if (rows[k][1 + cell] > rows[best][1 + cell]) best = k;
    for (int side = -1; side <= 1; side += 2) {
        const double half = rows[best][1 + cell]/2;
        int k = 1;
        while (k < DIRECTIONS/4 && rows[(best + side*k + DIRECTIONS)%DIRECTIONS][1 + cell] > half) k++;
        const double above = rows[(best + side*(k - 1) + DIRECTIONS)%DIRECTIONS][1 + cell];
        const double below = rows[(best + side*k + DIRECTIONS)%DIRECTIONS][1 + cell];
        width += (k - 1 + (above - half)/(above - below))*360/DIRECTIONS/2;
    }
    return width;
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
    o.title = "simple cells of V1 on a retina";
    o.labels = "0,45,90,135";
    return convis_plot(c, file, figure, &o);
}

int main(int argc, char **argv)
{
    const char *figure = argc > 1 ? argv[1] : "v1_on_retina.png";
    static convis_real frames[STEPS*SIZE*SIZE];
    double rows[DIRECTIONS][1 + CELLS];
    convis_context *c = NULL;
    convis_recipe *r = NULL;
    convis_model *m = NULL;
    int status = 1;
    if (argc > 2) { fputs("usage: v1_on_retina [FIGURE.png]\n", stderr); return 2; }

    TRY(convis_open(&c, "auto"));
    TRY(convis_recipe_open(c, "v1_on_retina", &r));
    TRY(convis_recipe_set(r, "orientations", "4"));
    TRY(convis_recipe_build(r, SIZE, SIZE, &m));
    TRY(convis_probe(m, "output"));
    TRY(convis_plan(m, convis_movie_shape(STEPS, SIZE, SIZE)));

    printf("degrees    0 deg   45 deg   90 deg  135 deg  (cells that prefer, Hz)\n");
    for (int k = 0; k < DIRECTIONS; k++) {
        rows[k][0] = 360.*k/DIRECTIONS;
        TRY(show(c, m, rows[k][0], frames, rows[k] + 1));
        printf("%7.0f  %7.3f  %7.3f  %7.3f  %7.3f\n", rows[k][0], rows[k][1], rows[k][2], rows[k][3], rows[k][4]);
    }
    printf("  width");
    for (int k = 0; k < CELLS; k++) printf("  %7.1f", half_width(rows, k));
    printf("  (half width at half height, degrees)\n");
    TRY(draw(c, figure, rows));
    printf("%s\n", figure);
    status = 0;
    goto done;

failed:
    fprintf(stderr, "%s\n", convis_message(c));
done:
    convis_model_free(&m);
    convis_recipe_free(&r);
    convis_close(&c);
    return status;
}
