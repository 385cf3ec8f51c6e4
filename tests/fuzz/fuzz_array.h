/* fuzz_array.h - any bytes as an array: read whole, and as a movie to its end. */
#ifndef FUZZ_ARRAY_H
#define FUZZ_ARRAY_H
#include "fuzz_file.h"

static void fuzz_array(const uint8_t *data, size_t size, const char *extension)
{
    enum { PIXELS = 1 << 16, FRAMES = 1 << 12 };
    static convis_real frames[PIXELS];
    convis_context *c = fuzz_context();
    const char *name = fuzz_file(data, size, extension);
    convis_array a;
    convis_movie *m;
    convis_movie_info info;
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    if (!convis_array_read(c, name, &a)) {
        volatile double sum = 0;                         /* every number is really there */
        int64_t all = 1;
        for (int d = 0; d < a.dims; d++) all *= a.dim[d];
        for (int64_t i = 0; i < all; i++) sum = sum + a.data[i];
        convis_array_free(&a);
    }
    o.dt = 0.01;
    o.repeat = 1;
    if (!convis_movie_open(c, name, &o, &m)) {
        int64_t got = 1;
        convis_movie_info_get(m, &info);
        if (info.width*info.height <= PIXELS)
            for (int k = 0; k < FRAMES && got && !convis_movie_read(m, frames, 1, &got); k++) { }
        convis_movie_close(&m);
    }
    unlink(name);
}
#endif
