/* feed.c - what a model takes beside the movie, chunk by chunk: the further inputs of a recording, or arrays over the whole length. */
#include "feed.h"
#include "base/context.h"

/* In memory time comes before channels. */
convis_tensor convis_feed_view(convis_real *data, int64_t frames, int64_t channels, int64_t height, int64_t width)
{
    const int64_t plane = height*width, all = channels*plane;
    return (convis_tensor){ data, { { 1, channels, frames, height, width } }, { all, plane, all, width, 1 } };
}

convis_status convis_feed_open(convis_model *m, convis_recording *r, const convis_given *given, int count, int64_t chunk,
                               convis_feed *f)
{
    convis_context *c = convis_model_context(m);
    convis_recording_input_info info;
    *f = (convis_feed){ .model = m, .context = c, .recording = r, .given = given, .count = count };
    if (r) for (f->count = 0; convis_recording_input_list(r, f->count, &info); f->count++) { }
    if (!r || !f->count) return CONVIS_OK;
    f->frames = convis_obtain(c, (size_t)f->count*sizeof *f->frames);
    for (int k = 0; f->frames && k < f->count; k++) {
        convis_recording_input_list(r, k, &info);
        f->frames[k] = convis_obtain(c, (size_t)(chunk*info.channels*info.height*info.width)*sizeof **f->frames);
        if (!f->frames[k]) return CONVIS_ENOMEM;
    }
    return f->frames ? CONVIS_OK : CONVIS_ENOMEM;
}

void convis_feed_close(convis_feed *f)
{
    if (!f->frames) return;
    convis_context *c = f->context;                      /* the model may be gone */
    for (int k = 0; k < f->count; k++) convis_release(c, f->frames[k]);
    convis_release(c, f->frames);
    f->frames = NULL;
}

convis_status convis_feed_give(convis_feed *f, int64_t from, int64_t frames)
{
    convis_status status = CONVIS_OK;
    for (int k = 0; k < f->count && !status; k++) {
        convis_recording_input_info i;
        if (!f->recording) {
            const convis_given *g = &f->given[k];
            convis_real *at = g->frames ? (convis_real *)(uintptr_t)g->frames + from*g->channels*g->height*g->width : NULL;
            status = convis_give(f->model, g->name, convis_feed_view(at, frames, g->channels, g->height, g->width));
            continue;
        }
        convis_recording_input_list(f->recording, k, &i);
        status = convis_recording_input_read(f->recording, k, from, frames, f->frames[k]);
        if (!status)
            status = convis_give(f->model, i.name, convis_feed_view(f->frames[k], frames, i.channels, i.height, i.width));
    }
    return status;
}
