/* vectors.h - for what is compiled once per instruction set (..._lines.c, ..._blocks.c): vectors of this one, and the file's table. */
#ifndef CONVIS_VECTORS_H
#define CONVIS_VECTORS_H
#include <convis/layer.h>

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64 };
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif

#define INLINE static inline __attribute__((always_inline, unused))

/* CONVIS_ISA_TABLE(convis_blur_kernels, convis_blur_lines) = { CONVIS_ISA_NAME, ... }: what CONVIS_LADDER (device/device.h) declares. */
#define CONVIS_ISA_CAT_(name, isa) name##_##isa
#define CONVIS_ISA_CAT(name, isa)  CONVIS_ISA_CAT_(name, isa)
#define CONVIS_ISA_STR_(isa) #isa
#define CONVIS_ISA_STR(isa)  CONVIS_ISA_STR_(isa)
#define CONVIS_ISA_NAME CONVIS_ISA_STR(CONVIS_ISA)
#define CONVIS_ISA_TABLE(type, name)                      \
    extern const type CONVIS_ISA_CAT(name, CONVIS_ISA);   \
    const type CONVIS_ISA_CAT(name, CONVIS_ISA)

/* Vectors of the build's number type, anywhere in memory. */
#ifdef CONVIS_VECTORS_OF_REALS
typedef convis_real real;
typedef real vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
enum { WIDTH = VECTOR_BYTES/sizeof(real) };
#ifdef CONVIS_DOUBLE
typedef int64_t lane;
#else
typedef int32_t lane;
#endif
typedef lane lanes __attribute__((vector_size(VECTOR_BYTES)));       /* which elements a shuffle takes */

INLINE vector load(const real *p)      { return *(const vector *)(const void *)p; }
INLINE void   store(real *p, vector v) { *(vector *)(void *)p = v; }
INLINE vector all(real x)              { return x - (vector){ 0 }; }
#endif
#endif
