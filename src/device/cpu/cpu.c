/* cpu.c - which instruction sets this processor has. Compiled without any of them, so that asking is always safe. */
#include "base/context.h"
#include <string.h>

int convis_cpu_usable(const char *isa)
{
#ifdef CONVIS_HAVE_X86
    __builtin_cpu_init();
    if (!strcmp(isa, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2");
    if (!strcmp(isa, "avx2")) return __builtin_cpu_supports("avx2") != 0;
#endif
    return !strcmp(isa, "baseline");
}
