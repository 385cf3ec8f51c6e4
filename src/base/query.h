/* query.h - "KIND?key=value&key=value", which describes stimuli and initialisers: read against the tables of the kinds. */
#ifndef CONVIS_QUERY_H
#define CONVIS_QUERY_H
#include <convis/layer.h>

enum { CONVIS_QUERY_MAX = 24 };                           /* fields of a kind */

/* What people write for the longer name of a key. NULL ends a list. */
typedef struct convis_query_alias { const char *word, *key; } convis_query_alias;

typedef struct convis_query {
    convis_context *context;
    const char *who;                                     /* begins the sentences: "stim:grating" */
    const void *kind;
    const convis_field *(*field)(const void *kind, int index);   /* NULL past the last */
    const char *text_key;                                /* the key whose value is a text; NULL: none */
    const convis_query_alias *aliases;                   /* or NULL */
    double *value;                                       /* by the field's index */
    char  **text;                                        /* obtained; the caller's to release, even after a failure */
    unsigned char given[CONVIS_QUERY_MAX];
} convis_query;

/* Defaults, and then the pairs of `query`, which is split in place; NULL: there are none. */
convis_status convis_query_read(convis_query *, char *query);
void convis_query_describe(const convis_field *, convis_kind_param *);       /* a row as the public lists have it */
int convis_query_find(const convis_query *, const char *name);     /* the field's index; -1: there is none */
/* The index-th of two tables, where own fields hide common ones of the same name. NULL past the last. */
const convis_field *convis_query_field(const convis_field *own, const convis_field *common, int index);
#endif
