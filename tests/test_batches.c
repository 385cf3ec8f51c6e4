/* test_batches.c - movies side by side: each is answered, and its gradient goes back, as if it were alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <convis/layer.h>
#include <stdlib.h>
#include <string.h>

enum { T = 14, H = 10, W = 12, BOTH = 2*T*H*W };
static convis_context *c;
static int open_context(void **state) { (void)state; return convis_open(&c, "cpu"); }
static int close_context(void **state) { (void)state; convis_close(&c); return 0; }

#define OK(call) do { if (call) fail_msg("%s: %s", #call, convis_message(c)); } while (0)

/* (2, 1, T, H, W); the second movie begins at frame T. */
static convis_real movies[BOTH];
static void make_movies(void)
{
    unsigned seed = 5;
    for (int i = 0; i < BOTH; i++) movies[i] = (convis_real)((seed = seed*1103515245u + 12345u) >> 16 & 255);
}

/* What the model answers to `batch` movies from the first-th on, T frames in two chunks: (batch, numbers of one, T) in the output's
 * own order; numbers: of all of it. */
static convis_real *answers(const char *name, int first, int batch, uint64_t seed, int64_t *numbers)
{
    convis_recipe *r;
    convis_model *m;
    convis_shape chunk = { { batch, 1, T/2, H, W } }, frame;
    static const char *const PATHS[] = { "output", "bipolar", "opl" };   /* of retinas what comes before their noisy cells */
    const char *path = NULL;
    OK(convis_recipe_open(c, name, &r));
    OK(convis_recipe_build(r, W, H, &m));
    for (int k = 0; k < 3 && !path; k++) if (!convis_probe(m, PATHS[k])) path = PATHS[k];
    assert_non_null(path);
    OK(convis_plan(m, chunk));
    OK(convis_seed(m, seed));
    OK(convis_output_shape(m, path, &frame));
    const int64_t n = convis_elements(frame)/batch;
    convis_real *all = malloc((size_t)(batch*T*n)*sizeof *all);
    for (int k = 0; k < 2; k++) {
        convis_tensor in = convis_view(movies + first*T*H*W, (convis_shape){ { batch, 1, T, H, W } }), out;
        OK(convis_run(m, convis_slice(in, CONVIS_T, k*T/2, (k + 1)*T/2)));
        OK(convis_output(m, path, &out));
        for (int b = 0; b < batch; b++)
            for (int t = 0; t < T/2; t++) {
                const convis_tensor one = convis_slice(convis_slice(out, CONVIS_B, b, b + 1), CONVIS_T, t, t + 1);
                convis_tensor_copy(convis_view(all + ((b*T) + k*T/2 + t)*n, one.shape), one);
            }
    }
    *numbers = batch*T*n;
    convis_model_free(&m);
    convis_recipe_free(&r);
    return all;
}

/* Noise is every movie's own, so that of two only the first has what it has alone. */
static void every_published_model(void **state)
{
    (void)state;
    make_movies();
    for (int k = 0; convis_recipe_name(k, NULL); k++) {
        const char *name = convis_recipe_name(k, NULL);
        int64_t n, both;
        convis_real *a = answers(name, 0, 1, 0, &n), *b = answers(name, 1, 1, 0, &n), *other = answers(name, 1, 1, 1, &n);
        convis_real *together = answers(name, 0, 2, 0, &both);
        const int noisy = memcmp(b, other, (size_t)n*sizeof *b) != 0;
        assert_int_equal(both, 2*n);
        for (int64_t i = 0; i < n; i++) {
            if (together[i] != a[i])
                fail_msg("%s, first movie, number %d: %g, alone %g", name, (int)i, (double)together[i], (double)a[i]);
            if (!noisy && together[n + i] != b[i])
                fail_msg("%s, second movie, number %d: %g, alone %g", name, (int)i, (double)together[n + i], (double)b[i]);
        }
        free(a);  free(b);  free(other);  free(together);
    }
}

/* Of cells at places between pixels and on the edge: what they see, and the gradient by the movie. */
static void see(int first, int batch, convis_real *seen, convis_real *gradient)
{
    enum { CELLS = 5 };
    static const double X[CELLS] = { 0, 3.25, 11, 20, 3.25 }, Y[CELLS] = { 0, 4.5, 9, -3, 4.5 };
    convis_model *m;
    convis_tensor out;
    convis_real d[2*T*CELLS];
    OK(convis_model_new(c, 0.01, &m));
    convis_add(m, convis_layer_type_named("sample"), "cells", convis_input(m));
    OK(convis_set_array(m, "cells.x", X, CELLS));
    OK(convis_set_array(m, "cells.y", Y, CELLS));
    OK(convis_require_gradient(m, "input"));
    OK(convis_probe(m, "cells"));
    const convis_shape shape = { { batch, 1, T, H, W } };
    OK(convis_plan(m, shape));
    OK(convis_run(m, convis_view(movies + first*T*H*W, shape)));
    OK(convis_output(m, "cells", &out));
    assert_int_equal(out.shape.dim[CONVIS_B], batch);
    assert_int_equal(out.shape.dim[CONVIS_X], CELLS);
    convis_tensor_copy(convis_view(seen, out.shape), out);
    for (int i = 0; i < batch*T*CELLS; i++) d[i] = (convis_real)((first*T*CELLS + i)*7 % 23 - 11);
    OK(convis_vjp_from(m, "cells", convis_view(d, out.shape)));
    const convis_tensor to = convis_view(gradient, shape);
    OK(convis_vjp(m, &to));
    convis_model_free(&m);
}

static void cells_of_each(void **state)
{
    (void)state;
    static convis_real seen[2][2*T*5], gradient[2][BOTH];
    make_movies();
    see(0, 1, seen[0], gradient[0]);
    see(1, 1, seen[0] + T*5, gradient[0] + T*H*W);
    see(0, 2, seen[1], gradient[1]);
    assert_memory_equal(seen[0], seen[1], sizeof seen[0]);
    assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
}

static void cells_have_numbers_of_their_own(void **state)
{
    (void)state;
    static const char *const NAMES[] = { "retina", "primate", "GLM" };
    for (int k = 0; k < 3; k++) {
        convis_recipe *r;
        convis_model *one, *two;
        const convis_cell *a, *b;
        int64_t n, both;
        OK(convis_recipe_open(c, NAMES[k], &r));
        OK(convis_recipe_build(r, W, H, &one));
        OK(convis_recipe_build(r, W, H, &two));
        OK(convis_plan(one, (convis_shape){ { 1, 1, T, H, W } }));
        OK(convis_plan(two, (convis_shape){ { 2, 1, T, H, W } }));
        OK(convis_cells(one, &a, &n));
        OK(convis_cells(two, &b, &both));
        assert_int_equal(both, 2*n);
        for (int64_t i = 0; i < both; i++) {             /* each of one's, and once more with another number */
            int found = 0;
            for (int64_t j = 0; j < n; j++)
                found += a[j].layer == b[i].layer && (b[i].id == a[j].id || b[i].id == a[j].id + n) && a[j].x == b[i].x &&
                         a[j].y == b[i].y;
            assert_int_equal(found, 1);
            for (int64_t j = 0; j < i; j++) assert_int_not_equal(b[i].id, b[j].id);
        }
        convis_model_free(&one);
        convis_model_free(&two);
        convis_recipe_free(&r);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_published_model),
        cmocka_unit_test(cells_of_each),
        cmocka_unit_test(cells_have_numbers_of_their_own),
    };
    cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
    return cmocka_run_group_tests(tests, open_context, close_context);
}
