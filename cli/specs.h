/* specs.h - what can be asked for by "KIND?key=value": stimuli and initialisers, listed from their tables. */
#ifndef CONVIS_CLI_SPECS_H
#define CONVIS_CLI_SPECS_H
#include "cli.h"
#include <convis/io.h>

typedef struct cli_specs {
    const char *title;                                   /* the first line of a list */
    int (*kind)(int index, convis_kind_info *);
    int (*param)(const char *kind, int index, convis_kind_param *);
} cli_specs;

void cli_specs_list(const cli_specs *);                  /* every kind; keys that most of them have are listed once */
int  cli_specs_one (const cli_specs *, const char *kind);/* all keys of one; 0: there is none of that name */
int  cli_specs_known(const cli_specs *, const char *kind);
void cli_specs_json(cli_json *, const char *name, const cli_specs *);    /* an array of kinds */
extern const cli_specs CLI_STIMULI, CLI_INITIALISERS;
#endif
