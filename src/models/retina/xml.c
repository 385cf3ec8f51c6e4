/* xml.c - VirtualRetina's files, read and written by the table of settings.c.
 *
 * The format is the original's (SPEC 10 names every attribute); what it lacks goes into attributes of the
 * root (numerics, initial-luminance, cells-seed), of <square-array> (dense) and of <all-units> (none: the layer has no cells, where
 * an empty list means its array), of which it only warns. Values
 * that are odd but have a meaning there have it here, too, with a warning. An error is what has none: a value that is not a
 * number, a negative time, and an <undershoot> without its numbers or cells without an array, which it would read from
 * uninitialised memory. Only what counts is written: the numbers of an element that is switched off are not. */
#include "retina.h"
#include "base/context.h"
#include "base/lines.h"
#include "base/text.h"
#include "models/graph/yaml.h"
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 64 << 20 };

/* ---- Elements: where each may stand, and what its presence means. ---- */

enum { ROOT, EYE, RETINA, LOG_POLAR, OPL, LINEAR, UNDERSHOOT, LUMINANCE, GAIN, CUSTOM, GANGLION, SPIKES, ADAP, SQUARE, CIRCULAR,
       UNITS, UNIT, ELEMENTS };
static const struct element {
    const char *name;
    unsigned parents;
    int group;                                           /* of each group at most one under one parent; -1: any number */
} element[ELEMENTS] = {
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
static const struct convis_row dense_row = { .path = "dense", .type = CONVIS_ROW_SWITCH, .words = "off|on", .max = 1,
                                             .flags = CONVIS_ROW_OURS, .element = "square-array", .attribute = "dense" };
static const struct convis_row none_row = { .path = "none", .type = CONVIS_ROW_SWITCH, .words = "off|on", .max = 1,
                                            .flags = CONVIS_ROW_OURS, .element = "all-units", .attribute = "none" };

/* Attributes that the original writes itself and overwrites after reading. */
static int is_ignored(int e, const char *name)
{
    return e == EYE && (!strcmp(name, "temporal-step__sec") || !strcmp(name, "pixels-per-degree"));
}

/* The name of the row's attribute in element `name`, its length in *length; NULL: the row is not of that element. */
static const char *attribute_in(const struct convis_row *row, const char *name, size_t *length)
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

static const struct convis_row *row_of(const struct convis_row *rows, const char *name, const char *attribute)
{
    size_t n;
    for (; rows->path; rows++) {
        const char *a = attribute_in(rows, name, &n);
        if (a && strlen(attribute) == n && !strncmp(a, attribute, n)) return rows;
    }
    return NULL;
}

static const struct convis_row *rows_of(int e)
{
    return e == UNIT ? unit_rows : e >= GANGLION ? convis_ganglion_rows : convis_retina_rows;
}

/* ---- Reading ---- */

struct reading {
    convis_context *c;
    char name[200];                                      /* of the file, shortened to fit messages */
    const char *text;
    size_t size;
    struct convis_retina *r;
    struct convis_warnings *warnings;
};

/* The line on which an element, or one of its attributes, stands. libxml2 knows where the start tag ends; walk back
 * over the tag's lines for the attribute's name. */
static long line_of(const struct reading *in, xmlNodePtr node, const char *attribute)
{
    long known = xmlGetLineNo(node), line = 1;
    size_t end = 0;
    if (known <= 0) return 1;
    while (line < known && end < in->size) if (in->text[end++] == '\n') line++;
    while (end < in->size && in->text[end] != '\n') end++;
    for (long at = line; at > 0 && at > line - 1000; at--) {
        size_t begin = end;
        while (begin && in->text[begin - 1] != '\n') begin--;
        size_t n = strlen(attribute), tag = strlen((const char *)node->name);
        for (size_t k = begin; k < end; k++) {
            if (n && k + n <= end && !memcmp(in->text + k, attribute, n) && (k == begin || strchr(" \t", in->text[k - 1])))
                return at;
        }
        for (size_t k = begin; k + tag < end; k++)
            if (in->text[k] == '<' && !memcmp(in->text + k + 1, node->name, tag)) return n ? line : at;
        if (!begin) break;
        end = begin - 1;
    }
    return line;
}

/* Numbers that are probably mistakes, and their effect. */
static const struct odd { const char *path; double least, most; const char *what; } odd[] = {
    { "range",                             0, INFINITY, "it turns the sign of all signals" },
    { "opl.receptor.leak",                 0, INFINITY, "receptors run away until the horizontal cells hold them" },
    { "opl.horizontal.feedback",           0, INFINITY, "horizontal cells lessen the leak of receptors" },
    { "bipolar.leak",                      0, INFINITY, "bipolar signals run away until adaptation holds them" },
    { "bipolar.adaptation.amplification",  0, INFINITY, "it acts by its size, and the threshold with its sign turned" },
    { "bipolar.adaptation.exponent",       1, INFINITY, "adaptation has an infinite derivative at its threshold, "
      "where roundings of the luminance show" },
    { "value_at_threshold",                0, 5e5,      "the rectifier has a pole" },
    { "spikes.adaptation.delta",           0, INFINITY, "each spike makes the next one easier" },
    { "size_x",                            0, INFINITY, "the array has no cells" },
    { "size_y",                            0, INFINITY, "the array has no cells" },
    { "diameter",                          0, INFINITY, "the array has no cells" },
    { "density",                      1e-300, INFINITY, "the array has no cells" },
};

static convis_status warn_of_odd(struct reading *in, xmlNodePtr node, const struct convis_row *row, const char *name,
                                 const void *base)
{
    double v = row->type == CONVIS_ROW_REAL ? *(const double *)((const char *)base + row->offset) : 0;
    for (size_t k = 0; k < sizeof odd/sizeof *odd && row->type == CONVIS_ROW_REAL; k++)
        if (!strcmp(odd[k].path, row->path) && (v < odd[k].least || v >= odd[k].most))
            return convis_warn(in->c, in->warnings, "%s:%ld: %s is %g: %s", in->name, line_of(in, node, name), name, v,
                               odd[k].what);
    return CONVIS_OK;
}

static int is_leaky(xmlNodePtr linear)
{
    xmlChar *value = xmlGetProp(linear, (const xmlChar *)"leaky-heat-equation");
    double v = 0;
    int on = value && (convis_number_parse((const char *)value, &v) ? trunc(v) != 0 : !strcmp((const char *)value, "on"));
    xmlFree(value);
    return on;
}

/* The text as the original understands it: of a whole number it reads what stands before the point, any whole number but 0
 * switches on, spreads of noise and of the leaky heat equation have no sign. NULL: as it stands. */
static const char *understood(xmlNodePtr node, const struct convis_row *row, const char *given, char text[64])
{
    double v;
    if (!convis_number_parse(given, &v) || !(fabs(v) < 1e9)) return NULL;
    int is_sigma =
        row->type == CONVIS_ROW_REAL && (!strcmp(row->path, "opl.center.sigma") || !strcmp(row->path, "opl.surround.sigma"));
    if (row->type == CONVIS_ROW_SWITCH && v != 0 && v != 1) snprintf(text, 64, "%d", trunc(v) != 0);
    else if (row->type == CONVIS_ROW_WHOLE && v != trunc(v)) snprintf(text, 64, "%.0f", trunc(v));
    else if (v < 0 && (row->flags & CONVIS_ROW_SIZE || (is_sigma && is_leaky(node)))) convis_number_print(-v, text, 64);
    else return NULL;
    return text;
}

static convis_status read_attribute(struct reading *in, xmlNodePtr node, const struct convis_row *row, const char *name,
                                    xmlNodePtr content, void *base)
{
    xmlChar *value = content ? xmlNodeListGetString(node->doc, content, 1) : NULL;
    char text[64], quoted[64];
    const char *given = value ? (const char *)value : "", *other = understood(node, row, given, text);
    convis_status status = convis_row_parse(in->c, row, name, other ? other : given, base);
    if (status) {                                        /* the message again with the line, which is too slow to find each time */
        char where[320];
        convis_shorten(where, sizeof where, "%s:%ld: %s", in->name, line_of(in, node, name), name);
        status = convis_row_parse(in->c, row, where, given, base);
    }
    if (!status && other)
        status = convis_warn(in->c, in->warnings, "%s:%ld: %s: '%s' is taken as %s, as in VirtualRetina", in->name,
                             line_of(in, node, name), name, convis_quoted(quoted, given), other);
    if (!status) status = warn_of_odd(in, node, row, name, base);
    xmlFree(value);
    return status;
}

static convis_status unknown(struct reading *in, xmlNodePtr node, int e, const char *attribute)
{
    char a[64], b[64], known[64];
    convis_hint hint = CONVIS_HINT(attribute ? attribute : (const char *)node->name);
    if (in->warnings->count >= CONVIS_MOST_WARNINGS) return CONVIS_OK;
    if (attribute) {
        for (const struct convis_row *row = rows_of(e); row->path; row++) {
            size_t n;
            const char *name = attribute_in(row, element[e].name, &n);
            if (!name) continue;
            snprintf(known, sizeof known, "%.*s", (int)n, name);
            convis_hint_offer(&hint, known);
        }
        return convis_warn(in->c, in->warnings, "%s:%ld: <%s> has no attribute '%s': ignored%s", in->name,
                           line_of(in, node, attribute), element[e].name, convis_quoted(a, attribute), hint.text);
    }
    for (int k = 0; k < ELEMENTS; k++) if (element[k].parents >> e & 1) convis_hint_offer(&hint, element[k].name);
    return convis_warn(in->c, in->warnings, "%s:%ld: <%s> in <%s> is unknown: ignored%s", in->name, line_of(in, node, ""),
                       convis_quoted(a, hint.typed), convis_quoted(b, element[e].name), hint.text);
}

static convis_status read_attributes(struct reading *in, xmlNodePtr node, int e, void *base)
{
    convis_status status = CONVIS_OK;
    for (xmlAttrPtr a = node->properties; a && !status; a = a->next) {
        const char *name = (const char *)a->name;
        const struct convis_row *row = row_of(rows_of(e), element[e].name, name);
        if (row) status = read_attribute(in, node, row, name, a->children, base);
        else if (e == SQUARE && !strcmp(name, dense_row.attribute)) {
            int dense = 0;
            status = read_attribute(in, node, &dense_row, name, a->children, &dense);
            if (dense) ((struct convis_ganglion *)base)->cells = CONVIS_CELLS_DENSE;
        }
        else if (e == UNITS && !strcmp(name, none_row.attribute)) {
            struct convis_ganglion *g = base;
            int none = 0;
            status = read_attribute(in, node, &none_row, name, a->children, &none);
            if (!status && none && !(g->listed = convis_obtain(in->c, sizeof *g->listed))) status = CONVIS_ENOMEM;
        }
        else if (!is_ignored(e, name)) status = unknown(in, node, e, name);
    }
    for (const struct convis_row *row = rows_of(e); row->path && !status; row++)
        if (row->flags & CONVIS_ROW_REQUIRED && !strcmp(row->element, element[e].name)
            && !xmlHasProp(node, (const xmlChar *)row->attribute))
            status = convis_fail(in->c, CONVIS_EFORMAT, "%s:%ld: <%s> has no %s, expected one: it has no default", in->name,
                                 line_of(in, node, ""), element[e].name, row->attribute);
    return status;
}

static convis_status add_unit(struct reading *in, struct convis_ganglion *g, int64_t *room, convis_cell **unit)
{
    if (g->listed_count == *room) {
        int64_t more = *room ? 2*(*room) : 64;
        convis_cell *list = convis_obtain(in->c, (size_t)more*sizeof *list);
        if (!list) return CONVIS_ENOMEM;
        if (g->listed_count) memcpy(list, g->listed, (size_t)g->listed_count*sizeof *list);
        convis_release(in->c, g->listed);
        g->listed = list;
        *room = more;
    }
    *unit = &g->listed[g->listed_count++];
    (*unit)->id = -1;                                    /* in order of creation unless the file gives it */
    return CONVIS_OK;
}

/* What an element's presence means; `base` becomes what its attributes are written into. */
static convis_status begin(struct reading *in, xmlNodePtr node, int e, int64_t *room, void **base)
{
    struct convis_retina *r = in->r;
    struct convis_ganglion *g = *base;
    switch (e) {
    case EYE:        r->eye = 1; break;
    case LOG_POLAR:  r->log_polar = 1; break;
    case LINEAR:     r->opl = CONVIS_OPL_LINEAR; break;
    case UNDERSHOOT: r->undershoot = 1; break;
    case LUMINANCE:  r->opl = CONVIS_OPL_LUMINANCE; break;
    case GAIN:       r->bipolar = CONVIS_GAIN_ON; break;
    case CUSTOM:     r->bipolar = CONVIS_GAIN_CUSTOM; break;
    case GANGLION:
        if (r->ganglions == CONVIS_GANGLIONS)
            return convis_fail(in->c, CONVIS_EFORMAT, "%s:%ld: one more <ganglion-layer>, expected at most %d", in->name,
                               line_of(in, node, ""), CONVIS_GANGLIONS);
        *base = &r->ganglion[r->ganglions++];
        convis_ganglion_init(*base);
        break;
    case SPIKES:     g->spikes = 1; break;
    case ADAP:       g->spikes = g->adaptation = 1; break;
    case SQUARE:     g->cells = CONVIS_CELLS_SQUARE; break;
    case CIRCULAR:   g->cells = CONVIS_CELLS_CIRCULAR; break;
    case UNIT: {
        convis_cell *u;
        convis_status status = add_unit(in, g, room, &u);
        *base = u;
        return status;
    }
    default: break;
    }
    return CONVIS_OK;
}

/* Checks across attributes. */
static convis_status check_element(struct reading *in, xmlNodePtr node, int e, const void *base, int has_array)
{
    const struct convis_retina *r = in->r;
    const struct convis_ganglion *g = base;
    if (e == LINEAR && r->leaky_heat) {
        const char *name = r->center_sigma > 0 && !(r->center_tau > 0) ? "center-tau__sec"
                           : r->surround_weight != 0 && r->surround_sigma > 0 && !(r->surround_tau > 0) ? "surround-tau__sec"
                                                                                                        : NULL;
        if (name)
            return convis_fail(in->c, CONVIS_EINVAL, "%s:%ld: %s: 0 s, expected more with leaky-heat-equation on", in->name,
                               line_of(in, node, name), name);
    }
    if (e == CIRCULAR && !(g->density > 0))
        return convis_fail(in->c, CONVIS_EINVAL, "%s:%ld: fovea-density__inv-deg: %g 1/deg, expected more than 0 1/deg", in->name,
                           line_of(in, node, "fovea-density__inv-deg"), g->density);
    if ((e == SPIKES || e == ADAP) && !has_array && !g->listed)
        return convis_fail(in->c, CONVIS_EFORMAT, "%s:%ld: <%s> is without <square-array> or <circular-array>, expected one",
                           in->name, line_of(in, node, ""), element[e].name);
    return CONVIS_OK;
}

/* Recursion goes no deeper than the table of elements. */
static convis_status read_element(struct reading *in, xmlNodePtr node, int e, void *base)
{
    unsigned seen = 0;
    int64_t room = 0;
    convis_status status = read_attributes(in, node, e, base);
    for (xmlNodePtr child = node->children; child && !status; child = child->next) {
        if (child->type != XML_ELEMENT_NODE) continue;
        int k = 0;
        while (k < ELEMENTS && !(element[k].parents >> e & 1 && !strcmp(element[k].name, (const char *)child->name))) k++;
        if (k == ELEMENTS) { status = unknown(in, child, e, NULL); continue; }
        int group = element[k].group;
        if (group >= 0 && seen >> group & 1) {
            status = convis_warn(in->c, in->warnings, "%s:%ld: a second <%s> in <%s>: ignored, as in VirtualRetina", in->name,
                                 line_of(in, child, ""), element[k].name, element[e].name);
            continue;
        }
        if (group >= 0) seen |= 1u << group;
        void *inner = base;
        status = begin(in, child, k, &room, &inner);
        if (!status) status = read_element(in, child, k, inner);
    }
    if (status) return status;
    const char *missing = e == ROOT && !(seen >> RETINA & 1) ? "<retina>"
                        : e == RETINA && !(seen >> OPL & 1) ? "<outer-plexiform-layer>"
                        : e == OPL && !(seen >> LINEAR & 1) ? "<linear-version> or <luminance-gain-control-version>"
                        : NULL;
    if (missing)
        return convis_fail(in->c, CONVIS_EFORMAT, "%s:%ld: <%s> is without %s, expected one", in->name, line_of(in, node, ""),
                           element[e].name, missing);
    return check_element(in, node, e, base, seen >> SQUARE & 1);
}

/* The original writes the amplitude's deviation into the period's (quirk 9); so does this. */
static convis_status microsaccade_quirk(struct reading *in, xmlNodePtr root)
{
    for (xmlNodePtr n = root->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE || strcmp((const char *)n->name, element[EYE].name)) continue;
        if (!xmlHasProp(n, (const xmlChar *)"amplitude-stdev__deg") || in->r->numerics != CONVIS_VIRTUALRETINA) continue;
        const char *read = "is ignored: VirtualRetina always uses 0.04 deg";
        if (!xmlHasProp(n, (const xmlChar *)"period-stdev__sec")) {
            in->r->eye_period_sd = in->r->eye_amplitude_sd;
            read = "sets the deviation of the period, not of the amplitude, as in VirtualRetina";
        }
        return convis_warn(in->c, in->warnings, "%s:%ld: amplitude-stdev__deg %s", in->name,
                           line_of(in, n, "amplitude-stdev__deg"), read);
    }
    return CONVIS_OK;
}

static convis_status read_document(struct reading *in, xmlDocPtr doc)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);
    char quoted[64];
    if (doc->intSubset || doc->extSubset)
        return convis_fail(in->c, CONVIS_EFORMAT, "%s: a document type declaration, expected none in a retina file", in->name);
    if (!root || strcmp((const char *)root->name, element[ROOT].name))
        return convis_fail(in->c, CONVIS_EFORMAT, "%s:%ld: <%s>, expected <%s>", in->name, root ? xmlGetLineNo(root) : 1L,
                           convis_quoted(quoted, root ? (const char *)root->name : ""), element[ROOT].name);
    convis_status status = read_element(in, root, ROOT, in->r);
    if (!status) status = microsaccade_quirk(in, root);
    if (!status && (status = convis_retina_check(in->c, in->r))) return convis_fail_before(in->c, status, "%s: ", in->name);
    if (!status && in->r->opl == CONVIS_OPL_LINEAR && !(in->r->opl_amplification >= 1 && in->r->opl_amplification <= 20))
        status = convis_warn(in->c, in->warnings, "%s: opl-amplification is %g: between 1 and 20 the signals are of order 1",
                             in->name, in->r->opl_amplification);
    return status;
}

/* Of whatever thread reads first: libxml2's tables are the process's. */
static void prepare_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, xmlInitParser);
}

convis_status convis_xml_read(convis_context *c, const char *name, const char *text, size_t size, struct convis_retina *r,
                              struct convis_warnings *warnings)
{
    struct reading in = { .c = c, .text = text, .size = size, .r = r, .warnings = warnings };
    convis_shorten(in.name, sizeof in.name, "%s", name);
    convis_retina_init(r);
    if (size > LARGEST)
        return convis_fail(c, CONVIS_EFORMAT, "%s: %.0f MB, expected a retina file below %d MB", in.name, (double)size/1e6,
                           LARGEST >> 20);
    prepare_library();
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    if (!parser) return convis_fail(c, CONVIS_ENOMEM, "out of memory: libxml2 found none to read %s", in.name);
    xmlDocPtr doc = xmlCtxtReadMemory(parser, text, (int)size, NULL, NULL,
                                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES | XML_PARSE_NOCDATA);
    convis_status status;
    if (doc) status = read_document(&in, doc);
    else {
        const xmlError *e = xmlCtxtGetLastError(parser);
        char why[200];
        convis_shorten(why, sizeof why, "%s", e && e->message ? e->message : "nothing");
        why[strcspn(why, "\r\n")] = 0;
        status =
            convis_fail(c, CONVIS_EFORMAT, "%s:%d: %s; expected well-formed XML", in.name, e && e->line > 0 ? e->line : 1, why);
    }
    xmlFreeDoc(doc);
    xmlFreeParserCtxt(parser);
    if (status) convis_retina_clear(c, r);
    return status;
}

/* ---- Writing ---- */

static void put_attributes(FILE *f, int e, const void *base)
{
    char value[64];
    size_t n;
    for (const struct convis_row *row = rows_of(e); row->path; row++) {
        const char *name = attribute_in(row, element[e].name, &n);
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
    fprintf(f, "%*s<%s", 2*depth, "", element[e].name);
    put_attributes(f, e, base);
    fprintf(f, "%s\n", end);
}

static void put_end(FILE *f, int depth, int e) { fprintf(f, "%*s</%s>\n", 2*depth, "", element[e].name); }

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
