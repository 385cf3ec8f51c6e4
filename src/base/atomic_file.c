/* atomic_file.c - files: opening to read; writing a temporary file and renaming it, alone or several writers together. */
#include "atomic_file.h"
#include "locks.h"
#include "text.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Reading ---- */

convis_status convis_file_open(convis_context *c, const char *path, const char *expected, int empty, FILE **file, int64_t *size)
{
    struct stat s;
    *file = fopen(path, "rbe");
    if (!*file) return convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
    convis_status status = CONVIS_OK;
    if (fstat(fileno(*file), &s)) status = convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
    else if (S_ISDIR(s.st_mode)) status = convis_fail(c, CONVIS_EIO, "%s: a folder, expected %s", path, expected);
    else if (S_ISREG(s.st_mode) && s.st_size == 0 && !empty) status = convis_fail(c, CONVIS_EFORMAT, "%s: empty, expected %s", path, expected);
    if (status) { fclose(*file); *file = NULL; return status; }
    *size = S_ISREG(s.st_mode) ? (int64_t)s.st_size : -1;
    return CONVIS_OK;
}

/* ---- Atomic files ---- */

convis_status convis_private_folder(convis_context *c, const char *kind, char *path, size_t size)
{
    const char *in = getenv("TMPDIR");
    char whole[PATH_MAX];
    if (!in || !*in) in = P_tmpdir;
    const int length = realpath(in, whole) ? snprintf(path, size, "%s/convis-%s-XXXXXX", whole, kind) : -1;
    if (length >= 0 && (size_t)length < size && mkdtemp(path)) return CONVIS_OK;
    const int fault = length >= 0 && (size_t)length >= size ? ENAMETOOLONG : errno;
    *path = 0;
    return convis_fail(c, CONVIS_EIO, "%s: no folder for temporary files can be made there (%s)", in, strerror(fault));
}

/* Every file being written, so that two outputs of one run cannot be the same file and lose one of them. */
typedef struct writing { const convis_context *context; const char *path; struct writing *next; } writing;
static writing *being_written;
static convis_shared *shared_files;

static int is_direct(const convis_atomic_file *a) { return !strcmp(a->path, a->temporary); }

/* Devices and pipes are written as they are, and so is standard output even when it goes to a file. */
static int is_special(const char *path)
{
    struct stat s;
    if (stat(path, &s)) return 0;
    return (!S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode)) || !strncmp(path, "/dev/std", 8) || !strncmp(path, "/dev/fd/", 8)
        || !strncmp(path, "/proc/", 6);
}

/* The path with its links followed, so that a link's target is what gets replaced. The file need not exist yet. */
static convis_status canonical(convis_context *c, const char *path, char to[PATH_MAX])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    char folder[PATH_MAX];
    if (!*path) return convis_fail(c, CONVIS_EINVAL, "the name of an output file is empty");
    if (is_special(path) && strlen(path) < PATH_MAX) { strcpy(to, path); return CONVIS_OK; }
    if (realpath(path, to)) return CONVIS_OK;
    if (errno != ENOENT) return convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
    if (!*base) return convis_fail(c, CONVIS_EIO, "%s: a folder, expected the name of a file", path);
    int length = !slash ? snprintf(folder, sizeof folder, ".")
               : snprintf(folder, sizeof folder, "%.*s", (int)(slash == path ? 1 : slash - path), path);
    if (length >= (int)sizeof folder || !realpath(folder, to))
        return convis_fail(c, CONVIS_EIO, "%s: the folder %s: %s", path, folder, strerror(errno));
    size_t used = strlen(to);
    if (used + strlen(base) + 2 > PATH_MAX) return convis_fail(c, CONVIS_EIO, "%s: the name is too long", path);
    snprintf(to + used, PATH_MAX - used, "%s%s", used > 1 ? "/" : "", base);
    return CONVIS_OK;
}

/* A special file: temporary equals path, and nothing is renamed or removed. */
convis_status convis_atomic_file_open(convis_context *c, const char *path, convis_atomic_file *a)
{
    static unsigned counter;
    char full[PATH_MAX], temporary[PATH_MAX];
    struct stat s;
    *a = (convis_atomic_file){ c, NULL, NULL };
    convis_status status = canonical(c, path, full);
    if (status) return status;
    int exists = !stat(full, &s);
    if (exists && S_ISDIR(s.st_mode)) return convis_fail(c, CONVIS_EIO, "%s: a folder, expected the name of a file", path);
    if (exists && access(full, W_OK)) return convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
    if (is_special(full)) {
        strcpy(temporary, full);
    } else {
        char *base = strrchr(full, '/') + 1;
        int folder = (int)(base - full);
        size_t length = strlen(base), shown = length > 200 ? 200 : length;     /* the extension stays: some look at it */
        if (snprintf(temporary, sizeof temporary, "%.*s.convis-%ld-%u.%s", folder, full, (long)getpid(),
                     __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED), base + length - shown) >= (int)sizeof temporary)
            return convis_fail(c, CONVIS_EIO, "%s: the name is too long", path);
        full[folder - 1] = 0;
        if (access(*full ? full : "/", W_OK))
            return convis_fail(c, CONVIS_EIO, "%s: the folder %s: %s", path, *full ? full : "/", strerror(errno));
        full[folder - 1] = '/';
    }
    writing *w = convis_obtain(c, sizeof *w);
    a->path = w ? convis_copy_text(c, full) : NULL;
    a->temporary = a->path ? convis_copy_text(c, temporary) : NULL;
    if (!a->temporary) {
        convis_release(c, a->path);
        convis_release(c, w);
        *a = (convis_atomic_file){ c, NULL, NULL };
        return CONVIS_ENOMEM;
    }
    *w = (writing){ c, a->path, NULL };
    convis_lock(CONVIS_LOCK_FILES);
    int taken = 0;
    for (writing *other = being_written; other; other = other->next)
        taken |= other->context == c && !strcmp(other->path, full) && !is_direct(a);
    w->next = being_written;
    being_written = w;
    convis_unlock(CONVIS_LOCK_FILES);
    if (!taken) return CONVIS_OK;
    convis_atomic_file_abandon(a);
    return convis_fail(c, CONVIS_EINVAL, "%s: two outputs go to this file, expected a name for each", path);
}

static void forget(convis_atomic_file *a)
{
    writing *found = NULL;
    convis_lock(CONVIS_LOCK_FILES);
    for (writing **w = &being_written; *w; w = &(*w)->next)
        if ((*w)->path == a->path) { found = *w; *w = found->next; break; }
    convis_unlock(CONVIS_LOCK_FILES);
    convis_release(a->context, found);
    convis_release(a->context, a->path);
    convis_release(a->context, a->temporary);
    a->path = a->temporary = NULL;
}

convis_status convis_atomic_file_commit(convis_atomic_file *a)
{
    if (!a->path) return CONVIS_OK;
    if (!is_direct(a) && rename(a->temporary, a->path)) {
        convis_fail(a->context, CONVIS_EIO, "%s: %s", a->path, strerror(errno));
        convis_atomic_file_abandon(a);
        return CONVIS_EIO;
    }
    forget(a);
    return CONVIS_OK;
}

void convis_atomic_file_abandon(convis_atomic_file *a)
{
    if (!a->path) return;
    if (!is_direct(a)) unlink(a->temporary);
    forget(a);
}

/* ---- A stdio stream onto it ---- */

convis_status convis_out_open(convis_context *c, const char *path, int seek, convis_out *o)
{
    *o = (convis_out){ .file = NULL };
    o->status = convis_atomic_file_open(c, path, &o->atomic);
    if (o->status) return o->status;
    int direct = is_direct(&o->atomic);
    int handle =
        open(o->atomic.temporary, direct ? O_WRONLY | O_APPEND | O_CLOEXEC : O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    o->file = handle < 0 ? NULL : fdopen(handle, direct ? "wb" : "w+b");
    if (!o->file) {
        o->status = convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
        if (handle >= 0) close(handle);
    } else if (seek && fseeko(o->file, 0, SEEK_CUR)) {
        o->status = convis_fail(c, CONVIS_EIO,
                                "%s: a pipe or device, expected a file (or .csv or .spk, which need no second look)", path);
    }
    return o->status ? convis_out_finish(o, 0) : CONVIS_OK;
}

/* It loses its name at once, so that nothing is left whatever happens. Its atomic file then renames and removes nothing. */
convis_status convis_out_spill(convis_context *c, const char *path, convis_out *o)
{
    char name[PATH_MAX];
    const char *slash = strrchr(path, '/');
    *o = (convis_out){ .file = NULL };
    int length = snprintf(name, sizeof name, "%.*s.convis-XXXXXX", slash ? (int)(slash + 1 - path) : 0, path);
    if (length >= (int)sizeof name) return convis_fail(c, CONVIS_EIO, "%s: the name is too long", path);
    int handle = mkostemp(name, O_CLOEXEC);
    if (handle < 0) return convis_fail(c, CONVIS_EIO, "%s: a temporary file beside it: %s", path, strerror(errno));
    unlink(name);
    o->file = fdopen(handle, "w+b");
    if (!o->file) {
        close(handle);
        return convis_fail(c, CONVIS_EIO, "%s: a temporary file beside it: %s", path, strerror(errno));
    }
    o->atomic = (convis_atomic_file){ c, convis_copy_text(c, path), convis_copy_text(c, path) };
    if (o->atomic.path && o->atomic.temporary) return CONVIS_OK;
    fclose(o->file);
    forget(&o->atomic);
    return CONVIS_ENOMEM;
}

convis_status convis_out_check(convis_out *o, int good)
{
    if (!good && !o->status) o->status = convis_fail(o->atomic.context, CONVIS_EIO, "%s: %s", o->atomic.path, strerror(errno));
    return o->status;
}

convis_status convis_out_write(convis_out *o, const void *data, size_t bytes)
{
    return o->status ? o->status : convis_out_check(o, fwrite(data, 1, bytes, o->file) == bytes);
}

convis_status convis_out_finish(convis_out *o, int keep)
{
    if (o->file) {
        /* A full disk may show only here, and a rename must not come before the data. */
        if (keep && !o->status) convis_out_check(o, !fflush(o->file));
        if (keep && !o->status && !is_direct(&o->atomic)) convis_out_check(o, !fsync(fileno(o->file)));
        int good = !fclose(o->file);
        if (keep) convis_out_check(o, good);
        o->file = NULL;
    }
    if (!keep || o->status) convis_atomic_file_abandon(&o->atomic);
    else o->status = convis_atomic_file_commit(&o->atomic);
    return o->status;
}

/* ---- Several writers, one file ---- */

convis_status convis_shared_join(convis_context *c, const char *path, convis_shared **shared)
{
    char full[PATH_MAX];
    *shared = NULL;
    convis_status status = canonical(c, path, full);
    if (status) return status;
    convis_lock(CONVIS_LOCK_FILES);
    for (convis_shared *s = shared_files; s && !*shared; s = s->next)
        if (s->context == c && !strcmp(s->atomic.path, full)) { s->users++; *shared = s; }
    convis_unlock(CONVIS_LOCK_FILES);
    if (*shared) return CONVIS_OK;

    convis_shared *s = convis_obtain(c, sizeof *s);
    if (!s) return CONVIS_ENOMEM;
    status = convis_atomic_file_open(c, path, &s->atomic);
    if (!status && is_direct(&s->atomic)) {
        status = convis_fail(c, CONVIS_EIO, "%s: a pipe or device, expected a file (or .csv or .spk, which need no second look)",
                             path);
        convis_atomic_file_abandon(&s->atomic);
    }
    if (status) { convis_release(c, s); return status; }
    s->context = c;
    s->users = 1;
    convis_lock(CONVIS_LOCK_FILES);
    s->next = shared_files;
    shared_files = s;
    convis_unlock(CONVIS_LOCK_FILES);
    *shared = s;
    return CONVIS_OK;
}

int convis_shared_leave(convis_shared *s, int keep)
{
    if (!keep) s->spoiled = 1;
    if (--s->users) return 0;
    convis_lock(CONVIS_LOCK_FILES);
    for (convis_shared **at = &shared_files; *at; at = &(*at)->next)
        if (*at == s) { *at = s->next; break; }
    convis_unlock(CONVIS_LOCK_FILES);
    return 1;
}

convis_status convis_shared_end(convis_shared *s)
{
    convis_status status = CONVIS_OK;
    if (!s->spoiled) {                                   /* a rename must not come before the data */
        int handle = open(s->atomic.temporary, O_RDONLY | O_CLOEXEC);
        if (handle < 0 || fsync(handle)) {
            status = convis_fail(s->context, CONVIS_EIO, "%s: %s", s->atomic.path, strerror(errno));
            s->spoiled = 1;
        }
        if (handle >= 0) close(handle);
    }
    if (s->spoiled) convis_atomic_file_abandon(&s->atomic);
    else status = convis_atomic_file_commit(&s->atomic);
    convis_release(s->context, s);
    return status;
}
