/* film.c - a film of 8-bit frames, in grey or colour, as .mp4 that any player shows.
 *
 * H.264 in 4:2:0, limited range, Rec. 709. Small maps are enlarged by a whole factor so that they can be seen (each
 * value a square); odd sizes, which 4:2:0 does not know, get their last row or column twice. */
#include "picture.h"
#include "base/parts/ffmpeg_calls.h"
#include <string.h>

enum { VISIBLE = 320 };              /* pixels that the longer side has at least */

struct convis_film {
    convis_context *context;
    const char *path;                /* for sentences; the caller's */
    int64_t planes, width, height, factor, frames;
    AVFormatContext *format;
    AVCodecContext  *codec;
    AVFrame  *frame;
    AVPacket *packet;
    int       written;               /* the header is: a trailer must follow */
};

static convis_status fail(convis_film *f, const char *what, int error)
{
    char why[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(error, why, sizeof why);
    return convis_fail(f->context, error == AVERROR(ENOMEM) ? CONVIS_ENOMEM : CONVIS_EIO, "%s: %s (%s)", f->path, what, why);
}

static int open_encoder(convis_film *f, double fps)
{
    const AVCodec *encoder = avcodec_find_encoder_by_name("libx264");
    if (!encoder) encoder = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    if (!encoder) return AVERROR_ENCODER_NOT_FOUND;
    AVCodecContext *c = f->codec = avcodec_alloc_context3(encoder);
    if (!c) return AVERROR(ENOMEM);
    c->width  = (int)((f->width*f->factor + 1) & ~(int64_t)1);
    c->height = (int)((f->height*f->factor + 1) & ~(int64_t)1);
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->framerate = av_d2q(fps, 60000);
    c->time_base = av_inv_q(c->framerate);
    c->color_range = AVCOL_RANGE_MPEG;
    c->colorspace = AVCOL_SPC_BT709;
    c->color_primaries = AVCOL_PRI_BT709;
    c->color_trc = AVCOL_TRC_BT709;
    c->thread_count = f->context->threads;
    if (f->format->oformat->flags & AVFMT_GLOBALHEADER) c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    c->flags |= AV_CODEC_FLAG_BITEXACT;
    if (encoder->id == AV_CODEC_ID_H264) av_opt_set(c->priv_data, "crf", "16", 0);       /* hard to tell from the original */
    else { c->flags |= AV_CODEC_FLAG_QSCALE;  c->global_quality = 2*FF_QP2LAMBDA; }
    return avcodec_open2(c, encoder, NULL);
}

static int open_file(convis_film *f, const char *temporary, double fps, const char *comment)
{
    char *url = convis_obtain(f->context, strlen(temporary) + 6);
    if (!url) return AVERROR(ENOMEM);
    strcat(strcpy(url, "file:"), temporary);
    int r = avformat_alloc_output_context2(&f->format, NULL, "mp4", url);
    if (r >= 0) r = open_encoder(f, fps);
    AVStream *s = r >= 0 ? avformat_new_stream(f->format, NULL) : NULL;
    if (r >= 0 && !s) r = AVERROR(ENOMEM);
    if (r >= 0) r = avcodec_parameters_from_context(s->codecpar, f->codec);
    if (r >= 0) r = avio_open(&f->format->pb, url, AVIO_FLAG_WRITE);
    convis_release(f->context, url);
    if (r < 0) return r;
    s->time_base = f->codec->time_base;
    s->avg_frame_rate = f->codec->framerate;
    f->format->flags |= AVFMT_FLAG_BITEXACT;
    av_dict_set(&f->format->metadata, "comment", comment, 0);
    r = avformat_write_header(f->format, NULL);
    f->written = r >= 0;
    return r;
}

static int drain(convis_film *f)
{
    for (;;) {
        int r = avcodec_receive_packet(f->codec, f->packet);
        if (r == AVERROR(EAGAIN) || r == AVERROR_EOF) return 0;
        if (r < 0) return r;
        AVStream *s = f->format->streams[0];
        if (f->packet->duration == 0) f->packet->duration = 1;
        av_packet_rescale_ts(f->packet, f->codec->time_base, s->time_base);
        f->packet->stream_index = 0;
        r = av_interleaved_write_frame(f->format, f->packet);
        if (r < 0) return r;
        if (f->format->pb->error < 0) return f->format->pb->error;
    }
}

convis_status convis_film_open(convis_context *c, const char *path, const char *temporary, int64_t planes, int64_t width,
                               int64_t height, double fps, const char *comment, convis_film **out)
{
    av_log_set_level(AV_LOG_QUIET);
    convis_film *f = *out = convis_obtain(c, sizeof *f);
    if (!f) return CONVIS_ENOMEM;
    const int64_t longer = width > height ? width : height;
    *f = (convis_film){ .context = c, .path = path, .planes = planes, .width = width, .height = height,
                        .factor = longer < VISIBLE ? (VISIBLE + longer - 1)/longer : 1 };
    f->packet = av_packet_alloc();
    f->frame = av_frame_alloc();
    int r = f->packet && f->frame ? open_file(f, temporary, fps, comment) : AVERROR(ENOMEM);
    if (r >= 0) {
        f->frame->format = f->codec->pix_fmt;
        f->frame->width = f->codec->width;
        f->frame->height = f->codec->height;
        r = av_frame_get_buffer(f->frame, 0);
    }
    if (r >= 0) return CONVIS_OK;
    const convis_status status = fail(f, "the film cannot be begun", r);
    convis_film_close(out, 0);
    return status;
}

/* The bytes of one pixel of the enlarged frame: red, green and blue, or three times the same. */
static void pixel_at(const convis_film *f, const uint8_t *bytes, int64_t i, int64_t j, double rgb[3])
{
    const int64_t row = j/f->factor < f->height ? j/f->factor : f->height - 1,
                  column = i/f->factor < f->width ? i/f->factor : f->width - 1;
    for (int k = 0; k < 3; k++) rgb[k] = bytes[(f->planes == 3 ? k : 0)*f->height*f->width + row*f->width + column];
}

static double luma(const double rgb[3]) { return 0.2126*rgb[0] + 0.7152*rgb[1] + 0.0722*rgb[2]; }

/* Differences from luma, the mean of the four pixels that share one. */
static void chroma(const convis_film *f, const uint8_t *bytes, int64_t i, int64_t j, uint8_t *blue, uint8_t *red)
{
    double rgb[3], b = 0, r = 0;
    for (int k = 0; k < 4; k++) {
        pixel_at(f, bytes, 2*i + k%2, 2*j + k/2, rgb);
        b += (rgb[2] - luma(rgb))/1.8556/4;
        r += (rgb[0] - luma(rgb))/1.5748/4;
    }
    *blue = (uint8_t)(128.5 + 224/255.0*b);
    *red  = (uint8_t)(128.5 + 224/255.0*r);
}

static void put_luma(convis_film *f, const uint8_t *bytes, AVFrame *p)
{
    for (int j = 0; j < p->height; j++) {
        uint8_t *to = p->data[0] + (ptrdiff_t)j*p->linesize[0];
        for (int i = 0; i < p->width; i++) {
            double rgb[3];
            pixel_at(f, bytes, i, j, rgb);
            to[i] = f->planes == 3 ? (uint8_t)(16.5 + 219/255.0*luma(rgb)) : (uint8_t)(16 + (219*(int)rgb[0] + 127)/255);
        }
    }
}

convis_status convis_film_add(convis_film *f, const uint8_t *bytes)
{
    AVFrame *p = f->frame;
    int r = av_frame_make_writable(p);
    if (r < 0) return fail(f, "a frame cannot be encoded", r);
    put_luma(f, bytes, p);
    for (int j = 0; j < p->height/2; j++) {
        uint8_t *blue = p->data[1] + (ptrdiff_t)j*p->linesize[1], *red = p->data[2] + (ptrdiff_t)j*p->linesize[2];
        if (f->planes == 3) for (int i = 0; i < p->width/2; i++) chroma(f, bytes, i, j, blue + i, red + i);
        else { memset(blue, 128, (size_t)p->width/2);  memset(red, 128, (size_t)p->width/2); }
    }
    p->pts = f->frames++;
    r = avcodec_send_frame(f->codec, p);
    if (r >= 0) r = drain(f);
    return r < 0 ? fail(f, "a frame cannot be written", r) : CONVIS_OK;
}

convis_status convis_film_close(convis_film **film, int complete)
{
    convis_film *f = *film;
    if (!f) return CONVIS_OK;
    int r = 0;
    if (complete) {
        r = avcodec_send_frame(f->codec, NULL);
        if (r >= 0) r = drain(f);
    }
    if (f->written) {
        const int trailer = av_write_trailer(f->format);
        if (r >= 0) r = trailer;
    }
    if (f->format && f->format->pb) {
        if (r >= 0 && f->format->pb->error < 0) r = f->format->pb->error;
        const int closed = avio_closep(&f->format->pb);
        if (r >= 0) r = closed;
    }
    const convis_status status = complete && r < 0 ? fail(f, "the film cannot be completed", r) : CONVIS_OK;
    av_frame_free(&f->frame);
    av_packet_free(&f->packet);
    avcodec_free_context(&f->codec);
    avformat_free_context(f->format);
    convis_release(f->context, f);
    *film = NULL;
    return status;
}
