/* fuzz_spk.c - any bytes as spikes: .spk, .csv, .npy and .npz by the first byte. What was read is in order. */
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const EXTENSIONS[] = { ".spk", ".csv", ".npy", ".npz" };
    convis_spike *spikes;
    int64_t count;
    if (!size) return 0;
    const char *name = fuzz_file(data + 1, size - 1, EXTENSIONS[data[0]%4]);
    if (!convis_spikes_read(fuzz_context(), name, &spikes, &count)) {
        for (int64_t i = 1; i < count; i++) if (spikes[i].time < spikes[i - 1].time) abort();
        convis_spikes_free(&spikes);
    }
    unlink(name);
    return 0;
}
