/* own_calls.h - what a layer of a user's own that was compiled at run time calls of the library: its functions by their addresses, so that
 * it does not matter how the program was linked. own_stub.c, which is compiled with the layer, has these functions by their names. */
#ifndef CONVIS_OWN_CALLS_H
#define CONVIS_OWN_CALLS_H
#include <convis/layer.h>

struct convis_own_calls {
    convis_status (*fail)(convis_context *, convis_status, const char *sentence);
    void    (*hint_offer)(convis_hint *, const char *name);
    void   *(*obtain)(convis_context *, size_t bytes);
    void    (*release)(convis_context *, void *memory);
    convis_status (*plan_alike)(convis_pass *);
    void    (*launch)(const convis_pass *, const char *kernel, int64_t n, int frames, void *const *buffers);
    void    (*launch_with)(const convis_pass *, const char *kernel, int64_t n, int frames, void *const *buffers, const void *block);
    void    (*launch_items)(const convis_pass *, const char *kernel, int64_t n, int frames, void *const *buffers, const void *block);
    void    (*launch_rows)(const convis_pass *, const char *kernel, convis_shape frame, int64_t y0, int64_t y1,
                        void *const *buffers);
    void    (*barrier)(const convis_pass *);
    void    (*download)(const convis_pass *, void *to, const void *from, size_t bytes);
    void    (*upload)(const convis_pass *, void *to, const void *from, size_t bytes);
    void    (*zero)(const convis_pass *, void *to, size_t bytes);
    int64_t (*share)(int64_t lines, int thread, int threads);
    void    (*emit)(void *sink, int64_t i, int t, double seconds);
    int64_t (*elements)(convis_shape);
    convis_shape (*movie_shape)(int64_t t, int64_t y, int64_t x);
};
#endif
