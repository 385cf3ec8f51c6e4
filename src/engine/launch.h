/* launch.h - kernels that belong to no layer: texts of src/kernels, for devices whose memory is not the host's. */
#ifndef CONVIS_LAUNCH_H
#define CONVIS_LAUNCH_H
#include <convis/layer.h>

/* A text for devices that belongs to no layer: as tools/embed.c made it, and its kernels' arguments. CONVIS_GPU_TEXT(conv_gpu) declares that
 * of conv_gpu.c, conv_gpu_text. */
typedef struct convis_gpu_text { const char *name; const char *const *source; const convis_kernel *kernels; } convis_gpu_text;
#define CONVIS_GPU_TEXT(id)                                                                                  \
    extern const char *const convis_##id##_source[];                                                         \
    extern const convis_kernel convis_##id##_kernels[];                                                      \
    static const convis_gpu_text id##_text = { #id, convis_##id##_source, convis_##id##_kernels };
/* One of its kernels, by `groups` workgroups of group_size; groups 0: as many work-items as n elements need. n and frames are the kernel's
 * n and nt; block: its struct of numbers, NULL if it has none. */
void convis_launch_text(const convis_pass *, const convis_gpu_text *, const char *kernel, int64_t n, int frames,
                        void *const *buffers, const void *block, int64_t groups, int group_size);
/* n numbers; no overlap. */
void convis_copy(const convis_pass *, convis_real *to, const convis_real *from, int64_t n);
/* The host can read device memory: the device is the processor. For methods, which differ; layers need not ask. */
int  convis_host_visible(const convis_context *);
#endif
