/* movies.h - what the tests of movies share: a folder of their own, small movies made there, and what comes of reading them. */
#ifndef MOVIES_H
#define MOVIES_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <convis/io.h>
#include "io/frames.h"
#include <dirent.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static convis_context *c;
static char folder[] = "/tmp/convis-movie-XXXXXX";

/* A path in the test's folder; a few stay valid at a time. */
static inline const char *in(const char *name)
{
    static char paths[8][256];
    static int next;
    char *p = paths[next++ % 8];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

static inline void put(const char *name, const void *bytes, size_t size)
{
    FILE *f = fopen(in(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}
static inline void put_text(const char *name, const char *text) { put(name, text, strlen(text)); }

static inline int files_left(const char *but)
{
    DIR *d = opendir(folder);
    int count = 0;
    for (struct dirent *e; (e = readdir(d));)
        count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strcmp(e->d_name, but);
    closedir(d);
    return count;
}

static inline int clear_folder(void **state)
{
    (void)state;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) if (*e->d_name != '.' || strlen(e->d_name) > 2) unlink(in(e->d_name));
    if (d) closedir(d);
    return 0;
}
static inline int open_all(void **state) { (void)state; return !mkdtemp(folder) || convis_open(&c, "cpu"); }
static inline int close_all(void **state) { clear_folder(state); convis_close(&c); return rmdir(folder); }

static const convis_movie_options defaults = CONVIS_MOVIE_DEFAULTS;
static inline convis_movie_options step(double dt) { convis_movie_options o = defaults; o.dt = dt; return o; }

/* The whole movie, in chunks of 7 steps. */
static inline convis_real *read_all(const char *name, convis_movie_options o, int64_t *steps, convis_movie_info *info)
{
    convis_movie *m;
    if (convis_movie_open(c, name, &o, &m)) fail_msg("%s", convis_message(c));
    convis_movie_info_get(m, info);
    const size_t n = (size_t)(info->batch*info->channels*info->width*info->height);
    convis_real *all = NULL;
    int64_t got = 7;
    for (*steps = 0; got == 7; *steps += got) {
        all = realloc(all, ((size_t)*steps + 7)*n*sizeof *all);
        if (convis_movie_read(m, all + (size_t)*steps*n, 7, &got)) fail_msg("%s", convis_message(c));
    }
    convis_movie_close(&m);
    return all;
}

/* The first pixel of every step, as a whole number. */
static inline int64_t *levels(const char *name, convis_movie_options o, int64_t *steps)
{
    convis_movie_info info;
    convis_real *all = read_all(name, o, steps, &info);
    int64_t *l = malloc((size_t)(*steps + 1)*sizeof *l);
    for (int64_t k = 0; k < *steps; k++) l[k] = llround((double)all[k*info.width*info.height]);
    if (info.steps >= 0) assert_int_equal(info.steps, *steps);
    free(all);
    return l;
}

static inline void expect_levels(const char *name, convis_movie_options o, const int *expected, int count)
{
    int64_t steps, *l = levels(name, o, &steps);
    assert_int_equal(steps, count);
    for (int k = 0; k < count; k++) assert_int_equal(l[k], expected[k]);
    free(l);
}
#define EXPECT_LEVELS(name, o, ...) do { const int e_[] = { __VA_ARGS__ }; expect_levels(name, o, e_, sizeof e_/sizeof *e_); } while (0)

/* Opening or reading fails with a sentence that has these words, and says the name. */
static inline void expect_error(const char *name, convis_movie_options o, const char *words)
{
    convis_movie *m;
    convis_status status = convis_movie_open(c, name, &o, &m);
    if (!status) {
        convis_movie_info info;
        convis_movie_info_get(m, &info);
        convis_real *frames = malloc((size_t)(5*info.batch*info.channels*info.width*info.height)*sizeof *frames);
        int64_t got = 5;
        while (!status && got == 5) status = convis_movie_read(m, frames, 5, &got);
        if (status) assert_int_equal(convis_movie_read(m, frames, 5, &got), status);      /* it sticks */
        free(frames);
        convis_movie_close(&m);
    } else assert_null(m);
    if (!status) fail_msg("%s: no error, expected '%s'", name, words);
    if (!strstr(convis_message(c), words)) fail_msg("'%s' lacks '%s'", convis_message(c), words);
}

/* ---- Files made here ---- */

/* Uncompressed grey video, 4 x 2 pixels, all pixels of frame k being k mod 251. */
static inline void put_y4m(const char *name, int frames, const char *rate)
{
    FILE *f = fopen(in(name), "wb");
    fprintf(f, "YUV4MPEG2 W4 H2 F%s Ip A1:1 Cmono\n", rate);
    for (int k = 0; k < frames; k++) {
        fputs("FRAME\n", f);
        for (int i = 0; i < 8; i++) fputc(k % 251, f);
    }
    fclose(f);
}

/* A lossless film (FFV1 in Matroska, time stamps in milliseconds) of grey frames at the given times; sizes may vary. */
static inline void put_mkv(const char *name, const int *ms, int frames, int last_ms)
{
    AVFormatContext *f;
    AVCodecContext *e = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_FFV1));
    AVFrame *p = av_frame_alloc();
    AVPacket *k = av_packet_alloc();
    avformat_alloc_output_context2(&f, NULL, "matroska", in(name));
    e->width = p->width = 16;  e->height = p->height = 16;
    e->pix_fmt = AV_PIX_FMT_GRAY8;  p->format = AV_PIX_FMT_GRAY8;
    e->time_base = (AVRational){ 1, 1000 };
    e->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    assert_int_equal(avcodec_open2(e, NULL, NULL), 0);
    AVStream *s = avformat_new_stream(f, NULL);
    avcodec_parameters_from_context(s->codecpar, e);
    s->time_base = e->time_base;
    assert_true(avio_open(&f->pb, in(name), AVIO_FLAG_WRITE) >= 0);
    assert_true(avformat_write_header(f, NULL) >= 0);
    av_frame_get_buffer(p, 0);
    for (int j = 0; j < frames; j++) {
        av_frame_make_writable(p);
        for (int y = 0; y < 16; y++) memset(p->data[0] + y*p->linesize[0], 10*j, 16);
        p->pts = ms[j];
        assert_int_equal(avcodec_send_frame(e, p), 0);
        while (avcodec_receive_packet(e, k) == 0) {
            k->duration = (j + 1 < frames ? ms[j + 1] : last_ms) - ms[j];
            av_interleaved_write_frame(f, k);
        }
    }
    av_write_trailer(f);
    avio_closep(&f->pb);
    avformat_free_context(f);
    avcodec_free_context(&e);
    av_frame_free(&p);
    av_packet_free(&k);
}

static inline void put_pgm(const char *name, int width, int height, int level)
{
    unsigned char bytes[4096];
    int n = sprintf((char *)bytes, "P5\n%d %d\n255\n", width, height);
    memset(bytes + n, level, (size_t)(width*height));
    put(name, bytes, (size_t)(n + width*height));
}

/* float32, C order. */
static inline void put_npy(const char *name, const char *shape, const float *values, size_t count)
{
    unsigned char bytes[4096] = "\x93NUMPY\x01\x00\x76\x00";
    const int n = sprintf((char *)bytes + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape);
    memset(bytes + 10 + n, ' ', (size_t)(118 - n));
    bytes[127] = '\n';
    memcpy(bytes + 128, values, 4*count);
    put(name, bytes, 128 + 4*count);
}

/* ---- Pixels ---- */

static inline void expect_pixels(const char *name, int channel, const double *expected, int count, double tolerance)
{
    convis_movie_options o = step(1);
    convis_movie_info info;
    int64_t steps;
    o.channel = channel;
    convis_real *all = read_all(name, o, &steps, &info);
    assert_int_equal(info.width*info.height*steps, count);
    for (int k = 0; k < count; k++) assert_float_equal(all[k], expected[k], tolerance);
    free(all);
}
#define EXPECT_PIXELS(name, channel, tolerance, ...) do { const double e_[] = { __VA_ARGS__ }; \
        expect_pixels(name, channel, e_, sizeof e_/sizeof *e_, tolerance); } while (0)
#endif
