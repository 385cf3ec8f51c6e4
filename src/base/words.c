/* words.c - numbers that stand for words. */
#include "words.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *convis_field_unit(const convis_field *f)
{
    return f->flags & (CONVIS_TEXT | CONVIS_WORDS) || !f->unit || !strcmp(f->unit, "1") ? "" : f->unit;
}

/* The next word and its length; NULL past the last. */
static const char *next(const char *word, size_t *length)
{
    word = word[*length] ? word + *length + 1 : NULL;
    *length = word ? strcspn(word, "|") : 0;
    return word;
}

int convis_word_value(const char *words, double first, const char *word, size_t length, double *value)
{
    size_t n = strcspn(words, "|");
    for (const char *w = words; length && w; w = next(w, &n), first++)
        if (n == length && !strncmp(w, word, n)) { *value = first; return 1; }
    return 0;
}

int convis_word_of(const char *words, double first, double value, char *text, size_t size)
{
    size_t n = strcspn(words, "|");
    *text = 0;
    for (const char *w = words; w; w = next(w, &n), first++)
        if (value == first) snprintf(text, size, "%.*s", (int)n, w);
    return *text != 0;
}

int convis_field_word(const convis_field *f, const char *text, double *value)
{
    return f->flags & CONVIS_WORDS && convis_word_value(f->unit, f->min, text, strlen(text), value);
}

const char *convis_words_list(const char *words, char *text, size_t size)
{
    size_t n = strcspn(words, "|"), used = 0;
    int count = 0, k = 0;
    for (const char *w = words; w; w = next(w, &n)) count += n > 0;
    n = strcspn(words, "|");
    for (const char *w = words; w && used < size; w = next(w, &n))
        if (n) {
            const char *before = !k ? "" : k == count - 1 ? " or " : ", ";
            used += (size_t)snprintf(text + used, size - used, "%s%.*s", before, (int)n, w);
            k++;
        }
    return text;
}
