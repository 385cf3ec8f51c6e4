/* context.h - what the library's own files know of a context. */
#ifndef CONVIS_CONTEXT_H
#define CONVIS_CONTEXT_H
#include <convis/layer.h>

/* Functions of higher folders that lower ones may call (src/library/open.c). */
struct convis_frames;
struct convis_movie_options;
struct convis_hooks {
    convis_status (*array)(convis_context *, const char *name, convis_array *);          /* data: convis_disown */
    convis_status (*stimulus)(convis_context *, const char *text, const struct convis_movie_options *, struct convis_frames **);
};

struct convis_context {
    convis_allocator allocator;
    const struct convis_hooks *hooks;
    int  threads;                 /* the most that compute for it */
    struct convis_workers *workers;       /* threads.h; NULL before the first */
    int  isa;                     /* index into convis_isa's list */
    unsigned colour;              /* of the next large block (convis_obtain) */
    struct convis_device *device; /* where kernels run */
    int  allow_code;              /* layers may bring their own code (convis_allow_code) */
    struct convis_own_layer *own; /* those that were loaded (src/layers/own/own.h) */
    int  writing;                 /* a thread is writing the message */
    unsigned failures;            /* so many sentences were left */
    char message[1024];
};

/* Room for one more element of a list, which doubles; on ENOMEM it stays as it was. */
convis_status convis_grow(convis_context *, void **list, int count, int *room, size_t size);
/* Put words ("model.yaml:3: ") before the sentence on the context; not before that of ENOMEM. Returns the status. */
convis_status convis_fail_before(convis_context *, convis_status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
/* What a function of the caller's returned: where it failed without a sentence (the context's was empty), one that names it. */
convis_status convis_called(convis_context *, convis_status, const char *function, int64_t frame);
extern const convis_allocator convis_plain_allocator;   /* malloc and free */
/* Memory that remembers its allocator, for the *_free functions that get no context. */
void *convis_own(convis_context *, size_t bytes);
void  convis_disown(void *memory);
#endif
