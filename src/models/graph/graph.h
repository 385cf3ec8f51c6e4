/* graph.h - a model as plain data: named layers in order, what each of them hears, and what is set in it.
 *
 * graph.c makes models of it and reads it off models; graph_settings.c sets it by paths; graph_read.c and graph_write.c are its YAML
 * (docs/models.md). */
#ifndef CONVIS_GRAPH_H
#define CONVIS_GRAPH_H
#include <convis/io.h>
#include <convis/layer.h>
#include <stdio.h>

enum { CONVIS_GRAPH_NAME = 96, CONVIS_GRAPH_LAYERS = 4096, CONVIS_VALUE_DIMS = 5 };

/* What a parameter is set to. A TEXT is a text parameter's, or the kernel that an array is made of. */
enum convis_value_kind { CONVIS_VALUE_NUMBER, CONVIS_VALUE_TEXT, CONVIS_VALUE_ARRAY };
struct convis_value {
    char    name[32];                                    /* of the parameter */
    int     kind;
    double  number;
    char   *text;
    double *array;                                       /* count numbers, (dim[0], dim[1] ...), the last fastest */
    int     dims;
    int64_t dim[CONVIS_VALUE_DIMS], count, room;         /* room: for how many there is memory; 0: just for these */
};

struct convis_graph_input { char from[CONVIS_GRAPH_NAME]; int delay; };  /* from: a layer, or "input": the movie */
struct convis_graph_layer {
    char   name[CONVIS_GRAPH_NAME];
    const convis_layer_type *type;
    struct convis_graph_input input[CONVIS_MAX_INPUTS];
    int    inputs, values;
    struct convis_value value[CONVIS_MAX_PARAMS];        /* what is not set is as the type's table says */
    int    line, column;                                 /* in its file; 0: it comes from none */
};
struct convis_graph_alias { char name[CONVIS_GRAPH_NAME], path[CONVIS_GRAPH_NAME]; };

struct convis_graph {
    char   *title, *source;                              /* source: who published it; NULL: nothing to say */
    char    file[200];                                   /* of its layers' lines; "": none */
    double  dt, past;                                    /* seconds; the input before the first frame */
    struct convis_graph_layer *layer;
    int     layers, layer_room;
    struct convis_graph_alias *alias;
    int     aliases, alias_room;
    char    output[CONVIS_GRAPH_NAME];                   /* the layer that counts; "": the last */
    int     output_line, output_column;                  /* where the file says so; 0: it does not */
    convis_unit *unit;                                   /* the cells of its spiking layers; NULL: one per element */
    int64_t units;
};

/* ---- graph.c ---- */

void          convis_graph_clear(convis_context *, struct convis_graph *);
convis_status convis_graph_copy (convis_context *, const struct convis_graph *, struct convis_graph *);
/* A new layer at the end, without inputs; its name is checked. It moves when the next is added. */
convis_status convis_graph_add(convis_context *, struct convis_graph *, const char *name, const convis_layer_type *,
                               struct convis_graph_layer **);
convis_status convis_graph_add_alias(convis_context *, struct convis_graph *, const char *name, const char *path);
/* Set a parameter of the layer; takes the value's memory, also when it fails. The name and value are checked. */
convis_status convis_graph_put(convis_context *, struct convis_graph_layer *, struct convis_value *);
void          convis_graph_drop(convis_context *, struct convis_graph_layer *, const char *name);    /* not set any more */
/* Sizes of the layer that an array's shape tells: its last three dimensions are frames, height and width, the first of five
 * are channels, where the layer has parameters of these names. anew: also those that are set. */
convis_status convis_graph_fit(convis_context *, struct convis_graph_layer *, const struct convis_value *, int anew);
struct convis_value *convis_graph_value(const struct convis_graph_layer *, const char *name);    /* NULL: not set */
void          convis_value_free(convis_context *, struct convis_value *);
/* An array as a value, copied; what has more dimensions than a value may have becomes a row. */
convis_status convis_value_of_array(convis_context *, const convis_array *, struct convis_value *);
/* The parameters of a layer, also those that its texts add. */
struct convis_rows { int count; convis_field row[CONVIS_MAX_PARAMS + 1]; char names[CONVIS_MAX_PARAMS][32]; };
convis_status convis_graph_rows(convis_context *, const struct convis_graph_layer *, struct convis_rows *);
struct convis_graph_layer *convis_graph_find(const struct convis_graph *, const char *name);     /* NULL: none */
/* What no layer alone can say: inputs that exist, and come earlier or with a delay; the output; aliases. */
convis_status convis_graph_check(convis_context *, const struct convis_graph *);
convis_status convis_graph_build(convis_context *, const struct convis_graph *, convis_model **);
/* A model as a graph: everything that it was built of and set to. */
convis_status convis_graph_of_model(const convis_model *, struct convis_graph *);

/* ---- graph_settings.c: "layer.parameter", "dt", "past" ---- */

convis_status convis_graph_set (convis_context *, struct convis_graph *, const char *path, const char *value);
convis_status convis_graph_get (convis_context *, const struct convis_graph *, const char *path, char *value, size_t size);
int           convis_graph_list(convis_context *, const struct convis_graph *, int index, convis_setting *);    /* 0 past the last */
convis_status convis_graph_set_units(convis_context *, struct convis_graph *, const convis_unit *, int64_t count);
/* Are these cells of a model that has so many spiking layers? */
convis_status convis_units_check(convis_context *, const convis_unit *, int64_t count, int spiking);
/* Lines "PATH VALUE" and "PATH[INDEX] VALUE"; name begins sentences. On any fault nothing is set. */
convis_status convis_graph_set_lines(convis_context *, struct convis_graph *, const char *name, const char *text);
/* The values of a parameter from outside, such as a file of arrays. ENAME when there is no such path. */
convis_status convis_graph_set_array(convis_context *, struct convis_graph *, const char *path, const convis_array *);

/* ---- graph_read.c, graph_write.c ---- */

/* path: of the file, beside which others are looked for. On failure the graph is cleared. */
struct convis_yaml;
struct convis_yaml_node;
convis_status convis_graph_read (const struct convis_yaml *, const char *path, struct convis_graph *);
/* Another title than that of the file from which it was read. */
convis_status convis_graph_read_title(const struct convis_yaml *, const struct convis_yaml_node *, struct convis_graph *);
convis_status convis_graph_write(convis_context *, const struct convis_graph *, char **text);    /* release: convis_release */
/* Cells as columns, or from a file; release them with convis_release. with_layers: the layer of each, too. */
convis_status convis_graph_read_units(const struct convis_yaml *, const char *path, const struct convis_yaml_node *,
                                      convis_unit **, int64_t *count);
convis_status convis_graph_put_units (convis_context *, FILE *, int indent, const convis_unit *, int64_t count, int with_layers);
/* A value as a member of a map: "name: [1, 2]". */
convis_status convis_graph_put_array(convis_context *, FILE *, int indent, const char *name, const struct convis_value *);
/* A file beside that of `path`, unless its name says where it is. */
char         *convis_file_beside(convis_context *, const char *path, const char *name);          /* convis_release */
#endif
