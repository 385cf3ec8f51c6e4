/* sequence.c - many files as one movie: a glob ("dir/finland.*.pgm") or a numbered pattern ("frame.%04d.png").
 *
 * Files come in the order of the numbers in their names ("f2" before "f10"). Each is opened by its own format, so saved
 * VirtualRetina maps (one .inr a step) are sequences too. A gap in the numbers is none in the movie. */
#include "frames.h"
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sequence {
    convis_frames frames;
    convis_movie_options options;    /* of each file */
    glob_t   files;
    size_t   next;
    convis_frames *open;             /* files.gl_pathv[next], when it is open already */
    convis_real *odd;                /* for files of another size than the first */
    int64_t  odd_numbers;
} sequence;

/* Runs of digits compare as numbers, all else as text. */
static int by_number(const void *left, const void *right)
{
    const char *a = *(char *const *)left, *b = *(char *const *)right;
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            while (*a == '0') a++;
            while (*b == '0') b++;
            const char *p = a, *q = b;
            while (isdigit((unsigned char)*p)) p++;
            while (isdigit((unsigned char)*q)) q++;
            if (p - a != q - b) return p - a < q - b ? -1 : 1;
            const int order = memcmp(a, b, (size_t)(p - a));
            if (order) return order;
            a = p;  b = q;
        } else if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        else { a++;  b++; }
    }
    if (*a || *b) return *a ? 1 : -1;
    return strcmp(*(char *const *)left, *(char *const *)right);      /* "01" and "1": some fixed order */
}

/* ---- Numbered patterns: text before, %0Nd, text after ---- */

int convis_numbered_parse(const char *pattern, convis_numbered *n)
{
    for (const char *p = strchr(pattern, '%'); p; p = strchr(p + 1, '%')) {
        char *end;
        if (!isdigit((unsigned char)p[1]) && p[1] != 'd') continue;
        const unsigned long width = p[1] == 'd' ? 1 : strtoul(p + 1, &end, 10);
        if (p[1] == 'd') end = (char *)p + 1;
        if (*end != 'd' || width > 20) continue;
        *n = (convis_numbered){ (size_t)(p - pattern), strlen(end + 1), width ? width : 1 };
        return 1;
    }
    return 0;
}

static int fits(const char *name, const char *pattern, const convis_numbered *n)
{
    const size_t length = strlen(name);
    if (length < n->before + n->after + n->width) return 0;
    const size_t digits = length - n->before - n->after;
    if (digits > n->width && name[n->before] == '0') return 0;       /* printf would not have padded further */
    for (size_t i = 0; i < digits; i++) if (!isdigit((unsigned char)name[n->before + i])) return 0;
    return !strncmp(name, pattern, n->before) && !strcmp(name + length - n->after, pattern + strlen(pattern) - n->after);
}

/* The glob that finds candidates: '*' for the number, everything else literal. */
static char *glob_of(convis_context *c, const char *pattern, const convis_numbered *n)
{
    const size_t length = strlen(pattern);
    char *glob_text = convis_obtain(c, 2*length + 2), *o = glob_text;
    if (!glob_text) return NULL;
    for (size_t i = 0; i < length; i++) {
        if (i == n->before) { *o++ = '*';  i = length - n->after; }
        if (i == length) break;
        if (strchr("*?[]\\", pattern[i])) *o++ = '\\';
        *o++ = pattern[i];
    }
    *o = 0;
    return glob_text;
}

static convis_status find(sequence *s, const char *pattern)
{
    convis_context *c = s->frames.context;
    convis_numbered n = { 0, 0, 0 };
    const int is_numbered = convis_numbered_parse(pattern, &n);
    char *text = is_numbered ? glob_of(c, pattern, &n) : NULL;
    if (is_numbered && !text) return CONVIS_ENOMEM;
    const int r = glob(text ? text : pattern, GLOB_NOSORT, NULL, &s->files);
    convis_release(c, text);
    if (r && r != GLOB_NOMATCH)
        return convis_fail(c, r == GLOB_NOSPACE ? CONVIS_ENOMEM : CONVIS_EIO, "%s: the folder cannot be searched", pattern);
    size_t matching = 0;
    for (size_t k = 0; k < s->files.gl_pathc; k++) {
        char *file = s->files.gl_pathv[k];
        if (is_numbered && !fits(file, pattern, &n)) { free(file);  continue; }
        s->files.gl_pathv[matching++] = file;
    }
    for (size_t k = matching; k < s->files.gl_pathc; k++) s->files.gl_pathv[k] = NULL;
    s->files.gl_pathc = matching;
    if (matching == 0) return convis_fail(c, CONVIS_EIO, "%s: no file fits this pattern", pattern);
    qsort(s->files.gl_pathv, matching, sizeof *s->files.gl_pathv, by_number);
    return CONVIS_OK;
}

/* ---- Frames ---- */

static convis_status open_next(sequence *s)
{
    return s->open ? CONVIS_OK : convis_frames_open(s->frames.context, s->files.gl_pathv[s->next], &s->options, 1, &s->open);
}

static int obtain_odd(sequence *s, const convis_frames *f)
{
    convis_context *c = s->frames.context;
    const int64_t numbers = f->batch*f->channels*f->width*f->height;
    if (s->odd_numbers >= numbers) return 1;
    convis_release(c, s->odd);
    s->odd = convis_obtain(c, (size_t)numbers*sizeof *s->odd);
    s->odd_numbers = s->odd ? numbers : 0;
    return s->odd != NULL;
}

static int read_open(sequence *s, convis_real *frame)
{
    convis_context *c = s->frames.context;
    convis_frames *f = s->open;
    const char *path = s->files.gl_pathv[s->next];
    const int64_t planes = f->batch*f->channels, pixels = f->width*f->height, out = s->frames.width*s->frames.height;
    double start = -1;
    convis_resample *resample;
    if (f->channels != s->frames.channels || f->batch != s->frames.batch) {
        convis_fail(c, CONVIS_ESHAPE, "%s: %lld channels, expected %lld, as many as %s has", path, (long long)planes,
                    (long long)(s->frames.batch*s->frames.channels), s->files.gl_pathv[0]);
        return -1;
    }
    const int same = f->width == s->frames.width && f->height == s->frames.height;
    if (!same && (convis_frames_planes_check(c, path, f->batch, f->channels, f->width, f->height) || !obtain_odd(s, f)))
        return -1;
    const int got = f->next(f, same ? frame : s->odd, &start);
    if (got == 0) convis_fail(c, CONVIS_EFORMAT, "%s: has no frame", path);
    if (got <= 0) return -1;
    if (same) return 1;
    if (convis_resample_open(c, f->width, f->height, s->frames.width, s->frames.height, &resample)) return -1;
    for (int64_t k = 0; k < planes; k++) convis_resample_run(resample, s->odd + k*pixels, frame + k*out);
    convis_resample_close(c, &resample);
    return 1;
}

static int sequence_next(convis_frames *frames, convis_real *frame, double *start)
{
    sequence *s = (sequence *)frames;
    *start = -1;
    if (s->next >= s->files.gl_pathc) return 0;
    if (open_next(s)) return -1;
    const int got = read_open(s, frame);
    convis_frames_close(&s->open);
    s->next++;
    return got;
}

static int sequence_skip(convis_frames *frames, int64_t count)
{
    sequence *s = (sequence *)frames;
    const size_t left = s->files.gl_pathc - s->next;
    if (count > 0) convis_frames_close(&s->open);
    s->next += (uint64_t)count < left ? (size_t)count : left;
    return 1;
}

static void sequence_close(convis_frames *frames)
{
    sequence *s = (sequence *)frames;
    convis_context *c = frames->context;
    convis_frames_close(&s->open);
    globfree(&s->files);
    convis_release(c, s->odd);
    convis_release(c, s);
}

convis_status convis_sequence_frames(convis_context *c, const char *pattern, const convis_movie_options *o, convis_frames **out)
{
    *out = NULL;
    sequence *s = convis_obtain(c, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    s->frames = (convis_frames){ .context = c, .next = sequence_next, .skip = sequence_skip, .close = sequence_close };
    s->options = (convis_movie_options){ .channel = o->channel, .channels = o->channels };
    convis_status status = find(s, pattern);
    if (!status) status = open_next(s);
    if (!status) status = convis_frames_planes_check(c, s->files.gl_pathv[0], s->open->batch, s->open->channels,
                                                         s->open->width, s->open->height);
    if (status) { sequence_close(&s->frames);  return status; }
    s->frames.count = (int64_t)s->files.gl_pathc;
    s->frames.batch = s->open->batch;
    s->frames.channels = s->open->channels;
    s->frames.width = s->open->width;
    s->frames.height = s->open->height;
    memcpy(s->frames.format, s->open->format, sizeof s->frames.format);
    *out = &s->frames;
    return CONVIS_OK;
}
