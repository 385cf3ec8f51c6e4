/* context.c - the last error of a context, its threads. */
#include "context.h"
#include "text.h"
#include "threads.h"
#include <sched.h>
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

/* The last sentence for which there was no context. */
static _Thread_local char alone[256];

convis_status convis_fail(convis_context *c, convis_status status, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    while (c && __atomic_exchange_n(&c->writing, 1, __ATOMIC_ACQUIRE)) sched_yield();
    convis_vshorten(c ? c->message : alone, c ? sizeof c->message : sizeof alone, format, ap);
    if (c) {
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

convis_status convis_context_check(convis_context *c)
{
    return c->device
               ? CONVIS_OK
               : convis_fail(c, CONVIS_ESTATE, "the context has no device, as convis_open failed: nothing can be made with it");
}

convis_status convis_called(convis_context *c, convis_status status, const char *function, int64_t frame)
{
    if (status && !*c->message)
        convis_fail(c, status, "the caller's function '%s' failed at frame %lld: %s", function, (long long)frame,
                    convis_strerror(status));
    return status;
}

const char *convis_message(const convis_context *c) { return c ? c->message : alone; }

/* names: of the pointers, with a comma and a blank in between. */
int convis_lacks(convis_context *c, const char *function, const char *names, const void *const *pointers, int count)
{
    int k = 0;
    while (k < count && pointers[k]) k++;
    if (k == count) return 0;
    for (int j = 0; j < k; j++) names = strchr(names, ',') + 2;
    const int length = (int)strcspn(names, ",");
    if (length == 1 && !k) convis_fail(c, CONVIS_EINVAL, "%s: its first argument is NULL", function);
    else convis_fail(c, CONVIS_EINVAL, "%s: %.*s is NULL", function, length, names);
    return 1;
}

int convis_lacks_array(convis_context *c, const char *function, const char *name, const void *array, int64_t elements)
{
    if (elements >= 0 && (array || !elements)) return 0;
    if (elements < 0)
        convis_fail(c, CONVIS_EINVAL, "%s: %lld elements of %s, expected 0 or more", function, (long long)elements, name);
    else convis_fail(c, CONVIS_EINVAL, "%s: %s is NULL, expected %lld elements", function, name, (long long)elements);
    return 1;
}

/* ---- Callbacks ---- */

convis_status convis_on_progress(convis_context *c, convis_progress_function progress, void *user)
{
    CONVIS_NEEDS(c);
    c->progress = progress;
    c->progress_user = user;
    return CONVIS_OK;
}

convis_status convis_on_log(convis_context *c, convis_log_function log, void *user)
{
    CONVIS_NEEDS(c);
    c->log = log;
    c->log_user = user;
    return CONVIS_OK;
}

convis_status convis_progress(convis_context *c, const char *what, int64_t done, int64_t total)
{
    if (!c->progress || c->undisturbed || !c->progress(c->progress_user, what, done, total)) return CONVIS_OK;
    if (total > 0)
        return convis_fail(c, CONVIS_ECANCELED, "%s: canceled after %lld of %lld", what, (long long)done, (long long)total);
    return convis_fail(c, CONVIS_ECANCELED, "%s: canceled after %lld", what, (long long)done);
}

void convis_log(convis_context *c, const char *sentence) { if (c->log) c->log(c->log_user, sentence); }

/* ---- Holders ---- */

void convis_context_hold(convis_context *c) { atomic_fetch_add(&c->holders, 1); }

void convis_context_let_go(convis_context *c)
{
    if (atomic_fetch_sub(&c->holders, 1) == 1) c->hooks->destroy(c);
}

convis_status convis_threads(convis_context *c, int threads)
{
    CONVIS_NEEDS(c);
    if (threads < 0 || threads > 1024) return convis_fail(c, CONVIS_EINVAL, "threads: %d, expected 0 to 1024", threads);
    c->threads = threads ? threads : convis_processors();
    if (c->threads > 1024) c->threads = 1024;
    return CONVIS_OK;
}

int convis_thread_count(const convis_context *c) { return c ? c->threads : 0; }
