/* without_libxml2.c - in a build without libxml2: what xml_read.c answers there. */
#include "retina.h"
#include "base/parts.h"

convis_status convis_xml_read(convis_context *c, const char *name, const char *text, size_t size, struct convis_retina *r,
                              struct convis_warnings *warnings)
{
    (void)text; (void)size; (void)warnings;
    convis_retina_init(r);
    return convis_part_need(c, CONVIS_PART_LIBXML2, name, "cannot be read");
}
