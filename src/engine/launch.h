/* there.h - what kernels that belong to no layer do on a device (src/engine/remote.c). Only for passes that are there (pass->there). */
#ifndef CONVIS_THERE_H
#define CONVIS_THERE_H
#include <convis/layer.h>

/* A kernel of a text of src/kernels (`source`, made by tools/embed.c), by groups teams of group_size; groups 0: as many work-items as
 * n elements need. n and frames are what it hears as n and nt. */
void convis_launch_text(const convis_pass *, const char *name, const char *const *source, const char *kernel, int64_t n, int frames,
                        void *const *buffers, int64_t groups, int group_size);
/* n numbers; no overlap. */
void convis_copy(const convis_pass *, convis_real *to, const convis_real *from, int64_t n);
/* Pointers to what kernels see may be followed here: the device is the processor. For methods, which differ; layers need not ask. */
int  convis_host_visible(const convis_context *);
#endif
