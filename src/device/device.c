/* device.c - devices by name, their faults, and programs that are compiled once and cached on disk. */
#include "device.h"
#include "frames.h"
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const convis_device_type *const TYPES[] = { &convis_device_cuda, &convis_device_opencl };
enum { TYPE_COUNT = sizeof TYPES/sizeof *TYPES };

/* ---- Lists and names ---- */

static int list_processor(int index, convis_device_info *info)
{
    int usable = 0;
    *info = (convis_device_info){ .usable = 0 };
    const char *isa = convis_isa(index, &usable);
    if (!isa) return 0;
    snprintf(info->name, sizeof info->name, "cpu:%s", isa);
    snprintf(info->title, sizeof info->title, "this processor");
    info->usable = usable;
    if (!usable) snprintf(info->why, sizeof info->why, "this processor does not have it");
    return 1;
}

/* The devices of one driver, or the line that says why it is refused. */
static int list_driver(const convis_device_type *type, int driver, int index, int again, convis_device_info *info)
{
    *info = (convis_device_info){ .usable = 0 };
    if (!convis_driver_refused(type, driver, again, info->why)) return type->list(driver, index, info);
    if (driver) snprintf(info->name, sizeof info->name, "%s:%d", type->name, driver);
    else snprintf(info->name, sizeof info->name, "%s", type->name);
    return index == 0;
}

/* Those of all its drivers, one behind the other; without any the line that says why. */
static int list_type(const convis_device_type *type, int index, int again, convis_device_info *info)
{
    char why[CONVIS_WHY];
    const int drivers = convis_driver_refused(type, -1, again, why) ? 0 : type->drivers(why);
    int lines = 0;
    for (int driver = 0, own; driver < drivers; driver++, lines += own)
        for (own = 0; list_driver(type, driver, own, again, info); own++) if (lines + own == index) return 1;
    *info = (convis_device_info){ .usable = 0 };
    if (lines || index) return 0;
    snprintf(info->name, sizeof info->name, "%s", type->name);
    strcpy(info->why, why[0] ? why : "no driver of it has a device");
    return 1;
}

/* The lists of all types, one behind the other. */
static int list_all(int index, int again, convis_device_info *info)
{
    int length = 0;
    if (index < 0) return 0;
    for (; list_processor(length, info); length++) if (length == index) return 1;
    for (int k = 0; k < TYPE_COUNT; k++) {
        index -= length;
        length = 0;
        if (!again && !convis_driver_gpus(TYPES[k])) continue;
        for (; list_type(TYPES[k], length, again, info); length++) if (length == index) return 1;
    }
    return 0;
}

int convis_device_list(int index, convis_device_info *info)
{
    CONVIS_NEEDS_ALONE(0, info);
    return list_all(index, 1, info);
}

int convis_device_list_known(int index, convis_device_info *info) { return list_all(index, 0, info); }

/* "opencl" of "opencl:1.0". */
static int is_of_kind(const char *name, const char *kind)
{
    size_t n = strlen(kind);
    return !strncmp(name, kind, n) && (!name[n] || name[n] == ':');
}

/* The device of this name, or the first usable one of this type; 0 with the reason left. A driver that was refused before is tried
 * again when there is no other. */
static int look_up_in(const convis_device_type *type, const char *name, int again, convis_device_info *found,
                      char why[CONVIS_WHY])
{
    const int any = !strcmp(name, type->name);
    for (int index = 0; list_type(type, index, again, found); index++) {
        if (any ? found->usable : !strcmp(found->name, name) && found->usable) return 1;
        if (found->why[0] && (!why[0] || !strcmp(found->name, name))) convis_shorten(why, CONVIS_WHY, "%s", found->why);
    }
    return 0;
}

/* NULL with the sentence left. */
static const convis_device_type *look_up(convis_context *c, const char *name, convis_device_info *found)
{
    for (int k = 0; k < TYPE_COUNT; k++) {
        char why[CONVIS_WHY] = "";
        if (!is_of_kind(name, TYPES[k]->name)) continue;
        if (look_up_in(TYPES[k], name, 0, found, why)) return TYPES[k];
        why[0] = 0;
        if (look_up_in(TYPES[k], name, 1, found, why)) return TYPES[k];
        convis_fail(c, CONVIS_EDEVICE, "device '%s': %s", name,
                    why[0] ? why : "there is none of this number ('convis devices' lists them)");
        return NULL;
    }
    convis_fail(c, CONVIS_EDEVICE, "device '%s': expected auto, cpu, cpu:ISA, cuda:N or opencl:P.D", name);
    return NULL;
}

static convis_status open_listed(convis_context *c, const convis_device_type *type, const convis_device_info *info,
                                 convis_device **device)
{
    convis_device *d = *device = convis_obtain(c, sizeof *d);
    if (!d) return CONVIS_ENOMEM;
    d->type = type;
    d->context = c;
    snprintf(d->name, sizeof d->name, "%s", info->name);
    snprintf(d->title, sizeof d->title, "%s", info->title);
    d->memory = info->memory;
    convis_status status = type->open(d);
    if (status) convis_device_close(device);
    return status;
}

convis_status convis_device_open(convis_context *c, const char *name, convis_device **device)
{
    convis_device_info info;
    *device = NULL;
    const convis_device_type *type = look_up(c, name, &info);
    return type ? open_listed(c, type, &info, device) : CONVIS_EDEVICE;
}

/* ---- Trials ---- */

#ifndef CONVIS_DOUBLE
static void use(convis_device *d)
{
    const frames_fill_args args = { 1 };
    const convis_span span = { .n = 1, .nt = 1, .block = &args };
    float number = 0;
    void *const buffers[] = { convis_device_obtain(d, sizeof number) };
    convis_program *p = buffers[0] ? convis_device_program(d, "frames", convis_frames_source, convis_frames_kernels) : NULL;
    const convis_device_kernel *k = p ? convis_program_kernel(d, p, "frames_fill") : NULL;
    if (k) convis_device_launch(d, k, buffers, &span, 0, 0);
    if (k) convis_device_get(d, CONVIS_QUEUE_RUN, &number, buffers[0], sizeof number);
    convis_device_release(d, buffers[0]);
}
#endif

/* What it answers does not matter here, only that it does: its devices are asked again when they are listed or opened. */
int convis_device_try(const convis_device_type *type, int driver)
{
    convis_device_info info = { .usable = 0 };
    int cards = 0;
    for (int k = 0; type->list(driver, k, &info); k++, info = (convis_device_info){ .usable = 0 }) {
        cards += info.is_gpu;
#ifndef CONVIS_DOUBLE
        convis_context c = { .allocator = convis_plain_allocator };
        convis_device *d = NULL;
        if (info.usable && !open_listed(&c, type, &info, &d)) use(d);
        convis_device_close(&d);
#endif
    }
    return cards;
}

/* ---- Faults ---- */

convis_status convis_device_fault(convis_device *d, convis_status status, const char *format, ...)
{
    va_list ap;
    if (!d->status) {
        const int n = snprintf(d->sentence, sizeof d->sentence, "%s (%s): ", d->name, d->title);       /* both are shorter */
        va_start(ap, format);
        convis_vshorten(d->sentence + n, sizeof d->sentence - (size_t)n, format, ap);
        va_end(ap);
        d->status = status;
    }
    return convis_fail(d->context, d->status, "%s", d->sentence);
}

convis_status convis_device_sync(convis_device *d)
{
    if (!d->status) d->type->sync(d);
    return d->status ? convis_fail(d->context, d->status, "%s", d->sentence) : CONVIS_OK;
}

/* ---- Memory ---- */

void *convis_device_obtain(convis_device *d, size_t bytes)
{
    if (d->status) { convis_device_sync(d); return NULL; }
    if (!bytes) bytes = 1;
    void *memory = d->type->obtain(d, bytes);
    if (!memory && d->status) convis_device_sync(d);
    else if (!memory && d->type->room)
        convis_fail(d->context, CONVIS_ENOMEM, "%s (%s): out of memory: %.1f MB more were asked for, %.1f MB are free", d->name,
                    d->title, (double)bytes/1e6, (double)d->type->room(d)/1e6);
    return memory;
}

void convis_device_release(convis_device *d, void *memory) { if (memory) d->type->release(d, memory); }

void convis_device_put(convis_device *d, int queue, void *to, const void *from, size_t bytes)
{
    if (!d->status && bytes) d->type->put(d, queue, to, from, bytes);
}

void convis_device_get(convis_device *d, int queue, void *to, const void *from, size_t bytes)
{
    if (!d->status && bytes) d->type->get(d, queue, to, from, bytes);
    if (d->status) memset(to, 0, bytes);                 /* no uninitialised memory is read */
}

void convis_device_copy(convis_device *d, void *to, const void *from, size_t bytes)
{
    if (!d->status && bytes) d->type->copy(d, to, from, bytes);
}

void convis_device_zero(convis_device *d, void *to, size_t bytes)
{
    if (!d->status && bytes) d->type->zero(d, to, bytes);
}

void convis_device_order(convis_device *d, int before, int after)
{
    if (!d->status) d->type->order(d, before, after);
}

/* ---- Programs ---- */

enum { MOST_KERNELS = 32 };
struct convis_program {
    convis_program *next;
    const void *of;                                      /* the text, or the functions */
    const convis_kernel *kernels;                        /* of the text, what they take */
    char *text;
    void *handle;
    int   count;
    convis_device_kernel kernel[MOST_KERNELS];
};

static char *join(convis_context *c, const char *const *source)
{
    size_t size = 1;
    for (const char *const *line = source; *line; line++) size += strlen(*line);
    char *text = convis_obtain(c, size), *at = text;
    for (const char *const *line = source; text && *line; line++) at = stpcpy(at, *line);
    return text;
}

static void *compile(convis_device *d, const char *name, const char *text)
{
    size_t size = 0;
    const size_t room = strlen(d->type->name) + strlen(d->version) + strlen(CONVIS_VERSION) + strlen(text) + 4;
    char *key = convis_obtain(d->context, room);
    if (!key) return NULL;
    snprintf(key, room, "%s\n%s\n%s\n%s", d->type->name, d->version, CONVIS_VERSION, text);
    void *cached = convis_cache_read(d->context, key, &size), *binary = cached;
    void *handle = d->type->compile(d, name, text, &binary, &size);
    if (handle && binary && binary != cached) convis_cache_write(d->context, key, binary, size);
    if (binary != cached) convis_release(d->context, binary);
    convis_release(d->context, cached);
    convis_release(d->context, key);
    return handle;
}

convis_program *convis_device_program(convis_device *d, const char *name, const char *const *source, const convis_kernel *kernels)
{
    for (convis_program *p = d->programs; p; p = p->next) if (p->of == source && p->kernels == kernels) return p;
    if (convis_device_sync(d)) return NULL;
    convis_program *p = convis_obtain(d->context, sizeof *p);
    if (p && (p->text = join(d->context, source)) && (p->handle = compile(d, name, p->text))) {
        p->of = source;
        p->kernels = kernels;
        p->next = d->programs;
        return d->programs = p;
    }
    if (p) convis_release(d->context, p->text);
    convis_release(d->context, p);
    return NULL;
}

/* Functions: all of them at once, as threads look for them. */
static convis_program *functions(convis_device *d, const convis_kernels *of)
{
    for (convis_program *p = d->programs; p; p = p->next) if (p->of == of) return p;
    convis_program *p = convis_obtain(d->context, sizeof *p);
    if (!p) return NULL;
    for (const convis_kernel *k = of->list; k->name && p->count < MOST_KERNELS; k++) {
        p->kernel[p->count++] = (convis_device_kernel){ k->name, (void *)(uintptr_t)k, k->buffers, k->block };
    }
    p->of = of;
    p->next = d->programs;
    return d->programs = p;
}

int convis_device_has(const convis_device *d, const convis_kernels *const *kernels, const char *const *source)
{
    return d->type->call ? convis_best_of(d->context, (const void *const *)kernels) != NULL : source != NULL;
}

int convis_device_lacks(const convis_device *d, const convis_kernels *const *kernels, const char *name)
{
    const convis_kernels *best = d->type->call ? convis_best_of(d->context, (const void *const *)kernels) : NULL;
    for (const convis_kernel *k = best ? best->list : NULL; k && k->name; k++) if (!strcmp(k->name, name)) return 0;
    return d->type->call != NULL;
}

convis_program *convis_device_layer(convis_device *d, const char *name, const convis_kernels *const *kernels,
                                    const char *const *source)
{
    const convis_kernels *best = convis_best_of(d->context, (const void *const *)kernels);
    return d->type->call ? functions(d, best) : convis_device_program(d, name, source, best->list);
}

const convis_device_kernel *convis_program_kernel(convis_device *d, convis_program *p, const char *name)
{
    for (int k = 0; k < p->count; k++) if (!strcmp(p->kernel[k].name, name)) return &p->kernel[k];
    const convis_kernel *of = p->kernels;
    while (of && of->name && strcmp(of->name, name)) of++;
    void *handle = of && of->name && !d->status && p->count < MOST_KERNELS ? d->type->find(d, p->handle, name) : NULL;
    if (!handle) return NULL;
    p->kernel[p->count] = (convis_device_kernel){ of->name, handle, of->buffers, of->block };
    return &p->kernel[p->count++];
}

void convis_device_launch(convis_device *d, const convis_device_kernel *k, void *const *buffers, const convis_span *span,
                          int64_t groups, int group_size)
{
    enum { MOST_GROUPS = 1 << 16 };                      /* the rest is done in more iterations */
    if ((k->block != 0) != (span->block != NULL)) {
        convis_device_fault(d, CONVIS_EDEVICE,
                            "the kernel %s takes %u bytes of its own, and was launched %s (this is a mistake of convis)", k->name,
                            k->block, span->block ? "with others" : "without");
        return;
    }
    if (d->type->call) {
        d->type->call(d, k->handle, buffers, span);
        return;
    }
    const int32_t n = (int32_t)span->n, nt = span->nt;
    const float dt = (float)span->dt;
    uint32_t tail[CONVIS_TAIL_WORDS] = { 0, 0, 0, span->frame, span->key0, span->key1 };
    memcpy(&tail[0], &n, 4);
    memcpy(&tail[1], &nt, 4);
    memcpy(&tail[2], &dt, 4);
    if (!groups) {
        group_size = CONVIS_GROUP_SIZE;
        groups = (span->n + group_size - 1)/group_size;
        if (groups > MOST_GROUPS) groups = MOST_GROUPS;
    }
    if (!d->status && groups > 0)
        d->type->launch(d, k->handle, k->buffers, buffers, span->block, k->block, tail, groups, group_size);
}

void convis_device_close(convis_device **device)
{
    convis_device *d = device ? *device : NULL;
    if (!d) return;
    for (convis_program *p = d->programs, *next; p; p = next) {
        next = p->next;
        if (p->handle) d->type->discard(d, p->handle);
        convis_release(d->context, p->text);
        convis_release(d->context, p);
    }
    d->type->close(d);
    convis_release(d->context, d->version);
    convis_release(d->context, d);
    *device = NULL;
}

/* ---- Recorded launches ---- */

int convis_device_record(convis_device *d) { return !d->status && d->type->record && d->type->record(d); }

/* Of a device with a fault, too: it must not be left recording. */
void *convis_device_recorded(convis_device *d) { return d->type->recorded(d); }

int convis_device_replay(convis_device *d, void *launches) { return !d->status && d->type->replay(d, launches); }

void convis_device_forget(convis_device *d, void *launches) { if (launches) d->type->forget(d, launches); }
