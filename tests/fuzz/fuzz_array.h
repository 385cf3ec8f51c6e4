/* fuzz_array.h - any bytes as an array: read whole, and as a movie to its end. */
#ifndef FUZZ_ARRAY_H
#define FUZZ_ARRAY_H
#include "fuzz_file.h"

/* As what it has, as one channel, as colour; and, of its size's bits, with channels declared. */
static void fuzz_array_movie(convis_context *c, const char *name, size_t size)
{
    enum { NUMBERS = 1 << 16, FRAMES = 1 << 10 };
    static const int KINDS[] = { CONVIS_ONE_CHANNEL, CONVIS_ALL_CHANNELS, CONVIS_GRAY, CONVIS_RGB };
    static convis_real frames[NUMBERS];
    for (int k = 0; k < 4; k++) {
        convis_movie *m;
        convis_movie_info info;
        convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
        int64_t got = 1;
        o.dt = 0.01;
        o.repeat = 1;
        o.channels = KINDS[k];
        o.batches = k > 0;
        o.declared = (int64_t)(size & 7);
        if (convis_movie_open(c, name, &o, &m)) continue;
        convis_movie_info_get(m, &info);
        if (info.batch*info.channels*info.width*info.height <= NUMBERS)
            for (int t = 0; t < FRAMES && got && !convis_movie_read(m, frames, 1, &got); t++) { }
        convis_movie_close(&m);
    }
}

static void fuzz_array(const uint8_t *data, size_t size, const char *extension)
{
    convis_context *c = fuzz_context();
    const char *name = fuzz_file(data, size, extension);
    convis_array a;
    if (!convis_array_read(c, name, &a)) {
        volatile double sum = 0;                         /* every number is really there */
        int64_t all = 1;
        for (int d = 0; d < a.dims; d++) all *= a.dim[d];
        for (int64_t i = 0; i < all; i++) sum = sum + a.data[i];
        convis_array_free(&a);
    }
    fuzz_array_movie(c, name, size);
    unlink(name);
}
#endif
