/* own_stub.c - is compiled with a layer of a user's own: the library's functions by their names (own_calls.h). */
#include "own_calls.h"
#include <stdarg.h>
#include <stdio.h>

static const struct convis_own_calls *calls;
__attribute__((visibility("default"))) void convis_own_bind(const struct convis_own_calls *);
void convis_own_bind(const struct convis_own_calls *library) { calls = library; }

convis_status convis_fail(convis_context *c, convis_status status, const char *format, ...)
{
    char sentence[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(sentence, sizeof sentence, format, ap);
    va_end(ap);
    return calls->fail(c, status, sentence);
}

void  convis_hint_offer(convis_hint *h, const char *name) { calls->hint_offer(h, name); }
void *convis_obtain(convis_context *c, size_t bytes) { return calls->obtain(c, bytes); }
void  convis_release(convis_context *c, void *memory) { calls->release(c, memory); }
convis_status convis_plan_alike(convis_pass *p) { return calls->plan_alike(p); }
void  convis_launch(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers)
{
    calls->launch(p, kernel, n, frames, buffers);
}
void  convis_launch_with(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers, const void *block)
{
    calls->launch_with(p, kernel, n, frames, buffers, block);
}
void  convis_launch_items(const convis_pass *p, const char *kernel, int64_t n, int frames, void *const *buffers, const void *block)
{
    calls->launch_items(p, kernel, n, frames, buffers, block);
}
void  convis_launch_rows(const convis_pass *p, const char *kernel, convis_shape frame, int64_t y0, int64_t y1,
                        void *const *buffers)
{
    calls->launch_rows(p, kernel, frame, y0, y1, buffers);
}
void  convis_barrier(const convis_pass *p) { calls->barrier(p); }
void  convis_download(const convis_pass *p, void *to, const void *from, size_t bytes) { calls->download(p, to, from, bytes); }
void  convis_upload(const convis_pass *p, void *to, const void *from, size_t bytes) { calls->upload(p, to, from, bytes); }
void  convis_zero(const convis_pass *p, void *to, size_t bytes) { calls->zero(p, to, bytes); }
int64_t convis_share(int64_t lines, int thread, int threads) { return calls->share(lines, thread, threads); }
void  convis_emit(void *sink, int64_t i, int t, double seconds) { calls->emit(sink, i, t, seconds); }
int64_t convis_elements(convis_shape s) { return calls->elements(s); }
convis_shape convis_movie_shape(int64_t t, int64_t y, int64_t x) { return calls->movie_shape(t, y, x); }
