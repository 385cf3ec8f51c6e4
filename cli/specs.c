/* specs.c - stimuli and initialisers, listed from their tables. */
#include "specs.h"
#include <math.h>
#include <string.h>

const cli_specs CLI_STIMULI = { "Kinds of stimulus", convis_stim_list, convis_stim_param_list };
const cli_specs CLI_INITIALISERS = { "Kinds of kernel", convis_initialiser_list, convis_initialiser_param_list };

static int has(const cli_specs *s, const char *kind, const convis_kind_param *p)
{
    convis_kind_param q;
    for (int k = 0; s->param(kind, k, &q); k++)
        if (!strcmp(p->name, q.name) && !strcmp(p->doc, q.doc) && p->value == q.value) return 1;
    return 0;
}

static int common(const cli_specs *s, const convis_kind_param *p)
{
    convis_kind_info kind;
    int kinds = 0, with = 0;
    for (; s->kind(kinds, &kind); kinds++) with += has(s, kind.name, p);
    return 2*with > kinds;
}

static void row(cli_table *table, const convis_kind_param *p)
{
    char value[64];
    if (!p->words || !cli_word(p->words, p->min, p->value, value, sizeof value)) snprintf(value, sizeof value, "%.6g", p->value);
    cli_table_row(table, 4, p->name, p->text ? "" : value, p->words ? p->words : p->unit, p->doc);
}

static void list_kind(const cli_specs *s, const convis_kind_info *kind, int whole)
{
    convis_kind_param p;
    cli_table table = { 0 };
    printf("%s: %s\n", kind->name, kind->doc);
    for (int k = 0; s->param(kind->name, k, &p); k++)
        if (whole || !common(s, &p)) row(&table, &p);
    cli_table_print(&table, stdout);
}

static void list_common(const cli_specs *s)
{
    convis_kind_info kind, earlier;
    convis_kind_param p;
    cli_table table = { 0 };
    for (int k = 0; s->kind(k, &kind); k++)
        for (int j = 0; s->param(kind.name, j, &p); j++) {
            int seen = 0;
            for (int i = 0; i < k && s->kind(i, &earlier); i++) seen |= has(s, earlier.name, &p);
            if (!seen && common(s, &p)) row(&table, &p);
        }
    cli_table_print(&table, stdout);
}

void cli_specs_list(const cli_specs *s)
{
    convis_kind_info kind;
    printf("%s: their keys, what is taken where nothing is said, and the unit\n\n", s->title);
    for (int k = 0; s->kind(k, &kind); k++) { list_kind(s, &kind, 0); putchar('\n'); }
    puts("Most of them have these keys, too:");
    list_common(s);
}

int cli_specs_known(const cli_specs *s, const char *name)
{
    convis_kind_info kind;
    for (int k = 0; s->kind(k, &kind); k++) if (!strcmp(kind.name, name)) return 1;
    return 0;
}

int cli_specs_one(const cli_specs *s, const char *name)
{
    convis_kind_info kind;
    for (int k = 0; s->kind(k, &kind); k++)
        if (!strcmp(kind.name, name)) { list_kind(s, &kind, 1); return 1; }
    return 0;
}

static void key(cli_json *j, const convis_kind_param *p)
{
    char word[64];
    cli_json_begin(j, NULL, '{');
    cli_json_text(j, "name", p->name);
    cli_json_text(j, "type", p->text ? "text" : p->words ? "word" : p->whole ? "whole" : "number");
    cli_json_flag(j, "text", p->text);
    cli_json_flag(j, "whole", p->whole);
    cli_json_text(j, "unit", p->unit);
    if (p->words) cli_json_text(j, "default", cli_word(p->words, p->min, p->value, word, sizeof word));
    else cli_json_number(j, "default", p->text ? NAN : p->value);
    cli_json_number(j, "min", p->text || p->words || p->min < -1e15 ? NAN : p->min);
    cli_json_number(j, "max", p->text || p->words || p->max > 1e15 ? NAN : p->max);
    cli_json_flag(j, "open", 0);
    cli_json_words(j, "words", p->words);
    cli_json_text(j, "doc", p->doc);
    cli_json_end(j, '}');
}

void cli_specs_json(cli_json *j, const char *name, const cli_specs *s)
{
    convis_kind_info kind;
    convis_kind_param p;
    cli_json_begin(j, name, '[');
    for (int k = 0; s->kind(k, &kind); k++) {
        cli_json_begin(j, NULL, '{');
        cli_json_text(j, "name", kind.name);
        cli_json_text(j, "doc", kind.doc);
        cli_json_begin(j, "keys", '[');
        for (int i = 0; s->param(kind.name, i, &p); i++) key(j, &p);
        cli_json_end(j, ']');
        cli_json_end(j, '}');
    }
    cli_json_end(j, ']');
}
