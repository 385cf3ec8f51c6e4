/* skips.c - in a build that lacks an optional part: the test that asks for it is skipped there, with its name. The linker puts this in
 * front of the library's own function (--wrap in meson.build). */
#include "base/parts.h"
#include "harness.h"
#include <stdlib.h>

static int in_setup;

convis_status __real_convis_part_need(convis_context *, convis_part_id, const char *name, const char *cannot);
convis_status __wrap_convis_part_need(convis_context *, convis_part_id, const char *name, const char *cannot);

convis_status __wrap_convis_part_need(convis_context *c, convis_part_id id, const char *name, const char *cannot)
{
    convis_status status = __real_convis_part_need(c, id, name, cannot);
    if (!status || convis_part_built(id)) return status;
    print_message("skipped: %s\n", convis_message(c));
    if (in_setup) exit(77);
    skip();
    return status;
}

/* What tests of a group begin with is for all of them: the program is skipped. */
static CMFixtureFunction setup_of_group;

static int setup(void **state)
{
    in_setup = 1;
    const int failed = setup_of_group(state);
    in_setup = 0;
    return failed;
}

int __real__cmocka_run_group_tests(const char *name, const struct CMUnitTest *, size_t count, CMFixtureFunction,
                                   CMFixtureFunction);
int __wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *, size_t count, CMFixtureFunction,
                                   CMFixtureFunction);

int __wrap__cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count, CMFixtureFunction begin,
                                   CMFixtureFunction end)
{
    setup_of_group = begin;
    return __real__cmocka_run_group_tests(name, tests, count, begin ? setup : NULL, end);
}
