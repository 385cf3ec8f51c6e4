/* nlopt.h - the searches of NLopt: their table (nlopt.c) and one of them (nlopt_search.c). */
#ifndef CONVIS_NLOPT_H
#define CONVIS_NLOPT_H
#include "optimizers.h"

enum convis_nlopt_kind { CONVIS_TNEWTON, CONVIS_MMA, CONVIS_CCSA, CONVIS_SLSQP, CONVIS_NELDER_MEAD, CONVIS_BOBYQA, CONVIS_COBYLA, CONVIS_CRS };
void convis_nlopt_search(convis_search *, enum convis_nlopt_kind);
#endif
