/* yaml.h - YAML as a tree of nodes with their places in the file, and pieces of YAML written. */
#ifndef CONVIS_YAML_H
#define CONVIS_YAML_H
#include <convis/layer.h>
#include <stdio.h>

enum convis_node_kind { CONVIS_NODE_TEXT, CONVIS_NODE_LIST, CONVIS_NODE_MAP };

struct convis_yaml_node {
    int   kind, count;                                   /* count: of a list or map */
    int   quoted;                                        /* a text that is not to be taken for a number */
    int   line, column;                                  /* from 1 */
    char *name;                                          /* its key, when it is a value of a map, */
    int   name_line, name_column;                        /* and where that stands */
    char *text;                                          /* never NULL for a text */
    struct convis_yaml_node *first, *last, *next;        /* of a list or map; the next of its own list or map */
};

/* A document in memory. `name` begins its messages: "model.yaml:12:5: ...". */
struct convis_yaml {
    convis_context *context;
    char   name[200];
    struct convis_yaml_node *root;
    void  *blocks;                                       /* all of the nodes and texts */
    size_t left;                                         /* in the last block */
    int    nodes;
};

/* One document: no aliases, no key twice, at most 16 levels deep. On failure there is nothing to free. */
convis_status convis_yaml_read(convis_context *, const char *name, const char *text, size_t size, struct convis_yaml *);
void          convis_yaml_free(struct convis_yaml *);
/* A message with the place. node NULL: only the file. */
convis_status convis_yaml_fail(const struct convis_yaml *, const struct convis_yaml_node *, convis_status, const char *format,
                               ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;
/* The same, at the node's name. */
convis_status convis_yaml_fail_name(const struct convis_yaml *, const struct convis_yaml_node *, convis_status,
                                    const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;
/* The context's message, with the place put before it. */
convis_status convis_yaml_blame(const struct convis_yaml *, const struct convis_yaml_node *, convis_status);
struct convis_yaml_node *convis_yaml_find(const struct convis_yaml_node *map, const char *name);      /* NULL: none */
/* A text as a finite number, in C's notation with a decimal point (true: 1, false: 0). 0: it is none. */
int           convis_yaml_number(const struct convis_yaml_node *, double *value);
int           convis_number_parse(const char *text, double *value);

/* Numbers packed as text: little-endian doubles, deflated, in base64. */
convis_status convis_pack  (convis_context *, const double *values, int64_t count, char **text);      /* convis_release */
convis_status convis_unpack(convis_context *, const char *text, double *values, int64_t count);
/* The text as a YAML scalar, in quotes where it needs them. */
void          convis_yaml_put_text(FILE *, const char *text);
void          convis_yaml_put_scalar(FILE *, const char *text);    /* the same, but numbers stay numbers */
void          convis_yaml_put_number(FILE *, double);    /* reads back exactly */
#endif
