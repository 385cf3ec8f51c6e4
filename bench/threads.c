/* threads.c - whether two threads are faster than one: alone, and on a machine that other processes use.
 *
 *      bench_threads [SECONDS [CASE]]
 *
 * Each model is run with one thread and with two, a tenth of a second by turns, for SECONDS (2) each, beside 0, 1 and 2 processes that
 * never rest. A figure is the clock's time with two threads over that with one: 0.5 is twice as fast, and no figure should be above 1 by
 * more than what this machine's timings scatter. One frame a call: as a program does that shows a camera's frames. */
#include "limits.h"
#include <convis/convis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_BUSY = 2, THREADS = 2 };
static const struct { const char *what, *model; int64_t size, chunk; } CASES[] = {
    { "retina 64x64",               "retina",    64, 100 },
    { "retina 128x128",             "retina",   128, 100 },
    { "retina 512x512",             "retina",   512,  20 },
    { "retina 128x128, one frame",  "retina",   128,   1 },
    { "LN 128x128",                 "LN",       128, 100 },
    { "12 low passes 128x128",      NULL,       128, 100 },
};

typedef struct subject { convis_context *context; convis_model *model; convis_tensor movie; } subject;

static void must(const subject *s, convis_status status)
{
    if (!status) return;
    fprintf(stderr, "bench: %s\n", convis_message(s->context));
    exit(1);
}

static convis_status chain(convis_context *c, convis_model **m)
{
    convis_status status = convis_model_new(c, 0.005, m);
    convis_node at = convis_input(*m);
    for (int k = 0; k < 12; k++) {
        char name[16];
        snprintf(name, sizeof name, "low_%d", k);
        at = convis_add(*m, convis_layer_type_named("lowpass"), name, at);
    }
    return status;
}

static subject subject_of(int k, int threads)
{
    subject s = { 0 };
    const int64_t n = CASES[k].size;
    convis_recipe *recipe = NULL;
    must(&s, convis_open(&s.context, "cpu"));
    must(&s, convis_threads(s.context, threads));
    if (CASES[k].model) {
        must(&s, convis_recipe_open(s.context, CASES[k].model, &recipe));
        must(&s, convis_recipe_build(recipe, n, n, &s.model));
        convis_recipe_free(&recipe);
    } else {
        must(&s, chain(s.context, &s.model));
    }
    const convis_shape shape = convis_movie_shape(CASES[k].chunk, n, n);
    must(&s, convis_plan(s.model, shape));
    convis_real *movie = malloc((size_t)convis_elements(shape)*sizeof *movie);
    if (!movie) { fprintf(stderr, "bench: out of memory\n"); exit(1); }
    for (int64_t i = 0; i < convis_elements(shape); i++) movie[i] = (convis_real)(rand() & 255);
    s.movie = convis_view(movie, shape);
    return s;
}

static void subject_free(subject *s)
{
    convis_model_free(&s->model);
    convis_close(&s->context);
    free(s->movie.data);
}

/* Seconds a frame. */
static double turn(subject *s, double seconds)
{
    const double start = bench_seconds();
    double took = 0, frames = 0;
    while (took < seconds) {
        must(s, convis_run(s->model, s->movie));
        frames += (double)s->movie.shape.dim[CONVIS_T];
        took = bench_seconds() - start;
    }
    return took/frames;
}

/* The mean of two threads' frame over the mean of one's. */
static double ratio(subject *one, subject *two, double seconds, double *ms)
{
    const int turns = seconds < 0.2 ? 2 : (int)(seconds/0.1);
    double by_one = 0, by_two = 0;
    turn(one, 0.02);
    turn(two, 0.02);
    for (int k = 0; k < turns; k++) {
        by_one += turn(one, 0.1);
        by_two += turn(two, 0.1);
    }
    *ms = 1e3*by_one/turns;
    return by_two/by_one;
}

static pid_t busy_process(void)
{
    const pid_t child = fork();
    if (child) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (volatile unsigned k = 0;; k++) { }
}

int main(int argc, char **argv)
{
    char machine[256];
    const double seconds = argc > 1 ? atof(argv[1]) : 2;
    bench_machine(machine, sizeof machine);
    printf("%s, convis %s, %d threads over one\n%-28s %12s", machine, convis_version(), THREADS, "", "ms a frame");
    for (int busy = 0; busy <= MOST_BUSY; busy++) printf("   %d busy", busy);
    putchar('\n');
    for (int k = 0; k < (int)(sizeof CASES/sizeof *CASES); k++) {
        if (argc > 2 && !strstr(CASES[k].what, argv[2])) continue;
        subject one = subject_of(k, 1), two = subject_of(k, THREADS);
        pid_t child[MOST_BUSY];
        printf("%-28s", CASES[k].what);
        for (int busy = 0; busy <= MOST_BUSY; busy++) {
            double ms = 0;
            if (busy) child[busy - 1] = busy_process();
            const double r = ratio(&one, &two, seconds, &ms);
            if (!busy) printf(" %12.4f", ms);
            printf("   %6.2f", r);
            fflush(stdout);
        }
        putchar('\n');
        for (int j = 0; j < MOST_BUSY; j++) { kill(child[j], SIGKILL); waitpid(child[j], NULL, 0); }
        subject_free(&one);
        subject_free(&two);
    }
    return 0;
}
