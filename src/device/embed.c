/* embed.c - a layer file as C strings. */
#include "embed.h"
#include <errno.h>
#include <string.h>

enum { LINE = 4096 };

static void print_line(FILE *out, const char *line)
{
    putc('"', out);
    for (; *line; line++) {
        if (*line == '"' || *line == '\\') putc('\\', out);
        if (*line == '\n') fputs("\\n", out);
        else if (*line != '\r') putc(*line, out);
    }
    fputs("\",\n", out);
}

static const char *base_of(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

static void print_place(FILE *out, int number, const char *path)
{
    char line[CONVIS_EMBED_PATH + 32];
    snprintf(line, sizeof line, "#line %d \"%s\"\n", number, base_of(path));
    print_line(out, line);
}

static int fail(convis_embed *e, const char *path, int number, const char *what)
{
    if (number) snprintf(e->why, sizeof e->why, "%.1000s:%d: %s", path, number, what);
    else snprintf(e->why, sizeof e->why, "%.1000s: %s", path, what);
    return 0;
}

static int nowhere(convis_embed *e, const char *path, int number, const char *name)
{
    snprintf(e->why, sizeof e->why, "%.900s:%d: '%.200s', which it includes, is nowhere", path, number, name);
    return 0;
}

static int exists(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f) fclose(f);
    return f != NULL;
}

/* The name in an #include that is ours to replace; 0: there is none. Those in < > but kernel.h are the C compiler's. */
static int included(const char *line, char name[CONVIS_EMBED_PATH])
{
    if (sscanf(line, "#include \"%1000[^\"]\"", name) == 1) return 1;
    return sscanf(line, "#include <%1000[^>]>", name) == 1 && !strcmp(name, "convis/kernel.h");
}

static int find(const convis_embed *e, const char *from, const char *name, char path[CONVIS_EMBED_PATH])
{
    const int beside = (int)(base_of(from) - from);
    if (snprintf(path, CONVIS_EMBED_PATH, "%.*s%s", beside, from, name) < CONVIS_EMBED_PATH && exists(path)) return 1;
    for (int k = 0; k < e->folders; k++)
        if (snprintf(path, CONVIS_EMBED_PATH, "%s/%s", e->folder[k], name) < CONVIS_EMBED_PATH && exists(path)) return 1;
    return 0;
}

/* 0: it was not there before. */
static int is_seen(const convis_embed *e, const char *path)
{
    for (int k = 0; k < e->files; k++) if (!strcmp(base_of(e->seen[k]), base_of(path))) return 1;
    return 0;
}

static int print_file(convis_embed *e, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[LINE], name[CONVIS_EMBED_PATH], other[CONVIS_EMBED_PATH];
    int good = 1, shared = !e->plain;
    if (!f) return fail(e, path, 0, strerror(errno));
    if (e->files == CONVIS_EMBED_FILES || strlen(path) >= CONVIS_EMBED_PATH) {
        fclose(f);
        return fail(e, path, 0, "too many files, or too long a name");
    }
    strcpy(e->seen[e->files++], path);
    if (e->files > 1) print_place(e->out, 1, path);
    for (int number = 1; good && fgets(line, sizeof line, f); number++) {
        if (!strchr(line, '\n') && !feof(f)) good = fail(e, path, number, "the line is too long");
        else if (!shared || !included(line, name)) print_line(e->out, line);
        else if (!find(e, path, name, other)) good = nowhere(e, path, number, name);
        else if (is_seen(e, other)) print_line(e->out, "\n");
        else {
            good = print_file(e, other);
            print_place(e->out, number + 1, path);
        }
        if (!strncmp(line, "#ifndef CONVIS_HOST", 19)) shared = 0;
    }
    fclose(f);
    return good;
}

int convis_embed_write(convis_embed *e, const char *name, const char *path)
{
    const char *what = e->plain ? "text" : "source";
    fprintf(e->out, "extern const char *const convis_%s_%s[];\nconst char *const convis_%s_%s[] = {\n", name, what, name, what);
    const int good = print_file(e, path);
    fputs("0 };\n", e->out);
    return good;
}
