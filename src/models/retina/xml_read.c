/* xml_read.c - VirtualRetina's files read, by libxml2 and the tables of xml.c and settings.c. What is read how: xml.c. */
#include "xml.h"
#include "base/context.h"
#include "base/lines.h"
#include "base/parts.h"
#include "base/parts/libxml2_calls.h"
#include "base/text.h"
#include "models/graph/yaml.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 64 << 20 };

static const struct convis_row dense_row = { .path = "dense", .type = CONVIS_ROW_SWITCH, .words = "off|on", .max = 1,
                                             .flags = CONVIS_ROW_OURS, .element = "square-array", .attribute = "dense" };
static const struct convis_row none_row = { .path = "none", .type = CONVIS_ROW_SWITCH, .words = "off|on", .max = 1,
                                            .flags = CONVIS_ROW_OURS, .element = "all-units", .attribute = "none" };

/* Attributes that the original writes itself and overwrites after reading. */
static int is_ignored(int e, const char *name)
{
    return e == EYE && (!strcmp(name, "temporal-step__sec") || !strcmp(name, "pixels-per-degree"));
}

static const struct convis_row *row_of(const struct convis_row *rows, const char *name, const char *attribute)
{
    size_t n;
    for (; rows->path; rows++) {
        const char *a = convis_xml_attribute(rows, name, &n);
        if (a && strlen(attribute) == n && !strncmp(a, attribute, n)) return rows;
    }
    return NULL;
}

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
        for (const struct convis_row *row = convis_xml_rows(e); row->path; row++) {
            size_t n;
            const char *name = convis_xml_attribute(row, convis_xml_elements[e].name, &n);
            if (!name) continue;
            snprintf(known, sizeof known, "%.*s", (int)n, name);
            convis_hint_offer(&hint, known);
        }
        return convis_warn(in->c, in->warnings, "%s:%ld: <%s> has no attribute '%s': ignored%s", in->name,
                           line_of(in, node, attribute), convis_xml_elements[e].name, convis_quoted(a, attribute), hint.text);
    }
    for (int k = 0; k < ELEMENTS; k++)
        if (convis_xml_elements[k].parents >> e & 1) convis_hint_offer(&hint, convis_xml_elements[k].name);
    return convis_warn(in->c, in->warnings, "%s:%ld: <%s> in <%s> is unknown: ignored%s", in->name, line_of(in, node, ""),
                       convis_quoted(a, hint.typed), convis_quoted(b, convis_xml_elements[e].name), hint.text);
}

static convis_status read_attributes(struct reading *in, xmlNodePtr node, int e, void *base)
{
    convis_status status = CONVIS_OK;
    for (xmlAttrPtr a = node->properties; a && !status; a = a->next) {
        const char *name = (const char *)a->name;
        const struct convis_row *row = row_of(convis_xml_rows(e), convis_xml_elements[e].name, name);
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
    for (const struct convis_row *row = convis_xml_rows(e); row->path && !status; row++)
        if (row->flags & CONVIS_ROW_REQUIRED && !strcmp(row->element, convis_xml_elements[e].name)
            && !xmlHasProp(node, (const xmlChar *)row->attribute))
            status = convis_fail(in->c, CONVIS_EFORMAT, "%s:%ld: <%s> has no %s, expected one: it has no default", in->name,
                                 line_of(in, node, ""), convis_xml_elements[e].name, row->attribute);
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
                           in->name, line_of(in, node, ""), convis_xml_elements[e].name);
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
        while (k < ELEMENTS && !(convis_xml_elements[k].parents >> e & 1 && !strcmp(convis_xml_elements[k].name, (const char *)child->name))) k++;
        if (k == ELEMENTS) { status = unknown(in, child, e, NULL); continue; }
        int group = convis_xml_elements[k].group;
        if (group >= 0 && seen >> group & 1) {
            status = convis_warn(in->c, in->warnings, "%s:%ld: a second <%s> in <%s>: ignored, as in VirtualRetina", in->name,
                                 line_of(in, child, ""), convis_xml_elements[k].name, convis_xml_elements[e].name);
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
                           convis_xml_elements[e].name, missing);
    return check_element(in, node, e, base, seen >> SQUARE & 1);
}

/* The original writes the amplitude's deviation into the period's (quirk 9); so does this. */
static convis_status microsaccade_quirk(struct reading *in, xmlNodePtr root)
{
    for (xmlNodePtr n = root->children; n; n = n->next) {
        if (n->type != XML_ELEMENT_NODE || strcmp((const char *)n->name, convis_xml_elements[EYE].name)) continue;
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
    if (!root || strcmp((const char *)root->name, convis_xml_elements[ROOT].name))
        return convis_fail(in->c, CONVIS_EFORMAT, "%s:%ld: <%s>, expected <%s>", in->name, root ? xmlGetLineNo(root) : 1L,
                           convis_quoted(quoted, root ? (const char *)root->name : ""), convis_xml_elements[ROOT].name);
    convis_status status = read_element(in, root, ROOT, in->r);
    if (!status) status = microsaccade_quirk(in, root);
    if (!status && (status = convis_retina_check(in->c, in->r))) return convis_fail_before(in->c, status, "%s: ", in->name);
    if (!status && in->r->opl == CONVIS_OPL_LINEAR && !(in->r->opl_amplification >= 1 && in->r->opl_amplification <= 20))
        status = convis_warn(in->c, in->warnings, "%s: opl-amplification is %g: between 1 and 20 the signals are of order 1",
                             in->name, in->r->opl_amplification);
    return status;
}

/* Of whatever thread reads first: libxml2's tables are the process's. */
static void initialise(void) { xmlInitParser(); }

static void prepare_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, initialise);
}

convis_status convis_xml_read(convis_context *c, const char *name, const char *text, size_t size, struct convis_retina *r,
                              struct convis_warnings *warnings)
{
    struct reading in = { .c = c, .text = text, .size = size, .r = r, .warnings = warnings };
    convis_shorten(in.name, sizeof in.name, "%s", name);
    convis_retina_init(r);
    convis_status status = convis_part_need(c, CONVIS_PART_LIBXML2, name, "cannot be read");
    if (status) return status;
    if (size > LARGEST)
        return convis_fail(c, CONVIS_EFORMAT, "%s: %.0f MB, expected a retina file below %d MB", in.name, (double)size/1e6,
                           LARGEST >> 20);
    prepare_library();
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    if (!parser) return convis_fail(c, CONVIS_ENOMEM, "out of memory: libxml2 found none to read %s", in.name);
    xmlDocPtr doc = xmlCtxtReadMemory(parser, text, (int)size, NULL, NULL,
                                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES | XML_PARSE_NOCDATA);
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
