/* test_parts.c - optional parts: each either works, or is missed by name; what is not in the build, or not on the machine, breaks
 * nothing else. */
#include "harness.h"
#include "base/library.h"
#include "base/parts.h"
#include <convis/fit.h>
#include <convis/io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static convis_context *c;

static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

static int is_built(const char *name)
{
    convis_part part;
    for (int k = 0; convis_part_list(k, &part); k++)
        if (!strcmp(part.name, name)) return part.built;
    fail_msg("no part is called %s", name);
    return 0;
}

static void parts_are_listed(void **state)
{
    (void)state;
    convis_part part;
    int count = 0;
    for (; convis_part_list(count, &part); count++) {
        assert_true(*part.name && *part.serves);
        if (!part.built || !strcmp(part.name, "gnuplot")) assert_string_equal(part.libraries, "");
        else assert_non_null(strstr(part.libraries, ".so"));
    }
    assert_int_equal(count, CONVIS_PART_COUNT);
    assert_false(convis_part_list(-1, &part));
}

/* With the part the file itself is what is wrong (it is text, or not there); without it the part is. */
static void expect(const char *part, convis_status status, const char *file)
{
    const char *sentence = convis_message(c);
    char start[80];
    snprintf(start, sizeof start, "this build has no %s: '", part);
    assert_int_not_equal(status, CONVIS_OK);
    if (is_built(part)) {
        if (!strncmp(sentence, "this build", 10)) fail_msg("%s is in the build, but: %s", part, sentence);
        return;
    }
    assert_int_equal(status, CONVIS_ENOTSUP);
    if (strncmp(sentence, start, strlen(start)) || !strstr(sentence, file) || !strstr(sentence, "; "))
        fail_msg("'%s', expected '%s%s' ...; and what to do", sentence, start, file);
}

static void write_text(const char *file)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs("<none of these formats>", f);
    assert_int_equal(fclose(f), 0);
}

/* Every kind of access that begins with a file of the part. */
static void files_miss_their_part(void **state)
{
    (void)state;
    static const struct { const char *part, *file; } FILES[] = {
        { "HDF5", "parts_x.h5" }, { "libzip", "parts_x.npz" }, { "FFmpeg", "parts_x.png" }, { "FFmpeg", "parts_x.mp4" } };
    for (size_t k = 0; k < sizeof FILES/sizeof *FILES; k++) {
        const char *part = FILES[k].part, *file = FILES[k].file;
        convis_movie *movie = NULL;
        const convis_movie_options options = { .dt = 0.001, .channel = -1 };
        convis_map_writer *maps = NULL;
        write_text(file);
        expect(part, convis_movie_open(c, file, &options, &movie), file);
        assert_null(movie);
        unlink(file);
        if (is_built(part)) continue;                    /* there it is written */
        expect(part, convis_map_writer_open(c, file, "opl", convis_movie_shape(1, 4, 4), NULL, &maps), file);
        assert_null(maps);
        assert_int_not_equal(access(file, F_OK), 0);
    }
}

static void arrays_and_spikes_miss_theirs(void **state)
{
    (void)state;
    static const struct { const char *part, *file; } FILES[] = { { "HDF5", "parts_x.h5" }, { "libzip", "parts_x.npz" } };
    for (size_t k = 0; k < 2; k++) {
        convis_array array = { .data = NULL };
        convis_spike *spikes = NULL;
        int64_t count = 0;
        write_text(FILES[k].file);
        expect(FILES[k].part, convis_array_read(c, FILES[k].file, &array), FILES[k].file);
        expect(FILES[k].part, convis_spikes_read(c, FILES[k].file, &spikes, &count), FILES[k].file);
        unlink(FILES[k].file);
    }
}

static void models_miss_theirs(void **state)
{
    (void)state;
    static const struct { const char *part, *file; } FILES[] = { { "HDF5", "parts_m.h5" }, { "libxml2", "parts_m.xml" } };
    for (size_t k = 0; k < 2; k++) {
        convis_recipe *r = NULL;
        write_text(FILES[k].file);
        expect(FILES[k].part, convis_recipe_open(c, FILES[k].file, &r), FILES[k].file);
        convis_recipe_free(&r);
        unlink(FILES[k].file);
    }
}

static void optimisers_miss_theirs(void **state)
{
    (void)state;
    convis_optimizer *o = NULL;
    const convis_optimizer_options options = { .kind = "bobyqa" };
    convis_status status = convis_optimizer_open(c, &options, 2, &o);
    if (is_built("NLopt")) assert_int_equal(status, CONVIS_OK);
    else expect("NLopt", status, "bobyqa");
    convis_optimizer_close(&o);
}

static void figures_miss_theirs(void **state)
{
    (void)state;
    expect("gnuplot", convis_plot(c, "not_there.csv", "parts_figure.svg", NULL), "parts_figure.svg");
}

/* ---- On a machine that lacks what the build had ---- */

/* A loader that finds, under the library's name, something else first: in a program of its own, which this one is with an argument. */
static int load_elsewhere(void)
{
    convis_array array = { .data = NULL };
    if (convis_open(&c, "cpu")) return 2;
    convis_status status = convis_array_read(c, "parts_e.h5", &array);
    printf("%d %s\n", (int)status, convis_message(c));
    const convis_movie_options options = { .dt = 0.001, .width = 4, .height = 4, .channel = -1 };
    convis_movie *movie = NULL;                          /* and what needs nothing of it goes on */
    status = convis_movie_open(c, "stim:impulse", &options, &movie);
    if (status) printf("%s\n", convis_message(c));
    convis_movie_close(&movie);
    convis_close(&c);
    return 0;
}

static void a_library_that_is_damaged_is_named(void **state)
{
    (void)state;
    convis_part part;
    for (int k = 0; convis_part_list(k, &part) && strcmp(part.name, "HDF5"); k++) continue;
    if (!part.built || part.libraries[0] == '/') skip();
    char folder[] = "parts_XXXXXX", self[4096], command[9000], path[300], line[600] = "", more[600] = "";
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0 || !mkdtemp(folder)) skip();
    self[length] = 0;
    part.libraries[strcspn(part.libraries, " ")] = 0;
    snprintf(path, sizeof path, "%s/%s", folder, part.libraries);
    write_text(path);
    write_text("parts_e.h5");
    snprintf(command, sizeof command, "LD_LIBRARY_PATH=%s:\"$LD_LIBRARY_PATH\" '%s' elsewhere", folder, self);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    if (!fgets(line, sizeof line, out) || fgets(more, sizeof more, out)) fail_msg("'%s', then '%s'", line, more);
    assert_int_equal(pclose(out), 0);
    unlink(path);
    unlink("parts_e.h5");
    rmdir(folder);
    char expected[100];
    snprintf(expected, sizeof expected, "%d HDF5 is not usable here: 'parts_e.h5' cannot be read; ", (int)CONVIS_ENOTSUP);
    if (strncmp(line, expected, strlen(expected)) || !strstr(line, part.libraries)) fail_msg("%s, expected %s", line, expected);
}

/* What a library lacks is found out before anything is called. */
static void what_a_library_lacks_is_named(void **state)
{
    (void)state;
    static struct { double (*cos)(double); int (*convis_no_such_function)(void), (*convis_nor_this)(void); } table;
    static const convis_symbol SYMBOLS[] = { CONVIS_SYMBOL(table, cos), CONVIS_SYMBOL(table, convis_no_such_function),
        CONVIS_SYMBOL(table, convis_nor_this), { .name = NULL } };
    void *library = convis_library_open("libm.so.6");
    if (!library) skip();
    assert_string_equal(convis_library_find(&library, 1, SYMBOLS), "convis_no_such_function");
    assert_non_null(table.cos);
    assert_null(table.convis_no_such_function);
    assert_true(table.cos(0) == 1);
    assert_null(convis_library_open("libconvis_no_such_library.so.1"));
    convis_library_close(library);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) return load_elsewhere();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_listed),        cmocka_unit_test(files_miss_their_part),
        cmocka_unit_test(arrays_and_spikes_miss_theirs), cmocka_unit_test(models_miss_theirs),
        cmocka_unit_test(optimisers_miss_theirs),  cmocka_unit_test(figures_miss_theirs),
        cmocka_unit_test(a_library_that_is_damaged_is_named), cmocka_unit_test(what_a_library_lacks_is_named),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
