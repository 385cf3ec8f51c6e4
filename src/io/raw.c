/* raw.c - frames of raw little-endian float32 on standard input, each handed on as soon as its last byte is there; of colour the red
 * plane, the green and the blue.
 *
 * A closed loop waits for our answer to frame k before it sends frame k+1, so we never ask for more than one frame's bytes. */
#include "frames.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

typedef struct raw { convis_frames frames; int64_t index; unsigned char *bytes; } raw;

static int raw_next(convis_frames *f, convis_real *frame, double *start)
{
    raw *r = (raw *)f;
    const size_t n = (size_t)(f->channels*f->width*f->height), need = 4*n;
    size_t have = 0;
    *start = -1;
    while (have < need) {
        const ssize_t got = read(STDIN_FILENO, r->bytes + have, need - have);
        if (got < 0) {                       /* an interrupt too ends the wait: the program is to stop */
            convis_fail(f->context, CONVIS_EIO, "standard input: frame %lld cannot be read (%s)", (long long)r->index,
                        strerror(errno));
            return -1;
        }
        if (got == 0) {
            if (have == 0) return 0;
            convis_fail(f->context, CONVIS_EFORMAT,
                        "standard input: frame %lld ends after %zu bytes, expected %zu "
                        "(%s%lld x %lld pixels of 4 bytes)",
                        (long long)r->index, have, need, f->channels > 1 ? "3 channels, " : "", (long long)f->width,
                        (long long)f->height);
            return -1;
        }
        have += (size_t)got;
    }
    for (size_t i = 0; i < n; i++) {
        const unsigned char *b = r->bytes + 4*i;
        const uint32_t bits = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        float value;
        memcpy(&value, &bits, sizeof value);
        frame[i] = (convis_real)value;
    }
    r->index++;
    return 1;
}

static void raw_close(convis_frames *f)
{
    convis_context *c = f->context;
    convis_release(c, ((raw *)f)->bytes);
    convis_release(c, f);
}

convis_status convis_raw_frames(convis_context *c, const convis_movie_options *o, convis_frames **out)
{
    const int64_t width = o->width, height = o->height, channels = o->channels == CONVIS_RGB ? 3 : 1;
    *out = NULL;
    if (width <= 0 || height <= 0)
        return convis_fail(c, CONVIS_EINVAL, "standard input: raw frames have no size of their own, expected --size WxH");
    const convis_status status = convis_frames_planes_check(c, "standard input", 1, channels, width, height);
    if (status) return status;
    raw *r = convis_obtain(c, sizeof *r);
    if (!r) return CONVIS_ENOMEM;
    r->frames = (convis_frames){ .context = c, .channels = channels, .width = width, .height = height, .count = -1, .format = "raw",
                                 .next = raw_next, .close = raw_close };
    r->bytes = convis_obtain(c, (size_t)(4*channels*width*height));
    if (!r->bytes) { convis_release(c, r); return CONVIS_ENOMEM; }
    *out = &r->frames;
    return CONVIS_OK;
}
