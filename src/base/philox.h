/* philox.h - Philox4x32-10, the counter-based generator of Salmon et al. 2011, for the host: the same counter and key, the
 * same numbers. Layers draw theirs by kernel.h, whose text other compilers must read, too. */
#ifndef CONVIS_PHILOX_H
#define CONVIS_PHILOX_H
#include <math.h>
#include <stdint.h>

typedef struct philox { uint32_t word[4]; } philox;

static inline philox philox_draw(uint64_t key, uint64_t low, uint64_t high)
{
    uint32_t c0 = (uint32_t)low, c1 = (uint32_t)(low >> 32), c2 = (uint32_t)high, c3 = (uint32_t)(high >> 32);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u*c0, b = (uint64_t)0xCD9E8D57u*c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;  c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;  c3 = (uint32_t)a;
        k0 += 0x9E3779B9u;  k1 += 0xBB67AE85u;
    }
    return (philox){ { c0, c1, c2, c3 } };
}

/* In (0, 1), and two independent standard normals (Box and Muller). */
static inline double philox_uniform(uint32_t word) { return ((double)word + .5)/4294967296.0; }
static inline void philox_normal(philox p, double *a, double *b)
{
    const double r = sqrt(-2*log(philox_uniform(p.word[0]))), angle = 6.283185307179586*philox_uniform(p.word[1]);
    *a = r*cos(angle);
    *b = r*sin(angle);
}
#endif
