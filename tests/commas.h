/* commas.h - a locale with decimal commas: pinned.sh has one made for all tests; where there is none, skip. */
#ifndef COMMAS_H
#define COMMAS_H
#include <locale.h>
#include <stdlib.h>

/* LOCPATH is set only for this call: glibc loses a few bytes whenever a locale is asked for beside it, which the sanitizers see. */
static inline int with_commas(int category)
{
    const char *made = getenv("CONVIS_TEST_LOCALES");
    if (made) setenv("LOCPATH", made, 1);
    int found =
        (made && setlocale(category, "comma")) || setlocale(category, "de_DE.UTF-8") || setlocale(category, "fr_FR.UTF-8");
    unsetenv("LOCPATH");
    return found;
}
#endif
