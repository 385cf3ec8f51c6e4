/* open.c - models by name or file. */
#include "recipe.h"
#include "base/text.h"
#include "io/frames.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_FILE = 64 << 20 };

/* ---- Names ---- */

const char *convis_extension(const char *name)
{
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    return dot && (!slash || dot > slash) ? dot : "";
}

const char *convis_recipe_name(int index, const char **doc)
{
    for (int k = 0; convis_presets[k]; k++)
        if (k == index) { if (doc) *doc = convis_presets[k]->doc; return convis_presets[k]->name; }
    return NULL;
}

const struct convis_preset *convis_preset_named(const char *name)
{
    for (int k = 0; convis_presets[k]; k++) if (!strcmp(convis_presets[k]->name, name)) return convis_presets[k];
    return NULL;
}

static convis_status not_found(convis_context *c, const char *name)
{
    char list[512] = "", quoted[64];
    const char *known;
    convis_hint hint = CONVIS_HINT(name);
    for (int k = 0; (known = convis_recipe_name(k, NULL)); k++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", known);
        convis_hint_offer(&hint, known);
    }
    convis_quoted(quoted, name);
    if (*hint.text)
        return convis_fail(c, CONVIS_ENAME, "model '%s': expected a built-in model, a .yaml, .xml or .h5 file%s", quoted,
                           hint.text);
    return convis_fail(c, CONVIS_ENAME, "model '%s': expected a built-in model (%s), a .yaml, .xml or .h5 file", quoted, list);
}

/* ---- Opening ---- */

/* What begins a file that holds no text, and what it is. */
static const struct { int at; const char *bytes, *what; } BEGINNINGS[] = {
    { 0, "\x93NUMPY", "an array of NumPy" }, { 0, "PK\3\4", "a zip archive, as .npz" }, { 0, "\x89PNG", "a picture" }, { 0, "GIF8", "a picture" },
    { 0, "\xff\xd8\xff", "a picture" }, { 0, "\x89HDF", "HDF5, which as a model has a name that ends in .h5" }, { 0, "RIFF", "a movie" },
    { 0, "\x1a\x45\xdf\xa3", "a movie" }, { 4, "ftyp", "a movie" }, { 0, "#INRIMAGE", "an image of INRIA" }
};

/* What the name of a file says that it is, where that is no model; NULL: it may be one. */
static const char *named_otherwise(const char *path)
{
    convis_format_info f;
    for (int k = 0; convis_format_list(k, &f); k++)
        if (convis_has_extension(path, f.extension)) return f.reads && strstr(f.reads, "model") ? NULL : f.doc;
    return NULL;
}

/* Movies, arrays and spikes are refused as such, by how they begin or by their names; XML of any name is VirtualRetina's. */
static convis_status check_kind(convis_context *c, const char *path)
{
    struct stat s;
    char head[64] = "";
    if (stat(path, &s) || !S_ISREG(s.st_mode)) return CONVIS_OK;                 /* a pipe is read once */
    FILE *f = fopen(path, "rb");
    if (!f) return CONVIS_OK;                            /* who opens it says why not */
    const size_t n = fread(head, 1, sizeof head - 1, f), space = strspn(head, " \t\r\n");
    fclose(f);
    const char *what = NULL;
    for (size_t k = 0; k < sizeof BEGINNINGS/sizeof *BEGINNINGS && !what; k++) {
        const size_t at = (size_t)BEGINNINGS[k].at, length = strlen(BEGINNINGS[k].bytes);
        if (n >= at + length && !memcmp(head + at, BEGINNINGS[k].bytes, length)) what = BEGINNINGS[k].what;
    }
    if (!what && head[space] != '<' && memcmp(head, "\xff\xfe", 2) && memcmp(head, "\xfe\xff", 2) &&
        memcmp(head, "\xef\xbb\xbf", 3))
        what = named_otherwise(path);
    return what ? convis_fail(c, CONVIS_EFORMAT, "%s: no model but %s; expected a built-in model, a .yaml, .xml or .h5 file",
                              path, what)
                : CONVIS_OK;
}

/* The whole of a file; pipes too, so its size is not known before its end. */
convis_status convis_slurp(convis_context *c, const char *path, char **text, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f) return convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
    size_t room = 1 << 16;
    convis_status status = CONVIS_OK;
    *size = 0;
    *text = convis_obtain(c, room);
    if (!*text) status = CONVIS_ENOMEM;
    while (!status) {
        *size += fread(*text + *size, 1, room - *size, f);
        if (ferror(f)) status = convis_fail(c, CONVIS_EIO, "%s: %s", path, strerror(errno));
        if (status || *size < room) break;
        char *more = room < LARGEST_FILE ? convis_obtain(c, 2*room) : NULL;
        if (!more) {
            status = room < LARGEST_FILE ? CONVIS_ENOMEM
                   : convis_fail(c, CONVIS_EFORMAT, "%s: more than %d MB, expected less", path, LARGEST_FILE >> 20);
            break;
        }
        memcpy(more, *text, *size);
        convis_release(c, *text);
        *text = more;
        room *= 2;
    }
    fclose(f);
    if (status) { convis_release(c, *text); *text = NULL; }
    return status;
}

convis_status convis_read_graph(convis_context *c, const struct convis_opening *opening, const char *text, size_t size,
                                struct convis_warnings *warnings, struct convis_graph *g)
{
    size_t k = 0;
    struct convis_retina r;
    while (k < size && isspace((unsigned char)text[k])) k++;
    if (k == size || text[k] != '<') return convis_read_yaml(c, opening, text, size, warnings, g);
    *g = (struct convis_graph){ .dt = 0.001 };
    convis_status status = convis_xml_read(c, opening->file, text, size, &r, warnings);
    return status ? status : convis_graph_of_retina(c, &r, g);
}

static int is_yaml(const char *name) { return convis_has_extension(name, ".yaml") || convis_has_extension(name, ".yml"); }

static convis_status open_file(convis_context *c, const struct convis_opening *opening, struct convis_warnings *warnings,
                               struct convis_graph *g)
{
    const char *name = opening->file;
    char *text = NULL;
    size_t size = 0;
    struct convis_retina r;
    convis_status status = check_kind(c, name);
    if (!status) status = convis_slurp(c, name, &text, &size);
    if (!status && is_yaml(name)) status = convis_read_yaml(c, opening, text, size, warnings, g);
    else if (!status && !(status = convis_xml_read(c, name, text, size, &r, warnings))) status = convis_graph_of_retina(c, &r, g);
    convis_release(c, text);
    return status;
}

/* A file of another extension may be VirtualRetina's. */
convis_status convis_open_graph(convis_context *c, const struct convis_opening *opening, struct convis_warnings *warnings,
                                struct convis_graph *g)
{
    const char *name = opening->file;
    const struct convis_preset *preset = convis_preset_named(name);
    *g = (struct convis_graph){ .dt = 0.001 };
    if (preset) return convis_preset_graph(c, preset, convis_open_node, g);
    if (convis_has_extension(name, ".h5") || convis_has_extension(name, ".hdf5"))
        return convis_open_saved(c, opening, warnings, g);
    if (!is_yaml(name) && !convis_has_extension(name, ".xml") && access(name, F_OK)) return not_found(c, name);
    return open_file(c, opening, warnings, g);
}
