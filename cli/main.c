/* main.c - convis: which command? */
#include "cli.h"
#include <errno.h>
#include <string.h>

const cli_command CLI_COMMANDS[] = {
    { "run",      "run a model on a movie and write its outputs: spikes, currents, rates", cli_run },
    { "fit",      "fit a model's parameters to recorded responses",                            cli_fit },
    { "synthesize", "optimise the stimulus: for the largest response, a given one, or to tell two models apart", cli_synthesize },
    { "gradcheck", "check a model's gradients against differences",                          cli_gradcheck },
    { "eval",     "score a model, or a prediction, against recorded responses",                 cli_eval },
    { "sta",      "what was seen before spikes: average, covariance, significance",            cli_sta },
    { "describe", "list models and layers, and what can be set and read in each",             cli_describe },
    { "stim",     "make a stimulus: gratings, bars, checkers, chirps, impulses",              cli_stim },
    { "plot",     "draw rasters, maps, traces and mosaics as PNG, SVG or PDF",                cli_plot },
    { "convert",  "turn a movie, array or spike file into another format",                    cli_convert },
    { "devices",  "list what this machine can compute on",                                    cli_devices },
    { "bench",    "measure how fast this machine simulates a retina",                         cli_bench },
    { 0 }
};

static const cli_command *find(const char *name)
{
    for (const cli_command *c = CLI_COMMANDS; c->name; c++)
        if (!strcmp(c->name, name)) return c;
    return NULL;
}

static void overview(FILE *out)
{
    fputs("convis - simulate models of early vision: a movie goes in, spikes come out\n\n"
          "Usage: convis COMMAND [ARGUMENT]...\n\n", out);
    for (const cli_command *c = CLI_COMMANDS; c->name; c++) fprintf(out, "  %-12s%s\n", c->name, c->summary);
    fputs("\n  convis COMMAND --help     the options of a command, with examples\n"
          "  convis --version          the version, and which optional parts it was built with\n\n"
          "Examples:\n"
          "  convis run retina movie.mp4 -o spikes.h5      a retina watches a movie\n"
          "  convis plot spikes.h5 -o raster.png           and its spikes are drawn\n"
          "  convis describe retina                        what can be set, what can be read\n", out);
}

static int version(void)
{
    convis_part part;
    printf("convis %s\n", convis_version());
    for (int built = 1; built >= 0; built--) {
        int some = 0;
        for (int k = 0; convis_part_list(k, &part); k++)
            if (part.built == built) printf("%s%s", some++ ? ", " : built ? "with " : "without ", part.name);
        if (some) putchar('\n');
    }
    return 0;
}

static int unknown(const char *name)
{
    convis_hint n = CONVIS_HINT(name);
    if (!strcmp(name, "dream")) return cli_usage(NULL, "'dream' is called 'synthesize' now: convis synthesize --help");
    for (const cli_command *c = CLI_COMMANDS; c->name; c++) convis_hint_offer(&n, c->name);
    return cli_usage(NULL, "no command '%s'%s", name, n.text);
}

static int command(int argc, char **argv)
{
    if (argc < 2) { overview(stderr); return 2; }
    const char *word = argv[1];
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) { overview(stdout); return 0; }
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) { return version(); }
    if (!strcmp(word, "help")) {
        if (argc < 3) { overview(stdout); return 0; }
        const cli_command *c = find(argv[2]);
        return c ? c->run(2, (char *[]){ argv[2], "--help", NULL }) : unknown(argv[2]);
    }
    const cli_command *c = find(word);
    return c ? c->run(argc - 1, argv + 1) : unknown(word);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);                            /* a closed pipe and a full quota are errors to report, */
    signal(SIGXFSZ, SIG_IGN);                            /* not ways to die */
    int status = command(argc, argv);
    if ((fflush(stdout) || ferror(stdout)) && status == 0)
        status = cli_fail("standard output: %s", strerror(errno ? errno : EIO));
    return cli_end(status);
}
