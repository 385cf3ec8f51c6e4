/* ffmpeg_calls.h - FFmpeg's libraries, loaded when it is first needed: after convis_part_need of CONVIS_PART_FFMPEG. See calls.h. */
#ifndef CONVIS_FFMPEG_CALLS_H
#define CONVIS_FFMPEG_CALLS_H
#include "calls.h"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/crc.h>
#include <libavutil/imgutils.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#define CONVIS_FFMPEG_CALLS(X, V) \
    X(av_crc) X(av_crc_get_table) X(av_d2q) X(av_dict_free) X(av_dict_set) X(av_find_best_stream) X(av_frame_alloc)    \
    X(av_frame_free) X(av_frame_get_buffer) X(av_frame_make_writable) X(av_freep) X(av_interleaved_write_frame)        \
    X(av_log_set_level) X(av_malloc) X(av_opt_set) X(av_packet_alloc) X(av_packet_free) X(av_packet_rescale_ts)        \
    X(av_packet_unref) X(av_pix_fmt_desc_get) X(av_read_frame) X(av_strerror) X(av_write_trailer)                      \
    X(avcodec_alloc_context3) X(avcodec_find_decoder) X(avcodec_find_encoder) X(avcodec_find_encoder_by_name)          \
    X(avcodec_free_context) X(avcodec_get_name) X(avcodec_open2) X(avcodec_parameters_from_context)                    \
    X(avcodec_parameters_to_context) X(avcodec_receive_frame) X(avcodec_receive_packet) X(avcodec_send_frame)          \
    X(avcodec_send_packet) X(avformat_alloc_output_context2) X(avformat_close_input) X(avformat_find_stream_info)      \
    X(avformat_free_context) X(avformat_index_get_entries_count) X(avformat_index_get_entry) X(avformat_new_stream)    \
    X(avformat_open_input) X(avformat_write_header) X(avio_closep) X(avio_open) X(sws_freeContext)                     \
    X(sws_getCoefficients) X(sws_getContext) X(sws_scale) X(sws_setColorspaceDetails)
struct convis_ffmpeg { CONVIS_FFMPEG_CALLS(CONVIS_CALL_POINTER, CONVIS_CALL_POINTER) };
extern struct convis_ffmpeg convis_ffmpeg;

#ifndef CONVIS_CALLS_OWN
#define av_crc (*convis_ffmpeg.av_crc)
#define av_crc_get_table (*convis_ffmpeg.av_crc_get_table)
#define av_d2q (*convis_ffmpeg.av_d2q)
#define av_dict_free (*convis_ffmpeg.av_dict_free)
#define av_dict_set (*convis_ffmpeg.av_dict_set)
#define av_find_best_stream (*convis_ffmpeg.av_find_best_stream)
#define av_frame_alloc (*convis_ffmpeg.av_frame_alloc)
#define av_frame_free (*convis_ffmpeg.av_frame_free)
#define av_frame_get_buffer (*convis_ffmpeg.av_frame_get_buffer)
#define av_frame_make_writable (*convis_ffmpeg.av_frame_make_writable)
#define av_freep (*convis_ffmpeg.av_freep)
#define av_interleaved_write_frame (*convis_ffmpeg.av_interleaved_write_frame)
#define av_log_set_level (*convis_ffmpeg.av_log_set_level)
#define av_malloc (*convis_ffmpeg.av_malloc)
#define av_opt_set (*convis_ffmpeg.av_opt_set)
#define av_packet_alloc (*convis_ffmpeg.av_packet_alloc)
#define av_packet_free (*convis_ffmpeg.av_packet_free)
#define av_packet_rescale_ts (*convis_ffmpeg.av_packet_rescale_ts)
#define av_packet_unref (*convis_ffmpeg.av_packet_unref)
#define av_pix_fmt_desc_get (*convis_ffmpeg.av_pix_fmt_desc_get)
#define av_read_frame (*convis_ffmpeg.av_read_frame)
#define av_strerror (*convis_ffmpeg.av_strerror)
#define av_write_trailer (*convis_ffmpeg.av_write_trailer)
#define avcodec_alloc_context3 (*convis_ffmpeg.avcodec_alloc_context3)
#define avcodec_find_decoder (*convis_ffmpeg.avcodec_find_decoder)
#define avcodec_find_encoder (*convis_ffmpeg.avcodec_find_encoder)
#define avcodec_find_encoder_by_name (*convis_ffmpeg.avcodec_find_encoder_by_name)
#define avcodec_free_context (*convis_ffmpeg.avcodec_free_context)
#define avcodec_get_name (*convis_ffmpeg.avcodec_get_name)
#define avcodec_open2 (*convis_ffmpeg.avcodec_open2)
#define avcodec_parameters_from_context (*convis_ffmpeg.avcodec_parameters_from_context)
#define avcodec_parameters_to_context (*convis_ffmpeg.avcodec_parameters_to_context)
#define avcodec_receive_frame (*convis_ffmpeg.avcodec_receive_frame)
#define avcodec_receive_packet (*convis_ffmpeg.avcodec_receive_packet)
#define avcodec_send_frame (*convis_ffmpeg.avcodec_send_frame)
#define avcodec_send_packet (*convis_ffmpeg.avcodec_send_packet)
#define avformat_alloc_output_context2 (*convis_ffmpeg.avformat_alloc_output_context2)
#define avformat_close_input (*convis_ffmpeg.avformat_close_input)
#define avformat_find_stream_info (*convis_ffmpeg.avformat_find_stream_info)
#define avformat_free_context (*convis_ffmpeg.avformat_free_context)
#define avformat_index_get_entries_count (*convis_ffmpeg.avformat_index_get_entries_count)
#define avformat_index_get_entry (*convis_ffmpeg.avformat_index_get_entry)
#define avformat_new_stream (*convis_ffmpeg.avformat_new_stream)
#define avformat_open_input (*convis_ffmpeg.avformat_open_input)
#define avformat_write_header (*convis_ffmpeg.avformat_write_header)
#define avio_closep (*convis_ffmpeg.avio_closep)
#define avio_open (*convis_ffmpeg.avio_open)
#define sws_freeContext (*convis_ffmpeg.sws_freeContext)
#define sws_getCoefficients (*convis_ffmpeg.sws_getCoefficients)
#define sws_getContext (*convis_ffmpeg.sws_getContext)
#define sws_scale (*convis_ffmpeg.sws_scale)
#define sws_setColorspaceDetails (*convis_ffmpeg.sws_setColorspaceDetails)
#endif
#endif
