/* run.h - one `convis run`: what was asked for, what is open, what was done. run.c runs it; outputs.c writes. */
#ifndef CONVIS_CLI_RUN_H
#define CONVIS_CLI_RUN_H
#include "inputs.h"
#include "model.h"
#include <convis/io.h>

/* A map that is asked for: --probe PATH=FILE, or -o of a model that does not spike. */
struct run_probe {
    char path[128];
    const char *file;                                    /* "-": raw float32 frames on standard output */
    convis_map_writer *writer;
};

struct run {
    /* asked for */
    cli_model of;                                        /* what is run */
    const char *input, *units_file, *device;
    cli_inputs  inputs;
    const char *load_state, *save_state, *save_params, *save_xml;
    cli_list outs, probe_texts;
    cli_size size;
    int64_t  chunk, settle;
    uint64_t seed;
    int      threads, quiet, from_stdin;
    convis_movie_options movie_options;

    /* open */
    convis_context *context;
    convis_movie   *movie;
    convis_movie_info info;
    convis_model   *model;                               /* of.model, once it is built */
    convis_real    *frames;
    char   *command, *model_text, numerics_used[32];
    int     record_spikes;
    struct run_probe probe[CLI_LIST_MAX];
    int     probe_count;
    convis_spike_writer *spikes[CLI_LIST_MAX];           /* beside outs; NULL for "-" */
    int     spike_files;

    /* done */
    int64_t steps, units, spike_count, nonfinite, nonfinite_at;     /* numbers that are not finite; steps before the first */
    char    nonfinite_in[256];                           /* its output or state */
    double  begun, took;
};

int run_outputs_check (struct run *);                    /* CLI_GO, or 2: what cannot be right whatever the model */
int run_outputs_choose(struct run *);                    /* before the plan: which outputs are probed */
int run_outputs_open  (struct run *);                    /* after it */
convis_status run_outputs_write(struct run *);           /* of the last convis_run; a failure's sentence is on the context */
int run_outputs_close (struct run *, int keep);
#endif
