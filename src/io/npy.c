/* npy.c - NumPy's array file: number types, header, movies and arrays in, maps and spikes out.
 *
 * "\x93NUMPY", version, length of a header, which is a Python dictionary as text:
 * {'descr': '<f4', 'fortran_order': False, 'shape': (100, 64, 64), } and then the numbers. Shapes in memory order. */
#include "base/text.h"
#include "npy.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HOST_LITTLE = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ };

/* ---- Number types ---- */

int convis_dtype_known(convis_dtype d)
{
    switch (d.kind) {
    case 'b': return d.size == 1;
    case 'u': case 'i': return d.size == 1 || d.size == 2 || d.size == 4 || d.size == 8;
    case 'f': return d.size == 2 || d.size == 4 || d.size == 8;
    default:  return 0;
    }
}

/* IEEE half precision: 1 sign, 5 exponent, 10 fraction bits. */
static float half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = exponent == 31 ? (fraction ? NAN : INFINITY)
                : exponent ? ldexpf((float)(fraction + 1024), exponent - 25) : ldexpf((float)fraction, -24);
    return bits >> 15 ? -value : value;
}

static uint16_t swap2(uint16_t v) { return __builtin_bswap16(v); }
static uint32_t swap4(uint32_t v) { return __builtin_bswap32(v); }
static uint64_t swap8(uint64_t v) { return __builtin_bswap64(v); }
static uint8_t  swap1(uint8_t v)  { return v; }

/* memcpy because raw bytes may lie anywhere; the compiler makes plain loads of it. */
#define CONVERT(bits, number, swapped, value)                                                              \
    for (int64_t i = 0; i < count; i++) {                                                                  \
        bits b; number v;                                                                                  \
        memcpy(&b, from + i*(int64_t)sizeof b, sizeof b);                                                  \
        if (d.swap) b = swapped(b);                                                                        \
        memcpy(&v, &b, sizeof v);                                                                          \
        to[i] = (value);                                                                                   \
    }
#define CONVERT_TO(name, real)                                                                             \
    void name(convis_dtype d, const void *raw, real *to, int64_t count)                                    \
    {                                                                                                      \
        const char *from = raw;                                                                            \
        switch (d.kind*16 + d.size) {                                                                      \
        case 'b'*16 + 1: CONVERT(uint8_t,  uint8_t,  swap1, (real)(v != 0))  break;                        \
        case 'u'*16 + 1: CONVERT(uint8_t,  uint8_t,  swap1, (real)v)         break;                        \
        case 'u'*16 + 2: CONVERT(uint16_t, uint16_t, swap2, (real)v)         break;                        \
        case 'u'*16 + 4: CONVERT(uint32_t, uint32_t, swap4, (real)v)         break;                        \
        case 'u'*16 + 8: CONVERT(uint64_t, uint64_t, swap8, (real)v)         break;                        \
        case 'i'*16 + 1: CONVERT(uint8_t,  int8_t,   swap1, (real)v)         break;                        \
        case 'i'*16 + 2: CONVERT(uint16_t, int16_t,  swap2, (real)v)         break;                        \
        case 'i'*16 + 4: CONVERT(uint32_t, int32_t,  swap4, (real)v)         break;                        \
        case 'i'*16 + 8: CONVERT(uint64_t, int64_t,  swap8, (real)v)         break;                        \
        case 'f'*16 + 2: CONVERT(uint16_t, uint16_t, swap2, (real)half(v))   break;                        \
        case 'f'*16 + 4: CONVERT(uint32_t, float,    swap4, (real)v)         break;                        \
        case 'f'*16 + 8: CONVERT(uint64_t, double,   swap8, (real)v)         break;                        \
        }                                                                                                  \
    }
CONVERT_TO(convis_dtype_reals, convis_real)
CONVERT_TO(convis_dtype_doubles, double)

/* ---- Header in ---- */

enum { HEADER_MOST = 65535 };                            /* NumPy itself stops at 10000 */

typedef struct header {
    convis_context *context;
    const char *name, *at;
    convis_dtype dtype;
    int fortran, dims;
    int64_t dim[CONVIS_ARRAY_DIMS];
    int seen;                                            /* bits: descr, fortran_order, shape */
} header;

static convis_status wrong(header *h, const char *expected)
{
    return convis_fail(h->context, CONVIS_EFORMAT, "%s: the header has '%s', expected %s", h->name, CONVIS_QUOTED(h->at),
                       expected);
}

static void blanks(header *h) { h->at += strspn(h->at, " \t\n\r"); }
static int  accept(header *h, char c) { blanks(h); if (*h->at != c) return 0; h->at++; return 1; }

/* 'text', copied without its quotes; text too long for `to` is no word that we know. */
static int quoted(header *h, char *to, size_t room)
{
    blanks(h);
    char quote = *h->at;
    if (quote != '\'' && quote != '"') return 0;
    const char *end = strchr(h->at + 1, quote);
    if (!end || (size_t)(end - h->at) > room) return 0;
    size_t length = (size_t)(end - h->at - 1);
    memcpy(to, h->at + 1, length);
    to[length] = 0;
    h->at = end + 1;
    return 1;
}

static convis_status descr(header *h)
{
    const char *expected = "a number type such as '<f4' (truth, whole or floating point numbers)";
    const char *start = h->at;
    char text[8], order;
    int size, used = 0;
    if (!quoted(h, text, sizeof text)) return wrong(h, expected);
    if (sscanf(text, "%c%c%1d%n", &order, &h->dtype.kind, &size, &used) != 3 || text[used] || !strchr("<>|=", order)) {
        h->at = start;
        return wrong(h, expected);
    }
    h->dtype.size = size;
    h->dtype.swap = size > 1 && (order == '<' || order == '>') && (order == '<') != HOST_LITTLE;
    if (convis_dtype_known(h->dtype)) return CONVIS_OK;
    h->at = start;
    return wrong(h, expected);
}

static convis_status shape(header *h)
{
    if (!accept(h, '(')) return wrong(h, "a shape such as (100, 64, 64)");
    for (h->dims = 0; !accept(h, ')'); h->dims++) {
        int64_t size = 0;
        if (h->dims == CONVIS_ARRAY_DIMS) return wrong(h, "at most 8 dimensions");
        if (h->dims && !accept(h, ',')) return wrong(h, "a comma between two sizes");
        if (accept(h, ')')) break;                       /* (3,) */
        blanks(h);
        if (*h->at < '0' || *h->at > '9') return wrong(h, "a size that is a whole number, not negative");
        const char *start = h->at;
        for (; *h->at >= '0' && *h->at <= '9'; h->at++)
            if (__builtin_mul_overflow(size, 10, &size) || __builtin_add_overflow(size, *h->at - '0', &size)) {
                h->at = start;
                return wrong(h, "a size below 2^63");
            }
        if (*h->at == 'L') h->at++;                      /* Python 2 wrote 3L */
        h->dim[h->dims] = size;
    }
    return CONVIS_OK;
}

static convis_status order(header *h)
{
    blanks(h);
    h->fortran = !strncmp(h->at, "True", 4);
    if (!h->fortran && strncmp(h->at, "False", 5)) return wrong(h, "True or False");
    h->at += h->fortran ? 4 : 5;
    return CONVIS_OK;
}

static convis_status parse(header *h)
{
    if (!accept(h, '{')) return wrong(h, "a dictionary in braces");
    while (!accept(h, '}')) {
        static const struct { const char *key; convis_status (*value)(header *); } KEYS[] = {
            { "descr", descr }, { "fortran_order", order }, { "shape", shape } };
        char key[16] = "";
        int k = 0;
        const char *start = h->at;
        if (quoted(h, key, sizeof key)) while (k < 3 && strcmp(key, KEYS[k].key)) k++;
        else k = 3;
        if (k == 3 || h->seen >> k & 1) { h->at = start; return wrong(h, "each of 'descr', 'fortran_order' and 'shape' once"); }
        if (!accept(h, ':')) return wrong(h, "a colon");
        blanks(h);
        convis_status status = KEYS[k].value(h);
        if (status) return status;
        h->seen |= 1 << k;
        if (!accept(h, ',')) { blanks(h); if (*h->at != '}') return wrong(h, "a comma or a closing brace"); }
    }
    return h->seen == 7 ? CONVIS_OK
         : convis_fail(h->context, CONVIS_EFORMAT, "%s: the header lacks one of 'descr', 'fortran_order' and 'shape'", h->name);
}

/* Read magic, version and header from `b`. Leaves `b` at the first number. */
static convis_status header_read(convis_bytes *b, header *h)
{
    unsigned char start[12] = { 0 };
    h->context = b->context;
    h->name = b->name;
    int64_t got = b->read(b, start, 8);
    if (got < 0) return CONVIS_EIO;
    if (got < 8 || memcmp(start, "\x93NUMPY", 6))
        return convis_fail(b->context, CONVIS_EFORMAT, "%s: does not begin like an array of NumPy, expected a .npy array",
                           b->name);
    if (start[6] < 1 || start[6] > 3)
        return convis_fail(b->context, CONVIS_EFORMAT, "%s: version %d of the .npy format, expected 1, 2 or 3", b->name,
                           start[6]);
    int wide = start[6] == 1 ? 2 : 4;
    got = b->read(b, start + 8, wide);
    if (got < 0) return CONVIS_EIO;
    uint32_t length = start[8] | (uint32_t)start[9] << 8 | (uint32_t)start[10] << 16 | (uint32_t)start[11] << 24;
    if (got == wide && length > HEADER_MOST)
        return convis_fail(b->context, CONVIS_EFORMAT, "%s: a header of %u bytes, expected at most %d", b->name, length,
                           HEADER_MOST);
    char *text = convis_obtain(b->context, (size_t)length + 1);
    if (!text) return CONVIS_ENOMEM;
    int64_t read = got == wide ? b->read(b, text, length) : 0;
    convis_status status = read < 0 ? CONVIS_EIO : CONVIS_OK;
    if (!status && (got < wide || read < length))
        status = convis_fail(b->context, CONVIS_EFORMAT, "%s: ends inside its header, expected a .npy array", b->name);
    if (!status) {
        h->at = text;
        status = parse(h);
    }
    convis_release(b->context, text);
    return status;
}

convis_status convis_npy_stream(convis_bytes *b, convis_numbers **numbers)
{
    header h = { .dims = 0 };
    convis_status status = header_read(b, &h);
    if (status) { b->close(b); return status; }
    return convis_numbers_stream(b, "npy", h.dtype, h.dims, h.dim, h.fortran, numbers);
}

convis_status convis_npy_numbers(convis_context *c, const char *path, convis_numbers **numbers)
{
    convis_bytes *b;
    convis_status status = convis_bytes_file(c, path, "a .npy array", &b);
    return status ? status : convis_npy_stream(b, numbers);
}

convis_status convis_npy_frames(convis_context *c, const char *path, const convis_movie_options *o, convis_frames **frames)
{
    convis_numbers *n;
    convis_status status = convis_npy_numbers(c, path, &n);
    return status ? status : convis_numbers_frames(n, o, frames);
}

/* ---- Header out ---- */

enum { HEADER_BYTES = 256 };                             /* room for eight sizes of 19 digits: it can be written again */

static convis_status header_write(convis_npy_out *n)
{
    char text[HEADER_BYTES + 1], sizes[200] = "";
    int used = 0;
    for (int d = 0; d < n->dims; d++)
        used += snprintf(sizes + used, sizeof sizes - (size_t)used, "%lld%s", (long long)n->dim[d],
                         n->dims == 1 ? "," : d + 1 < n->dims ? ", " : "");
    int length = snprintf(text, sizeof text, "\x93NUMPY\x01%c%c%c{'descr': '%c%s', 'fortran_order': False, 'shape': (%s), }",
                          0, (HEADER_BYTES - 10) & 255, (HEADER_BYTES - 10) >> 8, HOST_LITTLE ? '<' : '>', n->type, sizes);
    memset(text + length, ' ', (size_t)(HEADER_BYTES - 1 - length));
    text[HEADER_BYTES - 1] = '\n';
    return convis_out_write(n->out, text, HEADER_BYTES);
}

convis_status convis_npy_begin(convis_npy_out *n) { return header_write(n); }

convis_status convis_npy_end(convis_npy_out *n)
{
    if (n->out->status || convis_out_check(n->out, !fseeko(n->out->file, 0, SEEK_SET))) return n->out->status;
    return header_write(n);
}

/* ---- Maps out ---- */

int64_t convis_npy_map_planes(convis_shape frame) { return frame.dim[CONVIS_B]*frame.dim[CONVIS_C]; }

convis_status convis_npy_map_begin(convis_out *out, convis_shape frame, convis_npy_map *m)
{
    const int64_t *d = frame.dim;
    *m = (convis_npy_map){ .npy = { out, "f4", 5, { 0, d[CONVIS_B], d[CONVIS_C], d[CONVIS_Y], d[CONVIS_X] } }, .frame = frame };
    if (convis_npy_map_planes(frame) == 1) m->npy = (convis_npy_out){ out, "f4", 3, { 0, d[CONVIS_Y], d[CONVIS_X] } };
    m->plane = convis_obtain(out->atomic.context, (size_t)(d[CONVIS_Y]*d[CONVIS_X])*sizeof(float));
    return m->plane ? convis_npy_begin(&m->npy) : CONVIS_ENOMEM;
}

convis_status convis_npy_map_write(convis_npy_map *m, convis_tensor frames)
{
    const size_t bytes = (size_t)(m->frame.dim[CONVIS_Y]*m->frame.dim[CONVIS_X])*sizeof(float);
    for (int64_t t = 0; t < frames.shape.dim[CONVIS_T]; t++) {
        for (int64_t b = 0; b < m->frame.dim[CONVIS_B]; b++)
            for (int64_t c = 0; c < m->frame.dim[CONVIS_C]; c++) {
                convis_plane(frames, b, c, t, m->plane);
                if (convis_out_write(m->npy.out, m->plane, bytes)) return m->npy.out->status;
            }
        m->npy.dim[0]++;
    }
    return CONVIS_OK;
}

/* From (T, B, C, Y, X) in m's file to (B, C, T, Y, X), or (C, T, Y, X) where there is one batch, a plane at a time. */
static convis_status put_in_order(convis_npy_map *m, convis_out *to)
{
    const int64_t *d = m->frame.dim, frames = m->npy.dim[0], planes = convis_npy_map_planes(m->frame);
    const int64_t bytes = d[CONVIS_Y]*d[CONVIS_X]*(int64_t)sizeof(float);
    FILE *from = m->npy.out->file;
    convis_npy_out out = { to, "f4", 5, { d[CONVIS_B], d[CONVIS_C], frames, d[CONVIS_Y], d[CONVIS_X] } };
    if (d[CONVIS_B] == 1) out = (convis_npy_out){ to, "f4", 4, { d[CONVIS_C], frames, d[CONVIS_Y], d[CONVIS_X] } };
    convis_npy_begin(&out);
    for (int64_t p = 0; p < planes; p++)
        for (int64_t t = 0; t < frames && !to->status; t++) {
            convis_out_check(m->npy.out, !fseeko(from, (off_t)(HEADER_BYTES + (t*planes + p)*bytes), SEEK_SET)
                                         && fread(m->plane, 1, (size_t)bytes, from) == (size_t)bytes);
            if (m->npy.out->status) return to->status = m->npy.out->status;
            convis_out_write(to, m->plane, (size_t)bytes);
        }
    return to->status;
}

convis_status convis_npy_map_end(convis_npy_map *m, convis_out *ordered)
{
    convis_status status = convis_npy_end(&m->npy);
    return status || !ordered ? status : put_in_order(m, ordered);
}

void convis_npy_map_free(convis_npy_map *m)
{
    if (m->npy.out) convis_release(m->npy.out->atomic.context, m->plane);
}

typedef struct map_sink {
    convis_map_writer base;
    convis_out     out, spill;                           /* spill: only for several planes */
    convis_npy_map map;
    int            several;
} map_sink;

static convis_status map_write(convis_map_writer *w, convis_tensor frames)
{
    return convis_npy_map_write(&((map_sink *)w)->map, frames);
}

static convis_status map_finish(convis_map_writer *w, int keep)
{
    map_sink *m = (map_sink *)w;
    convis_status status = keep ? convis_npy_map_end(&m->map, m->several ? &m->out : NULL) : CONVIS_OK;
    convis_status finished = convis_out_finish(&m->out, keep && !status);
    convis_npy_map_free(&m->map);
    if (m->several) convis_out_finish(&m->spill, 0);
    convis_release(w->context, m);
    return status ? status : finished;
}

convis_status convis_npy_maps(convis_context *c, const char *path, const char *name, convis_shape frame,
                              const convis_provenance *provenance, convis_map_writer **writer)
{
    (void)name; (void)provenance;                        /* the format has no place for them */
    map_sink *m = convis_obtain(c, sizeof *m);
    if (!m) return CONVIS_ENOMEM;
    m->base = (convis_map_writer){ c, frame, map_write, map_finish };
    convis_status status = convis_out_open(c, path, 1, &m->out);
    if (status) { convis_release(c, m); return status; }
    if (convis_npy_map_planes(frame) > 1) {
        status = convis_out_spill(c, m->out.atomic.path, &m->spill);
        m->several = !status;
    }
    if (!status) status = convis_npy_map_begin(m->several ? &m->spill : &m->out, frame, &m->map);
    if (status) { map_finish(&m->base, 0); return status; }
    *writer = &m->base;
    return CONVIS_OK;
}

/* ---- Spikes out: (N, 3) doubles: unit, time, layer ---- */

typedef struct spike_sink {
    convis_spike_writer base;
    convis_out     out;
    convis_npy_out npy;
} spike_sink;

static convis_status spike_write(convis_spike_writer *w, const convis_spike *spikes, int64_t count)
{
    spike_sink *s = (spike_sink *)w;
    for (int64_t i = 0; i < count; i++) {
        const double row[3] = { spikes[i].unit, spikes[i].time, spikes[i].layer };
        if (convis_out_write(&s->out, row, sizeof row)) return s->out.status;
        s->npy.dim[0]++;
    }
    return s->out.status;
}

static convis_status spike_finish(convis_spike_writer *w, double seconds, int keep)
{
    spike_sink *s = (spike_sink *)w;
    (void)seconds;
    if (keep) convis_npy_end(&s->npy);
    convis_status status = convis_out_finish(&s->out, keep);
    convis_release(w->context, s);
    return status;
}

convis_status convis_npy_spikes(convis_context *c, const char *path, const convis_cell *units, int64_t count,
                                const convis_provenance *provenance, convis_spike_writer **writer)
{
    (void)units; (void)count; (void)provenance;
    spike_sink *s = convis_obtain(c, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    s->base = (convis_spike_writer){ c, spike_write, spike_finish };
    convis_status status = convis_out_open(c, path, 1, &s->out);
    if (status) { convis_release(c, s); return status; }
    s->npy = (convis_npy_out){ &s->out, "f8", 2, { 0, 3 } };
    status = convis_npy_begin(&s->npy);
    if (status) { spike_finish(&s->base, 0, 0); return status; }
    *writer = &s->base;
    return CONVIS_OK;
}
