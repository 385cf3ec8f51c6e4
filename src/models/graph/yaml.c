/* yaml.c - YAML read into nodes by libfyaml, event by event, and scalars written.
 *
 * A model's file may come from an untrusted source, so a short file cannot be made large: no aliases, nothing deeper than
 * LEVELS, no more than NODES values (longer arrays are packed, or in files of their own). */
#include "yaml.h"
#include "base/context.h"
#include "base/lines.h"
#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <libfyaml.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 16, NODES = 2000000, BLOCK = 1 << 16 };

/* ---- Memory: blocks that are freed together ---- */

typedef struct block { struct block *before; char *at; } block;

static void *take(struct convis_yaml *y, size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    if (bytes > y->left) {
        size_t room = bytes > BLOCK ? bytes : BLOCK;
        block *b = convis_obtain(y->context, sizeof *b + 16 + room);
        if (!b) return NULL;
        b->before = y->blocks;
        b->at = (char *)b + ((sizeof *b + 15) & ~(size_t)15);
        y->blocks = b;
        y->left = room;
    }
    block *b = y->blocks;
    void *memory = b->at;
    b->at += bytes;
    y->left -= bytes;
    return memory;
}

void convis_yaml_free(struct convis_yaml *y)
{
    for (block *b = y->blocks, *before; b; b = before) {
        before = b->before;
        convis_release(y->context, b);
    }
    y->blocks = NULL;
    y->root = NULL;
}

/* ---- Messages ---- */

enum { WHERE = 240 };

static void where(const struct convis_yaml *y, int line, int column, char to[WHERE])
{
    if (line) convis_shorten(to, WHERE, "%s:%d:%d: ", y->name, line, column);
    else convis_shorten(to, WHERE, "%s: ", y->name);
}

static convis_status fail_at(const struct convis_yaml *y, int line, int column, convis_status status, const char *format,
                             va_list ap)
{
    char text[640], place[WHERE];
    convis_vshorten(text, sizeof text, format, ap);
    where(y, line, column, place);
    return convis_fail(y->context, status, "%s%s", place, text);
}

convis_status convis_yaml_fail(const struct convis_yaml *y, const struct convis_yaml_node *node, convis_status status,
                               const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fail_at(y, node ? node->line : 0, node ? node->column : 0, status, format, ap);
    va_end(ap);
    return status;
}

convis_status convis_yaml_fail_name(const struct convis_yaml *y, const struct convis_yaml_node *node, convis_status status,
                                    const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fail_at(y, node->name_line, node->name_column, status, format, ap);
    va_end(ap);
    return status;
}

convis_status convis_yaml_blame(const struct convis_yaml *y, const struct convis_yaml_node *node, convis_status status)
{
    char place[WHERE];
    where(y, node ? node->line : 0, node ? node->column : 0, place);
    return convis_fail_before(y->context, status, "%s", place);
}

/* ---- Events to nodes ---- */

struct reading {
    struct convis_yaml *y;
    struct convis_yaml_node *open[LEVELS];               /* the lists and maps around what comes next */
    char  *key[LEVELS];                                  /* of each map: the key whose value comes next */
    int    key_line[LEVELS], key_column[LEVELS];
    int    depth, documents;
};

static struct convis_yaml_node here(struct fy_token *token)
{
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    return (struct convis_yaml_node){ .line = mark ? mark->line + 1 : 1, .column = mark ? mark->column + 1 : 1 };
}

static convis_status copy_text(struct convis_yaml *y, struct fy_token *token, const struct convis_yaml_node *place, char **copy)
{
    size_t length = 0;
    const char *text = fy_token_get_text(token, &length);
    if (!text) length = 0;
    if (length && memchr(text, 0, length))
        return convis_yaml_fail(y, place, CONVIS_EFORMAT, "a text with a zero byte, expected none");
    if (!(*copy = take(y, length + 1))) return CONVIS_ENOMEM;
    if (length) memcpy(*copy, text, length);
    (*copy)[length] = 0;
    return CONVIS_OK;
}

/* Hang a node where it belongs. */
static convis_status place_node(struct reading *r, struct convis_yaml_node node, struct convis_yaml_node **placed)
{
    struct convis_yaml *y = r->y;
    struct convis_yaml_node *parent = r->depth ? r->open[r->depth - 1] : NULL;
    if (y->nodes++ >= NODES)
        return convis_yaml_fail(y, &node, CONVIS_EFORMAT, "more than %d values; large arrays are packed, or files of their own",
                                NODES);
    struct convis_yaml_node *n = *placed = take(y, sizeof *n);
    if (!n) return CONVIS_ENOMEM;
    *n = node;
    if (!parent) {
        y->root = n;
        return CONVIS_OK;
    }
    if (parent->kind == CONVIS_NODE_MAP) {
        n->name = r->key[r->depth - 1];
        n->name_line = r->key_line[r->depth - 1];
        n->name_column = r->key_column[r->depth - 1];
        r->key[r->depth - 1] = NULL;
    }
    if (parent->last) parent->last->next = n; else parent->first = n;
    parent->last = n;
    parent->count++;
    return CONVIS_OK;
}

static int wants_key(const struct reading *r)
{
    return r->depth && r->open[r->depth - 1]->kind == CONVIS_NODE_MAP && !r->key[r->depth - 1];
}

static convis_status take_scalar(struct reading *r, struct fy_token *token)
{
    struct convis_yaml_node node = here(token), *n;
    char *text = NULL;
    enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
    node.column -= style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;        /* the mark is behind the quote */
    convis_status status = copy_text(r->y, token, &node, &text);
    if (status) return status;
    if (wants_key(r)) {
        if (convis_yaml_find(r->open[r->depth - 1], text))
            return convis_yaml_fail(r->y, &node, CONVIS_EFORMAT, "'%s' for the second time, expected each key once",
                                    CONVIS_QUOTED(text));
        r->key[r->depth - 1] = text;
        r->key_line[r->depth - 1] = node.line;
        r->key_column[r->depth - 1] = node.column;
        return CONVIS_OK;
    }
    node.kind = CONVIS_NODE_TEXT;
    node.text = text;
    node.quoted = style != FYSS_PLAIN && style != FYSS_ANY;
    return place_node(r, node, &n);
}

static convis_status enter(struct reading *r, struct fy_token *token, int kind)
{
    struct convis_yaml_node node = here(token), *n = NULL;
    if (wants_key(r)) return convis_yaml_fail(r->y, &node, CONVIS_EFORMAT, "a list or map as a key, expected a name");
    if (r->depth == LEVELS) return convis_yaml_fail(r->y, &node, CONVIS_EFORMAT, "nested more than %d levels deep", LEVELS);
    node.kind = kind;
    convis_status status = place_node(r, node, &n);
    if (status) return status;
    r->key[r->depth] = NULL;
    r->open[r->depth++] = n;
    return CONVIS_OK;
}

static convis_status take_event(struct reading *r, struct fy_event *e)
{
    struct convis_yaml_node node;
    switch (e->type) {
    case FYET_DOCUMENT_START:
        node = here(e->document_start.document_start);
        return r->documents++ ? convis_yaml_fail(r->y, &node, CONVIS_EFORMAT, "a second document, expected one") : CONVIS_OK;
    case FYET_SCALAR:         return take_scalar(r, e->scalar.value);
    case FYET_SEQUENCE_START: return enter(r, e->sequence_start.sequence_start, CONVIS_NODE_LIST);
    case FYET_MAPPING_START:  return enter(r, e->mapping_start.mapping_start, CONVIS_NODE_MAP);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        r->depth--;
        return CONVIS_OK;
    case FYET_ALIAS:
        node = here(e->alias.anchor);
        return convis_yaml_fail(r->y, &node, CONVIS_EFORMAT, "an alias, which a model's file may not have");
    default:
        return CONVIS_OK;
    }
}

/* What libfyaml found wrong, as a message of ours. */
static convis_status syntax_error(const struct convis_yaml *y, struct fy_diag *diag)
{
    void *at = NULL;
    struct fy_diag_error *e = fy_diag_errors_iterate(diag, &at);
    struct convis_yaml_node node = { .line = e && e->line > 0 ? e->line : 1, .column = e && e->column > 0 ? e->column : 1 };
    return convis_yaml_fail(y, &node, CONVIS_EFORMAT, "not YAML: %s", e && e->msg ? e->msg : "it could not be parsed");
}

/* Bytes of the UTF-8 letter at s, of `left` bytes; 0: it is none, or a control character. */
static size_t letter(const unsigned char *s, size_t left)
{
    if (*s < 0x80) return (*s >= ' ' && *s != 127) || *s == '\t' || *s == '\n' || *s == '\r';
    size_t n = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;
    if (*s < 0xc2 || *s > 0xf4 || n > left) return 0;
    for (size_t k = 1; k < n; k++)
        if ((s[k] & 0xc0) != 0x80) return 0;
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

/* What libfyaml must not get: it hangs on some directives with damaged letters. */
static convis_status screen(const struct convis_yaml *y, const char *text, size_t size)
{
    struct convis_yaml_node at = { .line = 1, .column = 1 };
    for (size_t k = 0, n; k < size; k += n) {
        if (!(n = letter((const unsigned char *)text + k, size - k)))
            return convis_yaml_fail(y, &at, CONVIS_EFORMAT, "a byte 0x%02x, expected text in UTF-8", (unsigned char)text[k]);
        if (at.column == 1 && text[k] == '%') return convis_yaml_fail(y, &at, CONVIS_EFORMAT, "a directive, expected none");
        if (text[k] == '\n') { at.line++; at.column = 0; }
        at.column++;
    }
    return CONVIS_OK;
}

convis_status convis_yaml_read(convis_context *c, const char *name, const char *text, size_t size, struct convis_yaml *y)
{
    struct reading r = { .y = y };
    *y = (struct convis_yaml){ .context = c };
    convis_shorten(y->name, sizeof y->name, "%s", name);
    convis_status status = screen(y, text, size);
    if (status) return status;
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    quiet.colorize = false;
    struct fy_diag *diag = fy_diag_create(&quiet);
    if (diag) fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg config = { .flags = FYPCF_QUIET | FYPCF_JSON_NONE, .diag = diag };
    struct fy_parser *parser = diag ? fy_parser_create(&config) : NULL;
    if (!parser || fy_parser_set_string(parser, text, size)) status = convis_fail(c, CONVIS_ENOMEM, "%s: out of memory", y->name);
    while (!status) {
        struct fy_event *e = fy_parser_parse(parser);
        if (!e) {
            if (fy_diag_got_error(diag)) status = syntax_error(y, diag);
            break;
        }
        status = take_event(&r, e);
        fy_parser_event_free(parser, e);
    }
    if (parser) fy_parser_destroy(parser);
    if (diag) fy_diag_destroy(diag);
    if (!status && (r.depth || !y->root)) status = convis_yaml_fail(y, NULL, CONVIS_EFORMAT, "it is empty, expected a model");
    if (status) convis_yaml_free(y);
    return status;
}

struct convis_yaml_node *convis_yaml_find(const struct convis_yaml_node *map, const char *name)
{
    for (struct convis_yaml_node *n = map->first; n; n = n->next)
        if (n->name && !strcmp(n->name, name)) return n;
    return NULL;
}

/* ---- Numbers ---- */

int convis_number_parse(const char *text, double *value)
{
    char *end;
    if (!strcmp(text, "true") || !strcmp(text, "false")) {
        *value = !strcmp(text, "true");
        return 1;
    }
    size_t length = strlen(text);
    if (!length || strspn(text, "0123456789+-.eE") != length) return 0;          /* no hexadecimal, no inf, no nan */
    locale_t before = convis_lines_locale((locale_t)0);
    double v = strtod(text, &end);
    convis_lines_locale(before);
    if (*end || end == text || !isfinite(v)) return 0;
    *value = v;
    return 1;
}

int convis_yaml_number(const struct convis_yaml_node *n, double *value)
{
    return n->kind == CONVIS_NODE_TEXT && !n->quoted && convis_number_parse(n->text, value);
}

/* ---- Writing ---- */

void convis_yaml_put_number(FILE *f, double value)
{
    char number[CONVIS_LINES_NUMBER];
    convis_number_print(value, number, sizeof number);
    fputs(number, f);
}

/* Plain where nothing in it could be taken for YAML's own, also inside [] and {}. */
static int is_plain(const char *text)
{
    double number;
    if (!*text || convis_number_parse(text, &number) || !strcmp(text, "null") || !strcmp(text, "~")) return 0;
    if (!isalnum((unsigned char)*text) && *text != '_' && *text != '/' && *text != '.') return 0;
    for (const char *s = text; *s; s++) {
        if ((unsigned char)*s < ' ' || (unsigned char)*s > 126 || strchr("[]{},:#\"\\", *s)) return 0;
        if (*s == ' ' && (!s[1] || s[1] == ' ')) return 0;
    }
    return 1;
}

void convis_yaml_put_scalar(FILE *f, const char *text)
{
    double number;
    if (convis_number_parse(text, &number)) fputs(text, f);
    else convis_yaml_put_text(f, text);
}

void convis_yaml_put_text(FILE *f, const char *text)
{
    if (is_plain(text)) { fputs(text, f); return; }
    putc('"', f);
    for (; *text; text++) {
        unsigned char letter = (unsigned char)*text;
        if (letter == '"' || letter == '\\') { putc('\\', f); putc(letter, f); }
        else if (letter == '\n') fputs("\\n", f);
        else if (letter == '\t') fputs("\\t", f);
        else if (letter < ' ' || letter == 127) fprintf(f, "\\x%02x", letter);
        else putc(letter, f);
    }
    putc('"', f);
}
