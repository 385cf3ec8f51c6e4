/* formula.c - the text of a formula to a graph, a descent through the grammar of formula.h; and what is wrong with it. */
#include "formula.h"
#include "base/context.h"
#include "base/text.h"
#include "device/device.h"
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    convis_context *context;
    const char *path, *text, *at;
    int depth;
    convis_status status;
    convis_formula *f;
} parser;

static const struct function { const char *name; int arguments, op; } FUNCTIONS[] = {
    { "exp",  1, CONVIS_F_EXP },  { "log",  1, CONVIS_F_LOG },  { "log1p", 1, CONVIS_F_LOG1P }, { "expm1", 1, CONVIS_F_EXPM1 },
    { "sqrt", 1, CONVIS_F_SQRT }, { "abs",  1, CONVIS_F_ABS },  { "sign",  1, CONVIS_F_SIGN },  { "relu",  1, CONVIS_F_RELU },
    { "step", 1, CONVIS_F_STEP }, { "tanh", 1, CONVIS_F_TANH }, { "sin",   1, CONVIS_F_SIN },   { "cos",   1, CONVIS_F_COS },
    { "softplus", 1, CONVIS_F_SOFTPLUS }, { "sigmoid", 1, CONVIS_F_SIGMOID },
    { "min",  2, CONVIS_F_MIN },  { "max",  2, CONVIS_F_MAX },  { "pow",   2, CONVIS_F_POW },   { "where", 3, CONVIS_F_SELECT },
};
enum { FUNCTION_COUNT = sizeof FUNCTIONS/sizeof *FUNCTIONS };

static const struct function *function_named(const char *name)
{
    for (int k = 0; k < FUNCTION_COUNT; k++) if (!strcmp(FUNCTIONS[k].name, name)) return &FUNCTIONS[k];
    return NULL;
}

/* ---- What is wrong ---- */

enum { SHOWN = 60 };

/* Some characters from `from` on, fit for a sentence; dots stand for those that are left out. */
static void excerpt(char to[SHOWN + 8], const char *text, const char *from, size_t most)
{
    size_t length = strlen(from) < most ? strlen(from) : most, n = 0;
    if (from > text) n += (size_t)sprintf(to, "...");
    for (size_t k = 0; k < length; k++)
        to[n++] = isascii((unsigned char)from[k]) && isprint((unsigned char)from[k]) ? from[k] : '?';
    strcpy(to + n, from[length] ? "..." : "");
}

/* The first fault counts. `what` follows "path: column 7 of 'formula': ". Returns a node, so that a descent can end with it. */
static int fault(parser *p, convis_status status, const char *at, const char *format, ...) __attribute__((format(printf, 4, 5)));
static int fault(parser *p, convis_status status, const char *at, const char *format, ...)
{
    char what[256], shown[SHOWN + 8];
    va_list ap;
    if (p->status) return 0;
    va_start(ap, format);
    convis_vshorten(what, sizeof what, format, ap);
    va_end(ap);
    excerpt(shown, p->text, at - p->text > SHOWN/2 ? at - SHOWN/2 : p->text, SHOWN);
    p->status = convis_fail(p->context, status, "%s: column %d of '%s': %s", p->path, (int)(at - p->text) + 1, shown, what);
    return 0;
}

static int expected(parser *p, const char *what)
{
    char found[SHOWN + 8];
    if (!*p->at) return fault(p, CONVIS_EINVAL, p->at, "it ends, expected %s", what);
    excerpt(found, p->at, p->at, 12);
    return fault(p, CONVIS_EINVAL, p->at, "found '%s', expected %s", found, what);
}

/* ---- Words ---- */

static void blanks(parser *p) { while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r') p->at++; }

static int accept(parser *p, char c)
{
    blanks(p);
    if (*p->at != c) return 0;
    p->at++;
    return 1;
}

static int digit(char c)  { return c >= '0' && c <= '9'; }
static int letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/* The digits go to the C library without their point, so that the decimal point does not depend on the locale. */
static int number(parser *p)
{
    enum { MOST = 60 };
    const char *start = p->at;
    char digits[MOST + 32];
    int count = 0, behind = 0, point = 0;
    for (; digit(*p->at) || (*p->at == '.' && !point); p->at++) {
        if (*p->at == '.') { point = 1; continue; }
        if (count == MOST) return fault(p, CONVIS_EINVAL, start, "a number of more than %d digits", (int)MOST);
        digits[count++] = *p->at;
        behind += point;
    }
    if (!count) return expected(p, "a number, a name or '('");
    long exponent = 0;
    if (*p->at == 'e' || *p->at == 'E') {
        char *end;
        const char *e = p->at + 1 + (p->at[1] == '+' || p->at[1] == '-');
        if (!digit(*e)) { p->at++; return expected(p, "the digits of an exponent"); }
        exponent = strtol(p->at + 1, &end, 10);
        p->at = end;
        if (exponent > 9999) exponent = 9999;
        if (exponent < -9999) exponent = -9999;
    }
    snprintf(digits + count, 32, "e%ld", exponent - behind);
    double value = strtod(digits, NULL);
    if (!isfinite(value)) return fault(p, CONVIS_EINVAL, start, "a number that is too large");
    return convis_formula_number(p->f, value);
}

static int formula(parser *p);

static int parameter(parser *p, const char *name, const char *start)
{
    convis_formula *f = p->f;
    for (int k = 0; k < f->names; k++) if (!strcmp(f->name[k], name)) return convis_formula_leaf(f, CONVIS_F_NAME, k);
    if (f->names == CONVIS_FORMULA_NAMES)
        return fault(p, CONVIS_EINVAL, start, "'%s' would be parameter %d, expected at most %d", name, f->names + 1,
                     (int)CONVIS_FORMULA_NAMES);
    strcpy(f->name[f->names], name);
    return convis_formula_leaf(f, CONVIS_F_NAME, f->names++);
}

static int unknown_function(parser *p, const char *name, const char *start)
{
    convis_hint hint = CONVIS_HINT(name);
    for (int k = 0; k < FUNCTION_COUNT; k++) convis_hint_offer(&hint, FUNCTIONS[k].name);
    return fault(p, CONVIS_ENAME, start, "no function has the name '%s'%s", name,
                 *hint.text ? hint.text : "; a product needs a *");
}

static int call(parser *p, const struct function *g, const char *start)
{
    int argument[3] = { 0 }, count = 0;
    do {
        int a = formula(p);
        if (p->status) return 0;
        if (count < 3) argument[count] = a;
        count++;
    } while (accept(p, ','));
    if (!accept(p, ')')) return expected(p, "an operator, ',' or ')'");
    if (count != g->arguments)
        return fault(p, CONVIS_EINVAL, start, "%s of %d argument%s, expected %d", g->name, count, count == 1 ? "" : "s",
                     g->arguments);
    if (g->op == CONVIS_F_POW) return convis_formula_power(p->f, argument[0], argument[1]);
    return convis_formula_make(p->f, g->op, argument[0], argument[1], argument[2]);
}

static int name(parser *p)
{
    static const char INPUTS[] = "xyzw";
    const char *start = p->at;
    char word[CONVIS_FORMULA_NAME];
    while (letter(*p->at) || digit(*p->at)) p->at++;
    size_t length = (size_t)(p->at - start);
    if (length >= sizeof word) return fault(p, CONVIS_EINVAL, start, "a name of more than %zu characters", sizeof word - 1);
    memcpy(word, start, length);
    word[length] = 0;
    const struct function *g = function_named(word);
    if (accept(p, '(')) return g ? call(p, g, start) : unknown_function(p, word, start);
    if (g) return fault(p, CONVIS_EINVAL, start, "%s is a function, expected '(' after it", word);
    if (!strcmp(word, "pi")) return convis_formula_number(p->f, 3.14159265358979323846);
    const char *input = length == 1 ? strchr(INPUTS, word[0]) : NULL;
    if (!input) return parameter(p, word, start);
    int k = (int)(input - INPUTS);
    if (k >= p->f->inputs) p->f->inputs = k + 1;
    return convis_formula_leaf(p->f, CONVIS_F_INPUT, k);
}

/* ---- Grammar ---- */

static int factor(parser *p);

static int primary(parser *p)
{
    blanks(p);
    if (letter(*p->at)) return name(p);
    if (digit(*p->at) || *p->at == '.') return number(p);
    if (!accept(p, '(')) return expected(p, "a number, a name or '('");
    int inner = formula(p);
    if (!p->status && !accept(p, ')')) return expected(p, "an operator or ')'");
    return inner;
}

static int deeper(parser *p)
{
    if (++p->depth > CONVIS_FORMULA_DEPTH)
        fault(p, CONVIS_EINVAL, p->at, "more than %d signs and parentheses within each other", (int)CONVIS_FORMULA_DEPTH);
    return !p->status;
}

static int factor(parser *p)
{
    int value = 0;
    blanks(p);
    if (!deeper(p)) return 0;
    if (accept(p, '-')) value = convis_formula_make(p->f, CONVIS_F_NEG, factor(p), 0, 0);
    else if (accept(p, '+')) value = factor(p);
    else {
        value = primary(p);
        if (!p->status && accept(p, '^')) value = convis_formula_power(p->f, value, factor(p));
    }
    p->depth--;
    return value;
}

static int term(parser *p)
{
    int value = factor(p);
    while (!p->status) {
        int op = accept(p, '*') ? CONVIS_F_MUL : accept(p, '/') ? CONVIS_F_DIV : -1;
        if (op < 0) break;
        int next = factor(p);
        value = convis_formula_make(p->f, op, value, next, 0);
    }
    return value;
}

static int value(parser *p)
{
    int sum = term(p);
    while (!p->status) {
        int op = accept(p, '+') ? CONVIS_F_ADD : accept(p, '-') ? CONVIS_F_SUB : -1;
        if (op < 0) break;
        int next = term(p);
        sum = convis_formula_make(p->f, op, sum, next, 0);
    }
    return sum;
}

static int formula(parser *p)
{
    int left = value(p);
    int less = accept(p, '<'), greater = !less && accept(p, '>');
    if (p->status || (!less && !greater)) return left;
    int equal = *p->at == '=';                           /* "<=" is one word */
    p->at += equal;
    int right = value(p);
    blanks(p);
    if (!p->status && (*p->at == '<' || *p->at == '>'))
        return fault(p, CONVIS_EINVAL, p->at, "a second comparison; expected one, or parentheses");
    return convis_formula_make(p->f, equal ? CONVIS_F_LESS_EQUAL : CONVIS_F_LESS, less ? left : right, less ? right : left, 0);
}

convis_status convis_formula_compile(convis_context *c, const char *path, const char *text, convis_formula *f)
{
    parser p = { .context = c, .path = path, .text = text, .at = text, .f = f };
    short sum[CONVIS_FORMULA_SUMS];
    memset(f, 0, sizeof *f);
    if (strlen(text) > CONVIS_FORMULA_LENGTH)
        return convis_fail(c, CONVIS_EINVAL, "%s: a formula of %zu characters, expected at most %d", path, strlen(text),
                           (int)CONVIS_FORMULA_LENGTH);
    int root = formula(&p);
    blanks(&p);
    if (!p.status && *p.at) expected(&p, "an operator or the end");
    if (p.status) return p.status;
    f->root = (short)root;
    int sums = f->full ? 0 : convis_formula_differentiate(f, sum);
    if (f->full || !convis_formula_assemble(f, sum, sums)) {
        char shown[SHOWN + 8];
        excerpt(shown, text, text, SHOWN);
        return convis_fail(c, CONVIS_EINVAL,
                           "%s: '%s' is too long: with its derivatives it has more than %d operations or %d sums", path, shown,
                           (int)CONVIS_FORMULA_STEPS, (int)CONVIS_FORMULA_SUMS);
    }
    return CONVIS_OK;
}

/* ---- Instruction sets ---- */

CONVIS_LADDER(convis_formula_blocks, convis_formula_blocks)

const convis_formula_blocks *convis_formula_blocks_of(const convis_context *c) { return convis_best_of(c, convis_formula_blocks_ladder); }
