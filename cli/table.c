/* table.c - rows of cells, aligned for reading. */
#include "cli.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 120, NARROWEST = 30 };

void cli_table_row(cli_table *t, int columns, ...)
{
    if (t->rows == t->room) {
        int room = t->room ? 2*t->room : 32;
        void *row = realloc(t->row, (size_t)room*sizeof *t->row);
        if (!row) return;                                /* a table without its end is better than none */
        t->row = row;
        t->room = room;
    }
    va_list ap;
    va_start(ap, columns);
    for (int k = 0; k < CLI_COLUMNS; k++) {
        const char *cell = k < columns ? va_arg(ap, const char *) : NULL;
        t->row[t->rows][k] = strdup(cell ? cell : "");
    }
    va_end(ap);
    t->rows++;
    if (columns > t->columns) t->columns = columns;
}

static const char *text(const char *cell) { return cell ? cell : ""; }

/* Columns on a terminal; bytes that continue a UTF-8 character take none. */
static int width(const char *s)
{
    int n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void wrapped(FILE *out, const char *s, int indent)
{
    int room = PAGE - indent < NARROWEST ? NARROWEST : PAGE - indent, used = 0;
    while (*s) {
        int length = (int)strcspn(s, " ");
        if (used && used + 1 + length > room) { fprintf(out, "\n%*s", indent, ""); used = 0; }
        used += fprintf(out, "%s%.*s", used ? " " : "", length, s);
        s += length;
        while (*s == ' ') s++;
    }
}

void cli_table_print(cli_table *t, FILE *out)
{
    int wide[CLI_COLUMNS] = { 0 };
    for (int j = 0; j < t->rows; j++)
        for (int k = 0; k < t->columns; k++) {
            int w = width(text(t->row[j][k]));
            if (w > wide[k]) wide[k] = w;
        }
    for (int j = 0; j < t->rows; j++) {
        int column = 2, pending = 2;                     /* blanks are written only when something follows */
        for (int k = 0; k < t->columns; k++) {
            const char *cell = text(t->row[j][k]);
            if (*cell) {
                fprintf(out, "%*s", pending, "");
                pending = 0;
                if (k == t->columns - 1) wrapped(out, cell, column);
                else fputs(cell, out);
            }
            if (!wide[k]) continue;
            pending += wide[k] + 2 - width(cell);
            column += wide[k] + 2;
        }
        fputc('\n', out);
        for (int k = 0; k < CLI_COLUMNS; k++) free(t->row[j][k]);
    }
    free(t->row);
    *t = (cli_table){ 0 };
}
