/* lines.c - lines of numbers in and out, with a decimal point whatever the locale. */
#include "lines.h"
#include "text.h"
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale;
static void make_locale(void) { c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0); }

locale_t convis_lines_locale(locale_t to)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_locale);
    return uselocale(to ? to : c_locale);
}

static void begin(convis_context *c, const char *path, convis_lines *t)
{
    t->context = c;
    t->path = path;
    t->line = 0;
    t->at = NULL;
}

convis_status convis_lines_open(convis_context *c, const char *path, const char *expected, convis_lines *t)
{
    int64_t size;
    begin(c, path, t);
    convis_status status = convis_file_open(c, path, expected, 1, &t->file, &size);
    if (!status) t->before = convis_lines_locale((locale_t)0);
    return status;
}

convis_status convis_lines_read(convis_context *c, const char *path, const char *text, convis_lines *t)
{
    begin(c, path, t);
    /* fmemopen only reads in mode "r", and an empty text is none to some C libraries. */
    t->file = *text ? fmemopen((void *)(uintptr_t)text, strlen(text), "r") : fopen("/dev/null", "r");
    if (!t->file) return convis_fail(c, CONVIS_ENOMEM, "%s: out of memory", path);
    t->before = convis_lines_locale((locale_t)0);
    return CONVIS_OK;
}

void convis_lines_close(convis_lines *t)
{
    fclose(t->file);
    convis_lines_locale(t->before);
}

int convis_lines_line(convis_lines *t)
{
    for (;;) {
        size_t length = 0;
        int character;
        t->line++;
        while ((character = getc_unlocked(t->file)) != EOF && character != '\n') {
            if (character == 0) {
                convis_fail(t->context, CONVIS_EFORMAT, "%s:%lld: a zero byte, expected text", t->path, (long long)t->line);
                return -1;
            }
            if (length + 1 == sizeof t->buffer) {
                convis_fail(t->context, CONVIS_EFORMAT, "%s:%lld: the line is longer than %zu characters, expected a few numbers",
                            t->path, (long long)t->line, sizeof t->buffer - 1);
                return -1;
            }
            t->buffer[length++] = (char)character;
        }
        if (ferror(t->file)) {
            convis_fail(t->context, CONVIS_EIO, "%s: %s", t->path, strerror(errno));
            return -1;
        }
        t->buffer[length] = 0;
        t->at = t->buffer + strspn(t->buffer, " \t\r");
        if (*t->at && *t->at != '#') return 1;
        if (character == EOF) return 0;
    }
}

char *convis_lines_word(convis_lines *t, int comma)
{
    const char *separators = comma ? "," : " \t\r";
    if (!t->at || !*t->at) return NULL;
    char *word = comma ? t->at : t->at + strspn(t->at, separators);
    size_t length = strcspn(word, separators);
    t->at = word + length + (word[length] != 0);
    word[length] = 0;
    if (comma) {                                         /* blanks around a value, and a carriage return, do not count */
        word += strspn(word, " \t\r");
        length = strlen(word);
        while (length && strchr(" \t\r", word[length - 1])) word[--length] = 0;
    }
    return *word || comma ? word : NULL;
}

static convis_status wrong(convis_lines *t, const char *word, const char *what, const char *expected)
{
    if (!word)
        return convis_fail(t->context, CONVIS_EFORMAT, "%s:%lld: the line ends, expected %s: %s", t->path, (long long)t->line,
                           what, expected);
    return convis_fail(t->context, CONVIS_EFORMAT, "%s:%lld: %s: '%.40s', expected %s", t->path, (long long)t->line, what, word,
                       expected);
}

convis_status convis_lines_number(convis_lines *t, const char *word, const char *what, double *value)
{
    char *end;
    if (!word || !*word) return wrong(t, word, what, "a number");
    *value = strtod(word, &end);
    return *end || !isfinite(*value) ? wrong(t, word, what, "a number") : CONVIS_OK;
}

convis_status convis_lines_integer(convis_lines *t, const char *word, const char *what, int32_t *value)
{
    char *end;
    if (!word || !*word) return wrong(t, word, what, "a whole number");
    errno = 0;
    long long v = strtoll(word, &end, 10);
    if (*end || errno || v < INT32_MIN || v > INT32_MAX) return wrong(t, word, what, "a whole number of 32 bits");
    *value = (int32_t)v;
    return CONVIS_OK;
}

int convis_lines_print(char to[CONVIS_LINES_NUMBER], double value)
{
    int length = snprintf(to, CONVIS_LINES_NUMBER, "%.15g", value);
    return strtod(to, NULL) == value ? length : snprintf(to, CONVIS_LINES_NUMBER, "%.17g", value);
}

void convis_number_print(double value, char *text, size_t size)
{
    char number[CONVIS_LINES_NUMBER];
    locale_t before = convis_lines_locale((locale_t)0);
    convis_lines_print(number, value);
    convis_lines_locale(before);
    snprintf(text, size, "%s", number);
}

/* ---- Texts in memory ---- */

convis_status convis_lines_begin(convis_context *c, convis_lines_out *t)
{
    *t = (convis_lines_out){ .context = c };
    if (!(t->file = open_memstream(&t->stream, &t->size))) return convis_fail(c, CONVIS_ENOMEM, "out of memory");
    t->before = convis_lines_locale((locale_t)0);
    return CONVIS_OK;
}

convis_status convis_lines_end(convis_lines_out *t, convis_status status, char **text)
{
    const int lost = ferror(t->file), closed = !fclose(t->file);
    convis_lines_locale(t->before);
    *text = NULL;
    if (!status && (lost || !closed)) status = convis_fail(t->context, CONVIS_ENOMEM, "out of memory");
    if (!status && !(*text = convis_copy_text(t->context, t->stream))) status = CONVIS_ENOMEM;
    free(t->stream);
    return status;
}

/* ---- Columns ---- */

void *convis_column_add(convis_context *c, convis_column *l)
{
    if (l->count == l->room) {
        int64_t room = l->room ? 2*l->room : 256;
        if (room > INT64_MAX/4/(int64_t)l->size) { convis_fail(c, CONVIS_ENOMEM, "out of memory"); return NULL; }
        void *data = convis_own(c, (size_t)room*l->size);
        if (!data) return NULL;
        if (l->count) memcpy(data, l->data, (size_t)l->count*l->size);
        convis_disown(l->data);
        l->data = data;
        l->room = room;
    }
    return (char *)l->data + (size_t)l->count++*l->size;
}
