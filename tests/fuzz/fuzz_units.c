/* fuzz_units.c - any bytes as a list of cells; what was read is written and reads back the same. */
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    convis_context *c = fuzz_context();
    convis_unit *units, *again;
    int64_t count, back;
    const char *name = fuzz_file(data, size, ".txt");
    if (!convis_units_read(c, name, &units, &count)) {
        if (convis_units_write(c, name, units, count) || convis_units_read(c, name, &again, &back) || back != count) abort();
        for (int64_t i = 0; i < count; i++) if (again[i].x != units[i].x || again[i].y != units[i].y || again[i].id != units[i].id) abort();
        convis_units_free(&again);
        convis_units_free(&units);
    }
    unlink(name);
    return 0;
}
