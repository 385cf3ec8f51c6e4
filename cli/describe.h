/* describe.h - convis describe: describe.c for readers, describe_json.c for programs. */
#ifndef CONVIS_CLI_DESCRIBE_H
#define CONVIS_CLI_DESCRIBE_H
#include "cli.h"


/* A model that is described. */
struct describe_subject { const char *name; convis_recipe *recipe; convis_model *model; char numerics[64]; };

/* Built for the size of movie that the recipe is for, or, where it is for any, for one that serves to list its layers. */
convis_status describe_build(struct describe_subject *);
const char *describe_doc_of(const char *model);          /* of a built-in one; NULL: it is none */
int  describe_least(const convis_layer_type *);          /* inputs that a layer must have, and can have */
int  describe_most (const convis_layer_type *);
void describe_overview_json(void);                       /* names of models and layers */
void describe_layer_json(const convis_layer_type *);
void describe_model_json(const struct describe_subject *);
int  describe_all_json(convis_context *);                /* everything that there is: docs/describe.md has the shape */
#endif
