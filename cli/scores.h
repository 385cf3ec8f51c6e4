/* scores.h - scores as rows of a table: eval and fit. */
#ifndef CONVIS_CLI_SCORES_H
#define CONVIS_CLI_SCORES_H
#include "cli.h"
#include <convis/fit.h>

void cli_scores_head(cli_table *, const char *first);    /* the first column is about `first` */
void cli_scores_row (cli_table *, const char *who, const convis_score *scores);
#endif
