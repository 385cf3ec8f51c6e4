/* fit.h - one `convis fit`: what was asked for, what is open, what came out. fit.c runs it; fit_report.c reports. */
#ifndef CONVIS_CLI_FIT_H
#define CONVIS_CLI_FIT_H
#include "inputs.h"
#include "model.h"
#include <convis/fit.h>

struct fit {
    /* asked for */
    cli_model   model;
    cli_inputs  inputs;
    const char *stimulus, *response, *mask, *output, *out, *device, *report_folder;
    cli_list    free, regularize;
    cli_size    size;
    double      fps, level;
    int64_t     from, frames_asked, skip;
    int         threads, quiet, counts, fresh, bootstrap;
    convis_fit_options options;
    convis_regularizer regularizers[CLI_LIST_MAX];
    char        regularized[CLI_LIST_MAX][128];

    /* open */
    convis_context   *context;
    convis_recording *recording;
    convis_recording_info info;
    double     *before;                                  /* of every parameter: its number, or an array's root mean square */
    char        path[128], input[128];                   /* of the output, and of its layer's input if that is static; or "" */

    /* done */
    convis_fit_report report;
    char       *history;                                 /* a line an epoch: start epoch loss held_out */
    size_t      history_length, history_room;
    cli_progress bar;
};

/* Before the fit plans the model, for a report folder: it is made, and f->input found and probed. */
int fit_prepare(struct fit *);
/* The numbers as they are before the fit. */
int fit_remember(struct fit *);
/* What was fitted, before and after, then the table of scores on standard output, and the figures if a folder was asked for. 0, or 1 after the sentence. */
int fit_tell(struct fit *);
#endif
