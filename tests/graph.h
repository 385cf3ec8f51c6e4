/* graph.h - what the tests of models in files share: a folder, files in it, recipes from text, and all that a model says. */
#ifndef TEST_GRAPH_H
#define TEST_GRAPH_H
#include "harness.h"
#include <convis/io.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "models/recipe.h"
#include "models/graph/yaml.h"
#ifndef CONVIS_TEST_DATA
#define CONVIS_TEST_DATA "tests/data"
#endif

static convis_context *c;
static char folder[] = "/tmp/convis-graph-XXXXXX";
static int open_all(void **state) { (void)state; return convis_open(&c, "cpu") || !mkdtemp(folder); }
static int close_all(void **state) { (void)state; convis_close(&c); return rmdir(folder); }

/* A file of the test's folder; the name lasts until four more are asked for. */
static const char *file_named(const char *name)
{
    static char path[4][96];
    static int turn;
    turn = (turn + 1)%4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static const char *written(const char *name, const char *text)
{
    const char *path = file_named(name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f)) fail_msg("%s", path);
    return path;
}

static convis_recipe *opened(const char *name)
{
    convis_recipe *r;
    must(c, convis_recipe_open(c, name, &r));
    return r;
}

static convis_recipe *from_yaml(const char *text)
{
    const char *path = written("model.yaml", text);
    convis_recipe *r = opened(path);
    unlink(path);
    return r;
}

static convis_model *built(convis_recipe *r, int64_t width, int64_t height)
{
    convis_model *m;
    must(c, convis_recipe_build(r, width, height, &m));
    return m;
}

/* Everything that the model has to say to a movie of noise. */
static recording said(convis_model *m, int64_t frames, int64_t width, int64_t height)
{
    convis_tensor movie = noise_movie(convis_movie_shape(frames, height, width), 0, 255, 7);
    recording r = { 0 };
    convis_item item;
    for (int k = 0; convis_list(m, CONVIS_OUTPUT, k, &item); k++) must(c, convis_probe(m, item.path));
    must(c, convis_record_spikes(m, 1));
    must(c, convis_plan(m, convis_movie_shape(frames, height, width)));
    record(m, movie, 0, frames, WHOLE, frames, &r);
    free(movie.data);
    return r;
}

/* Two recipes say the same of movies of this size, bit for bit. */
static inline void same_models(convis_recipe *r, convis_recipe *s, int64_t width, int64_t height, const char *what)
{
    convis_model *m = built(r, width, height), *n = built(s, width, height);
    recording a = said(m, 20, width, height), b = said(n, 20, width, height);
    assert_int_equal(a.outputs, b.outputs);
    assert_int_equal(a.spike_count, b.spike_count);
    assert_same(&a, &b, what);
    recording_free(&a);
    recording_free(&b);
    convis_model_free(&m);
    convis_model_free(&n);
}

static inline void expect(convis_recipe *r, const char *path, const char *expected)
{
    char found[256];
    must(c, convis_recipe_get(r, path, found, sizeof found));
    assert_string_equal(found, expected);
}
#endif
