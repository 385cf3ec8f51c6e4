/* nlopt.c - the table of searches by NLopt (S. G. Johnson): truncated Newton, conservative approximations, quadratic programming,
 * and those without gradients. */
#include "nlopt.h"

static int64_t no_state(int64_t n, int memory) { (void)n; (void)memory; return 1; }
static int64_t two_vectors(int64_t n, int memory) { (void)memory; return 2*n; }

#define BY_NLOPT(kind, which, text)                                                                 \
    static void search_##kind(convis_search *s) { convis_nlopt_search(s, which); }                  \
    const convis_optimizer_type convis_##kind = {                                                   \
        .name = #kind, .doc = text, .state = no_state, .scratch = two_vectors, .minimize = search_##kind, .by_nlopt = 1, \
    };
BY_NLOPT(tnewton,     CONVIS_TNEWTON, "truncated Newton, preconditioned, restarted")
BY_NLOPT(mma,         CONVIS_MMA,     "method of moving asymptotes")
BY_NLOPT(ccsa,        CONVIS_CCSA,   "conservative separable quadratic approximations")
BY_NLOPT(slsqp,       CONVIS_SLSQP,   "sequential quadratic programming")
BY_NLOPT(nelder_mead, CONVIS_NELDER_MEAD, "the simplex that walks: no gradient")
BY_NLOPT(bobyqa,      CONVIS_BOBYQA,  "quadratic models of the values: no gradient")
BY_NLOPT(cobyla,      CONVIS_COBYLA,  "linear models of the values: no gradient")
BY_NLOPT(crs,         CONVIS_CRS, "controlled random search, global: no gradient; needs finite bounds")
