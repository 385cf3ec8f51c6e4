/* text.c - the user's words in sentences, and which of the known names was meant by one that is none of them. */
#include "text.h"
#include <stdio.h>
#include <string.h>

enum { LONGEST = 127 };                                  /* letters that are compared */

/* ---- Texts ---- */

const char *convis_article(const char *word)
{
    return strchr(strpbrk(word, "aeiou") ? "aeiou" : "aefhilmnorsx", *word) ? "an" : "a";
}

char *convis_copy_text(convis_context *c, const char *text)
{
    char *copy = convis_obtain(c, strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

/* ---- The nearest name ---- */

static int smaller(int a, int b) { return a < b ? a : b; }

/* Letters to change, add or drop; a swap of neighbours counts as one. */
static int distance(const char *a, const char *b)
{
    int m = (int)strnlen(a, LONGEST), n = (int)strnlen(b, LONGEST), row[3][LONGEST + 1];
    int *before = row[0], *last = row[1], *now = row[2];
    for (int j = 0; j <= n; j++) last[j] = j;
    for (int i = 1; i <= m; i++) {
        now[0] = i;
        for (int j = 1; j <= n; j++) {
            now[j] = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = smaller(now[j], before[j - 2] + 1);
        }
        int *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[n];
}

/* No misspelling: a name that differs in more than every fourth letter, or in all. A beginning is none either, but says enough:
 * "--frame" of "--frame-repeat". */
void convis_hint_offer(convis_hint *h, const char *name)
{
    const int length = (int)strlen(h->typed), begun = length >= 2 && !strncmp(name, h->typed, (size_t)length);
    int d = distance(h->typed, name);
    if (begun) d = smaller(d, 2);
    else if (d > 1 + length/4 || d >= (int)strlen(name)) return;
    if (*h->text && d >= h->distance) return;
    h->distance = d;
    convis_shorten(h->text, sizeof h->text, "; did you mean %s?", CONVIS_QUOTED(name));
}

/* ---- Lists ---- */

convis_status convis_no_such_name(convis_context *c, const char *what, const char *found, convis_name_list list)
{
    char all[400] = "", quoted[64];
    const char *name;
    convis_hint hint = CONVIS_HINT(found);
    for (int k = 0; (name = list(k, NULL)); k++) {
        const size_t n = strlen(all);
        convis_shorten(all + n, sizeof all - n, "%s%s", n ? ", " : "", name);
        convis_hint_offer(&hint, name);
    }
    return convis_fail(c, CONVIS_ENAME, "%s '%s': expected one of %s%s", what, convis_quoted(quoted, found), all, hint.text);
}

int convis_name_index(convis_context *c, const char *what, const char *found, convis_name_list list)
{
    const char *name;
    for (int k = 0; (name = list(k, NULL)); k++) if (!strcmp(name, found)) return k;
    convis_no_such_name(c, what, found, list);
    return -1;
}
