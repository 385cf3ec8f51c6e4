/* own.c - layers of a user's own: found, loaded once a context and content, listed. */
#include "own.h"
#include "own_calls.h"
#include "base/library.h"
#include "base/text.h"
#include "device/device.h"
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

convis_status convis_allow_code(convis_context *c, int on)
{
    CONVIS_NEEDS(c);
    c->allow_code = on != 0;
    return CONVIS_OK;
}

int convis_own_is_name(const char *type)
{
    const size_t n = strlen(type);
    return n > 2 && !strcmp(type + n - 2, ".c");
}

/* ---- Names ---- */

/* "fade" of "dir/fade.c": the name of its kernels and of its table. */
static convis_status name_of(convis_context *c, const char *path, char name[CONVIS_OWN_NAME])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const size_t n = strlen(base) - 2;
    int good = n < CONVIS_OWN_NAME && !isdigit((unsigned char)*base);
    for (size_t k = 0; good && k < n; k++) good = isalnum((unsigned char)base[k]) || base[k] == '_';
    if (!good)
        return convis_fail(c, CONVIS_ENAME,
                           "%s: the file is called as its layer is in C: letters, digits and _, at most %d, and .c", path,
                           CONVIS_OWN_NAME - 1);
    snprintf(name, CONVIS_OWN_NAME, "%.*s", (int)n, base);
    return CONVIS_OK;
}

/* ---- Content ---- */

/* Two sums of everything that is read: the file, and the headers in quotes that lie beside it. */
struct content { uint64_t sum[2]; int files; char seen[32][CONVIS_OWN_PATH]; };

static void add(struct content *t, const char *text)
{
    for (; *text; text++)
        for (int k = 0; k < 2; k++) {
            t->sum[k] = (t->sum[k] ^ (unsigned char)*text)*1099511628211u;
            t->sum[k] ^= t->sum[k] >> 29;
        }
}

static convis_status read_content(convis_context *c, const char *path, struct content *t)
{
    char line[4096], name[256], other[CONVIS_OWN_PATH];
    for (int k = 0; k < t->files; k++) if (!strcmp(t->seen[k], path)) return CONVIS_OK;
    if (t->files == (int)(sizeof t->seen/sizeof *t->seen) || strlen(path) >= CONVIS_OWN_PATH)
        return convis_fail(c, CONVIS_ENOTSUP, "%s: too many files, or too long a name", path);
    snprintf(t->seen[t->files++], CONVIS_OWN_PATH, "%s", path);
    FILE *f = fopen(path, "r");
    if (!f) return convis_fail(c, CONVIS_EIO, "%s: cannot be opened (%s)", path, strerror(errno));
    convis_status status = CONVIS_OK;
    while (!status && fgets(line, sizeof line, f)) {
        const int folder = (int)(strrchr(path, '/') - path) + 1;
        add(t, line);
        if (sscanf(line, " # include \"%255[^\"]\"", name) != 1) continue;
        FILE *there = snprintf(other, sizeof other, "%.*s%s", folder, path, name) < (int)sizeof other ? fopen(other, "r") : NULL;
        if (!there) continue;                            /* the compiler finds it elsewhere, or says so */
        fclose(there);
        status = read_content(c, other, t);
    }
    if (!status && ferror(f)) status = convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
    fclose(f);
    return status;
}

static convis_status fingerprint(convis_context *c, const char *path, char text[33])
{
    struct content *t = convis_obtain(c, sizeof *t);
    if (!t) return CONVIS_ENOMEM;
    t->sum[0] = 14695981039346656037u;
    t->sum[1] = 7;
    const convis_status status = read_content(c, path, t);
    snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, t->sum[0], t->sum[1]);
    convis_release(c, t);
    return status;
}

/* ---- Loading ---- */

static convis_status said(convis_context *c, convis_status status, const char *sentence) { return convis_fail(c, status, "%s", sentence); }

static const struct convis_own_calls CALLS = {
    said, convis_hint_offer, convis_obtain, convis_release, convis_plan_alike, convis_launch, convis_launch_with, convis_launch_items,
    convis_launch_rows, convis_barrier, convis_download, convis_upload, convis_zero, convis_share, convis_emit, convis_elements,
    convis_movie_shape };

/* What dlerror says, without the names of temporary files. */
static const char *why(const char *error)
{
    const char *colon = error ? strstr(error, ": ") : NULL;
    return colon ? colon + 2 : error ? error : "it cannot be loaded";
}

/* What CONVIS_LAYER_KERNELS(id) declares, convis_<id>_source and convis_<id>_<instruction set>, is made under the file's name: the text
 * when it is compiled, kernels by CONVIS_EXPORT. Where one of these is missing: the id, its length in *length; NULL otherwise. */
static const char *missing_kernels(const char *error, int *length)
{
#define ISA_END(f, isa) "_" #isa,
    static const char *const ends[] = { "_source", CONVIS_EACH_ISA(ISA_END, f) };
    static const char prefix[] = "undefined symbol: convis_";
    const char *id = strstr(error, prefix);
    if (!id) return NULL;
    id += sizeof prefix - 1;
    const int whole = (int)strcspn(id, " ,\n");
    for (size_t k = 0; k < sizeof ends/sizeof *ends; k++) {
        *length = whole - (int)strlen(ends[k]);
        if (*length > 0 && !strncmp(id + *length, ends[k], strlen(ends[k]))) return id;
    }
    return NULL;
}

static convis_status cannot_load(convis_context *c, const char *name, const struct convis_own_layer *own, const char *error)
{
    int length;
    const char *id = missing_kernels(error, &length);
    if (id && (length != (int)strlen(name) || strncmp(id, name, (size_t)length)))
        return convis_fail(c, CONVIS_ENAME,
                           "%s: its lower half speaks of '%.*s', expected '%s', as the file is called: in CONVIS_EXPORT(%s, ...), "
                           "CONVIS_LAYER_KERNELS(%s), convis_%s_source and const convis_layer_type %s",
                           own->path, length, id, name, name, name, name, name);
    if (id)
        return convis_fail(c, CONVIS_ENAME,
                           "%s: it exports no kernels of '%s', expected CONVIS_EXPORT(%s, ...) at the end of its upper half",
                           own->path, name, name);
    return convis_fail(c, CONVIS_EIO, "%s: compiled, but it cannot be loaded: %s", own->path, error);
}

static convis_status take(convis_context *c, const char *name, struct convis_own_layer *own)
{
    char other[CONVIS_OWN_NAME + 8];
    void (*bind)(const struct convis_own_calls *) = NULL;
    snprintf(other, sizeof other, "convis_%s", name);
    const convis_symbol functions[] = { { "convis_own_bind", &bind, 0 }, { NULL, NULL, 0 } };
    const convis_symbol table[] = { { name, &own->type, 0 }, { NULL, NULL, 0 } },
                        alike[] = { { other, &own->type, 0 }, { NULL, NULL, 0 } };
    convis_library_find(&own->library, 1, functions);
    if (convis_library_find(&own->library, 1, table)) convis_library_find(&own->library, 1, alike);
    if (!own->type || !bind)
        return convis_fail(
            c, CONVIS_ENAME,
            "%s: it defines no '%s', expected the layer's table: const convis_layer_type %s, as the file is called", own->path,
            name, name);
    if (own->type->abi != CONVIS_LAYER_ABI)
        return convis_fail(c, CONVIS_EINVAL, "%s: its table has ABI %u, this library expects %d (.abi = CONVIS_LAYER_ABI)",
                           own->path, own->type->abi, CONVIS_LAYER_ABI);
    if (!own->type->name || !own->type->doc || !own->type->params || !own->type->states)
        return convis_fail(c, CONVIS_EINVAL, "%s: its table lacks name, doc, params or states, expected all of them", own->path);
    bind(&CALLS);
    return CONVIS_OK;
}

static convis_status load(convis_context *c, const char *name, struct convis_own_layer *own)
{
    struct convis_own_build build;
    convis_status status = convis_own_compile(c, own->path, name, own->fingerprint, &build);
    if (status) return status;
    own->library = convis_library_open(build.object);
    status = own->library ? take(c, name, own)
                          : cannot_load(c, name, own, why(dlerror()));
    convis_own_discard(&build);
    return status;
}

static const struct convis_own_layer *find(const convis_context *c, const struct convis_own_layer *like)
{
    for (const struct convis_own_layer *o = c->own; o; o = o->next)
        if (!strcmp(o->path, like->path) && !strcmp(o->fingerprint, like->fingerprint)) return o;
    return NULL;
}

convis_status convis_own_open(convis_context *c, const char *file, const struct convis_own_layer **out)
{
    char name[CONVIS_OWN_NAME], real[4096];
    *out = NULL;
    if (!c->allow_code)
        return convis_fail(c, CONVIS_ENOTSUP, "%s: a layer that brings its own code, which would run with all your rights; "
                                              "if you trust it: --allow-code (convis_allow_code in C)", file);
    if (!realpath(file, real)) return convis_fail(c, CONVIS_EIO, "%s: cannot be opened (%s)", file, strerror(errno));
    struct convis_own_layer *own = convis_obtain(c, sizeof *own);
    if (!own) return CONVIS_ENOMEM;
    convis_status status = CONVIS_OK;
    if (snprintf(own->path, sizeof own->path, "%s", real) >= (int)sizeof own->path)
        status = convis_fail(c, CONVIS_ENOTSUP, "%s: too long a path", file);
    if (!status) status = name_of(c, own->path, name);
    if (!status) status = fingerprint(c, own->path, own->fingerprint);
    *out = status ? NULL : find(c, own);
    if (!status && !*out && !(status = load(c, name, own))) {
        convis_own_type(&own->owned, own->type, c);
        own->next = c->own;
        c->own = own;
        *out = own;
        return CONVIS_OK;
    }
    if (own->library) convis_library_close(own->library);
    convis_release(c, own);
    return status;
}

convis_status convis_layer_type_open(convis_context *c, const char *file, const convis_layer_type **type)
{
    const struct convis_own_layer *own = NULL;
    if (type) *type = NULL;
    CONVIS_NEEDS(c, file, type);
    if (!convis_own_is_name(file)) return convis_fail(c, CONVIS_EINVAL, "'%s': expected a layer's C file", CONVIS_QUOTED(file));
    const convis_status status = convis_own_open(c, file, &own);
    if (!status) *type = own->type;
    return status;
}

const struct convis_own_layer *convis_own_of(const convis_context *c, const convis_layer_type *type)
{
    const struct convis_own_layer *o = c->own;
    while (o && o->type != type) o = o->next;
    return o;
}

void convis_own_close(convis_context *c)
{
    while (c->own) {
        struct convis_own_layer *o = c->own;
        c->own = o->next;
        convis_disown_type(&o->owned);
        convis_library_close(o->library);
        convis_release(c, o);
    }
}
