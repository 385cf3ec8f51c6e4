/* graph.h - a model as plain data: named layers in order, what each of them takes as input, and what is set in it.
 *
 * Between its layers may stand whole models, which contribute theirs under their name. Where layers follow from settings (a retina's, for
 * the size of the movie; the stages of a cascade), the graph has a preset, which makes them. graph.c adds and checks; graph_settings.c sets
 * by paths; graph_flat.c replaces models within by their layers, for one size of movie; graph_model.c makes models and reads them off
 * models; graph_read.c and graph_write.c are the YAML (docs/models.md). */
#ifndef CONVIS_GRAPH_H
#define CONVIS_GRAPH_H
#include <convis/io.h>
#include <convis/layer.h>
#include <stdio.h>

enum { CONVIS_GRAPH_NAME = 96, CONVIS_GRAPH_WHY = 400, CONVIS_GRAPH_LAYERS = 4096, CONVIS_VALUE_DIMS = 5 };

/* What a parameter is set to. A TEXT is a text parameter's, or the initialiser of an array. */
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

struct convis_graph;
/* from: a layer, a model within, an alias, or an input. channels: that a model within takes there, once it is flat; 0: any */
struct convis_graph_input { char from[CONVIS_GRAPH_NAME]; int delay; int64_t channels; };
struct convis_graph_layer {
    char   name[CONVIS_GRAPH_NAME];                      /* of a model within "" is allowed: its layers have their own names */
    const convis_layer_type *type;                       /* NULL: a model within */
    struct convis_graph *model;                          /* that model, or NULL */
    struct convis_graph_input *input;
    int    inputs, input_room, values;
    struct convis_value value[CONVIS_MAX_PARAMS];        /* what is not set has the default of the type's table */
    int    line, column;                                 /* in its file; 0: it comes from none */
    int    skipped;                                      /* spiking layers left out before it as they have no cells; numbers count them */
};
struct convis_graph_alias { char name[CONVIS_GRAPH_NAME], path[CONVIS_GRAPH_NAME]; };
/* An input of the model; the first is also called "input". frame: one frame's shape; of the first, its size is the movie's. */
struct convis_graph_source { char name[CONVIS_GRAPH_NAME]; convis_shape frame; };
/* Values of layers that are made later, from a file; by the paths that they will have. */
struct convis_graph_array { char path[2*CONVIS_GRAPH_NAME]; struct convis_value value; };

struct convis_warnings;
/* A kind of preset: a source of layers other than a list of them. Its settings are a block of its own, set and read by paths. */
struct convis_preset_kind {
    int           sized;                                 /* layers depend on the movie's size: made when it is known, else at once */
    convis_status (*copy) (convis_context *, const void *settings, void **copy);
    void          (*free) (convis_context *, void *settings);
    convis_status (*set)  (convis_context *, void *settings, const char *path, const char *value);     /* ENAME: no such setting */
    convis_status (*get)  (convis_context *, const void *settings, const char *path, char *value, size_t size);
    int           (*list) (const void *settings, int index, convis_setting *);                         /* 0 past the last */
    /* Of sized ones: a parameter of a layer to come as the setting from which it follows. ENAME, without a message: none does. */
    convis_status (*take) (convis_context *, void *settings, const char *path, double value);
    /* The layers, aliases, cells, dt and baseline of a graph that is empty; width and height count if it is sized. */
    convis_status (*layers)(convis_context *, const void *settings, int64_t width, int64_t height, struct convis_warnings *,
                            struct convis_graph *);
    /* Of sized ones, whose layers are not there to be asked: */
    double        (*baseline)(const void *settings);     /* the input before the first frame */
    int           (*spiking)(const void *settings);      /* how many layers of it spike */
    /* Cells for the layer `of`, or for all that spike by their number (NULL); copied. */
    convis_status (*cells)(convis_context *, void *settings, const char *of, const convis_cell *, int64_t count);
    convis_status (*put)  (convis_context *, FILE *, int indent, const void *settings);                /* as YAML */
};

struct convis_graph {
    char   *title, *source;                              /* source: who published it; NULL: unknown */
    char    file[200];                                   /* of its layers' lines; "": none */
    double  dt, baseline;                                /* seconds; the input before the first frame */
    int     has_baseline;                                /* baseline was given; else it is that of the first model within */
    const struct convis_preset_kind *kind;               /* what makes its layers from `settings`; NULL: nothing does */
    void   *settings;
    char   *lines;                                       /* of a sized kind: parameters of layers to come, a line a number; or NULL */
    struct convis_graph_array *array;                    /* and arrays */
    int     arrays, array_room;
    struct convis_graph_source *given;                   /* named inputs; none: one, the movie, called "input" */
    int     givens, given_room;
    struct convis_graph_layer *layer;
    int     layers, layer_room;
    struct convis_graph_alias *alias;
    int     aliases, alias_room;
    char    output[CONVIS_GRAPH_NAME];                   /* the layer that counts; "": the last */
    int     output_line, output_column;                  /* where the file gives it; 0: it does not */
    int64_t width, height;                               /* of the movies that it is for; 0: any */
    convis_cell *cell;                                   /* the cells of its spiking layers; NULL: one per element */
    int64_t cells;
};

/* ---- graph.c ---- */

void          convis_graph_clear(convis_context *, struct convis_graph *);
convis_status convis_graph_copy (convis_context *, const struct convis_graph *, struct convis_graph *);
/* A new layer at the end, without inputs; its name is checked. It moves when the next is added. */
convis_status convis_graph_add(convis_context *, struct convis_graph *, const char *name, const convis_layer_type *,
                               struct convis_graph_layer **);
/* The same of a model within, whose memory it takes, also when it fails. */
convis_status convis_graph_add_model(convis_context *, struct convis_graph *, const char *name, struct convis_graph *model,
                                     struct convis_graph_layer **);
convis_status convis_graph_add_input(convis_context *, struct convis_graph_layer *, const char *from, int delay);
/* The input of a layer for which none is given: the one before it, else the first input. */
convis_status convis_graph_follow(convis_context *, struct convis_graph *, int layer);
convis_status convis_graph_add_source(convis_context *, struct convis_graph *, const char *name, convis_shape frame);
int           convis_graph_find_source(const struct convis_graph *, const char *name);           /* its place; -1: no input of that name */
/* How many channels an input takes: those declared, else what models within need of it, a retina one; 0: any. */
int64_t       convis_graph_channels(const struct convis_graph *, int source);
convis_status convis_graph_add_array(convis_context *, struct convis_graph *, const char *path,
                                     struct convis_value *);   /* takes it */
convis_status convis_graph_add_alias(convis_context *, struct convis_graph *, const char *name, const char *path);
/* Set a parameter of the layer; takes the value's memory, also when it fails. The name and value are checked. */
convis_status convis_graph_put(convis_context *, struct convis_graph_layer *, struct convis_value *);
void          convis_graph_drop(convis_context *, struct convis_graph_layer *, const char *name);    /* not set any more */
/* Sizes of the layer that follow from an array's shape: its last three dimensions are frames, height and width, the first of five
 * are channels, where the layer has parameters of these names. anew: also those that are set. */
convis_status convis_graph_fit(convis_context *, struct convis_graph_layer *, const struct convis_value *, int anew);
struct convis_value *convis_graph_value(const struct convis_graph_layer *, const char *name);    /* NULL: not set */
void          convis_value_free(convis_context *, struct convis_value *);
convis_status convis_value_copy(convis_context *, const struct convis_value *from, struct convis_value *to);
/* An array as a value, copied; what has more dimensions than a value may have becomes a row. */
convis_status convis_value_of_array(convis_context *, const convis_array *, struct convis_value *);
/* The parameters of a layer, also those that its texts add. */
struct convis_rows { int count; convis_field row[CONVIS_MAX_PARAMS + 1]; char names[CONVIS_MAX_PARAMS][32]; };
convis_status convis_graph_rows(convis_context *, const struct convis_graph_layer *, struct convis_rows *);
/* The sentence on a parameter that the layer does not have. others: what else may have been meant; NULL: nothing. */
void          convis_graph_no_parameter(char why[CONVIS_GRAPH_WHY], const struct convis_graph_layer *, const struct convis_rows *,
                                        const char *name, const char *const *others);
struct convis_graph_layer *convis_graph_find(const struct convis_graph *, const char *name);     /* NULL: none */
const char   *convis_graph_resolve(const struct convis_graph *, const char *path);               /* what an alias stands for, else path */
/* Checks across layers: inputs that exist, and come earlier or with a delay; the output; aliases. Models within are checked
 * as far as they are known before the movie's size. */
convis_status convis_graph_check(convis_context *, const struct convis_graph *);
convis_status convis_graph_blame(convis_context *, const struct convis_graph *, int line, int column, convis_status);
/* A graph whose layers a preset makes becomes one that contains it, under no name, so that layers can be added. */
convis_status convis_graph_extend(convis_context *, struct convis_graph *);
void          convis_graph_drop_last(convis_context *, struct convis_graph *);                   /* the layer at the end */
/* The model within whose layers have no prefix: what this graph extends. NULL: none. */
struct convis_graph *convis_graph_base(const struct convis_graph *);
/* Its output: the layer that it names, else its last one; "": the last one that a preset will make. */
const char   *convis_graph_output(const struct convis_graph *);
int           convis_graph_is_sized(const struct convis_graph *);        /* it, or a model within, follows from the movie's size */
double        convis_graph_baseline(const struct convis_graph *);
int           convis_graph_spiking(const struct convis_graph *);         /* layers that spike, those of models within too */
int           convis_graph_numbers(const struct convis_graph_layer *);   /* how many of these a layer, no model, takes: 0 or skipped + 1 */

/* ---- graph_flat.c ---- */

/* The graph with the layers of its models in their place, for movies of this size. Nothing of it is the other's. */
convis_status convis_graph_flat(convis_context *, const struct convis_graph *, int64_t width, int64_t height,
                                struct convis_warnings *, struct convis_graph *);

/* ---- graph_model.c ---- */

/* Of a flat one. */
convis_status convis_graph_build(convis_context *, const struct convis_graph *, convis_model **);
/* The same into a model that there is: its first input is a node there. output (may be NULL): the node of the graph's. */
convis_status convis_graph_insert(convis_model *, const struct convis_graph *, convis_node input, convis_node *output);
/* A model as a graph: everything that it was built of and set to. */
convis_status convis_graph_of_model(const convis_model *, struct convis_graph *);
/* The layer or alias that counts, of a flat one; nothing is said where it is the last layer. */
void          convis_graph_choose(struct convis_graph *, const char *output);

/* ---- graph_settings.c: "layer.parameter", "dt", "baseline" ---- */

convis_status convis_graph_set (convis_context *, struct convis_graph *, const char *path, const char *value);
convis_status convis_graph_get (convis_context *, const struct convis_graph *, const char *path, char *value, size_t size);
int           convis_graph_list(convis_context *, const struct convis_graph *, int index, convis_setting *);    /* 0 past the last */
/* The layers of a preset that is not sized, anew. */
convis_status convis_graph_make(convis_context *, const struct convis_preset_kind *, const void *settings, struct convis_graph *);
convis_status convis_graph_set_cells(convis_context *, struct convis_graph *, const convis_cell *, int64_t count);
/* The cells of one layer of a preset, by its path; ENAME when it has no such. */
convis_status convis_graph_set_cells_of(convis_context *, struct convis_graph *, const char *layer, const convis_cell *,
                                        int64_t count);
/* Are these cells of a model that has so many spiking layers? */
convis_status convis_cells_check(convis_context *, const convis_cell *, int64_t count, int spiking);
/* Lines "PATH VALUE" and "PATH[INDEX] VALUE"; name begins messages. On any fault nothing is set. */
convis_status convis_graph_set_lines(convis_context *, struct convis_graph *, const char *name, const char *text);
/* The values of a parameter from outside, such as a file of arrays. ENAME when there is no such path. */
convis_status convis_graph_set_value(convis_context *, struct convis_graph *, const char *path,
                                     struct convis_value *);     /* takes it */
convis_status convis_graph_set_array(convis_context *, struct convis_graph *, const char *path, const convis_array *);
/* An array that was stored until there are layers; they are those of the size for which it was stored. */
convis_status convis_graph_set_stored(convis_context *, struct convis_graph *, const struct convis_graph_array *);
void          convis_graph_drop_stored(convis_context *, struct convis_graph *);   /* lines and arrays, of models within too */
/* The lines that are stored in it and in models within, with full paths; NULL: none. Release with convis_release. */
convis_status convis_graph_stored_lines(convis_context *, const struct convis_graph *, char **lines);

/* ---- graph_read.c, graph_write.c ---- */

/* A model that is being opened, and the one that names or contains it. file: NULL of what is contained. */
struct convis_opening { const char *file; const struct convis_opening *outer; };
/* What opens a model that a file names or contains (a text or a map). */
struct convis_yaml;
struct convis_yaml_node;
typedef convis_status (*convis_graph_opener)(const struct convis_yaml *, const char *path, const struct convis_yaml_node *,
                                             const struct convis_opening *outer, struct convis_warnings *, struct convis_graph *);
/* A model of layers, as the map describes. path: of the file, beside which others are looked for. On failure the graph is cleared. */
struct convis_graph_reading {
    const struct convis_yaml *y;
    const char *path;
    convis_graph_opener open;
    const struct convis_opening *opening;                /* this one */
    struct convis_warnings *warnings;
};
convis_status convis_graph_read (const struct convis_graph_reading *, const struct convis_yaml_node *map, struct convis_graph *);
/* What is different from a model that the graph already is: title, set, further layers, output. */
convis_status convis_graph_read_changes(const struct convis_graph_reading *, const struct convis_yaml_node *map,
                                        struct convis_graph *);
/* Settings of a graph, and cells of its layers: {opl.center.tau: 0.01, ganglion_0.units: {...}} */
convis_status convis_graph_read_settings(const struct convis_graph_reading *, const struct convis_yaml_node *map,
                                         struct convis_graph *);
convis_status convis_graph_write(convis_context *, const struct convis_graph *, char **text);    /* release: convis_release */
/* Cells as columns, or from a file; release them with convis_release. with_layers: the layer of each, too. */
convis_status convis_graph_read_cells(const struct convis_yaml *, const char *path, const struct convis_yaml_node *,
                                      convis_cell **, int64_t *count);
convis_status convis_graph_put_cells (convis_context *, FILE *, int indent, const convis_cell *, int64_t count, int with_layers);
/* A value as a member of a map: "name: [1, 2]". */
convis_status convis_graph_put_array(convis_context *, FILE *, int indent, const char *name, const struct convis_value *);
/* A file beside that of `path`, unless its name says where it is. */
char         *convis_file_beside(convis_context *, const char *path, const char *name);          /* convis_release */
#endif
