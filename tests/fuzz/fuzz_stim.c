/* fuzz_stim.c - any text as a stimulus: it is refused with a sentence, or draws frames of finite numbers. */
#include "stimuli/stimuli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static convis_context *c;
    if (!c && convis_open(&c, "cpu")) abort();
    convis_movie_options o = CONVIS_MOVIE_DEFAULTS;
    convis_real frame[9*7];
    convis_frames *f;
    char *text = malloc(size + 1);
    double start;
    if (!text) abort();
    memcpy(text, data, size);
    text[size] = 0;
    o.dt = .01;  o.width = 9;  o.height = 7;
    /* A photograph's file is another parser's input, and its name would let the fuzzer read the disk. */
    if (!strstr(text, "file=")) {
        if (convis_stim_frames(c, text, &o, &f)) { if (!*convis_message(c)) abort(); }
        else {
            for (int k = 0; k < 3; k++) {
                if (k == 2 && f->skip(f, f->count/2) != 1) abort();
                const int got = f->next(f, frame, &start);
                if (got < 0) abort();
                for (int i = 0; got && i < 9*7; i++) if (!isfinite((double)frame[i])) abort();
            }
            f->close(f);
        }
    }
    free(text);
    return 0;
}
