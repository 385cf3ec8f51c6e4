/* cpu.c - the processor: its instruction sets, and the first entry of the table of devices.
 *
 * Its memory is the host's, so frames are read where they lie; a launch is a call, over the part of the elements that the calling
 * thread has; threads wait for each other at a barrier (base/threads.h). Compiled without any further instruction set, so that
 * asking is always safe. */
#include "device/device.h"
#include <stdio.h>
#include <string.h>

/* ---- Instruction sets, the best first ---- */

#define ISA_NAME(list, isa) #isa,
static const char *const ISA[] = { CONVIS_EACH_ISA(ISA_NAME, list) };
enum { ISA_COUNT = sizeof ISA/sizeof *ISA };

static int usable(const char *isa)
{
#ifdef CONVIS_HAVE_X86
    __builtin_cpu_init();
    if (!strcmp(isa, "avx512"))
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2");
    if (!strcmp(isa, "avx2")) return __builtin_cpu_supports("avx2") != 0;
#endif
    return !strcmp(isa, "baseline");
}

const char *convis_isa(int index, int *is_usable)
{
    if (index < 0 || index >= ISA_COUNT) return NULL;
    if (is_usable) *is_usable = usable(ISA[index]);
    return ISA[index];
}

convis_status convis_isa_choose(convis_context *c, const char *device)
{
    const char *isa = !strncmp(device, "cpu:", 4) ? device + 4 : NULL;
    for (int k = 0; k < ISA_COUNT; k++) {
        if (isa && strcmp(isa, ISA[k])) continue;
        if (usable(ISA[k])) {
            c->isa = k;
            return CONVIS_OK;
        }
        if (isa) return convis_fail(c, CONVIS_EDEVICE, "device '%s': this processor has no %s", device, isa);
    }
    return convis_fail(c, CONVIS_EDEVICE, "device '%s': no instruction set '%s' in this build", device, isa ? isa : "");
}

const void *convis_best_of(const convis_context *c, const void *const *ladder)
{
    for (; ladder && *ladder; ladder++) {
        const char *const *isa = *ladder;
        for (int k = c->isa; k < ISA_COUNT; k++) if (!strcmp(*isa, ISA[k])) return *ladder;
    }
    return NULL;
}

/* ---- The device ---- */

convis_status convis_processor_open(convis_context *c, convis_device **device)
{
    convis_device *d = *device = convis_obtain(c, sizeof *d);
    if (!d) return CONVIS_ENOMEM;
    d->type = &convis_device_cpu;
    d->context = c;
    snprintf(d->name, sizeof d->name, "cpu:%s", ISA[c->isa]);
    snprintf(d->title, sizeof d->title, "this processor");
    return CONVIS_OK;
}

static void nothing(convis_device *d) { (void)d; }

static void *obtain(convis_device *d, size_t bytes) { return convis_obtain(d->context, bytes); }
static void release(convis_device *d, void *memory) { convis_release(d->context, memory); }

static void put(convis_device *d, int queue, void *to, const void *from, size_t bytes)
{
    (void)d, (void)queue;
    memcpy(to, from, bytes);
}

static void copy(convis_device *d, void *to, const void *from, size_t bytes)
{
    (void)d;
    memcpy(to, from, bytes);
}

static void zero(convis_device *d, void *to, size_t bytes)
{
    (void)d;
    memset(to, 0, bytes);
}

static void order(convis_device *d, int before, int after) { (void)d, (void)before, (void)after; }

static void call(convis_device *d, const convis_kernel *k, void *const *buffers, const convis_span *span)
{
    (void)d;
    k->run(buffers, span);
}

const convis_device_type convis_device_cpu = {
    .name = "cpu", .host_visible = 1, .tiled = 1, .close = nothing, .obtain = obtain, .release = release,
    .put = put, .get = put, .copy = copy, .zero = zero, .order = order, .sync = nothing, .call = call,
};
