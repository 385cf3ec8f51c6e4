/* preset.c - presets as graphs, and their options. */
#include "preset.h"
#include "models/graph/yaml.h"
#include "base/lines.h"
#include "base/text.h"
#include "base/words.h"
#include <math.h>
#include <string.h>

/* ---- Options ---- */

static int count(const struct convis_preset *d)
{
    int n = 0;
    while (d->option && d->option[n].name) n++;
    return n;
}

static convis_status parse(convis_context *c, const struct convis_preset_option *o, const char *text, double *value)
{
    char quoted[64];
    if (!o->words) {
        if (convis_number_parse(text, value) && *value >= o->min && *value <= o->max && (!o->whole || *value == floor(*value)))
            return CONVIS_OK;
        return convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected a %snumber of %g to %g%s%s", o->name,
                           convis_quoted(quoted, text), o->whole ? "whole " : "", o->min, o->max, *o->unit ? " " : "", o->unit);
    }
    if (convis_word_value(o->words, o->min, text, strlen(text), value)) return CONVIS_OK;
    return convis_fail(c, CONVIS_EINVAL, "%s: '%s', expected %s", o->name, convis_quoted(quoted, text),
                       CONVIS_WORDS_LIST(o->words));
}

/* ---- The kind of preset whose settings are options ---- */

struct options { const struct convis_preset *preset; convis_graph_opener open; double value[CONVIS_PRESET_OPTIONS]; };

static void release(convis_context *c, void *settings) { convis_release(c, settings); }

static convis_status copy(convis_context *c, const void *settings, void **to)
{
    *to = convis_obtain(c, sizeof(struct options));
    if (*to) memcpy(*to, settings, sizeof(struct options));
    return *to ? CONVIS_OK : CONVIS_ENOMEM;
}

static int place_of_option(const struct convis_preset *p, const char *name)
{
    for (int k = 0; k < count(p); k++) if (!strcmp(p->option[k].name, name)) return k;
    return -1;
}

static convis_status set(convis_context *c, void *settings, const char *name, const char *value)
{
    struct options *o = settings;
    const int k = place_of_option(o->preset, name);
    return k < 0 ? CONVIS_ENAME : parse(c, &o->preset->option[k], value, &o->value[k]);
}

static void print(const struct convis_preset_option *o, double value, char *text, size_t size)
{
    if (!o->words || !convis_word_of(o->words, o->min, value, text, size)) convis_number_print(value, text, size);
}

static convis_status get(convis_context *c, const void *settings, const char *name, char *value, size_t size)
{
    const struct options *o = settings;
    const int k = place_of_option(o->preset, name);
    (void)c;
    if (k >= 0) print(&o->preset->option[k], o->value[k], value, size);
    return k < 0 ? CONVIS_ENAME : CONVIS_OK;
}

static int list(const void *settings, int index, convis_setting *s)
{
    const struct options *o = settings;
    memset(s, 0, sizeof *s);
    if (index < 0 || index >= count(o->preset)) return 0;
    const struct convis_preset_option *p = &o->preset->option[index];
    snprintf(s->path, sizeof s->path, "%s", p->name);
    print(p, o->value[index], s->value, sizeof s->value);
    print(p, p->value, s->initial, sizeof s->initial);
    s->min = p->words ? (double)NAN : p->min;            /* its words have no numbers */
    s->max = p->words ? (double)NAN : p->max;
    s->whole = p->whole && !p->words;
    s->word = p->words != NULL;
    s->words = p->words;
    s->unit = p->unit;
    s->xml = "";
    s->doc = p->doc;
    return 1;
}

static convis_status layers(convis_context *c, const void *settings, int64_t width, int64_t height, struct convis_warnings *w,
                            struct convis_graph *g)
{
    const struct options *o = settings;
    const struct convis_preset *p = o->preset;
    struct convis_yaml y;
    convis_lines_out out;
    char *written = NULL;
    (void)width, (void)height;
    convis_status status = p->write ? convis_lines_begin(c, &out) : CONVIS_OK;
    if (!status && p->write) status = convis_lines_end(&out, p->write(c, out.file, o->value), &written);
    const char *text = p->write ? written : p->yaml;
    if (!status) status = convis_yaml_read(c, p->name, text, strlen(text), &y);
    if (!status) {
        status = convis_graph_read(&(struct convis_graph_reading){ &y, "", o->open, NULL, w }, y.root, g);
        convis_yaml_free(&y);
        *g->file = 0;                                    /* its lines are not the user's */
    }
    convis_release(c, written);
    return status;
}

static const struct convis_preset_kind options_kind = { .copy = copy, .free = release, .set = set, .get = get, .list = list,
                                                        .layers = layers };

/* ---- Graphs ---- */

convis_status convis_preset_graph(convis_context *c, const struct convis_preset *p, convis_graph_opener open,
                                  struct convis_graph *g)
{
    struct options o = { .preset = p, .open = open };
    if (p->numbers) {
        struct convis_retina r;
        p->numbers(&r);
        return convis_graph_of_retina(c, &r, g);
    }
    for (int k = 0; k < count(p); k++) o.value[k] = p->option[k].value;
    return p->option ? convis_graph_make(c, &options_kind, &o, g) : layers(c, &o, 0, 0, NULL, g);
}
