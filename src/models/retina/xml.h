/* xml.h - the elements of VirtualRetina's files, for xml.c, which writes them, and xml_read.c. */
#ifndef CONVIS_XML_H
#define CONVIS_XML_H
#include "retina.h"

enum { ROOT, EYE, RETINA, LOG_POLAR, OPL, LINEAR, UNDERSHOOT, LUMINANCE, GAIN, CUSTOM, GANGLION, SPIKES, ADAP, SQUARE, CIRCULAR,
       UNITS, UNIT, ELEMENTS };
struct convis_xml_element {
    const char *name;
    unsigned parents;
    int group;                                           /* of each group at most one under one parent; -1: any number */
};
extern const struct convis_xml_element convis_xml_elements[];
const struct convis_row *convis_xml_rows(int element);
/* The name of the row's attribute in element `name`, its length in *length; NULL: the row is not of that element. */
const char *convis_xml_attribute(const struct convis_row *, const char *name, size_t *length);
#endif
