/* parts.c - the optional parts of the build: which there are, loading them, and the sentence where one is missing. */
#include "parts.h"
#include "context.h"
#include "locks.h"
#include "parts/calls.h"
#include "text.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* A program, which is started where it is needed. */
static const char *const NO_LIBRARIES[] = { NULL };
static const convis_symbol NO_SYMBOLS[] = { { .name = NULL } };
const convis_calls convis_gnuplot_calls = { NO_LIBRARIES, NO_SYMBOLS };

/* CONVIS_HAVE_ID is 1 or 0 (src/meson.build); of what is not built there is no table. */
#define CALLS_0(part) NULL
#define CALLS_1(part) &convis_##part##_calls
#define CALLS(have) CALLS_(have)
#define CALLS_(have) CALLS_##have

#define ROW(ID, part, name, serves, instead) { name, serves, instead, CALLS(CONVIS_HAVE_##ID)(part) },
static const struct part {
    const char *name, *serves, *instead;
    const convis_calls *calls;                           /* NULL: not in the build */
} PARTS[CONVIS_PART_COUNT] = { CONVIS_PARTS(ROW) };

enum { MOST_LIBRARIES = 8 };
static struct { int tried; char why[300]; } state[CONVIS_PART_COUNT];      /* why: it was tried in vain */

static void load(const convis_calls *calls, char *why, size_t size)
{
    void *library[MOST_LIBRARIES];
    int n = 0;
    for (; calls->libraries[n] && n < MOST_LIBRARIES; n++) {
        library[n] = convis_library_open(calls->libraries[n]);
        if (library[n]) continue;
        const char *error = dlerror();
        convis_shorten(why, size, "%s cannot be loaded (%s)", calls->libraries[n], error ? error : "for no reason given");
        return;
    }
    const char *lacks = convis_library_find(library, n, calls->symbols);
    if (lacks) convis_shorten(why, size, "%s is not the one of the build: it has no %s", calls->libraries[0], lacks);
}

/* NULL, or why it cannot be used. */
static const char *reason(convis_part_id id)
{
    const struct part *p = &PARTS[id];
    if (!p->calls) return "";
    convis_lock(CONVIS_LOCK_PARTS);
    if (!state[id].tried) load(p->calls, state[id].why, sizeof state[id].why);
    state[id].tried = 1;
    convis_unlock(CONVIS_LOCK_PARTS);
    return *state[id].why ? state[id].why : NULL;
}

convis_status convis_part_need(convis_context *c, convis_part_id id, const char *name, const char *cannot)
{
    const struct part *p = &PARTS[id];
    const char *why = reason(id);
    char shown[200];
    if (!why) return CONVIS_OK;
    convis_shorten(shown, sizeof shown, "%s", name);
    if (!p->calls)
        return convis_fail(c, CONVIS_ENOTSUP, "this build has no %s: '%s' %s; %s", p->name, shown, cannot, p->instead);
    return convis_fail(c, CONVIS_ENOTSUP, "%s is not usable here: '%s' %s; %s", p->name, shown, cannot, why);
}

int convis_part_ready(convis_part_id id) { return !reason(id); }
int convis_part_built(convis_part_id id) { return PARTS[id].calls != NULL; }

int convis_part_list(int index, convis_part *part)
{
    CONVIS_NEEDS_ALONE(0, part);
    if (index < 0 || index >= CONVIS_PART_COUNT) return 0;
    const struct part *p = &PARTS[index];
    *part = (convis_part){ .name = p->name, .serves = p->serves, .built = p->calls != NULL };
    for (int k = 0; p->calls && p->calls->libraries[k]; k++) {
        size_t used = strlen(part->libraries);
        convis_shorten(part->libraries + used, sizeof part->libraries - used, "%s%s", k ? " " : "", p->calls->libraries[k]);
    }
    return 1;
}
