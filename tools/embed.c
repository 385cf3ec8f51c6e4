/* embed.c - print a layer file as C strings, so that the GPU compilers see the very text the C compiler saw.
 *
 *      embed NAME FILE DEPENDENCIES FOLDER... > NAME_source.c
 *
 * The #include of kernel.h is replaced by its text, and so are those of headers in quotes, which hold what the text and its host share
 * (blocks of arguments, constants), if they stand above the line "#ifndef CONVIS_HOST": they are looked for beside the file, then in the
 * folders. Each once, as their guards want it. The other half of a layer stays, as the preprocessor drops it. Behind and in each file #line says where one is, so that compilers' logs do. One
 * string a line, because compilers need not take long ones; the array ends with NULL. DEPENDENCIES: a file for the build that lists what
 * was read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 1024, LINE = 4096, MOST_FILES = 32 };
static char seen[MOST_FILES][PATH];
static int files;
static char **folder;
static int folders;

static void print_line(const char *line)
{
    putchar('"');
    for (; *line; line++) {
        if (*line == '"' || *line == '\\') putchar('\\');
        if (*line == '\n') fputs("\\n", stdout);
        else putchar(*line);
    }
    puts("\",");
}

static const char *base_of(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

static void print_place(int number, const char *path)
{
    char line[PATH + 32];
    snprintf(line, sizeof line, "#line %d \"%s\"\n", number, base_of(path));
    print_line(line);
}

static int fail(const char *path, int number, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", path, number, what);
    return 0;
}

static int exists(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f) fclose(f);
    return f != NULL;
}

/* The name in an #include that is ours to replace; 0: there is none. Those in < > but kernel.h are the C compiler's. */
static int included(const char *line, char name[PATH])
{
    if (sscanf(line, "#include \"%1000[^\"]\"", name) == 1) return 1;
    return sscanf(line, "#include <%1000[^>]>", name) == 1 && !strcmp(name, "convis/kernel.h");
}

static int find(const char *from, const char *name, char path[PATH])
{
    const int beside = (int)(base_of(from) - from);
    if (snprintf(path, PATH, "%.*s%s", beside, from, name) < PATH && exists(path)) return 1;
    for (int k = 0; k < folders; k++)
        if (snprintf(path, PATH, "%s/%s", folder[k], name) < PATH && exists(path)) return 1;
    return 0;
}

/* 0: it was not there before. */
static int is_seen(const char *path)
{
    for (int k = 0; k < files; k++) if (!strcmp(base_of(seen[k]), base_of(path))) return 1;
    return 0;
}

static int print_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[LINE], name[PATH], other[PATH];
    int good = 1, shared = 1;
    if (!f) { perror(path); return 0; }
    if (files == MOST_FILES || strlen(path) >= PATH) { fclose(f); return fail(path, 1, "too many files, or too long a name"); }
    strcpy(seen[files++], path);
    if (files > 1) print_place(1, path);
    for (int number = 1; good && fgets(line, sizeof line, f); number++) {
        if (!strchr(line, '\n') && !feof(f)) good = fail(path, number, "the line is too long");
        else if (!shared || !included(line, name)) print_line(line);
        else if (!find(path, name, other)) good = fail(path, number, "the file that it includes is nowhere");
        else if (is_seen(other)) print_line("\n");
        else {
            good = print_file(other);
            print_place(number + 1, path);
        }
        if (!strncmp(line, "#ifndef CONVIS_HOST", 19)) shared = 0;
    }
    fclose(f);
    return good;
}

static int print_dependencies(const char *path, const char *name)
{
    FILE *f = fopen(path, "w");
    if (!f) { perror(path); return 0; }
    fprintf(f, "%s_source.c:", name);
    for (int k = 0; k < files; k++) fprintf(f, " %s", seen[k]);
    fputc('\n', f);
    return !fclose(f);
}

int main(int argc, char **argv)
{
    if (argc < 4) { fputs("usage: embed NAME FILE DEPENDENCIES FOLDER...\n", stderr); return 2; }
    folder = argv + 4;
    folders = argc - 4;
    printf("extern const char *const convis_%s_source[];\nconst char *const convis_%s_source[] = {\n", argv[1], argv[1]);
    const int good = print_file(argv[2]);
    puts("0 };");
    return !(good && print_dependencies(argv[3], argv[1]));
}
