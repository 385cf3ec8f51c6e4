/* nlopt_calls.h - NLopt, loaded when it is first needed: after convis_part_need of CONVIS_PART_NLOPT. See calls.h. */
#ifndef CONVIS_NLOPT_CALLS_H
#define CONVIS_NLOPT_CALLS_H
#include "calls.h"
#include <nlopt.h>

#define CONVIS_NLOPT_CALLS(X, V) \
    X(nlopt_create) X(nlopt_destroy) X(nlopt_force_stop) X(nlopt_get_errmsg) X(nlopt_optimize) X(nlopt_set_ftol_rel)   \
    X(nlopt_set_initial_step) X(nlopt_set_lower_bounds) X(nlopt_set_min_objective) X(nlopt_set_upper_bounds)           \
    X(nlopt_set_xtol_rel) X(nlopt_srand)
struct convis_nlopt { CONVIS_NLOPT_CALLS(CONVIS_CALL_POINTER, CONVIS_CALL_POINTER) };
extern struct convis_nlopt convis_nlopt;

#ifndef CONVIS_CALLS_OWN
#define nlopt_create (*convis_nlopt.nlopt_create)
#define nlopt_destroy (*convis_nlopt.nlopt_destroy)
#define nlopt_force_stop (*convis_nlopt.nlopt_force_stop)
#define nlopt_get_errmsg (*convis_nlopt.nlopt_get_errmsg)
#define nlopt_optimize (*convis_nlopt.nlopt_optimize)
#define nlopt_set_ftol_rel (*convis_nlopt.nlopt_set_ftol_rel)
#define nlopt_set_initial_step (*convis_nlopt.nlopt_set_initial_step)
#define nlopt_set_lower_bounds (*convis_nlopt.nlopt_set_lower_bounds)
#define nlopt_set_min_objective (*convis_nlopt.nlopt_set_min_objective)
#define nlopt_set_upper_bounds (*convis_nlopt.nlopt_set_upper_bounds)
#define nlopt_set_xtol_rel (*convis_nlopt.nlopt_set_xtol_rel)
#define nlopt_srand (*convis_nlopt.nlopt_srand)
#endif
#endif
