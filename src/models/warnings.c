/* warnings.c - warnings collected while a model is made. */
#include "warnings.h"
#include "base/context.h"
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

convis_status convis_warn(convis_context *c, struct convis_warnings *w, const char *format, ...)
{
    char text[512];
    if (w->count >= CONVIS_MOST_WARNINGS) return CONVIS_OK;     /* a hostile file has millions */
    const int begun = snprintf(text, sizeof text, "%s", w->prefix);
    va_list ap;
    va_start(ap, format);
    convis_vshorten(text + begun, sizeof text - (size_t)begun, format, ap);
    va_end(ap);
    if (w->count == CONVIS_MOST_WARNINGS - 1) snprintf(text, sizeof text, "further warnings are left out");
    convis_log(c, text);
    if (!w->text && !(w->text = convis_obtain(c, CONVIS_MOST_WARNINGS*sizeof *w->text))) return CONVIS_ENOMEM;
    size_t size = strlen(text) + 1;
    char *copy = convis_obtain(c, size);
    if (!copy) return CONVIS_ENOMEM;
    w->text[w->count++] = memcpy(copy, text, size);
    return CONVIS_OK;
}

void convis_warnings_free(convis_context *c, struct convis_warnings *w)
{
    for (int k = 0; k < w->count; k++) convis_release(c, w->text[k]);
    convis_release(c, w->text);
    w->text = NULL;
    w->count = 0;
}
