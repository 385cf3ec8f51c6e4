/* text.h - the user's words in sentences: quoted, looked up in lists, and copied. What may be meant instead of a name that is in no
 * list: convis_hint of <convis/layer.h>. */
#ifndef CONVIS_TEXT_H
#define CONVIS_TEXT_H
#include <convis/layer.h>
#include <stdarg.h>

/* Foreign text fit for a sentence: short, no control characters. */
const char *convis_quoted(char buffer[64], const char *text);
#define CONVIS_QUOTED(text) convis_quoted((char[64]){ "" }, text)         /* until the end of the block */
/* snprintf for texts that come from outside and may be of any length: what does not fit ends in "...", so that it is seen. 1: all of
 * it is there. For what is read again (paths, keys) there must be room for all. */
int convis_shorten(char *to, size_t size, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
int convis_vshorten(char *to, size_t size, const char *format, va_list);
/* "a" or "an", as the word needs it; words without vowels are spelt: "an rf". */
const char *convis_article(const char *word);
/* Memory of convis_obtain; NULL when there is none left. */
char *convis_copy_text(convis_context *, const char *text);

/* The names, one by one; NULL past the last. doc may be NULL. */
typedef const char *(*convis_name_list)(int index, const char **doc);
/* Which of them `found` is; -1, with the sentence of convis_no_such_name left, when it is none. */
int convis_name_index(convis_context *, const char *what, const char *found, convis_name_list);
/* ENAME: "loss 'poison': expected one of mse, poisson; did you mean poisson?" */
convis_status convis_no_such_name(convis_context *, const char *what, const char *found, convis_name_list);
#endif
