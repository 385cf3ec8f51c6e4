/* json.c - JSON as it is written: members in order, rows of lists on lines of their own. */
#include "cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Objects and lists this deep within each other have lines of their own; what is further in stays on its line. */
enum { LINES = 3 };

/* Bytes of the character that begins here; 0: it is no UTF-8 (overlong forms and surrogates are none). */
static int length_of(const unsigned char *s)
{
    const int n = *s < 0x80 ? 1 : *s >= 0xc2 && *s < 0xe0 ? 2 : *s >= 0xe0 && *s < 0xf0 ? 3 : *s >= 0xf0 && *s < 0xf5 ? 4 : 0;
    for (int k = 1; k < n; k++)
        if ((s[k] & 0xc0) != 0x80) return 0;
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static void put_part(FILE *out, const char *text, size_t size)
{
    int n;
    fputc('"', out);
    for (const unsigned char *s = (const unsigned char *)text, *end = s + size; s < end; s += n ? n : 1) {
        n = length_of(s);
        if (!n) fputs("\\ufffd", out);
        else if (*s == '"' || *s == '\\') fprintf(out, "\\%c", *s);
        else if (*s == '\n') fputs("\\n", out);
        else if (*s < 0x20) fprintf(out, "\\u%04x", *s);
        else fwrite(s, 1, (size_t)n, out);
    }
    fputc('"', out);
}

void cli_json_put_text(FILE *out, const char *text)
{
    if (text) put_part(out, text, strlen(text));
    else fputs("null", out);
}

void cli_json_put_number(FILE *out, double value)
{
    char text[32] = "null";
    for (int digits = 6; isfinite(value) && digits <= 17; digits++) {    /* the shortest that reads back as the same number */
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, out);
}

/* What comes before a value. */
static void place(cli_json *j, const char *name)
{
    if (j->more) fputs(j->depth > 0 && j->depth < LINES ? "," : ", ", j->out);
    if (j->depth > 0 && j->depth < LINES) fprintf(j->out, "\n%*s", j->depth, "");
    if (name) { put_part(j->out, name, strlen(name)); fputs(": ", j->out); }
    j->more = 1;
}

void cli_json_begin(cli_json *j, const char *name, char bracket)
{
    place(j, name);
    fputc(bracket, j->out);
    j->depth++;
    j->more = 0;
}

void cli_json_end(cli_json *j, char bracket)
{
    j->depth--;
    if (j->more && j->depth + 1 < LINES) fprintf(j->out, "\n%*s", j->depth, "");
    fputc(bracket, j->out);
    if (!j->depth) fputc('\n', j->out);
    j->more = 1;
}

void cli_json_text(cli_json *j, const char *name, const char *value)
{
    place(j, name);
    cli_json_put_text(j->out, value);
}

void cli_json_number(cli_json *j, const char *name, double value)
{
    place(j, name);
    cli_json_put_number(j->out, value);
}

void cli_json_flag(cli_json *j, const char *name, int value)
{
    place(j, name);
    fputs(value ? "true" : "false", j->out);
}

void cli_json_words(cli_json *j, const char *name, const char *words)
{
    if (!words) { cli_json_text(j, name, NULL); return; }
    place(j, name);
    fputc('[', j->out);
    for (size_t n; ; words += n + 1) {
        n = strcspn(words, "|");
        if (n) put_part(j->out, words, n);
        else fputs("null", j->out);
        if (!words[n]) break;
        fputs(", ", j->out);
    }
    fputc(']', j->out);
}
