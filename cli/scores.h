/* scores.h - scores as rows of a table, and whether responses are counts: eval and fit. */
#ifndef CONVIS_CLI_SCORES_H
#define CONVIS_CLI_SCORES_H
#include "cli.h"
#include <convis/fit.h>

/* Files of nothing but spikes, which are counted: .spk, .csv. */
int  cli_only_spikes(const char *file);
void cli_scores_head(cli_table *, const char *first);    /* the first column is about `first` */
void cli_scores_row (cli_table *, const char *who, const convis_score *scores);
#endif
