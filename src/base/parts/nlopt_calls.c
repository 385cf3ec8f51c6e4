/* nlopt_calls.c - the table of nlopt_calls.h. */
#define CONVIS_CALLS_OWN
#include "nlopt_calls.h"

#define CONVIS_CALL_VARIABLE(name) CONVIS_VARIABLE(convis_nlopt, name),
#define CONVIS_CALL_ENTRY(name) CONVIS_SYMBOL(convis_nlopt, name),
CONVIS_CALLS_DEFINE(nlopt, CONVIS_NLOPT_CALLS)
