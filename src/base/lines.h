/* lines.h - lines of numbers: what the .spk, .csv and unit files share. Always with a decimal point, whatever the locale. */
#ifndef CONVIS_TEXT_H
#define CONVIS_TEXT_H
#include "atomic_file.h"
#include <locale.h>

typedef struct convis_text {
    convis_context *context;
    const char *path;
    FILE       *file;
    int64_t     line;                /* its number, from 1 */
    char       *at;                  /* what is left of it */
    locale_t    before;
    char        buffer[4096];
} convis_text;
/* Between open and close the thread's numbers are in the C locale. */
convis_status convis_text_open (convis_context *, const char *path, const char *expected, convis_text *);
/* The same for a text in memory, called `path` in sentences. */
convis_status convis_text_read (convis_context *, const char *path, const char *text, convis_text *);
void          convis_text_close(convis_text *);
/* The next line that is not empty or a comment ('#'). 1: a line, 0: the end, -1: an error. */
int           convis_text_line (convis_text *);
/* The next word of the line, separated by ',' or blanks; NULL when there is none. Ends it in place. */
char         *convis_text_word (convis_text *, int comma);
/* Words as numbers; `what` names them in the sentence. */
convis_status convis_text_number (convis_text *, const char *word, const char *what, double *);
convis_status convis_text_integer(convis_text *, const char *word, const char *what, int32_t *);

locale_t convis_text_locale(locale_t);                   /* (locale_t)0: to the C locale; else back. Returns the one before */
enum { CONVIS_TEXT_NUMBER = 32 };
int convis_text_print(char to[CONVIS_TEXT_NUMBER], double value);        /* the shortest of 15 or 17 digits that reads back */
void convis_number_print(double, char *text, size_t size);               /* the same, whatever the thread's locale */

/* A text that is written as a file is. end: all of it, in memory of convis_obtain; nothing when `status`, or the writing, is a
 * failure. In between the thread's numbers are in the C locale. */
typedef struct convis_text_out { convis_context *context; FILE *file; char *stream; size_t size; locale_t before; } convis_text_out;
convis_status convis_text_begin(convis_context *, convis_text_out *);
convis_status convis_text_end  (convis_text_out *, convis_status, char **text);

/* A list that grows, for readers that cannot know the count beforehand: memory from convis_own. */
typedef struct convis_column { void *data; int64_t count, room; size_t size; } convis_column;
void *convis_column_add(convis_context *, convis_column *);  /* the new element, zeroed; NULL when out of memory */
#endif
