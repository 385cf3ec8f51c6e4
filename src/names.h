/* names.h - a name that is in no list: which was meant? */
#ifndef CONVIS_NAMES_H
#define CONVIS_NAMES_H
#include <convis/layer.h>

/* The names, one by one; NULL past the last. */
typedef const char *(*convis_name_list)(int index, const char **doc);
/* ENAME: "loss 'poison': expected one of mse, poisson; did you mean poisson?" */
convis_status convis_no_such_name(convis_context *, const char *what, const char *found, convis_name_list);
#endif
