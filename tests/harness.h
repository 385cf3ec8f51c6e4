/* harness.h - what the tests of models share: numbers drawn without state, memory that catches and counts, and recordings
 * of runs that can be compared bit for bit. */
#ifndef HARNESS_H
#define HARNESS_H
#include "sanitized.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <convis/layer.h>

/* A call that succeeds, and one that is refused: with this status, and a sentence in which `part` occurs. */
#define must(context, call)                                                                                       \
    do {                                                                                                          \
        convis_status must_ = (call);                                                                             \
        if (must_) fail_msg("%s: %s (%s)", #call, convis_message(context), convis_strerror(must_));                \
    } while (0)
#define refused(context, expected, part, call)                                                                    \
    do {                                                                                                          \
        convis_status refused_ = (call);                 /* first: it may be what makes the context */            \
        assert_refused(context, expected, part, refused_, #call, __FILE__, __LINE__);                             \
    } while (0)
void assert_refused(const convis_context *, convis_status expected, const char *part, convis_status found, const char *call,
                    const char *file, int line);

/* The index-th number of a seed: uniform in [0, 1). */
double chance(uint64_t seed, uint64_t index);
/* A movie of independent pixels, uniform between low and high; free its data. */
convis_tensor noise_movie(convis_shape, double low, double high, uint64_t seed);

const convis_layer_type *type_named(const char *);       /* a built-in layer */
const char *retina_named(int index);                     /* the index-th built-in model that is a retina; NULL past the last */
void must_set(convis_model *, const char *layer, const char *parameter, double value);
void temporary(char path[64]);                           /* the name of a new, empty file; unlink it */

/* ---- Memory ---- */

/* Counts blocks. The fail_at-th request fails (1: the first; 0: none does), and with `onwards` all later ones. */
typedef struct counter { int64_t calls, live, fail_at; int onwards; } counter;
convis_allocator counting(counter *);
/* Every block between two pages that nobody may touch. */
extern const convis_allocator guarded;
/* n numbers that end, or begin, at such a page, in pages that can only be read once they are sealed. */
typedef struct pages { convis_real *data; void *at; size_t size; } pages;
pages guard_pages(int64_t n, int at_end);
void  seal(pages);
void  unmap(pages);

/* ---- Recordings: all probed outputs of a run, and its spikes ---- */

enum { RECORDED_OUTPUTS = 64 };
typedef struct recording {
    int     outputs;
    int64_t frames;
    struct { char path[128]; int64_t n; convis_real *data; } output[RECORDED_OUTPUTS];
    convis_spike *spikes;
    int64_t spike_count;
} recording;

typedef enum chunking { WHOLE, SINGLES, RANDOMLY } chunking;
/* Run frames from..to of the movie in chunks and append what comes out. `longest`: frames the model is planned for. */
void record(convis_model *, convis_tensor movie, int64_t from, int64_t to, chunking, int64_t longest, recording *);
void recording_free(recording *);
/* Every output of `found` is in `expected` too, with the same bits; so are the spikes, if both have any. */
void assert_same(const recording *found, const recording *expected, const char *what);
const convis_real *recorded(const recording *, const char *path, int64_t *n);
int at_length(void);         /* $CONVIS_TEST_LONG: every trial, however long it takes (make check-long); else a part that misses no promise */
/* For what takes long and only repeats what other tests show: the status of a skipped test, with a word, or 0 at length. */
int only_at_length(void);
int usable_isa(int index, char device[32]);              /* "cpu:avx2"; 0 past the last; -1 where it is not usable */
#endif
