/* xml.c - VirtualRetina's files, by the table of settings.c: elements, and writing. Reading is in xml_read.c.
 *
 * The format is the original's (SPEC 10 names every attribute); what it lacks goes into attributes of the
 * root (numerics, initial-luminance, cells-seed), of <square-array> (dense) and of <all-units> (none: the layer has no cells, where
 * an empty list means its array), of which it only warns. Values
 * that are odd but have a meaning there have it here, too, with a warning. An error is what has none: a value that is not a
 * number, a negative time, and an <undershoot> without its numbers or cells without an array, which it would read from
 * uninitialised memory. Only what counts is written: the numbers of an element that is switched off are not. */
#include "xml.h"
#include "base/context.h"
#include "base/lines.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Elements: where each may stand, and what its presence means. ---- */

const struct convis_xml_element convis_xml_elements[] = {
    [ROOT]       = { "retina-description-file",        0, ROOT },
    [EYE]        = { "basic-microsaccade-generator",   1 << ROOT, EYE },
    [RETINA]     = { "retina",                         1 << ROOT, RETINA },
    [LOG_POLAR]  = { "log-polar-scheme",               1 << RETINA, LOG_POLAR },
    [OPL]        = { "outer-plexiform-layer",          1 << RETINA, OPL },
    [LINEAR]     = { "linear-version",                 1 << OPL, LINEAR },
    [UNDERSHOOT] = { "undershoot",                     1 << LINEAR, UNDERSHOOT },
    [LUMINANCE]  = { "luminance-gain-control-version", 1 << OPL, LINEAR },
    [GAIN]       = { "contrast-gain-control",          1 << RETINA, GAIN },
    [CUSTOM]     = { "contrast-gain-control-custom",   1 << RETINA, GAIN },
    [GANGLION]   = { "ganglion-layer",                 1 << RETINA, -1 },
    [SPIKES]     = { "spiking-channel",                1 << GANGLION, SPIKES },
    [ADAP]       = { "spiking-channel-adap",           1 << GANGLION, SPIKES },
    [SQUARE]     = { "square-array",                   1 << SPIKES | 1 << ADAP, SQUARE },
    [CIRCULAR]   = { "circular-array",                 1 << SPIKES | 1 << ADAP, SQUARE },
    [UNITS]      = { "all-units",                      1 << SPIKES | 1 << ADAP, UNITS },
    [UNIT]       = { "unit",                           1 << UNITS, -1 },
};

static const struct convis_row unit_rows[] = {
    { .path = "x", .type = CONVIS_ROW_REAL, .unit = "deg", .min = -1e6, .max = 1e6, .element = "unit", .attribute = "x-offset__deg",
      .offset = offsetof(convis_cell, x) },
    { .path = "y", .type = CONVIS_ROW_REAL, .unit = "deg", .min = -1e6, .max = 1e6, .element = "unit", .attribute = "y-offset__deg",
      .offset = offsetof(convis_cell, y) },
    { .path = "id", .type = CONVIS_ROW_WHOLE, .min = 0, .max = INT32_MAX, .element = "unit", .attribute = "mvaspike-id",
      .offset = offsetof(convis_cell, id) },
    { 0 }
};

const char *convis_xml_attribute(const struct convis_row *row, const char *name, size_t *length)
{
    if (!row->attribute) return NULL;
    const char *e = row->element, *a = row->attribute;
    for (;;) {
        size_t n = strcspn(e, "|");
        *length = strcspn(a, "|");
        if (n == strlen(name) && !strncmp(e, name, n)) return a;
        if (!e[n]) return NULL;
        e += n + 1;
        if (a[*length]) a += *length + 1;                /* one attribute name for all elements, or one for each */
    }
}

const struct convis_row *convis_xml_rows(int e)
{
    return e == UNIT ? unit_rows : e >= GANGLION ? convis_ganglion_rows : convis_retina_rows;
}

/* ---- Writing ---- */

static void put_attributes(FILE *f, int e, const void *base)
{
    char value[64];
    size_t n;
    for (const struct convis_row *row = convis_xml_rows(e); row->path; row++) {
        const char *name = convis_xml_attribute(row, convis_xml_elements[e].name, &n);
        if (!name) continue;
        if (row->type == CONVIS_ROW_SWITCH || row->type == CONVIS_ROW_SIGN)
            snprintf(value, sizeof value, "%d", *(const int *)((const char *)base + row->offset));
        else convis_row_print(row, base, value, sizeof value);
        if (row->flags & CONVIS_ROW_OURS) {              /* only where it differs from the default */
            if (row->type == CONVIS_ROW_REAL ? isnan(*(const double *)((const char *)base + row->offset))
                                             : *(const int *)((const char *)base + row->offset) == (int)row->initial) continue;
        }
        fprintf(f, " %.*s=\"%s\"", (int)n, name, value);
    }
}

static void put_begin(FILE *f, int depth, int e, const void *base, const char *end)
{
    fprintf(f, "%*s<%s", 2*depth, "", convis_xml_elements[e].name);
    put_attributes(f, e, base);
    fprintf(f, "%s\n", end);
}

static void put_end(FILE *f, int depth, int e) { fprintf(f, "%*s</%s>\n", 2*depth, "", convis_xml_elements[e].name); }

static void put_ganglion(FILE *f, const struct convis_ganglion *g)
{
    put_begin(f, 2, GANGLION, g, g->spikes ? ">" : "/>");
    if (!g->spikes) return;
    int channel = g->adaptation ? ADAP : SPIKES;
    put_begin(f, 3, channel, g, ">");
    if (g->cells) put_begin(f, 4, g->cells == CONVIS_CELLS_CIRCULAR ? CIRCULAR : SQUARE, g,
                            g->cells == CONVIS_CELLS_DENSE ? " dense=\"1\"/>" : "/>");
    if (g->listed) {
        char x[32], y[32];
        fprintf(f, "        <all-units%s>\n", g->listed_count ? "" : " none=\"1\"");
        for (int64_t k = 0; k < g->listed_count; k++) {
            convis_row_print(&unit_rows[0], &g->listed[k], x, sizeof x);
            convis_row_print(&unit_rows[1], &g->listed[k], y, sizeof y);
            fprintf(f, "          <unit x-offset__deg=\"%s\" y-offset__deg=\"%s\"", x, y);
            if (g->listed[k].id >= 0) fprintf(f, " mvaspike-id=\"%d\"", g->listed[k].id);
            fprintf(f, "/>\n");
        }
        fprintf(f, "        </all-units>\n");
    }
    put_end(f, 3, channel);
    put_end(f, 2, GANGLION);
}

static void put_retina(FILE *f, const struct convis_retina *r)
{
    fprintf(f, "<?xml version=\"1.0\"?>\n<!-- written by convis " CONVIS_VERSION "; units are in the attributes' names -->\n");
    put_begin(f, 0, ROOT, r, ">");
    if (r->eye) put_begin(f, 1, EYE, r, "/>");
    put_begin(f, 1, RETINA, r, ">");
    if (r->log_polar) put_begin(f, 2, LOG_POLAR, r, "/>");
    fprintf(f, "    <outer-plexiform-layer>\n");
    if (r->opl == CONVIS_OPL_LUMINANCE) put_begin(f, 3, LUMINANCE, r, "/>");
    else {
        put_begin(f, 3, LINEAR, r, r->undershoot ? ">" : "/>");
        if (r->undershoot) { put_begin(f, 4, UNDERSHOOT, r, "/>"); put_end(f, 3, LINEAR); }
    }
    fprintf(f, "    </outer-plexiform-layer>\n");
    if (r->bipolar) put_begin(f, 2, r->bipolar == CONVIS_GAIN_CUSTOM ? CUSTOM : GAIN, r, "/>");
    for (int g = 0; g < r->ganglions; g++) put_ganglion(f, &r->ganglion[g]);
    put_end(f, 1, RETINA);
    put_end(f, 0, ROOT);
}

convis_status convis_xml_write(convis_context *c, const struct convis_retina *r, char **text)
{
    convis_lines_out out;
    *text = NULL;
    convis_status status = convis_lines_begin(c, &out);
    if (status) return status;
    put_retina(out.file, r);
    return convis_lines_end(&out, CONVIS_OK, text);
}
