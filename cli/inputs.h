/* inputs.h - what a model takes as input: the channels of its movie, and what it takes beside it, --input NAME=FILE. */
#ifndef CONVIS_CLI_INPUTS_H
#define CONVIS_CLI_INPUTS_H
#include "model.h"
#include <convis/fit.h>
#include <convis/io.h>

enum { CLI_INPUTS = 32 };

/* One of them as it is run: its frames go along with those of the movie. */
typedef struct cli_stream {
    convis_movie     *movie;
    convis_movie_info info;
    convis_real      *frames;                            /* a chunk; room: of so many steps */
    int64_t           room, done;
} cli_stream;

typedef struct cli_inputs {
    /* asked for */
    cli_list    files, rates;                            /* --input NAME=FILE, --input-fps NAME=F */
    const char *channel, *channels;                      /* --channel, --channels; or NULL */
    /* known once they are checked: of the movie, as convis_movie_options has them */
    int         pick, kind;
    /* known once the model is open */
    const cli_model *model;
    char        movie_name[64];
    int64_t     movie_channels;                          /* that the model declares; 0: it takes any */
    int         optional;                                /* asked for by a command that can do without the files */
    int         count;                                   /* inputs beside the movie, in the order in which the model declares them */
    convis_recording_input at[CLI_INPUTS];
    char        name[CLI_INPUTS][64];
    cli_stream  stream[CLI_INPUTS];
} cli_inputs;

/* Rows of a table of options. */
#define CLI_CHANNELS_OPTION(inputs) \
        { 0, "channels", "rgb|gray|grey", CLI_WORD, &(inputs).channels, \
          "rgb: colour in three channels; gray: one, also of arrays of three\n(movies and pictures gray, arrays as they are)" }
#define CLI_INPUT_OPTIONS(inputs) \
        { 0, "input", "NAME=FILE", CLI_TEXTS, &(inputs).files, "what the model takes beside the movie, by its name; may be given again" }, \
        { 0, "input-fps", "NAME=F", CLI_TEXTS, &(inputs).rates, "frames per second of that input, where its frames are not steps" }

/* All return 0, or the exit status after the sentence was printed. */
int cli_inputs_check(cli_inputs *, const char *command);     /* is what was asked for right, as words? Else 2 */
int cli_inputs_open (cli_inputs *, const cli_model *);       /* of an open model: what it declares, and whether each is given */
int cli_inputs_kind (const cli_inputs *);                    /* as options of recordings have it */
/* The context's sentence; where sizes do not fit together, and channels may be why, with how many the movie has. */
int cli_inputs_report(const cli_inputs *, const convis_context *, convis_status, int64_t channels);
/* Warns where the movie has fewer frames than these options ask for, once it is known. */
void cli_inputs_fewer(const char *file, const convis_movie_options *, const convis_movie_info *);
/* Of a list of spikes that is the movie: warns where it does not say how long it is, fails where nothing says so. */
int cli_inputs_open_end(convis_context *, const char *file, const convis_movie_info *);
/* For a fit, whose recording has them: are they of the model's channels and size, and what of them comes too late? */
int cli_inputs_recorded(const cli_inputs *, const convis_recording *);
/* For a run: the files as movies beside the run's own, which was opened with these options. */
int cli_inputs_stream(cli_inputs *, convis_context *, const convis_movie_options *, const convis_movie_info *, int quiet);
/* The next steps of each to the model, before it runs as many of the movie's. A failure's sentence is on the context. */
convis_status cli_inputs_give(cli_inputs *, convis_context *, convis_model *, int64_t batch, int64_t steps);
int cli_inputs_end(cli_inputs *, convis_context *, const convis_movie_options *);        /* after the run: what came too late */
/* For what takes them whole: `frames` steps of each, until they are closed. Of those without a file numbers between 0 and 1. */
int cli_inputs_load(cli_inputs *, convis_context *, double dt, int64_t frames, uint64_t seed, convis_given given[CLI_INPUTS]);
void cli_inputs_close(cli_inputs *);
int64_t cli_inputs_channels(const cli_inputs *);             /* of a movie that is made for the model */
/* Whether a movie, or a stimulus, of so many channels is one for the model. */
int cli_inputs_movie(const cli_inputs *, const char *file, int64_t channels);
#endif
