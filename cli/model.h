/* model.h - MODEL as commands take it: its recipe, --set PATH=VALUE and --dt, built once the size of the movie is known. */
#ifndef CONVIS_CLI_MODEL_H
#define CONVIS_CLI_MODEL_H
#include "cli.h"

typedef struct cli_model {
    /* asked for */
    const char *name, *input;                            /* MODEL; INPUT, which may have changed places with it, or NULL */
    cli_list    sets;                                    /* --set; what the recipe does not know waits for the model */
    double      dt;                                      /* 0: the model's own */
    const char *numerics, *initial, *parameters;         /* the settings; a file of parameters; or NULL */
    /* open */
    convis_context *context;
    convis_recipe  *recipe;
    convis_model   *model;
    int64_t     width, height;                           /* of the movies for which it was built */
    cli_list    later;
    int         warnings;                                /* said so far */
} cli_model;

/* All return 0, or the exit status after the sentence was printed. */
int    cli_model_check(const cli_model *, const char *command);   /* is what was asked for right, as words? Else 2 */
int    cli_model_open (cli_model *, convis_context *);   /* the recipe and its settings */
double cli_model_setting(const cli_model *, const char *path);   /* a number; 0: the recipe has none of that name */
double cli_model_ppd (const cli_model *);                   /* pixels per degree of the retina, or the first that the model contains; 0: none */
double cli_model_dt   (const cli_model *);               /* of the recipe; 0: it does not say */
int    cli_model_build(cli_model *, int64_t width, int64_t height);      /* and what waited */
void   cli_model_close(cli_model *);
/* Fails, with the nearest name: of settings and parameters, and, where these count too, of layers and beginnings of their names. */
int    cli_model_no_such(const cli_model *, const char *option, const char *path, int layers);
/* --output PATH: the path of the output that this names, or 1 with the nearest name. NULL: the model's output, else its last layer. */
int    cli_model_find  (const cli_model *, const char *asked, char *path, size_t size);  /* the same without a word */
int    cli_model_output(const cli_model *, const char *asked, char *path, size_t size);
#endif
