/* fuzz_npz.c - any bytes as a .npz file. */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_array(data, size, ".npz");
    return 0;
}
