/* warnings.h - warnings collected while a model is made. */
#ifndef CONVIS_WARNINGS_H
#define CONVIS_WARNINGS_H
#include <convis/layer.h>

enum { CONVIS_MOST_WARNINGS = 100 };
struct convis_warnings { char **text; int count; char prefix[96]; };     /* prefix: begins those to come */
convis_status convis_warn(convis_context *, struct convis_warnings *, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
void          convis_warnings_free(convis_context *, struct convis_warnings *);
#endif
