/* lines.h - lines of numbers: what the .spk, .csv and cell files share. Always with a decimal point, whatever the locale. */
#ifndef CONVIS_LINES_H
#define CONVIS_LINES_H
#include "atomic_file.h"
#include <locale.h>

typedef struct convis_lines {
    convis_context *context;
    const char *path;
    FILE       *file;
    int64_t     line;                /* its number, from 1 */
    char       *at;                  /* what is left of it */
    locale_t    before;
    char        buffer[4096];
} convis_lines;
/* Between open and close the thread's numbers are in the C locale. */
convis_status convis_lines_open (convis_context *, const char *path, const char *expected, convis_lines *);
/* The same for a text in memory, called `path` in sentences. */
convis_status convis_lines_read (convis_context *, const char *path, const char *text, convis_lines *);
void          convis_lines_close(convis_lines *);
/* The next line that is not empty or a comment ('#'). 1: a line, 0: the end, -1: an error. */
int           convis_lines_line (convis_lines *);
/* The next word of the line, separated by ',' or blanks; NULL when there is none. Ends it in place. */
char         *convis_lines_word (convis_lines *, int comma);
/* Words as numbers; `what` names them in the sentence. */
convis_status convis_lines_number (convis_lines *, const char *word, const char *what, double *);
convis_status convis_lines_integer(convis_lines *, const char *word, const char *what, int32_t *);

locale_t convis_lines_locale(locale_t);                   /* (locale_t)0: to the C locale; else back. Returns the one before */
enum { CONVIS_LINES_NUMBER = 32 };
int convis_lines_print(char to[CONVIS_LINES_NUMBER], double value);        /* the shortest of 15 or 17 digits that reads back */
void convis_number_print(double, char *text, size_t size);               /* the same, whatever the thread's locale */

/* A text that is written as a file is. end: all of it, in memory of convis_obtain; nothing when `status`, or the writing, is a
 * failure. In between the thread's numbers are in the C locale. */
typedef struct convis_lines_out { convis_context *context; FILE *file; char *stream; size_t size; locale_t before; } convis_lines_out;
convis_status convis_lines_begin(convis_context *, convis_lines_out *);
convis_status convis_lines_end  (convis_lines_out *, convis_status, char **text);

/* A list that grows, for readers that cannot know the count beforehand: memory from convis_own. */
typedef struct convis_column { void *data; int64_t count, room; size_t size; } convis_column;
void *convis_column_add(convis_context *, convis_column *);  /* the new element, zeroed; NULL when out of memory */
#endif
