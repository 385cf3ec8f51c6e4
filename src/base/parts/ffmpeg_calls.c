/* ffmpeg_calls.c - the table of ffmpeg_calls.h. */
#define CONVIS_CALLS_OWN
#include "ffmpeg_calls.h"

#define CONVIS_CALL_VARIABLE(name) CONVIS_VARIABLE(convis_ffmpeg, name),
#define CONVIS_CALL_ENTRY(name) CONVIS_SYMBOL(convis_ffmpeg, name),
CONVIS_CALLS_DEFINE(ffmpeg, CONVIS_FFMPEG_CALLS)
