/* fuzz_units.c - any bytes as a list of cells; what was read is written and reads back the same. */
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    convis_context *c = fuzz_context();
    convis_cell *units, *again;
    int64_t count, back;
    const char *name = fuzz_file(data, size, ".txt");
    if (!convis_cells_read(c, name, &units, &count)) {
        if (convis_cells_write(c, name, units, count) || convis_cells_read(c, name, &again, &back) || back != count) abort();
        for (int64_t i = 0; i < count; i++)
            if (again[i].x != units[i].x || again[i].y != units[i].y || again[i].id != units[i].id) abort();
        convis_cells_free(&again);
        convis_cells_free(&units);
    }
    unlink(name);
    return 0;
}
