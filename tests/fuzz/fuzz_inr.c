/* fuzz_inr.c - any bytes as a .inr file. */
#include "fuzz_array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_array(data, size, ".inr");
    return 0;
}
