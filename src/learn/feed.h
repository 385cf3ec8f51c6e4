/* feed.h - what a model takes beside the movie, chunk by chunk. */
#ifndef CONVIS_FEED_H
#define CONVIS_FEED_H
#include <convis/fit.h>

typedef struct convis_feed {
    convis_model *model;
    convis_context *context;
    convis_recording *recording;     /* its further inputs; or NULL, and ... */
    const convis_given *given;       /* ... arrays over the whole length */
    int          count;
    convis_real **frames;            /* of a recording: one chunk of each */
} convis_feed;

/* chunk: the most frames that are given together. The recording, or the arrays, must outlive the feed. */
convis_status convis_feed_open (convis_model *, convis_recording *, const convis_given *, int count, int64_t chunk, convis_feed *);
void          convis_feed_close(convis_feed *);
convis_tensor convis_feed_view (convis_real *, int64_t frames, int64_t channels, int64_t height,
                               int64_t width);   /* (frames, C, Y, X) */
/* Before a run of these frames. */
convis_status convis_feed_give (convis_feed *, int64_t from, int64_t frames);
#endif
