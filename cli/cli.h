/* cli.h - what the commands share: their table, their options, and how they speak to the user.
 *
 * One command a file; a command uses only the public headers and this one. It fills a table of options, whose rows
 * are parsed by cli_parse and printed by --help, so that the two never disagree:
 *
 *      static const cli_page PAGE = { "sharpen", "IN OUT [OPTION]...", "What it does.", "  convis sharpen a b\n", 2, 2 };
 *      int cli_sharpen(int argc, char **argv)
 *      {
 *          double amount = 1;
 *          cli_list words = { 0 };
 *          const cli_option options[] = {
 *              { 0, "amount", "X", CLI_NUMBER, &amount, "how much (1)" },
 *              { 0 }
 *          };
 *          int done = cli_parse(&PAGE, options, argc, argv, &words);
 *          if (done != CLI_GO) return done;
 *          ...
 *          return 0;
 *      }
 *
 * Exit status: 0; 1 it failed (one sentence on standard error: return cli_fail(...)); 2 usage (return cli_usage(...)). */
#ifndef CONVIS_CLI_H
#define CONVIS_CLI_H
#include <convis/convis.h>
#include <convis/layer.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

/* ---- Commands: a file each. argv[0] is the command's name. --------------------------------------------- */

typedef struct cli_command { const char *name, *summary; int (*run)(int argc, char **argv); } cli_command;
extern const cli_command CLI_COMMANDS[];                 /* main.c; a row of NULLs at the end */

int cli_run(int argc, char **argv);
int cli_describe(int argc, char **argv);
int cli_stim(int argc, char **argv);
int cli_plot(int argc, char **argv);
int cli_convert(int argc, char **argv);
int cli_devices(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_fit(int argc, char **argv);
int cli_synthesize(int argc, char **argv);
int cli_gradcheck(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_sta(int argc, char **argv);

/* ---- Options (options.c) ------------------------------------------------------------------------------- */

enum { CLI_LIST_MAX = 256 };
typedef struct cli_list { const char *at[CLI_LIST_MAX]; int count; } cli_list;
typedef struct cli_size { int64_t width, height; } cli_size;

typedef enum cli_type {
    CLI_FLAG,                /* int: 1 when given */
    CLI_TEXT,                /* const char * */
    CLI_TEXTS,               /* cli_list: may be given again and again */
    CLI_WORD,                /* const char *: one of those that `value` lists, "red|green|blue" */
    CLI_PLACE,               /* int: the place of such a word among them, which may also be given as a number */
    CLI_NUMBER,              /* double: finite */
    CLI_POSITIVE,            /* double: finite and above 0 */
    CLI_WHOLE,               /* int64_t: 0 or more */
    CLI_COUNT,               /* int64_t: 1 or more */
    CLI_INT,                 /* int: 0 or more */
    CLI_SEED,                /* uint64_t */
    CLI_SIZE                 /* cli_size: WxH */
} cli_type;

typedef struct cli_option {
    char letter;             /* 'o' for -o; 0: none */
    const char *name;        /* "dt" for --dt; NULL: the letter only. A row with neither ends the table */
    const char *value;       /* what --help calls the value ("SECONDS"), or what it may be ("disc|square"); NULL for a flag */
    cli_type type;
    void *into;              /* left alone unless the option is given */
    const char *help;        /* its lines are indented by --help */
} cli_option;

typedef struct cli_page {
    const char *name;        /* the command's */
    const char *usage;       /* what follows it: "MODEL INPUT [OPTION]..." */
    const char *text;        /* paragraphs before the options; ends with a newline */
    const char *examples;    /* lines, indented by two */
    int least, most;         /* how many words that are no options; most < 0: any number */
} cli_page;

enum { CLI_GO = -1 };
/* CLI_GO: everything is in its place. Anything else is the exit status (--help was given: 0; a mistake: 2). */
int cli_parse(const cli_page *, const cli_option *, int argc, char **argv, cli_list *words);
/* Calls visit for every command, with its page and its options as cli_parse gets them; nothing else is done. */
typedef void cli_visit(void *user, const cli_command *, const cli_page *, const cli_option *);
void cli_each_command(cli_visit *, void *user);

/* ---- Values (options.c): 1 when the whole text is one, else 0. ------------------------------------------- */

int cli_number(const char *text, double *value);         /* finite */
int cli_integer(const char *text, int64_t *value);
int cli_parse_size(const char *text, cli_size *);        /* "320x240" */
int cli_split(const char *text, char *name, size_t size, const char **value);    /* "PATH=VALUE"; name is copied */
/* Of a number that is a word (convis_item.words), the first being that of `first`: the word. NULL: it has none. */
const char *cli_word(const char *words, double first, double value, char *text, size_t size);

/* ---- Speaking (say.c) ------------------------------------------------------------------------------------ */

int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));              /* returns 1 */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));   /* returns 2 */
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_message(const char *format, ...) __attribute__((format(printf, 1, 2)));              /* "convis: ..." on stderr */
int cli_report(const convis_context *);                  /* cli_fail with the context's sentence */
/* --allow-code: contexts may compile and load layers of the user's own. A row of a table of options. */
extern int cli_allow_code;
#define CLI_ALLOW_CODE { 0, "allow-code", NULL, CLI_FLAG, &cli_allow_code, "the model's own layers (type: ./file.c) may be compiled and run" }
/* A context, or NULL after the sentence was printed. device NULL: auto; threads 0: all. */
convis_context *cli_open(const char *device, int threads);
const char *cli_extension(const char *file);             /* "npy" of "dir/a.npy"; "" when there is none */
/* For files that are written at the very end: whether they can be, in that their folder can. 0, or cli_fail. */
int cli_writable(const char *file);
char *cli_command_line(int argc, char **argv);           /* as one could type it again; free it */

/* ---- JSON (json.c): objects and lists within each other, in UTF-8 --------------------------------------------
 * name: of a member, or NULL in a list and at the top. Infinite and undefined numbers become null, bytes that are no UTF-8 U+FFFD. */
typedef struct cli_json { FILE *out; int depth, more; } cli_json;
void cli_json_begin (cli_json *, const char *name, char bracket);        /* '{' or '[' */
void cli_json_end   (cli_json *, char bracket);                          /* '}' or ']'; the outermost ends the line */
void cli_json_text  (cli_json *, const char *name, const char *value);   /* NULL: null */
void cli_json_number(cli_json *, const char *name, double value);
void cli_json_flag  (cli_json *, const char *name, int value);
void cli_json_words (cli_json *, const char *name, const char *words);   /* "a||b": ["a", null, "b"]; NULL: null */
void cli_json_put_text  (FILE *, const char *text);      /* a value alone */
void cli_json_put_number(FILE *, double);

/* ---- Standard output as a pipe (pipe.c); a failure's sentence is on the context. --------------------------- */

convis_status cli_flush(convis_context *);
convis_status cli_print_frames(convis_context *, convis_tensor);     /* raw float32, frame by frame */

/* ---- Tables (table.c): rows of cells, aligned; the last cell is wrapped to the width of a page. -------------- */

enum { CLI_COLUMNS = 6 };
typedef struct cli_table { char *(*row)[CLI_COLUMNS]; int rows, room, columns; } cli_table;
void cli_table_row(cli_table *, int columns, ...);       /* texts (const char *), copied; NULL is empty */
void cli_table_print(cli_table *, FILE *);               /* and frees */

/* ---- Long work (progress.c) ------------------------------------------------------------------------------ */

extern volatile sig_atomic_t cli_interrupted;            /* Ctrl-C's number, SIGTERM or SIGHUP once cli_catch_signals was called; else 0 */
void cli_catch_signals(void);
int cli_end(int status);                                 /* the exit status; what was interrupted dies of its signal, which ends a shell's loop too */
int cli_poll(void *user, const char *what, int64_t done, int64_t total);     /* for convis_on_progress: ends what was interrupted */
double cli_seconds(void);                                /* a monotonic clock */

/* A bar on standard error, if that is a terminal and quiet is 0. total < 0: unknown. */
typedef struct cli_progress { double begun, shown; int64_t total; int on; } cli_progress;
void cli_progress_begin(cli_progress *, int64_t total, int quiet);
void cli_progress_show(cli_progress *, int64_t done, const char *speed);
void cli_progress_end(cli_progress *);                   /* clears the line */
#endif
