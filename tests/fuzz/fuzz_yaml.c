/* fuzz_yaml.c - any bytes as a model's .yaml: read, and what could be read must write the same text twice, list its settings
 * and build, or say why not. */
#include "base/context.h"
#include "models/recipe.h"
#include "models/graph/yaml.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Files that the text names would be looked for, and what they are is no matter of this test. */
static int names_files(const uint8_t *data, size_t size)
{
    return memmem(data, size, "file", 4) || memmem(data, size, "extends", 7) ||
           (memmem(data, size, "model", 5) && memchr(data, '/', size));
}

/* libfyaml 0.7.12 forgets a buffer when a long text in quotes has no end. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libfyaml"; }

/* A model may ask for as much as it likes; it does not get it. */
static void *obtain(void *user, size_t bytes) { (void)user; return bytes > (size_t)64 << 20 ? NULL : malloc(bytes); }
static void release(void *user, void *memory) { (void)user; free(memory); }

static convis_recipe *read(convis_context *c, const void *text, size_t size)
{
    convis_recipe *r = convis_obtain(c, sizeof *r);
    if (!r) abort();
    convis_context_hold(r->context = c);                 /* which freeing it lets go */
    if (convis_read_yaml(c, &(struct convis_opening){ "fuzz", NULL }, text, size, &r->warnings, &r->graph)) {
        if (!*convis_message(c)) abort();
        convis_recipe_free(&r);
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static convis_context *c;
    if (!c && convis_open_with(&c, "cpu", &(convis_allocator){ obtain, release, NULL })) abort();
    if (names_files(data, size)) return 0;
    convis_recipe *r = read(c, data, size), *again;
    char *text, *second;
    convis_setting s;
    convis_model *m;
    if (!r) return 0;
    for (int k = 0; k < 2000 && convis_recipe_list(r, k, &s); k++) ;
    if (convis_graph_is_sized(&r->graph) || !convis_recipe_build(r, 12, 9, &m)) {
        if (!convis_graph_is_sized(&r->graph)) {
            if (convis_plan(m, convis_movie_shape(2, 9, 12)) && !*convis_message(c)) abort();
            convis_model_free(&m);
        }
        if (convis_recipe_yaml(r, &text)) abort();
        again = read(c, text, strlen(text));
        if (!again || convis_recipe_yaml(again, &second) || strcmp(text, second)) abort();
        convis_recipe_text_free(r, &text);
        convis_recipe_text_free(again, &second);
        convis_recipe_free(&again);
    }
    convis_recipe_free(&r);
    return 0;
}
