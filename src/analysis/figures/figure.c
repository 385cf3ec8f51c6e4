/* figure.c - a picture of a result file: chooses its kind, has it written as a gnuplot script, draws it, moves it into place. */
#define _GNU_SOURCE                      /* posix_spawn_file_actions_addchdir_np */
#include "base/context.h"
#include "base/parts.h"
#include "base/text.h"
#include "figure.h"
#include "io/frames.h"
#include "io/sinks.h"
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char SCRIPT[] = "figure.gp", SAID[] = "said.txt";

static void part_path(const convis_figure *f, const char *part, char path[static FIGURE_PATH + 32])
{
    snprintf(path, FIGURE_PATH + 32, "%s/%s", f->folder, part);
}

/* ---- The private folder ---- */

static convis_status open_folder(convis_figure *f)
{
    if (convis_private_folder(f->context, "figure", f->folder, sizeof f->folder)) return CONVIS_EIO;
    char path[FIGURE_PATH + 32];
    part_path(f, SCRIPT, path);
    f->script = fopen(path, "w");
    return f->script ? CONVIS_OK : convis_fail(f->context, CONVIS_EIO, "%s: %s", path, strerror(errno));
}

static void close_folder(convis_figure *f)
{
    char path[FIGURE_PATH + 32], picture[16];
    if (f->script) fclose(f->script);
    if (!f->folder[0]) return;
    snprintf(picture, sizeof picture, "figure.%s", f->extension);
    for (int k = 0; k < f->parts; k++) { part_path(f, f->part[k], path); unlink(path); }
    part_path(f, SCRIPT, path);  unlink(path);
    part_path(f, SAID, path);    unlink(path);
    part_path(f, picture, path); unlink(path);
    rmdir(f->folder);
}

FILE *convis_figure_data(convis_figure *f, const char *part)
{
    char path[FIGURE_PATH + 32];
    if (f->parts == FIGURE_PARTS) {
        convis_fail(f->context, CONVIS_EINVAL, "a figure has at most %d data files", FIGURE_PARTS);
        return NULL;
    }
    f->part[f->parts++] = part;
    part_path(f, part, path);
    FILE *file = fopen(path, "wb");
    if (!file) convis_fail(f->context, CONVIS_EIO, "%s: %s", path, strerror(errno));
    return file;
}

convis_status convis_figure_done(convis_figure *f, FILE *file, const char *part)
{
    int bad = ferror(file);
    if (fclose(file)) bad = 1;
    return bad ? convis_fail(f->context, CONVIS_EIO, "%s/%s: writing failed (%s)", f->folder, part, strerror(errno)) : CONVIS_OK;
}

/* ---- The source by its name ---- */

convis_status convis_figure_open(convis_figure *f, char name[FIGURE_PATH], convis_figure_opener open, void *user)
{
    const char *set = f->options->name;
    const int inside =
        set && !strchr(set, '/') && (convis_has_extension(f->source, ".h5") || convis_has_extension(f->source, ".hdf5"));
    convis_status s = CONVIS_ENAME;
    for (int probes = inside; probes >= 0 && s; probes--) {
        const int length =
            snprintf(name, FIGURE_PATH, "%s%s%s%s", f->source, set ? ":" : "", probes ? "probes/" : "", set ? set : "");
        if (length < 0 || length >= FIGURE_PATH)
            return convis_fail(f->context, CONVIS_EINVAL, "%s: the name is too long", f->source);
        s = open(f, name, user);
    }
    return s;
}

void convis_figure_label(const convis_figure *f, char label[FIGURE_LABEL])
{
    const char *slash = strrchr(f->source, '/'), *base = slash ? slash + 1 : f->source;
    const char *colon = strrchr(base, ':'), *dot = strrchr(base, '.');
    const char *name = f->options->name ? f->options->name : colon ? colon + 1 : NULL;
    if (!strncmp(f->source, "stim:", 5))                 /* the kind alone */
        convis_shorten(label, FIGURE_LABEL, "%.*s", (int)strcspn(f->source + 5, "?"), f->source + 5);
    else if (name) {
        slash = strrchr(name, '/');
        convis_shorten(label, FIGURE_LABEL, "%s", slash ? slash + 1 : name);
    } else convis_shorten(label, FIGURE_LABEL, "%.*s", dot && dot > base ? (int)(dot - base) : (int)strlen(base), base);
}

/* ---- gnuplot ---- */

/* What gnuplot complained of: the last line it wrote that says something, without the place in the script. */
static void read_complaint(const convis_figure *f, char *text, size_t size)
{
    char path[FIGURE_PATH + 32], line[512];
    snprintf(text, size, "it gave no reason");
    part_path(f, SAID, path);
    FILE *said = fopen(path, "r");
    if (!said) return;
    while (fgets(line, sizeof line, said)) {
        char *p = line + strspn(line, " \t^");
        p[strcspn(p, "\r\n")] = 0;
        char *place = strstr(p, "line "), *colon = place ? strstr(place, ": ") : NULL;
        if (*p == '"' && colon) p = colon + 2;
        if (*p) convis_shorten(text, size, "%s", p);
    }
    fclose(said);
}

/* Runs in the folder with the script's name as only argument: no shell, no names of the user's. -d: no settings of
 * the user's either, so that a figure looks the same everywhere. */
static convis_status run_gnuplot(convis_figure *f)
{
    char *const argv[] = { (char *)"gnuplot", (char *)"-d", (char *)SCRIPT, NULL };
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = 0, error = posix_spawn_file_actions_init(&actions);
    if (error) return convis_fail(f->context, CONVIS_ENOMEM, "gnuplot could not be started: %s", strerror(error));
    if (!error) error = posix_spawn_file_actions_addchdir_np(&actions, f->folder);
    if (!error) error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (!error) error = posix_spawn_file_actions_addopen(&actions, 2, SAID, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!error) error = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error == ENOENT)
        return convis_fail(f->context, CONVIS_ENOTSUP, "gnuplot was not found, and figures are drawn by it "
                           "(Debian and Ubuntu: apt install gnuplot-nox; macOS: brew install gnuplot)");
    if (error) return convis_fail(f->context, CONVIS_EIO, "gnuplot could not be started: %s", strerror(error));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) { status = 0; break; }       /* a host that ignores SIGCHLD: the picture will tell */
    if (WIFSIGNALED(status))
        return convis_fail(f->context, CONVIS_EIO, "gnuplot was ended by signal %d", WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status)) {
        char said[512];
        read_complaint(f, said, sizeof said);
        return convis_fail(f->context, CONVIS_EIO, "gnuplot failed: %s", said);
    }
    return CONVIS_OK;
}

/* ---- Into place ---- */

static convis_status copy_atomically(convis_figure *f, const char *from, const char *to)
{
    convis_out out;
    char buffer[65536];
    size_t got;
    FILE *in = fopen(from, "rb");
    if (!in) return convis_fail(f->context, CONVIS_EIO, "gnuplot drew nothing (%s)", strerror(errno));
    convis_status s = convis_out_open(f->context, to, 0, &out);
    if (s) { fclose(in); return s; }
    while (!s && (got = fread(buffer, 1, sizeof buffer, in)) > 0) s = convis_out_write(&out, buffer, got);
    if (!s && ferror(in)) s = convis_fail(f->context, CONVIS_EIO, "%s: %s", from, strerror(errno));
    fclose(in);
    convis_status end = convis_out_finish(&out, !s);
    return s ? s : end;
}

/* The script and its data into a folder, NAME.plot for the figure NAME.png, where `gnuplot figure.gp` draws the figure again. */
static convis_status keep_script(convis_figure *f, const char *figure)
{
    char folder[FIGURE_PATH], from[FIGURE_PATH + 32], to[FIGURE_PATH + 32];
    int stem = (int)(strrchr(figure, '.') - figure);
    int length = snprintf(folder, sizeof folder, "%.*s.plot", stem, figure);
    if (length < 0 || (size_t)length >= sizeof folder)
        return convis_fail(f->context, CONVIS_EINVAL, "%s: the name is too long", figure);
    if (mkdir(folder, 0777) && errno != EEXIST)
        return convis_fail(f->context, CONVIS_EIO, "%s: %s", folder, strerror(errno));
    convis_status s = CONVIS_OK;
    for (int k = -1; k < f->parts && !s; k++) {
        const char *part = k < 0 ? SCRIPT : f->part[k];
        part_path(f, part, from);
        snprintf(to, sizeof to, "%s/%s", folder, part);
        s = copy_atomically(f, from, to);
    }
    return s;
}

/* ---- The kind ---- */

typedef convis_status (*draw_kind)(convis_figure *);

static draw_kind choose_kind(convis_figure *f)
{
    static const struct { const char *name; draw_kind draw; } KINDS[] = {
        { "raster", convis_figure_raster }, { "maps", convis_figure_maps },
        { "traces", convis_figure_traces }, { "mosaic", convis_figure_mosaic },
        { "kernel", convis_figure_kernel }, { "tuning", convis_figure_tuning },
        { "prediction", convis_figure_prediction }, { "nonlinearity", convis_figure_nonlinearity } };
    const char *kind = f->options->kind;
    if (kind) {
        for (size_t k = 0; k < sizeof KINDS/sizeof *KINDS; k++)
            if (!strcmp(kind, KINDS[k].name)) return KINDS[k].draw;
        convis_fail(f->context, CONVIS_ENAME,
                    "kind of figure '%s': expected raster, maps, traces, mosaic, kernel, tuning, prediction "
                    "or nonlinearity",
                    kind);
        return NULL;
    }
    if (f->options->pixels) return convis_figure_traces;
    if (f->options->name) return convis_figure_maps;
    if (convis_has_extension(f->source, ".txt") || convis_has_extension(f->source, ".units")) return convis_figure_mosaic;
    if (convis_has_extension(f->source, ".spk") || convis_has_extension(f->source, ".csv")) return convis_figure_raster;
    if (convis_figure_recording_has_spikes(f)) return convis_figure_raster;
    return convis_figure_maps;
}

static convis_status check_options(convis_figure *f, const char *figure)
{
    const convis_plot_options *o = f->options;
    static const char *const EXTENSIONS[] = { "png", "svg", "pdf" };
    for (size_t k = 0; k < 3; k++) {
        char ending[8];
        snprintf(ending, sizeof ending, ".%s", EXTENSIONS[k]);
        if (convis_has_extension(figure, ending)) f->extension = EXTENSIONS[k];
    }
    if (!f->extension)
        return convis_fail(f->context, CONVIS_ENOTSUP, "%s: figures are .png, .svg or .pdf", figure);
    if (!(o->from >= 0) || !(o->to >= 0) || (o->to > 0 && !(o->from < o->to)))
        return convis_fail(f->context, CONVIS_EINVAL, "figure from %g s to %g s: expected 0 <= from < to", o->from, o->to);
    if (!(o->dt >= 0) || o->dt > 1e6)
        return convis_fail(f->context, CONVIS_EINVAL, "%g s per frame: expected a positive number", o->dt);
    for (int k = 0; k < 2; k++) {
        int side = k ? o->height : o->width;
        if (side && (side < 200 || side > 20000))
            return convis_fail(f->context, CONVIS_EINVAL, "figure of %d pixels %s: expected 200 to 20000", side,
                               k ? "height" : "width");
    }
    return CONVIS_OK;
}

static convis_status draw(convis_figure *f, const char *figure)
{
    char picture[16], path[FIGURE_PATH + 32];
    convis_status s = check_options(f, figure);
    if (!s) s = convis_part_need(f->context, CONVIS_PART_GNUPLOT, figure, "cannot be drawn");
    draw_kind kind = s ? NULL : choose_kind(f);
    if (!kind) return s ? s : CONVIS_ENAME;
    if ((s = open_folder(f)) || (s = kind(f))) return s;
    FILE *script = f->script;
    f->script = NULL;
    if ((s = convis_figure_done(f, script, SCRIPT)) || (s = run_gnuplot(f))) return s;
    snprintf(picture, sizeof picture, "figure.%s", f->extension);
    part_path(f, picture, path);
    if ((s = copy_atomically(f, path, figure))) return s;
    return f->options->keep_script ? keep_script(f, figure) : CONVIS_OK;
}

convis_status convis_plot(convis_context *c, const char *file, const char *figure, const convis_plot_options *options)
{
    CONVIS_NEEDS(c, file, figure);
    static const convis_plot_options DEFAULTS = CONVIS_PLOT_DEFAULTS;
    convis_figure *f = convis_obtain(c, sizeof *f);
    if (!f) return CONVIS_ENOMEM;
    f->context = c;
    f->source = file;
    f->options = options ? options : &DEFAULTS;
    /* gnuplot reads numbers with a point, whatever the language of the program that we are part of. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = plain ? uselocale(plain) : (locale_t)0;
    convis_status s = convis_progress(c, "plot", 0, 1);
    if (!s) s = draw(f, figure);
    close_folder(f);
    if (plain) { uselocale(before); freelocale(plain); }
    convis_release(c, f);
    return s;
}
