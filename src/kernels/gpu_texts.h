/* gpu_texts.h - the texts for devices that belong to no layer, as src/meson.build embeds them; CONVIS_GPU_TEXTS(X) is X of each of their
 * names. */
#ifndef CONVIS_GPU_TEXTS_H
#define CONVIS_GPU_TEXTS_H

#define CONVIS_GPU_TEXTS(X) X(frames) X(blur_gpu) X(conv_gpu) X(rf_gpu) X(formula_gpu)

#define CONVIS_GPU_TEXT_DECLARE(id)                          \
    extern const char *const convis_##id##_source[];         \
    extern const convis_kernel convis_##id##_kernels[];
CONVIS_GPU_TEXTS(CONVIS_GPU_TEXT_DECLARE)
#endif
