/* open.c - a context is opened: on which device it computes, and what lower rooms call of higher ones. */
#include "base/context.h"
#include "base/threads.h"
#include "device/device.h"
#include "io/format.h"
#include "layers/own/own.h"
#include "stimuli/stimuli.h"
#include <stdlib.h>
#include <string.h>

/* Lower rooms may not include headers of higher ones and call them through these pointers, which are set here. */
static void destroy(convis_context *);
static const struct convis_hooks hooks = { .array = convis_array_read, .stimulus = convis_stim_frames, .destroy = destroy };

static convis_status choose_device(convis_context *c, const char *device)
{
#ifdef CONVIS_DOUBLE
    return convis_fail(c, CONVIS_EDEVICE, "device '%s': in double precision we compute on processors only (cpu, cpu:ISA)",
                       device);
#else
    return convis_device_open(c, device, &c->device);
#endif
}

/* A GPU where one works, CUDA's before others; never OpenCL on a processor, where our own code is faster. */
static convis_status choose_fastest(convis_context *c)
{
#ifndef CONVIS_DOUBLE
    convis_device_info info;
    for (int k = 0; convis_device_list_known(k, &info); k++)
        if (info.usable && info.is_gpu && !choose_device(c, info.name)) return CONVIS_OK;
#endif
    c->message[0] = 0;
    return convis_processor_open(c, &c->device);
}

/* The processor's instruction set is chosen in any case: what is prepared is prepared by it. */
static convis_status choose(convis_context *c, const char *device)
{
    const char *usual = getenv("CONVIS_DEVICE");
    if (!strcmp(device, "auto") && usual && *usual) device = usual;
    const int is_processor = !strcmp(device, "cpu") || !strncmp(device, "cpu:", 4);
    convis_status status = convis_isa_choose(c, is_processor ? device : "cpu");
    if (status) return status;
    if (is_processor) return convis_processor_open(c, &c->device);
    return !strcmp(device, "auto") ? choose_fastest(c) : choose_device(c, device);
}

convis_status convis_open_with(convis_context **context, const char *device, const convis_allocator *allocator)
{
    CONVIS_NEEDS_ALONE(CONVIS_EINVAL, context);
    *context = NULL;
    if (allocator && (!allocator->obtain || !allocator->release))
        return convis_fail(NULL, CONVIS_EINVAL, "convis_open_with: the allocator lacks a function");
    const convis_allocator a = allocator ? *allocator : convis_plain_allocator;
    convis_context *c = *context = a.obtain(a.user, sizeof *c);
    if (!c) return convis_fail(NULL, CONVIS_ENOMEM, "out of memory");
    memset(c, 0, sizeof *c);
    c->context = c;
    c->holders = 1;
    c->allocator = a;
    c->hooks = &hooks;
    convis_threads(c, 0);
    const convis_status status = choose(c, device ? device : "auto");
    if (status == CONVIS_ENOMEM) convis_close(context);
    return status;
}

convis_status convis_open(convis_context **context, const char *device) { return convis_open_with(context, device, NULL); }

void convis_close(convis_context **context)
{
    if (!context || !*context) return;
    convis_context *c = *context;
    *context = NULL;
    convis_context_let_go(c);
}

static void destroy(convis_context *c)
{
    const convis_allocator a = c->allocator;
    convis_threads_end(c);
    convis_device_close(&c->device);
    convis_own_close(c);
    a.release(a.user, c);
}

const char *convis_device_name(const convis_context *c) { return c && c->device ? c->device->name : ""; }
