/* embed.c - print a file as C strings, for the build: a layer or a text of kernels (src/device/embed.h), or, plain, as it is.
 *
 *      embed NAME FILE DEPENDENCIES FOLDER... > NAME_source.c
 *      embed -p NAME FILE DEPENDENCIES > NAME_text.c
 *
 * DEPENDENCIES: a file for the build that lists what was read. */
#include "../src/device/embed.h"
#include <string.h>

static int print_dependencies(const char *path, const convis_embed *e, const char *name)
{
    FILE *f = fopen(path, "w");
    if (!f) { perror(path); return 0; }
    fprintf(f, "%s_%s.c:", name, e->plain ? "text" : "source");
    for (int k = 0; k < e->files; k++) fprintf(f, " %s", e->seen[k]);
    fputc('\n', f);
    return !fclose(f);
}

int main(int argc, char **argv)
{
    static convis_embed e;
    e.out = stdout;
    e.plain = argc > 1 && !strcmp(argv[1], "-p");
    argv += e.plain;
    argc -= e.plain;
    if (argc < 4) { fputs("usage: embed [-p] NAME FILE DEPENDENCIES FOLDER...\n", stderr); return 2; }
    e.folder = (const char *const *)argv + 4;
    e.folders = argc - 4;
    if (!convis_embed_write(&e, argv[1], argv[2])) { fprintf(stderr, "%s\n", e.why); return 1; }
    return !print_dependencies(argv[3], &e, argv[1]);
}
