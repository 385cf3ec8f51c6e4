/* options.c - one table of options a command: read from the command line, and printed by --help. */
#include "cli.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Values ---- */

int cli_number(const char *text, double *value)
{
    char *end;
    double x = strtod(text, &end);
    if (end == text || *end || isspace((unsigned char)*text) || !isfinite(x)) return 0;
    *value = x;
    return 1;
}

int cli_integer(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long x = strtoll(text, &end, 10);
    if (end == text || *end || isspace((unsigned char)*text) || errno) return 0;
    *value = x;
    return 1;
}

static int seed(const char *text, uint64_t *value)
{
    char *end;
    if (!isdigit((unsigned char)*text)) return 0;
    errno = 0;
    unsigned long long x = strtoull(text, &end, 10);
    if (*end || errno) return 0;
    *value = x;
    return 1;
}

int cli_parse_size(const char *text, cli_size *size)
{
    char width[16];
    const char *x = strchr(text, 'x');
    if (!x || x == text || (size_t)(x - text) >= sizeof width) return 0;
    snprintf(width, sizeof width, "%.*s", (int)(x - text), text);
    cli_size s;
    if (!cli_integer(width, &s.width) || !cli_integer(x + 1, &s.height)) return 0;
    if (s.width < 1 || s.height < 1 || s.width > 65536 || s.height > 65536) return 0;
    *size = s;
    return 1;
}

int cli_split(const char *text, char *name, size_t size, const char **value)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || (size_t)(equals - text) >= size) return 0;
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = 0;
    *value = equals + 1;
    return 1;
}

/* ---- Words: "red|green|blue" ---- */

const char *cli_word(const char *words, double first, double value, char *text, size_t size)
{
    for (size_t n; ; first++, words += n + 1) {
        n = strcspn(words, "|");
        if (first == value && n) { snprintf(text, size, "%.*s", (int)n, words); return text; }
        if (!words[n]) return NULL;
    }
}

static int words_in(const char *words)
{
    int n = 1;
    for (; *words; words++) n += *words == '|';
    return n;
}

static int find_word(const char *words, const char *word)
{
    for (int k = 0; ; k++) {
        const size_t n = strcspn(words, "|");
        if (strlen(word) == n && !strncmp(words, word, n)) return k;
        if (!words[n]) return -1;
        words += n + 1;
    }
}

/* "red, green or blue" */
static const char *one_of(const char *words)
{
    static char text[256];
    const int count = words_in(words);
    size_t used = 0;
    for (int k = 0; k < count && used < sizeof text; k++) {
        const size_t n = strcspn(words, "|");
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", !k ? "" : k == count - 1 ? " or " : ", ", (int)n, words);
        words += n + 1;
    }
    return text;
}

/* Put the value of an option in its place. Returns what was expected, or NULL when that is what it is. */
static const char *store(const cli_option *o, const char *text)
{
    int64_t whole;
    double number;
    switch (o->type) {
    case CLI_FLAG:
        *(int *)o->into = 1;
        return NULL;
    case CLI_TEXT:
        if (!*text) return "something";
        *(const char **)o->into = text;
        return NULL;
    case CLI_TEXTS: {
        cli_list *list = o->into;
        if (!*text) return "something";
        if (list->count == CLI_LIST_MAX) return "fewer of them";
        list->at[list->count++] = text;
        return NULL;
    }
    case CLI_WORD:
        return find_word(o->value, text) < 0 ? one_of(o->value) : (*(const char **)o->into = text, NULL);
    case CLI_PLACE:
        if (cli_integer(text, &whole) && whole >= 0 && whole < words_in(o->value)) *(int *)o->into = (int)whole;
        else if (find_word(o->value, text) < 0) return one_of(o->value);
        else *(int *)o->into = find_word(o->value, text);
        return NULL;
    case CLI_NUMBER:
        return cli_number(text, o->into) ? NULL : "a number";
    case CLI_POSITIVE:
        if (!cli_number(text, &number) || number <= 0) return "a number above 0";
        *(double *)o->into = number;
        return NULL;
    case CLI_WHOLE:
        if (!cli_integer(text, &whole) || whole < 0) return "a whole number, 0 or more";
        *(int64_t *)o->into = whole;
        return NULL;
    case CLI_COUNT:
        if (!cli_integer(text, &whole) || whole < 1) return "a whole number, 1 or more";
        *(int64_t *)o->into = whole;
        return NULL;
    case CLI_INT:
        if (!cli_integer(text, &whole) || whole < 0 || whole > 1000000000) return "a whole number, 0 or more";
        *(int *)o->into = (int)whole;
        return NULL;
    case CLI_SEED:
        return seed(text, o->into) ? NULL : "a whole number, 0 to 18446744073709551615";
    case CLI_SIZE:
        return cli_parse_size(text, o->into) ? NULL : "WIDTHxHEIGHT in pixels, such as 320x240";
    }
    return "another option";
}

/* ---- Help ---- */

enum { COLUMN = 28 };

static void print_option(char letter, const char *name, const char *value, const char *help)
{
    char head[96];
    int n = snprintf(head, sizeof head, "  %c%c%s%s%s%s%s", letter ? '-' : ' ', letter ? letter : ' ',
                     name ? letter ? ", --" : "  --" : "", name ? name : "", value ? " " : "", value ? value : "", "");
    if (n >= COLUMN - 1) printf("%s\n%*s", head, COLUMN, "");
    else printf("%-*s", COLUMN, head);
    for (const char *s = help; *s; s++)
        if (*s == '\n') printf("\n%*s", COLUMN, "");
        else putchar(*s);
    putchar('\n');
}

static void print_page(const cli_page *page, const cli_option *options)
{
    for (const cli_command *c = CLI_COMMANDS; c->name; c++)
        if (!strcmp(c->name, page->name)) printf("convis %s - %s\n\n", c->name, c->summary);
    printf("Usage: convis %s %s\n\n%s%s", page->name, page->usage, page->text, *page->text ? "\n" : "");
    printf("Options:\n");
    for (const cli_option *o = options; o->letter || o->name; o++) print_option(o->letter, o->name, o->value, o->help);
    print_option('h', "help", NULL, "this text");
    if (page->examples) printf("\nExamples:\n%s", page->examples);
}

/* ---- Parsing ---- */

static int unknown(const cli_page *page, const cli_option *options, const char *word)
{
    char typed[128], name[128];                          /* what is longer is no misspelling */
    snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
    convis_hint n = CONVIS_HINT(typed);
    for (const cli_option *o = options; o->letter || o->name; o++) {
        if (!o->name) continue;
        snprintf(name, sizeof name, "--%s", o->name);
        convis_hint_offer(&n, name);
    }
    return cli_usage(page->name, "%s has no option '%.*s'%s", page->name, (int)strcspn(word, "="), word, n.text);
}

static const cli_option *find_long(const cli_option *options, const char *name, size_t length)
{
    for (const cli_option *o = options; o->letter || o->name; o++)
        if (o->name && strlen(o->name) == length && !strncmp(o->name, name, length)) return o;
    return NULL;
}

static const cli_option *find_letter(const cli_option *options, char letter)
{
    for (const cli_option *o = options; o->letter || o->name; o++)
        if (o->letter && o->letter == letter) return o;
    return NULL;
}

/* While it is set, commands show their tables instead of being run. */
static struct { cli_visit *visit; const cli_command *command; void *user; } visitor;

void cli_each_command(cli_visit *visit, void *user)
{
    char name[32];
    visitor.visit = visit;
    visitor.user = user;
    for (const cli_command *c = CLI_COMMANDS; c->name; c++) {
        visitor.command = c;
        snprintf(name, sizeof name, "%s", c->name);
        c->run(1, (char *[]){ name, NULL });
    }
    visitor.visit = NULL;
}

int cli_parse(const cli_page *page, const cli_option *options, int argc, char **argv, cli_list *words)
{
    int only_words = 0;
    if (visitor.visit) { visitor.visit(visitor.user, visitor.command, page, options); return 0; }
    for (int k = 1; k < argc; k++)                       /* --help wins, wherever it stands */
        if (!strcmp(argv[k], "--")) break;
        else if (!strcmp(argv[k], "--help") || !strcmp(argv[k], "-h")) { print_page(page, options); return 0; }

    for (int k = 1; k < argc; k++) {
        const char *word = argv[k], *value = NULL;
        if (only_words || word[0] != '-' || !word[1]) {
            if (page->most >= 0 && words->count >= page->most)
                return cli_usage(page->name, page->most ? "'%s' is one argument too many; quote a pattern such as 'dir/*.pgm'"
                                                        : "unexpected argument '%s'", word);
            if (words->count == CLI_LIST_MAX) return cli_usage(page->name, "too many arguments");
            words->at[words->count++] = word;
            continue;
        }
        if (!strcmp(word, "--")) { only_words = 1; continue; }

        const cli_option *o;
        if (word[1] == '-') {
            size_t length = strcspn(word + 2, "=");
            o = find_long(options, word + 2, length);
            if (word[2 + length]) value = word + 2 + length + 1;
        } else {
            o = find_letter(options, word[1]);
            if (word[2]) value = word + 2;
        }
        if (!o) return unknown(page, options, word);
        int shown = (int)strcspn(word, "=");
        if (word[1] != '-') shown = 2;
        if (o->type == CLI_FLAG && value) return cli_usage(page->name, "%.*s takes no value", shown, word);
        if (o->type != CLI_FLAG && !value) {
            if (k + 1 >= argc) return cli_usage(page->name, "%.*s needs a value: %s", shown, word, o->value);
            value = argv[++k];
        }
        const char *expected = store(o, value ? value : "");
        if (expected) return cli_usage(page->name, "%.*s: '%s', expected %s", shown, word, value, expected);
    }
    if (words->count < page->least)
        return cli_usage(page->name, "%s: something is missing; expected %s", page->name, page->usage);
    return CLI_GO;
}
