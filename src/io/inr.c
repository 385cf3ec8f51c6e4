/* inr.c - INRIMAGE-4, VirtualRetina's own movies: a text header of 256-byte blocks, then numbers, x fastest, then y, z.
 *
 * #INRIMAGE-4#{ / XDIM=.. / YDIM=.. / ZDIM=.. / VDIM=1 / TYPE=float / PIXSIZE=64 bits / CPU=decm / newlines / ##} */
#include "npy.h"
#include "base/text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256, BLOCKS_MOST = 64 };
enum { HOST_LITTLE = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ };

/* ---- In ---- */

typedef struct header { int64_t x, y, z, v, bits; char kind; int little; } header;

static int whole(const char *text, const char *unit, int64_t *value)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || errno || v < 0) return 0;
    end += strspn(end, " ");
    if (!strncmp(end, unit, strlen(unit))) end += strlen(unit);
    *value = v;
    return !*end;
}

static int word(const char *text, const char *const *words)
{
    int k = 0;
    while (words[k] && strcmp(text, words[k])) k++;
    return words[k] ? k : -1;
}

/* One line "KEY=value". What we do not know (VX=, comments) is passed over. 1: understood. */
static int line_parse(header *h, char *line)
{
    static const char *const TYPES[] = { "float", "unsigned fixed", "signed fixed", NULL };
    static const char *const CPUS[] = { "decm", "alpha", "pc", "sun", "sgi", NULL };
    char *value = strchr(line, '=');
    int k;
    if (*line == '#' || !value) return 1;
    *value++ = 0;
    if (!strcmp(line, "XDIM")) return whole(value, "", &h->x);
    if (!strcmp(line, "YDIM")) return whole(value, "", &h->y);
    if (!strcmp(line, "ZDIM")) return whole(value, "", &h->z);
    if (!strcmp(line, "VDIM")) return whole(value, "", &h->v);
    if (!strcmp(line, "PIXSIZE")) return whole(value, "bits", &h->bits);
    if (!strcmp(line, "TYPE")) { k = word(value, TYPES); if (k >= 0) h->kind = "fui"[k]; return k >= 0; }
    if (!strcmp(line, "CPU")) { k = word(value, CPUS); h->little = k < 3; return k >= 0; }
    return 1;
}

static convis_status header_parse(convis_bytes *b, char *text, header *h)
{
    char *after;
    for (char *line = strtok_r(text, "\n", &after); line; line = strtok_r(NULL, "\n", &after)) {
        line[strcspn(line, "\r")] = 0;
        char shown[64];
        convis_quoted(shown, line);
        if (!line_parse(h, line))
            return convis_fail(b->context, CONVIS_EFORMAT,
                               "%s: the header has '%s', expected sizes as whole numbers, TYPE float, "
                               "unsigned fixed or signed fixed, CPU decm, alpha, pc, sun or sgi",
                               b->name, shown);
    }
    if (h->v != 1)
        return convis_fail(b->context, CONVIS_ENOTSUP, "%s: %lld values per pixel (VDIM), expected 1", b->name, (long long)h->v);
    if (!h->x || !h->y || !h->z || !h->kind)
        return convis_fail(b->context, CONVIS_EFORMAT, "%s: the header lacks XDIM, YDIM, TYPE or has a size of 0", b->name);
    return CONVIS_OK;
}

/* Blocks are read until one ends in "##}\n". */
static convis_status header_read(convis_bytes *b, header *h)
{
    char *text = convis_obtain(b->context, BLOCK*BLOCKS_MOST + 1);
    convis_status status = text ? CONVIS_OK : CONVIS_ENOMEM;
    int ended = 0;
    for (int used = 0; !status && !ended; used += BLOCK) {
        int64_t got = used < BLOCK*BLOCKS_MOST ? b->read(b, text + used, BLOCK) : 0;
        if (got < 0) status = CONVIS_EIO;
        else if (used == 0 && (got < 13 || memcmp(text, "#INRIMAGE-4#{", 13)))
            status =
                convis_fail(b->context, CONVIS_EFORMAT, "%s: does not begin with #INRIMAGE-4#{, expected an .inr image", b->name);
        else if (got < BLOCK)
            status = convis_fail(b->context, CONVIS_EFORMAT,
                                 "%s: the header has no end, expected '##}' at the end of a block of %d bytes", b->name, BLOCK);
        else ended = !memcmp(text + used + BLOCK - 4, "##}\n", 4);
    }
    if (!status) status = header_parse(b, text, h);
    convis_release(b->context, text);
    return status;
}

convis_status convis_inr_numbers(convis_context *c, const char *path, convis_numbers **numbers)
{
    convis_bytes *b;
    header h = { .z = 1, .v = 1, .little = 1 };
    convis_status status = convis_bytes_file(c, path, "an .inr image", &b);
    if (status) return status;
    status = header_read(b, &h);
    convis_dtype dtype = { h.kind, h.bits <= 64 ? (int)(h.bits/8) : 0, h.bits > 8 && h.little != HOST_LITTLE };
    if (!status && (h.bits % 8 || !convis_dtype_known(dtype) || (h.kind == 'f' && h.bits == 16)))
        status =
            convis_fail(c, CONVIS_EFORMAT, "%s: PIXSIZE of %lld bits, expected 8, 16, 32 or 64 (32 or 64 for floating point)",
                        path, (long long)h.bits);
    if (status) {
        b->close(b);
        return status;
    }
    return convis_numbers_stream(b, "inr", dtype, 3, (const int64_t[]){ h.z, h.y, h.x }, 0, numbers);
}

convis_status convis_inr_frames(convis_context *c, const char *path, const convis_movie_options *o, convis_frames **frames)
{
    convis_numbers *n;
    convis_status status = convis_inr_numbers(c, path, &n);
    return status ? status : convis_numbers_frames(n, o, frames);
}

/* ---- Out: float32, one plane per frame ---- */

typedef struct map_sink { convis_map_writer base; convis_out out; int64_t frames; float *plane; } map_sink;

static convis_status header_write(map_sink *m)
{
    char text[BLOCK + 1];
    int length = snprintf(text, sizeof text,
                          "#INRIMAGE-4#{\nXDIM=%lld\nYDIM=%lld\nZDIM=%lld\nVDIM=1\nTYPE=float\nPIXSIZE=32 bits\nCPU=%s\n",
                          (long long)m->base.frame.dim[CONVIS_X], (long long)m->base.frame.dim[CONVIS_Y], (long long)m->frames,
                          HOST_LITTLE ? "decm" : "sun");
    memset(text + length, '\n', (size_t)(BLOCK - 4 - length));
    memcpy(text + BLOCK - 4, "##}\n", 4);
    return convis_out_write(&m->out, text, BLOCK);
}

static convis_status map_write(convis_map_writer *w, convis_tensor frames)
{
    map_sink *m = (map_sink *)w;
    for (int64_t t = 0; t < frames.shape.dim[CONVIS_T] && !m->out.status; t++, m->frames++) {
        convis_plane(frames, 0, 0, t, m->plane);
        convis_out_write(&m->out, m->plane, (size_t)(w->frame.dim[CONVIS_Y]*w->frame.dim[CONVIS_X])*sizeof(float));
    }
    return m->out.status;
}

static convis_status map_finish(convis_map_writer *w, int keep)
{
    map_sink *m = (map_sink *)w;
    if (keep && !m->out.status && !convis_out_check(&m->out, !fseeko(m->out.file, 0, SEEK_SET))) header_write(m);
    convis_status status = convis_out_finish(&m->out, keep);
    convis_release(w->context, m->plane);
    convis_release(w->context, m);
    return status;
}

convis_status convis_inr_maps(convis_context *c, const char *path, const char *name, convis_shape frame,
                              const convis_provenance *provenance, convis_map_writer **writer)
{
    (void)name; (void)provenance;                        /* the format has no place for them */
    convis_status status = convis_one_channel(c, path, frame);
    if (status) return status;
    map_sink *m = convis_obtain(c, sizeof *m);
    if (!m) return CONVIS_ENOMEM;
    m->base = (convis_map_writer){ c, frame, map_write, map_finish };
    m->plane = convis_obtain(c, (size_t)(frame.dim[CONVIS_Y]*frame.dim[CONVIS_X])*sizeof(float));
    status = m->plane ? convis_out_open(c, path, 1, &m->out) : CONVIS_ENOMEM;
    if (status) { convis_release(c, m->plane); convis_release(c, m); return status; }
    header_write(m);
    *writer = &m->base;
    return CONVIS_OK;
}
