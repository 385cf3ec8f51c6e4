/* plot.c - convis plot: a figure of spikes, cells or maps. */
#include "cli.h"
#include <convis/io.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const cli_page PAGE = {
    "plot", "FILE [-o PNG|SVG|PDF] [OPTION]...",
    "FILE holds spikes (.spk, .csv, .npy, .npz, .h5), cells (.h5, .npz, .txt of 'layer unit x_deg y_deg') or maps (.npy, .inr,\n"
    ".h5:DATASET, .npz:KEY, or anything that 'convis run' takes as input). The kind of figure follows from it:\n"
    "  raster   spikes by cell and time, and each layer's mean rate\n"
    "  maps     frames of a map over time\n"
    "  traces   chosen pixels of a map over time\n"
    "  mosaic   where the cells are; with spikes, how much each fires\n"
    "Of arrays, when it is asked for:\n"
    "  kernel   (T, Y, X), or several: frames by lag, course and profile of the strongest pixel\n"
    "  tuning   rows of a direction in degrees and responses\n"
    "  prediction, nonlinearity   what 'convis fit --report' writes\n"
    "Figures are drawn by gnuplot.\n",
    "  convis plot spikes.h5\n"
    "  convis plot spikes.h5 --kind mosaic -o mosaic.pdf\n"
    "  convis plot opl.npy --kind traces --pixels '32,32 40,32' --dt 0.001 -o opl.svg\n",
    1, 1
};

/* FILE with .png for its extension; a data set's name follows the file's: spikes.h5:probes/opl is spikes-opl.png. */
static int default_figure(const char *file, const char *name, char *figure, size_t size)
{
    const char *ending = cli_extension(file), *colon = NULL, *slash;
    if (strcspn(ending, ":") < strlen(ending)) colon = strrchr(file, ':');
    size_t stem = colon ? (size_t)(colon - file) : strlen(file);
    for (size_t k = stem; k-- > 0 && file[k] != '/';)
        if (file[k] == '.' && k > 0 && file[k-1] != '/') { stem = k; break; }
    if (!name && colon) name = colon + 1;
    if (name && (slash = strrchr(name, '/'))) name = slash + 1;
    int n = snprintf(figure, size, "%.*s%s%s.png", (int)stem, file, name ? "-" : "", name ? name : "");
    if (!strncmp(file, "stim:", 5) || n < 0 || (size_t)n >= size || !strcmp(figure, file)) return 0;
    return 1;
}

/* A result contains its model, which knows the layers' signs: "ON,OFF". Only when every layer gets a name of its own; else "". */
static void name_layers(convis_context *c, const char *file, char *names, size_t size)
{
    convis_recipe *model = NULL;
    char path[32], value[64];
    size_t used = 0;
    int count[2] = { 0, 0 };
    *names = '\0';
    if ((strcasecmp(cli_extension(file), "h5") && strcasecmp(cli_extension(file), "hdf5")) || convis_recipe_open(c, file, &model))
        return;
    for (int k = 0; used < size; k++) {
        snprintf(path, sizeof path, "ganglion_%d.sign", k);
        if (convis_recipe_get(model, path, value, sizeof value)) break;
        const int off = atof(value) < 0, nth = ++count[off];
        used += (size_t)snprintf(names + used, size - used, nth > 1 ? "%s%s %d" : "%s%s", k ? "," : "", off ? "OFF" : "ON", nth);
    }
    if (used >= size) *names = '\0';
    convis_recipe_free(&model);
}

int cli_plot(int argc, char **argv)
{
    convis_plot_options o = CONVIS_PLOT_DEFAULTS;
    cli_size size = { 0, 0 };
    cli_list words = { 0 };
    const char *figure = NULL;
    char made[4096], names[512];
    const cli_option options[] = {
        { 'o', "output",   "FIGURE",    CLI_TEXT,     &figure,   ".png, .svg or .pdf (FILE's name with .png)" },
        { 'k', "kind",     "raster|maps|traces|mosaic|kernel|tuning|prediction|nonlinearity", CLI_WORD, &o.kind,
          "of figure (what suits FILE)" },
        { 0, "from",       "SECONDS",   CLI_NUMBER,   &o.from,   "where the figure begins (0)" },
        { 0, "to",         "SECONDS",   CLI_NUMBER,   &o.to,     "where it ends (the end)" },
        { 0, "pixels",     "'X,Y X,Y'", CLI_TEXT,     &o.pixels, "of traces (the centre and the pixel that varies most)" },
        { 0, "name",       "DATASET",   CLI_TEXT,     &o.name,   "of .h5 and .npz: which map" },
        { 0, "dt",         "SECONDS",   CLI_POSITIVE, &o.dt,     "duration of a frame, where the file does not say" },
        { 0, "title",      "TEXT",      CLI_TEXT,     &o.title,  "above the figure" },
        { 0, "labels",     "A,B",       CLI_TEXT,     &o.labels,
          "names: of a tuning's curves, of the layers of spikes (ON, OFF\nwhere the file contains its model)" },
        { 0, "rows",       "NAME",      CLI_TEXT,     &o.rows,   "what one row of a raster is, such as trial (cell)" },
        { 0, "size",       "WxH",       CLI_SIZE,     &size,     "pixels of a PNG; SVG and PDF have half as many points" },
        { 0, "keep-script", NULL,       CLI_FLAG,     &o.keep_script, "leave script and data beside the figure, in a folder of its name\nwith .plot: 'gnuplot figure.gp' there draws the figure again" },
        { 0 }
    };
    int done = cli_parse(&PAGE, options, argc, argv, &words);
    if (done != CLI_GO) return done;
    const char *file = words.at[0];
    if (!figure) {
        if (!default_figure(file, o.name, made, sizeof made)) return cli_usage("plot", "-o FIGURE is missing");
        figure = made;
    }
    o.width = (int)size.width;
    o.height = (int)size.height;
    convis_context *c = cli_open(NULL, 1);
    if (!c) return 1;
    int failed = 0;
    if (!o.labels) {
        name_layers(c, file, names, sizeof names);
        o.labels = *names ? names : NULL;
    }
    if (convis_plot(c, file, figure, &o)) failed = cli_report(c);
    else if (o.keep_script)
        cli_message("%s; script and data are in %.*s.plot", figure, (int)(strrchr(figure, '.') - figure), figure);
    else cli_message("%s", figure);
    convis_close(&c);
    return failed;
}
