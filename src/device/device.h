/* device.h - where kernels run: one small table, behind it the processor, CUDA and OpenCL.
 *
 * Drivers are loaded at run time; nothing of theirs is needed to build. Device memory is named by addresses that may be
 * added to and compared but, unless the device is host_visible, not followed. Calls are queued and return at once but for `get`,
 * which waits. The first fault stays: its sentence is on the device, later calls do nothing, and a run of a model checks the status
 * at its end. */
#ifndef CONVIS_DEVICE_H
#define CONVIS_DEVICE_H
#include "base/context.h"

/* What is queued in one is done in order; convis_device_order orders two of them. */
enum { CONVIS_QUEUE_RUN, CONVIS_QUEUE_IN, CONVIS_QUEUE_OUT, CONVIS_QUEUES };
enum { CONVIS_WHY = sizeof ((convis_device_info *)0)->why };
enum { CONVIS_KERNEL_BUFFERS = 16, CONVIS_TAIL_WORDS = 6, CONVIS_GROUP_SIZE = 128 };

typedef struct convis_device convis_device;

typedef struct convis_device_type {
    const char *name;                            /* "cuda": the beginning of what --device takes */
    int  host_visible;                           /* its memory is the host's: nothing need be copied, and kernels are functions */
    int  tiled;                                  /* frames stay in a cache, of which threads here have tiles; else it is wide: the more
                                                    work at once the better */
    int  (*drivers)(char why[CONVIS_WHY]);       /* how many there are; 0: none, and why */
    int  (*list)(int driver, int index, convis_device_info *);           /* a driver's index-th device; 0 past the last */
    convis_status (*open)(convis_device *);      /* by its name, which is one of the list */
    void (*close)(convis_device *);
    int64_t (*room)(convis_device *);            /* bytes of memory that are free, as far as one can know; NULL: not counted */
    void *(*obtain)(convis_device *, size_t bytes);                      /* zeroed; NULL: out of memory */
    void (*release)(convis_device *, void *memory);
    void (*put) (convis_device *, int queue, void *to, const void *from, size_t bytes);      /* from is free again afterwards */
    void (*get) (convis_device *, int queue, void *to, const void *from, size_t bytes);      /* waits for it */
    void (*copy)(convis_device *, void *to, const void *from, size_t bytes);                 /* no overlap */
    void (*zero)(convis_device *, void *to, size_t bytes);
    void (*order)(convis_device *, int before, int after);               /* what is queued in `after` waits for all of `before` */
    void (*sync)(convis_device *);
    /* A kernel that is a C function, by the calling thread. Other devices have the next four instead. */
    void (*call)(convis_device *, const convis_kernel *, void *const *buffers, const convis_span *);
    /* text: kernels in the dialect of kernel.h. binary: of an earlier compilation for such a device, or NULL; that of this one
     * is returned in it (convis_obtain). A failure leaves the compiler's log. */
    void *(*compile)(convis_device *, const char *name, const char *text, void **binary, size_t *size);
    void (*discard)(convis_device *, void *program);
    void *(*find)(convis_device *, void *program, const char *kernel);   /* NULL: it has none of that name */
    /* block: what the kernel gets by value behind its buffers, bytes of it. */
    void (*launch)(convis_device *, void *kernel, int buffers, void *const *buffer, const void *block, size_t bytes,
                   const uint32_t *tail, int64_t groups, int group_size);
    /* Optional, all or none. Between the first two, launches, copies and zeros of RUN are not done but recorded; any other call spoils
     * that, which is no fault. What `recorded` returns, `replay` queues as one; NULL: nothing was recorded, and nothing was done. */
    int  (*record)(convis_device *);             /* 0: it cannot */
    void *(*recorded)(convis_device *);
    int  (*replay)(convis_device *, void *launches); /* 0: it could not, nothing is queued */
    void (*forget)(convis_device *, void *launches);
} convis_device_type;

extern const char *const convis_frames_source[];         /* frames.c, for what no layer does */
extern const convis_kernel convis_frames_kernels[];
extern const convis_device_type convis_device_cpu, convis_device_cuda, convis_device_opencl;

/* Kernels of one layer, or of one text, and their arguments (convis_kernel). */
typedef struct convis_program convis_program;
typedef struct convis_device_kernel { const char *name; void *handle; int buffers; uint32_t block; } convis_device_kernel;

struct convis_device {
    const convis_device_type *type;
    convis_context *context;
    char    name[32], title[128];
    char   *version;                             /* of device, driver and compiler, whole: a part of the cache's keys; convis_obtain */
    convis_status status;                        /* of the first fault */
    char    sentence[1024];
    int64_t memory, most;                        /* bytes in all, and of one block */
    convis_program *programs;
    void   *own;                                 /* the implementation's */
};

/* judge.c: whether, and why, this process should not load a type's drivers (driver -1), or ask this one of them. Found out in a child
 * process, which tries them all, and cached. again: what failed before is tried once more. */
int           convis_driver_refused(const convis_device_type *, int driver, int again, char why[CONVIS_WHY]);
/* How many graphics cards its drivers list, usable or not, by the same trial; -1: not known. */
int           convis_driver_gpus(const convis_device_type *);
/* What `auto` chooses from: convis_device_list without the drivers that failed before, which are not tried again, and those that know of
 * no graphics card, which are not even loaded (PoCL brings a compiler with it). */
int           convis_device_list_known(int index, convis_device_info *);
/* What the child process does: use every device of this driver a little. How many of them are graphics cards. */
int           convis_device_try(const convis_device_type *, int driver);

/* "cuda:0", "opencl:1.0", or either alone for its first usable one. */
convis_status convis_device_open(convis_context *, const char *name, convis_device **);
void          convis_device_close(convis_device **);
/* The first fault's sentence, and on the context; returns the status. */
convis_status convis_device_fault(convis_device *, convis_status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* Zeroed memory; NULL with the sentence left on the context. No fault of the device. */
void *convis_device_obtain(convis_device *, size_t bytes);
void  convis_device_release(convis_device *, void *memory);
void  convis_device_put (convis_device *, int queue, void *to, const void *from, size_t bytes);
void  convis_device_get (convis_device *, int queue, void *to, const void *from, size_t bytes);
void  convis_device_copy(convis_device *, void *to, const void *from, size_t bytes);
void  convis_device_zero(convis_device *, void *to, size_t bytes);
void  convis_device_order(convis_device *, int before, int after);
/* Wait for everything; the status so far, its sentence on the context. */
convis_status convis_device_sync(convis_device *);

/* Kernels that exist both as functions, the best instruction set first, and as a text: those of these that the device takes. */
int             convis_device_has  (const convis_device *, const convis_kernels *const *kernels, const char *const *source);
/* 1: as is known before anything is compiled, there is no kernel of that name. */
int             convis_device_lacks(const convis_device *, const convis_kernels *const *kernels, const char *name);
convis_program *convis_device_layer(convis_device *, const char *name, const convis_kernels *const *kernels,
                                    const char *const *source);
/* Compiled when first asked for, from the cache on disk where it can be; NULL with the sentence on the context. source: lines, as
 * tools/embed.c makes them; kernels: the table that the macros of its kernels made, with an end without a name. */
convis_program *convis_device_program(convis_device *, const char *name, const char *const *source, const convis_kernel *kernels);
/* NULL: it has none of that name. */
const convis_device_kernel *convis_program_kernel(convis_device *, convis_program *, const char *name);
/* groups 0: as many as n elements need. */
void convis_device_launch(convis_device *, const convis_device_kernel *, void *const *buffers, const convis_span *,
                          int64_t groups, int group_size);

/* What is queued to RUN in between is recorded, to be replayed as one (convis_device_type). Record, replay: 0: it cannot. */
int   convis_device_record(convis_device *);
void *convis_device_recorded(convis_device *);                           /* NULL: do it without; always after a record that was not 0 */
int   convis_device_replay(convis_device *, void *launches);
void  convis_device_forget(convis_device *, void *launches);

/* ---- cpu/cpu.c ---- */

convis_status convis_processor_open(convis_context *, convis_device **);
/* context->isa by name: "cpu", the best of them, or "cpu:avx2". */
convis_status convis_isa_choose(convis_context *, const char *device);
/* For all that is compiled once per instruction set: tables that begin with its name, the best first, NULL at the end. The
 * best that the context may use; NULL: there is none. */
const void   *convis_best_of(const convis_context *, const void *const *ladder);
/* CONVIS_LADDER(convis_blur_kernels, convis_blur_lines): declares such tables, which the build made of one file, and their list,
 * convis_blur_lines_ladder. */
#define CONVIS_ISA_EXTERN_(name, isa) extern const name##_table name##_##isa;
#define CONVIS_LADDER(type, name)                                            \
    typedef type name##_table;                                               \
    CONVIS_EACH_ISA(CONVIS_ISA_EXTERN_, name)                                \
    static const void *const name##_ladder[] = { CONVIS_EACH_ISA(CONVIS_ISA_ADDRESS_, name) NULL };

/* cache.c: what compilers made, on disk by content. key: everything it depends on. Missing or damaged is no fault. */
void *convis_cache_read (convis_context *, const char *key, size_t *size);       /* NULL, or release it */
void  convis_cache_write(convis_context *, const char *key, const void *data, size_t size);
#endif
