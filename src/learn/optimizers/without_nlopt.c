/* without_nlopt.c - in a build without NLopt: its optimisers cannot be opened (optimizer.c), so none searches. */
#include "nlopt.h"

void convis_nlopt_search(convis_search *s, enum convis_nlopt_kind kind)
{
    (void)kind;
    s->status = CONVIS_ENOTSUP;
}
