/* commas.h - a locale with decimal commas: pinned.sh has one made for all tests; where there is none, skip. */
#ifndef COMMAS_H
#define COMMAS_H
#include <locale.h>

static inline int with_commas(int category)
{
    return setlocale(category, "comma") || setlocale(category, "de_DE.UTF-8") || setlocale(category, "fr_FR.UTF-8");
}
#endif
