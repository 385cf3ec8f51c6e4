/* ffmpeg.c - movies and images by FFmpeg's libraries: a source of frames 0..255 with their time stamps.
 *
 * Colour becomes three planes, red, green and blue, where these are asked for; else luminance by Rec. 709,
 * Y = 0.2126 R + 0.7152 G + 0.0722 B,  of the decoded R, G and B: the values as they are stored, gamma and all, because that is what
 * stimuli are specified in. YUV reaches R, G, B by the matrix
 * and range that the stream declares (undeclared: Rec. 709 above 576 lines, Rec. 601 below; limited range). Grey
 * formats are taken directly, spread over 0..255 whatever their depth. Alpha, rotation and pixel aspect are ignored. */
#include "frames.h"
#include "base/parts.h"
#include "base/parts/ffmpeg_calls.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct video {
    convis_frames frames;
    char   *path;
    int     channel, coloured;                    /* coloured: three planes */
    int     stream, pending, draining;            /* pending: `frame` is decoded and not yet handed on */
    AVFormatContext *format;
    AVCodecContext  *codec;
    AVPacket *packet;
    AVFrame  *frame;

    struct SwsContext *scaler;                    /* from the key below to packed RGB of 8 or 16 bits */
    struct { int width, height, format, space, full, deep; } key;
    uint8_t *rgb;
    int      rgb_stride;

    convis_real *odd;                             /* a frame of another size than the first ... */
    convis_resample *resample;                    /* ... scaled to the size of the first; both made anew when the size changes */
    int      odd_width, odd_height;

    int64_t  number, first_stamp;
    double   tick, rate, start, duration;         /* seconds per tick, nominal frames per second, of the last frame */
    double   longest;                             /* interval between frames so far */
    double   declared;                            /* seconds that the header promises; 0: nothing to hold it to */
} video;

static int fail(video *v, const char *what, int error)
{
    char why[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(error, why, sizeof why);
    convis_fail(v->frames.context, error == AVERROR(ENOMEM) ? CONVIS_ENOMEM : CONVIS_EFORMAT, "%s: %s (%s)", v->path, what, why);
    return -1;
}

static int fail_frame(video *v, int error)
{
    char what[64];
    snprintf(what, sizeof what, "frame %lld cannot be decoded", (long long)v->number);
    return fail(v, what, error);
}

/* ---- Decoding: 1: v->frame holds the next frame, 0: the end, -1: an error ---- */

static int feed(video *v)
{
    int r;
    do {
        av_packet_unref(v->packet);
        r = av_read_frame(v->format, v->packet);
    } while (r >= 0 && v->packet->stream_index != v->stream);
    if (r == AVERROR_EOF || r == AVERROR(EAGAIN)) {
        v->draining = 1;
        return avcodec_send_packet(v->codec, NULL);
    }
    if (r < 0) return r;
    if (v->packet->flags & AV_PKT_FLAG_CORRUPT) return AVERROR_INVALIDDATA;      /* the file ends inside it */
    return avcodec_send_packet(v->codec, v->packet);
}

static int decode(video *v)
{
    if (v->pending) { v->pending = 0;  return 1; }
    for (;;) {
        int r = avcodec_receive_frame(v->codec, v->frame);
        if (r == AVERROR_EOF) return 0;
        if (r >= 0) {
            if (v->frame->decode_error_flags) return fail_frame(v, AVERROR_INVALIDDATA);
            return 1;
        }
        if (r == AVERROR(EAGAIN)) r = v->draining ? AVERROR_INVALIDDATA : feed(v);
        if (r < 0) return fail_frame(v, r);
    }
}

/* ---- Time stamps ---- */

/* Containers round time stamps to their tick (Matroska: 1 ms). Where the nominal frame rate explains a stamp to a tick,
 * the frame's exact time k/rate is meant. */
static double exact(const video *v, double seconds)
{
    if (!(v->rate > 0) || v->tick*v->rate > 0.25) return seconds;
    const double k = round(seconds*v->rate);
    return fabs(k/v->rate - seconds) <= 1.001*v->tick ? k/v->rate : seconds;
}

static int stamp(video *v, double *start)
{
    const AVFrame *f = v->frame;
    const int64_t pts = f->best_effort_timestamp;
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    const int64_t ticks = f->duration;
#else
    const int64_t ticks = f->pkt_duration;
#endif
    const double interval = ticks > 0 ? (double)ticks*v->tick : v->rate > 0 ? 1/v->rate : v->duration;
    double now = v->number ? v->start + v->duration : 0;
    if (v->number == 0) v->first_stamp = pts;
    else if (pts != AV_NOPTS_VALUE && v->first_stamp != AV_NOPTS_VALUE)
        now = fmax(v->start, exact(v, ((double)pts - (double)v->first_stamp)*v->tick));
    if (now - v->start > 86400 || interval > 86400) {
        convis_fail(v->frames.context, CONVIS_EFORMAT, "%s: frame %lld lasts %.3g s, expected less than a day", v->path,
                    (long long)(interval > 86400 ? v->number : v->number - 1), fmax(interval, now - v->start));
        return -1;
    }
    v->longest = fmax(v->longest, now - v->start);
    *start = v->start = now;
    v->duration = interval;
    v->number++;
    return 1;
}

/* ---- Pixels ---- */

/* Grey of any depth: value times scale plus offset. Samples of more than 8 bits are 16-bit words, shifted. */
static void grey(const AVFrame *f, const AVPixFmtDescriptor *d, convis_real *out)
{
    const AVComponentDescriptor *y = &d->comp[0];
    const int limited = f->color_range == AVCOL_RANGE_MPEG, big = d->flags & AV_PIX_FMT_FLAG_BE;
    const double one = limited ? 219.0*(1 << (y->depth - 8)) : (double)((1 << y->depth) - 1);
    const convis_real scale = (convis_real)(255/one), black = limited ? (convis_real)(16 << (y->depth - 8)) : 0;
    const unsigned mask = (1u << y->depth) - 1;
    for (int j = 0; j < f->height; j++) {
        const uint8_t *p = f->data[y->plane] + (ptrdiff_t)j*f->linesize[y->plane] + y->offset;
        convis_real *o = out + (size_t)j*(size_t)f->width;
        if (y->depth == 8) for (int i = 0; i < f->width; i++, p += y->step) o[i] = (convis_real)*p;
        else for (int i = 0; i < f->width; i++, p += y->step)
            o[i] = (convis_real)((unsigned)(big ? AV_RB16(p) : AV_RL16(p)) >> y->shift & mask);
        if (y->depth == 8 && !limited) continue;
        for (int i = 0; i < f->width; i++) {
            const convis_real value = (o[i] - black)*scale;
            o[i] = value < 0 ? 0 : value > 255 ? 255 : value;
        }
    }
}

static void grey_float(const AVFrame *f, const AVPixFmtDescriptor *d, convis_real *out)
{
    for (int j = 0; j < f->height; j++)
        for (int i = 0; i < f->width; i++) {
            const uint8_t *p = f->data[0] + (ptrdiff_t)j*f->linesize[0] + 4*(ptrdiff_t)i;
            *out++ = (convis_real)(255*av_int2float(d->flags & AV_PIX_FMT_FLAG_BE ? AV_RB32(p) : AV_RL32(p)));
        }
}

static int is_grey(const AVPixFmtDescriptor *d)
{
    const uint64_t not_grey = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL
                            | AV_PIX_FMT_FLAG_BAYER;
    if (d->nb_components > 2 || d->flags & not_grey) return 0;
    return d->flags & AV_PIX_FMT_FLAG_FLOAT ? d->comp[0].depth == 32 && d->nb_components == 1
                                            : d->comp[0].depth >= 8 && d->comp[0].depth <= 16;
}

static int is_full_range(const AVFrame *f)
{
    switch (f->format) {
    case AV_PIX_FMT_YUVJ420P: case AV_PIX_FMT_YUVJ422P: case AV_PIX_FMT_YUVJ444P: case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P: return 1;
    default: return f->color_range == AVCOL_RANGE_JPEG;
    }
}

/* A scaler from frames like this one to RGB, used until frames change. */
static int ready_scaler(video *v, const AVPixFmtDescriptor *d)
{
    const AVFrame *f = v->frame;
    const int space = f->colorspace != AVCOL_SPC_UNSPECIFIED ? (int)f->colorspace
                      : f->height > 576 ? SWS_CS_ITU709
                                                             : SWS_CS_ITU601;
    const int full = is_full_range(f), deep = d->comp[0].depth > 8;
    if (v->scaler && v->key.width == f->width && v->key.height == f->height && v->key.format == f->format
        && v->key.space == space && v->key.full == full) return 1;
    sws_freeContext(v->scaler);
    av_freep(&v->rgb);
    v->scaler = sws_getContext(f->width, f->height, (enum AVPixelFormat)f->format, f->width, f->height,
                               deep ? AV_PIX_FMT_RGB48LE : AV_PIX_FMT_RGB24,
                               SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT,
                               NULL, NULL, NULL);
    if (!v->scaler) {
        convis_fail(v->frames.context, CONVIS_ENOTSUP, "%s: pixel format %s cannot be turned into RGB", v->path, d->name);
        return -1;
    }
    /* RGB sources have no matrix: the call says so by failing, and that is fine. */
    sws_setColorspaceDetails(v->scaler, sws_getCoefficients(space), full, sws_getCoefficients(SWS_CS_DEFAULT), 1,
                             0, 1 << 16, 1 << 16);
    v->key.width = f->width;  v->key.height = f->height;  v->key.format = f->format;
    v->key.space = space;  v->key.full = full;  v->key.deep = deep;
    v->rgb_stride = (f->width*(deep ? 6 : 3) + 63) & ~63;
    v->rgb = av_malloc((size_t)v->rgb_stride*(size_t)f->height + 64);            /* swscale may write past a line's end */
    return v->rgb ? 1 : fail(v, "a frame cannot be held", AVERROR(ENOMEM));
}

static convis_real pick(int channel, convis_real r, convis_real g, convis_real b)
{
    if (channel >= 0) return channel == 0 ? r : channel == 1 ? g : b;
    return convis_luminance(r, g, b);
}

static int colour(video *v, const AVPixFmtDescriptor *d, convis_real *out)
{
    const AVFrame *f = v->frame;
    const size_t all = (size_t)f->width*(size_t)f->height, plane = v->coloured ? all : 0;
    if (ready_scaler(v, d) < 0) return -1;
    const int r = sws_scale(v->scaler, (const uint8_t *const *)f->data, f->linesize, 0, f->height,
                            (uint8_t *const[]){ v->rgb, NULL, NULL, NULL }, (const int[]){ v->rgb_stride, 0, 0, 0 });
    if (r < 0) return fail_frame(v, r);
    for (int j = 0; j < f->height; j++) {
        const uint8_t *p = v->rgb + (size_t)j*(size_t)v->rgb_stride;
        for (int i = 0; i < f->width; i++, out++) {
            const convis_real s = (convis_real)(255.0/65535.0);
            convis_real c[3];
            for (int k = 0; k < 3; k++, p += v->key.deep ? 2 : 1) c[k] = v->key.deep ? s*AV_RL16(p) : (convis_real)*p;
            if (plane) for (int k = 0; k < 3; k++) out[(size_t)k*plane] = c[k];
            else *out = pick(v->channel, c[0], c[1], c[2]);
        }
    }
    return 1;
}

static int pixels(video *v, convis_real *out)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get((enum AVPixelFormat)v->frame->format);
    if (!d) return fail_frame(v, AVERROR_INVALIDDATA);
    if (!is_grey(d)) return colour(v, d, out);
    if (d->flags & AV_PIX_FMT_FLAG_FLOAT) grey_float(v->frame, d, out);
    else grey(v->frame, d, out);
    const size_t all = (size_t)v->frame->width*(size_t)v->frame->height;
    for (int k = 1; k < 3 && v->coloured; k++) memcpy(out + (size_t)k*all, out, all*sizeof *out);
    return 1;
}

/* Movies may change size midway: later frames are brought back to the first one's. */
static int other_size(video *v, convis_real *out)
{
    convis_context *c = v->frames.context;
    const AVFrame *f = v->frame;
    if (!v->resample || v->odd_width != f->width || v->odd_height != f->height) {
        convis_resample_close(c, &v->resample);
        convis_release(c, v->odd);
        v->odd = convis_obtain(c, (size_t)v->frames.channels*(size_t)f->width*(size_t)f->height*sizeof *v->odd);
        if (!v->odd || convis_resample_open(c, f->width, f->height, v->frames.width, v->frames.height, &v->resample)) return -1;
        v->odd_width = f->width;  v->odd_height = f->height;
    }
    if (pixels(v, v->odd) < 0) return -1;
    const int64_t odd = (int64_t)f->width*f->height, plane = v->frames.width*v->frames.height;
    for (int64_t k = 0; k < v->frames.channels; k++) convis_resample_run(v->resample, v->odd + k*odd, out + k*plane);
    return 1;
}

/* At the end: when the last frame ends. Few containers say how long their last frame lasts, but many how long the movie
 * does; where that leaves more than a frame could last, the file was truncated. */
static int end(video *v, double *start)
{
    const double left = v->declared - v->start, most = 1.5*fmax(v->longest, v->duration) + .01*v->declared;
    *start = exact(v, left > 0 && left <= most ? v->declared : v->start + v->duration);
    if (left <= most) return 0;
    convis_fail(v->frames.context, CONVIS_EFORMAT, "%s: ends after %.4g s, expected %.4g s: the file is cut short", v->path,
                *start, v->declared);
    return -1;
}

static int video_next(convis_frames *frames, convis_real *out, double *start)
{
    video *v = (video *)frames;
    const int got = decode(v);
    if (got < 0) return -1;
    if (got == 0) return end(v, start);
    if (stamp(v, start) < 0) return -1;
    return v->frame->width == frames->width && v->frame->height == frames->height ? pixels(v, out) : other_size(v, out);
}

static int video_skip(convis_frames *frames, int64_t count)
{
    video *v = (video *)frames;
    double start;
    for (int64_t k = 0; k < count; k++) {
        const int got = decode(v);
        if (got <= 0) return got;
        if (stamp(v, &start) < 0) return -1;
    }
    return 1;
}

/* ---- Opening and closing ---- */

static void video_close(convis_frames *frames)
{
    video *v = (video *)frames;
    convis_context *c = frames->context;
    sws_freeContext(v->scaler);
    av_freep(&v->rgb);
    av_frame_free(&v->frame);
    av_packet_free(&v->packet);
    avcodec_free_context(&v->codec);
    avformat_close_input(&v->format);
    convis_resample_close(c, &v->resample);
    convis_release(c, v->odd);
    convis_release(c, v->path);
    convis_release(c, v);
}

static int open_container(video *v)
{
    convis_context *c = v->frames.context;
    AVDictionary *options = NULL;
    char *url = convis_obtain(c, strlen(v->path) + 6);
    if (!url) return -1;
    sprintf(url, "file:%s", v->path);             /* a path is a path, never another protocol */
    av_dict_set(&options, "protocol_whitelist", "file", 0);       /* nor may a playlist reach for one */
    av_dict_set(&options, "pattern_type", "none", 0);             /* patterns are sequence.c's */
    int r = avformat_open_input(&v->format, url, NULL, &options);
    av_dict_free(&options);
    convis_release(c, url);
    if (r < 0) return fail(v, "is no movie or image that FFmpeg can read", r);
    /* These render any text file or any bytes at all as a movie. */
    if (!strcmp(v->format->iformat->name, "tty") || !strcmp(v->format->iformat->name, "bin"))
        return fail(v, "is no movie or image", AVERROR_INVALIDDATA);
    r = avformat_find_stream_info(v->format, NULL);
    if (r < 0) return fail(v, "is no movie or image that FFmpeg can read", r);
    v->stream = av_find_best_stream(v->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (v->stream < 0 || v->format->streams[v->stream]->disposition & AV_DISPOSITION_ATTACHED_PIC) {
        convis_fail(c, CONVIS_EFORMAT, "%s: %s without a video stream", v->path, v->format->iformat->long_name);
        return -1;
    }
    for (unsigned k = 0; k < v->format->nb_streams; k++)
        if ((int)k != v->stream) v->format->streams[k]->discard = AVDISCARD_ALL;
    return 1;
}

static int open_decoder(video *v)
{
    const AVStream *s = v->format->streams[v->stream];
    const AVCodec *decoder = avcodec_find_decoder(s->codecpar->codec_id);
    if (!decoder) {
        convis_fail(v->frames.context, CONVIS_ENOTSUP, "%s: this FFmpeg has no decoder for %s", v->path,
                    avcodec_get_name(s->codecpar->codec_id));
        return -1;
    }
    v->codec = avcodec_alloc_context3(decoder);
    if (!v->codec) return fail(v, "cannot be decoded", AVERROR(ENOMEM));
    int r = avcodec_parameters_to_context(v->codec, s->codecpar);
    v->codec->pkt_timebase = s->time_base;
    v->codec->max_pixels = CONVIS_MAX_PIXELS;
    v->codec->thread_count = v->frames.context->threads;
    /* Half an image is none. JPEG's decoder says so only when told to be strict; others are strict about trifles then. */
    const int jpeg = s->codecpar->codec_id == AV_CODEC_ID_MJPEG;
    if (v->frames.still) v->codec->err_recognition = AV_EF_CRCCHECK | (jpeg ? AV_EF_EXPLODE : 0);
    if (r >= 0) r = avcodec_open2(v->codec, decoder, NULL);
    return r < 0 ? fail(v, "cannot be decoded", r) : 1;
}

/* How many frames: only MP4 and its kin say so for certain, in an index; frames that an edit list drops do not count. */
static int64_t frame_count(const video *v)
{
    AVStream *s = v->format->streams[v->stream];
    const int entries = avformat_index_get_entries_count(s);
    int64_t count = 0;
    if (strncmp(v->format->iformat->name, "mov", 3) || s->nb_frames <= 0 || entries < s->nb_frames) return -1;
    if (av_cmp_q(s->avg_frame_rate, s->r_frame_rate)) return -1;                 /* a varying rate: count alone tells no time */
    for (int k = 0; k < entries; k++) count += !(avformat_index_get_entry(s, k)->flags & AVINDEX_DISCARD_FRAME);
    return count;
}

/* Durations that libavformat guessed, or that may be another stream's, promise nothing. */
static double declared_duration(const video *v)
{
    const AVFormatContext *f = v->format;
    const AVStream *s = f->streams[v->stream];
    if (v->frames.still || f->duration_estimation_method != AVFMT_DURATION_FROM_STREAM) return 0;
    if (!strncmp(f->iformat->name, "mov", 3)) return s->duration > 0 ? (double)s->duration*v->tick : 0;
    if (f->nb_streams > 1 || f->duration <= 0) return 0;
    return (double)(f->duration - (f->start_time > 0 ? f->start_time : 0))/AV_TIME_BASE;
}

static int open_all(video *v)
{
    v->packet = av_packet_alloc();
    v->frame = av_frame_alloc();
    if (!v->packet || !v->frame) return fail(v, "cannot be opened", AVERROR(ENOMEM));
    if (open_container(v) < 0) return -1;
    convis_frames *f = &v->frames;
    const AVStream *s = v->format->streams[v->stream];
    const char *name = v->format->iformat->name, *pipe = strstr(name, "_pipe");
    f->still = (pipe && !pipe[5]) || !strcmp(name, "image2");
    if (open_decoder(v) < 0) return -1;
    v->tick = av_q2d(s->time_base);
    v->rate = s->r_frame_rate.num > 0 && s->r_frame_rate.den > 0 ? av_q2d(s->r_frame_rate) : 0;
    v->declared = declared_duration(v);
    const int got = decode(v);                    /* the first frame's size is the movie's, and a broken file shows now */
    if (got < 0) return -1;
    if (got == 0) return fail(v, "no frame can be decoded", AVERROR_INVALIDDATA);
    v->pending = 1;
    f->width = v->frame->width;
    f->height = v->frame->height;
    f->count = f->still ? 1 : frame_count(v);
    f->fps = f->still ? 0 : s->avg_frame_rate.num > 0 && s->avg_frame_rate.den > 0 ? av_q2d(s->avg_frame_rate) : v->rate;
    convis_shorten(f->format, sizeof f->format, "%s", avcodec_get_name(s->codecpar->codec_id));
    return 1;
}

convis_status convis_ffmpeg_frames(convis_context *c, const char *path, const convis_movie_options *o, convis_frames **out)
{
    *out = NULL;
    convis_status status = convis_part_need(c, CONVIS_PART_FFMPEG, path, "cannot be read");
    if (status) return status;
    av_log_set_level(AV_LOG_QUIET);               /* FFmpeg's own messages: the library never prints */
    video *v = convis_obtain(c, sizeof *v);
    if (!v) return CONVIS_ENOMEM;
    v->frames = (convis_frames){ .context = c, .count = -1, .next = video_next, .skip = video_skip, .close = video_close };
    v->channel = o->channel;
    v->coloured = o->channels == CONVIS_RGB;
    v->frames.channels = v->coloured ? 3 : 1;
    v->path = convis_copy_text(c, path);
    if (!v->path || open_all(v) < 0) {
        video_close(&v->frames);
        return CONVIS_EFORMAT;
    }
    *out = &v->frames;
    return CONVIS_OK;
}
