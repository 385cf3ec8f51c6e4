/* formula.c - how fast formulas are: relu(a*x + b)^2 by its program of blocks, by a loop written for it, and as a layer in a
 * model, against memcpy. One thread. A formula reads and writes as many bytes as memcpy, so that where the numbers come from
 * memory it should take about as long; GB/s are bytes read and written. */
#include "limits.h"
#include "kernels/formula/formula.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 31 };

typedef struct work {
    const convis_formula_blocks *blocks;
    convis_formula *formula;
    convis_real *x, *y, *d;
    int64_t n;
    convis_model *model;
    convis_real a, b;
} work;

/* Out of line, so that no compiler knows what is done to what. */
__attribute__((noinline))
static void by_hand(const convis_real *restrict x, convis_real *restrict y, convis_real a, convis_real b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        convis_real u = a*x[i] + b;
        u = u < 0 ? 0 : u;
        y[i] = u*u;
    }
}

static void copy(work *w)    { memcpy(w->y, w->x, (size_t)w->n*sizeof *w->x); }
static void hand(work *w)    { by_hand(w->x, w->y, w->a, w->b, w->n); }
static void program(work *w) { w->blocks->value(w->formula, (const convis_real *const[]){ w->x }, w->y, w->n); }
static void back(work *w)
{
    double sums[CONVIS_FORMULA_SUMS] = { 0 };
    w->blocks->gradient(w->formula, (const convis_real *const[]){ w->x }, w->y, (convis_real *const[]){ w->d }, sums, w->n);
}
static void layer(work *w)   { if (convis_run(w->model, convis_view(w->x, convis_movie_shape(w->n/(128*128), 128, 128)))) exit(1); }

/* Bytes a second of the best of several tries, each long enough to be measured and short enough to be left alone by other programs. */
static double rate(void (*f)(work *), work *w, double bytes)
{
    double best = 0;
    int64_t repeats = 1 + ((int64_t)1 << 22)/w->n;
    f(w);
    for (int k = 0; k < TRIES; k++) {
        double start = bench_seconds();
        for (int64_t r = 0; r < repeats; r++) f(w);
        double found = (double)repeats*(double)w->n*bytes/(bench_seconds() - start);
        if (found > best) best = found;
    }
    return best*1e-9;
}

static void measure(convis_context *c, const char *text, int64_t n, int with_loop)
{
    work w = { .blocks = convis_formula_blocks_of(c), .formula = malloc(sizeof *w.formula), .n = n, .a = 0.7f, .b = 0.2f };
    convis_real **arrays[] = { &w.x, &w.y, &w.d };
    const double values[CONVIS_FORMULA_NAMES] = { (double)w.a, (double)w.b };
    for (int k = 0; k < 3; k++) {
        if (!(*arrays[k] = aligned_alloc(64, (size_t)n*sizeof(convis_real))) || !w.formula) exit(1);
        for (int64_t i = 0; i < n; i++) (*arrays[k])[i] = (convis_real)(rand()%2001 - 1000)*(convis_real)1e-3;
    }
    if (convis_formula_compile(c, "bench", text, w.formula)) { fprintf(stderr, "bench: %s\n", convis_message(c)); exit(1); }
    convis_formula_bind(w.formula, values);
    double one = sizeof(convis_real);
    printf("%-28s %9lld  %7.1f", text, (long long)n, rate(copy, &w, 2*one));
    if (with_loop) printf("  %7.1f", rate(hand, &w, 2*one)); else printf("  %7s", "");
    printf("  %7.1f  %7.1f", rate(program, &w, 2*one), rate(back, &w, 4*one));
    if (convis_model_new(c, 0.001, &w.model)) exit(1);
    const convis_layer_type *const *type = convis_layer_types();
    while (strcmp((*type)->name, "expr")) type++;
    convis_add(w.model, *type, "nl", convis_input(w.model));
    /* As many frames of 128 x 128 as there are elements. */
    if (n%(128*128) == 0) {
        if (convis_set_text(w.model, "nl.formula", text) || convis_probe(w.model, "nl")
            || convis_plan(w.model, convis_movie_shape(n/(128*128), 128, 128))) exit(1);
        printf("  %7.1f", rate(layer, &w, 2*one));
    }
    printf("\n");
    convis_model_free(&w.model);
    for (int k = 0; k < 3; k++) free(*arrays[k]);
    free(w.formula);
}

int main(void)
{
    char machine[256];
    convis_context *c = NULL;
    static const int64_t SIZES[] = { 1 << 11, 1 << 14, 1 << 17, 1 << 25 };
    static const char *const OTHERS[] = { "softplus(a*x + b)", "a*exp(-x^2/b)", "sigmoid(a*x)*x", "relu(x - a)^b" };
    if (convis_open(&c, "cpu") || convis_threads(c, 1)) { fprintf(stderr, "bench: %s\n", convis_message(c)); return 1; }
    bench_machine(machine, sizeof machine);
    printf("%s, convis %s, %s, 1 thread; GB/s, read and written\n", machine, convis_version(), convis_device_name(c));
    printf("%-28s %9s  %7s  %7s  %7s  %7s  %7s\n", "", "elements", "memcpy", "loop", "formula", "back", "layer");
    for (size_t k = 0; k < sizeof SIZES/sizeof *SIZES; k++) measure(c, "relu(a*x + b)^2", SIZES[k], 1);
    for (size_t k = 0; k < sizeof OTHERS/sizeof *OTHERS; k++) measure(c, OTHERS[k], 1 << 25, 0);
    convis_close(&c);
    return 0;
}
