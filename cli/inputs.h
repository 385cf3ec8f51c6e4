/* inputs.h - what a model takes as input beside its movie, --input NAME=FILE, and --channels of movies. */
#ifndef CONVIS_CLI_INPUTS_H
#define CONVIS_CLI_INPUTS_H
#include "cli.h"
#include <convis/io.h>

/* --channel and --channels, either NULL, as options of a movie: CLI_GO, or 2 after the sentence. */
int cli_channels(const char *command, const char *channel, const char *channels, int *pick, int *kind);
#define CLI_CHANNELS_HELP "rgb: colour in three channels; gray: one, of arrays of three\nchannels, too (movies gray, arrays as they are)"
#endif
