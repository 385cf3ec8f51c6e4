/* context.h - what the library's own files know of a context. */
#ifndef CONVIS_CONTEXT_H
#define CONVIS_CONTEXT_H
#include <convis/layer.h>
#include <stdatomic.h>

/* Functions of higher folders that lower ones may call (src/library/open.c). */
struct convis_frames;
struct convis_movie_options;
struct convis_hooks {
    convis_status (*array)(convis_context *, const char *name, convis_array *);          /* data: convis_disown */
    convis_status (*stimulus)(convis_context *, const char *text, const struct convis_movie_options *, struct convis_frames **);
    void          (*destroy)(convis_context *);
};

struct convis_context {
    convis_context *context;      /* itself: whatever a public function is called for has one (CONVIS_NEEDS) */
    convis_allocator allocator;
    atomic_int holders;           /* the caller, until convis_close, and every object that was made with it */
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
    convis_progress_function progress;    /* convis_on_progress, and for whom */
    void *progress_user;
    int  undisturbed;             /* convis_progress asks nobody: what puts a canceled call's objects in order must not be canceled, too */
    convis_log_function log;
    void *log_user;
    char message[1024];
};

/* In what takes long: whether the caller wants more of it, or ECANCELED with the sentence. */
convis_status convis_progress(convis_context *, const char *what, int64_t done, int64_t total);
void          convis_log(convis_context *, const char *sentence);

/* An object of the caller's (a model, a reader) holds its context from when it is made until it is freed; the last to let go frees it. */
void convis_context_hold  (convis_context *);
void convis_context_let_go(convis_context *);

/* The first lines of a public function: the object for which it is called, and the further pointers that it must have. Where one is NULL
 * the function returns EINVAL (or `result`) and leaves a sentence; without the object that is convis_message(NULL)'s. */
#define CONVIS_NEEDS(...) CONVIS_NEEDS_ELSE(CONVIS_EINVAL, __VA_ARGS__)
#define CONVIS_NEEDS_ELSE(result, ...)                                                                                      \
    CONVIS_NEEDS_IN(CONVIS_FIRST_(__VA_ARGS__, 0) ? CONVIS_FIRST_(__VA_ARGS__, 0)->context : NULL, result, __VA_ARGS__)
#define CONVIS_FIRST_(first, ...) (first)
/* The same of functions that are called for no object, or for one that the file does not know. */
#define CONVIS_NEEDS_ALONE(result, ...) CONVIS_NEEDS_IN(NULL, result, __VA_ARGS__)
#define CONVIS_NEEDS_IN(context, result, ...)                                                                               \
    do {                                                                                                                    \
        const void *const needed_[] = { __VA_ARGS__ };                                                                      \
        const int count_ = (int)(sizeof needed_/sizeof *needed_);                                                           \
        if (convis_lacks(context, __func__, #__VA_ARGS__, needed_, count_)) return result;                                  \
    } while (0)
int convis_lacks(convis_context *, const char *function, const char *names, const void *const *pointers, int count);
/* An array of so many elements: not less than none, and there unless it is of none. */
#define CONVIS_NEEDS_ARRAY(c, array, elements)                                                                              \
    do {                                                                                                                    \
        if (convis_lacks_array(c, __func__, #array, array, elements)) return CONVIS_EINVAL;                                 \
    } while (0)
int convis_lacks_array(convis_context *, const char *function, const char *name, const void *array, int64_t elements);

/* Room for one more element of a list, which doubles; on ENOMEM it stays as it was. */
convis_status convis_grow(convis_context *, void **list, int count, int *room, size_t size);
/* Put words ("model.yaml:3: ") before the sentence on the context; not before that of ENOMEM. Returns the status. */
convis_status convis_fail_before(convis_context *, convis_status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
/* ESTATE of a context that convis_open left open for its message alone: nothing can be made with it. */
convis_status convis_context_check(convis_context *);
/* What a function of the caller's returned: where it failed without a sentence (the context's was empty), one that names it. */
convis_status convis_called(convis_context *, convis_status, const char *function, int64_t frame);
extern const convis_allocator convis_plain_allocator;   /* malloc and free */
/* Memory that remembers its allocator, for the *_free functions that get no context. */
void *convis_own(convis_context *, size_t bytes);
void  convis_disown(void *memory);
/* A text of convis_obtain as one of convis_own, also when there is none yet: after a failure. */
convis_status convis_own_text(convis_context *, convis_status, char **text);
#endif
