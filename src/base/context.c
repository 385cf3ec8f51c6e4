/* context.c - a device, its threads, an allocator and the last error. */
#include "context.h"
#include "device/device.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

enum { ALIGNMENT = 64 };

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
    if (c) vsnprintf(c->message, sizeof c->message, format, ap);
    va_end(ap);
    return status;
}

convis_status convis_fail_before(convis_context *c, convis_status status, const char *format, ...)
{
    char before[sizeof c->message], after[sizeof c->message];
    va_list ap;
    if (status == CONVIS_ENOMEM) return status;
    va_start(ap, format);
    vsnprintf(before, sizeof before, format, ap);
    va_end(ap);
    memcpy(after, c->message, sizeof after);
    return convis_fail(c, status, "%s%s", before, after);
}

const char *convis_message(const convis_context *c) { return c ? c->message : "out of memory"; }

/* ---- Memory ---- */

static void *plain_obtain(void *user, size_t bytes) { (void)user; return malloc(bytes); }
static void  plain_release(void *user, void *memory) { (void)user; free(memory); }

/* The allocator promises no alignment beyond malloc's, so the block carries its own start just below what we return.
 * Large blocks come page-aligned; a kernel that walks through eight maps would then meet all eight in one set of the
 * first-level cache. So each large block begins some lines further into its page than the one before. */
enum { LARGE = 1 << 14, COLOURS = 16, COLOUR_BYTES = 5*ALIGNMENT };

void *convis_obtain(convis_context *c, size_t bytes)
{
    size_t extra = ALIGNMENT + sizeof(void *), shift = 0;
    if (bytes >= LARGE) {
        shift = c->colour*COLOUR_BYTES;
        c->colour = (c->colour + 1)%COLOURS;
    }
    void *raw = bytes > SIZE_MAX - extra - shift ? NULL : c->allocator.obtain(c->allocator.user, bytes + extra + shift);
    if (!raw) {
        convis_fail(c, CONVIS_ENOMEM, "out of memory: %.1f MB more were asked for", (double)bytes/1e6);
        return NULL;
    }
    uintptr_t at = ((uintptr_t)raw + sizeof(void *) + shift + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    ((void **)at)[-1] = raw;
    return memset((void *)at, 0, bytes);
}

void convis_release(convis_context *c, void *memory)
{
    if (memory) c->allocator.release(c->allocator.user, ((void **)memory)[-1]);
}

/* ---- Device ---- */

static const char *const ISA[] = {
#ifdef CONVIS_HAVE_X86
    "avx512", "avx2",
#endif
    "baseline"
};
enum { ISA_COUNT = sizeof ISA/sizeof *ISA };

const char *convis_isa(int index, int *usable)
{
    if (index < 0 || index >= ISA_COUNT) return NULL;
    if (usable) *usable = convis_cpu_usable(ISA[index]);
    return ISA[index];
}

static convis_status choose_processor(convis_context *c, const char *device)
{
    const char *isa = !strncmp(device, "cpu:", 4) ? device + 4 : NULL;
    for (int k = 0; k < ISA_COUNT; k++) {
        if (isa && strcmp(isa, ISA[k])) continue;
        if (!convis_cpu_usable(ISA[k])) {
            if (isa) return convis_fail(c, CONVIS_EDEVICE, "device '%s': this processor has no %s", device, isa);
            continue;
        }
        c->isa = k;
        snprintf(c->device, sizeof c->device, "cpu:%s", ISA[k]);
        return CONVIS_OK;
    }
    return convis_fail(c, CONVIS_EDEVICE, "device '%s': no instruction set '%s' in this build", device, isa ? isa : "");
}

/* Its processor is still used, for what is prepared there. */
static convis_status choose_card(convis_context *c, const char *device)
{
#ifdef CONVIS_DOUBLE
    return convis_fail(c, CONVIS_EDEVICE, "device '%s': in double precision we compute on processors only (cpu, cpu:ISA)", device);
#else
    convis_status status = convis_device_open(c, device, &c->there);
    if (!status) snprintf(c->device, sizeof c->device, "%s", c->there->name);
    return status;
#endif
}

/* A graphics card where one works, CUDA's before others; never OpenCL on a processor, where our own code is faster. */
static convis_status choose_fastest(convis_context *c)
{
#ifndef CONVIS_DOUBLE
    convis_device_info info;
    for (int k = 0; convis_device_list(k, &info); k++)
        if (info.usable && info.is_gpu && !choose_card(c, info.name)) return CONVIS_OK;
#endif
    c->message[0] = 0;
    return CONVIS_OK;
}

static convis_status choose(convis_context *c, const char *device)
{
    const char *usual = getenv("CONVIS_DEVICE");
    if (!strcmp(device, "auto") && usual && *usual) device = usual;
    const int is_processor = !strcmp(device, "cpu") || !strncmp(device, "cpu:", 4);
    convis_status status = choose_processor(c, is_processor ? device : "cpu");
    if (status || is_processor) return status;
    return !strcmp(device, "auto") ? choose_fastest(c) : choose_card(c, device);
}

convis_status convis_open_with(convis_context **context, const char *device, const convis_allocator *allocator)
{
    convis_allocator a = allocator ? *allocator : (convis_allocator){ plain_obtain, plain_release, NULL };
    convis_context *c = *context = a.obtain(a.user, sizeof *c);
    if (!c) return CONVIS_ENOMEM;
    memset(c, 0, sizeof *c);
    c->allocator = a;
    convis_threads(c, 0);
    return choose(c, device ? device : "auto");
}

convis_status convis_open(convis_context **context, const char *device) { return convis_open_with(context, device, NULL); }

void convis_close(convis_context **context)
{
    if (!context || !*context) return;
    convis_allocator a = (*context)->allocator;
    convis_device_close(&(*context)->there);
    a.release(a.user, *context);
    *context = NULL;
}

convis_status convis_threads(convis_context *c, int threads)
{
    if (threads < 0 || threads > 1024) return convis_fail(c, CONVIS_EINVAL, "threads: %d, expected 0 to 1024", threads);
#ifdef _OPENMP
    c->threads = threads ? threads : omp_get_num_procs();
#else
    c->threads = 1;
#endif
    return CONVIS_OK;
}

int convis_thread_count(const convis_context *c) { return c->threads; }
const char *convis_device_name(const convis_context *c) { return c->device; }
