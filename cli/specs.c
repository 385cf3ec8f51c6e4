/* specs.c - stimuli and initialisers, listed from their tables. */
#include "specs.h"
#include <string.h>

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
    char value[32];
    snprintf(value, sizeof value, "%.6g", p->value);
    cli_table_row(table, 4, p->name, p->text ? "" : value, p->unit, p->doc);
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

void cli_specs_json(const cli_specs *s)
{
    convis_kind_info kind;
    convis_kind_param p;
    printf("[");
    for (int k = 0; s->kind(k, &kind); k++) {
        printf("%s\n  { \"name\": ", k ? "," : "");
        cli_json_text(stdout, kind.name);
        printf(", \"doc\": ");
        cli_json_text(stdout, kind.doc);
        printf(", \"keys\": [");
        for (int j = 0; s->param(kind.name, j, &p); j++) {
            printf("%s\n    { \"name\": ", j ? "," : "");
            cli_json_text(stdout, p.name);
            printf(", \"unit\": ");
            cli_json_text(stdout, p.unit);
            printf(", \"text\": %s, \"whole\": %s, \"default\": ", p.text ? "true" : "false", p.whole ? "true" : "false");
            cli_json_number(stdout, p.value);
            printf(", \"min\": ");
            cli_json_number(stdout, p.min);
            printf(", \"max\": ");
            cli_json_number(stdout, p.max);
            printf(", \"doc\": ");
            cli_json_text(stdout, p.doc);
            printf(" }");
        }
        printf("] }");
    }
    printf("\n]\n");
}
