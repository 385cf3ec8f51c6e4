/* names.c - sentences about names that are in no list. */
#include "names.h"
#include "models/graph.h"
#include "models/retina.h"
#include <stdio.h>
#include <string.h>

convis_status convis_no_such_name(convis_context *c, const char *what, const char *found, convis_name_list list)
{
    char all[400] = "", quoted[64];
    const char *name;
    struct convis_hint hint = CONVIS_HINT(found);
    for (int k = 0; (name = list(k, NULL)); k++) {
        const size_t n = strlen(all);
        snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", name);
        convis_hint_offer(&hint, name);
    }
    return convis_fail(c, CONVIS_ENAME, "%s '%s': expected one of %s%s", what, convis_quoted(quoted, found), all, hint.text);
}
