/* fuzz_npy.c - any bytes as a .npy file. */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_array(data, size, ".npy");
    return 0;
}
