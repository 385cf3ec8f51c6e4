/* context.h - what the library's own files know of a context. */
#ifndef CONVIS_CONTEXT_H
#define CONVIS_CONTEXT_H
#include <convis/layer.h>

struct convis_context {
    convis_allocator allocator;
    int  threads;
    int  isa;                     /* index into convis_isa's list */
    unsigned colour;              /* of the next large block (convis_obtain) */
    struct convis_device *there;  /* a graphics card; NULL: we compute here */
    char device[32];
    char message[1024];
};

/* Put words before the sentence on the context, "model.yaml:3: " say; not before that of ENOMEM. Returns the status. */
convis_status convis_fail_before(convis_context *, convis_status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
int convis_cpu_usable(const char *isa);      /* src/device/cpu/cpu.c: can this processor run it? */
#endif
