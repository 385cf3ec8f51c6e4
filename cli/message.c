/* message.c - sentences to the user: errors, suggestions, JSON. */
#include "cli.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Sentences on standard error ---- */

static void sentence(const char *kind, const char *format, va_list ap)
{
    fprintf(stderr, "convis: %s", kind);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
}

int cli_fail(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    sentence("", format, ap);
    va_end(ap);
    return 1;
}

int cli_usage(const char *name, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    sentence("", format, ap);
    va_end(ap);
    fprintf(stderr, "Try 'convis %s%s--help'.\n", name ? name : "", name ? " " : "");
    return 2;
}

void cli_warn(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    sentence("warning: ", format, ap);
    va_end(ap);
}

void cli_message(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    sentence("", format, ap);
    va_end(ap);
}

int cli_report(const convis_context *c) { return cli_interrupted ? cli_fail("interrupted") : cli_fail("%s", convis_message(c)); }

int cli_allow_code;

convis_context *cli_open(const char *device, int threads)
{
    convis_context *c = NULL;
    if (convis_open(&c, device ? device : "auto") || convis_threads(c, threads)) {
        cli_report(c);
        convis_close(&c);
    } else convis_allow_code(c, cli_allow_code);
    return c;
}

/* ---- Words ---- */

const char *cli_extension(const char *file)
{
    const char *slash = strrchr(file, '/'), *dot = strrchr(file, '.');
    return dot && dot != file && (!slash || dot > slash + 1) ? dot + 1 : "";
}

int cli_writable(const char *file)
{
    char folder[4096];
    const char *slash = strrchr(file, '/');
    if (snprintf(folder, sizeof folder, "%.*s.", slash ? (int)(slash - file) + 1 : 0, file) >= (int)sizeof folder)
        return cli_fail("%s: the name is too long", file);
    return access(folder, W_OK | X_OK) ? cli_fail("%s: %s", file, strerror(errno)) : 0;
}

static int plain(const char *word)
{
    if (!*word) return 0;
    for (; *word; word++)
        if (!isalnum((unsigned char)*word) && !strchr("_-+=:,./@%", *word)) return 0;
    return 1;
}

char *cli_command_line(int argc, char **argv)
{
    size_t size = sizeof "convis";
    for (int k = 0; k < argc; k++) size += 4*strlen(argv[k]) + 3;        /* a quote becomes '\'' */
    char *line = malloc(size), *p = line;
    if (!line) return NULL;
    p += sprintf(p, "convis");
    for (int k = 0; k < argc; k++) {
        *p++ = ' ';
        if (plain(argv[k])) { p = stpcpy(p, argv[k]); continue; }
        *p++ = '\'';
        for (const char *s = argv[k]; *s; s++)
            if (*s == '\'') p = stpcpy(p, "'\\''");
            else *p++ = *s;
        *p++ = '\'';
    }
    *p = 0;
    return line;
}
