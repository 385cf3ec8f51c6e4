/* embed.h - a layer file as C strings, so that the compilers of devices see the very text that the C compiler saw: for the build
 * (tools/embed.c) and for layers of a user's own (src/layers/own/own_compile.c). Knows nothing of the library.
 *
 * The #include of kernel.h is replaced by its text, and so are those of headers in quotes, which hold what the text and its host share
 * (blocks of arguments, constants), if they stand above the line "#ifndef CONVIS_HOST": they are looked for beside the file, then in the
 * folders. Each once, as their guards want it. The other half of a layer stays, as the preprocessor drops it. Behind and in each file #line
 * says where one is, so that compilers' logs do. One string a line, because compilers need not take long ones; the array ends with 0. */
#ifndef CONVIS_EMBED_H
#define CONVIS_EMBED_H
#include <stdio.h>

enum { CONVIS_EMBED_PATH = 1024, CONVIS_EMBED_FILES = 32 };
typedef struct convis_embed {
    FILE *out;
    const char *const *folder;
    int   folders, files;
    int   plain;                                         /* lines as they are, nothing replaced */
    char  seen[CONVIS_EMBED_FILES][CONVIS_EMBED_PATH];   /* files that were read */
    char  why[CONVIS_EMBED_PATH + 256];                  /* a failure's sentence */
} convis_embed;

/* Writes the array convis_NAME_source (plain: convis_NAME_text) of the file. 0: it failed. */
int convis_embed_write(convis_embed *, const char *name, const char *path);
#endif
