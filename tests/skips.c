/* skips.c - in a build that lacks an optional part: the test that asks for it is skipped there, with its name. The linker puts this in
 * front of the library's own function (--wrap in meson.build). */
#include "base/parts.h"
#include "harness.h"
#include <string.h>

convis_status __real_convis_part_need(convis_context *, convis_part_id, const char *name, const char *cannot);
convis_status __wrap_convis_part_need(convis_context *, convis_part_id, const char *name, const char *cannot);

convis_status __wrap_convis_part_need(convis_context *c, convis_part_id id, const char *name, const char *cannot)
{
    convis_status status = __real_convis_part_need(c, id, name, cannot);
    if (!status || convis_part_built(id)) return status;
    print_message("skipped: %s\n", convis_message(c));
    skip();
    return status;
}
