/* fuzz_xml.c - any bytes as a retina's file: read, and what could be read must write, read back and size its map. */
#include "models/retina/retina.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static convis_context *c;
    if (!c && convis_open(&c, "cpu")) abort();
    struct convis_retina r, again;
    struct convis_warnings w = { .text = NULL };
    struct convis_retina_map map;
    struct convis_mosaic cells;
    char *text = NULL;
    if (!convis_xml_read(c, "fuzz", (const char *)data, size, &r, &w)) {
        if (convis_xml_write(c, &r, &text) || convis_xml_read(c, "again", text, strlen(text), &again, &w)) abort();
        convis_retina_clear(c, &again);
        if (convis_retina_map(c, &r, 40, 30, &map)) abort();
        double cost = 0;                                 /* millions of cells are right but slow */
        for (int k = 0; k < r.ganglions; k++) cost += map.array_x[k]*map.array_y[k]*r.ganglion[k].density*r.ganglion[k].density;
        if (cost < 1e4 && !convis_retina_cells(c, &r, &map, NULL, 0, 0, &cells)) convis_mosaic_free(c, &cells);
        convis_release(c, text);
        convis_retina_clear(c, &r);
    }
    convis_warnings_free(c, &w);
    return 0;
}
