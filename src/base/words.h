/* words.h - numbers that stand for words: of "none|sum|norm" the first names the smallest value, the next one more, and so on; an empty
 * one leaves its number without a name ("off||on" from -1). Rows of tables hold them where others have their unit (CONVIS_WORDS). */
#ifndef CONVIS_WORDS_H
#define CONVIS_WORDS_H
#include <convis/layer.h>

enum { CONVIS_WORDS_TEXT = 160 };                        /* room for a list of them in a sentence */

/* Its words, or NULL; and its unit, "" where it has none. */
static inline const char *convis_field_words(const convis_field *f) { return f->flags & CONVIS_WORDS ? f->unit : NULL; }
const char *convis_field_unit(const convis_field *);
/* The number of a word, `first` being that of the first one. 0: it is none of them. */
int convis_word_value(const char *words, double first, const char *word, size_t length, double *value);
/* The word of a number. 0, and an empty text: it has none. */
int convis_word_of(const char *words, double first, double value, char *text, size_t size);
/* Of a row: is the text one of its words? And what is expected where it is not: its words, or "a number". */
int convis_field_word(const convis_field *, const char *text, double *value);
#define convis_field_expected(f) ((f)->flags & CONVIS_WORDS ? CONVIS_WORDS_LIST((f)->unit) : "a number")
/* "a, b or c" */
const char *convis_words_list(const char *words, char *text, size_t size);
#define CONVIS_WORDS_LIST(words) convis_words_list(words, (char[CONVIS_WORDS_TEXT]){ "" }, CONVIS_WORDS_TEXT)
#endif
