/* inputs.c - what a model takes as input beside its movie, and the channels of movies. */
#include "inputs.h"
#include <string.h>

int cli_channels(const char *command, const char *channel, const char *channels, int *pick, int *kind)
{
    static const char *const NAMES[] = { "luminance", "red", "green", "blue" };
    int k = 0;
    *kind = !channels ? CONVIS_ALL_CHANNELS : !strcmp(channels, "rgb") ? CONVIS_RGB : CONVIS_GRAY;
    if (channels && strcmp(channels, "rgb") && strcmp(channels, "gray") && strcmp(channels, "grey"))
        return cli_usage(command, "--channels: '%s', expected rgb or gray", channels);
    if (!channel) return CLI_GO;
    while (k < 4 && strcmp(NAMES[k], channel)) k++;
    if (k == 4) return cli_usage(command, "--channel: '%s', expected luminance, red, green or blue", channel);
    if (*kind == CONVIS_RGB) return cli_usage(command, "either --channel %s or --channels rgb", channel);
    *pick = k - 1;
    return CLI_GO;
}
