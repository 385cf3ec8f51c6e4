/* lbfgs.c - limited-memory BFGS within bounds: L-BFGS-B of Byrd, Lu, Nocedal & Zhu 1995, version 3 of Morales & Nocedal 2011.
 *
 * Each iteration minimises within the bounds the quadratic model that the last pairs of steps and gradient differences make
 * (lbfgs_model.c), and searches the line to that minimum (line_search.c). NLopt has an L-BFGS, too; ours can be stopped after any
 * iteration, saved and continued to the bit, steps back from values that are not finite, and goes on in single-precision noise.
 *
 * Departures: the first step is a tenth of the size of x, whatever the scale of the objective. When the line search fails, the pairs are
 * dropped once before giving up. So many iterations without a better value end the search. */
#include "optimizers.h"
#include <string.h>

static const double FIRST_STEP = 0.1, LEAST_CURVATURE = 1e-10;
enum { IDLE_MOST = 20 };

/* State: these counters, the point of the last iteration with its gradient, the best point, and the pairs. */
enum { COUNTERS = 8 };
typedef struct counters { double going, value, best, pairs, theta, idle, spare[2]; } counters;

static int64_t state_size(int64_t n, int memory) { return COUNTERS + 3*n + 2*memory*n + 3*memory*memory; }
static int64_t scratch_size(int64_t n, int memory) { return 10*n + 2*4*memory*memory + 4*2*memory + 2*memory; }

static int sound(int memory, const void *state)
{
    counters k;
    memcpy(&k, state, sizeof k);
    return k.pairs >= 0 && k.pairs <= memory && k.pairs == floor(k.pairs);
}

typedef struct lbfgs {
    counters *k;
    double *x, *g, *best;                                /* of the state */
    double *low, *high, *before_x, *before_g, *d, *next_x, *next_g, *kept_g;
    void   *events;
    convis_pairs pairs;
} lbfgs;

static lbfgs lay_out(const convis_optimizer *o)
{
    int64_t n = o->n, m = o->options.memory;
    double *at = o->state + COUNTERS, *work = o->scratch;
    lbfgs l = { .k = (counters *)(void *)o->state, .x = at, .g = at + n, .best = at + 2*n };
    at += 3*n;
    l.pairs = (convis_pairs){ .n = n, .most = (int)m, .count = (int)l.k->pairs, .theta = l.k->theta };
    l.pairs.s = at;
    l.pairs.y = at + m*n;
    l.pairs.sy = at + 2*m*n;
    l.pairs.ss = l.pairs.sy + m*m;
    l.pairs.yy = l.pairs.ss + m*m;
    double **vector[] = { &l.low, &l.high, &l.before_x, &l.before_g, &l.d, &l.next_x, &l.next_g, &l.kept_g };
    for (int j = 0; j < 8; j++, work += n) *vector[j] = work;
    l.events = work;
    work += 2*n;
    l.pairs.m = work;
    l.pairs.k = work + 4*m*m;
    l.pairs.small = work + 8*m*m;
    l.pairs.pivot = (int *)(void *)(work + 8*m*m + 8*m);
    return l;
}

/* Continue from where the last search ended; begin anew from any other point. */
static int begin(convis_search *s, lbfgs *l)
{
    size_t bytes = (size_t)s->optimizer->n*sizeof *s->x;
    if (l->k->going > 0 && !memcmp(s->x, l->best, bytes)) {
        s->value = l->k->best;
        return 1;
    }
    *l->k = (counters){ .theta = 1 };
    l->pairs.count = 0;
    memcpy(l->x, s->x, bytes);
    convis_search_evaluate(s, l->x, &l->k->value, l->g);
    l->k->going = !isinf(l->k->value);
    return !isinf(l->k->value);
}

/* The size of the gradient, without the components that point beyond bounds. */
static double pull(const convis_search *s, const lbfgs *l)
{
    double sum = 0;
    for (int64_t i = 0; i < s->optimizer->n; i++)
        if (l->g[i] > 0 ? l->x[i] > l->low[i] : l->x[i] < l->high[i]) sum += l->g[i]*l->g[i];
    return sqrt(sum);
}

/* The direction to go: to the model's minimum. 0: it does not lead down. */
static int direction(const convis_search *s, lbfgs *l)
{
    int64_t n = s->optimizer->n;
    if (!l->pairs.count) {
        double size = sqrt(convis_dot(n, l->x, l->x));
        l->pairs.theta = pull(s, l)/(FIRST_STEP*(size > 1 ? size : 1));
    }
    if (!convis_pairs_minimum(&l->pairs, l->x, l->g, l->low, l->high, l->d, l->next_g, l->kept_g, l->events)) return 0;
    for (int64_t i = 0; i < n; i++) l->d[i] -= l->x[i];
    return convis_dot(n, l->d, l->g) < 0;
}

/* How far the direction stays within the bounds; its end does. */
static double longest(const convis_search *s, const lbfgs *l)
{
    double most = INFINITY;
    for (int64_t i = 0; i < s->optimizer->n; i++) {
        double room = l->d[i] > 0 ? l->high[i] - l->x[i] : l->x[i] - l->low[i];
        if (l->d[i] != 0 && room < most*fabs(l->d[i])) most = room/fabs(l->d[i]);
    }
    return most > 1 ? most : 1;
}

/* The pair of this iteration; before_x becomes the step. */
static void remember(const convis_search *s, lbfgs *l)
{
    int64_t n = s->optimizer->n;
    for (int64_t i = 0; i < n; i++) {
        l->before_x[i] = l->x[i] - l->before_x[i];
        l->before_g[i] = l->g[i] - l->before_g[i];
    }
    const double *step = l->before_x, *turn = l->before_g;
    double sy = convis_dot(n, step, turn), ss = convis_dot(n, step, step), yy = convis_dot(n, turn, turn);
    if (sy > LEAST_CURVATURE*sqrt(ss*yy) && isfinite(yy/sy)) convis_pairs_add(&l->pairs, step, turn);
}

/* One iteration. 0: no lower point was found. */
static int iterate(convis_search *s, lbfgs *l)
{
    size_t bytes = (size_t)s->optimizer->n*sizeof *s->x;
    for (;;) {
        memcpy(l->before_x, l->x, bytes);
        memcpy(l->before_g, l->g, bytes);
        if (direction(s, l) &&
            convis_line_search(s, l->x, l->d, &l->k->value, l->g, longest(s, l), l->next_x, l->next_g, l->kept_g)) {
            remember(s, l);
            return 1;
        }
        if (!l->pairs.count || s->over) return 0;
        l->pairs.count = 0;
    }
}

static void minimize(convis_search *s)
{
    convis_optimizer *o = s->optimizer;
    lbfgs l = lay_out(o);
    for (int64_t i = 0; i < o->n; i++) {
        l.low[i] = convis_low(s, i);
        l.high[i] = convis_high(s, i);
    }
    if (!begin(s, &l)) return;
    for (int64_t k = 0; !s->over && (!s->options.iterations || k < s->options.iterations); k++) {
        double before = l.k->value, best = s->value;
        if (pull(s, &l) == 0) { o->ended = CONVIS_ENDED_CONVERGED; break; }
        int moved = iterate(s, &l);
        o->count += moved;
        l.k->idle = s->value < best ? 0 : l.k->idle + 1;
        if (s->over) break;
        if (!moved || l.k->idle > IDLE_MOST) { o->ended = CONVIS_ENDED_STUCK; break; }
        if (convis_search_settled(s, before, l.k->value, l.before_x, l.x)) { o->ended = CONVIS_ENDED_CONVERGED; break; }
    }
    l.k->pairs = l.pairs.count;
    l.k->theta = l.pairs.theta;
    l.k->best = s->value;
    memcpy(l.best, s->x, (size_t)o->n*sizeof *s->x);
}

const convis_optimizer_type convis_lbfgs = {
    .name = "lbfgs", .doc = "limited-memory BFGS within bounds", .state = state_size, .scratch = scratch_size, .minimize = minimize,
    .iterates = 1, .sound = sound,
};
