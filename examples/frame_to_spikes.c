/* frame_to_spikes.c - the whole way of a frame: a movie in, a retina, spikes out.
 *
 *      frame_to_spikes movie.mp4 > spikes.txt
 *
 * Where to read on: convis_run is src/engine/run.c, a loop over the layers; a layer is src/layers/<layer>.c. */
#include <convis/io.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 100 };                                    /* steps at once; any number gives the same spikes */
#define TRY(call) if (call) goto failed

int main(int argc, char **argv)
{
    if (argc != 2) { fputs("usage: frame_to_spikes MOVIE\n", stderr); return 2; }

    convis_context *c = NULL;
    convis_recipe *recipe = NULL;
    convis_model *retina = NULL;
    convis_movie *movie = NULL;
    convis_movie_options options = CONVIS_MOVIE_DEFAULTS;
    convis_movie_info info;
    convis_real *frames = NULL;
    const convis_spike *spike;
    int64_t got, count;
    int status = 1;

    TRY(convis_open(&c, "auto"));
    TRY(convis_recipe_open(c, "retina", &recipe));
    TRY(convis_recipe_set(recipe, "dt", "0.001"));
    options.dt = 0.001;
    TRY(convis_movie_open(c, argv[1], &options, &movie));
    convis_movie_info_get(movie, &info);

    TRY(convis_recipe_build(recipe, info.width, info.height, &retina));
    TRY(convis_record_spikes(retina, 1));
    TRY(convis_plan(retina, convis_movie_shape(CHUNK, info.height, info.width)));
    frames = malloc((size_t)(CHUNK*info.height*info.width)*sizeof *frames);
    if (!frames) { fputs("out of memory\n", stderr); goto done; }

    for (;;) {
        TRY(convis_movie_read(movie, frames, CHUNK, &got));
        if (!got) break;
        TRY(convis_run(retina, convis_view(frames, convis_movie_shape(got, info.height, info.width))));
        TRY(convis_spikes(retina, &spike, &count));
        for (int64_t k = 0; k < count; k++) printf("%d %.6f\n", spike[k].unit, spike[k].time);
    }
    status = 0;
    goto done;

failed:
    fprintf(stderr, "%s\n", convis_message(c));
done:
    free(frames);
    convis_movie_close(&movie);
    convis_model_free(&retina);
    convis_recipe_free(&recipe);
    convis_close(&c);
    return status;
}
