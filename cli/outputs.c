/* outputs.c - what `convis run` writes: spikes to -o, maps to --probe. */
#include "run.h"
#include <convis/layer.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* ---- Which files? ---- */

static int one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (!strcasecmp(word, *list)) return 1;
    return 0;
}

/* "-", a device or a pipe: text, whatever its name. */
static int is_stream(const char *file)
{
    struct stat s;
    return !strcmp(file, "-") || (!*cli_extension(file) && !stat(file, &s) && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode));
}

static int holds_spikes(const char *file)
{
    const char *const list[] = { "spk", "csv", "npy", "npz", "h5", "hdf5", NULL };
    return is_stream(file) || one_of(cli_extension(file), list);
}

static int holds_maps(const char *file)
{
    const char *const list[] = { "npy", "npz", "h5", "hdf5", "inr", "csv", "png", "mp4", NULL };
    return is_stream(file) || one_of(cli_extension(file), list);
}

static int holds_several(const char *file)
{
    const char *const list[] = { "npz", "h5", "hdf5", NULL };
    return one_of(cli_extension(file), list);
}

static int same_file(const char *a, const char *b)
{
    struct stat p, q;
    if (!a || !b) return 0;
    while (!strncmp(a, "./", 2)) a += 2;
    while (!strncmp(b, "./", 2)) b += 2;
    if (!strcmp(a, b)) return 1;
    return !stat(a, &p) && !stat(b, &q) && S_ISREG(p.st_mode) && p.st_dev == q.st_dev && p.st_ino == q.st_ino;
}

/* What a file must not be, because it is read. */
static int is_read(const struct run *r, const char *file)
{
    for (int k = 0; k < r->inputs.files.count; k++) {
        const char *equals = strchr(r->inputs.files.at[k], '=');
        if (equals && same_file(file, equals + 1)) return 1;
    }
    return strcmp(file, "-") && (same_file(file, r->input) || same_file(file, r->of.name)
                                 || same_file(file, r->units_file) || same_file(file, r->load_state)
                                 || same_file(file, r->of.parameters));
}

int run_outputs_check(struct run *r)
{
    int to_stdout = 0;
    for (int k = 0; k < r->outs.count; k++) {
        const char *file = r->outs.at[k];
        if (!holds_spikes(file) && !holds_maps(file))
            return cli_usage("run",
                             "-o: '%s', expected a name ending in .spk, .csv, .npy, .npz or .h5, of maps also .inr, .png or .mp4",
                             file);
        for (int j = 0; j < k; j++)
            if (same_file(file, r->outs.at[j])) return cli_usage("run", "-o: '%s' is named twice", file);
        if (is_read(r, file)) return cli_usage("run", "-o: '%s' is read by this run and will not be replaced", file);
        to_stdout += !strcmp(file, "-");
    }
    for (int k = 0; k < r->probe_texts.count; k++) {
        struct run_probe *p = &r->probe[k];
        if (!cli_split(r->probe_texts.at[k], p->path, sizeof p->path, &p->file) || !*p->file)
            return cli_usage("run", "--probe: '%s', expected PATH=FILE", r->probe_texts.at[k]);
        if (!holds_maps(p->file))
            return cli_usage("run", "--probe: '%s', expected a name ending in .npy, .npz, .h5, .inr, .csv, .png or .mp4",
                             p->file);
        for (int j = 0; j < k; j++)
            if (same_file(p->file, r->probe[j].file) && (!holds_several(p->file) || !strcmp(p->path, r->probe[j].path)))
                return cli_usage("run", "--probe: '%s' is named twice", p->file);
        for (int j = 0; j < r->outs.count; j++)
            if (same_file(p->file, r->outs.at[j]) && !holds_several(p->file))
                return cli_usage("run", "'%s' cannot hold both what -o writes and '%s'", p->file, p->path);
        if (is_read(r, p->file)) return cli_usage("run", "--probe: '%s' is read by this run and will not be replaced", p->file);
        to_stdout += !strcmp(p->file, "-");
    }
    r->probe_count = r->probe_texts.count;
    if (to_stdout > 1) return cli_usage("run", "only one output can go to standard output");
    if (r->save_xml && is_read(r, r->save_xml))
        return cli_usage("run", "--save-xml: '%s' is read by this run and will not be replaced", r->save_xml);
    return CLI_GO;
}

/* ---- Which outputs of the model? ---- */

static int spiking(const char *type)
{
    for (const convis_layer_type *const *t = convis_layer_types(); *t; t++)
        if (!strcmp((*t)->name, type)) return (*t)->spikes != NULL;
    return 0;
}

static int model_spikes(const convis_model *m)
{
    convis_item layer;
    for (int k = 0; convis_list(m, CONVIS_LAYER, k, &layer); k++)
        if (spiking(layer.target)) return 1;
    return 0;
}

static int no_such_output(struct run *r, const char *path)
{
    const convis_kind kinds[] = { CONVIS_ALIAS, CONVIS_LAYER, CONVIS_OUTPUT };
    convis_item item;
    convis_hint n = CONVIS_HINT(path);
    for (int j = 0; j < 3; j++)
        for (int k = 0; convis_list(r->model, kinds[j], k, &item); k++)
            if (kinds[j] != CONVIS_ALIAS || !strchr(item.path, '.')) convis_hint_offer(&n, item.path);
    return cli_fail("--probe: the model '%s' has no output '%s'%s", r->of.name, path, n.text);
}

/* Without spikes, -o takes the model's output. */
static int probe_output(struct run *r)
{
    char path[sizeof r->probe->path];
    if (cli_model_output(&r->of, NULL, path, sizeof path)) return 1;
    for (int k = 0; k < r->outs.count; k++) {
        if (!holds_maps(r->outs.at[k]))
            return cli_fail("%s: the model '%s' does not spike; its maps are written as .npy, .npz, .h5, .inr, .csv, .png or "
                            ".mp4", r->outs.at[k], r->of.name);
        if (r->probe_count == CLI_LIST_MAX) return cli_fail("too many outputs");
        struct run_probe *p = &r->probe[r->probe_count++];
        snprintf(p->path, sizeof p->path, "%s", path);
        p->file = r->outs.at[k];
    }
    return 0;
}

/* Who wrote `output: smooth` beneath spiking layers may take -o for it. */
static void warn_of_output(const struct run *r)
{
    const char *chosen = convis_recipe_chosen(r->of.recipe);
    char path[sizeof r->probe->path], probed[sizeof path];
    convis_item layer;
    int file = 0;
    while (file < r->outs.count && !holds_maps(r->outs.at[file])) file++;
    if (!chosen || file == r->outs.count || cli_model_output(&r->of, NULL, path, sizeof path)) return;
    for (int k = 0; convis_list(r->model, CONVIS_LAYER, k, &layer); k++)
        if (!strcmp(layer.path, path) && spiking(layer.target)) return;
    for (int k = 0; k < r->probe_count; k++)
        if (!cli_model_find(&r->of, r->probe[k].path, probed, sizeof probed) && !strcmp(probed, path)) return;
    cli_warn("-o %s: the model '%s' spikes, so it holds the spikes; --probe %s=FILE writes the output", r->outs.at[file],
             r->of.name, chosen);
}

static int spikes_to_files(struct run *r)
{
    for (int k = 0; k < r->outs.count; k++)
        if (!holds_spikes(r->outs.at[k]))
            return cli_fail("%s: spikes are written as .spk, .csv, .npy, .npz or .h5; a map is asked for by --probe PATH=%s",
                            r->outs.at[k], r->outs.at[k]);
    r->spike_files = r->outs.count;
    warn_of_output(r);
    return 0;
}

int run_outputs_choose(struct run *r)
{
    int spikes = model_spikes(r->model);
    if (spikes ? spikes_to_files(r) : probe_output(r)) return 1;
    r->record_spikes = spikes && (r->spike_files || !r->probe_count);
    if (r->record_spikes && convis_record_spikes(r->model, 1)) return cli_report(r->context);
    for (int k = 0; k < r->probe_count; k++) {
        convis_status status = convis_probe(r->model, r->probe[k].path);
        if (status == CONVIS_ENAME) return no_such_output(r, r->probe[k].path);
        if (status) return cli_report(r->context);
    }
    return 0;
}

/* ---- Open ---- */

int run_outputs_open(struct run *r)
{
    const convis_cell *cells = NULL;
    convis_provenance origin = { .command = r->command, .input = r->input, .device = convis_device_name(r->context),
                                 .numerics = r->numerics_used[0] ? r->numerics_used : NULL,
                                 .dt = convis_dt(r->model), .seed = convis_seed_of(r->model),
                                 .parameters = convis_recipe_parameters(r->of.recipe) };
    if (!convis_recipe_text(r->of.recipe, &r->model_text)) origin.model = r->model_text;
    if (r->record_spikes && convis_cells(r->model, &cells, &r->units)) return cli_report(r->context);

    for (int k = 0; k < r->spike_files; k++) {
        if (!strcmp(r->outs.at[k], "-")) {
            puts("unit,time,layer");
            if (cli_flush(r->context)) return cli_report(r->context);    /* who reads may wait for it before sending a frame */
            continue;
        }
        if (convis_spike_writer_open(r->context, r->outs.at[k], cells, r->units, &origin, &r->spikes[k]))
            return cli_report(r->context);
    }
    for (int k = 0; k < r->probe_count; k++) {
        struct run_probe *p = &r->probe[k];
        convis_shape frame;
        if (!strcmp(p->file, "-")) continue;
        if (convis_output_shape(r->model, p->path, &frame)
            || convis_map_writer_open(r->context, p->file, p->path, frame, &origin, &p->writer)) return cli_report(r->context);
    }
    return r->save_state ? cli_writable(r->save_state) : 0;
}

/* ---- Write ---- */

static convis_status print_spikes(struct run *r, const convis_spike *spike, int64_t count)
{
    char time[32];
    for (int64_t k = 0; k < count; k++) {
        snprintf(time, sizeof time, "%.15g", spike[k].time);
        if (strtod(time, NULL) != spike[k].time) snprintf(time, sizeof time, "%.17g", spike[k].time);
        printf("%d,%s,%d\n", spike[k].unit, time, spike[k].layer);
    }
    return cli_flush(r->context);
}

static convis_status write_spikes(struct run *r)
{
    const convis_spike *spike;
    int64_t count;
    convis_status status = convis_spikes(r->model, &spike, &count);
    if (status) return status;
    r->spike_count += count;
    for (int k = 0; k < r->spike_files && !status; k++)
        status = r->spikes[k] ? convis_spike_writer_write(r->spikes[k], spike, count) : print_spikes(r, spike, count);
    return status;
}

static convis_status write_maps(struct run *r)
{
    for (int k = 0; k < r->probe_count; k++) {
        struct run_probe *p = &r->probe[k];
        convis_tensor frames;
        convis_status status = convis_output(r->model, p->path, &frames);
        if (!status) status = p->writer ? convis_map_writer_write(p->writer, frames) : cli_print_frames(r->context, frames);
        if (status) return status;
    }
    return CONVIS_OK;
}

convis_status run_outputs_write(struct run *r)
{
    convis_status status = write_maps(r);
    return status || !r->record_spikes ? status : write_spikes(r);
}

/* ---- Close: every file appears whole, or not at all. ---- */

int run_outputs_close(struct run *r, int keep)
{
    double seconds = r->model ? (double)convis_frame(r->model)*convis_dt(r->model) : 0;
    int failed = 0;
    for (int k = 0; k < r->spike_files; k++)
        if (r->spikes[k] && convis_spike_writer_close(&r->spikes[k], seconds, keep && !failed) && keep && !failed)
            failed = cli_report(r->context);
    for (int k = 0; k < r->probe_count; k++)
        if (r->probe[k].writer && convis_map_writer_close(&r->probe[k].writer, keep && !failed) && keep && !failed)
            failed = cli_report(r->context);
    if (r->model_text) convis_recipe_text_free(r->of.recipe, &r->model_text);
    return failed;
}
