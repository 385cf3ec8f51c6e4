/* libxml2_calls.h - libxml2, loaded when it is first needed: after convis_part_need of CONVIS_PART_LIBXML2. See calls.h. */
#ifndef CONVIS_LIBXML2_CALLS_H
#define CONVIS_LIBXML2_CALLS_H
#include "calls.h"
#include <libxml/parser.h>
#include <libxml/tree.h>

#define CONVIS_LIBXML2_CALLS(X, V) \
    X(xmlCtxtGetLastError) X(xmlCtxtReadMemory) X(xmlDocGetRootElement) V(xmlFree) X(xmlFreeDoc) X(xmlFreeParserCtxt)  \
    X(xmlGetLineNo) X(xmlGetProp) X(xmlHasProp) X(xmlInitParser) X(xmlNewParserCtxt) X(xmlNodeListGetString)
struct convis_libxml2 { CONVIS_LIBXML2_CALLS(CONVIS_CALL_POINTER, CONVIS_CALL_POINTER) };
extern struct convis_libxml2 convis_libxml2;

#ifndef CONVIS_CALLS_OWN
#define xmlCtxtGetLastError (*convis_libxml2.xmlCtxtGetLastError)
#define xmlCtxtReadMemory (*convis_libxml2.xmlCtxtReadMemory)
#define xmlDocGetRootElement (*convis_libxml2.xmlDocGetRootElement)
#undef xmlFree
#define xmlFree (*convis_libxml2.xmlFree)
#define xmlFreeDoc (*convis_libxml2.xmlFreeDoc)
#define xmlFreeParserCtxt (*convis_libxml2.xmlFreeParserCtxt)
#define xmlGetLineNo (*convis_libxml2.xmlGetLineNo)
#define xmlGetProp (*convis_libxml2.xmlGetProp)
#define xmlHasProp (*convis_libxml2.xmlHasProp)
#define xmlInitParser (*convis_libxml2.xmlInitParser)
#define xmlNewParserCtxt (*convis_libxml2.xmlNewParserCtxt)
#define xmlNodeListGetString (*convis_libxml2.xmlNodeListGetString)
#endif
#endif
