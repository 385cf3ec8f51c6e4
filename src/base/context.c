/* context.c - the last error of a context, its threads. */
#include "context.h"
#include "text.h"
#include "threads.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *convis_version(void) { return CONVIS_VERSION; }

const char *convis_strerror(convis_status status)
{
    switch (status) {
#define CONVIS_STATUS_CASE(name, value, text) case name: return text;
        CONVIS_STATUS_LIST(CONVIS_STATUS_CASE)
    default: return "unknown status";
    }
}

convis_status convis_fail(convis_context *c, convis_status status, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    while (c && __atomic_exchange_n(&c->writing, 1, __ATOMIC_ACQUIRE)) sched_yield();
    if (c) {
        convis_vshorten(c->message, sizeof c->message, format, ap);
        c->failures++;
        __atomic_store_n(&c->writing, 0, __ATOMIC_RELEASE);
    }
    va_end(ap);
    return status;
}

convis_status convis_fail_before(convis_context *c, convis_status status, const char *format, ...)
{
    char before[sizeof c->message], after[sizeof c->message];
    va_list ap;
    if (status == CONVIS_ENOMEM) return status;
    va_start(ap, format);
    convis_vshorten(before, sizeof before, format, ap);
    va_end(ap);
    memcpy(after, c->message, sizeof after);
    return convis_fail(c, status, "%s%s", before, after);
}

convis_status convis_called(convis_context *c, convis_status status, const char *function, int64_t frame)
{
    if (status && !*c->message)
        convis_fail(c, status, "the caller's function '%s' failed at frame %lld: %s", function, (long long)frame,
                    convis_strerror(status));
    return status;
}

const char *convis_message(const convis_context *c) { return c ? c->message : "out of memory"; }

convis_status convis_threads(convis_context *c, int threads)
{
    if (threads < 0 || threads > 1024) return convis_fail(c, CONVIS_EINVAL, "threads: %d, expected 0 to 1024", threads);
    c->threads = threads ? threads : convis_processors();
    if (c->threads > 1024) c->threads = 1024;
    return CONVIS_OK;
}

int convis_thread_count(const convis_context *c) { return c->threads; }
