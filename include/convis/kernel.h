/* kernel.h - the dialect in which the upper half of a layer file is written.
 *
 * The same text is compiled by the C compiler (once per instruction set), by NVRTC for CUDA and by the OpenCL
 * compiler. A kernel is a function over pixels and frames:
 *
 *      CONVIS_KERNEL(leaky_forward, PARAM p, IN x, OUT y, STATE s)
 *      {
 *          real b = -convis_expm1(-dt/p[0]);
 *          CONVIS_SCAN(i, t) { s[i] += b*(x[t*n + i] - s[i]);  y[t*n + i] = s[i]; }
 *      }
 *      CONVIS_EXPORT(leaky, CONVIS_ENTRY(leaky_forward))
 *
 * Its arguments are buffers, at most 16. Further numbers it gets as a block, CONVIS_KERNEL_OF(lattice, name, IN x, OUT y): a struct
 * of the type `lattice`, with members of 32 bits (int, real, u32), which the body knows as `args` and which stands in the layer's file or in
 * a header that the file includes by its name in quotes. Who launches it passes such a struct (convis_launch_with).
 *
 * CONVIS_SCAN (CONVIS_SCAN_BACK: last frame first) visits every pixel i and frame t: on a processor frames outside and
 * pixels inside, so that the inner loop vectorises; on a GPU a thread per pixel. A body touches only [i] of a state and [t*n + i] of a movie.
 * CONVIS_GROUPS visits groups of CONVIS_GROUP consecutive pixels (1 on a GPU), for bodies that need a few passes over
 * the same pixels; `count` is how many of the group exist. Known inside: n (elements from one frame of a movie to the
 * next), map_size (elements of a map: a state with several maps is s[j*map_size + i], the tape tape[t*map_size + i]),
 * nt (frames), dt (s), frame (number of the first frame), key0, key1 (of this layer's noise).
 *
 * The dialect's short names (real, integer, u32, R, PARAM, IN, OUT, STATE, TAPE, TOTAL, INDEX) are defined in a layer file (where
 * CONVIS_ISA or CONVIS_HOST is), and after #define CONVIS_KERNEL_SHORT_NAMES before the first #include. Elsewhere all names begin
 * with convis_ or CONVIS_.
 * Compilers must not contract a*b + c, so that every target gives the same bits.
 *
 * Kernels for devices other than processors (src/kernels/.../..._gpu.c), CONVIS_GPU_KERNEL(name, count, ...) and CONVIS_GPU_KERNEL_OF(type,
 * name, count, ...), are run by workgroups of work-items: CONVIS_MEMBER of CONVIS_MEMBERS in workgroup CONVIS_WORKGROUP of
 * CONVIS_WORKGROUPS, with `count` numbers of shared memory, `shared`, and CONVIS_BARRIER. CONVIS_EXPORT_GPU makes the table of such a
 * text. */
#ifndef CONVIS_KERNEL_H
#define CONVIS_KERNEL_H

#if defined(__OPENCL_C_VERSION__) || defined(__OPENCL_VERSION__)
#  pragma OPENCL FP_CONTRACT OFF
#  define CONVIS_GPU 1
typedef float real, convis_real;
typedef int   integer, convis_integer;
typedef uint  u32, convis_u32;
#  define CONVIS_GLOBAL __global
#  define CONVIS_ENTRY_POINT __kernel void
#  define CONVIS_INLINE static inline
#  define CONVIS_FIRST ((integer)get_global_id(0))
#  define CONVIS_STEP  ((integer)get_global_size(0))
#  define convis_bits(x)    as_uint(x)
#  define convis_float(u)   as_float(u)
#  define convis_mulhi(a, b) mul_hi((u32)(a), (u32)(b))
#  define convis_sqrt(x)    sqrt(x)
#  define CONVIS_LOCAL      __local
#  define CONVIS_SHARED_    __local real *shared
#  define CONVIS_MEMBER     ((integer)get_local_id(0))
#  define CONVIS_MEMBERS    ((integer)get_local_size(0))
#  define CONVIS_WORKGROUP       ((integer)get_group_id(0))
#  define CONVIS_WORKGROUPS      ((integer)get_num_groups(0))
#  define CONVIS_BARRIER       barrier(CLK_LOCAL_MEM_FENCE)
#elif defined(__CUDACC__) || defined(__CUDACC_RTC__)
#  define CONVIS_GPU 1
typedef float real, convis_real;
typedef int   integer, convis_integer;
typedef unsigned int u32, convis_u32;
#  define restrict __restrict__
#  define CONVIS_GLOBAL
#  define CONVIS_ENTRY_POINT extern "C" __global__ void
#  define CONVIS_INLINE static __device__ __forceinline__
#  define CONVIS_FIRST ((integer)(blockIdx.x*blockDim.x + threadIdx.x))
#  define CONVIS_STEP  ((integer)(gridDim.x*blockDim.x))
#  define convis_bits(x)    __float_as_uint(x)
#  define convis_float(u)   __uint_as_float(u)
#  define convis_mulhi(a, b) __umulhi(a, b)
#  define convis_sqrt(x)    sqrtf(x)
#  define CONVIS_LOCAL      __shared__
#  define CONVIS_SHARED_    real *shared
#  define CONVIS_MEMBER     ((integer)threadIdx.x)
#  define CONVIS_MEMBERS    ((integer)blockDim.x)
#  define CONVIS_WORKGROUP       ((integer)blockIdx.x)
#  define CONVIS_WORKGROUPS      ((integer)gridDim.x)
#  define CONVIS_BARRIER       __syncthreads()
#else
#  include <convis/layer.h>
#  include <math.h>
#  include <string.h>
#  if defined(__AVX2__)
#    include <immintrin.h>
#  endif
typedef long     convis_integer;
typedef uint32_t convis_u32;
#  if (defined(CONVIS_ISA) || defined(CONVIS_HOST)) && !defined(CONVIS_KERNEL_SHORT_NAMES)
#    define CONVIS_KERNEL_SHORT_NAMES
#  endif
#  ifdef CONVIS_KERNEL_SHORT_NAMES
typedef convis_real    real;
typedef convis_integer integer;
typedef convis_u32     u32;
#    pragma GCC diagnostic ignored "-Wunused-parameter"
#  else                                      /* only until the end of this file */
#    define real    convis_real
#    define integer convis_integer
#    define u32     convis_u32
#  endif
#  ifdef __cplusplus
#    define restrict __restrict
#  endif
#  define CONVIS_GLOBAL
#  define CONVIS_INLINE static inline __attribute__((always_inline, unused))
CONVIS_INLINE u32   convis_bits(float x)   { u32 u;   memcpy(&u, &x, 4); return u; }
CONVIS_INLINE float convis_float(u32 u)    { float x; memcpy(&x, &u, 4); return x; }
CONVIS_INLINE u32   convis_mulhi(u32 a, u32 b) { return (u32)((uint64_t)a*b >> 32); }
#  ifdef CONVIS_DOUBLE
#    define convis_sqrt(x) sqrt(x)
#  else
#    define convis_sqrt(x) sqrtf(x)
#  endif
#endif

#define R(x) ((real)(x))                     /* a literal in the number type of the build */
#define PARAM CONVIS_GLOBAL const real *restrict
#define IN    CONVIS_GLOBAL const real *restrict
#define OUT   CONVIS_GLOBAL real *restrict
#define STATE CONVIS_GLOBAL real *restrict
#define TAPE  CONVIS_GLOBAL real *restrict
/* Sums that become gradients of parameters (convis_pass.d_array): on a processor double, which costs it nothing. */
#ifdef CONVIS_GPU
typedef real convis_total;
#endif
#define TOTAL CONVIS_GLOBAL convis_total *restrict

/* Numbers of places, whole: a map from places to places. */
#define INDEX CONVIS_GLOBAL const int *restrict

/* ---- Kernels, loops, export ---- */

#define CONVIS_COUNT(...) CONVIS_COUNT_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define CONVIS_COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, count, ...) count
#define CONVIS_PASTE_(a, b, c) a##b##c
#define CONVIS_PASTE(a, b, c)  CONVIS_PASTE_(a, b, c)

#ifdef CONVIS_GPU
#  define CONVIS_TAIL int n, int nt, real dt, u32 frame, u32 key0, u32 key1
#  define CONVIS_HANDED_ON n, nt, dt, frame, key0, key1
#  define map_size n
   /* The entry point makes an address of the device's handle of a buffer: OpenCL has a block and an offset in it. */
#  if defined(__CUDACC__) || defined(__CUDACC_RTC__)
   struct convis_address { void *at; template<class T> __device__ __forceinline__ operator T *() const { return (T *)at; } };
#    define CONVIS_HANDLE_(k) void *m##k
#    define CONVIS_AT_(k) convis_address{ m##k }
#  else
#    define CONVIS_HANDLE_(k) __global char *m##k, ulong o##k
#    define CONVIS_AT_(k) (__global void *)(m##k ? m##k + o##k : 0)
#  endif
#  define CONVIS_H1_ CONVIS_HANDLE_(0)
#  define CONVIS_H2_ CONVIS_H1_, CONVIS_HANDLE_(1)
#  define CONVIS_H3_ CONVIS_H2_, CONVIS_HANDLE_(2)
#  define CONVIS_H4_ CONVIS_H3_, CONVIS_HANDLE_(3)
#  define CONVIS_H5_ CONVIS_H4_, CONVIS_HANDLE_(4)
#  define CONVIS_H6_ CONVIS_H5_, CONVIS_HANDLE_(5)
#  define CONVIS_H7_ CONVIS_H6_, CONVIS_HANDLE_(6)
#  define CONVIS_H8_ CONVIS_H7_, CONVIS_HANDLE_(7)
#  define CONVIS_H9_ CONVIS_H8_, CONVIS_HANDLE_(8)
#  define CONVIS_H10_ CONVIS_H9_, CONVIS_HANDLE_(9)
#  define CONVIS_H11_ CONVIS_H10_, CONVIS_HANDLE_(10)
#  define CONVIS_H12_ CONVIS_H11_, CONVIS_HANDLE_(11)
#  define CONVIS_H13_ CONVIS_H12_, CONVIS_HANDLE_(12)
#  define CONVIS_H14_ CONVIS_H13_, CONVIS_HANDLE_(13)
#  define CONVIS_H15_ CONVIS_H14_, CONVIS_HANDLE_(14)
#  define CONVIS_H16_ CONVIS_H15_, CONVIS_HANDLE_(15)
#  define CONVIS_A1_ CONVIS_AT_(0)
#  define CONVIS_A2_ CONVIS_A1_, CONVIS_AT_(1)
#  define CONVIS_A3_ CONVIS_A2_, CONVIS_AT_(2)
#  define CONVIS_A4_ CONVIS_A3_, CONVIS_AT_(3)
#  define CONVIS_A5_ CONVIS_A4_, CONVIS_AT_(4)
#  define CONVIS_A6_ CONVIS_A5_, CONVIS_AT_(5)
#  define CONVIS_A7_ CONVIS_A6_, CONVIS_AT_(6)
#  define CONVIS_A8_ CONVIS_A7_, CONVIS_AT_(7)
#  define CONVIS_A9_ CONVIS_A8_, CONVIS_AT_(8)
#  define CONVIS_A10_ CONVIS_A9_, CONVIS_AT_(9)
#  define CONVIS_A11_ CONVIS_A10_, CONVIS_AT_(10)
#  define CONVIS_A12_ CONVIS_A11_, CONVIS_AT_(11)
#  define CONVIS_A13_ CONVIS_A12_, CONVIS_AT_(12)
#  define CONVIS_A14_ CONVIS_A13_, CONVIS_AT_(13)
#  define CONVIS_A15_ CONVIS_A14_, CONVIS_AT_(14)
#  define CONVIS_A16_ CONVIS_A15_, CONVIS_AT_(15)
#  define CONVIS_HANDLES_(...) CONVIS_PASTE(CONVIS_H, CONVIS_COUNT(__VA_ARGS__), _)
#  define CONVIS_PLACES_(...)  CONVIS_PASTE(CONVIS_A, CONVIS_COUNT(__VA_ARGS__), _)
#  define CONVIS_KERNEL(name, ...)                                                                                          \
    CONVIS_INLINE void name##_body(__VA_ARGS__, CONVIS_TAIL);                                                               \
    CONVIS_ENTRY_POINT name(CONVIS_HANDLES_(__VA_ARGS__), CONVIS_TAIL)                                                      \
    { name##_body(CONVIS_PLACES_(__VA_ARGS__), CONVIS_HANDED_ON); }                                                         \
    CONVIS_INLINE void name##_body(__VA_ARGS__, CONVIS_TAIL)
#  define CONVIS_KERNEL_OF(type, name, ...)                                                                                 \
    CONVIS_INLINE void name##_body(type args, __VA_ARGS__, CONVIS_TAIL);                                                    \
    CONVIS_ENTRY_POINT name(CONVIS_HANDLES_(__VA_ARGS__), const type args, CONVIS_TAIL)                                     \
    { name##_body(args, CONVIS_PLACES_(__VA_ARGS__), CONVIS_HANDED_ON); }                                                   \
    CONVIS_INLINE void name##_body(type args, __VA_ARGS__, CONVIS_TAIL)
#  define CONVIS_GPU_KERNEL(name, count, ...)                                                                               \
    CONVIS_INLINE void name##_body(CONVIS_SHARED_, __VA_ARGS__, CONVIS_TAIL);                                               \
    CONVIS_ENTRY_POINT name(CONVIS_HANDLES_(__VA_ARGS__), CONVIS_TAIL)                                                      \
    { CONVIS_LOCAL real local_[count]; name##_body(local_, CONVIS_PLACES_(__VA_ARGS__), CONVIS_HANDED_ON); }                \
    CONVIS_INLINE void name##_body(CONVIS_SHARED_, __VA_ARGS__, CONVIS_TAIL)
#  define CONVIS_GPU_KERNEL_OF(type, name, count, ...)                                                                      \
    CONVIS_INLINE void name##_body(CONVIS_SHARED_, type args, __VA_ARGS__, CONVIS_TAIL);                                    \
    CONVIS_ENTRY_POINT name(CONVIS_HANDLES_(__VA_ARGS__), const type args, CONVIS_TAIL)                                     \
    { CONVIS_LOCAL real local_[count]; name##_body(local_, args, CONVIS_PLACES_(__VA_ARGS__), CONVIS_HANDED_ON); }          \
    CONVIS_INLINE void name##_body(CONVIS_SHARED_, type args, __VA_ARGS__, CONVIS_TAIL)
#  define CONVIS_PIXELS(i)  for (integer i = CONVIS_FIRST; i < n; i += CONVIS_STEP)
   /* Elements 0 .. all - 1 that are item c's of n: on a GPU every n-th, which neighbours read together; on a processor neighbours. */
#  define CONVIS_SHARE(i, c, all) for (integer i = (c); i < (all); i += n)
#  define CONVIS_SCAN(i, t) CONVIS_PIXELS(i) CONVIS_FRAMES(t)
#  define CONVIS_SCAN_BACK(i, t) CONVIS_PIXELS(i) CONVIS_FRAMES_BACK(t)
#  define CONVIS_GROUP 1
#  define CONVIS_GROUPS(g, count) CONVIS_PIXELS(g) for (int count = 1; count; count = 0)
#  define CONVIS_ENTRY(name)
#  define CONVIS_GPU_ENTRY(name)
#  define CONVIS_EXPORT(layer, entries)
#  define CONVIS_EXPORT_GPU(text, entries)
#else
#  define CONVIS_TAIL convis_integer i0, convis_integer i1, convis_integer n, convis_integer map_size, int nt, convis_real dt, \
    convis_u32 frame, convis_u32 key0, convis_u32 key1
#  define CONVIS_HANDED_ON i0, i1, n, map_size, nt, dt, frame, key0, key1      /* to an inline function that ends in CONVIS_TAIL */
#  define CONVIS_SPAN_ g->i0, g->i1, g->n, g->map_size, g->nt, g->dt, g->frame, g->key0, g->key1
   /* A body that is not inlined preserves `restrict`; the trampoline unpacks the buffers. Not every body
    * needs every argument of the tail, hence `unused`. */
#  define CONVIS_KERNEL(name, ...)                                                                                          \
    enum { name##_buffers = CONVIS_COUNT(__VA_ARGS__), name##_block = 0 };                                                  \
    static __attribute__((noinline)) void name##_body(__VA_ARGS__, CONVIS_TAIL);                                            \
    static void name(void *const *v, const convis_span *g) { name##_body(CONVIS_BUFFERS_(__VA_ARGS__), CONVIS_SPAN_); }     \
    static __attribute__((noinline)) void name##_body(__VA_ARGS__, CONVIS_TAIL)
#  define CONVIS_KERNEL_OF(type, name, ...)                                                                                 \
    enum { name##_buffers = CONVIS_COUNT(__VA_ARGS__), name##_block = sizeof(type) };                                       \
    static __attribute__((noinline)) void name##_body(const type args, __VA_ARGS__, CONVIS_TAIL);                           \
    static void name(void *const *v, const convis_span *g)                                                                  \
    { name##_body(*(const type *)g->block, CONVIS_BUFFERS_(__VA_ARGS__), CONVIS_SPAN_); }                                   \
    static __attribute__((noinline)) void name##_body(const type args, __VA_ARGS__, CONVIS_TAIL)
   /* Of kernels for other devices a processor's compiler makes only the rows of the table, and checks their grammar. */
#  define CONVIS_LOCAL
#  define CONVIS_SHARED_    convis_real *shared
#  define CONVIS_MEMBER     ((convis_integer)0)
#  define CONVIS_MEMBERS    ((convis_integer)1)
#  define CONVIS_WORKGROUP       ((convis_integer)0)
#  define CONVIS_WORKGROUPS      ((convis_integer)1)
#  define CONVIS_BARRIER       ((void)0)
#  define CONVIS_GPU_KERNEL(name, count, ...)                                                                               \
    enum { name##_buffers = CONVIS_COUNT(__VA_ARGS__), name##_block = 0 };                                                  \
    static __attribute__((unused)) void name##_body(CONVIS_SHARED_, __VA_ARGS__, CONVIS_TAIL)
#  define CONVIS_GPU_KERNEL_OF(type, name, count, ...)                                                                      \
    enum { name##_buffers = CONVIS_COUNT(__VA_ARGS__), name##_block = sizeof(type) };                                       \
    static __attribute__((unused)) void name##_body(CONVIS_SHARED_, const type args, __VA_ARGS__, CONVIS_TAIL)
#  define CONVIS_BUFFERS_(...) CONVIS_PASTE(CONVIS_V, CONVIS_COUNT(__VA_ARGS__), _)
#  define CONVIS_V1_ v[0]
#  define CONVIS_V2_ CONVIS_V1_, v[1]
#  define CONVIS_V3_ CONVIS_V2_, v[2]
#  define CONVIS_V4_ CONVIS_V3_, v[3]
#  define CONVIS_V5_ CONVIS_V4_, v[4]
#  define CONVIS_V6_ CONVIS_V5_, v[5]
#  define CONVIS_V7_ CONVIS_V6_, v[6]
#  define CONVIS_V8_ CONVIS_V7_, v[7]
#  define CONVIS_V9_ CONVIS_V8_, v[8]
#  define CONVIS_V10_ CONVIS_V9_, v[9]
#  define CONVIS_V11_ CONVIS_V10_, v[10]
#  define CONVIS_V12_ CONVIS_V11_, v[11]
#  define CONVIS_V13_ CONVIS_V12_, v[12]
#  define CONVIS_V14_ CONVIS_V13_, v[13]
#  define CONVIS_V15_ CONVIS_V14_, v[14]
#  define CONVIS_V16_ CONVIS_V15_, v[15]
#  define CONVIS_PIXELS(i)  for (convis_integer i = i0; i < i1; i++)
#  define CONVIS_SHARE(i, c, all) for (convis_integer i = (all)*(c)/n; i < (all)*((c) + 1)/n; i++)
#  define CONVIS_SCAN(i, t) CONVIS_FRAMES(t) CONVIS_PIXELS(i)
#  define CONVIS_SCAN_BACK(i, t) CONVIS_FRAMES_BACK(t) CONVIS_PIXELS(i)
#  define CONVIS_GROUP 64
#  define CONVIS_GROUPS(g, count) for (convis_integer g = i0; g < i1; g += CONVIS_GROUP) \
        for (int count = (int)(i1 - g < CONVIS_GROUP ? i1 - g : CONVIS_GROUP); count; count = 0)
#  define CONVIS_ENTRY(name) { #name, name, name##_buffers, name##_block },
#  define CONVIS_GPU_ENTRY(name) { #name, 0, name##_buffers, name##_block },
#  define CONVIS_CAT_(a, b) convis_##a##_##b
#  define CONVIS_CAT(a, b)  CONVIS_CAT_(a, b)
#  define CONVIS_EXPORT(layer, entries)                               \
    extern const convis_kernel CONVIS_CAT(layer, CONVIS_ISA)[];       \
    const convis_kernel CONVIS_CAT(layer, CONVIS_ISA)[] = { entries { 0, 0, 0, 0 } };
#  define CONVIS_EXPORT_GPU(text, entries)                            \
    extern const convis_kernel convis_##text##_kernels[];             \
    const convis_kernel convis_##text##_kernels[] = { entries { 0, 0, 0, 0 } };
#endif

/* The same with the number of buffers in the name. */
#define CONVIS_KERNEL2(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL3(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL4(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL5(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL6(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL7(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL8(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL9(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL10(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL11(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL12(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL13(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL14(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL15(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)
#define CONVIS_KERNEL16(name, ...) CONVIS_KERNEL(name, __VA_ARGS__)

#define CONVIS_FRAMES(t)      for (convis_integer t = 0; t < nt; t++)
#define CONVIS_FRAMES_BACK(t) for (convis_integer t = nt - 1; t >= 0; t--)

/* ---- Mathematics: our own, so that it vectorises and gives the same bits on every target ---- */

CONVIS_INLINE real convis_min(real a, real b) { return a < b ? a : b; }
CONVIS_INLINE real convis_max(real a, real b) { return a > b ? a : b; }

#if defined(CONVIS_DOUBLE) && !defined(CONVIS_GPU)
CONVIS_INLINE real convis_exp(real x)   { return exp(x); }
CONVIS_INLINE real convis_expm1(real x) { return expm1(x); }
CONVIS_INLINE real convis_log(real x)   { return log(x); }
#else

/* Polynomials are summed in pairs (Estrin), which leaves the processor more to do at once than Horner's rule. */

/* x = k ln 2 + r, |r| <= ln 2 / 2; a minimax polynomial for exp r. Relative error < 2e-7 on [-87, 88], clamped outside.
 * Adding and subtracting 1.5 2^23 rounds to the nearest whole number on every target. */
CONVIS_INLINE real convis_exp(real x)
{
    x = convis_min(convis_max(x, -87.0f), 88.0f);
    real k = (x*1.44269504f + 12582912.0f) - 12582912.0f;
    real r = (x - k*0.693359375f) - k*-2.12194440e-4f, z = r*r;
    real p = (5.0000001201e-1f + r*1.6666665459e-1f) + z*((4.1665795894e-2f + r*8.3334519073e-3f)
           + z*(1.3981999507e-3f + r*1.9875691500e-4f));
    p = z*p + r + 1.0f;
    return p*convis_float((u32)((int)k + 127) << 23);
}

/* exp(x) - 1 without cancellation near 0: 2^k (exp r - 1) + (2^k - 1), the last being exact where it matters. */
CONVIS_INLINE real convis_expm1(real x)
{
    x = convis_min(convis_max(x, -87.0f), 88.0f);
    real k = (x*1.44269504f + 12582912.0f) - 12582912.0f;
    real r = (x - k*0.693359375f) - k*-2.12194440e-4f, z = r*r;
    real p = (5.0000001201e-1f + r*1.6666665459e-1f) + z*((4.1665795894e-2f + r*8.3334519073e-3f)
           + z*(1.3981999507e-3f + r*1.9875691500e-4f));
    real power = convis_float((u32)((int)k + 127) << 23);
    return (z*p + r)*power + (power - 1.0f);
}

/* Natural logarithm of a normal positive number: x = m 2^e, sqrt(1/2) <= m < sqrt(2). Error < 1e-7 relative. */
CONVIS_INLINE real convis_log(real x)
{
    u32 u = convis_bits(x) - 0x3f3504f3u;
    real e = (real)((int)u >> 23);
    real m = convis_float((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f, z = m*m, q = z*z;
    real p = ((3.3333331174e-1f - m*2.4999993993e-1f) + z*(2.0000714765e-1f - m*1.6668057665e-1f))
           + q*(((1.4249322787e-1f - m*1.2420140846e-1f) + z*(1.1676998740e-1f - m*1.1514610310e-1f)) + q*7.0376836292e-2f);
    p = (p*m)*z + e*-2.12194440e-4f - 0.5f*z;
    return (m + p) + e*0.693359375f;
}
#endif

/* cos and sin of 2 pi u for 0 <= u < 1: u = k/4 + f, |f| <= 1/8, then Taylor polynomials in f. */
CONVIS_INLINE void convis_circle(real u, real *c, real *s)
{
    int  k = (int)(u*4 + R(0.5));
    real f = (u - (real)k*R(0.25))*R(6.283185307179586), z = f*f;
    real sine   = f*(1 + z*(R(-1.6666666666666666e-1) + z*(R(8.333333333333333e-3) + z*(R(-1.984126984126984e-4)
                + z*R(2.7557319223985893e-6)))));
    real cosine = 1 + z*(R(-0.5) + z*(R(4.1666666666666664e-2) + z*(R(-1.388888888888889e-3)
                + z*(R(2.48015873015873e-5) - z*R(2.755731922398589e-7)))));
    real a = k & 1 ? sine : cosine, b = k & 1 ? cosine : sine;
    *c = (k + 1) & 2 ? -a : a;
    *s = k & 2 ? -b : b;
}

/* s += low, and low becomes the rounding error: a filter whose steps are smaller than the rounding of s still converges (Kahan). */
CONVIS_INLINE real convis_gather(real s, real *low)
{
    real sum = s + *low;
    *low -= sum - s;
    return sum;
}

/* A one-pole filter with 1 - exp(-r) = b, r = dt/tau, whose input is linear during a step takes (b - d) of its value
 * before the step and d of that after it: d = 1 - b/r, for short steps by its series, as the difference cancels. */
CONVIS_INLINE real convis_ramp_share(real r, real b)
{
    real series = r*(R(0.5) - r*(R(1.6666666666666666e-1) - r*(R(4.1666666666666664e-2) - r*R(8.333333333333333e-3))));
    return r < R(0.1) ? series : 1 - b/r;
}

/* The surrogate derivative of spikes in the backward pass, v above the threshold: 1 at v = 0, and falling with |v| over about
 * 1/slope. kind: 0 SuperSpike (Zenke & Ganguli 2018), 1 the sigmoid's, 2 a triangle (Bellec et al. 2018), 3 straight through:
 * 1 everywhere (Bengio et al. 2013). */
CONVIS_INLINE real convis_surrogate(int kind, real slope, real v)
{
    real d = slope*(v < 0 ? -v : v), near = 1/(1 + d), e = convis_exp(-d), beside = 2/(1 + e);
    return kind == 0 ? near*near : kind == 1 ? e*beside*beside : kind == 2 ? convis_max(1 - d, R(0.0)) : R(1.0);
}

/* x' = s - g x over h, for sh = s h and z = g h: exp(-z) as 1/(1 + z q), right but for z^5/120. No z makes it overshoot, x = s/g
 * stays, and g = 0 needs no case of its own. Then its derivatives by x, sh and z, times g. */
CONVIS_INLINE real convis_relax(real x, real sh, real z)
{
    real q = 1 + z*(R(0.5) + z*(R(1.6666666666666666e-1) + z*R(4.1666666666666664e-2)));
    return (x + sh*q)/(1 + z*q);
}
CONVIS_INLINE void convis_relax_back(real x, real sh, real z, real g, real *dx, real *dsh, real *dz)
{
    real q = 1 + z*(R(0.5) + z*(R(1.6666666666666666e-1) + z*R(4.1666666666666664e-2)));
    real dq = R(0.5) + z*(R(3.3333333333333333e-1) + z*R(0.125)), over = 1/(1 + z*q);
    *dx = g*over;
    *dsh = *dx*q;
    *dz = *dx*(sh*dq - (x + sh*q)*over*(q + z*dq));
}

/* A map of width w between its pixels: at (cx, cy), 0 or more, pixel i having coordinate i. What has no weight is not
 * read, so that the last row and column need no neighbours and a NaN does not spread from its pixel to others. */
CONVIS_INLINE real convis_bilinear(IN map, integer w, real cx, real cy)
{
    integer i = (integer)cx, j = (integer)cy, at = j*w + i;
    real fx = cx - (real)i, fy = cy - (real)j;
    integer right = fx > 0 ? 1 : 0, down = fy > 0 ? w : 0;
    real above = (1 - fx)*map[at] + fx*map[at + right], below = (1 - fx)*map[at + down] + fx*map[at + down + right];
    return (1 - fy)*above + fy*below;
}

/* ---- Noise: Philox 4x32, 10 rounds (Salmon et al. 2011), a function of key and counter only ---- */

/* Rounds are written out, so that loops around them vectorise. */
#define CONVIS_PHILOX_ROUND(k) {                                                        \
        convis_u32 hi0 = convis_mulhi(0xD2511F53u, c0), lo0 = 0xD2511F53u*c0;           \
        convis_u32 hi1 = convis_mulhi(0xCD9E8D57u, c2), lo1 = 0xCD9E8D57u*c2;           \
        c0 = hi1 ^ c1 ^ (key0 + (k)*0x9E3779B9u);                                       \
        c2 = hi0 ^ c3 ^ (key1 + (k)*0xBB67AE85u);                                       \
        c1 = lo1;                                                                       \
        c3 = lo0; }
CONVIS_INLINE void convis_philox(u32 key0, u32 key1, u32 c0, u32 c1, u32 c2, u32 c3, u32 *out)
{
    CONVIS_PHILOX_ROUND(0u) CONVIS_PHILOX_ROUND(1u) CONVIS_PHILOX_ROUND(2u) CONVIS_PHILOX_ROUND(3u) CONVIS_PHILOX_ROUND(4u)
    CONVIS_PHILOX_ROUND(5u) CONVIS_PHILOX_ROUND(6u) CONVIS_PHILOX_ROUND(7u) CONVIS_PHILOX_ROUND(8u) CONVIS_PHILOX_ROUND(9u)
    out[0] = c0; out[1] = c1; out[2] = c2; out[3] = c3;
}

/* Uniform in (0, 1): the middle of one of 2^23 cells, the most whose middles single precision holds. */
CONVIS_INLINE real convis_uniform(u32 bits) { return ((real)(int)(bits >> 9) + R(0.5))*R(1.1920928955078125e-7); }

/* Two standard normals from two words (Box and Muller 1958); |z| < 5.8. */
CONVIS_INLINE real convis_radius(u32 bits) { return convis_sqrt(-2*convis_log(convis_uniform(bits))); }
CONVIS_INLINE real convis_angle(u32 bits)  { return (real)(int)(bits >> 8)*R(5.9604644775390625e-8); }
CONVIS_INLINE void convis_normal_pair(u32 a, u32 b, real *z0, real *z1)
{
    real r = convis_radius(a), c, s;
    convis_circle(convis_angle(b), &c, &s);
    *z0 = r*c;
    *z1 = r*s;
}

/* A standard normal for each pixel of a group at a frame; `stream` tells several uses in one layer apart.
 * Pixel i draws word (i/16) mod 4 of block 16 (i/64) + i mod 16, so that a group of 64 needs 16 blocks, side by side. */
#ifdef CONVIS_GPU
CONVIS_INLINE void convis_normals(real *z, integer g, u32 frame, u32 stream, u32 key0, u32 key1)
{
    u32 w[4];
    real a, b;
    int word = ((int)g >> 4) & 3;
    convis_philox(key0, key1, ((u32)g >> 6)*16 + ((u32)g & 15), frame, stream, 0, w);
    convis_normal_pair(word < 2 ? w[0] : w[2], word < 2 ? w[1] : w[3], &a, &b);
    z[0] = word & 1 ? b : a;
}
#else
/* Sixteen blocks, first..first + 15, their words apart. A 64-bit lane a number lets one multiplication give both halves of
 * the product; upper halves are undefined; neither multiplication nor the final store reads them. */
#if defined(__AVX2__)
CONVIS_INLINE void convis_philox16(u32 *restrict w0, u32 *restrict w1, u32 *restrict w2, u32 *restrict w3, u32 first, u32 frame,
                                   u32 stream, u32 key0, u32 key1)
{
    const __m256i m0 = _mm256_set1_epi64x(0xD2511F53), m1 = _mm256_set1_epi64x(0xCD9E8D57);
    const __m256i low = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    /* Two vectors at a time: they hide each other's latency, and all fits into registers. */
    for (int half = 0; half < 16; half += 8) {
        __m256i c0[2], c1[2], c2[2], c3[2];
        for (int j = 0; j < 2; j++) {
            c0[j] = _mm256_add_epi64(_mm256_set1_epi64x(first + (u32)(half + 4*j)), _mm256_setr_epi64x(0, 1, 2, 3));
            c1[j] = _mm256_set1_epi64x(frame);
            c2[j] = _mm256_set1_epi64x(stream);
            c3[j] = _mm256_setzero_si256();
        }
        for (u32 k = 0; k < 10; k++) {
            __m256i k0 = _mm256_set1_epi64x((u32)(key0 + k*0x9E3779B9u)), k1 = _mm256_set1_epi64x((u32)(key1 + k*0xBB67AE85u));
            for (int j = 0; j < 2; j++) {
                __m256i p0 = _mm256_mul_epu32(c0[j], m0), p1 = _mm256_mul_epu32(c2[j], m1);
                c0[j] = _mm256_xor_si256(_mm256_srli_epi64(p1, 32), _mm256_xor_si256(c1[j], k0));
                c2[j] = _mm256_xor_si256(_mm256_srli_epi64(p0, 32), _mm256_xor_si256(c3[j], k1));
                c1[j] = p1;
                c3[j] = p0;
            }
        }
        for (int j = 0; j < 2; j++) {
            int at = half + 4*j;
            _mm_storeu_si128((__m128i *)(void *)(w0 + at), _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(c0[j], low)));
            _mm_storeu_si128((__m128i *)(void *)(w1 + at), _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(c1[j], low)));
            _mm_storeu_si128((__m128i *)(void *)(w2 + at), _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(c2[j], low)));
            _mm_storeu_si128((__m128i *)(void *)(w3 + at), _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(c3[j], low)));
        }
    }
}
#else
CONVIS_INLINE void convis_philox16(u32 *restrict w0, u32 *restrict w1, u32 *restrict w2, u32 *restrict w3, u32 first, u32 frame,
                                   u32 stream, u32 key0, u32 key1)
{
    for (int l = 0; l < 16; l++) {
        u32 w[4];
        convis_philox(key0, key1, first + (u32)l, frame, stream, 0, w);
        w0[l] = w[0]; w1[l] = w[1]; w2[l] = w[2]; w3[l] = w[3];
    }
}
#endif

/* Each stage is a loop of its own: short enough for the processor to work on many iterations of it at once. */
CONVIS_INLINE void convis_normals(real *restrict z, integer g, u32 frame, u32 stream, u32 key0, u32 key1)
{
    u32 a[32], b[32];
    real r[32], c[32], s[32];
    convis_philox16(a, b, a + 16, b + 16, (u32)(g >> 6)*16, frame, stream, key0, key1);
    for (int l = 0; l < 32; l++) r[l] = convis_radius(a[l]);
    for (int l = 0; l < 32; l++) convis_circle(convis_angle(b[l]), &c[l], &s[l]);
    for (int l = 0; l < 16; l++) { z[l]      = r[l]*c[l];           z[l + 16] = r[l]*s[l]; }
    for (int l = 0; l < 16; l++) { z[l + 32] = r[l + 16]*c[l + 16]; z[l + 48] = r[l + 16]*s[l + 16]; }
}
#endif

#if !defined(CONVIS_GPU) && !defined(CONVIS_KERNEL_SHORT_NAMES)
#  ifdef __cplusplus
#    undef restrict
#  endif
#  undef real
#  undef integer
#  undef u32
#  undef R
#  undef PARAM
#  undef IN
#  undef OUT
#  undef STATE
#  undef TAPE
#  undef TOTAL
#  undef INDEX
#endif

#endif
