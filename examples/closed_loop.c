/* closed_loop.c - an eye that follows a spot: every frame depends on the response of the retina to the one before.
 *
 *      closed_loop [SECONDS [THREADS]]
 *
 * A bright spot runs around on a grey wall. The retina looks at 128 x 128 pixels of it; after each frame the eye turns
 * a little to where the ON cells answer most. Printed: how well it follows, and how long a frame takes to come through. */
#include <convis/convis.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIZE = 128 };
static const double DT = 0.001, GREY = 60, BRIGHT = 200, RADIUS = 5;     /* s; luminance; pixels */

#define TRY(call) if (call) goto failed

/* What the eye sees: the spot, relative to where it looks. */
static void look(convis_real *frame, double x, double y)
{
    for (int j = 0; j < SIZE; j++)
        for (int i = 0; i < SIZE; i++) {
            double dx = i - (SIZE - 1)/2. - x, dy = j - (SIZE - 1)/2. - y;
            frame[j*SIZE + i] = (convis_real)(GREY + (BRIGHT - GREY)/(1 + exp(2*(hypot(dx, dy) - RADIUS))));
        }
}

/* Where the answer lies, seen from the middle of the map: the mean place of what exceeds half the largest. */
static void answer(convis_tensor map, double *x, double *y)
{
    int64_t height = map.shape.dim[CONVIS_Y], width = map.shape.dim[CONVIS_X];
    int64_t down = map.stride[CONVIS_Y], right = map.stride[CONVIS_X];
    double largest = 0, sum = 0, sx = 0, sy = 0;
    for (int64_t j = 0; j < height; j++)
        for (int64_t i = 0; i < width; i++) largest = fmax(largest, map.data[j*down + i*right]);
    for (int64_t j = 0; j < height; j++)
        for (int64_t i = 0; i < width; i++) {
            double more = map.data[j*down + i*right] - largest/2;
            if (more <= 0) continue;
            sum += more;
            sx += more*((double)i - (double)(width - 1)/2);
            sy += more*((double)j - (double)(height - 1)/2);
        }
    *x = sum > 0 ? sx/sum : 0;
    *y = sum > 0 ? sy/sum : 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9*(double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 2;
    int threads = argc > 2 ? atoi(argv[2]) : 0, status = 1;
    if (!(seconds >= DT && seconds <= 1000)) { fputs("usage: closed_loop [SECONDS [THREADS]]\n", stderr); return 2; }
    int steps = (int)(seconds/DT + 0.5);

    static convis_real frame[SIZE*SIZE];
    const convis_shape shape = convis_movie_shape(1, SIZE, SIZE);
    const double pi = 3.14159265358979323846;
    double eye_x = 0, eye_y = 0, error = 0, *took = malloc((size_t)steps*sizeof *took);
    convis_context *c = NULL;
    convis_recipe *recipe = NULL;
    convis_model *retina = NULL;

    TRY(convis_open(&c, "auto"));
    TRY(convis_threads(c, threads));
    TRY(convis_recipe_open(c, "retina", &recipe));
    TRY(convis_recipe_set(recipe, "dt", "0.001"));
    TRY(convis_recipe_set(recipe, "initial", "60"));
    TRY(convis_recipe_build(recipe, SIZE, SIZE, &retina));
    TRY(convis_probe(retina, "ganglion_0"));
    TRY(convis_plan(retina, shape));
    if (!took) { fputs("out of memory\n", stderr); goto done; }

    for (int k = 0; k < steps; k++) {
        double angle = pi*k*DT, spot_x = 25*sin(angle), spot_y = 15*sin(2*angle), dx, dy;
        look(frame, spot_x - eye_x, spot_y - eye_y);

        double begun = now();
        convis_tensor map;
        TRY(convis_run(retina, convis_view(frame, shape)));
        TRY(convis_output(retina, "ganglion_0", &map));
        took[k] = now() - begun;

        answer(map, &dx, &dy);
        eye_x += 0.02*dx;
        eye_y += 0.02*dy;
        error += hypot(spot_x - eye_x, spot_y - eye_y)/steps;
    }
    qsort(took, (size_t)steps, sizeof *took, ascending);
    printf("%d frames of %d x %d on %s (threads: %d): the eye was %.1f pixels from the spot on average\n", steps, SIZE, SIZE,
           convis_device_name(c), convis_thread_count(c), error);
    printf("a frame took %.3f ms (median), %.3f ms (99 of 100), %.3f ms (longest)\n", 1e3*took[steps/2],
           1e3*took[(int)(0.99*(steps - 1))], 1e3*took[steps - 1]);
    status = 0;
    goto done;

failed:
    fprintf(stderr, "%s\n", convis_message(c));
done:
    free(took);
    convis_model_free(&retina);
    convis_recipe_free(&recipe);
    convis_close(&c);
    return status;
}
