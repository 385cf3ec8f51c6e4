/* png.c - an 8-bit picture, in grey or colour, as .png, with a comment that says what black and white stand for. */
#include "picture.h"
#include "base/parts/ffmpeg_calls.h"
#include <stdio.h>
#include <string.h>

enum { HEADER = 8 + 25 };            /* the signature and IHDR: text may follow from here on */

static convis_status write_text(convis_out *o, const char *comment)
{
    uint8_t chunk[512];
    const int length = snprintf((char *)chunk + 8, sizeof chunk - 12, "Comment%c%s", 0, comment);
    const int n = length < (int)sizeof chunk - 13 ? length : (int)sizeof chunk - 13;
    AV_WB32(chunk, (uint32_t)n);
    memcpy(chunk + 4, "tEXt", 4);
    const uint32_t crc = av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), UINT32_MAX, chunk + 4, (size_t)n + 4) ^ UINT32_MAX;
    AV_WB32(chunk + 8 + n, crc);
    return convis_out_write(o, chunk, (size_t)n + 12);
}

static int encode(AVCodecContext *codec, AVFrame *frame, AVPacket *packet, const uint8_t *bytes, int64_t planes)
{
    int r = avcodec_open2(codec, codec->codec, NULL);
    if (r >= 0) r = av_frame_get_buffer(frame, 0);
    if (r < 0) return r;
    const int64_t width = frame->width, plane = width*frame->height;
    for (int j = 0; j < frame->height; j++)
        for (int64_t i = 0; i < width*planes; i++)
            frame->data[0][(ptrdiff_t)j*frame->linesize[0] + i] = bytes[i%planes*plane + j*width + i/planes];
    r = avcodec_send_frame(codec, frame);
    return r < 0 ? r : avcodec_receive_packet(codec, packet);
}

convis_status convis_png_write(convis_out *o, const uint8_t *bytes, int64_t planes, int64_t width, int64_t height,
                               const char *comment)
{
    convis_context *c = o->atomic.context;
    const AVCodec *png = avcodec_find_encoder(AV_CODEC_ID_PNG);
    if (o->status) return o->status;
    if (!png) return o->status = convis_fail(c, CONVIS_ENOTSUP, "%s: this FFmpeg has no encoder for PNG", o->atomic.path);
    AVCodecContext *codec = avcodec_alloc_context3(png);
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    int r = AVERROR(ENOMEM);
    if (codec && frame && packet) {
        codec->width = frame->width = (int)width;
        codec->height = frame->height = (int)height;
        codec->pix_fmt = planes == 3 ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_GRAY8;
        frame->format = codec->pix_fmt;
        codec->time_base = (AVRational){ 1, 1 };
        codec->thread_count = 1;
        r = encode(codec, frame, packet, bytes, planes);
    }
    if (r < 0) {
        char why[AV_ERROR_MAX_STRING_SIZE];
        av_strerror(r, why, sizeof why);
        o->status = convis_fail(c, r == AVERROR(ENOMEM) ? CONVIS_ENOMEM : CONVIS_EIO, "%s: the picture cannot be encoded (%s)",
                                o->atomic.path, why);
    } else if (packet->size > HEADER) {
        convis_out_write(o, packet->data, HEADER);
        write_text(o, comment);
        convis_out_write(o, packet->data + HEADER, (size_t)packet->size - HEADER);
    }
    av_packet_free(&packet);
    av_frame_free(&frame);
    avcodec_free_context(&codec);
    return o->status;
}
